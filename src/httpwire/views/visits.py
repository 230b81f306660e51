"""What a server tells a person: the answers it holds, and each request as it comes, as labelled lines.

In: Answers, Arrivals, and a Translator. Out: lines as (label, text), in the translator's
language. Pure: nothing is printed or asked for here.
"""

from __future__ import annotations

from httpwire.capture.arrival import Arrival, is_request
from httpwire.capture.model import Ending
from httpwire.language import N_, Translator
from httpwire.views.account import finding_lines
from httpwire.views.origin import LABEL, origin_told
from httpwire.views.outcome import bytes_of, end_of, name_of, path_of
from httpwire.views.text import printable, visible
from httpwire.wire.element import Direction
from httpwire.wire.framing import Kind
from httpwire.wire.head import Head
from httpwire.wire.mismatch import mismatches
from httpwire.wire.stream import Stream

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from httpwire.capture.answers import Answer, Answers
    from httpwire.views.account import Line
    from httpwire.wire.message import Message

_LOOKED_AT = 64 << 10  # octets of what may be a request
_MARKS = (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")  # UTF-8's, UTF-16's
_SHOWN = 20  # answers, before the rest is only counted

_LABELS = {Ending.COMPLETE: N_("request"), Ending.SURPLUS: N_("surplus")}
_ENDINGS = {
    Ending.CLOSED: N_("the client closed the connection"),
    Ending.FAILED: N_("the connection broke"),
    Ending.TIMED_OUT: N_("the time ran out"),
    Ending.OVER_LIMIT: N_("a limit of httpwire was exceeded"),
    Ending.INTERRUPTED: N_("it was interrupted"),
    Ending.GIVEN_UP: N_("httpwire ended first"),
    Ending.SURPLUS: N_("it is whole, and one more than were asked for"),
    Ending.REFUSED: N_("it can't be read as a request"),
}


def answers_lines(
    answers: Answers, left_out: Iterable[tuple[str, str]], tr: Translator, *, notes: bool
) -> Iterator[Line]:
    """The answers that are to be served, to which requests, and what deviates in them."""
    for answer in answers.first(_SHOWN):
        response = answer.recorded.response
        line = response.head.line if response and response.head else None
        status = visible(b" ".join((line.version, b"%03d" % line.status, line.reason)).strip(), 60) if line else ""
        if answer is answers.single:
            asked = tr("every request")
        elif answer.request:
            asked = _asked(answer.request)
        else:
            asked = tr("any other request")
        facts = {"name": name_of(answer.name, tr), "size": bytes_of(answer.size, tr), "asked": asked}
        if status:
            yield tr("answer"), tr("{name}: {status}, {size}, to {asked}", **facts, status=status)
        else:
            yield tr("answer"), tr("{name}: {size}, to {asked}", **facts)
        if reconstructed := origin_told(answer.source.facts, tr):
            yield tr(LABEL), reconstructed
        yield "", tr(_then(answer))
        if answer.faults.cut_at is not None and not answer.is_cut:
            yield tr("warning"), tr("it has fewer than {n} bytes: it goes out whole", n=f"{answer.faults.cut_at:,}")
        if response is None:
            yield tr("warning"), tr("there is no final answer in it")
        elif not response.complete:
            yield tr("warning"), end_of(response, tr("the file ends"), tr)
        yield from finding_lines(answer.recorded.findings, tr, notes=notes)
        if not status and (slip := _slip(answer)):
            yield "", tr(slip)
    if answers.count > _SHOWN:
        more = answers.count - _SHOWN
        yield "", tr.plural("{n} more answer", "{n} more answers", more)
    for path, why in left_out:
        yield tr("warning"), tr("{path} is left out: {why}", path=printable(path), why=tr(why))


def _then(answer: Answer) -> str:
    """What becomes of the connection after it, as a message id."""
    reading, faults = answer.recorded, answer.faults
    if faults.close_before:
        return N_("in its place the connection is closed")
    if answer.is_cut:
        if faults.reset_after is None:
            return N_("it is cut short, and the connection closed")
        return N_("it is cut short, and the connection reset")
    if reading.tunnel:
        return N_("after it the connection is a tunnel: what comes then is not answered")
    if reading.stays:
        return N_("after it the connection stays open")
    return N_("after it the connection is closed")


def _slip(answer: Answer) -> str:
    """Why a file that is no answer was probably given as one, as a message id; empty where nobody can tell."""
    octets = answer.beginning(_LOOKED_AT)
    if octets.startswith(_MARKS):
        return N_("it begins with a byte order mark: save the file without BOM")
    head = next((event for event in Stream(Direction.REQUEST).feed(octets) if isinstance(event, Head)), None)
    if head and head.line.version:
        return N_("it is a request: httpwire send sends it, and serve takes what comes back")
    return ""


def _asked(request: Message) -> str:
    hosts = request.values(b"host")
    asked = visible(b" ".join((request.method, request.target)), 80)
    return f"{asked} ({visible(hosts[0], 60)})" if hosts else asked


def arrival_lines(arrival: Arrival, tr: Translator, *, notes: bool) -> Iterator[Line]:
    """A request that has come: what it asks for, whether it is whole, and what deviates in it."""
    message = arrival.message
    line = message.head.line if message and message.head else None
    asked = visible(b" ".join(part for part in line[:3] if part), 100) if line else ""
    label = tr(_LABELS.get(arrival.ending, N_("incomplete")))
    if arrival.file.endswith(".tunnel"):
        label = tr("tunnel")
    facts = {"size": bytes_of(arrival.octets, tr), "peer": _peer(arrival, tr)}
    if asked:
        yield label, tr("{asked}, {size}, from {peer}", asked=asked, **facts)
    else:
        yield label, tr("{size}, from {peer}", **facts)
    if not arrival.complete:
        yield "", why_incomplete(arrival, tr)
    if message and message.framing:  # of a head that was cut, all else is said
        yield from finding_lines(message.findings, tr, notes=notes, repairs=False)


def _peer(arrival: Arrival, tr: Translator) -> str:
    return tr("a local client") if arrival.peer == "unix:" else printable(arrival.peer)


def why_incomplete(arrival: Arrival, tr: Translator) -> str:
    """Why what came is no whole request."""
    message = arrival.message
    ended = tr(_ENDINGS[arrival.ending])
    if message is None or arrival.ending is Ending.SURPLUS:
        return ended
    if arrival.ending is Ending.REFUSED and not _is_undecidable(message):
        # It could be read, and was refused for the port that it came to, or because it is no request.
        return tr("it came in plain HTTP to a port that speaks TLS") if is_request(message) else ended
    return end_of(message, ended, tr)


def _is_undecidable(message: Message) -> bool:
    return message.framing is not None and message.framing.kind is Kind.UNDECIDABLE


def mismatch_lines(arrival: Arrival, answer: Answer, tr: Translator) -> Iterator[Line]:
    """Where the answer does not fit the request that gets it."""
    request = arrival.message
    response = answer.reading(request.method).response if request else None
    if not request or not response:
        return
    for mismatch in mismatches(request, response, answer.size, answer.request):
        details = {name: printable(str(value)) for name, value in mismatch.details.items()}
        yield tr("warning"), tr(mismatch.says, **details)


def answer_line(answer: Answer | None, tr: Translator) -> Line:
    """What a request gets."""
    if answer is None:
        return tr("answer"), tr("none: the connection is closed")
    facts = {"name": name_of(answer.name, tr), "size": bytes_of(answer.size, tr)}
    if answer.is_cut:
        return tr("answer"), tr("{name}, cut after {sent} of {size}", **facts, sent=f"{answer.served:,}")
    return tr("answer"), tr("{name}, {size}", **facts)


def kept_line(arrival: Arrival, tr: Translator) -> Line:
    """Where a request is kept."""
    return tr("saved"), tr("{path}, {size}", path=path_of(arrival.file, tr), size=bytes_of(arrival.octets, tr))


def left_line(arrival: Arrival, sent: int, size: int, why: str, tr: Translator) -> Line:
    """That a client did not take its answer whole."""
    facts = {"peer": _peer(arrival, tr), "sent": f"{sent:,}", "size": f"{size:,}"}
    if why:
        return tr("note"), tr("only {sent} of {size} bytes of its answer went to {peer}: {why}", **facts, why=tr(why))
    return tr("note"), tr("only {sent} of {size} bytes of its answer went to {peer}", **facts)
