"""What reaches the server: the file's bytes, and nothing else but the edits that were asked for, each of them shown."""

from __future__ import annotations

import os
import random
import socket
import threading
from pathlib import Path
from typing import Any

import pytest
from command import Command, failure, report, request

from loopback import GET, Serve, ok, until_closed


class Recorder:
    """A server that keeps all that it is sent, until so many octets have come; then it answers for `answers`."""

    def __init__(self, octets: int, answers: int = 1) -> None:
        self.octets = octets
        self.answers = answers
        self._got = b""
        self._done = threading.Event()

    @property
    def got(self) -> bytes:
        """All that the client sent, once it has closed."""
        assert self._done.wait(20)
        return self._got

    def __call__(self, connection: socket.socket) -> None:
        parts = bytearray()
        while len(parts) < self.octets:
            data = connection.recv(1 << 20)
            if not data:
                break
            parts += data
        try:
            connection.sendall(ok() * self.answers)
            parts += until_closed(connection)
        finally:
            self._got = bytes(parts)
            self._done.set()


def patched(before: bytes, edits: list[dict[str, Any]]) -> bytes:
    """`before` with the byte patches that `--json` lists."""
    after = b""
    position = 0
    for edit in edits:
        old, new = edit["old"].encode("latin-1"), edit["new"].encode("latin-1")
        assert edit["offset"] >= position
        assert before[edit["offset"] :].startswith(old)
        after += before[position : edit["offset"]] + new
        position = edit["offset"] + len(old)
    return after + before[position:]


POST = b"POST /a HTTP/1.1\r\nHost: a\r\nAccept: x\r\nX-A: 1\r\nx-a: 2\r\nContent-Length: 5\r\n\r\nhello"
LF = POST.replace(b"\r\n", b"\n")

EDITS = {
    "nothing": (POST, [], POST),
    "crlf": (LF, ["--crlf"], POST),
    "crlf-of-some": (POST.replace(b"a\r\n", b"a\n"), ["--crlf"], POST),
    "crlf-leaves-content": (
        b"POST / HTTP/1.1\nHost: a\nContent-Length: 4\n\na\nb\n",
        ["--crlf"],
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\na\nb\n",
    ),
    "crlf-where-nothing-is-to-do": (POST, ["--crlf"], POST),
    "crlf-in-chunks": (
        b"POST / HTTP/1.1\nHost: a\nTransfer-Encoding: chunked\n\n3\na\nb\n0\n\n",
        ["--crlf"],
        b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\na\nb\r\n0\r\n\r\n",
    ),
    "crlf-of-two": (GET.replace(b"\r", b"") * 2, ["--crlf"], GET * 2),
    "end-head": (GET[:-2], ["--end-head"], GET),
    "end-head-without-line-end": (GET[:-4], ["--end-head"], GET),
    "end-head-after-cr": (GET[:-3], ["--end-head"], GET),
    "end-head-that-has-one": (GET, ["--end-head"], GET),
    "crlf-and-end-head": (b"GET / HTTP/1.1\nHost: a\n", ["--crlf", "--end-head"], GET),
    "set-replaces": (POST, ["--set", "Accept: y"], POST.replace(b"Accept: x", b"Accept: y")),
    "set-replaces-whatever-the-case": (POST, ["--set", "ACCEPT:y"], POST.replace(b"Accept: x", b"ACCEPT:y")),
    "set-adds": (GET, ["--set", "New: 1"], b"GET / HTTP/1.1\r\nHost: a\r\nNew: 1\r\n\r\n"),
    "set-several": (GET, ["--set", "B: 1", "--set", "C: 2"], b"GET / HTTP/1.1\r\nHost: a\r\nB: 1\r\nC: 2\r\n\r\n"),
    "set-twice": (GET, ["--set", "B: 1", "--set", "B: 2"], b"GET / HTTP/1.1\r\nHost: a\r\nB: 2\r\n\r\n"),
    "set-one-of-several-lines": (POST, ["--set", "X-A: 9"], POST.replace(b"X-A: 1\r\nx-a: 2\r\n", b"X-A: 9\r\n")),
    "set-the-same": (GET, ["--set", "Host: a"], GET),
    "set-an-empty-value": (GET, ["--set", "Host:"], b"GET / HTTP/1.1\r\nHost:\r\n\r\n"),
    "set-octets": (GET, ["--set", os.fsdecode(b"Host: \xe3\xff")], b"GET / HTTP/1.1\r\nHost: \xe3\xff\r\n\r\n"),
    "set-in-every-request": (GET + GET, ["--set", "Host: b"], GET.replace(b": a", b": b") * 2),
    "set-where-no-field-is": (b"GET / HTTP/1.1\r\n\r\n", ["--set", "Host: a"], GET),
    "crlf-and-set": (GET.replace(b"\r", b""), ["--crlf", "--set", "X: y"], GET[:-2] + b"X: y\r\n\r\n"),
    "crlf-and-set-the-last": (GET.replace(b"\r", b""), ["--crlf", "--set", "Host: b"], GET.replace(b": a", b": b")),
    "crlf-and-unset-the-last": (GET.replace(b"\r", b""), ["--crlf", "--unset", "Host"], b"GET / HTTP/1.1\r\n\r\n"),
    "crlf-and-fix-length": (
        b"POST / HTTP/1.1\nHost: a\n\nhello",
        ["--crlf", "--fix-length"],
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello",
    ),
    "end-head-and-set": (GET[:-4], ["--end-head", "--set", "X: y"], GET[:-2] + b"X: y\r\n\r\n"),
    "end-head-and-unset": (GET[:-2] + b"X: y", ["--end-head", "--unset", "X"], GET),
    "set-and-unset-the-same": (GET, ["--set", "X: y", "--unset", "x"], GET),
    "unset": (POST, ["--unset", "accept"], POST.replace(b"Accept: x\r\n", b"")),
    "unset-several-lines": (POST, ["--unset", "X-A"], POST.replace(b"X-A: 1\r\nx-a: 2\r\n", b"")),
    "unset-what-is-not-there": (POST, ["--unset", "Cookie"], POST),
    "unset-a-folded-line": (b"GET / HTTP/1.1\r\nHost: a\r\nB: 1\r\n  2\r\n\r\n", ["--unset", "B"], GET),
    "fix-length-too-large": (POST.replace(b": 5", b": 50"), ["--fix-length"], POST),
    "fix-length-too-small": (POST.replace(b": 5", b": 3"), ["--fix-length"], POST),
    "fix-length-invalid": (POST.replace(b": 5", b": +5"), ["--fix-length"], POST),
    "fix-length-right": (POST, ["--fix-length"], POST),
    "fix-length-missing": (
        b"POST / HTTP/1.1\r\nHost: a\r\n\r\nhello",
        ["--fix-length"],
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello",
    ),
    "fix-length-repeated": (
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nhello",
        ["--fix-length"],
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello",
    ),
    "all": (
        b"POST / HTTP/1.1\nAccept: x\nHost: a\nContent-Length: 1\n\nhello",
        ["--crlf", "--end-head", "--set", "Host: b", "--unset", "Accept", "--fix-length", "--set", "X: y"],
        b"POST / HTTP/1.1\r\nHost: b\r\nContent-Length: 5\r\nX: y\r\n\r\nhello",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("before", "options", "after"), EDITS.values(), ids=EDITS.keys())
def test_the_server_receives_what_was_asked_for(
    httpwire: Command, tmp_path: Path, serve: Serve, before: bytes, options: list[str], after: bytes
) -> None:
    recorder = Recorder(len(after), max(1, after.count(b" HTTP/1.1\r\n")))
    request(tmp_path, before)
    ran = httpwire("send", "--to", serve(recorder).to, "--json", "--idle-timeout", "3", *options)
    edits = report(ran)["request"]["edits"]
    assert ran.status == 0, ran.stderr
    assert recorder.got == after
    assert patched(before, edits) == after
    assert bool(edits) == (before != after)
    assert all(edit["old"] != edit["new"] for edit in edits)
    assert (tmp_path / "client_send.txt").read_bytes() == before


def test_each_edit_is_shown_as_a_patch(httpwire: Command, tmp_path: Path, serve: Serve) -> None:
    request(tmp_path, b"GET / HTTP/1.1\nHost: a\n")
    ran = httpwire("send", "--to", serve(Recorder(1)).to, "--crlf", "--end-head", "--set", "Host: b\x1b")
    shown = [line.split(maxsplit=1)[1] for line in ran.stderr.splitlines() if line.startswith("edit ")]
    assert shown[0].endswith(r' 14: "\n" -> "\r\n"')
    assert any(r'"Host: a" -> "Host: b\x1b"' in line for line in shown)
    assert shown[-1].endswith(r'"" -> "\r\n"')


def test_without_edits_none_is_shown(httpwire: Command, tmp_path: Path, serve: Serve) -> None:
    request(tmp_path, LF)
    assert "edit " not in httpwire("send", "--to", serve(Recorder(1)).to).stderr


WEIRD = {
    "every-octet": bytes(range(256)) * 3,
    "every-octet-after-a-head": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 256\r\n\r\n" + bytes(range(256)),
    "nul": b"\x00",
    "one-cr": b"\r",
    "line-feeds-only": LF,
    "cr-only": POST.replace(b"\r\n", b"\r"),
    "utf-8-mark": b"\xef\xbb\xbf" + GET,
    "utf-16": GET.decode().encode("utf-16"),
    "http2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(9),
    "tls-hello": b"\x16\x03\x01\x00\x05hello",
    "no-end": GET[:-2],
    "spaces": b"  GET  /  HTTP/1.1  \r\n Host : a \r\n\r\n",
    "long-line": b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n",
    "many-fields": b"GET / HTTP/1.1\r\nHost: a\r\n" + b"A: b\r\n" * 20_000 + b"\r\n",
    "smuggling": POST.replace(b"X-A: 1", b"Transfer-Encoding: chunked").replace(b"hello", b"0\r\n\r\n" + GET),
    "pipelined": GET + POST + GET,
    "trailing-garbage": POST + b"\r\n\r\n\x00garbage",
    "random": random.Random(7).randbytes(70_000),
    "5-MiB": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5242880\r\n\r\n" + random.Random(8).randbytes(5 << 20),
    "5-MiB-of-nothing-known": random.Random(9).randbytes(5 << 20),
}  # fmt: skip


@pytest.mark.parametrize("octets", WEIRD.values(), ids=WEIRD.keys())
def test_a_file_is_sent_as_it_is(httpwire: Command, tmp_path: Path, serve: Serve, octets: bytes) -> None:
    recorder = Recorder(len(octets), 8)  # answers enough for whatever a server may take it for
    request(tmp_path, octets)
    ran = httpwire("send", "--to", serve(recorder).to, "--json", "--idle-timeout", "2")
    assert recorder.got == octets
    made = report(ran)
    assert made["request"]["edits"] == []
    assert made["connection"]["sent"] == len(octets) == made["request"]["octets"]
    assert "Traceback" not in ran.stderr
    assert (tmp_path / "client_send.txt").read_bytes() == octets


def test_a_large_request_on_standard_input(httpwire: Command, tmp_path: Path, serve: Serve) -> None:
    """More than is held in memory: it goes over a temporary file, and arrives as it was."""
    octets = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10485760\r\n\r\n" + random.Random(3).randbytes(10 << 20)
    recorder = Recorder(len(octets))
    ran = httpwire("send", "-", "--to", serve(recorder).to, stdin=octets)
    assert ran.status == 0, ran.stderr
    assert recorder.got == octets
    assert {path.name for path in tmp_path.iterdir()} == {"client_recv.txt"}


@pytest.mark.parametrize("text", ["Name", "", ":", ": value", " : value", "A: b\nC: d"])
def test_set_takes_a_name_and_a_value(httpwire: Command, tmp_path: Path, text: str) -> None:
    request(tmp_path)
    ran = httpwire("send", "--to", "127.0.0.1:9", "--set", text)
    assert ran.status == 2
    assert "--set" in failure(ran)
    assert len(ran.stderr.splitlines()) == 1
