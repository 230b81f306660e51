"""Start lines, fields and trailers held against each other.

In: two heads, or the trailers of two messages with their octets. Out: Differences, each aspect for itself: a
value, the case of a name, the blanks around a value, a line end, the order. What is the same is
counted. Every octet belongs to one of these aspects, so nothing goes untold.
"""

from __future__ import annotations

from bisect import bisect

from httpwire.views.diff.model import Difference, Ignoring, Layer, What
from httpwire.views.diff.places import Places
from httpwire.views.diff.sequences import longest_rise, matched, split_movers
from httpwire.wire.element import ElementKind, Span
from httpwire.wire.record import Record, at

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from httpwire.views.diff.sequences import Pair
    from httpwire.wire.fields import FieldLine
    from httpwire.wire.head import Head

_BLANK = b" \t"


class Field(Record):
    """A field line as it is compared: `raw` is it without its end, `key` its name without case (empty where it has
    none), `spaces` what stands between its parts."""

    __slots__ = ()
    FIELDS = ("key", "name", "value", "raw", "spaces", "end", "span")
    key: bytes = at(0)
    name: bytes = at(1)
    value: bytes = at(2)
    raw: bytes = at(3)
    spaces: tuple[bytes, ...] = at(4)
    end: bytes = at(5)
    span: Span = at(6)

    def __new__(
        cls, key: bytes, name: bytes, value: bytes, raw: bytes, spaces: tuple[bytes, ...], end: bytes, span: Span
    ) -> Field:
        return tuple.__new__(cls, (key, name, value, raw, spaces, end, span))

    @property
    def shown(self) -> str:
        return self.name.decode("latin-1")


def fields_of(lines: Iterable[FieldLine], octets: bytes, start: int) -> list[Field]:
    """`lines` with their octets, of which the first has the offset `start`."""
    return [_field(line, octets[line.start - start : line.stop - start]) for line in lines]


def _field(line: FieldLine, octets: bytes) -> Field:
    raw = octets.removesuffix(b"\n")
    raw = raw.removesuffix(b"\r") if raw != octets else raw
    end = octets[len(raw) :]
    span = Span(line.start, line.stop)
    if not line.name:
        return Field(b"", b"", raw, raw, (), end, span)
    colon = line.colon - line.start
    inner = raw[colon + 1 :]
    value = inner.strip(_BLANK)
    before = len(inner) - len(inner.lstrip(_BLANK))
    folded = value if value != line.value else b""  # its folds are spaces of another kind
    spaces = (raw[len(line.name) : colon], inner[:before], inner[before + len(value) :], folded)
    return Field(line.name.lower(), line.name, line.value, raw, spaces, end, span)


def field_differences(
    layer: Layer, old: list[Field], new: list[Field], ignoring: Ignoring
) -> tuple[list[Difference], int]:
    """What differs between two lists of fields, and how many of these are the same."""
    ours, theirs = ([(line.key, line.value) for line in lines] for lines in (old, new))
    pairs = matched(ours, theirs)
    ignored = [bool(ignoring.field(line.shown)) for line in old]
    pairs = split_movers(pairs, _moved(_both(pairs), ignored), ours, theirs)
    both = _both(pairs)
    moved = _moved(both, ignored)
    places = Places(both, moved, [line.shown for line in old], [line.shown for line in new])
    found: list[Difference] = []
    same = 0
    for i, j in pairs:
        if i is None or j is None:
            found.append(_alone(layer, old[i] if i is not None else None, new[j] if j is not None else None))
            continue
        one = list(_aspects(layer, old[i], new[j]))
        if (i, j) in moved:
            one.append(Difference(layer, What.ORDER, old[i].shown, *places.of((i, j)), old[i].span, new[j].span))
        found.extend(one)
        same += not one
    return found, same


def _alone(layer: Layer, old: Field | None, new: Field | None) -> Difference:
    if old:
        return Difference(layer, What.REMOVED, old.shown, old.raw, None, old.span, None)
    assert new
    return Difference(layer, What.ADDED, new.shown, None, new.raw, None, new.span)


def _aspects(layer: Layer, old: Field, new: Field) -> Iterator[Difference]:
    at = old.span, new.span
    if old.value != new.value:
        yield Difference(layer, What.VALUE, old.shown, old.value, new.value, *at)
    if old.name != new.name:
        yield Difference(layer, What.CASE, old.shown, old.name, new.name, *at)
    # Folds stand in the value: where that differs they are told with it.
    if old.spaces[:3] != new.spaces[:3] or (old.value == new.value and old.spaces != new.spaces):
        yield Difference(layer, What.SPACES, old.shown, old.raw, new.raw, *at)
    if old.end != new.end:
        yield Difference(layer, What.LINE_END, old.shown, old.end, new.end, *at)


def _both(pairs: list[Pair]) -> list[tuple[int, int]]:
    """The pairs that have both."""
    return [(i, j) for i, j in pairs if i is not None and j is not None]


def _moved(both: list[tuple[int, int]], ignored: list[bool]) -> set[tuple[int, int]]:
    """Which pairs stand in another order: as few as can be. A field that is ignored moves no other one."""
    counting = [pair for pair in both if not ignored[pair[0]]]
    others = [pair for pair in both if ignored[pair[0]]]
    rise = longest_rise([j for _, j in counting])
    staying = [pair for index, pair in enumerate(counting) if index in rise]
    moved = set(counting) - set(staying)
    rise = longest_rise([j for _, j in others])
    olds, news = [i for i, _ in staying], [j for _, j in staying]
    for index, (i, j) in enumerate(others):
        if index not in rise or bisect(olds, i) != bisect(news, j):
            moved.add((i, j))
    return moved


def start_line_differences(old: Head, new: Head) -> Iterator[Difference]:
    """What differs in two start lines, part by part."""
    ours, theirs = _parts(old), _parts(new)
    for kind in {**ours, **theirs}:
        pieces, span = ours.get(kind, ((), None))
        others, other_span = theirs.get(kind, ((), None))
        if pieces == others:
            continue
        if kind is ElementKind.BLANK:
            whole = old.raw.partition(b"\n")[0], new.raw.partition(b"\n")[0]
            yield Difference(Layer.START_LINE, What.SPACES, kind.value, *whole, span, other_span)
        else:
            one, other = (b"".join(part) if part else None for part in (pieces, others))
            what = What.REMOVED if other is None else What.ADDED if one is None else What.VALUE
            what = What.LINE_END if kind is ElementKind.LINE_END else what
            yield Difference(Layer.START_LINE, what, kind.value, one, other, span, other_span)


def _parts(head: Head) -> dict[ElementKind, tuple[tuple[bytes, ...], Span]]:
    """The parts of a start line by their kinds, and from where to where those of a kind are."""
    parts: dict[ElementKind, tuple[tuple[bytes, ...], Span]] = {}
    for element in head.elements():
        octets = head.raw[element.start - head.start : element.stop - head.start]
        before, span = parts.get(element.kind, ((), element))
        parts[element.kind] = ((*before, octets), Span(span.start, element.stop))
        if element.kind is ElementKind.LINE_END:
            break
    return parts
