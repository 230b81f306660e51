"""Start lines: what a request line or a status line says, and the elements that tile it.

In: the octets of the first line of a head, and their absolute offset. Out: a StartLine and its
elements; each deviation met is told to `note`. What could not be read is empty, and an element
all the same.
"""

from __future__ import annotations

from httpwire.wire import deviations as dev
from httpwire.wire import grammar
from httpwire.wire.element import Direction, Element, ElementKind
from httpwire.wire.fields import BLANKS, check_octets, line_end
from httpwire.wire.record import Record, at

TYPE_CHECKING = False
if TYPE_CHECKING:
    from httpwire.wire.fields import Note

_METHODS = frozenset((b"GET", b"HEAD", b"POST", b"PUT", b"DELETE", b"CONNECT", b"OPTIONS", b"TRACE", b"PATCH"))
_MARK = b"\xef\xbb\xbf"  # UTF-8's; octets in UTF-16 hold no line that could be read
REQUEST_LINE = (ElementKind.METHOD, ElementKind.TARGET, ElementKind.VERSION)
STATUS_LINE = (ElementKind.VERSION, ElementKind.STATUS, ElementKind.REASON)


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


def read_start_line(raw: bytes, start: int, direction: Direction, note: Note) -> tuple[StartLine, list[Element]]:
    stop = raw.find(b"\n") + 1 or len(raw)
    end = line_end(raw, 0, stop, start, note)
    read = _request_line if direction is Direction.REQUEST else _status_line
    line, elements = read(raw[:end], start, note)
    if end < stop:
        elements.append(Element(ElementKind.LINE_END, start + end, start + stop))
    return line, elements


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
    _lay(elements, REQUEST_LINE, spans, skip, len(line), start)
    at_method, at_target, at_version = (start + first for first, _ in spans)
    check_request_line(method, target, version, at_method, at_target, at_version, note)
    return StartLine(method, target, version), elements


def check_request_line(
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


def check_status_line(version: bytes, code: bytes, at_version: int, at_code: int, note: Note) -> None:
    """Tell what is wrong with the parts of a status line."""
    if version[:7] != b"HTTP/1.":
        note(dev.VERSION_UNSUPPORTED, at_version, at_version + len(version), version=version.decode("ascii"))
    if not b"100" <= code <= b"599":
        note(dev.STATUS_UNKNOWN_CLASS, at_code, at_code + len(code), status=code.decode("ascii"))


def _loose_request_line(line: bytes, skip: int, start: int, note: Note) -> list[tuple[int, int]]:
    """Spans of method, target and version in a line that is no well-formed request line; none if it has none."""
    body = line[skip:]
    end = skip + len(body.rstrip(BLANKS))
    first = skip + len(body) - len(body.lstrip(BLANKS))
    method = grammar.TOKEN.match(line, first, end)
    blank = grammar.BLANKS.match(line, method.end(), end) if method else None
    if not method or not blank:
        note(dev.START_LINE_MALFORMED, start + skip, start + len(line))
        return []
    after = max(line.rfind(b" ", 0, end), line.rfind(b"\t", 0, end)) + 1
    versioned = after > blank.end() and grammar.VERSION.fullmatch(line, after, end)
    target_end = len(line[:after].rstrip(BLANKS)) if versioned else end
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
        check_octets(reason, start + spans[2][0], note)
    else:
        note(dev.STATUS_LINE_MALFORMED, start, start + len(line))
        return StartLine(), [Element(ElementKind.MALFORMED, start, start + len(line))]
    check_status_line(version, code, start, start + spans[1][0], note)
    elements: list[Element] = []
    _lay(elements, STATUS_LINE, spans, 0, len(line), start)
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
