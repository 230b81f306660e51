"""The connection: what becomes of it, how messages lie on it, what it changes to.

In: the value of Connection, Keep-Alive, Transfer-Encoding, Trailer, Upgrade, Range, Expect,
WebSocket's fields and their like. Out: glosses.
"""

from __future__ import annotations

import re

from httpwire.language import N_, Amount, Sentence
from httpwire.views.explain.moments import told_seconds
from httpwire.views.explain.values.media import told_size
from httpwire.views.explain.values.shapes import choice, not_a_number, number, text, unknown, words

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from httpwire.views.explain.gloss import Gloss, Setting
    from httpwire.views.explain.syntax import Piece
    from httpwire.views.explain.values.shapes import Explainer

_OPTIONS = {
    "keep-alive": N_("the connection is to stay open for more requests"),
    "close": N_("the connection is closed after this exchange"),
    "upgrade": N_("the sender would like to change the protocol, as Upgrade says"),
    "te": N_("TE is for this connection only"),
    "transfer-encoding": N_("Transfer-Encoding is for this connection only"),
    "http2-settings": N_("HTTP2-Settings is for this connection only"),
}

_CODINGS = {
    "chunked": N_("in chunks, each with its size before it, so that the length need not be known in advance"),
    "gzip": N_("compressed with gzip for the way"),
    "x-gzip": N_("compressed with gzip for the way"),
    "deflate": N_("compressed with deflate for the way"),
    "compress": N_("compressed with the old compress of Unix for the way"),
    "identity": N_("as it is; this word was given up, and recipients may refuse it"),
}

_PROTOCOLS = {
    "websocket": N_("WebSocket: both sides may then send messages at any time"),
    "h2c": N_("HTTP/2 without encryption; given up in 2022"),
    "h2": N_("HTTP/2; only TLS can agree on it, so this has no effect"),
    "http/2.0": N_("HTTP/2"),
    "tls/1.0": N_("encryption by TLS"),
}


def _keep_alive(value: Piece, _: Setting) -> Iterator[Gloss]:
    for member in value.members():
        name, argument = member.pair()
        if name.word == "timeout" and argument:
            time = told_seconds(argument)
            says = (
                Sentence("a connection without requests stays open for {time}", time=time)
                if time
                else not_a_number(argument)
            )
            yield member.says(says)
        elif name.word == "max" and argument and argument.number is not None:
            yield member.says(
                Amount("{n} more request may follow on it", "{n} more requests may follow on it", argument.number)
            )
        elif argument is None and name.number is not None:
            yield member.says(
                Amount("{n} second, in the way of old clients", "{n} seconds, in the way of old clients", name.number)
            )
        else:
            yield unknown(member)


_RANGE = re.compile(rb"([0-9]{0,18})[ \t]*-[ \t]*([0-9]{0,18})")
_CONTENT_RANGE = re.compile(rb"(?i)bytes (?:([0-9]{1,18})-([0-9]{1,18})|\*)/([0-9]{1,18}|\*)")


def _range(value: Piece, _: Setting) -> Iterator[Gloss]:
    """Range: bytes=first-last, the last one included."""
    unit, ranges = value.pair()
    if ranges is None or unit.word != "bytes":
        yield value.says(Sentence("a range of a unit other than bytes; servers ignore it"))
        return
    for member in ranges.members():
        yield member.says(_told_range(member))


def _told_range(member: Piece) -> Sentence:
    found = _RANGE.fullmatch(member.octets)
    if not found or not (found[1] or found[2]):
        return Sentence("{range} is not a range: first-last", range=member.shown)
    if not found[1]:
        return Amount("the last {n} byte", "the last {n} bytes", int(found[2]))
    first = int(found[1])
    if not found[2]:
        return (
            Sentence("everything from the start")
            if not first
            else Amount("all but the first {n} byte", "all but the first {n} bytes", first)
        )
    last = int(found[2])
    if last < first:
        return Sentence("{range} ends before it begins; servers ignore it", range=member.shown)
    count = last - first + 1
    return Amount(
        "{n} byte, number {first} to {last}, counted from 0",
        "{n} bytes, number {first} to {last}, counted from 0",
        count,
        first=first,
        last=last,
    )


def _content_range(value: Piece, _: Setting) -> Iterator[Gloss]:
    found = _CONTENT_RANGE.fullmatch(value.octets)
    if not found:
        yield value.says(Sentence("this is not a range of bytes: bytes first-last/size"))
    elif found[1] is None:
        whole = Sentence("an unknown size") if found[3] == b"*" else told_size(int(found[3]))
        yield value.says(Sentence("no part could be sent; the whole has {size}", size=whole))
    elif int(found[2]) < int(found[1]):
        yield value.says(Sentence("{range} ends before it begins; clients must not use it", range=value.shown))
    elif found[3] == b"*":
        yield value.says(
            Sentence(
                "the bytes number {first} to {last}, of a whole whose size is not known",
                first=int(found[1]),
                last=int(found[2]),
            )
        )
    else:
        first, last, whole_size = int(found[1]), int(found[2]), int(found[3])
        yield value.says(
            Amount(
                "{n} byte, number {first} to {last}, of {whole}",
                "{n} bytes, number {first} to {last}, of {whole}",
                last - first + 1,
                first=first,
                last=last,
                whole=told_size(whole_size),
            )
        )


_KEY = re.compile(rb"[A-Za-z0-9+/]{21}[AQgw]==")  # 16 octets in Base64
_PROOF = re.compile(rb"[A-Za-z0-9+/]{27}=")  # 20 octets


def _socket_key(value: Piece, _: Setting) -> Iterator[Gloss]:
    good = _KEY.fullmatch(value.octets)
    yield value.says(
        Sentence("16 random bytes in Base64") if good else Sentence("this is not a key: 16 bytes in Base64")
    )


def _socket_proof(value: Piece, _: Setting) -> Iterator[Gloss]:
    good = _PROOF.fullmatch(value.octets)
    yield value.says(
        Sentence("made of the client's key by SHA-1, in Base64")
        if good
        else Sentence("this is not a proof: 20 bytes in Base64")
    )


_EXTENSIONS = {
    "permessage-deflate": N_("each message is compressed with deflate"),
    "client_max_window_bits": N_("the client can limit the memory for compression"),
    "server_max_window_bits": N_("the server limits the memory for compression"),
    "client_no_context_takeover": N_("the client compresses each message by itself"),
    "server_no_context_takeover": N_("the server compresses each message by itself"),
    "x-webkit-deflate-frame": N_("each frame is compressed, in an old way"),
}


def _socket_extensions(value: Piece, _: Setting) -> Iterator[Gloss]:
    for member in value.members():
        for part in member.members(b";"):
            says = _EXTENSIONS.get(part.pair()[0].word)
            yield part.says(Sentence(says) if says else Sentence("the extension {name}", name=part.shown))


def _priority(value: Piece, _: Setting) -> Iterator[Gloss]:
    for member in value.members():
        name, argument = member.pair()
        if name.octets == b"u" and argument and argument.octets in (b"0", b"1", b"2", b"3", b"4", b"5", b"6", b"7"):
            yield member.says(
                Sentence("urgency {number}, from 0 (most urgent) to 7; 3 is usual", number=argument.shown)
            )
        elif name.octets == b"i" and (argument is None or argument.octets == b"?1"):
            yield member.says(Sentence("of use already while it arrives: it may be sent in turns with others"))
        elif name.octets == b"i" and argument and argument.octets == b"?0":
            yield member.says(Sentence("of use only when it is complete"))
        else:
            yield unknown(member)


EXPLAINERS: dict[bytes, Explainer] = {
    b"connection": words(_OPTIONS, N_("{word} is for this connection only")),
    b"proxy-connection": words(_OPTIONS, N_("{word} is for this connection only")),
    b"keep-alive": _keep_alive,
    b"transfer-encoding": words(_CODINGS, N_("{word}: a coding that is not registered")),
    b"trailer": words({}, N_("the field {word} comes after the content")),
    b"upgrade": words(_PROTOCOLS, N_("the protocol {word}")),
    b"expect": choice({"100-continue": N_("the client waits for the answer 100 before it sends the content")}),
    b"early-data": choice({"1": N_("yes; the server may refuse it with 425, since it might be a replay")}),
    b"range": _range,
    b"content-range": _content_range,
    b"accept-ranges": words(
        {"bytes": N_("yes, in bytes"), "none": N_("no parts, only the whole")}, N_("parts are counted in {word}")
    ),
    b"max-forwards": number(N_("{number} more proxies; at 0 the one that has it answers")),
    b"priority": _priority,
    b"sec-websocket-key": _socket_key,
    b"sec-websocket-accept": _socket_proof,
    b"sec-websocket-version": words({"13": N_("version 13, the one of the standard")}, N_("version {word}")),
    b"sec-websocket-protocol": words({}, N_("the protocol {word}")),
    b"sec-websocket-extensions": _socket_extensions,
    b"last-event-id": text(N_("the event {text}")),
}
