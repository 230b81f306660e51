"""The catalogue of findings: every way in which octets leave the grammar or the rules.

In: nothing. Out: one Deviation a name, and Finding, which places one on the wire. A
deviation says what it is, why it matters, and what Apache httpd 2.4 and nginx do with a
request that has it; a test holds the last against the real servers. Texts are message
ids in English, with {names} for a finding's details; translating is the views' work.
"""

from __future__ import annotations

from enum import Enum

from httpwire.language import N_
from httpwire.wire.element import Direction
from httpwire.wire.record import Record, at

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping


class Severity(Enum):
    """How bad a deviation is for whoever sends or receives it."""

    ERROR = "error"  # common recipients refuse it, wait, or read it differently
    WARNING = "warning"  # against the specification; common recipients cope
    NOTE = "note"  # allowed, and worth knowing


class Reaction(Enum):
    """What a server does with a request that has the deviation."""

    ACCEPTS = "accepts"
    REFUSES = "400"
    TOO_LARGE = "413"
    NOT_IMPLEMENTED = "501"
    BAD_VERSION = "505"
    WAITS = "waits"
    NO_HEAD = "no head"  # the content alone, as in HTTP/0.9
    UNKNOWN = ""  # not a request's deviation, or it depends


class Deviation(Record):
    """One entry of the catalogue. `id` is stable; `repair` is the flag of `send` that mends it, or empty."""

    __slots__ = ()
    FIELDS = ("id", "severity", "section", "says", "why", "apache", "nginx", "repair")
    id: str = at(0)
    severity: Severity = at(1)
    section: str = at(2)
    says: str = at(3)
    why: str = at(4)
    apache: Reaction = at(5)
    nginx: Reaction = at(6)
    repair: str = at(7)

    def __new__(
        cls,
        id: str,
        severity: Severity,
        section: str,
        says: str,
        why: str,
        apache: Reaction = Reaction.UNKNOWN,
        nginx: Reaction = Reaction.UNKNOWN,
        repair: str = "",
    ) -> Deviation:
        return tuple.__new__(cls, (id, severity, section, says, why, apache, nginx, repair))


class Finding(Record):
    """A deviation at octets `start` up to `stop` of one direction; `details` fill the deviation's sentence."""

    __slots__ = ()
    FIELDS = ("deviation", "direction", "start", "stop", "details")
    deviation: Deviation = at(0)
    direction: Direction = at(1)
    start: int = at(2)
    stop: int = at(3)
    details: Mapping[str, object] = at(4)

    def __new__(
        cls,
        deviation: Deviation,
        direction: Direction,
        start: int,
        stop: int,
        details: Mapping[str, object] | None = None,
    ) -> Finding:
        return tuple.__new__(cls, (deviation, direction, start, stop, details or {}))

    def __hash__(self) -> int:
        return hash(self[:4])

    def __str__(self) -> str:
        return self.deviation.says.format(**self.details)


_E, _W, _N = Severity.ERROR, Severity.WARNING, Severity.NOTE
_OK, _400, _501 = Reaction.ACCEPTS, Reaction.REFUSES, Reaction.NOT_IMPLEMENTED

# What stands before a start line.
BYTE_ORDER_MARK = Deviation(
    "byte-order-mark",
    _E,
    "RFC 9112 3",
    N_("a {encoding} byte order mark ({octets}) stands before the first line"),
    N_("it becomes part of the method, which no server knows; save the file as UTF-8 without BOM"),
    _400,
    _400,
)
TLS_REQUEST = Deviation(
    "tls-request",
    _E,
    "RFC 8446 5.1",
    N_("this is the beginning of TLS, not a request in plain HTTP"),
    N_("the client was given https:// for a port that speaks plain HTTP"),
    _400,
    _400,
)
HTTP2_PREFACE = Deviation(
    "http2-preface",
    _E,
    "RFC 9113 3.4",
    N_("this is the preface of an HTTP/2 connection, not an HTTP/1.1 request"),
    N_("the octets that follow are binary frames; a server that speaks only HTTP/1.1 refuses them"),
    _400,
    _400,
)
EMPTY_LINE_BEFORE = Deviation(
    "empty-line-before",
    _N,
    "RFC 9112 2.2",
    N_("an empty line stands before the start line"),
    N_("a server should ignore it before a request"),
    _OK,
    _OK,
)

# Start lines.
START_LINE_MALFORMED = Deviation(
    "start-line-malformed",
    _E,
    "RFC 9112 3",
    N_("the first line is not 'method target HTTP/1.1'"),
    N_("the server can't tell what is requested"),
    _400,
    Reaction.UNKNOWN,
)
STATUS_LINE_MALFORMED = Deviation(
    "status-line-malformed",
    _E,
    "RFC 9112 4",
    N_("the first line is not 'HTTP/1.1 code reason'"),
    N_("without a status the end of the message can't be known"),
)
HTTP09_REQUEST = Deviation(
    "http09-request",
    _E,
    "RFC 9112 C.1",
    N_("the request line has no version: this is HTTP/0.9"),
    N_("the answer is content alone, without status line or fields, up to the close"),
    Reaction.NO_HEAD,
    Reaction.NO_HEAD,
)
START_LINE_BLANKS = Deviation(
    "start-line-blanks",
    _E,
    "RFC 9112 3",
    N_("the parts of the first line are not separated by exactly one space"),
    N_("recipients disagree on such lines"),
    _400,
    Reaction.UNKNOWN,
)
TARGET_OCTETS = Deviation(
    "target-octets",
    _W,
    "RFC 9112 3.2",
    N_("the request target has octets outside ASCII that are not percent-encoded"),
    N_("servers differ in how they decode them"),
    _OK,
    _OK,
)
TARGET_FORM = Deviation(
    "target-form",
    _E,
    "RFC 9112 3.2",
    N_("the request target does not begin with '/', is no absolute URI and is not '*'"),
    N_("the server can't tell what is requested"),
    Reaction.UNKNOWN,
    _400,
)
TARGET_PERCENT = Deviation(
    "target-percent",
    _E,
    "RFC 3986 2.1",
    N_("a '%' in the request target is not followed by two hexadecimal digits"),
    N_("the target can't be decoded"),
    _400,
    _400,
)
TARGET_FRAGMENT = Deviation(
    "target-fragment",
    _E,
    "RFC 9112 3.2.1",
    N_("the request target has a '#' fragment"),
    N_("a fragment stays in the browser; servers disagree on it"),
    _400,
    _OK,
)
METHOD_CASE = Deviation(
    "method-case",
    _E,
    "RFC 9110 9.1",
    N_("the method {method} is not in capitals"),
    N_("methods are case-sensitive; servers don't know this one"),
    _501,
    _400,
)
VERSION_UNSUPPORTED = Deviation(
    "version-unsupported",
    _W,
    "RFC 9112 2.3",
    N_("the version is {version}, in the syntax of HTTP/1.1"),
    N_("other major versions have another form on the wire"),
    _OK,
    Reaction.BAD_VERSION,
)
STATUS_UNKNOWN_CLASS = Deviation(
    "status-unknown-class",
    _W,
    "RFC 9110 15",
    N_("the status code {status} is outside 100 to 599"),
    N_("a client should treat it as a server error"),
)
REASON_SPACE_MISSING = Deviation(
    "reason-space-missing",
    _W,
    "RFC 9112 4",
    N_("the space after the status code is missing"),
    N_("it is required even if no reason phrase follows"),
)

# Lines and fields.
BARE_LF = Deviation(
    "bare-lf",
    _E,
    "RFC 9112 2.2",
    N_("the line ends with LF alone, not with CRLF"),
    N_("an editor or copy and paste has probably changed the line endings"),
    _400,
    _OK,
    "--crlf",
)
BARE_CR = Deviation(
    "bare-cr",
    _E,
    "RFC 9112 2.2",
    N_("a CR stands alone inside the line"),
    N_("recipients disagree on whether it ends a line"),
    _400,
    Reaction.UNKNOWN,
)
NUL_OCTET = Deviation(
    "nul-octet",
    _E,
    "RFC 9110 5.5",
    N_("the field value has a NUL octet"),
    N_("it must be refused or replaced"),
    _400,
    _400,
)
CONTROL_OCTET = Deviation(
    "control-octet",
    _E,
    "RFC 9110 5.5",
    N_("the field value has the control octet {octet}"),
    N_("recipients disagree on it"),
    _400,
    _OK,
)
FIELD_NO_COLON = Deviation(
    "field-no-colon",
    _E,
    "RFC 9112 5",
    N_("the line in the field section has no colon"),
    N_("it is not a field line; recipients refuse or skip it"),
    _400,
    _OK,
)
FIELD_NAME_EMPTY = Deviation(
    "field-name-empty",
    _E,
    "RFC 9112 5",
    N_("the field line has no name before its colon"),
    N_("it is not a field line"),
    _400,
    _400,
)
FIELD_NAME_OCTETS = Deviation(
    "field-name-octets",
    _E,
    "RFC 9110 5.1",
    N_("the field name has octets that no name may have"),
    N_("recipients disagree on whether the field exists"),
    _400,
    Reaction.UNKNOWN,
)
SPACE_BEFORE_COLON = Deviation(
    "space-before-colon",
    _E,
    "RFC 9112 5.1",
    N_("there is a blank between the field name and its colon"),
    N_("recipients disagree on which field this is; a server must refuse it"),
    _400,
    _400,
)
LINE_FOLD = Deviation(
    "line-fold",
    _E,
    "RFC 9112 5.2",
    N_("the field value goes on in the next line (an obsolete line fold)"),
    N_("a recipient reads the fold as spaces or refuses it"),
    _OK,
    _400,
)
BLANK_BEFORE_FIELD = Deviation(
    "blank-before-field",
    _E,
    "RFC 9112 2.2",
    N_("the first field line begins with a blank"),
    N_("recipients disagree on what it belongs to"),
    _400,
    _400,
)
HOST_MISSING = Deviation(
    "host-missing",
    _E,
    "RFC 9112 3.2",
    N_("there is no Host field"),
    N_("every HTTP/1.1 request must have one"),
    _400,
    _400,
    "--set 'Host: NAME'",
)
HOST_REPEATED = Deviation(
    "host-repeated",
    _E,
    "RFC 9112 3.2",
    N_("there is more than one Host field"),
    N_("recipients could choose different ones"),
    _400,
    _400,
    "--set 'Host: NAME'",
)
HOST_INVALID = Deviation(
    "host-invalid",
    _E,
    "RFC 9112 3.2",
    N_("the value of Host is not a host name"),
    N_("a server must refuse it"),
    _400,
    Reaction.UNKNOWN,
    "--set 'Host: NAME'",
)

# Where a message ends.
HEAD_UNTERMINATED = Deviation(
    "head-unterminated",
    _E,
    "RFC 9112 2.1",
    N_("no blank line ends the head"),
    N_('the server goes on waiting for the rest: the most common reason why a request "hangs"'),
    Reaction.WAITS,
    Reaction.WAITS,
    "--end-head",
)
CONTENT_SHORT = Deviation(
    "content-short",
    _E,
    "RFC 9112 6.3",
    N_("the content has {octets} bytes, {missing} fewer than Content-Length says"),
    N_("the server goes on waiting for the rest"),
    Reaction.WAITS,
    Reaction.UNKNOWN,
    "--fix-length",
)
CONTENT_LONG = Deviation(
    "content-long",
    _E,
    "RFC 9112 6.3",
    N_("{extra} bytes follow the content that Content-Length announces"),
    N_("the server reads them as the next request"),
    Reaction.UNKNOWN,
    Reaction.UNKNOWN,
    "--fix-length",
)
CONTENT_UNANNOUNCED = Deviation(
    "content-unannounced",
    _E,
    "RFC 9112 6.3",
    N_("{extra} bytes follow a head that announces no content"),
    N_("a request without Content-Length or Transfer-Encoding has no content: the server reads them as the next one"),
    Reaction.UNKNOWN,
    Reaction.UNKNOWN,
    "--fix-length",
)
BYTES_AFTER_CHUNKS = Deviation(
    "bytes-after-chunks",
    _E,
    "RFC 9112 7.1",
    N_("{extra} bytes follow the end of the chunked content"),
    N_("the server reads them as the next request"),
    Reaction.UNKNOWN,
    Reaction.UNKNOWN,
)
CHUNKS_UNTERMINATED = Deviation(
    "chunks-unterminated",
    _E,
    "RFC 9112 7.1",
    N_("the chunked content does not end with a chunk of size 0 and a blank line"),
    N_("the server goes on waiting for the rest"),
    Reaction.WAITS,
    Reaction.UNKNOWN,
)
LENGTH_AND_CODING = Deviation(
    "length-and-coding",
    _E,
    "RFC 9112 6.1",
    N_("there are both Content-Length and Transfer-Encoding"),
    N_("Transfer-Encoding wins, but a recipient that reads it the other way sees other messages: request smuggling"),
    _OK,
    _400,
    "--unset Content-Length",
)
LENGTH_REPEATED = Deviation(
    "length-repeated",
    _E,
    "RFC 9112 6.3",
    N_("Content-Length is given more than once, with the same value"),
    N_("it may be read as one value or refused"),
    _400,
    _400,
    "--fix-length",
)
LENGTH_CONFLICT = Deviation(
    "length-conflict",
    _E,
    "RFC 9112 6.3",
    N_("Content-Length has different values: {values}"),
    N_("the end of the message can't be known"),
    _400,
    _400,
    "--fix-length",
)
LENGTH_INVALID = Deviation(
    "length-invalid",
    _E,
    "RFC 9112 6.3",
    N_("the value of Content-Length is not a number of digits: {value}"),
    N_("the end of the message can't be known"),
    _400,
    _400,
    "--fix-length",
)
LENGTH_TOO_LARGE = Deviation(
    "length-too-large",
    _E,
    "RFC 9110 8.6",
    N_("Content-Length is over 2^63-1"),
    N_("recipients overflow or refuse: the end of the message can't be known"),
    _400,
    _400,
    "--fix-length",
)
LENGTH_NOT_ALLOWED = Deviation(
    "length-not-allowed",
    _W,
    "RFC 9110 8.6",
    N_("a response with status {status} must not have Content-Length"),
    N_("the response has no content, whatever the field says"),
)
CODING_INVALID = Deviation(
    "coding-invalid",
    _E,
    "RFC 9112 6.1",
    N_("the value of Transfer-Encoding is not a list of codings: {value}"),
    N_("recipients disagree on such values: the end of the message can't be known"),
    _400,
    _501,
)
CODING_NOT_CHUNKED = Deviation(
    "coding-not-chunked",
    _W,
    "RFC 9112 6.3",
    N_("chunked is not the last transfer coding"),
    N_("a response then ends at the close; a request's end can't be known"),
    _400,
    _501,
)
CODING_REPEATED = Deviation(
    "coding-repeated",
    _W,
    "RFC 9112 6.1",
    N_("chunked is given more than once as a transfer coding"),
    N_("it may be applied only once"),
    _OK,
    Reaction.UNKNOWN,
)
CODING_IN_HTTP10 = Deviation(
    "coding-in-http10",
    _E,
    "RFC 9112 6.1",
    N_("an HTTP/1.0 message has Transfer-Encoding"),
    N_("HTTP/1.0 has none: recipients disagree, and the framing must be treated as faulty"),
    _OK,
    _400,
)
CODING_NOT_ALLOWED = Deviation(
    "coding-not-allowed",
    _W,
    "RFC 9112 6.1",
    N_("a response with status {status} must not have Transfer-Encoding"),
    N_("the response has no content, whatever the field says"),
)
CHUNK_SIZE_INVALID = Deviation(
    "chunk-size-invalid",
    _E,
    "RFC 9112 7.1",
    N_("the chunk size is not a hexadecimal number"),
    N_("the end of the message can't be known"),
    _400,
    Reaction.UNKNOWN,
)
CHUNK_SIZE_TOO_LARGE = Deviation(
    "chunk-size-too-large",
    _E,
    "RFC 9112 7.1",
    N_("the chunk size is over 2^63-1"),
    N_("recipients overflow or refuse: the end of the message can't be known"),
    Reaction.TOO_LARGE,
    Reaction.UNKNOWN,
)
CHUNK_END_MISSING = Deviation(
    "chunk-end-missing",
    _E,
    "RFC 9112 7.1",
    N_("the chunk's data is not followed by CRLF: its size is wrong"),
    N_("the end of the message can't be known"),
    _400,
    Reaction.UNKNOWN,
)
CHUNK_EXTENSION_INVALID = Deviation(
    "chunk-extension-invalid",
    _W,
    "RFC 9112 7.1.1",
    N_("what follows the chunk size is no chunk extension"),
    N_("recipients skip or refuse it"),
)

# Limits of this reader: octets are kept, reading them as HTTP stops.
HEAD_TOO_LARGE = Deviation(
    "head-too-large",
    _E,
    "RFC 9110 5.4",
    N_("the head is over this reader's limit of {limit} {unit}"),
    N_("it may never end; the bytes are kept, but no longer read as HTTP"),
)
INTERIM_TOO_MANY = Deviation(
    "interim-too-many",
    _E,
    "RFC 9110 15.2",
    N_("the interim (1xx) responses are over this reader's limit of {limit} {unit}"),
    N_("a final response may never come; the bytes are kept, but no longer read as HTTP"),
)
CHUNK_LINE_TOO_LARGE = Deviation(
    "chunk-line-too-large",
    _E,
    "RFC 9112 7.1.1",
    N_("a chunk's size and extensions are over this reader's limit of {limit} bytes"),
    N_("they may never end; the bytes are kept, but no longer read as HTTP"),
)
TRAILERS_TOO_LARGE = Deviation(
    "trailers-too-large",
    _E,
    "RFC 9112 7.1.2",
    N_("the trailers are over this reader's limit of {limit} {unit}"),
    N_("they may never end; the bytes are kept, but no longer read as HTTP"),
)

# Responses as a whole.
NOT_HTTP = Deviation(
    "not-http",
    _E,
    "RFC 9112 4",
    N_("the answer does not begin with HTTP/: it is not HTTP/1.1"),
    N_("its end can't be known"),
)
NOT_HTTP_TLS = Deviation(
    "not-http-tls",
    _E,
    "RFC 8446 5.1",
    N_("the answer is a TLS record: this port speaks TLS"),
    N_("ask for it with --to https://HOST:PORT"),
)
BYTES_AFTER_END = Deviation(
    "bytes-after-end",
    _W,
    "RFC 9112 6.3",
    N_("{extra} bytes follow the end of the last answer"),
    N_("no request asked for them"),
)
TLS_TRUNCATED = Deviation(
    "tls-truncated",
    _E,
    "RFC 9112 9.8",
    N_("the TLS connection was closed without close_notify"),
    N_("an answer that ends at the close may have been cut short by anyone on the way"),
)
OCTETS_MISSING = Deviation(
    "octets-missing",
    _E,
    "RFC 9112 8",
    N_("bytes are missing that were not captured"),
    N_("who captured the packets did not see all of them; what is there is shown, and nothing is made up"),
)

CATALOGUE: dict[str, Deviation] = {
    value.id: value for value in tuple(globals().values()) if isinstance(value, Deviation)
}
