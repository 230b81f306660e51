"""Traffic on its way into a capture: connections, and what happened on each.

In: what a format's reader finds, or what goes over a live connection. Out: calls to a Sink,
of which the capture file is one. Connections may be told interleaved; nothing is held.
Times of events are ns since their connection began, that of a connection is ns since 1970.
"""

from __future__ import annotations

from httpwire.capture.model import Ending, EventKind, TlsFacts
from httpwire.wire.element import Direction
from httpwire.wire.record import Record, at

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Protocol

    class Output(Protocol):
        """Takes the octets of a file that is written: a Saving, for one."""

        def write(self, data: bytes, /) -> None:
            """Raises SaveFailed."""

    class Sink(Protocol):
        """Takes connections and their events, in the order in which they happened on each."""

        def open(self, facts: ConnectionFacts) -> int:
            """A new connection; gives the number by which the Sink knows it from now on. Raises SaveFailed."""

        def revise(self, connection: int, facts: ConnectionFacts) -> None:
            """More is known of a connection than when it was opened. Raises SaveFailed."""

        def event(
            self,
            connection: int,
            at_ns: int,
            direction: Direction | None,
            kind: EventKind,
            data: bytes | memoryview = b"",
        ) -> None:
            """Something happened; `direction` and `data` are as in a WireEvent. ENDED is the last event that counts,
            END lets the Sink forget the connection. Raises SaveFailed."""


class ConnectionFacts(Record):
    """What is known of a connection beside its events.

    `began_ns` is when it began (ns since 1970, UTC). `client` and `server` are addresses (str: "127.0.0.1:50000",
    "[::1]:80", "unix:/PATH", empty where not known), `target` what was asked for ("http://example.com:80", may be
    empty), `name` the server name that TLS was asked for. `tls` is None for a connection without TLS; its words are
    empty where only that there was TLS is known. `secrets` are lines of an NSS key log (bytes). `origin` is the name
    of the format that it was read from, empty where httpwire recorded it. `reconstructed` are the ids of the Costs
    that say what of its octets is not what was on the wire, but made again from what the format kept.
    """

    __slots__ = ()
    FIELDS = ("began_ns", "client", "server", "target", "tls", "name", "secrets", "origin", "reconstructed")
    began_ns: int = at(0)
    client: str = at(1)
    server: str = at(2)
    target: str = at(3)
    tls: TlsFacts | None = at(4)
    name: str = at(5)
    secrets: bytes = at(6)
    origin: str = at(7)
    reconstructed: tuple[str, ...] = at(8)

    def __new__(
        cls,
        began_ns: int,
        *,
        client: str = "",
        server: str = "",
        target: str = "",
        tls: TlsFacts | None = None,
        name: str = "",
        secrets: bytes = b"",
        origin: str = "",
        reconstructed: tuple[str, ...] = (),
    ) -> ConnectionFacts:
        values = (began_ns, client, server, target, tls, name, secrets, origin, reconstructed)
        return tuple.__new__(cls, values)

    @property
    def secure(self) -> bool:
        """Whether the octets went through TLS."""
        return self.tls is not None


#: That octets went through TLS, of which nothing else is known.
SOME_TLS = TlsFacts("", "", "", verified=False)


def put_exchange(
    sink: Sink,
    facts: ConnectionFacts,
    request: Iterable[bytes | memoryview],
    response: Iterable[bytes | memoryview],
    *,
    sent_ns: int = 0,
    first_ns: int = 0,
    last_ns: int = 0,
    ending: Ending = Ending.CLOSED,
) -> None:
    """Give `sink` a connection of its own for one exchange, of which a format keeps no more than the octets and
    (ns since the connection began) when the request was out, and when the answer began and ended. Raises SaveFailed."""
    connection = sink.open(facts)
    for block in request:
        sink.event(connection, sent_ns, Direction.REQUEST, EventKind.SEGMENT, block)
    sink.event(connection, sent_ns, Direction.REQUEST, EventKind.SENT_ALL)
    moment = max(first_ns, sent_ns)
    for block in response:
        sink.event(connection, moment, Direction.RESPONSE, EventKind.SEGMENT, block)
        moment = max(last_ns, moment)
    sink.event(connection, moment, Direction.RESPONSE, EventKind.ENDED, ending.value.encode("ascii"))
    sink.event(connection, moment, None, EventKind.END)
