"""The verb `diff`: two recordings held against each other, layer by layer.

In: arguments. Out: what differs on standard output, as text or JSON, and the exit status: 1 where a difference is
left that was not to be ignored. The files stay as they are.
"""

from __future__ import annotations

import sys

from httpwire.capture.named import GivenExchanges
from httpwire.capture.reading import direction_of
from httpwire.cli.console import columns_of, on_terminal, say, say_all
from httpwire.cli.options import Arguments, Option, Verb, help_text, read
from httpwire.cli.paint import COLOUR, show, wants_colour
from httpwire.cli.recordings import KIND, kind_asked, open_all, reading_of
from httpwire.cli.status import ExitStatus
from httpwire.errors import UsageError
from httpwire.language import N_, Translator
from httpwire.views.diff.model import VOLATILE, WORDS, Ignoring, Tally
from httpwire.wire import grammar

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from httpwire.capture.named import Given, Recording
    from httpwire.capture.reading import Reading
    from httpwire.views.show.lines import Line

_WIDE = 120  # columns from which old and new stand side by side

DIFF = Verb(
    "diff",
    N_("httpwire diff A B [OPTION...]"),
    N_(
        "Compares two recorded requests or answers, message by message: how each is delimited, its first line, its "
        "fields (order, capitals and spaces told apart from values), and its content with the codings taken off: "
        "text by line, JSON by path, forms by name, anything else by its bytes. '-' is standard input, CAPTURE#12 an "
        "exchange of a capture: both of its sides, or with .request or .response one."
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
            "read; 23 could not write; 65 the capture is damaged."
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
    forced = kind_asked(arguments)
    if len(arguments.operands) < 2:
        raise UsageError(N_("{verb} needs the names of two files"), verb="diff", hint=N_("httpwire diff A B"))
    given = open_all(arguments.operands)
    try:
        pairs = [
            (reading_of(old, forced), reading_of(new, forced)) for old, new in _sides(_of(given[0]), _of(given[1]))
        ]
        tallies = [Tally() for _ in pairs]
        if arguments.has("quiet"):
            for (old, new), tally in zip(pairs, tallies, strict=True):
                _count(old, new, ignoring, tally)
        elif arguments.has("json"):
            say_all(_json(pairs, ignoring, tallies))
        else:
            show(_text(pairs, ignoring, tallies, tr), colour=colour)
    finally:
        for each in given:
            each.close()
    return ExitStatus.FINDINGS if any(tally.left for tally in tallies) else ExitStatus.DONE


def _of(given: Given) -> list[Recording]:
    """A file, or the sides of the exchange that was named. Raises UsageError, RecordingUnreadable, RecordingBroken."""
    if not isinstance(given, GivenExchanges):
        return list(given.recordings())
    entry = given.one()
    return [given.recording(entry, side) for side in given.sides]


def _sides(old: list[Recording], new: list[Recording]) -> list[tuple[Recording, Recording]]:
    """What is held against what: of two exchanges both sides; of an exchange the side that a file is."""
    if len(old) == len(new):
        return list(zip(old, new, strict=True))
    single = (old if len(old) == 1 else new)[0]
    kind = single.direction or direction_of(single.source)
    one, other = (each[0] if len(each) == 1 else next(r for r in each if r.direction is kind) for each in (old, new))
    return [(one, other)]


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


def _count(old: Reading, new: Reading, ignoring: Ignoring, tally: Tally) -> None:
    """See whether there is a difference that counts."""
    from httpwire.views.diff.compare import compare
    from httpwire.views.diff.octets import Files

    for compared in compare(old, new, Files(old.source, new.source), ignoring):
        tally.add(compared)
        if tally.left:
            return


def _text(
    pairs: list[tuple[Reading, Reading]], ignoring: Ignoring, tallies: list[Tally], tr: Translator
) -> Iterator[Line]:
    from httpwire.views.diff.compare import compare
    from httpwire.views.diff.lines import Text
    from httpwire.views.diff.octets import Files

    columns = columns_of(sys.stdout) if on_terminal(sys.stdout) else 0
    for number, ((old, new), tally) in enumerate(zip(pairs, tallies, strict=True)):
        if number:
            yield []
        files = Files(old.source, new.source)
        text = Text(files, tr, columns if columns >= _WIDE else 0, named=len(pairs) > 1)
        yield from text.opening()
        for compared in compare(old, new, files, ignoring):
            tally.add(compared)
            yield from text.message(compared)
        yield from text.closing(tally)


def _json(pairs: list[tuple[Reading, Reading]], ignoring: Ignoring, tallies: list[Tally]) -> Iterator[str]:
    """One object; of two exchanges one with an object for each side."""
    if len(pairs) == 1:
        yield from _object(*pairs[0], ignoring, tallies[0])
        yield "\n"
        return
    comma = "{"
    for (old, new), tally in zip(pairs, tallies, strict=True):
        yield f'{comma}"{old.direction.value}": '
        yield from _object(old, new, ignoring, tally)
        comma = ",\n"
    yield "}\n"


def _object(old: Reading, new: Reading, ignoring: Ignoring, tally: Tally) -> Iterator[str]:
    import json

    from httpwire.views.diff.compare import compare
    from httpwire.views.diff.objects import compared_object
    from httpwire.views.diff.octets import Files
    from httpwire.views.report import reading_of as told

    files = Files(old.source, new.source)
    first = files.first and files.first.offset
    about = {"old": told(old), "new": told(new), "first_difference": first}
    yield json.dumps(about)[:-1] + ', "messages": ['
    for number, compared in enumerate(compare(old, new, files, ignoring)):
        tally.add(compared)
        yield (",\n" if number else "\n") + json.dumps(compared_object(compared))
    counted = {"differences": tally.left, "ignored": tally.ignored, "ignored_names": list(tally.names)}
    yield "], " + json.dumps(counted)[1:]
