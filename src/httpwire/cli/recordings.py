"""The recordings that show, lint and diff are given.

In: Arguments. Out: Readings of the files that were named, opened, as what was asked for.
"""

from __future__ import annotations

from httpwire.capture.raw import Outgoing
from httpwire.capture.reading import Reading
from httpwire.cli.options import Arguments, Option
from httpwire.errors import UsageError
from httpwire.language import N_
from httpwire.wire.element import Direction

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

KIND = Option("as", "", N_("KIND"), N_("read the files as request or response, whatever they begin with"))


def open_readings(arguments: Arguments, verb: str) -> list[Reading]:
    """The files that were named, opened. A request followed by an answer are one exchange. Raises UsageError."""
    if not arguments.operands:
        raise UsageError(
            N_("{verb} needs the name of a file"), verb=verb, hint=N_("a recorded request or answer, or '-'")
        )
    if arguments.operands.count("-") > 1:
        raise UsageError(N_("'-', standard input, can be given only once"))
    forced = kind_asked(arguments)
    readings: list[Reading] = []
    try:
        for path in arguments.operands:
            source = Outgoing.from_path(path)
            before = readings[-1] if readings else None
            reading = Reading(source, forced)
            if before and before.direction is Direction.REQUEST and reading.direction is Direction.RESPONSE:
                reading = Reading(source, forced, before.methods())
            readings.append(reading)
    except BaseException:
        close(readings)
        raise
    return readings


def close(readings: Iterable[Reading]) -> None:
    """Close the files that were opened."""
    for reading in readings:
        reading.source.close()


def kind_asked(arguments: Arguments) -> Direction | None:
    """What the files are to be read as; None: as what they begin with. Raises UsageError."""
    return Direction(arguments.choice("as", ("request", "response"), "")) if arguments.has("as") else None
