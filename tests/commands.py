"""curl commands in tests: what they are read as, and what requests are written as."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from pathlib import Path

from captures import Bytes, Told
from httpwire.capture.formats.curl import format as curl
from httpwire.capture.formats.curl.words import Shell
from httpwire.capture.model import Ending, EventKind
from httpwire.capture.source import Source
from httpwire.capture.store.capture import Capture
from httpwire.capture.store.writing import Appender
from httpwire.capture.toll import Toll
from httpwire.capture.traffic import ConnectionFacts, put_exchange
from httpwire.errors import HttpwireError
from httpwire.wire.element import Direction


class Taken(Told):
    """A Sink: what was read of a file."""

    def __init__(self) -> None:
        super().__init__()
        self.toll = Toll()
        self.error: HttpwireError | None = None

    def event(
        self, connection: int, at_ns: int, direction: Direction | None, kind: EventKind, data: bytes | memoryview = b""
    ) -> None:
        assert at_ns == 0, "nobody knows when it was"
        assert len(data) <= 1 << 20
        super().event(connection, at_ns, direction, kind, data)

    @property
    def requests(self) -> list[bytes]:
        assert not any(self.octets(Direction.RESPONSE))
        return self.octets(Direction.REQUEST)

    @property
    def reconstructed(self) -> list[tuple[str, ...]]:
        return [facts.reconstructed for facts in self.facts]

    @property
    def skipped(self) -> dict[str, int]:
        return {cost.id: count for cost, count in self.toll.skipped.items()}


def read(text: bytes, folder: Path, *, fails: bool = False) -> Taken:
    """What is read of `text`, a file in `folder`; with `fails` the error is kept."""
    path = folder / "commands.curl"
    path.write_bytes(text)
    taken = Taken()
    with Source(str(path)) as source:
        try:
            curl.read(source, taken, taken.toll)
        except HttpwireError as error:
            if not fails:
                raise
            taken.error = error
    return taken


def written(requests: Iterable[bytes], folder: Path, **facts: object) -> tuple[bytes, Toll]:
    """What is written for `requests`, each on a connection of its own with `facts`."""
    output, toll = Bytes(), Toll()
    with tempfile.TemporaryDirectory(dir=folder) as place:
        path = str(Path(place) / "capture.hwire")
        with Appender(path) as sink:
            for octets in requests:
                known = ConnectionFacts(0, **facts)  # type: ignore[arg-type]
                put_exchange(sink, known, [octets], [], ending=Ending.UNSEEN)
        with Capture(path) as capture:
            capture.update()
            curl.write(capture, capture.exchanges(), output, toll)
    return bytes(output), toll


def shell_words(text: bytes) -> list[bytes]:
    """The words of the one command in `text`, as bash takes them."""
    with tempfile.NamedTemporaryFile() as file:
        file.write(text)
        file.flush()
        with Source(file.name) as source:
            [[command]] = Shell(source, Toll()).pipelines()
    assert command.trouble is None, command.trouble
    return command.words
