"""Cookies: those that the client sends, and the one that a server sets.

In: the value of Cookie or Set-Cookie. Out: a gloss for each cookie and each attribute; values
are secrets as often as not, so that only their length is told.
"""

from __future__ import annotations

from httpwire.language import N_, Amount, Sentence
from httpwire.views.explain.moments import date, instant, told_seconds
from httpwire.views.explain.values.shapes import unknown

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from httpwire.views.explain.gloss import Gloss, Setting
    from httpwire.views.explain.syntax import Piece
    from httpwire.views.explain.values.shapes import Explainer

_PREFIXES = (  # rfc6265bis 4.1.3
    (b"__host-", N_("__Host-: only this very host could have set it, over https")),
    (b"__secure-", N_("__Secure-: it could be set over https only")),
)
_CUSTOMS = {
    b"phpsessid": N_("the session of PHP"),
    b"jsessionid": N_("the session of Java servers"),
    b"asp.net_sessionid": N_("the session of ASP.NET"),
    b"connect.sid": N_("the session of Express, for Node.js"),
    b"sessionid": N_("the session of Django, among others"),
    b"laravel_session": N_("the session of Laravel"),
    b"csrftoken": N_("protection against forged requests"),
    b"xsrf-token": N_("protection against forged requests"),
    b"_ga": N_("Google Analytics: recognizes the visitor"),
    b"_gid": N_("Google Analytics: recognizes the visitor for a day"),
    b"_fbp": N_("Facebook: recognizes the visitor for advertising"),
    b"__cf_bm": N_("Cloudflare: tells people from robots"),
    b"cf_clearance": N_("Cloudflare: a challenge was passed"),
}
_FLAGS = {
    "secure": N_("sent over https only"),
    "httponly": N_("out of reach of scripts in pages"),
    "partitioned": N_("kept apart for each site that embeds this one"),
}
_SAME_SITE = {
    "strict": N_("never sent when another site causes the request"),
    "lax": N_("not sent when another site causes the request, except when the user follows a link"),
    "none": N_("sent also when another site causes the request; it has to be Secure then"),
}
_LONG_OVER = 1_293_840_000  # 2011, when RFC 6265 came: whoever says an earlier date means to delete


def _cookie(pair: Piece) -> Sentence:
    name, value = pair.pair()
    if value is None or not name.octets:
        return Sentence("a cookie without a name")
    says: Sentence = Amount(
        "the cookie {name}, whose value has {n} byte",
        "the cookie {name}, whose value has {n} bytes",
        len(value.octets),
        name=name.shown,
    )
    key = name.octets[:20].lower()
    custom = _CUSTOMS.get(key) if len(name.octets) < 20 else None
    for prefix, promise in _PREFIXES:
        if key.startswith(prefix):
            custom = promise
    return Sentence("{cookie} ({custom})", cookie=says, custom=Sentence(custom)) if custom else says


def _cookies(value: Piece, _: Setting) -> Iterator[Gloss]:
    told = set()
    for member in value.split():
        name = member.pair()[0].octets
        says = _cookie(member)
        if name in told:
            says = Sentence("{cookie}; one of this name was listed before, of another path or domain", cookie=says)
        told.add(name)
        yield member.says(says)


def _set_cookie(value: Piece, setting: Setting) -> Iterator[Gloss]:
    attributes = value.split()
    first = next(attributes, value)
    yield first.says(_cookie(first))
    told = set()
    for member in attributes:
        name, argument = member.pair()
        if name.word in told:
            yield member.says(Sentence("{word} is given more than once; the last one counts", word=name.shown))
        else:
            yield from _attribute(member, name.word, argument, setting)
        told.add(name.word)


def _attribute(member: Piece, name: str, argument: Piece | None, setting: Setting) -> Iterator[Gloss]:
    section = "RFC 6265 5.2"
    if name in _FLAGS:
        yield member.says(Sentence(_FLAGS[name]), "CHIPS" if name == "partitioned" else section)
    elif name == "samesite" and argument:
        says = _SAME_SITE.get(argument.word)
        yield member.says(Sentence(says), "IETF draft rfc6265bis") if says else unknown(member)
    elif name == "expires" and argument:
        then, when = instant(argument.octets), list(date(argument, setting))
        if then is None:
            yield from when
            return
        yield from when[:-1]
        start = when[-1].start if len(when) > 1 else member.start  # nothing overlaps the day of the week
        until = Sentence("kept until {when}", when=when[-1].sentence)
        if then < _LONG_OVER:
            until = Sentence("it is to be deleted at once: kept until {when}", when=when[-1].sentence)
        yield member.part(start - member.start).says(until, section)
    elif name == "max-age" and argument:
        yield member.says(_kept(argument), section)
    elif name == "domain" and argument and argument.octets:
        domain = argument.part(1) if argument.octets.startswith(b".") else argument
        yield member.says(Sentence("sent to {domain} and all hosts under it", domain=domain.shown), section)
    elif name == "path" and argument and argument.octets == b"/":
        yield member.says(Sentence("sent for every path of the site"), section)
    elif name == "path" and argument and argument.octets.startswith(b"/"):
        yield member.says(Sentence("sent for paths that begin with {path}", path=argument.shown), section)
    elif name == "priority" and argument:
        yield member.says(
            Sentence("how soon Chrome forgets it where it has too many: {priority}", priority=argument.shown),
            "IETF draft cookie-priority",
        )
    else:
        yield unknown(member)


def _kept(argument: Piece) -> Sentence:
    """Max-Age: with zero or less the cookie is to go at once."""
    time = told_seconds(argument)
    if argument.number == 0 or (argument.octets.startswith(b"-") and argument.part(1).number is not None):
        return Sentence("it is to be deleted at once")
    return (
        Sentence("kept for {time}", time=time)
        if time
        else Sentence("Max-Age takes a number of seconds, not {value}", value=argument.shown)
    )


EXPLAINERS: dict[bytes, Explainer] = {
    b"cookie": _cookies,
    b"set-cookie": _set_cookie,
}
