"""Options as data: what a verb takes, how it is read from the arguments, and its help.

In: a Verb with its Options, and the arguments. Out: Arguments, or a UsageError that names
the option; and the help text in the translator's language. getopt does the reading:
argparse alone would cost the command more than all that it does for a small exchange.
"""

from __future__ import annotations

import getopt
import re

from httpwire.errors import UsageError
from httpwire.language import N_, Translator
from httpwire.views.text import padded, width
from httpwire.wire.record import Record, at

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator


class Option(Record):
    """`name` without its dashes, a one-letter `short` or none, `value` names its value (none: a switch)."""

    __slots__ = ()
    FIELDS = ("name", "short", "value", "help")
    name: str = at(0)
    short: str = at(1)
    value: str = at(2)
    help: str = at(3)

    def __new__(cls, name: str, short: str, value: str, help: str) -> Option:
        return tuple.__new__(cls, (name, short, value, help))


class Verb(Record):
    """A verb of the command: its usage line, what it does (message ids), options, and how many operands it takes."""

    __slots__ = ()
    FIELDS = ("name", "usage", "about", "options", "operands", "notes")
    name: str = at(0)
    usage: str = at(1)
    about: str = at(2)
    options: tuple[Option, ...] = at(3)
    operands: int = at(4)
    notes: tuple[str, ...] = at(5)

    def __new__(
        cls, name: str, usage: str, about: str, options: tuple[Option, ...], operands: int, notes: tuple[str, ...] = ()
    ) -> Verb:
        return tuple.__new__(cls, (name, usage, about, options, operands, notes))


COMMON = (
    Option("lang", "", N_("LANGUAGE"), N_("en or ja; by default the locale's")),
    Option("help", "h", "", N_("show this help")),
)


class Arguments:
    """What was given: `operands` in order, and by option name its values."""

    def __init__(self, operands: list[str], given: dict[str, list[str]]) -> None:
        self.operands = operands
        self._given = given

    def has(self, name: str) -> bool:
        return name in self._given

    def all(self, name: str) -> list[str]:
        return self._given.get(name, [])

    def last(self, name: str, default: str = "") -> str:
        return self._given.get(name, [default])[-1]

    def choice(self, name: str, values: tuple[str, ...], default: str) -> str:
        """The value, one of `values`. Raises UsageError."""
        if name not in self._given:
            return default
        value = self.last(name)
        if value not in values:
            names = ", ".join(values)
            raise UsageError(N_("--{option} takes one of {names}, not {value}"), option=name, names=names, value=value)
        return value

    def seconds(self, name: str, default: float) -> float:
        """The value as a number of seconds, 0 or more. Raises UsageError."""
        text = self.last(name, "")
        if name not in self._given:
            return default
        if not re.fullmatch(r"[0-9]{1,9}(\.[0-9]*)?|\.[0-9]+", text):
            raise UsageError(N_("--{option} takes a number of seconds, not {value}"), option=name, value=text or "''")
        return float(text)

    def number(self, name: str, default: int, *, least: int) -> int:
        """The value as a whole number, `least` or more. Raises UsageError."""
        if name not in self._given:
            return default
        text = self.last(name)
        if not re.fullmatch(r"[0-9]{1,15}", text) or int(text) < least:
            raise UsageError(
                N_("--{option} takes a whole number from {least}, not {value}"),
                option=name,
                least=least,
                value=text or "''",
            )
        return int(text)


def read(verb: Verb, arguments: list[str]) -> Arguments:
    """Read the arguments of `verb`. Raises UsageError."""
    options = (*verb.options, *COMMON)
    short = "".join(option.short + (":" if option.value else "") for option in options if option.short)
    long = [option.name + ("=" if option.value else "") for option in options]
    try:
        found, operands = getopt.gnu_getopt(arguments, short, long)
    except getopt.GetoptError as error:
        raise _refused(options, error.opt, arguments) from error
    given: dict[str, list[str]] = {}
    for dashed, value in found:
        letters = dashed.lstrip("-")
        option = next(o for o in options if letters == (o.name if dashed.startswith("--") else o.short))
        given.setdefault(option.name, []).append(value)
    if len(operands) > verb.operands and "help" not in given:
        word = operands[verb.operands]
        if not verb.operands:
            raise UsageError(N_("unexpected argument {word}: {verb} takes options only"), word=word, verb=verb.name)
        template = N_("unexpected argument {word}: {verb} takes at most {most}")
        raise UsageError(template, word=word, verb=verb.name, most=verb.operands)
    return Arguments(operands, given)


def _refused(options: tuple[Option, ...], given: str, words: list[str]) -> UsageError:
    long = any(word.partition("=")[0] == f"--{given}" for word in words)
    shown = f"--{given}" if long else f"-{given}"
    matching = [option for option in options if given == (option.name if long else option.short)]
    if not matching and long:
        matching = [option for option in options if option.name.startswith(given)]
    if not matching:
        import difflib

        near = difflib.get_close_matches(given, [option.name for option in options], 1)
        if near:
            return UsageError(N_("there is no option {option}; did you mean --{near}?"), option=shown, near=near[0])
        return UsageError(N_("there is no option {option}"), option=shown)
    if len(matching) > 1:
        names = ", ".join(f"--{option.name}" for option in matching)
        return UsageError(N_("{option} may be any of {names}"), option=shown, names=names)
    if matching[0].value:
        return UsageError(N_("{option} needs a value"), option=shown)
    return UsageError(N_("{option} takes no value"), option=shown)


def help_text(verb: Verb, tr: Translator, columns: int) -> str:
    """The help of `verb`, for a terminal of `columns`."""
    lines = [tr("usage: {usage}", usage=tr(verb.usage)), "", *wrapped(tr(verb.about), columns), ""]
    rows = [(_left(option, tr), tr(option.help)) for option in (*verb.options, *COMMON)]
    lines.extend(table(rows, columns))
    for note in verb.notes:
        lines.extend(["", *wrapped(tr(note), columns)])
    return "\n".join(lines) + "\n"


def _left(option: Option, tr: Translator) -> str:
    short = f"-{option.short}, " if option.short else "    "
    return short + f"--{option.name}" + (f" {tr(option.value)}" if option.value else "")


def table(rows: list[tuple[str, str]], columns: int) -> Iterator[str]:
    """Rows of a term and what it means, wrapped to `columns`."""
    left = min(30 if columns >= 60 else columns // 2 - 2, max(width(term) for term, _ in rows) + 2)
    for term, meaning in rows:
        head = padded("  " + term, left + 2)
        folded = wrapped(meaning, max(16, columns - left - 3))
        if width(head.rstrip()) > left:
            yield head.rstrip()
        else:
            yield (head + folded.pop(0)).rstrip()
        yield from (" " * (left + 2) + line for line in folded)


#: What Japanese never begins a line with.
_NOT_FIRST = "、。，．）」』:;!?,.)ーぁぃぅぇぉっゃゅょァィゥェォッャュョ・"


def wrapped(text: str, columns: int) -> list[str]:
    """`text` in lines of at most `columns`; between the wide characters of Japanese a line may break anywhere."""
    lines = [""]
    for word in _breakable(text):
        if lines[-1] and width(lines[-1]) + width(word.rstrip()) > columns:
            lines[-1] = lines[-1].rstrip()
            lines.append("")
        lines[-1] += word if lines[-1] else word.lstrip()
    return [line.rstrip() for line in lines]


def _breakable(text: str) -> Iterator[str]:
    """`text` cut behind each space and around each wide character; no piece begins with closing punctuation."""
    piece = ""
    for index, character in enumerate(text):
        piece += character
        following = text[index + 1 : index + 2]
        wide = width(character) == 2 or width(following) == 2
        if character == " " or (wide and following not in _NOT_FIRST and character not in "（「『("):
            yield piece
            piece = ""
    yield piece
