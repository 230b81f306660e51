"""Content as it is meant: codings taken off, charsets found, layouts that lose no token; and nothing breaks them."""

from __future__ import annotations

import gzip
import re
import zlib
from collections.abc import Callable, Iterator

import brotli
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from httpwire.capture.codings import CodingBroken, decoded
from httpwire.capture.raw import Outgoing
from httpwire.capture.reading import Reading
from httpwire.views import layout
from httpwire.views.content import Content, content_of

MIB = 1 << 20


def raw_deflate(octets: bytes) -> bytes:
    coder = zlib.compressobj(wbits=-15)
    return coder.compress(octets) + coder.flush()


CODERS: dict[str, tuple[bytes, Callable[[bytes], bytes]]] = {
    "gzip": (b"gzip", gzip.compress),
    "two members of gzip": (b"gzip", lambda octets: gzip.compress(octets[:5]) + gzip.compress(octets[5:])),
    "deflate": (b"deflate", zlib.compress),
    "bare deflate": (b"deflate", raw_deflate),
    "br": (b"br", brotli.compress),
    "zstd": (b"zstd", zstandard.compress),
    "two frames of zstd": (b"zstd", lambda octets: zstandard.compress(octets[:5]) + zstandard.compress(octets[5:])),
}
each_coder = pytest.mark.parametrize("name", CODERS)


def split(octets: bytes, size: int) -> Iterator[bytes]:
    return (octets[start : start + size] for start in range(0, len(octets), size))


def taken_off(coding: bytes, octets: bytes, size: int = 4096) -> tuple[bytes, str]:
    """What comes out, and why it stopped."""
    blocks = decoded(coding, split(octets, size))
    assert blocks is not None
    out = b""
    try:
        for block in blocks:
            out += block
    except CodingBroken as broken:
        return out, broken.why
    return out, ""


def content(octets: bytes, most: int = 65536) -> Content:
    source = Outgoing.from_bytes(octets)
    [part] = Reading(source).parts()
    assert part.message
    made = content_of(part.message, source, most)
    assert made
    return made


def answer(body: bytes, *fields: str) -> bytes:
    lines = ["HTTP/1.1 200 OK", *fields, f"Content-Length: {len(body)}", "", ""]
    return "\r\n".join(lines).encode("latin-1") + body


class TestCodings:
    @each_coder
    @given(octets=st.binary(max_size=2000), size=st.integers(1, 3000))
    def test_what_was_put_on_is_taken_off(self, name: str, octets: bytes, size: int) -> None:
        coding, code = CODERS[name]
        assert taken_off(coding, code(octets), size) == (octets, "")

    @each_coder
    @given(octets=st.binary(min_size=20, max_size=2000), data=st.data())
    def test_what_is_cut_is_told(self, name: str, octets: bytes, data: st.DataObject) -> None:
        coding, code = CODERS[name]
        whole = code(octets)
        at = data.draw(st.integers(1, len(whole) - 1))
        out, why = taken_off(coding, whole[:at])
        assert octets.startswith(out)
        if name.startswith("two"):  # a cut between two is a whole one
            assert why or out == octets[:5]
        else:
            assert why

    @each_coder
    @given(octets=st.binary(max_size=400))
    def test_any_octets_end_in_octets_or_a_reason(self, name: str, octets: bytes) -> None:
        taken_off(CODERS[name][0], octets, 50)

    @pytest.mark.parametrize("name", ["gzip", "deflate", "bare deflate", "br", "zstd"])
    def test_a_bomb_gives_only_what_is_asked_for(self, name: str) -> None:
        coding, code = CODERS[name]
        blocks = decoded(coding, iter([code(b"\0" * (64 * MIB))]))
        assert blocks
        assert len(next(blocks)) <= 32 * MIB


class TestSteps:
    def test_codings_are_taken_off_in_the_order_they_were_put_on_from_the_last(self) -> None:
        body = brotli.compress(gzip.compress(b"hello" * 100))
        made = content(answer(body, "Content-Encoding: gzip, br"))
        assert [(step.name, step.octets) for step in made.steps] == [
            ("br", len(gzip.compress(b"hello" * 100))),
            ("gzip", 500),
        ]
        assert made.sample == b"hello" * 100

    def test_transfer_codings_are_taken_off_first(self) -> None:
        inner = gzip.compress(b"hello")
        head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n"
        made = content(head + b"%x\r\n%s\r\n0\r\n\r\n" % (len(inner), inner))
        assert ([step.name for step in made.steps], made.sample) == (["chunked", "gzip"], b"hello")

    def test_what_follows_a_broken_chunk_is_not_content(self) -> None:
        octets = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nx"
        source = Outgoing.from_bytes(octets)
        [part] = Reading(source).parts()
        assert part.message
        assert content_of(part.message, source, 100) is None  # nobody can know how much of it is

    def test_a_coding_in_the_middle_that_is_not_known_stops_there(self) -> None:
        made = content(answer(gzip.compress(b"x"), "Content-Encoding: lzma, gzip"))
        assert made.sample == b"x"
        assert "lzma is not known" in str(made.problem)

    def test_more_codings_than_anybody_needs(self) -> None:
        body = b"x"
        for _ in range(20):
            body = gzip.compress(body)
        made = content(answer(body, "Content-Encoding: " + ", ".join(["gzip"] * 20)))
        assert len(made.steps) == 8
        assert made.problem


class TestCharsets:
    @pytest.mark.parametrize(
        ("body", "media", "charset", "text"),
        [
            ("日本".encode("cp932"), "text/plain; charset=Shift_JIS", "Shift_JIS", "日本"),
            ("①㈱".encode("cp932"), 'text/plain; charset="shift_jis"', "shift_jis", "①㈱"),
            ("日本".encode("euc-jp"), "text/plain;charset=EUC-JP", "EUC-JP", "日本"),
            ("日本".encode("iso-2022-jp"), "text/plain; charset=iso-2022-jp", "iso-2022-jp", "日本"),
            ("é".encode("cp1252"), "text/plain; charset=iso-8859-1", "iso-8859-1", "é"),
            (b"\xef\xbb\xbf\xe6\x97\xa5", "text/plain; charset=shift_jis", "utf-8", "日"),
            ("日本".encode("utf-16"), "text/plain", "utf-16-le", "日本"),
            ("日本".encode(), "text/html", "utf-8", "日本"),
            (b"<meta charset='euc-jp'>" + "日".encode("euc-jp"), "text/html", "euc-jp", "<meta charset='euc-jp'>日"),
            (b"caf\xe9", "text/plain", "windows-1252", "café"),
            (b"abc", "text/plain; charset=zip", "utf-8", "abc"),
            (b"abc", "text/plain; charset=utf-7", "utf-8", "abc"),
            (b"abc", "text/plain; charset=x\x01y", "utf-8", "abc"),
            ('"日"'.encode(), "application/json", "utf-8", '"日"'),
            (b"\x83", "text/plain; charset=shift_jis", "shift_jis", r"\x83"),
        ],
    )
    def test_are_found_as_browsers_find_them(self, body: bytes, media: str, charset: str, text: str) -> None:
        made = content(answer(body, f"Content-Type: {media}"))
        assert (made.charset, made.text) == (charset, text)

    def test_a_character_that_the_limit_cuts_is_left_out(self) -> None:
        made = content(answer("日本".encode(), "Content-Type: text/plain"), most=4)
        assert (made.text, made.whole) == ("日", False)

    @given(body=st.binary(min_size=1, max_size=300), charset=st.sampled_from(["shift_jis", "euc-jp", "utf-16", "big5"]))
    def test_any_octets_become_text(self, body: bytes, charset: str) -> None:
        assert isinstance(content(answer(body, f"Content-Type: text/plain; charset={charset}")).text, str)


class TestLayout:
    @given(text=st.text(alphabet='{}[]",:\\ \n1aé', max_size=60))
    def test_json_keeps_every_token(self, text: str) -> None:
        shown = "\n".join(layout.json_lines(text))
        assert re.sub(r"\s", "", shown) == re.sub(r"\s", "", text)

    @given(text=st.text(alphabet="<>/!-ab \n=\"'", max_size=60))
    def test_markup_keeps_every_token(self, text: str) -> None:
        shown = "\n".join(layout.markup_lines(text))
        assert re.sub(r"\s", "", shown) == re.sub(r"\s", "", text)

    @given(text=st.text(max_size=60))
    def test_forms_and_multiparts_take_anything(self, text: str) -> None:
        list(layout.form_lines(text))
        list(layout.multipart_lines(text.encode("utf-8", "surrogatepass"), b"B"))

    def test_verbatim_text_stays_as_it_is(self) -> None:
        page = "<p>a</p><pre>\n  x\n    y</pre><script>\nif (a<b) c;\n</script>"
        assert list(layout.markup_lines(page)) == [
            "<p>a</p>",
            "<pre>",
            "  x",
            "    y</pre>",
            "<script>",
            "if (a<b) c;",
            "</script>",
        ]

    def test_a_multipart_shows_its_parts(self) -> None:
        octets = (
            b'--B\r\nContent-Disposition: form-data; name="f"; filename="\xe6\x97\xa5.png"\r\n\r\n\x89PNG\r\n\x1a\n'
            b"\r\n--B\r\n\r\ntext\x1b[2J\r\n--B--\r\n"
        )
        lines = list(layout.multipart_lines(octets, b"B"))
        assert 'Content-Disposition: form-data; name="f"; filename="日.png"' in lines
        assert any("8 B" in line for line in lines)
        assert r"text\x1b[2J" in lines
