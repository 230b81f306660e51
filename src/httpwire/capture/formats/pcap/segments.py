"""Blocks of a pcapng file, and the TCP segments in them.

In: two endpoints, and what each sends. Out: Enhanced Packet Blocks (octets) with IPv4 or IPv6 and TCP headers,
whose numbers and checksums are right. There is no link layer: an address of one would be invented.
Blocks: draft-ietf-opsawg-pcapng; headers: RFC 791, RFC 8200, RFC 9293.
"""

from __future__ import annotations

from struct import Struct

from httpwire.capture.formats.pcap.packets import REMARK

TYPE_CHECKING = False
if TYPE_CHECKING:
    from httpwire.capture.formats.pcap.endpoints import Endpoint

SYN, FIN, PSH, ACK = 0x02, 0x01, 0x08, 0x10
_RAW = 101  # LINKTYPE_RAW: a packet begins with its IP header
_TLS_KEY_LOG = 0x544C534B
_COMMENT, _APPLICATION, _RESOLUTION = 1, 4, 9  # options
_LONGEST_OPTION = 0xFFFF
_AROUND = 32  # octets of an Enhanced Packet Block beside its packet and options
#: Where sequence numbers begin, of client and server: fixed, so that the same capture gives the same file.
FIRST = (0x10000000, 0x20000000)
_SEQUENCE = 0xFFFFFFFF
_WINDOW = 0xFFFF
_SCALE = 7  # 8 MiB of window: more than one event ever has
_PACKET = Struct("<IIIIIII")
_V4 = Struct(">BBHHHBBH4s4s")
_V6 = Struct(">IHBB16s16s")
_TCP = Struct(">HHIIBBHHH")
_HEADER = 20  # octets of a TCP header, without options
_V4_HEADER = 20
_TCP_NUMBER = 6
_HOPS = 64
_V4_WORDS = (0x45, 0, 0, 0, 0x4000, _HOPS, _TCP_NUMBER, 0)  # not to be fragmented; without length and checksum


def beginning() -> bytes:
    """The blocks before the first packet: one interface, times in ns."""
    section = b"\x4d\x3c\x2b\x1a\x01\0\0\0" + b"\xff" * 8 + _option(_APPLICATION, b"httpwire") + bytes(4)
    interface = _RAW.to_bytes(4, "little") + bytes(4) + _option(_RESOLUTION, b"\x09") + bytes(4)
    return _block(0x0A0D0D0A, section) + _block(1, interface)


def secrets(lines: bytes) -> bytes:
    """A Decryption Secrets Block with lines of an NSS key log."""
    head = _TLS_KEY_LOG.to_bytes(4, "little") + len(lines).to_bytes(4, "little")
    return _block(10, head + lines + bytes(-len(lines) % 4))


def _option(code: int, value: bytes) -> bytes:
    return code.to_bytes(2, "little") + len(value).to_bytes(2, "little") + value + bytes(-len(value) % 4)


def _block(kind: int, body: bytes) -> bytes:
    length = (len(body) + 12).to_bytes(4, "little")
    return b"".join((kind.to_bytes(4, "little"), length, body, length))


def _sum(octets: bytes | memoryview) -> int:
    """The sum of 16-bit words that checksums are made of (RFC 1071). 65536 is 1 modulo 65535, so the remainder of
    one large number is the sum of its words; nothing else in Python is as fast."""
    remainder = int.from_bytes(octets, "big") % 0xFFFF
    return remainder << 8 if len(octets) & 1 else remainder


class Side:
    """One direction of a connection. `due` is when an ACK of what the other side sent became due (ns since 1970), None
    where none is."""

    __slots__ = ("_addresses", "_ip", "_ports", "_tcp", "_v4", "due", "next", "remark", "seen")

    def __init__(self, source: Endpoint, destination: Endpoint, first: int) -> None:
        self.next = self.seen = first  #: the number of its next octet, and the one behind what was in packets
        self.due: int | None = None
        self.remark = b""  #: what the comment of its next octets has to say
        self._ports = source.port, destination.port
        self._addresses = source.address, destination.address
        self._v4 = len(source.address) == 4
        #: What is the same in the sums of all headers
        self._tcp = _sum(source.address) + _sum(destination.address) + _TCP_NUMBER + sum(self._ports) + _WINDOW
        self._ip = _sum(_V4.pack(*_V4_WORDS, *self._addresses)) if self._v4 else 0

    @property
    def most(self) -> int:
        """How many octets a segment may have: as many as IP's length has room for, as on a loopback interface, so that
        what one read returned is one segment wherever it can be."""
        return 0xFFFF - _HEADER - (_V4_HEADER if self._v4 else 0)

    @property
    def skipped(self) -> int:
        """How many octets that nobody saw are between the last packet and the next one."""
        return (self.next - self.seen) & _SEQUENCE

    def skip(self, count: int) -> None:
        """Leave out octets that nobody saw."""
        self.next = (self.next + count) & _SEQUENCE

    def acknowledge(self, other: Side, at_ns: int, says: bytes = b"", *, ahead: bool = False) -> bytes:
        """The block of an ACK without octets; with `ahead` it shows that octets were skipped."""
        self.due = None
        if ahead and self.remark:
            says = b" ".join(word for word in (self.remark, says) if word)
        return self._block(other, at_ns, self.next if ahead else self.seen, ACK, b"", says)

    def packet(self, other: Side, at_ns: int, flags: int, data: bytes | memoryview = b"", says: bytes = b"") -> bytes:
        """The block of the next segment, with an octet at least, SYN or FIN; `other` is whom its ACK is for. `says` is
        for its comment."""
        if self.remark:
            says = b" ".join(word for word in (self.remark, says) if word)
            self.remark = b""
        block = self._block(other, at_ns, self.next, flags, data, says)
        self.next = self.seen = (self.next + len(data) + bool(flags & (SYN | FIN))) & _SEQUENCE
        self.due = None
        other.due = at_ns
        return block

    def _block(self, other: Side, at_ns: int, number: int, flags: int, data: bytes | memoryview, says: bytes) -> bytes:
        options = b""
        if flags & SYN:
            options = b"\x02\x04" + self.most.to_bytes(2, "big") + b"\x01\x03\x03" + bytes((_SCALE,))
        header = _HEADER + len(options)
        size = header + len(data)
        seen = other.seen if flags & ACK else 0
        numbers = (number >> 16) + (number & 0xFFFF) + (seen >> 16) + (seen & 0xFFFF)
        check = -(self._tcp + size + numbers + (header << 10 | flags) + _sum(options) + _sum(data)) % 0xFFFF
        tcp = _TCP.pack(*self._ports, number, seen, header << 2, flags, _WINDOW, check, 0)
        ip = self._ip_header(size)
        length = len(ip) + size
        more = _option(_COMMENT, (REMARK + says)[:_LONGEST_OPTION]) + bytes(4) if says else b""
        padding = bytes(-length % 4)
        whole = _AROUND + length + len(padding) + len(more)
        moment = max(at_ns, 0)
        head = _PACKET.pack(6, whole, 0, moment >> 32 & 0xFFFFFFFF, moment & 0xFFFFFFFF, length, length)
        return b"".join((head, ip, tcp, options, data, padding, more, whole.to_bytes(4, "little")))

    def _ip_header(self, size: int) -> bytes:
        if not self._v4:
            return _V6.pack(0x60000000, size, _TCP_NUMBER, _HOPS, *self._addresses)
        version, service, _, number, fragment, hops, protocol, _ = _V4_WORDS
        whole = _V4_HEADER + size
        check = -(self._ip + whole) % 0xFFFF
        return _V4.pack(version, service, whole, number, fragment, hops, protocol, check, *self._addresses)
