"""Octets that have arrived and are not yet taken, with absolute offsets.

In: segments. Out: the octets as one bytearray, `octets`, whose first octet has the
absolute offset `start`. Adding at the end and taking from the front both cost only
what they move, however small the segments.
"""

from __future__ import annotations


class Buffer:
    __slots__ = ("octets", "searched", "start")

    def __init__(self, start: int = 0) -> None:
        self.octets = bytearray()
        self.start = start
        self.searched = 0  # how far into `octets` a search for a line end has come

    def __len__(self) -> int:
        return len(self.octets)

    def add(self, data: bytes | memoryview) -> None:
        self.octets += data

    def take(self, count: int) -> int:
        """Drop `count` octets from the front; gives the absolute offset reached."""
        if count:
            del self.octets[:count]
            self.start += count
            self.searched = 0
        return self.start

    def line_stop(self, limit: int) -> int:
        """The index just past the first LF within `limit` octets, or -1; never searches an octet twice."""
        found = self.octets.find(b"\n", self.searched, limit)
        if found < 0:
            self.searched = min(len(self.octets), limit)
            return -1
        return found + 1
