"""What a TCP connection carries, guessed from how each side begins.

In: the first octets of a side, as many as there are. Out: a Guess. HTTP that is badly wrong is still HTTP: what
can't be read as a request is taken for one where the answer is HTTP's.
"""

from __future__ import annotations

import re
from enum import Enum


class Guess(Enum):
    HTTP = "http"
    HTTP2 = "http/2"
    TLS = "tls"
    OTHER = "other"
    UNSURE = "unsure"  # more octets may tell


ENOUGH = 4096  #: octets of a side's beginning; with as many as these it is told at once
_PREFACE = b"PRI * HTTP/2.0\r\n"  # RFC 9113 3.4
_STATUS = b"HTTP/1."
_REQUEST = re.compile(rb"(?:\r?\n){0,4}[!#$%&'*+.^_`|~0-9A-Za-z-]{1,64} [^\r\n]* ?HTTP/[01]\.[0-9][ \t]*\r?\n")
_SIMPLE = re.compile(rb"GET [^ \r\n]+\r?\n")  # HTTP/0.9
_BEGUN = re.compile(rb"(?:\r?\n){0,4}[!#$%&'*+.^_`|~0-9A-Za-z-]{0,64}(?: [^\r\n]*\r?)?")
_LIKELY = re.compile(
    rb"(?:\r?\n){0,4}(?:GET|HEAD|POST|PUT|DELETE|OPTIONS|PATCH|TRACE|CONNECT|[A-Z]{3,16})"
    rb" (?:/|\*|https?:|[0-9A-Za-z.-]+:[0-9])"
)


def asks(octets: bytes) -> Guess:
    """What a client that begins so speaks."""
    if octets.startswith(_PREFACE):
        return Guess.HTTP2
    if _REQUEST.match(octets):
        return Guess.HTTP
    if is_tls(octets):
        return Guess.TLS
    if _SIMPLE.match(octets):
        return Guess.HTTP
    if _BEGUN.fullmatch(octets):
        if len(octets) < ENOUGH:
            return Guess.UNSURE
        return Guess.HTTP if _LIKELY.match(octets) else Guess.OTHER
    return Guess.OTHER


def asks_perhaps(octets: bytes) -> bool:
    """Whether octets that end before they tell more are likely a request."""
    return bool(_LIKELY.match(octets)) and b"\n" not in octets.lstrip(b"\r\n")


def answers(octets: bytes) -> Guess:
    """What a server that begins so speaks."""
    if octets.startswith(_STATUS):
        return Guess.HTTP
    if is_tls(octets):
        return Guess.TLS
    return Guess.UNSURE if _STATUS.startswith(octets[: len(_STATUS)]) else Guess.OTHER


def is_tls(octets: bytes) -> bool:
    """Whether a TLS record begins here (RFC 8446 5.1)."""
    return len(octets) >= 3 and 20 <= octets[0] <= 23 and octets[1] == 3 and octets[2] <= 4


def begins_request(octets: bytes) -> bool:
    """Whether these octets, from the middle of a connection, are the beginning of a request."""
    return bool(_REQUEST.match(octets))
