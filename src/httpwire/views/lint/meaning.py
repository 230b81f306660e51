"""The layer of meaning: what the package httplint says of fields, caching, cookies, content.

In: the messages of a Reading. Out: Complaints with ids meaning/..., in the translator's language; a
response is looked at together with its request. httplint is imported here and nowhere else. What
it fails on is told as a complaint of its own, and does not stop the others.
"""

from __future__ import annotations

import html
import re
from collections import deque
from itertools import islice

import httplint
from httplint.i18n import set_locale

from httpwire.language import Translator
from httpwire.views.content import COUNTED, content_of, transferred
from httpwire.views.lint.complaint import MEANING, Complaint
from httpwire.views.text import printable
from httpwire.wire.element import Direction, ElementKind
from httpwire.wire.framing import Kind
from httpwire.wire.message import Message

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from httplint import HttpRequestLinter, HttpResponseLinter, Note

    from httpwire.capture.raw import Outgoing
    from httpwire.capture.reading import Part
    from httpwire.wire.fields import FieldLine

_LONGEST = 16 << 20  # octets of content that are looked at: it is decoded whole
_REQUESTS = 1_000  # that are held for their answers
_SEVERITIES = {"bad": "error", "warning": "warning", "info": "note"}
#: What the byte layer tells, with offsets.
_TOLD = frozenset(("CL_INCORRECT", "REQUEST_TARGET_FRAGMENT", "STATUS_CODE_NON_NUMERIC"))
#: What it warns of in every file that a server gives out as it is installed: worth knowing, and no fault.
_ORDINARY = frozenset(("FRESHNESS_HEURISTIC",))
_RFC = re.compile(r"rfc/?(?:rfc)?([0-9]{3,5})(?:\.html|\.txt)?(?:#(?:section|appendix)-([0-9A-Z.]*[0-9A-Z]))?", re.I)


class Meaning:
    """Looks at the messages of one file; `asked` are the `requests` of the file before, which they answer."""

    def __init__(self, tr: Translator, asked: deque[HttpRequestLinter] | None = None) -> None:
        self._tr = tr
        self._asked = asked or deque()
        self.requests: deque[HttpRequestLinter] = deque()  #: the first requests that were looked at

    def complaints(self, part: Part, source: Outgoing) -> Iterator[Complaint]:
        """What is to be said of the message in `part`. Raises RecordingUnreadable."""
        message = part.message
        if message is None or message.head is None or not message.head.line.version:
            return
        with set_locale(self._tr.language):
            try:
                linter = self._linted(message, source)
                places = _Places(part)
                found = [self._complaint(note, places) for note in _all(linter.notes) if _is_told(note)]
            except Exception as error:  # noqa: BLE001  # another's parser, on any octets: it must not cost the others
                yield self._failed(error, part)
                return
        yield from found

    def _linted(self, message: Message, source: Outgoing) -> HttpRequestLinter | HttpResponseLinter:
        seen = message.octets <= _LONGEST and _is_bounded(message, source)
        linter = (
            self._request(message, seen=seen)
            if message.direction is Direction.REQUEST
            else self._response(message, seen=seen)
        )
        linter.process_headers([(field.name, field.value) for field in message.fields])
        if seen:
            for block in _content(message, source):
                linter.feed_content(block)
        linter.finish_content(message.complete, [(field.name, field.value) for field in message.trailers if field.name])
        return linter

    def _request(self, message: Message, *, seen: bool) -> HttpRequestLinter:
        linter = httplint.HttpRequestLinter(no_content=not seen)
        linter.process_request_topline(message.method, message.target, _version(message))
        if len(self.requests) < _REQUESTS:
            self.requests.append(linter)
        return linter

    def _response(self, message: Message, *, seen: bool) -> HttpResponseLinter:
        linter = httplint.HttpResponseLinter(no_content=not seen)
        if self._asked:
            linter.request = self._asked[0]
            linter.is_head_response = self._asked[0].method == "HEAD"
            if not message.interim:
                self._asked.popleft()
        linter.process_response_topline(_version(message), b"%03d" % message.status, message.reason)
        return linter

    def _complaint(self, note: Note, places: _Places) -> Complaint:
        start, stop = places.of(note)
        detail = note.detail
        rfc = _RFC.search(detail)
        section = f"RFC {rfc[1]} {rfc[2] or ''}".rstrip() if rfc else ""
        return Complaint(
            _id(note),
            MEANING,
            "note" if type(note).__name__ in _ORDINARY else _SEVERITIES[note.level.value],
            start,
            stop,
            printable(note.summary),
            tuple(_sentences(detail)),
            section=section,
        )

    def _failed(self, error: Exception, part: Part) -> Complaint:
        what = printable(f"{type(error).__name__}: {error}")[:200]
        says = self._tr("httplint could not look at this message: {what}", what=what)
        return Complaint("meaning/failed", MEANING, "note", part.start, part.stop, says)


def _version(message: Message) -> bytes:
    return message.head.line.version.removeprefix(b"HTTP/") if message.head else b""


def _is_bounded(message: Message, source: Outgoing) -> bool:
    """Whether its content, decoded, is no bomb."""
    content = content_of(message, source, 0)
    return content is None or all(step.octets is None or step.octets < COUNTED for step in content.steps)


def _content(message: Message, source: Outgoing) -> Iterator[bytes]:
    """What httplint is fed: content whose end is known, its content codings left on."""
    framing = message.framing
    if framing is None or framing.kind in (Kind.TUNNEL, Kind.UNDECIDABLE, Kind.NONE):
        return iter(())
    return transferred(message, source)


def _all(notes: object) -> Iterator[Note]:
    for note in notes:  # type: ignore[attr-defined]  # its Notes are a list of them
        yield note
        yield from _all(note.subnotes)


def _is_told(note: Note) -> bool:
    return note.level.value in _SEVERITIES and type(note).__name__ not in _TOLD


def _id(note: Note) -> str:
    return "meaning/" + type(note).__name__.lower().replace("_", "-")


class _Places:
    """Where the octets are that httplint speaks of. Fields are read once: it may have much to say of many."""

    def __init__(self, part: Part) -> None:
        self._part = part
        message = part.message
        self._sections = [_Section(fields) for fields in (message.fields, message.trailers)] if message else []

    def of(self, note: Note) -> tuple[int, int]:
        """Those of the note's subject: a field by its name, or as the how many-th line of its section."""
        subject = note.subject
        number = subject.removeprefix("offset-")
        named = str(note.vars.get("field_name") or subject.removeprefix("field-")).lower()
        for section in self._sections:
            if number.isdecimal() and int(number) < len(section.names) and section.names[int(number)] == named:
                return section.spans[int(number)]
            if subject.startswith("field-") and named in section.first:
                return section.spans[section.first[named]]
        kind = {"uri": ElementKind.TARGET, "status": ElementKind.STATUS}.get(subject)
        for element in islice(self._part.elements, 20) if kind else ():
            if element.kind is kind:
                return element.start, element.stop
        head = self._part.message.head if self._part.message else None
        start = head.start if head else self._part.start
        return start, start + (head.raw.find(b"\n") + 1 if head else 0)


class _Section:
    """Field lines: their `names` and `spans`, and which is the `first` of a name."""

    def __init__(self, fields: Iterable[FieldLine]) -> None:
        self.names: list[str] = []
        self.spans: list[tuple[int, int]] = []
        self.first: dict[str, int] = {}
        for index, field in enumerate(fields):
            name = field.name.decode("latin-1").lower()
            self.names.append(name)
            self.spans.append((field.start, field.stop))
            self.first.setdefault(name, index)


def _sentences(detail: str) -> Iterator[str]:
    """The paragraphs of a note's HTML as plain text."""
    for paragraph in re.split(r"</(?:p|li|pre|h[1-6])>", detail):
        text = html.unescape(re.sub(r"<[^>]*>", "", paragraph))
        text = " ".join(text.split())
        if text:
            yield printable(text)
