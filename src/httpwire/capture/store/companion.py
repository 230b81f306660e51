"""A new capture that is written by a process beside this one, with its index.

In: calls of a Sink. Out: the capture at a path, complete. Reading a format takes about as long as writing the capture
and reading its exchanges: where there is a second processor, a conversion takes as long as the slower half of it;
where there is none, all is done here.
"""

from __future__ import annotations

import contextlib
import marshal
import os
import signal
import sqlite3

from httpwire.capture.store.index import Index
from httpwire.capture.store.schema import open_for_writing, why_failed, writing
from httpwire.capture.store.writing import Appender, Batch, Gatherer
from httpwire.errors import HttpwireError, SaveFailed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from io import FileIO
    from typing import NoReturn

_SIZE = 8  # octets that tell the length of what follows
_LARGE = 4096  # octets of an event
_PIPE = 1 << 20  # octets that wait for the other process, where the system allows as many


class Companion(Gatherer):
    """A Sink that hands what it is given to the process. It is to be made before the capture is open here: SQLite's
    connections don't bear a fork. The index is left to whoever opens the capture, where it could not be made."""

    most = 4 << 20

    def __init__(self, path: str) -> None:
        """Raises OutputUnwritable, RecordingUnreadable."""
        super().__init__(path)
        open_for_writing(path, durable=False, alone=True).close()  # what hinders it is told at once
        self._filling: _Filling | None = None
        self.process = 0  #: its number, while there is one
        self._send = self._answer = -1
        if _processors() < 2 or not self._fork():
            self._filling = _Filling(path)

    def write(self, batch: Batch) -> None:
        if self._filling:
            self._filling.write(batch)
            return
        if self._send < 0:
            return
        send, self._send = self._send, -1  # what is broken off here is the last that is sent
        try:
            _write(send, batch)
        except BaseException as error:
            os.close(send)
            if not isinstance(error, BrokenPipeError):
                raise
            self._end()
        else:
            self._send = send

    def close(self) -> None:
        """Write what has come, and wait until it is in the file. Raises SaveFailed."""
        try:
            self.flush()
        finally:
            if self._filling:
                self._filling.close()
            self._end()

    def _fork(self) -> bool:
        """Begin the process; tells whether there is one."""
        receive, self._send = os.pipe()
        self._answer, reply = os.pipe()
        try:
            self.process = os.fork()
        except OSError:
            for each in (receive, self._send, self._answer, reply):
                os.close(each)
            self._send = self._answer = -1
            return False
        if not self.process:
            os.close(self._send)
            os.close(self._answer)
            _fill(self.path, receive, reply)
        os.close(receive)
        os.close(reply)
        _widen(self._send)
        return True

    def _end(self) -> None:
        """Nothing more comes: wait for the end of the process. Raises what went wrong there."""
        if self._send >= 0:
            os.close(self._send)
            self._send = -1
        if not self.process:
            return
        process, self.process = self.process, 0
        try:
            with open(self._answer, "rb") as answer:
                told = answer.read()
        finally:
            _, status = os.waitpid(process, 0)  # also where this is broken off: until then the file is not ours
        if told or status:
            killed = signal.strsignal(os.WTERMSIG(status)) if os.WIFSIGNALED(status) else ""
            raise SaveFailed(path=self.path, why=told.decode("utf-8", "replace") or killed)


class _Filling:
    """Writes batches into the capture at `path`, and its index."""

    def __init__(self, path: str) -> None:
        """Raises OutputUnwritable, RecordingUnreadable."""
        self._path = path
        self._appender = Appender(path, alone=True)
        self._index = Index(self._appender.db, path, writable=True)

    def write(self, batch: Batch) -> None:
        """Raises SaveFailed."""
        appender = self._appender
        try:
            with writing(appender.db):
                self._index.follow(*appender.put(batch))
        except sqlite3.Error as error:
            raise SaveFailed(path=self._path, why=why_failed(error, self._path)) from error

    def close(self) -> None:
        self._appender.close()


def _processors() -> int:
    if hasattr(os, "sched_getaffinity"):  # Linux
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _widen(pipe: int) -> None:
    with contextlib.suppress(ImportError, AttributeError, OSError):  # Linux alone has it, and a limit of its own
        import fcntl

        fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, _PIPE)


def _write(pipe: int, batch: Batch) -> None:
    """Send a batch: its size, its rows, and behind them the data of large events, which is not copied here."""
    rows, large = batch.rows, [place for place, row in enumerate(batch.rows) if len(row[5]) > _LARGE]
    data = [rows[place][5] for place in large]
    for place in large:
        rows[place] = (*rows[place][:5], b"")
    octets = marshal.dumps((batch.facts, rows, batch.ended, large, [len(each) for each in data]))
    for each in (len(octets).to_bytes(_SIZE, "big"), octets, *data):
        rest = memoryview(each)
        while rest:
            rest = rest[os.write(pipe, rest) :]


def _fill(path: str, receive: int, reply: int) -> NoReturn:
    """What the process does, to its end."""
    status = 1
    try:
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)  # whoever began it ends it
        try:
            filling = _Filling(path)
            with open(receive, "rb", buffering=0) as pipe:
                while batch := _read(pipe):
                    filling.write(batch)
            filling.close()
            status = 0
        except HttpwireError as error:
            os.write(reply, str(error.facts["why"]).encode("utf-8", "replace"))
        except Exception as error:  # noqa: BLE001  # whatever it is: nobody would be told of it otherwise
            os.write(reply, repr(error).encode("utf-8", "replace"))
    finally:
        os._exit(status)


def _read(pipe: FileIO) -> Batch | None:
    """The next batch; None where there is no more, or not all of it."""
    size = _take(pipe, _SIZE)
    octets = _take(pipe, int.from_bytes(size, "big")) if size else None
    if octets is None:
        return None
    batch = Batch()
    batch.facts, batch.rows, batch.ended, large, sizes = marshal.loads(octets)
    for place, count in zip(large, sizes, strict=True):
        data = _take(pipe, count)
        if data is None:
            return None
        batch.rows[place] = (*batch.rows[place][:5], data)
    return batch


def _take(pipe: FileIO, count: int) -> bytes | None:
    """The next `count` octets; None where there are fewer."""
    pieces = []
    while count:
        piece = pipe.read(count)
        if not piece:
            return None
        pieces.append(piece)
        count -= len(piece)
    return b"".join(pieces) if len(pieces) > 1 else pieces[0]
