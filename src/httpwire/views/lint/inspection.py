"""One recording looked at, layer by layer, part by part.

In: a Reading, which Complaints are wanted, and a Translator; of answers the Inspection of their requests. Out: each
Part with its Complaints, the first conflict, and what installed parsers say. A layer that nobody wants is not loaded.
"""

from __future__ import annotations

from collections import Counter

from httpwire.views.lint.complaint import MEANING, SMUGGLING, of_bytes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from httpwire.capture.reading import Part, Reading
    from httpwire.language import Translator
    from httpwire.views.lint.complaint import Choice, Complaint
    from httpwire.views.lint.meaning import Meaning
    from httpwire.views.lint.parsers import Opinion
    from httpwire.views.lint.smuggling import Conflict, Search

_GIVEN = 256 << 10  # octets that installed parsers are given


class Inspection:
    """What is to be said of `reading`, whose answers are to the requests of `asked` (None: not known).

    Its methods raise RecordingUnreadable. `counts` and `conflict` are of the parts so far."""

    def __init__(self, reading: Reading, choice: Choice, tr: Translator, asked: Inspection | None = None) -> None:
        self.reading = reading
        self.counts: Counter[str] = Counter()  #: complaints of each severity
        self.conflict: Conflict | None = None
        self._choice = choice
        self._tr = tr
        self._search: Search | None = None
        self._meaning: Meaning | None = None
        if choice.wants_layer(SMUGGLING):
            from httpwire.views.lint.smuggling import Search

            self._search = Search(reading)
        if choice.wants_layer(MEANING):
            from httpwire.views.lint.meaning import Meaning

            self._meaning = Meaning(tr, asked._meaning.requests if asked and asked._meaning else None)

    def complaints(self) -> Iterator[tuple[Part, list[Complaint]]]:
        """Each part with what is to be said of it, in order of offset."""
        for part in self.reading.parts():
            found = list(of_bytes(part, self._tr))
            if self._search:
                found += self._smuggling(self._search, part)
            if self._meaning:
                found += self._meaning.complaints(part, self.reading.source)
            wanted = [complaint for complaint in found if self._choice.wants(complaint)]
            self.counts.update(complaint.severity for complaint in wanted)
            yield part, sorted(wanted, key=lambda each: each.start)

    def _smuggling(self, search: Search, part: Part) -> Iterator[Complaint]:
        from httpwire.views.lint.smuggling import complaint_on, unchecked_note

        before = search.unchecked
        if not self.conflict:
            self.conflict = search.look(part)
        if self.conflict and part.start <= self.conflict.offset < part.stop:
            yield complaint_on(self.conflict, self._tr)
        elif search.unchecked is not None and before is None:
            yield unchecked_note(search.unchecked, self._tr)

    def opinions(self) -> list[Opinion]:
        """What installed parsers say of its octets."""
        from httpwire.views.lint.parsers import opinions

        octets = self.reading.source.read(0, _GIVEN + 1)  # one more tells that there are more
        return opinions(octets, self.reading.direction, self.reading.asked(0), most_octets=_GIVEN)
