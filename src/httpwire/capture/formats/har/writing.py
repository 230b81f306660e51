"""Writes a HAR 1.2: an object of entries, one a line.

In: a capture, and the numbers of exchanges. Out: JSON to an Output, entry by entry, content in blocks.
What a HAR has no place for is told to the toll, once for each exchange.
"""

from __future__ import annotations

import re

from httpwire import __version__
from httpwire.capture.formats.har import costs
from httpwire.capture.formats.har.content import Body, as_json
from httpwire.capture.formats.har.cookies import cookies_of, set_cookies_of
from httpwire.capture.formats.har.messages import head_of
from httpwire.capture.formats.har.octets import STILL_CODED
from httpwire.capture.formats.har.values import moment
from httpwire.capture.model import EventKind
from httpwire.capture.reading import Reading
from httpwire.capture.toll import ADDRESSES, NO_ANSWER, NO_REQUEST, SEGMENT_TIMES, TLS_FACTS
from httpwire.errors import RecordingBroken, RecordingUnreadable
from httpwire.wire import grammar
from httpwire.wire.element import Direction
from httpwire.wire.framing import Kind

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from httpwire.capture.raw import Outgoing
    from httpwire.capture.store.capture import Capture
    from httpwire.capture.store.entry import Entry
    from httpwire.capture.toll import Toll
    from httpwire.capture.traffic import ConnectionFacts, Output
    from httpwire.wire.message import Message

    #: What is written as JSON: a Body as a string, all else as it is.
    Told = dict[str, object]

_PIECES = 256 << 10  # characters that are written at once
_ABSOLUTE = rb"[A-Za-z][A-Za-z0-9+.\-]*://"
_NOT_KNOWN = -1


def write(capture: Capture, entries: Iterable[Entry], output: Output, toll: Toll) -> None:
    """Write the exchanges `entries` of `capture`. Raises SaveFailed, RecordingUnreadable, RecordingBroken."""
    log = {"version": "1.2", "creator": {"name": "httpwire", "version": __version__}}
    pieces = _Pieces(output)
    pieces.add('{"log": ' + as_json(log)[:-1] + ', "entries": [')
    separator = "\n"
    try:
        for entry in entries:
            told = _Exchange(capture, entry, toll).told()
            if told is None:
                continue
            pieces.add(separator)
            for piece in _json(told):
                pieces.add(piece)
            separator = ",\n"
    except (RecordingBroken, RecordingUnreadable):
        pieces.flush()  # what is before the fault
        raise
    pieces.add("\n]}}\n")
    pieces.flush()


class _Pieces:
    """Joins small pieces: each write of an Output is one of the system."""

    def __init__(self, output: Output) -> None:
        self._output = output
        self._waiting: list[str] = []
        self._size = 0

    def add(self, piece: str) -> None:
        self._waiting.append(piece)
        self._size += len(piece)
        if self._size >= _PIECES:
            self.flush()

    def flush(self) -> None:
        self._output.write("".join(self._waiting).encode("utf-8"))
        self._waiting, self._size = [], 0


def _json(value: object) -> Iterator[str]:
    """The pieces of `value` as JSON."""
    if isinstance(value, Body):
        yield from value.json()
    elif isinstance(value, dict) and _holds_body(value):
        separator = "{"
        for name, member in value.items():
            yield f"{separator}{as_json(name)}: "
            yield from _json(member)
            separator = ", "
        yield "}"
    else:
        yield as_json(value)


def _holds_body(value: object) -> bool:
    return isinstance(value, Body) or (isinstance(value, dict) and any(map(_holds_body, value.values())))


class _Side:
    """A message and its fields, which are read once."""

    def __init__(self, message: Message) -> None:
        self.message = message
        self.fields = message.fields
        self._values: dict[bytes, list[bytes]] = {}
        for field in self.fields:
            self._values.setdefault(field.name.lower(), []).append(field.value)

    def values(self, name: bytes) -> list[bytes]:
        return self._values.get(name, [])

    def value(self, name: bytes) -> bytes:
        return self._values[name][0] if name in self._values else b""

    def body(self, source: Outgoing) -> Body:
        return Body(self.message, source, self.value(b"content-type"), self.values(b"content-encoding"))

    @property
    def listed(self) -> list[dict[str, str]]:
        """The fields as a HAR lists them."""
        return [{"name": _text(field.name), "value": _text(field.value)} for field in self.fields]

    @property
    def is_usual(self) -> bool:
        """Whether a HAR's names and values give the octets of the head."""
        head = self.message.head
        if head is None:
            return False
        line = head.line
        if self.message.direction is Direction.RESPONSE:
            first = b"%s %d %s" % (line.version, line.status, line.reason)
        else:
            first = b"%s %s %s" % (line.method, line.target, line.version)
            usual = line.target.startswith(b"/") or line.target == b"*" or line.method == b"CONNECT"
            if not usual or b"#" in line.target:
                return False
        return head.raw == head_of(first, [(field.name, field.value) for field in self.fields])


class _Exchange:
    """One exchange on its way into a HAR."""

    def __init__(self, capture: Capture, entry: Entry, toll: Toll) -> None:
        self._capture = capture
        self._entry = entry
        self._toll = toll
        self._facts = capture.facts(entry.connection)

    def told(self) -> Told | None:
        """The entry, or None where it has no place in a HAR."""
        entry, toll = self._entry, self._toll
        asked = self._capture.octets(entry, Direction.REQUEST)
        request = next((part.message for part in Reading(asked, Direction.REQUEST).parts() if part.message), None)
        if not entry.request_stop - entry.request_start:
            toll.lose(NO_REQUEST)
            return None
        if not request or not request.head or not request.head.line.version or not request.method:
            toll.lose(costs.MALFORMED)
            return None
        answered = self._capture.octets(entry, Direction.RESPONSE)
        interim, response, rest = self._responses(Reading(answered, Direction.RESPONSE, [request.method]))
        sides = [_Side(message) for message in (request, response) if message]
        self._lose_of(sides, interim=interim, rest=rest or request.stop < asked.octets)
        started, time, timings = self._times()
        told: Told = {
            "startedDateTime": moment(started),
            "time": time,
            "request": self._request(sides[0], sides[0].body(asked)),
            "response": self._response(sides[1], sides[1].body(answered)) if response else _nothing(),
            "cache": {},
            "timings": timings,
        }
        address = re.fullmatch(r"\[?([0-9A-Fa-f:.]+)\]?:[0-9]+", self._facts.server)
        if address:
            told["serverIPAddress"] = address[1]
        told["connection"] = str(entry.connection)
        return told

    def _responses(self, reading: Reading) -> tuple[int, Message | None, bool]:
        """How many interim responses there are, the final one, and whether there are octets that are none."""
        interim, final, rest = 0, None, False
        for part in reading.parts():
            message = part.message
            if message is None or message.head is None or final:
                rest = True
            elif message.interim:
                interim += 1
            else:
                final = message
        return interim, final, rest

    def _lose_of(self, sides: list[_Side], *, interim: int, rest: bool) -> None:
        toll, facts = self._toll, self._facts
        toll.lose(SEGMENT_TIMES)
        if facts.client or facts.server:
            toll.lose(ADDRESSES)
        if facts.tls and any(facts.tls[:3]):
            toll.lose(TLS_FACTS)
        messages = [side.message for side in sides]
        if interim:
            toll.lose(costs.INTERIM)
        if any(message.trailers for message in messages):
            toll.lose(costs.TRAILERS)
        if any(message.chunks for message in messages):
            toll.lose(costs.CHUNKS)
        if not all(side.is_usual for side in sides):
            toll.lose(costs.HEAD_OCTETS)
        if rest or any(message.framing and message.framing.kind is Kind.UNDECIDABLE for message in messages):
            toll.lose(costs.OUTSIDE)
        if any(m.framing and m.framing.kind is Kind.TUNNEL and m.content_start < m.stop for m in messages):
            toll.lose(costs.SWITCHED)
        if len(sides) < 2:
            toll.lose(NO_ANSWER)
        elif not self._entry.complete:
            toll.lose(costs.CUT)

    def _lose_coding(self, body: Body) -> None:
        if body.decoded:
            self._toll.lose(costs.CODED)
        elif body.left_coded:
            self._toll.lose(costs.LEFT_CODED)

    def _request(self, side: _Side, body: Body) -> Told:
        request, url = side.message, self._url(side)
        told: Told = {
            "method": _text(request.method),
            "url": url,
            "httpVersion": _text(request.head.line.version) if request.head else "",
            "cookies": cookies_of(side.values(b"cookie")),
            "headers": side.listed,
            "queryString": _query(url),
            "headersSize": request.content_start - request.start,
            "bodySize": body.on_wire,
        }
        if body.on_wire:
            post: Told = {"mimeType": _text(side.value(b"content-type")), "params": [], "text": body}
            if not body.text:
                post["_encoding"] = "base64"  # a HAR 1.2 has no member for it here
            if body.left_coded:
                post["comment"] = STILL_CODED
            told["postData"] = post
        self._lose_coding(body)
        return told

    def _response(self, side: _Side, body: Body) -> Told:
        response = side.message
        line = response.head.line if response.head else None
        content: Told = {"size": body.octets}
        if body.decoded:
            content["compression"] = body.octets - body.on_wire
        content["mimeType"] = _text(side.value(b"content-type"))
        content["text"] = body
        if not body.text:
            content["encoding"] = "base64"
        if body.left_coded:
            content["comment"] = STILL_CODED
        self._lose_coding(body)
        return {
            "status": response.status,
            "statusText": _text(response.reason),
            "httpVersion": _text(line.version) if line else "",
            "cookies": set_cookies_of(side.values(b"set-cookie")),
            "headers": side.listed,
            "redirectURL": _text(side.value(b"location")),
            "headersSize": response.content_start - response.start,
            "bodySize": body.on_wire,
            "content": content,
        }

    def _url(self, side: _Side) -> str:
        """What was asked for: RFC 9110 7.1."""
        request, target = side.message, side.message.target
        if re.match(_ABSOLUTE, target):
            return _text(target)
        scheme = b"https" if self._facts.secure else b"http"
        if request.method == b"CONNECT":
            return _text(b"%s://%s" % (scheme, target))
        host = _host(side.value(b"host"), self._facts)
        if target == b"*":
            return _text(b"%s://%s" % (scheme, host))
        return _text(b"%s://%s%s%s" % (scheme, host, b"" if target.startswith(b"/") else b"/", target))

    def _times(self) -> tuple[int, float, dict[str, float]]:
        """When it began (ns since 1970), how long it took, and the parts of that, in ms."""
        entry = self._entry
        started = entry.began_ns
        blocked = connect = ssl = _NOT_KNOWN
        if not entry.request_start:
            marks = {event.kind: event.at_ns for event in self._capture.milestones(entry.connection)}
            begun, connected = marks.get(EventKind.TRY), marks.get(EventKind.CONNECTED)
            before = entry.began_ns - self._facts.began_ns
            if begun is not None and connected is not None:
                ready = marks.get(EventKind.TLS, connected)
                if begun <= connected <= ready <= before:
                    connect, ssl = ready - begun, ready - connected if EventKind.TLS in marks else _NOT_KNOWN
                    blocked, started = before - connect, self._facts.began_ns
        answered = entry.response_ns
        sent = entry.request_ns or 0
        sent = sent if answered is None else min(sent, answered)
        wait = 0 if answered is None else answered - sent
        receive = 0 if answered is None or entry.ended_ns is None else max(entry.ended_ns - answered, 0)
        spans = {"blocked": blocked, "dns": _NOT_KNOWN, "connect": connect, "ssl": ssl}
        spans.update({"send": sent, "wait": wait, "receive": receive})
        whole = sum(span for name, span in spans.items() if span > 0 and name != "ssl")
        return started, whole / 1e6, {name: span if span < 0 else span / 1e6 for name, span in spans.items()}


def _nothing() -> Told:
    """The response where there was none, as browsers write it."""
    return {
        "status": 0,
        "statusText": "",
        "httpVersion": "",
        "cookies": [],
        "headers": [],
        "redirectURL": "",
        "headersSize": _NOT_KNOWN,
        "bodySize": _NOT_KNOWN,
        "content": {"size": 0, "mimeType": ""},
    }


def _text(octets: bytes) -> str:
    """Octets as characters, one for each (Fetch 2.2.2): so they come back."""
    return octets.decode("latin-1")


def _host(named: bytes, facts: ConnectionFacts) -> bytes:
    """The host that was asked: as the request names it, or else as the connection is known."""
    asked = facts.target.rpartition("://")[2].partition("/")[0]
    for host in (named, asked.encode("ascii", "replace"), facts.server.encode("ascii", "replace")):
        if grammar.HOST.fullmatch(host):
            return host
    return b"host.invalid"


def _query(url: str) -> list[dict[str, str]]:
    from urllib.parse import unquote_plus

    query = url.partition("#")[0].partition("?")[2]
    pairs = [pair.partition("=") for pair in query.split("&") if pair]
    return [{"name": unquote_plus(name), "value": unquote_plus(value)} for name, _, value in pairs]
