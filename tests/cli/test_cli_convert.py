"""convert, extract, merge, rm and index, as their users meet them."""

from __future__ import annotations

import gzip
import json
import signal
import subprocess
import sys
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from command import Command, ended, failure, files, report, start, wait_for

from httpwire.capture.formats import known
from httpwire.capture.store.capture import Capture
from httpwire.capture.store.writing import Appender
from httpwire.capture.toll import SEGMENT_TIMES, Cost
from httpwire.capture.traffic import ConnectionFacts, put_exchange
from httpwire.cli.main import main

_BEGAN = 1_700_000_000_000_000_000


def capture(path: Path, *targets: str, content: bytes = b"ok", began: int = _BEGAN) -> Path:
    """A capture of a connection for each target."""
    with Appender(str(path)) as sink:
        for number, target in enumerate(targets):
            request = f"GET {target} HTTP/1.1\r\nHost: a.test\r\n\r\n".encode()
            answer = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(content) + content
            put_exchange(sink, ConnectionFacts(began + number * 1_000_000), [request], [answer])
    with Capture(str(path)) as made:
        made.update()
    return path


def targets(path: Path) -> list[tuple[int, str]]:
    """The numbers and targets of a capture's index, which is not brought up to date for it."""
    with Capture(str(path)) as opened:
        assert not opened.index.behind
        return [(entry.number, entry.target) for entry in opened.exchanges()]


# A format of one line for each exchange, for what convert does around formats.


def _recognises(first: bytes) -> bool:
    return first.startswith(b"lines\n")


def _read(source: Any, sink: Any, toll: Any) -> None:
    assert source.line(100) == b"lines\n"
    while line := source.line(1 << 16):
        if line == b"skip\n":
            toll.skip(_ODD)
        elif line == b"broken\n":
            raise source.broken("a line is broken", source.offset - len(line))
        else:
            toll.rebuild(_MADE_UP)
            facts = ConnectionFacts(_BEGAN, origin="lines", reconstructed=(_MADE_UP.id,))
            request = b"GET %s HTTP/1.1\r\nHost: a\r\n\r\n" % line.rstrip(b"\n")
            put_exchange(sink, facts, [request], [b"HTTP/1.1 204 No Content\r\n\r\n"])


def _write(capture: Any, entries: Any, output: Any, toll: Any) -> None:
    output.write(b"lines\n")
    for entry in entries:
        toll.lose(SEGMENT_TIMES)
        output.write(entry.target.encode("latin-1") + b"\n")
    assert capture.db


_ODD = Cost("odd", "lines that say nothing")
_MADE_UP = Cost("made-up", "requests made of a line")


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., int]:
    """Runs the command in this process, where the format "lines" is known."""
    module = types.ModuleType("lines_format")
    module.__dict__.update(recognises=_recognises, read=_read, write=_write, MADE_UP=_MADE_UP)
    monkeypatch.setitem(sys.modules, "lines_format", module)
    format = known.Format("lines", (".lines",), "lines_format")
    monkeypatch.setattr(known, "FORMATS", (known.CAPTURE, format))
    monkeypatch.setattr("httpwire.cli.convert.NAMES", ("hwire", "lines"))
    monkeypatch.chdir(tmp_path)
    return lambda *words: main(["--lang", "en", *map(str, words)])


def test_a_capture_becomes_another_format_and_is_told(
    lines: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    capture(tmp_path / "a.hwire", "/1", "/2", "/3")
    assert lines("convert", "a.hwire", "b.lines") == 0
    assert (tmp_path / "b.lines").read_bytes() == b"lines\n/1\n/2\n/3\n"
    told = capsys.readouterr()
    assert told.out == ""
    assert [line.split(maxsplit=1) for line in told.err.splitlines()] == [
        ["converted", "3 connections, 3 exchanges"],
        ["lost", "when each part of a message came (3)"],
        ["saved", "b.lines, 15 bytes"],
    ]


def test_another_format_becomes_a_capture_with_its_index(
    lines: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.txt").write_bytes(b"lines\n/1\nskip\n/2\n")
    assert lines("convert", "a.txt", "b.hwire", "--json") == 0
    assert targets(tmp_path / "b.hwire") == [(1, "/1"), (2, "/2")]
    made = json.loads(capsys.readouterr().out)
    assert made["connections"] == made["exchanges"] == 2
    assert made["reconstructed"] == [{"id": "made-up", "says": "requests made of a line", "count": 2}]
    assert made["skipped"] == [{"id": "odd", "says": "lines that say nothing", "count": 1}]
    assert made["saved"]["path"] == "b.hwire"
    with Capture(str(tmp_path / "b.hwire")) as opened:
        assert opened.facts(1).reconstructed == ("made-up",)


def test_filters_and_numbers_choose_what_is_converted(lines: Callable[..., int], tmp_path: Path) -> None:
    capture(tmp_path / "a.hwire", "/1", "/2", "/3", "/4")
    assert lines("convert", "a.hwire#2-4", "b.lines", "path=/3") == 0
    assert (tmp_path / "b.lines").read_bytes() == b"lines\n/3\n"
    (tmp_path / "a.lines").write_bytes(b"lines\n/x\n/y\n")
    assert lines("convert", "a.lines", "c.hwire", "path=/y") == 0
    assert targets(tmp_path / "c.hwire") == [(1, "/y")]
    assert files(tmp_path) == {"a.hwire", "b.lines", "a.lines", "c.hwire"}  # nothing temporary is left


def test_what_fits_nothing_is_not_said_to_be_saved(httpwire: Command, tmp_path: Path) -> None:
    capture(tmp_path / "a.hwire", "/1")
    ran = httpwire("extract", "a.hwire", "path=/2/", "out/")
    assert ran.status == 0
    assert "saved          nothing: no exchange fits" in ran.stderr
    assert "out" not in files(tmp_path)


def test_content_decides_over_the_name(
    lines: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.hwire").write_bytes(b"lines\n/1\n")
    assert lines("convert", "a.hwire", "b.hwire") == 0
    assert "a.hwire is read as lines: so its content says" in capsys.readouterr().err
    (tmp_path / "a.lines.gz").write_bytes(gzip.compress(b"lines\n/1\n") + gzip.compress(b"/2\n"))
    assert lines("convert", "a.lines.gz", "c.hwire") == 0
    assert targets(tmp_path / "c.hwire") == [(1, "/1"), (2, "/2")]
    assert lines("convert", "c.hwire", "d.lines.gz") == 0
    assert gzip.decompress((tmp_path / "d.lines.gz").read_bytes()) == b"lines\n/1\n/2\n"


def test_of_a_damaged_input_what_can_be_read_is_kept(
    lines: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.lines").write_bytes(b"lines\n/1\n/2\nbroken\n/3\n")
    assert lines("convert", "a.lines", "b.hwire") == 65
    told = capsys.readouterr().err
    assert "2 exchanges" in told
    assert "a.lines is damaged at byte 12: a line is broken; what could be read is in b.hwire" in told
    assert targets(tmp_path / "b.hwire") == [(1, "/1"), (2, "/2")]
    assert lines("convert", "a.lines", "c.lines") == 65
    assert (tmp_path / "c.lines").read_bytes() == b"lines\n/1\n/2\n"
    (tmp_path / "c.lines").write_bytes(b"mine")
    assert lines("convert", "a.lines", "c.lines") == 65
    assert (tmp_path / "c.lines").read_bytes() == b"mine"  # nothing doubtful takes the place of what was there
    assert (tmp_path / "c.lines.partial").read_bytes() == b"lines\n/1\n/2\n"
    packed = gzip.compress(b"lines\n" + b"/1\n" * 5000)
    (tmp_path / "d.lines.gz").write_bytes(packed[:-20])
    assert lines("convert", "d.lines.gz", "d.hwire") == 65
    assert len(targets(tmp_path / "d.hwire")) > 1000


def test_a_pipe_is_read_and_written(httpwire: Command, tmp_path: Path) -> None:
    octets = capture(tmp_path / "a.hwire", "/1", "/2").read_bytes()
    ran = httpwire("convert", "-", "b.hwire", stdin=octets)
    assert ran.status == 0
    assert targets(tmp_path / "b.hwire") == [(1, "/1"), (2, "/2")]
    ran = httpwire("convert", "a.hwire#2", "-", "--to-format", "hwire", "--json")
    assert ran.status == 0
    (tmp_path / "c.hwire").write_bytes(ran.stdout)
    assert targets(tmp_path / "c.hwire") == [(1, "/2")]
    assert json.loads(ran.stderr)["exchanges"] == 1


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("convert",), "convert needs a file to read and one to write"),
        (("convert", "a.hwire"), "convert needs a file to read and one to write"),
        (("convert", "a.hwire", "b"), "the name b does not tell its format"),
        (("convert", "none.har", "c.hwire"), "can't read none.har: No such file or directory"),
        (("convert", "a.hwire", "a.hwire"), "a.hwire would overwrite itself"),
        (("convert", "a.hwire", "b.hwire"), "b.hwire is a capture already, and stays as it is"),
        (("convert", "a.hwire", "no/where.hwire"), "can't write no/where.hwire"),
        (("convert", "a.hwire", "c.hwire", "--from-format", "word"), "--from-format takes one of"),
        (("convert", "a.hwire", "c.hwire", "nonsense"), "there is no filter nonsense"),
        (("convert", "empty", "c.hwire"), "can't read empty: it is of no format that is known here"),
        (("merge", "b.hwire"), "merge needs a capture and what is to be appended to it"),
        (("merge", "b.hwire", "b.hwire"), "b.hwire can't be appended to itself"),
        (("merge", "empty", "a.hwire"), "empty is no capture"),
        (("merge", "b.hwire", "a.hwire", "none.hwire"), "can't read none.hwire"),
        (("rm", "a.hwire"), "all exchanges of a.hwire would be removed"),
        (("rm",), "rm needs a capture and what is to be removed"),
        (("rm", "a.hwire#9-"), ""),
        (("rm", "empty", "status=200"), "can't read empty: it is no capture of httpwire"),
        (("index", "empty"), "can't read empty: it is no capture of httpwire"),
        (("index",), "index needs a capture"),
        (("extract", "a.hwire"), "extract needs a capture and a folder"),
        (("extract", "a.hwire", "out/", "404"), "the folder comes last"),
        (("convert", "a.hwire", "c.har", "--keylog", "keys"), "--keylog is for packet captures, and a.hwire is none"),
    ],
)
def test_what_can_t_be_done_is_said_and_changes_nothing(
    httpwire: Command, tmp_path: Path, words: tuple[str, ...], said: str
) -> None:
    capture(tmp_path / "a.hwire", "/1")
    capture(tmp_path / "b.hwire", "/2")
    (tmp_path / "empty").touch()
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    ran = httpwire(*words)
    assert ran.stdout == b""
    if said:
        assert ran.status == 2
        assert said in failure(ran)
    else:
        assert (ran.status, "nothing: no exchange fits" in ran.stderr) == (1, True)
        return  # its index was made
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_captures_are_merged_in_order_of_time(httpwire: Command, tmp_path: Path) -> None:
    capture(tmp_path / "a.hwire", "/a1", "/a2")
    capture(tmp_path / "b.hwire", "/b1", "/b2", began=_BEGAN + 500_000)
    assert "merged" in httpwire("merge", "all.hwire", "a.hwire", "b.hwire").stderr
    assert [target for _, target in targets(tmp_path / "all.hwire")] == ["/a1", "/b1", "/a2", "/b2"]
    ran = httpwire("merge", "all.hwire", "a.hwire", "a.hwire", "b.hwire#2", "--json")
    assert (report(ran)["connections"], report(ran)["exchanges"]) == (5, 5)
    assert len(targets(tmp_path / "all.hwire")) == 9


def test_exchanges_are_removed_for_good(httpwire: Command, tmp_path: Path) -> None:
    path = capture(tmp_path / "a.hwire", *(f"/{n}?token=hush{n}" for n in range(20)))
    assert "would remove" in httpwire("rm", "a.hwire#3-5", "--dry-run").stderr
    assert len(targets(path)) == 20
    ran = httpwire("rm", "a.hwire#3-5", "--json")
    assert report(ran)["numbers"] == [[3, 5]]
    assert "#7" in httpwire("rm", "a.hwire", "path=/6").stderr
    kept = [number for number in range(1, 21) if number not in (3, 4, 5, 7)]
    assert [number for number, _ in targets(path)] == kept
    octets = b"".join(file.read_bytes() for file in tmp_path.iterdir())
    assert not any(b"hush%d " % (number - 1) in octets for number in (3, 4, 5, 7))
    assert httpwire("index", "a.hwire").status == 0
    assert [number for number, _ in targets(path)] == kept
    assert httpwire("index", "a.hwire", "--check").status == 0


def test_an_index_that_differs_is_told_and_mended(httpwire: Command, tmp_path: Path) -> None:
    path = capture(tmp_path / "a.hwire", "/1", "/2")
    httpwire("index", "a.hwire")
    with Capture(str(path)) as opened:
        opened.db.execute("UPDATE exchanges SET target = '/3' WHERE number = 2")
    ran = httpwire("index", "a.hwire", "--check", "--json")
    assert ran.status == 1
    assert report(ran)["faults"] == ["the index tells of exchange #2 what its events do not"]
    assert httpwire("index", "a.hwire").status == 0
    assert targets(path) == [(1, "/1"), (2, "/2")]


def test_a_run_that_is_stopped_keeps_what_is_done(tmp_path: Path) -> None:
    """From a pipe that stays open: what came before is a capture of its own, under another name."""
    one = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1048576\r\n\r\n" + b"x" * (1 << 20)
    process = start(tmp_path, "convert", "-", "b.hwire", "--from-format", "raw", stdin=subprocess.PIPE)
    assert process.stdin
    for _ in range(40):
        process.stdin.write(one)
    wait_for(lambda: any(".tmp" in name and path_size(tmp_path / name) > 1 << 20 for name in files(tmp_path)), "octets")
    process.send_signal(signal.SIGINT)
    process.wait(30)
    ran = ended(process)
    assert ran.status == 130
    assert "interrupted" in failure(ran)
    assert files(tmp_path) == {"b.hwire.partial"}
    with Capture(str(tmp_path / "b.hwire.partial")) as opened:
        opened.update()
        assert next(opened.exchanges()).target == "/"


def path_size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


@pytest.mark.parametrize("verb", ["convert", "extract", "merge", "rm", "index"])
def test_help_speaks_both_languages_in_any_window(httpwire: Command, verb: str) -> None:
    for language in ("C.UTF-8", "ja_JP.UTF-8"):
        ran = httpwire(verb, "--help", env={"LC_ALL": language, "COLUMNS": "40"})
        assert ran.status == 0
        assert f"httpwire {verb}" in ran.stdout.decode()


def test_every_format_of_the_table_is_what_its_module_says() -> None:
    for format in known.FORMATS:
        if not format.module:
            continue
        try:
            module = format.load("read")
        except ImportError:
            continue  # it is not there yet
        assert format.name == module.NAME
        plain = {ending.removesuffix(".gz") for ending in module.ENDINGS}
        assert plain == set(format.endings)
        for ending in module.ENDINGS:
            assert known.by_path("a" + ending.upper()) is format


def test_a_cost_is_told_by_its_format() -> None:
    assert known.says("", SEGMENT_TIMES.id) == SEGMENT_TIMES.says
    assert known.says("nobody", "strange") == "strange"
    assert known.says("hwire", "strange") == "strange"
