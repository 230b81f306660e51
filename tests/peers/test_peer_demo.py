"""`httpwire demo`, end to end: the files are there, and nothing of its server is left."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from importlib.resources import files
from pathlib import Path

import pytest

from conftest import Ran
from httpwire.net.apache import find_apache
from peers.reading import read_answers
from peers.site import PAGE, is_open, open_folder, until

SAMPLE = files("httpwire").joinpath("samples", "chrome-get.http").read_bytes()


@pytest.fixture
def temporary() -> Iterator[Path]:
    """A folder for temporary files, which the demo's Apache can reach, and by which its processes are known."""
    with open_folder() as folder:
        yield folder
        for process in processes_of(folder):  # a test that finds some has failed; they are not left behind
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)


def processes_of(folder: Path) -> dict[int, str]:
    """The running processes whose command line names `folder`, by their ids."""
    found = {}
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue  # it has ended
        if str(folder) in line:
            found[int(path.parent.name)] = line
    return found


@pytest.mark.parametrize("server", [pytest.param("apache", marks=pytest.mark.peer("apache2")), "builtin", "auto"])
def test_the_demo(server: str, httpwire: Callable[..., Ran], temporary: Path, tmp_path: Path) -> None:
    ran = httpwire("demo", "kept/here", "--server", server, env={"TMPDIR": str(temporary)}, timeout=40)

    assert ran.status == 0, ran
    folder = tmp_path / "kept" / "here"
    assert sorted(path.name for path in folder.iterdir()) == [
        "client_recv.txt",
        "client_send.txt",
        "server_recv.txt",
        "server_send.txt",
    ]
    assert (folder / "client_send.txt").read_bytes() == SAMPLE
    [(status, fields, content)] = read_answers((folder / "client_recv.txt").read_bytes(), "GET")
    assert (status, content) == (200, PAGE)
    expected = "Apache" if server == "apache" or (server == "auto" and find_apache()) else "httpwire-demo"
    assert fields["server"].startswith(expected)
    # The exchange is shown: the request line, and the status line of the answer.
    shown = ran.stdout.decode()
    assert "GET / HTTP/1.1" in shown
    assert "HTTP/1.1 200 OK" in shown
    # The server is gone.
    told = re.search(r"127\.0\.0\.1:(\d+)", ran.stderr)
    assert told, ran.stderr
    assert not is_open(int(told[1]))
    assert until(lambda: not processes_of(temporary), 5), processes_of(temporary)
    assert list(temporary.iterdir()) == []


def test_it_is_quiet_when_asked(httpwire: Callable[..., Ran], tmp_path: Path) -> None:
    ran = httpwire("demo", "-q", "--server", "builtin", timeout=40)

    assert (ran.status, ran.stdout, ran.stderr) == (0, b"", "")
    assert (tmp_path / "httpwire-demo" / "client_recv.txt").exists()


def test_a_second_demo_replaces_the_first(httpwire: Callable[..., Ran], tmp_path: Path) -> None:
    httpwire("demo", "--server", "builtin", timeout=40)
    (tmp_path / "httpwire-demo" / "client_send.txt").write_bytes(b"edited")

    again = httpwire("demo", "--server", "builtin", timeout=40)

    assert again.status == 0, again
    assert (tmp_path / "httpwire-demo" / "client_send.txt").read_bytes() == SAMPLE


def test_the_folder_can_not_be_made(httpwire: Callable[..., Ran], temporary: Path, tmp_path: Path) -> None:
    (tmp_path / "taken").write_bytes(b"a file")

    ran = httpwire("demo", "taken", "--server", "builtin", env={"TMPDIR": str(temporary)}, timeout=40)

    assert ran.status == 2, ran
    assert "taken" in ran.stderr
    assert "Traceback" not in ran.stderr
    assert (tmp_path / "taken").read_bytes() == b"a file"


@pytest.mark.peer("apache2")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP], ids=lambda number: number.name)
def test_it_stops_its_apache_when_it_is_stopped(number: signal.Signals, temporary: Path, tmp_path: Path) -> None:
    """A signal comes while Apache starts: neither its processes nor its folder are left."""
    command = [sys.executable, "-m", "httpwire", "demo", str(tmp_path / "kept"), "--server", "apache"]
    demo = subprocess.Popen(
        command,
        env={**os.environ, "TMPDIR": str(temporary)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    try:
        assert until(lambda: any("httpd.conf" in line for line in processes_of(temporary).values()), 20, every=0.001)
        demo.send_signal(number)
        _, told = demo.communicate(timeout=30)
    finally:
        demo.kill()
        demo.communicate()

    assert until(lambda: not processes_of(temporary), 3), processes_of(temporary)
    assert list(temporary.iterdir()) == []
    assert b"Traceback" not in told
