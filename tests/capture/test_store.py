"""What a capture file promises: an index that is always that of its events, and nothing lost."""

from __future__ import annotations

import contextlib
import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import stored
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from stored import Step, get, index_of, make, octets, ok, one, rebuilt, rows, tell

from httpwire.capture.model import EventKind, TlsFacts
from httpwire.capture.store import companion
from httpwire.capture.store.capture import Capture
from httpwire.capture.store.checking import faults
from httpwire.capture.store.chosen import Chosen
from httpwire.capture.store.companion import Companion
from httpwire.capture.store.connection import Connection
from httpwire.capture.store.copying import Original, copy
from httpwire.capture.store.removal import remove
from httpwire.capture.store.writing import Appender, Writer
from httpwire.capture.traffic import ConnectionFacts, put_exchange
from httpwire.errors import OutputUnwritable, RecordingBroken, RecordingUnreadable, SaveFailed

_PHASES = (Phase.explicit, Phase.reuse, Phase.generate)  # why it failed would be sought for minutes
_EXCHANGES = (
    (get("/plain"), ok()),
    (get("/long"), ok(b"0123456789" * 30)),
    (b"HEAD /head HTTP/1.1\r\nHost: a\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"),
    (b"POST /up HTTP/1.1\r\nHost: a\r\nContent-Length: 7\r\n\r\nsecrets", b"HTTP/1.1 204 No Content\r\n\r\n"),
    (get("/chunks"), b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"),
    (get("/hints"), b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + ok(b"hinted")),
    (b"\r\n" + get("/empty-line"), ok()),
    (get("/extra"), ok() + b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n"),
)
_LAST = (
    (get("/until-close"), b"HTTP/1.1 200 OK\r\n\r\nuntil the close"),
    (get("/cut"), b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\ncut"),
    (get("/none"), b""),
    (b"CONNECT b:443 HTTP/1.1\r\nHost: b:443\r\n\r\n" + get("/inside"), b"HTTP/1.1 200 OK\r\n\r\n\x16\x03\x01tunnel"),
    (b"\x16\x03\x01\x00 no http", b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"),
    (b"GET /half HTTP/1.1\r\nHos", b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n"),
    (b"", b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n"),
    (b"GET /nothing", b""),
)


@st.composite
def _connections(draw: st.DrawFn, *, gaps: bool = True) -> list[Step]:
    """Steps of several connections, beside each other, with `gaps` where octets were not captured."""
    waiting: list[list[Step]] = []
    for number in range(draw(st.integers(1, 4))):
        parts = draw(st.lists(st.sampled_from(_EXCHANGES), max_size=4))
        parts += draw(st.lists(st.sampled_from(_LAST), max_size=1))
        steps: list[Step] = []
        if draw(st.booleans()):  # pipelined
            steps += [*_split(draw, number, ">", b"".join(r for r, _ in parts))]
            steps += [*_split(draw, number, "<", b"".join(a for _, a in parts))]
        else:
            for request, answer in parts:
                steps += [*_split(draw, number, ">", request), *_split(draw, number, "<", answer)]
        if steps and gaps and draw(st.integers(0, 3)) == 0:
            side, count = draw(st.sampled_from(("?>", "?<"))), draw(st.sampled_from((b"", b"1", b"9", b"400")))
            steps.insert(draw(st.integers(0, len(steps))), (number, side, count))
        if draw(st.booleans()):
            steps.append((number, ".", b""))
        if draw(st.booleans()):
            steps += [(number, draw(st.sampled_from(("closed", "cut"))), b""), (number, "end", b"")]
        waiting.append(steps)
    told: list[Step] = []
    while waiting := [steps for steps in waiting if steps]:
        told.append(draw(st.sampled_from(waiting)).pop(0))
    return told


def _split(draw: st.DrawFn, number: int, side: str, data: bytes) -> list[Step]:
    cuts = sorted(draw(st.sets(st.integers(1, max(1, len(data) - 1)), max_size=3)))
    bounds = [0, *cuts, len(data)]
    return [(number, side, data[a:b]) for a, b in pairwise(bounds) if a < b]


@settings(max_examples=50, phases=_PHASES)
@given(_connections(), st.data())
def test_an_index_that_grows_is_the_one_that_is_made_at_once(steps: list[Step], data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "a.hwire")
        stops = sorted(data.draw(st.sets(st.integers(0, len(steps)), max_size=4)))
        names: dict[int, int] = {}
        with Appender(str(path)) as sink, Capture(str(path)) as lasting:
            for start, stop in zip([0, *stops], [*stops, len(steps)], strict=True):
                tell(sink, steps[start:stop], names, start)
                sink.flush()
                if data.draw(st.booleans()):
                    lasting.update()
                elif data.draw(st.booleans()):
                    with Capture(str(path)) as other:
                        other.update()
        with Capture(str(path)) as capture:
            capture.update()
            found = rows(capture)
            taken = capture.db.execute("SELECT next FROM progress").fetchone()[0]
        assert found == rebuilt(path)
        numbers = [row[0] for row in found]
        assert max(numbers, default=0) < taken
        _tiled(path)


@settings(max_examples=200, phases=_PHASES)
@given(_connections())
def test_the_short_way_says_what_a_conversation_would(steps: list[Step]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = make(Path(folder, "a.hwire"), steps)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Connection, "_take_plain", lambda *_: False)
            assert index_of(path) == rebuilt(path)


@pytest.mark.parametrize(
    ("request_", "answer"),
    [
        (get("/", more="Host: b\r\n"), ok()),
        (b"PRI * HTTP/2.0\r\n\r\n", ok()),
        (b"CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n", ok()),
        (b"GET http://Proxied/x HTTP/1.1\r\nHost: a\r\n\r\n", ok()),
        (b"GET / HTTP/1.0\r\n\r\n", ok()),
        (b"get / HTTP/1.1\r\nHost: a\r\n\r\n", ok()),
        (b"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n", ok()),
        (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nok", ok()),
        (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nok", ok()),
        (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nok", ok()),
        (get(), ok(b"")),
        (get(), ok(more="Content-Length: 2\r\n")),
        (get(), ok(b"x" * 9000)),
        (get(), ok(b"x" * 90000)),
        (get(), b"HTTP/1.1 304 Not Modified\r\nContent-Length: 2\r\n\r\n"),
        (get(), b"HTTP/1.1 304 Not Modified\r\nContent-Length: 2\r\n\r\nok"),
        (get(), b"HTTP/1.1 101 Switching Protocols\r\n\r\nok"),
        (get(), b"HTTP/1.1 100 Continue\r\n\r\n" + ok()),
        (get(), b"HTTP/1.1 099 What\r\nContent-Length: 0\r\n\r\n"),
        (get(), b"HTTP/1.1 200 OK\nContent-Length: 0\n\n"),
        (get(), b"HTTP/1.1 200 OK\r\nContent-Length: 00000000000000000000002\r\n\r\nok"),
        (get(), b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\nok"),
        (get(), b"not http"),
    ],
)
def test_the_short_way_is_taken_for_what_is_plain_alone(tmp_path: Path, request_: bytes, answer: bytes) -> None:
    """Twice on a connection, with a plain exchange before, between and behind."""
    plain = [(0, ">", get("/plain")), (0, "<", ok())]
    steps = [*plain, (0, ">", request_), (0, "<", answer), *plain, (0, ">", request_), (0, "<", answer), *plain]
    path = make(tmp_path / "a.hwire", [*steps, (0, "closed", b""), (0, "end", b"")])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Connection, "_take_plain", lambda *_: False)
        assert index_of(path) == rebuilt(path)


def _tiled(path: Path) -> None:
    """Every octet of a connection that has ended and has exchanges belongs to one of them."""
    with Capture(str(path)) as capture:
        for (connection,) in capture.db.execute("SELECT connection FROM events WHERE kind = 5").fetchall():
            entries = list(capture.exchanges("connection = ?", (connection,)))
            for side, direction in enumerate((stored.REQUEST, stored.RESPONSE)):
                whole = b"".join(data for _, data in capture.segments(connection, direction))
                assert not entries or b"".join(octets(capture, e.number)[side] for e in entries) == whole


@settings(max_examples=60, phases=_PHASES)
@given(_connections(gaps=False), st.data())
def test_what_is_removed_changes_nothing_else(steps: list[Step], data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = make(Path(folder, "a.hwire"), steps)
        with Capture(str(path)) as capture:
            before = {entry.number: entry for entry in capture.exchanges()}
            kept = {number: octets(capture, number) for number in before}
        for _ in range(2):
            gone = data.draw(st.sets(st.sampled_from(sorted(kept)))) if kept else set()
            with Capture(str(path)) as capture, Capture(str(path)) as other:
                other.update()
                removed = remove(capture, [before[number] for number in sorted(gone)])
                assert removed.exchanges == len(gone)
                for number in gone:
                    del kept[number]
                assert {entry.number: octets(capture, entry.number) for entry in capture.exchanges()} == kept
                other.update()  # a process that had read the file before goes on
                for entry in other.exchanges():
                    # Findings of the connection go to its last one; where octets are that are none is all the same.
                    assert entry[7:-1] == before[entry.number][7:-1]
        assert index_of(path) == rebuilt(path)
        _tiled(path)


def test_removed_octets_are_gone_from_the_file_and_all_beside_it(tmp_path: Path) -> None:
    steps = [step for number in range(40) for step in one(number, f"/{number}", b"secret-%d " % number * 500)]
    path = make(tmp_path / "a.hwire", steps)
    before = path.stat().st_size
    with Capture(str(path)) as capture:
        remove(capture, capture.exchanges("number BETWEEN 11 AND 20"))
        kept = [b"".join(file.read_bytes() for file in tmp_path.iterdir())]
    kept.append(path.read_bytes())
    for left in kept:
        assert not any(b"secret-%d " % number in left for number in range(10, 20))
        assert all(b"secret-%d " % number in left for number in (9, 20, 39))
    assert path.stat().st_size < before * 0.85


def test_what_is_removed_while_a_segment_holds_several_moves_the_later_events(tmp_path: Path) -> None:
    pipelined = [
        (0, ">", b"".join(get(f"/{n}") for n in range(9))),
        (0, "<", b"".join(ok(b"%d" % n) for n in range(9))),
    ]
    path = make(tmp_path / "a.hwire", [*pipelined, *one(1, "/later"), (0, ">", get("/9"))])
    with Capture(str(path)) as capture:
        removed = remove(capture, capture.exchanges("number IN (2, 3, 5, 8)"))
        assert removed.runs == ((2, 3), (5, 5), (8, 8))
        assert [entry.target for entry in capture.exchanges()] == ["/0", "/3", "/5", "/6", "/8", "/later", "/9"]
        assert octets(capture, 6) == (get("/5"), ok(b"5"))
        whole = b"".join(data for _, data in capture.segments(1, stored.REQUEST))
        assert whole == b"".join(get(f"/{n}") for n in (0, 3, 5, 6, 8, 9))
    assert index_of(path) == rebuilt(path)


def test_who_appends_to_a_connection_goes_on_behind_what_was_removed_of_it(tmp_path: Path) -> None:
    path = tmp_path / "a.hwire"
    names: dict[int, int] = {}
    with Appender(str(path)) as sink:
        tell(sink, [(0, ">", get("/0")), (0, "<", ok(b"0")), (0, ">", get("/1"))], names)
        sink.flush()
        with Capture(str(path)) as capture:
            capture.update()
            assert remove(capture, capture.exchanges("number = 1")).connections == 0
        tell(sink, [(0, "<", ok(b"1")), (0, ">", get("/2")), (0, "<", ok(b"2"))], names, 9)
        sink.flush()
        with Capture(str(path)) as capture:
            capture.update()
            assert remove(capture, capture.exchanges("number IN (2, 3)")).exchanges == 2
        tell(sink, [(0, ">", get("/3")), (0, "<", ok(b"3")), (0, "closed", b""), (0, "end", b"")], names, 20)
    with Capture(str(path)) as capture:
        capture.update()
        assert [(entry.number, entry.target, entry.outcome) for entry in capture.exchanges()] == [(4, "/3", "complete")]
        assert octets(capture, 4) == (get("/3"), ok(b"3"))
    assert index_of(path) == rebuilt(path)


def test_what_was_under_way_is_removed_and_said(tmp_path: Path) -> None:
    path = make(
        tmp_path / "a.hwire", [(0, ">", get("/0")), (0, "<", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nsec")]
    )
    with Capture(str(path)) as capture:
        removed = remove(capture, capture.exchanges())
        assert (removed.exchanges, removed.under_way, removed.connections) == (1, 1, 0)
        assert list(capture.connections()) == [1]  # whoever records it may append to it
    assert b"sec" not in path.read_bytes().replace(b"secrets", b"")


def _events(path: Path) -> list[Any]:
    query = "SELECT connection, direction, kind, at, start, data FROM events ORDER BY id"
    with Capture(str(path)) as capture:
        return list(capture.db.execute(query))


def test_a_copy_has_every_event_also_of_a_kind_that_nobody_knows(tmp_path: Path) -> None:
    path = make(tmp_path / "a.hwire", [*one(0, "/0"), (1, ">", get("/1"))])
    with Capture(str(path)) as capture:
        capture.db.execute("INSERT INTO events VALUES (900, 2, 2, 77, 5000, 0, x'ff00')")
        with Appender(str(tmp_path / "b.hwire")) as sink:
            copy([Original(capture)], sink)
            assert sink.connections == 2
    assert _events(tmp_path / "b.hwire") == _events(path)
    assert (2, 2, 77, 5000, 0, b"\xff\x00") in _events(path)


@settings(max_examples=30, phases=_PHASES)
@given(_connections(), st.data())
def test_a_copy_of_some_exchanges_has_their_octets(steps: list[Step], data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = make(Path(folder, "a.hwire"), steps)
        with Capture(str(path)) as capture:
            wanted = [entry for entry in capture.exchanges() if data.draw(st.booleans())]
            with Appender(str(Path(folder, "b.hwire"))) as sink:
                copy([Original(capture, Chosen(capture, wanted))], sink)
            for side in (stored.REQUEST, stored.RESPONSE):
                whole = [b"".join(capture.octets(entry, side).blocks()) for entry in wanted]
                for connection in {entry.connection for entry in wanted}:
                    of_it = [o for o, entry in zip(whole, wanted, strict=True) if entry.connection == connection]
                    client = capture.facts(connection).client
                    with Capture(str(Path(folder, "b.hwire"))) as other:
                        same = next(n for n in other.connections() if other.facts(n).client == client)
                        assert b"".join(octets for _, octets in other.segments(same, side)) == b"".join(of_it)


def test_captures_are_put_together_by_their_clocks(tmp_path: Path) -> None:
    for name, shift in (("a", 0), ("b", 50_000), ("c", 20_000)):
        with Appender(str(tmp_path / f"{name}.hwire")) as sink:
            for number in range(3):
                began = stored.BEGAN + shift + number * 100_000
                put_exchange(sink, ConnectionFacts(began, origin=name), [get(f"/{name}{number}")], [ok()])
    with contextlib.ExitStack() as stack:
        captures = [stack.enter_context(Capture(str(tmp_path / f"{name}.hwire"))) for name in "abc"]
        with Appender(str(tmp_path / "all.hwire")) as sink:
            copy(map(Original, captures), sink)
    with Capture(str(tmp_path / "all.hwire")) as capture:
        capture.update()
        assert [e.target[1:] for e in capture.exchanges()] == ["a0", "c0", "b0", "a1", "c1", "b1", "a2", "c2", "b2"]


def test_a_capture_is_one_from_its_first_moment(tmp_path: Path) -> None:
    path = tmp_path / "a.hwire"
    with Appender(str(path)), Capture(str(path)) as capture:
        capture.update()
        assert list(capture.exchanges()) == []


def test_a_newer_format_is_refused_by_name(tmp_path: Path) -> None:
    path = make(tmp_path / "a.hwire", one(0, "/"))
    with Capture(str(path)) as capture:
        capture.db.execute("PRAGMA user_version = 99")
    for opened in (Capture, Appender):
        with pytest.raises(RecordingUnreadable) as caught:
            opened(str(path))
        assert str(path) in str(caught.value)
        assert "newer" in str(caught.value)
        assert "update" in caught.value.hint


def test_what_is_no_capture_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "a.hwire"
    with contextlib.closing(sqlite3.connect(path)) as db:
        db.execute("CREATE TABLE mine (a)")
    before = path.read_bytes()
    with pytest.raises(RecordingUnreadable):
        Capture(str(path))
    with pytest.raises(OutputUnwritable):
        Appender(str(path))
    assert path.read_bytes() == before


def _use(path: Path) -> int:
    """Read all that can be read; gives how many octets that were."""
    count = 0
    with Capture(str(path)) as capture:
        failure: RecordingBroken | None = None
        try:
            capture.update()
        except RecordingBroken as error:
            failure = error
        for entry in capture.exchanges():
            capture.facts(entry.connection)
            for side in (stored.REQUEST, stored.RESPONSE):
                count += sum(map(len, capture.octets(entry, side).blocks()))
        for connection in capture.connections():
            count += sum(1 for _ in capture.events(connection))
        if failure:
            raise failure
    return count


def _rewrite(path: Path) -> None:
    with Capture(str(path)) as capture:
        capture.index.rebuild()
        capture.update()
        remove(capture, capture.exchanges("number IN (2, 7)"))
    with Appender(str(path)) as sink:
        tell(sink, one(0, "/more"), {})
    list(faults(str(path)))


@settings(max_examples=40, phases=_PHASES)
@given(st.data())
def test_a_damaged_file_is_told_as_one(data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as folder:
        steps = [step for n in range(20) for step in one(n, f"/{n}", b"%d" % n * 900)]
        path = make(Path(folder, "a.hwire"), steps)
        octets = bytearray(path.read_bytes())
        how = data.draw(st.sampled_from(("cut", "flip", "flip many", "move", "overwrite")))
        place = data.draw(st.integers(0, len(octets) - 1))
        if how == "cut":
            del octets[place:]
        elif how == "move":
            page = data.draw(st.integers(0, len(octets) // 8192 - 1)) * 8192
            octets[page : page + 8192] = octets[place // 8192 * 8192 : place // 8192 * 8192 + 8192]
        elif how == "overwrite":
            octets[place : place + 3000] = data.draw(st.binary(min_size=1, max_size=50)) * 60
        else:
            for _ in range(1 if how == "flip" else 60):
                octets[data.draw(st.integers(0, len(octets) - 1))] ^= 1 << data.draw(st.integers(0, 7))
        for use in (_use, _rewrite):
            for beside in Path(folder).iterdir():
                beside.unlink()
            path.write_bytes(octets)
            with contextlib.suppress(RecordingBroken, RecordingUnreadable, OutputUnwritable, SaveFailed):
                use(path)


def test_of_a_file_that_was_cut_off_what_is_there_can_be_read(tmp_path: Path) -> None:
    steps = [step for n in range(200) for step in one(n, f"/{n}", b"%d" % n * 3000)]
    path = make(tmp_path / "a.hwire", steps)
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 6 // 10])
    with Capture(str(path)) as capture:
        with pytest.raises(RecordingBroken) as caught:
            capture.update()
        assert str(path) in str(caught.value)
        found = list(capture.exchanges("outcome = 'complete'"))
        assert len(found) > 80
        with Appender(str(tmp_path / "saved.hwire")) as sink:
            original = Original(capture)
            copy([original], sink)
            assert original.error
    with Capture(str(tmp_path / "saved.hwire")) as capture:
        capture.update()
        assert octets(capture, 50) == (get("/49"), ok(b"49" * 3000))


def test_an_index_is_held_against_its_events(tmp_path: Path) -> None:
    path = make(tmp_path / "a.hwire", [step for n in range(9) for step in one(n, f"/{n}")])
    assert list(faults(str(path))) == []
    with Capture(str(path)) as capture:
        capture.db.execute("UPDATE exchanges SET status = 201 WHERE number = 3")
        capture.db.execute("DELETE FROM exchanges WHERE number = 5")
        capture.db.execute("UPDATE exchanges SET number = 50 WHERE number = 6")
    found = [str(fault) for fault in faults(str(path))]
    assert [next(word for word in fault.split() if word.startswith("#")) for fault in found] == [
        "#3",
        "#5",
        "#6",
        "#50",
    ]
    with Capture(str(path)) as capture:
        capture.index.rebuild()
        capture.update()
    assert list(faults(str(path))) == []


def test_a_capture_that_can_t_be_written_is_read_all_the_same(ordinary: Path) -> None:
    path = ordinary / "a.hwire"
    with Appender(str(path)) as sink:  # its index was never made
        tell(sink, one(0, "/"), {})
    path.chmod(0o444)
    ordinary.chmod(0o555)
    with Capture(str(path)) as capture:
        capture.update()
        assert octets(capture, 1) == (get("/"), ok())
        with pytest.raises(OutputUnwritable):
            remove(capture, capture.exchanges())
    with pytest.raises(OutputUnwritable):
        Appender(str(path))
    ordinary.chmod(0o755)


_LARGE = """
import sys
from pathlib import Path
from httpwire.capture.model import EventKind, TlsFacts
from httpwire.capture.model import EventKind, TlsFacts
from httpwire.capture.store.capture import Capture
from httpwire.capture.store.connection import Connection
from httpwire.capture.store.copying import Original, copy
from httpwire.capture.store.removal import remove
from httpwire.capture.store.writing import Appender, Writer
from httpwire.capture.traffic import ConnectionFacts
from httpwire.wire.element import Direction

block, count = b"x" * (4 << 20), 50
with Appender(sys.argv[1]) as sink:
    connection = sink.open(ConnectionFacts(0))
    sink.event(connection, 0, Direction.REQUEST, EventKind.SEGMENT, b"GET / HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n")
    head = b"HTTP/1.1 200 OK\\r\\nContent-Length: %d\\r\\n\\r\\n" % (len(block) * count)
    sink.event(connection, 1, Direction.RESPONSE, EventKind.SEGMENT, head)
    for _ in range(count):
        sink.event(connection, 2, Direction.RESPONSE, EventKind.SEGMENT, block)
with Capture(sys.argv[1]) as capture:
    capture.update()
    entry = capture.entry(1)
    assert entry.complete and entry.response_content == len(block) * count
    assert sum(map(len, capture.octets(entry, Direction.RESPONSE).blocks())) == len(head) + len(block) * count
    with Appender(sys.argv[2]) as sink:
        copy([Original(capture)], sink)
    assert sum(len(event.data) for event in capture.events(1)) > len(block) * count
    remove(capture, [entry])
print(int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0]) >> 10)
"""


@pytest.mark.slow
def test_a_message_of_200_mib_takes_no_more_memory_than_a_batch(tmp_path: Path) -> None:
    words = [sys.executable, "-c", _LARGE, str(tmp_path / "a.hwire"), str(tmp_path / "b.hwire")]
    ran = subprocess.run(words, capture_output=True, text=True, timeout=120, check=False)
    assert ran.returncode == 0, ran.stderr
    assert int(ran.stdout) < 110  # MiB, of which the interpreter takes 20
    assert (tmp_path / "a.hwire").stat().st_size < 1 << 20


_APPENDING = """
import sys
from httpwire.capture.store.writing import Writer
from httpwire.capture.traffic import ConnectionFacts, put_exchange
import time

sink = Writer(sys.argv[1])
for number in range(1_000_000):
    request = b"GET /%d/%d HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n" % (int(sys.argv[2]), number)
    put_exchange(sink, ConnectionFacts(time.time_ns()), [request], [b"HTTP/1.1 204 N\\r\\n\\r\\n"])
    print(number, time.monotonic_ns(), flush=True)
    time.sleep(0.001)
"""


@pytest.mark.peer("sqlite3")
def test_a_process_that_is_killed_loses_what_came_in_its_last_moment_alone(tmp_path: Path) -> None:
    path = tmp_path / "a.hwire"
    for round_ in range(4):
        words = [sys.executable, "-c", _APPENDING, str(path), str(round_)]
        with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout
            told: list[tuple[int, int]] = []
            while not told or told[-1][1] - told[0][1] < 500_000_000 + round_ * 70_000_000:
                number, at_ns = process.stdout.readline().split()
                told.append((int(number), int(at_ns)))
            process.kill()
        last = told[-1][1]
        due = [number for number, at_ns in told if at_ns < last - 300_000_000]  # 200 ms, and what a busy machine takes
        with Capture(str(path)) as capture:
            capture.update()
            assert {f"/{round_}/{number}" for number in due} <= {entry.target for entry in capture.exchanges()}
        assert due
        checked = subprocess.run(
            ["sqlite3", str(path), "PRAGMA integrity_check"], capture_output=True, text=True, timeout=60, check=True
        )
        assert checked.stdout == "ok\n"
    assert index_of(path) == rebuilt(path)


def test_others_append_and_read_while_exchanges_are_removed(tmp_path: Path) -> None:
    path = make(tmp_path / "a.hwire", [step for n in range(300) for step in one(n, f"/old{n}")])
    failed: list[BaseException] = []

    def append() -> None:
        try:
            with Appender(str(path)) as sink:
                for number in range(60):
                    tell(sink, one(number, f"/new{number}"), {})
                    sink.flush()
        except BaseException as error:  # noqa: BLE001  # raised by the test
            failed.append(error)

    def read() -> None:
        try:
            for _ in range(10):
                with Capture(str(path)) as capture:
                    capture.update()
                    for entry in capture.exchanges():
                        assert octets(capture, entry.number)[0] in (get(entry.target), b"")
        except BaseException as error:  # noqa: BLE001  # likewise
            failed.append(error)

    threads = [threading.Thread(target=work) for work in (append, read)]
    for thread in threads:
        thread.start()
    for first in range(1, 300, 60):
        with Capture(str(path)) as capture:
            remove(capture, capture.exchanges("number BETWEEN ? AND ?", (first, first + 29)))
    for thread in threads:
        thread.join(60)
    assert not failed
    with Capture(str(path)) as capture:
        capture.update()
        targets = [entry.target for entry in capture.exchanges()]
    assert targets == [f"/old{n}" for n in range(300) if n % 60 >= 30] + [f"/new{n}" for n in range(60)]
    assert index_of(path) == rebuilt(path)


@pytest.mark.parametrize("kind", [Appender, Writer])
def test_addresses_that_are_no_text_lose_nothing(tmp_path: Path, kind: type[Appender]) -> None:
    path = str(tmp_path / "a.hwire")
    tls = TlsFacts("\udcff", "\udcff", "\udcff", verified=True)
    odd = "unix:/tmp/\udcff"
    facts = ConnectionFacts(1, client=odd, server="unix:/tmp/é", target=odd, name=odd, origin=odd, tls=tls)
    facts = facts.replace(reconstructed=("\udcff",))
    with kind(path) as sink:
        put_exchange(sink, facts, [get()], [ok()])
    with Capture(path) as capture:
        capture.update()
        assert capture.count() == 1
        told = capture.facts(1)
        assert (told.client, told.server) == (r"unix:/tmp/\udcff", "unix:/tmp/é")


@pytest.mark.parametrize("processors", [1, 2])
@settings(max_examples=20, phases=_PHASES)
@given(_connections())
def test_a_companion_writes_what_an_appender_does(processors: int, steps: list[Step]) -> None:
    large = [(9, ">", get("/large")), (9, "<", ok(bytes(range(256)) * 9000)), (9, "end", b"")]
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(companion, "_processors", lambda: processors)
        path = Path(folder, "a.hwire")
        with Companion(str(path)) as sink:
            tell(sink, [*steps, *large], {})
        made = make(Path(folder, "b.hwire"), [*steps, *large])
        with sqlite3.connect(path) as one, sqlite3.connect(made) as other:
            for table in ("connections", "events", "exchanges", "voids", "progress"):
                query = f"SELECT * FROM {table} ORDER BY 1"
                assert one.execute(query).fetchall() == other.execute(query).fetchall()


def test_a_companion_that_is_killed_is_told(tmp_path: Path) -> None:
    path = tmp_path / "a.hwire"
    sink = Companion(str(path))
    put_exchange(sink, ConnectionFacts(1), [get("/kept")], [ok()])
    sink.flush()
    while not index_of(path):
        time.sleep(0.01)
    os.kill(sink.process, signal.SIGKILL)
    put_exchange(sink, ConnectionFacts(1), [get("/lost")], [ok()])
    with pytest.raises(SaveFailed, match="Killed"):
        sink.close()
    assert index_of(path)[0][14] == "/kept"


def test_what_a_companion_can_not_write_is_told(tmp_path: Path) -> None:
    with pytest.raises(SaveFailed), Companion(str(tmp_path / "a.hwire")) as sink:
        sink.event(sink.open(ConnectionFacts(1)), 1 << 63, None, EventKind.END)


def test_whatever_fails_on_the_writers_thread_reaches_the_caller(tmp_path: Path) -> None:
    sink = Writer(str(tmp_path / "a.hwire"))
    sink.event(sink.open(ConnectionFacts(1)), 1 << 70, None, EventKind.END)
    with pytest.raises(OverflowError):
        sink.close()


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TRIGGER t AFTER INSERT ON exchanges BEGIN DELETE FROM events; END",
        "CREATE VIEW v AS SELECT 1",
        "PRAGMA user_version = 0",
        "PRAGMA user_version = -1",
    ],
)
def test_a_file_that_no_httpwire_made_is_refused(tmp_path: Path, statement: str) -> None:
    path = make(tmp_path / "a.hwire", one(0, "/"))
    with contextlib.closing(sqlite3.connect(path)) as db:
        db.execute(statement)
        db.commit()
    before = path.read_bytes()
    with pytest.raises(RecordingUnreadable):
        Capture(str(path))
    with pytest.raises((RecordingUnreadable, OutputUnwritable)):
        Appender(str(path))
    assert path.read_bytes() == before
