"""A server that keeps the connection open for a minute: `send` is done when the answer is, not when the server is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from conftest import Ran
from peers.reading import read_answers, report_of
from peers.site import INCLUDED, KEEP_ALIVE_SECONDS, PHOTO, Site

REQUESTS = {
    "Content-Length": (b"GET /photo.bin HTTP/1.1\r\nHost: localhost\r\n\r\n", "GET", PHOTO),
    "chunked": (b"GET /included.shtml HTTP/1.1\r\nHost: localhost\r\n\r\n", "GET", INCLUDED),
    "HEAD": (b"HEAD /photo.bin HTTP/1.1\r\nHost: localhost\r\n\r\n", "HEAD", b""),
    "HEAD of chunked": (b"HEAD /included.shtml HTTP/1.1\r\nHost: localhost\r\n\r\n", "HEAD", b""),
}


@pytest.mark.parametrize(("request_octets", "method", "content"), REQUESTS.values(), ids=REQUESTS.keys())
def test_it_returns_when_the_answer_is_complete(
    request_octets: bytes,
    method: str,
    content: bytes,
    site: Site,
    httpwire: Callable[..., Ran],
    tmp_path: Path,
) -> None:
    (tmp_path / "client_send.txt").write_bytes(request_octets)

    # If it waited for the close, it would be killed long before that came.
    ran = httpwire("send", "--to", site.to, "--json", "--idle-timeout", "0", timeout=KEEP_ALIVE_SECONDS / 3)

    assert ran.status == 0, ran
    report = report_of(ran.stdout)
    assert report["connection"]["ended"] == "complete"  # it was our end of the answer, not the server's close
    [(status, fields, read)] = read_answers((tmp_path / "client_recv.txt").read_bytes(), method)
    assert (status, read) == (200, content)
    assert fields.get("connection", "keep-alive").lower() == "keep-alive"


def test_with_http_1_0_keep_alive(site: Site, httpwire: Callable[..., Ran], tmp_path: Path) -> None:
    (tmp_path / "client_send.txt").write_bytes(
        b"GET /photo.bin HTTP/1.0\r\nHost: localhost\r\nConnection: keep-alive\r\n\r\n"
    )

    ran = httpwire("send", "--to", site.to, "--json", "--idle-timeout", "0", timeout=KEEP_ALIVE_SECONDS / 3)

    assert ran.status == 0, ran
    assert report_of(ran.stdout)["connection"]["ended"] == "complete"
    [(_, fields, read)] = read_answers((tmp_path / "client_recv.txt").read_bytes(), "GET")
    assert read == PHOTO
    assert fields["connection"].lower() == "keep-alive"
