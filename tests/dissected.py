"""A reader of what httpwire writes as pcapng, for tests: blocks, packets, and the streams that they make."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

SYN, FIN, RST, ACK = 2, 1, 4, 16


@dataclass
class Packet:
    """One TCP segment; `at_ns` since 1970, `ends` are (address, port) of sender and receiver."""

    at_ns: int
    ends: tuple[tuple[bytes, int], tuple[bytes, int]]
    number: int
    acknowledged: int
    flags: int
    data: bytes
    comment: str


@dataclass
class Stream:
    """One connection; `log` has (side, octets) as they came, None for octets that are missing."""

    packets: list[Packet] = field(default_factory=list)
    log: list[tuple[int, bytes | None]] = field(default_factory=list)

    def octets(self, side: int) -> bytes:
        return b"".join(data for sender, data in self.log if sender == side and data)

    @property
    def gaps(self) -> int:
        return sum(data is None for _, data in self.log)


def blocks(octets: bytes) -> list[tuple[int, bytes]]:
    """The blocks of a pcapng file, each with its type; it must consist of nothing else."""
    found = []
    place = 0
    while place < len(octets):
        kind, length = struct.unpack_from("<II", octets, place)
        assert length % 4 == 0
        assert length >= 12
        assert octets[place + length - 4 : place + length] == octets[place + 4 : place + 8]
        found.append((kind, octets[place + 8 : place + length - 4]))
        place += length
    assert place == len(octets)
    return found


def options(octets: bytes) -> dict[int, bytes]:
    found, place = {}, 0
    while place < len(octets):
        code, length = struct.unpack_from("<HH", octets, place)
        if not code:
            assert place + 4 == len(octets)
            break
        found[code] = octets[place + 4 : place + 4 + length]
        place += 4 + length + -length % 4
    return found


def checksum(octets: bytes) -> int:
    """As RFC 1071 has it, word by word: 0 over what holds a right one."""
    octets += bytes(len(octets) % 2)
    total: int = sum(struct.unpack(f">{len(octets) // 2}H", octets))
    while total > 0xFFFF:
        total = (total & 0xFFFF) + (total >> 16)
    return total ^ 0xFFFF


def packets(octets: bytes) -> list[Packet]:
    """All packets, each with lengths and checksums that are right."""
    return [packet(body) for kind, body in blocks(octets) if kind == 6]


def packet(body: bytes) -> Packet:
    _, high, low, length, original = struct.unpack_from("<IIIII", body)
    assert length == original
    ip, more = body[20 : 20 + length], body[20 + length + -length % 4 :]
    if ip[0] == 0x45:
        whole, protocol = struct.unpack_from(">H", ip, 2)[0], ip[9]
        assert checksum(ip[:20]) == 0
        addresses, tcp = (ip[12:16], ip[16:20]), ip[20:]
    else:
        assert ip[0] == 0x60
        whole, protocol = struct.unpack_from(">H", ip, 4)[0] + 40, ip[6]
        addresses, tcp = (ip[8:24], ip[24:40]), ip[40:]
    assert (whole, protocol) == (length, 6)
    pseudo = b"".join(addresses) + struct.pack(">II", len(tcp), protocol)
    assert checksum(pseudo + tcp) == 0
    source, destination, number, acknowledged, size, flags = struct.unpack_from(">HHIIBB", tcp)
    ends = (addresses[0], source), (addresses[1], destination)
    comment = options(more).get(1, b"").decode()
    return Packet((high << 32) + low, ends, number, acknowledged, flags, tcp[size >> 4 << 2 :], comment)


def streams(octets: bytes) -> list[Stream]:
    """The connections, by their SYNs. Nothing in them may be out of order, sent twice or acknowledged unseen."""
    found: list[Stream] = []
    known: dict[frozenset[tuple[bytes, int]], tuple[Stream, tuple[bytes, int], list[int | None], list[int]]] = {}
    for one in packets(octets):
        pair = frozenset(one.ends)
        assert len(pair) == 2
        if one.flags == SYN:
            assert pair not in known, "two connections with the same addresses and ports"
            known[pair] = Stream(), one.ends[0], [None, None], [0, 0]
            found.append(known[pair][0])
        stream, client, expected, sent = known[pair]
        side = int(one.ends[0] != client)
        stream.packets.append(one)
        if one.flags & ACK:
            assert sent[1 - side] == one.acknowledged, "an ACK of what was not sent, or not of all"
        awaited = expected[side]
        if awaited is not None and one.number != awaited:
            assert 0 < (one.number - awaited) % (1 << 32) < 1 << 31, "sent twice, or out of order"
            stream.log.append((side, None))
        if one.data:
            stream.log.append((side, one.data))
        size = len(one.data) + bool(one.flags & (SYN | FIN))
        expected[side] = (one.number + size) % (1 << 32)
        if size:
            sent[side] = (one.number + size) % (1 << 32)
    return found
