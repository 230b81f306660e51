"""What the command says: to a person, to a program, to a terminal; and what no peer can make it say."""

from __future__ import annotations

import os
import pty
import re
import select
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from command import Command, environ, failure, report, request

from conftest import read_head
from loopback import GET, Serve, answer, free_port, ok, until_closed


def labels(stderr: str) -> list[str]:
    """The labels of the account, in their order."""
    return [line.split()[0] for line in stderr.splitlines() if line and not line[0].isspace()]


class TestAccount:
    def test_of_a_good_exchange(self, httpwire: Command, tmp_path: Path, serve: Serve) -> None:
        request(tmp_path)
        server = serve(answer(ok(), stay=True))
        ran = httpwire("send", "--to", server.to)
        assert ran.status == 0
        assert ran.stdout == b""
        assert labels(ran.stderr) == ["request", "connected", "sent", "answer", "complete", "times", "saved"]
        lines = dict(line.split(maxsplit=1) for line in ran.stderr.splitlines())
        assert lines["request"] == "client_send.txt: GET / HTTP/1.1, 27 bytes"
        assert lines["connected"].startswith(f"127.0.0.1:{server.port} in ")
        assert lines["sent"] == "27 bytes"
        assert lines["answer"] == "HTTP/1.1 200 OK"
        assert lines["complete"] == ("Content-Length was reached (RFC 9112 6.3 #6): head 38 bytes, content 5 bytes")
        assert re.fullmatch(r"connect [\d.,]+ ms, first byte [\d.,]+ ms, total [\d.,]+ ms", lines["times"])
        assert lines["saved"] == f"client_recv.txt, {len(ok())} bytes"

    def test_quiet_says_nothing_of_a_success(self, httpwire: Command, tmp_path: Path, serve: Serve) -> None:
        request(tmp_path, GET[:-2])  # findings or not
        ran = httpwire("send", "-q", "--to", serve(early).to)
        assert (ran.status, ran.stdout, ran.stderr) == (0, b"", "")

    def test_quiet_tells_a_failure_in_one_line(self, httpwire: Command, tmp_path: Path, serve: Serve) -> None:
        request(tmp_path)
        ran = httpwire("send", "--quiet", "--to", serve(answer(ok()[:-1])).to)
        assert ran.status == 18
        assert ran.stderr == failure(ran) + "\n"

    def test_verbose_shows_each_segment_with_its_time(self, httpwire: Command, tmp_path: Path, serve: Serve) -> None:
        request(tmp_path)
        ran = httpwire("send", "-v", "--to", serve(answer(ok(), stay=True)).to)
        assert ran.status == 0
        events = [line for line in ran.stderr.splitlines() if line.startswith("+")]
        times = [float(line.split()[0]) for line in events]
        assert times == sorted(times)
        assert any(r'> 27 bytes @0 "GET / HTTP/1.1\r\nHost: a\r\n\r\n"' in line for line in events)
        assert any(r'< 43 bytes @0 "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"' in line for line in events)
        assert "trying 127.0.0.1:" in events[0]
        assert "connection closed by us" in events[-1]

    def test_verbose_shows_the_addresses_that_failed(self, httpwire: Command, tmp_path: Path) -> None:
        request(tmp_path)
        ran = httpwire("send", "-v", "--to", f"localhost:{free_port()}")
        assert ran.status == 7
        tried = [line for line in ran.stderr.splitlines() if " trying " in line]
        failed = [line for line in ran.stderr.splitlines() if " failed: " in line]
        assert len(tried) == len(failed) >= 1

    def test_a_coded_answer_is_told_with_how_to_read_it(self, httpwire: Command, tmp_path: Path, serve: Serve) -> None:
        request(tmp_path)
        ran = httpwire("send", "--to", serve(answer(ok(b"x", b"Content-Encoding: gzip"))).to)
        assert "gzip-coded; to read it: httpwire show client_recv.txt\n" in ran.stderr

    def test_findings_of_the_request_say_what_servers_do(self, httpwire: Command, tmp_path: Path, serve: Serve) -> None:
        request(tmp_path, b"GET / HTTP/1.1\nHost: a\n\n")
        ran = httpwire("send", "--to", serve(early).to)
        assert ran.status == 0
        assert " 14: the line ends with LF alone" in ran.stderr
        assert "Apache httpd 2.4 answers 400" in ran.stderr
        assert "repair: --crlf" in ran.stderr


def early(connection: socket.socket) -> None:
    """Answers whatever comes first."""
    connection.recv(65536)
    connection.sendall(ok())
    until_closed(connection)


KEYS = {
    "": {"exit_status", "complete", "error", "request", "connection", "exchanges", "findings", "saved"},
    "error": {"kind", "message"},
    "request": {
        "path", "octets", "requests", "answers_expected", "findings", "findings_unlisted", "edits",
    },
    "request.edits": {"offset", "old", "new"},
    "request.findings": {"id", "severity", "direction", "start", "stop", "section", "message", "repair"},
    "findings": {"id", "severity", "direction", "start", "stop", "section", "message", "repair"},
    "connection": {
        "target", "peer", "local", "tls", "began_at", "sent", "received", "ended", "after_end", "times",
    },
    "connection.after_end": {"start", "stop"},
    "connection.times": {"connect", "tls", "sent", "first_byte", "total"},
    "exchanges": {"outcome", "request", "interim", "response", "findings", "times"},
    "exchanges.times": {"request_start", "request_stop", "response_start", "response_stop"},
    "exchanges.request": {"method", "target", "start", "stop", "complete"},
    "exchanges.interim": {
        "status", "reason", "version", "fields", "trailers", "start", "content_start", "stop", "content_octets",
        "chunks", "complete", "framing",
    },
    "exchanges.response": {
        "status", "reason", "version", "fields", "trailers", "start", "content_start", "stop", "content_octets",
        "chunks", "complete", "framing",
    },
    "exchanges.response.framing": {"kind", "rule", "says", "section", "length", "overrode"},
    "exchanges.interim.framing": {"kind", "rule", "says", "section", "length", "overrode"},
    "exchanges.findings": {"id", "severity", "direction", "start", "stop", "section", "message", "repair"},
    "saved": {"path", "octets"},
}  # fmt: skip


def check_keys(value: Any, path: str = "") -> None:
    """Every object at every level has the keys that it always has."""
    if isinstance(value, list):
        for member in value:
            check_keys(member, path)
    elif isinstance(value, dict):
        assert set(value) == KEYS[path], path
        for key, member in value.items():
            check_keys(member, f"{path}.{key}".strip("."))


class TestJson:
    @pytest.mark.parametrize(
        ("sent", "octets", "status"),
        [
            (GET, ok(), 0),
            (GET, b"HTTP/1.1 103 Early Hints\r\nA: b\r\n\r\n" + ok() + b"extra", 0),
            (GET, b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nA: b\r\n\r\n", 0),
            (b"GET / HTTP/1.1\n\n" * 2, ok() * 2, 0),
            (GET, ok()[:-1], 18),
            (GET, b"HTTP/1.1 2", 18),
            (GET, b"", 52),
            (GET, b"\x1b[31m\x00\xff", 8),
        ],
    )
    def test_is_one_object_with_the_same_keys_always(
        self, httpwire: Command, tmp_path: Path, serve: Serve, sent: bytes, octets: bytes, status: int
    ) -> None:
        def script(connection: socket.socket) -> None:
            got = b""
            while len(got) < len(sent):
                got += connection.recv(1000)
            connection.sendall(octets)

        request(tmp_path, sent)
        ran = httpwire("send", "--json", "--to", serve(script).to)
        assert ran.status == status
        made = report(ran)
        check_keys(made)
        assert made["complete"] == (status == 0)
        assert made["connection"]["sent"] == len(sent)
        assert made["connection"]["received"] == len(octets)
        if status == 0:
            assert ran.stderr == ""
        else:
            assert ran.stderr == failure(ran) + "\n"

    @pytest.mark.parametrize(
        ("arguments", "status"),
        [
            (["--to", "{refused}"], 7),
            (["--to", "name.invalid:80"], 6),
            (["--to", "no address"], 2),
            (["--to", "{refused}", "--timeout", "x"], 2),
            (["--to", "{refused}", "nowhere.txt"], 2),
            (["--to", "{refused}", "-o", "."], 2),
            (["--to", "{refused}", "--key", "x"], 2),
            (["--to", "{refused}", "--set", "x"], 2),
        ],
    )  # fmt: skip
    def test_also_of_what_never_got_an_answer(
        self, httpwire: Command, tmp_path: Path, arguments: list[str], status: int
    ) -> None:
        request(tmp_path)
        refused = f"127.0.0.1:{free_port()}"
        ran = httpwire("send", "--json", *(word.replace("{refused}", refused) for word in arguments))
        assert ran.status == status
        made = report(ran)
        check_keys(made)
        assert made["complete"] is False
        assert made["error"]["message"] in failure(ran)

    def test_stays_english_in_japanese(self, httpwire: Command, tmp_path: Path, serve: Serve) -> None:
        request(tmp_path, GET[:-2])
        ran = httpwire("--lang", "ja", "send", "--json", "--to", serve(early).to)
        assert ran.status == 0
        (finding,) = report(ran)["request"]["findings"]
        assert finding["message"] == "no blank line ends the head"

    def test_goes_to_standard_error_where_the_answer_goes_to_standard_output(
        self, httpwire: Command, tmp_path: Path, serve: Serve
    ) -> None:
        import json

        request(tmp_path)
        ran = httpwire("send", "--json", "-o", "-", "--to", serve(answer(ok())).to)
        assert ran.stdout == ok()
        check_keys(json.loads(ran.stderr))

    def test_octets_are_characters_one_by_one(self, httpwire: Command, tmp_path: Path, serve: Serve) -> None:
        request(tmp_path)
        octets = ok(b"x", "X: あ".encode(), b"Y: \xff\x80")
        response = report(httpwire("send", "--json", "--to", serve(answer(octets)).to))["exchanges"][0]["response"]
        fields = dict(response["fields"])
        assert fields["X"].encode("latin-1").decode() == "あ"
        assert fields["Y"] == "\xff\x80"

    def test_times_follow_each_other(self, httpwire: Command, tmp_path: Path, serve: Serve) -> None:
        request(tmp_path)
        times = report(httpwire("send", "--json", "--to", serve(answer(ok())).to))["connection"]["times"]
        assert times["tls"] is None
        assert 0 <= times["connect"] <= times["sent"] <= times["total"]
        assert times["connect"] <= times["first_byte"] <= times["total"]


CONTROLS = b"\x1b[31m\x07\x08\x9b31m\xc2\x9b31m\x7f\x00\r"
BAD = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]")


class TestNothingCommandsTheTerminal:
    @pytest.mark.parametrize(
        "octets",
        [
            b"HTTP/1.1 200 " + CONTROLS + b"\r\nContent-Length: 0\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nContent-Length: " + CONTROLS + b"\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2" + CONTROLS + b"\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: " + CONTROLS + b"\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nContent-Encoding: " + CONTROLS + b"\r\nContent-Length: 1\r\n\r\nx",
            b"HTTP/1.1 200 OK\r\n" + CONTROLS + b": " + CONTROLS + b"\r\nContent-Length: 0\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + CONTROLS,
            b"HTTP/" + CONTROLS + b" 200 OK\r\n\r\n",
            CONTROLS * 3,
            ok() + CONTROLS,
        ],
    )
    @pytest.mark.parametrize("language", ["en", "ja"])
    def test_that_a_server_sends(
        self, httpwire: Command, tmp_path: Path, serve: Serve, octets: bytes, language: str
    ) -> None:
        request(tmp_path)
        for more in ([], ["-v"]):
            ran = httpwire("send", "--lang", language, *more, "--to", serve(answer(octets)).to)
            assert not BAD.search(ran.stderr), repr(ran.stderr)
            assert "Traceback" not in ran.stderr

    def test_that_stands_in_the_request(self, httpwire: Command, tmp_path: Path, serve: Serve) -> None:
        request(tmp_path, b"G" + CONTROLS + b" /" + CONTROLS + b" HTTP/1.1\r\nHost" + CONTROLS + b"\r\n\r\n" + CONTROLS)
        ran = httpwire("send", "-v", "--set", "X: \x1b[31m", "--to", serve(early).to, "--idle-timeout", "1")
        assert not BAD.search(ran.stderr), repr(ran.stderr)

    @pytest.mark.parametrize(
        "arguments",
        [
            ["\x1b[31mred"],
            ["-o", "\x1b[31m/x"],
            ["--to", "\x1b[31m"],
            ["--to", "\x9b31m.invalid:80"],
            ["--to", "unix:\x1b[31m", "-v"],
            ["--timeout", "\x1b[31m"],
            ["--set", "\x1b[31m"],
            ["--\x1b[31m"],
            ["--lang", "\x1b[31m"],
            ["--cacert", "\x1b[31m", "--to", "https://127.0.0.1:9"],
            ["a", "\x1b[31m"],
        ],
    )
    def test_that_stands_in_the_arguments(self, httpwire: Command, tmp_path: Path, arguments: list[str]) -> None:
        request(tmp_path)
        ran = httpwire("send", *arguments)
        assert ran.status != 0
        assert not BAD.search(ran.stderr), repr(ran.stderr)
        failure(ran)

    def test_that_stands_in_file_names(self, httpwire: Command, tmp_path: Path, serve: Serve) -> None:
        request(tmp_path, name="in\x1b[31m\x9b")
        octets = ok(b"x", b"Content-Encoding: gzip")
        for part in (octets, octets[:-1]):
            ran = httpwire("send", "in\x1b[31m\x9b", "-o", "out\x1b[31m\x9b", "--to", serve(answer(part)).to)
            assert ran.status in (0, 18)
            assert not BAD.search(ran.stderr), repr(ran.stderr)


def on_terminal(folder: Path, *arguments: str, **variables: str) -> tuple[int, str]:
    """The exit status and all that is written to standard error, which is a terminal."""
    ours, theirs = pty.openpty()
    env = {**environ(TERM="xterm"), **variables}
    process = subprocess.Popen(
        [sys.executable, "-m", "httpwire", *arguments],
        cwd=folder,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=theirs,
    )
    os.close(theirs)
    shown = b""
    try:
        while True:
            ready, _, _ = select.select([ours], [], [], 30)
            assert ready, "silent for too long"
            data = os.read(ours, 65536)
            if not data:
                break
            shown += data
    except OSError:
        pass  # how Linux tells that the other side was closed
    finally:
        os.close(ours)
        process.wait(30)
    return process.returncode, shown.decode().replace("\r\n", "\n")


def slow(connection: socket.socket) -> None:
    """An answer of known length that takes more than a second."""
    read_head(connection)
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 200\r\n\r\n")
    for _ in range(20):
        time.sleep(0.06)
        connection.sendall(b"0123456789")


def on_screen(shown: str) -> str:
    """What is left to see after each carriage return and erasure."""
    return "\n".join(re.split(r"\r\x1b\[K", line)[-1] for line in shown.split("\n"))


class TestTerminal:
    def test_a_bar_shows_a_slow_transfer_and_is_gone_in_the_end(self, tmp_path: Path, serve: Serve) -> None:
        request(tmp_path)
        status, shown = on_terminal(tmp_path, "send", "--to", serve(slow).to)
        assert status == 0
        assert re.search(r"\[#+\.*\] \d+%", shown)
        left = on_screen(shown)
        assert "%" not in left
        assert "waiting" not in left
        assert "receiving" not in left
        assert "client_recv.txt, 240 bytes" in left

    def test_no_bar_where_it_is_not_wanted(self, tmp_path: Path, serve: Serve) -> None:
        request(tmp_path)
        for words, variables in ((["-q"], {}), (["--json"], {}), ([], {"TERM": "dumb"})):
            status, shown = on_terminal(tmp_path, "send", *words, "--to", serve(slow).to, **variables)
            assert status == 0
            assert "\x1b" not in shown
            assert "\r" not in shown

    def test_colours_only_where_they_are_welcome(self, tmp_path: Path, serve: Serve) -> None:
        request(tmp_path)
        _, shown = on_terminal(tmp_path, "send", "--to", serve(answer(ok())).to)
        assert re.search(r"\x1b\[\d+m", shown)
        _, shown = on_terminal(tmp_path, "send", "--to", serve(answer(ok())).to, NO_COLOR="1")
        assert not re.search(r"\x1b\[\d*m", shown)
        _, shown = on_terminal(tmp_path, "send", "--to", serve(answer(ok())).to, TERM="dumb")
        assert "\x1b" not in shown

    def test_a_failure_stands_on_a_line_of_its_own(self, tmp_path: Path, serve: Serve) -> None:
        request(tmp_path)
        to = serve(answer(ok()[:-1], stay=True)).to
        status, shown = on_terminal(tmp_path, "send", "--to", to, "--idle-timeout", "0.8")
        assert status == 28
        assert on_screen(shown).splitlines()[-1].startswith("httpwire: ")

    def test_a_refused_connection_leaves_no_trace_of_a_bar(self, tmp_path: Path) -> None:
        request(tmp_path)
        status, shown = on_terminal(tmp_path, "send", "--to", f"127.0.0.1:{free_port()}")
        assert status == 7
        assert on_screen(shown).splitlines()[-1].startswith("httpwire: ")


def test_without_a_terminal_nothing_is_coloured_or_redrawn(httpwire: Command, tmp_path: Path, serve: Serve) -> None:
    request(tmp_path, GET[:-2])
    ran = httpwire("send", "--to", serve(early).to, env={"TERM": "xterm"})
    assert "\x1b" not in ran.stderr
    assert "\r" not in ran.stderr
