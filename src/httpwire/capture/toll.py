"""What a conversion cost: what was lost, what was reconstructed, and what was passed over, by kind.

In: Costs, counted while a format is read or written. Out: the counts, in order of first
appearance. A Cost has a stable id, and a sentence for people; the shared ones are here,
each format defines its own beside its code.
"""

from __future__ import annotations

from httpwire.language import N_
from httpwire.wire.record import Record, at


class Cost(Record):
    """A kind of loss: `id` is stable, `says` (a message id) names what is lost or reconstructed, as a noun phrase."""

    __slots__ = ()
    FIELDS = ("id", "says")
    id: str = at(0)
    says: str = at(1)

    def __new__(cls, id: str, says: str) -> Cost:
        return tuple.__new__(cls, (id, says))


#: Shared by the formats that keep messages, but not the connection they came over.
SEGMENT_TIMES = Cost("segment-times", N_("when each part of a message came"))
CONNECTIONS = Cost("connections", N_("which exchanges shared a connection"))
ADDRESSES = Cost("addresses", N_("the addresses of client and server"))
TLS_FACTS = Cost("tls-facts", N_("version and cipher of TLS"))
NO_REQUEST = Cost("no-request", N_("answers to requests that are not in the recording"))
NO_ANSWER = Cost("no-answer", N_("requests without an answer"))


class Toll:
    """Counts Costs. `lost` is gone, `reconstructed` was made again from what the format kept and is not what was on the
    wire, `skipped` is in the input, but could not be taken over."""

    def __init__(self) -> None:
        self.lost: dict[Cost, int] = {}
        self.reconstructed: dict[Cost, int] = {}
        self.skipped: dict[Cost, int] = {}

    def lose(self, cost: Cost, count: int = 1) -> None:
        self.lost[cost] = self.lost.get(cost, 0) + count

    def rebuild(self, cost: Cost, count: int = 1) -> None:
        self.reconstructed[cost] = self.reconstructed.get(cost, 0) + count

    def skip(self, cost: Cost, count: int = 1) -> None:
        self.skipped[cost] = self.skipped.get(cost, 0) + count
