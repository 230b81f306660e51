"""Where requests are kept: byte for byte, under a name that says whether they are whole, and never over another."""

from __future__ import annotations

import errno
import json
import os
import stat
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from httpwire.capture.arrival import Arrival
from httpwire.capture.keeping import PARTIAL, TUNNEL, File, Folder, Keeping, Sequence
from httpwire.capture.model import Ending
from httpwire.errors import OutputUnwritable, SaveFailed
from httpwire.wire.element import Direction
from httpwire.wire.message import Message
from httpwire.wire.stream import Stream

HELD = 64 << 10  # octets that a request may have before it goes to a file of its own
SIZES = [1, HELD - 1, HELD, HELD + 1, 10 * HELD + 7]
ENDINGS = {PARTIAL: Ending.CLOSED, TUNNEL: Ending.CLOSED, "": Ending.COMPLETE}
GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
KINDS: list[Callable[[str], Keeping]] = [File, Sequence, Folder]


def arrival(number: int, octets: bytes, ending: str = "") -> Arrival:
    stream = Stream(Direction.REQUEST)
    events = [*stream.feed(octets[:4096]), *stream.feed_eof(cut=True)]
    message = next((event for event in events if isinstance(event, Message)), None)
    return Arrival(number, 1.5, "127.0.0.1:9", 1, 0, len(octets), message, ENDINGS[ending])


def keep(keeping: Keeping, octets: bytes, ending: str = "", *, number: int = 1, pieces: int = 3) -> str:
    """Hand `octets` to `keeping` in some segments, as one request; gives the name that it got."""
    piece = keeping.piece(number)
    assert piece
    step = max(1, -(-len(octets) // pieces))
    for start in range(0, len(octets), step):
        piece.write(octets[start : start + step])
    assert piece.octets == len(octets)
    return keeping.keep(piece, arrival(number, octets, ending), ending)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def index(folder: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in (folder / "index.jsonl").read_text("ascii").splitlines()]


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd" if os.path.isdir("/proc/self/fd") else "/dev/fd"))  # noqa: PTH208


@contextmanager
def reading(path: Path) -> Iterator[list[bytes]]:
    """All that is written to the pipe at `path`, once the context is left."""
    os.mkfifo(path)
    got: list[bytes] = []
    thread = threading.Thread(target=lambda: got.append(path.read_bytes()))
    thread.start()
    try:
        yield got
    finally:
        thread.join(20)
    assert not thread.is_alive()


@contextmanager
def full_disk(room: int) -> Iterator[None]:
    """No file of this process can get larger than `room` octets: the system says so as it does of a full disk."""
    resource = pytest.importorskip("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


class TestNothing:
    def test_keeps_nothing_and_asks_for_nothing(self) -> None:
        keeping = Keeping()
        assert keeping.piece(1) is None
        keeping.flush()
        keeping.close()


@pytest.mark.parametrize("kind", [File, Sequence])
def test_a_file_makes_no_folder(tmp_path: Path, kind: Callable[[str], Keeping]) -> None:
    with pytest.raises(OutputUnwritable, match="No such file"):
        kind(str(tmp_path / "none" / "kept"))
    assert names(tmp_path) == []


@pytest.mark.parametrize("kind", KINDS)
class TestAll:
    """What holds for a file, a file of many, and a folder."""

    @pytest.mark.parametrize("size", SIZES)
    @pytest.mark.parametrize("ending", ["", PARTIAL, TUNNEL])
    def test_a_request_is_kept_octet_for_octet(
        self, tmp_path: Path, kind: Callable[[str], Keeping], size: int, ending: str
    ) -> None:
        octets = (GET + os.urandom(size))[-size:]
        keeping = kind(str(tmp_path / "kept"))
        path = keep(keeping, octets, ending)
        keeping.flush()
        assert path.endswith(ending)
        assert Path(path).read_bytes() == octets
        keeping.close()
        assert Path(path).read_bytes() == octets

    def test_what_it_was_handed_may_be_changed_afterwards(self, tmp_path: Path, kind: Callable[[str], Keeping]) -> None:
        keeping = kind(str(tmp_path / "kept"))
        piece = keeping.piece(1)
        assert piece
        buffer = bytearray(GET)
        piece.write(memoryview(buffer))
        buffer[:] = bytes(len(buffer))
        path = keeping.keep(piece, arrival(1, GET), "")
        keeping.close()
        assert Path(path).read_bytes() == GET

    def test_several_may_come_at_once(self, tmp_path: Path, kind: Callable[[str], Keeping]) -> None:
        """Their octets come in turns, and they end in another order than they began."""
        keeping = kind(str(tmp_path / "kept"))
        whole = {number: GET + bytes((number,)) * (number * 30_000) for number in range(1, 6)}
        pieces = {number: keeping.piece(number) for number in whole}
        for start in range(0, 200_000, 7_000):
            for number, piece in pieces.items():
                assert piece
                if part := whole[number][start : start + 7_000]:
                    piece.write(part)
        kept = {}
        for number in (3, 5, 1, 4, 2):
            piece = pieces[number]
            assert piece
            path = keeping.keep(piece, arrival(number, whole[number], PARTIAL), PARTIAL)
            kept[number] = Path(path)
        keeping.close()
        assert {number: path.read_bytes() for number, path in kept.items()} == whole

    def test_nothing_else_is_left_and_all_is_closed(self, tmp_path: Path, kind: Callable[[str], Keeping]) -> None:
        before = descriptors()
        keeping = kind(str(tmp_path / "kept"))
        for number, (octets, ending) in enumerate([(GET, ""), (GET + bytes(HELD), ""), (bytes(HELD + 1), PARTIAL)], 1):
            keep(keeping, octets, ending, number=number)
        keeping.close()
        assert descriptors() == before
        assert [path.name for path in tmp_path.rglob("*") if ".tmp" in path.name] == []

    @pytest.mark.parametrize("path", ["", "file/none/kept", "file/kept"])
    def test_where_nothing_can_be_kept_is_found_before_anything_comes(
        self, tmp_path: Path, kind: Callable[[str], Keeping], path: str
    ) -> None:
        (tmp_path / "file").write_bytes(b"")
        before = descriptors()
        with pytest.raises(OutputUnwritable) as caught:
            kind(str(tmp_path / path) if path else "")
        assert caught.value.facts["path"] == (str(tmp_path / path) if path else "")
        assert descriptors() == before
        assert names(tmp_path) == ["file"]

    def test_a_place_that_is_gone_is_a_failure_to_save(self, tmp_path: Path, kind: Callable[[str], Keeping]) -> None:
        """Whether the request is small or large: whoever serves stops with status 23, and not with a fault."""
        (tmp_path / "folder").mkdir()
        keeping = kind(str(tmp_path / "folder" / "kept"))
        for path in sorted((tmp_path / "folder").rglob("*"), reverse=True):
            path.rmdir() if path.is_dir() else path.unlink()
        (tmp_path / "folder").rmdir()
        try:
            with pytest.raises(SaveFailed):
                keep(keeping, GET)
            with pytest.raises(SaveFailed):
                keep(keeping, GET + bytes(HELD), number=2)
        finally:
            keeping.close()


class TestSpooling:
    """A large request is on disk as it comes; it is never held in memory whole."""

    @pytest.mark.parametrize("kind", KINDS)
    def test_what_is_small_waits_in_memory(self, tmp_path: Path, kind: Callable[[str], Keeping]) -> None:
        keeping = kind(str(tmp_path / "kept"))
        piece = keeping.piece(1)
        assert piece
        piece.write(bytes(HELD))
        assert piece.spool is None
        assert piece.held() == bytes(HELD)
        keeping.keep(piece, arrival(1, bytes(HELD)), "")
        keeping.close()

    @pytest.mark.parametrize("kind", KINDS)
    def test_what_is_larger_is_in_a_file_as_soon_as_it_has_come(
        self, tmp_path: Path, kind: Callable[[str], Keeping]
    ) -> None:
        keeping = kind(str(tmp_path / "kept"))
        piece = keeping.piece(1)
        assert piece
        octets = os.urandom(HELD + 300)
        piece.write(octets[:HELD])
        for start in range(HELD, len(octets), 100):
            piece.write(octets[start : start + 100])
            [spool] = tmp_path.rglob("*.tmp")
            assert spool.read_bytes() == octets[: start + 100]
        path = keeping.keep(piece, arrival(1, octets), "")
        keeping.close()
        assert Path(path).read_bytes() == octets
        assert list(tmp_path.rglob("*.tmp")) == []


class TestFile:
    def test_the_first_complete_request_gets_the_name(self, tmp_path: Path) -> None:
        keeping = File(str(tmp_path / "kept"))
        assert keep(keeping, GET) == str(tmp_path / "kept")
        keeping.close()
        assert names(tmp_path) == ["kept"]

    @pytest.mark.parametrize("second", [b"SECOND" + GET, b"SECOND" + GET + bytes(HELD)], ids=["small", "large"])
    def test_and_no_later_one_takes_it_away(self, tmp_path: Path, second: bytes) -> None:
        """Two requests may come in one segment, or on two connections at the same moment."""
        keeping = File(str(tmp_path / "kept"))
        keep(keeping, GET, number=1)
        keep(keeping, second, number=2)
        keeping.close()
        assert (tmp_path / "kept").read_bytes() == GET

    def test_until_then_an_earlier_file_stays(self, tmp_path: Path) -> None:
        path = tmp_path / "kept"
        path.write_bytes(b"earlier")
        path.chmod(0o640)
        keeping = File(str(path))
        assert path.read_bytes() == b"earlier"
        keep(keeping, GET[:-1], PARTIAL)
        assert path.read_bytes() == b"earlier"
        keep(keeping, GET, number=2)
        keeping.close()
        assert path.read_bytes() == GET
        assert stat.S_IMODE(path.stat().st_mode) == 0o640
        assert names(tmp_path) == ["kept", "kept.partial"]

    def test_where_nothing_comes_nothing_is_made(self, tmp_path: Path) -> None:
        File(str(tmp_path / "kept")).close()
        assert names(tmp_path) == []

    def test_what_is_not_whole_lies_beside_it_each_in_a_file_of_its_own(self, tmp_path: Path) -> None:
        keeping = File(str(tmp_path / "kept"))
        endings = [PARTIAL, PARTIAL, TUNNEL, PARTIAL]
        contents = [b"one", bytes(HELD + 1), b"three", b"four"]
        kept = [
            keep(keeping, octets, ending, number=number)
            for number, (octets, ending) in enumerate(zip(contents, endings, strict=True), 1)
        ]
        keeping.close()
        assert len(set(kept)) == 4
        assert [Path(path).read_bytes() for path in kept] == contents
        assert Path(kept[0]).name == "kept.partial"
        assert all(Path(path).name.startswith("kept" + ending) for path, ending in zip(kept, endings, strict=True))

    def test_a_link_stays_a_link(self, tmp_path: Path) -> None:
        (tmp_path / "folder").mkdir()
        (tmp_path / "link").symlink_to("folder/kept")
        keeping = File(str(tmp_path / "link"))
        assert keep(keeping, GET) == str(tmp_path / "folder" / "kept")
        keeping.close()
        assert (tmp_path / "link").is_symlink()
        assert (tmp_path / "folder" / "kept").read_bytes() == GET

    def test_a_folder_is_no_file(self, tmp_path: Path) -> None:
        with pytest.raises(OutputUnwritable, match="directory"):
            File(str(tmp_path))

    @pytest.mark.parametrize("size", [len(GET), HELD + 1])
    def test_a_full_disk_is_told_and_leaves_no_file_that_looks_whole(self, tmp_path: Path, size: int) -> None:
        keeping = File(str(tmp_path / "kept"))
        with full_disk(10), pytest.raises(SaveFailed) as caught:
            keep(keeping, GET + bytes(size - len(GET)))
        keeping.close()
        assert caught.value.facts["path"] == str(tmp_path / "kept")
        assert not (tmp_path / "kept").exists()


class TestTorn:
    @pytest.mark.parametrize("size", [HELD - 10, HELD + 10])
    def test_a_file_of_many_ends_with_a_whole_one(self, tmp_path: Path, size: int) -> None:
        keeping = Sequence(str(tmp_path / "all"))
        keep(keeping, GET)
        octets = os.urandom(size)

        def two() -> None:
            for number in (1, 2):
                keep(keeping, octets, number=number)
                keeping.flush()

        with full_disk(HELD + 20), pytest.raises(SaveFailed):
            two()
        keeping.close()
        kept = (tmp_path / "all").read_bytes()
        assert kept in (GET, GET + octets)
        assert [path.read_bytes() for path in tmp_path.glob("*.partial")] == ([octets] if size > HELD else [])
        assert list(tmp_path.glob("*.tmp")) == []


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
class TestPipe:
    """A pipe or a device takes the octets themselves: there is nothing beside it, and nothing to rename."""

    @pytest.mark.parametrize("kind", [File, Sequence])
    @pytest.mark.parametrize("size", SIZES)
    def test_a_whole_request_goes_into_it(self, tmp_path: Path, kind: type[File], size: int) -> None:
        octets = os.urandom(size)
        with reading(tmp_path / "pipe") as got:
            keeping = kind(str(tmp_path / "pipe"))
            assert keep(keeping, octets) == str(tmp_path / "pipe")
            keeping.close()
        assert got == [octets]
        assert names(tmp_path) == ["pipe"]

    def test_the_last_octets_of_a_large_one_are_not_left_behind(self, tmp_path: Path) -> None:
        """A few octets after many: what a browser's upload ends with."""
        octets = os.urandom(HELD + 1)
        with reading(tmp_path / "pipe") as got:
            keeping = File(str(tmp_path / "pipe"))
            piece = keeping.piece(1)
            assert piece
            piece.write(octets)
            piece.write(b"--boundary--\r\n")
            keeping.keep(piece, arrival(1, GET), "")
            keeping.close()
        assert got == [octets + b"--boundary--\r\n"]

    def test_what_a_large_one_waits_in_has_no_name(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """A process that is killed meanwhile leaves nothing behind."""
        (tmp_path / "temporary").mkdir()
        monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
        with reading(tmp_path / "pipe"):
            keeping = File(str(tmp_path / "pipe"))
            piece = keeping.piece(1)
            piece.write(bytes(HELD + 1))
            assert piece.spool
            assert names(tmp_path / "temporary") == []
            keeping.keep(piece, arrival(1, GET), PARTIAL)
            keeping.close()

    @pytest.mark.parametrize("size", [7, HELD + 7])
    def test_what_is_not_whole_does_not(self, tmp_path: Path, size: int) -> None:
        with reading(tmp_path / "pipe") as got:
            keeping = File(str(tmp_path / "pipe"))
            assert keep(keeping, bytes(size), PARTIAL) == ""
            assert keep(keeping, GET, number=2) == str(tmp_path / "pipe")
            keeping.close()
        assert got == [GET]
        assert names(tmp_path) == ["pipe"]

    def test_a_file_takes_the_first_request_alone(self, tmp_path: Path) -> None:
        with reading(tmp_path / "pipe") as got:
            keeping = File(str(tmp_path / "pipe"))
            keep(keeping, GET, number=1)
            keep(keeping, b"SECOND" + GET, number=2)
            keeping.close()
        assert got == [GET]

    def test_a_sequence_takes_all_of_them_in_order(self, tmp_path: Path) -> None:
        parts = [GET, os.urandom(HELD + 7), b"x" + GET, os.urandom(3 * HELD), GET]
        with reading(tmp_path / "pipe") as got:
            keeping = Sequence(str(tmp_path / "pipe"))
            for number, octets in enumerate(parts, 1):
                keep(keeping, octets, number=number)
            keeping.close()
        assert got == [b"".join(parts)]

    def test_a_descriptor_named_as_a_file_is_written_where_it_stands(self) -> None:
        read_end, write_end = os.pipe()
        with os.fdopen(read_end, "rb") as reader:
            keeping = File(f"/dev/fd/{write_end}")
            keep(keeping, GET)
            keeping.close()
            os.close(write_end)
            assert reader.read() == GET

    @pytest.mark.skipif(not os.path.exists("/dev/full"), reason="this system has no device that is always full")
    @pytest.mark.parametrize("kind", [File, Sequence])
    @pytest.mark.parametrize("size", [7, HELD + 7])
    def test_a_device_that_takes_nothing_is_a_failure_to_save(self, kind: type[File], size: int) -> None:
        keeping = kind("/dev/full")
        with pytest.raises(SaveFailed) as caught:
            keep(keeping, bytes(size))
        assert caught.value.facts["errno"] == errno.ENOSPC
        keeping.close()


class TestSequence:
    def test_whole_requests_lie_one_after_the_other(self, tmp_path: Path) -> None:
        parts = [GET, b"1" + GET, os.urandom(HELD + 7), b"2" + GET, os.urandom(5 * HELD), os.urandom(HELD), GET]
        keeping = Sequence(str(tmp_path / "kept"))
        for number, octets in enumerate(parts, 1):
            assert keep(keeping, octets, number=number) == str(tmp_path / "kept")
            keeping.flush()
            assert (tmp_path / "kept").read_bytes() == b"".join(parts[:number]), "it is there when it is told"
        keeping.close()
        assert (tmp_path / "kept").read_bytes() == b"".join(parts)
        assert names(tmp_path) == ["kept"]

    def test_also_where_many_come_between_two_flushes(self, tmp_path: Path) -> None:
        parts = [b"%d" % number + (os.urandom(HELD) if number % 7 == 3 else GET) for number in range(40)]
        keeping = Sequence(str(tmp_path / "kept"))
        for number, octets in enumerate(parts, 1):
            keep(keeping, octets, number=number)
        keeping.close()
        assert (tmp_path / "kept").read_bytes() == b"".join(parts)

    @pytest.mark.parametrize("size", [7, HELD + 7])
    def test_what_is_not_whole_lies_beside_it(self, tmp_path: Path, size: int) -> None:
        keeping = Sequence(str(tmp_path / "kept"))
        keep(keeping, GET, number=1)
        assert keep(keeping, bytes(size), PARTIAL, number=2) == str(tmp_path / "kept.partial")
        keep(keeping, GET, number=3)
        keeping.close()
        assert (tmp_path / "kept").read_bytes() == GET + GET
        assert (tmp_path / "kept.partial").read_bytes() == bytes(size)

    def test_an_earlier_file_stays_until_the_first_whole_request(self, tmp_path: Path) -> None:
        (tmp_path / "kept").write_bytes(b"earlier")
        keeping = Sequence(str(tmp_path / "kept"))
        keep(keeping, b"x", PARTIAL)
        assert (tmp_path / "kept").read_bytes() == b"earlier"
        keep(keeping, GET, number=2)
        assert (tmp_path / "kept").read_bytes() == GET
        keeping.close()

    def test_a_full_disk_is_told(self, tmp_path: Path) -> None:
        keeping = Sequence(str(tmp_path / "kept"))
        keep(keeping, GET)
        keeping.flush()
        keep(keeping, GET, number=2)
        with full_disk(len(GET) + 10), pytest.raises(SaveFailed) as caught:
            keeping.flush()
        assert caught.value.facts["path"] == str(tmp_path / "kept")
        keeping.close()
        assert (tmp_path / "kept").read_bytes().startswith(GET)


class TestFolder:
    @pytest.mark.parametrize(
        ("octets", "name"),
        [
            (GET, "0001-GET.http"),
            (b"GET /index.html HTTP/1.1\r\n\r\n", "0001-GET-index.html.http"),
            (b"POST /a/b/c.php?d=e HTTP/1.1\r\n\r\n", "0001-POST-a-b-c.php.http"),
            (b"GET /a%20b%2F HTTP/1.1\r\n\r\n", "0001-GET-a-20b-2F.http"),
            (b"GET http://a.test:80/x HTTP/1.1\r\n\r\n", "0001-GET-http-a.test-80-x.http"),
            (b"CONNECT a.test:443 HTTP/1.1\r\n\r\n", "0001-CONNECT-a.test-443.http"),
            (b"OPTIONS * HTTP/1.1\r\n\r\n", "0001-OPTIONS.http"),
            (b"GET /../../etc/passwd HTTP/1.1\r\n\r\n", "0001-GET-etc-passwd.http"),
            (b"GET /.. HTTP/1.1\r\n\r\n", "0001-GET.http"),
            (b"GET /.hidden HTTP/1.1\r\n\r\n", "0001-GET-hidden.http"),
            (b"GET /" + b"x" * 5000 + b" HTTP/1.1\r\n\r\n", "0001-GET-" + "x" * 60 + ".http"),
            (b"M-!#$ / HTTP/1.1\r\n\r\n", "0001-M.http"),
            (b"\x16\x03\x01", "0001.http"),
        ],
    )
    def test_a_name_tells_what_is_in_the_file(self, tmp_path: Path, octets: bytes, name: str) -> None:
        keeping = Folder(str(tmp_path))
        assert keep(keeping, octets) == str(tmp_path / name)
        keeping.close()
        assert names(tmp_path) == [name, "index.jsonl"]
        assert (tmp_path / name).read_bytes() == octets

    def test_numbers_are_those_of_the_requests_however_they_end(self, tmp_path: Path) -> None:
        keeping = Folder(str(tmp_path))
        keep(keeping, GET, number=2)
        keep(keeping, b"GET /x HTTP/1.1\r\nHos", PARTIAL, number=1)
        keep(keeping, b"\0\1", TUNNEL, number=3)
        keeping.close()
        assert names(tmp_path)[:3] == ["0001-GET-x.http.partial", "0002-GET.http", "0003.http.tunnel"]

    def test_the_folder_is_made_with_those_above_it(self, tmp_path: Path) -> None:
        keeping = Folder(str(tmp_path / "a" / "b"))
        path = keep(keeping, GET)
        keeping.close()
        assert path == str(tmp_path / "a" / "b" / "0001-GET.http")

    def test_the_index_has_a_line_for_each(self, tmp_path: Path) -> None:
        keeping = Folder(str(tmp_path))
        keep(keeping, b"POST /a HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc", number=1)
        assert index(tmp_path) == [], "what is not flushed is not told"
        keeping.flush()
        keep(keeping, b"GET /\xe9 HTTP/1.1\r\nHos", PARTIAL, number=2)
        keeping.close()
        first, second = index(tmp_path)
        assert first == {
            "number": 1,
            "time": 1.5,
            "peer": "127.0.0.1:9",
            "connection": 1,
            "start": 0,
            "stop": 42,
            "octets": 42,
            "head": 39,
            "content": 3,
            "method": "POST",
            "target": "/a",
            "complete": True,
            "reason": "",
            "findings": ["host-missing"],
            "server_name": "",
            "file": "0001-POST-a.http",
        }
        assert (second["complete"], second["reason"], second["file"]) == (False, "closed", "0002-GET.http.partial")
        assert second["target"] == "/é"

    @pytest.mark.parametrize("size", [len(GET), HELD + 1])
    def test_a_second_run_goes_on_counting_and_overwrites_nothing(self, tmp_path: Path, size: int) -> None:
        octets = GET + bytes(size - len(GET))
        for run in range(3):
            keeping = Folder(str(tmp_path))
            for number in (1, 2):
                keep(keeping, b"%d" % run + octets, number=number)
            keeping.close()
        kept = [name for name in names(tmp_path) if name != "index.jsonl"]
        assert [name[:4] for name in kept] == ["0001", "0002", "0003", "0004", "0005", "0006"]
        assert [(tmp_path / name).read_bytes()[:1] for name in kept] == [b"0", b"0", b"1", b"1", b"2", b"2"]
        assert [line["number"] for line in index(tmp_path)] == [1, 2, 3, 4, 5, 6]
        assert [line["file"] for line in index(tmp_path)] == kept

    def test_the_numbers_go_on_after_the_highest_also_beyond_four_digits(self, tmp_path: Path) -> None:
        for name in ("0007-GET.http.partial", "12345-GET.http", "notes.txt", "x9.http"):
            (tmp_path / name).write_bytes(b"earlier")
        keeping = Folder(str(tmp_path))
        assert keep(keeping, GET) == str(tmp_path / "12346-GET.http")
        keeping.close()

    @pytest.mark.parametrize("size", [len(GET), HELD + 1])
    def test_another_process_in_the_same_folder_loses_nothing(self, tmp_path: Path, size: int) -> None:
        """Both count from the same number on; what one of them has kept the other one must not replace."""
        octets = GET + bytes(size - len(GET))
        one, other = Folder(str(tmp_path)), Folder(str(tmp_path))
        try:
            keep(one, b"GET /one HTTP/1.1\r\n\r\n")
            first = Path(keep(one, octets, number=2))
            try:
                second = Path(keep(other, b"X" + octets, number=2))
            except SaveFailed:
                second = None
            assert first.read_bytes() == octets
            assert second is None or second.read_bytes() == b"X" + octets
        finally:
            one.close()
            other.close()

    @pytest.mark.parametrize("size", [len(GET), HELD + 1])
    def test_a_file_that_came_into_the_folder_meanwhile_stays(self, tmp_path: Path, size: int) -> None:
        keeping = Folder(str(tmp_path))
        (tmp_path / "0001-GET.http").write_bytes(b"somebody else's")
        try:
            keep(keeping, GET + bytes(size - len(GET)))
        except SaveFailed:
            pass
        finally:
            keeping.close()
        assert (tmp_path / "0001-GET.http").read_bytes() == b"somebody else's"

    def test_a_line_that_a_killed_run_left_unfinished_does_not_spoil_the_next_one(self, tmp_path: Path) -> None:
        (tmp_path / "index.jsonl").write_bytes(b'{"number": 1, "ti')
        keeping = Folder(str(tmp_path))
        keep(keeping, GET)
        keeping.close()
        last = (tmp_path / "index.jsonl").read_text().splitlines()[-1]
        assert json.loads(last)["file"] == "0001-GET.http"

    def test_it_may_be_renamed_while_it_is_written_to(self, tmp_path: Path) -> None:
        """Small requests still find it; whatever can't be kept is told."""
        keeping = Folder(str(tmp_path / "before"))
        keep(keeping, GET, number=1)
        (tmp_path / "before").rename(tmp_path / "after")
        keep(keeping, GET, number=2)
        keeping.close()
        assert names(tmp_path / "after") == ["0001-GET.http", "0002-GET.http", "index.jsonl"]
        assert len(index(tmp_path / "after")) == 2

    @pytest.mark.parametrize("size", [len(GET), HELD + 1])
    def test_a_full_disk_is_told_and_leaves_no_file_that_looks_whole(self, tmp_path: Path, size: int) -> None:
        keeping = Folder(str(tmp_path))
        with full_disk(10), pytest.raises(SaveFailed):
            keep(keeping, GET + bytes(size - len(GET)))
        keeping.close()
        assert [path.name for path in tmp_path.glob("*.http")] == []
        assert index(tmp_path) == []

    def test_so_is_a_disk_with_no_room_for_the_index(self, tmp_path: Path) -> None:
        keeping = Folder(str(tmp_path))
        keep(keeping, GET)
        with full_disk(40), pytest.raises(SaveFailed) as caught:
            keeping.flush()
        assert caught.value.facts["path"] == str(tmp_path / "index.jsonl")
        keeping.close()
        assert (tmp_path / "0001-GET.http").read_bytes() == GET

    @pytest.mark.parametrize("size", [10, HELD + 10])
    @pytest.mark.parametrize("theirs", ["0001.http.partial", "0001-GET.http", "0001-GET.http.partial"])
    def test_what_another_process_keeps_there_stays(self, tmp_path: Path, size: int, theirs: str) -> None:
        keeping = Folder(str(tmp_path))
        (tmp_path / theirs).write_bytes(b"somebody else's")
        octets = os.urandom(size)
        kept = [keep(keeping, octets, ending) for ending in ("", PARTIAL)]
        keeping.close()
        assert (tmp_path / theirs).read_bytes() == b"somebody else's"
        assert [Path(name).read_bytes() for name in kept] == [octets] * 2
        assert len(names(tmp_path)) == 4

    def test_an_index_that_can_not_be_written_is_found_before_anything_comes(self, tmp_path: Path) -> None:
        (tmp_path / "index.jsonl").mkdir()
        before = descriptors()
        with pytest.raises(OutputUnwritable, match="directory"):
            Folder(str(tmp_path))
        assert descriptors() == before

    def test_a_folder_that_may_not_be_written_to_is_found_before_anything_comes(self, ordinary: Path) -> None:
        ordinary.chmod(0o500)
        try:
            with pytest.raises(OutputUnwritable, match="Permission"):
                Folder(str(ordinary))
        finally:
            ordinary.chmod(0o700)
