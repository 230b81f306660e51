"""How two sequences lie against each other: what is common, what moved, what is matched.

In: sequences of octets, characters or hashable items. Out: indices into both. Each function is
linear or nearly so in what it is given; where the best answer could cost more than a bound,
a coarser one is given in its place.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter, defaultdict, deque
from itertools import zip_longest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator, Sequence
    from typing import Any

    #: Old from `0` up to `1`, in whose place is new from `2` up to `3`.
    Hunk = tuple[int, int, int, int]
    Pair = tuple[int | None, int | None]

_COST = 2_000_000  # comparisons that the search for the best alignment may take, in all


def common_start(old: Sequence[Any], new: Sequence[Any]) -> int:
    """How many items are the same at the start of both; halves are compared, which is done in C."""
    low, high = 0, min(len(old), len(new))
    while low < high:
        middle = (low + high + 1) // 2
        if old[low:middle] == new[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low


def common_end(old: Sequence[Any], new: Sequence[Any], start: int) -> int:
    """How many items are the same at the end of both, of those from `start` on."""
    low, high = 0, min(len(old), len(new)) - start
    while low < high:
        middle = (low + high + 1) // 2
        if old[len(old) - middle : len(old) - low] == new[len(new) - middle : len(new) - low]:
            low = middle
        else:
            high = middle - 1
    return low


def longest_rise(numbers: Sequence[int]) -> set[int]:
    """The indices of a longest increasing run of `numbers`, all different; the others have moved."""
    ends: list[int] = []  # the least number that a rise of each length can end with
    where: list[int] = []
    before: list[int] = []
    for index, number in enumerate(numbers):
        length = bisect_left(ends, number)
        before.append(where[length - 1] if length else -1)
        ends[length : length + 1] = [number]
        where[length : length + 1] = [index]
    rise: set[int] = set()
    index = where[-1] if where else -1
    while index >= 0:
        rise.add(index)
        index = before[index]
    return rise


def matched(old: Sequence[tuple[Hashable, Hashable]], new: Sequence[tuple[Hashable, Hashable]]) -> list[Pair]:
    """Which (key, value) of both belong together: the same values of a key first, then the rest of it in order."""
    places: defaultdict[Hashable, deque[int]] = defaultdict(deque)
    for index, item in enumerate(new):
        places[item].append(index)
    pairs: list[Pair] = []
    rest: defaultdict[Hashable, tuple[list[int], list[int]]] = defaultdict(lambda: ([], []))
    for index, item in enumerate(old):
        if places[item]:
            pairs.append((index, places[item].popleft()))
        else:
            rest[item[0]][0].append(index)
    for index in sorted(index for waiting in places.values() for index in waiting):
        rest[new[index][0]][1].append(index)
    for olds, news in rest.values():
        pairs.extend(zip_longest(olds, news))
    return sorted(pairs, key=_by_place)


def _by_place(pair: Pair) -> tuple[bool, int]:
    old, new = pair
    return (True, new or 0) if old is None else (False, old)


def split_movers(
    pairs: list[Pair],
    moved: set[tuple[int, int]],
    old: Sequence[tuple[Hashable, Hashable]],
    new: Sequence[tuple[Hashable, Hashable]],
) -> list[Pair]:
    """`pairs`, but of a repeated key what has another value and another place is two: one gone, one come."""
    counts = Counter(key for key, _ in old), Counter(key for key, _ in new)
    made: list[Pair] = []
    for pair in pairs:
        i, j = pair
        if i is not None and j is not None and pair in moved and old[i][1] != new[j][1]:
            key = old[i][0]
            if max(count[key] for count in counts) > 1:
                made.extend(((i, None), (None, j)))
                continue
        made.append(pair)
    return sorted(made, key=_by_place)


def aligned(old: Sequence[Any], new: Sequence[Any]) -> Iterator[Pair]:
    """Which items of two lists belong together: of lists that are as long those at the same place, else what is the
    same at both ends, and the rest in order."""
    ending = 0
    if len(old) != len(new):
        ending = common_end(old, new, common_start(old, new))
    yield from zip_longest(range(len(old) - ending), range(len(new) - ending))
    yield from zip(range(len(old) - ending, len(old)), range(len(new) - ending, len(new)), strict=True)


def hunks(old: Sequence[str], new: Sequence[str]) -> list[Hunk]:
    """What is to be replaced to make the one of the other. Lines that both have once hold them together; between
    those difflib looks for the best, as long as that is cheap."""
    start = common_start(old, new)
    end = common_end(old, new, start)
    budget = [_COST]
    found: list[Hunk] = []
    for i, i_stop, j, j_stop in _gaps(old, new, start, len(old) - end, len(new) - end):
        found.extend(_refined(old[i:i_stop], new[j:j_stop], i, j, budget))
    return found


def _gaps(old: Sequence[str], new: Sequence[str], start: int, old_stop: int, new_stop: int) -> Iterator[Hunk]:
    """The stretches between the lines that both have once and in the same order (as "patience" does)."""
    once = {line for line, count in Counter(old[start:old_stop]).items() if count == 1}
    once &= {line for line, count in Counter(new[start:new_stop]).items() if count == 1}
    places = {line: index for index, line in enumerate(new[start:new_stop], start) if line in once}
    anchors = [(index, places[line]) for index, line in enumerate(old[start:old_stop], start) if line in once]
    rise = longest_rise([place for _, place in anchors])
    i = j = start
    for index, (i_stop, j_stop) in enumerate([*anchors, (old_stop, new_stop)]):
        if index < len(anchors) and index not in rise:
            continue
        if i < i_stop or j < j_stop:
            yield i, i_stop, j, j_stop
        i, j = i_stop + 1, j_stop + 1


def _refined(old: Sequence[str], new: Sequence[str], i: int, j: int, budget: list[int]) -> Iterator[Hunk]:
    """The hunks of one gap, which begins at `i` and `j`; all of it where more would cost too much."""
    counts = Counter(new)
    # What difflib may do: for each line all its likes in the other, at most once for each line.
    cost = sum(counts[line] for line in old) * min(len(old), len(new)) + len(old) + len(new)
    if not (old and new) or cost > budget[0]:
        yield i, i + len(old), j, j + len(new)
        return
    budget[0] -= cost
    from difflib import SequenceMatcher

    for tag, first, last, other, other_last in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if tag != "equal":
            yield i + first, i + last, j + other, j + other_last
