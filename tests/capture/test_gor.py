"""GoReplay's files: octets there and back, answers found by their IDs, and no file is too broken or too large."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from converted import BEGAN, captured, costs, heard, peak, read_in, written
from hypothesis import given, settings
from hypothesis import strategies as st

from captures import exchanges_of
from httpwire.capture.formats import gor
from httpwire.capture.model import Ending, EventKind
from httpwire.capture.source import Source
from httpwire.capture.store.writing import Appender
from httpwire.capture.toll import Toll
from httpwire.errors import RecordingBroken, RecordingUnreadable

MONKEYS = "\n🐵🙈🙉\n".encode()
GET = b"GET /%d HTTP/1.1\r\nHost: a\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n%02d"


def record(kind: int, number: int, payload: bytes, *, began: int = BEGAN, latency: bytes = b" 5") -> bytes:
    return b"%d %024x %d%b\n" % (kind, number, began, latency) + payload + MONKEYS


def test_golden(tmp_path: Path) -> None:
    path = captured(tmp_path / "a.hwire", [(GET % 1, OK % 1), (GET % 2, b"")])
    data, toll = written(path, gor.write)
    assert data == (
        b"1 000000000000000000000001 1700000000124456789 0\n" + GET % 1 + MONKEYS +
        b"2 000000000000000000000001 1700000000128456789 0\n" + OK % 1 + MONKEYS +
        b"1 000000000000000000000002 1700000001124456789 0\n" + GET % 2 + MONKEYS
    )  # fmt: skip
    assert costs(toll.lost) == {"segment-times": 2, "addresses": 2, "no-answer": 1}
    assert not toll.skipped


def test_times_are_kept(tmp_path: Path) -> None:
    data = record(1, 7, GET % 1, began=1000, latency=b" 30") + record(2, 7, OK % 1, began=2500, latency=b" 100")
    told, _ = read_in(tmp_path / "a.gor", data, gor.read)
    assert [facts.began_ns for facts in told.facts] == [1000]
    with Appender(str(tmp_path / "a.hwire")) as sink, Source(str(tmp_path / "a.gor")) as source:
        gor.read(source, sink, Toll())
    assert written(tmp_path / "a.hwire", gor.write)[0] == data.replace(b"07 ", b"01 ")
    assert [(event.at_ns, event.kind) for event in told.events[0]] == [
        (0, EventKind.SEGMENT),
        (30, EventKind.SEGMENT),
        (30, EventKind.SENT_ALL),
        (1500, EventKind.SEGMENT),
        (1600, EventKind.SEGMENT),
        (1600, EventKind.ENDED),
        (1600, EventKind.END),
    ]


octets = st.binary(max_size=60) | st.sampled_from([GET % 3, OK % 3, b"\n", MONKEYS[:-1], MONKEYS[1:6], MONKEYS[1:]])
requests = st.lists(octets, max_size=4).map(lambda parts: GET % 1 + b"".join(parts))
answers = st.just(b"") | st.lists(octets, max_size=4).map(lambda parts: OK % 1 + b"".join(parts))


@settings(max_examples=60)
@given(st.lists(st.tuples(requests, answers), max_size=5))
def test_there_and_back(pairs: list[tuple[bytes, bytes]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = captured(f"{folder}/a.hwire", pairs)
        before = exchanges_of(path)
        data, toll = written(path, gor.write)
        inside = [MONKEYS in b"\n" + part + MONKEYS[:-1] for pair in before for part in pair]
        left = [pair for index, pair in enumerate(before) if not any(inside[2 * index : 2 * index + 2])]
        assert costs(toll.skipped).get("gor-separator", 0) == len(before) - len(left)
        told, _ = read_in(f"{folder}/a.gor", data, gor.read)
        # An exchange whose request octets hold two requests is two of them in the capture.
        assert told.pairs == left


@given(st.lists(st.sampled_from([1, 2]), min_size=2, max_size=8), st.randoms(use_true_random=False))
@settings(max_examples=40)
def test_pairs_in_any_order(kinds: list[int], random: object) -> None:
    records = []
    for number in range(len(kinds)):
        records.append(record(1, number, GET % number, began=BEGAN + number))
        records.append(record(2, number, OK % number, began=BEGAN + number + 10))
    random.shuffle(records)  # type: ignore[attr-defined]
    with tempfile.TemporaryDirectory() as folder:
        told, toll = read_in(f"{folder}/a.gor", b"".join(records), gor.read)
    assert sorted(told.pairs) == [(GET % number, OK % number) for number in range(len(kinds))]
    assert set(told.endings) == {Ending.CLOSED}
    assert not toll.lost


def test_what_has_no_partner_is_told(tmp_path: Path) -> None:
    data = record(1, 1, GET % 1) + record(2, 2, OK % 2) + record(3, 1, OK % 3) + record(1, 1, GET % 4)
    told, toll = read_in(tmp_path / "a.gor", data, gor.read)
    assert sorted(told.pairs) == [(b"", OK % 2), (GET % 1, b""), (GET % 4, b"")]
    assert costs(toll.lost) == {"no-answer": 2, "no-request": 1}
    assert costs(toll.skipped) == {"gor-replayed": 1}


def test_many_requests_without_answers_are_not_held(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gor, "_WAITING", 3)
    monkeypatch.setattr(gor, "_EARLY", 3)
    data = b"".join(record(1, number, GET % number) for number in range(9))
    data += record(2, 1, OK % 1) + record(2, 8, OK % 8) + b"".join(record(2, n, OK % n) for n in range(20, 26))
    told, toll = read_in(tmp_path / "a.gor", data, gor.read)
    assert (GET % 8, OK % 8) in told.pairs
    assert costs(toll.lost) == {"no-answer": 8, "no-request": 7}
    assert len(told.endings) == 9 + 7


@pytest.mark.parametrize(
    "payload", [b"", b"\n", b"\n\n", b" " + MONKEYS[1:-1], b"x" + MONKEYS[:-1] + b"y", MONKEYS[:5] * 9]
)
def test_payloads_at_the_separator(tmp_path: Path, payload: bytes) -> None:
    told, _ = read_in(tmp_path / "a.gor", record(1, 1, payload) + record(1, 2, GET % 2), gor.read)
    assert told.pairs == [(payload, b""), (GET % 2, b"")]


def test_the_separator_across_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("httpwire.capture.source._LOOK", 7)
    pairs = [(GET % 1 + b"\n" * 50, OK % 1), (GET % 2 + MONKEYS[:-1] + b"x" * 3000, OK % 2)]
    data = b"".join(record(kind + 1, n, pairs[n][kind]) for n in (0, 1) for kind in (0, 1))
    assert gor.recognises(data[:4096])
    assert read_in(tmp_path / "a.gor", data, gor.read)[0].pairs == pairs


def test_a_file_without_its_last_line_end(tmp_path: Path) -> None:
    assert read_in(tmp_path / "a.gor", record(1, 1, GET % 1)[:-1], gor.read)[0].pairs == [(GET % 1, b"")]


def test_no_latency_or_an_impossible_one(tmp_path: Path) -> None:
    lines = [b"", b" -1", b" 9999999999999999999", b" 12 more words"]
    for latency in lines:
        told, _ = read_in(tmp_path / "a.gor", record(1, 1, GET % 1, began=99**9, latency=latency), gor.read)
        assert told.pairs == [(GET % 1, b"")]
    far = record(1, 1, GET % 1, began=9999999999999999999)
    assert read_in(tmp_path / "a.gor", far, gor.read)[0].facts[0].began_ns == 0


def test_a_record_that_is_none_is_passed_over(tmp_path: Path) -> None:
    data = record(1, 1, GET % 1) + b"5 no header" + MONKEYS + MONKEYS[1:] + record(1, 2, GET % 2)
    told, toll = read_in(tmp_path / "a.gor", data, gor.read)
    assert told.pairs == [(GET % 1, b""), (GET % 2, b"")]
    assert costs(toll.skipped) == {"gor-malformed": 2}


@pytest.mark.parametrize("data", [b"GET / HTTP/1.1\r\n\r\n", b"\x00" * 5000, b"1 " + b"a" * 5000, b"\x1f\x8bxxxxxxxx"])
def test_what_is_no_such_file(tmp_path: Path, data: bytes) -> None:
    assert not gor.recognises(data)
    with pytest.raises((RecordingUnreadable, RecordingBroken)):
        read_in(tmp_path / "a.gor", data, gor.read)


def test_truncated_anywhere(tmp_path: Path) -> None:
    """What could be read is kept, and the error names the offset."""
    asked, answered, last = record(1, 1, GET % 1), record(2, 1, OK % 1), record(1, 2, GET % 2)
    data = asked + answered + last
    header = data.index(b"\n") + 1
    whole = {len(asked), len(asked + answered), len(data)}
    for stop in range(1, len(data) + 1):
        pairs, error = heard(tmp_path / "a.gor", data[:stop], gor.read)
        if stop in whole or stop + 1 in whole:
            assert error is None
        elif stop < header:
            assert isinstance(error, RecordingUnreadable)
        else:
            assert isinstance(error, RecordingBroken)
            assert error.facts["offset"] == stop
        kept = b"".join(part for pair in pairs for part in pair)
        assert kept.startswith((GET % 1)[: max(0, stop - header - len(MONKEYS))])


@settings(max_examples=150)
@given(st.data())
def test_flipped_bits_and_noise(data: st.DataObject) -> None:
    original = record(1, 1, GET % 1) + record(2, 1, OK % 1) + record(1, 2, GET % 2) + record(3, 2, OK % 2)
    hostile = bytearray(original)
    for _ in range(data.draw(st.integers(0, 4))):
        hostile[data.draw(st.integers(0, len(hostile) - 1))] = data.draw(st.integers(0, 255))
    with tempfile.TemporaryDirectory() as folder:
        heard(f"{folder}/a.gor", bytes(hostile), gor.read)


def test_memory_is_flat(tmp_path: Path) -> None:
    """A payload of 300 MB, and a capture with it, in far less."""
    with (tmp_path / "a.gor").open("wb") as file:
        file.write(b"1 ab 1 1\n")
        for _ in range(300):
            file.write(b"0123456789abcde\n" * 65536)
        file.write(MONKEYS)
    octets, memory = peak(tmp_path / "a.gor", gor.__name__)
    assert octets == 300 << 20
    assert memory < 50 << 20
