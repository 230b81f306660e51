"""One answer on its way to a client: exact octets, as fast or as badly as was asked for.

In: an Answer with its Faults, the offset to begin at, and a Transport. Out: octets written, and what
to wait for next: the transport, or a moment in time. An answer in a file goes from the file
to the socket without passing through this process where that can be done.
"""

from __future__ import annotations

import bisect
import os
import time

from httpwire.capture.faults import NO_FAULTS
from httpwire.errors import RecordingUnreadable
from httpwire.language import N_

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from httpwire.capture.answers import Answer
    from httpwire.net.transport import Transport

_BLOCK = 1 << 20  # octets handed to the system at once
_TURN = 8 << 20  # octets one connection may write before the others have their turn
_WRITES = 64  # writes of small segments, likewise
_TICK = 0.05  # seconds between the writes of a throttled answer, unless segments say otherwise


class Delivery:
    """The octets of `answer` from offset `start` on, as far as its faults let them out. `told` is called with those
    that went."""

    def __init__(
        self,
        answer: Answer,
        *,
        start: int = 0,
        told: Callable[[bytes], None] | None = None,
    ) -> None:
        self.answer = answer
        self.position = start
        self._faults = faults = answer.faults
        self._begun = time.monotonic() + faults.delay
        self._start = start
        self.stop = answer.served
        self.done = False  #: all that is to be sent is sent
        self.wake_at: float | None = None  #: when to go on (monotonic seconds); None: once the transport takes more
        self._told = told
        self._moments = [at for at, _ in answer.times] if faults.timing else []

    @property
    def cut(self) -> bool:
        """Whether the answer's faults end the connection where the delivery ends."""
        cut_at = self._faults.cut_at
        return cut_at is not None and cut_at <= self.position

    def push(self, transport: Transport, now: float) -> int:
        """Write what may go out now; gives how many octets went. Raises OSError, RecordingUnreadable."""
        self.wake_at = None
        written = 0
        for _ in range(_WRITES):
            if self.position >= self.stop and now >= self._begun:
                self.done = True
                break
            allowed = self._allowed(now)
            if allowed <= self.position:  # also before its time, where nothing is to be sent
                self.wake_at = self._next_moment(now)
                break
            count = allowed - self.position
            if self._faults.segment:
                count = min(count, self._faults.segment)
            sent = self._write(transport, min(count, _BLOCK))
            if not sent:
                break
            self.position += sent
            written += sent
            if written >= _TURN:
                break
        return written

    def _write(self, transport: Transport, count: int) -> int:
        answer = self.answer
        if answer.octets is not None:
            data = memoryview(answer.octets)[self.position : self.position + count]
        else:
            descriptor = answer.source.descriptor
            offset = answer.start + self.position
            if descriptor is not None and transport.takes_files and not self._told:
                sent = transport.send_file(descriptor, offset, count)
                if sent == 0 and os.fstat(descriptor).st_size <= offset:
                    raise _shorter(answer)
                return sent
            block = next(answer.blocks(self.position), b"")
            data = memoryview(block)[:count]
        sent = transport.send(data)
        if sent and self._told:
            self._told(bytes(data[:sent]))
        return sent

    def _allowed(self, now: float) -> int:
        """The offset up to which octets may have gone out at `now`."""
        faults = self._faults
        if faults is NO_FAULTS:
            return self.stop
        elapsed = now - self._begun
        if elapsed < 0:
            return self._start
        allowed = self.stop
        if self._moments:
            count = bisect.bisect_right(self._moments, elapsed)
            allowed = min(allowed, self.answer.times[count - 1][1] if count else self._start)
            if count == len(self._moments):
                allowed = self.stop  # what was recorded without a moment goes with the last
        if faults.throttle:
            step = faults.segment or max(1, int(faults.throttle * _TICK))
            steps = int(elapsed * faults.throttle / step + 1e-9) + 1
            allowed = min(allowed, self._start + steps * step)
        return allowed

    def _next_moment(self, now: float) -> float:
        """When more octets may go out than have."""
        if now < self._begun:
            return self._begun
        faults = self._faults
        at = now
        if self._moments:
            count = bisect.bisect_right(self._moments, now - self._begun)
            if count < len(self._moments):
                at = max(at, self._begun + self._moments[count])
        if faults.throttle:
            step = faults.segment or max(1, int(faults.throttle * _TICK))
            steps = (self.position - self._start) // step
            at = max(at, self._begun + steps * step / faults.throttle)
        return at


def _shorter(answer: Answer) -> RecordingUnreadable:
    return RecordingUnreadable(path=answer.name, why=N_("it became shorter while it was read"))
