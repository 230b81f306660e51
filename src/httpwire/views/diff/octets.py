"""Octets held against octets, in blocks, so that no size matters.

In: two files, ranges of them, or any octets in blocks. Out: whether they are the same, where they
differ first, and in which ranges. What is in memory is a block of each.
"""

from __future__ import annotations

import re

from httpwire.views.diff.sequences import common_end, common_start
from httpwire.wire.element import Span
from httpwire.wire.record import Record, at

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from httpwire.capture.raw import Outgoing

EXCERPT = 32  # octets that are held of where a difference begins
RANGES = 200  # as many are told of one content
_DIFFERENT = re.compile(rb"[^\x00](?:\x00{0,7}+[^\x00])*+")  # ranges less than a word apart are one


class First(Record):
    """Where octets differ first, and how they go on from there; empty where they end."""

    __slots__ = ()
    FIELDS = ("offset", "old", "new")
    offset: int = at(0)
    old: bytes = at(1)
    new: bytes = at(2)

    def __new__(cls, offset: int, old: bytes, new: bytes) -> First:
        return tuple.__new__(cls, (offset, old, new))


def first_difference(old: Iterable[bytes], new: Iterable[bytes]) -> First | None:
    """Where octets that come in blocks of any size differ first; None: nowhere."""
    olds, news = filter(None, old), filter(None, new)
    left = right = b""
    offset = 0
    while True:
        left = left or next(olds, b"")
        right = right or next(news, b"")
        if not left and not right:
            return None
        count = min(len(left), len(right))
        if not count or left[:count] != right[:count]:
            same = common_start(left, right)
            return First(offset + same, _excerpt(left[same:], olds), _excerpt(right[same:], news))
        left, right = left[count:], right[count:]
        offset += count


def _excerpt(octets: bytes, following: Iterator[bytes]) -> bytes:
    return octets[:EXCERPT] if len(octets) >= EXCERPT else (octets + next(following, b""))[:EXCERPT]


class Files:
    """Two files, and where they differ first (None: nowhere): so much of both needs no second reading.

    Raises RecordingUnreadable, as all that reads them."""

    def __init__(self, old: Outgoing, new: Outgoing) -> None:
        self.old = old
        self.new = new
        self.first = first_difference(old.blocks(), new.blocks())
        self._last: tuple[Span, Span, First | None] | None = None  # asked for again while it is looked into

    def first_in(self, old: Span, new: Span) -> First | None:
        """Where a range of the one and a range of the other differ first, as an offset in them."""
        if self._last and self._last[:2] == (old, new):
            return self._last[2]
        same = 0
        if old.start == new.start:
            known = self.first.offset if self.first else max(self.old.octets, self.new.octets)
            same = max(0, min(known - old.start, old.octets, new.octets))
        found = first_difference(
            self.old.blocks(old.start + same, old.stop), self.new.blocks(new.start + same, new.stop)
        )
        first = found and First(found.offset + same, found.old, found.new)
        self._last = (old, new, first)
        return first


def ranges(old: bytes, new: bytes) -> Iterator[tuple[Span, Span]]:
    """The ranges in which octets differ, at most RANGES and the last one to the end of all differences; those of
    different sizes differ in one range, between what is the same at both ends."""
    if len(old) != len(new):
        start = common_start(old, new)
        end = common_end(old, new, start)
        yield Span(start, len(old) - end), Span(start, len(new) - end)
        return
    differing = int.from_bytes(old, "big") ^ int.from_bytes(new, "big")
    found = _DIFFERENT.finditer(differing.to_bytes(len(old), "big"))
    for number, place in enumerate(found, 1):
        span = Span(*place.span())
        if number == RANGES:
            span = Span(span.start, len(old) - common_end(old, new, span.start))
        yield span, span
        if number == RANGES:
            return
