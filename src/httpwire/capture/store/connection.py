"""One connection, as the index reads it: its events in, a row for each of its exchanges out.

In: events in the order in which they were written, of which large ones need not be at hand. Out: rows in a Ledger. A
number is given when an exchange shows itself, so that reading all events again gives the same ones. Most exchanges
are plain: a request in one piece, an answer whose head is in one piece and whose length is known. They
take the short way; whatever else comes goes through a Conversation, which says what everything means.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import deque

from httpwire.capture.answers import asked_of
from httpwire.capture.model import Ending, missing
from httpwire.capture.store.schema import ENDED, GAP, SEGMENT, SENT_ALL, asked_for
from httpwire.wire import grammar
from httpwire.wire.deviations import OCTETS_MISSING, TLS_TRUNCATED
from httpwire.wire.element import Direction
from httpwire.wire.exchange import Conversation, Exchange, Outcome
from httpwire.wire.framing import Kind
from httpwire.wire.plain import plain_request, plain_response

TYPE_CHECKING = False
if TYPE_CHECKING:
    import sqlite3
    from typing import Any

    from httpwire.wire.head import Head
    from httpwire.wire.message import Message
    from httpwire.wire.plain import Request, Response

    #: The first octet that is missing, and the next one that is there.
    Hole = tuple[int, int]
    #: The offset behind octets that were not captured, how many these are, and how many all of them up to there.
    Gap = tuple[int, int, int]
    #: A plain request: its octets, when they went (ns since the connection began), what is told of it.
    _Asked = tuple[bytes, int, Request]
    #: The values of a row of `exchanges`.
    Row = tuple[Any, ...]

UNDER_WAY = "under way"
FIRST = 8192  # octets of an event that are read along with it: where a head is, it is mostly in them
_LATEST = (1 << 63) - 1  # ns: what SQLite can hold
_LARGEST = (1 << 31) - 1  # octets: likewise
_ENDLESS = 1 << 40  # octets: no length that is announced, but all that comes
_REQUEST = re.compile(rb"[A-Z][A-Z-]{1,20} (?:/|\*|[a-z]+://|[^ /]+:[0-9]+ )")  # how what follows a gap can be known
_COMPLETE = Outcome.COMPLETE.value


class Ledger:
    """What the connections of one capture share while they are read: the `rows` of their exchanges by number, pairs of
    `void` numbers, which no exchange has, and connections; the `next` number, unless it is one of the `removed` (first
    and last of each run, in order)."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        self.rows: dict[int, Row] = {}
        self.void: list[tuple[int, int]] = []
        self.removed: list[tuple[int, int]] = []
        self.next = 0

    def new_number(self) -> int:
        """A number that no exchange had."""
        removed = self.removed
        while (place := bisect_right(removed, (self.next, _LATEST))) and removed[place - 1][1] >= self.next:
            self.next = removed[place - 1][1] + 1
        self.next += 1
        return self.next - 1

    def octets(self, event: int, start: int, count: int = _LARGEST) -> bytes:
        """At most `count` octets of an event's data, from `start` on. Raises sqlite3.Error."""
        octets = self._db.execute("SELECT substr(data, ?, ?) FROM events WHERE id = ?", (start + 1, count, event))
        found: bytes = octets.fetchone()[0]
        return found


class Connection:
    """The connection called `number` in the file, which began at `began_ns` (ns since 1970), as far as it was read."""

    def __init__(self, ledger: Ledger, number: int, began_ns: int) -> None:
        self.number = number
        self.resume = (0, 0, 0, 0)  #: event, octets of both directions, the last number: nothing is under way behind it
        self.last: Row | None = None  #: the row of the last exchange that is over
        self.known: deque[int] = deque()  #: numbers that were given before, where it is read again
        self.kept = False  #: the file has where to resume it
        self._ledger = ledger
        self._began_ns = began_ns
        self._sent = self._received = 0  # octets
        self._request_stop = self._response_stop = 0  # those of exchanges that are over
        self._sent_all = False
        self._ending = Ending.UNSEEN
        self._numbers: deque[int] = deque()  # of exchanges that are under way
        self._counted = 0  # exchanges that have a number; without a conversation 1 stands for any
        self._conversation: Conversation | None = None  # None: nothing is under way, or what is plain
        self._asked: _Asked | None = None  # without a conversation: what is under way
        self._answer: _Answer | None = None
        self._holes: tuple[deque[Hole], deque[Hole]] = (deque(), deque())  # where octets of each direction were removed
        self._gaps: tuple[list[Gap], list[Gap]] = ([], [])  # of each direction, where the conversation goes on behind
        self._adrift = False  # octets were not captured, and nothing is read before the next request begins

    def go_on(self, event: int, sent: int, received: int, last: Row | None) -> None:
        """Begin behind an event, so many octets of each direction, and the exchange `last`."""
        self.kept = True
        self.resume = event, sent, received, last[0] if last else 0
        self._sent = self._request_stop = sent
        self._received = self._response_stop = received
        self._counted = 1 if last or sent or received else 0
        self.last = last

    def take(self, event: int, direction: int, kind: int, at: int, start: int, size: int, data: bytes | None) -> None:
        """Read one event, as its row has it: `size` are the octets of its data, `data` the first of them, or None."""
        if kind == SEGMENT:
            if size:
                if self._conversation or not self._take_plain(direction, at, start, size, data):
                    self._segment(event, direction, at, start, size, data)
                if self._is_quiet():
                    self.resume = event, self._sent, self._received, self.last[0] if self.last else 0
        elif kind == SENT_ALL:
            self._sent_all = True
            if self._conversation:
                self._conversation.sent_all()
        elif kind == ENDED and data is not None and self._ending is Ending.UNSEEN:
            self._ending = _ending(data)
        elif kind == GAP and not self._adrift:
            self._miss(direction, missing(data or b""), at)

    def finish(self) -> None:
        """The connection has ended."""
        last = (TLS_TRUNCATED.id,) if self._ending is Ending.TLS_TRUNCATED else ()
        if self._conversation or self._asked:
            self._end_all(cut=not self._ending.ends_messages, last=last)
        elif self.last and last:
            self._rest(last)

    def sketch(self) -> None:
        """A row for each exchange that is under way, as far as it is known."""
        if self._adrift and self.last:
            self._rest(())
        if not self._numbers:
            return
        numbers, before = self._numbers.copy(), (self._request_stop, self._response_stop, self.last)
        conversation = self._conversation or self._converse()
        holes = self._holes[0].copy(), self._holes[1].copy()
        for exchange in conversation.exchanges:
            if not self._numbers:
                break
            self._row(exchange, UNDER_WAY)
        self._ledger.void += [(number, self.number) for number in self._numbers]
        if self.last is not before[2]:
            self._rest(())
        self._numbers, self._holes = numbers, holes
        self._request_stop, self._response_stop, self.last = before

    # The short way.

    def _take_plain(self, direction: int, at: int, start: int, size: int, data: bytes | None) -> bool:
        """Take a segment of a plain exchange, if it is one: nothing was done where it is not."""
        asked, answer = self._asked, self._answer
        if answer:
            if not direction or start != self._received or size > answer.left or at < answer.last:
                return False
            answer.left -= size
            answer.came += size
            answer.last = at
            self._received += size
            if not answer.left and asked:
                self._plain_row(asked, answer.told, answer.first, at)
            return True
        if asked:
            if not direction or start != self._received or data is None:
                return False
            _, asked_at, (method, *_) = asked
            response = plain_response(data, method)
            left = response[2] + response[3] - size if response else -1
            if not response or left < 0 or not 0 <= asked_at <= at:
                return False
            self._received += size
            if left:
                kept = data[: max(FIRST, response[2])]  # no more is held of one that is under way
                self._answer = _Answer(response, kept, at, left, size - len(kept))
            else:
                self._plain_row(asked, response, at, at)
            return True
        if direction or start != self._sent or data is None or len(data) < size:
            return False
        if self._sent_all or self._ending is not Ending.UNSEEN or self._adrift:
            return False
        request = plain_request(data)
        if not request:
            return False
        self._asked = data, at, request
        self._sent += size
        self._counted = 1
        self._numbers.append(self.known.popleft() if self.known else self._ledger.new_number())
        return True

    def _plain_row(self, asked: _Asked, response: Response, first: int, last: int) -> None:
        """Write down an exchange that went the short way, as `_row` would. The answer came from `first` to `last`."""
        _, at, (method, target, host, _, asked_with) = asked
        status, kind, _, content, rule = response
        media = grammar.MEDIA_TYPE.match(kind)
        number = self._numbers.popleft()
        row: Row = (
            number,
            self.number,
            self._request_stop,
            self._sent,
            self._response_stop,
            self._response_stop,
            self._received,
            asked_with,
            content,
            _held(self._began_ns + at),
            0,
            first - at,
            last - at,
            method.decode("latin-1"),
            target.decode("latin-1"),
            host.decode("latin-1"),
            status,
            media[0].decode("latin-1") if media else "",
            _COMPLETE,
            rule.id,
            "",
            asked_for(method, target),
        )
        self._request_stop, self._response_stop = self._sent, self._received
        self._ledger.rows[number] = self.last = row
        self._asked = self._answer = None

    def _converse(self) -> Conversation:
        """Leave the short way: a conversation, told what went that way."""
        conversation = self._conversation = Conversation()
        conversation.resume(self._request_stop, self._response_stop, opened=self._counted)
        asked, answer = self._asked, self._answer
        self._asked = self._answer = None
        if asked:
            octets, at, _ = asked
            conversation.sent(octets, at)
            self._counted = conversation.opened
        if self._sent_all:
            conversation.sent_all()
        if answer:
            conversation.received(answer.data, answer.first)
            if answer.came:
                conversation.skipped(Direction.RESPONSE, answer.came, answer.last)
        return conversation

    # Everything else.

    def _is_quiet(self) -> bool:
        """Whether nothing is under way, and nothing was told that has to be known until the end. Then there is no more
        conversation."""
        if self._numbers or self._request_stop != self._sent or self._response_stop != self._received:
            return False
        if self._sent_all or self._ending is not Ending.UNSEEN or self._adrift:
            return False
        if self._conversation:
            if self._conversation.extra is not None:
                return False
            self._conversation = None
            self._counted = min(self._counted, 1)
            for gaps in self._gaps:
                gaps.clear()
        return True

    def _segment(self, event: int, direction: int, at: int, start: int, size: int, data: bytes | None) -> None:
        conversation = self._conversation or self._converse()
        if start > (self._received if direction else self._sent):
            if self._adrift:
                conversation = self._find_back()  # what was removed began with a request
            self._leave_out(conversation, direction, start)
        if self._adrift and not direction:
            first = self._ledger.octets(event, 0, FIRST) if data is None else data
            if _REQUEST.match(first):
                conversation = self._find_back()
        self._pass_by(direction, size)
        if self._adrift:
            return
        side = Direction.RESPONSE if direction else Direction.REQUEST
        if data:
            conversation.came(side, data, at)
            size -= len(data)
        if size and conversation.opaque(side) >= size:
            conversation.skipped(side, size, at)
        elif size:
            conversation.came(side, self._ledger.octets(event, len(data or b"")), at)
        self._take_over(conversation)

    def _pass_by(self, direction: int, count: int) -> None:
        if direction:
            self._received += count
        else:
            self._sent += count

    def _leave_out(self, conversation: Conversation, direction: int, start: int) -> None:
        """The octets of a direction go on at `start`: exchanges that were before it have been removed."""
        reached = self._received if direction else self._sent
        self._holes[direction].append((reached, start))
        conversation.leave_out(Direction.RESPONSE if direction else Direction.REQUEST, start - reached)
        self._counted = max(self._counted, 1)
        self._pass_by(direction, start - reached)

    def _begin_anew(self) -> Conversation:
        """Read on behind the octets so far, which belong to what was before."""
        conversation = self._conversation = Conversation()
        conversation.resume(self._sent, self._received, opened=1)
        self._counted = 1
        for gaps in self._gaps:
            gaps.clear()
        return conversation

    def _miss(self, direction: int, count: int, at: int) -> None:
        """Octets were not captured: `count` of them, 0 where that is not known."""
        if not self._sent and not self._received:
            return  # nothing is known yet that could lack them
        conversation = self._conversation or self._converse()
        side = Direction.RESPONSE if direction else Direction.REQUEST
        opaque = conversation.opaque(side)
        if not opaque or count > opaque or (not count and opaque < _ENDLESS):
            self._end_all(cut=True, each=(OCTETS_MISSING.id,))
            self._begin_anew()
            self._adrift = True
            return
        gaps = self._gaps[direction]
        before = gaps[-1][2] if gaps else 0
        reached = (self._received if direction else self._sent) + before
        gaps.append((reached + count, count, before + count))
        if count:
            conversation.skipped(side, count, at)
            self._take_over(conversation)

    def _find_back(self) -> Conversation:
        """A request begins: what came before it belongs to the exchange before."""
        if self.last:
            self._rest(())
            self._request_stop, self._response_stop = self._sent, self._received
        self._adrift = False
        return self._begin_anew()

    def _stored(self, direction: int, offset: int) -> int:
        """The offset in the file of one in the conversation, which counts octets that were not captured."""
        return offset - self._missing(direction, 0, offset)

    def _missing(self, direction: int, start: int, stop: int) -> int:
        """How many octets between two offsets were not captured."""
        return self._missing_before(direction, stop) - self._missing_before(direction, start)

    def _missing_before(self, direction: int, offset: int) -> int:
        gaps = self._gaps[direction]
        place = bisect_right(gaps, (offset, _ENDLESS, 0))
        return gaps[place - 1][2] if place else 0

    def _has_gap(self, direction: int, message: Message) -> bool:
        """Whether octets of a message were not captured."""
        gaps = self._gaps[direction]
        place = bisect_right(gaps, (message.start, _ENDLESS, 0))
        return place < len(gaps) and gaps[place][0] <= message.stop

    def _take_over(self, conversation: Conversation) -> None:
        """Number what has begun, and write down what is over."""
        if conversation.opened > self._counted:
            self._number(conversation)
        for exchange in conversation.take():
            self._row(exchange)

    def _number(self, conversation: Conversation) -> None:
        """Give numbers to the exchanges that have begun; behind a tunnel there are none."""
        framing = conversation.framing
        tunnel = framing is not None and framing.kind is Kind.TUNNEL
        while self._counted < conversation.opened:
            self._counted += 1
            if not tunnel:
                self._numbers.append(self.known.popleft() if self.known else self._ledger.new_number())

    def _row(self, exchange: Exchange, outcome: str = "", more: tuple[str, ...] = ()) -> None:
        """Write down what is known of an exchange."""
        number = self._numbers.popleft()
        self._request_stop = _behind(self._holes[0], self._request_stop)
        self._response_stop = _behind(self._holes[1], self._response_stop)
        request, response = exchange.request, exchange.response
        head = request.head if request else None
        content = request.octets if request else 0
        if not request and outcome and self._conversation:
            head = self._conversation.asking
        messages = exchange.responses
        sent = max(self._stored(0, request.stop) if request else 0, self._request_stop)
        start = self._response_stop
        received = max(self._stored(1, messages[-1].stop) if messages else 0, start)
        final = max(self._stored(1, response.start), start) if response else received
        came = response.octets if response else 0
        if any(self._gaps):
            if request:
                content -= self._missing(0, request.start, request.stop)
                more += (OCTETS_MISSING.id,) * self._has_gap(0, request)
            if response:
                came -= self._missing(1, response.start, response.stop)
            if any(self._has_gap(1, message) for message in messages):
                more += (OCTETS_MISSING.id,)
                outcome = outcome or Outcome.INCOMPLETE.value
        answer = response.head if response else None
        if outcome and not response and self._conversation:
            answer = self._conversation.answer
        began, request_ns, first, last = exchange.timing
        zero = min((moment for moment in (began, first) if moment is not None), default=0)
        method, target, host = asked_of(head)
        row: Row = (
            number,
            self.number,
            self._request_stop,
            sent,
            start,
            final,
            received,
            content,
            came,
            _held(self._began_ns + zero),
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
            asked_for(method, target),
        )
        self._ledger.rows[number] = self.last = row
        self._request_stop, self._response_stop = sent, received

    def _end_all(self, *, cut: bool, each: tuple[str, ...] = (), last: tuple[str, ...] = ()) -> None:
        """Nothing more comes of what is under way. `each` and `last` are ids of findings, for each exchange and for the
        last one."""
        conversation = self._conversation or self._converse()
        if not self._sent_all:
            conversation.sent_all()
        conversation.closed(cut=cut)
        self._number(conversation)
        exchanges = conversation.exchanges
        last = (*(finding.deviation.id for finding in conversation.findings), *last)
        for exchange in exchanges:
            if not self._numbers:
                self._numbers.append(self._ledger.new_number())
            self._row(exchange, more=(*each, *last) if exchange is exchanges[-1] else each)
        self._ledger.void += [(number, self.number) for number in self._numbers]
        self._numbers.clear()
        if self.last:
            self._rest(() if exchanges else (*each, *last))

    def _rest(self, more: tuple[str, ...]) -> None:
        """What is left behind the last exchange is its, too."""
        assert self.last
        row = list(self.last)
        no_final = row[5] == row[6]
        row[3], row[6] = self._sent, self._received
        if no_final and not row[16]:
            row[5] = row[6]
        row[20] = _words((*str(row[20]).split(), *more))
        self._ledger.rows[row[0]] = tuple(row)


class _Answer:
    """A plain answer as it comes: what is `told` of it, the first octets of the first segment (`data`), how many `came`
    behind them and how many are `left`; when the `first` and the `last` came (ns since the connection began)."""

    __slots__ = ("came", "data", "first", "last", "left", "told")

    def __init__(self, told: Response, data: bytes, at: int, left: int, came: int) -> None:
        self.told = told
        self.data = data
        self.first = self.last = at
        self.left = left
        self.came = came


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
    found = grammar.MEDIA_TYPE.match(values[0]) if values else None
    return found[0].decode("ascii").lower() if found else ""


def _words(ids: tuple[str, ...]) -> str:
    """Ids, each once, with a blank before and behind each; empty where there are none."""
    return f" {' '.join(dict.fromkeys(ids))} " if ids else ""
