"""XML as Burp writes it, taken apart as it comes.

In: a Source. Out: Tags and Texts in order, of a document that need not be well-formed: octets that XML forbids
(NUL, other encodings) pass as they are, and no line end is changed. Nothing is ever expanded but the five
references that every document has and those by number: what declares an entity is refused.
"""

from __future__ import annotations

import re

from httpwire.capture.source import Window
from httpwire.errors import RecordingUnreadable
from httpwire.language import N_
from httpwire.wire.record import Record, at

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator


_LONGEST = 16 << 10  # octets of a tag, or of the document type
_REFERENCE = re.compile(rb"&(?:#([0-9]{1,7})|#x([0-9A-Fa-f]{1,6})|([a-z]{2,4}));")
_NAMED = {b"lt": b"<", b"gt": b">", b"amp": b"&", b"quot": b'"', b"apos": b"'"}
_REFERENCE_OCTETS = 12  # of the longest
_NAME = rb"[A-Za-z_:\x80-\xff][-A-Za-z0-9._:\x80-\xff]*"
_GIVEN = _NAME + rb"[ \t\r\n]*=[ \t\r\n]*(?:\"[^<\"]*\"|'[^<']*')"
_TAG = re.compile(rb"[ \t\r\n]*<(/?)(" + _NAME + rb")((?:[ \t\r\n]+" + _GIVEN + rb")*)[ \t\r\n]*(/?)>")
_ATTRIBUTE = re.compile(rb"(" + _NAME + rb")[ \t\r\n]*=[ \t\r\n]*(?:\"([^<\"]*)\"|'([^<']*)')")
_TYPE_PART = re.compile(rb"\"[^\"]*\"|'[^']*'|<!--.*?-->|<\?.*?\?>|<![A-Z]*|[%\[\]>]|\b(?:SYSTEM|PUBLIC)\b", re.DOTALL)


class Tag(Record):
    """A tag at `offset`: `name` (str), `attributes` (str by str), whether it `opens` an element, and whether it
    `closes` one; an empty element does both."""

    __slots__ = ()
    FIELDS = ("offset", "name", "attributes", "opens", "closes")
    offset: int = at(0)
    name: str = at(1)
    attributes: dict[str, str] = at(2)
    opens: bool = at(3)
    closes: bool = at(4)

    def __new__(cls, offset: int, name: str, attributes: dict[str, str], *, opens: bool, closes: bool) -> Tag:
        return tuple.__new__(cls, (offset, name, attributes, opens, closes))


class Text(Record):
    """Octets between tags, in pieces; `marked`: in a CDATA section."""

    __slots__ = ()
    FIELDS = ("octets", "marked")
    octets: bytes = at(0)
    marked: bool = at(1)

    def __new__(cls, octets: bytes, *, marked: bool) -> Text:
        return tuple.__new__(cls, (octets, marked))


class Markup(Window):
    """The parts of the document in `source`; `offset` is where the last one ends."""

    def parts(self) -> Iterator[Tag | Text]:
        """Raises RecordingUnreadable, RecordingBroken."""
        if self._source.peek(2) in (b"\xff\xfe", b"\xfe\xff"):
            why = N_("it is UTF-16: save it as UTF-8")
            raise RecordingUnreadable(path=self._source.name, why=why, errno=None)
        while True:
            found = _TAG.match(self._buffer, self._at)
            if found:  # as nearly always: what is between tags alone needs no look of its own
                yield self._tag(found)
                continue
            yield from self._text()
            if not self._fill(9):
                return
            start = self._buffer[self._at : self._at + 9]
            if start == b"<![CDATA[":
                self._at += 9
                for octets in self._until(b"]]>"):
                    yield Text(octets, marked=True)
            elif start.startswith((b"<!--", b"<?")):
                self._at += 4 if start.startswith(b"<!--") else 2
                for _ in self._until(b"-->" if start.startswith(b"<!--") else b"?>"):
                    pass
            elif start == b"<!DOCTYPE":
                self._document_type()
            else:
                yield self._tag(self._next_tag())

    def _text(self) -> Iterator[Text]:
        """What comes before the next tag."""
        while True:
            end = self._buffer.find(b"<", self._at)
            if end < 0:
                end = len(self._buffer)
                half = self._buffer.rfind(b"&", max(self._at, end - _REFERENCE_OCTETS))  # a reference that is cut?
                end = half if half >= 0 and b";" not in self._buffer[half:] else end
            if end > self._at:
                octets = self._buffer[self._at : end]
                self._at = end
                yield Text(self._resolved(octets), marked=False)
            if self._buffer[self._at : self._at + 1] == b"<":
                return
            if not self._more():
                if self._at < len(self._buffer):
                    raise self._source.broken(N_("it ends in the middle of a reference"), self.offset)
                return

    def _resolved(self, octets: bytes) -> bytes:
        if b"&" not in octets:
            return octets
        out: list[bytes] = []
        done = 0
        while (start := octets.find(b"&", done)) >= 0:
            found = _REFERENCE.match(octets, start)
            meant = _meaning(found) if found else None
            if found is None or meant is None:
                why = N_("it refers to an entity, which nothing here may declare")
                raise self._source.broken(why, self.offset - len(octets) + start)
            out += octets[done:start], meant
            done = found.end()
        return b"".join((*out, octets[done:]))

    def _until(self, end: bytes) -> Iterator[bytes]:
        """The octets up to `end`, which is taken, too."""
        began = self.offset
        while True:
            found = self._buffer.find(end, self._at)
            stop = found if found >= 0 else max(self._at, len(self._buffer) - len(end) + 1)
            octets = self._buffer[self._at : stop]
            self._at = stop
            if octets:
                yield octets
            if found >= 0:
                self._at += len(end)
                return
            if not self._more():
                raise self._source.broken(N_("what begins here has no end"), began)

    def _next_tag(self) -> re.Match[bytes]:
        """The tag that begins here, however long."""
        end = self._at
        while True:
            end = self._buffer.find(b">", end) + 1  # the first one may be part of an attribute
            found = _TAG.match(self._buffer, self._at, end) if end else None
            if found:
                return found
            size = (end or len(self._buffer)) - self._at
            if size > _LONGEST or (not end and not self._more()):
                raise self._source.broken(N_("this is no tag of XML"), self.offset)
            end = end or self._at

    def _tag(self, found: re.Match[bytes]) -> Tag:
        ends, name, given, empty = found.groups()
        offset = self._before + found.start(2) - 1 - len(ends)
        if ends and (given or empty):
            raise self._source.broken(N_("this is no tag of XML"), offset)
        attributes = {
            _decoded(key): _decoded(self._resolved(quoted or single))
            for key, quoted, single in (_ATTRIBUTE.findall(given) if given else ())
        }
        self._at = found.end()
        return Tag(offset, _decoded(name), attributes, opens=not ends, closes=bool(ends or empty))

    def _document_type(self) -> None:
        """Pass over the document type, which declares elements at the most."""
        self._fill(_LONGEST)
        place, stop = self._at + 9, min(len(self._buffer), self._at + _LONGEST)
        inside = declaring = False
        while found := _TYPE_PART.search(self._buffer, place, stop):
            part, place = found[0], found.end()
            if part == b"<!ENTITY" or part == b"%":
                raise self._source.broken(N_("it declares entities, which could stand for anything"), self.offset)
            if part in (b"SYSTEM", b"PUBLIC") and not declaring:
                raise self._source.broken(N_("its document type is in another file"), self.offset)
            if part.startswith(b"<!") and not part.startswith(b"<!--"):
                declaring = True
            elif part in (b"[", b"]"):
                inside = part == b"["
            elif part == b">" and declaring:
                declaring = False
            elif part == b">" and not inside:
                self._at = place
                return
        raise self._source.broken(N_("its document type has no end"), self.offset)


def _meaning(reference: re.Match[bytes]) -> bytes | None:
    """The octets that a reference stands for; None where it is none that every document has."""
    decimal, hexadecimal, name = reference.groups()
    if name:
        return _NAMED.get(name)
    code = int(decimal) if decimal else int(hexadecimal, 16)
    if code > 0x10FFFF or 0xD800 <= code <= 0xDFFF:
        return None
    return chr(code).encode("utf-8")


def _decoded(octets: bytes) -> str:
    return octets.decode("utf-8", "replace")
