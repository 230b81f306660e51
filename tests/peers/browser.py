"""Both ends of the wire: a real client, as Chromium or curl, and httpwire's server, with the tap between them."""

from __future__ import annotations

import base64
import fcntl
import hashlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from conftest import Ran
from peers.site import until
from peers.tap import Tap, tap_on

_FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"]
_FLAGS += ["--disable-background-networking", "--disable-component-update", "--disable-dev-shm-usage"]
_SECONDS = 30.0  # for one step of a browser, which takes a fraction of one

# Becomes a command that has the descriptors it was given as 3 and 4, where Chromium looks for its pipes.
_WITH_PIPES = "import os, sys; [os.dup2(int(sys.argv[n]), 2 + n) for n in (1, 2)]; os.execvp(sys.argv[3], sys.argv[3:])"


def sha256(octets: bytes | bytearray) -> str:
    return hashlib.sha256(octets).hexdigest()


def _environ(profile: Path) -> dict[str, str]:
    return {
        **{name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")},
        "HOME": str(profile),
        "XDG_CONFIG_HOME": str(profile),
        "XDG_CACHE_HOME": str(profile),
        "LANG": "en_US.UTF-8",
    }


def browse(url: str, profile: Path, *flags: str) -> str:
    """The page at `url` as Chromium has it in the end."""
    done = subprocess.run(
        ["chromium", *_FLAGS, *flags, f"--user-data-dir={profile}/profile", "--dump-dom", url],
        capture_output=True,
        timeout=60,
        check=False,
        env=_environ(profile),
    )
    assert done.returncode == 0, done.stderr.decode(errors="replace")
    return done.stdout.decode()


class Chromium:
    """A running Chromium with one page, told what to do through pipes: the DevTools protocol, a line for each step."""

    def __init__(self, process: subprocess.Popen[bytes], told: int, tells: int) -> None:
        self._process = process
        self._told = told
        self._tells = tells
        self._number = 0
        self._unread = b""
        self.events: list[dict[str, Any]] = []  #: what it told since the last page was asked for
        self._session = ""
        [page] = [
            target["targetId"]
            for target in self.call("Target.getTargets")["targetInfos"]
            if target["type"] == "page" and target["url"] == "about:blank"
        ]
        self._session = self.call("Target.attachToTarget", targetId=page, flatten=True)["sessionId"]
        self.call("Page.enable")

    def call(self, method: str, **parameters: object) -> dict[str, Any]:
        """Tell the page, or before there is one the browser, to do something."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._told, json.dumps(message).encode() + b"\0")
        while (answer := self._read(method)).get("id") != self._number:
            self.events.append(answer)
        assert "result" in answer, answer
        return dict(answer["result"])

    def _read(self, wanted: str) -> dict[str, Any]:
        deadline = time.monotonic() + _SECONDS
        while b"\0" not in self._unread:
            ready, _, _ = select.select([self._tells], [], [], max(0, deadline - time.monotonic()))
            data = os.read(self._tells, 1 << 20) if ready else b""
            assert data, f"Chromium says nothing of {wanted}"
            self._unread += data
        line, _, self._unread = self._unread.partition(b"\0")
        return dict(json.loads(line))

    @contextmanager
    def loading(self) -> Iterator[None]:
        """What is done inside loads a page: it is there at the end."""
        self.events = []
        yield
        deadline = time.monotonic() + _SECONDS
        while not any(event.get("method") == "Page.loadEventFired" for event in self.events):
            assert time.monotonic() < deadline, "the page does not come"
            self.events.append(self._read("the page"))

    def open(self, url: str) -> str:
        """Go to `url`; gives the error that Chromium shows, if it shows one."""
        with self.loading():
            navigated = self.call("Page.navigate", url=url)
        return str(navigated.get("errorText", ""))

    def reload(self, *, cached: bool = True) -> None:
        with self.loading():
            self.call("Page.reload", ignoreCache=not cached)

    def evaluate(self, script: str) -> Any:
        """What a script in the page gives, once that is there."""
        done = self.call("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True, userGesture=True)
        assert "exceptionDetails" not in done, done
        return done["result"].get("value")

    @property
    def text(self) -> str:
        """The text of the page."""
        return str(self.evaluate("document.documentElement.innerText"))

    def choose(self, selector: str, *files: Path) -> None:
        """Give files to an input of the page."""
        root = self.call("DOM.getDocument")["root"]["nodeId"]
        node = self.call("DOM.querySelector", nodeId=root, selector=selector)["nodeId"]
        self.call("DOM.setFileInputFiles", nodeId=node, files=[str(path) for path in files])

    def screenshot(self) -> bytes:
        """The page as one sees it, as a PNG."""
        return base64.b64decode(self.call("Page.captureScreenshot")["data"])


@contextmanager
def chromium(profile: Path, *flags: str) -> Iterator[Chromium]:
    """A Chromium that is ended afterwards, whatever happens."""
    ours_in, told = os.pipe()
    tells, ours_out = os.pipe()
    pipes = [fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 10) for end in (ours_in, ours_out)]  # out of the way of 3 and 4
    log = profile / "chromium.log"
    command = ["chromium", *_FLAGS, *flags, f"--user-data-dir={profile}/profile", "--remote-debugging-pipe"]
    try:
        with open(log, "wb") as output:
            process = subprocess.Popen(
                [sys.executable, "-c", _WITH_PIPES, *map(str, pipes), *command, "about:blank"],
                pass_fds=pipes,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=_environ(profile),
            )
        for end in (ours_in, ours_out, *pipes):
            os.close(end)
        try:
            browser = Chromium(process, told, tells)
            yield browser
        finally:
            with suppress(OSError):
                os.write(told, b'{"id":0,"method":"Browser.close"}\0')
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
    finally:
        os.close(told)
        os.close(tells)


def curl(folder: Path, *arguments: str | Path, stdin: bytes = b"", timeout: float = 30) -> Ran:
    """curl in `folder`, without the machine's proxies and settings."""
    done = subprocess.run(
        ["curl", "-q", "-sS", "--noproxy", "*", *map(str, arguments)],
        input=stdin,
        capture_output=True,
        cwd=folder,
        timeout=timeout,
        check=False,
    )
    return Ran(done.returncode, done.stdout, done.stderr.decode(errors="replace"))


class Ours:
    """httpwire's server as a process in `folder`; clients reach it through `tap`."""

    def __init__(self, process: subprocess.Popen[bytes], folder: Path, port: int, tap: Tap, log: Path) -> None:
        self.process = process
        self.folder = folder
        self.port = port
        self.tap = tap
        self._log = log

    @property
    def to(self) -> str:
        return self.tap.to

    @property
    def told(self) -> list[dict[str, Any]]:
        """What it said of each request."""
        return _objects(self._log.with_suffix(".out"))[1:]

    @property
    def said(self) -> str:
        """What it said on standard error."""
        return self._log.with_suffix(".err").read_text()

    def has(self, count: int) -> bool:
        """Whether so many complete requests came, after a while at most."""
        return until(lambda: sum(told["complete"] for told in self.told) >= count)

    def stop(self) -> Ran:
        """Ctrl-C."""
        self.process.send_signal(signal.SIGINT)
        return self.ended()

    def ended(self, seconds: float = 20) -> Ran:
        """How it ended."""
        self.process.wait(seconds)
        return Ran(self.process.returncode, self._log.with_suffix(".out").read_bytes(), self.said)


@contextmanager
def running(folder: Path, *arguments: str | Path, env: dict[str, str] | None = None) -> Iterator[Ours]:
    """`httpwire ARGUMENTS` (record or serve) on a free port, with the tap before it."""
    environ = {k: v for k, v in os.environ.items() if not k.startswith(("LC_", "LANG", "HTTPWIRE"))}
    logs = folder / "logs"
    logs.mkdir(exist_ok=True)
    log = logs / f"{len(list(logs.glob('*.out')))}"
    command = [sys.executable, "-m", "httpwire", *map(str, arguments), "--listen", "127.0.0.1:0", "--json"]
    with open(log.with_suffix(".out"), "wb") as out, open(log.with_suffix(".err"), "wb") as err:
        process = subprocess.Popen(
            command,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
            env={**environ, "LANG": "C.UTF-8", **(env or {})},
        )
    try:
        assert until(lambda: bool(_objects(log.with_suffix(".out"))) or process.poll() is not None, 20, every=0.01)
        told = _objects(log.with_suffix(".out"))
        assert told, log.with_suffix(".err").read_text()
        port = int(told[0]["listening"].rpartition(":")[2])
        with tap_on(socket.create_server(("127.0.0.1", 0)), port) as tap:
            yield Ours(process, folder, port, tap, log)
    finally:
        process.kill()
        process.wait()


def index_of(kept: Path) -> list[dict[str, Any]]:
    """The lines of a folder's index."""
    return _objects(kept / "index.jsonl")


def kept_as_tapped(ours: Ours, kept: Path) -> list[bytes]:
    """Asserts that the files in the folder `kept` are what came, connection by connection, and nothing else is there.

    Only what comes after the server gave up is nobody's. Gives the octets of the complete requests, in order.
    """
    index = sorted(index_of(kept), key=lambda line: int(line["number"]))
    assert [line["number"] for line in index] == list(range(1, len(index) + 1))
    octets = {line["number"]: (kept / line["file"]).read_bytes() for line in index}
    for connection, wire in enumerate(ours.tap.wires, 1):
        came = bytearray()
        for line in index:
            if line["connection"] == connection:
                assert line["start"] == len(came)
                came += octets[line["number"]]
                assert line["stop"] == len(came)
                assert line["octets"] == len(octets[line["number"]])
        gave_up = any(line["connection"] == connection and not line["complete"] for line in index)
        assert came == (wire.sent[: len(came)] if gave_up else wire.sent), f"connection {connection}"
    assert {line["connection"] for line in index} <= set(range(1, len(ours.tap.wires) + 1))
    assert {path.name for path in kept.iterdir()} == {"index.jsonl", *(line["file"] for line in index)}
    return [octets[line["number"]] for line in index if line["complete"]]


def served_as_tapped(ours: Ours) -> None:
    """Asserts that each connection got the recorded answers to its requests, one after the other, and nothing else."""
    for connection, wire in enumerate(ours.tap.wires, 1):
        told = sorted((t for t in ours.told if t["connection"] == connection), key=lambda told: int(told["start"]))
        answers = b"".join((ours.folder / t["answer"]).read_bytes() for t in told)
        assert until(lambda wire=wire, answers=answers: len(wire.received) >= len(answers))  # type: ignore[misc]
        assert wire.received == answers, f"connection {connection}"


def _objects(path: Path) -> list[dict[str, Any]]:
    """The lines of JSON in a file, as far as they are whole."""
    return [json.loads(line) for line in path.read_bytes().splitlines(keepends=True) if line.endswith(b"\n")]
