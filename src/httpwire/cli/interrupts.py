"""Ctrl-C, SIGTERM and SIGHUP as a readable file descriptor, so that they never land between a read and its write.

In: signals, while the context is entered. Out: a descriptor that becomes readable with
the first of them; what waits on it stops in order, with everything kept.
"""

from __future__ import annotations

import os
import signal

from httpwire.errors import Interrupted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, TypeVar

    T = TypeVar("T")


class Interrupts:
    """Context manager. `descriptor` becomes readable with the first signal; a second one has its usual effect.
    A signal that was ignored before (nohup) stays ignored."""

    def __enter__(self) -> Interrupts:
        self._caught = self._striking = False
        self.descriptor, self._write = os.pipe()
        os.set_blocking(self._write, False)
        self._wakeup = signal.set_wakeup_fd(self._write, warn_on_full_buffer=False)
        self._handlers: dict[int, Any] = {}
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            if signal.getsignal(number) is not signal.SIG_IGN:
                self._handlers[number] = signal.signal(number, self._first)
        return self

    def at_once(self, work: Callable[..., T], *arguments: object) -> T:
        """Do `work`, which may wait where no descriptor is watched: a signal, also one that came just before,
        raises Interrupted in it."""
        self._striking = True
        try:
            if self._caught:
                raise Interrupted
            return work(*arguments)
        finally:
            self._striking = False

    def _first(self, number: int, _frame: object) -> None:
        signal.signal(number, self._handlers[number])
        self._caught = True
        if self._striking:
            raise Interrupted

    def __exit__(self, *exception: object) -> None:
        for number, handler in self._handlers.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(self._wakeup)
        os.close(self.descriptor)
        os.close(self._write)
