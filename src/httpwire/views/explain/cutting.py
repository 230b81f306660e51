"""How many glosses one value gets.

In: a value and its glosses as they come. Out: a list that ends after the 64th, with one more
that says how much is left. Values come from anyone and may have two million octets.
"""

from __future__ import annotations

from httpwire.language import Amount
from httpwire.views.explain.gloss import Gloss

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from httpwire.views.explain.syntax import Piece

MOST = 64


def cut(value: Piece, glosses: Iterable[Gloss], section: str) -> list[Gloss]:
    """The first of `glosses`; those that name no section get the field's own, `section`."""
    listed: list[Gloss] = []
    for gloss in glosses:
        if len(listed) == MOST:
            left = value.stop - gloss.start
            rest = Amount("{n} more byte is not explained here", "{n} more bytes are not explained here", left)
            listed.append(Gloss(gloss.start, value.stop, rest, section))
            break
        listed.append(gloss if gloss.section else gloss.replace(section=section))
    return listed
