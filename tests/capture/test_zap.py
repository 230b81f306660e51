"""ZAP's exported messages: where one ends is read from the messages themselves, and all is told as reconstructed."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from converted import captured, costs, heard, peak, read_in, written
from hypothesis import given, settings
from hypothesis import strategies as st

from captures import Pair, exchanges_of
from httpwire.capture.formats import zap
from httpwire.capture.model import Ending
from httpwire.capture.traffic import SOME_TLS
from httpwire.errors import RecordingUnreadable

GET = b"GET http://a.example:81/%d HTTP/1.1\r\nHost: a.example\r\n\r\n"
POST = b"POST https://b.example/ HTTP/1.1\r\nContent-Length: %d\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n%02d"


def test_golden(tmp_path: Path) -> None:
    pairs = [(GET % 1, OK % 1), (POST % 3 + b"ab\n", b"")]
    data, toll = written(captured(tmp_path / "a.hwire", pairs), zap.write)
    assert data == (
        b"==== 1 ==========\n" + GET % 1 + OK % 1 + b"\n"
        b"==== 2 ==========\n" + POST % 3 + b"ab\n"
    )  # fmt: skip
    assert costs(toll.lost) == {"segment-times": 2, "addresses": 2, "no-answer": 1, "when": 2}
    assert zap.recognises(data)


def test_as_zap_writes(tmp_path: Path) -> None:
    """With a line end behind a request that has no content, as its own exporter puts there."""
    lf = b"HTTP/1.1 200 OK\nContent-Type: text/html\ncontent-length: 7\n\n<p>hi\n\n\n"
    parts = [
        b"==== 1 ==========\n" + GET % 1 + b"\n" + OK % 1 + b"\n",
        b"====2 ==========\n" + POST % 3 + b"a=b" + b"\n" + OK % 2 + b"\n",
        b"=== 3 ==========\n" + POST % 2 + b"a\n" + OK % 3 + b"\n",
        b"==== 4 ==========\r\nGET http://c/ HTTP/1.1\nHost: c\n\n\n" + lf,
        b"==== 5 ==========\n" + POST % 999 + b"HTTP\n" + OK % 5 + b"\n",
        b"==== 6 ==========\n" + POST % 1 + b"\nHTTP/1.1 204 No Content\r\n\r\n\n",
        b"==== 7 ==========\n" + GET % 7 + b"\nHTTP/1.1 200 OK\r\n\r\nuntil the close\n",
        b"==== 8 ==========\nHEAD / HTTP/1.1\r\n\r\n\n" + OK[:-4] + b"\n",
        b"==== 9 ==========\n" + GET % 9 + b"\n",
    ]
    told, toll = read_in(tmp_path / "a.zap.txt", b"".join(parts), zap.read)
    assert told.pairs == [
        (GET % 1, OK % 1),
        (POST % 3 + b"a=b", OK % 2),
        (POST % 2 + b"a\n", OK % 3),
        (b"GET http://c/ HTTP/1.1\nHost: c\n\n", lf[:-1]),
        (POST % 999 + b"HTTP", OK % 5),
        (POST % 1 + b"\n", b"HTTP/1.1 204 No Content\r\n\r\n"),
        (GET % 7, b"HTTP/1.1 200 OK\r\n\r\nuntil the close"),
        (b"HEAD / HTTP/1.1\r\n\r\n", OK[:-4]),
        (GET % 9, b""),
    ]
    assert told.endings == [Ending.CLOSED] * 8 + [Ending.UNSEEN]
    assert {facts.reconstructed for facts in told.facts} == {("zap-text",)}
    assert [(facts.target, facts.tls) for facts in told.facts][:2] == [
        ("http://a.example:81", None),
        ("https://b.example", SOME_TLS),
    ]
    assert costs(toll.reconstructed) == {"zap-text": 9}


octets = st.binary(max_size=60) | st.sampled_from(
    [b"\n", b"==== 1 ==========\n", b"\nHTTP/1.1 200 OK\r\n", b"====", OK % 4]
)
posts = octets.map(lambda content: POST % len(content) + content)
answers = st.just(b"") | octets.map(
    lambda content: b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(content) + content
)


@settings(max_examples=60)
@given(st.lists(st.tuples(posts, answers), max_size=5), st.sampled_from([65, 100, 256 << 10]))
def test_there_and_back(pairs: list[Pair], block: int) -> None:
    """Whole messages with a length come back octet by octet; what would not is not written."""
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        path = captured(f"{folder}/a.hwire", pairs)
        patch.setattr(zap, "_BLOCK", block)
        data, toll = written(path, zap.write)
        skipped = sum(costs(toll.skipped).values())
        known = [pair for pair in exchanges_of(path) if not any(b"==== 1 ==========" in part for part in pair)]
        if data:
            told, _ = read_in(f"{folder}/a.zap.txt", data, zap.read)
            assert set(told.pairs) <= set(known)
            assert len(told.pairs) == len(pairs) - skipped
        assert len(pairs) - skipped == len(known)


def test_what_would_not_be_found_again(tmp_path: Path) -> None:
    pairs = [
        (POST % 17 + b"==== 1 ==========", OK % 1),
        (GET % 2, OK[:-4] + b"===1 =========="),
        (b"POST / HTTP/1.1\r\nContent-Length: 900\r\n\r\nHTTP/1.1 200\nHTTP/1.1 200", OK % 3),
        (b"", OK % 4),
        (b"\x16\x03 nothing", b""),
    ]
    data, toll = written(captured(tmp_path / "a.hwire", pairs), zap.write)
    assert costs(toll.skipped) == {"zap-separator": 2, "zap-undivided": 3}
    assert data == b""


@pytest.mark.parametrize("data", [b"", b"GET / HTTP/1.1\r\n\r\n", b"==== x ==========\n", b"=" * 5000])
def test_what_is_no_such_file(tmp_path: Path, data: bytes) -> None:
    assert not zap.recognises(data)
    with pytest.raises(RecordingUnreadable):
        read_in(tmp_path / "a.zap.txt", data, zap.read)


def test_parts_without_a_request(tmp_path: Path) -> None:
    """Exported answers alone have no heads: there is nothing to read them by."""
    data = b"\n==== 1 ==========\n<html>\n==== 2 ==========\n==== 3 ==========\n" + GET % 3 + b"\n" + OK % 3 + b"\n"
    told, toll = read_in(tmp_path / "a.zap.txt", data, zap.read)
    assert told.pairs == [(GET % 3, OK % 3)]
    assert costs(toll.skipped) == {"zap-no-request": 1}


@settings(max_examples=100)
@given(st.data())
def test_flipped_and_cut(data: st.DataObject) -> None:
    whole = b"".join(b"==== %d ==========\n" % n + POST % 3 + b"a=b\n" + OK % n + b"\n" for n in range(3))
    hostile = bytearray(whole[: data.draw(st.integers(0, len(whole)))])
    for _ in range(data.draw(st.integers(0, 4))):
        if hostile:
            hostile[data.draw(st.integers(0, len(hostile) - 1))] = data.draw(st.integers(0, 255))
    with tempfile.TemporaryDirectory() as folder:
        heard(f"{folder}/a.zap.txt", bytes(hostile), zap.read)


@pytest.mark.parametrize("beginning", [GET % 1 + b"HTTP/1.1 200 OK\r\n\r\n", POST % 9])
def test_memory_is_flat(tmp_path: Path, beginning: bytes) -> None:
    with (tmp_path / "a.zap.txt").open("wb") as file:
        file.write(b"==== 1 ==========\n" + beginning)
        for _ in range(200):
            file.write(b"0123456789abcde\n" * 65536)
    octets, memory = peak(tmp_path / "a.zap.txt", zap.__name__)
    assert octets >= (200 << 20) - 1
    assert memory < 50 << 20
