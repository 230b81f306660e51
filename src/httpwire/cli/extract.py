"""The verb `extract`: exchanges of a capture as plain files, as `record` writes them.

In: arguments. Out: files in a folder; on standard error how many; the exit status.
"""

from __future__ import annotations

import sys

from httpwire.capture.formats.conversion import Counted
from httpwire.capture.formats.known import by_name
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

EXTRACT = Verb(
    "extract",
    N_("httpwire extract CAPTURE [FILTER...] DIR/ [OPTION...]"),
    N_(
        "Writes exchanges of a capture as plain files into the folder DIR, as httpwire record does: each request as "
        "NAME.http and its answer as NAME.response, byte for byte. The numbers behind CAPTURE# and the filters of "
        "httpwire ls choose exchanges. Another format is read likewise."
    ),
    (JSON, QUIET),
    1 << 30,
    (
        N_("For example: httpwire extract site.hwire 'path=/api/*' api/; httpwire extract site.hwire#3-5 three/"),
        N_(
            "Exit status: 0 done; 2 wrong usage, or a capture that can't be read; 23 could not write; 65 the capture "
            "is damaged: what could be read of it was written; 130 interrupted."
        ),
    ),
)


def run(words: list[str], tr: Translator) -> int:
    """Carry out `httpwire extract` with the arguments `words`."""
    arguments = read(EXTRACT, words)
    if arguments.has("help"):
        say(help_text(EXTRACT, tr, columns_of(sys.stdout)))
        return ExitStatus.DONE
    return _Extract(arguments, tr).run()


class _Extract(Work):
    def __init__(self, arguments: Arguments, tr: Translator) -> None:
        super().__init__(arguments, tr)
        usage, hint = N_("extract needs a capture and a folder"), N_("httpwire extract CAPTURE.hwire FOLDER/, say")
        self._name, *self._filters, self._folder = operands(arguments, 2, usage, hint)
        if any(word.endswith("/") and not word.startswith("/") and "=" not in word for word in self._filters):
            raise UsageError(N_("the folder comes last"), hint=hint)
        if self._folder == "-":
            raise UsageError(N_("extract writes into a folder, and '-' is none"), hint=hint)
        self._begun = False

    def do(self) -> None:
        raw = by_name("raw")
        assert raw
        with self.source(self._name, self._filters) as (capture, query):
            whole = 0 if query.asks else capture.ask("SELECT count(*) FROM exchanges")
            entries = Counted(query.find(capture), whole, self.meter(self.tr("writing")))
            try:
                raw.load("write").write_folder(capture, entries, self._folder, self.toll)
            finally:
                self._begun = entries.exchanges > 0
                shown = amounts(entries.connections, entries.exchanges, self.tr)
                self.lines.append((self.tr("extracted"), shown))
                self.report = {"connections": entries.connections, "exchanges": entries.exchanges}
            self.error = self.error or entries.error
        if entries.exchanges or entries.error:
            self.last.append((self.tr("saved"), printable(self._folder)))
            self.report["saved"] = {"path": self._folder}
        else:
            self.last.append((self.tr("saved"), self.tr("nothing: no exchange fits")))

    def kept(self) -> Iterator[str]:
        if self._begun:
            yield self.tr("what was written is in {path}", path=printable(self._folder))
