"""The answers of a capture, to be served again: which of its exchanges a request gets.

In: a capture as it is when it is opened, with numbers behind its name or without, and heads of requests. Out:
Answers, by the same rules as those from files; only those that were used last are held, and everything else
stays in the file.
"""

from __future__ import annotations

from collections import OrderedDict
from itertools import islice

from httpwire.capture.answers import Answer, Answers, asked_of, origin_form
from httpwire.capture.faults import NO_FAULTS, Faults
from httpwire.capture.named import open_capture
from httpwire.capture.store.connection import UNDER_WAY
from httpwire.capture.store.filters import condition_of
from httpwire.capture.store.schema import asked_for
from httpwire.errors import AnswerUnreadable
from httpwire.language import N_
from httpwire.wire.element import Direction
from httpwire.wire.head import Head
from httpwire.wire.message import Message
from httpwire.wire.stream import Stream

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from httpwire.capture.store.entry import Entry

    #: Method, target and host.
    Asked = tuple[bytes, bytes, bytes]

_HELD = 64 << 20  # octets of answers
_ANSWERED = f"number <= ? AND response_stop > response_start AND outcome <> '{UNDER_WAY}'"


class StoredAnswers(Answers):
    """The answers in the capture that `word` names, as CAPTURE or CAPTURE#1-9; one alone, as CAPTURE#3, is for every
    request. What is appended to it from now on is not among them. `times`: with when their octets came; `progress`
    is told how much of the capture has been read, of how much."""

    def __init__(self, word: str, *, times: bool, progress: Callable[[int, int], None] | None = None) -> None:
        """Raises AnswerUnreadable, RecordingUnreadable, RecordingBroken, UsageError."""
        super().__init__()
        self._capture, picked = open_capture(word)
        self._times = times
        self._faults = NO_FAULTS
        self._held: OrderedDict[int, Answer] = OrderedDict()
        self._octets = 0  # of those that are held
        self._given: dict[Asked, tuple[int, bool]] = {}  # the number given last, and whether it is the last one
        try:
            self._capture.index.update(progress)
            conditions = [condition_of(each, 0) for each in picked]
            self._where = " AND ".join((_ANSWERED, *(f"({condition.sql})" for condition in conditions)))
            self._values = (self._capture.last, *(value for condition in conditions for value in condition.values))
            self._count = self._capture.count(self._where, self._values)
            if not self._count:
                raise AnswerUnreadable(path=word, why=N_("there is no answer in this capture"))
            self._is_single = bool(picked) and self._count == 1
        except BaseException:
            self._capture.close()
            raise

    @property
    def count(self) -> int:
        return self._count

    def first(self, count: int) -> list[Answer]:
        return [self._answer(entry) for entry in islice(self._capture.exchanges(self._where, self._values), count)]

    def use(self, faults: Faults) -> None:
        self._faults = faults
        self._held.clear()
        self._octets = 0

    @property
    def single(self) -> Answer | None:
        if not self._is_single:
            return None
        return next(iter(self._held.values()), None) or self.first(1)[0]

    def choose(self, head: Head) -> Answer | None:
        if self._is_single:
            return self.single
        asked = asked_of(head)
        found = self._next(asked)
        if not found and asked[0] == b"HEAD":
            found = self._next((b"GET", *asked[1:]))
        return found

    def require_times(self) -> None:
        """They are always there."""

    def close(self) -> None:
        self._capture.close()

    def _next(self, asked: Asked) -> Answer | None:
        """The next answer for what is asked for; for another host where there is none for this one."""
        number, is_last = self._given.get(asked, (0, False))
        if is_last and number in self._held:
            self._held.move_to_end(number)
            return self._held[number]
        entry = next(self._recorded(asked, number), None)
        if entry is None and number:
            self._given[asked] = number, True
            entry = self._capture.entry(number)
        elif entry is None:
            other = next(self._recorded((*asked[:2], None), 0), None)
            return self._next((*asked[:2], other.host.encode("latin-1"))) if other else None
        else:
            self._given[asked] = entry.number, False
        return self._answer(entry) if entry else None

    def _recorded(self, asked: tuple[bytes, bytes, bytes | None], after: int) -> Iterator[Entry]:
        """The exchanges behind number `after` for a method, a target, and a host or any, in order."""
        method, target, host = asked
        where = f"asked = ? AND method = ? AND number > ? AND {self._where}"
        key = asked_for(method, target)
        for entry in self._capture.exchanges(where, (key, method.decode("latin-1"), after, *self._values)):
            own = entry.host.encode("latin-1")
            if host in (None, own) and origin_form(method, entry.target.encode("latin-1"), own)[0] == target:
                yield entry

    def _answer(self, entry: Entry) -> Answer:
        """The answer of an exchange, from those that are held or from the file."""
        answer = self._held.get(entry.number)
        if answer is None:
            source = self._capture.octets(entry, Direction.RESPONSE)
            source.facts = self._capture.facts(entry.connection)
            answer = self._held[entry.number] = Answer(
                source,
                request=self._request(entry),
                times=self._capture.times(entry) if self._times else (),
                faults=self._faults,
            )
            self._octets += len(answer.octets or b"")
        while self._octets > _HELD and len(self._held) > 1:
            self._octets -= len(self._held.popitem(last=False)[1].octets or b"")
        return answer

    def _request(self, entry: Entry) -> Message | None:
        """The request of an exchange, as far as its head tells."""
        stream = Stream(Direction.REQUEST)
        for block in self._capture.octets(entry, Direction.REQUEST).blocks():
            for event in stream.feed(block):
                if isinstance(event, Head):
                    return Message(Direction.REQUEST, event.start, event.stop, event.stop, event)
        return None
