"""A server of recorded octets: one loop for all connections, which never waits for one of them.

In: listening sockets, Answers (none: connections are closed without one), a Keeping for what
comes, limits, and a descriptor that ends it. Out: requests kept, answers sent, and a Listener
told of both, each only after the request is where it is kept. No HTTP is decided here.
"""

from __future__ import annotations

import contextlib
import errno
import heapq
import os
import selectors
import socket
import threading
import time
from functools import partial

from httpwire.capture.answers import Answer, Answers
from httpwire.capture.arrival import Arrival
from httpwire.capture.intake import Intake, Known
from httpwire.capture.keeping import Keeping
from httpwire.capture.model import Connection, Ending
from httpwire.errors import Interrupted, SaveFailed
from httpwire.language import N_
from httpwire.net.listening import close
from httpwire.net.options import ServerLimits
from httpwire.net.session import Session
from httpwire.net.transport import READ, Transport, text_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from httpwire.wire.content import Limits
    from httpwire.wire.head import Head

_ACCEPTED = 64  # connections taken at once, before those that are open have their turn
_PAUSE = 0.1  # seconds without accepting when the system has no more descriptors
_CROWDED = 10.0  # seconds before it is told again
_SWEEP = 0.25  # seconds between looks for what has been still for too long
_GRACE = 2.0  # seconds for answers that are on their way when the server is to end
_EXHAUSTED = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)


class Listener:
    """Is told what happens; this one does not care."""

    def arrived(self, arrival: Arrival, answer: Answer | None, *, wanted: bool = True) -> None:
        """A request has come and is kept; `answer` is what it gets, None where none was recorded for it, or where it is
        not `wanted`: it came behind one that ends the connection."""

    def left(self, arrival: Arrival, sent: int, size: int, why: str) -> None:
        """The client of `arrival` took only `sent` of `size` octets of the answer."""

    def noted(self, peer: str, note: str, details: dict[str, object]) -> None:
        """Something that is no request: `note` is a message id, filled by `details`."""

    def turned(self) -> None:
        """All that happened at once has been told."""


class Server:
    """Serves on `sockets` until `count` complete requests are answered (None: no number), `stop` is readable, or
    `seconds` are over (0: no limit).

    `tls` makes a Transport of an accepted socket. `refuse` gives the answer to what is no request, and to a request
    that has no answer (None: the connection is closed). `log` makes the record of a connection from a peer (str);
    `heard` is told of those on which octets came, with their numbers.
    """

    def __init__(
        self,
        sockets: list[socket.socket],
        *,
        answers: Answers | None = None,
        keeping: Keeping | None = None,
        count: int | None = None,
        limits: ServerLimits | None = None,
        reading: Limits | None = None,
        tls: Callable[[socket.socket], Transport] | None = None,
        refuse: Callable[[Arrival], Answer | None] | None = None,
        listener: Listener | None = None,
        stop: int | None = None,
        log: Callable[[str], Connection] | None = None,
        heard: Callable[[int, Connection], None] | None = None,
        seconds: float = 0.0,
    ) -> None:
        self.limits = limits or ServerLimits()
        self.now = time.monotonic()
        self.complete = 0  #: complete requests so far
        self.settled = 0  #: those of them that have had all that they get
        self.taken = 0  #: connections so far
        self.silent = 0  #: connections that ended without having said anything
        self.ending = False  #: no more requests are wanted
        self.stopped = False  #: `stop` was readable
        self.out_of_time = False  #: `seconds` were over
        self.failure: SaveFailed | None = None  #: what ended it, where keeping failed
        self.lock = threading.Lock()  #: held while anything happens
        self._answers = answers
        self._keeping = keeping or Keeping()
        self._count = count
        self._reading = reading
        self._tls = tls or Transport
        self._refuse = refuse
        self._listener = listener or Listener()
        self._log = log
        self._heard = heard
        self._known = Known()
        self._begun = 0  # requests that have begun
        self._sessions: dict[Session, None] = {}
        self._due: dict[Session, None] = {}
        self._again: list[Session] = []
        self._timers: list[tuple[float, int, Session]] = []
        self._timer_number = 0
        self._told: list[tuple[Callable[..., None], tuple[object, ...]]] = []
        self._swept_at = self.now
        self._until = self.now + seconds if seconds else 0.0
        self._end_with = Ending.TIMED_OUT  # why they are
        self._end_at = 0.0  # when answers that are on their way are cut; 0: never
        self._accept_at = 0.0  # when to accept again; 0: now
        self._crowded_until = 0.0  # when it is worth telling again that there is no room
        self._sockets = sockets
        self._selector = selectors.DefaultSelector()
        self._accept(on=True)
        if stop is not None:
            self._selector.register(stop, READ, self._stop)

    @property
    def full(self) -> bool:
        """Whether as many requests have come as were asked for."""
        return self._count is not None and self.complete >= self._count

    def run(self) -> None:
        """Serve to the end. What keeping failed with is in `failure`."""
        try:
            while self._sessions or not self.ending:
                self._turn()
        finally:
            self._selector.close()
            try:
                self._keeping.close()
            except SaveFailed as error:
                self.failure = self.failure or error

    # The loop.

    def _turn(self) -> None:
        ready = self._selector.select(self._patience())
        with self.lock:
            self.now = time.monotonic()
            again, self._again = self._again, []
            for session in again:
                self._guarded(session.ready, READ, session)
            for key, events in ready:
                if type(key.data) is Session:
                    self._guarded(key.data.ready, events, key.data)
                else:
                    key.data(key.fileobj)
            self._run_timers()
            self._sweep()
            self._flush()
            self._tell()
            while self._due:
                due, self._due = self._due, {}
                for session in due:
                    self._guarded(Session.push, session, session)
            if self.full and not self.ending:
                self.end(Ending.GIVEN_UP)
            self._flush()
            self._tell()
        self._listener.turned()

    def _tell(self) -> None:
        told, self._told = self._told, []
        for tell, facts in told:
            tell(*facts)

    def _flush(self) -> None:
        """Put what has come where it is kept: only then is it told, and answered."""
        try:
            self._keeping.flush()
        except SaveFailed as error:
            self._told.clear()
            for session in self._sessions:
                session.forgo()
            self._fail(error)

    def _guarded(self, work: Callable[[Any], None], argument: object, session: Session) -> None:
        """Do something for one session: a fault of ours costs no other, and no octet."""
        if session.closed:
            return
        try:
            work(argument)
        except SaveFailed as error:
            self._fail(error)
        except Interrupted:
            raise
        except Exception as error:  # told, and the octets are kept
            if os.environ.get("HTTPWIRE_DEBUG"):
                raise
            self.note(session, N_("a fault of httpwire itself: {what}"), what=f"{type(error).__name__}: {error}")
            self._end_session(session, Ending.FAILED)

    def _patience(self) -> float | None:
        """Seconds until there is something to do by itself."""
        if self._again or self._due:
            return 0.0
        moments = [self._swept_at + _SWEEP]
        if self._until and not self.ending:
            moments.append(self._until)
        if self._timers:
            moments.append(self._timers[0][0])
        if self._accept_at:
            moments.append(self._accept_at)
        return max(0.0, min(moments) - time.monotonic())

    def _run_timers(self) -> None:
        while self._timers and self._timers[0][0] <= self.now:
            moment, _, session = heapq.heappop(self._timers)
            if session.wake_at == moment:  # else it was asked for another one since
                self._guarded(Session.wake, session, session)
        if self._accept_at and self.now >= self._accept_at:
            self._accept(on=True)
        if self._until and self.now >= self._until and not self.ending:
            self.out_of_time = True
            self._end_soon(Ending.TIMED_OUT)

    def _sweep(self) -> None:
        """Let each session see what time it is."""
        if self.now - self._swept_at < _SWEEP:
            return
        self._swept_at = self.now
        over = self._end_at and self.now > self._end_at
        for session in list(self._sessions):
            self._guarded(partial(Session.expire, ending=self._end_with) if over else Session.look, session, session)

    def _accept(self, *, on: bool) -> None:
        """Listen for new connections from now on, or not."""
        known = self._selector.get_map()
        for sock in self._sockets:
            if on and sock not in known:
                self._selector.register(sock, READ, self._take)
            elif not on and sock in known:
                self._selector.unregister(sock)
        self._accept_at = 0.0

    def _take(self, listening: socket.socket) -> None:
        """Take new connections."""
        for _ in range(_ACCEPTED):
            if self.ending:
                return
            if len(self._sessions) >= self.limits.connections and not self._make_room():
                self._wait_for_room(N_("{n} connections are open: no more are taken for now"), n=len(self._sessions))
                return
            try:
                sock, where = listening.accept()
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno in _EXHAUSTED and not self._make_room():
                    self._wait_for_room(N_("no more connections can be taken for now: {why}"), why=error.strerror)
                    return
                continue  # the client has left again
            self._welcome(sock, text_of(sock.family, where))

    def _welcome(self, sock: socket.socket, peer: str) -> None:
        sock.setblocking(False)  # noqa: FBT003  # the library's own
        if sock.family != getattr(socket, "AF_UNIX", None):
            with contextlib.suppress(OSError):  # some systems refuse it for a client that has left again
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.taken += 1
        session = Session(self, self._tls(sock), peer, self.taken)
        self._sessions[session] = None
        self._selector.register(sock, READ, session)

    def _make_room(self) -> bool:
        """Close the connection that has been still for longest, if nothing is under way on it."""
        still = [session for session in self._sessions if session.is_still]
        if not still:
            return False
        min(still, key=lambda session: session.moved_at).end(Ending.GIVEN_UP)
        return True

    def _wait_for_room(self, note: str, **details: object) -> None:
        self._accept(on=False)
        self._accept_at = self.now + _PAUSE
        if self.now >= self._crowded_until:
            self._crowded_until = self.now + _CROWDED
            self._told.append((self._listener.noted, ("", note, details)))

    def _stop(self, descriptor: Any) -> None:
        """End by wish: answers that are on their way get a moment more."""
        self._selector.unregister(descriptor)
        self.stopped = True
        self._end_soon(Ending.INTERRUPTED)

    def _end_soon(self, ending: Ending) -> None:
        self._end_at, self._end_with = self.now + _GRACE, ending
        self.end(ending)

    def _fail(self, error: SaveFailed) -> None:
        self.failure = self.failure or error
        self._end_at, self._end_with = self.now, Ending.GIVEN_UP
        self.end(Ending.GIVEN_UP)

    def end(self, ending: Ending) -> None:
        """Take no more connections or requests; end when the answers that are due are out."""
        if not self.ending:
            self.ending = True
            self._accept(on=False)
            close(self._sockets)  # a client that comes now is refused at once
        for session in list(self._sessions):
            if not session.busy and not session.finished:
                try:
                    session.retire(ending)
                except SaveFailed as error:
                    self.failure = self.failure or error
                    session.close(ending)

    def _end_session(self, session: Session, ending: Ending) -> None:
        """End a session, whatever fails in it."""
        with contextlib.suppress(Exception):  # what failed was told when it failed the first time
            try:
                session.end(ending)
            except SaveFailed as error:
                self.failure = self.failure or error
                raise
            finally:
                session.close(ending)

    # What sessions ask for.

    def intake(self, session: Session) -> Intake:
        """A place for what `session` is sent; made when its first octet comes."""
        if session.log and self._heard:
            self._heard(session.number, session.log)
        return Intake(
            self._keeping, self._known, self._number, session.peer, session.number, self._reading, self._admit
        )

    def log(self, peer: str, sock: socket.socket) -> Connection | None:
        """A record for a new connection, where they are kept."""
        if not self._log:
            return None
        made = self._log(peer)
        made.peer, made.local = peer, text_of(sock.family, sock.getsockname())
        made.began_ns, made.began_at = time.monotonic_ns(), time.time()
        return made

    def _number(self) -> int:
        self._begun += 1
        return self._begun

    def _admit(self) -> bool:
        """Whether a request that is whole is one of those that are wanted; counts it."""
        if self.full or self.ending:
            return False
        self.complete += 1
        return True

    def choose(self, head: Head) -> Answer | None:
        """The recorded answer to a request; None where there is none."""
        return self._answers.choose(head) if self._answers else None

    def refusal(self, arrival: Arrival) -> Answer | None:
        """The answer to what has no recorded one."""
        return self._refuse(arrival) if self._refuse else None

    def arrived(self, arrival: Arrival, answer: Answer | None, *, wanted: bool) -> None:
        """A request has come whole."""
        tell = self._listener.arrived if wanted else partial(self._listener.arrived, wanted=False)
        self._told.append((tell, (arrival, answer)))

    def kept(self, arrival: Arrival) -> None:
        """What is no whole request has been kept."""
        self._told.append((self._listener.arrived, (arrival, None)))

    def note(self, session: Session, note: str, **details: object) -> None:
        """Something happened on a connection; `note` is a message id."""
        self._told.append((self._listener.noted, (session.peer, note, details)))

    def left(self, arrival: Arrival, sent: int, size: int, why: str) -> None:
        """A client did not take its answer whole."""
        self._told.append((self._listener.left, (arrival, sent, size, why)))

    def due(self, session: Session) -> None:
        """`session` has something to send, once what came is kept."""
        self._due[session] = None

    def again(self, session: Session) -> None:
        """`session` has more to read than one turn allows."""
        self._again.append(session)

    def later(self, session: Session, moment: float) -> None:
        """Wake `session` at `moment` (monotonic seconds)."""
        self._timer_number += 1
        heapq.heappush(self._timers, (moment, self._timer_number, session))

    def watch(self, session: Session, events: int) -> None:
        """Wait for `events` on the socket of `session`; 0 for none."""
        sock = session.transport.sock
        if not events:
            self._selector.unregister(sock)
        elif session.watched:
            self._selector.modify(sock, events, session)
        else:
            self._selector.register(sock, events, session)
        session.watched = events

    def forget(self, session: Session) -> None:
        """`session` is about to close its socket."""
        self._sessions.pop(session, None)
        self._due.pop(session, None)
        if session.watched:
            self._selector.unregister(session.transport.sock)
        if session.silent:
            self.silent += 1
