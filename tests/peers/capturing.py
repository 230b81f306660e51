"""Packets as tcpdump takes them, and the streams that tshark puts together of them."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def captured(port: int, path: Path, interface: str = "lo") -> Iterator[None]:
    """Packets from and to `port` on an interface are written to `path`, each at once. Skips without the right to."""
    drop = ["-Z", "root"] if os.geteuid() == 0 else []
    command = ["tcpdump", "-i", interface, "--immediate-mode", "-U", "-s", "0", "-B", "8192", *drop, "-w", str(path)]
    command += ["tcp", "port", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    assert process.stderr
    try:
        said = process.stderr.readline()
        while said and b"listening on" not in said:
            if b"permission" in said.lower() or b"not permitted" in said.lower():
                pytest.skip(f"no right to capture packets: {said.decode().strip()}")
            said += process.stderr.readline()
            if process.poll() is not None:
                pytest.skip(f"tcpdump can't capture: {said.decode().strip()}")
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=10)


def followed(capture: Path, kind: str = "tcp", *options: str, stream: int = 0) -> tuple[bytes, bytes]:
    """The octets of a stream in `capture`, as tshark puts them together: from the client, from the server."""
    done = subprocess.run(
        ["tshark", "-r", str(capture), "-q", *options, "-z", f"follow,{kind},raw,{stream}"],
        capture_output=True,
        timeout=30,
        check=False,
    )
    lines = done.stdout.decode().splitlines()
    start = next((number for number, line in enumerate(lines) if line.startswith("Node 1:")), len(lines)) + 1
    sent, received = b"", b""
    for line in lines[start:]:
        if line.startswith("="):
            break
        if line.startswith("\t"):
            received += bytes.fromhex(line.strip())
        else:
            sent += bytes.fromhex(line)
    return sent, received


def settle(capture: Path, seconds: float = 0.4) -> None:
    """Wait until tcpdump has written all that it has seen: nothing was added for a while."""
    size, since = -1, time.monotonic()
    while time.monotonic() - since < seconds:
        if capture.stat().st_size != size:
            size, since = capture.stat().st_size, time.monotonic()
        time.sleep(0.05)
