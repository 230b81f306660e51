"""A message: one request or one response, as an index over its octets.

In: what a Stream found. Out: a Message with its head, framing, extent and findings; with
`raw`, the octets themselves, also its content with the chunked coding removed.
"""

from __future__ import annotations

from httpwire.wire.deviations import Finding
from httpwire.wire.element import Direction, Span
from httpwire.wire.fields import FieldLine
from httpwire.wire.framing import Framing, Kind
from httpwire.wire.head import Head
from httpwire.wire.record import Record, at


class Message(Record):
    """One message of one direction; offsets are absolute.

    `head` is None where the octets never showed one, `framing` where the head did not end.
    `content` is the extent of the content as it is on the wire, `octets` its size with the
    chunked coding removed, `chunks` how many chunks it came in. `complete` tells whether the
    message ended as its framing says. `raw` is bytes, or None where octets were not kept.
    """

    __slots__ = ()
    FIELDS = (
        "direction",
        "start",
        "content_start",
        "stop",
        "head",
        "framing",
        "complete",
        "octets",
        "chunks",
        "trailers",
        "findings",
        "raw",
    )
    direction: Direction = at(0)
    start: int = at(1)
    content_start: int = at(2)
    stop: int = at(3)
    head: Head | None = at(4)
    framing: Framing | None = at(5)
    complete: bool = at(6)
    octets: int = at(7)
    chunks: int = at(8)
    trailers: tuple[FieldLine, ...] = at(9)
    findings: tuple[Finding, ...] = at(10)
    raw: bytes | None = at(11)

    def __new__(
        cls,
        direction: Direction,
        start: int,
        content_start: int,
        stop: int,
        head: Head | None = None,
        framing: Framing | None = None,
        *,
        complete: bool = False,
        octets: int = 0,
        chunks: int = 0,
        trailers: tuple[FieldLine, ...] = (),
        findings: tuple[Finding, ...] = (),
        raw: bytes | None = None,
    ) -> Message:
        values = (
            direction,
            start,
            content_start,
            stop,
            head,
            framing,
            complete,
            octets,
            chunks,
            trailers,
            findings,
            raw,
        )
        return tuple.__new__(cls, values)

    @property
    def span(self) -> Span:
        return Span(self.start, self.stop)

    @property
    def status(self) -> int:
        """The status code; 0 for a request, or where it can't be read."""
        return self.head.line.status if self.head else 0

    @property
    def reason(self) -> bytes:
        return self.head.line.reason if self.head else b""

    @property
    def method(self) -> bytes:
        return self.head.line.method if self.head else b""

    @property
    def target(self) -> bytes:
        return self.head.line.target if self.head else b""

    @property
    def fields(self) -> tuple[FieldLine, ...]:
        return self.head.fields if self.head else ()

    def values(self, name: bytes) -> list[bytes]:
        """The values of each field line called `name`."""
        return self.head.values(name) if self.head else []

    @property
    def options(self) -> list[bytes]:
        """The connection options, in lower case: RFC 9110 7.6.1."""
        return [option.strip(b" \t") for value in self.values(b"connection") for option in value.lower().split(b",")]

    @property
    def closes(self) -> bool:
        """Whether its sender wants the connection closed after this exchange: RFC 9112 9.3, 9.6."""
        options = self.options
        version = self.head.line.version if self.head else b""
        return b"close" in options or (version in (b"", b"HTTP/1.0") and b"keep-alive" not in options)

    @property
    def interim(self) -> bool:
        """Whether a final response is still to come (RFC 9110 15.2); 101 is final, the protocol changes."""
        return 100 <= self.status <= 199 and self.status != 101

    def moved(self, start: int) -> Message:
        """A message without findings and trailers, as it would be if it began at `start`."""
        direction, began, content_start, stop, head, framing, complete, octets, chunks, _, _, raw = self
        by = start - began
        if not by:
            return self
        if head:
            head = Head(direction, head.raw, head.start + by, head.line)
        values = (direction, start, content_start + by, stop + by, head, framing, complete, octets, chunks, (), (), raw)
        return tuple.__new__(Message, values)

    @property
    def content(self) -> bytes:
        """The content as bytes, the chunked coding removed; content codings (gzip ...) are left on.

        Raises ValueError where the octets were not kept.
        """
        if self.raw is None:
            raise ValueError("the octets of this message were not kept")
        wire = self.raw[self.content_start - self.start :]
        if not (self.framing and self.framing.kind is Kind.CHUNKED):
            return wire
        from httpwire.wire.content import Limits, unchunked

        most = len(wire) + 1  # a limit was for whoever received it
        return b"".join(unchunked((wire,), Limits(most, most, most, most)))
