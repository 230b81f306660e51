"""The command `show`: every form of a recording, in both languages, on a terminal and in a pipe."""

from __future__ import annotations

import base64
import gzip
import json
import os
import re
import time
from pathlib import Path
from typing import Any

import pytest
from command import Command, failure, printed_on_terminal, start
from test_cli_limits import measured

from httpwire.cli.show import SHOW
from httpwire.wire.element import ElementKind

MIB = 1 << 20
REQUEST = b"GET /?q=1 HTTP/1.1\r\nHost: localhost\r\nCookie: sid=s3cret; theme=darkm0de\r\n\r\n"
PAGE = "<!doctype html><meta charset=shift_jis><title>日本</title><p>語</p>".encode("cp932")


def coded(page: bytes = PAGE, split: int = 20) -> bytes:
    """An answer whose page is compressed and in two chunks."""
    body = gzip.compress(page, mtime=0)
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in (body[:split], body[split:]))
    head = (
        b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Encoding: gzip\r\n"
        b"Transfer-Encoding: chunked\r\nSet-Cookie: sid=t0psecret; Path=/; HttpOnly\r\n\r\n"
    )
    return head + chunks + b"0\r\nX-Sum: 1\r\n\r\n"


@pytest.fixture(autouse=True)
def recorded(tmp_path: Path) -> None:
    (tmp_path / "client_send.txt").write_bytes(REQUEST)
    (tmp_path / "client_recv.txt").write_bytes(coded())


def rows(text: bytes) -> list[tuple[str, str]]:
    """Each line as its label and the rest."""
    found = []
    for line in text.decode().splitlines():
        label, text_ = (line[:17].strip(), line[17:]) if not line.startswith("---") else ("---", line[4:])
        found.append((label, text_))
    return found


class TestText:
    def test_both_sides_of_an_exchange(self, httpwire: Command) -> None:
        ran = httpwire("show", "client_send.txt", "client_recv.txt")
        assert (ran.status, ran.stderr) == (0, "")
        told = rows(ran.stdout)
        assert told[0] == ("---", f"client_send.txt: request, bytes 0 to {len(REQUEST)}")
        assert ("request line", r"GET /?q=1 HTTP/1.1\r\n") in told
        assert ("field", r"Host: localhost\r\n") in told
        assert ("end of head", r"\r\n") in told
        assert ("---", f"client_recv.txt: answer, bytes 0 to {len(coded())}") in told
        assert ("status line", r"HTTP/1.1 200 OK\r\n") in told
        size = len(gzip.compress(PAGE, mtime=0))
        content = f"{size} bytes, gzip taken off: {len(PAGE)} bytes, text/html, charset shift_jis (by the page itself)"
        assert ("content", content) in told
        assert ("", "<title>日本</title>") in told
        assert ("trailer", r"X-Sum: 1\r\n") in told
        assert ("end of trailers", r"\r\n") in told
        assert any(label == "complete" and "the last chunk arrived" in text for label, text in told)

    def test_the_order_of_what_is_shown_is_that_of_the_wire(self, httpwire: Command) -> None:
        labels = [label for label, _ in rows(httpwire("show", "client_recv.txt").stdout) if label]
        expected = ["---", "status line", *["field"] * 4, "end of head", "content", "trailer", "end of trailers"]
        assert labels == [*expected, "complete"]

    def test_an_answer_to_head_is_read_as_one(self, httpwire: Command, tmp_path: Path) -> None:
        (tmp_path / "q").write_bytes(b"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n")
        (tmp_path / "a").write_bytes(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n")
        assert b"an answer to HEAD has no content" in httpwire("show", "q", "a").stdout
        assert b"only 0 of 5 bytes" in httpwire("show", "a").stdout

    def test_interim_and_pipelined_messages_follow_each_other(self, httpwire: Command) -> None:
        octets = b"HTTP/1.1 100 Continue\r\n\r\n" + b"HTTP/1.1 204 No Content\r\n\r\n" * 2
        titles = [text for label, text in rows(httpwire("show", "-", stdin=octets).stdout) if label == "---"]
        assert titles == [f"standard input: answer, bytes {a} to {b}" for a, b in ((0, 25), (25, 52), (52, 79))]

    def test_what_is_left_over_is_named(self, httpwire: Command) -> None:
        ran = httpwire("show", "-", stdin=REQUEST + b"hello")
        told = rows(ran.stdout)
        assert ("after the end", "hello  (5 bytes)") in told
        assert any(label == "error" and "5 bytes follow a head" in text for label, text in told)

    @pytest.mark.parametrize("octets", [b"", b"\x00", b"\xff" * 100, b"HTTP/", b"HTTP/1.1", b"GET", b"\r\n\r\n"])
    def test_any_octets_are_shown(self, httpwire: Command, octets: bytes) -> None:
        ran = httpwire("show", "-", "--explain", stdin=octets)
        assert (ran.status, ran.stderr) == (0, "")

    @pytest.mark.parametrize(
        ("octets", "what"), [(b'{"log": 1}', "JSON"), (b"<html>", "HTML"), (b"> GET / HTTP/1.1\r\n", "curl -v")]
    )
    def test_what_is_no_recording_is_told(self, httpwire: Command, octets: bytes, what: str) -> None:
        for verb in ("show", "lint"):
            assert f"this looks like {what}" in httpwire(verb, "-", stdin=octets).stdout.decode()

    def test_an_empty_file_is_told_as_empty(self, httpwire: Command, tmp_path: Path) -> None:
        (tmp_path / "empty").write_bytes(b"")
        assert b"empty: no bytes" in httpwire("show", "empty").stdout

    def test_line_ends_that_deviate_are_seen(self, httpwire: Command) -> None:
        told = rows(httpwire("show", "-", stdin=b"GET / HTTP/1.1\nHost: a\r\n\r\n").stdout)
        assert ("request line", r"GET / HTTP/1.1\n") in told
        assert any(label == "error" and "LF alone" in text for label, text in told)

    @pytest.mark.parametrize(
        ("media", "content", "shown"),
        [
            ("application/json", b'{"a":[1,2.50],"b":0}', ["{", '  "a": [', "    1,", "    2.50", "  ],", '  "b": 0']),
            ("application/x-www-form-urlencoded", b"a=1&b=%E6%97%A5", ["a = 1", "b = 日"]),
            ("text/plain; charset=euc-jp", "日本語".encode("euc-jp"), ["日本語"]),
            ("text/plain; charset=iso-2022-jp", "日本語".encode("iso-2022-jp"), ["日本語"]),
            ("image/png", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x10\0\0\0\x08", ["PNG, 16 x 8"]),
            ("multipart/form-data; boundary=B", b"--B\r\nA: x\r\n\r\nhi\r\n--B--\r\n", ["--B", "hi", "--B--"]),
        ],
    )  # fmt: skip
    def test_content_is_laid_out_by_its_type(
        self, httpwire: Command, media: str, content: bytes, shown: list[str]
    ) -> None:
        head = f"HTTP/1.1 200 OK\r\nContent-Type: {media}\r\nContent-Length: {len(content)}\r\n\r\n"
        lines = [text for label, text in rows(httpwire("show", "-", stdin=head.encode() + content).stdout) if not label]
        assert [line for line in shown if line not in lines] == []

    def test_japanese(self, httpwire: Command) -> None:
        text = httpwire("show", "--lang", "ja", "client_send.txt", "client_recv.txt").stdout.decode()
        assert "client_recv.txt: レスポンス" in text
        assert re.search(r"^ステータス行 +HTTP/1.1 200 OK\\r\\n$", text, re.M)
        assert "gzip を解くと" in text


class TestExplained:
    def test_each_element_has_a_sentence_and_a_section(self, httpwire: Command) -> None:
        text = httpwire("show", "-e", "client_send.txt", "client_recv.txt").stdout.decode()
        for says in (
            "GET  the client wants the content at the target, and to change nothing (RFC 9110 9.3.1)",
            "Host  which of the sites on this server the request is for (RFC 9110 7.2)",
            "sid=s3cret  ",
            "200  success: here is what was asked for (RFC 9110 15.3.1)",
            "HttpOnly  out of reach of scripts in pages",
            "14  20 bytes of content follow (RFC 9112 7.1)",
            "0  size 0: this is the last chunk, the content is complete (RFC 9112 7.1)",
            "the blank line that ends the head",
            "the blank line that ends the trailers",
        ):
            assert says in text

    def test_a_line_end_is_what_it_is(self, httpwire: Command) -> None:
        shown = httpwire("show", "-e", "-", stdin=b"GET / HTTP/1.1\r\nHost: a\nX: b\n\r\n").stdout
        told = [text for label, text in rows(shown) if not label and "line" in text]
        assert told == [
            "the end of the line: carriage return and line feed (CRLF) (RFC 9112 2.1)",
            "the line ends with LF alone, not with CRLF (RFC 9112 2.2)",
            "the blank line that ends the head; what follows is the content, if there is any (RFC 9112 2.1)",
        ]

    def test_chunks_that_are_left_out_are_told(self, httpwire: Command) -> None:
        octets = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%s0\r\n\r\n"
        left_out = b"the rows that follow are left out: --elements and --hex show all"
        for chunks, times in ((3, 0), (4, 1), (5, 1)):  # three rows each, and one of the last chunk
            shown = httpwire("show", "-e", "-", stdin=octets % (b"1\r\na\r\n" * chunks)).stdout
            assert shown.count(left_out) == times
        assert left_out not in httpwire("show", "-", stdin=octets % (b"1\r\na\r\n" * 5)).stdout

    def test_how_long_ago_a_date_was(self, httpwire: Command) -> None:
        octets = b"HTTP/1.1 204 No Content\r\nDate: Thu, 01 Jan 1998 00:00:00 GMT\r\n\r\n"
        assert re.search(rb"1998-01-01 00:00:00 UTC, .* ago", httpwire("show", "-e", "-", stdin=octets).stdout)


class TestForms:
    def test_raw_is_the_file(self, httpwire: Command) -> None:
        assert httpwire("show", "--raw", "client_recv.txt").stdout == coded()
        assert httpwire("show", "--raw", "client_send.txt", "client_recv.txt").stdout == REQUEST + coded()

    def test_content_is_what_it_was_before_it_was_coded(self, httpwire: Command) -> None:
        assert httpwire("show", "--content", "client_recv.txt").stdout == PAGE

    def test_damaged_content_is_told_and_given_as_far_as_it_goes(self, httpwire: Command, tmp_path: Path) -> None:
        body = gzip.compress(b"a" * 100_000)[:-12]
        octets = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
        (tmp_path / "cut").write_bytes(octets)
        ran = httpwire("show", "--content", "cut")
        assert set(ran.stdout) == {ord("a")}
        assert ran.status == 1
        assert "gzip: the data ends before its end" in failure(ran)

    def test_the_rows_of_hex_are_the_file(self, httpwire: Command) -> None:
        octets, position = b"", 0
        kinds = {kind.value for kind in ElementKind}
        for line in httpwire("show", "--hex", "client_recv.txt").stdout.decode().splitlines():
            assert int(line[:8], 16) == position
            octets += bytes.fromhex(line[10:58])
            position = len(octets)
            assert line[78:] in kinds
        assert octets == coded()

    def test_the_elements_tile_the_file(self, httpwire: Command) -> None:
        position = 0
        for line in httpwire("show", "--elements", "client_recv.txt").stdout.decode().splitlines():
            start, stop = map(int, line.split()[:2])
            assert (start, stop > start) == (position, True)
            position = stop
        assert position == len(coded())

    def test_json_holds_all_of_it(self, httpwire: Command) -> None:
        made: dict[str, Any] = json.loads(httpwire("show", "--json", "-e", "client_send.txt", "client_recv.txt").stdout)
        [request], [response] = (each["messages"] for each in made["files"])
        assert [each["direction"] for each in made["files"]] == ["request", "response"]
        assert (request["method"], request["target"], request["version"]) == ("GET", "/?q=1", "HTTP/1.1")
        assert ["Cookie", "sid=s3cret; theme=darkm0de"] in request["fields"]
        assert response["framing"]["rule"] == "chunked"
        assert response["trailers"] == [["X-Sum", "1"]]
        content = response["content"]
        assert base64.b64decode(content["base64"]) == PAGE
        assert content["text"] == PAGE.decode("cp932")
        assert [step["name"] for step in content["codings"]] == ["chunked", "gzip"]
        elements = response["elements"]
        assert [start for _, start, _ in elements] == [0, *(stop for _, _, stop in elements[:-1])]
        assert elements[-1][2] == len(coded())
        says = "success: here is what was asked for"
        assert {"start": 9, "stop": 12, "says": says, "section": "RFC 9110 15.3.1"} in response["explained"]

    def test_a_coding_that_is_not_known_is_told(self, httpwire: Command) -> None:
        octets = b"HTTP/1.1 200 OK\r\nContent-Encoding: lzma\r\nContent-Length: 2\r\n\r\nhi"
        ran = httpwire("show", "--content", "-", stdin=octets)
        assert (ran.status, ran.stdout) == (1, b"hi")
        assert "the coding lzma is not known here" in failure(ran)

    def test_the_page_is_written_and_nothing_is_printed(self, httpwire: Command, tmp_path: Path) -> None:
        ran = httpwire("show", "client_send.txt", "client_recv.txt", "--html", "page.html")
        assert (ran.status, ran.stdout) == (0, b"")
        assert ran.stderr == "saved        page.html\n"
        page = (tmp_path / "page.html").read_text(encoding="utf-8")
        assert page.startswith("<!DOCTYPE html>")
        assert "s3cret" in page

    def test_a_page_that_can_not_be_written_is_a_usage_error(self, httpwire: Command) -> None:
        ran = httpwire("show", "client_send.txt", "--html", "none/page.html")
        assert ran.status == 2
        assert failure(ran) == "httpwire: can't write none/page.html: No such file or directory"


class TestMasked:
    SECRETS = (b"s3cret", b"darkm0de", b"t0psecret", b"QWxhZGRpbg", b"bearertoken")
    FORMS = (
        (),
        ("--explain",),
        ("--raw",),
        ("--hex",),
        ("--elements",),
        ("--json",),
        ("--json", "-e"),
        ("--html", "-"),
    )

    @pytest.mark.parametrize("form", FORMS, ids=" ".join)
    def test_no_form_shows_a_secret(self, httpwire: Command, tmp_path: Path, form: tuple[str, ...]) -> None:
        more = b"GET / HTTP/1.1\nhost: a\nauthorization : Basic QWxhZGRpbg\nCOOKIE: a=s3cret;\n b=darkm0de\n\n"
        (tmp_path / "more").write_bytes(more)
        bad = b"no request\r\nAuthorization: Bearer bearertoken\r\n\r\n"
        (tmp_path / "bad").write_bytes(bad)
        for names in (["client_send.txt", "client_recv.txt"], ["more"], ["bad"]):
            ran = httpwire("show", "--mask", *form, *names)
            assert ran.status == 0
            shown = ran.stdout
            if form == ("--hex",):
                hexadecimal = [line[10:58].decode() for line in shown.splitlines() if line[:3] != b"---"]
                shown = bytes.fromhex("".join(hexadecimal))
            assert [secret for secret in self.SECRETS if secret in shown] == []

    def test_names_schemes_and_attributes_stay(self, httpwire: Command) -> None:
        raw = httpwire("show", "--mask", "--raw", "client_send.txt", "client_recv.txt").stdout
        assert len(raw) == len(REQUEST) + len(coded())
        assert b"Cookie: sid=******; theme=********\r\n" in raw
        assert b"Set-Cookie: sid=*********; Path=/; HttpOnly\r\n" in raw


class TestTerminal:
    def test_colours_and_no_escape_of_the_file(self, tmp_path: Path) -> None:
        hostile = b"HTTP/1.1 200 \x1b]0;owned\x07\r\nX: \x1b[31mred\x9b2J\r\nContent-Length: 24\r\n\r\n"
        (tmp_path / "hostile").write_bytes(hostile + "\x1b[2J\u202eevil\x9b1m \x00\x08\x7f".encode().ljust(24))
        text = printed_on_terminal(tmp_path, "show", "-e", "hostile")
        assert b"\x1b[36mX\x1b[0m" in text
        sequences = set(re.findall(rb"\x1b[^m]*m?", text))
        assert all(re.fullmatch(rb"\x1b\[[0-9;]*m", sequence) for sequence in sequences)
        rest = re.sub(rb"\x1b\[[0-9;]*m", b"", text).decode()
        assert [c for c in rest if not (c.isprintable() or c in "\r\n\t")] == []

    def test_a_long_line_hangs_behind_its_label(self, tmp_path: Path) -> None:
        (tmp_path / "long").write_bytes(b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"0123456789" * 20 + b"\r\n\r\n")
        lines = printed_on_terminal(tmp_path, "show", "long", NO_COLOR="1").decode().replace("\r\n", "\n").splitlines()
        [first] = [number for number, line in enumerate(lines) if line.startswith("field            X: 0123")]
        assert all(len(line) <= 80 for line in lines)
        wire = "".join(line[17:] for line in lines[first : first + 4])
        assert wire == "X: " + "0123456789" * 20 + r"\r\n"
        assert [line[:17].strip() for line in lines[first + 1 : first + 4]] == ["", "", ""]

    def test_raw_is_harmless_there(self, tmp_path: Path) -> None:
        (tmp_path / "hostile").write_bytes(b"GET /\x1b[2J HTTP/1.1\r\n\r\n")
        assert b"\x1b" not in printed_on_terminal(tmp_path, "show", "--raw", "hostile")

    def test_hexadecimal_rows_fit_into_eighty_columns(self, httpwire: Command, tmp_path: Path) -> None:
        narrow = printed_on_terminal(tmp_path, "show", "--hex", "client_send.txt").decode().splitlines()
        assert max(map(len, narrow)) <= 80
        wide = httpwire("show", "--hex", "client_send.txt").stdout.decode().splitlines()
        assert "".join("".join(line[10:33].split()) for line in narrow) == REQUEST.hex()
        assert "".join("".join(line[10:58].split()) for line in wide) == REQUEST.hex()

    def test_no_colour_where_it_is_not_wanted(self, httpwire: Command, tmp_path: Path) -> None:
        assert b"\x1b" not in printed_on_terminal(tmp_path, "show", "client_send.txt", NO_COLOR="1")
        assert b"\x1b" not in printed_on_terminal(tmp_path, "show", "client_send.txt", TERM="dumb")
        assert b"\x1b" not in httpwire("show", "client_send.txt").stdout
        assert b"\x1b" in httpwire("show", "--color", "always", "client_send.txt").stdout


class TestWrongUsage:
    @pytest.mark.parametrize(
        ("arguments", "says"),
        [
            ([], "show needs the name of a file"),
            (["none"], "can't read none: No such file or directory"),
            (["."], "can't read .: Is a directory"),
            (["-", "-"], "'-', standard input, can be given only once"),
            (["client_send.txt", "--raw", "--hex"], "--raw and --hex exclude each other"),
            (["client_send.txt", "--limit", "x"], "--limit takes a whole number from 0, not x"),
            (["client_send.txt", "--as", "x"], "--as takes one of request, response, not x"),
            (["client_send.txt", "--color", "x"], "--color takes one of auto, always, never, not x"),
        ],
    )
    def test_is_told(self, httpwire: Command, arguments: list[str], says: str) -> None:
        ran = httpwire("show", *arguments)
        assert ran.status == 2
        assert says in failure(ran)

    def test_help_names_every_option(self, httpwire: Command) -> None:
        text = httpwire("show", "--help").stdout.decode()
        assert [option.name for option in SHOW.options if f"--{option.name}" not in text] == []

    def test_a_reader_that_leaves_is_no_failure(self, tmp_path: Path) -> None:
        (tmp_path / "many").write_bytes(REQUEST * 20_000)
        shown = start(tmp_path, "show", "many")
        assert shown.stdout
        shown.stdout.readline()
        shown.stdout.close()
        assert shown.wait(30) == 0
        assert shown.stderr
        with shown.stderr as told:
            assert told.read() == b""


class TestLarge:
    @pytest.mark.parametrize(
        "form", [(), ("--json",), ("--elements",), ("--html", os.devnull)], ids=lambda form: " ".join(form) or "text"
    )
    def test_a_gigabyte_costs_no_memory(self, tmp_path: Path, form: tuple[str, ...]) -> None:
        with open(tmp_path / "large", "wb") as file:
            file.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (1 << 30))
            file.truncate(file.tell() + (1 << 30))
        ran, peak = measured(tmp_path, "show", "large", *form)
        assert ran.status == 0
        assert peak < 60 * MIB

    def test_a_bomb_is_told_and_does_not_go_off(self, tmp_path: Path, httpwire: Command) -> None:
        inner = gzip.compress(b"\0" * (256 * MIB), 9)
        body = gzip.compress(inner)
        head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip, gzip\r\nContent-Length: %d\r\n\r\n" % len(body)
        (tmp_path / "bomb").write_bytes(head + body)
        assert measured(tmp_path, "show", "bomb")[1] < 60 * MIB
        assert b"only the first 67,108,864 bytes are decoded" in httpwire("show", "bomb").stdout

    def test_a_million_small_chunks_cost_little(self, tmp_path: Path, httpwire: Command) -> None:
        octets = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1\r\na\r\n" * 1_000_000 + b"0\r\n\r\n"
        (tmp_path / "chunks").write_bytes(octets)
        assert measured(tmp_path, "show", "-e", "chunks")[1] < 60 * MIB
        assert b"1,000,000 bytes in 1,000,000 chunks" in httpwire("show", "chunks").stdout


# Secrets in whatever place and form.

SECRET = b"sEcReT"
PLACES = {
    "request": b"GET / HTTP/1.1\r\nHost: a\r\n%s\r\n\r\n",
    "LF alone": b"get / http/1.1\n%s\n\n",
    "CR alone": b"GET / HTTP/1.1\rHost: a\r%s\r\r",
    "behind a bare CR": b"GET / HTTP/1.1\r\nX: a\r%s\r\n\r\n",
    "the first line": b"%s\r\n\r\n",
    "cut off": b"GET / HTTP/1.1\r\nHost: a\r\n%s",
    "garbage": b"\x00\x01%s",
    "trailers": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nno line\r\n%s\r\n\r\n",
    "many chunks": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1\r\na\r\n" * 700 + b"0\r\n%s\r\n\r\n",
    "broken chunks": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1\r\na\r\n" * 700 + b"z\r\n%s\r\n",
    "a tunnel": b"CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n\r\nGET / HTTP/1.1\r\n%s\r\n\r\n",
    "after the end": b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n%s\r\n\r\n",
    "two lengths": b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n%s\r\n",
}
LINES = (
    b"Authorization: Basic %s",
    b"authorization:%s",
    b" Authorization : Basic\r\n\t%s",
    b"Authorization\r\n : Basic %s",
    b"Authorization Basic %s",
    b"Authorization\x00: Basic %s",
    b"\xef\xbb\xbfProxy-Authorization: Basic %s==",
    b"Authorization: Basic x\x00%s",
    b"Cookie: a=b; c=%s",
    b"Cookie; a=%s",
    b"Cookie:\x00%s",
    b"Set-Cookie: a=%s; Path=/",
    b"Set-Cookie: ; a=%s",
    b'Set-Cookie: a="b;%s"',
    b"set-cookie:a=\r\n %s",
)


@pytest.mark.parametrize("place", PLACES)
def test_no_secret_is_seen_wherever_and_however_it_stands(place: str, tmp_path: Path, httpwire: Command) -> None:
    names = []
    for index, line in enumerate(LINES):
        names.append(f"{index}.http")
        (tmp_path / names[-1]).write_bytes(PLACES[place] % (line % SECRET))
    whole = b"".join((tmp_path / name).read_bytes() for name in names)
    for kind in ("request", "response"):
        raw = httpwire("show", "--mask", "--raw", "--as", kind, *names).stdout
        assert SECRET not in raw
        assert re.sub(rb"[^\s*]", b".", raw.replace(b"*", b".")) == re.sub(rb"[^\s*]", b".", whole)
        for form in (["--elements"], ["--json"], ["--html", "-"], ["--explain"]):
            assert SECRET not in httpwire("show", "--mask", "--as", kind, *form, *names).stdout


def test_a_folded_secret_is_masked_wherever_the_file_is_cut_into_blocks(tmp_path: Path, httpwire: Command) -> None:
    line = b"Authorization: Basic\r\n %s\r\n" % SECRET
    (tmp_path / "a").write_bytes(b"\xff\xfe\r\n" + b"x" * ((256 << 10) - 28) + b"\r\n" + line * 2)
    assert SECRET not in httpwire("show", "--mask", "--raw", "a").stdout


# More chunks than are listed.


def test_trailers_behind_thousands_of_chunks_are_shown(tmp_path: Path, httpwire: Command) -> None:
    for plain in range(5):  # the list of elements is cut anywhere in a chunk's lines
        chunks = b"1\r\nx\r\n" * plain + b"1;a=b\r\nx\r\n" * 900
        head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        (tmp_path / "a").write_bytes(head + chunks + b"0\r\nX-Sum: 900\r\n\r\n")
        shown = httpwire("show", "a").stdout
        assert b"\ntrailer          X-Sum: 900\\r\\n\nend of trailers  \\r\\n\n" in shown
        assert httpwire("show", "--html", "-", "a").status == 0


def test_without_a_limit_content_larger_than_its_file_is_shown_whole(httpwire: Command) -> None:
    ran = httpwire("show", "--limit", "0", "-", stdin=coded(b"x" * 10_000 + b"<p>end"))
    assert b"                 <p>end\n" in ran.stdout
    assert b"only the first" not in ran.stdout


def test_the_page_does_not_replace_what_it_shows(tmp_path: Path, httpwire: Command) -> None:
    ran = httpwire("show", "--html", "./client_recv.txt", "client_send.txt", "client_recv.txt")
    assert ran.status == 2
    assert failure(ran) == "httpwire: the page would overwrite the recording ./client_recv.txt"
    assert (tmp_path / "client_recv.txt").read_bytes() == coded()


def test_the_page_of_a_field_with_many_folds_is_made_in_time(httpwire: Command, tmp_path: Path) -> None:
    octets = b"GET / HTTP/1.1\r\nHost: a\r\nX: y\r\n" + b" z\r\n" * 30_000 + b"\r\n"
    started = time.monotonic()
    assert httpwire("show", "--html", "page.html", "-", stdin=octets).status == 0
    assert time.monotonic() - started < 20
    assert (tmp_path / "page.html").read_bytes().count(b">z</span>") == 30_000


def test_a_character_that_the_end_cuts_is_seen_on_a_terminal(tmp_path: Path) -> None:
    (tmp_path / "cut").write_bytes(b"GET / HTTP/1.1\r\nX: \xe3\x81")
    assert printed_on_terminal(tmp_path, "show", "--raw", "cut").endswith(rb"X: \xe3\x81")
