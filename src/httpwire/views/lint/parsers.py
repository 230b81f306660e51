"""What the parsers installed on this machine say of the same octets, run as they are.

In: the octets of one direction. Out: an Opinion for each parser: whether it accepts them, rejects them
in its own words, waits for more, or sees other messages than httpwire does. A parser is imported when it
is asked and only if it is installed; whatever it raises is its answer, and nothing is sent or waited for.
"""

from __future__ import annotations

from collections import deque
from enum import Enum

from httpwire.language import N_
from httpwire.views.lint.asking import REQUESTS, RESPONSES, Account, Rejected, Seen
from httpwire.views.text import printable
from httpwire.wire.element import Direction
from httpwire.wire.framing import Kind
from httpwire.wire.message import Message
from httpwire.wire.preflight import is_handed_over
from httpwire.wire.record import Record, at
from httpwire.wire.stream import Stream

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from httpwire.views.lint.asking import Ask, Methods

MOST_OCTETS = 1 << 20  # parsers keep what they read
_WORDS_SHOWN = 300


class Verdict(Enum):
    """What a parser makes of the octets, as an id and a message id."""

    ACCEPTS = ("accepts", N_("accepts it"))
    REJECTS = ("rejects", N_("rejects it"))
    DIFFERS = ("differs", N_("reads it differently"))
    WAITS = ("waits", N_("waits for more"))
    NOT_INSTALLED = ("not-installed", N_("is not installed"))
    NOT_ASKED = ("not-asked", N_("can't be told that this answers HEAD or CONNECT"))

    def __init__(self, id: str, says: str) -> None:
        self.id = id
        self.says = says


class Opinion(Record):
    """What one parser says. `words` are its own where it rejects, else empty; `messages` what it saw, interim responses
    left out; `unread` how many octets it left when it stopped, None where it doesn't tell; `left_out` how many
    it was not given."""

    __slots__ = ()
    FIELDS = ("parser", "version", "verdict", "words", "messages", "unread", "left_out")
    parser: str = at(0)
    version: str = at(1)
    verdict: Verdict = at(2)
    words: str = at(3)
    messages: tuple[Seen, ...] = at(4)
    unread: int | None = at(5)
    left_out: int = at(6)

    def __new__(
        cls,
        parser: str,
        version: str,
        verdict: Verdict,
        words: str = "",
        messages: tuple[Seen, ...] = (),
        unread: int | None = None,
        left_out: int = 0,
    ) -> Opinion:
        return tuple.__new__(cls, (parser, version, verdict, words, messages, unread, left_out))


def opinions(
    octets: bytes, direction: Direction, methods: Methods | None = None, *, most_octets: int = MOST_OCTETS
) -> list[Opinion]:
    """What each parser says of `octets`, responses as answers to `methods` (None: to methods unknown)."""
    given = octets[:most_octets]
    own = _own(given, direction, methods)
    blind = given[: _untold(own, methods)]
    found = []
    for name, distribution, knows_methods, ask in REQUESTS if direction is Direction.REQUEST else RESPONSES:
        shown = given if knows_methods else blind
        left_out = len(octets) - len(shown)
        version = _version(distribution)
        if not version:
            found.append(Opinion(name, "", Verdict.NOT_INSTALLED, left_out=left_out))
        elif given and not shown:
            found.append(Opinion(name, version, Verdict.NOT_ASKED, left_out=left_out))
        else:
            reference = own if shown is given else _own(shown, direction, methods)
            opinion = _ask(ask, shown, methods, reference)
            found.append(opinion.replace(parser=name, version=version, left_out=left_out))
    return found


def _own(octets: bytes, direction: Direction, methods: Methods | None) -> list[Message]:
    """The messages that httpwire reads, interim responses left out."""
    stream = Stream(direction, methods=None if methods is None else deque(methods))
    messages: list[Message] = []
    for event in stream.feed(octets) + stream.feed_eof():
        if isinstance(event, Message) and not event.interim:
            if is_handed_over(event.head, messages[-1] if messages else None):
                break
            messages.append(event)
    return messages


def _untold(own: list[Message], methods: Methods | None) -> int | None:
    """Where the first answer to HEAD or CONNECT begins, None if there is none: some parsers can't be told of them."""
    for method, message in zip(methods or (), own, strict=False):
        if method in (b"HEAD", b"CONNECT"):
            return message.start
    return None


def _version(distribution: str) -> str:
    """The version of an installed distribution ("" is Python's own library), empty if there is none."""
    import platform
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(distribution) if distribution else platform.python_version()
    except PackageNotFoundError:
        return ""


def _ask(ask: Ask, octets: bytes, methods: Methods | None, own: list[Message]) -> Opinion:
    account = Account()
    words = ""
    try:
        ask(account, octets, methods)
    except ImportError as missing:
        return Opinion("", "", Verdict.NOT_INSTALLED, _safe(missing))
    except Exception as refusal:  # noqa: BLE001  # whatever a parser raises is what it says
        words = _safe(refusal)
    seen = account.final if methods is None else account.final[: len(methods)]
    verdict = Verdict.REJECTS if words else _verdict(seen, own, closed=account.closed)
    return Opinion("", "", verdict, words, seen, account.unread)


def _safe(refusal: Exception) -> str:
    text = str(refusal) if isinstance(refusal, Rejected) else f"{type(refusal).__name__}: {refusal}"
    text = printable(" ".join(text.split()))
    return text if len(text) <= _WORDS_SHOWN else text[:_WORDS_SHOWN] + "..."


def _verdict(seen: Sequence[Seen], own: list[Message], *, closed: bool) -> Verdict:
    """`seen` against `own`: the messages must be as many, and their contents as large."""
    if len(seen) > len(own):
        return Verdict.DIFFERS
    for its, ours in zip(seen, own, strict=False):
        kind = ours.framing.kind if ours.framing else None
        if not its.complete and kind not in (Kind.UNTIL_CLOSE, Kind.TUNNEL):
            return Verdict.WAITS
        if its.octets is None or kind is Kind.TUNNEL:
            continue
        if kind is Kind.UNDECIDABLE or not ours.complete or its.octets != ours.octets:
            return Verdict.DIFFERS
    return Verdict.ACCEPTS if closed or len(seen) == len(own) else Verdict.WAITS
