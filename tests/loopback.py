"""Scripts for servers on loopback, and what these tests say often."""

from __future__ import annotations

import socket
import struct
from collections.abc import Callable

from conftest import Script, Server, read_head

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
Serve = Callable[[Script], Server]


def answer(octets: bytes, *, stay: bool = False) -> Script:
    """Reads a head, sends `octets` and closes; with `stay` it leaves that to the client."""

    def script(connection: socket.socket) -> None:
        read_head(connection)
        connection.sendall(octets)
        if stay:
            until_closed(connection)

    return script


def until_closed(connection: socket.socket) -> bytes:
    """All that comes until the client closes."""
    octets = bytearray()
    while data := connection.recv(1 << 20):
        octets += data
    return bytes(octets)


def reset(connection: socket.socket) -> None:
    """Close with RST, not with FIN."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def ok(content: bytes = b"hello", *fields: bytes) -> bytes:
    """A plain answer with Content-Length."""
    lines = [b"HTTP/1.1 200 OK", *fields, b"Content-Length: %d" % len(content), b"", b""]
    return b"\r\n".join(lines) + content


def free_port() -> int:
    """A port where nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port
