"""What a client sends, cut into requests: however it is split, and whatever the parser does, no octet is lost."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from httpwire.capture.arrival import Arrival, as_object, reason
from httpwire.capture.intake import Intake, Known
from httpwire.capture.keeping import PARTIAL, TUNNEL, Folder, Keeping, Piece
from httpwire.capture.model import Ending
from httpwire.wire.content import Limits
from httpwire.wire.element import Direction
from httpwire.wire.framing import Kind, Rule
from httpwire.wire.head import Head
from httpwire.wire.message import Message
from httpwire.wire.stream import Stream
from loopback import GET

some = settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow])

POST = b"POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello"
CONNECT = b"CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n"
HELLO = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(range(64))  # how TLS begins


class Memory(Keeping):
    """Keeps small requests, and how each is marked."""

    def __init__(self) -> None:
        self.all: list[tuple[bytes, str]] = []

    def piece(self, number: int) -> Piece:
        return Piece(self, number)

    def keep(self, piece: Piece, arrival: Arrival, ending: str) -> str:
        assert piece.number == arrival.number
        assert piece.octets == arrival.octets
        self.all.append((piece.held(), ending))
        return f"{len(self.all)}{ending}"


class Forgetful(Known):
    """Remembers no request."""

    def add(self, *_: object, **__: object) -> None:
        pass


@dataclass
class Taken:
    """What came of one connection's octets."""

    events: list[Head | Arrival] = field(default_factory=list)
    kept: list[tuple[bytes, str]] = field(default_factory=list)

    @property
    def arrivals(self) -> list[Arrival]:
        return [event for event in self.events if isinstance(event, Arrival)]

    @property
    def octets(self) -> bytes:
        return b"".join(octets for octets, _ in self.kept)

    @property
    def endings(self) -> list[tuple[Ending, str]]:
        return [(arrival.ending, suffix) for arrival, (_, suffix) in zip(self.arrivals, self.kept, strict=True)]


def intake(keeping: Keeping, known: Known | None = None, limits: Limits | None = None) -> Intake:
    return Intake(keeping, known or Known(), itertools.count(1).__next__, "127.0.0.1:9", 7, limits)


def take(
    segments: Iterable[bytes],
    *,
    ending: Ending | None = Ending.CLOSED,
    known: Known | None = None,
    limits: Limits | None = None,
    refusing: bool = False,
) -> Taken:
    """Feed the segments of one connection, which then ends with `ending` (None: it goes on)."""
    memory = Memory()
    made = intake(memory, known, limits)
    made.refusing = refusing
    taken = Taken(kept=memory.all)
    for segment in segments:
        taken.events += made.feed(segment)
    if ending and (last := made.finish(ending)):
        taken.events.append(last)
    return taken


def facts(taken: Taken) -> list[tuple[object, ...]]:
    """All that is known of each arrival and its message, but for the moment and the message's own offsets."""
    return [(told(arrival), *about(arrival.message)) for arrival in taken.arrivals]


def told(arrival: Arrival) -> dict[str, object]:
    return {**as_object(arrival), "time": 0, "closes": arrival.closes}


def about(message: Message | None) -> tuple[object, ...]:
    if message is None:
        return ()
    return (
        message.head.raw if message.head else None,
        message.framing.kind if message.framing else None,
        message.framing.rule if message.framing else None,
        message.complete,
        message.octets,
        message.chunks,
        [(field.name, field.value) for field in message.trailers],
        [(finding.deviation.id, finding.start - message.start) for finding in message.findings],
    )


def extents(taken: Taken) -> list[tuple[int, int, int] | None]:
    """Where each message lies on its connection."""
    messages = [arrival.message for arrival in taken.arrivals]
    return [(message.start, message.content_start, message.stop) if message else None for message in messages]


# What clients send: requests, requests with a few octets changed, and noise.

START = [b"GET / HTTP/1.1", b"HEAD /x HTTP/1.1", b"POST /a?b HTTP/1.1", b"GET / HTTP/1.0", b"M-X http://a/ HTTP/1.1"]
FIELDS = [b"Host: a", b"Connection: close", b"Connection: keep-alive", b"Expect: 100-continue", b"A:  b\xe9", b"A: b"]
PARTS = [
    *(b"\r\n", b"\n", b"\r", b" ", b":", b"\x00", b"\xff", b"5", b"x", b"GET / HTTP/1.1\r\n\r\n", b"GET /\r\n\r\n"),
    *(b"CONNECT a:1 HTTP/1.1\r\n\r\n", b"CONNECT a:1\r\n\r\n", b"Content-Length: 3\r\n", b"Content-Length: +3\r\n"),
    *(b"Transfer-Encoding: chunked\r\n", b"Transfer-Encoding: gzip\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    *(b"\x16\x03\x01", b"\xff\xfe", b"\xef\xbb\xbf", b"HTTP/1.1 200 OK\r\n\r\n", b"0\r\n\r\n", b"3\r\nabc\r\n"),
]


@st.composite
def requests(draw: st.DrawFn) -> bytes:
    """One request that ends by itself, sometimes with empty lines before it."""
    lines = [draw(st.sampled_from(START)), *draw(st.lists(st.sampled_from(FIELDS), max_size=3))]
    content = draw(st.binary(max_size=30))
    kind = draw(st.sampled_from(["none", "none", "length", "chunked"]))
    if kind == "chunked" and not lines[0].endswith(b"1.0"):
        lines.append(b"Transfer-Encoding: chunked")
        size = draw(st.integers(1, 12))
        chunks = [content[i : i + size] for i in range(0, len(content), size)]
        content = b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks) + b"0\r\nA: b\r\n\r\n"
    elif kind == "length":
        lines.append(b"Content-Length: %d" % len(content))
    else:
        content = b""
    before = draw(st.sampled_from([b"", b"", b"", b"\r\n", b"\n\r\n"]))
    return before + b"\r\n".join([*lines, b"", b""]) + content


@st.composite
def changed(draw: st.DrawFn) -> bytes:
    octets = b"".join(draw(st.lists(requests(), min_size=1, max_size=4)))
    for _ in range(draw(st.integers(1, 3))):
        start = draw(st.integers(0, len(octets)))
        octets = octets[:start] + draw(st.sampled_from(PARTS)) + octets[start + draw(st.integers(0, 3)) :]
    return octets


anything = st.one_of(
    st.lists(requests(), max_size=5).map(b"".join),
    changed(),
    changed(),
    st.lists(st.sampled_from(PARTS), max_size=10).map(b"".join),
    st.binary(max_size=60),
)


@st.composite
def split(draw: st.DrawFn, octets: bytes) -> list[bytes]:
    places = sorted(draw(st.lists(st.integers(0, len(octets)), max_size=8)))
    return [octets[a:b] for a, b in zip([0, *places], [*places, len(octets)], strict=True)]


def each(octets: bytes) -> list[bytes]:
    return [octets[i : i + 1] for i in range(len(octets))]


small = st.builds(Limits, st.integers(20, 80), st.integers(2, 6), st.integers(1, 3), st.integers(4, 20))
endings = st.sampled_from([Ending.CLOSED, Ending.FAILED, Ending.TIMED_OUT, Ending.INTERRUPTED])


def assert_nothing_is_lost(taken: Taken, octets: bytes) -> None:
    """What is kept is what came; and the arrivals, in their order, are all of the connection."""
    assert taken.octets == octets
    position = 0
    for number, (arrival, (kept, suffix)) in enumerate(zip(taken.arrivals, taken.kept, strict=True), 1):
        assert (arrival.number, arrival.start, arrival.stop) == (number, position, position + len(kept))
        assert arrival.octets == len(kept) > 0
        assert arrival.complete == (suffix == "")
        assert arrival.complete == (reason(arrival) == "")
        assert arrival.file == f"{number}{suffix}"
        assert (arrival.peer, arrival.connection) == ("127.0.0.1:9", 7)
        position = arrival.stop
    assert position == len(octets)


class TestLaws:
    @some
    @given(anything, st.data(), endings, st.booleans(), st.none() | small)
    def test_every_octet_is_kept_once_and_in_order(
        self,
        octets: bytes,
        data: st.DataObject,
        ending: Ending,
        refusing: bool,  # noqa: FBT001
        limits: Limits | None,
    ) -> None:
        segments = data.draw(split(octets))
        assert_nothing_is_lost(take(segments, ending=ending, refusing=refusing, limits=limits), octets)

    @some
    @given(anything, st.data(), endings, st.booleans(), st.none() | small)
    def test_every_split_gives_the_same(
        self,
        octets: bytes,
        data: st.DataObject,
        ending: Ending,
        refusing: bool,  # noqa: FBT001
        limits: Limits | None,
    ) -> None:
        whole = take([octets], ending=ending, refusing=refusing, limits=limits)
        for segments in (data.draw(split(octets)), each(octets)):
            taken = take(segments, ending=ending, refusing=refusing, limits=limits)
            assert facts(taken) == facts(whole)
            assert extents(taken) == extents(whole)
            assert taken.kept == whole.kept
            assert [type(event) for event in taken.events] == [type(event) for event in whole.events]

    @some
    @given(st.lists(requests(), min_size=1, max_size=6), st.data())
    def test_each_request_is_one_arrival(self, parts: list[bytes], data: st.DataObject) -> None:
        taken = take(data.draw(split(b"".join(parts))))
        assert [octets for octets, _ in taken.kept] == parts
        assert all(arrival.complete for arrival in taken.arrivals)

    @some
    @given(st.lists(requests(), min_size=1, max_size=4), st.data(), endings)
    def test_what_is_cut_short_is_kept_and_says_why(
        self, parts: list[bytes], data: st.DataObject, ending: Ending
    ) -> None:
        octets = b"".join(parts)
        cut = data.draw(st.integers(0, len(octets)))
        taken = take(data.draw(split(octets[:cut])), ending=ending)
        assert_nothing_is_lost(taken, octets[:cut])
        whole = [stop for stop in itertools.accumulate(map(len, parts)) if stop <= cut]
        expected = [(Ending.COMPLETE, "")] * len(whole)
        if cut and cut not in whole:
            expected.append((ending, PARTIAL))
        assert taken.endings == expected

    @some
    @given(st.lists(requests(), min_size=1, max_size=5, unique=True), st.data())
    def test_a_request_that_is_known_gives_the_same_as_one_that_is_not(
        self, parts: list[bytes], data: st.DataObject
    ) -> None:
        known = Known()
        take(parts, known=known)
        sent = data.draw(st.lists(st.sampled_from(parts), max_size=8))
        segments = data.draw(st.sampled_from([sent, [b"".join(sent)]]) | split(b"".join(sent)))
        taken, plainly = take(segments, known=known), take(segments, known=Forgetful())
        assert facts(taken) == facts(plainly)
        assert taken.kept == plainly.kept
        assert_nothing_is_lost(taken, b"".join(sent))

    @some
    @given(changed(), st.lists(requests(), min_size=1, max_size=3), st.data())
    def test_also_after_octets_that_are_none(self, before: bytes, parts: list[bytes], data: st.DataObject) -> None:
        """What is remembered never hides that the connection is in the middle of something else."""
        known = Known()
        take(parts, known=known)
        segments = [*data.draw(split(before)), *parts]
        taken, plainly = take(segments, known=known), take(segments, known=Forgetful())
        assert facts(taken) == facts(plainly)
        assert taken.kept == plainly.kept


class TestKnown:
    def test_the_message_of_a_known_request_has_its_own_offsets(self) -> None:
        """A Message's offsets are absolute: those of this connection, not of the one where it was first seen."""
        known = Known()
        take([GET], known=known)
        assert extents(take([POST, GET, GET], known=known)) == extents(take([POST, GET, GET], known=Forgetful()))

    def test_what_no_whole_request_ends_is_not_remembered(self) -> None:
        known = Known()
        take([GET[:5], GET[5:], GET + POST, POST + GET[:3]], known=known)
        assert known.get(GET + POST) is None
        assert known.get(GET[:5]) is None
        assert known.get(GET[5:]) is None

    def test_nor_what_is_very_large(self) -> None:
        known = Known()
        large = GET[:-2] + b"A: " + b"x" * 10_000 + b"\r\n\r\n"
        assert take([large, large], known=known).octets == large * 2
        assert known.get(large) is None

    def test_however_many_requests_come_memory_stays_small(self) -> None:
        known = Known()
        for number in range(5_000):
            take([b"GET /%d HTTP/1.1\r\nHost: a\r\n\r\n" % number], known=known)
        assert (
            sum(known.get(b"GET /%d HTTP/1.1\r\nHost: a\r\n\r\n" % number) is not None for number in range(5_000))
            < 1000
        )

    def test_the_octets_of_a_known_request_inside_content_are_content(self) -> None:
        known = Known()
        take([GET], known=known)
        upload = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % len(GET)
        taken = take([upload, GET, GET], known=known)
        assert [octets for octets, _ in taken.kept] == [upload + GET, GET]

    def test_and_in_a_tunnel_they_are_the_tunnel_s(self) -> None:
        known = Known()
        take([GET], known=known)
        taken = take([CONNECT, GET, GET], known=known)
        assert taken.kept == [(CONNECT, ""), (GET + GET, TUNNEL)]


class TestWhatIsSaid:
    def test_a_head_is_told_as_soon_as_it_is_whole(self) -> None:
        made = intake(Memory())
        assert made.feed(POST[:-10]) == []
        [head] = made.feed(POST[-10:-5])
        assert isinstance(head, Head)
        assert head.line.target == b"/a"
        assert made.framing
        assert (made.framing.kind, made.framing.length) == (Kind.LENGTH, 5)
        assert made.under_way
        [arrival] = made.feed(b"hello")
        assert isinstance(arrival, Arrival)
        assert not made.under_way
        assert made.framing is None

    def test_a_connection_without_octets_has_no_arrival(self) -> None:
        assert take([]).events == []
        assert take([GET]).endings == [(Ending.COMPLETE, "")], "its close is the end of nothing"

    def test_the_server_name_of_the_handshake_belongs_to_it(self) -> None:
        made = intake(Memory())
        made.name = "www.test"
        [_, arrival] = made.feed(GET)
        assert isinstance(arrival, Arrival)
        assert as_object(arrival)["server_name"] == "www.test"

    @pytest.mark.parametrize(
        ("octets", "closes"),
        [
            (GET, False),
            (GET[:-2] + b"Connection: close\r\n\r\n", True),
            (GET[:-2] + b"Connection: x, CLOSE\r\n\r\n", True),
            (b"GET / HTTP/1.0\r\n\r\n", True),
            (b"GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", False),
        ],
    )
    def test_whether_the_client_wants_the_connection_closed(self, octets: bytes, closes: bool) -> None:  # noqa: FBT001
        known = Known()
        for _ in range(2):
            [arrival] = take([octets], known=known).arrivals
            assert arrival.closes is closes

    @pytest.mark.parametrize(
        ("octets", "expected"),
        [
            (b"POST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n", True),
            (b"POST / HTTP/1.1\r\nexpect: 100-Continue\r\nTransfer-Encoding: chunked\r\n\r\n", True),
            (b"POST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\nh", False),  # it did not wait
            (b"POST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 0\r\n\r\n", False),
            (b"GET / HTTP/1.1\r\nExpect: 100-continue\r\n\r\n", False),  # nothing to wait with
            (b"POST / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n", False),  # RFC 9110 10.1.1
            (b"POST / HTTP/1.1\r\nExpect: something\r\nContent-Length: 5\r\n\r\n", False),
            (b"POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\n", False),
        ],
    )
    def test_whether_it_waits_to_be_told_to_go_on(self, octets: bytes, expected: bool) -> None:  # noqa: FBT001
        made = intake(Memory())
        head = next(event for event in made.feed(octets) if isinstance(event, Head))
        assert made.expects_continue(head) is expected

    def test_a_second_upload_on_the_connection_waits_as_the_first_did(self) -> None:
        made = intake(Memory())
        upload = b"POST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n"
        for segment in (upload, b"hello", GET, upload):
            events = made.feed(segment)
        assert isinstance(events[-1], Head)
        assert made.expects_continue(events[-1])


class TestWhatIsNone:
    @pytest.mark.parametrize(
        ("octets", "why"),
        [
            (HELLO, "not-http"),
            (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(9), "not-http"),
            (b"GET / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx", "length-invalid"),
            (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "chunk-broken"),
        ],
    )
    def test_octets_whose_end_nobody_can_know_are_one_arrival(self, octets: bytes, why: str) -> None:
        for segments in ([octets + GET], [octets, GET], each(octets + GET)):
            taken = take(segments, ending=Ending.REFUSED)
            assert taken.kept == [(octets + GET, PARTIAL)]
            assert reason(taken.arrivals[0]) == why

    @pytest.mark.parametrize("after", [b"S\0", b"SET / HTTP/1.1\r\n\r\n", b"SM\r\nGET / HTTP/1.1\r\n\r\n"])
    def test_what_begins_as_http2_does_is_cut_at_the_same_places_however_it_comes(self, after: bytes) -> None:
        """The parser waits for more of the preface, and has by then been given octets of what follows."""
        octets = b"PRI * HTTP/2.0\r\n\r\n" + after
        whole = take([octets])
        for segments in ([octets[:19], octets[19:]], [octets[:20], octets[20:]], each(octets)):
            assert take(segments).kept == whole.kept
        assert_nothing_is_lost(whole, octets)

    @pytest.mark.parametrize("octets", [b"hello world\r\n\r\n", b"HTTP/1.1 200 OK\r\n\r\n", b"\x00\r\n\r\n"])
    def test_a_head_that_is_no_request_s_is_refused_by_itself(self, octets: bytes) -> None:
        [arrival] = take([octets], ending=None).arrivals
        assert arrival.ending is Ending.REFUSED
        assert not arrival.complete

    def test_a_head_over_the_limit_goes_on_to_the_end(self) -> None:
        octets = GET[:-2] + b"A: " + b"x" * 200 + b"\r\n\r\n"
        made = intake(memory := Memory(), limits=Limits(head=100))
        for segment in each(octets):
            assert made.feed(segment) == []
        assert made.framing
        assert made.framing.rule is Rule.LIMIT
        arrival = made.finish(Ending.OVER_LIMIT)
        assert arrival
        assert (arrival.ending, reason(arrival)) == (Ending.OVER_LIMIT, "limit")
        assert memory.all == [(octets, PARTIAL)]

    def test_where_nothing_counts_every_request_is_refused(self) -> None:
        """Plain HTTP on a port that speaks TLS: it is kept, and never a success."""
        known = Known()
        take([GET], known=known)
        taken = take([GET, POST, GET], known=known, refusing=True)
        assert taken.kept == [(GET, PARTIAL), (POST, PARTIAL), (GET, PARTIAL)]
        assert {arrival.ending for arrival in taken.arrivals} == {Ending.REFUSED}
        assert take([GET], known=known).endings == [(Ending.COMPLETE, "")]


class TestTunnel:
    @pytest.mark.parametrize("before", [GET, POST, b"\r\n" + GET + POST])
    def test_requests_that_come_in_one_segment_with_it_end_as_they_do_by_themselves(self, before: bytes) -> None:
        alone, together = take([before]), take([before + CONNECT])
        assert together.kept == [*alone.kept, (CONNECT, "")]
        assert [arrival.number for arrival in together.arrivals] == [*range(1, len(together.arrivals) + 1)]
        assert facts(together)[:-1] == facts(alone)

    @some
    @given(st.binary(max_size=60), st.data(), endings)
    def test_connect_ends_with_its_head_and_what_follows_is_the_tunnel_s(
        self, after: bytes, data: st.DataObject, ending: Ending
    ) -> None:
        for segments in (data.draw(split(GET + CONNECT + after)), [GET, CONNECT, after]):
            taken = take(segments, ending=ending)
            expected = [(GET, ""), (CONNECT, "")]
            if after:
                expected.append((after, TUNNEL))
            assert taken.kept == expected
            assert_nothing_is_lost(taken, GET + CONNECT + after)
            message = taken.arrivals[1].message
            assert message
            assert (message.method, message.target, message.complete) == (b"CONNECT", b"a:443", True)
            assert (message.start, message.stop) == (len(GET), len(GET + CONNECT))

    def test_an_answer_can_make_a_tunnel_of_any_connection(self) -> None:
        upgrade = b"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: x\r\n\r\n"
        made = intake(memory := Memory())
        made.feed(upgrade)
        made.tunnel = True  # what 101 (Switching Protocols) does
        for segment in (b"\x81\x05hello", GET, b"\xff" * 100_000):
            assert made.feed(segment[:60]) == []
        arrival = made.finish(Ending.CLOSED)
        assert arrival
        assert arrival.message is None
        assert memory.all == [(upgrade, ""), (b"\x81\x05hello" + GET + b"\xff" * 60, TUNNEL)]


class TestFaultsOfOurs:
    """Law 3: octets are recorded before any parser sees them, so that its bugs can't lose one."""

    def broken(self, *_: object, **__: object) -> NoReturn:
        raise ZeroDivisionError("a fault of the parser")

    @pytest.mark.parametrize("before", [[], [GET], [POST[:-2]], [GET, POST[:-2], b"lo"]])
    def test_octets_are_kept_though_the_parser_fails_on_them(
        self, monkeypatch: pytest.MonkeyPatch, before: list[bytes]
    ) -> None:
        made = intake(memory := Memory())
        for segment in before:
            made.feed(segment)
        with monkeypatch.context() as patched:
            patched.setattr(Stream, "feed", self.broken)
            with pytest.raises(ZeroDivisionError):
                made.feed(b"these octets\r\n\r\n")
        assert made.finish(Ending.FAILED)
        assert b"".join(octets for octets, _ in memory.all) == b"".join(before) + b"these octets\r\n\r\n"
        assert memory.all[-1][1] == PARTIAL

    def test_also_where_it_fails_again_at_the_end(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """What it could not read once it will not read the second time either."""
        made = intake(memory := Memory())
        made.feed(GET)
        with monkeypatch.context() as patched:
            patched.setattr(Stream, "feed", self.broken)
            patched.setattr(Stream, "feed_eof", self.broken)
            with pytest.raises(ZeroDivisionError):
                made.feed(b"these octets\r\n\r\n")
            arrival = made.finish(Ending.FAILED)
        assert arrival
        assert (arrival.message, arrival.ending) == (None, Ending.FAILED)
        assert memory.all == [(GET, ""), (b"these octets\r\n\r\n", PARTIAL)]

    def test_also_where_content_can_t_be_passed_by(self, monkeypatch: pytest.MonkeyPatch) -> None:
        made = intake(memory := Memory())
        made.feed(POST[:-5])
        with monkeypatch.context() as patched:
            patched.setattr(Stream, "skip", self.broken)
            with pytest.raises(ZeroDivisionError):
                made.feed(b"he")
        assert made.finish(Ending.FAILED)
        assert memory.all == [(POST[:-3], PARTIAL)]

    @pytest.mark.parametrize("name", ["closes", "options", "values"])
    def test_also_where_what_it_found_can_t_be_read(self, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
        made = intake(memory := Memory())
        octets = GET[:-2] + b"Connection: x\r\n\r\n"
        with monkeypatch.context() as patched:
            patched.setattr(Message, name, self.broken if name == "values" else property(self.broken))
            with pytest.raises(ZeroDivisionError):
                made.feed(octets + POST)
        assert made.finish(Ending.FAILED)
        assert b"".join(kept for kept, _ in memory.all) == octets + POST

    @some
    @given(st.lists(requests(), min_size=1, max_size=4), st.data())
    def test_wherever_it_fails_what_had_come_is_kept(self, parts: list[bytes], data: st.DataObject) -> None:
        octets = b"".join(parts)
        segments = data.draw(split(octets))
        calls = itertools.count(1)
        fails = data.draw(st.integers(1, len(segments)))
        usual = Stream.feed

        def feed(stream: Stream, fed: bytes | memoryview) -> Sequence[object]:
            if next(calls) >= fails:
                self.broken()
            return usual(stream, fed)

        made = intake(memory := Memory(), Forgetful())
        came = b""
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(Stream, "feed", feed)
            for segment in segments:
                came += segment
                try:
                    made.feed(segment)
                except ZeroDivisionError:
                    break
        made.finish(Ending.FAILED)
        assert b"".join(kept for kept, _ in memory.all) == came


class TestLarge:
    @pytest.mark.parametrize("ending", [None, Ending.CLOSED])
    def test_an_upload_is_in_its_file_octet_for_octet(self, tmp_path: Path, ending: Ending | None) -> None:
        content = os.urandom(1 << 20)
        head = b"POST /up HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % (len(content) + (ending is not None))
        octets = head + content
        folder = Folder(str(tmp_path))
        made = intake(folder)
        events: list[Head | Arrival] = []
        for start in range(0, len(octets), 65_521):
            events += made.feed(octets[start : start + 65_521])
        if ending:
            arrival = made.finish(ending)
            assert arrival
            events.append(arrival)
        folder.close()
        assert [type(event) for event in events] == [Head, Arrival]
        last = events[-1]
        assert isinstance(last, Arrival)
        assert Path(last.file).name == ("0001-POST-up.http.partial" if ending else "0001-POST-up.http")
        assert Path(last.file).read_bytes() == octets

    def test_a_chunked_one_too(self, tmp_path: Path) -> None:
        chunks = b"".join(b"%x\r\n%b\r\n" % (size, os.urandom(size)) for size in (1, 70_000, 65_536, 3, 300_000))
        octets = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks + b"0\r\n\r\n"
        folder = Folder(str(tmp_path))
        made = intake(folder)
        arrivals = [
            event
            for start in range(0, len(octets + GET), 10_007)
            for event in made.feed((octets + GET)[start : start + 10_007])
            if isinstance(event, Arrival)
        ]
        folder.close()
        assert [Path(arrival.file).read_bytes() for arrival in arrivals] == [octets, GET]


def test_a_stream_alone_agrees_on_where_requests_end() -> None:
    """The arrivals are cut where the parser of the ground floor ends its messages."""
    octets = b"\r\n" + GET + POST + b"\n\n" + GET
    messages = [event for event in Stream(Direction.REQUEST).feed(octets) if isinstance(event, Message)]
    assert [arrival.stop for arrival in take([octets]).arrivals] == [message.stop for message in messages]
