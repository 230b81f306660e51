"""Differences as lines that a person reads: the text form of the model.

In: Compared values and the files' names, a Translator, and the columns to lay old and new side by side in (0: one
below the other). Out: Lines of safe text; of a value, the part that differs has a style of its own. Nothing of the
octets can command a terminal.
"""

from __future__ import annotations

from itertools import zip_longest

from httpwire.language import Sentence, Translator
from httpwire.views.diff.columns import below, beside
from httpwire.views.diff.model import Compared, Difference, Layer, Tally, What
from httpwire.views.diff.sequences import common_end, common_start
from httpwire.views.origin import origin_lines
from httpwire.views.outcome import bytes_of, name_of
from httpwire.views.show.dump import hex_rows
from httpwire.views.show.lines import label, offsets_of
from httpwire.views.text import printable, visible

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from httpwire.capture.raw import Outgoing
    from httpwire.views.diff.columns import Row
    from httpwire.views.diff.model import Value
    from httpwire.views.diff.octets import Files
    from httpwire.views.show.lines import Line
    from httpwire.wire.element import Span

_SHOWN = 300  # characters of a value's differing part
_AROUND = 60  # characters before and after it
_HEX = (What.RANGE, What.FIRST, What.BROKEN, What.OTHER)
_NAMED_HERE = (Layer.MESSAGE, Layer.FRAMING, Layer.START_LINE)


class Text:
    """The text form for a pair of files: their names are said in it."""

    def __init__(self, files: Files, tr: Translator, columns: int, *, named: bool = False) -> None:
        """`named`: the files are named also where they are the same."""
        self._files = files
        self._named = named
        self.tr = tr
        self._columns = columns
        self._names = {"old": name_of(files.old.name, tr), "new": name_of(files.new.name, tr)}

    def opening(self) -> Iterator[Line]:
        """The files, and where their bytes differ first."""
        tr, files = self.tr, self._files
        if self._named and not files.first:
            yield [("title", f"--- {self._names['old']} | {self._names['new']}")]
        yield from self._origins()
        if not files.first:
            yield [("good", label(tr("the same"), tr)), ("", tr("byte for byte: {size}", size=self._size(files.old)))]
            return
        yield [("old", f"--- {self._names['old']}: {self._size(files.old)}")]
        yield [("new", f"+++ {self._names['new']}: {self._size(files.new)}")]
        told = tr("the first difference is at offset {offset}", offset=f"{files.first.offset:,}")
        yield [("label", label(tr("bytes"), tr)), ("", told)]

    def _origins(self) -> Iterator[Line]:
        """What of the octets is not the wire's."""
        for name, source in (("old", self._files.old), ("new", self._files.new)):
            for first, (style, told) in origin_lines(source, self.tr):
                yield [first, (style, self.tr("{name}: {told}", name=self._names[name], told=told))]

    def _size(self, source: Outgoing) -> str:
        return bytes_of(source.octets, self.tr)

    def message(self, compared: Compared) -> Iterator[Line]:
        """The differences of one message that count, and what of it is the same; nothing where none does."""
        if not self._alone(compared):
            if not compared.left:
                return
            yield []
            yield self._title(compared)
        for difference in compared.left:
            yield self._heading(difference)
            lay = beside(self._rows(difference), self._columns) if self._columns else below(self._rows(difference))
            yield from lay
        if compared.same:
            same = self.tr(", ").join(self._amount(layer, count) for layer, count in compared.same)
            yield [("good", label(self.tr("the same"), self.tr)), ("", same)]

    def _alone(self, compared: Compared) -> bool:
        """Whether the message is all there is in both files."""
        parts = (compared.old, self._files.old), (compared.new, self._files.new)
        return all(part and part.start == 0 and part.stop == source.octets for part, source in parts)

    def _title(self, compared: Compared) -> Line:
        where = " | ".join(offsets_of(part, self.tr) for part in (compared.old, compared.new) if part)
        return [("title", self.tr("message {n}: {where}", n=f"{compared.number:,}", where=where))]

    def _amount(self, layer: Layer, count: int) -> str:
        if layer is Layer.FIELDS:
            return self.tr.plural("{n} field", "{n} fields", count)
        if layer is Layer.TRAILERS:
            return self.tr.plural("{n} trailer", "{n} trailers", count)
        return self.tr(layer.value)

    def _heading(self, difference: Difference) -> Line:
        tr = self.tr
        layer, what, name = difference[:3]
        line: Line = [("label", label(tr(layer.value), tr))]
        if not name and layer in (Layer.FIELDS, Layer.TRAILERS):
            line.append(("error", tr("malformed")))
            line.append(("", ": "))
        elif name:
            line.append(("name", tr(name) if layer in _NAMED_HERE else printable(name)))
            line.append(("", ": "))
        line.append(("", tr(what.says, **self._names)))
        places = [self._span(difference, span) for span in (difference.old_at, difference.new_at) if span]
        if places:
            line.append(("mark", f"  ({' | '.join(dict.fromkeys(places))})"))
        return line

    def _span(self, difference: Difference, span: Span) -> str:
        tr = self.tr
        start, stop = f"{span.start:,}", f"{span.stop:,}"
        if difference.unit == "line":
            if span.stop <= span.start + 1:
                return tr("line {n}", n=f"{span.start + 1:,}")
            return tr("lines {first} to {last}", first=f"{span.start + 1:,}", last=stop)
        if difference.unit == "byte":
            return tr("bytes {start} to {stop}", start=start, stop=stop)
        if difference.what in (What.FIRST, What.BROKEN):
            return tr("byte {start} of the content", start=start)
        return tr("bytes {start} to {stop} of the content", start=start, stop=stop)

    def _rows(self, difference: Difference) -> list[Row]:
        """Old and new as rows that belong side by side."""
        old, new = difference.old, difference.new
        if difference.what in _HEX and isinstance(old, bytes) and isinstance(new, bytes):
            starts = [span.start if span else 0 for span in (difference.old_at, difference.new_at)]
            return list(zip_longest(self._hex(starts[0], old, "old"), self._hex(starts[1], new, "new")))
        if difference.what is What.LINES:
            olds, news = (value.split("\n") if isinstance(value, str) else [] for value in (old, new))
            return [self._row(one, other) for one, other in zip_longest(olds, news)]
        if isinstance(old, int) or isinstance(new, int):
            one, other = self._number(old, "old"), self._number(new, "new")
            return [(one, other)]
        if old is None and new is None:
            return []
        one, other = self._row(old, new)
        return [(self._empty() if one == [] else one, self._empty() if other == [] else other)]

    def _empty(self) -> Line:
        return [("mark", self.tr("(empty)"))]

    def _hex(self, start: int, octets: bytes, style: str) -> Iterator[Line]:
        for offset, row in hex_rows(start, octets):
            yield [("mark", f"{offset:08x}  "), (style, row)]
        if not octets:
            yield self._empty()

    def _number(self, value: Value, style: str) -> Line | None:
        if not isinstance(value, int):
            return None
        return [(style, bytes_of(value, self.tr))]

    def _row(self, old: Value, new: Value) -> Row:
        one = None if old is None else self._pieces(old, new, "old")
        return one, None if new is None else self._pieces(new, old, "new")

    def _pieces(self, value: Value, other: Value, style: str) -> Line:
        """A value, with the part marked that is not the same in the other one; what is long is shortened."""
        if isinstance(value, Sentence):
            return [(style, printable(self.tr.told(value)))]
        assert isinstance(value, (bytes, str))
        start = end = 0
        if type(value) is type(other) and isinstance(other, (bytes, str)):
            start = common_start(value, other)
            end = common_end(value, other, start)
            if 2 * (start + end) < min(len(value), len(other)) and start <= _AROUND:
                start = end = 0  # hardly anything is the same, and the first difference is seen all the same
        stop = len(value) - end
        first = max(0, start - _AROUND)
        line: Line = [(style, "..." * (first > 0) + _shown(value[first:start]))]
        part = _shown(value[start : min(stop, start + _SHOWN)]) + "..." * (stop - start > _SHOWN)
        line.append((f"{style}-part" if start or end else style, part))
        line.append((style, _shown(value[stop : stop + _AROUND]) + "..." * (end > _AROUND)))
        return [piece for piece in line if piece[1]]

    def closing(self, tally: Tally) -> Iterator[Line]:
        """How many differences there are, and which were ignored."""
        tr = self.tr
        if not self._files.first:
            return
        if tally.same and tally.messages > 1:
            said = tr.plural("{n} message without a difference", "{n} messages without a difference", tally.same)
            yield [("good", label(tr("the same"), tr)), ("", said)]
        if tally.ignored:
            names = ", ".join(printable(name) for name in tally.names)
            said = tr.plural(
                "{n} difference ignored: {names}", "{n} differences ignored: {names}", tally.ignored, names=names
            )
            yield [("label", label(tr("ignored"), tr)), ("", said)]
        if tally.left:
            said = tr.plural("{n} difference", "{n} differences", tally.left)
            yield [("error", label(tr("different"), tr)), ("", said)]


def _shown(value: bytes | str) -> str:
    return visible(value) if isinstance(value, bytes) else printable(value)
