"""Where a server listens: what a person may write, and what is said when the address can't be had."""

from __future__ import annotations

import errno
import os
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from httpwire.errors import ListenFailed, UsageError
from httpwire.language import Translator
from httpwire.net.listening import Listening, address_of, close, is_local, listen, parse_listen
from loopback import free_port
from peers.namespace import in_network

ENGLISH = Translator()
TOLD = pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="only Linux tells who has a port")


@contextmanager
def listening(text: str) -> Iterator[list[socket.socket]]:
    sockets = listen(parse_listen(text))
    try:
        yield sockets
    finally:
        close(sockets)


@contextmanager
def running(code: str, *arguments: str | Path) -> Iterator[subprocess.Popen[str]]:
    """A process of its own that has said that it is ready, until the context is left."""
    command = [sys.executable, "-c", code, *map(str, arguments)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout
            assert process.stdout.readline() == "ready\n"
            yield process
        finally:
            process.kill()


def refused(text: str) -> tuple[ListenFailed, str, str]:
    """The error of listening there, with its sentence and its hint."""
    with pytest.raises(ListenFailed) as caught:
        close(listen(parse_listen(text)))
    return caught.value, caught.value.sentence(ENGLISH), caught.value.advice(ENGLISH)


def has_ipv6() -> bool:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        return False
    return True


IPV6 = pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6 on its loopback interface")

# Listens as its arguments tell (host, port), or on a Unix socket (path), says so, and waits to be killed.
TCP = """
import socket, sys
family = socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET
dual = len(sys.argv) > 3
with socket.create_server((sys.argv[1], int(sys.argv[2])), family=family, dualstack_ipv6=dual):
    print("ready", flush=True)
    sys.stdin.read()
"""
UNIX = """
import socket, sys
with socket.socket(socket.AF_UNIX) as listener:
    listener.bind(sys.argv[1])
    listener.listen()
    print("ready", flush=True)
    sys.stdin.read()
"""


class TestWhatIsWritten:
    @pytest.mark.parametrize(
        ("text", "where"),
        [
            ("8080", Listening("127.0.0.1", 8080)),
            ("0", Listening("127.0.0.1", 0)),
            ("65535", Listening("127.0.0.1", 65535)),
            ("127.0.0.1:8080", Listening("127.0.0.1", 8080)),
            ("0.0.0.0:80", Listening("0.0.0.0", 80)),
            ("localhost:0", Listening("localhost", 0)),
            ("[::1]:8080", Listening("::1", 8080)),
            ("[::]:0", Listening("::", 0)),
            ("[fe80::1%eth0]:80", Listening("fe80::1%eth0", 80)),
            ("bücher.example:80", Listening("bücher.example", 80)),
            ("http://localhost:8080", Listening("localhost", 8080)),
            ("http://localhost:8080/", Listening("localhost", 8080)),
            ("HTTPS://[::1]:8443/", Listening("::1", 8443)),
            ("unix:/run/it.sock", Listening(path="/run/it.sock")),
            ("unix:it.sock", Listening(path="it.sock")),
            ("unix:/a b:80", Listening(path="/a b:80")),
        ],
    )
    def test_an_address(self, text: str, where: Listening) -> None:
        assert parse_listen(text) == where
        assert parse_listen(str(where)) == where

    @pytest.mark.parametrize(
        ("text", "hint"),
        [
            ("", "write PORT, HOST:PORT, [IPv6]:PORT or unix:/PATH"),
            (":", "write PORT,"),
            ("*", "write PORT,"),
            (" 8080", "write PORT,"),
            ("8080\n", "write PORT,"),
            ("-1", "add a port: -1:8080"),
            ("+80", "add a port: +80:8080"),
            ("localhost", "add a port: localhost:8080"),
            ("http://localhost/", "add a port: localhost:8080"),
            ("[::1]", "add a port: [::1]:8080"),
            ("localhost:", "write PORT,"),
            ("localhost:http", "write PORT,"),
            ("localhost:+80", "write PORT,"),
            ("localhost:8 0", "write PORT,"),
            ("localhost:８０", "write PORT,"),
            ("me@localhost:80", "write PORT,"),
            ("[localhost]:80", "write PORT,"),
            ("[]:80", "write PORT,"),
            ("localhost:80/path", "write PORT,"),
            ("http://localhost:80/path", "write PORT,"),
            ("http://localhost:80/?", "write PORT,"),
            ("ftp://localhost:80", "write PORT,"),
            ("http://", "write PORT,"),
            ("unix:", "write PORT,"),
            ("unix:/a\0b", "write PORT,"),
            ("65536", "a port is a number from 0 to 65535"),
            ("123456", "a port is a number from 0 to 65535"),
            ("127.0.0.1:99999", "a port is a number from 0 to 65535"),
            ("localhost:" + "9" * 5000, "a port is a number from 0 to 65535"),
            ("::1", "brackets: [::1]:80"),
            ("::1:8080", "brackets: [::1]:80"),
            (":8080", "write 8080 for this machine alone, 0.0.0.0:8080 or [::]:8080 for all"),
            ("*:8080", "write 8080 for this machine alone, 0.0.0.0:8080 or [::]:8080 for all"),
            ("http://*:8080/", "write 8080 for this machine alone, 0.0.0.0:8080 or [::]:8080 for all"),
        ],
    )
    def test_no_address_gets_a_hint(self, text: str, hint: str) -> None:
        with pytest.raises(UsageError, match="not an address to listen on") as caught:
            parse_listen(text)
        assert hint in caught.value.advice(ENGLISH)


class TestAnAddressThatCanBeHad:
    def test_takes_connections_without_ever_blocking(self) -> None:
        with listening("127.0.0.1:0") as [sock]:
            assert not sock.getblocking()
            assert not sock.get_inheritable()
            assert address_of(sock) == f"127.0.0.1:{sock.getsockname()[1]}"
            with pytest.raises(BlockingIOError):
                sock.accept()
            with socket.create_connection(sock.getsockname()) as client:
                accepted = until_accepted(sock)
                with accepted:
                    assert accepted.getpeername() == client.getsockname()

    def test_can_be_had_again_at_once(self) -> None:
        """Closing first leaves the server's port in TIME_WAIT; that must not be in its own way."""
        with listening("127.0.0.1:0") as [sock]:
            address = address_of(sock)
            with socket.create_connection(sock.getsockname()) as client:
                until_accepted(sock).close()
                assert client.recv(1) == b""
        with listening(address) as [sock]:
            assert address_of(sock) == address

    @IPV6
    @pytest.mark.parametrize("host", ["localhost", "LOCALHOST"])
    def test_localhost_is_both_families_on_one_port(self, host: str) -> None:
        with listening(f"{host}:0") as sockets:
            port = sockets[0].getsockname()[1]
            assert port
            assert [address_of(sock) for sock in sockets] == [f"127.0.0.1:{port}", f"[::1]:{port}"]
            for to in ("127.0.0.1", "::1"):
                socket.create_connection((to, port)).close()

    @IPV6
    def test_localhost_on_a_wished_port(self) -> None:
        port = free_port()
        with listening(f"localhost:{port}") as sockets:
            assert [address_of(sock) for sock in sockets] == [f"127.0.0.1:{port}", f"[::1]:{port}"]

    @IPV6
    def test_half_of_localhost_is_not_enough_and_nothing_stays_open(self) -> None:
        with socket.create_server(("::1", 0), family=socket.AF_INET6) as other:
            port = other.getsockname()[1]
            _, sentence, _ = refused(f"localhost:{port}")
            assert f"can't listen on [::1]:{port}: the port is in use" in sentence
            socket.create_server(("127.0.0.1", port)).close()

    @IPV6
    def test_all_addresses_of_one_family_leave_the_other_alone(self) -> None:
        with listening("[::]:0") as [six]:
            assert address_of(six) == f"[::]:{six.getsockname()[1]}"
            with listening(f"0.0.0.0:{six.getsockname()[1]}") as [four]:
                assert address_of(four).startswith("0.0.0.0:")

    @pytest.mark.peer("unshare")
    def test_without_ipv6_localhost_is_ipv4_alone(self) -> None:
        code = (
            "from httpwire.net.listening import *\n"
            "open('/proc/sys/net/ipv6/conf/all/disable_ipv6', 'w').write('1')\n"
            "sockets = listen(parse_listen('localhost:0'))\n"
            "print([sock.getsockname()[0] for sock in sockets], is_local(sockets))\n"
            "try:\n    listen(parse_listen('[::1]:0'))\nexcept Exception as error:\n    print(error)\n"
        )
        ran = subprocess.run(
            in_network(-1, sys.executable, "-c", code), capture_output=True, text=True, timeout=20, check=False
        )
        if "disable_ipv6" in ran.stderr:
            pytest.skip(f"IPv6 can't be switched off here: {ran.stderr.splitlines()[-1]}")
        assert ran.stdout.splitlines() == [
            "['127.0.0.1'] True",
            "can't listen on [::1]:0: this machine has no such address",
        ], ran.stderr

    @pytest.mark.parametrize(
        ("text", "local"),
        [("127.0.0.1:0", True), ("127.9.9.9:0", True), ("localhost:0", True), ("0.0.0.0:0", False)],
    )
    def test_is_local_or_open_to_other_machines(self, text: str, local: bool) -> None:  # noqa: FBT001
        if text.startswith("127.9") and sys.platform != "linux":
            pytest.skip("only Linux has all of 127.0.0.0/8")
        with listening(text) as sockets:
            assert is_local(sockets) is local

    @IPV6
    @pytest.mark.parametrize(("text", "local"), [("[::1]:0", True), ("[::]:0", False)])
    def test_and_so_is_one_of_ipv6(self, text: str, local: bool) -> None:  # noqa: FBT001
        with listening(text) as sockets:
            assert is_local(sockets) is local


def until_accepted(sock: socket.socket) -> socket.socket:
    """The connection that is on its way."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        with suppress(BlockingIOError):
            return sock.accept()[0]
        time.sleep(0.005)
    raise AssertionError("nobody came")


class TestAPortInUse:
    @TOLD
    @pytest.mark.parametrize("held", ["127.0.0.1", "0.0.0.0"])
    @pytest.mark.parametrize("wished", ["127.0.0.1", "0.0.0.0"])
    def test_is_told_with_the_process_that_has_it(self, held: str, wished: str) -> None:
        port = free_port()
        with running(TCP, held, str(port)) as other:
            began = time.monotonic()
            error, sentence, hint = refused(f"{wished}:{port}")
            assert time.monotonic() - began < 2
        program = error.facts["program"]
        assert "python" in str(program)
        assert sentence == (f"can't listen on {wished}:{port}: the port is in use by {program} (process {other.pid})")
        assert hint == "choose another with --listen HOST:PORT; port 0 takes a free one"

    @TOLD
    @IPV6
    @pytest.mark.parametrize(("held", "wished"), [("::1", "[::1]"), ("::", "[::1]"), ("::1", "[::]")])
    def test_of_ipv6(self, held: str, wished: str) -> None:
        port = free_port()
        with running(TCP, held, str(port)) as other:
            error, _, _ = refused(f"{wished}:{port}")
        assert error.facts["process"] == other.pid

    @TOLD
    @IPV6
    def test_by_an_ipv6_socket_that_takes_ipv4_as_well(self) -> None:
        port = free_port()
        with running(TCP, "::", str(port), "dual") as other:
            error, _, _ = refused(f"127.0.0.1:{port}")
        assert error.facts["process"] == other.pid

    @TOLD
    @IPV6
    def test_on_one_address_is_not_blamed_on_who_has_it_on_another(self) -> None:
        port = free_port()
        with running(TCP, "127.0.0.1", str(port)) as four, running(TCP, "::1", str(port)) as six:
            assert refused(f"127.0.0.1:{port}")[0].facts["process"] == four.pid
            assert refused(f"[::1]:{port}")[0].facts["process"] == six.pid

    @pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="needs root, to be somebody else")
    def test_by_a_process_that_is_not_ours_to_look_at(self) -> None:
        port = free_port()
        with running(TCP, "127.0.0.1", str(port)):
            assert as_nobody(f"127.0.0.1:{port}") == (f"can't listen on 127.0.0.1:{port}: the port is in use")

    def test_by_a_socket_that_only_connects(self) -> None:
        """Nobody listens on it, so there is nobody to name."""
        with socket.create_server(("127.0.0.1", 0)) as server, socket.socket() as client:
            client.bind(("127.0.0.1", 0))
            client.connect(server.getsockname())
            port = client.getsockname()[1]
            assert refused(f"127.0.0.1:{port}")[1] == f"can't listen on 127.0.0.1:{port}: the port is in use"

    @TOLD
    def test_is_told_soon_while_processes_come_and_go(self) -> None:
        port = free_port()
        with running(TCP, "127.0.0.1", str(port)) as other:
            crowd = [subprocess.Popen(["sleep", f"0.{n % 10}"]) for n in range(40)]
            try:
                for _ in range(20):
                    began = time.monotonic()
                    assert refused(f"127.0.0.1:{port}")[0].facts["process"] == other.pid
                    assert time.monotonic() - began < 2
            finally:
                for process in crowd:
                    process.wait(20)


def as_nobody(text: str) -> str:
    """What is said to somebody without rights who wants to listen there. Imported as root, who may read everything."""
    code = (
        "import os, sys\n"
        "from httpwire.errors import ListenFailed\n"
        "from httpwire.net.listening import listen, parse_listen\n"
        "if os.geteuid() == 0:\n    os.setgroups([])\n    os.setgid(65534)\n    os.setuid(65534)\n"
        "try:\n    listen(parse_listen(sys.argv[1]))\n"
        "except ListenFailed as error:\n"
        "    sys.stdout.write('; '.join(filter(None, (str(error), error.hint.format(**error.facts)))))\n"
    )
    ran = subprocess.run([sys.executable, "-c", code, text], capture_output=True, text=True, timeout=20, check=True)
    said, _, _ = ran.stdout.partition("; choose another with")
    return said


class TestAnAddressThatCanNotBeHad:
    def test_a_low_port_without_rights(self) -> None:
        limit = Path("/proc/sys/net/ipv4/ip_unprivileged_port_start")
        if sys.platform != "linux":
            pytest.skip("other systems have other rules on low ports")
        if int(limit.read_text()) <= 80:
            pytest.skip("this machine lets everybody listen on port 80 (net.ipv4.ip_unprivileged_port_start)")
        assert as_nobody("127.0.0.1:80") == (
            "can't listen on 127.0.0.1:80: ports below 1024 need root; choose a higher port: --listen 127.0.0.1:8080"
        )

    @pytest.mark.parametrize("text", ["192.0.2.1:0", "[2001:db8::1]:0"])
    def test_an_address_of_another_machine(self, text: str) -> None:
        if text.startswith("[") and not has_ipv6():
            pytest.skip("this machine has no IPv6")
        _, sentence, hint = refused(text)
        assert sentence == f"can't listen on {text}: this machine has no such address"
        assert hint == "127.0.0.1 is this machine alone, 0.0.0.0 is all its addresses"

    @pytest.mark.parametrize("host", ["name.invalid", "a" * 64 + ".invalid", "ü" * 70 + ".invalid", "\udcff"])
    def test_a_name_without_an_address(self, host: str) -> None:
        _, sentence, hint = refused(f"{host}:8080")
        assert sentence.startswith(f"can't listen on {host}:8080: ")
        assert hint == "127.0.0.1 is this machine alone, 0.0.0.0 is all its addresses"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder that is the current one: the path of a Unix socket must be short."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


class TestAUnixSocket:
    def test_takes_connections_and_leaves_no_file(self, folder: Path) -> None:
        with listening("unix:it.sock") as sockets:
            assert is_local(sockets)
            assert address_of(sockets[0]) == "unix:it.sock"
            with socket.socket(socket.AF_UNIX) as client:
                client.connect("it.sock")
                until_accepted(sockets[0]).close()
        assert not list(folder.iterdir())
        close(sockets)  # a second time does no harm

    def test_that_a_killed_server_left_behind_is_replaced(self, folder: Path) -> None:
        with running(UNIX, "it.sock") as other:
            other.kill()
            other.wait(20)
        assert stat.S_ISSOCK((folder / "it.sock").lstat().st_mode)
        with listening("unix:it.sock"), socket.socket(socket.AF_UNIX) as client:
            client.connect("it.sock")

    def test_that_is_in_use_stays_so(self, folder: Path) -> None:
        with running(UNIX, "it.sock") as other:
            error, sentence, hint = refused("unix:it.sock")
            with socket.socket(socket.AF_UNIX) as client:
                client.connect(str(folder / "it.sock"))
        assert sentence.startswith("can't listen on unix:it.sock: the socket is in use")
        if sys.platform == "linux":
            assert "python" in str(error.facts["program"])
            assert sentence.endswith(f"in use by {error.facts['program']} (process {other.pid})")
        assert hint == "choose another path: --listen unix:/PATH"

    @pytest.mark.skipif(sys.platform != "linux", reason="other systems refuse as if nobody listened")
    def test_whose_queue_is_full_is_in_use(self, folder: Path) -> None:
        waiting: list[socket.socket] = []
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind("it.sock")
            listener.listen(0)
            code = 0
            try:
                while not code:  # until the kernel takes no more
                    waiting.append(socket.socket(socket.AF_UNIX))
                    waiting[-1].settimeout(0)
                    code = waiting[-1].connect_ex("it.sock")
                assert code == errno.EAGAIN
                assert refused("unix:it.sock")[1] == "can't listen on unix:it.sock: the socket is in use"
            finally:
                for client in waiting:
                    client.close()
        assert (folder / "it.sock").exists()

    def test_of_datagrams_is_in_use_too(self, folder: Path) -> None:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as other:
            other.bind("it.sock")
            assert refused("unix:it.sock")[1] == "can't listen on unix:it.sock: the socket is in use"
        assert (folder / "it.sock").exists()

    def test_that_somebody_else_made_meanwhile_is_not_removed(self, folder: Path) -> None:
        with listening("unix:it.sock"):
            (folder / "it.sock").unlink()
            other = listen(parse_listen("unix:it.sock"))
        assert (folder / "it.sock").exists()
        close(other)
        assert not (folder / "it.sock").exists()

    @pytest.mark.parametrize("make", [Path.touch, Path.mkdir, os.mkfifo, lambda path: path.symlink_to("x.sock")])
    def test_another_kind_of_file_is_left_alone(self, folder: Path, make: Callable[[Path], object]) -> None:
        make(folder / "it")
        before = (folder / "it").lstat()
        _, sentence, hint = refused("unix:it")
        assert sentence == "can't listen on unix:it: there is a file that is no socket"
        assert hint == "choose another path: --listen unix:/PATH"
        assert (folder / "it").lstat() == before

    def test_in_a_folder_that_is_not_there(self, folder: Path) -> None:
        _, sentence, hint = refused(f"unix:{folder}/a/it.sock")
        assert sentence == f"can't listen on unix:{folder}/a/it.sock: there is no such folder"
        assert hint == "make the folder first"

    def test_in_a_folder_that_is_a_file(self, folder: Path) -> None:
        (folder / "a").touch()
        assert refused("unix:a/it.sock")[1] == "can't listen on unix:a/it.sock: Not a directory"

    def test_in_a_folder_of_somebody_else(self, folder: Path) -> None:
        folder.chmod(0o755)
        (folder / "a").mkdir()
        (folder / "a").chmod(0o555)
        assert as_nobody("unix:a/it.sock") == (
            "can't listen on unix:a/it.sock: Permission denied; choose a folder that you may write to"
        )
        assert not list((folder / "a").iterdir())

    def test_whose_path_is_too_long(self, folder: Path) -> None:
        path = "x" * 200
        _, sentence, hint = refused(f"unix:{path}")
        assert sentence == f"can't listen on unix:{path}: the path is too long for a Unix socket"
        assert hint == "it may have about 100 bytes"
        assert not list(folder.iterdir())
