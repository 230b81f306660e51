"""One direction of a connection, read as messages.

In: octets, in segments of any size, through `feed`, and the close through `feed_eof`.
Out: events: a Head when one is complete, Elements of content as they come, a Message
when one has ended. Heads' elements and content's elements, in order, tile the input.
Never raises on what it is fed, and gives the same for every split of it.
"""

from __future__ import annotations

from httpwire.language import N_
from httpwire.wire import deviations as dev
from httpwire.wire import grammar
from httpwire.wire.buffer import Buffer
from httpwire.wire.content import ChunkReader, Limits, Lost, RunReader
from httpwire.wire.deviations import Deviation, Finding
from httpwire.wire.element import Direction, Element, ElementKind
from httpwire.wire.framing import Framing, Kind, Rule, decide
from httpwire.wire.head import Head, parse_head
from httpwire.wire.message import Message

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections import deque
    from collections.abc import Callable

    from httpwire.wire.fields import FieldLine, Note

    Event = Head | Element | Message
    Decide = Callable[[Head, tuple[FieldLine, ...], bytes | None, Note], Framing]
    Chunks = Callable[..., ChunkReader]

_HTTP = b"HTTP/"
_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"  # RFC 9113 3.4
_TLS = b"\x16\x03"  # a handshake record: RFC 8446 5.1
_P = _PREFACE[0]
_LETTERS = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")  # what a method begins with
_FINDINGS_KEPT = 20  # of one deviation in one message: more say nothing new


class Stream:
    """Reads requests, or the responses to `methods`.

    `methods` (responses only) is a queue of the methods that await an answer, None where one
    is not known; the stream takes from it, and calls octets EXTRA while it is empty, unless
    `anticipate`, asked then, puts a method in. Without `methods` every message is read, as an
    answer to an unknown method. With `detail` each part of each chunk is an element of its own.
    `decide` and `chunks` stand for other recipients' judgement (wire/tolerance): the framing of
    a head, and the reader of chunked content.
    """

    def __init__(
        self,
        direction: Direction,
        *,
        methods: deque[bytes | None] | None = None,
        anticipate: Callable[[], bool] | None = None,
        limits: Limits | None = None,
        detail: bool = False,
        decide: Decide = decide,
        chunks: Chunks = ChunkReader,
    ) -> None:
        self.direction = direction
        self._methods = methods
        self._anticipate = anticipate
        self._limits = limits or Limits()
        self._detail = detail
        self._decide = decide
        self._chunks = chunks
        self._buffer = Buffer()
        self._reader: RunReader | ChunkReader | None = None
        self._in_message = False
        self._ended = False
        self._start = self._content_start = 0
        self._head: Head | None = None
        self._framing: Framing | None = None
        self._counts: dict[str, int] = {}
        self._interim = self._interim_octets = self._empty_lines = 0
        self.findings: list[Finding] = []  #: of the message that is not complete yet

    @property
    def offset(self) -> int:
        """The absolute offset just past the last octet fed."""
        return self._buffer.start + len(self._buffer)

    @property
    def pending(self) -> bytes:
        """The octets that wait for more before anything can be said of them."""
        return bytes(self._buffer.octets)

    @property
    def head(self) -> Head | None:
        """The head of the message whose content is being read."""
        return self._head if self._in_message else None

    @property
    def framing(self) -> Framing | None:
        """How the message whose content is being read is delimited."""
        return self._framing if self._in_message else None

    @property
    def opaque(self) -> int:
        """How many octets to come may be told by `skip` instead of `feed`: they decide nothing."""
        return self._reader.opaque if self._reader and not self._buffer else 0

    def skip(self, count: int) -> list[Event]:
        """Account for `count` octets, at most `opaque`, that are not shown."""
        out: list[Event] = []
        self._pass_by(count, out)
        self._advance(out)
        return out

    def pass_over(self, count: int) -> None:
        """Account for `count` octets of whole messages, between two messages, that need no reading."""
        self._buffer.start += count

    def feed(self, data: bytes | memoryview) -> list[Event]:
        """Take the next octets; gives what they completed."""
        out: list[Event] = []
        if self._reader and not self._in_message and (self._methods or (self._anticipate and self._anticipate())):
            self._reader = None  # the octets so far were extra; from here on an answer is awaited
        count = min(self.opaque, len(data))
        if count:
            self._pass_by(count, out)
            data = data[count:] if count < len(data) else b""
        self._buffer.add(data)
        self._advance(out)
        return out

    def feed_eof(self, *, cut: bool = False) -> list[Event]:
        """No more octets will come: gives what that completes or leaves incomplete.

        `cut`: they stopped for another reason than a close by the peer, which therefore ends nothing.
        """
        out: list[Event] = []
        buffer = self._buffer
        self._ended = True
        self._advance(out)
        if not self._in_message and buffer:
            self._begin_partial(out)
        elif self._in_message:
            self._note_short()
        if buffer:
            out.append(Element(ElementKind.UNDECIDED, buffer.start, self.offset))
            buffer.take(len(buffer))
        if self._in_message:
            framing = self._framing
            by_close = framing is not None and framing.kind in (Kind.UNTIL_CLOSE, Kind.TUNNEL)
            self._end(out, complete=by_close and not cut)
        self._anticipate = None  # no cycle is left behind: they would stay where nothing collects them
        return out

    def _pass_by(self, count: int, out: list[Event]) -> None:
        reader, buffer = self._reader, self._buffer
        assert reader
        out.append(Element(reader.kind, buffer.start, buffer.start + count))
        buffer.start += count
        if reader.pass_by(count):
            self._end(out, complete=True)

    def _advance(self, out: list[Event]) -> None:
        while True:
            if self._reader is None:
                if not self._begin(out):
                    return
            else:
                try:
                    if not self._reader.read(self._buffer, out):
                        return
                except Lost as lost:
                    self._lose(lost.rule)
                else:
                    self._end(out, complete=True)

    # The beginning of a message.

    def _begin(self, out: list[Event]) -> bool:
        """Begin a message, if the buffer holds enough of it; False when it doesn't."""
        buffer = self._buffer
        if not buffer:
            return False
        if self._methods is not None and not self._methods and not (self._anticipate and self._anticipate()):
            self._reader = RunReader(ElementKind.EXTRA)
            return True
        if buffer.octets.startswith((b"\r\n", b"\n")):
            self._empty_lines += 1
            if self._empty_lines > self._limits.interim:
                self._start = buffer.start
                most = self._limits.interim
                self._note(dev.HEAD_TOO_LARGE, self._start, self._start + 1, limit=most, unit=N_("empty lines"))
                self._lose(Rule.LIMIT)
                return True
            stop = buffer.start + (1 if buffer.octets[0] == 0x0A else 2)
            self._note(dev.EMPTY_LINE_BEFORE, buffer.start, stop)
            out.append(Element(ElementKind.EMPTY_LINE, buffer.start, stop))
            buffer.take(stop - buffer.start)
            return True
        self._start = buffer.start
        if self.direction is Direction.RESPONSE and len(buffer) < len(_HTTP) and not self._ended:
            return False
        if self._is_foreign():
            return True
        stop = self._head_stop()
        if stop < 0:
            return False
        if stop:
            raw = bytes(buffer.octets[:stop])
            buffer.take(stop)
            self._begin_with(raw, out)
        return True

    def _is_foreign(self) -> bool:
        """Recognize what is no HTTP/1.1 by its first octets."""
        octets = self._buffer.octets
        if self.direction is Direction.RESPONSE:
            if not octets.startswith(_HTTP) and not _HTTP.startswith(octets):
                tls = octets[:2] == b"\x15\x03"
                self._note(dev.NOT_HTTP_TLS if tls else dev.NOT_HTTP, self._start, self._start + min(5, len(octets)))
                self._lose(Rule.NOT_HTTP)
                return True
        elif octets[0] in _LETTERS and octets[0] != _P:
            return False
        elif octets.startswith((b"\xff\xfe", b"\xfe\xff")):
            mark = bytes(octets[:2])
            self._note(dev.BYTE_ORDER_MARK, self._start, self._start + 2, encoding="UTF-16", octets=mark.hex(" "))
            self._lose(Rule.START_LINE)
            return True
        elif octets.startswith(_TLS):
            self._note(dev.TLS_REQUEST, self._start, self._start + len(_TLS))
            self._lose(Rule.NOT_HTTP)
            return True
        elif octets.startswith(_PREFACE):
            self._note(dev.HTTP2_PREFACE, self._start, self._start + len(_PREFACE))
            self._lose(Rule.NOT_HTTP)
            return True
        return False

    def _head_stop(self) -> int:
        """The index after the blank line; -1 when it has not come yet, 0 when the head is over a limit."""
        buffer, limit = self._buffer, self._limits.head
        request = self.direction is Direction.REQUEST
        if request and buffer.octets[0] == _P and not self._ended and _PREFACE.startswith(buffer.octets):
            return -1
        found = grammar.HEAD_END.search(buffer.octets, max(0, buffer.searched - 2), limit)
        stop = found.end() if found else 0
        if stop and buffer.octets.count(b"\n", 0, stop) <= self._limits.lines:
            return stop
        if not stop and len(buffer) < limit:
            buffer.searched = len(buffer)
            return -1
        most, unit = (self._limits.lines, N_("lines")) if stop else (limit, N_("bytes"))
        self._note(dev.HEAD_TOO_LARGE, self._start, self._start + (stop or limit), limit=most, unit=unit)
        self._lose(Rule.LIMIT)
        return 0

    def _begin_with(self, raw: bytes, out: list[Event]) -> None:
        head, lines = parse_head(raw, self._start, self.direction, self._note)
        out.append(head)
        method = self._methods[0] if self._methods else None
        self._in_message = True
        self._head = head
        self._content_start = head.stop
        self._framing = framing = self._decide(head, lines, method, self._note)
        kind = framing.kind
        if kind is Kind.CHUNKED:
            self._reader = self._chunks(self._limits, self._note, detail=self._detail)
        elif kind is Kind.NONE or framing.length == 0:
            self._end(out, complete=True)
        elif kind is Kind.TUNNEL:
            self._reader = RunReader(ElementKind.TUNNEL)
        elif kind is Kind.UNDECIDABLE:
            self._reader = RunReader(ElementKind.UNDECIDED)
        else:
            self._reader = RunReader(ElementKind.CONTENT, framing.length)

    def _lose(self, rule: Rule) -> None:
        """From here on the octets can't be read: they are one run, up to the close."""
        if not self._in_message:
            self._in_message = True
            self._content_start = self._start
        overrode = self._framing.overrode if self._framing else ()
        self._framing = Framing(Kind.UNDECIDABLE, rule, overrode=overrode)
        self._reader = RunReader(ElementKind.UNDECIDED)

    # The end of a message.

    def _end(self, out: list[Event], *, complete: bool) -> None:
        reader = self._reader
        of_content = (reader.octets, reader.chunks, reader.trailers) if reader else (0, 0, ())
        at = (self._start, self._content_start, self._buffer.start)
        made = (self.direction, *at, self._head, self._framing, complete, *of_content, tuple(self.findings), None)
        message = tuple.__new__(Message, made)  # as Message would: a call with so many names is a tenth of a small head
        out.append(message)
        if self.findings:
            self.findings = []
            self._counts = {}
        self._in_message = False
        self._empty_lines = 0
        self._reader = self._head = self._framing = None
        if self.direction is Direction.RESPONSE and message.interim:
            self._count_interim(message)
        else:
            self._interim = self._interim_octets = 0
            if self._methods:
                self._methods.popleft()

    def _count_interim(self, message: Message) -> None:
        self._interim += 1
        self._interim_octets += message.stop - message.start
        over = None
        if self._interim > self._limits.interim:
            over = (self._limits.interim, N_("responses"))
        elif self._interim_octets > self._limits.head:
            over = (self._limits.head, N_("bytes"))
        if over:
            self._start = self._buffer.start
            self._note(dev.INTERIM_TOO_MANY, message.start, message.stop, limit=over[0], unit=over[1])
            self._lose(Rule.LIMIT)

    def _begin_partial(self, out: list[Event]) -> None:
        """The octets ended inside a head: read what there is of it."""
        buffer = self._buffer
        self._start = buffer.start
        self._in_message = True
        self._content_start = self.offset
        request = self.direction is Direction.REQUEST
        if request or b"\n" in buffer.octets:
            raw = bytes(buffer.octets)
            buffer.take(len(raw))
            self._head, _ = parse_head(raw, self._start, self.direction, self._note)
            out.append(self._head)
        if request and not any(finding.deviation is dev.HTTP09_REQUEST for finding in self.findings):
            self._note(dev.HEAD_UNTERMINATED, self.offset, self.offset)

    def _note_short(self) -> None:
        """A request whose content ends early makes its server wait; a response's is the exchange's outcome."""
        reader, framing = self._reader, self._framing
        if self.direction is Direction.RESPONSE or not framing or not reader:
            return
        end = self.offset
        if framing.kind is Kind.LENGTH and framing.length is not None:
            self._note(dev.CONTENT_SHORT, end, end, octets=reader.octets, missing=framing.length - reader.octets)
        elif framing.kind is Kind.CHUNKED:
            self._note(dev.CHUNKS_UNTERMINATED, end, end)

    def _note(self, deviation: Deviation, start: int, stop: int, **details: object) -> None:
        count = self._counts[deviation.id] = self._counts.get(deviation.id, 0) + 1
        if count <= _FINDINGS_KEPT:
            self.findings.append(Finding(deviation, self.direction, start, stop, details))
