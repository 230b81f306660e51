"""What is written as pcapng is, byte for byte and in its order, what the capture holds."""

from __future__ import annotations

import hashlib
import tempfile
import tracemalloc
from collections.abc import Iterable, Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dissected import FIN, SYN, Stream, blocks, packet, streams
from httpwire.capture.formats.pcap import segments, writing
from httpwire.capture.formats.pcap.endpoints import CHANGED, INVENTED, OTHERS, Endpoint, Endpoints
from httpwire.capture.model import Ending, EventKind, TlsFacts
from httpwire.capture.store.capture import Capture
from httpwire.capture.store.entry import Entry
from httpwire.capture.store.writing import Appender
from httpwire.capture.toll import Toll
from httpwire.capture.traffic import ConnectionFacts
from httpwire.wire.element import Direction

C, S = Direction.REQUEST, Direction.RESPONSE
BEGAN = 1_700_000_000_123_456_789
GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
FACTS = ConnectionFacts(BEGAN, client="127.0.0.1:50000", server="127.0.0.1:34567")

#: A section, an interface with times in ns, and the first SYN.
BEGINNING = bytes.fromhex(
    "0a0d0d0a2c0000004d3c2b1a01000000ffffffffffffffff040008006874747077697265000000002c000000"
    "0100000020000000650000000000000009000100090000000000000020000000"
    "060000005000000000000000fe9c971715cd853d3000000030000000450000300000400040063cc67f0000017f000001"
    "c350870710000000000000007002ffff319a00000204ffd70103030750000000"
)

Event = tuple[int, Direction | None, EventKind, bytes]


def said(direction: Direction, data: bytes, at_ns: int = 0) -> Event:
    return at_ns, direction, EventKind.SEGMENT, data


def gap(direction: Direction, data: bytes = b"") -> Event:
    return 0, direction, EventKind.GAP, data


def ended(ending: Ending, at_ns: int = 0) -> Event:
    return at_ns, S, EventKind.ENDED, ending.value.encode("ascii")


FULL = (0, C, EventKind.SENT_ALL, b"")
PLAIN = (said(C, GET, 10), said(S, ANSWER, 20), ended(Ending.CLOSED, 30))


class Memory:
    def __init__(self) -> None:
        self.octets = bytearray()

    def write(self, data: bytes, /) -> None:
        self.octets += data


class Counted:
    """An output that keeps nothing."""

    size = 0

    def write(self, data: bytes, /) -> None:
        self.size += len(data)


@pytest.fixture
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)


def captured(path: Path, *connections: tuple[ConnectionFacts, Iterable[Event]]) -> Path:
    with Appender(str(path)) as sink:
        for facts, events in connections:
            number = sink.open(facts)
            for at_ns, direction, kind, data in events:
                sink.event(number, at_ns, direction, kind, data)
            sink.event(number, 0, None, EventKind.END)
    return path


def written(
    *connections: tuple[ConnectionFacts, Iterable[Event]], toll: Toll | None = None, only: Iterable[int] = ()
) -> bytes:
    """The file of these connections; `only` of the exchanges with these numbers."""
    output = Memory()
    with tempfile.TemporaryDirectory() as name:
        path = captured(Path(name, "a.hwire"), *connections)
        with Capture(str(path)) as capture:
            capture.update()
            entries: Iterable[Entry] = capture.exchanges()
            if only:
                entries = [entry for entry in entries if entry.number in only]
            writing.write(capture, entries, output, toll or Toll())
    return bytes(output.octets)


def one(events: Iterable[Event], facts: ConnectionFacts = FACTS, toll: Toll | None = None) -> Stream:
    (found,) = streams(written((facts, events), toll=toll))
    return found


def flags(stream: Stream) -> list[tuple[int, int, bytes]]:
    client = stream.packets[0].ends[0]
    return [(int(packet.ends[0] != client), packet.flags, packet.data) for packet in stream.packets]


def fins(stream: Stream) -> list[int]:
    return [side for side, flag, _ in flags(stream) if flag & FIN]


def words(stream: Stream, place: int) -> dict[str, str]:
    """What the comment of a packet says."""
    comment = stream.packets[place].comment
    assert not comment or comment.startswith("httpwire: ")
    return dict(word.split("=", 1) for word in comment.split()[1:])


def test_an_exchange_is_a_connection_that_is_opened_used_and_closed() -> None:
    stream = one(PLAIN)
    assert flags(stream) == [
        (0, 0x02, b""),
        (1, 0x12, b""),
        (0, 0x10, b""),
        (0, 0x18, GET),
        (1, 0x18, ANSWER),
        (0, 0x10, b""),
        (1, 0x11, b""),
        (0, 0x10, b""),
    ]
    assert [packet.at_ns - BEGAN for packet in stream.packets] == [0, 0, 0, 10, 20, 20, 30, 30]
    assert stream.packets[0].ends == ((bytes((127, 0, 0, 1)), 50000), (bytes((127, 0, 0, 1)), 34567))
    assert [packet.comment for packet in stream.packets] == [""] * 8


def test_the_same_capture_is_the_same_file() -> None:
    octets = written(
        (FACTS, PLAIN),
        (
            ConnectionFacts(BEGAN + 5, target="https://example.com", tls=TlsFacts("TLSv1.3", "C", "", verified=True)),
            PLAIN,
        ),
    )
    assert octets.startswith(BEGINNING)
    assert hashlib.sha256(octets).hexdigest() == "84b7a96f3b9c37b95e1ac174a4e1935775e357a11e3d3e8aeb2eaa08d7210efa"


@settings(max_examples=40)
@given(
    st.lists(
        st.tuples(st.sampled_from((C, S)), st.one_of(st.binary(max_size=40), st.sampled_from((GET, ANSWER)))),
        max_size=20,
    ),
    st.sampled_from(Ending),
    st.integers(1, 12),
    st.sampled_from(("127.0.0.1:80", "[::1]:80", "")),
    st.sampled_from(((0x10000000, 0x20000000), (0xFFFFFFFF, 0xFFFFFFF0))),
)
def test_any_interleaving_gives_the_octets_of_both_directions_in_their_order(
    parts: list[tuple[Direction, bytes]], ending: Ending, most: int, server: str, first: tuple[int, int]
) -> None:
    parts = [(C, b"GET "), *parts]
    events = [said(direction, data, at) for at, (direction, data) in enumerate(parts)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(segments.Side, "most", most)
        patch.setattr(writing, "FIRST", first)
        octets = written((FACTS.replace(server=server), [*events, ended(ending, len(parts))]))
    (stream,) = streams(octets)
    runs: list[tuple[int, bytes]] = []
    for side, data in stream.log:
        assert data
        assert len(data) <= most
        runs.append((side, data))
    wanted = [(int(direction is S), data) for direction, data in parts if data]
    assert joined(runs) == joined(wanted)


def joined(parts: Iterable[tuple[int, bytes]]) -> list[tuple[int, bytes]]:
    """Neighbours of one side made one."""
    found: list[tuple[int, bytes]] = []
    for side, data in parts:
        if found and found[-1][0] == side:
            found[-1] = side, found[-1][1] + data
        else:
            found.append((side, data))
    return found


@settings(max_examples=20)
@given(
    st.lists(
        st.lists(st.tuples(st.integers(0, 50), st.sampled_from((C, S))), min_size=1, max_size=8), min_size=1, max_size=6
    )
)
def test_connections_that_overlap_are_written_by_time(plan: list[list[tuple[int, Direction]]]) -> None:
    connections = []
    for number, moments in enumerate(plan):
        facts = ConnectionFacts(BEGAN + number, client=f"127.0.0.1:{50000 + number}", server="127.0.0.1:80")
        events = [said(direction, b"GET %d" % at, at) for at, direction in sorted(moments, key=lambda pair: pair[0])]
        connections.append((facts, [said(C, b"G"), *events, ended(Ending.CLOSED, 50)]))
    octets = written(*connections)
    times = [packet.at_ns for stream in streams(octets) for packet in stream.packets]
    in_file = [packet(body).at_ns for kind, body in blocks(octets) if kind == 6]
    assert in_file == sorted(in_file) == sorted(times)


def test_more_connections_than_are_held_are_all_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writing, "_OPEN", 2)
    facts = [FACTS.replace(client=f"127.0.0.1:{50000 + number}") for number in range(7)]
    found = streams(written(*((fact, PLAIN) for fact in facts)))
    assert [stream.octets(0) for stream in found] == [GET] * 7


def test_a_large_event_is_several_segments() -> None:
    data = bytes(range(256)) * 1000
    for server, most in (("127.0.0.1:80", 65495), ("[::1]:80", 65515)):
        stream = one([said(C, data), ended(Ending.CLOSED)], FACTS.replace(server=server, client=""))
        assert stream.octets(0) == data
        assert max(len(packet.data) for packet in stream.packets) == most


@pytest.mark.parametrize(
    ("ending", "target", "sides"),
    [
        (Ending.CLOSED, "", [1]),
        (Ending.COMPLETE, "", [1]),
        (Ending.FAILED, "", []),
        (Ending.TIMED_OUT, "", []),
        (Ending.CLOSED, "http://a", [1, 0]),
        (Ending.COMPLETE, "http://a", [0, 1]),
        (Ending.TUNNEL_SILENT, "http://a", [0, 1]),
        (Ending.TIMED_OUT, "http://a", [0]),
        (Ending.GIVEN_UP, "http://a", [0]),
        (Ending.INTERRUPTED, "http://a", [0]),
        (Ending.OVER_LIMIT, "http://a", [0]),
        (Ending.FAILED, "http://a", []),
        (Ending.TLS_TRUNCATED, "http://a", []),
        (Ending.UNSEEN, "", []),
    ],
)
def test_only_who_closed_sends_a_fin(ending: Ending, target: str, sides: list[int]) -> None:
    stream = one([said(C, GET), said(S, ANSWER), ended(ending, 5)], FACTS.replace(target=target))
    assert fins(stream) == sides
    assert stream.octets(1) == ANSWER
    told = {} if ending in (Ending.CLOSED, Ending.COMPLETE, Ending.UNSEEN) else {"ending": ending.value}
    assert words(stream, -1) == told


def test_the_fin_of_a_client_stands_where_it_came() -> None:
    events = [said(C, GET), FULL, said(S, ANSWER), ended(Ending.CLOSED)]
    assert [flag for _, flag, _ in flags(one(events))] == [2, 18, 16, 24, 16, 17, 24, 16, 17, 16]
    # httpwire as a client has sent all, but closes later; of a HAR nobody knows.
    for facts in (FACTS.replace(target="http://a"), FACTS.replace(origin="har")):
        assert fins(one(events, facts)) == [1, 0]


def test_the_fin_of_a_server_that_closed_first_is_the_first() -> None:
    stream = one([*PLAIN, (35, C, EventKind.SENT_ALL, b"")], FACTS.replace(origin="pcap"))
    assert fins(stream) == [1, 0]
    assert [packet.at_ns - BEGAN for packet in stream.packets if packet.flags & FIN] == [30, 35]


def test_a_connection_without_an_end_has_none() -> None:
    stream = one([said(C, GET)])
    assert fins(stream) == []
    assert flags(stream)[-1] == (1, 0x10, b"")


@pytest.mark.parametrize(
    ("data", "skipped", "told"),
    [
        (b"7", 7, {}),
        (b"", 1, {"gap": "unknown"}),
        (b"0", 1, {"gap": "unknown"}),
        (b"-5", 1, {"gap": "unknown"}),
        (b"5000000000", 1 << 30, {"gap": "5000000000"}),
    ],
)
def test_a_gap_is_one_in_the_sequence_numbers(data: bytes, skipped: int, told: dict[str, str]) -> None:
    toll = Toll()
    stream = one([said(C, GET), gap(S, data), said(S, b"tail"), ended(Ending.UNSEEN)], toll=toll)
    assert stream.log == [(0, GET), (1, None), (1, b"tail")]
    number = next(place for place, packet in enumerate(stream.packets) if packet.data == b"tail")
    assert stream.packets[number].number == segments.FIRST[1] + 1 + skipped
    assert words(stream, number) == told
    assert toll.lost.get(writing.GAPS, 0) == bool(told)


def test_a_gap_at_the_end_shows_too() -> None:
    for side in (C, S):
        stream = one([said(C, GET), gap(side, b"9"), ended(Ending.UNSEEN)])
        assert stream.gaps == 1
        stream = one([said(C, GET), gap(side, b"9"), ended(Ending.CLOSED)])
        assert stream.gaps == 1


def test_of_some_exchanges_only_their_octets_are_written() -> None:
    requests = [b"GET /%d HTTP/1.1\r\nHost: a\r\n\r\n" % number for number in range(4)]
    answers = [b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n%d" % number for number in range(4)]
    events = [said(C, b"".join(requests)), said(S, b"".join(answers[:3])), said(S, answers[3]), ended(Ending.CLOSED)]
    for only in ((1,), (2,), (4,), (1, 3), (2, 3), (1, 2, 4), (1, 2, 3, 4)):
        (stream,) = streams(written((FACTS, events), only=only))
        assert stream.octets(0) == b"".join(requests[number - 1] for number in only)
        assert stream.octets(1) == b"".join(answers[number - 1] for number in only)
        assert not stream.gaps


@settings(max_examples=25)
@given(st.lists(st.integers(0, 1), min_size=5, max_size=5), st.lists(st.integers(0, 400), max_size=12))
def test_octets_are_chosen_wherever_segments_end(chosen: list[int], cuts: list[int]) -> None:
    requests = [b"GET /%s HTTP/1.1\r\nHost: a\r\n\r\n" % (b"a" * number) for number in range(5)]
    answers = [b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (number, b"b" * number) for number in range(5)]
    only = [number for number in range(1, 6) if chosen[number - 1]] or [3]
    events = []
    for direction, octets in ((C, b"".join(requests)), (S, b"".join(answers))):
        places = sorted({0, len(octets), *(cut for cut in cuts if cut < len(octets))})
        events += [said(direction, octets[start:stop]) for start, stop in pairwise(places)]
    (stream,) = streams(written((FACTS, [*events, ended(Ending.CLOSED)]), only=only))
    assert stream.octets(0) == b"".join(requests[number - 1] for number in only)
    assert stream.octets(1) == b"".join(answers[number - 1] for number in only)


@pytest.mark.parametrize("few", [2, 10_000])
def test_connections_of_which_nothing_is_wanted_are_not_there(few: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writing, "_FEW", few)
    silent = FACTS.replace(client="10.0.0.2:50000"), [ended(Ending.CLOSED)]
    connections = [(FACTS.replace(client=f"10.0.0.1:{50000 + number}"), PLAIN) for number in range(20)]
    found = streams(written(silent, *connections, only=(3, 4, 17)))
    assert [stream.packets[0].ends[0][1] for stream in found] == [50002, 50003, 50016]


def test_what_packets_cannot_carry_is_told() -> None:
    toll = Toll()
    facts = ConnectionFacts(
        BEGAN,
        client="unix:/tmp/a b",
        server="192.0.2.80:443",
        target="https://\u4f8b.example:443/?a=b c",
        tls=TlsFacts("TLSv1.3", "TLS_AES_256_GCM_SHA384", "http/1.1", verified=True),
        name="example.com",
        secrets=b"# x\nCLIENT_HANDSHAKE_TRAFFIC_SECRET " + b"aB" * 32 + b" 00ff\n",
        origin="har",
        reconstructed=("har-head", "har-chunks"),
    )
    octets = written((facts, PLAIN), (facts, PLAIN), toll=toll)
    first, second = streams(octets)
    assert first.packets[0].ends[1] == (bytes((192, 0, 2, 80)), 80)
    assert words(first, 0) == {
        "client": "unix:/tmp/a%20b",
        "server": "192.0.2.80:443",
        "target": "https://%E4%BE%8B.example:443/?a=b%20c",
        "name": "example.com",
        "tls": "TLSv1.3",
        "cipher": "TLS_AES_256_GCM_SHA384",
        "alpn": "http/1.1",
        "verified": "yes",
        "random": "ab" * 32,
        "origin": "har",
        "reconstructed": "har-head,har-chunks",
    }
    assert words(second, 0) == words(first, 0)
    keys = [body for kind, body in blocks(octets) if kind == 10]
    assert keys == [b"KSLT" + len(facts.secrets).to_bytes(4, "little") + facts.secrets + bytes(-len(facts.secrets) % 4)]
    assert toll.lost == {writing.TLS: 2}
    assert toll.reconstructed == {writing.PACKETS: 2, INVENTED: 2, CHANGED: 2}


def test_attempts_that_failed_are_told_and_the_syn_is_of_the_one_that_did_not() -> None:
    toll = Toll()
    events = [
        (3, None, EventKind.TRY, b"[::1]:34567"),
        (4, None, EventKind.REFUSED, b"[::1]:34567: no"),
        (5, None, EventKind.TRY, b"127.0.0.1:34567"),
        (8, None, EventKind.CONNECTED, b"127.0.0.1:34567"),
        *PLAIN,
    ]
    stream = one(events, toll=toll)
    assert [packet.at_ns - BEGAN for packet in stream.packets[:3]] == [5, 8, 8]
    assert toll.lost == {writing.ATTEMPTS: 1}


def ports(stream: Stream) -> tuple[int, int]:
    (_, client), (_, server) = stream.packets[0].ends
    return client, server


@pytest.mark.parametrize(
    ("client", "server", "data", "wanted"),
    [
        (50000, 34567, GET, (50000, 34567)),
        (50000, 34567, b"G", (50000, 80)),  # Wireshark would not see that it is HTTP
        (50000, 34567, b"HTTP/1.1\n", (50000, 80)),
        (50000, 34567, b"http/1.1 200\n", (50000, 34567)),
        (50000, 8080, b"G", (50000, 8080)),
        (50000, 443, GET, (50000, 80)),
        (50000, 8443, GET, (50000, 8443)),
        (44818, 80, GET, (44818, 80)),
        (44818, 34567, GET, (61001, 34567)),
        (5060, 8080, GET, (61001, 8080)),
    ],
)
def test_ports_stay_where_wireshark_reads_http(client: int, server: int, data: bytes, wanted: tuple[int, int]) -> None:
    toll = Toll()
    facts = ConnectionFacts(BEGAN, client=f"10.0.0.1:{client}", server=f"10.0.0.2:{server}")
    stream = one([said(C, data), said(S, ANSWER), ended(Ending.CLOSED)], facts, toll)
    assert ports(stream) == wanted
    assert toll.reconstructed.get(CHANGED, 0) == ((client, server) != wanted)
    assert ("server" in words(stream, 0)) == (server != wanted[1])
    assert ("client" in words(stream, 0)) == (client != wanted[0])


def test_no_two_connections_have_the_same_ends() -> None:
    again = FACTS.replace(client=FACTS.server, server=FACTS.client)
    itself = FACTS.replace(client=FACTS.server)
    moved = FACTS.replace(client="127.0.0.1:61001")
    toll = Toll()
    given = [
        FACTS,
        FACTS,
        again,
        itself,
        moved,
        FACTS,
        *[ConnectionFacts(BEGAN)] * 3,
        *[ConnectionFacts(BEGAN, server="[::1]:1")] * 3,
    ]
    found = streams(written(*((facts, PLAIN) for facts in given), toll=toll))
    assert len({frozenset(stream.packets[0].ends) for stream in found}) == len(given)
    assert toll.reconstructed[INVENTED] == 9
    assert toll.reconstructed[CHANGED] == 5


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("127.0.0.1:80", Endpoint(bytes((127, 0, 0, 1)), 80)),
        ("[fe80::1%eth0]:80", Endpoint(bytes.fromhex("fe80" + "0" * 27 + "1"), 80)),
        ("", None),
        ("unix:/run/a", None),
        ("localhost:80", None),
        ("1.2.3.4:0", None),
        ("1.2.3.4:65536", None),
        ("1.2.3.400:5", None),
        ("[1::2::3]:5", None),
        ("1.2.3.4:\u0665", None),
    ],
)
def test_an_address_is_one_of_ip_or_none(text: str, wanted: Endpoint | None) -> None:
    assert Endpoint.of(text) == wanted


def test_ends_that_were_invented_never_run_out_and_are_no_other_protocols() -> None:
    endpoints = Endpoints(Toll())
    seen = set()
    for number in range(20_000):
        server = "[::1]:80" if number % 2 else "10.0.0.1:80"
        client, _ = endpoints.choose(ConnectionFacts(0, server=server), plain=True)
        assert client.port not in OTHERS
        seen.add(client)
    assert len(seen) == 20_000


def test_a_connection_that_used_its_port_very_often_gets_others() -> None:
    endpoints = Endpoints(Toll())
    facts = ConnectionFacts(0, client="10.0.0.1:50000", server="10.0.0.2:80")
    assert len({endpoints.choose(facts, plain=True) for _ in range(5000)}) == 5000


def test_a_comment_is_never_longer_than_an_option() -> None:
    stream = one(PLAIN, FACTS.replace(target="http://" + "a" * 100_000))
    assert stream.octets(0) == GET
    assert len(stream.packets[0].comment) == 0xFFFF


def test_memory_stays_small_whatever_the_size(folder: Path) -> None:
    block = bytes(1 << 16)
    events = [said(C, GET), *(said(S, block) for _ in range(600)), ended(Ending.CLOSED)]
    path = captured(folder / "a.hwire", (FACTS, events))
    output = Counted()
    with Capture(str(path)) as capture:
        capture.update()
        tracemalloc.start()
        try:
            writing.write(capture, capture.exchanges(), output, Toll())
            _, most = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert output.size > 600 << 16
    assert most < 16 << 20


def test_a_syn_says_when_the_connection_began_even_before_1970() -> None:
    stream = one(PLAIN, FACTS.replace(began_ns=-5))
    assert stream.packets[0].at_ns == 0
    assert stream.packets[0].flags == SYN
