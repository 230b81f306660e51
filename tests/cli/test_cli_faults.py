"""The command when the network fails it: exit status, one line that says what was kept, and the files."""

from __future__ import annotations

import os
import shlex
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from command import Command, arrived, ended, environ, failure, files, request, start, wait_for

from conftest import Ran, read_head
from loopback import GET, Serve, answer, free_port, ok, reset, until_closed

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 12\r\n\r\nhello, world"
EARLIER = b"an earlier good answer"
SENT = {"client_send.txt"}


def without_answer(folder: Path) -> None:
    """Nothing came: an earlier answer is as it was, and nothing else is there."""
    assert files(folder) == {"client_send.txt", "client_recv.txt"}
    assert (folder / "client_recv.txt").read_bytes() == EARLIER


def with_part(folder: Path, part: bytes, ran: Ran) -> None:
    """A part came: it is kept beside an earlier answer, and the message names both."""
    assert files(folder) == {"client_send.txt", "client_recv.txt", "client_recv.txt.partial"}
    assert (folder / "client_recv.txt").read_bytes() == EARLIER
    assert (folder / "client_recv.txt.partial").read_bytes() == part
    told = failure(ran)
    assert f"{len(part):,} byte" in told
    assert "client_recv.txt.partial" in told
    assert "client_recv.txt is as it was" in told


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a recorded request and an earlier answer."""
    request(tmp_path)
    (tmp_path / "client_recv.txt").write_bytes(EARLIER)
    return tmp_path


@pytest.fixture
def full() -> Iterator[int]:
    """The port of a listener that accepts nobody and whose queue is full."""
    waiting: list[socket.socket] = []
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(8):
            client = socket.socket()
            client.settimeout(0)
            client.connect_ex(listener.getsockname())
            waiting.append(client)
        yield listener.getsockname()[1]
        for client in waiting:
            client.close()


class TestNoConnection:
    def test_refused(self, httpwire: Command, folder: Path) -> None:
        port = free_port()
        ran = httpwire("send", "--to", f"127.0.0.1:{port}")
        assert ran.status == 7
        assert f"127.0.0.1:{port}" in failure(ran)
        assert "refused" in failure(ran)
        without_answer(folder)

    def test_a_name_without_address(self, httpwire: Command, folder: Path) -> None:
        ran = httpwire("send", "--to", "name.invalid:80")
        assert ran.status == 6
        assert "name.invalid" in failure(ran)
        without_answer(folder)

    def test_a_queue_that_is_full(self, httpwire: Command, folder: Path, full: int) -> None:
        ran = httpwire("send", "--to", f"127.0.0.1:{full}", "--connect-timeout", "0.3")
        assert ran.status == 28
        assert "0.3 seconds" in failure(ran)
        assert "--connect-timeout" in failure(ran)
        without_answer(folder)

    @pytest.mark.parametrize("seconds", ["0", "9999999"])
    def test_a_limit_of_none_or_of_months(self, httpwire: Command, folder: Path, serve: Serve, seconds: str) -> None:
        ran = httpwire("send", "--to", serve(answer(ANSWER)).to, "--connect-timeout", seconds)
        assert ran.status == 0, ran.stderr
        assert (folder / "client_recv.txt").read_bytes() == ANSWER

    def test_a_unix_socket_whose_name_is_no_text(self, httpwire: Command, folder: Path) -> None:
        name = os.fsdecode(b"\xff.sock")
        got: list[bytes] = []

        def accept() -> None:
            connection, _ = listener.accept()
            with connection:
                got.append(read_head(connection))
                connection.sendall(ANSWER)

        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(os.fspath(folder / name))
            listener.listen()
            thread = threading.Thread(target=accept, daemon=True)
            thread.start()
            ran = httpwire("send", "--to", f"unix:{folder / name}")
        assert ran.status == 0, ran.stderr
        assert got == [GET]
        assert (folder / "client_recv.txt").read_bytes() == ANSWER


class TestBroken:
    def test_closed_without_a_word(self, httpwire: Command, folder: Path, serve: Serve) -> None:
        ran = httpwire("send", "--to", serve(answer(b"")).to)
        assert ran.status == 52
        assert "without an answer" in failure(ran)
        without_answer(folder)

    @pytest.mark.parametrize("cut", [3, 12, ANSWER.index(b"hello"), len(ANSWER) - 1])
    def test_closed_in_the_middle(self, httpwire: Command, folder: Path, serve: Serve, cut: int) -> None:
        ran = httpwire("send", "--to", serve(answer(ANSWER[:cut])).to)
        assert ran.status == 18
        assert "cut short" in failure(ran)
        with_part(folder, ANSWER[:cut], ran)

    def test_closed_before_the_last_chunk(self, httpwire: Command, folder: Path, serve: Serve) -> None:
        part = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n"
        ran = httpwire("send", "--to", serve(answer(part)).to)
        assert ran.status == 18
        with_part(folder, part, ran)

    def test_reset_before_an_answer(self, httpwire: Command, folder: Path, serve: Serve) -> None:
        def script(connection: socket.socket) -> None:
            read_head(connection)
            reset(connection)

        ran = httpwire("send", "--to", serve(script).to)
        assert ran.status == 56
        assert "reset" in failure(ran)
        without_answer(folder)

    @pytest.mark.parametrize("cut", [12, len(ANSWER) - 5])
    def test_reset_in_the_middle(self, httpwire: Command, folder: Path, serve: Serve, cut: int) -> None:
        def script(connection: socket.socket) -> None:
            read_head(connection)
            connection.sendall(ANSWER[:cut])
            wait_for(arrived(folder, cut, "client_recv.txt."), "the part")
            reset(connection)

        ran = httpwire("send", "--to", serve(script).to)
        assert ran.status == 56
        with_part(folder, ANSWER[:cut], ran)

    def test_reset_while_the_request_is_on_its_way(self, httpwire: Command, folder: Path, serve: Serve) -> None:
        def script(connection: socket.socket) -> None:
            connection.recv(1000)
            reset(connection)

        request(folder, b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 20000000\r\n\r\n" + bytes(20_000_000))
        ran = httpwire("send", "--to", serve(script).to)
        assert ran.status in (55, 56)
        failure(ran)
        without_answer(folder)

    def test_no_earlier_answer_is_claimed_where_none_is(self, httpwire: Command, tmp_path: Path, serve: Serve) -> None:
        request(tmp_path)
        ran = httpwire("send", "--to", serve(answer(ANSWER[:-1])).to)
        assert ran.status == 18
        assert files(tmp_path) == {"client_send.txt", "client_recv.txt.partial"}
        assert "as it was" not in ran.stderr


class TestTimeouts:
    @pytest.mark.parametrize("cut", [0, 20, len(ANSWER) - 1])
    def test_silence(self, httpwire: Command, folder: Path, serve: Serve, cut: int) -> None:
        ran = httpwire("send", "--to", serve(answer(ANSWER[:cut], stay=True)).to, "--idle-timeout", "0.3")
        assert ran.status == 28
        assert "0.3 seconds" in failure(ran)
        assert "--idle-timeout" in failure(ran)
        if cut:
            with_part(folder, ANSWER[:cut], ran)
        else:
            without_answer(folder)

    def test_the_total_limit(self, httpwire: Command, folder: Path, serve: Serve) -> None:
        def script(connection: socket.socket) -> None:
            read_head(connection)
            while True:
                connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
                time.sleep(0.05)

        ran = httpwire("send", "--to", serve(script).to, "--timeout", "0.4")
        assert ran.status == 28
        assert "--timeout" in failure(ran)
        assert files(folder) == {"client_send.txt", "client_recv.txt", "client_recv.txt.partial"}

    def test_what_makes_the_server_wait_is_told(self, httpwire: Command, folder: Path, serve: Serve) -> None:
        request(folder, GET[:-2])
        ran = httpwire("send", "--to", serve(until_closed_only).to, "--idle-timeout", "0.2")
        assert ran.status == 28
        assert "no blank line ends the head" in failure(ran)
        assert "--end-head" in failure(ran)

    def test_a_server_that_never_reads(self, httpwire: Command, folder: Path, serve: Serve) -> None:
        def script(_: socket.socket) -> None:
            finished.wait(30)

        finished = threading.Event()
        request(folder, b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 30000000\r\n\r\n" + bytes(30_000_000))
        try:
            ran = httpwire("send", "--to", serve(script).to, "--idle-timeout", "0.3")
        finally:
            finished.set()
        assert ran.status == 28
        assert "no more was taken" in ran.stderr
        without_answer(folder)

    def test_one_byte_at_a_time(self, httpwire: Command, folder: Path, serve: Serve) -> None:
        def script(connection: socket.socket) -> None:
            read_head(connection)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for index in range(len(ANSWER)):
                connection.sendall(ANSWER[index : index + 1])
                time.sleep(0.01)
            until_closed(connection)

        assert httpwire("send", "--to", serve(script).to, "--idle-timeout", "10").status == 0
        assert (folder / "client_recv.txt").read_bytes() == ANSWER


def until_closed_only(connection: socket.socket) -> None:
    until_closed(connection)


class TestEarlyAnswer:
    REFUSAL = b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 4\r\nConnection: close\r\n\r\nmuch"

    @pytest.mark.parametrize("then", ["nothing", "close", "reset", "half"])
    def test_it_is_kept_whatever_follows(self, httpwire: Command, folder: Path, serve: Serve, then: str) -> None:
        def script(connection: socket.socket) -> None:
            connection.recv(1000)
            connection.sendall(self.REFUSAL)
            if then == "half":
                connection.shutdown(socket.SHUT_WR)
            if then == "reset":
                wait_for(arrived(folder, len(self.REFUSAL), "client_recv.txt."), "the answer")
                reset(connection)
            elif then != "close":
                finished.wait(30)

        finished = threading.Event()
        upload = folder / "upload"
        with open(upload, "wb") as file:
            file.write(b"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 2000000000\r\n\r\n")
            file.truncate(file.tell() + 2_000_000_000)  # a file with a hole: as long as a real one, and nothing on disk
        try:
            ran = httpwire("send", upload, "--to", serve(script).to)
        finally:
            finished.set()
        assert ran.status == 0, ran.stderr
        assert "413 Content Too Large" in ran.stderr
        assert "no more was taken" in ran.stderr
        assert (folder / "client_recv.txt").read_bytes() == self.REFUSAL
        assert files(folder) == {"client_send.txt", "client_recv.txt", "upload"}

    def test_a_short_idle_limit_does_not_spoil_it(self, httpwire: Command, folder: Path, serve: Serve) -> None:
        def script(connection: socket.socket) -> None:
            connection.recv(1000)
            connection.sendall(self.REFUSAL)
            finished.wait(30)

        finished = threading.Event()
        request(folder, b"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 30000000\r\n\r\n" + bytes(30_000_000))
        try:
            ran = httpwire("send", "--to", serve(script).to, "--idle-timeout", "0.3")
        finally:
            finished.set()
        assert ran.status == 0, ran.stderr
        assert (folder / "client_recv.txt").read_bytes() == self.REFUSAL


class TestInterrupts:
    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
    def test_in_the_middle_of_an_answer(self, folder: Path, serve: Serve, number: signal.Signals) -> None:
        process = start(folder, "send", "--to", serve(answer(ANSWER[:-5], stay=True)).to)
        wait_for(arrived(folder, len(ANSWER) - 5), "the part")
        process.send_signal(number)
        ran = ended(process)
        assert ran.status == 130
        assert "interrupted" in failure(ran)
        with_part(folder, ANSWER[:-5], ran)

    def test_in_silence(self, folder: Path, serve: Serve) -> None:
        def script(connection: socket.socket) -> None:
            read_head(connection)
            asked.set()
            until_closed(connection)

        asked = threading.Event()
        process = start(folder, "send", "--to", serve(script).to)
        assert asked.wait(30)
        process.send_signal(signal.SIGINT)
        ran = ended(process)
        assert ran.status == 130
        failure(ran)
        without_answer(folder)

    def test_while_it_connects(self, folder: Path, full: int) -> None:
        process = start(folder, "send", "-v", "--to", f"127.0.0.1:{full}")
        assert process.stderr
        told = b""
        while b"trying" not in told:
            told += process.stderr.readline()
        process.send_signal(signal.SIGTERM)
        ran = ended(process)
        assert ran.status == 130
        failure(ran)
        without_answer(folder)

    def test_while_a_name_is_looked_up(self, folder: Path) -> None:
        """No server of names is at hand that keeps one waiting: the system's look-up is made to sleep."""
        program = (
            "import socket, sys, time\n"
            "look_up = socket.getaddrinfo\n"
            "def asleep(host, *rest, **more):\n"
            "    if more.get('flags'): return look_up(host, *rest, **more)\n"
            "    print('asleep', file=sys.stderr, flush=True)\n"
            "    time.sleep(60)\n"
            "socket.getaddrinfo = asleep\n"
            "from httpwire.cli.main import run\n"
            "run()\n"
        )
        process = subprocess.Popen(
            [sys.executable, "-c", program, "send", "--to", "name.example:80"],
            cwd=folder,
            env=environ(),
            stderr=subprocess.PIPE,
        )
        assert process.stderr
        told = b""
        while b"asleep" not in told:
            told += process.stderr.readline()
        process.send_signal(signal.SIGINT)
        ran = ended(process, 20)
        assert ran.status == 130
        failure(ran)
        without_answer(folder)

    def test_in_a_flood(self, folder: Path) -> None:
        """A server so fast that the client never has to wait for it: another process, not a thread of ours."""
        flood = (
            "import socket\n"
            "listener = socket.create_server(('127.0.0.1', 0))\n"
            "print(listener.getsockname()[1], flush=True)\n"
            "connection, _ = listener.accept()\n"
            "connection.recv(65536)\n"
            "connection.sendall(b'HTTP/1.1 200 OK\\r\\n\\r\\n')\n"
            "block = bytes(4 << 20)\n"
            "try:\n"
            "    while True: connection.sendall(block)\n"
            "except OSError: pass\n"
        )
        server = subprocess.Popen([sys.executable, "-c", flood], stdout=subprocess.PIPE)
        assert server.stdout
        port = int(server.stdout.readline())
        process = start(folder, "send", "--to", f"127.0.0.1:{port}", "-o", "/dev/null", "--timeout", "20", "-v")
        try:
            assert process.stderr
            while b"@1," not in process.stderr.readline():
                pass
            began = time.monotonic()
            process.send_signal(signal.SIGINT)
            ran = ended(process, 60)
            assert ran.status == 130
            assert time.monotonic() - began < 15
        finally:
            server.kill()
            server.communicate()

    def test_killed_it_leaves_what_had_come_under_its_temporary_name(self, folder: Path, serve: Serve) -> None:
        process = start(folder, "send", "--to", serve(answer(ANSWER[:-5], stay=True)).to)
        wait_for(arrived(folder, len(ANSWER) - 5), "the part")
        process.kill()
        assert ended(process).status == -signal.SIGKILL
        assert (folder / "client_recv.txt").read_bytes() == EARLIER
        (left,) = files(folder) - {"client_send.txt", "client_recv.txt"}
        assert left.startswith("client_recv.txt.")
        assert (folder / left).read_bytes() == ANSWER[:-5]

    def test_what_a_killed_run_left_is_in_nobodys_way(self, folder: Path, serve: Serve) -> None:
        """In a container every run may have the same process id, and so the same temporary name."""
        server = serve(answer(ANSWER))
        line = (
            f"echo left > client_recv.txt.$$.tmp; exec {shlex.quote(sys.executable)} -m httpwire send --to {server.to}"
        )
        done = subprocess.run(["sh", "-c", line], cwd=folder, env=environ(), capture_output=True, check=False)
        assert done.returncode == 0, done.stderr
        assert (folder / "client_recv.txt").read_bytes() == ANSWER

    def test_a_signal_that_is_to_be_ignored_is(self, folder: Path, serve: Serve) -> None:
        """A shell script starts its background jobs with SIGINT ignored; its Ctrl-C is not for them."""

        def script(connection: socket.socket) -> None:
            read_head(connection)
            connection.sendall(ANSWER[:-5])
            go_on.wait(30)
            connection.sendall(ANSWER[-5:])

        go_on = threading.Event()
        process = start(
            folder,
            "send",
            "--to",
            serve(script).to,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN),
        )
        wait_for(arrived(folder, len(ANSWER) - 5), "the part")
        process.send_signal(signal.SIGINT)
        go_on.set()
        assert ended(process).status == 0
        assert (folder / "client_recv.txt").read_bytes() == ANSWER

    def test_ctrl_c_while_standard_output_takes_no_more(self, folder: Path, serve: Serve) -> None:
        """`httpwire send -o - | less`: whoever reads the pipe is in no hurry, and the user wants to leave."""

        def script(connection: socket.socket) -> None:
            read_head(connection)
            connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n" + bytes(8 << 20))

        process = start(folder, "send", "--to", serve(script).to, "-o", "-", "-v")
        try:
            assert process.stderr
            while b"@" not in process.stderr.readline().partition(b"< ")[2]:
                pass
            wait_for(lambda: "pipe_write" in wait_channel(process.pid) or blocked(process), "a full pipe")
            process.send_signal(signal.SIGINT)
            process.wait(10)
        finally:
            process.kill()
            process.communicate()
        assert process.returncode == 130


def wait_channel(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/wchan").read_text()
    except OSError:
        return ""


def blocked(process: subprocess.Popen[bytes]) -> bool:
    """Whether the pipe at its standard output holds as much as a pipe holds."""
    import fcntl
    import struct
    import termios

    assert process.stdout
    held = struct.unpack("i", fcntl.ioctl(process.stdout, termios.FIONREAD, b"\0" * 4))[0]
    return bool(held >= 65536)


def test_a_good_answer_takes_the_place_of_the_earlier_one(httpwire: Command, folder: Path, serve: Serve) -> None:
    ran = httpwire("send", "--to", serve(answer(ok())).to)
    assert ran.status == 0
    assert (folder / "client_recv.txt").read_bytes() == ok()
    assert files(folder) == {"client_send.txt", "client_recv.txt"}
