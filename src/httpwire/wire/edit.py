"""Edits that a person asks for on octets about to be sent, as patches.

In: what to do, and the octets in blocks. Out: Patches (offset, old octets, new octets)
in order of offset. Nothing outside a patch is touched, and a patch is made only where
it changes something, so that the list is the whole difference.
"""

from __future__ import annotations

from httpwire.wire.element import Direction, Element, ElementKind
from httpwire.wire.fields import FieldLine
from httpwire.wire.framing import Kind, Rule
from httpwire.wire.head import Head
from httpwire.wire.message import Message
from httpwire.wire.preflight import is_handed_over, is_left_over
from httpwire.wire.record import Record, at
from httpwire.wire.stream import Stream

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from httpwire.wire.stream import Event

_LINE_ENDS = frozenset(
    (ElementKind.LINE_END, ElementKind.FOLD, ElementKind.HEAD_END, ElementKind.TRAILER_END, ElementKind.EMPTY_LINE)
)


class Patch(Record):
    """At `offset` of the original, the bytes `old` give way to the bytes `new`."""

    __slots__ = ()
    FIELDS = ("offset", "old", "new")
    offset: int = at(0)
    old: bytes = at(1)
    new: bytes = at(2)

    def __new__(cls, offset: int, old: bytes, new: bytes) -> Patch:
        return tuple.__new__(cls, (offset, old, new))


class Edits(Record):
    """What to do, in every request of the octets.

    `crlf`: bare LF line ends of heads, chunk lines and trailers become CRLF. `end_head`: a head
    without a blank line gets one. `set`: field lines (bytes, without line end) that replace
    those of their name, or are added. `unset`: names (bytes) of fields to remove.
    `fix_length`: Content-Length is made to say the content's size.
    """

    __slots__ = ()
    FIELDS = ("crlf", "end_head", "set", "unset", "fix_length")
    crlf: bool = at(0)
    end_head: bool = at(1)
    set: tuple[bytes, ...] = at(2)
    unset: tuple[bytes, ...] = at(3)
    fix_length: bool = at(4)

    def __new__(
        cls,
        *,
        crlf: bool = False,
        end_head: bool = False,
        set: tuple[bytes, ...] = (),
        unset: tuple[bytes, ...] = (),
        fix_length: bool = False,
    ) -> Edits:
        return tuple.__new__(cls, (crlf, end_head, set, unset, fix_length))

    def __bool__(self) -> bool:
        return any(self)


def plan(edits: Edits, blocks: Iterable[bytes | memoryview]) -> list[Patch]:
    """The patches that carry out `edits` on the octets that `blocks` joined are."""
    planner = Planner(edits)
    for block in blocks:
        planner.feed(block)
    return planner.finish()


class Planner:
    """Takes the octets by `feed` (or by `skip`, as many as are `opaque`) and gives the patches at `finish`."""

    def __init__(self, edits: Edits) -> None:
        self._stream = Stream(Direction.REQUEST, detail=True)
        self._edits = edits
        self._patches: list[Patch] = []
        self._before: Message | None = None  # the last request; its head is not edited yet
        self._open_ended = False  # its content goes on to the end of the octets
        self._over = False  # what follows it is no request

    @property
    def opaque(self) -> int:
        return self._stream.opaque

    def skip(self, count: int) -> None:
        self._take(self._stream.skip(count))

    def feed(self, data: bytes | memoryview) -> None:
        self._take(self._stream.feed(data))

    def _take(self, events: list[Event]) -> None:
        for event in events:
            if self._over:
                return
            if isinstance(event, Element):
                self._line_end(event)
            elif isinstance(event, Message):
                self._message(event)

    def finish(self) -> list[Patch]:
        self._take(self._stream.feed_eof())
        last = self._before
        if last and last.head:
            to_the_end = self._stream.offset - last.content_start
            self._edit_head(last.head, to_the_end if self._open_ended else self._known_length(last))
        # What is put in at an offset comes before what is replaced there.
        self._patches.sort(key=lambda patch: (patch.offset, bool(patch.old)))
        return self._patches

    def _line_end(self, element: Element) -> None:
        if self._edits.crlf and element.kind in _LINE_ENDS and element.stop - element.start == 1:
            self._patches.append(Patch(element.start, b"\n", b"\r\n"))

    def _message(self, message: Message) -> None:
        """A head is edited once the message after it shows whether its content ended there."""
        before = self._before
        if is_handed_over(message.head, before):
            self._over = True
        elif before and is_left_over(message.head, before):
            if self._edits.fix_length and before.framing and before.framing.kind is not Kind.CHUNKED:
                self._over = self._open_ended = True
                # Empty lines behind it belong to its content after all.
                self._patches = [patch for patch in self._patches if patch.offset < before.content_start]
            elif message.head:
                self._line_ends(message.head)  # no request to set a field in; a server reads its lines all the same
        else:
            self._before = message
            if self._edits.fix_length and _is_short(message):
                self._over = self._open_ended = True
            if before and before.head:
                self._edit_head(before.head, self._known_length(before))

    def _known_length(self, message: Message) -> int | None:
        """The length to state once in a message that is sound but repeats it; None to leave it as it is."""
        framing = message.framing
        values = b",".join(message.values(b"content-length"))
        if self._edits.fix_length and framing and framing.kind is Kind.LENGTH and b"," in values:
            return framing.length
        return None

    def _edit_head(self, head: Head, length: int | None) -> None:
        edits, head_lines = self._edits, head.lines
        removed: set[int] = set()  # starts of lines that go
        replaced: dict[int, bytes] = {}  # starts of lines, and their new octets
        added: list[bytes] = []

        def put(name: bytes, text: bytes | None) -> None:
            lines = [line for line in head_lines if line.name and line.name.lower() == name.lower()]
            added[:] = [line for line in added if line.partition(b":")[0].strip(b" \t").lower() != name.lower()]
            removed.update(line.start for line in lines)
            for line in lines:
                replaced.pop(line.start, None)
            if text is not None and lines:
                removed.discard(lines[0].start)
                replaced[lines[0].start] = text
            elif text is not None:
                added.append(text)

        for text in edits.set:
            put(text.partition(b":")[0].strip(b" \t"), text)
        for name in edits.unset:
            put(name, None)
        if length is not None:
            put(b"Content-Length", b"Content-Length: %d" % length)
        for line in head_lines:
            self._edit_line(head, line, replaced.get(line.start), remove=line.start in removed)
        taken = (
            (line.start, line.stop if line.start in removed else line.stop - 1)
            for line in head_lines
            if line.start in removed or line.start in replaced
        )
        self._line_ends(head, taken)
        last = head_lines[-1].start if head_lines else -1
        self._end_head(head, added, dropped=last in removed, replaced=last in replaced)

    def _line_ends(self, head: Head, taken: Iterable[tuple[int, int]] = ()) -> None:
        """Patch the line ends of a head, but not those in what other patches take away: starts and stops, in order."""
        taken = list(taken)[::-1]
        for element in head.elements():
            while taken and taken[-1][1] <= element.start:
                taken.pop()
            if not taken or element.start < taken[-1][0]:
                self._line_end(element)

    def _edit_line(self, head: Head, line: FieldLine, text: bytes | None, *, remove: bool) -> None:
        old = head.raw[line.start - head.start : line.stop - head.start]
        if remove:
            self._patches.append(Patch(line.start, old, b""))
        elif text is not None:
            body = old[: -2 if old.endswith(b"\r\n") else -1] if old.endswith(b"\n") else old
            if body != text:
                self._patches.append(Patch(line.start, body, text))

    def _end_head(self, head: Head, added: list[bytes], *, dropped: bool, replaced: bool) -> None:
        """Added lines, and the blank line; `dropped` and `replaced` say what became of the last line."""
        raw, position = head.raw, head.stop
        new = b"".join(line + b"\r\n" for line in added)
        closing = b"\r\n" if self._edits.end_head and not head.complete else b""
        if head.complete:
            position -= 2 if raw.endswith(b"\r\n") else 1
        elif raw.endswith(b"\n\r"):  # of the blank line, the CR is there
            position -= 1
            if closing:
                self._patches.append(Patch(head.stop, b"", b"\n"))
            closing = b""
        elif not raw.endswith(b"\n") and not dropped and (new or closing):  # the last line lacks its end
            new = (b"\n" if raw.endswith(b"\r") and not replaced else b"\r\n") + new
        if new or closing:
            self._patches.append(Patch(position, b"", new + closing))


def _is_short(message: Message) -> bool:
    """Whether a request's Content-Length is wrong, or can't be read."""
    framing = message.framing
    if framing is None or message.complete:
        return False
    return framing.kind is Kind.LENGTH or framing.rule is Rule.LENGTH_INVALID
