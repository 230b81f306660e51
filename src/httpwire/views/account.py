"""The short account of a transfer that a person reads: labelled lines.

In: what was examined, edited, recorded and saved, and a Translator. Out: lines as
(label, text), in the translator's language. Pure: nothing is printed or asked for here.
"""

from __future__ import annotations

from httpwire.capture.model import Connection, Ending, EventKind, WireEvent
from httpwire.language import N_, Translator
from httpwire.views.outcome import ENDINGS, bytes_of, ending, name_of
from httpwire.views.text import duration, printable, quoted, visible
from httpwire.wire.deviations import Deviation, Finding, Reaction
from httpwire.wire.element import Direction
from httpwire.wire.exchange import Outcome
from httpwire.wire.message import Message

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from httpwire.capture.raw import Outgoing
    from httpwire.wire.edit import Patch
    from httpwire.wire.preflight import Examination

    Line = tuple[str, str]

_SHOWN = 8  # patches, exchanges or findings of one kind, before the rest is only counted
_LABELS = {"error": N_("error"), "warning": N_("warning"), "note": N_("note")}
_REACTIONS = {
    Reaction.ACCEPTS: N_("accepts it"),
    Reaction.REFUSES: N_("answers 400"),
    Reaction.TOO_LARGE: N_("answers 413"),
    Reaction.NOT_IMPLEMENTED: N_("answers 501"),
    Reaction.BAD_VERSION: N_("answers 505"),
    Reaction.WAITS: N_("waits for more"),
    Reaction.NO_HEAD: N_("answers with content alone"),
}


def request_lines(outgoing: Outgoing, examination: Examination, tr: Translator) -> Iterator[Line]:
    """What is about to be sent."""
    size = bytes_of(outgoing.octets, tr)
    name = name_of(outgoing.name, tr)
    first = examination.first
    line = visible(b" ".join(part for part in first.head.line[:3] if part), 100) if first and first.head else ""
    if examination.requests > 1:
        several = tr.plural("{n} request", "{n} requests", examination.requests)
        yield tr("request"), tr("{name}: {several}, {size}", name=name, several=several, size=size)
    elif line:
        yield tr("request"), tr("{name}: {line}, {size}", name=name, line=line, size=size)
    else:
        yield tr("request"), tr("{name}: {size}", name=name, size=size)


def finding_lines(
    findings: Iterable[Finding], tr: Translator, *, notes: bool, unlisted: int = 0, repairs: bool = True
) -> Iterator[Line]:
    """Findings, those of one kind together: where the first is, what it is, and what servers do; with `repairs`, by
    which option of `send` it is mended."""
    groups: dict[Deviation, list[Finding]] = {}
    for finding in findings:
        groups.setdefault(finding.deviation, []).append(finding)
    for deviation, members in groups.items():
        severity = deviation.severity.value
        if severity == "note" and not notes:
            continue
        first = members[0]
        label = tr(_LABELS[severity])
        yield (
            label,
            tr(
                "offset {offset}: {says}",
                offset=f"{first.start:,}",
                says=tr.sentence(first.deviation.says, first.details),
            ),
        )
        details = [tr(deviation.why)]
        if len(members) > 1:
            others = ", ".join(f"{member.start:,}" for member in members[1 : 1 + _SHOWN])
            more = ", ..." if len(members) > 1 + _SHOWN else ""
            details.append(tr("also at offset {offsets}", offsets=others + more))
        if first.direction is Direction.REQUEST:
            details.append(servers(deviation, tr))
            if deviation.repair and repairs:
                details.append(tr("repair: {flag}", flag=deviation.repair))
        for detail in details:
            if detail:
                yield "", detail
    if unlisted:
        yield "", tr.plural("{n} more finding is not listed", "{n} more findings are not listed", unlisted)


def servers(deviation: Deviation, tr: Translator) -> str:
    """What real servers do with a request that has the deviation; empty where that is not known."""
    asked = (("Apache httpd 2.4", deviation.apache), ("nginx", deviation.nginx))
    known = [(name, reaction) for name, reaction in asked if reaction in _REACTIONS]
    return tr("; ").join(tr("{server} {does}", server=name, does=tr(_REACTIONS[does])) for name, does in known)


def patch_lines(patches: list[Patch], tr: Translator) -> Iterator[Line]:
    """Each edit as where, what was there, and what is sent in its place."""
    for patch in patches[:_SHOWN]:
        old, new = quoted(patch.old, 60), quoted(patch.new, 60)
        yield tr("edit"), tr("offset {offset}: {old} -> {new}", offset=f"{patch.offset:,}", old=old, new=new)
    if len(patches) > _SHOWN:
        rest = len(patches) - _SHOWN
        yield "", tr.plural("{n} more edit (--json lists it)", "{n} more edits (--json lists them)", rest)


def connected_line(connection: Connection, tr: Translator) -> Line:
    """Where the connection goes, and how long it took."""
    took = duration(connection.times[EventKind.CONNECTED] - connection.began_ns)
    text = tr("{peer} in {took}", peer=connection.peer, took=took)
    tls = connection.tls
    if tls:
        verified = tr("certificate verified") if tls.verified else tr("certificate not verified")
        parts = [tls.version, tls.cipher, f"ALPN {tls.alpn}" if tls.alpn else "", verified]
        text += ", " + ", ".join(part for part in parts if part)
    return tr("connected"), text


def event_line(event: WireEvent, connection: Connection, tr: Translator) -> Line:
    """One event with its time since the beginning, for the full account."""
    at = f"+{(event.at_ns - connection.began_ns) / 1e9:.6f}"
    if event.kind is EventKind.SEGMENT:
        sent = event.direction is Direction.REQUEST
        arrow, before = (">", connection.sent) if sent else ("<", connection.received)
        amount = bytes_of(len(event.data), tr)
        return at, f"{arrow} {amount} @{before:,} {quoted(event.data[:61], 60)}"
    says = {
        EventKind.TRY: N_("trying {data}"),
        EventKind.REFUSED: N_("failed: {data}"),
        EventKind.CONNECTED: N_("connected to {data}"),
        EventKind.TLS: N_("TLS handshake complete"),
        EventKind.SENT_ALL: N_("the request is sent"),
        EventKind.ENDED: N_("reading ended: {data}"),
        EventKind.END: N_("connection closed by us"),
    }[event.kind]
    data = visible(event.data)
    if event.kind is EventKind.ENDED:
        data = tr(ENDINGS[Ending(data)])
    elif event.kind is EventKind.REFUSED:
        address, _, why = data.rpartition(": ")
        data = f"{address}: {tr(why)}"
    return at, tr(says, data=data)


def sent_line(sent: int, whole: int, tr: Translator) -> Line:
    """How much of the request went out."""
    if sent == whole:
        return tr("sent"), bytes_of(sent, tr)
    return tr("sent"), tr("{sent} of {whole} bytes: no more was taken", sent=f"{sent:,}", whole=f"{whole:,}")


def answer_lines(connection: Connection, expected: int, tr: Translator) -> Iterator[Line]:
    """What came back, and why it is (or is not) complete. `expected` answers were awaited."""
    exchanges = connection.exchanges
    if connection.ended is Ending.COMPLETE:  # left-over octets that nobody owed an answer are told as a finding
        exchanges = [exchange for exchange in exchanges if exchange.outcome is not Outcome.NO_ANSWER]
    for exchange in exchanges[:_SHOWN]:
        for message in (*exchange.interim[:_SHOWN], exchange.response):
            if message and message.head and message.head.line.version:
                yield tr("answer"), _status_line(message)
        if len(exchange.interim) > _SHOWN:
            unshown = len(exchange.interim) - _SHOWN
            yield "", tr.plural("{n} more interim response", "{n} more interim responses", unshown)
        yield tr(_OUTCOMES[exchange.outcome]), ending(exchange, connection, tr)
    if len(exchanges) > _SHOWN:
        rest = exchanges[_SHOWN:]
        complete = sum(exchange.complete for exchange in rest)
        yield "", tr("{n} more, {complete} of them complete", n=f"{len(rest):,}", complete=f"{complete:,}")
    if expected > 1:
        answered = connection.conversation.answered
        yield tr("answers"), tr("{answered} of {expected}", answered=f"{answered:,}", expected=f"{expected:,}")


_OUTCOMES = {
    Outcome.COMPLETE: N_("complete"),
    Outcome.INCOMPLETE: N_("incomplete"),
    Outcome.UNDECIDABLE: N_("undecidable"),
    Outcome.NO_ANSWER: N_("no answer"),
}


def _status_line(message: Message) -> str:
    line = message.head.line if message.head else None
    return visible(b" ".join((line.version, b"%03d" % line.status, line.reason)).rstrip(), 200) if line else ""


def content_lines(connection: Connection, path: str, expected: int, tr: Translator) -> Iterator[Line]:
    """That the content is encoded, and how to read it."""
    if expected != 1:
        return
    for exchange in connection.exchanges:
        response = exchange.response
        coding = response.values(b"content-encoding")[-1:] if response and response.octets else []
        if not coding:
            continue
        text = visible(coding[0], 40)
        if path in ("", "-"):
            yield tr("content"), tr("{coding}-coded", coding=text)
        else:
            command = f"httpwire show {_shell(path)}"
            yield tr("content"), tr("{coding}-coded; to read it: {command}", coding=text, command=command)


def _shell(path: str) -> str:
    import shlex

    return shlex.quote(printable(path))


def times_line(connection: Connection, tr: Translator) -> Line:
    """How long it took to connect, to the first octet of the answer, and in all."""
    began = connection.began_ns
    parts = []
    for label, at in (
        (N_("connect {took}"), connection.times.get(EventKind.CONNECTED)),
        (N_("TLS {took}"), connection.times.get(EventKind.TLS)),
        (N_("first byte {took}"), connection.first_octet_ns),
        (N_("total {took}"), connection.times.get(EventKind.ENDED)),
    ):
        if at is not None:
            parts.append(tr(label, took=duration(at - began)))
    return tr("times"), ", ".join(parts)
