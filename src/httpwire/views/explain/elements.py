"""What each kind of element is, in one plain sentence.

In: an ElementKind, or the octets of a line end or chunk size. Out: the sentence (of a kind: its message
id) and the section of the specification that defines it.
"""

from __future__ import annotations

from httpwire.language import N_, Amount, Sentence
from httpwire.wire import grammar
from httpwire.wire.deviations import BARE_LF
from httpwire.wire.element import ElementKind

_KINDS = {
    ElementKind.EMPTY_LINE: (
        N_("an empty line before the first line: it means nothing, and servers skip it"),
        "RFC 9112 2.2",
    ),
    ElementKind.METHOD: (N_("the method: what the client wants to be done"), "RFC 9110 9"),
    ElementKind.TARGET: (N_("the request target: what the method is to be applied to"), "RFC 9112 3.2"),
    ElementKind.VERSION: (N_("the version of HTTP that the sender speaks"), "RFC 9112 2.3"),
    ElementKind.STATUS: (N_("the status code: how the request turned out, as three digits"), "RFC 9110 15"),
    ElementKind.REASON: (
        N_("the reason phrase: the status in words, for people only; clients ignore it"),
        "RFC 9112 4",
    ),
    ElementKind.BLANK: (N_("blank space that separates, and belongs to no value"), "RFC 9110 5.6.3"),
    ElementKind.LINE_END: (N_("the end of the line: carriage return and line feed (CRLF)"), "RFC 9112 2.1"),
    ElementKind.FIELD_NAME: (N_("the name of a field; capital and small letters are the same"), "RFC 9110 5.1"),
    ElementKind.COLON: (N_("the colon between the name of a field and its value"), "RFC 9112 5"),
    ElementKind.FIELD_VALUE: (N_("the value of the field"), "RFC 9110 5.5"),
    ElementKind.FOLD: (
        N_("the value goes on in the next line; this is obsolete, and recipients read it as a space or refuse it"),
        "RFC 9112 5.2",
    ),
    ElementKind.HEAD_END: (
        N_("the blank line that ends the head; what follows is the content, if there is any"),
        "RFC 9112 2.1",
    ),
    ElementKind.CONTENT: (N_("the content: what the message carries"), "RFC 9110 6.4"),
    ElementKind.CHUNKED: (N_("the content in chunks, each with its size before it"), "RFC 9112 7.1"),
    ElementKind.CHUNK_SIZE: (N_("the size of the chunk that follows, as a hexadecimal number"), "RFC 9112 7.1"),
    ElementKind.CHUNK_EXTENSIONS: (
        N_("notes on this chunk alone; recipients ignore those that they don't know"),
        "RFC 9112 7.1.1",
    ),
    ElementKind.CHUNK_DATA: (N_("a part of the content, as long as the chunk size says"), "RFC 9112 7.1"),
    ElementKind.TRAILER_END: (N_("the blank line that ends the trailers, and with them the message"), "RFC 9112 7.1.2"),
    ElementKind.TUNNEL: (N_("octets of another protocol: the connection no longer carries HTTP"), "RFC 9110 9.3.6"),
    ElementKind.MALFORMED: (N_("these octets fit no rule of HTTP at this place"), "RFC 9112 2.2"),
    ElementKind.UNDECIDED: (
        N_("octets after a point where nobody can know for sure any more where the message ends"),
        "RFC 9112 6.3",
    ),
    ElementKind.EXTRA: (N_("octets after the end of the last message that was expected"), "RFC 9112 6.3"),
}


def explain_kind(kind: ElementKind) -> tuple[str, str]:
    """The message id of what a `kind` of element is, and its section."""
    return _KINDS[kind]


def explain_line_end(octets: bytes) -> tuple[Sentence, str]:
    """What ends a line: CRLF, or what is tolerated in its place."""
    if octets == b"\n":
        return Sentence(BARE_LF.says), BARE_LF.section
    says, section = _KINDS[ElementKind.LINE_END]
    return Sentence(says), section


def explain_chunk_size(octets: bytes) -> tuple[Sentence, str]:
    """What a chunk's size says, in decimal; the last chunk has none."""
    _, section = _KINDS[ElementKind.CHUNK_SIZE]
    significant = octets.lstrip(b"0")
    if not grammar.CHUNK_SIZE.fullmatch(octets) or len(significant) > 16:
        return Sentence("this is not the size of a chunk that could be read"), section
    if not significant:
        return Sentence("size 0: this is the last chunk, the content is complete"), section
    size = int(significant, 16)
    return Amount("{n} byte of content follows", "{n} bytes of content follow", size), section
