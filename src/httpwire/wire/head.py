"""The head of a message: its start line and field lines, read from octets that hold it whole.

In: the octets of one head, blank line included, and their absolute offset. Out: a Head;
each deviation met is told to `note`. Never raises, never changes an octet: names and
values are what stands between the delimiters, and elements() tiles the head.
"""

from __future__ import annotations

from itertools import accumulate, repeat

from httpwire.wire import deviations as dev
from httpwire.wire import grammar
from httpwire.wire.element import Direction, Element, ElementKind
from httpwire.wire.fields import BLANKS, FieldLine, field_elements, parse_fields
from httpwire.wire.record import Record, at
from httpwire.wire.start_line import (
    REQUEST_LINE,
    STATUS_LINE,
    StartLine,
    check_request_line,
    check_status_line,
    read_start_line,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    import re

    from httpwire.wire.fields import Note

_CLEAN = 64 << 10  # octets of a head that are matched whole
_DECIDING = (b"\nhost:", b"\ncontent-length:", b"\ntransfer-encoding:")
#: The kinds of a start line's elements, by whether it is a request's, and of a field line's.
_START = tuple(
    (kinds[0], ElementKind.BLANK, kinds[1], ElementKind.BLANK, kinds[2], ElementKind.LINE_END)
    for kinds in (STATUS_LINE, REQUEST_LINE)
)
_FIELD_LINE = (
    *(ElementKind.FIELD_NAME, ElementKind.COLON, ElementKind.BLANK),
    *(ElementKind.FIELD_VALUE, ElementKind.LINE_END),
)


class Head(Record):
    """The head of a message. `raw` is its octets, `start` the absolute offset of the first; `clean` tells that it has
    no deviation of form.

    Its lines and elements are read from the octets each time they are asked for: whoever
    keeps ten thousand heads keeps little more than their octets.
    """

    __slots__ = ()
    FIELDS = ("direction", "raw", "start", "line", "clean")
    direction: Direction = at(0)
    raw: bytes = at(1)
    start: int = at(2)
    line: StartLine = at(3)
    clean: bool = at(4)

    def __new__(cls, direction: Direction, raw: bytes, start: int, line: StartLine, *, clean: bool = False) -> Head:
        return tuple.__new__(cls, (direction, raw, start, line, clean))

    @property
    def stop(self) -> int:
        return self.start + len(self.raw)

    @property
    def complete(self) -> bool:
        """Whether the blank line is there."""
        return self.raw.endswith((b"\n\r\n", b"\n\n"))

    @property
    def lines(self) -> tuple[FieldLine, ...]:
        """The lines between the start line and the blank line, in order."""
        return parse_fields(self.raw, self.raw.find(b"\n") + 1 or len(self.raw), self.start, _silent)

    @property
    def fields(self) -> tuple[FieldLine, ...]:
        """The lines that have a name: the fields."""
        return tuple(line for line in self.lines if line.name)

    def values(self, name: bytes) -> list[bytes]:
        """The values of each field line called `name`, in order; names have no case (RFC 9110 5.1)."""
        name = name.lower()
        if self.clean:
            return [line.value for line in _lines_called(b"\n%s:" % name, self.raw, self.raw.lower(), self.start)]
        if b"\n%s" % name not in self.raw.lower():  # most are asked for in vain
            return []
        return [line.value for line in self.lines if line.name.lower() == name]

    def elements(self) -> list[Element]:
        """Elements that tile the head."""
        usual = _usual_elements(self) if self.clean else None
        if usual:
            return usual
        elements = read_start_line(self.raw, self.start, self.direction, _silent)[1]
        elements.extend(field_elements(self.raw, self.start, self.lines, ElementKind.HEAD_END))
        return elements


def parse_head(raw: bytes, start: int, direction: Direction, note: Note) -> tuple[Head, tuple[FieldLine, ...]]:
    """Read `raw`, which begins with a start line and ends with the blank line (or where the octets ended).

    Gives the head, and of its lines at least those that framing and the rules on Host look at.
    """
    request = direction is Direction.REQUEST
    if len(raw) <= _CLEAN:
        clean = (grammar.CLEAN_REQUEST if request else grammar.CLEAN_RESPONSE).fullmatch(raw)
        if clean:
            return _clean_head(raw, start, direction, clean, note)
    line, _ = read_start_line(raw, start, direction, note)
    head = Head(direction, raw, start, line)
    lines = parse_fields(raw, raw.find(b"\n") + 1 or len(raw), start, note)
    if request:
        _check_request(head, lines, note)
    return head, lines


def _clean_head(
    raw: bytes, start: int, direction: Direction, clean: re.Match[bytes], note: Note
) -> tuple[Head, tuple[FieldLine, ...]]:
    """A head whose form needs no second look: most are so, and matching one whole costs a tenth of reading it."""
    first, second, third = clean.groups()
    lines = tuple(_deciding_lines(raw, start))
    if direction is Direction.REQUEST:
        line = tuple.__new__(StartLine, (first, second, third, 0, b""))  # as StartLine would: this is done for each
        head = tuple.__new__(Head, (direction, raw, start, line, True))
        check_request_line(first, second, third, start, start + clean.start(2), start + clean.start(3), note)
        _check_request(head, lines, note)
        return head, lines
    status = int(second)
    check_status_line(first, second, start, start + clean.start(2), note)
    return Head(direction, raw, start, StartLine(version=first, status=status, reason=third), clean=True), lines


def _deciding_lines(raw: bytes, start: int) -> list[FieldLine]:
    """The lines of a clean head that framing and the rules on Host look at."""
    small = raw.lower()
    lines: list[FieldLine] = []
    for name in _DECIDING:
        if name in small:
            lines += _lines_called(name, raw, small, start)
    return lines


def _lines_called(name: bytes, raw: bytes, small: bytes, start: int) -> list[FieldLine]:
    """The lines of a clean head called `name`, which has a LF before it and a colon behind; `small` is `raw` in lower
    case."""
    lines = []
    found = small.find(name)
    while found >= 0:
        colon = found + len(name) - 1
        end = raw.find(b"\r", colon)
        value = raw[colon + 1 : end].strip(BLANKS)
        at = (raw[found + 1 : colon], value, start + found + 1, start + colon, start + end + 2)
        lines.append(tuple.__new__(FieldLine, at))
        found = small.find(name, end)
    return lines


def _usual_elements(head: Head) -> list[Element] | None:
    """The elements of a clean head in which each value has one space before it and none behind; None of another one.
    What they are and how long is known line by line, so they are made without a turn for each: this is most of
    what laying out a head costs."""
    raw, line = head.raw, head.line
    request = head.direction is Direction.REQUEST
    first = (line.method, line.target, line.version) if request else (line.version, b"000", line.reason)
    kinds: tuple[ElementKind, ...] = _START[request]
    lengths = [len(first[0]), 1, len(first[1]), 1, len(first[2]), 2]
    if not first[2]:  # no reason phrase: no element
        kinds, lengths = (*kinds[:4], kinds[5]), [*lengths[:4], 2]
    lines = raw[raw.find(b"\n") + 1 : -4].split(b"\r\n") if len(raw) > sum(lengths) + 2 else []
    parts = [each.partition(b": ") for each in lines]
    values = b"\n".join([b"", *[value for _, _, value in parts], b""])
    odd = b"\n\n" in values or b"\n " in values or b" \n" in values or b"\t" in values
    if lines and (odd or b":" in b"".join([name for name, _, _ in parts])):
        return None
    fields = [1] * (5 * len(parts))
    fields[0::5] = [len(name) for name, _, _ in parts]
    fields[3::5] = [len(value) for _, _, value in parts]
    fields[4::5] = [2] * len(parts)
    bounds = list(accumulate([*lengths, *fields, 2], initial=head.start))
    spans = zip((*kinds, *(_FIELD_LINE * len(parts)), ElementKind.HEAD_END), bounds, bounds[1:], strict=False)
    return list(map(tuple.__new__, repeat(Element), spans))


def _silent(*_: object, **__: object) -> None:
    """A `note` for octets whose deviations were told when they were first read."""


def _check_request(head: Head, lines: tuple[FieldLine, ...], note: Note) -> None:
    """The rules on Host (RFC 9112 3.2)."""
    hosts = [line for line in lines if line.name.lower() == b"host"]
    if len(hosts) > 1:
        note(dev.HOST_REPEATED, hosts[1].start, hosts[1].stop)
    elif hosts and not grammar.HOST.fullmatch(hosts[0].value):
        note(dev.HOST_INVALID, hosts[0].colon + 1, hosts[0].stop)
    elif not hosts and head.complete and head.line.version[:7] == b"HTTP/1." and head.line.version != b"HTTP/1.0":
        note(dev.HOST_MISSING, head.start, head.stop)
