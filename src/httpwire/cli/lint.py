"""The verb `lint`: what is wrong with recorded messages, from the bytes to their meaning.

In: arguments. Out: complaints on standard output, as text, JSON or SARIF, and the exit status: 1
where one is as bad as --fail-on says. The files stay as they are.
"""

from __future__ import annotations

import re
import sys
from collections import Counter

from httpwire.cli.console import columns_of, say, say_all
from httpwire.cli.options import Arguments, Option, Verb, help_text, read
from httpwire.cli.paint import COLOUR, show, wants_colour
from httpwire.cli.recordings import KIND, open_readings
from httpwire.cli.status import ExitStatus
from httpwire.errors import UsageError
from httpwire.language import N_, Translator
from httpwire.views.lint.complaint import SEVERITIES, Choice
from httpwire.views.lint.inspection import Inspection
from httpwire.wire.element import Direction

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from httpwire.capture.reading import Reading
    from httpwire.views.show.lines import Line

_IDS = N_("IDS")
LINT = Verb(
    "lint",
    N_("httpwire lint FILE... [OPTION...]"),
    N_(
        "Says what is wrong with recorded requests and answers: in their bytes (what it is, why it matters, what real "
        "servers do, and how to mend it) and, through the package httplint, in their meaning. An answer behind its "
        "request is looked at together with it. '-' is standard input, CAPTURE#12 an exchange of a capture (also "
        "#12-15, #12.request)."
    ),
    (
        Option("select", "", _IDS, N_("only these: ids, layers (bytes, smuggling, meaning) or patterns, with commas")),
        Option("ignore", "", _IDS, N_("all but these")),
        Option("fail-on", "", N_("SEVERITY"), N_("exit 1 from here on: error (default), warning, note or never")),
        Option("parsers", "", "", N_("add what installed parsers say: h11, httptools, aiohttp, http.client")),
        Option("rules", "", "", N_("list what can be found in the bytes, and end")),
        Option("json", "", "", N_("one JSON object")),
        Option("sarif", "", "", N_("SARIF 2.1.0, for code hosts")),
        KIND,
        COLOUR,
    ),
    1 << 30,
    (
        N_(
            "Exit status: 0 nothing as bad as --fail-on says; 1 something is; 2 wrong usage, or a file that can't be "
            "read; 23 could not write; 65 the capture is damaged."
        ),
    ),
)


def run(words: list[str], tr: Translator) -> int:
    """Carry out `httpwire lint` with the arguments `words`."""
    arguments = read(LINT, words)
    if arguments.has("help"):
        say(help_text(LINT, tr, columns_of(sys.stdout)))
        return ExitStatus.DONE
    if arguments.has("rules"):
        say_all(_rules(tr))
        return ExitStatus.DONE
    if arguments.has("json") and arguments.has("sarif"):
        raise UsageError(N_("--{one} and --{other} exclude each other"), one="json", other="sarif")
    return _Run(arguments, tr).run()


class _Run:
    """One run of the verb, which counts what it finds."""

    def __init__(self, arguments: Arguments, tr: Translator) -> None:
        self._arguments = arguments
        plain = arguments.has("json") or arguments.has("sarif")
        self._tr = Translator() if plain else tr  # programs are spoken to in English
        self._choice = Choice(_names(arguments, "select"), _names(arguments, "ignore"))
        self._fail_on = arguments.choice("fail-on", (*SEVERITIES, "never"), "error")
        self._colour = wants_colour(arguments)
        self._counts: Counter[str] = Counter()  # complaints of each severity

    def run(self) -> int:
        readings = open_readings(self._arguments, "lint")
        try:
            if self._arguments.has("json"):
                say_all(self._json(readings))
            elif self._arguments.has("sarif"):
                say_all(self._sarif(readings))
            else:
                show(self._text(readings), colour=self._colour)
        finally:
            readings.close()
        bad = SEVERITIES[SEVERITIES.index(self._fail_on) :] if self._fail_on != "never" else ()
        return ExitStatus.FINDINGS if any(self._counts[severity] for severity in bad) else ExitStatus.DONE

    def _files(self, readings: Iterable[Reading]) -> Iterator[Inspection]:
        """Each file; an answer's meaning is looked at with the requests of the file before."""
        before: Inspection | None = None
        for reading in readings:
            asked = before if before and before.reading.direction is Direction.REQUEST and reading.answers else None
            file = Inspection(reading, self._choice, self._tr, asked)
            yield file
            self._counts.update(file.counts)
            before = file

    def _text(self, readings: Iterable[Reading]) -> Iterator[Line]:
        from httpwire.views.lint.lines import complaint_lines, summary_line
        from httpwire.views.origin import origin_lines
        from httpwire.views.show.lines import foreign_lines, title_line

        for file in self._files(readings):
            source = file.reading.source
            for part, complaints in file.complaints():
                if complaints:
                    yield title_line(part, source.name, self._tr)
                    yield from origin_lines(source, self._tr)
                    yield from foreign_lines(part, source, self._tr)
                    yield from complaint_lines(complaints, source, part.start, self._tr, file.conflict)
                    yield []
            if self._arguments.has("parsers"):
                from httpwire.views.lint.opinions import opinion_lines

                yield from opinion_lines(file.opinions(), self._tr)
        yield summary_line(self._counts, self._tr)

    def _json(self, readings: Iterable[Reading]) -> Iterator[str]:
        import json

        from httpwire.views.lint.objects import complaint_object
        from httpwire.views.lint.opinions import opinion_object
        from httpwire.views.lint.smuggling import conflict_object
        from httpwire.views.report import reading_of

        yield '{"files": ['
        for index, file in enumerate(self._files(readings)):
            yield (", " if index else "") + json.dumps(reading_of(file.reading))[:-1] + ', "findings": ['
            comma = ""
            for _, complaints in file.complaints():
                for complaint in complaints:
                    yield comma + "\n" + json.dumps(complaint_object(complaint))
                    comma = ","
            parsers = [opinion_object(each) for each in file.opinions()] if self._arguments.has("parsers") else None
            more = {"smuggling": file.conflict and conflict_object(file.conflict), "parsers": parsers}
            yield "], " + json.dumps(more)[1:]
        yield "], " + json.dumps({"counts": {name: self._counts[name] for name in SEVERITIES}})[1:] + "\n"

    def _sarif(self, readings: Iterable[Reading]) -> Iterator[str]:
        from httpwire import __version__
        from httpwire.views.lint.objects import sarif_log

        files = self._files(readings)
        found = ((file.reading.source, (each for _, some in file.complaints() for each in some)) for file in files)
        yield from sarif_log(found, __version__)


def _names(arguments: Arguments, option: str) -> list[str]:
    """The names that were given, with commas or repeated. Raises UsageError for one that can name nothing."""
    names = [name.strip() for value in arguments.all(option) for name in value.split(",") if name.strip()]
    for name in names:
        if not Choice.knows(name):
            hint = N_("httpwire lint --rules lists them")
            raise UsageError(N_("--{option}: nothing is called {name}"), option=option, name=name, hint=hint)
    return names


def _rules(tr: Translator) -> Iterator[str]:
    from httpwire.views.lint.complaint import INCOMPLETE, INCOMPLETE_SAYS, INCOMPLETE_SECTION
    from httpwire.views.show.lines import SEVERITY_NAMES
    from httpwire.views.text import padded
    from httpwire.wire.deviations import CATALOGUE

    rules = [(each.id, each.severity.value, each.section, each.says) for each in CATALOGUE.values()]
    rules.append((INCOMPLETE, "error", INCOMPLETE_SECTION, INCOMPLETE_SAYS))
    for name, severity, section, says in rules:
        how_bad = padded(tr(SEVERITY_NAMES[severity]), 8)
        yield f"{padded(name, 24)} {how_bad} {padded(section, 16)} {_unfilled(tr(says))}\n"


def _unfilled(sentence: str) -> str:
    """A sentence with dots where a finding's details would stand."""
    return re.sub(r"\{[a-z]+\}", "...", sentence)
