"""When an answer is complete, and why: RFC 9112 6.3 by scripted servers, as `--json` tells it."""

from __future__ import annotations

import socket
import threading
from pathlib import Path
from typing import Any

import pytest
from command import Command, failure, files, report, request

from conftest import Ran, read_head
from loopback import GET, Serve, answer, ok, until_closed

HEAD = b"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n"
CONNECT = b"CONNECT b:443 HTTP/1.1\r\nHost: b:443\r\n\r\n"
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
HINTS = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
NOT_LAST = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n"
GZIP = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n"
PROXY = b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 2\r\n\r\nno"


def only(made: dict[str, Any]) -> dict[str, Any]:
    """The one exchange."""
    (exchange,) = made["exchanges"]
    assert isinstance(exchange, dict)
    return exchange


def ids(findings: list[dict[str, Any]]) -> set[str]:
    return {finding["id"] for finding in findings}


# What is sent, what comes back, the kind and the rule that ended it, octets of content. The server never closes.
AT_ONCE = {
    "length": (GET, ok(), "length", "content-length", 5),
    "length-zero": (GET, ok(b""), "length", "content-length", 0),
    "length-repeated": (GET, ok(b"hello", b"Content-Length: 5"), "length", "content-length", 5),
    "length-list": (GET, b"HTTP/1.1 200 OK\r\nContent-Length: 5, 5,5\r\n\r\nhello", "length", "content-length", 5),
    "length-zeros": (GET, b"HTTP/1.1 200 OK\r\nContent-Length: 0005\r\n\r\nhello", "length", "content-length", 5),
    "line-feeds": (GET, b"HTTP/1.1 200 OK\nContent-Length: 5\n\nhello", "length", "content-length", 5),
    "name-in-capitals": (GET, b"HTTP/1.1 200 OK\r\nCONTENT-LENGTH:5\r\n\r\nhello", "length", "content-length", 5),
    "empty-lines-before": (GET, b"\r\n\r\n" + ok(), "length", "content-length", 5),
    "http10-length": (GET, b"HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello", "length", "content-length", 5),
    "head": (HEAD, ok(b"")[:-5] + b"5\r\n\r\n", "none", "head", 0),
    "head-chunked": (HEAD, CHUNKED, "none", "head", 0),
    "head-404": (HEAD, b"HTTP/1.1 404 Not Found\r\nContent-Length: 99\r\n\r\n", "none", "head", 0),
    "204": (GET, b"HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n", "none", "status", 0),
    "304": (GET, b"HTTP/1.1 304 Not Modified\r\nContent-Length: 500\r\n\r\n", "none", "status", 0),
    "304-chunked": (GET, b"HTTP/1.1 304 Not Modified\r\nTransfer-Encoding: chunked\r\n\r\n", "none", "status", 0),
    "205": (GET, b"HTTP/1.1 205 Reset Content\r\nContent-Length: 0\r\n\r\n", "length", "content-length", 0),
    "100": (GET, CONTINUE + ok(), "length", "content-length", 5),
    "103-several": (GET, CONTINUE + HINTS * 3 + ok(), "length", "content-length", 5),
    "100-with-length": (GET, CONTINUE[:-2] + b"Content-Length: 7\r\n\r\n" + ok(), "length", "content-length", 5),
    "chunked": (GET, CHUNKED + b"5\r\nhello\r\n0\r\n\r\n", "chunked", "chunked", 5),
    "chunked-empty": (GET, b"HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n0\r\n\r\n", "chunked", "chunked", 0),
    "chunked-rich": (
        GET,
        CHUNKED + b'2;a=b;c="d;e\\"";f\r\nhe\r\n00003 ; x\r\nllo\r\n000;last\r\nDigest: x\r\nDigest: y\r\n\r\n',
        "chunked",
        "chunked",
        5,
    ),
    "gzip-chunked": (
        GET,
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n5\r\n\x1f\x8b\x08\x00\x00\r\n0\r\n\r\n",
        "chunked",
        "chunked",
        5,
    ),
    "coding-beats-length": (
        GET,
        b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        "chunked",
        "chunked",
        5,
    ),
    "connect-refused": (CONNECT, PROXY, "length", "content-length", 2),
}  # fmt: skip


@pytest.mark.parametrize(("sent", "octets", "kind", "rule", "content"), AT_ONCE.values(), ids=AT_ONCE.keys())
def test_an_answer_that_tells_its_end_returns_at_once(
    httpwire: Command, tmp_path: Path, serve: Serve, sent: bytes, octets: bytes, kind: str, rule: str, content: int
) -> None:
    """The server keeps the connection open: a client that waited for the close would run into the time-out."""
    request(tmp_path, sent)
    ran = httpwire("send", "--to", serve(answer(octets, stay=True)).to, "--json", "--idle-timeout", "20", timeout=15)
    made = report(ran)
    assert ran.status == 0, ran.stderr
    assert ran.stderr == ""
    exchange = only(made)
    assert exchange["outcome"] == "complete"
    assert exchange["response"]["framing"]["kind"] == kind
    assert exchange["response"]["framing"]["rule"] == rule
    assert exchange["response"]["content_octets"] == content
    assert exchange["response"]["complete"] is True
    assert made["connection"]["ended"] == "complete"
    assert (tmp_path / "client_recv.txt").read_bytes() == octets
    assert files(tmp_path) == {"client_send.txt", "client_recv.txt"}


def test_interim_answers_are_told_one_by_one(httpwire: Command, tmp_path: Path, serve: Serve) -> None:
    request(tmp_path)
    made = report(httpwire("send", "--to", serve(answer(CONTINUE + HINTS + HINTS + ok(), stay=True)).to, "--json"))
    exchange = only(made)
    assert [interim["status"] for interim in exchange["interim"]] == [100, 103, 103]
    assert exchange["response"]["status"] == 200
    assert exchange["response"]["start"] == len(CONTINUE + HINTS + HINTS)


def test_trailers_and_what_was_overruled_are_told(httpwire: Command, tmp_path: Path, serve: Serve) -> None:
    head = CHUNKED.replace(b"OK\r\n", b"OK\r\nContent-Length: 3\r\n")
    octets = head + b"5\r\nhello\r\n0\r\nA: 1\r\nB: 2\r\n\r\n"
    request(tmp_path)
    response = only(report(httpwire("send", "--to", serve(answer(octets, stay=True)).to, "--json")))["response"]
    assert response["trailers"] == [["A", "1"], ["B", "2"]]
    assert response["framing"]["overrode"] == ["Content-Length"]
    assert response["chunks"] == 1


UNTIL_CLOSE = {
    "no-length": (b"HTTP/1.1 200 OK\r\n\r\nhello", "until-close", "until-close"),
    "http10": (b"HTTP/1.0 200 OK\r\nServer: x\r\n\r\nhello", "until-close", "until-close"),
    "empty": (b"HTTP/1.1 200 OK\r\n\r\n", "until-close", "until-close"),
    "gzip": (GZIP + b"\r\n\x1f\x8b\x08", "until-close", "coding-until-close"),
    "chunked-not-last": (NOT_LAST, "until-close", "coding-until-close"),
    "gzip-and-length": (GZIP + b"Content-Length: 1\r\n\r\nhello", "until-close", "coding-until-close"),
}  # fmt: skip


@pytest.mark.parametrize(("octets", "kind", "rule"), UNTIL_CLOSE.values(), ids=UNTIL_CLOSE.keys())
def test_an_answer_that_ends_at_the_close(
    httpwire: Command, tmp_path: Path, serve: Serve, octets: bytes, kind: str, rule: str
) -> None:
    request(tmp_path)
    ran = httpwire("send", "--to", serve(answer(octets)).to, "--json")
    made = report(ran)
    assert ran.status == 0, ran.stderr
    framing = only(made)["response"]["framing"]
    assert (framing["kind"], framing["rule"]) == (kind, rule)
    assert made["connection"]["ended"] == "closed"
    assert (tmp_path / "client_recv.txt").read_bytes() == octets


UNDECIDABLE = {
    "length-conflict": (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello", "length-invalid"),
    "length-list-conflict": (b"HTTP/1.1 200 OK\r\nContent-Length: 5, 6\r\n\r\nhello", "length-invalid"),
    "length-plus": (b"HTTP/1.1 200 OK\r\nContent-Length: +5\r\n\r\nhello", "length-invalid"),
    "length-minus": (b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\nhello", "length-invalid"),
    "length-underscore": (b"HTTP/1.1 200 OK\r\nContent-Length: 0_5\r\n\r\nhello", "length-invalid"),
    "length-hexadecimal": (b"HTTP/1.1 200 OK\r\nContent-Length: 0x5\r\n\r\nhello", "length-invalid"),
    "length-empty": (b"HTTP/1.1 200 OK\r\nContent-Length:\r\n\r\nhello", "length-invalid"),
    "length-wide-digits": ("HTTP/1.1 200 OK\r\nContent-Length: ５\r\n\r\nhello".encode(), "length-invalid"),
    "length-form-feed": (b"HTTP/1.1 200 OK\r\nContent-Length: 5\x0c\r\n\r\nhello", "length-invalid"),
    "length-2-63": (b"HTTP/1.1 200 OK\r\nContent-Length: 9223372036854775808\r\n\r\nhello", "length-invalid"),
    "length-huge": (b"HTTP/1.1 200 OK\r\nContent-Length: " + b"9" * 5000 + b"\r\n\r\nhello", "length-invalid"),
    "coding-none": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: \r\n\r\nhello", "coding-invalid"),
    "coding-broken": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chun ked\r\n\r\nhello", "coding-invalid"),
    "coding-http10": (b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "coding-in-http10"),
    "chunk-broken": (CHUNKED + b"hello\r\n0\r\n\r\n", "chunk-broken"),
    "chunk-too-long": (CHUNKED + b"4\r\nhello\r\n0\r\n\r\n", "chunk-broken"),
    "chunk-plus": (CHUNKED + b"+5\r\nhello\r\n0\r\n\r\n", "chunk-broken"),
    "chunk-0x": (CHUNKED + b"0x5\r\nhello\r\n0\r\n\r\n", "chunk-broken"),
    "chunk-2-80": (CHUNKED + b"100000000000000000000\r\nhello", "chunk-broken"),
    "chunk-minus": (CHUNKED + b"-5\r\nhello\r\n0\r\n\r\n", "chunk-broken"),
    "ssh": (b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n", "not-http"),
    "ftp": (b"220 ready\r\n", "not-http"),
    "http09": (b"<html>It works!</html>\n", "not-http"),
    "octets": (bytes(range(256)), "not-http"),
    "tls-alert": (b"\x15\x03\x01\x00\x02\x02\x46", "not-http"),
    "lower-case": (b"http/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", "not-http"),
    "one-octet": (b"\xff", "not-http"),
    "http2": (b"\x00\x00\x12\x04\x00\x00\x00\x00\x00", "not-http"),
    "status-word": (b"HTTP/1.1 OK\r\nContent-Length: 5\r\n\r\nhello", "start-line"),
    "status-long": (b"HTTP/1.1 2000 OK\r\nContent-Length: 5\r\n\r\nhello", "start-line"),
    "status-plus": (b"HTTP/1.1 +20 OK\r\nContent-Length: 5\r\n\r\nhello", "start-line"),
}  # fmt: skip


@pytest.mark.parametrize(("octets", "rule"), UNDECIDABLE.values(), ids=UNDECIDABLE.keys())
def test_an_answer_whose_end_can_not_be_known_is_kept_until_the_close(
    httpwire: Command, tmp_path: Path, serve: Serve, octets: bytes, rule: str
) -> None:
    request(tmp_path)
    (tmp_path / "client_recv.txt").write_bytes(b"earlier")
    ran = httpwire("send", "--to", serve(answer(octets)).to, "--json")
    made = report(ran)
    assert ran.status == 8
    assert "client_recv.txt.partial" in failure(ran)
    exchange = only(made)
    assert exchange["outcome"] == "undecidable"
    assert exchange["response"]["framing"]["rule"] == rule
    if rule not in ("start-line", "not-http"):
        assert ids(exchange["findings"])
    assert made["saved"] == {"path": "client_recv.txt.partial", "octets": len(octets)}
    assert (tmp_path / "client_recv.txt.partial").read_bytes() == octets
    assert (tmp_path / "client_recv.txt").read_bytes() == b"earlier"


def test_more_comes_after_the_end_was_lost(httpwire: Command, tmp_path: Path, serve: Serve) -> None:
    """What follows a broken chunk is kept to the last octet, however it arrives."""

    def script(connection: socket.socket) -> None:
        read_head(connection)
        for part in parts:
            connection.sendall(part)

    parts = [
        CHUNKED,
        b"5\r\nhello\r\n",
        b"x\r\n",
        bytes(1 << 20),
        b"0\r\n\r\n",
        b"end",
    ]
    request(tmp_path)
    ran = httpwire("send", "--to", serve(script).to)
    assert ran.status == 8
    assert "a chunk is broken" in failure(ran)
    assert (tmp_path / "client_recv.txt.partial").read_bytes() == b"".join(parts)


@pytest.mark.parametrize(
    "octets", [b"\r\n", b"\r\n\r\n\r\n", b"H", b"HTTP/", b"HTTP/1.1 200 OK", b"HTTP/1.1 200 OK\r\nA"]
)
def test_a_close_inside_the_head_is_cut_short(httpwire: Command, tmp_path: Path, serve: Serve, octets: bytes) -> None:
    request(tmp_path)
    ran = httpwire("send", "--to", serve(answer(octets)).to)
    assert ran.status == 18
    failure(ran)
    assert (tmp_path / "client_recv.txt.partial").read_bytes() == octets


def test_interim_answers_alone_are_cut_short(httpwire: Command, tmp_path: Path, serve: Serve) -> None:
    request(tmp_path)
    ran = httpwire("send", "--to", serve(answer(CONTINUE)).to, "--json")
    assert ran.status == 18
    assert only(report(ran))["outcome"] == "no answer"
    assert (tmp_path / "client_recv.txt.partial").read_bytes() == CONTINUE


class TestTunnels:
    UPGRADE = b"GET /chat HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n"
    SWITCH = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"
    FRAMES = b"\x81\x05hello\x88\x00"

    @pytest.mark.parametrize(
        ("sent", "head", "rule"),
        [
            (UPGRADE, SWITCH, "upgrade"),
            (CONNECT, b"HTTP/1.1 200 Connection established\r\n\r\n", "connect"),
            (CONNECT, b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n", "connect"),
        ],
        ids=["101", "connect", "connect-with-fields"],
    )
    @pytest.mark.parametrize("until", ["close", "time-out"])
    def test_bytes_are_kept_until_it_closes_or_falls_silent(
        self, httpwire: Command, tmp_path: Path, serve: Serve, sent: bytes, head: bytes, rule: str, until: str
    ) -> None:
        request(tmp_path, sent)
        server = serve(answer(head + self.FRAMES, stay=until == "time-out"))
        ran = httpwire("send", "--to", server.to, "--json", "--idle-timeout", "0.4")
        made = report(ran)
        assert ran.status == 0, ran.stderr
        framing = only(made)["response"]["framing"]
        assert (framing["kind"], framing["rule"]) == ("tunnel", rule)
        assert made["connection"]["ended"] == ("closed" if until == "close" else "tunnel-timed-out")
        assert (tmp_path / "client_recv.txt").read_bytes() == head + self.FRAMES

    def test_what_follows_connect_in_the_file_goes_through_the_tunnel(
        self, httpwire: Command, tmp_path: Path, serve: Serve
    ) -> None:
        def script(connection: socket.socket) -> None:
            got.append(read_head(connection))
            connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
            while not got[0].endswith(inside):
                got[0] += connection.recv(1000)
            connection.sendall(b"pong")

        got: list[bytes] = []
        inside = b"\x16\x03\x01 ping \x00\xff"
        request(tmp_path, CONNECT + inside)
        ran = httpwire("send", "--to", serve(script).to, "--json")
        assert ran.status == 0, ran.stderr
        assert report(ran)["request"]["answers_expected"] == 1
        assert got == [CONNECT + inside]
        assert (tmp_path / "client_recv.txt").read_bytes() == b"HTTP/1.1 200 OK\r\n\r\npong"


class TestBytesAfterTheEnd:
    @pytest.mark.parametrize("extra", [b"x", b"\r\n", b"HTTP/1.1 408 Request Timeout\r\n\r\n", bytes(1 << 20)])
    def test_are_kept_and_told(self, httpwire: Command, tmp_path: Path, serve: Serve, extra: bytes) -> None:
        def script(connection: socket.socket) -> None:
            read_head(connection)
            connection.sendall(ok() + extra[:1000])
            connection.sendall(extra[1000:])
            until_closed(connection)

        request(tmp_path)
        made = report(ran := httpwire("send", "--to", serve(script).to, "--json"))
        assert ran.status == 0
        (finding,) = made["findings"]
        assert finding["id"] == "bytes-after-end"
        assert finding["start"] == len(ok())
        kept = (tmp_path / "client_recv.txt").read_bytes()
        assert made["connection"]["after_end"] == {"start": len(ok()), "stop": len(kept)}
        assert (ok() + extra).startswith(kept)
        assert len(kept) >= len(ok() + extra[:1000])

    def test_content_after_an_answer_to_head(self, httpwire: Command, tmp_path: Path, serve: Serve) -> None:
        request(tmp_path, HEAD)
        ran = httpwire("send", "--to", serve(answer(ok(), stay=True)).to)
        assert ran.status == 0
        assert "5 bytes follow the end of the last answer" in ran.stderr
        assert (tmp_path / "client_recv.txt").read_bytes() == ok()

    def test_they_are_no_answer_to_a_request_that_has_none_yet(
        self, httpwire: Command, tmp_path: Path, serve: Serve
    ) -> None:
        """Two requests, one answer and bytes that are no answer: the second exchange has them."""
        request(tmp_path, GET + GET)
        ran = httpwire("send", "--to", serve(answer(ok() + b"garbage")).to, "--json")
        made = report(ran)
        assert ran.status == 8
        assert [exchange["outcome"] for exchange in made["exchanges"]] == ["complete", "undecidable"]


class TestPipelining:
    THREE = GET + HEAD + b"POST /b HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc"
    ANSWERS = (ok(b"one"), b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n", CONTINUE + ok(b"three"))

    def run(self, httpwire: Command, folder: Path, serve: Serve, octets: bytes, *, stay: bool) -> Ran:
        def script(connection: socket.socket) -> None:
            got = b""
            while len(got) < len(self.THREE):
                got += connection.recv(1000)
            connection.sendall(octets)
            if stay:
                until_closed(connection)

        request(folder, self.THREE)
        return httpwire("send", "--to", serve(script).to, "--json", "--idle-timeout", "20", timeout=15)

    def test_each_request_gets_its_answer(self, httpwire: Command, tmp_path: Path, serve: Serve) -> None:
        made = report(ran := self.run(httpwire, tmp_path, serve, b"".join(self.ANSWERS), stay=True))
        assert ran.status == 0
        pairs = [(e["request"]["method"], e["response"]["content_octets"], e["outcome"]) for e in made["exchanges"]]
        assert pairs == [("GET", 3, "complete"), ("HEAD", 0, "complete"), ("POST", 5, "complete")]
        assert [len(exchange["interim"]) for exchange in made["exchanges"]] == [0, 0, 1]
        assert made["request"]["requests"] == made["request"]["answers_expected"] == 3
        assert (tmp_path / "client_recv.txt").read_bytes() == b"".join(self.ANSWERS)

    @pytest.mark.parametrize("whole", [0, 1, 2])
    @pytest.mark.parametrize("part", [b"", b"HTTP/1.1 2"])
    def test_a_close_after_some_of_them(
        self, httpwire: Command, tmp_path: Path, serve: Serve, whole: int, part: bytes
    ) -> None:
        octets = b"".join(self.ANSWERS[:whole]) + part
        ran = self.run(httpwire, tmp_path, serve, octets, stay=False)
        made = report(ran)
        if not octets:
            assert ran.status == 52
            return
        assert ran.status == 18
        outcomes = [exchange["outcome"] for exchange in made["exchanges"]]
        rest = ["incomplete"] if part else ["no answer"]
        assert outcomes == (["complete"] * whole + rest + ["no answer"] * 3)[:3]
        assert (tmp_path / "client_recv.txt.partial").read_bytes() == octets

    def test_many(self, httpwire: Command, tmp_path: Path, serve: Serve) -> None:
        def script(connection: socket.socket) -> None:
            got = 0
            while got < len(GET) * 3000:
                got += len(connection.recv(1 << 20))
                connection.sendall(b"")
            connection.sendall(ok() * 3000)
            until_closed(connection)

        request(tmp_path, GET * 3000)
        ran = httpwire("send", "--to", serve(script).to)
        assert ran.status == 0
        assert "3,000 of 3,000" in ran.stderr
        assert (tmp_path / "client_recv.txt").read_bytes() == ok() * 3000


def test_a_server_that_speaks_first(httpwire: Command, tmp_path: Path, serve: Serve) -> None:
    """An SSH server waits for no request; the client waits for its close, and keeps what it said."""

    def script(connection: socket.socket) -> None:
        connection.sendall(b"SSH-2.0-x\r\n")
        read_head(connection)

    request(tmp_path)
    ran = httpwire("send", "--to", serve(script).to)
    assert ran.status == 8
    assert "this is not HTTP/1.1" in failure(ran)
    assert (tmp_path / "client_recv.txt.partial").read_bytes() == b"SSH-2.0-x\r\n"


def test_an_answer_before_its_request_was_read(httpwire: Command, tmp_path: Path, serve: Serve) -> None:
    def script(connection: socket.socket) -> None:
        connection.sendall(ok())
        until_closed(connection)

    request(tmp_path)
    assert httpwire("send", "--to", serve(script).to).status == 0
    assert (tmp_path / "client_recv.txt").read_bytes() == ok()


def test_expect_100_continue_is_sent_with_its_content_at_once(httpwire: Command, tmp_path: Path, serve: Serve) -> None:
    """The file is sent as it is: nothing waits for the 100."""

    def script(connection: socket.socket) -> None:
        while b"abc" not in b"".join(got):
            got.append(connection.recv(1000))
        connection.sendall(CONTINUE + ok())
        done.set()

    got: list[bytes] = []
    done = threading.Event()
    octets = b"POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\nabc"
    request(tmp_path, octets)
    assert httpwire("send", "--to", serve(script).to).status == 0
    assert done.wait(20)
    assert b"".join(got) == octets


@pytest.mark.parametrize(
    ("octets", "status"),
    [(b"\r\n", 0), (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 0), (bytes(3 << 20), 0), (b"\x00" * 10, 0)],
    ids=["empty-line", "preface", "3-MiB-of-zeros", "zeros"],
)
def test_octets_that_are_no_request_get_the_answer_that_comes(
    httpwire: Command, tmp_path: Path, serve: Serve, octets: bytes, status: int
) -> None:
    def script(connection: socket.socket) -> None:
        got = 0
        while got < len(octets):
            got += len(connection.recv(1 << 20))
        connection.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 2\r\n\r\nno")
        until_closed(connection)

    request(tmp_path, octets)
    ran = httpwire("send", "--to", serve(script).to, "--idle-timeout", "1.5")
    assert ran.status == status, ran.stderr
    assert "400 Bad Request" in ran.stderr


def test_an_undecidable_answer_on_a_connection_that_stays_open(httpwire: Command, tmp_path: Path, serve: Serve) -> None:
    """No longer wait would make its end known: the reason is told, not the silence."""
    request(tmp_path)
    octets = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nhi"
    ran = httpwire("send", "--idle-timeout", "0.3", "--to", serve(answer(octets, stay=True)).to)
    assert ran.status == 8
    assert "Content-Length is invalid or contradicts itself" in failure(ran)
    assert (tmp_path / "client_recv.txt.partial").read_bytes() == octets


def test_nothing_is_awaited_after_a_request_that_closes(httpwire: Command, tmp_path: Path, serve: Serve) -> None:
    request(tmp_path, b"POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhello--x\r\n\r\n")
    ran = httpwire("send", "--json", "--to", serve(answer(ok())).to)
    assert ran.status == 0
    assert ids(report(ran)["request"]["findings"]) == {"content-long"}
