"""Addresses and request targets, part by part.

In: a Piece that is a URL, absolute or not. Out: glosses of scheme, host, port, path, each
query parameter, and fragment; what is percent-encoded is shown decoded.
"""

from __future__ import annotations

import re

from httpwire.language import N_, Sentence
from httpwire.views.explain.syntax import Piece
from httpwire.views.text import printable, visible
from httpwire.wire import grammar

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from httpwire.views.explain.gloss import Gloss

HOST_SECTION = "RFC 3986 3.2.2"
_LONGEST = 120  # octets of a decoded part that are shown
_URL = re.compile(
    rb"(?s)(?:([A-Za-z][A-Za-z0-9+.\-]*):)?(?://([^/?#]*))?([^?#]*)(?:\?([^#]*))?(?:#(.*))?"
)  # RFC 3986 B
_ESCAPE = re.compile(rb"%([0-9A-Fa-f]{2})")
_AUTHORITY = re.compile(rb"(?:([^@]*)@)?(\[[^\]]*\]|[^:]*)(?::([0-9]{0,5}))?")
_PARAMETER = re.compile(rb"[^&]+")

_SCHEMES = {
    "http": N_("http: without encryption"),
    "https": N_("https: encrypted by TLS"),
    "ws": N_("ws: a WebSocket without encryption"),
    "wss": N_("wss: a WebSocket encrypted by TLS"),
    "ftp": N_("ftp: the file transfer protocol"),
    "data": N_("data: the content itself stands in the address"),
    "blob": N_("blob: data that a page made in the browser"),
    "about": N_("about: a page of the browser's own"),
    "mailto": N_("mailto: a mail address"),
    "file": N_("file: a file of the machine itself"),
    "android-app": N_("android-app: an app on Android"),
}
_PORTS = {"http": b"80", "ws": b"80", "https": b"443", "wss": b"443", "ftp": b"21"}


def explain_url(url: Piece) -> Iterator[Gloss]:
    """Each part of a URL; the syntax takes any octets."""
    found = _URL.fullmatch(url.octets)
    assert found  # every part may be empty, and the last ones take what is left
    scheme, authority, path, query, fragment = (
        None if found.start(index) < 0 else Piece(url.start + found.start(index), found[index]) for index in range(1, 6)
    )
    if scheme:
        known = _SCHEMES.get(scheme.octets.lower().decode("ascii"))
        yield scheme.says(
            Sentence(known) if known else Sentence("the scheme {scheme}", scheme=scheme.shown), "RFC 3986 3.1"
        )
    if authority:
        yield from explain_authority(authority, scheme.octets.lower().decode("ascii") if scheme else "")
    if path and path.octets:
        yield _path(path, rootless=bool(scheme) and not authority)
    if query:
        yield from _query(query)
    if fragment and fragment.octets:
        sentence = Sentence("a place within the page: {text}; it stays in the browser", text=decoded(fragment.octets))
        yield fragment.says(sentence, "RFC 3986 3.5")


def explain_authority(authority: Piece, scheme: str = "") -> Iterator[Gloss]:
    """User, host and port; `scheme` tells which port goes without saying."""
    found = _AUTHORITY.fullmatch(authority.octets)
    if not found or not found[2]:
        yield authority.says(Sentence("this is not the name of a host"), "RFC 3986 3.2")
        return
    if found[1]:
        user = Piece(authority.start, found[1])
        yield user.says(Sentence("a user, perhaps with a password; HTTP does not allow them here"), "RFC 9110 4.2.4")
    host = Piece(authority.start + found.start(2), found[2])
    yield host.says(_host(host), HOST_SECTION)
    if found[3]:
        port = Piece(authority.start + found.start(3), found[3])
        if found[3] == _PORTS.get(scheme):
            sentence = Sentence("port {port}, which is the usual one for {scheme}", port=port.shown, scheme=scheme)
        elif int(found[3]) > 65535:
            sentence = Sentence("port {port}, which does not exist: the last one is 65535", port=port.shown)
        else:
            sentence = Sentence("port {port}", port=port.shown)
        yield port.says(sentence, "RFC 3986 3.2.3")


def _host(host: Piece) -> Sentence:
    if host.octets.startswith(b"["):
        return Sentence("the IPv6 address {address}", address=host.shown)
    if re.fullmatch(rb"[0-9]{1,3}(?:\.[0-9]{1,3}){3}", host.octets):
        if host.octets.startswith(b"127."):
            return Sentence("the IPv4 address {address}: the machine itself", address=host.shown)
        return Sentence("the IPv4 address {address}", address=host.shown)
    if host.word in ("localhost", "localhost."):
        return Sentence("the host localhost: the machine itself")
    if not grammar.HOST.fullmatch(host.octets):
        return Sentence("{host} is not a name that a host can have", host=host.shown)
    if b"xn--" in host.octets.lower():
        return Sentence("the host {host}; xn-- marks letters outside ASCII", host=host.shown)
    return Sentence("the host {host}", host=host.shown)


def _path(path: Piece, *, rootless: bool) -> Gloss:
    if path.octets == b"/":
        return path.says(Sentence("the root of the site: its start page"), "RFC 3986 3.3")
    if rootless:
        return path.says(Sentence("what the scheme refers to"), "RFC 3986 3.3")
    if _ESCAPE.search(path.octets):
        return path.says(Sentence("the path, decoded: {path}", path=decoded(path.octets)), "RFC 3986 3.3")
    return path.says(Sentence("the path: which resource of the site"), "RFC 3986 3.3")


def _query(query: Piece) -> Iterator[Gloss]:
    for found in _PARAMETER.finditer(query.octets):
        part = Piece(query.start + found.start(), found[0])
        name, equals, value = found[0].replace(b"+", b" ").partition(b"=")
        if not equals:
            sentence = Sentence("the query {text}, without a value", text=decoded(name))
        elif not value:
            sentence = Sentence("the parameter {name}, with an empty value", name=decoded(name))
        else:
            sentence = Sentence("the parameter {name} with the value {value}", name=decoded(name), value=decoded(value))
        yield part.says(sentence, "RFC 3986 3.4")


def decoded(octets: bytes) -> str:
    """Percent-encoded octets as text where they are UTF-8, else as they are."""
    shown = octets[:_LONGEST]
    try:
        text = printable(_ESCAPE.sub(lambda found: bytes.fromhex(found[1].decode("ascii")), shown).decode("utf-8"))
    except UnicodeDecodeError:  # another encoding, or cut within a character
        text = visible(shown)
    return text + "..." if len(shown) < len(octets) else text
