"""Octets that wait: in memory while they are few, then in a temporary file.

In: pieces. Out: the same, in order, as often as they are wanted.
"""

from __future__ import annotations

from httpwire.errors import SaveFailed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from io import BufferedRandom

_SMALL = 1 << 20
_BLOCK = 1 << 20


class Held:
    """`octets` of them."""

    __slots__ = ("_file", "_pieces", "octets")

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self._file: BufferedRandom | None = None
        self.octets = 0

    def add(self, piece: bytes) -> None:
        """Raises SaveFailed."""
        self.octets += len(piece)
        if self._file is None and self.octets <= _SMALL:
            self._pieces.append(piece)
            return
        try:
            if self._file is None:
                import tempfile

                self._file = tempfile.TemporaryFile()  # noqa: SIM115  # it lives as long as this
                self._file.writelines(self._pieces)
                self._pieces.clear()
            self._file.write(piece)
        except OSError as error:
            raise _failed(error) from error

    def pieces(self) -> Iterator[bytes]:
        """Raises SaveFailed."""
        yield from self._pieces
        if self._file is None:
            return
        try:
            self._file.seek(0)
            while piece := self._file.read(_BLOCK):
                yield piece
        except OSError as error:
            raise _failed(error) from error

    def close(self) -> None:
        if self._file:
            self._file.close()


def _failed(error: OSError) -> SaveFailed:
    import tempfile

    return SaveFailed(path=tempfile.gettempdir(), why=error.strerror or str(error), errno=error.errno)
