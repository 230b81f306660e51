"""Appends connections and their events to a capture file.

In: calls of a Sink, from one thread. Out: rows in the file, in batches. Appender writes
them when there are enough, for whoever reads a file and can wait. Writer is for live traffic: a
thread of its own commits what has come ten times a second, and the caller waits only when
the disk is slower than the network by 32 MiB. A Gatherer only makes the batches. None parses anything.
"""

from __future__ import annotations

import contextlib
import sqlite3
import threading
from itertools import chain, count

from httpwire.capture.model import EventKind
from httpwire.capture.store.schema import KINDS, open_for_writing, why_failed, writing
from httpwire.errors import SaveFailed
from httpwire.wire.element import Direction

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Self

    from httpwire.capture.traffic import ConnectionFacts

    #: connection (its number), direction, kind, at_ns, start, data
    Event = tuple[int, int, int, int, int, bytes]

_REQUEST, _RESPONSE = Direction.REQUEST, Direction.RESPONSE
_ROWS = 8_000  # events that are written in one transaction
_TOGETHER = 64  # events that one statement inserts: between statements Python's lock changes hands
_LONGEST = 1 << 20  # octets of one event; longer segments are several
_PERIOD = 0.1  # seconds between commits
_WAITING = 32 << 20  # octets that may wait for the disk
_EACH = 100  # octets that an event takes in memory beside its data

_INSERT = "INSERT INTO events (connection, direction, kind, at, start, data) VALUES "
_EVENT = "(?, ?, ?, ?, ?, ?)"
_MANY = _INSERT + ", ".join([_EVENT] * _TOGETHER)
_CONNECTION = """
INSERT OR REPLACE INTO connections
(number, began, client, server, target, tls, cipher, alpn, verified, name, secrets, origin, reconstructed)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""


class Batch:
    """What has come and is not in the file yet: rows of connections without their numbers, rows of events."""

    def __init__(self) -> None:
        self.facts: dict[int, tuple[Any, ...]] = {}
        self.rows: list[Event] = []
        self.octets = 0
        self.ended: list[int] = []

    def __bool__(self) -> bool:
        return bool(self.facts or self.rows)


class Gatherer:
    """A Sink that makes batches for the capture at `path`, of some `most` octets; a context manager."""

    most = 16 << 20

    def __init__(self, path: str) -> None:
        self.path = path
        self.connections = 0  #: opened here
        self._batch = Batch()
        self._counts: dict[int, list[int]] = {}  # octets of each direction, of connections that have not ended

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
        self._batch.facts[self.connections] = _row(facts)
        return self.connections

    def revise(self, connection: int, facts: ConnectionFacts) -> None:
        self._batch.facts[connection] = _row(facts)

    def event(
        self,
        connection: int,
        at_ns: int,
        direction: Direction | None,
        kind: EventKind,
        data: bytes | memoryview = b"",
    ) -> None:
        batch = self._batch
        side = 0 if direction is _REQUEST else 1 if direction is _RESPONSE else 2  # an Enum's hash is slow
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
        if batch.octets > self.most or len(batch.rows) > _ROWS:
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
        if batch.octets > self.most or len(batch.rows) > _ROWS:
            self._full()

    def _full(self) -> None:
        """There is enough to be written."""
        self.flush()

    def flush(self) -> None:
        """Write what has come. Raises SaveFailed."""
        batch, self._batch = self._batch, Batch()
        if batch:
            self.write(batch)

    def write(self, batch: Batch) -> None:
        """Write a batch. Raises SaveFailed."""
        raise NotImplementedError

    def close(self) -> None:
        """Write what has come, and be done. Raises SaveFailed."""
        raise NotImplementedError


class Appender(Gatherer):
    """Appends to the capture at `path`, and makes it where there is none. `durable` and `alone` are as in
    `open_for_writing`."""

    def __init__(self, path: str, *, durable: bool = False, alone: bool = False) -> None:
        """Raises OutputUnwritable, RecordingUnreadable (a newer format)."""
        super().__init__(path)
        self.db = open_for_writing(path, durable=durable, alone=alone)
        self._numbers: dict[int, int] = {}  # what those that have not ended are called in the file

    def write(self, batch: Batch) -> None:
        try:
            with writing(self.db):
                self.put(batch)
        except sqlite3.Error as error:
            raise SaveFailed(path=self.path, why=why_failed(error, self.path)) from error

    def put(self, batch: Batch) -> tuple[int, list[Event], dict[int, int]]:
        """Write a batch in the transaction that is open; gives the id of its first event, its events as they are in the
        file, with ids that follow one another, and when its connections began. Raises sqlite3.Error."""
        db, numbers = self.db, self._numbers
        known = db.execute("SELECT ifnull(max(number), 0) FROM connections").fetchone()[0]
        numbers.update(zip([each for each in batch.facts if each not in numbers], count(known + 1), strict=False))
        db.executemany(_CONNECTION, [(numbers[each], *facts) for each, facts in batch.facts.items()])
        first = db.execute("SELECT ifnull(max(id), 0) FROM events").fetchone()[0] + 1
        events = [(numbers[row[0]], *row[1:]) for row in batch.rows]
        whole = len(events) - len(events) % _TOGETHER
        for start in range(0, whole, _TOGETHER):
            db.execute(_MANY, list(chain.from_iterable(events[start : start + _TOGETHER])))
        db.executemany(_INSERT + _EVENT, events[whole:])
        began = {numbers[each]: facts[0] for each, facts in batch.facts.items()}
        for connection in batch.ended:
            del numbers[connection]
        return first, events, began

    def close(self) -> None:
        try:
            self.flush()
        finally:
            self.db.close()


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
                if self._batch.octets <= self.most and not self._closing:
                    self._changed.wait(_PERIOD)
                batch, self._batch = self._batch, Batch()
                self._under_way = batch.octets
                closing = self._closing
            if batch and not self._failure:
                try:
                    self.write(batch)
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
        self.db.close()
        if self._failure:
            raise self._failure


def _row(facts: ConnectionFacts) -> tuple[Any, ...]:
    tls = facts.tls
    return (
        facts.began_ns,
        _storable(facts.client),
        _storable(facts.server),
        _storable(facts.target),
        _storable(tls.version) if tls else None,
        _storable(tls.cipher) if tls else "",
        _storable(tls.alpn) if tls else "",
        int(tls.verified) if tls else 0,
        _storable(facts.name),
        facts.secrets,
        _storable(facts.origin),
        _storable(" ".join(facts.reconstructed)),
    )


def _storable(text: str) -> str:
    """Text as SQLite can hold it: a Unix socket's path, or what a file says of a connection, may be no UTF-8."""
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode()
