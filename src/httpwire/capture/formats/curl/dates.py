"""Dates as -z takes them, for the forms that are in use.

In: a date as a command has it. Out: the same as HTTP writes it (RFC 9110 5.6.7).
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime, parsedate_tz

_DIGITS = re.compile(
    r"([0-9]{4})([0-9]{2})([0-9]{2})(?: +([0-9]{1,2}):([0-9]{2})(?::([0-9]{2}))?)?(?: +(?:GMT|UTC|Z))?"
)
_ISO = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}(?:[ T].*)?")  # ISO 8601's extended form


def http_date(text: bytes) -> bytes | None:
    """`text` as an HTTP-date; empty where curl knows it for none, None where its form is not known here."""
    plain = text.decode("latin-1").strip()
    if _ISO.fullmatch(plain):
        return b""
    found = _DIGITS.fullmatch(plain)
    try:
        if found:
            year, month, day, hour, minute, second = (int(part or 0) for part in found.groups())
            moment = datetime(year, month, day, hour, minute, second, tzinfo=UTC)
        else:
            fields = parsedate_tz(plain)
            if not fields or not re.search(r"[A-Za-z]{3}", plain):
                return None
            moment = datetime(*fields[:6], tzinfo=UTC) - timedelta(seconds=fields[9] or 0)
        return format_datetime(moment, usegmt=True).encode("ascii")
    except (ValueError, OverflowError):
        return None
