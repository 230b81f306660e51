"""One client's octets, cut into requests, each kept as it comes.

In: segments of one connection, and why no more come. Out: heads and Arrivals, in order.
Octets are handed to a Keeping before anything is concluded from them, and those that a
fault of the parser strands are kept, too. It knows no socket, and answers nothing.
"""

from __future__ import annotations

import time

from httpwire.capture.arrival import Arrival, is_request
from httpwire.capture.keeping import PARTIAL, SURPLUS, TUNNEL
from httpwire.capture.model import Ending
from httpwire.errors import SaveFailed
from httpwire.wire.element import Direction
from httpwire.wire.framing import Framing, Kind
from httpwire.wire.head import Head
from httpwire.wire.message import Message
from httpwire.wire.stream import Stream

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from httpwire.capture.keeping import Keeping, Piece
    from httpwire.wire.content import Limits


_KNOWN = 512  # requests that are remembered
_KNOWN_OCTETS = 8192  # the largest of them


class Known:
    """Requests that came as exactly one segment: the same octets mean the same again, and need no second reading.
    With each, whether its client wants the connection closed."""

    def __init__(self) -> None:
        self._requests: dict[bytes, tuple[Message, bool]] = {}
        self.get = self._requests.get

    def add(self, segment: bytes, message: Message, *, closes: bool) -> None:
        if len(segment) <= _KNOWN_OCTETS and not message.findings and not message.trailers:
            if len(self._requests) >= _KNOWN:
                self._requests.clear()
            self._requests[segment] = message, closes


class Intake:
    """The requests of the connection number `connection` from `peer`. `count` numbers a request that begins;
    `admit` says whether one that is whole is still wanted. `name` is the server name that TLS was asked for."""

    def __init__(
        self,
        keeping: Keeping,
        known: Known,
        count: Callable[[], int],
        peer: str,
        connection: int,
        limits: Limits | None = None,
        admit: Callable[[], bool] = lambda: True,
    ) -> None:
        self.name = ""
        self.refusing = False  #: nothing counts as a request, whatever it looks like
        self._keeping = keeping
        self._known = known
        self._count = count
        self._peer = peer
        self._connection = connection
        self._limits = limits
        self._admit = admit
        self._stream: Stream | None = None
        self._offset = 0  # octets taken
        self._begun = 0  # where the request under way begins
        self._begun_at = 0.0
        self._number = 0  # that of the request under way; 0 where there is none
        self._piece: Piece | None = None
        self.tunnel = False  #: what comes is no request any more

    @property
    def under_way(self) -> bool:
        """Whether a request has begun and not ended."""
        return self._number > 0

    @property
    def framing(self) -> Framing | None:
        """How the request under way is delimited, once that is known."""
        return self._stream.framing if self._stream else None

    def expects_continue(self, head: Head) -> bool:
        """Whether the client waits for 100 (Continue) before it sends the content of `head`: RFC 9110 10.1.1."""
        stream, framing = self._stream, self.framing
        if not stream or stream.offset > head.stop or head.line.version == b"HTTP/1.0":
            return False
        announced = framing is not None and framing.kind in (Kind.LENGTH, Kind.CHUNKED)
        return announced and any(value.lower() == b"100-continue" for value in head.values(b"expect"))

    def feed(self, data: bytes) -> list[Head | Arrival]:
        """Take a segment: the heads and the requests that it completes. Raises SaveFailed."""
        if not self._number and not self.tunnel and not self.refusing:
            known = self._known.get(data)
            if known:
                again, closes = known
                start = self._offset
                if self._stream:
                    self._stream.pass_over(len(data))
                self._take(data)
                return [self._admitted(again.moved(start), closes=closes)]
        if self.tunnel:
            self._take(data)
            return []
        if self._stream is None:
            self._stream = Stream(Direction.REQUEST, limits=self._limits)
            self._stream.pass_over(self._offset)
        stream = self._stream
        if stream.opaque > len(data):  # content that ends nothing: no need to look
            self._take(data)
            stream.skip(len(data))
            return []
        fresh = not self._number
        out: list[Head | Arrival] = []
        start, rest = self._offset, data
        try:
            for event in stream.feed(data):
                if isinstance(event, Head):
                    out.append(event)
                    message = _asking(event, stream)
                else:
                    message = event if isinstance(event, Message) else None
                if message is None:
                    continue
                back = self._offset - message.stop
                if back > 0:  # the reader waited for more before it saw that the message had ended
                    rest = self._give_back(back) + rest
                whole = is_request(message) and not self.refusing
                closes = whole and message.closes
                count = message.stop - self._offset
                mine, rest = rest[:count], rest[count:]
                self._take(mine)
                if isinstance(event, Head):
                    self.tunnel = True
                if whole:
                    out.append(self._admitted(message, closes=closes))
                else:
                    out.append(self._end(Ending.REFUSED, message, suffix=PARTIAL))
                alone = self._offset - start == len(data) and len(out) == 2 and out[0] is message.head
                if whole and fresh and alone and not self.tunnel:
                    self._known.add(data, message, closes=closes)
        finally:
            self._take(rest)
        return out

    def _give_back(self, count: int) -> bytes:
        self._offset -= count
        return self._piece.give_back(count) if self._piece else bytes(count)

    def resume(self) -> None:
        """Requests follow after all: no tunnel came of the last one. What came meanwhile stays a tunnel's."""
        if not self._number:
            self.tunnel = False
            self._stream = None

    def finish(self, ending: Ending) -> Arrival | None:
        """No more octets come: what there is of a request that has not ended. Raises SaveFailed."""
        if not self._number:
            return None
        message = None
        if self._stream and not self.tunnel:
            try:
                events = self._stream.feed_eof(cut=True)
                message = next((event for event in events if isinstance(event, Message)), None)
            except Exception:  # noqa: BLE001  # a fault of ours was told when it failed on these octets before
                message = None
        return self._end(ending, message, suffix=TUNNEL if self.tunnel else PARTIAL)

    def _begin(self) -> None:
        self._number = self._count()
        self._begun = self._offset
        self._begun_at = time.time()
        self._piece = self._keeping.piece(self._number)

    def _take(self, data: bytes) -> None:
        """Keep octets as the request's that is under way."""
        if not data:
            return
        if not self._number:
            self._begin()
        self._offset += len(data)
        if self._piece:
            try:
                self._piece.write(data)
            except SaveFailed:
                self._offset = self._begun + self._piece.octets
                raise

    def _admitted(self, message: Message, *, closes: bool) -> Arrival:
        """A whole request: one of those that are wanted, or one more."""
        if self._admit():
            return self._end(Ending.COMPLETE, message, closes=closes)
        return self._end(Ending.SURPLUS, message, closes=closes, suffix=SURPLUS)

    def _end(self, ending: Ending, message: Message | None, *, closes: bool = False, suffix: str = "") -> Arrival:
        came = (self._number, self._begun_at, self._peer, self._connection, self._begun, self._offset, message, ending)
        arrival = Arrival(*came, name=self.name, closes=closes)
        piece, self._piece = self._piece, None
        self._number = 0
        if piece:
            file = self._keeping.keep(piece, arrival, suffix)
            arrival = Arrival(*came, file, self.name, closes=closes)
        return arrival


def _asking(head: Head, stream: Stream) -> Message | None:
    """The request CONNECT, which ends with its head: what follows is the tunnel's (RFC 9110 9.3.6). None for others."""
    framing = stream.framing
    if stream.head is not head or not framing or framing.kind is not Kind.TUNNEL:
        return None
    findings = tuple(stream.findings)
    return Message(head.direction, head.start, head.stop, head.stop, head, framing, complete=True, findings=findings)
