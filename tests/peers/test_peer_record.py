"""`httpwire record` with real clients: what it kept is what the tap before it saw, octet for octet."""

from __future__ import annotations

import base64
import os
import re
import socket
from importlib.resources import files
from pathlib import Path

import pytest

from peers.browser import browse, chromium, curl, index_of, kept_as_tapped, running

SAMPLE = files("httpwire").joinpath("samples", "chrome-get.http").read_bytes()
PHOTO = bytes((n * n + n // 251) % 256 for n in range(200_000))
BIG = 300 << 20

FORMS = """<!doctype html><meta charset=utf-8><title>forms</title>
<form id=words action=http://{to}/words method=post><input name=said value="あ & b=c">
<textarea name=more>two
lines</textarea><button>say</button></form>
<form id=photo action=http://{to}/photo?of=1 method=post enctype=multipart/form-data><input name=title value="日本">
<input type=file name=photo multiple><button>show</button></form>"""


def page_of(html: str) -> str:
    """A page that no server is asked for."""
    return "data:text/html;base64," + base64.b64encode(html.encode()).decode()


# curl.

ASKED: dict[str, list[str]] = {
    "a page": ["/"],
    "a query": ["/search?q=a%20b&c=;d"],
    "a target that curl leaves as it is": ["--path-as-is", "/a/../b/./c"],
    "HEAD": ["-I", "/head"],
    "a range": ["-r", "5-99", "/range"],
    "several ranges": ["-r", "0-9,-9", "/ranges"],
    "a condition": ["-H", 'If-None-Match: "2d-5adcd"', "/page"],
    "codings": ["--compressed", "/compressed"],
    "HTTP/1.0": ["-0", "/old"],
    "an upgrade to HTTP/2": ["--http2", "/upgrade"],
    "OPTIONS of the server": ["-X", "OPTIONS", "--request-target", "*", "/"],
    "a method of one's own": ["-X", "PROPFIND", "-H", "Depth: 1", "/files"],
    "credentials and a cookie": ["-u", "user:secret", "-b", "a=b; c=d", "/private"],
    "octets beyond ASCII": ["-H", "X-Name: 日本", "-A", "ä", "/日本"],
    "a form": ["-d", "a=b&c=d", "/form"],
    "a form in HTTP/1.0": ["-0", "-d", "a=b&c=d", "/form"],
    "a form after 100 Continue": ["-H", "Expect: 100-continue", "-d", "@photo.bin", "/form"],
    "a multipart upload": ["-F", "title=日本", "-F", "photo=@photo.bin;type=image/png", "/upload"],
    "a file": ["-T", "photo.bin", "/"],
    "a file in chunks": ["-T", "photo.bin", "-H", "Transfer-Encoding: chunked", "/chunked"],
    "a file in chunks at once": ["-T", "photo.bin", "-H", "Transfer-Encoding: chunked", "-H", "Expect:", "/chunked"],
    "an empty file": ["-T", "empty.bin", "/"],
    "DELETE": ["-X", "DELETE", "/thing"],
}


@pytest.mark.peer("curl")
def test_all_that_curl_can_ask_is_kept_as_it_came(tmp_path: Path) -> None:
    """One server takes them all, one file a request: each is what the tap saw, and is told as what it is."""
    (tmp_path / "photo.bin").write_bytes(PHOTO)
    (tmp_path / "empty.bin").write_bytes(b"")

    with running(tmp_path, "record", "-o", "kept/", "--forever", "--reply-status", "204") as ours:
        for name, (*options, path) in ASKED.items():
            ran = curl(tmp_path, *options, f"http://{ours.to}{path}")
            assert ran.status == 0, (name, ran)
        ended = ours.stop()

    assert ended.status == 0, ended
    requests = kept_as_tapped(ours, tmp_path / "kept")
    assert len(requests) == len(ASKED)
    for name, octets, line in zip(ASKED, requests, index_of(tmp_path / "kept"), strict=True):
        head, _, content = octets.partition(b"\r\n\r\n")
        method, target, _ = head.split(b"\r\n")[0].split(b" ")
        assert (line["method"].encode("latin-1"), line["target"].encode("latin-1")) == (method, target), name
        assert line["file"].startswith(f"{line['number']:04}-{method.decode()}"), name
        assert line["head"] == len(head) + 4, name
        if "chunked" not in head.decode("latin-1"):
            assert line["content"] == len(content), name
        assert line["complete"] is True, name
    chunked = [
        line["content"] for name, line in zip(ASKED, index_of(tmp_path / "kept"), strict=True) if "chunks" in name
    ]
    assert set(chunked) == {len(PHOTO)}, "the content is what the chunks hold"
    assert f"{len(ASKED)} requests" in ended.stderr


@pytest.mark.peer("curl")
def test_the_first_request_is_kept_and_the_client_gets_no_answer(tmp_path: Path) -> None:
    """The document's server: one request in server_recv.txt, and an end. Who connects and says nothing is no client."""
    with (
        running(tmp_path, "record") as ours,
        socket.create_connection(("127.0.0.1", ours.port)),
        socket.create_connection(("127.0.0.1", ours.port)),
    ):
        ran = curl(tmp_path, f"http://{ours.to}/")
        ended = ours.ended()

    assert ran.status == 52, "curl says: empty reply from server"
    assert ended.status == 0, ended
    assert (tmp_path / "server_recv.txt").read_bytes() == ours.tap.sent
    assert ours.tap.sent.startswith(b"GET / HTTP/1.1\r\n")
    assert ours.tap.received == b""
    assert "1 request, 2 connections that sent nothing" in ended.stderr


@pytest.mark.peer("curl")
def test_two_requests_on_one_connection(tmp_path: Path) -> None:
    with running(tmp_path, "record", "-o", "kept/", "--count", "2", "--reply-status", "204") as ours:
        ran = curl(tmp_path, "-w", "%{num_connects} ", f"http://{ours.to}/one", "-d", "a=b", f"http://{ours.to}/two")
        ended = ours.ended()

    assert (ran.status, ran.stdout) == (0, b"1 0 "), ran
    assert ended.status == 0, ended
    assert len(kept_as_tapped(ours, tmp_path / "kept")) == 2
    assert [(line["connection"], line["target"]) for line in index_of(tmp_path / "kept")] == [(1, "/one"), (1, "/two")]
    assert sorted(path.name for path in (tmp_path / "kept").iterdir()) == [
        "0001-POST-one.http",
        "0002-POST-two.http",
        "index.jsonl",
    ]


def test_requests_sent_without_waiting_for_answers(tmp_path: Path) -> None:
    """Pipelining, cut where it hurts: each request has its own octets, and its answer in its turn."""
    requests = [
        b"GET /1 HTTP/1.1\r\nHost: a\r\n\r\n",
        b"POST /2 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        b"POST /3 HTTP/1.1\r\nHost: a\r\nContent-Length: 20\r\n\r\nGET /no HTTP/1.1\r\n\r\n",
        b"GET /4 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
    ]
    octets = b"".join(requests)

    with running(tmp_path, "record", "-o", "kept/", "--count", "4", "--reply-status", "204") as ours:
        host, _, port = ours.to.rpartition(":")
        with socket.create_connection((host, int(port)), 20) as sock:
            for cut in range(0, len(octets), 7):
                sock.sendall(octets[cut : cut + 7])
            answer = b""
            while data := sock.recv(65536):
                answer += data
        ended = ours.ended()

    assert ended.status == 0, ended
    assert kept_as_tapped(ours, tmp_path / "kept") == requests
    assert answer == b"HTTP/1.1 204 No Content\r\n\r\n" * 4


@pytest.mark.peer("curl")
def test_what_curl_asks_of_a_proxy(tmp_path: Path) -> None:
    """A whole URL as the target; CONNECT, and what goes into the tunnel that our 204 makes: no request of ours."""
    with running(tmp_path, "record", "-o", "kept/", "--forever", "--reply-status", "204") as ours:
        proxy = ["--noproxy", "", "-x", f"http://{ours.to}"]
        whole = curl(tmp_path, *proxy, "http://example.test/page?a=b")
        tunnel = curl(tmp_path, *proxy, "-m", "1", "--proxytunnel", "http://example.test/inside")
        ended = ours.stop()

    assert whole.status == 0, whole
    assert tunnel.status == 28, tunnel
    assert ended.status == 0, ended
    requests = kept_as_tapped(ours, tmp_path / "kept")
    assert [octets.split(b"\r\n")[0] for octets in requests] == [
        b"GET http://example.test/page?a=b HTTP/1.1",
        b"CONNECT example.test:80 HTTP/1.1",
    ]
    [inside] = (tmp_path / "kept").glob("*.tunnel")
    assert inside.read_bytes().startswith(b"GET /inside HTTP/1.1\r\n")
    assert ours.tap.wires[1].sent == requests[1] + inside.read_bytes()


@pytest.mark.peer("curl")
@pytest.mark.parametrize("tls", [False, True], ids=["plain", "TLS"])
def test_a_large_upload_is_streamed_to_disk(tls: bool, tmp_path: Path) -> None:  # noqa: FBT001
    """300 MB from a sparse file, which curl sends once it was told to continue; the server stays small."""
    with open(tmp_path / "large.bin", "wb") as file:
        file.truncate(BIG)
        file.seek(BIG // 2)
        file.write(PHOTO)
    env = {"XDG_DATA_HOME": str(tmp_path / "data")}
    options = ["--tls"] if tls else []
    with running(tmp_path, "record", "-o", "kept/", "--reply-status", "204", "--forever", *options, env=env) as ours:
        scheme = ["--cacert", tmp_path / "data/httpwire/authority.pem", "https"] if tls else ["http"]
        url = f"{scheme[-1]}://127.0.0.1:{ours.port}/large"
        ran = curl(tmp_path, "-v", "-T", "large.bin", "-H", "Expect: 100-continue", *scheme[:-1], url, timeout=60)
        size = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{ours.process.pid}/status").read_text())
        ended = ours.stop()

    assert ran.status == 0, ran
    assert "< HTTP/1.1 100 Continue" in ran.stderr
    assert ended.status == 0, ended
    [line] = index_of(tmp_path / "kept")
    assert (line["complete"], line["content"], line["octets"]) == (True, BIG, BIG + line["head"])
    assert size
    assert int(size[1]) < 100 << 10
    with open(tmp_path / "kept" / line["file"], "rb") as kept, open(tmp_path / "large.bin", "rb") as large:
        assert os.fstat(kept.fileno()).st_size == line["octets"]
        head = kept.read(line["head"])
        assert head.startswith(b"PUT /large HTTP/1.1\r\n")
        assert b"\r\nExpect: 100-continue\r\n" in head
        while block := large.read(1 << 22):
            assert kept.read(1 << 22) == block
        assert kept.read() == b""
    (tmp_path / "kept" / line["file"]).unlink()
    (tmp_path / "large.bin").unlink()


@pytest.mark.peer("curl")
def test_http_2_and_tls_that_nobody_speaks_here(tmp_path: Path) -> None:
    """They are refused, kept as what they are, told in a clear line, and cost nobody else anything."""
    with running(tmp_path, "record", "-o", "kept/", "--forever", "--reply-status", "204") as ours:
        http2 = curl(tmp_path, "--http2-prior-knowledge", f"http://{ours.to}/")
        tls = curl(tmp_path, f"https://{ours.to}/")
        usual = curl(tmp_path, f"http://{ours.to}/")
        ended = ours.stop()

    assert http2.status != 0
    assert tls.status == 35, tls
    assert usual.status == 0, usual
    assert ended.status == 0, ended
    assert len(kept_as_tapped(ours, tmp_path / "kept")) == 1
    told = [(line["complete"], line["reason"], line["findings"]) for line in index_of(tmp_path / "kept")]
    assert told == [(False, "not-http", ["http2-preface"]), (False, "not-http", ["tls-request"]), (True, "", [])]
    assert "this is the preface of an HTTP/2 connection" in ended.stderr
    assert "this is the beginning of TLS" in ended.stderr


@pytest.mark.peer("curl")
def test_over_tls_for_any_name(tmp_path: Path) -> None:
    """One authority, kept for the next time; a certificate for each name and address that curl asks for."""
    data = tmp_path / "data"
    env = {"XDG_DATA_HOME": str(data)}
    trusted = ["--cacert", f"{data}/httpwire/authority.pem"]

    with running(tmp_path, "record", "-o", "kept/", "--forever", "--reply-status", "204", "--tls", env=env) as ours:
        port = ours.port
        made_up = ["--connect-to", f"made.up.test:443:127.0.0.1:{port}", "https://made.up.test/"]
        asked = {
            "localhost": [f"https://localhost:{port}/"],
            "": [f"https://127.0.0.1:{port}/"],
            "made.up.test": made_up,
        }
        for name, options in asked.items():
            ran = curl(tmp_path, *trusted, *options)
            assert ran.status == 0, (name, ran)
        agreed = curl(tmp_path, "-v", "--http2", *trusted, f"https://localhost:{port}/")
        assert curl(tmp_path, f"https://localhost:{port}/").status == 60, "nobody trusts it unasked"
        plain = curl(tmp_path, f"http://localhost:{port}/")
        first = ours.stop()
    with running(tmp_path, "record", "-o", "kept/", "--reply-status", "204", "--count", "1", "--tls", env=env) as ours:
        again = curl(tmp_path, *trusted, f"https://localhost:{ours.port}/")
        second = ours.ended()

    assert "ALPN: server accepted http/1.1" in agreed.stderr
    assert "1.1 204" in agreed.stderr
    assert plain.status != 0
    assert (again.status, first.status, second.status) == (0, 0, 0)
    lines = index_of(tmp_path / "kept")
    assert [line["server_name"] for line in lines if line["complete"]] == [*asked, "localhost", "localhost"]
    assert [line["number"] for line in lines] == list(range(1, len(lines) + 1)), "an earlier run's files stay"
    assert "made now" in first.stderr
    assert "made now" not in second.stderr
    assert f"curl --cacert {trusted[1]}" in first.stderr
    assert "the client does not trust the certificate" in first.stderr
    assert "plain HTTP came to a port that speaks TLS" in first.stderr
    assert (data / "httpwire" / "authority.key").stat().st_mode & 0o777 == 0o600


# Chromium.


@pytest.mark.peer("chromium")
def test_chromium_s_first_request_is_kept(tmp_path: Path) -> None:
    """The document's first step: the browser shows an error, and we have what it sent."""
    with running(tmp_path, "record") as ours, chromium(tmp_path) as browser:
        shown = browser.open(f"http://localhost:{ours.port}/")
        ended = ours.ended()

    assert ended.status == 0, ended
    assert shown.startswith("net::ERR_"), "which one it is depends on whether it tries once more"
    recorded = (tmp_path / "server_recv.txt").read_bytes()
    assert recorded.startswith(b"GET / HTTP/1.1\r\nHost: localhost:%d\r\n" % ours.port)
    assert recorded.endswith(b"\r\n\r\n")
    names = [[line.partition(b":")[0] for line in octets.split(b"\r\n")] for octets in (recorded, SAMPLE)]
    assert names[0] == names[1]
    assert "1 request" in ended.stderr


@pytest.mark.peer("chromium")
def test_chromium_s_forms_and_uploads_are_kept_as_they_came(tmp_path: Path) -> None:
    """A form, an upload of two files and a navigation, mostly over one connection that is kept alive."""
    (tmp_path / "photo.bin").write_bytes(PHOTO)
    (tmp_path / "note.txt").write_text("日本\n")

    with running(tmp_path, "record", "-o", "kept/", "--forever", "--reply-status", "204") as ours:
        with chromium(tmp_path) as browser:
            browser.open(page_of(FORMS.format(to=ours.to)))
            browser.evaluate("document.querySelector('#words button').click()")
            assert ours.has(1), ours.said
            browser.choose("input[type=file]", tmp_path / "photo.bin", tmp_path / "note.txt")
            browser.evaluate("document.querySelector('#photo button').click()")
            assert ours.has(2), ours.said
            browser.evaluate(f"location.href = 'http://{ours.to}/page?a=b#c'")
            assert ours.has(3), ours.said
        ended = ours.stop()

    assert ended.status == 0, ended
    requests = kept_as_tapped(ours, tmp_path / "kept")
    started = [octets.split(b"\r\n")[0] for octets in requests]
    assert started == [
        b"POST /words HTTP/1.1",
        b"POST /photo?of=1 HTTP/1.1",
        b"GET /page?a=b HTTP/1.1",
    ]
    contents = [octets.partition(b"\r\n\r\n")[2] for octets in requests]
    assert contents[0] == b"said=%E3%81%82+%26+b%3Dc&more=two%0D%0Alines"
    assert PHOTO in contents[1]
    assert 'filename="note.txt"\r\nContent-Type: text/plain\r\n\r\n日本\n\r\n'.encode() in contents[1]
    connections = [line["connection"] for line in index_of(tmp_path / "kept")]
    assert len(set(connections)) < len(connections), "none was kept alive"


@pytest.mark.peer("chromium")
def test_chromium_gets_a_reply(tmp_path: Path) -> None:
    content = "<!doctype html><meta charset=utf-8><link rel=icon href='data:,'><h1>いただきました</h1>".encode()
    (tmp_path / "reply.txt").write_bytes(
        b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: %d\r\n\r\n" % len(content) + content
    )

    with running(tmp_path, "record", "-o", "asked.txt", "--reply", "reply.txt") as ours:
        shown = browse(f"http://127.0.0.1:{ours.port}/", tmp_path)
        ended = ours.ended()

    assert "<h1>いただきました</h1>" in shown
    assert ended.status == 0, ended
    assert (tmp_path / "asked.txt").read_bytes().startswith(b"GET / HTTP/1.1\r\n")
