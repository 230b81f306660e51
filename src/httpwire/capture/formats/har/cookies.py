"""Cookies as a HAR lists them, beside the fields that they are in.

In: the values of Cookie or Set-Cookie (bytes). Out: objects with names and values, and what RFC 6265 5.2
reads of their attributes.
"""

from __future__ import annotations

import re

from httpwire.capture.formats.har.values import moment

_DATE = r"(?i)[a-z]*,?\s*([0-9]{1,2})[ -]([a-z]{3})[ -]([0-9]{4}|[0-9]{2}) ([0-9]{2}):([0-9]{2}):([0-9]{2})\b.*"
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")


def cookies_of(values: list[bytes]) -> list[dict[str, object]]:
    """The cookies of a request."""
    pairs = [pair.strip() for value in values for pair in value.decode("latin-1").split(";")]
    return [_pair(pair) for pair in pairs if pair]


def set_cookies_of(values: list[bytes]) -> list[dict[str, object]]:
    """The cookies that a response sets."""
    found = []
    for value in values:
        pair, *attributes = (part.strip() for part in value.decode("latin-1").split(";"))
        cookie = _pair(pair)
        for attribute in attributes:
            name, _, told = (part.strip() for part in attribute.partition("="))
            _be(cookie, name.lower(), told)
        found.append(cookie)
    return found


def _pair(pair: str) -> dict[str, object]:
    name, equals, value = (part.strip() for part in pair.partition("="))
    return {"name": name, "value": value} if equals else {"name": "", "value": name}


def _be(cookie: dict[str, object], name: str, told: str) -> None:
    if name in ("path", "domain"):
        cookie[name] = told
    elif name == "httponly":
        cookie["httpOnly"] = True
    elif name == "secure":
        cookie["secure"] = True
    elif name == "expires":
        until = _expires(told)
        if until:
            cookie["expires"] = until


def _expires(told: str) -> str:
    """A cookie's date as ISO 8601 writes it; empty where it is none."""
    found = re.fullmatch(_DATE, told)
    if not found or found[2].lower() not in _MONTHS:
        return ""
    from datetime import UTC, datetime

    day, month, year, hour, minute, second = found.groups()
    years = int(year) + (0 if len(year) == 4 else 2000 if int(year) < 70 else 1900)  # RFC 6265 5.1.1
    try:
        day_of = datetime(years, _MONTHS.index(month.lower()) + 1, int(day), tzinfo=UTC)
        at = day_of.replace(hour=int(hour), minute=int(minute), second=int(second))
    except ValueError:
        return ""
    return moment(int(at.timestamp()) * 1_000_000_000)
