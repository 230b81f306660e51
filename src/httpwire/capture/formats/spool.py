"""Octets that wait until they are wanted: in memory while they are few, then in a temporary file.

In: pieces. Out: how many octets they are, and the same octets in blocks, as often as they are wanted.
The file is gone with the last one who holds the Spool, and with the process.
"""

from __future__ import annotations

from httpwire.errors import SaveFailed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from io import BufferedRandom

_BLOCK = 256 << 10


class Spool:
    """`size` octets, of which no more than `most` are in memory."""

    __slots__ = ("_file", "_most", "_pieces", "size")

    def __init__(self, pieces: Iterable[bytes] = (), *, most: int = 1 << 20) -> None:
        """Raises SaveFailed, and what `pieces` raise."""
        self._pieces: list[bytes] = []
        self._file: BufferedRandom | None = None
        self._most = most
        self.size = 0
        for piece in pieces:
            self.write(piece)

    def __del__(self) -> None:
        if self._file:
            self._file.close()

    def write(self, piece: bytes) -> None:
        """Raises SaveFailed."""
        if self._file is None and self.size + len(piece) <= self._most:
            self._pieces.append(piece)
        else:
            self._spill(piece)
        self.size += len(piece)

    def _spill(self, piece: bytes) -> None:
        try:
            if self._file is None:
                import tempfile

                self._file = tempfile.TemporaryFile()  # noqa: SIM115  # it lives as long as this
                self._file.writelines(self._pieces)
                self._pieces.clear()
            self._file.seek(self.size)  # somebody may have read since
            self._file.write(piece)
        except OSError as error:
            raise _failed(error) from error

    def blocks(self) -> Iterator[bytes]:
        """Raises SaveFailed."""
        if self._file is None:
            yield from self._pieces
            return
        for offset in range(0, self.size, _BLOCK):
            yield self._read(self._file, offset)

    def _read(self, file: BufferedRandom, offset: int) -> bytes:
        try:
            file.seek(offset)
            return file.read(_BLOCK)
        except OSError as error:  # what was buffered is written first
            raise _failed(error) from error


def _failed(error: OSError) -> SaveFailed:
    import tempfile

    return SaveFailed(path=tempfile.gettempdir(), why=error.strerror or str(error), errno=error.errno)
