"""Both directions of a connection, told like the conversation that it is: C sends, S answers."""

from __future__ import annotations

import pytest

from httpwire.wire.content import Limits
from httpwire.wire.element import Span
from httpwire.wire.exchange import Conversation, Exchange, Outcome, Timing
from httpwire.wire.framing import Kind, Rule

GET = b"GET /1 HTTP/1.1\r\nHost: a\r\n\r\n"
HEAD = b"HEAD /2 HTTP/1.1\r\nHost: a\r\n\r\n"
POST = b"POST /3 HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n"
CONNECT = b"CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
OK_HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n"
EMPTY = b"HTTP/1.1 204 No Content\r\n\r\n"
UNTIL_CLOSE = b"HTTP/1.1 200 OK\r\n\r\nsome"
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
HINTS = b"HTTP/1.1 103 Early Hints\r\n\r\n"


def told(conversation: Conversation) -> list[tuple[bytes, list[int], Outcome]]:
    """Each exchange: the target of the request, the codes of its responses, how it ended."""
    return [
        (each.request.target if each.request else b"", [one.status for one in each.responses], each.outcome)
        for each in conversation.exchanges
    ]


def talk(*turns: tuple[str, bytes]) -> Conversation:
    """C and S take turns; the clock ticks 10 ns a turn."""
    conversation = Conversation()
    for turn, (who, octets) in enumerate(turns):
        (conversation.sent if who == "C" else conversation.received)(octets, turn * 10)
    return conversation


def only(conversation: Conversation) -> Exchange:
    (exchange,) = conversation.exchanges
    return exchange


# One exchange.


def test_a_request_and_its_answer() -> None:
    exchange = only(talk(("C", GET), ("S", OK)))
    assert exchange.complete
    assert exchange.outcome is Outcome.COMPLETE
    assert exchange.request
    assert exchange.request.target == b"/1"
    assert exchange.response
    assert (exchange.response.status, exchange.response.octets) == (200, 2)
    assert exchange.framing
    assert exchange.framing.rule is Rule.LENGTH
    assert exchange.findings == ()


def test_nothing_said() -> None:
    conversation = Conversation()
    assert conversation.exchanges == []
    assert conversation.findings == []
    assert conversation.answered == 0
    conversation.sent_all()
    conversation.closed(cut=False)
    assert conversation.exchanges == []


def test_no_answer() -> None:
    conversation = talk(("C", GET))
    assert told(conversation) == [(b"/1", [], Outcome.NO_ANSWER)]
    conversation.closed(cut=False)
    assert told(conversation) == [(b"/1", [], Outcome.NO_ANSWER)]


def test_the_answer_that_is_coming_can_be_looked_at() -> None:
    conversation = talk(("C", GET), ("S", OK[:-1]))
    assert conversation.answered == 0
    assert conversation.framing
    assert conversation.framing.length == 2
    assert conversation.answer
    assert conversation.answer.line.status == 200
    conversation.received(b"k", 20)
    assert conversation.answered == 1
    assert conversation.framing is None
    assert conversation.answer is None


def test_an_answer_to_head_ends_with_its_head() -> None:
    conversation = talk(("C", HEAD), ("S", OK_HEAD))
    assert conversation.answered == 1
    framing = only(conversation).framing
    assert framing
    assert framing.rule is Rule.ANSWER_TO_HEAD


def test_findings_of_both_directions() -> None:
    conversation = talk(("C", b"GET / HTTP/1.1\r\n\r\n"), ("S", b"HTTP/1.1 204\r\n\r\n"))
    found = [(each.deviation.id, each.direction.value) for each in only(conversation).findings]
    assert found == [("host-missing", "request"), ("reason-space-missing", "response")]


# Interim responses.


def test_interim_responses_belong_to_the_exchange() -> None:
    conversation = talk(("C", POST), ("S", CONTINUE), ("C", b"hello"), ("S", HINTS + OK))
    assert told(conversation) == [(b"/3", [100, 103, 200], Outcome.COMPLETE)]
    exchange = only(conversation)
    assert [one.status for one in exchange.interim] == [100, 103]
    assert conversation.answered == 1


def test_an_interim_response_is_no_answer() -> None:
    conversation = talk(("C", GET), ("S", HINTS))
    assert conversation.answered == 0
    conversation.closed(cut=False)
    assert told(conversation) == [(b"/1", [103], Outcome.NO_ANSWER)]


def test_interim_responses_without_end() -> None:
    conversation = Conversation(Limits(interim=3))
    conversation.sent(GET, 0)
    for _ in range(10):
        conversation.received(HINTS, 1)
    assert conversation.framing
    assert conversation.framing.rule is Rule.LIMIT
    conversation.closed(cut=True)
    exchange = only(conversation)
    assert exchange.outcome is Outcome.UNDECIDABLE
    assert [finding.deviation.id for finding in exchange.findings] == ["interim-too-many"]


# Pipelining.


def test_a_pipeline_with_head_in_the_middle() -> None:
    conversation = talk(("C", GET + HEAD + POST + b"hello"), ("S", OK + OK_HEAD + EMPTY))
    assert told(conversation) == [
        (b"/1", [200], Outcome.COMPLETE),
        (b"/2", [200], Outcome.COMPLETE),
        (b"/3", [204], Outcome.COMPLETE),
    ]
    assert [each.response and each.response.octets for each in conversation.exchanges] == [2, 0, 0]
    assert conversation.answered == 3


def test_a_pipeline_octet_by_octet() -> None:
    conversation = Conversation()
    for at, octet in enumerate(GET + HEAD + GET):
        conversation.sent(bytes([octet]), at)
    for at, octet in enumerate(HINTS + OK + OK_HEAD + OK):
        conversation.received(bytes([octet]), 1000 + at)
    assert told(conversation) == told(talk(("C", GET + HEAD + GET), ("S", HINTS + OK + OK_HEAD + OK)))


def test_a_pipeline_that_the_server_leaves() -> None:
    conversation = talk(("C", GET + GET + GET), ("S", OK + OK[:-1]))
    conversation.closed(cut=False)
    assert [each.outcome for each in conversation.exchanges] == [
        Outcome.COMPLETE,
        Outcome.INCOMPLETE,
        Outcome.NO_ANSWER,
    ]


def test_an_answer_that_can_t_end_takes_all_that_follows() -> None:
    conversation = talk(("C", GET + GET), ("S", b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\nok" + OK))
    conversation.closed(cut=False)
    assert [each.outcome for each in conversation.exchanges] == [Outcome.UNDECIDABLE, Outcome.NO_ANSWER]


# Answers that come early.


def test_an_answer_before_the_content_is_sent() -> None:
    conversation = talk(("C", POST), ("S", OK), ("C", b"hello"))
    assert told(conversation) == [(b"/3", [200], Outcome.COMPLETE)]
    assert conversation.extra is None


def test_an_answer_before_the_head_is_complete() -> None:
    conversation = talk(("C", POST[:30]), ("S", b"HTTP/1.1 431 Too Large\r\nContent-Length: 0\r\n\r\n"))
    assert told(conversation) == [(b"", [431], Outcome.COMPLETE)]
    conversation.sent(POST[30:] + b"hello", 20)
    assert told(conversation) == [(b"/3", [431], Outcome.COMPLETE)]
    assert conversation.extra is None


def test_an_early_answer_to_head_has_no_content() -> None:
    """The method is known before the head is complete."""
    conversation = talk(("C", HEAD[:-2]), ("S", OK_HEAD))
    assert told(conversation) == [(b"", [200], Outcome.COMPLETE)]


def test_the_next_exchange_after_an_early_answer() -> None:
    conversation = talk(("C", GET[:-2]), ("S", OK), ("C", b"\r\n"), ("C", HEAD), ("S", OK_HEAD))
    assert told(conversation) == [(b"/1", [200], Outcome.COMPLETE), (b"/2", [200], Outcome.COMPLETE)]


def test_an_early_answer_in_a_pipeline() -> None:
    """Whether the answers come in one read or in two says nothing about whose they are."""
    for reads in ([OK, EMPTY], [OK + EMPTY]):
        conversation = talk(("C", GET + POST[:20]), *(("S", octets) for octets in reads))
        assert [each.outcome for each in conversation.exchanges] == [Outcome.COMPLETE] * 2
        assert conversation.extra is None


def test_a_server_that_speaks_first() -> None:
    conversation = talk(("S", b"SSH-2.0-OpenSSH_9.6\r\n"))
    conversation.closed(cut=False)
    assert told(conversation) == [(b"", [0], Outcome.UNDECIDABLE)]


def test_an_answer_to_what_is_no_request() -> None:
    conversation = talk(("C", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), ("S", b"HTTP/1.1 400 Bad Request\r\n\r\n"))
    conversation.closed(cut=False)
    assert [each.outcome for each in conversation.exchanges] == [Outcome.COMPLETE]


def test_a_request_that_never_ended_its_head() -> None:
    conversation = talk(("C", GET[:-2]))
    conversation.sent_all()
    conversation.closed(cut=True)
    exchange = only(conversation)
    assert exchange.outcome is Outcome.NO_ANSWER
    assert [finding.deviation.id for finding in exchange.findings] == ["head-unterminated"]


# Octets that nobody asked for.


def test_octets_that_nobody_asked_for() -> None:
    conversation = talk(("C", GET), ("S", OK + b"more"), ("S", b"!"))
    assert told(conversation) == [(b"/1", [200], Outcome.COMPLETE)]
    assert conversation.extra == Span(len(OK), len(OK) + 5)
    (finding,) = conversation.findings
    assert (finding.deviation.id, finding.start, finding.stop) == ("bytes-after-end", len(OK), len(OK) + 5)
    assert str(finding).startswith("5 bytes")


def test_extra_octets_and_then_another_request() -> None:
    conversation = talk(("C", GET), ("S", OK + b"xx"), ("C", HEAD), ("S", OK_HEAD))
    assert [each.outcome for each in conversation.exchanges] == [Outcome.COMPLETE] * 2
    assert conversation.extra == Span(len(OK), len(OK) + 2)


def test_extra_octets_are_only_those() -> None:
    """An answer that stands between two runs of extra octets is none of them."""
    conversation = talk(("C", GET), ("S", OK + b"xx"), ("C", HEAD), ("S", OK_HEAD + b"yyy"))
    extra = sum(int(str(finding.details["extra"])) for finding in conversation.findings)
    assert extra == 5


def test_an_empty_line_after_the_requests_is_found() -> None:
    conversation = talk(("C", GET + b"\r\n"), ("S", OK))
    assert [finding.deviation.id for finding in conversation.findings] == ["empty-line-before"]


# Tunnels.


def test_101_makes_both_directions_a_tunnel() -> None:
    upgrade = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n"
    conversation = talk(("C", GET), ("S", upgrade + b"\x00\x01"), ("S", b"\x02"))
    assert conversation.framing
    assert conversation.framing.rule is Rule.SWITCHING_PROTOCOLS
    conversation.closed(cut=False)
    exchange = only(conversation)
    assert exchange.outcome is Outcome.COMPLETE
    assert exchange.response
    assert exchange.response.octets == 3


def test_connect_makes_a_tunnel() -> None:
    conversation = talk(("C", CONNECT), ("S", b"HTTP/1.1 200 OK\r\n\r\n"), ("C", GET), ("S", OK))
    conversation.sent_all()
    conversation.closed(cut=False)
    exchange = only(conversation)
    assert exchange.response
    assert exchange.response.framing
    assert exchange.response.framing.kind is Kind.TUNNEL
    assert exchange.response.octets == len(OK)
    assert exchange.request
    assert exchange.request.octets == len(GET)


def test_connect_that_is_refused() -> None:
    conversation = talk(("C", CONNECT), ("S", b"HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno"))
    assert conversation.answered == 1
    conversation.sent_all()
    assert told(conversation) == [(b"a:443", [403], Outcome.COMPLETE)]


# The end.


@pytest.mark.parametrize(("cut", "outcome"), [(False, Outcome.COMPLETE), (True, Outcome.INCOMPLETE)])
def test_an_answer_until_the_close(cut: bool, outcome: Outcome) -> None:  # noqa: FBT001
    conversation = talk(("C", GET), ("S", UNTIL_CLOSE))
    assert conversation.answered == 0
    conversation.closed(cut=cut)
    assert only(conversation).outcome is outcome
    assert conversation.answered == (not cut)


@pytest.mark.parametrize("cut", [False, True])
def test_an_answer_cut_short(cut: bool) -> None:  # noqa: FBT001
    for stop in range(1, len(OK)):
        conversation = talk(("C", GET), ("S", OK[:stop]))
        conversation.closed(cut=cut)
        assert told(conversation)[0][2] is Outcome.INCOMPLETE, stop
        assert conversation.answered == 0


def test_an_answer_that_is_not_http() -> None:
    conversation = talk(("C", GET), ("S", b"\x15\x03\x03\x00\x02\x02\x46"))
    conversation.closed(cut=False)
    exchange = only(conversation)
    assert exchange.outcome is Outcome.UNDECIDABLE
    assert [finding.deviation.id for finding in exchange.findings] == ["not-http-tls"]


# The clock.


def test_times_of_one_exchange() -> None:
    conversation = talk(("C", POST), ("C", b"hel"), ("C", b"lo"), ("S", OK[:5]), ("S", OK[5:-1]), ("S", OK[-1:]))
    assert only(conversation).timing == Timing(0, 20, 30, 50)


def test_the_first_octet_counts_and_not_the_head() -> None:
    conversation = talk(("C", GET[:1]), ("C", GET[1:]), ("S", OK))
    assert only(conversation).timing == Timing(0, 10, 20, 20)


def test_the_response_starts_with_its_interim_response() -> None:
    conversation = talk(("C", GET), ("S", HINTS), ("S", OK))
    assert only(conversation).timing == Timing(0, 0, 10, 20)


def test_times_of_a_kept_connection() -> None:
    """Nobody waits between two requests: the second starts when its own first octet goes out."""
    conversation = talk(("C", GET), ("S", OK), ("C", GET), ("S", OK))
    assert [each.timing for each in conversation.exchanges] == [Timing(0, 0, 10, 10), Timing(20, 20, 30, 30)]


def test_times_of_a_pipeline_in_one_write() -> None:
    conversation = talk(("C", GET + HEAD), ("S", OK), ("S", OK_HEAD))
    assert [each.timing for each in conversation.exchanges] == [Timing(0, 0, 10, 10), Timing(0, 0, 20, 20)]


def test_times_of_a_pipeline_whose_reads_overlap() -> None:
    conversation = talk(("C", GET + GET[:4]), ("C", GET[4:]), ("S", OK + OK[:3]), ("S", OK[3:]))
    assert [each.timing for each in conversation.exchanges] == [Timing(0, 0, 20, 20), Timing(0, 10, 20, 30)]


def test_times_of_what_did_not_happen() -> None:
    conversation = talk(("C", POST))
    assert only(conversation).timing == Timing(0, None, None, None)
    conversation.received(OK[:10], 70)
    assert only(conversation).timing == Timing(0, None, 70, None)


def test_a_tunnel_takes_all_that_was_sent_behind_it() -> None:
    conversation = Conversation()
    conversation.sent(b"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: x\r\n\r\n\x00frame\r\n\r\n", 0)
    conversation.sent_all()
    conversation.received(b"HTTP/1.1 101 Switching Protocols\r\n\r\nframe", 1)
    conversation.closed(cut=False)
    (exchange,) = conversation.exchanges
    assert exchange.complete
