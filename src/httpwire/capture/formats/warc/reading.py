"""A WARC file, read: its requests and responses as the exchanges they were.

In: Records. Out: for each exchange a connection of its own in the Sink. Request and response belong together where one
names the other (WARC-Concurrent-To); where neither names any record, where they are neighbours and of one URI.
Some records wait for a counterpart that comes later, a large one in a temporary file; the response to
a request that is there goes to the Sink as it is read.
"""

from __future__ import annotations

import re

from httpwire.capture.formats.spool import Spool
from httpwire.capture.formats.warc import costs
from httpwire.capture.formats.warc.octets import octets_of
from httpwire.capture.formats.warc.records import records
from httpwire.capture.formats.warc.uris import SCHEMES, parts_of, server_of
from httpwire.capture.model import Ending, EventKind, TlsFacts
from httpwire.capture.traffic import SOME_TLS, ConnectionFacts
from httpwire.errors import RecordingBroken, RecordingUnreadable
from httpwire.language import N_
from httpwire.wire.element import Direction

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from httpwire.capture.formats.warc.records import Record
    from httpwire.capture.source import Source
    from httpwire.capture.toll import Cost, Toll
    from httpwire.capture.traffic import Sink

ORIGIN = "warc"
_WAITING = 64  # exchanges of which half is there
_WAITING_OCTETS = 16 << 20  # theirs, but for the last one's
_NOTES = ("warcinfo", "metadata", "resource", "conversion")
_HTTP = "application/http"
_UNTYPED = ("", "application/octet-stream")
_MESSAGE = re.compile(rb"HTTP/[0-9]|[!-~]{1,32} [^\r\n]{1,8192} HTTP/[0-9]")
_INTERIM = re.compile(rb"[\r\n]*HTTP/1\.[01] +1(?!01)[0-9][0-9]")
_OURS = re.compile(rb"(?:\A|\n)software:[ \t]*httpwire\b", re.IGNORECASE)
_REWRITTEN = re.compile(
    rb"\nx-(?:crawl|orig|archive-orig)-(?:content-encoding|transfer-encoding|content-length)[ \t]*:", re.IGNORECASE
)
_HTTP2 = re.compile(rb"HTTP/[23]|[^\r\n]{1,8192} HTTP/[23](?:\.0)?\r?\n")
_PROTOCOL2 = re.compile(r"(?:\A|[, ])h[23]", re.IGNORECASE)
_TLS = re.compile(r"(?:\A|[, ])(tls|ssl)[/_v]*([0-9])(?:[._]([0-9]))?", re.IGNORECASE)
_CIPHER = re.compile(r"[A-Z0-9_-]{1,64}")
_WHOLE = "server-not-modified"  # the profile of revisits that lack nothing: 304 has no content
_ENDED = {ending: ending.value.encode("ascii") for ending in Ending}


def read(source: Source, sink: Sink, toll: Toll) -> None:
    """Give the exchanges of the WARC file `source` to `sink`, and count on `toll` what it lacks.

    Raises RecordingUnreadable (no WARC file), RecordingBroken after all that could be read, SaveFailed."""
    octets = octets_of(source)
    try:
        recognised = octets.peek(5) == b"WARC/"
    except RecordingBroken:
        recognised = False
    if not recognised:
        raise RecordingUnreadable(path=source.name, why=N_("it is no WARC file"), errno=None)
    exchanges = _Exchanges(sink, toll)
    try:
        for record in records(source, octets):
            exchanges.take(record)
    except (RecordingBroken, RecordingUnreadable):
        exchanges.finish(cut=True)
        raise
    exchanges.finish()


class _Exchange:
    """What is known of one, while half of it is missing or more may follow."""

    __slots__ = (
        "answered",
        "at_ns",
        "connection",
        "first_ns",
        "interim",
        "reconstructed",
        "records",
        "request",
        "response",
        "segment",
        "segmented",
        "unseen",
    )

    def __init__(self) -> None:
        self.records: list[Record] = []
        self.at_ns = 0  # the request's time
        self.first_ns = 0  # the response's
        self.request: Spool | None = None
        self.response: Spool | None = None
        self.answered = False
        self.interim = False  # the last response is one
        self.unseen = False  # whoever captured it did not keep its end
        self.segmented = ""  # the name of a record of which segments are due
        self.segment = 0  # the number of the last one
        self.reconstructed: dict[Cost, None] = {}
        self.connection = 0  # of the sink

    def said(self, field: str) -> str:
        """What one of its records says."""
        for record in self.records:
            if field in record.fields:
                return record.fields[field]
        return ""

    def facts(self) -> ConnectionFacts:
        server, target, tls = _ends(self)
        return ConnectionFacts(
            self.at_ns,
            server=server,
            target=target,
            tls=tls,
            origin=ORIGIN,
            reconstructed=tuple(cost.id for cost in self.reconstructed),
        )


class _Exchanges:
    def __init__(self, sink: Sink, toll: Toll) -> None:
        self._sink = sink
        self._toll = toll
        self._waiting: dict[_Exchange, None] = {}  # half of each is there; in order
        self._octets = 0  # that wait
        self._named: dict[str, _Exchange] = {}  # those that wait, by the names of their records
        self._wanted: dict[str, _Exchange] = {}  # and by those of other records that they name
        self._open: _Exchange | None = None  # in the sink, and more may follow
        self._last: _Exchange | None = None  # the one that was added to last
        self._inside = False  # a record of it
        self._ours = False  # httpwire made the file, and names every counterpart

    def take(self, record: Record) -> None:
        """Raises RecordingBroken, RecordingUnreadable, SaveFailed."""
        kind = record.kind
        if kind in ("request", "response", "revisit"):
            if not _is_http(record):
                self._skip(record, costs.NOT_HTTP)
                return
            take = self._request if kind == "request" else self._response
            take(record)
        elif kind == "continuation":
            self._continue(record)
        else:
            if kind == "warcinfo":
                self._ours = bool(_OURS.search(record.peek()))
            self._skip(record, costs.NOTES if kind in _NOTES else costs.UNKNOWN)
        if record.digest_failed:
            self._toll.lose(costs.DIGEST)

    def finish(self, *, cut: bool = False) -> None:
        """There are no more records; `cut`: the last one that was taken may lack its end."""
        if cut and self._inside and self._last:
            self._last.unseen = True
        self._end()
        for exchange in tuple(self._waiting):
            self._go(exchange)
            self._end()

    def _skip(self, record: Record, cost: Cost) -> None:
        self._toll.skip(cost)
        record.skip()

    def _request(self, record: Record) -> None:
        self._end()
        found = self._counterpart(record)
        if found is None or found.request is not None:
            found = self._wait()
        self._add(found, record)
        found.at_ns = record.at_ns
        found.request = Spool()
        self._hold(found.request, record)
        if found.answered:
            self._go(found)

    def _response(self, record: Record) -> None:
        found = self._open
        if found is None or not self._goes_on(found, record):
            self._end()
            found = self._counterpart(record)
            if found is None or (found.answered and not found.interim and not self._ours):
                found = self._wait()
        if record.kind == "revisit" and _WHOLE not in record.fields.get("warc-profile", ""):
            self._toll.lose(costs.REVISIT)
            found.unseen = True
        before = len(found.reconstructed)
        self._add(found, record)
        found.answered = True
        found.first_ns = found.first_ns or record.at_ns
        if not found.connection and found.request is not None:
            self._go(found)
        elif found.connection and len(found.reconstructed) > before:
            self._sink.revise(found.connection, found.facts())
        if found.connection:
            self._put(found, record.pieces())
        else:
            found.response = found.response or Spool()
            self._hold(found.response, record)
        self._inside = False

    def _continue(self, record: Record) -> None:
        last = self._last
        follows = (
            last is not None
            and last.segmented
            and last.segmented == record.fields.get("warc-segment-origin-id")
            and record.segment == str(last.segment + 1)
        )
        if not last or not follows:
            self._skip(record, costs.CONTINUATION)
            return
        last.segment += 1
        if "warc-segment-total-length" in record.fields:
            last.segmented = ""
        if last is self._open:
            self._put(last, record.pieces())
        else:
            held = last.request if last.records[-1].kind == "request" else last.response
            assert held is not None
            self._hold(held, record)

    def _goes_on(self, exchange: _Exchange, record: Record) -> bool:
        """Whether a response belongs to an exchange that has one: an interim one, before it."""
        if exchange.request is None or not (exchange.interim or self._ours):
            return False
        names = {each.name for each in exchange.records}
        return not names.isdisjoint(record.concurrent)

    def _counterpart(self, record: Record) -> _Exchange | None:
        """The exchange that waits for `record`."""
        for name in record.concurrent:
            if name in self._named:
                return self._named[name]
        if record.name in self._wanted:
            return self._wanted[record.name]
        last = self._last
        if last is None or self._ours or record.concurrent or last not in self._waiting or len(last.records) > 1:
            return None
        before = last.records[0]
        other = (before.kind == "request") != (record.kind == "request")
        return last if other and not before.concurrent and before.uri == record.uri else None

    def _add(self, exchange: _Exchange, record: Record) -> None:
        """Note what the header of a record says of its exchange, and its block of how it was made."""
        exchange.records.append(record)
        self._last = exchange
        self._inside = True
        if record.segment == "1":
            exchange.segmented, exchange.segment = record.name, 1
        if record.truncated:
            self._toll.lose(costs.TRUNCATED)
            exchange.unseen = True
        if exchange in self._waiting:
            self._named[record.name] = exchange
            for name in record.concurrent:
                self._wanted[name] = exchange
        head = record.head()
        if _is_http2(head) or ("warc-protocol" in record.fields and _PROTOCOL2.search(record.fields["warc-protocol"])):
            exchange.reconstructed[costs.HTTP2] = None
        if record.kind != "request":
            exchange.interim = bool(_INTERIM.match(head))
            if b"\nx-" in head.lower() and _REWRITTEN.search(head):
                exchange.reconstructed[costs.REWRITTEN] = None

    def _wait(self) -> _Exchange:
        """A new exchange; those that have waited longest go where there is no room for it."""
        waiting = self._waiting
        most = 0 if self._ours else _WAITING - 1
        while waiting and (len(waiting) > most or self._octets > _WAITING_OCTETS):
            self._go(next(iter(waiting)))
            self._end()
        new = _Exchange()
        waiting[new] = None
        return new

    def _hold(self, held: Spool, record: Record) -> None:
        for piece in record.pieces():
            held.write(piece)
            self._octets += len(piece)
        self._inside = False

    def _go(self, exchange: _Exchange) -> None:
        """Give to the sink what there is of it; more may follow."""
        del self._waiting[exchange]
        for record in exchange.records:
            self._named.pop(record.name, None)
            for name in record.concurrent:
                self._wanted.pop(name, None)
        for cost in exchange.reconstructed:
            self._toll.rebuild(cost)
        exchange.at_ns = exchange.at_ns or exchange.first_ns
        connection = exchange.connection = self._sink.open(exchange.facts())
        self._open = exchange
        if exchange.request is not None:
            for piece in exchange.request.blocks():
                self._sink.event(connection, 0, Direction.REQUEST, EventKind.SEGMENT, piece)
            self._sink.event(connection, 0, Direction.REQUEST, EventKind.SENT_ALL)
        if exchange.response is not None:
            self._put(exchange, exchange.response.blocks())
        for held in (exchange.request, exchange.response):
            if held:
                self._octets -= held.size

    def _put(self, exchange: _Exchange, pieces: Iterable[bytes]) -> None:
        moment = max(exchange.first_ns - exchange.at_ns, 0)
        for piece in pieces:
            self._sink.event(exchange.connection, moment, Direction.RESPONSE, EventKind.SEGMENT, piece)

    def _end(self) -> None:
        """No more follows of the exchange that is in the sink."""
        exchange, self._open = self._open, None
        if exchange is None:
            return
        if exchange.segmented:
            self._toll.lose(costs.SEGMENTS)
        unseen = exchange.unseen or exchange.segmented or not exchange.answered
        ending = _ENDED[Ending.UNSEEN if unseen else Ending.CLOSED]
        moment = max(exchange.first_ns - exchange.at_ns, 0)
        self._sink.event(exchange.connection, moment, Direction.RESPONSE, EventKind.ENDED, ending)
        self._sink.event(exchange.connection, moment, None, EventKind.END)


def _is_http2(head: bytes) -> bool:
    """Whether a head names a version of HTTP that has no text."""
    return (b"HTTP/2" in head or b"HTTP/3" in head) and bool(_HTTP2.match(head))


def _is_http(record: Record) -> bool:
    """Whether its block is a message of HTTP; not all writers say so by the media type that the standard demands."""
    media = record.media_type
    if media == _HTTP:
        return True
    if record.uri.partition(":")[0].lower() not in SCHEMES:
        return False
    return media in _UNTYPED or bool(_MESSAGE.match(record.peek()))


def _ends(exchange: _Exchange) -> tuple[str, str, TlsFacts | None]:
    """The server's address, what was asked for, and TLS, as far as an exchange's records tell."""
    scheme, host, port = parts_of(exchange.records[0].uri)
    if not scheme:
        return "", "", None
    server = server_of(exchange.said("warc-ip-address"), port)
    return server, f"{scheme}://{host}:{port}", _tls_of(exchange) if scheme == "https" else None


def _tls_of(exchange: _Exchange) -> TlsFacts:
    """WARC-Protocol and WARC-Cipher-Suite, as proposed for the standard and in use."""
    version = _TLS.search(exchange.said("warc-protocol"))
    cipher = exchange.said("warc-cipher-suite")
    if not version and not cipher:
        return SOME_TLS
    name = ""
    if version:
        minor = version[3] if version[3] not in (None, "0") else ""
        name = f"{version[1].upper()}v{version[2]}" + (f".{minor}" if minor else "")
    return TlsFacts(name, cipher if _CIPHER.fullmatch(cipher) else "", "", verified=False)
