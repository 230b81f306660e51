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
    from collections.abc import Callable
    from typing import Self

_BLOCK = 1 << 20


class Source:
    """`name` is the path as it was given, `path` that of a regular file ("" for a pipe), `octets` its size (None: not
    known), `offset` how many octets were taken. `watch` is called with the offset each time a block was read."""

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


class Unpacked(Source):
    """What is compressed by gzip in `packed`, to which it belongs; offsets are those of what was compressed."""

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

    def close(self) -> None:
        self._packed.close()

    def _block(self, count: int) -> bytes:
        """The next octets. Raises RecordingUnreadable, RecordingBroken."""
        while True:
            if self._member.eof:
                following = self._member.unused_data or self._packed.read(_BLOCK)
                if not following.strip(b"\0"):  # padding, or the end
                    return b""
                self._member = self._zlib.decompressobj(31)
            else:
                following = self._member.unconsumed_tail or self._packed.read(_BLOCK)
            if not following:
                raise self._packed.broken(N_("what is compressed in it has no end"))
            try:
                block = self._member.decompress(following, max(count, _BLOCK))
            except self._zlib.error as error:
                raise self._packed.broken(N_("what is compressed in it can't be unpacked")) from error
            if block:
                return block
