"""What `record` and `serve` share: where to listen, TLS, limits, and telling a person what comes.

In: arguments. Out: a Server that runs until it has what was asked for, or until Ctrl-C or
SIGTERM; what it kept; and the exit status. All is told on standard error, and with --json
each request as a line on standard output.
"""

from __future__ import annotations

import sys
import time

from httpwire.capture.answers import Answer, Answers
from httpwire.capture.arrival import Arrival, as_object
from httpwire.capture.keeping import Keeping
from httpwire.capture.live import Captured
from httpwire.capture.model import Ending
from httpwire.cli.console import Console, say, say_until
from httpwire.cli.interrupts import Interrupts
from httpwire.cli.options import Arguments, Option
from httpwire.cli.status import ExitStatus
from httpwire.errors import Interrupted, SaveFailed, UsageError
from httpwire.language import N_, Translator
from httpwire.net import listening
from httpwire.net.options import ServerLimits, ServerTls
from httpwire.net.server import Listener, Server
from httpwire.net.transport import Transport
from httpwire.views import visits
from httpwire.views.outcome import bytes_of
from httpwire.views.text import printable
from httpwire.wire.content import Limits

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterable

_FILE = N_("FILE")
_SECONDS = N_("SECONDS")
_N = N_("N")
_REMEMBERED = 512  # requests whose answers were held against them
_REMEMBERED_OCTETS = 8192  # the largest of their heads
_PER_SECOND = 20  # requests told in full in a second; more are only counted

LISTEN = Option(
    "listen",
    "",
    N_("ADDRESS"),
    N_("HOST:PORT, [IPv6]:PORT, PORT or unix:/PATH; port 0: a free one (default 127.0.0.1:8080)"),
)
SHARED = (
    Option(
        "tls",
        "",
        "",
        N_("speak TLS, with certificates for the names that are asked for, by an authority of httpwire's own"),
    ),
    Option("cert", "", _FILE, N_("TLS: show the certificate in FILE (PEM) in place of one's own authority's")),
    Option("key", "", _FILE, N_("TLS: the private key of --cert, where FILE does not hold it")),
    Option("alpn", "", N_("LIST"), N_("TLS: comma-separated protocols to agree on (default http/1.1; empty: none)")),
    Option("idle-timeout", "", _SECONDS, N_("longest silence on a connection (default 60; 0: no limit)")),
    Option("request-timeout", "", _SECONDS, N_("limit for one request to come (default 3600; 0: no limit)")),
    Option("timeout", "", _SECONDS, N_("end after so long (default: no limit)")),
    Option("max-head", "", N_("BYTES"), N_("largest head of a request (default 2097152)")),
    Option("max-connections", "", _N, N_("connections open at once (default 10000)")),
    Option("verbose", "v", "", N_("show notes, too")),
    Option("quiet", "q", "", N_("print only failures")),
    Option("json", "", "", N_("print each request as a line of JSON on standard output")),
)


class _Teller(Listener):
    """Tells a person, and with `json` a program, what happens."""

    def __init__(self, console: Console, *, answers: Answers | None, notes: bool, json: bool) -> None:
        self._console = console
        self._tr = console.tr
        self._answers = answers
        self._notes = notes
        self._json = json
        self._lines: list[tuple[str, str]] = []
        self._objects: list[str] = []
        self._second = 0
        self._shown = self._unshown = 0
        self._mismatched: set[tuple[str, ...]] = set()
        self._matched: set[tuple[Answer, bytes]] = set()
        self.complete = self.incomplete = self.surplus = 0
        self.octets = 0
        self.keeping = Keeping()
        self.stop = -1  # a descriptor that is readable when no reader is to be waited for any more

    def arrived(self, arrival: Arrival, answer: Answer | None, *, wanted: bool = True) -> None:
        if arrival.file:
            self.octets += arrival.octets
        if arrival.complete:
            self.complete += 1
        elif arrival.ending is Ending.SURPLUS:
            self.surplus += 1
        else:
            self.incomplete += 1
        if self._json:
            import json

            number = self.keeping.number(arrival.number)
            made = as_object(arrival) | {"number": number, "answer": answer.name if answer else None}
            self._objects.append(json.dumps(made) + "\n")
        if self._console.quiet:
            return
        if not self._may_show():
            if answer and arrival.complete and wanted:
                self._tell_mismatches(arrival, answer)  # once each, however much there is to tell
            return
        tr = self._tr
        self._lines += visits.arrival_lines(arrival, tr, notes=self._notes)
        if arrival.complete and self._answers and wanted:
            if answer:
                self._lines.append(visits.answer_line(answer, tr))
                self._tell_mismatches(arrival, answer)
            else:
                self._lines.append((tr("answer"), tr("404: no recorded answer is for this request")))
        elif arrival.complete:
            self._lines.append(visits.answer_line(None, tr))
        if arrival.file:
            self._lines.append(visits.kept_line(arrival, tr))

    def _tell_mismatches(self, arrival: Arrival, answer: Answer) -> None:
        """Each mismatch once: a browser's hundred requests for one picture are one thing to know."""
        head = arrival.message.head.raw if arrival.message and arrival.message.head else b""
        if (answer, head) in self._matched:
            return  # the same request: there is nothing new to find
        if len(self._matched) >= _REMEMBERED:
            self._matched.clear()
        if len(head) <= _REMEMBERED_OCTETS:
            self._matched.add((answer, head))
        for line in visits.mismatch_lines(arrival, answer, self._tr):
            if (answer.name, *line) not in self._mismatched:
                self._mismatched.add((answer.name, *line))
                self._lines.append(line)

    def left(self, arrival: Arrival, sent: int, size: int, why: str) -> None:
        if self._may_show():
            self._lines.append(visits.left_line(arrival, sent, size, why, self._tr))

    def noted(self, peer: str, note: str, details: dict[str, object]) -> None:
        if self._may_show():
            text = self._tr.sentence(note, details)
            self._lines.append((self._tr("note"), f"{printable(peer)}: {text}" if peer else text))

    def _may_show(self) -> bool:
        second = int(time.monotonic())
        if second != self._second:
            self._tell_unshown()
            self._second, self._shown = second, 0
        self._shown += 1
        if self._shown > _PER_SECOND:
            self._unshown += 1
            return False
        return True

    def _tell_unshown(self) -> None:
        if self._unshown:
            said = self._tr.plural(
                "{n} more in this second is not shown", "{n} more in this second are not shown", self._unshown
            )
            self._lines.append(("", said))
            self._unshown = 0

    def turned(self) -> None:
        if self._lines:
            lines, self._lines = self._lines, []
            self._console.lines(lines)
        if self._objects:
            objects, self._objects = self._objects, []
            say_until(self.stop, "".join(objects))

    def forgo(self) -> None:
        """Tell no program any more."""
        self._objects.clear()

    def finish(self) -> None:
        self._tell_unshown()
        self.turned()


class Serving:
    """One run of `record` or `serve`: the server with all that was asked of it."""

    def __init__(self, arguments: Arguments, tr: Translator) -> None:
        """Reads what both verbs share. Raises UsageError."""
        self.console = Console(tr, quiet=arguments.has("quiet"))
        self.tr = tr
        self._cut = False  # stopped in the middle of a write
        self._arguments = arguments
        self._where = listening.parse_listen(arguments.last("listen", "127.0.0.1:8080"))
        limits = ServerLimits()
        self._limits = ServerLimits(
            arguments.seconds("idle-timeout", limits.idle),
            arguments.seconds("request-timeout", limits.request),
            arguments.number("max-connections", limits.connections, least=1),
        )
        self._reading = Limits(head=arguments.number("max-head", Limits().head, least=1))
        self._timeout = arguments.seconds("timeout", 0.0)
        self._secure = arguments.has("tls") or arguments.has("cert")
        if arguments.has("cert") and not arguments.last("cert"):
            raise UsageError(N_("{option} needs a name"), option="--cert")
        if arguments.has("key") and not arguments.has("cert"):
            raise UsageError(N_("--key needs --cert"))
        if arguments.has("alpn") and not self._secure:
            raise UsageError(N_("--alpn needs --tls"))

    def run(
        self,
        *,
        keeping: Callable[[], Keeping],
        answers: Answers | None,
        count: int | None,
        refuse: Callable[[Arrival], Answer | None] | None = None,
        unending: bool,
        before: Iterable[tuple[str, str]] = (),
    ) -> int:
        """Listen, say what is `before` it, serve, and say at the end what there was. `unending`: Ctrl-C is how it is to
        end.

        `keeping` makes the place for requests, once the address is ours. Raises UsageError, OutputUnwritable,
        ListenFailed.
        """
        console, arguments = self.console, self._arguments
        tls = self._tls() if self._secure else None
        teller = _Teller(console, answers=answers, notes=arguments.has("verbose"), json=arguments.has("json"))
        server: Server | None = None
        with Interrupts() as interrupts:
            sockets = listening.listen(self._where)
            try:
                kept = interrupts.at_once(keeping)  # a pipe may be opened by nobody else for ever
                teller.keeping, teller.stop = kept, interrupts.descriptor
                room = listening.allow_descriptors(self._limits.connections, each=2 if kept.path else 1)
                console.lines(before)
                self._tell_listening(sockets)
                server = Server(
                    sockets,
                    answers=answers,
                    keeping=kept,
                    count=count,
                    limits=self._limits.replace(connections=room),
                    reading=self._reading,
                    tls=tls,
                    refuse=refuse,
                    listener=teller,
                    stop=interrupts.descriptor,
                    seconds=self._timeout,
                    log=kept.log if isinstance(kept, Captured) else None,
                )
                if kept.direct:  # writing may wait where no descriptor is watched
                    interrupts.at_once(server.run)
                else:
                    server.run()
                teller.turned()  # while there still is a way to stop waiting for its reader
            except Interrupted:
                if server is None:
                    raise
                self._cut = server.stopped = True
                teller.forgo()
            finally:
                listening.close(sockets)
        teller.finish()
        self._tell_end(server, teller)
        return self._status(server, teller, unending=unending)

    def _tell_listening(self, sockets: list[socket.socket]) -> None:
        tr = self.tr
        scheme = "https" if self._secure else "http"
        for sock in sockets:
            address = listening.address_of(sock)
            shown = address if address.startswith("unix:") else f"{scheme}://{address}/"
            self.console.lines([(tr("listening"), tr("{address} (Ctrl-C ends it)", address=shown))])
            if self._arguments.has("json"):
                import json

                say(json.dumps({"listening": address, "scheme": scheme}) + "\n")
        if not listening.is_local(sockets):
            text = tr("other machines can connect, too: this is not a loopback address")
            self.console.lines([(tr("warning"), text)])

    def _tls(self) -> Callable[[socket.socket], Transport]:
        """What makes a TLS connection of an accepted socket, told. Raises UsageError, AuthorityFailed."""
        from httpwire.net.authority import accepting, trust_advice

        tr, arguments = self.tr, self._arguments
        alpn = tuple(name for name in arguments.last("alpn", "http/1.1").split(",") if name)
        if any(len(name) > 255 or not name.isascii() for name in alpn):
            raise UsageError(N_("--alpn takes names of protocols, as http/1.1"))
        tls = ServerTls(cert=arguments.last("cert"), key=arguments.last("key"), alpn=alpn)
        # A server name that is not ASCII fails the handshake, and CPython would print that with a traceback, too.
        usual = sys.unraisablehook
        sys.unraisablehook = lambda raised: None if isinstance(raised.exc_value, UnicodeError) else usual(raised)
        accept, authority = accepting(tls, self._where.host)
        if authority:
            path = printable(authority.certificate_path)
            lines = [(tr("authority"), tr("{path}, made now", path=path) if authority.created else path)]
            if authority.created or arguments.has("verbose"):
                lines.append(("", tr("to make a client trust it:")))
                advice = trust_advice(authority.certificate_path)
                lines += [("", tr("{client}: {command}", client=tr(who), command=command)) for who, command in advice]
            self.console.lines(lines)
        self.console.lines([("TLS", tr("ALPN: {protocols}", protocols=", ".join(alpn) or tr("none")))])
        return accept

    def _tell_end(self, server: Server, teller: _Teller) -> None:
        tr = self.tr
        if server.stopped:
            self.console.draw(" ")  # over the ^C that a terminal shows
            self.console.draw("")
        parts = [tr.plural("{n} request", "{n} requests", teller.complete)]
        if teller.incomplete:
            parts.append(tr.plural("{n} incomplete", "{n} incomplete", teller.incomplete))
        if teller.surplus:
            parts.append(tr.plural("{n} more than were asked for", "{n} more than were asked for", teller.surplus))
        if server.silent:
            parts.append(
                tr.plural("{n} connection that sent nothing", "{n} connections that sent nothing", server.silent)
            )
        self.console.lines([(tr("ended"), tr(", ").join(parts))])

    def _status(self, server: Server, teller: _Teller, *, unending: bool) -> int:
        tr = self.tr
        if server.failure:
            error: SaveFailed = server.failure
            kept = self._kept(teller) if teller.octets else ""
            lost = tr("what came last could not be kept whole")
            self.console.failure([error.sentence(tr), kept, lost, error.advice(tr)])
            return ExitStatus.COULD_NOT_SAVE
        if not self._cut and (server.full or (unending and (server.stopped or server.out_of_time))):
            return ExitStatus.DONE
        if server.out_of_time:
            self.console.failure(
                [tr("timed out after {seconds} seconds", seconds=f"{self._timeout:g}"), self._kept(teller)]
            )
            return ExitStatus.TIMED_OUT
        self.console.failure([tr("interrupted"), self._kept(teller)])
        return ExitStatus.INTERRUPTED

    def _kept(self, teller: _Teller) -> str:
        tr = self.tr
        if teller.octets:
            return tr("{size} were kept", size=bytes_of(teller.octets, tr))
        return "" if teller.complete or teller.incomplete else tr("nothing was received")
