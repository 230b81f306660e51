"""A server in a test: one line to have it, what clients sent octet for octet, and nothing left behind."""

from __future__ import annotations

import asyncio
import http.client
import inspect
import json
import os
import socket
import ssl
import struct
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn

import pytest
import trustme

import httpwire
from httpwire import (
    Exchange,
    Faults,
    Limits,
    Outcome,
    Running,
    Scripted,
    ServerLimits,
    ServerTls,
    TimedOut,
    TlsOptions,
    UsageError,
)
from httpwire.errors import AnswerUnreadable, HttpwireError, ListenFailed, OutputUnwritable, SaveFailed
from httpwire.wire.stream import Stream
from loopback import GET, ok, until_closed

PROC = pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="only Linux tells what a process has open")
OK = ok()
POST = b"POST /form HTTP/1.1\r\nHost: a\r\nContent-Length: 7\r\n\r\na=1&b=2"
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


def get(target: str, *fields: bytes, method: str = "GET") -> bytes:
    return b"\r\n".join((f"{method} {target} HTTP/1.1".encode(), b"Host: a", *fields, b"", b""))


def connect(server: Running) -> socket.socket:
    return socket.create_connection(("127.0.0.1", server.port), 10)


def exactly(client: socket.socket, count: int) -> bytes:
    octets = bytearray()
    while len(octets) < count and (data := client.recv(count - len(octets))):
        octets += data
    return bytes(octets)


def ask(server: Running, *requests: bytes, answer: bytes = OK) -> None:
    """Each request gets the answer, on one connection."""
    with connect(server) as client:
        for request in requests:
            client.sendall(request)
            assert exactly(client, len(answer)) == answer


def told(server: Running, request: bytes = GET) -> bytes:
    """All that comes for a request until the server closes."""
    with connect(server) as client:
        client.sendall(request)
        return until_closed(client)


def is_reset(client: socket.socket) -> bool:
    try:
        until_closed(client)
    except ConnectionResetError:
        return True
    return False


def wait_for(condition: Callable[[], object], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.005)


def descriptors() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def raw(exchange: Exchange) -> tuple[bytes | None, bytes | None]:
    """The octets of both messages."""
    return (
        exchange.request.raw if exchange.request else None,
        exchange.response.raw if exchange.response else None,
    )


@pytest.fixture
def authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where httpwire's own authority is kept in this test."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    return tmp_path / "data"


class TestAddress:
    def test_it_is_a_free_port_of_this_machine_alone(self) -> None:
        with httpwire.serve(OK) as server:
            host, _, port = server.address.rpartition(":")
            assert host == "127.0.0.1"
            assert server.port == int(port) > 0
            assert server.url == f"http://127.0.0.1:{port}"
            ask(server, GET)

    def test_it_is_what_the_standard_library_s_client_asks_for(self) -> None:
        with (
            httpwire.serve({"GET /a?b": ok(b"content")}) as server,
            urllib.request.urlopen(f"{server.url}/a?b", timeout=20) as answer,
        ):
            assert answer.read() == b"content"

    def test_the_port_is_bound_before_the_context_is_entered(self) -> None:
        """A client may be told of it beforehand; it is answered as soon as the server runs."""
        server = httpwire.serve(OK)
        with connect(server) as client:
            client.sendall(GET)
            with server:
                assert exactly(client, len(OK)) == OK

    def test_a_port_of_one_s_choice(self) -> None:
        with httpwire.serve(OK) as first:
            port = first.port
        with httpwire.serve(OK, listen=str(port)) as server:
            assert server.port == port
            ask(server, GET)

    def test_a_unix_socket(self, tmp_path: Path) -> None:
        path = tmp_path / "s.sock"
        with httpwire.serve(OK, listen=f"unix:{path}") as server:
            assert server.address == f"unix:{path}"
            assert server.port == 0
            assert raw(httpwire.send(GET, to=server.address)) == (GET, OK)
            assert server.requests == [GET]
        assert not path.exists()

    def test_a_port_in_use_is_told_and_nothing_stays_open(self, tmp_path: Path) -> None:
        (tmp_path / "answer").write_bytes(OK)
        with httpwire.serve(OK) as other:
            before = descriptors() if Path("/proc/self/fd").exists() else 0
            for _ in range(3):
                with pytest.raises(ListenFailed, match=f"can't listen on {other.address}: the port is in use"):
                    httpwire.serve(tmp_path / "answer", listen=other.address, into=f"{tmp_path}/into/")
                with pytest.raises(ListenFailed, match="the port is in use"):
                    httpwire.record(f"{tmp_path}/into/", listen=other.address)
            assert not before or descriptors() == before

    @pytest.mark.parametrize("address", ["", "here", "127.0.0.1:99999", "::1:80"])
    def test_what_is_no_address_is_told(self, address: str) -> None:
        with pytest.raises(UsageError, match="not an address to listen on"):
            httpwire.record(listen=address)


class TestRecord:
    def test_a_request_is_had_octet_for_octet_and_not_answered(self) -> None:
        odd = b"POST  /\xe9 HTTP/1.1\nhost:a\nContent-Length:3\n\n\x00\xff\n"
        with httpwire.record() as server:
            assert told(server, GET) == b""
            assert told(server, POST) == b""
            assert told(server, odd) == b""
            server.wait(3)
        assert server.requests == [GET, POST, odd]
        assert [exchange.outcome for exchange in server.exchanges] == [Outcome.NO_ANSWER] * 3

    @pytest.mark.parametrize("kind", ["bytes", "path", "scripted"])
    def test_a_reply(self, tmp_path: Path, kind: str) -> None:
        path = tmp_path / "reply"
        path.write_bytes(OK)
        replies: dict[str, Any] = {"bytes": OK, "path": path, "scripted": Scripted(OK, Faults(segment=1))}
        with httpwire.record(reply=replies[kind]) as server:
            ask(server, GET, POST)
        assert server.requests == [GET, POST]
        assert [raw(exchange) for exchange in server.exchanges] == [(GET, OK), (POST, OK)]

    def test_into_a_file_goes_the_first_complete_request(self, tmp_path: Path) -> None:
        with httpwire.record(tmp_path / "kept") as server:
            with connect(server) as client:
                client.sendall(b"GET /half HTTP/1.1\r\n")
            wait_for(lambda: server.arrivals)
            for request in (GET, POST):
                told(server, request)
            server.wait(2)
            assert (tmp_path / "kept").read_bytes() == GET, "it is there as soon as it is told"
        assert (tmp_path / "kept").read_bytes() == GET
        assert (tmp_path / "kept.partial").read_bytes() == b"GET /half HTTP/1.1\r\n"
        assert server.requests == [GET, POST]

    def test_also_where_two_come_in_one_segment(self, tmp_path: Path) -> None:
        with httpwire.record(tmp_path / "kept", count=1) as server:
            told(server, GET + POST)
            server.join(20)
        assert (tmp_path / "kept").read_bytes() == GET

    @pytest.mark.parametrize("exists", [False, True])
    def test_into_a_folder_go_all_with_an_index(self, tmp_path: Path, exists: bool) -> None:  # noqa: FBT001
        folder = tmp_path / "kept"
        if exists:
            folder.mkdir()
        with httpwire.record(str(folder) if exists else f"{folder}/") as server:
            told(server, GET)
            told(server, POST)
            server.wait(2)
            assert [Path(arrival.file).read_bytes() for arrival in server.arrivals] == [GET, POST]
        assert sorted(os.listdir(folder)) == ["0001-GET.http", "0002-POST-form.http", "index.jsonl"]  # noqa: PTH208
        lines = [json.loads(line) for line in (folder / "index.jsonl").read_text().splitlines()]
        assert [line["file"] for line in lines] == ["0001-GET.http", "0002-POST-form.http"]

    def test_a_folder_as_a_path_object_too(self, tmp_path: Path) -> None:
        with httpwire.record(tmp_path) as server:
            told(server, GET)
        assert (tmp_path / "0001-GET.http").read_bytes() == GET

    def test_a_place_that_can_t_be_written_to_is_told_at_once(self, tmp_path: Path) -> None:
        with pytest.raises(OutputUnwritable):
            httpwire.record(tmp_path / "none" / "kept")
        with pytest.raises(OutputUnwritable):
            httpwire.serve(OK, into=tmp_path / "none" / "kept")


class TestServe:
    def test_octets_go_out_as_they_are(self) -> None:
        odd = b"HTTP/1.0 200\nX : y\n\nbare line feeds, and no length"
        with httpwire.serve(odd) as server:
            assert told(server) == odd

    def test_a_file(self, tmp_path: Path) -> None:
        octets = ok(os.urandom(3 << 20))
        (tmp_path / "answer").write_bytes(octets)
        for path in (tmp_path / "answer", str(tmp_path / "answer")):
            with httpwire.serve(path) as server:
                ask(server, GET, GET, answer=octets)

    def test_several_in_order_of_which_the_last_one_stays(self, tmp_path: Path) -> None:
        (tmp_path / "second").write_bytes(ok(b"2"))
        with httpwire.serve([ok(b"1"), tmp_path / "second", Scripted(ok(b"3"), Faults(segment=2))]) as server:
            for content in (b"1", b"2", b"3", b"3"):
                ask(server, GET, answer=ok(content))

    def test_any_iterable_of_them(self) -> None:
        with httpwire.serve(ok(b"%d" % number) for number in range(3)) as server:
            for number in range(3):
                ask(server, GET, answer=ok(b"%d" % number))

    def test_a_folder_of_recorded_exchanges(self, tmp_path: Path) -> None:
        (tmp_path / "a.http").write_bytes(get("/a"))
        (tmp_path / "a.response").write_bytes(ok(b"a"))
        (tmp_path / "b_send.txt").write_bytes(get("/b"))
        (tmp_path / "b_recv.txt").write_bytes(ok(b"b"))
        for path in (tmp_path, str(tmp_path)):
            with httpwire.serve(path) as server:
                ask(server, get("/b"), answer=ok(b"b"))
                ask(server, get("/a"), answer=ok(b"a"))
                assert told(server, get("/c")).startswith(b"HTTP/1.1 404 ")

    def test_a_mapping_from_requests(self, tmp_path: Path) -> None:
        (tmp_path / "b").write_bytes(ok(b"b"))
        answers = {"GET /a": ok(b"a"), "GET /b": tmp_path / "b", "POST /form": [ok(b"1"), ok(b"2")]}
        with httpwire.serve(answers) as server:
            ask(server, get("/b"), answer=ok(b"b"))
            ask(server, get("/a"), answer=ok(b"a"))
            ask(server, get("http://127.0.0.1/a"), answer=ok(b"a"))
            for content in (b"1", b"2", b"2"):
                ask(server, POST, answer=ok(content))

    def test_what_has_no_answer_gets_a_plain_404_that_says_so(self) -> None:
        with httpwire.serve({"GET /a": OK}) as server:
            with pytest.raises(urllib.error.HTTPError) as caught:
                urllib.request.urlopen(f"{server.url}/b", timeout=20)
            with caught.value as error:
                assert error.code == 404
                assert b"no answer was recorded" in error.read()
            assert told(server, get("/b", method="HEAD")).endswith(b"\r\n\r\n"), "an answer to HEAD has no content"
            server.wait(2)
        assert [exchange.response.status for exchange in server.exchanges if exchange.response] == [404, 404]

    def test_what_is_no_request_gets_a_plain_400(self) -> None:
        with httpwire.serve(OK) as server:
            assert told(server, b"hello\r\n\r\n").startswith(b"HTTP/1.1 400 ")
            assert server.requests == []
            [arrival] = server.arrivals
            assert not arrival.complete

    def test_into_a_file_go_all_requests_in_a_row(self, tmp_path: Path) -> None:
        with httpwire.serve(OK, into=tmp_path / "kept") as server:
            ask(server, GET, POST)
            ask(server, GET)
        assert (tmp_path / "kept").read_bytes() == GET + POST + GET

    def test_into_a_folder_goes_each_by_itself(self, tmp_path: Path) -> None:
        with httpwire.serve(OK, into=f"{tmp_path}/kept/") as server:
            ask(server, GET, POST)
        assert (tmp_path / "kept" / "0002-POST-form.http").read_bytes() == POST

    def test_what_record_keeps_serve_answers(self, tmp_path: Path) -> None:
        """The file of an upstream's answer lies beside the request; the pair is served again."""
        with httpwire.record(f"{tmp_path}/kept/") as recorder:
            told(recorder, get("/x"))
        [request] = (tmp_path / "kept").glob("*.http")
        request.with_suffix(".response").write_bytes(ok(b"x"))
        with httpwire.serve(tmp_path / "kept") as server:
            ask(server, get("/x"), answer=ok(b"x"))


class TestExchanges:
    def test_both_messages_have_their_octets(self) -> None:
        octets = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + OK
        with httpwire.serve(octets) as server:
            ask(server, POST, GET, answer=octets)
            first, second = server.wait(2)
        assert raw(first) == (POST, OK)
        assert raw(second) == (GET, OK)
        assert [message.raw for message in first.interim] == [octets[: -len(OK)]]
        assert first.complete
        assert first.request
        assert (first.request.method, first.request.target, first.request.content) == (b"POST", b"/form", b"a=1&b=2")
        assert first.response
        assert (first.response.status, first.response.content) == (200, b"hello")

    def test_they_are_in_the_order_in_which_the_requests_began(self) -> None:
        with httpwire.serve(OK) as server, connect(server) as one, connect(server) as other:
            one.sendall(POST[:-1])
            wait_for(lambda: server.exchanges)
            other.sendall(get("/2"))
            assert exactly(other, len(OK)) == OK
            one.sendall(POST[-1:])
            assert exactly(one, len(OK)) == OK
            one.sendall(get("/3"))
            assert exactly(one, len(OK)) == OK
            exchanges = server.wait(3)
        assert [exchange.request.target for exchange in exchanges if exchange.request] == [b"/form", b"/2", b"/3"]
        assert server.requests == [POST, get("/2"), get("/3")]

    def test_pipelined_ones_are_paired(self) -> None:
        with httpwire.serve({"GET /1": ok(b"1"), "GET /2": ok(b"2")}) as server:
            with connect(server) as client:
                client.sendall(get("/2") + get("/1") + get("/2"))
                assert exactly(client, 3 * len(ok(b"1"))) == ok(b"2") + ok(b"1") + ok(b"2")
            exchanges = server.wait(3)
        assert [raw(exchange) for exchange in exchanges] == [
            (get("/2"), ok(b"2")),
            (get("/1"), ok(b"1")),
            (get("/2"), ok(b"2")),
        ]

    def test_what_went_out_of_a_cut_answer(self) -> None:
        with httpwire.serve(OK, faults=Faults(truncate=len(OK) - 1)) as server:
            assert told(server) == OK[:-1]
            [exchange] = server.wait()
        assert raw(server.exchanges[0]) == (GET, OK[:-1])
        assert server.exchanges[0].outcome is Outcome.INCOMPLETE
        assert exchange.request

    def test_a_request_that_is_not_whole_is_no_request(self) -> None:
        """What there was of it is in the exchanges and arrivals, with the reason."""
        with httpwire.serve(OK) as server:
            with connect(server) as client:
                client.sendall(POST[:-1])
            wait_for(lambda: server.arrivals)
        assert server.requests == []
        [arrival] = server.arrivals
        assert (arrival.complete, arrival.ending.value, arrival.octets) == (False, "closed", len(POST) - 1)
        [exchange] = server.exchanges
        assert exchange.request
        assert (exchange.request.complete, exchange.request.raw) == (False, POST[:-1])

    def test_a_request_is_what_is_kept_of_it(self, tmp_path: Path) -> None:
        """`requests`, the files and the complete arrivals are the same thing, seen from three sides."""
        tunnel = b"CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n"
        with httpwire.serve({"GET /": OK, "CONNECT a:443": b"HTTP/1.1 200 OK\r\n\r\n"}, into=tmp_path) as server:
            told(server, b"\r\n" + get("/", b"Connection: close"))
            told(server, b"neither\r\n\r\n")
            with connect(server) as client:
                client.sendall(tunnel)
                assert exactly(client, 19) == b"HTTP/1.1 200 OK\r\n\r\n"
                client.sendall(GET)
                client.shutdown(socket.SHUT_WR)
                until_closed(client)
            wait_for(lambda: len(server.arrivals) == 4)
        files = [Path(arrival.file) for arrival in server.arrivals if arrival.complete]
        assert [path.name for path in files] == ["0001-GET.http", "0003-CONNECT-a-443.http"]
        assert files[1].read_bytes() == tunnel
        assert server.requests == [path.read_bytes() for path in files]

    def test_octets_that_are_not_to_be_kept_are_in_the_file_alone(self, tmp_path: Path) -> None:
        with httpwire.serve(OK, into=tmp_path / "all", keep=False) as server:
            ask(server, GET, POST)
            exchanges = server.wait(2)
            with pytest.raises(ValueError, match="not kept"):
                _ = server.requests
        assert (tmp_path / "all").read_bytes() == GET + POST
        assert [raw(exchange) for exchange in exchanges] == [(None, None)] * 2
        assert [exchange.request and exchange.request.method for exchange in exchanges] == [b"GET", b"POST"]

    def test_a_connection_without_octets_is_no_exchange(self) -> None:
        with httpwire.serve(OK) as server:
            connect(server).close()
            ask(server, GET)
        assert len(server.exchanges) == len(server.arrivals) == 1
        assert server.arrivals[0].connection in (1, 2)

    def test_the_answer_to_expect_is_an_interim_one(self) -> None:
        upload = get("/", b"Expect: 100-continue", b"Content-Length: 3", method="PUT")
        with httpwire.serve(OK) as server:
            with connect(server) as client:
                client.sendall(upload)
                assert exactly(client, len(CONTINUE)) == CONTINUE
                client.sendall(b"abc")
                assert exactly(client, len(OK)) == OK
            [exchange] = server.wait()
            assert any("100 Continue was sent" in note for note in server.notes)
        assert raw(exchange) == (upload + b"abc", OK)
        assert [message.raw for message in exchange.interim] == [CONTINUE]

    def test_who_has_an_answer_finds_its_request(self) -> None:
        """No waiting, no guessing: what a client was answered has come, and all lists say so."""
        with httpwire.serve(OK) as server:
            for number in range(1, 201):
                ask(server, GET)
                seen = (len(server.requests), len(server.arrivals), len(server.exchanges))
                assert seen == (number, number, number)

    def test_they_stay_after_the_end(self) -> None:
        with httpwire.serve(OK) as server:
            ask(server, GET)
        assert server.requests == [GET]
        assert [raw(exchange) for exchange in server.exchanges] == [(GET, OK)]
        assert [arrival.octets for arrival in server.arrivals] == [len(GET)]
        assert server.notes == []

    def test_what_is_given_is_the_caller_s_own(self) -> None:
        """Lists are copies: a test may change them."""
        with httpwire.serve(OK) as server:
            ask(server, GET)
            for given in (server.exchanges, server.requests, server.arrivals, server.notes):
                given.clear()
            assert server.requests == [GET]
            assert len(server.exchanges) == len(server.arrivals) == 1


@pytest.mark.parametrize(
    "make",
    [
        lambda: Faults(throttle=float("inf")),
        lambda: Faults(delay=float("nan")),
        lambda: ServerLimits(connections=0),
        lambda: ServerLimits(idle=-1),
        lambda: ServerLimits(request=float("nan")),
    ],
)
def test_numbers_that_mean_nothing_are_refused(make: Callable[[], object]) -> None:
    with pytest.raises(ValueError, match="not"):
        make()


def test_a_unix_socket_has_no_port(tmp_path: Path) -> None:
    with httpwire.record(listen=f"unix:{tmp_path}/x:80") as server:
        assert server.port == 0


@pytest.mark.parametrize(
    ("faults", "gets"),
    [
        (Faults(segment=4), CONTINUE + OK),
        (Faults(throttle=500), CONTINUE + OK),
        (Faults(delay=0.1), CONTINUE + OK),
        (Faults(truncate=10), CONTINUE[:10]),
        (Faults(truncate=len(CONTINUE) + 5), CONTINUE + OK[:5]),
        (Faults(close_before=True), b""),
    ],
    ids=repr,
)
def test_who_waits_for_100_gets_the_recorded_one_alone_however_badly(faults: Faults, gets: bytes) -> None:
    head, content = get("/", b"Content-Length: 2", b"Expect: 100-continue", method="POST"), b"hi"
    with httpwire.serve(CONTINUE + OK, faults=faults) as server, connect(server) as client:
        client.sendall(head)
        begun = exactly(client, min(len(gets), len(CONTINUE)))
        client.sendall(content)
        assert begun + exactly(client, len(gets) - len(begun)) == gets
        assert server.wait()[0].request is not None
        assert not any("100 Continue was sent" in note for note in server.notes)


class TestWait:
    def test_it_ends_when_as_many_requests_have_come(self) -> None:
        with httpwire.serve(OK) as server, ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(server.wait, 2, 20)
            ask(server, GET)
            assert not waiting.done()
            ask(server, POST)
            assert [exchange.request.raw for exchange in waiting.result(20) if exchange.request] == [GET, POST]

    def test_it_waits_for_the_answer_too_unless_told_otherwise(self) -> None:
        with httpwire.serve(OK, faults=Faults(delay=0.3)) as server, connect(server) as client:
            client.sendall(GET)
            assert [raw(exchange) for exchange in server.wait(answered=False)] == [(GET, None)]
            assert [raw(exchange) for exchange in server.wait()] == [(GET, OK)]

    @pytest.mark.parametrize(
        "faults",
        [Faults(truncate=5), Faults(reset_after=5), Faults(close_before=True), Faults(delay=0.1, truncate=0)],
        ids=repr,
    )
    def test_an_answer_that_is_cut_has_been_given(self, faults: Faults) -> None:
        with httpwire.serve(OK, faults=faults) as server, connect(server) as client:
            client.sendall(GET * 2)
            assert len(server.wait(2)) == 2, "the second one came, too, and gets nothing"

    def test_who_takes_no_answer_is_not_waited_for_when_gone(self) -> None:
        large = ok(b"x" * (8 << 20))
        with httpwire.serve(large) as server:
            with connect(server) as client:
                client.sendall(GET)
                server.wait(answered=False)
                with pytest.raises(TimedOut):
                    server.wait(seconds=0.05)
            assert len(server.wait(1)) == 1

    def test_a_request_that_gets_no_answer_needs_none(self) -> None:
        with httpwire.record() as server, connect(server) as client:
            client.sendall(GET)
            assert [raw(exchange) for exchange in server.wait()] == [(GET, None)]

    def test_requests_that_are_not_whole_do_not_count(self) -> None:
        with httpwire.serve(OK) as server:
            with connect(server) as client:
                client.sendall(GET[:-2])
            wait_for(lambda: server.arrivals)
            with pytest.raises(TimedOut):
                server.wait(1, 0.05)

    def test_it_does_not_wait_for_ever(self) -> None:
        with httpwire.serve(OK) as server:
            begun = time.monotonic()
            with pytest.raises(TimedOut, match=r"timed out after 0\.1 seconds"):
                server.wait(1, seconds=0.1)
            assert time.monotonic() - begun < 5

    def test_once_the_server_has_ended_more_are_not_waited_for_and_not_made_up(self) -> None:
        with httpwire.serve(OK, count=1) as server:
            ask(server, GET)
            server.join(20)
            assert len(server.wait(1)) == 1
            with pytest.raises(HttpwireError):
                server.wait(2, 5)

    def test_who_waits_is_woken_by_the_end(self) -> None:
        server = httpwire.serve(OK)
        with ThreadPoolExecutor(1) as pool:
            with server:
                waiting = pool.submit(server.wait, 1, None)
            with pytest.raises(HttpwireError):
                waiting.result(20)

    def test_a_server_that_was_not_entered_answers_nobody(self) -> None:
        server = httpwire.serve(OK)
        try:
            with pytest.raises(HttpwireError):
                server.wait(1, 0.05)
        finally:
            server.close()


class TestAsync:
    def test_the_loop_goes_on_while_the_server_runs_and_ends(self) -> None:
        async def run() -> list[Exchange]:
            beats = 0

            async def beat() -> None:
                nonlocal beats
                while True:
                    await asyncio.sleep(0.01)
                    beats += 1

            beating = asyncio.create_task(beat())
            async with httpwire.serve(OK, faults=Faults(delay=0.3)) as server:
                reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
                writer.write(GET)
                exchanges = await server.arrived()
                assert await asyncio.wait_for(reader.readexactly(len(OK)), 20) == OK
                assert beats > 5
                writer.write(GET[:5])
                beats = 0
                begun = time.monotonic()
            took = time.monotonic() - begun
            assert beats >= int(took / 0.01 / 10), "the loop stood still while the server ended"
            beating.cancel()
            writer.close()
            await asyncio.wait_for(writer.wait_closed(), 20)
            return exchanges

        [exchange] = asyncio.run(run())
        assert exchange.request
        assert exchange.request.raw == GET

    def test_arrived_is_wait(self) -> None:
        async def run() -> list[bytes]:
            async with httpwire.record() as server:
                waiting = asyncio.create_task(server.arrived(2, 20))
                for request in (GET, POST):
                    _, writer = await asyncio.open_connection("127.0.0.1", server.port)
                    writer.write(request)
                    await writer.drain()
                    writer.close()
                    await writer.wait_closed()
                await waiting
                with pytest.raises(TimedOut):
                    await server.arrived(3, seconds=0.05)
                return server.requests

        assert sorted(asyncio.run(run())) == sorted([GET, POST])

    def test_many_at_once(self) -> None:
        async def one(number: int) -> bytes:
            async with httpwire.serve(ok(b"%d" % number)) as server:
                reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
                writer.write(GET)
                octets = await reader.readexactly(len(ok(b"%d" % number)))
                writer.close()
                await writer.wait_closed()
                return octets

        async def run() -> list[bytes]:
            return await asyncio.wait_for(asyncio.gather(*map(one, range(20))), 60)

        assert asyncio.run(run()) == [ok(b"%d" % number) for number in range(20)]

    def test_an_exception_inside_ends_it(self) -> None:
        async def run() -> None:
            async with httpwire.serve(OK) as server:
                raise ZeroDivisionError(server.port)

        with pytest.raises(ZeroDivisionError) as caught:
            asyncio.run(run())
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", caught.value.args[0]), 5)


class TestFaults:
    @pytest.mark.parametrize("cut", [0, 1, len(OK) - 1])
    def test_the_connection_closes_in_the_middle(self, cut: int) -> None:
        with httpwire.serve(OK, faults=Faults(truncate=cut)) as server:
            assert told(server, GET + GET) == OK[:cut]

    def test_it_closes_behind_the_last_octet_where_that_was_asked_for(self) -> None:
        """After `truncate` octets a close: also where these are all there are."""
        with httpwire.serve(OK, faults=Faults(truncate=len(OK))) as server:
            assert told(server, GET) == OK

    @pytest.mark.parametrize("cut", [0, 1, len(OK) - 1, len(OK)])
    def test_it_is_reset(self, cut: int) -> None:
        """The octets before arrive, and then RST; also behind the last one."""
        with httpwire.serve(OK, faults=Faults(reset_after=cut)) as server, connect(server) as client:
            client.sendall(GET)
            assert exactly(client, cut) == OK[:cut]
            client.settimeout(3)
            assert is_reset(client)

    def test_it_closes_in_place_of_an_answer(self) -> None:
        with httpwire.serve(OK, faults=Faults(close_before=True)) as server:
            assert told(server) == b""
            assert len(server.wait()) == 1
        assert server.exchanges[0].outcome is Outcome.NO_ANSWER

    def test_it_waits(self) -> None:
        with httpwire.serve(OK, faults=Faults(delay=0.3)) as server:
            begun = time.monotonic()
            ask(server, GET)
            assert 0.29 < time.monotonic() - begun < 10

    def test_it_drips(self) -> None:
        with httpwire.serve(OK, faults=Faults(throttle=100)) as server:
            begun = time.monotonic()
            ask(server, GET)
            assert (len(OK) - 10) / 100 < time.monotonic() - begun < 10

    def test_one_answer_alone_may_be_faulty(self) -> None:
        with httpwire.serve([Scripted(OK, Faults(truncate=3)), OK]) as server:
            assert told(server) == OK[:3]
            ask(server, GET)

    def test_and_one_alone_may_be_without_fault(self) -> None:
        with httpwire.serve([OK, Scripted(ok(b"2"), Faults())], faults=Faults(truncate=3)) as server:
            assert told(server) == OK[:3]
            ask(server, GET, answer=ok(b"2"))

    def test_in_a_mapping_too(self) -> None:
        answers = {"GET /bad": Scripted(OK, Faults(close_before=True)), "GET /": [Scripted(OK, Faults(truncate=1)), OK]}
        with httpwire.serve(answers) as server:
            assert told(server, get("/bad")) == b""
            assert told(server) == OK[:1]
            ask(server, GET)

    def test_recorded_times(self, tmp_path: Path) -> None:
        (tmp_path / "answer").write_bytes(OK)
        (tmp_path / "answer.times").write_text(f'{{"at": 0.1, "stop": 5}}\n{{"at": 0.4, "stop": {len(OK)}}}\n')
        with httpwire.serve(tmp_path / "answer", faults=Faults(timing=True)) as server, connect(server) as client:
            begun = time.monotonic()
            client.sendall(GET)
            assert client.recv(1000) == OK[:5]
            assert time.monotonic() - begun > 0.09
            assert exactly(client, len(OK) - 5) == OK[5:]
            assert 0.39 < time.monotonic() - begun < 10

    @pytest.mark.parametrize("scripted", [False, True])
    def test_recorded_times_of_a_folder(self, tmp_path: Path, scripted: bool) -> None:  # noqa: FBT001
        (tmp_path / "a.http").write_bytes(GET)
        (tmp_path / "a.response").write_bytes(OK)
        (tmp_path / "a.response.times").write_text(f'{{"at": 0.3, "stop": {len(OK)}}}\n')
        faults = Faults(timing=True)
        answers: dict[str, Any] = {"GET /": Scripted(tmp_path / "a.response", faults)}
        with httpwire.serve(answers) if scripted else httpwire.serve(tmp_path, faults=faults) as server:
            begun = time.monotonic()
            ask(server, GET)
            assert 0.29 < time.monotonic() - begun < 10

    def test_times_that_nobody_asked_for_do_no_harm(self, tmp_path: Path) -> None:
        (tmp_path / "answer").write_bytes(OK)
        (tmp_path / "answer.times").write_text("damaged")
        with httpwire.serve(tmp_path / "answer") as server:
            ask(server, GET)
        with pytest.raises(AnswerUnreadable, match=r"answer\.times"):
            httpwire.serve(tmp_path / "answer", faults=Faults(timing=True))

    def test_without_any_there_is_nothing_to_go_by(self) -> None:
        """As the command says: whoever asks for recorded times means to have some."""
        with pytest.raises(UsageError, match="no times were recorded"):
            httpwire.serve(OK, faults=Faults(timing=True)).close()


class TestCountAndLimits:
    def test_after_so_many_requests_it_ends_by_itself(self) -> None:
        with httpwire.serve(OK, count=2) as server:
            ask(server, GET)
            ask(server, POST)
            server.join(20)
            with pytest.raises(ConnectionRefusedError):
                connect(server).close()
        assert server.requests == [GET, POST]

    def test_until_then_joining_takes_its_time(self) -> None:
        with httpwire.serve(OK, count=2) as server:
            ask(server, GET)
            with pytest.raises(TimedOut):
                server.join(0.05)

    def test_a_client_that_is_still_is_closed(self) -> None:
        with httpwire.serve(OK, limits=ServerLimits(idle=0.3)) as server, connect(server) as client:
            client.sendall(GET[:-2])
            until_closed(client)
            wait_for(lambda: server.arrivals)
        assert [arrival.ending.value for arrival in server.arrivals] == ["timed-out"]

    def test_a_request_may_take_only_so_long(self) -> None:
        with httpwire.serve(OK, limits=ServerLimits(request=0.3)) as server, connect(server) as client:
            client.sendall(GET[:-2])
            assert until_closed(client).startswith(b"HTTP/1.1 400 ")
        assert [arrival.ending.value for arrival in server.arrivals] == ["timed-out"]

    def test_connections_beyond_the_limit_have_their_turn_later(self) -> None:
        with httpwire.serve(OK, limits=ServerLimits(connections=1)) as server:
            with connect(server) as first:
                first.sendall(POST[:-1])
                wait_for(lambda: server.exchanges)
                second = connect(server)
                second.sendall(GET)
                second.settimeout(0.2)
                with pytest.raises(TimeoutError):
                    second.recv(1)
                first.sendall(POST[-1:])
                assert exactly(first, len(OK)) == OK
            second.settimeout(20)
            with second:
                assert exactly(second, len(OK)) == OK

    def test_a_head_may_be_only_so_large(self) -> None:
        with httpwire.serve(OK, reading=Limits(head=100)) as server:
            ask(server, GET)
            assert told(server, get("/" + "x" * 200)).startswith(b"HTTP/1.1 400 ")
        assert [arrival.complete for arrival in server.arrivals] == [True, False]


class TestTls:
    def test_with_certificates_of_httpwire_s_own(self, authority: Path) -> None:
        with httpwire.serve({"GET /a": OK}, tls=ServerTls()) as server:
            assert server.url == f"https://{server.address}"
            assert Path(server.certificate_path).is_relative_to(authority)
            trusting = ssl.create_default_context(cafile=server.certificate_path)
            with urllib.request.urlopen(f"{server.url}/a", timeout=20, context=trusting) as answer:
                assert answer.read() == b"hello"
            exchange = httpwire.send(get("/a"), to=server.url, tls=TlsOptions(cacert=server.certificate_path))
            assert raw(exchange) == (get("/a"), OK)
        assert server.requests[1] == get("/a"), "what is kept is what was said inside TLS"
        assert raw(server.exchanges[1]) == (get("/a"), OK)

    def test_for_the_name_that_is_asked_for(self, authority: Path) -> None:
        with httpwire.record(reply=OK, tls=ServerTls()) as server:
            assert authority.exists()
            trusting = ssl.create_default_context(cafile=server.certificate_path)
            with (
                connect(server) as plain,
                trusting.wrap_socket(plain, server_hostname="www.example.test") as client,
            ):
                client.sendall(GET)
                assert exactly(client, len(OK)) == OK
        assert [arrival.name for arrival in server.arrivals] == ["www.example.test"]

    def test_with_one_s_own(self, tmp_path: Path) -> None:
        path = tmp_path / "server.pem"
        ca = trustme.CA()
        ca.issue_cert("localhost", "127.0.0.1").private_key_and_cert_chain_pem.write_to_path(path)
        ca.cert_pem.write_to_path(tmp_path / "ca.pem")
        with httpwire.serve(OK, tls=ServerTls(cert=str(path))) as server:
            assert server.certificate_path == "", "whom to trust the caller knows"
            exchange = httpwire.send(GET, to=server.url, tls=TlsOptions(cacert=str(tmp_path / "ca.pem")))
            assert raw(exchange) == (GET, OK)

    def test_a_large_answer_with_faults(self, tmp_path: Path, authority: Path) -> None:
        octets = ok(os.urandom(2 << 20))
        (tmp_path / "answer").write_bytes(octets)
        with httpwire.serve(tmp_path / "answer", tls=ServerTls(), faults=Faults(segment=50_000)) as server:
            assert authority.exists()
            exchange = httpwire.send(GET, to=server.url, tls=TlsOptions(insecure=True))
        assert raw(exchange) == (GET, octets)

    def test_a_client_that_does_not_trust_it_is_noted(self, authority: Path) -> None:
        with httpwire.serve(OK, tls=ServerTls()) as server:
            assert authority.exists()
            with connect(server) as plain, pytest.raises(ssl.SSLCertVerificationError):
                ssl.create_default_context().wrap_socket(plain, server_hostname="localhost")
            wait_for(lambda: server.notes)
            assert "does not trust the certificate" in server.notes[0]
        assert server.arrivals == []

    def test_plain_http_is_noted_and_no_success(self, authority: Path) -> None:
        with httpwire.serve(OK, tls=ServerTls()) as server:
            assert authority.exists()
            assert told(server).startswith(b"HTTP/1.1 400 ")
            assert "https://" in server.notes[0]
            assert server.requests == [], "what is refused is no request that a test should count"
        assert [arrival.complete for arrival in server.arrivals] == [False]

    def test_a_certificate_that_is_none_is_told_before_anything_listens(self, tmp_path: Path) -> None:
        before = descriptors() if Path("/proc/self/fd").exists() else 0
        with pytest.raises(UsageError, match=r"none\.pem"):
            httpwire.serve(OK, into=f"{tmp_path}/into/", tls=ServerTls(cert=str(tmp_path / "none.pem")))
        assert not before or descriptors() == before


class TestTheEnd:
    def test_nobody_listens_any_more(self) -> None:
        with httpwire.serve(OK) as server:
            ask(server, GET)
        with pytest.raises(ConnectionRefusedError):
            connect(server).close()

    def test_closing_twice_is_closing_once(self) -> None:
        server = httpwire.serve(OK)
        with server:
            ask(server, GET)
            server.close()
            server.close()
        server.close()
        assert server.requests == [GET]

    def test_closing_what_was_never_entered(self, tmp_path: Path) -> None:
        before = descriptors() if Path("/proc/self/fd").exists() else 0
        server = httpwire.record(f"{tmp_path}/kept/")
        server.close()
        assert not before or descriptors() == before

    def test_entering_again_what_has_ended_is_told(self) -> None:
        """Its port is gone: a client would wait for an answer in vain."""
        server = httpwire.serve(OK)
        with server:
            pass
        with pytest.raises((HttpwireError, RuntimeError)), server:
            pass

    def test_entering_twice_is_one_server(self) -> None:
        with httpwire.serve(OK) as server:
            assert server.__enter__() is server
            ask(server, GET)

    def test_an_exception_inside_comes_out_and_the_server_ends(self) -> None:
        server = httpwire.serve(OK)

        def test() -> NoReturn:
            with server:
                ask(server, GET)
                raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            test()
        with pytest.raises(ConnectionRefusedError):
            connect(server).close()
        assert server.requests == [GET]

    @pytest.mark.parametrize("half", [b"", GET, GET + POST[:-1], POST[:-1]], ids=["silent", "served", "more", "half"])
    def test_a_client_that_stays_connected_does_not_hold_it_up(self, half: bytes) -> None:
        """Every HTTP client that keeps its connections does; a test suite would wait for each of them."""
        server = httpwire.serve(OK)
        with server:
            client = connect(server)
            client.sendall(half)
            if half.startswith(GET):
                assert exactly(client, len(OK)) == OK
            elif half:
                wait_for(lambda: server.exchanges)
            begun = time.monotonic()
        took = time.monotonic() - begun
        with client:
            assert took < 1.5

    def test_an_answer_on_its_way_does_not_hold_it_up_for_long(self) -> None:
        server = httpwire.serve(OK, faults=Faults(delay=60))
        with server:
            client = connect(server)
            client.sendall(GET)
            server.wait(answered=False)
            begun = time.monotonic()
        took = time.monotonic() - begun
        with client:
            assert took < 5

    def test_what_could_not_be_kept_is_raised_at_the_end(self) -> None:
        if not Path("/dev/full").exists():
            pytest.skip("this system has no device that is always full")
        server = httpwire.record("/dev/full", reply=OK)
        server.__enter__()
        with connect(server) as client:
            client.sendall(GET)
            assert until_closed(client) == b"", "what is not kept is not answered"
        for ask_again in (server.wait, server.join, server.close, server.close):
            with pytest.raises(SaveFailed, match="No space left"):
                ask_again()

    @PROC
    def test_nothing_is_left_behind(self, tmp_path: Path, authority: Path) -> None:
        (tmp_path / "answer").write_bytes(OK)
        with httpwire.serve(OK, tls=ServerTls()) as server:  # loads what is loaded once
            assert authority.exists()
            httpwire.send(GET, to=server.url, tls=TlsOptions(insecure=True))
        threads, before = set(threading.enumerate()), descriptors()
        for number in range(20):
            answer: Any = tmp_path / "answer" if number % 2 else [OK, Scripted(tmp_path / "answer", Faults(delay=0.01))]
            into = f"{tmp_path}/into/" if number % 3 else tmp_path / f"into-{number}"
            with httpwire.serve(answer, into=into, tls=ServerTls() if number % 5 == 0 else None) as server:
                for _ in range(3):
                    httpwire.send(GET, to=server.url, tls=TlsOptions(insecure=True) if number % 5 == 0 else None)
        assert set(threading.enumerate()) == threads
        assert descriptors() == before

    def test_a_program_that_never_closes_it_ends_all_the_same(self) -> None:
        code = "import httpwire; httpwire.serve(b'HTTP/1.1 204 No Content\\r\\n\\r\\n').__enter__()"
        ran = subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=20, check=False)
        assert (ran.returncode, ran.stdout, ran.stderr) == (0, b"", b"")


class TestManyAndThreads:
    def test_fifty_servers_at_once(self) -> None:
        servers = [httpwire.serve(ok(b"%d" % number)) for number in range(50)]
        try:
            for server in servers:
                server.__enter__()
            assert len({server.port for server in servers}) == 50
            for number, server in enumerate(servers):
                ask(server, GET, answer=ok(b"%d" % number))
            assert [server.requests for server in servers] == [[GET]] * 50
        finally:
            for server in servers:
                server.close()

    def test_clients_in_many_threads_each_get_their_own(self) -> None:
        answers = {f"GET /{number}": ok(b"%d" % number) for number in range(16)}
        with httpwire.serve(answers) as server:

            def client(number: int) -> None:
                ask(server, *[get(f"/{number}")] * 25, answer=ok(b"%d" % number))

            with ThreadPoolExecutor(16) as pool:
                list(pool.map(client, range(16)))
            assert len(server.wait(16 * 25)) == 16 * 25
        assert sorted(server.requests) == sorted(get(f"/{number}") for number in range(16) for _ in range(25))
        for exchange in server.exchanges:
            request, response = raw(exchange)
            assert request
            assert response == ok(request.split()[1][1:])

    def test_it_can_be_asked_while_it_serves(self) -> None:
        """What other threads see is whole, at every moment."""
        with httpwire.serve(OK) as server, ThreadPoolExecutor(4) as pool:
            stop = threading.Event()

            def look() -> int:
                looks = 0
                while not stop.is_set():
                    for exchange in server.exchanges:
                        request, response = raw(exchange)
                        assert request == POST[: len(request or b"")]
                        assert response is None or response == OK[: len(response)]
                    assert set(server.requests) <= {POST}
                    assert all(arrival.complete for arrival in server.arrivals)
                    looks += 1
                return looks

            looking = [pool.submit(look) for _ in range(3)]
            try:
                ask(server, *[POST] * 100)
                wait_for(lambda: len(server.arrivals) == 100)
            finally:
                stop.set()
            assert all(each.result(20) for each in looking)

    def test_many_may_wait_for_it(self) -> None:
        with httpwire.serve(OK) as server, ThreadPoolExecutor(8) as pool:
            waiting = [pool.submit(server.wait, number, 20) for number in range(1, 9)]
            ask(server, *[GET] * 8)
            assert [len(each.result(20)) >= number for number, each in enumerate(waiting, 1)] == [True] * 8

    def test_other_threads_may_end_it_all_at_once(self) -> None:
        """Each of them returns when it has ended, and none closes a descriptor that is somebody else's by then."""
        for _ in range(10):
            server = httpwire.serve(OK)
            server.__enter__()
            ask(server, GET)
            together = threading.Barrier(8, timeout=20)

            def end(server: Running = server, together: threading.Barrier = together) -> None:
                together.wait()
                server.close()
                with pytest.raises(ConnectionRefusedError):
                    connect(server).close()

            with ThreadPoolExecutor(8) as pool:
                for each in [pool.submit(end) for _ in range(8)]:
                    each.result(20)


class TestFaultsOfOurs:
    def broken(self, *_: object, **__: object) -> NoReturn:
        raise ZeroDivisionError("a fault of the parser")

    def test_octets_are_kept_though_the_parser_fails_on_them(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Law 3, for whoever looks at the exchanges, too: reading them must not come before keeping them."""
        monkeypatch.delenv("HTTPWIRE_DEBUG", raising=False)
        with httpwire.record(f"{tmp_path}/kept/") as server:
            told(server, GET)
            with monkeypatch.context() as patched:
                patched.setattr(Stream, "feed", self.broken)
                with connect(server) as client:
                    client.sendall(POST)
                    until_closed(client)
                wait_for(lambda: server.notes)
            assert "a fault of httpwire itself: ZeroDivisionError" in server.notes[0]
            told(server, GET)
            server.wait(2)
        kept = sorted((tmp_path / "kept").glob("000*"))
        assert [path.read_bytes() for path in kept] == [GET, POST, GET]
        assert [path.name.endswith(".partial") for path in kept] == [False, True, False]

    def test_also_where_it_fails_again_at_the_end(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """One client's octets that strike a fault cost no other client its server."""
        monkeypatch.delenv("HTTPWIRE_DEBUG", raising=False)
        with httpwire.record(f"{tmp_path}/kept/") as server:
            with monkeypatch.context() as patched:
                patched.setattr(Stream, "feed", self.broken)
                patched.setattr(Stream, "feed_eof", self.broken)
                with connect(server) as client:
                    client.sendall(POST)
                    until_closed(client)
                wait_for(lambda: server.notes or not server.arrivals)
            told(server, GET)
            server.wait(1, 10)
        kept = sorted((tmp_path / "kept").glob("000*"))
        assert [path.read_bytes() for path in kept] == [POST, GET]


# As somebody calls them who checks no types.
serve: Any = httpwire.serve
record: Any = httpwire.record
WRONG: list[tuple[str, Callable[[], Running]]] = [
    ("serve(None)", lambda: serve(None)),
    ("serve(204)", lambda: serve(204)),
    ("serve([None])", lambda: serve([None])),
    ("serve([[OK]])", lambda: serve([[OK]])),
    ("serve({'GET /': None})", lambda: serve({"GET /": None})),
    ("serve({5: OK})", lambda: serve({5: OK})),
    ("serve({b'GET /': OK})", lambda: serve({b"GET /": OK})),
    ("serve({('GET', '/'): OK})", lambda: serve({("GET", "/"): OK})),
    ("serve(Scripted(OK, None))", lambda: serve(Scripted(OK, None))),  # type: ignore[arg-type]
    ("serve(listen=80)", lambda: serve(OK, listen=0)),
    ("serve(listen=tuple)", lambda: serve(OK, listen=("127.0.0.1", 0))),
    ("serve(faults=dict)", lambda: serve(OK, faults={"delay": 1})),
    ("serve(faults=None)", lambda: serve(OK, faults=None)),
    ("serve(count='1')", lambda: serve(OK, count="1")),
    ("serve(count=0)", lambda: serve(OK, count=0)),
    ("serve(tls=True)", lambda: serve(OK, tls=True)),
    ("serve(limits=TimeLimits())", lambda: serve(OK, limits=httpwire.TimeLimits())),
    ("record(reply=204)", lambda: record(reply=204)),
    ("record(reply=[OK])", lambda: record(reply=[OK])),
    ("record(OK)", lambda: record(OK)),
    ("record(5)", lambda: record(5)),
]


class TestWhatIsWrong:
    """A slip is told where it was made, and in words that say what to write instead."""

    @pytest.mark.parametrize(("what", "call"), WRONG, ids=[what for what, _ in WRONG])
    def test_another_type(self, what: str, call: Callable[[], Running]) -> None:  # noqa: ARG002  # the test's name
        """Before anything listens, not when the first client comes; and never as an AttributeError from inside."""
        made: list[Running] = []
        before = descriptors() if Path("/proc/self/fd").exists() else 0
        try:
            with pytest.raises((TypeError, ValueError, UsageError)):
                made.append(call())
            assert not before or descriptors() == before
        finally:
            for server in made:
                with suppress(TypeError):
                    server.close()

    @pytest.mark.parametrize("buffer", [bytearray, memoryview])
    def test_octets_of_another_kind_are_octets(self, buffer: Callable[[bytes], Any]) -> None:
        with httpwire.serve(buffer(OK)) as server:
            ask(server, GET)

    def test_text_in_place_of_octets(self) -> None:
        """A str is a path; one that can only be an answer is told as such."""
        with pytest.raises(AnswerUnreadable) as caught:
            httpwire.serve("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        assert "bytes" in f"{caught.value} {caught.value.hint}"

    @pytest.mark.parametrize("path", ["missing", "", "a\0b"])
    def test_a_path_where_nothing_is(self, path: str) -> None:
        with pytest.raises(AnswerUnreadable):
            httpwire.serve(path)

    @pytest.mark.parametrize("kind", ["list", "mapping", "scripted", "reply"])
    def test_a_folder_where_one_answer_is_asked_for(self, tmp_path: Path, kind: str) -> None:
        """Of its answers only one could be given, and nobody would know which."""
        for name in ("a", "b"):
            (tmp_path / f"{name}.http").write_bytes(get(f"/{name}"))
            (tmp_path / f"{name}.response").write_bytes(ok(name.encode()))
        calls: dict[str, Callable[[], Running]] = {
            "list": lambda: httpwire.serve([OK, tmp_path]),
            "mapping": lambda: httpwire.serve({"GET /": tmp_path}),
            "scripted": lambda: httpwire.serve(Scripted(tmp_path, Faults(delay=1.0))),
            "reply": lambda: httpwire.record(reply=tmp_path),
        }
        before = descriptors() if Path("/proc/self/fd").exists() else 0
        with pytest.raises(UsageError):
            calls[kind]().close()
        assert not before or descriptors() == before

    @pytest.mark.parametrize("answers", [[], {"GET /": []}], ids=["list", "mapping"])
    def test_no_answer_at_all(self, answers: Any) -> None:
        with pytest.raises(UsageError):
            httpwire.serve(answers).close()

    @pytest.mark.parametrize(
        "asked", ["/", "", "GET", "GET ", " /", "GET / HTTP/1.1", "GET /a b", "GET /\r\nA: b", "GET /あ", "GET  /"]
    )
    def test_a_request_that_no_client_could_send(self, asked: str) -> None:
        """It would never match, and every request would get 404."""
        with pytest.raises(UsageError, match="METHOD TARGET"):
            httpwire.serve({asked: OK}).close()

    @pytest.mark.parametrize(
        "faults",
        [
            {"delay": -1.0},
            {"segment": -1},
            {"throttle": -5.0},
            {"truncate": -1},
            {"reset_after": -1},
            {"delay": "1"},
            {"segment": 1.5},
        ],
        ids=str,
    )
    def test_faults_that_can_not_be(self, faults: dict[str, Any]) -> None:
        with pytest.raises((TypeError, ValueError, UsageError)):
            httpwire.serve(OK, faults=Faults(**faults)).close()


class TestTheInterface:
    def test_the_names_are_in_httpwire_itself(self) -> None:
        for name in ("record", "serve", "Running", "Scripted", "Faults", "Arrival", "ServerLimits", "ServerTls"):
            assert name in httpwire.__all__
            assert name in dir(httpwire)
            assert inspect.getdoc(getattr(httpwire, name))

    def test_each_name_of_a_server_is_explained(self) -> None:
        with httpwire.serve(OK) as server:
            names = [name for name in dir(server) if not name.startswith("_")]
            for name in ("address", "arrivals", "close", "exchanges", "notes", "port", "requests", "url", "wait"):
                assert name in names
            unexplained = [
                name for name in names if name in dir(Running) and not inspect.getdoc(getattr(Running, name))
            ]
        assert unexplained == []

    def test_a_server_says_what_it_is(self) -> None:
        with httpwire.serve(OK) as server:
            assert server.address in repr(server)


@pytest.fixture
def keepalive() -> Iterator[Callable[[Running], http.client.HTTPConnection]]:
    """A client of the standard library that keeps its connection."""
    open_ones: list[http.client.HTTPConnection] = []

    def made(server: Running) -> http.client.HTTPConnection:
        open_ones.append(http.client.HTTPConnection("127.0.0.1", server.port, timeout=20))
        return open_ones[-1]

    yield made
    for connection in open_ones:
        connection.close()


def test_a_test_suite_s_own_client(keepalive: Callable[[Running], http.client.HTTPConnection]) -> None:
    """What this is for: the client under test, a recorded answer, and then what it really sent."""
    answers = {"POST /api": ok(b'{"id": 7}', b"Content-Type: application/json"), "GET /api/7": ok(b"{}")}
    with httpwire.serve(answers) as server:
        client = keepalive(server)
        client.request("POST", "/api", b'{"a": 1}', {"Content-Type": "application/json"})
        assert json.loads(client.getresponse().read()) == {"id": 7}
        client.request("GET", "/api/7")
        assert client.getresponse().read() == b"{}"
        first, second = server.wait(2)
    assert first.request
    assert first.request.values(b"content-type") == [b"application/json"]
    assert first.request.content == b'{"a": 1}'
    assert second.request
    assert second.request.raw == (
        b"GET /api/7 HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nAccept-Encoding: identity\r\n\r\n" % server.port
    )


def test_a_client_that_resets_in_its_upload_is_told_with_the_reason() -> None:
    with httpwire.record() as server:
        with connect(server) as client:
            client.sendall(POST[:-3])
            wait_for(lambda: server.exchanges)
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        wait_for(lambda: server.arrivals)
    [arrival] = server.arrivals
    assert (arrival.complete, arrival.ending.value, arrival.octets) == (False, "failed", len(POST) - 3)
