"""Recorded octets, read as the messages of one direction.

In: an Outgoing (a file, or bytes), and which direction it is, or None to tell it from the first
octets. Out: Parts, one a message, whose elements tile the octets; what belongs to no
message is a Part without one. Parts come one by one: what is in memory is one of them.
"""

from __future__ import annotations

from collections import deque
from itertools import chain

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

#: How many elements of one message's chunks are held: a gigabyte may have a thousand million of them.
ELEMENTS = 2_000
_PIECE = 4096  # octets of chunks that are read at once for them


class Part(Record):
    """Octets `start` up to `stop` of one direction: a message with empty lines before it, or (`message` None) what is
    none. `outside` are the elements outside the message's head; of very many chunks all but the first are one element,
    and `whole` is False. `findings` deviate."""

    __slots__ = ()
    FIELDS = ("direction", "start", "stop", "message", "outside", "findings", "whole")
    direction: Direction = at(0)
    start: int = at(1)
    stop: int = at(2)
    message: Message | None = at(3)
    outside: tuple[Element, ...] = at(4)
    findings: tuple[Finding, ...] = at(5)
    whole: bool = at(6)

    def __new__(
        cls,
        direction: Direction,
        start: int,
        stop: int,
        message: Message | None,
        outside: tuple[Element, ...],
        findings: tuple[Finding, ...],
        *,
        whole: bool = True,
    ) -> Part:
        return tuple.__new__(cls, (direction, start, stop, message, outside, findings, whole))

    @property
    def elements(self) -> tuple[Element, ...]:
        """Elements that tile it, as far as it is `whole`; those of the head are laid each time they are asked for."""
        head = self.message.head if self.message else None
        if head is None:
            return self.outside
        index = next((i for i, element in enumerate(self.outside) if element.start >= head.stop), len(self.outside))
        return (*self.outside[:index], *head.elements(), *self.outside[index:])


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

    def _stream(self, *, detail: bool) -> Stream:
        if self.direction is Direction.REQUEST or not self.answers:
            return Stream(self.direction, detail=detail)
        return Stream(self.direction, methods=deque(self._asked), detail=detail)

    def methods(self) -> list[bytes]:
        """The method of each request; empty where it can't be read."""
        return [part.message.method for part in self.parts() if part.message]

    def asked(self, first: int) -> list[bytes | None] | None:
        """The methods that are answered, from the one with the index `first` on; None where they are not known."""
        return list(self._asked[first:]) if self.answers else None

    def elements(self) -> Iterator[Element]:
        """Elements that tile all octets."""
        before: Element | None = None
        for event in self._events(detail=True):
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
        start = 0
        outside: list[Element] = []
        for event in self._events(detail=False):
            if isinstance(event, Message):
                yield self._part(start, outside, event)
                start, before, outside = event.stop, event, []
            elif isinstance(event, Element):
                _append(outside, event)
        if outside:
            yield self._nobodys(start, outside, before)

    def _events(self, *, detail: bool) -> Iterator[Event]:
        """What the octets are, up to where they are no message, but left over: that is one element."""
        stream = self._stream(detail=detail)
        before: Message | None = None
        between = False  # no octet of the next message was seen yet
        for events in chain(self.source.shown_to(stream), _last(stream)):
            for event in events:
                empty = isinstance(event, Element) and event.kind is ElementKind.EMPTY_LINE
                if between and before and not empty:
                    head = event if isinstance(event, Head) else None
                    kind = self._nobodys_kind(head, before)
                    if kind:
                        yield Element(kind, event.start, self.source.octets)
                        return
                    between = False
                if isinstance(event, Message):
                    before, between = event, True
                yield event

    def _nobodys_kind(self, head: Head | None, before: Message) -> ElementKind | None:
        """What octets behind the message `before` are where they are no message: `head` is what they show of one."""
        if is_left_over(head, before):
            return ElementKind.EXTRA
        return ElementKind.TUNNEL if is_handed_over(head, before) else None

    def _nobodys(self, start: int, outside: list[Element], before: Message | None) -> Part:
        """What follows the last message and is none: empty lines, or octets that no message has room for."""
        stop = outside[-1].stop
        findings = [
            Finding(EMPTY_LINE_BEFORE, self.direction, element.start, element.stop)
            for element in outside
            if element.kind is ElementKind.EMPTY_LINE
        ]
        if outside[-1].kind is ElementKind.EXTRA:
            deviation = is_left_over(None, before) if self.direction is Direction.REQUEST else None
            extra = {"extra": stop - start}
            findings = [Finding(deviation or BYTES_AFTER_END, self.direction, start, stop, extra)]
        return Part(self.direction, start, stop, None, tuple(outside), tuple(findings))

    def _part(self, start: int, outside: list[Element], message: Message) -> Part:
        whole = True
        for index, element in enumerate(outside):
            if element.kind is ElementKind.CHUNKED:
                chunks, whole = self._chunks(message, outside[index:])
                outside[index:] = chunks
                break
        return Part(self.direction, start, message.stop, message, tuple(outside), message.findings, whole=whole)

    def _chunks(self, message: Message, elements: list[Element]) -> tuple[list[Element], bool]:
        """The parts of the first chunks in place of their run, and what follows it; whether that is all of them."""
        head = Stream(self.direction, methods=deque((None,)), detail=True)
        head.feed(message.head.raw if message.head else b"")
        shift = message.content_start - head.offset
        detailed: list[Element] = []
        for block in self.source.blocks(message.content_start, elements[0].stop):
            for piece in range(0, len(block), _PIECE):
                for event in head.feed(block[piece : piece + _PIECE]):
                    if isinstance(event, Element):
                        _append(detailed, Element(event.kind, event.start + shift, event.stop + shift))
                if len(detailed) > ELEMENTS:
                    listed = _whole_lines(detailed[:ELEMENTS])
                    rest = Element(ElementKind.CHUNKED, listed[-1].stop, elements[0].stop)
                    return [*listed, rest, *elements[1:]], False
        return [*detailed, *elements[1:]], True


def _append(elements: list[Element], element: Element) -> None:
    """Put `element` behind the others, as one with the last where they are one run."""
    joined = _joined(elements[-1] if elements else None, element)
    if joined:
        elements[-1] = joined
    else:
        elements.append(element)


def _whole_lines(elements: list[Element]) -> list[Element]:
    """Elements of chunks without those of a first line that is cut off."""
    while elements and elements[-1].kind in (ElementKind.CHUNK_SIZE, ElementKind.CHUNK_EXTENSIONS):
        elements.pop()
    return elements


def _last(stream: Stream) -> Iterator[list[Event]]:
    yield stream.feed_eof()


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
