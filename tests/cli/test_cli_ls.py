"""The command `ls`: what the table and the JSON lines tell, in windows and pipes, and while others append."""

from __future__ import annotations

import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from command import Command, ended, failure, printed_on_terminal, start, wait_for

from captures import BEGAN, capture_of
from httpwire.capture.model import EventKind
from httpwire.capture.store.capture import Capture
from httpwire.capture.store.writing import Appender, Writer
from httpwire.capture.traffic import ConnectionFacts, put_exchange
from httpwire.language import Translator
from httpwire.views.listing import Table
from httpwire.views.text import width
from httpwire.wire.element import Direction

LONG = b"/static/" + b"long/" * 30 + b"end.js"
EXCHANGES = [
    (b"GET / HTTP/1.1\r\nHost: one.example\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"),
    (
        b"POST %s HTTP/1.1\r\nHost: two.example\r\nContent-Length: 2\r\n\r\nab" % LONG,
        b"HTTP/1.1 404 Not Found\r\nContent-Type: text/HTML; charset=x\r\nContent-Length: 3000\r\n\r\n" + b"x" * 3000,
    ),
    (b"GET /cut HTTP/1.1\r\n\r\n", b"HTTP/1.1 500 X\r\nContent-Length: 5\r\n\r\nhel"),
    (b"GET /\x1b[31m\xe3\x81\x82 HTTP/1.1\r\nHost: a\r\n\r\n", b""),
]
ENV = {"TZ": "UTC"}


@pytest.fixture
def capture(tmp_path: Path) -> Path:
    return capture_of(tmp_path / "a.hwire", EXCHANGES)


class TestTable:
    def test_what_it_tells(self, capture: Path, httpwire: Command) -> None:
        ran = httpwire("ls", capture.name, env=ENV)
        assert (ran.status, ran.stderr) == (0, "")
        header, *rows = (re.split(r"  +", line.strip()) for line in ran.stdout.decode().splitlines())
        names = ["#", "time", "method", "host", "target", "status", "type", "sent", "size", "duration", "end"]
        assert header == [*names, "findings"]
        when = "2023-11-14 22:13:2"
        assert rows[0] == [
            "1",
            f"{when}0",
            "GET",
            "one.example",
            "/",
            "200",
            "-",
            "37 B",
            "5 B",
            "5.0 ms",
            "content-length",
        ]
        sent, path = f"{len(EXCHANGES[1][0])} B", LONG.decode()
        told = ["404", "text/html", sent, "2.9 KiB", "5.0 ms", "content-length"]
        assert rows[1] == ["2", f"{when}1", "POST", "two.example", path, *told]
        assert rows[2][-4:] == ["3 B", "-", "incomplete", "host-missing"]
        assert rows[3][4:7] == [r"/\x1b[31m\xe3\x81\x82", "-", "-"]
        assert "no answer" in rows[3]

    @pytest.mark.parametrize("columns", [10, 20, 40, 60, 80, 100, 130, 200])
    @pytest.mark.parametrize("language", ["C.UTF-8", "ja_JP.UTF-8"])
    def test_no_row_is_wider_than_the_window(self, capture: Path, columns: int, language: str) -> None:
        printed = printed_on_terminal(capture.parent, "ls", capture.name, columns=columns, LANG=language, NO_COLOR="1")
        lines = printed.decode().split("\r\n")[:5]
        assert [line.split()[0] for line in lines] == ["#", "1", "2", "3", "4"]
        for line in lines:
            assert width(line) <= max(columns, 16)
        if columns >= 60:
            assert ("incomplete" if language.startswith("C") else "5") in printed.decode()

    def test_a_terminal_has_colours_and_a_sum(self, capture: Path) -> None:
        printed = printed_on_terminal(capture.parent, "ls", capture.name, "GET").decode()
        assert "\x1b[31m" in printed
        assert "3 of 4 exchanges" in printed
        assert "\x1b[31m\xe3" not in printed
        assert "4 exchanges" in printed_on_terminal(capture.parent, "ls", capture.name, NO_COLOR="1").decode()

    def test_a_table_made_before_its_rows_are_known(self) -> None:
        header = "".join(text for _, text in Table(Translator(), 80, [], 0, 0).header())
        assert width(header) <= 80
        assert "target" in header

    def test_a_time_that_no_format_kept_is_not_made_up(self, tmp_path: Path, httpwire: Command) -> None:
        (tmp_path / "request").write_bytes(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        assert httpwire("convert", "request", "a.hwire").status == 0
        row = httpwire("ls", "a.hwire").stdout.decode().splitlines()[1]
        assert row.split()[:3] == ["1", "-", "GET"]

    def test_filters_are_all_of_them(self, capture: Path, httpwire: Command) -> None:
        ran = httpwire("ls", capture.name, "GET", "status!=200", "--json")
        assert [json.loads(line)["number"] for line in ran.stdout.splitlines()] == [3, 4]
        ran = httpwire("ls", f"{capture.name}#2-3", "5xx", "--json")
        assert [json.loads(line)["number"] for line in ran.stdout.splitlines()] == [3]

    def test_nothing_that_fits_is_said(self, capture: Path, httpwire: Command) -> None:
        ran = httpwire("ls", capture.name, "418")
        assert (ran.status, ran.stdout) == (0, b"")
        assert "none of the 4 exchanges in a.hwire fits" in ran.stderr
        Appender(str(capture.parent / "b.hwire")).close()
        ran = httpwire("ls", "b.hwire")
        assert (ran.status, ran.stdout) == (0, b"")
        assert "there is no exchange in b.hwire yet" in ran.stderr


class TestJson:
    def test_the_keys(self, capture: Path, httpwire: Command) -> None:
        lines = httpwire("ls", capture.name, "--json").stdout.decode("ascii").splitlines()
        first, _, third, last = map(json.loads, lines)
        assert first == {
            "number": 1,
            "connection": 1,
            "began_at": BEGAN / 1e9 + 0.001,
            "method": "GET",
            "target": "/",
            "host": "one.example",
            "status": 200,
            "media_type": None,
            "outcome": "complete",
            "complete": True,
            "rule": "content-length",
            "request": {"octets": len(EXCHANGES[0][0]), "content_octets": 0},
            "response": {"octets": len(EXCHANGES[0][1]), "content_octets": 5},
            "times": {"sent": 0.0, "first_byte": 0.005, "total": 0.005},
            "findings": [],
            "reconstructed": None,
        }
        assert (third["outcome"], third["findings"], third["times"]["total"]) == ("incomplete", ["host-missing"], None)
        assert (last["status"], last["target"]) == (None, "/\x1b[31m\xe3\x81\x82")


class TestReconstructed:
    def test_it_is_said(self, tmp_path: Path, httpwire: Command) -> None:
        facts = ConnectionFacts(BEGAN, origin="har", reconstructed=("some-cost", "other-cost"))
        capture_of(tmp_path / "a.hwire", EXCHANGES[:2], facts=facts)
        capture_of(tmp_path / "a.hwire", EXCHANGES[2:])
        text = httpwire("ls", "a.hwire").stdout.decode()
        assert [line.split()[0] for line in text.splitlines()] == ["#", "1*", "2*", "3", "4", "*"]
        assert text.splitlines()[-1] == "* reconstructed from har: some-cost; other-cost"
        told = [json.loads(line)["reconstructed"] for line in httpwire("ls", "a.hwire", "--json").stdout.splitlines()]
        what = [{"id": "some-cost", "says": "some-cost"}, {"id": "other-cost", "says": "other-cost"}]
        assert told == [{"from": "har", "what": what}] * 2 + [None] * 2
        for form in ([], ["--hex"], ["--elements"]):
            assert "har: some-cost; other-cost" in httpwire("show", "a.hwire#1.request", *form).stdout.decode()
        made = json.loads(httpwire("show", "a.hwire#1", "--json").stdout)
        assert [file["reconstructed"]["from"] for file in made["files"]] == ["har", "har"]
        assert httpwire("show", "a.hwire#1", "--html", "p.html").status == 0
        assert (tmp_path / "p.html").read_text().count("har: some-cost; other-cost") == 2
        assert "har: some-cost" in httpwire("lint", "a.hwire#1").stdout.decode()
        results = json.loads(httpwire("lint", "a.hwire#1", "--sarif").stdout)["runs"][0]["results"]
        assert results
        assert all(result["properties"]["reconstructed"]["from"] == "har" for result in results)
        assert httpwire("diff", "a.hwire#1", "a.hwire#3").stdout.decode().count("har: some-cost; other-cost") == 2
        ran = httpwire("send", "a.hwire#1", "--to", "127.0.0.1:1")
        assert "reconstructed from har: some-cost; other-cost" in ran.stderr


class TestFailures:
    def test_what_is_no_capture(self, tmp_path: Path, httpwire: Command) -> None:
        (tmp_path / "text").write_bytes(b"GET / HTTP/1.1\r\n\r\n")
        assert "no capture of httpwire; httpwire convert text NEW.hwire makes one" in failure(httpwire("ls", "text"))
        assert "No such file" in failure(httpwire("ls", "missing.hwire"))
        assert "Is a directory" in failure(httpwire("ls", "."))
        for words in ([], ["status=404"]):
            ran = httpwire("ls", *words)
            assert ran.status == 2
            assert "needs the name of a capture" in failure(ran)

    def test_a_newer_one_and_a_damaged_one(self, capture: Path, httpwire: Command) -> None:
        newer = capture.with_name("newer.hwire")
        newer.write_bytes(capture.read_bytes())
        with sqlite3.connect(newer) as db:
            db.execute("PRAGMA user_version = 99")
        db.close()
        for words in (["ls", newer.name], ["show", f"{newer.name}#1"]):
            ran = httpwire(*words)
            assert ran.status == 2
            assert "newer than this httpwire knows" in failure(ran)
        octets = capture.read_bytes()
        newer.write_bytes(octets[:8192] + b"\xa5" * (len(octets) - 8192))
        for words in (["ls", newer.name], ["show", f"{newer.name}#1"], ["lint", newer.name]):
            ran = httpwire(*words)
            assert ran.status == 65
            assert "newer.hwire is damaged" in failure(ran)

    def test_a_wrong_filter(self, capture: Path, httpwire: Command) -> None:
        ran = httpwire("ls", capture.name, "staus=404")
        assert ran.status == 2
        assert "did you mean status=? httpwire ls --help" in failure(ran)
        assert "did you mean GET?" in failure(httpwire("ls", capture.name, "get"))

    def test_an_expression_without_end_can_be_stopped(self, tmp_path: Path) -> None:
        capture_of(tmp_path / "a.hwire", [(b"GET / HTTP/1.1\r\n\r\n", b"a" * 60 + b"!")])
        process = start(tmp_path, "ls", "a.hwire", "regex=(a+)+$")
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(1.5)
        process.send_signal(signal.SIGINT)
        assert ended(process, 10).status == 130


class TestPipes:
    def test_a_reader_that_leaves_ends_it(self, tmp_path: Path) -> None:
        capture_of(tmp_path / "a.hwire", [EXCHANGES[0]] * 3000)
        for more in ([], ["--follow"], ["--json"]):
            process = start(tmp_path, "ls", "a.hwire", *more)
            assert process.stdout
            assert process.stdout.readline()
            process.stdout.close()
            assert process.wait(20) == 0
            assert process.stderr
            assert process.stderr.read() == b""
            process.stderr.close()

    def test_rows_come_before_all_is_indexed(self, tmp_path: Path) -> None:
        """The first rows are there long before the index is; it can be read while the index is still being made."""
        path = tmp_path / "a.hwire"
        capture_of(path, [EXCHANGES[0]] * 6_000)
        process = start(tmp_path, "ls", "a.hwire", "--json")
        assert process.stdout
        first = json.loads(process.stdout.readline())
        with sqlite3.connect(path) as db:
            indexed, last = db.execute("SELECT (SELECT indexed FROM progress), (SELECT max(id) FROM events)").fetchone()
        db.close()
        rest = [json.loads(line)["number"] for line in process.stdout]
        ended(process)
        assert [first["number"], *rest] == list(range(1, 6_001))
        assert indexed < last


class TestFollow:
    def test_exchanges_are_told_as_they_end(self, tmp_path: Path) -> None:
        path = tmp_path / "a.hwire"
        capture_of(path, EXCHANGES[:1])
        process = start(tmp_path, "ls", "a.hwire", "--follow", "--json", "GET")
        assert process.stdout
        assert json.loads(process.stdout.readline())["number"] == 1
        with Writer(str(path)) as writer:
            facts = ConnectionFacts(BEGAN)
            slow = writer.open(facts)
            writer.event(slow, 0, Direction.REQUEST, EventKind.SEGMENT, EXCHANGES[0][0])
            writer.flush()
            put_exchange(writer, facts, [EXCHANGES[1][0]], [EXCHANGES[1][1]])
            put_exchange(writer, facts, [EXCHANGES[2][0]], [EXCHANGES[2][1]])
            writer.flush()
            assert json.loads(process.stdout.readline())["target"] == "/cut"
            writer.event(slow, 10, Direction.RESPONSE, EventKind.SEGMENT, EXCHANGES[0][1])
            writer.flush()
            told = json.loads(process.stdout.readline())
            assert (told["number"], told["outcome"], told["times"]["total"]) == (2, "complete", 1e-8)
        process.send_signal(signal.SIGINT)
        ran = ended(process, 10)
        assert (ran.status, ran.stdout, ran.stderr) == (0, b"", "")

    def test_a_table_of_nothing_yet(self, tmp_path: Path) -> None:
        path = tmp_path / "a.hwire"
        Appender(str(path)).close()
        process = start(tmp_path, "ls", "a.hwire", "--follow")
        assert process.stdout
        assert process.stdout.readline().split()[0] == b"#"
        capture_of(path, EXCHANGES[:1])
        assert b"one.example" in process.stdout.readline()
        process.send_signal(signal.SIGINT)
        assert ended(process, 10).status == 0

    def test_several_look_while_several_append(self, tmp_path: Path) -> None:
        path = tmp_path / "a.hwire"
        Appender(str(path)).close()
        outputs = [(tmp_path / f"out{number}").open("wb") for number in range(2)]
        readers = [start(tmp_path, "ls", "a.hwire", "-f", "--json", stdout=output) for output in outputs]
        script = (
            "import sys; sys.path.insert(0, sys.argv[1]); from captures import *; "
            "capture_of(Path('a.hwire'), [(b'GET /%d HTTP/1.1\\r\\n\\r\\n' % n, b'HTTP/1.1 204 X\\r\\n\\r\\n')"
            " for n in range(400)])"
        )
        command = [sys.executable, "-c", script, str(Path(__file__).parents[1])]
        writers = [subprocess.Popen(command, cwd=tmp_path, env={**os.environ}) for _ in range(3)]
        assert [writer.wait(60) for writer in writers] == [0, 0, 0]
        wait_for(lambda: all((tmp_path / f"out{n}").read_bytes().count(b"\n") == 1200 for n in range(2)), "rows", 60)
        for reader in readers:
            reader.send_signal(signal.SIGINT)
            assert ended(reader, 10).status == 0
        for number, output in enumerate(outputs):
            output.close()
            numbers = [json.loads(line)["number"] for line in (tmp_path / f"out{number}").read_bytes().splitlines()]
            assert sorted(numbers) == list(range(1, 1201))
        with Capture(str(path)) as capture:
            assert capture.db.execute("PRAGMA integrity_check").fetchone() == ("ok",)


@pytest.mark.parametrize("words", [["ls", "--help"], ["ls", "--help", "--lang", "ja"]])
def test_the_help_names_every_filter(httpwire: Command, words: list[str]) -> None:
    from httpwire.capture.store.filters import _FLAGS, _KEYS

    told = httpwire(*words).stdout.decode()
    for name in (*_KEYS, *_FLAGS):
        if not name.startswith("response."):
            assert name in told
