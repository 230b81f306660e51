"""WARC records (ISO 28500, WARC 1.0 and 1.1, and the drafts 0.17 and 0.18 before them).

In: Octets. Out: each Record: what its header says that matters here, and its block, which is read in pieces by
whoever wants it. A header is read as warcio reads it (a test holds one against the other), in a fifth of its time and
with bounds; what warcio makes of a block is not wanted: it would write its HTTP fields anew. Faults of the framing
are raised with their place; the rest of a header is taken as far as it makes sense.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from functools import lru_cache

from httpwire.capture.formats.warc.digests import Check
from httpwire.language import N_
from httpwire.wire import grammar

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from httpwire.capture.formats.warc.octets import Octets
    from httpwire.capture.source import Source

_SIGNATURE = b"WARC/"
_VERSION = re.compile(rb"WARC/(?:1\.[01]|0\.1[78])[ \t]*\r?\n")
_LENGTH = re.compile(r"[0-9]{1,18}")
_DATE = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2})(?:\.([0-9]{1,9})[0-9]*)?(?:Z|\+00:?00)?")
_FIELD = re.compile(r"\n([^:\s]+)[ \t]*:[ \t]*([^\r\n]*\S)?")
_FOLD = re.compile(r"\r?\n[ \t]+")
_CONCURRENT = "warc-concurrent-to"
_PROTOCOL = "warc-protocol"
_NAMES = {
    name: name.lower()
    for name in (
        *("WARC-Type", "WARC-Record-ID", "WARC-Date", "WARC-Target-URI", "WARC-IP-Address", "WARC-Concurrent-To"),
        *("WARC-Block-Digest", "WARC-Payload-Digest", "WARC-Warcinfo-ID", "WARC-Protocol", "WARC-Cipher-Suite"),
        *("WARC-Identified-Payload-Type", "WARC-Truncated", "Content-Type", "Content-Length"),
    )
}
_LAST_YEAR = "2262"  # ns since 1970 are more than 63 bits
_HEAD = 2048  # octets in which most heads are
_AHEAD = 256 << 10  # octets of a block that come in its first piece: its HTTP header is among them


class Record:
    """One record. `kind` is its WARC-Type in lower case; `fields` are the first values of its fields, by their names in
    lower case; `name` is its WARC-Record-ID, `concurrent` are those of the records it is concurrent to; `offset` is
    where it begins.

    `pieces` gives the octets of its block, and is to be read to its end; `digest_failed` tells then whether a digest
    does not agree with them."""

    __slots__ = ("_octets", "_source", "concurrent", "digest_failed", "fields", "kind", "length", "name", "offset")

    def __init__(self, source: Source, octets: Octets, offset: int) -> None:
        """Read its header. Raises RecordingBroken, RecordingUnreadable."""
        self._source = source
        self._octets = octets
        self.offset = offset
        self.digest_failed = False
        self.fields, self.concurrent = fields_of(octets.header())
        fields = self.fields
        self.kind = fields.get("warc-type", "").lower()
        self.name = fields.get("warc-record-id", "")
        length = fields.get("content-length", "")
        if not _LENGTH.fullmatch(length):
            raise source.broken(N_("a record has no valid Content-Length"), offset)
        self.length = int(length)

    @property
    def uri(self) -> str:
        """WARC-Target-URI; WARC 1.0 has it in angle brackets."""
        return self.fields.get("warc-target-uri", "").removeprefix("<").removesuffix(">")

    @property
    def at_ns(self) -> int:
        """WARC-Date as ns since 1970, UTC; 0 where there is none that makes sense."""
        return moment(self.fields.get("warc-date", ""))

    @property
    def media_type(self) -> str:
        """Content-Type in lower case, without parameters."""
        return _media_type(self.fields.get("content-type", ""))

    @property
    def truncated(self) -> bool:
        return "warc-truncated" in self.fields

    @property
    def segment(self) -> str:
        """WARC-Segment-Number; empty for a whole record."""
        return self.fields.get("warc-segment-number", "")

    def peek(self) -> bytes:
        """The first octets of its block: all of a small one. Raises RecordingBroken, RecordingUnreadable."""
        return self._octets.peek(min(self.length, _AHEAD))

    def head(self) -> bytes:
        """The first octets of its block, up to an empty line, where it comes soon. Raises what `peek` does."""
        first = self._octets.peek(min(self.length, _HEAD))  # of a long block no more is copied than has to be
        end = grammar.HEAD_END.search(first)
        if not end and self.length > _HEAD:
            first = self.peek()
            end = grammar.HEAD_END.search(first)
        return first[: end.end()] if end else first

    def pieces(self) -> Iterator[bytes]:
        """Its block. Raises RecordingBroken, RecordingUnreadable; where it ends too early, after what is there."""
        check = self._check()
        left = self.length
        octets = self._octets
        octets.hold(min(left, _AHEAD))
        while left:
            piece = octets.take(left)
            if not piece:
                raise self._source.broken(N_("it ends in the middle of a record"), self.offset)
            left -= len(piece)
            if check:
                check.feed(piece)
            yield piece
        self.digest_failed = check is not None and not check.passed

    def skip(self) -> None:
        """Pass over its block, whose octets nobody wants. Raises RecordingBroken, RecordingUnreadable."""
        left = self.length
        while left:
            piece = self._octets.take(left)
            if not piece:
                raise self._source.broken(N_("it ends in the middle of a record"), self.offset)
            left -= len(piece)

    def _check(self) -> Check | None:
        """A revisit's digests are often those of the record it stands for, a segment's that of the whole payload."""
        fields = self.fields
        if self.kind == "revisit":
            return None
        block = fields.get("warc-block-digest", "")
        payload = "" if "warc-segment-number" in fields else fields.get("warc-payload-digest", "")
        return Check(block, payload) if block or payload else None


def records(source: Source, octets: Octets) -> Iterator[Record]:
    """The records in order; each one's block is to be read before the next is asked for. Raises RecordingBroken,
    RecordingUnreadable."""
    while octets.pass_blank_lines():
        offset = octets.offset
        start = octets.peek(32)
        if not _VERSION.match(start):
            known = start.startswith(_SIGNATURE)
            why = N_("a record is of a version of WARC that is not known") if known else N_("no record begins here")
            raise source.broken(why, offset)
        yield Record(source, octets, offset)


def fields_of(header: bytes) -> tuple[dict[str, str], list[str]]:
    """The fields of a record's header, by their names in lower case, and the values of all WARC-Concurrent-To. Of other
    fields the first value counts, but those of WARC-Protocol are joined by commas."""
    try:
        text = header.decode()
    except UnicodeDecodeError:
        text = header.decode("latin-1")
    fields = _usual_fields(text)
    if fields is not None:
        return fields, [fields[_CONCURRENT]] if _CONCURRENT in fields else []
    if "\n " in text or "\n\t" in text:
        text = _FOLD.sub(" ", text)
    pairs = [(name.lower(), value) for name, value in _FIELD.findall(text)]
    fields = dict(pairs)
    concurrent: list[str] = []
    if _CONCURRENT in fields:
        concurrent = [value for name, value in pairs if name == _CONCURRENT]
    if len(fields) < len(pairs):
        fields = dict(reversed(pairs))
        fields[_PROTOCOL] = ",".join(value for name, value in pairs if name == _PROTOCOL)
    return fields, concurrent


def _usual_fields(text: str) -> dict[str, str] | None:
    """The fields of a header as most are: each line has one blank behind the colon, no name is there twice, and all are
    the standard's. None of another: this costs a third of a look that misses nothing."""
    lines = text.split("\r\n")
    if text.count("\n") >= len(lines) or text.count("\r") >= len(lines):
        return None
    fields: dict[str, str] = {}
    for line in lines[1:-2]:
        name, _, value = line.partition(": ")
        known = _NAMES.get(name)
        if not known or not value or value != value.strip():
            return None
        fields[known] = value
    return fields if len(fields) == len(lines) - 3 and not lines[-1] and not lines[-2] else None


@lru_cache(64)
def _media_type(text: str) -> str:
    return text.partition(";")[0].strip().lower()


def moment(text: str) -> int:
    """A WARC-Date (W3C date and time, with up to nine digits of a second's fraction) as ns since 1970; else 0."""
    found = _DATE.fullmatch(text)
    if not found or not "1970" <= text[:4] < _LAST_YEAR:
        return 0
    seconds, fraction = found.groups()
    at = _seconds(seconds)
    return at * 1_000_000_000 + int(fraction.ljust(9, "0")) if at and fraction else at * 1_000_000_000


@lru_cache(64)
def _seconds(text: str) -> int:
    """A date and time in UTC as seconds since 1970; 0 for one that never was."""
    try:
        return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())
    except ValueError:
        return 0
