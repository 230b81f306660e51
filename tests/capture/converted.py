"""Captures made for tests of formats, and what came of converting them there and back."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from captures import Bytes, Pair, Told
from httpwire.capture.source import Source
from httpwire.capture.store.capture import Capture
from httpwire.capture.store.writing import Appender
from httpwire.capture.toll import Toll
from httpwire.capture.traffic import ConnectionFacts, put_exchange
from httpwire.errors import HttpwireError, RecordingBroken, RecordingUnreadable

BEGAN = 1_700_000_000_123_456_789
FACTS = ConnectionFacts(BEGAN, client="127.0.0.1:50000", server="127.0.0.1:80", target="http://a.example:80")


def captured(path: Path | str, pairs: Iterable[Pair], facts: ConnectionFacts = FACTS) -> str:
    """Make a capture in which each pair has a connection of its own, a second after the last one."""
    with Appender(str(path)) as sink:
        for index, (request, response) in enumerate(pairs):
            put_exchange(
                sink,
                later(facts, index),
                cut(request),
                cut(response),
                sent_ns=10**6,
                first_ns=5 * 10**6,
                last_ns=9 * 10**6,
            )
    return str(path)


def later(facts: ConnectionFacts, seconds: int) -> ConnectionFacts:
    return facts.replace(began_ns=facts.began_ns + seconds * 1_000_000_000)


def cut(data: bytes, size: int = 100_000) -> list[bytes]:
    return [data[start : start + size] for start in range(0, len(data), size)]


def written(path: Path | str, write: Callable[..., None], **options: Any) -> tuple[bytes, Toll]:
    """A whole capture, as a format writes it."""
    output, toll = Bytes(), Toll()
    with Capture(str(path)) as capture:
        capture.update()
        write(capture, capture.exchanges(), output, toll, **options)
    return bytes(output), toll


def read_in(path: Path | str, data: bytes, read: Callable[..., None]) -> tuple[Told, Toll]:
    """What a format reads from a file of `data`."""
    Path(path).write_bytes(data)
    told, toll = Told(), Toll()
    with Source(str(path)) as source:
        read(source, told, toll)
    return told, toll


def heard(path: Path | str, data: bytes, read: Callable[..., None]) -> tuple[list[Pair], HttpwireError | None]:
    """What a format reads from a file of `data` that may be broken, and what it raises then."""
    Path(path).write_bytes(data)
    told, raised = Told(), None
    with Source(str(path)) as source:
        try:
            read(source, told, Toll())
        except HttpwireError as error:
            raised = error
    assert len(told.endings) == len(told.facts), "each connection has ended"
    assert raised is None or isinstance(raised, (RecordingBroken, RecordingUnreadable))
    return told.pairs, raised


def costs(counts: dict[Any, int]) -> dict[str, int]:
    return {cost.id: count for cost, count in counts.items()}


def peak(path: Path | str, module: str) -> tuple[int, int]:
    """The octets of messages that the format `module` reads in a file, and the most memory that it took for it."""
    done = subprocess.run(
        [sys.executable, "-c", _READING, module, str(path)], capture_output=True, check=True, text=True, timeout=60
    )
    octets, memory = done.stdout.split()
    return int(octets), int(memory) * 1024


_READING = """
import importlib, re, sys
from httpwire.capture.source import Source
from httpwire.capture.toll import Toll

class Sink:
    octets = 0
    def open(self, facts):
        return 1
    def revise(self, connection, facts):
        pass
    def event(self, connection, at, direction, kind, data=b""):
        if kind.value == "segment":
            self.octets += len(data)

sink = Sink()
format = importlib.import_module(sys.argv[1])
with Source(sys.argv[2]) as source:
    format.read(source, sink, Toll())
print(sink.octets, re.search("VmHWM:\\s+(\\d+)", open("/proc/self/status").read())[1])
"""
