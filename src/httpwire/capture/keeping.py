"""Where requests are kept as they arrive: one file, one file after another in it, or a folder.

In: octets of requests, in pieces, several at once. Out: files that hold them byte for byte:
a complete request under its name, an incomplete one under that name and an ending that says
so. Nothing is told as kept before `flush` has put it into the file. A large request is on
disk as it comes; a small one when it ends.
"""

from __future__ import annotations

import contextlib
import errno
import functools
import os
import re

from httpwire.capture.arrival import Arrival, as_object
from httpwire.capture.raw import BLOCK, Saving, write_whole
from httpwire.errors import OutputUnwritable, SaveFailed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_HELD = 64 << 10  # octets of a request that are held in memory before they go to a file of their own
#: What the name of a file ends with that holds no whole request, or one more than were asked for.
PARTIAL, TUNNEL, SURPLUS = ".partial", ".tunnel", ".surplus"


class Piece:
    """The octets of one request, while they come."""

    def __init__(self, keeping: Keeping, number: int) -> None:
        self.number = number
        self.octets = 0
        self.spool: Saving | None = None
        self._keeping = keeping
        self._parts: list[bytes] = []

    def write(self, data: bytes | memoryview) -> None:
        """Take the next octets. Raises SaveFailed."""
        self.octets += len(data)
        if self.spool is None:
            self._parts.append(bytes(data))
            if self.octets <= _HELD:
                return
            self.spool = self._keeping.spool(self.number)
            data, self._parts = self.held(), []
        try:
            self.spool.write(data)
        except SaveFailed:
            self.octets = self.spool.octets  # what is on disk
            raise

    def give_back(self, count: int) -> bytes:
        """The last `count` octets, which belong to the next request after all; they are few, and still held."""
        octets = self.held()
        self._parts = [octets[:-count]]
        self.octets -= count
        return octets[-count:]

    def held(self) -> bytes:
        """The octets, where they are few."""
        return self._parts[0] if len(self._parts) == 1 else b"".join(self._parts)

    def copy(self, write: Callable[[bytes], None]) -> None:
        """Give all octets to `write`, and forget them. Raises what it raises."""
        spool = self.spool
        if spool is None:
            write(self.held())
            return
        for offset in range(0, self.octets, BLOCK):
            write(os.pread(spool.fileno(), BLOCK, offset))
        spool.drop()


class Keeping:
    """Keeps nothing: the base of those that do. `path` names the place to a person."""

    path = ""
    direct = False  #: what is kept goes to a pipe or a device, which may make a write wait

    def piece(self, number: int) -> Piece | None:  # noqa: ARG002  # others need it
        """A place for the octets of the request `number`; None where none are kept."""
        return None

    def number(self, number: int) -> int:
        """The number that the request `number` of this run has where it is kept."""
        return number

    def spool(self, number: int) -> Saving:
        """A file for the octets of a large request, until it is known what becomes of them. Raises SaveFailed."""
        raise NotImplementedError

    def keep(self, piece: Piece, arrival: Arrival, ending: str) -> str:
        """Put a request that has ended in its place; `ending` is empty for a complete one. Gives the file's name, empty
        where it could not be kept at all. Raises SaveFailed."""
        raise NotImplementedError

    def flush(self) -> None:
        """Write what is still held. Raises SaveFailed."""

    def close(self) -> None:
        """No more will come. Raises SaveFailed."""


class File(Keeping):
    """One file for a complete request. What else came is kept beside it, under names that say what it is. A pipe or a
    device takes whole requests, and nothing else."""

    def __init__(self, path: str) -> None:
        """Raises OutputUnwritable where `path` can't be written."""
        self.path = path
        self._endings: dict[str, int] = {}
        probe = Saving(path)
        self.direct = probe.direct
        self._sink = probe if probe.direct else None
        self._kept = False
        if not self._sink:
            probe.finish(complete=False)

    def piece(self, number: int) -> Piece:
        return Piece(self, number)

    def spool(self, number: int) -> Saving:  # noqa: ARG002  # a folder names it after it
        if not self._sink:
            return _saving(self.path)
        import tempfile

        try:
            with tempfile.TemporaryFile(buffering=0) as unnamed:  # gone with this process, however it ends
                saving = _saving(f"/dev/fd/{unnamed.fileno()}")
        except OSError as error:
            raise _failed(tempfile.gettempdir(), error) from error
        saving.path = tempfile.gettempdir()
        return saving

    def keep(self, piece: Piece, arrival: Arrival, ending: str) -> str:  # noqa: ARG002  # a folder's names tell of it
        if self._kept:
            ending = ending or SURPLUS
        if self._sink:
            if ending:
                if piece.spool:
                    piece.spool.drop()
                return ""
            piece.copy(self._sink.write)
            self._kept = True
            return self.path
        if ending:
            count = self._endings[ending] = self._endings.get(ending, 0) + 1
            ending += f"-{count}" if count > 1 else ""
        saved = self._whole(piece, ending)
        self._kept = self._kept or not ending
        return saved

    def _whole(self, piece: Piece, ending: str) -> str:
        """Make the piece a file of its own."""
        saving = piece.spool
        if saving is None:
            saving = _saving(self.path)
            try:
                saving.write(piece.held())
            except SaveFailed:
                saving.finish(complete=False, ending=ending or PARTIAL)
                raise
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
            saved = super().keep(piece, arrival, ending)
            self._kept = False  # there is always room for one more
            return saved
        if not self._saved:
            self._saved = self._whole(piece, "")
            self._fd = os.open(self._saved, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
        elif piece.spool is None:
            self._pending.append(piece.held())
        else:
            self.flush()
            try:
                with self._appending() as append:
                    piece.copy(append)
            except OSError as error:
                piece.spool.finish(complete=False, ending=PARTIAL)
                raise _failed(self.path, error) from error
        return self._saved

    @contextlib.contextmanager
    def _appending(self) -> Iterator[Callable[[bytes], None]]:
        """Gives what appends to the file. Where that fails all of it is taken back: what was told stays, whole."""
        size = os.fstat(self._fd).st_size
        try:
            yield functools.partial(write_whole, self._fd)
        except OSError:
            with contextlib.suppress(OSError):
                os.ftruncate(self._fd, size)
            raise

    def flush(self) -> None:
        if self._pending:
            pending, self._pending = b"".join(self._pending), []
            try:
                with self._appending() as append:
                    append(pending)
            except OSError as error:
                raise _failed(self.path, error) from error

    def close(self) -> None:
        try:
            self.flush()
        finally:
            super().close()
            if self._fd >= 0:
                os.close(self._fd)
                self._fd = -1


class Folder(Keeping):
    """A folder: one file a request, and `index.jsonl` with one line for each. What is there already stays."""

    def __init__(self, path: str) -> None:
        """Raises OutputUnwritable."""
        self.path = path
        self._prefix = os.path.join(path, "")
        self._folder = self._index = -1
        self._made = not os.path.isdir(path)
        try:
            os.makedirs(path, exist_ok=True)
            self._folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            earlier = map(_NUMBERED.match, os.listdir(path))  # noqa: PTH208  # names are all that is wanted
            self._before = max((int(found[1]) for found in earlier if found), default=0)
            self._index = self._open_index()
        except OSError as error:
            self._shut()
            raise OutputUnwritable(path=path, why=error.strerror or str(error), errno=error.errno) from error
        self._lines: list[str] = []
        from json import JSONEncoder

        self._encode = JSONEncoder(ensure_ascii=True, separators=(", ", ": ")).encode

    def _open_index(self) -> int:
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
        index = os.open("index.jsonl", flags, 0o666, dir_fd=self._folder)
        size = os.fstat(index).st_size
        if size and os.pread(index, 1, size - 1) != b"\n":
            write_whole(index, b"\n")  # a run that was killed left a line without its end
        return index

    def piece(self, number: int) -> Piece:
        return Piece(self, number)

    def number(self, number: int) -> int:
        """The number that the request `number` of this run has here, after those of earlier ones."""
        return self._before + number

    def spool(self, number: int) -> Saving:
        return _saving(os.path.join(self.path, f"{self.number(number):04}.http"))

    def keep(self, piece: Piece, arrival: Arrival, ending: str, more: dict[str, object] | None = None) -> str:
        """As every Keeping does; the line in the index says `more`, too."""
        number = self.number(piece.number)
        name = f"{number:04}{_label(arrival)}.http"
        try:
            name = self._link(piece.spool, name, ending) if piece.spool else self._write(piece.held(), name, ending)
        except OSError as error:
            raise _failed(os.path.join(self.path, name), error) from error
        self._lines.append(self._encode(as_object(arrival) | {"number": number, "file": name} | (more or {})))
        return self._prefix + name

    def _write(self, octets: bytes, wanted: str, ending: str) -> str:
        """Make a file of `octets`; gives the name it got."""
        for name in _free_names(wanted, ending):
            try:
                fd = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666, dir_fd=self._folder)
            except FileExistsError:
                continue  # another process keeps its requests here, too
            try:
                write_whole(fd, octets)
            except OSError:
                if not ending:
                    os.rename(name, name + PARTIAL, src_dir_fd=self._folder, dst_dir_fd=self._folder)
                raise
            finally:
                os.close(fd)
            return name
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), wanted)

    def _link(self, spool: Saving, wanted: str, ending: str) -> str:
        """Give a file that is there its name, which no other has; gives which."""
        saved = os.path.basename(spool.leave())
        for name in _free_names(wanted, ending):
            try:
                os.link(saved, name, src_dir_fd=self._folder, dst_dir_fd=self._folder)
            except FileExistsError:
                continue
            os.unlink(saved, dir_fd=self._folder)
            return name
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), wanted)

    def flush(self) -> None:
        if self._lines:
            lines, self._lines = "\n".join((*self._lines, "")), []
            try:
                write_whole(self._index, lines.encode("ascii"))
            except OSError as error:
                raise _failed(os.path.join(self.path, "index.jsonl"), error) from error

    def close(self) -> None:
        try:
            self.flush()
        finally:
            empty = self._made and not os.fstat(self._index).st_size
            self._shut()
            if empty:
                _remove_empty(self.path)

    def _shut(self) -> None:
        for descriptor in (self._index, self._folder):
            if descriptor >= 0:
                os.close(descriptor)
        self._folder = self._index = -1


_UNSAFE = re.compile("[^0-9A-Za-z._]+")
_NUMBERED = re.compile(r"([0-9]{4,})(?:-.*)?\.(?:http|response)(?:\..*)?\Z", re.DOTALL)


def _free_names(name: str, ending: str) -> Iterator[str]:
    """Names for a file, the first one as it should be."""
    yield name + ending
    stem = name.removesuffix(".http")
    for count in range(2, 1000):
        yield f"{stem}-{count}.http{ending}"


def _remove_empty(path: str) -> None:
    """Take back a folder that was made for nothing."""
    with contextlib.suppress(OSError):
        if os.listdir(path) == ["index.jsonl"]:  # noqa: PTH208  # names are all that is wanted
            os.unlink(os.path.join(path, "index.jsonl"))
            os.rmdir(path)


def _saving(path: str) -> Saving:
    """A Saving in the middle of the work, where failing to open is failing to save."""
    try:
        return Saving(path)
    except OutputUnwritable as error:
        raise SaveFailed(path=path, why=error.facts["why"], errno=error.facts["errno"]) from error


def _failed(path: str, error: OSError) -> SaveFailed:
    return SaveFailed(path=path, why=error.strerror or str(error), errno=error.errno)


def _label(arrival: Arrival) -> str:
    """What the name of a request's file says of it: its method and the path of its target, as far as a name can."""
    line = arrival.message.head.line if arrival.message and arrival.message.head else None
    if not line:
        return ""
    target = line.target.partition(b"?")[0].decode("latin-1").strip("/")
    words = [_UNSAFE.sub("-", word).strip("-.")[:60] for word in (line.method.decode("latin-1"), target)]
    return "".join(f"-{word}" for word in words if word)
