"""One exchange of a capture, as its index has it: numbers and words to find it by, and where its octets are.

The octets of each direction of a connection are divided among its exchanges without a gap: those
before a message belong to it (empty lines, unasked octets), those behind the last one to the last.
"""

from __future__ import annotations

from httpwire.wire.element import Direction
from httpwire.wire.record import Record, at


class Entry(Record):
    """`number` names the exchange in its capture, from 1; `connection` is the number of its connection.

    `request_start` up to `request_stop` and `response_start` up to `response_stop` are its octets, as offsets in the
    two directions of the connection; `final_start` is where its final response begins (interim ones are before it),
    `response_stop` where there is none. `request_content` and `response_content` count octets of content, the chunked
    coding removed. `began_ns` is when its first octet went (ns since 1970); `request_ns`, `response_ns` and `ended_ns`
    are ns after that: the request was out, the answer began, the answer ended; None for what did not happen.

    `method`, `target`, `host` and `type` are latin-1 text: `target` as it is on the wire, `host` in lower case as asked
    for, `type` the media type of the final response, in lower case, without parameters. `status` is 0 without a
    response. `outcome` is the value of an Outcome, or "under way"; `rule` the id of the framing rule that ended the
    response; `findings` are ids of deviations, each once.
    """

    __slots__ = ()
    FIELDS = (
        "number",
        "connection",
        "request_start",
        "request_stop",
        "response_start",
        "final_start",
        "response_stop",
        "request_content",
        "response_content",
        "began_ns",
        "request_ns",
        "response_ns",
        "ended_ns",
        "method",
        "target",
        "host",
        "status",
        "type",
        "outcome",
        "rule",
        "findings",
    )
    number: int = at(0)
    connection: int = at(1)
    request_start: int = at(2)
    request_stop: int = at(3)
    response_start: int = at(4)
    final_start: int = at(5)
    response_stop: int = at(6)
    request_content: int = at(7)
    response_content: int = at(8)
    began_ns: int = at(9)
    request_ns: int | None = at(10)
    response_ns: int | None = at(11)
    ended_ns: int | None = at(12)
    method: str = at(13)
    target: str = at(14)
    host: str = at(15)
    status: int = at(16)
    type: str = at(17)
    outcome: str = at(18)
    rule: str = at(19)
    findings: tuple[str, ...] = at(20)

    def __new__(cls, *values: object) -> Entry:
        return tuple.__new__(cls, values)

    def place(self, direction: Direction) -> tuple[int, int]:
        """Where its octets of one direction begin and end."""
        if direction is Direction.REQUEST:
            return self.request_start, self.request_stop
        return self.response_start, self.response_stop

    @property
    def complete(self) -> bool:
        """Whether its answer is complete."""
        return self.outcome == "complete"

    @property
    def duration_ns(self) -> int | None:
        """From the first octet of the request to the last of the answer; None where there is no answer."""
        return self.ended_ns
