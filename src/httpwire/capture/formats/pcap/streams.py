"""TCP: the octets of both sides of each connection, in order, out of packets.

In: packets. Out: Flows, which are given each payload once, as it could be read by whom it was sent to: of octets that
came twice the first ones count, and what was not captured is a gap, once the other side has acknowledged it, too
much waits behind it, or no more comes. Memory is bounded, whatever comes. (RFC 9293.)
"""

from __future__ import annotations

from collections import deque
from functools import lru_cache, partial
from struct import Struct

from httpwire.capture.formats.pcap.flows import Book, Flow
from httpwire.capture.formats.pcap.links import ETHERNET, IPV4, RAW
from httpwire.capture.formats.pcap.network import Network
from httpwire.capture.formats.pcap.reassembly import ALL, HALF, RECENT, STRAY, Reassembly, Side
from httpwire.capture.model import Ending, EventKind
from httpwire.capture.toll import Cost, Toll
from httpwire.language import N_
from httpwire.wire.element import Direction

TYPE_CHECKING = False
if TYPE_CHECKING:
    from httpwire.capture.formats.pcap.packets import Packets
    from httpwire.capture.traffic import Sink

FORGOTTEN = Cost("forgotten-connections", N_("connections cut short here, as too many were open at once"))

_FIN, _SYN, _RST, _ACK = 1, 2, 4, 16
_RESET_FAR = 1 << 20  # a reset that is further from what was reached is not believed
_OPEN = 32_768  # connections that are open at once
_CLOSED = 4096  # that are remembered, so that what still comes for them is no new one

#: From an IPv4 header without options on: version and length, total length, fragment, protocol, addresses and ports,
#: sequence number, acknowledgement, offset, flags
_PLAIN = Struct(">BxHxxHxB2x12sIIBB")
_ETHERNET_HEADER = 14


class Streams:
    """Takes packets; connections go to `sink`, costs to `toll`."""

    def __init__(self, sink: Sink, toll: Toll) -> None:
        self.book = Book(sink, toll)
        self._toll = toll
        self._network = Network(toll)
        self._sides: dict[bytes, Side] = {}
        self._closed: deque[Side] = deque()
        self._open = 0
        self._order = Reassembly(toll)
        self._ours = False
        self._said: dict[str, str] = {}  # what httpwire said of the packet that is looked at

    def take(self, packets: Packets) -> None:
        """Take all `packets`. What raises leaves everything before it taken. Raises what they do; SaveFailed."""
        plain, sides, event = _PLAIN.unpack_from, self._sides, self.book.sink.event
        segment, slow, kind = self._network.segment, self._segment, EventKind.SEGMENT
        for packet in packets:
            at, link, data, start, stop, size = packet
            said = packets.remark
            raw = link in RAW
            ip = start if raw else start + _ETHERNET_HEADER
            if stop - ip >= _PLAIN.size and (raw or (link == ETHERNET and data[ip - 2 : ip] == IPV4)):
                version, total, fragment, protocol, key, sequence, acknowledged, offset, flags = plain(data, ip)
                first, end = ip + 20 + (offset >> 4) * 4, ip + total
                usual = version == 0x45 and protocol == 6 and not fragment & 0x3FFF and ip + 40 <= first <= end
            else:
                usual = False
            if not usual:
                found = segment(link, data, start, stop, size)
                if found is None:
                    continue
                key, sequence, acknowledged, flags, data, first, end, stop = found
            side = sides.get(key)
            if said:
                self._said = dict(word.partition("=")[::2] for word in said.decode("utf-8", "replace").split(" "))
            if side is not None and side.plain and flags & 0x17 == _ACK and end <= stop and not said:
                reached = side.other.next
                if acknowledged == reached or (acknowledged - reached) & ALL >= HALF:
                    if first == end:
                        continue
                    if sequence == side.next:
                        octets = data[first:end]
                        size = end - first
                        side.next = (sequence + size) & ALL
                        side.count += size
                        side.recent = octets if size <= RECENT else None
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
            self._ours = packets.ours
            slow(at, key, side, sequence, acknowledged, flags, data, first, end, stop)
            self._said = {}

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
        side: Side | None,
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
            sequence = (sequence + 1) & ALL
        elif side is None:
            if not size or flags & _RST:
                return  # a connection without its beginning begins with octets
            side = self._meet(at, key, None)
        flow, other = side.flow, side.other
        if flow.closed:
            return
        if "ending" in self._said:
            flow.says |= self._said
        if at < flow.last:
            at = flow.last
        else:
            flow.last = at
        if flow.one_sided and side.index:
            flow.one_sided = False
        if flags & _ACK:
            self._order.acknowledge(other, at, acknowledged, last=bool(flags & _FIN))
        if flags & _RST:
            self._reset(side, at, sequence)
            return
        if side.deaf:
            flow.octets += size
            side.done = side.done or bool(flags & _FIN)
        else:
            if size:
                self._order.take(side, at, sequence, data[first : min(end, stop)], size)
            if flags & _FIN:
                self._order.close(side, at, sequence + size)
        self._settle(side)

    def _settle(self, side: Side) -> None:
        """See whether what comes next has the short way."""
        flow, other = side.flow, side.other
        if side.done and other.done:
            self._end(side, flow.last, Ending.CLOSED)
        if not flow.live:
            if flow.deaf and not side.deaf:
                self._order.forget(side)
                self._order.forget(other)
                side.deaf = other.deaf = True
            return
        open_ = not flow.closed
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

    # Beginnings.

    def _greet(self, at: int, key: bytes, side: Side | None, sequence: int, acknowledged: int, flags: int) -> Side:
        """The side that sent a SYN: a new one, unless it is sent again."""
        begin = (sequence + 1) & ALL
        if side is not None and side.flow.closed and flags & _ACK and side.first == begin:
            return side
        if side is not None and not side.flow.closed:
            if side.first == begin and not side.other.count:
                return side
            if side.next < 0 and flags & _ACK:
                side.next = side.first = begin
                side.flow.connected = max(at, side.flow.last)
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
            side.flow.connected = max(at, side.flow.last)
        else:
            side = self._meet(at, key, begin)
            side.flow.says, side.flow.ours = self._said, self._ours
        side.next = side.first = begin
        return side

    def _meet(self, at: int, key: bytes, begin: int | None) -> Side:
        """A new connection of the sender `key`; `begin` is its first octet's number, where it is the client."""
        if self._open >= _OPEN:
            self._forget()
        flow = Flow(self.book, at, partial(addresses, key), whole=begin is not None)
        side, other = Side(flow, 0, key), Side(flow, 1, reverse(key))
        side.other, other.other = other, side
        if begin is not None:
            side.next = side.first = begin
        self._sides[key], self._sides[other.key] = side, other
        self._open += 1
        return side

    # Ends.

    def _reset(self, side: Side, at: int, sequence: int) -> None:
        if side.next >= 0 and _RESET_FAR < (sequence - side.next) & ALL < ALL - _RESET_FAR:
            self._toll.skip(STRAY)
            return
        by_client = side.index == side.flow.client
        self._end(side, at, Ending.GIVEN_UP if by_client else Ending.FAILED)

    def _end(self, side: Side, at: int, ending: Ending) -> None:
        """The connection is over."""
        flow = side.flow
        sides = (side, side.other) if side.index == flow.client else (side.other, side)
        for each in sides:
            self._order.leave(each, at)
            each.plain = False
        flow.end(at, ending)
        self._open -= 1
        for each in sides:
            each.recent = None
            self._closed.append(each)
        while len(self._closed) > 2 * _CLOSED:
            pair = self._closed.popleft(), self._closed.popleft()
            for each in pair:
                if self._sides.get(each.key) is each:
                    del self._sides[each.key]
                each.part()

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


@lru_cache(1024)
def address(octets: bytes) -> str:
    """An IP address as it is written in a URL."""
    if len(octets) == 4:
        return ".".join(map(str, octets))
    from ipaddress import IPv6Address

    return f"[{IPv6Address(octets)}]"


def _last(side: Side) -> int:
    return side.flow.last
