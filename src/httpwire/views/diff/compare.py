"""Two recordings held against each other, message by message.

In: two Readings, their Files, and what is ignored. Out: Compared values, one by one: what is in memory is a
message of each. Messages are paired in order, interim responses with each other. Octets that are the
same are not looked into; where they are not, some difference is told, always.
"""

from __future__ import annotations

from httpwire.language import N_, Sentence
from httpwire.views.diff.content import content_differences
from httpwire.views.diff.framing import chunk_differences, framing_differences
from httpwire.views.diff.heads import Field, field_differences, fields_of, start_line_differences
from httpwire.views.diff.model import Compared, Difference, Ignoring, Layer, What
from httpwire.views.diff.side import Side, side_of
from httpwire.views.outcome import DIRECTIONS
from httpwire.wire.element import Span

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from httpwire.capture.reading import Part, Reading
    from httpwire.views.diff.octets import Files, First
    from httpwire.wire.head import Head


def compare(old: Reading, new: Reading, files: Files, ignoring: Ignoring) -> Iterator[Compared]:
    """The messages of both in pairs; none where the files are the same. Raises RecordingUnreadable."""
    if not files.first:
        return
    for number, (part, other) in enumerate(_paired(old.parts(), new.parts()), 1):
        if part and other:
            yield _pair(number, side_of(part, files.old), side_of(other, files.new), files, ignoring)
        elif part:
            at = Span(part.start, part.stop)
            alone = Difference(Layer.MESSAGE, What.REMOVED, "", _kind(side_of(part, files.old)), None, at)
            yield Compared(number, part, None, (alone,), ())
        elif other:
            at = Span(other.start, other.stop)
            alone = Difference(Layer.MESSAGE, What.ADDED, "", None, _kind(side_of(other, files.new)), None, at)
            yield Compared(number, None, other, (alone,), ())


def _paired(old: Iterator[Part], new: Iterator[Part]) -> Iterator[tuple[Part | None, Part | None]]:
    """The messages in order; an interim response that only one of both has is alone, and shifts nothing."""
    mine, its = next(old, None), next(new, None)
    while mine or its:
        one, other = (bool(part and part.message and part.message.interim) for part in (mine, its))
        pair = (mine if one >= other else None), (its if other >= one else None)
        yield pair
        mine = next(old, None) if pair[0] else mine
        its = next(new, None) if pair[1] else its


def _kind(side: Side) -> Sentence:
    return Sentence(DIRECTIONS[side.part.direction]) if side.head else Sentence("bytes that can't be read as a message")


def _pair(number: int, old: Side, new: Side, files: Files, ignoring: Ignoring) -> Compared:
    part, other = old.part, new.part
    at = Span(part.start, part.stop), Span(other.start, other.stop)
    first = files.first_in(*at)
    if first is None:
        return Compared(number, part, other, (), tuple(amount for amount in _all_of(old) if amount[1]))
    same: dict[Layer, int] = {}
    found = tuple(ignoring.applied(one) for one in _differences(old, new, files, ignoring, same))
    differing = {difference.layer for difference in found}
    amounts = {layer: count for layer, count in _all_of(old) if layer not in differing} | same
    if bool(old.head) != bool(new.head):
        amounts = {}
    counted = tuple((layer, amounts[layer]) for layer in Layer if amounts.get(layer))
    return Compared(number, part, other, found or (_untold(first, *at),), counted)


def _untold(first: First, old: Span, new: Span) -> Difference:
    """What no layer tells, so that nothing that differs is ever taken for the same."""
    at = old.behind(first.offset), new.behind(first.offset)
    return Difference(Layer.BYTES, What.OTHER, "", first.old, first.new, *at)


def _all_of(side: Side) -> Iterator[tuple[Layer, int]]:
    """All that there is to compare in a message."""
    message = side.message
    if side.head:
        yield Layer.FRAMING, 1
        yield Layer.START_LINE, 1
        yield Layer.FIELDS, len(message.fields)
        yield Layer.TRAILERS, len(message.trailers)
    if side.has_content:
        yield Layer.CONTENT, 1


def _differences(
    old: Side, new: Side, files: Files, ignoring: Ignoring, same: dict[Layer, int]
) -> Iterator[Difference]:
    """All differences of two messages that are not the same; how many fields are goes to `same`."""
    head, other = old.head, new.head
    kinds = _kind(old), _kind(new)
    if kinds[0] != kinds[1]:
        whole = Span(old.part.start, old.part.stop), Span(new.part.start, new.part.stop)
        yield Difference(Layer.MESSAGE, What.VALUE, N_("kind"), *kinds, *whole)
    if head and other:
        yield from _empty_lines((old, old.part.start, head.start), (new, new.part.start, other.start))
        yield from framing_differences(old, new)
        yield from start_line_differences(head, other)
        lines = _head_fields(head), _head_fields(other)
        found, same[Layer.FIELDS] = field_differences(Layer.FIELDS, *lines, ignoring)
        yield from found
        ends = _end_of(head), _end_of(other)
        if ends[0] != ends[1]:
            at = Span(head.stop - len(ends[0]), head.stop), Span(other.stop - len(ends[1]), other.stop)
            yield Difference(Layer.MESSAGE, What.LINE_END, N_("end of head"), *ends, *at)
        yield from _behind_the_head(old, new, files, ignoring, same)
    elif not head and not other:
        yield from content_differences(old, new, files)


def _head_fields(head: Head) -> list[Field]:
    return fields_of(head.lines, head.raw, head.start)


def _end_of(head: Head) -> bytes:
    """The blank line that ends a head; empty where none does."""
    if not head.complete:
        return b""
    return b"\r\n" if head.raw.endswith(b"\r\n") else b"\n"


def _empty_lines(old: tuple[Side, int, int], new: tuple[Side, int, int]) -> Iterator[Difference]:
    """What stands before the messages."""
    lines, others = (side.source.read(start, stop) for side, start, stop in (old, new))
    if lines != others:
        yield Difference(Layer.MESSAGE, What.LINE_END, N_("empty line"), lines, others, Span(*old[1:]), Span(*new[1:]))


def _behind_the_head(
    old: Side, new: Side, files: Files, ignoring: Ignoring, same: dict[Layer, int]
) -> Iterator[Difference]:
    """What differs in content, trailers, and in chunks: these only where they hold the same content."""
    first = files.first_in(old.region, new.region)
    if first is None:
        return
    content = list(content_differences(old, new, files))
    found, same[Layer.TRAILERS] = field_differences(Layer.TRAILERS, _trailers(old), _trailers(new), ignoring)
    (end, at), (other_end, other_at) = _trailer_end(old), _trailer_end(new)
    if end != other_end and old.chunked and new.chunked:
        name = N_("end of trailers")
        found.append(Difference(Layer.MESSAGE, What.LINE_END, name, end, other_end, at, other_at))
    if old.chunked and new.chunked and not content:
        yield from chunk_differences(old, new, None if found else first)
    yield from found
    yield from content


def _trailers(side: Side) -> list[Field]:
    lines = side.message.trailers
    return fields_of(lines, side.source.read(lines[0].start, lines[-1].stop), lines[0].start) if lines else []


def _trailer_end(side: Side) -> tuple[bytes, Span]:
    """The blank line that ends chunked content, and where it is; empty elsewhere."""
    stop = side.region.stop
    if not side.chunked or not side.message.complete:
        return b"", Span(stop, stop)
    end = b"\r\n" if side.source.read(stop - 2, stop) == b"\r\n" else b"\n"
    return end, Span(stop - len(end), stop)
