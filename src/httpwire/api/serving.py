"""The Python interface to serving: a server in a thread of its own, for as long as a context is entered.

In: recorded answers as bytes or paths, and an address. Out: a Running server: its address, and
the exchanges it had, octet for octet. It is for tests and notebooks; what it can do is what
`httpwire record` and `httpwire serve` do.
"""

from __future__ import annotations

import os
import threading
from functools import partial

from httpwire.api.given import answer_of, answers_of, check
from httpwire.capture.answers import Answer, Answers, plain
from httpwire.capture.arrival import Arrival
from httpwire.capture.faults import NO_FAULTS, Faults
from httpwire.capture.keeping import File, Keeping, Sequence
from httpwire.capture.live import Captured, keeping_at
from httpwire.capture.model import Connection
from httpwire.capture.raw import Outgoing
from httpwire.errors import TimedOut, UsageError
from httpwire.language import N_
from httpwire.net import listening
from httpwire.net.options import ServerLimits, ServerTls
from httpwire.net.server import Listener, Server
from httpwire.wire.content import Limits
from httpwire.wire.element import Direction

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Self

    from httpwire.api.given import Given, One
    from httpwire.wire.exchange import Exchange

_LONG = 30.0  # seconds


class _Notes(Listener):
    """Keeps what happens, and wakes those who wait for it."""

    def __init__(self) -> None:
        self.arrivals: list[Arrival] = []
        self.complete = 0
        self.notes: list[str] = []
        self.changed = threading.Condition()
        self.ended = False

    def arrived(self, arrival: Arrival, answer: Answer | None, *, wanted: bool = True) -> None:  # noqa: ARG002  # all are
        self.arrivals.append(arrival)
        self.complete += arrival.complete

    def turned(self) -> None:
        with self.changed:
            self.changed.notify_all()

    def noted(self, peer: str, note: str, details: dict[str, object]) -> None:
        self.notes.append(f"{peer}: {note.format(**details)}")


class Running:
    """A server that runs while its context is entered; also an async context."""

    def __init__(
        self,
        where: str,
        answers: Answers | None,
        keeping: Keeping,
        *,
        count: int | None,
        limits: ServerLimits | None,
        reading: Limits | None,
        tls: ServerTls | None,
        refuse: Callable[[Arrival], Answer | None] | None,
        keep: bool,
    ) -> None:
        self._answers = answers
        self._keeping = keeping
        self._listener = _Notes()
        self._closing = threading.Lock()
        self._thread: threading.Thread | None = None
        self._fault: BaseException | None = None
        self.certificate_path = ""  #: the file to trust, where the certificates are httpwire's own (str)
        self._secure = tls is not None
        self._keep = keep
        self._connections: dict[int, Connection] = {}  # those on which octets came, by their numbers
        log = keeping.log if isinstance(keeping, Captured) else Connection
        check("listen", where, str)
        place = listening.parse_listen(where)
        check("count", count, int, least=1)
        check("limits", limits, ServerLimits)
        check("reading", reading, Limits)
        check("tls", tls, ServerTls)
        accept = None
        if tls:
            from httpwire.net.authority import accepting

            accept, authority = accepting(tls, place.host)
            self.certificate_path = authority.certificate_path if authority else ""
        self._sockets = listening.listen(place)
        self._stop, self._wish = os.pipe()
        self._server = Server(
            self._sockets,
            answers=answers,
            keeping=keeping,
            count=count,
            limits=limits,
            reading=reading,
            tls=accept,
            refuse=refuse,
            listener=self._listener,
            stop=self._stop,
            log=partial(log, keep=keep, reads=True, limits=reading),
            heard=self._connections.__setitem__,
        )
        self.address = listening.address_of(self._sockets[0])  #: as "127.0.0.1:49152"

    def __repr__(self) -> str:
        return f"<httpwire server on {self.url}>"

    @property
    def port(self) -> int:
        """The port; 0 for a Unix socket."""
        return 0 if self.address.startswith("unix:") else int(self.address.rpartition(":")[2])

    @property
    def url(self) -> str:
        """The URL of its root, without a path."""
        return f"{'https' if self._secure else 'http'}://{self.address}"

    @property
    def exchanges(self) -> list[Exchange]:
        """What came and what was answered, in the order in which the requests began; each message has its octets, where
        they are kept."""
        with self._server.lock:
            found = [e for connection in self._connections.values() for e in connection.exchanges]
        return sorted(found, key=lambda exchange: exchange.timing.request_start or 0)

    @property
    def requests(self) -> list[bytes]:
        """The octets of each complete request, in order. Raises ValueError where they are not to be kept."""
        if not self._keep:
            raise ValueError("the octets of the requests were not kept")
        whole = sorted((arrival for arrival in self.arrivals if arrival.complete), key=lambda arrival: arrival.number)
        with self._server.lock:
            sent = {n: connection.octets(Direction.REQUEST) for n, connection in self._connections.items()}
        return [sent[arrival.connection][arrival.start : arrival.stop] for arrival in whole]

    @property
    def arrivals(self) -> list[Arrival]:
        """Each request as it ended, also those that are not complete, with the reason."""
        with self._listener.changed:
            return list(self._listener.arrivals)

    @property
    def notes(self) -> list[str]:
        """What else happened: a failed TLS handshake, say."""
        return list(self._listener.notes)

    def wait(self, count: int = 1, seconds: float | None = _LONG, *, answered: bool = True) -> list[Exchange]:
        """The exchanges, once `count` complete requests have come and (with `answered`) have had all that they get.

        Raises TimedOut after `seconds` (None: no limit), UsageError where the server has ended before."""
        listener, server = self._listener, self._server

        def come() -> bool:
            return listener.ended or (listener.complete >= count and (not answered or server.settled >= count))

        with listener.changed:
            if not listener.changed.wait_for(come, seconds):
                raise TimedOut(seconds=f"{seconds:g}")
        self._raise()
        if listener.complete < count:
            raise UsageError(N_("the server has ended, and no more requests come"))
        return self.exchanges

    def join(self, seconds: float | None = None) -> None:
        """Wait until it has ended by itself: after `count` requests. Raises TimedOut, and what `close` raises."""
        if self._thread:
            self._thread.join(seconds)
            if self._thread.is_alive():
                raise TimedOut(seconds=f"{seconds:g}")
        self._raise()

    async def arrived(self, count: int = 1, seconds: float = _LONG) -> list[Exchange]:
        """As `wait`, without blocking the event loop."""
        import asyncio

        return await asyncio.to_thread(self.wait, count, seconds)

    def __enter__(self) -> Self:
        if self._wish < 0 or self._listener.ended:
            raise UsageError(N_("this server has ended; make another one"))
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name=f"httpwire {self.address}", daemon=True)
            self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return self.__enter__()

    async def __aexit__(self, *exception: object) -> None:
        import asyncio

        await asyncio.to_thread(self.close)

    def close(self) -> None:
        """End it, and wait until all that came is kept. Raises SaveFailed where it is not."""
        with self._closing:
            if self._wish >= 0:
                os.close(self._wish)  # which makes the other end readable
                self._wish = -1
                if self._thread:
                    self._thread.join()
                else:
                    self._run()
                os.close(self._stop)
                if self._answers:
                    self._answers.close()
        self._raise()

    def _run(self) -> None:
        try:
            self._server.run()
        except BaseException as error:  # noqa: BLE001  # raised in the caller's own thread
            self._fault = error
        listening.close(self._sockets)
        with self._listener.changed:
            self._listener.ended = True
            self._listener.changed.notify_all()

    def _raise(self) -> None:
        """Raise what ended the server, if that was a failure."""
        failure = self._server.failure or self._fault
        if failure:
            raise failure


def record(
    into: str | os.PathLike[str] | None = None,
    *,
    listen: str = "127.0.0.1:0",
    reply: One | None = None,
    count: int | None = None,
    limits: ServerLimits | None = None,
    reading: Limits | None = None,
    tls: ServerTls | None = None,
    keep: bool = True,
) -> Running:
    """A server that keeps what clients send, and answers with `reply` or closes the connection.

    `into` is a file for the first complete request, a folder (there already, or ending with a slash) for all of them,
    or a capture (NAME.hwire) that all connections are appended to. `keep`: hold the octets of every connection for
    `exchanges` and `requests`; without it memory stays flat.
    Raises UsageError, OutputUnwritable, ListenFailed.
    """
    answers = None if reply is None else Answers(others=[answer_of(reply)])
    return _running(
        listen,
        answers,
        into,
        File,
        count=count,
        limits=limits,
        reading=reading,
        tls=tls,
        keep=keep,
        refuse=None,
    )


def serve(
    answers: Given,
    *,
    listen: str = "127.0.0.1:0",
    into: str | os.PathLike[str] | None = None,
    faults: Faults = NO_FAULTS,
    count: int | None = None,
    limits: ServerLimits | None = None,
    reading: Limits | None = None,
    tls: ServerTls | None = None,
    keep: bool = True,
) -> Running:
    """A server that answers with recorded octets, exactly.

    `answers`: one answer for every request; a folder of recorded exchanges; several, of which each request gets the
    next and the last one stays; or a mapping from "METHOD TARGET" to one or several. `faults` are for all of them,
    Scripted for one. `into` keeps the requests: a file for all of them in a row, or a folder; or requests and answers
    in a capture. `keep` is as in `record`.
    Raises UsageError, AnswerUnreadable, OutputUnwritable, ListenFailed.
    """
    check("faults", faults, Faults)
    made = answers_of(answers, faults)
    try:
        made.require_times()
    except UsageError:
        made.close()
        raise
    return _running(
        listen,
        made,
        into,
        Sequence,
        count=count,
        limits=limits,
        reading=reading,
        tls=tls,
        keep=keep,
        refuse=_refusal,
    )


def _running(
    listen: str, answers: Answers | None, into: str | os.PathLike[str] | None, kind: type[File], **settings: Any
) -> Running:
    """A server that keeps requests in `into`; whatever fails, nothing stays open."""
    keeping = Keeping()
    try:
        if into is not None:
            path = os.fspath(into)
            if not isinstance(path, str):
                raise TypeError(f"into takes a path, not {into!r}")
            keeping = keeping_at(path, kind)
        return Running(listen, answers, keeping, **settings)
    except BaseException:
        keeping.close()
        if answers:
            answers.close()
        raise


def _refusal(arrival: Arrival) -> Answer:
    message = arrival.message
    if arrival.complete and message:
        octets = plain(404, "httpwire: no answer was recorded for this request\n", head=message.method == b"HEAD")
    else:
        octets = plain(400, "httpwire: this is not a whole request\n")
    return Answer(Outgoing.from_bytes(octets))
