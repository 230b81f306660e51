"""What happens on a live connection, appended to a Sink as it happens.

In: the events of a Connection, each before any parser sees it. Out: the same in a Sink, with what is
known of the connection. Tap is a Connection's listener; Captured is the Keeping of a server whose
connections have one: its requests need no other place.
"""

from __future__ import annotations

import os

from httpwire.capture.keeping import File, Folder, Keeping, Piece
from httpwire.capture.model import Connection, EventKind
from httpwire.capture.store.signature import names_capture
from httpwire.capture.traffic import ConnectionFacts

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from httpwire.capture.arrival import Arrival
    from httpwire.capture.model import WireEvent
    from httpwire.capture.store.writing import Writer
    from httpwire.capture.traffic import Sink
    from httpwire.wire.content import Limits

_TELLING = (EventKind.CONNECTED, EventKind.TLS)  # events that come with more to know of the connection


class Tap:
    """Called with each event of the connection that `of` gives, from its first on. `accepted`: the client is the peer,
    else the server is. Raises SaveFailed."""

    def __init__(self, sink: Sink, of: Callable[[], Connection], *, accepted: bool) -> None:
        self._sink = sink
        self._of = of
        self._accepted = accepted
        self._number = 0

    def __call__(self, event: WireEvent) -> None:
        at_ns, direction, kind, data = event
        connection = self._of()
        if not connection.began_ns:
            return  # it ends before it was begun
        if not self._number:
            self._number = self._sink.open(self._facts(connection))
        elif kind in _TELLING:
            self._sink.revise(self._number, self._facts(connection))
        self._sink.event(self._number, at_ns - connection.began_ns, direction, kind, data)

    def _facts(self, connection: Connection) -> ConnectionFacts:
        ends = (connection.peer, connection.local) if self._accepted else (connection.local, connection.peer)
        return ConnectionFacts(
            round(connection.began_at * 1e9),
            client=ends[0],
            server=ends[1],
            target="" if self._accepted else connection.target,
            tls=connection.tls,
            name=connection.name,
        )


class _Counted(Piece):
    """A request whose octets are kept elsewhere."""

    def write(self, data: bytes | memoryview) -> None:
        self.octets += len(data)

    def give_back(self, count: int) -> bytes:
        self.octets -= count
        return bytes(count)  # nobody reads them again


class Captured(Keeping):
    """Requests are where everything else is: in the capture that `writer` appends to."""

    def __init__(self, writer: Writer) -> None:
        self.path = writer.path
        self._writer = writer

    def piece(self, number: int) -> Piece:
        return _Counted(self, number)

    def keep(self, piece: Piece, arrival: Arrival, ending: str) -> str:  # noqa: ARG002  # others need them
        return self.path

    def log(self, peer: str, *, keep: bool = False, reads: bool = False, limits: Limits | None = None) -> Connection:
        """The record of a connection that was accepted from `peer`; `keep` and `reads` are a Connection's."""
        made = Connection(
            peer, keep=keep, reads=reads, limits=limits, listener=Tap(self._writer, lambda: made, accepted=True)
        )
        return made

    def close(self) -> None:
        self._writer.close()


def keeping_at(path: str, kind: type[File]) -> Keeping:
    """Where a server keeps requests for which `path` was given: a folder, a capture, or a file of that `kind`.

    Raises OutputUnwritable, RecordingUnreadable."""
    if is_folder(path):
        return Folder(path)
    if names_capture(path):
        from httpwire.capture.store.writing import Writer

        return Captured(Writer(path))
    return kind(path)


def is_folder(path: str) -> bool:
    """Whether `path` names a folder: one that is there, or by the slash at its end."""
    return path.endswith("/") or os.path.isdir(path)
