"""JSON held against JSON, by path.

In: two texts. Out: Differences whose names are paths like `$.items[3].name`: values, what only one has; the
order of members and the spelling of numbers apart from values. None where a text is no JSON, or too deep.
"""

from __future__ import annotations

from collections import Counter
from itertools import islice

from httpwire.views.diff.model import Difference, Layer, What
from httpwire.views.diff.places import Places
from httpwire.views.diff.sequences import aligned, common_start, longest_rise
from httpwire.wire.record import Record, at

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any

    #: The path to what holds it, and the step from there; None is the root.
    Path = tuple["Path", str] | None

_DEEPEST = 64  # levels that are compared by path; what lies deeper is one value
_AROUND = 20  # characters that are shown before the first difference of two spellings


class _Object(Record):
    """An object's members (key, value) in order, also repeated ones."""

    __slots__ = ()

    def __new__(cls, members: Iterable[tuple[str, Any]]) -> _Object:
        return tuple.__new__(cls, members)


class _Number(Record):
    """A number as it is spelled."""

    __slots__ = ()
    FIELDS = ("text",)
    text: str = at(0)

    def __new__(cls, text: str) -> _Number:
        return tuple.__new__(cls, (text,))


def json_differences(old: str, new: str, most: int) -> list[Difference] | None:
    """What differs in two JSON texts, at most so many differences; None where one is no JSON."""
    try:
        found = list(islice(_walk(None, _parsed(old), _parsed(new), 0), most))
    except (ValueError, RecursionError):
        return None
    # Spaces, and escapes in strings, have no path: they are told where no value hides them.
    hidden = any(difference.what is not What.ORDER for difference in found)
    if not hidden and old != new and (not found or Counter(old) != Counter(new)):
        start = max(0, common_start(old, new) - _AROUND)
        stop = start + 3 * _AROUND
        found.append(Difference(Layer.CONTENT, What.SPELLING, "$", old[start:stop], new[start:stop]))
    return found


def _parsed(text: str) -> Any:
    import json

    return json.loads(text, object_pairs_hook=_Object, parse_int=_Number, parse_float=_Number, parse_constant=_Number)


def _walk(path: Path, old: Any, new: Any, depth: int) -> Iterator[Difference]:
    if isinstance(old, _Object) and isinstance(new, _Object) and depth < _DEEPEST:
        yield from _members(path, old, new, depth)
    elif isinstance(old, list) and isinstance(new, list) and depth < _DEEPEST:
        for i, j in aligned(old, new):
            if i is None or j is None:
                yield _alone((path, f"[{i if j is None else j}]"), old, new, i, j)
            else:
                yield from _walk((path, f"[{i}]"), old[i], new[j], depth + 1)
    elif old != new:
        what = What.SPELLING if _same_number(old, new) else What.VALUE
        yield Difference(Layer.CONTENT, what, _shown(path), _text(old), _text(new))


def _members(path: Path, old: _Object, new: _Object, depth: int) -> Iterator[Difference]:
    ours, theirs = _keyed(old), _keyed(new)
    other_places = {key: place for place, key in enumerate(theirs)}
    both = [(place, other_places[key]) for place, key in enumerate(ours) if key in theirs]
    rise = longest_rise([j for _, j in both])
    moved = {pair for index, pair in enumerate(both) if index not in rise}
    places = Places(both, moved, [key for key, _ in ours], [key for key, _ in theirs])
    for place, (key, value) in enumerate(ours.items()):
        step = (path, _step(key[0]))
        if key not in theirs:
            yield Difference(Layer.CONTENT, What.REMOVED, _shown(step), _text(value))
            continue
        yield from _walk(step, value, theirs[key], depth + 1)
        pair = place, other_places[key]
        if pair in moved:
            yield Difference(Layer.CONTENT, What.ORDER, _shown(step), *places.of(pair))
    for key, value in theirs.items():
        if key not in ours:
            yield Difference(Layer.CONTENT, What.ADDED, _shown((path, _step(key[0]))), None, _text(value))


def _keyed(members: _Object) -> dict[tuple[str, int], Any]:
    """The members by their keys and, for a repeated key, which of these it is."""
    seen: Counter[str] = Counter()
    keyed: dict[tuple[str, int], Any] = {}
    for key, value in members:
        keyed[key, seen[key]] = value
        seen[key] += 1
    return keyed


def _alone(path: Path, old: list[Any], new: list[Any], i: int | None, j: int | None) -> Difference:
    if i is not None:
        return Difference(Layer.CONTENT, What.REMOVED, _shown(path), _text(old[i]))
    return Difference(Layer.CONTENT, What.ADDED, _shown(path), None, _text(new[j or 0]))


def _same_number(old: Any, new: Any) -> bool:
    if not (isinstance(old, _Number) and isinstance(new, _Number)):
        return False
    from decimal import Decimal

    try:
        return Decimal(old.text) == Decimal(new.text)
    except ArithmeticError:  # an exponent beyond all measure
        return False


def _step(key: str) -> str:
    import json

    return f".{key}" if key.isidentifier() else f"[{json.dumps(key, ensure_ascii=False)}]"


def _shown(path: Path) -> str:
    steps: list[str] = []
    while path:
        path, step = path
        steps.append(step)
    return "$" + "".join(reversed(steps))


def _text(value: Any) -> str:
    """A value as compact JSON, its numbers as they are spelled."""
    import json

    if isinstance(value, _Object):
        return "{" + ", ".join(f"{json.dumps(key, ensure_ascii=False)}: {_text(held)}" for key, held in value) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_text, value)) + "]"
    return value.text if isinstance(value, _Number) else json.dumps(value, ensure_ascii=False)
