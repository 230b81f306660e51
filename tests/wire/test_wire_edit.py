"""Edits as a person asks for them: what is patched, where, and what is left alone."""

from __future__ import annotations

import pytest
from wire_corpus import run
from wire_patches import applied, edited, examined, ids

from httpwire.wire.edit import Edits, Patch, plan
from httpwire.wire.element import Direction

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"


def test_no_edits_are_false_and_change_nothing() -> None:
    assert not Edits()
    assert Edits(crlf=True)
    assert Edits(unset=(b"A",))
    assert plan(Edits(), [GET]) == []


# --crlf


def test_crlf_mends_each_line_end_of_a_head() -> None:
    octets = b"GET / HTTP/1.1\nHost: a\r\nA: b\n\n"
    assert plan(Edits(crlf=True), [octets]) == [
        Patch(14, b"\n", b"\r\n"),
        Patch(28, b"\n", b"\r\n"),
        Patch(29, b"\n", b"\r\n"),
    ]
    assert edited(octets, Edits(crlf=True)) == b"GET / HTTP/1.1\r\nHost: a\r\nA: b\r\n\r\n"


def test_crlf_leaves_content_alone() -> None:
    octets = b"POST / HTTP/1.1\nContent-Length: 4\n\na\nb\n"
    assert edited(octets, Edits(crlf=True)) == b"POST / HTTP/1.1\r\nContent-Length: 4\r\n\r\na\nb\n"


def test_crlf_mends_chunk_lines_and_trailers_but_not_data() -> None:
    head = b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
    octets = head + b"2\n\n\n\n0\nA: b\n\n"
    assert edited(octets, Edits(crlf=True)) == head + b"2\r\n\n\n\r\n0\r\nA: b\r\n\r\n"


def test_crlf_mends_empty_lines_before_a_request() -> None:
    assert edited(b"\n" + GET, Edits(crlf=True)) == b"\r\n" + GET


def test_crlf_mends_a_fold() -> None:
    octets = b"GET / HTTP/1.1\r\nA: b\n c\r\n\r\n"
    assert edited(octets, Edits(crlf=True)) == b"GET / HTTP/1.1\r\nA: b\r\n c\r\n\r\n"


def test_crlf_mends_a_fold_in_the_trailers() -> None:
    octets = b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nA: b\n c\r\n\r\n"
    after = edited(octets, Edits(crlf=True))
    assert after.endswith(b"0\r\nA: b\r\n c\r\n\r\n")


def test_crlf_reaches_every_request() -> None:
    octets = b"GET /1 HTTP/1.1\n\nGET /2 HTTP/1.1\n\n"
    assert edited(octets, Edits(crlf=True)) == b"GET /1 HTTP/1.1\r\n\r\nGET /2 HTTP/1.1\r\n\r\n"


# --end-head


@pytest.mark.parametrize(
    "octets",
    [
        b"GET / HTTP/1.1",
        b"GET / HTTP/1.1\r",
        b"GET / HTTP/1.1\r\n",
        b"GET / HTTP/1.1\r\n\r",
        b"GET / HTTP/1.1\r\nHost: a",
        b"GET / HTTP/1.1\r\nHost: a\r",
        b"GET / HTTP/1.1\r\nHost: a\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\n\r",
    ],
)
def test_end_head_adds_what_is_missing_and_no_more(octets: bytes) -> None:
    after = edited(octets, Edits(end_head=True))
    head = octets.rstrip(b"\r\n") + b"\r\n\r\n"
    assert after == head


def test_end_head_leaves_a_whole_head_alone() -> None:
    assert plan(Edits(end_head=True), [GET]) == []
    assert plan(Edits(end_head=True), [b"GET / HTTP/1.1\n\n"]) == []


# --set and --unset


def test_set_replaces_a_field_where_it_stands() -> None:
    octets = b"GET / HTTP/1.1\r\nhost:b\r\nA: b\r\n\r\n"
    assert plan(Edits(set=(b"Host: a",)), [octets]) == [Patch(16, b"host:b", b"Host: a")]


def test_set_replaces_the_first_and_removes_the_others() -> None:
    octets = b"GET / HTTP/1.1\r\nHost: b\r\nA: b\r\nHOST: c\r\n\r\n"
    assert edited(octets, Edits(set=(b"Host: a",))) == b"GET / HTTP/1.1\r\nHost: a\r\nA: b\r\n\r\n"


def test_set_adds_a_field_that_is_not_there() -> None:
    assert plan(Edits(set=(b"A: b",)), [GET]) == [Patch(25, b"", b"A: b\r\n")]


def test_set_to_what_is_there_is_no_patch() -> None:
    assert plan(Edits(set=(b"Host: a",)), [GET]) == []


def test_the_last_set_of_a_name_wins() -> None:
    assert edited(GET, Edits(set=(b"A: 1", b"a: 2"))) == b"GET / HTTP/1.1\r\nHost: a\r\na: 2\r\n\r\n"


def test_unset_removes_every_field_of_the_name() -> None:
    octets = b"GET / HTTP/1.1\r\nHost: a\r\nA: b\r\n c\r\na :d\r\n\r\n"
    assert edited(octets, Edits(unset=(b"A",))) == GET


def test_unset_wins_over_set() -> None:
    assert plan(Edits(set=(b"A: b",), unset=(b"a",)), [GET]) == []


def test_set_reaches_every_request() -> None:
    after = edited(GET + GET, Edits(set=(b"Host: b",)))
    assert after == GET.replace(b"Host: a", b"Host: b") * 2


def test_set_keeps_the_line_end_that_is_there() -> None:
    assert edited(b"GET / HTTP/1.1\nHost: b\n\n", Edits(set=(b"Host: a",))) == b"GET / HTTP/1.1\nHost: a\n\n"


def test_set_does_not_touch_content_that_looks_like_a_field() -> None:
    octets = b"POST / HTTP/1.1\r\nContent-Length: 9\r\n\r\nHost: b\r\n"
    assert edited(octets, Edits(set=(b"Host: a",))).endswith(b"\r\nHost: a\r\n\r\nHost: b\r\n")


# --fix-length


def length_of(content: bytes, *lines: bytes) -> bytes:
    """A POST of `content` with `lines`, its length fixed; gives the head."""
    octets = b"POST / HTTP/1.1\r\nHost: a\r\n" + b"".join(line + b"\r\n" for line in lines) + b"\r\n" + content
    after = edited(octets, Edits(fix_length=True))
    assert after.endswith(b"\r\n\r\n" + content)
    assert ids(examined(after).findings) == []
    return after[: len(after) - len(content)]


@pytest.mark.parametrize(
    "lines",
    [
        (),
        (b"Content-Length: 4",),
        (b"Content-Length: 6",),
        (b"Content-Length: 4", b"Content-Length: 6"),
        (b"Content-Length: 5, 5",),
        (b"Content-Length: +5",),
        (b"Content-Length: 99999999999999999999",),
    ],
)
def test_fix_length_states_the_size(lines: tuple[bytes, ...]) -> None:
    assert length_of(b"hello", *lines) == b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n"


def test_fix_length_counts_every_octet_after_the_head() -> None:
    assert b"Content-Length: 7\r\n" in length_of(b"\r\nhello")
    assert b"Content-Length: 9\r\n" in length_of(b"a: b\r\n\r\nc", b"Content-Length: 1")


def test_fix_length_leaves_a_right_length_as_it_is_written() -> None:
    """Nothing changes silently, and nothing is normalised: the size is right, so there is nothing to fix."""
    octets = b"POST / HTTP/1.1\r\nHost: a\r\ncontent-length:5\r\n\r\nhello"
    assert plan(Edits(fix_length=True), [octets]) == []


def test_fix_length_leaves_chunks_alone() -> None:
    octets = b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nrest"
    assert plan(Edits(fix_length=True), [octets]) == []


def test_fix_length_leaves_a_request_without_content_alone() -> None:
    assert plan(Edits(fix_length=True), [GET]) == []


def test_fix_length_of_the_second_request() -> None:
    octets = GET + b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nhello"
    assert plan(Edits(fix_length=True), [octets]) == [Patch(53, b"Content-Length: 9", b"Content-Length: 5")]


def test_fix_length_with_a_set_length_states_the_size() -> None:
    octets = b"POST / HTTP/1.1\r\nHost: a\r\n\r\nhello"
    after = edited(octets, Edits(set=(b"Content-Length: 1",), fix_length=True))
    assert after == b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello"


# Edits together.


def test_crlf_and_set() -> None:
    after = edited(b"GET / HTTP/1.1\nHost: a\n\n", Edits(crlf=True, set=(b"A: b",)))
    assert after == b"GET / HTTP/1.1\r\nHost: a\r\nA: b\r\n\r\n"


def test_crlf_and_a_replaced_field() -> None:
    after = edited(b"GET / HTTP/1.1\nHost: a\n\n", Edits(crlf=True, set=(b"Host: b",)))
    assert after == b"GET / HTTP/1.1\r\nHost: b\r\n\r\n"


def test_crlf_and_a_folded_field_removed() -> None:
    after = edited(b"GET / HTTP/1.1\r\nA: b\n c\nHost: a\r\n\r\n", Edits(crlf=True, unset=(b"A",)))
    assert after == GET


def test_crlf_and_a_folded_field_replaced() -> None:
    after = edited(b"GET / HTTP/1.1\r\nHost: b\n c\n\r\n", Edits(crlf=True, set=(b"Host: a",)))
    assert after == GET


def test_end_head_and_set() -> None:
    after = edited(b"GET / HTTP/1.1\r\nHost: a\r\n", Edits(end_head=True, set=(b"A: b",)))
    assert after == b"GET / HTTP/1.1\r\nHost: a\r\nA: b\r\n\r\n"


@pytest.mark.parametrize("tail", [b"", b"\r", b"\r\n", b"\r\n\r"])
def test_end_head_and_set_whatever_is_there_of_the_line_end(tail: bytes) -> None:
    after = edited(b"GET / HTTP/1.1\r\nHost: a" + tail, Edits(end_head=True, set=(b"A: b",)))
    assert after == b"GET / HTTP/1.1\r\nHost: a\r\nA: b\r\n\r\n"


@pytest.mark.parametrize("tail", [b"", b"\r", b"\r\n", b"\r\n\r"])
def test_end_head_and_the_last_field_replaced(tail: bytes) -> None:
    after = edited(b"GET / HTTP/1.1\r\nHost: b" + tail, Edits(end_head=True, set=(b"Host: a",)))
    assert after == GET


@pytest.mark.parametrize("tail", [b"", b"\r", b"\r\n", b"\r\n\r"])
def test_end_head_and_the_last_field_removed(tail: bytes) -> None:
    after = edited(b"GET / HTTP/1.1\r\nHost: a\r\nA: b" + tail, Edits(end_head=True, unset=(b"A",)))
    assert after == GET


def test_crlf_and_fix_length() -> None:
    after = edited(b"POST / HTTP/1.1\nHost: a\n\nhel\nlo", Edits(crlf=True, fix_length=True))
    assert after == b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\nhel\nlo"


def test_crlf_and_fix_length_where_the_content_begins_with_an_empty_line() -> None:
    """What fix_length makes content is content: crlf does not change it, and it is counted as it is sent."""
    octets = b"POST / HTTP/1.1\r\nHost: a\r\n\r\n\nhello"
    after = edited(octets, Edits(crlf=True, fix_length=True))
    assert after == b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\n\nhello"


def test_all_of_them() -> None:
    octets = b"post / HTTP/1.1\nhost:b\nA: b\nContent-Length: 3\n\nhello"
    edits = Edits(crlf=True, end_head=True, set=(b"Host: a", b"New: 1"), unset=(b"A",), fix_length=True)
    after = edited(octets, edits)
    assert after == b"post / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nNew: 1\r\n\r\nhello"


def test_blocks_of_any_size_give_the_same_patches() -> None:
    octets = b"POST / HTTP/1.1\nhost:b\nContent-Length: 3\n\nhello"
    edits = Edits(crlf=True, set=(b"New: 1",), fix_length=True)
    whole = plan(edits, [octets])
    assert plan(edits, (octets[i : i + 1] for i in range(len(octets)))) == whole
    assert plan(edits, [memoryview(octets)]) == whole


def test_what_can_t_be_read_is_left_alone() -> None:
    octets = b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello!\n0\n\n"
    assert plan(Edits(crlf=True), [octets]) == []
    assert applied(octets, plan(Edits(set=(b"A: b",)), [octets])).count(b"A: b\r\n") == 1
    assert [message.complete for message in run([octets], Direction.REQUEST).messages] == [False]


@pytest.mark.parametrize(
    "octets",
    [
        b"GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n\x81\x02hi\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi there\r\n\r\n",
    ],
    ids=["frames of another protocol", "content that is too long"],
)
def test_a_field_is_set_in_requests_alone(octets: bytes) -> None:
    """What follows the request is none, although it ends with a blank line: nothing is put into it."""
    patches = plan(Edits(set=(b"Host: b",)), [octets])
    assert [(patch.old, patch.new) for patch in patches] == [(b"Host: a", b"Host: b")]


def test_frames_of_another_protocol_are_no_content() -> None:
    octets = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n\x81\x02hi"
    assert plan(Edits(fix_length=True), [octets]) == []
