"""Pairs the two directions of one connection: each request with its answer.

In: what was sent, what was received and when (ns, any clock), and the close. Out:
Exchanges, in order, and how many answers are still awaited. It knows HEAD and CONNECT,
interim responses, pipelining, answers that come before their request was sent whole,
tunnels, and octets after the end.
"""

from __future__ import annotations

from collections import deque
from enum import Enum

from httpwire.wire import grammar
from httpwire.wire.content import Limits
from httpwire.wire.deviations import BYTES_AFTER_END, Finding
from httpwire.wire.element import Direction, Element, ElementKind, Span
from httpwire.wire.framing import Framing, Kind
from httpwire.wire.head import Head
from httpwire.wire.message import Message
from httpwire.wire.record import Record, at
from httpwire.wire.stream import Stream

TYPE_CHECKING = False
if TYPE_CHECKING:
    from httpwire.wire.stream import Event


class Outcome(Enum):
    """How an exchange ended."""

    COMPLETE = "complete"
    INCOMPLETE = "incomplete"  # the answer stopped before its end
    UNDECIDABLE = "undecidable"  # the answer's own octets don't tell where it ends
    NO_ANSWER = "no answer"


class Timing(Record):
    """When things happened, in ns of the clock that the caller gave; None for what did not happen.

    `request_start` and `request_stop`: the first and last octet of the request were handed
    over; `response_start` and `response_stop`: the first and last octet of the answer came.
    """

    __slots__ = ()
    FIELDS = ("request_start", "request_stop", "response_start", "response_stop")
    request_start: int | None = at(0)
    request_stop: int | None = at(1)
    response_start: int | None = at(2)
    response_stop: int | None = at(3)

    def __new__(
        cls,
        request_start: int | None = None,
        request_stop: int | None = None,
        response_start: int | None = None,
        response_stop: int | None = None,
    ) -> Timing:
        return tuple.__new__(cls, (request_start, request_stop, response_start, response_stop))


class Exchange(Record):
    """One request and what came back for it.

    `request` is None where not even a head could be read of it; `interim` are its 1xx
    responses, `response` its final one (None: there was none), `outcome` how it ended, `others`
    findings of its connection that belong to no message.
    """

    __slots__ = ()
    FIELDS = ("request", "interim", "response", "outcome", "timing", "others")
    request: Message | None = at(0)
    interim: tuple[Message, ...] = at(1)
    response: Message | None = at(2)
    outcome: Outcome = at(3)
    timing: Timing = at(4)
    others: tuple[Finding, ...] = at(5)

    def __new__(
        cls,
        request: Message | None,
        interim: tuple[Message, ...],
        response: Message | None,
        outcome: Outcome,
        timing: Timing,
        others: tuple[Finding, ...] = (),
    ) -> Exchange:
        return tuple.__new__(cls, (request, interim, response, outcome, timing, others))

    @property
    def responses(self) -> tuple[Message, ...]:
        """All responses, the interim ones first."""
        return (*self.interim, self.response) if self.response else self.interim

    @property
    def framing(self) -> Framing | None:
        """How the end of the final response was found: `framing.rule` says why."""
        return self.response.framing if self.response else None

    @property
    def complete(self) -> bool:
        return self.outcome is Outcome.COMPLETE

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What deviates in the request and in the responses, and the `others`."""
        messages = (self.request, *self.responses)
        return (*(finding for message in messages if message for finding in message.findings), *self.others)


class _Open:
    """An exchange as it grows."""

    __slots__ = ("interim", "request", "response", "times")

    def __init__(self, request_start: int | None) -> None:
        self.request: Message | None = None
        self.interim: list[Message] = []
        self.response: Message | None = None
        self.times: list[int | None] = [request_start, None, None, None]

    @property
    def is_over(self) -> bool:
        """Whether nothing can come that belongs to it."""
        framing = self.response.framing if self.response else None
        return bool(self.request and self.response and not (framing and framing.kind is Kind.TUNNEL))

    def close(self) -> Exchange:
        response = self.response
        if response is None:
            outcome = Outcome.NO_ANSWER
        elif response.complete:
            outcome = Outcome.COMPLETE
        elif response.framing and response.framing.kind is Kind.UNDECIDABLE:
            outcome = Outcome.UNDECIDABLE
        else:
            outcome = Outcome.INCOMPLETE
        return Exchange(self.request, tuple(self.interim), response, outcome, Timing(*self.times))


class Conversation:
    """Both directions of one connection, as they are told by `sent`, `received` and `closed`."""

    def __init__(self, limits: Limits | None = None) -> None:
        self._methods: deque[bytes | None] = deque()
        self._requests = Stream(Direction.REQUEST, limits=limits)
        self._responses = Stream(Direction.RESPONSE, methods=self._methods, anticipate=self._anticipate, limits=limits)
        self._all: deque[_Open] = deque()
        self._sending: deque[_Open] = deque()  # the head is out, the request is not complete
        self._awaiting: deque[_Open] = deque()  # no final response yet
        self._early: _Open | None = None  # answered before its head was out
        self._begun_ns: int | None = None  # when the octets of the next request began
        self._came_ns: int | None = None  # when the last octets came
        self.answered = 0  #: how many final responses have ended
        self.opened = 0  #: how many exchanges have begun
        self._extra: list[Span] = []

    @property
    def exchanges(self) -> list[Exchange]:
        """What there is of each exchange so far, in the order of the requests; a tunnel takes all that follows."""
        exchanges: list[Exchange] = []
        for each in self._all:
            exchanges.append(each.close())
            framing = exchanges[-1].framing
            if framing and framing.kind is Kind.TUNNEL:
                break
        return exchanges

    def take(self) -> list[Exchange]:
        """The first exchanges, as far as they are over; they are then forgotten, so that of a long connection no more
        is held than what is under way."""
        taken: list[Exchange] = []
        while self._all and self._all[0].is_over:
            taken.append(self._all.popleft().close())
        return taken

    def resume(self, sent: int, received: int, *, opened: int) -> None:
        """Begin behind so many octets of each direction, of `opened` exchanges that are over."""
        self._requests.pass_over(sent)
        self._responses.pass_over(received)
        self.opened = opened

    def leave_out(self, direction: Direction, count: int) -> None:
        """The next `count` octets of a direction are whole messages that nobody has any more."""
        (self._requests if direction is Direction.REQUEST else self._responses).pass_over(count)
        self.opened = max(self.opened, 1)

    @property
    def framing(self) -> Framing | None:
        """How the answer that is coming is delimited, once its head is there."""
        return self._responses.framing

    @property
    def answer(self) -> Head | None:
        """The head of the answer whose content is coming."""
        return self._responses.head

    @property
    def asking(self) -> Head | None:
        """The head of the request whose content is going out."""
        return self._requests.head

    @property
    def findings(self) -> list[Finding]:
        """What deviates in this connection outside any message."""
        found = [*self._requests.findings, *self._responses.findings]
        for span in self._extra:
            details = {"extra": span.octets}
            found.append(Finding(BYTES_AFTER_END, Direction.RESPONSE, span.start, span.stop, details))
        return found

    @property
    def extra(self) -> Span | None:
        """The first octets that followed all awaited answers; `findings` has every run of them."""
        return self._extra[0] if self._extra else None

    def opaque(self, direction: Direction) -> int:
        """How many octets to come of one direction decide nothing: `skipped` may be told of them."""
        return (self._requests if direction is Direction.REQUEST else self._responses).opaque

    def skipped(self, direction: Direction, count: int, at_ns: int) -> None:
        """So many octets, at most `opaque`, went by at `at_ns`, and are not shown."""
        if direction is Direction.REQUEST:
            self._sent(self._requests.skip(count), at_ns)
        else:
            self._came_ns = at_ns
            self._received(self._responses.skip(count), at_ns)

    def came(self, direction: Direction, data: bytes | memoryview, at_ns: int) -> None:
        """Octets went in a direction, at `at_ns`."""
        if direction is Direction.REQUEST:
            self.sent(data, at_ns)
        else:
            self.received(data, at_ns)

    def sent(self, data: bytes | memoryview, at_ns: int) -> None:
        """Octets went out, at `at_ns`."""
        if self._begun_ns is None:
            self._begun_ns = at_ns
        self._sent(self._requests.feed(data), at_ns)

    def sent_all(self) -> None:
        """No more octets will go out."""
        self._sent(self._requests.feed_eof(), None)

    def received(self, data: bytes | memoryview, at_ns: int) -> None:
        """Octets came in, at `at_ns`."""
        self._came_ns = at_ns
        events = self._responses.feed(data)
        if self._awaiting and self._awaiting[0].times[2] is None:
            self._awaiting[0].times[2] = at_ns
        self._received(events, at_ns)

    def closed(self, *, cut: bool) -> None:
        """No more octets will come in: the peer closed, or (`cut`) they stopped for another reason."""
        if not self.opened and self._requests.offset:
            self._open()  # octets that show no request were sent all the same
        self._received(self._responses.feed_eof(cut=cut), self._came_ns)

    @property
    def _underway(self) -> bool:
        """Whether an answer may come for octets of which no head could be read (yet)."""
        requests = self._requests
        unread = requests.framing is not None and requests.head is None
        return bool(requests.pending) or unread or not self.opened

    def _anticipate(self) -> bool:
        """Whether an answer that begins now, with no head of a request out that awaits one, belongs to a
        request all the same: a refusal before its head was out, or no HTTP at all."""
        if self._early or not self._underway:
            return False
        method = grammar.TOKEN.match(self._requests.pending)
        self._early = self._expect(method[0] if method else None)
        return True

    def _expect(self, method: bytes | None) -> _Open:
        self._methods.append(method)
        return self._open()

    def _open(self) -> _Open:
        new = _Open(self._begun_ns)
        self.opened += 1
        self._all.append(new)
        self._awaiting.append(new)
        return new

    def _sent(self, events: list[Event], at_ns: int | None) -> None:
        for event in events:
            if isinstance(event, Head):
                if self._early:
                    self._sending.append(self._early)
                    self._early = None
                else:
                    self._sending.append(self._expect(event.line.method or None))
            elif isinstance(event, Message):
                if event.head:
                    current = self._sending.popleft()
                else:  # no head could be read; something will be answered all the same
                    current = self._early or self._expect(None)
                    self._early = None
                current.request = event
                current.times[1] = at_ns
                self._begun_ns = at_ns if event.stop < self._requests.offset else None

    def _received(self, events: list[Event], at_ns: int | None) -> None:
        for event in events:
            if isinstance(event, Message) and self._awaiting:
                current = self._awaiting[0]
                if event.interim:
                    current.interim.append(event)
                    continue
                self._awaiting.popleft()
                current.response = event
                current.times[3] = at_ns if event.complete else None
                self.answered += event.complete
                if self._awaiting and event.stop < self._responses.offset:
                    self._awaiting[0].times[2] = at_ns  # its first octets came along
            elif isinstance(event, Element) and event.kind is ElementKind.EXTRA:
                joins = self._extra and self._extra[-1].stop == event.start
                start = self._extra.pop().start if joins else event.start
                self._extra.append(Span(start, event.stop))
