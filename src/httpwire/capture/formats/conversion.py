"""Whole captures, from any format to any other: the work of `convert` and `merge`, without their words.

In: what is to be read (a file, "-", a folder), as a format or as what its content shows; entries of a capture. Out:
connections and events in a Sink; another format's octets on an Output.
"""

from __future__ import annotations

import os

from httpwire.capture.formats.known import CAPTURE, GZIP, Format, by_content, by_name, by_path
from httpwire.capture.raw import BLOCK
from httpwire.capture.source import Source, Unpacked
from httpwire.errors import RecordingBroken, RecordingUnreadable
from httpwire.language import N_

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from types import ModuleType

    from httpwire.capture.store.capture import Capture
    from httpwire.capture.store.entry import Entry
    from httpwire.capture.store.writing import Gatherer
    from httpwire.capture.toll import Toll
    from httpwire.capture.traffic import Output

    Progress = Callable[[int, int], None]

SEEN = 4096  # octets of a file that tell what it is


class Input:
    """What is read: `name` as it was given, its `format`, and whether it is another one than its name says."""

    def __init__(self, name: str, asked: str = "", *, watch: Callable[[int, int], None] | None = None) -> None:
        """Open it, as the format `asked` for, else as what it is; `watch` is told how many octets were read, of how
        many (0: not known). Raises RecordingUnreadable, UsageError."""
        self.name = name
        self._source: Source | None = None
        self.misnamed = False
        named = by_path(name)
        if os.path.isdir(name):
            self.format = by_name(asked or "raw") or CAPTURE
            return
        source = self._source = Source(name, watch=self._watching(watch) if watch else None)
        first = source.peek(SEEN)
        found = by_name(asked) if asked else by_content(first, named) or named
        if not found:
            source.close()
            hint = N_("say what it is: --from-format NAME")
            raise RecordingUnreadable(path=name, why=N_("it is of no format that is known here"), hint=hint)
        self.format = found
        self.misnamed = not asked and named is not None and named is not found
        if first.startswith(GZIP) and not found.recognises(first):
            self._source = Unpacked(source)

    def _watching(self, watch: Callable[[int, int], None]) -> Callable[[int], None]:
        return lambda offset: watch(offset, (self._source and self._source.octets) or 0)

    @property
    def octets(self) -> int | None:
        """Its size, where that is known."""
        return self._source.octets if self._source else None

    def close(self) -> None:
        if self._source:
            self._source.close()

    def read_into(self, sink: Gatherer, toll: Toll, keylog: str = "") -> None:
        """Give all of it to `sink`. Raises RecordingUnreadable, RecordingBroken (when what is before the fault was
        given), SaveFailed."""
        module = self.format.load("read")
        try:
            self._read_into(module, sink, toll, keylog)
        except (RecordingBroken, RecordingUnreadable):
            if not (self._source and self._source.fault):
                raise
        except MemoryError as error:
            if not self._source:
                raise
            raise self._source.broken(N_("what comes here needs more memory than there is")) from error
        self._check()

    def _read_into(self, module: ModuleType, sink: Gatherer, toll: Toll, keylog: str) -> None:
        if not self._source:
            if self.format.name != "raw":
                raise RecordingUnreadable(path=self.name, why=os.strerror(21), errno=21)
            module.read_folder(self.name, sink, toll)
        elif keylog:
            module.read(self._source, sink, toll, keylog=keylog)
        else:
            module.read(self._source, sink, toll)

    def copy_to(self, path: str) -> None:
        """Write it as it is to a new file at `path`. Raises RecordingUnreadable, RecordingBroken (when what is
        before the fault was written), OSError."""
        assert self._source
        with open(path, "wb") as file:
            while block := self._source.read(BLOCK):
                file.write(block)
        self._check()

    def _check(self) -> None:
        """What was read is all of it. Raises RecordingBroken: what comes before its fault was read then."""
        if self._source and self._source.fault:
            raise self._source.fault


def write(
    known: Format, capture: Capture, entries: Iterable[Entry], output: Output, toll: Toll, *, compressed: bool
) -> None:
    """Write `entries` of `capture` to `output` in another format, `compressed` by gzip where that was asked for.

    Raises RecordingUnreadable, RecordingBroken, SaveFailed, UsageError."""
    module = known.load("write")
    if not compressed:
        module.write(capture, entries, output, toll)
    elif known.name == "warc":  # each record by itself
        module.write(capture, entries, output, toll, compress=True)
    else:
        packed = _Packed(output)
        module.write(capture, entries, packed, toll)
        packed.finish()


class _Packed:
    """Compresses on the way to `output`."""

    def __init__(self, output: Output) -> None:
        import zlib

        self._output = output
        self._packer = zlib.compressobj(wbits=31)

    def write(self, data: bytes) -> None:
        if block := self._packer.compress(data):
            self._output.write(block)

    def finish(self) -> None:
        self._output.write(self._packer.flush())


class Counted:
    """Entries on their way to a writer: `exchanges` and `connections` count them, `progress` is told of it. `error` is
    what broke them off: what was before it is then written as a whole."""

    def __init__(self, entries: Iterable[Entry], whole: int, progress: Progress | None) -> None:
        self._entries = entries
        self._whole = whole
        self._progress = progress
        self._seen = bytearray()  # a bit for each connection: there may be millions
        self.exchanges = self.connections = 0
        self.error: RecordingBroken | None = None

    def __iter__(self) -> Iterator[Entry]:
        try:
            for entry in self._entries:
                self._count(entry.connection)
                yield entry
                if self._progress and not self.exchanges % 64:
                    self._progress(self.exchanges, self._whole)
        except RecordingBroken as error:
            self.error = error

    def _count(self, connection: int) -> None:
        self.exchanges += 1
        place, bit = connection >> 3, 1 << (connection & 7)
        if place >= len(self._seen):
            self._seen.extend(bytes(place + 1024 - len(self._seen)))
        if not self._seen[place] & bit:
            self._seen[place] |= bit
            self.connections += 1
