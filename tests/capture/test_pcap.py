"""Reading packet captures: the files, the layers below TCP, TCP itself, and what is not HTTP/1.x."""

from __future__ import annotations

import gzip
import struct
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from httpwire.capture.formats.pcap import reassembly, streams
from httpwire.capture.formats.pcap.format import read, recognises
from httpwire.capture.model import EventKind
from httpwire.capture.source import Source
from httpwire.capture.store.capture import Capture
from httpwire.capture.store.writing import Appender
from httpwire.capture.toll import Toll
from httpwire.errors import RecordingBroken, RecordingUnreadable
from httpwire.wire.element import Direction
from packets import (
    ACK,
    ANSWER,
    BEGAN,
    CLIENT,
    FIN,
    PSH,
    REQUEST,
    RST,
    SERVER,
    STEP,
    SYN,
    C,
    End,
    Heard,
    S,
    Talk,
    block,
    enhanced,
    ethernet,
    interface,
    ipv4,
    ipv6,
    pcap,
    pcapng,
    section,
    shuffled,
    talk,
    tcp,
)

FOUR = (CLIENT, SERVER)
SIX = (("fd00::1", 40000), ("fd00::2", 80))
WHOLE = [
    "connected",
    "request segment",
    "response segment",
    "request sent-all",
    "response ended closed",
    "end",
]


class Got(Heard):
    """What was read: the connections, what it cost by kind, and the fault that ended it."""

    def __init__(self) -> None:
        super().__init__()
        self.costs: dict[str, int] = {}
        self.fault: RecordingBroken | None = None

    @property
    def pairs(self) -> list[tuple[bytes, bytes]]:
        return [
            (self.stream(Direction.REQUEST, number), self.stream(Direction.RESPONSE, number))
            for number in range(len(self.events))
        ]


@pytest.fixture(scope="module")
def taken(tmp_path_factory: pytest.TempPathFactory) -> Callable[[bytes], Got]:
    """Reads a file with these octets."""
    path = tmp_path_factory.mktemp("pcap") / "packets.pcap"

    def take(octets: bytes) -> Got:
        path.write_bytes(octets)
        got, toll = Got(), Toll()
        with Source(str(path)) as source:
            try:
                read(source, got, toll)
            except RecordingBroken as error:
                got.fault = error
        assert got.all_ended
        for counts in (toll.lost, toll.reconstructed, toll.skipped):
            for cost, count in counts.items():
                assert count > 0
                got.costs[cost.id] = count
        return got

    return take


Take = Callable[[bytes], Got]


def framed(packets: list[bytes]) -> list[bytes]:
    return [ethernet(packet) for packet in packets]


def read_talk(taken: Take, *talks: Talk) -> Got:
    return taken(pcap(framed([packet for each in talks for packet in each.packets])))


# Files.


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("magic", [0xA1B2C3D4, 0xA1B23C4D, 0xA1B2CD34], ids=["us", "ns", "modified"])
def test_every_kind_of_pcap(magic: int, order: str, taken: Take) -> None:
    octets = pcap(framed(talk().packets), order=order, magic=magic)
    assert recognises(octets)
    got = taken(octets)
    assert got.pairs == [(REQUEST, ANSWER)]
    assert got.facts[0].began_ns == BEGAN
    assert (got.facts[0].client, got.facts[0].server, got.facts[0].origin) == ("10.0.0.1:40000", "10.0.0.2:80", "pcap")
    assert got.kinds() == WHOLE
    assert [at for at, *_ in got.events[0]] == [STEP, 3 * STEP, 5 * STEP, 7 * STEP, 8 * STEP, 8 * STEP]
    assert not got.costs
    assert not got.fault


@pytest.mark.parametrize("order", ["<", ">"])
def test_pcapng_in_both_orders(order: str, taken: Take) -> None:
    octets = pcapng(framed(talk().packets), order=order)
    assert recognises(octets)
    got = taken(octets)
    assert got.pairs == [(REQUEST, ANSWER)]
    assert got.facts[0].began_ns == BEGAN
    assert got.kinds() == WHOLE


def test_pcapng_with_sections_and_blocks_of_every_kind(taken: Take) -> None:
    packets = framed(talk().packets)
    dropped = struct.pack("<HHIIII", 0, 7, 0, 5, len(packets[2]), len(packets[2])) + packets[2]
    simple = struct.pack("<I", len(packets[3])) + packets[3]
    octets = b"".join(
        (
            section("<"),
            block(0x0BAD, b"a block that nobody knows"),
            interface(),
            enhanced(packets[0], 1),
            enhanced(packets[1], 2, options=struct.pack("<HH8sHH", 1, 8, b"comment ", 0, 0)),
            block(2, dropped),
            block(3, simple),
            enhanced(packets[0], 3, number=1),
            section(">"),
            interface(order=">"),
            *(enhanced(packet, 9, ">") for packet in packets[4:]),
        )
    )
    got = taken(octets)
    assert got.pairs == [(REQUEST, ANSWER)]
    assert got.costs == {"packet-times": 1, "interfaces": 1}


@pytest.mark.parametrize(
    ("options", "units", "moment"),
    [
        (b"", 1_700_000_000_123_456, 1_700_000_000_123_456_000),
        (struct.pack("<HHBxxx", 9, 1, 9), 1_700_000_000_123_456_789, 1_700_000_000_123_456_789),
        (struct.pack("<HHBxxx", 9, 1, 3), 1_700_000_000_123, 1_700_000_000_123_000_000),
        (struct.pack("<HHBxxx", 9, 1, 0x80 | 10), 1_700_000_000 << 10 | 512, 1_700_000_000_500_000_000),
        (struct.pack("<HHBxxx", 9, 1, 12), 1_700_000_123_456_789_999, 1_700_000_123_456_789),
        (struct.pack("<HHq", 14, 8, 1_700_000_000), 123_456, 1_700_000_000_123_456_000),
        (struct.pack("<HHq", 14, 8, -5), 3_000_000, 0),
        (struct.pack("<HHBxxx", 9, 1, 0), 2**64 - 1, 1 << 62),
    ],
    ids=["default", "ns", "ms", "powers of two", "ps", "offset", "before 1970", "beyond all time"],
)
def test_times_have_the_resolution_and_offset_of_their_interface(
    options: bytes, units: int, moment: int, taken: Take
) -> None:
    packets = framed(talk().packets)
    octets = section() + interface(options=options + bytes(4)) + b"".join(enhanced(p, units) for p in packets)
    got = taken(octets)
    assert got.pairs == [(REQUEST, ANSWER)]
    assert got.facts[0].began_ns == moment


def test_gzip_in_several_members(taken: Take) -> None:
    octets = pcap(framed(talk().packets))
    packed = gzip.compress(octets[:300]) + gzip.compress(octets[300:])
    assert recognises(packed)
    assert taken(packed).pairs == [(REQUEST, ANSWER)]
    cut = taken(packed[:-20])
    assert cut.fault
    broken = taken(packed[:200] + b"!" + packed[201:])
    assert broken.fault


def test_other_files_are_none() -> None:
    for octets in (b"", b"GET / HTTP/1.1\r\n", b"\x1f\x8b", gzip.compress(b"hello"), b"\x1f\x8b" + b"?" * 50):
        assert not recognises(octets)


def test_another_file_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "a.pcap").write_bytes(b"GET / HTTP/1.1\r\n\r\n")
    with Source(str(tmp_path / "a.pcap")) as source, pytest.raises(RecordingUnreadable, match="no packet capture"):
        read(source, Heard(), Toll())


# Links and networks.


def _kind(ip: bytes) -> bytes:
    return b"\x08\x00" if ip[0] >> 4 == 4 else b"\x86\xdd"


def _ppp(ip: bytes) -> bytes:
    return (b"\x00\x21" if ip[0] >> 4 == 4 else b"\x00\x57") + ip


_TAG, _QINQ = b"\x81\x00\x00\x05", b"\x88\xa8\x00\x06"
_LINKS: dict[str, tuple[int, Callable[[bytes], bytes]]] = {
    "ethernet": (1, ethernet),
    "vlan": (1, lambda ip: ethernet(ip, tags=_TAG)),
    "qinq": (1, lambda ip: ethernet(ip, tags=_QINQ + _TAG)),
    "pppoe": (1, lambda ip: bytes(12) + b"\x88\x64\x11\x00\x00\x01\x00\x00" + _ppp(ip)),
    "snap": (1, lambda ip: bytes(12) + b"\x01\x00\xaa\xaa\x03\x00\x00\x00" + _kind(ip) + ip),
    "null": (0, lambda ip: struct.pack("<I", 2 if ip[0] >> 4 == 4 else 30) + ip),
    "null of the other order": (0, lambda ip: struct.pack(">I", 2 if ip[0] >> 4 == 4 else 24) + ip),
    "loop": (108, lambda ip: struct.pack(">I", 2 if ip[0] >> 4 == 4 else 28) + ip),
    "raw": (101, bytes),
    "raw of BSD": (12, bytes),
    "raw of OpenBSD": (14, bytes),
    "ppp": (9, lambda ip: b"\xff\x03" + _ppp(ip)),
    "ppp, short": (9, _ppp),
    "cisco": (104, lambda ip: b"\x0f\x00" + _kind(ip) + ip),
    "cooked": (113, lambda ip: bytes(14) + _kind(ip) + ip),
    "cooked vlan": (113, lambda ip: bytes(14) + _TAG + _kind(ip) + ip),
    "cooked 2": (276, lambda ip: _kind(ip) + bytes(18) + ip),
    "cooked 2 vlan": (276, lambda ip: b"\x81\x00" + bytes(18) + b"\x00\x05" + _kind(ip) + ip),
}


@pytest.mark.parametrize("name", _LINKS)
@pytest.mark.parametrize("ends", [FOUR, SIX], ids=["4", "6"])
def test_every_link_layer(name: str, ends: tuple[End, End], taken: Take) -> None:
    link, frame = _LINKS[name]
    got = taken(pcap([frame(packet) for packet in talk(ends=ends).packets], link=link))
    assert got.pairs == [(REQUEST, ANSWER)]
    assert got.facts[0].server == ("[fd00::2]:80" if ends is SIX else "10.0.0.2:80")
    assert not got.costs


@pytest.mark.parametrize(("link", "ends"), [(228, FOUR), (229, SIX)])
def test_raw_ip_of_one_version(link: int, ends: tuple[End, End], taken: Take) -> None:
    assert taken(pcap(talk(ends=ends).packets, link=link)).pairs == [(REQUEST, ANSWER)]


def test_what_is_not_ip_is_counted(taken: Take) -> None:
    arp = bytes(12) + b"\x08\x06" + bytes(28)
    udp = ethernet(ipv4(CLIENT, SERVER, struct.pack(">HHHH", 1, 53, 9, 0) + b"?"))
    udp = udp[:23] + b"\x11" + udp[24:]
    quic = ethernet(ipv4(CLIENT, SERVER, struct.pack(">HHHH", 1, 443, 9, 0) + b"\xc0"))
    quic = quic[:23] + b"\x11" + quic[24:]
    got = taken(pcap([arp, udp, quic, quic, b"", b"\0" * 13, *framed(talk().packets)]))
    assert got.pairs == [(REQUEST, ANSWER)]
    assert got.costs == {"other-packets": 3, "udp": 1, "quic": 2}
    assert taken(pcap(talk().packets, link=147)).costs == {"unknown-links": len(talk().packets)}


def test_padding_options_and_what_the_card_was_to_cut(taken: Take) -> None:
    made = Talk().greet()
    padded = [ethernet(packet) + b"padding that is not sent" for packet in made.packets]
    request = tcp(CLIENT, SERVER, made.at[C], made.at[S], ACK | PSH, REQUEST, options=bytes(12))
    padded.append(ethernet(ipv4(CLIENT, SERVER, request, options=b"\x94\x04\x00\x00")) + bytes(6))
    answer = tcp(SERVER, CLIENT, made.at[S], made.at[C] + len(REQUEST), ACK, ANSWER)
    padded.append(ethernet(ipv4(SERVER, CLIENT, answer, total=0)))
    assert taken(pcap(padded)).pairs == [(REQUEST, ANSWER)]


def fragments_4(packet: bytes, *cuts: int) -> list[bytes]:
    payload = packet[20:]
    edges = [0, *cuts, len(payload)]
    source, target = (CLIENT, SERVER)
    return [
        ipv4(source, target, payload[start:stop], fragment=start // 8 | 0x2000 * (stop < len(payload)), ident=7)
        for start, stop in pairwise(edges)
    ]


def fragments_6(packet: bytes, *cuts: int) -> list[bytes]:
    payload = packet[40:]
    edges = [0, *cuts, len(payload)]
    return [
        ipv6(
            *SIX,
            # hop-by-hop options, then the fragment header
            bytes((44, 0, 1, 4, 0, 0, 0, 0))
            + struct.pack(">BBHI", 6, 0, start | (stop < len(payload)), 9)
            + payload[start:stop],
            following=0,
        )
        for start, stop in pairwise(edges)
    ]


@pytest.mark.parametrize("order", [(0, 1, 2, 3), (3, 2, 1, 0), (1, 3, 0, 2), (0, 0, 2, 2, 3, 1, 1)])
@pytest.mark.parametrize("version", [4, 6])
def test_fragments_in_any_order(version: int, order: tuple[int, ...], taken: Take) -> None:
    made = Talk(*(SIX if version == 6 else FOUR)).greet()
    whole = made.put(C, REQUEST, keep=False)
    parts = (fragments_4 if version == 4 else fragments_6)(whole, 16, 24, 40)
    made.packets += [parts[number] for number in order]
    made.put(S, ANSWER)
    got = read_talk(taken, made.leave())
    assert got.pairs == [(REQUEST, ANSWER)]


def test_of_overlapping_fragments_the_first_octets_count(taken: Take) -> None:
    made = Talk().greet()
    whole = made.put(C, REQUEST, keep=False)
    first, second, third = fragments_4(whole, 32, 48)
    forged = first[:20] + first[20:40] + b"X" * 12
    over = ipv4(CLIENT, SERVER, b"Y" * 16 + whole[20 + 48 :], ident=7, fragment=32 // 8)
    made.packets += [third, second, over, first, forged]
    got = read_talk(taken, made)
    assert got.pairs[0][0] == REQUEST


def test_endless_fragments_are_forgotten(taken: Take) -> None:
    packets = [
        ethernet(ipv4(CLIENT, SERVER, bytes(1400), ident=number & 0xFFFF, fragment=0x2000 | 100 * (number % 3)))
        for number in range(2000)
    ]
    got = taken(pcap([*packets, *framed(talk().packets)]))
    assert got.pairs == [(REQUEST, ANSWER)]
    assert got.costs == {"fragments": 2000}
    many = [ethernet(ipv4(CLIENT, SERVER, bytes(8), fragment=0x2000 | 2 * n % 8000)) for n in range(9000)]
    assert taken(pcap(many)).costs == {"fragments": 9000}


def test_an_impossible_length_is_no_packet(taken: Take) -> None:
    good = ethernet(Talk().segment(C, 1, REQUEST))
    bad = [
        good[:14] + b"\x44" + good[15:],  # IP's header is shorter than its least
        good[:14] + b"\x4f" + good[15:30],  # or longer than what is there
        good[:16] + b"\x00\x10" + good[18:],  # a total shorter than the header
        good[:46] + b"\xf0" + good[47:],  # TCP's header goes beyond the packet
        good[:46] + b"\x10" + good[47:],  # or is shorter than its least
        good[:40],  # cut within it
    ]
    got = taken(pcap(bad))
    assert got.costs == {"malformed-packets": 6}


# TCP.


def test_retransmissions_overlaps_and_other_orders(taken: Take) -> None:
    made = Talk().greet()
    made.put(C, REQUEST[:10])
    made.put(C, REQUEST[10:20])
    start = made.at[C]
    made.packets.insert(-1, made.packets[-1])  # the second came first, and again
    made.packets.append(made.segment(C, start - 15, REQUEST[5:25]))  # old octets, and five new ones
    made.packets.append(made.segment(C, start + 8, REQUEST[28:]))
    made.packets.append(made.segment(C, start, REQUEST[20:30]))
    made.at[C] = start + len(REQUEST) - 20
    made.put(S, ANSWER)
    got = read_talk(taken, made.leave())
    assert got.pairs == [(REQUEST, ANSWER)]
    assert got.kinds() == WHOLE
    assert not got.costs


def test_the_first_octets_win_and_others_are_counted(taken: Take) -> None:
    made = Talk().greet()
    made.put(C, REQUEST)
    made.packets.append(made.segment(C, made.at[C] - len(REQUEST), REQUEST.replace(b"/a", b"/b")))
    start = made.at[S]
    made.packets.append(made.segment(S, start + 20, ANSWER[20:40]))
    made.packets.append(made.segment(S, start + 10, b"#" * 40))  # its first 10 octets are new, and its last 10
    made.packets.append(made.segment(S, start, ANSWER[:10]))
    made.packets.append(made.segment(S, start + 50, ANSWER[50:]))
    made.at[S] += len(ANSWER)
    got = read_talk(taken, made.leave())
    assert got.pairs == [(REQUEST, ANSWER[:10] + b"#" * 10 + ANSWER[20:40] + b"#" * 10 + ANSWER[50:])]
    assert got.costs == {"differing-octets": 21}


@pytest.mark.parametrize("start", [0xFFFFFFFF, 0xFFFFFFF0, 0xFFFFFFFF - len(REQUEST), 0x7FFFFFF0])
def test_numbers_that_wrap_around(start: int, taken: Take) -> None:
    made = Talk(at={C: start, S: start}).greet()
    for at in range(0, len(REQUEST), 7):
        made.put(C, REQUEST[at : at + 7])
    for at in range(0, len(ANSWER), 5):
        made.put(S, ANSWER[at : at + 5])
    made.packets[6], made.packets[5] = made.packets[5], made.packets[6]
    assert read_talk(taken, made.leave()).pairs == [(REQUEST, ANSWER)]


def test_data_on_syn_keep_alive_and_probes_of_a_closed_window(taken: Take) -> None:
    made = Talk()
    made.put(C, REQUEST[:9], SYN)
    made.put(S, flags=SYN | ACK)
    made.put(C, REQUEST[9:])
    made.packets.append(made.segment(C, made.at[C] - 1, b"\0"))  # keep-alive
    made.packets.append(made.segment(C, made.at[C] - 1))
    made.packets.append(made.segment(S, made.at[S], ANSWER[:1]))  # a probe
    made.put(S, ANSWER)
    got = read_talk(taken, made.leave())
    assert got.pairs == [(REQUEST, ANSWER)]
    assert not got.costs


def test_a_port_is_used_again(taken: Take) -> None:
    first, second = talk(), talk(REQUEST.replace(b"/a", b"/b"))
    got = read_talk(taken, first, second)  # even with the same numbers
    assert got.pairs == [(REQUEST, ANSWER), (REQUEST.replace(b"/a", b"/b"), ANSWER)]
    open_ = Talk(at={C: 77, S: 99}).greet()
    open_.put(C, REQUEST)
    got = read_talk(taken, open_, second)
    assert got.kinds(0) == ["connected", "request segment", "response ended unseen", "end"]
    assert got.pairs[1] == (REQUEST.replace(b"/a", b"/b"), ANSWER)


@pytest.mark.parametrize(("side", "ending"), [(C, "given-up"), (S, "failed")], ids=["by the client", "by the server"])
def test_a_reset(side: str, ending: str, taken: Take) -> None:
    made = Talk().greet()
    made.put(C, REQUEST)
    made.put(S, ANSWER[:-4])
    made.packets.append(made.segment(side, made.at[side] + (200 << 20), flags=RST))  # nobody believes it
    made.put(side, flags=RST)
    got = read_talk(taken, made)
    assert got.pairs == [(REQUEST, ANSWER[:-4])]
    assert got.kinds() == ["connected", "request segment", "response segment", f"response ended {ending}", "end"]
    assert got.costs == {"stray-packets": 1}


def test_what_is_open_at_the_end_is_told_as_unseen(taken: Take) -> None:
    made = Talk().greet()
    made.put(C, REQUEST)
    made.put(S, ANSWER[:-4])
    assert read_talk(taken, made).kinds()[-2:] == ["response ended unseen", "end"]


def test_a_server_that_closes_first(taken: Take) -> None:
    made = Talk().greet()
    made.put(C, REQUEST)
    made.put(S, b"HTTP/1.0 200 OK\r\n\r\nup to the close", FIN | ACK)
    made.put(C, flags=FIN | ACK)
    kinds = read_talk(taken, made).kinds()
    assert kinds[-3:] == ["response ended closed", "request sent-all", "end"]


# Gaps.


@pytest.mark.parametrize("later", [0, 4, 40])
def test_a_lost_packet_is_a_gap(later: int, taken: Take) -> None:
    long = b"HTTP/1.1 200 OK\r\nContent-Length: 6000\r\n\r\n" + bytes(6000)
    made = Talk().greet()
    made.put(C, REQUEST)
    for at in range(0, 1000, 100):
        made.put(S, long[at : at + 100], keep=at != 300)
    for _ in range(later):  # acknowledgements of all of it
        made.put(C)
    made.put(S, long[1000:])
    made.put(C)
    got = read_talk(taken, made.leave())
    assert got.pairs == [(REQUEST, long[:300] + b"<100>" + long[400:])]
    assert got.costs == {"missing-octets": 100}
    assert got.kinds()[-4:] == ["response segment", "request sent-all", "response ended closed", "end"]
    gap = next(number for number, event in enumerate(got.events[0]) if event[2] is EventKind.GAP)
    behind = got.events[0][gap][0]
    if later > 8:
        assert behind < (14 + later) * STEP  # not kept waiting until the end


def test_a_lost_request_is_a_gap_before_the_answer_ends(taken: Take) -> None:
    made = Talk().greet()
    made.put(C, REQUEST, keep=False)
    for at in range(0, len(ANSWER), 3):
        made.put(S, ANSWER[at : at + 3])
    made.put(C, REQUEST)
    got = read_talk(taken, made)
    assert got.pairs == [(b"<%d>" % len(REQUEST) + REQUEST, ANSWER)]
    assert [event[2] for event in got.events[0]].index(EventKind.GAP) < 14


def test_a_lost_close_is_no_gap(taken: Take) -> None:
    made = Talk().greet()
    made.put(C, REQUEST)
    made.put(S, ANSWER)
    made.put(S, flags=FIN | ACK, keep=False)
    for _ in range(30):
        made.put(C)
    got = read_talk(taken, made)
    assert got.pairs == [(REQUEST, ANSWER)]
    assert not got.costs


def test_of_a_snapped_packet_the_rest_is_a_gap(taken: Take) -> None:
    packets = framed(talk(answer=ANSWER + b"!" * 100).packets)
    got = taken(pcap(packets, snap=54 + 60))
    answer = ANSWER + b"!" * 100
    assert got.pairs == [(REQUEST, answer[:60] + b"<%d>" % (len(answer) - 60))]
    assert got.kinds()[-3:] == ["request sent-all", "response ended closed", "end"]
    got = taken(pcap(packets, snap=54))  # no payload at all
    assert not got.events


def test_a_capture_of_one_direction(taken: Take) -> None:
    made = talk()
    asked = [packet for packet in made.packets if packet[12:16] == bytes((10, 0, 0, 1))]
    answered = [packet for packet in made.packets if packet[12:16] == bytes((10, 0, 0, 2))]
    assert taken(pcap(framed(asked))).pairs == [(REQUEST, b"<%d>" % len(ANSWER))]  # the client has acknowledged it
    got = taken(pcap(framed(answered)))
    assert got.pairs == [(b"<%d>" % len(REQUEST), ANSWER)]
    assert got.facts[0].server == "10.0.0.2:80"
    assert taken(pcap(framed(answered[1:]))).pairs == [(b"", ANSWER)]
    assert taken(pcap(framed(answered[1:]))).facts[0].client == "10.0.0.1:40000"


def test_a_connection_from_its_middle_on(taken: Take) -> None:
    made = Talk(client=("10.0.0.1", 80), server=("10.0.0.2", 40000))  # ports tell nothing
    made.put(C, b"the rest of an upload")
    made.put(S, b"HTTP/1.1 204 No Content\r\n\r\n")  # its request was not seen
    made.put(C, REQUEST)
    made.put(S, ANSWER)
    got = read_talk(taken, made.leave())
    assert got.pairs == [(REQUEST, ANSWER)]
    assert got.facts[0].server == "10.0.0.2:40000"
    assert got.facts[0].began_ns == BEGAN + 2 * STEP
    assert got.costs == {"begun-before": 21 + 27}


def test_an_answer_whose_request_came_before_the_capture(taken: Take) -> None:
    made = Talk()
    made.put(S, ANSWER)
    got = read_talk(taken, made.leave())
    assert got.pairs == [(b"", ANSWER)]
    assert got.facts[0].client == "10.0.0.1:40000"


# What is spoken.


@pytest.mark.parametrize(
    ("asked", "answered", "costs"),
    [
        (b"\x16\x03\x01\x00\x05hello", b"\x16\x03\x03\x00\x05hello", {"tls-without-keys": 1, "skipped-octets": 20}),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"\0\0\0\4\0\0\0\0\0", {"http2": 1, "skipped-octets": 33}),
        (b"SSH-2.0-x\r\n", b"SSH-2.0-y\r\n", {"other-tcp": 1, "skipped-octets": 22}),
        (b"", b"220 mail ready\r\n", {"other-tcp": 1, "skipped-octets": 16}),
        (b"OPTIONS * RTSP/1.0\r\n\r\n", b"RTSP/1.0 200 OK\r\n\r\n", {"other-tcp": 1, "skipped-octets": 41}),
        (b"", b"", {"empty-connections": 1}),
    ],
    ids=["tls", "h2", "ssh", "smtp", "rtsp", "nothing"],
)
def test_what_is_not_http_is_counted(asked: bytes, answered: bytes, costs: dict[str, int], taken: Take) -> None:
    made = Talk().greet()
    if asked:
        made.put(C, asked)
    if answered:
        made.put(S, answered)
    got = read_talk(taken, made.leave(), talk(ends=(("10.0.0.9", 1), SERVER)))
    assert got.pairs == [(REQUEST, ANSWER)]
    assert got.costs == costs


@pytest.mark.parametrize(
    ("asked", "answered"),
    [
        (b"GARBAGE\r\n\r\n", b"HTTP/1.1 400 Bad Request\r\n\r\n"),
        (b"\r\n" + REQUEST, ANSWER),
        (b"GET /\r\n", b"<html>"),
        (b"get / http/1.1\r\n\r\n", b"HTTP/1.1 400 Bad Request\r\n\r\n"),
        (b"M-SEARCH * HTTP/1.1\r\n\r\n", ANSWER),
        (b"", b"HTTP/1.1 408 Request Timeout\r\n\r\n"),
        (b"GET /unfinished", b""),
        (b"GET /" + b"a" * 200_000 + b" HTTP/1.1\r\n\r\n", ANSWER),
    ],
    ids=["garbage", "empty line", "0.9", "lower case", "token", "only an answer", "unfinished", "long"],
)
def test_what_is_http_after_all(asked: bytes, answered: bytes, taken: Take) -> None:
    made = Talk().greet()
    for at in range(0, len(asked), 1000):
        made.put(C, asked[at : at + 1000])
    if answered:
        made.put(S, answered)
    assert read_talk(taken, made.leave()).pairs == [(asked, answered)]


# Hostile files.


def test_a_cut_anywhere_keeps_what_was_before(taken: Take) -> None:
    for octets in (pcap(framed(talk().packets)), pcapng(framed(talk().packets))):
        whole = taken(octets).pairs
        for stop in range(24, len(octets)):
            got = taken(octets[:stop])
            assert all(
                one.startswith(part)
                for pair, cut in zip(whole, got.pairs, strict=False)
                for one, part in zip(pair, cut, strict=True)
            )
            if got.fault:
                assert 0 <= int(str(got.fault.facts["offset"])) <= stop


def test_a_fault_is_told_with_its_place_and_what_was_before_is_kept(taken: Take) -> None:
    packets = framed(talk().packets)
    good = pcap(packets)
    for octets, fault, at in (
        (good + b"\0" * 7, "middle of a record", len(good)),
        (good + struct.pack("<IIII", 1, 1, 0x7FFFFFFF, 9), "length is impossible", len(good)),
        (pcapng(packets) + struct.pack("<II", 6, 0) + bytes(8), "block's length", len(pcapng(packets))),
        (pcapng(packets) + struct.pack("<II", 6, 0xFFFFFFF0) + bytes(8), "block's length", len(pcapng(packets))),
        (pcapng(packets) + struct.pack("<II", 99, 0xFFFFFFF0) + bytes(8), "middle of a record", len(pcapng(packets))),
        (pcapng(packets) + block(6, struct.pack("<5I", 0, 0, 0, 999, 9)), "packet's length", len(pcapng(packets))),
        (pcapng(packets) + block(9, b"")[:-4] + b"\1\0\0\0", "two lengths", len(pcapng(packets))),
        (pcapng(packets) + block(0x0A0D0D0A, b"?" * 16), "byte order", len(pcapng(packets))),
    ):
        got = taken(octets)
        assert got.pairs == [(REQUEST, ANSWER)], fault
        assert got.fault, fault
        assert fault in str(got.fault)
        assert got.fault.facts["offset"] == at


def test_a_large_unknown_block_is_passed_over(taken: Take) -> None:
    packets = framed(talk().packets)
    octets = section() + block(0xBAD, bytes(20 << 20)) + pcapng(packets)
    assert taken(octets).pairs == [(REQUEST, ANSWER)]


@given(st.data())
@settings(max_examples=300)
def test_no_flip_gives_another_error(taken: Take, data: st.DataObject) -> None:
    made = Talk().greet()
    request = made.put(C, REQUEST, keep=False)
    packets = [ethernet(packet) for packet in (*made.packets, *fragments_4(request, 24, 40), *talk(ends=SIX).packets)]
    octets = bytearray(data.draw(st.sampled_from((pcap(packets), pcapng(packets)))))
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(0, len(octets) - 1))
        octets[at] ^= 1 << data.draw(st.integers(0, 7))
    try:
        taken(bytes(octets))
    except RecordingUnreadable:
        assert bytes(octets[:4]) not in (pcap([])[:4], section()[:4])


@given(st.integers(0, 2**32), st.integers(1, 40), st.integers(0, 30), st.integers(0, 0xFFFFFFFF))
@settings(max_examples=150)
def test_any_order_and_any_repetition_give_the_same_octets(
    taken: Take, seed: int, size: int, again: int, start: int
) -> None:
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 400\r\n\r\n" + bytes(n % 251 for n in range(400))
    made = Talk(at={C: start, S: start}).greet()
    made.put(C, REQUEST)
    first = len(made.packets)
    begin = made.at[S]
    for at in range(0, len(answer), size):
        made.put(S, answer[at : at + size])
    parts = made.packets[first:]
    for number in range(again):
        at = seed * (number + 7) % len(answer)
        parts.insert(seed * (number + 3) % len(parts), made.segment(S, begin + at, answer[at : at + 2 * size]))
    made.packets[first:] = shuffled(parts, seed, 12)
    got = read_talk(taken, made.leave())
    assert got.pairs == [(REQUEST, answer)]
    assert not got.costs


def test_a_flood_of_connections_is_bounded(taken: Take, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "_OPEN", 1000)
    monkeypatch.setattr(streams, "_CLOSED", 50)
    most = 0
    meet = streams.Streams._meet

    def watched(self: streams.Streams, *arguments: object) -> object:
        nonlocal most
        most = max(most, len(self._sides))
        return meet(self, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(streams.Streams, "_meet", watched)
    flood = [
        ethernet(Talk(client=(f"10.{n >> 16}.{n >> 8 & 255}.{n & 255}", 1)).segment(C, n, flags=SYN))
        for n in range(20_000)
    ]
    kept = Talk().greet()
    kept.put(C, REQUEST)
    got = taken(pcap([*framed(kept.packets), *flood, *framed(talk().packets)]))
    assert most < 2 * (1000 + 2 * 50) + 2
    assert got.pairs == [(REQUEST, b""), (REQUEST, ANSWER)]
    assert got.costs == {"forgotten-connections": 1, "empty-connections": 20_000}


def test_what_waits_is_bounded_and_jumps_ahead_do_no_harm(taken: Take, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reassembly, "_PENDING", 100_000)
    long = b"HTTP/1.1 200 OK\r\nContent-Length: 900000\r\n\r\n" + bytes(900_000)
    made = Talk().greet()
    made.put(C, REQUEST)
    made.packets.append(made.segment(S, made.at[S] + 900_000_000, b"far ahead"))
    made.packets.append(made.segment(S, made.at[S] + 2_000_000_000, b"farther"))
    for at in range(0, len(long), 1000):
        made.put(S, long[at : at + 1000], keep=at != 5000)
    got = read_talk(taken, made)
    assert got.pairs == [(REQUEST, long[:5000] + b"<1000>" + long[6000:])]
    assert got.costs == {"missing-octets": 1000, "stray-packets": 2}


@pytest.mark.parametrize("hostile", ["one octet at a time, backwards", "the same over and over", "acknowledged"])
def test_attacks_on_the_order_take_no_long_time(hostile: str, taken: Take) -> None:
    made = Talk().greet()
    made.put(C, REQUEST)
    begin = made.at[S]
    if hostile == "acknowledged":
        for number in range(20_000):
            made.at[S] = begin + number * 1000
            made.put(C)
    else:
        backwards = hostile.startswith("one")
        for number in range(20_000):
            made.packets.append(
                made.segment(S, begin + (40_000 - 2 * number if backwards else 7), b"x" * (1 + 500 * (not backwards)))
            )
    octets = pcap(framed(made.packets))
    began = time.monotonic()
    got = taken(octets)
    assert time.monotonic() - began < 10
    assert got.pairs[0][0] == REQUEST


# Into a capture.


def test_into_a_capture_and_its_index(tmp_path: Path) -> None:
    made = Talk().greet()
    for _ in range(3):
        made.put(C, REQUEST)
        made.put(S, ANSWER)
    path = tmp_path / "packets.pcapng"
    path.write_bytes(pcapng(framed(made.leave().packets)))
    kept = str(tmp_path / "kept.hwire")
    with Source(str(path)) as source, Appender(kept) as sink:
        read(source, sink, Toll())
    with Capture(kept) as capture:
        capture.update()
        entries = list(capture.exchanges())
        assert [(each.method, each.target, each.status, each.outcome) for each in entries] == [
            ("GET", "/a", 200, "complete")
        ] * 3
        assert entries[1].began_ns == BEGAN + 5 * STEP
        facts = capture.facts(entries[0].connection)
        assert (facts.client, facts.server, facts.origin) == ("10.0.0.1:40000", "10.0.0.2:80", "pcap")
