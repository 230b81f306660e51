"""Immutable value types for a ground floor that has to start quickly.

In: a tuple subclass that names its fields with `at(index)`. Out: a value that is
immutable, hashable, compared by its fields and printed by its field names.
Importing `dataclasses` or `typing` costs as much as the interpreter's own start, so
neither is used here (docs/architecture.md has the figures).
"""

from __future__ import annotations

from collections import _tuplegetter  # type: ignore[attr-defined]  # what namedtuple reads with: half a property's cost

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Self


def at(index: int) -> Any:
    """The field at `index` of a Record."""
    return _tuplegetter(index, None)


class Record(tuple):  # type: ignore[type-arg]  # a tuple's own item types say nothing about named fields
    """Base of the value types. A subclass defines `FIELDS` and a typed `__new__`."""

    __slots__ = ()
    FIELDS: tuple[str, ...] = ()

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and tuple.__eq__(self, other)

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __hash__(self) -> int:
        return tuple.__hash__(self)

    def __repr__(self) -> str:
        pairs = ", ".join(f"{name}={value!r}" for name, value in zip(self.FIELDS, self, strict=True))
        return f"{type(self).__name__}({pairs})"

    def replace(self, **changes: Any) -> Self:
        """A copy with the named fields changed."""
        values = dict(zip(self.FIELDS, self, strict=True))
        unknown = changes.keys() - values.keys()
        if unknown:
            raise TypeError(f"{type(self).__name__} has no field {', '.join(sorted(unknown))}")
        values.update(changes)
        return type(self)(**values)
