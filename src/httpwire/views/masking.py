"""Secrets covered for sharing: credentials and cookies of recorded messages.

In: a Reading. Out: Patches that put as many * in the place of each secret's octets, so that
every offset and length stays what it is. Names, schemes and attributes stay readable. Heads,
trailers, tunnels and what can't be read as HTTP are masked; content is not.
"""

from __future__ import annotations

import re

from httpwire.wire.edit import Patch
from httpwire.wire.element import ElementKind

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from httpwire.capture.raw import Outgoing
    from httpwire.capture.reading import Part, Reading

#: The lines, also malformed and folded ones, and those of who ends a line with CR alone: whoever shares them must not
#: have to wonder. What stands around a name is no part of one: no token's character (RFC 9110 5.6.2).
_LINE = re.compile(
    rb"""(?i)(?<![^\r\n])[^!#$%&'*+\-.^_`|~0-9A-Z\r\n]*"""
    rb"(proxy-authorization|authorization|set-cookie2?|cookie2?)"
    rb"""(?:(?:[^!#$%&'*+\-.^_`|~0-9A-Z\r\n:]|\r?\n(?=[ \t]))*:|[\x00-\x09\x0b\x0c\x0e-\x20=;,]|\r?\n(?=[ \t]))"""
    rb"[ \t]*((?:[^\r\n]|\r(?!\n)|\r?\n(?=[ \t]))*)"
)
_AFTER_SCHEME = re.compile(
    rb"(?s)(?:[^ \t\r\n=]++(?:[ \t]|\r?\n[ \t])++(?![\r\n]))?(.+)"
)  # of credentials: RFC 9110 11.4
_PAIR_VALUE = re.compile(rb"(?s)(?:[^=;]*=)?[ \t]*([^;]+)")  # of one cookie: RFC 6265 4.1.1, 4.2.1
_FIRST_VALUE = re.compile(rb"""(?s)[;, \t\r\n]*(?:[^=;]*=)?[ \t\r\n]*((?:"[^"]*"?)?[^;]*)""")  # also in quotes
_VISIBLE = re.compile(rb"[^ \t\r\n]+")
_LONGEST = 1 << 20  # octets of a line that are looked at in one piece, where it can't be read as HTTP
_NO_CONTENT = (ElementKind.UNDECIDED, ElementKind.EXTRA, ElementKind.TUNNEL)


def mask(reading: Reading) -> list[Patch]:
    """The patches that cover the secrets in `reading`, in order of offset. Raises RecordingUnreadable."""
    return [
        patch
        for part in reading.parts()
        for start, octets in _searched(part, reading.source)
        for patch in _covered(start, octets)
    ]


def _searched(part: Part, source: Outgoing) -> Iterator[tuple[int, bytes]]:
    """Octets that may hold field lines, each piece with whole lines."""
    message = part.message
    if message and message.head:
        yield message.head.start, message.head.raw
        if message.trailers:
            yield message.trailers[0].start, source.read(message.trailers[0].start, message.trailers[-1].stop)
    for element in part.outside:
        if element.kind in _NO_CONTENT:
            yield from _lines(element.start, source.blocks(element.start, element.stop))


def _lines(start: int, blocks: Iterator[bytes]) -> Iterator[tuple[int, bytes]]:
    rest = b""
    for block in blocks:
        octets = rest + block
        end = _line_start(octets) or (len(octets) if len(octets) > _LONGEST else 0)
        yield start, octets[:end]
        start += end
        rest = octets[end:]
    yield start, rest


def _line_start(octets: bytes) -> int:
    """Where the last line begins that goes on no other one."""
    end = octets.rfind(b"\n", 0, -1) + 1
    while end and octets.startswith((b" ", b"\t"), end):
        end = octets.rfind(b"\n", 0, end - 1) + 1
    return end


def _covered(start: int, octets: bytes) -> Iterator[Patch]:
    for line in _LINE.finditer(octets):
        name = line[1].lower()
        here = line.start(2)
        value = line[2]
        if name.endswith(b"authorization"):
            secrets = [found for found in (_AFTER_SCHEME.match(value),) if found]
        elif name.startswith(b"set-cookie"):
            secrets = [found for found in (_FIRST_VALUE.match(value),) if found]
        else:
            secrets = list(_PAIR_VALUE.finditer(value))
        for secret in secrets:
            for word in _VISIBLE.finditer(value, *secret.span(1)):
                yield Patch(start + here + word.start(), word[0], b"*" * len(word[0]))
