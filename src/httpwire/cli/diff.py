"""The verb `diff`: two recordings held against each other, layer by layer.

In: arguments. Out: what differs on standard output, as text or JSON, and the exit status: 1 where a difference is
left that was not to be ignored. The files stay as they are.
"""

from __future__ import annotations

import sys

from httpwire.capture.raw import Outgoing
from httpwire.capture.reading import Reading
from httpwire.cli.console import columns_of, on_terminal, say, say_all
from httpwire.cli.options import Arguments, Option, Verb, help_text, read
from httpwire.cli.paint import COLOUR, show, wants_colour
from httpwire.cli.recordings import KIND, close, kind_asked
from httpwire.cli.status import ExitStatus
from httpwire.errors import UsageError
from httpwire.language import N_, Translator
from httpwire.views.diff.model import VOLATILE, WORDS, Ignoring, Tally
from httpwire.wire import grammar

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from httpwire.views.diff.model import Compared
    from httpwire.views.diff.octets import Files
    from httpwire.views.show.lines import Line

_WIDE = 120  # columns from which old and new stand side by side

DIFF = Verb(
    "diff",
    N_("httpwire diff A B [OPTION...]"),
    N_(
        "Compares two recorded requests or answers, message by message: how each is delimited, its first line, its "
        "fields (order, capitals and spaces told apart from values), and its content with the codings taken off: "
        "text by line, JSON by path, forms by name, anything else by its bytes. '-' is standard input."
    ),
    (
        Option("ignore", "i", N_("FIELD"), N_("a field, or several with commas, that does not count; may be repeated")),
        Option("ignore-volatile", "", "", N_("the fields that differ each time do not count (see below)")),
        Option("json", "", "", N_("all of it as one JSON object")),
        Option("quiet", "q", "", N_("show nothing; the exit status tells")),
        KIND,
        COLOUR,
    ),
    2,
    (
        N_(
            "--ignore also takes order (of fields, and of what JSON and forms hold), case (of field names), spaces "
            "(around field values), line-ends (CRLF or LF) and chunks (where chunked content is cut). What follows "
            "from an ignored field is ignored with it: the length with Content-Length, another coding of the same "
            "content with Content-Encoding."
        ),
        N_(
            "--ignore-volatile ignores Date, Age, Expires, Server-Timing, X-Request-Id, X-Correlation-Id, "
            "X-Amzn-Trace-Id, X-Runtime and CF-Ray. ETag, Last-Modified and Set-Cookie tell of the content and the "
            "session: name them with --ignore if they are not to count."
        ),
        N_(
            "Exit status: 0 nothing differs that counts; 1 something does; 2 wrong usage, or a file that can't be "
            "read; 23 could not write."
        ),
    ),
)


def run(words: list[str], tr: Translator) -> int:
    """Carry out `httpwire diff` with the arguments `words`."""
    arguments = read(DIFF, words)
    if arguments.has("help"):
        say(help_text(DIFF, tr, columns_of(sys.stdout)))
        return ExitStatus.DONE
    colour = wants_colour(arguments)
    ignoring = _ignoring(arguments)
    old, new = _open(arguments)
    try:
        from httpwire.views.diff.compare import compare
        from httpwire.views.diff.octets import Files

        files = Files(old.source, new.source)
        tally = Tally()
        pairs = compare(old, new, files, ignoring)
        if arguments.has("quiet"):
            for compared in pairs:
                tally.add(compared)
                if tally.left:
                    break
        elif arguments.has("json"):
            say_all(_json(old, new, files, pairs, tally))
        else:
            show(_text(files, pairs, tally, tr), colour=colour)
    finally:
        close((old, new))
    return ExitStatus.FINDINGS if tally.left else ExitStatus.DONE


def _ignoring(arguments: Arguments) -> Ignoring:
    """What is not to count. Raises UsageError."""
    names = [name.strip() for value in arguments.all("ignore") for name in value.split(",")]
    for name in names:
        if not grammar.TOKEN.fullmatch(name.encode("utf-8", "surrogateescape")):
            raise UsageError(
                N_("--ignore takes the name of a field, or one of {words}, not {value}"),
                words=", ".join(WORDS),
                value=name or "''",
            )
    return Ignoring([*names, *VOLATILE] if arguments.has("ignore-volatile") else names)


def _open(arguments: Arguments) -> tuple[Reading, Reading]:
    """Both files, opened. Raises UsageError."""
    paths = arguments.operands
    if len(paths) < 2:
        raise UsageError(N_("{verb} needs the names of two files"), verb="diff", hint=N_("httpwire diff A B"))
    if paths == ["-", "-"]:
        raise UsageError(N_("'-', standard input, can be given only once"))
    forced = kind_asked(arguments)
    old = Outgoing.from_path(paths[0])
    try:
        return Reading(old, forced), Reading(Outgoing.from_path(paths[1]), forced)
    except BaseException:
        old.close()
        raise


def _text(files: Files, pairs: Iterable[Compared], tally: Tally, tr: Translator) -> Iterator[Line]:
    from httpwire.views.diff.lines import Text

    columns = columns_of(sys.stdout) if on_terminal(sys.stdout) else 0
    text = Text(files, tr, columns if columns >= _WIDE else 0)
    yield from text.opening()
    for compared in pairs:
        tally.add(compared)
        yield from text.message(compared)
    yield from text.closing(tally)


def _json(old: Reading, new: Reading, files: Files, pairs: Iterable[Compared], tally: Tally) -> Iterator[str]:
    import json

    from httpwire.views.diff.objects import compared_object
    from httpwire.views.report import reading_of

    first = files.first and files.first.offset
    about = {"old": reading_of(old), "new": reading_of(new), "first_difference": first}
    yield json.dumps(about)[:-1] + ', "messages": ['
    for number, compared in enumerate(pairs):
        tally.add(compared)
        yield (",\n" if number else "\n") + json.dumps(compared_object(compared))
    counted = {"differences": tally.left, "ignored": tally.ignored, "ignored_names": list(tally.names)}
    yield "], " + json.dumps(counted)[1:] + "\n"
