"""What differs between two recordings: the model that the text and JSON forms render.

In: nothing. Out: Difference, one thing that is not the same; Compared, one message of each file held
against the other; Ignoring, which differences do not count; Tally, how many do. A value is octets (bytes) where it is
read off the wire, characters (str) where it is decoded, how many bytes (int), or a Sentence (such as a place).
"""

from __future__ import annotations

from enum import Enum

from httpwire.language import N_
from httpwire.wire.element import Span
from httpwire.wire.record import Record, at

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from httpwire.capture.reading import Part
    from httpwire.language import Sentence

    Value = bytes | str | int | Sentence | None


class Layer(Enum):
    """Where a difference is, from the outside to the inside; the value is a message id."""

    BYTES = N_("bytes")
    MESSAGE = N_("message")
    FRAMING = N_("framing")
    START_LINE = N_("start line")
    FIELDS = N_("field")
    TRAILERS = N_("trailer")
    CONTENT = N_("content")


class What(Enum):
    """What kind of difference it is, as an id and a sentence that file names fill."""

    VALUE = ("value", N_("another value"))
    REMOVED = ("removed", N_("only in {old}"))
    ADDED = ("added", N_("only in {new}"))
    CASE = ("case", N_("capitals and small letters of the name"))
    SPACES = ("spaces", N_("only the spaces differ"))
    LINE_END = ("line-ends", N_("another line end"))
    ORDER = ("order", N_("another place"))
    CHUNKS = ("chunks", N_("cut into other chunks"))
    SPELLING = ("spelling", N_("the same value, written in another way"))
    CODING = ("coding", N_("the same content, coded in another way"))
    BEYOND = ("not-compared", N_("the same as far as it was decoded, but coded in another way"))
    LINES = ("lines", N_("other lines"))
    RANGE = ("range", N_("other bytes"))
    FIRST = ("first-difference", N_("too large to compare in detail; the first difference"))
    BROKEN = ("broken-coding", N_("it can't be decoded to its end; the first difference"))
    MORE = ("more", N_("more differences, which are not listed"))
    OTHER = ("other", N_("other bytes, in no part that is compared"))

    def __init__(self, id: str, says: str) -> None:
        self.id = id
        self.says = says


class Difference(Record):
    """One thing that is not the same in the old and the new file.

    `name` is the field's, the JSON path, or which part of its layer (a message id there); `old` and `new` are the
    values, None where there is none, of long content the beginnings. `old_at` and `new_at` say where, in `unit`s;
    `ignored` is what asked to ignore it, or empty.
    """

    __slots__ = ()
    FIELDS = ("layer", "what", "name", "old", "new", "old_at", "new_at", "ignored")
    layer: Layer = at(0)
    what: What = at(1)
    name: str = at(2)
    old: Value = at(3)
    new: Value = at(4)
    old_at: Span | None = at(5)
    new_at: Span | None = at(6)
    ignored: str = at(7)

    def __new__(
        cls,
        layer: Layer,
        what: What,
        name: str,
        old: Value = None,
        new: Value = None,
        old_at: Span | None = None,
        new_at: Span | None = None,
        ignored: str = "",
    ) -> Difference:
        return tuple.__new__(cls, (layer, what, name, old, new, old_at, new_at, ignored))

    @property
    def unit(self) -> str:
        """What offsets count: bytes of the file, bytes of the decoded content, or its lines; from 0."""
        if self.layer is not Layer.CONTENT or self.what in _OF_THE_WIRE:
            return "byte"
        return "line" if self.what in (What.LINES, What.LINE_END) else "content byte"


_OF_THE_WIRE = (What.CODING, What.BEYOND)


class Compared(Record):
    """The message `number` (from 1) of each file held against the other; None where a file has none.

    `differences` are all of them, also those that are ignored; `same` what has none: a layer, and how many fields or
    trailers of it are the same (1 for others).
    """

    __slots__ = ()
    FIELDS = ("number", "old", "new", "differences", "same")
    number: int = at(0)
    old: Part | None = at(1)
    new: Part | None = at(2)
    differences: tuple[Difference, ...] = at(3)
    same: tuple[tuple[Layer, int], ...] = at(4)

    def __new__(
        cls,
        number: int,
        old: Part | None,
        new: Part | None,
        differences: tuple[Difference, ...],
        same: tuple[tuple[Layer, int], ...],
    ) -> Compared:
        return tuple.__new__(cls, (number, old, new, differences, same))

    @property
    def left(self) -> tuple[Difference, ...]:
        """The differences that count."""
        return tuple(difference for difference in self.differences if not difference.ignored)


#: Fields that differ each time although nothing else changed: when it was answered, by whom on the way, how fast.
#: What says something of the content or the session (ETag, Last-Modified, Set-Cookie) is not among them.
VOLATILE = (
    "Date",
    "Age",
    "Expires",
    "Server-Timing",
    "X-Request-Id",
    "X-Correlation-Id",
    "X-Amzn-Trace-Id",
    "X-Runtime",
    "CF-Ray",
)
#: Kinds of difference that can be ignored as a field can.
WORDS = ("order", "case", "spaces", "line-ends", "chunks")

#: Differences that follow from a field: whoever ignores the field does not want to hear of them.
_FOLLOWS = {
    (Layer.FRAMING, "kind"): ("transfer-encoding", "content-length"),
    (Layer.FRAMING, "rule"): ("transfer-encoding", "content-length"),
    (Layer.FRAMING, "length"): ("content-length",),
}


class Ignoring:
    """Which differences do not count: `names` are of fields, in any case, or WORDS."""

    def __init__(self, names: Iterable[str] = ()) -> None:
        self._names = {name.lower(): name for name in names}

    def field(self, name: str) -> str:
        """What asked to ignore the field `name`, or empty."""
        return self._names.get(name.lower(), "")

    def applied(self, difference: Difference) -> Difference:
        """`difference`, marked where it does not count."""
        layer, what, name = difference[:3]
        asked = [what.id] if what.id in WORDS else []
        if layer in (Layer.FIELDS, Layer.TRAILERS):
            asked.append(name.lower())
        elif what is What.CODING:
            asked.append("content-encoding")
        asked.extend(_FOLLOWS.get((layer, name), ()))
        ignored = next((self._names[word] for word in asked if word in self._names), "")
        return difference.replace(ignored=ignored) if ignored else difference


class Tally:
    """What was found so far: `left` differences count, `ignored` ones do not; `names` say what asked for that."""

    def __init__(self) -> None:
        self.left = 0
        self.ignored = 0
        self.messages = self.same = 0  #: pairs, and those of them in which nothing is left
        self.names: dict[str, None] = {}

    def add(self, compared: Compared) -> None:
        left = len(compared.left)
        self.left += left
        self.ignored += len(compared.differences) - left
        self.messages += 1
        self.same += not left
        self.names.update((difference.ignored, None) for difference in compared.differences if difference.ignored)
