"""What came from a client: one request, or what there was of one, and where it is kept.

In: what an Intake found and a Keeping did. Out: an Arrival, and the same as an object of
plain values for index files and programs. What a client does wrong is told here, never raised.
"""

from __future__ import annotations

from httpwire.capture.model import Ending
from httpwire.wire.framing import Kind
from httpwire.wire.message import Message
from httpwire.wire.record import Record, at

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class Arrival(Record):
    """One request as it came. `number` counts them all in the order in which they began, `began_at` is when that was
    (seconds since 1970), `peer` who sent it (str), `connection` the number of its connection; `start` and `stop` are
    offsets on that connection. `message` is None where no head came. `ending` is COMPLETE, or why the rest did not
    come. `file` is where the octets are (str, empty: nowhere), `name` the server name that TLS was asked for, `closes`
    whether the client wants no more answers on this connection."""

    __slots__ = ()
    FIELDS = (
        "number",
        "began_at",
        "peer",
        "connection",
        "start",
        "stop",
        "message",
        "ending",
        "file",
        "name",
        "closes",
    )
    number: int = at(0)
    began_at: float = at(1)
    peer: str = at(2)
    connection: int = at(3)
    start: int = at(4)
    stop: int = at(5)
    message: Message | None = at(6)
    ending: Ending = at(7)
    file: str = at(8)
    name: str = at(9)
    closes: bool = at(10)

    def __new__(
        cls,
        number: int,
        began_at: float,
        peer: str,
        connection: int,
        start: int,
        stop: int,
        message: Message | None,
        ending: Ending,
        file: str = "",
        name: str = "",
        *,
        closes: bool = False,
    ) -> Arrival:
        values = (number, began_at, peer, connection, start, stop, message, ending, file, name, closes)
        return tuple.__new__(cls, values)

    @property
    def complete(self) -> bool:
        """Whether it is a whole request."""
        return self.ending is Ending.COMPLETE

    @property
    def octets(self) -> int:
        """How many octets it has, with empty lines before it."""
        return self.stop - self.start


def is_request(message: Message) -> bool:
    """Whether the octets of `message` are a request: one of HTTP/1, or of the HTTP/0.9 before it."""
    line = message.head.line if message.head else None
    return bool(line and (line.version or line.target.startswith(b"/")))


def reason(arrival: Arrival) -> str:
    """Why it is not complete, as a stable word: an Ending's value, or the rule that made its end unknowable."""
    framing = arrival.message.framing if arrival.message else None
    if arrival.complete:
        return ""
    if framing and framing.kind is Kind.UNDECIDABLE:
        return framing.rule.id
    return arrival.ending.value


def as_object(arrival: Arrival) -> dict[str, Any]:
    """The arrival as plain values, with stable keys; octets are latin-1 strings, times seconds since 1970."""
    message = arrival.message
    head = message.head if message else None
    return {
        "number": arrival.number,
        "time": round(arrival.began_at, 6),
        "peer": arrival.peer,
        "connection": arrival.connection,
        "start": arrival.start,
        "stop": arrival.stop,
        "octets": arrival.octets,
        "head": message.content_start - message.start if message else 0,
        "content": message.octets if message else 0,
        "method": head.line.method.decode("latin-1") if head else "",
        "target": head.line.target.decode("latin-1") if head else "",
        "complete": arrival.complete,
        "reason": reason(arrival),
        "findings": [finding.deviation.id for finding in message.findings] if message else [],
        "server_name": arrival.name,
        "file": arrival.file,
    }
