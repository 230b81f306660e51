"""Files and names that were made to do harm, and what is kept of what is damaged, as whole runs."""

from __future__ import annotations

import contextlib
import gzip
import os
import sqlite3
import sys
from pathlib import Path

import pytest
from command import Command, failure, files

from captures import capture_of, exchanges_of
from httpwire.capture import source
from httpwire.cli.main import main

#: No two have the same content, so that gzip does not make one of all.
_ASKED = [f"GET /{number} HTTP/1.1\r\nHost: a.test\r\nX: {hash(number**9)}\r\n\r\n".encode() for number in range(40)]
_ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
_PACKED = ["a.har.gz", "a.gor.gz", "a.pcapng.gz", "a.burp.xml.gz", "a.zap.txt.gz"]


def _capture(path: Path) -> Path:
    return capture_of(path, [(asked, _ANSWER) for asked in _ASKED])


class TestDamagedGzip:
    """Of a damaged gzip file all is kept that comes before the fault, also where that is less than a block."""

    @pytest.fixture
    def packed(self, tmp_path: Path, request: pytest.FixtureRequest) -> Path:
        path = tmp_path / str(request.param)
        plain = path.with_suffix("")
        _capture(tmp_path / "a.hwire")
        assert main(["convert", str(tmp_path / "a.hwire"), str(plain), "-q"]) == 0
        path.write_bytes(gzip.compress(plain.read_bytes(), mtime=0))
        plain.unlink()
        return path

    @pytest.mark.parametrize("packed", _PACKED, indirect=True)
    @pytest.mark.parametrize("damage", ["cut", "flipped", "checksum", "followed"])
    def test_what_comes_before_the_fault_is_kept(self, httpwire: Command, packed: Path, damage: str) -> None:
        octets = bytearray(packed.read_bytes())
        place = len(octets) * 3 // 4
        if damage == "cut":
            del octets[place:]
        elif damage == "flipped":
            octets[place : place + 40] = b"\xff" * 40
        elif damage == "checksum":
            octets[-6] ^= 1
        else:
            octets += b"what is no gzip"
        packed.write_bytes(octets)
        ran = httpwire("convert", packed.name, "b.hwire")
        assert ran.status == 65
        assert f"{packed.name} is damaged at byte " in failure(ran)
        assert "what could be read is in b.hwire" in failure(ran)
        kept = [asked.split()[1] for asked, _ in exchanges_of(packed.with_name("b.hwire"))]
        whole = [asked.split()[1] for asked in _ASKED]
        if damage in ("cut", "flipped"):
            assert kept[:5] == whole[:5]
        else:
            assert kept == whole


def test_a_file_that_grows_beyond_measure_is_broken_off(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(source, "_FREE", 8 << 20)
    head = b"POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 99999999\r\n\r\n"
    (tmp_path / "a.http.gz").write_bytes(gzip.compress(head + bytes(40 << 20)))
    assert main(["convert", str(tmp_path / "a.http.gz"), str(tmp_path / "a.hwire")]) == 65
    assert "grows to over 1 GiB" in capsys.readouterr().err
    ((asked, _),) = exchanges_of(tmp_path / "a.hwire")
    assert 8 << 20 <= len(asked) <= 10 << 20

    made = tmp_path / "b.warc.gz"
    record = b"WARC/1.1\r\nWARC-Type: request\r\nWARC-Target-URI: http://a.test/\r\nContent-Length: 41943040\r\n"
    record += b"WARC-Date: 2024-01-01T00:00:00Z\r\nContent-Type: application/http; msgtype=request\r\n\r\n"
    made.write_bytes(gzip.compress((record + head).ljust(40 << 20, b"\0")))
    assert main(["convert", str(made), str(tmp_path / "b.hwire")]) == 65
    assert "grows to over 1 GiB" in capsys.readouterr().err


@pytest.mark.skipif(sys.platform == "darwin", reason="names are UTF-8 there")
def test_a_name_may_be_any_octets(httpwire: Command, tmp_path: Path) -> None:
    name = os.fsdecode(b"a\xff#1?mode=ro%20.hwire")
    _capture(tmp_path / "a.hwire").rename(tmp_path / name)
    for words in (["ls", name], ["convert", name, name + ".har"], ["show", name + "#2.request"], ["rm", name, "/3"]):
        assert httpwire(*words).status == 0, words
    assert httpwire("convert", name + ".har", "b" + name).status == 0
    assert files(tmp_path) == {name, name + ".har", "b" + name}


def test_what_needs_more_memory_than_there_is_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def read(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr("httpwire.capture.formats.gor.read", read)
    (tmp_path / "a.gor").write_bytes(b"1 a 1\n")
    assert main(["convert", str(tmp_path / "a.gor"), str(tmp_path / "a.hwire")]) == 65
    assert "a.gor is damaged at byte 0: what comes here needs more memory than there is" in capsys.readouterr().err


class TestCaptures:
    def test_a_copy_is_told_of_by_the_name_of_what_it_is_of(self, httpwire: Command, tmp_path: Path) -> None:
        """What is compressed can't be read where it is."""
        whole = _capture(tmp_path / "a.hwire").read_bytes()
        (tmp_path / "b.hwire").write_bytes(b"no database at all")
        packed = gzip.compress(whole, mtime=0)
        (tmp_path / "c.hwire.gz").write_bytes(packed[:-9])
        (tmp_path / "d.hwire.gz").write_bytes(packed[:60])
        ran = httpwire("convert", "b.hwire", "b.har")
        assert ran.status == 2
        assert failure(ran) == "httpwire: can't read b.hwire: it is no capture of httpwire"
        ran = httpwire("convert", "c.hwire.gz", "c.gor")
        assert ran.status == 65
        assert "c.hwire.gz is damaged at byte " in failure(ran)
        assert (tmp_path / "c.gor").read_bytes().count(b"GET /") == len(_ASKED)
        ran = httpwire("convert", "d.hwire.gz", "d.har")
        assert ran.status == 65
        assert failure(ran).startswith("httpwire: d.hwire.gz is damaged at byte 60")

    @pytest.mark.parametrize("value", ["'text'", "5"])
    def test_values_that_a_search_meets(self, httpwire: Command, tmp_path: Path, value: str) -> None:
        path = str(_capture(tmp_path / "a.hwire"))
        assert httpwire("index", "a.hwire").status == 0
        with contextlib.closing(sqlite3.connect(path)) as db:
            db.execute(f"UPDATE events SET data = {value} WHERE kind = 0")
            db.commit()
        ran = httpwire("ls", "a.hwire", "bytes=GET")
        assert ran.status == 65
        assert "a.hwire is damaged" in failure(ran)

    @pytest.mark.parametrize(
        ("harm", "status"),
        [
            ("UPDATE events SET at = 9223372036854775807", 0),
            ("UPDATE connections SET began = 9223372036854775807", 0),
            ("UPDATE events SET data = 'text'", 65),
            ("UPDATE events SET direction = 9", 65),
            ("INSERT INTO removed VALUES (1, 9223372036854775807)", 65),
        ],
    )
    def test_values_that_nobody_would_write(self, httpwire: Command, tmp_path: Path, harm: str, status: int) -> None:
        path = str(_capture(tmp_path / "a.hwire"))
        with contextlib.closing(sqlite3.connect(path)) as db:
            db.execute(harm)
            db.commit()
        ran = httpwire("convert", "a.hwire", "a.warc")
        assert ran.status == status, ran.stderr
        assert status == 0 or "a.hwire is damaged" in failure(ran)

    def test_a_pipe_is_no_capture_and_not_waited_for(self, httpwire: Command, tmp_path: Path) -> None:
        os.mkfifo(tmp_path / "a.hwire")
        ran = httpwire("ls", "a.hwire")
        assert ran.status == 2
        assert "it is no capture of httpwire" in failure(ran)

    def test_where_nothing_can_be_written_it_is_read(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A full disk: SQLite can't make the files that it wants beside it."""
        path = str(_capture(tmp_path / "a.hwire"))

        def full(_: str) -> None:
            error = sqlite3.OperationalError("disk I/O error")
            error.sqlite_errorname = "SQLITE_IOERR_SHMSIZE"
            raise error

        monkeypatch.setattr("httpwire.capture.store.schema._open_whole", full)
        assert main(["ls", path, "/3"]) == 0
        assert " /3 " in capsys.readouterr().out
        assert main(["rm", path, "/3"]) == 2
        assert "can't write" in capsys.readouterr().err

    def test_nothing_written_is_not_told_as_written(self, httpwire: Command, tmp_path: Path) -> None:
        _capture(tmp_path / "a.hwire")
        (tmp_path / "out").write_bytes(b"a file")
        assert "what was written" not in failure(httpwire("extract", "a.hwire", "out/"))

    @pytest.mark.parametrize("name", ["b.warc", "b.har", "b.gor", "b.burp.xml", "b.zap.txt"])
    def test_exchanges_before_one_that_lacks_octets_are_kept(
        self, httpwire: Command, tmp_path: Path, name: str
    ) -> None:
        path = _capture(tmp_path / "a.hwire")
        exchanges_of(path)
        with contextlib.closing(sqlite3.connect(path)) as db:
            db.execute("DELETE FROM events WHERE connection = 20")
            db.commit()
        ran = httpwire("convert", "a.hwire", name)
        assert ran.status == 2
        assert f"what could be read is in {name}.partial" in failure(ran)
        assert b"/18" in (tmp_path / f"{name}.partial").read_bytes()
