"""Examines octets that are about to be sent as requests.

In: the octets, in blocks of any size. Out: an Examination: how many requests they are,
how many answers to wait for, and every finding, with what is left over after a
request's content told as that, not as a malformed next request. Changes nothing.
"""

from __future__ import annotations

from httpwire.wire import deviations as dev
from httpwire.wire.deviations import Deviation, Finding
from httpwire.wire.element import Direction
from httpwire.wire.framing import Kind
from httpwire.wire.message import Message
from httpwire.wire.record import Record, at
from httpwire.wire.stream import Stream

TYPE_CHECKING = False
if TYPE_CHECKING:
    from httpwire.wire.head import Head
    from httpwire.wire.stream import Event

_FINDINGS_KEPT = 200

#: What octets are that follow a message so framed, and that are no request.
LEFT_OVER: dict[Kind, Deviation] = {
    Kind.LENGTH: dev.CONTENT_LONG,
    Kind.NONE: dev.CONTENT_UNANNOUNCED,
    Kind.CHUNKED: dev.BYTES_AFTER_CHUNKS,
}


class Examination(Record):
    """What is known of a request before it is sent.

    `octets` is its size, `requests` how many requests begin in it, `answers` how many answers
    a server owes for them, `first` the first of them, `findings` what deviates (`unlisted`
    more were not kept).
    """

    __slots__ = ()
    FIELDS = ("octets", "requests", "answers", "first", "findings", "unlisted")
    octets: int = at(0)
    requests: int = at(1)
    answers: int = at(2)
    first: Message | None = at(3)
    findings: tuple[Finding, ...] = at(4)
    unlisted: int = at(5)

    def __new__(
        cls,
        octets: int,
        requests: int,
        answers: int,
        first: Message | None,
        findings: tuple[Finding, ...],
        unlisted: int,
    ) -> Examination:
        return tuple.__new__(cls, (octets, requests, answers, first, findings, unlisted))


class Examiner:
    """Takes the octets by `feed` (or by `skip`, as many as are `opaque`) and gives the Examination at `finish`."""

    def __init__(self) -> None:
        self._stream = Stream(Direction.REQUEST)
        self._first: Message | None = None
        self._before: Message | None = None
        self._requests = self._answers = 0
        self._findings: list[Finding] = []
        self._unlisted = 0
        self._closing = False  # no answer is owed to what follows
        self._left_over: tuple[Deviation, int] | None = None

    @property
    def opaque(self) -> int:
        return self._stream.opaque

    def skip(self, count: int) -> None:
        self._take(self._stream.skip(count))

    def feed(self, data: bytes | memoryview) -> None:
        self._take(self._stream.feed(data))

    def finish(self) -> Examination:
        self._take(self._stream.feed_eof())
        octets = self._stream.offset
        if self._left_over:
            deviation, start = self._left_over
            self._tell(Finding(deviation, Direction.REQUEST, start, octets, {"extra": octets - start}))
        for finding in self._stream.findings:
            self._tell(finding)
        answers = max(1, self._answers)
        return Examination(octets, self._requests, answers, self._first, tuple(self._findings), self._unlisted)

    def _take(self, events: list[Event]) -> None:
        for event in events:
            if isinstance(event, Message) and not is_handed_over(event.head, self._before):
                self._message(event)

    def _message(self, message: Message) -> None:
        if message.head and message.head.complete and not self._closing:
            self._answers += 1  # it is read as a request, whatever it was meant to be
            self._closing = message.closes
        left_over = is_left_over(message.head, self._before)
        if left_over and not self._left_over:
            self._left_over = left_over, self._before.stop if self._before else message.start
        if not self._left_over:
            self._requests += 1
            self._first = self._first or message
            for finding in message.findings:
                self._tell(finding)
        self._before = message

    def _tell(self, finding: Finding) -> None:
        if len(self._findings) < _FINDINGS_KEPT:
            self._findings.append(finding)
        else:
            self._unlisted += 1


def is_handed_over(head: Head | None, before: Message | None) -> bool:
    """Whether octets are no message (`head` is what they show of one), but for the protocol that the request `before`
    asks for (RFC 9110 7.8)."""
    if before is None or (head and head.line.version):
        return False
    return bool(before.values(b"upgrade")) and b"upgrade" in before.options


def is_left_over(head: Head | None, before: Message | None) -> Deviation | None:
    """The deviation that octets are, where they are no request but what the framing of `before` left over; `head` is
    what they show of one."""
    if before is None or before.framing is None or (head and head.line.version):
        return None
    return LEFT_OVER.get(before.framing.kind)
