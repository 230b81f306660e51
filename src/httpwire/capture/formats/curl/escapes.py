"""What stands between $' and ', as bash takes it: ANSI C quoting (Bash Reference Manual 3.1.2.4).

In: the octets between the quotes. Out: those that they stand for, in a locale of UTF-8, up to the first NUL, which
ends the string.
"""

from __future__ import annotations

import re

_ANSI_ESCAPE = re.compile(
    rb"\\(?:([abeEfnrtv\\'\"?])|([0-7]{1,3})|x([0-9A-Fa-f]{1,2})|u([0-9A-Fa-f]{1,4})|U([0-9A-Fa-f]{1,8})|c(.))",
    re.DOTALL,
)
_ESCAPES = {
    **dict(zip((b"a", b"b", b"e", b"E", b"f"), (b"\a", b"\b", b"\x1b", b"\x1b", b"\f"), strict=True)),
    **dict(zip((b"n", b"r", b"t", b"v"), (b"\n", b"\r", b"\t", b"\v"), strict=True)),
    **{octet: octet for octet in (b"\\", b"'", b'"', b"?")},
}


def unescaped(text: bytes) -> bytes:
    """The octets that `text` stands for."""
    return _ANSI_ESCAPE.sub(_ansi_escape, text).partition(b"\x00")[0]


def _ansi_escape(found: re.Match[bytes]) -> bytes:
    """The octets that an escape stands for; itself where it is none."""
    letter, octal, octet, short, long, control = found.groups()
    if letter:
        return _ESCAPES[letter]
    if octal:
        return bytes((int(octal, 8) & 0xFF,))
    if octet:
        return bytes((int(octet, 16),))
    if control:
        return bytes((0x7F if control == b"?" else control[0] & 0x1F,))
    code = int(short or long, 16)
    return chr(code).encode("utf-8", "surrogatepass") if code <= 0x10FFFF else b""
