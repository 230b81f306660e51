"""Caching, versions and dates: what may be kept, for how long, and whether it has changed.

In: the value of Cache-Control, ETag, the conditions, Age, the dates, and their like.
Out: glosses. Entity tags have no meaning but for who made them; where one has the form that
Apache or nginx makes, it is read as theirs, and said so.
"""

from __future__ import annotations

import re

from httpwire.language import N_, Sentence
from httpwire.views.explain.moments import date, told_seconds, told_time
from httpwire.views.explain.values.media import told_size
from httpwire.views.explain.values.shapes import not_a_number, unknown
from httpwire.wire.element import Direction

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from httpwire.views.explain.gloss import Gloss, Setting
    from httpwire.views.explain.syntax import Piece
    from httpwire.views.explain.values.shapes import Explainer

# Of a response: RFC 9111 5.2.2, RFC 5861, RFC 8246. Those with {time} take seconds.
_RESPONSE = {
    "max-age": N_("may be used for {time} without asking again"),
    "s-maxage": N_("shared caches may use it for {time} without asking again"),
    "stale-while-revalidate": N_("for {time} more it may be used while a cache asks anew"),
    "stale-if-error": N_("for {time} more it may be used where the server fails"),
    "no-cache": N_("may be kept, but the server is to be asked each time before it is used"),
    "no-store": N_("must not be kept anywhere"),
    "no-transform": N_("proxies must not change the content"),
    "must-revalidate": N_("once stale, it must not be used without asking the server"),
    "proxy-revalidate": N_("once stale, shared caches must not use it without asking the server"),
    "must-understand": N_("to be kept only by caches that know the status code"),
    "private": N_("for this user alone: shared caches must not keep it"),
    "public": N_("any cache may keep it"),
    "immutable": N_("it never changes while it is fresh: a reload need not ask"),
    "post-check": N_("for Internet Explorer 5 alone, today without effect"),
    "pre-check": N_("for Internet Explorer 5 alone, today without effect"),
}
# Of a request: RFC 9111 5.2.1, RFC 5861.
_REQUEST = {
    "max-age": N_("an answer from a cache must not be older than {time}"),
    "max-stale": N_("an answer may be stale by up to {time}"),
    "min-fresh": N_("an answer has to stay fresh for {time} more"),
    "stale-if-error": N_("an answer stale by up to {time} will do where the server fails"),
    "no-cache": N_("caches have to ask the server before they answer, as with a reload"),
    "no-store": N_("caches must not keep this request nor its answer"),
    "no-transform": N_("proxies must not change the content"),
    "only-if-cached": N_("the answer is to come from a cache, or not at all (504)"),
}
# Where a directive is defined: 5.2.1 and 5.2.2 are of RFC 9111.
_IN_REQUESTS = {
    "max-age": "RFC 9111 5.2.1.1",
    "max-stale": "RFC 9111 5.2.1.2",
    "min-fresh": "RFC 9111 5.2.1.3",
    "no-cache": "RFC 9111 5.2.1.4",
    "no-store": "RFC 9111 5.2.1.5",
    "no-transform": "RFC 9111 5.2.1.6",
    "only-if-cached": "RFC 9111 5.2.1.7",
    "stale-if-error": "RFC 5861 4",
}
_IN_RESPONSES = {
    "max-age": "RFC 9111 5.2.2.1",
    "must-revalidate": "RFC 9111 5.2.2.2",
    "must-understand": "RFC 9111 5.2.2.3",
    "no-cache": "RFC 9111 5.2.2.4",
    "no-store": "RFC 9111 5.2.2.5",
    "no-transform": "RFC 9111 5.2.2.6",
    "private": "RFC 9111 5.2.2.7",
    "proxy-revalidate": "RFC 9111 5.2.2.8",
    "public": "RFC 9111 5.2.2.9",
    "s-maxage": "RFC 9111 5.2.2.10",
    "stale-while-revalidate": "RFC 5861 3",
    "stale-if-error": "RFC 5861 4",
    "immutable": "RFC 8246 2",
}
# Directives whose name alone says something already.
_MAX_STALE = N_("an answer may be stale, by however much")
_SOME_FIELDS = {
    "no-cache": N_("may be used without asking, but for these fields: {fields}"),
    "private": N_("shared caches must not keep these fields: {fields}"),
}


def _directives(value: Piece, setting: Setting) -> Iterator[Gloss]:
    """Cache-Control: a directive means one thing in a request and another in a response."""
    asked = setting.direction is Direction.REQUEST
    table, sections = (_REQUEST, _IN_REQUESTS) if asked else (_RESPONSE, _IN_RESPONSES)
    told = set()
    for member in value.members():
        name, argument = member.pair()
        if name.word in told:
            yield member.says(
                Sentence(
                    "{word} is given more than once: caches use the first, or count the answer as stale",
                    word=name.shown,
                )
            )
        else:
            yield member.says(_directive(name, argument, table), sections.get(name.word, ""))
        told.add(name.word)


def _directive(name: Piece, argument: Piece | None, table: dict[str, str]) -> Sentence:
    says = table.get(name.word)
    if says is None:
        other = _RESPONSE if table is _REQUEST else _REQUEST
        if name.word in other:
            return Sentence("{word} means nothing in this direction; caches ignore it", word=name.shown)
        return Sentence("{word}: no directive of a standard; caches that don't know it ignore it", word=name.shown)
    if "{time}" not in says:
        if argument and name.word in _SOME_FIELDS and table is _RESPONSE:
            return Sentence(_SOME_FIELDS[name.word], fields=argument.text)
        return Sentence(says)
    if argument is None:
        return (
            Sentence(_MAX_STALE)
            if name.word == "max-stale"
            else Sentence("{word} lacks its number of seconds", word=name.shown)
        )
    if name.word == "max-age" and argument.number == 0:
        return (
            Sentence("caches have to ask the server before they answer, as with a reload")
            if table is _REQUEST
            else Sentence("stale at once: the server is to be asked before each use")
        )
    time = told_seconds(argument)
    if time is None:
        return Sentence("{word} takes a number of seconds, not {value}", word=name.shown, value=argument.shown)
    return Sentence(says, time=time)


_TAG = re.compile(rb'(W/)?("[\x21\x23-\x7e\x80-\xff]*")')  # RFC 9110 8.8.3
_APACHE = re.compile(rb'"(?:([0-9a-f]{1,16})-)?([0-9a-f]{1,16})-([0-9a-f]{12,14})(?:[-;](?:gzip|br|deflate|zstd))?"')
_NGINX = re.compile(rb'"([0-9a-f]{8})-([0-9a-f]{1,13})"')
_OLDEST, _NEWEST = 631_152_000, 4_102_444_800  # files are from 1990 to 2099


def _tags(value: Piece, setting: Setting) -> Iterator[Gloss]:
    """ETag and the conditions on it: entity tags, or any version (*)."""
    if value.octets == b"*":
        yield value.says(Sentence("any version at all"))
        return
    for member in value.members():
        yield from _tag(member, setting)


def _tag(piece: Piece, setting: Setting) -> Iterator[Gloss]:
    found = _TAG.fullmatch(piece.octets)
    if not found:
        yield piece.says(
            Sentence("this is not an entity tag: a text in quotes, perhaps with W/ before it"), "RFC 9110 8.8.3"
        )
        return
    if found[1]:
        weak = Sentence("weak: contents with this tag mean the same, and need not have the same bytes")
        yield piece.part(0, 2).says(weak, "RFC 9110 8.8.1")
        piece = piece.part(2)
    made = _made(piece, setting)
    if made:
        yield piece.says(made, "RFC 9110 8.8.3")
    elif found[1]:
        yield piece.says(Sentence("the name of the version; only the server knows how it is made"), "RFC 9110 8.8.3")
    else:
        yield piece.says(
            Sentence("the name of exactly this version, byte for byte (strong); only the server knows how it is made"),
            "RFC 9110 8.8.3",
        )


def _made(tag: Piece, setting: Setting) -> Sentence | None:
    """What a tag says if it is of the form that Apache or nginx makes of a file."""
    apache, nginx = _APACHE.fullmatch(tag.octets), _NGINX.fullmatch(tag.octets)
    if apache:
        size, time = int(apache[2], 16), int(apache[3], 16) / 1e6  # in microseconds
        if _OLDEST < time < _NEWEST:
            file = {"size": told_size(size), "time": told_time(time, setting)}
            if apache[1]:
                return Sentence(
                    "if this is Apache's: the file's number, its size of {size}, last changed {time}", **file
                )
            return Sentence("if this is Apache's: the file has {size} and was last changed {time}", **file)
    if nginx:
        time, size = int(nginx[1], 16), int(nginx[2], 16)
        if _OLDEST < time < _NEWEST:
            return Sentence(
                "if this is nginx's: the file was last changed {time} and has {size}",
                size=told_size(size),
                time=told_time(time, setting),
            )
    return None


def _if_range(value: Piece, setting: Setting) -> Iterator[Gloss]:
    yield from _tag(value, setting) if b'"' in value.octets else date(value, setting)


def _expires(value: Piece, setting: Setting) -> Iterator[Gloss]:
    if value.octets in (b"0", b"-1"):
        yield value.says(Sentence("not a date, which means: stale already"))
    else:
        yield from date(value, setting)


def _age(value: Piece, _: Setting) -> Iterator[Gloss]:
    time = told_seconds(value)
    yield value.says(
        Sentence("a cache got it from the server, or had it confirmed there, {time} ago", time=time)
        if time
        else not_a_number(value)
    )


def _retry(value: Piece, setting: Setting) -> Iterator[Gloss]:
    time = told_seconds(value)
    if time:
        yield value.says(Sentence("ask again after {time}", time=time))
    else:
        yield from date(value, setting)


_WARNINGS = {
    b"110": N_("the answer is stale"),
    b"111": N_("a cache could not ask the server again"),
    b"112": N_("the cache is cut off from the network"),
    b"113": N_("a cache chose a long lifetime by itself, and the answer is over a day old"),
    b"199": N_("a warning of any kind"),
    b"214": N_("a proxy changed the content"),
    b"299": N_("a lasting warning of any kind"),
}


def _warnings(value: Piece, _: Setting) -> Iterator[Gloss]:
    for member in value.members():
        says = _WARNINGS.get(member.octets[:3])
        yield member.says(Sentence(says)) if says else unknown(member)


def _deprecation(value: Piece, setting: Setting) -> Iterator[Gloss]:
    """A date as @seconds; drafts had true, or an HTTP-date."""
    digits = value.part(1)
    if value.octets.startswith(b"@") and digits.number is not None and digits.number < _NEWEST:
        yield value.says(told_time(digits.number, setting))
    elif value.octets == b"true":
        yield value.says(Sentence("this resource is no longer to be used"))
    else:
        yield from date(value, setting)


_CACHED = {
    "hit": N_("from the cache"),
    "miss": N_("not in the cache: the server was asked"),
    "expired": N_("stale in the cache: the server was asked"),
    "stale": N_("stale, from the cache all the same"),
    "updating": N_("stale, from the cache while it asks anew"),
    "revalidated": N_("from the cache, after the server said that nothing has changed"),
    "bypass": N_("the cache was passed by"),
    "prerender": N_("made in advance, and kept"),
    "dynamic": N_("not a content that this cache keeps"),
    "hit, hit": N_("from the cache, of two caches in a row"),
    "miss, miss": N_("in neither of two caches in a row: the server was asked"),
    "miss, hit": N_("from the cache nearer to the client"),
    "hit, miss": N_("from the cache nearer to the server"),
    "hit from cloudfront": N_("from the cache of CloudFront"),
    "miss from cloudfront": N_("not in the cache of CloudFront: the server was asked"),
    "refreshhit from cloudfront": N_("from the cache, after the server said that nothing has changed"),
    "error from cloudfront": N_("CloudFront gives an error"),
}


_FOUND = re.compile(rb"(?:[a-z]+_)*(hit|miss)\b[^,]*", re.DOTALL | re.IGNORECASE)


def _cached(value: Piece, _: Setting) -> Iterator[Gloss]:
    """X-Cache and its like: each cache has words of its own, and most begin with hit or miss."""
    found = _FOUND.fullmatch(value.octets)
    says = _CACHED.get(value.shown.lower()) or (_CACHED[found[1].decode("ascii").lower()] if found else None)
    yield value.says(Sentence(says) if says else Sentence("in the words of this cache: {text}", text=value.shown))


def _remembered(value: Piece, _: Setting) -> Iterator[Gloss]:
    """Access-Control-Max-Age: seconds; -1 is no remembering at all."""
    time = told_seconds(value)
    if value.octets == b"-1":
        yield value.says(Sentence("the permissions are not to be remembered"))
    else:
        yield value.says(Sentence("for {time}", time=time) if time else not_a_number(value))


def _pragma(value: Piece, setting: Setting) -> Iterator[Gloss]:
    for member in value.members():
        if member.word != "no-cache":
            yield unknown(member)
        elif setting.direction is Direction.REQUEST:
            yield member.says(
                Sentence("caches have to ask the server before they answer; for those that know no Cache-Control")
            )
        else:
            yield member.says(Sentence("in a response this means nothing that a standard says"))


EXPLAINERS: dict[bytes, Explainer] = {
    b"cache-control": _directives,
    b"cdn-cache-control": _directives,
    b"surrogate-control": _directives,
    b"etag": _tags,
    b"if-match": _tags,
    b"if-none-match": _tags,
    b"if-range": _if_range,
    b"if-modified-since": date,
    b"if-unmodified-since": date,
    b"last-modified": date,
    b"date": date,
    b"sunset": date,
    b"memento-datetime": date,
    b"accept-datetime": date,
    b"expires": _expires,
    b"age": _age,
    b"retry-after": _retry,
    b"warning": _warnings,
    b"deprecation": _deprecation,
    b"pragma": _pragma,
    b"x-cache": _cached,
    b"cf-cache-status": _cached,
    b"x-cache-status": _cached,
    b"x-proxy-cache": _cached,
    b"x-litespeed-cache": _cached,
    b"x-nextjs-cache": _cached,
    b"x-vercel-cache": _cached,
    b"x-drupal-cache": _cached,
    b"access-control-max-age": _remembered,
}
