"""A packet capture as the independent reader: the stream that tshark puts together is what `send` sent and kept."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

import httpwire as library
from conftest import Ran
from httpwire.net.options import TlsOptions
from peers.capturing import captured, followed
from peers.reading import read_answers
from peers.site import INCLUDED, PAGE, PHOTO, Certificates, Site, TlsSite, until

pytestmark = [pytest.mark.peer("tcpdump"), pytest.mark.peer("tshark")]


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
