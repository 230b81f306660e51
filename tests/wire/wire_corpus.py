"""The corpus in tests/corpus: how a case is read, run and written down (tests/corpus/README.md is the notation).

In: Markdown files. Out: Cases, the octets of each, and what a Stream says of them as a log: one line an element,
a finding or a message. The same Runs are what the property tests compare.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from httpwire.wire.content import Limits
from httpwire.wire.deviations import Finding
from httpwire.wire.element import RUNS, Direction, Element, ElementKind
from httpwire.wire.head import Head
from httpwire.wire.message import Message
from httpwire.wire.stream import Stream

if TYPE_CHECKING:
    from httpwire.wire.stream import Event

CORPUS = Path(__file__).parent.parent / "corpus"

_CASE = re.compile(
    r"^## (?P<title>[^\n]+)\n\n(?P<prose>.+?)\n\n"
    r"```octets (?P<info>[^\n]+)\n(?P<octets>.*?)```\n\n```log\n(?P<log>.*?)```",
    re.DOTALL | re.MULTILINE,
)
_REPEAT = re.compile(r"\{([^{}]*)\}\*(\d+)")
_ESCAPE = re.compile(r"\\(?:x([0-9a-f]{2})|(.))")
_NAMED = {"r": "\r", "n": "\n", "t": "\t", "\\": "\\"}
_CHUNK_KINDS = frozenset((ElementKind.CHUNK_SIZE, ElementKind.CHUNK_EXTENSIONS, ElementKind.CHUNK_DATA))
_TEXT_SHOWN = 48


@dataclass(frozen=True)
class Case:
    """One case: what arrives, in which direction, and the log that it must give."""

    id: str
    prose: str
    octets: bytes
    direction: Direction
    methods: tuple[bytes | None, ...] | None
    end: str
    limits: Limits
    log: str


def cases(folder: Path = CORPUS) -> list[Case]:
    return [case for path in sorted(folder.glob("*.md")) for case in read(path)]


def read(path: Path) -> Iterator[Case]:
    text = path.read_text("ascii")
    titles = [line for line in text.splitlines() if line.startswith("## ")]
    found = list(_CASE.finditer(text)) if path.name != "README.md" else []
    if path.name != "README.md" and [f"## {each['title']}" for each in found] != titles:
        raise ValueError(f"{path.name}: a case is not heading, prose, octets and log: {titles}")
    for each in found:
        slug = re.sub(r"[^a-z0-9]+", "-", each["title"].lower()).strip("-")
        yield _case(f"{path.stem}/{slug}", each)


def _case(id: str, found: re.Match[str]) -> Case:
    direction, *settings = found["info"].split(" ")
    methods: tuple[bytes | None, ...] | None = None
    end = "close"
    limits: dict[str, int] = {}
    for setting in settings:
        name, _, value = setting.partition("=")
        if name == "to":
            methods = tuple(None if each == "?" else each.encode() for each in value.split(",") if each)
        elif name == "end" and value in ("close", "cut", "open"):
            end = value
        elif name in Limits.FIELDS:
            limits[name] = int(value)
        else:
            raise ValueError(f"{id}: unknown setting {setting}")
    return Case(
        id, found["prose"], octets(found["octets"]), Direction(direction), methods, end, Limits(**limits), found["log"]
    )


def octets(notation: str) -> bytes:
    """The octets that `notation` stands for: {...}*N repeated, lines joined, escapes resolved."""
    text = "".join(_REPEAT.sub(lambda m: m[1] * int(m[2]), line) for line in notation.splitlines())

    def escaped(match: re.Match[str]) -> str:
        return chr(int(match[1], 16)) if match[1] else _NAMED[match[2]]

    return _ESCAPE.sub(escaped, text).encode("latin-1")


@dataclass
class Run:
    """What a Stream said of some octets: its elements (neighbours of one run joined), messages and findings."""

    heads: list[Head]
    elements: list[Element]
    messages: list[Message]
    findings: list[Finding]  # of no message
    order: list[Event]  # all but the heads, as they came

    @property
    def all_findings(self) -> list[Finding]:
        return [finding for message in self.messages for finding in message.findings] + self.findings

    @property
    def ids(self) -> list[str]:
        return [finding.deviation.id for finding in self.all_findings]


def run(
    pieces: Iterable[bytes],
    direction: Direction,
    *,
    methods: tuple[bytes | None, ...] | None = None,
    end: str = "close",
    limits: Limits | None = None,
    detail: bool = True,
    skip: bool = False,
) -> Run:
    """Feed `pieces` to a Stream, up to its `end`; with `skip`, octets that are opaque are only counted."""
    stream = Stream(direction, methods=None if methods is None else deque(methods), limits=limits, detail=detail)
    events: list[Event] = []
    for piece in pieces:
        rest = piece
        while skip and rest and (count := min(stream.opaque, len(rest))):
            events += stream.skip(count)
            rest = rest[count:]
        events += stream.feed(rest)
    if end != "open":
        events += stream.feed_eof(cut=end == "cut")
    return gather(events, stream.findings)


def run_case(case: Case, pieces: Iterable[bytes], *, detail: bool = True, skip: bool = False) -> Run:
    return run(
        pieces,
        case.direction,
        methods=case.methods,
        end=case.end,
        limits=case.limits,
        detail=detail,
        skip=skip,
    )


def gather(events: list[Event], findings: list[Finding]) -> Run:
    order: list[Event] = []
    for event in events:
        if isinstance(event, Head):
            order.extend(event.elements())
        elif isinstance(event, Element):
            join(order, event)
        else:
            order.append(event)
    return Run(
        [event for event in events if isinstance(event, Head)],
        [event for event in order if isinstance(event, Element)],
        [event for event in order if isinstance(event, Message)],
        list(findings),
        order,
    )


def join(order: list[Event], element: Element) -> None:
    """Append `element`, or make the last one longer where both are of one run."""
    last = order[-1] if order else None
    if isinstance(last, Element) and last.kind is element.kind and element.kind in RUNS and last.stop == element.start:
        order[-1] = Element(last.kind, last.start, element.stop)
    else:
        order.append(element)


def coarse(elements: list[Element]) -> list[Element]:
    """The elements of a detailed run as a run without detail gives them: the parts of chunks made one."""
    order: list[Event] = []
    for element in elements:
        last = order[-1] if order else None
        in_chunks = isinstance(last, Element) and last.kind is ElementKind.CHUNKED
        of_chunks = element.kind in _CHUNK_KINDS or (element.kind is ElementKind.LINE_END and in_chunks)
        join(order, element.replace(kind=ElementKind.CHUNKED) if of_chunks else element)
    return [event for event in order if isinstance(event, Element)]


def assert_tiles(elements: list[Element], size: int) -> None:
    """Elements laid end to end give back every octet, and none is empty."""
    position = 0
    for element in elements:
        assert element.start == position, f"{element} does not begin at {position}"
        assert element.stop > element.start, f"{element} has no octets"
        position = element.stop
    assert position == size, f"the elements end at {position}, the octets at {size}"


def log(result: Run, octets: bytes) -> str:
    """What `result` says, as the lines of a log."""
    lines: list[str] = []
    for event in result.order:
        if isinstance(event, Element):
            text = _visible(octets[event.start : event.stop])
            lines.append(f'{event.start:>5}-{event.stop:<5} {event.kind.value:<18} "{text}"')
        elif isinstance(event, Message):
            lines += map(_finding_line, event.findings)
            lines.append(_message_line(event))
    lines += map(_finding_line, result.findings)
    return "".join(line + "\n" for line in lines)


def _finding_line(finding: Finding) -> str:
    details = "".join(f" {name}={value}" for name, value in finding.details.items())
    return f"! {finding.deviation.id} {finding.start}-{finding.stop}{details}"


def _message_line(message: Message) -> str:
    framing = message.framing
    parts = ["no framing"]
    if framing:
        length = "" if framing.length is None else f" {framing.length}"
        parts = [f"{framing.kind.value}{length} by {framing.rule.id}"]
    if message.head is None:
        parts.append("no head")
    parts.append("complete" if message.complete else "incomplete")
    if message.content_start < message.stop:
        parts.append(f"content at {message.content_start}-{message.stop}")
    if message.octets:
        parts.append(f"{message.octets} octets")
    if message.chunks:
        parts.append(f"{message.chunks} chunks")
    if message.trailers:
        parts.append(f"{len(message.trailers)} trailer lines")
    if framing and framing.overrode:
        parts.append("overrode " + ", ".join(line.name.decode("latin-1") for line in framing.overrode))
    return f"= {message.start}-{message.stop} " + ", ".join(parts)


def _visible(octets: bytes) -> str:
    named = {13: "\\r", 10: "\\n", 9: "\\t", 92: "\\\\"}
    shown = octets if len(octets) <= _TEXT_SHOWN else octets[: _TEXT_SHOWN - 8]
    text = "".join(named.get(o) or (chr(o) if 0x20 <= o < 0x7F else f"\\x{o:02x}") for o in shown)
    return text if shown == octets else f"{text}... of {len(octets)}"
