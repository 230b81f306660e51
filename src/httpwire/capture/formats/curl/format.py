"""curl commands: what curl would send for them, and commands that make curl send what was recorded.

In: a file of shell commands, or exchanges of a capture. Out: for each URL of each command a connection with a
request and no answer, whose octets are those of curl 7.88 over HTTP/1.1; and a script for bash, a command for each
exchange, or a comment that says why curl can't send it. Nothing that is read is ever executed, and files
are read only in the folder of the commands.
"""

from __future__ import annotations

import binascii
import os
import re
from itertools import chain

from httpwire.capture.formats.curl import costs, windows
from httpwire.capture.formats.curl.costs import NotTaken
from httpwire.capture.formats.curl.files import Files
from httpwire.capture.formats.curl.octets import Held
from httpwire.capture.formats.curl.quoting import comment
from httpwire.capture.formats.curl.request import requests
from httpwire.capture.formats.curl.settings import operations
from httpwire.capture.formats.curl.words import Shell
from httpwire.capture.formats.curl.writing import write as command_for
from httpwire.capture.formats.spool import Spool
from httpwire.capture.model import Ending
from httpwire.capture.toll import ADDRESSES, CONNECTIONS, TLS_FACTS
from httpwire.capture.traffic import SOME_TLS, ConnectionFacts, put_exchange
from httpwire.errors import RecordingUnreadable
from httpwire.language import N_
from httpwire.wire.element import Direction

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from httpwire.capture.formats.curl.octets import Octets
    from httpwire.capture.formats.curl.request import Request
    from httpwire.capture.formats.curl.words import Command
    from httpwire.capture.source import Source
    from httpwire.capture.store.capture import Capture
    from httpwire.capture.store.entry import Entry
    from httpwire.capture.toll import Toll
    from httpwire.capture.traffic import Output, Sink

NAME = "curl"
ENDINGS = (".curl", ".sh")

_FIRST = b"#!/bin/bash\n# curl commands, written by httpwire\n"
_BEFORE = re.compile(rb"(?:\xef\xbb\xbf)?(?:\s+|#[^\n]*\n|[$%]\s+|[A-Za-z_][A-Za-z0-9_]*=[^\s;&|'\"`$\\]*\s+)*")
_CURL = re.compile(rb"(?:[^\s'\"`$;&|]*/)?curl(?:\.exe)?(?=[\s\\^])|base64 -d <<'END' \| curl(?=\s)")
_CURL_NAME = re.compile(rb"(?:.*/)?curl(?:\.exe)?", re.DOTALL)
_WRAPPERS = (b"sudo", b"time", b"command", b"exec", b"nohup", b"!", b"$", b"%")
_POWERSHELL = (b"invoke-webrequest", b"invoke-restmethod", b"iwr", b"irm")
_PROXIES = re.compile(rb"(?i)(?:https?|all|no)_proxy=")


def recognises(first: bytes) -> bool:
    """Whether a file that begins with `first` is one of curl commands."""
    if first.startswith(_FIRST):
        return True
    before = _BEFORE.match(first)
    assert before
    return _CURL.match(first, before.end()) is not None


def read(source: Source, sink: Sink, toll: Toll) -> None:
    """Give `sink` a connection for each request that the commands of `source` ask for; none has an answer.

    Raises RecordingBroken, RecordingUnreadable, SaveFailed."""
    known = source.peek(len(_FIRST)) == _FIRST
    if source.peek(3) == b"\xef\xbb\xbf":
        source.read(3)
    folder = (os.path.dirname(source.path) or ".") if source.path else None
    reading = _Reading(sink, toll, folder)
    if windows.is_for_cmd(source.peek(4096)):
        for commands in windows.pipelines(source):
            reading.take(commands)
    else:
        shell = Shell(source, toll)
        for commands in shell.pipelines():
            reading.take(commands)
    if not (reading.commands or known):
        raise RecordingUnreadable(path=source.name, why=N_("there is no curl command in it"), errno=None)


class _Reading:
    """Takes commands, and gives what they send to `sink`."""

    def __init__(self, sink: Sink, toll: Toll, folder: str | None) -> None:
        self.commands = 0  #: of curl
        self._sink = sink
        self._toll = toll
        self._folder = folder

    def take(self, pipeline: list[Command]) -> None:
        """Take the commands of a pipeline: what the first one writes, the next one reads."""
        written: Octets | None = None
        others = 0
        for command in pipeline:
            words = _own_words(command.words)
            if not words and not command.trouble:
                continue
            if words and _CURL_NAME.fullmatch(words[0]):
                self.commands += 1
                if command.piped and written:
                    others -= 1  # it only passed on what is written here
                try:
                    self._send(command, words[1:], written if command.piped else command.input)
                except NotTaken as error:
                    self._toll.skip(error.cost)
                written = None
            elif words and words[0].lower() in _POWERSHELL:
                self._toll.skip(costs.POWERSHELL)
            else:
                others += 1
                written = None if command.piped else _written_by(command, words)
        if others:
            self._toll.skip(costs.OTHER_PROGRAM, others)

    def _send(self, command: Command, words: list[bytes], given: Octets | None) -> None:
        """Give what curl sends for `words`. Raises NotTaken, SaveFailed, RecordingUnreadable."""
        if command.trouble:
            raise NotTaken(command.trouble)
        if any(_PROXIES.match(assignment) for assignment in command.assigned):
            raise NotTaken(costs.OPTION)
        files = Files(self._folder, given)
        if command.file is not None:
            files = Files(self._folder, files.file(command.file))
        for settings in operations(words, files):
            for request in requests(settings):
                self._put(request)

    def _put(self, request: Request) -> None:
        for cost in request.costs:
            self._toll.rebuild(cost)
        facts = ConnectionFacts(
            0,
            server=f"unix:{request.socket}" if request.socket else "",
            target=request.target,
            tls=SOME_TLS if request.secure else None,
            name=request.name,
            origin=NAME,
            reconstructed=tuple(dict.fromkeys(cost.id for cost in request.costs)),
        )
        octets = chain((request.head,), request.content.blocks())
        put_exchange(self._sink, facts, octets, (), ending=Ending.UNSEEN)


def _own_words(words: list[bytes]) -> list[bytes]:
    """`words` without those before the name of the program."""
    for index, word in enumerate(words):
        if word not in _WRAPPERS:
            return words[index:]
    return []


def _written_by(command: Command, words: list[bytes]) -> Octets | None:
    """What a command writes that only passes on what the text holds; None for all others."""
    if command.trouble or command.file is not None:
        return None
    program, *arguments = words or [b""]
    if program == b"cat" and not arguments:
        return command.input
    if program == b"base64" and arguments in ([b"-d"], [b"-D"], [b"--decode"]) and command.input:
        return _from_base64(command.input)
    if program == b"echo" and not any(b"\\" in argument for argument in arguments):
        newline = b"" if arguments[:1] == [b"-n"] else b"\n"
        if arguments[:1] in ([b"-e"], [b"-E"], [b"-ne"]):
            return None
        return Held(b" ".join(arguments if newline else arguments[1:]) + newline)
    if program == b"printf" and len(arguments) == 2 and arguments[0] in (b"%s", b"%s\\n"):
        return Held(arguments[1] + (b"\n" if arguments[0] != b"%s" else b""))
    return None


def _from_base64(encoded: Octets) -> Octets | None:
    """The octets that `encoded` stands for; None where it is no base64."""
    spool, held = Spool(), b""
    try:
        for block in encoded.blocks():
            held += block.translate(None, b" \t\r\n")
            whole = len(held) - len(held) % 4
            spool.write(binascii.a2b_base64(held[:whole], strict_mode=True))
            held = held[whole:]
        return spool if not held else None
    except binascii.Error:
        return None


def write(capture: Capture, entries: Iterable[Entry], output: Output, toll: Toll) -> None:
    """Write a command for each of `entries`, or a comment where curl can't send its request.

    Raises SaveFailed, RecordingUnreadable, RecordingBroken."""
    output.write(_FIRST)
    connections: set[int] = set()
    for entry in entries:
        facts = capture.facts(entry.connection)
        _count(toll, entry, facts, shared=entry.connection in connections)
        connections = {entry.connection}
        asked = f"{entry.method} {entry.target}".encode("latin-1")
        begin = b"\n# %d: %s\n" % (entry.number, comment(asked))
        outgoing = capture.octets(entry, Direction.REQUEST)
        try:
            command = command_for(outgoing, facts)
        except NotTaken as error:
            toll.skip(error.cost)
            why = error.cost.says.partition(": ")[2]
            output.write(begin + b"# curl can't send this: %s\n" % why.encode("ascii"))
            continue
        if command.rechunked:
            toll.lose(costs.CHUNKS)
        if command.tunnel:
            toll.lose(costs.TUNNEL)
        output.write(begin)
        for block in command.blocks():
            output.write(block)


def _count(toll: Toll, entry: Entry, facts: ConnectionFacts, *, shared: bool) -> None:
    """What no command holds of an exchange."""
    toll.lose(costs.TIMES)
    if entry.response_stop > entry.response_start:
        toll.lose(costs.ANSWERS)
    if shared:
        toll.lose(CONNECTIONS)
    if facts.client or facts.server:
        toll.lose(ADDRESSES)
    if facts.tls and facts.tls.version:
        toll.lose(TLS_FACTS)
