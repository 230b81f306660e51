"""The independent raw reader: a proxy that forwards octets between a client and a server and logs both directions.

It knows nothing of HTTP and nothing of httpwire: what it logged is what was on the wire.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field


@dataclass
class Wire:
    """One connection: the octets that went each way, logged before they were forwarded."""

    sent: bytearray = field(default_factory=bytearray)
    received: bytearray = field(default_factory=bytearray)


class Tap:
    """Forwards each connection that `listener` takes to `upstream`, and logs it in `wires`."""

    def __init__(self, listener: socket.socket, upstream: tuple[str, int]) -> None:
        self.wires: list[Wire] = []
        self._listener = listener
        self._upstream = upstream
        self._sockets: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self._start(self._accept)

    @property
    def to(self) -> str:
        host, port = self._listener.getsockname()[:2]
        return f"{host}:{port}"

    @property
    def sent(self) -> bytes:
        """All that clients sent, connection after connection."""
        return b"".join(wire.sent for wire in self.wires)

    @property
    def received(self) -> bytes:
        """All that the server sent."""
        return b"".join(wire.received for wire in self.wires)

    def close(self) -> None:
        for sock in (self._listener, *self._sockets):
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(10)
        for sock in (self._listener, *self._sockets):
            sock.close()

    def _start(self, work: object, *arguments: object) -> None:
        assert callable(work)
        thread = threading.Thread(target=work, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            server = socket.create_connection(self._upstream)
            self._sockets += [client, server]
            wire = Wire()
            self.wires.append(wire)
            self._start(_forward, client, server, wire.sent)
            self._start(_forward, server, client, wire.received)


def _forward(source: socket.socket, sink: socket.socket, log: bytearray) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            log += data
            sink.sendall(data)
    with suppress(OSError):
        sink.shutdown(socket.SHUT_WR)


@contextmanager
def tap_on(listener: socket.socket, port: int) -> Iterator[Tap]:
    """A Tap on `listener` that forwards to `port` of 127.0.0.1."""
    tap = Tap(listener, ("127.0.0.1", port))
    try:
        yield tap
    finally:
        tap.close()
