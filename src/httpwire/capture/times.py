"""When the octets of an answer came: a file beside it, written by `send` and read by `serve`.

JSON lines, one for each segment: `at`, seconds since the request was out, and `stop`, the
offset that the answer had reached.
"""

from __future__ import annotations

import os

from httpwire.capture.raw import Saving
from httpwire.errors import AnswerUnreadable
from httpwire.language import N_

_LONGEST = 1e9  # seconds
ENDING = ".times"  # added to the name of the answer's file


def read_times(path: str) -> tuple[tuple[float, int], ...]:
    """The times of the answer in `path`; empty where there are none. Raises AnswerUnreadable."""
    beside = path + ENDING
    if not os.path.isfile(beside):
        return ()
    import json

    try:
        with open(beside, encoding="ascii") as file:
            lines = [json.loads(line) for line in file]
        times = [(float(line["at"]), line["stop"]) for line in lines]
        reached = (0.0, 0)
        for at, stop in times:
            if type(stop) is not int or not (reached[0] <= at <= _LONGEST and reached[1] <= stop):
                raise ValueError(at, stop)
            reached = at, stop
    except (OSError, ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
        raise AnswerUnreadable(path=beside, why=N_("it does not hold the times of an answer")) from error
    return tuple(times)


class Times:
    """The times of the answer in `path`, as its octets come."""

    def __init__(self, path: str) -> None:
        """Raises OutputUnwritable."""
        self._saving = Saving(path + ENDING)

    def write(self, at_ns: int, stop: int) -> None:
        """The answer reached the offset `stop`, `at_ns` after the request. Raises SaveFailed."""
        self._saving.write(b'{"at": %d.%09d, "stop": %d}\n' % (*divmod(max(0, at_ns), 1_000_000_000), stop))

    def finish(self, *, complete: bool) -> None:
        """No more will come. Raises SaveFailed."""
        self._saving.finish(complete=complete)
