"""What the parts of a start line say: method, request target, version, status, reason phrase.

In: the octets of one of them (the status as a number). Out: a sentence and the section that
defines it; of a target glosses, since it has parts of its own.
"""

from __future__ import annotations

from httpwire.language import N_, Sentence
from httpwire.views.explain.cutting import cut
from httpwire.views.explain.gloss import Gloss
from httpwire.views.explain.statuses import STATUSES
from httpwire.views.explain.syntax import Piece
from httpwire.views.explain.urls import explain_authority, explain_url
from httpwire.views.text import visible
from httpwire.wire import grammar

METHODS = {
    b"GET": (N_("the client wants the content at the target, and to change nothing"), "RFC 9110 9.3.1"),
    b"HEAD": (N_("like GET, but the answer is the head alone, without content"), "RFC 9110 9.3.2"),
    b"POST": (N_("the client hands over content for the target to work on, as a form's data"), "RFC 9110 9.3.3"),
    b"PUT": (N_("the content is to become what is at the target"), "RFC 9110 9.3.4"),
    b"DELETE": (N_("what is at the target is to be removed"), "RFC 9110 9.3.5"),
    b"CONNECT": (N_("a proxy is to make a tunnel to the host that is named"), "RFC 9110 9.3.6"),
    b"OPTIONS": (N_("the client asks what can be done with the target"), "RFC 9110 9.3.7"),
    b"TRACE": (N_("the server is to send the request back as it arrived, to find faults"), "RFC 9110 9.3.8"),
    b"PATCH": (N_("what is at the target is to be changed in part, as the content says"), "RFC 5789 2"),
    b"QUERY": (N_("the content is a question to the target, which changes nothing"), "IETF draft safe-method-w-body"),
    b"PROPFIND": (N_("the client asks for properties of a file or folder (WebDAV)"), "RFC 4918 9.1"),
    b"PROPPATCH": (N_("the client changes properties of a file or folder (WebDAV)"), "RFC 4918 9.2"),
    b"MKCOL": (N_("the client makes a folder (WebDAV)"), "RFC 4918 9.3"),
    b"COPY": (N_("the client copies a file or folder (WebDAV)"), "RFC 4918 9.8"),
    b"MOVE": (N_("the client moves a file or folder (WebDAV)"), "RFC 4918 9.9"),
    b"LOCK": (N_("the client reserves a file for itself (WebDAV)"), "RFC 4918 9.10"),
    b"UNLOCK": (N_("the client gives up a reservation (WebDAV)"), "RFC 4918 9.11"),
    b"REPORT": (N_("the client asks for a report (WebDAV)"), "RFC 3253 3.6"),
    b"SEARCH": (N_("the client searches (WebDAV)"), "RFC 5323 2"),
    b"PURGE": (N_("a cache is to forget what is at the target; a custom of caches, no standard"), ""),
    b"PRI": (N_("the beginning of an HTTP/2 connection, not a method"), "RFC 9113 3.4"),
}

_CLASSES = {
    1: (N_("the request was received, the final answer is still to come"), "RFC 9110 15.2"),
    2: (N_("success"), "RFC 9110 15.3"),
    3: (N_("the client has to go on elsewhere"), "RFC 9110 15.4"),
    4: (N_("the request is at fault, or not allowed"), "RFC 9110 15.5"),
    5: (N_("the server is at fault, or can't answer at the moment"), "RFC 9110 15.6"),
}


def explain_method(method: bytes) -> tuple[Sentence, str]:
    """What a method asks for; methods are case-sensitive."""
    if method in METHODS:
        says, section = METHODS[method]
        return Sentence(says), section
    if grammar.TOKEN.fullmatch(method) and method.upper() in METHODS:
        meant = method.upper().decode("ascii")
        return Sentence("not a method: {meant} is written in capitals", meant=meant), "RFC 9110 9.1"
    if grammar.TOKEN.fullmatch(method):
        return Sentence("{method}: a method of no common standard", method=visible(method, 60)), "RFC 9110 9.1"
    return Sentence("this can't be a method: a method is one word of letters"), "RFC 9110 9.1"


def explain_target(target: bytes, method: bytes) -> list[Gloss]:
    """What a request target says, part by part; the form that it may have depends on the method."""
    whole = Piece(0, target)
    if not target:
        return [whole.says(Sentence("the target is empty"), "RFC 9112 3.2")]
    if target == b"*":
        return [whole.says(Sentence("the server as a whole, none of its resources"), "RFC 9112 3.2.4")]
    if method == b"CONNECT":
        return cut(whole, explain_authority(whole), "RFC 9112 3.2.3")
    if target.startswith(b"/"):
        # Two slashes at the beginning are a path here, not the beginning of a host.
        path = len(target) - len(target.lstrip(b"/")) - 1
        if path:
            slashes = Piece(0, target[:path]).says(Sentence("more slashes than one: servers differ in what they mean"))
            return cut(whole, [slashes, *explain_url(Piece(path, target[path:]))], "RFC 9112 3.2.1")
        return cut(whole, explain_url(whole), "RFC 9112 3.2.1")
    if grammar.TARGET.match(target):
        return cut(whole, explain_url(whole), "RFC 9112 3.2.2")
    return [whole.says(Sentence("this is none of the four forms that a target can have"), "RFC 9112 3.2")]


def explain_version(version: bytes) -> tuple[Sentence, str]:
    """Which version of HTTP this is."""
    if version == b"HTTP/1.1":
        return Sentence(
            "HTTP/1.1: connections stay open for more requests, and content may come in chunks"
        ), "RFC 9112 2.3"
    if version == b"HTTP/1.0":
        return Sentence(
            "HTTP/1.0, from 1996: the connection closes after each answer, unless both ask to keep it"
        ), "RFC 1945"
    if grammar.VERSION.fullmatch(version):
        return Sentence(
            "{version}: another version than HTTP/1.1, in its form", version=visible(version)
        ), "RFC 9112 2.3"
    return Sentence("this is not a version of HTTP that could be read"), "RFC 9112 2.3"


def explain_status(status: int) -> tuple[Sentence, str]:
    """What a status code says; one that is not registered counts as the x00 of its class."""
    if status in STATUSES:
        says, section = STATUSES[status]
        return Sentence(says), section
    if status // 100 in _CLASSES:
        says, section = _CLASSES[status // 100]
        return Sentence("a status of no standard; by its first digit: {class_}", class_=Sentence(says)), section
    return Sentence("a status outside 100 to 599: clients treat it as a fault of the server"), "RFC 9110 15"


def explain_reason(reason: bytes) -> tuple[Sentence, str]:
    """What a reason phrase is for: nothing that a program reads."""
    if not reason:
        return Sentence("no reason phrase: none is needed"), "RFC 9112 4"
    return Sentence("the status in words, for people only; clients ignore it"), "RFC 9112 4"
