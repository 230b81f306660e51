"""Reading recorded messages: httpwire's elements and lint beside other parsers, on the same octets in one process.

In: a folder for files. Out: tables: messages and MB a second with ratios to h11, cost per octet at sizes that
double, and whole processes of show and lint beside an empty Python. Nothing passes or fails here.
"""

from __future__ import annotations

import io
import statistics
import sys
import time
from collections.abc import Callable
from http.client import parse_headers
from importlib.resources import files
from pathlib import Path

from measure import HTTPWIRE, Command, installed, side_by_side, table

from httpwire.capture.raw import Outgoing
from httpwire.capture.reading import Reading
from httpwire.language import Translator
from httpwire.views.anatomy import anatomy_of
from httpwire.views.explain.gloss import Setting
from httpwire.views.explain.message import explain
from httpwire.views.lint.complaint import of_bytes
from httpwire.wire.element import Direction
from httpwire.wire.head import Head
from httpwire.wire.stream import Stream

Run = Callable[[], object]

_COUNT = 500  # copies of a message that are read in one run
_RUNS = 25
_CURL = b"GET / HTTP/1.1\r\nHost: localhost\r\nUser-Agent: curl/8.14.1\r\nAccept: */*\r\n\r\n"
_APACHE = (
    b"HTTP/1.1 200 OK\r\nDate: Fri, 27 Nov 2026 03:00:00 GMT\r\nServer: Apache/2.4.65 (Debian)\r\n"
    b'Last-Modified: Sat, 29 Aug 2020 05:05:59 GMT\r\nETag: "2d-5adfd2003bbc0"\r\nAccept-Ranges: bytes\r\n'
    b"Content-Length: 45\r\nKeep-Alive: timeout=5, max=100\r\nConnection: Keep-Alive\r\nContent-Type: text/html\r\n\r\n"
    b"<html><body><h1>It works!</h1></body></html>\n"
)
_NGINX = (
    b"HTTP/1.1 200 OK\r\nServer: nginx/1.26.3\r\nDate: Fri, 27 Nov 2026 03:00:00 GMT\r\nContent-Type: text/html\r\n"
    b"Content-Length: 15\r\nLast-Modified: Sat, 29 Aug 2020 05:05:59 GMT\r\nConnection: keep-alive\r\n"
    b'ETag: "5f49e247-f"\r\nAccept-Ranges: bytes\r\n\r\n<h1>nginx</h1>\n'
)


def reading(folder: Path) -> None:
    """All of it."""
    chrome = files("httpwire").joinpath("samples", "chrome-get.http").read_bytes()
    for name, message, direction in (
        ("a request of Chrome", chrome, Direction.REQUEST),
        ("a request of curl", _CURL, Direction.REQUEST),
        ("an answer of Apache", _APACHE, Direction.RESPONSE),
        ("an answer of nginx", _NGINX, Direction.RESPONSE),
    ):
        _beside(name, message, direction)
    _doubling()
    _processes(folder, chrome)


def _beside(name: str, message: bytes, direction: Direction) -> None:
    octets = message * _COUNT
    runs: dict[str, Run] = {
        "httpwire, heads": lambda: _messages(octets, direction),
        "httpwire, an object an element": lambda: _elements(octets, direction),
        "httpwire lint, bytes": lambda: _lint(octets, direction),
        **_peers(message, direction),
    }
    walls: dict[str, list[float]] = {each: [] for each in runs}
    for _ in range(_RUNS):  # interleaved, so that a machine whose speed drifts is unfair to none
        for each, run in runs.items():
            begun = time.perf_counter()
            run()
            walls[each].append(time.perf_counter() - begun)
    medians = {each: statistics.median(times) for each, times in walls.items()}
    print(f"\n{name}, {len(message)} bytes, {_COUNT:,} times (goal: >= 2 x h11)")
    for each, wall in medians.items():
        ratio = f"{medians['h11'] / wall:>8.2f} x h11" if "h11" in medians else ""
        print(f"{each:34}{_COUNT / wall:>12,.0f} messages/s{len(octets) / wall / 1e6:>9.1f} MB/s{ratio}")


def _messages(octets: bytes, direction: Direction) -> None:
    stream = Stream(direction)
    for at in range(0, len(octets), 65536):
        stream.feed(octets[at : at + 65536])
    stream.feed_eof()


def _elements(octets: bytes, direction: Direction) -> int:
    stream = Stream(direction, detail=True)
    count = 0
    for at in range(0, len(octets), 65536):
        for event in stream.feed(octets[at : at + 65536]):
            if isinstance(event, Head):
                count += len(list(event.elements()))
    return count


def _lint(octets: bytes, direction: Direction) -> int:
    tr = Translator()
    parts = Reading(Outgoing.from_bytes(octets), direction).parts()
    return sum(len(list(of_bytes(part, tr))) for part in parts)


def _peers(message: bytes, direction: Direction) -> dict[str, Run]:
    """What else reads such messages, run over as many of them."""
    found: dict[str, Run] = {}
    request = direction is Direction.REQUEST
    try:
        import h11
    except ImportError:
        print("not installed, left out: h11")
    else:

        def with_h11() -> None:
            for _ in range(_COUNT):
                connection = h11.Connection(h11.SERVER if request else h11.CLIENT)
                if not request:
                    connection.send(h11.Request(method="GET", target="/", headers=[("Host", "a")]))
                    connection.send(h11.EndOfMessage())
                connection.receive_data(message)
                while not isinstance(connection.next_event(), h11.EndOfMessage):
                    pass

        found["h11"] = with_h11
    try:
        import httptools
    except ImportError:
        print("not installed, left out: httptools")
    else:
        kind = httptools.HttpRequestParser if request else httptools.HttpResponseParser

        class Protocol:
            """Takes what httptools tells, as a server does."""

            def __init__(self) -> None:
                self.headers: list[tuple[bytes, bytes]] = []

            def on_header(self, name: bytes, value: bytes) -> None:
                self.headers.append((name, value))

        def with_httptools() -> None:
            for _ in range(_COUNT):
                kind(Protocol()).feed_data(message)

        found["httptools (llhttp, in C)"] = with_httptools

    def with_http_client() -> None:
        for _ in range(_COUNT):
            stream = io.BytesIO(message)
            stream.readline()
            parse_headers(stream)

    found["http.client, fields alone"] = with_http_client
    return found


def _doubling() -> None:
    """What a hostile sender might hope to be expensive."""
    head = b"GET / HTTP/1.1\r\nHost: a\r\n"
    answer = b"HTTP/1.1 200 OK\r\n"
    kinds: list[tuple[str, Direction, Callable[[int], bytes]]] = [
        ("field lines", Direction.REQUEST, lambda n: head + b"a: b\r\n" * (n // 6) + b"\r\n"),
        ("folds of one line", Direction.REQUEST, lambda n: head + b"a: b\r\n" + b" c\r\n" * (n // 4) + b"\r\n"),
        ("colons", Direction.REQUEST, lambda n: head + b":" * n + b"\r\n\r\n"),
        ("members of a list", Direction.REQUEST, lambda n: head + b"Accept: " + b"a/b;q=1," * (n // 8) + b"\r\n\r\n"),
        ("cookies", Direction.REQUEST, lambda n: head + b"Cookie: " + b"a=b; " * (n // 5) + b"\r\n\r\n"),
        ("bare LF", Direction.REQUEST, lambda n: head + b"a: b\n" * (n // 5) + b"\r\n"),
        ("codings", Direction.RESPONSE, lambda n: answer + b"Transfer-Encoding: " + b"a," * (n // 2) + b"\r\n\r\n"),
        (
            "1-byte chunks",
            Direction.RESPONSE,
            lambda n: answer + b"Transfer-Encoding: chunked\r\n\r\n" + b"1\r\na\r\n" * (n // 6) + b"0\r\n\r\n",
        ),
    ]  # fmt: skip
    print("\nRead, linted and explained, sizes that double (goal: the same ns per byte)")
    for name, direction, make in kinds:
        costs = []
        for kib in (128, 256, 512):
            octets = make(kib << 10)
            begun = time.perf_counter()
            _explained(octets, direction)
            costs.append((time.perf_counter() - begun) / len(octets) * 1e9)
        print(f"{name:34}" + "".join(f"{cost:>10.1f} ns" for cost in costs))


def _explained(octets: bytes, direction: Direction) -> None:
    tr = Translator()
    source = Outgoing.from_bytes(octets)
    for part in Reading(source, direction).parts():
        list(of_bytes(part, tr))
        explain(anatomy_of(part, source, 65536), Setting(direction))


def _processes(folder: Path, chrome: bytes) -> None:
    request, answer = folder / "client_send.txt", folder / "client_recv.txt"
    request.write_bytes(chrome)
    answer.write_bytes(_APACHE)
    commands = installed(
        Command("python3 -c pass", [sys.executable, "-c", "pass"]),
        Command("httpwire show", [HTTPWIRE, "show", str(answer)]),
        Command("httpwire show, both sides", [HTTPWIRE, "show", str(request), str(answer)]),
        Command("httpwire show --explain", [HTTPWIRE, "show", "--explain", str(request), str(answer)]),
        Command("httpwire lint --select bytes", [HTTPWIRE, "lint", "--select", "bytes", str(answer)]),
        Command("httpwire lint", [HTTPWIRE, "lint", "--fail-on", "never", str(request), str(answer)]),
        Command("httpwire diff", [HTTPWIRE, "diff", str(answer), str(answer)]),
    )
    side_by_side(commands, 15)
    table("A small file, whole process (goal: show <= 3 x python3 -c pass)", commands, "python3 -c pass")
