"""The Python interface: one call for what fits in memory, a stream for what doesn't, errors that carry the record."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

import httpwire
from conftest import read_head
from httpwire import Edits, Exchange, Outcome, TimeLimits, TlsOptions, Transfer, open_transfer, save, send, send_all
from httpwire.capture.model import Ending, EventKind
from httpwire.errors import (
    ConnectFailed,
    HttpwireError,
    NetworkError,
    OutputUnwritable,
    ReceiveFailed,
    RecordingUnreadable,
    TargetInvalid,
    TimedOut,
    UsageError,
)
from httpwire.wire.element import Direction
from httpwire.wire.framing import Kind, Rule
from loopback import GET, Serve, answer, free_port, ok, until_closed

TWO = GET + b"HEAD /b HTTP/1.1\r\nHost: a\r\n\r\n"


class TestSend:
    def test_gives_the_exchange(self, serve: Serve) -> None:
        octets = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + ok(b"hello", b"A: 1", b"a: 2")
        exchange = send(GET, to=serve(answer(octets, stay=True)).to)
        assert isinstance(exchange, Exchange)
        assert exchange.outcome is Outcome.COMPLETE
        assert exchange.complete
        assert exchange.request
        assert exchange.request.raw == GET
        assert exchange.request.method == b"GET"
        assert exchange.response
        assert exchange.response.status == 200
        assert exchange.response.reason == b"OK"
        assert exchange.response.raw == ok(b"hello", b"A: 1", b"a: 2")
        assert exchange.response.content == b"hello"
        assert exchange.response.values(b"A") == [b"1", b"2"]
        assert [message.status for message in exchange.responses] == [103, 200]
        assert b"".join(message.raw or b"" for message in exchange.responses) == octets
        assert exchange.framing
        assert (exchange.framing.kind, exchange.framing.rule, exchange.framing.length) == (Kind.LENGTH, Rule.LENGTH, 5)
        assert exchange.findings == ()

    def test_its_times_are_in_order(self, serve: Serve) -> None:
        timing = send(GET, to=serve(answer(ok())).to).timing
        assert timing.request_start is not None
        assert timing.request_stop is not None
        assert timing.response_start is not None
        assert timing.response_stop is not None
        assert timing.request_start <= timing.request_stop <= timing.response_stop
        assert timing.request_start <= timing.response_start <= timing.response_stop

    @pytest.mark.parametrize("kind", [str, Path])
    def test_takes_a_path(self, serve: Serve, tmp_path: Path, kind: type) -> None:
        path = tmp_path / "request"
        path.write_bytes(GET)
        exchange = send(kind(path), to=serve(answer(ok())).to)
        assert exchange.request
        assert exchange.request.raw == GET

    def test_removes_the_chunked_coding_from_content_only(self, serve: Serve) -> None:
        octets = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;x\r\nhe\r\n3\r\nllo\r\n0\r\nA: b\r\n\r\n"
        response = send(GET, to=serve(answer(octets, stay=True)).to).response
        assert response
        assert response.content == b"hello"
        assert response.raw == octets
        assert response.chunks == 2
        assert [(field.name, field.value) for field in response.trailers] == [(b"A", b"b")]

    def test_applies_edits_and_tells_the_findings_of_both_sides(self, serve: Serve) -> None:
        octets = b"HTTP/1.1 200 OK\nContent-Length: 0\n\n"
        edits = Edits(crlf=True, set=(b"X: y",), unset=(b"Cookie",))
        exchange = send(b"GET / HTTP/1.1\nCookie: a\n\n", to=serve(answer(octets)).to, edits=edits)
        assert exchange.request
        assert exchange.request.raw == b"GET / HTTP/1.1\r\nX: y\r\n\r\n"
        found = {(finding.direction, finding.deviation.id) for finding in exchange.findings}
        assert (Direction.REQUEST, "host-missing") in found
        assert (Direction.RESPONSE, "bare-lf") in found

    def test_an_answer_cut_short_is_an_outcome_not_an_error(self, serve: Serve) -> None:
        exchange = send(GET, to=serve(answer(ok()[:-1])).to)
        assert exchange.outcome is Outcome.INCOMPLETE
        assert exchange.response
        assert exchange.response.raw == ok()[:-1]
        assert exchange.response.content == b"hell"

    def test_so_is_one_that_is_no_http(self, serve: Serve) -> None:
        exchange = send(GET, to=serve(answer(b"SSH-2.0-x\r\n")).to)
        assert exchange.outcome is Outcome.UNDECIDABLE
        assert exchange.response
        assert exchange.response.raw == b"SSH-2.0-x\r\n"

    def test_so_is_none(self, serve: Serve) -> None:
        exchange = send(GET, to=serve(answer(b"")).to)
        assert exchange.outcome is Outcome.NO_ANSWER
        assert exchange.response is None

    def test_several_requests_are_refused_before_anything_is_sent(self) -> None:
        with pytest.raises(UsageError, match="send_all"):
            send(TWO, to=f"127.0.0.1:{free_port()}")


class TestSendAll:
    def test_pairs_each_request_with_its_answer(self, serve: Serve) -> None:
        octets = ok() + b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n"
        first, second = send_all(TWO, to=serve(answer(octets, stay=True)).to)
        assert first.request
        assert second.request
        assert (first.request.raw, second.request.raw) == (GET, TWO[len(GET) :])
        assert first.response
        assert second.response
        assert (first.response.raw, second.response.raw) == (ok(), octets[len(ok()) :])
        assert second.framing
        assert second.framing.rule is Rule.ANSWER_TO_HEAD

    def test_a_request_left_without_an_answer(self, serve: Serve) -> None:
        first, second = send_all(TWO, to=serve(answer(ok())).to)
        assert (first.outcome, second.outcome) == (Outcome.COMPLETE, Outcome.NO_ANSWER)


class TestOpenTransfer:
    def test_gives_the_octets_as_they_arrive(self, serve: Serve) -> None:
        def script(connection: socket.socket) -> None:
            read_head(connection)
            connection.sendall(ok()[:20])
            connection.recv(1)  # the client's close

        with open_transfer(GET, to=serve(script).to, keep=True) as transfer:
            segments = iter(transfer)
            assert next(segments) == ok()[:20]
            assert transfer.connection.received == 20
            assert not transfer.complete
        assert transfer.connection.ended is Ending("given-up")
        assert transfer.connection.octets(Direction.RESPONSE) == ok()[:20]

    def test_without_keep_it_holds_no_octets(self, serve: Serve) -> None:
        def script(connection: socket.socket) -> None:
            read_head(connection)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 50000000\r\n\r\n")
            connection.sendall(bytes(50_000_000))

        transfer = open_transfer(GET, to=serve(script).to)
        total = sum(len(segment) for segment in transfer)
        assert transfer.complete
        assert total == transfer.connection.received == 50_000_045
        assert transfer.connection.events == []
        (exchange,) = transfer.connection.exchanges
        assert exchange.response
        assert exchange.response.octets == 50_000_000
        assert not exchange.response.raw

    def test_the_log_tells_what_happened_in_its_order(self, serve: Serve) -> None:
        transfer = open_transfer(GET, to=serve(answer(ok(), stay=True)).to, keep=True)
        for _ in transfer:
            pass
        events = transfer.connection.events
        assert [event.at_ns for event in events] == sorted(event.at_ns for event in events)
        kinds = [event.kind for event in events]
        assert kinds[:3] == [EventKind.TRY, EventKind.CONNECTED, EventKind.SEGMENT]
        assert kinds[-2:] == [EventKind.ENDED, EventKind.END]
        assert transfer.connection.octets(Direction.REQUEST) == GET
        assert transfer.connection.octets(Direction.RESPONSE) == ok()
        assert all(isinstance(event.data, bytes) for event in events)

    def test_connect_may_be_called_first(self, serve: Serve) -> None:
        server = serve(answer(ok()))
        with open_transfer(GET, to=server.to) as transfer:
            transfer.connect()
            assert transfer.connection.peer == server.to
            assert b"".join(transfer) == ok()
            assert transfer.complete

    def test_nothing_is_sent_before_it_is_iterated(self) -> None:
        transfer = open_transfer(GET, to=f"127.0.0.1:{free_port()}")
        assert transfer.connection.events == []
        transfer.close()
        transfer.close()


class TestSave:
    def test_a_complete_answer(self, serve: Serve, tmp_path: Path) -> None:
        path = tmp_path / "answer"
        assert save(open_transfer(GET, to=serve(answer(ok())).to), path) == str(path)
        assert path.read_bytes() == ok()
        assert [each.name for each in tmp_path.iterdir()] == ["answer"]

    def test_a_part_is_kept_beside(self, serve: Serve, tmp_path: Path) -> None:
        path = tmp_path / "answer"
        path.write_bytes(b"earlier")
        assert save(open_transfer(GET, to=serve(answer(ok()[:-1])).to), path) == f"{path}.partial"
        assert path.read_bytes() == b"earlier"
        assert (tmp_path / "answer.partial").read_bytes() == ok()[:-1]

    def test_an_error_on_the_way_keeps_what_had_come(self, serve: Serve, tmp_path: Path) -> None:
        transfer = open_transfer(GET, to=serve(answer(ok()[:-1], stay=True)).to, limits=TimeLimits(idle=0.2))
        with pytest.raises(TimedOut):
            save(transfer, tmp_path / "answer")
        assert (tmp_path / "answer.partial").read_bytes() == ok()[:-1]
        assert [each.name for each in tmp_path.iterdir()] == ["answer.partial"]

    def test_nothing_at_all_leaves_nothing(self, serve: Serve, tmp_path: Path) -> None:
        assert save(open_transfer(GET, to=serve(answer(b"")).to), tmp_path / "answer") == ""
        assert list(tmp_path.iterdir()) == []

    def test_a_place_that_can_not_be_written(self, tmp_path: Path) -> None:
        with pytest.raises(OutputUnwritable):
            save(open_transfer(GET, to=f"127.0.0.1:{free_port()}"), tmp_path / "none" / "answer")

    def test_a_target_that_refuses_leaves_nothing(self, tmp_path: Path) -> None:
        with pytest.raises(ConnectFailed):
            save(open_transfer(GET, to=f"127.0.0.1:{free_port()}"), tmp_path / "answer")
        assert list(tmp_path.iterdir()) == []


class TestErrors:
    @pytest.mark.parametrize("octets", [b"", "nowhere", "."])
    def test_a_request_that_can_not_be_read(self, octets: bytes | str, tmp_path: Path) -> None:
        asked = octets if isinstance(octets, bytes) else str(tmp_path / octets)
        with pytest.raises(RecordingUnreadable) as caught:
            send(asked)
        assert isinstance(caught.value, UsageError)

    def test_an_empty_file(self, tmp_path: Path) -> None:
        (tmp_path / "empty").write_bytes(b"")
        with pytest.raises(RecordingUnreadable, match="empty"):
            send(tmp_path / "empty")

    def test_a_target_that_is_none(self) -> None:
        with pytest.raises(TargetInvalid) as caught:
            send(GET, to="::1:80")
        assert caught.value.facts["target"] == "::1:80"

    def test_a_network_error_carries_the_connection_with_its_log(self, serve: Serve) -> None:
        with pytest.raises(NetworkError) as caught:
            send(GET, to=serve(answer(ok()[:30], stay=True)).to, limits=TimeLimits(idle=0.2))
        assert isinstance(caught.value, HttpwireError)
        connection = caught.value.connection
        assert connection
        assert connection.octets(Direction.REQUEST) == GET
        assert connection.octets(Direction.RESPONSE) == ok()[:30]
        assert [event.kind for event in connection.events][-2:] == [EventKind.ENDED, EventKind.END]
        (exchange,) = connection.exchanges
        assert exchange.outcome is Outcome.INCOMPLETE
        assert str(caught.value)

    def test_its_sentence_has_the_numbers(self, serve: Serve) -> None:
        def script(connection: socket.socket) -> None:
            connection.recv(10)  # what is not read turns the close into a reset

        with pytest.raises(ReceiveFailed) as caught:
            send(GET, to=serve(script).to)
        assert "0 bytes" in str(caught.value)

    def test_no_descriptor_is_left_open(self, serve: Serve, tmp_path: Path) -> None:
        """pytest turns the warning of a forgotten socket into a failure; descriptors of files are counted here."""
        path = tmp_path / "request"
        path.write_bytes(GET)
        descriptors = Path("/proc/self/fd")
        if not descriptors.exists():
            pytest.skip("this system does not tell its descriptors")
        server = serve(answer(ok()[:-1], stay=True))
        targets = [f"127.0.0.1:{free_port()}", "name.invalid:80", f"unix:{tmp_path}/none", "no address"]

        def tried() -> None:
            for to in targets:
                with pytest.raises(HttpwireError):
                    send(path, to=to)
            with pytest.raises(HttpwireError):
                send(TWO, to=server.to)

        tried()
        before = len(list(descriptors.iterdir()))
        for _ in range(5):
            tried()
        assert len(list(descriptors.iterdir())) <= before + 1


def test_what_is_public_is_there() -> None:
    for name in httpwire.__all__:
        assert getattr(httpwire, name)
    with pytest.raises(AttributeError):
        _ = httpwire.nothing


def test_options_are_values() -> None:
    assert TimeLimits() == TimeLimits(10.0, 30.0, 3600.0)
    assert TlsOptions(sni="a").replace(insecure=True) == TlsOptions(sni="a", insecure=True)
    assert "connect=1" in repr(TimeLimits(connect=1))
    assert not Edits()
    assert Edits(crlf=True)
    assert Transfer.__doc__


@pytest.mark.parametrize("part", [1, 7, 1000])
def test_a_keep_alive_connection_is_closed_by_us(serve: Serve, part: int) -> None:
    """The server sees the end as soon as the answer is complete, however the answer was cut into segments."""

    def script(connection: socket.socket) -> None:
        read_head(connection)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for index in range(0, len(ok()), part):
            connection.sendall(ok()[index : index + part])
        until_closed(connection)

    assert send(GET, to=serve(script).to).complete
