"""The same octets as other recipients read them: each differs where it is known to, and nowhere else."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_wire_properties import PARTS, wholes
from wire_corpus import Case, cases, run_case

from httpwire.wire import readings as room
from httpwire.wire.content import Limits
from httpwire.wire.deviations import Severity
from httpwire.wire.element import Direction
from httpwire.wire.readings import Disagreement, Ended, Reading, disagreement, read, readings
from httpwire.wire.recipients import ORDINARY, RECIPIENTS, STRICT
from httpwire.wire.stream import Stream

#: Octets, their direction, and the methods that responses answer.
Given = tuple[bytes, Direction, list[bytes | None] | None]

REQUEST, RESPONSE = Direction.REQUEST, Direction.RESPONSE
BY_ID = {recipient.id: recipient for recipient in RECIPIENTS}

#: A request smuggled behind another, 32 octets of it, and the same behind an end of chunks: 37.
NEXT = b"GET /admin HTTP/1.1\r\nHost: a\r\n\r\n"
AFTER = b"0\r\n\r\n" + NEXT


def post(*fields: bytes, content: bytes = b"", method: bytes = b"POST", version: bytes = b"1.1") -> bytes:
    lines = b"".join(field + b"\r\n" for field in (b"Host: a", *fields))
    return b"%b / HTTP/%b\r\n%b\r\n%b" % (method, version, lines, content)


def answer(*fields: bytes, content: bytes = b"", status: bytes = b"200 OK") -> bytes:
    return b"HTTP/1.1 %b\r\n%b\r\n%b" % (status, b"".join(field + b"\r\n" for field in fields), content)


def told(reading: Reading) -> str:
    """What a recipient made of the octets: for each message its content's size, or why it has no end."""
    parts = []
    for message in reading.messages:
        words = [message.method.decode() or str(message.status or "")]
        if message.ended is not Ended.COMPLETE:
            words.append(message.ended.value)
        words.append(message.deviation.id if message.deviation else str(message.octets))
        parts.append(" ".join(words))
    return ", ".join(parts)


CHUNKED = b"Transfer-Encoding: chunked"
L32, L37 = b"Content-Length: 32", b"Content-Length: 37"

#: Octets, what the ordinary recipient reads, and what these others do; all that are not named read as the ordinary one.
ATTACKS: dict[str, tuple[bytes, str, dict[str, str]]] = {
    "CL.TE": (
        post(L37, CHUNKED, content=AFTER),
        "POST 0, GET 0",
        {"strict": "POST refused length-and-coding", "length-wins": "POST 37"},
    ),
    "TE.CL": (
        post(b"Content-Length: 4", CHUNKED, content=b"20\r\n" + NEXT + b"\r\n0\r\n\r\n"),
        "POST 32",
        {
            "strict": "POST refused length-and-coding",
            "length-wins": "POST 4, GET 0,  refused start-line-malformed",
        },
    ),
    "TE.TE: xchunked": (
        post(L37, b"Transfer-Encoding: xchunked", content=AFTER),
        "POST undecidable coding-not-chunked",
        {
            "strict": "POST refused length-and-coding",
            "length-wins": "POST 37",
            "coding-exact": "POST 37",
            "coding-loose": "POST 0, GET 0",
        },
    ),
    "TE.TE: a list that ends otherwise": (
        post(L37, b"Transfer-Encoding: chunked, identity", content=AFTER),
        "POST undecidable coding-not-chunked",
        {
            "strict": "POST refused length-and-coding",
            "length-wins": "POST 37",
            "coding-exact": "POST 37",
            "coding-loose": "POST 0, GET 0",
        },
    ),
    "TE.TE: in quotes": (
        post(b'Transfer-Encoding: "chunked"', content=AFTER),
        "POST undecidable coding-invalid",
        {
            "strict": "POST refused coding-invalid",
            "coding-exact": "POST 0,  refused start-line-malformed",
            "coding-loose": "POST 0, GET 0",
        },
    ),
    "TE.TE: a control octet before the value": (
        post(L37, b"Transfer-Encoding: \x0bchunked", content=AFTER),
        "POST undecidable coding-invalid",
        {
            "strict": "POST refused control-octet",
            "length-wins": "POST 37",
            "coding-exact": "POST 37",
            "coding-loose": "POST 0, GET 0",
            "controls-dropped": "POST 0, GET 0",
        },
    ),
    "TE.TE: a control octet in the name": (
        post(L37, b"Transfer-\x01Encoding: chunked", content=AFTER),
        "POST 37",
        {"strict": "POST refused control-octet", "controls-dropped": "POST 0, GET 0"},
    ),
    "TE.TE: NUL after the value": (
        post(L37, b"Transfer-Encoding: chunked\0x", content=AFTER),
        "POST undecidable coding-invalid",
        {
            "strict": "POST refused nul-octet",
            "length-wins": "POST 37",
            "coding-exact": "POST 37",
            "coding-loose": "POST 0, GET 0",
            "nul-ends-text": "POST 0, GET 0",
            "controls-dropped": "POST undecidable coding-not-chunked",
        },
    ),
    "TE.TE: twice, the last unknown": (
        post(L37, CHUNKED, b"Transfer-Encoding: x", content=AFTER),
        "POST undecidable coding-not-chunked",
        {
            "strict": "POST refused length-and-coding",
            "length-wins": "POST 37",
            "coding-exact": "POST 0, GET 0",
            "coding-loose": "POST 0, GET 0",
            "first-wins": "POST 0, GET 0",
            "last-wins": "POST 37",
        },
    ),
    "TE.TE: a blank before the colon": (
        post(L37, b"Transfer-Encoding : chunked", content=AFTER),
        "POST 0, GET 0",
        {"strict": "POST refused space-before-colon", "length-wins": "POST 37", "blank-in-name": "POST 37"},
    ),
    "TE.TE: a field in a fold": (
        post(L37, b"X: y\r\n Transfer-Encoding: chunked", content=AFTER),
        "POST 37",
        {"strict": "POST refused line-fold", "fold-is-field": "POST 0, GET 0"},
    ),
    "TE.TE: a fold before the first field": (
        post(L37, content=AFTER).replace(b"Host: a", b" Transfer-Encoding: chunked\r\nHost: a", 1),
        "POST 37",
        {"strict": "POST refused blank-before-field", "fold-is-field": "POST 0, GET 0"},
    ),
    "TE.TE: in HTTP/1.0": (
        post(L37, CHUNKED, content=AFTER, version=b"1.0"),
        "POST undecidable coding-in-http10",
        {
            "strict": "POST refused length-and-coding",
            "length-wins": "POST 37",
            "coding-exact": "POST 37",
            "coding-loose": "POST 0, GET 0",
        },
    ),
    "CL.CL": (
        post(b"Content-Length: 0", L32, content=NEXT),
        "POST undecidable length-conflict",
        {"strict": "POST refused length-conflict", "first-wins": "POST 0, GET 0", "last-wins": "POST 32"},
    ),
    "CL.CL: a list": (
        post(b"Content-Length: 32, 0", content=NEXT),
        "POST undecidable length-conflict",
        {
            "strict": "POST refused length-conflict",
            "first-wins": "POST 32",
            "last-wins": "POST 0, GET 0",
            "number-prefix": "POST 32",
            "length-exact": "POST 0, GET 0",
        },
    ),
    "a sign": (
        post(b"Content-Length: +32", content=NEXT),
        "POST undecidable length-invalid",
        {
            "strict": "POST refused length-invalid",
            "number-prefix": "POST 32",
            "number-python": "POST 32",
            "length-exact": "POST 0, GET 0",
        },
    ),
    "junk after the digits": (
        post(b"Content-Length: 32 x", content=NEXT),
        "POST undecidable length-invalid",
        {
            "strict": "POST refused length-invalid",
            "number-prefix": "POST 32",
            "length-exact": "POST 0, GET 0",
        },
    ),
    "an underscore in a number": (
        post(b"Content-Length: 3_2", content=NEXT),
        "POST undecidable length-invalid",
        {
            "strict": "POST refused length-invalid",
            "number-prefix": "POST 3,  refused start-line-malformed",  # after "GET"
            "number-python": "POST 32",
            "length-exact": "POST 0, GET 0",
        },
    ),
    "a length of 0x20": (
        post(b"Content-Length: 0x20", content=NEXT),
        "POST undecidable length-invalid",
        {
            "strict": "POST refused length-invalid",
            "number-prefix": "POST 0, GET 0",
            "length-hexadecimal": "POST 32",
            "length-exact": "POST 0, GET 0",
        },
    ),
    "a length of 2^32": (
        post(b"Content-Length: 4294967296", content=NEXT),
        "POST waits 32",
        {"size-32-bit": "POST 0, GET 0"},
    ),
    "a length of 2^64": (
        post(b"Content-Length: 18446744073709551616", content=NEXT),
        "POST undecidable length-too-large",
        {
            "strict": "POST refused length-too-large",
            "size-32-bit": "POST 0, GET 0",
            "size-64-bit": "POST 0, GET 0",
        },
    ),
    "CR alone": (
        post(L37, b"X: y\rTransfer-Encoding: chunked", content=AFTER),
        "POST 37",
        {"strict": "POST refused bare-cr", "cr-ends-line": "POST 0, GET 0"},
    ),
    "LF alone": (
        post(L37, b"X: y\nTransfer-Encoding: chunked", content=AFTER),
        "POST 0, GET 0",
        {"strict": "POST refused bare-lf", "length-wins": "POST 37", "crlf-only": "POST 37"},
    ),
    "an underscore in a name": (
        post(b"Content_Length: 32", content=NEXT),
        "POST 0, GET 0",
        {"underscore-is-hyphen": "POST 32"},
    ),
    "Connection names the length": (
        post(L32, b"Connection: close, Content-Length", content=NEXT),
        "POST 32",
        {"connection-removes": "POST 0, GET 0"},
    ),
    "CL.0": (
        post(L32, content=NEXT, method=b"GET"),
        "GET 32",
        {"content-ignored": "GET 0, GET 0"},
    ),
    "TE.0": (
        post(CHUNKED, content=b"20\r\n" + NEXT + b"\r\n0\r\n\r\n", method=b"OPTIONS"),
        "OPTIONS 32",
        {"content-ignored": "OPTIONS 0,  refused start-line-malformed"},
    ),
    "a chunk size of 0x20": (
        post(CHUNKED, content=b"0x20\r\n" + NEXT + b"\r\n0\r\n\r\n"),
        "POST undecidable chunk-size-invalid",
        {"strict": "POST refused chunk-size-invalid", "number-prefix": "POST 32", "number-python": "POST 32"},
    ),
    "a chunk size with a sign and an underscore": (
        post(CHUNKED, content=b"+2_0\r\n" + NEXT + b"\r\n0\r\n\r\n"),
        "POST undecidable chunk-size-invalid",
        {
            "strict": "POST refused chunk-size-invalid",
            "number-prefix": "POST undecidable chunk-end-missing",
            "number-python": "POST 32",
        },
    ),
    "a chunk size with junk behind": (
        post(CHUNKED, content=b"20x\r\n" + NEXT + b"\r\n0\r\n\r\n"),
        "POST undecidable chunk-size-invalid",
        {"strict": "POST refused chunk-size-invalid", "number-prefix": "POST 32"},
    ),
    "a chunk size of 2^32": (
        post(CHUNKED, content=b"100000000\r\n\r\n" + NEXT),
        "POST waits 34",
        {"size-32-bit": "POST 0, GET 0"},
    ),
    "a chunk size of 2^64": (
        post(CHUNKED, content=b"10000000000000000\r\n\r\n" + NEXT),
        "POST undecidable chunk-size-too-large",
        {
            "strict": "POST refused chunk-size-too-large",
            "size-32-bit": "POST 0, GET 0",
            "size-64-bit": "POST 0, GET 0",
        },
    ),
    "TERM.EXT: LF ends an extension, or does not": (
        post(CHUNKED, content=b"2;\nxx\r\n25\r\n" + b"0\r\n\r\n" + NEXT + b"\r\n0\r\n\r\n"),
        "POST 39",
        {"strict": "POST refused bare-lf", "crlf-only": "POST 2, GET 0,  refused start-line-malformed"},
    ),
    "CR ends an extension, or does not": (
        post(CHUNKED, content=b"2;\rxx\r\n25\r\n" + b"0\r\n\r\n" + NEXT + b"\r\n0\r\n\r\n"),
        "POST 2, GET 0,  refused start-line-malformed",
        {"cr-ends-line": "POST 39"},
    ),
    "ONE.TWO: LF ends a chunk, or any two octets do": (
        post(CHUNKED, content=b"2\r\nab\n30\r\n\r\n" + NEXT + b"x" * 14 + b"\r\n0\r\n\r\n"),
        "POST 50",
        {
            "strict": "POST refused bare-lf",
            "crlf-only": "POST undecidable chunk-end-missing",
            "chunk-end-any": "POST 2, GET 0,  refused start-line-malformed",
        },
    ),
    "any two octets end a chunk": (
        post(CHUNKED, content=b"2\r\nabXX0\r\n\r\n"),
        "POST undecidable chunk-end-missing",
        {
            "strict": "POST refused chunk-end-missing",
            "chunk-end-any": "POST 2",
            "chunk-end-optional": "POST undecidable chunk-size-invalid",
        },
    ),
    "nothing ends a chunk": (
        post(CHUNKED, content=b"2\r\nab0\r\n\r\n" + NEXT),
        "POST undecidable chunk-end-missing",
        {
            "strict": "POST refused chunk-end-missing",
            "chunk-end-any": "POST undecidable chunk-size-invalid",
            "chunk-end-optional": "POST 2, GET 0",
        },
    ),
}


@pytest.mark.parametrize("name", ATTACKS)
def test_who_reads_an_attack_otherwise(name: str) -> None:
    octets, ordinary, others = ATTACKS[name]
    first, *rest = readings(octets, REQUEST)
    assert first.recipient is ORDINARY
    assert told(first) == ordinary
    assert {each.recipient.id: told(each) for each in rest if told(each) != ordinary} == others


@pytest.mark.parametrize("name", ATTACKS)
def test_an_attack_is_a_disagreement_from_its_first_message_on(name: str) -> None:
    octets, _, others = ATTACKS[name]
    clean = post(L37, content=AFTER)
    found = disagreement(readings(clean + octets, REQUEST))
    assert found
    assert (found.offset, found.before) == (len(clean), 1)
    first, *rest = found.groups
    assert ORDINARY in first.recipients
    assert first.parts_at is None
    assert {group.parts_at for group in rest} == {len(clean)}
    grouped = [recipient.id for group in found.groups for recipient in group.recipients]
    assert sorted(grouped) == sorted(each.id for each in RECIPIENTS if each.only in (None, REQUEST))
    apart = {recipient.id for group in rest for recipient in group.recipients}
    assert apart <= others.keys()
    # Whoever reads otherwise and is not apart refuses, where the ordinary recipient can't decide.
    assert all(others[id].startswith(("POST refused", "POST undecidable")) for id in others.keys() - apart)


@pytest.mark.parametrize("id", sorted(BY_ID.keys() - {"ordinary", "status-ignored"}))
def test_every_recipient_reads_something_otherwise(id: str) -> None:
    assert any(id in others for _, _, others in ATTACKS.values())


#: Responses, the methods they answer, and the same as above.
ANSWERS: dict[str, tuple[bytes, list[bytes | None] | None, str, dict[str, str]]] = {
    "CL.TE": (
        answer(b"Content-Length: 5", CHUNKED, content=b"0\r\n\r\n"),
        [b"GET"],
        "200 0",
        {"strict": "200 refused length-and-coding", "length-wins": "200 5"},
    ),
    "CL.TE, other ends": (
        answer(b"Content-Length: 3", CHUNKED, content=b"0\r\n\r\n"),
        [b"GET"],
        "200 0",
        {"strict": "200 refused length-and-coding", "length-wins": "200 3"},
    ),
    "xchunked": (
        answer(b"Transfer-Encoding: chunked, x", content=b"0\r\n\r\n"),
        [b"GET"],
        "200 at-close 5",
        {"coding-loose": "200 0"},
    ),
    "a status without content": (
        answer(b"Content-Length: 2", content=b"ab", status=b"204 No Content"),
        [b"GET"],
        "204 0",
        {"status-ignored": "204 2"},
    ),
    "an interim response with a length": (
        answer(b"Content-Length: 17", status=b"100 Continue") + answer(b"Content-Length: 0"),
        [b"GET"],
        "100 0, 200 0",
        {"status-ignored": "100 17,  undecidable not-http"},
    ),
}


@pytest.mark.parametrize("name", ANSWERS)
def test_who_reads_an_answer_otherwise(name: str) -> None:
    octets, methods, ordinary, others = ANSWERS[name]
    first, *rest = readings(octets, RESPONSE, methods)
    assert told(first) == ordinary
    assert {each.recipient.id: told(each) for each in rest if told(each) != ordinary} == others


def test_recipients_that_read_the_same_extent_in_other_ways_do_not_disagree() -> None:
    octets, methods, _, _ = ANSWERS["CL.TE"]
    assert disagreement(readings(octets, RESPONSE, methods)) is None
    octets, methods, _, _ = ANSWERS["CL.TE, other ends"]
    assert disagreement(readings(octets, RESPONSE, methods))


def test_a_refusal_alone_is_no_disagreement() -> None:
    octets = b"GET / HTTP/1.1\r\nA: \x01\r\n\r\n"
    all_of_them = {each.recipient.id: told(each) for each in readings(octets, REQUEST)}
    assert all_of_them.pop("strict") == "GET refused control-octet"
    assert set(all_of_them.values()) == {"GET 0"}
    assert disagreement(readings(octets, REQUEST)) is None


def test_methods_are_those_of_the_answers_that_are_left() -> None:
    """An answer to HEAD stands before the doubtful one, an interim response before the answer to GET."""
    before = answer(b"Content-Length: 9") + answer(status=b"103 Early Hints")
    doubtful = answer(b"Content-Length: 3", CHUNKED, content=b"0\r\n\r\n")
    found = disagreement(
        readings(before + doubtful + answer(b"Content-Length: 7"), RESPONSE, [b"HEAD", b"GET", b"HEAD"])
    )
    assert found
    assert (found.offset, found.before) == (len(before), 2)
    assert [each.octets for each in found.groups[0].messages] == [0, 0]


def test_where_a_message_that_waits_would_end() -> None:
    octets = post(b"Content-Length: 5", b"Content-Length: 9", content=b"abc")
    ends = {each.recipient.id: each.messages[0].end for each in readings(octets, REQUEST)}
    assert (ends["first-wins"], ends["last-wins"], ends["ordinary"]) == (len(octets) + 2, len(octets) + 6, None)
    found = disagreement(readings(octets, REQUEST))
    assert found  # both wait, but not for the same
    assert len(found.groups) == 3


def test_the_start_line_is_where_it_stands() -> None:
    octets = b"\r\nGET /a HTTP/1.1\rHost: a\r\r"
    (message,) = read(BY_ID["cr-ends-line"], octets, REQUEST).messages
    assert octets[message.line.start : message.line.stop] == b"GET /a HTTP/1.1"
    assert (message.method, message.target, message.stop) == (b"GET", b"/a", len(octets))


def test_what_follows_an_upgrade_is_nobodys_request() -> None:
    upgrade = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n"
    frames = b"\x81\x85abcdefghi\r\n\r\n"
    assert {each.messages for each in readings(upgrade + frames, REQUEST)} == {()}
    doubtful = upgrade.replace(b"Host: a", b"Host: a\r\nContent_Length: 0")
    assert {len(each.messages) for each in readings(doubtful + frames, REQUEST)} == {1}


def test_who_only_waits_for_the_end_of_a_head_disagrees_with_nobody() -> None:
    made = readings(b"GET / HTTP/1.1\nHost: a\n\n", REQUEST)
    (waiting,) = (each for each in made if each.recipient.id == "crlf-only")
    assert waiting.messages[0].unread
    assert disagreement(made) is None


# Those who differ nowhere.


def is_conforming(case: Case) -> bool:
    """Whether a case has nothing worse than notes, and no content that some don't expect."""
    result = run_case(case, [case.octets])
    ignored = any(each.content_start < each.stop and each.method == b"GET" for each in result.messages)
    notes = all(finding.deviation.severity is Severity.NOTE for finding in result.all_findings)
    return bool(result.messages) and notes and not ignored and case.limits == Limits()


CONFORMING = [case for case in cases() if is_conforming(case)]

#: What no finding above a note tells, and some read otherwise: sizes too large to be whole here, and an empty line.
OTHERWISE = {
    "chunks/the-largest-size": {"size-32-bit"},
    "lengths/the-largest": {"size-32-bit"},
    "connections/empty-lines-between-requests": {"crlf-only"},
}


def ends(reading: Reading) -> list[tuple[object, ...]]:
    return [message.boundary for message in reading.messages]


def test_many_cases_conform() -> None:
    assert len(CONFORMING) > 60
    assert {case.direction for case in CONFORMING} == {REQUEST, RESPONSE}


@pytest.mark.parametrize("case", CONFORMING, ids=lambda case: case.id)
def test_what_conforms_is_read_alike_by_all(case: Case) -> None:
    expected = ends(read(ORDINARY, case.octets, case.direction, case.methods))
    messages = run_case(case, [case.octets]).messages
    assert [each[:2] for each in expected[: len(messages)]] == [(each.start, each.stop) for each in messages]
    others = {
        recipient.id
        for recipient in RECIPIENTS
        if ends(read(recipient, case.octets, case.direction, case.methods)) != expected
    }
    assert others == OTHERWISE.get(case.id, set())
    assert bool(disagreement(readings(case.octets, case.direction, case.methods))) == ("size-32-bit" in others)


some = settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow])


@st.composite
def conforming(draw: st.DrawFn) -> Given:
    direction = draw(st.sampled_from(Direction))
    whole = st.lists(wholes(direction).filter(lambda each: direction is RESPONSE or each[2] not in (b"GET", b"HEAD")))
    messages = draw(whole)
    return b"".join(each[0] for each in messages), direction, [each[2] for each in messages]


@some
@given(conforming())
def test_whatever_conforms_is_read_alike_by_all(it: Given) -> None:
    octets, direction, methods = it
    expected = ends(read(ORDINARY, octets, direction, methods))
    assert len(expected) == len(methods or ())
    for recipient in RECIPIENTS:
        assert ends(read(recipient, octets, direction, methods)) == expected, recipient.id


# What holds for all octets.

FRAGMENTS = [
    *PARTS,
    *(NEXT, AFTER, b"Content-Length: 5, 6\r\n", b"Content-Length: +5\r\n", b"Content_Length: 3\r\n"),
    *(b"Transfer-Encoding: xchunked\r\n", b"Transfer-Encoding : chunked\r\n", b"X: y\rContent-Length: 3\r\n"),
    *(b"\r\n Transfer-Encoding: chunked\r\n", b"0x5\r\nhello", b"100000005\r\n", b"POST / HTTP/1.1\r\nHost: a\r\n"),
    *(b"Connection: content-length\r\n", b"5;\n", b"5 ;\r", b"\r\r"),
]


@st.composite
def anything(draw: st.DrawFn) -> Given:
    direction = draw(st.sampled_from(Direction))
    start = draw(st.sampled_from([b"", post()[:-2], answer()[:-2], post(L37, CHUNKED, content=AFTER)]))
    octets = start + b"".join(draw(st.lists(st.sampled_from(FRAGMENTS) | st.binary(max_size=4), max_size=12)))
    methods: Any = (
        None if direction is REQUEST else draw(st.none() | st.lists(st.sampled_from([b"GET", b"HEAD", None])))
    )
    return octets, direction, methods


@some
@given(anything(), st.integers(1, 4))
def test_readings_lie_within_the_octets_and_do_not_overlap(it: Given, most: int) -> None:
    octets, direction, methods = it
    found = readings(octets, direction, methods, most_messages=most)
    disagreement(found)
    for reading in found:
        assert len(reading.messages) <= most
        position = 0
        for message in reading.messages:
            assert octets[position : message.start].strip(b"\r\n") == b"" or reading.messages[0] is message
            assert position <= message.start <= message.line.stop <= message.stop
            assert message.content_start <= message.stop
            assert (message.deviation is not None) == message.refused
            assert not message.end or message.end > len(octets)
            position = message.stop
        assert position + reading.left_out <= len(octets)
        assert all(message.ended is Ended.COMPLETE for message in reading.messages[:-1])


@some
@given(anything(), st.sampled_from([1, 2, 7]))
def test_readings_do_not_depend_on_how_much_is_read_at_once(it: Given, size: int) -> None:
    expected = readings(*it)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(room, "_PIECE", size)
        assert readings(*it) == expected


@some
@given(anything())
def test_what_is_read_once_for_all_hides_no_disagreement(
    it: Given,
) -> None:
    """`readings` skips what it takes to be beyond doubt: whoever reads all of it finds the same."""
    octets, direction, methods = it
    kinds = [recipient for recipient in RECIPIENTS if recipient.only in (None, direction)]
    full = disagreement([read(each, octets, direction, methods) for each in kinds])
    short = disagreement(readings(octets, direction, methods))
    assert place(short) == place(full)


def place(found: Disagreement | None) -> tuple[int, int, list[list[str]]] | None:
    groups = [[each.id for each in group.recipients] for group in found.groups] if found else []
    return (found.offset, found.before, groups) if found else None


# How much is read.


def octets_fed(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The sizes of what streams are fed from here on."""
    fed: list[int] = []
    feed = Stream.feed

    def counting(self: Stream, data: bytes | memoryview) -> Any:
        fed.append(len(data))
        return feed(self, data)

    monkeypatch.setattr(Stream, "feed", counting)
    return fed


def test_what_is_beyond_doubt_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    fed = octets_fed(monkeypatch)
    octets = NEXT * 5000
    assert {(each.before, each.messages, each.left_out) for each in readings(octets, REQUEST)} == {(5000, (), 0)}
    assert sum(fed) == len(octets)


def test_the_number_of_messages_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    fed = octets_fed(monkeypatch)
    octets = NEXT * 10 + b"GET / HTTP/1.1\r\n\r\n" * 5000
    (one, *_) = found = readings(octets, REQUEST, most_messages=50)
    assert {len(each.messages) for each in found} == {1, 50}  # the strict one refuses the first
    assert (one.before, one.left_out) == (10, 4950 * 18)
    assert sum(fed) < 2 * 4096 * len(RECIPIENTS)


def test_the_number_of_octets_is_bounded() -> None:
    octets = post(b"Content-Length: 100", CHUNKED, content=b"50\r\n" + bytes(200))
    found = {each.recipient.id: each for each in readings(octets, REQUEST, most_octets=120)}
    assert {each.left_out for each in found.values()} == {len(octets) - 120}
    assert found["ordinary"].messages[0].ended is Ended.NOT_READ
    assert found["length-wins"].messages[0].ended is Ended.NOT_READ
    assert found["length-wins"].messages[0].stop == 120


def test_a_large_content_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    fed = octets_fed(monkeypatch)
    octets = post(b"Content-Length: 1000000", b"Content-Length: 1000000", content=bytes(1_000_000)) + NEXT
    assert [len(each.messages) for each in readings(octets, REQUEST) if each.recipient is not STRICT].count(2) > 20
    assert sum(fed) < 2 * 4096 * len(RECIPIENTS)


HOSTILE = {
    "folds": post()[:-2] + b"A: b\r\n" + b" c\r\n" * 10_000,
    "blanks in folds": post()[:-2] + b"A: b\r\n" + b" " * 60_000 + b"\r\n\r\n",
    "CR": post()[:-2] + b"\r" * 60_000,
    "LF": b"\n" * 60_000,
    "NUL": post()[:-2] + b"Transfer-Encoding: " + b"\0" * 60_000 + b"\r\n\r\n",
    "fields": post(*[b"Content-Length: 1"] * 6_000),
    "a list": post(b"Content-Length: " + b"1," * 30_000),
    "digits": post(b"Content-Length: " + b"1" * 60_000 + b"x"),
    "underscores": post(b"Content-Length: " + b"1_" * 30_000),
    "blanks": post(b"Content-Length: " + b"\x0b" * 60_000 + b"x"),
    "Connection": post(b"Connection: " + b"content-, " * 6_000, b"Content_Length: 1"),
    "chunk sizes": post(CHUNKED, content=b"0x1\r\na\r\n" * 6_000),
    "an endless chunk size": post(CHUNKED, content=b"0x" + b"0_" * 30_000),
    "chunks": post(L37, CHUNKED, content=b"1\r\na\r\n" * 30_000),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_each_recipient_is_fed_each_octet_at_most_once(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is not linear in these would not come to an end within a test's patience."""
    octets = HOSTILE[name]
    fed = octets_fed(monkeypatch)
    found = readings(octets, REQUEST)
    assert sum(fed) <= len(octets) * (len(found) + 1)
    assert all(len(each.messages) <= 100 for each in found)
