"""What a person names where a recording is wanted: a file, standard input, or exchanges of a capture.

In: a word: PATH, "-", CAPTURE (all of its exchanges), CAPTURE#12, #12-15 (or #12..15), #1,3,7-, each with .request or
.response behind it for one side alone. A file of exactly that name is that file. Out: a Given, opened, that gives its
Recordings one by one; their octets are read from the capture when they are looked at.
"""

from __future__ import annotations

import os
import re

from httpwire.capture.raw import Outgoing
from httpwire.capture.store.signature import is_capture
from httpwire.errors import RecordingUnreadable, UsageError
from httpwire.language import N_
from httpwire.wire.element import Direction
from httpwire.wire.record import Record, at

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from httpwire.capture.store.capture import Capture
    from httpwire.capture.store.entry import Entry
    from httpwire.capture.traffic import ConnectionFacts

_PICKED = re.compile(r"([0-9,.-]*?)(?:\.(request|response))?")
_BOTH = (Direction.REQUEST, Direction.RESPONSE)
_HINT = N_("httpwire ls lists its exchanges")


class Recording(Record):
    """Octets of one `direction` (None: to be told from them). `asked` is the method of the request that a captured
    answer is to (bytes, empty where it is not known)."""

    __slots__ = ()
    FIELDS = ("source", "direction", "asked")
    source: Outgoing = at(0)
    direction: Direction | None = at(1)
    asked: bytes = at(2)

    def __new__(cls, source: Outgoing, direction: Direction | None = None, asked: bytes = b"") -> Recording:
        return tuple.__new__(cls, (source, direction, asked))


class Given:
    """What was named: a file that is one Recording."""

    #: The capture that the exchanges are of; None for a file.
    capture: Capture | None = None

    def __init__(self, name: str, source: Outgoing | None = None) -> None:
        self.name = name
        self._source = source

    def recordings(self) -> Iterator[Recording]:
        """Each side of each exchange, the request first. Raises RecordingUnreadable, RecordingBroken."""
        assert self._source
        yield Recording(self._source)

    @property
    def path(self) -> str:
        """The name of the file that it is in."""
        return self.capture.path if self.capture else self.name

    def close(self) -> None:
        if self._source:
            self._source.close()


class GivenExchanges(Given):
    """Exchanges of a capture: those with the numbers in `picked` (as text, empty for all), or one side of them."""

    capture: Capture

    def __init__(self, name: str, path: str, picked: str, side: Direction | None) -> None:
        """Raises RecordingUnreadable, RecordingBroken, UsageError."""
        from httpwire.capture.store.capture import Capture
        from httpwire.capture.store.filters import ranges

        super().__init__(name)
        self._picked = picked
        self._ranges = ranges(picked) if picked else []
        self.sides = (side,) if side else _BOTH
        self.capture = Capture(path)
        self._facts: tuple[int, ConnectionFacts | None] = (0, None)
        try:
            self._look()
        except BaseException:
            self.capture.close()
            raise

    @property
    def _endless(self) -> bool:
        """Whether the last number is not said."""
        return not self._ranges or max(last for _, last in self._ranges) >= (1 << 62)

    def _look(self) -> None:
        """Read as much of the capture as has to be known of what was named, and see that it is there."""
        capture = self.capture
        wanted = [first for first, _ in self._ranges] or [1] if self._endless else [last for _, last in self._ranges]
        while not self._known(max(wanted)) and capture.index.step():
            pass
        first, last = capture.ask("SELECT min(number) FROM exchanges"), capture.last
        if first is None:
            raise RecordingUnreadable(path=capture.path, why=N_("there is no exchange in it yet"), errno=None)
        for start, stop in self._ranges:
            if not capture.ask("SELECT EXISTS (SELECT 1 FROM exchanges WHERE number BETWEEN ? AND ?)", (start, stop)):
                number = str(start) if start == stop else self._picked
                template = N_("{path} has no exchange {number}: it has {first} to {last}")
                raise RecordingUnreadable(
                    template, path=capture.path, number=number, first=first, last=last, why="", hint=_HINT
                )

    def _known(self, number: int) -> bool:
        """Whether all exchanges up to `number` are in the index, and over."""
        found = "SELECT max(number) >= ? AND NOT EXISTS (SELECT 1 FROM exchanges WHERE number <= ? AND outcome = ?)"
        return bool(self.capture.ask(f"{found} FROM exchanges", (number, number, "under way")))

    def entries(self) -> Iterator[Entry]:
        """The exchanges that were named, in that order. Raises RecordingUnreadable, RecordingBroken."""
        from httpwire.capture.store.query import Query, every

        if self._endless:
            yield from every(self.capture, Query([f"number={self._picked}"] if self._picked else []))
            return
        for first, last in self._ranges:
            yield from Query().find(self.capture, after=first - 1, until=last)

    def one(self) -> Entry:
        """The exchange that was named. Raises UsageError where several were, RecordingUnreadable, RecordingBroken."""
        entries = self.entries()
        first = next(entries)
        if next(entries, None):
            raise UsageError(
                N_("{name} names several exchanges, and one is wanted"),
                name=self.name,
                hint=N_("write the number of one behind it: CAPTURE#12"),
            )
        return first

    def recordings(self) -> Iterator[Recording]:
        for entry in self.entries():
            for side in self.sides:
                yield self.recording(entry, side)

    def recording(self, entry: Entry, side: Direction) -> Recording:
        """One side of an exchange. Raises RecordingUnreadable, RecordingBroken."""
        source = self.capture.octets(entry, side)
        if self._facts[0] != entry.connection:
            self._facts = entry.connection, self.capture.facts(entry.connection)
        source.facts = self._facts[1]
        source.gaps = self.capture.gaps(entry, side)
        return Recording(source, side, entry.method.encode("latin-1") if side is Direction.RESPONSE else b"")

    def close(self) -> None:
        self.capture.close()


def open_given(word: str) -> Given:
    """Open what `word` names. Raises RecordingUnreadable, RecordingBroken, UsageError."""
    if word == "-":
        return Given(word, Outgoing.from_path(word))
    path, picked, side = _taken_apart(word)
    if path == word and not is_capture(path):
        return Given(word, Outgoing.from_path(word))
    return GivenExchanges(word, path, picked, side)


def names_exchanges(name: str) -> bool:
    """Whether `name` is a capture, or one with numbers behind it."""
    path, mark, _ = name.rpartition("#")
    return is_capture(name) or bool(mark and not os.path.lexists(name) and is_capture(path))


def open_capture(word: str) -> tuple[Capture, list[str]]:
    """Open the capture that `word` names, with the filter that its numbers are. Raises as open_given."""
    from httpwire.capture.store.capture import Capture

    path, picked, side = _taken_apart(word)
    if side:
        raise UsageError(N_("exchanges are listed whole: leave out .{side}"), side=side.value)
    return Capture(path), [f"number={picked}"] if picked else []


def _taken_apart(word: str) -> tuple[str, str, Direction | None]:
    """The path in `word`, the numbers behind #, and the side. Raises UsageError where they are none."""
    path, mark, picked = word.rpartition("#")
    if not mark or os.path.lexists(word):
        return word, "", None
    match = _PICKED.fullmatch(picked)
    if not match:
        if not is_capture(path):
            return word, "", None
        raise _misnamed(word)
    if match[1]:
        from httpwire.capture.store.filters import ranges

        try:
            ranges(match[1])
        except (ValueError, OverflowError) as error:
            raise _misnamed(word) from error
    return path, match[1], Direction(match[2]) if match[2] else None


def _misnamed(word: str) -> UsageError:
    hint = N_("write CAPTURE#12, #12-15 or #1,3,7-, and .request or .response behind it for one side")
    return UsageError(N_("{word} names no exchange"), word=word, hint=hint)
