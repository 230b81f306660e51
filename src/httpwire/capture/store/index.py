"""The index of a capture: its exchanges, read from its events.

In: the events that came since the last time, in the order in which they were written. Out: a row for each
exchange. A number is given when the exchange shows itself, so that reading all events again
gives the same ones. Of a connection that goes on, the place behind its last finished exchange is
remembered: nothing is read twice as long as this process lives, and little after that.
"""

from __future__ import annotations

import re
import sqlite3
from bisect import bisect_right
from collections import deque

from httpwire.capture.answers import asked_of
from httpwire.capture.model import Ending, missing
from httpwire.capture.store.schema import (
    END,
    ENDED,
    GAP,
    INDEX,
    SEGMENT,
    SENT_ALL,
    Contradiction,
    asked_for,
    make_index,
    reading,
    writing,
)
from httpwire.wire.deviations import OCTETS_MISSING, TLS_TRUNCATED
from httpwire.wire.element import Direction
from httpwire.wire.exchange import Conversation, Exchange, Outcome
from httpwire.wire.framing import Kind

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

    from httpwire.wire.head import Head
    from httpwire.wire.message import Message

    #: The first octet that is missing, and the next one that is there.
    Hole = tuple[int, int]
    #: The offset behind octets that were not captured, how many these are, and how many all of them up to there.
    Gap = tuple[int, int, int]
    #: The values of a row of `exchanges`.
    Row = tuple[object, ...]

UNDER_WAY = "under way"
_LATEST = (1 << 63) - 1  # ns: what SQLite can hold
_EVENTS = 5_000  # that are read at once
_SMALL = 65536  # octets of an event of which the first are read along with it; of larger ones perhaps none have to be
_FIRST = 8192  # octets: where a head is, it is mostly in them
_MEDIA_TYPE = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+/[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_TOGETHER = 500  # connections that are looked up at once
_ENDLESS = 1 << 40  # octets: no length that is announced, but all that comes
_REQUEST = re.compile(rb"[A-Z][A-Z-]{1,20} (?:/|\*|[a-z]+://|[^ /]+:[0-9]+ )")  # how what follows a gap can be known
_READ = f"""
SELECT id, connection, direction, kind, at, start, length(data),
CASE WHEN length(data) <= {_SMALL} THEN substr(data, 1, {_FIRST}) END FROM events
"""
_NEW = f"{_READ} WHERE id > ? ORDER BY id LIMIT {_EVENTS}"
_AGAIN = f"{_READ} WHERE connection = ? AND +id > ? AND +id <= ? ORDER BY id"
_ALL = f"{_READ} WHERE connection = ? ORDER BY id"
_BEGUN = """
SELECT connections.number, began, event FROM connections LEFT JOIN resume ON resume.connection = connections.number
"""
_COLUMNS = INDEX["exchanges"].count(" NOT NULL") + 4  # with the number and the three times that may be null
_KEEP = f"INSERT OR REPLACE INTO exchanges VALUES ({', '.join('?' * _COLUMNS)})"


class _Open:
    """A connection that has not ended, as far as it was read."""

    def __init__(self, connection: int, began_ns: int) -> None:
        self.connection = connection
        self.began_ns = began_ns
        self.conversation = Conversation()
        self.sent = self.received = 0  # octets
        self.request_stop = self.response_stop = 0  # those of exchanges that are over
        self.holes: tuple[deque[Hole], deque[Hole]] = (deque(), deque())  # where octets of each direction were removed
        self.gaps: tuple[list[Gap], list[Gap]] = ([], [])  # of each direction, where the conversation goes on behind it
        self.adrift = False  # octets were not captured, and nothing is read before the next request begins
        self.numbers: deque[int] = deque()  # of exchanges that are under way
        self.known: deque[int] = deque()  # numbers that were given before, where it is read again
        self.counted = 0  # exchanges that have a number
        self.last: Row | None = None  # the row of the last exchange that is over
        self.resume = (0, 0, 0, 0)  # event, octets of both directions, the last number
        self.sent_all = False
        self.ending = Ending.UNSEEN

    @property
    def quiet(self) -> bool:
        """Whether nothing is under way, and nothing was told that has to be known until the end."""
        over = self.request_stop == self.sent and self.response_stop == self.received
        told = self.sent_all or self.ending is not Ending.UNSEEN or self.conversation.extra is not None
        return over and not self.numbers and not told and not self.adrift

    def stored(self, direction: int, offset: int) -> int:
        """The offset in the file of one in the conversation, which counts octets that were not captured."""
        return offset - self.missing(direction, 0, offset)

    def missing(self, direction: int, start: int, stop: int) -> int:
        """How many octets between two offsets were not captured."""
        return self._missing_before(direction, stop) - self._missing_before(direction, start)

    def _missing_before(self, direction: int, offset: int) -> int:
        gaps = self.gaps[direction]
        place = bisect_right(gaps, (offset, _ENDLESS, 0))
        return gaps[place - 1][2] if place else 0

    def has_gap(self, direction: int, message: Message) -> bool:
        """Whether octets of a message were not captured."""
        gaps = self.gaps[direction]
        place = bisect_right(gaps, (message.start, _ENDLESS, 0))
        return place < len(gaps) and gaps[place][0] <= message.stop

    def begin_anew(self) -> None:
        """Read on behind the octets so far, which belong to what was before."""
        self.conversation = Conversation()
        self.conversation.resume(self.sent, self.received, opened=1)
        self.counted = 1
        for gaps in self.gaps:
            gaps.clear()

    def pass_by(self, direction: int, count: int) -> None:
        """So many octets went in a direction."""
        if direction:
            self.received += count
        else:
            self.sent += count

    def leave_out(self, direction: int, start: int) -> None:
        """The octets of a direction go on at `start`: exchanges that were before it have been removed."""
        side = Direction.RESPONSE if direction else Direction.REQUEST
        reached = self.received if direction else self.sent
        self.holes[direction].append((reached, start))
        self.conversation.leave_out(side, start - reached)
        self.counted = max(self.counted, 1)
        self.pass_by(direction, start - reached)


class Index:
    """Keeps the index of the capture `db` at `path` up to date. `writable`: in the file, for all; else for this process
    alone; `anew`: there beside what is in the file, and of all events."""

    def __init__(self, db: sqlite3.Connection, path: str, *, writable: bool, anew: bool = False) -> None:
        self._db = db
        self._path = path
        self._open: dict[int, _Open] = {}
        self._touched: dict[int, _Open] = {}
        self._gone: list[int] = []
        self._rows: dict[int, Row] = {}
        self._void: list[tuple[int, int]] = []
        self._begun: dict[int, tuple[int, int | None]] = {}  # when connections began, and where they are to be resumed
        self._removed: list[tuple[int, int]] = []  # numbers of exchanges that are no more: first and last
        self._at = (-1, -1)  # the last event that was read, and the generation of the index
        self._next = 0
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
        db = self._db
        after, strange = self._next, False
        self._look_up_removed()
        for connection in connections:
            state = self._begin_again(connection)
            for event, _, direction, kind, *what in db.execute(_ALL, (connection,)):
                self._take(state, event, direction, kind, *what)
                if kind == END:
                    self._finish(state)
                    break
                if state.quiet:
                    state.resume = event, state.sent, state.received, self._number_before(state)
                if len(self._rows) > _EVENTS:
                    self._put()
                    self._rows.clear()
            else:
                self._touched[connection] = state
                self._sketch(state)
            strange = strange or bool(state.known)
            self._put()
            self._forget()
        last = db.execute("SELECT ifnull(max(id), 0) FROM events").fetchone()[0]
        db.execute("UPDATE progress SET indexed = ?, generation = generation + 1", (last,))
        if strange or self._next != after:  # what is left reads as something else: numbers are given anew
            self.rebuild()
            self.update()

    def _begin_again(self, connection: int) -> _Open:
        db = self._db
        (began,) = db.execute("SELECT began FROM connections WHERE number = ?", (connection,)).fetchone()
        state = self._open[connection] = _Open(connection, began)
        state.known.extend(self._numbers_of(connection, 0))
        for table in ("exchanges", "voids", "resume"):
            db.execute(f"DELETE FROM {table} WHERE connection = ?", (connection,))
        return state

    def _progress(self) -> tuple[int, int]:
        indexed, generation = self._db.execute("SELECT indexed, generation FROM progress").fetchone()
        return indexed, generation

    def _read_some(self) -> int:
        """Read some events; gives how many there were."""
        progress = self._progress()
        if progress != self._at:  # another process was here
            self._open.clear()
            self._at = progress
            self._next = self._db.execute("SELECT next FROM progress").fetchone()[0]
            self._look_up_removed()
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
        done = 0
        try:
            for row in rows:
                self._read_one(*row)
                done = row[0]
        except sqlite3.DatabaseError:
            if done:
                self._commit(done)
            raise
        if rows:
            self._commit(done)
        return len(rows)

    def _read_one(
        self, event: int, connection: int, direction: int, kind: int, at: int, start: int, size: int, data: bytes | None
    ) -> None:
        state = self._open.get(connection) or self._begin(connection)
        if state is None:
            return
        self._touched[connection] = state
        self._take(state, event, direction, kind, at, start, size, data)
        if kind == END:
            self._finish(state)
        elif kind == SEGMENT and state.quiet:
            state.resume = event, state.sent, state.received, self._number_before(state)

    def _look_up(self, connections: set[int]) -> None:
        """Ask for what `_begin` has to know of connections, of many at once."""
        numbers = sorted(connections)
        self._begun.clear()
        for first in range(0, len(numbers), _TOGETHER):
            some = numbers[first : first + _TOGETHER]
            query = f"{_BEGUN} WHERE connections.number IN ({', '.join('?' * len(some))})"
            self._begun.update((number, (began, event)) for number, began, event in self._db.execute(query, some))

    def _look_up_removed(self) -> None:
        self._removed = self._db.execute("SELECT first, last FROM removed ORDER BY first").fetchall()

    def _begin(self, connection: int) -> _Open | None:
        """The connection, read up to where the index is. None where the file does not know it."""
        db = self._db
        if connection not in self._begun:
            return None
        began, event = self._begun[connection]
        state = self._open[connection] = _Open(connection, began)
        if event is None:
            return state
        _, event, sent, received, number = db.execute(
            "SELECT * FROM resume WHERE connection = ?", (connection,)
        ).fetchone()
        state.resume = event, sent, received, number
        state.sent = state.request_stop = sent
        state.received = state.response_stop = received
        state.conversation.resume(sent, received, opened=1 if number or sent or received else 0)
        state.counted = state.conversation.opened
        if number:
            state.last = db.execute("SELECT * FROM exchanges WHERE number = ?", (number,)).fetchone()
        state.known.extend(self._numbers_of(connection, number))
        for missed, _, *what in db.execute(_AGAIN, (connection, event, self._at[0])):
            self._take(state, missed, *what)
        return state

    def _numbers_of(self, connection: int, after: int) -> list[int]:
        """The numbers above `after` that were given to a connection, in order."""
        query = """SELECT number FROM exchanges WHERE connection = ?1 AND number > ?2
        UNION SELECT number FROM voids WHERE connection = ?1 AND number > ?2 ORDER BY number"""
        return [number for (number,) in self._db.execute(query, (connection, after))]

    def _take(
        self, state: _Open, event: int, direction: int, kind: int, at: int, start: int, size: int, data: bytes | None
    ) -> None:
        """Read one event."""
        if kind == SEGMENT and size:
            if start > (state.received if direction else state.sent):
                if state.adrift:
                    self._find_back(state)  # what was removed began with a request
                state.leave_out(direction, start)
            if state.adrift and not direction and self._begins(event, data):
                self._find_back(state)
            if state.adrift:
                state.pass_by(direction, size)
                return
            conversation = state.conversation
            side = Direction.RESPONSE if direction else Direction.REQUEST
            state.pass_by(direction, size)
            if data:
                conversation.came(side, data, at)
                size -= len(data)
            if size and conversation.opaque(side) >= size:
                conversation.skipped(side, size, at)
            elif size:
                rest = "SELECT substr(data, ?) FROM events WHERE id = ?"
                conversation.came(side, self._db.execute(rest, (len(data or b"") + 1, event)).fetchone()[0], at)
            self._take_over(state)
        elif kind == SENT_ALL:
            state.sent_all = True
            state.conversation.sent_all()
        elif kind == ENDED and data is not None and state.ending is Ending.UNSEEN:
            state.ending = _ending(data)
        elif kind == GAP and not state.adrift:
            self._miss(state, direction, missing(data or b""), at)

    def _miss(self, state: _Open, direction: int, count: int, at: int) -> None:
        """Octets were not captured: `count` of them, 0 where that is not known."""
        if not state.sent and not state.received:
            return  # nothing is known yet that could lack them
        conversation = state.conversation
        side = Direction.RESPONSE if direction else Direction.REQUEST
        opaque = conversation.opaque(side)
        if not opaque or count > opaque or (not count and opaque < _ENDLESS):
            self._end_all(state, cut=True, each=(OCTETS_MISSING.id,))
            state.begin_anew()
            state.adrift = True
            return
        gaps = state.gaps[direction]
        before = gaps[-1][2] if gaps else 0
        reached = (state.received if direction else state.sent) + before
        gaps.append((reached + count, count, before + count))
        if count:
            conversation.skipped(side, count, at)
            self._take_over(state)

    def _begins(self, event: int, data: bytes | None) -> bool:
        """Whether a request begins in a segment that follows octets that were not captured."""
        if data is None:
            first = f"SELECT substr(data, 1, {_FIRST}) FROM events WHERE id = ?"
            data = self._db.execute(first, (event,)).fetchone()[0]
        return bool(_REQUEST.match(data))

    def _find_back(self, state: _Open) -> None:
        """A request begins: what came before it belongs to the exchange before."""
        if state.last:
            self._rest(state, ())
            state.request_stop, state.response_stop = state.sent, state.received
        state.begin_anew()
        state.adrift = False

    def _take_over(self, state: _Open) -> None:
        """Number what has begun, and write down what is over."""
        if state.conversation.opened > state.counted:
            self._number(state)
        for exchange in state.conversation.take():
            self._row(state, exchange)

    def _number(self, state: _Open) -> None:
        """Give numbers to the exchanges that have begun; behind a tunnel there are none."""
        framing = state.conversation.framing
        tunnel = framing is not None and framing.kind is Kind.TUNNEL
        while state.counted < state.conversation.opened:
            state.counted += 1
            if not tunnel:
                state.numbers.append(state.known.popleft() if state.known else self._new_number())

    def _new_number(self) -> int:
        while (place := bisect_right(self._removed, (self._next, 1 << 63))) and self._removed[place - 1][
            1
        ] >= self._next:
            self._next = self._removed[place - 1][1] + 1
        self._next += 1
        return self._next - 1

    def _number_before(self, state: _Open) -> int:
        """The number of the last exchange of a quiet connection."""
        return state.last[0] if state.last else 0  # type: ignore[return-value]  # the first column

    def _row(self, state: _Open, exchange: Exchange, outcome: str = "", more: tuple[str, ...] = ()) -> None:
        """Write down what is known of an exchange."""
        number = state.numbers.popleft()
        state.request_stop = _behind(state.holes[0], state.request_stop)
        state.response_stop = _behind(state.holes[1], state.response_stop)
        request, response = exchange.request, exchange.response
        head = request.head if request else None
        content = request.octets if request else 0
        if not request and outcome:
            head = state.conversation.asking
        messages = exchange.responses
        sent = max(state.stored(0, request.stop) if request else 0, state.request_stop)
        start = state.response_stop
        received = max(state.stored(1, messages[-1].stop) if messages else 0, start)
        final = max(state.stored(1, response.start), start) if response else received
        came = response.octets if response else 0
        if any(state.gaps):
            if request:
                content -= state.missing(0, request.start, request.stop)
                more += (OCTETS_MISSING.id,) * state.has_gap(0, request)
            if response:
                came -= state.missing(1, response.start, response.stop)
            if any(state.has_gap(1, message) for message in messages):
                more += (OCTETS_MISSING.id,)
                outcome = outcome or Outcome.INCOMPLETE.value
        answer = response.head if response else None
        if outcome and not response:
            answer = state.conversation.answer
        began, request_ns, first, last = exchange.timing
        zero = min((moment for moment in (began, first) if moment is not None), default=0)
        method, target, host = asked_of(head)
        row: Row = (
            number,
            state.connection,
            state.request_stop,
            sent,
            start,
            final,
            received,
            content,
            came,
            _held(state.began_ns + zero),
            None if request_ns is None else _held(request_ns - zero),
            None if first is None else _held(first - zero),
            None if last is None else _held(last - zero),
            method.decode("latin-1"),
            head.line.target.decode("latin-1") if head else "",
            host.decode("latin-1"),
            answer.line.status if answer else 0,
            _type_of(answer),
            outcome or exchange.outcome.value,
            response.framing.rule.id if response and response.framing else "",
            _words((*(finding.deviation.id for finding in exchange.findings), *more)),
            asked_for(method.decode("latin-1"), target.decode("latin-1")),
        )
        self._rows[number] = state.last = row
        state.request_stop, state.response_stop = sent, received

    def _finish(self, state: _Open) -> None:
        """The connection has ended."""
        last = (TLS_TRUNCATED.id,) if state.ending is Ending.TLS_TRUNCATED else ()
        self._end_all(state, cut=not state.ending.ends_messages, last=last)
        self._gone.append(state.connection)
        del self._open[state.connection]
        self._touched.pop(state.connection, None)

    def _end_all(self, state: _Open, *, cut: bool, each: tuple[str, ...] = (), last: tuple[str, ...] = ()) -> None:
        """Nothing more comes of what is under way. `each` and `last` are ids of findings, for each exchange and for the
        last one."""
        conversation = state.conversation
        if not state.sent_all:
            conversation.sent_all()
        conversation.closed(cut=cut)
        self._number(state)
        exchanges = conversation.exchanges
        last = (*(finding.deviation.id for finding in conversation.findings), *last)
        for exchange in exchanges:
            if not state.numbers:
                state.numbers.append(self._new_number())
            self._row(state, exchange, more=(*each, *last) if exchange is exchanges[-1] else each)
        self._void += [(number, state.connection) for number in state.numbers]
        state.numbers.clear()
        if state.last:
            self._rest(state, () if exchanges else (*each, *last))

    def _rest(self, state: _Open, more: tuple[str, ...]) -> None:
        """What is left behind the last exchange is its, too."""
        assert state.last
        row = list(state.last)
        no_final = row[5] == row[6]
        row[3], row[6] = state.sent, state.received
        if no_final and not row[16]:
            row[5] = row[6]
        row[20] = _words((*str(row[20]).split(), *more))
        self._rows[row[0]] = tuple(row)  # type: ignore[index]  # the number

    def _commit(self, event: int) -> None:
        """Put what was found into the file, unless another process has been faster."""
        for state in self._touched.values():
            self._sketch(state)
        with writing(self._db):
            if self._progress() == self._at:
                self._put()
                self._db.execute("UPDATE progress SET indexed = ?, next = ?", (event, self._next))
                self._at = event, self._at[1]
        self._forget()

    def _put(self) -> None:
        """Write what was found."""
        db = self._db
        db.executemany(_KEEP, self._rows.values())
        db.executemany("DELETE FROM exchanges WHERE number = ?", ((number,) for number, _ in self._void))
        db.executemany("INSERT OR REPLACE INTO voids VALUES (?, ?)", self._void)
        db.executemany("DELETE FROM resume WHERE connection = ?", ((number,) for number in self._gone))
        db.executemany(
            "INSERT OR REPLACE INTO resume VALUES (?, ?, ?, ?, ?)",
            ((state.connection, *state.resume) for state in self._touched.values()),
        )

    def _forget(self) -> None:
        self._rows.clear()
        self._touched.clear()
        self._void.clear()
        self._gone.clear()

    def _sketch(self, state: _Open) -> None:
        """A row for each exchange that is under way, as far as it is known."""
        if state.adrift and state.last:
            self._rest(state, ())
        if not state.numbers:
            return
        numbers, before = state.numbers.copy(), (state.request_stop, state.response_stop, state.last)
        holes = state.holes[0].copy(), state.holes[1].copy()
        for exchange in state.conversation.exchanges:
            if not state.numbers:
                break
            self._row(state, exchange, UNDER_WAY)
        self._void += [(number, state.connection) for number in state.numbers]
        if state.last is not before[2]:
            self._rest(state, ())
        state.numbers, state.holes = numbers, holes
        state.request_stop, state.response_stop, state.last = before


def _behind(holes: deque[Hole], offset: int) -> int:
    """Where the octets go on that ended at `offset`."""
    while holes and holes[0][0] <= offset:
        offset = max(offset, holes.popleft()[1])
    return offset


def _ending(data: bytes) -> Ending:
    """Why no more octets came, as a file says; UNSEEN where it says what is not known here."""
    try:
        return Ending(data.decode("ascii", "replace"))
    except ValueError:
        return Ending.UNSEEN


def _held(ns: int) -> int:
    """A time that SQLite can hold: in a file that was made to do harm a sum may be larger."""
    return ns if -_LATEST <= ns <= _LATEST else max(-_LATEST, min(ns, _LATEST))


def _type_of(answer: Head | None) -> str:
    """The media type, without parameters, of an answer with this head."""
    values = answer.values(b"content-type") if answer else []
    found = _MEDIA_TYPE.match(values[0]) if values else None
    return found[0].decode("ascii").lower() if found else ""


def _words(ids: tuple[str, ...]) -> str:
    """Ids, each once, with a blank before and behind each; empty where there are none."""
    return f" {' '.join(dict.fromkeys(ids))} " if ids else ""
