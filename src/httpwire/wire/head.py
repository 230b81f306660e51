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
from httpwire.wire.record import Record, at

TYPE_CHECKING = False
if TYPE_CHECKING:
    import re
    from collections.abc import Callable, Iterator

    #: Called with a deviation, its absolute start and stop, and its details.
    Note = Callable[..., None]

_BLANK = b" \t"
_METHODS = frozenset((b"GET", b"HEAD", b"POST", b"PUT", b"DELETE", b"CONNECT", b"OPTIONS", b"TRACE", b"PATCH"))
_CLEAN = 64 << 10  # octets of a head that are matched whole
_REQUEST_LINE = (ElementKind.METHOD, ElementKind.TARGET, ElementKind.VERSION)
_STATUS_LINE = (ElementKind.VERSION, ElementKind.STATUS, ElementKind.REASON)
#: The kinds of a start line's elements, by whether it is a request's, and of a field line's.
_START = tuple(
    (kinds[0], ElementKind.BLANK, kinds[1], ElementKind.BLANK, kinds[2], ElementKind.LINE_END)
    for kinds in (_STATUS_LINE, _REQUEST_LINE)
)
_FIELD_LINE = (
    *(ElementKind.FIELD_NAME, ElementKind.COLON, ElementKind.BLANK),
    *(ElementKind.FIELD_VALUE, ElementKind.LINE_END),
)
_MARK = b"\xef\xbb\xbf"  # UTF-8's; octets in UTF-16 hold no line that could be read


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


class StartLine(Record):
    """What a request line or a status line says; what could not be read is empty (`status` 0)."""

    __slots__ = ()
    FIELDS = ("method", "target", "version", "status", "reason")
    method: bytes = at(0)
    target: bytes = at(1)
    version: bytes = at(2)
    status: int = at(3)
    reason: bytes = at(4)

    def __new__(
        cls, method: bytes = b"", target: bytes = b"", version: bytes = b"", status: int = 0, reason: bytes = b""
    ) -> StartLine:
        return tuple.__new__(cls, (method, target, version, status, reason))


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
        if (b"\n%s:" if self.clean else b"\n%s") % name not in self.raw.lower():  # most are asked for in vain
            return []
        return [line.value for line in self.lines if line.name.lower() == name]

    def elements(self) -> list[Element]:
        """Elements that tile the head."""
        if self.clean:
            return _clean_elements(self)
        elements = _start_line(self.raw, self.start, self.direction, _silent)[1]
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
    line, _ = _start_line(raw, start, direction, note)
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
    lines = _deciding_lines(raw, start)
    if direction is Direction.REQUEST:
        head = Head(direction, raw, start, StartLine(first, second, third), clean=True)
        _check_request_line(first, second, third, start, start + clean.start(2), start + clean.start(3), note)
        _check_request(head, lines, note)
        return head, lines
    status = int(second)
    _check_status_line(first, second, start, start + clean.start(2), note)
    return Head(direction, raw, start, StartLine(version=first, status=status, reason=third), clean=True), lines


def _deciding_lines(raw: bytes, start: int) -> tuple[FieldLine, ...]:
    """The lines of a clean head that framing and the rules on Host look at."""
    small = raw.lower()
    lines = []
    for name in (b"\nhost:", b"\ncontent-length:", b"\ntransfer-encoding:"):
        found = small.find(name)
        while found >= 0:
            colon = found + len(name) - 1
            end = raw.find(b"\r", colon)
            value = raw[colon + 1 : end].strip(_BLANK)
            lines.append(FieldLine(raw[found + 1 : colon], value, start + found + 1, start + colon, start + end + 2))
            found = small.find(name, end)
    return tuple(lines)


def _clean_elements(head: Head) -> list[Element]:
    """The elements of a clean head. What they are and how long is known line by line, so they are made without a turn
    for each: this is most of what laying out a head costs."""
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
        return _odd_elements(head, kinds, lengths)
    fields = [1] * (5 * len(parts))
    fields[0::5] = [len(name) for name, _, _ in parts]
    fields[3::5] = [len(value) for _, _, value in parts]
    fields[4::5] = [2] * len(parts)
    bounds = list(accumulate([*lengths, *fields, 2], initial=head.start))
    spans = zip((*kinds, *(_FIELD_LINE * len(parts)), ElementKind.HEAD_END), bounds, bounds[1:], strict=False)
    return list(map(tuple.__new__, repeat(Element), spans))


def _odd_elements(head: Head, kinds: tuple[ElementKind, ...], lengths: list[int]) -> list[Element]:
    """The elements of a clean head in which blanks around a value are more or fewer than the one that is usual."""
    raw = head.raw
    elements: list[Element] = []
    position = head.start
    for kind, length in zip(kinds, lengths, strict=True):
        elements.append(Element(kind, position, position + length))
        position += length
    for name, value in grammar.CLEAN_FIELD.findall(raw, position - head.start, len(raw) - 2):
        colon = position + len(name)
        stop = colon + 1 + len(value)
        elements.append(Element(ElementKind.FIELD_NAME, position, colon))
        elements.append(Element(ElementKind.COLON, colon, colon + 1))
        elements.extend(_value_elements(raw, head.start, colon + 1, stop))
        position = stop + 2
        elements.append(Element(ElementKind.LINE_END, stop, position))
    elements.append(Element(ElementKind.HEAD_END, position, position + 2))
    return elements


def _silent(*_: object, **__: object) -> None:
    """A `note` for octets whose deviations were told when they were first read."""


def _start_line(raw: bytes, start: int, direction: Direction, note: Note) -> tuple[StartLine, list[Element]]:
    stop = raw.find(b"\n") + 1 or len(raw)
    end = _line_end(raw, 0, stop, start, note)
    read = _request_line if direction is Direction.REQUEST else _status_line
    line, elements = read(raw[:end], start, note)
    if end < stop:
        elements.append(Element(ElementKind.LINE_END, start + end, start + stop))
    return line, elements


def field_elements(raw: bytes, start: int, lines: tuple[FieldLine, ...], end: ElementKind) -> Iterator[Element]:
    """Elements of `lines` and of the blank line after them, an `end`; `start` is the offset of raw[0]."""
    for line in lines:
        yield from _line_elements(raw, start, line)
    if raw.endswith((b"\n\r\n", b"\n\n")) or raw in (b"\r\n", b"\n"):
        stop = start + len(raw)
        yield Element(end, stop - (2 if raw.endswith(b"\r\n") else 1), stop)


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
                FieldLine(name, value.strip(_BLANK), start + position, start + position + len(name), start + stop)
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
        parts.append(raw[position : fold.start()].strip(_BLANK))
        position = fold.end()
    last = raw[position:stop].removesuffix(b"\n").removesuffix(b"\r")
    return b" ".join([*parts, last.strip(_BLANK)]).strip(_BLANK)


def _line_end(raw: bytes, position: int, stop: int, start: int, note: Note) -> int:
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
    end = _line_end(raw, position, stop, start, note)
    body = raw[position:end]
    here, there = start + position, start + stop
    _check_octets(body if end < stop else body.removesuffix(b"\r"), here, note)  # half a line end is no bare CR
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
    name = body[:colon].rstrip(_BLANK) if colon > 0 else b""
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
        lines.append(FieldLine(name, body[colon + 1 :].strip(_BLANK), here, here + colon, there))
    else:
        lines.append(FieldLine(b"", b"", here, there, there))


def _check_octets(body: bytes, here: int, note: Note) -> None:
    """Tell the first of each kind of octet that no field value may have."""
    told = set()
    for bad in grammar.FORBIDDEN.finditer(body):
        octet = bad[0]
        deviation = {b"\x00": dev.NUL_OCTET, b"\r": dev.BARE_CR}.get(octet, dev.CONTROL_OCTET)
        if deviation.id not in told:
            told.add(deviation.id)
            note(deviation, here + bad.start(), here + bad.end(), octet=f"0x{octet[0]:02x}")


def _request_line(line: bytes, start: int, note: Note) -> tuple[StartLine, list[Element]]:
    elements: list[Element] = []
    skip = 0
    if line.startswith(_MARK):
        skip = len(_MARK)
        note(dev.BYTE_ORDER_MARK, start, start + skip, encoding="UTF-8", octets=_MARK.hex(" "))
        elements.append(Element(ElementKind.MALFORMED, start, start + skip))
    good = grammar.REQUEST_LINE.fullmatch(line, skip)
    if good:
        method, target, version = good.groups()
        spans = [good.span(index) for index in (1, 2, 3)]
    else:
        spans = _loose_request_line(line, skip, start, note)
        if not spans:
            if skip < len(line):
                elements.append(Element(ElementKind.MALFORMED, start + skip, start + len(line)))
            return StartLine(), elements
        method, target, version = (line[i:j] for i, j in spans)
    _lay(elements, _REQUEST_LINE, spans, skip, len(line), start)
    at_method, at_target, at_version = (start + first for first, _ in spans)
    _check_request_line(method, target, version, at_method, at_target, at_version, note)
    return StartLine(method, target, version), elements


def _check_request_line(
    method: bytes, target: bytes, version: bytes, at_method: int, at_target: int, at_version: int, note: Note
) -> None:
    """Tell what is wrong with the parts of a request line, each at its offset."""
    if method not in _METHODS and method.upper() in _METHODS:
        note(dev.METHOD_CASE, at_method, at_method + len(method), method=method.decode("ascii"))
    form = target[:1] == b"/" or grammar.TARGET.match(target) or (target == b"*" and method == b"OPTIONS")
    if not form and target and method.upper() != b"CONNECT":
        note(dev.TARGET_FORM, at_target, at_target + len(target))
    percent = grammar.PERCENT.search(target) if b"%" in target else None
    if percent:
        note(dev.TARGET_PERCENT, at_target + percent.start(), at_target + percent.end())
    fragment = target.find(b"#")
    if fragment >= 0:
        note(dev.TARGET_FRAGMENT, at_target + fragment, at_target + len(target))
    if version and version[:7] != b"HTTP/1.":
        note(dev.VERSION_UNSUPPORTED, at_version, at_version + len(version), version=version.decode("ascii"))


def _check_status_line(version: bytes, code: bytes, at_version: int, at_code: int, note: Note) -> None:
    """Tell what is wrong with the parts of a status line."""
    if version[:7] != b"HTTP/1.":
        note(dev.VERSION_UNSUPPORTED, at_version, at_version + len(version), version=version.decode("ascii"))
    if not b"100" <= code <= b"599":
        note(dev.STATUS_UNKNOWN_CLASS, at_code, at_code + len(code), status=code.decode("ascii"))


def _loose_request_line(line: bytes, skip: int, start: int, note: Note) -> list[tuple[int, int]]:
    """Spans of method, target and version in a line that is no well-formed request line; none if it has none."""
    body = line[skip:]
    end = skip + len(body.rstrip(_BLANK))
    first = skip + len(body) - len(body.lstrip(_BLANK))
    method = grammar.TOKEN.match(line, first, end)
    blank = grammar.BLANKS.match(line, method.end(), end) if method else None
    if not method or not blank:
        note(dev.START_LINE_MALFORMED, start + skip, start + len(line))
        return []
    after = max(line.rfind(b" ", 0, end), line.rfind(b"\t", 0, end)) + 1
    versioned = after > blank.end() and grammar.VERSION.fullmatch(line, after, end)
    target_end = len(line[:after].rstrip(_BLANK)) if versioned else end
    target = line[blank.end() : target_end]
    if b" " in target or b"\t" in target:
        if not versioned:
            note(dev.START_LINE_MALFORMED, start + skip, start + len(line))
            return []
        note(dev.START_LINE_BLANKS, start + blank.end(), start + target_end)
    elif not versioned:
        note(dev.HTTP09_REQUEST, start + skip, start + len(line))
    elif first > skip or end < len(line) or blank[0] != b" " or line[target_end:after] != b" ":
        note(dev.START_LINE_BLANKS, start + skip, start + len(line))
    if grammar.FORBIDDEN.search(target):
        note(dev.START_LINE_MALFORMED, start + blank.end(), start + target_end)
    elif not target.isascii():
        note(dev.TARGET_OCTETS, start + blank.end(), start + target_end)
    return [method.span(), (blank.end(), target_end), (after, end) if versioned else (end, end)]


def _status_line(line: bytes, start: int, note: Note) -> tuple[StartLine, list[Element]]:
    good = grammar.STATUS_LINE.fullmatch(line)
    loose = None if good else grammar.LOOSE_STATUS_LINE.fullmatch(line)
    if good:
        version, code, reason = good.groups()
        spans = [good.span(index) for index in (1, 2, 3)]
    elif loose:
        version, blank, code, second, reason = loose.groups()
        spans = [loose.span(1), loose.span(3), loose.span(5) if reason else (len(line), len(line))]
        reason = reason or b""
        if second is None:
            note(dev.REASON_SPACE_MISSING, start + loose.end(3), start + len(line))
        elif blank != b" " or second[:1] != b" ":
            note(dev.START_LINE_BLANKS, start + loose.start(2), start + loose.end(4))
        _check_octets(reason, start + spans[2][0], note)
    else:
        note(dev.STATUS_LINE_MALFORMED, start, start + len(line))
        return StartLine(), [Element(ElementKind.MALFORMED, start, start + len(line))]
    _check_status_line(version, code, start, start + spans[1][0], note)
    elements: list[Element] = []
    _lay(elements, _STATUS_LINE, spans, 0, len(line), start)
    return StartLine(version=version, status=int(code), reason=reason), elements


def _lay(
    elements: list[Element],
    kinds: tuple[ElementKind, ...],
    spans: list[tuple[int, int]],
    position: int,
    end: int,
    start: int,
) -> None:
    """Append the parts of a start line as elements, with the blanks between them; empty parts are left out."""
    for kind, (first, last) in zip(kinds, spans, strict=True):
        if position < first:
            elements.append(Element(ElementKind.BLANK, start + position, start + first))
        if first < last:
            elements.append(Element(kind, start + first, start + last))
        position = max(position, last)
    if position < end:
        elements.append(Element(ElementKind.BLANK, start + position, start + end))


def _check_request(head: Head, lines: tuple[FieldLine, ...], note: Note) -> None:
    """The rules on Host (RFC 9112 3.2)."""
    hosts = [line for line in lines if line.name.lower() == b"host"]
    if len(hosts) > 1:
        note(dev.HOST_REPEATED, hosts[1].start, hosts[1].stop)
    elif hosts and not grammar.HOST.fullmatch(hosts[0].value):
        note(dev.HOST_INVALID, hosts[0].colon + 1, hosts[0].stop)
    elif not hosts and head.complete and head.line.version[:7] == b"HTTP/1." and head.line.version != b"HTTP/1.0":
        note(dev.HOST_MISSING, head.start, head.stop)


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
        first = stop - len(piece.lstrip(_BLANK))
        last = position + len(piece.rstrip(_BLANK))
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
