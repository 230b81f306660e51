"""Where recipients disagree on the end of a message: the opening that request smuggling needs.

In: the doubtful parts of a file. Out: the first Disagreement, with offsets in the file; a Complaint on
it; and both readings side by side, as Lines and as plain values.
"""

from __future__ import annotations

from itertools import zip_longest

from httpwire.language import N_, Translator
from httpwire.views.lint.complaint import SMUGGLING, Complaint
from httpwire.views.report import text_of
from httpwire.views.text import padded, visible, width
from httpwire.wire import readings
from httpwire.wire.readings import Disagreement, Ended, Extent, Group
from httpwire.wire.record import Record, at

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from httpwire.capture.reading import Part, Reading
    from httpwire.views.show.lines import Line

_OCTETS = 256 << 10  # that are read, once for each recipient, from a doubtful message on
_LOOKS = 8  # at doubtful messages of one file, each with those that follow it
_MESSAGES = 4  # of each reading that are shown
_TARGET = 24  # octets of a target
_ENDED = {
    Ended.COMPLETE: N_("complete"),
    Ended.AT_CLOSE: N_("up to the close"),
    Ended.WAITS: N_("waits for more"),
    Ended.REFUSED: N_("refused"),
    Ended.UNDECIDABLE: N_("undecidable"),
    Ended.NOT_READ: N_("not read to its end"),
}


class Conflict(Record):
    """A Disagreement on octets that begin at `start` of a file."""

    __slots__ = ()
    FIELDS = ("start", "disagreement")
    start: int = at(0)
    disagreement: Disagreement = at(1)

    def __new__(cls, start: int, disagreement: Disagreement) -> Conflict:
        return tuple.__new__(cls, (start, disagreement))

    @property
    def offset(self) -> int:
        """Where the message begins on whose end they disagree."""
        return self.start + self.disagreement.offset


class Search:
    """Looks for the first conflict in a file, part by part. It is bounded: `unchecked` is where it was given up."""

    def __init__(self, reading: Reading) -> None:
        self._reading = reading
        self._answered = 0  # how many of the methods that are answered the parts so far took
        self._looks = 0
        self._covered = 0  # the offset up to which recipients were compared
        self.unchecked: int | None = None

    def look(self, part: Part) -> Conflict | None:
        """The conflict that begins with the message in `part`, the next one, or behind it. Raises
        RecordingUnreadable."""
        message, answered = part.message, self._answered
        self._answered += bool(message and not message.interim)
        if message is None or part.start < self._covered or not readings.is_doubtful(message):
            return None
        if self._looks == _LOOKS:
            self.unchecked = part.start if self.unchecked is None else self.unchecked
            return None
        self._looks += 1
        octets = self._reading.source.read(part.start, part.start + _OCTETS + 1)  # one more tells that there are more
        made = readings.readings(octets, part.direction, self._reading.asked(answered), most_octets=_OCTETS)
        self._covered = part.start + max((message.stop for message in made[0].messages), default=0)
        found = readings.disagreement(made)
        return Conflict(part.start, found) if found else None


def unchecked_note(offset: int, tr: Translator) -> Complaint:
    """The note on a search that was given up at `offset`."""
    says = tr("from here on, recipients were not compared any more: too many messages are doubtful")
    return Complaint("smuggling/unchecked", SMUGGLING, "note", offset, offset, says)


def complaint_on(conflict: Conflict, tr: Translator) -> Complaint:
    """The complaint that a conflict is."""
    first = _from_there(conflict, conflict.disagreement.groups[0])[0]
    return Complaint(
        SMUGGLING,
        SMUGGLING,
        "error",
        conflict.offset,
        conflict.start + first.line.stop,
        tr("recipients disagree on where this message ends"),
        (
            tr(
                "what one of them takes for content, another takes for the next message: whoever is between them can "
                "be made to let it through (request smuggling)"
            ),
        ),
        section="RFC 9112 11.2",
    )


def conflict_lines(conflict: Conflict, tr: Translator) -> Iterator[Line]:
    """The ordinary reading beside each other one, and what is different about who reads so."""
    ordinary, *others = conflict.disagreement.groups
    for group in others:
        names = ", ".join(recipient.id for recipient in group.recipients)
        if _refuses(group):
            reason = next(message.deviation for message in group.messages if message.deviation)
            yield [("start", names), ("", "  "), ("prose", tr("refuses it: {id}", id=reason.id))]
            continue
        left, right = (_cells(conflict, each, tr) for each in (ordinary, group))
        heads = ordinary.recipients[0].id, names
        columns = max(width(cell) for cell in (heads[0], *left))
        yield [("start", padded(heads[0], columns)), ("mark", " | "), ("start", heads[1])]
        for one, other in zip_longest(left, right, fillvalue=""):
            style = "" if one == other else "error"
            yield [("", padded(one, columns)), ("mark", " | "), (style, other)]
        for recipient in group.recipients:
            yield [("", "  "), ("prose", tr("{id}: {says}", id=recipient.id, says=tr(recipient.says)))]


def conflict_object(conflict: Conflict) -> dict[str, Any]:
    """The readings as plain values."""
    return {
        "offset": conflict.offset,
        "readings": [
            {
                "recipients": [recipient.id for recipient in group.recipients],
                "messages": [_message(extent, conflict.start) for extent in group.messages],
            }
            for group in conflict.disagreement.groups
        ],
        "octets_left_out": conflict.disagreement.left_out,
    }


def _from_there(conflict: Conflict, group: Group) -> list[Extent]:
    """What the group reads from the message on whose end they disagree."""
    return [message for message in group.messages if message.start >= conflict.disagreement.offset]


def _refuses(group: Group) -> bool:
    return any(message.refused for message in group.messages)


def _cells(conflict: Conflict, group: Group, tr: Translator) -> list[str]:
    """The first messages that the group reads from there on, one a line."""
    extents = _from_there(conflict, group)
    return [_cell(extent, conflict.start, tr) for extent in extents[:_MESSAGES]] + ["..."] * (len(extents) > _MESSAGES)


def _cell(extent: Extent, start: int, tr: Translator) -> str:
    what = _asked(extent)
    offsets = f"{start + extent.start:,}-{start + extent.stop:,}"
    ended = tr(_ENDED[extent.ended])
    if extent.deviation:
        ended += f" ({extent.deviation.id})"
    return " ".join(part for part in (what, offsets, ended) if part)


def _asked(extent: Extent) -> str:
    if extent.status:
        return str(extent.status)
    return " ".join(visible(part, _TARGET) for part in (extent.method, extent.target) if part)


def _message(extent: Extent, start: int) -> dict[str, Any]:
    return {
        "start": start + extent.start,
        "stop": start + extent.stop,
        "method": text_of(extent.method) or None,
        "target": text_of(extent.target) or None,
        "status": extent.status or None,
        "content_octets": extent.octets,
        "ended": extent.ended.value,
        "deviation": extent.deviation and extent.deviation.id,
    }
