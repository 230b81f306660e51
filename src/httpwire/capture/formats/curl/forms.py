"""Forms of several parts (-F, --form-string), as curl writes them: RFC 7578.

In: the values of the options, in order. Out: content and media type of the whole. A part's type follows from
the ending of its file's name where none is given. Boundaries are random in curl; here they follow from the target.
"""

from __future__ import annotations

import re

from httpwire.capture.formats.curl import costs
from httpwire.capture.formats.curl.costs import NotTaken
from httpwire.capture.formats.curl.octets import Held, Joined

TYPE_CHECKING = False
if TYPE_CHECKING:
    from httpwire.capture.formats.curl.files import Files
    from httpwire.capture.formats.curl.octets import Octets

_TYPES = {
    b".gif": b"image/gif",
    b".jpg": b"image/jpeg",
    b".jpeg": b"image/jpeg",
    b".png": b"image/png",
    b".svg": b"image/svg+xml",
    b".txt": b"text/plain",
    b".htm": b"text/html",
    b".html": b"text/html",
    b".pdf": b"application/pdf",
    b".xml": b"application/xml",
}
_SPACE = b" \t\n\v\f\r"
_TYPE = re.compile(rb"([^/ ]{1,127})/([^;, \n]{1,127})")
_PARAMETERS = 1000  # of a part
_DEEPEST = 20  # forms in forms


class Part:
    """One part: `content`, or `parts` of a form within the form."""

    def __init__(self) -> None:
        self.name: bytes | None = None
        self.filename: bytes | None = None
        self.type: bytes | None = None
        self.fields: list[bytes] = []
        self.content: Octets = Held(b"")
        self.path: bytes | None = None  # the file that its content is, as the option names it
        self.parts: list[Part] | None = None


class Form:
    """A form as it grows."""

    def __init__(self, files: Files) -> None:
        self._files = files
        self._open: list[list[Part]] = [[]]  # the forms that are not closed yet, the outer one first
        self.boundaries = 0

    def add(self, text: bytes, *, literal: bool) -> None:
        """Take the value of an option; `literal` is that of --form-string. Raises NotTaken."""
        name, equals, value = text.partition(b"=")
        if not equals:
            raise NotTaken(costs.REFUSED)
        if not literal and value.count(b";") + value.count(b",") * value.startswith(b"@") > _PARAMETERS:
            raise NotTaken(costs.OPTION)
        current = self._open[-1]
        if literal:
            part = Part()
            part.content = Held(value)
            current.append(part)
        elif value[:1] == b"(":
            part, _ = self._part(value, b"", filed=False)
            part.parts = []
            current.append(part)
            self._open.append(part.parts)
            if len(self._open) > _DEEPEST:
                raise NotTaken(costs.OPTION)
        elif not name and value == b")":
            if len(self._open) == 1:
                raise NotTaken(costs.REFUSED)
            self._open.pop()
            return
        elif value[:1] == b"@":
            part = self._uploads(value)
            current.append(part)
        else:
            filed = value[:1] == b"<"
            part, _ = self._part(value[filed:], b"", filed=False)
            if filed:
                part.path = b"".join(part.content.blocks())
                part.content = self._files.octets(part.path)
                part.filename = None
            current.append(part)
        part.name = name or None

    def _uploads(self, value: bytes) -> Part:
        """Files, one or several behind commas: those are a form of their own."""
        parts: list[Part] = []
        rest = value
        while rest:
            part, rest = self._part(rest[1:], b",", filed=True)
            parts.append(part)
        if len(parts) == 1:
            return parts[0]
        group = Part()
        group.parts = parts
        return group

    def _part(self, text: bytes, end: bytes, *, filed: bool) -> tuple[Part, bytes]:
        """What an option says of one part, and what follows it (from `end` on)."""
        part = Part()
        data, rest = _word(text.lstrip(_SPACE), end)
        while rest[:1] == b";":
            rest = rest[1:].lstrip(_SPACE)
            key, equals, value = rest.partition(b"=")
            key = key.lower() if equals else b""
            if key == b"type" and part.type is None:
                part.type, rest = _media_type(value.lstrip(_SPACE), end)
            elif key == b"filename":
                part.filename, rest = _word(value.lstrip(_SPACE), end)
            elif key == b"headers":
                if value[:1] in (b"@", b"<"):
                    name, rest = _word(value[1:].lstrip(_SPACE), end)
                    part.fields += _fields(self._files.lines(name))
                else:
                    field, rest = _word(value.lstrip(_SPACE), end)
                    part.fields.append(field)
            elif key == b"encoder":
                raise NotTaken(costs.OPTION)
            else:
                _, rest = _word(rest, end)
        if filed:
            part.content = self._files.octets(data)
            part.path = data
            if part.filename is None:
                part.filename = re.split(rb"[/\\]", data)[-1] if data != b"-" else data
        else:
            part.content = Held(data)
        return part, rest

    def write(self, given: bytes | None, seed: bytes) -> tuple[bytes, Octets]:
        """The media type and the content of the form; `given` is the type that a field of the request names,
        `seed` what its boundaries follow from."""
        parts = self._open[0]
        boundary = self._boundary(seed)
        media = b"multipart/form-data" if given is None else given
        content = self._content(parts, boundary, seed, form=_is(media, b"multipart/form-data"))
        return b"%s; boundary=%s" % (media, boundary), content

    def _boundary(self, seed: bytes) -> bytes:
        import hashlib

        self.boundaries += 1
        digest = hashlib.sha256(b"%d %s" % (self.boundaries, seed)).hexdigest()
        return b"-" * 24 + digest[:16].encode("ascii")

    def _content(self, parts: list[Part], boundary: bytes, seed: bytes, *, form: bool) -> Octets:
        pieces: list[Octets] = []
        for part in parts:
            fields, content = self._written(part, seed, form=form)
            begin = b"\r\n--%s\r\n" % boundary
            pieces.append(
                Held((begin if pieces else begin[2:]) + b"".join(b"%s\r\n" % line for line in fields) + b"\r\n")
            )
            pieces.append(content)
        pieces.append(Held(b"%s--%s--\r\n" % (b"\r\n" if pieces else b"", boundary)))
        return Joined(pieces)

    def _written(self, part: Part, seed: bytes, *, form: bool) -> tuple[list[bytes], Octets]:
        """The fields and the content of a part."""
        given = part.type if part.type is not None else _value(part.fields, b"content-type")
        media = given if given is not None else _guessed(part)
        content = part.content
        typed = media
        if part.parts is not None:
            media = media or b"multipart/mixed"
            boundary = self._boundary(seed)
            typed = b"%s; boundary=%s" % (media, boundary)
            content = self._content(part.parts, boundary, seed, form=_is(media, b"multipart/form-data"))
        elif media and given is None and _is(media, b"text/plain") and part.filename is None:
            media = typed = None
        fields = []
        if _value(part.fields, b"content-disposition") is None:
            shown = b"form-data" if form else b""
            if not shown and (part.filename is not None or part.name or (media and not _multipart(media))):
                shown = b"attachment"
            if shown == b"attachment" and not part.name and part.filename is None:
                shown = b""
            if shown:
                name = b'; name="%s"' % _escaped(part.name) if part.name else b""
                file = b'; filename="%s"' % _escaped(part.filename) if part.filename is not None else b""
                fields.append(b"Content-Disposition: %s%s%s" % (shown, name, file))
        if typed is not None:
            fields.append(b"Content-Type: %s" % typed)
        fields += [field for field in part.fields if not _names(field, b"content-type")]
        return fields, content


def _word(text: bytes, end: bytes) -> tuple[bytes, bytes]:
    """A word, perhaps in double quotes, and what follows it, from a semicolon or `end` on."""
    quoted = re.match(rb'"((?:\\[\\"]|[^"\\]|\\(?![\\"]))*)"', text)
    if quoted:
        rest = text[quoted.end() :]
        stop = re.search(b"[;%s]" % end, rest)
        return re.sub(rb'\\([\\"])', rb"\1", quoted[1]), rest[stop.start() :] if stop else b""
    stop = re.search(b"[;%s]" % end, text)
    word, rest = (text[: stop.start()], text[stop.start() :]) if stop else (text, b"")
    return word.rstrip(_SPACE), rest


def _media_type(text: bytes, end: bytes) -> tuple[bytes, bytes]:
    """A media type with the parameters that follow it, up to a key that is known. Raises NotTaken."""
    found = _TYPE.match(text)
    if not found:
        raise NotTaken(costs.REFUSED)
    place = found.end()
    stop = found.end()
    while True:
        part = re.compile(b"[^;%s]*" % end).match(text, place)
        assert part
        if part[0].strip(_SPACE) or place == found.end():
            stop = place + len(part[0].rstrip(_SPACE))
        place = part.end()
        if text[place : place + 1] != b";":
            return text[:stop], text[place:]
        following = text[place + 1 :].lstrip(_SPACE).lower()
        if following.startswith((b"filename=", b"headers=", b"encoder=")):
            return text[:stop], text[place:]
        place += 1


def _fields(lines: list[bytes]) -> list[bytes]:
    """The fields of a file of them: # begins a comment, a blank goes on with the line before."""
    fields: list[bytes] = []
    for line in lines:
        if line[:1] == b"#":
            continue
        if line[:1] in (b" ", b"\t") and fields:
            fields[-1] += line
        else:
            fields.append(line)
    return [field.rstrip(_SPACE) for field in fields]


def _names(field: bytes, name: bytes) -> bool:
    return field[: len(name) + 1].lower() == name + b":"


def _value(fields: list[bytes], name: bytes) -> bytes | None:
    for field in fields:
        if _names(field, name):
            return field[len(name) + 1 :].lstrip(b" ")
    return None


def _is(media: bytes | None, name: bytes) -> bool:
    return media is not None and re.match(name + rb"(?:[\t\r\n ;]|\Z)", media, re.IGNORECASE) is not None


def _multipart(media: bytes) -> bool:
    return media[:10].lower() == b"multipart/"


def _guessed(part: Part) -> bytes | None:
    """The type that follows from the names of a part's file."""
    for name in (part.filename, part.path):
        for ending, media in _TYPES.items():
            if name is not None and name.lower().endswith(ending):
                return media
    if part.path is not None and part.path != b"-":
        return b"application/octet-stream" if part.filename is not None else None
    return None


def _escaped(text: bytes) -> bytes:
    return text.replace(b'"', b"%22").replace(b"\r", b"%0D").replace(b"\n", b"%0A")
