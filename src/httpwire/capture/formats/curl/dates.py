"""Dates as -z takes them, for the forms that are in use.

In: a date as a command has it. Out: the same as HTTP writes it (RFC 9110 5.6.7).
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime, parsedate_tz

_ISO = re.compile(
    r"([0-9]{4})-?([0-9]{2})-?([0-9]{2})(?:[ T]([0-9]{1,2}):([0-9]{2})(?::([0-9]{2}))?)?(?: ?(?:GMT|UTC|Z))?"
)


def http_date(text: bytes) -> bytes | None:
    """`text` as an HTTP-date; None where it is in none of the forms known here."""
    plain = text.decode("latin-1").strip()
    found = _ISO.fullmatch(plain)
    try:
        if found:
            moment = datetime(*(int(part or 0) for part in found.groups()), tzinfo=timezone.utc)  # type: ignore[arg-type, misc]
        else:
            fields = parsedate_tz(plain)
            if not fields or not re.search(r"[0-9]:[0-9]|[A-Za-z]{3}", plain):
                return None
            moment = datetime(*fields[:6], tzinfo=timezone.utc) - timedelta(seconds=fields[9] or 0)
        return format_datetime(moment, usegmt=True).encode("ascii")
    except (ValueError, OverflowError):
        return None
