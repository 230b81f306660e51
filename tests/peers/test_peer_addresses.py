"""Where to connect: a Unix socket, IPv6, and names that have several addresses."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from conftest import Ran
from peers.namespace import unshare
from peers.reading import read_answers, report_of
from peers.site import PAGE, Site, nginx_site
from peers.tap import tap_on

GET = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"


@pytest.mark.peer("nginx")
def test_a_unix_socket(nginx_server: Site, httpwire: Callable[..., Ran], tmp_path: Path) -> None:
    (tmp_path / "client_send.txt").write_bytes(GET)
    path = nginx_server.folder / "nginx.sock"

    ran = httpwire("send", "--to", f"unix:{path}", "--json", timeout=20)

    assert ran.status == 0, ran
    assert report_of(ran.stdout)["connection"]["peer"] == f"unix:{path}"
    [(status, _, content)] = read_answers((tmp_path / "client_recv.txt").read_bytes(), "GET")
    assert (status, content) == (200, PAGE)


def test_a_unix_socket_where_nobody_listens(
    httpwire: Callable[..., Ran], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "client_send.txt").write_bytes(GET)
    monkeypatch.chdir(tmp_path)  # the path of a Unix socket must be short
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind("dead.sock")

        dead = httpwire("send", "--to", "unix:dead.sock", timeout=20)
        none = httpwire("send", "--to", "unix:none.sock", timeout=20)

    assert (dead.status, none.status) == (7, 7)
    assert "Connection refused" in dead.stderr
    assert "No such file or directory" in none.stderr


def test_ipv6(site: Site, httpwire: Callable[..., Ran], tmp_path: Path) -> None:
    try:
        listener = socket.create_server(("::1", 0), family=socket.AF_INET6)
    except OSError as error:
        pytest.skip(f"this machine has no IPv6 on its loopback interface: {error}")
    (tmp_path / "client_send.txt").write_bytes(GET)
    with tap_on(listener, site.port) as tap:
        port = listener.getsockname()[1]

        for to in (f"[::1]:{port}", f"http://[::1]:{port}/"):
            ran = httpwire("send", "--to", to, "--json", timeout=20)

            assert ran.status == 0, ran
            assert report_of(ran.stdout)["connection"]["peer"] == f"[::1]:{port}"
            assert tap.received.endswith((tmp_path / "client_recv.txt").read_bytes())
        assert tap.sent == GET * 2


@pytest.mark.peer("nginx")
def test_nginx_itself_on_ipv6(httpwire: Callable[..., Ran], tmp_path: Path) -> None:
    (tmp_path / "client_send.txt").write_bytes(GET)
    try:
        with socket.create_server(("::1", 0), family=socket.AF_INET6) as probe:
            port = probe.getsockname()[1]
    except OSError as error:
        pytest.skip(f"this machine has no IPv6 on its loopback interface: {error}")
    with nginx_site(lambda: f"server {{ listen [::1]:{port}; root htdocs; }}"):
        ran = httpwire("send", "--to", f"[::1]:{port}", "--json", timeout=20)

    assert ran.status == 0, ran
    assert read_answers((tmp_path / "client_recv.txt").read_bytes(), "GET")[0][2] == PAGE


@pytest.fixture
def with_hosts(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[bytes]]:
    """Runs `httpwire send` where /etc/hosts says something else, for this process alone."""

    def run(hosts: str, *arguments: str) -> subprocess.CompletedProcess[bytes]:
        enter = unshare("mount")
        (tmp_path / "hosts").write_text(hosts)
        bind = f'mount --bind "{tmp_path}/hosts" /etc/hosts && exec "$@"'
        if subprocess.run([*enter, "sh", "-c", bind, "-", "true"], capture_output=True, check=False).returncode:
            pytest.skip("mounting is not permitted in a namespace of one's own")
        command = [sys.executable, "-m", "httpwire", "send", *arguments]
        return subprocess.run(
            [*enter, "sh", "-c", bind, "-", *command],
            cwd=tmp_path,
            capture_output=True,
            timeout=30,
            check=False,
        )

    return run


def test_the_next_address_is_tried_when_the_first_refuses(
    site: Site, with_hosts: Callable[..., subprocess.CompletedProcess[bytes]], tmp_path: Path
) -> None:
    """The name has an IPv6 address first, where nobody listens: the server is on 127.0.0.1 alone."""
    (tmp_path / "client_send.txt").write_bytes(GET)

    ran = with_hosts("::1 several.test\n127.0.0.1 several.test\n", "--to", f"several.test:{site.port}", "--json")

    assert ran.returncode == 0, ran
    connection = report_of(ran.stdout)["connection"]
    assert connection["target"] == f"several.test:{site.port}"
    assert connection["peer"] == site.to
    assert read_answers((tmp_path / "client_recv.txt").read_bytes(), "GET")[0][2] == PAGE


def test_each_attempt_is_shown(
    site: Site, with_hosts: Callable[..., subprocess.CompletedProcess[bytes]], tmp_path: Path
) -> None:
    (tmp_path / "client_send.txt").write_bytes(GET)

    ran = with_hosts("::1 several.test\n127.0.0.1 several.test\n", "--to", f"several.test:{site.port}", "-v")

    assert ran.returncode == 0, ran
    told = ran.stderr.decode()
    assert f"127.0.0.1:{site.port}" in told
    assert f"[::1]:{site.port}" in told


def test_no_address_takes_the_connection(
    dead_port: int, with_hosts: Callable[..., subprocess.CompletedProcess[bytes]], tmp_path: Path
) -> None:
    (tmp_path / "client_send.txt").write_bytes(GET)

    ran = with_hosts("::1 several.test\n127.0.0.1 several.test\n", "--to", f"several.test:{dead_port}", "--json")

    assert ran.returncode == 7, ran
    assert report_of(ran.stdout)["error"]["kind"] == "ConnectFailed"
