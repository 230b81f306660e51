"""Plain files of messages, and folders of them, as `record`, `serve --record` and `send` write them.

In: a file of requests or of answers, with the file beside it that its name belongs to; a folder of such files with
their `index.jsonl` and `.times`. Out: a connection for each pair. What an index says of files is only ever looked up
by the names that are in the folder. `extracting` writes such files.
"""

from __future__ import annotations

import os
import re
import stat

from httpwire.capture.formats.bare import WHEN
from httpwire.capture.formats.extracting import write, write_folder
from httpwire.capture.keeping import PARTIAL
from httpwire.capture.model import Ending, EventKind
from httpwire.capture.source import Source
from httpwire.capture.times import ENDING as TIMES_ENDING
from httpwire.capture.times import read_times
from httpwire.capture.toll import ADDRESSES, CONNECTIONS, NO_ANSWER, NO_REQUEST, Cost
from httpwire.capture.traffic import SOME_TLS, ConnectionFacts
from httpwire.errors import AnswerUnreadable, RecordingUnreadable
from httpwire.language import N_
from httpwire.wire.element import Direction

TYPE_CHECKING = False
if TYPE_CHECKING:
    from httpwire.capture.toll import Toll
    from httpwire.capture.traffic import Sink

NAME = "raw"
ENDINGS = (".http", ".response")
__all__ = ["ENDINGS", "NAME", "read", "read_folder", "recognises", "write", "write_folder"]

NO_MESSAGE = Cost("raw-no-message", N_("files that hold no HTTP message"))
ELSEWHERE = Cost("raw-elsewhere", N_("links that lead out of the folder"))
UNREADABLE = Cost("raw-unreadable", N_("files that can't be read"))
FOLDERS = Cost("raw-folders", N_("folders in the folder"))
NO_TIMES = Cost("raw-times", N_("files of times that can't be read"))
NO_LINE = Cost("raw-index", N_("lines of index.jsonl that can't be read"))

_BLOCK = 256 << 10
_BEGINNING = 8192  # octets of a file that show what it is
_INDEX = "index.jsonl"
_LONGEST = 256 << 10  # octets of a line in the index
_LARGEST_TIMES = 16 << 20  # octets of a file of times
_LATEST = 1 << 62  # ns since 1970
_FIRST = re.compile(rb"[\r\n]*(?:HTTP/[0-9]|[!#$%&'*+.^_`|~0-9A-Za-z-]{1,64} [^\r\n]{1,8000} HTTP/[0-9])")
_REQUEST = re.compile(r"\.http(?:\.(?:partial|tunnel|surplus)(?:-[0-9]+)?)?\Z")
_RESPONSE = re.compile(r"\.response(?:\.partial)?\Z")
_FILE = re.compile(rb'"file": ?"([ -!#-\[\]-~]{1,255})"')
_NUMBER = re.compile(r"([0-9]{4,18})(?![0-9])")


def recognises(first: bytes) -> bool:
    """Whether a file that begins with `first` holds messages."""
    return _FIRST.match(first) is not None


def read(source: Source, sink: Sink, toll: Toll) -> None:
    """Give `sink` the messages in a file and in the one that belongs to it by its name; of a pipe, those that come:
    requests, or answers, as the first octets are. Raises RecordingUnreadable, SaveFailed."""
    if source.path:
        folder, name = os.path.split(source.path)
        files = _Files(folder, sink, toll)
        request, response = files.pair(name)
        if request and response:
            files.read(request, response)
            files.finish()
            return
        files.finish()
    _read_alone(source, sink, toll)


def _read_alone(source: Source, sink: Sink, toll: Toll) -> None:
    first = source.peek(64)
    if not first:
        raise RecordingUnreadable(path=source.name, why=N_("it is empty"), errno=None)
    answers = first.lstrip(b"\r\n").startswith(b"HTTP/")
    toll.lose(WHEN)
    toll.lose(NO_REQUEST if answers else NO_ANSWER)
    connection = sink.open(ConnectionFacts(0, origin=NAME))
    try:
        _pour(source, sink, connection, Direction.RESPONSE if answers else Direction.REQUEST)
    finally:
        _end(sink, connection, 0, Ending.CLOSED if answers else Ending.UNSEEN)


def read_folder(folder: str, sink: Sink, toll: Toll) -> None:
    """Give `sink` what is in all files of `folder`. All that can be read is read before a file that can't be raises.

    Raises RecordingUnreadable, SaveFailed."""
    _Files(folder, sink, toll).read_all()


class _Files:
    """The messages in the files of a folder."""

    def __init__(self, folder: str, sink: Sink, toll: Toll) -> None:
        self._folder = folder
        self._root = os.path.realpath(folder)
        self._sink = sink
        self._toll = toll
        self._index: _Index | None = None
        self._failure: RecordingUnreadable | None = None

    def read_all(self) -> None:
        """Raises RecordingUnreadable, SaveFailed."""
        beside = (_INDEX, TIMES_ENDING, TIMES_ENDING + PARTIAL)  # no file of messages ends so
        try:
            found = os.listdir(self._folder)  # noqa: PTH208  # names are all that is wanted
        except OSError as error:
            raise _unreadable(self._folder, error) from error
        for name in sorted((name for name in found if not name.endswith(beside)), key=_order):
            if self._is_ours(name):
                request, response = self.pair(name)
                if not (request or response):
                    self._read_one(name)
                elif request in (name, ""):
                    self.read(request, response)
        self.finish()

    def finish(self) -> None:
        """All that can be read was read. Raises RecordingUnreadable for what can't."""
        if self._index:
            self._index.close()
        if self._failure:
            raise self._failure

    def _is_ours(self, name: str) -> bool:
        """Whether `name` is a file with messages that is in the folder itself; else that is told."""
        path = os.path.join(self._folder, name)
        try:
            if not self._stays_inside(path):
                self._toll.skip(ELSEWHERE)
                return False
            info = os.stat(path)
            if stat.S_ISDIR(info.st_mode):
                self._toll.skip(FOLDERS)
                return False
            named = any(self.pair(name))
            if stat.S_ISREG(info.st_mode) and (named or self._looks_like_one(path)):
                return True
            self._toll.skip(NO_MESSAGE)
        except OSError as error:
            self._miss(_unreadable(path, error))
        return False

    def _looks_like_one(self, path: str) -> bool:
        with open(path, "rb", buffering=0) as file:
            return recognises(file.read(_BEGINNING))

    def _miss(self, error: RecordingUnreadable) -> None:
        self._toll.skip(UNREADABLE)
        self._failure = self._failure or error

    def pair(self, name: str) -> tuple[str, str]:
        """The names of the files of the request and of the answer, of which `name` is one by its name; empty for one
        that is not there, and both where the name says nothing."""
        found = _RESPONSE.search(name)
        if found:
            stem = name[: found.start()]
            request = self._first(f"{stem}.http", f"{stem}.http{PARTIAL}")
            return request if request and self.pair(request)[1] == name else "", name
        found = _REQUEST.search(name)
        if found:
            stem = name[: found.start()]
            if found[0] == ".http" or (found[0] == ".http" + PARTIAL and not self._first(f"{stem}.http")):
                return name, self._first(f"{stem}.response", f"{stem}.response{PARTIAL}")
            return name, ""
        stem, extension = os.path.splitext(name)
        if stem.startswith("server_"):  # what a server receives is a request, and there may be another pair beside it
            return "", ""
        request, response = (f"{re.sub('_(send|recv)$', end, stem)}{extension}" for end in ("_send", "_recv"))
        if name in (request, response) and request != response and self._first(request) and self._first(response):
            return request, response
        return "", ""

    def _first(self, *names: str) -> str:
        """The first of `names` that is the name of a file here."""
        for name in names:
            path = os.path.join(self._folder, name)
            if os.path.isfile(path) and self._stays_inside(path):
                return name
        return ""

    def _stays_inside(self, path: str) -> bool:
        """Whether a file of the folder is in it, and no link to something elsewhere."""
        return not os.path.islink(path) or os.path.commonpath((self._root, os.path.realpath(path))) == self._root

    def read(self, request: str, response: str) -> None:
        """Read a pair of files, of which one name may be empty. Raises SaveFailed."""
        asked, answered = self._open(request), self._open(response)
        if not asked and not answered:
            return
        self._index = self._index or _Index(os.path.join(self._folder, _INDEX), self._toll)
        facts, shared = self._index.facts(request)
        self._charge(facts, shared=shared)
        connection = self._sink.open(facts)
        moment, ending = 0, Ending.UNSEEN
        try:
            if asked:
                self._pour(asked, connection, Direction.REQUEST)
                self._sink.event(connection, 0, Direction.REQUEST, EventKind.SENT_ALL)
            else:
                self._toll.lose(NO_REQUEST)
            if answered:
                times = self._times(response)
                moment = self._pour(answered, connection, Direction.RESPONSE, times)
                ending = Ending.UNSEEN if response.endswith(PARTIAL) else Ending.CLOSED
            else:
                self._toll.lose(NO_ANSWER)
        except RecordingUnreadable as error:
            self._miss(error)
        finally:
            _end(self._sink, connection, moment, ending)
            for source in (asked, answered):
                if source:
                    source.close()

    def _read_one(self, name: str) -> None:
        """Read a file whose name does not say what it is."""
        source = self._open(name)
        if source:
            with source:
                try:
                    _read_alone(source, self._sink, self._toll)
                except RecordingUnreadable as error:
                    self._miss(error)

    def _open(self, name: str) -> Source | None:
        if not name:
            return None
        try:
            return Source(os.path.join(self._folder, name))
        except RecordingUnreadable as error:
            self._miss(error)
            return None

    def _charge(self, facts: ConnectionFacts, *, shared: bool) -> None:
        if not facts.began_ns:
            self._toll.lose(WHEN)
        elif not facts.client:
            self._toll.lose(ADDRESSES)
        if shared:
            self._toll.lose(CONNECTIONS)

    def _times(self, response: str) -> tuple[tuple[float, int], ...]:
        path = os.path.join(self._folder, response)
        try:
            if os.stat(path + TIMES_ENDING).st_size <= _LARGEST_TIMES:
                return read_times(path)
            self._toll.lose(NO_TIMES)
        except FileNotFoundError:
            pass
        except (OSError, AnswerUnreadable):
            self._toll.lose(NO_TIMES)
        return ()

    def _pour(
        self, source: Source, connection: int, direction: Direction, times: tuple[tuple[float, int], ...] = ()
    ) -> int:
        """Give the sink the octets of a file, cut where `times` says that others came; gives when the last one came."""
        moment = 0
        for at, stop in times:
            moment = round(at * 1e9)
            _pour(source, self._sink, connection, direction, moment, stop)
        _pour(source, self._sink, connection, direction, moment)
        return moment


def _pour(
    source: Source, sink: Sink, connection: int, direction: Direction, moment: int = 0, stop: int | None = None
) -> None:
    """Give `sink` the octets of `source` up to the offset `stop` (None: its end). Raises RecordingUnreadable."""
    while block := source.read(_BLOCK if stop is None else min(_BLOCK, stop - source.offset)):
        sink.event(connection, moment, direction, EventKind.SEGMENT, block)


def _end(sink: Sink, connection: int, moment: int, ending: Ending) -> None:
    sink.event(connection, moment, Direction.RESPONSE, EventKind.ENDED, ending.value.encode("ascii"))
    sink.event(connection, moment, None, EventKind.END)


class _Index:
    """What `index.jsonl` says of files: where the line of each is, so that the lines themselves are not held."""

    def __init__(self, path: str, toll: Toll) -> None:
        self._toll = toll
        self._places: dict[str, int] = {}
        self._fd = -1
        try:
            self._fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
            if stat.S_ISREG(os.fstat(self._fd).st_mode):
                self._find(Source(path))
        except FileNotFoundError:
            pass
        except (OSError, RecordingUnreadable):
            toll.skip(NO_LINE)

    def _find(self, source: Source) -> None:
        with source:
            while True:
                place = source.offset
                line = source.line(_LONGEST)
                if not line:
                    return
                found = _FILE.search(line)
                if found:
                    self._places[found[1].decode("ascii")] = place
                elif line.strip():
                    self._toll.skip(NO_LINE)

    def facts(self, name: str) -> tuple[ConnectionFacts, bool]:
        """What is known of the connection that the file `name` came over, and whether others came over it before."""
        place = self._places.get(name)
        if place is None:
            return ConnectionFacts(0, origin=NAME), False
        import json

        try:
            line = json.loads(os.pread(self._fd, _LONGEST, place).partition(b"\n")[0])
            began = round(float(line["time"]) * 1e6) * 1000
            if not 0 <= began <= _LATEST:
                raise ValueError(began)
            texts = {key: str(line.get(key, ""))[:255] for key in ("peer", "server_name", "server", "for")}
            tls = SOME_TLS if texts["server_name"] or line.get("tls") is True else None
            facts = ConnectionFacts(
                began,
                client=texts["peer"],
                server=texts["server"],
                target=texts["for"],
                tls=tls,
                name=texts["server_name"],
                origin=NAME,
            )
            return facts, line.get("start", 0) != 0
        except (OSError, ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError):
            self._toll.skip(NO_LINE)
            return ConnectionFacts(0, origin=NAME), False

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
        self._fd = -1


def _order(name: str) -> tuple[int, str]:
    """Files by the number that `record` gave them, then the others."""
    found = _NUMBER.match(name)
    return (int(found[1]) if found else 1 << 62), name


def _unreadable(path: str, error: OSError) -> RecordingUnreadable:
    return RecordingUnreadable(path=path, why=error.strerror or str(error), errno=error.errno)
