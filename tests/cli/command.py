"""The command as a process that runs beside the test, and scripts for the servers it talks to."""

from __future__ import annotations

import json
import os
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from conftest import Ran, Script, Server, read_head

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
Command = Callable[..., Ran]
Serve = Callable[[Script], Server]


def environ(**more: str) -> dict[str, str]:
    """The environment of the process without what chooses a language, and with `more`."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("LC_", "LANG", "HTTPWIRE"))}
    return {**kept, "LANG": "C.UTF-8", **more}


def start(folder: Path, *arguments: str | Path, **settings: Any) -> subprocess.Popen[bytes]:
    """Starts the command in `folder` and does not wait for it."""
    settings.setdefault("env", environ())
    settings.setdefault("stdin", subprocess.DEVNULL)
    settings.setdefault("stdout", subprocess.PIPE)
    settings.setdefault("stderr", subprocess.PIPE)
    return subprocess.Popen([sys.executable, "-m", "httpwire", *map(str, arguments)], cwd=folder, **settings)


def ended(process: subprocess.Popen[bytes], seconds: float = 30) -> Ran:
    """How the process ended; killed where it does not."""
    try:
        out, err = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        raise
    return Ran(process.returncode, out or b"", (err or b"").decode())


def wait_for(condition: Callable[[], object], what: str, seconds: float = 30) -> None:
    """Returns once `condition` holds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"waited in vain for {what}"
        time.sleep(0.005)


def arrived(folder: Path, octets: int, name: str = "client_recv.txt") -> Callable[[], bool]:
    """Whether so many octets of the answer are on disk, under whatever name."""
    return lambda: any(path.stat().st_size >= octets for path in folder.glob(f"{name}*") if path.is_file())


def request(folder: Path, octets: bytes = GET, name: str = "client_send.txt") -> Path:
    """A recorded request in `folder`."""
    path = folder / name
    path.write_bytes(octets)
    return path


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


def report(ran: Ran) -> dict[str, Any]:
    """The one JSON object on standard output."""
    lines = ran.stdout.decode("ascii").splitlines()
    assert len(lines) == 1
    made = json.loads(lines[0])
    assert isinstance(made, dict)
    assert made["exit_status"] == ran.status
    return made


def failure(ran: Ran) -> str:
    """The line that says what failed: the last one on standard error, and the only one of its kind."""
    assert "Traceback" not in ran.stderr
    assert "Exception ignored" not in ran.stderr
    lines = [line for line in ran.stderr.splitlines() if line.startswith("httpwire: ")]
    assert len(lines) == 1, ran.stderr
    assert ran.stderr.endswith(lines[0] + "\n")
    return lines[0]


def files(folder: Path) -> set[str]:
    """The names in `folder`."""
    return {path.name for path in folder.iterdir()}
