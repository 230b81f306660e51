"""Sockets: waiting, resolving, connecting, and one connected stream of octets.

In: a Target and a Waiter, which holds every deadline and the wish to stop. Out: a
Transport with non-blocking recv and send. Nothing here waits without a limit, and
nothing knows HTTP. Each attempt to connect is told as a WireEvent.
"""

from __future__ import annotations

import errno
import os
import selectors
import socket
import struct
import sys
import time

from httpwire.capture.model import Connection, EventKind, WireEvent
from httpwire.errors import ConnectFailed, Interrupted, NameNotResolved, TimedOut
from httpwire.language import N_

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from httpwire.capture.model import TlsFacts
    from httpwire.net.target import Target

READ, WRITE = selectors.EVENT_READ, selectors.EVENT_WRITE
_LONGEST = 2_000_000.0  # seconds; the system's own waiting can't count much further, and 0 asks for no limit
_STAGGER = 0.25  # seconds before the next address is tried beside the last: RFC 8305 5
_TRIED_AT_ONCE = 8
# How much may wait in the system's buffer before a socket counts as writable: what is called sent is then nearly so.
_NOT_SENT_LOW_WATER = getattr(socket, "TCP_NOTSENT_LOWAT", None)
_NOT_SENT = 256 << 10
_QUEUE_FULL = 0.05  # seconds before a full Unix listener is asked again
_RESET = struct.pack("ii", 1, 0)  # SO_LINGER: on, no time
_PROGRESS = (errno.EINPROGRESS, errno.EALREADY)


class Waiter:
    """Waits for sockets. `stop` is a file descriptor: once it is readable, waiting raises Interrupted."""

    def __init__(self, connection: Connection, stop: int | None) -> None:
        self._connection = connection
        self._selector = selectors.DefaultSelector()
        self._stop = stop
        if stop is not None:
            self._selector.register(stop, READ)

    def watch(self, sock: Any, events: int) -> None:
        """Wait for `events` of `sock` from now on; 0 for none."""
        known = sock in self._selector.get_map()
        if events and known:
            self._selector.modify(sock, events)
        elif events:
            self._selector.register(sock, events)
        elif known:
            self._selector.unregister(sock)

    def wait(self, seconds: float) -> dict[Any, int]:
        """What is ready, within `seconds`: sockets and their events; empty when nothing was."""
        patience = None if seconds > _LONGEST else max(0.0, seconds)
        ready = {key.fileobj: events for key, events in self._selector.select(patience)}
        if self._stop is not None and self._stop in ready:
            raise Interrupted(connection=self._connection)
        return ready

    def close(self) -> None:
        self._selector.close()


class Transport:
    """A connected TCP or Unix socket. `recv` gives None and `send` 0 when they would have to wait."""

    truncated = False  # TLS alone can tell
    holds_more = False  # whether there may be more to read than the socket tells
    plain = False  # TLS was expected, and plain octets came
    name = ""  # the server name that TLS was asked for
    facts: TlsFacts | None = None  # what an accepted handshake agreed on
    takes_files = hasattr(os, "sendfile")  # whether `send_file` can be used
    recv_needs, send_needs = READ, WRITE  # what to wait for; TLS may need the other

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock

    def recv(self, count: int) -> bytes | None:
        try:
            return self.sock.recv(count)
        except (BlockingIOError, InterruptedError):
            return None

    def send(self, data: memoryview) -> int:
        try:
            return self.sock.send(data)
        except (BlockingIOError, InterruptedError):
            return 0

    def send_file(self, descriptor: int, offset: int, count: int) -> int:
        """Send octets of an open file, without reading them."""
        try:
            return os.sendfile(self.sock.fileno(), descriptor, offset, count)
        except (BlockingIOError, InterruptedError):
            return 0

    @property
    def unsent(self) -> int:
        """How many octets the peer's system has not acknowledged; 0 where that can't be known."""
        try:
            import fcntl
            import termios

            told = fcntl.ioctl(self.sock.fileno(), termios.TIOCOUTQ, bytes(4))
        except (ImportError, OSError):
            return 0
        return int.from_bytes(told, sys.byteorder)

    def finish(self) -> None:
        """Close our direction. Raises OSError."""
        self.sock.shutdown(socket.SHUT_WR)

    def reset(self) -> None:
        """Close with RST, which says that this is no orderly end."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        self.sock.close()

    def close(self) -> None:
        self.sock.close()


def connect(target: Target, waiter: Waiter, connection: Connection, seconds: float) -> socket.socket:
    """A connected socket, within `seconds`. Every address of the name is tried, the next one beside
    the last after a quarter of a second (RFC 8305). Raises NameNotResolved, ConnectFailed, TimedOut."""
    deadline = time.monotonic() + seconds
    if target.path:
        if not hasattr(socket, "AF_UNIX"):
            raise ConnectFailed(connection=connection, target=target, why=N_("this system has no Unix sockets"))
        addresses: list[tuple[Any, ...]] = [(socket.AF_UNIX, socket.SOCK_STREAM, 0, "", target.path)]
    else:
        addresses = _resolve(target, waiter, connection, deadline, seconds)
    every = list(addresses)
    pending: list[tuple[socket.socket, str]] = []
    why = ""
    try:
        while addresses or pending:
            if addresses and len(pending) < _TRIED_AT_ONCE:
                code = _begin(addresses.pop(0), waiter, connection, pending)
                if code == errno.EAGAIN and target.path:
                    addresses = list(every)  # a Unix listener whose queue is full: it can only be asked again
                    waiter.wait(min(_QUEUE_FULL, max(0.0, deadline - time.monotonic())))
                    if time.monotonic() < deadline:
                        continue
                elif code:
                    why = os.strerror(code)
                    continue
            patience = deadline - time.monotonic()
            if patience <= 0:
                raise TimedOut(
                    N_("no connection to {target} within {seconds} seconds"),
                    hint=N_("check the address; --connect-timeout gives it longer"),
                    connection=connection,
                    target=target,
                    seconds=_number(seconds),
                )
            ready = waiter.wait(min(patience, _STAGGER) if addresses else patience)
            for attempt in [attempt for attempt in pending if attempt[0] in ready]:
                sock, address = attempt
                code = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
                waiter.watch(sock, 0)
                pending.remove(attempt)
                if not code:
                    connection.peer = address
                    connection.local = text_of(sock.family, sock.getsockname())
                    connection.append(WireEvent(time.monotonic_ns(), None, EventKind.CONNECTED, os.fsencode(address)))
                    return sock
                sock.close()
                why = _tell_refused(connection, address, os.strerror(code))
    finally:
        for sock, _ in pending:
            waiter.watch(sock, 0)
            sock.close()
    raise ConnectFailed(connection=connection, target=target, why=why)


def _begin(
    address: tuple[Any, ...], waiter: Waiter, connection: Connection, pending: list[tuple[socket.socket, str]]
) -> int:
    """Begin to connect to one address of getaddrinfo's; gives the error number of a failure, or 0."""
    family, kind, protocol, _, where = address
    text = text_of(family, where)
    connection.append(WireEvent(time.monotonic_ns(), None, EventKind.TRY, os.fsencode(text)))
    sock = None
    try:
        sock = socket.socket(family, kind, protocol)
        sock.settimeout(0)
        if family in (socket.AF_INET, socket.AF_INET6):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if _NOT_SENT_LOW_WATER is not None:
                sock.setsockopt(socket.IPPROTO_TCP, _NOT_SENT_LOW_WATER, _NOT_SENT)
        code = sock.connect_ex(where)
    except OSError as error:  # no such family here, a path that is too long, no descriptor left
        code = error.errno or errno.EINVAL
    if sock and (not code or code in _PROGRESS):
        waiter.watch(sock, WRITE)
        pending.append((sock, text))
        return 0
    if sock:
        sock.close()
    _tell_refused(connection, text, os.strerror(code))
    return code


def _tell_refused(connection: Connection, address: str, why: str) -> str:
    data = os.fsencode(f"{address}: {why}")
    connection.append(WireEvent(time.monotonic_ns(), None, EventKind.REFUSED, data))
    return why


def _resolve(
    target: Target, waiter: Waiter, connection: Connection, deadline: float, seconds: float
) -> list[tuple[Any, ...]]:
    """The addresses of the target's host. A look-up can't be given a limit, so that of a name runs beside us."""
    # As bytes, a plain name does not load the codec for international ones.
    host = target.host.encode("ascii") if target.host.isascii() else target.host
    try:
        return socket.getaddrinfo(
            host, target.port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV
        )
    except (socket.gaierror, UnicodeError):
        pass  # not an address but a name
    import threading

    outcome: list[list[tuple[Any, ...]] | Exception] = []
    ours, theirs = socket.socketpair()

    def look_up() -> None:
        try:
            outcome.append(socket.getaddrinfo(host, target.port, type=socket.SOCK_STREAM))
        except (OSError, UnicodeError) as error:
            outcome.append(error)
        finally:
            theirs.close()

    threading.Thread(target=look_up, daemon=True).start()
    with ours:
        waiter.watch(ours, READ)
        ready = waiter.wait(deadline - time.monotonic())
        waiter.watch(ours, 0)
    if not ready:
        raise TimedOut(
            N_("the name {host} was not resolved within {seconds} seconds"),
            hint=N_("check the network; --connect-timeout gives it longer"),
            connection=connection,
            host=target.host,
            seconds=_number(seconds),
        )
    found = outcome[0]
    if isinstance(found, Exception):
        why = getattr(found, "strerror", None) or str(found)
        raise NameNotResolved(connection=connection, host=target.host, why=why) from found
    return found


def text_of(family: int, where: Any) -> str:
    """A socket's address as a person writes it."""
    if not isinstance(where, tuple):
        return f"unix:{os.fsdecode(where)}" if where else "unix:"
    host, port = where[:2]
    return f"[{host}]:{port}" if family == socket.AF_INET6 else f"{host}:{port}"


def _number(seconds: float) -> str:
    return f"{seconds:g}"
