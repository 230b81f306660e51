"""Glosses: what a stretch of octets says, in one sentence, and where that is defined.

In: nothing. Out: the value types that explainers give and views show. Sentences are said
in a language only when they are shown.
"""

from __future__ import annotations

from httpwire.wire.record import Record, at

TYPE_CHECKING = False
if TYPE_CHECKING:
    from httpwire.language import Sentence
    from httpwire.wire.element import Direction


class Gloss(Record):
    """What the octets from `start` up to `stop` say; `section` is where that is defined, or empty."""

    __slots__ = ()
    FIELDS = ("start", "stop", "sentence", "section")
    start: int = at(0)
    stop: int = at(1)
    sentence: Sentence = at(2)
    section: str = at(3)

    def __new__(cls, start: int, stop: int, sentence: Sentence, section: str = "") -> Gloss:
        return tuple.__new__(cls, (start, stop, sentence, section))

    def moved(self, by: int) -> Gloss:
        """The same, `by` octets further on."""
        return Gloss(self.start + by, self.stop + by, self.sentence, self.section)


class Setting(Record):
    """What an explainer may know besides the value: the message's direction, and the time now as seconds since
    1970 (None: not known, so nothing is said of how long ago something was)."""

    __slots__ = ()
    FIELDS = ("direction", "now")
    direction: Direction = at(0)
    now: float | None = at(1)

    def __new__(cls, direction: Direction, now: float | None = None) -> Setting:
        return tuple.__new__(cls, (direction, now))
