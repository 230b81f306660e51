"""Octets that are in memory or in a file, or several such one after the other: the content that a command sends.

In: octets, paths. Out: how many octets they are, before any is given out, and the octets in blocks. A Spool is
such Octets, too.
"""

from __future__ import annotations

import os

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
            """Raises RecordingUnreadable, SaveFailed."""


BLOCK = 256 << 10


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
