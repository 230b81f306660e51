"""Large requests to real servers: taken whole, or refused while they are on their way."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from conftest import Ran
from peers.reading import read_answers, report_of
from peers.site import Site, until
from peers.tap import Tap

CONTENT = 256 << 20


def request_file(path: Path, head: bytes, octets: int) -> None:
    """A request with `octets` of content, none of which takes room on the disk."""
    path.write_bytes(head)
    os.truncate(path, len(head) + octets)


def test_a_server_that_refuses_early(site: Site, httpwire: Callable[..., Ran], tmp_path: Path) -> None:
    """It answers 413 when it has read the head, and then stops reading: the answer is kept, and nothing hangs."""
    head = b"POST /limited HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % CONTENT
    request_file(tmp_path / "client_send.txt", head, CONTENT)

    ran = httpwire("send", "--to", site.to, "--json", timeout=40)

    assert ran.status == 0, ran
    [(status, _, _)] = read_answers((tmp_path / "client_recv.txt").read_bytes(), "POST")
    assert status == 413
    assert report_of(ran.stdout)["exchanges"][0]["outcome"] == "complete"


def test_a_server_that_takes_it_all(
    site: Site, httpwire: Callable[..., Ran], tapped: Callable[[Site], Tap], tmp_path: Path
) -> None:
    octets = 16 << 20
    head = b"POST /say HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % octets
    request_file(tmp_path / "client_send.txt", head, octets)
    tap = tapped(site)

    ran = httpwire("send", "--to", tap.to, "--json", timeout=40)

    assert ran.status == 0, ran
    assert report_of(ran.stdout)["connection"]["sent"] == len(head) + octets
    # The answer may come before all of the content is through the tap.
    assert until(lambda: len(tap.sent) >= len(head) + octets)
    assert tap.sent == head + bytes(octets)
    [(status, _, content)] = read_answers((tmp_path / "client_recv.txt").read_bytes(), "POST")
    assert (status, content) == (200, b"said\n")


@pytest.mark.parametrize("expect", [b"", b"Expect: 100-continue\r\n"], ids=["", "with Expect"])
def test_content_in_chunks(
    expect: bytes, site: Site, httpwire: Callable[..., Ran], tapped: Callable[[Site], Tap], tmp_path: Path
) -> None:
    head = b"POST /say HTTP/1.1\r\nHost: localhost\r\n" + expect + b"Transfer-Encoding: chunked\r\n\r\n"
    chunk = b"10000;a=b\r\n" + bytes(0x10000) + b"\r\n"
    octets = head + chunk * 50 + b"0\r\nTrailer: yes\r\n\r\n"
    (tmp_path / "client_send.txt").write_bytes(octets)
    tap = tapped(site)

    ran = httpwire("send", "--to", tap.to, "--json", timeout=40)

    assert ran.status == 0, ran
    assert until(lambda: len(tap.sent) >= len(octets))
    assert tap.sent == octets
    assert (tmp_path / "client_recv.txt").read_bytes() == tap.received
    [exchange] = report_of(ran.stdout)["exchanges"]
    assert [message["status"] for message in exchange["interim"]] == ([100] if expect else [])
    assert exchange["response"]["status"] == 200
