"""The verb `rm`: exchanges removed from a capture, for good.

In: arguments. Out: the capture without their octets; on standard error what was removed; the exit status.
"""

from __future__ import annotations

import sys

from httpwire.capture.named import open_capture
from httpwire.capture.store.chosen import Chosen
from httpwire.capture.store.query import Query
from httpwire.capture.store.removal import Removed, remove
from httpwire.capture.store.signature import is_capture
from httpwire.cli.captures import JSON, QUIET, Work, operands
from httpwire.cli.console import columns_of, say
from httpwire.cli.options import Arguments, Option, Verb, help_text, read
from httpwire.cli.status import ExitStatus
from httpwire.errors import UsageError
from httpwire.language import N_, Translator
from httpwire.views.toll import exchanges_of

_SHOWN = 12  # runs of numbers

RM = Verb(
    "rm",
    N_("httpwire rm CAPTURE FILTER... | CAPTURE#NUMBERS [OPTION...]"),
    N_(
        "Removes exchanges from a capture for good: their bytes are cut out, and the file is written anew without "
        "them. The others keep their numbers and all of their bytes. Which are meant is told as to httpwire ls: by the "
        "numbers behind CAPTURE#, by filters, by both."
    ),
    (Option("dry-run", "n", "", N_("only say which would be removed")), JSON, QUIET),
    1 << 30,
    (
        N_(
            "Others may go on appending to the capture meanwhile. A file that the capture was made of, and copies of "
            "it, are not looked for."
        ),
        N_("For example: httpwire rm site.hwire#12-15; httpwire rm site.hwire 'request.field=Authorization' -n"),
        N_(
            "Exit status: 0 done; 1 no exchange fits; 2 wrong usage, or a capture that can't be read or written: "
            "nothing was changed; 23 they are removed, but the file could not be written anew; 65 the capture is "
            "damaged: nothing was changed; 130 interrupted."
        ),
    ),
)


def run(words: list[str], tr: Translator) -> int:
    """Carry out `httpwire rm` with the arguments `words`."""
    arguments = read(RM, words)
    if arguments.has("help"):
        say(help_text(RM, tr, columns_of(sys.stdout)))
        return ExitStatus.DONE
    return _Rm(arguments, tr).run()


class _Rm(Work):
    def __init__(self, arguments: Arguments, tr: Translator) -> None:
        super().__init__(arguments, tr)
        hint = N_("httpwire rm CAPTURE.hwire#12-15, or a filter as for httpwire ls")
        self._name, *self._filters = operands(arguments, 1, N_("rm needs a capture and what is to be removed"), hint)
        if not self._filters and is_capture(self._name):
            hint = N_("say which, as in {path}#12-15 or with a filter; a capture as a whole is a file to be deleted")
            raise UsageError(N_("all exchanges of {path} would be removed"), path=self._name, hint=hint)

    def do(self) -> None:
        Query(self._filters)  # what is wrong with them is told before anything is opened
        capture, picked = open_capture(self._name)
        with capture:
            capture.index.update(self.meter(self.tr("reading the exchanges")))
            entries = Query([*picked, *self._filters]).find(capture)
            if self.arguments.has("dry-run"):
                chosen = Chosen(capture, entries)
                self._tell(Removed(chosen.exchanges, tuple(chosen.runs()), 0, 0, copies=False))
            else:
                self._tell(remove(capture, entries))

    def _tell(self, removed: Removed) -> None:
        tr = self.tr
        label = tr("would remove") if self.arguments.has("dry-run") else tr("removed")
        if not removed.exchanges:
            self.status = ExitStatus.FINDINGS
            self.lines.append((label, tr("nothing: no exchange fits")))
        else:
            runs = [f"#{first}" if first == last else f"#{first}-{last}" for first, last in removed.runs]
            shown = ", ".join([*runs[:_SHOWN], "..."] if len(runs) > _SHOWN else runs)
            exchanges = exchanges_of(removed.exchanges, tr)
            self.lines.append((label, tr("{exchanges}: {numbers}", exchanges=exchanges, numbers=shown)))
        if removed.connections:
            told = tr.plural(
                "{n} connection, which has no exchange any more",
                "{n} connections, which have no exchange any more",
                removed.connections,
            )
            self.lines.append((label, told))
        if removed.under_way:
            told = tr.plural(
                "{n} of them was under way: what still comes of it will be an exchange of its own",
                "{n} of them were under way: what still comes of them will be exchanges of their own",
                removed.under_way,
            )
            self.lines.append((tr("note"), told))
        if removed.copies:
            told = tr("another process reads the capture: until it ends, removed bytes may stay beside it, in -wal")
            self.lines.append((tr("note"), told))
        self.report = {
            "exchanges": removed.exchanges,
            "numbers": [list(run) for run in removed.runs],
            "connections": removed.connections,
            "under_way": removed.under_way,
            "copies_left": removed.copies,
        }
