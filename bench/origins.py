"""Servers for the benchmarks: one thread each on loopback, as fast as a socket allows."""

from __future__ import annotations

import os
import socket
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

SMALL = (
    b"HTTP/1.1 200 OK\r\nDate: Sun, 22 Nov 2026 00:00:00 GMT\r\nServer: bench\r\nContent-Type: text/html\r\n"
    b"Content-Length: 45\r\n\r\n<html><body><h1>It works!</h1></body></html>\n"
)


@contextmanager
def serving(answer: Callable[[socket.socket], None]) -> Iterator[int]:
    """Serve `answer` to each connection once it has sent a blank line; gives the port."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=128)

    def one(connection: socket.socket) -> None:
        with connection:
            octets = b""
            while b"\r\n\r\n" not in octets:
                data = connection.recv(65536)
                if not data:
                    return
                octets += data
            try:
                answer(connection)
                while connection.recv(65536):
                    pass  # until the client leaves
            except OSError:
                return

    def accept() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=one, args=(connection,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()


def small(connection: socket.socket) -> None:
    """A small answer on a connection that stays open."""
    connection.sendall(SMALL)


def large(octets: int) -> Callable[[socket.socket], None]:
    """An answer with `octets` of content, sent from a file's pages without copying."""
    size = 64 << 20
    with tempfile.TemporaryFile() as source:
        source.write(os.urandom(1 << 20) * (size >> 20))
        source.flush()
        kept = os.dup(source.fileno())

    def answer(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % octets)
        left = octets
        while left:
            offset = 0
            while left and offset < size:
                sent = os.sendfile(connection.fileno(), kept, offset, min(left, size - offset))
                offset += sent
                left -= sent

    return answer


def repeated(head: bytes, unit: bytes, count: int, tail: bytes) -> Callable[[socket.socket], None]:
    """`head`, then `count` times `unit`, then `tail`."""
    batch = max(1, (1 << 20) // len(unit))

    def answer(connection: socket.socket) -> None:
        connection.sendall(head)
        whole, rest = divmod(count, batch)
        block = unit * batch
        for _ in range(whole):
            connection.sendall(block)
        connection.sendall(unit * rest + tail)

    return answer
