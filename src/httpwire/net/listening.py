"""Where a server listens: an address as a person writes it, and sockets bound to it.

In: `HOST:PORT`, `[::1]:PORT`, `PORT`, `unix:/path.sock`. Out: a Listening, and listening
sockets, one for each address of the host, all on one port. An address that can't be had is
told in one sentence: with the process that has it, where that can be known. No file is ever
removed but a Unix socket's on which nobody accepts.
"""

from __future__ import annotations

import errno
import os
import re
import socket
import stat
import sys
import time
from contextlib import suppress

from httpwire.errors import ListenFailed, UsageError
from httpwire.language import N_
from httpwire.net.transport import text_of
from httpwire.wire.record import Record, at

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

_ADDRESS = r"(?:\[([^\[\]/?#@\s]*:[^\[\]/?#@\s]*)\]|([^\[\]:@/?#\s*]+)):([0-9]+)"
_LOOPBACK = "127.0.0.1"
_BACKLOG = 4096  # the system takes what it allows
_SPARE = 100  # descriptors beside those of connections
_ATTEMPTS = 16  # for a port that is free on every address of a name
_SEARCH = 0.5  # seconds to look for the process that has a port
_LISTENS = "0A"  # a socket's state in /proc/net
_MISSING = (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL)
_UNIX = getattr(socket, "AF_UNIX", None)


class Listening(Record):
    """`host` and `port` to listen on (port 0: any free one), or `path` of a Unix socket."""

    __slots__ = ()
    FIELDS = ("host", "port", "path")
    host: str = at(0)
    port: int = at(1)
    path: str = at(2)

    def __new__(cls, host: str = "", port: int = 0, path: str = "") -> Listening:
        return tuple.__new__(cls, (host, port, path))

    def __str__(self) -> str:
        if self.path:
            return f"unix:{self.path}"
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def parse_listen(text: str) -> Listening:
    """The Listening that `text` names; the address of a URL will do, since that is a likely slip. Raises UsageError."""
    path = text.removeprefix("unix:")
    if path != text and path and "\0" not in path:
        return Listening(path=path)
    address = re.sub(r"\A(?i:https?)://([^/]+)/?\Z", r"\1", text)
    match = re.fullmatch(_ADDRESS, f"{_LOOPBACK}:{text}" if text.isdecimal() else address)
    if match and len(match[3]) <= 5 and int(match[3]) < 65536:
        return Listening(match[1] or match[2], int(match[3]))
    facts: dict[str, object] = {"address": text or "''"}
    everywhere = re.fullmatch(r"\*?:([0-9]{1,5})", address)
    if match:
        hint = N_("a port is a number from 0 to 65535; 0 takes a free one")
    elif everywhere:  # elsewhere this means all addresses, which nobody should get unawares
        hint = N_("write {port} for this machine alone, 0.0.0.0:{port} or [::]:{port} for all its addresses")
        facts["port"] = everywhere[1]
    elif address.count(":") > 1 and "[" not in address and "/" not in address:
        hint = N_("write an IPv6 address in brackets: [::1]:80")
    elif re.fullmatch(_ADDRESS, f"{address}:0"):
        hint = N_("add a port: {host}:8080")
        facts["host"] = address
    else:
        hint = N_("write PORT, HOST:PORT, [IPv6]:PORT or unix:/PATH")
    raise UsageError(N_("not an address to listen on: {address}"), hint=hint, **facts)


def listen(where: Listening) -> list[socket.socket]:
    """Sockets that listen there and never block, to be closed with `close`. Raises ListenFailed."""
    if where.path:
        return [_bound_unix(where.path)]
    addresses = _addresses(where)
    attempts = 1 if where.port else _ATTEMPTS
    while True:
        attempts -= 1
        try:
            return _on_one_port(addresses, where.port)
        except ListenFailed as failure:
            if not attempts or failure.facts["errno"] != errno.EADDRINUSE:
                raise


def close(sockets: Iterable[socket.socket]) -> None:
    """Close what `listen` opened; a Unix socket's file is removed, unless somebody else accepts on it by now."""
    for sock in sockets:
        path = sock.getsockname() if sock.family == _UNIX and sock.fileno() >= 0 else ""
        sock.close()
        if path:
            with suppress(OSError, ListenFailed):
                _clear(path)


def address_of(sock: socket.socket) -> str:
    """Where a socket listens, as a person writes it."""
    return text_of(sock.family, sock.getsockname())


def is_local(sockets: Iterable[socket.socket]) -> bool:
    """Whether only this machine can connect to them."""
    hosts = [sock.getsockname()[0] for sock in sockets if sock.family != _UNIX]
    return all(host == "::1" or host.startswith("127.") for host in hosts)


def allow_descriptors(connections: int, *, each: int = 1) -> int:
    """Let this process open as many descriptors as so many connections need, `each` of them so many, where the system
    permits it. Gives for how many connections there is room."""
    try:
        import resource
    except ImportError:
        return connections
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = connections * each + _SPARE
    if hard != resource.RLIM_INFINITY:
        wanted = min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with suppress(OSError, ValueError):  # macOS tells no limit and has one; fewer connections will do
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
            soft = wanted
    if soft == resource.RLIM_INFINITY:
        return connections
    return max(1, min(connections, (soft - min(_SPARE, soft // 2)) // each))


def _addresses(where: Listening) -> list[tuple[int, Any]]:
    """The families and addresses of the host. A look-up takes as long as the system lets it: nobody is served yet."""
    if where.host.lower() == "localhost":
        # RFC 6761 6.3: both, whatever the machine's hosts file says; a browser that is told localhost tries both.
        return [(socket.AF_INET, (_LOOPBACK, where.port)), (socket.AF_INET6, ("::1", where.port))]
    try:
        # As bytes, a plain name does not load the codec for international ones.
        host = where.host.encode("ascii") if where.host.isascii() else where.host
        found = socket.getaddrinfo(host, where.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError) as error:
        why = getattr(error, "strerror", None) or N_("Name or service not known")
        hint = N_("127.0.0.1 is this machine alone, 0.0.0.0 is all its addresses")
        raise ListenFailed(hint=hint, address=where, why=why) from error
    return list(dict.fromkeys((family, address) for family, _, _, _, address in found))


def _on_one_port(addresses: list[tuple[int, Any]], port: int) -> list[socket.socket]:
    """A socket on each address that this machine has, of which one will do. Raises ListenFailed."""
    sockets: list[socket.socket] = []
    missing: ListenFailed | None = None
    try:
        for family, address in addresses:
            try:
                sockets.append(_bound(family, (address[0], port, *address[2:])))
                port = sockets[0].getsockname()[1]
            except ListenFailed as failure:
                if failure.facts["errno"] not in _MISSING:
                    raise
                missing = missing or failure  # most often IPv6, where that is switched off
        if missing and not sockets:
            raise missing
    except BaseException:
        close(sockets)
        raise
    return sockets


def _bound(family: int, address: tuple[Any, ...]) -> socket.socket:
    sock = None
    try:
        sock = socket.socket(family, socket.SOCK_STREAM)
        if os.name == "posix":  # elsewhere it would let two programs have one port
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.bind(address)
        sock.listen(_BACKLOG)
        sock.settimeout(0)
    except OSError as error:
        if sock:
            sock.close()
        raise _refused(family, address, error) from error
    return sock


def _refused(family: int, address: tuple[Any, ...], error: OSError) -> ListenFailed:
    template, why, hint = "", error.strerror or str(error), ""
    facts: dict[str, object] = {"address": text_of(family, address), "errno": error.errno}
    if error.errno == errno.EADDRINUSE:
        why, hint = N_("the port is in use"), N_("choose another with --listen HOST:PORT; port 0 takes a free one")
        if program := _program(process := _holder(family, address)):
            template = N_("can't listen on {address}: the port is in use by {program} (process {process})")
            facts.update(program=program, process=process)
    elif error.errno in (errno.EACCES, errno.EPERM) and address[1] < 1024:
        why, hint = N_("ports below 1024 need root"), N_("choose a higher port: --listen {other}")
        facts["other"] = text_of(family, (address[0], 8080))
    elif error.errno == errno.EADDRNOTAVAIL:
        why = N_("this machine has no such address")
    elif error.errno == errno.EAFNOSUPPORT and family == socket.AF_INET6:
        why = N_("this machine has no IPv6")
    if error.errno in _MISSING:
        hint = N_("127.0.0.1 is this machine alone, 0.0.0.0 is all its addresses")
    return ListenFailed(template, hint=hint, why=why, **facts)


def _bound_unix(path: str) -> socket.socket:
    if _UNIX is None:
        raise ListenFailed(address=f"unix:{path}", why=N_("this system has no Unix sockets"))
    sock = socket.socket(_UNIX, socket.SOCK_STREAM)
    try:
        try:
            sock.bind(path)
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
            _clear(path)
            sock.bind(path)
        sock.listen(_BACKLOG)
        sock.settimeout(0)
    except ListenFailed:
        sock.close()
        raise
    except OSError as error:
        sock.close()
        why, hint = error.strerror or str(error), ""
        if error.errno is None:  # found by Python, before the system was asked
            why, hint = N_("the path is too long for a Unix socket"), N_("it may have about 100 bytes")
        elif error.errno == errno.ENOENT:
            why, hint = N_("there is no such folder"), N_("make the folder first")
        elif error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            hint = N_("choose a folder that you may write to")
        raise ListenFailed(hint=hint, address=f"unix:{path}", why=why) from error
    return sock


def _clear(path: str) -> None:
    """Remove the Unix socket at `path` that a killed server left behind. Raises ListenFailed for all else, OSError."""
    address, another = f"unix:{path}", N_("choose another path: --listen unix:/PATH")
    with suppress(FileNotFoundError), socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        if not stat.S_ISSOCK(os.lstat(path).st_mode):
            raise ListenFailed(hint=another, address=address, why=N_("there is a file that is no socket"))
        probe.settimeout(0)
        code = probe.connect_ex(path)
        if code == errno.ECONNREFUSED:
            os.unlink(path)
        elif code in (errno.EACCES, errno.EPERM):
            raise OSError(code, os.strerror(code))
        elif code != errno.ENOENT:
            process = 0
            if not code and hasattr(socket, "SO_PEERCRED"):  # Linux: who listens, as its process, user and group
                told = probe.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
                process = int.from_bytes(told[:4], sys.byteorder)
            if program := _program(process):
                template = N_("can't listen on {address}: the socket is in use by {program} (process {process})")
                raise ListenFailed(template, hint=another, address=address, program=program, process=process)
            raise ListenFailed(hint=another, address=address, why=N_("the socket is in use"))


def _program(process: int) -> str:
    """What a process runs; empty where the system does not tell."""
    with suppress(OSError), open(f"/proc/{process}/comm", encoding="utf-8", errors="replace") as file:
        return file.read().strip()
    return ""


def _holder(family: int, address: tuple[Any, ...]) -> int:
    """The process that listens where we can't, or 0: Linux alone tells it, only to those who may look, and we don't
    look long."""
    until = time.monotonic() + _SEARCH
    with suppress(OSError):
        inode = _inode(family, address)
        with os.scandir("/proc") as entries:
            processes = sorted(int(entry.name) for entry in entries if inode and entry.name.isdecimal())
        for process in processes:  # a server comes before its workers
            with suppress(OSError), os.scandir(f"/proc/{process}/fd") as entries:
                for entry in entries:
                    if time.monotonic() > until:
                        return 0
                    with suppress(OSError):  # it may be gone by now
                        if os.readlink(entry.path) == f"socket:[{inode}]":
                            return process
    return 0


def _inode(family: int, address: tuple[Any, ...]) -> str:
    """The inode of the listening socket that is in the way of one at `address`, or an empty string."""
    host, port = address[:2]
    # An IPv6 socket can take the port of IPv4 as well. Linux prints 32-bit numbers in the machine's own byte order.
    tables = ("tcp", "tcp6") if family == socket.AF_INET else ("tcp6",)
    octets = socket.inet_pton(socket.AF_INET6, f"::ffff:{host}" if family == socket.AF_INET else host)
    told = "".join(f"{int.from_bytes(octets[i : i + 4], sys.byteorder):08X}" for i in range(0, 16, 4))
    clashing = (told, told[-8:], "0" * 8, "0" * 32)
    for table in tables:
        with suppress(OSError), open(f"/proc/net/{table}", encoding="utf-8") as lines:
            next(lines, "")
            for columns in map(str.split, lines):  # proc(5): number, local address, remote address, state, ..., inode
                if columns[3] != _LISTENS:
                    break  # they come first
                held, _, number = columns[1].partition(":")
                if number == f"{port:04X}" and (held in clashing or host in ("0.0.0.0", "::")):
                    return columns[9]
    return ""
