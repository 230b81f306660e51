"""What the formats share that keep bare messages: requests and responses, and little of what they came over.

In: entries of a capture, in order. Out: the facts of each one's connection, read once for entries in a row;
and on a Toll what such a format does not keep of them.
"""

from __future__ import annotations

from httpwire.capture.toll import ADDRESSES, CONNECTIONS, NO_ANSWER, NO_REQUEST, SEGMENT_TIMES, TLS_FACTS, Cost
from httpwire.language import N_

TYPE_CHECKING = False
if TYPE_CHECKING:
    from httpwire.capture.store.capture import Capture
    from httpwire.capture.store.entry import Entry
    from httpwire.capture.toll import Toll
    from httpwire.capture.traffic import ConnectionFacts

#: That a format keeps nothing but octets.
WHEN = Cost("when", N_("when it was, and what the connection was with"))


class Facts:
    """The facts of connections of `capture`, asked for in the order of its entries."""

    def __init__(self, capture: Capture) -> None:
        self._capture = capture
        self._last: tuple[int, ConnectionFacts] | None = None

    def of(self, entry: Entry) -> ConnectionFacts:
        """Raises RecordingUnreadable, RecordingBroken."""
        if self._last is None or self._last[0] != entry.connection:
            self._last = entry.connection, self._capture.facts(entry.connection)
        return self._last[1]


def charge(entry: Entry, facts: ConnectionFacts, toll: Toll, *, addresses: bool = True) -> None:
    """Count what a format loses that keeps the octets of `entry`, and times of its two messages alone; `addresses`:
    those of client and server, too."""
    if entry.request_stop > entry.request_start or entry.response_stop > entry.response_start:
        toll.lose(SEGMENT_TIMES)
    if entry.request_start or entry.response_start:  # it is not the first one there
        toll.lose(CONNECTIONS)
    if addresses and (facts.client or facts.server):
        toll.lose(ADDRESSES)
    if facts.secure:
        toll.lose(TLS_FACTS)
    if entry.request_stop == entry.request_start:
        toll.lose(NO_REQUEST)
    elif entry.response_stop == entry.response_start:
        toll.lose(NO_ANSWER)
