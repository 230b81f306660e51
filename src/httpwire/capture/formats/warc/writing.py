"""Exchanges of a capture, written as a WARC 1.1 file.

In: Entries. Out: a warcinfo record, then for each exchange a record of the request and one of each response, the
interim ones first, which name the request (WARC-Concurrent-To). Their blocks are the octets of the wire, with all that
came before and behind the messages. warcio writes the records; it would parse the blocks for digests, so these are
made here.
"""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime
from urllib.parse import quote_from_bytes

from warcio.recordloader import ArcWarcRecord
from warcio.statusandheaders import StatusAndHeaders
from warcio.utils import Digester
from warcio.warcwriter import WARCWriter

from httpwire.capture.formats.warc import costs
from httpwire.capture.formats.warc.uris import parts_of, server_of
from httpwire.capture.model import Ending, EventKind
from httpwire.capture.toll import ADDRESSES, CONNECTIONS, SEGMENT_TIMES, TLS_FACTS
from httpwire.errors import RecordingBroken, RecordingUnreadable
from httpwire.wire.element import Direction
from httpwire.wire.message import Message
from httpwire.wire.stream import Stream

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from httpwire.capture.model import TlsFacts
    from httpwire.capture.raw import Outgoing
    from httpwire.capture.store.capture import Capture
    from httpwire.capture.store.entry import Entry
    from httpwire.capture.toll import Toll
    from httpwire.capture.traffic import ConnectionFacts, Output

_VERSION = "WARC/1.1"
_INFO = (
    b"software: httpwire\r\n"
    b"format: WARC File Format 1.1\r\n"
    b"conformsTo: http://iipc.github.io/warc-specifications/specifications/warc-format/warc-1.1/\r\n"
)
_TOGETHER = 256 << 10  # octets that are written at once
_HELD = 1 << 20  # of a block that are read once, for the digest and to be written; more are read twice
_INTERIM = 2 << 20  # of interim responses that are told apart
_TARGET = 16 << 10  # of a target that go into a URI
_HEAD = 64 << 10  # of a block in which the HTTP header is looked for
#: A header of HTTP that every reader ends at the same place: no line of it looks empty, but the last.
_CLEAN_HEAD = re.compile(rb"(?:[ \t]*[!-~][^\n]*\n)+\r?\n")
_ABSOLUTE = re.compile(rb"https?://[^/?#]", re.IGNORECASE)
_KEPT = "!$&'()*+,/:;=?@[]~%"  # of a URI, beside letters, digits and -._; others are escaped
_TLS_VERSION = re.compile(r"(TLS|SSL)v([0-9])(?:\.([0-9]))?")
_IANA_CIPHER = re.compile(r"TLS_[A-Z0-9_]{1,60}")
_ADDRESS = re.compile(r"\[([0-9A-Fa-f:.]+)\]:[0-9]+|([0-9.]+):[0-9]+")
_TRUNCATED = {
    Ending.TIMED_OUT.value: "time",
    Ending.OVER_LIMIT.value: "length",
    Ending.CLOSED.value: "disconnect",
    Ending.FAILED.value: "disconnect",
    Ending.TLS_TRUNCATED.value: "disconnect",
}


def _random_id() -> str:
    from uuid import uuid4

    return str(uuid4())


def write(
    capture: Capture,
    entries: Iterable[Entry],
    output: Output,
    toll: Toll,
    *,
    compress: bool = False,
    new_id: Callable[[], str] = _random_id,
    clock_ns: Callable[[], int] = time.time_ns,
) -> None:
    """Write `entries` of `capture` to `output`, and count on `toll` what a WARC file can't keep. `compress`: each
    record is a gzip member of its own. `new_id` makes UUIDs, `clock_ns` tells when the file was made (ns since 1970).

    Raises RecordingUnreadable, RecordingBroken, SaveFailed."""
    file = _File(output, compress=compress, new_id=new_id)
    file.put("warcinfo", _date(clock_ns()), [], _Block.of(_INFO), "application/warc-fields")
    connections = _Connections(capture)
    try:
        for entry in entries:
            _put_exchange(file, capture, entry, connections.of(entry.connection), toll)
    except (RecordingBroken, RecordingUnreadable):
        file.close()  # what is before the fault
        raise
    file.close()


def _put_exchange(file: _File, capture: Capture, entry: Entry, connection: _Connection, toll: Toll) -> None:
    facts = connection.facts
    uri = uri_of(entry, facts)
    _count(entry, facts, uri, toll, gaps=connection.gaps)
    fields = [("WARC-Target-URI", uri), *_facts(facts)]
    concurrent: list[tuple[str, str]] = []
    cut = _TRUNCATED.get(connection.ending, "unspecified")
    request = capture.octets(entry, Direction.REQUEST)
    if request.octets:
        more = [] if entry.request_ns is not None else [("WARC-Truncated", cut)]
        name = file.put(
            "request", _date(entry.began_ns), fields + more, _Block(request), "application/http;msgtype=request"
        )
        concurrent.append(("WARC-Concurrent-To", name))
    response = capture.octets(entry, Direction.RESPONSE)
    date = _date(entry.began_ns + (entry.response_ns or 0))
    blocks = _blocks(response, entry.final_start - entry.response_start)
    for block in blocks:
        last = block is blocks[-1]
        more = [("WARC-Truncated", cut)] if last and entry.outcome in ("incomplete", "under way") else []
        name = file.put("response", date, fields + concurrent + more, block, "application/http;msgtype=response")
        concurrent = concurrent or [("WARC-Concurrent-To", name)]


class _Block:
    """Octets `start` up to `stop` of `source`: the block of a record."""

    def __init__(self, source: Outgoing, start: int = 0, stop: int | None = None) -> None:
        self._source = source
        self._start = start
        self._stop = source.octets if stop is None else stop
        self.octets = self._stop - start
        self._held = source.read(start, self._stop) if self.octets <= _HELD else None

    @classmethod
    def of(cls, data: bytes) -> _Block:
        from httpwire.capture.raw import Outgoing

        return cls(Outgoing.from_bytes(data))

    def pieces(self) -> Iterator[bytes]:
        if self._held is None:
            yield from self._source.blocks(self._start, self._stop)
        elif self._held:
            yield self._held

    def digests(self, *, http: bool) -> tuple[str, str]:
        """Of the block, and of what follows the HTTP header in it; empty where that is not beyond doubt."""
        whole, payload = Digester("sha1"), Digester("sha1")
        first = b""
        if http and self.octets:
            first = self._held or self._source.read(self._start, self._start + _HEAD)
        head = _CLEAN_HEAD.match(first, 0, _HEAD)
        left = head.end() if head else 0
        for piece in self.pieces():
            whole.update(piece)
            payload.update(memoryview(piece)[left:])
            left = max(left - len(piece), 0)
        return str(whole), str(payload) if head else ""


class _Stream:
    """What warcio reads a block from."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces

    def read(self, _count: int) -> bytes:
        """The next piece, whatever its size."""
        return next(self._pieces, b"")


class _File(WARCWriter):  # type: ignore[misc]  # warcio has no types
    """Records, written by warcio to `output` in few writes."""

    def __init__(self, output: Output, *, compress: bool, new_id: Callable[[], str]) -> None:
        super().__init__(self, gzip=compress, warc_version=_VERSION)
        self._output = output
        self._new_id = new_id
        self._pieces: list[bytes] = []
        self._size = 0

    def put(self, kind: str, date: str, fields: list[tuple[str, str]], block: _Block, media: str) -> str:
        """Write a record; gives its name."""
        name = f"<urn:uuid:{self._new_id()}>"
        whole, payload = block.digests(http=kind != "warcinfo")
        headers = [("WARC-Type", kind), ("WARC-Record-ID", name), ("WARC-Date", date), *fields]
        if payload:
            headers.append(("WARC-Payload-Digest", payload))
        headers.append(("WARC-Block-Digest", whole))
        header = StatusAndHeaders("", headers, protocol=_VERSION)
        self.write_record(ArcWarcRecord("warc", kind, header, _Stream(block.pieces()), None, media, block.octets))
        return name

    def ensure_digest(self, record: ArcWarcRecord, block: bool = True, payload: bool = True) -> None:  # noqa: FBT001, FBT002
        """They are there; warcio would take all of the block for the payload."""

    def write(self, data: bytes) -> None:
        """Raises SaveFailed."""
        self._pieces.append(data)
        self._size += len(data)
        if self._size >= _TOGETHER:
            self.close()

    def flush(self) -> None:
        """A record is complete: no reason to write already."""

    def close(self) -> None:
        """Write what is there. Raises SaveFailed."""
        data = b"".join(self._pieces)
        self._pieces.clear()
        self._size = 0
        if data:
            self._output.write(data)


class _Connection:
    """What is known of one beside its octets: `facts`, `ending` (the value of an Ending, empty where it is not known),
    and whether there are `gaps`."""

    __slots__ = ("ending", "facts", "gaps")

    def __init__(self, capture: Capture, number: int) -> None:
        self.facts = capture.facts(number)
        self.ending = ""
        self.gaps = False
        for _, _, kind, data in capture.milestones(number):
            if kind is EventKind.ENDED and not self.ending:
                self.ending = bytes(data).decode("ascii", "replace")
            self.gaps = self.gaps or kind is EventKind.GAP


class _Connections:
    """Those of neighbouring exchanges are mostly few."""

    def __init__(self, capture: Capture) -> None:
        self._capture = capture
        self._known: dict[int, _Connection] = {}

    def of(self, number: int) -> _Connection:
        known = self._known
        if number not in known:
            if len(known) >= 1000:
                known.clear()
            known[number] = _Connection(self._capture, number)
        return known[number]


def _blocks(response: Outgoing, final: int) -> list[_Block]:
    """The interim responses, which end at `final`, each with what is before it, and the rest."""
    stops = []
    if 0 < final <= _INTERIM:
        stream = Stream(Direction.RESPONSE)
        stops = [event.stop for event in stream.feed(response.read(0, final)) if isinstance(event, Message)]
    if final < response.octets:
        if stops and stops[-1] != final:
            stops[-1] = final  # empty lines
        stops.append(response.octets)
    elif response.octets:
        stops = [*stops[:-1], response.octets]
    return [_Block(response, start, stop) for start, stop in zip([0, *stops], stops, strict=False)]


def _count(entry: Entry, facts: ConnectionFacts, uri: str, toll: Toll, *, gaps: bool) -> None:
    """What is lost of an exchange."""
    toll.lose(SEGMENT_TIMES)
    if entry.request_start or entry.response_start:
        toll.lose(CONNECTIONS)
    if facts.client or (facts.server and facts.server != server_of(_address(facts), parts_of(uri)[2])):
        toll.lose(ADDRESSES)
    tls = facts.tls
    if tls and (tls.version, tls.cipher) != ("", "") and len(_tls(tls)) < 2:
        toll.lose(TLS_FACTS)
    if facts.name or facts.secrets or (tls and (tls.alpn or tls.verified)):
        toll.lose(costs.TLS_DETAILS)
    if gaps:
        toll.lose(costs.GAPS)
    if facts.reconstructed:
        toll.lose(costs.LABELS)


def _facts(facts: ConnectionFacts) -> list[tuple[str, str]]:
    """The fields that tell of the connection."""
    address = _address(facts)
    return ([("WARC-IP-Address", address)] if address else []) + (_tls(facts.tls) if facts.tls else [])


def _address(facts: ConnectionFacts) -> str:
    """The server's address without its port, which is in the URI; empty where it has none."""
    found = _ADDRESS.fullmatch(facts.server)
    return (found[1] or found[2]) if found else ""


def _tls(tls: TlsFacts) -> list[tuple[str, str]]:
    """Version and cipher in fields as they are proposed for the standard, which knows ciphers by IANA's names only."""
    fields = []
    version = _TLS_VERSION.fullmatch(tls.version)
    if version:
        fields.append(("WARC-Protocol", f"{version[1].lower()}/{version[2]}.{version[3] or 0}"))
    if _IANA_CIPHER.fullmatch(tls.cipher):
        fields.append(("WARC-Cipher-Suite", tls.cipher))
    return fields


def uri_of(entry: Entry, facts: ConnectionFacts) -> str:
    """What an exchange asked for, as a URI (RFC 9110 7.1) of ASCII that nothing can break out of; very long targets are
    cut. The block has the target as it was."""
    scheme = b"https" if facts.secure else b"http"
    target = entry.target.encode("latin-1", "replace")[:_TARGET]
    if _ABSOLUTE.match(target):
        return _escaped(target)
    if entry.method == "CONNECT" and target:
        return _escaped(b"%s://%s/" % (scheme, target))
    authority = entry.host.encode("latin-1", "replace")[:_TARGET]
    if not authority:
        authority = facts.target.partition("://")[2].partition("/")[0].encode() or facts.server.encode()
    path = b"" if target == b"*" else target if target.startswith(b"/") else b"/" + target
    host = quote_from_bytes(authority, safe=_KEPT.replace("/", "").replace("?", "")) or "unknown.invalid"
    return f"{scheme.decode()}://{host}{_escaped(path)}"


def _escaped(octets: bytes) -> str:
    return quote_from_bytes(octets, safe=_KEPT)


def _date(moment_ns: int) -> str:
    """A WARC-Date of ns since 1970."""
    seconds, rest = divmod(moment_ns, 1_000_000_000)
    moment = datetime.fromtimestamp(seconds, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{rest:09d}Z"
