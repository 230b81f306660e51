"""One direction of a TCP connection: its octets in order, out of segments that come in any.

In: segments, acknowledgements of the other end, a close. Out: octets, gaps and the close, each once, to the Flow. Of
octets that came twice the first ones count. What was not captured is a gap once the other end has acknowledged it,
too much waits behind it, or no more comes. What waits is bounded. (RFC 9293 3.4, 3.10.7.)
"""

from __future__ import annotations

from bisect import bisect_left

from httpwire.capture.toll import Cost, Toll
from httpwire.language import N_
from httpwire.wire.element import Direction

TYPE_CHECKING = False
if TYPE_CHECKING:
    from httpwire.capture.formats.pcap.flows import Flow

DIFFERING = Cost("differing-octets", N_("bytes that were sent again with other values; the first ones are kept"))
STRAY = Cost("stray-packets", N_("TCP packets far outside of what their connection had reached"))

ALL = 0xFFFFFFFF
HALF = 0x80000000
_FAR = 1 << 30  # the largest window (RFC 7323 2.3): what is further ahead can't be meant
_DOUBTS = 8  # acknowledgements of what was not seen, after which it won't come any more
_DOUBT_NS = 20_000_000  # likewise: captures of several cards are out of order by less
_UNLIKELY = 16 << 20  # octets: a gap at the end that is larger needs an acknowledgement
_PENDING = 4 << 20  # octets of one side that may wait for those before them
_PENDING_OF_ALL = 64 << 20
_EACH = 128  # octets that a piece takes in memory beside its data
RECENT = 4096  # octets of a payload that is held against its retransmission


class Side:
    """What one end of a connection sends. `next` is the sequence number of the octet that is awaited (-1: not known),
    `count` how many were before it."""

    __slots__ = (
        "count",
        "deaf",
        "direction",
        "done",
        "doubt",
        "doubt_at",
        "fin",
        "first",
        "flow",
        "index",
        "key",
        "next",
        "other",
        "owed",
        "pending",
        "pending_octets",
        "plain",
        "recent",
    )
    other: Side

    def __init__(self, flow: Flow, index: int, key: bytes) -> None:
        self.flow = flow
        self.index = index
        self.key = key
        self.next = self.first = -1
        self.count = 0
        self.direction = Direction.REQUEST
        self.plain = False  # payload that comes in order needs no more than to be given to the Sink
        self.deaf = False  # its octets are of no interest
        self.done = False
        self.fin = -1  # how many octets are before the close
        self.pending: list[_Piece] = []
        self.pending_octets = 0
        self.doubt = self.doubt_at = 0
        self.owed = -1  # up to where the other side has acknowledged what was not seen
        self.recent: bytes | None = None  # the last payload

    def part(self) -> None:
        """Let go of the other side, when the connection is forgotten: the two would keep each other in memory."""
        del self.other


#: What waits: how many octets are before it, its octets, and how many more were not captured
_Piece = tuple[int, bytes, int]


class Reassembly:
    """Puts the segments of Sides in order. `toll` counts what does not fit."""

    def __init__(self, toll: Toll) -> None:
        self._toll = toll
        self._pending = 0

    def take(self, side: Side, at: int, sequence: int, data: bytes, size: int) -> None:
        """`size` octets, of which `data` was captured."""
        if side.next < 0:
            side.next = side.first = sequence
        ahead = (sequence - side.next) & ALL
        if ahead >= HALF:
            old = HALF * 2 - ahead
            if old > _FAR:
                self._toll.skip(STRAY)
                return
            if not (old == size == 1):  # one octet of before, without a meaning, asks whether the other end is there
                self._compare(side, old, data)
            if old >= size:
                return
            data, size, ahead = data[old:], size - old, 0
        elif ahead > _FAR:
            self._toll.skip(STRAY)
            return
        if side.fin >= 0 and side.count + ahead + size > side.fin:
            self._toll.skip(STRAY)  # behind its own close
            return
        if not ahead and not side.pending:
            self._give(side, at, data, size - len(data))
            return
        self._wait(side, side.count + ahead, data, size - len(data))
        self._drain(side, at)
        if side.pending_octets > _PENDING or self._pending > _PENDING_OF_ALL:
            while side.pending_octets > _PENDING // 2 or (side.pending and self._pending > _PENDING_OF_ALL):
                self._lose(side, at, side.pending[0][0])
                self._drain(side, at)

    def _give(self, side: Side, at: int, data: bytes, missing: int) -> None:
        count = len(data) + missing
        side.count += count
        side.next = (side.next + count) & ALL
        side.recent = data if len(data) <= RECENT and not missing else None
        if data:
            side.flow.piece(side.index, at, data)
        if missing:
            side.flow.gap(side.index, at, missing)
        if side.count == side.fin:
            self._finish(side, at)

    def _compare(self, side: Side, old: int, data: bytes) -> None:
        """Octets that begin `old` before what is awaited came again."""
        recent = side.recent
        if not recent:
            return
        if old > len(recent):
            data = data[old - len(recent) :]
        else:
            recent = recent[len(recent) - old :]
        self._differ(recent, data)

    def _differ(self, one: bytes, other: bytes) -> None:
        size = min(len(one), len(other))
        if one[:size] != other[:size]:
            self._toll.lose(DIFFERING, sum(a != b for a, b in zip(one[:size], other[:size], strict=True)))

    def _wait(self, side: Side, start: int, data: bytes, missing: int) -> None:
        """Keep a piece until what is before it has come; of octets that wait already those stay."""
        pending = side.pending
        stop = start + len(data) + missing
        at = bisect_left(pending, start, key=_start)
        if at and _stop(pending[at - 1]) > start:
            at -= 1
        while start < stop:
            if at == len(pending) or stop <= pending[at][0]:
                self._insert(side, at, start, data, stop - start - len(data))
                return
            before, octets, more = pending[at]
            if start < before:
                head = data[: before - start]
                self._insert(side, at, start, head, before - start - len(head))
                at += 1
                data, start = data[before - start :], before
            behind = before + len(octets) + more
            self._differ(octets[start - before :], data)
            data, start = data[behind - start :], behind
            at += 1

    def _insert(self, side: Side, at: int, start: int, data: bytes, missing: int) -> None:
        side.pending.insert(at, (start, data, missing))
        side.pending_octets += len(data) + _EACH
        self._pending += len(data) + _EACH

    def _drain(self, side: Side, at: int) -> None:
        """Give what waits, as far as nothing is missing before it."""
        pending = side.pending
        given = 0
        for start, data, missing in pending:
            if start > side.count:
                break
            given += 1
            side.pending_octets -= len(data) + _EACH
            self._pending -= len(data) + _EACH
            self._give(side, at, data, missing)
        del pending[:given]

    def _flush(self, side: Side, at: int, upto: int) -> None:
        """Take what is missing before what waits, as far as that begins before `upto` octets, for lost."""
        while side.pending and side.pending[0][0] < upto:
            self._lose(side, at, side.pending[0][0])
            self._drain(side, at)

    def _lose(self, side: Side, at: int, upto: int) -> None:
        """The octets up to there were not captured."""
        if upto > side.count:
            self._give(side, at, b"", upto - side.count)

    def acknowledge(self, side: Side, at: int, number: int, *, last: bool) -> None:
        """The other end has everything before `number`; `last`: it won't say more."""
        if side.next < 0:
            if side.flow.whole and side.index:
                side.next = side.first = number  # its SYN was not captured; it has sent nothing yet
            return
        ahead = (number - side.next) & ALL
        if ahead == 0 or ahead >= HALF or side.done:
            side.doubt = 0
            return
        if not side.doubt:
            side.doubt_at = at
        side.doubt += 1
        if side.count + ahead != side.owed + 1:  # by one alone the close is acknowledged, which counts as an octet
            side.owed = side.count + ahead
        if last or side.doubt >= _DOUBTS or (side.doubt > 1 and at - side.doubt_at > _DOUBT_NS):
            self._give_up(side, at)

    def _give_up(self, side: Side, at: int) -> None:
        """What the other end has acknowledged won't come any more."""
        self._flush(side, at, side.owed)
        if 0 <= side.fin < side.owed:
            self._lose(side, at, side.fin)
        elif side.owed - side.count > 1:  # one alone is the close, which counts as an octet
            self._lose(side, at, side.owed)
        side.doubt = 0

    def close(self, side: Side, at: int, sequence: int) -> None:
        """A FIN, behind which no octet comes."""
        if side.next < 0:
            side.next = side.first = sequence & ALL
        ahead = (sequence - side.next) & ALL
        if side.fin >= 0 or ahead > _FAR:
            return
        side.fin = side.count + ahead
        if not ahead:
            self._finish(side, at)

    def _finish(self, side: Side, at: int) -> None:
        if side.done:
            return
        side.done = True
        side.next = (side.next + 1) & ALL
        side.flow.finish(side.index, at)

    def leave(self, side: Side, at: int) -> None:
        """No more comes: give what waits. What is very far ahead, and was not acknowledged, was never meant."""
        while side.pending:
            start = side.pending[0][0]
            if start - side.count > _UNLIKELY and start >= side.owed:
                self._toll.skip(STRAY, len(side.pending))
                self.forget(side)
                return
            self._lose(side, at, start)
            self._drain(side, at)
        if side.doubt and side.owed - side.count <= _UNLIKELY:
            self._give_up(side, at)
        if side.count < side.fin <= side.count + _UNLIKELY:
            self._lose(side, at, side.fin)

    def forget(self, side: Side) -> None:
        self._pending -= side.pending_octets
        side.pending_octets = 0
        side.pending.clear()


def _start(piece: _Piece) -> int:
    return piece[0]


def _stop(piece: _Piece) -> int:
    return piece[0] + len(piece[1]) + piece[2]
