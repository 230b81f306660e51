"""Plain files of octets: a request to send, and the answer as it came.

In: paths. Out: Outgoing, the octets of a file (or of bytes) with patches applied, read in
blocks; and Saving, a file that takes octets as they arrive and takes its name only when
they are complete. It loses nothing: what is in the file is what was on the wire.
"""

from __future__ import annotations

import os
import stat
from bisect import bisect_right

from httpwire.errors import OutputUnwritable, RecordingUnreadable, SaveFailed
from httpwire.language import N_
from httpwire.wire.preflight import Examination, Examiner

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Protocol, TypeVar

    from httpwire.capture.traffic import ConnectionFacts
    from httpwire.wire.edit import Edits, Patch

    T = TypeVar("T")
    T_co = TypeVar("T_co", covariant=True)

    class Reader(Protocol[T_co]):
        """Takes octets by `feed`, or by `skip` as many as are `opaque`: a Stream, an Examiner, a Planner."""

        @property
        def opaque(self) -> int: ...
        def feed(self, data: bytes, /) -> T_co: ...
        def skip(self, count: int, /) -> T_co: ...

    class Original(Protocol):
        """Octets that are somewhere: `octets` of them, in the file `fd` where that is not None."""

        fd: int | None
        octets: int

        def read_at(self, offset: int, count: int) -> bytes: ...
        def close(self) -> None: ...


BLOCK = 256 << 10
_SPOOL = 8 << 20  # standard input beyond this goes to a temporary file


class _Memory:
    fd: int | None = None

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.octets = len(data)

    def read_at(self, offset: int, count: int) -> bytes:
        return self._data[offset : offset + count]

    def close(self) -> None:
        pass


class _File:
    def __init__(self, fd: int, octets: int) -> None:
        self.fd: int | None = fd
        self.octets = octets

    def read_at(self, offset: int, count: int) -> bytes:
        assert self.fd is not None
        os.lseek(self.fd, offset, os.SEEK_SET)
        return os.read(self.fd, count)

    def close(self) -> None:
        if self.fd is not None:
            os.close(self.fd)
        self.fd = None


class Outgoing:
    """Octets to be sent: an original with patches laid over it. `octets` is the size with them."""

    def __init__(self, original: Original, name: str) -> None:
        self.name = name
        self.facts: ConnectionFacts | None = None  #: of the connection they went over, where a capture has them
        self.gaps: tuple[tuple[int, int], ...] = ()  #: offsets before which octets were not captured, and how many
        self._original = original
        self.patches: list[Patch] = []
        self._pieces: list[tuple[int, int, bytes | None]] = []  # where it begins, where in the original, or new octets
        self._lay()

    @classmethod
    def from_bytes(cls, data: bytes, name: str = "") -> Outgoing:
        return cls(_Memory(data), name)

    @classmethod
    def from_path(cls, path: str) -> Outgoing:
        """Open the file at `path`, or standard input for "-". Raises RecordingUnreadable."""
        try:
            return cls(_standard_input() if path == "-" else _open(path), path)
        except OSError as error:
            raise RecordingUnreadable(path=path, why=error.strerror or str(error), errno=error.errno) from error
        except ValueError as error:  # a NUL in the name
            raise RecordingUnreadable(path=path, why=str(error), errno=None) from error

    def _lay(self) -> None:
        pieces: list[tuple[int, int, bytes | None]] = []
        position = here = 0
        for patch in self.patches:
            if patch.offset > position:
                pieces.append((here, position, None))
                here += patch.offset - position
            if patch.new:
                pieces.append((here, 0, patch.new))
                here += len(patch.new)
            position = patch.offset + len(patch.old)
        if position < self._original.octets:
            pieces.append((here, position, None))
            here += self._original.octets - position
        self._pieces = pieces
        self.octets = here

    def blocks(self, start: int = 0, stop: int | None = None) -> Iterator[bytes]:
        """The octets from `start` up to `stop` (None: the end), in blocks.

        Raises RecordingUnreadable when the file became shorter."""
        small: list[bytes] = []  # neighbours of patches are joined: each block is one write
        size = 0
        for piece in self._read_pieces(start, self.octets if stop is None else min(stop, self.octets)):
            small.append(piece)
            size += len(piece)
            if size >= BLOCK:
                yield b"".join(small) if len(small) > 1 else piece
                small, size = [], 0
        if small:
            yield b"".join(small)

    def _read_pieces(self, offset: int, stop: int) -> Iterator[bytes]:
        pieces = self._pieces
        index = bisect_right(pieces, offset, key=lambda piece: piece[0]) - 1
        while offset < stop:
            start, source, new = pieces[index]
            end = min(stop, pieces[index + 1][0] if index + 1 < len(pieces) else stop)
            while offset < end:
                inside = offset - start
                count = min(BLOCK, end - offset)
                piece = self._original.read_at(source + inside, count) if new is None else new[inside : inside + count]
                if not piece:
                    raise RecordingUnreadable(path=self.name, why=N_("it became shorter while it was read"))
                yield piece
                offset += len(piece)
            index += 1

    def read(self, start: int, stop: int) -> bytes:
        """The octets from `start` up to `stop`. Raises RecordingUnreadable when the file became shorter."""
        return b"".join(self.blocks(start, stop))

    @property
    def descriptor(self) -> int | None:
        """The descriptor of a file whose octets these are, unpatched; None where there is no such file."""
        return None if self.patches else self._original.fd

    def shown_to(self, reader: Reader[T]) -> Iterator[T]:
        """Show the octets to `reader`, and give what it makes of each block; content that decides nothing is not even
        read."""
        position = 0
        while position < self.octets:
            count = min(reader.opaque, self.octets - position)
            if count > BLOCK:
                yield reader.skip(count)
                position += count
                continue
            for block in self.blocks(position):
                yield reader.feed(block)
                position += len(block)
                if reader.opaque > BLOCK:
                    break

    def walk(self, reader: Reader[object]) -> None:
        """Show the octets to `reader`."""
        for _ in self.shown_to(reader):
            pass

    def examine(self) -> Examination:
        """What is to be known of these octets as requests."""
        examiner = Examiner()
        self.walk(examiner)
        return examiner.finish()

    def edit(self, edits: Edits) -> None:
        """Lay the patches that `edits` ask for; `patches` says which they are."""
        from httpwire.wire.edit import Planner

        planner = Planner(edits)
        self.walk(planner)
        self.patch(planner.finish())

    def patch(self, patches: list[Patch]) -> None:
        """Lay `patches`, which are in order of offset."""
        self.patches = patches
        self._lay()

    def close(self) -> None:
        self._original.close()


def _open(path: str) -> _Memory | _File:
    fd = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0))
    try:
        info = os.fstat(fd)
        if stat.S_ISDIR(info.st_mode):
            raise IsADirectoryError(21, os.strerror(21), path)
        if stat.S_ISREG(info.st_mode):
            return _File(fd, info.st_size)
    except BaseException:
        os.close(fd)
        raise
    with os.fdopen(fd, "rb", buffering=0) as stream:  # a pipe or a device: no size, no second reading
        return _spooled(stream.read)


def _standard_input() -> _Memory | _File:
    return _spooled(lambda count: os.read(0, count))


def _spooled(read: Callable[[int], bytes | None]) -> _Memory | _File:
    data = bytearray()
    while block := read(BLOCK):
        data += block
        if len(data) > _SPOOL:
            break
    else:
        return _Memory(bytes(data))
    import tempfile

    with tempfile.TemporaryFile(buffering=0) as spool:
        fd = spool.fileno()
        write_whole(fd, data)
        while block := read(BLOCK):
            write_whole(fd, block)
        return _File(os.dup(fd), os.fstat(fd).st_size)


def write_whole(fd: int, data: bytes | bytearray) -> None:
    """Write all of `data`: a write may take less, and tells why only at the next one."""
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]


def same_file(one: str, other: str) -> bool:
    """Whether two names, of which "-" is standard input, are of one regular file."""
    try:
        return os.path.samestat(os.fstat(0) if one == "-" else os.stat(one), os.stat(other)) and os.path.isfile(other)
    except OSError:
        return False


def descriptor_of(path: str) -> int | None:
    """The descriptor that `path` is a name of: "-", /dev/stdout and their like are written where they stand, and
    never replaced by another file."""
    if path == "-":
        return 1
    head, _, last = path.rpartition("/")
    named = {"/dev/stdout": 1, "/dev/stderr": 2}.get(path)
    if named is None and head in ("/dev/fd", "/proc/self/fd") and last.isascii() and last.isdigit():
        return int(last)
    return named


class Saving:
    """Octets on their way to the file `path`.

    They go to a file of another name beside it. `finish` gives that its name: `path` when the
    octets are complete, else `path`.partial. A path that is no regular file (a pipe, a
    device, "-" for standard output) takes the octets directly.
    """

    def __init__(self, path: str) -> None:
        """Open it. Raises OutputUnwritable."""
        self.path = path
        self.octets = 0  #: written so far
        self.saved: str = ""  #: the name under which they are, once finished
        self._temporary = ""
        self.direct = False  #: the octets go to a pipe or a device, which may make a write wait
        self._mode: int | None = None
        try:
            self._fd = self._open(path)
            self.direct = not self._temporary
        except OSError as error:
            raise OutputUnwritable(path=path, why=error.strerror or str(error), errno=error.errno) from error

    def _open(self, path: str) -> int:
        descriptor = descriptor_of(path)
        if descriptor is not None:
            os.write(descriptor, b"")  # fails now where it is closed or only for reading
            return os.dup(descriptor)
        if not path or path.endswith("/"):
            raise IsADirectoryError(21, os.strerror(21), path)
        flags = os.O_WRONLY | os.O_CREAT | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)
        try:
            info = os.stat(path)
        except FileNotFoundError:
            pass
        else:
            if stat.S_ISDIR(info.st_mode):
                raise IsADirectoryError(21, os.strerror(21), path)
            if not stat.S_ISREG(info.st_mode):
                return os.open(path, flags)
            if not os.access(path, os.W_OK):
                raise PermissionError(13, os.strerror(13), path)
            self._mode = stat.S_IMODE(info.st_mode) & 0o777
        self._final = os.path.realpath(path)  # a link stays, the file it names is replaced
        for number in range(100):  # a killed run may have left the first of these names
            folder, name = os.path.split(self._final)
            # A file's name may have 255 octets; of a long one the beginning has to do.
            short = name if len(os.fsencode(name)) < 200 else name[:40]
            self._temporary = os.path.join(folder, f"{short}.{os.getpid()}-{number}.tmp")
            try:
                flags = flags & ~os.O_WRONLY | os.O_RDWR | os.O_EXCL
                return os.open(self._temporary, flags, 0o666 if self._mode is None else self._mode)
            except FileExistsError:
                continue
        raise FileExistsError(17, os.strerror(17), self._temporary)

    def write(self, data: bytes | memoryview) -> None:
        """Take the next octets. Raises SaveFailed."""
        view = memoryview(data)
        try:
            while view:
                count = os.write(self._fd, view)
                self.octets += count
                view = view[count:]
        except OSError as error:
            raise SaveFailed(path=self.path, why=error.strerror or str(error), errno=error.errno) from error

    def fileno(self) -> int:
        """The descriptor; what was written can be read there, but for a pipe or a device."""
        return self._fd

    def drop(self) -> None:
        """Close the file and remove it: its octets are elsewhere. Raises SaveFailed."""
        self.octets = 0
        self.finish(complete=False)

    def leave(self) -> str:
        """Close the file under the name it has, for others to give it another; gives that name. Raises OSError."""
        self.saved = self._temporary
        os.close(self._fd)
        return self.saved

    def finish(self, *, complete: bool, ending: str = ".partial") -> None:
        """Close the file and give it its name, with `ending` where it is not complete; an empty one that is incomplete
        is removed. Raises SaveFailed."""
        try:
            os.close(self._fd)
            if not self._temporary:
                self.saved = self.path
            elif complete or self.octets:
                if self._mode is not None:
                    os.chmod(self._temporary, self._mode)
                final = self._final if complete else self._final + ending
                os.replace(self._temporary, final)
                linked = self._final != os.path.abspath(self.path)
                self.saved = final if linked else self.path if complete else self.path + ending
            else:
                os.unlink(self._temporary)
        except OSError as error:
            self.saved = self._temporary
            raise SaveFailed(path=self.path, why=error.strerror or str(error), errno=error.errno) from error
