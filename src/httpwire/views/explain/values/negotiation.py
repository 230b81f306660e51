"""What the client would like: types of content, compressions, languages, each with its weight.

In: the value of Accept, Accept-Encoding, Accept-Language, Accept-Charset, TE or Vary.
Out: a gloss for each member of the list, with its preference in words (RFC 9110 12.4.2).
"""

from __future__ import annotations

import re

from httpwire.language import N_, Sentence
from httpwire.views.explain.values.languages import language
from httpwire.views.explain.values.media import CODINGS, media_type

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from httpwire.views.explain.gloss import Gloss, Setting
    from httpwire.views.explain.syntax import Piece
    from httpwire.views.explain.values.shapes import Explainer

_RANKED = re.compile(rb";[ \t]*[qQ][ \t]*=")


def _preferred(says: Sentence, weight: Piece | None) -> Sentence:
    """`says` with how much it is wanted."""
    if weight is None:
        return Sentence("{what}: most welcome", what=says)
    value = weight.weight
    if value is None:
        return Sentence(
            "{what}; the weight {q} is no number from 0 to 1 with three decimals at most", what=says, q=weight.shown
        )
    if value == 0:
        return Sentence("{what}: not acceptable (q=0)", what=says)
    if value == 1:
        return Sentence("{what}: most welcome (q=1)", what=says)
    if value >= 0.8:
        return Sentence("{what}: nearly as welcome (q={q})", what=says, q=weight.shown)
    if value >= 0.4:
        return Sentence("{what}: less welcome (q={q})", what=says, q=weight.shown)
    return Sentence("{what}: only for want of anything better (q={q})", what=says, q=weight.shown)


def _weighed(named: Callable[[Piece, list[Piece]], Sentence]) -> Explainer:
    """A list whose members `named` puts in words, from the member's word and its parameters other than q."""

    def explain(value: Piece, _: Setting) -> Iterator[Gloss]:
        told = set()
        ranked = _RANKED.search(value.octets)  # without any weight, all are as welcome, and none is most
        for member in value.members():
            what, parameters = member.parameters()
            weight, others = None, []
            for parameter in parameters:
                name, setting = parameter.pair()
                if name.word == "q":
                    weight = setting or parameter
                else:
                    others.append(parameter)
            says = named(what, others)
            if ranked:
                says = _preferred(says, weight)
            key = (what.octets.lower(), *(other.octets for other in others))
            if key in told:
                says = Sentence("{what}; it was listed before", what=says)
            told.add(key)
            yield member.says(says)

    return explain


def _media_range(piece: Piece, parameters: list[Piece]) -> Sentence:
    says = media_type(piece)
    if not parameters:
        return says
    listed = parameters[0].shown if len(parameters) == 1 else f"{parameters[0].shown}; ..."
    return Sentence("{what} ({parameters})", what=says, parameters=listed)


def _coding(piece: Piece, _: list[Piece]) -> Sentence:
    if piece.octets == b"*":
        return Sentence("any other coding")
    says = CODINGS.get(piece.word)
    return Sentence(says) if says else Sentence("the coding {coding}", coding=piece.shown)


def _language(piece: Piece, _: list[Piece]) -> Sentence:
    return Sentence("any other language") if piece.octets == b"*" else language(piece)


def _charset(piece: Piece, _: list[Piece]) -> Sentence:
    if piece.octets == b"*":
        return Sentence("any other character encoding")
    return Sentence("the character encoding {charset}", charset=piece.shown)


_TRANSFERS = {
    "trailers": N_("the client takes fields after the content (trailers)"),
    "gzip": N_("gzip, as a transfer coding"),
    "deflate": N_("deflate, as a transfer coding"),
    "chunked": N_("chunked, which goes without saying and must not be listed"),
}


def _transfer(piece: Piece, _: list[Piece]) -> Sentence:
    says = _TRANSFERS.get(piece.word)
    return Sentence(says) if says else Sentence("the transfer coding {coding}", coding=piece.shown)


def transfers(value: Piece, setting: Setting) -> Iterator[Gloss]:
    """TE: trailers have no weight."""
    for member in value.members():
        if member.word == "trailers":
            yield member.says(Sentence(_TRANSFERS["trailers"]))
        else:
            yield from _weighed(_transfer)(member, setting)


_VARIED = {
    "*": N_("anything at all: caches can't know whether the answer fits another request"),
    "accept-encoding": N_("the compressions that the client takes"),
    "accept-language": N_("the languages that the user prefers"),
    "accept": N_("the types of content that the client can use"),
    "user-agent": N_("the client's program; caches then keep a great many copies"),
    "cookie": N_("the cookies, so that in effect each user gets another answer"),
    "origin": N_("the origin (scheme, host and port) of the page that sends the request"),
}


def varied(value: Piece, _: Setting) -> Iterator[Gloss]:
    """Vary: which fields of the request made the answer what it is."""
    for member in value.members():
        says = _VARIED.get(member.shown.lower())
        if says:
            yield member.says(Sentence("the answer depends on this: {what}", what=Sentence(says)))
        else:
            yield member.says(Sentence("the answer depends on the request's field {name}", name=member.shown))


EXPLAINERS: dict[bytes, Explainer] = {
    b"accept": _weighed(_media_range),
    b"accept-encoding": _weighed(_coding),
    b"accept-language": _weighed(_language),
    b"accept-charset": _weighed(_charset),
    b"accept-patch": _weighed(_media_range),
    b"accept-post": _weighed(_media_range),
    b"te": transfers,
    b"vary": varied,
}
