"""Finding exchanges again: every filter against a plain reading of the same exchanges, and what is no filter."""

from __future__ import annotations

import fnmatch
import os
import re
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from captures import BEGAN, capture_of
from httpwire.capture.model import Ending, EventKind
from httpwire.capture.store.capture import Capture
from httpwire.capture.store.entry import Entry
from httpwire.capture.store.query import Arrivals, Query, every
from httpwire.capture.store.searches import Search, has_match, has_octets
from httpwire.capture.store.writing import Appender
from httpwire.capture.traffic import ConnectionFacts
from httpwire.errors import FilterInvalid
from httpwire.language import Translator
from httpwire.wire.element import Direction
from httpwire.wire.exchange import Outcome

NOW = BEGAN / 1e9 + 1000
Octets = tuple[bytes, bytes]


def got(target: bytes, host: bytes = b"a", method: bytes = b"GET", more: bytes = b"") -> bytes:
    return b"%s %s HTTP/1.1\r\nHost: %s\r\n%s\r\n" % (method, target, host, more)


def answered(status: int, content: bytes = b"", media: bytes = b"text/html", more: bytes = b"") -> bytes:
    head = b"HTTP/1.1 %d X\r\nContent-Type: %s\r\n%sContent-Length: %d\r\n\r\n"
    return head % (status, media, more, len(content)) + content


CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\nX-Sum: 9\r\n\r\n"
EXCHANGES: list[Octets] = [
    (got(b"/"), answered(200, b"hello")),
    (got(b"/api/1?q=a/b", b"www.Example.com:8080"), answered(404, b"x" * 3000, b"application/json; charset=utf-8")),
    (got(b"/api/2", b"example.com", b"POST", b"Content-Length: 4\r\n") + b"a\x00b=", answered(503, b"", b"text/plain")),
    (got(b"http://example.com/api/3?x", b"proxy:3128"), answered(302, more=b"Location: /Elsewhere\r\n")),
    (got(b"/cut", b"[::1]:80"), answered(200, b"hello")[:-2]),
    (b"GET /none HTTP/1.1\r\n\r\n", b""),
    (got(b"*", b"a", b"OPTIONS"), b"HTTP/1.1 204 No Content\r\n\r\n"),
    (
        got(b"/chunks", more=b"Cookie: sid=1\r\n"),
        b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + CHUNKED,
    ),
]


@pytest.fixture(scope="module")
def capture(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Capture]:
    path = capture_of(tmp_path_factory.mktemp("query") / "a.hwire", EXCHANGES)
    with Capture(str(path)) as opened:
        opened.update()
        yield opened


FOUND = {
    "": [1, 2, 3, 4, 5, 6, 7, 8],
    "GET": [1, 2, 4, 5, 6, 8],
    "method=post": [3],
    "method=GET,OPTIONS": [1, 2, 4, 5, 6, 7, 8],
    "method!=GET": [3, 7],
    "404": [2],
    "4xx": [2],
    "status=404,5xx": [2, 3],
    "status=300..499": [2, 4],
    "status=400-": [2, 3],
    "status=..302": [1, 4, 5, 6, 7, 8],  # 0: no answer
    "status!=200": [2, 3, 4, 6, 7],
    "host=example.com": [3, 4],  # that of the target counts more than Host
    "host=*.example.com": [2],
    "host=www.example.com:8080": [2],
    "host=WWW.*": [2],
    "host=[::1]": [5],
    "host=[::1]:80": [5],
    "host=a": [1, 7, 8],
    "host!=a": [2, 3, 4, 5, 6],
    "/": [1],
    "/api/*": [2, 3, 4],
    "path=/api/1": [2],
    "path=*/3": [4],
    "path=/api/1*b": [],
    "path=*": [1, 2, 3, 4, 5, 6, 7, 8],
    "path=[*": [],
    "target=*q=a/b": [2],
    "/api/1?q=*": [2],
    "/api/1?q=a": [],
    "target=http:*": [4],
    "type=text/html": [1, 4, 5],
    "type=text/*,application/json": [1, 2, 3, 4, 5],
    "type!=text/*": [2, 6, 7, 8],
    "field=location": [4],
    "field=LOCATION:/else*": [4],
    "field=location:*where": [4],
    "field=location:/else": [],
    "field=link": [8],
    "field=x-sum": [8],
    "field=x-sum:9": [8],
    "field!=host": [6],
    "request.field=content-length": [3],
    "response.field=content-length": [1, 2, 3, 4, 5],
    "response.field=host": [],
    "field=content-type:*; charset=*": [2],
    "size=5": [1, 8],
    "size=3": [5],
    "size=1k..": [2],
    "size=..4B": [3, 4, 5, 6, 7],
    "size=1.5k-10K": [2],
    "size=2kib..3KiB": [2],
    "request.size=1..": [3],
    "response.size=3000": [2],
    "received=0": [6],
    "duration=5ms": [1, 2, 3, 4, 7, 8],
    "duration=5.1ms..": [],
    "duration=0.005s..5000us": [1, 2, 3, 4, 7, 8],
    "duration!=1s..": [1, 2, 3, 4, 5, 6, 7, 8],
    "complete": [1, 2, 3, 4, 7, 8],
    "incomplete": [5, 6],
    "under-way": [],
    "finding": [6],
    "finding=any": [6],
    "finding!=any": [1, 2, 3, 4, 5, 7, 8],
    "finding=host-missing": [6],
    "finding=host-*": [6],
    "bytes=hello": [1],
    "bytes!=hel": [2, 3, 4, 6, 7, 8],
    r"bytes=a\x00b": [3],
    r"bytes=\r\n\r\n3\r\nabc": [8],
    "bytes=abcde": [],
    "request.bytes=Host": [1, 2, 3, 4, 5, 7, 8],
    "response.bytes=Host": [],
    "regex=^HTTP/1.1 (200|404)": [1, 2, 5],
    "regex=x{2000}": [2],
    r"response.regex=\A\Z": [6],
    "request.regex=(?i)EXAMPLE": [2, 3, 4],
    "number=2..4": [2, 3, 4],
    "number=1,3,7-": [1, 3, 7, 8],
    "connection=5": [5],
    "since=999s": [2, 3, 4, 5, 6, 7, 8],
    "until=998s": [1, 2],
    "since=2023-11-14T22:13:25Z": [6, 7, 8],
    "until=2023-11-14T22:13:21.001+00:00": [1],
    "GET & status=2xx & size=1..": [1, 5, 8],
    "/api/* & bytes=HTTP/1.1 404": [2],
}


class TestFilters:
    @pytest.mark.parametrize(("words", "numbers"), FOUND.items())
    def test_what_it_finds(self, capture: Capture, words: str, numbers: list[int]) -> None:
        query = Query(filter(None, words.split(" & ")), now=NOW)
        assert [entry.number for entry in query.find(capture)] == numbers

    def test_a_time_of_today_is_local(self, capture: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
        import time

        monkeypatch.setenv("TZ", "Asia/Tokyo")
        time.tzset()
        try:
            found = Query(["since=7:13:22", "until=2023-11-15T07:13:24"], now=NOW).find(capture)
            assert [entry.number for entry in found] == [3, 4]
        finally:
            monkeypatch.undo()
            time.tzset()

    @pytest.mark.parametrize(
        ("word", "says"),
        [
            ("stauts=404", "did you mean status="),
            ("metod=GET", "did you mean method="),
            ("incomplet", "did you mean incomplete"),
            ("nonsense", "there is no filter nonsense"),
            ("get", "there is no filter get"),
            ("12", "there is no filter 12"),
            ("size", "write a size as 10k"),
            ("size>10k", "write a size as 10k"),
            ("size=", "a value is missing"),
            ("size=10x", "write a size as 10k"),
            ("size=..", "write a size as 10k"),
            ("size=2k..1k", "ends before it begins"),
            ("duration=fast", "200ms"),
            ("duration<200ms", "200ms"),
            ("status=40x", "404, 4xx"),
            ("status=", "missing"),
            ("method=GET,", "missing"),
            ("number=a", "12..20"),
            ("number=" + ",".join("1" * 300), "12..20"),
            ("type=html", "text/html"),
            ("since=yesterday", "15m"),
            ("since=9999-99-99", "15m"),
            ("until=0001-01-01", "15m"),
            ("finding=host-msising", "did you mean host-missing"),
            ("finding=*nothing*", "nothing is called"),
            ("field=a b", "no blanks"),
            ("field=:x", "no blanks"),
            (r"bytes=\q", "backslash"),
            (r"bytes=\x1", "backslash"),
            ("bytes=a\\", "backslash"),
            ("regex=(", "unterminated"),
            ("path=" + "x" * 10_000, "too long"),
            ("=", "there is no filter"),
            ("", "there is no filter"),
            ("Status=404", "did you mean status="),
        ],
    )
    def test_what_is_none_is_told(self, word: str, says: str) -> None:
        with pytest.raises(FilterInvalid) as caught:
            Query([word])
        told = caught.value.sentence(Translator()) + "; " + caught.value.advice(Translator())
        assert says in told, told

    def test_each_exchange_is_given_once_where_slices_meet(
        self, capture: Capture, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("httpwire.capture.store.query._SLICE", 3)
        looked: list[int] = []
        found = [entry.number for entry in Query().find(capture, progress=looked.append)]
        assert found == [1, 2, 3, 4, 5, 6, 7, 8]
        assert looked == [3, 6, 8]
        assert [entry.number for entry in Query().find(capture, after=2, until=5)] == [3, 4, 5]


# The same questions, asked of what the exchanges are made of.

_METHODS = st.sampled_from([b"GET", b"POST", b"HEAD", b"X-y"])
_TARGETS = st.sampled_from(
    [b"/", b"/a", b"/a/b?c=/d", b"/a[1]?x", b"/a*b", b"http://h.example/a/b", b"http://h?q", b"*"]
)
_HOSTS = st.sampled_from([b"h.example", b"h.example:8080", b"example:", b"[::1]:81", b"10.0.0.1", b"", b"H2.Example"])
_CONTENTS = st.one_of(st.sampled_from([b"", b"abc", b"\x00\xff\r\n"]), st.binary(max_size=40))
_STATUSES = st.sampled_from([200, 204, 301, 404, 418, 500, 599])
_MEDIA = st.sampled_from([b"text/html", b"text/plain; charset=x", b"image/png", b"?"])


@st.composite
def _exchanges(draw: st.DrawFn) -> list[tuple[Octets, int]]:
    made: list[tuple[Octets, int]] = []
    for _ in range(draw(st.integers(0, 6))):
        content = draw(_CONTENTS)
        more = b"Content-Length: %d\r\n" % len(content) if content else b""
        request = got(draw(_TARGETS), draw(_HOSTS), draw(_METHODS), more) + content
        response = answered(draw(_STATUSES), draw(_CONTENTS), draw(_MEDIA))
        response = response[: len(response) - draw(st.sampled_from([0, 0, 0, 1, 30, 1000]))]
        made.append(((request, response), draw(st.integers(0, 300_000_000))))
    return made


@dataclass
class _Kept:
    """An exchange with its octets."""

    entry: Entry
    request: bytes
    response: bytes


_POSITIVE: list[tuple[str, Callable[[_Kept], bool]]] = [
    ("method=get", lambda x: x.entry.method.lower() == "get"),
    ("method=POST,X-y", lambda x: x.entry.method in ("POST", "X-y")),
    ("status=4xx", lambda x: 400 <= x.entry.status <= 499),
    ("status=..301,599", lambda x: x.entry.status <= 301 or x.entry.status == 599),
    ("host=*.example", lambda x: fnmatch.fnmatchcase(re.sub(":[0-9]*$", "", x.entry.host), "*.example")),
    ("host=example", lambda x: re.sub(":[0-9]*$", "", x.entry.host) == "example"),
    ("host=*:81", lambda x: x.entry.host.endswith(":81")),
    ("path=/a*b", lambda x: bool(re.fullmatch("/a.*b", _path(x.entry.target)))),
    ("path=/a[1]", lambda x: _path(x.entry.target) == "/a[1]"),
    ("path=/", lambda x: _path(x.entry.target) == "/"),
    ("path=*", lambda x: x is not None),
    ("target=*?*", lambda x: "?" in x.entry.target),
    ("type=text/*", lambda x: x.entry.type.startswith("text/")),
    ("size=1..", lambda x: x.entry.response_content >= 1),
    ("request.size=3", lambda x: x.entry.request_content == 3),
    ("sent=..60", lambda x: x.entry.request_stop - x.entry.request_start <= 60),
    ("received=1..100", lambda x: 1 <= x.entry.response_stop - x.entry.response_start <= 100),
    ("duration=100ms..0.2s", lambda x: x.entry.ended_ns is not None and 10**8 <= x.entry.ended_ns <= 2 * 10**8),
    ("finding=any", lambda x: bool(x.entry.findings)),
    ("finding=host-*", lambda x: any(id.startswith("host-") for id in x.entry.findings)),
    ("bytes=abc", lambda x: b"abc" in x.request or b"abc" in x.response),
    (r"request.bytes=\x00\xff", lambda x: b"\x00\xff" in x.request),
    ("response.regex=[0-9]{3} X", lambda x: bool(re.search(rb"[0-9]{3} X", x.response))),
    ("number=2..4,6", lambda x: x.entry.number in (2, 3, 4, 6)),
    ("connection=2..", lambda x: x.entry.connection >= 2),
    ("field=host:*example", lambda x: bool(re.search(rb"(?i)\r\nHost: [^\r]*example\r\n", x.request))),
    ("response.field=content-type", lambda x: b"\r\nContent-Type: " in x.response),
]


def _path(target: str) -> str:
    scheme = re.match(r"[^/]*://[^/]*", target)
    return (target[scheme.end() :] if scheme else target).partition("?")[0] or ("/" if scheme else "")


def _truth(exchange: _Kept, asked: list[tuple[int, bool]]) -> bool:
    return all(_POSITIVE[index][1](exchange) is wanted for index, wanted in asked)


@contextmanager
def _kept(exchanges: list[tuple[Octets, int]], size: int) -> Iterator[Capture]:
    """A capture of these, in segments of `size` octets."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "a.hwire")
        with Appender(path) as sink:
            for (request, response), took in exchanges:
                number = sink.open(ConnectionFacts(BEGAN))
                for side, octets, at_ns in ((Direction.REQUEST, request, 0), (Direction.RESPONSE, response, took)):
                    for start in range(0, len(octets), size):
                        sink.event(number, at_ns, side, EventKind.SEGMENT, octets[start : start + size])
                ended = Ending.CLOSED.value.encode()
                sink.event(number, took, Direction.RESPONSE, EventKind.ENDED, ended)
                sink.event(number, took, None, EventKind.END)
        with Capture(path) as capture:
            capture.update()
            yield capture


class TestTruth:
    @settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
    @given(
        _exchanges(),
        st.integers(1, 50),
        st.lists(st.lists(st.tuples(st.integers(0, len(_POSITIVE) - 1), st.booleans()), max_size=3), max_size=8),
    )
    def test_a_query_finds_what_looking_at_each_would(
        self, exchanges: list[tuple[Octets, int]], size: int, questions: list[list[tuple[int, bool]]]
    ) -> None:
        with _kept(exchanges, size) as capture:
            kept = [
                _Kept(entry, *(b"".join(capture.octets(entry, side).blocks()) for side in Direction))
                for entry in capture.exchanges()
            ]
            singles = [[(index, wanted)] for index in range(len(_POSITIVE)) for wanted in (True, False)]
            for asked in (*singles, *questions):
                words = [_POSITIVE[i][0] if wanted else _POSITIVE[i][0].replace("=", "!=", 1) for i, wanted in asked]
                found = [entry.number for entry in Query(words).find(capture)]
                assert found == [each.entry.number for each in kept if _truth(each, asked)], words


class TestSearches:
    @given(st.binary(max_size=200), st.binary(min_size=1, max_size=6), st.integers(1, 30))
    def test_octets_are_found_across_any_border(self, octets: bytes, wanted: bytes, size: int) -> None:
        for needle in (wanted, octets[len(octets) // 3 : len(octets) // 3 + 5] or b"x"):
            blocks = [octets[start : start + size] for start in range(0, len(octets), size)]
            assert has_octets(blocks, needle) is (needle in octets)

    @given(
        st.text("ab\n ", max_size=120),
        st.sampled_from([b"a{3}", b"b\na", rb"\bab", b"(?m)^ab$", b"(?<=b)a a", b"a(?!b)b", b"x", b"^b", b"ab$"]),
        st.integers(1, 40),
    )
    def test_an_expression_sees_what_lies_around_it(self, text: str, pattern: bytes, size: int) -> None:
        octets = text.encode()
        blocks = [octets[start : start + size] for start in range(0, len(octets), size)]
        expression = re.compile(pattern)
        assert has_match(blocks, expression, window=30, overlap=10) is bool(expression.search(octets))

    def test_memory_is_a_window(self) -> None:
        import tracemalloc

        tracemalloc.start()
        try:
            blocks = (b"x" * 65536 for _ in range(400))
            assert not has_match(blocks, re.compile(b"y"))
            assert tracemalloc.get_traced_memory()[1] < 6 << 20
        finally:
            tracemalloc.stop()

    def test_a_match_at_the_end_of_many_octets(self) -> None:
        blocks = [*[b"x" * 65536] * 40, b"needle"]
        assert has_match(blocks, re.compile(b"xxxneedle$"))
        assert not has_match(blocks, re.compile(b"^needle"))
        assert has_match(blocks, re.compile(b"^x"))

    def test_what_is_no_search(self) -> None:
        for kind, value in (("bytes", b"\\"), ("regex", b"["), ("field", b"")):
            with pytest.raises(ValueError, match=r"."):
                Search(kind, value)


class TestArrivals:
    def test_one_under_way_comes_when_it_is_over(self, tmp_path: Path) -> None:
        path = str(tmp_path / "a.hwire")
        with Appender(path) as sink, Appender(path) as other:
            slow = sink.open(ConnectionFacts(BEGAN))
            sink.event(slow, 0, Direction.REQUEST, EventKind.SEGMENT, got(b"/slow"))
            sink.flush()
            quick = other.open(ConnectionFacts(BEGAN))
            other.event(quick, 0, Direction.REQUEST, EventKind.SEGMENT, got(b"/quick"))
            other.event(quick, 1, Direction.RESPONSE, EventKind.SEGMENT, answered(200))
            other.flush()
            with Capture(path) as capture:
                capture.update()
                at_once, orderly = Arrivals(capture, Query(), patience=0), Arrivals(capture, Query(), patience=5)
                assert [entry.target for entry in at_once.over()] == ["/quick"]
                assert list(at_once.over()) == []
                assert list(orderly.over()) == []
                assert [entry.target for entry in every(capture, Query())] == ["/slow", "/quick"]
                sink.event(slow, 5, Direction.RESPONSE, EventKind.SEGMENT, answered(200))
                sink.flush()
                capture.update()
                assert [entry.target for entry in at_once.over()] == ["/slow"]
                assert [entry.target for entry in orderly.over()] == ["/slow", "/quick"]
                assert list(at_once.rest()) == list(orderly.rest()) == []

    def test_the_rest_is_told_as_it_is(self, tmp_path: Path) -> None:
        path = str(tmp_path / "a.hwire")
        with Appender(path) as sink:
            number = sink.open(ConnectionFacts(BEGAN))
            sink.event(number, 0, Direction.REQUEST, EventKind.SEGMENT, got(b"/slow"))
            sink.flush()
            with Capture(path) as capture:
                capture.update()
                arrivals = Arrivals(capture, Query(["under-way"]), patience=0)
                assert list(arrivals.over()) == []
                assert [entry.outcome for entry in arrivals.rest()] == ["under way"]
                assert list(arrivals.rest()) == []


def test_outcomes_are_those_that_filters_name() -> None:
    assert {outcome.value for outcome in Outcome} == {"complete", "incomplete", "undecidable", "no answer"}
