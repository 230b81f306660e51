"""GoReplay's files of recorded traffic (.gor): reading and writing.

In: records, each a line "TYPE ID TIME [LATENCY]" and a payload, ended by a line of three monkeys; type 1
is a request, 2 the answer to it, 3 an answer that a replay got. Out: a connection for each
request, with the answer of the same ID, whatever the order; and such files from a capture. The payloads
are the wire's octets in both directions. A payload of any size goes by in blocks.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from itertools import chain

from httpwire.capture.formats.bare import Facts, charge
from httpwire.capture.formats.spool import Spool
from httpwire.capture.model import Ending, EventKind
from httpwire.capture.source import Window
from httpwire.capture.toll import NO_ANSWER, NO_REQUEST, Cost
from httpwire.capture.traffic import ConnectionFacts
from httpwire.errors import RecordingUnreadable
from httpwire.language import N_
from httpwire.wire.element import Direction
from httpwire.wire.record import Record, at

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from httpwire.capture.raw import Outgoing
    from httpwire.capture.source import Source
    from httpwire.capture.store.capture import Capture
    from httpwire.capture.store.entry import Entry
    from httpwire.capture.toll import Toll
    from httpwire.capture.traffic import Output, Sink

NAME = "gor"
ENDINGS = (".gor",)

REPLAYED = Cost("gor-replayed", N_("answers that a replay got"))
MALFORMED = Cost("gor-malformed", N_("records whose first line is not GoReplay's"))
SEPARATOR_INSIDE = Cost("gor-separator", N_("exchanges in which GoReplay's separator of records occurs"))

_SEPARATOR = "\n🐵🙈🙉\n".encode()
_HEADER = re.compile(rb"([123]) ([^ \n]{1,200}) (-?[0-9]{1,19})(?: (-?[0-9]{1,19}))?(?: [^\n]{0,200})?\n")
_LONGEST = 1024  # octets of a record's first line
_BLOCK = 256 << 10
_WAITING = 16_384  # requests that wait for their answers
_EARLY = 128  # answers that wait for their requests
_HELD = 64 << 10  # octets of such an answer that are in memory
_LATEST = 1 << 62  # ns since 1970; both this and a latency fit into a capture


class _Line(Record):
    """The first line of a record: its type, its ID, when it began (ns since 1970), how long it took (ns)."""

    __slots__ = ()
    FIELDS = ("type", "id", "began_ns", "latency_ns")
    type: bytes = at(0)
    id: bytes = at(1)
    began_ns: int = at(2)
    latency_ns: int = at(3)

    @classmethod
    def of(cls, found: re.Match[bytes]) -> _Line:
        began, latency = int(found[3]), int(found[4] or 0)
        sound = 0 <= began <= _LATEST
        return tuple.__new__(cls, (found[1], found[2], began if sound else 0, latency if 0 < latency <= _LATEST else 0))


def recognises(first: bytes) -> bool:
    """Whether a file that begins with `first` is one of GoReplay's."""
    return _HEADER.match(first) is not None


def read(source: Source, sink: Sink, toll: Toll) -> None:
    """Give `sink` a connection for each request. Raises RecordingUnreadable, RecordingBroken, SaveFailed."""
    records = _Records(source)
    pairs = _Pairs(sink, toll)
    try:
        for line in records:
            if line is None:
                toll.skip(MALFORMED)
            elif line.type == b"1":
                pairs.request(line, records.payload())
            elif line.type == b"2":
                pairs.answer(line, records.payload())
            else:
                toll.skip(REPLAYED)
    finally:
        pairs.close()


class _Records(Window):
    """The records of a file: for each its first line (None: it has none), behind which its payload can be read."""

    def __init__(self, source: Source) -> None:
        super().__init__(source)
        self._inside = False  # the payload of a record has not been read to its end

    def __iter__(self) -> Iterator[_Line | None]:
        """Raises RecordingUnreadable, RecordingBroken."""
        first = True
        while self._fill(_LONGEST):
            found = _HEADER.match(self._buffer, self._at)
            if not found and first:
                why = N_("it does not begin with a record of GoReplay")
                raise RecordingUnreadable(path=self._source.name, why=why, errno=None)
            first = False
            if found:
                self._at = found.end()
            self._inside = not self._buffer.startswith(_SEPARATOR[1:], self._at)
            if not self._inside:  # an empty payload: the line's end is that of the separator, too
                self._at += len(_SEPARATOR) - 1
            yield _Line.of(found) if found else None
            for _ in self.payload():
                pass

    def payload(self) -> Iterator[bytes]:
        """The octets of the record under way, in blocks. Raises RecordingUnreadable, RecordingBroken."""
        while self._inside:
            end = self._buffer.find(_SEPARATOR, self._at)
            if end >= 0:
                self._inside = False
                piece = self._buffer[self._at : end]
                self._at = end + len(_SEPARATOR)
            else:
                safe = max(self._at, len(self._buffer) - len(_SEPARATOR) + 1)  # the separator may begin behind it
                piece = self._buffer[self._at : safe]
                self._at = safe
            if piece:
                yield piece
            if end < 0 and not self._more():
                yield from self._rest()

    def _rest(self) -> Iterator[bytes]:
        """What is left of the last record: it is cut, or an editor took the file's last line end."""
        self._inside = False
        rest = self._buffer[self._at :]
        self._at = len(self._buffer)
        whole = rest == _SEPARATOR[:-1]
        if rest and not whole:
            yield rest
        if not whole:
            raise self._source.broken(N_("it ends in the middle of a record"), self.offset)


class _Answer(Record):
    """An answer whose request has not come."""

    __slots__ = ()
    FIELDS = ("line", "octets")
    line: _Line = at(0)
    octets: Spool = at(1)

    def __new__(cls, line: _Line, octets: Spool) -> _Answer:
        return tuple.__new__(cls, (line, octets))


class _Pairs:
    """Requests and answers with the same ID, on their way into `sink`."""

    def __init__(self, sink: Sink, toll: Toll) -> None:
        self._sink = sink
        self._toll = toll
        # By ID: the connection, when it began, and when the request was out.
        self._asked: OrderedDict[bytes, tuple[int, int, int]] = OrderedDict()
        self._early: OrderedDict[bytes, _Answer] = OrderedDict()

    def request(self, line: _Line, payload: Iterable[bytes]) -> None:
        """Raises what reading the payload raises, and SaveFailed."""
        if line.id in self._asked:  # the ID is used again
            self._unanswered(*self._asked.pop(line.id))
        connection = self._sink.open(ConnectionFacts(line.began_ns, origin=NAME))
        self._asked[line.id] = connection, line.began_ns, line.latency_ns
        self._put(connection, Direction.REQUEST, 0, line.latency_ns, payload)
        self._sink.event(connection, line.latency_ns, Direction.REQUEST, EventKind.SENT_ALL)
        early = self._early.pop(line.id, None)
        if early:
            self._answered(early.line, early.octets.blocks())
        elif len(self._asked) > _WAITING:
            self._unanswered(*self._asked.popitem(last=False)[1])

    def answer(self, line: _Line, payload: Iterable[bytes]) -> None:
        """Raises what reading the payload raises, and SaveFailed."""
        if line.id in self._asked:
            self._answered(line, payload)
            return
        if line.id in self._early:
            self._alone(self._early.pop(line.id))
        octets = Spool(most=_HELD)
        self._early[line.id] = _Answer(line, octets)
        for piece in payload:
            octets.write(piece)
        if len(self._early) > _EARLY:
            self._alone(self._early.popitem(last=False)[1])

    def close(self) -> None:
        """No more will come. Raises SaveFailed."""
        for answer in self._early.values():
            self._alone(answer)
        for asked in self._asked.values():
            self._unanswered(*asked)

    def _answered(self, line: _Line, payload: Iterable[bytes]) -> None:
        connection, began_ns, sent_ns = self._asked.pop(line.id)
        self._answer(connection, max(sent_ns, line.began_ns - began_ns), line.latency_ns, payload)

    def _alone(self, answer: _Answer) -> None:
        self._toll.lose(NO_REQUEST)
        connection = self._sink.open(ConnectionFacts(answer.line.began_ns, origin=NAME))
        self._answer(connection, 0, answer.line.latency_ns, answer.octets.blocks())

    def _answer(self, connection: int, first_ns: int, latency_ns: int, payload: Iterable[bytes]) -> None:
        ending = Ending.UNSEEN
        try:
            self._put(connection, Direction.RESPONSE, first_ns, latency_ns, payload)
            ending = Ending.CLOSED
        finally:
            self._end(connection, first_ns + latency_ns, ending)

    def _put(
        self, connection: int, direction: Direction, first_ns: int, latency_ns: int, payload: Iterable[bytes]
    ) -> None:
        """Of the octets of a message, the last one came `latency_ns` after the first; no more is known of them."""
        held = b""
        try:
            for piece in payload:
                if held:
                    self._sink.event(connection, first_ns, direction, EventKind.SEGMENT, held)
                held = piece
        finally:
            if latency_ns and len(held) > 1:
                self._sink.event(connection, first_ns, direction, EventKind.SEGMENT, held[:-1])
                first_ns, held = first_ns + latency_ns, held[-1:]
            if held:
                self._sink.event(connection, first_ns, direction, EventKind.SEGMENT, held)

    def _unanswered(self, connection: int, _: int, sent_ns: int) -> None:
        self._toll.lose(NO_ANSWER)
        self._end(connection, sent_ns, Ending.UNSEEN)

    def _end(self, connection: int, moment: int, ending: Ending) -> None:
        self._sink.event(connection, moment, Direction.RESPONSE, EventKind.ENDED, ending.value.encode("ascii"))
        self._sink.event(connection, moment, None, EventKind.END)


def write(capture: Capture, entries: Iterable[Entry], output: Output, toll: Toll) -> None:
    """Write the requests and answers of `entries`, in plain text: the ID of both is the exchange's number.

    Raises SaveFailed, and what reading the capture raises."""
    facts = Facts(capture)
    for entry in entries:
        octets = [capture.octets(entry, direction) for direction in (Direction.REQUEST, Direction.RESPONSE)]
        try:
            if not all(map(_is_separable, octets)):
                toll.skip(SEPARATOR_INSIDE)
                continue
            charge(entry, facts.of(entry), toll)
            for kind, source, began, latency in zip(b"12", octets, *_times(entry), strict=True):
                if source.octets:
                    header = b"%c %024x %d %d\n" % (kind, entry.number, began, latency)
                    _put(output, header, source)
        finally:
            for source in octets:
                source.close()


def _times(entry: Entry) -> tuple[tuple[int, int], tuple[int, int]]:
    """When the request and the answer of `entry` began (ns since 1970), and how long they took (ns)."""
    request, first, last = entry.request_ns or 0, entry.response_ns, entry.ended_ns
    if first is None:
        first = request
    return (entry.began_ns, entry.began_ns + first), (request, max(0, (first if last is None else last) - first))


def _is_separable(octets: Outgoing) -> bool:
    """Whether the end of a record with these octets is the first separator in it."""
    behind = b"\n"  # the line before them ends so
    for block in chain(octets.blocks(), (_SEPARATOR[:-1],)):
        seen = behind + block
        if _SEPARATOR in seen:
            return False
        behind = seen[1 - len(_SEPARATOR) :]
    return True


def _put(output: Output, header: bytes, octets: Outgoing) -> None:
    """Write a record; a small one by one call."""
    if octets.octets <= _BLOCK:
        output.write(b"".join((header, *octets.blocks(), _SEPARATOR)))
        return
    output.write(header)
    for block in octets.blocks():
        output.write(block)
    output.write(_SEPARATOR)
