"""What never ends: it is found, every octet of it is accounted for, memory stays bounded, and the work is linear.

Nothing here is timed. Memory is what tracemalloc counts; work is counted where it is done: how many octets are
searched, matched or copied.
"""

from __future__ import annotations

import re
import tracemalloc
from collections.abc import Callable, Iterator

import pytest

from httpwire.wire import fields, grammar
from httpwire.wire.content import Limits
from httpwire.wire.element import Direction, Element, ElementKind
from httpwire.wire.exchange import Conversation
from httpwire.wire.fields import FieldLine
from httpwire.wire.framing import Kind, Rule
from httpwire.wire.head import Head
from httpwire.wire.message import Message
from httpwire.wire.stream import Stream

REQUEST, RESPONSE = Direction.REQUEST, Direction.RESPONSE
PIECE = 64 << 10
TOTAL = 200 << 20
LIMIT = Limits()

CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"

#: What begins, what goes on and on, the finding, and the rule that remains.
ENDLESS: dict[str, tuple[Direction, bytes, bytes, str, Rule]] = {
    "head of one line": (REQUEST, b"GET /", b"a", "head-too-large", Rule.LIMIT),
    "head of fields": (REQUEST, b"GET / HTTP/1.1\r\n", b"A: b\r\n", "head-too-large", Rule.LIMIT),
    "head of folds": (REQUEST, b"GET / HTTP/1.1\r\nA: b\r\n", b" c\r\n", "head-too-large", Rule.LIMIT),
    "head of a response": (RESPONSE, b"HTTP/1.1 200 OK\r\n", b"Set-Cookie: a=b\r\n", "head-too-large", Rule.LIMIT),
    "interim responses": (RESPONSE, b"", b"HTTP/1.1 103 Early Hints\r\n\r\n", "interim-too-many", Rule.LIMIT),
    "chunk extensions": (RESPONSE, CHUNKED + b"5", b";a=b", "chunk-line-too-large", Rule.LIMIT),
    "chunk size of zeros": (RESPONSE, CHUNKED, b"0", "chunk-line-too-large", Rule.LIMIT),
    "trailers": (RESPONSE, CHUNKED + b"0\r\n", b"A: b\r\n", "trailers-too-large", Rule.LIMIT),
    "a chunk of 2^80": (
        RESPONSE,
        CHUNKED + b"100000000000000000000\r\n",
        b"a",
        "chunk-size-too-large",
        Rule.CHUNK_BROKEN,
    ),
    "no HTTP": (RESPONSE, b"", b"ha", "not-http", Rule.NOT_HTTP),
}


def pieces(begin: bytes, again: bytes, total: int) -> Iterator[bytes]:
    """`begin`, then `again` without end, in pieces that are made once: what is measured is the reader's memory."""
    yield begin
    piece = again * (PIECE // len(again))
    for _ in range((total - len(begin)) // len(piece)):
        yield piece


@pytest.mark.parametrize("name", ENDLESS)
def test_what_never_ends_is_found_and_bounded(name: str) -> None:
    direction, begin, again, id, rule = ENDLESS[name]
    stream = Stream(direction)
    accounted = fed = 0
    tracemalloc.start()
    try:
        for piece in pieces(begin, again, TOTAL):
            fed += len(piece)
            for event in stream.feed(piece):
                accounted += size(event)
            assert accounted + len(stream.pending) == fed
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    found = [finding.deviation.id for finding in stream.findings]
    (last,) = [event for event in stream.feed_eof() if isinstance(event, Message)]
    assert id in found
    assert last.framing
    assert (last.framing.kind, last.framing.rule, last.complete) == (Kind.UNDECIDABLE, rule, False)
    assert last.stop == fed
    assert peak < 4 * LIMIT.head, f"{peak / 2**20:.1f} MiB"


def size(event: Head | Element | Message) -> int:
    """How many octets an event accounts for; a message is made of what was told before."""
    if isinstance(event, Head):
        return sum(element.stop - element.start for element in event.elements())
    return event.stop - event.start if isinstance(event, Element) else 0


def test_empty_lines_without_end() -> None:
    """They are no head, and they could go on for ever: past the limit they are kept, and not read."""
    stream = Stream(REQUEST)
    accounted = 0
    for _ in range(64):
        accounted += sum(map(size, stream.feed(b"\r\n" * 4096)))
    assert accounted == 64 * 2 * 4096
    assert stream.findings[-1].deviation.id == "head-too-large"
    assert len(stream.findings) == 21
    assert stream.framing
    assert stream.framing.rule is Rule.LIMIT


def test_a_head_of_too_many_lines() -> None:
    """As many octets as the limit allows, and more lines: small lines cost most."""
    octets = b"GET / HTTP/1.1\r\n" + b"A:\r\n" * LIMIT.lines + b"\r\n"
    assert len(octets) < LIMIT.head
    stream = Stream(REQUEST)
    stream.feed(octets)
    (finding,) = stream.findings
    assert (finding.deviation.id, finding.details) == ("head-too-large", {"limit": LIMIT.lines, "unit": "lines"})
    assert stream.framing
    assert stream.framing.rule is Rule.LIMIT


def test_a_head_just_within_both_limits_is_read() -> None:
    octets = b"GET / HTTP/1.1\r\nHost: a\r\n" + b"A: b\r\n" * (LIMIT.lines - 3) + b"\r\n"
    stream = Stream(REQUEST)
    (first, second) = stream.feed(octets)
    assert isinstance(first, Head)
    assert isinstance(second, Message)
    assert len(first.fields) == LIMIT.lines - 2
    assert second.complete


def test_findings_without_end_are_not_kept() -> None:
    octets = b"GET / HTTP/1.1\r\nHost: a\r\n" + b"what\x00\n" * 50_000 + b"\r\n"
    (message,) = [event for event in Stream(REQUEST).feed(octets) if isinstance(event, Message)]
    assert len(message.findings) == 3 * 20


def test_a_value_in_a_finding_is_short() -> None:
    octets = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %b\r\n\r\n" % (b"x" * 1_000_000)
    stream = Stream(REQUEST)
    stream.feed(octets)
    (finding,) = stream.findings
    assert len(str(finding)) < 200


@pytest.mark.parametrize("detail", [True, False])
def test_a_limit_holds_with_detail_and_without(detail: bool) -> None:  # noqa: FBT001
    """A chunk line of seven octets is over a limit of four, also where the chunk stands whole in the buffer."""
    stream = Stream(RESPONSE, limits=Limits(chunk_line=4), detail=detail)
    stream.feed(CHUNKED + b"00005\r\nhello\r\n0\r\n\r\n")
    assert [finding.deviation.id for finding in stream.findings] == ["chunk-line-too-large"]


def test_a_download_is_not_held() -> None:
    """The content of an answer passes through; only its head is kept."""
    stream = Stream(RESPONSE)
    stream.feed(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % TOTAL)
    piece = bytes(PIECE)
    tracemalloc.start()
    try:
        for _ in range(TOTAL // PIECE):
            stream.feed(piece)
            assert stream.pending == b""
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 1 << 20


def test_chunks_without_end_are_not_held() -> None:
    stream = Stream(RESPONSE)
    stream.feed(CHUNKED)
    piece = b"1\r\na\r\n" * (PIECE // 6)
    tracemalloc.start()
    try:
        for _ in range(300):
            stream.feed(piece)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 1 << 20
    stream.feed(b"0\r\n\r\n")
    assert stream.pending == b""


def test_a_conversation_that_is_sent_noise() -> None:
    conversation = Conversation()
    conversation.sent(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", 0)
    piece = b"\xff" * PIECE
    tracemalloc.start()
    try:
        for _ in range(1000):
            conversation.received(piece, 1)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 1 << 20


# Work, counted.


class Counted:
    """A production of the grammar that counts the octets it has looked at."""

    def __init__(self, expression: re.Pattern[bytes], work: list[int]) -> None:
        self._expression = expression
        self._work = work

    def _count(self, found: re.Match[bytes] | None, start: int, stop: int, *, searched: bool) -> re.Match[bytes] | None:
        # A match looks at what it matches and one more; a search also at all before it, or all there is.
        self._work[0] += 1 + (found.end() - start if found else stop - start if searched else 0)
        return found

    def match(self, octets: bytes, start: int = 0, stop: int | None = None) -> re.Match[bytes] | None:
        stop = len(octets) if stop is None else stop
        return self._count(self._expression.match(octets, start, stop), start, stop, searched=False)

    def fullmatch(self, octets: bytes, start: int = 0, stop: int | None = None) -> re.Match[bytes] | None:
        stop = len(octets) if stop is None else stop
        return self._count(self._expression.fullmatch(octets, start, stop), start, stop, searched=True)

    def search(self, octets: bytes, start: int = 0, stop: int | None = None) -> re.Match[bytes] | None:
        stop = len(octets) if stop is None else min(stop, len(octets))
        return self._count(self._expression.search(octets, start, stop), start, stop, searched=True)

    def finditer(self, octets: bytes, start: int = 0, stop: int | None = None) -> Iterator[re.Match[bytes]]:
        stop = len(octets) if stop is None else stop
        self._work[0] += stop - start
        return self._expression.finditer(octets, start, stop)


class CountedOctets(bytearray):
    """The octets of a Buffer, counting how many of them are searched for a line end."""

    work = 0

    def find(self, sub: object, start: int = 0, stop: int | None = None) -> int:  # type: ignore[override]
        end = len(self) if stop is None else min(stop, len(self))
        found = super().find(b"\n", start, end)
        assert sub == b"\n"
        type(self).work += (end if found < 0 else found + 1) - start
        return found


@pytest.fixture
def work(monkeypatch: pytest.MonkeyPatch) -> Callable[[Stream, bytes], int]:
    """Feeds a stream octet by octet; gives how many octets were looked at or put into values for it."""
    looked = [0]
    for name in grammar._PRODUCTIONS:
        monkeypatch.setattr(grammar, name, Counted(getattr(grammar, name), looked))

    def line(name: bytes, value: bytes, start: int, colon: int, stop: int) -> FieldLine:
        looked[0] += len(name) + len(value)
        return FieldLine(name, value, start, colon, stop)

    monkeypatch.setattr(fields, "FieldLine", line)

    def feed(stream: Stream, octets: bytes) -> int:
        looked[0] = CountedOctets.work = 0
        stream._buffer.octets = CountedOctets(stream._buffer.octets)
        for i in range(len(octets)):
            stream.feed(octets[i : i + 1])
        return looked[0] + CountedOctets.work

    return feed


LINEAR: dict[str, tuple[Direction, bytes, bytes, bytes]] = {
    "a long line": (REQUEST, b"", b"a", b"\r\n\r\n"),
    "many fields": (REQUEST, b"GET / HTTP/1.1\r\n", b"A: b\r\n", b"\r\n"),
    "many folds": (REQUEST, b"GET / HTTP/1.1\r\nA: b\r\n", b" c\r\n", b"\r\n"),
    "many lines that are none": (REQUEST, b"GET / HTTP/1.1\r\n", b"what\n", b"\n"),
    "empty lines": (REQUEST, b"", b"\r\n", b"GET / HTTP/1.1\r\n\r\n"),
    "many requests": (REQUEST, b"", b"GET / HTTP/1.1\r\n\r\n", b""),
    "many interim responses": (RESPONSE, b"", b"HTTP/1.1 100 \r\n\r\n", b"HTTP/1.1 204 \r\n\r\n"),
    "many chunks": (RESPONSE, CHUNKED, b"1\r\na\r\n", b"0\r\n\r\n"),
    "a chunk size of many zeros": (RESPONSE, CHUNKED, b"0", b"1\r\na\r\n0\r\n\r\n"),
    "a long chunk extension": (RESPONSE, CHUNKED + b"1;a", b"b", b"\r\na\r\n0\r\n\r\n"),
    "many trailers": (RESPONSE, CHUNKED + b"0\r\n", b"A: b\r\n", b"\r\n"),
}


@pytest.mark.parametrize("detail", [True, False])
@pytest.mark.parametrize("name", LINEAR)
def test_the_work_is_linear_however_small_the_segments(
    name: str,
    detail: bool,  # noqa: FBT001
    work: Callable[[Stream, bytes], int],
) -> None:
    """Four times the octets, one at a time, are four times the work, give or take a fifth: not sixteen times."""
    direction, begin, again, end = LINEAR[name]
    few, many = (
        work(Stream(direction, detail=detail), begin + again * (count // len(again)) + end) for count in (2_000, 8_000)
    )
    assert many < 4.8 * few


def test_the_count_can_tell_quadratic_work(work: Callable[[Stream, bytes], int]) -> None:
    """A stream that forgets how far it has searched is noticed."""

    class Forgetful(Stream):
        def feed(self, data: bytes | memoryview) -> list[Head | Element | Message]:
            self._buffer.searched = 0
            return super().feed(data)

    few, many = (work(Forgetful(REQUEST), b"a" * count) for count in (2_000, 8_000))
    assert many > 12 * few


def test_the_elements_of_a_folded_head_are_linear_work(work: Callable[[Stream, bytes], int]) -> None:
    del work  # only its counting is used here
    counts: list[int] = []
    for folds in (500, 2_000):
        raw = b"GET / HTTP/1.1\r\nA: b\r\n" + b" c\r\n" * folds + b"\r\n"
        stream = Stream(REQUEST)
        (first,) = [event for event in stream.feed(raw) if isinstance(event, Head)]
        counted = Counted(grammar.FOLD, tally := [0])
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(grammar, "FOLD", counted)
            elements = list(first.elements())
        assert sum(element.kind is ElementKind.FOLD for element in elements) == folds
        counts.append(tally[0])
    assert counts[1] < 4.8 * counts[0]
