"""How badly a recorded answer is to go out, for testing clients: plain values."""

from __future__ import annotations

from httpwire.wire.record import Record, at


class Faults(Record):
    """How an answer goes out, for testing clients: `timing` as it was recorded; `delay` seconds before its first octet;
    at most `segment` octets a write (0: as many as there are); `throttle` octets a second (0: no limit); after
    `truncate` octets a close, after `reset_after` octets a reset (None: neither); `close_before`: a close instead."""

    __slots__ = ()
    FIELDS = ("timing", "delay", "segment", "throttle", "truncate", "reset_after", "close_before")
    timing: bool = at(0)
    delay: float = at(1)
    segment: int = at(2)
    throttle: float = at(3)
    truncate: int | None = at(4)
    reset_after: int | None = at(5)
    close_before: bool = at(6)

    def __new__(
        cls,
        *,
        timing: bool = False,
        delay: float = 0.0,
        segment: int = 0,
        throttle: float = 0.0,
        truncate: int | None = None,
        reset_after: int | None = None,
        close_before: bool = False,
    ) -> Faults:
        for count in (segment, truncate, reset_after):
            if count is not None and type(count) is not int:
                raise TypeError(f"a fault counts whole octets, not {count!r}")
        for number in (delay, segment, throttle, truncate or 0, reset_after or 0):
            if not 0 <= number < float("inf"):
                raise ValueError(f"a fault takes a number from 0, not {number!r}")
        values = (timing, delay, segment, throttle, truncate, reset_after, close_before)
        return tuple.__new__(cls, values)

    @property
    def cut_at(self) -> int | None:
        """After how many octets of an answer they end the connection; None where they don't."""
        if self is NO_FAULTS:
            return None
        cuts = (0 if self.close_before else None, self.truncate, self.reset_after)
        return min((cut for cut in cuts if cut is not None), default=None)


#: An answer goes out whole, at once.
NO_FAULTS = Faults()
