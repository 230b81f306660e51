"""Whether a capture file is whole, and its index that of its events.

In: the path of a capture. Out: what is wrong with it, as Sentences; nothing where it is as it should be. The
file is not changed.
"""

from __future__ import annotations

import sqlite3

from httpwire.capture.store.capture import Capture
from httpwire.capture.store.index import Index
from httpwire.capture.store.schema import INDEX, reading
from httpwire.language import N_, Sentence

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_SHOWN = 20  # differences, or faults of pages
_UNKNOWN = "SELECT DISTINCT connection FROM events WHERE connection NOT IN (SELECT number FROM connections) LIMIT 20"
_LESS = """
SELECT number, 1 FROM (SELECT * FROM main.exchanges EXCEPT SELECT * FROM temp.exchanges)
UNION ALL SELECT number, 0 FROM (SELECT * FROM temp.exchanges EXCEPT SELECT * FROM main.exchanges)
ORDER BY number LIMIT 10000
"""


def faults(path: str, progress: Callable[[int, int], None] | None = None) -> Iterator[Sentence]:
    """What is wrong with the capture at `path`: pages that contradict each other, events of no connection, where its
    index is not what its events say. Raises RecordingUnreadable, RecordingBroken."""
    with Capture(path) as capture:
        db = capture.db
        with reading(db, path):
            for (told,) in db.execute(f"PRAGMA integrity_check({_SHOWN})").fetchall():
                if told != "ok":
                    yield Sentence(N_("SQLite: {what}"), what=" ".join(told.split()))
            for (number,) in db.execute(_UNKNOWN).fetchall():
                yield Sentence(N_("there are events of a connection {number} that is not known"), number=number)
            capture.update()
            yield from _differences(db, path, progress)


def _differences(db: sqlite3.Connection, path: str, progress: Callable[[int, int], None] | None) -> Iterator[Sentence]:
    """Where the index in the file differs from one that is made of all events, in this process alone."""
    (indexed, last) = db.execute("SELECT indexed, (SELECT max(id) FROM events) FROM main.progress").fetchone()
    if indexed != (last or 0):
        return  # it is behind, and can't be written: that is no fault of what there is
    for table in INDEX:
        db.execute(f"DROP TABLE IF EXISTS temp.{table}")
    Index(db, path, writable=True, anew=True).update(progress)
    found: dict[int, set[int]] = {}
    for number, kept in db.execute(_LESS):
        found.setdefault(number, set()).add(kept)
    for number, sides in list(found.items())[:_SHOWN]:
        if len(sides) > 1:
            yield Sentence(N_("the index tells of exchange #{number} what its events do not"), number=number)
        elif 1 in sides:
            yield Sentence(N_("the index has an exchange #{number} that is not in the events"), number=number)
        else:
            yield Sentence(N_("the index lacks the exchange #{number}"), number=number)
    if len(found) > _SHOWN:
        yield Sentence(N_("and {n} more differences"), n=f"{len(found) - _SHOWN:,}")
