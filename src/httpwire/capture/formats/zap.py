"""ZAP's exported messages ("Export Messages to File"): reading and writing.

In: for each exchange a line "==== NUMBER ==========", the request and the answer, each with a line end behind it
unless it ends with one. ZAP decodes content before it writes it, so what is read is told as reconstructed. Out: a
connection for each; and such files from a capture. Nothing in the file says where a message ends: that is read from
the messages themselves. Of a request a megabyte is looked through for its answer, answers go by in blocks.
"""

from __future__ import annotations

import re
from collections import deque
from itertools import chain

from httpwire.capture.formats.bare import WHEN, Facts, charge
from httpwire.capture.model import Ending, EventKind
from httpwire.capture.toll import NO_ANSWER, Cost
from httpwire.capture.traffic import SOME_TLS, ConnectionFacts
from httpwire.errors import RecordingUnreadable
from httpwire.language import N_
from httpwire.wire.element import Direction
from httpwire.wire.framing import Kind
from httpwire.wire.message import Message
from httpwire.wire.stream import Stream

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from httpwire.capture.raw import Outgoing
    from httpwire.capture.source import Source
    from httpwire.capture.store.capture import Capture
    from httpwire.capture.store.entry import Entry
    from httpwire.capture.toll import Toll
    from httpwire.capture.traffic import Output, Sink
    from httpwire.wire.stream import Event

NAME = "zap"
ENDINGS = (".zap.txt",)

AS_TEXT = Cost("zap-text", N_("messages that ZAP wrote as text, their content decoded"))
NO_REQUEST_LINE = Cost("zap-no-request", N_("parts that do not begin with a request"))
SEPARATOR_INSIDE = Cost("zap-separator", N_("exchanges in which ZAP's line between messages occurs"))
UNDIVIDED = Cost("zap-undivided", N_("exchanges of which ZAP's file would not show where the answer begins"))

_LINE = rb"={3,4} ?[0-9]{0,19} ={10}\r?\n"
_FIRST = re.compile(_LINE)
_NEXT = re.compile(rb"\n" + _LINE)
_ANYWHERE = re.compile(rb"={3,4}\s?[0-9]*\s={10}")  # what ZAP itself would divide at
_LINE_OCTETS = 64  # more than the longest of these
_BLOCK = 256 << 10
_LOOKED_AT = 1 << 20
_REQUEST = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,64} (?:(https?)://([^/?# \r\n]{1,255}))?[^ \r\n]* HTTP/[0-9]")
_ANSWER = re.compile(rb"HTTP/[0-9](?:\.[0-9])? [0-9]{3}")
_ANSWER_LINE = re.compile(rb"(\n)" + _ANSWER.pattern)
_HEAD_END = re.compile(rb"\r?\n\r?\n")


def recognises(first: bytes) -> bool:
    """Whether a file that begins with `first` is one of ZAP's."""
    return _FIRST.match(first.lstrip(b"\r\n")) is not None


def read(source: Source, sink: Sink, toll: Toll) -> None:
    """Give `sink` a connection for each exchange. Raises RecordingUnreadable, SaveFailed."""
    parts = _Parts(source)
    for _ in parts:
        _read_exchange(parts.octets(), sink, toll)


class _Parts:
    """What is between the lines that divide the file: for each its octets can be read."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._buffer = b""
        self._at = 0
        self._inside = False

    def __iter__(self) -> Iterator[None]:
        while self._source.peek(1) in (b"\r", b"\n"):
            self._source.read(1)
        if not self._enter():
            why = N_("it does not begin with a line that ZAP puts before each message")
            raise RecordingUnreadable(path=self._source.name, why=why, errno=None)
        while self._inside:
            yield
            for _ in self.octets():
                pass
            self._enter()

    def _enter(self) -> bool:
        """Pass over the line that a part begins with, and over those that only such lines follow."""
        entered = False
        while True:
            while len(self._buffer) - self._at < _LINE_OCTETS and self._more():
                pass
            found = _FIRST.match(self._buffer, self._at)
            if not found:
                return entered
            self._at = found.end()
            self._inside = entered = True

    def octets(self) -> Iterator[bytes]:
        """The octets of the part under way, in blocks."""
        while self._inside:
            found = _NEXT.search(self._buffer, self._at)
            safe = max(self._at, len(self._buffer) - _LINE_OCTETS)  # such a line may begin behind it
            stop = found.start() + 1 if found else safe
            octets = self._buffer[self._at : stop]
            self._at = stop
            self._inside = not found
            if not found and not self._more():
                octets, self._at = octets + self._buffer, len(self._buffer)
                self._inside = False
            if octets:
                yield octets

    def _more(self) -> bool:
        block = self._source.read(_BLOCK)
        self._buffer = self._buffer[self._at :] + block
        self._at = 0
        return bool(block)


def _read_exchange(blocks: Iterator[bytes], sink: Sink, toll: Toll) -> None:
    beginning = b""
    for block in blocks:
        beginning += block
        if len(beginning) >= _LOOKED_AT:
            break
    found = _REQUEST.match(beginning)
    if not found:
        if beginning.strip():
            toll.skip(NO_REQUEST_LINE)
        return
    end, start = _divide(beginning)
    method = beginning.partition(b" ")[0]
    toll.rebuild(AS_TEXT)
    toll.lose(WHEN)
    connection = sink.open(_facts(found))
    sink.event(connection, 0, Direction.REQUEST, EventKind.SEGMENT, beginning[:end])
    ending = Ending.UNSEEN
    try:
        if start < 0:
            for block in blocks:
                sink.event(connection, 0, Direction.REQUEST, EventKind.SEGMENT, block)
        sink.event(connection, 0, Direction.REQUEST, EventKind.SENT_ALL)
        if start < 0:
            toll.lose(NO_ANSWER)
        else:
            for octets in _without_added_end(chain((beginning[start:],), blocks), method):
                sink.event(connection, 0, Direction.RESPONSE, EventKind.SEGMENT, octets)
            ending = Ending.CLOSED
    finally:
        sink.event(connection, 0, Direction.RESPONSE, EventKind.ENDED, ending.value.encode("ascii"))
        sink.event(connection, 0, None, EventKind.END)


def _facts(found: re.Match[bytes]) -> ConnectionFacts:
    """What a request line says of the connection: ZAP puts the whole URL there."""
    scheme, authority = ((group or b"").decode("latin-1") for group in found.groups())
    secure = scheme == "https"
    return ConnectionFacts(
        0,
        target=f"{scheme}://{authority}" if scheme else "",
        tls=SOME_TLS if secure else None,
        origin=NAME,
        reconstructed=(AS_TEXT.id,),
    )


def _divide(octets: bytes) -> tuple[int, int]:
    """Where the request at the beginning of `octets` ends, and where the answer begins (-1: there is none)."""
    likely = _ANSWER_LINE.search(octets)  # the first line that looks as if it began an answer
    start = likely.end(1) if likely else len(octets)
    stop = _request_stop(octets[:start])
    if stop < 0 and likely:  # it may be part of the request's content
        stop = _request_stop(octets)
    if stop >= 0:
        for first in (stop, stop + 1):  # ZAP adds a line end where there is none
            if octets[stop:first] in (b"", b"\n") and _ANSWER.match(octets, first):
                return stop, first
        if not octets[stop:].strip():
            return stop, -1
    if not likely:
        return len(octets), -1
    head = _HEAD_END.search(octets, 0, start)  # the content is not as long as the head says
    return max(start - 1, head.end() if head else 0), start


def _request_stop(octets: bytes) -> int:
    """Where the first request in `octets` ends; -1 where it does not."""
    messages = (event for event in Stream(Direction.REQUEST).feed(octets) if isinstance(event, Message))
    message = next(messages, None)
    return message.stop if message and message.complete else -1


def _without_added_end(blocks: Iterable[bytes], method: bytes) -> Iterator[bytes]:
    """The octets of the answer to `method`, without the line end that ZAP added to it, if it did."""
    stream = Stream(Direction.RESPONSE, methods=deque((method,)))
    events: list[Event] = []
    held = b""
    for block in blocks:
        octets = held + block
        octets, held = (octets[:-1], b"\n") if octets.endswith(b"\n") else (octets, b"")
        events += (event for event in stream.feed(octets) if isinstance(event, Message) and not event.interim)
        if octets:
            yield octets
    if held and not events and not (stream.framing and stream.framing.kind is Kind.UNTIL_CLOSE):
        yield held


def write(capture: Capture, entries: Iterable[Entry], output: Output, toll: Toll) -> None:
    """Write `entries` as ZAP does, but with their octets as they are.

    Raises SaveFailed, and what reading the capture raises."""
    facts = Facts(capture)
    for entry in entries:
        request, response = (capture.octets(entry, each) for each in (Direction.REQUEST, Direction.RESPONSE))
        try:
            if _divides(request) or _divides(response):
                toll.skip(SEPARATOR_INSIDE)
            elif not _is_readable(request, response):
                toll.skip(UNDIVIDED)
            else:
                charge(entry, facts.of(entry), toll)
                toll.lose(WHEN)
                output.write(b"==== %d ==========\n" % entry.number)
                _put(output, request)
                _put(output, response)
        finally:
            request.close()
            response.close()


def _divides(octets: Outgoing) -> bool:
    """Whether something in `octets` looks like the line between messages."""
    behind = b""
    for block in octets.blocks():
        seen = behind + block
        if _ANYWHERE.search(seen):
            return True
        behind = seen[-_LINE_OCTETS:]
    return False


def _is_readable(request: Outgoing, response: Outgoing) -> bool:
    """Whether the two are found again where one is written behind the other."""
    octets = request.read(0, min(request.octets, _LOOKED_AT))
    if request.octets >= _LOOKED_AT or not _REQUEST.match(octets):
        return False
    added = b"" if octets.endswith(b"\n") else b"\n"
    beginning = response.read(0, min(response.octets, _BLOCK))
    return _divide(octets + added + beginning) == (
        (len(octets), len(octets + added)) if response.octets else (len(octets), -1)
    )


def _put(output: Output, octets: Outgoing) -> None:
    last = b"\n"
    for block in octets.blocks():
        output.write(block)
        last = block[-1:]
    if last != b"\n":
        output.write(b"\n")
