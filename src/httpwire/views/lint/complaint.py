"""Complaints: what lint has to say, of either layer, in one form.

In: a Part with its findings, and a Translator. Out: Complaints, in order of their offsets, said in
the translator's language: what it is, why it matters, what real servers do, how to mend it.
Which are wanted is chosen by id, layer or pattern.
"""

from __future__ import annotations

import re
from fnmatch import fnmatchcase

from httpwire.language import N_, Translator
from httpwire.views.account import servers
from httpwire.views.outcome import end_of
from httpwire.wire.deviations import CATALOGUE
from httpwire.wire.element import Direction
from httpwire.wire.framing import Kind
from httpwire.wire.record import Record, at

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from httpwire.capture.reading import Part
    from httpwire.wire.deviations import Finding
    from httpwire.wire.message import Message

BYTES, SMUGGLING, MEANING = "bytes", "smuggling", "meaning"
#: An answer that is not complete: its id, section, and what is said of it. It deviates from nothing: more could come.
INCOMPLETE, INCOMPLETE_SECTION = "answer-incomplete", "RFC 9112 8"
INCOMPLETE_SAYS = N_("the answer was cut short: {why}")
SEVERITIES = ("note", "warning", "error")  # from the least to the worst


class Complaint(Record):
    """One finding at `start` up to `stop`. `id` is stable, `layer` one of BYTES, SMUGGLING, MEANING, `severity` one of
    SEVERITIES; `says`, `why` (several sentences) and `servers` are in a person's language; `repair` is an option of
    send, or empty."""

    __slots__ = ()
    FIELDS = ("id", "layer", "severity", "start", "stop", "says", "why", "servers", "section", "repair")
    id: str = at(0)
    layer: str = at(1)
    severity: str = at(2)
    start: int = at(3)
    stop: int = at(4)
    says: str = at(5)
    why: tuple[str, ...] = at(6)
    servers: str = at(7)
    section: str = at(8)
    repair: str = at(9)

    def __new__(
        cls,
        id: str,
        layer: str,
        severity: str,
        start: int,
        stop: int,
        says: str,
        why: tuple[str, ...] = (),
        servers: str = "",
        section: str = "",
        repair: str = "",
    ) -> Complaint:
        return tuple.__new__(cls, (id, layer, severity, start, stop, says, why, servers, section, repair))


def of_bytes(part: Part, tr: Translator) -> Iterator[Complaint]:
    """The complaints of the byte layer: the findings of the catalogue, and that an answer is not complete."""
    for finding in part.findings:
        yield _of_finding(finding, tr)
    message = part.message
    if message and message.direction is Direction.RESPONSE and not message.complete and not _is_undecidable(message):
        says = tr(INCOMPLETE_SAYS, why=end_of(message, tr("the recorded bytes end"), tr))
        why = [tr("a client shows an error, or takes a part for the whole")]
        if message.framing and not message.octets:
            why.append(tr("an answer to HEAD is complete without content: name the request before the answer"))
        at = message.stop
        yield Complaint(INCOMPLETE, BYTES, "error", at, at, says, tuple(why), section=INCOMPLETE_SECTION)


def _is_undecidable(message: Message) -> bool:
    """Whether its end can't be known: findings say why."""
    return message.framing is not None and message.framing.kind is Kind.UNDECIDABLE


def _of_finding(finding: Finding, tr: Translator) -> Complaint:
    deviation = finding.deviation
    request = finding.direction is Direction.REQUEST
    return Complaint(
        deviation.id,
        BYTES,
        deviation.severity.value,
        finding.start,
        finding.stop,
        tr.sentence(deviation.says, finding.details),
        (tr(deviation.why),),
        servers(deviation, tr) if request else "",
        deviation.section,
        deviation.repair if request else "",
    )


class Choice:
    """Which complaints are wanted: those that `select` names (all, where it is empty) and `ignore` doesn't.

    A name is an id, a layer, or a pattern of either."""

    def __init__(self, select: Iterable[str] = (), ignore: Iterable[str] = ()) -> None:
        self._select = tuple(select)
        self._ignore = tuple(ignore)

    @staticmethod
    def knows(name: str) -> bool:
        """Whether `name` can name anything; ids of the layer of meaning are another package's."""
        if _may_name(name, SMUGGLING) or _may_name(name, MEANING):
            return True
        return any(fnmatchcase(known, name) for known in (BYTES, *CATALOGUE, INCOMPLETE))

    def wants_layer(self, layer: str) -> bool:
        """Whether any complaint of `layer`, SMUGGLING or MEANING, may be wanted."""
        if layer in self._ignore:
            return False
        return not self._select or any(_may_name(name, layer) for name in self._select)

    def wants(self, complaint: Complaint) -> bool:
        names = (complaint.id, complaint.layer)
        if self._select and not _named(names, self._select):
            return False
        return not _named(names, self._ignore)


def _may_name(name: str, layer: str) -> bool:
    """Whether a name or pattern may match `layer` or an id in it: of a pattern, its beginning decides."""
    start, *varying = re.split(r"[*?[]", name, maxsplit=1)
    inside = f"{layer}/"
    return start.startswith(inside) or (inside.startswith(start) if varying else name == layer)


def _named(names: tuple[str, str], patterns: tuple[str, ...]) -> bool:
    return any(fnmatchcase(name, pattern) for name in names for pattern in patterns)
