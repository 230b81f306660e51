"""The content of two messages held against each other, with its codings taken off.

In: two Sides, and the Files they are of. Out: Differences of the content layer: text by line, JSON by path,
forms by name, binary by range. Content over a bound, and what can't be decoded, is compared as it streams by,
up to the first difference, and that is told.
"""

from __future__ import annotations

from itertools import islice

from httpwire.capture.codings import CodingBroken
from httpwire.language import Amount, Sentence
from httpwire.views.content import (
    BINARY,
    COUNTED,
    FORM,
    JSON,
    MULTIPART,
    Content,
    Decoded,
    content_of,
    transferred,
    undelimited_content,
)
from httpwire.views.diff.model import Difference, Layer, What
from httpwire.views.diff.named import named_differences
from httpwire.views.diff.octets import EXCERPT, First, first_difference, ranges
from httpwire.views.diff.sequences import hunks
from httpwire.wire.element import Span

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from httpwire.views.diff.octets import Files
    from httpwire.views.diff.side import Side

#: How much of a content is held to be compared in detail, how many lines or named values of it, and how many
#: differences of it are listed.
HELD = 4 << 20
ITEMS = 50_000
LISTED = 10_000


def content_differences(old: Side, new: Side, files: Files) -> Iterator[Difference]:
    """What differs in the content. Raises RecordingUnreadable."""
    if not (old.has_content or new.has_content):
        return
    if not old.has_content:
        yield Difference(Layer.CONTENT, What.ADDED, "", None, _size(new))
    elif not new.has_content:
        yield Difference(Layer.CONTENT, What.REMOVED, "", _size(old))
    elif not same_on_the_wire(old, new, files):
        ours, theirs = _content(old), _content(new)
        if ours.whole and theirs.whole:
            found = list(islice(_in_detail(ours, theirs), LISTED + 1))
            if not found and _pieces(ours) != _pieces(theirs) and ours.charset == theirs.charset:
                found = list(_in_bytes(ours, theirs))  # what stands around a multipart's parts, octets that are no text
            if len(found) > LISTED:
                found[LISTED:] = [Difference(Layer.CONTENT, What.MORE, "")]
            yield from found or [_coded(What.CODING, old, new, ours, theirs)]
        else:
            yield _streamed(old, new, ours, theirs, files)


def same_on_the_wire(old: Side, new: Side, files: Files) -> bool:
    """Whether the content is the same with only its chunks taken off."""
    if not files.first_in(old.region, new.region):
        return True
    if not (old.chunked or new.chunked):
        return False
    return first_difference(_transferred(old), _transferred(new)) is None


def _transferred(side: Side) -> Iterator[bytes]:
    if side.undelimited:
        return side.source.blocks(side.region.start, side.region.stop)
    return transferred(side.message, side.source)


def _size(side: Side) -> int:
    return side.message.octets or side.region.octets


def _content(side: Side) -> Content:
    content = None if side.undelimited else content_of(side.message, side.source, HELD)
    if content:
        return content
    start, stop = side.region
    return undelimited_content(stop - start, side.source.read(start, min(stop, start + HELD)))


def _coded(what: What, old: Side, new: Side, ours: Content, theirs: Content) -> Difference:
    return Difference(Layer.CONTENT, what, "", _described(ours), _described(theirs), old.region, new.region)


def _described(content: Content) -> Sentence:
    codings = ", ".join(step.name for step in content.steps if step.name != "chunked")
    return Sentence(
        "{size}, coding: {coding}, charset: {charset}",
        size=Amount("{n} byte", "{n} bytes", content.octets),
        coding=codings or Sentence("none"),
        charset=content.charset or Sentence("none"),
    )


# What is held whole.


def _in_detail(old: Content, new: Content) -> Iterator[Difference]:
    if old.sample == new.sample:
        return
    kinds = {old.kind, new.kind}
    if kinds == {JSON}:
        from httpwire.views.diff.paths import json_differences

        found = json_differences(old.text, new.text, LISTED + 1)
        yield from _text(old, new) if found is None else found
    elif kinds == {FORM} and _countable(old, new, b"&"):
        yield from named_differences(_form(old.text), _form(new.text))
    elif kinds == {MULTIPART} and _countable(old, new, old.boundary) and _countable(old, new, new.boundary):
        yield from named_differences(_parts(old), _parts(new))
    elif BINARY in kinds or MULTIPART in kinds:  # the parts of a multipart may hold anything
        yield from _in_bytes(old, new)
    else:
        yield from _text(old, new)


def _pieces(content: Content) -> list[bytes]:
    """All octets but a multipart's boundary."""
    multipart = content.kind == MULTIPART and content.boundary
    return content.sample.split(b"--" + content.boundary) if multipart else [content.sample]


def _in_bytes(old: Content, new: Content) -> Iterator[Difference]:
    for span, other in ranges(old.sample, new.sample):
        octets = old.sample[span.start : min(span.stop, span.start + EXCERPT)]
        others = new.sample[other.start : min(other.stop, other.start + EXCERPT)]
        yield Difference(Layer.CONTENT, What.RANGE, "", octets, others, span, other)


def _countable(old: Content, new: Content, delimiter: bytes) -> bool:
    """Whether there are not too many pieces between the delimiters to be held one by one."""
    return bool(delimiter) and max(old.sample.count(delimiter), new.sample.count(delimiter)) < ITEMS


def _form(text: str) -> Iterator[tuple[str, str, str]]:
    """The pairs of a form: name, value, and the value as it is written, with the name."""
    from urllib.parse import unquote_plus

    for pair in text.split("&"):
        name, _, value = pair.partition("=")
        # Octets that are no UTF-8 stay apart from each other.
        decoded = [unquote_plus(text, errors="surrogateescape") for text in (name, value)]
        yield decoded[0], decoded[1], pair


def _parts(content: Content) -> Iterator[tuple[str, bytes | str, bytes]]:
    """The parts of a multipart content by the names of a form's fields, or by their number: what each is (characters,
    where it is text), and as it stands between the boundaries."""
    import re

    for number, piece in enumerate(content.sample.split(b"--" + content.boundary)[1:], 1):
        named = re.search(rb'(?i)[; ]name="([^"\r\n]*)"', piece.partition(b"\r\n\r\n")[0])
        if not piece.startswith(b"--"):
            yield named[1].decode("utf-8", "backslashreplace") if named else f"#{number}", _part(piece), piece


def _part(piece: bytes) -> bytes | str:
    piece = piece.removeprefix(b"\r\n").removesuffix(b"\r\n")
    try:
        return piece.decode()
    except UnicodeDecodeError:
        return piece


def _text(old: Content, new: Content) -> Iterator[Difference]:
    """What differs in two texts, line by line; line ends apart from what the lines say."""
    ours, theirs = old.text, new.text
    if max(ours.count("\n"), theirs.count("\n")) >= ITEMS:
        first = first_difference([old.sample], [new.sample])
        if first:
            yield _first(What.FIRST, first)
        return
    lines, others = _lines(ours), _lines(theirs)
    bare, other_bare = ([line.rstrip("\r\n") for line in text] for text in (lines, others))
    ends: list[tuple[int, int]] = []
    before = other_before = 0
    for i, i_stop, j, j_stop in [*hunks(bare, other_bare), (len(bare), len(bare), len(others), len(others))]:
        same = zip(range(before, i), range(other_before, j), strict=True)
        ends.extend((one, other) for one, other in same if lines[one] != others[other])
        before, other_before = i_stop, j_stop
        if i == i_stop and j == j_stop:
            continue
        gone = "\n".join(bare[i:i_stop]) if i < i_stop else None
        come = "\n".join(other_bare[j:j_stop]) if j < j_stop else None
        yield Difference(Layer.CONTENT, What.LINES, "", gone, come, Span(i, i_stop), Span(j, j_stop))
    if ends:
        (i, j), (last, other_last) = ends[0], ends[-1]
        end, other_end = lines[i][len(bare[i]) :], others[j][len(other_bare[j]) :]
        at = Span(i, last + 1), Span(j, other_last + 1)
        yield Difference(Layer.CONTENT, What.LINE_END, "", end.encode(), other_end.encode(), *at)


def _lines(text: str) -> list[str]:
    """The lines of a text with their ends: LF alone ends one, as the numbers of an editor's lines have it."""
    lines = text.split("\n")
    last = lines.pop()
    return [f"{line}\n" for line in lines] + [last] * bool(last)


# What is not.


class _Stream:
    """Decoded blocks up to a bound, or to where they can't be decoded; `ended` tells whether that was their end."""

    def __init__(self, blocks: Iterable[bytes], most: int | None) -> None:
        self._blocks = blocks
        self._left = most
        self.ended = False

    def __iter__(self) -> Iterator[bytes]:
        try:
            for block in self._blocks:
                if self._left is None:
                    yield block
                    continue
                yield block[: self._left]
                self._left -= len(block[: self._left])
                if not self._left:
                    return
        except CodingBroken:
            return
        self.ended = True


def _streamed(old: Side, new: Side, ours: Content, theirs: Content, files: Files) -> Difference:
    """The first difference of contents that are too large to be held, or can't be decoded to their ends."""
    steps = [step.name for step in (*ours.steps, *theirs.steps)]
    if not steps and not (ours.problem or theirs.problem):
        first = files.first_in(old.region, new.region)
    else:
        # What a coding makes of few octets may be endless; what has none is as large as its file.
        most = COUNTED if set(steps) - {"chunked"} else None
        streams = [_Stream(_decoded(side), most) for side in (old, new)]
        first = first_difference(*streams)
        if not first:
            what = What.CODING if all(stream.ended for stream in streams) else What.BEYOND
            return _coded(what, old, new, ours, theirs)
    assert first  # they are not the same on the wire
    return _first(What.BROKEN if ours.problem or theirs.problem else What.FIRST, first)


def _decoded(side: Side) -> Iterator[bytes]:
    return (
        side.source.blocks(side.region.start, side.region.stop)
        if side.undelimited
        else iter(Decoded(side.message, side.source))
    )


def _first(what: What, first: First) -> Difference:
    at = Span(first.offset, first.offset + len(first.old)), Span(first.offset, first.offset + len(first.new))
    return Difference(Layer.CONTENT, what, "", first.old, first.new, *at)
