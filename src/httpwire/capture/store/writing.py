"""Appends connections and their events to a capture file.

In: calls of a Sink, from one thread. Out: rows in the file, in batches. Appender writes
them when there are enough, for whoever reads a file and can wait. Writer is for live traffic: a
thread of its own commits what has come ten times a second, and the caller waits only when
the disk is slower than the network by 32 MiB. Neither parses anything.
"""

from __future__ import annotations

import contextlib
import sqlite3
import threading

from httpwire.capture.model import EventKind
from httpwire.capture.store.schema import DIRECTIONS, KINDS, open_for_writing, why_failed, writing
from httpwire.errors import SaveFailed
from httpwire.wire.element import Direction

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Self

    from httpwire.capture.traffic import ConnectionFacts

    #: connection (the Sink's number), direction, kind, at_ns, start, data
    Row = tuple[int, int, int, int, int, bytes]

_BATCH = 16 << 20  # octets that are written in one transaction
_ROWS = 8_000  # events, likewise
_TOGETHER = 64  # events that one statement inserts: between statements Python's lock changes hands
_LONGEST = 1 << 20  # octets of one event; longer segments are several
_PERIOD = 0.1  # seconds between commits
_WAITING = 32 << 20  # octets that may wait for the disk
_EACH = 100  # octets that an event takes in memory beside its data

_INSERT = "INSERT INTO events (connection, direction, kind, at, start, data) VALUES "
_CONNECTION = """
INSERT OR REPLACE INTO connections
(number, began, client, server, target, tls, cipher, alpn, verified, name, secrets, origin, reconstructed)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""


class _Batch:
    """What has come and is not in the file yet."""

    def __init__(self) -> None:
        self.facts: dict[int, ConnectionFacts] = {}
        self.rows: list[Row] = []
        self.octets = 0
        self.ended: list[int] = []

    def __bool__(self) -> bool:
        return bool(self.facts or self.rows)


class Appender:
    """A Sink that appends to the capture at `path`, and makes it where there is none; a context manager. `durable` is
    as in `open_for_writing`."""

    def __init__(self, path: str, *, durable: bool = False) -> None:
        """Raises OutputUnwritable, RecordingUnreadable (a newer format)."""
        self.path = path
        self.connections = 0  #: opened here
        self._db = open_for_writing(path, durable=durable)
        self._batch = _Batch()
        self._counts: dict[int, list[int]] = {}  # octets of each direction, of connections that have not ended
        self._numbers: dict[int, int] = {}  # what those that have not ended are called in the file

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        if kind is None:
            self.close()
        else:
            with contextlib.suppress(SaveFailed):  # something else failed before
                self.close()

    def open(self, facts: ConnectionFacts) -> int:
        self.connections += 1
        self._counts[self.connections] = [0, 0, 0]
        self._batch.facts[self.connections] = facts
        return self.connections

    def revise(self, connection: int, facts: ConnectionFacts) -> None:
        self._batch.facts[connection] = facts

    def event(
        self,
        connection: int,
        at_ns: int,
        direction: Direction | None,
        kind: EventKind,
        data: bytes | memoryview = b"",
    ) -> None:
        batch = self._batch
        side = DIRECTIONS[direction]
        counts = self._counts[connection]
        if kind is EventKind.SEGMENT:
            size = len(data)
            if size > _LONGEST:
                for start in range(0, size, _LONGEST):
                    self.event(connection, at_ns, direction, kind, data[start : start + _LONGEST])
                return
            batch.rows.append((connection, side, 0, at_ns, counts[side], bytes(data)))
            counts[side] += size
            batch.octets += size + _EACH
        else:
            batch.rows.append((connection, side, KINDS[kind], at_ns, counts[side], bytes(data)))
            batch.octets += _EACH
            if kind is EventKind.END:
                batch.ended.append(connection)
                del self._counts[connection]
        if batch.octets > _BATCH or len(batch.rows) > _ROWS:
            self._full()

    def copy(self, connection: int, at_ns: int, direction: int, kind: int, data: bytes) -> None:
        """An event as another capture has it: `direction` and `kind` are the numbers in its file. Raises SaveFailed."""
        batch, counts = self._batch, self._counts[connection]
        batch.rows.append((connection, direction, kind, at_ns, counts[direction], data))
        batch.octets += len(data) + _EACH
        if kind == KINDS[EventKind.SEGMENT]:
            counts[direction] += len(data)
        elif kind == KINDS[EventKind.END]:
            batch.ended.append(connection)
            del self._counts[connection]
        if batch.octets > _BATCH or len(batch.rows) > _ROWS:
            self._full()

    def _full(self) -> None:
        """There is enough to be written."""
        self.flush()

    def flush(self) -> None:
        """Write what has come. Raises SaveFailed."""
        batch, self._batch = self._batch, _Batch()
        if batch:
            self._write(batch)

    def _write(self, batch: _Batch) -> None:
        db, numbers = self._db, self._numbers
        try:
            with writing(db):
                for connection, facts in batch.facts.items():
                    number = db.execute(_CONNECTION, _row(numbers.get(connection), facts)).lastrowid
                    assert number
                    numbers[connection] = number
                rows = batch.rows
                whole = len(rows) - len(rows) % _TOGETHER
                many = _INSERT + ", ".join(["(?, ?, ?, ?, ?, ?)"] * _TOGETHER)
                for first in range(0, whole, _TOGETHER):
                    values: list[object] = []
                    for connection, *rest in rows[first : first + _TOGETHER]:
                        values.append(numbers[connection])
                        values += rest
                    db.execute(many, values)
                db.executemany(_INSERT + "(?, ?, ?, ?, ?, ?)", ((numbers[c], *rest) for c, *rest in rows[whole:]))
        except sqlite3.Error as error:
            raise SaveFailed(path=self.path, why=why_failed(error, self.path)) from error
        for connection in batch.ended:
            del numbers[connection]

    def number(self, connection: int) -> int:
        """What a connection that has not ended is called in the file, once something of it was written."""
        return self._numbers[connection]

    def close(self) -> None:
        """Write what has come, and close the file. Raises SaveFailed."""
        try:
            self.flush()
        finally:
            self._db.close()


class Writer(Appender):
    """An Appender for live traffic: see above. What fails on its thread is raised by the call that comes next."""

    def __init__(self, path: str) -> None:
        super().__init__(path, durable=True)
        self._failure: Exception | None = None
        self._changed = threading.Condition()
        self._under_way = 0  # octets that the thread is writing
        self._closing = False
        self._idle = False  # the thread waits for something to do
        self._thread = threading.Thread(target=self._run, name="httpwire capture", daemon=True)
        self._thread.start()

    def open(self, facts: ConnectionFacts) -> int:
        with self._changed:
            return super().open(facts)  # an event will follow

    def revise(self, connection: int, facts: ConnectionFacts) -> None:
        with self._changed:
            super().revise(connection, facts)

    def event(
        self,
        connection: int,
        at_ns: int,
        direction: Direction | None,
        kind: EventKind,
        data: bytes | memoryview = b"",
    ) -> None:
        with self._changed:
            super().event(connection, at_ns, direction, kind, data)
            if self._idle:
                self._changed.notify_all()
            if self._failure:
                raise self._failure

    def _full(self) -> None:
        self._changed.notify_all()
        while self._batch.octets + self._under_way > _WAITING and not self._failure:
            self._changed.wait()

    def _run(self) -> None:
        while True:
            with self._changed:
                if not self._batch and not self._closing:
                    self._idle = True
                    self._changed.wait()
                    self._idle = False
                if self._batch.octets <= _BATCH and not self._closing:
                    self._changed.wait(_PERIOD)
                batch, self._batch = self._batch, _Batch()
                self._under_way = batch.octets
                closing = self._closing
            if batch and not self._failure:
                try:
                    self._write(batch)
                except Exception as error:  # noqa: BLE001  # whatever it is: nobody would wait for it otherwise
                    self._failure = error
            with self._changed:
                self._under_way = 0
                self._changed.notify_all()
                if closing and not self._batch:
                    return

    def flush(self) -> None:
        """Wait until what has come is in the file. Raises SaveFailed."""
        with self._changed:
            while (self._batch or self._under_way) and not self._failure:
                self._changed.wait()
            if self._failure:
                raise self._failure

    def close(self) -> None:
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        self._thread.join()
        self._db.close()
        if self._failure:
            raise self._failure


def _row(number: int | None, facts: ConnectionFacts) -> tuple[object, ...]:
    tls = facts.tls
    row = (
        number,
        facts.began_ns,
        facts.client,
        facts.server,
        facts.target,
        tls.version if tls else None,
        tls.cipher if tls else "",
        tls.alpn if tls else "",
        int(tls.verified) if tls else 0,
        facts.name,
        facts.secrets,
        facts.origin,
        " ".join(facts.reconstructed),
    )
    return tuple(_storable(value) if isinstance(value, str) else value for value in row)


def _storable(text: str) -> str:
    """Text as SQLite can hold it: a Unix socket's path, or what a file says of a connection, may be no UTF-8."""
    return text.encode("utf-8", "backslashreplace").decode()
