"""The command `diff`: arguments in; output, in both languages, and status out."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from command import Command, ended, environ, failure, printed_on_terminal, start
from test_cli_limits import measured

from httpwire.cli.diff import DIFF
from httpwire.views.diff.model import VOLATILE, WORDS
from httpwire.views.text import width

MIB = 1 << 20
A = (
    b"HTTP/1.1 200 OK\r\nDate: Mon, 05 Jan 2026 09:12:01 GMT\r\nServer: Apache\r\nContent-Type: text/html\r\n"
    b"Content-Length: 21\r\n\r\n<p>one</p>\n<p>two</p>"
)
B = A.replace(b"09:12:01", b"09:12:44")
C = B.replace(b"Server: Apache", b"server: Apache").replace(b"two", b"zwo")


@pytest.fixture(autouse=True)
def files(tmp_path: Path) -> None:
    for name, octets in (("a", A), ("b", B), ("c", C), ("empty", b"")):
        (tmp_path / name).write_bytes(octets)


def on_terminal(folder: Path, columns: int, *arguments: str, **variables: str) -> str:
    """All that is written to standard output, which is a terminal of so many columns."""
    return printed_on_terminal(folder, *arguments, columns=columns, **variables).decode().replace("\r\n", "\n")


class TestStatus:
    def test_the_same(self, httpwire: Command) -> None:
        ran = httpwire("diff", "a", "a")
        assert (ran.status, ran.stdout) == (0, b"the same         byte for byte: %d bytes\n" % len(A))

    def test_different(self, httpwire: Command) -> None:
        assert httpwire("diff", "a", "b").status == 1
        assert httpwire("diff", "a", "empty").status == 1

    def test_only_what_was_ignored(self, httpwire: Command) -> None:
        for options in ("--ignore date", "-i X-None,Date", "-i x --ignore=date", "--ignore-volatile"):
            ran = httpwire("diff", "a", "b", *options.split())
            assert ran.status == 0
            assert "1 difference ignored: " in ran.stdout.decode()
        assert httpwire("diff", "a", "c", "--ignore-volatile").status == 1
        assert httpwire("diff", "a", "c", "--ignore-volatile", "-i", "case").status == 1

    def test_quiet(self, httpwire: Command) -> None:
        for paths, status in ((("a", "b"), 1), (("a", "a"), 0)):
            ran = httpwire("diff", *paths, "--quiet")
            assert (ran.status, ran.stdout, ran.stderr) == (status, b"", "")

    @pytest.mark.parametrize(
        ("arguments", "says"),
        [
            ([], "diff needs the names of two files"),
            (["a"], "diff needs the names of two files"),
            (["a", "b", "c"], "unexpected argument c"),
            (["-", "-"], "'-', standard input, can be given only once"),
            (["a", "none"], "none"),
            (["a", "b", "--ignore", "no name"], "--ignore takes the name of a field, or one of order"),
            (["a", "b", "--ignore", "a,,b"], "--ignore takes the name of a field"),
            (["a", "b", "--as", "page"], "--as takes one of request, response"),
            (["a", "b", "--color", "no"], "--color takes one of"),
        ],
    )
    def test_wrong_usage(self, httpwire: Command, arguments: list[str], says: str) -> None:
        ran = httpwire("diff", *arguments)
        assert ran.status == 2
        assert says in failure(ran)


class TestText:
    def test_all_of_it(self, httpwire: Command) -> None:
        shown = httpwire("diff", "a", "c").stdout.decode()
        assert shown.splitlines() == [
            f"--- a: {len(A)} bytes",
            f"+++ c: {len(C)} bytes",
            "bytes            the first difference is at offset 46",
            "field            Date: another value  (bytes 17 to 54)",
            "  - Mon, 05 Jan 2026 09:12:01 GMT",
            "  + Mon, 05 Jan 2026 09:12:44 GMT",
            "field            Server: capitals and small letters of the name  (bytes 54 to 70)",
            "  - Server",
            "  + server",
            "content          other lines  (line 2)",
            "  - <p>two</p>",
            "  + <p>zwo</p>",
            "the same         framing, start line, 2 fields",
            "different        3 differences",
        ]

    def test_of_a_long_line_the_part_that_differs_is_seen(self, httpwire: Command, tmp_path: Path) -> None:
        head, line = b"HTTP/1.1 200 OK\r\nContent-Type: text/css\r\n\r\n", b"body{margin:0}" * 100
        (tmp_path / "x").write_bytes(head + line + b"h1{}" + line * 8)
        (tmp_path / "y").write_bytes(head + line + line * 7 + b"p{}" + line)
        shown = httpwire("diff", "x", "y").stdout.decode()
        assert "{margin:0}h1{}body" in shown

    def test_what_is_ignored_is_one_line(self, httpwire: Command) -> None:
        shown = httpwire("diff", "a", "c", "--ignore", "Date,case").stdout.decode()
        assert "2 differences ignored: Date, case" in shown
        assert "09:12" not in shown
        assert shown.endswith("different        1 difference\n")

    def test_many_messages(self, httpwire: Command, tmp_path: Path) -> None:
        (tmp_path / "aaa").write_bytes(A + A + A)
        (tmp_path / "aba").write_bytes(A + B + A + A)
        shown = httpwire("diff", "aaa", "aba").stdout.decode()
        size = len(A)
        assert f"\nmessage 2: bytes {size} to {2 * size}\n" not in shown
        assert f"\nmessage 2: bytes {size} to {2 * size} | bytes {size} to {2 * size}\n" in shown
        assert f"\nmessage 4: bytes {3 * size} to {4 * size}\nmessage          only in aba" in shown
        assert "2 messages without a difference" in shown

    def test_standard_input(self, httpwire: Command) -> None:
        ran = httpwire("diff", "-", "b", stdin=A)
        assert ran.status == 1
        assert ran.stdout.startswith(b"--- standard input: ")
        assert httpwire("diff", "b", "-", stdin=B).status == 0

    def test_nothing_commands_a_terminal(self, httpwire: Command, tmp_path: Path) -> None:
        for name, end in (("x", b"1"), ("y", b"2")):
            octets = A.replace(b"Apache", b"\x1b[2J\x9b" + end).replace(b"two", "\x1b]0;\u202e\x9b".encode() + end)
            (tmp_path / name).write_bytes(octets)
        shown = httpwire("diff", "x", "y").stdout.decode()
        assert all(line.isprintable() for line in shown.splitlines())

    def test_japanese(self, httpwire: Command) -> None:
        ran = httpwire("diff", "a", "c", "--lang", "ja")
        assert ran.status == 1
        assert "Date" in ran.stdout.decode()

    def test_colour_and_the_part_that_differs(self, httpwire: Command, tmp_path: Path) -> None:
        assert b"\x1b" not in httpwire("diff", "a", "c").stdout
        shown = httpwire("diff", "a", "c", "--color", "always").stdout.decode()
        assert "09:12:\x1b[0m\x1b[7;31m01\x1b[0m\x1b[31m GMT\x1b[0m\n" in shown
        assert "\x1b" not in on_terminal(tmp_path, 80, "diff", "a", "c", NO_COLOR="1")
        assert "\x1b[7;32m44\x1b" in on_terminal(tmp_path, 80, "diff", "a", "c")

    def test_a_long_value_is_shown_where_it_differs(self, httpwire: Command, tmp_path: Path) -> None:
        for name, middle in (("x", b"old"), ("y", b"new")):
            value = b"a" * 5000 + middle + b"z" * 5000
            (tmp_path / name).write_bytes(A.replace(b"Apache", value))
        lines = httpwire("diff", "x", "y").stdout.decode().splitlines()
        assert "  - ..." + "a" * 60 + "old" + "z" * 60 + "..." in lines

    def test_help_says_what_is_volatile(self, httpwire: Command) -> None:
        said = " ".join(httpwire("diff", "--help").stdout.decode().split())
        assert all(name in said for name in VOLATILE)
        assert all(f" {word} (" in said for word in WORDS)
        assert DIFF.operands == 2


class TestWide:
    def test_side_by_side(self, tmp_path: Path) -> None:
        shown = on_terminal(tmp_path, 120, "diff", "a", "c", "--color", "never")
        left, right = "  - Mon, 05 Jan 2026 09:12:01 GMT", "  + Mon, 05 Jan 2026 09:12:44 GMT"
        assert f"{left:58} | {right}" in shown.splitlines()
        assert f"{left}\n{right}\n" in on_terminal(tmp_path, 119, "diff", "a", "c", "--color", "never")

    def test_wide_characters_and_long_lines(self, tmp_path: Path) -> None:
        for name, text in (("x", "日本語" * 20 + "。"), ("y", "日本語" * 20 + "！")):
            content = f"same\n{text}\n".encode()
            head = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: %d\r\n\r\n"
            (tmp_path / name).write_bytes(head % len(content) + content)
        shown = on_terminal(tmp_path, 121, "diff", "x", "y").splitlines()
        rows = [re.sub(r"\x1b\[[0-9;]*m", "", line) for line in shown if " | " in line and "日本" in line]
        assert len(rows) == 3
        assert {width(row.partition(" | ")[0]) for row in rows} == {59}
        assert all(width(row) <= 121 for row in rows)

    def test_a_pipe_is_never_wide(self, httpwire: Command) -> None:
        assert b" | " not in httpwire("diff", "a", "c", env={"COLUMNS": "200"}).stdout


class TestJson:
    def test_the_model(self, httpwire: Command) -> None:
        ran = httpwire("diff", "a", "c", "--json", "--ignore-volatile")
        made = json.loads(ran.stdout)
        assert ran.status == 1
        assert made["old"] == {"path": "a", "octets": len(A), "direction": "response"}
        assert made["new"]["octets"] == len(C)
        assert (made["first_difference"], made["differences"], made["ignored"]) == (46, 2, 1)
        assert made["ignored_names"] == ["Date"]
        (message,) = made["messages"]
        assert message["same"] == {"framing": 1, "start line": 1, "field": 2}
        date, _, line = message["differences"]
        assert (date["what"], date["ignored"]) == ("value", "Date")
        assert line == {
            "layer": "content",
            "what": "lines",
            "name": None,
            "old": "<p>two</p>",
            "new": "<p>zwo</p>",
            "old_at": {"start": 1, "stop": 2},
            "new_at": {"start": 1, "stop": 2},
            "unit": "line",
            "ignored": None,
        }

    def test_of_the_same(self, httpwire: Command) -> None:
        made = json.loads(httpwire("diff", "a", "a", "--json").stdout)
        assert (made["first_difference"], made["messages"], made["differences"]) == (None, [], 0)

    def test_a_reader_that_leaves(self, tmp_path: Path) -> None:
        done = subprocess.run(
            f"{sys.executable} -m httpwire diff a c --json | head -c 1 > /dev/null",
            shell=True,
            cwd=tmp_path,
            env=environ(),
            capture_output=True,
            check=False,
        )
        assert done.stderr == b""


class TestLarge:
    @pytest.mark.parametrize("moved", [b"", b"X-More: 1\r\n"])
    def test_files_that_differ_at_the_end(self, tmp_path: Path, moved: bytes) -> None:
        size = 300 * MIB
        for name, more, end in (("x", b"", b"a"), ("y", moved, b"b")):
            head = b"HTTP/1.1 200 OK\r\n" + more + b"Content-Length: %d\r\n\r\n" % size
            with (tmp_path / name).open("wb") as stream:
                stream.write(head)
                stream.seek(len(head) + size - 1)  # the rest takes no room on the disk
                stream.write(end)
        ran, memory = measured(tmp_path, "diff", "x", "y")
        assert ran.status == 1
        assert memory < 80 * MIB

    def test_random_files(self, httpwire: Command, tmp_path: Path) -> None:
        for name in ("x", "y"):
            (tmp_path / name).write_bytes(os.urandom(200_000))
        assert httpwire("diff", "x", "y").status == 1
        assert httpwire("diff", "x", "x").status == 0


def test_output_that_can_not_be_written_has_the_status_that_the_help_names(tmp_path: Path) -> None:
    with open("/dev/full", "wb") as full:
        ran = ended(start(tmp_path, "diff", "a", "c", stdout=full))
    assert ran.status == 23
    assert "23 could not write" in " ".join(ended(start(tmp_path, "diff", "--help")).stdout.decode().split())
