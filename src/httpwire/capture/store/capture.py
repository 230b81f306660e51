"""A capture file, to be read: its exchanges by number, their octets, and the events of its connections.

In: the path of a NAME.hwire. Out: Entries, in the order of their numbers; the octets of a message as
an Outgoing, read from the file as they are asked for; WireEvents. Others may append meanwhile.
"""

from __future__ import annotations

from httpwire.capture.model import WireEvent
from httpwire.capture.raw import Outgoing
from httpwire.capture.store.entry import Entry
from httpwire.capture.traffic import ConnectionFacts
from httpwire.wire.element import Direction

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Self


class Capture:
    """The capture at `path`; a context manager."""

    def __init__(self, path: str) -> None:
        """Open it. Raises RecordingUnreadable (no capture, damaged, a newer schema)."""
        self.path = path
        raise NotImplementedError

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None: ...

    def update(self) -> None:
        """Bring the index up to date with the events, as far as other processes have not. What follows sees it."""

    def facts(self, connection: int) -> ConnectionFacts:
        """What is known of a connection."""
        raise NotImplementedError

    def connections(self) -> Iterator[int]:
        """The numbers of all connections, in order."""
        raise NotImplementedError

    def events(self, connection: int) -> Iterator[WireEvent]:
        """What happened on a connection, in order; `at_ns` is ns since it began."""
        raise NotImplementedError

    def exchanges(self, where: str = "", values: Iterable[object] = ()) -> Iterator[Entry]:
        """The exchanges in order of number, of those for which the SQL expression `where` holds."""
        raise NotImplementedError

    def entry(self, number: int) -> Entry | None:
        """The exchange with that number; None where there is none."""
        raise NotImplementedError

    def octets(self, entry: Entry, direction: Direction) -> Outgoing:
        """The octets of one direction of an exchange; to be read while the capture is open."""
        raise NotImplementedError
