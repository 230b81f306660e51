"""What the verbs around whole captures share: opening them, what was asked of them, and their account at the end.

In: Arguments. Out: captures with their exchanges chosen; labelled lines on standard error or one JSON object
on standard output; the exit status.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys

from httpwire.capture.formats.conversion import Input
from httpwire.capture.named import names_exchanges
from httpwire.capture.store.capture import Capture
from httpwire.capture.store.companion import Companion
from httpwire.capture.store.copying import Original, copy
from httpwire.capture.store.signature import is_capture
from httpwire.capture.toll import Toll
from httpwire.cli.console import Console, say
from httpwire.cli.interrupts import Interrupts
from httpwire.cli.options import Arguments, Option
from httpwire.cli.progress import Meter
from httpwire.cli.status import ExitStatus, of_error
from httpwire.errors import HttpwireError, OutputUnwritable, RecordingBroken, RecordingUnreadable, UsageError
from httpwire.language import N_, Translator
from httpwire.views.outcome import name_of
from httpwire.views.toll import LABELS, toll_lines, toll_object

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from httpwire.capture.store.query import Query
    from httpwire.capture.store.writing import Gatherer


QUIET = Option("quiet", "q", "", N_("say nothing but failures"))
JSON = Option("json", "", "", N_("the account as one JSON object on standard output"))


class Work:
    """One run of such a verb: `toll` is what it costs, `lines` and `last` what is told in the end, before and
    behind that, `report` the JSON object. What failed without stopping it is put into `error`."""

    def __init__(self, arguments: Arguments, tr: Translator) -> None:
        self.arguments = arguments
        self.tr = tr
        self.json = arguments.has("json")
        labels = (*LABELS, "index", "note")
        self.console = Console(tr, quiet=arguments.has("quiet") or self.json, labels=labels)
        self.toll = Toll()
        self.lines: list[tuple[str, str]] = []
        self.last: list[tuple[str, str]] = []
        self.report: dict[str, Any] = {}
        self.error: HttpwireError | None = None
        self.stands_for: dict[str, str] = {}  # paths of files under another name, and what they are called
        self.to_stdout = False  # what is written goes there, and the report elsewhere

    def meter(self, label: str, *, octets: bool = False) -> Meter | None:
        """A bar for work called `label`, where somebody can see it."""
        return Meter(self.console, label, octets=octets) if self.console.live else None

    def note(self, text: str) -> None:
        """Tell what should be known before it is done."""
        self.console.lines([(self.tr("note"), text)])

    def run(self) -> int:
        """Do it; gives the exit status."""
        try:
            with Interrupts() as interrupts:
                interrupts.at_once(self.do)
        except HttpwireError as caught:
            # What a file is cut off by says more than what became of the rest.
            self.error = self.error if isinstance(caught, RecordingUnreadable) and self.error else caught
        self._call_by_name(self.error)
        self.console.draw("")
        self.finish()
        status = of_error(self.error) if self.error else self.status
        self.console.lines([*self.lines, *toll_lines(self.toll, self.tr), *self.last])
        if self.error:
            kept = list(self.kept())
            self.console.failure([self.error.sentence(self.tr), *(kept or [self.error.advice(self.tr)])])
        if self.json:
            self._say_json(status)
        return status

    @contextlib.contextmanager
    def source(
        self, name: str, filters: list[str], *, asked: str = "", beside: str = "", keylog: str = ""
    ) -> Iterator[tuple[Capture, Query]]:
        """What is called `name`, as a capture with its index up to date, and what was asked of it: the numbers behind
        #, and `filters`. Another format is read into a capture of its own, beside the file `beside`, for as long as
        this context lasts. `asked` and `keylog` are the values of options.

        Raises RecordingUnreadable, RecordingBroken, OutputUnwritable, SaveFailed, UsageError."""
        from httpwire.capture.named import open_capture
        from httpwire.capture.store.query import Query

        query = Query(filters)  # what is wrong with it is told before anything is read
        if asked in ("", "hwire") and names_exchanges(name):
            if keylog:
                raise UsageError(N_("--keylog is for packet captures, and {path} is none"), path=name)
            capture, picked = open_capture(name)
            query = Query([*picked, *filters]) if picked else query
            with self._readable(capture, beside) as found:
                yield found, query
            return
        with self.given(name, asked, keylog) as given, temporary_folder(beside) as folder:
            path = os.path.join(folder, "a.hwire")
            if given.format.module:
                with Companion(path) as sink:
                    self.bring_in(given, sink, keylog)
            else:
                self._take_in(given, path)
            with self._readable(Capture(path), beside) as found:
                yield found, query

    @contextlib.contextmanager
    def _readable(self, capture: Capture, beside: str) -> Iterator[Capture]:
        """`capture`, or what can be read of it, with its index up to date; it is closed in the end."""
        with capture:
            if self.update(capture):
                yield capture
                return
            # What SQLite finds octets by may be damaged where they are not: they are read in order.
            with self._salvaged(capture, beside) as saved:
                yield saved

    def _take_in(self, given: Input, path: str) -> None:
        """Have a capture that can't be read where it is as a file at `path`. Raises RecordingUnreadable, OSError."""
        self.stands_for[path] = given.name
        try:
            given.copy_to(path)
        except RecordingBroken as error:
            self.error = error
        if not self.error and not is_capture(path):
            raise RecordingUnreadable(path=given.name, why=N_("it is no capture of httpwire"), errno=None)

    @contextlib.contextmanager
    def _salvaged(self, capture: Capture, beside: str) -> Iterator[Capture]:
        """What can be read of a damaged capture, in one of its own."""
        with temporary_folder(beside) as folder:
            path = os.path.join(folder, "a.hwire")
            with Companion(path) as sink:
                self.copy([Original(capture)], sink)
            with Capture(path) as saved:
                self.update(saved)
                yield saved

    def update(self, capture: Capture) -> bool:
        """Bring the index of what is read up to date, as far as it can be read; tells whether all of it can. Raises
        RecordingUnreadable."""
        try:
            capture.index.update(self.meter(self.tr("reading the exchanges")))
        except RecordingBroken as error:
            self.error = self.error or error
            return False
        return True

    def copy(self, originals: list[Original], sink: Gatherer) -> None:
        """Append `originals` to `sink`, as far as they can be read. Raises RecordingUnreadable, SaveFailed."""
        copy(originals, sink, self.meter(self.tr("copying")))
        for original in originals:
            self.error = self.error or original.error

    @contextlib.contextmanager
    def given(self, name: str, asked: str, keylog: str = "") -> Iterator[Input]:
        """A file that is to be read. Raises RecordingUnreadable, UsageError."""
        given = Input(name, asked, watch=self.meter(self.tr("reading"), octets=True))
        try:
            if keylog and given.format.name != "pcap":
                raise UsageError(N_("--keylog is for packet captures, and {path} is none"), path=name)
            if given.misnamed:
                path, format = name_of(name, self.tr), given.format.name
                self.note(self.tr("{path} is read as {format}: so its content says", path=path, format=format))
            yield given
        finally:
            given.close()

    def bring_in(self, given: Input, sink: Gatherer, keylog: str = "") -> None:
        """Read all of it into `sink`, or as much as can be read: what is damaged is told in the end.

        Raises RecordingUnreadable, SaveFailed."""
        try:
            if given.format.module:
                given.read_into(sink, self.toll, keylog)
                return
            with temporary_folder("") as folder:
                path = os.path.join(folder, "a.hwire")
                self._take_in(given, path)
                with Capture(path) as capture:
                    self.copy([Original(capture)], sink)
        except RecordingBroken as error:
            self.error = error

    def _call_by_name(self, error: HttpwireError | None) -> None:
        """What failed with a file under another name is told of what it stands for."""
        path = str(error.facts.get("path", "")) if error else ""
        for other, name in self.stands_for.items():
            if error and path.startswith(other):
                error.facts["path"] = name + path[len(other) :]

    status: int = ExitStatus.DONE

    def do(self) -> None:
        """What the verb does. Raises HttpwireError."""
        raise NotImplementedError

    def finish(self) -> None:
        """Put together what is to be told."""

    def kept(self) -> Iterator[str]:
        """What was kept, where it failed."""
        yield from ()

    def _say_json(self, status: int) -> None:
        failure = self.error and {"kind": type(self.error).__name__, "message": str(self.error)}
        made = {"exit_status": status, "error": failure, **self.report, **toll_object(self.toll)}
        text = json.dumps(made) + "\n"
        if self.to_stdout:
            sys.stderr.write(text)
        else:
            say(text)


@contextlib.contextmanager
def temporary_folder(beside: str) -> Iterator[str]:
    """A folder that is removed in the end: where TMPDIR says, else beside the file `beside`.

    Raises OutputUnwritable."""
    import tempfile

    place = None if os.environ.get("TMPDIR") or not beside else os.path.dirname(os.path.abspath(beside))
    try:
        folder = tempfile.TemporaryDirectory(prefix=".httpwire-", dir=place, ignore_cleanup_errors=True)
    except OSError as error:
        raise OutputUnwritable(path=place or "TMPDIR", why=error.strerror or str(error), errno=error.errno) from error
    with folder as path:
        yield path


def operands(arguments: Arguments, least: int, usage: str, hint: str) -> list[str]:
    """The operands, of which there have to be `least`. Raises UsageError."""
    if len(arguments.operands) < least:
        raise UsageError(usage, hint=hint)
    if "" in arguments.operands:
        raise UsageError(N_("an argument is empty"), hint=hint)
    return arguments.operands
