"""Plain messages, read in one step: what most messages on the wire are.

In: octets that begin with a message. Out: what an index asks of it, or None for one that is not plain: one
with any deviation, or whose end its own head does not tell. Parsing it by the rules (head, framing, stream) says the
same, as a test sees, and makes an object for everything, which takes three times as long.
"""

from __future__ import annotations

from httpwire.wire import grammar
from httpwire.wire.framing import Rule

_DIGITS = 18  # of a length: what has more may be too large

#: Method, target, host in lower case, octets of the head, octets of content.
Request = tuple[bytes, bytes, bytes, int, int]
#: Status, Content-Type in lower case, octets of the head, octets of content, the rule that tells its end.
Response = tuple[int, bytes, int, int, Rule]


def plain_request(octets: bytes) -> Request | None:
    """The request that is all of `octets`."""
    head = grammar.PLAIN_REQUEST.match(octets)
    if not head:
        return None
    method, target = head.groups()
    end = head.end()
    small = octets[:end].lower()
    host = _value(small, b"\nhost:")
    if not host or not grammar.HOST.fullmatch(host) or (b"%" in target and grammar.PERCENT.search(target)):
        return None
    length = _length(small)
    if length is None or end + length != len(octets):
        return None
    return method, target, host, end, length


def plain_response(octets: bytes, method: bytes) -> Response | None:
    """The final response with which `octets` begin, to a request with `method`."""
    head = grammar.PLAIN_RESPONSE.match(octets)
    if not head:
        return None
    end = head.end()
    status = int(head[1])
    small = octets[:end].lower()
    kind = _value(small, b"\ncontent-type:")
    length = _length(small)
    if kind is None or length is None:
        return None
    if status in (204, 304):
        bare = status == 304 or b"\ncontent-length:" not in small
        return (status, kind, end, 0, Rule.STATUS_WITHOUT_CONTENT) if bare else None
    if method == b"HEAD":
        return status, kind, end, 0, Rule.ANSWER_TO_HEAD
    if not length and b"\ncontent-length:" not in small:
        return None
    return status, kind, end, length, Rule.LENGTH


def _length(small: bytes) -> int | None:
    """Content-Length in a head in lower case, 0 where there is none; None where it does not tell the end."""
    if b"\ntransfer-encoding:" in small:
        return None
    value = _value(small, b"\ncontent-length:")
    if not value:
        return 0 if b"\ncontent-length:" not in small else None
    return int(value) if value.isdigit() and len(value) <= _DIGITS else None


def _value(small: bytes, name: bytes) -> bytes | None:
    """The value of a field that is there once, empty where it is not there; None where it is there more often."""
    found = small.find(name)
    if found < 0:
        return b""
    start = found + len(name)
    if small.find(name, start) >= 0:
        return None
    return small[start : small.find(b"\r", start)].strip(b" \t")
