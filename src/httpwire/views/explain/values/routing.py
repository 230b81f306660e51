"""Ways and places: hosts, addresses, proxies, links, other services, times spent.

In: the value of Host, Location, Link, Via, Forwarded, Alt-Svc, Server-Timing and their like.
Out: glosses.
"""

from __future__ import annotations

import re

from httpwire.language import N_, Sentence
from httpwire.views.explain.lines import METHODS
from httpwire.views.explain.moments import told_seconds
from httpwire.views.explain.syntax import Piece
from httpwire.views.explain.urls import HOST_SECTION, explain_authority, explain_url
from httpwire.views.explain.values.shapes import choice, number, text, unknown

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from httpwire.views.explain.gloss import Gloss, Setting
    from httpwire.views.explain.values.shapes import Explainer

_ADDRESS = re.compile(
    rb"[0-9]{1,3}(?:\.[0-9]{1,3}){3}(?::[0-9]{1,5})?|\[?[0-9A-Fa-f]*:[0-9A-Fa-f:.]+\]?(?::[0-9]{1,5})?"
)
_PRIVATE = re.compile(rb"(?:10|127|192\.168|172\.(?:1[6-9]|2[0-9]|3[01]))\.")


def _host(value: Piece, _: Setting) -> Iterator[Gloss]:
    """Host: without a port, the usual one of the scheme is meant, and the scheme is not said here."""
    *before, last = explain_authority(value, "http")
    yield from before
    if last.section != HOST_SECTION:
        yield last
    else:
        says = Sentence("{host}; without a port, the usual one is meant: 80, or 443 with https", host=last.sentence)
        yield last.replace(sentence=says)


def _address(value: Piece, _: Setting) -> Iterator[Gloss]:
    return explain_url(value)


def _node(piece: Piece) -> Sentence:
    """An address, as proxies note it."""
    node = piece.text
    if piece.word == "unknown":
        return Sentence("an address that the proxy does not know")
    if not _ADDRESS.fullmatch(piece.unquoted):
        return Sentence("{node}, which is no address: a name of a proxy's choosing", node=node)
    if _PRIVATE.match(piece.unquoted):
        return Sentence("the address {node}, of a private network", node=node)
    return Sentence("the address {node}", node=node)


def _passed(value: Piece, _: Setting) -> Iterator[Gloss]:
    """X-Forwarded-For: each proxy adds whom it got the request from; the first are only claims."""
    for index, member in enumerate(value.members()):
        if index:
            yield member.says(Sentence("then through {node}", node=_node(member)))
        else:
            yield member.says(Sentence("the client, as claimed: {node}", node=_node(member)))


_FORWARDED = {
    "for": N_("the request came from {node}"),
    "by": N_("the proxy that got it: {node}"),
    "host": N_("the Host that was asked for: {node}"),
    "proto": N_("it came over {node}"),
}


def _forwarded(value: Piece, _: Setting) -> Iterator[Gloss]:
    for member in value.members():
        for part in member.members(b";"):
            name, argument = part.pair()
            if argument is None or name.word not in _FORWARDED:
                yield unknown(part)
            else:
                node = _node(argument) if name.word in ("for", "by") else argument.text
                yield part.says(Sentence(_FORWARDED[name.word], node=node))


_RECEIVED = re.compile(rb"(?:([A-Za-z][A-Za-z\-]*)/)?([0-9]+(?:\.[0-9]+)?)[ \t]+([^ \t(]+)[ \t]*(\(.*)?", re.DOTALL)


def _via(value: Piece, _: Setting) -> Iterator[Gloss]:
    for member in value.members():
        found = _RECEIVED.fullmatch(member.octets)
        if found:
            name = member.part(*found.span(3)).shown
            version = member.part(found.start(1) if found[1] else found.start(2), found.end(2)).shown
            yield member.says(
                Sentence(
                    "the proxy {name}, which got the message as HTTP version {version}", name=name, version=version
                )
            )
        else:
            yield unknown(member)


_LINK = re.compile(rb"[ \t,]*+<([^>]*)>((?:[^,\"]+|\"[^\"\\]*(?:\\.[^\"\\]*)*(?:\"|\\?\Z))*)", re.DOTALL)
_RELATIONS = {
    "preload": N_("{address}, to be loaded early: the page will need it"),
    "modulepreload": N_("{address}, a script module to be loaded early"),
    "preconnect": N_("{address}, a host to connect to early"),
    "dns-prefetch": N_("{address}, a host whose name is to be looked up early"),
    "prefetch": N_("{address}, which the next page may need"),
    "stylesheet": N_("{address}, a style sheet of the page"),
    "canonical": N_("{address}, the page's main address"),
    "alternate": N_("{address}, the same in another form or language"),
    "next": N_("{address}, the next page of several"),
    "prev": N_("{address}, the previous page of several"),
    "first": N_("{address}, the first page of several"),
    "last": N_("{address}, the last page of several"),
    "shortlink": N_("{address}, a short address of the page"),
    "https://api.w.org/": N_("{address}, the interface of WordPress for programs"),
    "amphtml": N_("{address}, the page for phones (AMP)"),
    "license": N_("{address}, the licence"),
    "icon": N_("{address}, the site's icon"),
    "self": N_("{address}, the page itself"),
}


def _links(value: Piece, _: Setting) -> Iterator[Gloss]:
    """Link: addresses in angle brackets, which may hold commas."""
    position = 0
    while found := _LINK.match(value.octets, position):
        position = found.end()
        member = value.part(found.start(1) - 1, position)
        address = value.part(*found.span(1)).shown
        relation = ""
        for part in value.part(*found.span(2)).members(b";"):
            name, argument = part.pair()
            if name.word == "rel" and argument and not relation:
                relation = argument.text
        says = _RELATIONS.get(relation.lower())
        if says:
            yield member.says(Sentence(says, address=address))
        elif relation:
            yield member.says(
                Sentence("{address}, related to the page as {relation}", address=address, relation=relation)
            )
        else:
            yield member.says(Sentence("{address}, without saying how it is related", address=address))
    rest = value.part(position)
    if rest.octets.strip(b" \t,"):
        yield rest.says(Sentence("this is not a link: an address in angle brackets"))


_PROTOCOLS = {
    "h3": N_("HTTP/3 at {place}"),
    "h2": N_("HTTP/2 at {place}"),
    "http/1.1": N_("HTTP/1.1 at {place}"),
}


def _services(value: Piece, _: Setting) -> Iterator[Gloss]:
    """Alt-Svc: protocol="host:port", with the time for which it holds."""
    if value.octets == b"clear":
        yield value.says(Sentence("the client is to forget the other addresses"))
        return
    for member in value.members():
        for index, part in enumerate(member.members(b";")):
            name, argument = part.pair()
            time = told_seconds(argument) if argument else None
            if index == 0 and argument:
                where = argument.text
                same = where.startswith(":")
                place = Sentence("the same host, port {port}", port=where[1:]) if same else where
                says = _PROTOCOLS.get(name.word)
                if says:
                    yield part.says(Sentence(says, place=place))
                else:
                    yield part.says(Sentence("the protocol {protocol} at {place}", protocol=name.shown, place=place))
            elif name.word == "ma" and time:
                yield part.says(Sentence("this holds for {time}", time=time))
            elif name.word == "persist":
                yield part.says(Sentence("it also holds when the network changes"))
            else:
                yield unknown(part)


def _timings(value: Piece, _: Setting) -> Iterator[Gloss]:
    for member in value.members():
        name, parameters = member.parameters()
        settings = {key.word: setting.text for key, setting in (part.pair() for part in parameters[:8]) if setting}
        what = settings.get("desc") or name.shown
        if "dur" in settings:
            yield member.says(Sentence("{what}: {time} milliseconds", what=what, time=settings["dur"]))
        else:
            yield member.says(Sentence("{what}, without a time", what=what))


def _allowed(value: Piece, _: Setting) -> Iterator[Gloss]:
    for member in value.members():
        says = METHODS.get(member.octets)
        yield (
            member.says(Sentence(says[0]), says[1])
            if says
            else member.says(Sentence("the method {method}", method=member.shown))
        )


_REFRESH = re.compile(rb"[ \t]*([0-9]{1,9})(?:\.[0-9]*)?[ \t]*[;,]?[ \t]*(?:(?i:url)[ \t]*=[ \t]*)?(.*)", re.DOTALL)


def _refresh(value: Piece, _: Setting) -> Iterator[Gloss]:
    found = _REFRESH.fullmatch(value.octets)
    if not found:
        yield unknown(value)
        return
    time = told_seconds(Piece(0, found[1]))
    if found[2]:
        yield value.says(
            Sentence("after {time} the browser goes to {address}", time=time, address=value.part(found.start(2)).text)
        )
    else:
        yield value.says(Sentence("after {time} the browser loads the page again", time=time))


_TRACE = re.compile(rb"[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})")


def _trace(value: Piece, _: Setting) -> Iterator[Gloss]:
    found = _TRACE.fullmatch(value.octets)
    if not found:
        yield unknown(value)
        return
    yield value.part(*found.span(1)).says(Sentence("the trace's number, the same in all services"))
    yield value.part(*found.span(2)).says(Sentence("the number of the step that sends this request"))
    kept = int(found[3], 16) & 1
    yield value.part(*found.span(3)).says(
        Sentence("the sender keeps its notes") if kept else Sentence("the sender keeps no notes")
    )


_RAY = re.compile(rb"([0-9a-f]+)-([A-Z]{3})")


def _ray(value: Piece, _: Setting) -> Iterator[Gloss]:
    found = _RAY.fullmatch(value.octets)
    if not found:
        yield value.says(Sentence(_NUMBER, text=value.shown))
        return
    yield value.part(*found.span(1)).says(Sentence("the number of the request"))
    place = value.part(*found.span(2))
    yield place.says(Sentence("the place, named after the airport {code}", code=place.shown))


_REQUESTS = N_("{number} requests")
_NUMBER = N_("the number {text}")
_SCHEMES = {"http": N_("over http, without encryption"), "https": N_("over https, encrypted")}
_ONE_ADDRESS = N_("the address {text}")

EXPLAINERS: dict[bytes, Explainer] = {
    b"host": _host,
    b"location": _address,
    b"link": _links,
    b"via": _via,
    b"x-forwarded-for": _passed,
    b"x-forwarded-proto": choice(_SCHEMES),
    b"x-forwarded-scheme": choice(_SCHEMES),
    b"x-forwarded-host": _host,
    b"x-forwarded-port": number(N_("port {number}")),
    b"x-real-ip": text(_ONE_ADDRESS),
    b"x-client-ip": text(_ONE_ADDRESS),
    b"true-client-ip": text(_ONE_ADDRESS),
    b"cf-connecting-ip": text(_ONE_ADDRESS),
    b"forwarded": _forwarded,
    b"alt-svc": _services,
    b"alt-used": _host,
    b"server-timing": _timings,
    b"allow": _allowed,
    b"refresh": _refresh,
    b"traceparent": _trace,
    b"x-request-id": text(_NUMBER),
    b"x-correlation-id": text(_NUMBER),
    b"cf-ray": _ray,
    b"cf-visitor": choice({f'{{"scheme":"{scheme}"}}': says for scheme, says in _SCHEMES.items()}),
    b"cf-ipcountry": text(N_("the country with the code {text}")),
    b"speculation-rules": text(_ONE_ADDRESS),
    b"x-pingback": _address,
    b"ratelimit-limit": number(_REQUESTS),
    b"ratelimit-remaining": number(_REQUESTS),
    b"x-ratelimit-limit": number(_REQUESTS),
    b"x-ratelimit-remaining": number(_REQUESTS),
    b"x-envoy-upstream-service-time": number(N_("{number} milliseconds")),
    b"x-amz-request-id": text(_NUMBER),
    b"x-amz-id-2": text(_NUMBER),
    b"x-amzn-trace-id": text(_NUMBER),
    b"x-ms-request-id": text(_NUMBER),
    b"x-amz-cf-id": text(_NUMBER),
    b"from": text(N_("the mail address {text}")),
    b"x-accel-buffering": choice({"no": N_("no: it passes on each part at once"), "yes": N_("yes")}),
}
