"""The verb `show`: recorded requests and answers made readable, to the last byte.

In: arguments. Out: the messages on standard output in the form that was asked for, and the exit
status. Nothing is changed in the files; secrets can be masked in what is shown.
"""

from __future__ import annotations

import sys

from httpwire.capture.raw import Saving, same_file
from httpwire.cli.console import Console, columns_of, on_terminal, say, say_all, write_octets
from httpwire.cli.options import Arguments, Option, Verb, help_text, read
from httpwire.cli.paint import COLOUR, show, wants_colour
from httpwire.cli.recordings import KIND, open_readings
from httpwire.cli.status import ExitStatus
from httpwire.errors import UsageError
from httpwire.language import N_, Sentence, Translator
from httpwire.views.text import padded, printable
from httpwire.wire.element import ElementKind

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from httpwire.capture.raw import Outgoing
    from httpwire.capture.reading import Reading
    from httpwire.views.anatomy import Anatomy
    from httpwire.views.explain.gloss import Gloss
    from httpwire.views.show.lines import Line

_ON_PAGE = 500  # messages on one page: a browser has to hold it
_ALL = 64 << 20  # octets of content that is larger than its file, where all is to be shown
_HEX_COLUMNS = 96  # that rows of 16 octets take with the names of their elements
_FORMS = ("raw", "hex", "elements", "json", "html", "content")

SHOW = Verb(
    "show",
    N_("httpwire show FILE... [--explain] [OPTION...]"),
    N_(
        "Shows recorded requests and answers: each line of the wire with its name, line ends made visible, and the "
        "content as it is meant, with chunked, gzip, deflate, br and zstd taken off. The files stay as they are. Of a "
        "request followed by an answer both sides are read as one exchange. '-' is standard input, CAPTURE#12 an "
        "exchange of a capture (also #12-15, #12.request)."
    ),
    (
        Option("explain", "e", "", N_("say of every element what it is and what its value means")),
        Option("raw", "", "", N_("the bytes as they are; on a terminal control characters are escaped")),
        Option("hex", "x", "", N_("offset, bytes, text, and the element that each row belongs to")),
        Option("elements", "", "", N_("the elements that tile the bytes, with their offsets")),
        Option("content", "", "", N_("the content alone, with its codings taken off")),
        Option("json", "", "", N_("all of it as one JSON object")),
        Option("html", "", N_("FILE"), N_("write one page: pointing at any bytes tells what they are")),
        Option(
            "mask",
            "",
            "",
            N_("show * for secrets in heads and trailers: Authorization, Cookie and Set-Cookie values"),
        ),
        Option("limit", "", N_("BYTES"), N_("how much of each content is shown (default 65536; 0: all)")),
        KIND,
        COLOUR,
    ),
    1 << 30,
    (
        N_(
            "Exit status: 0 it was shown; 1 a coding that --content could not take off; 2 wrong usage, or a file that "
            "can't be read; 23 could not write; 65 the capture is damaged."
        ),
    ),
)


def run(words: list[str], tr: Translator) -> int:
    """Carry out `httpwire show` with the arguments `words`."""
    arguments = read(SHOW, words)
    if arguments.has("help"):
        say(help_text(SHOW, tr, columns_of(sys.stdout)))
        return ExitStatus.DONE
    form = _form(arguments)
    colour = wants_colour(arguments)
    limit = arguments.number("limit", 64 << 10, least=0)
    opened = open_readings(arguments, "show")
    try:
        if any(same_file(path, arguments.last("html")) for path in opened.paths if form == "html"):
            raise UsageError(N_("the page would overwrite the recording {path}"), path=arguments.last("html"))
        readings = _masked(opened) if arguments.has("mask") else opened
        explained = arguments.has("explain")
        if form == "content":
            return _write_content(readings, tr)
        if form == "raw":
            write_octets(block for reading in readings for block in reading.source.blocks())
        elif form == "json":
            say_all(_json(readings, limit, explained=explained))
        elif form == "hex":
            say_all(_hex(readings, tr, named=opened.several))
        elif form == "elements":
            say_all(_elements(readings, tr, named=opened.several))
        elif form == "html":
            _write_page(arguments.last("html"), opened.names, readings, limit, tr)
        else:
            show(_text(readings, limit, tr, explained=explained), colour=colour)
    finally:
        opened.close()
    return ExitStatus.DONE


def _masked(readings: Iterable[Reading]) -> Iterator[Reading]:
    """The same with secrets covered."""
    from httpwire.views.masking import mask

    for reading in readings:
        reading.source.patch(mask(reading))
        yield reading


def _shown(limit: int, reading: Reading) -> int:
    """How many octets of each content are shown, where `limit` was asked for."""
    return limit or max(_ALL, reading.source.octets)


def _form(arguments: Arguments) -> str:
    """Which form was asked for. Raises UsageError where several were."""
    asked = [name for name in _FORMS if arguments.has(name)]
    if len(asked) > 1:
        raise UsageError(N_("--{one} and --{other} exclude each other"), one=asked[0], other=asked[1])
    return asked[0] if asked else "text"


def _text(readings: Iterable[Reading], limit: int, tr: Translator, *, explained: bool) -> Iterator[Line]:
    from httpwire.views.anatomy import anatomy_of
    from httpwire.views.origin import origin_lines
    from httpwire.views.show.lines import empty_line, foreign_lines, message_lines, title_line

    first = True
    for reading in readings:
        if not reading.source.octets:
            if not first:
                yield []
            first = False
            yield empty_line(reading.source.name, tr)
        for part in reading.parts():
            anatomy = anatomy_of(part, reading.source, _shown(limit, reading))
            if not first:
                yield []
            first = False
            yield title_line(part, reading.source.name, tr)
            yield from origin_lines(reading.source, tr)
            yield from foreign_lines(part, reading.source, tr)
            glosses = _glosses(anatomy) if explained else ()
            yield from message_lines(anatomy, tr, glosses=glosses, explained=explained)


def _glosses(anatomy: Anatomy, *, everything: bool = False) -> tuple[Gloss, ...]:
    """What every element says, as of now."""
    import time

    from httpwire.views.explain.gloss import Setting
    from httpwire.views.explain.message import explain

    return explain(anatomy, Setting(anatomy.part.direction, time.time()), everything=everything)


def _json(readings: Iterable[Reading], limit: int, *, explained: bool) -> Iterator[str]:
    import json

    from httpwire.views.anatomy import anatomy_of
    from httpwire.views.report import reading_of
    from httpwire.views.show.objects import message_object

    yield '{"files": ['
    for index, reading in enumerate(readings):
        yield (", " if index else "") + json.dumps(reading_of(reading))[:-1] + ', "messages": ['
        for number, part in enumerate(reading.parts()):
            anatomy = anatomy_of(part, reading.source, _shown(limit, reading))
            yield (",\n" if number else "\n") + json.dumps(
                message_object(anatomy, _glosses(anatomy, everything=True) if explained else None)
            )
        yield "]}"
    yield "]}\n"


def _hex(readings: Iterable[Reading], tr: Translator, *, named: bool) -> Iterator[str]:
    from httpwire.views.show.dump import hex_dump

    narrow = on_terminal(sys.stdout) and columns_of(sys.stdout) < _HEX_COLUMNS
    room = 33 if narrow else 66  # what a row of 8 or 16 takes
    for reading in readings:
        yield from _heading(reading.source, tr, named=named)
        names: dict[ElementKind, str] = {}
        for offset, row, element in hex_dump(reading.elements(), reading.source, narrow=narrow):
            name = names.get(element.kind) or names.setdefault(element.kind, tr(element.kind.value))
            yield f"{offset:08x}  {row:{room}}  {name}\n"


def _elements(readings: Iterable[Reading], tr: Translator, *, named: bool) -> Iterator[str]:
    from httpwire.views.show.dump import element_rows

    for reading in readings:
        yield from _heading(reading.source, tr, named=named)
        digits = max(6, len(str(reading.source.octets)))
        names = {kind: padded(tr(kind.value), 18) for kind in ElementKind}
        for element, octets in element_rows(reading.elements(), reading.source):
            yield f"{element.start:{digits}} {element.stop:{digits}}  {names[element.kind]}{octets}\n"


def _heading(source: Outgoing, tr: Translator, *, named: bool) -> Iterator[str]:
    """What stands before the rows of one recording."""
    from httpwire.views.origin import LABEL, MISSING, gaps_told, origin_told

    if named:
        yield f"--- {printable(source.name)}\n"
    if told := origin_told(source.facts, tr):
        yield f"{tr(LABEL)}: {told}\n"
    for gap in gaps_told(source, tr):
        yield f"{tr(MISSING)}: {gap}\n"


def _write_page(path: str, names: list[str], readings: Iterable[Reading], limit: int, tr: Translator) -> None:
    """Write the HTML page to `path`. Raises OutputUnwritable, SaveFailed, RecordingUnreadable."""
    saving = Saving(path)
    complete = False
    try:
        for piece in _page(names, readings, limit, tr):
            saving.write(piece.encode())
        complete = True
    finally:
        saving.finish(complete=complete)
    Console(tr).lines([(tr("saved"), printable(saving.saved))])


def _page(names: list[str], readings: Iterable[Reading], limit: int, tr: Translator) -> Iterator[str]:
    from httpwire.views.anatomy import anatomy_of
    from httpwire.views.show.page import Page

    page = Page(tr)
    yield from page.head(names)
    number = 0
    for reading in readings:
        for part in reading.parts():
            if number == _ON_PAGE:
                yield page.note(tr("only the first {n} messages are on this page", n=f"{number:,}"))
                yield from page.foot()
                return
            number += 1
            anatomy = anatomy_of(part, reading.source, _shown(limit, reading))
            source = reading.source
            yield from page.message(anatomy, source.name, _glosses(anatomy, everything=True), source)
    yield from page.foot()


def _write_content(readings: Iterable[Reading], tr: Translator) -> int:
    """Write the content of each message with its codings taken off, as far as they can be; gives the exit status."""
    from httpwire.capture.codings import CodingBroken
    from httpwire.views.content import Decoded

    problem: Sentence | None = None
    for reading in readings:
        for part in reading.parts():
            if part.message is None:
                continue
            decoded = Decoded(part.message, reading.source)
            problem = decoded.problem or problem
            try:
                write_octets(decoded)
            except CodingBroken as broken:
                problem = decoded.broke(broken)
    if problem:
        Console(tr).failure([tr.told(problem)])
    return ExitStatus.FINDINGS if problem else ExitStatus.DONE
