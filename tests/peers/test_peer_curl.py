"""curl as the judge: for the same octets it sees the same status, the same fields and the same content as we do."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

import httpwire as library
from conftest import Ran
from peers.reading import report_of
from peers.site import Site
from peers.tap import Tap

pytestmark = pytest.mark.peer("curl")


@dataclass(frozen=True)
class Seen:
    """What curl made of an answer."""

    status: int
    head: bytes
    content: bytes


def curl(folder: Path, *arguments: str | Path) -> Seen:
    head, content = folder / "curl.head", folder / "curl.content"
    done = subprocess.run(
        ["curl", "-q", "-sS", "--noproxy", "*", "-D", head, "-o", content, "-w", "%{http_code}", *arguments],
        capture_output=True,
        timeout=20,
        check=False,
    )
    assert done.returncode == 0, done
    return Seen(int(done.stdout), head.read_bytes(), content.read_bytes() if content.exists() else b"")


def same(octets: bytes) -> bytes:
    """`octets` without what differs from one answer to the next: the date, and the boundary between ranges."""
    boundary = re.search(rb"boundary=([0-9a-z]+)\r\n", octets)
    octets = octets.replace(boundary[1], b"BOUNDARY") if boundary else octets
    return re.sub(rb"(?m)^Date: [^\r]*", b"Date:", octets)


ASKED = {
    "identity": ("/photo.bin", []),
    "gzip": ("/long.html", ["-H", "Accept-Encoding: gzip"]),
    "chunked": ("/included.shtml", []),
    "chunked and gzip": ("/included.shtml", ["-H", "Accept-Encoding: gzip"]),
    "HEAD": ("/photo.bin", ["-I"]),
    "HEAD of chunked": ("/included.shtml", ["-I"]),
    "404": ("/nowhere", []),
    "a range": ("/photo.bin", ["-r", "5-99"]),
    "several ranges": ("/photo.bin", ["-r", "0-9,-9"]),
    "304": ("/photo.bin", ["-H", "If-Modified-Since: Sat, 29 Aug 2020 05:05:59 GMT"]),
    "HTTP/1.0": ("/included.shtml", ["-0"]),
    "a form": ("/say", ["-d", "a=b&c=d"]),
    "an upload after 100 Continue": ("/say", ["-H", "Expect: 100-continue", "-d", "a=b"]),
    "OPTIONS": ("/", ["-X", "OPTIONS"]),
    "TRACE": ("/", ["-X", "TRACE"]),
}


@pytest.mark.parametrize(("path", "options"), ASKED.values(), ids=ASKED.keys())
def test_curls_own_octets_sent_by_us(
    path: str,
    options: list[str],
    site: Site,
    tapped: Callable[[Site], Tap],
    httpwire: Callable[..., Ran],
    tmp_path: Path,
) -> None:
    """The tap records what curl sends; `send` repeats it."""
    tap = tapped(site)
    seen = curl(tmp_path, *options, f"http://{tap.to}{path}")
    (tmp_path / "client_send.txt").write_bytes(tap.sent)

    ran = httpwire("send", "--to", site.to, "--json", timeout=20)

    assert ran.status == 0, ran
    [exchange] = report_of(ran.stdout)["exchanges"]
    response = exchange["response"]
    assert response["status"] == seen.status
    told = [line.split(": ", 1) for line in seen.head.decode().split("\r\n\r\n")[-2].split("\r\n")[1:]]
    assert [name for name, _ in response["fields"]] == [name for name, _ in told]
    # curl writes the interim heads and the final one, and the content without the chunked coding.
    answer = library.send(tap.sent, to=site.to)
    assert answer.response
    heads = b"".join((m.raw or b"")[: m.content_start - m.start] for m in answer.responses)
    content = b"" if "-I" in options else seen.content
    assert same(heads + answer.response.content) == same(seen.head + content)
