"""The octets of a WARC file, plain or gzip, as one sequence.

In: a Source. Out: octets up to a count or up to the end of a record's header, and the offset in the file for
whoever has to tell of a fault. What is held is bounded by what is asked for, whatever a gzip member inflates to.
What could be inflated is given before a fault is raised; warcio's own reader tells of none.
"""

from __future__ import annotations

import re
import zlib

from httpwire.capture.source import BOMB, is_bomb, unpacked_before_fault
from httpwire.errors import RecordingBroken
from httpwire.language import N_

TYPE_CHECKING = False
if TYPE_CHECKING:
    from httpwire.capture.source import Source

GZIP = b"\x1f\x8b"
_BLOCK = 128 << 10  # octets of a plain file that are taken at once, and to which a member is inflated at once
_FIRST = 16 << 10  # octets of a gzip member that are shown to zlib at first: what it does not take, it copies
_LARGEST = 256 << 10  # of a long member, later
_HEADER = 1 << 20  # octets of a record's header
_HEADER_END = re.compile(rb"\n\r?\n")
_BLANK_LINES = re.compile(rb"[\r\n]*")


class Octets:
    """A plain file."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._held = b""
        self._at = 0  # where in it

    @property
    def offset(self) -> int:
        """Where in the file the next octet is; in a gzip file, where the member begins that was inflated last."""
        return self._source.offset - len(self._held) + self._at

    def take(self, most: int) -> bytes:
        """The next octets, at most so many and never many; none at the end. Raises RecordingBroken,
        RecordingUnreadable, as all that follow."""
        if self._at == len(self._held) and not self._more():
            return b""
        taken = self._held[self._at : self._at + min(most, _BLOCK)]
        self._at += len(taken)
        return taken

    def hold(self, count: int) -> None:
        """See to it that the next `take` gives at least `count` octets, fewer at the end."""
        while len(self._held) - self._at < count and self._more():
            pass

    def peek(self, count: int) -> bytes:
        """The next `count` octets, fewer at the end, without taking them."""
        self.hold(count)
        return self._held[self._at : self._at + count]

    def pass_blank_lines(self) -> bool:
        """Take CR and LF as far as there are any; gives whether something follows."""
        while True:
            blank = _BLANK_LINES.match(self._held, self._at)
            assert blank
            self._at = blank.end()
            if self._at < len(self._held):
                return True
            if not self._more():
                return False

    def header(self) -> bytes:
        """Octets up to the end of an empty line."""
        while True:
            end = _HEADER_END.search(self._held, self._at, self._at + _HEADER)
            if end:
                taken = self._held[self._at : end.end()]
                self._at = end.end()
                return taken
            if len(self._held) - self._at >= _HEADER:
                raise self._source.broken(N_("the header of a record is longer than 1 MiB"), self.offset)
            start = self.offset
            if not self._more():
                raise self._source.broken(N_("it ends in the header of a record"), start)

    def _more(self) -> bool:
        """Hold more octets than before, by a quarter at least: a member may have a single one. False where there are
        none."""
        pieces = [self._held[self._at :]]
        wanted = len(pieces[0]) // 4
        while wanted >= 0:
            try:
                block = self._next()
            except RecordingBroken:
                if len(pieces) == 1:
                    raise
                break  # it is raised again
            if not block:
                break
            pieces.append(block)
            wanted -= len(block)
        self._held = b"".join(pieces)
        self._at = 0
        return len(pieces) > 1

    def _next(self) -> bytes:
        return self._source.read(_BLOCK)


class Inflated(Octets):
    """A gzip file: a member for each record, as the standard has it, or other members, as long as they are WARC
    together."""

    def __init__(self, source: Source) -> None:
        super().__init__(source)
        self._deflated = b""
        self._from = 0  # where in it
        self._size = _FIRST
        self._member: zlib._Decompress | None = None
        self._began = 0
        self._made = 0  # octets that were inflated
        self._fault = ""

    @property
    def offset(self) -> int:
        return self._began

    @property
    def _reached(self) -> int:
        """How much of the file was inflated."""
        return self._source.offset - len(self._deflated) + self._from

    def _next(self) -> bytes:
        while not self._fault:
            if self._from == len(self._deflated):
                self._deflated, self._from = self._source.read(_LARGEST), 0
            shown = self._deflated[self._from : self._from + self._size]
            if self._member is None:
                if not shown:
                    return b""
                if not shown[0] and not shown.strip(b"\0"):  # padding, which gzip passes over, too
                    self._from += len(shown)
                    continue
                self._began = self._reached
                self._member, self._size = zlib.decompressobj(16 + zlib.MAX_WBITS), _FIRST
                octets = self._inflate(shown, None)
            else:
                octets = self._inflate(shown, self._member.copy() if shown else None)
                limited = self._member is not None and self._member.unconsumed_tail
                self._size = _FIRST if limited else min(self._size * 2, _LARGEST)
            self._made += len(octets)
            if is_bomb(self._reached, self._made):
                self._fault = BOMB
            if octets:
                return octets
            if not shown and self._member:
                self._fault = N_("it ends in the middle of a compressed record")
        raise self._source.broken(self._fault, self._reached)

    def _inflate(self, shown: bytes, before: zlib._Decompress | None) -> bytes:
        """What `shown` gives; `before` is the member as it was before it, None for a new one."""
        member = self._member
        assert member
        try:
            octets = member.decompress(shown, _BLOCK)
        except zlib.error:
            return self._rescue(shown, before or zlib.decompressobj(16 + zlib.MAX_WBITS))
        self._from += len(shown) - len(member.unused_data if member.eof else member.unconsumed_tail)
        if member.eof:
            self._member = None
        return octets

    def _rescue(self, shown: bytes, member: zlib._Decompress) -> bytes:
        """The octets before the fault that is in `shown`."""
        octets, taken = unpacked_before_fault(member, shown)
        if self._reached + taken < self._began + len(GZIP):
            self._fault = N_("what follows the last compressed record is no gzip")
        else:
            self._from += taken
            self._fault = N_("its compressed data is damaged")
        return octets


def octets_of(source: Source) -> Octets:
    """The octets of `source`, inflated where they are gzip. Raises RecordingUnreadable."""
    return Inflated(source) if source.peek(2) == GZIP else Octets(source)
