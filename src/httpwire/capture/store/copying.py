"""Events of captures, copied into another one as they are.

In: captures, of each all or some exchanges. Out: their connections and events appended, in order of time: those of one
capture stay in the order in which they are, those of several are put beside each other by their clocks. Kinds of
events that this version does not know are copied, too.
"""

from __future__ import annotations

from heapq import merge

from httpwire.capture.store.chosen import SIDES, Chosen, Ranges
from httpwire.capture.store.schema import DIRECTIONS, END, SEGMENT, Contradiction, reading
from httpwire.errors import RecordingBroken

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from httpwire.capture.store.capture import Capture
    from httpwire.capture.store.writing import Gatherer

    #: moment (ns since 1970), which capture, connection, direction, kind, at, data
    Told = tuple[int, int, int, int, int, int, bytes]

_EVENTS = "SELECT connection, direction, kind, at, start, data FROM events ORDER BY id"
_BARE = "SELECT number FROM connections WHERE number NOT IN (SELECT connection FROM events) ORDER BY number"
_SIDES = frozenset(DIRECTIONS.values())


class Original:
    """A capture that is copied: all of it, or what was `chosen`."""

    def __init__(self, capture: Capture, chosen: Chosen | None = None) -> None:
        self.capture = capture
        self._chosen = chosen
        self._began: dict[int, int | None] = {}  # of connections that have not ended; None: not to be copied
        self._ranges: dict[tuple[int, int], Ranges] = {}
        self.error: RecordingBroken | None = None  #: what broke it off

    @property
    def events(self) -> int:
        """How many events it has, at most; 0 where that can't be read."""
        try:
            return int(self.capture.ask("SELECT max(id) FROM events") or 0)
        except RecordingBroken:
            return 0

    def told(self, which: int) -> Iterator[Told]:
        """Its events, as far as they can be read. Raises RecordingUnreadable."""
        try:
            yield from self._told(which)
        except RecordingBroken as error:
            self.error = error

    def _told(self, which: int) -> Iterator[Told]:
        moment = 0
        with reading(self.capture.db, self.capture.path):
            for connection, direction, kind, at_ns, start, data in self.capture.db.execute(_EVENTS):
                began = self._began[connection] if connection in self._began else self._begin(connection)
                if direction not in _SIDES or type(data) is not bytes:
                    raise Contradiction
                if began is not None:
                    moment = max(moment, began + at_ns)
                    if kind == SEGMENT and self._chosen and direction in SIDES:
                        for piece in self._pieces(connection, direction, start, data):
                            yield moment, which, connection, direction, kind, at_ns, piece
                    else:
                        yield moment, which, connection, direction, kind, at_ns, data
                if kind == END:
                    self._end(connection)
            if not self._chosen:
                for (connection,) in self.capture.db.execute(_BARE).fetchall():
                    yield moment, which, connection, 0, -1, 0, b""

    def _begin(self, connection: int) -> int | None:
        found = self.capture.db.execute("SELECT began FROM connections WHERE number = ?", (connection,)).fetchone()
        wanted = found and (not self._chosen or self._chosen.has(connection))
        self._began[connection] = began = found[0] if wanted else None
        return began

    def _end(self, connection: int) -> None:
        self._began.pop(connection, None)
        for direction in SIDES:
            self._ranges.pop((connection, direction), None)

    def _pieces(self, connection: int, direction: int, start: int, data: bytes) -> Iterator[bytes]:
        assert self._chosen
        ranges = self._ranges.get((connection, direction))
        if ranges is None:
            ranges = self._chosen.ranges(connection, SIDES[direction])
            self._ranges[connection, direction] = ranges
        for first, stop in ranges.within(start, start + len(data)):
            yield data[first - start : stop - start]


def copy(originals: Iterable[Original], sink: Gatherer, progress: Callable[[int, int], None] | None = None) -> None:
    """Append `originals` to `sink`; `progress` is told how many events were read, of how many. One that is damaged has
    an `error` then, and what comes before that is copied. Raises RecordingUnreadable, SaveFailed."""
    all_of_them = list(originals)
    whole = sum(original.events for original in all_of_them) if progress else 0
    numbers: dict[tuple[int, int], int] = {}  # what those that have not ended are called by the sink
    streams = [original.told(which) for which, original in enumerate(all_of_them)]
    # Within a capture the order is that of its events, whatever their clock: only the moment is compared.
    events = merge(*streams, key=lambda event: event[0]) if len(streams) > 1 else streams[0]
    for done, (_, which, connection, direction, kind, at_ns, data) in enumerate(events):
        number = numbers.get((which, connection))
        if number is None:
            number = numbers[which, connection] = sink.open(all_of_them[which].capture.facts(connection))
        if kind >= 0:
            sink.copy(number, at_ns, direction, kind, data)
        if kind == END:
            del numbers[which, connection]
        if progress and not done % 1000:
            progress(done, max(done, whole))
