"""A capture's exchanges as plain files: a folder of requests and answers, or one file of either.

In: entries of a capture. Out: files as `record` and `send` write them, which `serve` serves, never over one that is
there: a folder's files are numbered behind those in it, under names made only of what is safe in a name.
"""

from __future__ import annotations

import os
from collections import deque
from itertools import chain

from httpwire.capture.arrival import Arrival, is_request
from httpwire.capture.formats.bare import WHEN, Facts
from httpwire.capture.keeping import PARTIAL, Folder
from httpwire.capture.model import Ending
from httpwire.capture.raw import Saving
from httpwire.capture.times import Times
from httpwire.capture.toll import CONNECTIONS, NO_ANSWER, NO_REQUEST, SEGMENT_TIMES, TLS_FACTS, Cost
from httpwire.errors import SaveFailed
from httpwire.language import N_
from httpwire.wire.element import Direction
from httpwire.wire.framing import Kind
from httpwire.wire.message import Message
from httpwire.wire.stream import Stream

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from httpwire.capture.raw import Outgoing
    from httpwire.capture.store.capture import Capture
    from httpwire.capture.store.entry import Entry
    from httpwire.capture.toll import Toll
    from httpwire.capture.traffic import ConnectionFacts, Output
    from httpwire.wire.stream import Event

ANSWERS = Cost("raw-answers", N_("answers: one file has the requests alone"))
REQUESTS = Cost("raw-requests", N_("requests: one file has the answers alone"))
UNBOUNDED = Cost("raw-unbounded", N_("messages whose end others behind them would hide"))

_LINES = 256  # of the index that are written at once


def write_folder(capture: Capture, entries: Iterable[Entry], folder: str, toll: Toll) -> int:
    """Write `entries` as files into `folder`, behind those that are there: requests as `record` writes them, answers
    beside them, so that `serve` serves them, with the times at which they came. Gives how many exchanges were written.

    Raises OutputUnwritable, SaveFailed, and what reading the capture raises."""
    facts = Facts(capture)
    keeping = Folder(folder)
    count = 0
    try:
        for count, entry in enumerate(entries, 1):  # it is given back
            _write_exchange(capture, entry, facts.of(entry), keeping, count, toll)
            if not count % _LINES:
                keeping.flush()
    finally:
        keeping.close()
    return count


def _write_exchange(
    capture: Capture, entry: Entry, facts: ConnectionFacts, keeping: Folder, number: int, toll: Toll
) -> None:
    request, response = (capture.octets(entry, direction) for direction in (Direction.REQUEST, Direction.RESPONSE))
    try:
        if entry.request_start or entry.response_start:
            toll.lose(CONNECTIONS)
        if facts.secure:
            toll.lose(TLS_FACTS)
        if entry.request_ns:
            toll.lose(SEGMENT_TIMES)
        if request.octets:
            stem = _write_request(entry, facts, request, keeping, number)
        else:
            toll.lose(NO_REQUEST)
            stem = os.path.join(keeping.path, f"{keeping.number(number):04}")
        if response.octets:
            _write_answer(capture, entry, response, f"{stem}.response", toll)
        else:
            toll.lose(NO_ANSWER)
    finally:
        request.close()
        response.close()


def _write_request(entry: Entry, facts: ConnectionFacts, request: Outgoing, keeping: Folder, number: int) -> str:
    """Write a request; gives the path of its file without the ending."""
    message, whole = _message(request, Direction.REQUEST)
    piece = keeping.piece(number)
    for block in request.blocks():
        piece.write(block)
    arrival = Arrival(
        number,
        entry.began_ns / 1e9,
        facts.client,
        entry.connection,
        entry.request_start,
        entry.request_stop,
        message,
        Ending.COMPLETE if whole else Ending.UNSEEN,
        name=facts.name,
    )
    more = {"exchange": entry.number, "server": facts.server, "for": facts.target, "tls": facts.secure}
    path = keeping.keep(piece, arrival, "" if whole else PARTIAL, more)
    return path.removesuffix(PARTIAL).removesuffix(".http")


def _write_answer(capture: Capture, entry: Entry, response: Outgoing, path: str, toll: Toll) -> None:
    if os.path.lexists(path):
        raise SaveFailed(path=path, why=N_("File exists"), errno=17)
    _copy(response, path, complete=entry.complete)
    if not entry.complete:
        toll.lose(SEGMENT_TIMES)
        return
    times = Times(path)
    for at, stop in capture.times(entry):
        times.write(round(at * 1e9), stop)
    times.finish(complete=True)


def _copy(octets: Outgoing, path: str, *, complete: bool) -> None:
    saving = Saving(path)
    try:
        for block in octets.blocks():
            saving.write(block)
    except BaseException:
        saving.finish(complete=False)
        raise
    saving.finish(complete=complete)


def write(
    capture: Capture,
    entries: Iterable[Entry],
    output: Output,
    toll: Toll,
    *,
    direction: Direction = Direction.REQUEST,
) -> None:
    """Write the requests of `entries` one behind the other, as `record` does into one file; or, where `direction` says
    so, their answers. What would hide where the next one begins is left out.

    Raises SaveFailed, and what reading the capture raises."""
    for entry in entries:
        octets = capture.octets(entry, direction)
        other = capture.octets(entry, Direction.RESPONSE if direction is Direction.REQUEST else Direction.REQUEST)
        try:
            if other.octets:
                toll.lose(ANSWERS if direction is Direction.REQUEST else REQUESTS)
            if not octets.octets:
                continue
            message, whole = _message(octets, direction, entry.method)
            framing = message.framing if message else None
            if not whole or not framing or framing.kind not in (Kind.NONE, Kind.LENGTH, Kind.CHUNKED):
                toll.skip(UNBOUNDED)
                continue
            toll.lose(WHEN)
            for block in octets.blocks():
                output.write(block)
        finally:
            octets.close()
            other.close()


def _message(octets: Outgoing, direction: Direction, method: str = "") -> tuple[Message | None, bool]:
    """The request or the final answer that `octets` begin with, and whether that is whole, and they are no more."""
    asked: deque[bytes | None] = deque((method.encode("latin-1") or None,))
    stream = Stream(direction, methods=asked if direction is Direction.RESPONSE else None)
    found: list[Message] = []
    for events in chain(octets.shown_to(stream), _last(stream)):
        found += [event for event in events if isinstance(event, Message) and not event.interim][: 2 - len(found)]
    if not found:
        return None, False
    message = found[0]
    tunnel = message.framing is not None and message.framing.kind is Kind.TUNNEL
    asks = direction is Direction.RESPONSE or is_request(message)
    return message, asks and (tunnel or (message.complete and message.stop == octets.octets))


def _last(stream: Stream) -> Iterator[list[Event]]:
    yield stream.feed_eof(cut=True)
