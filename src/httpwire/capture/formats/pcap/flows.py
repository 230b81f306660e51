"""Connections on their way into a Sink: what is HTTP/1.x goes there, what isn't is counted.

In: the octets of both sides of a connection, in order, with gaps and closes. Out: events in a Sink. What comes
before it is clear what is spoken is held, a little for each connection and a bounded sum for all. Of a connection
whose beginning was not captured, messages that had begun before are passed over: no parser could find their end.
"""

from __future__ import annotations

from httpwire.capture.formats.pcap.guess import ENOUGH, Guess, answers, asks, asks_perhaps, begins_request, is_tls
from httpwire.capture.model import Ending, EventKind, TlsFacts
from httpwire.capture.toll import Cost, Toll
from httpwire.capture.traffic import ConnectionFacts
from httpwire.language import N_
from httpwire.wire.element import Direction

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from httpwire.capture.traffic import Sink

NAME = "pcap"

MISSING = Cost("missing-octets", N_("bytes that were not captured; a gap is in their place"))
BEGUN_BEFORE = Cost("begun-before", N_("bytes of messages that had begun before the capture did"))
OTHER_TCP = Cost("other-tcp", N_("TCP connections that are not HTTP/1.x"))
HTTP2 = Cost("http2", N_("connections that speak HTTP/2"))
TLS = Cost("tls-without-keys", N_("TLS connections that could not be decrypted"))
NO_BEGINNING = Cost(
    "no-beginning", N_("TCP connections that had begun before the capture, and in which no HTTP/1.x message begins")
)
EMPTY = Cost("empty-connections", N_("connections on which no data went"))
SKIPPED_OCTETS = Cost("skipped-octets", N_("bytes on the connections that were passed over"))

_COSTS = {Guess.OTHER: OTHER_TCP, Guess.HTTP2: HTTP2, Guess.UNSURE: NO_BEGINNING}
_HELD = 64 << 10  # octets of one connection that are held until it is known what it speaks
_HELD_PIECES = 64
_HELD_BY_ALL = 32 << 20
_ENCRYPTED = 100_000  # pairs of addresses that are told apart

#: What is held: the side, when, the octets (None: a gap or a close), how many octets a gap has
_Held = tuple[int, int, bytes | None, int]
_CLOSE, _CUT = -1, -2
_ENDINGS = {ending.value: ending for ending in Ending}


class Book:
    """What all connections share: where they go, what is counted, and how much is held."""

    def __init__(self, sink: Sink, toll: Toll) -> None:
        self.sink = sink
        self.toll = toll
        self.secrets: Callable[[], bytes] = bytes  # lines of key logs that were in the capture so far
        self.held = 0
        #: TLS connections that were passed over: how many between two addresses, and their octets
        self.encrypted: dict[tuple[str, str], tuple[int, int]] = {}

    def encrypt(self, ends: tuple[str, str], octets: int) -> None:
        """A connection with TLS was passed over."""
        if len(self.encrypted) >= _ENCRYPTED and ends not in self.encrypted:
            ends = "", ""
        count, before = self.encrypted.get(ends, (0, 0))
        self.encrypted[ends] = count + 1, before + octets

    def pass_over(self, octets: int) -> None:
        """So many octets are not HTTP/1.x."""
        self.toll.skip(SKIPPED_OCTETS, octets)


class Flow:
    """One connection, begun at `began` (ns since 1970), between two addresses (str) that `ends` gives in the order of
    its sides 0 and 1. `whole`: its beginning was seen, and side 0 is the client. `live`: its events go to the Sink.
    `ours`: httpwire wrote its packets, for HTTP alone, and `says` of it what packets can't carry (see writing)."""

    __slots__ = (
        "_first",
        "_held",
        "_held_octets",
        "began",
        "book",
        "client",
        "closed",
        "connected",
        "ended",
        "ends",
        "guess",
        "last",
        "live",
        "name",
        "number",
        "octets",
        "one_sided",
        "ours",
        "says",
        "secrets",
        "tls",
        "whole",
    )

    def __init__(self, book: Book, began: int, ends: Callable[[], tuple[str, str]], *, whole: bool) -> None:
        self.book = book
        self.began = self.last = began
        self.ends = ends
        self.whole = whole
        self.client = 0
        self.connected = 0  # when the connection stood (ns since 1970); 0: not seen
        self.one_sided = not whole  # only one side was captured, as far as is known
        self.tls: TlsFacts | None = None
        self.name = ""
        self.secrets = b""
        self.guess = Guess.UNSURE
        self.live = self.closed = self.ended = self.ours = False
        self.says: dict[str, str] = {}
        self.number = 0
        self.octets = 0  # of payload, as long as it is not live
        self._held: list[_Held] = []
        self._held_octets = 0
        self._first = [b"", b""]

    def piece(self, side: int, at: int, data: bytes) -> None:
        """The next octets of a side."""
        if not self.live and (self.ours or self._asks(side, data)):
            self._open()
        if self.live:
            self.book.sink.event(self.number, at - self.began, self._direction(side), EventKind.SEGMENT, data)
            return
        self.octets += len(data)
        if self.guess is not Guess.UNSURE:
            return
        if self.whole:
            if len(self._first[side]) < ENOUGH:
                self._first[side] += data[:ENOUGH]
            self._hold(side, at, data, 0)
            self._look()
        else:
            self._search(side, at, data)

    def gap(self, side: int, at: int, count: int) -> None:
        """So many octets of a side were not captured; 0: it is not known how many."""
        if self.live:
            if count:
                self.book.toll.lose(MISSING, count)
            direction, data = self._direction(side), b"%d" % count if count else b""
            self.book.sink.event(self.number, at - self.began, direction, EventKind.GAP, data)
        elif self.guess is Guess.UNSURE and (self.whole or self._held):
            self._hold(side, at, None, count)

    def finish(self, side: int, at: int, ending: Ending = Ending.CLOSED) -> None:
        """A side sends no more; `ending` is how the server's end looks."""
        if self.live:
            direction = self._direction(side)
            if direction is Direction.REQUEST:
                self.book.sink.event(self.number, at - self.began, direction, EventKind.SENT_ALL)
            elif not self.ended:
                self._say_ended(at, ending)
        elif self.guess is Guess.UNSURE and (self.whole or self._held):
            self._hold(side, at, None, _CLOSE if ending is Ending.CLOSED else _CUT)

    def end(self, at: int, ending: Ending) -> None:
        """The connection is over; `ending` is why no more octets come, where the server did not close it."""
        if self.closed:
            return
        self.closed = True
        if self.guess is Guess.UNSURE:
            self._decide_at_last()
        if self.live:
            if not self.ended:
                self._say_ended(at, _ENDINGS.get(self.says.get("ending", ""), ending))
            self.book.sink.event(self.number, at - self.began, None, EventKind.END)
        else:
            self._count()

    def _say_ended(self, at: int, ending: Ending) -> None:
        self.ended = True
        why = ending.value.encode("ascii")
        self.book.sink.event(self.number, at - self.began, Direction.RESPONSE, EventKind.ENDED, why)

    def _direction(self, side: int) -> Direction:
        return Direction.REQUEST if side == self.client else Direction.RESPONSE

    @property
    def deaf(self) -> bool:
        """Whether its octets are of no interest."""
        return not self.live and self.guess is not Guess.UNSURE

    # What is spoken, from its beginning on.

    def _hold(self, side: int, at: int, data: bytes | None, count: int) -> None:
        self._held.append((side, at, data, count))
        if data:
            self._held_octets += len(data)
            self.book.held += len(data)

    def _asks(self, side: int, data: bytes) -> bool:
        """Whether these octets, the first ones of all, show that HTTP is spoken: then nothing has to be held."""
        first = self.whole and not side and not self._held and self.guess is Guess.UNSURE
        return first and asks(data[:ENOUGH]) is Guess.HTTP

    @property
    def _holds_enough(self) -> bool:
        return self._held_octets > _HELD or len(self._held) > _HELD_PIECES or self.book.held > _HELD_BY_ALL

    def _look(self) -> None:
        asked, answered = self._first
        guess = asks(asked) if asked else Guess.UNSURE
        if answered and guess in (Guess.UNSURE, Guess.OTHER):
            reply = answers(answered)
            guess = reply if reply is not Guess.OTHER or guess is Guess.OTHER or not asked else guess
        elif guess is Guess.OTHER:
            guess = Guess.UNSURE  # it is HTTP all the same, where it is answered so
        if guess is not Guess.UNSURE:
            self._decide(guess)
        elif self._holds_enough:
            self._decide_at_last()

    def _decide_at_last(self) -> None:
        """No more will be held."""
        if not self.whole:
            if self._held:
                self._open()
            return
        self._decide(Guess.HTTP if asks_perhaps(self._first[0]) else Guess.OTHER)

    def _decide(self, guess: Guess) -> None:
        if guess is Guess.HTTP:
            self._open()
            return
        self.guess = guess
        self._drop()

    def _drop(self) -> None:
        self.book.held -= self._held_octets
        self._held_octets = 0
        self._held = []
        self._first = [b"", b""]

    def _open(self) -> None:
        """It is HTTP: tell the Sink of it, and what was held."""
        self.guess = Guess.HTTP
        sink = self.book.sink
        held = self._held
        kept = self._held_octets
        self._drop()
        if self.octets > kept:
            self.book.toll.skip(BEGUN_BEFORE, self.octets - kept)
        self.octets = 0
        if not self.whole and held:
            self.began = held[0][1]
        ends = self.ends()
        client, server = ends[self.client], ends[1 - self.client]
        facts = ConnectionFacts(
            self.began, client=client, server=server, tls=self.tls, name=self.name, secrets=self.secrets, origin=NAME
        )
        self.number = sink.open(self._as_said(facts) if self.says else facts)
        self.live = True
        first = held[0][1] if held else self.last
        if self.connected:  # octets that came before it, along with the SYN, are told behind it
            moment = min(self.connected, first) - self.began
            sink.event(self.number, moment, None, EventKind.CONNECTED, server.encode("ascii"))
        if self.tls:
            sink.event(self.number, first - self.began, None, EventKind.TLS)
        for side, at, data, count in held:
            if data is not None:
                self.piece(side, at, data)
            elif count < 0:
                self.finish(side, at, Ending.CLOSED if count == _CLOSE else Ending.TLS_TRUNCATED)
            else:
                self.gap(side, at, count)

    def _as_said(self, facts: ConnectionFacts) -> ConnectionFacts:
        """With what httpwire said of it when it wrote the packets."""
        from urllib.parse import unquote

        says = {name: unquote(text, errors="surrogateescape") for name, text in self.says.items()}
        tls = None
        if "tls" in says:
            verified = says.get("verified") == "yes"
            tls = TlsFacts(says["tls"], says.get("cipher", ""), says.get("alpn", ""), verified=verified)
        random = says.get("random", "").encode("utf-8", "surrogateescape")
        lines = self.book.secrets().splitlines(keepends=True) if random else []
        return facts.replace(
            client=says.get("client", facts.client),
            server=says.get("server", facts.server),
            target=says.get("target", ""),
            tls=tls or facts.tls,
            name=says.get("name", facts.name),
            secrets=b"".join(line for line in lines if random in line.lower()) or facts.secrets,
            origin=says.get("origin", facts.origin),
            reconstructed=tuple(filter(None, says.get("reconstructed", "").split(","))),
        )

    # What is spoken, from somewhere in the middle.

    def _search(self, side: int, at: int, data: bytes) -> None:
        """Wait for the beginning of a request. Answers before it belong to requests that were not captured: they are
        kept only where nothing else comes."""
        if begins_request(data):
            self._drop()
            self.client = side
            self._hold(side, at, data, 0)
            self._open()
        elif self._held:
            if side == self.client:
                self._drop()  # a request under way: its answer is not complete
                return
            self._hold(side, at, data, 0)
            if self._holds_enough:
                if self.one_sided:
                    self._open()
                else:
                    self._drop()
        elif answers(data) is Guess.HTTP:
            self.client = 1 - side
            self._hold(side, at, data, 0)
        elif not self._first[side]:
            self._first[side] = data[:1]
            if is_tls(data):
                self._decide(Guess.TLS)

    def _count(self) -> None:
        """It was passed over: count it."""
        toll = self.book.toll
        if not self.octets:
            toll.skip(EMPTY)
            return
        if self.guess is Guess.TLS:
            self.book.encrypt(self.ends(), self.octets)
            return
        toll.skip(_COSTS[self.guess])
        self.book.pass_over(self.octets)
