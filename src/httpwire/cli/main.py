"""The command `httpwire`: finds the verb, and makes sure that no failure is shown as a traceback.

In: the arguments. Out: the exit status. A verb's module is imported only when that verb
is asked for.
"""

from __future__ import annotations

import gc
import io
import os
import sys

from httpwire.cli.console import Console, say
from httpwire.errors import HttpwireError, UsageError
from httpwire.language import LANGUAGES, N_, Translator, preferred

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

_VERBS = {
    "send": N_("send a recorded request to a real server and keep its answer"),
    "record": N_("keep what a browser sends, byte for byte"),
    "serve": N_("answer requests with recorded bytes"),
    "ls": N_("list the exchanges of a capture, and find some again"),
    "show": N_("make recorded requests and answers readable, to the last byte"),
    "lint": N_("say what is wrong with them, from the bytes to their meaning"),
    "diff": N_("tell what differs between two recordings, layer by layer"),
    "convert": N_("turn a capture into another format, or the other way round"),
    "extract": N_("write exchanges of a capture as plain files"),
    "merge": N_("append captures to another one, in order of time"),
    "rm": N_("remove exchanges from a capture, for good"),
    "index": N_("make the index of a capture anew, or check it"),
    "demo": N_("see the whole loop: a request recorded, sent, and its answer served"),
}


def main(arguments: list[str] | None = None) -> int:
    """Run the command with `arguments` (those of the process, if None); gives the exit status."""
    words = sys.argv[1:] if arguments is None else arguments
    _repair_streams()
    tr = Translator(_language(words))
    try:
        return _run(words, tr)
    except HttpwireError as error:
        from httpwire.cli.status import of_error

        Console(tr).failure([error.sentence(tr), error.advice(tr)])
        return of_error(error)
    except KeyboardInterrupt:
        return 130
    except Exception as error:  # noqa: BLE001  # the last door: a person is told in one line, HTTPWIRE_DEBUG shows all
        return _internal(error, tr)


def _run(words: list[str], tr: Translator) -> int:
    words = _without_language(words)
    name = words[0] if words else "--help"
    if name in ("--help", "-h", "help"):
        verb = words[1] if len(words) > 1 and words[1] in _VERBS else ""
        if not verb:
            say(_overview(tr))
            return 0 if words else 2
        words = [verb, "--help"]
        name = verb
    if name in ("--version", "-V"):
        from httpwire import __version__

        say(f"httpwire {__version__}\n")
        return 0
    if name == "send":
        from httpwire.cli import send

        return send.run(words[1:], tr)
    if name == "record":
        from httpwire.cli import record

        return record.run(words[1:], tr)
    if name == "serve":
        from httpwire.cli import serve

        return serve.run(words[1:], tr)
    if name == "ls":
        from httpwire.cli import ls

        return ls.run(words[1:], tr)
    if name == "show":
        from httpwire.cli import show

        return show.run(words[1:], tr)
    if name == "lint":
        from httpwire.cli import lint

        return lint.run(words[1:], tr)
    if name == "diff":
        from httpwire.cli import diff

        return diff.run(words[1:], tr)
    if name == "convert":
        from httpwire.cli import convert

        return convert.run(words[1:], tr)
    if name == "extract":
        from httpwire.cli import extract

        return extract.run(words[1:], tr)
    if name == "merge":
        from httpwire.cli import merge

        return merge.run(words[1:], tr)
    if name == "rm":
        from httpwire.cli import rm

        return rm.run(words[1:], tr)
    if name == "index":
        from httpwire.cli import index

        return index.run(words[1:], tr)
    if name == "demo":
        from httpwire.cli import demo

        return demo.run(words[1:], tr)
    if name.startswith("-"):
        raise UsageError(N_("there is no option {option}"), option=name, hint=N_("httpwire --help lists the verbs"))
    raise _unknown_verb(name)


def _unknown_verb(name: str) -> UsageError:
    import difflib

    hint = N_("httpwire --help lists the verbs")
    near = difflib.get_close_matches(name, _VERBS, 1)
    if near:
        return UsageError(N_("there is no verb {name}; did you mean {near}?"), name=name, near=near[0], hint=hint)
    return UsageError(N_("there is no verb {name}"), name=name, hint=hint)


def _repair_streams() -> None:
    """Make text in any bytes printable, and standard streams that are closed harmless.

    A number of a closed one would be taken by the next file that is opened, and then written to as a stream.
    """
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDONLY)  # takes the lowest free number; writing to it fails, as it should
    sys.stdout = sys.stdout or open(1, "w", closefd=False)  # noqa: SIM115  # for as long as the process lives
    sys.stderr = sys.stderr or open(2, "w", closefd=False)  # noqa: SIM115  # likewise
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a caller of main() may have put something else there
            stream.reconfigure(errors="backslashreplace")


def _overview(tr: Translator) -> str:
    lines = [tr("usage: {usage}", usage=tr("httpwire VERB [OPTION...]")), ""]
    lines += [tr("See and repeat HTTP exactly as it is on the wire."), ""]
    lines += [f"  {name:8}{tr(about)}" for name, about in _VERBS.items()]
    lines += ["", tr("Run 'httpwire VERB --help' for details; --lang en or ja chooses the language.")]
    return "\n".join(lines) + "\n"


def _language(words: list[str]) -> str:
    """The language asked for, wherever it stands; a wrong one is refused once all is read."""
    chosen = preferred(os.environ)
    return next((value for value in _asked_languages(words) if value in LANGUAGES), chosen)


def _asked_languages(words: list[str]) -> list[str]:
    """The values of `--lang`, however it is shortened, the last one first."""
    values: list[str] = []
    for index, word in enumerate(words):
        if word == "--":
            break
        name, equals, value = word.partition("=")
        if _names_language(name):
            values.insert(0, value if equals else "".join(words[index + 1 : index + 2]))
    return values


def _without_language(words: list[str]) -> list[str]:
    """`words` without a `--lang` that stands before the verb. Raises UsageError for one that is not spoken."""
    for value in _asked_languages(words):
        if value not in LANGUAGES:
            raise UsageError(N_("--lang takes en or ja, not {value}"), value=value or "''")
    while words and _names_language(words[0].partition("=")[0]):
        words = words[1:] if "=" in words[0] else words[2:]
    return words


def _names_language(name: str) -> bool:
    """Whether `name` is --lang, or short for it as getopt has it."""
    return len(name) > 2 and "--lang".startswith(name)


def _internal(error: Exception, tr: Translator) -> int:
    """A fault of ours: one line for the person, all of it for whoever asks for it."""
    if os.environ.get("HTTPWIRE_DEBUG"):
        raise error
    from httpwire.cli.status import ExitStatus

    what = f"{type(error).__name__}: {error}"
    told = tr("a fault of httpwire itself: {what}", what=what)
    Console(tr).failure([told, tr("please report it; with HTTPWIRE_DEBUG=1 it shows where it happened")])
    return ExitStatus.INTERNAL


def run() -> NoReturn:
    """The console script. All is written and closed when main() returns, so the interpreter is left without
    taking it down object by object, which would be a sixth of a short run."""
    gc.disable()  # nothing here makes cycles, and looking for them is a tenth of one
    status = main()
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            from httpwire.cli.status import ExitStatus

            status = status or ExitStatus.COULD_NOT_SAVE  # it was text that is now never written
    os._exit(status)
