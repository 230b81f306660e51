"""Burp's times of items: Java's Date.toString(), as in "Tue Jan 10 17:55:22 EST 2023".

In: such a text, or ns since 1970. Out: the other. Java abbreviates zones; those that mean one offset are known here,
others count as UTC, and are told.
"""

from __future__ import annotations

import re

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_DATE = re.compile(
    r"[A-Z][a-z]{2} ([A-Z][a-z]{2}) +([0-9]{1,2}) ([0-9]{2}):([0-9]{2}):([0-9]{2}) ([A-Z]{1,5}|[+-][0-9]{2,4}|"
    r"GMT[+-][0-9]{2}:[0-9]{2}) ([0-9]{4})"
)
_OFFSET = re.compile(r"(?:GMT)?([+-])([0-9]{2}):?([0-9]{2})?")
_SECOND = 1_000_000_000
#: Minutes east of Greenwich, of abbreviations that have one meaning (or one that nearly all who write them mean).
_ZONES = {
    "UTC": 0, "GMT": 0, "Z": 0, "WET": 0, "WEST": 60, "CET": 60, "CEST": 120, "EET": 120, "EEST": 180, "MSK": 180,
    "BST": 60, "SAST": 120, "IDT": 180, "JST": 540, "KST": 540, "HKT": 480, "SGT": 480, "PHT": 480, "WIB": 420,
    "AWST": 480, "ACST": 570, "ACDT": 630, "AEST": 600, "AEDT": 660, "NZST": 720, "NZDT": 780, "PKT": 300, "NPT": 345,
    "EST": -300, "EDT": -240, "CDT": -300, "MST": -420, "MDT": -360, "PST": -480, "PDT": -420, "AKST": -540,
    "AKDT": -480, "HST": -600, "NST": -210, "NDT": -150, "ADT": -180, "BRT": -180, "BRST": -120, "ART": -180,
    "CLT": -240, "CLST": -180, "COT": -300, "PET": -300, "ECT": -300, "VET": -240, "UYT": -180, "ICT": 420, "WAT": 60,
    "CAT": 120, "EAT": 180, "TRT": 180, "UZT": 300, "ALMT": 360,
}  # fmt: skip


def moment(text: str) -> tuple[int, bool]:
    """ns since 1970 (0: it is no time), and whether that is sure: the zone is known."""
    found = _DATE.fullmatch(text)
    if not found or found[1] not in _MONTHS:
        return 0, False
    from calendar import timegm

    day, hour, minute, second, year = (int(found[group]) for group in (2, 3, 4, 5, 7))
    if not (1 <= day <= 31 and hour < 24 and minute < 60 and second <= 60 and 1970 <= year < 2200):
        return 0, False
    offset = _ZONES.get(found[6])
    named = _OFFSET.fullmatch(found[6])
    if named:
        offset = (int(named[2]) * 60 + int(named[3] or 0)) * (-1 if named[1] == "-" else 1)
    seconds = timegm((year, _MONTHS.index(found[1]) + 1, day, hour, minute, second)) - (offset or 0) * 60
    return max(0, seconds) * _SECOND, offset is not None


def written_moment(began_ns: int) -> str:
    """ns since 1970 as Burp writes it, in UTC."""
    from time import gmtime

    now = gmtime(began_ns // _SECOND)
    day, month = _DAYS[now.tm_wday], _MONTHS[now.tm_mon - 1]
    return f"{day} {month} {now.tm_mday:02} {now.tm_hour:02}:{now.tm_min:02}:{now.tm_sec:02} UTC {now.tm_year:04}"
