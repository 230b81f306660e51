"""The verb `demo`: the main job with nothing else at hand.

In: a folder to keep the exchange in. Out: the whole loop, each hop on a server of its own: a
browser's request recorded, sent to a private Apache, and its answer served to the browser;
then the hashes that show that no byte was changed on the way.
"""

from __future__ import annotations

import hashlib
import html
import shutil
import signal
import sys
import tempfile
import threading
from contextlib import ExitStack
from importlib.resources import files
from pathlib import Path

from httpwire.api.sending import send as exchange
from httpwire.api.serving import Running, record, serve
from httpwire.capture.answers import plain
from httpwire.cli.console import Console, columns_of, say
from httpwire.cli.options import Option, Verb, help_text, read
from httpwire.cli.send import run as send
from httpwire.cli.status import ExitStatus
from httpwire.errors import ApacheFailed, OutputUnwritable, UsageError
from httpwire.language import N_, Translator
from httpwire.net.apache import apache, find_apache
from httpwire.net.origin import origin
from httpwire.views import visits
from httpwire.views.text import printable, visible

_SERVERS = ("auto", "apache", "builtin")
_SHOWN = 4096  # octets of a file that are shown
_PATIENCE = 120.0  # seconds for a person's browser to come

DEMO = Verb(
    "demo",
    N_("httpwire demo [FOLDER] [--browser] [--server auto|apache|builtin]"),
    N_(
        "The whole loop, on free ports of this machine: a browser's request is recorded, sent to a server, and the "
        "server's answer served to the browser. The files stay in FOLDER (httpwire-demo). Without --browser, the "
        "request is one that Chrome sent before."
    ),
    (
        Option(
            "browser",
            "",
            "",
            N_("open the page in your browser, which then shows the served answer"),
        ),
        Option(
            "server",
            "",
            N_("SERVER"),
            N_("apache: a private Apache httpd; builtin: httpwire's own; auto (default): Apache where it is installed"),
        ),
        Option("quiet", "q", "", N_("print only failures")),
    ),
    1,
)


def run(words: list[str], tr: Translator) -> int:
    """Carry out `httpwire demo` with the arguments `words`."""
    arguments = read(DEMO, words)
    if arguments.has("help"):
        say(help_text(DEMO, tr, columns_of(sys.stdout)))
        return ExitStatus.DONE
    server = arguments.last("server", "auto")
    if server not in _SERVERS:
        raise UsageError(N_("--server takes auto, apache or builtin, not {value}"), value=server)
    folder = Path(arguments.operands[0] if arguments.operands else "httpwire-demo")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputUnwritable(path=error.filename or folder, why=error.strerror or str(error)) from error
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _stop)
    return _Loop(folder, tr, quiet=arguments.has("quiet"), browser=arguments.has("browser")).run(server)


class _Loop:
    """The four hops, with a file for what each received and one for what it sent."""

    def __init__(self, folder: Path, tr: Translator, *, quiet: bool, browser: bool) -> None:
        self._folder = folder
        self._tr = tr
        self._quiet = quiet
        self._console = Console(tr, quiet=quiet)
        self._browser = browser
        self._port = 0

    def run(self, server: str) -> int:
        tr, console = self._tr, self._console
        with ExitStack() as stack:
            port, name = _start(server, stack)
            console.lines([(tr("server"), tr("{name} on 127.0.0.1:{port}", name=tr(name), port=port))])
            self._title(1, N_("the browser's request is recorded"))
            asked = self._record()
            self._title(2, N_("the recorded request is sent to the server"))
            self._copy("server_recv.txt", "client_send.txt")
            answer = self._path("client_recv.txt")
            words = [str(self._path("client_send.txt")), "--to", f"127.0.0.1:{port}", "-o", str(answer)]
            status = send([*words, *(["-q"] if self._quiet else [])], tr)
        if status != ExitStatus.DONE:
            return status
        self._title(3, N_("the server's answer is served to the browser"))
        self._copy("client_recv.txt", "server_send.txt")
        given = self._serve()
        if not self._quiet:
            sys.stderr.flush()
            say(_shown(tr("What the browser sent"), self._path("client_send.txt"), tr))
            say(_shown(tr("What came back"), self._path("server_send.txt"), tr))
        return self._compare(asked, given)

    def _record(self) -> bytes:
        """Record a request; gives what the browser sent, as far as it is ours to know."""
        sample = files("httpwire").joinpath("samples", "chrome-get.http").read_bytes()
        page = self._waiting_page() if self._browser else None
        with record(self._path("server_recv.txt"), reply=page, count=1) as server:
            self._port = server.port
            if self._browser:
                self._open(server)
                server.wait(seconds=_PATIENCE)
                sample = server.requests[0]
            else:
                exchange(sample, to=server.address)
            server.join()
            self._tell(server)
        return sample

    def _serve(self) -> bytes:
        """Serve the answer; gives what the browser got."""
        listen = f"127.0.0.1:{self._port}" if self._browser else "127.0.0.1:0"
        with serve(self._path("server_send.txt"), listen=listen, count=1) as server:
            if self._browser:
                found = server.wait(seconds=_PATIENCE)[0]
            else:
                found = exchange(self._path("client_send.txt"), to=server.address)
            server.join()
            if self._browser:
                found = server.exchanges[0]
            self._tell(server)
        return found.response.raw or b"" if found.response else b""

    def _open(self, server: Running) -> None:
        import webbrowser

        tr, url = self._tr, f"{server.url}/"

        def start() -> None:
            if not webbrowser.open(url):
                self._console.lines([(tr("note"), tr("no browser could be started: open {url}", url=url))])

        self._console.lines([(tr("browser"), url)])
        threading.Thread(target=start, daemon=True).start()  # some browsers are waited for until they are closed

    def _waiting_page(self) -> bytes:
        """What the browser gets while its request is on its way to the server: it asks again by itself."""
        tr = self._tr
        text = html.escape(tr("httpwire has recorded this request. The server's answer follows in two seconds."))
        page = f'<!doctype html><meta charset="utf-8"><meta http-equiv="refresh" content="2"><p>{text}</p>\n'
        return plain(200, page).replace(b"text/plain", b"text/html")

    def _tell(self, server: Running) -> None:
        for arrival in server.arrivals:
            self._console.lines(visits.arrival_lines(arrival, self._tr, notes=False))
            if arrival.file:
                self._console.lines([visits.kept_line(arrival, self._tr)])

    def _title(self, number: int, text: str) -> None:
        self._console.title(f"{number} {self._tr(text)}")

    def _path(self, name: str) -> Path:
        return self._folder / name

    def _copy(self, name: str, other: str) -> None:
        try:
            shutil.copyfile(self._path(name), self._path(other))
        except OSError as error:
            raise OutputUnwritable(path=self._path(other), why=error.strerror or str(error)) from error
        tr = self._tr
        self._console.lines([(tr("copied"), f"{name} -> {other}")])

    def _compare(self, asked: bytes, given: bytes) -> int:
        """Show the hash of each hop's bytes, and whether they are the same."""
        tr = self._tr
        self._title(4, N_("the hashes (SHA-256) at each hop"))
        same = True
        for hops in (
            {tr("as the browser sent it"): asked, **self._octets("server_recv.txt", "client_send.txt")},
            {**self._octets("client_recv.txt", "server_send.txt"), tr("as the browser got it"): given},
        ):
            hashes = {name: hashlib.sha256(octets).hexdigest() for name, octets in hops.items()}
            self._console.lines(("SHA-256", f"{digest}  {name}") for name, digest in hashes.items())
            same = same and len(set(hashes.values())) == 1
        if not same:
            self._console.failure([tr("the bytes differ")])
            return ExitStatus.FINDINGS
        self._console.lines([(tr("complete"), tr("no byte was changed on the way"))])
        return ExitStatus.DONE

    def _octets(self, *names: str) -> dict[str, bytes]:
        return {name: self._path(name).read_bytes() for name in names}


def _start(server: str, stack: ExitStack) -> tuple[int, str]:
    """Start the wished server on `stack`; gives its port and what it is (a message id). Raises ApacheFailed."""
    if server == "apache" or (server == "auto" and find_apache()):
        private = Path(tempfile.mkdtemp(prefix="httpwire-apache-"))
        stack.callback(shutil.rmtree, private, ignore_errors=True)
        try:
            return stack.enter_context(apache(private)), N_("a private Apache httpd")
        except ApacheFailed:
            if server == "apache":
                raise
    return stack.enter_context(origin()), N_("httpwire's own server")


def _stop(*_: object) -> None:
    """A wish to end is Ctrl-C's: it unwinds, and the server is stopped on the way."""
    raise KeyboardInterrupt


def _shown(title: str, path: Path, tr: Translator) -> str:
    """The octets of a file as lines, each line end visible, and what is no text as escapes."""
    octets = path.read_bytes()
    lines = [f"--- {title}: {printable(str(path))}"]
    lines += [visible(line) for line in octets[:_SHOWN].splitlines(keepends=True)]
    if len(octets) > _SHOWN:
        lines.append(tr.plural("... {n} more byte", "... {n} more bytes", len(octets) - _SHOWN))
    return "\n" + "\n".join(lines) + "\n"
