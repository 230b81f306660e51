"""The verb `convert`: a capture, or a file of another format, written as another format.

In: arguments. Out: the file; on standard error what was taken over, and what was lost or reconstructed; the
exit status. A damaged input is converted as far as it can be read.
"""

from __future__ import annotations

import contextlib
import os
import sys

from httpwire.capture.formats.conversion import Counted, write
from httpwire.capture.formats.known import FORMATS, by_name, by_path
from httpwire.capture.live import is_folder
from httpwire.capture.named import names_exchanges
from httpwire.capture.raw import BLOCK, Saving, descriptor_of, same_file
from httpwire.capture.store.capture import Capture
from httpwire.capture.store.chosen import Chosen
from httpwire.capture.store.companion import Companion
from httpwire.capture.store.copying import Original
from httpwire.capture.store.schema import JOURNALS, open_for_writing
from httpwire.capture.store.signature import is_capture
from httpwire.cli.captures import JSON, QUIET, Work, operands, temporary_folder
from httpwire.cli.console import columns_of, say
from httpwire.cli.options import Arguments, Option, Verb, help_text, read
from httpwire.cli.status import ExitStatus
from httpwire.errors import HttpwireError, UsageError
from httpwire.language import N_, Translator
from httpwire.views.outcome import bytes_of, path_of
from httpwire.views.toll import amounts

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

    from httpwire.capture.formats.known import Format
    from httpwire.capture.store.query import Query
    from httpwire.capture.store.writing import Gatherer

NAMES = tuple(known.name for known in FORMATS)
CONVERT = Verb(
    "convert",
    N_("httpwire convert IN OUT [FILTER...] [OPTION...]"),
    N_(
        "Writes IN as OUT, in the format that OUT's ending says: a capture (.hwire), HAR, WARC, pcapng, curl commands, "
        "GoReplay's .gor, Burp's and ZAP's exports, plain files. What IN is, its content shows. The numbers behind "
        "CAPTURE# and the filters of httpwire ls choose exchanges. '-' is standard input or output. What OUT's format "
        "can't keep, and what had to be made again, is told by kind."
    ),
    (
        Option("from-format", "", N_("FORMAT"), N_("what IN is: hwire, har, warc, pcap, curl, gor, burp, zap or raw")),
        Option("to-format", "", N_("FORMAT"), N_("what OUT is to be")),
        Option("keylog", "", N_("FILE"), N_("the TLS secrets (SSLKEYLOGFILE) of a pcap: tshark decrypts it")),
        JSON,
        QUIET,
    ),
    1 << 30,
    (
        N_("For example: httpwire convert site.hwire errors.har 5xx; httpwire convert site.hwire#12 one.curl"),
        N_(
            "An OUT that is there is replaced once the new one is complete; a capture never is: httpwire merge appends "
            "to it. Of a run that was stopped what is done is kept as OUT.partial."
        ),
        N_(
            "Exit status: 0 done; 2 wrong usage, or an input that can't be read; 23 could not write; 65 the input is "
            "damaged: what could be read of it was converted; 130 interrupted."
        ),
    ),
)


def run(words: list[str], tr: Translator) -> int:
    """Carry out `httpwire convert` with the arguments `words`."""
    arguments = read(CONVERT, words)
    if arguments.has("help"):
        say(help_text(CONVERT, tr, columns_of(sys.stdout)))
        return ExitStatus.DONE
    return _Convert(arguments, tr).run()


class _Convert(Work):
    def __init__(self, arguments: Arguments, tr: Translator) -> None:
        super().__init__(arguments, tr)
        usage, hint = N_("convert needs a file to read and one to write"), N_("httpwire convert FROM.pcap TO.har, say")
        self._in, self._out, *self._filters = operands(arguments, 2, usage, hint)
        self._asked = arguments.choice("from-format", NAMES, "")
        self._known = self._target(arguments.choice("to-format", NAMES, ""))
        self._keylog = arguments.last("keylog")
        self.to_stdout = descriptor_of(self._out) == 1
        self._sink: Gatherer | None = None
        self._saved = ""
        self._octets = 0

    def _target(self, named: str) -> Format:
        """What OUT is to be. Raises UsageError."""
        known = by_name(named or "raw") if named or is_folder(self._out) else by_path(self._out)
        if not known:
            hint = N_("say what it is to be: --to-format NAME")
            raise UsageError(N_("the name {path} does not tell its format"), path=self._out, hint=hint)
        return known

    def do(self) -> None:
        if same_file(self._in, self._out):
            raise UsageError(N_("{path} would overwrite itself"), path=self._out)
        if is_capture(self._out):
            hint = N_("httpwire merge {path} INPUT appends to it")
            raise UsageError(N_("{path} is a capture already, and stays as it is"), path=self._out, hint=hint)
        if self._known.module:
            self._write()
        elif self._filters or self._asked == "hwire" or names_exchanges(self._in):
            with self._source() as (capture, query):
                chosen = Chosen(capture, query.find(capture)) if query.asks else None
                with self._new_capture() as sink:
                    self.copy([Original(capture, chosen)], sink)
        else:
            with self.given(self._in, self._asked, self._keylog) as given, self._new_capture() as sink:
                self.bring_in(given, sink, self._keylog)

    def _source(self) -> AbstractContextManager[tuple[Capture, Query]]:
        return self.source(self._in, self._filters, asked=self._asked, beside=self._out, keylog=self._keylog)

    @contextlib.contextmanager
    def _new_capture(self) -> Iterator[Gatherer]:
        """A new capture to be filled. It becomes OUT, or goes to standard output, when its index is made."""
        apart = descriptor_of(self._out) is not None or (os.path.exists(self._out) and not os.path.isfile(self._out))
        with contextlib.ExitStack() as stack:
            if apart:
                path = os.path.join(stack.enter_context(temporary_folder("")), "a.hwire")
            else:
                path = Saving(self._out).leave()
                self.stands_for[path] = self._out
                stack.callback(self._settle, path)
            with Companion(path) as sink:
                self._sink = sink
                yield sink
            with Capture(path) as capture:
                capture.index.update(self.meter(self.tr("reading the exchanges")))
                self._account(sink.connections, capture.ask("SELECT count(*) FROM exchanges"))
            if apart:
                self._pour(path)
            self._saved = self._out

    def _settle(self, path: str) -> None:
        """Give what is at `path` the name that it has earned."""
        if not self._saved and not (self._sink and self._sink.connections):
            for ending in ("", *JOURNALS):
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(path + ending)
            return
        with contextlib.suppress(HttpwireError):  # what a companion that was killed has left beside it belongs to it
            open_for_writing(path, durable=False).close()
        with open(path, "rb") as file:  # it was written without waiting for the disk
            os.fsync(file.fileno())
        self._saved = self._saved or self._out + ".partial"
        self._octets = os.stat(path).st_size
        os.replace(path, self._saved)

    def _pour(self, path: str) -> None:
        saving = Saving(self._out)
        with open(path, "rb") as file:
            while block := file.read(BLOCK):
                saving.write(block)
        saving.finish(complete=True)
        self._octets = saving.octets

    def _write(self) -> None:
        """Write another format."""
        with self._source() as (capture, query):
            whole = 0 if query.asks else capture.ask("SELECT count(*) FROM exchanges")
            entries = Counted(query.find(capture), whole, self.meter(self.tr("writing")))
            if is_folder(self._out):
                self._known.load("write").write_folder(capture, entries, self._out, self.toll)
                self._saved = self._out
            else:
                self._save(capture, entries)
            self.error = self.error or entries.error
            self._account(entries.connections, entries.exchanges)

    def _save(self, capture: Capture, entries: Counted) -> None:
        saving = Saving(self._out)
        there = os.path.isfile(self._out)
        complete = False
        try:
            packed = self._out.lower().endswith(".gz")
            write(self._known, capture, entries, saving, self.toll, compressed=packed)
            # What is not all of it never takes the place of what was there.
            complete = not (there and (self.error or entries.error))
        finally:
            saving.finish(complete=complete)
            self._saved, self._octets = saving.saved, saving.octets

    def _account(self, connections: int, exchanges: int) -> None:
        self.lines.append((self.tr("converted"), amounts(connections, exchanges, self.tr)))
        self.report = {"connections": connections, "exchanges": exchanges}

    def finish(self) -> None:
        tr = self.tr
        if self._saved:
            size = bytes_of(self._octets, tr)
            told = (
                tr("{path}, {size}", path=path_of(self._saved, tr), size=size)
                if self._octets
                else path_of(self._saved, tr)
            )
            self.last.append((tr("saved"), told))
        saved = {"path": self._saved, "format": self._known.name, "octets": self._octets} if self._saved else None
        self.report["saved"] = saved

    def kept(self) -> Iterator[str]:
        if self._saved and os.path.isfile(self._saved):
            yield self.tr("what could be read is in {path}", path=path_of(self._saved, self.tr))
