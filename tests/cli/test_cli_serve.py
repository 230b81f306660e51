"""`httpwire serve` as a person uses it: recorded answers in; which request gets which, what is told, how it ends."""

from __future__ import annotations

import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest
from command import Command, ended, environ, failure, files, start, wait_for
from test_cli_record import (
    RIGHTS,
    SECONDS,
    Listening,
    ask_soon,
    get,
    index,
    listening,
    objects,
    on_terminal,
    post,
    refused,
    told,
    without_rights,
)

from conftest import Ran
from loopback import GET, free_port, ok, until_closed

LF = b"HTTP/1.1 200 OK\nContent-Length: 5\n\nhello"
SHORT = b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhello"
LONG = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nhello"
FOUR_OH_FOUR = b"HTTP/1.1 404 Not Found\r\nContent-Type: text/plain; charset=utf-8\r\n"
JAPANESE = re.compile(r"[\u3040-\u30ff\u4e00-\u9fff]")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with an answer, an empty file, an empty folder, and one without pairs."""
    (tmp_path / "a.txt").write_bytes(ok())
    (tmp_path / "empty").touch()
    (tmp_path / "nothing").mkdir()
    (tmp_path / "lonely").mkdir()
    (tmp_path / "lonely" / "x_recv.txt").write_bytes(ok())
    return tmp_path


HERE = {"a.txt", "empty", "nothing", "lonely"}


def pair(folder: Path, name: str, request: bytes, answer: bytes, *, send: bool = False) -> None:
    """A recorded exchange in `folder`: NAME.http and NAME.response, or as `send` names them."""
    folder.mkdir(exist_ok=True)
    (folder / (f"{name}_send.txt" if send else f"{name}.http")).write_bytes(request)
    (folder / (f"{name}_recv.txt" if send else f"{name}.response")).write_bytes(answer)


def content(octets: bytes) -> bytes:
    """What follows the head of an answer."""
    return octets.partition(b"\r\n\r\n")[2]


def before(server: Listening) -> str:
    """What was told before it listened."""
    return server.err.decode().partition("listening")[0]


# Wrong use.

WRONG = {
    "nothing": ([], ["recorded answer"]),
    "unknown-option": (["a.txt", "--recrod", "x"], ["--recrod", "--record"]),
    "option-of-record": (["a.txt", "--reply-status", "204"], ["--reply-status"]),
    "forever-is-what-it-does": (["a.txt", "--forever"], ["--forever"]),
    "letter-of-record": (["a.txt", "-o", "x"], ["-o"]),
    "missing-value": (["a.txt", "--record"], ["--record", "needs a value"]),
    "value-for-a-switch": (["a.txt", "--close-before=1"], ["--close-before", "no value"]),
    "missing-file": (["none.txt"], ["none.txt", "No such file"]),
    "missing-file-beside-another": (["a.txt", "none.txt"], ["none.txt", "No such file"]),
    "empty-file": (["empty"], ["empty", "nothing to serve"]),
    "empty-file-beside-another": (["a.txt", "empty"], ["empty", "nothing to serve"]),
    "empty-device": (["/dev/null"], ["/dev/null", "nothing to serve"]),
    "empty-standard-input": (["-"], ["nothing to serve"]),
    "empty-folder": (["nothing"], ["nothing", "NAME.response", "NAME.http"]),
    "folder-without-pairs": (["lonely"], ["lonely", "NAME_recv.txt", "NAME_send.txt"]),
    "folder-without-pairs-beside-a-file": (["a.txt", "lonely"], ["lonely"]),
    "below-a-file": (["a.txt/x"], ["a.txt/x"]),
    "record-below-nothing": (["a.txt", "--record", "none/x"], ["none/x", "No such file"]),
    "record-folder-that-is-a-file": (["a.txt", "--record", "empty/"], ["empty/"]),
    "record-and-json-to-standard-output": (["a.txt", "--json", "--record", "-"], ["--json", "--record -"]),
    "timing": (["a.txt", "--timing", "slow"], ["--timing", "slow", "recorded"]),
    "timing-not-recorded": (["a.txt", "--timing", "recorded"], ["--timing recorded", "--times"]),
    "truncate-and-reset": (["a.txt", "--truncate", "1", "--reset-after", "1"], ["--truncate", "--reset-after"]),
    "close-and-truncate": (["a.txt", "--close-before", "--truncate", "1"], ["--close-before", "--truncate"]),
    "close-and-reset": (["a.txt", "--close-before", "--reset-after", "1"], ["--close-before", "--reset-after"]),
    "key-without-cert": (["a.txt", "--key", "a.txt"], ["--key", "--cert"]),
    "alpn-without-tls": (["a.txt", "--alpn", "h2"], ["--alpn", "--tls"]),
    "cert-missing": (["a.txt", "--cert", "none.pem"], ["none.pem", "No such file"]),
    "address": (["a.txt", "--listen", "localhost"], ["localhost:8080"]),
}  # fmt: skip
NUMBERS = {
    "--count": ["0", "-1", "x", "1.5"],
    "--segment": ["0", "-1", "x"],
    "--throttle": ["0", "-1", "1k"],
    "--truncate": ["-1", "x"],
    "--reset-after": ["-1", "x"],
    "--max-head": ["0"],
    "--max-connections": ["0"],
}
TIMES = {"--delay": ["-1", "x", "1s", "1e3"], "--timeout": ["x"], "--idle-timeout": ["-1"], "--request-timeout": ["x"]}


@pytest.mark.parametrize(("arguments", "words"), WRONG.values(), ids=WRONG.keys())
def test_one_line_says_what_is_wrong(httpwire: Command, folder: Path, arguments: list[str], words: list[str]) -> None:
    ran = httpwire("serve", "--listen", "127.0.0.1:0", "--timeout", "0.2", *arguments)
    assert "listening" not in ran.stderr, "what is told of the answers may stand before it"
    refused(Ran(ran.status, ran.stdout, failure(ran) + "\n"), *words)
    assert files(folder) == HERE
    assert (folder / "a.txt").read_bytes() == ok()


@pytest.mark.parametrize(("option", "number"), [(option, number) for option in NUMBERS for number in NUMBERS[option]])
def test_a_number_that_is_none(httpwire: Command, folder: Path, option: str, number: str) -> None:
    ran = httpwire("serve", "a.txt", "--listen", "0", "--timeout", "5", f"{option}={number}")
    refused(ran, option, "whole number", number)
    assert files(folder) == HERE


@pytest.mark.parametrize(("option", "number"), [(option, number) for option in TIMES for number in TIMES[option]])
@pytest.mark.usefixtures("folder")
def test_a_time_that_is_none(httpwire: Command, option: str, number: str) -> None:
    refused(httpwire("serve", "a.txt", "--listen", "0", f"{option}={number}"), option, "seconds", number)


@pytest.mark.usefixtures("folder")
def test_a_record_without_a_name_is_not_forgotten(httpwire: Command) -> None:
    """--record "$FILE", and the variable was empty: whoever wanted a record must not end up without one."""
    refused(httpwire("serve", "a.txt", "--listen", "0", "--timeout", "0.2", "--record", ""), "--record")


@pytest.mark.usefixtures("folder")
def test_an_answer_without_a_name_shows_that(httpwire: Command) -> None:
    assert "''" in refused(httpwire("serve", "", "--listen", "0", "--timeout", "0.2"))


@pytest.mark.parametrize("spelt", ["a.txt", "./a.txt", "link"])
def test_a_record_does_not_overwrite_the_answer(httpwire: Command, folder: Path, spelt: str) -> None:
    (folder / "link").symlink_to("a.txt")
    ran = httpwire("serve", "a.txt", "--listen", "0", "--timeout", "0.2", "--record", spelt)
    refused(ran, spelt, "overwrite")
    assert (folder / "a.txt").read_bytes() == ok()


@RIGHTS
@pytest.mark.parametrize("operand", ["a.txt", "lonely", "lonely/x_recv.txt"])
def test_what_may_not_be_read(folder: Path, operand: str) -> None:
    (folder / operand).chmod(0)
    ran = ended(start(folder, "serve", operand, "--listen", "0", "--timeout", "5", preexec_fn=without_rights))
    (folder / operand).chmod(0o755)
    refused(ran, operand, "Permission denied")


@RIGHTS
def test_a_request_beside_it_that_may_not_be_read(folder: Path) -> None:
    pair(folder, "c", GET, ok(), send=True)
    (folder / "c_send.txt").chmod(0)
    ran = ended(start(folder, "serve", "c_recv.txt", "--listen", "0", "--timeout", "5", preexec_fn=without_rights))
    refused(ran, "c_send.txt", "Permission denied")


@RIGHTS
def test_another_file_of_the_folder_that_may_not_be_read_is_in_nobodys_way(tmp_path: Path) -> None:
    pair(tmp_path / "all", "1", GET, ok())
    (tmp_path / "all" / "diary").write_bytes(b"mine")
    (tmp_path / "all" / "diary").chmod(0)
    ran = ended(start(tmp_path, "serve", "all", "--listen", "0", "--timeout", "0.1", preexec_fn=without_rights))
    assert ran.status == 0, ran.stderr
    assert "1.response" in ran.stderr


def test_a_pipe_in_the_folder_does_not_make_it_wait(httpwire: Command, tmp_path: Path) -> None:
    """Nobody writes to it, and nobody asked for it."""
    pair(tmp_path / "all", "1", GET, ok())
    pair(tmp_path / "all", "2", GET, ok())
    (tmp_path / "all" / "2.response").unlink()
    os.mkfifo(tmp_path / "all" / "2.response")
    ran = httpwire("serve", "all", "--listen", "0", "--timeout", "0.1", timeout=5)
    assert ran.status in (0, 2)
    told(ran)


def test_a_port_in_use(httpwire: Command, folder: Path) -> None:
    with listening(folder, "serve", "a.txt") as server:
        ran = httpwire("serve", "a.txt", "--listen", str(server.port), "--record", "new/")
        assert ran.status == 45
        assert f"127.0.0.1:{server.port}" in failure(ran)
        if sys.platform == "linux":
            assert f"process {server.process.pid}" in failure(ran)
        assert server.ask(get()) == ok()
        assert server.ended(signal.SIGTERM).status == 0
    assert files(folder) == HERE, "a folder that nothing came into"


# One answer for everything.

ANSWERS = {
    "plain": ok(),
    "empty": ok(b""),
    "line-feeds": LF,
    "too-short": SHORT,
    "too-long": LONG,
    "until-close": b"HTTP/1.0 200 OK\r\n\r\nhello",
    "chunked": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    "interim": b"HTTP/1.1 103 Early Hints\r\n\r\n" + ok(),
    "no-http": b"SSH-2.0-x\r\n",
    "cut": b"HTTP/1.1 200 OK\r\nContent-Le",
    "octets": bytes(range(256)),
    "large": ok(bytes(range(250)) * 12_000),
}


class TestOneAnswer:
    @pytest.mark.parametrize("octets", ANSWERS.values(), ids=ANSWERS.keys())
    def test_is_served_as_it_is(self, tmp_path: Path, octets: bytes) -> None:
        (tmp_path / "a.txt").write_bytes(octets)
        with listening(tmp_path, "serve", "a.txt") as server:
            assert server.ask(get(b"/any?thing")) == octets
            assert server.ask(get(b"/other", method=b"POST")) == octets
            ran = server.ended(signal.SIGINT)
        assert ran.status == 0
        told(ran)
        assert ran.stderr.endswith("2 requests\n")
        assert ran.stdout == b""
        assert (tmp_path / "a.txt").read_bytes() == octets
        assert files(tmp_path) == {"a.txt"}

    def test_is_announced_before_the_first_request(self, tmp_path: Path) -> None:
        (tmp_path / "a.txt").write_bytes(ok())
        with listening(tmp_path, "serve", "a.txt") as server:
            shown = before(server)
        assert "a.txt: HTTP/1.1 200 OK, 43 bytes, to every request" in shown
        assert "stays open" in shown

    @pytest.mark.parametrize(
        ("octets", "words"),
        [
            (LF, ["LF alone"]),
            (LONG, ["2 bytes follow"]),
            (SHORT, ["5", "50"]),
            (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", ["last chunk"]),
            (b"HTTP/1.1 200 OK\r\nContent-Le", []),
            (b"HTTP/1.1 103 Early Hints\r\n\r\n", []),
            (b"hello", ["does not begin with HTTP/"]),
            (GET, ["does not begin with HTTP/"]),
            (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello", ["Content-Length"]),
        ],
        ids=["line-feeds", "long", "short", "chunks", "head", "interim", "no-http", "request", "two-lengths"],
    )
    def test_what_is_wrong_with_it_is_told_before(self, tmp_path: Path, octets: bytes, words: list[str]) -> None:
        """Told, and served as it is all the same."""
        (tmp_path / "a.txt").write_bytes(octets)
        with listening(tmp_path, "serve", "a.txt") as server:
            shown = before(server)
            assert server.ask(get()) == octets
        announced, _, rest = shown.partition("\n")
        assert announced.startswith("answer")
        assert re.search(r"^(error|warning) ", rest, re.MULTILINE), "not told"
        for word in words:
            assert word in rest
        assert ": ," not in announced, "a gap where the status would be"

    @pytest.mark.parametrize(
        ("octets", "stays"),
        [
            (ok(), True),
            (ANSWERS["chunked"], True),
            (b"HTTP/1.1 204 No Content\r\n\r\n", True),
            (ok(b"hello", b"Connection: close"), False),
            (ANSWERS["until-close"], False),
            (SHORT, False),
            (LONG, False),
        ],
    )
    def test_the_connection_goes_on_as_the_answer_implies(self, tmp_path: Path, octets: bytes, stays: object) -> None:
        (tmp_path / "a.txt").write_bytes(octets)
        with listening(tmp_path, "serve", "a.txt") as server:
            assert ("stays open" in before(server)) is stays
            got = server.ask(GET + get(b"/2"))
        assert got == (octets * 2 if stays else octets)

    def test_from_standard_input(self, tmp_path: Path) -> None:
        process = start(tmp_path, "serve", "-", "--listen", str(port := free_port()), "--count", "1", stdin=-1)
        try:
            assert process.stdin
            process.stdin.write(ok(b"piped"))
            process.stdin.close()
            process.stdin = None
            assert ask_soon(port, get()) == ok(b"piped")
            ran = ended(process)
        finally:
            process.kill()
        assert ran.status == 0
        assert "standard input" in ran.stderr

    @pytest.mark.parametrize("name", ["日本.txt", "a\x1b[31m.txt", "a\nb.txt", "--", "-x", "a b"])
    def test_under_an_unusual_name(self, tmp_path: Path, name: str) -> None:
        (tmp_path / name).write_bytes(ok())
        with listening(tmp_path, "serve", "--count", "1", "--json", "--", name) as server:
            assert server.ask(get()) == ok()
            ran = server.ended()
        told(ran)
        assert objects(ran.stdout)[1]["answer"] == name

    def test_a_mismatch_is_told_once(self, tmp_path: Path) -> None:
        (tmp_path / "a.txt").write_bytes(ok())
        with listening(tmp_path, "serve", "a.txt") as server:
            for _ in range(3):
                server.ask(get(method=b"HEAD"))
            ran = server.ended(signal.SIGTERM)
        assert ran.stderr.count("HEAD has not") == 1
        assert ran.stderr.count("HEAD / HTTP/1.1") == 3

    @pytest.mark.parametrize(
        ("answer", "request_", "word"),
        [
            (b"HTTP/1.1 304 Not Modified\r\n\r\n", get(), "304"),
            (b"HTTP/1.1 206 Partial Content\r\nContent-Length: 1\r\n\r\nx", get(), "range"),
            (b"HTTP/1.1 416 Range Not Satisfiable\r\nContent-Length: 0\r\n\r\n", get(), "range"),
            (ok(b"x", b"Content-Encoding: br"), get(b"/", b"Accept-Encoding: gzip"), "br"),
            (b"HTTP/1.1 101 Switching Protocols\r\n\r\n", get(), "upgrade"),
        ],
    )
    def test_what_a_client_may_not_like_is_told(
        self, tmp_path: Path, answer: bytes, request_: bytes, word: str
    ) -> None:
        (tmp_path / "a.txt").write_bytes(answer)
        with listening(tmp_path, "serve", "a.txt") as server:
            assert server.ask(request_, close=True) == answer
            ran = server.ended(signal.SIGINT)
        assert re.search(rf"^warning .*{word}", ran.stderr, re.MULTILINE)

    def test_it_was_recorded_for_another_request(self, tmp_path: Path) -> None:
        """One answer is for every request, also where its own lies beside it: that it is another is told."""
        pair(tmp_path, "client", get(b"/recorded"), ok(), send=True)
        with listening(tmp_path, "serve", "client_recv.txt") as server:
            assert server.ask(get(b"/recorded")) == ok()
            assert server.ask(get(b"/other")) == ok()
            ran = server.ended(signal.SIGINT)
        assert ran.stderr.count("warning") == 1
        assert "recorded for GET /recorded, served to GET /other" in ran.stderr


# Which request gets which.


class TestMatching:
    def test_by_method_and_target(self, tmp_path: Path) -> None:
        pair(tmp_path / "all", "1", get(b"/a"), ok(b"a"))
        pair(tmp_path / "all", "2", get(b"/a?b"), ok(b"a?b"))
        pair(tmp_path / "all", "3", get(b"/a", method=b"POST"), ok(b"posted"))
        pair(tmp_path / "all", "4", get(b"/A"), ok(b"A"), send=True)
        with listening(tmp_path, "serve", "all") as server:
            for asked, answer in [(b"/A", b"A"), (b"/a", b"a"), (b"/a?b", b"a?b"), (b"http://a/a", b"a")]:
                assert content(server.ask(get(asked))) == answer
            assert content(server.ask(get(b"/a", method=b"POST"))) == b"posted"
            for asked in (b"/", b"/a?", b"/a/", b"/b", b"/%61", b"a"):
                assert server.ask(get(asked)).startswith(FOUR_OH_FOUR)
            assert server.ask(get(b"/a", method=b"PUT")).startswith(FOUR_OH_FOUR)
            ran = server.ended(signal.SIGINT)
        told(ran)
        assert ran.stderr.count("404: ") == 7

    def test_then_by_host(self, tmp_path: Path) -> None:
        pair(tmp_path / "all", "1", get(host=b"one"), ok(b"one"))
        pair(tmp_path / "all", "2", get(host=b"two:80"), ok(b"two"))
        with listening(tmp_path, "serve", "all") as server:
            asked = [b"two:80", b"one", b"ONE", b"two:80", b"127.0.0.1:8080"]
            got = [content(server.ask(get(host=host))) for host in asked]
        assert got[:4] == [b"two", b"one", b"one", b"two"]
        assert got[4] in (b"one", b"two")

    def test_whatever_the_host_where_only_one_was_recorded(self, tmp_path: Path) -> None:
        """A browser says 127.0.0.1:8080 where the recording says example.com."""
        pair(tmp_path / "all", "1", get(host=b"example.com"), ok(b"one"))
        with listening(tmp_path, "serve", "all") as server:
            assert content(server.ask(get(host=b"127.0.0.1:8080"))) == b"one"
            assert content(server.ask(b"GET / HTTP/1.0\r\n\r\n")) == b"one"

    def test_repeated_ones_in_order_and_the_last_from_then_on(self, tmp_path: Path) -> None:
        for number in (1, 2, 3):
            pair(tmp_path / "all", str(number), get(), ok(b"%d" % number))
        with listening(tmp_path, "serve", "all") as server:
            assert [content(server.ask(get())) for _ in range(5)] == [b"1", b"2", b"3", b"3", b"3"]

    def test_several_files_in_the_order_in_which_they_are_given(self, tmp_path: Path) -> None:
        for name in "ab":
            (tmp_path / name).write_bytes(ok(name.encode()))
        with listening(tmp_path, "serve", "b", "a", "b") as server:
            assert [content(server.ask(get(b"/%d" % n))) for n in range(4)] == [b"b", b"a", b"b", b"b"]

    def test_files_without_a_request_answer_what_is_left(self, tmp_path: Path) -> None:
        pair(tmp_path / "all", "1", get(b"/known"), ok(b"known"))
        (tmp_path / "other").write_bytes(ok(b"other"))
        with listening(tmp_path, "serve", "all", "other") as server:
            assert content(server.ask(get(b"/known"))) == b"known"
            assert content(server.ask(get(b"/unknown"))) == b"other"
            assert content(server.ask(get(b"/known"))) == b"known"

    def test_files_with_their_requests_are_matched_as_in_a_folder(self, tmp_path: Path) -> None:
        pair(tmp_path, "a", get(b"/a"), ok(b"a"), send=True)
        pair(tmp_path, "b", get(b"/b"), ok(b"b"))
        with listening(tmp_path, "serve", "a_recv.txt", "b.response") as server:
            assert content(server.ask(get(b"/b"))) == b"b"
            assert content(server.ask(get(b"/a"))) == b"a"
            assert server.ask(get(b"/c")).startswith(FOUR_OH_FOUR)

    def test_head_gets_what_get_got_and_that_is_told(self, tmp_path: Path) -> None:
        """Just what was recorded, never an invention."""
        pair(tmp_path / "all", "1", get(b"/a"), ok(b"a"))
        pair(tmp_path / "all", "2", get(b"/b", method=b"HEAD"), ok(b"")[:-5] + b"7\r\n\r\n")
        with listening(tmp_path, "serve", "all") as server:
            assert server.ask(get(b"/a", method=b"HEAD")) == ok(b"a")
            assert server.ask(get(b"/b", method=b"HEAD")) == ok(b"")[:-5] + b"7\r\n\r\n"
            assert server.ask(get(b"/b")).startswith(FOUR_OH_FOUR), "nor the other way round"
            ran = server.ended(signal.SIGINT)
        assert "recorded for GET /a, served to HEAD /a" in ran.stderr
        assert ran.stderr.count("warning") == 2

    def test_conditions_and_ranges_change_nothing(self, tmp_path: Path) -> None:
        pair(tmp_path / "all", "1", get(b"/a"), ok(b"hello", b'ETag: "x"'))
        with listening(tmp_path, "serve", "all") as server:
            for field in (b'If-None-Match: "x"', b"Range: bytes=0-0", b"If-Modified-Since: x"):
                assert server.ask(get(b"/a", field)) == ok(b"hello", b'ETag: "x"')

    def test_what_has_no_answer_gets_a_404_that_says_so(self, tmp_path: Path) -> None:
        pair(tmp_path / "all", "1", get(b"/a"), ok(b"a"))
        with listening(tmp_path, "serve", "all") as server:
            got = server.ask(get(b"/<b>\xe3\x81\x82"))
            head = server.ask(get(b"/nothing", method=b"HEAD"))
            bad = server.ask(b"nonsense\r\n\r\n")
            ran = server.ended(signal.SIGINT)
        assert got.startswith(FOUR_OH_FOUR)
        assert b"Connection: close\r\n" in got
        assert content(got) == b"httpwire: no answer was recorded for GET /<b>\\xe3\\x81\\x82\n"
        assert b"\r\nContent-Length: %d\r\n" % len(content(got)) in got
        assert head.startswith(FOUR_OH_FOUR)
        assert content(head) == b""
        assert bad.startswith(b"HTTP/1.1 400 Bad Request\r\n")
        assert content(bad).startswith(b"httpwire: ")
        assert "404: no recorded answer is for this request" in ran.stderr

    def test_one_file_with_several_answers_beside_the_requests_that_were_sent_at_once(self, tmp_path: Path) -> None:
        requests = GET + get(b"/2", method=b"HEAD") + get(b"/3")
        head = b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n"
        interim = b"HTTP/1.1 103 Early Hints\r\n\r\n"
        pair(tmp_path / "all", "1", requests, ok(b"1") + head + interim + ok(b"3"))
        with listening(tmp_path, "serve", "all") as server:
            assert before(server).count("1.response") == 3
            assert server.ask(get(b"/3")) == interim + ok(b"3")
            assert server.ask(get(b"/2", method=b"HEAD")) == head
            assert server.ask(get()) == ok(b"1")
            assert server.ask(get(b"/2")).startswith(FOUR_OH_FOUR)
            assert server.ask(GET + get(b"/3")) == ok(b"1") + interim + ok(b"3")

    def test_a_request_whose_answer_is_missing_is_told(self, tmp_path: Path) -> None:
        """Three were sent, two answered: the third will get a 404, and nobody should wonder why."""
        pair(tmp_path / "all", "1", GET + get(b"/2") + get(b"/third"), ok(b"1") + ok(b"2"))
        with listening(tmp_path, "serve", "all") as server:
            assert "/third" in before(server)
            assert server.ask(get(b"/third")).startswith(FOUR_OH_FOUR)

    def test_octets_behind_the_last_answer_stay_with_it(self, tmp_path: Path) -> None:
        pair(tmp_path / "all", "1", GET + get(b"/2"), ok(b"1") + ok(b"2") + b"more")
        with listening(tmp_path, "serve", "all") as server:
            assert "4 bytes follow" in before(server)
            assert server.ask(get()) == ok(b"1")
            assert server.ask(get(b"/2")) == ok(b"2") + b"more"

    def test_a_request_beside_it_that_is_none_is_told(self, tmp_path: Path) -> None:
        """Else its answer would silently be one for every request, and no 404 would come any more."""
        pair(tmp_path / "all", "1", get(b"/a"), ok(b"a"))
        pair(tmp_path / "all", "2", b"nonsense", ok(b"b"))
        with listening(tmp_path, "serve", "all") as server:
            assert re.search(r"^warning .*2\.", before(server), re.MULTILINE)

    @pytest.mark.parametrize("name", ["b.response", "b_recv.txt", "b.txt"])
    @pytest.mark.parametrize("octets", [ok(), b"no HTTP"], ids=["http", "else"])
    def test_answers_without_their_request_are_left_out_and_told(
        self, tmp_path: Path, name: str, octets: bytes
    ) -> None:
        """By their name, or by what they begin with; other files are nobody's business."""
        pair(tmp_path / "all", "1", get(b"/a"), ok(b"a"))
        (tmp_path / "all" / name).write_bytes(octets)
        with listening(tmp_path, "serve", "all") as server:
            left_out = f"{name} is left out" in before(server)
        assert left_out is (octets == ok() or name != "b.txt")

    def test_what_record_keeps_beside_them_is_no_answer(self, tmp_path: Path) -> None:
        pair(tmp_path / "all", "1", get(b"/a"), ok(b"a"))
        for name in ("server_recv.txt", "2.http", "3.http.partial", "4.http.tunnel", "index.jsonl"):
            (tmp_path / "all" / name).write_bytes(GET)
        (tmp_path / "all" / "sub").mkdir()
        with listening(tmp_path, "serve", "all") as server:
            assert "warning" not in before(server)

    def test_many_are_counted_and_not_all_shown(self, tmp_path: Path) -> None:
        for number in range(100):
            pair(tmp_path / "all", f"{number:03}", get(b"/%d" % number), ok(b"%d" % number))
        with listening(tmp_path, "serve", "all") as server:
            assert "80 more answers" in before(server)
            assert len(before(server).splitlines()) < 50
            assert content(server.ask(get(b"/99"))) == b"99"


# Requests kept.


class TestRecord:
    def test_one_after_the_other_in_a_file(self, folder: Path) -> None:
        requests = [get(b"/1"), post(300_000), get(b"/2"), post(100_000, b"/3"), get(b"/4")]
        (folder / "kept.http").write_bytes(b"earlier")
        with listening(folder, "serve", "a.txt", "--record", "kept.http") as server:
            server.ask(GET[:-2], close=True)
            server.until("incomplete")
            assert (folder / "kept.http").read_bytes() == b"earlier"
            for octets in requests:
                assert server.ask(octets) == ok()
            ran = server.ended(signal.SIGINT)
        assert ran.status == 0
        assert (folder / "kept.http").read_bytes() == b"".join(requests)
        assert (folder / "kept.http.partial").read_bytes() == GET[:-2]
        assert files(folder) == {*HERE, "kept.http", "kept.http.partial"}

    def test_each_in_a_file_of_a_folder(self, folder: Path) -> None:
        requests = [get(b"/1"), post(300_000), GET[:-2]]
        with listening(folder, "serve", "a.txt", "--record", "kept/") as server:
            for octets in requests:
                server.ask(octets, close=True)
            ran = server.ended(signal.SIGINT)
        assert ran.status == 0
        names = ["0001-GET-1.http", "0002-POST-up.http", "0003-GET.http.partial"]
        assert [line["file"] for line in index(folder / "kept")] == names
        assert [(folder / "kept" / name).read_bytes() for name in names] == requests

    def test_to_standard_output(self, folder: Path) -> None:
        with listening(folder, "serve", "a.txt", "--record", "-", "--count", "2") as server:
            server.ask(get(b"/1"))
            server.ask(get(b"/2"))
            ran = server.ended()
        assert ran.status == 0
        assert ran.stdout == get(b"/1") + get(b"/2")

    def test_nowhere_and_nothing_else_is_told(self, folder: Path) -> None:
        """Nothing was to be kept, and nothing was: no line may say otherwise."""
        with listening(folder, "serve", "a.txt", "--count", "5") as server:
            server.ask(get())
            server.until("\nrequest")
            ran = server.ended(signal.SIGINT)
        assert ran.status == 130
        assert files(folder) == HERE
        assert "saved" not in ran.stderr
        assert "kept" not in failure(ran)

    def test_the_documents_step_4(self, folder: Path) -> None:
        """A server that gives one answer, keeps the request, and ends."""
        with listening(folder, "serve", "a.txt", "--count", "1", "--record", "server_recv.txt") as server:
            assert server.ask(GET) == ok()
            ran = server.ended()
        assert ran.status == 0
        assert (folder / "server_recv.txt").read_bytes() == GET
        labels = [line.split()[0] for line in ran.stderr.splitlines() if line[:1] != " "]
        assert labels == ["answer", "listening", "request", "answer", "saved", "ended"]


class TestSlips:
    """A file that is no answer goes out as it is, and how it came to be given is told."""

    @pytest.mark.parametrize(
        ("octets", "english", "japanese"),
        [
            (GET, "it is a request", "これはリクエストです"),
            (b"\xef\xbb\xbf" + ok(), "byte order mark", "BOM なし"),
            ("HTTP/1.1 200 OK".encode("utf-16"), "byte order mark", "BOM なし"),
            (b"hello", "", ""),
        ],
        ids=["request", "utf-8", "utf-16", "neither"],
    )
    def test_it_is_told(self, folder: Path, octets: bytes, english: str, japanese: str) -> None:
        (folder / "slip").write_bytes(octets)
        for language, says in (("en", english), ("ja", japanese)):
            with listening(folder, "serve", "slip", "--lang", language, "--count", "1") as server:
                assert server.ask(get()) == octets
                ran = server.ended()
            assert ran.status == 0
            assert says in ran.stderr
            assert ("serve" in ran.stderr) == (octets == GET)


# How badly.


class TestFaults:
    @pytest.mark.parametrize(
        ("arguments", "octets", "least"),
        [
            (["--delay", "0.3"], ok(), 0.3),
            (["--segment", "1"], ok(), 0),
            (["--throttle", "100"], ok(), 0.3),
            (["--truncate", "40"], ok()[:40], 0),
            (["--truncate", "0"], b"", 0),
            (["--truncate", "999999"], ok(), 0),
            (["--close-before"], b"", 0),
            (["--segment", "7", "--truncate", "40", "--throttle", "200"], ok()[:40], 0.1),
            (["--delay", "0.2", "--close-before"], b"", 0),
        ],
        ids=lambda value: " ".join(value) if isinstance(value, list) else "",
    )
    def test_slow_short_or_not_at_all(self, folder: Path, arguments: list[str], octets: bytes, least: float) -> None:
        with listening(folder, "serve", "a.txt", "--count", "1", *arguments) as server:
            began = time.monotonic()
            assert server.ask(get()) == octets
            assert time.monotonic() - began >= least
            ran = server.ended()
        assert ran.status == 0
        told(ran)

    def test_what_is_cut_and_what_is_too_short_for_it_is_told(self, folder: Path) -> None:
        for cut, telling, whole in (("40", "cut after 40 of", False), ("999999", "fewer than 999,999 bytes", True)):
            with listening(folder, "serve", "a.txt", "--count", "1", "--truncate", cut) as server:
                server.ask(get())
                ran = server.ended()
            assert telling in ran.stderr
            assert ("goes out whole" in ran.stderr) == whole
            assert ("cut short" in ran.stderr) != whole

    def test_reset(self, folder: Path) -> None:
        with listening(folder, "serve", "a.txt", "--count", "1", "--reset-after", "40") as server:
            with pytest.raises(ConnectionResetError):
                server.ask(get())
            assert server.ended().status == 0

    def test_as_it_came(self, folder: Path) -> None:
        (folder / "a.txt.times").write_bytes(b'{"at": 0.05, "stop": 10}\n{"at": 0.3, "stop": 43}\n')
        with listening(folder, "serve", "a.txt", "--timing", "recorded") as server:
            began = time.monotonic()
            assert server.ask(get()) == ok()
            assert time.monotonic() - began >= 0.3

    def test_times_that_are_none(self, httpwire: Command, folder: Path) -> None:
        """They are in the way only of those who asked for them."""
        (folder / "a.txt.times").write_bytes(b"nonsense")
        refused(httpwire("serve", "a.txt", "--listen", "0", "--timing", "recorded"), "a.txt.times")
        assert httpwire("serve", "a.txt", "--listen", "0", "--timeout", "0.1").status == 0


# What is told, and to whom.


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_pipe_that_nobody_opens_ends_with_the_first_signal(folder: Path, number: signal.Signals) -> None:
    os.mkfifo(folder / "pipe")
    process = start(folder, "serve", "a.txt", "--listen", "127.0.0.1:0", "--record", "pipe")
    time.sleep(0.7)  # it is waiting, and says nothing: there is no better sign
    process.send_signal(number)
    ran = ended(process)
    assert ran.status == 130
    assert "interrupted" in ran.stderr


def test_a_program_that_reads_no_more_does_not_hold_up_the_first_signal(folder: Path) -> None:
    port = free_port()

    def listens() -> bool:
        with socket.socket() as probe:
            return not probe.connect_ex(("127.0.0.1", port))

    process = start(folder, "serve", "a.txt", "--listen", f"127.0.0.1:{port}", "--json", "-q")
    wait_for(listens, "it to listen")
    with socket.create_connection(("127.0.0.1", port), 5) as client, suppress(OSError):
        client.settimeout(1)
        for _ in range(100):  # until nothing is answered any more: what is to be told fills the pipe
            client.sendall(b"GET /" + b"x" * 5000 + b" HTTP/1.1\r\nHost: a\r\n\r\n")
            if not client.recv(65536):
                break
        else:
            pytest.fail("the pipe holds more than this test asks for")
    process.send_signal(signal.SIGINT)
    assert process.wait(10) == 130
    ended(process)


def test_a_certificate_without_a_name_is_no_other_one(httpwire: Command) -> None:
    for arguments in (["record"], ["serve", "a.txt"]):
        ran = httpwire(*arguments, "--cert", "", "--listen", "0")
        assert ran.status == 2
        assert "Traceback" not in ran.stderr


class TestTelling:
    def test_a_mismatch_is_told_in_the_busiest_second(self, folder: Path) -> None:
        (folder / "part").write_bytes(b"HTTP/1.1 206 Partial Content\r\nContent-Length: 2\r\n\r\nhi")
        with listening(folder, "serve", "part") as server:
            for _ in range(40):
                server.ask(get(b"/", b"Range: bytes=0-1"))
            server.ask(get())
            ran = server.ended(signal.SIGINT)
        assert "asks for no range" in ran.stderr

    def test_json_begins_with_the_address_and_names_the_answers(self, tmp_path: Path) -> None:
        pair(tmp_path / "all", "1", get(b"/a"), ok(b"a"))
        with listening(tmp_path, "serve", "all", "-q", "--json") as server:
            server.ask(get(b"/a"))
            server.ask(get(b"/b"))
            ran = server.ended(signal.SIGINT)
        assert (ran.status, ran.stderr) == (0, "")
        first, *lines = objects(ran.stdout)
        assert first == {"listening": f"127.0.0.1:{server.port}", "scheme": "http"}
        assert [(line["target"], line["answer"], line["file"]) for line in lines] == [
            ("/a", "all/1.response", ""),
            ("/b", None, ""),
        ]

    def test_what_was_not_answered_is_not_told_as_404(self, folder: Path) -> None:
        """Two in one breath, and one was wanted: the second got nothing at all."""
        with listening(folder, "serve", "a.txt", "--count", "1") as server:
            assert server.ask(GET + get(b"/2")) == ok()
            ran = server.ended()
        assert ran.status == 0
        assert "404" not in ran.stderr

    @pytest.mark.parametrize("arguments", [[], ["-v"]])
    def test_notes_are_told_to_those_who_want_them(self, tmp_path: Path, arguments: list[str]) -> None:
        (tmp_path / "a.txt").write_bytes(ok())
        with listening(tmp_path, "serve", "a.txt", *arguments) as server:
            server.ask(b"\r\n" + get())
            ran = server.ended(signal.SIGINT)
        assert ("empty line" in ran.stderr) is bool(arguments)

    def test_a_client_that_leaves_in_the_middle_is_told(self, tmp_path: Path) -> None:
        (tmp_path / "a.txt").write_bytes(ok(bytes(30_000_000)))
        with listening(tmp_path, "serve", "a.txt") as server:
            with server.connect() as client:
                client.sendall(get())
                client.recv(1000)
            server.until("of 30,000,045 bytes")
            ran = server.ended(signal.SIGINT)
        assert ran.status == 0
        told(ran)

    def test_help_is_complete(self, httpwire: Command) -> None:
        ran = httpwire("serve", "--help")
        assert (ran.status, ran.stderr) == (0, "")
        text = ran.stdout.decode()
        options = ("listen", "record", "count", "timing", "delay", "segment", "throttle", "truncate", "reset-after")
        others = ("close-before", "tls", "cert", "key", "alpn", "idle-timeout", "request-timeout", "timeout")
        for option in (*options, *others, "max-head", "max-connections", "verbose", "quiet", "json", "lang", "help"):
            assert f"--{option}" in text
        for word in ("_send.txt", "_recv.txt", ".http", ".response", "127.0.0.1:8080", "Ctrl-C"):
            assert word in text
        assert not re.search(r" $", text, re.MULTILINE), "blanks at the end of a line"

    def test_on_a_terminal(self, tmp_path: Path) -> None:
        (tmp_path / "a.txt").write_bytes(LF)
        shown = on_terminal(tmp_path, "serve", "a.txt", "--listen", "127.0.0.1:0", "--count", "1", octets=get())
        assert "\x1b[31merror" in shown
        starts = {len(found[0]) for found in re.finditer(r"^\w+ +(?=\S)", re.sub(r"\x1b\[\d+m", "", shown), re.M)}
        assert len(starts) == 1


class TestLanguages:
    @pytest.mark.parametrize("octets", ANSWERS.values(), ids=ANSWERS.keys())
    def test_in_japanese(self, tmp_path: Path, octets: bytes) -> None:
        (tmp_path / "a.txt").write_bytes(octets)
        with listening(tmp_path, "serve", "a.txt", env=environ(LANG="ja_JP.UTF-8")) as server:
            assert JAPANESE.search(before(server))
            server.ask(get(method=b"HEAD"), close=True)
            server.ask(GET[:-2], close=True)
            ran = server.ended(signal.SIGINT)
        assert ran.status == 0
        told(ran)

    def test_the_404_and_the_400_too(self, tmp_path: Path) -> None:
        pair(tmp_path / "all", "1", get(b"/a"), ok(b"a"))
        (tmp_path / "all" / "b.response").write_bytes(ok())
        with listening(tmp_path, "serve", "all", "--lang", "ja") as server:
            for octets in (get("/日本".encode()), b"nonsense\r\n\r\n"):
                got = server.ask(octets)
                assert b"charset=utf-8" in got
                assert JAPANESE.search(content(got).decode())
                assert b"Content-Length: %d\r\n" % len(content(got)) in got
            told(server.ended(signal.SIGINT))

    @pytest.mark.parametrize(("arguments", "words"), WRONG.values(), ids=WRONG.keys())
    @pytest.mark.usefixtures("folder")
    def test_what_is_wrong_in_japanese(self, httpwire: Command, arguments: list[str], words: list[str]) -> None:
        ran = httpwire("serve", "--lang", "ja", "--listen", "127.0.0.1:0", "--timeout", "0.2", *arguments)
        assert ran.status == 2
        told(ran)
        for word in words:
            if word.startswith("--") and " " not in word:
                assert word in failure(ran)

    @pytest.mark.parametrize("variables", [{"LC_ALL": "C"}, {"LANG": "ja", "PYTHONIOENCODING": "ascii"}])
    def test_no_encoding_stops_a_line(self, tmp_path: Path, variables: dict[str, str]) -> None:
        (tmp_path / "日本.txt").write_bytes(ok())
        with listening(tmp_path, "serve", "日本.txt", env={**environ(), **variables}) as server:
            assert server.ask(get("/日本".encode())) == ok()
            ran = server.ended(signal.SIGINT)
        assert ran.status == 0
        assert "Traceback" not in ran.stderr


# How it ends.


class TestEnding:
    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
    def test_with_a_signal_as_it_is_to(self, folder: Path, number: signal.Signals) -> None:
        with listening(folder, "serve", "a.txt") as server, server.connect() as idle:
            server.ask(get())
            ran = server.ended(number)
            assert until_closed(idle) == b""
        assert ran.status == 0
        assert ran.stderr.count("ended") == 1
        assert "1 request" in ran.stderr
        assert "httpwire: " not in ran.stderr

    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
    def test_with_a_signal_before_the_count_is_reached(self, folder: Path, number: signal.Signals) -> None:
        with listening(folder, "serve", "a.txt", "--count", "2") as server:
            server.ask(get())
            ran = server.ended(number)
        assert ran.status == 130
        assert "interrupted" in failure(ran)

    def test_after_the_count(self, folder: Path) -> None:
        """What is no request does not count, and the last answer goes out whole."""
        (folder / "a.txt").write_bytes(ok(bytes(3_000_000)))
        with listening(folder, "serve", "a.txt", "--count", "2") as server:
            server.connect().close()
            server.ask(b"nonsense\r\n\r\n")
            server.ask(GET[:-2], close=True)
            assert server.process.poll() is None
            server.ask(get())
            assert len(server.ask(GET)) == 3_000_000 + len(ok(b"")) + 6
            ran = server.ended()
        assert ran.status == 0
        assert "2 requests, 2 incomplete, 1 connection that sent nothing" in ran.stderr

    def test_what_is_on_its_way_gets_a_moment_more(self, folder: Path) -> None:
        with listening(folder, "serve", "a.txt", "--delay", "0.8") as server, server.connect() as client:
            client.sendall(get())
            server.until("\nrequest")
            server.process.send_signal(signal.SIGINT)
            assert until_closed(client) == ok()
            client.close()
            assert server.ended().status == 0

    def test_but_not_for_ever(self, folder: Path) -> None:
        with listening(folder, "serve", "a.txt", "--delay", "60") as server, server.connect() as client:
            client.sendall(get())
            server.until("\nrequest")
            ran = server.ended(signal.SIGINT, seconds=10)
            with suppress(ConnectionResetError):
                assert until_closed(client) == b""
        assert ran.status == 0
        assert "0 of 43 bytes" in ran.stderr

    def test_and_a_second_signal_ends_it_at_once(self, folder: Path) -> None:
        with (
            listening(folder, "serve", "a.txt", "--delay", "60") as server,
            server.connect() as client,
            server.connect() as idle,
        ):
            client.sendall(get())
            server.until("\nrequest")
            server.process.send_signal(signal.SIGINT)
            assert until_closed(idle) == b"", "the first is understood"
            ran = server.ended(signal.SIGINT)
        assert ran.status == 130
        told(ran)

    @pytest.mark.parametrize(("count", "status"), [([], 0), (["--count", "1"], 28)])
    def test_when_the_time_is_over(self, httpwire: Command, folder: Path, count: list[str], status: int) -> None:
        ran = httpwire("serve", "a.txt", "--listen", "0", "--timeout", "0.2", *count)
        assert ran.status == status
        assert "0 requests" in ran.stderr
        assert ("httpwire: timed out after 0.2 seconds" in ran.stderr) is bool(status)
        assert files(folder) == HERE

    def test_as_soon_as_it_says_that_it_listens_a_signal_is_understood(self, folder: Path) -> None:
        """A script reads the address, and changes its mind: that is no crash."""
        for _ in range(5):
            with listening(folder, "serve", "a.txt", "-q", "--json") as server:
                ran = server.ended(signal.SIGTERM)
            assert (ran.status, ran.stderr) == (0, "")

    def test_a_signal_that_is_to_be_ignored_is(self, folder: Path) -> None:
        ignoring = {"preexec_fn": lambda: signal.signal(signal.SIGINT, signal.SIG_IGN)}
        with listening(folder, "serve", "a.txt", "--count", "1", **ignoring) as server:
            server.process.send_signal(signal.SIGINT)
            assert server.ask(GET) == ok()
            assert server.ended().status == 0


class TestStreams:
    @pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-", "2>/dev/full", ">/dev/full"])
    def test_that_are_closed_or_full(self, folder: Path, closed: str) -> None:
        """Nobody listens, and still clients get their answers, with nothing of the account in them."""
        port = free_port()
        command = f"exec {shlex.quote(sys.executable)} -m httpwire serve a.txt --count 2 --listen {port} {closed}"
        process = subprocess.Popen(["sh", "-c", command], cwd=folder, env=environ(), stderr=subprocess.PIPE)
        try:
            assert ask_soon(port, get()) == ok()
            assert ask_soon(port, GET) == ok()
            ran = ended(process)
        finally:
            process.kill()
        assert ran.status == 0
        assert "Traceback" not in ran.stderr
        assert files(folder) == HERE

    def test_a_unix_socket(self, folder: Path) -> None:
        process = start(folder, "serve", "a.txt", "--listen", "unix:a.sock", "--count", "1", "--json")
        try:
            with socket.socket(socket.AF_UNIX) as client:
                client.settimeout(SECONDS)
                wait_for(lambda: client.connect_ex(os.fspath(folder / "a.sock")) == 0, "the socket")
                client.sendall(GET)
                assert until_closed(client) == ok()
            ran = ended(process)
        finally:
            process.kill()
        assert ran.status == 0
        assert objects(ran.stdout)[0] == {"listening": "unix:a.sock", "scheme": "http"}
        assert files(folder) == HERE
