"""Packets made by hand, and the files that hold them; nothing of httpwire takes part."""

from __future__ import annotations

import ipaddress
import random
import struct
from dataclasses import dataclass, field

from captures import Told
from httpwire.capture.model import EventKind
from httpwire.wire.element import Direction

FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16
C, S = "client", "server"  # the sides of a Talk
CLIENT, SERVER = ("10.0.0.1", 40000), ("10.0.0.2", 80)
BEGAN = 1_700_000_000_000_000_000
STEP = 1_000_000  # ns between packets

REQUEST = b"GET /a HTTP/1.1\r\nHost: a.test\r\n\r\n"
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\nhello, world"

End = tuple[str, int]


def tcp(source: End, target: End, seq: int, ack: int, flags: int, data: bytes = b"", *, options: bytes = b"") -> bytes:
    header = struct.pack(
        ">HHIIBBHHH",
        source[1],
        target[1],
        seq & 0xFFFFFFFF,
        ack & 0xFFFFFFFF,
        (5 + len(options) // 4) << 4,
        flags,
        65535,
        0,
        0,
    )
    return header + options + data


def ipv4(
    source: End,
    target: End,
    payload: bytes,
    *,
    options: bytes = b"",
    ident: int = 1,
    fragment: int = 0,
    total: int = -1,
) -> bytes:
    size = 20 + len(options) + len(payload) if total < 0 else total
    return (
        struct.pack(">BBHHHBBH", 0x45 + len(options) // 4, 0, size, ident, fragment, 64, 6, 0)
        + ipaddress.IPv4Address(source[0]).packed
        + ipaddress.IPv4Address(target[0]).packed
        + options
        + payload
    )


def ipv6(source: End, target: End, payload: bytes, *, following: int = 6) -> bytes:
    return (
        struct.pack(">IHBB", 6 << 28, len(payload), following, 64)
        + ipaddress.IPv6Address(source[0]).packed
        + ipaddress.IPv6Address(target[0]).packed
        + payload
    )


def ethernet(payload: bytes, *, tags: bytes = b"") -> bytes:
    kind = b"\x08\x00" if payload[0] >> 4 == 4 else b"\x86\xdd"
    return bytes(12) + tags + kind + payload


@dataclass
class Talk:
    """A TCP connection that is played; `packets` are IP packets in the order of the capture."""

    client: End = CLIENT
    server: End = SERVER
    at: dict[str, int] = field(default_factory=lambda: {C: 1000, S: 5000})
    packets: list[bytes] = field(default_factory=list)

    def segment(self, side: str, seq: int, data: bytes = b"", flags: int = ACK) -> bytes:
        """A segment, which is not put anywhere."""
        ends = (self.client, self.server) if side == C else (self.server, self.client)
        ip = ipv6 if ":" in self.client[0] else ipv4
        return ip(*ends, tcp(*ends, seq, self.at[S if side == C else C], flags, data))

    def put(self, side: str, data: bytes = b"", flags: int = ACK, *, keep: bool = True) -> bytes:
        """The next segment of one side; without `keep` it is not captured."""
        packet = self.segment(side, self.at[side], data, flags)
        self.at[side] += len(data) + bool(flags & SYN) + bool(flags & FIN)
        if keep:
            self.packets.append(packet)
        return packet

    def greet(self) -> Talk:
        self.put(C, flags=SYN)
        self.put(S, flags=SYN | ACK)
        self.put(C)
        return self

    def leave(self) -> Talk:
        self.put(C, flags=FIN | ACK)
        self.put(S, flags=FIN | ACK)
        self.put(C)
        return self


def talk(request: bytes = REQUEST, answer: bytes = ANSWER, *, ends: tuple[End, End] = (CLIENT, SERVER)) -> Talk:
    """A whole connection with one exchange."""
    made = Talk(*ends).greet()
    made.put(C, request)
    made.put(S)
    made.put(S, answer)
    made.put(C)
    return made.leave()


def pcap(
    packets: list[bytes], *, link: int = 1, order: str = "<", magic: int = 0xA1B2C3D4, snap: int = 262144
) -> bytes:
    """A pcap file; packets are a millisecond apart."""
    unit = 1 if magic == 0xA1B23C4D else 1000
    octets = bytearray(struct.pack(order + "IHHiIII", magic, 2, 4, 0, 0, snap, link))
    for number, packet in enumerate(packets):
        seconds, ns = divmod(BEGAN + number * STEP, 10**9)
        taken = packet[:snap]
        octets += struct.pack(order + "IIII", seconds, ns // unit, len(taken), len(packet))
        octets += bytes(8) * (magic == 0xA1B2CD34) + taken
    return bytes(octets)


def block(kind: int, content: bytes, order: str = "<") -> bytes:
    content += bytes(-len(content) % 4)
    size = struct.pack(order + "I", len(content) + 12)
    return struct.pack(order + "I", kind) + size + content + size


def section(order: str = "<") -> bytes:
    return block(0x0A0D0D0A, struct.pack(order + "IHHq", 0x1A2B3C4D, 1, 0, -1), order)


def interface(link: int = 1, order: str = "<", *, snap: int = 0, options: bytes = b"") -> bytes:
    return block(1, struct.pack(order + "HHI", link, 0, snap) + options, order)


def enhanced(
    packet: bytes, units: int, order: str = "<", *, number: int = 0, options: bytes = b"", size: int = 0
) -> bytes:
    head = struct.pack(order + "IIIII", number, units >> 32, units & 0xFFFFFFFF, len(packet), size or len(packet))
    return block(6, head + packet + bytes(-len(packet) % 4) + options, order)


def pcapng(packets: list[bytes], *, link: int = 1, order: str = "<") -> bytes:
    made = [section(order), interface(link, order)]
    made += [enhanced(packet, (BEGAN + number * STEP) // 1000, order) for number, packet in enumerate(packets)]
    return b"".join(made)


class Heard(Told):
    """A Sink that remembers, gaps too."""

    def stream(self, direction: Direction, connection: int = 0) -> bytes:
        """What went in one direction, with a mark where there is a gap."""
        pieces = []
        for _, side, kind, data in self.events[connection]:
            if side is direction and kind is EventKind.SEGMENT:
                pieces.append(data)
            elif side is direction and kind is EventKind.GAP:
                pieces.append(b"<" + data + b">")
        return b"".join(pieces)

    def kinds(self, connection: int = 0) -> list[str]:
        """What happened, each run of segments once."""
        kinds: list[str] = []
        for _, side, kind, data in self.events[connection]:
            word = f"{side.value} {kind.value}" if side else kind.value
            word += f" {data.decode()}" if kind is EventKind.ENDED else ""
            if not kinds or kinds[-1] != word:
                kinds.append(word)
        return kinds


def shuffled(packets: list[bytes], seed: int, reach: int) -> list[bytes]:
    """The packets, each at most about `reach` places from its own."""
    dice = random.Random(seed)
    places = [(number + dice.random() * reach, packet) for number, packet in enumerate(packets)]
    return [packet for _, packet in sorted(places, key=lambda place: place[0])]
