"""Differences for programs: the JSON form of the model.

In: a Compared. Out: a dict of plain values with stable keys. Texts are English; octets are latin-1
strings, one character an octet; offsets count from 0, in the unit that stands beside them.
"""

from __future__ import annotations

from httpwire.views.report import text_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from httpwire.capture.reading import Part
    from httpwire.views.diff.model import Compared, Difference, Value
    from httpwire.wire.element import Span


def compared_object(compared: Compared) -> dict[str, Any]:
    """One message of each file; null where a file has none."""
    return {
        "number": compared.number,
        "old": compared.old and _part(compared.old),
        "new": compared.new and _part(compared.new),
        "differences": [_difference(difference) for difference in compared.differences],
        "same": {layer.value: count for layer, count in compared.same},
    }


def _part(part: Part) -> dict[str, Any]:
    kind = part.direction.value if part.message else None
    return {"kind": kind, "start": part.start, "stop": part.stop}


def _difference(difference: Difference) -> dict[str, Any]:
    return {
        "layer": difference.layer.value,
        "what": difference.what.id,
        "name": difference.name or None,
        "old": _value(difference.old),
        "new": _value(difference.new),
        "old_at": _span(difference.old_at),
        "new_at": _span(difference.new_at),
        "unit": difference.unit if difference.old_at or difference.new_at else None,
        "ignored": difference.ignored or None,
    }


def _value(value: Value) -> str | int | None:
    if value is None or isinstance(value, int):
        return value
    return text_of(value) if isinstance(value, bytes) else str(value)


def _span(span: Span | None) -> dict[str, int] | None:
    return {"start": span.start, "stop": span.stop} if span else None
