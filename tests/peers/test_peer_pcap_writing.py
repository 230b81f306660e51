"""tshark follows what is written as pcapng: each stream whole, HTTP in it, and nothing to complain of."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable
from pathlib import Path

import pytest

from httpwire.capture.formats.pcap import writing
from httpwire.capture.model import Ending, EventKind, TlsFacts
from httpwire.capture.raw import Saving
from httpwire.capture.store.capture import Capture
from httpwire.capture.store.writing import Appender
from httpwire.capture.toll import Toll
from httpwire.capture.traffic import ConnectionFacts
from httpwire.wire.element import Direction

pytestmark = pytest.mark.peer("tshark")

C, S = Direction.REQUEST, Direction.RESPONSE
BEGAN = 1_700_000_000_123_456_789
GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
LARGE = bytes(range(256)) * 1500
CHECKS = ("-o", "tcp.check_checksum:TRUE", "-o", "ip.check_checksum:TRUE")
_EVENT = tuple[Direction, bytes] | EventKind


def tshark(path: Path, *arguments: str) -> list[str]:
    done = subprocess.run(["tshark", "-r", str(path), *arguments], capture_output=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.decode().splitlines()


def followed(path: Path, count: int = 1) -> list[tuple[bytes, bytes]]:
    """The octets from the client and from the server of the first `count` streams, as tshark puts them together."""
    wanted = [argument for number in range(count) for argument in ("-z", f"follow,tcp,raw,{number}")]
    found: dict[int, list[bytes]] = {}
    sides: list[bytes] | None = None
    for line in tshark(path, "-q", *wanted):
        if line.startswith("Filter: tcp.stream eq "):
            number = int(line.rpartition(" ")[2])
        elif line.startswith("Node 1:"):
            sides = found[number] = [b"", b""]
        elif line.startswith("="):
            sides = None
        elif sides:
            sides[line.startswith("\t")] += bytes.fromhex(line.strip())
    return [(found[number][0], found[number][1]) for number in range(count)]


def complaints(path: Path) -> list[str]:
    """What tshark's experts say that is more than a remark on how TCP begins and ends."""
    usual = 'tcp.flags.fin == 1 && _ws.expert.message contains "connection closing"'
    fields = ("-T", "fields", "-e", "frame.number", "-e", "_ws.expert.message")
    wrong = "tcp.checksum.status == 0 || ip.checksum.status == 0 || _ws.malformed || tcp.analysis.flags"
    serious = f"_ws.expert.severity >= 0x600000 || (_ws.expert.severity == 0x400000 && !({usual})) || {wrong}"
    return tshark(path, *CHECKS, "-Y", serious, *fields)


def written(path: Path, connections: Iterable[tuple[ConnectionFacts, Iterable[_EVENT], Ending | None]]) -> None:
    with Appender(str(path.with_suffix(".hwire"))) as sink:
        for facts, events, ending in connections:
            number, moment = sink.open(facts), 0
            for event in events:
                moment += 1_000_001
                if isinstance(event, EventKind):
                    sink.event(number, moment, C, event)
                elif event[1].startswith(b"gap "):
                    sink.event(number, moment, event[0], EventKind.GAP, event[1][4:])
                else:
                    sink.event(number, moment, event[0], EventKind.SEGMENT, event[1])
            if ending:
                sink.event(number, moment + 5, S, EventKind.ENDED, ending.value.encode("ascii"))
                sink.event(number, moment + 5, None, EventKind.END)

    output = Saving(str(path))
    with Capture(str(path.with_suffix(".hwire"))) as capture:
        capture.update()
        writing.write(capture, capture.exchanges(), output, Toll())
    output.finish(complete=True)


def facts(number: int, **more: object) -> ConnectionFacts:
    known: dict[str, object] = {"client": f"127.0.0.1:{50000 + number}", "server": "127.0.0.1:34567"}
    return ConnectionFacts(BEGAN + number * 500_000, **known | more)  # type: ignore[arg-type]


TLS = TlsFacts("TLSv1.3", "TLS_AES_128_GCM_SHA256", "http/1.1", verified=True)
SECRETS = b"CLIENT_HANDSHAKE_TRAFFIC_SECRET " + b"0f" * 32 + b" " + b"aa" * 32 + b"\n"
PLAIN = [(C, GET), (S, ANSWER)]
#: name: what is known, what happens, how it ends, and how many requests and responses tshark sees
CONNECTIONS: dict[str, tuple[ConnectionFacts, list[_EVENT], Ending | None, int, int]] = {
    "one exchange": (facts(0), [*PLAIN], Ending.CLOSED, 1, 1),
    "kept alive": (facts(1), [*PLAIN * 3], Ending.COMPLETE, 3, 3),
    "as the client": (facts(2, target="http://127.0.0.1:34567"), [*PLAIN], Ending.COMPLETE, 1, 1),
    "pipelined": (facts(3), [(C, GET * 3), (S, ANSWER + ANSWER[:9]), (S, ANSWER[9:] + ANSWER)], Ending.CLOSED, 3, 3),
    "IPv6": (facts(4, client="[::1]:50000", server="[::1]:8080"), [*PLAIN], Ending.CLOSED, 1, 1),
    "nothing known": (facts(5, client="", server=""), [*PLAIN], Ending.CLOSED, 1, 1),
    "nothing known again": (facts(6, client="", server="unix:/run/a"), [*PLAIN], Ending.CLOSED, 1, 1),
    "the same ends": (facts(0), [*PLAIN], Ending.CLOSED, 1, 1),
    "the same ends once more": (facts(0), [*PLAIN], Ending.CLOSED, 1, 1),
    "a port of TLS": (facts(7, server="127.0.0.1:443", tls=TLS, secrets=SECRETS), [*PLAIN], Ending.CLOSED, 1, 1),
    "ports of others": (facts(8, client="10.0.0.1:44818", server="10.0.0.2:5432"), [*PLAIN], Ending.CLOSED, 1, 1),
    "in single octets": (
        facts(9),
        [*((C, GET[place : place + 1]) for place in range(len(GET))), (S, ANSWER)],
        Ending.CLOSED,
        1,
        1,
    ),
    "large, both ways at once": (
        facts(10),
        [
            (C, b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % (2 * len(LARGE))),
            (C, LARGE),
            (S, CHUNKED + b"%x\r\n" % (2 * len(LARGE))),
            (S, LARGE),
            (C, LARGE),
            (S, LARGE + b"\r\n0\r\n\r\n"),
        ],
        Ending.CLOSED,
        1,
        1,
    ),
    "interim": (
        facts(11),
        [
            (C, b"PUT / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n"),
            (S, b"HTTP/1.1 100 Continue\r\n\r\n"),
            (C, b"abc"),
            (S, b"HTTP/1.1 103 Early Hints\r\n\r\n"),
            (S, ANSWER),
        ],
        Ending.CLOSED,
        1,
        3,
    ),
    "until the close, after the client's": (
        facts(12),
        [(C, GET), EventKind.SENT_ALL, (S, b"HTTP/1.1 200 OK\r\n\r\n"), (S, LARGE), (S, b"end")],
        Ending.COMPLETE,
        1,
        1,
    ),
    "no answer": (facts(13), [(C, GET)], Ending.TIMED_OUT, 1, 0),
    "no answer to the client": (facts(14, target="http://a"), [(C, GET)], Ending.TIMED_OUT, 1, 0),
    "cut": (facts(15), [(C, GET), (S, ANSWER[:-1])], Ending.FAILED, 1, 0),
    "under way": (facts(16), [(C, GET), (S, ANSWER)], None, 1, 1),
    "an early answer": (
        facts(17),
        [(C, b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc"), (S, ANSWER), (C, b"defghi")],
        Ending.CLOSED,
        1,
        1,
    ),
    "an upgrade": (
        facts(18),
        [
            (C, b"GET /chat HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: other\r\n\r\n"),
            (S, b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: other\r\n\r\n"),
            (S, b"\x01\x02\x03"),
            (C, b"\x04\x05"),
            (S, b"\x06"),
        ],
        Ending.TUNNEL_SILENT,
        1,
        1,
    ),
    "a tunnel": (
        facts(19),
        [
            (C, b"CONNECT a:7777 HTTP/1.1\r\nHost: a:7777\r\n\r\n"),
            (S, b"HTTP/1.1 200 OK\r\n\r\n"),
            (C, b"hello there"),
            (S, b"general"),
            (C, b"bye"),
        ],
        Ending.CLOSED,
        1,
        1,
    ),
    "HTTP/1.0": (
        facts(20),
        [(C, b"GET / HTTP/1.0\r\n\r\n"), (S, b"HTTP/1.0 200 OK\r\n\r\n" + b"x" * 3000)],
        Ending.CLOSED,
        1,
        1,
    ),
}


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All of them in one file."""
    path = tmp_path_factory.mktemp("pcap") / "all.pcapng"
    written(path, ((known, events, ending) for known, events, ending, _, _ in CONNECTIONS.values()))
    return path


def in_file() -> list[str]:
    """The names of the connections in the order in which they begin."""
    return sorted(CONNECTIONS, key=lambda name: CONNECTIONS[name][0].began_ns)


def test_tshark_complains_of_nothing(file: Path) -> None:
    assert complaints(file) == []
    assert len(set(tshark(file, "-T", "fields", "-e", "tcp.stream"))) == len(CONNECTIONS)
    assert set(tshark(file, *CHECKS, "-T", "fields", "-e", "tcp.checksum.status")) == {"1"}
    assert set(tshark(file, *CHECKS, "-T", "fields", "-e", "ip.checksum.status")) == {"1", ""}


def test_tshark_follows_each_stream(file: Path) -> None:
    for name, found in zip(in_file(), followed(file, len(CONNECTIONS)), strict=True):
        events = [event for event in CONNECTIONS[name][1] if isinstance(event, tuple)]
        wanted = tuple(b"".join(data for direction, data in events if direction is side) for side in (C, S))
        assert found == wanted, name


def test_tshark_sees_the_requests_and_responses(file: Path) -> None:
    fields = ("-T", "fields", "-e", "tcp.stream", "-e", "http.request.method", "-e", "http.response.code")
    seen = dict.fromkeys(range(len(CONNECTIONS)), (0, 0))
    for line in tshark(file, "-Y", "http", *fields):
        stream, methods, codes = line.split("\t")
        requests, responses = seen[int(stream)]
        seen[int(stream)] = (
            requests + len(methods.split(",")) * bool(methods),
            responses + len(codes.split(",")) * bool(codes),
        )
    wanted = {number: CONNECTIONS[name][3:] for number, name in enumerate(in_file())}
    assert seen == wanted


def test_tshark_reads_the_comment_and_the_time(file: Path) -> None:
    number = in_file().index("a port of TLS")
    lines = tshark(
        file, "-Y", f"tcp.stream == {number}", "-T", "fields", "-e", "frame.time_epoch", "-e", "frame.comment"
    )
    moment, comment = lines[0].split("\t")
    assert moment == "1700000000.126956789"
    assert comment == (
        "httpwire: server=127.0.0.1:443 cipher=TLS_AES_128_GCM_SHA256 alpn=http/1.1 tls=TLSv1.3 verified=yes "
        "random=" + "0f" * 32
    )


def test_of_a_gap_is_told_that_it_was_not_captured_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "gap.pcapng"
    cases: list[list[_EVENT]] = [
        [(C, GET), (S, ANSWER[:20]), (S, b"gap 7"), (S, ANSWER[27:])],
        [(C, GET), (S, b"gap "), (S, ANSWER), (C, GET), (S, ANSWER)],
        [(C, GET), (S, b"gap 5"), (C, GET), (S, ANSWER)],
        [(C, GET), (S, ANSWER), (S, b"gap 100")],
        [(C, GET), (C, b"gap 100")],
        [(C, GET), (C, b"gap 100"), (S, ANSWER)],
    ]
    endings = (Ending.CLOSED, Ending.UNSEEN)
    written(path, ((facts(n), case, ending) for n, (case, ending) in enumerate((c, e) for c in cases for e in endings)))
    true = "tcp.analysis.lost_segment || tcp.analysis.ack_lost_segment"  # that it was sent, and that it was received
    assert tshark(path, "-Y", f"tcp.analysis.flags && !({true})") == []
    lost = tshark(path, "-Y", "tcp.analysis.lost_segment", "-T", "fields", "-e", "tcp.stream")
    assert sorted(map(int, lost)) == list(range(len(cases) * len(endings)))


def test_numbers_that_wrap_are_followed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "wrap.pcapng"
    monkeypatch.setattr("httpwire.capture.formats.pcap.writing.FIRST", (0xFFFFFFFF - 20, 0xFFFFFFFF - 100_000))
    head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(LARGE)
    written(path, [(facts(0), [(C, GET), (S, head + LARGE), (C, GET), (S, ANSWER)], Ending.CLOSED)])
    assert complaints(path) == []
    assert followed(path) == [(GET * 2, head + LARGE + ANSWER)]


@pytest.mark.peer("capinfos")
def test_capinfos_reads_it(file: Path) -> None:
    done = subprocess.run(["capinfos", "-M", str(file)], capture_output=True, timeout=60, check=False)
    said = done.stdout.decode()
    assert done.returncode == 0, done.stderr
    assert "pcapng" in said
    assert "Raw IP" in said
    assert "nanoseconds (9)" in said
    assert "httpwire" in said


@pytest.mark.peer("tcpdump")
def test_tcpdump_reads_it(file: Path) -> None:
    done = subprocess.run(["tcpdump", "-nvr", str(file)], capture_output=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert b"incorrect" not in done.stdout
    assert b"bad" not in done.stdout.replace(b"cksum", b"")
