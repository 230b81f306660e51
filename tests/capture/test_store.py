"""What a capture file promises: an index that is always that of its events, and nothing lost."""

from __future__ import annotations

import tempfile
from itertools import pairwise
from pathlib import Path

import stored
from hypothesis import given, settings
from hypothesis import strategies as st
from stored import Step, get, index_of, make, octets, ok, rebuilt, rows, tell

from httpwire.capture.store.capture import Capture
from httpwire.capture.store.removal import remove
from httpwire.capture.store.writing import Appender

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
def _connections(draw: st.DrawFn) -> list[Step]:
    """Steps of several connections, beside each other."""
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


@settings(max_examples=120)
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


def _tiled(path: Path) -> None:
    """Every octet of a connection that has ended and has exchanges belongs to one of them."""
    with Capture(str(path)) as capture:
        for (connection,) in capture.db.execute("SELECT connection FROM events WHERE kind = 5").fetchall():
            entries = list(capture.exchanges("connection = ?", (connection,)))
            for side, direction in enumerate((stored.REQUEST, stored.RESPONSE)):
                whole = b"".join(data for _, data in capture.segments(connection, direction))
                assert not entries or b"".join(octets(capture, e.number)[side] for e in entries) == whole


@settings(max_examples=150)
@given(_connections(), st.data())
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
                    assert entry[:-1] == before[entry.number][:-1]  # findings of the connection go to its last one
        assert index_of(path) == rebuilt(path)
        _tiled(path)
