"""What holds for all octets: well-formed messages, messages with a few octets changed, and noise."""

from __future__ import annotations

from collections import deque
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from wire_corpus import assert_tiles, coarse, gather, run
from wire_patches import applied, edited, examined, ids

from httpwire.wire import head as reading
from httpwire.wire.content import Limits
from httpwire.wire.edit import Edits, plan
from httpwire.wire.element import RUNS, Direction, Element, ElementKind
from httpwire.wire.exchange import Conversation, Outcome
from httpwire.wire.head import Head
from httpwire.wire.message import Message
from httpwire.wire.preflight import Examiner
from httpwire.wire.stream import Stream

some = settings(max_examples=200, suppress_health_check=[HealthCheck.too_slow])

# Well-formed messages, and what each must turn out to be.

TOKEN = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!#$%&'*+-.^_`|~"
tokens = st.text(TOKEN, min_size=1, max_size=8).map(str.encode)
visible = st.text([chr(o) for o in (*range(0x21, 0x7F), *range(0x80, 0x100))], max_size=6).map(
    lambda text: text.encode("latin-1")
)
values = st.lists(visible, max_size=3).map(b" ".join).map(bytes.strip)
blanks = st.sampled_from([b"", b" ", b"\t", b"  ", b" \t "])
FRAMING = frozenset((b"host", b"content-length", b"transfer-encoding"))


@st.composite
def field_lines(draw: st.DrawFn) -> bytes:
    name = draw(tokens.filter(lambda token: token.lower() not in FRAMING))
    return name + b":" + draw(blanks) + draw(values) + draw(blanks) + b"\r\n"


@st.composite
def chunked(draw: st.DrawFn, content: bytes) -> bytes:
    """`content` in the chunked coding, in one of the many ways to write it."""
    out = b""
    while content:
        size = draw(st.integers(1, len(content)))
        digits = draw(st.sampled_from([b"%x", b"%X", b"0%x", b"00000000000000000%X"])) % size
        extension = draw(st.sampled_from([b"", b"", b"", b";a", b" ;\ta=b", b';a="\\";\xe9"']))
        out += digits + extension + b"\r\n" + content[:size] + b"\r\n"
        content = content[size:]
    last = draw(st.sampled_from([b"0", b"000", b"0;last"]))
    return out + last + b"\r\n" + b"".join(draw(st.lists(field_lines(), max_size=2))) + b"\r\n"


@st.composite
def wholes(draw: st.DrawFn, direction: Direction) -> tuple[bytes, bytes, bytes]:
    """A message that ends by itself: its octets, its content, and the method that it has or answers."""
    method = draw(st.sampled_from([b"GET", b"POST", b"HEAD", b"M-X"]))
    if direction is Direction.REQUEST:
        target = draw(st.sampled_from([b"/", b"/a?b=c%20d", b"http://a:80/b"]))
        head = b"%b %b HTTP/1.1\r\nHost: a\r\n" % (method, target)
    else:
        reason = draw(st.sampled_from([b"", b"OK", b"Not \xe9\tFound"]))
        head = b"HTTP/1.1 %d %b\r\n" % (draw(st.sampled_from([200, 206, 404, 503])), reason)
    content = draw(st.binary(max_size=40))
    lines = draw(st.lists(field_lines(), max_size=3))
    kind = draw(st.sampled_from(["length", "chunked", "none"]))
    if direction is Direction.RESPONSE and method == b"HEAD":
        lines.append(draw(st.sampled_from([b"Content-Length: 7\r\n", b"Transfer-Encoding: chunked\r\n"])))
        return head + b"".join(lines) + b"\r\n", b"", method
    if kind == "chunked":
        lines.append(
            draw(st.sampled_from([b"Transfer-Encoding: chunked\r\n", b"transfer-encoding:GZIP ,\tCHUNKED\r\n"]))
        )
        body = draw(chunked(content))
    elif kind == "length" or direction is Direction.RESPONSE:
        lines.append(draw(st.sampled_from([b"Content-Length: %d\r\n", b"content-length:\t0%d \r\n"])) % len(content))
        body = content
    else:
        content = body = b""
    return head + b"".join(draw(st.permutations(lines))) + b"\r\n" + body, content, method


# Octets that are not so well formed.

PARTS = [
    *(b"\r\n", b"\n", b"\r", b" ", b"\t", b":", b";", b",", b"=", b'"', b"\\", b"\x00", b"\x7f", b"\xff", b"+", b"_"),
    *(b"0", b"1", b"5", b"a", b"F", b"x", b"0x5", b"-1", b"8000000000000000", b"A: b\r\n", b" c\r\n", b"\n c\n"),
    *(
        b"GET / HTTP/1.1\r\n",
        b"get  /a b HTTP/1.0\n",
        b"GET /\r\n",
        b"CONNECT a:1 HTTP/1.1\r\n",
        b"Host: a\r\n",
        b"POST ",
    ),
    *(
        b"HTTP/1.1 200 OK\r\n",
        b"HTTP/1.1 100 \r\n",
        b"HTTP/1.1 101 \r\n",
        b"HTTP/1.0 204\n",
        b"HTTP/",
        b"HTTP/2 200\r\n",
    ),
    *(b"Content-Length: 5\r\n", b"Content-Length: 3\n", b"Content-Length : 0\r\n", b"Transfer-Encoding: chunked\r\n"),
    *(
        b"Transfer-Encoding: gzip\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"\xef\xbb\xbf",
        b"\x15\x03\x01",
        b"\r\n\r\n",
    ),
    *(b"5\r\nhello\r\n", b"0\r\n\r\n", b"hello", b"0\r\nA: b\r\n\r\n", b"2;a\nok\n", b"HTTP/1.1 103 x\r\nA: b\r\n\r\n"),
]


@st.composite
def changed(draw: st.DrawFn, direction: Direction) -> bytes:
    """Some messages, one after the other, with a few places changed."""
    octets = b"".join(each[0] for each in draw(st.lists(wholes(direction), min_size=1, max_size=3)))
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(octets)))
        stop = min(len(octets), start + draw(st.sampled_from([0, 0, 1, 1, 2, 10])))
        octets = octets[:start] + draw(st.sampled_from([b"", *PARTS])) + octets[stop:]
    return octets


def anything(direction: Direction) -> st.SearchStrategy[bytes]:
    joined = st.lists(st.sampled_from(PARTS), max_size=12).map(b"".join)
    return st.one_of(changed(direction), joined, st.binary(max_size=80))


@st.composite
def situations(draw: st.DrawFn) -> tuple[bytes, Direction, dict[str, Any]]:
    """Octets, their direction, and how a stream is set up to read them."""
    direction = draw(st.sampled_from(Direction))
    octets = draw(anything(direction))
    setting: dict[str, Any] = {"end": draw(st.sampled_from(["close", "close", "cut"]))}
    if direction is Direction.RESPONSE:
        some_methods = st.lists(st.sampled_from([b"GET", b"HEAD", b"CONNECT", None]), max_size=3).map(tuple)
        setting["methods"] = draw(st.none() | some_methods)
    if draw(st.booleans()):
        small = st.integers(20, 80)
        setting["limits"] = Limits(draw(small), draw(st.integers(2, 6)), draw(st.integers(1, 3)), draw(small))
    return octets, direction, setting


@st.composite
def split(draw: st.DrawFn, octets: bytes) -> list[bytes]:
    places = sorted(draw(st.lists(st.integers(0, len(octets)), max_size=6)))
    return [octets[a:b] for a, b in zip([0, *places], [*places, len(octets)], strict=True)]


# The laws.


@some
@given(situations(), st.booleans())
def test_elements_tile_whatever_comes(situation: tuple[bytes, Direction, dict[str, Any]], detail: bool) -> None:  # noqa: FBT001
    octets, direction, setting = situation
    assert_tiles(run([octets], direction, detail=detail, **setting).elements, len(octets))


@some
@given(situations(), st.booleans(), st.data())
def test_every_split_says_the_same(
    situation: tuple[bytes, Direction, dict[str, Any]],
    detail: bool,  # noqa: FBT001
    data: st.DataObject,
) -> None:
    octets, direction, setting = situation
    whole = run([octets], direction, detail=detail, **setting)
    pieces = data.draw(split(octets))
    assert run(pieces, direction, detail=detail, **setting) == whole
    assert run([octets[i : i + 1] for i in range(len(octets))], direction, detail=detail, **setting) == whole


@some
@given(situations(), st.booleans(), st.data())
def test_skipping_what_is_opaque_says_the_same(
    situation: tuple[bytes, Direction, dict[str, Any]],
    detail: bool,  # noqa: FBT001
    data: st.DataObject,
) -> None:
    octets, direction, setting = situation
    pieces = data.draw(split(octets))
    fed = run(pieces, direction, detail=detail, **setting)
    assert run(pieces, direction, detail=detail, skip=True, **setting) == fed


@some
@given(situations())
def test_without_detail_only_chunks_are_told_otherwise(situation: tuple[bytes, Direction, dict[str, Any]]) -> None:
    octets, direction, setting = situation
    detailed = run([octets], direction, detail=True, **setting)
    plain = run([octets], direction, detail=False, **setting)
    assert (plain.heads, plain.messages, plain.findings) == (detailed.heads, detailed.messages, detailed.findings)
    assert plain.elements == coarse(detailed.elements)


@some
@given(situations(), st.data())
def test_a_stream_that_goes_on_tiles_what_it_has_taken(
    situation: tuple[bytes, Direction, dict[str, Any]], data: st.DataObject
) -> None:
    """At any moment: the elements so far, and then the octets that wait, are all there was."""
    octets, direction, setting = situation
    stream = Stream(direction, limits=setting.get("limits"), detail=True)
    elements: list[Element] = []
    fed = 0
    for piece in data.draw(split(octets)):
        elements += gather(stream.feed(piece), []).elements
        fed += len(piece)
        assert stream.offset == fed
        assert_tiles(elements, fed - len(stream.pending))
        assert octets[:fed].endswith(stream.pending)
        assert stream.opaque >= 0


@some
@given(situations())
def test_findings_and_messages_lie_within_the_octets(situation: tuple[bytes, Direction, dict[str, Any]]) -> None:
    octets, direction, setting = situation
    result = run([octets], direction, **setting)
    position = 0
    for message in result.messages:
        assert position <= message.start <= message.content_start <= message.stop <= len(octets)
        assert message.octets <= message.stop - message.content_start
        position = message.stop
    for finding in result.all_findings:
        assert 0 <= finding.start <= finding.stop <= len(octets)
        assert finding.direction is direction
        assert str(finding)


@some
@given(situations())
def test_field_lines_are_what_stands_in_the_octets(situation: tuple[bytes, Direction, dict[str, Any]]) -> None:
    octets, direction, setting = situation
    for head in run([octets], direction, **setting).heads:
        assert octets[head.start : head.stop] == head.raw
        for line in head.fields:
            assert octets[line.start : line.start + len(line.name)] == line.name
            assert octets[line.colon : line.colon + 1] == b":"
            folds = [e for e in head.elements() if e.kind is ElementKind.FOLD and line.start < e.start < line.stop]
            if not folds:
                assert line.value in octets[line.colon + 1 : line.stop]


# Well-formed messages.


@some
@given(st.sampled_from(Direction).flatmap(lambda d: st.tuples(st.just(d), st.lists(wholes(d), min_size=1, max_size=4))))
def test_well_formed_messages_are_read_as_they_were_written(
    case: tuple[Direction, list[tuple[bytes, bytes, bytes]]],
) -> None:
    direction, each = case
    octets = b"".join(one[0] for one in each)
    methods = tuple(one[2] for one in each) if direction is Direction.RESPONSE else None
    result = run([octets], direction, methods=methods, end="open")
    assert result.all_findings == []
    assert [octets[m.start : m.stop] for m in result.messages] == [one[0] for one in each]
    for message, (_, content, method) in zip(result.messages, each, strict=True):
        assert message.complete
        assert message.octets == len(content)
        assert message.replace(raw=octets[message.start : message.stop]).content == content
        if direction is Direction.REQUEST:
            assert message.method == method
    assert sum(element.kind in RUNS for element in result.elements) >= sum(bool(one[1]) for one in each)


@some
@given(wholes(Direction.RESPONSE), st.data())
def test_a_message_cut_short_is_never_complete(whole: tuple[bytes, bytes, bytes], data: st.DataObject) -> None:
    octets, _, method = whole
    stop = data.draw(st.integers(0, len(octets) - 1))
    result = run([octets[:stop]], Direction.RESPONSE, methods=(method,))
    assert not any(message.complete for message in result.messages)
    assert len(result.messages) == (stop > 0)


def test_content_is_not_there_without_octets() -> None:
    (message,) = run([b"HTTP/1.1 200 OK\r\n\r\n"], Direction.RESPONSE).messages
    with pytest.raises(ValueError, match="not kept"):
        _ = message.content


# What is about to be sent.

requests = anything(Direction.REQUEST)


@some
@given(requests, st.data())
def test_the_examiner_accepts_whatever_it_is_fed(octets: bytes, data: st.DataObject) -> None:
    pieces = data.draw(split(octets))
    examination = examined(*pieces)
    assert examination == examined(octets)
    assert examination.octets == len(octets)
    assert examination.answers >= 1
    assert (examination.first is None) == (examination.requests == 0)
    for finding in examination.findings:
        assert 0 <= finding.start <= finding.stop <= len(octets)
        assert str(finding)
    skipping = Examiner()
    for piece in pieces:
        count = min(skipping.opaque, len(piece))
        if count:
            skipping.skip(count)
        skipping.feed(piece[count:])
    assert skipping.finish() == examination


@some
@given(st.lists(wholes(Direction.REQUEST), min_size=1, max_size=3))
def test_the_examiner_finds_nothing_in_sound_requests(each: list[tuple[bytes, bytes, bytes]]) -> None:
    examination = examined(b"".join(one[0] for one in each))
    assert examination.findings == ()
    assert examination.requests == examination.answers == len(each)
    assert examination.first
    assert examination.first.method == each[0][2]


all_edits = st.builds(
    Edits,
    crlf=st.booleans(),
    end_head=st.booleans(),
    fix_length=st.booleans(),
    set=st.lists(st.sampled_from([b"Host: b", b"X-New: 1", b"A: 2", b"content-length: 3"]), max_size=2).map(tuple),
    unset=st.lists(st.sampled_from([b"A", b"host", b"Transfer-Encoding"]), max_size=1).map(tuple),
)


@some
@given(requests, all_edits, st.data())
def test_patches_are_in_order_and_true(octets: bytes, edits: Edits, data: st.DataObject) -> None:
    patches = plan(edits, [octets])
    applied(octets, patches)
    assert plan(edits, data.draw(split(octets))) == patches


@some
@given(requests)
def test_no_edits_no_patches(octets: bytes) -> None:
    assert plan(Edits(), [octets]) == []


@some
@given(requests)
def test_after_crlf_no_line_end_is_a_bare_lf(octets: bytes) -> None:
    patches = plan(Edits(crlf=True), [octets])
    assert {(patch.old, patch.new) for patch in patches} <= {(b"\n", b"\r\n")}
    after = applied(octets, patches)
    assert "bare-lf" not in run([after], Direction.REQUEST).ids
    assert plan(Edits(crlf=True), [after]) == []


@some
@given(wholes(Direction.REQUEST), st.data())
def test_after_end_head_the_head_ends(whole: tuple[bytes, bytes, bytes], data: st.DataObject) -> None:
    """Wherever a head was cut after its request line, what is there is sent as a whole head."""
    octets = whole[0]
    line = octets.index(b"\r\n") + 2
    stop = data.draw(st.integers(line, octets.index(b"\r\n\r\n") + 3))
    after = edited(octets[:stop], Edits(end_head=True))
    assert after.startswith(octets[:stop])
    result = run([after], Direction.REQUEST)
    assert [head.complete for head in result.heads] == [True]
    assert not {"head-unterminated", "empty-line-before", "bare-lf", "bare-cr"} & set(result.ids)


@some
@given(
    st.sampled_from(
        [b"", b"Content-Length: 5\r\n", b"content-length:0\r\n", b"Content-Length: 3\r\nContent-Length: 4\r\n"]
    )
    | st.sampled_from([b"Content-Length: +5\r\n", b"Content-Length:\r\n", b"Content-Length: 7, 7\r\n"]),
    st.lists(st.sampled_from([b"a", b"hello", b"\r\n", b"\n", b" ", b":", b"GET", b"\x00", b"{}", b"0"]), max_size=6),
)
def test_after_fix_length_the_length_is_right(lines: bytes, content: list[bytes]) -> None:
    octets = b"POST / HTTP/1.1\r\nHost: a\r\n" + lines + b"\r\n" + b"".join(content)
    after = edited(octets, Edits(fix_length=True))
    found = ids(examined(after).findings)
    assert not [id for id in found if id.startswith(("content-", "length-"))]
    assert after.endswith(b"\r\n\r\n" + b"".join(content))


@some
@given(wholes(Direction.REQUEST))
def test_fix_length_leaves_sound_requests_alone(whole: tuple[bytes, bytes, bytes]) -> None:
    assert plan(Edits(fix_length=True), [whole[0]]) == []


@some
@given(st.lists(wholes(Direction.REQUEST), min_size=1, max_size=3))
def test_set_and_unset_do_what_they_say_and_nothing_else(each: list[tuple[bytes, bytes, bytes]]) -> None:
    octets = b"".join(one[0] for one in each)
    after = edited(octets, Edits(set=(b"X-New: 1", b"host: b"), unset=(b"Absent",)))
    before, now = run([octets], Direction.REQUEST).messages, run([after], Direction.REQUEST).messages
    assert len(now) == len(before)
    for old, new in zip(before, now, strict=True):
        assert new.values(b"host") == [b"b"]
        assert new.values(b"x-new") == [b"1"]
        kept = [f for f in new.fields if f.name.lower() not in (b"host", b"x-new")]
        was = [f for f in old.fields if f.name.lower() not in (b"host", b"x-new")]
        assert [(f.name, f.value) for f in kept] == [(f.name, f.value) for f in was]
    unset = edited(after, Edits(unset=(b"X-NEW",)))
    assert unset.count(b"X-New") == 0


# Both directions.

SENT = [
    b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
    b"HEAD / HTTP/1.1\r\n\r\n",
    b"POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\nhe",
]
steps = st.lists(
    st.one_of(
        st.tuples(st.just("sent"), st.sampled_from([*SENT, *PARTS])),
        st.tuples(st.just("received"), st.sampled_from([b"HTTP/1.1 204 x\r\n\r\n", *PARTS])),
        st.tuples(st.sampled_from(["sent_all", "closed", "cut"]), st.just(b"")),
    ),
    max_size=14,
)


@some
@given(steps)
def test_a_conversation_never_raises_and_loses_no_exchange(conversation: list[tuple[str, bytes]]) -> None:
    both = Conversation()
    before = 0
    over = False  # nothing is sent after the last octet
    for at_ns, (what, octets) in enumerate(conversation):
        if what == "sent":
            if not over:
                both.sent(octets, at_ns)
        elif what == "received":
            both.received(octets, at_ns)
        elif what == "sent_all":
            over = True
            both.sent_all()
        else:
            both.closed(cut=what == "cut")
        exchanges = both.exchanges
        assert len(exchanges) >= before
        before = len(exchanges)
        assert both.answered == sum(exchange.outcome is Outcome.COMPLETE for exchange in exchanges)
        for exchange in exchanges:
            assert (exchange.response is None) == (exchange.outcome is Outcome.NO_ANSWER)
            times = [time for time in exchange.timing[2:] if time is not None]
            assert times == sorted(times)


def test_a_stream_takes_its_methods_from_the_queue() -> None:
    methods: deque[bytes | None] = deque((b"HEAD", b"GET"))
    stream = Stream(Direction.RESPONSE, methods=methods)
    events = stream.feed(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n")
    assert [type(event) for event in events] == [Head, Message]
    assert list(methods) == [b"GET"]


CLEAN = [
    *(b"A: b\r\n", b"A:b\r\n", b"a:\r\n", b"X-Y:  \t b c\t\r\n", b"A: b: c\r\n", b"\xff: \xff\r\n", b": a\r\n"),
    *(b"HOST: a\r\n", b"host:a:b\r\n", b"Content-Length: 5\r\n", b"content-length:5, 5\r\n"),
    *(b"Transfer-Encoding: chunked\r\n", b"A: \xe6\x97\xa5\r\n"),
]


@given(direction=st.sampled_from(Direction), data=st.data())
def test_a_clean_head_is_read_as_if_it_were_looked_at_line_by_line(direction: Direction, data: st.DataObject) -> None:
    first = st.sampled_from(
        [b"GET / HTTP/1.1\r\n", b"get * HTTP/1.0\r\n", b"OPTIONS * HTTP/1.1\r\n", b"GET a%zz#b HTTP/2.0\r\n"]
        if direction is Direction.REQUEST
        else [b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 204 \r\n", b"HTTP/2.0 099 a b\r\n", b"HTTP/1.0 600 \xff\t\r\n"]
    )
    raw = data.draw(first) + b"".join(data.draw(st.lists(st.sampled_from(CLEAN), max_size=5))) + b"\r\n"
    read: list[tuple[Any, ...]] = []
    for most in (1 << 16, 0):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(reading, "_CLEAN", most)
            told: list[tuple[Any, ...]] = []
            note = lambda *args, told=told, **more: told.append((args, more))  # noqa: E731
            made, lines = reading.parse_head(raw, 7, direction, note)
            deciding = (b"host", b"content-length", b"transfer-encoding")
            framing = {line for line in lines if line.name.lower() in deciding}
            read.append(
                (made.line, made.lines, list(made.elements()), made.values(b"a"), framing, sorted(told, key=str))
            )
    assert read[0] == read[1]
