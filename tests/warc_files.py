"""WARC files for tests: made by hand, and what is read from them."""

from __future__ import annotations

import gzip
from collections.abc import Iterable
from pathlib import Path

from captures import Pair, Told, exchanges_of
from httpwire.capture.formats.warc import format as warc
from httpwire.capture.source import Source
from httpwire.capture.store.writing import Appender
from httpwire.capture.toll import Toll
from httpwire.errors import HttpwireError

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


def read(path: Path, data: bytes | None = None) -> tuple[Told, Toll, HttpwireError | None]:
    """What is in the WARC file at `path`, which has `data` where that is given; and how reading failed."""
    if data is not None:
        path.write_bytes(data)
    seen, toll = Told(), Toll()
    try:
        with Source(str(path)) as source:
            warc.read(source, seen, toll)
    except HttpwireError as error:
        assert seen.all_ended, "a connection was left open"
        return seen, toll, error
    assert seen.all_ended, "a connection was left open"
    return seen, toll, None


def imported(path: Path, into: Path) -> list[Pair]:
    """The exchanges of the capture that the WARC file at `path` becomes."""
    with Source(str(path)) as source, Appender(str(into)) as sink:
        warc.read(source, sink, Toll())
    return exchanges_of(into)
