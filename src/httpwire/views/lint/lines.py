"""What lint has to say as lines that a person reads: the octets with a caret line, and what is wrong with them.

In: Complaints on one Part, and where its octets are. Out: Lines, as show's. Those of one id are
told together, with the offsets of the others. A note on the meaning is a fact and no fault: it takes one line.
"""

from __future__ import annotations

from httpwire.language import N_, Translator
from httpwire.views.lint.complaint import MEANING, SMUGGLING
from httpwire.views.lint.smuggling import conflict_lines
from httpwire.views.show.lines import SEVERITY_NAMES, label
from httpwire.views.text import printable, visible

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from httpwire.capture.raw import Outgoing
    from httpwire.views.lint.complaint import Complaint
    from httpwire.views.lint.smuggling import Conflict
    from httpwire.views.show.lines import Line

_BEFORE, _BEHIND = 40, 60  # octets of a long line that are shown around the place
_OFFSETS = 8
_SENTENCES = 3  # of those on why it matters; the others are in the JSON form


def complaint_lines(
    complaints: Iterable[Complaint], source: Outgoing, part_start: int, tr: Translator, conflict: Conflict | None = None
) -> Iterator[Line]:
    """Complaints on octets of `source`, the part of which begins at `part_start`; `conflict` is what that of the layer
    of smuggling is about. Raises RecordingUnreadable."""
    groups: dict[tuple[str, str], list[Complaint]] = {}
    for complaint in complaints:
        groups.setdefault((complaint.id, complaint.says), []).append(complaint)
    for members in groups.values():
        first = members[0]
        style = first.severity if first.severity != "note" else "label"
        where = tr("offset {offset}: {says}", offset=f"{first.start:,}", says=printable(first.says))
        yield [(style, label(tr(SEVERITY_NAMES[first.severity]), tr)), ("prose", f"{where} [{first.id}]")]
        if first.layer == MEANING and first.severity == "note":
            continue
        indent = label("", tr)
        for style, text in _excerpt(first, source, part_start):
            yield [("", indent), (style, text)]
        told = [*first.why[:_SENTENCES], *["..."] * (len(first.why) > _SENTENCES)]
        if len(members) > 1:
            others = ", ".join(f"{member.start:,}" for member in members[1 : 1 + _OFFSETS])
            more = ", ..." if len(members) > 1 + _OFFSETS else ""
            told.append(tr("also at offset {offsets}", offsets=others + more))
        if first.servers:
            told.append(first.servers)
        if first.section:
            told.append(first.section)
        for text in told:
            yield [("", indent), ("prose", text)]
        if conflict and first.layer == SMUGGLING:
            yield from ([("", indent), *line] for line in conflict_lines(conflict, tr))
        if first.repair:
            yield [("", indent), ("good", tr("repair: {flag}", flag=tr("httpwire send {flag}", flag=first.repair)))]


def _excerpt(complaint: Complaint, source: Outgoing, least: int) -> Iterator[tuple[str, str]]:
    """The line that the complaint is about, and carets below its octets."""
    start = complaint.start
    before = source.read(max(least, start - _BEFORE), start)
    line_start = start - (len(before) - 1 - before.rfind(b"\n"))
    behind = source.read(start, min(source.octets, start + _BEHIND))
    end = behind.find(b"\n") + 1 or len(behind)
    if not before[len(before) - (start - line_start) :] and not behind:
        return
    shown_before = visible(before[len(before) - (start - line_start) :])
    cut_before = "..." if line_start == start - len(before) > least and not before.startswith(b"\n") else ""
    cut_behind = "..." if end == len(behind) and not behind.endswith(b"\n") and start + end < source.octets else ""
    marked = visible(behind[: min(end, complaint.stop - start)])
    rest = visible(behind[min(end, max(0, complaint.stop - start)) : end])
    yield "value", f"{cut_before}{shown_before}{marked}{rest}{cut_behind}"
    yield "error", " " * len(cut_before + shown_before) + "^" * max(1, len(marked))


def summary_line(counts: dict[str, int], tr: Translator) -> Line:
    """How many complaints there were of each severity."""
    told = [
        tr.plural("{n} error", "{n} errors", counts.get("error", 0)),
        tr.plural("{n} warning", "{n} warnings", counts.get("warning", 0)),
        tr.plural("{n} note", "{n} notes", counts.get("note", 0)),
    ]
    worst = next((name for name in ("error", "warning") if counts.get(name)), "good")
    return [(worst, label(tr(N_("found")), tr)), ("", tr(", ").join(told))]
