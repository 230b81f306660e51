"""IP: the TCP segment that a packet carries, with fragments put together.

In: a packet, and where its IP header begins. Out: a Segment, or None where there is none; what is passed over is
counted by kind. What IP says of its length counts, not the packet's: Ethernet pads short packets, and a capture may
keep only the beginning of long ones. Memory is bounded, whatever comes. (RFC 791, RFC 815, RFC 8200.)
"""

from __future__ import annotations

from bisect import bisect_left
from struct import Struct

from httpwire.capture.formats.pcap.links import UNKNOWN, ip_offset
from httpwire.capture.toll import Cost, Toll
from httpwire.language import N_

TYPE_CHECKING = False
if TYPE_CHECKING:
    #: Addresses and ports as they are in the packet, sequence number, acknowledgement, flags, a block of octets, where
    #: the payload begins, where it ends by what IP says, and where what was captured ends
    Segment = tuple[bytes, int, int, int, bytes, int, int, int]

UDP = Cost("udp", N_("UDP packets"))
QUIC = Cost("quic", N_("QUIC packets (HTTP/3)"))
OTHER_PACKETS = Cost("other-packets", N_("packets that carry neither TCP nor UDP"))
UNKNOWN_LINKS = Cost("unknown-links", N_("packets of a kind of network that can't be read here"))
MALFORMED = Cost("malformed-packets", N_("packets that are damaged, or cut within their headers"))
FRAGMENTS = Cost("fragments", N_("IP fragments whose other parts are not in the capture"))

_TCP, _UDP = 6, 17
_FRAGMENT, _AUTHENTICATION, _NOTHING = 44, 51, 59
_EXTENSIONS = (0, 43, 60, 135)  # hop-by-hop, routing, destination options, mobility
_PORTS = Struct(">HH").unpack_from
_TCP_HEADER = Struct(">IIBB").unpack_from
_HTTPS = 443

_DATAGRAMS = 256  # that are put together at once
_PIECES = 4096  # of one of them
_WHOLE = 65_535


class Network:
    """Finds TCP in packets. `toll` counts what is none."""

    def __init__(self, toll: Toll) -> None:
        self._toll = toll
        self._datagrams: dict[bytes, _Datagram] = {}

    def segment(self, link: int, data: bytes, start: int, stop: int, size: int) -> Segment | None:
        """The TCP segment in `data[start:stop]`, which was `size` octets on the wire."""
        at = ip_offset(link, data, start, stop)
        if at < 0:
            self._toll.skip(UNKNOWN_LINKS if at == UNKNOWN else OTHER_PACKETS)
            return None
        beyond = start + size - at  # octets from the IP header on, as they were on the wire
        return self._ipv4(data, at, stop, beyond) if data[at] >> 4 == 4 else self._ipv6(data, at, stop, beyond)

    def finish(self) -> None:
        """No more will come: count the fragments that are left."""
        for datagram in self._datagrams.values():
            self._toll.skip(FRAGMENTS, datagram.pieces)
        self._datagrams.clear()

    def _ipv4(self, data: bytes, at: int, stop: int, beyond: int) -> Segment | None:
        inner = at + (data[at] & 15) * 4
        if inner < at + 20 or inner > stop:
            return self._malformed()
        end = at + (data[at + 2] << 8 | data[at + 3] or beyond)  # 0 where the network card was to cut it (TSO)
        if end < inner:
            return self._malformed()
        addresses, protocol = data[at + 12 : at + 20], data[at + 9]
        fragment = data[at + 6] << 8 | data[at + 7]
        if fragment & 0x3FFF:
            key = addresses + data[at + 4 : at + 6] + bytes((protocol,))
            return self._fragment(key, protocol, fragment & 0x1FFF, fragment & 0x2000, data, inner, end, stop)
        return self._transport(addresses, protocol, data, inner, end, stop)

    def _ipv6(self, data: bytes, at: int, stop: int, beyond: int) -> Segment | None:
        inner = at + 40
        if inner > stop:
            return self._malformed()
        length = data[at + 4] << 8 | data[at + 5]
        end = inner + length if length else at + max(beyond, 40)
        addresses, protocol = data[at + 8 : at + 40], data[at + 6]
        while protocol in _EXTENSIONS or protocol in (_FRAGMENT, _AUTHENTICATION):
            if inner + 8 > stop or inner + 8 > end:
                return self._malformed()
            following, more = data[inner], data[inner + 1]
            if protocol == _FRAGMENT:
                where, key = data[inner + 2] << 8 | data[inner + 3], addresses + data[inner + 4 : inner + 8]
                inner += 8
                if where & 0xFFF9:
                    return self._fragment(key, following, where >> 3, where & 1, data, inner, end, stop)
            else:
                inner += (more + 2) * 4 if protocol == _AUTHENTICATION else (more + 1) * 8
            protocol = following
        return self._transport(addresses, protocol, data, inner, end, stop)

    def _transport(self, addresses: bytes, protocol: int, data: bytes, at: int, end: int, stop: int) -> Segment | None:
        if protocol != _TCP:
            self._other(protocol, data, at, stop)
            return None
        if at + 14 > stop or at + 20 > end:
            return self._malformed()
        sequence, acknowledged, offset, flags = _TCP_HEADER(data, at + 4)
        first = at + (offset >> 4) * 4
        if first < at + 20 or first > end:
            return self._malformed()
        return addresses + data[at : at + 4], sequence, acknowledged, flags, data, first, end, stop

    def _other(self, protocol: int, data: bytes, at: int, stop: int) -> None:
        if protocol != _UDP:
            self._toll.skip(OTHER_PACKETS)
        elif at + 9 <= stop and _HTTPS in _PORTS(data, at) and data[at + 8] & 0x40:  # RFC 9000 17: the fixed bit
            self._toll.skip(QUIC)
        else:
            self._toll.skip(UDP)

    def _malformed(self) -> Segment | None:
        self._toll.skip(MALFORMED)
        return None

    def _fragment(
        self, key: bytes, protocol: int, where: int, more: int, data: bytes, at: int, end: int, stop: int
    ) -> Segment | None:
        """A fragment that begins `where` (in units of 8 octets); gives the segment once it is whole."""
        if end > stop or end <= at or where * 8 + end - at > _WHOLE:
            return self._malformed()
        datagram = self._datagrams.get(key)
        if datagram is None:
            if len(self._datagrams) >= _DATAGRAMS:
                self._forget(next(iter(self._datagrams)))
            datagram = self._datagrams[key] = _Datagram()
        if where == 0:
            datagram.protocol = protocol
        datagram.add(where * 8, data[at:end], last=not more)
        if not datagram.is_whole:
            if datagram.pieces > _PIECES:
                self._forget(key)
            return None
        del self._datagrams[key]
        whole = bytes(datagram.octets)
        addresses = key[:32] if len(key) == 36 else key[:8]
        return self._transport(addresses, datagram.protocol, whole, 0, len(whole), len(whole))

    def _forget(self, key: bytes) -> None:
        self._toll.skip(FRAGMENTS, self._datagrams.pop(key).pieces)


class _Datagram:
    """A datagram that came in fragments; of octets that came twice the first ones count."""

    def __init__(self) -> None:
        self.octets = bytearray()
        self.pieces = 0
        self.protocol = 0
        self._size = -1  # not known before its last piece
        self._starts: list[int] = []  # stretches that are there, in order, none touching another
        self._stops: list[int] = []

    @property
    def is_whole(self) -> bool:
        return self._starts == [0] and self._stops[0] == self._size

    def add(self, start: int, piece: bytes, *, last: bool) -> None:
        stop = start + len(piece)
        self.pieces += 1
        if last and self._size < 0:
            self._size = stop
        if 0 <= self._size < stop:
            return  # it claims to be behind the end
        if len(self.octets) < stop:
            self.octets.extend(bytes(stop - len(self.octets)))
        first = bisect_left(self._stops, start)  # of the stretches that it touches
        behind, at = first, start
        while behind < len(self._starts) and self._starts[behind] <= stop:
            if at < self._starts[behind]:
                self.octets[at : self._starts[behind]] = piece[at - start : self._starts[behind] - start]
            at = max(at, self._stops[behind])
            behind += 1
        if at < stop:
            self.octets[at:stop] = piece[at - start :]
        if behind > first:
            start, stop = min(start, self._starts[first]), max(stop, self._stops[behind - 1])
        self._starts[first:behind], self._stops[first:behind] = [start], [stop]
