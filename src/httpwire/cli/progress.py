"""A bar for long transfers, on a terminal: how much has gone out or come in, of how much, how fast.

In: WireEvents. Out: a line that the console redraws, at most ten times a second and only
once a transfer has taken longer than half a second.
"""

from __future__ import annotations

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
        line = f"{label}  {size(done)}"
        if whole:
            filled = min(_CELLS, done * _CELLS // whole)
            line += f" / {size(whole)}  [{'#' * filled}{'.' * (_CELLS - filled)}] {min(100, done * 100 // whole)}%"
        self._console.draw(f"{line}  {size(done / seconds)}/s")


def _whole(connection: Connection) -> int:
    """The octets of the whole answer, where its length is announced; else 0."""
    conversation = connection.conversation
    head, framing = conversation.answer, conversation.framing
    return head.stop + framing.length if head and framing and framing.length else 0
