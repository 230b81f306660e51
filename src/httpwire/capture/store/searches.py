"""Searches in the octets of an exchange, as they were on the wire.

In: a field, octets or a regular expression, and in which directions to look. Out: whether an exchange has it. The
octets stream by in blocks: what is in memory is one window of a megabyte. Octets are found across any border. A regular
expression sees a message up to a megabyte whole; of a larger one it sees a megabyte at once, and finds what is not
longer than 64 KiB.
"""

from __future__ import annotations

import re
from collections import deque

from httpwire.capture.raw import Outgoing
from httpwire.language import N_
from httpwire.wire import grammar
from httpwire.wire.element import Direction
from httpwire.wire.head import Head
from httpwire.wire.message import Message
from httpwire.wire.stream import Stream

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from httpwire.capture.store.capture import Capture
    from httpwire.capture.store.entry import Entry
    from httpwire.wire.fields import FieldLine

WINDOW = 1 << 20
OVERLAP = 64 << 10
_BEFORE = 256  # octets before a window's own that an expression may look back at
_ESCAPES = re.compile(rb"\\(?:x([0-9A-Fa-f]{2})|(.)|$)", re.DOTALL)
_NAMED = {b"r": b"\r", b"n": b"\n", b"t": b"\t", b"0": b"\0", b"\\": b"\\"}


class Search:
    """`kind` is "field" (`value` is NAME, or NAME:VALUE with * for anything), "bytes" (escapes as \\r\\n and \\x00) or
    "regex". It fits where something is found in one of `directions`, or, not `wanted`, in none of them."""

    def __init__(
        self, kind: str, value: bytes, directions: tuple[Direction, ...] = tuple(Direction), *, wanted: bool = True
    ) -> None:
        """Raises ValueError, with a message id that says why."""
        self._directions = directions
        self._wanted = wanted
        self._octets = self._expression = self._value = None
        self._name = b""
        self._parts: list[bytes] = []
        if kind == "bytes":
            self._octets = _unescaped(value)
        elif kind == "regex":
            self._expression = _compiled(value)
        else:
            name, colon, pattern = value.partition(b":")
            self._name = name.strip(b" \t").lower()
            if not grammar.TOKEN.fullmatch(self._name):
                raise ValueError(N_("a field's name has letters, digits and signs, no blanks"))
            if colon:
                parts = map(re.escape, pattern.strip(b" \t").split(b"*"))
                self._value = re.compile(b".*".join(parts), re.DOTALL | re.IGNORECASE)
            # Octets that have to be there, whatever the parser makes of them: a fold is a blank in the value.
            self._parts = [self._name, *re.split(rb"[*\s]+", pattern.lower())]

    def fits(self, capture: Capture, entry: Entry, held: dict[Direction, bytes] | None) -> bool:
        """Whether `entry` is one of those that are looked for; `held` are its octets, where they are at hand. Raises
        RecordingUnreadable, RecordingBroken."""
        found = any(self._found(capture, entry, direction, held) for direction in self._directions)
        return found is self._wanted

    def _found(self, capture: Capture, entry: Entry, direction: Direction, held: dict[Direction, bytes] | None) -> bool:
        if held and self._parts:
            small = held[direction].lower()
            if not all(part in small for part in self._parts):
                return False
        source = Outgoing.from_bytes(held[direction]) if held else capture.octets(entry, direction)
        if self._octets is not None:
            return has_octets(source.blocks(), self._octets)
        if self._expression:
            return has_match(source.blocks(), self._expression)
        return any(self._is_it(line) for line in _field_lines(source, direction, entry.method.encode("latin-1")))

    def _is_it(self, line: FieldLine) -> bool:
        if line.name.lower() != self._name:
            return False
        return self._value is None or bool(self._value.fullmatch(line.value))


def has_octets(blocks: Iterable[bytes], wanted: bytes) -> bool:
    """Whether `wanted` is somewhere in octets that come in blocks."""
    rest = b""
    for block in blocks:
        seen = rest + block
        if wanted in seen:
            return True
        rest = seen[-(len(wanted) - 1) :] if len(wanted) > 1 else b""
    return False


def has_match(
    blocks: Iterable[bytes], expression: re.Pattern[bytes], *, window: int = WINDOW, overlap: int = OVERLAP
) -> bool:
    """Whether `expression` matches somewhere in octets that come in blocks."""
    held = bytearray()
    begin = 0  # what is before it was searched
    for block in blocks:
        held += block
        if len(held) <= window:
            continue
        # What begins in the overlap is looked at again with what follows it.
        end = len(held) - overlap
        found = expression.search(held, begin)
        if found and found.start() < end:
            return True
        cut = max(0, end - _BEFORE)
        del found, held[:cut]
        begin = end - cut
    return expression.search(held, begin) is not None


def _field_lines(source: Outgoing, direction: Direction, method: bytes) -> Iterator[FieldLine]:
    """The fields and trailers of each message, as the parser reads them."""
    request = direction is Direction.REQUEST
    stream = Stream(direction) if request else Stream(direction, methods=deque((method or None,)))
    last = (stream.feed_eof() for _ in range(1))
    head: Head | None = None
    for part in (source.shown_to(stream), last):
        for events in part:
            for event in events:
                if isinstance(event, Head):
                    head = event
                    yield from event.fields
                elif isinstance(event, Message):
                    if event.head and event.head is not head:
                        yield from event.head.fields
                    yield from event.trailers


def _unescaped(value: bytes) -> bytes:
    def octet(match: re.Match[bytes]) -> bytes:
        if match[1]:
            return bytes.fromhex(match[1].decode("ascii"))
        if match[2] not in _NAMED:
            raise ValueError(N_(r"a backslash begins \r, \n, \t, \0, \\ or \xHH"))
        return _NAMED[match[2]]

    return _ESCAPES.sub(octet, value)


def _compiled(value: bytes) -> re.Pattern[bytes]:
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what may be read otherwise one day
        try:
            return re.compile(value)
        except (re.error, OverflowError, RecursionError) as error:
            raise ValueError(str(error)) from error
