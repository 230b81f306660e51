"""What the documents show, done again: their commands in a terminal, their pages in a browser.

In: a document in Markdown. Its `console` blocks hold commands and what they print, and a URL in its text, written
<http://...>, is one that the reader opens; bold words after it are what the browser then shows. Out: each output as it
is in the document and as it is now; `told_alike` knows what differs from run to run. Ports, the Apache and the folder
are private; the browser is a headless Chromium, with a new profile each time, as a private window is.
"""

from __future__ import annotations

import difflib
import os
import pty
import random
import re
import select
import shutil
import socket
import subprocess
import sys
import tempfile
import termios
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from httpwire.net.apache import apache

ROOT = Path(__file__).parents[1]
_PORTS = (8080, 8443)  # those of the documents that are ours; Apache's is 80
_HOME = "/home/you"  # the reader's, as the documents have it
_LISTENS = re.compile(r"(?:httpwire (?:record|serve)\b|python tcpserver\.py\b)[^;|]*")  # and goes on until it is done
_SECONDS = 20.0  # for whatever a document says that will happen
_QUIET = 0.7  # seconds without more output, where it is not known what is to come
_ENTER = "import os, sys, fcntl, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); os.execvp(sys.argv[1], sys.argv[1:])"


# Documents.


@dataclass(frozen=True)
class Visit:
    """The reader opens `url`, and the browser shows the words `shows`."""

    url: str
    shows: tuple[str, ...] = ()


@dataclass(frozen=True)
class Shown:
    """`output` in the lines from `start` up to `stop`, of `command`, or more of the one that is running (empty)."""

    command: str
    output: str
    start: int
    stop: int


def steps(text: str) -> Iterator[Visit | Shown]:
    """What a document has its reader do, in order."""
    lines = text.splitlines(keepends=True)
    paragraph: list[str] = []
    number = 0
    while number < len(lines):
        line = lines[number]
        number += 1
        if line.startswith("```"):
            yield from _visits("".join(paragraph))
            paragraph = []
            start = number
            while lines[number] != "```\n":
                number += 1
            if line == "```console\n":
                yield from _shown(lines, start, number)
            number += 1
        elif line.strip():
            paragraph.append(line)
        else:
            yield from _visits("".join(paragraph))
            paragraph = []
    yield from _visits("".join(paragraph))


def _visits(paragraph: str) -> Iterator[Visit]:
    visit: Visit | None = None
    for url, bold in re.findall(r"<(https?://[^>\s]+)>|\*\*(.+?)\*\*", paragraph):
        if url:
            if visit:
                yield visit
            visit = Visit(url)
        elif visit:
            visit = Visit(visit.url, (*visit.shows, bold))
    if visit:
        yield visit


def _shown(lines: list[str], start: int, stop: int) -> Iterator[Shown]:
    commands = [number for number in range(start, stop) if lines[number].startswith("$ ")]
    if not commands or commands[0] > start:
        commands.insert(0, start - 1)
    for number, following in zip(commands, [*commands[1:], stop], strict=True):
        command = lines[number].removeprefix("$ ").rstrip("\n") if number >= start else ""
        yield Shown(command, "".join(lines[number + 1 : following]), number + 1, following)


def asked_for(path: Path) -> list[str]:
    """The commands and the URLs of a document, in order; in every language they are the same."""
    found = [step.command if isinstance(step, Shown) else step.url for step in steps(path.read_text("utf-8"))]
    return [asked.replace(" --lang ja", "") for asked in found if asked]


# What is the same, though it differs.

_RULES = (
    # A moment, and how long ago it was; lines end in it where they are full.
    (
        r"\d{4}-\d\d-\d\d\s+[\d:]{8}(?:(?!\n\S)[\s\S]){0,100}?(?:\bago|\bnow|前|今)(?:,?\s*[(（]RFC[^)）]*[)）])?",
        "<moment>",
    ),
    (r"\d{4}-\d\d-\d\d [\d:]{8}", "<moment>"),
    (r"\w{3}, \d\d \w{3} \d{4} [\d:]{8} GMT", "<date>"),
    (r"\b\d\d:\d\d:\d\d\.\d{3}\b", "<clock>"),
    (r"\b[\d.,]+ m?s\b", "<time>"),
    (r'"time": [\d.]+', '"time": <time>'),
    (r'(?:W/)?"[0-9a-f]+-[0-9a-f]+"', "<etag>"),
    (r"(?:127\.0\.0\.1|\[::1\]):[1-6]\d{4}\b|\('(?:127\.0\.0\.1|::1)', \d+\)", "<client>"),  # an ephemeral port
    (r"\bApache/[\d.]+(?: \(\w+\))?", "<Apache>"),
    (r"(?m)^ +(?:Debian|Ubuntu|Unix|<Apache>)  .*\n", ""),  # what is said of it
    (r"(the first difference is at offset |最初に異なるのはオフセット )\d+", r"\1<offset>"),  # between two times
    (r"(process |PID )\d+", r"\1<process>"),
    # A browser's own; and only it knows how often it tries, and what it opens in advance.
    (r"(?m)^((?:User-Agent|Accept(?:-Encoding|-Language)?|sec-ch-ua[\w-]*): ).*?(\^M\$)?$", r"\1<browser>\2"),
    (r"(?m)^(?:request|リクエスト) +GET /favicon\.ico .*\n(?:(?:answer|レスポンス|warning|警告| ) .*\n)*", ""),
    (r"(?m)^((?:\^C)?(?:ended|終了) ).*$", r"\1<counts>"),
    (r"((?:offset|オフセット) )\d+(?:, \d+)+", r"\1<offsets>"),
    (r"(?m)^(.*\n)\1+", r"\1"),
    (r"(?<=\S) {2,}(?=\S)", "  "),  # columns are as wide as what differs
)
# These differ, too, but what was equal has to be equal again: a hash, and a size.
_SAME = re.compile(
    r"\b[0-9a-f]{64}\b"
    r"|(?<=bytes 0 to )\d[\d,]*|(?<=バイト 0～)\d[\d,]*"
    r"|(?<![\w.:])\d[\d,]*(?= bytes?\b| of [\d,]+ bytes?\b| バイト)"
    r'|(?<="octets": )\d+|(?<="head": )\d+|(?<="content": )\d+|(?<="stop": )\d+|(?<="start": )\d+'
)


def constant(text: str) -> str:
    """`text` without what differs from run to run, from machine to machine and from browser to browser."""
    for pattern, replacement in _RULES:
        text = re.sub(pattern, replacement, text)
    names: dict[str, str] = {}
    return _SAME.sub(lambda found: names.setdefault(found[0], f"<{len(names) + 1}>"), text)


def told_alike(document: str, now: str) -> bool:
    """Whether two outputs say the same."""
    return constant(document) == constant(now)


# Readers.


class Terminal:
    """A command in a terminal of its own, and what that shows."""

    def __init__(self, command: str, folder: Path, env: dict[str, str]) -> None:
        self._primary, replica = pty.openpty()
        settings = termios.tcgetattr(replica)
        settings[1] &= ~termios.OPOST  # a line ends as it was written
        termios.tcsetattr(replica, termios.TCSANOW, settings)
        with os.fdopen(replica, "r+b", buffering=0) as end:
            self.process = subprocess.Popen(
                [sys.executable, "-c", _ENTER, "sh", "-c", command],
                cwd=folder,
                env=env,
                stdin=end,
                stdout=end,
                stderr=end,
                start_new_session=True,
            )
        self.ended = False
        self._octets = b""

    @property
    def text(self) -> str:
        return self._octets.decode(errors="backslashreplace")

    def read(self, until: Callable[[str], bool], seconds: float = _SECONDS, quiet: float = _SECONDS) -> None:
        """Take what is shown until `until` is content with it, the command has ended, or the time is over."""
        deadline = time.monotonic() + seconds
        while not self.ended and not until(self.text):
            ready, _, _ = select.select([self._primary], [], [], max(0.0, min(quiet, deadline - time.monotonic())))
            if not ready:
                return
            try:
                data = os.read(self._primary, 65536)
            except OSError:  # Linux says so that nobody has the terminal open any more
                data = b""
            self._octets += data
            self.ended = not data
        if self.ended:
            self.process.wait(_SECONDS)

    def interrupt(self) -> None:
        """Press Ctrl-C."""
        os.write(self._primary, b"\x03")

    def close(self) -> None:
        if self.process.poll() is None:
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, 9)
            self.process.wait()
        os.close(self._primary)


@dataclass
class Reader:
    """Somebody who does what a document says, in `folder`, with an Apache on `apache_port`. `knows` says whether the
    first text, which is in the document, is what the second one tells; without it whatever is told is taken."""

    folder: Path
    home: Path
    apache_port: int
    japanese: bool
    knows: Callable[[str, str], bool] | None = None
    ports: dict[int, int] = field(default_factory=dict)
    _running: Terminal | None = None
    _seen: int = 0  # how much of the running one's text was in the document so far

    def __post_init__(self) -> None:
        self.ports = {port: four_digits() for port in _PORTS}
        programs = self.home / "bin"
        programs.mkdir()
        installed = Path(sys.executable).with_name("httpwire")
        command = f'"{installed}"' if installed.exists() else f'"{sys.executable}" -m httpwire'
        for name, called in {"httpwire": command, "python": f'"{sys.executable}"'}.items():
            (programs / name).write_text(f'#!/bin/sh\nexec {called} "$@"\n')
            (programs / name).chmod(0o755)
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("LC_", "LANG", "HTTPWIRE", "XDG_", "PYTEST"))}
        self._env = {k: v for k, v in kept.items() if k != "SSLKEYLOGFILE" and not k.lower().endswith("_proxy")}
        self._env |= {"HOME": str(self.home), "LANG": "C.UTF-8", "TERM": "dumb", "PYTHONUTF8": "1"}
        self._env["PATH"] = f"{programs}{os.pathsep}{self._env['PATH']}"
        for program in (ROOT / "study").glob("*.py"):
            (self.folder / program.name).write_text(self.here(program.read_text("utf-8")), "utf-8")

    def here(self, text: str) -> str:
        """`text` of a document with the ports as they are here."""
        for port, ours in self.ports.items():
            text = re.sub(rf":{port}\b", f":{ours}", text)
        text = re.sub(r"\b127\.0\.0\.1:80\b", f"127.0.0.1:{self.apache_port}", text)
        return text.replace("http://localhost/", f"http://localhost:{self.apache_port}/")

    def _command(self, text: str) -> str:
        """A command of a document with the ports as they are here, also the one that it does not name."""
        if "--listen" not in text:
            text = re.sub(r"\bhttpwire (?:record|serve)\b", r"\g<0> --listen 127.0.0.1:8080", text)
        return self.here(text)

    def there(self, text: str) -> str:
        """`text` of here as the document would have it."""
        for port, ours in self.ports.items():
            text = re.sub(rf":{ours}\b", f":{port}", text)
        return re.sub(rf":{self.apache_port}\b", ":80", text).replace(str(self.home), _HOME)

    def follow(self, text: str) -> Iterator[tuple[Shown, str]]:
        """Do what the document `text` says: each output in it, and what it is now."""
        waiting: list[Visit] = []
        try:
            for step in steps(text):
                if isinstance(step, Shown):
                    yield step, self._do(step, waiting)
                elif step.url.startswith("http://localhost/") or self._is_up():
                    self._browse(step)
                else:  # nobody is there yet
                    waiting.append(step)
            assert not waiting, f"nobody ever listened for {waiting}"
            self._finish()
        finally:
            if self._running:
                self._running.close()

    def _do(self, step: Shown, waiting: list[Visit]) -> str:
        if step.command and not _LISTENS.fullmatch(step.command):
            terminal = Terminal(self._command(step.command), self.folder, self._env)
            try:
                terminal.read(lambda _: False)
                assert terminal.ended, f"{step.command} does not end; so far it says:\n{terminal.text}"
                return self.there(terminal.text)
            finally:
                terminal.close()
        if step.command:
            self._finish()
            self._running, self._seen = Terminal(self._command(step.command), self.folder, self._env), 0
        assert self._running, f"nothing is running that could say:\n{step.output}"
        terminal = self._running
        if waiting:
            terminal.read(lambda text: ":8080/" in self.there(text))
            for visit in waiting:
                self._browse(visit)
            waiting.clear()
        start = self._seen
        for part in re.split(r"(?m)^(?=\^C)", step.output):
            if part.startswith("^C"):
                terminal.interrupt()
                terminal.read(lambda _: False)
            elif self.knows is None:
                terminal.read(lambda _: False, quiet=_QUIET)
            else:
                shown = step.output.partition("^C")[0]
                terminal.read(lambda text, shown=shown: self._told(shown, self.there(text)[start:]))  # type: ignore[misc]
        text = self.there(terminal.text)
        self._seen = len(text)
        return text[start:]

    def _is_up(self) -> bool:
        """Whether something is running beside the reader: what has said its last word needs a moment to end."""
        if self._running:
            self._running.read(lambda _: False, seconds=0.2)
        return bool(self._running and not self._running.ended)

    def _told(self, document: str, now: str) -> bool:
        return bool(self.knows and self.knows(document, now))

    def _finish(self) -> None:
        """What runs beside the reader has to have ended, and the document has to have shown all that it said."""
        if self._running:
            self._running.read(lambda _: False, seconds=2)
            unseen = self.there(self._running.text)[self._seen :]
            assert self._running.ended, f"it is left running, after it has said:\n{self._running.text}"
            assert not unseen, f"it also says:\n{unseen}"
            self._running.close()
            self._running = None

    def _browse(self, visit: Visit) -> None:
        """Open a page in a new window."""
        flags = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"]
        flags += ["--disable-background-networking", "--disable-component-update", "--disable-dev-shm-usage"]
        flags += ["--accept-lang=ja,en-US,en"] if self.japanese else []
        profile = tempfile.mkdtemp(dir=self.home)
        flags += [f"--user-data-dir={profile}", f"--user-agent={_agent()}", "--dump-dom", self.here(visit.url)]
        done = subprocess.run(
            ["chromium", *flags], capture_output=True, timeout=60, check=False, env=self._env, cwd=self.home
        )
        shown = done.stdout.decode() + " ".join(re.findall(r"\bERR_\w+", done.stderr.decode(errors="replace")))
        missing = [words for words in visit.shows if words not in shown]
        assert not missing, f"{visit.url} does not show {missing}:\n{shown}"


def _agent() -> str:
    """What Chromium calls itself; headless, it would say that, too."""
    version = subprocess.run(["chromium", "--version"], capture_output=True, text=True, timeout=30, check=True).stdout
    major = re.search(r"(\d+)\.", version)
    assert major, version
    engine = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko)"
    return f"{engine} Chrome/{major[1]}.0.0.0 Safari/537.36"


def four_digits() -> int:
    """A free port of four digits: what has such a port in it is as long as in the documents."""
    while True:
        port = random.randrange(2000, 10_000)
        with suppress(OSError), ExitStack() as stack:
            for family, address in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
                stack.enter_context(socket.socket(family)).bind((address, port))
            return port


@contextmanager
def reader(*, japanese: bool, knows: Callable[[str, str], bool] | None = None) -> Iterator[Reader]:
    """A reader with a private Apache and a folder that goes away afterwards."""
    with ExitStack() as stack:
        # Not a folder of pytest's: those are their owner's alone, and Apache's workers may be somebody else.
        site, home, folder = (Path(tempfile.mkdtemp(prefix="httpwire-document-")) for _ in range(3))
        for place in (site, home, folder):
            stack.callback(shutil.rmtree, place, ignore_errors=True)
        yield Reader(folder, home, stack.enter_context(apache(site)), japanese, knows)


def check(path: Path) -> None:
    """Do what a document says, and raise AssertionError at the first output that is not what it shows."""
    told = now = ""

    def knows(document: str, text: str) -> bool:
        return told_alike(told + document, now + text)

    with reader(japanese=".ja." in path.name, knows=knows) as somebody:
        for shown, found in somebody.follow(path.read_text("utf-8")):
            told, now = told + shown.output, now + found
            if not told_alike(told, now):
                where = f"{path.name}:{shown.start}: {shown.command or 'it goes on'}"
                before, after = (constant(text).splitlines() for text in (told, now))
                differing = "\n".join(difflib.unified_diff(before, after, "in the document", "now", lineterm=""))
                raise AssertionError(f"{where}\n{differing}\n\nAs it is now:\n{found}")


def rewrite(path: Path) -> None:
    """Do what a document says, and put into it what is said now."""
    text = path.read_text("utf-8")
    lines = text.splitlines(keepends=True)
    with reader(japanese=".ja." in path.name) as somebody:
        found = list(somebody.follow(text))
    for shown, now in reversed(found):
        lines[shown.start : shown.stop] = now.splitlines(keepends=True)
    path.write_text("".join(lines), "utf-8")


def main(*paths: Path) -> None:
    """`--write` puts into the documents what their commands say now; without it they are checked."""
    for path in paths:
        (rewrite if "--write" in sys.argv[1:] else check)(path)
