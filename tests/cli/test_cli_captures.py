"""send, record and serve with a capture: what goes over the wire is in it, byte for byte and in its order."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from pathlib import Path

from command import Command, ended, failure, request, start, wait_for
from test_cli_record import listening

from captures import capture_of, connections_of, entries_of, exchanges_of, happened
from httpwire.wire.element import Direction
from loopback import GET, Serve, answer, free_port, ok

POST = b"POST /form HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello"


class TestSend:
    def test_both_directions_are_kept(self, tmp_path: Path, httpwire: Command, serve: Serve) -> None:
        server = serve(answer(ok(b"one")))
        request(tmp_path)
        ran = httpwire("send", "client_send.txt", "--to", server.to, "--capture", "a.hwire")
        assert ran.status == 0, ran.stderr
        assert "a.hwire" in ran.stderr
        assert exchanges_of(tmp_path / "a.hwire") == [(GET, ok(b"one"))]
        told = happened(tmp_path / "a.hwire")
        assert told == [["try", "connected", "request", "sent-all", "response", "ended", "end"]]
        entry = entries_of(tmp_path / "a.hwire")[0]
        assert (entry.method, entry.target, entry.status, entry.outcome) == ("GET", "/", 200, "complete")

    def test_runs_follow_each_other_in_one_file(self, tmp_path: Path, httpwire: Command, serve: Serve) -> None:
        for content in (b"1", b"2", b"3"):
            server = serve(answer(ok(content)))
            request(tmp_path)
            assert httpwire("send", "client_send.txt", "--to", server.to, "--capture", "a.hwire").status == 0
        assert [response for _, response in exchanges_of(tmp_path / "a.hwire")] == [ok(b"1"), ok(b"2"), ok(b"3")]

    def test_a_server_that_is_not_there(self, tmp_path: Path, httpwire: Command) -> None:
        request(tmp_path)
        ran = httpwire("send", "client_send.txt", "--to", f"127.0.0.1:{free_port()}", "--capture", "a.hwire")
        assert ran.status == 7
        assert happened(tmp_path / "a.hwire") == [["try", "refused", "ended", "end"]]

    def test_an_answer_that_is_cut(self, tmp_path: Path, httpwire: Command, serve: Serve) -> None:
        server = serve(answer(ok(b"hello")[:-2]))
        request(tmp_path)
        assert httpwire("send", "client_send.txt", "--to", server.to, "--capture", "a.hwire").status == 18
        assert exchanges_of(tmp_path / "a.hwire") == [(GET, ok(b"hello")[:-2])]
        assert entries_of(tmp_path / "a.hwire")[0].outcome != "complete"

    def test_what_is_there_and_no_capture_stays(self, tmp_path: Path, httpwire: Command, serve: Serve) -> None:
        server = serve(answer(ok()))
        request(tmp_path)
        (tmp_path / "notes.txt").write_bytes(b"mine")
        ran = httpwire("send", "client_send.txt", "--to", server.to, "--capture", "notes.txt")
        assert ran.status == 2
        assert "no capture" in failure(ran)
        assert (tmp_path / "notes.txt").read_bytes() == b"mine"


class TestRecord:
    def test_requests_of_several_connections(self, tmp_path: Path) -> None:
        with listening(tmp_path, "record", "-o", "a.hwire", "--count", "3", "--reply-status", "204") as server:
            with server.connect() as first, server.connect() as second:
                first.sendall(GET)
                assert first.recv(1000).startswith(b"HTTP/1.1 204")
                second.sendall(POST)
                assert second.recv(1000).startswith(b"HTTP/1.1 204")
                first.sendall(POST)
                assert first.recv(1000).startswith(b"HTTP/1.1 204")
            assert server.ended().status == 0
        sent = [sides[Direction.REQUEST] for sides in connections_of(tmp_path / "a.hwire")]
        assert sorted(sent) == sorted([GET + POST, POST])
        assert [request for request, _ in exchanges_of(tmp_path / "a.hwire")] == [GET, POST, POST]

    def test_what_was_told_as_kept_survives_a_kill(self, tmp_path: Path) -> None:
        recording = listening(tmp_path, "record", "-o", "a.hwire", "--count", "9", "--reply-status", "204")
        with recording as server, server.connect() as client:
            client.sendall(GET)
            assert client.recv(1000).startswith(b"HTTP/1.1 204")
            threading.Event().wait(0.3)
            server.process.kill()
            server.process.wait()
        assert [request for request, _ in exchanges_of(tmp_path / "a.hwire")] == [GET]


class TestServe:
    def test_answers_come_from_a_capture_and_go_into_another(self, tmp_path: Path) -> None:
        capture_of(tmp_path / "old.hwire", [(GET, ok(b"1")), (GET, ok(b"2")), (POST, ok(b"posted"))])
        with listening(tmp_path, "serve", "old.hwire", "--record", "new.hwire") as server:
            with server.connect() as client:
                for octets, expected in ((GET, b"1"), (POST, b"posted"), (GET, b"2"), (GET, b"2")):
                    client.sendall(octets)
                    assert client.recv(1000) == ok(expected)
            assert server.ended(signal.SIGINT).status == 0
            assert "old.hwire#1.response" in server.err.decode()
        assert exchanges_of(tmp_path / "new.hwire") == [
            (GET, ok(b"1")),
            (POST, ok(b"posted")),
            (GET, ok(b"2")),
            (GET, ok(b"2")),
        ]
        assert happened(tmp_path / "new.hwire")[0][0] == "connected"

    def test_into_the_capture_that_is_served(self, tmp_path: Path) -> None:
        capture_of(tmp_path / "a.hwire", [(GET, ok(b"1"))])
        with listening(tmp_path, "serve", "a.hwire", "--record", "a.hwire", "--count", "2") as server:
            for _ in range(2):
                assert server.ask(GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")) == ok(b"1")
            assert server.ended().status == 0
        assert len(exchanges_of(tmp_path / "a.hwire")) == 3

    def test_nothing_recorded_is_404(self, tmp_path: Path) -> None:
        capture_of(tmp_path / "a.hwire", [(GET, ok(b"1"))])
        with listening(tmp_path, "serve", "a.hwire") as server:
            assert server.ask(b"GET /other HTTP/1.1\r\nHost: a\r\n\r\n").startswith(b"HTTP/1.1 404")

    def test_times_are_kept(self, tmp_path: Path) -> None:
        capture_of(tmp_path / "a.hwire", [(GET, ok(b"1"))])
        with listening(tmp_path, "serve", "a.hwire", "--timing", "recorded") as server:
            assert server.ask(GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")) == ok(b"1")


def test_several_processes_append_at_once(tmp_path: Path) -> None:
    with listening(tmp_path, "record", "-o", "a.hwire", "--reply-status", "204", "--count", "40") as server:
        request(tmp_path)
        to = f"127.0.0.1:{server.port}"
        senders = [
            start(tmp_path, "send", "client_send.txt", "--to", to, "--capture", "a.hwire", "-o", f"{n}.txt")
            for n in range(8)
        ]
        assert [ended(sender).status for sender in senders] == [0] * 8
        wait_for(lambda: len(exchanges_of(tmp_path / "a.hwire")) == 16, "all exchanges")
    assert {octets for octets, _ in exchanges_of(tmp_path / "a.hwire")} == {GET}


def test_a_disk_that_is_full_is_told_and_what_came_before_stays(tmp_path: Path, serve: Serve) -> None:
    capture_of(tmp_path / "a.hwire", [(GET, ok(b"1"))])
    server = serve(answer(ok(b"x" * 3_000_000)))
    request(tmp_path)
    script = (
        "import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000)); "
        "import signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN); "
        "from httpwire.cli.main import run; sys.exit(run())"
    )
    arguments = ["send", "client_send.txt", "--to", server.to, "-o", "/dev/null", "--capture", "a.hwire"]
    done = subprocess.run(
        [sys.executable, "-c", script, *arguments],
        cwd=tmp_path,
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 23, done.stderr.decode()
    assert b"Traceback" not in done.stderr
    assert exchanges_of(tmp_path / "a.hwire")[0] == (GET, ok(b"1"))
