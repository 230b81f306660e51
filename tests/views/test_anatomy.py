"""The model of a message: its parts, rows and elements tile the octets, whatever these are, and hold little."""

from __future__ import annotations

import json
import re

from hypothesis import example, given
from hypothesis import strategies as st

from httpwire.capture.raw import Outgoing
from httpwire.capture.reading import ELEMENTS, Part, Reading
from httpwire.language import Translator
from httpwire.views.anatomy import anatomy_of
from httpwire.views.explain.gloss import Setting
from httpwire.views.explain.message import explain
from httpwire.views.masking import mask
from httpwire.views.show.dump import element_rows, hex_dump
from httpwire.views.show.lines import message_lines, title_line
from httpwire.views.show.objects import message_object
from httpwire.views.show.page import Page
from httpwire.wire.element import Direction, Element, ElementKind

ENGLISH, JAPANESE = Translator("en"), Translator("ja")

PIECES = [
    b"GET / HTTP/1.1\r\n",
    b"POST /a?b=%20 HTTP/1.1\n",
    b"HTTP/1.1 200 OK\r\n",
    b"HTTP/1.1 100 Continue\r\n\r\n",
    b"HTTP/1.0 304\r\n",
    b"Host: a\r\n",
    b"Host : b\r\n",
    b"Content-Length: 5\r\n",
    b"Content-Length: 5, 6\r\n",
    b"Transfer-Encoding: chunked\r\n",
    b"Transfer-Encoding: xchunked\r\n",
    b"Content-Encoding: gzip\r\n",
    b"Content-Type: text/html; charset=euc-jp\r\n",
    b"Content-Type: multipart/form-data; boundary=B\r\n",
    b"Connection: upgrade\r\nUpgrade: x\r\n",
    b"Set-Cookie: a=b; Expires=Thu, 01 Jan 1970 00:00:00 GMT\r\n",
    b"Accept: text/html;q=0.5,*/*\r\n",
    b" folded\r\n",
    b"no colon\r\n",
    b"\r\n",
    b"\n",
    b"5\r\nhello\r\n",
    b"5;a=b\r\nhello\r\n",
    b"0\r\n",
    b"0\r\nTrailer: x\r\n\r\n",
    b"hello",
    b"\x16\x03\x01",
    b"\xef\xbb\xbf",
    b"\x1b[2J\x9b\x00\x7f",
    b"\xe6\x97\xa5\xe2\x80\xae",
    b"<script>alert(1)</script>",
]
octets_of_any_kind = st.lists(st.sampled_from(PIECES) | st.binary(max_size=6), max_size=14).map(b"".join)
directions = st.sampled_from(Direction)


def read(octets: bytes, direction: Direction) -> tuple[Reading, list[Part]]:
    reading = Reading(Outgoing.from_bytes(octets), direction)
    return reading, list(reading.parts())


def tiles(elements: list[Element], start: int, stop: int) -> bool:
    places = [start, *(element.stop for element in elements)]
    return [element.start for element in elements] == places[:-1] and places[-1] == stop


class TestTiling:
    @given(octets=octets_of_any_kind, direction=directions)
    @example(octets=b"GET / HTTP/1.1\r\n\r\n\r\nhello", direction=Direction.REQUEST)
    def test_parts_and_elements_tile_the_octets(self, octets: bytes, direction: Direction) -> None:
        reading, parts = read(octets, direction)
        elements = list(reading.elements())
        assert tiles(elements, 0, len(octets))
        assert [part.start for part in parts] == [0, *(part.stop for part in parts[:-1])][: len(parts)]
        assert (parts[-1].stop if parts else 0) == len(octets)
        assert all(tiles(list(part.elements), part.start, part.stop) for part in parts)
        assert [element for part in parts for element in part.elements] == elements

    @given(octets=octets_of_any_kind, direction=directions)
    def test_rows_tile_a_part_and_hold_its_octets(self, octets: bytes, direction: Direction) -> None:
        reading, parts = read(octets, direction)
        for part in parts:
            rows = anatomy_of(part, reading.source, 1 << 20).rows
            assert b"".join(row.octets for row in rows) == octets[part.start : part.stop]
            assert [element for row in rows for element in row.elements] == list(part.elements)

    @given(octets=octets_of_any_kind, direction=directions)
    def test_dumps_are_the_octets(self, octets: bytes, direction: Direction) -> None:
        reading, _ = read(octets, direction)
        rows = list(hex_dump(reading.elements(), reading.source))
        assert b"".join(bytes.fromhex(row[:48]) for _, row, _ in rows) == octets
        assert [offset for offset, _, _ in rows] == sorted(offset for offset, _, _ in rows)
        listed = [element for element, _ in element_rows(reading.elements(), reading.source)]
        assert listed == list(reading.elements())

    def test_of_many_chunks_only_the_first_are_listed(self) -> None:
        head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        reading, [part] = read(head + b"1\r\na\r\n" * 10_000 + b"0\r\n\r\n", Direction.RESPONSE)
        assert not part.whole
        assert len(part.elements) <= ELEMENTS + 20
        assert tiles(list(part.elements), 0, part.elements[-1].stop)
        assert sum(1 for _ in reading.elements()) > 40_000


class TestForms:
    """Every form of whatever comes is made, in both languages, and no octet of it commands a terminal or a browser."""

    @given(octets=octets_of_any_kind, direction=directions, japanese=st.booleans(), masked=st.booleans())
    def test_are_safe(self, octets: bytes, direction: Direction, *, japanese: bool, masked: bool) -> None:
        tr = JAPANESE if japanese else ENGLISH
        reading, parts = read(octets, direction)
        if masked:
            patches = mask(reading)
            assert all(len(patch.old) == len(patch.new) for patch in patches)
            reading.source.patch(patches)
            parts = list(reading.parts())
        page = Page(tr)
        html = "".join(page.head(["a<b>\x1b"]))
        for part in parts:
            anatomy = anatomy_of(part, reading.source, 64)
            glosses = explain(anatomy, Setting(direction, 1.7e9), everything=True)
            lines = [title_line(part, "a\x1b", tr), *message_lines(anatomy, tr, glosses=glosses, explained=True)]
            text = "".join(piece for line in lines for _, piece in line)
            assert [c for c in text if not (c.isprintable() or c == "\t")] == []
            json.dumps(message_object(anatomy, glosses))
            html += "".join(page.message(anatomy, "a\x1b", glosses))
        html += "".join(page.foot())
        assert [c for c in html if not (c.isprintable() or c in "\t\n")] == []
        # Of markup there is only ours: no element, attribute or script comes from the octets.
        assert html.count("<script>") == 1
        assert set(re.findall(r"<([a-z0-9]+)", html.partition("<main>")[2])) <= {
            *("section", "h2", "small", "div", "span", "p", "pre", "b", "aside", "h3", "a", "script"),
        }

    @given(octets=octets_of_any_kind, direction=directions)
    def test_every_element_has_a_gloss(self, octets: bytes, direction: Direction) -> None:
        reading, parts = read(octets, direction)
        for part in parts:
            anatomy = anatomy_of(part, reading.source, 1 << 20)
            glosses = explain(anatomy, Setting(direction), everything=True)
            starts = [gloss.start for gloss in glosses]
            assert starts == sorted(starts)
            for element in part.elements:
                on = [g for g in glosses if element.start <= g.start < element.stop]
                assert on or element.kind is ElementKind.FIELD_VALUE, element
