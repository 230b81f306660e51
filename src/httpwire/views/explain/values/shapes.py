"""The shapes that many values have: one word, a list of words, a text, a number, a yes or no.

In: tables of words and message ids. Out: explainers, each a function of a value and its
setting that gives glosses. What fits no table is told as that, and nothing is refused.
"""

from __future__ import annotations

from httpwire.language import Sentence

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from httpwire.views.explain.gloss import Gloss, Setting
    from httpwire.views.explain.syntax import Piece

    Explainer = Callable[[Piece, Setting], Iterator[Gloss]]


def unknown(piece: Piece) -> Gloss:
    """For a word in a place where the specification lists those that it knows."""
    return piece.says(Sentence("{word}: not a value of the specification; recipients ignore it", word=piece.shown))


def choice(table: Mapping[str, str]) -> Explainer:
    """A value that is one word of `table`."""

    def explain(value: Piece, _: Setting) -> Iterator[Gloss]:
        says = table.get(value.shown.lower())
        yield value.says(Sentence(says)) if says else unknown(value)

    return explain


def words(table: Mapping[str, str], other: str = "", separator: bytes = b",") -> Explainer:
    """A list of words of `table`; any `other` word goes into a sentence with {word}."""

    def explain(value: Piece, _: Setting) -> Iterator[Gloss]:
        told = set()
        for member in value.members(separator):
            key = member.word or member.shown.lower()
            says = Sentence(table[key]) if key in table else Sentence(other, word=member.shown) if other else None
            if key in told:
                yield member.says(Sentence("{word}: listed before, and no different for that", word=member.shown))
            else:
                yield member.says(says) if says else unknown(member)
            told.add(key)

    return explain


def text(says: str) -> Explainer:
    """A value that is one thing, shown in a sentence as {text}."""

    def explain(value: Piece, _: Setting) -> Iterator[Gloss]:
        yield value.says(Sentence(says, text=value.text))

    return explain


def number(says: str, *, decimal: bool = False) -> Explainer:
    """A number, in a sentence as {number}."""

    def explain(value: Piece, _: Setting) -> Iterator[Gloss]:
        whole, point, part = value.octets.partition(b".")
        good = whole.isdigit() and (part.isdigit() if point else True) and (decimal or not point)
        yield value.says(Sentence(says, number=value.shown) if good else not_a_number(value))

    return explain


def not_a_number(piece: Piece) -> Sentence:
    """For octets in a place where a number belongs."""
    return Sentence("{value} is not a number that could be read", value=piece.shown)
