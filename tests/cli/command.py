"""The command as a process that runs beside the test."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from conftest import Ran
from loopback import GET

Command = Callable[..., Ran]


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


def printed_on_terminal(folder: Path, *arguments: str, columns: int = 80, **variables: str) -> bytes:
    """All that the command writes to a standard output that is a terminal of so many columns."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    command = [sys.executable, "-m", "httpwire", *arguments]
    env = {**environ(TERM="xterm"), **variables}
    process = subprocess.Popen(command, cwd=folder, env=env, stdin=subprocess.DEVNULL, stdout=theirs)
    os.close(theirs)
    text = b""
    try:
        while data := os.read(ours, 65536):
            text += data
    except OSError:  # Linux: all of it was read, and the other end is closed
        pass
    os.close(ours)
    assert process.wait(30) in (0, 1)
    return text
