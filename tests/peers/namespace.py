"""Private namespaces: a network of one's own, where port 80 is free, without being root."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import pytest

from peers.tap import Tap, tap_on

_INSIDE = Path(__file__).with_name("inside.py")


@cache
def unshare(*kinds: str) -> list[str]:
    """The command that enters new namespaces of these kinds ("net", "mount"). Skips where that is not permitted."""
    user = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
    command = ["unshare", *user, *(f"--{kind}" for kind in kinds)]
    try:
        tried = subprocess.run([*command, "true"], capture_output=True, timeout=10, check=False)
    except FileNotFoundError:
        pytest.skip("no private namespaces: unshare is not installed")
    if tried.returncode:
        pytest.skip(f"no private namespaces: {tried.stderr.decode().strip()}")
    return command


def in_network(descriptor: int, *command: str | Path) -> list[str]:
    """`command` as it runs in a network of its own; see inside.py for `descriptor`."""
    return [*unshare("net"), sys.executable, str(_INSIDE), str(descriptor), *map(str, command)]


@contextmanager
def port_80_tapped(port: int, cwd: Path, *command: str | Path) -> Iterator[tuple[subprocess.Popen[bytes], Tap]]:
    """`command` running in `cwd` in a network where 127.0.0.1:80 is a tap before `port` of the real 127.0.0.1.

    A listening socket belongs to the network that it was made in, whoever holds it: it is made inside, and held here.
    """
    ours, theirs = socket.socketpair()
    with ours:
        with theirs:
            process = subprocess.Popen(
                in_network(theirs.fileno(), *command),
                cwd=cwd,
                pass_fds=[theirs.fileno()],
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env={**os.environ, "LANG": "C.UTF-8", "PYTHONUTF8": "1"},
            )
        try:
            ours.settimeout(20)
            _, descriptors, _, _ = socket.recv_fds(ours, 16, 1)
            assert descriptors, process.communicate(timeout=20)
            with tap_on(socket.socket(fileno=descriptors[0]), port) as tap:
                ours.send(b"!")
                yield process, tap
        finally:
            process.kill()
            process.communicate()
