"""Where the bytes come from and where they go (files, links, pipes, devices), and what happens when one fails."""

from __future__ import annotations

import os
import resource
import shlex
import socket
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from command import Command, ended, environ, failure, files, request, start

from conftest import read_head
from loopback import GET, Serve, answer, ok, until_closed

LARGE = b"HTTP/1.1 200 OK\r\nContent-Length: 3000000\r\n\r\n" + bytes(range(250)) * 12_000


class Echo:
    """A server that keeps the request it was sent, and gives one answer."""

    def __init__(self, octets: bytes = b"") -> None:
        self.octets = octets or ok()
        self.got = b""

    def __call__(self, connection: socket.socket) -> None:
        self.got = read_head(connection)
        connection.sendall(self.octets)
        until_closed(connection)


class TestStandardStreams:
    def test_the_request_from_standard_input(self, httpwire: Command, tmp_path: Path, serve: Serve) -> None:
        echo = Echo()
        ran = httpwire("send", "-", "--to", serve(echo).to, stdin=GET)
        assert ran.status == 0
        assert ran.stdout == b""
        assert "standard input" in ran.stderr
        assert echo.got == GET
        assert (tmp_path / "client_recv.txt").read_bytes() == ok()

    def test_the_answer_to_standard_output(self, httpwire: Command, tmp_path: Path, serve: Serve) -> None:
        request(tmp_path)
        ran = httpwire("send", "--to", serve(Echo(LARGE)).to, "-o", "-")
        assert ran.status == 0
        assert ran.stdout == LARGE
        assert "standard output" in ran.stderr
        assert files(tmp_path) == {"client_send.txt"}

    def test_both(self, httpwire: Command, tmp_path: Path, serve: Serve) -> None:
        echo = Echo()
        ran = httpwire("send", "-", "-o", "-", "-q", "--to", serve(echo).to, stdin=GET)
        assert (ran.status, ran.stdout, ran.stderr) == (0, ok(), "")
        assert files(tmp_path) == set()

    def test_an_incomplete_answer_to_standard_output(self, httpwire: Command, tmp_path: Path, serve: Serve) -> None:
        request(tmp_path)
        ran = httpwire("send", "--to", serve(answer(ok()[:-1])).to, "-o", "-")
        assert ran.status == 18
        assert ran.stdout == ok()[:-1]
        assert "standard output" in failure(ran)
        assert ".partial" not in ran.stderr

    def test_a_reader_that_has_seen_enough(self, tmp_path: Path, serve: Serve) -> None:
        request(tmp_path)
        command = f"{shlex.quote(sys.executable)} -m httpwire send --to {serve(answer(LARGE)).to} -o - | head -c 10"
        done = subprocess.run(
            ["bash", "-o", "pipefail", "-c", command], cwd=tmp_path, env=environ(), capture_output=True, check=False
        )
        assert done.stdout == LARGE[:10]
        assert done.returncode == 23
        assert b"Traceback" not in done.stderr
        assert b"Exception ignored" not in done.stderr
        assert b"httpwire: " in done.stderr

    @pytest.mark.parametrize("arguments", [["--help"], ["send", "--help"], ["--version"]])
    @pytest.mark.parametrize("where", ["gone", "full"])
    def test_help_that_nobody_can_read(self, tmp_path: Path, arguments: list[str], where: str) -> None:
        with refusing(where) as stdout:
            ran = ended(start(tmp_path, *arguments, stdout=stdout))
        assert ran.status in (0, 23)
        assert "Traceback" not in ran.stderr
        assert "Exception ignored" not in ran.stderr

    @pytest.mark.parametrize("where", ["gone", "full"])
    def test_json_that_nobody_can_read(self, tmp_path: Path, serve: Serve, where: str) -> None:
        request(tmp_path)
        with refusing(where) as stdout:
            ran = ended(start(tmp_path, "send", "--json", "--to", serve(answer(ok())).to, stdout=stdout))
        assert (tmp_path / "client_recv.txt").read_bytes() == ok()
        assert ran.status in (0, 23)
        assert "Traceback" not in ran.stderr
        assert "Exception ignored" not in ran.stderr

    @pytest.mark.parametrize("where", ["gone", "full"])
    @pytest.mark.parametrize("more", [[], ["-v"]])
    def test_an_account_that_nobody_can_read(self, tmp_path: Path, serve: Serve, where: str, more: list[str]) -> None:
        """Nobody listens, and still the answer is what counts: it is saved under its name."""
        request(tmp_path)
        with refusing(where) as stderr:
            ran = ended(start(tmp_path, "send", "--to", serve(answer(ok())).to, *more, stderr=stderr))
        assert files(tmp_path) == {"client_send.txt", "client_recv.txt"}
        assert (tmp_path / "client_recv.txt").read_bytes() == ok()
        assert ran.status == 0

    @pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&-", "<&- >&- 2>&-"])
    def test_streams_that_are_closed(self, tmp_path: Path, serve: Serve, closed: str) -> None:
        """The answer must not end up in a stream that took a free number, nor the account in the answer."""
        request(tmp_path)
        command = f"exec {shlex.quote(sys.executable)} -m httpwire send --to {serve(answer(LARGE)).to} {closed}"
        done = subprocess.run(["sh", "-c", command], cwd=tmp_path, env=environ(), capture_output=True, check=False)
        assert b"Traceback" not in done.stderr
        assert done.returncode == 0, done.stderr
        assert (tmp_path / "client_recv.txt").read_bytes() == LARGE
        assert files(tmp_path) == {"client_send.txt", "client_recv.txt"}

    @pytest.mark.parametrize("closed", ["<&-", ">&-"])
    def test_a_closed_stream_that_is_asked_for(self, tmp_path: Path, serve: Serve, closed: str) -> None:
        request(tmp_path)
        asked = "-o -" if ">" in closed else "-"
        command = f"exec {shlex.quote(sys.executable)} -m httpwire send {asked} --to {serve(answer(ok())).to} {closed}"
        done = subprocess.run(["sh", "-c", command], cwd=tmp_path, env=environ(), capture_output=True, check=False)
        assert done.returncode == 2
        assert b"Traceback" not in done.stderr
        assert done.stderr.splitlines()[-1].startswith(b"httpwire: ")


class refusing:  # noqa: N801  # reads as a phrase
    """A descriptor that can't be written to: its reader has gone, or its device is full."""

    def __init__(self, where: str) -> None:
        self.where = where

    def __enter__(self) -> int:
        if self.where == "full":
            self.descriptor = os.open("/dev/full", os.O_WRONLY)
        else:
            readable, self.descriptor = os.pipe()
            os.close(readable)
        return self.descriptor

    def __exit__(self, *_: object) -> None:
        os.close(self.descriptor)


class TestPipes:
    def test_a_named_pipe_at_both_ends(self, tmp_path: Path, serve: Serve) -> None:
        echo = Echo(LARGE)
        os.mkfifo(tmp_path / "in")
        os.mkfifo(tmp_path / "out")
        process = start(tmp_path, "send", "in", "-o", "out", "--to", serve(echo).to)
        got: list[bytes] = []
        reader = threading.Thread(target=lambda: got.append((tmp_path / "out").read_bytes()), daemon=True)
        reader.start()
        (tmp_path / "in").write_bytes(GET)
        ran = ended(process)
        reader.join(20)
        assert ran.status == 0, ran.stderr
        assert got == [LARGE]
        assert echo.got == GET
        assert files(tmp_path) == {"in", "out"}
        assert stat.S_ISFIFO((tmp_path / "out").stat().st_mode)

    def test_a_device(self, httpwire: Command, tmp_path: Path, serve: Serve) -> None:
        request(tmp_path)
        ran = httpwire("send", "-o", "/dev/null", "--to", serve(answer(LARGE)).to)
        assert ran.status == 0
        assert stat.S_ISCHR(Path("/dev/null").stat().st_mode)

    def test_standard_output_by_its_name(self, httpwire: Command, tmp_path: Path, serve: Serve) -> None:
        request(tmp_path)
        ran = httpwire("send", "-o", "/dev/stdout", "--to", serve(answer(LARGE)).to)
        assert (ran.status, ran.stdout) == (0, LARGE)

    @pytest.mark.parametrize("name", ["/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"])
    def test_a_descriptor_s_name_is_written_where_it_stands(self, tmp_path: Path, serve: Serve, name: str) -> None:
        """Redirected to a file, standard output is that file: it must not be replaced by another one."""
        request(tmp_path)
        log = tmp_path / "log"
        with log.open("ab") as stream:
            stream.write(b"before\n")
            stream.flush()
            ran = ended(start(tmp_path, "send", "-q", "-o", name, "--to", serve(answer(ok())).to, stdout=stream))
            stream.write(b"after\n")
        assert ran.status == 0
        assert log.read_bytes() == b"before\n" + ok() + b"after\n"

    def test_a_reader_that_takes_its_time_is_no_silence_of_the_server(self, tmp_path: Path, serve: Serve) -> None:
        request(tmp_path)
        large = b"HTTP/1.1 200 OK\r\nContent-Length: 3000000\r\n\r\n" + bytes(3_000_000)
        process = start(tmp_path, "send", "-o", "-", "--idle-timeout", "0.5", "--to", serve(answer(large)).to)
        time.sleep(1.2)  # no hope in it: the reader is to be slower than the limit
        ran = ended(process)
        assert (ran.status, ran.stdout) == (0, large)


class TestNames:
    def test_an_output_that_is_a_link(self, httpwire: Command, tmp_path: Path, serve: Serve) -> None:
        request(tmp_path)
        (tmp_path / "there").mkdir()
        (tmp_path / "there" / "kept").write_bytes(b"earlier")
        (tmp_path / "link").symlink_to("there/kept")
        ran = httpwire("send", "-o", "link", "--to", serve(answer(ok())).to)
        assert ran.status == 0
        assert (tmp_path / "link").is_symlink()
        assert (tmp_path / "there" / "kept").read_bytes() == ok()
        assert files(tmp_path / "there") == {"kept"}

    def test_an_output_that_is_a_link_to_nothing_yet(self, httpwire: Command, tmp_path: Path, serve: Serve) -> None:
        request(tmp_path)
        (tmp_path / "link").symlink_to("new")
        assert httpwire("send", "-o", "link", "--to", serve(answer(ok())).to).status == 0
        assert (tmp_path / "link").is_symlink()
        assert (tmp_path / "new").read_bytes() == ok()

    def test_a_link_to_itself(self, httpwire: Command, tmp_path: Path) -> None:
        request(tmp_path)
        (tmp_path / "link").symlink_to("link")
        ran = httpwire("send", "-q", "-o", "link", "--to", "127.0.0.1:9")
        assert ran.status == 2
        assert "link" in failure(ran)

    @pytest.mark.parametrize("mode", [0o600, 0o640, 0o666])
    def test_the_mode_of_an_earlier_answer_stays(
        self, httpwire: Command, tmp_path: Path, serve: Serve, mode: int
    ) -> None:
        request(tmp_path)
        (tmp_path / "client_recv.txt").write_bytes(b"earlier")
        (tmp_path / "client_recv.txt").chmod(mode)
        assert httpwire("send", "--to", serve(answer(ok())).to).status == 0
        assert stat.S_IMODE((tmp_path / "client_recv.txt").stat().st_mode) == mode

    def test_what_was_secret_stays_secret_while_it_arrives(self, tmp_path: Path, serve: Serve) -> None:
        request(tmp_path)
        (tmp_path / "client_recv.txt").write_bytes(b"earlier")
        (tmp_path / "client_recv.txt").chmod(0o600)
        modes: list[int] = []

        def script(connection: socket.socket) -> None:
            read_head(connection)
            modes.extend(path.stat().st_mode & 0o77 for path in tmp_path.glob("client_recv.txt.*"))
            connection.sendall(ok())

        assert ended(start(tmp_path, "send", "--to", serve(script).to, umask=0o022)).status == 0
        assert modes == [0]

    def test_the_umask_decides_on_a_new_one(self, tmp_path: Path, serve: Serve) -> None:
        request(tmp_path)
        assert ended(start(tmp_path, "send", "--to", serve(answer(ok())).to, umask=0o027)).status == 0
        assert stat.S_IMODE((tmp_path / "client_recv.txt").stat().st_mode) == 0o640

    @pytest.mark.parametrize("name", ["with space", "日本語", os.fsdecode(b"\xff\xfe"), "new\nline", "-x", "a" * 240])
    def test_any_name_will_do(self, httpwire: Command, tmp_path: Path, serve: Serve, name: str) -> None:
        request(tmp_path)
        ran = httpwire("send", f"--output={name}", "--to", serve(answer(ok())).to)
        assert ran.status == 0, ran.stderr
        assert (tmp_path / name).read_bytes() == ok()
        assert files(tmp_path) == {"client_send.txt", name}

    def test_the_shown_command_reads_a_coded_answer(self, httpwire: Command, tmp_path: Path, serve: Serve) -> None:
        import gzip

        request(tmp_path)
        octets = ok(gzip.compress(b"It works!"), b"Content-Encoding: gzip")
        ran = httpwire("send", "-o", "it's here", "--to", serve(answer(octets)).to)
        (line,) = (line for line in ran.stderr.splitlines() if line.startswith("content "))
        command = line.partition("read it: ")[2]
        assert command == "httpwire show 'it'\"'\"'s here'"
        ours = f'"{sys.executable}" -m {command}'
        shown = subprocess.run(["sh", "-c", ours], cwd=tmp_path, capture_output=True, check=False)
        assert b"It works!" in shown.stdout

    def test_a_folder_that_another_run_uses_as_well(self, tmp_path: Path, serve: Serve) -> None:
        """Two runs at once do not mix their answers: each file is one whole answer."""
        request(tmp_path)
        first, second = LARGE, LARGE.replace(b"\x01", b"\x02")
        octets = iter((first, second))

        def script(connection: socket.socket) -> None:
            read_head(connection)
            connection.sendall(next(octets))

        server = serve(script)
        processes = [start(tmp_path, "send", "--to", server.to) for _ in range(2)]
        assert [ended(process).status for process in processes] == [0, 0]
        assert (tmp_path / "client_recv.txt").read_bytes() in (first, second)
        assert files(tmp_path) == {"client_send.txt", "client_recv.txt"}


class TestFailingToSave:
    def test_a_device_that_is_full(self, httpwire: Command, tmp_path: Path, serve: Serve) -> None:
        request(tmp_path)
        ran = httpwire("send", "-o", "/dev/full", "--to", serve(answer(LARGE)).to)
        assert ran.status == 23
        assert "No space left on device" in failure(ran)
        assert "nothing was received" not in ran.stderr

    def test_a_file_that_may_not_grow(self, tmp_path: Path, serve: Serve) -> None:
        """The limit stands for a full disk: what had been written is kept, and the earlier answer is as it was."""
        request(tmp_path)
        (tmp_path / "client_recv.txt").write_bytes(b"earlier")
        most = 100_000
        process = start(
            tmp_path,
            "send",
            "--to",
            serve(answer(LARGE)).to,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (most, most)),
        )
        ran = ended(process)
        assert ran.status == 23
        assert "client_recv.txt.partial" in failure(ran)
        assert "client_recv.txt is as it was" in failure(ran)
        assert f"{most:,} bytes" in failure(ran)
        assert (tmp_path / "client_recv.txt.partial").read_bytes() == LARGE[:most]
        assert (tmp_path / "client_recv.txt").read_bytes() == b"earlier"
        assert files(tmp_path) == {"client_send.txt", "client_recv.txt", "client_recv.txt.partial"}

    def test_a_disk_that_is_full(self, tmp_path: Path, serve: Serve) -> None:
        disk = tmp_path / "disk"
        disk.mkdir()
        mounted = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", disk], capture_output=True, check=False
        )
        if mounted.returncode:
            pytest.skip("needs root, and a mount that is allowed")
        try:
            request(tmp_path)
            ran = ended(start(tmp_path, "send", "-o", "disk/answer", "--to", serve(answer(LARGE)).to))
            assert ran.status == 23
            assert "No space left on device" in failure(ran)
            assert files(disk) == {"answer.partial"}
            kept = (disk / "answer.partial").read_bytes()
            assert len(kept) > 100_000
            assert LARGE.startswith(kept)
        finally:
            subprocess.run(["umount", disk], check=True)

    def test_a_folder_that_went_away(self, tmp_path: Path, serve: Serve) -> None:
        def script(connection: socket.socket) -> None:
            read_head(connection)
            connection.sendall(ok()[:-1])
            (tmp_path / "out").rename(tmp_path / "moved")
            connection.sendall(ok()[-1:])

        request(tmp_path)
        (tmp_path / "out").mkdir()
        ran = ended(start(tmp_path, "send", "-o", "out/answer", "--to", serve(script).to))
        assert ran.status == 23
        failure(ran)
        (left,) = (tmp_path / "moved").iterdir()
        assert left.read_bytes() == ok()

    def test_a_place_for_the_part_that_is_taken(self, tmp_path: Path, serve: Serve) -> None:
        """RESPONSE.partial is a folder: what had come stays under the temporary name, and the message tells it."""
        request(tmp_path)
        (tmp_path / "client_recv.txt.partial").mkdir()
        ran = ended(start(tmp_path, "send", "--to", serve(answer(ok()[:-1])).to))
        assert ran.status in (18, 23)
        (left,) = files(tmp_path) - {"client_send.txt", "client_recv.txt.partial"}
        assert left in failure(ran)
        assert (tmp_path / left).read_bytes() == ok()[:-1]

    def test_a_request_that_became_shorter(self, tmp_path: Path, serve: Serve) -> None:
        """The file is cut while it is sent: told as that, with the connection closed and nothing left behind."""

        def script(connection: socket.socket) -> None:
            connection.recv(1000)
            os.truncate(upload, 1000)
            until_closed(connection)

        upload = tmp_path / "upload"
        with open(upload, "wb") as file:
            file.write(b"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 200000000\r\n\r\n")
            file.truncate(file.tell() + 200_000_000)
        ran = ended(start(tmp_path, "send", "upload", "--to", serve(script).to))
        assert ran.status == 55
        assert "became shorter" in failure(ran)
        assert files(tmp_path) == {"upload"}
