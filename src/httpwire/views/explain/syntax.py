"""Parts of a field value, each with where it stands.

In: a value as a Piece. Out: Pieces of it: members of lists (quoted strings kept whole,
empty members left out), names and their values, words, numbers. Octets that fit nothing are
Pieces as well: reading is lenient, judging is for who explains. Each runs in linear time.
"""

from __future__ import annotations

import re
from itertools import islice

from httpwire.views.explain.gloss import Gloss
from httpwire.views.text import visible
from httpwire.wire import grammar
from httpwire.wire.record import Record, at

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from httpwire.language import Sentence

_BLANK = b" \t"
_LONGEST = 60  # octets that a sentence repeats of a value
_DIGITS = 18  # of a number that is taken for one: more overflow elsewhere, too
# A quote that is never closed goes up to the end, so that nothing of this is ever tried twice.
_QUOTED = rb'"[^"\\]*(?:\\.[^"\\]*)*(?:"|\\?\Z)'
_STRING = re.compile(rb'(?s)"([^"\\]*(?:\\.[^"\\]*)*)"')
_ESCAPE = re.compile(rb"(?s)\\(.)")
_MEMBERS = {
    separator: re.compile(rb'(?s)[ \t%s]*+((?:[^"%s]+|%s)+)' % (separator, separator, _QUOTED))
    for separator in (b",", b";", b" ")
}
_PARTS = re.compile(rb"[^; \t][^;]*")
_WEIGHT = re.compile(rb"0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?")  # RFC 9110 12.4.2


class Piece(Record):
    """`octets` of a value, and the offset of the first of them in it."""

    __slots__ = ()
    FIELDS = ("start", "octets")
    start: int = at(0)
    octets: bytes = at(1)

    def __new__(cls, start: int, octets: bytes) -> Piece:
        return tuple.__new__(cls, (start, octets))

    @property
    def stop(self) -> int:
        return self.start + len(self.octets)

    def says(self, sentence: Sentence, section: str = "") -> Gloss:
        """What this stretch says, as a gloss."""
        return Gloss(self.start, self.stop, sentence, section)

    def part(self, start: int, stop: int | None = None) -> Piece:
        """From index `start` up to `stop` of this one, without the blanks around it."""
        octets = self.octets[start:stop]
        bare = octets.lstrip(_BLANK)
        return Piece(self.start + start + len(octets) - len(bare), bare.rstrip(_BLANK))

    def members(self, separator: bytes = b",") -> Iterator[Piece]:
        """The parts between separators; those in quoted strings separate nothing."""
        match, position = _MEMBERS[separator].match, 0
        while found := match(self.octets, position):
            yield self.part(*found.span(1))
            position = found.end()

    def split(self) -> Iterator[Piece]:
        """The parts between semicolons, where quotes mean nothing."""
        for found in _PARTS.finditer(self.octets):
            yield self.part(*found.span())

    def parameters(self) -> tuple[Piece, list[Piece]]:
        """What stands first, and the parameters after it, between semicolons; nobody means more than 64."""
        first, *parameters = list(islice(self.members(b";"), 65)) or [self]
        return first, parameters

    def pair(self, mark: bytes = b"=") -> tuple[Piece, Piece | None]:
        """What stands before `mark` and what after it, which is None where there is no mark."""
        index = self.octets.find(mark)
        if index < 0:
            return self, None
        return self.part(0, index), self.part(index + len(mark))

    @property
    def word(self) -> str:
        """The token that this is, in lower case; empty where it is none."""
        return self.octets.lower().decode("ascii") if grammar.TOKEN.fullmatch(self.octets) else ""

    @property
    def shown(self) -> str:
        """As text that is safe to show, the end left out where it is long."""
        return visible(self.octets, _LONGEST)

    @property
    def unquoted(self) -> bytes:
        """The content of a quoted string; anything else as it is."""
        found = _STRING.fullmatch(self.octets)
        return _ESCAPE.sub(rb"\1", found[1]) if found else self.octets

    @property
    def text(self) -> str:
        """As `shown`, without the quotes of a quoted string."""
        return visible(self.unquoted, _LONGEST)

    @property
    def number(self) -> int | None:
        """The number that this is, in quotes or not; None where it is none, or has more digits than any counts."""
        digits = self.unquoted
        return int(digits) if len(digits) <= _DIGITS and grammar.DIGITS.fullmatch(digits) else None

    @property
    def weight(self) -> float | None:
        """The weight from 0 to 1 that this is; None where it is none."""
        return float(self.octets) if _WEIGHT.fullmatch(self.octets) else None
