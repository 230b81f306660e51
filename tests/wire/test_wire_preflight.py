"""What is said of octets before they are sent."""

from __future__ import annotations

import pytest
from wire_patches import examined, ids

from httpwire.wire.preflight import Examiner

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n"
CHUNKS = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"


def test_a_sound_request() -> None:
    examination = examined(GET)
    assert (examination.octets, examination.requests, examination.answers) == (len(GET), 1, 1)
    assert examination.findings == ()
    assert examination.first
    assert examination.first.target == b"/"


def test_three_requests_are_owed_three_answers() -> None:
    examination = examined(GET + POST + b"hello" + GET)
    assert (examination.requests, examination.answers, examination.findings) == (3, 3, ())


def test_nothing_at_all() -> None:
    examination = examined()
    assert (examination.octets, examination.requests, examination.first) == (0, 0, None)
    assert examination.answers == 1  # a server that speaks first is waited for


def test_octets_after_the_announced_content() -> None:
    examination = examined(POST + b"hello world")
    (finding,) = examination.findings
    start = len(POST) + 5
    assert (finding.deviation.id, finding.start, finding.stop) == ("content-long", start, start + 6)
    assert finding.details == {"extra": 6}
    assert examination.requests == 1


def test_an_empty_line_after_the_announced_content_counts_as_well() -> None:
    """All that follows the content is left over, the line end between included: 5 octets here."""
    examination = examined(POST + b"hello" + b"\r\nfoo")
    (finding,) = [each for each in examination.findings if each.deviation.id == "content-long"]
    assert (finding.start, finding.stop) == (len(POST) + 5, len(POST) + 10)
    assert finding.details == {"extra": 5}


def test_content_that_no_field_announces() -> None:
    (finding,) = examined(GET + b"hello").findings
    assert (finding.deviation.id, finding.start, finding.stop) == ("content-unannounced", 27, 32)
    assert str(finding).startswith("5 bytes")


def test_octets_after_the_last_chunk() -> None:
    (finding,) = examined(CHUNKS + b"0\r\n\r\nhello").findings
    assert (finding.deviation.id, finding.stop - finding.start) == ("bytes-after-chunks", 5)


def test_what_is_left_over_is_told_once_whatever_it_looks_like() -> None:
    left_over = b"a=b\r\nc: d\r\n\r\ne f\r\n\r\n" + b"\x00" * 10
    (finding,) = examined(GET + left_over).findings
    assert finding.details == {"extra": len(left_over)}


def test_what_has_a_version_is_a_request_and_not_left_over() -> None:
    examination = examined(GET + b"get / HTTP/1.1\r\nHost: a\r\n\r\n")
    assert ids(examination.findings) == ["method-case"]
    assert examination.requests == 2


def test_content_shorter_than_announced() -> None:
    examination = examined(POST + b"hel")
    (finding,) = examination.findings
    assert (finding.deviation.id, finding.details) == ("content-short", {"octets": 3, "missing": 2})
    assert examination.answers == 1


def test_an_empty_line_at_the_end_is_a_note() -> None:
    examination = examined(GET + b"\r\n")
    assert ids(examination.findings) == ["empty-line-before"]
    assert examination.answers == 1


@pytest.mark.parametrize(
    ("octets", "found"),
    [
        (b"GET / HTTP/1.1\nHost: a\n\n", ["bare-lf"] * 3),
        (b"GET / HTTP/1.1\r\nHost: a\r\n", ["head-unterminated"]),
        (b"GET /\r\n\r\n", ["http09-request"]),
        (b"GET / HTTP/1.1\r\n\r\n", ["host-missing"]),
        (CHUNKS + b"5\r\nhello", ["chunks-unterminated"]),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", ["http2-preface"]),
    ],
)
def test_common_mistakes(octets: bytes, found: list[str]) -> None:
    assert ids(examined(octets).findings) == found


def test_findings_of_every_request_are_told() -> None:
    bad = b"GET / HTTP/1.1\r\n\r\n"
    examination = examined(bad * 3)
    assert [(each.deviation.id, each.start) for each in examination.findings] == [
        ("host-missing", 0),
        ("host-missing", 18),
        ("host-missing", 36),
    ]


def test_findings_without_end_are_counted_and_not_kept() -> None:
    examination = examined(b"GET / HTTP/1.1\r\n\r\n" * 1000)
    assert len(examination.findings) == 200
    assert examination.unlisted == 800


def test_content_can_be_skipped_over() -> None:
    """A file of any size is examined without its content being read."""
    examiner = Examiner()
    examiner.feed(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000000000\r\n\r\n")
    assert examiner.opaque == 10**12
    examiner.skip(10**12 - 1)
    assert examiner.opaque == 1
    examiner.feed(b"x" + GET)
    examination = examiner.finish()
    assert (examination.requests, examination.findings) == (2, ())
    assert examination.first
    assert examination.first.octets == 10**12


def test_a_tunnel_takes_the_rest() -> None:
    examination = examined(b"CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n" + GET)
    assert (examination.requests, examination.answers, examination.findings) == (1, 1, ())


@pytest.mark.parametrize(
    "first",
    [
        b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nConnection: x, Close\r\n\r\n",
        b"GET / HTTP/1.0\r\n\r\n",
        b"GET /\r\n\r\n",
    ],
)
def test_no_answer_is_owed_after_the_last_request(first: bytes) -> None:
    """RFC 9112 9.6: what follows a request that closes the connection is not answered."""
    assert examined(first + GET).answers == 1


def test_an_old_connection_that_is_kept() -> None:
    assert examined(b"GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n" * 2).answers == 2


def test_octets_for_the_protocol_that_is_asked_for() -> None:
    """A recorded WebSocket request, with a frame behind it: no content, and no next request."""
    upgrade = b"GET /chat HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
    examination = examined(upgrade + b"\x81\x85\x37\xfa\x21\x3d\r\n\r\n\x7f\x9f")
    assert (examination.requests, examination.answers, examination.findings) == (1, 1, ())
    assert examined(upgrade + GET).answers == 2
