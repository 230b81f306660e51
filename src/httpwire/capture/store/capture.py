"""A capture file, to be read: its exchanges by number, their octets, and the events of its connections.

In: the path of a NAME.hwire. Out: Entries, in the order of their numbers; the octets of a message as
an Outgoing, read from the file as they are asked for; WireEvents. Others may append meanwhile.
"""

from __future__ import annotations

import errno
import os
from heapq import merge
from itertools import product

from httpwire.capture.model import TlsFacts, WireEvent, missing
from httpwire.capture.raw import Outgoing
from httpwire.capture.store.entry import Entry
from httpwire.capture.store.index import Index
from httpwire.capture.store.schema import (
    DIRECTIONS,
    KINDS,
    Contradiction,
    damaged,
    may_write,
    open_for_reading,
    reading,
)
from httpwire.capture.traffic import ConnectionFacts
from httpwire.errors import OutputUnwritable, RecordingUnreadable
from httpwire.language import N_
from httpwire.wire.deviations import OCTETS_MISSING
from httpwire.wire.element import Direction

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from typing import Any, Self

_KINDS = {number: kind for kind, number in KINDS.items()}
_DIRECTIONS = {number: direction for direction, number in DIRECTIONS.items()}
_EXCHANGE = (
    "SELECT number, connection, request_start, request_stop, response_start, final_start, response_stop, "
    "request_content, response_content, began, request_ns, response_ns, ended_ns, method, target, host, status, "
    "type, outcome, rule, findings FROM exchanges"
)
#: What the values of a row of exchanges are.
_TYPES = {
    (*(int,) * 10, *moments, str, str, str, int, str, str, str, str) for moments in product((int, type(None)), repeat=3)
}
_EVENTS = "SELECT id, at, direction, kind, data FROM events WHERE connection = ? AND direction = ? ORDER BY start, id"
_REACHED = """
SELECT at, start + length(data) FROM events WHERE connection = ? AND direction = ? AND kind = 0
AND start + length(data) > ? AND start < ? AND start >= ifnull((
    SELECT max(start) FROM events WHERE connection = ? AND direction = ? AND kind = 0 AND start <= ?
), 0) ORDER BY start, id
"""
_MILESTONES = "SELECT at, direction, kind, data FROM events WHERE connection = ? AND kind <> 0 ORDER BY id"
_GAPS = """
SELECT start, data FROM events WHERE connection = ? AND direction = ? AND kind = 8 AND start BETWEEN ? AND ?
ORDER BY start, id
"""
_FROM = """
SELECT start, data FROM events WHERE connection = ? AND direction = ? AND kind = 0
AND start >= ifnull((
    SELECT max(start) FROM events WHERE connection = ? AND direction = ? AND kind = 0 AND start <= ?
), 0) ORDER BY start, id
"""
_FEW = 16 << 10  # octets of a direction
_PIECES = """
SELECT number, start, data FROM exchanges AS of CROSS JOIN events WHERE events.connection = of.connection
AND direction = {0} AND kind = 0 AND start < of.{1}_stop AND start >= ifnull((
    SELECT max(start) FROM events WHERE connection = of.connection AND direction = {0} AND kind = 0
    AND start <= of.{1}_start
), 0) AND number IN ({2}) ORDER BY number, start, id
"""


class Capture:
    """The capture at `path`; a context manager. It reads what was in the file when each call began."""

    def __init__(self, path: str) -> None:
        """Open it. Raises RecordingUnreadable (no capture, damaged, a newer format)."""
        self.path = path
        self.db, self.writable, self._whole = open_for_reading(path)
        try:
            with reading(self.db, path):
                self.index = Index(self.db, path, writable=self.writable, anew=not self._whole)
        except BaseException:
            self.db.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        self.db.close()

    def check_writable(self) -> None:
        """Raises OutputUnwritable where it can't be written, RecordingBroken where a part of the file is gone."""
        if not self._whole:
            raise damaged(self.path, N_("a part of it is missing"))
        if not self.writable:
            code = errno.ENOSPC if may_write(self.path) else errno.EACCES
            raise OutputUnwritable(path=self.path, why=os.strerror(code), errno=code)

    def update(self) -> None:
        """Bring the index up to date with the events, as far as no other process has. What follows sees it.

        Raises RecordingUnreadable, RecordingBroken."""
        self.index.update()

    def facts(self, connection: int) -> ConnectionFacts:
        """What is known of a connection. Raises RecordingUnreadable, RecordingBroken, as all that follow."""
        found = next(self._rows("SELECT * FROM connections WHERE number = ?", (connection,)), None)
        if not found:
            why = N_("it lacks a connection of its own")
            raise RecordingUnreadable(path=self.path, why=why, errno=None)
        with reading(self.db, self.path):
            return _facts(found)

    def reconstructed(self, connections: Iterable[int]) -> dict[int, ConnectionFacts]:
        """Of these (some hundred) connections those whose octets are not all the wire's, with what is known of them."""
        numbers = tuple(connections)
        asked = f"number IN ({', '.join('?' * len(numbers))})"
        rows = self._rows(f"SELECT * FROM connections WHERE reconstructed != '' AND {asked}", numbers)
        with reading(self.db, self.path):
            return {row[0]: _facts(row) for row in rows}

    def connections(self, *, by_time: bool = False) -> Iterator[int]:
        """The numbers of all connections, in order, or in that in which they began."""
        order = "began, number" if by_time else "number"
        return (number for (number,) in self._rows(f"SELECT number FROM connections ORDER BY {order}"))

    def events(self, connection: int) -> Iterator[WireEvent]:
        """What happened on a connection, in order; `at_ns` is ns since it began. Events of kinds that a newer httpwire
        wrote are left out."""
        sides = (self._rows(_EVENTS, (connection, direction)) for direction in _DIRECTIONS)
        with reading(self.db, self.path):
            for _, at_ns, direction, kind, data in merge(*sides):
                if type(data) is not bytes:
                    raise Contradiction
                if kind in _KINDS:
                    yield WireEvent(at_ns, _DIRECTIONS[direction], _KINDS[kind], data)

    def milestones(self, connection: int) -> Iterator[WireEvent]:
        """What happened on a connection beside its octets, as `events` tells it; no octet is read for it."""
        with reading(self.db, self.path):
            for at_ns, direction, kind, data in self._rows(_MILESTONES, (connection,)):
                if direction not in _DIRECTIONS or type(data) is not bytes:
                    raise Contradiction
                if kind in _KINDS:
                    yield WireEvent(at_ns, _DIRECTIONS[direction], _KINDS[kind], data)

    def exchanges(self, where: str = "", values: Iterable[object] = ()) -> Iterator[Entry]:
        """The exchanges in order of number, of those for which the SQL expression `where` holds, with its `values`."""
        condition = f" WHERE {where}" if where else ""
        with reading(self.db, self.path):
            for row in self._rows(f"{_EXCHANGE}{condition} ORDER BY number", tuple(values)):
                if tuple(map(type, row)) not in _TYPES:
                    raise Contradiction
                yield tuple.__new__(Entry, (*row[:-1], tuple(row[-1].split())))  # as Entry would: there may be millions

    def count(self, where: str = "", values: Iterable[object] = ()) -> int:
        """How many exchanges there are, of those for which `where` holds, as in `exchanges`."""
        condition = f" WHERE {where}" if where else ""
        return int(self.ask(f"SELECT count(*) FROM exchanges{condition}", tuple(values)))

    @property
    def last(self) -> int:
        """The highest number of an exchange; 0 where there is none."""
        return self.ask("SELECT max(number) FROM exchanges") or 0

    def entry(self, number: int) -> Entry | None:
        """The exchange with that number; None where there is none."""
        return next(self.exchanges("number = ?", (number,)), None)

    def octets(self, entry: Entry, direction: Direction) -> Outgoing:
        """The octets of one direction of an exchange; to be read while the capture is open."""
        start, stop = entry.place(direction)
        name = f"{self.path}#{entry.number}.{direction.value}"
        return Outgoing(_Stored(self, entry.connection, direction, start, stop), name)

    def small(self, entries: Sequence[Entry]) -> dict[int, dict[Direction, bytes]]:
        """The octets of those of `entries` (some hundred, in order) that have few, by their numbers: asked for together
        they cost a tenth. Raises RecordingUnreadable, RecordingBroken."""
        few = {
            entry.number: entry
            for entry in entries
            if max(entry.request_stop - entry.request_start, entry.response_stop - entry.response_start) <= _FEW
        }
        found: dict[int, dict[Direction, list[bytes]]] = {
            number: {direction: [] for direction in Direction} for number in few
        }
        for direction in Direction:
            which = _PIECES.format(DIRECTIONS[direction], direction.value, ", ".join("?" * len(few)))
            with reading(self.db, self.path):
                for number, start, data in self.db.execute(which, tuple(few)):
                    if type(data) is not bytes:
                        raise Contradiction
                    first, stop = few[number].place(direction)
                    found[number][direction].append(data[max(first - start, 0) : max(stop - start, 0)])
        return {number: {side: b"".join(pieces) for side, pieces in sides.items()} for number, sides in found.items()}

    def gaps(self, entry: Entry, direction: Direction) -> tuple[tuple[int, int], ...]:
        """Where octets were not captured in one direction of an exchange: the offset in what there is of it, before
        which they are missing, and how many (0: not known)."""
        if OCTETS_MISSING.id not in entry.findings:
            return ()
        start, stop = entry.place(direction)
        where = (entry.connection, DIRECTIONS[direction], start, stop)
        return tuple((offset - start, missing(data)) for offset, data in self._rows(_GAPS, where))

    def times(self, entry: Entry) -> tuple[tuple[float, int], ...]:
        """When the octets of the answer came: (seconds after the request was out, offset reached), in order."""
        began_ns = self.facts(entry.connection).began_ns
        out_ns = entry.began_ns - began_ns + (entry.request_ns or 0)
        found: list[tuple[float, int]] = []
        where = (entry.connection, DIRECTIONS[Direction.RESPONSE], entry.response_start, entry.response_stop)
        for at_ns, stop in self._rows(_REACHED, (*where, *where[:3])):
            since = max((at_ns - out_ns) / 1e9, found[-1][0] if found else 0.0)
            found.append((since, min(stop, entry.response_stop) - entry.response_start))
        return tuple(found)

    def segments(self, connection: int, direction: Direction, start: int = 0) -> Iterator[tuple[int, bytes]]:
        """The octets of one direction, from the segment on that holds offset `start`: each with its own offset."""
        side = DIRECTIONS[direction]
        return self._rows(_FROM, (connection, side, connection, side, start))

    def ask(self, query: str, values: tuple[object, ...] = ()) -> Any:
        """The one value that an SQL query gives."""
        return next(self._rows(query, values))[0]

    def _rows(self, query: str, values: tuple[object, ...] = ()) -> Iterator[Any]:
        with reading(self.db, self.path):
            cursor = self.db.execute(query, values)
            yield from (row for row in cursor)  # a cursor would be closed with it, perhaps after its database


class _Stored:
    """Octets `start` up to `stop` of one direction of a connection."""

    fd: int | None = None

    def __init__(self, capture: Capture, connection: int, direction: Direction, start: int, stop: int) -> None:
        self.octets = stop - start
        self._capture = capture
        self._where = connection, direction
        self._start = start
        self._held = (0, b"")  # the last segment that was read
        self._segments: Iterator[tuple[int, bytes]] = iter(())

    def read_at(self, offset: int, count: int) -> bytes:
        """What one segment has of the octets from `offset` on. Raises RecordingUnreadable, RecordingBroken."""
        with reading(self._capture.db, self._capture.path):
            return self._read_at(offset, count)

    def _read_at(self, offset: int, count: int) -> bytes:
        wanted = self._start + offset
        start, data = self._held
        if not start <= wanted < start + len(data):
            if wanted != start + len(data) or not data:
                self._segments = self._capture.segments(*self._where, wanted)
            start, data = next(
                ((start, data) for start, data in self._segments if start + len(data) > wanted), (0, b"")
            )
            self._held = start, data
        return data[wanted - start : wanted - start + count] if start <= wanted else b""

    def close(self) -> None:
        self._segments = iter(())


def _facts(row: tuple[Any, ...]) -> ConnectionFacts:
    _, began, client, server, target, version, cipher, alpn, verified, name, secrets, origin, reconstructed = row
    tls = None if version is None else TlsFacts(version, cipher, alpn, verified=bool(verified))
    return ConnectionFacts(
        began,
        client=client,
        server=server,
        target=target,
        tls=tls,
        name=name,
        secrets=secrets,
        origin=origin,
        reconstructed=tuple(reconstructed.split()),
    )
