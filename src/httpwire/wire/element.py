"""Elements: the named stretches of octets that tile a message.

In: absolute offsets, counted from the first octet of one direction of a connection.
Out: Span and Element values. Elements laid end to end give back every octet, always.
"""

from __future__ import annotations

from enum import Enum

from httpwire.wire.record import Record, at


class Direction(Enum):
    """Which way octets travel: a request from the client, or a response to it."""

    REQUEST = "request"
    RESPONSE = "response"


class Span(Record):
    """A range of octets: `start` included, `stop` excluded."""

    __slots__ = ()
    FIELDS = ("start", "stop")
    start: int = at(0)
    stop: int = at(1)

    def __new__(cls, start: int, stop: int) -> Span:
        return tuple.__new__(cls, (start, stop))

    @property
    def octets(self) -> int:
        return self.stop - self.start


class ElementKind(Enum):
    """What a stretch of octets is, in the terms of RFC 9112."""

    EMPTY_LINE = "empty line"  # before a start line: 2.2
    METHOD = "method"
    TARGET = "request target"
    VERSION = "version"
    STATUS = "status code"
    REASON = "reason phrase"
    BLANK = "blank"  # SP, OWS, BWS
    LINE_END = "line end"
    FIELD_NAME = "field name"
    COLON = "colon"
    FIELD_VALUE = "field value"
    FOLD = "line fold"  # 5.2
    HEAD_END = "end of head"
    CONTENT = "content"
    CHUNKED = "chunked content"  # chunks not taken apart
    CHUNK_SIZE = "chunk size"
    CHUNK_EXTENSIONS = "chunk extensions"
    CHUNK_DATA = "chunk data"
    TRAILER_END = "end of trailers"
    TUNNEL = "tunnel"
    MALFORMED = "malformed"  # fits no production
    UNDECIDED = "undecided"  # follows a point where the end can no longer be known
    EXTRA = "after the end"  # belongs to no awaited message


#: Kinds that arrive in stretches of any length: neighbours of one kind are one element.
RUNS = frozenset(
    {
        ElementKind.CONTENT,
        ElementKind.CHUNKED,
        ElementKind.CHUNK_DATA,
        ElementKind.TUNNEL,
        ElementKind.UNDECIDED,
        ElementKind.EXTRA,
    }
)


class Element(Record):
    """One named stretch of octets, from `start` up to `stop`."""

    __slots__ = ()
    FIELDS = ("kind", "start", "stop")
    kind: ElementKind = at(0)
    start: int = at(1)
    stop: int = at(2)

    def __new__(cls, kind: ElementKind, start: int, stop: int) -> Element:
        return tuple.__new__(cls, (kind, start, stop))
