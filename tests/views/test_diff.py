"""The model of differences: each is told in its layer, once, and what is the same is not told."""

from __future__ import annotations

import gzip
import json
import zlib

import pytest
from messages import APACHE, answer, chunked, compared, differences, told

from httpwire.language import Sentence
from httpwire.views.diff.model import VOLATILE, Layer
from httpwire.wire.element import Span

TEXT = b"hello world, this is the content\n"
PNG = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + bytes(range(100))


class TestBytes:
    def test_what_is_the_same_is_not_looked_into(self) -> None:
        assert compared(APACHE, APACHE) == []

    def test_an_empty_file(self) -> None:
        assert compared(b"", b"") == []
        assert told(b"", APACHE) == [("message", "added", "")]
        assert told(APACHE, b"") == [("message", "removed", "")]

    def test_what_is_the_same_of_a_message_is_counted(self) -> None:
        (pair,) = compared(APACHE, APACHE.replace(b":01 GMT", b":07 GMT"))
        assert pair.same == ((Layer.FRAMING, 1), (Layer.START_LINE, 1), (Layer.FIELDS, 6), (Layer.CONTENT, 1))

    def test_offsets_are_of_the_files(self) -> None:
        old, new = APACHE + APACHE, APACHE + APACHE.replace(b"Debian", b"Ubuntu")
        (one,) = differences(old, new)
        assert one.old_at is not None
        assert one.new_at is not None
        assert old[one.old_at.start : one.old_at.stop] == b"Server: Apache/2.4.62 (Debian)\r\n"
        assert new[one.new_at.start : one.new_at.stop] == b"Server: Apache/2.4.62 (Ubuntu)\r\n"
        assert one.unit == "byte"

    def test_something_is_told_of_any_difference(self) -> None:
        # A chunk line beyond those whose elements are held: no value and no size tells of it.
        old = chunked(*([b"x"] * 1000))
        new = old[:-11] + b"0" + old[-11:]
        assert new.endswith(b"\r\n01\r\nx\r\n0\r\n\r\n")
        assert told(old, new) == [("framing", "chunks", "chunk size")]


class TestMessages:
    def test_are_paired_in_order(self) -> None:
        one, two = b"GET /1 HTTP/1.1\r\nHost: a\r\n\r\n", b"GET /2 HTTP/1.1\r\nHost: a\r\n\r\n"
        pairs = compared(one + two, two + two + one)
        assert [(pair.number, len(pair.left)) for pair in pairs] == [(1, 1), (2, 0), (3, 1)]
        assert told(one + two, two + two + one) == [("start line", "value", "request target"), ("message", "added", "")]

    def test_of_different_kinds(self) -> None:
        assert told(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", APACHE)[0] == ("message", "value", "kind")

    def test_a_message_and_what_is_none(self) -> None:
        (pair,) = compared(APACHE, b"HTTP is not what this is")
        assert [one.what.id for one in pair.differences] == ["value"]
        assert pair.same == ()

    def test_what_is_no_message_is_compared_by_its_bytes(self) -> None:
        assert told(b"\x00\x01\x02\x03\n", b"\x00\x01\xff\x03\n") == [("content", "range", "")]
        assert told(b"HTTP/ hello\nyou", b"HTTP/ hello\nme") == [("content", "lines", "")]

    def test_empty_lines_before_one(self) -> None:
        request = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
        assert told(request, b"\r\n" + request) == [("message", "line-ends", "empty line")]


class TestFraming:
    def test_chunks_elsewhere_are_a_difference_of_framing_alone(self) -> None:
        (one,) = differences(chunked(TEXT), chunked(TEXT[:5], TEXT[5:]))
        assert (one.layer, one.what.id) == (Layer.FRAMING, "chunks")
        assert (str(one.old), str(one.new)) == ("1 chunk: 33", "2 chunks: 5, 28")

    @pytest.mark.parametrize(
        ("old", "new"), [(b"21\r\n", b"021\r\n"), (b"21\r\n", b"21;a=b\r\n"), (b"0\r\n\r\n", b"00\r\n\r\n")]
    )
    def test_chunk_lines_written_in_another_way(self, old: bytes, new: bytes) -> None:
        assert told(chunked(TEXT), chunked(TEXT).replace(old, new)) == [("framing", "chunks", "chunk size")]

    def test_a_broken_chunk(self) -> None:
        found = told(chunked(TEXT), chunked(TEXT).replace(b"21\r\n", b"19\r\n"))
        assert found[0] == ("framing", "value", "kind")

    def test_chunked_and_content_length(self) -> None:
        assert told(chunked(TEXT), answer(TEXT)) == [
            ("framing", "value", "kind"),
            ("field", "removed", "Transfer-Encoding"),
            ("field", "added", "Content-Length"),
        ]

    def test_follows_from_the_fields_that_say_it(self) -> None:
        assert told(chunked(TEXT), answer(TEXT), "transfer-encoding", "CONTENT-LENGTH") == []

    def test_a_length_that_content_length_tells_is_told_once(self) -> None:
        found = told(answer(b"one", media="text/plain"), answer(b"three", media="text/plain"))
        assert found == [("field", "value", "Content-Length"), ("content", "lines", "")]

    def test_cut_short(self) -> None:
        assert told(APACHE, APACHE[:-20]) == [
            ("framing", "value", "length"),
            ("framing", "value", "end"),
            ("content", "lines", ""),
        ]

    def test_cut_short_inside_the_head(self) -> None:
        found = told(APACHE, APACHE[:60])
        assert found[:2] == [("framing", "value", "kind"), ("framing", "value", "length")]
        assert ("field", "removed", "Server") in found

    def test_trailers(self) -> None:
        old, new = (
            chunked(TEXT, end=b"0\r\nX: %s\r\n%s\r\n" % (v, more)) for v, more in ((b"1", b""), (b"2", b"Y: 3\r\n"))
        )
        assert told(old, new) == [("trailer", "value", "X"), ("trailer", "added", "Y")]
        assert told(old, new, "x", "y") == []


class TestStartLine:
    @pytest.mark.parametrize(
        ("old", "new", "name"),
        [
            (b"GET /", b"PUT /", "method"),
            (b"GET /", b"GET /?a", "request target"),
            (b"HTTP/1.1", b"HTTP/1.0", "version"),
            (b"GET /", b"GET  /", "blank"),
            (b"1.1\r\n", b"1.1\n", "line end"),
        ],
    )
    def test_of_a_request(self, old: bytes, new: bytes, name: str) -> None:
        request = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
        assert [one[::2] for one in told(request, request.replace(old, new, 1))] == [("start line", name)]

    def test_of_an_answer(self) -> None:
        new = APACHE.replace(b"200 OK", b"404 Not Found")
        assert told(APACHE, new) == [("start line", "value", "status code"), ("start line", "value", "reason phrase")]
        new = APACHE.replace(b"200 OK", b"200 ")
        assert told(APACHE, new) == [("start line", "removed", "reason phrase")]


class TestFields:
    def test_each_aspect_for_itself(self) -> None:
        old = b"GET / HTTP/1.1\r\nHost: a\r\nA: 1\r\nB: 2\r\nC: 3\r\nD: 4\r\nE: 5\r\n\r\n"
        new = b"GET / HTTP/1.1\r\nHost: a\r\na: 1\r\nB:2 \r\nC: 3\nD: four\r\nF: 6\r\n\r\n"
        assert told(old, new) == [
            ("field", "case", "A"),
            ("field", "spaces", "B"),
            ("field", "line-ends", "C"),
            ("field", "value", "D"),
            ("field", "removed", "E"),
            ("field", "added", "F"),
        ]

    def test_a_moved_field_is_one_difference(self) -> None:
        lines = [b"%c: %d\r\n" % (65 + n, n) for n in range(10)]
        moved = [*lines[1:], lines[0]]
        head = b"GET / HTTP/1.1\r\nHost: a\r\n"
        (one,) = differences(head + b"".join(lines) + b"\r\n", head + b"".join(moved) + b"\r\n")
        assert (one.what.id, one.name, one.old, one.new) == (
            "order",
            "A",
            Sentence("after {name}", name="Host"),
            Sentence("after {name}", name="J"),
        )

    def test_repeated_fields(self) -> None:
        old, new = (
            answer(TEXT, "Set-Cookie: a=1", "Set-Cookie: b=2", "Set-Cookie: c=3"),
            answer(TEXT, "Set-Cookie: a=1", "Set-Cookie: c=3"),
        )
        (one,) = differences(old, new)
        assert (one.what.id, one.old) == ("removed", b"Set-Cookie: b=2")
        swapped = answer(TEXT, "Set-Cookie: b=2", "Set-Cookie: a=1", "Set-Cookie: c=3")
        assert told(old, swapped) == [("field", "order", "Set-Cookie")]

    def test_what_is_added_before_moves_nothing(self) -> None:
        old, new = answer(TEXT, "A: 1", "B: 2", "C: 3"), answer(TEXT, "X: 1", "A: 1", "Y: 1", "B: 2", "C: 3")
        assert told(old, new) == [("field", "added", "X"), ("field", "added", "Y")]

    def test_a_moved_field_whose_number_is_the_same(self) -> None:
        old, new = answer(TEXT, "A: 1", "B: 2", "C: 3"), answer(TEXT, "X: 1", "Y: 1", "C: 3", "A: 1", "B: 2")
        moved = differences(old, new)[0]
        assert (moved.what.id, moved.name) == ("order", "C")
        assert str(moved.old) == "after B"
        assert str(moved.new) != str(moved.old)

    def test_a_moved_field_among_repeated_ones(self) -> None:
        old, new = answer(TEXT, "S: a", "X: 1", "S: b"), answer(TEXT, "S: a", "S: b", "X: 1")
        (moved,) = differences(old, new)
        assert (moved.name, str(moved.old), str(moved.new)) == ("X", "after S (1)", "after S (2)")

    def test_of_repeated_fields_another_value_at_another_place_is_another_field(self) -> None:
        old, new = answer(TEXT, "S: a", "S: b"), answer(TEXT, "S: b", "S: c")
        assert told(old, new) == [("field", "removed", "S"), ("field", "added", "S")]

    def test_an_ignored_field_moves_no_other(self) -> None:
        old, new = answer(TEXT, "Date: 1", "A: 1", "B: 1"), answer(TEXT, "A: 1", "Date: 2", "B: 1")
        assert {one.name for one in differences(old, new, "date")} == {"Date"}
        assert told(old, new, "Date") == []

    def test_a_fold_is_a_space_of_another_kind(self) -> None:
        assert told(answer(TEXT, "A: 1 2"), answer(TEXT, "A: 1\r\n 2")) == [("field", "spaces", "A")]

    def test_lines_that_are_no_fields(self) -> None:
        assert told(answer(TEXT, "no colon"), answer(TEXT, "not a colon")) == [("field", "value", "")]


class TestContent:
    def test_lines_of_a_text(self) -> None:
        (one,) = differences(answer(b"a\nb\nc\nd\n"), answer(b"a\nB\nc\nd\n"))
        assert (one.old, one.new, one.old_at, one.unit) == ("b", "B", Span(1, 2), "line")

    def test_line_ends_are_told_apart_from_lines(self) -> None:
        found = [one for one in told(answer(b"a\nb\n"), answer(b"a\r\nb")) if one[0] == "content"]
        assert found == [("content", "line-ends", "")]

    def test_a_coding_taken_off(self) -> None:
        coded = answer(gzip.compress(TEXT), "Content-Encoding: gzip")
        found = told(coded, answer(TEXT))
        assert found[-1] == ("content", "coding", "")
        assert told(coded, answer(TEXT), "Content-Encoding", "content-length") == []

    def test_compressed_in_another_way(self) -> None:
        old, new = (answer(zlib.compress(TEXT * 99, n), "Content-Encoding: deflate") for n in (1, 9))
        assert told(old, new)[-1] == ("content", "coding", "")

    def test_a_broken_coding(self) -> None:
        coded = gzip.compress(TEXT)
        old, new = answer(coded, "Content-Encoding: gzip"), answer(coded[:-20], "Content-Encoding: gzip")
        one = differences(old, new)[-1]
        assert (one.what.id, one.new) == ("broken-coding", b"")

    def test_a_bomb_is_compared_up_to_a_bound(self) -> None:
        old, new = (answer(gzip.compress(bytes(80 << 20) + end), "Content-Encoding: gzip") for end in (b"", b"x"))
        assert told(old, new)[-1] == ("content", "not-compared", "")

    def test_a_charset(self) -> None:
        text = "<p>日本語</p>"
        old = answer(text.encode("shift_jis"), media="text/html; charset=Shift_JIS")
        new = answer(text.encode(), media="text/html; charset=utf-8")
        assert told(old, new)[-1] == ("content", "coding", "")
        other = answer("<p>日本国</p>".encode("shift_jis"), media="text/html; charset=Shift_JIS")
        (one,) = differences(old, other)
        assert (one.old, one.new) == ("<p>日本語</p>", "<p>日本国</p>")

    def test_ranges_of_bytes(self) -> None:
        new = bytearray(PNG)
        new[50] ^= 1
        new[80:84] = b"abcd"
        found = differences(answer(PNG, media="image/png"), answer(bytes(new), media="image/png"))
        assert [(one.what.id, one.old_at) for one in found] == [("range", Span(50, 51)), ("range", Span(80, 84))]
        assert found[1].new == b"abcd"

    def test_inserted_bytes(self) -> None:
        new = PNG[:60] + b"more" + PNG[60:]
        one = differences(answer(PNG, media="image/png"), answer(new, media="image/png"))[-1]
        assert (one.old_at, one.new_at) == (Span(60, 60), Span(60, 64))

    def test_only_one_has_it(self) -> None:
        found = told(answer(TEXT), answer(b""))
        assert found[-1] == ("content", "removed", "")

    def test_a_large_one_is_compared_up_to_the_first_difference(self) -> None:
        content = bytes(5 << 20)
        old, new = (answer(content + end, media="application/octet-stream") for end in (b"a", b"b"))
        (one,) = differences(old, new)
        assert (one.what.id, one.old_at) == ("first-difference", Span(5 << 20, (5 << 20) + 1))

    def test_a_form(self) -> None:
        media = "application/x-www-form-urlencoded"
        old, new = (answer(form, media=media) for form in (b"a=1&b=%41&c=3&d=4", b"c=3&a=1&b=A&d=5&e"))
        assert [one[1:] for one in told(old, new) if one[0] == "content"] == [
            ("spelling", "b"),
            ("order", "c"),
            ("value", "d"),
            ("added", "e"),
        ]

    def test_a_multipart_form_whose_boundary_differs(self) -> None:
        part = '--{0}\r\nContent-Disposition: form-data; name="{1}"\r\n\r\n{2}\r\n'

        def form(boundary: str, name: str) -> bytes:
            content = part.format(boundary, "a", name) + part.format(boundary, "b", 2) + f"--{boundary}--\r\n"
            return answer(content.encode(), media=f"multipart/form-data; boundary={boundary}")

        assert told(form("xxxx", "1"), form("yyyy", "1")) == [
            ("field", "value", "Content-Type"),
            ("content", "coding", ""),
        ]
        assert told(form("xxxx", "1"), form("xxxx", "2")) == [("content", "value", "a")]
        value = differences(form("xxxx", "花"), form("xxxx", "子"))[-1]
        assert value.old == 'Content-Disposition: form-data; name="a"\r\n\r\n花'

    def test_a_multipart_form_and_another_content(self) -> None:
        old = answer(b"--xxxx\r\n\r\n\xff\r\n--xxxx--", media="multipart/form-data; boundary=xxxx")
        assert [one[1] for one in told(old, answer(TEXT)) if one[0] == "content"] == ["range"]


class TestJson:
    def of(self, old: str, new: str) -> list[tuple[str, str, object, object]]:
        found = differences(
            answer(old.encode(), media="application/json"), answer(new.encode(), media="application/json")
        )
        return [(one.what.id, one.name, one.old, one.new) for one in found if one.layer is Layer.CONTENT]

    def test_values_by_path(self) -> None:
        old = '{"items": [{"name": "a"}, {"name": "b"}], "x y": 1}'
        new = '{"items": [{"name": "a"}, {"name": "c"}], "x y": null}'
        assert self.of(old, new) == [
            ("value", "$.items[1].name", '"b"', '"c"'),
            ("value", '$["x y"]', "1", "null"),
        ]

    def test_members_that_only_one_has(self) -> None:
        assert self.of('{"a": 1, "b": {"c": [2]}}', '{"a": 1, "d": 3}') == [
            ("removed", "$.b", '{"c": [2]}', None),
            ("added", "$.d", None, "3"),
        ]

    def test_an_inserted_item_moves_no_other(self) -> None:
        assert self.of("[1, 2, 3, 4]", "[1, 2, 9, 3, 4]") == [("added", "$[2]", None, "9")]
        assert self.of("[1, 2, 3, 4]", "[1, 3, 4]") == [("removed", "$[1]", "2", None)]

    def test_order_and_spelling_apart_from_values(self) -> None:
        assert self.of('{"a": 1, "b": 2, "c": 3}', '{"c": 3, "a": 1.0, "b": 2}') == [
            ("spelling", "$.a", "1", "1.0"),
            ("order", "$.c", Sentence("after {name}", name="b"), Sentence("before {name}", name="a")),
        ]

    def test_spaces_and_escapes(self) -> None:
        assert [one[:2] for one in self.of('{"a": 1}', '{"a":1}')] == [("spelling", "$")]
        assert [one[:2] for one in self.of('"あ"', '"\\u3042"')] == [("spelling", "$")]
        assert [one[:2] for one in self.of('{"a":1,"b":2}', '{"b": 2,"a":1}')] == [("order", "$.a"), ("spelling", "$")]

    def test_a_number_is_no_string(self) -> None:
        assert self.of('["1", 1, true, 1]', '[1, "1", 1, true]') == [
            ("value", "$[0]", '"1"', "1"),
            ("value", "$[1]", "1", '"1"'),
            ("value", "$[2]", "true", "1"),
            ("value", "$[3]", "1", "true"),
        ]

    def test_numbers_beyond_measure(self) -> None:
        assert self.of("1e9999999999999999999", "1e9999999999999999998")[0][0] == "value"
        assert self.of("[" + "9" * 5000 + "]", "[" + "9" * 4999 + "8]")[0][0] == "value"

    def test_repeated_keys(self) -> None:
        assert self.of('{"a": 1, "a": 2}', '{"a": 1, "a": 3}') == [("value", "$.a", "2", "3")]

    @pytest.mark.parametrize("broken", ['{"a": 1', "[" * 100_000, '{"a": NaNa}', ""])
    def test_what_is_none_is_a_text(self, broken: str) -> None:
        found = self.of(broken + " ", '{"a": 1}')
        assert [one[0] for one in found] == ["lines"]

    def test_what_lies_too_deep_is_one_value(self) -> None:
        deep = "[" * 80 + "%d" + "]" * 80
        (one,) = self.of(deep % 1, deep % 2)
        assert one[:2] == ("value", "$" + "[0]" * 64)

    def test_more_than_can_be_listed(self) -> None:
        old, new = (json.dumps([n] * 12_000) for n in (1, 2))
        found = self.of(old, new)
        assert len(found) == 10_001
        assert found[-1][0] == "more"


class TestIgnoring:
    def test_a_field_in_all_its_aspects(self) -> None:
        old, new = answer(TEXT, "Date: 1", "A: 1"), answer(TEXT, "A: 1", "DATE:  2")
        assert told(old, new)
        assert told(old, new, "date") == []
        assert {one.ignored for one in differences(old, new, "dATe")} == {"dATe"}

    @pytest.mark.parametrize(
        ("word", "old", "new"),
        [
            ("order", answer(TEXT, "A: 1", "B: 1"), answer(TEXT, "B: 1", "A: 1")),
            ("case", answer(TEXT, "A: 1"), answer(TEXT, "a: 1")),
            ("spaces", answer(TEXT, "A: 1"), answer(TEXT, "A:1")),
            ("line-ends", APACHE, APACHE.replace(b"OK\r\n", b"OK\n").replace(b"bytes\r\n", b"bytes\n")),
            ("chunks", chunked(TEXT), chunked(TEXT[:3], TEXT[3:])),
        ],
    )
    def test_kinds(self, word: str, old: bytes, new: bytes) -> None:
        assert told(old, new)
        assert told(old, new, word) == []
        assert told(old, new.replace(b"200", b"201"), word) == [("start line", "value", "status code")]

    def test_the_same_apache_twice(self) -> None:
        later = APACHE.replace(b"09:12:01", b"09:12:44")
        assert told(APACHE, later) == [("field", "value", "Date")]
        assert told(APACHE, later, *VOLATILE) == []


@pytest.mark.parametrize(
    ("media", "old", "new", "what"),
    [
        ("multipart/mixed; boundary=x", b"one\r\n--x\r\n\r\na\r\n--x--", b"two\r\n--x\r\n\r\na\r\n--x--", "range"),
        ("multipart/mixed; boundary=x", b"--x\r\n\r\na\r\n--x--\r\none", b"--x\r\n\r\na\r\n--x--\r\ntwo", "range"),
        ("text/plain; charset=utf-8", b"a\xffb", rb"a\xffb", "range"),
        ("application/x-www-form-urlencoded", b"a=%ff", b"a=%fe", "value"),
    ],
)
def test_octets_that_differ_are_not_the_same_content(media: str, old: bytes, new: bytes, what: str) -> None:
    found = told(answer(old, media=media), answer(new, media=media), "content-encoding", "content-length")
    assert {kind for layer, kind, _ in found if layer == "content"} == {what}


def test_an_interim_response_of_one_shifts_nothing() -> None:
    interim = b"HTTP/1.1 100 Continue\r\n\r\n"
    assert told(interim + APACHE, APACHE) == [("message", "removed", "")]
    assert told(APACHE, interim + interim + APACHE) == [("message", "added", ""), ("message", "added", "")]
    assert told(interim + APACHE, interim + APACHE.replace(b"Apache/", b"nginx/")) == [("field", "value", "Server")]
