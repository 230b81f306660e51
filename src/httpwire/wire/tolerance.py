"""How a recipient departs from the ordinary reading: what it takes octets, fields, numbers and chunk ends for.

In: octets, a Head with its field lines, a chunk's first line. Out: the same as the recipient sees
them, which are then read by the one parser there is: a Tolerance makes a Stream. Framing is departed
from only where the head deviates, and nothing moves an octet: all offsets stay true.
"""

from __future__ import annotations

from httpwire.wire import grammar
from httpwire.wire.buffer import Buffer
from httpwire.wire.content import ChunkReader, Limits
from httpwire.wire.element import Direction
from httpwire.wire.fields import FieldLine, parse_fields
from httpwire.wire.framing import Framing, decide
from httpwire.wire.head import Head
from httpwire.wire.record import Record, at
from httpwire.wire.stream import Stream

TYPE_CHECKING = False
if TYPE_CHECKING:
    import re
    from collections import deque
    from collections.abc import Callable

    from httpwire.wire.fields import Note
    from httpwire.wire.stream import Event

    Lines = tuple[FieldLine, ...]

_LENGTH, _CODING = b"content-length", b"transfer-encoding"
_FRAMING = (_LENGTH, _CODING)
_BLANK = b" \t"
_CONTROLS = bytes([*range(0x09), *range(0x0A, 0x20), 0x7F])
_DIGITS_READ = 40  # over 2^64 in every base; int() of more would not be linear in them

#: Methods whose content has no meaning: RFC 9110 9.3.1, 9.3.2, 9.3.5, 9.3.7, 9.3.8.
WITHOUT_CONTENT = frozenset((b"GET", b"HEAD", b"DELETE", b"OPTIONS", b"TRACE"))


class Tolerance(Record):
    """What a recipient does otherwise; None is the ordinary way.

    `octets` gives them with other line ends, equally many; `lines` the field lines it takes a head to
    have; `framing` the head and lines that decide, where the ordinary decision met a deviation; `size`
    the number in a chunk's first line; `data_end` how many octets end a chunk's data, None when more
    must come.
    """

    __slots__ = ()
    FIELDS = ("octets", "lines", "framing", "size", "data_end")
    octets: Callable[[bytes], bytes] | None = at(0)
    lines: Callable[[Head, Lines], Lines] | None = at(1)
    framing: Callable[[Head, Lines], tuple[Head, Lines]] | None = at(2)
    size: Callable[[bytes], int | None] | None = at(3)
    data_end: Callable[[bytearray], int | None] | None = at(4)

    def __new__(
        cls,
        *,
        octets: Callable[[bytes], bytes] | None = None,
        lines: Callable[[Head, Lines], Lines] | None = None,
        framing: Callable[[Head, Lines], tuple[Head, Lines]] | None = None,
        size: Callable[[bytes], int | None] | None = None,
        data_end: Callable[[bytearray], int | None] | None = None,
    ) -> Tolerance:
        return tuple.__new__(cls, (octets, lines, framing, size, data_end))

    def stream(self, direction: Direction, methods: deque[bytes | None] | None) -> Stream:
        """A Stream that reads with this tolerance; it is to be fed what `octets` gives."""

        def chunks(limits: Limits, note: Note, *, detail: bool) -> ChunkReader:
            return LooseChunkReader(self, limits, note, detail=detail)

        loose = self.size or self.data_end
        return Stream(direction, methods=methods, decide=self.decide, chunks=chunks if loose else ChunkReader)

    def decide(self, head: Head, lines: Lines, method: bytes | None, note: Note) -> Framing:
        """The framing as this recipient sees it: the one rule, for other lines."""
        if self.lines or self.framing:
            lines = head.lines  # all of them: of a clean head, only those that decide by the rules were read
        if self.lines:
            lines = self.lines(head, lines)
        if not self.framing:
            return decide(head, lines, method, note)
        deviations: list[object] = []
        framing = decide(head, lines, method, lambda deviation, *_, **__: deviations.append(deviation))
        return decide(*self.framing(head, lines), method, note) if deviations else framing


class LooseChunkReader(ChunkReader):
    """Reads chunks with a Tolerance. A size line is written over with the number that the recipient takes it for,
    and read again by the rules."""

    __slots__ = ("_tolerance",)

    def __init__(self, tolerance: Tolerance, limits: Limits, note: Note, *, detail: bool) -> None:
        super().__init__(limits, note, detail=detail)
        self._tolerance = tolerance

    def _read_size_line(self, buffer: Buffer, out: list[Event]) -> bool:
        size, limit = self._tolerance.size, self._limits.chunk_line
        stop = buffer.line_stop(limit) if size else 0
        if stop < 0 and len(buffer) < limit:
            return False  # what it begins with is judged with the rest of it
        if size and stop > 0:
            line = bytes(buffer.octets[:stop]).removesuffix(b"\n").removesuffix(b"\r")
            number = size(line)
            if line and number is not None:
                buffer.octets[: len(line)] = b"%0*x" % (len(line), number)
        return super()._read_size_line(buffer, out)

    def _read_data_end(self, buffer: Buffer, out: list[Event]) -> bool:
        if not self._tolerance.data_end:
            return super()._read_data_end(buffer, out)
        count = self._tolerance.data_end(buffer.octets)
        if count is None:
            return False
        buffer.take(count)
        self._closing = False
        return True


# Line ends.


def cr_ends_lines(octets: bytes) -> bytes:
    return grammar.BARE_CR.sub(b"\n", octets)


def only_crlf_ends_lines(octets: bytes) -> bytes:
    return grammar.BARE_LF.sub(b"\x0b", octets)


# Field lines.


def without_blank_names(head: Head, lines: Lines) -> Lines:  # noqa: ARG001  # others need it
    """A name with a blank before its colon is another name."""
    return tuple(line for line in lines if line.colon - line.start == len(line.name))


def folds_as_lines(head: Head, lines: Lines) -> Lines:
    """The blanks of a fold are moved to the end of the line before it: a new line begins, no offset changes."""
    raw = grammar.FOLDED.sub(rb"\2\1", head.raw)
    return lines if raw == head.raw else parse_fields(raw, raw.find(b"\n") + 1, head.start, _silent)


def without_controls(head: Head, lines: Lines) -> Lines:  # noqa: ARG001  # others need it
    def clean(octets: bytes) -> bytes:
        return octets.translate(None, _CONTROLS).strip(_BLANK)

    return tuple(line.replace(name=clean(line.name), value=clean(line.value)) for line in lines)


def up_to_nul(head: Head, lines: Lines) -> Lines:  # noqa: ARG001  # others need it
    def cut(octets: bytes) -> bytes:
        return octets.partition(b"\0")[0].rstrip(_BLANK)

    return tuple(line.replace(name=cut(line.name), value=cut(line.value)) for line in lines)


def underscores_as_hyphens(head: Head, lines: Lines) -> Lines:  # noqa: ARG001  # others need it
    return tuple(line.replace(name=line.name.replace(b"_", b"-")) for line in lines)


def without_connection_options(head: Head, lines: Lines) -> Lines:  # noqa: ARG001  # others need it
    """Fields that Connection names are for one hop (RFC 9110 7.6.1); the framing fields it must not name."""
    values = [line.value for line in lines if line.name.lower() == b"connection"]
    options = {option.strip(_BLANK) for value in values for option in value.lower().split(b",")}
    return tuple(line for line in lines if line.name.lower() not in options)


def without_ignored_content(head: Head, lines: Lines) -> Lines:
    """Whoever expects no content with a method doesn't look for its length."""
    ignored = head.line.method in WITHOUT_CONTENT
    return tuple(line for line in lines if line.name.lower() not in _FRAMING) if ignored else lines


# Framing fields.


def length_wins(head: Head, lines: Lines) -> tuple[Head, Lines]:
    lengths = [line for line in lines if line.name.lower() == _LENGTH]
    return head, tuple(line for line in lines if line.name.lower() != _CODING) if lengths else lines


def loose_coding(head: Head, lines: Lines) -> tuple[Head, Lines]:
    """Whatever has `chunked` in it is chunked, in HTTP/1.0 as well."""
    codings = [line for line in lines if line.name.lower() == _CODING and b"chunked" in line.value.lower()]
    if not codings:
        return head, lines
    others = [line for line in lines if line.name.lower() != _CODING]
    return _head_with(head, version=b"HTTP/1.1"), (*others, codings[0].replace(value=b"chunked"))


def exact_coding(head: Head, lines: Lines) -> tuple[Head, Lines]:
    """What is not just `chunked` is no coding, and HTTP/1.0 has none."""

    def counts(line: FieldLine) -> bool:
        return line.value.lower() == b"chunked" and head.line.version != b"HTTP/1.0"

    return head, tuple(line for line in lines if line.name.lower() != _CODING or counts(line))


def first_wins(head: Head, lines: Lines) -> tuple[Head, Lines]:
    return head, _one_of_each(lines, 0)


def last_wins(head: Head, lines: Lines) -> tuple[Head, Lines]:
    return head, _one_of_each(lines, -1)


def status_has_content(head: Head, lines: Lines) -> tuple[Head, Lines]:
    """A 1xx or 204 with a length is read as any other answer; 101 is no HTTP any more."""
    status = head.line.status
    bare = status == 204 or (100 <= status <= 199 and status != 101)
    return (_head_with(head, status=200) if bare else head), lines


def exact_length(head: Head, lines: Lines) -> tuple[Head, Lines]:
    """What is not just digits is no length."""
    return head, tuple(line for line in lines if line.name.lower() != _LENGTH or grammar.DIGITS.fullmatch(line.value))


def c_lengths(head: Head, lines: Lines) -> tuple[Head, Lines]:
    return head, _lengths(lines, lambda value: _number(grammar.C_LENGTH, value, 10))


def python_lengths(head: Head, lines: Lines) -> tuple[Head, Lines]:
    return head, _lengths(lines, lambda value: _number(grammar.PYTHON_LENGTH, value, 10))


def hexadecimal_lengths(head: Head, lines: Lines) -> tuple[Head, Lines]:
    return head, _lengths(lines, lambda value: _number(grammar.C_CONSTANT, value, 16))


def lengths_of_32_bits(head: Head, lines: Lines) -> Lines:  # noqa: ARG001  # others need it
    return _lengths(lines, lambda value: _low(32, _number(grammar.LENGTH, value, 10)))


def lengths_of_64_bits(head: Head, lines: Lines) -> Lines:  # noqa: ARG001  # others need it
    return _lengths(lines, lambda value: _low(64, _number(grammar.LENGTH, value, 10)))


# Chunks.


def c_size(line: bytes) -> int | None:
    return _number(grammar.C_SIZE, line, 16)


def python_size(line: bytes) -> int | None:
    return _number(grammar.PYTHON_SIZE, line, 16)


def size_of_32_bits(line: bytes) -> int | None:
    return _low(32, _number(grammar.SIZE, line, 16))


def size_of_64_bits(line: bytes) -> int | None:
    return _low(64, _number(grammar.SIZE, line, 16))


def any_two(octets: bytearray) -> int | None:
    """Two octets end a chunk's data, whatever they are."""
    return 2 if len(octets) >= 2 else None


def as_there_is(octets: bytearray) -> int | None:
    """A line end after a chunk's data is taken where there is one."""
    if octets.startswith((b"\r\n", b"\n")):
        return 2 if octets[0] == 0x0D else 1
    return None if bytes(octets[:2]) in (b"", b"\r") else 0


def _silent(*_: object, **__: object) -> None:
    """A `note` for what the ordinary reading tells."""


def _head_with(head: Head, **changes: object) -> Head:
    return head.replace(line=head.line.replace(**changes))


def _one_of_each(lines: Lines, which: int) -> Lines:
    """Of all Content-Lengths, and of the members of its list, one; of Transfer-Encodings one, if it is chunked."""
    lengths = [line for line in lines if line.name.lower() == _LENGTH]
    codings = [line for line in lines if line.name.lower() == _CODING]
    kept = [line for line in lines if line.name.lower() not in _FRAMING]
    if lengths:
        member = lengths[which].value.split(b",")[which].strip(_BLANK)
        kept.append(lengths[which].replace(value=member))
    if len(codings) > 1:
        codings = [line for line in (codings[which],) if line.value.lower() == b"chunked"]
    return (*kept, *codings)


def _lengths(lines: Lines, read: Callable[[bytes], int | None]) -> Lines:
    """The lines, with each Content-Length that `read` can read written in digits."""
    kept = []
    for line in lines:
        number = read(line.value) if line.name.lower() == _LENGTH else None
        kept.append(line if number is None else line.replace(value=b"%d" % number))
    return tuple(kept)


def _number(production: re.Pattern[bytes], octets: bytes, base: int) -> int | None:
    found = production.fullmatch(octets)
    if not found:
        return None
    digits = found[1].replace(b"_", b"").lstrip(b"0")
    return int(digits or b"0", base) if len(digits) <= _DIGITS_READ else None


def _low(bits: int, number: int | None) -> int | None:
    return None if number is None else number & ((1 << bits) - 1)
