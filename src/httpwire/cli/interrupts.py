"""Ctrl-C, SIGTERM and SIGHUP as a readable file descriptor, so that they never land between a read and its write.

In: signals, while the context is entered. Out: a descriptor that becomes readable with
the first of them; what waits on it stops in order, with everything kept.
"""

from __future__ import annotations

import os
import signal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class Interrupts:
    """Context manager giving the descriptor. A second signal has its usual effect."""

    def __enter__(self) -> int:
        self._read, self._write = os.pipe()
        os.set_blocking(self._write, False)
        self._wakeup = signal.set_wakeup_fd(self._write, warn_on_full_buffer=False)
        self._handlers: dict[signal.Signals, Any] = {}
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            self._handlers[number] = signal.signal(number, self._first)
        return self._read

    def _first(self, number: int, _frame: object) -> None:
        """The descriptor has told it already; from now on the signal does what it did before."""
        signal.signal(number, self._handlers[signal.Signals(number)])

    def __exit__(self, *exception: object) -> None:
        for number, handler in self._handlers.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(self._wakeup)
        os.close(self._read)
        os.close(self._write)
