"""Protection: who may get in, and what a page may do.

In: the value of Authorization and its kin, Strict-Transport-Security, Content-Security-Policy,
Referrer-Policy and their like. Out: glosses. No password is ever put into a sentence.
"""

from __future__ import annotations

import re

from httpwire.language import N_, Sentence
from httpwire.views.explain.moments import told_seconds
from httpwire.views.explain.syntax import Piece
from httpwire.views.explain.values.shapes import choice, unknown, words
from httpwire.views.text import printable, visible

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from httpwire.views.explain.gloss import Gloss, Setting
    from httpwire.views.explain.values.shapes import Explainer

_LONGEST = 4096  # octets of a login that are decoded
_BASE64 = re.compile(rb"(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?")
_SCHEME = re.compile(rb"([!#$%&'*+\-.^_`|~0-9A-Za-z]+)(?:[ \t]+|\Z)")
_CHALLENGE = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+(?=[ \t]+[^ \t=,]|[ \t]*\Z)")

_SCHEMES = {
    "basic": N_("Basic: name and password, readable by anyone who sees them"),
    "bearer": N_("Bearer: a token; whoever has it gets in"),
    "digest": N_("Digest: a checksum in place of the password"),
    "negotiate": N_("Negotiate: the login of the network (Kerberos or NTLM)"),
    "ntlm": N_("NTLM: the login of a Windows network"),
    "hoba": N_("HOBA: a signature in place of a password"),
    "mutual": N_("Mutual: both sides prove who they are"),
    "dpop": N_("DPoP: a token that is tied to a key of the client"),
    "scram-sha-256": N_("SCRAM: proof of the password without sending it"),
    "aws4-hmac-sha256": N_("a signature as Amazon's services want it"),
    "vapid": N_("VAPID: a sender of push messages shows who it is"),
    "token": N_("a token; whoever has it gets in"),
    "privatetoken": N_("PrivateToken: proof of being trusted, without telling who it is"),
}
_TOKENS = {"bearer": "RFC 6750 2.1", "dpop": "RFC 9449 7.1"}


def _scheme(piece: Piece) -> Gloss:
    says = _SCHEMES.get(piece.word)
    return piece.says(Sentence(says) if says else Sentence("the scheme {scheme}", scheme=piece.shown), "RFC 9110 11.1")


def _credentials(value: Piece, _: Setting) -> Iterator[Gloss]:
    found = _SCHEME.match(value.octets)
    if not found:
        yield value.says(Sentence("this does not begin with the name of a scheme"), "RFC 9110 11.4")
        return
    scheme, rest = value.part(0, found.end(1)), value.part(found.end())
    yield _scheme(scheme)
    if rest.octets and scheme.word == "basic":
        yield rest.says(_basic(rest.octets), "RFC 7617 2")
    elif rest.octets and scheme.word in ("bearer", "dpop", "token"):
        kind = (
            Sentence("a secret token, in the form of a signed statement (JWT)")
            if rest.octets.startswith(b"eyJ")
            else Sentence("a secret token")
        )
        yield rest.says(kind, _TOKENS.get(scheme.word, "RFC 9110 11.4"))
    elif rest.octets:
        yield rest.says(Sentence("the proof itself, in the form of this scheme"), "RFC 9110 11.4")


def _basic(octets: bytes) -> Sentence:
    """The user of a login; the password is there for anyone to read, and is not repeated."""
    from base64 import b64decode

    if len(octets) > _LONGEST or not _BASE64.fullmatch(octets):
        return Sentence("this is not the Base64 that Basic asks for")
    user, colon, _ = b64decode(octets).partition(b":")
    if not colon:
        return Sentence("a login without the colon between name and password")
    try:
        name = printable(user.decode("utf-8"))
    except UnicodeDecodeError:
        name = visible(user)
    return Sentence("the user {name}, with the password in readable form: Base64 hides nothing", name=name)


_PARAMETERS = {
    "realm": N_("the name of the area that the login is for: {value}"),
    "charset": N_("name and password are to be in {value}"),
    "nonce": N_("a value of the server's that the proof is to be made with"),
    "opaque": N_("a value that the client is to send back"),
    "algorithm": N_("the checksum: {value}"),
    "qop": N_("what the proof covers: {value}"),
    "stale": N_("whether only the server's value was too old: {value}"),
    "scope": N_("the rights that a token has to have: {value}"),
    "error": N_("what was wrong with the token: {value}"),
    "error_description": N_("in words: {value}"),
    "domain": N_("the addresses that the login is for: {value}"),
}


def _challenges(value: Piece, _: Setting) -> Iterator[Gloss]:
    """WWW-Authenticate: schemes, each followed by parameters of its own, all in one list."""
    for member in value.members():
        found = _CHALLENGE.match(member.octets)
        rest = member
        if found:
            yield _scheme(member.part(0, found.end()))
            rest = member.part(found.end())
        if rest.octets:
            name, argument = rest.pair()
            says = _PARAMETERS.get(name.word)
            if argument and argument.octets and says:
                yield rest.says(Sentence(says, value=argument.text), "RFC 9110 11.2")
            else:
                yield rest.says(Sentence("a parameter of the scheme: {text}", text=rest.shown), "RFC 9110 11.2")


def _transport(value: Piece, _: Setting) -> Iterator[Gloss]:
    for member in value.members(b";"):
        name, argument = member.pair()
        time = told_seconds(argument) if argument else None
        if name.word == "max-age" and argument and argument.number == 0:
            yield member.says(Sentence("no longer: the browser is to forget it"))
        elif name.word == "max-age" and time:
            yield member.says(Sentence("for {time}, counted anew with each answer", time=time))
        elif name.word == "includesubdomains":
            yield member.says(Sentence("for all hosts under this one as well"))
        elif name.word == "preload":
            yield member.says(
                Sentence("the site may be put on the list that browsers bring along; this word is not in the standard")
            )
        else:
            yield unknown(member)


_POLICIES = {
    "default-src": N_("from where anything may come that has no rule of its own: {sources}"),
    "script-src": N_("from where scripts may come: {sources}"),
    "script-src-elem": N_("from where script elements may load: {sources}"),
    "script-src-attr": N_("which scripts may stand in attributes: {sources}"),
    "style-src": N_("from where styles may come: {sources}"),
    "style-src-elem": N_("from where style elements may load: {sources}"),
    "style-src-attr": N_("which styles may stand in attributes: {sources}"),
    "img-src": N_("from where images may come: {sources}"),
    "font-src": N_("from where fonts may come: {sources}"),
    "connect-src": N_("where scripts may connect to: {sources}"),
    "media-src": N_("from where sound and video may come: {sources}"),
    "object-src": N_("from where embedded objects may come: {sources}"),
    "frame-src": N_("which pages may be shown in frames: {sources}"),
    "child-src": N_("which pages and workers may run within: {sources}"),
    "worker-src": N_("from where workers may come: {sources}"),
    "manifest-src": N_("from where the manifest may come: {sources}"),
    "prefetch-src": N_("what may be loaded in advance: {sources}"),
    "frame-ancestors": N_("which pages may show this one in a frame: {sources}"),
    "form-action": N_("where forms may be sent: {sources}"),
    "base-uri": N_("what addresses may be relative to: {sources}"),
    "navigate-to": N_("where the page may lead: {sources}"),
    "sandbox": N_("the page runs locked in, except for: {sources}"),
    "report-uri": N_("where breaches are reported: {sources}"),
    "report-to": N_("the name of where breaches are reported: {sources}"),
    "require-trusted-types-for": N_("what scripts may put into the page is checked: {sources}"),
    "trusted-types": N_("the checks that scripts may define: {sources}"),
    "require-sri-for": N_("what needs a checksum: {sources}"),
}
_BARE = {
    "upgrade-insecure-requests": N_("what the page loads over http is loaded over https"),
    "block-all-mixed-content": N_("nothing is loaded over http; obsolete"),
    "sandbox": N_("the page runs locked in, without any permission"),
}
_ELSEWHERE = {
    "upgrade-insecure-requests": "W3C Upgrade Insecure Requests 3.1",
    "block-all-mixed-content": "W3C Mixed Content",
}
_SOURCES = {
    b"'none'": N_("nothing"),
    b"'self'": N_("its own origin"),
    b"*": N_("anywhere"),
    b"'unsafe-inline'": N_("what is written in the page itself ('unsafe-inline')"),
    b"'unsafe-eval'": N_("code made from text ('unsafe-eval')"),
    b"'wasm-unsafe-eval'": N_("WebAssembly made from bytes ('wasm-unsafe-eval')"),
    b"'unsafe-hashes'": N_("what is written in attributes, with its checksum ('unsafe-hashes')"),
    b"'strict-dynamic'": N_("what an allowed script loads ('strict-dynamic')"),
    b"'report-sample'": N_("with the beginning of the code in reports ('report-sample')"),
    b"http:": N_("anything over http or https (http:)"),
    b"https:": N_("anything over https (https:)"),
    b"data:": N_("what stands in the address itself (data:)"),
    b"blob:": N_("what the page has made in the browser (blob:)"),
}
_NONCE = re.compile(rb"(?i)'nonce-[^']*'")
_HASH = re.compile(rb"(?i)'sha(?:256|384|512)-[^']*'")
# Directives that take other words than sources.
_NO_SOURCES = ("sandbox", "report-uri", "report-to", "require-trusted-types-for", "trusted-types", "require-sri-for")
_MOST = 8  # sources that are put in words


def _named(sources: Piece) -> object:
    """What a list of sources lets in."""
    listed: object = None
    for index, source in enumerate(sources.members(b" ")):
        says = _SOURCES.get(source.octets.lower())
        one: object = source.shown
        if index == _MOST:
            one = "..."
        elif says:
            one = Sentence(says)
        elif _NONCE.fullmatch(source.octets):
            one = Sentence("what bears the right nonce, a number used once")
        elif _HASH.fullmatch(source.octets):
            one = Sentence("what has this checksum: {hash}", hash=source.shown)
        listed = Sentence("{one}, {other}", one=listed, other=one) if listed else one
        if index == _MOST:
            break
    return listed or Sentence("nothing")


def _policy(value: Piece, _: Setting) -> Iterator[Gloss]:
    """Content-Security-Policy: directives between semicolons; quotes stand around words alone."""
    for member in value.split():
        name = next(member.members(b" "))
        sources = member.part(len(name.octets))
        if not sources.octets and name.word in _BARE:
            yield member.says(Sentence(_BARE[name.word]), _ELSEWHERE.get(name.word, ""))
        elif name.word in _POLICIES:
            named = (sources.shown or Sentence("nothing")) if name.word in _NO_SOURCES else _named(sources)
            yield member.says(Sentence(_POLICIES[name.word], sources=named))
        else:
            yield unknown(member)


_FEATURES = re.compile(rb"[ \t]*([a-z\-]+)[ \t]*=[ \t]*(\*|\([^()]*\)|self|\?[01])(?:;.*)?")


def _permissions(value: Piece, _: Setting) -> Iterator[Gloss]:
    for member in value.members():
        found = _FEATURES.fullmatch(member.octets)
        if not found:
            yield unknown(member)
            continue
        name, allowed = found[1].decode("ascii"), found[2]
        if allowed == b"()":
            yield member.says(Sentence("nobody may use {feature}", feature=name))
        elif allowed == b"*":
            yield member.says(Sentence("this page and all within it may use {feature}", feature=name))
        elif allowed in (b"self", b"(self)"):
            yield member.says(Sentence("only the origin of this page may use {feature}", feature=name))
        else:
            yield member.says(
                Sentence("only these may use {feature}: {sites}", feature=name, sites=visible(allowed, 60))
            )


_REFERRER = {
    "no-referrer": N_("nothing is ever told"),
    "no-referrer-when-downgrade": N_("the full address, except from https to http"),
    "origin": N_("only the origin (scheme, host and port), never the page"),
    "origin-when-cross-origin": N_("the full address to the same origin, to others only the origin"),
    "same-origin": N_("the full address to the same origin, to others nothing"),
    "strict-origin": N_("only the origin, and from https to http nothing"),
    "strict-origin-when-cross-origin": N_(
        "the full address to the same origin, to others the origin, from https to http nothing; browsers do so anyway"
    ),
    "unsafe-url": N_("the full address, to everyone"),
}


def _reports(value: Piece, _: Setting) -> Iterator[Gloss]:
    for member in value.members():
        name, address = member.pair()
        if address:
            yield member.says(Sentence("reports named {name} go to {address}", name=name.shown, address=address.text))
        else:
            yield unknown(member)


def _json(value: Piece, _: Setting) -> Iterator[Gloss]:
    yield value.says(Sentence("settings, written as JSON"))


EXPLAINERS: dict[bytes, Explainer] = {
    b"authorization": _credentials,
    b"proxy-authorization": _credentials,
    b"www-authenticate": _challenges,
    b"proxy-authenticate": _challenges,
    b"strict-transport-security": _transport,
    b"content-security-policy": _policy,
    b"content-security-policy-report-only": _policy,
    b"permissions-policy": _permissions,
    b"referrer-policy": words(_REFERRER),
    b"x-content-type-options": choice({"nosniff": N_("no: the browser is to take the type as it is given")}),
    b"x-frame-options": choice(
        {
            "deny": N_("no page may"),
            "sameorigin": N_("only pages of the same origin (scheme, host and port) may"),
            "allowall": N_("no value of the specification; browsers let every page"),
        }
    ),
    b"x-xss-protection": choice(
        {
            "0": N_("off, which is safest"),
            "1": N_("on"),
            "1; mode=block": N_("on: a suspicious page is not shown at all"),
            "1;mode=block": N_("on: a suspicious page is not shown at all"),
        }
    ),
    b"x-permitted-cross-domain-policies": choice(
        {
            "none": N_("no"),
            "master-only": N_("only as the file crossdomain.xml of the site says"),
            "all": N_("yes"),
        }
    ),
    b"x-download-options": choice({"noopen": N_("no")}),
    b"clear-site-data": words(
        {
            '"cache"': N_("the contents in the cache"),
            '"cookies"': N_("the cookies, and logins"),
            '"storage"': N_("what scripts have stored"),
            '"executioncontexts"': N_("the state of open pages, by a reload"),
            '"clienthints"': N_("the wishes for hints"),
            '"*"': N_("everything"),
        }
    ),
    b"reporting-endpoints": _reports,
    b"report-to": _json,
    b"nel": _json,
}
