"""TCP: the octets of both sides of each connection, in order, out of packets.

In: packets. Out: Flows, which are given each payload once, as it could be read by whom it was sent to: of octets that
came twice the first ones count, and what was not captured is a gap, once the other side has acknowledged it, too
much waits behind it, or no more comes. Memory is bounded, whatever comes. (RFC 9293.)
"""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from functools import partial
from struct import Struct

from httpwire.capture.formats.pcap.flows import Book, Flow
from httpwire.capture.formats.pcap.links import ETHERNET
from httpwire.capture.formats.pcap.network import Network
from httpwire.capture.model import Ending, EventKind
from httpwire.capture.toll import Cost, Toll
from httpwire.language import N_
from httpwire.wire.element import Direction

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from httpwire.capture.formats.pcap.packets import Packet
    from httpwire.capture.traffic import Sink

DIFFERING = Cost("differing-octets", N_("bytes that were sent again with other values; the first ones are kept"))
STRAY = Cost("stray-packets", N_("TCP packets far outside of what their connection had reached"))
FORGOTTEN = Cost("forgotten-connections", N_("connections cut short here, as too many were open at once"))

_FIN, _SYN, _RST, _ACK = 1, 2, 4, 16
_ALL = 0xFFFFFFFF
_HALF = 0x80000000
_FAR = 1 << 30  # the largest window (RFC 7323 2.3): what is further ahead can't be meant
_RESET_FAR = 1 << 20  # a reset that is further from what was reached is not believed
_DOUBTS = 8  # acknowledgements of what was not seen, after which it won't come any more
_DOUBT_NS = 20_000_000  # likewise: captures of several cards are out of order by less
_UNLIKELY = 16 << 20  # octets: a gap at the end that is larger needs an acknowledgement
_PENDING = 4 << 20  # octets of one side that may wait for those before them
_PENDING_OF_ALL = 64 << 20
_EACH = 128  # octets that a piece takes in memory beside its data
_RECENT = 4096  # octets of a payload that is held against its retransmission
_OPEN = 32_768  # connections that are open at once
_CLOSED = 4096  # that are remembered, so that what still comes for them is no new one

#: From the EtherType on: it, version and length of IP's header, total length, fragment, protocol, addresses and ports,
#: sequence number, acknowledgement, offset, flags
_PLAIN = Struct(">HBxHxxHxB2x12sIIBB")
_PLAIN_TO = 12 + _PLAIN.size


class _Side:
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
    other: _Side

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


#: What waits: how many octets are before it, its octets, and how many more were not captured
_Piece = tuple[int, bytes, int]


class Streams:
    """Takes packets; connections go to `sink`, costs to `toll`."""

    def __init__(self, sink: Sink, toll: Toll) -> None:
        self.book = Book(sink, toll)
        self._toll = toll
        self._network = Network(toll)
        self._sides: dict[bytes, _Side] = {}
        self._closed: deque[_Side] = deque()
        self._open = 0
        self._pending = 0

    def take(self, packets: Iterable[Packet]) -> None:
        """Take all `packets`. What raises leaves everything before it taken. Raises what they do; SaveFailed."""
        plain, sides, event = _PLAIN.unpack_from, self._sides, self.book.sink.event
        segment, slow, kind = self._network.segment, self._segment, EventKind.SEGMENT
        for packet in packets:
            at, link, data, start, stop, size = packet
            if link == ETHERNET and stop - start >= _PLAIN_TO:
                inner, version, total, fragment, protocol, key, sequence, acknowledged, offset, flags = plain(
                    data, start + 12
                )
                first, end = start + 34 + (offset >> 4) * 4, start + 14 + total
                if (
                    inner != 0x0800
                    or version != 0x45
                    or protocol != 6
                    or fragment & 0x3FFF
                    or not start + 54 <= first <= end
                ):
                    found = segment(link, data, start, stop, size)
                    if found is None:
                        continue
                    key, sequence, acknowledged, flags, data, first, end, stop = found
            else:
                found = segment(link, data, start, stop, size)
                if found is None:
                    continue
                key, sequence, acknowledged, flags, data, first, end, stop = found
            side = sides.get(key)
            if side is not None and side.plain and flags & 0x17 == _ACK and end <= stop:
                reached = side.other.next
                if acknowledged == reached or (acknowledged - reached) & _ALL >= _HALF:
                    if first == end:
                        continue
                    if sequence == side.next:
                        octets = data[first:end]
                        size = end - first
                        side.next = (sequence + size) & _ALL
                        side.count += size
                        side.recent = octets if size <= _RECENT else None
                        flow = side.flow
                        if at < flow.last:
                            at = flow.last
                        else:
                            flow.last = at
                        event(flow.number, at - flow.began, side.direction, kind, octets)
                        continue
            if side is not None and side.deaf and not flags & 7:
                side.flow.octets += end - first
                continue
            slow(at, key, side, sequence, acknowledged, flags, data, first, end, stop)

    def finish(self) -> None:
        """No more will come: end what is open. Raises SaveFailed."""
        self._network.finish()
        for side in list(self._sides.values()):
            if not side.flow.closed:
                self._end(side, side.flow.last, Ending.UNSEEN)
        self._sides.clear()
        self._closed.clear()

    def _segment(
        self,
        at: int,
        key: bytes,
        side: _Side | None,
        sequence: int,
        acknowledged: int,
        flags: int,
        data: bytes,
        first: int,
        end: int,
        stop: int,
    ) -> None:
        """A segment for which there is more to do than to give its payload away."""
        size = end - first
        if flags & _SYN:
            side = self._greet(at, key, side, sequence, acknowledged, flags)
            sequence = (sequence + 1) & _ALL
        elif side is None:
            if not size or flags & _RST:
                return  # a connection without its beginning begins with octets
            side = self._meet(at, key, None)
        flow, other = side.flow, side.other
        if flow.closed:
            return
        if at < flow.last:
            at = flow.last
        else:
            flow.last = at
        if flow.one_sided and side.index:
            flow.one_sided = False
        if flags & _ACK:
            self._acknowledge(other, at, acknowledged)
        if flags & _RST:
            self._reset(side, at, sequence)
            return
        if side.deaf:
            flow.octets += size
            side.done = side.done or bool(flags & _FIN)
        else:
            if size:
                self._data(side, at, sequence, data[first : min(end, stop)], size)
            if flags & _FIN:
                self._close(side, at, sequence + size)
        self._settle(side)

    def _settle(self, side: _Side) -> None:
        """See whether what comes next has the short way."""
        flow, other = side.flow, side.other
        if side.done and other.done:
            self._end(side, flow.last, Ending.CLOSED)
        if flow.deaf and not side.deaf:
            self._forget_pending(side)
            self._forget_pending(other)
            side.deaf = other.deaf = True
        open_ = flow.live and not flow.closed
        for each, opposite in ((side, other), (other, side)):
            each.plain = (
                open_
                and each.next >= 0
                and opposite.next >= 0
                and not each.pending
                and each.fin < 0
                and not opposite.doubt
            )
            if open_:
                each.direction = Direction.REQUEST if each.index == flow.client else Direction.RESPONSE

    def _forget_pending(self, side: _Side) -> None:
        self._pending -= side.pending_octets
        side.pending_octets = 0
        side.pending.clear()

    # Beginnings.

    def _greet(self, at: int, key: bytes, side: _Side | None, sequence: int, acknowledged: int, flags: int) -> _Side:
        """The side that sent a SYN: a new one, unless it is sent again."""
        begin = (sequence + 1) & _ALL
        if side is not None and side.flow.closed and flags & _ACK and side.first == begin:
            return side
        if side is not None and not side.flow.closed:
            if side.first == begin and not side.other.count:
                return side
            if side.next < 0 and flags & _ACK:
                side.next = side.first = begin
                side.flow.connected = at
                return side
            if side.next >= 0 and not side.count and not side.other.count and not flags & _ACK:
                # Tried once more before anything was answered: some systems take a new number then.
                side.next = side.first = begin
                return side
        if side is not None and not side.flow.closed:
            self._end(side, max(at, side.flow.last), Ending.UNSEEN)
        if flags & _ACK:
            client = self._meet(at, reverse(key), acknowledged)
            side = client.other
            side.flow.connected = at
        else:
            side = self._meet(at, key, begin)
        side.next = side.first = begin
        return side

    def _meet(self, at: int, key: bytes, begin: int | None) -> _Side:
        """A new connection of the sender `key`; `begin` is its first octet's number, where it is the client."""
        if self._open >= _OPEN:
            self._forget()
        flow = Flow(self.book, at, partial(addresses, key), whole=begin is not None)
        side, other = _Side(flow, 0, key), _Side(flow, 1, reverse(key))
        side.other, other.other = other, side
        if begin is not None:
            side.next = side.first = begin
        self._sides[key], self._sides[other.key] = side, other
        self._open += 1
        return side

    # What goes.

    def _data(self, side: _Side, at: int, sequence: int, data: bytes, size: int) -> None:
        """`size` octets, of which `data` was captured."""
        if side.next < 0:
            side.next = side.first = sequence
        ahead = (sequence - side.next) & _ALL
        if ahead >= _HALF:
            old = _HALF * 2 - ahead
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

    def _give(self, side: _Side, at: int, data: bytes, missing: int) -> None:
        count = len(data) + missing
        side.count += count
        side.next = (side.next + count) & _ALL
        side.recent = data if len(data) <= _RECENT and not missing else None
        if data:
            side.flow.piece(side.index, at, data)
        if missing:
            side.flow.gap(side.index, at, missing)
        if side.count == side.fin:
            self._finish(side, at)

    def _compare(self, side: _Side, old: int, data: bytes) -> None:
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

    def _wait(self, side: _Side, start: int, data: bytes, missing: int) -> None:
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

    def _insert(self, side: _Side, at: int, start: int, data: bytes, missing: int) -> None:
        side.pending.insert(at, (start, data, missing))
        side.pending_octets += len(data) + _EACH
        self._pending += len(data) + _EACH

    def _drain(self, side: _Side, at: int) -> None:
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

    def _flush(self, side: _Side, at: int, upto: int) -> None:
        """Take what is missing before what waits, as far as that begins before `upto` octets, for lost."""
        while side.pending and side.pending[0][0] < upto:
            self._lose(side, at, side.pending[0][0])
            self._drain(side, at)

    def _lose(self, side: _Side, at: int, upto: int) -> None:
        """The octets up to there were not captured."""
        if upto > side.count:
            self._give(side, at, b"", upto - side.count)

    def _acknowledge(self, side: _Side, at: int, number: int) -> None:
        """The other end has everything before `number`."""
        if side.next < 0:
            if side.flow.whole and side.index:
                side.next = side.first = number  # its SYN was not captured; it has sent nothing yet
            return
        ahead = (number - side.next) & _ALL
        if ahead == 0 or ahead >= _HALF or side.done:
            side.doubt = 0
            return
        if not side.doubt:
            side.doubt_at = at
        side.doubt += 1
        side.owed = side.count + ahead
        if side.doubt >= _DOUBTS or (side.doubt > 1 and at - side.doubt_at > _DOUBT_NS):
            self._give_up(side, at)

    def _give_up(self, side: _Side, at: int) -> None:
        """What the other end has acknowledged won't come any more."""
        self._flush(side, at, side.owed)
        if 0 <= side.fin < side.owed:
            self._lose(side, at, side.fin)
        elif side.owed - side.count > 1:  # one alone is the close, which counts as an octet
            self._lose(side, at, side.owed)
        side.doubt = 0

    # Ends.

    def _close(self, side: _Side, at: int, sequence: int) -> None:
        """A FIN, behind which no octet comes."""
        if side.next < 0:
            side.next = side.first = sequence & _ALL
        ahead = (sequence - side.next) & _ALL
        if side.fin >= 0 or ahead > _FAR:
            return
        side.fin = side.count + ahead
        if not ahead:
            self._finish(side, at)

    def _finish(self, side: _Side, at: int) -> None:
        if side.done:
            return
        side.done = True
        side.next = (side.next + 1) & _ALL
        side.flow.finish(side.index, at)

    def _reset(self, side: _Side, at: int, sequence: int) -> None:
        if side.next >= 0 and _RESET_FAR < (sequence - side.next) & _ALL < _ALL - _RESET_FAR:
            self._toll.skip(STRAY)
            return
        by_client = side.index == side.flow.client
        self._end(side, at, Ending.GIVEN_UP if by_client else Ending.FAILED)

    def _end(self, side: _Side, at: int, ending: Ending) -> None:
        """The connection is over."""
        flow = side.flow
        sides = (side, side.other) if side.index == flow.client else (side.other, side)
        for each in sides:
            self._leave(each, at)
            each.plain = False
        flow.end(at, ending)
        self._open -= 1
        for each in sides:
            each.recent = None
            self._closed.append(each)
        while len(self._closed) > 2 * _CLOSED:
            each = self._closed.popleft()
            if self._sides.get(each.key) is each:
                del self._sides[each.key]

    def _leave(self, side: _Side, at: int) -> None:
        """No more comes: give what waits. What is very far ahead, and was not acknowledged, was never meant."""
        while side.pending:
            start = side.pending[0][0]
            if start - side.count > _UNLIKELY and start >= side.owed:
                self._toll.skip(STRAY, len(side.pending))
                self._forget_pending(side)
                return
            self._lose(side, at, start)
            self._drain(side, at)
        if side.doubt and side.owed - side.count <= _UNLIKELY:
            self._give_up(side, at)
        if side.count < side.fin <= side.count + _UNLIKELY:
            self._lose(side, at, side.fin)

    def _forget(self) -> None:
        """Too many connections are open: end those on which nothing has happened for longest."""
        flows = [side for side in self._sides.values() if not side.index and not side.flow.closed]
        flows.sort(key=_last)
        for side in flows[: _OPEN // 4]:
            if side.flow.octets or side.flow.live:
                self._toll.lose(FORGOTTEN)
            self._end(side, side.flow.last, Ending.UNSEEN)


def reverse(key: bytes) -> bytes:
    """The key of the other direction: addresses and ports the other way round."""
    size = len(key) // 2 - 2
    return key[size : 2 * size] + key[:size] + key[-2:] + key[-4:-2]


def addresses(key: bytes) -> tuple[str, str]:
    """The addresses of both ends, the sender's first: "127.0.0.1:80", "[::1]:80"."""
    size = len(key) // 2 - 2
    one, other = address(key[:size]), address(key[size : 2 * size])
    return f"{one}:{key[-4] << 8 | key[-3]}", f"{other}:{key[-2] << 8 | key[-1]}"


def address(octets: bytes) -> str:
    """An IP address as it is written in a URL."""
    if len(octets) == 4:
        return ".".join(map(str, octets))
    from ipaddress import IPv6Address

    return f"[{IPv6Address(octets)}]"


def _start(piece: _Piece) -> int:
    return piece[0]


def _stop(piece: _Piece) -> int:
    return piece[0] + len(piece[1]) + piece[2]


def _last(side: _Side) -> int:
    return side.flow.last
