"""The account of a transfer for programs: one JSON object with stable keys.

In: what was examined, edited, recorded and saved. Out: a dict of plain values. Texts are
English; octets are latin-1 strings, one character an octet; times are seconds.
"""

from __future__ import annotations

from httpwire.capture.model import Connection, EventKind
from httpwire.views.origin import gaps_object, origin_object
from httpwire.wire.exchange import Timing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from httpwire.capture.raw import Outgoing, Saving
    from httpwire.capture.reading import Reading
    from httpwire.wire.deviations import Finding
    from httpwire.wire.exchange import Exchange
    from httpwire.wire.message import Message
    from httpwire.wire.preflight import Examination


def report(
    outgoing: Outgoing | None,
    examination: Examination | None,
    connection: Connection | None,
    saving: Saving | None,
    failure: dict[str, str] | None,
    exit_status: int,
) -> dict[str, Any]:
    """The object that `--json` prints; what did not come to be is null."""
    return {
        "exit_status": exit_status,
        "complete": exit_status == 0,
        "error": failure,
        "request": outgoing
        and examination
        and {
            "path": outgoing.name,
            "octets": outgoing.octets,
            **_captured(outgoing),
            "requests": examination.requests,
            "answers_expected": examination.answers,
            "findings": findings_of(examination.findings),
            "findings_unlisted": examination.unlisted,
            "edits": [{"offset": p.offset, "old": text_of(p.old), "new": text_of(p.new)} for p in outgoing.patches],
        },
        "connection": connection and _connection(connection),
        "exchanges": [_exchange(exchange, connection.began_ns) for exchange in connection.exchanges]
        if connection
        else [],
        "findings": findings_of(connection.findings) if connection else [],
        "saved": saving and {"path": saving.saved or None, "octets": saving.octets},
    }


def _connection(connection: Connection) -> dict[str, Any]:
    tls, extra = connection.tls, connection.conversation.extra
    times = connection.times
    began = connection.began_ns

    return {
        "target": connection.target,
        "peer": connection.peer or None,
        "local": connection.local or None,
        "tls": tls and {"version": tls.version, "cipher": tls.cipher, "alpn": tls.alpn, "verified": tls.verified},
        "began_at": connection.began_at,
        "sent": connection.sent,
        "received": connection.received,
        "ended": connection.ended and connection.ended.value,
        "after_end": extra and {"start": extra.start, "stop": extra.stop},
        "times": {
            "connect": _since(began, times.get(EventKind.CONNECTED)),
            "tls": _since(began, times.get(EventKind.TLS)),
            "sent": _since(began, times.get(EventKind.SENT_ALL)),
            "first_byte": _since(began, connection.first_octet_ns),
            "total": _since(began, times.get(EventKind.ENDED)),
        },
    }


def _since(began: int, at: int | None) -> float | None:
    return None if at is None else (at - began) / 1e9


def _exchange(exchange: Exchange, began: int) -> dict[str, Any]:
    request = exchange.request
    return {
        "outcome": exchange.outcome.value,
        "request": request
        and {
            "method": text_of(request.method),
            "target": text_of(request.target),
            "start": request.start,
            "stop": request.stop,
            "complete": request.complete,
        },
        "interim": [_response(message) for message in exchange.interim],
        "response": exchange.response and _response(exchange.response),
        "findings": findings_of(exchange.findings),
        "times": {name: _since(began, at) for name, at in zip(Timing.FIELDS, exchange.timing, strict=True)},
    }


def _response(message: Message) -> dict[str, Any]:
    return {
        "status": message.status or None,
        "reason": text_of(message.reason),
        "version": text_of(message.head.line.version) if message.head else "",
        "fields": [[text_of(field.name), text_of(field.value)] for field in message.fields],
        "trailers": [[text_of(field.name), text_of(field.value)] for field in message.trailers],
        "start": message.start,
        "content_start": message.content_start,
        "stop": message.stop,
        "content_octets": message.octets,
        "chunks": message.chunks,
        "complete": message.complete,
        "framing": framing_of(message),
    }


def reading_of(reading: Reading) -> dict[str, Any]:
    """A file, or a side of an exchange of a capture, and what it is read as."""
    source = reading.source
    return {
        "path": source.name,
        "octets": source.octets,
        **_captured(source),
        "direction": reading.direction.value,
    }


def _captured(source: Outgoing) -> dict[str, Any]:
    """What is said of octets of a capture beside: that they are not the wire's (or null), and what is missing."""
    return {"reconstructed": origin_object(source.facts), "missing": gaps_object(source)} if source.facts else {}


def framing_of(message: Message) -> dict[str, Any] | None:
    """How a message is delimited, and why."""
    framing = message.framing
    if framing is None:
        return None
    return {
        "kind": framing.kind.value,
        "rule": framing.rule.id,
        "says": framing.rule.says,
        "section": framing.rule.section,
        "length": framing.length,
        "overrode": [text_of(field.name) for field in framing.overrode],
    }


def findings_of(findings: Iterable[Finding]) -> list[dict[str, Any]]:
    """Findings by their ids, with where they are."""
    return [
        {
            "id": finding.deviation.id,
            "severity": finding.deviation.severity.value,
            "direction": finding.direction.value,
            "start": finding.start,
            "stop": finding.stop,
            "section": finding.deviation.section,
            "message": str(finding),
            "repair": finding.deviation.repair or None,
        }
        for finding in findings
    ]


def text_of(octets: bytes) -> str:
    """Octets as a string with one character for each."""
    return octets.decode("latin-1")
