"""The verb `ls`: the exchanges of a capture as a table, all of them or those that fit some filters.

In: arguments. Out: rows on standard output as soon as the capture's index knows them, as text or one JSON object a
line; and the exit status. With --follow it goes on with what other processes append, until Ctrl-C.
"""

from __future__ import annotations

import os
import select
import sys
import time

from httpwire.capture.named import open_capture
from httpwire.capture.store.query import PATIENCE, Arrivals, Query
from httpwire.cli.console import Console, columns_of, say
from httpwire.cli.options import Arguments, Option, Verb, help_text, read
from httpwire.cli.paint import COLOUR, show, wants_colour
from httpwire.cli.status import ExitStatus
from httpwire.errors import UsageError
from httpwire.language import N_, Translator
from httpwire.views.listing import MARK, Table, entry_object
from httpwire.views.origin import origin_told
from httpwire.views.outcome import path_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from httpwire.capture.store.capture import Capture
    from httpwire.capture.store.entry import Entry
    from httpwire.capture.traffic import ConnectionFacts

_TOGETHER = 256  # rows that are written at once
_SOON = 0.1  # seconds until rows are written, however few
_POLL = 0.2  # seconds between looks at what was appended
_DRAWN = 0.5  # seconds of work from which on it is told how far it is
_ORIGINS = 20  # of reconstructed octets that are told below the table

LS = Verb(
    "ls",
    N_("httpwire ls CAPTURE [FILTER...] [OPTION...]"),
    N_(
        "Lists the exchanges of a capture, those that fit every FILTER. Their numbers name them elsewhere: "
        "httpwire show CAPTURE#12. Reading goes on while others append to the capture. A file "
        "of another format becomes a capture by httpwire convert."
    ),
    (
        Option(
            "follow", "f", "", N_("go on with what is appended, until Ctrl-C; each exchange is told when it is over")
        ),
        Option("json", "", "", N_("one JSON object a line, one for each exchange")),
        COLOUR,
    ),
    1 << 30,
    (
        N_(
            "Of each exchange: its number (with * where its bytes are reconstructed), when it began (local time), "
            "method, host and target; the status and the media type of the answer; sent: bytes of the request on the "
            "wire; size: content of the answer, without chunks, still compressed; duration: from the first byte of the "
            "request to the last of the answer; end: by what the answer's end was known, or why it is not complete; "
            "findings: what httpwire lint finds, or how many. A narrow window shows fewer columns; --json tells all."
        ),
        N_(
            "A FILTER is KEY=VALUE, or KEY!=VALUE for all others. VALUE may be several with commas, a range A..B of "
            "which one end may be missing, or have * for anything."
        ),
        N_(
            "method=GET, status=404,5xx, host=*.example.com, path=/api/*, target=/a?b=*, type=image/*; complete, "
            "incomplete, under-way; finding=ID (or finding=any)."
        ),
        N_(
            "size=10k.. (content of the answer; k is 1024), request.size=..1M, sent=, received= (request and answer "
            "on the wire), duration=200ms.., since=10:30, until=2026-11-28T12:00, since=15m (ago), number=12..20, "
            "connection=3."
        ),
        N_(
            "In the bytes of request and answer: field=NAME, field=NAME:VALUE, bytes=TEXT (with \\r\\n, \\x00), "
            "regex=EXPRESSION; request.field= and response.field= look on one side, and so on. Compressed "
            "content is not unpacked for it, and chunks are not joined. An expression sees up to 1 MiB of a message at "
            "once."
        ),
        N_("Alone stand 404, 5xx, GET, /path and the like. In a shell, quote what has *, ?, ! or blanks."),
        N_(
            "Exit status: 0 it was listed, also where nothing fits; 2 wrong usage, or a file that can't be read; 23 "
            "could not write; 65 the capture is damaged; 130 interrupted."
        ),
    ),
)


def run(words: list[str], tr: Translator) -> int:
    """Carry out `httpwire ls` with the arguments `words`."""
    arguments = read(LS, words)
    if arguments.has("help"):
        say(help_text(LS, tr, columns_of(sys.stdout)))
        return ExitStatus.DONE
    if not arguments.operands or ("=" in arguments.operands[0] and not os.path.lexists(arguments.operands[0])):
        raise UsageError(N_("ls needs the name of a capture"), hint=N_("for example: httpwire ls FILE.hwire 5xx"))
    path, *filters = arguments.operands
    capture, chosen = open_capture(path)
    with capture:
        query = Query([*chosen, *filters])
        return _Run(arguments, tr, capture, query).run()


class _Gone(Exception):
    """Whoever read the rows has left."""


class _Run:
    """One run of the verb."""

    def __init__(self, arguments: Arguments, tr: Translator, capture: Capture, query: Query) -> None:
        self._json = arguments.has("json")
        self._follow = arguments.has("follow")
        self._colour = wants_colour(arguments)
        self._tr = tr
        self._capture = capture
        self._query = query
        self._console = Console(tr)
        self._table: Table | None = None
        self._waiting: list[Entry] = []
        self._count = 0
        self._origins: dict[tuple[str, tuple[str, ...]], ConnectionFacts] = {}
        self._began = self._written = time.monotonic()

    def run(self) -> int:
        try:
            self._list()
        except _Gone:
            return ExitStatus.DONE
        except KeyboardInterrupt:
            if not self._follow:
                self._console.draw("")
                raise
        self._close()
        return ExitStatus.DONE

    def _list(self) -> None:
        capture, tr = self._capture, self._tr
        arrivals = Arrivals(capture, self._query, patience=0 if self._follow else PATIENCE)
        whole, done = capture.index.behind, 0
        while count := capture.index.step():
            done += count
            self._take(arrivals.over(self._looked))
            self._tell(done, max(done, whole), tr("reading what is new in the capture"))
        self._take(arrivals.over(self._looked) if self._follow else arrivals.rest(self._looked))
        self._write()
        self._console.draw("")
        if self._follow:
            if not self._table and not self._json:
                self._lay()
            while True:
                self._wait()
                capture.update()
                self._take(arrivals.over())
                self._write()

    def _looked(self, number: int) -> None:
        """All exchanges up to `number` were looked at."""
        tr = self._tr
        self._soon()
        if time.monotonic() - self._began > _DRAWN and not self._follow:
            self._tell(number, self._capture.last, tr("looking through the exchanges"))

    def _tell(self, done: int, whole: int, what: str) -> None:
        if self._console.live and time.monotonic() - self._began > _DRAWN:
            self._console.draw(f"{what}  {done * 100 // max(1, whole)}%")

    def _take(self, entries: Iterator[Entry]) -> None:
        waiting = self._waiting
        for entry in entries:
            waiting.append(entry)
            if len(waiting) >= _TOGETHER or time.monotonic() - self._written > _SOON:
                self._write()
                waiting = self._waiting

    def _soon(self) -> None:
        """Write what has waited long enough."""
        if self._waiting and time.monotonic() - self._written > _SOON:
            self._write()

    def _write(self) -> None:
        """Write the rows that wait. Raises _Gone, SaveFailed."""
        rows, self._waiting = self._waiting, []
        self._written = time.monotonic()
        if not rows:
            return
        self._count += len(rows)
        self._console.draw("")
        numbers = list({entry.connection for entry in rows})
        facts = self._capture.reconstructed(numbers)
        if self._json:
            from json import dumps

            text = "".join(dumps(entry_object(entry, facts.get(entry.connection))) + "\n" for entry in rows)
            if not say(text):
                raise _Gone
            return
        table = self._table or self._lay(rows)
        for made in facts.values():
            if len(self._origins) < _ORIGINS:
                self._origins.setdefault((made.origin, made.reconstructed), made)
        if not show((table.row(entry, facts.get(entry.connection)) for entry in rows), colour=self._colour):
            raise _Gone

    def _lay(self, rows: list[Entry] | None = None) -> Table:
        """Begin the table, of which `rows` are the first."""
        columns = columns_of(sys.stdout) if sys.stdout.isatty() else 0
        self._table = Table(self._tr, columns, rows or [], self._capture.last, time.time(), plain=not self._colour)
        if not show([self._table.header()], colour=self._colour):
            raise _Gone
        return self._table

    def _wait(self) -> None:
        """Until it is worth looking again. Raises _Gone."""
        poll = select.poll()
        poll.register(sys.stdout.fileno(), 0)
        if poll.poll(_POLL * 1000):
            raise _Gone

    def _close(self) -> None:
        """What is told below the table, and how many there were."""
        self._console.draw("")
        tr = self._tr
        if self._json:
            return
        if self._origins:
            show(
                [[("warning", f"{MARK} "), ("prose", origin_told(facts, tr))] for facts in self._origins.values()],
                colour=self._colour,
            )
        whole = self._capture.count() if self._query.asks or not self._count else 0
        if not self._count and not self._follow:
            self._console.lines([(tr("found"), self._nothing(whole))])
        elif sys.stdout.isatty() and not self._follow:
            count = tr.plural("{n} exchange", "{n} exchanges", self._count)
            if self._query.asks:
                count = tr.plural(
                    "{found} of {n} exchange", "{found} of {n} exchanges", whole, found=f"{self._count:,}"
                )
            show([[("label", count)]], colour=self._colour)

    def _nothing(self, whole: int) -> str:
        """Why there is no row."""
        tr = self._tr
        path = path_of(self._capture.path, tr)
        if not whole:
            return tr("there is no exchange in {path} yet", path=path)
        return tr.plural(
            "the {n} exchange in {path} does not fit", "none of the {n} exchanges in {path} fits", whole, path=path
        )
