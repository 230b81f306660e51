"""The person's side of a run: labelled lines, colours, and one line that is redrawn.

In: lines to show. Out: text on standard error. Colour and redrawing only where that is a
terminal which can do it; encoding errors never stop a line.
"""

from __future__ import annotations

import codecs
import os
import select
import sys
from itertools import chain

from httpwire.errors import Interrupted, SaveFailed
from httpwire.language import N_, Translator
from httpwire.views.text import padded, printable, printable_line, width

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import TextIO

_BATCH = 64 << 10  # characters that are written at once
_USUAL = ("connected", "incomplete", "undecidable", "request")
_COLOURS = {"error": "31", "warning": "33", "complete": "32", "incomplete": "31", "undecidable": "31"}


class Console:
    """Writes to `stream` in the translator's language; `quiet` keeps all but failures. `labels` have to fit beside the
    usual ones."""

    def __init__(
        self, tr: Translator, *, stream: TextIO | None = None, quiet: bool = False, labels: tuple[str, ...] = ()
    ) -> None:
        self.tr = tr
        self.quiet = quiet
        self._stream = stream or sys.stderr
        self._redraws = on_terminal(self._stream)
        self._colour = self._redraws and colours_welcome()
        self._drawn = False
        self._column = max(width(tr(label)) for label in (*_USUAL, *labels)) + 2
        self._coloured = {tr(label): code for label, code in _COLOURS.items()}

    @property
    def live(self) -> bool:
        """Whether a line can be redrawn, and somebody wants to see it."""
        return self._redraws and not self.quiet

    def lines(self, lines: Iterable[tuple[str, str]]) -> None:
        """Show labelled lines."""
        if self.quiet:
            return
        for label, text in lines:
            start = padded(label, self._column)
            if self._colour and label in self._coloured:
                start = f"\x1b[{self._coloured[label]}m{start}\x1b[0m"
            self._write(start + text + "\n")

    def title(self, text: str) -> None:
        """Show a line that begins something new."""
        if not self.quiet:
            self._write(f"\n--- {text}\n")

    def failure(self, parts: Iterable[str]) -> None:
        """Show why it could not be done: one line, whatever was asked to be quiet."""
        text = ""
        for part in filter(None, parts):
            text += (" " if text.endswith("?") else "" if text.endswith("？") else self.tr("; ")) * bool(text) + part
        self._write(f"httpwire: {printable(text)}\n")

    def draw(self, text: str) -> None:
        """Show `text` in place of what was drawn before; an empty one clears it."""
        if self._redraws and (text or self._drawn):
            columns = columns_of(self._stream)
            while width(text) >= columns:
                text = text[:-1]
            self._put(f"\r\x1b[K{text}")
            self._drawn = bool(text)

    def _write(self, text: str) -> None:
        if self._drawn:
            self.draw("")
        self._put(text)

    def _put(self, text: str) -> None:
        try:
            self._stream.write(text)
            self._stream.flush()
        except OSError:
            # Nobody can be told any more, and that must not cost the answer: the exit status still tells.
            _forget(self._stream)


def say(text: str) -> bool:
    """Write `text` to standard output; gives whether its reader is still there, which is no failure where it has left.
    Raises SaveFailed."""
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        _forget(sys.stdout)
        return False
    except OSError as error:
        _forget(sys.stdout)
        raise _unsaid(error) from error
    return True


def say_all(texts: Iterable[str]) -> bool:
    """Write `texts` to standard output in larger pieces; gives whether its reader was there to the end. Raises
    SaveFailed."""
    batch: list[str] = []
    size = 0
    heard = True
    for text in texts:
        batch.append(text)
        size += len(text)
        if size > _BATCH:
            heard = say("".join(batch)) and heard
            batch, size = [], 0
    return say("".join(batch)) and heard


def write_octets(blocks: Iterable[bytes]) -> None:
    """Write octets to standard output as they are; to a terminal with control characters escaped, for they could
    command it. Raises SaveFailed."""
    if sys.stdout.isatty():
        say_all(_harmless(blocks))
        return
    sys.stdout.flush()
    try:
        for block in blocks:
            view = memoryview(block)
            while view:
                view = view[os.write(sys.stdout.fileno(), view) :]
    except BrokenPipeError:
        _forget(sys.stdout)
    except OSError as error:
        _forget(sys.stdout)
        raise _unsaid(error) from error


def _harmless(blocks: Iterable[bytes]) -> Iterator[str]:
    decoder = codecs.getincrementaldecoder("utf-8")("backslashreplace")
    for block in chain(blocks, (b"",)):
        lines = decoder.decode(block, not block).replace("\r\n", "\n").split("\n")
        yield "\n".join(map(printable_line, lines))


def say_until(stop: int, text: str) -> None:
    """As `say`, of ASCII text; once the descriptor `stop` is readable, no reader is waited for.

    Raises Interrupted, SaveFailed."""
    sys.stdout.flush()
    descriptor = sys.stdout.fileno()
    octets = text.encode("ascii")
    try:
        while octets:
            if not select.select([stop], [descriptor], [])[1]:
                raise Interrupted
            octets = octets[os.write(descriptor, octets[: select.PIPE_BUF]) :]  # so much never has to wait
    except BrokenPipeError:
        _forget(sys.stdout)
    except OSError as error:
        _forget(sys.stdout)
        raise _unsaid(error) from error


def _unsaid(error: OSError) -> SaveFailed:
    why = error.strerror or str(error)
    return SaveFailed(N_("can't write to standard output: {why}"), path="-", why=why)


def _forget(stream: TextIO) -> None:
    """Point a stream that can't be written to nowhere, so that what it still holds fails nothing at exit."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)


def on_terminal(stream: TextIO) -> bool:
    """Whether `stream` is a terminal that can be commanded."""
    return stream.isatty() and os.environ.get("TERM", "dumb") != "dumb"


def colours_welcome() -> bool:
    """Whether nobody asked for no colours (no-color.org)."""
    return not os.environ.get("NO_COLOR")


def columns_of(stream: TextIO) -> int:
    """The width of the terminal, 80 where there is none."""
    try:
        return os.get_terminal_size(stream.fileno()).columns or 80
    except (OSError, ValueError):
        return 80
