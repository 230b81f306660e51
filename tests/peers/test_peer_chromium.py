"""A real Chromium: what it sends is what the bundled sample says, and what it sent gets the page when we send it."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path

import pytest

from conftest import Ran, Server, read_head
from peers.browser import browse
from peers.reading import read_answers
from peers.site import PAGE, Site

pytestmark = pytest.mark.peer("chromium")

SAMPLE = files("httpwire").joinpath("samples", "chrome-get.http").read_bytes()
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: %d\r\nConnection: close\r\n\r\n" % len(PAGE)


def field_names(octets: bytes) -> list[bytes]:
    head, blank, _ = octets.partition(b"\r\n\r\n")
    assert blank
    return [line.partition(b":")[0] for line in head.split(b"\r\n")[1:]]


@pytest.fixture
def recorded(serve: Callable[..., Server], tmp_path: Path) -> bytes:
    """What Chromium sends first when it is told to show http://localhost:PORT/, as a raw listener reads it."""
    requests: list[bytes] = []
    lock = threading.Lock()

    def script(connection: socket.socket) -> None:
        octets = read_head(connection)  # nothing at all on a connection that it only opened in case
        if octets:
            with lock:
                requests.append(octets)
            connection.sendall(ANSWER + PAGE)

    server = serve(script)
    assert "It works!" in browse(f"http://localhost:{server.port}/", tmp_path)
    return next(octets for octets in requests if octets.startswith(b"GET / "))


def test_the_bundled_sample_is_what_chromium_sends(recorded: bytes) -> None:
    assert recorded.startswith(b"GET / HTTP/1.1\r\n")
    assert recorded.endswith(b"\r\n\r\n")
    assert field_names(SAMPLE) == field_names(recorded)


@pytest.mark.peer("apache2")
def test_what_chromium_sent_gets_the_page_when_we_send_it(
    recorded: bytes, apache_server: Site, httpwire: Callable[..., Ran], tmp_path: Path
) -> None:
    (tmp_path / "client_send.txt").write_bytes(recorded)

    ran = httpwire("send", "--to", apache_server.to, timeout=20)

    assert ran.status == 0, ran
    [(status, _, content)] = read_answers((tmp_path / "client_recv.txt").read_bytes(), "GET")
    assert (status, content) == (200, PAGE)
