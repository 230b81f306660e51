"""Recorded octets, read as the messages of one direction.

In: an Outgoing (a file, or bytes), and which direction it is, or None to tell it from the first
octets. Out: Parts, one a message, whose elements tile the octets; what belongs to no
message is a Part without one. Parts come one by one: what is in memory is one of them.
"""

from __future__ import annotations

from collections import deque

from httpwire.wire.deviations import BYTES_AFTER_END, EMPTY_LINE_BEFORE, Finding
from httpwire.wire.element import RUNS, Direction, Element, ElementKind
from httpwire.wire.head import Head
from httpwire.wire.message import Message
from httpwire.wire.preflight import is_handed_over, is_left_over
from httpwire.wire.record import Record, at
from httpwire.wire.stream import Stream

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from httpwire.capture.raw import Outgoing
    from httpwire.wire.stream import Event

#: How many elements of one Part are held, beside those of its head; the others are counted.
ELEMENTS = 2_000


class Part(Record):
    """Octets `start` up to `stop` of one direction: a message with empty lines before it, or (`message` None) what is
    none. `elements` tile it, but for `unlisted` more of the content's, which are only counted; `findings` deviate."""

    __slots__ = ()
    FIELDS = ("direction", "start", "stop", "message", "elements", "unlisted", "findings")
    direction: Direction = at(0)
    start: int = at(1)
    stop: int = at(2)
    message: Message | None = at(3)
    elements: tuple[Element, ...] = at(4)
    unlisted: int = at(5)
    findings: tuple[Finding, ...] = at(6)

    def __new__(
        cls,
        direction: Direction,
        start: int,
        stop: int,
        message: Message | None,
        elements: tuple[Element, ...],
        unlisted: int,
        findings: tuple[Finding, ...],
    ) -> Part:
        return tuple.__new__(cls, (direction, start, stop, message, elements, unlisted, findings))


class Reading:
    """The octets of `source` as messages of one `direction`. `asked` are the methods of the requests that responses
    answer (None: not known); all that is read is then taken for answers to them, in order."""

    def __init__(
        self, source: Outgoing, direction: Direction | None = None, asked: Iterable[bytes] | None = None
    ) -> None:
        self.source = source
        self.direction = direction or direction_of(source)
        self.answers = asked is not None  #: whether it is read as answers to known requests
        self._asked = list(asked or ())

    def _stream(self) -> Stream:
        if self.direction is Direction.REQUEST or not self.answers:
            return Stream(self.direction, detail=True)
        return Stream(self.direction, methods=deque(self._asked), detail=True)

    def methods(self) -> list[bytes]:
        """The method of each request; empty where it can't be read."""
        return [part.message.method for part in self.parts() if part.message]

    def elements(self) -> Iterator[Element]:
        """Elements that tile all octets."""
        before: Element | None = None
        for event in self._events():
            for element in _laid(event):
                joined = _joined(before, element)
                if before and not joined:
                    yield before
                before = joined or element
        if before:
            yield before

    def parts(self) -> Iterator[Part]:
        """The messages in order, and what is left over."""
        before: Message | None = None
        gathered = _Gathered(0)
        events = self._events()
        for event in events:
            if not isinstance(event, Message):
                gathered.add(event)
                continue
            left_over = self._left_over(event, before)
            if left_over or (before and is_handed_over(event, before)):
                yield self._rest(before.stop if before else 0, left_over)
                return
            yield gathered.part(self.direction, event)
            gathered = _Gathered(event.stop)
            before = event
        if gathered.elements:
            yield self._nobodys(gathered, before)

    def _events(self) -> Iterator[Event]:
        stream = self._stream()
        for events in self.source.shown_to(stream):
            yield from events
        yield from stream.feed_eof()

    def _left_over(self, message: Message, before: Message | None) -> Finding | None:
        """The finding for octets that are no message, but more than the one before has room for."""
        if message.head and message.head.line.version:
            return None
        deviation = is_left_over(message, before)
        if deviation is None or before is None:
            return None
        if self.direction is Direction.RESPONSE:
            deviation = BYTES_AFTER_END
        stop = self.source.octets
        return Finding(deviation, self.direction, before.stop, stop, {"extra": stop - before.stop})

    def _rest(self, start: int, finding: Finding | None) -> Part:
        """All octets from `start` on, as one element."""
        kind = ElementKind.EXTRA if finding else ElementKind.TUNNEL
        stop = self.source.octets
        elements = (Element(kind, start, stop),)
        return Part(self.direction, start, stop, None, elements, 0, (finding,) if finding else ())

    def _nobodys(self, gathered: _Gathered, before: Message | None) -> Part:
        """What follows the last message: empty lines, or octets that no request asked for."""
        start, stop = gathered.start, gathered.elements[-1].stop
        if gathered.elements[-1].kind is ElementKind.EXTRA and before:
            return self._rest(start, Finding(BYTES_AFTER_END, self.direction, start, stop, {"extra": stop - start}))
        findings = tuple(
            Finding(EMPTY_LINE_BEFORE, self.direction, element.start, element.stop) for element in gathered.elements
        )
        return gathered.part(self.direction, None, findings)


class _Gathered:
    """The elements of a Part as they come."""

    def __init__(self, start: int) -> None:
        self.start = start
        self.elements: list[Element] = []
        self.unlisted = 0
        self._most = ELEMENTS

    def add(self, event: Element | Head) -> None:
        for element in _laid(event):
            joined = _joined(self.elements[-1] if self.elements else None, element)
            if joined and not self.unlisted:
                self.elements[-1] = joined
            elif isinstance(event, Element) and len(self.elements) >= self._most:
                self.unlisted += 1
            else:
                self.elements.append(element)
        if isinstance(event, Head):
            self._most = len(self.elements) + ELEMENTS

    def part(self, direction: Direction, message: Message | None, findings: tuple[Finding, ...] = ()) -> Part:
        stop = message.stop if message else self.elements[-1].stop
        found = message.findings if message else findings
        return Part(direction, self.start, stop, message, tuple(self.elements), self.unlisted, found)


def _laid(event: Event) -> Iterable[Element]:
    """The elements that an event lays."""
    if isinstance(event, Head):
        return event.elements()
    return (event,) if isinstance(event, Element) else ()


def _joined(before: Element | None, element: Element) -> Element | None:
    """Both as one, where they are neighbours of a kind that comes in stretches of any length."""
    if before and before.kind is element.kind and element.kind in RUNS and before.stop == element.start:
        return Element(element.kind, before.start, element.stop)
    return None


def direction_of(source: Outgoing) -> Direction:
    """What recorded octets are, by their first line: a response begins with HTTP/ (RFC 9112 4)."""
    first = source.read(0, min(source.octets, 64)).lstrip(b"\r\n")
    return Direction.RESPONSE if first.startswith(b"HTTP/") else Direction.REQUEST
