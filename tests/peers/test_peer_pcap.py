"""Packet captures by tcpdump, read by us and by tshark: the same streams, octet for octet."""

from __future__ import annotations

import socket
import subprocess
import threading
from pathlib import Path

import pytest

from conftest import read_head
from httpwire.capture.formats.pcap.format import read
from httpwire.capture.source import Source
from httpwire.capture.toll import Toll
from httpwire.wire.element import Direction
from packets import ANSWER, REQUEST, C, Heard, S, Talk, ethernet, ipv4, ipv6, pcap, pcapng, shuffled
from peers.browser import browse, curl
from peers.capturing import captured, followed, settle
from peers.reading import read_answers
from peers.site import INCLUDED, LONG, PAGE, PHOTO, Site, TlsSite

pytestmark = [pytest.mark.peer("tshark")]


def heard(path: Path, keylog: str = "") -> tuple[Heard, dict[str, int]]:
    """What we read in a capture, and what it cost."""
    got, toll = Heard(), Toll()
    with Source(str(path)) as source:
        read(source, got, toll, keylog=keylog)
    assert got.all_ended
    assert not toll.reconstructed
    return got, {cost.id: count for counts in (toll.lost, toll.skipped) for cost, count in counts.items()}


def streams(path: Path) -> list[tuple[bytes, bytes]]:
    """What tshark follows, of the streams on which octets went."""
    done = subprocess.run(
        ["tshark", "-r", str(path), "-T", "fields", "-e", "tcp.stream"], capture_output=True, timeout=60, check=True
    )
    count = len(set(done.stdout.split()))
    pairs = (followed(path, stream=number) for number in range(count))
    return [pair for pair in pairs if pair != (b"", b"")]


def pairs(got: Heard) -> list[tuple[bytes, bytes]]:
    count = len(got.events)
    return [(got.stream(Direction.REQUEST, n), got.stream(Direction.RESPONSE, n)) for n in range(count)]


@pytest.mark.peer("tcpdump")
@pytest.mark.peer("curl")
def test_curl_and_real_servers(site: Site, tmp_path: Path) -> None:
    path = tmp_path / "packets.pcap"
    url = f"http://{site.to}"
    with captured(site.port, path):
        assert curl(tmp_path, "--compressed", *(f"{url}/{name}" for name in ("index.html", "long.html"))).status == 0
        assert curl(tmp_path, "-I", f"{url}/photo.bin").status == 0
        assert curl(tmp_path, "--data-binary", "@-", f"{url}/say", stdin=LONG).status == 0
        assert curl(tmp_path, f"{url}/photo.bin", f"{url}/nothing", "-o", "a", "-o", "b").status == 0
        settle(path)

    got, costs = heard(path)
    assert pairs(got) == streams(path)
    assert not costs
    assert {facts.server for facts in got.facts} == {site.to}
    (_, long), _, (posted, _), (_, photo) = pairs(got)
    assert [content for *_, content in read_answers(long, "GET", "GET")] == [PAGE, LONG]
    assert posted.endswith(LONG)
    assert read_answers(photo, "GET", "GET")[0][2] == PHOTO


@pytest.mark.peer("tcpdump")
@pytest.mark.peer("chromium")
@pytest.mark.peer("apache2")
def test_chromium_and_apache(apache_server: Site, tmp_path: Path) -> None:
    path = tmp_path / "packets.pcap"
    with captured(apache_server.port, path):
        assert "It works!" in browse(f"http://127.0.0.1:{apache_server.port}/", tmp_path)
        browse(f"http://127.0.0.1:{apache_server.port}/included.shtml", tmp_path)
        settle(path)

    got, costs = heard(path)
    assert pairs(got) == streams(path)
    assert costs.keys() <= {"empty-connections"}  # it opens some in case
    contents = [
        content
        for asked, answered in pairs(got)
        for *_, content in read_answers(answered, *(["GET"] * asked.count(b"GET /")))
    ]
    assert PAGE in contents
    assert INCLUDED in contents


@pytest.mark.peer("tcpdump")
@pytest.mark.peer("curl")
def test_ipv6_and_all_interfaces(tmp_path: Path) -> None:
    """A capture of "any" is cooked, and here on IPv6."""
    path = tmp_path / "packets.pcap"
    with socket.create_server(("::1", 0), family=socket.AF_INET6) as listener:
        port = listener.getsockname()[1]

        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                read_head(connection)
                connection.sendall(ANSWER)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        with captured(port, path, "any"):
            assert curl(tmp_path, f"http://[::1]:{port}/").stdout == b"hello, world"
            settle(path)
        thread.join(10)

    got, costs = heard(path)
    assert pairs(got) == streams(path)
    assert pairs(got)[0][1] == ANSWER
    assert got.facts[0].server == f"[::1]:{port}"
    assert not costs


@pytest.mark.peer("tcpdump")
@pytest.mark.peer("curl")
@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_tls_with_a_key_log(version: str, tls_site: TlsSite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, keys = tmp_path / "packets.pcap", tmp_path / "keys.txt"
    monkeypatch.setenv("SSLKEYLOGFILE", str(keys))
    url = f"https://localhost:{tls_site.port}"
    with captured(tls_site.port, path):
        ran = curl(
            tmp_path, "-k", "--http1.1", "--tls-max", version, "--compressed", f"{url}/photo.bin", f"{url}/long.html"
        )
        assert ran.status == 0, ran
        settle(path)

    got, costs = heard(path, str(keys))
    [(asked, answered)] = pairs(got)
    assert asked.count(b"GET /") == 2
    assert [content for *_, content in read_answers(answered, "GET", "GET")] == [PHOTO, LONG]
    assert not costs
    [facts] = got.facts
    assert facts.tls
    assert facts.tls.version in ("TLSv1.2", f"TLSv{version}")  # a server may not have the newer one
    assert facts.tls.cipher.isascii()
    assert "0x" not in facts.tls.cipher
    assert facts.name == "localhost"
    assert all(line in keys.read_bytes() for line in facts.secrets.splitlines())
    assert len(facts.secrets.splitlines()) >= 1
    assert got.kinds()[:3] == ["connected", "tls", "request segment"]

    inside = tmp_path / "inside.pcapng"
    subprocess.run(["editcap", "--inject-secrets", f"tls,{keys}", str(path), str(inside)], timeout=30, check=True)
    assert pairs(heard(inside)[0]) == [(asked, answered)]

    got, costs = heard(path)
    assert not got.events
    assert costs.keys() == {"tls-without-keys", "skipped-octets"}
    monkeypatch.setenv("PATH", str(tmp_path))
    got, costs = heard(path, str(keys))
    assert not got.events
    assert costs == {"no-tshark": 1}


def test_of_tls_with_lost_packets_what_could_not_be_decrypted_is_told(
    tls_nginx: TlsSite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, keys, holes = tmp_path / "packets.pcap", tmp_path / "keys.txt", tmp_path / "holes.pcapng"
    monkeypatch.setenv("SSLKEYLOGFILE", str(keys))
    with captured(tls_nginx.port, path):
        url = f"https://localhost:{tls_nginx.port}/photo.bin"
        assert curl(tmp_path, "-k", "--http1.1", url).stdout == PHOTO
        settle(path)
    answer = pairs(heard(path, str(keys))[0])[0][1]
    large = f"tcp.srcport == {tls_nginx.port} && tcp.len > 8000"
    command = ["tshark", "-r", str(path), "-Y", large, "-T", "fields", "-e", "frame.number"]
    listed = subprocess.run(command, capture_output=True, timeout=30, check=True)
    lost = listed.stdout.split()[1].decode()
    subprocess.run(["editcap", str(path), str(holes), lost], timeout=30, check=True)

    got, costs = heard(holes, str(keys))
    part = pairs(got)[0][1]
    assert part.endswith(b"<>")
    assert answer.startswith(part[:-2])
    assert costs == {"tls-gaps": 1}


@pytest.mark.parametrize("seed", range(3))
def test_packets_made_by_hand_are_what_tshark_reads(seed: int, tmp_path: Path) -> None:
    """Out of order, again, and in fragments: tshark is asked to put them in order, too."""
    long = b"HTTP/1.1 200 OK\r\nContent-Length: 9000\r\n\r\n" + bytes(n % 251 for n in range(9000))
    made = [Talk(server=("10.0.0.2", 80 + n)).greet() for n in range(2)] + [
        Talk(("fd00::1", 40000), ("fd00::2", 80)).greet()
    ]
    for each in made:
        each.put(C, REQUEST)
        first = len(each.packets)
        for at in range(0, len(long), 1000):
            each.put(S, long[at : at + 1000])
        each.packets[first:] = shuffled(each.packets[first:], seed, 3)
        each.put(C)
        each.leave()
    packets = []
    for number, packet in enumerate(packet for each in made for packet in each.packets):
        packets += _in_fragments(packet, number) if number % 3 == seed else [packet]
    for octets in (pcap([ethernet(p, tags=b"\x81\x00\x00\x05") for p in packets]), pcapng(packets, link=101)):
        path = tmp_path / "made.pcap"
        path.write_bytes(octets)
        got, costs = heard(path)
        assert pairs(got) == [(REQUEST, long)] * 3
        assert not costs
        options = ("-o", "tcp.reassemble_out_of_order:TRUE")
        assert pairs(got) == [followed(path, "tcp", *options, stream=n) for n in range(3)]


def _in_fragments(packet: bytes, ident: int) -> list[bytes]:
    """The packet in two, the second one first."""
    if packet[0] >> 4 == 4:
        ends = [(".".join(map(str, packet[at : at + 4])), 0) for at in (12, 16)]
        payload = packet[20:]
        return [
            ipv4(ends[0], ends[1], payload[16:], ident=ident, fragment=2),
            ipv4(ends[0], ends[1], payload[:16], ident=ident, fragment=0x2000),
        ]
    ends = [(socket.inet_ntop(socket.AF_INET6, packet[at : at + 16]), 0) for at in (8, 24)]
    payload = packet[40:]
    number = ident.to_bytes(4, "big")
    return [
        ipv6(ends[0], ends[1], b"\x06\x00\x00\x10" + number + payload[16:], following=44),
        ipv6(ends[0], ends[1], b"\x06\x00\x00\x01" + number + payload[:16], following=44),
    ]
