"""Recorded answers, to be served again, and which request each belongs to.

In: octets. Out: Answers, which chooses one for a request by method and target, then Host,
repeated ones in order; and for each Answer what its octets mean to the method that asks:
where interim responses end, and whether the connection stays open afterwards. The octets
themselves are never changed.
"""

from __future__ import annotations

from collections import deque

from httpwire.capture.faults import NO_FAULTS, Faults
from httpwire.errors import UsageError
from httpwire.language import N_
from httpwire.wire import grammar
from httpwire.wire.deviations import BYTES_AFTER_END, Finding
from httpwire.wire.element import Direction, Element, ElementKind
from httpwire.wire.framing import Kind
from httpwire.wire.message import Message
from httpwire.wire.record import Record, at
from httpwire.wire.stream import Stream

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from httpwire.capture.raw import Outgoing
    from httpwire.wire.head import Head
    from httpwire.wire.stream import Event

_IN_MEMORY = 1 << 20  # octets of an answer that are held rather than read from its file each time


class Reading(Record):
    """What an answer's octets mean to one method: `response` is the final one (None: there is none), `interim_stop`
    the offset where the interim ones end, `findings` what deviates, `stays` whether the connection can go on,
    `tunnel` whether it has become one."""

    __slots__ = ()
    FIELDS = ("response", "interim_stop", "findings", "stays", "tunnel")
    response: Message | None = at(0)
    interim_stop: int = at(1)
    findings: tuple[Finding, ...] = at(2)
    stays: bool = at(3)
    tunnel: bool = at(4)

    def __new__(
        cls, response: Message | None, interim_stop: int, findings: tuple[Finding, ...], *, stays: bool, tunnel: bool
    ) -> Reading:
        return tuple.__new__(cls, (response, interim_stop, findings, stays, tunnel))


class _Reader:
    """Reads an answer as the response to `method`."""

    def __init__(self, method: bytes | None) -> None:
        self._stream = Stream(Direction.RESPONSE, methods=deque((method,)))
        self._events: list[Event] = []

    @property
    def opaque(self) -> int:
        return self._stream.opaque

    def feed(self, data: bytes) -> None:
        self._events += self._stream.feed(data)

    def skip(self, count: int) -> None:
        self._events += self._stream.skip(count)

    def finish(self) -> Reading:
        self._events += self._stream.feed_eof()
        octets = self._stream.offset
        messages = [event for event in self._events if isinstance(event, Message)]
        extra = [event for event in self._events if isinstance(event, Element) and event.kind is ElementKind.EXTRA]
        findings = [finding for message in messages for finding in message.findings]
        if extra:
            start = extra[0].start
            details = {"extra": octets - start}
            findings.append(Finding(BYTES_AFTER_END, Direction.RESPONSE, start, octets, details))
        response = next((message for message in messages if not message.interim), None)
        interim_stop = response.start if response else octets
        framing = response.framing if response else None
        bounded = framing is not None and framing.kind in (Kind.NONE, Kind.LENGTH, Kind.CHUNKED)
        stays = bool(response and response.complete and bounded and not extra and not response.closes)
        tunnel = framing is not None and framing.kind is Kind.TUNNEL
        return Reading(response, interim_stop, tuple(findings), stays=stays, tunnel=tunnel)


class Answer:
    """The octets `source` from `start` up to `stop`, as they are to be sent, and the `request` they were recorded for
    (None: not known). `octets` are the bytes where they are few enough to hold, else None. `times` says when they came:
    (seconds after the request, offset reached), in order; empty where that was not recorded. `faults` are how."""

    def __init__(
        self,
        source: Outgoing,
        *,
        request: Message | None = None,
        start: int = 0,
        stop: int | None = None,
        times: tuple[tuple[float, int], ...] = (),
        faults: Faults = NO_FAULTS,
    ) -> None:
        self.name = source.name
        self.source = source
        self.request = request
        self.start = start
        self.stop = source.octets if stop is None else stop
        self.times = times
        self.faults = faults
        self.octets = b"".join(self.blocks()) if self.size <= _IN_MEMORY else None
        self._readings: dict[bytes | None, Reading] = {}

    @property
    def size(self) -> int:
        """How many octets it has."""
        return self.stop - self.start

    @property
    def is_cut(self) -> bool:
        """Whether its faults end the connection within it, or right behind it."""
        cut_at = self.faults.cut_at
        return cut_at is not None and cut_at <= self.size

    @property
    def served(self) -> int:
        """How many of its octets go out: all, unless its faults cut it."""
        cut_at = self.faults.cut_at
        return self.size if cut_at is None else min(self.size, cut_at)

    def blocks(self, offset: int = 0) -> Iterator[bytes]:
        """The octets from `offset` on. Raises RecordingUnreadable when the file became shorter."""
        return self.source.blocks(self.start + offset, self.stop)

    def beginning(self, count: int) -> bytes:
        """The first `count` octets."""
        if self.octets is not None:
            return self.octets[:count]
        return self.source.read(self.start, min(self.start + count, self.stop))

    def reading(self, method: bytes | None) -> Reading:
        """What the octets mean as the answer to `method`: HEAD and CONNECT are read in their own way."""
        key = method if method in (b"HEAD", b"CONNECT") else None
        if key not in self._readings:
            reader = _Reader(key)
            if self.octets is not None:
                reader.feed(self.octets)
            elif self.start == 0 and self.stop == self.source.octets:
                self.source.walk(reader)
            else:
                for block in self.blocks():
                    reader.feed(block)
            self._readings[key] = reader.finish()
        return self._readings[key]

    def closes(self, request: Message | None) -> bool:
        """Whether the connection ends with it, where it is the answer to `request`."""
        reading = self.reading(request.method if request else None)
        return not (reading.stays or reading.tunnel) or self.is_cut

    @property
    def recorded(self) -> Reading:
        """What the octets mean to the request they were recorded for."""
        return self.reading(self.request.method if self.request else None)


class Answers:
    """Recorded answers, and which of them a request gets.

    Those of `paired`, whose requests are known, go to the same method and target, and among these to the same Host
    where one has it; a HEAD that nothing was recorded for gets what GET got. `others` go to whatever is left. Of
    several for the same request each is given once, in order, and the last one from then on.
    """

    def __init__(self, paired: Iterable[Answer] = (), others: Iterable[Answer] = ()) -> None:
        self.all: list[Answer] = []
        self._paired: dict[tuple[bytes, bytes], dict[bytes, deque[Answer]]] = {}
        for answer in paired:
            assert answer.request
            method, target, host = asked_of(answer.request.head)
            hosts = self._paired.setdefault((method, target), {})
            hosts.setdefault(host, deque()).append(answer)
            self.all.append(answer)
        self._others = deque(others)
        self.all.extend(self._others)

    @property
    def count(self) -> int:
        """How many answers there are."""
        return len(self.all)

    def first(self, count: int) -> list[Answer]:
        """The first `count` of them, to be told of."""
        return self.all[:count]

    def use(self, faults: Faults) -> None:
        """Let all go out with `faults`."""
        for answer in self.all:
            answer.faults = faults

    @property
    def single(self) -> Answer | None:
        """The one answer that every request gets, where that is so."""
        return self._others[0] if len(self._others) == 1 and not self._paired else None

    def choose(self, head: Head) -> Answer | None:
        """The answer to the request with this head; None where there is none for it."""
        if not self._paired:
            return _next(self._others) if self._others else None
        method, target, host = asked_of(head)
        hosts = self._paired.get((method, target))
        if hosts is None and method == b"HEAD":
            hosts = self._paired.get((b"GET", target))
        if hosts is None:
            return _next(self._others) if self._others else None
        first = next(iter(hosts.values()))
        return _next(hosts.get(host, first))

    def require_times(self) -> None:
        """See that answers that are to go out as they came have the times for that. Raises UsageError."""
        if any(answer.faults.timing for answer in self.all) and not any(answer.times for answer in self.all):
            hint = N_("httpwire send --times keeps them beside the answer")
            raise UsageError(N_("--timing recorded: no times were recorded for these answers"), hint=hint)

    def close(self) -> None:
        for answer in self.all:
            answer.source.close()


def _next(answers: deque[Answer]) -> Answer:
    return answers.popleft() if len(answers) > 1 else answers[0]


def asked_of(head: Head | None) -> tuple[bytes, bytes, bytes]:
    """Method, target and host that a request asks for; the target as an origin server is asked, without the scheme and
    authority that a proxy is given, which count more than Host."""
    if head is None:
        return b"", b"", b""
    return head.line.method, *origin_form(head.line.method, head.line.target, b"".join(head.values(b"host")[:1]))


def origin_form(method: bytes, target: bytes, host: bytes) -> tuple[bytes, bytes]:
    """`target` without scheme and authority, and the host in lower case that it then asks for, or that the field Host
    has: RFC 9112 3.2.2, 3.2.4."""
    host = host.lower()
    start = grammar.TARGET.match(target)
    if start and start[0] != b"/":
        end = min(
            (at for at in (target.find(mark, start.end()) for mark in (b"/", b"?", b"#")) if at >= 0), default=None
        )
        host, target = target[start.end() : end].lower(), b"" if end is None else target[end:]
        if not target.startswith(b"/"):
            target = b"*" if method == b"OPTIONS" and not target else b"/" + target
    return target, host


def plain(status: int, text: str, *, head: bool = False) -> bytes:
    """An answer of our own, in plain text; `head`: without the content, for HEAD. It closes the connection."""
    from http import HTTPStatus

    content = text.encode("utf-8")
    lines = (
        f"HTTP/1.1 {status} {HTTPStatus(status).phrase}",
        "Content-Type: text/plain; charset=utf-8",
        f"Content-Length: {len(content)}",
        "Connection: close",
    )
    return "\r\n".join((*lines, "", "")).encode("ascii") + (b"" if head else content)


def minimal(status: int) -> bytes:
    """The smallest answer with `status` (RFC 9110 15): a status line, and that it has no content.

    Raises ValueError where the status is not that of a final response.
    """
    from http import HTTPStatus

    if not 200 <= status <= 599:
        raise ValueError(status)
    try:
        phrase = HTTPStatus(status).phrase
    except ValueError:
        phrase = ""
    length = "" if status in (204, 304) else "Content-Length: 0\r\n"
    return f"HTTP/1.1 {status} {phrase}\r\n{length}\r\n".encode("ascii")
