"""Where a recorded answer does not fit the request that it is given to.

In: a request, the response, and the request that the response was recorded for, if that is
known. Out: Mismatches, each a sentence and its details. The answer is sent as it is all
the same: what is told here is why a client may not like it.
"""

from __future__ import annotations

from httpwire.language import N_
from httpwire.wire import grammar
from httpwire.wire.message import Message
from httpwire.wire.record import Record, at

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_CONDITIONS = (b"if-none-match", b"if-modified-since", b"if-match", b"if-unmodified-since", b"if-range")
_ALWAYS = (b"identity", b"")  # codings that need no asking for: RFC 9110 12.5.3


class Mismatch(Record):
    """One way in which answer and request don't fit; `says` is a message id that `details` fill."""

    __slots__ = ()
    FIELDS = ("says", "details")
    says: str = at(0)
    details: Mapping[str, object] = at(1)

    def __new__(cls, says: str, **details: object) -> Mismatch:
        return tuple.__new__(cls, (says, details))


def mismatches(request: Message, response: Message, octets: int, recorded: Message | None) -> Iterator[Mismatch]:
    """What does not fit. `response` is the recorded answer as an answer to `request`, `octets` how many it has."""
    status = response.status
    if recorded:
        was, now = _asked(recorded), _asked(request)
        if was != now:
            yield Mismatch(N_("recorded for {was}, served to {now}"), was=was, now=now)
    if request.method == b"HEAD" and response.stop < octets:
        yield Mismatch(N_("the answer has content, which an answer to HEAD has not"))
    elif not response.complete and recorded and recorded.method == b"HEAD":
        yield Mismatch(N_("the answer was recorded for HEAD: the content that it announces is not there"))
    if status in (206, 416) and not request.values(b"range"):
        yield Mismatch(N_("the status is {status}, and the request asks for no range"), status=status)
    elif status == 206 and recorded and recorded.values(b"range") != request.values(b"range"):
        yield Mismatch(N_("the request asks for another range than the recorded one"))
    if status in (304, 412) and not any(request.values(name) for name in _CONDITIONS):
        yield Mismatch(N_("the status is {status}, and the request has no condition"), status=status)
    if status == 101 and not request.values(b"upgrade"):
        yield Mismatch(N_("the status is 101, and the request asks for no upgrade"))
    for coding in _codings(response):
        if not _accepts(request, coding):
            name = coding.decode("latin-1")
            yield Mismatch(N_("the content is {coding}-coded, which the request does not accept"), coding=name)


def _asked(request: Message) -> str:
    return b" ".join((request.method, request.target)).decode("latin-1")


def _codings(response: Message) -> list[bytes]:
    """The content codings of a response that has content: RFC 9110 8.4."""
    if not response.octets:
        return []
    listed = b",".join(response.values(b"content-encoding")).lower().split(b",")
    return [coding.strip(b" \t") for coding in listed if coding.strip(b" \t") not in _ALWAYS]


def _accepts(request: Message, coding: bytes) -> bool:
    """Whether the request accepts a content coding; one that names none accepts all: RFC 9110 12.5.3."""
    listed = request.values(b"accept-encoding")
    accepted: dict[bytes, bool] = {}
    for member in b",".join(listed).lower().split(b","):
        name, _, weight = member.partition(b";")
        accepted[name.strip(b" \t").removeprefix(b"x-")] = not grammar.NO_WEIGHT.fullmatch(weight)
    return not listed or accepted.get(coding.removeprefix(b"x-"), accepted.get(b"*", False))
