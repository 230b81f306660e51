"""One client's connection: its requests taken in, each answered with recorded octets.

In: readiness of its socket, and the moments it asked to be woken at. Out: octets kept and
written, and what happened told to the server. It never waits, so that a slow client holds
up nobody. What HTTP says is the Intake's and the Answer's to know.
"""

from __future__ import annotations

import os
import time
from collections import deque

from httpwire.capture.arrival import Arrival
from httpwire.capture.faults import NO_FAULTS
from httpwire.capture.model import Ending, EventKind, WireEvent
from httpwire.errors import RecordingUnreadable
from httpwire.language import N_
from httpwire.net.delivery import Delivery
from httpwire.net.transport import READ, WRITE, Transport
from httpwire.wire.element import Direction
from httpwire.wire.framing import Kind, Rule
from httpwire.wire.head import Head

TYPE_CHECKING = False
if TYPE_CHECKING:
    from httpwire.capture.answers import Answer, Reading
    from httpwire.capture.intake import Intake
    from httpwire.net.server import Server

_READ = 120 << 10  # under the 128 KiB from which an allocator asks the system for fresh pages each time
_QUEUED = 64  # requests that may wait for their answers before no more are read
_SILENCE = 1.0  # seconds after which no more is expected of what can't be read, or of a connection that is to end
_OVERRUN = 64 << 20  # octets that are still kept of what can't be read
_LINGER = 2.0  # seconds to read on after our last octet: a close with octets unread would destroy it on its way
_TAKEN = 0.01  # seconds between looks whether the client has taken all that goes before a reset
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"  # RFC 9110 15.2.1


class Session:
    """The connection number `number` of `server`, from `peer` (str)."""

    def __init__(self, server: Server, transport: Transport, peer: str, number: int) -> None:
        self.transport = transport
        self.peer = peer
        self.number = number
        self.log = server.log(peer, transport.sock)
        if self.log:
            self._tell(None, EventKind.CONNECTED, os.fsencode(peer))
        self.moved_at = server.now  #: when an octet last moved (monotonic seconds)
        self.wake_at = 0.0  #: when to be woken (monotonic seconds); 0: not asked for
        self.begun_at = 0.0  #: when the request under way was first heard of; 0: there is none
        self.watched = READ  #: what the server waits for
        self.closed = False
        self._server = server
        self._intake: Intake | None = None
        self._queue: deque[tuple[Arrival, Answer | None, int]] = deque()  # an answer to each, and how much of it is out
        self._delivery: Delivery | None = None
        self._serving: tuple[Arrival, Reading] | None = None  # what the delivery is about
        self._early: tuple[Answer | None, int] | None = None  # chosen before the request had come
        self._ended = False  # no more comes from the client
        self._last = False  # no more goes to the client
        self.finished = False  #: our direction is closed
        self._finished_at = self._reset_at = 0.0
        self._sent_at = 0.0  # when an octet of an answer last went out
        self._resetting = False
        self._closing = False  # an answer that is due ends the connection: what comes behind it gets none
        self._deaf = False  # what still comes belongs to a request that was given up
        self._expecting: Head | None = None  # a request that waits for 100 (Continue), behind others
        self._unread_from = 0  # octets that had come when they could be read no more
        self.came = 0  #: octets so far
        self.silent = True  #: the client has said nothing, not even what no handshake can be made of

    @property
    def busy(self) -> bool:
        """Whether an answer is on its way, or due."""
        return bool(self._delivery or self._queue)

    @property
    def is_still(self) -> bool:
        """Whether nothing is under way, or seems about to be: a new connection has a moment to say something."""
        under_way = self.busy or (self._intake is not None and self._intake.under_way)
        return not under_way and (self.came > 0 or self._server.now - self.moved_at > _SILENCE)

    def ready(self, events: int) -> None:
        """The socket can be read from (READ) or written to (WRITE)."""
        if events & (READ | self.transport.recv_needs) and not self._ended:
            self._receive()
        if events & WRITE:
            self._server.due(self)

    # What comes.

    def _receive(self) -> None:
        transport = self.transport
        for _ in range(16):  # TLS gives a record at a time, and the socket does not tell that it holds more
            try:
                data = transport.recv(_READ)
            except OSError as error:
                self._broken(error)
                return
            if data:
                self._take(data)
                if self.closed or not transport.holds_more or len(self._queue) > _QUEUED:
                    return
            else:
                if data is not None:
                    self._client_closed()
                return
        self._server.again(self)

    def _take(self, data: bytes) -> None:
        """Keep a segment, and do what it asks for."""
        server = self._server
        self.moved_at = server.now
        self.came += len(data)
        self.silent = False
        if self._deaf or server.failure:
            return
        if self.log and self.transport.facts and not self.log.tls:
            self.log.tls, self.log.name = self.transport.facts, self.transport.name
            self._tell(None, EventKind.TLS)
        came = WireEvent(time.monotonic_ns(), Direction.REQUEST, EventKind.SEGMENT, data) if self.log else None
        if self.log and came:
            self.log.record(came)
        intake = self._intake
        if intake is None:
            intake = self._intake = server.intake(self)
            intake.refusing = self.transport.plain
            if intake.refusing:
                server.note(self, N_("plain HTTP came to a port that speaks TLS: the client needs https://"))
            intake.name = self.transport.name
        events = intake.feed(data)
        if self.log and came:
            self.log.read(came)
        for event in events:
            if isinstance(event, Arrival):
                self._arrived(event)
        if not intake.under_way:
            self.begun_at = 0.0
            return
        if not self.begun_at or any(isinstance(event, Arrival) for event in events):
            self.begun_at = server.now
        if events and isinstance(events[-1], Head) and intake.expects_continue(events[-1]):
            self._expecting = events[-1]
            server.due(self)
        framing = intake.framing
        if framing and framing.kind is Kind.UNDECIDABLE:
            self._unread_from = self._unread_from or self.came
            if framing.rule is Rule.LIMIT or self.came - self._unread_from > _OVERRUN:
                self._refuse(Ending.OVER_LIMIT)

    def _arrived(self, arrival: Arrival) -> None:
        """A request has ended."""
        server = self._server
        if not arrival.complete:
            server.kept(arrival)
            self._close_with(server.refusal(arrival) if arrival.ending is Ending.REFUSED else None, arrival)
            return
        answer, position = self._early or (None, 0)
        wanted = not self._last and not self._closing
        if wanted and not self._early and arrival.message and arrival.message.head:
            answer = server.choose(arrival.message.head)
        self._early = None
        server.arrived(arrival, answer, wanted=wanted)
        if wanted:
            given = answer or server.refusal(arrival)
            self._closing = given is None or arrival.closes or given.closes(arrival.message)
            self._queue.append((arrival, given, position))
            if len(self._queue) > _QUEUED:
                self._watch(self._wanted(self.transport.send_needs))
        else:
            server.settled += 1
        server.due(self)

    def _continue(self, head: Head) -> None:
        """The client waits before it sends its content: what was recorded for that goes out, else 100 (Continue)."""
        server = self._server
        self._expecting = None
        if not self._intake or not self._intake.expects_continue(head):
            return  # it has gone on by itself
        answer = server.choose(head)
        interim_stop = answer.reading(head.line.method).interim_stop if answer else 0
        if answer and interim_stop:
            octets = answer.beginning(min(interim_stop, answer.served))
        else:
            octets = _CONTINUE
            server.note(self, N_("100 Continue was sent: the client waited for it before sending its content"))
        try:
            sent = self.transport.send(memoryview(octets)) if octets else 0
        except OSError as error:
            self._broken(error)
            return
        self._early = answer, sent if interim_stop else 0
        self._log_sent(octets[:sent])

    def _refuse(self, ending: Ending) -> None:
        """What comes is no request, or not whole; it ends here."""
        arrival = self._intake.finish(ending) if self._intake else None
        self._deaf = True
        if arrival:
            self._server.kept(arrival)
            self._close_with(self._server.refusal(arrival), arrival)

    def _close_with(self, answer: Answer | None, arrival: Arrival) -> None:
        """Send `answer`, if there is one, after those that are due, and close."""
        if not self._last:
            self._last = True
            if answer:
                self._queue.append((arrival, answer, 0))
        self._server.due(self)

    def _client_closed(self) -> None:
        """No more will come; what is due still goes out."""
        self._ended = True
        self._tell(Direction.REQUEST, EventKind.SENT_ALL)
        if self._intake:
            arrival = self._intake.finish(Ending.CLOSED)
            if arrival:
                self._server.kept(arrival)
        self._last = True
        self._server.due(self)

    def _broken(self, error: OSError) -> None:
        says = getattr(error, "says", "")
        if says:
            self.silent = False
            self._server.note(self, says, why=error.strerror)
        if self._intake:
            arrival = self._intake.finish(Ending.FAILED)
            if arrival:
                self._server.kept(arrival)
        self._tell_left(error.strerror or str(error))
        self.close(Ending.FAILED)

    # What goes.

    def push(self) -> None:
        """Write what can go out now."""
        while not self.closed:
            if self._delivery:
                if not self._go_on(self._delivery):
                    return
            elif self._queue:
                self._begin(*self._queue.popleft())
            elif self._last or self._server.ending:
                self._finish()
                return
            elif self._expecting:
                self._continue(self._expecting)
            else:
                self._watch(self._wanted(0))
                return

    def _begin(self, arrival: Arrival, answer: Answer | None, position: int) -> None:
        if answer is None:
            self._server.settled += arrival.complete
            self._last = True
            self._queue.clear()
            return
        reading = answer.reading(arrival.message.method if arrival.message else None)
        if self._intake and reading.tunnel:
            self._intake.tunnel = True
        elif self._intake and self._intake.tunnel:
            self._intake.resume()
        octets = answer.octets
        if octets is not None and answer.faults is NO_FAULTS and not position and not self.log:
            try:
                sent = self.transport.send(memoryview(octets))
            except OSError as error:
                self._serving, self._delivery = (arrival, reading), Delivery(answer)  # for what is told of it
                self._broken(error)
                return
            if sent == len(octets):
                self._answered(arrival, reading)
                return
            position = sent
        self._serving = arrival, reading
        told = self._log_sent if self.log else None
        self._delivery = Delivery(answer, start=position, told=told)

    def _go_on(self, delivery: Delivery) -> bool:
        """Send on; tells whether the answer has gone out."""
        server = self._server
        try:
            if delivery.push(self.transport, server.now):
                self.moved_at = server.now
        except OSError as error:
            self._broken(error)
            return False
        except RecordingUnreadable:
            server.note(self, N_("the answer became shorter while it was sent: the connection is closed"))
            self.end(Ending.GIVEN_UP)
            return False
        if not delivery.done:
            if delivery.wake_at is not None:
                self._wake(delivery.wake_at)
                self._watch(self._wanted(0))
            else:
                self._watch(self._wanted(self.transport.send_needs))
            return False
        if delivery.cut and delivery.answer.faults.reset_after is not None:
            self._reset()
            return False
        assert self._serving
        arrival, reading = self._serving
        self._delivery = self._serving = None
        if delivery.cut:
            server.settled += arrival.complete
            self._last = True
            self._queue.clear()
        else:
            self._answered(arrival, reading)
        return True

    def _answered(self, arrival: Arrival, reading: Reading) -> None:
        """An answer is out: the connection goes on, or not, as it implies."""
        self._sent_at = self._server.now
        self._server.settled += arrival.complete
        if not reading.tunnel and (not reading.stays or arrival.closes):
            self._last = True
            self._queue.clear()

    def _reset(self) -> None:
        """Close with RST, once the client's system has all that went before."""
        if not self._resetting:
            self._resetting, self._reset_at = True, self._server.now
        if self.transport.unsent and self._server.now < self._reset_at + _LINGER:
            self._wake(self._server.now + _TAKEN)
            self._watch(self._wanted(0))
            return
        self.end(Ending.GIVEN_UP)

    def _finish(self) -> None:
        """Close our direction, and wait a little for the client to close its own."""
        if self._ended:
            self.close(Ending.COMPLETE)
        elif not self.finished:
            self.finished = True
            self._finished_at = self._server.now
            try:
                self.transport.finish()
            except OSError:
                self.end(Ending.FAILED)  # the client has gone: what it had begun is kept
                return
            self._watch(READ)

    # Time.

    def wake(self) -> None:
        """The moment has come that was asked for."""
        self.wake_at = 0.0
        if self._resetting:
            self._reset()
        else:
            self._server.due(self)

    def look(self) -> None:
        """See whether it is time to give up: asked a few times a second."""
        limits, now = self._server.limits, self._server.now
        still = now - self.moved_at
        intake = self._intake
        if self._delivery and self.wake_at:
            self.moved_at = now  # it is us who wait
        elif self.finished:
            # What is out has arrived when nothing is unacknowledged; only who goes on serving can wait for more.
            if now - self._finished_at > _LINGER or (self._server.ending and not self.transport.unsent):
                self.end(Ending.GIVEN_UP)
        elif intake and intake.under_way and self._unread_from and still > _SILENCE:
            self._refuse(Ending.REFUSED)
        elif limits.idle and still > limits.idle:
            self.expire()
        elif intake and intake.tunnel:
            return
        elif limits.request and self.begun_at and now - self.begun_at > limits.request:
            self._refuse(Ending.TIMED_OUT)

    def expire(self, ending: Ending = Ending.TIMED_OUT) -> None:
        """Nothing has moved for too long, or all is to end."""
        if self.busy:
            self._tell_left("")
        self.end(ending)

    def retire(self, ending: Ending) -> None:
        """No more is wanted: close, in order where something has just gone out."""
        if self._server.now - self._sent_at > _SILENCE or not self.transport.unsent:
            self.end(ending)
            return
        arrival = self._intake.finish(ending) if self._intake else None
        if arrival:
            self._deaf = True
            self._server.kept(arrival)
        self._last = True
        self._server.due(self)

    def forgo(self) -> None:
        """Send nothing more: requests could not be kept, and what is not kept is not answered."""
        self._queue.clear()
        self._last = True

    def end(self, ending: Ending) -> None:
        """Close now; what there is of a request is kept."""
        if self._intake and not self.closed:
            arrival = self._intake.finish(ending)
            if arrival:
                self._server.kept(arrival)
        self.close(ending)

    def close(self, ending: Ending) -> None:
        """Close the connection."""
        if self.closed:
            return
        self.closed = True
        owed = [arrival for arrival, _, _ in self._queue]
        if self._serving:
            owed.append(self._serving[0])
        self._server.settled += sum(arrival.complete for arrival in owed)
        self._server.forget(self)
        if self._resetting:
            self.transport.reset()
        else:
            self.transport.close()
        kept = Ending.COMPLETE if ending in (Ending.CLOSED, Ending.REFUSED) else ending
        self._tell(Direction.RESPONSE, EventKind.ENDED, kept.value.encode("ascii"))
        self._tell(None, EventKind.END)

    def _wake(self, moment: float) -> None:
        self.wake_at = moment
        self._server.later(self, moment)

    def _wanted(self, events: int) -> int:
        """`events`, and READ where more is to be read."""
        return events if self._ended or len(self._queue) > _QUEUED else events | READ

    def _watch(self, events: int) -> None:
        if events != self.watched:
            self._server.watch(self, events)

    def _log_sent(self, octets: bytes) -> None:
        self._tell(Direction.RESPONSE, EventKind.SEGMENT, octets)

    def _tell(self, direction: Direction | None, kind: EventKind, data: bytes = b"") -> None:
        """Put what happened into the record of the connection, where there is one."""
        if self.log:
            self.log.append(WireEvent(time.monotonic_ns(), direction, kind, data))

    def _tell_left(self, why: str) -> None:
        """The client went away, or stopped reading, before it had the whole answer."""
        if self._delivery and self._serving:
            sent, size = self._delivery.position, self._delivery.answer.size
            self._server.left(self._serving[0], sent, size, why)
