"""The verb `demo`: the main job with nothing else at hand.

In: a folder to keep the exchange in. Out: a private server started, a request as Chrome
sends it sent there, both files shown and saved, and the server stopped.
"""

from __future__ import annotations

import shutil
import signal
import sys
import tempfile
from contextlib import ExitStack
from importlib.resources import files
from pathlib import Path

from httpwire.cli.console import Console, columns_of, say
from httpwire.cli.options import Option, Verb, help_text, read
from httpwire.cli.send import run as send
from httpwire.cli.status import ExitStatus
from httpwire.errors import ApacheFailed, OutputUnwritable, UsageError
from httpwire.language import N_, Translator
from httpwire.net.apache import apache, find_apache
from httpwire.net.origin import origin
from httpwire.views.text import printable, visible

_SERVERS = ("auto", "apache", "builtin")
_SHOWN = 4096  # octets of a file that are shown

DEMO = Verb(
    "demo",
    N_("httpwire demo [FOLDER] [--server auto|apache|builtin]"),
    N_(
        "Starts a server of its own on a free port, sends it a request as Chrome sends it, shows both messages, and "
        "keeps them in FOLDER (httpwire-demo): client_send.txt and client_recv.txt."
    ),
    (
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
    quiet = arguments.has("quiet")
    console = Console(tr, quiet=quiet)
    request, answer = folder / "client_send.txt", folder / "client_recv.txt"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        request.write_bytes(files("httpwire").joinpath("samples", "chrome-get.http").read_bytes())
    except OSError as error:
        raise OutputUnwritable(path=error.filename or folder, why=error.strerror or str(error)) from error
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _stop)
    with ExitStack() as stack:
        port, name = _start(server, stack)
        console.lines([(tr("server"), tr("{name} on 127.0.0.1:{port}", name=tr(name), port=port))])
        words = [str(request), "--to", f"127.0.0.1:{port}", "-o", str(answer), *(["-q"] if quiet else [])]
        status = send(words, tr)
    if not quiet:
        sys.stderr.flush()
        for title, path in ((tr("What was sent"), request), (tr("What came back"), answer)):
            if path.exists():
                say(_shown(title, path, tr))
    return status


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
