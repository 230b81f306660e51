"""Styled lines on standard output: colour where it is a terminal that can show it, plain text elsewhere.

In: lines of (style, text). Out: text; long lines of prose are wrapped to a terminal's width.
"""

from __future__ import annotations

import os
import sys

from httpwire.cli.console import say_all

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from httpwire.views.show.lines import Line

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
}


def on_terminal() -> bool:
    """Whether standard output is a terminal that can show colours and wants them."""
    return sys.stdout.isatty() and os.environ.get("TERM", "dumb") != "dumb"


def wants_colour(choice: str) -> bool:
    """Whether to colour: `choice` is auto, always or never."""
    return choice == "always" or (choice == "auto" and on_terminal() and not os.environ.get("NO_COLOR"))


def show(lines: Iterable[Line], *, colour: bool) -> None:
    """Write `lines` as they come. Raises SaveFailed."""
    say_all(
        "".join(_painted(style, piece) if colour else piece for style, piece in line).rstrip(" ") + "\n"
        for line in lines
    )


def _painted(style: str, text: str) -> str:
    code = _COLOURS.get(style)
    return f"\x1b[{code}m{text}\x1b[0m" if code and text.strip() else text
