"""The content of a message as it is meant: transfer and content codings off, and text as characters.

In: a Part's message, and the octets it came from. Out: a Content: what was taken off and what each
step made, the media type and charset and how they are known, and the beginning of what is
left, at most as many octets as were asked for. Broken and endless codings are told in it.
"""

from __future__ import annotations

import codecs
import re

from httpwire.capture.charsets import META, PARAMETER, codec_of
from httpwire.capture.codings import CodingBroken, decoded
from httpwire.language import N_, Sentence
from httpwire.wire import grammar
from httpwire.wire.content import unchunked
from httpwire.wire.framing import Kind
from httpwire.wire.record import Record, at

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from httpwire.capture.raw import Outgoing
    from httpwire.wire.message import Message

#: How many octets are decoded only to count them, after those that are shown.
COUNTED = 64 << 20
_CODINGS = 8  # as many are taken off: each costs its share of every octet

# Compiled by re when it is first needed: most messages have no content.
_BOUNDARY = rb"""(?i);[ \t]*boundary[ \t]*=[ \t]*(?:"([^"]{1,200})"|([^\s;,"]{1,200}))"""
_MARKS = ((b"\xef\xbb\xbf", "utf-8"), (b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be"))

TEXT, JSON, MARKUP, FORM, MULTIPART, BINARY = "text", "json", "markup", "form", "multipart", "binary"


class Step(Record):
    """A coding that was taken off: its `name` (str), and how many octets it left (None: not counted to the end)."""

    __slots__ = ()
    FIELDS = ("name", "octets")
    name: str = at(0)
    octets: int | None = at(1)

    def __new__(cls, name: str, octets: int | None) -> Step:
        return tuple.__new__(cls, (name, octets))


class Content(Record):
    """What the content of a message is.

    `octets` is its size on the wire, chunk lines and trailers not counted; `steps` what was taken off, in that order.
    `media_type` and `charset` are str, empty where they are not known, `known_by` says how the charset is. `kind` is
    how it is laid out, `boundary` (bytes) of a multipart. `sample` is the beginning of the decoded octets, `whole`
    whether that is all of them. `problem` says what could not be taken off, and why.
    """

    __slots__ = ()
    FIELDS = ("octets", "steps", "media_type", "charset", "known_by", "kind", "boundary", "sample", "whole", "problem")
    octets: int = at(0)
    steps: tuple[Step, ...] = at(1)
    media_type: str = at(2)
    charset: str = at(3)
    known_by: str = at(4)
    kind: str = at(5)
    boundary: bytes = at(6)
    sample: bytes = at(7)
    whole: bool = at(8)
    problem: Sentence | None = at(9)

    def __new__(
        cls,
        octets: int,
        steps: tuple[Step, ...],
        media_type: str,
        charset: str,
        known_by: str,
        kind: str,
        boundary: bytes,
        sample: bytes,
        *,
        whole: bool,
        problem: Sentence | None,
    ) -> Content:
        return tuple.__new__(
            cls, (octets, steps, media_type, charset, known_by, kind, boundary, sample, whole, problem)
        )

    @property
    def text(self) -> str:
        """The sample as characters; octets that are none in the charset are escapes. A character that the end of the
        sample cuts is left out."""
        decoder = codecs.getincrementaldecoder(codec_of(self.charset) or "latin-1")("backslashreplace")
        return decoder.decode(self.sample, self.whole).removeprefix("\ufeff")


class _Counter:
    """Blocks that are counted as they pass by."""

    def __init__(self, name: str, blocks: Iterable[bytes]) -> None:
        self.name = name
        self._blocks = blocks
        self.octets = 0
        self.ended = False

    def __iter__(self) -> Iterator[bytes]:
        try:
            for block in self._blocks:
                self.octets += len(block)
                yield block
        except CodingBroken as broken:
            broken.coding = broken.coding or self.name
            raise
        self.ended = True


def content_of(message: Message, source: Outgoing, most: int) -> Content | None:
    """The content of `message`, whose octets are in `source`, with at most `most` octets of it; None where it has none.

    Raises RecordingUnreadable.
    """
    if not message.octets or not message.framing or message.framing.kind in (Kind.TUNNEL, Kind.UNDECIDABLE):
        return None
    counters, unknown = _taken_off(message, source)
    sample = bytearray()
    problem = None
    counted = 0
    try:
        for block in counters[-1]:
            sample += block[: max(0, most - len(sample))]
            counted += len(block)
            if len(counters) == 1 and counted > most:
                break  # its size is known without reading on
            if counted >= max(most, COUNTED):
                problem = Sentence("only the first {n} bytes are decoded: there are more", n=f"{counted:,}")
                break
    except CodingBroken as broken:
        problem = _broke(broken, counted)
    if unknown and not problem:
        problem = _unknown(unknown)
    steps = tuple(
        Step(c.name, message.octets if c.name == "chunked" else c.octets if c.ended else None)
        for c in counters
        if c.name
    )
    octets = bytes(sample)
    value = (message.values(b"content-type") or [b""])[-1]
    media = grammar.MEDIA_TYPE.match(value)
    media_type = media[0].decode("ascii").lower() if media else ""
    coded = problem is not None and bool(unknown)
    whole = counted <= len(octets)
    kind = BINARY if coded else _kind(media_type, octets, whole=whole)
    charset, known_by = _charset(value, octets, kind, whole=whole)
    boundary = re.search(_BOUNDARY, value)
    return Content(
        message.octets,
        steps,
        media_type,
        charset,
        known_by,
        kind,
        (boundary[1] or boundary[2]) if boundary else b"",
        octets,
        whole=whole and problem is None,
        problem=problem,
    )


def undelimited_content(octets: int, sample: bytes) -> Content:
    """What `octets` are that no head describes, a tunnel's or those whose end can't be known, by their beginning."""
    whole = len(sample) == octets
    kind = _kind("", sample, whole=whole)
    charset, known_by = _charset(b"", sample, kind, whole=whole)
    return Content(octets, (), "", charset, known_by, kind, b"", sample, whole=whole, problem=None)


class Decoded:
    """All of the content of `message` with its codings taken off, in blocks; `problem` tells of one that stays.

    Iterating raises CodingBroken, of which `broke` makes a sentence, and RecordingUnreadable.
    """

    def __init__(self, message: Message, source: Outgoing) -> None:
        counters, unknown = _taken_off(message, source)
        self._last = counters[-1]
        self.problem = _unknown(unknown) if unknown else None

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._last)

    def broke(self, broken: CodingBroken) -> Sentence:
        """What stopped, and how much there was before."""
        return _broke(broken, self._last.octets)


def _unknown(coding: str) -> Sentence:
    return Sentence("the coding {coding} is not known here: what follows is still coded", coding=coding)


def _broke(broken: CodingBroken, octets: int) -> Sentence:
    why = Sentence(broken.why)
    return Sentence("{coding}: {why}; {n} bytes could be decoded", coding=broken.coding, why=why, n=f"{octets:,}")


def transferred(message: Message, source: Outgoing) -> Iterator[bytes]:
    """The content of `message` in blocks, the chunked coding taken off and no other. Raises RecordingUnreadable."""
    blocks = source.blocks(message.content_start, message.stop)
    return unchunked(blocks) if _is_chunked(message) else blocks


def _is_chunked(message: Message) -> bool:
    return message.framing is not None and message.framing.kind is Kind.CHUNKED


def _taken_off(message: Message, source: Outgoing) -> tuple[list[_Counter], str]:
    """The content's blocks after each coding that was taken off, and the name of one that could not be."""
    counters = [_Counter("chunked" if _is_chunked(message) else "", transferred(message, source))]
    names = [
        name.lower()
        for field in (b"content-encoding", b"transfer-encoding")
        for value in message.values(field)
        for name in grammar.TOKEN.findall(value)
    ]
    names = [name for name in names if name not in (b"chunked", b"identity")]
    for name in reversed(names[-_CODINGS:]):
        blocks = decoded(name, counters[-1])
        if blocks is None:
            return counters, name.decode("ascii")
        counters.append(_Counter(name.decode("ascii"), blocks))
    return counters, names[-_CODINGS - 1].decode("ascii") if len(names) > _CODINGS else ""


def _kind(media_type: str, sample: bytes, *, whole: bool) -> str:
    """How content of this type, or that begins so, is laid out."""
    main, _, sub = media_type.partition("/")
    if main == "multipart":
        return MULTIPART
    if sub == "x-www-form-urlencoded":
        return FORM
    if sub == "json" or sub.endswith("+json"):
        return JSON
    if sub in ("html", "xhtml+xml", "xml") or (sub.endswith("+xml") and main != "image"):
        return MARKUP
    if main == "text" or sub in ("javascript", "x-javascript", "ecmascript", "x-ndjson", "graphql", "svg+xml"):
        return TEXT
    if main in ("image", "audio", "video", "font") or sub in ("pdf", "zip", "wasm"):
        return BINARY
    return TEXT if _looks_like_text(sample, whole=whole) else BINARY


def _looks_like_text(sample: bytes, *, whole: bool) -> bool:
    try:
        text = codecs.getincrementaldecoder("utf-8")().decode(sample, whole)
    except UnicodeDecodeError:
        return False
    return not re.search("[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f]", text)


def _charset(content_type: bytes, sample: bytes, kind: str, *, whole: bool) -> tuple[str, str]:
    """The charset of a text, and how it is known (a message id): as browsers find it, HTML 13.2.3.2."""
    if kind == BINARY:
        return "", ""
    for mark, name in _MARKS:
        if sample.startswith(mark):
            return name, N_("by the byte order mark")
    announced = re.search(PARAMETER, content_type)
    if announced and codec_of(label := announced[1].decode("latin-1")):
        return label, N_("by Content-Type")
    meta = re.search(META, sample[:1024]) if kind == MARKUP else None
    if meta and codec_of(label := meta[1].decode("ascii")):
        return label, N_("by the page itself")
    if kind == JSON or _looks_like_text(sample, whole=whole):
        return "utf-8", N_("by its bytes")
    return "windows-1252", N_("by default")
