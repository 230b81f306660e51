"""Named values held against each other: a form's fields, the parts of a multipart.

In: (name, value, the value as it is written) of both, in order. Out: Differences by name; repeated names belong
together in order.
"""

from __future__ import annotations

from httpwire.views.diff.model import Difference, Layer, What
from httpwire.views.diff.places import Places
from httpwire.views.diff.sequences import longest_rise, matched, split_movers

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from httpwire.views.diff.sequences import Pair

    Named = tuple[str, bytes | str, bytes | str]


def named_differences(old: Iterable[Named], new: Iterable[Named]) -> Iterator[Difference]:
    """What differs: values, what only one has, another spelling of the same value, another order."""
    olds, news = list(old), list(new)
    ours, theirs = ([named[:2] for named in items] for items in (olds, news))
    pairs = matched(ours, theirs)
    pairs = split_movers(pairs, _moved(_both(pairs)), ours, theirs)
    both = _both(pairs)
    moved = _moved(both)
    places = Places(both, moved, [named[0] for named in olds], [named[0] for named in news])
    for i, j in pairs:
        if i is None or j is None:
            what = What.ADDED if i is None else What.REMOVED
            name, value, _ = news[j] if j is not None else olds[i or 0]
            gone, come = (None, value) if i is None else (value, None)
            yield Difference(Layer.CONTENT, what, name, gone, come)
            continue
        (name, value, written), (_, other, other_written) = olds[i], news[j]
        if value != other:
            yield Difference(Layer.CONTENT, What.VALUE, name, value, other)
        elif written != other_written:
            yield Difference(Layer.CONTENT, What.SPELLING, name, written, other_written)
        if (i, j) in moved:
            yield Difference(Layer.CONTENT, What.ORDER, name, *places.of((i, j)))


def _both(pairs: list[Pair]) -> list[tuple[int, int]]:
    return [(i, j) for i, j in pairs if i is not None and j is not None]


def _moved(both: list[tuple[int, int]]) -> set[tuple[int, int]]:
    rise = longest_rise([j for _, j in both])
    return {pair for index, pair in enumerate(both) if index not in rise}
