"""A message as labelled lines that a person reads: the text form of an Anatomy.

In: an Anatomy, glosses on it where they are wanted, and a Translator. Out: Lines: pieces of safe
text, each with the name of a style, which whoever shows them may colour. Nothing of the octets can
command a terminal: what is not printable is an escape.
"""

from __future__ import annotations

from functools import lru_cache

from httpwire.language import N_, Translator
from httpwire.views.content import BINARY, FORM, JSON, MARKUP, MULTIPART, Content
from httpwire.views.outcome import DIRECTIONS, bytes_of, end_of, name_of
from httpwire.views.text import padded, printable, printable_line, visible, width
from httpwire.wire.element import RUNS, ElementKind

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from httpwire.capture.raw import Outgoing
    from httpwire.capture.reading import Part
    from httpwire.views.anatomy import Anatomy, Row
    from httpwire.views.explain.gloss import Gloss
    from httpwire.wire.deviations import Finding

    #: Pieces as (style, text); whoever shows them gives each style a colour, or none (cli/paint). Prose and glosses
    #: may be wrapped; what ends with -part is what differs in a line.
    Line = list[tuple[str, str]]

_STYLES = {
    ElementKind.METHOD: "start",
    ElementKind.TARGET: "start",
    ElementKind.VERSION: "start",
    ElementKind.STATUS: "start",
    ElementKind.REASON: "start",
    ElementKind.FIELD_NAME: "name",
    ElementKind.FIELD_VALUE: "value",
    ElementKind.CHUNK_SIZE: "start",
    ElementKind.CHUNK_EXTENSIONS: "value",
    ElementKind.MALFORMED: "error",
    ElementKind.EXTRA: "error",
    ElementKind.LINE_END: "mark",
    ElementKind.FOLD: "mark",
    ElementKind.HEAD_END: "mark",
    ElementKind.TRAILER_END: "mark",
    ElementKind.EMPTY_LINE: "mark",
}
#: Rows of these are shown decoded; a row that begins with a line end ends a chunk.
_OF_CONTENT = frozenset(
    (
        ElementKind.CONTENT,
        ElementKind.CHUNK_SIZE,
        ElementKind.CHUNK_EXTENSIONS,
        ElementKind.CHUNK_DATA,
        ElementKind.CHUNKED,
        ElementKind.LINE_END,
    )
)
_ON = 40  # octets that a gloss is on
_CONTENT_ROWS = 12  # as they are on the wire, beside the decoded content
_BINARY_SHOWN = 128  # octets
#: How many octets of a run are shown on its line: content is shown decoded, elsewhere.
_RUN_SHOWN = {
    ElementKind.CONTENT: 40,
    ElementKind.CHUNK_DATA: 40,
    ElementKind.CHUNKED: 40,
    ElementKind.UNDECIDED: 1024,
    ElementKind.EXTRA: 1024,
    ElementKind.TUNNEL: 1024,
}


def empty_line(name: str, tr: Translator) -> Line:
    """What stands for a file without octets."""
    return [("title", f"--- {name_of(name, tr)}: {tr('no bytes')}")]


def title_line(part: Part, name: str, tr: Translator) -> Line:
    """What the lines that follow are: a file's name, and which of its bytes."""
    return [("title", f"--- {name_of(name, tr)}: {tr(', ').join((kind_of(part, tr), offsets_of(part, tr)))}")]


def kind_of(part: Part, tr: Translator) -> str:
    """What a part is, in a word or two."""
    return tr(DIRECTIONS[part.direction] if part.message else N_("bytes that belong to no message"))


def offsets_of(part: Part, tr: Translator) -> str:
    """Where a part stands in its file."""
    return tr("bytes {start} to {stop}", start=f"{part.start:,}", stop=f"{part.stop:,}")


def foreign_lines(part: Part, source: Outgoing, tr: Translator) -> Iterator[Line]:
    """What is said first of the first part of a file that is something else than a recording. Raises
    RecordingUnreadable."""
    from httpwire.views.signatures import no_recording

    what = "" if part.start else no_recording(source.read(0, min(source.octets, 64)))
    if what:
        told = tr("this looks like {what}, not like a recorded request or answer", what=what)
        yield [("warning", label(tr("warning"), tr)), ("prose", told)]


def message_lines(
    anatomy: Anatomy, tr: Translator, *, glosses: Iterable[Gloss] = (), explained: bool = False
) -> Iterator[Line]:
    """The rows of a message with their glosses, what its content is, and how it ended. `explained`: with the chunks."""
    of_content = 0
    on_content: list[Gloss] = []
    pending = True  # what the content means is still to be shown
    for row, on_row in zip(anatomy.rows, by_row(anatomy.rows, glosses), strict=True):
        if row.elements[0].kind in _OF_CONTENT:
            of_content += 1
            if row.elements[0].kind is ElementKind.CONTENT:
                on_content = on_row
            elif explained and of_content <= _CONTENT_ROWS:
                yield _row_line(row, tr)
                yield from _glossed(row, on_row, tr)
            elif explained and of_content == _CONTENT_ROWS + 1:
                more = tr("the rows that follow are left out: --elements and --hex show all")
                yield [("label", label("", tr)), ("gloss", more)]
            continue
        if of_content and pending:
            yield from _content_lines(anatomy, on_content, tr)
            pending = False
        yield _row_line(row, tr)
        yield from _glossed(row, on_row, tr)
    if pending:
        yield from _content_lines(anatomy, on_content, tr)
    yield from _ending_lines(anatomy, tr)
    for finding in anatomy.part.findings:
        severity, name, told = finding_told(finding, tr)
        style = severity if severity in ("error", "warning") else "label"
        yield [(style, label(name, tr)), ("prose", told)]


SEVERITY_NAMES = {"error": N_("error"), "warning": N_("warning"), "note": N_("note")}


def finding_told(finding: Finding, tr: Translator) -> tuple[str, str, str]:
    """A finding's severity, the name of that, and where and what it is."""
    severity = finding.deviation.severity.value
    says = tr.sentence(finding.deviation.says, finding.details)
    told = tr("offset {offset}: {says}", offset=f"{finding.start:,}", says=says)
    return severity, tr(SEVERITY_NAMES[severity]), told


def style_of(kind: ElementKind) -> str:
    """The style of octets of this kind."""
    return _STYLES.get(kind, "")


def label(text: str, tr: Translator) -> str:
    """`text` as wide as every label."""
    return padded(text, _columns(tr))


@lru_cache
def _columns(tr: Translator) -> int:
    """What a label takes; asked for with every line."""
    return max(width(tr(name)) for name in ("end of trailers", "after the end")) + 2


def by_row(rows: tuple[Row, ...], glosses: Iterable[Gloss]) -> list[list[Gloss]]:
    """For each row the glosses that begin in it; both are in order of their offsets."""
    found: list[list[Gloss]] = [[] for _ in rows]
    index = 0
    for gloss in glosses:
        while index + 1 < len(rows) and rows[index].stop <= gloss.start:
            index += 1
        found[index].append(gloss)
    return found


def _row_line(row: Row, tr: Translator) -> Line:
    line = [("label", label(tr(row.label), tr))]
    shown = _RUN_SHOWN.get(row.elements[0].kind, 0)
    for element, octets in row.pieces():
        line.append((style_of(element.kind), visible(octets, shown)))
    if shown:
        line.append(("mark", f"  ({bytes_of(row.stop - row.start, tr)})"))
    return line


def _glossed(row: Row, glosses: list[Gloss], tr: Translator) -> Iterator[Line]:
    """Each gloss with the octets that it is on; a section is named where it is another than before."""
    before = ""
    for gloss in glosses:
        octets = row.octets[gloss.start - row.start : gloss.stop - row.start]
        on = "" if octets.isspace() or row.elements[0].kind in RUNS else visible(octets, _ON) + "  "
        yield [("", label("", tr)), ("value", on), ("gloss", _said(gloss, before, tr))]
        before = gloss.section


def _said(gloss: Gloss, before: str, tr: Translator) -> str:
    """A gloss with its section, where that is another than the one `before`."""
    said = tr.told(gloss.sentence)
    if gloss.section and gloss.section != before:
        said = tr("{says} ({section})", says=said, section=gloss.section)
    return printable(said)


def _ending_lines(anatomy: Anatomy, tr: Translator) -> Iterator[Line]:
    message = anatomy.part.message
    if message is None:
        return
    style, name = ("good", N_("complete")) if message.complete else ("error", N_("incomplete"))
    if message.complete or message.head or message.framing or not anatomy.part.findings:
        yield [(style, label(tr(name), tr)), ("prose", end_of(message, tr("the recorded bytes end"), tr))]


def _content_lines(anatomy: Anatomy, glosses: list[Gloss], tr: Translator) -> Iterator[Line]:
    content = anatomy.content
    if content is None:
        return
    yield [("label", label(tr("content"), tr)), ("prose", summary(content, tr))]
    for gloss in glosses:
        yield [("", label("", tr)), ("gloss", _said(gloss, "", tr))]
    if content.problem:
        yield [("warning", label(tr("warning"), tr)), ("prose", printable(tr.told(content.problem)))]
    indent = label("", tr)
    for text in content_text(content):
        yield [("", indent), ("", text)]
    if not content.whole and not content.problem:
        shown = f"{len(content.sample):,}"
        yield [("label", indent), ("gloss", tr("only the first {n} bytes are shown: --limit 0 shows all", n=shown))]


def summary(content: Content, tr: Translator) -> str:
    """Its size, what each coding that was taken off left, its type and charset."""
    parts = [bytes_of(content.octets, tr)]
    for step in content.steps:
        if step.name != "chunked":
            left = bytes_of(step.octets, tr) if step.octets is not None else tr("not to its end")
            parts.append(tr("{coding} taken off: {left}", coding=printable(step.name), left=left))
    if content.media_type:
        parts.append(content.media_type)
    if content.charset and content.kind != MULTIPART:  # each part has its own
        parts.append(tr("charset {name} ({known_by})", name=printable(content.charset), known_by=tr(content.known_by)))
    return tr(", ").join(parts)


def content_text(content: Content) -> Iterator[str]:
    """The content's sample, laid out by its kind, as lines of safe text."""
    from httpwire.views import layout

    if content.kind == BINARY:
        from httpwire.views.show.dump import hex_rows
        from httpwire.views.signatures import recognized

        known = recognized(content.sample)
        if known:
            yield known
        for offset, octets in hex_rows(0, content.sample[:_BINARY_SHOWN]):
            yield f"{offset:08x}  {octets}"
        if len(content.sample) > _BINARY_SHOWN or not content.whole:
            yield "..."
        return
    if content.kind == MULTIPART and content.boundary:
        yield from layout.multipart_lines(content.sample, content.boundary)
        return
    text = content.text
    lay = {JSON: layout.json_lines, MARKUP: layout.markup_lines, FORM: layout.form_lines}.get(content.kind)
    for line in lay(text) if lay else text.removesuffix("\n").split("\n"):
        yield printable_line(line.rstrip("\r\n"))
