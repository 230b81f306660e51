"""One self-contained page on which pointing at any bytes tells what they are: the HTML form of Anatomies.

In: Anatomies with their glosses, and a Translator. Out: the page, piece by piece. Octets become
escaped text and nothing else: the page's policy allows only its own style and its own script,
both by their hashes, and loads nothing.
"""

from __future__ import annotations

import base64
import hashlib
import html
import os
import re
from bisect import bisect_left
from itertools import islice

from httpwire.language import N_, Translator
from httpwire.views.explain.gloss import Gloss
from httpwire.views.origin import LABEL, MISSING, gaps_told, origin_told
from httpwire.views.outcome import bytes_of, end_of, name_of
from httpwire.views.show.lines import by_row, content_text, finding_told, kind_of, offsets_of, style_of, summary
from httpwire.views.text import printable_line, visible
from httpwire.wire.element import RUNS, Element, ElementKind

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from httpwire.capture.raw import Outgoing
    from httpwire.views.anatomy import Anatomy, Row

_OCTETS_SHOWN = 64  # in hexadecimal, of one element
_ROWS = 1_000  # of one message: a browser has to hold them
_RUN_SHOWN = 1024  # octets of one row
_SECTION = re.compile(r"RFC ([0-9]+)(?: ([0-9A-Z][0-9.]*[0-9]|[0-9A-Z]))?")


class Page:
    """A page in the making: `head`, then `message` for each, then `foot`."""

    def __init__(self, tr: Translator) -> None:
        self._tr = tr
        self._texts: dict[str, int] = {}  # what is told of bytes, each text once

    def head(self, names: list[str]) -> Iterator[str]:
        """The beginning of the page on the files called `names`."""
        tr = self._tr
        style, script = _asset("page.css"), _asset("page.js")
        policy = (
            f"default-src 'none'; style-src 'sha256-{_hash(style)}'; script-src 'sha256-{_hash(script)}'; "
            "base-uri 'none'; form-action 'none'"
        )
        title = ", ".join(name_of(name, tr) for name in names)
        yield f'<!DOCTYPE html>\n<html lang="{tr.language}">\n<meta charset="utf-8">\n'
        yield f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        yield '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        yield f"<title>{_text(title)} - httpwire</title>\n<style>{style}</style>\n"
        how = tr("Point at any bytes, tap them, or go through them with the arrow keys.")
        yield f"<header><h1>{_text(title)}</h1><p>{_text(how)}</p></header>\n<main>\n"

    def message(
        self, anatomy: Anatomy, name: str, glosses: tuple[Gloss, ...], source: Outgoing | None = None
    ) -> Iterator[str]:
        """One message as a section; `source` are the octets of a capture that it is of."""
        tr, part = self._tr, anatomy.part
        where = f"{name_of(name, tr)}, {offsets_of(part, tr)}"
        yield f"<section>\n<h2>{_text(kind_of(part, tr))}<small>{_text(where)}</small></h2>\n"
        if source and (told := origin_told(source.facts, tr)):
            yield f'<p class="warning"><b>{_text(tr(LABEL))}</b> {_text(told)}</p>\n'
        for gap in gaps_told(source, tr) if source else ():
            yield f'<p class="warning"><b>{_text(tr(MISSING))}</b> {_text(gap)}</p>\n'
        yield '<div class="rows">\n'
        for row, on_row in islice(zip(anatomy.rows, by_row(anatomy.rows, glosses), strict=True), _ROWS):
            yield self._row(row, on_row)
        if not part.whole or len(anatomy.rows) > _ROWS:
            more = tr("the rows that follow are left out: --elements and --hex show all")
            yield f'<div class="row"><span class="label"></span><span class="cut">{_text(more)}</span></div>\n'
        yield "</div>\n"
        yield from self._content(anatomy)
        yield from self._verdict(anatomy)
        yield "</section>\n"

    def note(self, text: str) -> str:
        """A remark between messages."""
        return f"<p>{_text(text)}</p>\n"

    def foot(self) -> Iterator[str]:
        """The end: the panel, and what is told in it."""
        tr = self._tr
        where = tr("bytes {start} to {stop} ({n})").replace("{n}", "{n} B")
        yield f'</main>\n<aside id="panel" aria-live="polite" data-where="{html.escape(where)}">'
        hint = tr("Here it is told what the bytes are.")
        yield f'<p class="hint">{_text(hint)}</p></aside>\n<div id="texts" hidden>\n'
        for text in self._texts:
            yield f"<div>{text}</div>\n"
        yield f"</div>\n<script>{_asset('page.js')}</script>\n</html>\n"

    def _row(self, row: Row, glosses: list[Gloss]) -> str:
        label = _text(self._tr(row.label))
        named: list[Gloss] = []  # what the field is for, which is told of its value too
        spans = ""
        for element, octets in row.pieces():
            shown = octets[:_RUN_SHOWN] if element.kind in RUNS else octets
            first, last = (bisect_left(glosses, at, key=_start) for at in (element.start, element.stop))
            inside = glosses[first:last]
            spans += self._element(element, shown, inside, named if element.kind is ElementKind.FIELD_VALUE else [])
            if element.kind is ElementKind.FIELD_NAME:
                named = [gloss for gloss in inside if gloss.start == element.start]
        rest = ""
        if row.stop - row.start > _RUN_SHOWN and row.elements[0].kind in RUNS:
            size = bytes_of(row.stop - row.start, self._tr)
            rest = f' <span class="cut">... ({_text(size)})</span>'
        return f'<div class="row"><span class="label">{label}</span><span class="bytes">{spans}{rest}</span></div>\n'

    def _element(self, element: Element, octets: bytes, glosses: list[Gloss], named: list[Gloss]) -> str:
        """An element, with the parts of it that have glosses of their own as elements in it; `glosses` begin in it."""
        start, stop = element.start, element.stop
        own = [gloss for gloss in glosses if gloss.start == start and gloss.stop >= stop]
        parts: dict[tuple[int, int], list[Gloss]] = {}
        for gloss in glosses:
            if gloss.start < gloss.stop <= stop and (gloss.start, gloss.stop) != (start, stop):
                parts.setdefault((gloss.start, gloss.stop), []).append(gloss)
        inner = ""
        position = start
        for same in parts.values():
            gloss = same[0]
            if gloss.start < position:  # two on the same octets
                continue
            piece = octets[gloss.start - start : gloss.stop - start]
            inner += _text(visible(octets[position - start : gloss.start - start]))
            inner += self._span("", visible(piece, 40), same, gloss.start, piece, gloss.stop, _text(visible(piece)))
            position = gloss.stop
        inner += _text(visible(octets[position - start :]))
        title = self._tr(element.kind.value)
        return self._span(style_of(element.kind), title, [*own, *named], start, octets, stop, inner)

    def _span(
        self, style: str, title: str, glosses: list[Gloss], start: int, octets: bytes, stop: int, inner: str
    ) -> str:
        """Octets, as far as they are held, of which it is told that they are `title`, and the glosses."""
        numbers = [self._number(f"<h3>{_text(title)}</h3>")]
        numbers += [self._number(self._told(gloss)) for gloss in glosses]
        shown = octets[:_OCTETS_SHOWN].hex(" ") + (" ..." if stop - start > _OCTETS_SHOWN else "")
        told = " ".join(map(str, numbers))
        data = f'data-b="{start}-{stop}" data-t="{told}" data-x="{shown}"'
        return f'<span class="{f"e {style}".rstrip()}" tabindex="-1" {data}>{inner}</span>'

    def _told(self, gloss: Gloss) -> str:
        section = f"({_text(gloss.section)})" if gloss.section else ""
        rfc = _SECTION.match(gloss.section)
        if rfc:
            anchor = _anchor(rfc[2]) if rfc[2] else ""
            href = f"https://www.rfc-editor.org/rfc/rfc{rfc[1]}.html{anchor}"
            section = f'<a href="{href}" rel="noreferrer" target="_blank">{_text(gloss.section)}</a>'
        return f"<p>{_text(self._tr.told(gloss.sentence))} {section}</p>"

    def _number(self, text: str) -> int:
        return self._texts.setdefault(text, len(self._texts))

    def _content(self, anatomy: Anatomy) -> Iterator[str]:
        content, tr = anatomy.content, self._tr
        if content is None:
            return
        yield f'<div class="content"><p>{_text(tr("content"))}: {_text(summary(content, tr))}</p>\n'
        if content.problem:
            yield f'<p class="warning">{_text(tr.told(content.problem))}</p>\n'
        yield '<pre tabindex="0">'
        for line in content_text(content):
            yield _text(line) + "\n"
        yield "</pre>\n"
        if not content.whole and not content.problem:
            shown = tr("only the first {n} bytes are shown: --limit 0 shows all", n=f"{len(content.sample):,}")
            yield f"<p>{_text(shown)}</p>\n"
        yield "</div>\n"

    def _verdict(self, anatomy: Anatomy) -> Iterator[str]:
        tr, part = self._tr, anatomy.part
        told: list[tuple[str, str, str]] = []
        if part.message:
            style, name = ("good", N_("complete")) if part.message.complete else ("error", N_("incomplete"))
            told.append((style, tr(name), end_of(part.message, tr("the recorded bytes end"), tr)))
        told += [finding_told(finding, tr) for finding in part.findings]
        if told:
            yield '<div class="verdict">'
            for style, name, says in told:
                yield f'<p><b class="{style}">{_text(name)}</b> {_text(says)}</p>\n'
            yield "</div>\n"


def _start(gloss: Gloss) -> int:
    return gloss.start


def _text(text: str) -> str:
    """`text` as it stands in the page: no character of it is markup, or a control character."""
    return html.escape(printable_line(text))


def _anchor(section: str) -> str:
    kind = "appendix" if section[0].isalpha() else "section"
    return f"#{kind}-{section}"


def _asset(name: str) -> str:
    with open(os.path.join(os.path.dirname(__file__), name), encoding="utf-8") as stream:
        return stream.read()


def _hash(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode("ascii")
