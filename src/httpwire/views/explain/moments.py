"""Spans of time and dates, in words.

In: seconds, or the octets of a date in one of HTTP's three forms (RFC 9110 5.6.7) or as
cookies write it. Out: sentences in units that people use; how long ago a date was, seen
from Setting.now. A date that does not exist is told as such.
"""

from __future__ import annotations

import re
from itertools import pairwise

from httpwire.language import N_, Amount, Sentence

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from httpwire.views.explain.gloss import Gloss, Setting
    from httpwire.views.explain.syntax import Piece

_DAY = 86_400
_YEAR = 365 * _DAY
_LONG_AGO = 2 * _YEAR  # from here on, days tell less than years
_SECTION = "RFC 9110 5.6.7"

_UNITS: tuple[tuple[int, Callable[[int], Sentence]], ...] = (
    (_DAY, lambda n: Amount("{n} day", "{n} days", n)),
    (3600, lambda n: Amount("{n} hour", "{n} hours", n)),
    (60, lambda n: Amount("{n} minute", "{n} minutes", n)),
    (1, lambda n: Amount("{n} second", "{n} seconds", n)),
)

_MONTHS = (b"jan", b"feb", b"mar", b"apr", b"may", b"jun", b"jul", b"aug", b"sep", b"oct", b"nov", b"dec")
_DAYS = (
    (b"mon", N_("Monday")),
    (b"tue", N_("Tuesday")),
    (b"wed", N_("Wednesday")),
    (b"thu", N_("Thursday")),
    (b"fri", N_("Friday")),
    (b"sat", N_("Saturday")),
    (b"sun", N_("Sunday")),
)
_TIME = rb"(?P<time>[0-9]{2}:[0-9]{2}:[0-9]{2})"
_FIXED = re.compile(
    rb"(?P<weekday>[A-Z][a-z]{2}), (?P<day>[0-9]{2}) (?P<month>[A-Z][a-z]{2}) (?P<year>[0-9]{4}) %s GMT" % _TIME
)
_RFC850 = re.compile(
    rb"(?P<weekday>[A-Z][a-z]{5,8}), (?P<day>[0-9]{2})-(?P<month>[A-Z][a-z]{2})-(?P<year>[0-9]{2}) %s GMT" % _TIME
)
_ASCTIME = re.compile(
    rb"(?P<weekday>[A-Z][a-z]{2}) (?P<month>[A-Z][a-z]{2}) (?P<day>[ 0-9][0-9]) %s (?P<year>[0-9]{4})" % _TIME
)
_LOOSE = re.compile(
    rb"(?i)(?P<weekday>[a-z]{3,9}),? (?P<day>[0-9]{1,2})[ -](?P<month>[a-z]{3})[ -](?P<year>[0-9]{4}|[0-9]{2}) "
    + _TIME
    + rb"(?: (?:GMT|UTC|\+0000))?"
)


def lasting(seconds: int) -> Sentence:
    """A span of time in its two largest units."""
    if seconds and seconds % _YEAR == 0:
        return Amount("{n} year", "{n} years", seconds // _YEAR)
    for (size, unit), (smaller, part) in pairwise(_UNITS):
        if seconds >= size:
            rest = seconds % size // smaller
            return (
                Sentence("{large} {small}", large=unit(seconds // size), small=part(rest))
                if rest
                else unit(seconds // size)
            )
    return _UNITS[-1][1](seconds)


def told_seconds(piece: Piece) -> Sentence | None:
    """The span of time that a number of seconds is; None where there is no such number."""
    return None if piece.number is None else lasting(piece.number)


def distance(then: float, now: float) -> Sentence:
    """How long ago `then` was, or how long from now it is."""
    apart = int(abs(now - then))
    if not apart:
        return Sentence("just now")
    span = (
        lasting(apart) if apart < _LONG_AGO else Amount("about {n} year", "about {n} years", round(apart / 31_556_952))
    )
    return Sentence("{time} ago", time=span) if then < now else Sentence("{time} from now", time=span)


def told_time(then: float, setting: Setting) -> Sentence:
    """A date as seconds since 1970, in words; the caller knows that it lies in the years 1 to 9999."""
    from datetime import UTC, datetime, timedelta

    date = f"{datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=int(then)):%Y-%m-%d %H:%M:%S}"
    if setting.now is None:
        return Sentence("{date} UTC", date=date)
    return Sentence("{date} UTC, {distance}", date=date, distance=distance(then, setting.now))


def date(piece: Piece, setting: Setting) -> Iterator[Gloss]:
    """What a date says: in one gloss, after one on the day of the week where that is wrong."""
    good = _FIXED.fullmatch(piece.octets)
    old = None if good else _RFC850.fullmatch(piece.octets) or _ASCTIME.fullmatch(piece.octets)
    found = good or old or _LOOSE.fullmatch(piece.octets)
    then = _seconds(found) if found else None
    if found is None or then is None:
        yield piece.says(Sentence("this is not a date that exists, in a form that HTTP knows"), _SECTION)
        return
    when = told_time(then, setting)
    if old:
        when = Sentence("{when}; the form of the date is an old one, which is no longer to be sent", when=when)
    elif not good:
        when = Sentence("{when}; the date is not quite in the form that HTTP wants", when=when)
    abbreviation, weekday = _DAYS[(int(then // _DAY) + 3) % 7]  # 1970 began on a Thursday
    if not found["weekday"].lower().startswith(abbreviation):
        wrong = piece.part(0, found.end("weekday"))
        yield wrong.says(
            Sentence("the day of the week is wrong: it was a {weekday}", weekday=Sentence(weekday)), _SECTION
        )
        piece = piece.part(found.end("weekday") + (b"," in piece.octets))
    yield piece.says(when, _SECTION)


def instant(octets: bytes) -> float | None:
    """The seconds since 1970 of a date in any of the forms; None where there is no such date."""
    for form in (_FIXED, _RFC850, _ASCTIME, _LOOSE):
        if found := form.fullmatch(octets):
            return _seconds(found)
    return None


def _seconds(found: re.Match[bytes]) -> float | None:
    """The seconds since 1970 of a date that matched; None where there is no such date."""
    from datetime import UTC, datetime

    month = found["month"].lower()
    if month not in _MONTHS:
        return None
    year = int(found["year"])
    if len(found["year"]) == 2:
        year += 1900 if year >= 70 else 2000  # RFC 6265 5.1.1
    hour, minute, second = (int(part) for part in found["time"].split(b":"))
    second -= second == 60  # the grammar has leap seconds, the calendar here has not
    try:
        then = datetime(year, _MONTHS.index(month) + 1, int(found["day"]), hour, minute, second, tzinfo=UTC)
    except ValueError:
        return None
    return (then - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds()
