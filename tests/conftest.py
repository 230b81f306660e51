"""What all tests share: the command as a process, scripted servers on loopback, and the rule on missing peers."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import settings

#: Tests run beside each other: how long one example took says nothing. What has to be fast has a test with a clock.
settings.register_profile("beside", deadline=None)
settings.load_profile("beside")

_NOBODY = 65534
_ADMIN = os.pathsep.join(("/usr/sbin", "/sbin", "/usr/local/sbin"))


def pytest_runtest_setup(item: pytest.Item) -> None:
    """A test that needs a program skips where it is missing; in CI that is a failure, never a skip."""
    for mark in item.iter_markers("peer"):
        name = mark.args[0]
        if shutil.which(name, path=os.environ.get("PATH", "") + os.pathsep + _ADMIN):
            continue
        if os.environ.get("CI") == "true":
            pytest.fail(f"{name} is not installed, and CI skips nothing")
        pytest.skip(f"needs {name}")


@dataclass
class Ran:
    """How a command ended."""

    status: int
    stdout: bytes
    stderr: str


@pytest.fixture
def httpwire(tmp_path: Path) -> Callable[..., Ran]:
    """Runs the command in a folder of its own, in English unless told otherwise."""

    def run(*arguments: str | Path, stdin: bytes = b"", env: dict[str, str] | None = None, timeout: float = 60) -> Ran:
        environ = {k: v for k, v in os.environ.items() if not k.startswith(("LC_", "LANG", "HTTPWIRE"))}
        done = subprocess.run(
            [sys.executable, "-m", "httpwire", *map(str, arguments)],
            input=stdin,
            capture_output=True,
            cwd=tmp_path,
            env={**environ, "LANG": "C.UTF-8", **(env or {})},
            timeout=timeout,
            check=False,
        )
        return Ran(done.returncode, done.stdout, done.stderr.decode())

    return run


@pytest.fixture
def ordinary() -> Iterator[Path]:
    """A folder of an ordinary user's, who this process is as long as the test runs: to root nothing is forbidden."""
    folder = Path(tempfile.mkdtemp())
    root = os.geteuid() == 0
    if root:
        os.chown(folder, _NOBODY, -1)
        os.seteuid(_NOBODY)
    try:
        yield folder
    finally:
        if root:
            os.seteuid(0)
        shutil.rmtree(folder)


Script = Callable[[socket.socket], None]


@dataclass
class Server:
    """A scripted server: `port` to connect to, and what each connection did to it."""

    port: int
    received: list[bytes] = field(default_factory=list)
    failures: list[BaseException] = field(default_factory=list)

    @property
    def to(self) -> str:
        return f"127.0.0.1:{self.port}"


@pytest.fixture
def serve() -> Iterator[Callable[..., Server]]:
    """Starts a server on a free loopback port that runs `script` on each connection, in a thread."""
    listeners: list[socket.socket] = []
    threads: list[threading.Thread] = []
    servers: list[Server] = []

    def start(script: Script) -> Server:
        listener = socket.create_server(("127.0.0.1", 0))
        listeners.append(listener)
        server = Server(listener.getsockname()[1])
        servers.append(server)

        def one(connection: socket.socket) -> None:
            with connection:
                connection.settimeout(20)
                try:
                    script(connection)
                except OSError:
                    pass  # the client left: that is its right, and what it did is what the test looks at
                except BaseException as error:  # noqa: BLE001  # a script's failure is raised by the test that ran it
                    server.failures.append(error)

        def accept() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                thread = threading.Thread(target=one, args=(connection,), daemon=True)
                thread.start()
                threads.append(thread)

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        return server

    yield start
    for listener in listeners:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
    for thread in threads:
        thread.join(20)
    for server in servers:
        if server.failures:
            raise server.failures[0]


def read_head(connection: socket.socket) -> bytes:
    """The octets of a request up to its blank line, and whatever came in the same reads."""
    octets = b""
    while b"\r\n\r\n" not in octets:
        data = connection.recv(65536)
        if not data:
            break
        octets += data
    return octets
