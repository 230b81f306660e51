"""The verb `send`: a recorded request to a real server, and its answer to a file.

In: arguments. Out: the answer's octets in a file, an account on standard error (or one
JSON object), and the exit status. Whatever happens, what had arrived is kept and named.
"""

from __future__ import annotations

import os
import sys

from httpwire.capture.model import EventKind, WireEvent
from httpwire.capture.named import GivenExchanges, open_given
from httpwire.capture.raw import Saving, same_file
from httpwire.cli.console import Console, columns_of, say
from httpwire.cli.interrupts import Interrupts
from httpwire.cli.options import Arguments, Option, Verb, help_text, read
from httpwire.cli.status import ExitStatus, of_answers, of_error
from httpwire.errors import HttpwireError, RecordingUnreadable, SaveFailed, TargetInvalid, TimedOut, UsageError
from httpwire.language import N_, Translator
from httpwire.net.client import Transfer
from httpwire.net.options import TimeLimits, TlsOptions
from httpwire.net.target import DEFAULT_TARGET, parse_target
from httpwire.views import account, outcome
from httpwire.views.origin import MISSING, gaps_told, origin_told
from httpwire.views.text import printable
from httpwire.wire.element import Direction

TYPE_CHECKING = False
if TYPE_CHECKING:
    from httpwire.capture.live import Tap
    from httpwire.capture.named import Given
    from httpwire.capture.raw import Outgoing
    from httpwire.capture.store.writing import Writer
    from httpwire.capture.times import Times
    from httpwire.capture.traffic import ConnectionFacts
    from httpwire.net.target import Target
    from httpwire.wire.edit import Edits
    from httpwire.wire.preflight import Examination

_EDITS = ("crlf", "end-head", "set", "unset", "fix-length")

_SECONDS = N_("SECONDS")
_FILE = N_("FILE")
SEND = Verb(
    "send",
    N_("httpwire send [REQUEST] [--to TARGET] [-o RESPONSE] [OPTION...]"),
    N_(
        "Sends the bytes of the file REQUEST (client_send.txt) as they are to TARGET (127.0.0.1:80), and keeps the "
        "answer byte for byte in RESPONSE (client_recv.txt). It knows when the answer is complete, and says why. "
        "'-' is standard input or output, CAPTURE#12 a request of a capture, which goes where it went before."
    ),
    (
        Option(
            "to",
            "",
            N_("TARGET"),
            N_("HOST:PORT, [IPv6]:PORT, http://HOST, https://HOST or unix:/PATH (default 127.0.0.1:80)"),
        ),
        Option("output", "o", N_("RESPONSE"), N_("where the answer goes (default client_recv.txt)")),
        Option("crlf", "", "", N_("edit: bare LF line ends become CRLF")),
        Option("end-head", "", "", N_("edit: add the blank line that a head lacks")),
        Option("set", "", N_("'NAME: VALUE'"), N_("edit: set a field; may be repeated")),
        Option("unset", "", N_("NAME"), N_("edit: remove a field; may be repeated")),
        Option("fix-length", "", "", N_("edit: make Content-Length say the size of the content")),
        Option(
            "connect-timeout", "", _SECONDS, N_("limit for connecting, and again for TLS (default 10; 0: no limit)")
        ),
        Option("idle-timeout", "", _SECONDS, N_("longest silence in both directions (default 30; 0: no limit)")),
        Option("timeout", "", _SECONDS, N_("limit for all of it (default 3600; 0: no limit)")),
        Option("insecure", "", "", N_("TLS: accept any certificate")),
        Option("cacert", "", _FILE, N_("TLS: trust the CA certificates in FILE (PEM) in place of the system's")),
        Option("cert", "", _FILE, N_("TLS: show the client certificate in FILE (PEM)")),
        Option("key", "", _FILE, N_("TLS: the private key of --cert, where FILE does not hold it")),
        Option("sni", "", N_("NAME"), N_("TLS: the server name to ask for and to verify")),
        Option("alpn", "", N_("LIST"), N_("TLS: comma-separated protocols to offer (default http/1.1; empty: none)")),
        Option(
            "capture",
            "",
            N_("CAPTURE"),
            N_("also append the connection, with times, to the capture CAPTURE (NAME.hwire)"),
        ),
        Option("times", "", "", N_("keep in RESPONSE.times when each part came, for serve --timing recorded")),
        Option("verbose", "v", "", N_("show every segment and its time, and notes")),
        Option("quiet", "q", "", N_("print only failures")),
        Option("json", "", "", N_("print the account as one JSON object on standard output")),
    ),
    1,
    (
        N_(
            "Exit status: 0 the answer is complete; 2 wrong usage; 6 name not resolved; 7 could not connect; 8 where "
            "the answer ends can't be known; 18 cut short; 23 could not save; 28 timed out; 35 TLS; 52 no answer; "
            "55 sending failed; 56 receiving failed; 60 certificate not trusted; 65 the capture is damaged; 130 "
            "interrupted."
        ),
        N_("With SSLKEYLOGFILE in the environment, the TLS secrets are appended to the file it names."),
    ),
)


def run(words: list[str], tr: Translator) -> int:
    """Carry out `httpwire send` with the arguments `words`."""
    arguments = read(SEND, words)
    if arguments.has("help"):
        say(help_text(SEND, tr, columns_of(sys.stdout)))
        return ExitStatus.DONE
    return _Run(arguments, tr).run()


def edits_of(arguments: Arguments) -> Edits | None:
    """The edits that were asked for, None where there are none. Raises UsageError."""
    if not any(arguments.has(name) for name in _EDITS):
        return None
    from httpwire.wire.edit import Edits

    lines = [os.fsencode(text) for text in arguments.all("set")]
    for line in lines:
        if b"\n" in line or not line.partition(b":")[0].strip(b" \t") or b":" not in line:
            raise UsageError(N_("--set takes 'NAME: VALUE', not {value}"), value=os.fsdecode(line))
    return Edits(
        crlf=arguments.has("crlf"),
        end_head=arguments.has("end-head"),
        set=tuple(lines),
        unset=tuple(os.fsencode(name) for name in arguments.all("unset")),
        fix_length=arguments.has("fix-length"),
    )


def tls_of(arguments: Arguments) -> TlsOptions:
    """The TLS options that were given. Raises UsageError."""
    if arguments.has("key") and not arguments.has("cert"):
        raise UsageError(N_("--key needs --cert"))
    return TlsOptions(
        insecure=arguments.has("insecure"),
        cacert=arguments.last("cacert"),
        cert=arguments.last("cert"),
        key=arguments.last("key"),
        sni=arguments.last("sni") if arguments.has("sni") else None,
        alpn=tuple(name for name in arguments.last("alpn", "http/1.1").split(",") if name),
    )


class _Run:
    """One run of the verb: what there is of it so far, so that an error can be told with all that was kept."""

    def __init__(self, arguments: Arguments, tr: Translator) -> None:
        self._arguments = arguments
        self._tr = tr
        self._path = arguments.operands[0] if arguments.operands else "client_send.txt"
        self._output = arguments.last("output", "client_recv.txt")
        self._json = arguments.has("json")
        self._verbose = arguments.has("verbose")
        self._console = Console(tr, quiet=arguments.has("quiet") or self._json)
        self._given: Given | None = None
        self._outgoing: Outgoing | None = None
        self._examination: Examination | None = None
        self._transfer: Transfer | None = None
        self._saving: Saving | None = None
        self._times: Times | None = None
        self._writer: Writer | None = None

    def run(self) -> int:
        error: HttpwireError | None = None
        status = ExitStatus.DONE
        try:
            status = self._send()
        except HttpwireError as caught:
            error, status = caught, of_error(caught)
        except BaseException:
            # A second Ctrl-C, or a fault of ours: what came is kept all the same.
            self._finish(complete=False)
            raise
        try:
            self._finish(complete=status == ExitStatus.DONE)
        except SaveFailed as caught:
            error, status = caught, of_error(caught)
        self._account(status)
        if status != ExitStatus.DONE:
            self._console.failure(self._failure(error))
        if self._json:
            self._print_json(error, status)
        return status

    def _finish(self, *, complete: bool) -> None:
        """Close what is written to."""
        try:
            for file in (self._saving, self._times):
                if file:
                    file.finish(complete=complete)
        finally:
            if self._writer:
                self._writer.close()
            if self._given:
                self._given.close()

    def _send(self) -> int:
        arguments, tr = self._arguments, self._tr
        if arguments.has("to"):
            parse_target(arguments.last("to"))  # what is wrong with it is told before anything is opened
        limits = TimeLimits(
            arguments.seconds("connect-timeout", 10.0),
            arguments.seconds("idle-timeout", 30.0),
            arguments.seconds("timeout", 3600.0),
        )
        edits, tls = edits_of(arguments), tls_of(arguments)
        outgoing, examination = self._prepare(edits)
        target = self._target(outgoing)
        if target.ignored:
            part = printable(target.ignored)
            said = tr("{part} is not used: what is asked for stands in the request", part=part)
            self._console.lines([(tr("note"), said)])
        self._saving = Saving(self._output)
        if arguments.has("times"):
            from httpwire.capture.times import Times

            if self._saving.direct:
                raise UsageError(N_("--times needs a file beside it: -o RESPONSE"))
            self._times = Times(self._output)
        progress = None
        if self._console.live and not self._verbose:
            from httpwire.cli.progress import Progress

            progress = Progress(self._console, outgoing.octets)

        tap: Tap | None = None
        if arguments.has("capture"):
            from httpwire.capture.live import Tap
            from httpwire.capture.store.writing import Writer

            self._writer = Writer(arguments.last("capture"))
            tap = Tap(self._writer, lambda: transfer.connection, accepted=False)

        def listen(event: WireEvent) -> None:
            if tap:
                tap(event)
            if self._verbose:
                self._console.lines([account.event_line(event, transfer.connection, self._tr)])
            elif event.kind is (EventKind.TLS if target.tls else EventKind.CONNECTED):
                self._console.lines([account.connected_line(transfer.connection, self._tr)])
            elif progress:
                progress.event(event, transfer.connection)

        with Interrupts() as interrupts:
            self._transfer = transfer = Transfer(
                outgoing,
                target,
                examination=examination,
                limits=limits,
                tls=tls,
                listener=listen,
                stop=interrupts.descriptor,
            )
            for segment in transfer:
                if self._saving.direct:
                    interrupts.at_once(self._saving.write, segment)
                else:
                    self._saving.write(segment)
                if self._times:
                    times = transfer.connection.times
                    base = times.get(EventKind.SENT_ALL, times[EventKind.CONNECTED])
                    self._times.write(times[EventKind.SEGMENT] - base, self._saving.octets)
        return of_answers(transfer)

    def _target(self, outgoing: Outgoing) -> Target:
        """Where to connect: where was asked for, or where a captured request was sent before. Raises TargetInvalid."""
        asked, facts, tr = self._arguments.last("to", DEFAULT_TARGET), outgoing.facts, self._tr
        if facts and not self._arguments.has("to"):
            try:
                target = parse_target(_went_to(facts))
            except TargetInvalid:  # it is not known
                return parse_target(asked)
            said = tr("to {target}, as it was captured; --to sends it elsewhere", target=printable(str(target)))
            self._console.lines([(tr("note"), said)])
            return target.replace(ignored="")
        return parse_target(asked)

    def _prepare(self, edits: Edits | None) -> tuple[Outgoing, Examination]:
        """Open, edit and examine the request, and tell what there is to tell before it goes out."""
        self._given = given = open_given(self._path)
        if any(same_file(given.path, self._output + end) for end in ("", ".partial")):
            if given.capture:
                raise UsageError(N_("the answer would overwrite the capture {path}"), path=given.path)
            raise UsageError(N_("the answer would overwrite the request {path}"), path=given.path)
        self._outgoing = outgoing = self._request(given)
        if not outgoing.octets:
            raise RecordingUnreadable(path=self._path, why=N_("it is empty: there is nothing to send"))
        if edits:
            outgoing.edit(edits)
        self._examination = examination = outgoing.examine()
        console, tr = self._console, self._tr
        console.lines(account.request_lines(outgoing, examination, tr))
        if told := origin_told(outgoing.facts, tr):
            console.lines([(tr("warning"), told)])
        console.lines((tr(MISSING), gap) for gap in gaps_told(outgoing, tr))
        console.lines(account.patch_lines(outgoing.patches, tr))
        console.lines(
            account.finding_lines(examination.findings, tr, notes=self._verbose, unlisted=examination.unlisted)
        )
        return outgoing, examination

    def _request(self, given: Given) -> Outgoing:
        """The octets that are to go out. Raises UsageError where they are no request's, RecordingUnreadable."""
        if isinstance(given, GivenExchanges):
            if Direction.REQUEST not in given.sides:
                raise UsageError(N_("{name} is an answer; .request is what can be sent"), name=given.name)
            return given.recording(given.one(), Direction.REQUEST).source
        return next(given.recordings()).source

    def _account(self, status: int) -> None:
        """What came back."""
        self._console.draw("")
        transfer, saving, tr = self._transfer, self._saving, self._tr
        if not transfer or not self._examination:
            return
        connection = transfer.connection
        ready = EventKind.TLS if transfer.target.tls else EventKind.CONNECTED
        if ready not in connection.times:
            return
        expected = self._examination.answers
        whole = self._outgoing.octets if self._outgoing else connection.sent
        lines = [account.sent_line(connection.sent, whole, tr)]
        lines += account.answer_lines(connection, expected, tr)
        found = [f for exchange in connection.exchanges for m in exchange.responses for f in m.findings]
        lines += account.finding_lines([*found, *connection.findings], tr, notes=self._verbose)
        saved = saving.saved if saving else ""
        if status == ExitStatus.DONE:
            lines += account.content_lines(connection, saved, expected, tr)
        lines.append(account.times_line(connection, tr))
        if saving and saved:
            path, size = outcome.path_of(saved, tr), outcome.bytes_of(saving.octets, tr)
            lines.append((tr("saved"), tr("{path}, {size}", path=path, size=size)))
        if self._writer:
            lines.append((tr("captured"), outcome.path_of(self._writer.path, tr)))
        self._console.lines(lines)

    def _failure(self, error: HttpwireError | None) -> list[str]:
        """What failed, what was kept and where, what to try."""
        tr, saving = self._tr, self._saving
        connection = self._transfer.connection if self._transfer else None
        parts = [error.sentence(tr) if error else outcome.shortcoming(connection, tr)]
        if isinstance(error, TimedOut) and self._examination and connection and connection.sent:
            parts.extend(outcome.why_it_waits(self._examination, tr))
        if saving:
            parts.append(outcome.kept(saving, connection, tr, earlier=os.path.exists(saving.path)))
        if error:
            parts.append(error.advice(tr))
        return parts

    def _print_json(self, error: HttpwireError | None, status: int) -> None:
        import json

        from httpwire.views.report import report

        connection = self._transfer.connection if self._transfer else None
        failure = None
        if error:
            failure = {"kind": type(error).__name__, "message": str(error)}
        elif status != ExitStatus.DONE:
            failure = {"kind": "IncompleteAnswer", "message": outcome.shortcoming(connection, Translator())}
        made = report(self._outgoing, self._examination, connection, self._saving, failure, status)
        text = json.dumps(made, ensure_ascii=True) + "\n"
        if self._output == "-":
            sys.stderr.write(text)  # standard output is the answer's
        else:
            say(text)


def _went_to(facts: ConnectionFacts) -> str:
    """Where the request of a captured connection went, as --to has it; empty where it is not known. What httpwire
    answered itself is asked of no other program."""
    if facts.target or not facts.origin or not facts.server:
        return facts.target
    scheme, authority = ("https" if facts.secure else "http"), facts.server
    if facts.secure and facts.name:
        authority = facts.name + ":" + facts.server.rpartition(":")[2]
    return f"{scheme}://{authority}"
