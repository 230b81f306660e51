"""Elements: the named stretches of octets that tile a message.

In: absolute offsets, counted from the first octet of one direction of a connection.
Out: Span and Element values. Elements laid end to end give back every octet, always.
"""

from __future__ import annotations

from enum import Enum

from httpwire.language import N_
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

    def behind(self, count: int) -> Span:
        """What is left of it after its first `count` octets."""
        return Span(min(self.start + count, self.stop), self.stop)


class ElementKind(Enum):
    """What a stretch of octets is, in the terms of RFC 9112; the value is a message id."""

    EMPTY_LINE = N_("empty line")  # before a start line: 2.2
    METHOD = N_("method")
    TARGET = N_("request target")
    VERSION = N_("version")
    STATUS = N_("status code")
    REASON = N_("reason phrase")
    BLANK = N_("blank")  # SP, OWS, BWS
    LINE_END = N_("line end")
    FIELD_NAME = N_("field name")
    COLON = N_("colon")
    FIELD_VALUE = N_("field value")
    FOLD = N_("line fold")  # 5.2
    HEAD_END = N_("end of head")
    CONTENT = N_("content")
    CHUNKED = N_("chunked content")  # chunks not taken apart
    CHUNK_SIZE = N_("chunk size")
    CHUNK_EXTENSIONS = N_("chunk extensions")
    CHUNK_DATA = N_("chunk data")
    TRAILER_END = N_("end of trailers")
    TUNNEL = N_("tunnel")
    MALFORMED = N_("malformed")  # fits no production
    UNDECIDED = N_("undecided")  # follows a point where the end can no longer be known
    EXTRA = N_("after the end")  # belongs to no awaited message

    __hash__ = object.__hash__  # members are one of a kind, and Enum's own is slow


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
