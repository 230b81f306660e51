"""Finds the exchanges of a capture that fit all of some filters.

In: filters as words (see filters), and a Capture. Out: Entries in the order of their numbers, as they are found: what
the index knows is asked of SQLite, a few thousand exchanges at a time, so that it can be stopped; only what is left
then has its octets looked at. Arrivals gives them while the index is still being made, or goes on.
"""

from __future__ import annotations

import time
from itertools import islice

from httpwire.capture.store.connection import UNDER_WAY
from httpwire.capture.store.filters import condition_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from httpwire.capture.store.capture import Capture
    from httpwire.capture.store.entry import Entry

_SLICE = 20_000  # exchanges that are asked for at once
_SEARCHED = 5_000  # where their octets are looked at
_AT_HAND = 500  # of which the octets are held at once
PATIENCE = 2_000  # later exchanges that one under way holds up while the index is being made
_TOGETHER = 500  # numbers in one question
_END = "SELECT max(number) FROM (SELECT number FROM exchanges WHERE number > ? AND number <= ? ORDER BY number LIMIT ?)"
_FIRST_UNDER_WAY = "SELECT min(number) FROM exchanges WHERE number > ? AND outcome = ?"
_ALL = (1 << 63) - 1


class Query:
    """What fits all of `words`, of which there may be none; `now` (seconds since 1970) is what "ago" counts from."""

    def __init__(self, words: Iterable[str] = (), *, now: float | None = None) -> None:
        """Raises FilterInvalid."""
        moment = time.time() if now is None else now
        conditions = [condition_of(word, moment) for word in words]
        asked = [condition for condition in conditions if condition.sql]
        self._where = [f"({condition.sql})" for condition in asked]
        self._values = [value for condition in asked for value in condition.values]
        self._searches = [condition.search for condition in conditions if condition.search]

    @property
    def asks(self) -> bool:
        """Whether anything is asked for: else all exchanges fit."""
        return bool(self._where or self._searches)

    def find(
        self,
        capture: Capture,
        *,
        after: int = 0,
        until: int = _ALL,
        progress: Callable[[int], None] | None = None,
    ) -> Iterator[Entry]:
        """The exchanges that fit, of those with numbers over `after` and up to `until`. `progress` is told up to which
        number all were looked at. Raises RecordingUnreadable, RecordingBroken."""
        size = _SEARCHED if self._searches else _SLICE
        while (last := capture.ask(_END, (after, until, size))) is not None:
            yield from self._fitting(capture, "number > ? AND number <= ?", (after, last))
            after = last
            if progress:
                progress(last)

    def among(self, capture: Capture, numbers: list[int]) -> Iterator[Entry]:
        """The exchanges that fit, of those with these numbers (some hundred), in order."""
        return self._fitting(capture, f"number IN ({', '.join('?' * len(numbers))})", tuple(numbers))

    def _fitting(self, capture: Capture, which: str, values: tuple[int, ...]) -> Iterator[Entry]:
        where = " AND ".join((which, *self._where))
        found = capture.exchanges(where, (*values, *self._values))
        if not self._searches:
            yield from found
            return
        while entries := list(islice(found, _AT_HAND)):
            at_hand = capture.small(entries)
            for entry in entries:
                if all(search.fits(capture, entry, at_hand.get(entry.number)) for search in self._searches):
                    yield entry


class Arrivals:
    """The exchanges of `capture` that fit `query`, each once, as the index comes to know that they are over. One that
    is under way holds up at most `patience` later ones; it then comes when it is over."""

    def __init__(self, capture: Capture, query: Query, *, patience: int) -> None:
        self._capture = capture
        self._query = query
        self._patience = patience
        self._at = 0  # exchanges up to here were looked at
        self._held: set[int] = set()  # but for these, which are under way

    def over(self, progress: Callable[[int], None] | None = None) -> Iterator[Entry]:
        """Those that are over and were not given before; `progress` is told up to which number all were looked at.

        Raises RecordingUnreadable, RecordingBroken."""
        yield from self._ended()
        capture = self._capture
        while True:
            last = capture.last
            waiting = capture.ask(_FIRST_UNDER_WAY, (self._at, UNDER_WAY))
            stop = waiting - 1 if waiting else last
            for entry in self._query.find(capture, after=self._at, until=stop, progress=progress):
                self._at = max(self._at, entry.number)
                yield entry
            self._at = max(self._at, stop)
            if not waiting or last - waiting < self._patience:
                return
            self._held.add(waiting)
            self._at = waiting

    def _ended(self) -> Iterator[Entry]:
        """Those that were under way and are no more."""
        numbers = sorted(self._held)
        for first in range(0, len(numbers), _TOGETHER):
            some = numbers[first : first + _TOGETHER]
            where = f"number IN ({', '.join('?' * len(some))}) AND outcome = ?"
            going = {entry.number for entry in self._capture.exchanges(where, (*some, UNDER_WAY))}
            over = [number for number in some if number not in going]
            self._held.difference_update(over)
            if over:
                yield from self._query.among(self._capture, over)

    def rest(self, progress: Callable[[int], None] | None = None) -> Iterator[Entry]:
        """All others, under way or not."""
        numbers = sorted(self._held)
        self._held.clear()
        for first in range(0, len(numbers), _TOGETHER):
            yield from self._query.among(self._capture, numbers[first : first + _TOGETHER])
        yield from self._query.find(self._capture, after=self._at, progress=progress)


def every(capture: Capture, query: Query) -> Iterator[Entry]:
    """The exchanges that fit, as the index comes to know them. Raises RecordingUnreadable, RecordingBroken."""
    arrivals = Arrivals(capture, query, patience=PATIENCE)
    while capture.index.step():
        yield from arrivals.over()
    yield from arrivals.rest()
