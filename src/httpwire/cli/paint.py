"""Styled lines on standard output: colour where it is a terminal that can show it, plain text elsewhere.

In: lines of (style, text), and the option that says when to colour them. Out: text; long lines of prose are wrapped to
a terminal's width.
"""

from __future__ import annotations

import sys

from httpwire.cli.console import colours_welcome, columns_of, on_terminal, say_all
from httpwire.cli.options import Arguments, Option, wrapped
from httpwire.language import N_
from httpwire.views.text import width

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from httpwire.views.show.lines import Line

COLOUR = Option("color", "", N_("WHEN"), N_("auto, always or never"))

#: SGR parameters; those that a light and a dark ground both show.
_COLOURS = {
    "title": "1",
    "label": "2",
    "start": "1;36",
    "name": "36",
    "mark": "2",
    "gloss": "32",
    "error": "31",
    "warning": "33",
    "good": "32",
    "old": "31",
    "new": "32",
    "old-part": "7;31",
    "new-part": "7;32",
}
#: Styles of text that may go on in the next line.
_PROSE = ("prose", "gloss")


def wants_colour(arguments: Arguments) -> bool:
    """Whether to colour. Raises UsageError."""
    choice = arguments.choice("color", ("auto", "always", "never"), "auto")
    return choice == "always" or (choice == "auto" and on_terminal(sys.stdout) and colours_welcome())


def show(lines: Iterable[Line], *, colour: bool) -> bool:
    """Write `lines` as they come; gives whether their reader was there to the end. Raises SaveFailed."""
    columns = columns_of(sys.stdout) if sys.stdout.isatty() else 0
    return say_all(
        "".join(_painted(style, piece) if colour else piece for style, piece in line).rstrip(" ") + "\n"
        for whole in lines
        for line in (_wrapped(whole, columns) if columns else (whole,))
    )


def _wrapped(line: Line, columns: int) -> Iterator[Line]:
    """A line in several, where it is wider than the terminal and ends with prose, or is one of the wire behind its
    label; they hang behind its first piece."""
    if len(line) < 2 or sum(width(piece) for _, piece in line) <= columns:
        yield line
        return
    first, *between, (style, text) = line
    if style not in _PROSE:
        yield from _cut(line, columns) if first[0] == "label" else (line,)
        return
    before = "".join(piece for _, piece in between)
    left = width(first[1])
    top, *others = wrapped(before + text, max(20, columns - left - 2))
    if top.startswith(before):
        yield [first, *between, (style, top[len(before) :])]
    else:
        yield [first, (style, top)]
    for other in others:
        yield [("", " " * (left + 2)), (style, other)]


def _cut(line: Line, columns: int) -> Iterator[Line]:
    """A line of the wire, which has no words, cut where the terminal ends."""
    first, *pieces = line
    left = width(first[1])
    room = max(20, columns - left)
    row, used = [first], 0
    for style, piece in pieces:
        text = piece
        while used + len(text) > room:
            yield [*row, (style, text[: room - used])]
            text = text[room - used :]
            row, used = [("", " " * left)], 0
        row.append((style, text))
        used += len(text)
    yield row


def _painted(style: str, text: str) -> str:
    code = _COLOURS.get(style)
    return f"\x1b[{code}m{text}\x1b[0m" if code and text.strip() else text
