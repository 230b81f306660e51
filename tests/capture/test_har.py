"""HAR: what browsers save becomes messages that are whole; what is written is HAR 1.2; nothing hostile gets through."""

from __future__ import annotations

import base64
import gzip
import json
import random
import tracemalloc
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import brotli
import jsonschema
import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from archives import SCHEMA, Read, archive, entry, read_capture, written
from httpwire import __version__
from httpwire.capture.formats.har import costs, scanner
from httpwire.capture.formats.har import format as har
from httpwire.capture.model import Ending, EventKind
from httpwire.capture.source import Source
from httpwire.capture.store.writing import Appender
from httpwire.capture.toll import Cost, Toll
from httpwire.capture.traffic import SOME_TLS, ConnectionFacts, put_exchange
from httpwire.errors import RecordingBroken, RecordingUnreadable
from httpwire.language import Translator
from httpwire.wire.element import Direction

_CHUNKED = b"\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
_KANJI = "日本語のページ"
_FRAMING = {
    *("har-framing", "har-content-decoded", "har-text", "har-version", "har-host", "har-content-omitted"),
    *("har-split", "har-field-text", "har-target", "har-cookies", "har-form", "har-cached", "har-coding-unknown"),
}


@pytest.fixture
def read(tmp_path: Path) -> Callable[..., Read]:
    """Reads entries, or a whole HAR, into a capture."""

    def run(*entries: object, octets: bytes = b"") -> Read:
        return Read(tmp_path, octets or archive(*entries))

    return run


# What is recognised.


@pytest.mark.parametrize(
    ("first", "is_one"),
    [
        (b'{"log": {"version": "1.2"', True),
        (b'\xef\xbb\xbf\r\n{\n  "log" : {', True),
        (b'{"comment": "x", "log": {', True),
        ('\ufeff{"log": {}}'.encode("utf-16-le"), True),
        (b'{"logs": {', False),
        (b'[{"log": {}}]', False),
        (b"GET /log HTTP/1.1\r\n", False),
        (b"", False),
    ],
)
def test_a_har_is_recognised_by_its_beginning(first: bytes, is_one: bool) -> None:  # noqa: FBT001
    assert har.recognises(first) is is_one


def test_the_ids_of_costs_are_one_word_each_and_differ() -> None:
    every = [value for value in vars(costs).values() if isinstance(value, Cost)]
    assert len({cost.id for cost in every}) == len(every)
    assert set(costs.MADE_AGAIN) <= set(every)
    assert all(" " not in cost.id and Translator()(cost.says) for cost in every)


# Reading: what the messages are.


def test_an_entry_becomes_a_whole_exchange_with_its_fields_as_they_are(read: Callable[..., Read]) -> None:
    headers = [("Server", "x"), ("content-type", "text/plain"), ("Content-Length", "5"), ("X-Empty", "")]

    done = read(entry(headers=headers, content={"size": 5, "mimeType": "text/plain", "text": "hello"}))

    [exchange] = done.exchanges
    assert exchange.sent == b"GET /a?b=1 HTTP/1.1\r\nHost: example.com\r\nAccept: */*\r\n\r\n"
    assert exchange.received == (
        b"HTTP/1.1 200 OK\r\nServer: x\r\ncontent-type: text/plain\r\nContent-Length: 5\r\nX-Empty:\r\n\r\nhello"
    )
    assert exchange.entry.complete
    assert not exchange.entry.findings
    assert done.costs == {}
    assert exchange.facts.reconstructed == ("har-messages",)
    assert exchange.facts.origin == "har"
    assert done.error is None


def test_times_addresses_and_tls_are_kept(read: Callable[..., Read]) -> None:
    timings = {"blocked": 1.5, "dns": 2, "connect": 10, "ssl": 4, "send": 0.25, "wait": 30, "receive": 3}
    told = entry(
        "https://example.com/",
        timings=timings,
        startedDateTime="2024-05-06T09:08:09.1234567+02:00",
        serverIPAddress="[2001:db8::1]",
        _securityDetails={"protocol": "TLS 1.3", "cipher": "AES_128_GCM"},
        _securityState="secure",
    )

    [exchange] = read(told).exchanges

    facts, row = exchange.facts, exchange.entry
    assert facts.began_ns == 1_714_979_289_123_456_700
    assert facts.server == "[2001:db8::1]:443"
    assert facts.target == "https://example.com"
    assert facts.name == "example.com"
    assert facts.tls is not None
    assert tuple(facts.tls) == ("TLSv1.3", "AES_128_GCM", "", True)
    assert exchange.milestones[:3] == [("try", 3_500_000), ("connected", 9_500_000), ("tls", 13_500_000)]
    assert row.began_ns == facts.began_ns + 13_500_000
    assert (row.request_ns, row.response_ns, row.ended_ns) == (250_000, 30_250_000, 33_250_000)


@pytest.mark.parametrize(
    ("told", "ns"),
    [
        ("1970-01-01T00:00:01Z", 10**9),
        ("1970-01-01T00:00:01.5", 1_500_000_000),
        ("1970-01-01T09:00:01,25+0900", 1_250_000_000),
        ("1970-01-01T01:00+01", 0),
    ],
)
def test_times_in_every_form_of_iso_8601(told: str, ns: int, read: Callable[..., Read]) -> None:
    assert read(entry(startedDateTime=told)).exchanges[0].facts.began_ns == ns


@pytest.mark.parametrize(
    "told", ["", "yesterday", None, 5, "9999-01-01T00:00:00Z", "2024-13-01T00:00:00Z", "1601-01-01T00:00Z"]
)
def test_a_time_that_is_none_is_told(told: object, read: Callable[..., Read]) -> None:
    done = read(entry(startedDateTime=told))
    assert len(done.exchanges) == 1
    assert done.costs == {"lost": {"har-time": 1}}


def test_http2_in_the_form_of_http11(read: Callable[..., Read]) -> None:
    pseudo = {":method": "GET", ":authority": "example.com:8443", ":scheme": "https", ":path": "/x", "accept": "*/*"}
    request = {"httpVersion": "h2", "headers": [{"name": name, "value": value} for name, value in pseudo.items()]}
    response = {"httpVersion": "h2", "statusText": ""}
    content = {"size": 4, "mimeType": "text/plain", "text": "body"}

    done = read(
        entry(
            "https://example.com:8443/x",
            request=request,
            response=response,
            headers=[(":status", "200"), ("content-type", "text/plain")],
            content=content,
        )
    )

    [exchange] = done.exchanges
    assert exchange.sent == b"GET /x HTTP/1.1\r\nHost: example.com:8443\r\naccept: */*\r\n\r\n"
    assert exchange.received == b"HTTP/1.1 200 \r\ncontent-type: text/plain\r\n\r\nbody"
    assert exchange.entry.complete
    assert exchange.facts.tls
    assert exchange.facts.tls.alpn == "h2"
    assert set(exchange.facts.reconstructed) == {"har-messages", "har-version", "har-host"}
    assert done.costs == {"again": {"har-version": 1, "har-host": 1}}


_CODERS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.decompress,
    "x-gzip": gzip.decompress,
    "deflate": zlib.decompress,
    "br": brotli.decompress,
    "zstd": zstandard.decompress,
    "gzip, br": lambda data: gzip.decompress(brotli.decompress(data)),
}


@pytest.mark.parametrize("coding", _CODERS)
def test_decoded_content_gets_the_coding_that_its_fields_name(coding: str, read: Callable[..., Read]) -> None:
    text = _KANJI * 50
    headers = [("Content-Type", "text/html; charset=utf-8"), ("Content-Encoding", coding), ("Content-Length", "99")]

    done = read(entry(headers=headers, content={"size": len(text.encode()), "mimeType": "text/html", "text": text}))

    [exchange] = done.exchanges
    assert exchange.response
    assert _CODERS[coding](exchange.response.content) == text.encode()
    assert exchange.response.values(b"content-encoding") == [coding.encode()]
    assert exchange.response.values(b"content-length") == [b"%d" % len(exchange.response.content)]
    assert exchange.entry.complete
    assert not exchange.entry.findings
    assert done.costs == {"again": {"har-content-decoded": 1, "har-framing": 1}}


def test_content_that_was_never_decoded_stays_as_it_is(read: Callable[..., Read]) -> None:
    coded = gzip.compress(b"hello " * 100, mtime=0)
    headers = [("Content-Encoding", "gzip"), ("Content-Length", str(len(coded)))]
    content = {"size": len(coded), "mimeType": "", "text": base64.b64encode(coded).decode(), "encoding": "base64"}

    done = read(entry(headers=headers, content=content))

    assert done.exchanges[0].response
    assert done.exchanges[0].response.content == coded
    assert done.costs == {}


def test_a_coding_that_is_not_known_is_told(read: Callable[..., Read]) -> None:
    content = {"size": 3, "mimeType": "", "text": "abc"}
    done = read(entry(headers=[("Content-Encoding", "compress"), ("Content-Length", "3")], content=content))
    assert done.exchanges[0].received.endswith(b"\r\n\r\nabc")
    assert done.costs == {"again": {"har-coding-unknown": 1}}


@pytest.mark.parametrize(
    ("headers", "version", "framed", "again"),
    [
        ([("Transfer-Encoding", "chunked")], "HTTP/1.1", b"Transfer-Encoding: chunked" + _CHUNKED, False),
        ([("transfer-encoding", "gzip, chunked")], "h2", b"transfer-encoding: chunked" + _CHUNKED, True),
        (
            [("Content-Length", "3"), ("Transfer-Encoding", "chunked")],
            "HTTP/1.1",
            b"Transfer-Encoding: chunked" + _CHUNKED,
            True,
        ),
        ([("Transfer-Encoding", "chunked")], "HTTP/1.0", b"HTTP/1.0 200 OK\r\n\r\nhello", True),
        ([("Content-Length", "7")], "HTTP/1.1", b"Content-Length: 5\r\n\r\nhello", True),
        ([("Content-Length", "5"), ("Content-Length", "6")], "HTTP/1.1", b"\r\nContent-Length: 5\r\n\r\nhello", True),
        ([("Content-Length", "+5")], "HTTP/1.1", b"Content-Length: 5\r\n\r\nhello", True),
        ([], "HTTP/1.1", b"HTTP/1.1 200 OK\r\n\r\nhello", False),
    ],
)  # fmt: skip
def test_content_is_framed_by_its_own_fields(
    headers: list[tuple[str, str]],
    version: str,
    framed: bytes,
    again: bool,  # noqa: FBT001
    read: Callable[..., Read],
) -> None:
    content = {"size": 5, "mimeType": "text/plain", "text": "hello"}
    done = read(entry(headers=headers, content=content, response={"httpVersion": version}))
    [exchange] = done.exchanges
    assert exchange.received.endswith(framed)
    assert exchange.entry.complete
    assert not exchange.entry.findings
    assert ("har-framing" in exchange.facts.reconstructed) is again


@pytest.mark.parametrize(
    ("charset", "in_page", "size_of"),
    [
        ("shift_jis", False, "cp932"),
        ("euc-jp", False, "euc_jp"),
        ("iso-2022-jp", False, "iso2022_jp"),
        ("utf-16le", False, "utf-16-le"),
        ("", True, "cp932"),
        ("", False, "utf-8"),
        ("utf-8", False, "utf-8-sig"),
    ],
)
def test_text_goes_back_into_its_charset(charset: str, in_page: bool, size_of: str, read: Callable[..., Read]) -> None:  # noqa: FBT001
    text = ('<meta charset="Shift_JIS">' if in_page else "<p>") + _KANJI
    octets = text.encode(size_of)
    kind = "text/html" + (f"; charset={charset}" if charset else "")

    done = read(entry(headers=[("Content-Type", kind)], content={"size": len(octets), "mimeType": kind, "text": text}))

    assert done.exchanges[0].received.endswith(b"\r\n\r\n" + octets)
    assert done.costs == {}


@pytest.mark.parametrize("text", ["broken \ufffd", "half \ud800", "counted in characters: é"])
def test_text_that_may_have_had_other_octets_is_told(text: str, read: Callable[..., Read]) -> None:
    kind = "text/plain; charset=utf-8"
    done = read(entry(headers=[("Content-Type", kind)], content={"size": len(text), "mimeType": kind, "text": text}))
    assert done.exchanges[0].entry.complete
    assert done.costs == {"again": {"har-text": 1}}


def test_octets_that_are_no_utf8_in_the_har_come_through(read: Callable[..., Read]) -> None:
    octets = archive(entry(content={"size": 4, "mimeType": "text/plain", "text": "ab@@"})).replace(b"@@", b"\xff\xfe")
    assert read(octets=octets).exchanges[0].received.endswith(b"\r\n\r\nab\xff\xfe")


@pytest.mark.parametrize(
    "encoded", ["/+8=", "_-8", "/+8", "/+\r\n8=\n"], ids=["usual", "of URLs", "without padding", "in lines"]
)
def test_base64_in_every_form(encoded: str, read: Callable[..., Read]) -> None:
    done = read(entry(content={"size": 2, "mimeType": "image/png", "text": encoded, "encoding": "base64"}))
    assert done.exchanges[0].received.endswith(b"\r\n\r\n\xff\xef")
    assert done.costs == {}


def test_content_that_is_left_out_or_no_base64_is_told(read: Callable[..., Read]) -> None:
    bad = {"size": 2, "mimeType": "image/png", "text": "???", "encoding": "base64"}
    done = read(
        entry(headers=[("Content-Length", "1234")], content={"size": 1234, "mimeType": "image/png"}),
        entry(headers=[("Content-Length", "2")], content=bad),
    )
    assert [exchange.entry.outcome for exchange in done.exchanges] == ["complete", "complete"]
    assert all("har-content-omitted" in exchange.facts.reconstructed for exchange in done.exchanges)
    assert done.costs["lost"] == {"har-content-omitted": 2}
    assert done.costs["skipped"] == {"har-bad-content": 1}


@pytest.mark.parametrize(("method", "status"), [("HEAD", 200), ("GET", 304), ("GET", 204)])
def test_answers_that_carry_no_content_get_none(method: str, status: int, read: Callable[..., Read]) -> None:
    content = {"size": 5, "mimeType": "text/plain", "text": "hello"}
    done = read(entry(method=method, response={"status": status}, headers=[("ETag", '"1"')], content=content))
    [exchange] = done.exchanges
    assert exchange.received.endswith(b'ETag: "1"\r\n\r\n')
    assert exchange.entry.complete
    assert done.costs == {"lost": {"har-content-not-carried": 1}}


def test_a_websocket_ends_with_the_change_of_protocol(read: Callable[..., Read]) -> None:
    told = entry(
        "wss://example.com/socket",
        response={"status": 101, "statusText": "Switching Protocols"},
        headers=[("Upgrade", "websocket"), ("Connection", "Upgrade")],
        _webSocketMessages=[{"type": "send", "time": 1.0, "opcode": 1, "data": "hi"}],
    )
    done = read(told)
    [exchange] = done.exchanges
    assert exchange.sent.startswith(b"GET /socket HTTP/1.1\r\nHost: example.com\r\n")
    assert exchange.facts.tls
    assert exchange.entry.status == 101
    assert done.costs == {"lost": {"har-switched": 1}}


@pytest.mark.parametrize(
    ("told", "status"), [(404, 404), ("404", 404), (404.0, 404), (0, 0), (-1, 0), (99, 0), (1000, 0), (True, 0)]
)
def test_a_status_is_three_digits(told: object, status: int, read: Callable[..., Read]) -> None:
    assert read(entry(response={"status": told})).exchanges[0].entry.status == status


def test_what_was_blocked_or_came_from_a_cache(read: Callable[..., Read]) -> None:
    nothing = {"status": 0, "statusText": "", "httpVersion": "", "_error": "net::ERR_BLOCKED_BY_CLIENT"}
    done = read(
        entry(response=nothing, request={"headers": []}),
        entry(_fromCache="disk", content={"size": 1, "mimeType": "", "text": "x"}),
        entry("data:text/plain,hello"),
        entry("blob:https://example.com/1"),
        entry("chrome-extension://abc/x.js"),
    )
    blocked, cached = done.exchanges
    assert blocked.entry.outcome == "no answer"
    assert blocked.sent == b"GET /a?b=1 HTTP/1.1\r\nHost: example.com\r\n\r\n"
    assert "har-cached" in cached.facts.reconstructed
    assert done.costs == {
        "lost": {"no-answer": 1},
        "again": {"har-host": 1, "har-cached": 1},
        "skipped": {"har-not-http": 3},
    }


def test_content_that_is_posted(read: Callable[..., Read]) -> None:
    def posted(kind: str, data: dict[str, Any], *more: tuple[str, str], size: int = -1) -> dict[str, Any]:
        fields = [("Host", "example.com"), ("Content-Type", kind), *more]
        headers = [{"name": name, "value": value} for name, value in fields]
        return entry(method="POST", request={"headers": headers, "bodySize": size, "postData": data})

    form = "application/x-www-form-urlencoded"
    fields = [{"name": "a b", "value": "ü&"}, {"name": "c", "value": ""}]
    file = {"name": 'f"', "value": "x\ny", "fileName": "a.txt", "contentType": "text/plain"}
    done = read(
        posted(form, {"mimeType": form, "text": "a=1&b=2", "params": fields}, ("Content-Length", "7")),
        posted(form, {"mimeType": form, "params": fields}),
        posted("multipart/form-data; boundary=XX", {"params": [file], "text": ""}, ("Transfer-Encoding", "chunked")),
        posted("multipart/form-data", {"params": [file]}),
        posted("application/octet-stream", {"text": "ÿþ"}, ("Content-Length", "2")),
        posted("application/octet-stream", {"text": "//8=", "encoding": "base64"}),
        posted("application/json", {}, ("Content-Length", "9")),
    )
    assert all(exchange.entry.complete and not exchange.entry.findings for exchange in done.exchanges)
    contents = [exchange.request.content for exchange in done.exchanges if exchange.request]
    part = (
        b'\r\nContent-Disposition: form-data; name="f%22"; filename="a.txt"\r\nContent-Type: text/plain\r\n\r\nx\ny\r\n'
    )
    assert contents == [
        b"a=1&b=2",
        b"a+b=%C3%BC%26&c=",
        b"--XX" + part + b"--XX--\r\n",
        b"------httpwire-form" + part + b"------httpwire-form--\r\n",
        b"\xff\xfe",
        b"\xff\xff",
        b"",
    ]
    assert done.costs["again"]["har-form"] == 3
    assert done.costs["lost"] == {"har-content-omitted": 1}


def test_cookies_that_are_no_field_become_one(read: Callable[..., Read]) -> None:
    cookies = [{"name": "a", "value": "1"}, {"name": "b", "value": "2\r\nX: y"}, {"name": "c", "value": "3"}]
    done = read(entry(request={"cookies": cookies}))
    assert done.exchanges[0].sent.endswith(b"Accept: */*\r\nCookie: a=1; c=3\r\n\r\n")
    assert done.costs == {"again": {"har-cookies": 1}}


@pytest.mark.parametrize(
    ("method", "url", "line"),
    [
        ("GET", "http://example.com", b"GET / HTTP/1.1"),
        ("GET", "HTTP://user:pass@example.com:81?q#f", b"GET /?q HTTP/1.1"),
        ("GET", "http://example.com/日本 x\r\n", b"GET /%E6%97%A5%E6%9C%AC%20x HTTP/1.1"),
        ("GET", "http://example.com/a\r\nX: y", b"GET /a%0D%0AX:%20y HTTP/1.1"),
        ("OPTIONS", "http://example.com", b"OPTIONS * HTTP/1.1"),
        ("OPTIONS", "http://example.com/", b"OPTIONS / HTTP/1.1"),
        ("CONNECT", "https://example.com", b"CONNECT example.com:443 HTTP/1.1"),
        ("CONNECT", "http://[::1]:8080", b"CONNECT [::1]:8080 HTTP/1.1"),
    ],
)
def test_the_request_line(method: str, url: str, line: bytes, read: Callable[..., Read]) -> None:
    [exchange] = read(entry(url, method=method)).exchanges
    assert exchange.sent.startswith(line + b"\r\n")


@pytest.mark.parametrize(
    ("url", "host"), [("http://例え.jp/", b"xn--r8jz45g.jp"), ("http://[::1]:81/", b"[::1]:81"), ("http://a:/", b"a:")]
)
def test_the_host_is_taken_from_the_url(url: str, host: bytes, read: Callable[..., Read]) -> None:
    [exchange] = read(entry(url, request={"headers": []})).exchanges
    assert exchange.sent == b"GET / HTTP/1.1\r\nHost: %s\r\n\r\n" % host


# Reading: any file.


def test_members_in_any_order_and_other_entries(read: Callable[..., Read]) -> None:
    decoy = {
        "entries": [entry("http://decoy/")],
        "log": {"entries": [1]},
        "text": '}]"\\{[',
        "n": [1, [2, {"x": None}]],
    }
    log = {"pages": [decoy], "entries": [entry(), entry(_entries=[{"entries": []}])], "_more": decoy, "version": "1.2"}
    octets = json.dumps({"_first": decoy, "log": log, "last": decoy}, indent=3).encode()
    for text in (octets, b"\xef\xbb\xbf" + octets, b" \r\n" + octets + b"\n\n"):
        done = read(octets=text)
        assert done.error is None
        assert [exchange.entry.target for exchange in done.exchanges] == ["/a?b=1", "/a?b=1"]


@pytest.mark.parametrize("block", [1, 2, 3, 7, 64])
def test_blocks_of_any_size_give_the_same(block: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scanner, "BLOCK", block)
    texts = ['a"b\\', "\\\\", "\u2028{}[]", _KANJI, "\U0001f600"]
    told = [{"n": [1, -2.5e10, True, None], text: text} for text in texts]
    path = tmp_path / "x.har"
    for ascii_only in (False, True):
        log = {"pages": texts, "entries": told, "z": {"y": texts}}
        path.write_text(json.dumps({"a": texts, "log": log}, ensure_ascii=ascii_only), "utf-8")
        with Source(str(path)) as source:
            assert list(scanner.Scanner(source).entries()) == told


def test_every_cut_keeps_the_entries_before_it(tmp_path: Path) -> None:
    octets = archive(*(entry(f"http://example.com/number{n}") for n in range(3)))
    begins = [octets.index(b'{"startedDateTime"', octets.index(b"/number%d" % n)) for n in range(2)]
    ends = [*(begin - 2 for begin in begins), len(octets) - 3]
    path = tmp_path / "cut.har"
    for size in range(100, len(octets) - 1, 7):
        path.write_bytes(octets[:size])
        kept: list[object] = []
        with Source(str(path)) as source, pytest.raises(RecordingBroken) as raised:
            kept.extend(scanner.Scanner(source).entries())
        assert raised.value.facts["path"] == str(path)
        assert 0 < int(str(raised.value.facts["offset"])) <= size
        assert len(kept) == sum(size >= end for end in ends)


@pytest.mark.parametrize(
    ("octets", "error", "why"),
    [
        (b"", RecordingUnreadable, "no HAR"),
        (b"[]", RecordingUnreadable, "no HAR"),
        (b"{}", RecordingUnreadable, "no HAR"),
        (b'{"log": []}', RecordingUnreadable, "no HAR"),
        (b'{"log": {"entries": {}}}', RecordingUnreadable, "no HAR"),
        ('{"log": {}}'.encode("utf-16"), RecordingUnreadable, "UTF-16"),
        ('{"log": {}}'.encode("utf-16-le"), RecordingUnreadable, "UTF-16"),
        (b'{"log": {"entries": []}} x', RecordingBroken, "byte 25: other bytes follow"),
        (b'{"log": {"entries": [{"a": ]}}', RecordingBroken, "byte 27: it is not JSON"),
        (b'{"log": {"entries": [{},', RecordingBroken, "byte 24: it ends before its end"),
        (b'{"log": {"entries": [{"a": "b', RecordingBroken, "byte 21: it ends in the middle of an entry"),
        (b'{"log": {"entries": [' + b"[" * 200_000, RecordingBroken, "byte 21: an entry is nested too deeply"),
        (b'{"log": {"x": ' + b"[" * 200_000, RecordingBroken, "byte 200014: it ends before its end"),
    ],
)  # fmt: skip
def test_what_is_no_har(octets: bytes, error: type, why: str, tmp_path: Path) -> None:
    done = Read(tmp_path, octets)
    assert type(done.error) is error
    assert why in str(done.error)
    assert str(tmp_path / "in.har") in str(done.error)


def test_an_entry_over_the_limit_is_an_error_that_keeps_what_came_before(
    read: Callable[..., Read], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scanner, "LARGEST", 1000)
    monkeypatch.setattr(scanner, "BLOCK", 500)
    done = read(entry(), entry(content={"size": 9000, "text": "x" * 9000}), entry())
    assert len(done.exchanges) == 1
    assert "an entry is larger than 512 MiB" in str(done.error)


def test_numbers_of_any_size_and_none(read: Callable[..., Read]) -> None:
    octets = archive(entry(time="@"), entry()).replace(b'"@"', b"9" * 100_000)
    octets = octets.replace(b'"wait": 4', b'"wait": NaN, "_x": [Infinity, -1e999, 1e999]')
    done = read(octets=octets)
    assert done.error is None
    assert len(done.exchanges) == 2


_WRONG: list[object] = [None, True, 0, -1, 1e300, 10**30, "x", "\ud800", "a\r\nX: y", [], {}, [[]], [{"name": {}}]]


@pytest.mark.parametrize("value", _WRONG, ids=repr)
def test_wrong_types_everywhere(value: object, read: Callable[..., Read]) -> None:
    """Each member in turn is something else: an entry is used, or skipped and counted, and the others are kept."""
    good = entry(
        method="POST",
        request={"postData": {"mimeType": "a/b", "text": "x", "params": [], "encoding": "", "comment": ""}},
        headers=[("Content-Encoding", "gzip")],
        content={"size": 3, "mimeType": "text/plain", "text": "abc", "encoding": "", "comment": ""},
        serverIPAddress="127.0.0.1",
        connection="1",
        _securityDetails={"protocol": "TLS 1.3"},
        _fromCache="",
    )
    spoilt: list[object] = [value]

    def spoil(part: Any, whole: Any) -> None:
        for name, inner in part.items() if isinstance(part, dict) else enumerate(part):
            part[name] = value
            spoilt.append(json.loads(json.dumps(whole)))
            part[name] = inner
            if isinstance(inner, dict | list):
                spoil(inner, whole)

    spoil(good, good)
    done = read(*spoilt, entry("http://last/"))
    assert done.error is None
    assert done.exchanges[-1].entry.host == "example.com"
    skipped = sum(count for cost, count in done.toll.skipped.items() if cost in (costs.UNUSABLE, costs.NOT_HTTP))
    assert skipped + len(done.exchanges) == len(spoilt) + 1
    for exchange in done.exchanges:
        assert exchange.request
        heads = [octets.partition(b"\r\n\r\n")[0] for octets in (exchange.sent, exchange.received)]
        assert b"\r\nX: y" not in b"".join(heads)


@pytest.mark.parametrize(
    "value", ["a\r\nX-Injected: 1", "a\nContent-Length: 0", "a\rb", "\r\n\r\nHTTP/1.1 200 OK\r\n\r\n"]
)
def test_no_value_ends_its_line(value: str, read: Callable[..., Read]) -> None:
    told = entry(
        method="GET",
        request={"headers": [{"name": "Host", "value": "example.com"}, {"name": "A", "value": value}]},
        response={"statusText": value},
        headers=[("Set-Cookie", "a=1\nb=2"), ("B", value), ("C\r\nD", "x"), ("E: F", "x"), ("", "x")],
    )
    done = read(told)
    [exchange] = done.exchanges
    assert exchange.response
    assert exchange.request
    assert {field.name for field in exchange.request.fields} == {b"Host", b"A"}
    assert {field.name for field in exchange.response.fields} == {b"Set-Cookie", b"B"}
    assert exchange.response.values(b"set-cookie") == [b"a=1", b"b=2"]
    assert "har-split" in exchange.facts.reconstructed
    assert done.costs["skipped"] == {"har-bad-fields": 3}
    assert b"\r" not in exchange.response.reason


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 1 << 30))
def test_flipped_bits_never_raise_anything_else(seed: int, tmp_path: Path) -> None:
    chance = random.Random(seed)
    octets = bytearray(
        archive(
            entry(headers=[("Content-Encoding", "gzip")], content={"size": 3, "mimeType": "", "text": "abc"}),
            entry(content={"size": 2, "text": "//8=", "encoding": "base64"}),
            entry("https://example.com/", method="POST", request={"postData": {"text": _KANJI}}),
        )
    )
    for _ in range(chance.randint(1, 6)):
        octets[chance.randrange(len(octets))] ^= 1 << chance.randrange(8)
    done = Read(tmp_path, bytes(octets))  # catches our own errors only
    assert len(done.exchanges) <= 3


def test_memory_is_that_of_one_entry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scanner, "BLOCK", 100_000)
    path = tmp_path / "large.har"
    one = json.dumps(entry(content={"size": 300_000, "mimeType": "text/plain", "text": "abc" * 100_000}))
    with path.open("w") as file:
        file.write(
            '{"_x": "' + "y" * 3_000_000 + '", "log": {"pages": [' + ", ".join(["{}"] * 20_000) + '], "entries": ['
        )
        file.write(", ".join([one] * 60) + "]}}")

    class Nothing:
        def open(self, _: object) -> int:
            return 1

        def revise(self, *_: object) -> None: ...
        def event(self, *_: object) -> None: ...

    assert path.stat().st_size > 20_000_000
    tracemalloc.start()
    try:
        with Source(str(path)) as source:
            har.read(source, Nothing(), Toll())
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 6_000_000


# Writing.


def _capture(path: Path, *exchanges: tuple[bytes, bytes], facts: ConnectionFacts | None = None, **times: Any) -> Path:
    with Appender(str(path)) as sink:
        for request, response in exchanges:
            put_exchange(sink, facts or ConnectionFacts(0), (request,), (response,) if response else (), **times)
    return path


def test_what_is_written(tmp_path: Path) -> None:
    request = (
        b"POST /a%20b?x=1&y=%C3%A4+b HTTP/1.1\r\nHost: example.com:8080\r\nCookie: a=1; b=2\r\n"
        b"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 3\r\n\r\nc=d"
    )
    coded = gzip.compress(_KANJI.encode("shift_jis"), mtime=0)
    response = (
        b"HTTP/1.1 302 Found\r\nContent-Type: text/html; charset=Shift_JIS\r\nContent-Encoding: gzip\r\n"
        b"Set-Cookie: s=1; Path=/; Expires=Wed, 21 Oct 2015 07:28:00 GMT; HttpOnly; Secure\r\nLocation: /c\r\n"
        b"Content-Length: %d\r\n\r\n" % len(coded)
    )
    facts = ConnectionFacts(
        1_714_979_289_123_456_789, client="127.0.0.1:5", server="[::1]:8080", target="http://example.com:8080"
    )
    path = tmp_path / "x.hwire"
    with Appender(str(path)) as sink:
        put_exchange(sink, facts, (request,), (response, coded), first_ns=4_500_000, last_ns=6_000_000)

    octets, lost = written(path)

    told = json.loads(octets)
    jsonschema.validate(told, SCHEMA)
    [one] = told["log"]["entries"]
    assert told["log"]["creator"] == {"name": "httpwire", "version": __version__}
    assert one == {
        "startedDateTime": "2024-05-06T07:08:09.123456789Z",
        "time": 6.0,
        "request": {
            "method": "POST",
            "url": "http://example.com:8080/a%20b?x=1&y=%C3%A4+b",
            "httpVersion": "HTTP/1.1",
            "cookies": [{"name": "a", "value": "1"}, {"name": "b", "value": "2"}],
            "headers": [
                {"name": "Host", "value": "example.com:8080"},
                {"name": "Cookie", "value": "a=1; b=2"},
                {"name": "Content-Type", "value": "application/x-www-form-urlencoded"},
                {"name": "Content-Length", "value": "3"},
            ],
            "queryString": [{"name": "x", "value": "1"}, {"name": "y", "value": "ä b"}],
            "headersSize": len(request) - 3,
            "bodySize": 3,
            "postData": {"mimeType": "application/x-www-form-urlencoded", "params": [], "text": "c=d"},
        },
        "response": {
            "status": 302,
            "statusText": "Found",
            "httpVersion": "HTTP/1.1",
            "cookies": [
                {
                    "name": "s",
                    "value": "1",
                    "path": "/",
                    "expires": "2015-10-21T07:28:00.000Z",
                    "httpOnly": True,
                    "secure": True,
                }
            ],
            "headers": one["response"]["headers"],
            "redirectURL": "/c",
            "headersSize": len(response),
            "bodySize": len(coded),
            "content": {
                "size": 14,
                "compression": 14 - len(coded),
                "mimeType": "text/html; charset=Shift_JIS",
                "text": _KANJI,
            },
        },
        "cache": {},
        "timings": {"blocked": -1, "dns": -1, "connect": -1, "ssl": -1, "send": 0.0, "wait": 4.5, "receive": 1.5},
        "serverIPAddress": "::1",
        "connection": "1",
    }
    assert lost == {"segment-times": 1, "addresses": 1, "har-coded": 1}


def test_what_a_har_has_no_place_for_is_told(tmp_path: Path) -> None:
    get = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
    ok = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
    chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nX: y\r\n\r\n"
    cases = {
        "har-interim": (get, b"HTTP/1.1 100 Continue\r\n\r\n" + ok),
        "har-trailers": (get, chunked),
        "har-head-bytes": (get.replace(b"Host: a", b"Host:a"), ok),
        "har-outside": (get, ok + b"more"),
        "har-switched": (get, b"HTTP/1.1 101 x\r\n\r\nframes"),
        "no-answer": (get, b""),
        "har-cut": (get, ok.replace(b"Length: 0", b"Length: 9")),
        "har-malformed": (b"\x00\x01\x02", ok),
        "har-left-coded": (
            get,
            ok.replace(b"Content-Length: 0", b"Content-Length: 3\r\nContent-Encoding: gzip") + b"abc",
        ),
        "no-request": (b"", ok),
    }
    for id, (request, response) in cases.items():
        path = tmp_path / f"{id}.hwire"
        octets, lost = written(_capture(path, (request, response)))
        jsonschema.validate(json.loads(octets), SCHEMA)
        assert lost.get(id) == 1, (id, lost)
        kept = json.loads(octets)["log"]["entries"]
        assert len(kept) == (0 if id in ("har-malformed", "no-request") else 1)
    tls = ConnectionFacts(0, tls=SOME_TLS.replace(version="TLSv1.3"))
    assert "tls-facts" in written(_capture(tmp_path / "tls.hwire", (get, ok), facts=tls))[1]


def test_a_connection_that_was_made_for_it_is_in_its_timings(tmp_path: Path) -> None:
    path = tmp_path / "x.hwire"
    with Appender(str(path)) as sink:
        number = sink.open(ConnectionFacts(5_000_000_000, tls=SOME_TLS))
        sink.event(number, 1_000_000, None, EventKind.TRY)
        sink.event(number, 4_000_000, None, EventKind.CONNECTED)
        sink.event(number, 9_000_000, None, EventKind.TLS)
        for at_ns in (10_000_000, 50_000_000):
            sink.event(number, at_ns, Direction.REQUEST, EventKind.SEGMENT, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            answer = b"HTTP/1.1 204 No Content\r\n\r\n"
            sink.event(number, at_ns + 7_000_000, Direction.RESPONSE, EventKind.SEGMENT, answer)
        sink.event(number, 60_000_000, Direction.RESPONSE, EventKind.ENDED, Ending.CLOSED.value.encode())
        sink.event(number, 60_000_000, None, EventKind.END)

    first, second = json.loads(written(path)[0])["log"]["entries"]

    assert first["startedDateTime"] == "1970-01-01T00:00:05.000Z"
    spans = {"blocked": 2.0, "dns": -1, "connect": 8.0, "ssl": 5.0, "send": 0.0, "wait": 7.0, "receive": 0.0}
    assert first["timings"] == spans
    assert first["time"] == 17.0
    assert second["startedDateTime"] == "1970-01-01T00:00:05.050Z"
    assert second["timings"]["connect"] == -1
    assert first["connection"] == second["connection"]


@pytest.mark.parametrize("coding", ["gzip", "identity"])
@pytest.mark.parametrize("text", [True, False])
def test_large_content_is_written_in_blocks(coding: str, text: bool, tmp_path: Path) -> None:  # noqa: FBT001
    block = (_KANJI * 3000).encode() if text else random.Random(1).randbytes(60_000)
    content = block * 250
    coded = gzip.compress(content, 1) if coding == "gzip" else content
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: %s\r\nContent-Length: %d\r\n\r\n" % (coding.encode(), len(coded))
    path = tmp_path / "x.hwire"
    with Appender(str(path)) as sink:
        pieces = [coded[at : at + 65536] for at in range(0, len(coded), 65536)]
        put_exchange(sink, ConnectionFacts(0), (b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",), (head, *pieces))
    octets, _ = written(path)
    told = json.loads(octets)["log"]["entries"][0]["response"]["content"]
    assert told["size"] == len(content)
    got = told["text"].encode() if text else base64.b64decode(told["text"])
    assert got == content
    assert ("encoding" in told) is not text


def test_a_bomb_is_left_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from httpwire.capture.formats.har import content as contents

    monkeypatch.setattr(contents, "_LARGE", 1 << 20)
    coded = gzip.compress(bytes(20 << 20), mtime=0)
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(coded)
    path = _capture(tmp_path / "x.hwire", (b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", head + coded))
    octets, lost = written(path)
    assert len(octets) < 2 * len(coded)
    assert lost["har-left-coded"] == 1
    assert Read(tmp_path, octets).exchanges[0].received == head + coded


# There and back.

_names = st.from_regex(r"X-[A-Za-z0-9]{1,8}", fullmatch=True)
_values = st.text(st.characters(min_codepoint=0x21, max_codepoint=0xFF, exclude_characters="\x7f"), max_size=12)
_fields = st.lists(st.tuples(_names, _values), max_size=5)
_kinds = st.sampled_from(
    [
        "text/plain",
        "text/html; charset=Shift_JIS",
        "application/json; charset=utf-8",
        "image/png",
        "text/plain; charset=utf-16",
    ]
)
_contents = st.one_of(st.binary(max_size=200), st.text(max_size=100).map(lambda text: text.encode("utf-8", "replace")))


def _message(line: bytes, fields: list[tuple[str, str]], content: bytes, *, chunked: bool) -> bytes:
    lines = [line, *(f"{name}: {value}".rstrip(" ").encode("latin-1") for name, value in fields)]
    if chunked:
        head = b"\r\n".join([*lines, b"Transfer-Encoding: chunked", b"", b""])
        return head + (b"%x\r\n%s\r\n" % (len(content), content) if content else b"") + b"0\r\n\r\n"
    return b"\r\n".join([*lines, b"Content-Length: %d" % len(content), b"", b""]) + content


@pytest.mark.slow
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    target=st.from_regex(r"/[!-~]{0,20}", fullmatch=True).filter(lambda target: "#" not in target),
    asked=_fields,
    answered=_fields,
    kind=_kinds,
    posted=_contents,
    content=_contents,
    chunked=st.booleans(),
    coding=st.sampled_from(["", "gzip", "br"]),
    status=st.sampled_from([200, 404, 500, 302]),
    reason=st.from_regex(r"[A-Za-z ]{0,10}", fullmatch=True).map(str.strip),
    version=st.sampled_from(["1.0", "1.1"]),
    times=st.lists(st.integers(0, 10**10), min_size=3, max_size=3).map(sorted),
    began=st.integers(0, 1 << 61),
    secure=st.booleans(),
)
def test_a_capture_comes_back_from_a_har(
    tmp_path: Path,
    target: str,
    asked: list[tuple[str, str]],
    answered: list[tuple[str, str]],
    kind: str,
    posted: bytes,
    content: bytes,
    chunked: bool,  # noqa: FBT001
    coding: str,
    status: int,
    reason: str,
    version: str,
    times: list[int],
    began: int,
    secure: bool,  # noqa: FBT001
) -> None:
    chunked = chunked and version == "1.1"
    coded = gzip.compress(content) if coding == "gzip" else brotli.compress(content) if coding == "br" else content
    more = [("Content-Type", kind), *([("Content-Encoding", coding)] if coding and content else [])]
    coded = coded if content else b""
    request = _message(
        f"POST {target} HTTP/{version}".encode(),
        [("Host", "a.example"), *asked, ("Content-Type", kind)],
        posted,
        chunked=chunked,
    )
    response = _message(f"HTTP/{version} {status} {reason}".encode(), [*answered, *more], coded, chunked=chunked)
    path = tmp_path / "there.hwire"
    path.unlink(missing_ok=True)
    facts = ConnectionFacts(began, server="127.0.0.1:80", tls=SOME_TLS if secure else None)
    with Appender(str(path)) as sink:
        put_exchange(
            sink,
            facts,
            (request[:-1], request[-1:]),
            (response[:-1], response[-1:]),
            sent_ns=times[0],
            first_ns=times[1],
            last_ns=times[2],
        )
    [before] = read_capture(path)

    octets, _ = written(path)

    jsonschema.validate(json.loads(octets), SCHEMA)
    back = Read(tmp_path, octets)
    assert back.error is None
    [after] = back.exchanges
    assert after.sent == before.sent  # with so plain a head, and one chunk, all of it
    if coding and content:
        assert after.response
        assert before.response
        decode = gzip.decompress if coding == "gzip" else brotli.decompress
        assert decode(after.response.content) == content
        assert [field[:2] for field in after.response.fields if field.name != b"Content-Length"] == [
            field[:2] for field in before.response.fields if field.name != b"Content-Length"
        ]
        assert after.response.head
        assert before.response.head
        assert after.response.head.line == before.response.head.line
    else:
        assert after.received == before.received
        assert not set(after.facts.reconstructed) & _FRAMING - {"har-field-text"}
    assert after.entry.findings == before.entry.findings
    assert bool(after.facts.tls) is secure
    assert after.facts.server == ("127.0.0.1:443" if secure else "127.0.0.1:80")
    for name in ("began_ns", "request_ns", "response_ns", "ended_ns"):
        assert getattr(after.entry, name) == getattr(before.entry, name)


def test_the_same_capture_gives_the_same_har_again(tmp_path: Path) -> None:
    """What was read from a HAR is written as the same, but for the numbers of connections."""
    first = Read(tmp_path, archive(entry("https://example.com/x", serverIPAddress="127.0.0.1"), entry(method="HEAD")))
    once, _ = written(first.path)
    again, _ = written(Read(tmp_path, once).path)
    assert once == again
