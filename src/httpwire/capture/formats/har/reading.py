"""Reads a HAR: each entry becomes a connection of its own with one exchange.

In: a Source. Out: events to a Sink, one entry after the other; what is in memory is one entry. What
could be read before a fault is given to the sink.
"""

from __future__ import annotations

import re

from httpwire.capture.formats.har import costs
from httpwire.capture.formats.har.messages import Url, method_of, request_of, response_of, url_of
from httpwire.capture.formats.har.scanner import Scanner
from httpwire.capture.formats.har.values import mapping, moment_ns, span_ns, text
from httpwire.capture.model import Ending, EventKind, TlsFacts
from httpwire.capture.toll import CONNECTIONS, NO_ANSWER, SEGMENT_TIMES
from httpwire.capture.traffic import ConnectionFacts
from httpwire.wire.element import Direction

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from httpwire.capture.formats.har.messages import Made
    from httpwire.capture.source import Source
    from httpwire.capture.toll import Cost, Toll
    from httpwire.capture.traffic import Sink

_ADDRESS = r"\[?([0-9A-Fa-f.:]{2,45})(?:%[0-9A-Za-z]+)?\]?"
_MADE_AGAIN = frozenset(costs.MADE_AGAIN)
_SKIPPED = frozenset((costs.BAD_FIELDS, costs.BAD_CONTENT))


def read(source: Source, sink: Sink, toll: Toll) -> None:
    """Give the exchanges of the HAR in `source` to `sink`. Raises RecordingBroken, RecordingUnreadable, SaveFailed."""
    for entry in Scanner(source).entries():
        _read_entry(mapping(entry), sink, toll)


def _read_entry(entry: dict[str, Any], sink: Sink, toll: Toll) -> None:
    request = mapping(entry.get("request"))
    told = text(request.get("url")).strip()
    method = method_of(request)
    url = url_of(told, method)
    if not url or not method:
        other = re.match(r"(?!(?:https?|wss?):)[A-Za-z][A-Za-z0-9+.\-]*:", told)
        toll.skip(costs.NOT_HTTP if other and not url else costs.UNUSABLE)
        return
    asked = request_of(request, method, url)
    answer = response_of(mapping(entry.get("response")), method)
    counted: dict[Cost, int] = {costs.MESSAGES: 1}
    for made in (asked, answer) if answer else (asked,):
        for cost, count in made.costs.items():
            counted[cost] = max(counted.get(cost, 0), count) if cost in _MADE_AGAIN else count
    if _from_cache(entry):
        counted[costs.CACHED] = 1
    _tell(counted, toll)
    if not answer:
        toll.lose(NO_ANSWER)
    began = moment_ns(entry.get("startedDateTime"))
    if began is None:
        toll.lose(costs.BEGINNING)
    facts = ConnectionFacts(
        began or 0,
        server=_server(entry, url),
        target=f"{url.scheme}://{url.authority.decode('ascii')}",
        tls=_tls(entry, request) if url.secure else None,
        name=url.host if url.secure and not re.fullmatch(_ADDRESS, url.host) else "",
        origin="har",
        reconstructed=tuple(cost.id for cost in counted if cost in _MADE_AGAIN),
    )
    _put(sink, facts, asked, answer, mapping(entry.get("timings")))


def _tell(counted: dict[Cost, int], toll: Toll) -> None:
    toll.lose(SEGMENT_TIMES)
    toll.lose(CONNECTIONS)
    for cost, count in counted.items():
        if cost in _SKIPPED:
            toll.skip(cost, count)
        elif cost in _MADE_AGAIN and cost is not costs.OMITTED:
            toll.rebuild(cost)
        else:
            toll.lose(cost)


def _from_cache(entry: dict[str, Any]) -> bool:
    places = (entry, mapping(entry.get("response")))
    return any(place.get(name) for place in places for name in ("_fromCache", "_fetchedViaServiceWorker"))


def _server(entry: dict[str, Any], url: Url) -> str:
    found = re.match(_ADDRESS, text(entry.get("serverIPAddress")).strip())
    if not found:
        return ""
    return f"[{found[1]}]:{url.port}" if ":" in found[1] else f"{found[1]}:{url.port}"


def _tls(entry: dict[str, Any], request: dict[str, Any]) -> TlsFacts:
    """What is known of TLS, from Chromium's or Playwright's details, or Firefox's state."""
    details = mapping(entry.get("_securityDetails")) or mapping(mapping(entry.get("response")).get("_securityDetails"))
    version, cipher = (_word(details.get(name)) for name in ("protocol", "cipher"))
    spoken = text(request.get("httpVersion")).strip().lower()
    alpn = {"h2": "h2", "http/2": "h2", "http/2.0": "h2", "h3": "h3", "http/3": "h3", "http/3.0": "h3"}.get(spoken, "")
    secure = entry.get("_securityState") == "secure"
    return TlsFacts(re.sub(r"^TLS ", "TLSv", version), cipher, alpn, verified=secure)


def _word(value: object) -> str:
    found = re.fullmatch(r"[\x20-\x7e]{1,100}", text(value))
    return found[0] if found else ""


def _put(sink: Sink, facts: ConnectionFacts, asked: Made, answer: Made | None, timings: dict[str, Any]) -> None:
    """Give `sink` the connection, with its events at the times that the HAR has."""
    blocked, dns, connect, ssl, send, wait, receive = (
        span_ns(timings.get(name)) for name in ("blocked", "dns", "connect", "ssl", "send", "wait", "receive")
    )
    connection = sink.open(facts)
    now = max(blocked, 0) + max(dns, 0)
    if connect > 0:
        sink.event(connection, now, None, EventKind.TRY, facts.server.encode("ascii"))
        now += connect
        handshake = max(min(ssl, connect), 0)
        sink.event(connection, now - handshake, None, EventKind.CONNECTED)
        if facts.tls and handshake:
            sink.event(connection, now, None, EventKind.TLS)
    for at_ns, block in _spread(asked, now, now + max(send, 0)):
        now = at_ns
        sink.event(connection, now, Direction.REQUEST, EventKind.SEGMENT, block)
    sink.event(connection, now, Direction.REQUEST, EventKind.SENT_ALL)
    if answer:
        now += max(wait, 0)
        for at_ns, block in _spread(answer, now, now + max(receive, 0)):
            now = at_ns
            sink.event(connection, now, Direction.RESPONSE, EventKind.SEGMENT, block)
    ending = Ending.CLOSED if answer else Ending.UNSEEN
    sink.event(connection, now, Direction.RESPONSE, EventKind.ENDED, ending.value.encode("ascii"))
    sink.event(connection, now, None, EventKind.END)


def _spread(made: Made, first_ns: int, last_ns: int) -> list[tuple[int, bytes]]:
    """The octets of a message and when they were on the wire: the head at first, the rest at last."""
    head, content = made.head, made.content
    if first_ns == last_ns:
        return [(first_ns, head + content)] if len(content) < _JOINED else [(first_ns, head), (first_ns, content)]
    if not content:
        head, content = head[:-2], head[-2:]
    return [(first_ns, head), (last_ns, content)]


_JOINED = 64 << 10  # octets of content that are no segment of their own
