"""A packet capture as the independent reader: the stream that tshark puts together is what `send` sent and kept."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import httpwire as library
from conftest import Ran
from httpwire.net.options import TlsOptions
from peers.reading import read_answers
from peers.site import INCLUDED, PAGE, PHOTO, Certificates, Site, TlsSite, until

pytestmark = [pytest.mark.peer("tcpdump"), pytest.mark.peer("tshark")]


@contextmanager
def captured(port: int, path: Path) -> Iterator[None]:
    """Packets from and to `port` on the loopback interface are written to `path`. Skips without the right to."""
    drop = ["-Z", "root"] if os.geteuid() == 0 else []
    command = ["tcpdump", "-i", "lo", "-U", "-s", "0", "-B", "8192", *drop, "-w", str(path), "tcp", "port", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    assert process.stderr
    try:
        said = process.stderr.readline()
        while said and b"listening on" not in said:
            if b"permission" in said.lower() or b"not permitted" in said.lower():
                pytest.skip(f"no right to capture packets: {said.decode().strip()}")
            said += process.stderr.readline()
            if process.poll() is not None:
                pytest.skip(f"tcpdump can't capture: {said.decode().strip()}")
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=10)


def followed(capture: Path, kind: str = "tcp", *options: str) -> tuple[bytes, bytes]:
    """The octets of the first stream in `capture`, as tshark puts them together: from the client, from the server."""
    done = subprocess.run(
        ["tshark", "-r", str(capture), "-q", *options, "-z", f"follow,{kind},raw,0"],
        capture_output=True,
        timeout=30,
        check=False,
    )
    lines = done.stdout.decode().splitlines()
    start = next((number for number, line in enumerate(lines) if line.startswith("Node 1:")), len(lines)) + 1
    sent, received = b"", b""
    for line in lines[start:]:
        if line.startswith("="):
            break
        if line.startswith("\t"):
            received += bytes.fromhex(line.strip())
        else:
            sent += bytes.fromhex(line)
    return sent, received


REQUESTS = {
    "identity": (b"GET /photo.bin HTTP/1.1\r\nHost: localhost\r\n\r\n", "GET", PHOTO),
    "chunked and gzip": (
        b"GET /included.shtml HTTP/1.1\r\nHost: localhost\r\nAccept-Encoding: gzip\r\n\r\n",
        "GET",
        INCLUDED,
    ),
    "HEAD": (b"HEAD / HTTP/1.1\r\nHost: localhost\r\n\r\n", "HEAD", b""),
}


@pytest.mark.parametrize(("octets", "method", "content"), REQUESTS.values(), ids=REQUESTS.keys())
def test_the_packets_hold_what_was_sent_and_kept(
    octets: bytes, method: str, content: bytes, site: Site, httpwire: Callable[..., Ran], tmp_path: Path
) -> None:
    (tmp_path / "client_send.txt").write_bytes(octets)
    capture = tmp_path / "packets.pcap"

    with captured(site.port, capture):
        ran = httpwire("send", "--to", site.to, timeout=20)
        assert ran.status == 0, ran
        kept = (tmp_path / "client_recv.txt").read_bytes()
        assert until(lambda: len(followed(capture)[1]) >= len(kept)), "the packets did not reach the capture"

    sent, received = followed(capture)
    assert sent == octets
    assert received == kept
    assert read_answers(kept, method)[0][2] == content


@pytest.mark.peer("nginx")
def test_sslkeylogfile_lets_tshark_read_the_octets_inside_tls(
    tls_nginx: TlsSite,
    certificates: Certificates,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    octets = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
    capture, secrets = tmp_path / "packets.pcap", tmp_path / "secrets.txt"
    monkeypatch.setenv("SSLKEYLOGFILE", str(secrets))
    options = ("-o", f"tls.keylog_file:{secrets}", "-d", f"tcp.port=={tls_nginx.port},tls")

    with captured(tls_nginx.port, capture):
        trusted = TlsOptions(cacert=str(certificates.authority))
        exchange = library.send(octets, to=f"https://localhost:{tls_nginx.port}", tls=trusted)
        assert exchange.response
        assert exchange.response.content == PAGE
        assert until(lambda: followed(capture, "tls", *options)[1] != b""), "tshark could not read the TLS stream"

    assert followed(capture, "tls", *options) == (octets, exchange.response.raw)
