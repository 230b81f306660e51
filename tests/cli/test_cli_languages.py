"""The command in Japanese: the same facts, no English sentence left, on any terminal and in any locale."""

from __future__ import annotations

import re
import socket
from pathlib import Path

import pytest
from command import Command, failure, request

from loopback import GET, Serve, answer, free_port, ok, until_closed

JAPANESE = re.compile(r"[\u3040-\u30ff\u4e00-\u9fff]")
ENGLISH = re.compile(
    r"\b(the|is|was|were|bytes?|of|in|connected|answer|saved|times|sent|request|complete|received|kept|no)\b",
    re.IGNORECASE,
)
CHOICES = [
    {"LANG": "ja_JP.UTF-8"},
    {"LC_ALL": "ja_JP.UTF-8", "LANG": "C"},
    {"LC_MESSAGES": "ja_JP.UTF-8", "LANG": "en_US.UTF-8"},
    {"LANG": "en_US.UTF-8", "LANGUAGE": "ja:en"},
    {"LANG": "ja"},
    {"LANG": "ja_JP.eucJP", "PYTHONIOENCODING": "utf-8"},
]
ENGLISH_CHOICES = [
    {"LANG": "C"},
    {"LANG": "POSIX", "LANGUAGE": "ja"},
    {"LANG": "de_DE.UTF-8"},
    {"LANG": "ja_JP.UTF-8", "LC_ALL": "C.UTF-8"},
    {"LANG": "ja_JP.UTF-8", "LC_MESSAGES": "en_US.UTF-8"},
    {"LANG": ""},
]


def japanese(text: str, *facts: str) -> None:
    """`text` is in Japanese throughout, and has the `facts`."""
    assert JAPANESE.search(text), text
    for fact in facts:
        assert fact in text, text
    told = re.sub(r"HTTP/1\.1 200 OK|GET / HTTP/1\.1|client_\w+\.txt(\.partial)?|--[\w-]+( '?[\w: ]+'?)?", "", text)
    found = ENGLISH.search(told)
    assert not found, f"{found[0]!r} in {text}"


def early(connection: socket.socket) -> None:
    connection.recv(65536)
    connection.sendall(ok())
    until_closed(connection)


class TestChoice:
    @pytest.mark.parametrize("variables", CHOICES, ids=lambda v: ",".join(f"{k}={x}" for k, x in v.items()))
    def test_by_the_locale(self, httpwire: Command, tmp_path: Path, serve: Serve, variables: dict[str, str]) -> None:
        request(tmp_path)
        server = serve(answer(ok()))
        ran = httpwire("send", "--to", server.to, env=variables)
        assert ran.status == 0
        japanese(ran.stderr, f"127.0.0.1:{server.port}", "client_recv.txt", "27", "43", "RFC 9112 6.3 #6")

    @pytest.mark.parametrize("variables", ENGLISH_CHOICES, ids=lambda v: ",".join(f"{k}={x}" for k, x in v.items()))
    def test_english_elsewhere(self, httpwire: Command, variables: dict[str, str]) -> None:
        ran = httpwire("send", env=variables)
        assert ran.status == 2
        assert ran.stderr.isascii()
        assert "can't read" in failure(ran)

    @pytest.mark.parametrize(
        "words", [["send", "--lang", "ja"], ["--lang", "ja", "send"], ["--lang=ja", "send"], ["send", "--lang=ja"]]
    )
    def test_by_the_option_wherever_it_stands(self, httpwire: Command, tmp_path: Path, words: list[str]) -> None:
        request(tmp_path)
        ran = httpwire(*words, "--to", f"127.0.0.1:{free_port()}", "-q")
        assert ran.status == 7
        japanese(failure(ran).removeprefix("httpwire: "), "127.0.0.1")

    def test_the_option_is_stronger_than_the_locale(self, httpwire: Command) -> None:
        ran = httpwire("send", "--lang", "en", env={"LC_ALL": "ja_JP.UTF-8", "LANGUAGE": "ja"})
        assert "can't read" in failure(ran)
        ran = httpwire("send", "--lang", "ja", env={"LC_ALL": "C.UTF-8"})
        assert JAPANESE.search(failure(ran))

    def test_the_last_option_counts(self, httpwire: Command) -> None:
        assert "can't read" in failure(httpwire("--lang", "ja", "send", "--lang", "en"))

    def test_a_shortened_option_is_as_good_as_the_whole_or_refused(self, httpwire: Command) -> None:
        """It is not taken and then forgotten."""
        ran = httpwire("send", "--lan", "ja")
        assert JAPANESE.search(failure(ran)) or "--lan" in failure(ran)


class TestMessages:
    @pytest.mark.parametrize(
        ("octets", "status"),
        [(ok()[:-1], 18), (b"HTTP/1.1 2", 18), (b"", 52), (b"SSH-2.0-x\r\n", 8), (ok() + b"x", 0)],
    )
    def test_of_answers(self, httpwire: Command, tmp_path: Path, serve: Serve, octets: bytes, status: int) -> None:
        request(tmp_path)
        ran = httpwire("send", "--lang", "ja", "--to", serve(answer(octets)).to)
        assert ran.status == status
        japanese(ran.stderr.replace("httpwire: ", ""), "client_send.txt")
        if status and octets:
            assert "client_recv.txt.partial" in failure(ran)

    def test_of_an_answer_in_full(self, httpwire: Command, tmp_path: Path, serve: Serve) -> None:
        request(tmp_path)
        ran = httpwire("send", "-v", "--lang", "ja", "--to", serve(answer(ok(), stay=True)).to)
        events = [re.sub(r'".*"', "", line) for line in ran.stderr.splitlines() if line.startswith("+")]
        assert events
        for line in events:
            assert not ENGLISH.search(line), line

    @pytest.mark.parametrize(
        "octets",
        [
            GET[:-2],
            GET.replace(b"\r\n", b"\n"),
            b"\xef\xbb\xbf" + GET,
            b"GET / HTTP/1.1\r\n\r\n",
            b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc",
            b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nabc",
            b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        ],
    )
    def test_of_findings(self, httpwire: Command, tmp_path: Path, serve: Serve, octets: bytes) -> None:
        request(tmp_path, octets)
        ran = httpwire("send", "--lang", "ja", "--idle-timeout", "0.3", "--to", serve(early).to)
        for line in ran.stderr.splitlines():
            if not re.match(r"\s*(httpwire|Apache)", line):
                assert JAPANESE.search(line), line

    @pytest.mark.parametrize(
        ("arguments", "status", "fact"),
        [
            (["nowhere.txt"], 2, "nowhere.txt"),
            (["-o", "."], 2, "."),
            (["--to", "no address"], 2, "no address"),
            (["--to", "name.invalid:80"], 6, "name.invalid"),
            (["--outptu"], 2, "--outptu"),
            (["--to"], 2, "--to"),
            (["a", "b"], 2, "b"),
            (["--timeout", "x"], 2, "x"),
            (["--lang", "xx"], 2, "xx"),
        ],
    )
    def test_of_errors(self, httpwire: Command, tmp_path: Path, arguments: list[str], status: int, fact: str) -> None:
        request(tmp_path)
        ran = httpwire("send", *arguments, env={"LANG": "ja_JP.UTF-8"})
        assert ran.status == status
        told = failure(ran)
        assert JAPANESE.search(told)
        assert fact in told

    def test_of_time(self, httpwire: Command, tmp_path: Path, serve: Serve) -> None:
        request(tmp_path)
        to = serve(answer(ok()[:-1], stay=True)).to
        ran = httpwire("send", "--to", to, "--idle-timeout", "0.3", "--lang", "ja")
        assert ran.status == 28
        japanese(failure(ran).removeprefix("httpwire: "), "0.3", "42", "client_recv.txt.partial")


def columns(text: str) -> int:
    import unicodedata

    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


class TestHelp:
    @pytest.mark.parametrize("words", [["--help"], ["send", "--help"], ["demo", "--help"]])
    def test_in_japanese(self, httpwire: Command, words: list[str]) -> None:
        ran = httpwire(*words, "--lang", "ja") if words[0] != "--help" else httpwire("--lang", "ja", "--help")
        assert ran.status == 0
        assert JAPANESE.search(ran.stdout.decode())
        assert not re.search(r"\b(the|where|takes|default)\b", ran.stdout.decode())

    @pytest.mark.parametrize("language", ["en", "ja"])
    @pytest.mark.parametrize("width", [40, 80, 120])
    def test_fits_the_terminal(self, tmp_path: Path, language: str, width: int) -> None:
        shown = help_on_terminal(tmp_path, language, width)
        body = [line for line in shown.splitlines() if line.startswith(" ") and "  " in line.strip()]
        assert len(body) > 8
        about = [line for line in shown.splitlines()[1:] if line and not line.startswith(" ")]
        assert all(columns(line) <= width for line in about), about


def help_on_terminal(folder: Path, language: str, width: int) -> str:
    """`send --help` on a terminal of `width` columns."""
    import fcntl
    import os
    import pty
    import struct
    import subprocess
    import sys
    import termios

    from command import environ

    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, width, 0, 0))
    process = subprocess.Popen(
        [sys.executable, "-m", "httpwire", "send", "--help", "--lang", language],
        cwd=folder,
        env=environ(),
        stdout=theirs,
    )
    os.close(theirs)
    shown = b""
    try:
        while data := os.read(ours, 65536):
            shown += data
    except OSError:
        pass  # how Linux tells that the other side was closed
    os.close(ours)
    assert process.wait(30) == 0
    return shown.decode().replace("\r\n", "\n")


@pytest.mark.parametrize(
    "variables",
    [
        {"LC_ALL": "C"},
        {"LC_ALL": "POSIX", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
        {"PYTHONIOENCODING": "ascii"},
        {"PYTHONIOENCODING": "latin-1"},
        {"PYTHONIOENCODING": "ascii:strict", "PYTHONUTF8": "0", "LC_ALL": "C", "PYTHONCOERCECLOCALE": "0"},
    ],
)
@pytest.mark.parametrize("language", ["en", "ja"])
def test_no_encoding_stops_a_line(
    httpwire: Command, tmp_path: Path, serve: Serve, variables: dict[str, str], language: str
) -> None:
    request(tmp_path, name="日本語.txt")
    ran = httpwire("--lang", language, "send", "日本語.txt", "--to", serve(answer(ok())).to, env=variables)
    assert ran.status == 0, ran.stderr
    assert (tmp_path / "client_recv.txt").read_bytes() == ok()
    for words in (["send", "--help"], ["--help"]):
        ran = httpwire("--lang", language, *words, env=variables)
        assert ran.status == 0
        assert ran.stdout
    ran = httpwire("--lang", language, "send", "無い.txt", env=variables)
    assert ran.status == 2
    failure(ran)
