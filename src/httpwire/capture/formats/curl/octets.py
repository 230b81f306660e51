"""Octets that are in memory, in a file, or in a temporary one: the content that a command sends.

In: pieces, as they are read. Out: how many octets they are, before any is given out, and the octets
in blocks. What is more than a mebibyte is on disk.
"""

from __future__ import annotations

import os
import tempfile

from httpwire.errors import RecordingUnreadable
from httpwire.language import N_

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Protocol

    class Octets(Protocol):
        """`size` octets, given out in blocks as often as they are asked for."""

        @property
        def size(self) -> int: ...

        def blocks(self) -> Iterator[bytes]:
            """Raises RecordingUnreadable."""


BLOCK = 256 << 10
_MEMORY = 1 << 20


class Spool:
    """Octets that were written here."""

    def __init__(self, blocks: Iterable[bytes] = ()) -> None:
        self.size = 0
        self._file = tempfile.SpooledTemporaryFile(max_size=_MEMORY)  # noqa: SIM115  # closed below
        for block in blocks:
            self.write(block)

    def __del__(self) -> None:
        self._file.close()  # its last reader has gone

    def write(self, data: bytes) -> None:
        self._file.seek(self.size)
        self._file.write(data)
        self.size += len(data)

    def blocks(self) -> Iterator[bytes]:
        for offset in range(0, self.size, BLOCK):
            self._file.seek(offset)
            yield self._file.read(BLOCK)


class Held:
    """Octets in memory."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.size = len(data)

    def blocks(self) -> Iterator[bytes]:
        for offset in range(0, self.size, BLOCK):
            yield self.data[offset : offset + BLOCK]


class Filed:
    """The octets of a regular file."""

    def __init__(self, path: str) -> None:
        """Raises OSError."""
        self.path = path
        self.size = os.stat(path).st_size

    def blocks(self) -> Iterator[bytes]:
        left = self.size
        try:
            with open(self.path, "rb") as file:
                while left:
                    block = file.read(min(BLOCK, left))
                    if not block:
                        raise RecordingUnreadable(path=self.path, why=N_("it became shorter while it was read"))
                    left -= len(block)
                    yield block
        except OSError as error:
            why = error.strerror or str(error)
            raise RecordingUnreadable(path=self.path, why=why, errno=error.errno) from error


class Joined:
    """Octets one after the other."""

    def __init__(self, parts: Iterable[Octets] = ()) -> None:
        self.parts: list[Octets] = list(parts)

    @property
    def size(self) -> int:
        return sum(part.size for part in self.parts)

    def blocks(self) -> Iterator[bytes]:
        for part in self.parts:
            yield from part.blocks()


def whole(octets: Octets, most: int) -> bytes | None:
    """All of them as bytes; None where there are more than `most`."""
    return b"".join(octets.blocks()) if octets.size <= most else None
