"""TLS against real servers: whom `send` trusts, what it shows them, and how it tells a cut from an end."""

from __future__ import annotations

import re
import socket
import ssl
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from conftest import Ran, Server, read_head
from peers.reading import ask, read_answers, report_of
from peers.site import PAGE, PHOTO, Certificates, Site, TlsSite, answers, free_port, running

Send = Callable[..., Ran]
GET = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
PHOTO_WANTED = b"GET /photo.bin HTTP/1.1\r\nHost: localhost\r\n\r\n"


@pytest.fixture
def send(httpwire: Send, tmp_path: Path) -> Callable[..., Ran]:
    """Sends octets, with a time limit for the process that no test comes near."""

    def run(octets: bytes, *arguments: str | Path, env: dict[str, str] | None = None) -> Ran:
        (tmp_path / "client_send.txt").write_bytes(octets)
        return httpwire("send", "--json", *arguments, env=env, timeout=30)

    return run


def test_a_certificate_of_a_trusted_authority(
    tls_site: TlsSite, certificates: Certificates, send: Send, tmp_path: Path
) -> None:
    ran = send(PHOTO_WANTED, "--to", f"https://localhost:{tls_site.port}", "--cacert", certificates.authority)

    assert ran.status == 0, ran
    [(status, _, content)] = read_answers((tmp_path / "client_recv.txt").read_bytes(), "GET")
    assert (status, content) == (200, PHOTO)
    tls = report_of(ran.stdout)["connection"]["tls"]
    assert tls["verified"] is True
    assert tls["version"] in ("TLSv1.2", "TLSv1.3")
    assert tls["cipher"]
    assert report_of(ran.stdout)["findings"] == []


def test_an_address_in_the_certificate(tls_site: TlsSite, certificates: Certificates, send: Send) -> None:
    ran = send(GET, "--to", f"https://127.0.0.1:{tls_site.port}", "--cacert", certificates.authority)

    assert ran.status == 0, ran


@pytest.mark.parametrize("trust", ["the system", "a stranger"])
def test_a_certificate_of_nobody_we_know(
    trust: str, tls_site: TlsSite, certificates: Certificates, send: Send, tmp_path: Path
) -> None:
    options = ["--cacert", certificates.stranger] if trust == "a stranger" else []

    ran = send(GET, "--to", f"https://localhost:{tls_site.port}", *options)

    assert ran.status == 60, ran
    report = report_of(ran.stdout)
    assert report["error"]["kind"] == "CertificateNotTrusted"
    assert report["connection"]["sent"] == 0  # not a byte of the request goes to somebody unknown
    assert not (tmp_path / "client_recv.txt").exists()
    assert "--cacert" in ran.stderr


def test_insecure_goes_on(tls_site: TlsSite, send: Send, tmp_path: Path) -> None:
    ran = send(GET, "--to", f"https://localhost:{tls_site.port}", "--insecure")

    assert ran.status == 0, ran
    assert report_of(ran.stdout)["connection"]["tls"]["verified"] is False
    assert read_answers((tmp_path / "client_recv.txt").read_bytes(), "GET")[0][2] == PAGE


def test_a_certificate_for_another_name(tls_site: TlsSite, certificates: Certificates, send: Send) -> None:
    to = ["--to", f"https://localhost:{tls_site.other}", "--cacert", certificates.authority]

    refused = send(GET, *to)
    mended = send(GET.replace(b"localhost", b"other.test"), *to, "--sni", "other.test")

    assert refused.status == 60, refused
    assert "localhost" in report_of(refused.stdout)["error"]["message"]
    assert mended.status == 0, mended
    assert report_of(mended.stdout)["connection"]["tls"]["verified"] is True


def test_a_server_that_wants_a_certificate_of_ours(
    tls_site: TlsSite, certificates: Certificates, send: Send, tmp_path: Path
) -> None:
    to = ["--to", f"https://localhost:{tls_site.wanting}", "--cacert", certificates.authority]
    both = tmp_path / "both.pem"
    both.write_bytes(certificates.client_key.read_bytes() + certificates.client_cert.read_bytes())

    shown = send(GET, *to, "--cert", certificates.client_cert, "--key", certificates.client_key)
    in_one_file = send(GET, *to, "--cert", both)
    none = send(GET, *to)

    for ran in (shown, in_one_file):
        assert ran.status == 0, ran
        assert report_of(ran.stdout)["exchanges"][0]["response"]["status"] == 200
    if tls_site.site.name == "nginx":  # it takes the connection, and says so in HTTP
        assert none.status == 0, none
        assert report_of(none.stdout)["exchanges"][0]["response"]["status"] == 400
    else:  # with TLS 1.3 its alert comes when our handshake is done and the request on its way
        assert none.status in (35, 56), none
        assert "certificate required" in report_of(none.stdout)["error"]["message"].lower().replace("_", " ")
        assert "--cert" in none.stderr


def test_alpn(tls_site: TlsSite, certificates: Certificates, send: Send) -> None:
    to = ["--to", f"https://localhost:{tls_site.port}", "--cacert", certificates.authority]

    offered = send(GET, *to)
    not_offered = send(GET, *to, "--alpn", "")

    assert report_of(offered.stdout)["connection"]["tls"]["alpn"] == "http/1.1"
    assert not report_of(not_offered.stdout)["connection"]["tls"]["alpn"]
    assert (offered.status, not_offered.status) == (0, 0)


def test_the_secrets_go_to_sslkeylogfile(
    tls_site: TlsSite, certificates: Certificates, send: Send, tmp_path: Path
) -> None:
    log = tmp_path / "secrets.txt"
    to = ["--to", f"https://localhost:{tls_site.port}", "--cacert", certificates.authority]

    first = send(GET, *to, env={"SSLKEYLOGFILE": str(log)})
    once = log.read_text()
    second = send(GET, *to, env={"SSLKEYLOGFILE": str(log)})

    assert (first.status, second.status) == (0, 0)
    assert re.search(r"^(CLIENT_TRAFFIC_SECRET_0|CLIENT_RANDOM) [0-9a-f]{64} [0-9a-f]+$", once, re.MULTILINE)
    assert log.read_text().startswith(once)
    assert log.read_text() != once


def test_no_secrets_without_sslkeylogfile(tls_site: TlsSite, send: Send, tmp_path: Path) -> None:
    send(GET, "--to", f"https://localhost:{tls_site.port}", "--insecure")

    assert sorted(path.name for path in tmp_path.iterdir()) == ["client_recv.txt", "client_send.txt"]


# TLS on one side alone.


@pytest.mark.peer("nginx")
def test_plain_http_to_nginxs_tls_port(tls_nginx: TlsSite, send: Send, tmp_path: Path) -> None:
    ran = send(GET, "--to", f"127.0.0.1:{tls_nginx.port}")

    assert ran.status == 0, ran
    [(status, _, content)] = read_answers((tmp_path / "client_recv.txt").read_bytes(), "GET")
    assert status == 400
    assert b"plain HTTP request was sent to HTTPS port" in content


@pytest.mark.peer("apache2")
def test_plain_http_to_apaches_tls_port(tls_apache: TlsSite, send: Send, tmp_path: Path) -> None:
    ran = send(GET, "--to", f"127.0.0.1:{tls_apache.port}")

    assert ran.status == 0, ran
    [(status, _, content)] = read_answers((tmp_path / "client_recv.txt").read_bytes(), "GET")
    assert status == 400
    assert b"speaking plain HTTP to an SSL-enabled server port" in content


@pytest.fixture
def s_server(certificates: Certificates, tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """`openssl s_server`, a TLS server that knows nothing of HTTP; gives its port."""
    log = tmp_path_factory.mktemp("s_server") / "log.txt"
    certificate = str(certificates.server)
    for _ in range(5):  # a port that was free may be taken a moment later
        port = free_port()
        command = ["openssl", "s_server", "-accept", f"127.0.0.1:{port}", "-quiet"]
        with running([*command, "-cert", certificate, "-key", certificate], log) as process:
            if answers(process, port):
                yield port
                return
    pytest.fail(log.read_text())


@pytest.mark.peer("openssl")
def test_plain_http_to_openssls_tls_port(s_server: int, send: Send, tmp_path: Path) -> None:
    """OpenSSL sees that this is no TLS, and closes without a word."""
    ran = send(GET, "--to", f"127.0.0.1:{s_server}")

    assert ran.status == 52, ran
    assert list(tmp_path.glob("client_recv.txt*")) == []


@pytest.mark.peer("openssl")
def test_a_tls_alert_is_told_as_what_it_is(s_server: int, send: Send, tmp_path: Path) -> None:
    """Octets that OpenSSL takes for broken TLS are answered with an alert: no HTTP, and a hint at the scheme."""
    octets = b"\x16\x03\x01\x00\x05hello"
    alert = ask(s_server, octets)
    assert alert.startswith(b"\x15\x03")

    ran = send(octets, "--to", f"127.0.0.1:{s_server}")

    assert ran.status == 8, ran
    [exchange] = report_of(ran.stdout)["exchanges"]
    assert exchange["outcome"] == "undecidable"
    assert exchange["response"]["framing"]["rule"] == "not-http"
    told = [finding["id"] for finding in exchange["findings"] if finding["direction"] == "response"]
    assert told == ["not-http-tls"]
    assert (tmp_path / "client_recv.txt.partial").read_bytes() == alert


def test_tls_to_a_plain_port(site: Site, send: Send, tmp_path: Path) -> None:
    ran = send(GET, "--to", f"https://127.0.0.1:{site.port}")

    assert ran.status == 35, ran
    assert report_of(ran.stdout)["error"]["kind"] == "TlsFailed"
    assert report_of(ran.stdout)["connection"]["sent"] == 0
    assert not (tmp_path / "client_recv.txt").exists()
    assert "http://" in ran.stderr


# The end: with close_notify, or without.


@pytest.fixture
def tls_serve(serve: Callable[..., Server], certificates: Certificates) -> Callable[..., Server]:
    """A TLS server that answers once and then closes the TCP connection, with close_notify before it or without."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates.server)

    def start(answer: bytes, *, close_notify: bool) -> Server:
        def script(connection: socket.socket) -> None:
            with context.wrap_socket(connection, server_side=True) as tls:
                read_head(tls)
                tls.sendall(answer)
                if close_notify:
                    tls.unwrap().close()

        return serve(script)

    return start


UNTIL_CLOSE = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nas long as it lasts"
LENGTH = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n5\r\nhello\r\n0\r\n\r\n"


def test_an_answer_until_the_close_without_close_notify_may_have_been_cut(
    tls_serve: Callable[..., Server], send: Send, tmp_path: Path
) -> None:
    server = tls_serve(UNTIL_CLOSE, close_notify=False)

    ran = send(GET, "--to", f"https://{server.to}", "--insecure")

    assert ran.status == 18, ran
    report = report_of(ran.stdout)
    assert [finding["id"] for finding in report["findings"]] == ["tls-truncated"]
    assert [exchange["outcome"] for exchange in report["exchanges"]] == ["incomplete"]
    assert (tmp_path / "client_recv.txt.partial").read_bytes() == UNTIL_CLOSE
    assert not (tmp_path / "client_recv.txt").exists()


def test_an_answer_until_the_close_with_close_notify_is_whole(
    tls_serve: Callable[..., Server], send: Send, tmp_path: Path
) -> None:
    server = tls_serve(UNTIL_CLOSE, close_notify=True)

    ran = send(GET, "--to", f"https://{server.to}", "--insecure")

    assert ran.status == 0, ran
    assert report_of(ran.stdout)["findings"] == []
    assert (tmp_path / "client_recv.txt").read_bytes() == UNTIL_CLOSE


@pytest.mark.parametrize("answer", [LENGTH, CHUNKED], ids=["Content-Length", "chunked"])
def test_an_answer_that_tells_its_end_needs_no_close_notify(
    answer: bytes, tls_serve: Callable[..., Server], send: Send, tmp_path: Path
) -> None:
    server = tls_serve(answer, close_notify=False)

    ran = send(GET, "--to", f"https://{server.to}", "--insecure")

    assert ran.status == 0, ran
    assert (tmp_path / "client_recv.txt").read_bytes() == answer


def test_an_answer_cut_short_of_its_length_without_close_notify(
    tls_serve: Callable[..., Server], send: Send, tmp_path: Path
) -> None:
    server = tls_serve(LENGTH[:-2], close_notify=False)

    ran = send(GET, "--to", f"https://{server.to}", "--insecure")

    assert ran.status == 18, ran
    assert (tmp_path / "client_recv.txt.partial").read_bytes() == LENGTH[:-2]


def test_a_real_server_s_close_delimited_answer_is_whole(
    tls_site: TlsSite, certificates: Certificates, send: Send, tmp_path: Path
) -> None:
    """Apache and nginx say close_notify before they close."""
    octets = b"GET /photo.bin HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"

    ran = send(octets, "--to", f"https://localhost:{tls_site.port}", "--cacert", certificates.authority)

    assert ran.status == 0, ran
    assert read_answers((tmp_path / "client_recv.txt").read_bytes(), "GET")[0][2] == PHOTO


@pytest.mark.peer("openssl")
def test_openssl_gets_the_same_answer(certificates: Certificates, tls_site: TlsSite, send: Send) -> None:
    """`openssl s_client` is another TLS client: the same octets get it the same answer, apart from the date."""
    octets = GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
    command = ["openssl", "s_client", "-quiet", "-connect", f"127.0.0.1:{tls_site.port}", "-servername", "localhost"]
    theirs = subprocess.run(
        [*command, "-CAfile", str(certificates.authority), "-verify_return_error"],
        input=octets,
        capture_output=True,
        timeout=20,
        check=False,
    ).stdout

    ran = send(octets, "--to", f"https://localhost:{tls_site.port}", "--cacert", certificates.authority, "-o", "-")

    assert ran.status == 0, ran

    def undated(answer: bytes) -> bytes:
        return re.sub(rb"Date: [^\r]*", b"Date:", answer)

    assert undated(ran.stdout) == undated(theirs)


def test_the_limit_for_all_of_it_holds_for_the_handshake(
    serve: Callable[..., Server], httpwire: Send, tmp_path: Path
) -> None:
    (tmp_path / "client_send.txt").write_bytes(GET)
    silent = serve(lambda connection: connection.recv(65536) and connection.recv(65536))
    # The limit for connecting is ten seconds: this process is not given as long.
    ran = httpwire("send", "--timeout", "0.5", "--to", f"https://127.0.0.1:{silent.port}", timeout=8)
    assert ran.status == 28
