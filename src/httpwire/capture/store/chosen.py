"""Exchanges of a capture that were chosen, however many: to be copied, or to be removed.

In: Entries, in order of number. Out: a table of this process alone, `temp.chosen`, of their numbers, each with its
connection; what octets they have; and the pieces of a segment that are in given ranges.
"""

from __future__ import annotations

from bisect import bisect_right

from httpwire.capture.store.schema import DIRECTIONS, reading
from httpwire.wire.element import Direction
from httpwire.wire.record import Record, at

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from httpwire.capture.store.capture import Capture
    from httpwire.capture.store.entry import Entry

_TABLE = "CREATE TEMP TABLE chosen (number INTEGER PRIMARY KEY, connection INTEGER NOT NULL)"
_BY_CONNECTION = "CREATE INDEX temp.chosen_by_connection ON chosen (connection)"
_RANGES = """
SELECT {start}, {stop} FROM chosen CROSS JOIN exchanges USING (number)
WHERE chosen.connection = ? AND {start} < {stop} ORDER BY number
"""
_COLUMNS = {
    Direction.REQUEST: ("request_start", "request_stop"),
    Direction.RESPONSE: ("response_start", "response_stop"),
}


class Ranges(Record):
    """Octets of one direction: `starts` and `stops`, in order, with a gap between each two."""

    __slots__ = ()
    FIELDS = ("starts", "stops")
    starts: tuple[int, ...] = at(0)
    stops: tuple[int, ...] = at(1)

    def __new__(cls, pairs: Iterable[tuple[int, int]]) -> Ranges:
        starts: list[int] = []
        stops: list[int] = []
        for start, stop in pairs:
            if stops and start <= stops[-1]:
                stops[-1] = max(stop, stops[-1])
            else:
                starts.append(start)
                stops.append(stop)
        return tuple.__new__(cls, (tuple(starts), tuple(stops)))

    def within(self, start: int, stop: int) -> Iterator[tuple[int, int]]:
        """What is in `start` up to `stop` of these ranges."""
        starts, stops = self
        for index in range(bisect_right(stops, start), len(starts)):
            if starts[index] >= stop:
                return
            yield max(start, starts[index]), min(stop, stops[index])

    def outside(self, start: int, stop: int) -> Iterator[tuple[int, int]]:
        """What is in `start` up to `stop` and not in these ranges."""
        for inner, outer in self.within(start, stop):
            if start < inner:
                yield start, inner
            start = outer
        if start < stop:
            yield start, stop


class Chosen:
    """The exchanges `entries` of `capture`; `exchanges` and `connections` say how many."""

    def __init__(self, capture: Capture, entries: Iterable[Entry]) -> None:
        """Raises RecordingUnreadable, RecordingBroken."""
        db = self._db = capture.db
        with reading(db, capture.path):
            db.execute("DROP TABLE IF EXISTS temp.chosen")
            db.execute(_TABLE)
            db.executemany("INSERT OR IGNORE INTO chosen VALUES (?, ?)", ((e.number, e.connection) for e in entries))
            db.execute(_BY_CONNECTION)
            counts = db.execute("SELECT count(*), count(DISTINCT connection) FROM chosen").fetchone()
        self.exchanges: int = counts[0]
        self.connections: int = counts[1]

    def has(self, connection: int) -> bool:
        """Whether an exchange of that connection was chosen."""
        return bool(self._db.execute("SELECT 1 FROM chosen WHERE connection = ? LIMIT 1", (connection,)).fetchone())

    def ranges(self, connection: int, direction: Direction) -> Ranges:
        """Where the octets of a connection are that were chosen."""
        start, stop = _COLUMNS[direction]
        return Ranges(self._db.execute(_RANGES.format(start=start, stop=stop), (connection,)))

    def runs(self) -> Iterator[tuple[int, int]]:
        """The numbers: the first and the last of each run."""
        first = last = 0
        for (number,) in self._db.execute("SELECT number FROM chosen ORDER BY number"):
            if first and number != last + 1:
                yield first, last
                first = 0
            first, last = first or number, number
        if first:
            yield first, last


#: The numbers of the directions that have octets.
SIDES = {DIRECTIONS[direction]: direction for direction in Direction}
