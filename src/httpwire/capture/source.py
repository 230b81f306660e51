"""A file that is read from its beginning to its end, and never held: what a format's reader is given.

In: a path, or "-" for standard input. Out: octets in order, by count or by line, with the
offset that has been reached, so that every fault can be told with its place.
"""

from __future__ import annotations

import os
import stat

from httpwire.errors import RecordingBroken, RecordingUnreadable
from httpwire.language import N_

TYPE_CHECKING = False
if TYPE_CHECKING:
    import zlib
    from collections.abc import Callable
    from typing import Self

_BLOCK = 1 << 20
_LOOK = 256 << 10  # octets that a Window takes at once


class Source:
    """`name` is the path as it was given, `path` that of a regular file ("" for a pipe), `octets` its size (None: not
    known), `offset` how many octets were taken. `watch` is called with the offset each time a block was read."""

    #: Why there are no more octets, where that is a fault: what comes before it is given as a file that ends there.
    fault: RecordingBroken | None = None

    def __init__(self, name: str, *, watch: Callable[[int], None] | None = None) -> None:
        """Open it. Raises RecordingUnreadable."""
        self.name = name
        self.offset = 0
        self._watch = watch
        self._held = b""
        self._at = 0  # where in it
        self._fd = -1
        try:
            self._fd = os.dup(0) if name == "-" else os.open(name, os.O_RDONLY | getattr(os, "O_CLOEXEC", 0))
            info = os.fstat(self._fd)
            if stat.S_ISDIR(info.st_mode):
                raise IsADirectoryError(21, os.strerror(21), name)
        except (OSError, ValueError) as error:
            self.close()
            why = getattr(error, "strerror", None) or str(error)
            raise RecordingUnreadable(path=name, why=why, errno=getattr(error, "errno", None)) from error
        regular = stat.S_ISREG(info.st_mode)
        self.path = name if regular and name != "-" else ""
        self.octets = info.st_size if self.path else None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
        self._fd = -1

    def peek(self, count: int) -> bytes:
        """The next `count` octets, fewer at the end, without taking them. Raises RecordingUnreadable."""
        while len(self._held) - self._at < count:
            block = self._block(max(_BLOCK, count))
            if not block:
                break
            self._held = self._held[self._at :] + block
            self._at = 0
        return self._held[self._at : self._at + count]

    def read(self, count: int) -> bytes:
        """The next `count` octets, fewer only at the end. Raises RecordingUnreadable."""
        taken = self.peek(count)
        self._at += len(taken)
        self.offset += len(taken)
        return taken

    def take(self, count: int) -> bytes:
        """Exactly the next `count` octets. Raises RecordingBroken where the file ends before."""
        start = self.offset
        taken = self.read(count)
        if len(taken) < count:
            raise self.broken(N_("it ends in the middle of a record"), start)
        return taken

    def line(self, most: int) -> bytes:
        """The next line with its LF; without one at the end, or where it is longer than `most` octets."""
        size = 256
        while True:
            seen = self.peek(min(size, most))
            end = seen.find(b"\n") + 1
            if end or len(seen) < size or size >= most:
                return self.read(end or len(seen))
            size *= 4

    def readinto(self, buffer: bytearray | memoryview) -> int:
        """For libraries that read by themselves."""
        taken = self.read(len(buffer))
        buffer[: len(taken)] = taken
        return len(taken)

    def broken(self, why: str, offset: int | None = None) -> RecordingBroken:
        """The error for a fault at `offset` (by default where it is now); `why` is a message id."""
        return RecordingBroken(path=self.name, offset=self.offset if offset is None else offset, why=why)

    def _block(self, count: int) -> bytes:
        try:
            block = os.read(self._fd, count)
        except OSError as error:
            why = error.strerror or str(error)
            raise RecordingUnreadable(path=self.name, why=why, errno=error.errno) from error
        if self._watch:
            self._watch(self.offset + len(self._held) - self._at + len(block))
        return block


class Window:
    """What of a Source is looked at: a buffer that expressions match in, and where in it one is. The base of readers
    whose records end where a mark is."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._buffer = b""
        self._at = 0
        self._before = 0  # octets before the buffer

    @property
    def offset(self) -> int:
        """How many octets were before the place where one is."""
        return self._before + self._at

    def _fill(self, count: int) -> bool:
        """See that `count` octets are there, unless the file ends before; gives whether any are."""
        while len(self._buffer) - self._at < count and self._more():
            pass
        return len(self._buffer) > self._at

    def _more(self) -> bool:
        block = self._source.read(_LOOK)
        self._before += self._at
        self._buffer = self._buffer[self._at :] + block
        self._at = 0
        return bool(block)


class Unpacked(Source):
    """What is compressed by gzip in `packed`, to which it belongs; offsets are those of what was compressed. Behind the
    last octet that could be unpacked it ends, and `fault` tells why."""

    def __init__(self, packed: Source) -> None:
        import zlib

        self.name = packed.name
        self.path = ""
        self.octets = None
        self.offset = 0
        self._watch = None
        self._held = b""
        self._at = 0
        self._packed = packed
        self._zlib = zlib
        self._member = zlib.decompressobj(31)
        self._size = 0  # octets that were unpacked

    def close(self) -> None:
        self._packed.close()

    def _block(self, count: int) -> bytes:
        """The next octets. Raises RecordingUnreadable."""
        while not self.fault:
            if self._member.eof:
                following = self._member.unused_data or self._packed.read(_BLOCK)
                if not following.strip(b"\0"):  # padding, or the end
                    return b""
                self._member = self._zlib.decompressobj(31)
            else:
                following = self._member.unconsumed_tail or self._packed.read(_BLOCK)
            if not following:
                self.fault = self._packed.broken(N_("what is compressed in it has no end"))
                break
            block = self._unpack(following, max(count, _BLOCK))
            self._size += len(block)
            if is_bomb(self._packed.offset, self._size):
                self.fault = self._packed.broken(BOMB)
            if block:
                return block
        return b""

    def _unpack(self, packed: bytes, most: int) -> bytes:
        before = self._member.copy()
        try:
            return self._member.decompress(packed, most)
        except self._zlib.error:
            block, taken = unpacked_before_fault(before, packed)
        start = self._packed.offset - len(packed)
        self.fault = self._packed.broken(N_("what is compressed in it can't be unpacked"), start + taken)
        return block


#: What a file may unpack to, whatever its size, and how many times that size it may else unpack to. What compresses
#: better than that is seldom traffic.
_FREE = 1 << 30  # octets
_TIMES = 250
BOMB = N_("what is compressed in it grows to over 1 GiB, and 250 times its size: unpack it first where that is meant")


def is_bomb(packed: int, unpacked: int) -> bool:
    """Whether nobody would have meant that so many octets come of so few: they must not fill a disk."""
    return unpacked > _FREE and unpacked > packed * _TIMES


def unpacked_before_fault(member: zlib._Decompress, packed: bytes) -> tuple[bytes, int]:
    """What can be had from `packed`, in which there is a fault, and how many of its octets come before that. `member`
    is as it was before them."""
    import zlib

    found: list[bytes] = []
    taken = 0
    try:
        for taken in range(len(packed)):  # the fault is where it can't go on
            found.append(member.decompress(packed[taken : taken + 1]))
    except zlib.error:
        pass
    return b"".join(found), taken
