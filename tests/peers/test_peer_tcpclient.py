"""study/tcpclient.py, the document's own program, run as the document runs it: in its folder, against port 80.

Port 80 of this machine may be taken, or not ours: the program runs in a network namespace of its own, where port 80
is a tap before the real server. Where namespaces are not permitted, the class alone is tried, its address redirected.
"""

from __future__ import annotations

import importlib.util
import os
import runpy
import shutil
import subprocess
import sys
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

import httpwire
from httpwire.capture.model import Ending, EventKind
from peers.namespace import in_network, port_80_tapped
from peers.reading import read_answers
from peers.site import INCLUDED, PAGE, PHOTO, Site
from peers.tap import Tap

PROGRAM = Path(__file__).parents[2] / "study" / "tcpclient.py"
CHROME = files("httpwire").joinpath("samples", "chrome-get.http").read_bytes()
LOG = [
    "=== クライアントを起動します ===",
    "=== サーバーと接続します ===",
    "=== サーバーとの接続が完了しました ===",
    "=== クライアントを停止します。 ===",
]
REQUESTS = {
    "Chrome's request": (CHROME, PAGE),
    "an answer of 100,000 bytes": (b"GET /photo.bin HTTP/1.1\r\nHost: localhost\r\n\r\n", PHOTO),
    "an answer in chunks": (b"GET /included.shtml HTTP/1.1\r\nHost: localhost\r\n\r\n", INCLUDED),
    "an answer ended by the close": (b"GET /included.shtml HTTP/1.0\r\nHost: localhost\r\n\r\n", INCLUDED),
    "HEAD": (b"HEAD / HTTP/1.1\r\nHost: localhost\r\n\r\n", b""),
}
request_and_content = pytest.mark.parametrize(("sent", "content"), REQUESTS.values(), ids=REQUESTS.keys())


@pytest.fixture
def study(tmp_path: Path) -> Path:
    """The reader's folder: the program, and nothing else yet."""
    folder = tmp_path / "study"
    folder.mkdir()
    shutil.copy(PROGRAM, folder)
    return folder


@request_and_content
def test_the_document_s_experiment(sent: bytes, content: bytes, site: Site, study: Path) -> None:
    (study / "client_send.txt").write_bytes(sent)

    with port_80_tapped(site.port, study, sys.executable, "tcpclient.py") as (process, tap):
        stdout, stderr = process.communicate(timeout=20)

        assert (process.returncode, stderr) == (0, b"")
        assert stdout.decode().splitlines() == LOG
        assert tap.sent == sent
        kept = (study / "client_recv.txt").read_bytes()
        assert kept == tap.received
        [(status, _, read)] = read_answers(kept, sent.partition(b" ")[0].decode())
        assert (status, read) == (200, content)
    assert sorted(path.name for path in study.iterdir()) == ["client_recv.txt", "client_send.txt", "tcpclient.py"]


def test_httpwire_send_does_the_same_without_any_argument(site: Site, study: Path) -> None:
    """Its defaults are the document's: client_send.txt, 127.0.0.1:80, client_recv.txt."""
    (study / "client_send.txt").write_bytes(CHROME)

    with port_80_tapped(site.port, study, sys.executable, "-m", "httpwire", "send") as (process, tap):
        _, stderr = process.communicate(timeout=20)

        assert process.returncode == 0, stderr
        assert tap.sent == CHROME
        assert (study / "client_recv.txt").read_bytes() == tap.received
    assert read_answers((study / "client_recv.txt").read_bytes(), "GET")[0][2] == PAGE


def test_nobody_listens(study: Path) -> None:
    """The last line is printed also then, and the program says by its exit status that it failed."""
    (study / "client_send.txt").write_bytes(CHROME)
    (study / "client_recv.txt").write_bytes(b"an earlier answer")

    ran = subprocess.run(
        in_network(-1, sys.executable, "tcpclient.py"),
        cwd=study,
        capture_output=True,
        env={**os.environ, "PYTHONUTF8": "1"},
        timeout=20,
        check=False,
    )

    assert ran.returncode != 0
    assert ran.stdout.decode().splitlines() == [LOG[0], LOG[1], LOG[3]]
    assert b"127.0.0.1:80" in ran.stderr
    assert b"Traceback" not in ran.stderr
    assert (study / "client_recv.txt").read_bytes() == b"an earlier answer"


def test_client_send_txt_is_missing(site: Site, study: Path) -> None:
    with port_80_tapped(site.port, study, sys.executable, "tcpclient.py") as (process, tap):
        stdout, stderr = process.communicate(timeout=20)

        assert process.returncode != 0
        assert tap.sent == b""
    lines = stdout.decode().splitlines()
    assert lines[0] == LOG[0]
    assert lines[-1] == LOG[3]
    assert lines == [line for line in LOG if line in lines]
    assert b"client_send.txt" in stderr
    assert b"Traceback" not in stderr
    assert not (study / "client_recv.txt").exists()


# Without a namespace: the class, its address redirected to the real server's port.


@pytest.fixture
def redirect(study: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], list[Any]]:
    """Makes 127.0.0.1:80 mean another address for the program, which then runs in this process; gives its transfers."""
    monkeypatch.chdir(study)

    def to(address: str) -> list[Any]:
        transfers: list[Any] = []
        real = httpwire.open_transfer

        def redirected(request: str, *, to: str, **options: Any) -> httpwire.Transfer:
            assert to == "127.0.0.1:80"
            transfers.append(real(request, to=address, **options))
            return transfers[-1]  # type: ignore[no-any-return]

        monkeypatch.setattr(httpwire, "open_transfer", redirected, raising=False)
        return transfers

    return to


@pytest.fixture
def client() -> Any:
    """A TCPClient of the program."""
    spec = importlib.util.spec_from_file_location("tcpclient", PROGRAM)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.TCPClient()


@request_and_content
def test_the_class_redirected(
    sent: bytes,
    content: bytes,
    site: Site,
    study: Path,
    redirect: Callable[[str], list[Any]],
    client: Any,
    tapped: Callable[[Site], Tap],
    capsys: pytest.CaptureFixture[str],
) -> None:
    tap = tapped(site)
    redirect(tap.to)
    (study / "client_send.txt").write_bytes(sent)

    client.request()

    assert capsys.readouterr().out.splitlines() == LOG
    assert tap.sent == sent
    kept = (study / "client_recv.txt").read_bytes()
    assert kept == tap.received
    assert read_answers(kept, sent.partition(b" ")[0].decode())[0][2] == content


def test_the_class_redirected_to_where_nobody_listens(
    study: Path,
    redirect: Callable[[str], list[Any]],
    client: Any,
    dead_port: int,
    capsys: pytest.CaptureFixture[str],
) -> None:
    transfers = redirect(f"127.0.0.1:{dead_port}")
    (study / "client_send.txt").write_bytes(CHROME)

    with pytest.raises(httpwire.HttpwireError):
        client.request()

    assert capsys.readouterr().out.splitlines() == [LOG[0], LOG[1], LOG[3]]
    assert transfers[0].connection.ended is Ending("not-connected")


def test_the_program_redirected_to_where_nobody_listens(
    study: Path, redirect: Callable[[str], list[Any]], dead_port: int, capsys: pytest.CaptureFixture[str]
) -> None:
    redirect(f"127.0.0.1:{dead_port}")
    (study / "client_send.txt").write_bytes(CHROME)

    with pytest.raises(SystemExit) as ended:
        runpy.run_path(str(study / "tcpclient.py"), run_name="__main__")

    assert ended.value.code not in (0, None)
    assert capsys.readouterr().out.splitlines() == [LOG[0], LOG[1], LOG[3]]


def test_the_connection_is_closed_when_the_answer_can_not_be_written(
    site: Site,
    study: Path,
    redirect: Callable[[str], list[Any]],
    client: Any,
    tapped: Callable[[Site], Tap],
    capsys: pytest.CaptureFixture[str],
) -> None:
    transfers = redirect(tapped(site).to)
    (study / "client_send.txt").write_bytes(CHROME)
    (study / "client_recv.txt").mkdir()

    with pytest.raises(httpwire.HttpwireError):
        client.request()

    assert capsys.readouterr().out.splitlines() == LOG
    assert EventKind.END in transfers[0].connection.times
