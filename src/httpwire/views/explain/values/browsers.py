"""What browsers tell of the request that they make, and what sites allow each other.

In: the value of Sec-Fetch-*, Origin, Referer, the fields of CORS and their like.
Out: glosses.
"""

from __future__ import annotations

import re

from httpwire.language import N_, Sentence
from httpwire.views.explain.urls import explain_url
from httpwire.views.explain.values.shapes import choice, unknown, words

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from httpwire.views.explain.gloss import Gloss, Setting
    from httpwire.views.explain.syntax import Piece
    from httpwire.views.explain.values.shapes import Explainer

_SITE = {
    "none": N_("the user asked for it: typed, from a bookmark, or from another program"),
    "same-origin": N_("the page that asks is of the same origin: scheme, host and port"),
    "same-site": N_("the page that asks is of another origin of the same site, as www.example.com and api.example.com"),
    "cross-site": N_("the page that asks is of another site"),
}
_MODE = {
    "navigate": N_("the browser goes to a page"),
    "nested-navigate": N_("the browser goes to a page in a frame"),
    "no-cors": N_("for use in the page, without a script that could read it, as an image"),
    "cors": N_("a script or the page wants to read it, under the rules between sites (CORS)"),
    "same-origin": N_("a script wants to read it, from its own origin only"),
    "websocket": N_("a WebSocket is to be opened"),
    "webtransport": N_("a WebTransport session is to be opened"),
}
_DEST = {
    "document": N_("a page of its own in a tab"),
    "empty": N_("data for a script, as by fetch()"),
    "audio": N_("sound in the page"),
    "audioworklet": N_("a script that works on sound"),
    "embed": N_("an embedded object"),
    "fencedframe": N_("a page in a fenced frame"),
    "font": N_("a font of the page"),
    "frame": N_("a page in a frame"),
    "iframe": N_("a page in a frame within another page"),
    "image": N_("an image, or the site's icon"),
    "json": N_("data as a JSON module"),
    "manifest": N_("the manifest of a web app"),
    "object": N_("an embedded object"),
    "paintworklet": N_("a script that draws"),
    "report": N_("a report to the site"),
    "script": N_("a script of the page"),
    "serviceworker": N_("a service worker: a script that stands between page and network"),
    "sharedworker": N_("a script in the background that several pages share"),
    "speculationrules": N_("rules for what to load in advance"),
    "style": N_("a style sheet of the page"),
    "text": N_("text as a module"),
    "track": N_("subtitles of a video"),
    "video": N_("a video in the page"),
    "webidentity": N_("a login with another site's account"),
    "worker": N_("a script in the background"),
    "xslt": N_("a style sheet for XML"),
}
_YES = N_("yes")


def _address(value: Piece, _: Setting) -> Iterator[Gloss]:
    return explain_url(value)


def _origin(value: Piece, _: Setting) -> Iterator[Gloss]:
    if value.octets == b"null":
        yield value.says(Sentence("null: the browser does not tell the origin, or there is none, as for a file"))
    else:
        yield from explain_url(value)


def _allowed_origin(value: Piece, setting: Setting) -> Iterator[Gloss]:
    if value.octets == b"*":
        yield value.says(Sentence("any site, but without cookies and logins"))
    elif b"," in value.octets:
        yield value.says(Sentence("several sites, which browsers don't take: only one or * is allowed here"))
    else:
        yield from _origin(value, setting)


def _timing_origins(value: Piece, _: Setting) -> Iterator[Gloss]:
    for member in value.members():
        yield member.says(
            Sentence("any site") if member.octets == b"*" else Sentence("the site {site}", site=member.shown)
        )


def _methods(value: Piece, _: Setting) -> Iterator[Gloss]:
    for member in value.members():
        any_one = member.octets == b"*"
        yield member.says(
            Sentence("any method, in requests without cookies and logins")
            if any_one
            else Sentence("the method {method}", method=member.shown)
        )


def _fields(any_one: str) -> Explainer:
    """Names of fields; `any_one` is what * says."""

    def explain(value: Piece, _: Setting) -> Iterator[Gloss]:
        for member in value.members():
            star = member.octets == b"*"
            yield member.says(Sentence(any_one) if star else Sentence("the field {name}", name=member.shown))

    return explain


_ANY_SENT = N_("any field but Authorization, in requests without cookies and logins")
_ANY_READ = N_("any field, of answers to requests without cookies and logins")
_APP = re.compile(rb"[A-Za-z]\w*(?:\.[A-Za-z]\w*)+")


def _requested_with(value: Piece, _: Setting) -> Iterator[Gloss]:
    """X-Requested-With: by scripts XMLHttpRequest, by Android's WebView the name of its app."""
    if value.octets.lower() == b"xmlhttprequest":
        yield value.says(Sentence("a script of the page, as jQuery and others mark it"))
    elif _APP.fullmatch(value.octets):
        yield value.says(Sentence("a page within the Android app {name}", name=value.shown))
    else:
        yield value.says(Sentence("as {word} says", word=value.shown))


_PURPOSES = {
    "prefetch": N_("in advance, in case the user goes there next"),
    "prefetch;prerender": N_("in advance, and already built up unseen"),
    "prefetch;anonymous-client-ip": N_("in advance, through a proxy that hides the user's address"),
    "preview": N_("for a preview"),
}


def _only_true(value: Piece, _: Setting) -> Iterator[Gloss]:
    good = value.octets == b"true"
    yield value.says(Sentence(_YES)) if good else unknown(value)


_OPENER = {
    "unsafe-none": N_("they stay connected, as without this field"),
    "same-origin": N_("they are cut off, but for those of the same origin that say the same"),
    "same-origin-allow-popups": N_("they are cut off, but for windows that the page opens itself"),
    "noopener-allow-popups": N_("whoever opens this page is cut off from it"),
}
_EMBEDDER = {
    "unsafe-none": N_("anything, as without this field"),
    "require-corp": N_("only what allows it, by Cross-Origin-Resource-Policy or CORS"),
    "credentialless": N_("anything, but it is asked for without cookies"),
}


def _reported(table: Mapping[str, str]) -> Explainer:
    """A word of `table`, perhaps with where breaches are reported."""

    def explain(value: Piece, _: Setting) -> Iterator[Gloss]:
        word, parameters = value.parameters()
        says = table.get(word.word)
        yield word.says(Sentence(says)) if says else unknown(word)
        for parameter in parameters:
            name, argument = parameter.pair()
            if name.word == "report-to" and argument:
                yield parameter.says(
                    Sentence("the name of where breaches are reported: {sources}", sources=argument.text)
                )
            else:
                yield unknown(parameter)

    return explain


EXPLAINERS: dict[bytes, Explainer] = {
    b"sec-fetch-site": choice(_SITE),
    b"sec-fetch-mode": choice(_MODE),
    b"sec-fetch-dest": choice(_DEST),
    b"sec-fetch-user": choice({"?1": N_("yes: by a click, a key or the like")}),
    b"sec-fetch-storage-access": choice(
        {
            "none": N_("no cookies of a third party"),
            "inactive": N_("there is a permission, which is not in use"),
            "active": N_("cookies of a third party are in use"),
        }
    ),
    b"sec-purpose": choice(_PURPOSES),
    b"purpose": choice(_PURPOSES),
    b"x-moz": choice(_PURPOSES),
    b"upgrade-insecure-requests": choice({"1": N_("yes: the server may redirect to https")}),
    b"dnt": choice({"1": N_("the user does not want to be tracked"), "0": N_("the user allows tracking")}),
    b"sec-gpc": choice({"1": N_("yes: the user objects; some laws make this binding")}),
    b"x-requested-with": _requested_with,
    b"origin": _origin,
    b"referer": _address,
    b"service-worker": choice({"script": N_("the script of a service worker")}),
    b"access-control-request-method": _methods,
    b"access-control-request-headers": _fields(_ANY_SENT),
    b"access-control-allow-origin": _allowed_origin,
    b"access-control-allow-methods": _methods,
    b"access-control-allow-headers": _fields(_ANY_SENT),
    b"access-control-expose-headers": _fields(_ANY_READ),
    b"access-control-allow-credentials": _only_true,
    b"access-control-request-private-network": _only_true,
    b"access-control-allow-private-network": _only_true,
    b"timing-allow-origin": _timing_origins,
    b"cross-origin-resource-policy": choice(
        {
            "same-origin": N_("only pages of the same origin (scheme, host and port)"),
            "same-site": N_("only pages of the same site"),
            "cross-origin": N_("pages of any site"),
        }
    ),
    b"cross-origin-opener-policy": _reported(_OPENER),
    b"cross-origin-opener-policy-report-only": _reported(_OPENER),
    b"cross-origin-embedder-policy": _reported(_EMBEDDER),
    b"cross-origin-embedder-policy-report-only": _reported(_EMBEDDER),
    b"origin-agent-cluster": choice({"?1": N_("yes"), "?0": N_("no")}),
    b"x-dns-prefetch-control": choice({"on": N_("yes"), "off": N_("no")}),
    b"x-robots-tag": words(
        {
            "noindex": N_("not to be listed"),
            "nofollow": N_("its links are not to be followed"),
            "none": N_("not to be listed, and its links not to be followed"),
            "noarchive": N_("no copy is to be offered"),
            "nosnippet": N_("no excerpts are to be shown"),
            "noimageindex": N_("its images are not to be listed"),
            "all": N_("anything"),
        },
        N_("as {word} says"),
    ),
}
