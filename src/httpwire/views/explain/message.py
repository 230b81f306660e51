"""What every element of a message says: the glosses of an Anatomy.

In: an Anatomy and a Setting. Out: Glosses with absolute offsets, in order: one on each element, or those
on the parts of a value or target. Line ends, which say the same everywhere, are glossed once;
they, blanks and colons each time with `everything`.
"""

from __future__ import annotations

from httpwire.language import Sentence
from httpwire.views.explain import lines
from httpwire.views.explain.elements import explain_chunk_size, explain_kind, explain_line_end
from httpwire.views.explain.fields import explain_value, purpose
from httpwire.views.explain.gloss import Gloss, Setting
from httpwire.wire.element import Element, ElementKind

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from httpwire.views.anatomy import Anatomy, Row

_EVERYWHERE = frozenset((ElementKind.BLANK, ElementKind.COLON, ElementKind.LINE_END))


def explain(anatomy: Anatomy, setting: Setting, *, everything: bool = False) -> tuple[Gloss, ...]:
    """The glosses on the rows of `anatomy`."""
    told: set[str] = set()
    glosses: list[Gloss] = []
    for row in anatomy.rows:
        for gloss, element in _row(row, setting):
            if element.kind in _EVERYWHERE and not everything:
                if element.kind is not ElementKind.LINE_END or gloss.sentence.says in told:
                    continue
                told.add(gloss.sentence.says)
            glosses.append(gloss)
    return tuple(glosses)


def _row(row: Row, setting: Setting) -> Iterator[tuple[Gloss, Element]]:
    method = name = b""
    folded = any(element.kind is ElementKind.FOLD for element in row.elements)
    for element, octets in row.pieces():
        kind = element.kind
        parts: list[Gloss] = []
        if kind is ElementKind.METHOD:
            method = octets
            sentence, section = lines.explain_method(octets)
        elif kind is ElementKind.VERSION:
            sentence, section = lines.explain_version(octets)
        elif kind is ElementKind.STATUS:
            sentence, section = lines.explain_status(int(octets))
        elif kind is ElementKind.REASON:
            sentence, section = lines.explain_reason(octets)
        elif kind is ElementKind.LINE_END:
            sentence, section = explain_line_end(octets)
        elif kind is ElementKind.CHUNK_SIZE:
            sentence, section = explain_chunk_size(octets)
        elif kind is ElementKind.FIELD_NAME:
            name = octets
            says, section = purpose(octets)
            sentence = Sentence(says)
        else:
            says, section = explain_kind(kind)
            sentence = Sentence(says)
            if kind is ElementKind.TARGET:
                parts = lines.explain_target(octets, method)
            elif kind is ElementKind.FIELD_VALUE and not folded:
                parts = explain_value(name, octets, setting)
        if not parts:  # they say more than what kind of element it is
            yield Gloss(element.start, element.stop, sentence, section), element
        for part in parts:
            yield part.moved(element.start), element
