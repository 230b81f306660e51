"""Where something that moved stands: told by its neighbour.

In: the pairs of two sequences, which of them moved, and the names of the items. Out: Sentences for the old place and
for the new one, by a neighbour that did not move; they are never the same. The number of a place would not do: it
changes with all that is added or removed before.
"""

from __future__ import annotations

from bisect import bisect
from collections import Counter

from httpwire.language import Sentence

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence


class Places:
    """The places of what moved, among the items that both sequences have and that did not move."""

    def __init__(
        self,
        pairs: Iterable[tuple[int, int]],
        moved: Collection[tuple[int, int]],
        old: Sequence[str],
        new: Sequence[str],
    ) -> None:
        staying = [pair for pair in pairs if pair not in moved] if moved else []
        self._sides = [
            (sorted(pair[side] for pair in staying), _numbered(names) if moved else [])
            for side, names in enumerate((old, new))
        ]

    def of(self, pair: tuple[int, int]) -> tuple[Sentence, Sentence]:
        """Where the items of `pair`, which moved, stand in the old and in the new sequence."""
        old, new = (_place(index, *side) for index, side in zip(pair, self._sides, strict=True))
        return old, new


def _place(index: int, staying: list[int], names: list[str]) -> Sentence:
    before = bisect(staying, index)
    if before:
        return Sentence("after {name}", name=names[staying[before - 1]])
    return Sentence("before {name}", name=names[staying[0]])


def _numbered(names: Sequence[str]) -> list[str]:
    """`names`, with numbers where one is repeated."""
    total, seen = Counter(names), Counter[str]()
    numbered: list[str] = []
    for name in names:
        seen[name] += 1
        numbered.append(f"{name} ({seen[name]})" if total[name] > 1 else name)
    return numbered
