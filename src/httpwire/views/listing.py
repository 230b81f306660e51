"""Exchanges as the rows of a table, and as JSON objects.

In: Entries, a Translator, the columns of the window (0: no end), and some first Entries by which the table's columns
are made as wide as they have to be. Out: Lines. In a narrow window the target and the findings are cut, then columns
are left out, those first that are missed least. Pure.
"""

from __future__ import annotations

import time

from httpwire.language import N_, Translator
from httpwire.views.origin import origin_object
from httpwire.views.text import duration, padded, size, visible, width
from httpwire.wire.deviations import CATALOGUE
from httpwire.wire.exchange import Outcome

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from httpwire.capture.store.entry import Entry
    from httpwire.capture.traffic import ConnectionFacts
    from httpwire.views.show.lines import Line

_GAP = "  "
_HEADERS = {
    "number": "#",
    "time": N_("time"),
    "method": N_("method"),
    "host": N_("host"),
    "target": N_("target"),
    "status": N_("status"),
    "type": N_("type"),
    "sent": N_("sent"),
    "size": N_("size"),
    "duration": N_("duration"),
    "end": N_("end"),
    "findings": N_("findings"),
}
_RIGHT = ("number", "sent", "size", "duration")
#: No column becomes wider for what stands in the first rows; later rows are cut to it.
_WIDEST = {"method": 10, "host": 40, "target": 80, "type": 30, "end": 18, "findings": 60}
#: What is done in turn until a row fits: the column gets so many columns of the window (0: it is left out).
_SAVINGS = (
    ("findings", 24),
    ("target", 50),
    ("sent", 0),
    ("host", 0),
    ("findings", 8),
    ("target", 32),
    ("type", 12),
    ("target", 24),
    ("end", 0),
    ("type", 0),
    ("target", 20),
    ("findings", 0),
    ("time", 8),
    ("target", 16),
    ("time", 0),
    ("duration", 0),
    ("method", 6),
    ("size", 0),
    ("target", 8),
    ("method", 0),
    ("status", 3),
)
_OUTCOMES = {
    Outcome.INCOMPLETE.value: N_("incomplete"),
    Outcome.UNDECIDABLE.value: N_("undecidable"),
    Outcome.NO_ANSWER.value: N_("no answer"),
    "under way": N_("under way"),
}
_STATUSES = {1: "mark", 2: "good", 3: "", 4: "warning", 5: "error"}
_KNOWN = 86_400 * 10**9  # ns since 1970: what a format without times gives is before it
_WORST = ("error", "warning", "note")
MARK = "*"  # behind the number of an exchange whose octets are not the wire's


class Table:
    """A table of exchanges; `sample` are its first rows, `highest` the highest number so far, `now` in seconds since
    1970: the times of another day are shown with the date. `plain`: its lines have no styles."""

    def __init__(
        self, tr: Translator, columns: int, sample: list[Entry], highest: int, now: float, *, plain: bool = False
    ) -> None:
        self._tr = tr
        self._plain = plain
        self._dated = any(_day(entry.began_ns // 10**9) != _day(now) for entry in sample if entry.began_ns >= _KNOWN)
        self._second: tuple[int | None, str] = (None, "")  # the one that was told last, as text
        rows = [self._cells(entry, marked=False) for entry in sample]
        widths = {name: width(self._header(name)) for name in _HEADERS}
        for row in rows:
            for name, text in row.items():
                widths[name] = max(widths[name], min(width(text), _WIDEST.get(name, 100)))
        widths["number"] = max(len(str(highest)) + len(MARK), widths["number"])
        if not sample:  # what is to come is not known
            widths |= {"time": 12, "method": 7, "host": 24, "target": 40, "type": 16, "size": 8, "end": 14}
        elif len({entry.host for entry in sample}) < 2:
            widths["host"] = 0
        longest = max(width(tr(text)) for text in _OUTCOMES.values())
        self._widths = _fitted(widths, columns, longest) if columns else widths
        self._cut = bool(columns)
        self._columns = [(name, room) for name, room in self._widths.items() if room]
        #: What makes a line of cells that are ASCII, and how long it is where none is longer than its column.
        self._form = _GAP.join(f"%({name}){room if name in _RIGHT else -room}s" for name, room in self._columns)
        self._long = _total(self._widths)

    def _header(self, name: str) -> str:
        return "#" if name == "number" else self._tr(_HEADERS[name])

    def header(self) -> Line:
        """The names of the columns, which are those of the filters where there is one."""
        return self._line({name: self._header(name) for name in _HEADERS}, dict.fromkeys(_HEADERS, "title"))

    def row(self, entry: Entry, facts: ConnectionFacts | None) -> Line:
        """One exchange; `facts` are those of a connection whose octets were reconstructed."""
        cells = self._cells(entry, marked=bool(facts))
        if self._plain and entry.complete and not entry.findings:  # as most are: there is nothing to be looked at again
            return self._line(cells, {})
        styles = {
            "number": "label",
            "time": "mark",
            "method": "start",
            "status": _STATUSES.get(entry.status // 100, "error") if entry.status else "",
            "end": "mark" if entry.complete else "label" if entry.outcome not in _ENDS_BADLY else "error",
            "findings": _worst(entry.findings),
        }
        if not entry.complete and not self._widths["end"]:  # it stands where a complete one has its duration
            cells["duration"] = cells["end"]
            styles["duration"] = styles["end"]
        if width(cells["findings"]) > self._widths["findings"] and self._cut:
            cells["findings"] = str(len(entry.findings))
        return self._line(cells, styles)

    def _cells(self, entry: Entry, *, marked: bool) -> dict[str, str]:
        tr = self._tr
        took = entry.duration_ns
        return {
            "number": f"{entry.number}{MARK if marked else ' '}",
            "time": self._clock(entry.began_ns),
            "method": _shown(entry.method) or "-",
            "host": _shown(entry.host) or "-",
            "target": _shown(entry.target) or "-",
            "status": f"{entry.status:03}" if entry.status else "-",
            "type": entry.type or "-",
            "sent": size(entry.request_stop - entry.request_start),
            "size": size(entry.response_content) if entry.status else "-",
            "duration": duration(took) if took else "-",  # some formats keep no times
            "end": entry.rule if entry.complete else tr(_OUTCOMES.get(entry.outcome, entry.outcome)),
            "findings": " ".join(entry.findings),
        }

    def _line(self, cells: dict[str, str], styles: dict[str, str]) -> Line:
        if self._plain:
            text = self._form % cells
            if text.isascii() and (len(text) == self._long or not self._cut):
                return [("", text)]
        texts = []
        for name, room in self._columns:
            text = cells[name]
            if text.isascii() and len(text) <= room:
                texts.append(text.rjust(room) if name in _RIGHT else text.ljust(room))
                continue
            text = _fit(text, room, name) if self._cut else text
            texts.append(" " * (room - width(text)) + text if name in _RIGHT else padded(text, room))
        if self._plain:
            return [("", _GAP.join(texts))]
        line: Line = []
        for (name, _), text in zip(self._columns, texts, strict=True):
            line += [(styles.get(name, ""), text), ("", _GAP)]
        del line[-1]
        return line

    def _clock(self, ns: int) -> str:
        """A moment in local time, with the date or with milliseconds; "-" where it is not known."""
        if ns < _KNOWN:
            return "-"
        second = ns // 10**9
        if second != self._second[0]:
            try:
                form = "%Y-%m-%d %H:%M:%S" if self._dated else "%H:%M:%S"
                self._second = second, time.strftime(form, time.localtime(second))
            except (OverflowError, ValueError, OSError):  # a damaged file may say any time
                return "-"
        return self._second[1] if self._dated else f"{self._second[1]}.{ns // 10**6 % 1000:03}"


_ENDS_BADLY = (Outcome.INCOMPLETE.value, Outcome.UNDECIDABLE.value, Outcome.NO_ANSWER.value)


def _fitted(widths: dict[str, int], columns: int, outcome: int) -> dict[str, int]:
    """The widths with which a row fits into a window; what is left over goes to the target. An outcome takes up to
    `outcome` columns."""
    wanted, fitted = widths["target"], dict(widths)
    for name, room in _SAVINGS:
        if _total(fitted) <= columns:
            break
        fitted[name] = min(fitted[name], room)
        if not fitted["end"] and fitted["duration"]:
            fitted["duration"] = max(fitted["duration"], outcome)
    fitted["target"] = max(4, min(wanted, fitted["target"] + columns - _total(fitted)))
    return fitted


def _total(widths: dict[str, int]) -> int:
    shown = [room for room in widths.values() if room]
    return sum(shown) + len(_GAP) * (len(shown) - 1)


def _fit(text: str, room: int, name: str) -> str:
    """`text` in at most `room` columns. The middle of a target is left out: its end tells as much as its beginning."""
    if width(text) <= room:
        return text
    if name == "time":
        return text[:room] if len(text) < 13 else text[-room:]
    if name == "type":
        text = text.partition("/")[2] or text
        if len(text) <= room:
            return text
    if room <= 5:
        return _first(text, room)
    if name == "target":
        end = (room - 3) // 3
        return _first(text, room - 3 - end) + "..." + text[-end:]
    return _first(text, room - 3) + "..."


def _first(text: str, room: int) -> str:
    """As much of the beginning of `text` as has room."""
    while width(text) > room:
        text = text[: min(len(text) - 1, room)]
    return text


def _shown(text: str) -> str:
    if text.isascii() and text.isprintable() and "\\" not in text:
        return text
    return visible(text.encode("latin-1"))


def _day(seconds: float) -> tuple[int, int]:
    try:
        return time.localtime(seconds)[0], time.localtime(seconds)[7]
    except (OverflowError, ValueError, OSError):
        return 0, 0


def _worst(findings: Iterable[str]) -> str:
    """The style of the worst of `findings`."""
    found = {CATALOGUE[id].severity.value for id in findings if id in CATALOGUE}
    worst = next((severity for severity in _WORST if severity in found), "note")
    return worst if worst != "note" else "label"


def entry_object(entry: Entry, facts: ConnectionFacts | None) -> dict[str, Any]:
    """One exchange for programs; what did not happen is null. Octets of heads are latin-1 strings, times seconds."""
    return {
        "number": entry.number,
        "connection": entry.connection,
        "began_at": round(entry.began_ns / 1e9, 6),
        "method": entry.method or None,
        "target": entry.target or None,
        "host": entry.host or None,
        "status": entry.status or None,
        "media_type": entry.type or None,
        "outcome": entry.outcome,
        "complete": entry.complete,
        "rule": entry.rule or None,
        "request": {"octets": entry.request_stop - entry.request_start, "content_octets": entry.request_content},
        "response": {"octets": entry.response_stop - entry.response_start, "content_octets": entry.response_content},
        "times": {
            "sent": _seconds(entry.request_ns),
            "first_byte": _seconds(entry.response_ns),
            "total": _seconds(entry.ended_ns),
        },
        "findings": list(entry.findings),
        "reconstructed": origin_object(facts),
    }


def _seconds(ns: int | None) -> float | None:
    return None if ns is None else ns / 1e9
