"""Writes the connections of a capture as packets: a pcapng file that Wireshark follows without a warning.

In: entries of a capture. Out: for each of their connections a TCP stream, in one file in the order of time, as
long as no more than 64 connections are open at once; no more than that is held. IP and TCP are made again: one read or
write is one segment, where it fits. What went through TLS is written as it was inside: a handshake of our own
would be an invention; key log lines that are known are kept in a block of the file, for whoever has the real packets.

What packets can't carry stands in comments, "httpwire: NAME=VALUE NAME=VALUE" (values percent-encoded): on the SYN
`client`, `server` (as recorded, where the packets have others), `target`, `tls`, `cipher`, `alpn`, `verified` (yes or
no), `name`, `random` (the client random by which the key log knows it), `origin` and `reconstructed` (with commas), on
the first segment behind a gap whose size packets can't tell `gap` (octets, or "unknown"), and on the
last segment `ending` (of an Ending that the FINs don't tell).
"""

from __future__ import annotations

import heapq
import re
from array import array
from bisect import bisect_right
from contextlib import suppress
from itertools import chain
from urllib.parse import quote

from httpwire.capture.formats.pcap.endpoints import Endpoint, Endpoints
from httpwire.capture.formats.pcap.segments import ACK, FIN, FIRST, PSH, SYN, Side, beginning, secrets
from httpwire.capture.model import Ending, EventKind, missing
from httpwire.capture.toll import Cost
from httpwire.language import N_
from httpwire.wire.element import Direction

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from httpwire.capture.store.capture import Capture
    from httpwire.capture.store.entry import Entry
    from httpwire.capture.toll import Toll
    from httpwire.capture.traffic import ConnectionFacts, Output

    #: ns since 1970, and a block
    Packet = tuple[int, bytes]
    #: ns since the connection began, 0 of the client or 1 of the server, what happened, octets
    Happening = tuple[int, int, EventKind, bytes]

PACKETS = Cost("pcap-packets", N_("IP and TCP headers, which were not recorded"))
TLS = Cost("pcap-tls", N_("TLS: its content is written as it was inside"))
ATTEMPTS = Cost("pcap-attempts", N_("attempts to connect that failed"))
GAPS = Cost("pcap-gaps", N_("gaps whose size packets can't tell"))

_OPEN = 64  # connections whose packets are put in order; of each no more is held than some of its events
_BLOCK = 256 << 10
_FEW = 10_000  # connections that are known by number, so that others are not asked for
_LARGEST_GAP = 1 << 30  # sequence numbers further on count as earlier ones (RFC 9293 3.4)
_RANDOM = re.compile(rb"^[0-9A-Z_]+ ([0-9A-Fa-f]{64}) ", re.MULTILINE)
#: What shows Wireshark, at any port, that it is HTTP: a first line that begins or ends so, and is longer.
_PLAIN = re.compile(rb"(?=[^\r\n]{9,}[\r\n])(?:HTTP/1\.1|[^\r\n]*HTTP/1\.1[\r\n])", re.IGNORECASE)
#: Endings at which a client of ours has closed, though more was to come.
_CUT_BY_US = (Ending.TIMED_OUT, Ending.INTERRUPTED, Ending.OVER_LIMIT, Ending.GIVEN_UP)
_CLIENT, _SERVER = 0, 1
_KEPT = "/:[]@,;=?&+"  # in values of comments


def write(capture: Capture, entries: Iterable[Entry], output: Output, toll: Toll) -> None:
    """Write the connections of `entries` to `output`; of a connection of which only some exchanges are among them, only
    their octets. Counts on `toll`. Raises RecordingUnreadable, RecordingBroken, SaveFailed."""
    chosen = _Chosen(entries)
    endpoints = Endpoints(toll)
    written: set[int] = set()  # hashes of key logs
    numbers = (number for number in capture.connections(by_time=True) if chosen.may_have(number))
    streams = (_Stream(capture, number, chosen, endpoints, written, toll) for number in numbers)
    parts, size = [beginning()], 0
    for block in _in_order(streams):
        parts.append(block)
        size += len(block)
        if size >= _BLOCK:
            output.write(b"".join(parts))
            parts, size = [], 0
    output.write(b"".join(parts))


class _Chosen:
    """The numbers of the exchanges that are to be written, and of their connections as long as they are few."""

    def __init__(self, entries: Iterable[Entry]) -> None:
        self._spans = array("q")  # the first number and the last of those that follow on each other
        self._connections: set[int] | None = set()
        for entry in entries:
            number = entry.number
            if self._spans and self._spans[-1] == number - 1:
                self._spans[-1] = number
            else:
                self._spans.extend((number, number))
            if self._connections is not None:
                self._connections.add(entry.connection)
                if len(self._connections) > _FEW:
                    self._connections = None

    def __contains__(self, number: int) -> bool:
        place = bisect_right(self._spans, number)
        return place % 2 == 1 or (place > 0 and self._spans[place - 1] == number)

    def may_have(self, connection: int) -> bool:
        """Whether something of it may be to be written."""
        return self._connections is None or connection in self._connections


def _in_order(streams: Iterator[_Stream]) -> Iterator[bytes]:
    """The packets of all streams, by time: a stream takes part from its beginning on, where there is room."""
    heap: list[tuple[int, int, bytes, Iterator[Packet]]] = []
    waiting = next(streams, None)
    turn = 0
    while heap or waiting:
        while waiting and len(heap) < _OPEN and (not heap or waiting.began_ns <= heap[0][0]):
            packets = waiting.packets()
            first = next(packets, None)
            if first:
                heapq.heappush(heap, (first[0], turn, first[1], packets))
                turn += 1
            waiting = next(streams, None)
        _, number, block, packets = heap[0]
        yield block
        following = next(packets, None)
        if following:
            heapq.heapreplace(heap, (following[0], number, following[1], packets))
        else:
            heapq.heappop(heap)


class _Stream:
    """The packets of one connection."""

    def __init__(
        self,
        capture: Capture,
        number: int,
        chosen: _Chosen,
        endpoints: Endpoints,
        written: set[int],
        toll: Toll,
    ) -> None:
        self._capture = capture
        self._number = number
        self._chosen = chosen
        self._endpoints = endpoints
        self._written = written
        self._toll = toll
        self._facts = facts = capture.facts(number)
        self.began_ns = facts.began_ns
        self._by_client = bool(not facts.origin and facts.target)  # httpwire recorded it as the client
        # Elsewhere the end of a request is the end of what there is of it, and not what the client did.
        self._closes = facts.origin.startswith("pcap") or not (facts.origin or facts.target)
        self._ending: Ending | None = None
        self._ended_ns = 0
        self._tried_ns = self._connected_ns = 0
        self._begun = False
        self._sides: tuple[Side, Side]

    def packets(self) -> Iterator[Packet]:
        """All of them; none where nothing of it was chosen."""
        spans = self._spans()
        if spans and not any(spans):
            return
        self._toll.rebuild(PACKETS)
        if self._facts.secure:
            self._toll.lose(TLS)
        plain, happenings = self._looked_at(self._happenings(spans))
        client, server = self._endpoints.choose(self._facts, plain=plain)
        self._sides = Side(client, server, FIRST[_CLIENT]), Side(server, client, FIRST[_SERVER])
        yield from self._handshake(client, server)
        closed = [False, False]
        for at_ns, side, kind, data in happenings:
            if not self._begun:
                self._begun = True
                yield from self._acknowledged(_SERVER)
            if kind is EventKind.GAP:
                self._skip(side, data)
                continue
            yield from self._acknowledged(side)
            if kind is EventKind.SEGMENT:
                most = self._sides[side].most
                for start in range(0, len(data), most):
                    last = start + most >= len(data)
                    part = data if last and not start else memoryview(data)[start : start + most]
                    yield self._packet(at_ns, side, ACK | PSH if last else ACK, part)
            elif not closed[side]:
                closed[side] = True
                yield self._packet(at_ns, side, FIN | ACK)
        yield from self._closing(closed)

    def _looked_at(self, happenings: Iterator[Happening]) -> tuple[bool, Iterator[Happening]]:
        """The same, and whether the first octets show that it is HTTP."""
        before = []
        for happening in happenings:
            before.append(happening)
            if happening[2] is EventKind.SEGMENT:
                return _PLAIN.match(happening[3]) is not None, chain(before, happenings)
        return True, iter(before)

    def _happenings(self, spans: tuple[array[int], array[int]] | None) -> Iterator[Happening]:
        """What becomes packets. What is to be known before and behind that is noted."""
        offsets = [0, 0]
        for at_ns, direction, kind, octets in self._capture.events(self._number):
            side = _SERVER if direction is Direction.RESPONSE else _CLIENT
            if kind is EventKind.SEGMENT:
                start = offsets[side]
                offsets[side] += len(octets)
                for data in [bytes(octets)] if spans is None else _parts(spans[side], start, bytes(octets)):
                    yield at_ns, side, kind, data
            elif kind is EventKind.GAP:
                if spans is None or _within(spans[side], offsets[side]):
                    yield at_ns, side, kind, bytes(octets)
            elif kind is EventKind.SENT_ALL:
                if self._closes:
                    yield at_ns, side, kind, b""
            else:
                self._note(at_ns, kind, bytes(octets))
                if kind is EventKind.ENDED and self._closes and self._ending and self._ending.ends_messages:
                    yield at_ns, _SERVER, kind, b""

    def _note(self, at_ns: int, kind: EventKind, data: bytes) -> None:
        if kind is EventKind.ENDED and not self._ending:
            self._ended_ns = at_ns
            with suppress(ValueError):
                self._ending = Ending(data.decode("ascii", "replace"))
        elif kind is EventKind.TRY and data == self._facts.server.encode():
            self._tried_ns = at_ns
        elif kind is EventKind.CONNECTED:
            self._connected_ns = at_ns
        elif kind is EventKind.REFUSED:
            self._toll.lose(ATTEMPTS)

    def _spans(self) -> tuple[array[int], array[int]] | None:
        """Where octets are chosen, of both directions: the first, and the one behind the last, of each run. None where
        all are."""
        spans = array("q"), array("q")
        seen = chosen = 0
        for entry in self._capture.exchanges("connection = ?", (self._number,)):
            seen += 1
            if entry.number not in self._chosen:
                continue
            chosen += 1
            runs = (entry.request_start, entry.request_stop), (entry.response_start, entry.response_stop)
            for span, (start, stop) in zip(spans, runs, strict=True):
                if span and span[-1] == start:
                    span[-1] = stop
                else:
                    span.extend((start, stop))
        return None if 0 < chosen == seen else spans

    def _packet(self, at_ns: int, side: int, flags: int, data: bytes | memoryview = b"", says: bytes = b"") -> Packet:
        at_ns += self.began_ns
        return at_ns, self._sides[side].packet(self._sides[1 - side], at_ns, flags, data, says)

    def _ack(self, side: int, at_ns: int, says: bytes = b"", *, ahead: bool = False) -> Packet:
        """An ACK, at the time at which it became due; at `at_ns` where none is."""
        sender = self._sides[side]
        at_ns = self.began_ns + at_ns if sender.due is None else sender.due
        return at_ns, sender.acknowledge(self._sides[1 - side], at_ns, says, ahead=ahead)

    def _acknowledged(self, side: int) -> Iterator[Packet]:
        """The ACK of what `side` sent before, where it is due."""
        if self._sides[1 - side].due is not None:
            yield self._ack(1 - side, 0)

    def _handshake(self, client: Endpoint, server: Endpoint) -> Iterator[Packet]:
        """The SYNs; the ACK of the second one is due."""
        facts = self._facts
        at_ns, block = self._packet(self._tried_ns, _CLIENT, SYN, b"", _said(facts, client, server))
        if facts.secrets and hash(facts.secrets) not in self._written:
            self._written.add(hash(facts.secrets))
            block = secrets(facts.secrets) + block
        yield at_ns, block
        yield self._packet(max(self._tried_ns, self._connected_ns), _SERVER, SYN | ACK)

    def _skip(self, side: int, data: bytes) -> None:
        """Leave out what nobody saw."""
        sender = self._sides[side]
        room = _LARGEST_GAP - sender.skipped
        size = missing(data)
        if not 0 < size <= room:
            self._toll.lose(GAPS)
            sender.remark = b"gap=%d" % size if size else b"gap=unknown"
            size = min(size or 1, room)
        sender.skip(size)

    def _closing(self, closed: list[bool]) -> Iterator[Packet]:
        """What ends the connection: as much of it as happened."""
        ending, at_ns = self._ending, self._ended_ns
        order: tuple[int, ...] = ()
        if ending and ending.ends_messages:
            order = (_CLIENT, _SERVER) if self._by_client and ending is not Ending.CLOSED else (_SERVER, _CLIENT)
        elif ending in _CUT_BY_US and self._by_client:
            order = (_CLIENT,)
        for side in order:
            if not closed[side] and not (side == _CLIENT and self._closes):
                closed[side] = True
                yield from self._acknowledged(side)
                yield self._packet(at_ns, side, FIN | ACK)
        told = ending in (None, Ending.CLOSED, Ending.COMPLETE, Ending.UNSEEN)
        says = b"" if not ending or told else b"ending=" + ending.value.encode("ascii")
        last = _CLIENT if self._sides[_CLIENT].due is not None else _SERVER  # who owes the ACK of what came last
        if self._sides[1 - last].skipped:
            yield self._ack(1 - last, at_ns, ahead=True)
        yield self._ack(last, at_ns, says, ahead=self._sides[last].skipped > 0)


def _parts(spans: array[int], start: int, data: bytes) -> Iterator[bytes]:
    """What of the octets `data`, the first of which is at `start`, is in `spans`."""
    place = bisect_right(spans, start) & ~1
    while place < len(spans) and spans[place] < start + len(data):
        part = data[max(spans[place] - start, 0) : spans[place + 1] - start]
        if part:
            yield part
        place += 2


def _within(spans: array[int], offset: int) -> bool:
    """Whether `offset` is in `spans`, or at the end of one."""
    place = bisect_right(spans, offset)
    return place % 2 == 1 or (place > 0 and spans[place - 1] == offset)


def _said(facts: ConnectionFacts, client: Endpoint, server: Endpoint) -> bytes:
    """What the first comment says."""
    ends = (("client", facts.client, client), ("server", facts.server, server))
    words = {name: text for name, text, end in ends if text and Endpoint.of(text) != end}
    words["target"] = facts.target
    words["name"] = facts.name
    if facts.tls:
        words["cipher"] = facts.tls.cipher
        words["alpn"] = facts.tls.alpn
    words["origin"] = facts.origin
    words["reconstructed"] = ",".join(facts.reconstructed)
    words = {name: text for name, text in words.items() if text}
    if facts.tls:
        words |= {"tls": facts.tls.version, "verified": "yes" if facts.tls.verified else "no"}
    known = _RANDOM.search(facts.secrets)
    if known:
        words["random"] = known[1].decode("ascii").lower()
    return " ".join(f"{name}={quote(text, _KEPT, errors='surrogateescape')}" for name, text in words.items()).encode()
