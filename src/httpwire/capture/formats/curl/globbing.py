"""Patterns in URLs: {one,two}, [1-3], [01-10:2], [a-z], as curl replaces them itself.

In: a URL as it was given. Out: the URLs it stands for, in curl's order: the last pattern changes first.
Raises NotTaken for patterns that curl refuses, and for those that stand for more than MOST URLs.
"""

from __future__ import annotations

import re
from itertools import product

from httpwire.capture.formats.curl import costs
from httpwire.capture.formats.curl.costs import NotTaken

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

MOST = 10_000
_PATTERNS = 100
_LITERAL = re.compile(rb"(?:[^{}\[\]\\]++|\\[{}\[\]]?)+")
_ESCAPED = re.compile(rb"\\([{}\[\]])")
_ADDRESS = re.compile(rb"\[(?:[0-9A-Fa-f]*:){2,}[0-9A-Fa-f:.]*(?:%[^\]]*)?\]|\[\]")
_SET = re.compile(rb"\{((?:\\.|[^{}\[\]\\])*)\}", re.DOTALL)
_OCTET = re.compile(rb"\\.|.", re.DOTALL)
_LETTERS = re.compile(rb"\[([A-Za-z])-([A-Za-z])(?::([0-9]{1,9}))?\]")
_NUMBERS = re.compile(rb"\[([0-9]{1,18})-[ \t]*([0-9]{1,18})(?::([0-9]{1,18}))?\]")


def expand(text: bytes) -> Iterator[bytes]:
    """The URLs that `text` stands for. Raises NotTaken."""
    parts: list[list[bytes]] = []
    place, count = 0, 1
    while place < len(text):
        literal = _LITERAL.match(text, place) or _ADDRESS.match(text, place)
        if literal:
            parts.append([literal[0] if literal[0][:1] == b"[" else _ESCAPED.sub(rb"\1", literal[0])])
            place = literal.end()
            continue
        values, place = _pattern(text, place)
        parts.append(values)
        count *= len(values)
        if count > MOST:
            raise NotTaken(costs.ADDRESSED)
        if len(parts) > _PATTERNS:
            raise NotTaken(costs.REFUSED)
    for chosen in product(*parts):
        yield b"".join(chosen)


def _pattern(text: bytes, place: int) -> tuple[list[bytes], int]:
    """What the pattern at `place` stands for, and where it ends."""
    found = _SET.match(text, place)
    if found and found[1]:
        members = [b""]
        for octet in _OCTET.findall(found[1]):
            if octet == b",":
                members.append(b"")
            else:
                members[-1] += octet[-1:]
        return members, found.end()
    found = _LETTERS.match(text, place)
    if found:
        first, last, step = found[1][0], found[2][0], int(found[3] or b"1")
        if (
            not step
            or (first == last and step != 1)
            or first > last
            or (first < last and not _steps(first, last, step))
        ):
            raise NotTaken(costs.REFUSED)
        return [bytes((letter,)) for letter in range(first, last + 1, step)], found.end()
    found = _NUMBERS.match(text, place)
    if not found:
        raise NotTaken(costs.REFUSED)
    low, high, step = int(found[1]), int(found[2]), int(found[3] or b"1")
    if not step or (low == high and step != 1) or low > high or (low < high and step > high - low):
        raise NotTaken(costs.REFUSED)
    if (high - low) // step >= MOST:
        raise NotTaken(costs.ADDRESSED)
    width = len(found[1]) if found[1][:1] == b"0" else 0
    return [b"%0*d" % (width, number) for number in range(low, high + 1, step)], found.end()


def _steps(first: int, last: int, step: int) -> bool:
    return step <= last - first <= ord("z") - ord("a")
