"""What a head says: values as a recipient reads them, over octets that stay as they are."""

from __future__ import annotations

from wire_corpus import run

from httpwire.wire.element import Direction
from httpwire.wire.message import Message


def request(fields: bytes) -> Message:
    (message,) = run([b"GET /a?b HTTP/1.1\r\n" + fields + b"\r\n"], Direction.REQUEST).messages
    return message


def test_a_request_line_is_taken_apart() -> None:
    message = request(b"")
    assert message.head
    assert (message.method, message.target, message.head.line.version) == (b"GET", b"/a?b", b"HTTP/1.1")
    assert (message.status, message.reason, message.interim) == (0, b"", False)


def test_a_status_line_is_taken_apart() -> None:
    (message,) = run([b"HTTP/1.1 404 Not Found\r\n\r\n"], Direction.RESPONSE).messages
    assert (message.status, message.reason, message.method, message.target) == (404, b"Not Found", b"", b"")


def test_which_responses_are_interim() -> None:
    codes = {99: False, 100: True, 101: False, 102: True, 103: True, 199: True, 200: False, 204: False}
    for code, interim in codes.items():
        (message,) = run([b"HTTP/1.1 %03d \r\n\r\n" % code], Direction.RESPONSE).messages
        assert message.interim is interim, code


def test_names_have_no_case_and_values_keep_theirs() -> None:
    message = request(b"X-A: One\r\nx-a:tWO \r\nOther: 3\r\n")
    assert message.values(b"x-A") == [b"One", b"tWO"]
    assert message.values(b"absent") == []
    assert [field.name for field in message.fields] == [b"X-A", b"x-a", b"Other"]


def test_a_fold_is_read_as_one_space() -> None:
    assert request(b"A: b \r\n \t c\r\n").values(b"a") == [b"b c"]
    assert request(b"A:\r\n b\r\n c \r\n").values(b"a") == [b"b c"]
    assert request(b"A: b\r\n \r\n").values(b"a") == [b"b"]


def test_a_line_without_a_name_is_no_field() -> None:
    message = request(b"no colon\r\n: no name\r\nA: b\r\n")
    assert [field.name for field in message.fields] == [b"A"]
    assert message.head
    assert [line.name for line in message.head.lines] == [b"", b"", b"A"]


def test_lines_know_where_they_stand() -> None:
    message = request(b"A: b\r\nLong :  c\r\n")
    assert [(line.start, line.colon, line.stop) for line in message.fields] == [(19, 20, 25), (25, 30, 36)]


def test_the_second_head_has_absolute_offsets() -> None:
    octets = b"GET / HTTP/1.1\r\n\r\n"
    _, second = run([octets * 2], Direction.REQUEST).messages
    assert second.head
    assert (second.start, second.head.start, second.head.stop, second.span.stop) == (18, 18, 36, 36)
    assert [element.start for element in second.head.elements()][:2] == [18, 21]


def test_a_message_without_a_head_has_nothing_to_say() -> None:
    (message,) = run([b"no HTTP at all"], Direction.RESPONSE).messages
    assert (message.head, message.status, message.method, message.fields) == (None, 0, b"", ())
    assert message.values(b"a") == []
