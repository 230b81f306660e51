"""The value types and the buffer that the ground floor stands on."""

from __future__ import annotations

import pytest

from httpwire.wire.buffer import Buffer
from httpwire.wire.deviations import BARE_LF, CATALOGUE, Finding
from httpwire.wire.edit import Edits, Patch
from httpwire.wire.element import Direction, Element, ElementKind, Span


def test_a_record_is_its_fields() -> None:
    span = Span(3, 8)
    assert (span.start, span.stop, span.octets) == (3, 8, 5)
    assert repr(span) == "Span(start=3, stop=8)"
    assert span == Span(3, 8)
    assert span != Span(3, 9)
    assert hash(span) == hash(Span(3, 8))


def test_records_of_two_types_differ() -> None:
    assert Span(3, 8) != (3, 8)
    assert Patch(0, b"", b"") != Element(ElementKind.CONTENT, 0, 0)


def test_a_record_can_t_be_changed() -> None:
    with pytest.raises(AttributeError):
        Span(3, 8).start = 4
    with pytest.raises(AttributeError):
        Span(3, 8).other = 4  # type: ignore[attr-defined]


def test_a_copy_with_changes() -> None:
    assert Span(3, 8).replace(stop=9) == Span(3, 9)
    assert Edits(crlf=True).replace(set=(b"A: b",)) == Edits(crlf=True, set=(b"A: b",))
    with pytest.raises(TypeError, match="no field length"):
        Span(3, 8).replace(length=5)


def test_a_finding_can_be_a_member_of_a_set() -> None:
    one, other = (Finding(BARE_LF, Direction.REQUEST, 3, 4, {"a": []}) for _ in range(2))
    assert len({one, other}) == 1


def test_the_catalogue_is_whole() -> None:
    for id, deviation in CATALOGUE.items():
        assert id == deviation.id
        assert deviation.section.startswith("RFC ")
        assert deviation.says
        assert deviation.why
        assert not deviation.says.endswith(".")


def test_a_buffer_gives_absolute_offsets() -> None:
    buffer = Buffer(100)
    buffer.add(b"abc\n")
    assert (buffer.start, len(buffer)) == (100, 4)
    assert buffer.take(2) == 102
    assert bytes(buffer.octets) == b"c\n"
    assert buffer.line_stop(10) == 2


def test_a_buffer_looks_for_a_line_end_within_the_limit() -> None:
    buffer = Buffer()
    buffer.add(b"abc")
    assert buffer.line_stop(10) == -1
    buffer.add(b"d\n")
    assert buffer.line_stop(4) == -1
    assert buffer.line_stop(10) == 5
