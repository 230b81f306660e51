"""Asked wrongly: exit status 2, one line that says what is wrong, nothing sent, nothing written, never a traceback."""

from __future__ import annotations

import os
import socket
import threading
from pathlib import Path

import pytest
from command import Command, failure, files, request

from conftest import Ran
from loopback import GET, Serve, answer, free_port, ok

WRONG = {
    "unknown-verb": (["sned"], ["sned"]),
    "unknown-option": (["send", "--outptu", "x"], ["--outptu", "--output"]),
    "unknown-option-first": (["--nonsense"], ["--nonsense"]),
    "unknown-letter": (["send", "-x"], ["-x"]),
    "unlike-anything": (["send", "--zzzzzz"], ["--zzzzzz"]),
    "ambiguous": (["send", "--s", "x"], ["--set", "--sni"]),
    "missing-value": (["send", "--to"], ["--to"]),
    "missing-value-short": (["send", "-o"], ["-o"]),
    "missing-value-lang": (["send", "--lang"], ["--lang"]),
    "value-for-a-switch": (["send", "--quiet=yes"], ["--quiet"]),
    "too-many-operands": (["send", "a", "b"], ["b"]),
    "too-many-operands-demo": (["demo", "a", "b"], ["b"]),
    "language": (["send", "--lang", "xx"], ["--lang", "xx"]),
    "language-before": (["--lang", "xx", "send"], ["--lang", "xx"]),
    "language-equals": (["--lang=", "send"], ["--lang"]),
    "demo-server": (["demo", "--server", "nginx"], ["--server", "nginx"]),
    "key-without-cert": (["send", "--key", "k.pem"], ["--key", "--cert"]),
    "set-without-colon": (["send", "--set", "Host"], ["--set", "Host"]),
    "missing-request": (["send", "nowhere.txt"], ["nowhere.txt", "No such file"]),
    "request-below-a-file": (["send", "client_send.txt/x"], ["client_send.txt/x"]),
    "request-is-a-directory": (["send", "."], ["directory"]),
    "request-of-nothing": (["send", "/dev/null"], ["/dev/null", "empty"]),
    "request-without-name": (["send", ""], ["can't read"]),
    "output-is-a-directory": (["send", "-o", "."], ["directory"]),
    "output-below-nothing": (["send", "-o", "none/x"], ["none/x", "No such file"]),
    "output-below-a-file": (["send", "-o", "client_send.txt/x"], ["client_send.txt/x"]),
    "output-in-proc": (["send", "-o", "/proc/nothing"], ["/proc/nothing"]),
    "output-without-name": (["send", "-o", ""], ["can't write ''"]),
    "output-that-is-a-folder-to-be": (["send", "-o", "new/"], ["new/"]),
    "output-is-the-request": (["send", "-o", "client_send.txt"], ["client_send.txt", "overwrite"]),
    "output-is-the-request-spelt-otherwise": (["send", "-o", "./client_send.txt"], ["overwrite"]),
}  # fmt: skip
NUMBERS = ["", "x", "-1", "nan", "inf", "1e10", "1s", "0x10", "1,5", "--", "1_0", "５"]
TARGETS = [
    "",
    ":80",
    "host:",
    "host:0",
    "host:65536",
    "host:123456",
    "host:-1",
    "host:+80",
    "host:８０",
    "host:80:80",
    "::1:80",
    "[::1",
    "[]:80",
    "host/path",
    "ftp://host",
    "http://",
    "https://:443",
    "http://user@host",
    "://host",
    "unix:",
    "ho st:80",
    "host:80 ",
]


def refused(ran: Ran, *words: str) -> None:
    """Exit status 2 and one line that has `words`."""
    assert ran.status == 2, ran.stderr
    told = failure(ran)
    assert ran.stderr == told + "\n"
    for word in words:
        assert word in told
    assert ran.stdout == b""


@pytest.mark.parametrize(("arguments", "words"), WRONG.values(), ids=WRONG.keys())
def test_one_line_says_what_is_wrong(httpwire: Command, tmp_path: Path, arguments: list[str], words: list[str]) -> None:
    request(tmp_path)
    before = {path.name for path in tmp_path.parent.iterdir()}
    words_to = ["--to", f"127.0.0.1:{free_port()}"] if arguments[0] == "send" else []
    ran = httpwire(arguments[0], *words_to, *arguments[1:])
    refused_after_the_request_line(ran, *words)
    assert files(tmp_path) == {"client_send.txt"}
    assert {path.name for path in tmp_path.parent.iterdir()} == before


def refused_after_the_request_line(ran: Ran, *words: str) -> None:
    """As `refused`; what was said of the request before the output was tried may stand before it."""
    lines = ran.stderr.splitlines(keepends=True)
    kept = "".join(line for line in lines if not line.startswith("request "))
    refused(Ran(ran.status, ran.stdout, kept), *words)


@pytest.mark.parametrize("option", ["--timeout", "--idle-timeout", "--connect-timeout"])
@pytest.mark.parametrize("number", NUMBERS)
def test_a_number_that_is_none(httpwire: Command, tmp_path: Path, option: str, number: str) -> None:
    request(tmp_path)
    refused(httpwire("send", f"{option}={number}", "--to", f"127.0.0.1:{free_port()}"), option, "seconds")


@pytest.mark.parametrize("target", TARGETS)
def test_a_target_that_is_none(httpwire: Command, tmp_path: Path, target: str) -> None:
    request(tmp_path)
    refused(httpwire("send", "--to", target), "not a valid target")
    assert files(tmp_path) == {"client_send.txt"}


def test_the_request_is_missing_by_default(httpwire: Command, tmp_path: Path) -> None:
    refused(httpwire("send"), "client_send.txt", "No such file")
    assert files(tmp_path) == set()


@pytest.mark.parametrize("name", ["client_send.txt", "-"])
def test_the_request_is_empty(httpwire: Command, tmp_path: Path, name: str) -> None:
    request(tmp_path, b"")
    refused(httpwire("send", name), "empty")
    assert files(tmp_path) == {"client_send.txt"}


@pytest.mark.parametrize("kind", ["symlink", "hardlink", "output-symlink", "request-symlink-and-output"])
def test_the_answer_never_overwrites_the_request(httpwire: Command, tmp_path: Path, serve: Serve, kind: str) -> None:
    request(tmp_path)
    other = tmp_path / "other"
    if kind == "hardlink":
        other.hardlink_to(tmp_path / "client_send.txt")
    else:
        other.symlink_to("client_send.txt")
    names = {"request-symlink-and-output": ("other", "client_send.txt")}.get(kind, ("client_send.txt", "other"))
    refused(httpwire("send", names[0], "-o", names[1], "--to", serve(answer(ok())).to), "overwrite")
    assert (tmp_path / "client_send.txt").read_bytes() == GET


def test_not_even_an_incomplete_one_does(httpwire: Command, tmp_path: Path, serve: Serve) -> None:
    """What would be kept as RESPONSE.partial may be the request as well."""
    request(tmp_path, name="answer.partial")
    httpwire("send", "answer.partial", "-o", "answer", "--to", serve(answer(ok()[:-1])).to)
    assert (tmp_path / "answer.partial").read_bytes() == GET


@pytest.mark.parametrize(
    ("option", "name"), [("--cacert", "x.pem"), ("--cert", "x.pem"), ("--cacert", "client_send.txt")]
)
def test_a_tls_file_that_is_none(httpwire: Command, tmp_path: Path, option: str, name: str) -> None:
    request(tmp_path)
    ran = httpwire("send", "-q", option, name, "--to", f"https://127.0.0.1:{free_port()}")
    refused(ran, name)
    assert files(tmp_path) == {"client_send.txt"}


class TestTargets:
    @pytest.mark.parametrize(
        "form", ["127.0.0.1:{port}", "localhost:{port}", "http://127.0.0.1:{port}", "HTTP://localhost:{port}/"]
    )
    def test_a_host_and_a_port(self, httpwire: Command, tmp_path: Path, serve: Serve, form: str) -> None:
        request(tmp_path)
        ran = httpwire("send", "--to", form.format(port=serve(answer(ok())).port))
        assert ran.status == 0, ran.stderr
        assert "is not used" not in ran.stderr

    def test_an_ipv6_address(self, httpwire: Command, tmp_path: Path) -> None:
        try:
            listener = socket.create_server(("::1", 0), family=socket.AF_INET6)
        except OSError:
            pytest.skip("this machine has no IPv6")
        request(tmp_path)
        with listener:
            thread = accept_one(listener)
            ran = httpwire("send", "--to", f"[::1]:{listener.getsockname()[1]}")
            thread.join(20)
        assert ran.status == 0, ran.stderr
        assert "[::1]:" in ran.stderr

    @pytest.mark.parametrize("name", ["server.sock", "a b.sock", "ä.sock"])
    def test_a_unix_socket(self, httpwire: Command, tmp_path: Path, name: str) -> None:
        request(tmp_path)
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(os.fspath(tmp_path / name))
            listener.listen()
            thread = accept_one(listener)
            ran = httpwire("send", "--to", f"unix:{name}")
            thread.join(20)
        assert ran.status == 0, ran.stderr
        assert f"unix:{name}" in ran.stderr

    @pytest.mark.parametrize("path", ["/a/b?c=d", "?q", "#top", "/\x1b[31m"])
    def test_a_path_is_ignored_and_told(self, httpwire: Command, tmp_path: Path, serve: Serve, path: str) -> None:
        request(tmp_path)
        ran = httpwire("send", "--to", f"http://127.0.0.1:{serve(answer(ok())).port}{path}")
        assert ran.status == 0, ran.stderr
        assert "is not used" in ran.stderr
        assert path.replace("\x1b", "\\x1b") in ran.stderr
        assert "\x1b" not in ran.stderr

    def test_a_bare_host_means_port_80(self, httpwire: Command, tmp_path: Path) -> None:
        """Nothing may listen there, or something: the target is what counts."""
        request(tmp_path)
        ran = httpwire("send", "--to", "127.0.0.1", "-v", "--timeout", "2")
        assert "trying 127.0.0.1:80" in ran.stderr


def accept_one(listener: socket.socket) -> threading.Thread:
    def accept() -> None:
        connection, _ = listener.accept()
        with connection:
            answer(ok())(connection)

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    return thread


class TestHelp:
    @pytest.mark.parametrize("arguments", [["--help"], ["-h"], ["help"]])
    def test_the_verbs(self, httpwire: Command, arguments: list[str]) -> None:
        ran = httpwire(*arguments)
        assert ran.status == 0
        assert ran.stderr == ""
        assert b"send" in ran.stdout
        assert b"demo" in ran.stdout

    @pytest.mark.parametrize("arguments", [["send", "--help"], ["send", "-h"], ["--help", "send"], ["help", "send"]])
    def test_all_about_a_verb(self, httpwire: Command, arguments: list[str]) -> None:
        ran = httpwire(*arguments)
        assert ran.status == 0
        for option in (
            "--to",
            "--output",
            "--crlf",
            "--end-head",
            "--set",
            "--unset",
            "--fix-length",
            "--json",
            "--lang",
        ):
            assert option in ran.stdout.decode()

    def test_a_verb_that_is_misspelled(self, httpwire: Command) -> None:
        assert "there is no verb shwo; did you mean show?" in httpwire("shwo").stderr
        assert "there is no verb xyz; httpwire --help" in httpwire("xyz").stderr

    def test_without_a_verb_it_is_no_success(self, httpwire: Command) -> None:
        ran = httpwire()
        assert ran.status == 2
        assert "Traceback" not in ran.stderr

    def test_the_version(self, httpwire: Command) -> None:
        ran = httpwire("--version")
        assert ran.status == 0
        assert ran.stdout.startswith(b"httpwire ")

    def test_operands_may_stand_after_options_and_behind_two_dashes(
        self, httpwire: Command, tmp_path: Path, serve: Serve
    ) -> None:
        request(tmp_path, name="--to")
        ran = httpwire("send", "--to", serve(answer(ok())).to, "-o", "out", "--", "--to")
        assert ran.status == 0, ran.stderr
        assert (tmp_path / "out").read_bytes() == ok()
