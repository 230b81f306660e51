"""One message taken apart for reading: the model that the text, HTML and JSON forms render.

In: a Part, the octets it came from, and how many octets of content to hold. Out: an Anatomy: rows
(one line of the wire each, with its elements and octets), the decoded content, and findings.
Rows tile the Part; what is left out of a long one is counted.
"""

from __future__ import annotations

from httpwire.capture.reading import Part
from httpwire.language import N_
from httpwire.views.content import Content, content_of
from httpwire.wire.element import RUNS, Direction, Element, ElementKind
from httpwire.wire.record import Record, at

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from httpwire.capture.raw import Outgoing

#: The kinds that end a line.
_LINE_ENDS = frozenset((ElementKind.LINE_END, ElementKind.HEAD_END, ElementKind.TRAILER_END, ElementKind.EMPTY_LINE))
#: The kinds that name the line which begins with them.
_NAMING = frozenset((ElementKind.HEAD_END, ElementKind.TRAILER_END, ElementKind.EMPTY_LINE, ElementKind.CHUNK_SIZE))


class Row(Record):
    """One line of the wire, from `start` up to `stop`: its `label` is a message id, `octets` are its bytes, of a
    long run the first ones."""

    __slots__ = ()
    FIELDS = ("label", "start", "stop", "elements", "octets")
    label: str = at(0)
    start: int = at(1)
    stop: int = at(2)
    elements: tuple[Element, ...] = at(3)
    octets: bytes = at(4)

    def __new__(cls, label: str, start: int, stop: int, elements: tuple[Element, ...], octets: bytes) -> Row:
        return tuple.__new__(cls, (label, start, stop, elements, octets))

    def pieces(self) -> Iterator[tuple[Element, bytes]]:
        """Each element with its octets, as far as they are held."""
        for element in self.elements:
            yield element, self.octets[element.start - self.start : element.stop - self.start]


class Anatomy(Record):
    """A Part with its `rows`, and its `content` decoded (None: it has none that could be)."""

    __slots__ = ()
    FIELDS = ("part", "rows", "content")
    part: Part = at(0)
    rows: tuple[Row, ...] = at(1)
    content: Content | None = at(2)

    def __new__(cls, part: Part, rows: tuple[Row, ...], content: Content | None) -> Anatomy:
        return tuple.__new__(cls, (part, rows, content))


def anatomy_of(part: Part, source: Outgoing, most: int) -> Anatomy:
    """`part` taken apart; of each long run of its octets, and of its decoded content, at most `most` octets are held.

    Raises RecordingUnreadable.
    """
    content = content_of(part.message, source, most) if part.message else None
    return Anatomy(part, tuple(_rows(part, source, most)), content)


def _rows(part: Part, source: Outgoing, most: int) -> Iterator[Row]:
    line: list[Element] = []
    elements = part.elements
    for index, element in enumerate(elements):
        if element.kind in RUNS:
            octets = source.read(element.start, min(element.stop, element.start + most))
            yield Row(element.kind.value, element.start, element.stop, (element,), octets)
            continue
        line.append(element)
        following = elements[index + 1].kind if index + 1 < len(elements) else None
        if element.kind in _LINE_ENDS or following is None or following in RUNS:
            yield _row(part, line, source)
            line = []


def _row(part: Part, line: list[Element], source: Outgoing) -> Row:
    start, stop = line[0].start, line[-1].stop
    kind = line[0].kind
    head = part.message.head if part.message else None
    first = head is not None and start == head.start
    if kind in _NAMING:
        label = kind.value
    elif kind is ElementKind.CHUNK_EXTENSIONS:
        label = ElementKind.CHUNK_SIZE.value
    elif kind is ElementKind.LINE_END:
        label = N_("end of chunk")
    elif first and part.direction is Direction.REQUEST:
        label = N_("request line")
    elif first:
        label = N_("status line")
    elif kind is ElementKind.MALFORMED:
        label = kind.value
    else:
        label = N_("trailer") if part.message and start >= part.message.content_start else N_("field")
    inside = head is not None and head.start <= start and stop <= head.stop
    octets = head.raw[start - head.start : stop - head.start] if head and inside else source.read(start, stop)
    return Row(label, start, stop, tuple(line), octets)
