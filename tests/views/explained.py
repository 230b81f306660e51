"""What the tests of explanations share: values and targets in, (octets, sentence) pairs out."""

from __future__ import annotations

from httpwire.language import Translator
from httpwire.views.explain.fields import explain_value
from httpwire.views.explain.gloss import Gloss, Setting
from httpwire.wire.element import Direction

NOW = 1_795_747_631.0  # Fri, 27 Nov 2026 02:47:11 GMT
ASKED = Setting(Direction.REQUEST, NOW)
ANSWERED = Setting(Direction.RESPONSE, NOW)
_ENGLISH = Translator()


def told(octets: bytes, glosses: list[Gloss]) -> list[tuple[str, str]]:
    """The stretch that each gloss covers, and its sentence in English."""
    return [(octets[g.start : g.stop].decode("latin-1"), _ENGLISH.told(g.sentence)) for g in glosses]


def said(field: str, setting: Setting = ANSWERED) -> list[tuple[str, str]]:
    """What is said of the value of `field`, a whole field line."""
    name, _, value = field.encode("latin-1").partition(b": ")
    return told(value, explain_value(name, value, setting))


def in_order(octets: bytes, glosses: list[Gloss]) -> bool:
    """Whether the glosses stand one after the other, within the octets."""
    edges = [0, *(edge for gloss in glosses for edge in (gloss.start, gloss.stop)), len(octets)]
    return edges == sorted(edges)
