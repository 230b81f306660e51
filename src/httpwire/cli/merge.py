"""The verb `merge`: captures appended to another one, in order of time.

In: arguments. Out: the capture; on standard error how much was appended; the exit status. Events are copied as
they are.
"""

from __future__ import annotations

import contextlib
import os
import sys

from httpwire.capture.raw import descriptor_of, same_file
from httpwire.capture.store.capture import Capture
from httpwire.capture.store.chosen import Chosen
from httpwire.capture.store.copying import Original
from httpwire.capture.store.signature import names_capture
from httpwire.capture.store.writing import Appender
from httpwire.cli.captures import JSON, QUIET, Work, operands
from httpwire.cli.console import columns_of, say
from httpwire.cli.options import Arguments, Verb, help_text, read
from httpwire.cli.status import ExitStatus
from httpwire.errors import UsageError
from httpwire.language import N_, Translator
from httpwire.views.text import printable
from httpwire.views.toll import amounts

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

MERGE = Verb(
    "merge",
    N_("httpwire merge OUT.hwire IN... [OPTION...]"),
    N_(
        "Appends all connections of the captures IN to OUT.hwire, in order of time, and makes it where there is none. "
        "Every event is copied as it is; the exchanges get numbers of their own. Files of other formats are read as by "
        "httpwire convert. Others may go on appending to OUT meanwhile."
    ),
    (JSON, QUIET),
    1 << 30,
    (
        N_("For example: httpwire merge week.hwire monday.hwire tuesday.pcap"),
        N_(
            "Exit status: 0 done; 2 wrong usage, or a file that can't be read: nothing was appended; 23 could not "
            "write; 65 an input is damaged: what could be read of it was appended; 130 interrupted."
        ),
    ),
)


def run(words: list[str], tr: Translator) -> int:
    """Carry out `httpwire merge` with the arguments `words`."""
    arguments = read(MERGE, words)
    if arguments.has("help"):
        say(help_text(MERGE, tr, columns_of(sys.stdout)))
        return ExitStatus.DONE
    return _Merge(arguments, tr).run()


class _Merge(Work):
    def __init__(self, arguments: Arguments, tr: Translator) -> None:
        super().__init__(arguments, tr)
        usage, hint = (
            N_("merge needs a capture and what is to be appended to it"),
            N_("httpwire merge OUT.hwire IN.hwire, say"),
        )
        self._out, *self._names = operands(arguments, 2, usage, hint)
        if descriptor_of(self._out) is not None or not names_capture(self._out):
            hint = N_("the capture that is appended to comes first, and ends with .hwire")
            raise UsageError(N_("{path} is no capture"), path=self._out, hint=hint)
        for name in self._names:
            if same_file(name.rpartition("#")[0] or name, self._out) or same_file(name, self._out):
                raise UsageError(N_("{path} can't be appended to itself"), path=name)
        self._sink: Appender | None = None

    def do(self) -> None:
        for name in sorted({name for name in self._names if self._names.count(name) > 1}):
            self.note(self.tr("{path} is given more than once, and appended as often", path=printable(name)))
        with contextlib.ExitStack() as stack:
            originals = []
            for name in self._names:  # all are opened before anything is appended
                capture, query = stack.enter_context(self.source(name, [], beside=self._out))
                originals.append(Original(capture, Chosen(capture, query.find(capture)) if query.asks else None))
            made = not os.path.exists(self._out)
            with Appender(self._out) as sink:
                self._sink = sink
                before = 0 if made else self._exchanges()
                self.copy(originals, sink)
        self._count(self._exchanges() - before)

    def _exchanges(self) -> int:
        with Capture(self._out) as capture:
            capture.index.update(self.meter(self.tr("reading the exchanges")))
            return int(capture.ask("SELECT count(*) FROM exchanges"))

    def _count(self, exchanges: int) -> None:
        assert self._sink
        self.lines.append((self.tr("merged"), amounts(self._sink.connections, exchanges, self.tr)))
        self.last.append((self.tr("saved"), printable(self._out)))
        self.report = {"connections": self._sink.connections, "exchanges": exchanges, "saved": {"path": self._out}}

    def kept(self) -> Iterator[str]:
        if self._sink and self._sink.connections:
            appended = self.tr.plural("{n} connection", "{n} connections", self._sink.connections)
            yield self.tr("{connections} were appended to {path}", connections=appended, path=printable(self._out))
