"""Field lines: names and values read from octets, and the elements that tile them.

In: octets that hold whole lines (or end in one), and their absolute offset. Out: FieldLines, and
elements; each deviation met is told to `note`. Never raises, never changes an octet: names and
values are what stands between the delimiters.
"""

from __future__ import annotations

from httpwire.wire import deviations as dev
from httpwire.wire import grammar
from httpwire.wire.element import Element, ElementKind
from httpwire.wire.record import Record, at

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    #: Called with a deviation, its absolute start and stop, and its details.
    Note = Callable[..., None]

BLANKS = b" \t"


class FieldLine(Record):
    """One field line. `name` (empty where the line is none) and `value` are bytes, without
    the blanks around them; `start`, `colon` and `stop` are absolute offsets, line end included."""

    __slots__ = ()
    FIELDS = ("name", "value", "start", "colon", "stop")
    name: bytes = at(0)
    value: bytes = at(1)
    start: int = at(2)
    colon: int = at(3)
    stop: int = at(4)

    def __new__(cls, name: bytes, value: bytes, start: int, colon: int, stop: int) -> FieldLine:
        return tuple.__new__(cls, (name, value, start, colon, stop))


def parse_fields(raw: bytes, position: int, start: int, note: Note) -> tuple[FieldLine, ...]:
    """The field lines in `raw` from index `position` up to a blank line; `start` is the offset of raw[0]."""
    lines: list[FieldLine] = []
    folded: set[int] = set()
    match = grammar.FIELD_LINE.match
    size = len(raw)
    while position < size:
        good = match(raw, position)
        if good:
            name, value = good.groups()
            stop = good.end()
            lines.append(
                FieldLine(name, value.strip(BLANKS), start + position, start + position + len(name), start + stop)
            )
            position = stop
            continue
        stop = raw.find(b"\n", position) + 1 or size
        if raw[position:stop] in (b"\r\n", b"\n"):
            if stop - position == 1:
                note(dev.BARE_LF, start + position, start + stop)
            break
        _loose_field_line(raw, position, stop, start, lines, folded, note)
        position = stop
    for index in folded:  # once for all of a line's folds: joining at each would cost the square of them
        line = lines[index]
        lines[index] = line.replace(value=_unfolded(raw, line.colon + 1 - start, line.stop - start))
    return tuple(lines)


def _unfolded(raw: bytes, position: int, stop: int) -> bytes:
    """The value between `position` and the line end before `stop`, with a space for each fold (RFC 9112 5.2)."""
    parts = []
    for fold in grammar.FOLD.finditer(raw, position, stop):
        parts.append(raw[position : fold.start()].strip(BLANKS))
        position = fold.end()
    last = raw[position:stop].removesuffix(b"\n").removesuffix(b"\r")
    return b" ".join([*parts, last.strip(BLANKS)]).strip(BLANKS)


def line_end(raw: bytes, position: int, stop: int, start: int, note: Note) -> int:
    """The index where the line's end (CRLF, bare LF, or nothing at the end of the octets) begins."""
    if stop == position or raw[stop - 1] != 0x0A:
        return stop
    if stop - 2 >= position and raw[stop - 2] == 0x0D:
        return stop - 2
    note(dev.BARE_LF, start + stop - 1, start + stop)
    return stop - 1


def _loose_field_line(
    raw: bytes, position: int, stop: int, start: int, lines: list[FieldLine], folded: set[int], note: Note
) -> None:
    """Read a line that is no well-formed field line, as recipients that tolerate it would."""
    end = line_end(raw, position, stop, start, note)
    body = raw[position:end]
    here, there = start + position, start + stop
    check_octets(body if end < stop else body.removesuffix(b"\r"), here, note)  # half a line end is no bare CR
    if body[:1] in (b" ", b"\t") and lines:
        before = lines[-1]
        note(dev.LINE_FOLD, before.stop - 1, here + 1)
        if before.name:
            lines[-1] = FieldLine(before.name, before.value, before.start, before.colon, there)
            folded.add(len(lines) - 1)
        else:
            lines.append(FieldLine(b"", b"", here, there, there))
        return
    colon = body.find(b":")
    name = body[:colon].rstrip(BLANKS) if colon > 0 else b""
    if body[:1] in (b" ", b"\t"):
        note(dev.BLANK_BEFORE_FIELD, here, here + 1)
        name = b""
    elif colon < 0:
        if end < stop:  # a line that was cut off may still have got its colon
            note(dev.FIELD_NO_COLON, here, start + end)
    elif not name:
        note(dev.FIELD_NAME_EMPTY, here, here + colon + 1)
    elif not grammar.TOKEN.fullmatch(name):
        note(dev.FIELD_NAME_OCTETS, here, here + len(name))
    elif len(name) < colon:
        note(dev.SPACE_BEFORE_COLON, here + len(name), here + colon)
    if name:
        lines.append(FieldLine(name, body[colon + 1 :].strip(BLANKS), here, here + colon, there))
    else:
        lines.append(FieldLine(b"", b"", here, there, there))


def check_octets(body: bytes, here: int, note: Note) -> None:
    """Tell the first of each kind of octet that no field value may have."""
    told = set()
    for bad in grammar.FORBIDDEN.finditer(body):
        octet = bad[0]
        deviation = {b"\x00": dev.NUL_OCTET, b"\r": dev.BARE_CR}.get(octet, dev.CONTROL_OCTET)
        if deviation.id not in told:
            told.add(deviation.id)
            note(deviation, here + bad.start(), here + bad.end(), octet=f"0x{octet[0]:02x}")


def field_elements(raw: bytes, start: int, lines: tuple[FieldLine, ...], end: ElementKind) -> Iterator[Element]:
    """Elements of `lines` and of the blank line after them, an `end`; `start` is the offset of raw[0]."""
    for line in lines:
        yield from _line_elements(raw, start, line)
    if raw.endswith((b"\n\r\n", b"\n\n")) or raw in (b"\r\n", b"\n"):
        stop = start + len(raw)
        yield Element(end, stop - (2 if raw.endswith(b"\r\n") else 1), stop)


def _line_elements(raw: bytes, start: int, line: FieldLine) -> Iterator[Element]:
    stop = line.stop
    last = raw[line.start - start : stop - start]
    ending = 2 if last.endswith(b"\r\n") else 1 if last.endswith(b"\n") else 0
    end = stop - ending
    if line.name:
        after_name = line.start + len(line.name)
        yield Element(ElementKind.FIELD_NAME, line.start, after_name)
        if after_name < line.colon:
            yield Element(ElementKind.BLANK, after_name, line.colon)
        yield Element(ElementKind.COLON, line.colon, line.colon + 1)
        yield from _value_elements(raw, start, line.colon + 1, end)
    elif line.start < end:
        yield Element(ElementKind.MALFORMED, line.start, end)
    if ending:
        yield Element(ElementKind.LINE_END, end, stop)


def _value_elements(raw: bytes, start: int, position: int, end: int) -> Iterator[Element]:
    """A field value, the blanks around it, and its folds; `position` and `end` are absolute."""
    while position < end:
        fold = grammar.FOLD.search(raw, position - start, end - start)
        stop = start + fold.start() if fold else end
        piece = raw[position - start : stop - start]
        first = stop - len(piece.lstrip(BLANKS))
        last = position + len(piece.rstrip(BLANKS))
        if first > position:
            yield Element(ElementKind.BLANK, position, first)
        if first < last:
            yield Element(ElementKind.FIELD_VALUE, first, last)
            if last < stop:
                yield Element(ElementKind.BLANK, last, stop)
        if not fold:
            return
        position = stop + (2 if raw[stop - start] == 0x0D else 1)
        yield Element(ElementKind.FOLD, stop, position)
