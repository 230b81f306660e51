"""`httpwire record` as a person uses it: arguments in; a file or a folder, what is told, and the exit status out."""

from __future__ import annotations

import ctypes
import fcntl
import itertools
import json
import os
import pty
import re
import resource
import select
import shlex
import shutil
import signal
import socket
import ssl
import stat
import struct
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
import trustme
from command import Command, ended, environ, failure, files, start, wait_for

from conftest import Ran
from loopback import GET, free_port, ok, reset, until_closed

SECONDS = 20
NOTHING = b"POST /form HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc"
KEYS = {
    "number",
    "time",
    "peer",
    "connection",
    "start",
    "stop",
    "octets",
    "head",
    "content",
    "method",
    "target",
    "complete",
    "reason",
    "findings",
    "server_name",
    "file",
}


class Listening:
    """The command while it listens. What it tells is read as it comes; `err` and `out` are what was read so far."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.process = process
        self.err = self.out = b""
        self.port = 0

    def until(self, pattern: str, *, out: bool = False) -> re.Match[str]:
        """Waits for a line with `pattern` on standard error, or standard output."""
        stream = self.process.stdout if out else self.process.stderr
        assert stream
        deadline = time.monotonic() + SECONDS
        while True:
            told = self.out if out else self.err
            if found := re.search(pattern, told.decode()):
                return found
            assert select.select([stream], [], [], max(0, deadline - time.monotonic()))[0], f"{pattern} after {told!r}"
            data = os.read(stream.fileno(), 65536)
            assert data, f"ended without {pattern}: {told.decode()}"
            if out:
                self.out += data
            else:
                self.err += data

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), SECONDS)

    def ask(self, octets: bytes, *, close: bool = False) -> bytes:
        """Sends `octets` (with `close`, that is all) and gives what comes until the server closes."""
        with self.connect() as client:
            client.sendall(octets)
            if close:
                client.shutdown(socket.SHUT_WR)
            return until_closed(client)

    def ended(self, number: signal.Signals | None = None, seconds: float = SECONDS) -> Ran:
        """How it ended, by itself or with a signal."""
        if number:
            self.process.send_signal(number)
        ran = ended(self.process, seconds)
        self.out, self.err = self.out + ran.stdout, self.err + ran.stderr.encode()
        return Ran(ran.status, self.out, self.err.decode())


@contextmanager
def listening(folder: Path, verb: str, *arguments: str | Path, **settings: Any) -> Iterator[Listening]:
    """The command on a free port, once it listens; killed in the end where it still runs."""
    process = start(folder, verb, "--listen", "127.0.0.1:0", *arguments, **settings)
    server = Listening(process)
    try:
        quiet = "-q" in arguments or "--quiet" in arguments
        found = server.until(r'"listening": "[^"]*:(\d+)"', out=True) if quiet else server.until(r"https?://\S+:(\d+)/")
        server.port = int(found[1])
        yield server
    finally:
        process.kill()
        process.communicate()


def get(target: bytes = b"/", *fields: bytes, method: bytes = b"GET", host: bytes = b"a") -> bytes:
    """A request after which the connection is to be closed."""
    lines = (method + b" " + target + b" HTTP/1.1", b"Host: " + host, *fields, b"Connection: close", b"", b"")
    return b"\r\n".join(lines)


def post(octets: int, target: bytes = b"/up") -> bytes:
    """A request with so many octets of content."""
    made = get(target, b"Content-Length: %d" % octets, method=b"POST")
    return (made + bytes(range(251)) * (octets // 251 + 1))[: len(made) + octets]


def told(ran: Ran) -> None:
    """Nothing is wrong with how it was told: no traceback, nothing garbled, no gap left open."""
    for sign in ("Traceback", "Exception ignored", "\ufffd", "a fault of httpwire", "\x1b"):
        assert sign not in ran.stderr, ran.stderr
    assert not re.search(r"\{\w*\}", ran.stderr), ran.stderr


def refused(ran: Ran, *words: str, status: int = 2) -> str:
    """That exit status, and one line that has `words`."""
    assert ran.status == status, ran.stderr
    line = failure(ran)
    assert ran.stderr == line + "\n"
    for word in words:
        assert word in line
    assert not re.search(r"(:|not) $", line), f"a gap in {line!r}"
    assert ran.stdout == b""
    return line


def saved(ran: Ran) -> dict[str, int]:
    """The files that are told as saved, with their sizes."""
    found = re.findall(r"^saved +(\S+), ([\d,]+) bytes?$", ran.stderr, re.MULTILINE)
    return {name: int(octets.replace(",", "")) for name, octets in found}


def objects(octets: bytes) -> list[dict[str, Any]]:
    """JSON lines."""
    return [json.loads(line) for line in octets.decode("ascii").splitlines()]


def index(folder: Path) -> list[dict[str, Any]]:
    return objects((folder / "index.jsonl").read_bytes())


def without_rights() -> None:
    """For root, in the new process: permissions of files and ports hold, as they do for everybody else."""
    if sys.platform == "linux":
        for capability in (1, 2, 10):  # DAC_OVERRIDE, DAC_READ_SEARCH, NET_BIND_SERVICE
            ctypes.CDLL(None).prctl(24, capability, 0, 0, 0)  # PR_CAPBSET_DROP


RIGHTS = pytest.mark.skipif(
    os.geteuid() == 0 and sys.platform != "linux", reason="root, who may do everything, can't put that off here"
)


# Wrong use.

WRONG = {
    "operand": (["file.txt"], ["file.txt"]),
    "unknown-option": (["--outptu", "x"], ["--outptu", "--output"]),
    "unknown-letter": (["-x"], ["-x"]),
    "option-of-serve": (["--truncate", "5"], ["--truncate"]),
    "option-of-send": (["--to", "127.0.0.1:1"], ["--to"]),
    "ambiguous": (["--repl", "x"], ["--reply", "--reply-status"]),
    "value-for-a-switch": (["--quiet=1"], ["--quiet", "no value"]),
    "forever-with-a-value": (["--forever=yes", "-o", "d/"], ["--forever", "no value"]),
    "missing-value": (["--listen"], ["--listen", "needs a value"]),
    "missing-value-short": (["-o"], ["-o", "needs a value"]),
    "language": (["--lang", "de"], ["--lang", "de"]),
    "count-and-forever": (["--count", "2", "--forever", "-o", "d/"], ["--forever", "--count"]),
    "several-without-a-folder": (["--count", "2"], ["-o FOLDER/"]),
    "several-into-a-file": (["--count", "2", "-o", "here.txt"], ["-o FOLDER/"]),
    "forever-without-a-folder": (["--forever"], ["-o FOLDER/"]),
    "forever-to-standard-output": (["--forever", "-o", "-"], ["-o FOLDER/"]),
    "json-and-request-to-standard-output": (["--json", "-o", "-"], ["--json", "-o -"]),
    "reply-twice": (["--reply", "here.txt", "--reply-status", "204"], ["--reply", "--reply-status"]),
    "reply-missing": (["--reply", "none.txt"], ["none.txt", "No such file"]),
    "reply-empty": (["--reply", "empty"], ["empty", "nothing to serve"]),
    "reply-a-folder": (["--reply", "folder"], ["--reply", "folder"]),
    "output-below-nothing": (["-o", "none/x"], ["none/x", "No such file"]),
    "output-below-a-file": (["-o", "here.txt/x"], ["here.txt/x"]),
    "output-folder-that-is-a-file": (["-o", "here.txt/"], ["here.txt/"]),
    "output-in-proc": (["-o", "/proc/nothing"], ["/proc/nothing"]),
    "output-folder-in-proc": (["-o", "/proc/nothing/"], ["/proc/nothing/"]),
    "key-without-cert": (["--key", "here.txt"], ["--key", "--cert"]),
    "alpn-without-tls": (["--alpn", "h2"], ["--alpn", "--tls"]),
    "alpn-that-is-no-name": (["--tls", "--alpn", "é"], ["--alpn"]),
    "cert-missing": (["--cert", "none.pem"], ["none.pem", "No such file"]),
    "cert-that-is-none": (["--cert", "here.txt"], ["here.txt"]),
    "cert-empty": (["--cert", "empty"], ["empty"]),
    "key-missing": (["--cert", "here.txt", "--key", "none.pem"], ["none.pem", "No such file"]),
}  # fmt: skip
STATUSES = ["99", "101", "199", "600", "1000", "0", "-1", "abc", "", "2e2", "+204", "２０４"]
NUMBERS = {"--count": ["", "0", "x", "-1", "1.5", "1e3", "0x10", "1,000", "+1", " 1", "１"]}
TIMES = {"--timeout": ["", "x", "-1", "nan", "inf", "1e10", "1s", "1,5", "--", "５"]}
for name in ("--max-head", "--max-connections"):
    NUMBERS[name] = ["", "0", "-1", "x"]
for name in ("--idle-timeout", "--request-timeout"):
    TIMES[name] = ["", "-1", "x"]
ADDRESSES = {
    "": "HOST:PORT",
    "localhost": "localhost:8080",
    ":8080": "0.0.0.0:8080",
    "*:8080": "0.0.0.0:8080",
    "::1:8080": "[::1]:80",
    "65536": "65535",
    "127.0.0.1:99999": "65535",
    "127.0.0.1:": "HOST:PORT",
    "-1": "-1",
    "http://a/b": "HOST:PORT",
    "user@a:1": "HOST:PORT",
    "unix:": "unix:/PATH",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a file, an empty file and a folder in it."""
    (tmp_path / "here.txt").write_bytes(ok())
    (tmp_path / "empty").touch()
    (tmp_path / "folder").mkdir()
    return tmp_path


HERE = {"here.txt", "empty", "folder"}


@pytest.mark.parametrize(("arguments", "words"), WRONG.values(), ids=WRONG.keys())
def test_one_line_says_what_is_wrong(httpwire: Command, folder: Path, arguments: list[str], words: list[str]) -> None:
    env = {"XDG_DATA_HOME": str(folder / "data")}
    refused(httpwire("record", "--listen", "127.0.0.1:0", "--timeout", "5", *arguments, env=env), *words)
    assert files(folder) - {"data"} == HERE
    assert files(folder / "folder") == set()


@pytest.mark.parametrize("status", STATUSES)
def test_a_status_that_is_none(httpwire: Command, folder: Path, status: str) -> None:
    """Whatever is wrong with it, the person learns which numbers will do."""
    ran = httpwire("record", "--listen", "127.0.0.1:0", "--timeout", "5", f"--reply-status={status}")
    refused(ran, "--reply-status", "200", "599", status)
    assert files(folder) == HERE


@pytest.mark.parametrize(("option", "number"), [(option, number) for option in NUMBERS for number in NUMBERS[option]])
def test_a_number_that_is_none(httpwire: Command, folder: Path, option: str, number: str) -> None:
    ran = httpwire("record", "--listen", "127.0.0.1:0", "--timeout", "5", "-o", "d/", f"{option}={number}")
    refused(ran, option, "whole number", number)
    assert files(folder) == HERE


@pytest.mark.parametrize(("option", "number"), [(option, number) for option in TIMES for number in TIMES[option]])
def test_a_time_that_is_none(httpwire: Command, folder: Path, option: str, number: str) -> None:
    refused(httpwire("record", "--listen", "127.0.0.1:0", f"{option}={number}"), option, "seconds", number)
    assert files(folder) == HERE


@pytest.mark.parametrize(("address", "hint"), ADDRESSES.items())
def test_an_address_that_is_none(httpwire: Command, folder: Path, address: str, hint: str) -> None:
    refused(httpwire("record", f"--listen={address}", "--timeout", "5"), "not an address to listen on", address, hint)
    assert files(folder) == HERE


@pytest.mark.parametrize("output", ["none/x", "here.txt/x", "", "/proc/nothing"])
def test_what_can_not_be_written_is_no_answer(httpwire: Command, folder: Path, output: str) -> None:
    """It is the request that goes there: a person who is told of an answer looks in the wrong place."""
    ran = httpwire("record", "--listen", "127.0.0.1:0", "--timeout", "5", "-o", output)
    line = refused(ran, output)
    assert "answer" not in line
    assert files(folder) == HERE


@pytest.mark.parametrize("name", ["/dev/stdout", "/dev/fd/1"])
def test_standard_output_has_other_names(httpwire: Command, name: str) -> None:
    """A request in the middle of the JSON lines is of use to nobody, however standard output is spelt."""
    ran = httpwire("record", "--listen", "127.0.0.1:0", "--timeout", "0.2", "--json", "-o", name)
    refused(ran, "--json", "standard output")


@pytest.mark.parametrize("spelt", ["here.txt", "./here.txt", "link"])
def test_the_reply_is_not_overwritten_by_the_request(httpwire: Command, folder: Path, spelt: str) -> None:
    (folder / "link").symlink_to("here.txt")
    ran = httpwire("record", "--listen", "127.0.0.1:0", "--timeout", "0.2", "--reply", "here.txt", "-o", spelt)
    refused(ran, spelt, "overwrite")
    assert (folder / "here.txt").read_bytes() == ok()


def test_one_request_needs_no_folder(tmp_path: Path) -> None:
    """--count 1 is what happens anyway."""
    with listening(tmp_path, "record", "--count", "1", "-o", "one.http") as server:
        server.ask(GET)
        assert server.ended().status == 0
    assert (tmp_path / "one.http").read_bytes() == GET


@pytest.mark.parametrize("option", ["--max-head", "--max-connections", "--timeout", "--idle-timeout"])
def test_huge_numbers_are_only_large(tmp_path: Path, option: str) -> None:
    number = "999999999" if "timeout" in option else "999999999999999"
    with listening(tmp_path, "record", option, number) as server:
        server.ask(GET)
        ran = server.ended()
    assert ran.status == 0
    told(ran)


# Where it can't listen.


class TestListening:
    def test_a_port_in_use_names_the_process(self, httpwire: Command, tmp_path: Path) -> None:
        with listening(tmp_path, "record") as server:
            ran = httpwire("record", "--listen", f"127.0.0.1:{server.port}")
            line = refused(ran, f"127.0.0.1:{server.port}", "in use", "--listen", status=45)
            if sys.platform == "linux":
                assert f"process {server.process.pid}" in line
            assert server.ended(signal.SIGINT).status == 130
        assert files(tmp_path) == set()

    def test_it_leaves_no_empty_folder_behind(self, httpwire: Command, tmp_path: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as other:
            ran = httpwire("record", "--forever", "-o", "new/", "--listen", f"127.0.0.1:{other.getsockname()[1]}")
        refused(ran, "in use", status=45)
        assert files(tmp_path) == set()

    @RIGHTS
    def test_a_low_port(self, tmp_path: Path) -> None:
        limit = Path("/proc/sys/net/ipv4/ip_unprivileged_port_start")
        if not limit.exists() or int(limit.read_text()) <= 80:
            pytest.skip("this machine lets everybody listen on port 80")
        process = start(tmp_path, "record", "--listen", "80", "--timeout", "5", preexec_fn=without_rights)
        refused(ended(process), "127.0.0.1:80", "1024", "--listen 127.0.0.1:8080", status=45)

    @pytest.mark.parametrize(
        ("address", "words"),
        [
            ("192.0.2.1:0", ["192.0.2.1:0", "no such address", "127.0.0.1"]),
            ("name.invalid:0", ["name.invalid"]),
            ("unix:none/a.sock", ["unix:none/a.sock", "no such folder"]),
            ("unix:here.txt", ["unix:here.txt", "no socket"]),
            ("unix:" + "a" * 200, ["too long"]),
        ],
    )
    def test_an_address_that_is_not_ours(self, httpwire: Command, folder: Path, address: str, words: list[str]) -> None:
        refused(httpwire("record", "--listen", address, "--timeout", "5"), *words, status=45)
        assert files(folder) == HERE
        assert (folder / "here.txt").read_bytes() == ok()

    @pytest.mark.parametrize(("address", "warnings"), [("0.0.0.0:0", 1), ("127.0.0.1:0", 0), ("0", 0)])
    def test_other_machines_are_warned_of(self, httpwire: Command, address: str, warnings: int) -> None:
        ran = httpwire("record", "--listen", address, "--timeout", "0.1")
        assert ran.status == 28
        assert ran.stderr.count("warning") == warnings
        assert ran.stderr.count("other machines") == warnings

    def test_localhost_is_two_addresses_on_one_port(self, httpwire: Command) -> None:
        ran = httpwire("record", "--listen", "localhost:0", "--timeout", "0.1", "--json")
        ports = {line["listening"].rpartition(":")[2] for line in objects(ran.stdout)}
        assert len(ports) == 1
        assert "127.0.0.1" in ran.stderr

    def test_a_unix_socket(self, tmp_path: Path) -> None:
        process = start(tmp_path, "record", "--listen", "unix:a.sock")
        try:
            wait_for((tmp_path / "a.sock").exists, "the socket")
            with socket.socket(socket.AF_UNIX) as client:
                wait_for(lambda: client.connect_ex(os.fspath(tmp_path / "a.sock")) == 0, "somebody who listens")
                client.sendall(GET)
                assert until_closed(client) == b""
            ran = ended(process)
        finally:
            process.kill()
        assert ran.status == 0
        assert "unix:a.sock" in ran.stderr
        assert files(tmp_path) == {"server_recv.txt"}


# One request.

WHOLE = {
    "get": GET,
    "empty-lines-before": b"\r\n\r\n" + GET,
    "line-feeds": GET.replace(b"\r\n", b"\n"),
    "http10": b"GET / HTTP/1.0\r\n\r\n",
    "octets": b"GET /\xff\x80 HTTP/1.1\r\nHost: a\r\nX: \xe3\x81\x82\r\n\r\n",
    "content": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n\x00\r\n\xff\x1a",
    "chunked": b"PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n0\r\nT: 1\r\n\r\n",
    "large": post(3_000_000),
    "without-host": b"GET / HTTP/1.1\r\n\r\n",
    "connect": b"CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n",
}


class TestOneRequest:
    @pytest.mark.parametrize("octets", WHOLE.values(), ids=WHOLE.keys())
    def test_is_kept_byte_for_byte(self, tmp_path: Path, octets: bytes) -> None:
        with listening(tmp_path, "record") as server:
            assert server.ask(octets) == b""
            ran = server.ended()
        assert ran.status == 0
        told(ran)
        assert f"server_recv.txt, {len(octets):,} bytes" in ran.stderr
        assert ran.stderr.endswith("1 request\n")
        assert ran.stdout == b""
        assert (tmp_path / "server_recv.txt").read_bytes() == octets
        assert files(tmp_path) == {"server_recv.txt"}

    def test_is_told_from_the_address_on(self, tmp_path: Path) -> None:
        with listening(tmp_path, "record") as server:
            server.ask(get(b"/a?b=c"))
            ran = server.ended()
        labels = [line.split()[0] for line in ran.stderr.splitlines() if line[:1] != " "]
        assert labels == ["listening", "request", "answer", "saved", "ended"]
        assert f"http://127.0.0.1:{server.port}/" in ran.stderr
        assert "Ctrl-C" in ran.stderr
        assert "GET /a?b=c HTTP/1.1" in ran.stderr

    def test_the_first_stays_the_first(self, tmp_path: Path) -> None:
        """What a client sends behind it, in the same breath, is not what was asked for."""
        with listening(tmp_path, "record") as server:
            server.ask(GET * 2 + get(b"/third"))
            ran = server.ended()
        assert ran.status == 0
        told(ran)
        assert (tmp_path / "server_recv.txt").read_bytes() == GET
        others = files(tmp_path) - {"server_recv.txt"}
        assert sorted((tmp_path / name).read_bytes() for name in others) == sorted([GET, get(b"/third")])
        assert all(name in ran.stderr for name in others), "kept, and told where"
        assert "1 request" in ran.stderr

    def test_nor_does_standard_output_get_more_than_one(self, tmp_path: Path) -> None:
        with listening(tmp_path, "record", "-o", "-") as server:
            server.ask(GET + get(b"/second"))
            ran = server.ended()
        assert (ran.status, ran.stdout) == (0, GET)
        told(ran)

    def test_the_first_stays_the_first_when_it_is_large(self, tmp_path: Path) -> None:
        first = post(300_000).replace(b"Connection: close\r\n", b"")
        with listening(tmp_path, "record") as server:
            server.ask(first + post(200_000, b"/second"))
            assert server.ended().status == 0
        assert (tmp_path / "server_recv.txt").read_bytes() == first

    def test_connections_that_send_nothing_do_not_count(self, tmp_path: Path) -> None:
        with listening(tmp_path, "record") as server:
            silent = [server.connect() for _ in range(3)]
            server.connect().close()
            server.ask(GET)
            ran = server.ended()
            for client in silent:
                client.close()
        assert ran.status == 0
        assert "4 connections that sent nothing" in ran.stderr
        assert (tmp_path / "server_recv.txt").read_bytes() == GET
        assert files(tmp_path) == {"server_recv.txt"}

    def test_one_that_is_cut_short_is_kept_beside_it(self, tmp_path: Path) -> None:
        with listening(tmp_path, "record") as server:
            server.ask(NOTHING, close=True)
            server.ask(b"SSH-2.0-x\r\n\r\n")
            server.ask(GET)
            ran = server.ended()
        assert ran.status == 0
        assert "incomplete" in ran.stderr
        assert "only 3 of 9 bytes of content arrived" in ran.stderr
        assert "server_recv.txt.partial, " in ran.stderr
        assert "1 request, 2 incomplete" in ran.stderr
        assert (tmp_path / "server_recv.txt").read_bytes() == GET
        assert (tmp_path / "server_recv.txt.partial").read_bytes() == NOTHING
        others = [name for name in files(tmp_path) if name not in ("server_recv.txt", "server_recv.txt.partial")]
        assert [(tmp_path / name).read_bytes() for name in others] == [b"SSH-2.0-x\r\n\r\n"]
        assert others[0] in ran.stderr

    def test_one_that_is_on_its_way_meanwhile_is_kept_too(self, tmp_path: Path) -> None:
        with listening(tmp_path, "record") as server, server.connect() as other:
            other.sendall(NOTHING)
            server.ask(get(b"/whole"))
            other.close()
            ran = server.ended()
        assert ran.status == 0
        assert (tmp_path / "server_recv.txt").read_bytes() == get(b"/whole")
        assert (tmp_path / "server_recv.txt.partial").read_bytes() == NOTHING

    def test_what_is_wrong_with_it_is_told(self, tmp_path: Path) -> None:
        with listening(tmp_path, "record") as server:
            server.ask(GET.replace(b"\r\n", b"\n"))
            ran = server.ended()
        assert "LF alone" in ran.stderr

    @pytest.mark.parametrize("octets", [b"GET / HTTP/1.1\r\n\r\n", b"GET / HTTP/1.1\r\nHost: a\r\n", NOTHING])
    def test_repairs_are_for_those_who_send(self, tmp_path: Path, octets: bytes) -> None:
        """--set, --end-head and --fix-length are no options here, and a browser's request is not ours to mend."""
        with listening(tmp_path, "record") as server:
            server.ask(octets, close=True)
            ran = server.ended(signal.SIGINT) if server.process.poll() is None else server.ended()
        assert "repair" not in ran.stderr
        assert "--end-head" not in ran.stderr

    @pytest.mark.parametrize("octets", [b"G", b"GET /", b"GET / HT", b"GET / HTTP/1.1"])
    def test_a_line_that_is_cut_is_not_told_as_something_else(self, tmp_path: Path, octets: bytes) -> None:
        """The client left in the middle of its first line: that is no HTTP/0.9, and not malformed."""
        with listening(tmp_path, "record") as server:
            server.ask(octets, close=True)
            ran = server.ended(signal.SIGINT)
        assert ran.status == 130
        assert f"after {len(octets)} bytes" in ran.stderr
        assert "HTTP/0.9" not in ran.stderr
        assert "the first line is not" not in ran.stderr

    def test_a_client_that_waits_to_continue(self, tmp_path: Path) -> None:
        head = b"POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n"
        with listening(tmp_path, "record") as server, server.connect() as client:
            client.sendall(head)
            assert client.recv(1000) == b"HTTP/1.1 100 Continue\r\n\r\n"
            client.sendall(b"abc")
            assert until_closed(client) == b""
            client.close()
            ran = server.ended()
        assert "100 Continue" in ran.stderr
        assert (tmp_path / "server_recv.txt").read_bytes() == head + b"abc"


# Where it goes.


class TestOutput:
    def test_another_file(self, tmp_path: Path) -> None:
        (tmp_path / "sub").mkdir()
        with listening(tmp_path, "record", "-o", "sub/a b.http") as server:
            server.ask(GET)
            assert server.ended().status == 0
        assert (tmp_path / "sub" / "a b.http").read_bytes() == GET
        assert files(tmp_path / "sub") == {"a b.http"}

    @pytest.mark.parametrize("name", [b"\xe6\x97\xa5.http", b"a\x1b[31m.http", b"a\nb", b"\xff.http", b"-n", b" "])
    def test_a_name_that_is_unusual(self, tmp_path: Path, name: bytes) -> None:
        with listening(tmp_path, "record", "-o", os.fsdecode(name)) as server:
            server.ask(GET)
            ran = server.ended()
        assert ran.status == 0
        told(ran)
        assert Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + name)).read_bytes() == GET

    def test_standard_output(self, tmp_path: Path) -> None:
        with listening(tmp_path, "record", "-o", "-") as server:
            server.ask(b"no request\r\n\r\n")
            with server.connect() as client:  # who does not wait for the close: the pipe holds less than this
                client.sendall(post(300_000))
                client.shutdown(socket.SHUT_WR)
                ran = server.ended()
        assert ran.status == 0
        assert ran.stdout == post(300_000)
        assert "standard output" in ran.stderr
        assert files(tmp_path) == set()

    def test_standard_output_in_silence(self, tmp_path: Path) -> None:
        port = free_port()
        process = start(tmp_path, "record", "--listen", str(port), "-q", "-o", "/dev/stdout")
        try:
            ask_soon(port, GET)
            ran = ended(process)
        finally:
            process.kill()
        assert (ran.status, ran.stdout, ran.stderr) == (0, GET, "")

    def test_what_is_not_kept_is_not_told_as_kept(self, tmp_path: Path) -> None:
        """Standard output takes whole requests alone: what came of one is gone, and no line may say otherwise."""
        with listening(tmp_path, "record", "-o", "-") as server:
            server.ask(NOTHING, close=True)
            server.until("incomplete")
            ran = server.ended(signal.SIGINT)
        assert ran.status == 130
        assert ran.stdout == b""
        assert files(tmp_path) == set()
        assert "bytes were kept" not in failure(ran)

    def test_a_pipe(self, tmp_path: Path) -> None:
        os.mkfifo(tmp_path / "pipe")
        got: list[bytes] = []
        thread = threading.Thread(target=lambda: got.append((tmp_path / "pipe").read_bytes()), daemon=True)
        thread.start()
        with listening(tmp_path, "record", "-o", "pipe") as server:
            server.ask(NOTHING, close=True)
            server.ask(GET)
            assert server.ended().status == 0
        thread.join(SECONDS)
        assert got == [GET]
        assert stat.S_ISFIFO((tmp_path / "pipe").stat().st_mode)
        assert files(tmp_path) == {"pipe"}

    def test_a_pipe_whose_reader_leaves(self, tmp_path: Path) -> None:
        os.mkfifo(tmp_path / "pipe")
        reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
        with listening(tmp_path, "record", "-o", "pipe") as server:
            os.close(reader)
            server.ask(post(300_000))
            ran = server.ended()
        assert ran.status == 23
        assert "Broken pipe" in failure(ran)

    def test_a_link_stays_and_the_file_that_it_names_is_written(self, tmp_path: Path) -> None:
        (tmp_path / "real").mkdir()
        (tmp_path / "real" / "it.http").write_bytes(b"earlier")
        (tmp_path / "link").symlink_to("real/it.http")
        with listening(tmp_path, "record", "-o", "link") as server:
            server.ask(GET)
            assert server.ended().status == 0
        assert (tmp_path / "link").is_symlink()
        assert (tmp_path / "real" / "it.http").read_bytes() == GET
        assert files(tmp_path) == {"link", "real"}
        assert files(tmp_path / "real") == {"it.http"}

    def test_a_link_to_nothing(self, tmp_path: Path) -> None:
        (tmp_path / "link").symlink_to("it.http")
        with listening(tmp_path, "record", "-o", "link") as server:
            server.ask(GET)
            assert server.ended().status == 0
        assert (tmp_path / "it.http").read_bytes() == GET
        assert (tmp_path / "link").is_symlink()

    def test_a_file_that_is_there_stays_until_a_whole_request_came(self, tmp_path: Path) -> None:
        (tmp_path / "server_recv.txt").write_bytes(b"earlier")
        (tmp_path / "server_recv.txt").chmod(0o640)
        with listening(tmp_path, "record") as server:
            server.ask(NOTHING, close=True)
            server.until("incomplete")
            assert server.ended(signal.SIGTERM).status == 130
        assert (tmp_path / "server_recv.txt").read_bytes() == b"earlier"
        assert (tmp_path / "server_recv.txt.partial").read_bytes() == NOTHING
        with listening(tmp_path, "record") as server:
            server.ask(GET)
            assert server.ended().status == 0
        assert (tmp_path / "server_recv.txt").read_bytes() == GET
        assert stat.S_IMODE((tmp_path / "server_recv.txt").stat().st_mode) == 0o640
        assert files(tmp_path) == {"server_recv.txt", "server_recv.txt.partial"}

    def test_a_folder_that_is_there_needs_no_slash(self, tmp_path: Path) -> None:
        (tmp_path / "folder").mkdir()
        with listening(tmp_path, "record", "-o", "folder") as server:
            server.ask(GET)
            ran = server.ended()
        assert ran.status == 0
        assert "folder/0001-GET.http" in ran.stderr
        assert files(tmp_path / "folder") == {"0001-GET.http", "index.jsonl"}

    @RIGHTS
    @pytest.mark.parametrize("output", ["closed/x", "closed/", "closed/new/", "closed/there.txt"])
    def test_a_folder_that_may_not_be_written(self, tmp_path: Path, output: str) -> None:
        (tmp_path / "closed").mkdir()
        (tmp_path / "closed" / "there.txt").write_bytes(b"earlier")
        (tmp_path / "closed" / "there.txt").chmod(0o444)
        (tmp_path / "closed").chmod(0o555)
        listen = ("record", "--listen", "127.0.0.1:0", "--timeout", "5")
        ran = ended(start(tmp_path, *listen, "-o", output, preexec_fn=without_rights))
        (tmp_path / "closed").chmod(0o755)
        refused(ran, output, "Permission denied")
        assert files(tmp_path / "closed") == {"there.txt"}
        assert (tmp_path / "closed" / "there.txt").read_bytes() == b"earlier"

    @RIGHTS
    def test_a_reply_that_may_not_be_read(self, folder: Path) -> None:
        (folder / "here.txt").chmod(0)
        listen = ("record", "--listen", "127.0.0.1:0", "--timeout", "5")
        ran = ended(start(folder, *listen, "--reply", "here.txt", preexec_fn=without_rights))
        refused(ran, "here.txt", "Permission denied")


# When it can't be kept.


class TestFailingToKeep:
    def test_a_file_that_may_not_grow(self, tmp_path: Path) -> None:
        """The limit stands for a full disk."""
        most = 100_000
        with listening(
            tmp_path, "record", preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
        ) as server:
            with suppress(OSError):
                server.ask(post(1_000_000))
            ran = server.ended()
        assert ran.status == 23
        line = failure(ran)
        assert "File too large" in line
        assert "server_recv.txt" not in files(tmp_path)
        sizes = {path.name: path.stat().st_size for path in tmp_path.iterdir()}
        assert saved(ran) == sizes, "told as kept"
        assert len(sizes) == 1, "what comes after the failure is no new request"
        assert f"{most:,} bytes were kept" in line
        assert "answer" not in line, "it was a request"
        assert "server_recv.txt" in line

    def test_a_folder_whose_files_may_not_grow(self, tmp_path: Path) -> None:
        """What the index says of a file is so."""
        most = 100_000
        with listening(
            tmp_path,
            "record",
            "--forever",
            "-o",
            "all/",
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (most, most)),
        ) as server:
            server.ask(GET, close=True)
            with suppress(OSError):
                server.ask(post(1_000_000))
            ran = server.ended()
        assert ran.status == 23
        assert (tmp_path / "all" / "0001-GET.http").read_bytes() == GET
        for line in index(tmp_path / "all"):
            assert line["octets"] == (tmp_path / "all" / line["file"]).stat().st_size

    @pytest.mark.parametrize("output", ["sub/", "sub/file"])
    @pytest.mark.parametrize("octets", [GET, post(300_000)], ids=["small", "large"])
    def test_a_folder_that_went_away(self, tmp_path: Path, output: str, octets: bytes) -> None:
        """Told at once, with the status that says so: nobody waits for a request that can't be kept."""
        (tmp_path / "sub").mkdir()
        with listening(tmp_path, "record", "-o", output) as server:
            shutil.rmtree(tmp_path / "sub")
            with suppress(OSError):
                server.ask(octets)
            ran = server.ended(seconds=5)
        assert ran.status == 23
        assert "No such file" in failure(ran)
        assert "sub/" in failure(ran)

    @pytest.mark.parametrize("octets", [60, 300_000], ids=["small", "large"])
    def test_two_at_once_in_one_folder_lose_nothing(self, tmp_path: Path, octets: int) -> None:
        ours, theirs = post(octets), post(octets).replace(b"Host: a", b"Host: b")
        arguments = ("record", "--count", "1", "-o", "both/")
        with listening(tmp_path, *arguments) as first, listening(tmp_path, *arguments) as second:
            first.ask(ours)
            second.ask(theirs)
            assert [first.ended().status, second.ended().status] == [0, 0]
        kept = {(tmp_path / "both" / line["file"]).read_bytes() for line in index(tmp_path / "both")}
        assert kept == {ours, theirs}

    def test_killed_it_keeps_what_it_has_told(self, tmp_path: Path) -> None:
        with listening(tmp_path, "record", "--forever", "-o", "all/") as server:
            for number in range(3):
                server.ask(get(b"/%d" % number))
            server.until("0003-GET-2")
            server.process.kill()
            server.process.wait(SECONDS)
        kept = [(tmp_path / "all" / line["file"]).read_bytes() for line in index(tmp_path / "all")]
        assert kept == [get(b"/%d" % number) for number in range(3)]


# A folder.

NAMES = {
    b"/": "GET",
    b"/index.html": "GET-index.html",
    b"/a/b/c.png?x=/../y": "GET-a-b-c.png",
    b"/?q=1": "GET",
    b"/../../etc/passwd": "GET-etc-passwd",
    b"/%2e%2e/%2e%2e/etc/passwd": "GET-2e-2e-2e-2e-etc-passwd",
    b"/..": "GET",
    b"/.": "GET",
    b"/.hidden": "GET-hidden",
    b"/-rf": "GET-rf",
    b"/a%00b": "GET-a-00b",
    b"/a\x00b": "GET-a-b",
    b"/a\x1b[31m": "GET-a-31m",
    b"/\\..\\x": "GET-x",
    b"/" + "日本語".encode(): "GET",
    b"/" + "日本語.html".encode(): "GET-html",
    b"/%E6%97%A5": "GET-E6-97-A5",
    b"http://host:80/x": "GET-http-host-80-x",
    b"//x//": "GET-x",
    b"/a;b=c'\"$(id)`|&": "GET-a-b-c-id",
    b"/" + b"a" * 5000: "GET-" + "a" * 60,
}


class TestFolder:
    @pytest.mark.parametrize(("target", "name"), NAMES.items(), ids=lambda v: str(v)[:30])
    def test_a_name_is_made_of_what_is_harmless(self, tmp_path: Path, target: bytes, name: str) -> None:
        with listening(tmp_path, "record", "-o", "sub/all/") as server:
            server.ask(get(target))
            ran = server.ended()
        assert ran.status == 0
        told(ran)
        assert files(tmp_path / "sub" / "all") == {f"0001-{name}.http", "index.jsonl"}
        assert (tmp_path / "sub" / "all" / f"0001-{name}.http").read_bytes() == get(target)
        assert files(tmp_path) == {"sub"}
        (line,) = index(tmp_path / "sub" / "all")
        assert line["file"] == f"0001-{name}.http"
        assert line["target"].encode("latin-1") == target

    @pytest.mark.parametrize("method", [b"OPTIONS", b"M-SEARCH", b"PROPFIND", b"a/../b", b"x" * 300])
    def test_so_is_that_of_a_method(self, tmp_path: Path, method: bytes) -> None:
        with listening(tmp_path, "record", "-o", "all/") as server:
            with suppress(OSError):
                server.ask(get(b"/x", method=method), close=True)
            wait_for(lambda: len(files(tmp_path / "all")) == 2, "the request")
            if server.process.poll() is None:
                server.process.send_signal(signal.SIGTERM)
            told(server.ended())
        (name,) = files(tmp_path / "all") - {"index.jsonl"}
        assert re.fullmatch(r"0001[\w.-]*\.http(\.partial)?", name)
        assert len(name) < 200
        assert (tmp_path / "all" / name).read_bytes() == get(b"/x", method=method)

    def test_one_file_a_request_in_the_order_of_arrival(self, tmp_path: Path) -> None:
        """Three of them on one connection, each with its offsets there."""
        requests = [GET, post(300_000, b"/form").replace(b"Connection: close\r\n", b""), get(b"/end")]
        with listening(tmp_path, "record", "--count", "4", "-o", "all/", "--reply-status", "200") as server:
            server.ask(get(b"/first"))
            assert server.ask(b"".join(requests)).count(b"HTTP/1.1 200 OK") == 3
            ran = server.ended()
        assert ran.status == 0
        lines = index(tmp_path / "all")
        assert [line["file"] for line in lines] == [
            "0001-GET-first.http",
            "0002-GET.http",
            "0003-POST-form.http",
            "0004-GET-end.http",
        ]
        kept = [(tmp_path / "all" / line["file"]).read_bytes() for line in lines]
        assert kept == [get(b"/first"), *requests]
        assert {name for line in lines for name in line} == KEYS
        assert [line["number"] for line in lines] == [1, 2, 3, 4]
        assert [line["connection"] for line in lines] == [1, 2, 2, 2]
        offsets = [0, len(GET), len(GET + requests[1]), len(b"".join(requests))]
        assert [(line["start"], line["stop"]) for line in lines[1:]] == list(itertools.pairwise(offsets))
        assert lines[2]["content"] == 300_000
        assert [line["octets"] for line in lines] == [len(octets) for octets in kept]
        assert all(line["head"] + line["content"] == line["octets"] for line in lines)
        assert all(line["complete"] and line["reason"] == "" for line in lines)
        assert all(re.fullmatch(r"127\.0\.0\.1:\d+", line["peer"]) for line in lines)
        assert all(abs(line["time"] - time.time()) < 100 for line in lines)
        assert [(line["method"], line["target"]) for line in lines[::2]] == [("GET", "/first"), ("POST", "/form")]

    def test_what_is_not_whole_has_its_reason(self, tmp_path: Path) -> None:
        arguments = ("--max-head", "80", "--request-timeout", "1")
        with listening(tmp_path, "record", "--forever", "-o", "all/", *arguments) as server:
            server.ask(GET[:-2], close=True)
            server.ask(b"GET /" + b"a" * 90)
            server.ask(NOTHING)
            server.ask(b"SSH-2.0-x\r\n\r\n")
            server.ask(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")
            client = server.connect()
            client.sendall(
                post(300_000)[:200_000]
            )  # so much is on disk as it comes: a reset destroys what has not come
            wait_for(lambda: 200_000 in [path.stat().st_size for path in (tmp_path / "all").iterdir()], "the octets")
            reset(client)
            server.until("saved +all/0006")
            ran = server.ended(signal.SIGINT)
        assert ran.status == 0
        lines = index(tmp_path / "all")
        assert not any(line["complete"] for line in lines)
        assert [line["reason"] for line in lines] == [
            "closed",
            "limit",
            "timed-out",
            "refused",
            "not-http",
            "failed",
        ]
        assert all(line["file"].endswith(".http.partial") for line in lines)
        assert [line["octets"] for line in lines] == [
            (tmp_path / "all" / line["file"]).stat().st_size for line in lines
        ]
        assert "6 incomplete" in ran.stderr

    def test_the_numbering_goes_on(self, tmp_path: Path) -> None:
        for number, arguments in enumerate([["-o", "all/"], ["-o", "all"], ["--count", "1", "-o", "all"]]):
            with listening(tmp_path, "record", *arguments) as server:
                server.ask(get(b"/%d" % number))
                assert server.ended().status == 0
        assert files(tmp_path / "all") == {*(f"000{n + 1}-GET-{n}.http" for n in range(3)), "index.jsonl"}
        assert [line["number"] for line in index(tmp_path / "all")] == [1, 2, 3]

    def test_other_files_with_numbers_are_no_requests(self, tmp_path: Path) -> None:
        (tmp_path / "all").mkdir()
        others = {"2024-12-31.txt", "99999 photos.zip", "9" * 250, "0007-GET.http"}
        for name in others:
            (tmp_path / "all" / name).write_bytes(b"mine")
        with listening(tmp_path, "record", "-o", "all") as server:
            server.ask(GET)
            ran = server.ended()
        assert ran.status == 0, ran.stderr
        assert files(tmp_path / "all") == {*others, "0008-GET.http", "index.jsonl"}
        assert all((tmp_path / "all" / name).read_bytes() == b"mine" for name in others)

    def test_after_9999_comes_10000(self, tmp_path: Path) -> None:
        (tmp_path / "all").mkdir()
        (tmp_path / "all" / "9999-GET.http").write_bytes(b"mine")
        with listening(tmp_path, "record", "-o", "all") as server:
            server.ask(GET)
            assert server.ended().status == 0
        assert "10000-GET.http" in files(tmp_path / "all")

    def test_what_it_tells_a_program_has_the_same_number(self, tmp_path: Path) -> None:
        (tmp_path / "all").mkdir()
        (tmp_path / "all" / "0041-GET.http").write_bytes(b"mine")
        with listening(tmp_path, "record", "--json", "--count", "2", "-o", "all") as server:
            server.ask(GET + GET)
            ran = server.ended()
        made = objects(ran.stdout)[1:]
        assert [line["number"] for line in made] == [line["number"] for line in index(tmp_path / "all")] == [42, 43]

    def test_more_than_were_asked_for(self, tmp_path: Path) -> None:
        """Five in one breath where three were wanted: three are answered, and of the others nothing untrue is told."""
        with listening(tmp_path, "record", "--count", "3", "-o", "all/", "--reply-status", "200") as server:
            assert server.ask(GET * 5).count(b"HTTP/1.1 200 OK") == 3
            ran = server.ended()
        assert ran.status == 0
        assert "404" not in ran.stderr
        assert [line["file"] for line in index(tmp_path / "all")][:3] == [f"000{n}-GET.http" for n in (1, 2, 3)]

    def test_many_at_once_are_counted_and_not_all_shown(self, tmp_path: Path) -> None:
        with listening(tmp_path, "record", "--count", "300", "-o", "all/") as server:
            server.ask(GET * 300)
            ran = server.ended()
        assert ran.status == 0
        assert "300 requests" in ran.stderr
        assert "not shown" in ran.stderr
        assert len(ran.stderr.splitlines()) < 150
        assert len(index(tmp_path / "all")) == 300


# Answers.


class TestReply:
    @pytest.mark.parametrize(
        ("status", "octets"),
        [
            ("204", b"HTTP/1.1 204 No Content\r\n\r\n"),
            ("200", b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
            ("304", b"HTTP/1.1 304 Not Modified\r\n\r\n"),
            ("404", b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"),
            ("500", b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n"),
            ("299", b"HTTP/1.1 299 \r\nContent-Length: 0\r\n\r\n"),
            ("599", b"HTTP/1.1 599 \r\nContent-Length: 0\r\n\r\n"),
        ],
    )
    def test_a_status(self, tmp_path: Path, status: str, octets: bytes) -> None:
        with listening(tmp_path, "record", "--reply-status", status) as server:
            assert server.ask(GET) == octets
            ran = server.ended()
        assert ran.status == 0
        assert f"{len(octets)} bytes" in ran.stderr
        assert (tmp_path / "server_recv.txt").read_bytes() == GET

    @pytest.mark.parametrize(
        "octets",
        [ok(), ok(bytes(3_000_000)), b"HTTP/1.1 200 OK\n\nhello", b"\x00\xff", b"HTTP/1.1 200 OK\r\nContent-Le"],
        ids=["plain", "large", "line-feeds", "no-http", "cut"],
    )
    def test_a_file_as_it_is(self, tmp_path: Path, octets: bytes) -> None:
        (tmp_path / "reply").write_bytes(octets)
        with listening(tmp_path, "record", "--reply", "reply") as server:
            assert server.ask(GET) == octets
            assert server.ended().status == 0
        assert (tmp_path / "server_recv.txt").read_bytes() == GET

    def test_a_reply_from_a_pipe(self, tmp_path: Path) -> None:
        process = start(tmp_path, "record", "--listen", str(port := free_port()), "--reply", "-", stdin=subprocess.PIPE)
        try:
            assert process.stdin
            process.stdin.write(ok(b"piped"))
            process.stdin.close()
            process.stdin = None
            assert ask_soon(port, GET) == ok(b"piped")
            assert ended(process).status == 0
        finally:
            process.kill()


def ask_soon(port: int, octets: bytes) -> bytes:
    """As Listening.ask, of a command that does not say when it listens."""
    clients: list[socket.socket] = []

    def connected() -> bool:
        with suppress(ConnectionRefusedError):
            clients.append(socket.create_connection(("127.0.0.1", port), SECONDS))
        return bool(clients)

    wait_for(connected, "somebody who listens")
    with clients[0] as client:
        client.sendall(octets)
        return until_closed(client)


# What is told.


class TestTelling:
    def test_json_begins_with_the_address(self, tmp_path: Path) -> None:
        """A script starts it on port 0, and learns the port from the first line."""
        process = start(tmp_path, "record", "--listen", "0", "-q", "--json", "--reply-status", "204")
        try:
            assert process.stdout
            first = json.loads(process.stdout.readline())
            assert first["scheme"] == "http"
            host, _, port = first["listening"].rpartition(":")
            with socket.create_connection((host, int(port)), SECONDS) as client:
                client.sendall(get(b"/a\x00\xff"))
                assert until_closed(client).startswith(b"HTTP/1.1 204")
            ran = ended(process)
        finally:
            process.kill()
        assert ran.status == 0
        assert ran.stderr == ""
        (line,) = objects(ran.stdout)
        assert set(line) == {*KEYS, "answer"}
        assert line["target"] == "/a\x00\xff"
        assert line["file"] == "server_recv.txt"
        assert line["complete"] is True
        assert line["answer"] == "--reply-status 204"

    def test_json_tells_of_incomplete_ones_as_they_come(self, tmp_path: Path) -> None:
        with listening(tmp_path, "record", "--json") as server:
            server.ask(NOTHING, close=True)
            server.until(r'"reason": "closed"', out=True)
            server.ask(GET)
            ran = server.ended()
        first, second = objects(ran.stdout)[1:]
        assert (first["complete"], first["file"], first["content"]) == (False, "server_recv.txt.partial", 3)
        assert (second["complete"], second["answer"]) == (True, None)

    def test_quiet_is_silent_until_something_fails(self, tmp_path: Path) -> None:
        with listening(tmp_path, "record", "-q", "--json") as server:
            server.ask(b"no request\r\n\r\n")
            server.ask(GET)
            ran = server.ended()
        assert (ran.status, ran.stderr) == (0, "")
        with listening(tmp_path, "record", "-q", "--json") as server:
            ran = server.ended(signal.SIGINT)
        assert ran.status == 130
        assert ran.stderr == failure(ran) + "\n"

    @pytest.mark.parametrize("option", ["-v", "--verbose"])
    def test_notes_are_told_to_those_who_want_them(self, tmp_path: Path, option: str) -> None:
        shown = []
        for more in ([], [option]):
            with listening(tmp_path, "record", *more) as server:
                server.ask(b"\r\n" + GET)
                shown.append("empty line" in server.ended().stderr)
        assert shown == [False, True]

    def test_help_is_complete(self, httpwire: Command) -> None:
        ran = httpwire("record", "--help")
        assert (ran.status, ran.stderr) == (0, "")
        text = ran.stdout.decode()
        options = ("output", "listen", "count", "forever", "reply", "reply-status", "tls", "cert", "key", "alpn")
        others = ("idle-timeout", "request-timeout", "timeout", "max-head", "max-connections", "verbose", "quiet")
        for option in (*options, *others, "json", "lang", "help"):
            assert f"--{option}" in text
        assert "server_recv.txt" in text
        assert "127.0.0.1:8080" in text
        for status in ("0", "2", "23", "28", "45", "130"):
            assert re.search(rf"\b{status}\b", text)
        assert not re.search(r" $", text, re.MULTILINE), "blanks at the end of a line"


# How it ends.


class TestEnding:
    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
    def test_before_a_request(self, tmp_path: Path, number: signal.Signals) -> None:
        with listening(tmp_path, "record") as server:
            ran = server.ended(number)
        assert ran.status == 130
        assert failure(ran) == "httpwire: interrupted; nothing was received"
        assert "0 requests" in ran.stderr
        assert files(tmp_path) == set()

    def test_in_the_middle_of_one(self, tmp_path: Path) -> None:
        octets = post(3_000_000)
        with listening(tmp_path, "record") as server, server.connect() as client:
            client.sendall(octets[:-5])
            wait_for(lambda: sum(path.stat().st_size for path in tmp_path.iterdir()) == len(octets) - 5, "the octets")
            ran = server.ended(signal.SIGTERM)
        assert ran.status == 130
        assert f"{len(octets) - 5:,} bytes were kept" in failure(ran)
        assert (tmp_path / "server_recv.txt.partial").read_bytes() == octets[:-5]
        assert files(tmp_path) == {"server_recv.txt.partial"}

    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
    def test_forever_ends_with_a_signal_and_that_is_no_failure(self, tmp_path: Path, number: signal.Signals) -> None:
        with listening(tmp_path, "record", "--forever", "-o", "all/") as server:
            server.ask(GET)
            server.until("saved")
            ran = server.ended(number)
        assert ran.status == 0
        assert ran.stderr.endswith("1 request\n")
        assert "httpwire: " not in ran.stderr

    def test_before_the_last_of_several(self, tmp_path: Path) -> None:
        with listening(tmp_path, "record", "--count", "3", "-o", "all/") as server:
            server.ask(GET)
            server.until("saved")
            ran = server.ended(signal.SIGINT)
        assert ran.status == 130
        assert f"{len(GET)} bytes were kept" in failure(ran)
        assert len(index(tmp_path / "all")) == 1

    def test_a_signal_that_is_to_be_ignored_is(self, tmp_path: Path) -> None:
        """A job in the background of a shell script: its Ctrl-C is not for it."""
        with listening(tmp_path, "record", preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN)) as server:
            server.process.send_signal(signal.SIGINT)
            server.ask(GET)
            assert server.ended().status == 0

    def test_twice(self, tmp_path: Path) -> None:
        """However fast they come, it ends without a traceback, and with a status that is no success."""
        with listening(tmp_path, "record") as server:
            server.process.send_signal(signal.SIGINT)
            server.process.send_signal(signal.SIGINT)
            ran = server.ended()
        assert ran.status == 130
        told(ran)

    def test_while_standard_output_takes_no_more(self, tmp_path: Path) -> None:
        """`httpwire record -o - | less`, and whoever reads is in no hurry: one Ctrl-C is enough."""
        with listening(tmp_path, "record", "-o", "-") as server, server.connect() as client:
            client.sendall(post(1_000_000))
            stdout = server.process.stdout
            assert stdout
            wait_for(lambda: held(stdout.fileno()) >= 65536, "a full pipe")
            server.process.send_signal(signal.SIGINT)
            with suppress(subprocess.TimeoutExpired):
                server.process.wait(3)
            assert server.process.poll() == 130

    def test_when_the_time_is_over(self, httpwire: Command, tmp_path: Path) -> None:
        ran = httpwire("record", "--listen", "0", "--timeout", "0.2")
        assert ran.status == 28
        assert failure(ran) == "httpwire: timed out after 0.2 seconds; nothing was received"
        assert files(tmp_path) == set()

    def test_when_the_time_is_over_in_the_middle_of_a_request(self, tmp_path: Path) -> None:
        with listening(tmp_path, "record", "--timeout", "0.6") as server, server.connect() as client:
            client.sendall(NOTHING)
            ran = server.ended()
        assert ran.status == 28
        assert f"{len(NOTHING)} bytes were kept" in failure(ran)
        assert (tmp_path / "server_recv.txt.partial").read_bytes() == NOTHING

    def test_when_the_time_is_over_and_it_was_to_go_on_for_ever(self, httpwire: Command, tmp_path: Path) -> None:
        ran = httpwire("record", "--listen", "0", "--forever", "-o", "all/", "--timeout", "0.2")
        assert ran.status == 0
        assert files(tmp_path) == set(), "a folder that nothing came into"

    def test_a_client_that_falls_silent(self, tmp_path: Path) -> None:
        with listening(tmp_path, "record", "--idle-timeout", "0.3") as server:
            assert server.ask(NOTHING) == b""
            server.until("incomplete")
            ran = server.ended(signal.SIGINT)
        assert "the time ran out" in ran.stderr
        assert (tmp_path / "server_recv.txt.partial").read_bytes() == NOTHING


def held(pipe: int) -> int:
    """How many octets nobody has read yet."""
    return int.from_bytes(fcntl.ioctl(pipe, termios.FIONREAD, bytes(4)), sys.byteorder)


# Streams, languages, terminals.


class TestStreams:
    @pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-", "2>/dev/full", ">/dev/full"])
    def test_that_are_closed_or_full(self, tmp_path: Path, closed: str) -> None:
        """Nobody listens, and still the request is what counts; it does not end up in a stream's number."""
        port = free_port()
        command = f"exec {shlex.quote(sys.executable)} -m httpwire record --listen {port} {closed}"
        process = subprocess.Popen(["sh", "-c", command], cwd=tmp_path, env=environ(), stderr=subprocess.PIPE)
        try:
            ask_soon(port, GET)
            ran = ended(process)
        finally:
            process.kill()
        assert ran.status == 0
        assert "Traceback" not in ran.stderr
        assert (tmp_path / "server_recv.txt").read_bytes() == GET
        assert files(tmp_path) == {"server_recv.txt"}

    @pytest.mark.parametrize("wanted", ["--json >&-", "-o - >&-", "--json >/dev/full", "-o - >/dev/full"])
    def test_standard_output_that_is_asked_for_and_not_there(self, tmp_path: Path, wanted: str) -> None:
        command = f"exec {shlex.quote(sys.executable)} -m httpwire record --listen 0 --timeout 9 {wanted}"
        process = subprocess.Popen(["sh", "-c", command], cwd=tmp_path, env=environ(), stderr=subprocess.PIPE)
        ran = ended(process, 5)
        assert ran.status in (2, 23)
        failure(ran)
        assert files(tmp_path) == set()

    def test_a_reader_of_json_that_has_seen_enough(self, tmp_path: Path) -> None:
        """`| head -1` is how a script gets the port: the server goes on."""
        with listening(tmp_path, "record", "--json", "--count", "2", "-o", "all/") as server:
            server.until("listening", out=True)
            assert server.process.stdout
            server.process.stdout.close()
            server.process.stdout = None
            server.ask(GET)
            server.ask(GET)
            ran = server.ended()
        assert ran.status == 0
        told(ran)
        assert len(index(tmp_path / "all")) == 2


ENCODINGS: list[dict[str, str]] = [
    {"LANG": "ja_JP.UTF-8"},
    {"LC_ALL": "C"},
    {"LANG": "ja_JP.UTF-8", "PYTHONIOENCODING": "ascii"},
    {"LC_ALL": "POSIX", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
]


class TestLanguages:
    @pytest.mark.parametrize("arguments", [[], ["--lang", "ja"], ["--reply-status", "204"], ["-o", "all/"], ["-v"]])
    def test_in_japanese(self, tmp_path: Path, arguments: list[str]) -> None:
        with listening(tmp_path, "record", *arguments, env=environ(LANG="ja_JP.UTF-8")) as server:
            server.ask(NOTHING, close=True)
            server.ask(b"no request\r\n\r\n")
            server.ask(get("/日本語".encode()))
            ran = server.ended()
        assert ran.status == 0
        told(ran)
        assert re.search(r"[\u3040-\u30ff\u4e00-\u9fff]", ran.stderr)
        assert str(server.port) in ran.stderr

    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
    def test_the_end_in_japanese(self, tmp_path: Path, number: signal.Signals) -> None:
        with listening(tmp_path, "record", "--lang", "ja") as server:
            ran = server.ended(number)
        assert ran.status == 130
        assert re.search(r"[\u3040-\u30ff\u4e00-\u9fff]", failure(ran))
        told(ran)

    @pytest.mark.parametrize(("arguments", "words"), WRONG.values(), ids=WRONG.keys())
    def test_what_is_wrong_in_japanese(
        self, httpwire: Command, folder: Path, arguments: list[str], words: list[str]
    ) -> None:
        env = {"LANG": "ja_JP.UTF-8", "XDG_DATA_HOME": str(folder / "data")}
        ran = httpwire("record", "--listen", "127.0.0.1:0", "--timeout", "5", *arguments, env=env)
        assert ran.status == 2
        line = failure(ran)
        told(ran)
        for word in words:
            if word.startswith("--") or "." in word:
                assert word in line

    @pytest.mark.parametrize("variables", ENCODINGS, ids=lambda v: ",".join(f"{k}={x}" for k, x in v.items()))
    @pytest.mark.parametrize("language", ["en", "ja"])
    def test_no_encoding_stops_a_line(self, tmp_path: Path, variables: dict[str, str], language: str) -> None:
        env = {**environ(), **variables}
        with listening(tmp_path, "record", "--lang", language, "-o", "日本語.http", "--json", env=env) as server:
            server.ask(GET)
            ran = server.ended()
        assert ran.status == 0
        assert "Traceback" not in ran.stderr
        assert (tmp_path / "日本語.http").read_bytes() == GET
        assert objects(ran.stdout)[1]["file"].encode("utf-8", "surrogateescape") == "日本語.http".encode()


def on_terminal(
    folder: Path, *arguments: str, columns: int = 80, octets: bytes = b"", env: dict[str, str] | None = None
) -> str:
    """What the command shows on a terminal so wide, where both its streams are. `octets` are sent once it listens;
    with none of them it ends by itself."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    usual = {k: v for k, v in environ(TERM="xterm").items() if k != "NO_COLOR"}
    process = start(folder, *arguments, env={**usual, **(env or {})}, stdout=theirs, stderr=theirs)
    os.close(theirs)
    shown = b""
    sent = not octets
    deadline = time.monotonic() + SECONDS
    try:
        while select.select([ours], [], [], max(0, deadline - time.monotonic()))[0]:
            shown += os.read(ours, 65536)
            found = re.search(rb"http://127\.0\.0\.1:(\d+)/", shown)
            if found and not sent:
                sent = True
                with socket.create_connection(("127.0.0.1", int(found[1])), SECONDS) as client:
                    client.sendall(octets)
                    until_closed(client)
    except OSError:
        pass  # how Linux tells that the other side was closed
    finally:
        os.close(ours)
        try:
            process.wait(SECONDS)
        finally:
            process.kill()
    return shown.decode().replace("\r\n", "\n")


class TestTerminal:
    @pytest.mark.parametrize("verb", ["record", "serve"])
    @pytest.mark.parametrize("columns", [40, 60, 80, 120])
    def test_help_fits(self, tmp_path: Path, verb: str, columns: int) -> None:
        """All but the line that shows the usage, which is for copying."""
        shown = on_terminal(tmp_path, verb, "--help", columns=columns).splitlines()[1:]
        assert len(shown) > 20
        assert [line for line in shown if len(line) > columns] == []

    def test_labels_stand_in_one_column_and_the_serious_ones_have_a_colour(self, tmp_path: Path) -> None:
        octets = b"GET / HTTP/1.1\r\n\r\n"
        shown = on_terminal(tmp_path, "record", "--listen", "127.0.0.1:0", octets=octets)
        assert "\x1b[31merror" in shown
        plain = re.sub(r"\x1b\[\d+m", "", shown)
        assert "\x1b" not in plain
        starts = {len(match[0]) for match in re.finditer(r"^\w+ +(?=\S)", plain, re.MULTILINE)}
        assert len(starts) == 1
        assert all(line[: starts.copy().pop()].endswith(" ") for line in plain.splitlines())

    @pytest.mark.parametrize("variables", [{"NO_COLOR": "1"}, {"TERM": "dumb"}])
    def test_colours_are_not_for_everybody(self, tmp_path: Path, variables: dict[str, str]) -> None:
        octets = b"GET / HTTP/1.1\r\n\r\n"
        shown = on_terminal(tmp_path, "record", "--listen", "127.0.0.1:0", octets=octets, env=variables)
        assert "error" in shown
        assert "\x1b" not in shown

    def test_a_request_can_not_command_it(self, tmp_path: Path) -> None:
        octets = b"GET /\x1b[2J\x07 HTTP/1.1\r\nHost: \x1b]0;x\x07\r\n\r\n"
        shown = on_terminal(tmp_path, "record", "--listen", "127.0.0.1:0", octets=octets)
        assert "\x1b[2J" not in shown
        assert "\x07" not in shown
        assert "\\x1b[2J" in shown


# TLS.


class TestTls:
    @pytest.fixture
    def authority(self, tmp_path: Path) -> trustme.CA:
        """Another authority's certificate and key in cert.pem and key.pem."""
        made = trustme.CA()
        leaf = made.issue_cert("localhost", "127.0.0.1")
        leaf.cert_chain_pems[0].write_to_path(tmp_path / "cert.pem")
        leaf.private_key_pem.write_to_path(tmp_path / "key.pem")
        leaf.private_key_and_cert_chain_pem.write_to_path(tmp_path / "both.pem")
        return made

    def ask(self, port: int, context: ssl.SSLContext) -> str | None:
        """Sends a request; gives the protocol that was agreed on."""
        context.set_alpn_protocols(["h2", "http/1.1"])
        plain = socket.create_connection(("127.0.0.1", port), SECONDS)
        with context.wrap_socket(plain, server_hostname="localhost", suppress_ragged_eofs=False) as client:
            client.sendall(GET)
            assert client.recv(100) == b""
            return client.selected_alpn_protocol()

    @pytest.mark.parametrize("arguments", [("--cert", "cert.pem", "--key", "key.pem"), ("--cert", "both.pem")])
    def test_with_a_certificate_of_ones_own(
        self, tmp_path: Path, authority: trustme.CA, arguments: tuple[str, ...]
    ) -> None:
        context = ssl.create_default_context()
        authority.configure_trust(context)
        with listening(tmp_path, "record", "--json", *arguments) as server:
            assert self.ask(server.port, context) == "http/1.1"
            ran = server.ended()
        assert ran.status == 0
        assert f"https://127.0.0.1:{server.port}/" in ran.stderr
        assert "http/1.1" in ran.stderr
        first, line = objects(ran.stdout)
        assert first["scheme"] == "https"
        assert line["server_name"] == "localhost"
        assert (tmp_path / "server_recv.txt").read_bytes() == GET

    def test_with_an_authority_made_once(self, tmp_path: Path) -> None:
        env = environ(XDG_DATA_HOME=str(tmp_path / "data"))
        shown = []
        for arguments in ([], ["--alpn", ""]):
            with listening(tmp_path, "record", "--tls", *arguments, env=env) as server:
                found = server.until(r"authority +(\S+\.pem)")
                context = ssl.create_default_context(cafile=found[1])
                assert self.ask(server.port, context) == (None if arguments else "http/1.1")
                shown.append(server.ended().stderr)
        assert "made now" in shown[0]
        assert "--cacert" in shown[0]
        assert "made now" not in shown[1]
        assert "none" in shown[1]

    @pytest.mark.usefixtures("authority")
    @pytest.mark.parametrize("arguments", [("--cert", "key.pem"), ("--cert", "cert.pem", "--key", "other.pem")])
    def test_that_does_not_fit_together(self, httpwire: Command, tmp_path: Path, arguments: tuple[str, ...]) -> None:
        trustme.CA().issue_cert("localhost").private_key_pem.write_to_path(tmp_path / "other.pem")
        line = refused(httpwire("record", "--listen", "0", "--timeout", "5", *arguments), arguments[-1])
        assert "server_recv.txt" not in files(tmp_path)
        assert "PEM lib" not in line, "OpenSSL's own words help nobody"

    @pytest.mark.usefixtures("authority")
    def test_plain_http_to_a_tls_port_is_told(self, tmp_path: Path) -> None:
        with listening(tmp_path, "record", "--cert", "both.pem") as server:
            with suppress(OSError):
                server.ask(GET)
            server.until("needs https")
            ran = server.ended(signal.SIGINT)
        assert ran.status == 130
        told(ran)
