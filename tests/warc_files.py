"""WARC files for tests: made by hand, and what is read from them."""

from __future__ import annotations

import gzip
from collections.abc import Iterable
from pathlib import Path

from httpwire.capture.formats.warc import format as warc
from httpwire.capture.model import EventKind
from httpwire.capture.source import Source
from httpwire.capture.store.capture import Capture
from httpwire.capture.store.writing import Appender
from httpwire.capture.toll import Toll
from httpwire.capture.traffic import ConnectionFacts
from httpwire.errors import HttpwireError
from httpwire.wire.element import Direction

REQUEST = b"GET /a HTTP/1.1\r\nHost: example.com\r\n\r\n"
RESPONSE = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
URI = "http://example.com/a"


def record(kind: str, block: bytes, *fields: str, version: str = "WARC/1.0", end: str = "\r\n") -> bytes:
    """A record with these fields ("Name: value"), of which WARC-Date, URI and media type are as usual unless given."""
    usual = {
        "WARC-Date": "2024-05-06T07:08:09Z",
        "WARC-Target-URI": URI,
        "Content-Type": f"application/http; msgtype={kind}",
        "Content-Length": str(len(block)),
    }
    given = {field.partition(":")[0].lower() for field in fields}
    lines = [version, f"WARC-Type: {kind}", *fields]
    lines += [f"{name}: {value}" for name, value in usual.items() if name.lower() not in given]
    return (end.join(lines) + end * 2).encode() + block + (end * 2).encode()


def pair(request: bytes = REQUEST, response: bytes = RESPONSE, number: int = 1, *more: str) -> list[bytes]:
    """A request and a response that names it."""
    return [
        record("request", request, f"WARC-Record-ID: <urn:uuid:q{number}>", *more),
        record(
            "response",
            response,
            f"WARC-Record-ID: <urn:uuid:a{number}>",
            f"WARC-Concurrent-To: <urn:uuid:q{number}>",
            *more,
        ),
    ]


def compressed(records: Iterable[bytes]) -> bytes:
    return b"".join(gzip.compress(each, mtime=0) for each in records)


class Seen:
    """A Sink that remembers."""

    def __init__(self) -> None:
        self.facts: list[ConnectionFacts] = []
        self.octets: list[dict[Direction, bytes]] = []
        self.endings: list[str] = []
        self.times: list[list[int]] = []
        self.kinds: list[list[EventKind]] = []

    def open(self, facts: ConnectionFacts) -> int:
        self.facts.append(facts)
        self.octets.append({Direction.REQUEST: b"", Direction.RESPONSE: b""})
        self.endings.append("")
        self.times.append([])
        self.kinds.append([])
        return len(self.facts)

    def revise(self, connection: int, facts: ConnectionFacts) -> None:
        self.facts[connection - 1] = facts

    def event(
        self, connection: int, at_ns: int, direction: Direction | None, kind: EventKind, data: bytes | memoryview = b""
    ) -> None:
        assert EventKind.END not in self.kinds[connection - 1], "an event behind the end"
        self.times[connection - 1].append(at_ns)
        self.kinds[connection - 1].append(kind)
        if kind is EventKind.SEGMENT:
            assert direction is not None
            self.octets[connection - 1][direction] += bytes(data)
        elif kind is EventKind.ENDED:
            self.endings[connection - 1] = bytes(data).decode()

    @property
    def exchanges(self) -> list[tuple[bytes, bytes]]:
        return [(each[Direction.REQUEST], each[Direction.RESPONSE]) for each in self.octets]


def read(path: Path, data: bytes | None = None) -> tuple[Seen, Toll, HttpwireError | None]:
    """What is in the WARC file at `path`, which has `data` where that is given; and how reading failed."""
    if data is not None:
        path.write_bytes(data)
    seen, toll = Seen(), Toll()
    try:
        with Source(str(path)) as source:
            warc.read(source, seen, toll)
    except HttpwireError as error:
        assert all(kinds[-1] is EventKind.END for kinds in seen.kinds), "a connection was left open"
        return seen, toll, error
    assert all(kinds[-1] is EventKind.END for kinds in seen.kinds), "a connection was left open"
    return seen, toll, None


def imported(path: Path, into: Path) -> list[tuple[bytes, bytes]]:
    """The exchanges of the capture that the WARC file at `path` becomes."""
    with Source(str(path)) as source, Appender(str(into)) as sink:
        warc.read(source, sink, Toll())
    return exchanges(into)


def exchanges(path: Path) -> list[tuple[bytes, bytes]]:
    """The octets of all exchanges of a capture."""
    with Capture(str(path)) as capture:
        capture.update()
        return [
            (
                b"".join(capture.octets(entry, Direction.REQUEST).blocks()),
                b"".join(capture.octets(entry, Direction.RESPONSE).blocks()),
            )
            for entry in capture.exchanges()
        ]


class Written:
    """An Output in memory."""

    def __init__(self) -> None:
        self.data = bytearray()

    def write(self, data: bytes, /) -> None:
        self.data += data
