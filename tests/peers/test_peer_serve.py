"""`httpwire serve` with real clients: they see what they saw of the real server, and the tap sees the same octets."""

from __future__ import annotations

import base64
import hashlib
import os
import re
import socket
import ssl
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from conftest import Ran
from httpwire.api.given import Scripted
from httpwire.api.serving import Running
from httpwire.capture.faults import Faults
from peers.browser import chromium, curl, index_of, kept_as_tapped, running, served_as_tapped, sha256
from peers.capturing import captured, followed
from peers.reading import ask, read_answers
from peers.site import PAGE, Certificates, Site, TlsSite, apache_modules, apache_site, free_port, nginx_site, until
from peers.tap import Tap
from peers.test_peer_curl import ASKED, Seen
from peers.test_peer_curl import curl as curl_sees

Taps = Callable[[Site], Tap]

LARGE = hashlib.shake_256(b"large").digest(20 << 20)


def answer(content: bytes, *fields: str, status: str = "200 OK", kind: str = "text/html; charset=utf-8") -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Type: {kind}", f"Content-Length: {len(content)}", *fields, "", ""]
    return "\r\n".join(lines).encode() + content


def lay(folder: Path, *exchanges: tuple[str, bytes]) -> Path:
    """A folder of recorded exchanges: the request line of each, and its answer."""
    folder.mkdir()
    for number, (asked, octets) in enumerate(exchanges, 1):
        (folder / f"{number:02}.http").write_bytes(f"{asked} HTTP/1.1\r\nHost: recorded\r\n\r\n".encode())
        (folder / f"{number:02}.response").write_bytes(octets)
    return folder


def without_host(octets: bytes) -> bytes:
    """A request, or several, without what tells apart the ports at which the same client asked the same."""
    return re.sub(rb"(127\.0\.0\.1|localhost):\d+", rb"\1", octets)


# curl.


@pytest.mark.peer("curl")
def test_curl_sees_of_us_what_it_saw_of_the_server(site: Site, tapped: Taps, tmp_path: Path) -> None:
    """Everything that the tap saw between curl and a real server is served again: curl can't tell them apart.

    Several of the requests are for one target: they get their answers in order.
    """
    tap = tapped(site)
    recorded = tmp_path / "recorded"
    recorded.mkdir()
    first: dict[str, Seen] = {}
    for number, (name, (path, options)) in enumerate(ASKED.items(), 1):
        first[name] = curl_sees(tmp_path, *options, f"http://{tap.to}{path}")
        assert len(tap.wires) == number
        (recorded / f"{number:02}.http").write_bytes(tap.wires[-1].sent)
        (recorded / f"{number:02}.response").write_bytes(tap.wires[-1].received)

    with running(tmp_path, "serve", recorded, "--record", "kept/") as ours:
        again = {
            name: curl_sees(tmp_path, *options, f"http://{ours.to}{path}") for name, (path, options) in ASKED.items()
        }
        ended = ours.stop()

    assert ended.status == 0, ended
    assert again == first
    requests = kept_as_tapped(ours, tmp_path / "kept")
    served_as_tapped(ours)
    assert [without_host(octets) for octets in requests] == [without_host(bytes(wire.sent)) for wire in tap.wires]
    assert [wire.received for wire in ours.tap.wires] == [wire.received for wire in tap.wires]
    assert "warning" not in ended.stderr, "nothing is served to another request than it was recorded for"


# What was recorded for which request; how curl asks, and what is told of it.
UNFIT: list[tuple[str, bytes, list[str], str]] = [
    ("GET /page", answer(b"hello"), ["-I", "/page"], "recorded for GET /page, served to HEAD /page"),
    ("GET /body", answer(b"hello"), ["-I", "/body"], "the answer has content, which an answer to HEAD has not"),
    (
        "GET /part",
        answer(b"he", "Content-Range: bytes 0-1/5", status="206 Partial Content"),
        ["/part"],
        "the status is 206, and the request asks for no range",
    ),
    (
        "GET /same",
        b'HTTP/1.1 304 Not Modified\r\nETag: "1"\r\n\r\n',
        ["/same"],
        "the status is 304, and the request has no condition",
    ),
    (
        "GET /zip",
        answer(b"\x1f\x8b", "Content-Encoding: gzip"),
        ["-H", "Accept-Encoding: br", "/zip"],
        "the content is gzip-coded, which the request does not accept",
    ),
]
# What was recorded, and asked for in a way that a real server would answer otherwise: a client has to take it.
FIT: list[tuple[str, bytes, list[str]]] = [
    ("GET /whole", answer(b"hello"), ["-r", "0-1", "/whole"]),
    ("GET /new", answer(b"hello", 'ETag: "1"'), ["-H", 'If-None-Match: "1"', "/new"]),
    ("GET /plain", answer(b"hello"), ["--compressed", "/plain"]),
    ("GET /any", answer(b"hello", "Content-Encoding: gzip"), ["/any"]),
    ("GET /old", answer(b"hello"), ["-0", "/old"]),
]


@pytest.mark.peer("curl")
def test_what_was_recorded_is_what_is_served(tmp_path: Path) -> None:
    """Ranges, conditions and codings get just what was recorded; where it does not fit, that is told once."""
    recorded = [(asked, octets) for asked, octets, _, _ in UNFIT] + [(asked, octets) for asked, octets, _ in FIT]
    with running(tmp_path, "serve", lay(tmp_path / "site", *recorded)) as ours:
        for _ in range(2):
            for asked, octets, (*options, path), _said in UNFIT:
                ran = curl(tmp_path, "-i", "-m", "10", *options, f"http://{ours.to}{path}")
                assert ran.status == 0, (asked, ran)
                assert ran.stdout.startswith(octets.partition(b"\r\n\r\n")[0]), (asked, ran)
        for asked, _, (*options, path) in FIT:
            ran = curl(tmp_path, "-m", "10", *options, f"http://{ours.to}{path}")
            assert (ran.status, ran.stdout) == (0, b"hello"), (asked, ran)
        ended = ours.stop()

    assert ended.status == 0, ended
    served_as_tapped(ours)
    for asked, _, _, said in UNFIT:
        assert ended.stderr.count(said) == (2 if "content, which" in said else 1), (asked, ended.stderr)
    told = [line for line in ended.stderr.splitlines() if line.startswith("warning")]
    assert all("/body" in line or any(said in line for *_, said in UNFIT) for line in told), told


@pytest.mark.peer("curl")
def test_what_nobody_recorded_is_not_found(tmp_path: Path) -> None:
    """A plain 404 says what was asked for, and so does standard error; HTTP/2 gets a 400; the next one is served."""
    site = lay(tmp_path / "site", ("GET /", answer(b"home")))
    with running(tmp_path, "serve", site, "--record", "kept/") as ours:
        missing = curl(tmp_path, "-i", f"http://{ours.to}/other?a=b")
        head = curl(tmp_path, "-I", f"http://{ours.to}/other")
        posted = curl(tmp_path, "-i", "-d", "a=b", f"http://{ours.to}/")
        http2 = curl(tmp_path, "--http2-prior-knowledge", f"http://{ours.to}/")
        upgrade = curl(tmp_path, "--http2", f"http://{ours.to}/")
        ended = ours.stop()

    assert ended.status == 0, ended
    assert missing.stdout.startswith(b"HTTP/1.1 404 Not Found\r\n")
    assert missing.stdout.endswith(b"\r\n\r\nhttpwire: no answer was recorded for GET /other?a=b\n")
    assert head.stdout.startswith(b"HTTP/1.1 404 Not Found\r\n")
    assert posted.stdout.startswith(b"HTTP/1.1 404 Not Found\r\n")
    assert http2.status != 0
    assert (upgrade.status, upgrade.stdout) == (0, b"home")
    assert ours.tap.wires[3].received.startswith(b"HTTP/1.1 400 Bad Request\r\n")
    assert b"httpwire: this is not a whole request" in ours.tap.wires[3].received
    assert "this is the preface of an HTTP/2 connection" in ended.stderr
    assert "404: no recorded answer is for this request" in ended.stderr
    kept_as_tapped(ours, tmp_path / "kept")


@pytest.mark.peer("curl")
def test_one_connection_for_as_long_as_the_answers_allow(tmp_path: Path) -> None:
    """curl counts its connections: an answer that implies a close has one, and any other has none."""
    site = lay(
        tmp_path / "site",
        ("GET /1", answer(b"one")),
        ("GET /2", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\ntwo\r\n0\r\n\r\n"),
        ("GET /3", answer(b"three", "Connection: close")),
        ("GET /4", b"HTTP/1.1 200 OK\r\n\r\nfour"),
        ("GET /5", b"HTTP/1.0 200 OK\r\nContent-Length: 4\r\n\r\nfive"),
        ("GET /6", b"HTTP/1.1 204 No Content\r\n\r\n"),
        ("GET /7", b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + answer(b"seven")),
        ("GET /8", b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 5\r\n\r\neight"),
        ("GET /9", answer(b"nine")),
    )
    with running(tmp_path, "serve", site) as ours:
        ran = curl(tmp_path, "-m", "10", "-w", " %{num_connects};", f"http://{ours.to}/[1-9]")
        ended = ours.stop()

    assert ran.status == 0, ran
    assert ran.stdout == b"one 1;two 0;three 0;four 1;five 1; 1;seven 0;eight 0;nine 0;"
    assert ended.status == 0, ended
    assert len(ours.tap.wires) == 4
    served_as_tapped(ours)


def test_answers_to_requests_sent_without_waiting(tmp_path: Path) -> None:
    site = lay(tmp_path / "site", ("GET /1", answer(b"one")), ("POST /2", answer(LARGE)), ("GET /3", answer(b"three")))
    octets = b"GET /1 HTTP/1.1\r\nHost: a\r\n\r\n"
    octets += b"POST /2 HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello"
    octets += b"GET /3 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"

    with running(tmp_path, "serve", site, "--record", "kept/", "--count", "3") as ours:
        host, _, port = ours.to.rpartition(":")
        with socket.create_connection((host, int(port)), 20) as sock:
            sock.sendall(octets)
            came = bytearray()
            while data := sock.recv(1 << 20):
                came += data
        ended = ours.ended()

    assert ended.status == 0, ended
    assert came == answer(b"one") + answer(LARGE) + answer(b"three")
    assert b"".join(kept_as_tapped(ours, tmp_path / "kept")) == octets
    served_as_tapped(ours)


def test_no_answer_is_spent_on_who_does_not_get_it(tmp_path: Path) -> None:
    """After a close nothing is answered, asked for or not: what comes behind it is kept, and told as not answered.

    The client asks again, and gets the next answer, not the one after it.
    """
    site = lay(
        tmp_path / "site",
        ("GET /", answer(b"first", "Connection: close")),
        ("GET /", answer(b"second")),
        ("GET /", answer(b"third")),
        ("GET /", answer(b"fourth")),
    )
    once = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
    last = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"

    with running(tmp_path, "serve", site, "--record", "kept/") as ours:
        first, second, third = (ask(ours.port, octets) for octets in (once + once, last + once, last))
        ended = ours.stop()

    assert (first, second, third) == (
        answer(b"first", "Connection: close"),
        answer(b"second"),
        answer(b"third"),
    )
    assert [told["answer"] is not None for told in ours.told] == [True, False, True, False, True]
    assert ended.status == 0, ended
    assert b"".join((tmp_path / told["file"]).read_bytes() for told in ours.told) == once + once + last + once + last


@pytest.mark.peer("curl")
def test_an_upload_waits_for_what_was_recorded(tmp_path: Path) -> None:
    """100 (Continue) as it was recorded, or one of ours where none was."""
    continued = b"HTTP/1.1 100 Continue\r\nX-Recorded: yes\r\n\r\n"
    site = lay(
        tmp_path / "site",
        ("PUT /recorded", continued + answer(b"taken")),
        ("PUT /ours", answer(b"taken")),
    )
    (tmp_path / "upload.bin").write_bytes(LARGE)

    with running(tmp_path, "serve", site, "--record", "kept/") as ours:
        for path in ("recorded", "ours"):
            ran = curl(tmp_path, "-v", "-T", "upload.bin", "-H", "Expect: 100-continue", f"http://{ours.to}/{path}")
            assert (ran.status, ran.stdout) == (0, b"taken"), ran
            assert "< HTTP/1.1 100 Continue" in ran.stderr
            assert ("< X-Recorded: yes" in ran.stderr) == (path == "recorded")
        ended = ours.stop()

    assert ended.status == 0, ended
    requests = kept_as_tapped(ours, tmp_path / "kept")
    assert [octets.partition(b"\r\n\r\n")[2] for octets in requests] == [LARGE, LARGE]
    assert ours.tap.wires[0].received == continued + answer(b"taken")
    assert ours.tap.wires[1].received == b"HTTP/1.1 100 Continue\r\n\r\n" + answer(b"taken")
    assert ended.stderr.count("100 Continue was sent") == 1


@pytest.mark.peer("curl")
@pytest.mark.parametrize("tls", [False, True], ids=["plain", "TLS"])
def test_a_large_answer_and_names_for_it(tls: bool, tmp_path: Path) -> None:  # noqa: FBT001
    (tmp_path / "large.response").write_bytes(answer(LARGE))
    env = {"XDG_DATA_HOME": str(tmp_path / "data")}
    with running(tmp_path, "serve", "large.response", *(["--tls"] if tls else []), env=env) as ours:
        scheme = "https" if tls else "http"
        trusted = ["--cacert", f"{tmp_path}/data/httpwire/authority.pem"] if tls else []
        to = ["--connect-to", f"made.up.test::127.0.0.1:{ours.port}"]
        for host in (f"localhost:{ours.port}", f"127.0.0.1:{ours.port}", "made.up.test"):
            ran = curl(tmp_path, *trusted, *to, f"{scheme}://{host}/")
            assert ran.status == 0, (host, ran.stderr)
            assert sha256(ran.stdout) == sha256(LARGE), host
        told = [told["server_name"] for told in ours.told]
        ended = ours.stop()

    assert ended.status == 0, ended
    assert told == (["localhost", "", "made.up.test"] if tls else ["", "", ""])


FAULTS = {
    "--truncate 100": 18,  # transfer closed with bytes remaining
    "--truncate 0": 52,  # empty reply
    "--reset-after 100": 56,  # connection reset
    "--close-before": 52,
    "--delay 30": 28,  # timed out
    "--throttle 1000": 28,
    "--segment 7": 0,
    "--segment 100 --throttle 10000": 0,
    "--delay 0.3": 0,
}


@pytest.mark.peer("curl")
@pytest.mark.parametrize(("options", "status"), FAULTS.items(), ids=FAULTS)
def test_what_curl_makes_of_a_bad_server(options: str, status: int, tmp_path: Path) -> None:
    octets = answer(bytes(range(256)) * 16)
    (tmp_path / "page.response").write_bytes(octets)

    with running(tmp_path, "serve", "page.response", *options.split()) as ours:
        began = time.monotonic()
        limit = "1" if status == 28 else "10"
        ran = curl(tmp_path, "-i", "-m", limit, f"http://127.0.0.1:{ours.port}/")  # a tap passes no reset on
        took = time.monotonic() - began
        ended = ours.stop()

    assert ran.status == status, ran
    assert octets.startswith(ran.stdout)
    assert ended.status == 0, ended
    if not status:
        assert ran.stdout == octets
    if status in (18, 56):
        assert ran.stdout == octets[:100]
    if options == "--delay 0.3" or "10000" in options:
        assert took > 0.3


# Proxies in front of it.

_NGINX_PROXY = """
server {{
    listen 127.0.0.1:{port};
    location / {{ proxy_pass http://127.0.0.1:{to}; {more} }}
}}
"""
_APACHE_PROXY = """
Listen 127.0.0.1:{port}
<VirtualHost 127.0.0.1:{port}>
  ProxyPass "/" "http://127.0.0.1:{to}/"
</VirtualHost>
"""


def _behind(server: str, to: str) -> tuple[Callable[[], str], list[int]]:
    """The configuration of a reverse proxy for `to`, and its port, which is new each time the first is asked for."""
    ports = [0]

    def extra() -> str:
        ports[0] = free_port()
        port = to.rpartition(":")[2]
        if server == "nginx":
            more = 'proxy_http_version 1.1; proxy_set_header Connection "";'
            return _NGINX_PROXY.format(port=ports[0], to=port, more=more)
        return apache_modules("proxy", "proxy_http") + _APACHE_PROXY.format(port=ports[0], to=port)

    return extra, ports


@pytest.mark.peer("curl")
@pytest.mark.parametrize(
    "server",
    [pytest.param("apache", marks=pytest.mark.peer("apache2")), pytest.param("nginx", marks=pytest.mark.peer("nginx"))],
)
def test_behind_a_real_proxy(server: str, tmp_path: Path) -> None:
    """It is a server as any other to Apache and nginx, which pass on what they got from it."""
    site = lay(
        tmp_path / "site",
        ("GET /page", answer(PAGE)),
        ("GET /chunks", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n6\r\nchunky\r\n0\r\n\r\n"),
        ("GET /until", b"HTTP/1.1 200 OK\r\n\r\nuntil the close"),
        ("GET /same", b'HTTP/1.1 304 Not Modified\r\nETag: "1"\r\n\r\n'),
        ("GET /large", answer(LARGE)),
        ("POST /form", answer(b"taken")),
    )
    with running(tmp_path, "serve", site, "--record", "kept/") as ours:
        extra, ports = _behind(server, ours.to)
        with {"nginx": nginx_site, "apache": apache_site}[server](extra):
            url = f"http://127.0.0.1:{ports[0]}"
            page = curl(tmp_path, f"{url}/page")
            chunks = curl(tmp_path, f"{url}/chunks")
            until = curl(tmp_path, f"{url}/until")
            same = curl(tmp_path, "-w", "%{http_code}", "-H", 'If-None-Match: "1"', f"{url}/same")
            large = curl(tmp_path, f"{url}/large")
            form = curl(tmp_path, "-F", f"file=@{site}/01.response", f"{url}/form")
            missing = curl(tmp_path, "-w", "%{http_code}", f"{url}/missing")
        ended = ours.stop()

    assert ended.status == 0, ended
    assert page.stdout == PAGE
    assert chunks.stdout == b"chunky"
    assert until.stdout == b"until the close"
    assert same.stdout == b"304"
    assert sha256(large.stdout) == sha256(LARGE)
    assert form.stdout == b"taken"
    assert missing.stdout.endswith(b"404")
    requests = kept_as_tapped(ours, tmp_path / "kept")
    assert len(requests) == 7
    assert answer(PAGE) in requests[5]
    assert [line["findings"] for line in index_of(tmp_path / "kept")] == [[]] * 7


# Chromium.

FORMS = (
    """<!doctype html><title>forms</title><h1>forms</h1>"""
    """<form id=words action=/words method=post><input name=said value="あ & b=c"><button>say</button></form>"""
    """<form id=photo action="/photo?of=1" method=post enctype=multipart/form-data><input name=title value="日本">"""
    """<input type=file name=photo multiple><button>show</button></form>"""
).encode()
PHOTO = bytes((n * n + n // 251) % 256 for n in range(300_000))
# A script's own upload: the octets are those of PHOTO, made in the browser.
UPLOAD = """(async () => {
    const form = new FormData();
    form.append("words", "あ\\n");
    form.append("photo", new Blob([new Uint8Array(300000).map((_, n) => n * n + Math.floor(n / 251))]), "日本.png");
    return await (await fetch("/upload", {method: "POST", body: form})).text();
})()"""
DIGEST = """(async () => {
    const octets = await (await fetch("/large", {cache: "no-store"})).arrayBuffer();
    const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", octets));
    return Array.from(digest, octet => octet.toString(16).padStart(2, "0")).join("");
})()"""


def browsed_site(folder: Path) -> Path:
    return lay(
        folder,
        ("GET /", answer(FORMS, "Cache-Control: no-store")),
        ("POST /words", answer(b"<h1>words came</h1>")),
        ("POST /photo?of=1", answer(b"<h1>a photo came</h1>")),
        ("POST /upload", answer("届きました".encode(), kind="text/plain; charset=utf-8")),
        ("GET /large", answer(LARGE, kind="application/octet-stream")),
        ("GET /favicon.ico", answer(b"", kind="image/x-icon")),
    )


def but_for_the_icon(requests: list[bytes]) -> list[bytes]:
    """Without those for a page's icon, which a browser asks for when it likes."""
    return [octets for octets in requests if not octets.startswith(b"GET /favicon.ico ")]


@pytest.mark.peer("chromium")
def test_chromium_navigates_submits_uploads_and_reloads(tmp_path: Path) -> None:
    """All over connections that are kept alive: recorded and served is what the tap saw between them."""
    (tmp_path / "photo.bin").write_bytes(PHOTO)
    (tmp_path / "note.txt").write_text("日本\n")

    with running(tmp_path, "serve", browsed_site(tmp_path / "site"), "--record", "kept/") as ours:
        url = f"http://{ours.to}/"
        with chromium(tmp_path) as browser:
            assert browser.open(url) == ""
            with browser.loading():
                browser.evaluate("document.querySelector('#words button').click()")
            assert browser.text == "words came"
            browser.open(url)
            browser.choose("input[type=file]", tmp_path / "photo.bin", tmp_path / "note.txt")
            with browser.loading():
                browser.evaluate("document.querySelector('#photo button').click()")
            assert browser.text == "a photo came"
            browser.open(url)
            browser.reload()
            browser.reload(cached=False)
            with browser.loading():
                browser.evaluate("location.reload()")
            assert browser.evaluate(UPLOAD) == "届きました"
            assert browser.evaluate(DIGEST) == sha256(LARGE)
            assert browser.text.startswith("forms")
        ended = ours.stop()

    assert ended.status == 0, ended
    requests = but_for_the_icon(kept_as_tapped(ours, tmp_path / "kept"))
    served_as_tapped(ours)
    started = [octets.split(b" HTTP/1.1\r\n")[0].decode() for octets in requests]
    reloads = ["GET /"] * 4
    assert started == ["GET /", "POST /words", "GET /", "POST /photo?of=1", *reloads, "POST /upload", "GET /large"]
    contents = [octets.partition(b"\r\n\r\n")[2] for octets in requests]
    assert contents[1] == b"said=%E3%81%82+%26+b%3Dc"
    assert PHOTO in contents[3]
    assert 'name="title"\r\n\r\n日本\r\n'.encode() in contents[3]
    assert 'filename="note.txt"\r\nContent-Type: text/plain\r\n\r\n日本\n\r\n'.encode() in contents[3]
    assert PHOTO in contents[8]
    assert 'filename="日本.png"'.encode() in contents[8]
    assert b"Cache-Control: no-cache" in requests[6], "a reload past the cache"
    connections = [line["connection"] for line in index_of(tmp_path / "kept")]
    assert len(set(connections)) < len(connections) / 2, "they were not kept alive"
    assert "warning" not in ended.stderr


@pytest.mark.peer("chromium")
@pytest.mark.peer("apache2")
def test_what_chromium_saw_of_apache_it_sees_of_us(apache_server: Site, tapped: Taps, tmp_path: Path) -> None:
    """A page, a reload that is answered 304, a picture that is not there: the tap's connections are the recording."""
    tap = tapped(apache_server)
    recorded = tmp_path / "recorded"
    recorded.mkdir()

    def visit(to: str, profile: Path) -> tuple[list[str], bytes]:
        profile.mkdir()
        with chromium(profile) as browser:
            assert browser.open(f"http://{to}/") == ""
            shown = [browser.text]
            browser.reload()
            shown.append(browser.text)
            picture = browser.screenshot()
            browser.open(f"http://{to}/nowhere")
            shown.append(browser.text.replace(to.rpartition(":")[2], "PORT"))
        return shown, picture

    theirs = visit(tap.to, tmp_path / "theirs")
    used = sorted((wire for wire in tap.wires if wire.sent), key=lambda wire: b"\r\nIf-None-Match:" in wire.sent)
    for number, wire in enumerate(used):
        (recorded / f"{number}.http").write_bytes(wire.sent)
        (recorded / f"{number}.response").write_bytes(wire.received)
    with running(tmp_path, "serve", recorded, "--record", "kept/") as ours:
        seen = visit(ours.to, tmp_path / "seen")
        ended = ours.stop()

    assert ended.status == 0, ended
    shown, picture = theirs
    assert (seen[0][0], seen[0][1]) == (shown[0], shown[1]) == ("It works!", "It works!")
    assert "Not Found" in seen[0][2]
    assert seen[1] == picture
    requests = kept_as_tapped(ours, tmp_path / "kept")
    served = b"".join(wire.received for wire in ours.tap.wires)
    assert b"HTTP/1.1 304 Not Modified\r\n" in served
    asked = [octets for octets in re.split(rb"(?<=\r\n\r\n)", tap.sent) if octets]
    same = [sorted(map(without_host, but_for_the_icon(octets))) for octets in (requests, asked)]
    assert same[0] == same[1], "in whatever order, on however many connections"


def the_page_is_shown(shown: bytes, direct: bytes, error: bytes) -> None:
    """The screenshots: of the page as we serve it, as Apache serves it, and of an error."""
    assert shown.startswith(b"\x89PNG\r\n")
    assert shown == direct
    assert shown != error


@pytest.mark.peer("chromium")
@pytest.mark.peer("apache2")
def test_the_loop(apache_server: Site, tapped: Taps, httpwire: Callable[..., Ran], tmp_path: Path) -> None:
    """Browser, record, send, Apache, serve, browser: what leaves one hop is what reaches the next."""
    with chromium(tmp_path) as browser:
        assert browser.open(f"http://{apache_server.to}/") == ""
        direct = browser.screenshot()

        with running(tmp_path, "record", "-o", "kept/", "--forever") as recording:
            assert browser.open(f"http://{recording.to}/").startswith("net::ERR_")
            error = browser.screenshot()
            browser.open("about:blank")  # an error's page tries again by itself
            assert recording.stop().status == 0
        asked = kept_as_tapped(recording, tmp_path / "kept")[0]
        assert recording.tap.received == b""

        (tmp_path / "client_send.txt").write_bytes(asked)
        tap = tapped(apache_server)
        ran = httpwire("send", "--to", tap.to, timeout=20)
        assert ran.status == 0, ran
        answered = (tmp_path / "client_recv.txt").read_bytes()
        assert sha256(tap.sent) == sha256(asked)
        assert sha256(tap.received) == sha256(answered)
        [(status, _, content)] = read_answers(answered, "GET")
        assert (status, content) == (200, PAGE)

        with running(tmp_path, "serve", "client_recv.txt", "--record", "seen/") as serving:
            assert browser.open(f"http://{serving.to}/") == ""
            assert browser.text == "It works!"
            shown = browser.screenshot()
            ended = serving.stop()

    assert ended.status == 0, ended
    seen = kept_as_tapped(serving, tmp_path / "seen")
    served_as_tapped(serving)
    assert without_host(seen[0]) == without_host(asked)
    wire = next(wire for wire in serving.tap.wires if wire.sent.startswith(seen[0]))
    assert sha256(wire.received[: len(answered)]) == sha256(answered)
    the_page_is_shown(shown, direct, error)


# Over TLS.


def trusting(port: int) -> str:
    """The option that lets Chromium take the certificate at `port`, without a change to what it trusts otherwise."""
    shown = ssl.get_server_certificate(("127.0.0.1", port), timeout=20)
    key = x509.load_pem_x509_certificate(shown.encode()).public_key()
    octets = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return "--ignore-certificate-errors-spki-list=" + base64.b64encode(hashlib.sha256(octets).digest()).decode()


def inside_tls(capture: Path, port: int, secrets: Path, *peers: str) -> list[tuple[str, str]]:
    """What tshark reads inside each TLS connection with `port`, those of `peers` where given: the hashes of what the
    client sent, and of what it was answered."""
    options = ("-o", f"tls.keylog_file:{secrets}", "-d", f"tcp.port=={port},tls")
    found: list[tuple[str, str]] = []
    for peer in peers or (f"127.0.0.1:{port}",):
        one = capture.with_suffix(f".{len(found)}.pcap")
        only = ["-Y", f"tcp.port=={peer.rpartition(':')[2]}", "-w", str(one)]
        subprocess.run(["tshark", "-r", str(capture), *only], capture_output=True, timeout=30, check=False)
        sent, received = followed(one, "tls", *options)
        if received.startswith(b"GET "):  # who sends the first record inside TLS is the client to tshark
            sent, received = received, sent
        found.append((sha256(sent), sha256(received)))
    return found


def kept_over_tls(kept: Path, answered: bytes) -> dict[str, tuple[str, str]]:
    """The hashes of what is kept of each connection, by the client's address, and of so many answers."""
    came: dict[str, list[bytes]] = {}
    for line in index_of(kept):
        assert line["complete"], line
        came.setdefault(line["peer"], []).append((kept / line["file"]).read_bytes())
    return {peer: (sha256(b"".join(octets)), sha256(answered * len(octets))) for peer, octets in came.items()}


@pytest.mark.peer("chromium")
@pytest.mark.peer("apache2")
@pytest.mark.peer("tcpdump")
@pytest.mark.peer("tshark")
@pytest.mark.slow
def test_the_loop_over_tls(
    tls_apache: TlsSite, certificates: Certificates, httpwire: Callable[..., Ran], tmp_path: Path
) -> None:
    """The same, each hop over TLS; tshark, which is given the secrets of the connections, reads what was in them."""
    env = {"XDG_DATA_HOME": str(tmp_path / "data")}
    secrets = tmp_path / "secrets.txt"
    first, second, third = tmp_path / "first", tmp_path / "second", tmp_path / "third"
    for profile in (first, second, third):
        profile.mkdir()

    with (
        running(tmp_path, "record", "-o", "kept/", "--forever", "--tls", env=env) as ours,
        captured(ours.port, first / "packets.pcap"),
    ):
        with chromium(first, trusting(ours.port), f"--ssl-key-log-file={secrets}") as browser:
            assert browser.open(f"https://localhost:{ours.port}/").startswith("net::ERR_")
            error = browser.screenshot()
        assert ours.stop().status == 0
        kept = kept_over_tls(tmp_path / "kept", b"")
        assert until(
            lambda: inside_tls(first / "packets.pcap", ours.port, secrets, *kept) == list(kept.values()), 20
        ), "what Chromium said is not what is kept"
    line = index_of(tmp_path / "kept")[0]
    asked = (tmp_path / "kept" / line["file"]).read_bytes()
    assert line["server_name"] == "localhost"

    (tmp_path / "client_send.txt").write_bytes(asked)
    port = tls_apache.port
    with captured(port, second / "packets.pcap"):
        to = ["--to", f"https://localhost:{port}", "--cacert", certificates.authority]
        ran = httpwire("send", *to, env={"SSLKEYLOGFILE": str(secrets)}, timeout=20)
        assert ran.status == 0, ran
        answered = (tmp_path / "client_recv.txt").read_bytes()
        hop = (sha256(asked), sha256(answered))
        assert until(lambda: inside_tls(second / "packets.pcap", port, secrets) == [hop], 20)

    with (
        running(tmp_path, "serve", "client_recv.txt", "--record", "seen/", "--tls", env=env) as ours,
        captured(ours.port, third / "packets.pcap"),
    ):
        with chromium(second, trusting(ours.port), f"--ssl-key-log-file={secrets}") as browser:
            assert browser.open(f"https://localhost:{ours.port}/") == ""
            assert browser.text == "It works!"
            shown = browser.screenshot()
        ended = ours.stop()
        assert ended.status == 0, ended
        seen = kept_over_tls(tmp_path / "seen", answered)
        assert until(
            lambda: inside_tls(third / "packets.pcap", ours.port, secrets, *seen) == list(seen.values()), 20
        ), "what Chromium said and was answered is not what is kept and recorded"
    assert without_host((tmp_path / "seen" / "0001-GET.http").read_bytes()) == without_host(asked)

    with chromium(third, trusting(port)) as browser:
        assert browser.open(f"https://localhost:{port}/") == ""
        direct = browser.screenshot()
    the_page_is_shown(shown, direct, error)


@pytest.mark.peer("chromium")
@pytest.mark.peer("certutil")
@pytest.mark.parametrize("store", ["", ".pki/nssdb", ".local/share/pki/nssdb"])
def test_chromium_trusts_us_when_the_advice_is_followed(tmp_path: Path, store: str) -> None:
    """What `--tls` says about Chromium, done by a new user, or by one who has a store (an empty folder is one): then
    every page is shown, of whatever name."""
    (tmp_path / "page.response").write_bytes(answer(PAGE))
    (tmp_path / store).mkdir(parents=True, exist_ok=True)
    env = {"XDG_DATA_HOME": str(tmp_path / "data"), "HOME": str(tmp_path)}
    with running(tmp_path, "serve", "page.response", "--tls", env=env) as ours:
        advice = re.search(r"Chrome and Chromium on Linux: (.*)", ours.said)
        assert advice, ours.said
        home = {k: v for k, v in os.environ.items() if not k.startswith("XDG_")} | {"HOME": str(tmp_path)}
        followed_it = subprocess.run(
            ["sh", "-c", advice[1]], env=home, stdin=subprocess.DEVNULL, capture_output=True, timeout=20, check=False
        )
        assert followed_it.returncode == 0, followed_it
        with chromium(tmp_path, "--host-resolver-rules=MAP made.up.test 127.0.0.1") as browser:
            for host in ("localhost", "127.0.0.1", "made.up.test"):
                assert browser.open(f"https://{host}:{ours.port}/") == "", host
                assert browser.text == "It works!"
        assert ours.stop().status == 0


# A bad server, in Python.


@pytest.mark.peer("chromium")
def test_what_chromium_makes_of_a_bad_server(httpwire_serve: Callable[..., Running], tmp_path: Path) -> None:
    page = answer(PAGE)
    chunks = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nzz\r\n"
    bad = httpwire_serve(
        {
            "GET /whole": page,
            "GET /cut": Scripted(page, Faults(truncate=len(page) - 5)),
            "GET /reset": Scripted(page, Faults(reset_after=5)),
            "GET /closed": Scripted(page, Faults(close_before=True)),
            "GET /slow": Scripted(page, Faults(segment=10, throttle=1000)),
            "GET /chunks": chunks,
            "GET /garbage": b"\x00\x01\x02 this is no HTTP",
            "GET /two": page.replace(b"\r\n", b"\r\nContent-Length: 3\r\n", 1),
        }
    )
    with chromium(tmp_path) as browser:
        assert browser.open(f"{bad.url}/whole") == ""
        ends = {
            path: str(
                browser.evaluate(
                    f"fetch('/{path}').then(got => got.text()).then(text => text.length, error => error.name)"
                )
            )
            for path in ("whole", "cut", "reset", "closed", "slow", "chunks", "garbage", "two")
        }
        shown = browser.open(f"{bad.url}/two")

    length = str(len(PAGE))
    assert ends == {
        "whole": length,
        "cut": "TypeError",
        "reset": "TypeError",
        "closed": "TypeError",
        "slow": length,
        "chunks": "TypeError",
        "garbage": "TypeError",
        "two": "TypeError",
    }
    assert shown == "net::ERR_RESPONSE_HEADERS_MULTIPLE_CONTENT_LENGTH"
