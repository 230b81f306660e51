"""CAPTURE#12 wherever a file is taken: show, lint, diff and send read exchanges out of a capture."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from command import Command, failure, printed_on_terminal

import httpwire as library
from captures import BEGAN, capture_of, exchanges_of
from httpwire.capture.model import EventKind
from httpwire.capture.store.writing import Appender
from httpwire.capture.traffic import ConnectionFacts
from httpwire.wire.element import Direction
from loopback import Serve, answer, free_port, ok

HEAD = (b"HEAD /h HTTP/1.1\r\nHost: a\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n")
EXCHANGES = [
    (b"GET /1 HTTP/1.1\r\nHost: a\r\nCookie: sid=secret\r\n\r\n", ok(b"one")),
    HEAD,
    (b"GET /3 HTTP/1.1\r\nHost: a\r\n\r\n", ok(b"three")),
    (b"GET /4 HTTP/1.1\r\n\r\n", b""),
]


@pytest.fixture(autouse=True)
def capture(tmp_path: Path) -> Path:
    return capture_of(tmp_path / "a.hwire", EXCHANGES)


def octets(*numbers: int) -> bytes:
    return b"".join(b"".join(EXCHANGES[number - 1]) for number in numbers)


class TestShow:
    @pytest.mark.parametrize(
        ("name", "shown"),
        [
            ("a.hwire#1", octets(1)),
            ("a.hwire#1.request", EXCHANGES[0][0]),
            ("a.hwire#3.response", EXCHANGES[2][1]),
            ("a.hwire#2-3", octets(2, 3)),
            ("a.hwire#2..3.request", EXCHANGES[1][0] + EXCHANGES[2][0]),
            ("a.hwire#3,1", octets(3, 1)),
            ("a.hwire#1,3-", octets(1, 3, 4)),
            ("a.hwire#3-99", octets(3, 4)),
            ("a.hwire", octets(1, 2, 3, 4)),
            ("a.hwire#", octets(1, 2, 3, 4)),
            ("a.hwire#.response", b"".join(response for _, response in EXCHANGES)),
        ],
    )
    def test_what_a_name_names(self, httpwire: Command, name: str, shown: bytes) -> None:
        ran = httpwire("show", name, "--raw")
        assert (ran.status, ran.stdout, ran.stderr) == (0, shown, "")

    def test_each_side_has_its_name_and_is_read_with_the_other(self, httpwire: Command) -> None:
        text = httpwire("show", "a.hwire#2").stdout.decode()
        assert f"--- a.hwire#2.request: request, bytes 0 to {len(HEAD[0])}" in text
        assert f"--- a.hwire#2.response: answer, bytes 0 to {len(HEAD[1])}" in text
        assert "an answer to HEAD has no content" in text
        assert "an answer to HEAD has no content" in httpwire("show", "a.hwire#2.response").stdout.decode()
        assert "--- a.hwire#4.response: no bytes" in httpwire("show", "a.hwire#4").stdout.decode()

    def test_every_form(self, httpwire: Command, tmp_path: Path) -> None:
        for form in ("--hex", "--elements"):
            assert b"--- a.hwire#3.response" in httpwire("show", "a.hwire#3", form).stdout
        assert httpwire("show", "a.hwire#3", "--content").stdout == b"three"
        made = json.loads(httpwire("show", "a.hwire#1-2", "--json").stdout)
        assert [file["path"] for file in made["files"]] == [
            f"a.hwire#{number}.{side}" for number in (1, 2) for side in ("request", "response")
        ]
        assert made["files"][0]["reconstructed"] is None
        assert httpwire("show", "a.hwire", "--html", "p.html").status == 0
        assert "a.hwire#4.request" in (tmp_path / "p.html").read_text()
        assert b"secret" not in httpwire("show", "a.hwire", "--mask").stdout
        assert b"secret" in httpwire("show", "a.hwire").stdout

    def test_the_page_never_replaces_the_capture(self, httpwire: Command, capture: Path) -> None:
        ran = httpwire("show", "a.hwire#1", "--html", "a.hwire")
        assert ran.status == 2
        assert "would overwrite" in failure(ran)
        assert exchanges_of(capture) == EXCHANGES

    def test_a_name_longer_than_the_window(self, capture: Path) -> None:
        long = capture.rename(capture.with_name("n" * 60 + ".hwire"))
        assert b"#1.request" in printed_on_terminal(long.parent, "show", f"{long.name}#1", columns=40)

    def test_a_file_of_that_very_name(self, httpwire: Command, tmp_path: Path) -> None:
        (tmp_path / "a.hwire#1").write_bytes(b"GET /file HTTP/1.1\r\n\r\n")
        assert httpwire("show", "a.hwire#1", "--raw").stdout == b"GET /file HTTP/1.1\r\n\r\n"

    def test_files_and_exchanges_together(self, httpwire: Command, tmp_path: Path) -> None:
        (tmp_path / "f").write_bytes(b"GET /file HTTP/1.1\r\n\r\n")
        shown = httpwire("show", "f", "a.hwire#3.response", "-", "--raw", stdin=b"x").stdout
        assert shown == b"GET /file HTTP/1.1\r\n\r\n" + EXCHANGES[2][1] + b"x"


class TestWrongNames:
    @pytest.mark.parametrize("verb", ["show", "lint"])
    @pytest.mark.parametrize(
        ("name", "says"),
        [
            ("a.hwire#99", "a.hwire has no exchange 99: it has 1 to 4"),
            ("a.hwire#0", "a.hwire has no exchange 0: it has 1 to 4"),
            ("a.hwire#1,7", "a.hwire has no exchange 7: it has 1 to 4"),
            ("a.hwire#7-9", "a.hwire has no exchange 7-9: it has 1 to 4"),
            ("a.hwire#3-1", "a.hwire#3-1 names no exchange"),
            ("a.hwire#x", "a.hwire#x names no exchange"),
            ("a.hwire#1.answer", "a.hwire#1.answer names no exchange"),
            ("a.hwire#,", "a.hwire#, names no exchange"),
            ("missing.hwire#1", "can't read missing.hwire: No such file or directory"),
            ("f#1", "can't read f: it is no capture of httpwire"),
            ("f#x", "can't read f#x: No such file or directory"),
            ("empty.hwire", "can't read empty.hwire: there is no exchange in it yet"),
            ("empty.hwire#1", "can't read empty.hwire: there is no exchange in it yet"),
        ],
    )
    def test_what_is_not_there(self, httpwire: Command, tmp_path: Path, verb: str, name: str, says: str) -> None:
        (tmp_path / "f").write_bytes(b"GET / HTTP/1.1\r\n\r\n")
        Appender(str(tmp_path / "empty.hwire")).close()
        ran = httpwire(verb, name)
        assert (ran.status, ran.stdout) == (2, b"")
        assert says in failure(ran)


class TestLint:
    def test_an_exchange_is_looked_at_whole(self, httpwire: Command) -> None:
        text = httpwire("lint", "a.hwire#4").stdout.decode()
        assert "--- a.hwire#4.request" in text
        assert "host-missing" in text
        made = json.loads(httpwire("lint", "a.hwire", "--json").stdout)
        assert [file["path"] for file in made["files"]][-2:] == ["a.hwire#4.request", "a.hwire#4.response"]


class TestDiff:
    def test_two_exchanges(self, httpwire: Command) -> None:
        ran = httpwire("diff", "a.hwire#1", "a.hwire#3")
        text = ran.stdout.decode()
        assert ran.status == 1
        for side in ("request", "response"):
            assert f"--- a.hwire#1.{side}" in text
            assert f"+++ a.hwire#3.{side}" in text
        made = json.loads(httpwire("diff", "a.hwire#1", "a.hwire#3", "--json").stdout)
        assert made["request"]["old"]["path"] == "a.hwire#1.request"
        assert made["response"]["new"]["path"] == "a.hwire#3.response"
        assert httpwire("diff", "-q", "a.hwire#1", "a.hwire#3").status == 1
        assert httpwire("diff", "a.hwire#1", "a.hwire#1").status == 0

    def test_one_side(self, httpwire: Command, tmp_path: Path) -> None:
        assert httpwire("diff", "a.hwire#1.response", "a.hwire#1.response").status == 0
        (tmp_path / "q").write_bytes(EXCHANGES[0][0])
        (tmp_path / "r").write_bytes(EXCHANGES[0][1])
        for words in (["a.hwire#1", "q"], ["r", "a.hwire#1"], ["a.hwire#1", "a.hwire#1.response"]):
            assert httpwire("diff", *words).status == 0
        made = json.loads(httpwire("diff", "a.hwire#3", "r", "--json").stdout)
        assert made["old"]["path"] == "a.hwire#3.response"

    def test_several_are_refused(self, httpwire: Command) -> None:
        for words in (["a.hwire", "a.hwire#1"], ["a.hwire#1-2", "a.hwire#1"]):
            ran = httpwire("diff", *words)
            assert ran.status == 2
            assert "names several exchanges, and one is wanted" in failure(ran)


class TestSend:
    def test_a_request_goes_where_it_went(self, httpwire: Command, tmp_path: Path, serve: Serve) -> None:
        server = serve(answer(ok(b"new")))
        capture_of(tmp_path / "b.hwire", EXCHANGES[:1], facts=ConnectionFacts(BEGAN, target=f"http://{server.to}"))
        ran = httpwire("send", "b.hwire#1")
        assert ran.status == 0, ran.stderr
        assert f"to {server.to}, as it was captured" in ran.stderr
        assert "b.hwire#1.request: GET /1 HTTP/1.1" in ran.stderr
        assert (tmp_path / "client_recv.txt").read_bytes() == ok(b"new")

    def test_a_request_out_of_packets_goes_to_the_server_in_them(
        self, httpwire: Command, tmp_path: Path, serve: Serve
    ) -> None:
        server = serve(answer(ok(b"new")))
        capture_of(tmp_path / "b.hwire", EXCHANGES[:1], facts=ConnectionFacts(BEGAN, server=server.to, origin="pcap"))
        ran = httpwire("send", "b.hwire#1")
        assert ran.status == 0, ran.stderr
        assert f"to {server.to}, as it was captured" in ran.stderr

    def test_an_address_that_was_asked_for(self, httpwire: Command, tmp_path: Path, serve: Serve) -> None:
        server = serve(answer(ok(b"new")))
        facts = ConnectionFacts(BEGAN, target=f"http://127.0.0.1:{free_port()}")
        capture_of(tmp_path / "b.hwire", EXCHANGES[:1], facts=facts)
        ran = httpwire("send", "b.hwire#1", "--set", "X: 1", "--to", server.to, "--capture", "b.hwire")
        assert ran.status == 0, ran.stderr
        assert b"X: 1\r\n" in httpwire("show", "b.hwire#2.request", "--raw").stdout

    @pytest.mark.parametrize(
        ("words", "says"),
        [
            (["a.hwire"], "names several exchanges"),
            (["a.hwire#1-2"], "names several exchanges"),
            (["a.hwire#1.response"], "a.hwire#1.response is an answer"),
            (["a.hwire#1", "-o", "a.hwire"], "the answer would overwrite the capture a.hwire"),
            (["a.hwire#9"], "has no exchange 9"),
        ],
    )
    def test_what_can_not_be_sent(self, httpwire: Command, capture: Path, words: list[str], says: str) -> None:
        ran = httpwire("send", *words)
        assert ran.status == 2
        assert says in failure(ran)
        assert exchanges_of(capture) == EXCHANGES


class TestPython:
    def test_exchanges_of_a_capture(self, capture: Path) -> None:
        with library.open_capture(capture) as opened:
            assert len(opened) == 4
            assert [(one.request, one.response) for one in opened] == EXCHANGES
            found = list(opened.exchanges("GET", "size=3.."))
            assert [one.number for one in found] == [1, 3]
            assert (found[0].entry.target, found[0].entry.status) == ("/1", 200)
            assert found[0].connection.reconstructed == ()
            assert b"".join(opened[3].response_blocks()) == EXCHANGES[2][1]
            with pytest.raises(KeyError):
                opened[9]
            with pytest.raises(library.UsageError):
                opened.exchanges("nonsense")

    def test_one_that_has_gone_on_since_it_was_looked_at(self, tmp_path: Path) -> None:
        path = tmp_path / "live.hwire"
        request, response = EXCHANGES[0]
        with Appender(str(path)) as sink:
            connection = sink.open(ConnectionFacts(BEGAN))
            sink.event(connection, 0, Direction.REQUEST, EventKind.SEGMENT, request)
            sink.event(connection, 1, Direction.RESPONSE, EventKind.SEGMENT, response[:20])
            sink.flush()
            with library.open_capture(path) as opened:
                assert opened[1].entry.outcome == "under way"
                sink.event(connection, 2, Direction.RESPONSE, EventKind.SEGMENT, response[20:])
                sink.flush()
                assert opened[1].response == response

    def test_what_is_none(self, tmp_path: Path) -> None:
        with pytest.raises(library.UsageError):
            library.open_capture(tmp_path / "missing")
