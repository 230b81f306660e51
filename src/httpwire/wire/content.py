"""Readers of content: each takes octets from a Buffer until its message ends.

In: a Buffer. Out: `read` lays elements for the octets it took and says whether the
content is complete; `opaque` is how many octets to come need not be looked at. A
broken chunk is told to `note` and raised to the stream as Lost: the octets stay in the
buffer, because from there on nobody can know what they are.
"""

from __future__ import annotations

import re
from functools import lru_cache

from httpwire.language import N_
from httpwire.wire import deviations as dev
from httpwire.wire import grammar
from httpwire.wire.buffer import Buffer
from httpwire.wire.element import Element, ElementKind
from httpwire.wire.fields import FieldLine, field_elements, parse_fields
from httpwire.wire.framing import MAX_SIZE, Rule
from httpwire.wire.record import Record, at

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from httpwire.wire.fields import Note
    from httpwire.wire.stream import Event

#: For `opaque`: no octet to come needs looking at.
UNBOUNDED = 1 << 62


class Limits(Record):
    """How much of one message is held in memory before its reader gives up: octets of a head (or of trailers, or of
    the interim responses before an answer), their lines, interim responses, and octets of one chunk's first line."""

    __slots__ = ()
    FIELDS = ("head", "lines", "interim", "chunk_line")
    head: int = at(0)
    lines: int = at(1)
    interim: int = at(2)
    chunk_line: int = at(3)

    def __new__(
        cls, head: int = 2 << 20, lines: int = 100_000, interim: int = 1_000, chunk_line: int = 64 << 10
    ) -> Limits:
        return tuple.__new__(cls, (head, lines, interim, chunk_line))


class Lost(Exception):
    """The end can't be known any more. `rule` says why; never leaves the stream."""

    def __init__(self, rule: Rule) -> None:
        super().__init__(rule.id)
        self.rule = rule


_HEX = frozenset(b"0123456789abcdefABCDEF")


class RunReader:
    """Octets of one kind: a known number of them, or (`length` None) all up to the close."""

    __slots__ = ("kind", "octets", "remaining")
    chunks = 0
    trailers: tuple[FieldLine, ...] = ()

    def __init__(self, kind: ElementKind, length: int | None = None) -> None:
        self.kind = kind
        self.remaining = length
        self.octets = 0

    @property
    def opaque(self) -> int:
        return UNBOUNDED if self.remaining is None else self.remaining

    def read(self, buffer: Buffer, out: list[Event]) -> bool:
        count = min(len(buffer), self.opaque)
        if count:
            out.append(Element(self.kind, buffer.start, buffer.start + count))
            buffer.take(count)
            self.pass_by(count)
        return self.remaining == 0

    def pass_by(self, count: int) -> bool:
        """Account for octets that went past without being fed."""
        self.octets += count
        if self.remaining is None:
            return False
        self.remaining -= count
        return self.remaining == 0


class ChunkReader:
    """The chunked coding (RFC 9112 7.1). With `detail` each part of each chunk is an element of its
    own; without, runs of chunks are one. The decisions are the same. `data`, where it is given, takes
    the chunks' data."""

    __slots__ = (
        "_closing",
        "_data",
        "_detail",
        "_in_trailers",
        "_left",
        "_limits",
        "_note",
        "chunks",
        "kind",
        "octets",
        "trailers",
    )

    def __init__(self, limits: Limits, note: Note, *, detail: bool, data: list[bytes] | None = None) -> None:
        self._data = data
        self._limits = limits
        self._note = note
        self._detail = detail
        self.kind = ElementKind.CHUNK_DATA if detail else ElementKind.CHUNKED  # of opaque octets
        self._left = 0  # octets of chunk data still to come
        self._closing = False  # the data is complete, its CRLF is due
        self._in_trailers = False  # the last chunk was seen
        self.octets = 0  # of content, the coding removed
        self.chunks = 0
        self.trailers: tuple[FieldLine, ...] = ()

    @property
    def opaque(self) -> int:
        return self._left

    def pass_by(self, count: int) -> bool:
        self._left -= count
        self.octets += count
        self._closing = self._left == 0
        return False

    def read(self, buffer: Buffer, out: list[Event]) -> bool:
        first = buffer.start
        try:
            while not self._in_trailers and self._read_part(buffer, out):
                pass
        finally:
            if not self._detail and first < buffer.start:
                out.append(Element(ElementKind.CHUNKED, first, buffer.start))
        return self._in_trailers and self._read_trailers(buffer, out)

    def _read_part(self, buffer: Buffer, out: list[Event]) -> bool:
        """Take the next part of a chunk; False when more octets are needed for it."""
        if self._left:
            count = min(self._left, len(buffer))
            if not count:
                return False
            if self._detail:
                out.append(Element(ElementKind.CHUNK_DATA, buffer.start, buffer.start + count))
            if self._data is not None:
                self._data.append(bytes(buffer.octets[:count]))
            buffer.take(count)
            self.pass_by(count)
            return True
        if self._closing:
            return self._read_data_end(buffer, out)
        if not self._detail:
            self._take_whole_chunks(buffer)
        return self._read_size_line(buffer, out)

    def _take_whole_chunks(self, buffer: Buffer) -> None:
        """Take the plain chunks that stand whole in the buffer, in one sweep. Neighbours of the same
        small size are matched as one run, so that a million tiny chunks don't cost a million turns."""
        octets = buffer.octets
        position = before = 0
        while plain := grammar.PLAIN_CHUNK_LINE.match(octets, position):
            size = int(plain[1], 16)
            stop = plain.end() + size + 2
            if not size or octets[stop - 2 : stop] != b"\r\n" or plain.end() - position > self._limits.chunk_line:
                break
            position = stop
            self.chunks += 1
            self.octets += size
            if self._data is not None:
                self._data.append(bytes(octets[plain.end() : stop - 2]))
            if size == before and len(plain[1]) == 1:
                run = _same_chunks(plain[1]).match(octets, position)
                if run:
                    count = (run.end() - position) // (size + 5)
                    if self._data is not None:
                        self._data.append(_same_chunk(plain[1]).sub(rb"\1", run[0]))
                    position = run.end()
                    self.chunks += count
                    self.octets += count * size
            before = size
        buffer.take(position)

    def _read_data_end(self, buffer: Buffer, out: list[Event]) -> bool:
        octets = buffer.octets
        if octets.startswith(b"\r\n"):
            count = 2
        elif octets.startswith(b"\n"):
            count = 1
            self._note(dev.BARE_LF, buffer.start, buffer.start + 1)
        elif bytes(octets[:2]) in (b"", b"\r"):
            return False
        else:
            self._note(dev.CHUNK_END_MISSING, buffer.start, buffer.start + 1)
            raise Lost(Rule.CHUNK_BROKEN)
        if self._detail:
            out.append(Element(ElementKind.LINE_END, buffer.start, buffer.start + count))
        buffer.take(count)
        self._closing = False
        return True

    def _read_size_line(self, buffer: Buffer, out: list[Event]) -> bool:
        start = buffer.start
        octets = buffer.octets
        limit = self._limits.chunk_line
        if octets and octets[0] not in _HEX:
            self._note(dev.CHUNK_SIZE_INVALID, start, start + 1)
            raise Lost(Rule.CHUNK_BROKEN)
        stop = buffer.line_stop(limit)
        if stop < 0:
            if len(octets) < limit:
                return False
            self._note(dev.CHUNK_LINE_TOO_LARGE, start, start + limit, limit=limit)
            raise Lost(Rule.LIMIT)
        line = bytes(octets[:stop])
        end = stop - 2 if line.endswith(b"\r\n") else stop - 1
        size = grammar.CHUNK_SIZE.match(line)
        assert size  # the same octets matched above
        digits = size.end()
        extensions = line[digits:end]
        if extensions and extensions[:1] not in (b";", b" ", b"\t"):
            self._note(dev.CHUNK_SIZE_INVALID, start, start + end)
            raise Lost(Rule.CHUNK_BROKEN)
        significant = size[0].lstrip(b"0") or b"0"
        count = int(significant, 16) if len(significant) <= 16 else MAX_SIZE + 1
        if count > MAX_SIZE:
            self._note(dev.CHUNK_SIZE_TOO_LARGE, start, start + digits)
            raise Lost(Rule.CHUNK_BROKEN)
        if stop - end == 1:
            self._note(dev.BARE_LF, start + end, start + stop)
        if extensions and not grammar.CHUNK_EXTENSIONS.fullmatch(extensions):
            self._note(dev.CHUNK_EXTENSION_INVALID, start + digits, start + end)
        if self._detail:
            out.append(Element(ElementKind.CHUNK_SIZE, start, start + digits))
            if extensions:
                out.append(Element(ElementKind.CHUNK_EXTENSIONS, start + digits, start + end))
            out.append(Element(ElementKind.LINE_END, start + end, start + stop))
        buffer.take(stop)
        if count:
            self._left = count
            self.chunks += 1
        else:
            self._in_trailers = True
        return True

    def _read_trailers(self, buffer: Buffer, out: list[Event]) -> bool:
        """Trailer lines up to a blank line, whole: they are few and bounded."""
        octets = buffer.octets
        limit = self._limits.head
        if octets.startswith((b"\r\n", b"\n")):
            stop = octets.index(b"\n") + 1
        else:
            found = grammar.HEAD_END.search(octets, max(0, buffer.searched - 2), limit)
            if not found:
                buffer.searched = min(len(octets), limit)
                if len(octets) < limit:
                    return False
                self._note(dev.TRAILERS_TOO_LARGE, buffer.start, buffer.start + limit, limit=limit, unit=N_("bytes"))
                raise Lost(Rule.LIMIT)
            stop = found.end()
        if octets.count(b"\n", 0, stop) > self._limits.lines:
            count = self._limits.lines
            self._note(dev.TRAILERS_TOO_LARGE, buffer.start, buffer.start + stop, limit=count, unit=N_("lines"))
            raise Lost(Rule.LIMIT)
        raw = bytes(octets[:stop])
        self.trailers = parse_fields(raw, 0, buffer.start, self._note)
        out.extend(field_elements(raw, buffer.start, self.trailers, ElementKind.TRAILER_END))
        buffer.take(stop)
        return True


@lru_cache
def _same_chunks(digit: bytes) -> re.Pattern[bytes]:
    """A run of chunks that all have the one-digit size `digit`; nothing in it can be matched in two ways, as
    CPython before 3.11.5 gets possessive repeats of what can be wrong (python/cpython#106052)."""
    return re.compile(rb"(?s:%s\r\n%s\r\n)++" % (digit, b"." * int(digit, 16)))


@lru_cache
def _same_chunk(digit: bytes) -> re.Pattern[bytes]:
    """One chunk of such a run."""
    return re.compile(rb"(?s)%s\r\n(%s)\r\n" % (digit, b"." * int(digit, 16)))


def unchunked(blocks: Iterable[bytes], limits: Limits | None = None) -> Iterator[bytes]:
    """The data of the chunks in `blocks`, as far as they can be read: what stands before a broken chunk is content all
    the same."""
    buffer = Buffer()
    data: list[bytes] = []
    reader = ChunkReader(limits or Limits(), lambda *_, **__: None, detail=False, data=data)
    for block in blocks:
        buffer.add(block)
        try:
            ended = reader.read(buffer, [])
        except Lost:
            ended = True
        if data:
            yield b"".join(data)
            data.clear()
        if ended:
            return
