"""An answer on its way: exactly its octets and no others, in the pieces and at the moments that were asked for.

The socket is real, the clock is told: a delivery says when it wants to go on, and is taken at its word.
"""

from __future__ import annotations

import math
import os
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from httpwire.capture.answers import Answer
from httpwire.capture.faults import NO_FAULTS, Faults
from httpwire.capture.raw import Outgoing
from httpwire.errors import RecordingUnreadable
from httpwire.net.delivery import Delivery
from httpwire.net.transport import Transport
from loopback import ok

some = settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow])

TICK = 0.05  # seconds between the writes of a throttled answer without segments
LARGE = 9 << 20  # octets: more than memory holds of an answer, and than one turn may write
TURN = 1e-6  # seconds that a server needs at least from one look at the clock to the next
CLOSE = 0.02  # seconds, as near as two moments have to be


class Watched(Transport):
    """A transport that tells how much each write took."""

    def __init__(self, sock: socket.socket) -> None:
        super().__init__(sock)
        self.writes: list[int] = []
        self.files = 0

    def send(self, data: memoryview) -> int:
        return self._tell(super().send(data))

    def send_file(self, descriptor: int, offset: int, count: int) -> int:
        self.files += 1
        return self._tell(super().send_file(descriptor, offset, count))

    def _tell(self, sent: int) -> int:
        if sent:
            self.writes.append(sent)
        return sent


@dataclass
class Delivered:
    """What came of a delivery: the octets at the other end, and when (in seconds) how many were out."""

    octets: bytes
    moments: list[tuple[float, int]]
    writes: list[int]
    told: bytes
    files: int = field(default=0)

    @property
    def steps(self) -> list[tuple[float, int]]:
        """The moments to a tenth of a second."""
        return [(round(seconds, 1), position) for seconds, position in self.moments]

    @property
    def seconds(self) -> float:
        return self.moments[-1][0] if self.moments else 0.0


Deliver = Callable[..., Delivered]


@pytest.fixture
def pair() -> Iterator[tuple[Watched, socket.socket]]:
    left, right = socket.socketpair()
    with left, right:
        left.setblocking(False)  # noqa: FBT003  # the library's own
        right.setblocking(False)  # noqa: FBT003
        yield Watched(left), right


def deliver(answer: Answer, *, start: int = 0, tell: bool = False) -> Delivered:
    """Carry out a delivery: whenever it asks for a moment, the clock is set to it."""
    left, right = socket.socketpair()
    with left, right:
        left.setblocking(False)  # noqa: FBT003  # the library's own
        right.setblocking(False)  # noqa: FBT003
        transport = Watched(left)
        told = bytearray()
        delivery, begun = begin(lambda: Delivery(answer, start=start, told=told.extend if tell else None))
        now = begun
        got = bytearray()
        moments = []
        for _ in range(20_000):
            written = delivery.push(transport, now)
            drain(right, got)
            if written:
                moments.append((now - begun, delivery.position))
            if delivery.done:
                break
            if delivery.wake_at is not None:
                now = max(now, delivery.wake_at) + TURN
            else:
                assert written, "it goes on by itself, and nothing goes"
        assert delivery.done
        drain(right, got)
        return Delivered(bytes(got), moments, transport.writes, bytes(told), transport.files)


def begin(make: Callable[[], Delivery]) -> tuple[Delivery, float]:
    """A delivery, and when it was made: so soon that what it says of moments can be held against the clock."""
    while True:
        before = time.monotonic()
        delivery = make()
        begun = time.monotonic()
        if begun - before < CLOSE / 2:
            return delivery, begun


def drain(sock: socket.socket, into: bytearray) -> None:
    while True:
        try:
            data = sock.recv(1 << 20)
        except BlockingIOError:
            return
        if not data:
            return
        into += data


def held(octets: bytes, *, times: tuple[tuple[float, int], ...] = (), **faults: Any) -> Answer:
    """An answer in memory that goes out with these faults."""
    return Answer(Outgoing.from_bytes(octets), times=times, faults=Faults(**faults) if faults else NO_FAULTS)


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("large") / "answer"
    path.write_bytes(ok(os.urandom(LARGE)))
    return path


@pytest.fixture
def in_file(large: Path) -> Iterator[Callable[..., Answer]]:
    """Makes an answer in a file, or in a part of one, that goes out with these faults."""
    sources = []

    def made(start: int = 0, stop: int | None = None, faults: Faults = NO_FAULTS) -> Answer:
        sources.append(Outgoing.from_path(str(large)))
        return Answer(sources[-1], start=start, stop=stop, faults=faults)

    yield made
    for source in sources:
        source.close()


class TestOctets:
    @pytest.mark.parametrize("size", [0, 1, 100, 70_000, 1 << 20])
    @pytest.mark.parametrize("tell", [False, True])
    def test_from_memory(self, size: int, tell: bool) -> None:  # noqa: FBT001
        octets = os.urandom(size)
        delivered = deliver(held(octets), tell=tell)
        assert delivered.octets == octets
        assert delivered.told == (octets if tell else b"")

    @pytest.mark.parametrize("tell", [False, True])
    @pytest.mark.parametrize(("start", "cut"), [(0, 0), (1, 0), (0, 1), (1 << 20, 12_345), (4 << 20, 4 << 20)])
    def test_from_a_file(
        self,
        large: Path,
        in_file: Callable[..., Answer],
        start: int,
        cut: int,
        tell: bool,  # noqa: FBT001
    ) -> None:
        octets = large.read_bytes()
        stop = len(octets) - cut
        delivered = deliver(in_file(start, stop), tell=tell)
        assert delivered.octets == octets[start:stop]
        assert delivered.told == (octets[start:stop] if tell else b"")

    @pytest.mark.skipif(not Transport.takes_files, reason="this system has no sendfile")
    def test_octets_of_a_file_do_not_pass_through_this_process(self, in_file: Callable[..., Answer]) -> None:
        answer = in_file()
        assert answer.octets is None
        delivered = deliver(answer)
        assert delivered.files >= len(delivered.writes) > 0
        assert deliver(in_file(), tell=True).files == 0, "who is told of all octets has to see them"

    def test_from_an_offset_on(self, large: Path, in_file: Callable[..., Answer]) -> None:
        """What went out before, as an interim answer, does not go out again."""
        assert deliver(held(b"0123456789"), start=4).octets == b"456789"
        assert deliver(held(b"0123456789"), start=10).octets == b""
        assert deliver(in_file(), start=5_000_000).octets == large.read_bytes()[5_000_000:]

    def test_one_large_answer_does_not_take_all_the_time_there_is(self, in_file: Callable[..., Answer]) -> None:
        """After a while the other connections have their turn, though the client would take more."""
        left, right = socket.socketpair()
        with left, right:
            transport = Greedy(left)
            delivery = Delivery(in_file())
            written = delivery.push(transport, time.monotonic())
        assert 0 < written < LARGE
        assert not delivery.done
        assert delivery.wake_at is None


class Greedy(Transport):
    """A client that takes whatever there is."""

    takes_files = False

    def send(self, data: memoryview) -> int:
        return len(data)


class TestAFileThatChanges:
    @pytest.mark.parametrize("tell", [False, True])
    def test_one_that_became_shorter_is_not_sent_to_its_end(self, tmp_path: Path, tell: bool) -> None:  # noqa: FBT001
        (tmp_path / "answer").write_bytes(bytes(3 << 20))
        source = Outgoing.from_path(str(tmp_path / "answer"))
        os.truncate(tmp_path / "answer", 1 << 20)
        try:
            with pytest.raises(RecordingUnreadable, match="became shorter"):
                deliver(Answer(source), tell=tell)
        finally:
            source.close()

    @pytest.mark.parametrize("tell", [False, True])
    def test_nor_is_an_empty_one(self, tmp_path: Path, tell: bool) -> None:  # noqa: FBT001
        (tmp_path / "answer").write_bytes(bytes(3 << 20))
        source = Outgoing.from_path(str(tmp_path / "answer"))
        os.truncate(tmp_path / "answer", 0)
        try:
            with pytest.raises(RecordingUnreadable, match="became shorter"):
                deliver(Answer(source), tell=tell)
        finally:
            source.close()

    def test_of_one_that_became_longer_goes_what_was_read_at_first(self, tmp_path: Path) -> None:
        octets = os.urandom(3 << 20)
        (tmp_path / "answer").write_bytes(octets)
        source = Outgoing.from_path(str(tmp_path / "answer"))
        with (tmp_path / "answer").open("ab") as file:
            file.write(b"more")
        try:
            assert deliver(Answer(source)).octets == octets
        finally:
            source.close()

    def test_one_that_was_replaced_goes_as_it_was(self, tmp_path: Path) -> None:
        octets = os.urandom(3 << 20)
        (tmp_path / "answer").write_bytes(octets)
        source = Outgoing.from_path(str(tmp_path / "answer"))
        (tmp_path / "other").write_bytes(b"x")
        (tmp_path / "other").replace(tmp_path / "answer")
        try:
            assert deliver(Answer(source)).octets == octets
        finally:
            source.close()


class TestSegments:
    @pytest.mark.parametrize("segment", [1, 7, 100, 5000])
    def test_no_write_is_larger(self, segment: int) -> None:
        octets = os.urandom(3000)
        delivered = deliver(held(octets, segment=segment))
        assert delivered.octets == octets
        assert max(delivered.writes) == min(segment, 3000)
        assert len(delivered.writes) == math.ceil(3000 / segment)
        assert delivered.seconds < CLOSE, "segments alone take no time"

    def test_of_a_file(self, large: Path, in_file: Callable[..., Answer]) -> None:
        delivered = deliver(in_file(0, 200_000, Faults(segment=30_000)))
        assert delivered.octets == large.read_bytes()[:200_000]
        assert max(delivered.writes) == 30_000


class TestCut:
    @pytest.mark.parametrize("name", ["truncate", "reset_after"])
    @pytest.mark.parametrize("cut", [0, 1, 9])
    def test_no_octet_more_goes(self, name: str, cut: int, pair: tuple[Watched, socket.socket]) -> None:
        faults: dict[str, Any] = {name: cut}
        answer = held(b"0123456789", **faults)
        assert deliver(answer).octets == b"0123456789"[:cut]
        assert ended(Delivery(answer), pair[0]).cut

    @pytest.mark.parametrize("name", ["truncate", "reset_after"])
    def test_behind_the_last_octet_it_is_a_cut_too(self, name: str, pair: tuple[Watched, socket.socket]) -> None:
        faults: dict[str, Any] = {name: 10}
        answer = held(b"0123456789", **faults)
        assert deliver(answer).octets == b"0123456789"
        assert ended(Delivery(answer), pair[0]).cut

    @pytest.mark.parametrize("name", ["truncate", "reset_after"])
    @pytest.mark.parametrize("cut", [11, 1 << 40])
    def test_beyond_the_end_there_is_nothing_to_cut(
        self, name: str, cut: int, pair: tuple[Watched, socket.socket]
    ) -> None:
        faults: dict[str, Any] = {name: cut}
        answer = held(b"0123456789", **faults)
        assert deliver(answer).octets == b"0123456789"
        assert not ended(Delivery(answer), pair[0]).cut

    def test_a_close_in_place_of_an_answer_lets_nothing_out(self, pair: tuple[Watched, socket.socket]) -> None:
        answer = held(b"0123456789", close_before=True, delay=2.0)
        assert deliver(answer).octets == b""
        delivery, begun = begin(lambda: Delivery(answer))
        assert delivery.push(pair[0], begun + 1.9) == 0
        assert not delivery.done, "it has its delay, too"
        assert delivery.push(pair[0], begun + 2.0) == 0
        assert delivery.done
        assert delivery.cut

    def test_the_first_of_two_cuts_counts(self) -> None:
        assert deliver(held(b"0123456789", truncate=3, reset_after=5)).octets == b"012"
        assert deliver(held(b"0123456789", truncate=5, reset_after=3)).octets == b"012"

    def test_of_a_file_too(self, large: Path, in_file: Callable[..., Answer]) -> None:
        octets = large.read_bytes()
        assert deliver(in_file(0, None, Faults(truncate=5_000_001))).octets == octets[:5_000_001]
        assert deliver(in_file(100, None, Faults(truncate=50))).octets == octets[100:150]

    def test_what_was_out_before_counts(self) -> None:
        """The cut is an offset of the answer, wherever this delivery begins."""
        assert deliver(held(b"0123456789", truncate=5), start=3).octets == b"34"
        assert deliver(held(b"0123456789", truncate=5), start=7).octets == b""


def ended(delivery: Delivery, transport: Transport) -> Delivery:
    """The delivery, once all that is to be sent is sent."""
    while not delivery.done:
        delivery.push(transport, time.monotonic())
    return delivery


class TestDelay:
    def test_nothing_goes_before_it_is_over(self, pair: tuple[Watched, socket.socket]) -> None:
        transport, right = pair
        delivery, begun = begin(lambda: Delivery(held(b"0123456789", delay=5.0)))
        assert delivery.push(transport, begun) == 0
        assert delivery.wake_at == pytest.approx(begun + 5.0, abs=CLOSE)
        assert delivery.push(transport, begun + 4.9) == 0
        assert not transport.writes
        got = bytearray()
        assert delivery.push(transport, begun + 5.0) == 10
        drain(right, got)
        assert bytes(got) == b"0123456789"

    def test_then_all_goes_at_once(self) -> None:
        delivered = deliver(held(b"0123456789", delay=2.5))
        assert delivered.steps == [(2.5, 10)]


class TestThrottle:
    @pytest.mark.parametrize(("throttle", "segment"), [(1000, 0), (1000, 100), (10, 1), (33, 7), (1e6, 0)])
    def test_it_takes_as_long_as_its_octets_need(self, throttle: float, segment: int) -> None:
        octets = os.urandom(int(min(3000, throttle * 10)))
        delivered = deliver(held(octets, throttle=throttle, segment=segment))
        step = segment or throttle * TICK
        assert delivered.octets == octets
        assert delivered.seconds == pytest.approx((len(octets) - step) / throttle, abs=step / throttle + CLOSE)

    def test_at_no_moment_is_more_out_than_may_be(self) -> None:
        delivered = deliver(held(bytes(5000), throttle=1000, segment=100))
        for seconds, position in delivered.moments:
            assert position <= (seconds + CLOSE) * 1000 + 100

    def test_the_first_octets_go_at_once(self) -> None:
        assert deliver(held(b"0123456789", throttle=0.5)).steps[0] == (0.0, 1)

    def test_less_than_an_octet_a_second_is_one_octet_after_the_other(self) -> None:
        delivered = deliver(held(b"0123456789", throttle=0.25))
        expected = [(4.0 * number, number + 1) for number in range(10)]
        assert delivered.steps == expected

    def test_after_a_delay(self) -> None:
        delivered = deliver(held(b"0123456789", throttle=1.0, segment=5, delay=3.0))
        assert delivered.steps == [(3.0, 5), (8.0, 10)]

    def test_one_that_could_not_write_for_a_while_catches_up(self, pair: tuple[Watched, socket.socket]) -> None:
        """The rate is that of the whole answer: what the client did not take in time it may take afterwards."""
        transport, _ = pair
        delivery, begun = begin(lambda: Delivery(held(bytes(1000), throttle=100, segment=10)))
        delivery.push(transport, begun + 0.05)
        assert delivery.position == 10
        delivery.push(transport, begun + 5.05)
        assert delivery.position == 510

    def test_a_part_that_is_out_already_costs_no_time(self) -> None:
        delivered = deliver(held(b"0123456789", throttle=1.0), start=8)
        assert delivered.octets == b"89"
        assert delivered.seconds == pytest.approx(1.0, abs=CLOSE)


class TestRecordedTimes:
    TIMES = ((0.5, 4), (2.0, 6), (2.0, 7), (100.0, 10))

    def test_octets_go_when_they_came(self) -> None:
        delivered = deliver(held(b"0123456789", times=self.TIMES, timing=True))
        assert delivered.octets == b"0123456789"
        assert delivered.steps == [(0.5, 4), (2.0, 7), (100.0, 10)]

    def test_unless_nobody_asked_for_that(self) -> None:
        assert deliver(held(b"0123456789", times=self.TIMES)).seconds < CLOSE
        assert deliver(held(b"0123456789", times=self.TIMES, segment=2)).seconds < CLOSE

    def test_where_none_were_recorded_all_goes_at_once(self) -> None:
        assert deliver(held(b"0123456789", timing=True)).steps == [(0.0, 10)]

    def test_what_has_no_moment_goes_with_the_last(self) -> None:
        delivered = deliver(held(b"0123456789", times=((1.0, 3), (2.0, 5)), timing=True))
        assert delivered.steps == [(1.0, 3), (2.0, 10)]

    def test_offsets_beyond_the_end_end_with_it(self) -> None:
        delivered = deliver(held(b"0123456789", times=((1.0, 300), (2.0, 500)), timing=True))
        assert delivered.octets == b"0123456789"

    def test_what_is_out_already_waits_for_its_turn(self) -> None:
        delivered = deliver(held(b"0123456789", times=self.TIMES, timing=True), start=5)
        assert delivered.octets == b"56789"
        expected = [(2.0, 7), (100.0, 10)]
        assert delivered.steps == expected

    def test_together_with_a_delay_a_throttle_and_segments(self) -> None:
        answer = held(b"0123456789", times=((1.0, 9), (9.0, 10)), timing=True, delay=2.0, throttle=2.0, segment=2)
        delivered = deliver(answer)
        assert delivered.octets == b"0123456789"
        assert max(delivered.writes) == 2
        assert delivered.steps[0] == (3.0, 4), "as much as two octets a second allow by then"
        assert delivered.seconds == pytest.approx(11.0, abs=CLOSE)

    def test_a_cut_shortens_the_wait(self) -> None:
        delivered = deliver(held(b"0123456789", times=self.TIMES, timing=True, truncate=5))
        assert delivered.octets == b"01234"
        assert delivered.seconds == pytest.approx(2.0, abs=CLOSE)


@st.composite
def faults(draw: st.DrawFn) -> Faults:
    cut = st.none() | st.integers(0, 400)
    return Faults(
        timing=draw(st.booleans()),
        delay=draw(st.sampled_from([0.0, 0.0, 0.3, 7.0])),
        segment=draw(st.sampled_from([0, 0, 1, 3, 50, 1000])),
        throttle=draw(st.sampled_from([0.0, 0.0]) | st.floats(0.1, 1e7)),
        truncate=draw(cut),
        reset_after=draw(cut),
    )


@st.composite
def moments(draw: st.DrawFn, size: int) -> tuple[tuple[float, int], ...]:
    ats = sorted(draw(st.lists(st.floats(0.0, 1e4), max_size=5)))
    stops = sorted(draw(st.lists(st.integers(0, size + 3), min_size=len(ats), max_size=len(ats))))
    return tuple(zip(ats, stops, strict=True))


class TestLaws:
    @some
    @given(st.binary(max_size=300), faults(), st.data(), st.booleans())
    def test_whatever_is_asked_for_the_octets_are_those_of_the_answer(
        self,
        octets: bytes,
        faults: Faults,
        data: st.DataObject,
        tell: bool,  # noqa: FBT001
    ) -> None:
        """None is changed, doubled or left out, none goes too early, and it always ends."""
        times = data.draw(moments(len(octets)))
        start = data.draw(st.integers(0, len(octets)))
        answer = Answer(Outgoing.from_bytes(octets), times=times, faults=faults)
        cuts = [cut for cut in (faults.truncate, faults.reset_after) if cut is not None]
        delivered = deliver(answer, start=start, tell=tell)
        assert delivered.octets == octets[start : min([len(octets), *cuts])]
        assert delivered.told == (delivered.octets if tell else b"")
        assert all(0 < write <= (faults.segment or len(octets)) for write in delivered.writes)
        for seconds, _ in delivered.moments:
            assert seconds >= faults.delay - CLOSE
        if faults.timing:
            for seconds, position in delivered.moments:
                due = [stop for at, stop in times if faults.delay + at <= seconds + CLOSE]
                assert not times or len(due) == len(times) or position <= max([start, *due])
