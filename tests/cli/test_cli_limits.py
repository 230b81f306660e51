"""Answers without end, and answers that are merely large: memory stays small, and it ends by itself."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

import pytest
from command import environ, failure, request

from conftest import Ran, read_head
from loopback import Serve

MIB = 1 << 20


#: Runs what it is given and prints the status and the peak of its memory. A process of its own, and a small one: what
#: Linux tells of a child begins with the memory of the process that started it.
_MEASURE = """
import resource, subprocess, sys
try:
    status = subprocess.run(sys.argv[2:], timeout=float(sys.argv[1]), stdout=subprocess.DEVNULL).returncode
except subprocess.TimeoutExpired:
    status = "never"
print(status, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024)
"""


def measured(folder: Path, *arguments: str, seconds: float = 30) -> tuple[Ran, int]:
    """The command, and the most memory (octets) that its process ever held."""
    done = subprocess.run(
        [sys.executable, "-S", "-c", _MEASURE, str(seconds), sys.executable, "-m", "httpwire", *arguments],
        cwd=folder,
        env=environ(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=True,
    )
    status, memory = done.stdout.split()
    assert status != "never", f"it did not end within {seconds} seconds: {done.stderr}"
    return Ran(int(status), b"", done.stderr), int(memory)


class Endless:
    """Sends a beginning, and then the same block for as long as the client takes it."""

    def __init__(self, beginning: bytes, again: bytes, most: int = 400 * MIB) -> None:
        self.beginning = beginning
        self.block = again * max(1, MIB // len(again))
        self.most = most
        self.sent = 0

    def __call__(self, connection: socket.socket) -> None:
        read_head(connection)
        connection.sendall(self.beginning)
        while self.sent < self.most:
            connection.sendall(self.block)
            self.sent += len(self.block)


@pytest.mark.parametrize(
    ("beginning", "again", "told"),
    [
        (b"HTTP/1.1 200 OK\r\n", b"A: b\r\n", "head is over"),
        (b"HTTP/1.1 200 OK\r\nA: ", b"a", "head is over"),
        (b"HTTP/1.1 200 ", b"a", "head is over"),
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n", "interim"),
        (b"", b"HTTP/1.1 103 Early Hints\r\nA: " + b"b" * 5000 + b"\r\n\r\n", "interim"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;", b"a", "chunk's size and extensions are over"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"0", "chunk's size and extensions are over"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", b"A: b\r\n", "trailers are over"),
        (b"", b"\r\n", ""),
    ],
    ids=["fields", "one-field", "reason", "100", "103-large", "extension", "chunk-size", "trailers", "empty-lines"],
)
def test_what_never_ends_is_given_up(tmp_path: Path, serve: Serve, beginning: bytes, again: bytes, told: str) -> None:
    """64 MiB past the limit it is enough: the part is kept, and the exit status says that the end can't be known."""
    request(tmp_path)
    server = Endless(beginning, again)
    ran, memory = measured(tmp_path, "send", "--to", serve(server).to, seconds=20)
    assert ran.status == 8, ran.stderr
    assert told in ran.stderr
    assert "client_recv.txt.partial" in failure(ran)
    assert server.sent < server.most, "it was read to the end"
    kept = tmp_path / "client_recv.txt.partial"
    assert 64 * MIB < kept.stat().st_size < 80 * MIB
    assert memory < 48 * MIB
    kept.unlink()


@pytest.mark.parametrize(
    "head",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (300 * MIB),
        b"HTTP/1.1 200 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: +1\r\n\r\n",
    ],
    ids=["length", "until-close", "chunked", "undecidable"],
)
def test_a_large_answer_takes_little_memory(tmp_path: Path, serve: Serve, head: bytes) -> None:
    chunked = b"chunked" in head
    block = b"100000\r\n" + bytes(MIB) + b"\r\n" if chunked else bytes(MIB)

    def script(connection: socket.socket) -> None:
        read_head(connection)
        connection.sendall(head)
        for _ in range(300):
            connection.sendall(block)
        if chunked:
            connection.sendall(b"0\r\n\r\n")

    request(tmp_path)
    ran, memory = measured(tmp_path, "send", "--to", serve(script).to)
    assert ran.status == (8 if b"+1" in head else 0), ran.stderr
    assert memory < 40 * MIB
    kept = tmp_path / ("client_recv.txt.partial" if b"+1" in head else "client_recv.txt")
    assert kept.stat().st_size == len(head) + 300 * len(block) + 5 * chunked
    kept.unlink()


def test_a_large_request_takes_little_memory(tmp_path: Path, serve: Serve) -> None:
    def script(connection: socket.socket) -> None:
        got = 0
        while got < octets:
            got += len(connection.recv(MIB))
        connection.sendall(b"HTTP/1.1 204 No Content\r\n\r\n")

    with open(tmp_path / "client_send.txt", "wb") as file:
        octets = file.write(b"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % (300 * MIB)) + 300 * MIB
        file.truncate(octets)
    ran, memory = measured(tmp_path, "send", "--to", serve(script).to)
    assert ran.status == 0, ran.stderr
    assert memory < 40 * MIB


def test_tiny_chunks_take_little_memory_and_time(tmp_path: Path, serve: Serve) -> None:
    def script(connection: socket.socket) -> None:
        read_head(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        for _ in range(8):
            connection.sendall(b"1\r\na\r\n" * 300_000)
        connection.sendall(b"0\r\n\r\n")

    request(tmp_path)
    ran, memory = measured(tmp_path, "send", "--to", serve(script).to)
    assert ran.status == 0, ran.stderr
    assert "2,400,000 chunks" in ran.stderr
    assert memory < 40 * MIB
