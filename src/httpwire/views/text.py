"""Octets and numbers as text that is safe to show.

In: bytes from anywhere, sizes, durations. Out: str. No control character of the input
reaches the output, so that nothing a peer sends can command a terminal.
"""

from __future__ import annotations

from functools import lru_cache

#: Spaces that Python does not call printable: those of Unicode's category Zs, of which U+3000 is that of Japanese.
_SPACES = " \u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000"
_NAMED = {0x0A: "\\n", 0x0D: "\\r", 0x09: "\\t", 0x5C: "\\\\"}


def visible(octets: bytes | memoryview, limit: int = 0) -> str:
    """`octets` on one line: printable ASCII as it is, the rest as escapes; over `limit` octets the end is left out."""
    shown = bytes(octets[:limit] if limit else octets)
    plain = shown.decode("latin-1")
    if plain.isascii() and plain.isprintable() and "\\" not in plain:  # most are
        return plain + "..." if len(shown) < len(octets) else plain
    text = "".join(chr(o) if 0x20 <= o < 0x7F and o != 0x5C else _NAMED.get(o) or f"\\x{o:02x}" for o in shown)
    return text + "..." if len(shown) < len(octets) else text


def quoted(octets: bytes | memoryview, limit: int = 0) -> str:
    """`octets` as `visible`, in quotes; no octets as two quotes."""
    escaped = visible(octets, limit).replace('"', '\\"')
    return f'"{escaped}"'


def printable(text: str) -> str:
    """`text` with each control character, and what UTF-8 can't hold, escaped."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c in _SPACES else c.encode("unicode_escape").decode("ascii") for c in text)


def printable_line(text: str) -> str:
    """`text` as `printable`, tabs left as they are."""
    return text if text.isprintable() else "\t".join(printable(piece) for piece in text.split("\t"))


def duration(ns: int) -> str:
    """`ns` with a fitting unit."""
    if ns < 1_000_000:
        return f"{ns / 1_000_000:.2f} ms"
    if ns < 1_000_000_000:
        return f"{ns / 1_000_000:.1f} ms"
    return f"{ns / 1_000_000_000:,.2f} s"


@lru_cache(1024)
def size(octets: float) -> str:
    """`octets` in the largest unit that leaves a whole number before the point."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if octets < 1024:
            return f"{octets:.1f} {unit}" if unit != "B" else f"{octets:.0f} B"
        octets /= 1024
    return f"{octets:.1f} TiB"


def width(text: str) -> int:
    """How many columns of a terminal `text` takes."""
    if text.isascii():
        return len(text)
    import unicodedata

    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def padded(text: str, columns: int) -> str:
    """`text` filled with spaces up to `columns` of a terminal."""
    return text + " " * max(0, columns - width(text))
