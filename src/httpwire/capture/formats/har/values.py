"""What a HAR says, taken with care: every value may be of any type, or missing.

In: values that json made. Out: texts, numbers, times and octets, or what stands for there being none.
"""

from __future__ import annotations

import re

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_MOMENT = r"""(?x) \s* ([0-9]{4})-([0-9]{2})-([0-9]{2})
    [Tt\ ] ([0-9]{2}):([0-9]{2}) (?: :([0-9]{2}) (?:[.,]([0-9]+))? )?
    \s* (?: [Zz] | ([+-])([0-9]{2}):?([0-9]{2})? )? \s*"""
_LATEST = 1 << 62  # ns: in 2116; what the capture file can hold is twice that
_LONGEST = 10_000_000_000.0  # ms
_MS = 1_000_000  # ns


def mapping(value: object) -> dict[str, Any]:
    """The object; an empty one for any other value."""
    return value if isinstance(value, dict) else {}


def listed(value: object) -> list[Any]:
    """The array; an empty one for any other value."""
    return value if isinstance(value, list) else []


def text(value: object) -> str:
    """The string, or a number as one; empty for any other value."""
    if isinstance(value, str):
        return value
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else ""


def count(value: object) -> int:
    """The size; -1 where it is not known."""
    known = isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 1 << 62
    return int(value) if known else -1  # type: ignore[call-overload]  # a number


def status_of(value: object) -> int:
    """The status code; 0 where there is none."""
    digits = text(int(value) if isinstance(value, float) and value.is_integer() else value)
    return int(digits) if re.fullmatch(r"[1-9][0-9]{2}", digits) else 0


def span_ns(value: object) -> int:
    """A span of time in ms, as ns; -1 where it is not known."""
    known = isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= _LONGEST
    return round(value * _MS) if known else -1  # type: ignore[operator]  # a number


def moment_ns(value: object) -> int | None:
    """A time as ISO 8601 writes it, as ns since 1970; None where it is none. Without an offset it is UTC."""
    found = re.fullmatch(_MOMENT, value) if isinstance(value, str) and len(value) < 100 else None
    if not found:
        return None
    from datetime import UTC, datetime

    year, month, day, hour, minute, second, fraction, sign, hours, minutes = found.groups()
    try:
        whole = datetime(int(year), int(month), int(day), int(hour), int(minute), min(int(second or 0), 59), tzinfo=UTC)
    except ValueError:
        return None
    offset = (int(hours or 0) * 60 + int(minutes or 0)) * (-60 if sign == "-" else 60)
    seconds = int(whole.timestamp()) - offset
    ns = seconds * 1_000_000_000 + int((fraction or "0")[:9].ljust(9, "0"))
    return ns if 0 <= ns < _LATEST else None


def moment(ns: int) -> str:
    """`ns` since 1970 as ISO 8601 writes it, to the millisecond or as much finer as it is."""
    from datetime import datetime, timedelta

    seconds, fraction = divmod(ns, 1_000_000_000)
    digits = f"{fraction:09d}"
    at = datetime(1970, 1, 1) + timedelta(seconds=seconds)  # UTC, as all here
    return f"{at.isoformat()}.{digits[:3]}{digits[3:].rstrip('0')}Z"


def octets(text: str) -> bytes:
    """The octets of a text whose charset nobody tells: UTF-8, and octets that were none in the HAR as they were."""
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:  # half a character
        return text.encode("utf-8", "replace")
