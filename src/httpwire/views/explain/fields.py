"""What a field is for, and what its value says.

In: the name of a field, and its value. Out: of the name a message id and the section that
defines it; of the value glosses, whose offsets count from the value's first octet. They stand
in order and do not overlap; a value of a field that is not known here has none.
"""

from __future__ import annotations

from httpwire.language import N_, Sentence
from httpwire.views.explain.cutting import cut
from httpwire.views.explain.purposes import around, browsers, http
from httpwire.views.explain.syntax import Piece
from httpwire.views.explain.values import agents, caching, connection, cookies, media, negotiation, routing, security
from httpwire.views.explain.values import browsers as browser_values

TYPE_CHECKING = False
if TYPE_CHECKING:
    from httpwire.views.explain.gloss import Gloss, Setting

PURPOSES = {**http.FIELDS, **browsers.FIELDS, **around.FIELDS}
EXPLAINERS = {
    **negotiation.EXPLAINERS,
    **media.EXPLAINERS,
    **caching.EXPLAINERS,
    **connection.EXPLAINERS,
    **agents.EXPLAINERS,
    **browser_values.EXPLAINERS,
    **cookies.EXPLAINERS,
    **security.EXPLAINERS,
    **routing.EXPLAINERS,
}

_UNKNOWN = (N_("a field that is not in this catalogue; recipients ignore fields that they don't know"), "RFC 9110 5.1")
_PRIVATE = (N_("a field of someone's own making: X- marks those that are no standard"), "RFC 6648")


def purpose(name: bytes) -> tuple[str, str]:
    """The message id of what the field is for, and the section that defines it, which is empty where none does."""
    key = name.lower()
    return PURPOSES.get(key) or (_PRIVATE if key.startswith(b"x-") else _UNKNOWN)


def explain_value(name: bytes, value: bytes, setting: Setting) -> list[Gloss]:
    """What the value says, part by part."""
    explainer = EXPLAINERS.get(name.lower())
    whole = Piece(0, value).part(0)
    if not whole.octets:
        return [whole.says(Sentence("the value is empty"), "RFC 9110 5.5")]
    if not explainer:
        return []
    glosses = cut(whole, explainer(whole, setting), purpose(name)[1])
    return glosses or [whole.says(Sentence("only separators, with nothing between them"), "RFC 9110 5.6.1")]
