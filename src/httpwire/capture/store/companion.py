"""A process that keeps the index of a capture up to date while this one appends to it.

In: the path of a capture that is being written. Out: its index, nearly done when the last event is
written: where there is a second processor, a conversion takes as long as the slower half of it.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal

from httpwire.capture.store.signature import is_capture

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import NoReturn, Self

    from httpwire.capture.store.index import Index

_PAUSE = 0.02  # seconds between looks at what is new
_LOOK = 0.1  # seconds between looks at how far it is


class Companion:
    """The process, as a context manager around what appends to the capture at `path`. Where the system has no second
    processor for it, or no process, there is none: the index is made later, by whoever wants it."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._child = 0
        self._tell = -1

    def __enter__(self) -> Self:
        """Begin. This has to be before the capture is opened here: SQLite's connections don't bear a fork."""
        if _processors() < 2:
            return self
        told, self._tell = os.pipe()
        try:
            self._child = os.fork()
        except OSError:
            os.close(told)
            return self
        if not self._child:
            os.close(self._tell)
            _index(self._path, told)
        os.close(told)
        return self

    def __exit__(self, *exception: object) -> None:
        self.end()

    @contextlib.contextmanager
    def ended_by_failure(self) -> Iterator[None]:
        """What fails within this context ends it first: the last one who closes a capture writes its log into it."""
        try:
            yield
        except BaseException:
            self.end()
            raise

    def end(self) -> None:
        """End it, wherever it is."""
        self._end_of_events()
        if self._child:
            os.kill(self._child, signal.SIGKILL)
            os.waitpid(self._child, 0)
            self._child = 0

    def finish(self, index: Index, progress: Callable[[int, int], None] | None) -> None:
        """All events are in the file: wait until they are in its `index`. `progress` is told how many were read, of how
        many. Raises RecordingUnreadable, RecordingBroken."""
        self._end_of_events()
        whole = index.behind
        while self._child:
            ended, _ = os.waitpid(self._child, os.WNOHANG)
            if ended:
                self._child = 0
                break
            select.select([], [], [], _LOOK)
            if progress:
                progress(whole - index.behind, whole)
        index.update(progress)  # what is left, however the process ended

    def _end_of_events(self) -> None:
        if self._tell >= 0:
            os.close(self._tell)
            self._tell = -1


def _processors() -> int:
    if hasattr(os, "sched_getaffinity"):  # Linux
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _index(path: str, told: int) -> NoReturn:
    """What the process does, to its end. Its faults are left to those who open the capture afterwards."""
    status = 1
    try:
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)  # whoever began it ends it
        from httpwire.capture.store.capture import Capture

        while not is_capture(path):
            if select.select([told], [], [], _PAUSE)[0]:
                os._exit(status)
        with Capture(path) as capture:
            over = False
            while True:
                if capture.index.step():
                    continue
                if over:
                    break
                over = bool(select.select([told], [], [], _PAUSE)[0])
        status = 0
    finally:
        os._exit(status)
