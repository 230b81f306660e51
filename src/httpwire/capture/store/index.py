"""The index of a capture: its exchanges, read from its events.

In: the events that came since the last time, in the order in which they were written. Out: a row for each
exchange. A number is given when the exchange shows itself, so that reading all events again
gives the same ones. Of a connection that goes on, the place behind its last finished exchange is
remembered: nothing is read twice as long as this process lives, and little after that.
"""

from __future__ import annotations

import sqlite3

from httpwire.capture.store.connection import FIRST, Connection, Ledger
from httpwire.capture.store.schema import END, INDEX, Contradiction, make_index, reading, writing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

    from httpwire.capture.store.writing import Event

_EVENTS = 5_000  # that are read at once
_SMALL = 65536  # octets of an event of which the first are read along with it; of larger ones perhaps none have to be
_TOGETHER = 500  # connections that are looked up at once
_READ = f"""
SELECT id, connection, direction, kind, at, start, length(data),
CASE WHEN length(data) <= {_SMALL} THEN substr(data, 1, {FIRST}) END FROM events
"""
_NEW = f"{_READ} WHERE id > ? ORDER BY id LIMIT {_EVENTS}"
_AGAIN = f"{_READ} WHERE connection = ? AND +id > ? AND +id <= ? ORDER BY id"
_ALL = f"{_READ} WHERE connection = ? ORDER BY id"
_BEGUN = """
SELECT connections.number, began, event FROM connections LEFT JOIN resume ON resume.connection = connections.number
"""
_COLUMNS = INDEX["exchanges"].count(" NOT NULL") + 4  # with the number and the three times that may be null
_KEEP = f"INSERT OR REPLACE INTO exchanges VALUES ({', '.join('?' * _COLUMNS)})"


class Index:
    """Keeps the index of the capture `db` at `path` up to date. `writable`: in the file, for all; else for this process
    alone; `anew`: there beside what is in the file, and of all events."""

    def __init__(self, db: sqlite3.Connection, path: str, *, writable: bool, anew: bool = False) -> None:
        self._db = db
        self._path = path
        self._ledger = Ledger(db)
        self._open: dict[int, Connection] = {}
        self._touched: dict[int, Connection] = {}
        self._gone: list[int] = []  # connections that have ended, of which `resume` has a row
        self._begun: dict[int, tuple[int, int | None]] = {}  # when connections began, and where they are to be resumed
        self._at = (-1, -1)  # the last event that is in the index, and the generation of that
        self._reached = 0  # the event that was read last
        if anew or (not writable and self.behind):
            make_index(db, "temp")

    @property
    def behind(self) -> int:
        """How many events were not read yet, at most. Raises RecordingUnreadable, RecordingBroken."""
        with reading(self._db, self._path):
            indexed, _ = self._progress()
            last = self._db.execute("SELECT max(id) FROM events").fetchone()[0] or 0
            return int(last - indexed)

    def update(self, progress: Callable[[int, int], None] | None = None) -> None:
        """Read the events that are new; `progress` is told how many were read, of how many.

        Raises RecordingUnreadable, RecordingBroken."""
        done, whole = 0, self.behind if progress else 0
        while count := self.step():
            done += count
            if progress:
                progress(done, max(whole, done))

    def step(self) -> int:
        """Read some of the events that are new; gives how many there were, 0 when all are read.

        Raises RecordingUnreadable, RecordingBroken."""
        with reading(self._db, self._path):
            return self._read_some()

    def rebuild(self) -> None:
        """Forget all of it; `update` makes it again. Raises RecordingUnreadable, RecordingBroken."""
        with reading(self._db, self._path), writing(self._db):
            for table in ("exchanges", "voids", "resume"):
                self._db.execute(f"DELETE FROM {table}")
            self._db.execute("UPDATE progress SET indexed = 0, generation = generation + 1, next = 1")

    def reread(self, connections: Iterable[int]) -> None:
        """Exchanges of these connections were removed, in the transaction that is open; before it the index was up to
        date. Read again what is left of them, under the numbers that it has. Raises sqlite3.Error."""
        db, ledger = self._db, self._ledger
        after, strange = ledger.next, False
        self._look_up_removed()
        for number in connections:
            connection = self._begin_again(number)
            for event, _, direction, kind, *what in db.execute(_ALL, (number,)):
                connection.take(event, direction, kind, *what)
                if kind == END:
                    connection.finish()
                    break
                if len(ledger.rows) > _EVENTS:
                    self._put()
                    ledger.rows.clear()
            else:
                self._open[number] = self._touched[number] = connection
                connection.sketch()
            strange = strange or bool(connection.known)
            self._put()
            self._forget()
        last = db.execute("SELECT ifnull(max(id), 0) FROM events").fetchone()[0]
        db.execute("UPDATE progress SET indexed = ?, generation = generation + 1", (last,))
        if strange or ledger.next != after:  # what is left reads as something else: numbers are given anew
            self.rebuild()
            self.update()

    def _begin_again(self, number: int) -> Connection:
        db = self._db
        (began,) = db.execute("SELECT began FROM connections WHERE number = ?", (number,)).fetchone()
        self._open.pop(number, None)
        connection = Connection(self._ledger, number, began)
        connection.known.extend(self._numbers_of(number, 0))
        for table in ("exchanges", "voids", "resume"):
            db.execute(f"DELETE FROM {table} WHERE connection = ?", (number,))
        return connection

    def _progress(self) -> tuple[int, int]:
        indexed, generation = self._db.execute("SELECT indexed, generation FROM progress").fetchone()
        return indexed, generation

    def follow(self, first: int, events: list[Event], began: dict[int, int]) -> None:
        """Read events that were appended just now in the open transaction, from the id `first` on; `began` tells when
        the connections that are new in them began. Where those before them were not read, `update` reads all of them
        later. Raises sqlite3.Error."""
        self._catch_up()
        if self._at[0] != first - 1:
            return
        self._begun = {number: (at_ns, None) for number, at_ns in began.items()}
        self._take(
            (event, number, direction, kind, at, start, len(data), data)
            for event, (number, direction, kind, at, start, data) in enumerate(events, first)
        )
        self._commit(first + len(events) - 1)

    def _catch_up(self) -> None:
        """Forget what was read, if another process was here."""
        progress = self._progress()
        if progress != self._at:
            self._open.clear()
            self._at = progress
            self._ledger.next = self._db.execute("SELECT next FROM progress").fetchone()[0]
            self._look_up_removed()

    def _read_some(self) -> int:
        """Read some events; gives how many there were."""
        self._catch_up()
        rows: list[tuple[Any, ...]] = []
        try:
            rows.extend(self._db.execute(_NEW, (self._at[0],)))
        except sqlite3.DatabaseError:
            if not rows:
                raise
            # What comes before the damage is read first; the next call meets it again.
        if rows and rows[-1][0] <= self._at[0]:
            raise Contradiction
        self._look_up({row[1] for row in rows} - self._open.keys())
        try:
            self._take(rows)
        except sqlite3.DatabaseError:
            if self._reached > rows[0][0]:
                self._commit(self._reached - 1)
            raise
        if rows:
            self._commit(self._reached)
        return len(rows)

    def _take(self, rows: Iterable[tuple[Any, ...]]) -> None:
        known = self._open
        for self._reached, number, direction, kind, *what in rows:
            connection = known.get(number) or self._begin(number)
            if connection:
                self._touched[number] = connection
                connection.take(self._reached, direction, kind, *what)
                if kind == END:
                    connection.finish()
                    self._leave(connection)

    def _leave(self, connection: Connection) -> None:
        if connection.kept:
            self._gone.append(connection.number)
        del self._open[connection.number], self._touched[connection.number]

    def _look_up(self, connections: set[int]) -> None:
        """Ask for what `_begin` has to know of connections, of many at once."""
        numbers = sorted(connections)
        self._begun.clear()
        for first in range(0, len(numbers), _TOGETHER):
            some = numbers[first : first + _TOGETHER]
            query = f"{_BEGUN} WHERE connections.number IN ({', '.join('?' * len(some))})"
            self._begun.update((number, (began, event)) for number, began, event in self._db.execute(query, some))

    def _look_up_removed(self) -> None:
        self._ledger.removed = self._db.execute("SELECT first, last FROM removed ORDER BY first").fetchall()

    def _begin(self, number: int) -> Connection | None:
        """The connection, read up to where the index is. None where the file does not know it."""
        if number not in self._begun:
            return None
        began, event = self._begun[number]
        connection = self._open[number] = Connection(self._ledger, number, began)
        if event is not None:
            self._go_on(connection)
        return connection

    def _go_on(self, connection: Connection) -> None:
        db, number = self._db, connection.number
        _, *resume = db.execute("SELECT * FROM resume WHERE connection = ?", (number,)).fetchone()
        event, sent, received, last = resume
        row = db.execute("SELECT * FROM exchanges WHERE number = ?", (last,)).fetchone() if last else None
        connection.go_on(event, sent, received, row)
        connection.known.extend(self._numbers_of(number, last))
        for missed, _, *what in db.execute(_AGAIN, (number, event, self._at[0])):
            connection.take(missed, *what)

    def _numbers_of(self, connection: int, after: int) -> list[int]:
        """The numbers above `after` that were given to a connection, in order."""
        query = """SELECT number FROM exchanges WHERE connection = ?1 AND number > ?2
        UNION SELECT number FROM voids WHERE connection = ?1 AND number > ?2 ORDER BY number"""
        return [number for (number,) in self._db.execute(query, (connection, after))]

    def _commit(self, event: int) -> None:
        """Put what was found into the file, unless another process has been faster."""
        for connection in self._touched.values():
            connection.sketch()
        with writing(self._db):
            if self._progress() == self._at:
                self._put()
                self._db.execute("UPDATE progress SET indexed = ?, next = ?", (event, self._ledger.next))
                self._at = event, self._at[1]
        self._forget()

    def _put(self) -> None:
        """Write what was found."""
        db, void = self._db, self._ledger.void
        db.executemany(_KEEP, self._ledger.rows.values())
        db.executemany("DELETE FROM exchanges WHERE number = ?", ((number,) for number, _ in void))
        db.executemany("INSERT OR REPLACE INTO voids VALUES (?, ?)", void)
        db.executemany("DELETE FROM resume WHERE connection = ?", ((number,) for number in self._gone))
        for connection in self._touched.values():
            db.execute("INSERT OR REPLACE INTO resume VALUES (?, ?, ?, ?, ?)", (connection.number, *connection.resume))
            connection.kept = True

    def _forget(self) -> None:
        self._ledger.rows.clear()
        self._ledger.void.clear()
        self._touched.clear()
        self._gone.clear()
