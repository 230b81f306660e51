"""What `httpwire.serve` takes as answers, and the Answers that are made of it.

In: octets, paths, Scripted ones, several of them, or a mapping from "METHOD TARGET". Out: Answers.
What can't be an answer is told before a server is started, and nothing stays open.
"""

from __future__ import annotations

import os

from httpwire.capture.answers import Answer, Answers
from httpwire.capture.faults import NO_FAULTS, Faults
from httpwire.capture.pairs import holds_many, open_answers
from httpwire.capture.raw import Outgoing
from httpwire.errors import AnswerUnreadable, UsageError
from httpwire.language import N_
from httpwire.wire.element import Direction
from httpwire.wire.head import Head
from httpwire.wire.message import Message
from httpwire.wire.record import Record, at
from httpwire.wire.stream import Stream

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    #: An answer's octets, or the path of a file that holds them.
    Recorded = bytes | bytearray | memoryview | str | os.PathLike[str]


class Scripted(Record):
    """An answer that goes out with `faults`."""

    __slots__ = ()
    FIELDS = ("answer", "faults")
    answer: Recorded = at(0)
    faults: Faults = at(1)

    def __new__(cls, answer: Recorded, faults: Faults) -> Scripted:
        return tuple.__new__(cls, (answer, faults))


_ONE = (bytes, bytearray, memoryview, str, os.PathLike, Scripted)

if TYPE_CHECKING:
    One = Recorded | Scripted
    #: One answer for every request, some in order, or by "METHOD TARGET" one or some.
    Given = One | Iterable[One] | Mapping[str, One | Iterable[One]]


def check(name: str, value: object, kind: type, *, least: int | None = None) -> None:
    """See that an argument is what it has to be. Raises TypeError, ValueError."""
    if value is None and name != "faults":
        return
    if not isinstance(value, kind):
        raise TypeError(f"{name} takes {kind.__name__}, not {value!r}")
    if least is not None and isinstance(value, int) and value < least:
        raise ValueError(f"{name} takes {least} or more, not {value!r}")


def answers_of(given: Given, faults: Faults) -> Answers:
    """All that `serve` was given, going out with `faults` where nothing else is scripted. Raises TypeError, UsageError,
    AnswerUnreadable."""
    if isinstance(given, _ONE):
        if isinstance(given, (str, os.PathLike)) and holds_many(os.fspath(given)):
            found = open_answers([os.fspath(given)], times=faults.timing)[0]
            found.use(faults)
            return found
        return Answers(others=[answer_of(given, faults)])
    made: list[Answer] = []
    try:
        if hasattr(given, "items"):
            for asked, some in given.items():
                request = _request(asked)
                several = [some] if isinstance(some, _ONE) else some
                made += [answer_of(one, faults, request) for one in several]
        else:
            made += [answer_of(one, faults) for one in given]
        if not made:
            raise UsageError(N_("there is no answer to serve"))
    except BaseException:
        for answer in made:
            answer.source.close()
        raise
    return Answers(made) if made[0].request and hasattr(given, "items") else Answers(others=made)


def answer_of(given: One, faults: Faults = NO_FAULTS, request: Message | None = None) -> Answer:
    """One answer, to `request` where that is known. Raises TypeError, AnswerUnreadable."""
    recorded, faults = (given.answer, given.faults) if isinstance(given, Scripted) else (given, faults)
    check("faults", faults, Faults)
    if isinstance(recorded, (bytes, bytearray, memoryview)):
        return Answer(Outgoing.from_bytes(bytes(recorded)), request=request, faults=faults)
    if not isinstance(recorded, (str, os.PathLike)):
        raise TypeError(f"an answer is bytes, a path or Scripted, not {recorded!r}")
    path = os.fspath(recorded)
    if isinstance(path, str) and "\n" in path:
        raise AnswerUnreadable(
            path=path[:20], why=N_("a str is a path"), hint=N_("give the octets of an answer as bytes")
        )
    if holds_many(path):
        raise AnswerUnreadable(path=path, why=N_("it holds many answers, and one is asked for"))
    answer = open_answers([path], times=faults.timing)[0].all[0]
    answer.request = request or answer.request
    answer.faults = faults
    return answer


def _request(asked: object) -> Message:
    """The request "METHOD TARGET" as a message without fields."""
    if isinstance(asked, str) and asked.isascii() and asked.count(" ") == 1:
        octets = asked.encode("ascii") + b" HTTP/1.1\r\n\r\n"
        stream = Stream(Direction.REQUEST)
        events = stream.feed(octets)
        head = next((event for event in events if isinstance(event, Head)), None)
        if head and head.line.target and head.stop == len(octets) and head.line.version and not head.lines:
            return Message(Direction.REQUEST, 0, head.stop, head.stop, head)
    raise UsageError(N_("a request is named 'METHOD TARGET', as 'GET /', not {asked}"), asked=repr(asked))
