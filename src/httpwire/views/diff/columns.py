"""Old and new as lines: one below the other, or side by side.

In: rows of which each has an old or a new line, or both, and how many columns there are. Out: Lines. What is wider than
its side goes on in the next line; a wide character takes two columns and is never cut.
"""

from __future__ import annotations

from itertools import zip_longest

from httpwire.views.text import width

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from httpwire.views.show.lines import Line

    Row = tuple[Line | None, Line | None]

_OLD, _NEW, _GOES_ON = "  - ", "  + ", "    "


def below(rows: list[Row]) -> Iterator[Line]:
    """All old lines, then all new ones."""
    for old, _ in rows:
        if old is not None:
            yield [("old", _OLD), *old]
    for _, new in rows:
        if new is not None:
            yield [("new", _NEW), *new]


def beside(rows: list[Row], columns: int) -> Iterator[Line]:
    """Old lines at the left, new ones at the right."""
    half = (columns - 3) // 2
    room = half - len(_OLD)
    for old, new in rows:
        lefts = [] if old is None else folded(old, room)
        rights = [] if new is None else folded(new, room)
        for index, (left, right) in enumerate(zip_longest(lefts, rights)):
            line: Line = []
            if left is not None:
                line += [("old", _GOES_ON if index else _OLD), *left]
            taken = sum(width(text) for _, text in line)
            line.append(("mark", " " * (half - taken) + " | "))
            if right is not None:
                line += [("new", _GOES_ON if index else _NEW), *right]
            yield line


def folded(line: Line, room: int) -> list[Line]:
    """`line` in lines of at most `room` columns."""
    made: list[Line] = [[]]
    left = room
    for style, whole in line:
        text = whole
        while text:
            count = _fitting(text, left)
            if count:
                made[-1].append((style, text[:count]))
                left -= width(text[:count])
                text = text[count:]
            elif left == room:
                count = 1  # wider than a line can be
            if text:
                made.append([])
                left = room
    return made


def _fitting(text: str, room: int) -> int:
    """How many characters of `text` fit into `room` columns."""
    if text.isascii():
        return min(len(text), room)
    taken = 0
    for index, character in enumerate(text):
        taken += width(character)
        if taken > room:
            return index
    return len(text)
