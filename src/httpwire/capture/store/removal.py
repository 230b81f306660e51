"""Exchanges taken out of a capture for good.

In: Entries of a capture that can be written. Out: the file without their octets, in one transaction; the
other exchanges keep their numbers, their octets and the offsets of those. What was cut out is a hole in its
connection: whoever appends to it goes on counting. Then the file is written anew, so that no free page and
no log holds the octets any more.
"""

from __future__ import annotations

import sqlite3

from httpwire.capture.store.chosen import SIDES, Chosen, Ranges
from httpwire.capture.store.schema import END, reading, why_failed, writing
from httpwire.errors import SaveFailed, UsageError
from httpwire.language import N_
from httpwire.wire.deviations import OCTETS_MISSING
from httpwire.wire.element import Direction
from httpwire.wire.record import Record, at

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from httpwire.capture.store.capture import Capture
    from httpwire.capture.store.entry import Entry

_BLOCK = 5_000  # events whose ids are changed at once
_SOON = 5_000  # ms to wait for those who read, before their copy of the octets is told
_PLACES = "SELECT id, start, length(data) FROM events WHERE connection = ? AND direction = ? AND kind = 0 ORDER BY id"
_PIECE = "INSERT INTO pieces SELECT id, ?, connection, direction, kind, at, start + ?, substr(data, ?, ?) FROM events"
_CUT = "UPDATE events SET start = start + ?, data = substr(data, ?, ?) WHERE id = ?"
# Which exchanges of a connection are not chosen, where octets of it were not captured.
_LACKING = f"""
SELECT min(number), max(number) FROM exchanges AS kept WHERE number NOT IN (SELECT number FROM chosen)
AND connection IN (SELECT connection FROM chosen) AND EXISTS (
    SELECT 1 FROM exchanges WHERE connection = kept.connection AND findings LIKE '% {OCTETS_MISSING.id} %'
) GROUP BY connection LIMIT 1
"""
_PIECES = """
CREATE TEMP TABLE pieces (event INTEGER, part INTEGER, connection INTEGER, direction INTEGER, kind INTEGER, at INTEGER,
start INTEGER, data BLOB, PRIMARY KEY (event, part))
"""


class Removed(Record):
    """How many `exchanges` were taken out, in `runs` of numbers, and how many `connections` that were left without any;
    `under_way` says how many may still be coming, `copies` whether a process that reads the file keeps their octets
    in its log until it ends."""

    __slots__ = ()
    FIELDS = ("exchanges", "runs", "connections", "under_way", "copies")
    exchanges: int = at(0)
    runs: tuple[tuple[int, int], ...] = at(1)
    connections: int = at(2)
    under_way: int = at(3)
    copies: bool = at(4)

    def __new__(
        cls, exchanges: int, runs: tuple[tuple[int, int], ...], connections: int, under_way: int, *, copies: bool
    ) -> Removed:
        return tuple.__new__(cls, (exchanges, runs, connections, under_way, copies))


def remove(capture: Capture, entries: Iterable[Entry]) -> Removed:
    """Take `entries` out of `capture`. Others may append meanwhile; they wait until it is done.

    Raises OutputUnwritable, RecordingUnreadable, RecordingBroken, UsageError (nothing was changed), SaveFailed (they
    are taken out, but the file could not be written anew, and its free pages may hold some of their octets)."""
    capture.check_writable()
    chosen = Chosen(capture, entries)
    if not chosen.exchanges:
        return Removed(0, (), 0, 0, copies=False)
    removal = _Removal(capture, chosen)
    with reading(capture.db, capture.path):
        capture.db.execute("PRAGMA secure_delete = ON")
        with writing(capture.db):
            capture.update()
            removal.take_out()
    return Removed(removal.exchanges, removal.runs, removal.connections, removal.under_way, copies=_write_anew(capture))


def _write_anew(capture: Capture) -> bool:
    """Write the file anew, without what was deleted; gives whether somebody still reads what was in it before."""
    db = capture.db
    try:
        db.execute("DROP TABLE IF EXISTS temp.chosen")
        db.execute("DROP TABLE IF EXISTS temp.pieces")
        db.execute("VACUUM")
        db.execute(f"PRAGMA busy_timeout = {_SOON}")
        busy, _, _ = db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        return bool(busy)
    except sqlite3.Error as error:
        template = N_("they are removed, but {path} could not be written anew, and may still hold their octets: {why}")
        hint = N_("free some space and remove another exchange, or convert it to a new capture and delete this one")
        raise SaveFailed(template, path=capture.path, why=why_failed(error, capture.path), hint=hint) from error


class _Removal:
    """What is done in the transaction."""

    def __init__(self, capture: Capture, chosen: Chosen) -> None:
        self._capture = capture
        self._db = capture.db
        self._chosen = chosen
        self.connections = self.exchanges = self.under_way = 0
        self.runs: tuple[tuple[int, int], ...] = ()

    def take_out(self) -> None:
        db, index = self._db, self._capture.index
        # Another process may have removed some of them since they were chosen.
        db.execute("DELETE FROM chosen WHERE number NOT IN (SELECT number FROM exchanges)")
        self._refuse_parts()
        of_chosen = (
            "SELECT count(*), total(outcome = 'under way') FROM exchanges WHERE number IN (SELECT number FROM chosen)"
        )
        self.exchanges, self.under_way = map(int, db.execute(of_chosen).fetchone())
        self.runs = tuple(self._chosen.runs())
        db.execute("DROP TABLE IF EXISTS temp.pieces")
        db.execute(_PIECES)
        connections = [c for (c,) in db.execute("SELECT DISTINCT connection FROM chosen ORDER BY connection")]
        for connection in connections:
            last = self._takes_last(connection)
            for side, direction in SIDES.items():
                ranges = self._chosen.ranges(connection, direction)
                if last and direction is Direction.RESPONSE:  # octets behind it, that nobody asked for, are its
                    ranges = Ranges([*zip(*ranges, strict=True), (last, 1 << 62)])
                self._cut(connection, side, ranges)
        self._put_pieces()
        db.executemany("INSERT INTO removed VALUES (?, ?)", self.runs)
        db.execute("DELETE FROM exchanges WHERE number IN (SELECT number FROM chosen)")
        left = [connection for connection in connections if not self._drop_empty(connection)]
        index.reread(left)

    def _refuse_parts(self) -> None:
        """Where a gap is, what it cut can't be told from what it did not once something of it is gone."""
        found = self._db.execute(_LACKING).fetchone()
        if found:
            first, last = found
            raise UsageError(
                N_("octets of a connection were not captured: its exchanges can only be removed together"),
                hint=N_("choose {first} to {last}, too") if first != last else N_("choose {first}, too"),
                first=first,
                last=last,
            )

    def _cut(self, connection: int, side: int, ranges: Ranges) -> None:
        """Take the octets of `ranges` out of the segments."""
        db = self._db
        for event, cut in list(_affected(db.execute(_PLACES, (connection, side)), ranges)):
            for part, (start, stop) in enumerate(cut[1:], 1):
                db.execute(f"{_PIECE} WHERE id = ?", (part, start, start + 1, stop - start, event))
            if cut:
                start, stop = cut[0]
                db.execute(_CUT, (start, start + 1, stop - start, event))
            else:
                db.execute("DELETE FROM events WHERE id = ?", (event,))

    def _takes_last(self, connection: int) -> int:
        """Where the octets received for the last exchange of a connection end, if that one was chosen; else 0. Numbers
        that a tunnel took with it go when it goes."""
        db = self._db
        query = "SELECT number, response_stop FROM exchanges WHERE connection = ? ORDER BY number DESC LIMIT 1"
        last, stop = db.execute(query, (connection,)).fetchone()
        if not db.execute("SELECT 1 FROM chosen WHERE number = ?", (last,)).fetchone():
            return 0
        db.execute("INSERT INTO removed SELECT number, number FROM voids WHERE connection = ?", (connection,))
        db.execute("DELETE FROM voids WHERE connection = ?", (connection,))
        return int(stop)

    def _put_pieces(self) -> None:
        """Give the pieces of segments that have become several ids behind the first piece: those of all later events
        move up, for the order of ids is the order in which events are read."""
        db = self._db
        splits = db.execute("SELECT event, count(*) FROM pieces GROUP BY event ORDER BY event DESC").fetchall()
        if not splits:
            return
        by = sum(count for _, count in splits)
        before = db.execute("SELECT max(id) + 1 FROM events").fetchone()[0]
        for event, count in splits:  # from the end, so that every id moves to one that is free
            self._move(event, before, by)
            db.execute(
                "INSERT INTO events SELECT event + ? + part, connection, direction, kind, at, start, data "
                "FROM pieces WHERE event = ?",
                (by - count, event),
            )
            before = event + 1
            by -= count
        db.execute("UPDATE resume SET event = event + (SELECT count(*) FROM pieces WHERE pieces.event < resume.event)")

    def _move(self, after: int, before: int, by: int) -> None:
        """Move the ids above `after` and below `before` up."""
        last = before
        while ids := self._db.execute(
            "SELECT id FROM events WHERE id > ? AND id < ? ORDER BY id DESC LIMIT ?", (after, last, _BLOCK)
        ).fetchall():
            self._db.executemany("UPDATE events SET id = ? WHERE id = ?", ((event + by, event) for (event,) in ids))
            last = ids[-1][0]

    def _drop_empty(self, connection: int) -> bool:
        """Remove a connection that has ended and has no exchange any more; gives whether it was one."""
        db = self._db
        if db.execute("SELECT 1 FROM exchanges WHERE connection = ? LIMIT 1", (connection,)).fetchone():
            return False
        if not db.execute(
            "SELECT 1 FROM events WHERE connection = ? AND direction = 2 AND kind = ?", (connection, END)
        ).fetchone():
            return False  # whoever records it may append to it
        for table, column in (("events", "connection"), ("resume", "connection"), ("connections", "number")):
            db.execute(f"DELETE FROM {table} WHERE {column} = ?", (connection,))
        self.connections += 1
        return True


def _affected(places: Iterable[tuple[int, int, int]], ranges: Ranges) -> Iterator[tuple[int, list[tuple[int, int]]]]:
    """The segments that `ranges` take something of, each with what is left of it, as offsets in it."""
    for event, start, size in places:
        left = [(first - start, stop - start) for first, stop in ranges.outside(start, start + size)]
        if left != [(0, size)] and size:
            yield event, left
