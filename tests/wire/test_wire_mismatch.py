"""A recorded answer that a client may not like: each way in which it doesn't fit is told, and nothing that fits."""

from __future__ import annotations

from collections import deque

import pytest

from httpwire.language import Translator
from httpwire.wire.element import Direction
from httpwire.wire.message import Message
from httpwire.wire.mismatch import mismatches
from httpwire.wire.stream import Stream

ENGLISH = Translator()


def request(asked: str = "GET /", *fields: str) -> Message:
    octets = "\r\n".join((f"{asked} HTTP/1.1", "Host: a", *fields, "", ""))
    return only(Stream(Direction.REQUEST), octets.encode("latin-1"))


def response(octets: bytes, method: bytes) -> Message:
    return only(Stream(Direction.RESPONSE, methods=deque((method,))), octets)


def only(stream: Stream, octets: bytes) -> Message:
    """The first message of the octets that is not an interim one."""
    events = [*stream.feed(octets), *stream.feed_eof()]
    return next(event for event in events if isinstance(event, Message) and not event.interim)


def answer(status: str = "200 OK", *fields: str, content: str = "hello") -> bytes:
    lines = (f"HTTP/1.1 {status}", *fields, f"Content-Length: {len(content)}", "", content)
    return "\r\n".join(lines).encode("latin-1")


def told(asked: Message, octets: bytes, recorded: Message | None = None) -> list[str]:
    """What is told where `octets`, which were recorded for `recorded`, answer the request `asked`."""
    found = mismatches(asked, response(octets, asked.method), len(octets), recorded)
    return [ENGLISH.sentence(mismatch.says, mismatch.details) for mismatch in found]


class TestWhatFits:
    @pytest.mark.parametrize("recorded", [None, request()], ids=["not known", "recorded"])
    def test_nothing_is_told_of_a_plain_answer_to_a_plain_request(self, recorded: Message | None) -> None:
        assert told(request(), answer(), recorded) == []

    def test_nor_of_an_answer_to_head_that_was_recorded_for_head(self) -> None:
        octets = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"
        assert told(request("HEAD /"), octets, request("HEAD /")) == []

    def test_nor_of_interim_answers(self) -> None:
        early = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
        assert told(request("HEAD /"), early + b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n") == []

    @pytest.mark.parametrize(
        ("status", "field"),
        [
            ("206 Partial Content", "Range: bytes=0-4"),
            ("416 Range Not Satisfiable", "Range: bytes=90-"),
            ("304 Not Modified", 'If-None-Match: "x"'),
            ("304 Not Modified", "If-Modified-Since: Sat, 29 Oct 1994 19:43:31 GMT"),
            ("412 Precondition Failed", 'If-Match: "x"'),
            ("412 Precondition Failed", "If-Unmodified-Since: Sat, 29 Oct 1994 19:43:31 GMT"),
            ("101 Switching Protocols", "Upgrade: websocket"),
        ],
    )
    def test_nor_of_a_status_that_the_request_asks_for(self, status: str, field: str) -> None:
        octets = f"HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n".encode()
        asked = request("GET /", field)
        assert told(asked, octets, asked) == []


class TestAnotherRequest:
    def test_the_target_differs(self) -> None:
        assert told(request("GET /b"), answer(), request("GET /a")) == ["recorded for GET /a, served to GET /b"]

    def test_the_method_differs(self) -> None:
        assert told(request("POST /"), answer(), request("GET /")) == ["recorded for GET /, served to POST /"]

    def test_targets_are_told_apart_by_case(self) -> None:
        assert told(request("GET /A"), answer(), request("GET /a"))

    def test_fields_alone_make_no_other_request(self) -> None:
        assert told(request("GET /", "User-Agent: x"), answer(), request("GET /", "User-Agent: y")) == []


class TestHead:
    def test_content_in_an_answer_to_head(self) -> None:
        assert told(request("HEAD /"), answer()) == ["the answer has content, which an answer to HEAD has not"]

    def test_what_was_recorded_for_get(self) -> None:
        assert told(request("HEAD /"), answer(), request()) == [
            "recorded for GET /, served to HEAD /",
            "the answer has content, which an answer to HEAD has not",
        ]

    def test_what_was_recorded_for_head_lacks_the_content_that_get_waits_for(self) -> None:
        octets = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"
        assert told(request(), octets, request("HEAD /")) == [
            "recorded for HEAD /, served to GET /",
            "the answer was recorded for HEAD: the content that it announces is not there",
        ]

    def test_but_not_where_it_announces_none(self) -> None:
        octets = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
        assert told(request(), octets, request("HEAD /")) == ["recorded for HEAD /, served to GET /"]

    def test_an_answer_cut_short_is_no_mismatch(self) -> None:
        assert told(request(), answer()[:-1], request()) == []


class TestStatus:
    @pytest.mark.parametrize("status", [206, 416])
    def test_a_range_that_was_not_asked_for(self, status: int) -> None:
        expected = [f"the status is {status}, and the request asks for no range"]
        assert told(request(), answer(f"{status} x")) == expected
        assert told(request(), answer(f"{status} x"), request("GET /", "Range: bytes=0-4")) == expected

    def test_another_range(self) -> None:
        recorded, asked = request("GET /", "Range: bytes=0-4"), request("GET /", "Range: bytes=5-9")
        expected = ["the request asks for another range than the recorded one"]
        assert told(asked, answer("206 Partial Content"), recorded) == expected
        assert told(asked, answer("206 Partial Content"), None) == [], "which range it was is not known"

    @pytest.mark.parametrize("status", [304, 412])
    def test_a_condition_that_was_not_set(self, status: int) -> None:
        octets = b"HTTP/1.1 %d x\r\nContent-Length: 0\r\n\r\n" % status
        assert told(request(), octets) == [f"the status is {status}, and the request has no condition"]

    def test_an_upgrade_that_was_not_asked_for(self) -> None:
        octets = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n"
        assert told(request(), octets) == ["the status is 101, and the request asks for no upgrade"]

    def test_each_mismatch_is_told(self) -> None:
        octets = answer("206 Partial Content", "Content-Encoding: br")
        asked = request("GET /b", "Accept-Encoding: gzip")
        assert told(asked, octets, request("GET /a")) == [
            "recorded for GET /a, served to GET /b",
            "the status is 206, and the request asks for no range",
            "the content is br-coded, which the request does not accept",
        ]


class TestCoding:
    @pytest.mark.parametrize(
        ("coding", "accepted"),
        [
            ("gzip", "gzip"),
            ("gzip", "br, GZIP;q=0.5"),
            ("GZIP", "gzip"),
            ("x-gzip", "gzip"),  # RFC 9110 8.4.1.3
            ("gzip", "x-gzip"),
            ("gzip", "*"),
            ("br", "gzip, *;q=0.1"),
            ("gzip, br", "br, gzip"),
            ("gzip", "gzip ; q=0.001"),
            ("identity", "gzip"),
            ("", "gzip"),
            ("gzip", "identity;q=0, gzip"),
        ],
    )
    def test_one_that_the_request_accepts(self, coding: str, accepted: str) -> None:
        asked = request("GET /", f"Accept-Encoding: {accepted}")
        assert told(asked, answer("200 OK", f"Content-Encoding: {coding}")) == []

    @pytest.mark.parametrize(
        ("coding", "accepted", "shown"),
        [
            ("gzip", "br", ["gzip"]),
            ("gzip", "", ["gzip"]),  # an empty value wants no coding: RFC 9110 12.5.3
            ("gzip", "gzip;q=0", ["gzip"]),
            ("gzip", "gzip;Q=0.000, br", ["gzip"]),
            ("gzip", "*;q=0", ["gzip"]),
            ("zstd, br", "gzip", ["zstd", "br"]),
            ("zstd, gzip", "gzip", ["zstd"]),
        ],
    )
    def test_one_that_it_does_not(self, coding: str, accepted: str, shown: list[str]) -> None:
        asked = request("GET /", f"Accept-Encoding: {accepted}")
        expected = [f"the content is {each}-coded, which the request does not accept" for each in shown]
        assert told(asked, answer("200 OK", f"Content-Encoding: {coding}")) == expected

    def test_a_coding_of_weight_0_is_refused_though_all_others_are_accepted(self) -> None:
        asked = request("GET /", "Accept-Encoding: gzip;q=0, *")
        assert told(asked, answer("200 OK", "Content-Encoding: gzip"))

    def test_a_request_that_names_no_codings_accepts_all(self) -> None:
        """RFC 9110 12.5.3: "any content coding is considered acceptable by the user agent"."""
        assert told(request(), answer("200 OK", "Content-Encoding: gzip")) == []

    def test_several_lines_are_one_list(self) -> None:
        asked = request("GET /", "Accept-Encoding: br", "Accept-Encoding: gzip")
        octets = answer("200 OK", "Content-Encoding: gzip", "Content-Encoding: br")
        assert told(asked, octets) == []

    def test_an_answer_without_content_has_no_coding_to_speak_of(self) -> None:
        assert (
            told(request("GET /", "Accept-Encoding: br"), answer("200 OK", "Content-Encoding: gzip", content="")) == []
        )


def test_octets_that_are_no_ascii_are_told_as_characters() -> None:
    """An octet is a character: nothing that a client sends makes the telling fail."""
    asked = only(Stream(Direction.REQUEST), b"GET /\xe9\xff HTTP/1.1\r\nHost: a\r\nAccept-Encoding: br\r\n\r\n")
    assert told(asked, answer("200 OK", "Content-Encoding: \xe9{x}"), request("GET /{0}")) == [
        "recorded for GET /{0}, served to GET /éÿ",
        "the content is é{x}-coded, which the request does not accept",
    ]
