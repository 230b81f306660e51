"""What is read in one step is what the rules say of it, and nothing that deviates is."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from httpwire.capture.answers import asked_of
from httpwire.wire.exchange import Conversation, Exchange, Outcome
from httpwire.wire.plain import Response, plain_request, plain_response

_METHODS = (b"GET", b"HEAD", b"POST", b"get", b"CONNECT", b"OPTIONS", b"FETCH", b"PRI")
_TARGETS = (b"/", b"/a?b=c", b"/%41", b"/%4", b"/a#b", b"*", b"http://b/x", b"a:80", b"/a b", b"/\xe9", b"")
_VERSIONS = (b"HTTP/1.1", b"HTTP/1.0", b"HTTP/1.2", b"HTTP/2.0", b"HTTP/0.9", b"http/1.1")
_STATUSES = (b"200", b"204", b"304", b"404", b"101", b"103", b"099", b"600", b"20")
_LINES = (
    *(
        b"Host: a\r\n",
        b"host:\tA:80 \r\n",
        b"Host: a b\r\n",
        b"Host:\r\n",
        b"Host : a\r\n",
        b"Host: a\n",
        b" Host: a\r\n",
    ),
    *(b"Content-Length: 2\r\n", b"content-length:0\r\n", b"Content-Length: 2, 2\r\n", b"Content-Length: -1\r\n"),
    *(b"Content-Length: 00000000000000000000002\r\n", b"Content-Length:\r\n", b"Content-Length: \xb2\r\n"),
    *(b"Transfer-Encoding: chunked\r\n", b"Content-Type: Text/HTML; charset=x\r\n", b"Content-Type: none\r\n"),
    *(b"X: y\r\n", b"X:\x00\r\n", b"X: y\r\n z\r\n", b"no field\r\n", b"X-Host: b\r\n", b"X:\r\r\n", b": x\r\n"),
)
_CONTENT = (b"", b"ok", b"ok!", b"2\r\nok\r\n0\r\n\r\n")


def _heads(starts: st.SearchStrategy[bytes]) -> st.SearchStrategy[bytes]:
    lines = st.lists(st.sampled_from(_LINES), max_size=4).map(b"".join)
    usual = st.sampled_from(_LINES[:2]) | st.just(b"")
    parts = st.tuples(starts, usual, lines, st.just(b"\r\n"), st.sampled_from(_CONTENT))
    return parts.map(b"".join)


_REQUESTS = _heads(
    st.tuples(st.sampled_from(_METHODS), st.sampled_from(_TARGETS), st.sampled_from(_VERSIONS)).map(
        lambda words: b" ".join(words) + b"\r\n"
    )
)
_RESPONSES = _heads(
    st.tuples(st.sampled_from(_VERSIONS), st.sampled_from(_STATUSES), st.sampled_from((b"OK", b"", b"\x01"))).map(
        lambda words: b" ".join(words) + b"\r\n"
    )
)


def _by_the_rules(request: bytes, response: bytes = b"") -> Exchange:
    conversation = Conversation()
    conversation.sent(request, 0)
    conversation.received(response, 0)
    conversation.sent_all()
    conversation.closed(cut=True)
    return conversation.exchanges[0]


@settings(max_examples=1000)
@given(_REQUESTS)
def test_a_plain_request_is_what_the_rules_say(octets: bytes) -> None:
    found = plain_request(octets)
    if not found:
        return
    request = _by_the_rules(octets).request
    assert request
    assert request.complete
    assert not request.findings
    assert found[:3] == asked_of(request.head)
    assert found[3:] == (request.content_start, request.octets)
    assert request.stop == len(octets)


@settings(max_examples=1000)
@given(_RESPONSES, st.sampled_from((b"GET", b"HEAD")))
def test_a_plain_response_is_what_the_rules_say(octets: bytes, method: bytes) -> None:
    found = plain_response(octets, method)
    if not found:
        return
    status, kind, head, content, rule = found
    whole = octets[:head].ljust(head + content, b"x")
    exchange = _by_the_rules(method + b" / HTTP/1.1\r\nHost: a\r\n\r\n", whole)
    response = exchange.response
    assert response
    assert exchange.outcome is Outcome.COMPLETE
    assert not exchange.findings
    assert (response.status, response.content_start, response.octets) == (status, head, content)
    assert response.framing
    assert response.framing.rule is rule
    assert [kind] == [value.lower() for value in response.values(b"content-type")] or not kind


@pytest.mark.parametrize(
    ("octets", "method", "found"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Type: A/b\r\nContent-Length: 2\r\n\r\nok", b"GET", (200, b"a/b", 57, 2)),
        (b"HTTP/1.0 200 \r\ncontent-length:0\r\n\r\n", b"POST", (200, b"", 35, 0)),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", b"HEAD", (200, b"", 38, 0)),
        (b"HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n", b"GET", (304, b"", 48, 0)),
        (b"HTTP/1.1 204 No Content\r\n\r\n", b"DELETE", (204, b"", 27, 0)),
    ],
)
def test_most_responses_are_plain(octets: bytes, method: bytes, found: tuple[int, bytes, int, int]) -> None:
    response: Response | None = plain_response(octets, method)
    assert response
    assert response[:4] == found


@pytest.mark.parametrize(
    ("octets", "found"),
    [
        (b"GET /a?b=%20 HTTP/1.1\r\nhost: A:80\r\n\r\n", (b"GET", b"/a?b=%20", b"a:80", 37, 0)),
        (b"POST / HTTP/1.0\r\nA: b\r\nContent-Length: 2\r\nHost: a\r\n\r\nok", (b"POST", b"/", b"a", 53, 2)),
    ],
)
def test_most_requests_are_plain(octets: bytes, found: tuple[bytes, bytes, bytes, int, int]) -> None:
    assert plain_request(octets) == found
