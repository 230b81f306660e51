"""The document's experiment: a recorded request goes to a real server, and the answer is kept byte for byte.

Between us and the server stands the tap, which logs the octets and knows nothing of HTTP; what `httpwire send` kept
has to be what the tap saw. What the answer means is checked against the standard library's reader and the pages.
"""

from __future__ import annotations

import gzip
from collections.abc import Callable
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import pytest

import httpwire
from conftest import Ran
from httpwire.net.options import TimeLimits
from peers.reading import ask, read_answers, report_of, rule_by_fields
from peers.site import EVEN, INCLUDED, LONG, PAGE, PHOTO, Site
from peers.tap import Tap

Send = Callable[..., Ran]
Taps = Callable[[Site], Tap]

CHROME = files("httpwire").joinpath("samples", "chrome-get.http").read_bytes()
OWN_WORDS = None  # the server's own words, which are not ours to know
EITHER = None  # as the server likes; that the rule is the one its fields ask for is checked always


def get(path: str, *fields: str, method: str = "GET", version: str = "1.1") -> bytes:
    lines = [f"{method} {path} HTTP/{version}", "Host: localhost", *fields, "", ""]
    return "\r\n".join(lines).encode()


@dataclass(frozen=True)
class Story:
    """One request of the experiment, and what its answer has to be."""

    request: bytes
    status: int
    rule: str | None
    content: bytes | None
    method: str = "GET"
    coding: str | None = None  # the answer's Content-Encoding
    interim: tuple[int, ...] = ()


# What both servers do alike.
COMMON = {
    "the page as Chrome asks for it, identity": Story(get("/"), 200, "content-length", PAGE),
    "binary content": Story(get("/photo.bin"), 200, "content-length", PHOTO),
    "gzip and chunked": Story(get("/included.shtml", "Accept-Encoding: gzip"), 200, "chunked", INCLUDED, coding="gzip"),
    "gzip of a large page": Story(get("/long.html", "Accept-Encoding: gzip"), 200, "chunked", LONG, coding="gzip"),
    "chunked": Story(get("/included.shtml"), 200, "chunked", INCLUDED),
    "HEAD": Story(get("/photo.bin", method="HEAD"), 200, "head", b"", "HEAD"),
    "HEAD of what would be chunked": Story(get("/included.shtml", method="HEAD"), 200, "head", b"", "HEAD"),
    "404": Story(get("/nowhere"), 404, EITHER, OWN_WORDS),
    "HEAD of what is not there": Story(get("/nowhere", method="HEAD"), 404, "head", b"", "HEAD"),
    "a range": Story(get("/photo.bin", "Range: bytes=1000-1999"), 206, "content-length", PHOTO[1000:2000]),
    "the last bytes": Story(get("/photo.bin", "Range: bytes=-5"), 206, "content-length", PHOTO[-5:]),
    "a range that is not there": Story(get("/photo.bin", "Range: bytes=100000-"), 416, EITHER, OWN_WORDS),
    "HTTP/1.0": Story(get("/photo.bin", version="1.0"), 200, "content-length", PHOTO),
    "HTTP/1.0, the close ends it": Story(get("/included.shtml", version="1.0"), 200, "until-close", INCLUDED),
    "HTTP/1.0 with gzip, the close ends it": Story(
        get("/included.shtml", "Accept-Encoding: gzip", version="1.0"), 200, "until-close", INCLUDED, coding="gzip"
    ),
    "HTTP/1.1, close asked for": Story(get("/photo.bin", "Connection: close"), 200, "content-length", PHOTO),
    "the target as a whole URL": Story(get("http://localhost/photo.bin"), 200, "content-length", PHOTO),
    "unencoded UTF-8 in the target": Story(get("/日本"), 200, "content-length", PAGE),
}
# What only the one or the other does.
OWN = {
    "apache": {
        "gzip": Story(get("/even.html", "Accept-Encoding: gzip"), 200, "content-length", EVEN, coding="gzip"),
        "TRACE": Story(get("/", method="TRACE"), 200, "chunked", get("/", method="TRACE"), "TRACE"),
        "OPTIONS": Story(get("/", method="OPTIONS"), 200, "content-length", b"", "OPTIONS"),
        "OPTIONS *": Story(get("*", method="OPTIONS"), 200, "content-length", b"", "OPTIONS"),
        "CONNECT refused": Story(get("example.test:80", method="CONNECT"), 405, EITHER, OWN_WORDS, "CONNECT"),
        "100 Continue": Story(
            get("/", "Expect: 100-continue", "Content-Length: 5", method="POST") + b"hello",
            200,
            "content-length",
            PAGE,
            "POST",
            interim=(100,),
        ),
    },
    "nginx": {
        "TRACE refused": Story(get("/", method="TRACE"), 405, EITHER, OWN_WORDS, "TRACE"),
        "OPTIONS refused": Story(get("/", method="OPTIONS"), 405, EITHER, OWN_WORDS, "OPTIONS"),
        "CONNECT refused": Story(get("example.test:80", method="CONNECT"), 400, EITHER, OWN_WORDS, "CONNECT"),
        "100 Continue": Story(
            get("/say", "Expect: 100-continue", "Content-Length: 5", method="POST") + b"hello",
            200,
            "content-length",
            b"said\n",
            "POST",
            interim=(100,),
        ),
        "100 Continue, then a proxy": Story(
            get("/upload", "Expect: 100-continue", "Content-Length: 5", method="POST") + b"hello",
            200,
            "content-length",
            b"said\n",
            "POST",
            interim=(100,),
        ),
    },
}
STORIES = [
    pytest.param(
        f"{server}_server",
        story,
        id=f"{server}: {name}",
        marks=pytest.mark.peer({"apache": "apache2"}.get(server, server)),
    )
    for server, own in OWN.items()
    for name, story in (COMMON | own).items()
]


@pytest.mark.parametrize(("server", "story"), STORIES)
def test_the_answer_is_kept_as_the_tap_saw_it(
    server: str, story: Story, request: pytest.FixtureRequest, httpwire: Send, tapped: Taps, tmp_path: Path
) -> None:
    tap = tapped(request.getfixturevalue(server))
    (tmp_path / "client_send.txt").write_bytes(story.request)

    ran = httpwire("send", "--to", tap.to, "--json", timeout=20)

    assert ran.status == 0, ran
    assert tap.sent == story.request
    kept = (tmp_path / "client_recv.txt").read_bytes()
    assert kept == tap.received
    assert not (tmp_path / "client_recv.txt.partial").exists()

    report = report_of(ran.stdout)
    assert report["complete"] is True
    assert report["connection"]["received"] == len(kept)
    assert [exchange["outcome"] for exchange in report["exchanges"]] == ["complete"]
    [exchange] = report["exchanges"]
    assert exchange["request"]["method"] == story.method
    assert tuple(message["status"] for message in exchange["interim"]) == story.interim
    assert exchange["response"]["status"] == story.status
    assert exchange["response"]["stop"] == len(kept)

    [(status, fields, content)] = read_answers(kept, story.method)
    assert status == story.status
    rule = exchange["response"]["framing"]["rule"]
    assert rule == rule_by_fields(story.method, status, fields)
    assert rule == (story.rule or rule)
    assert fields.get("content-encoding") == story.coding
    if story.content is not OWN_WORDS:
        assert content == story.content


@pytest.mark.parametrize(("server", "story"), STORIES)
def test_the_library_gives_the_same(server: str, story: Story, request: pytest.FixtureRequest, tapped: Taps) -> None:
    tap = tapped(request.getfixturevalue(server))

    exchange = httpwire.send(story.request, to=tap.to, limits=TimeLimits(idle=20))

    assert exchange.complete
    assert exchange.request
    assert exchange.request.raw == tap.sent == story.request
    assert b"".join(message.raw or b"" for message in exchange.responses) == tap.received
    response = exchange.response
    assert response
    assert response.status == story.status
    assert tuple(message.status for message in exchange.interim) == story.interim
    [(status, fields, decoded)] = read_answers(tap.received, story.method)
    assert exchange.framing
    assert exchange.framing.rule.id == rule_by_fields(story.method, status, fields)
    assert (gzip.decompress(response.content) if story.coding else response.content) == decoded
    assert response.octets == len(response.content)


def test_chromes_own_request_gets_the_page(site: Site, httpwire: Send, tapped: Taps, tmp_path: Path) -> None:
    tap = tapped(site)
    (tmp_path / "client_send.txt").write_bytes(CHROME)

    ran = httpwire("send", "--to", tap.to, timeout=20)

    assert ran.status == 0, ran
    assert tap.sent == CHROME
    kept = (tmp_path / "client_recv.txt").read_bytes()
    assert kept == tap.received
    [(status, _, content)] = read_answers(kept, "GET")
    assert (status, content) == (200, PAGE)


@pytest.mark.parametrize(
    ("validator", "condition"), [("etag", "If-None-Match"), ("last-modified", "If-Modified-Since")]
)
def test_what_has_not_changed_is_304_and_ends_with_its_head(
    validator: str, condition: str, site: Site, httpwire: Send, tapped: Taps, tmp_path: Path
) -> None:
    [(_, fields, _)] = read_answers(ask(site.port, get("/photo.bin", "Connection: close")), "GET")
    tap = tapped(site)
    (tmp_path / "client_send.txt").write_bytes(get("/photo.bin", f"{condition}: {fields[validator]}"))

    ran = httpwire("send", "--to", tap.to, "--json", timeout=20)

    assert ran.status == 0, ran
    kept = (tmp_path / "client_recv.txt").read_bytes()
    assert kept == tap.received
    assert kept.startswith(b"HTTP/1.1 304 ")
    assert kept.endswith(b"\r\n\r\n")
    [exchange] = report_of(ran.stdout)["exchanges"]
    assert exchange["response"]["framing"]["rule"] == "status"
    assert exchange["response"]["content_octets"] == 0


def test_several_ranges_come_as_one_multipart_answer(site: Site, httpwire: Send, tapped: Taps, tmp_path: Path) -> None:
    tap = tapped(site)
    (tmp_path / "client_send.txt").write_bytes(get("/photo.bin", "Range: bytes=0-9,5000-5999,-7"))

    ran = httpwire("send", "--to", tap.to, "--json", timeout=20)

    assert ran.status == 0, ran
    kept = (tmp_path / "client_recv.txt").read_bytes()
    assert kept == tap.received
    [exchange] = report_of(ran.stdout)["exchanges"]
    assert exchange["response"]["framing"]["rule"] == "content-length"
    [(status, fields, content)] = read_answers(kept, "GET")
    assert status == 206
    kind, _, boundary = fields["content-type"].partition("; boundary=")
    assert kind == "multipart/byteranges"
    parts = content.split(b"\r\n--" + boundary.encode())
    assert parts[0] == b""
    assert parts[-1] == b"--\r\n"
    bodies = [part.partition(b"\r\n\r\n")[2] for part in parts[1:-1]]
    assert bodies == [PHOTO[:10], PHOTO[5000:6000], PHOTO[-7:]]


def test_pipelined_requests_are_paired_with_their_answers(
    site: Site, httpwire: Send, tapped: Taps, tmp_path: Path
) -> None:
    tap = tapped(site)
    requests = [
        get("/"),
        get("/photo.bin", method="HEAD"),
        get("/included.shtml", "Accept-Encoding: gzip"),
        get("/nowhere"),
        get("/photo.bin", "Range: bytes=7-11"),
        get("/included.shtml", version="1.0"),
    ]
    (tmp_path / "client_send.txt").write_bytes(b"".join(requests))

    ran = httpwire("send", "--to", tap.to, "--json", timeout=20)

    assert ran.status == 0, ran
    assert tap.sent == b"".join(requests)
    kept = (tmp_path / "client_recv.txt").read_bytes()
    assert kept == tap.received
    exchanges = report_of(ran.stdout)["exchanges"]
    told = [(e["request"]["target"], e["response"]["status"], e["response"]["framing"]["rule"]) for e in exchanges]
    assert told == [
        ("/", 200, "content-length"),
        ("/photo.bin", 200, "head"),
        ("/included.shtml", 200, "chunked"),
        ("/nowhere", 404, "content-length"),
        ("/photo.bin", 206, "content-length"),
        ("/included.shtml", 200, "until-close"),
    ]
    answers = read_answers(kept, "GET", "HEAD", "GET", "GET", "GET", "GET")
    contents = [content for _, _, content in answers]
    assert [contents[0], contents[1], contents[2]] == [PAGE, b"", INCLUDED]
    assert [contents[4], contents[5]] == [PHOTO[7:12], INCLUDED]
    stops = [exchange["response"]["stop"] for exchange in exchanges]
    starts = [exchange["response"]["start"] for exchange in exchanges]
    assert starts == [0, *stops[:-1]]
    assert stops[-1] == len(kept)


def test_a_hundred_pipelined_requests(site: Site, httpwire: Send, tapped: Taps, tmp_path: Path) -> None:
    """As many as Apache takes on one connection (MaxKeepAliveRequests 100) and nginx more than that."""
    tap = tapped(site)
    (tmp_path / "client_send.txt").write_bytes(get("/") * 100)

    ran = httpwire("send", "--to", tap.to, "--json", timeout=20)

    assert ran.status == 0, ran
    kept = (tmp_path / "client_recv.txt").read_bytes()
    assert kept == tap.received
    exchanges = report_of(ran.stdout)["exchanges"]
    assert len(exchanges) == 100
    assert {answer[2] for answer in read_answers(kept, *["GET"] * 100)} == {PAGE}


@pytest.mark.peer("apache2")
def test_more_requests_than_the_server_takes_on_one_connection_are_told(
    apache_server: Site, httpwire: Send, tapped: Taps, tmp_path: Path
) -> None:
    tap = tapped(apache_server)
    (tmp_path / "client_send.txt").write_bytes(get("/") * 120)

    ran = httpwire("send", "--to", tap.to, "--json", timeout=20)

    assert ran.status in (18, 56), ran  # Apache closes after 101; what it has not read makes the close a reset
    kept = (tmp_path / "client_recv.txt.partial").read_bytes()
    assert kept == tap.received[: len(kept)]
    outcomes = [exchange["outcome"] for exchange in report_of(ran.stdout)["exchanges"]]
    assert outcomes.count("complete") in (100, 101)
    assert outcomes.count("no answer") == 120 - outcomes.count("complete")
