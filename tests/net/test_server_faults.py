"""A server among hostile clients: nobody holds up another, no octet is lost or told that is not kept, and it ends."""

from __future__ import annotations

import json
import os
import random
import re
import resource
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import trustme

import httpwire
from conftest import Ran
from httpwire import Faults, Limits, Running, Scripted, ServerLimits, ServerTls
from httpwire.errors import SaveFailed
from loopback import GET, ok, reset, until_closed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from httpwire.api.given import One

PROC = pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="only Linux tells what a process has")
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
OK = ok()
BIG = 200 << 20


def asking(target: bytes = b"/", *fields: bytes, method: bytes = b"GET", version: bytes = b"HTTP/1.1") -> bytes:
    """A request without content."""
    return b"\r\n".join((b"%s %s %s" % (method, target, version), b"Host: a", *fields, b"", b""))


def upload(content: bytes, *fields: bytes, target: bytes = b"/", octets: int | None = None) -> bytes:
    """A request with `content`, which announces `octets` of it (as many as it has, where None)."""
    length = len(content) if octets is None else octets
    return asking(target, *fields, b"Content-Length: %d" % length, method=b"POST") + content


def connect(port: int, *, window: int = 0) -> socket.socket:
    """A client whose every write goes out at once, with little room for what it does not read (`window` octets)."""
    client = socket.socket()
    if window:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, window)
    client.settimeout(20)
    client.connect(("127.0.0.1", port))
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return client


def peer(client: socket.socket) -> str:
    """The client as the server names it."""
    return f"127.0.0.1:{client.getsockname()[1]}"


def exactly(client: socket.socket, count: int) -> bytes:
    """So many octets; fewer where the connection ends before."""
    octets = bytearray()
    while len(octets) < count and (data := client.recv(count - len(octets))):
        octets += data
    return bytes(octets)


def to_the_end(client: socket.socket) -> tuple[bytes, str]:
    """All that comes, and how it ended."""
    octets = bytearray()
    try:
        while data := client.recv(1 << 16):
            octets += data
    except ConnectionResetError:
        return bytes(octets), "reset"
    return bytes(octets), "closed"


def ask(server: Running | Started, request: bytes = GET, answer: bytes = OK) -> None:
    """Another client, which is served."""
    with connect(server.port) as client:
        client.sendall(request)
        assert exactly(client, len(answer)) == answer


def settle(server: Running | Started) -> None:
    """Returns once the server has seen what was sent to it before."""
    for _ in range(2):  # in one turn all that are ready have theirs, in any order
        with connect(server.port) as client:
            client.sendall(b"\r\n")
            client.shutdown(socket.SHUT_WR)
            until_closed(client)


def wait_for(condition: Callable[[], object], what: str, seconds: float = 20) -> None:
    """Returns once `condition` holds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"waited in vain for {what}"
        time.sleep(0.005)


def index(folder: Path) -> list[dict[str, Any]]:
    """The lines of the folder's index."""
    return [json.loads(line) for line in (folder / "index.jsonl").read_text("ascii").splitlines()]


def named(folder: Path, ending: str) -> list[Path]:
    """The files in `folder` whose names end so, in order."""
    return sorted(path for path in folder.iterdir() if path.name.endswith(ending))


def whole(folder: Path) -> list[bytes]:
    """The requests that are kept as complete ones, in order."""
    return [path.read_bytes() for path in named(folder, ".http")]


def descriptors() -> int:
    """How many this process has open."""
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def processor(server: Running) -> float:
    """Seconds of processor time that the server has had."""
    thread = next(thread for thread in threading.enumerate() if thread.name == f"httpwire {server.address}")
    assert thread.ident
    return time.clock_gettime(time.pthread_getcpuclockid(thread.ident))


@dataclass
class Started:
    """The command as a process that listens."""

    process: subprocess.Popen[bytes]
    port: int
    out: bytearray
    reader: threading.Thread

    def end(self, number: int = 0, seconds: float = 20) -> Ran:
        """How it ends, after the signal `number`."""
        if number:
            self.process.send_signal(number)
        _, err = self.process.communicate(timeout=seconds)
        self.reader.join(seconds)
        return Ran(self.process.returncode, bytes(self.out), err.decode())

    @property
    def descriptors(self) -> int:
        """How many it has open."""
        return sum(1 for _ in Path(f"/proc/{self.process.pid}/fd").iterdir())

    @property
    def memory(self) -> int:
        """Octets that are in memory."""
        return self._status("VmRSS")

    @property
    def peak(self) -> int:
        """The most octets that ever were."""
        return self._status("VmHWM")

    def _status(self, name: str) -> int:
        status = Path(f"/proc/{self.process.pid}/status").read_text("ascii")
        found = re.search(rf"{name}:\s+([0-9]+) kB", status)
        assert found
        return int(found[1]) << 10

    @property
    def processor(self) -> float:
        """Seconds of processor time that it has had."""
        columns = Path(f"/proc/{self.process.pid}/stat").read_text("utf-8").rpartition(")")[2].split()
        return (int(columns[11]) + int(columns[12])) / os.sysconf("SC_CLK_TCK")


LIMITED = """
import resource, runpy, sys
which, most = getattr(resource, sys.argv[1]), int(sys.argv[2])
resource.setrlimit(which, (most, most))
del sys.argv[1:3]
runpy.run_module("httpwire", run_name="__main__")
"""


@contextmanager
def started(folder: Path, *arguments: str | Path, limit: tuple[str, int] | None = None) -> Iterator[Started]:
    """`record` or `serve` in `folder`, on a free port; with `limit`, under a resource limit."""
    limited = ["-c", LIMITED, limit[0], str(limit[1])] if limit else ["-m", "httpwire"]
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("LC_", "LANG", "HTTPWIRE"))}
    ours, theirs = os.pipe()  # read all the time: a full pipe would make the server wait
    process = subprocess.Popen(
        [sys.executable, *limited, *map(str, arguments), "--listen", "127.0.0.1:0"],
        cwd=folder,
        env={**kept, "LANG": "C.UTF-8"},
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        stderr=subprocess.PIPE,
        bufsize=0,  # else what is read ahead here is lost to communicate()
    )
    os.close(theirs)
    out = bytearray()

    def read() -> None:
        with open(ours, "rb", buffering=0) as pipe:
            while data := pipe.read(1 << 16):
                out.extend(data)

    reader = threading.Thread(target=read)
    reader.start()
    try:
        assert process.stderr
        port = 0
        while not port:
            line = process.stderr.readline()
            assert line, "it ended before it listened"
            found = re.match(rb"listening .*:([0-9]+)/", line)
            port = int(found[1]) if found else 0
        yield Started(process, port, out, reader)
    finally:
        process.kill()
        process.communicate()
        reader.join(20)


def one_failure(ran: Ran) -> str:
    """The one line that says what failed."""
    assert "Traceback" not in ran.stderr
    lines = [line for line in ran.stderr.splitlines() if line.startswith("httpwire: ")]
    assert len(lines) == 1, ran.stderr
    assert ran.stderr.endswith(lines[0] + "\n")
    return lines[0]


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> ServerTls:
    path = tmp_path_factory.mktemp("certificate") / "server.pem"
    trustme.CA().issue_cert("localhost", "127.0.0.1").private_key_and_cert_chain_pem.write_to_path(path)
    return ServerTls(cert=str(path))


def client_hello() -> bytes:
    """The first octets of a TLS client."""
    out = ssl.MemoryBIO()
    client = ssl.create_default_context().wrap_bio(ssl.MemoryBIO(), out, server_hostname="localhost")
    with suppress(ssl.SSLWantReadError):
        client.do_handshake()
    return out.read()


def secure(port: int) -> ssl.SSLSocket:
    """A TLS client that asks for no proof."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context.wrap_socket(connect(port), server_hostname="localhost")


class TestNothing:
    """Connections on which nothing comes."""

    def test_they_do_not_count_and_are_told(self, tmp_path: Path) -> None:
        with started(tmp_path, "record", "-o", "it.http") as server, ExitStack() as stack:
            for _ in range(5):
                connect(server.port).close()
                stack.enter_context(connect(server.port))
            with connect(server.port) as client:
                client.sendall(GET)
                assert until_closed(client) == b""
            ran = server.end()
        assert ran.status == 0
        assert "1 request, 10 connections that sent nothing" in ran.stderr
        assert (tmp_path / "it.http").read_bytes() == GET

    def test_who_fails_in_a_handshake_has_not_been_silent(self, tmp_path: Path, tls: ServerTls) -> None:
        (tmp_path / "a.txt").write_bytes(OK)
        with started(tmp_path, "serve", "a.txt", "--cert", tls.cert) as server:
            connect(server.port).close()
            with connect(server.port) as client:
                client.sendall(b"\x16\x03\x01\x00\x20" + bytes(32))
                to_the_end(client)
            ran = server.end(signal.SIGINT)
        assert "the TLS handshake failed" in ran.stderr
        assert "0 requests, 1 connection that sent nothing" in ran.stderr

    def test_they_are_closed_when_they_have_been_still_for_too_long(self) -> None:
        with httpwire.record(limits=ServerLimits(idle=0.4)) as server, connect(server.port) as client:
            began = time.monotonic()
            assert until_closed(client) == b""
            assert 0.3 < time.monotonic() - began < 3
        assert server.arrivals == []

    @PROC
    def test_two_thousand_of_them_cost_little(self, tmp_path: Path) -> None:
        """The half of them has begun a request."""
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        if hard != resource.RLIM_INFINITY and hard < 2200:
            pytest.skip("this process may not open so many")
        if soft < 2200:
            resource.setrlimit(resource.RLIMIT_NOFILE, (2200, hard))
        (tmp_path / "ok.http").write_bytes(OK)
        with started(tmp_path, "serve", "ok.http") as server, ExitStack() as stack:
            ask(server)
            before = server.memory
            for _ in range(1000):
                stack.enter_context(connect(server.port))
                stack.enter_context(connect(server.port)).sendall(GET[:20])
            began = time.monotonic()
            for _ in range(50):
                ask(server)
            assert time.monotonic() - began < 5
            assert server.memory - before < 2000 * (16 << 10)
            spent = server.processor
            time.sleep(1)
            assert server.processor - spent < 0.25


class TestHalfARequest:
    def test_is_kept_as_far_as_it_came(self, tmp_path: Path) -> None:
        """Closed or silent after each octet: all that came is there, with the reason."""
        octets = upload(b"hello, world")
        limits = ServerLimits(idle=0.8)
        with httpwire.serve(OK, into=tmp_path, limits=limits) as server, ExitStack() as stack:
            expected = {}
            for cut in range(1, len(octets)):
                for reason in ("closed", "timed-out"):
                    client = stack.enter_context(connect(server.port))
                    client.sendall(octets[:cut])
                    expected[peer(client)] = (reason, octets[:cut])
                    if reason == "closed":
                        client.close()
            wait_for(lambda: len(server.arrivals) == len(expected), "all to end")
        entries = index(tmp_path)
        assert {e["peer"]: (e["reason"], (tmp_path / e["file"]).read_bytes()) for e in entries} == expected
        assert all(e["file"].endswith(".partial") and not e["complete"] for e in entries)
        assert sorted(e["number"] for e in entries) == list(range(1, len(expected) + 1))

    def test_byte_by_byte_it_becomes_a_whole_one(self, tmp_path: Path) -> None:
        octets = asking(b"/", b"Transfer-Encoding: chunked", method=b"POST") + b"5;a=b\r\nhello\r\n0\r\nA: b\r\n\r\n"
        with httpwire.serve(OK, into=tmp_path) as server, connect(server.port) as client:
            for index_ in range(len(octets)):
                client.sendall(octets[index_ : index_ + 1])
            assert exactly(client, len(OK)) == OK
        assert whole(tmp_path) == [octets]

    @pytest.mark.parametrize(
        ("begin", "drop"),
        [
            (b"", b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 10_000),
            (upload(b"", octets=1 << 20), b"x" * 10_000),
            (asking(b"/", b"Transfer-Encoding: chunked", method=b"POST"), b"1\r\nx\r\n" * 10_000),
            (b"\xff\xfe", b"x" * 10_000),
            (asking(b"/", b"Content-Length: none", method=b"POST"), b"x" * 10_000),
        ],
        ids=["head", "content", "chunks", "binary", "length"],
    )
    def test_that_drips_for_ever_has_an_end(self, tmp_path: Path, begin: bytes, drop: bytes) -> None:
        """Octets that come keep the idle limit away, and not that for the whole request."""
        with httpwire.serve(OK, into=tmp_path, limits=ServerLimits(idle=5, request=0.5)) as server:
            with connect(server.port) as client:
                began = time.monotonic()
                client.sendall(begin)
                for octet in drop:
                    client.sendall(bytes([octet]))
                    client.settimeout(0.02)
                    with suppress(TimeoutError):
                        assert client.recv(12) == b"HTTP/1.1 400"
                        break
                    assert time.monotonic() - began < 4, "it drips still"
                assert time.monotonic() - began > 0.4
            wait_for(lambda: server.arrivals, "it to be kept")
        first = index(tmp_path)[0]
        assert not first["complete"]
        kept = (tmp_path / first["file"]).read_bytes()
        assert len(kept) > len(begin)
        assert (begin + drop).startswith(kept)

    def test_that_drips_has_one_limit_for_its_head_and_its_content(self) -> None:
        """The end of the head is no new beginning."""
        octets = upload(b"", octets=1 << 20)
        with httpwire.serve(OK, limits=ServerLimits(request=1)) as server, connect(server.port) as client:
            began = time.monotonic()
            client.sendall(octets[:-1])
            time.sleep(0.8)
            client.sendall(octets[-1:])
            client.settimeout(0.02)
            refused = b""
            while not refused:
                client.sendall(b"x")
                with suppress(TimeoutError):
                    refused = client.recv(12)
                assert time.monotonic() - began < 1.6, "it drips still"
            assert refused == b"HTTP/1.1 400"

    @PROC
    @pytest.mark.parametrize("octets", [1_000, 300_000])
    def test_that_is_reset_is_kept_as_far_as_it_came(self, tmp_path: Path, octets: int) -> None:
        """Also where it is so large that it goes to disk as it comes."""
        sent = upload(b"x" * octets, octets=1 << 20)
        with httpwire.serve(OK, into=tmp_path) as server:
            before = descriptors()
            with connect(server.port) as client:
                client.sendall(sent)
                settle(server)
                reset(client)
            wait_for(lambda: len(server.arrivals) == 3, "it to end")
            assert descriptors() <= before
        entry = next(entry for entry in index(tmp_path) if entry["method"] == "POST")
        assert (entry["reason"], entry["complete"]) == ("failed", False)
        assert (tmp_path / entry["file"]).read_bytes() == sent
        assert not named(tmp_path, ".tmp")

    def test_into_one_file_leaves_that_as_it_was(self, tmp_path: Path) -> None:
        """What is not whole lies beside it, each under a name of its own."""
        (tmp_path / "it.http").write_bytes(b"an earlier good request")
        with httpwire.record(tmp_path / "it.http") as server:
            for number in (1, 2, 3):
                with connect(server.port) as client:
                    client.sendall(b"GET /%d" % number)
                    client.shutdown(socket.SHUT_WR)
                    assert until_closed(client) == b""
        assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {
            "it.http": b"an earlier good request",
            "it.http.partial": b"GET /1",
            "it.http.partial-2": b"GET /2",
            "it.http.partial-3": b"GET /3",
        }


CHUNKED = asking(b"/", b"Transfer-Encoding: chunked", method=b"POST")
UNREADABLE = {
    "binary": (b"\xff\xfe" + bytes(range(256)), "start-line"),
    "text": (b"hello, world\r\n\r\n", "refused"),
    "nul": (bytes(5000), "limit"),
    "endless-line": (b"x" * 50_000, "limit"),
    "head": (b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 4000, "limit"),
    "lines": (b"GET / HTTP/1.1\r\n" + b"a:\r\n" * 400 + b"\r\n", "limit"),
    "empty-lines": (b"\r\n" * 3000, "limit"),
    "length": (asking(b"/", b"Content-Length: +5", method=b"POST") + b"hello", "length-invalid"),
    "lengths": (asking(b"/", b"Content-Length: 5", b"Content-Length: 6", method=b"POST") + b"hello", "length-invalid"),
    "coding": (asking(b"/", b"Transfer-Encoding: gzip", method=b"POST") + b"hello", "coding-invalid"),
    "chunk": (CHUNKED + b"5\r\nhello!\r\n0\r\n\r\n", "chunk-broken"),
    "chunk-size": (CHUNKED + b"0x5\r\nhello\r\n0\r\n\r\n", "chunk-broken"),
    "chunk-line": (CHUNKED + b"5;" + b"x" * 4000 + b"\r\nhello\r\n0\r\n\r\n", "limit"),
    "trailers": (CHUNKED + b"0\r\n" + b"A: b\r\n" * 3000 + b"\r\n", "limit"),
    "preface": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(9), "not-http"),
    "tls": (client_hello(), "not-http"),
}


class TestWhatIsNoRequest:
    def test_is_refused_and_kept_while_others_are_served(self, tmp_path: Path) -> None:
        """All at once: each gets its 400 and a close, and is one entry with a reason. Over a limit it may be cut."""
        reading = Limits(head=4096, lines=300, interim=100, chunk_line=1000)
        with httpwire.serve(OK, into=tmp_path, reading=reading) as server, ExitStack() as stack:
            clients = {}
            for name, (octets, _) in UNREADABLE.items():
                clients[name] = stack.enter_context(connect(server.port))
                clients[name].sendall(octets)
            ask(server)
            names = {peer(client): name for name, client in clients.items()}
            for name, client in clients.items():
                answered, how = to_the_end(client)
                assert answered.startswith(b"HTTP/1.1 400 "), name
                assert answered.count(b"HTTP/1.1") == 1, name
                assert how == "closed", name
        entries = [entry for entry in index(tmp_path) if not entry["complete"]]
        assert sorted((names[e["peer"]], e["reason"]) for e in entries) == sorted(
            (name, reason) for name, (_, reason) in UNREADABLE.items()
        )
        for entry in entries:
            octets, reason = UNREADABLE[names[entry["peer"]]]
            kept = (tmp_path / entry["file"]).read_bytes()
            assert kept == octets or (reason == "limit" and octets.startswith(kept) and len(kept) > 100), entry
        assert not named(tmp_path, ".tmp")

    def test_that_never_ends_is_kept_once(self, tmp_path: Path) -> None:
        """Whatever follows what was refused is not another request, and no file of its own."""
        with httpwire.serve(OK, into=tmp_path, reading=Limits(head=65536)) as server:
            with connect(server.port) as client, suppress(OSError):
                for _ in range(100):
                    client.sendall(b"x" * 65536)
                client.shutdown(socket.SHUT_WR)
                until_closed(client)
            ask(server)
            wait_for(lambda: server.arrivals, "it to end")
        assert [entry["reason"] for entry in index(tmp_path)] == ["limit", ""]
        assert len(named(tmp_path, ".partial")) == 1
        assert not named(tmp_path, ".tmp")

    def test_of_a_hundred_thousand_lines_holds_up_nobody(self) -> None:
        with httpwire.serve(OK) as server, ExitStack() as stack:
            for _ in range(10):
                client = stack.enter_context(connect(server.port))
                client.sendall(b"GET / HTTP/1.1\r\n" + b"a:b\r\n" * 99_000)
                client.sendall(b"\r\n")
            began = time.monotonic()
            ask(server)
            assert time.monotonic() - began < 5

    def test_that_comes_after_a_slow_answer_is_refused_after_it(self) -> None:
        with httpwire.serve(OK, faults=Faults(delay=1.5)) as server, connect(server.port) as client:
            client.sendall(GET + b"\xff\xfe")
            answered = until_closed(client)
        assert answered.startswith(OK + b"HTTP/1.1 400 ")


class TestOddRequests:
    @pytest.mark.parametrize(
        "octets",
        [
            CHUNKED + b'5;a=b;c="d;e"\r\nhello\r\n0;last\r\nA: b\r\nB: c\r\n\r\n',
            b"\r\n\n\r\n" + GET,
            GET.replace(b"\r\n", b"\n"),
            asking(b"/", b"Content-Length: 5", b"Content-Length: 5, 5", method=b"POST") + b"hello",
            asking(b"/", b"Content-Length: 9", b"Transfer-Encoding: chunked", method=b"POST") + b"1\r\nx\r\n0\r\n\r\n",
            asking(b"/", b"A: b", b" folded", b"C: \x00\xff"),
            b"GET / HTTP/1.1\r\n\r\n",
            b"get http://a/b?c#d HTTP/1.1\r\nHost: a\r\n\r\n",
            upload(bytes(range(256)) * 1000),
        ],
        ids=["chunks", "empty-lines", "line-feeds", "lengths", "both", "fields", "no-field", "target", "upload"],
    )
    def test_are_answered_and_kept_as_they_came(self, tmp_path: Path, octets: bytes) -> None:
        with httpwire.serve(OK, into=tmp_path) as server, connect(server.port) as client:
            for _ in range(2):
                client.sendall(octets)
                assert exactly(client, len(OK)) == OK
        assert whole(tmp_path) == [octets, octets]
        assert [(entry["start"], entry["stop"]) for entry in index(tmp_path)] == [
            (0, len(octets)),
            (len(octets), 2 * len(octets)),
        ]


class TestTls:
    def test_to_a_plain_port_is_told(self, tmp_path: Path) -> None:
        hello = client_hello()
        with started(tmp_path, "record", "-o", "all/", "--forever") as server:
            with connect(server.port) as client:
                client.sendall(hello)
                assert until_closed(client) == b""
            ran = server.end(signal.SIGTERM)
        assert "this is the beginning of TLS, not a request in plain HTTP" in ran.stderr
        assert "the client was given https:// for a port that speaks plain HTTP" in ran.stderr
        assert [path.read_bytes() for path in named(tmp_path / "all", ".partial")] == [hello]

    def test_and_plain_http_to_its_port_is_told(self, tmp_path: Path, tls: ServerTls) -> None:
        with httpwire.serve(OK, into=tmp_path, tls=tls) as server:
            with connect(server.port) as client:
                client.sendall(GET)
                assert until_closed(client).startswith(b"HTTP/1.1 400 ")
            with secure(server.port) as other:
                other.sendall(GET)
                assert exactly(other, len(OK)) == OK
            assert len(server.notes) == 1
            assert "plain HTTP came to a port that speaks TLS: the client needs https://" in server.notes[0]
        assert [entry["complete"] for entry in index(tmp_path)] == [False, True]
        assert [path.read_bytes() for path in named(tmp_path, ".partial")] == [GET]

    @PROC
    def test_clients_that_leave_in_the_handshake(self, tmp_path: Path, tls: ServerTls) -> None:
        hello = client_hello()
        cuts = [1, 4, 5, 6, 100, len(hello) - 1, len(hello)]
        with httpwire.serve(OK, into=tmp_path, tls=tls) as server:
            before = descriptors()
            for leave in (socket.socket.close, reset):
                for cut in cuts:
                    with connect(server.port) as client:
                        client.sendall(hello[:cut])
                        leave(client)
            with secure(server.port) as other:
                other.sendall(GET)
                assert exactly(other, len(OK)) == OK
            wait_for(lambda: descriptors() <= before, "the descriptors")
            assert len(server.notes) >= len(cuts)
            assert all("the TLS handshake failed" in note for note in server.notes)
        assert len(server.arrivals) == 1

    def test_a_client_that_sends_nothing_has_failed_in_no_handshake(self, tls: ServerTls) -> None:
        """As on a plain port it is a silent connection, of which browsers open many."""
        with httpwire.serve(OK, tls=tls) as server:
            connect(server.port).close()
            with secure(server.port) as other:
                other.sendall(GET)
                assert exactly(other, len(OK)) == OK
            assert server.notes == []

    @pytest.mark.parametrize("octets", [b"\x16\x03\x01\x00\x20" + bytes(32), b"\x16" + b"\xff" * 100], ids=["a", "b"])
    def test_garbage_in_a_handshake(self, tls: ServerTls, octets: bytes) -> None:
        with httpwire.serve(OK, tls=tls) as server:
            with connect(server.port) as client:
                client.sendall(octets)
                to_the_end(client)
            with secure(server.port) as other:
                other.sendall(GET)
                assert exactly(other, len(OK)) == OK
            assert len(server.notes) == 1
            assert "the TLS handshake failed" in server.notes[0]

    def test_a_handshake_that_stands_still_ends(self, tls: ServerTls) -> None:
        with httpwire.serve(OK, tls=tls, limits=ServerLimits(idle=0.4)) as server, connect(server.port) as client:
            client.sendall(client_hello()[:50])
            assert to_the_end(client)[0] == b""

    def test_an_upload_that_ends_without_a_close_notify(self, tmp_path: Path, tls: ServerTls) -> None:
        sent = upload(b"x" * 300_000, octets=1 << 20)
        with httpwire.serve(OK, into=tmp_path, tls=tls) as server:
            with secure(server.port) as client:
                client.sendall(sent)
                wait_for(lambda: sum(path.stat().st_size for path in named(tmp_path, ".tmp")) == len(sent), "all of it")
                client.shutdown(socket.SHUT_WR)  # the TCP connection's, below TLS
            wait_for(lambda: server.arrivals, "it to end")
        assert [path.read_bytes() for path in named(tmp_path, ".partial")] == [sent]

    def test_a_reset_is_one(self, tls: ServerTls) -> None:
        """A close_notify before it would make it an ordinary end."""
        with (
            httpwire.serve(ok(bytes(5000)), tls=tls, faults=Faults(reset_after=1000)) as server,
            secure(server.port) as client,
        ):
            client.sendall(GET)
            assert exactly(client, 1000) == ok(bytes(5000))[:1000]
            with pytest.raises(ConnectionResetError):
                socket.socket.recv(client, 1)  # below TLS, whose library makes an end of it


def numbered(count: int, content: Callable[[int], bytes] = lambda n: b"%d" % n) -> dict[str, One]:
    """An answer of its own for each of GET /0, GET /1, ..."""
    return {f"GET /{n}": ok(content(n)) for n in range(count)}


class TestPipelining:
    def test_in_two_segments_however_they_are_split(self, tmp_path: Path) -> None:
        requests = [asking(b"/1"), upload(b"hello", target=b"/2"), asking(b"/3")]
        octets = b"".join(requests)
        answers = {"GET /1": ok(b"one"), "POST /2": ok(b"two"), "GET /3": ok(b"three")}
        with httpwire.serve(answers, into=tmp_path) as server, ExitStack() as stack:
            clients = [stack.enter_context(connect(server.port)) for _ in range(len(octets) + 1)]
            for cut, client in enumerate(clients):
                client.sendall(octets[:cut])
            settle(server)
            for cut, client in enumerate(clients):
                client.sendall(octets[cut:])
            for client in clients:
                assert exactly(client, len(b"".join(answers.values()))) == b"".join(answers.values())
            peers = {peer(client): [] for client in clients}  # type: dict[str, list[bytes]]
        for entry in index(tmp_path):
            if entry["peer"] in peers:
                peers[entry["peer"]].append((tmp_path / entry["file"]).read_bytes())
        assert all(kept == requests for kept in peers.values())

    @pytest.mark.parametrize("seed", range(3))
    def test_octets_are_neither_lost_nor_doubled_however_they_come(self, tmp_path: Path, seed: int) -> None:
        """Many connections in turn, in segments of any size: what is kept of each tiles what it sent."""
        chance = random.Random(seed)
        chunked = asking(b"/c", b"Transfer-Encoding: chunked", method=b"POST") + b"3;a\r\nabc\r\n0\r\nA: b\r\n\r\n"
        pool = [GET, asking(b"/b"), b"\r\n" + GET, chunked, upload(b"hello"), upload(b"x" * 70_000), upload(b"")]
        with httpwire.serve(OK, into=tmp_path) as server, ExitStack() as stack:
            sent, left, answers = {}, {}, {}
            for _ in range(40):
                client = stack.enter_context(connect(server.port))
                chosen = chance.choices(pool, k=chance.randrange(1, 12))
                last = chance.choice([b"", GET[:-1], upload(b"x" * 100_000, octets=100_001), chunked[:-3]])
                sent[peer(client)] = left[client] = b"".join(chosen) + last
                answers[client] = len(chosen)
            while left:
                client = chance.choice(list(left))
                size = chance.choice([1, 10, 100, 1000, 10_000, 100_000])
                client.sendall(left[client][:size])
                left[client] = left[client][size:]
                if not left[client]:
                    del left[client]
                    client.shutdown(socket.SHUT_WR)
            for client, count in answers.items():
                assert to_the_end(client) == (OK * count, "closed")
        kept = dict.fromkeys(sent, b"")
        for entry in sorted(index(tmp_path), key=lambda entry: entry["start"]):
            octets = (tmp_path / entry["file"]).read_bytes()
            assert entry["start"] == len(kept[entry["peer"]])
            assert entry["complete"] == (entry["stop"] < len(sent[entry["peer"]]) or not entry["reason"])
            kept[entry["peer"]] += octets
        assert kept == sent

    def test_a_thousand_at_once_get_their_own_answers_in_order(self, tmp_path: Path) -> None:
        requests = [asking(b"/%d" % n) for n in range(1000)]
        with httpwire.serve(numbered(1000), into=tmp_path) as server, connect(server.port) as client:
            client.sendall(b"".join(requests))
            expected = b"".join(ok(b"%d" % n) for n in range(1000))
            assert exactly(client, len(expected)) == expected
        assert whole(tmp_path) == requests
        assert [entry["number"] for entry in index(tmp_path)] == list(range(1, 1001))

    def test_large_answers_to_a_client_that_reads_later(self) -> None:
        """More requests than may wait, and more answers than fit in any buffer on the way."""
        answers = numbered(300, lambda n: b"%d" % (n % 10) * 100_000)
        with httpwire.serve(answers) as server, connect(server.port, window=65536) as client:
            for n in range(300):
                client.sendall(asking(b"/%d" % n))
            settle(server)
            for n in range(300):
                expected = ok(b"%d" % (n % 10) * 100_000)
                assert exactly(client, len(expected)) == expected

    @pytest.mark.parametrize("over", ["plain", "tls"])
    def test_without_end_and_without_reading_is_read_no_further(self, tls: ServerTls, over: str) -> None:
        """A queue that grows for ever is one client's way to all of the memory."""
        with (
            httpwire.serve(OK, faults=Faults(delay=60), tls=tls if over == "tls" else None) as server,
            ExitStack() as s,
        ):
            client = s.enter_context(secure(server.port) if over == "tls" else connect(server.port))
            client.settimeout(0.5)
            with suppress(TimeoutError):
                for _ in range(100):
                    client.sendall(b"GET / HTTP/1.1\r\n\r\n" * 1000)
            spent = -1.0
            while processor(server) - spent > 0.01:  # until it has nothing more to do
                spent = processor(server)
                time.sleep(0.3)
            assert len(server.arrivals) < 20_000

    def test_connect_behind_another_request(self, tmp_path: Path) -> None:
        requests = [GET, asking(b"a:1", method=b"CONNECT")]
        answers = [OK, b"HTTP/1.1 200 OK\r\n\r\n"]
        with httpwire.serve(answers, into=tmp_path) as server, connect(server.port) as client:
            client.sendall(b"".join(requests) + b"\x00tunnel")
            client.shutdown(socket.SHUT_WR)
            assert until_closed(client) == b"".join(answers)
        assert whole(tmp_path) == requests
        assert [path.read_bytes() for path in named(tmp_path, ".tunnel")] == [b"\x00tunnel"]
        assert [arrival.number for arrival in server.arrivals] == [1, 2, 3]

    def test_behind_one_that_closes_is_not_answered(self, tmp_path: Path) -> None:
        """RFC 9112 9.6: no further request is processed; kept it is all the same, also where it is not whole."""
        last = asking(b"/last", b"Connection: close")
        with httpwire.serve(OK, into=tmp_path) as server:
            with connect(server.port) as client:
                client.sendall(last + GET + upload(b"x" * 100_000, octets=200_000))
                assert to_the_end(client) == (OK, "closed")
                client.close()
            wait_for(lambda: len(server.arrivals) == 3, "the last one to end")
        assert whole(tmp_path) == [last, GET]
        assert [path.read_bytes() for path in named(tmp_path, ".partial")] == [upload(b"x" * 100_000, octets=200_000)]
        assert not named(tmp_path, ".tmp")

    @PROC
    def test_behind_the_last_answer_it_is_kept_though_the_client_stays(self, tmp_path: Path) -> None:
        """The server does not wait for ever for the client's close, and loses nothing when it does not."""
        rest = upload(b"x" * 300_000, octets=1 << 20)
        with httpwire.record(f"{tmp_path}/") as server:
            before = descriptors()
            with connect(server.port) as client:
                client.sendall(GET)
                assert exactly(client, 1) == b""
                client.sendall(rest)
                wait_for(lambda: descriptors() <= before + 1, "the server to close", 10)
        assert [(entry["number"], entry["complete"]) for entry in index(tmp_path)] == [(1, True), (2, False)]
        assert [path.read_bytes() for path in named(tmp_path, ".partial")] == [rest]
        assert not named(tmp_path, ".tmp")


class TestWhenTheConnectionStaysOpen:
    """As the answer implies it, and as the client wishes."""

    @pytest.mark.parametrize(
        ("octets", "stays"),
        [
            (OK, True),
            (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", True),
            (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;a\r\nhello\r\n0\r\nA: b\r\n\r\n", True),
            (b"HTTP/1.1 204 No Content\r\n\r\n", True),
            (b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", True),
            (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nA: b\r\n\r\n" + OK, True),
            (b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 5\r\n\r\nhello", True),
            (OK.replace(b"\r\n", b"\n"), True),
            (b"HTTP/1.1 200 OK\r\n\r\nuntil the close", False),
            (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nuntil the close", False),
            (b"HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello", False),
            (ok(b"hello", b"Connection: Keep-Alive, Close"), False),
            (OK + b"and more", False),
            (OK[:-1], False),
            (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", False),
            (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nhello\r\n", False),
            (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello", False),
            (b"HTTP/1.1 100 Continue\r\n\r\n", False),
            (b"HTTP/1.1 200", False),
            (b"hello", False),
            (b"", False),
        ],
    )
    def test_after_an_answer(self, octets: bytes, stays: bool) -> None:  # noqa: FBT001  # pytest gives it by name
        with httpwire.serve(octets) as server, connect(server.port) as client:
            for _ in range(2 if stays else 1):
                client.sendall(GET)
                assert exactly(client, len(octets)) == octets
            if not stays:
                assert to_the_end(client) == (b"", "closed")
                return
            client.settimeout(0.1)
            with pytest.raises(TimeoutError):
                client.recv(1)

    @pytest.mark.parametrize(
        ("request_", "stays"),
        [
            (asking(), True),
            (asking(b"/", b"Connection: keep-alive", version=b"HTTP/1.0"), True),
            (asking(version=b"HTTP/1.0"), False),
            (asking(b"/", b"Connection: x, CLOSE"), False),
            (asking(b"/", b"Connection: close", b"Connection: keep-alive"), False),
            (b"GET /\r\n\r\n", False),
        ],
    )
    def test_after_a_request(self, request_: bytes, stays: bool) -> None:  # noqa: FBT001  # pytest gives it by name
        with httpwire.serve(OK) as server, connect(server.port) as client:
            for _ in range(2 if stays else 1):
                client.sendall(request_)
                assert exactly(client, len(OK)) == OK
            if not stays:
                assert to_the_end(client) == (b"", "closed")

    def test_after_head(self) -> None:
        """An answer to HEAD ends with its head; what was recorded for GET goes out whole, and then the close."""
        head = asking(method=b"HEAD")
        bare = OK[: -len(b"hello")]
        with httpwire.serve(bare) as server, connect(server.port) as client:
            for _ in range(2):
                client.sendall(head)
                assert exactly(client, len(bare)) == bare
        with httpwire.serve(OK) as server, connect(server.port) as client:
            client.sendall(head)
            assert to_the_end(client) == (OK, "closed")


UPGRADE = asking(b"/", b"Connection: upgrade", b"Upgrade: x")
SWITCH = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n\x00hello"
TUNNELED = b"\x81\x05\r\n\r\n" + GET + bytes(100_000)


class TestTunnels:
    @pytest.mark.parametrize(
        ("request_", "answer"),
        [(UPGRADE, SWITCH), (asking(b"a:1", method=b"CONNECT"), b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n")],
        ids=["upgrade", "connect"],
    )
    def test_what_comes_is_kept_and_not_answered(self, tmp_path: Path, request_: bytes, answer: bytes) -> None:
        with httpwire.serve(answer, into=tmp_path) as server, connect(server.port) as client:
            client.sendall(request_)
            assert exactly(client, len(answer)) == answer
            client.sendall(TUNNELED)
            client.shutdown(socket.SHUT_WR)
            assert until_closed(client) == b""
        assert whole(tmp_path) == [request_]
        assert [path.read_bytes() for path in named(tmp_path, ".tunnel")] == [TUNNELED]

    def test_connect_and_what_it_tunnels_in_one_segment(self, tmp_path: Path) -> None:
        connecting = asking(b"a:1", method=b"CONNECT")
        answer = b"HTTP/1.1 200 OK\r\n\r\n"
        with httpwire.serve(answer, into=tmp_path) as server, connect(server.port) as client:
            client.sendall(connecting + GET)
            client.shutdown(socket.SHUT_WR)
            assert until_closed(client) == answer
        assert whole(tmp_path) == [connecting]
        assert [path.read_bytes() for path in named(tmp_path, ".tunnel")] == [GET]

    def test_connect_that_is_refused_makes_none(self, tmp_path: Path) -> None:
        """RFC 9110 9.3.6: only a 2xx does. A client asks again on the same connection, with its credentials."""
        connecting = asking(b"a:1", method=b"CONNECT")
        answer = b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n"
        with httpwire.serve(answer, into=tmp_path) as server, connect(server.port) as client:
            client.settimeout(3)
            for _ in range(3):
                client.sendall(connecting)
                assert exactly(client, len(answer)) == answer
        assert whole(tmp_path) == [connecting] * 3

    def test_connect_again_before_the_refusal_has_come_whole(self, tmp_path: Path) -> None:
        """Its head says that there is no tunnel, and the client does not wait for the rest."""
        connecting = asking(b"a:1", method=b"CONNECT")
        answer = b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 20\r\n\r\n" + b"who are you? tell me"
        faults = Faults(segment=len(answer) - 20, throttle=300)
        with httpwire.serve(answer, into=tmp_path, faults=faults) as server, connect(server.port) as client:
            client.settimeout(3)
            client.sendall(connecting)
            assert exactly(client, len(answer) - 20) == answer[:-20]
            client.sendall(connecting)
            assert exactly(client, 20 + len(answer)) == answer[-20:] + answer
        assert whole(tmp_path) == [connecting] * 2

    def test_it_begins_with_the_head_of_the_answer(self, tmp_path: Path) -> None:
        """Octets go both ways from then on, while more of what was recorded is still to come."""
        answer = SWITCH + os.urandom(3 << 20)
        (tmp_path / "answer").write_bytes(answer)
        into = f"{tmp_path}/all/"
        with httpwire.serve(tmp_path / "answer", into=into) as server, connect(server.port, window=65536) as client:
            client.sendall(UPGRADE)
            assert exactly(client, len(SWITCH)) == SWITCH
            client.sendall(TUNNELED)
            settle(server)
            assert exactly(client, 3 << 20) == answer[len(SWITCH) :]
            client.shutdown(socket.SHUT_WR)
            assert until_closed(client) == b""
        assert whole(tmp_path / "all") == [UPGRADE]
        assert [path.read_bytes() for path in named(tmp_path / "all", ".tunnel")] == [TUNNELED]

    def test_the_limit_for_a_request_is_none_for_a_tunnel(self) -> None:
        with httpwire.serve(SWITCH, limits=ServerLimits(idle=5, request=0.4)) as server, connect(server.port) as client:
            client.sendall(UPGRADE)
            assert exactly(client, len(SWITCH)) == SWITCH
            for _ in range(15):
                client.sendall(b"still here")
                client.settimeout(0.1)
                with pytest.raises(TimeoutError):
                    client.recv(1)


class TestClientsThatLeave:
    @pytest.mark.parametrize("octets", [5, 3_000_000])
    @pytest.mark.parametrize("delay", [0, 0.3])
    def test_half_closed_ones_get_their_answer(self, tmp_path: Path, octets: int, delay: float) -> None:
        answer = ok(b"x" * octets)
        (tmp_path / "answer").write_bytes(answer)
        with httpwire.serve(tmp_path / "answer", faults=Faults(delay=delay)) as server, connect(server.port) as client:
            client.sendall(GET + GET)
            client.shutdown(socket.SHUT_WR)
            assert to_the_end(client) == (answer + answer, "closed")

    @pytest.mark.parametrize("how", ["ended", "reset"])
    def test_while_the_answer_is_due(self, tmp_path: Path, how: str) -> None:
        before = descriptors() if Path("/proc/self/fd").exists() else 0
        with httpwire.serve(OK, into=tmp_path, faults=Faults(delay=0.3)) as server, ExitStack() as stack:
            for number in range(100):
                client = stack.enter_context(connect(server.port))
                client.sendall(asking(b"/%d" % number))
                if how == "reset":
                    reset(client)
                else:
                    client.close()
            server.wait(100)
            began = time.monotonic()
            ask(server)
            assert time.monotonic() - began < 3
        assert {entry["target"] for entry in index(tmp_path)} == {"/"} | {f"/{n}" for n in range(100)}
        assert not before or descriptors() <= before

    def test_in_the_middle_of_it_are_told(self, tmp_path: Path) -> None:
        (tmp_path / "answer").write_bytes(ok(bytes(20 << 20)))
        with started(tmp_path, "serve", "answer") as server:
            for leave in (reset, socket.socket.close):
                with connect(server.port, window=65536) as client:
                    client.sendall(GET)
                    exactly(client, 100_000)
                    leave(client)  # with octets unread, which makes a reset of every close
            with connect(server.port, window=65536) as client:
                client.sendall(GET)
                exactly(client, 100_000)
                ran = server.end(signal.SIGINT)
        told = re.findall(r"note +only ([0-9,]+) of ([0-9,]+) bytes of its answer", ran.stderr)
        assert len(told) == 3, ran.stderr
        assert all(100_000 <= int(sent.replace(",", "")) < 20 << 20 for sent, _ in told)
        assert {size for _, size in told} == {f"{len(ok(bytes(20 << 20))):,}"}
        assert "Traceback" not in ran.stderr

    def test_that_never_read_hold_up_nobody(self, tmp_path: Path) -> None:
        (tmp_path / "large").write_bytes(ok(bytes(30 << 20)))
        answers: dict[str, One] = {"GET /large": tmp_path / "large", "GET /": OK}
        with started(tmp_path, "serve", "large") as process, httpwire.serve(answers) as server, ExitStack() as stack:
            for _ in range(10):
                stack.enter_context(connect(server.port, window=4096)).sendall(asking(b"/large"))
                stack.enter_context(connect(process.port, window=4096)).sendall(asking(b"/large"))
            began = time.monotonic()
            for _ in range(50):
                ask(server)
            assert time.monotonic() - began < 3
            began = time.monotonic()
            with connect(process.port) as client:
                client.sendall(GET)
                assert len(exactly(client, 30 << 20)) == 30 << 20
            assert time.monotonic() - began < 10

    @PROC
    def test_that_never_read_are_closed_in_the_end(self, tmp_path: Path) -> None:
        (tmp_path / "large").write_bytes(ok(bytes(30 << 20)))
        with started(tmp_path, "serve", "large", "--idle-timeout", "0.5") as server:
            settle(server)
            before = server.descriptors
            with connect(server.port, window=4096) as client:
                client.sendall(GET)
                exactly(client, 1000)
                wait_for(lambda: server.descriptors == before, "the server to close")
            ran = server.end(signal.SIGTERM)
        assert re.search(r"only [0-9,]+ of 31,457,3[0-9]+ bytes of its answer", ran.stderr)

    def test_half_closed_over_tls_they_get_it_too(self, tls: ServerTls) -> None:
        """RFC 8446 6.1: close_notify ends one direction."""
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        came, goes = ssl.MemoryBIO(), ssl.MemoryBIO()
        inside = context.wrap_bio(came, goes)
        with httpwire.serve(OK, tls=tls, faults=Faults(delay=0.2)) as server, connect(server.port) as client:
            shaken = False
            while not shaken:
                try:
                    inside.do_handshake()
                    shaken = True
                except ssl.SSLWantReadError:
                    client.sendall(goes.read())
                    came.write(client.recv(65536))
            inside.write(GET)
            with pytest.raises(ssl.SSLWantReadError):
                inside.unwrap()
            client.sendall(goes.read())
            came.write(until_closed(client))
            assert inside.read(1000) == OK

    def test_while_the_file_of_the_answer_becomes_shorter(self, tmp_path: Path) -> None:
        answer = tmp_path / "large"
        answer.write_bytes(ok(bytes(30 << 20)))
        with started(tmp_path, "serve", "large", "--record", "all/") as server:
            with connect(server.port, window=4096) as client:
                client.sendall(GET + upload(b"x" * 100_000, octets=200_000))
                assert exactly(client, 1000) == answer.read_bytes()[:1000]
                os.truncate(answer, 1 << 20)
                assert len(until_closed(client)) < 30 << 20
            ran = server.end(signal.SIGTERM)
        assert "the answer became shorter while it was sent: the connection is closed" in ran.stderr
        assert whole(tmp_path / "all") == [GET]
        partial = [path.read_bytes() for path in named(tmp_path / "all", ".partial")]
        assert partial == [upload(b"x" * 100_000, octets=200_000)]

    def test_a_delay_is_no_silence_of_the_client(self) -> None:
        """The limit for silence is there for clients that stand still, not for what was asked of the server."""
        with (
            httpwire.serve(OK, faults=Faults(delay=1.5), limits=ServerLimits(idle=0.5)) as server,
            connect(server.port) as client,
        ):
            client.sendall(GET)
            assert exactly(client, len(OK)) == OK


EXPECTING = (b"Expect: 100-continue",)


class TestExpect:
    @pytest.mark.parametrize("field", [b"Expect: 100-continue", b"expect:100-Continue"])
    def test_one_interim_answer_before_the_content(self, tmp_path: Path, field: bytes) -> None:
        octets = upload(b"hello", field)
        with httpwire.serve(OK, into=tmp_path) as server, connect(server.port) as client:
            for _ in range(2):
                client.sendall(octets[:-5])
                assert exactly(client, len(CONTINUE)) == CONTINUE
                client.sendall(b"hello")
                assert exactly(client, len(OK)) == OK
            client.shutdown(socket.SHUT_WR)
            assert until_closed(client) == b""
        assert whole(tmp_path) == [octets, octets]

    @pytest.mark.parametrize(
        "interim",
        [CONTINUE, b"HTTP/1.1 100 Go\r\nA: b\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: <a>\r\n\r\n"],
        ids=["continue", "two"],
    )
    def test_recorded_ones_go_out_in_its_place_and_once(self, interim: bytes) -> None:
        octets = upload(b"hello", *EXPECTING)
        with httpwire.serve(interim + OK) as server, connect(server.port) as client:
            for _ in range(2):
                client.sendall(octets[:-5])
                assert exactly(client, len(interim)) == interim
                client.sendall(b"hello")
                assert exactly(client, len(OK)) == OK
            client.shutdown(socket.SHUT_WR)
            assert until_closed(client) == b""

    @pytest.mark.parametrize(
        "octets",
        [
            upload(b"hello", *EXPECTING),
            upload(b"hello", *EXPECTING).replace(b"HTTP/1.1", b"HTTP/1.0"),
            upload(b"", *EXPECTING),
        ],
        ids=["content-is-here", "http10", "no-content"],
    )
    def test_none_where_nobody_waits_for_it(self, octets: bytes) -> None:
        with httpwire.serve(OK) as server, connect(server.port) as client:
            client.sendall(octets)
            client.shutdown(socket.SHUT_WR)
            assert until_closed(client) == OK

    def test_none_for_http10_that_sends_its_head_alone(self) -> None:
        octets = upload(b"hello", *EXPECTING).replace(b"HTTP/1.1", b"HTTP/1.0")
        with httpwire.serve(OK) as server, connect(server.port) as client:
            client.sendall(octets[:-5])
            settle(server)
            client.sendall(b"hello")
            assert until_closed(client) == OK

    def test_with_chunks(self) -> None:
        head = asking(b"/", b"Transfer-Encoding: chunked", *EXPECTING, method=b"POST")
        with httpwire.serve(OK) as server, connect(server.port) as client:
            client.sendall(head)
            assert exactly(client, len(CONTINUE)) == CONTINUE
            client.sendall(b"1\r\nx\r\n0\r\n\r\n")
            assert exactly(client, len(OK)) == OK

    def test_with_no_answer_to_come(self, tmp_path: Path) -> None:
        octets = upload(b"hello", *EXPECTING)
        with httpwire.record(tmp_path / "it.http", count=1) as server, connect(server.port) as client:
            client.sendall(octets[:-5])
            assert exactly(client, len(CONTINUE)) == CONTINUE
            client.sendall(b"hello")
            assert until_closed(client) == b""
        assert (tmp_path / "it.http").read_bytes() == octets

    @pytest.mark.parametrize("delay", [0, 0.3])
    def test_behind_another_request(self, delay: float) -> None:
        """RFC 9110 10.1.1: it must be told, once its turn has come, whether to send its content."""
        octets = upload(b"hello", *EXPECTING)
        with httpwire.serve(OK, faults=Faults(delay=delay)) as server, connect(server.port) as client:
            client.settimeout(3)
            client.sendall(GET + octets[:-5])
            assert exactly(client, len(OK + CONTINUE)) == OK + CONTINUE
            client.sendall(b"hello")
            assert exactly(client, len(OK)) == OK

    def test_interim_answers_larger_than_any_buffer(self) -> None:
        """To a client that does not read them at first: not one octet may be lost or come twice."""
        hints = b"HTTP/1.1 103 Early Hints\r\n" + b"".join(b"Link: <%06d>\r\n" % n for n in range(50_000)) + b"\r\n"
        answer = hints + hints + OK
        with httpwire.serve(answer) as server, connect(server.port, window=4096) as client:
            client.sendall(upload(b"hello", *EXPECTING)[:-5])
            settle(server)
            client.sendall(b"hello")
            client.shutdown(socket.SHUT_WR)
            assert until_closed(client) == answer

    def test_a_client_that_leaves_after_it(self, tmp_path: Path) -> None:
        octets = upload(b"hello", *EXPECTING)[:-5]
        with httpwire.serve(OK, into=tmp_path) as server:
            with connect(server.port) as client:
                client.sendall(octets)
                assert exactly(client, len(CONTINUE)) == CONTINUE
            wait_for(lambda: server.arrivals, "it to end")
        assert [path.read_bytes() for path in named(tmp_path, ".partial")] == [octets]


@PROC
class TestLargeOnes:
    """They pass through: the process does not grow with them."""

    @pytest.mark.parametrize("secured", [False, True], ids=["plain", "tls"])
    def test_an_answer(self, tmp_path: Path, tls: ServerTls, secured: bool) -> None:  # noqa: FBT001  # pytest's own
        size = BIG // 4 if secured else BIG
        head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size
        with (tmp_path / "large").open("wb") as file:
            file.write(head)
            file.truncate(len(head) + size)
        options = ["--cert", tls.cert] if secured else []
        with started(tmp_path, "serve", "large", "--record", "all/", *options) as server:
            peak = server.peak
            with secure(server.port) if secured else connect(server.port) as client:
                client.sendall(GET)
                assert exactly(client, len(head)) == head
                left = size
                while left and (data := client.recv(1 << 20)):
                    left -= len(data)
                    assert data.count(0) == len(data)
                assert left == 0
            assert server.peak - peak < 24 << 20

    def test_an_upload(self, tmp_path: Path) -> None:
        head = upload(b"", octets=BIG)
        block = bytes(range(256)) * 4096
        with started(tmp_path, "record", "-o", "all/", "--forever", "--reply-status", "204") as server:
            peak = server.peak
            with connect(server.port) as client:
                client.sendall(head)
                for _ in range(BIG // len(block)):
                    client.sendall(block)
                assert exactly(client, 12) == b"HTTP/1.1 204"
            assert server.peak - peak < 24 << 20
        with (tmp_path / "all" / "0001-POST.http").open("rb") as file:
            assert file.read(len(head)) == head
            for _ in range(BIG // len(block)):
                assert file.read(len(block)) == block
            assert file.read(1) == b""

    @pytest.mark.parametrize("cut", [0, 100, 70_000])
    def test_an_upload_into_a_pipe_is_whole(self, tmp_path: Path, cut: int) -> None:
        """In segments of any size: what is told as saved has been written."""
        octets = upload(os.urandom(300_000))
        with started(tmp_path, "record", "-o", "-") as server:
            with connect(server.port) as client:
                client.sendall(octets[: len(octets) - cut])
                if cut:
                    settle(server)
                    client.sendall(octets[len(octets) - cut :])
                client.shutdown(socket.SHUT_WR)
                assert until_closed(client) == b""
            ran = server.end()
        assert ran.status == 0
        assert len(ran.stdout) == len(octets)
        assert ran.stdout == octets

    def test_many_connections_leave_nothing_behind(self, tmp_path: Path) -> None:
        (tmp_path / "ok.http").write_bytes(OK)
        with started(tmp_path, "serve", "ok.http") as server:

            def visit() -> None:
                with connect(server.port) as client:
                    client.sendall(GET[:10])
                    settle_one(server)
                    client.sendall(GET[10:])
                    assert exactly(client, len(OK)) == OK

            for _ in range(200):
                visit()
            before = server.memory
            for _ in range(2000):
                visit()
            assert server.memory - before < 3 << 20


def settle_one(server: Started) -> None:
    """A visit that makes the server turn once."""
    with connect(server.port) as client:
        client.sendall(GET)
        assert exactly(client, len(OK)) == OK


@pytest.fixture(params=["disk", "limit"])
def small(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Path, tuple[str, int] | None]]:
    """A folder that holds 64 KiB, or a limit of 64 KiB for each file."""
    folder = tmp_path / "small"
    folder.mkdir()
    if request.param == "limit":
        yield folder, ("RLIMIT_FSIZE", 64 << 10)
        return
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "none", str(folder)]
    if os.geteuid() or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("no small disk can be made here")
    yield folder, None
    subprocess.run(["umount", str(folder)], check=True)


class TestReasons:
    """What is told of a request that is not whole is why it is not."""

    @pytest.mark.parametrize(
        "field", [b"Content-Length: 5,6", b"Transfer-Encoding: gzip", b"Content-Length: " + b"9" * 20]
    )
    def test_what_has_no_end_did_not_come_to_a_port_for_tls(self, tmp_path: Path, field: bytes) -> None:
        (tmp_path / "a.txt").write_bytes(OK)
        with started(tmp_path, "serve", "a.txt") as server:
            with connect(server.port) as client:
                client.sendall(b"POST / HTTP/1.1\r\nHost: a\r\n" + field + b"\r\n\r\n")
                refused = to_the_end(client)[0]
            ran = server.end(signal.SIGINT)
        assert refused.startswith(b"HTTP/1.1 400")
        assert "TLS" not in refused.decode() + ran.stderr

    def test_connect_is_a_tunnel_every_time(self, tmp_path: Path) -> None:
        head = b"CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n"
        with httpwire.record(f"{tmp_path}/all/") as server:
            for number in range(3):
                with connect(server.port) as client:
                    client.sendall(head)
                    server.wait(number + 1)
                    client.sendall(b"\x16\x03\x01hello")
                    client.shutdown(socket.SHUT_WR)
                    to_the_end(client)
        assert [path.read_bytes() for path in named(tmp_path / "all", ".tunnel")] == [b"\x16\x03\x01hello"] * 3
        assert named(tmp_path / "all", ".partial") == []

    def test_an_upload_behind_an_answer_that_is_due_was_interrupted(self, tmp_path: Path) -> None:
        (tmp_path / "a.txt").write_bytes(OK)
        arguments = ("serve", "a.txt", "--record", "all/", "--delay", "30")
        with started(tmp_path, *arguments) as server, connect(server.port) as client:
            client.sendall(GET + upload(b"part", octets=1000))
            wait_for(lambda: named(tmp_path / "all", "-GET.http"), "the first request")
            ran = server.end(signal.SIGINT)
        assert "it was interrupted" in ran.stderr
        assert [entry["reason"] for entry in index(tmp_path / "all")] == ["", "interrupted"]


class TestAFullDisk:
    """Status 23, one clear line, and all that was told or answered is there."""

    def ask_until_it_ends(self, server: Started, make: Callable[[int], bytes]) -> list[bytes]:
        """The requests that were answered."""
        answered: list[bytes] = []
        with connect(server.port) as client, suppress(ConnectionError):
            for number in range(2000):
                client.sendall(make(number))
                if exactly(client, len(OK)) != OK:
                    break
                answered.append(make(number))
        assert 0 < len(answered) < 2000
        return answered

    def check_end(self, ran: Ran) -> None:
        assert ran.status == 23, ran.stderr
        assert re.search("No space left on device|File too large", one_failure(ran))

    def test_one_file_for_all(self, tmp_path: Path, small: tuple[Path, tuple[str, int] | None]) -> None:
        folder, limit = small
        (tmp_path / "ok.http").write_bytes(OK)
        with started(tmp_path, "serve", "ok.http", "--record", folder / "all.http", "--json", limit=limit) as server:
            answered = self.ask_until_it_ends(server, lambda n: asking(b"/%06d" % n, b"X: " + b"y" * 900))
            ran = server.end()
        self.check_end(ran)
        kept = (folder / "all.http").read_bytes()
        assert kept.startswith(b"".join(answered)), "a request was answered that is not kept"
        told = [json.loads(line) for line in ran.stdout.splitlines()[1:]]
        assert len(told) <= kept.count(b"\r\n\r\n"), "a request was told that is not kept"
        assert kept == b"".join(asking(b"/%06d" % n, b"X: " + b"y" * 900) for n in range(kept.count(b"\r\n\r\n")))
        assert "could not be kept whole" in ran.stderr

    @pytest.mark.parametrize("size", [10, 3000], ids=["index", "files"])
    def test_a_file_for_each(self, tmp_path: Path, small: tuple[Path, tuple[str, int] | None], size: int) -> None:
        folder, limit = small
        (tmp_path / "ok.http").write_bytes(OK)
        arguments = ["serve", "ok.http", "--record", f"{folder}/", "--json"]
        with started(tmp_path, *arguments, limit=limit) as server:
            answered = self.ask_until_it_ends(server, lambda n: upload(b"x" * size, target=b"/%06d" % n))
            ran = server.end()
        self.check_end(ran)
        assert set(answered) <= set(whole(folder)), "a request was answered that is not kept"
        for octets in whole(folder):
            assert octets.endswith(b"x" * size), "the name is that of a whole request, and it is cut"
        lines = (folder / "index.jsonl").read_text("ascii").splitlines(keepends=True)
        listed = {json.loads(line)["number"] for line in lines if line.endswith("\n")}
        for told in map(json.loads, ran.stdout.splitlines()[1:]):
            assert told["number"] in listed, "a request was told that the index does not have"
            assert Path(told["file"]).stat().st_size == told["octets"]

    def test_in_an_upload(self, tmp_path: Path, small: tuple[Path, tuple[str, int] | None]) -> None:
        folder, limit = small
        with started(tmp_path, "record", "-o", f"{folder}/", "--forever", limit=limit) as server:
            with connect(server.port) as client:
                client.sendall(GET)
                assert until_closed(client) == b""
            with connect(server.port) as client, suppress(ConnectionError):
                client.sendall(upload(b"x" * 300_000))
                until_closed(client)
            ran = server.end()
        self.check_end(ran)
        assert whole(folder) == [GET]
        assert [entry["octets"] for entry in index(folder)][:1] == [len(GET)]

    def test_one_request(self, tmp_path: Path, small: tuple[Path, tuple[str, int] | None]) -> None:
        folder, limit = small
        (folder / "it.http").write_bytes(b"an earlier good request")
        with started(tmp_path, "record", "-o", folder / "it.http", limit=limit) as server:
            with connect(server.port) as client, suppress(ConnectionError):
                client.sendall(upload(b"x" * 300_000))
                until_closed(client)
            ran = server.end()
        self.check_end(ran)
        assert (folder / "it.http").read_bytes() == b"an earlier good request"

    def test_through_the_interface(self) -> None:
        if not Path("/dev/full").exists():
            pytest.skip("no /dev/full")
        server = httpwire.record("/dev/full", count=1)
        with suppress(SaveFailed), server, connect(server.port) as client:
            client.sendall(GET)
            assert to_the_end(client)[0] == b""
        with pytest.raises(SaveFailed, match="No space left"):
            server.close()

    def test_a_device(self, tmp_path: Path) -> None:
        if not Path("/dev/full").exists():
            pytest.skip("no /dev/full")
        with started(tmp_path, "record", "-o", "/dev/full") as server:
            with connect(server.port) as client:
                client.sendall(GET)
                to_the_end(client)
            ran = server.end()
        self.check_end(ran)

    def test_where_the_objects_go(self, tmp_path: Path) -> None:
        """Nothing can be told any more; what came before and at the same time is kept."""
        if not Path("/dev/full").exists():
            pytest.skip("no /dev/full")
        (tmp_path / "ok.http").write_bytes(OK)
        command = [sys.executable, "-m", "httpwire", "serve", "ok.http", "--json", "--listen", "127.0.0.1:0"]
        with open("/dev/full", "wb") as full:
            ran = subprocess.run(command, cwd=tmp_path, stdout=full, stderr=subprocess.PIPE, timeout=20, check=False)
        assert ran.returncode == 23
        assert b"Traceback" not in ran.stderr


class TestKilled:
    """Whatever was told as recorded is on disk, whole: the answer tells it, too."""

    @pytest.mark.parametrize("into", ["all/", "all.http"])
    def test_among_many_requests(self, tmp_path: Path, into: str) -> None:
        (tmp_path / "ok.http").write_bytes(OK)
        answered: list[bytes] = []
        stop = threading.Event()

        def visit(number: int) -> None:
            """A request after the other, small and large ones, in turn."""
            with suppress(OSError), connect(server.port) as client:
                for turn in range(100_000):
                    content = b"%d-%d;" % (number, turn) * (1 if turn % 4 else 20_000)
                    octets = upload(content, target=b"/%d-%d" % (number, turn))
                    client.sendall(octets)
                    if exactly(client, len(OK)) != OK or stop.is_set():
                        return
                    answered.append(octets)

        with started(tmp_path, "serve", "ok.http", "--record", into, "--json") as server:
            threads = [threading.Thread(target=visit, args=(number,)) for number in range(16)]
            for thread in threads:
                thread.start()
            wait_for(lambda: len(answered) > 300, "requests to be answered")
            server.process.kill()
            stop.set()
            for thread in threads:
                thread.join(20)
            ran = server.end()
        told = [json.loads(line) for line in ran.stdout.splitlines()[1:] if line.endswith(b"}")]
        assert len(told) > 100
        saved = re.findall(r"saved +(\S+), ([0-9,]+) bytes", ran.stderr)
        if into == "all.http":
            octets = (tmp_path / "all.http").read_bytes()
            assert all(request in octets for request in answered)
            assert all(f"POST {one['target']} ".encode() in octets for one in told)
            return
        kept = set(whole(tmp_path / "all"))
        assert all(request in kept for request in answered)
        for one in told:
            assert (tmp_path / one["file"]).stat().st_size == one["octets"]
        assert saved
        for name, size in saved:
            assert (tmp_path / name).stat().st_size == int(size.replace(",", ""))
        lines = (tmp_path / "all" / "index.jsonl").read_text("ascii").splitlines(keepends=True)
        listed = {json.loads(line)["number"] for line in lines if line.endswith("\n")}
        assert {one["number"] for one in told} <= listed

    def test_two_servers_with_one_folder(self, tmp_path: Path) -> None:
        """What one has told, the other does not replace."""
        requests = [upload(letter * 100_000) for letter in (b"a", b"b", b"c", b"d")]
        answered: list[bytes] = []
        with suppress(SaveFailed), httpwire.serve(OK, into=tmp_path) as one, httpwire.serve(OK, into=tmp_path) as other:
            for server, request in zip((one, other, one, other), requests, strict=True):
                with connect(server.port) as client:
                    client.sendall(request)
                    if exactly(client, len(OK)) == OK:
                        answered.append(request)
        assert answered
        assert set(answered) <= set(whole(tmp_path))


class TestInterrupted:
    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
    @pytest.mark.parametrize("octets", [1000, 300_000])
    def test_in_an_upload(self, tmp_path: Path, number: int, octets: int) -> None:
        sent = upload(b"x" * octets, octets=1 << 20)
        with started(tmp_path, "record", "-o", "it.http") as server, connect(server.port) as client:
            client.sendall(sent)
            settle(server)
            server.process.send_signal(number)
            assert until_closed(client) == b""
            client.close()
            ran = server.end()
        assert ran.status == 130
        assert "were kept" in one_failure(ran)
        assert sent in [path.read_bytes() for path in tmp_path.iterdir() if ".partial" in path.name]
        assert not (tmp_path / "it.http").exists()
        assert not named(tmp_path, ".tmp")

    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
    def test_in_an_answer_it_goes_out_first(self, tmp_path: Path, number: int) -> None:
        answer = ok(os.urandom(8 << 20))
        (tmp_path / "large").write_bytes(answer)
        with started(tmp_path, "serve", "large") as server, connect(server.port, window=65536) as client:
            client.sendall(GET)
            assert exactly(client, 1000) == answer[:1000]
            server.process.send_signal(number)
            assert until_closed(client) == answer[1000:]
            client.close()
            ran = server.end()
        assert ran.status == 0
        assert "1 request" in ran.stderr
        assert "took" not in ran.stderr

    def test_in_an_answer_that_nobody_reads_it_does_not_wait_long(self, tmp_path: Path) -> None:
        (tmp_path / "large").write_bytes(ok(bytes(30 << 20)))
        with started(tmp_path, "serve", "large") as server, connect(server.port, window=4096) as client:
            client.sendall(GET)
            exactly(client, 1000)
            began = time.monotonic()
            ran = server.end(signal.SIGTERM)
            assert time.monotonic() - began < 5
        assert ran.status == 0
        assert "bytes of its answer" in ran.stderr

    def test_no_more_requests_are_answered_then(self, tmp_path: Path) -> None:
        """A client that goes on asking does not keep it alive, and connections that are open are closed."""
        (tmp_path / "ok.http").write_bytes(OK)
        with started(tmp_path, "serve", "ok.http") as server, ExitStack() as stack:
            idle = [stack.enter_context(connect(server.port)) for _ in range(5)]
            client = stack.enter_context(connect(server.port))
            client.sendall(GET)
            assert exactly(client, len(OK)) == OK
            server.process.send_signal(signal.SIGTERM)
            began = time.monotonic()
            with suppress(OSError):
                while time.monotonic() - began < 10:
                    client.sendall(GET)
                    time.sleep(0.01)
            ran = server.end()
            assert time.monotonic() - began < 5
            assert all(to_the_end(one)[0] == b"" for one in idle)
        assert ran.status == 0
        assert "Traceback" not in ran.stderr


class TestCount:
    @pytest.mark.parametrize("reply", [None, OK])
    def test_one_request_and_another_behind_it(self, tmp_path: Path, reply: bytes | None) -> None:
        """In one segment: the first is what was asked for, and nothing takes its place."""
        first, second = asking(b"/1"), asking(b"/2")
        with httpwire.record(tmp_path / "it.http", count=1, reply=reply) as server, connect(server.port) as client:
            client.sendall(first + second)
            assert until_closed(client) == (reply or b"")
            client.close()
            server.join(10)
        assert (tmp_path / "it.http").read_bytes() == first
        assert [arrival.message.target for arrival in server.arrivals if arrival.message][:1] == [b"/1"]

    def test_one_request_and_another_after_the_close(self, tmp_path: Path) -> None:
        first, second = asking(b"/1"), asking(b"/2")
        with httpwire.record(tmp_path / "it.http", count=1) as server, connect(server.port) as client:
            client.sendall(first)
            assert exactly(client, 1) == b""
            client.sendall(second)
            server.join(10)
        assert (tmp_path / "it.http").read_bytes() == first

    def test_one_request_and_then_a_client_that_drips(self, tmp_path: Path) -> None:
        """It has what was asked for, and ends."""
        with httpwire.record(tmp_path / "it.http", count=1) as server, connect(server.port) as client:
            client.sendall(GET)
            assert exactly(client, 1) == b""
            began = time.monotonic()
            with suppress(OSError):
                while time.monotonic() - began < 9:
                    client.sendall(b"x")
                    time.sleep(0.1)
            assert time.monotonic() - began < 8, "it waits for this client still"
            server.join(10)
        assert (tmp_path / "it.http").read_bytes() == GET

    def test_of_many_connections_at_once_so_many_are_answered(self, tmp_path: Path) -> None:
        with httpwire.serve(OK, into=tmp_path, count=5) as server, ExitStack() as stack:
            clients = [stack.enter_context(connect(server.port)) for _ in range(20)]
            for number, client in enumerate(clients):
                client.sendall(asking(b"/%d" % number))
            answers = [to_the_end(client)[0] for client in clients]
            for client in clients:
                client.close()
            server.join(10)
        assert sorted(answers) == [b""] * 15 + [OK] * 5
        assert len(server.arrivals) == len(index(tmp_path))
        complete = [entry for entry in index(tmp_path) if entry["complete"]]
        answered = {f"/{number}" for number, answer in enumerate(answers) if answer}
        assert answered <= {entry["target"] for entry in complete}
        assert len(complete) == 5

    def test_the_last_answer_survives_what_the_client_sends_behind_its_request(self, tmp_path: Path) -> None:
        """A close with octets unread is a reset, which would destroy what the client has not read yet."""
        answer = ok(b"x" * 900_000)
        (tmp_path / "answer").write_bytes(answer)
        with (
            started(tmp_path, "serve", "answer", "--count", "1") as server,
            connect(server.port, window=4096) as client,
        ):
            client.settimeout(0)
            with suppress(BlockingIOError):
                client.send(GET + bytes(2 << 20))
            client.settimeout(20)
            time.sleep(0.5)
            assert exactly(client, len(answer)) == answer


class TestTooMany:
    @PROC
    def test_descriptors_run_out_and_come_back(self, tmp_path: Path) -> None:
        (tmp_path / "ok.http").write_bytes(OK)
        arguments = ["serve", "ok.http", "--record", "all/"]
        with started(tmp_path, *arguments, limit=("RLIMIT_NOFILE", 64)) as server, ExitStack() as stack:
            clients = [stack.enter_context(connect(server.port)) for _ in range(80)]
            for client in clients[-5:]:
                client.sendall(GET)
                assert exactly(client, len(OK)) == OK
            spent = server.processor
            time.sleep(0.5)
            assert server.processor - spent < 0.2
            stack.close()
            for _ in range(100):
                ask(server)
            ran = server.end(signal.SIGTERM)
        assert ran.status == 0
        assert "105 requests" in ran.stderr
        assert "Traceback" not in ran.stderr

    @PROC
    def test_descriptors_run_out_under_large_uploads(self, tmp_path: Path) -> None:
        """Each needs a file as well. Some have to wait, and all are kept."""
        octets = upload(b"x" * 100_000)
        answers: list[bytes] = []

        def visit() -> None:
            with suppress(OSError), connect(server.port) as client:
                client.sendall(octets[:90_000])
                time.sleep(0.2)
                client.sendall(octets[90_000:])
                answers.append(exactly(client, 12))

        arguments = ["record", "-o", "all/", "--forever", "--reply-status", "204"]
        with started(tmp_path, *arguments, limit=("RLIMIT_NOFILE", 64)) as server, ExitStack() as stack:
            for _ in range(30):
                stack.enter_context(connect(server.port))
            threads = [threading.Thread(target=visit) for _ in range(60)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join(30)
            ran = server.end(signal.SIGTERM)
        assert ran.status == 0, ran.stderr
        assert answers == [b"HTTP/1.1 204"] * 60
        assert whole(tmp_path / "all") == [octets] * 60

    def test_connections_and_those_that_are_still_make_room(self) -> None:
        with httpwire.serve(OK, limits=ServerLimits(connections=2)) as server, ExitStack() as stack:
            for _ in range(10):
                client = stack.enter_context(connect(server.port))
                client.sendall(GET)
                assert exactly(client, len(OK)) == OK

    def test_connections_and_the_next_one_waits(self) -> None:
        octets = upload(b"hello")
        with httpwire.serve(OK, limits=ServerLimits(connections=2)) as server, ExitStack() as stack:
            busy = [stack.enter_context(connect(server.port)) for _ in range(2)]
            for client in busy:
                client.sendall(octets[:-1])
            wait_for(lambda: len(server.exchanges) == 2, "both to begin", 5)
            client = stack.enter_context(connect(server.port))
            client.sendall(GET)
            client.settimeout(0.4)
            with pytest.raises(TimeoutError):
                client.recv(1)
            assert sum("2 connections are open" in note for note in server.notes) == 1, "told once, not all the time"
            busy[0].sendall(octets[-1:])
            assert exactly(busy[0], len(OK)) == OK
            client.settimeout(20)
            assert exactly(client, len(OK)) == OK
            busy[1].sendall(octets[-1:])
            assert exactly(busy[1], len(OK)) == OK


class TestFaults:
    def test_segments(self) -> None:
        """No write has more octets: with time between them, each read gives one."""
        answer = ok(b"0123456789" * 5)
        with httpwire.serve(answer, faults=Faults(segment=7, throttle=140)) as server, connect(server.port) as client:
            client.sendall(GET)
            reads: list[bytes] = []
            while sum(map(len, reads)) < len(answer):
                reads.append(client.recv(1000))
                assert reads[-1]
        assert b"".join(reads) == answer
        assert [len(read) for read in reads].count(7) > len(answer) // 7 // 2, reads
        assert len(reads[0]) == 7

    def test_segments_of_one_octet_hold_up_nobody(self) -> None:
        large = ok(bytes(300_000))
        answers: dict[str, One] = {"GET /large": Scripted(large, Faults(segment=1)), "GET /": OK}
        with httpwire.serve(answers) as server, connect(server.port) as client:
            client.sendall(asking(b"/large"))
            reader = threading.Thread(target=lambda: to_the_end(client))
            assert exactly(client, 1) == b"H"
            reader.start()
            try:
                began = time.monotonic()
                ask(server)
                assert time.monotonic() - began < 1
            finally:
                client.shutdown(socket.SHUT_RDWR)
                reader.join(20)

    def test_a_delay(self) -> None:
        with httpwire.serve(OK, faults=Faults(delay=0.4)) as server, connect(server.port) as client:
            for _ in range(2):
                began = time.monotonic()
                client.sendall(GET)
                assert exactly(client, 1) == OK[:1]
                assert 0.39 < time.monotonic() - began < 2
                assert exactly(client, len(OK) - 1) == OK[1:]

    def test_delays_of_many_pass_at_the_same_time(self) -> None:
        with httpwire.serve(OK, faults=Faults(delay=0.4)) as server, ExitStack() as stack:
            clients = [stack.enter_context(connect(server.port)) for _ in range(50)]
            began = time.monotonic()
            for client in clients:
                client.sendall(GET)
            for client in clients:
                assert exactly(client, len(OK)) == OK
            assert 0.39 < time.monotonic() - began < 2

    @pytest.mark.parametrize("segment", [0, 1000])
    def test_a_throttle(self, tmp_path: Path, segment: int) -> None:
        answer = ok(os.urandom(50_000))
        (tmp_path / "answer").write_bytes(answer)
        faults = Faults(throttle=100_000, segment=segment)
        with httpwire.serve(tmp_path / "answer", faults=faults) as server, connect(server.port) as client:
            client.sendall(GET)
            began = time.monotonic()
            half = exactly(client, len(answer) // 2)
            halfway = time.monotonic() - began
            assert half + exactly(client, len(answer) - len(half)) == answer
            assert 0.1 < halfway < 1
            assert 0.35 < time.monotonic() - began < 2

    @pytest.mark.parametrize("after", [0, 1, 20, len(OK) - 1, len(OK)])
    def test_a_cut(self, after: int) -> None:
        with httpwire.serve(OK, faults=Faults(truncate=after)) as server, connect(server.port) as client:
            client.settimeout(3)
            client.sendall(GET + GET)
            assert to_the_end(client) == (OK[:after], "closed")

    @pytest.mark.parametrize("after", [0, 1, 20, len(OK) - 1, len(OK)])
    def test_a_reset(self, after: int) -> None:
        with httpwire.serve(OK, faults=Faults(reset_after=after)) as server, connect(server.port) as client:
            client.settimeout(3)
            client.sendall(GET)
            assert to_the_end(client) == (OK[:after], "reset")

    @pytest.mark.parametrize("faults", [Faults(truncate=1000), Faults(reset_after=1000)], ids=["cut", "reset"])
    def test_beyond_the_end_there_is_none(self, faults: Faults) -> None:
        with httpwire.serve(OK, faults=faults) as server, connect(server.port) as client:
            for _ in range(2):
                client.sendall(GET)
                assert exactly(client, len(OK)) == OK

    def test_a_reset_in_a_large_answer_comes_after_so_many_octets(self, tmp_path: Path) -> None:
        answer = ok(os.urandom(3 << 20))
        (tmp_path / "answer").write_bytes(answer)
        after = 2_345_678
        with (
            httpwire.serve(tmp_path / "answer", faults=Faults(reset_after=after)) as server,
            connect(server.port, window=65536) as client,
        ):
            client.sendall(GET)
            octets, how = to_the_end(client)
        assert how == "reset"
        assert len(octets) == after
        assert octets == answer[:after]

    @PROC
    def test_a_reset_does_not_wait_for_ever_for_a_client_that_reads_no_more(self, tmp_path: Path) -> None:
        """It comes after all that goes before it, as far as the client takes that."""
        answer = tmp_path / "answer"
        answer.write_bytes(ok(bytes(30 << 20)))
        after = 20 << 20
        with httpwire.serve(answer, faults=Faults(reset_after=after)) as server:
            before = descriptors()
            with connect(server.port, window=65536) as client:
                client.sendall(GET)
                assert len(exactly(client, after - 400_000)) == after - 400_000
                wait_for(lambda: descriptors() == before + 1, "the reset", 10)
                octets, how = to_the_end(client)
        assert how == "reset"
        assert len(octets) <= 400_000

    def test_a_close_in_place_of_an_answer(self, tmp_path: Path) -> None:
        faults = Faults(close_before=True)
        with httpwire.serve(OK, into=tmp_path, faults=faults) as server, connect(server.port) as client:
            client.sendall(GET + GET)
            assert to_the_end(client) == (b"", "closed")
        assert whole(tmp_path)[0] == GET

    @pytest.mark.parametrize(
        ("faults", "octets", "how", "least"),
        [
            (Faults(delay=0.3, truncate=20), OK[:20], "closed", 0.29),
            (Faults(delay=0.3, truncate=0), b"", "closed", 0.29),
            (Faults(delay=0.3, reset_after=20), OK[:20], "reset", 0.29),
            (Faults(delay=0.3, reset_after=0), b"", "reset", 0.29),
            (Faults(delay=0.3, close_before=True), b"", "closed", 0.29),
            (Faults(segment=5, throttle=50, reset_after=22), OK[:22], "reset", 0.3),
            (Faults(delay=0.2, segment=5, throttle=50, truncate=22), OK[:22], "closed", 0.5),
        ],
    )
    def test_several(self, faults: Faults, octets: bytes, how: str, least: float) -> None:
        with httpwire.serve(OK, faults=faults) as server, connect(server.port) as client:
            began = time.monotonic()
            client.sendall(GET)
            assert to_the_end(client) == (octets, how)
            assert least < time.monotonic() - began < 3

    @pytest.mark.parametrize("faults", [Faults(timing=True), Faults(timing=True, delay=0.3, segment=4)])
    def test_the_times_that_were_recorded(self, tmp_path: Path, faults: Faults) -> None:
        (tmp_path / "answer").write_bytes(OK)
        times = [(0.1, 5), (0.3, 20), (0.6, len(OK))]
        lines = [f'{{"at": {at}, "stop": {stop}}}\n' for at, stop in times]
        (tmp_path / "answer.times").write_text("".join(lines))
        with httpwire.serve(tmp_path / "answer", faults=faults) as server, connect(server.port) as client:
            began = time.monotonic()
            client.sendall(GET)
            position = 0
            for at, stop in times:
                assert exactly(client, stop - position) == OK[position:stop]
                assert faults.delay + at - 0.01 < time.monotonic() - began < faults.delay + at + 1
                position = stop

    @PROC
    def test_what_a_reset_leaves_of_the_next_request_is_kept(self, tmp_path: Path) -> None:
        rest = upload(b"x" * 100_000, octets=200_000)
        with httpwire.serve(OK, into=tmp_path, faults=Faults(delay=0.3, reset_after=5)) as server:
            before = descriptors()
            with connect(server.port) as client:
                client.sendall(GET + rest)
                assert to_the_end(client) == (OK[:5], "reset")
            wait_for(lambda: len(server.arrivals) == 2, "both to be kept", 5)
            assert descriptors() <= before
        assert whole(tmp_path) == [GET]
        assert [path.read_bytes() for path in named(tmp_path, ".partial")] == [rest]


@PROC
class TestRaces:
    def test_thousands_that_come_and_go(self, tmp_path: Path) -> None:
        """Closed, reset, with half a request and with a whole one: no number twice or left out, nothing left open."""
        with httpwire.serve(OK, into=tmp_path) as server:
            ask(server)
            before = descriptors()
            for number in range(2000):
                with connect(server.port) as client:
                    if number % 4 > 1:
                        client.sendall(asking(b"/%d" % number)[: None if number % 4 == 2 else 12])
                    (reset if number % 8 > 3 else socket.socket.close)(client)
            ask(server)
            wait_for(lambda: descriptors() <= before, "the descriptors")
        entries = index(tmp_path)
        assert sorted(entry["number"] for entry in entries) == list(range(1, len(entries) + 1))
        assert len(entries) <= 1002
        assert {entry["target"] for entry in entries if entry["complete"]} >= {
            f"/{number}" for number in range(2, 2000, 8)
        }
        assert all((tmp_path / entry["file"]).stat().st_size == entry["octets"] for entry in entries)
        assert len(named(tmp_path, ".jsonl")) + len(entries) == len(list(tmp_path.iterdir()))

    def test_half_a_request_before_a_reset_is_kept_also_where_an_answer_was_due(self, tmp_path: Path) -> None:
        """The close in place of an answer fails, for the client is gone: no reason to lose what it had sent."""
        for into in (tmp_path / "closes", tmp_path / "answers"):
            reply = OK if into.name == "answers" else None
            with httpwire.record(f"{into}/", reply=reply) as server:
                for _ in range(100):
                    with connect(server.port) as client:
                        client.sendall(GET + GET[:-2])
                        reset(client)
                settle(server)
            numbers = sorted(entry["number"] for entry in index(into))
            assert numbers == list(range(1, len(numbers) + 1))
            assert {entry["octets"] for entry in index(into)} <= {len(GET), len(GET) - 2, len(b"\r\n")}

    @pytest.mark.parametrize("seed", range(4))
    def test_whatever_clients_do(self, tmp_path: Path, tls: ServerTls, seed: int) -> None:
        """A second of everything at once: no fault of ours, no descriptor and no file left over, every number once,
        and what is kept of each connection tiles what it sent, from the first octet."""
        chance = random.Random(seed)
        faults = [
            Faults(),
            Faults(delay=0.1),
            Faults(segment=3, throttle=300),
            Faults(reset_after=30),
            Faults(truncate=5),
        ]
        answers = [OK, SWITCH, b"HTTP/1.1 407 No\r\nContent-Length: 0\r\n\r\n", b"until the close", ok(bytes(300_000))]
        pool = [octets for octets, _ in UNREADABLE.values()]
        pool += [
            GET * 3,
            GET[:-2],
            b"\r\n",
            CHUNKED,
            b"1\r\nx\r\n",
            b"0\r\n\r\n",
            UPGRADE,
            asking(b"a:1", method=b"CONNECT"),
        ]
        pool += [upload(b"hello", *EXPECTING), upload(b"", *EXPECTING, octets=5), upload(b"x" * 100_000), TUNNELED]
        limits = ServerLimits(
            idle=chance.choice([0.4, 5]), request=chance.choice([0.4, 5]), connections=chance.choice([3, 50])
        )
        before = descriptors()
        server = httpwire.serve(
            chance.choice(answers),
            into=f"{tmp_path}/all/",
            faults=chance.choice(faults),
            limits=limits,
            reading=Limits(head=4000),
            tls=tls if seed % 3 == 2 else None,
        )
        sent: dict[str, bytes] = {}
        again: set[str] = set()  # the port of a connection that was reset is free for another one
        with server, ExitStack() as stack:
            clients: list[socket.socket] = []
            until = time.monotonic() + 1
            while time.monotonic() < until:
                what = chance.random()
                if not clients or (what < 0.2 and len(clients) < 40):
                    with suppress(OSError):
                        clients.append(stack.enter_context((secure if seed % 3 == 2 else connect)(server.port)))
                        clients[-1].settimeout(0)
                        again |= sent.keys() & {peer(clients[-1])}
                        sent[peer(clients[-1])] = b""
                    continue
                client = chance.choice(clients)
                with suppress(OSError):
                    if what < 0.75:
                        octets = chance.choice(pool)
                        octets = octets[: chance.choice([len(octets), chance.randrange(1, len(octets))])]
                        sent[peer(client)] += octets[: client.send(octets)]
                    elif what < 0.9:
                        client.recv(chance.choice([1, 1000, 100_000]))
                    elif what < 0.94:
                        client.shutdown(socket.SHUT_WR)
                    else:
                        clients.remove(client)
                        (reset if what < 0.97 else socket.socket.close)(client)
        assert [note for note in server.notes if "itself" in note] == []
        entries = index(tmp_path / "all")
        assert sorted(entry["number"] for entry in entries) == list(range(1, len(entries) + 1))
        assert len(list((tmp_path / "all").iterdir())) == len(entries) + 1
        reached = dict.fromkeys({(entry["peer"], entry["connection"]) for entry in entries}, 0)
        for entry in sorted(entries, key=lambda entry: entry["start"]):
            which = (entry["peer"], entry["connection"])
            assert entry["start"] == reached[which], entry
            reached[which] = entry["stop"]
            octets = (tmp_path / "all" / entry["file"]).read_bytes()
            expected = sent[entry["peer"]][entry["start"] : entry["stop"]]
            assert octets == expected or entry["peer"] in again, entry
        wait_for(lambda: descriptors() <= before, "the descriptors")

    def test_answers_to_clients_that_go_at_any_moment(self, tmp_path: Path) -> None:
        large = tmp_path / "large"
        large.write_bytes(ok(bytes(2 << 20)))
        with httpwire.serve({"GET /large": large, "GET /": OK}) as server:
            before = descriptors()
            for number in range(300):
                with connect(server.port, window=4096) as client:
                    client.sendall(asking(b"/large") * (number % 3 + 1))
                    exactly(client, number * 100)
                    if number % 2:
                        client.shutdown(socket.SHUT_WR)
                    if number % 5:
                        reset(client)
            ask(server)
            wait_for(lambda: descriptors() <= before, "the descriptors")

    def test_tls_clients_that_go_at_any_moment(self, tls: ServerTls) -> None:
        with httpwire.serve(ok(bytes(100_000)), tls=tls) as server:
            before = descriptors()
            for number in range(60):
                with secure(server.port) as client:
                    if number % 3:
                        client.sendall(GET)
                    if number % 3 == 2:
                        exactly(client, number * 1000)
                    if number % 2:
                        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
            with secure(server.port) as client:
                client.sendall(GET)
                assert len(exactly(client, 100_000)) == 100_000
            wait_for(lambda: descriptors() <= before, "the descriptors")

    def test_servers_that_come_and_go(self, tls: ServerTls) -> None:
        before = descriptors()
        for number in range(30):
            with httpwire.serve(OK, tls=tls if number % 2 else None) as server, ExitStack() as stack:
                for _ in range(3):
                    stack.enter_context(connect(server.port)).sendall(GET[: 10 * (number % 3)])
        assert descriptors() <= before


@PROC
def test_a_client_that_stands_still_costs_no_processor_time(tmp_path: Path, tls: ServerTls) -> None:
    """In whatever state it stands, half a second long; each state has a server of its own."""
    (tmp_path / "large").write_bytes(ok(bytes(30 << 20)))
    large = tmp_path / "large"
    slow = Faults(delay=30)

    def stand(name: str, server: Running, octets: bytes = b"", read: int = 0) -> socket.socket:
        servers[name] = stack.enter_context(server)
        client = stack.enter_context(connect(server.port, window=65536))
        client.sendall(octets)
        exactly(client, read)
        return client

    servers: dict[str, Running] = {}
    with ExitStack() as stack:
        stand("silent", httpwire.serve(OK))
        stand("half a head", httpwire.serve(OK), GET[:10])
        stand("half an upload", httpwire.serve(OK), upload(b"x", octets=5))
        stand("binary", httpwire.serve(OK), b"\xff\xfe")
        stand("kept alive", httpwire.serve(OK), GET, len(OK))
        stand("waiting for content", httpwire.serve(OK), upload(b"", *EXPECTING, octets=5), len(CONTINUE))
        stand("delayed", httpwire.serve(OK, faults=slow), GET)
        stand("delayed, half closed", httpwire.serve(OK, faults=slow), GET).shutdown(socket.SHUT_WR)
        stand("delayed, and many more", httpwire.serve(OK, faults=slow), GET * 1000)
        stand("delayed, and half a request more", httpwire.serve(OK, faults=slow), GET + GET[:10])
        stand("delayed, and garbage", httpwire.serve(OK, faults=slow), GET + b"\xff\xfe")
        stand("not reading", httpwire.serve(large), GET, 1000)
        stand("not reading, half closed", httpwire.serve(large), GET, 1000).shutdown(socket.SHUT_WR)
        stand("not reading, and many more", httpwire.serve(large), GET * 1000, 1000)
        stand("not closing", httpwire.record(), GET, 1)
        stand("not closing, and garbage", httpwire.record(), GET, 1).sendall(b"\xff\xfe")
        stand("not closing, and half a request", httpwire.record(), GET, 1).sendall(GET[:10])
        stand("a tunnel", httpwire.serve(SWITCH), UPGRADE, len(SWITCH))
        stand("throttled", httpwire.serve(large, faults=Faults(throttle=10)), GET, 5)
        stand("half a handshake", httpwire.serve(OK, tls=tls), client_hello()[:50])
        stand("after half a handshake", httpwire.serve(OK, tls=tls), client_hello())
        secured = httpwire.serve(large, tls=tls)
        servers["not reading, over TLS"] = stack.enter_context(secured)
        stack.enter_context(secure(secured.port)).sendall(GET)
        kept = httpwire.serve(OK, tls=tls, faults=slow)
        servers["delayed, over TLS"] = stack.enter_context(kept)
        stack.enter_context(secure(kept.port)).sendall(GET)
        crowded = httpwire.serve(OK, faults=slow, limits=ServerLimits(connections=1))
        stand("no more connections", crowded, GET)
        for _ in range(5):
            stack.enter_context(connect(crowded.port)).sendall(GET)
        stand("to be reset", httpwire.serve(large, faults=Faults(reset_after=20 << 20)), GET, (20 << 20) - 400_000)
        time.sleep(0.2)
        before = {name: processor(server) for name, server in servers.items()}
        time.sleep(0.6)
        spent = {name: processor(server) - before[name] for name, server in servers.items()}
        ends = [threading.Thread(target=server.close) for server in servers.values()]  # each takes its time
        for end in ends:
            end.start()
        for end in ends:
            end.join(20)
        assert {name: round(seconds, 2) for name, seconds in spent.items() if seconds > 0.1} == {}
