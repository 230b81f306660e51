"""The Python interface to captures: a NAME.hwire opened, its exchanges by number or found again.

In: a path, and filters as the words that `httpwire ls` takes. Out: StoredExchanges, one by one, with what the capture's
index knows of them and their octets as they were on the wire, read when they are asked for.
"""

from __future__ import annotations

import os

from httpwire.capture.store.capture import Capture
from httpwire.capture.store.connection import UNDER_WAY
from httpwire.capture.store.query import Query, every
from httpwire.wire.element import Direction

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Self

    from httpwire.capture.store.entry import Entry
    from httpwire.capture.traffic import ConnectionFacts


class StoredExchange:
    """One exchange of an open capture. `number` names it there, `entry` is what the index has of it: `method`,
    `target`, `host`, `type` (str), `status` (int, 0 without an answer), sizes (octets), times (ns), `outcome`,
    `findings`."""

    def __init__(self, capture: Capture, entry: Entry) -> None:
        self._capture = capture
        self.number = entry.number
        self.entry = entry

    def __repr__(self) -> str:
        entry = self.entry
        return f"<StoredExchange {entry.number}: {entry.method} {entry.target} {entry.status}>"

    @property
    def request(self) -> bytes:
        """The request's octets, all of them. Raises RecordingUnreadable, RecordingBroken, as all that reads."""
        return b"".join(self.request_blocks())

    @property
    def response(self) -> bytes:
        """The answer's octets, interim responses first, empty where there is none."""
        return b"".join(self.response_blocks())

    def request_blocks(self) -> Iterator[bytes]:
        """The request's octets in blocks, for those of any size."""
        return self._capture.octets(self.entry, Direction.REQUEST).blocks()

    def response_blocks(self) -> Iterator[bytes]:
        """The answer's octets in blocks."""
        return self._capture.octets(self.entry, Direction.RESPONSE).blocks()

    @property
    def connection(self) -> ConnectionFacts:
        """What is known of its connection: addresses, TLS, where it was read from. `reconstructed` is not empty where
        its octets are not the wire's."""
        return self._capture.facts(self.entry.connection)


class OpenCapture:
    """A capture that is open; a context manager. Other processes may append meanwhile."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._capture = Capture(os.fspath(path))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        self._capture.close()

    def __iter__(self) -> Iterator[StoredExchange]:
        return self.exchanges()

    def exchanges(self, *filters: str) -> Iterator[StoredExchange]:
        """The exchanges that fit all `filters` ("status=5xx", "host=*.example.com", "field=cookie": the words of
        `httpwire ls`), one by one. Raises FilterInvalid, RecordingUnreadable, RecordingBroken."""
        query = Query(filters)
        return (StoredExchange(self._capture, entry) for entry in every(self._capture, query))

    def __getitem__(self, number: int) -> StoredExchange:
        """The exchange with that number. Raises KeyError."""
        entry = self._capture.entry(number)
        if entry is None or entry.outcome == UNDER_WAY:  # there may be more of it than the index knows
            self._capture.update()
            entry = self._capture.entry(number)
        if entry is None:
            raise KeyError(number)
        return StoredExchange(self._capture, entry)

    def __len__(self) -> int:
        """How many exchanges there are."""
        self._capture.update()
        return self._capture.count()


def open_capture(path: str | os.PathLike[str]) -> OpenCapture:
    """Open the capture at `path` for reading:

        with httpwire.open_capture("night.hwire") as capture:
            for exchange in capture.exchanges("status=5xx", "duration=1s.."):
                print(exchange.number, exchange.entry.target, len(exchange.response))

    Raises RecordingUnreadable (no capture, damaged, of a newer format).
    """
    return OpenCapture(path)
