"""The same octets as different recipients read them, and where two disagree on the end of a message.

In: the octets of one direction. Out: a Reading for each Recipient, and the Disagreement, if any.
All of them read what conforms alike, so what stands before the first doubtful message is read once;
from there on each reads for itself, as many messages and octets as the caller allows.
"""

from __future__ import annotations

from collections import deque
from enum import Enum
from itertools import combinations

from httpwire.wire import deviations as dev
from httpwire.wire import grammar
from httpwire.wire.content import UNBOUNDED
from httpwire.wire.deviations import Severity
from httpwire.wire.element import Direction, Span
from httpwire.wire.framing import Kind, Rule
from httpwire.wire.message import Message
from httpwire.wire.preflight import is_handed_over
from httpwire.wire.recipients import RECIPIENTS, Recipient
from httpwire.wire.record import Record, at
from httpwire.wire.tolerance import WITHOUT_CONTENT, Tolerance

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from httpwire.wire.deviations import Deviation
    from httpwire.wire.stream import Stream

    Methods = Sequence[bytes | None]
    Boundaries = tuple[tuple[object, ...], ...]

MOST_MESSAGES = 100
MOST_OCTETS = 1 << 20
_PIECE = 4096  # octets read at once: hardly more than the messages that are wanted

#: What makes a server wait, not refuse.
_SHORT = frozenset((dev.HEAD_UNTERMINATED, dev.CONTENT_SHORT, dev.CHUNKS_UNTERMINATED))


class Ended(Enum):
    """How a message ended for the recipient that read it."""

    COMPLETE = "complete"
    AT_CLOSE = "at-close"  # whatever came until the close belongs to it
    WAITS = "waits"  # for octets that did not come
    REFUSED = "refused"
    UNDECIDABLE = "undecidable"  # no sound reading: a server answers 400, a client gives up
    NOT_READ = "not-read"  # it goes on after the octets that were to be read


class Extent(Record):
    """One message as a recipient read it.

    `start`, `content_start` and `stop` are offsets in the octets, `line` is where the start line stands (its
    end left out). `octets` counts the content, the chunked coding removed. `deviation` is why it was refused or
    undecidable, else None; `end` where an announced length or chunk, not all here, would end.
    """

    __slots__ = ()
    FIELDS = (
        "start",
        "content_start",
        "stop",
        "line",
        "method",
        "target",
        "status",
        "octets",
        "ended",
        "deviation",
        "end",
    )
    start: int = at(0)
    content_start: int = at(1)
    stop: int = at(2)
    line: Span = at(3)
    method: bytes = at(4)
    target: bytes = at(5)
    status: int = at(6)
    octets: int = at(7)
    ended: Ended = at(8)
    deviation: Deviation | None = at(9)
    end: int | None = at(10)

    def __new__(
        cls,
        start: int,
        content_start: int,
        stop: int,
        line: Span,
        method: bytes,
        target: bytes,
        status: int,
        octets: int,
        ended: Ended,
        deviation: Deviation | None = None,
        end: int | None = None,
    ) -> Extent:
        values = (start, content_start, stop, line, method, target, status, octets, ended, deviation, end)
        return tuple.__new__(cls, values)

    @property
    def refused(self) -> bool:
        """Whether the recipient does not say where it ends."""
        return self.ended in (Ended.REFUSED, Ended.UNDECIDABLE)

    @property
    def boundary(self) -> tuple[object, ...]:
        """What two recipients that agree on the message have in common."""
        return (self.start, None) if self.refused else (self.start, self.stop, self.ended, self.end)

    @property
    def unread(self) -> bool:
        """Whether the recipient has read no message: it still waits for the end of the head."""
        return self.ended is Ended.WAITS and self.content_start == self.stop and self.end is None


class Reading(Record):
    """What one recipient made of the octets: its `messages`, after the first `before`, which are the same for all.
    `left_out` octets were not read, because enough had been."""

    __slots__ = ()
    FIELDS = ("recipient", "messages", "before", "left_out")
    recipient: Recipient = at(0)
    messages: tuple[Extent, ...] = at(1)
    before: int = at(2)
    left_out: int = at(3)

    def __new__(cls, recipient: Recipient, messages: tuple[Extent, ...], before: int, left_out: int) -> Reading:
        return tuple.__new__(cls, (recipient, messages, before, left_out))


class Group(Record):
    """Recipients that place the same ends; `messages` as the first of them read them. `parts_at` is the start of the
    first message that they read otherwise than the ordinary recipient, None for its own group."""

    __slots__ = ()
    FIELDS = ("recipients", "messages", "parts_at")
    recipients: tuple[Recipient, ...] = at(0)
    messages: tuple[Extent, ...] = at(1)
    parts_at: int | None = at(2)

    def __new__(cls, recipients: tuple[Recipient, ...], messages: tuple[Extent, ...], parts_at: int | None) -> Group:
        return tuple.__new__(cls, (recipients, messages, parts_at))


class Disagreement(Record):
    """`offset` is the start of the first message on whose end recipients disagree, `before` how many messages end
    before it; `groups` are the readings, the ordinary one first; `left_out` as in a Reading."""

    __slots__ = ()
    FIELDS = ("offset", "before", "groups", "left_out")
    offset: int = at(0)
    before: int = at(1)
    groups: tuple[Group, ...] = at(2)
    left_out: int = at(3)

    def __new__(cls, offset: int, before: int, groups: tuple[Group, ...], left_out: int) -> Disagreement:
        return tuple.__new__(cls, (offset, before, groups, left_out))


def readings(
    octets: bytes,
    direction: Direction,
    methods: Methods | None = None,
    *,
    most_messages: int = MOST_MESSAGES,
    most_octets: int = MOST_OCTETS,
) -> list[Reading]:
    """What each recipient reads in `octets`, responses as answers to `methods` (None: to methods unknown).

    Messages that nobody can read otherwise are only counted (`before`), up to the first that somebody could. From there
    on at most `most_messages` are read, within the first `most_octets` octets.
    """
    before, start, answered = _beyond_doubt(octets, direction, methods, most_octets)
    left = None if methods is None else methods[answered:]
    limits = {"most_messages": most_messages, "most_octets": most_octets}
    return [
        read(recipient, octets, direction, left, start=start, before=before, **limits)
        for recipient in RECIPIENTS
        if recipient.only in (None, direction)
    ]


def read(
    recipient: Recipient,
    octets: bytes,
    direction: Direction,
    methods: Methods | None = None,
    *,
    start: int = 0,
    before: int = 0,
    most_messages: int = MOST_MESSAGES,
    most_octets: int = MOST_OCTETS,
) -> Reading:
    """What one recipient reads in `octets` from `start` on, where `before` messages have ended."""
    stream = recipient.tolerance.stream(direction, None if methods is None else deque(methods))
    stream.pass_over(start)
    left_out = max(0, len(octets) - most_octets)
    messages: list[Extent] = []
    last: Message | None = None
    for message, end in _messages(stream, memoryview(octets)[:most_octets], recipient.tolerance):
        if is_handed_over(message.head, last):
            break
        cut = left_out > 0 and message.stop == most_octets
        messages.append(_extent(message, end, strict=recipient.strict, cut=cut))
        if messages[-1].ended is not Ended.COMPLETE or not (message.head and message.head.line.version):
            break
        if len(messages) == most_messages:
            left_out = len(octets) - message.stop
            break
        last = message
    return Reading(recipient, tuple(messages), before, left_out)


def _beyond_doubt(octets: bytes, direction: Direction, methods: Methods | None, most: int) -> tuple[int, int, int]:
    """How many messages all recipients read alike, where they end, and how many of them are final."""
    ordinary = Tolerance()
    stream = ordinary.stream(direction, None if methods is None else deque(methods))
    count = stop = final = 0
    last: Message | None = None
    for message, _ in _messages(stream, memoryview(octets)[:most], ordinary):
        if is_handed_over(message.head, last):
            return count, len(octets), final
        if is_doubtful(message):
            return count, stop, final
        count, stop, final, last = count + 1, message.stop, final + (not message.interim), message
    return count, len(octets), final


def is_doubtful(message: Message) -> bool:
    """Whether some recipient may read it otherwise."""
    head, framing = message.head, message.framing
    if not head or not message.complete:
        return True
    if any(finding.deviation.severity is not Severity.NOTE for finding in message.findings):
        return True
    announced = framing is not None and framing.kind in (Kind.LENGTH, Kind.CHUNKED)
    ignored = announced and message.content_start < message.stop and head.line.method in WITHOUT_CONTENT
    return ignored or bool(grammar.AMBIGUOUS.search(head.raw))


def _messages(stream: Stream, octets: memoryview, tolerance: Tolerance) -> Iterator[tuple[Message, int | None]]:
    """Each message in `octets`, and where the content that its last one still waits for would end."""
    while (position := stream.offset) < len(octets):
        count = min(stream.opaque, len(octets) - position)
        events = stream.skip(count) if count else stream.feed(_piece(octets, position, tolerance))
        for event in events:
            if isinstance(event, Message):
                yield event, None
    end = stream.offset + stream.opaque if stream.opaque not in (0, UNBOUNDED) else None
    for event in stream.feed_eof():
        if isinstance(event, Message):
            yield event, end


def _piece(octets: memoryview, position: int, tolerance: Tolerance) -> bytes:
    """The next octets as the recipient takes them; what a CR or LF is depends on its neighbours."""
    first = max(0, position - 1)
    stop = position + _PIECE
    if not tolerance.octets:
        return bytes(octets[position:stop])
    return tolerance.octets(bytes(octets[first : stop + 1]))[position - first : stop - first]


def _extent(message: Message, end: int | None, *, strict: bool, cut: bool) -> Extent:
    raw = message.head.raw if message.head else b""
    line = raw[: raw.find(b"\n") + 1 or len(raw)].removesuffix(b"\n").removesuffix(b"\r")
    ended, deviation = _ended(message, strict=strict, cut=cut)
    return Extent(
        message.start,
        message.content_start,
        message.stop,
        Span(message.start, message.start + len(line)),
        message.method,
        message.target,
        message.status,
        message.octets,
        ended,
        deviation,
        end,
    )


def _ended(message: Message, *, strict: bool, cut: bool) -> tuple[Ended, Deviation | None]:
    framing = message.framing
    told = [finding.deviation for finding in message.findings]
    errors = [each for each in told if each.severity is Severity.ERROR and each not in _SHORT]
    if errors and (strict or _has_no_request_line(message)):
        return Ended.REFUSED, errors[0]
    if framing and framing.kind is Kind.UNDECIDABLE:
        # What decides is told last, but for a start line, which is read first.
        cause = errors[0] if framing.rule is Rule.START_LINE else told[-1]
        return (Ended.REFUSED if strict else Ended.UNDECIDABLE), cause
    by_close = framing is not None and framing.kind in (Kind.UNTIL_CLOSE, Kind.TUNNEL)
    if message.complete and not by_close:
        return Ended.COMPLETE, None
    if cut:
        return Ended.NOT_READ, None
    return (Ended.AT_CLOSE if message.complete else Ended.WAITS), None


def _has_no_request_line(message: Message) -> bool:
    """Whether a server refuses it for its first line; one of HTTP/0.9 may pass."""
    head = message.head
    if not head or head.direction is Direction.RESPONSE or b"\n" not in head.raw:
        return False
    return not head.line.version and head.line.method != b"GET"


def disagreement(readings: Sequence[Reading]) -> Disagreement | None:
    """Where recipients part that don't refuse, or one goes on where the ordinary recipient can't decide."""
    groups: dict[Boundaries, list[Reading]] = {}
    for reading in readings:
        groups.setdefault(tuple(message.boundary for message in reading.messages), []).append(reading)
    ordinary, *_ = groups
    lenient = [key for key, members in groups.items() if not all(each.recipient.strict for each in members)]
    parted = [
        index
        for one, other in combinations(lenient, 2)
        if _is_conflict(one, other, index := _parting(one, other), by_refusal=one is ordinary)
        and not groups[other][0].messages[index].unread  # it waits, and takes nothing for something else
    ]
    if not parted:
        return None
    first = readings[0]
    index = min(parted)
    return Disagreement(
        first.messages[index].start,
        first.before + index,
        tuple(_group(key, members, ordinary) for key, members in groups.items()),
        first.left_out,
    )


def _parting(one: Boundaries, other: Boundaries) -> int:
    """The index of the first message that two recipients don't read alike."""
    for index, (mine, its) in enumerate(zip(one, other, strict=False)):
        if mine != its:
            return index
    return min(len(one), len(other))


def _is_conflict(one: Boundaries, other: Boundaries, index: int, *, by_refusal: bool) -> bool:
    """Whether both place an end there; with `by_refusal` it is enough that the second does."""
    if index >= len(one) or index >= len(other) or other[index][1] is None:
        return False
    return by_refusal or one[index][1] is not None


def _group(key: Boundaries, members: list[Reading], ordinary: Boundaries) -> Group:
    messages = members[0].messages
    index = _parting(key, ordinary)
    parts_at = None if key is ordinary or index >= len(messages) else messages[index].start
    return Group(tuple(each.recipient for each in members), messages, parts_at)
