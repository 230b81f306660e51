"""Where requests are kept as they arrive: one file, one file after another in it, or a folder.

In: octets of requests, in pieces, several at once. Out: files that hold them byte for byte:
a complete request under its name, an incomplete one under that name and an ending that says
so. Nothing is told as kept before `flush` has put it into the file. A large request is on
disk as it comes; a small one when it ends.
"""

from __future__ import annotations

import os
import re

from httpwire.capture.arrival import Arrival, as_object
from httpwire.capture.raw import BLOCK, Saving
from httpwire.errors import OutputUnwritable, SaveFailed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import IO

_HELD = 64 << 10  # octets of a request that are held in memory before they go to a file of their own
PARTIAL, TUNNEL = ".partial", ".tunnel"  # what the name of a file ends with that holds no whole request


class Piece:
    """The octets of one request, while they come."""

    def __init__(self, keeping: Keeping, number: int) -> None:
        self.number = number
        self.octets = 0
        self._keeping = keeping
        self._parts: list[bytes] = []
        self.spool: Saving | IO[bytes] | None = None

    def write(self, data: bytes | memoryview) -> None:
        """Take the next octets. Raises SaveFailed."""
        self.octets += len(data)
        if self.spool is None:
            self._parts.append(bytes(data))
            if self.octets <= _HELD:
                return
            self.spool = self._keeping.spool(self.number)
            data = self.held()
            self._parts = []
        try:
            self.spool.write(data)
        except OSError as error:
            raise _failed(self._keeping.path, error) from error

    def held(self) -> bytes:
        """The octets, where they are few."""
        return self._parts[0] if len(self._parts) == 1 else b"".join(self._parts)


class Keeping:
    """Keeps nothing: the base of those that do. `path` names the place to a person."""

    path = ""

    def piece(self, number: int) -> Piece | None:  # noqa: ARG002  # others need it
        """A place for the octets of the request `number`; None where none are kept."""
        return None

    def spool(self, number: int) -> Saving | IO[bytes]:
        """A file for the octets of a large request, until it is known what becomes of them."""
        raise NotImplementedError

    def keep(self, piece: Piece, arrival: Arrival, ending: str) -> str:
        """Put a request that has ended in its place; `ending` is empty for a complete one. Gives the file's name."""
        raise NotImplementedError

    def flush(self) -> None:
        """Write what is still held. Raises SaveFailed."""

    def close(self) -> None:
        """No more will come. Raises SaveFailed."""


class File(Keeping):
    """One file for the first complete request. What else came is kept beside it, as incomplete."""

    def __init__(self, path: str) -> None:
        """Raises OutputUnwritable where `path` can't be written."""
        self.path = path
        self._others = 0
        probe = Saving(path)
        self._sink = probe if probe.direct else None  # a pipe or a device: it takes whole requests, and no others
        if not self._sink:
            probe.finish(complete=False)

    def piece(self, number: int) -> Piece:
        return Piece(self, number)

    def spool(self, number: int) -> Saving | IO[bytes]:  # noqa: ARG002  # a folder's files have numbers
        if not self._sink:
            return Saving(self.path)
        import tempfile

        return tempfile.TemporaryFile()

    def keep(self, piece: Piece, arrival: Arrival, ending: str) -> str:  # noqa: ARG002  # a folder's names tell of it
        if self._sink:
            if ending:
                return ""
            copy(piece, self._sink)
            return self.path
        if ending:
            self._others += 1
            ending += f"-{self._others}" if self._others > 1 else ""
        return self._whole(piece, ending)

    def _whole(self, piece: Piece, ending: str) -> str:
        """Make the piece a file of its own."""
        saving = piece.spool
        if not isinstance(saving, Saving):
            saving = Saving(self.path)
            copy(piece, saving)
        saving.finish(complete=not ending, ending=ending)
        return saving.saved

    def close(self) -> None:
        if self._sink:
            self._sink.finish(complete=True)
            self._sink = None


class Sequence(File):
    """One file for all complete requests, one after the other, as each is complete."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self._saved = ""
        self._fd = -1
        self._pending: list[bytes] = []

    def keep(self, piece: Piece, arrival: Arrival, ending: str) -> str:
        if ending or self._sink:
            return super().keep(piece, arrival, ending)
        if not self._saved:
            self._saved = self._whole(piece, "")
            self._fd = os.open(self._saved, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
        elif piece.spool is None:
            self._pending.append(piece.held())
        else:
            self.flush()
            copy(piece, self)
            if isinstance(piece.spool, Saving):
                piece.spool.drop()
        return self._saved

    def write(self, data: bytes) -> None:
        """Append octets to the file. Raises SaveFailed."""
        view = memoryview(data)
        try:
            while view:
                view = view[os.write(self._fd, view) :]
        except OSError as error:
            raise _failed(self.path, error) from error

    def flush(self) -> None:
        if self._pending:
            pending, self._pending = b"".join(self._pending), []
            self.write(pending)

    def close(self) -> None:
        self.flush()
        super().close()
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


class Folder(Keeping):
    """A folder: one file a request, and `index.jsonl` with one line for each. What is there already stays."""

    def __init__(self, path: str) -> None:
        """Raises OutputUnwritable."""
        self.path = path
        try:
            os.makedirs(path, exist_ok=True)
            self._folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
            self._index = os.open("index.jsonl", flags, 0o666, dir_fd=self._folder)
            numbers = [int(found[0]) for found in map(re.compile("[0-9]+").match, os.listdir(path)) if found]  # noqa: PTH208
        except OSError as error:
            raise OutputUnwritable(path=path, why=error.strerror or str(error), errno=error.errno) from error
        self._before = max(numbers, default=0)  # an earlier run's files
        self._lines: list[str] = []
        from json import JSONEncoder

        self._encode = JSONEncoder(ensure_ascii=True, separators=(", ", ": ")).encode

    def piece(self, number: int) -> Piece:
        return Piece(self, number)

    def spool(self, number: int) -> Saving:
        return Saving(os.path.join(self.path, f"{self._before + number:04}.http"))

    def keep(self, piece: Piece, arrival: Arrival, ending: str) -> str:
        number = self._before + piece.number
        name = f"{number:04}{_label(arrival)}.http{ending}"
        try:
            if isinstance(piece.spool, Saving):
                piece.spool.finish(complete=True)
                os.rename(os.path.basename(piece.spool.saved), name, src_dir_fd=self._folder, dst_dir_fd=self._folder)
            else:
                fd = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666, dir_fd=self._folder)
                try:
                    held = piece.held()
                    if os.write(fd, held) < len(held):  # the disk is full, and says so at the next one
                        raise OSError(28, os.strerror(28))
                finally:
                    os.close(fd)
        except OSError as error:
            raise _failed(os.path.join(self.path, name), error) from error
        self._lines.append(self._encode(as_object(arrival.replace(number=number, file=name))))
        return os.path.join(self.path, name)

    def flush(self) -> None:
        if self._lines:
            lines, self._lines = "\n".join((*self._lines, "")), []
            view = memoryview(lines.encode("ascii"))
            try:
                while view:
                    view = view[os.write(self._index, view) :]
            except OSError as error:
                raise _failed(os.path.join(self.path, "index.jsonl"), error) from error

    def close(self) -> None:
        self.flush()
        os.close(self._index)
        os.close(self._folder)


def copy(piece: Piece, sink: Saving | Sequence) -> None:
    """Write the octets of `piece` to `sink`. Raises SaveFailed."""
    if piece.spool is None:
        sink.write(piece.held())
        return
    descriptor = piece.spool.fileno()
    offset = 0
    while block := os.pread(descriptor, BLOCK, offset):
        sink.write(block)
        offset += len(block)


def _failed(path: str, error: OSError) -> SaveFailed:
    return SaveFailed(path=path, why=error.strerror or str(error), errno=error.errno)


def _label(arrival: Arrival) -> str:
    """What the name of a request's file says of it: its method and the path of its target, as far as a name can."""
    line = arrival.message.head.line if arrival.message and arrival.message.head else None
    if not line:
        return ""
    target = line.target.partition(b"?")[0].decode("latin-1").strip("/")
    words = [re.sub(r"[^0-9A-Za-z._]+", "-", word).strip("-.")[:60] for word in (line.method.decode("latin-1"), target)]
    return "".join(f"-{word}" for word in words if word)
