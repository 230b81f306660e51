"""Capture files made for tests, and what is in them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from httpwire.capture.model import EventKind
from httpwire.capture.store.capture import Capture
from httpwire.capture.store.entry import Entry
from httpwire.capture.store.writing import Appender
from httpwire.capture.traffic import ConnectionFacts, put_exchange
from httpwire.wire.element import Direction

BEGAN = 1_700_000_000_000_000_000  # ns since 1970


def capture_of(path: Path, exchanges: Iterable[tuple[bytes, bytes]], *, facts: ConnectionFacts | None = None) -> Path:
    """A capture with a connection for each (request, response), a second apart; the answer comes 5 ms after."""
    with Appender(str(path)) as sink:
        for number, (request, response) in enumerate(exchanges):
            own = (facts or ConnectionFacts(BEGAN)).replace(began_ns=BEGAN + number * 1_000_000_000)
            put_exchange(sink, own, [request], [response], sent_ns=1_000_000, first_ns=6_000_000, last_ns=9_000_000)
    return path


def entries_of(path: Path) -> list[Entry]:
    with Capture(str(path)) as capture:
        capture.update()
        return list(capture.exchanges())


def exchanges_of(path: Path) -> list[tuple[bytes, bytes]]:
    """The octets of each exchange, in the order of the numbers."""
    with Capture(str(path)) as capture:
        capture.update()
        return [
            (
                b"".join(capture.octets(entry, Direction.REQUEST).blocks()),
                b"".join(capture.octets(entry, Direction.RESPONSE).blocks()),
            )
            for entry in capture.exchanges()
        ]


def connections_of(path: Path) -> list[dict[Direction, bytes]]:
    """All octets of each connection, by direction."""
    with Capture(str(path)) as capture:
        return [
            {
                side: b"".join(
                    event.data
                    for event in capture.events(number)
                    if event.direction is side and event.kind is EventKind.SEGMENT
                )
                for side in Direction
            }
            for number in capture.connections()
        ]


def happened(path: Path) -> list[list[str]]:
    """What happened on each connection, segments that follow each other in one direction told once."""
    with Capture(str(path)) as capture:
        told: list[list[str]] = []
        for number in capture.connections():
            words: list[str] = []
            for event in capture.events(number):
                word = (
                    event.direction.value if event.kind is EventKind.SEGMENT and event.direction else event.kind.value
                )
                if not words or words[-1] != word:
                    words.append(word)
            told.append(words)
        return told
