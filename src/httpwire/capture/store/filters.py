"""Filters as words: what the exchanges of a capture are found by.

In: one word, `KEY=VALUE`, `KEY!=VALUE` or one that speaks for itself (`404`, `5xx`, `GET`, `/path`, `incomplete`), and
the time that "ago" counts from. Out: a Condition: an SQL expression over `exchanges`, or a search in the octets.
A VALUE with commas is any of several; `A..B` is a range, either end may be missing; `*` stands for anything.
"""

from __future__ import annotations

import os
import re

from httpwire.capture.store.searches import Search
from httpwire.errors import FilterInvalid
from httpwire.language import N_
from httpwire.wire.element import Direction
from httpwire.wire.exchange import Outcome
from httpwire.wire.record import Record, at

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    #: An SQL expression, and its values.
    Sql = tuple[str, tuple[object, ...]]
    #: Reads a number with its unit; None where it is none.
    Read = Callable[[str], int | None]

_MOST = 1 << 63  # one more than SQLite's numbers
_PIECES = 200  # of one list: SQLite's expressions are not endless
_LONGEST = 8_000  # characters of one value
_KEY = re.compile(r"([A-Za-z][A-Za-z.-]*)(!?=)(.*)", re.DOTALL)
_STATUS = re.compile(r"[1-9](?:[0-9]{2}|xx)")
_USUAL = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "CONNECT", "TRACE")
_METHODS = re.compile(r"[A-Z]+(?:,[A-Z]+)*")
_SIZE = re.compile(r"([0-9]{1,15}(?:\.[0-9]{1,9})?)(?:([kmgt])i?)?b?", re.IGNORECASE)
_SPAN = re.compile(r"([0-9]{1,12}(?:\.[0-9]{1,9})?)(ns|us|µs|ms|s|m|min|h|d)?")
_CLOCK = re.compile(r"[0-9]{1,2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,6})?)?")
_UNITS = {"": 0, "k": 10, "m": 20, "g": 30, "t": 40}  # powers of two
_SPANS = {"ns": 1, "us": 10**3, "µs": 10**3, "ms": 10**6, "s": 10**9, "m": 60 * 10**9, "min": 60 * 10**9}
_SPANS |= {"h": 3600 * 10**9, "d": 86400 * 10**9}

_SENT = "(request_stop - request_start)"
_RECEIVED = "(response_stop - response_start)"
_BARE_HOST = "substr(rtrim(host, '0123456789'), 1, length(rtrim(host, '0123456789')) - 1)"
_HOST = f"CASE WHEN substr(rtrim(host, '0123456789'), -1) = ':' THEN {_BARE_HOST} ELSE host END"
_PATH = """CASE WHEN substr(target, 1, 1) = '/' OR instr(target, '://') = 0
THEN substr(target, 1, instr(target || '?', '?') - 1)
WHEN instr(substr(target, instr(target, '://') + 3), '/') = 0 THEN '/'
ELSE substr(substr(target, 1, instr(target || '?', '?') - 1), instr(target, '://') + 2 + instr(substr(target, instr(
target, '://') + 3), '/')) END"""
_OVER = (Outcome.INCOMPLETE.value, Outcome.UNDECIDABLE.value, Outcome.NO_ANSWER.value)
_UNDER_WAY = "under way"

_HINT = N_("httpwire ls --help lists the filters")
_EMPTY = N_("a value is missing behind the =")
_LONG = N_("it is too long")
_SIZES = N_("write a size as 10k, or a range of them as 10k..2M, 10k.. or ..2M")
_TIMES = N_("write a time as 200ms or 1.5s, or a range of them as 200ms..2s, 200ms.. or ..2s")
_NUMBERS = N_("write numbers as 12, 12..20, 12.. or 1,3,7")
_CODES = N_("write status codes as 404, 4xx or 400..499, several with commas")
_MOMENTS = N_("write a moment as 2026-11-28, 2026-11-28T10:30, 10:30, or as 15m, 2h or 3d ago")
_TYPES = N_("write a media type as text/html or image/*")
_FIELDS = N_("write field=NAME, or field=NAME:VALUE with * for anything")
_RANGE = N_("the range ends before it begins")


class Condition(Record):
    """What an exchange has to be: `sql` holds for its row with `values`, or (`sql` is empty) `search` finds something
    in its octets."""

    __slots__ = ()
    FIELDS = ("sql", "values", "search")
    sql: str = at(0)
    values: tuple[object, ...] = at(1)
    search: Search | None = at(2)

    def __new__(cls, sql: str, values: tuple[object, ...] = (), search: Search | None = None) -> Condition:
        return tuple.__new__(cls, (sql, values, search))


def condition_of(word: str, now: float) -> Condition:
    """What `word` asks for; `now` is in seconds since 1970. Raises FilterInvalid."""
    if len(word) > _LONGEST:
        raise FilterInvalid(word=word[:40] + "...", why=_LONG)
    match = None if word.startswith("/") else _KEY.fullmatch(word)
    if not match:
        return _bare(word, now)
    key, relation, value = match.groups()
    if key not in _KEYS and key not in _SEARCHES:
        raise _unknown(word, key)
    if not value:
        raise FilterInvalid(word=word, why=_EMPTY)
    wanted = relation == "="
    if key in _SEARCHES:
        return Condition("", (), _search(word, key, value, wanted=wanted))
    sql, values = _KEYS[key](word, value, now)
    return Condition(sql if wanted else f"NOT ifnull(({sql}), 0)", values)


def _whole(text: str) -> int | None:
    return int(text) if re.fullmatch(r"[0-9]{1,18}", text) else None


def ranges(text: str, read: Read = _whole) -> list[tuple[int, int]]:
    """The ranges in `text`, first and last number of each, as 12, 12..20 (or 12-20), 12.., ..20, with commas. Raises
    ValueError where it is no such list, and OverflowError where one ends before it begins."""
    found = []
    for piece in text.split(","):
        start, dots, stop = piece.partition("..") if ".." in piece else piece.partition("-")
        first, last = read(start) if start else 0, read(stop) if stop else _MOST - 1
        if first is None or last is None or not (start or stop):
            raise ValueError(piece)
        last = last if dots else first
        if last < first:
            raise OverflowError(piece)
        found.append((min(first, _MOST - 1), min(last, _MOST - 1)))
    if len(found) > _PIECES:
        raise ValueError(text)
    return found


def _bare(word: str, now: float) -> Condition:
    """A word that speaks for itself."""
    if _STATUS.fullmatch(word):
        return condition_of(f"status={word}", now)
    if _METHODS.fullmatch(word):
        return condition_of(f"method={word}", now)
    if word.startswith("/"):
        return Condition(*(_target if "?" in word else _path)(word, word, now))
    if word in _FLAGS:
        return Condition(*_FLAGS[word])
    raise _unknown(word, word)


def _unknown(word: str, key: str) -> FilterInvalid:
    import difflib

    if key in _KEYS or key in _SEARCHES:
        return FilterInvalid(word=word, why=_NEED.get(key, N_("it needs a value: write KEY=VALUE")), hint=_HINT)
    match = re.match(r"[a-z.]+(?=[<>:])", word)
    if match and (match[0] in _KEYS or match[0] in _SEARCHES):
        return FilterInvalid(word=word, why=_NEED.get(match[0], N_("it needs a value: write KEY=VALUE")), hint=_HINT)
    if key.upper() in _USUAL:
        near = [key.upper()]
    else:
        near = difflib.get_close_matches(key.lower(), [*_KEYS, *_SEARCHES, *_FLAGS], 1)
    if near:
        needs = near[0] in _KEYS or near[0] in _SEARCHES
        template = N_("there is no filter {word}; did you mean {near}?")
        return FilterInvalid(template, word=key, near=near[0] + "=" * needs, hint=_HINT)
    return FilterInvalid(N_("there is no filter {word}"), word=word, hint=_HINT)


def _stored(text: str) -> str:
    """Text of the command line, as the index has text of the wire."""
    return os.fsencode(text).decode("latin-1")


def glob(text: str) -> str:
    """`text`, in which * alone stands for anything, as SQLite's GLOB has it."""
    return re.sub(r"\*+", "*", re.sub(r"[\[?]", r"[\g<0>]", text))


def _any(pieces: list[str], word: str, one: Callable[[str], Sql]) -> Sql:
    """What holds where it holds for one of several."""
    if not all(pieces):
        raise FilterInvalid(word=word, why=_EMPTY)
    if len(pieces) > _PIECES:
        raise FilterInvalid(word=word, why=_LONG)
    parts = [one(piece) for piece in pieces]
    return " OR ".join(f"({sql})" for sql, _ in parts), tuple(value for _, values in parts for value in values)


def _method(word: str, value: str, _now: float) -> Sql:
    return _any(_stored(value).split(","), word, lambda piece: ("method = ? COLLATE NOCASE", (piece,)))


def _host(word: str, value: str, _now: float) -> Sql:
    def one(piece: str) -> Sql:
        pattern = glob(piece)
        if re.search(r":[0-9]*$", piece):
            return "host GLOB ?", (pattern,)
        # The exact expression is slow: the first one says which rows are worth it.
        return f"(host GLOB ? OR host GLOB ?) AND {_HOST} GLOB ?", (pattern, f"{pattern}:*", pattern)

    return _any(_stored(value).lower().split(","), word, one)


def _path(_word: str, value: str, _now: float) -> Sql:
    pattern = glob(_stored(value))
    return f"(target GLOB ? OR target NOT GLOB '/*') AND {_PATH} GLOB ?", (pattern.removesuffix("*") + "*", pattern)


def _target(_word: str, value: str, _now: float) -> Sql:
    return "target GLOB ?", (glob(_stored(value)),)


def _type(word: str, value: str, _now: float) -> Sql:
    if "/" not in value and "*" not in value:
        raise FilterInvalid(word=word, why=_TYPES)
    return _any(_stored(value).lower().split(","), word, lambda piece: ("type GLOB ?", (glob(piece),)))


def _status(word: str, value: str, _now: float) -> Sql:
    plain = re.sub(r"\b([0-9])xx\b", r"\g<1>00..\g<1>99", value)
    return _between(word, plain, "status", _CODES)


def _finding(word: str, value: str, _now: float) -> Sql:
    from fnmatch import fnmatchcase

    from httpwire.wire.deviations import CATALOGUE

    def one(piece: str) -> Sql:
        if piece == "any":
            return "findings != ''", ()
        ids = [id for id in CATALOGUE if fnmatchcase(id, piece.replace("[", "[[]").replace("?", "[?]"))]
        if not ids:
            import difflib

            hint = N_("httpwire lint --rules lists them")
            near = difflib.get_close_matches(piece, CATALOGUE, 1)
            if near:
                template = N_("{word}: nothing is called {name}; did you mean {near}?")
                raise FilterInvalid(template, word=word, name=piece, near=near[0], hint=hint)
            raise FilterInvalid(N_("{word}: nothing is called {name}"), word=word, name=piece, hint=hint)
        return " OR ".join(["instr(findings, ?)"] * len(ids)), tuple(f" {id} " for id in ids)

    return _any(value.split(","), word, one)


def _size_of(text: str) -> int | None:
    match = _SIZE.fullmatch(text)
    return match and _scaled(match[1], 1 << _UNITS[(match[2] or "").lower()])


def _span_of(text: str) -> int | None:
    match = _SPAN.fullmatch(text)
    return match and _scaled(match[1], _SPANS[match[2] or "s"])


def _scaled(number: str, factor: int) -> int:
    whole, _, part = number.partition(".")
    tenths: int = 10 ** len(part)
    return int(whole) * factor + int(part or "0") * factor // tenths


def _between(word: str, value: str, column: str, how: str, read: Read = _whole) -> Sql:
    try:
        found = ranges(value, read)
    except OverflowError as error:
        raise FilterInvalid(word=word, why=_RANGE) from error
    except ValueError as error:
        raise FilterInvalid(word=word, why=how) from error
    values = tuple(number for pair in found for number in pair)
    return " OR ".join([f"{column} BETWEEN ? AND ?"] * len(found)), values


def _numbers(column: str) -> Callable[[str, str, float], Sql]:
    return lambda word, value, _now: _between(word, value, column, _NUMBERS)


def _octets(column: str) -> Callable[[str, str, float], Sql]:
    return lambda word, value, _now: _between(word, value, column, _SIZES, _size_of)


def _duration(word: str, value: str, _now: float) -> Sql:
    return _between(word, value, "ended_ns", _TIMES, _span_of)


def _since(word: str, value: str, now: float) -> Sql:
    return "began >= ?", (_moment(word, value, now),)


def _until(word: str, value: str, now: float) -> Sql:
    return "began < ?", (_moment(word, value, now),)


def _moment(word: str, value: str, now: float) -> int:
    """ns since 1970 of a moment as a person writes it, in local time where no zone is given."""
    from datetime import datetime, timedelta

    ago = _SPAN.fullmatch(value)
    if ago and ago[2]:
        return int(now * 1e9) - _scaled(ago[1], _SPANS[ago[2]])
    text = value
    try:
        if _CLOCK.fullmatch(value):
            text = f"{datetime.fromtimestamp(now).date().isoformat()}T{value.zfill(len(value) + (value[1] == ':'))}"
        moment = datetime.fromisoformat(text).astimezone()
        since = moment - datetime.fromisoformat("1970-01-01T00:00:00+00:00")
        whole: int = since // timedelta(microseconds=1) * 1000
    except (ValueError, OverflowError, OSError) as error:
        raise FilterInvalid(word=word, why=_MOMENTS) from error
    if not -_MOST <= whole < _MOST:
        raise FilterInvalid(word=word, why=_MOMENTS)
    return whole


def _search(word: str, key: str, value: str, *, wanted: bool) -> Search:
    side, _, kind = key.rpartition(".")
    directions = (Direction(side),) if side else (Direction.REQUEST, Direction.RESPONSE)
    try:
        return Search(kind, os.fsencode(value), directions, wanted=wanted)
    except ValueError as error:
        raise FilterInvalid(word=word, why=str(error)) from error


_KEYS: dict[str, Callable[[str, str, float], Sql]] = {
    "method": _method,
    "status": _status,
    "host": _host,
    "path": _path,
    "target": _target,
    "type": _type,
    "size": _octets("response_content"),
    "response.size": _octets("response_content"),
    "request.size": _octets("request_content"),
    "sent": _octets(_SENT),
    "received": _octets(_RECEIVED),
    "duration": _duration,
    "finding": _finding,
    "number": _numbers("number"),
    "connection": _numbers("connection"),
    "since": _since,
    "until": _until,
}
_SEARCHES = tuple(f"{side}{kind}" for side in ("", "request.", "response.") for kind in ("field", "bytes", "regex"))
_FLAGS: dict[str, Sql] = {
    "complete": ("outcome = ?", (Outcome.COMPLETE.value,)),
    "incomplete": ("outcome IN (?, ?, ?)", _OVER),
    "under-way": ("outcome = ?", (_UNDER_WAY,)),
    "finding": ("findings != ''", ()),
}
#: What to write, by the key that came without a value, or with another sign than =.
_NEED = {
    **dict.fromkeys(("size", "request.size", "response.size", "sent", "received"), _SIZES),
    **dict.fromkeys(("number", "connection"), _NUMBERS),
    **dict.fromkeys(("since", "until"), _MOMENTS),
    **dict.fromkeys(("field", "request.field", "response.field"), _FIELDS),
    "duration": _TIMES,
    "status": _CODES,
    "type": _TYPES,
}
