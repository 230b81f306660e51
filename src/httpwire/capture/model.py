"""What was observed: a Connection as an append-only log of WireEvents.

In: events, in the order in which they happened, recorded before any parser sees them.
Out: the log (where it is kept), counts and times, and the exchanges read from it. A
connection that is not to keep its octets still counts and reads them, in constant memory.
"""

from __future__ import annotations

from enum import Enum

from httpwire.wire.content import Limits
from httpwire.wire.deviations import TLS_TRUNCATED, Finding
from httpwire.wire.element import Direction
from httpwire.wire.exchange import Conversation, Exchange
from httpwire.wire.record import Record, at

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

_LONGEST_COUNT = 12  # digits: no capture lacks more


class EventKind(Enum):
    """What happened on the wire."""

    TRY = "try"  # a connection to an address was begun; data: the address
    REFUSED = "refused"  # that attempt failed; data: the address and why
    CONNECTED = "connected"
    TLS = "tls"  # the handshake is complete
    SEGMENT = "segment"  # data: the octets of one write or read
    GAP = "gap"  # octets that whoever captured them did not see; data: how many, in ASCII digits, or nothing
    SENT_ALL = "sent-all"  # no more will be written
    ENDED = "ended"  # no more will be read; data: the value of an Ending
    END = "end"  # our end is closed


class Ending(Enum):
    """Why no more octets came."""

    COMPLETE = "complete"  # every awaited answer had come; we closed
    CLOSED = "closed"  # the peer closed
    TUNNEL_SILENT = "tunnel-timed-out"
    TLS_TRUNCATED = "tls-truncated"  # the peer closed without close_notify
    TIMED_OUT = "timed-out"
    INTERRUPTED = "interrupted"
    NOT_CONNECTED = "not-connected"
    FAILED = "failed"
    OVER_LIMIT = "over-limit"  # we stopped reading what never ends
    GIVEN_UP = "given-up"  # whoever asked for it went away
    SURPLUS = "surplus"  # a whole request, and more than were asked for
    REFUSED = "refused"  # what a client sent can't be taken as a request; we closed
    UNSEEN = "unseen"  # whoever captured it did not see what followed

    @property
    def ends_messages(self) -> bool:
        """Whether it ends a message that goes on until the close (RFC 9112 6.3)."""
        return self in (Ending.COMPLETE, Ending.CLOSED, Ending.TUNNEL_SILENT)


class WireEvent(Record):
    """One thing that happened at `at_ns` (monotonic). `direction` is None for what concerns both."""

    __slots__ = ()
    FIELDS = ("at_ns", "direction", "kind", "data")
    at_ns: int = at(0)
    direction: Direction | None = at(1)
    kind: EventKind = at(2)
    data: bytes | memoryview = at(3)

    def __new__(
        cls, at_ns: int, direction: Direction | None, kind: EventKind, data: bytes | memoryview = b""
    ) -> WireEvent:
        return tuple.__new__(cls, (at_ns, direction, kind, data))


def missing(gap: bytes) -> int:
    """How many octets a GAP with this data stands for; 0 where it does not say."""
    return int(gap) if gap.isdigit() and len(gap) <= _LONGEST_COUNT else 0


class TlsFacts(Record):
    """What a TLS handshake agreed on: `version`, `cipher`, `alpn` (str, empty where there is none)."""

    __slots__ = ()
    FIELDS = ("version", "cipher", "alpn", "verified")
    version: str = at(0)
    cipher: str = at(1)
    alpn: str = at(2)
    verified: bool = at(3)

    def __new__(cls, version: str, cipher: str, alpn: str, *, verified: bool) -> TlsFacts:
        return tuple.__new__(cls, (version, cipher, alpn, verified))


class Connection:
    """One connection. `target` is what was asked for; `peer` and `local` are addresses (str), empty before the
    connection; `began_ns` (monotonic) and `began_at` (seconds since 1970) are set when work on it begins; `name` is the
    server name that TLS was asked for. With `keep` the log `events` holds every octet; without `reads` no parser takes
    part, and there are no exchanges; `listener` is called with each event."""

    def __init__(
        self,
        target: str,
        *,
        keep: bool,
        reads: bool = True,
        limits: Limits | None = None,
        listener: Callable[[WireEvent], None] | None = None,
    ) -> None:
        self.target = target
        self.peer = self.local = self.name = ""
        self.tls: TlsFacts | None = None
        self.began_ns = 0
        self.began_at = 0.0
        self.sent = self.received = 0
        self.times: dict[EventKind, int] = {}  # of the last event of each kind
        self.first_octet_ns: int | None = None
        self.ended: Ending | None = None  # None while more octets may come
        self.events: list[WireEvent] = []
        self.conversation = Conversation(limits)
        self._keep = keep
        self._reads = reads
        self._listener = listener

    def append(self, event: WireEvent) -> None:
        """Record what happened, then read it."""
        self.record(event)
        self.read(event)

    def record(self, event: WireEvent) -> None:
        """Log and count what happened. No parser takes part: its faults can't lose an octet."""
        at_ns, direction, kind, data = event
        if self._keep:
            self.events.append(event.replace(data=bytes(data)) if isinstance(data, memoryview) else event)
        self.times[kind] = at_ns
        if self._listener:
            self._listener(event)  # which sees the counts from before it
        if kind is EventKind.SEGMENT:
            if direction is Direction.REQUEST:
                self.sent += len(data)
            else:
                self.received += len(data)
                self.first_octet_ns = self.first_octet_ns or at_ns
        elif kind is EventKind.ENDED:
            self.ended = self.ended or Ending(bytes(data).decode("ascii"))

    def read(self, event: WireEvent) -> None:
        """Read what was recorded as HTTP."""
        if not self._reads:
            return
        at_ns, direction, kind, data = event
        if kind is EventKind.SEGMENT:
            if direction is Direction.REQUEST:
                self.conversation.sent(data, at_ns)
            else:
                self.conversation.received(data, at_ns)
        elif kind is EventKind.SENT_ALL:
            self.conversation.sent_all()
        elif kind is EventKind.ENDED and self.ended:
            if EventKind.SENT_ALL not in self.times:
                self.conversation.sent_all()
            self.conversation.closed(cut=not self.ended.ends_messages)

    def octets(self, direction: Direction) -> bytes:
        """All octets of one direction; empty where they were not kept."""
        segments = (e.data for e in self.events if e.kind is EventKind.SEGMENT and e.direction is direction)
        return b"".join(segments)

    @property
    def exchanges(self) -> list[Exchange]:
        """The exchanges so far, in the order of the requests; their messages have `raw` where octets were kept,
        and the last one tells the findings that belong to no message."""
        exchanges = self.conversation.exchanges
        if exchanges and self.findings:
            exchanges[-1] = exchanges[-1].replace(others=tuple(self.findings))
        if not self._keep:
            return exchanges
        sent, received = self.octets(Direction.REQUEST), self.octets(Direction.RESPONSE)
        return [
            exchange.replace(
                request=exchange.request and exchange.request.replace(raw=sent[slice(*exchange.request.span)]),
                interim=tuple(m.replace(raw=received[slice(*m.span)]) for m in exchange.interim),
                response=exchange.response and exchange.response.replace(raw=received[slice(*exchange.response.span)]),
            )
            for exchange in exchanges
        ]

    @property
    def findings(self) -> list[Finding]:
        """What deviates on this connection outside any message."""
        found = self.conversation.findings
        if self.ended is Ending.TLS_TRUNCATED:
            found.append(Finding(TLS_TRUNCATED, Direction.RESPONSE, self.received, self.received))
        return found
