"""Captures for tests: connections told in a few words, and what an index says of them."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from httpwire.capture.model import Ending, EventKind
from httpwire.capture.store.capture import Capture
from httpwire.capture.store.writing import Appender
from httpwire.capture.traffic import ConnectionFacts
from httpwire.wire.element import Direction

if TYPE_CHECKING:
    from httpwire.capture.traffic import Sink

REQUEST, RESPONSE = Direction.REQUEST, Direction.RESPONSE
BEGAN = 1_700_000_000_000_000_000

#: connection (any number), what: ">" and "<" with octets, "?>" and "?<" with how many are missing, ".", "closed", "end"
Step = tuple[int, str, bytes]


def tell(sink: Sink, steps: Iterable[Step], names: dict[int, int], at_ns: int = 0) -> None:
    """Tell `sink` of `steps`, a microsecond each; `names` has what it calls the connections."""
    for moment, (connection, what, octets) in enumerate(steps, at_ns):
        if connection not in names:
            names[connection] = sink.open(ConnectionFacts(BEGAN + moment * 1000, client=f"127.0.0.1:{connection}"))
        number, at = names[connection], moment * 1000
        if what == ">":
            sink.event(number, at, REQUEST, EventKind.SEGMENT, octets)
        elif what == "<":
            sink.event(number, at, RESPONSE, EventKind.SEGMENT, octets)
        elif what in ("?>", "?<"):
            sink.event(number, at, REQUEST if what == "?>" else RESPONSE, EventKind.GAP, octets)
        elif what == ".":
            sink.event(number, at, REQUEST, EventKind.SENT_ALL)
        elif what == "closed":
            sink.event(number, at, RESPONSE, EventKind.ENDED, Ending.CLOSED.value.encode())
        elif what == "cut":
            sink.event(number, at, RESPONSE, EventKind.ENDED, Ending.TLS_TRUNCATED.value.encode())
        else:
            sink.event(number, at, None, EventKind.END)


def make(path: Path, steps: Iterable[Step]) -> Path:
    """A capture of `steps`, with its index."""
    with Appender(str(path)) as sink:
        tell(sink, steps, {})
    with Capture(str(path)) as capture:
        capture.update()
    return path


def get(path: str = "/", host: str = "a", more: str = "") -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: {host}\r\n{more}\r\n".encode()


def ok(content: bytes = b"ok", more: str = "") -> bytes:
    return (
        f"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {len(content)}\r\n{more}\r\n".encode()
        + content
    )


def one(connection: int, path: str, content: bytes = b"ok") -> list[Step]:
    """A whole connection of one exchange."""
    return [
        (connection, ">", get(path)),
        (connection, ".", b""),
        (connection, "<", ok(content)),
        (connection, "closed", b""),
        (connection, "end", b""),
    ]


def index_of(path: Path) -> list[Any]:
    """The rows of the index, as they are in the file."""
    with Capture(str(path)) as capture:
        return rows(capture)


def rows(capture: Capture) -> list[Any]:
    return list(capture.db.execute("SELECT * FROM exchanges ORDER BY number"))


def rebuilt(path: Path) -> list[Any]:
    """The rows of an index that is made anew of all events, in a copy of the file."""
    with Capture(str(path)) as capture:
        capture.db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    copy = Path(shutil.copy(path, path.with_name("rebuilt.hwire")))
    with Capture(str(copy)) as capture:
        capture.index.rebuild()
        capture.update()
        found = rows(capture)
    copy.unlink()
    return found


def octets(capture: Capture, number: int) -> tuple[bytes, bytes]:
    """The octets of both directions of an exchange."""
    entry = capture.entry(number)
    assert entry
    return tuple(b"".join(capture.octets(entry, side).blocks()) for side in (REQUEST, RESPONSE))  # type: ignore[return-value]
