"""Plain files and folders: what is written is read again octet by octet, served by `serve`, and never over another."""

from __future__ import annotations

import json
import os
import re
import tempfile
import tracemalloc
from pathlib import Path

import pytest
from converted import BEGAN, FACTS, captured, costs, read_in, written
from hypothesis import given, settings
from hypothesis import strategies as st

from captures import Pair, Told, exchanges_of
from httpwire.capture.formats import files
from httpwire.capture.keeping import Folder
from httpwire.capture.model import Ending, EventKind
from httpwire.capture.pairs import open_answers
from httpwire.capture.source import Source
from httpwire.capture.store.capture import Capture
from httpwire.capture.store.writing import Appender
from httpwire.capture.toll import Toll
from httpwire.capture.traffic import SOME_TLS, ConnectionFacts, put_exchange
from httpwire.errors import RecordingUnreadable
from httpwire.wire.element import Direction

GET = b"GET /%d HTTP/1.1\r\nHost: a\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n%02d"
UNTIL_CLOSE = b"HTTP/1.1 200 OK\r\n\r\nall of it"


def extract(path: Path | str, folder: Path | str) -> Toll:
    toll = Toll()
    with Capture(str(path)) as capture:
        capture.update()
        count = files.write_folder(capture, capture.exchanges(), str(folder), toll)
        assert count == len(list(capture.exchanges()))
    return toll


def read_folder(folder: Path | str) -> tuple[Told, Toll]:
    told, toll = Told(), Toll()
    files.read_folder(str(folder), told, toll)
    assert len(told.endings) == len(told.facts)
    return told, toll


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_golden(tmp_path: Path) -> None:
    pairs = [(GET % 1, OK % 1), (b"POST /a/../b?c HTTP/1.1\r\nContent-Length: 9\r\n\r\nabc", b""), (GET % 3, OK[:-4])]
    toll = extract(captured(tmp_path / "a.hwire", pairs), tmp_path / "out")
    assert {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir() if path.suffix != ".jsonl"} == {
        "0001-GET-1.http": GET % 1,
        "0001-GET-1.response": OK % 1,
        "0001-GET-1.response.times": b'{"at": 0.004000000, "stop": %d}\n' % len(OK % 1),
        "0002-POST-a-..-b.http.partial": pairs[1][0],
        "0003-GET-3.http": GET % 3,
        "0003-GET-3.response.partial": OK[:-4],
    }
    lines = [json.loads(line) for line in (tmp_path / "out/index.jsonl").read_text().splitlines()]
    assert [(line["file"], line["number"], line["exchange"], line["time"]) for line in lines] == [
        ("0001-GET-1.http", 1, 1, 1700000000.124457),
        ("0002-POST-a-..-b.http.partial", 2, 2, 1700000001.124457),
        ("0003-GET-3.http", 3, 3, 1700000002.124457),
    ]
    assert costs(toll.lost) == {"no-answer": 1, "segment-times": 1}


tails = st.binary(max_size=80) | st.sampled_from([GET % 3, OK % 3, b"\r\n"])
requests = st.just(b"") | tails.map(lambda tail: GET % 1 + tail) | st.just(b"CONNECT a:1 HTTP/1.1\r\n\r\n\x16\x03")
answers = st.just(b"") | tails.map(lambda tail: OK % 1 + tail) | tails


@settings(max_examples=40)
@given(st.lists(st.tuples(requests, answers), max_size=5))
def test_there_and_back(pairs: list[Pair]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = captured(f"{folder}/a.hwire", pairs)
        extract(path, f"{folder}/out")
        found = exchanges_of(path)
        assert os.path.exists(f"{folder}/out") == bool(found)
        assert not found or read_folder(f"{folder}/out")[0].pairs == found


def test_facts_and_times_come_back(tmp_path: Path) -> None:
    facts = ConnectionFacts(BEGAN, client="[::1]:9", server="[::1]:443", target="https://a:443", tls=SOME_TLS, name="a")
    with Appender(str(tmp_path / "a.hwire")) as sink:
        parts = [OK[:5], OK[5:9], OK[9:] % 1]
        put_exchange(sink, facts, [GET % 1], parts, first_ns=3_000_000_000, last_ns=5_500_000_000)
    toll = extract(tmp_path / "a.hwire", tmp_path / "out")
    assert costs(toll.lost) == {"tls-facts": 1}
    told, toll = read_folder(tmp_path / "out")
    known = told.facts[0]
    assert (known.client, known.server, known.target, known.tls, known.name) == (
        *("[::1]:9", "[::1]:443", "https://a:443"),
        *(SOME_TLS, "a"),
    )
    assert known.began_ns == round(BEGAN, -3)
    assert [(e.at_ns, e.data) for e in told.events[0] if e.kind is EventKind.SEGMENT][1:] == [
        (3_000_000_000, parts[0]),
        (5_500_000_000, parts[1]),
        (5_500_000_000, parts[2]),
    ]
    assert not toll.lost


def test_serve_finds_the_answers(tmp_path: Path) -> None:
    pairs = [(GET % number, OK % number) for number in range(3)]
    extract(captured(tmp_path / "a.hwire", pairs), tmp_path / "out")
    answers, left_out = open_answers([str(tmp_path / "out")], times=True)
    assert [answer.octets for answer in answers.all] == [answer for _, answer in pairs]
    assert all(answer.times for answer in answers.all)
    assert not left_out
    answers.close()


def test_nothing_is_written_over(tmp_path: Path) -> None:
    path = captured(tmp_path / "a.hwire", [(GET % 1, OK % 1), (b"", OK % 2)])
    out = tmp_path / "out"
    extract(path, out)
    (out / "0007.response").write_bytes(b"mine")
    before = {path: path.read_bytes() for path in out.iterdir()}
    extract(path, out)
    assert [name for name in names(out) if name.endswith((".http", ".response"))] == [
        *("0001-GET-1.http", "0001-GET-1.response", "0002.response", "0007.response"),
        *("0008-GET-1.http", "0008-GET-1.response", "0009.response"),
    ]
    assert all(path.read_bytes().startswith(octets) for path, octets in before.items())


@settings(max_examples=40)
@given(st.lists(st.tuples(st.binary(min_size=1, max_size=300), st.binary(max_size=300)), min_size=1, max_size=3))
def test_names_are_safe(targets: list[tuple[bytes, bytes]]) -> None:
    hostile = [(b"../../%b" % a, b"/" + b) for a, b in targets] + [(b"GET", b"/" + b"a" * 5000), (b"GET", b"/CON\x00")]
    with tempfile.TemporaryDirectory() as folder:
        path = captured(f"{folder}/a.hwire", [(b"%b %b HTTP/1.1\r\n\r\n" % pair, OK % 1) for pair in hostile])
        extract(path, f"{folder}/x/out")
        made = names(Path(f"{folder}/x/out"))
        assert names(Path(f"{folder}/x")) == ["out"]
        assert all(re.fullmatch(r"[0-9]{4}[-.0-9A-Za-z_]{0,150}|index\.jsonl", name) for name in made)
        assert len({name.lower() for name in made}) == len(made)
        assert read_folder(f"{folder}/x/out")[0].pairs == exchanges_of(path)


def test_what_record_wrote(tmp_path: Path) -> None:
    """Each file is read, whatever its ending, and those that answer each other are a pair."""
    made = {
        "0001-GET.http": GET % 1,
        "0001-GET.response": OK % 1,
        "0002-GET.http": GET % 2 + GET % 3,
        "0002-GET.response": OK % 2 + OK % 3,
        "0003.http.partial": GET[:9],
        "0003.response.partial": OK[:9],
        "0004-CONNECT.http": b"CONNECT a:1 HTTP/1.1\r\n\r\n",
        "0004.http.tunnel": b"\x16\x03",
        "0005.http.surplus-2": GET % 5,
        "0010.response": UNTIL_CLOSE,
        "10000-GET.http": GET % 10,
        "client_recv.txt": OK % 6,
        "client_send.txt": GET % 6,
        "notes.md": b"# what I saw\n",
        "request.txt": b"\r\n" + GET % 7,
        "server_recv.txt": GET % 8,
        "server_send.txt": OK % 8,
        "0001-GET.response.times": b"not times",
        "x.response": OK % 9,
        "x.http": GET % 9,
        "x.response.partial": OK[:20],
    }
    for name, octets in made.items():
        (tmp_path / name).write_bytes(octets)
    (tmp_path / "more").mkdir()
    told, toll = read_folder(tmp_path)
    assert told.pairs == [
        (GET % 1, OK % 1),
        (GET % 2 + GET % 3, OK % 2 + OK % 3),
        (GET[:9], OK[:9]),
        (made["0004-CONNECT.http"], b""),
        (b"\x16\x03", b""),
        (GET % 5, b""),
        (b"", UNTIL_CLOSE),
        (GET % 10, b""),
        (GET % 6, OK % 6),
        (b"\r\n" + GET % 7, b""),
        (GET % 8, b""),
        (b"", OK % 8),
        (GET % 9, OK % 9),
        (b"", OK[:20]),
    ]
    assert told.endings[:3] == [Ending.CLOSED, Ending.CLOSED, Ending.UNSEEN]
    assert costs(toll.skipped) == {"raw-no-message": 1, "raw-folders": 1}
    assert costs(toll.lost)["raw-times"] == 1


def test_one_file_brings_the_other(tmp_path: Path) -> None:
    for name, octets in {"a.http": GET % 1, "a.response": OK % 1, "b.http": GET % 2, "c": OK % 3}.items():
        (tmp_path / name).write_bytes(octets)
    expected = {"a.http": (GET % 1, OK % 1), "a.response": (GET % 1, OK % 1), "b.http": (GET % 2, b"")}
    for name, pair in {**expected, "c": (b"", OK % 3)}.items():
        told = Told()
        with Source(str(tmp_path / name)) as source:
            files.read(source, told, Toll())
        assert told.pairs == [pair]


def test_one_stream(tmp_path: Path) -> None:
    told, toll = read_in(tmp_path / "a", GET % 1 + GET % 2, files.read)
    assert told.pairs == [(GET % 1 + GET % 2, b"")]
    assert costs(toll.lost) == {"when": 1, "no-answer": 1}
    with pytest.raises(RecordingUnreadable, match="empty"):
        read_in(tmp_path / "a", b"", files.read)


@pytest.mark.parametrize(
    ("direction", "expected"),
    [(Direction.REQUEST, GET % 1 + GET % 3 + GET % 4), (Direction.RESPONSE, OK % 1 + OK % 2)],
)
def test_one_file_has_what_can_be_told_apart(tmp_path: Path, direction: Direction, expected: bytes) -> None:
    pairs = [
        (GET % 1, OK % 1),
        (b"POST / HTTP/1.1\r\nContent-Length: 9\r\n\r\nabc", OK % 2),
        (GET % 3, UNTIL_CLOSE),
        (GET % 4, OK[:-4]),
    ]
    data, toll = written(captured(tmp_path / "a.hwire", pairs), files.write, direction=direction)
    assert data == expected
    assert costs(toll.skipped) == {"raw-unbounded": 1 if direction is Direction.REQUEST else 2}


def hostile_index(folder: Path) -> None:
    lines = [
        b'{"file": "0001.http", "time": 1e400}',
        b'{"file": "0002.http", "time": "x", "peer": []}',
        b'{"file": "0003.http"' + b"[" * 100_000,
        b'{"file": "../../etc/passwd", "time": 1}',
        b'{"file": "0004.http", "time": -5}',
        b"\xff\xfe nonsense",
        b'{"a": "' + b"x" * 1_000_000,
        b'"file": "0005.http"',
        b'{"file": "0006.http", "time": 5.5, "peer": 7, "start": "x", "tls": 1}',
    ]
    (folder / "index.jsonl").write_bytes(b"\n".join(lines))
    for number in range(1, 7):
        (folder / f"000{number}.http").write_bytes(GET % number)


def test_a_hostile_index(tmp_path: Path) -> None:
    hostile_index(tmp_path)
    told, toll = read_folder(tmp_path)
    assert told.pairs == [(GET % number, b"") for number in range(1, 7)]
    assert [facts.began_ns for facts in told.facts] == [0, 0, 0, 0, 0, 5_500_000_000]
    assert costs(toll.skipped)["raw-index"] >= 6


def test_links_and_devices(tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(GET % 1)
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "a.http").write_bytes(GET % 2)
    (folder / "b.http").symlink_to("a.http")
    (folder / "c.http").symlink_to("../secret")
    (folder / "d.http").symlink_to("/dev/zero")
    os.mkfifo(folder / "e.http")
    (folder / "f.http").mkdir()
    told, toll = read_folder(folder)
    assert told.pairs == [(GET % 2, b"")] * 2
    assert costs(toll.skipped) == {"raw-elsewhere": 2, "raw-no-message": 1, "raw-folders": 1}


def test_a_link_as_the_answer_leads_nowhere_else(tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(OK % 1)
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "a.http").write_bytes(GET % 2)
    (folder / "a.response").symlink_to("../secret")
    told, toll = read_folder(folder)
    assert told.pairs == [(GET % 2, b"")]
    assert costs(toll.skipped) == {"raw-elsewhere": 1}


def test_unreadable_in_the_middle(tmp_path: Path) -> None:
    for number in (1, 2, 3):
        (tmp_path / f"000{number}.http").write_bytes(GET % number)
    (tmp_path / "0002.http").unlink()
    (tmp_path / "0002.http").symlink_to("gone.http")
    told, toll = Told(), Toll()
    with pytest.raises(RecordingUnreadable, match=r"0002\.http"):
        files.read_folder(str(tmp_path), told, toll)
    assert told.pairs == [(GET % 1, b""), (GET % 3, b"")]
    assert costs(toll.skipped) == {"raw-unreadable": 1}


def test_no_folder_at_all(tmp_path: Path) -> None:
    with pytest.raises(RecordingUnreadable):
        files.read_folder(str(tmp_path / "none"), Told(), Toll())


def test_large_messages_go_by_in_blocks(tmp_path: Path) -> None:
    size = 30 << 20
    request = b"POST /%b HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % (b"x", size) + bytes(size)
    response = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size + bytes(size)
    path = captured(tmp_path / "a.hwire", [(request, response)])
    del request, response

    class Counting(Told):
        octets_seen = 0

        def event(
            self,
            connection: int,
            at_ns: int,
            direction: Direction | None,
            kind: EventKind,
            data: bytes | memoryview = b"",
        ) -> None:
            self.octets_seen += len(data)
            if kind is not EventKind.SEGMENT:
                super().event(connection, at_ns, direction, kind, data)

    told = Counting()
    tracemalloc.start()
    extract(path, tmp_path / "out")
    files.read_folder(str(tmp_path / "out"), told, Toll())
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert told.octets_seen > 2 * size
    assert most < 8 << 20


def test_folders_go_on_being_records(tmp_path: Path) -> None:
    """What `record` keeps afterwards has a number of its own, also where only answers are there."""
    (tmp_path / "0012-GET.response").write_bytes(OK % 1)
    keeping = Folder(str(tmp_path))
    assert keeping.number(1) == 13
    keeping.close()


def test_when_octets_came(tmp_path: Path) -> None:
    with Appender(str(tmp_path / "a.hwire")) as sink:
        put_exchange(sink, FACTS, [GET % 1], [OK[:5], OK[5:9], OK[9:] % 1], sent_ns=5, first_ns=1005, last_ns=9005)
    with Capture(str(tmp_path / "a.hwire")) as capture:
        capture.update()
        times = capture.times(next(capture.exchanges()))
    assert times == ((1e-6, 5), (9e-6, 9), (9e-6, len(OK % 1)))
