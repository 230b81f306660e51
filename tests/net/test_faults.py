"""Whatever the network does, what had arrived is on the connection that the error carries."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from conftest import Server, read_head
from httpwire import Outcome, TimeLimits, Transfer, open_transfer, send
from httpwire.capture.model import Ending, EventKind
from httpwire.errors import (
    ConnectFailed,
    Interrupted,
    NameNotResolved,
    NetworkError,
    ReceiveFailed,
    SendFailed,
    TimedOut,
)
from httpwire.wire.element import Direction
from httpwire.wire.exchange import Exchange
from httpwire.wire.framing import Kind
from loopback import GET, Serve, answer, free_port, ok, reset, until_closed

LENGTH = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 12\r\n\r\nhello, world"
CHUNKED = (
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"5;name=value\r\nhello\r\n7\r\n, world\r\n0\r\nDigest: a=b\r\nExpires: never\r\n\r\n"
)
UNTIL_CLOSE = b"HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\nhello, world"
UPLOAD = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 33554432\r\n\r\n" + bytes(32 << 20)
SOON = TimeLimits(connect=0.3, idle=0.3, total=30.0)


def exhaust(transfer: Transfer, each: Callable[[int], object] = int) -> None:
    """Carry it out; `each` is called with the octets so far, whenever more have come."""
    for _ in transfer:
        each(transfer.connection.received)


def received(error: NetworkError) -> bytes:
    """The octets of the answer that the error carries."""
    assert error.connection
    return error.connection.octets(Direction.RESPONSE)


class TestNoConnection:
    def test_refused(self) -> None:
        with pytest.raises(ConnectFailed, match="refused") as caught:
            send(GET, to=f"127.0.0.1:{free_port()}")
        connection = caught.value.connection
        assert connection
        assert [event.kind for event in connection.events][:2] == [EventKind.TRY, EventKind.REFUSED]
        assert connection.ended is Ending("not-connected")
        assert connection.sent == connection.received == 0

    def test_a_name_that_has_no_address(self) -> None:
        with pytest.raises(NameNotResolved, match=r"name\.invalid") as caught:
            send(GET, to="name.invalid:80")
        assert caught.value.connection

    @pytest.mark.parametrize(
        "host", ["a" * 64 + ".invalid", "ü" * 70 + ".invalid", "a..invalid", "ä.invalid", "\udcff"]
    )
    def test_a_name_that_can_not_be_one(self, host: str) -> None:
        with pytest.raises(NameNotResolved):
            send(GET, to=f"{host}:80")

    def test_no_unix_socket(self, tmp_path: Path) -> None:
        with pytest.raises(ConnectFailed, match="No such file"):
            send(GET, to=f"unix:{tmp_path}/none.sock")

    def test_a_file_that_is_no_socket(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_bytes(b"")
        with pytest.raises(ConnectFailed, match="refused"):
            send(GET, to=f"unix:{tmp_path}/file")

    def test_a_unix_path_that_is_too_long(self, tmp_path: Path) -> None:
        with pytest.raises(ConnectFailed):
            send(GET, to=f"unix:{tmp_path}/{'x' * 200}")

    def test_a_listener_whose_backlog_is_full_lets_the_connection_wait(self, full: int) -> None:
        with pytest.raises(TimedOut, match=r"0\.3 seconds") as caught:
            send(GET, to=f"127.0.0.1:{full}", limits=SOON)
        assert caught.value.connection
        assert caught.value.connection.ended is Ending("timed-out")

    def test_a_unix_listener_whose_backlog_is_full_is_not_taken_for_a_connection(self, tmp_path: Path) -> None:
        path = str(tmp_path / "full.sock")
        waiting: list[socket.socket] = []
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(path)
            listener.listen(0)
            try:
                while True:  # until the kernel takes no more
                    client = socket.socket(socket.AF_UNIX)
                    waiting.append(client)
                    client.settimeout(0)
                    if client.connect_ex(path):
                        break
                with pytest.raises((ConnectFailed, TimedOut)) as caught:
                    send(GET, to=f"unix:{path}", limits=SOON)
                assert caught.value.connection
                assert not caught.value.connection.peer, "told as connected"
            finally:
                for client in waiting:
                    client.close()

    def test_every_address_of_a_name_is_tried(self, serve: Serve) -> None:
        server = serve(answer(ok()))  # on 127.0.0.1 alone, while localhost is ::1 as well on most machines
        exchange = send(GET, to=f"localhost:{server.port}")
        assert exchange.response
        assert exchange.response.content == b"hello"


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


class TestReset:
    def test_before_an_answer(self, serve: Serve) -> None:
        def script(connection: socket.socket) -> None:
            read_head(connection)
            reset(connection)

        with pytest.raises(ReceiveFailed, match="after 0 bytes") as caught:
            send(GET, to=serve(script).to)
        assert received(caught.value) == b""

    @pytest.mark.parametrize("cut", [1, 9, 20, LENGTH.index(b"\r\n\r\n") + 2, LENGTH.index(b"hello"), len(LENGTH) - 1])
    def test_inside_an_answer(self, serve: Serve, cut: int) -> None:
        def script(connection: socket.socket) -> None:
            read_head(connection)
            connection.sendall(LENGTH[:cut])
            arrived.wait(20)
            reset(connection)

        arrived = threading.Event()
        transfer = open_transfer(GET, to=serve(script).to, keep=True)
        with pytest.raises(ReceiveFailed, match=f"after {cut} bytes") as caught:
            exhaust(transfer, lambda _: arrived.set())
        assert received(caught.value) == LENGTH[:cut]

    def test_of_an_answer_that_ends_at_the_close_is_no_end(self, serve: Serve) -> None:
        def script(connection: socket.socket) -> None:
            read_head(connection)
            connection.sendall(UNTIL_CLOSE)
            arrived.wait(20)
            reset(connection)

        arrived = threading.Event()
        transfer = open_transfer(GET, to=serve(script).to, keep=True)
        with pytest.raises(ReceiveFailed) as caught:
            exhaust(transfer, lambda _: arrived.set())
        assert received(caught.value) == UNTIL_CLOSE
        assert caught.value.connection
        assert caught.value.connection.exchanges[0].outcome is Outcome.INCOMPLETE

    @pytest.mark.parametrize("turn", range(5))
    def test_during_an_upload_is_no_end_either(self, serve: Serve, turn: int) -> None:
        """The system tells a reset once only: to write or to read, whichever asks first."""

        def script(connection: socket.socket) -> None:
            read_head(connection)
            connection.sendall(UNTIL_CLOSE)
            time.sleep(turn / 200)
            reset(connection)

        transfer = open_transfer(UPLOAD, to=serve(script).to, keep=True)
        with suppress(NetworkError):
            exhaust(transfer)
        if transfer.connection.received:
            assert not transfer.complete
        assert UNTIL_CLOSE.startswith(transfer.connection.octets(Direction.RESPONSE))

    def test_while_the_request_is_on_its_way(self, serve: Serve) -> None:
        def script(connection: socket.socket) -> None:
            read_head(connection)
            reset(connection)

        with pytest.raises((SendFailed, ReceiveFailed)) as caught:
            send(UPLOAD, to=serve(script).to)
        assert caught.value.connection
        assert 0 < caught.value.connection.sent < len(UPLOAD)


def closed_at(octets: bytes, serve: Serve) -> Iterator[tuple[int, Exchange | None, bytes]]:
    """For each number of octets, what comes of an answer that is closed after them."""
    cuts = iter(range(len(octets) + 1))

    def script(connection: socket.socket) -> None:
        read_head(connection)
        connection.sendall(octets[: next(cuts)])

    server = serve(script)
    for cut in range(len(octets) + 1):
        transfer = open_transfer(GET, to=server.to, keep=True)
        exhaust(transfer)
        yield cut, transfer.connection.exchanges[0], transfer.connection.octets(Direction.RESPONSE)


class TestCloseAtEveryByte:
    @pytest.mark.parametrize("whole", [LENGTH, CHUNKED], ids=["length", "chunked"])
    def test_only_the_last_byte_completes_it(self, serve: Serve, whole: bytes) -> None:
        for cut, exchange, kept in closed_at(whole, serve):
            assert kept == whole[:cut]
            assert exchange
            assert exchange.complete == (cut == len(whole)), cut
            if cut == 0:
                assert exchange.outcome is Outcome.NO_ANSWER
            elif cut < 5:
                assert exchange.outcome in (Outcome.INCOMPLETE, Outcome.UNDECIDABLE)
            elif cut < len(whole):
                assert exchange.outcome is Outcome.INCOMPLETE, cut

    def test_without_a_length_every_close_after_the_head_completes_it(self, serve: Serve) -> None:
        head = UNTIL_CLOSE.index(b"hello")
        for cut, exchange, kept in closed_at(UNTIL_CLOSE, serve):
            assert kept == UNTIL_CLOSE[:cut]
            assert exchange
            assert exchange.complete == (cut >= head), cut


class TestSlowness:
    @pytest.mark.parametrize("whole", [LENGTH, CHUNKED], ids=["length", "chunked"])
    def test_one_byte_at_a_time(self, serve: Serve, whole: bytes) -> None:
        def script(connection: socket.socket) -> None:
            read_head(connection)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for index in range(len(whole)):
                connection.sendall(whole[index : index + 1])
                time.sleep(0.005)
            until_closed(connection)

        exchange = send(GET, to=serve(script).to, limits=TimeLimits(idle=10))
        assert exchange.response
        assert exchange.response.raw == whole
        assert exchange.response.content == b"hello, world"

    def test_bytes_that_come_keep_the_idle_limit_away(self, serve: Serve) -> None:
        def script(connection: socket.socket) -> None:
            read_head(connection)
            for index in range(0, len(LENGTH), 8):
                connection.sendall(LENGTH[index : index + 8])
                time.sleep(0.1)

        assert send(GET, to=serve(script).to, limits=TimeLimits(idle=0.8)).complete  # of more than a second in all

    @pytest.mark.parametrize("cut", [0, 10, len(LENGTH) - 1])
    def test_silence(self, serve: Serve, cut: int) -> None:
        with pytest.raises(TimedOut, match=r"nothing was sent or received for 0\.3 seconds") as caught:
            send(GET, to=serve(answer(LENGTH[:cut], stay=True)).to, limits=SOON)
        assert received(caught.value) == LENGTH[:cut]

    def test_an_answer_that_never_gets_ready(self, serve: Serve) -> None:
        def script(connection: socket.socket) -> None:
            read_head(connection)
            connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
            while True:
                connection.sendall(b".")
                time.sleep(0.02)

        with pytest.raises(TimedOut, match=r"not complete within 0\.5 seconds") as caught:
            send(GET, to=serve(script).to, limits=TimeLimits(total=0.5))
        assert received(caught.value).endswith(b".")

    def test_a_server_that_never_reads(self, serve: Serve) -> None:
        def script(connection: socket.socket) -> None:
            finished.wait(20)
            connection.close()

        finished = threading.Event()
        try:
            with pytest.raises(TimedOut) as caught:
                send(UPLOAD, to=serve(script).to, limits=SOON)
        finally:
            finished.set()
        assert caught.value.connection
        assert 0 < caught.value.connection.sent < len(UPLOAD)

    @pytest.mark.parametrize("seconds", [0, 3e6, 1e8])
    @pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
    def test_any_limit_to_connect_is_one(self, serve: Serve, host: str, seconds: float) -> None:
        to = f"{host}:{serve(answer(ok())).port}"
        assert send(GET, to=to, limits=TimeLimits(connect=seconds)).complete

    def test_even_a_tiny_one(self, full: int) -> None:
        with pytest.raises(TimedOut):
            send(GET, to=f"localhost:{full}", limits=TimeLimits(connect=1e-9))

    def test_no_limits_at_all(self, serve: Serve) -> None:
        assert send(GET, to=serve(answer(ok())).to, limits=TimeLimits(0, 0, 0)).complete


TOO_LARGE = b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 4\r\n\r\nmuch"


class TestEarlyAnswer:
    """A server that answers an upload before it has read it."""

    def exchange(self, server: Server, limits: TimeLimits | None = None) -> Exchange:
        exchange = send(UPLOAD, to=server.to, limits=limits)
        assert exchange.response
        assert exchange.response.raw == TOO_LARGE
        assert exchange.complete
        return exchange

    def test_and_never_reads_more(self, serve: Serve) -> None:
        def script(connection: socket.socket) -> None:
            connection.recv(1000)
            connection.sendall(TOO_LARGE)
            finished.wait(20)

        finished = threading.Event()
        try:
            self.exchange(serve(script))
        finally:
            finished.set()

    def test_and_never_reads_more_while_the_idle_limit_is_short(self, serve: Serve) -> None:
        def script(connection: socket.socket) -> None:
            connection.recv(1000)
            connection.sendall(TOO_LARGE)
            finished.wait(20)

        finished = threading.Event()
        try:
            self.exchange(serve(script), SOON)
        finally:
            finished.set()

    def test_and_closes(self, serve: Serve) -> None:
        def script(connection: socket.socket) -> None:
            connection.recv(1000)
            connection.sendall(TOO_LARGE)

        self.exchange(serve(script))

    def test_and_ends_its_own_direction_only(self, serve: Serve) -> None:
        def script(connection: socket.socket) -> None:
            connection.recv(1000)
            connection.sendall(TOO_LARGE)
            connection.shutdown(socket.SHUT_WR)
            finished.wait(20)

        finished = threading.Event()
        try:
            self.exchange(serve(script))
        finally:
            finished.set()

    def test_and_resets(self, serve: Serve) -> None:
        def script(connection: socket.socket) -> None:
            connection.recv(1000)
            connection.sendall(TOO_LARGE)
            time.sleep(0.05)  # what is not delivered yet dies with the connection
            reset(connection)

        self.exchange(serve(script))

    def test_and_reads_all_the_same(self, serve: Serve) -> None:
        def script(connection: socket.socket) -> None:
            octets.append(connection.recv(1000))
            connection.sendall(TOO_LARGE)
            octets.append(until_closed(connection))

        octets: list[bytes] = []
        self.exchange(serve(script))
        deadline = time.monotonic() + 10
        while len(octets) < 2 and time.monotonic() < deadline:
            time.sleep(0.01)
        assert b"".join(octets) == UPLOAD

    def test_and_never_stops_sending_afterwards(self, serve: Serve) -> None:
        """Octets that nobody asked for do not keep the transfer going: the answer is complete, and it ends well."""

        def script(connection: socket.socket) -> None:
            connection.recv(1000)
            connection.sendall(TOO_LARGE)
            while True:
                connection.sendall(b"x" * 1000)
                time.sleep(0.01)

        transfer = open_transfer(UPLOAD, to=serve(script).to, limits=TimeLimits(total=5))
        exhaust(transfer)
        assert transfer.complete

    def test_and_the_total_limit_passes_while_it_reads_slowly(self, serve: Serve) -> None:
        """Too late for the upload, but the answer came whole: a complete answer is never told as a failure."""

        def script(connection: socket.socket) -> None:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            connection.recv(1000)
            connection.sendall(TOO_LARGE)
            while not finished.wait(0.05):
                connection.recv(65536)

        finished = threading.Event()
        try:
            self.exchange(serve(script), TimeLimits(total=1.5))
        finally:
            finished.set()


class TestStop:
    """The descriptor `stop` ends the transfer, wherever it stands."""

    def test_in_silence(self, serve: Serve) -> None:
        def script(connection: socket.socket) -> None:
            read_head(connection)
            connection.sendall(LENGTH[:30])
            until_closed(connection)

        readable, writable = os.pipe()
        try:
            transfer = open_transfer(GET, to=serve(script).to, keep=True, stop=readable)
            with pytest.raises(Interrupted) as caught:
                exhaust(transfer, lambda _: os.write(writable, b"!"))
            assert received(caught.value) == LENGTH[:30]
            assert transfer.connection.ended is Ending("interrupted")
        finally:
            os.close(readable)
            os.close(writable)

    def test_before_it_connects(self, full: int) -> None:
        readable, writable = os.pipe()
        try:
            os.write(writable, b"!")
            with pytest.raises(Interrupted):
                open_transfer(GET, to=f"127.0.0.1:{full}", stop=readable).connect()
        finally:
            os.close(readable)
            os.close(writable)

    def test_in_a_flood(self, serve: Serve) -> None:
        """There is always more to read, for the server is faster than whoever takes the segments."""
        readable, writable = os.pipe()
        transfer = open_transfer(GET, to=serve(flood).to, stop=readable)

        def stop_and_dawdle(_: int) -> None:
            os.write(writable, b"!")
            time.sleep(0.02)

        try:
            with pytest.raises(Interrupted):
                exhaust(transfer, stop_and_dawdle)
        finally:
            transfer.close()
            os.close(readable)
            os.close(writable)


def flood(connection: socket.socket) -> None:
    """Sends as fast as it is read, and much, but not without end."""
    read_head(connection)
    connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
    for _ in range(48):
        connection.sendall(bytes(1 << 20))


def test_the_total_limit_holds_in_a_flood_as_well(serve: Serve) -> None:
    transfer = open_transfer(GET, to=serve(flood).to, limits=TimeLimits(total=0.3))
    try:
        with pytest.raises(TimedOut, match=r"0\.3 seconds"):
            exhaust(transfer, lambda _: time.sleep(0.02))
    finally:
        transfer.close()


class TestRequestsThatAreNone:
    """Octets of which no request can be read are sent, and the answer that comes is an answer."""

    @pytest.mark.parametrize(
        "octets",
        [
            b"\r\n",
            b"\n\n\n",
            b"\x00",
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(9),
            bytes(range(256)),
            bytes(3 << 20),
            b"x" * (3 << 20),
            b"GET /\r\n",
            b"GET / HTTP/1.1\r\n",
        ],
        ids=["empty-line", "line-feeds", "nul", "preface", "octets", "zeros", "endless-line", "http09", "head"],
    )
    def test_they_get_their_answer(self, serve: Serve, octets: bytes) -> None:
        refusal = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 3\r\n\r\nno\n"
        got: list[bytes] = []

        def script(connection: socket.socket) -> None:
            data = b""
            while len(data) < len(octets):
                data += connection.recv(1 << 20)
            got.append(data)
            connection.sendall(refusal)
            until_closed(connection)

        exchange = send(octets, to=serve(script).to, limits=TimeLimits(idle=1.5))
        assert got == [octets]
        assert exchange.response
        assert exchange.response.raw == refusal
        assert exchange.response.framing
        assert exchange.response.framing.kind is Kind.LENGTH

    @pytest.mark.parametrize("octets", [b"\r\n", b"\x00", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"])
    def test_or_an_exchange_without_one(self, serve: Serve, octets: bytes) -> None:
        def script(connection: socket.socket) -> None:
            connection.recv(1000)

        assert send(octets, to=serve(script).to).outcome is Outcome.NO_ANSWER
