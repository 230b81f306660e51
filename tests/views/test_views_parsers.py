"""What installed parsers say: each is asked as it is, and whatever it does is an opinion."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from httpwire.views.lint import parsers as room
from httpwire.views.lint.asking import REQUESTS, RESPONSES, Account
from httpwire.views.lint.parsers import Opinion, Verdict, opinions
from httpwire.wire.element import Direction

Methods = list[bytes | None]

REQUEST, RESPONSE = Direction.REQUEST, Direction.RESPONSE
GET = b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n"
CHUNKS = b"3\r\nabc\r\n0\r\n\r\n"


def post(*fields: bytes, content: bytes = b"", version: bytes = b"1.1") -> bytes:
    return b"POST / HTTP/%b\r\n%b\r\n%b" % (version, b"".join(f + b"\r\n" for f in (b"Host: a", *fields)), content)


def answer(*fields: bytes, content: bytes = b"", status: bytes = b"200 OK") -> bytes:
    return b"HTTP/1.1 %b\r\n%b\r\n%b" % (status, b"".join(field + b"\r\n" for field in fields), content)


def asked(octets: bytes, direction: Direction, methods: Methods | None = None, **limits: int) -> dict[str, Opinion]:
    """The opinions, by the parsers' names, or what stands in parentheses behind them."""
    found = opinions(octets, direction, methods, **limits)
    return {each.parser.partition(" (")[2].rstrip(")") or each.parser: each for each in found}


def verdicts(octets: bytes, direction: Direction, methods: Methods | None = None) -> dict[str, Verdict]:
    return {name: each.verdict for name, each in asked(octets, direction, methods).items()}


def all_say(verdict: Verdict, found: dict[str, Verdict]) -> bool:
    return set(found.values()) == {verdict} and len(found) == 5


CLEAN: dict[str, tuple[bytes, Direction, list[bytes | None] | None]] = {
    "requests, one after the other": (
        post(b"Content-Length: 3", content=b"abc") + GET + post(b"Transfer-Encoding: chunked", content=CHUNKS) + GET,
        REQUEST,
        None,
    ),
    "a request that closes": (post(b"Connection: close", b"Content-Length: 3", content=b"abc"), REQUEST, None),
    "an upgrade": (
        b"GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n\x81\x82abcdef",
        REQUEST,
        None,
    ),
    "CONNECT": (b"CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n\x16\x03", REQUEST, None),
    "nothing": (b"", REQUEST, None),
    "answers": (
        answer(b"Content-Length: 5", content=b"hello") + answer(b"Transfer-Encoding: chunked", content=CHUNKS),
        RESPONSE,
        None,
    ),
    "an interim response": (answer(status=b"100 Continue") + answer(b"Content-Length: 0"), RESPONSE, [b"POST"]),
    "an answer up to the close": (answer(content=b"hello"), RESPONSE, [b"GET"]),
    "a gzip that is none": (
        answer(b"Content-Encoding: gzip", b"Content-Length: 5", content=b"hello"),
        RESPONSE,
        [b"GET"],
    ),
}


@pytest.mark.parametrize("name", CLEAN)
def test_all_accept_what_conforms(name: str) -> None:
    octets, direction, methods = CLEAN[name]
    assert all_say(Verdict.ACCEPTS, verdicts(octets, direction, methods))


def test_what_they_see_is_told() -> None:
    octets, direction, methods = CLEAN["requests, one after the other"]
    for name, opinion in asked(octets, direction, methods).items():
        assert opinion.version[0].isdigit()
        seen = [(each.method, each.target, each.octets, each.complete) for each in opinion.messages]
        if name == "http.server":  # it leaves content to the application
            assert seen == [(b"POST", b"/", None, True)]
            assert opinion.unread == len(octets) - octets.index(b"abc")
        else:
            assert seen == [
                (b"POST", b"/", 3, True),
                (b"GET", b"/x", 0, True),
                (b"POST", b"/", 3, True),
                (b"GET", b"/x", 0, True),
            ]
    octets, direction, methods = CLEAN["answers"]
    for opinion in asked(octets, direction, methods).values():
        assert [(each.status, each.octets, each.complete) for each in opinion.messages] == [
            (200, 5, True),
            (200, 3, True),
        ]


@pytest.mark.parametrize(
    ("octets", "direction"),
    [
        (post(b"Content-Length: 5", content=b"abc"), REQUEST),
        (post(b"Transfer-Encoding: chunked", content=b"3\r\nab"), REQUEST),
        (answer(b"Content-Length: 5", content=b"abc"), RESPONSE),
        (answer(b"Transfer-Encoding: chunked", content=b"3\r\nabc\r\n"), RESPONSE),
        (answer()[:-2], RESPONSE),
        (GET[:-2], REQUEST),
        (GET + GET[:-2], REQUEST),
    ],
)
def test_all_wait_for_what_is_missing(octets: bytes, direction: Direction) -> None:
    found = verdicts(octets, direction)
    if b"POST" in octets:
        assert found.pop("http.server") is Verdict.ACCEPTS  # of content it knows nothing
        found["its head alone"] = Verdict.WAITS
    assert all_say(Verdict.WAITS, found)


def test_both_lengths() -> None:
    found = verdicts(post(b"Content-Length: 16", b"Transfer-Encoding: chunked", content=CHUNKS), REQUEST)
    assert found["h11"] is Verdict.ACCEPTS
    assert found["llhttp"] is found["C, llhttp"] is found["Python"] is Verdict.REJECTS


def test_what_is_refused_is_told_in_their_own_words() -> None:
    found = asked(GET + post(b"Content-Length: 1\x1b[31m"), REQUEST)
    del found["http.server"]
    for opinion in found.values():
        assert opinion.verdict is Verdict.REJECTS
        assert opinion.words
        assert opinion.words.isprintable()
        assert opinion.messages[0].target == b"/x"  # what it saw before stays known
        assert opinion.messages[0].complete
    assert "Length" in found["llhttp"].words
    assert asked(b"GET / HTTP/9.x\r\n\r\n", REQUEST)["http.server"].words.startswith("400 Bad request version")


def test_long_words_are_cut() -> None:
    found = asked(b"GET / HTTP/1.1\r\n" + b"\x7f" * 5000 + b": a\r\n\r\n", REQUEST)
    assert max(len(opinion.words) for opinion in found.values()) == 303


#: Where one reads other messages than httpwire does: the parser, the octets, and the sizes that it sees.
OTHERWISE: dict[str, tuple[str, bytes, Direction, list[int]]] = {
    "h11 knows codings in HTTP/1.0": (
        "h11",
        post(b"Transfer-Encoding: chunked", content=CHUNKS, version=b"1.0"),
        REQUEST,
        [3],
    ),
    "http.client reads numbers as int() does": (
        "http.client",
        answer(b"Content-Length: 1_0", content=b"0123456789"),
        RESPONSE,
        [10],
    ),
    "http.client knows no list of codings": (
        "http.client",
        answer(b"Transfer-Encoding: gzip, chunked", content=CHUNKS),
        RESPONSE,
        [13],
    ),
}


@pytest.mark.parametrize("name", OTHERWISE)
def test_who_reads_it_differently(name: str) -> None:
    parser, octets, direction, sizes = OTHERWISE[name]
    opinion = asked(octets, direction)[parser]
    assert opinion.verdict is Verdict.DIFFERS
    assert [each.octets for each in opinion.messages] == sizes


def test_who_can_be_told_what_is_answered() -> None:
    """Of an answer to HEAD two can know that it has no content; the others are given what comes before it."""
    before = answer(b"Content-Length: 2", content=b"ab")
    head = answer(b"Content-Length: 9")
    found = verdicts(head, RESPONSE, [b"HEAD"])
    assert found.pop("h11") is found.pop("http.client") is Verdict.ACCEPTS
    assert set(found.values()) == {Verdict.NOT_ASKED}
    opinions = asked(before + head, RESPONSE, [b"GET", b"HEAD"])
    assert {each.verdict for each in opinions.values()} == {Verdict.ACCEPTS}
    assert {name: each.left_out for name, each in opinions.items() if each.left_out} == dict.fromkeys(
        ["llhttp", "C, llhttp", "Python"], len(head)
    )


def test_an_answer_that_nobody_asked_for_is_not_compared() -> None:
    octets = answer(b"Content-Length: 2", content=b"ab")
    assert all_say(Verdict.ACCEPTS, verdicts(octets + octets, RESPONSE, [b"GET"]))


def test_a_parser_that_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    import importlib.metadata

    def missing(name: str) -> str:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "version", missing)
    found = asked(GET, REQUEST)
    assert found.pop("http.server").verdict is Verdict.ACCEPTS
    assert {(each.verdict, each.version) for each in found.values()} == {(Verdict.NOT_INSTALLED, "")}


def test_a_parser_that_can_not_be_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "h11", None)
    found = asked(GET, REQUEST)
    assert found["h11"].verdict is Verdict.NOT_INSTALLED
    assert "h11" in found["h11"].words
    assert found["llhttp"].verdict is Verdict.ACCEPTS


@pytest.mark.parametrize("failure", [RecursionError("deep"), KeyError("k"), ValueError("\x1b\n" * 3), MemoryError()])
def test_whatever_a_parser_raises_is_its_rejection(monkeypatch: pytest.MonkeyPatch, failure: Exception) -> None:
    def broken(account: Account, *_: Any) -> None:
        account.begin(b"GET", b"/")
        raise failure

    monkeypatch.setattr(room, "REQUESTS", (("broken", "", True, broken),))
    (opinion,) = opinions(GET, REQUEST)
    assert opinion.verdict is Verdict.REJECTS
    assert opinion.words.startswith(type(failure).__name__)
    assert opinion.words.isprintable()
    assert [each.method for each in opinion.messages] == [b"GET"]


def test_parsers_are_loaded_when_they_are_asked() -> None:
    program = f"import sys; sys.path[:0] = {sys.path!r}; import httpwire.views.lint.parsers; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-I", "-S", "-c", program], capture_output=True, check=True, text=True)
    loaded = {name.partition(".")[0] for name in done.stdout.split()}
    assert "httpwire" in loaded
    assert not loaded & {"h11", "httptools", "aiohttp", "http", "email", "asyncio", "socket"}


def test_how_much_they_are_given_is_bounded() -> None:
    octets = GET * 3 + post(b"Content-Length: 1000", content=bytes(1000))
    for opinion in asked(octets, REQUEST, most_octets=len(GET) * 2).values():
        assert opinion.left_out == len(octets) - 2 * len(GET)
        assert len(opinion.messages) == 2
        assert opinion.verdict is Verdict.ACCEPTS


PARTS = [
    *(GET, CHUNKS, b"POST / HTTP/1.1\r\nHost: a\r\n", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 100 C\r\n\r\n"),
    *(b"HTTP/1.0 204 N\r\n", b"HTTP/1.1 101 S\r\n", b"CONNECT a:1 HTTP/1.1\r\n", b"GET /\r\n", b"hello"),
    *(b"Content-Length: 5\r\n", b"Content-Length: -1\r\n", b"Content-Length: 99999999999999999999\r\n"),
    *(b"Transfer-Encoding: chunked\r\n", b"Transfer-Encoding: x\r\n", b"Connection: close\r\n"),
    *(b"Upgrade: websocket\r\nConnection: upgrade\r\n", b"Content-Encoding: gzip\r\n", b"Expect: 100-continue\r\n"),
    *(b"\r\n", b"\n", b"\r", b"\0", b"\x1b", b" ", b":", b"-5\r\n", b"5;a\r\nhello\r\n", b"\xff\xfe"),
]


@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(st.sampled_from(PARTS) | st.binary(max_size=5), max_size=10).map(b"".join),
    st.sampled_from(Direction),
    st.none() | st.lists(st.sampled_from([b"GET", b"HEAD", b"CONNECT", b"\xff", None]), max_size=3),
)
def test_every_parser_has_an_opinion_of_whatever_it_is_given(
    octets: bytes, direction: Direction, methods: list[bytes | None] | None
) -> None:
    found = opinions(octets, direction, methods)
    assert [each.parser for each in found] == [each[0] for each in (REQUESTS if direction is REQUEST else RESPONSES)]
    for each in found:
        assert (each.verdict is Verdict.REJECTS) == bool(each.words)
        assert each.words.isprintable()
        assert each.unread is None or 0 <= each.unread <= len(octets)
        assert all(0 <= message.octets <= len(octets) for message in each.messages if message.octets is not None)
        assert "Rejected" not in each.words
        # These would be faults of how a parser is asked, and none of the octets'.
        assert not each.words.startswith(("AttributeError", "TypeError", "NameError", "LocalProtocolError"))
