"""Words as bash takes them for exactly the octets that they hold, and for nothing else.

In: octets without NUL. Out: ASCII, and UTF-8 where that can be read: bare, in single quotes, or as $'...'.
"""

from __future__ import annotations

import re

_BARE = re.compile(rb"[A-Za-z0-9_./:@%+,-]+")
_ODD = re.compile(r"[\\'!]")
_SHORT = {7: "\\a", 8: "\\b", 9: "\\t", 10: "\\n", 11: "\\v", 12: "\\f", 13: "\\r", 27: "\\e"}


def quoted(octets: bytes) -> bytes:
    """A word for bash that stands for `octets`, which have no NUL."""
    if _BARE.fullmatch(octets):
        return octets
    text = octets.decode("utf-8", "surrogateescape")
    if text.isprintable() and "'" not in text:
        return b"'%s'" % octets
    escaped = "".join(_escaped(letter) for letter in text)
    return b"$'%s'" % escaped.encode("utf-8")


def readable(octets: bytes) -> bool:
    """Whether most of `octets` would stand for themselves in a word, so that it stays short."""
    text = octets.decode("utf-8", "surrogateescape")
    odd = sum(not letter.isprintable() and ord(letter) not in _SHORT for letter in text)
    return 4 * odd <= len(text)


def comment(text: bytes) -> bytes:
    """`text` for a comment of one line: printable ASCII, 120 octets at most."""
    plain = re.sub(rb"[^\x20-\x7e]", b"?", text)
    return plain if len(plain) <= 120 else plain[:117] + b"..."


def _escaped(letter: str) -> str:
    code = ord(letter)
    if 0xDC80 <= code <= 0xDCFF:  # an octet that is no UTF-8
        return f"\\x{code - 0xDC00:02x}"
    if code in _SHORT:
        return _SHORT[code]
    if _ODD.match(letter):
        return "\\x21" if letter == "!" else "\\" + letter
    if letter.isprintable():
        return letter
    return "".join(f"\\x{octet:02x}" for octet in letter.encode("utf-8"))
