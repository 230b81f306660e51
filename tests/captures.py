"""Capture files made for tests, and what is in them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from httpwire.capture.model import Ending, EventKind, WireEvent
from httpwire.capture.store.capture import Capture
from httpwire.capture.store.entry import Entry
from httpwire.capture.store.writing import Appender
from httpwire.capture.traffic import ConnectionFacts, put_exchange
from httpwire.wire.element import Direction

BEGAN = 1_700_000_000_000_000_000  # ns since 1970

Pair = tuple[bytes, bytes]


class Bytes(bytearray):
    """An Output in memory."""

    def write(self, data: bytes, /) -> None:
        self += data


class Told:
    """A Sink that notes what it is told, and insists on what a Sink may rely on."""

    def __init__(self) -> None:
        self.facts: list[ConnectionFacts] = []
        self.events: list[list[WireEvent]] = []

    def open(self, facts: ConnectionFacts) -> int:
        self.facts.append(facts)
        self.events.append([])
        return len(self.facts)

    def revise(self, connection: int, facts: ConnectionFacts) -> None:
        self.facts[connection - 1] = facts

    def event(
        self,
        connection: int,
        at_ns: int,
        direction: Direction | None,
        kind: EventKind,
        data: bytes | memoryview = b"",
    ) -> None:
        events = self.events[connection - 1]
        assert 0 <= at_ns < 1 << 63
        assert not events or events[-1].kind is not EventKind.END, "nothing comes behind the end"
        assert not events or events[-1].at_ns <= at_ns, "time goes on"
        assert kind is not EventKind.SEGMENT or data
        events.append(WireEvent(at_ns, direction, kind, bytes(data)))

    def octets(self, direction: Direction) -> list[bytes]:
        """Those of each connection."""
        return [
            b"".join(e.data for e in events if e.kind is EventKind.SEGMENT and e.direction is direction)
            for events in self.events
        ]

    @property
    def pairs(self) -> list[Pair]:
        return list(zip(self.octets(Direction.REQUEST), self.octets(Direction.RESPONSE), strict=True))

    @property
    def all_ended(self) -> bool:
        return all(events and events[-1].kind is EventKind.END for events in self.events)

    @property
    def endings(self) -> list[Ending]:
        """Why each connection ended; all have."""
        assert self.all_ended
        return [Ending(bytes(e.data).decode()) for events in self.events for e in events if e.kind is EventKind.ENDED]


def capture_of(path: Path, exchanges: Iterable[Pair], *, facts: ConnectionFacts | None = None) -> Path:
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


def exchanges_of(path: Path | str) -> list[Pair]:
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
