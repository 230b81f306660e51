"""How a transfer ended, in sentences: why an answer is over, what is missing of it, what was kept.

In: the Connection, what was saved and examined, and a Translator. Out: sentences, in the
translator's language, for the account and for the line that tells a failure. Pure.
"""

from __future__ import annotations

from httpwire.capture.model import Connection, Ending
from httpwire.language import N_, Translator
from httpwire.views.text import printable
from httpwire.wire.deviations import Reaction
from httpwire.wire.element import Direction
from httpwire.wire.exchange import Exchange, Outcome
from httpwire.wire.framing import Kind
from httpwire.wire.message import Message

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from httpwire.capture.raw import Saving
    from httpwire.wire.preflight import Examination

ENDINGS = {
    Ending.COMPLETE: N_("every answer is complete"),
    Ending.TUNNEL_SILENT: N_("the tunnel was silent until the time-out"),
    Ending.CLOSED: N_("the server closed the connection"),
    Ending.TLS_TRUNCATED: N_("the TLS connection was closed without close_notify"),
    Ending.TIMED_OUT: N_("the time ran out"),
    Ending.INTERRUPTED: N_("it was interrupted"),
    Ending.NOT_CONNECTED: N_("no connection was made"),
    Ending.FAILED: N_("the connection broke"),
    Ending.OVER_LIMIT: N_("we stopped reading"),
    Ending.GIVEN_UP: N_("it was abandoned"),
}

#: What is read in each direction.
DIRECTIONS = {Direction.REQUEST: N_("request"), Direction.RESPONSE: N_("answer")}


def bytes_of(octets: int, tr: Translator) -> str:
    """A number of bytes."""
    return tr.plural("{n} byte", "{n} bytes", octets)


def path_of(path: str, tr: Translator) -> str:
    """The name of what is written, as it is shown."""
    return tr("standard output") if path == "-" else printable(path)


def name_of(name: str, tr: Translator) -> str:
    """The name of what is read, as it is shown."""
    return tr("standard input") if name == "-" else printable(name)


def ending(exchange: Exchange, connection: Connection, tr: Translator) -> str:
    """Why the answer of `exchange` is over: the rule, or what is missing."""
    ended = tr(ENDINGS[connection.ended]) if connection.ended else tr("no answer came")
    return end_of(exchange.response, ended, tr) if exchange.response else ended


def end_of(message: Message, ended: str, tr: Translator) -> str:
    """Why `message` is over: the rule, or what is missing of it since `ended`, a sentence."""
    framing = message.framing
    if framing is None:
        come = message.stop - message.start
        return tr("{ended} inside the head, after {n} bytes", ended=ended, n=f"{come:,}")
    rule = tr("{says} ({section})", says=tr(framing.rule.says), section=framing.rule.section)
    if framing.kind is Kind.UNDECIDABLE:
        return rule
    sizes = _sizes(message, tr)
    if message.complete:
        return tr("{rule}: {sizes}", rule=rule, sizes=sizes)
    if framing.kind is Kind.LENGTH and framing.length is not None:
        got, length = f"{message.octets:,}", f"{framing.length:,}"
        missing = tr("only {got} of {length} bytes of content arrived", got=got, length=length)
    elif framing.kind is Kind.CHUNKED:
        missing = tr("the last chunk did not arrive; {sizes}", sizes=sizes)
    else:
        missing = sizes
    return tr("{ended}: {of}", ended=ended, of=missing)


def _sizes(message: Message, tr: Translator) -> str:
    head = message.content_start - message.start
    content = bytes_of(message.octets, tr)
    if message.framing and message.framing.kind is Kind.CHUNKED:
        content = tr.plural("{size} in {n} chunk", "{size} in {n} chunks", message.chunks, size=content)
    return tr("head {head} bytes, content {content}", head=f"{head:,}", content=content)


def shortcoming(connection: Connection | None, tr: Translator) -> str:
    """Why what came back is not good enough, where nothing failed on our side."""
    if connection is None or not connection.received:
        return tr("the server closed the connection without an answer")
    for exchange in connection.exchanges:
        if not exchange.complete:
            why = ending(exchange, connection, tr)
            if exchange.outcome is Outcome.UNDECIDABLE:
                return tr("where the answer ends can't be known: {why}", why=why)
            return tr("the answer was cut short: {why}", why=why)
    return tr("the answers were cut short")


def why_it_waits(examination: Examination, tr: Translator) -> Iterator[str]:
    """What in the request itself makes a server wait, and how to mend it."""
    for finding in examination.findings:
        if finding.deviation.apache is Reaction.WAITS:
            says = tr.sentence(finding.deviation.says, finding.details)
            yield tr("the request itself makes the server wait: {says}", says=says)
            if finding.deviation.repair:
                yield tr("repair: {flag}", flag=finding.deviation.repair)
            return


def kept(saving: Saving, connection: Connection | None, tr: Translator, *, earlier: bool) -> str:
    """What there is of an answer that is not complete, and where; `earlier` says that another one stays."""
    if not saving.octets:
        received = connection.received if connection else 0
        return tr("nothing could be saved") if received else tr("nothing was received")
    path = path_of(saving.saved, tr)
    sentence = tr("{size} of the answer kept in {path}", size=bytes_of(saving.octets, tr), path=path)
    if earlier and saving.saved != saving.path:
        sentence += tr(", {path} is as it was", path=printable(saving.path))
    return sentence
