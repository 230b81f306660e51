"""A bar for what takes long, on a terminal: how much is done, of how much, how fast, how long it will still take.

In: WireEvents of a transfer, or counts of whatever work. Out: a line that the console redraws, at most
ten times a second and only once it has taken longer than half a second.
"""

from __future__ import annotations

import time

from httpwire.capture.model import Connection, EventKind, WireEvent
from httpwire.cli.console import Console
from httpwire.views.text import size
from httpwire.wire.element import Direction

_AFTER_NS = 500_000_000
_EVERY_NS = 100_000_000
_CELLS = 24


class Progress:
    def __init__(self, console: Console, to_send: int) -> None:
        self._console = console
        self._to_send = to_send
        self._next_ns = 0

    def event(self, event: WireEvent, connection: Connection) -> None:
        """Take notice of an event, and redraw the line when it is time."""
        tr = self._console.tr
        if event.kind is EventKind.SENT_ALL:
            self._console.draw(tr("waiting for the answer; Ctrl-C stops, and keeps what has come"))
            return
        if event.kind is not EventKind.SEGMENT:
            return
        began = connection.times.get(EventKind.CONNECTED, connection.began_ns)
        if event.at_ns < max(self._next_ns, began + _AFTER_NS):
            return
        self._next_ns = event.at_ns + _EVERY_NS
        seconds = (event.at_ns - began) / 1e9
        if event.direction is Direction.REQUEST:
            label, done, whole = tr("sending"), connection.sent, self._to_send
        else:
            label, done, whole = tr("receiving"), connection.received, _whole(connection)
        self._console.draw(bar(label, size(done), size(whole), done, whole, f"{size(done / seconds)}/s"))


class Meter:
    """Work of one kind: called with how much of it is done, of how much (0: not known). `label` says what it is;
    `octets`: it is counted in bytes."""

    def __init__(self, console: Console, label: str, *, octets: bool = False) -> None:
        self._console = console
        self._label = label
        self._octets = octets
        self._began = time.monotonic_ns()
        self._next_ns = self._began + _AFTER_NS

    def __call__(self, done: int, whole: int) -> None:
        now = time.monotonic_ns()
        if now < self._next_ns:
            return
        self._next_ns = now + _EVERY_NS
        seconds = (now - self._began) / 1e9
        rate = done / seconds
        tail = f"{self._shown(rate)}/s"
        if whole > done > 0:
            left = round((whole - done) / rate)
            tail += "  " + self._console.tr("{time} left", time=f"{left // 60}:{left % 60:02}")
        self._console.draw(bar(self._label, self._shown(done), self._shown(whole), done, whole, tail))

    def _shown(self, amount: float) -> str:
        return size(amount) if self._octets else f"{round(amount):,}"


def bar(label: str, shown: str, of: str, done: int, whole: int, tail: str) -> str:
    """What is done (`shown`), of the whole (`of`), with a bar where that is known (not 0)."""
    line = f"{label}  {shown}"
    if whole:
        filled = min(_CELLS, done * _CELLS // whole)
        line += f" / {of}  [{'#' * filled}{'.' * (_CELLS - filled)}] {min(100, done * 100 // whole)}%"
    return f"{line}  {tail}"


def _whole(connection: Connection) -> int:
    """The octets of the whole answer, where its length is announced; else 0."""
    conversation = connection.conversation
    head, framing = conversation.answer, conversation.framing
    return head.stop + framing.length if head and framing and framing.length else 0
