"""The recordings that show, lint and diff are given.

In: Arguments. Out: Readings of the files and exchanges that were named, as what was asked for.
"""

from __future__ import annotations

from httpwire.capture.named import Given, Recording, open_given
from httpwire.capture.reading import Reading
from httpwire.cli.options import Arguments, Option
from httpwire.errors import UsageError
from httpwire.language import N_
from httpwire.wire.element import Direction

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

KIND = Option("as", "", N_("KIND"), N_("read the files as request or response, whatever they begin with"))


class Readings:
    """What was named, opened: iterate over it for the Readings. A request followed by an answer are one exchange.
    Iterating raises RecordingUnreadable, RecordingBroken."""

    def __init__(self, given: list[Given], forced: Direction | None) -> None:
        self._given = given
        self._forced = forced

    @property
    def names(self) -> list[str]:
        """What was named."""
        return [each.name for each in self._given]

    @property
    def paths(self) -> list[str]:
        """The files that it is in."""
        return [each.path for each in self._given]

    @property
    def several(self) -> bool:
        """Whether there may be more than one Reading."""
        return len(self._given) > 1 or any(each.capture for each in self._given)

    def __iter__(self) -> Iterator[Reading]:
        before: Reading | None = None
        for each in self._given:
            for recording in each.recordings():
                before = self._reading(recording, before)
                yield before

    def _reading(self, recording: Recording, before: Reading | None) -> Reading:
        reading = reading_of(recording, self._forced)
        if reading.answers:
            return reading
        if before and before.direction is Direction.REQUEST and reading.direction is Direction.RESPONSE:
            return Reading(recording.source, self._forced, before.methods())
        return reading

    def close(self) -> None:
        """Close the files that were opened."""
        for each in self._given:
            each.close()


def open_readings(arguments: Arguments, verb: str) -> Readings:
    """What was named, opened. Raises UsageError, RecordingUnreadable, RecordingBroken."""
    if not arguments.operands:
        raise UsageError(
            N_("{verb} needs the name of a file"),
            verb=verb,
            hint=N_("a recorded request or answer, CAPTURE#NUMBER, or '-'"),
        )
    return Readings(open_all(arguments.operands), kind_asked(arguments))


def reading_of(recording: Recording, forced: Direction | None) -> Reading:
    """A Recording as what it is, or as what was asked for."""
    if recording.asked and forced is not Direction.REQUEST:
        return Reading(recording.source, Direction.RESPONSE, [recording.asked])
    return Reading(recording.source, forced or recording.direction)


def open_all(words: list[str]) -> list[Given]:
    """What `words` name, opened. Raises UsageError, RecordingUnreadable, RecordingBroken."""
    if words.count("-") > 1:
        raise UsageError(N_("'-', standard input, can be given only once"))
    given: list[Given] = []
    try:
        given.extend(map(open_given, words))
    except BaseException:
        for each in given:
            each.close()
        raise
    return given


def kind_asked(arguments: Arguments) -> Direction | None:
    """What the files are to be read as; None: as what they begin with. Raises UsageError."""
    return Direction(arguments.choice("as", ("request", "response"), "")) if arguments.has("as") else None
