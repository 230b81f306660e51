"""Octets that whoever captured them did not see: what is read of the rest, and how it is told."""

from __future__ import annotations

from pathlib import Path

import pytest
from stored import Step, get, make, ok, one

from httpwire.capture.store.capture import Capture
from httpwire.capture.store.removal import remove
from httpwire.errors import UsageError
from httpwire.wire.element import Direction

HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
ENDLESS = b"HTTP/1.1 200 OK\r\n\r\n"
END: list[Step] = [(1, "closed", b""), (1, "end", b"")]

#: What is told of an exchange: target, status, outcome, findings, octets of content, whether octets are missing.
Told = tuple[str, int, str, tuple[str, ...], int]
MISSING = ("octets-missing",)


def told(path: Path) -> list[Told]:
    with Capture(str(path)) as capture:
        found = list(capture.exchanges())
        for direction in Direction:  # the octets of a connection are those of its exchanges, each once
            places = [entry.place(direction) for entry in found]
            assert [start for start, _ in places] == [0, *(stop for _, stop in places)][:-1]
            segments = capture.segments(1, direction)
            assert (places[-1][1] if places else 0) == sum(len(data) for _, data in segments)
        return [(e.target, e.status, e.outcome, e.findings, e.response_content) for e in found]


def gaps(path: Path, number: int) -> tuple[tuple[int, int], ...]:
    with Capture(str(path)) as capture:
        entry = capture.entry(number)
        assert entry
        return capture.gaps(entry, Direction.RESPONSE)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "a.hwire"


class TestInContent:
    def test_what_follows_is_read_on(self, path: Path) -> None:
        steps: list[Step] = [
            (1, ">", get("/1")),
            (1, "<", HEAD + b"abc"),
            (1, "?<", b"4"),
            (1, "<", b"hij"),
            (1, ">", get("/2")),
            (1, "<", ok()),
        ]
        make(path, [*steps, *END])
        assert told(path) == [
            ("/1", 200, "incomplete", MISSING, 6),
            ("/2", 200, "complete", (), 2),
        ]
        assert gaps(path, 1) == ((len(HEAD) + 3, 4),)

    def test_to_its_end(self, path: Path) -> None:
        make(path, [(1, ">", get("/1")), (1, "<", HEAD), (1, "?<", b"10"), (1, ">", get("/2")), (1, "<", ok()), *END])
        assert told(path) == [("/1", 200, "incomplete", MISSING, 0), ("/2", 200, "complete", (), 2)]

    def test_in_a_chunk(self, path: Path) -> None:
        answer: list[Step] = [(1, "<", CHUNKED + b"a\r\nab"), (1, "?<", b"5"), (1, "<", b"cde\r\n0\r\n\r\n")]
        make(path, [(1, ">", get("/1")), *answer, *END])
        assert told(path) == [("/1", 200, "incomplete", MISSING, 5)]

    @pytest.mark.parametrize("count", [b"", b"3"])
    def test_that_ends_with_the_connection(self, path: Path, count: bytes) -> None:
        make(path, [(1, ">", get("/1")), (1, "<", ENDLESS + b"ab"), (1, "?<", count), (1, "<", b"cd"), *END])
        assert told(path) == [("/1", 200, "incomplete", MISSING, 4)]
        assert gaps(path, 1) == ((len(ENDLESS) + 2, int(count or b"0")),)

    def test_of_a_request(self, path: Path) -> None:
        request = b"POST /1 HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n"
        make(path, [(1, ">", request + b"ab"), (1, "?>", b"5"), (1, ">", b"xyz"), (1, "<", ok()), *END])
        assert told(path) == [("/1", 200, "complete", MISSING, 2)]

    def test_several(self, path: Path) -> None:
        steps: list[Step] = [(1, ">", get("/1")), (1, "<", HEAD)]
        for _ in range(5):
            steps += [(1, "?<", b"1"), (1, "<", b"x")]
        make(path, [*steps, (1, ">", get("/2")), (1, "<", ok()), *END])
        assert told(path) == [("/1", 200, "incomplete", MISSING, 5), ("/2", 200, "complete", (), 2)]
        assert len(gaps(path, 1)) == 5


def test_exchanges_that_share_a_gap_are_removed_together(path: Path) -> None:
    cut: list[Step] = [(1, ">", get("/1")), (1, "<", HEAD + b"abc"), (1, "?<", b"7")]
    make(path, [*cut, (1, ">", get("/2")), (1, "<", ok()), *END, *one(2, "/3")])
    with Capture(str(path)) as capture:
        with pytest.raises(UsageError, match="only be removed together"):
            remove(capture, capture.exchanges("number = 1"))
        assert capture.count() == 3
        remove(capture, capture.exchanges("number IN (1, 2)"))
        assert [entry.number for entry in capture.exchanges()] == [3]
        assert list(capture.connections()) == [2]


class TestElsewhere:
    """Where it can't be known what is missing, reading goes on at the next request."""

    @pytest.mark.parametrize(
        ("before", "count", "after"),
        [
            (b"HTTP/1.1 200", b"30", b"rest"),
            (b"", b"40", b"0123456789"),
            (HEAD + b"ab", b"100", b"xyz"),
            (HEAD + b"ab", b"", b"xyz"),
            (CHUNKED + b"5", b"3", b"x\r\n0\r\n\r\n"),
        ],
    )
    def test_in_an_answer(self, path: Path, before: bytes, count: bytes, after: bytes) -> None:
        steps: list[Step] = [
            (1, ">", get("/0")),
            (1, "<", ok()),
            (1, ">", get("/1")),
            *([(1, "<", before)] if before else []),
            (1, "?<", count),
            (1, "<", after),
            (1, ">", get("/2")),
            (1, "<", ok()),
        ]
        make(path, [*steps, *END])
        found = told(path)
        assert found[0] == ("/0", 200, "complete", (), 2)
        assert found[2] == ("/2", 200, "complete", (), 2)
        assert (found[1][0], found[1][2] != "complete", "octets-missing" in found[1][3]) == ("/1", True, True)
        assert len(found) == 3

    def test_in_the_head_of_a_request(self, path: Path) -> None:
        steps: list[Step] = [
            (1, ">", b"GET /1 HT"),
            (1, "?>", b"9"),
            (1, ">", b": a\r\n\r\n"),
            (1, "<", ok(b"one")),
            (1, ">", get("/2")),
            (1, "<", ok()),
        ]
        make(path, [*steps, *END])
        found = told(path)
        assert "octets-missing" in found[0][3]
        assert found[1:] == [("/2", 200, "complete", (), 2)]

    def test_a_whole_request(self, path: Path) -> None:
        steps: list[Step] = [
            (1, ">", get("/1")),
            (1, "<", ok(b"one")),
            (1, "?>", b"40"),
            (1, "<", ok(b"lost")),
            (1, ">", get("/3")),
            (1, "<", ok()),
        ]
        make(path, [*steps, *END])
        assert [found[::2][:2] for found in told(path)] == [("/1", "complete"), ("/3", "complete")]

    def test_at_the_very_beginning(self, path: Path) -> None:
        make(path, [(1, "?>", b"40"), (1, ">", get("/1")), (1, "<", ok()), *END])
        assert told(path) == [("/1", 200, "complete", (), 2)]

    def test_and_no_request_comes_any_more(self, path: Path) -> None:
        make(path, [(1, ">", get("/1")), (1, "<", b"HTTP/1."), (1, "?<", b"9"), (1, "<", b"and more"), *END])
        assert [(target, findings[-1]) for target, _, _, findings, _ in told(path)] == [("/1", "octets-missing")]
