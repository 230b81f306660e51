"""The client: octets to a server, its answers back, each recorded before it is read.

In: the octets to send, a Target and settings. Out: a Transfer: iterating over it does the
work and gives each segment as it arrives. It writes and reads at the same time, goes on
reading when writing fails, and ends as soon as every answer is complete. What HTTP says
about that is the Connection's to know; here is only the pump.
"""

from __future__ import annotations

import time

from httpwire.capture.model import Connection, Ending, EventKind, WireEvent
from httpwire.errors import (
    Interrupted,
    NetworkError,
    ReceiveFailed,
    RecordingUnreadable,
    SendFailed,
    TimedOut,
    UsageError,
)
from httpwire.language import N_
from httpwire.net.options import TimeLimits, TlsOptions
from httpwire.net.transport import Transport, Waiter, connect
from httpwire.wire.element import Direction
from httpwire.wire.framing import Kind, Rule

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from httpwire.capture.raw import Outgoing
    from httpwire.net.target import Target
    from httpwire.wire.content import Limits
    from httpwire.wire.preflight import Examination

_READ = 120 << 10  # under the 128 KiB from which an allocator asks the system for fresh pages each time
_LINGER = 1.0  # seconds that a server may stop reading a request which it has answered already
_LOOK_EVERY = 0.05  # seconds between looks at the limits while octets flow
_OVERRUN = 64 << 20  # octets that are still read after a limit was passed, to show what the server does
_DRAIN = 4 << 20  # octets at most that are taken along after the end when they are there already
_FOREVER = float("inf")
_ENDINGS: dict[type[NetworkError], Ending] = {TimedOut: Ending.TIMED_OUT, Interrupted: Ending.INTERRUPTED}


class Transfer:
    """One connection to `target`, to send `outgoing` over it and to receive the answers.

    Iterate once: each item is one segment, bytes as one read returned them. Then `connection` holds
    what happened. As a context manager it is closed at the end, whatever happens. `stop` is a file
    descriptor whose readability ends the transfer. Raises NetworkErrors that carry the connection;
    what came before them was given out.
    """

    def __init__(
        self,
        outgoing: Outgoing,
        target: Target,
        *,
        examination: Examination | None = None,
        limits: TimeLimits | None = None,
        tls: TlsOptions | None = None,
        reading: Limits | None = None,
        keep: bool = False,
        listener: Callable[[WireEvent], None] | None = None,
        stop: int | None = None,
    ) -> None:
        self.outgoing = outgoing
        self.target = target
        self.examination = examination or outgoing.examine()
        self.limits = limits or TimeLimits()
        self._tls = tls or TlsOptions()
        self._stop = stop
        self._waiter: Waiter | None = None
        self._transport: Transport | None = None
        self._over_from: int | None = None
        self.connection = Connection(str(target), keep=keep, limits=reading, listener=listener)

    def __enter__(self) -> Transfer:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def connect(self) -> None:
        """Connect, with TLS where the target asks for it; iterating does it where this was not called.

        Raises NameNotResolved, ConnectFailed, TlsFailed, TimedOut, Interrupted; UsageError for a TLS file.
        """
        if self._transport:
            return
        connection = self.connection
        if connection.ended:
            raise UsageError(N_("a transfer is carried out once; open another one"))
        context = None
        if self.target.tls:
            from httpwire.net import tls

            context = tls.context(self._tls)
        connection.began_ns, connection.began_at = time.monotonic_ns(), time.time()
        total = self.limits.total or _FOREVER
        seconds = self.limits.connect or _FOREVER
        self._waiter = waiter = Waiter(connection, self._stop)
        try:
            if context is None:
                self._transport = Transport(connect(self.target, waiter, connection, min(seconds, total)))
                return
            sock = connect(self.target, waiter, connection, min(seconds, total))
            seconds = min(seconds, connection.began_ns / 1e9 + total - time.monotonic())
            self._transport = tls.handshake(sock, self.target, self._tls, context, waiter, connection, seconds)
        except NetworkError as error:
            self._end(_ENDINGS.get(type(error), Ending.FAILED))
            raise

    def __iter__(self) -> Iterator[bytes]:
        try:
            self.connect()
            assert self._transport
            assert self._waiter
            yield from self._exchange(self._transport, self._waiter)
        except NetworkError as error:
            self._end(_ENDINGS.get(type(error), Ending.FAILED))
            raise
        finally:
            self.close()

    def close(self) -> None:
        """Close the connection and the request; what was recorded stays."""
        self._end(Ending.GIVEN_UP)
        self.outgoing.close()
        if self._waiter:
            self._waiter.close()
        if self._transport:
            self._transport.close()
        if EventKind.END not in self.connection.times:
            self.connection.append(WireEvent(time.monotonic_ns(), None, EventKind.END))
        self._waiter = self._transport = None

    def _end(self, ending: Ending) -> None:
        """Record why no more octets come, if that was not recorded yet."""
        if ending is Ending.FAILED and EventKind.CONNECTED not in self.connection.times:
            ending = Ending.NOT_CONNECTED
        if not self.connection.ended:
            why = ending.value.encode("ascii")
            self.connection.append(WireEvent(time.monotonic_ns(), Direction.RESPONSE, EventKind.ENDED, why))

    def _exchange(self, transport: Transport, waiter: Waiter) -> Iterator[bytes]:
        sender = _Sender(self.outgoing, transport, self.connection)
        moved_at = sent_at = looked_at = time.monotonic()
        watched = 0
        while True:
            if sender.push():
                moved_at = sent_at = time.monotonic()
            now = time.monotonic()
            answered = self._answered
            if answered and (sender.done or now - sent_at > _LINGER):
                break
            try:
                data = transport.recv(_READ)
            except OSError as error:
                if answered:
                    break
                raise self._broken(error) from error
            if data:
                yield from self._take(data)
                moved_at = time.monotonic()
                sent_at += moved_at - now  # the caller's own time is no silence of the server's
                if self._is_overrun():
                    self._end(Ending.OVER_LIMIT)
                    return
                if moved_at - looked_at < _LOOK_EVERY:
                    continue
                waiter.wait(0)  # octets that never cease must not keep a wish to stop from being heard
            elif data is not None:
                self._closed(transport, sender)
                return
            looked_at = time.monotonic()
            patience = self._patience(moved_at)
            if patience <= 0:
                if answered:
                    break
                framing = self.connection.conversation.framing
                if framing and framing.kind is Kind.TUNNEL:
                    self._end(Ending.TUNNEL_SILENT)
                elif framing and framing.kind is Kind.UNDECIDABLE:
                    self._end(Ending.TIMED_OUT)  # a longer wait would make it no more decidable
                else:
                    raise self._timed_out()
                return
            if data:
                continue
            wanted = transport.recv_needs if sender.done else transport.recv_needs | transport.send_needs
            if wanted != watched:
                waiter.watch(transport.sock, wanted)
                watched = wanted
            waiter.wait(min(patience, _LINGER) if answered else patience)
        yield from self._drain(transport)
        self._end(Ending.COMPLETE)

    def _take(self, data: bytes) -> Iterator[bytes]:
        """Record a segment, give it out, and only then read it."""
        event = WireEvent(time.monotonic_ns(), Direction.RESPONSE, EventKind.SEGMENT, data)
        self.connection.record(event)
        yield data
        self.connection.read(event)

    def _is_overrun(self) -> bool:
        """Whether too much has come since a limit was passed."""
        framing = self.connection.conversation.framing
        if not framing or framing.rule is not Rule.LIMIT:
            return False
        if self._over_from is None:
            self._over_from = self.connection.received
        return self.connection.received - self._over_from > _OVERRUN

    @property
    def complete(self) -> bool:
        """Whether every answer came whole: as many as were asked for, or a tunnel in their place."""
        exchanges = self.connection.conversation.exchanges
        complete = [exchange for exchange in exchanges if exchange.complete]
        tunnel = any(exchange.framing and exchange.framing.kind is Kind.TUNNEL for exchange in complete)
        return tunnel or len(complete) >= self.examination.answers

    @property
    def _answered(self) -> bool:
        """Whether every answer that the request asks for is complete, and nothing else is under way."""
        conversation = self.connection.conversation
        return conversation.answered >= self.examination.answers and conversation.framing is None

    def _drain(self, transport: Transport) -> Iterator[bytes]:
        """What has arrived behind the last answer already: it belongs to no request, and is kept."""
        taken = 0
        while taken < _DRAIN:
            try:
                data = transport.recv(_READ)
            except OSError:
                return  # the answers are complete; how the connection ends does not change them
            if not data:
                return
            taken += len(data)
            yield from self._take(data)

    def _patience(self, moved_at: float) -> float:
        """Seconds until one of the limits is reached."""
        now = time.monotonic()
        idle = moved_at + (self.limits.idle or _FOREVER)
        total = self.connection.began_ns / 1e9 + (self.limits.total or _FOREVER)
        return min(idle, total) - now

    def _timed_out(self) -> TimedOut:
        elapsed = time.monotonic() - self.connection.began_ns / 1e9
        if self.limits.total and elapsed >= self.limits.total:
            template, hint, seconds = (
                N_("not complete within {seconds} seconds"),
                N_("to wait longer, use --timeout"),
                self.limits.total,
            )
        else:
            template, hint, seconds = (
                N_("nothing was sent or received for {seconds} seconds"),
                N_("to wait longer, use --idle-timeout"),
                self.limits.idle,
            )
        return TimedOut(template, hint=hint, connection=self.connection, seconds=f"{seconds:g}")

    def _closed(self, transport: Transport, sender: _Sender) -> None:
        """The peer closed its direction."""
        failure = sender.failure
        if (
            failure
            and not self._answered
            and (isinstance(failure, ConnectionResetError) or not self.connection.received)
        ):
            # Writing met the reset first and took it: what looks like a close is none.
            raise self._broken(failure)
        self._end(Ending.TLS_TRUNCATED if transport.truncated else Ending.CLOSED)

    def _broken(self, error: OSError) -> NetworkError:
        connection, octets = self.connection, self.outgoing.octets
        why, hint = error.strerror or str(error), getattr(error, "hint", "")
        if not connection.received and connection.sent < octets:
            return SendFailed(connection=connection, hint=hint, sent=connection.sent, octets=octets, why=why)
        return ReceiveFailed(connection=connection, hint=hint, received=connection.received, why=why)


class _Sender:
    """Writes the outgoing octets as the transport takes them. `done` when no more will be written: all are out,
    or writing failed (`failure`), which does not stop reading."""

    def __init__(self, outgoing: Outgoing, transport: Transport, connection: Connection) -> None:
        self._transport = transport
        self._connection = connection
        self._outgoing = outgoing
        self._blocks = outgoing.blocks()
        self._rest = memoryview(b"")
        self.done = False
        self.failure: OSError | None = None

    def push(self) -> bool:
        """Write once, if there is anything to write; tells whether any octet went out."""
        if self.done:
            return False
        if not self._rest:
            self._rest = memoryview(self._next())
        try:
            count = self._transport.send(self._rest)
        except OSError as error:
            self.failure = error
            self.done = True
            return False
        if count:
            out, self._rest = self._rest[:count], self._rest[count:]
            self._connection.append(WireEvent(time.monotonic_ns(), Direction.REQUEST, EventKind.SEGMENT, out))
            if self._connection.sent >= self._outgoing.octets:
                self.done = True
                self._connection.append(WireEvent(time.monotonic_ns(), Direction.REQUEST, EventKind.SENT_ALL))
        return count > 0

    def _next(self) -> bytes:
        """The next octets of the request."""
        try:
            return next(self._blocks)
        except (OSError, RecordingUnreadable) as error:
            why = error.facts["why"] if isinstance(error, RecordingUnreadable) else error.strerror or str(error)
            connection, octets = self._connection, self._outgoing.octets
            raise SendFailed(connection=connection, sent=connection.sent, octets=octets, why=why) from error
