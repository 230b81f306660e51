"""Where a message ends: RFC 9112 6.3 as one function.

In: a Head and, for a response, the method it answers. Out: a Framing: the kind of
content, its length where that is announced, and the rule that decided. Every deviation
that bears on the decision is told to `note`. Nothing is read here but the head.
"""

from __future__ import annotations

from enum import Enum

from httpwire.language import N_
from httpwire.wire import deviations as dev
from httpwire.wire import grammar
from httpwire.wire.element import Direction
from httpwire.wire.fields import FieldLine
from httpwire.wire.head import Head
from httpwire.wire.record import Record, at

TYPE_CHECKING = False
if TYPE_CHECKING:
    from httpwire.wire.fields import Note

#: Sizes above this overflow a signed 64-bit integer, in which most recipients count.
MAX_SIZE = 2**63 - 1
_DIGITS = 19  # that it has


class Kind(Enum):
    """How the end of the content is found."""

    NONE = "none"
    LENGTH = "length"
    CHUNKED = "chunked"
    UNTIL_CLOSE = "until-close"
    TUNNEL = "tunnel"
    UNDECIDABLE = "undecidable"


class Rule(Enum):
    """What decided, as an id, a sentence and the section it follows."""

    ANSWER_TO_HEAD = ("head", N_("an answer to HEAD has no content"), "RFC 9112 6.3 #1")
    STATUS_WITHOUT_CONTENT = ("status", N_("a response with this status has no content"), "RFC 9112 6.3 #1")
    SWITCHING_PROTOCOLS = ("upgrade", N_("the connection became a tunnel after 101"), "RFC 9110 15.2.2")
    ANSWER_TO_CONNECT = ("connect", N_("the connection became a tunnel after CONNECT"), "RFC 9112 6.3 #2")
    CHUNKED = ("chunked", N_("the last chunk arrived, and any trailers"), "RFC 9112 6.3 #4")
    CODING_NOT_CHUNKED = (
        "coding-until-close",
        N_("chunked is not the last transfer coding: it ended when the connection was closed"),
        "RFC 9112 6.3 #4",
    )
    LENGTH = ("content-length", N_("Content-Length was reached"), "RFC 9112 6.3 #6")
    REQUEST_WITHOUT_CONTENT = (
        "request",
        N_("a request without Content-Length or Transfer-Encoding has no content"),
        "RFC 9112 6.3 #7",
    )
    UNTIL_CLOSE = (
        "until-close",
        N_("no length was announced: it ended when the connection was closed"),
        "RFC 9112 6.3 #8",
    )
    START_LINE = ("start-line", N_("the first line can't be read"), "RFC 9112 4")
    NOT_HTTP = ("not-http", N_("this is not HTTP/1.1"), "RFC 9112 4")
    LENGTH_INVALID = ("length-invalid", N_("Content-Length is invalid or contradicts itself"), "RFC 9112 6.3 #5")
    CODING_INVALID = ("coding-invalid", N_("Transfer-Encoding can't be read"), "RFC 9112 6.1")
    CODING_IN_HTTP10 = ("coding-in-http10", N_("HTTP/1.0 has no Transfer-Encoding"), "RFC 9112 6.1")
    CHUNK_BROKEN = ("chunk-broken", N_("a chunk is broken"), "RFC 9112 7.1")
    LIMIT = ("limit", N_("a limit of httpwire was exceeded"), "RFC 9112 9.8")

    def __init__(self, id: str, says: str, section: str) -> None:
        self.id = id
        self.says = says
        self.section = section


class Framing(Record):
    """How one message is delimited. `length` is in octets, for Kind.LENGTH alone; `overrode`
    holds the field lines that lost against the rule."""

    __slots__ = ()
    FIELDS = ("kind", "rule", "length", "overrode")
    kind: Kind = at(0)
    rule: Rule = at(1)
    length: int | None = at(2)
    overrode: tuple[FieldLine, ...] = at(3)

    def __new__(
        cls, kind: Kind, rule: Rule, length: int | None = None, overrode: tuple[FieldLine, ...] = ()
    ) -> Framing:
        return tuple.__new__(cls, (kind, rule, length, overrode))


#: The framing of most messages that announce nothing.
_UNTIL_CLOSE = Framing(Kind.UNTIL_CLOSE, Rule.UNTIL_CLOSE)
_WITHOUT_CONTENT = Framing(Kind.NONE, Rule.REQUEST_WITHOUT_CONTENT)


def decide(head: Head, lines: tuple[FieldLine, ...], method: bytes | None, note: Note) -> Framing:
    """The framing of the message that begins with `head`, whose lines are `lines`; `method` is that of the
    request it answers, if known."""
    line = head.line
    lengths = [field for field in lines if field.name.lower() == b"content-length"]
    codings = [field for field in lines if field.name.lower() == b"transfer-encoding"]
    response = head.direction is Direction.RESPONSE
    if response:
        if not line.version:
            return Framing(Kind.UNDECIDABLE, Rule.START_LINE)
        bare = _without_content(head, method, lengths, codings, note)
        if bare:
            return bare
    elif line.method == b"CONNECT":
        return Framing(Kind.TUNNEL, Rule.ANSWER_TO_CONNECT)
    if codings:
        if lengths:
            note(dev.LENGTH_AND_CODING, lengths[0].start, lengths[0].stop)
        return _by_coding(head, codings, tuple(lengths), note)
    if lengths:
        return _by_length(lengths, note)
    return _UNTIL_CLOSE if response else _WITHOUT_CONTENT


def _without_content(
    head: Head, method: bytes | None, lengths: list[FieldLine], codings: list[FieldLine], note: Note
) -> Framing | None:
    status = head.line.status
    tunnel = status == 101 or (method == b"CONNECT" and 200 <= status <= 299)
    if 100 <= status <= 199 or status == 204 or tunnel:
        # A 304 and an answer to HEAD may say what the length would have been: RFC 9110 8.6.
        for fields, deviation in ((lengths, dev.LENGTH_NOT_ALLOWED), (codings, dev.CODING_NOT_ALLOWED)):
            for field in fields[:1]:
                note(deviation, field.start, field.stop, status=status)
    overrode = (*lengths, *codings)
    if tunnel:
        rule = Rule.SWITCHING_PROTOCOLS if status == 101 else Rule.ANSWER_TO_CONNECT
        return Framing(Kind.TUNNEL, rule, overrode=overrode)
    if 100 <= status <= 199 or status in (204, 304):
        return Framing(Kind.NONE, Rule.STATUS_WITHOUT_CONTENT, overrode=overrode)
    if method == b"HEAD":
        return Framing(Kind.NONE, Rule.ANSWER_TO_HEAD, overrode=overrode)
    return None


def _by_coding(head: Head, codings: list[FieldLine], lengths: tuple[FieldLine, ...], note: Note) -> Framing:
    """Rule 4: Transfer-Encoding decides, whatever Content-Length says."""
    first = codings[0]
    undecidable = Framing(Kind.UNDECIDABLE, Rule.CODING_INVALID, overrode=lengths)
    if head.line.version == b"HTTP/1.0":
        note(dev.CODING_IN_HTTP10, first.start, first.stop)
        return undecidable.replace(rule=Rule.CODING_IN_HTTP10)
    names: list[bytes] = []
    for field in codings:
        listed = _codings(field.value)
        if listed is None:
            note(dev.CODING_INVALID, field.start, field.stop, value=_shown(field.value))
            return undecidable
        names.extend(listed)
    if not names:
        note(dev.CODING_INVALID, first.start, first.stop, value=_shown(first.value))
        return undecidable
    if names.count(b"chunked") > 1:
        note(dev.CODING_REPEATED, first.start, first.stop)
    if names[-1] == b"chunked":
        return Framing(Kind.CHUNKED, Rule.CHUNKED, overrode=lengths)
    note(dev.CODING_NOT_CHUNKED, first.start, first.stop)
    if head.direction is Direction.REQUEST:
        return undecidable
    return Framing(Kind.UNTIL_CLOSE, Rule.CODING_NOT_CHUNKED, overrode=lengths)


def _by_length(lengths: list[FieldLine], note: Note) -> Framing:
    """Rules 5 and 6: one valid length, however often it is repeated."""
    first = lengths[0]
    if len(lengths) == 1 and first.value.isdigit() and len(first.value) < _DIGITS:  # as nearly all are
        return Framing(Kind.LENGTH, Rule.LENGTH, int(first.value))
    undecidable = Framing(Kind.UNDECIDABLE, Rule.LENGTH_INVALID)
    values: list[bytes] = []
    for field in lengths:
        for member in field.value.split(b","):
            number = member.strip(b" \t")
            if not grammar.DIGITS.fullmatch(number):
                note(dev.LENGTH_INVALID, field.start, field.stop, value=_shown(field.value))
                return undecidable
            values.append(number.lstrip(b"0") or b"0")
    if len(set(values)) > 1:
        note(dev.LENGTH_CONFLICT, first.start, lengths[-1].stop, values=_shown(b", ".join(values)))
        return undecidable
    if len(values) > 1:
        note(dev.LENGTH_REPEATED, first.start, lengths[-1].stop)
    # The number of digits is compared before int(), whose cost is not linear in them.
    if len(values[0]) > _DIGITS or int(values[0]) > MAX_SIZE:
        note(dev.LENGTH_TOO_LARGE, first.start, first.stop)
        return undecidable
    return Framing(Kind.LENGTH, Rule.LENGTH, int(values[0]))


def _codings(value: bytes) -> list[bytes] | None:
    """The names in a list of transfer codings, in lower case; None where it is none, or chunked has parameters.

    Members may be empty (RFC 9110 5.6.1), and a quoted parameter may hold a comma.
    """
    names: list[bytes] = []
    position = 0
    while member := grammar.TRANSFER_CODING.match(value, position):
        name, parameters = member.groups()
        if name:
            names.append(name.lower())
        if parameters and name.lower() == b"chunked":
            return None
        position = member.end()
        if position == len(value):
            return names
    return None


def _shown(value: bytes) -> str:
    """A short printable form of octets, for a finding."""
    text = value[:60].decode("latin-1").encode("unicode_escape").decode("ascii")
    return text + ("..." if len(value) > 60 else "")
