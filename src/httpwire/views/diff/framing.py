"""How two messages are delimited, held against each other, and into which chunks they are cut.

In: two Sides with their heads. Out: Differences of the framing layer. The same content in other chunks is a
difference here and nowhere else.
"""

from __future__ import annotations

from httpwire.language import N_, Amount, Sentence
from httpwire.views.diff.model import Difference, Layer, What
from httpwire.wire.element import ElementKind, Span
from httpwire.wire.framing import Framing, Kind

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from httpwire.capture.reading import Part
    from httpwire.views.diff.octets import First
    from httpwire.views.diff.side import Side
    from httpwire.wire.message import Message

_KINDS = {
    Kind.NONE: N_("no content"),
    Kind.LENGTH: N_("by Content-Length"),
    Kind.CHUNKED: N_("chunked"),
    Kind.UNTIL_CLOSE: N_("up to the close of the connection"),
    Kind.TUNNEL: N_("a tunnel"),
    Kind.UNDECIDABLE: N_("its end can't be known"),
}
_SIZES = 12  # chunks whose sizes are told
_OF_CHUNKS = frozenset((ElementKind.CHUNK_SIZE, ElementKind.CHUNK_EXTENSIONS, ElementKind.LINE_END, ElementKind.BLANK))


def framing_differences(old: Side, new: Side) -> Iterator[Difference]:
    """What differs in how the messages are delimited; chunks are for `chunk_differences`."""
    one, other = old.message, new.message
    at = Span(one.start, one.content_start), Span(other.start, other.content_start)
    kinds = _kind(one.framing), _kind(other.framing)
    if kinds[0] != kinds[1]:
        yield Difference(Layer.FRAMING, What.VALUE, N_("kind"), *kinds, *at)
    elif one.framing and other.framing and one.framing.rule is not other.framing.rule:
        says = Sentence(one.framing.rule.says), Sentence(other.framing.rule.says)
        yield Difference(Layer.FRAMING, What.VALUE, N_("rule"), *says, *at)
    if one.octets != other.octets and not (_is_as_announced(one) and _is_as_announced(other)):
        yield Difference(Layer.FRAMING, What.VALUE, N_("length"), one.octets, other.octets, old.region, new.region)
    if one.complete != other.complete:
        ends = _end(one), _end(other)
        at = Span(one.stop, one.stop), Span(other.stop, other.stop)
        yield Difference(Layer.FRAMING, What.VALUE, N_("end"), *ends, *at)


def _is_as_announced(message: Message) -> bool:
    """Whether it is as long as its Content-Length says: that field tells it already."""
    return message.complete and message.framing is not None and message.framing.kind is Kind.LENGTH


def _end(message: Message) -> Sentence:
    return Sentence("complete") if message.complete else Sentence("incomplete")


def _kind(framing: Framing | None) -> Sentence:
    return Sentence(_KINDS[framing.kind]) if framing else Sentence("cut off inside the head")


def chunk_differences(old: Side, new: Side, first: First | None) -> Iterator[Difference]:
    """How the chunks differ that hold the same content: their sizes, or how their lines are written. `first` is where
    the octets differ, if nothing else tells of it."""
    sizes, others = _sizes(old.part), _sizes(new.part)
    if sizes != others or old.message.chunks != new.message.chunks:
        told = _told(sizes, old.message), _told(others, new.message)
        yield Difference(Layer.FRAMING, What.CHUNKS, N_("chunks"), *told, old.region, new.region)
        return
    for (span, line), (other_span, other) in zip(_chunk_lines(old), _chunk_lines(new), strict=False):
        if line != other:
            yield Difference(Layer.FRAMING, What.CHUNKS, N_("chunk size"), line, other, span, other_span)
            return
    if first:  # in chunks beyond those whose elements are held
        at = old.region.behind(first.offset), new.region.behind(first.offset)
        yield Difference(Layer.FRAMING, What.CHUNKS, N_("chunk size"), first.old, first.new, *at)


def _sizes(part: Part) -> list[int]:
    """The sizes of the chunks whose elements are held."""
    return [element.stop - element.start for element in part.outside if element.kind is ElementKind.CHUNK_DATA]


def _told(sizes: list[int], message: Message) -> Sentence:
    more = ", ..." if message.chunks > _SIZES else ""
    listed = ", ".join(f"{size:,}" for size in sizes[:_SIZES]) + more
    return Amount("{n} chunk: {sizes}", "{n} chunks: {sizes}", message.chunks, sizes=listed)


def _chunk_lines(side: Side) -> Iterator[tuple[Span, bytes]]:
    """The octets between the chunks' data."""
    start = side.message.content_start
    stop = side.message.trailers[0].start if side.message.trailers else side.message.stop
    at = None
    for element in side.part.outside:
        if not start <= element.start < stop or element.kind not in _OF_CHUNKS:
            continue
        at = Span(at.start if at and at.stop == element.start else element.start, element.stop)
        if element.kind is ElementKind.LINE_END:
            yield at, side.source.read(at.start, at.stop)
            at = None
