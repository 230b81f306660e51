"""The verb `index`: the index of a capture made anew from its events, or held against them.

In: arguments. Out: the capture with a new index, or what is wrong with it; the exit status.
"""

from __future__ import annotations

import sys

from httpwire.capture.store.capture import Capture
from httpwire.cli.captures import JSON, QUIET, Work, operands
from httpwire.cli.console import columns_of, say
from httpwire.cli.options import Arguments, Option, Verb, help_text, read
from httpwire.cli.status import ExitStatus
from httpwire.errors import UsageError
from httpwire.language import N_, Translator
from httpwire.views.toll import exchanges_of

INDEX = Verb(
    "index",
    N_("httpwire index CAPTURE [--check] [OPTION...]"),
    N_(
        "Makes the index of a capture anew: its exchanges, what they are found by, and their findings are read again "
        "from the recorded events, as this version of httpwire reads them. The events stay as they are, and so do the "
        "numbers of exchanges where nothing else is read in them."
    ),
    (
        Option("check", "", "", N_("change nothing: say where the index differs from the events, and what is damaged")),
        JSON,
        QUIET,
    ),
    1,
    (
        N_("For example: httpwire index site.hwire --check"),
        N_(
            "Exit status: 0 done, or nothing is wrong; 1 --check found something; 2 wrong usage, or a capture that "
            "can't be read or written; 65 it is damaged: what can be read of it is in the index; 130 interrupted."
        ),
    ),
)


def run(words: list[str], tr: Translator) -> int:
    """Carry out `httpwire index` with the arguments `words`."""
    arguments = read(INDEX, words)
    if arguments.has("help"):
        say(help_text(INDEX, tr, columns_of(sys.stdout)))
        return ExitStatus.DONE
    return _Index(arguments, tr).run()


class _Index(Work):
    def __init__(self, arguments: Arguments, tr: Translator) -> None:
        super().__init__(arguments, tr)
        if not arguments.operands:
            raise UsageError(N_("index needs a capture"), hint=N_("httpwire index CAPTURE.hwire"))
        self._path = operands(arguments, 1, "", "")[0]

    def do(self) -> None:
        if self.arguments.has("check"):
            self._check()
            return
        with Capture(self._path) as capture:
            capture.check_writable()
            capture.index.rebuild()
            capture.index.update(self.meter(self.tr("reading the exchanges")))
            exchanges = capture.ask("SELECT count(*) FROM exchanges")
        self.lines.append((self.tr("index"), exchanges_of(exchanges, self.tr)))
        self.report = {"exchanges": exchanges}

    def _check(self) -> None:
        from httpwire.capture.store.checking import faults

        found = list(faults(self._path, self.meter(self.tr("reading the exchanges"))))
        for fault in found:
            self.lines.append((self.tr("fault"), self.tr.told(fault)))
        if found:
            self.status = ExitStatus.FINDINGS
        else:
            self.lines.append((self.tr("index"), self.tr("it is what the events say, and the file is whole")))
        self.report = {"faults": [str(fault) for fault in found]}
