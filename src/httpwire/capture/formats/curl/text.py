"""The octets of a Source, looked at as they come, for whoever takes text apart by expressions.

In: a Source. Out: what an expression matches at the current place, in pieces no longer than what is held: a run of
any length costs no more memory than a block. An expression sees at least four octets, or all that are left.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    import re

    from httpwire.capture.source import Source

BLOCK = 64 << 10


class Text:
    """The octets of a Source, looked at as they come."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self._data = b""
        self._at = 0

    @property
    def offset(self) -> int:
        return self.source.offset - len(self._data) + self._at

    def _more(self) -> bool:
        block = self.source.read(BLOCK)
        self._data = self._data[self._at :] + block
        self._at = 0
        return bool(block)

    def ahead(self, count: int = 1) -> bytes:
        """The next octets, without taking them; fewer at the end."""
        while len(self._data) - self._at < count and self._more():
            pass
        return self._data[self._at : self._at + count]

    def skip(self, count: int) -> None:
        self._at += count

    def take(self, pattern: re.Pattern[bytes], most: int = 4) -> bytes:
        """What `pattern` matches here, of at most `most` octets; nothing where it does not."""
        found = pattern.match(self.ahead(most))
        if not found:
            return b""
        self._at += found.end()
        return found[0]

    def run(self, pattern: re.Pattern[bytes]) -> bytes:
        """What `pattern`, a run of octets of a kind, matches here, or a piece of it; nothing where it does not."""
        if len(self._data) - self._at < 4:
            self.ahead(4)
        found = pattern.match(self._data, self._at)
        if not found:
            return b""
        self._at = found.end()
        return found[0]

    def pass_by(self, pattern: re.Pattern[bytes]) -> None:
        """Pass over all that `pattern` matches from here."""
        while self.run(pattern):
            pass

    def line(self) -> tuple[bytes, bool]:
        """The next line, or a piece of a long one, and whether it is the last piece."""
        while True:
            end = self._data.find(b"\n", self._at) + 1
            if end or len(self._data) - self._at >= BLOCK or not self._more():
                break
        start, self._at = self._at, end or len(self._data)
        return self._data[start : self._at], bool(end)
