"""The capture file: an SQLite database, its tables, and how an older one becomes a newer one.

The truth is in `connections` and `events`, and in `removed`, the numbers of exchanges that were taken
out. `exchanges`, `voids`, `resume` and `progress` are an index over them, which can be made again at any time.
"""

from __future__ import annotations

import os
import sqlite3
import stat
import time
from zlib import crc32

from httpwire.capture.model import EventKind
from httpwire.capture.store.signature import APPLICATION, is_capture
from httpwire.errors import OutputUnwritable, RecordingBroken, RecordingUnreadable
from httpwire.language import N_
from httpwire.wire.element import Direction
from httpwire.wire.record import Record, at

VERSION = 1
_PAGE = 8192  # octets: most small messages fit, and large segments take few
_DAMAGED = N_("it is damaged")
JOURNALS = ("-wal", "-shm", "-journal")  # endings of what SQLite keeps beside a file that is open
_NO_ROOM = ("SQLITE_FULL", "SQLITE_IOERR")  # what SQLite says where it can't write, or not know that it has to
_PATIENCE = 60.0  # seconds to wait for another process that is writing

#: The numbers that stand for kinds and directions in the file; they never change.
KINDS = {
    EventKind.SEGMENT: 0,
    EventKind.CONNECTED: 1,
    EventKind.TLS: 2,
    EventKind.SENT_ALL: 3,
    EventKind.ENDED: 4,
    EventKind.END: 5,
    EventKind.TRY: 6,
    EventKind.REFUSED: 7,
    EventKind.GAP: 8,
}
SEGMENT, SENT_ALL, ENDED, END, GAP = (
    KINDS[kind] for kind in (EventKind.SEGMENT, EventKind.SENT_ALL, EventKind.ENDED, EventKind.END, EventKind.GAP)
)
DIRECTIONS = {Direction.REQUEST: 0, Direction.RESPONSE: 1, None: 2}

_TRUTH = """
CREATE TABLE connections (
    number INTEGER PRIMARY KEY,
    began INTEGER NOT NULL,          -- ns since 1970, UTC
    client TEXT NOT NULL,
    server TEXT NOT NULL,
    target TEXT NOT NULL,
    tls TEXT,                        -- version; NULL: no TLS
    cipher TEXT NOT NULL,
    alpn TEXT NOT NULL,
    verified INTEGER NOT NULL,
    name TEXT NOT NULL,
    secrets BLOB NOT NULL,           -- lines of an NSS key log
    origin TEXT NOT NULL,            -- the format it was read from; empty: recorded by httpwire
    reconstructed TEXT NOT NULL      -- what of its octets was made again, ids with a blank between
);
CREATE TABLE events (
    id INTEGER PRIMARY KEY,          -- the order in which they were written
    connection INTEGER NOT NULL,
    direction INTEGER NOT NULL,      -- 0 of requests, 1 of responses, 2 both
    kind INTEGER NOT NULL,
    at INTEGER NOT NULL,             -- ns since the connection began
    start INTEGER NOT NULL,          -- octets of this direction before it
    data BLOB NOT NULL
);
CREATE INDEX events_by_place ON events (connection, direction, start);
CREATE TABLE removed (
    first INTEGER PRIMARY KEY,       -- numbers of exchanges that are no more,
    last INTEGER NOT NULL            -- up to this one
);
"""

#: The index's tables, each with its columns.
INDEX = {
    "exchanges": """
        number INTEGER PRIMARY KEY,
        connection INTEGER NOT NULL,
        request_start INTEGER NOT NULL,
        request_stop INTEGER NOT NULL,
        response_start INTEGER NOT NULL,
        final_start INTEGER NOT NULL,
        response_stop INTEGER NOT NULL,
        request_content INTEGER NOT NULL,
        response_content INTEGER NOT NULL,
        began INTEGER NOT NULL,
        request_ns INTEGER,
        response_ns INTEGER,
        ended_ns INTEGER,
        method TEXT NOT NULL,
        target TEXT NOT NULL,
        host TEXT NOT NULL,
        status INTEGER NOT NULL,
        type TEXT NOT NULL,
        outcome TEXT NOT NULL,
        rule TEXT NOT NULL,
        findings TEXT NOT NULL,      -- ids, a blank before and behind each
        asked INTEGER NOT NULL       -- what `asked_for` makes of method and target
    """,
    "resume": """
        connection INTEGER PRIMARY KEY,
        event INTEGER NOT NULL,      -- the last one behind which nothing is under way
        request_offset INTEGER NOT NULL,
        response_offset INTEGER NOT NULL,
        number INTEGER NOT NULL      -- of the last exchange before that; 0: there was none
    """,
    "voids": """
        number INTEGER PRIMARY KEY,  -- of what began like an exchange behind a tunnel, and was the tunnel's
        connection INTEGER NOT NULL
    """,
    "progress": """
        indexed INTEGER NOT NULL,    -- the last event that was read
        generation INTEGER NOT NULL, -- how often something of it was made anew
        next INTEGER NOT NULL        -- the number of the next exchange, unless it was removed
    """,
}
_BY_ASKED = "CREATE INDEX exchanges_by_asked ON exchanges (asked)"
_BY_CONNECTION = "CREATE INDEX exchanges_by_connection ON exchanges (connection)"


def asked_for(method: bytes, target: bytes) -> int:
    """A number for a method and a target, by which exchanges are found fast; others may have the same."""
    return crc32(b"%b %b" % (method, target))


def open_for_writing(path: str, *, durable: bool, alone: bool = False) -> sqlite3.Connection:
    """Open the capture at `path`, and make it where there is none. `durable`: what was committed survives a loss of
    power, too. `alone`: it is a new one that nobody else reads yet; a loss of power may damage it.

    Raises OutputUnwritable, RecordingUnreadable."""
    if not path:
        raise OutputUnwritable(path=path, why=N_("it has no name"), errno=None)
    made = not os.path.exists(path) or not os.stat(path).st_size
    if not made and not is_capture(path):
        raise OutputUnwritable(path=path, why=N_("it is there already, and is no capture"), errno=None)
    try:
        db = _connect(path, "rwc")
        try:
            if made:
                db.execute(f"PRAGMA page_size = {_PAGE}")
            if alone:
                db.execute("PRAGMA synchronous = OFF")
            _be_current(db, path)  # before WAL is on: with that, the file's own first page would come later
            if not alone:
                _be_writer(db, durable=durable)
        except BaseException:
            db.close()
            raise
    except sqlite3.Error as error:
        raise OutputUnwritable(path=path, why=why_failed(error, path), errno=None) from error
    return db


def _be_writer(db: sqlite3.Connection, *, durable: bool) -> None:
    until = time.monotonic() + _PATIENCE
    while True:
        try:
            db.execute("PRAGMA journal_mode = WAL")
            break
        except sqlite3.OperationalError as error:  # this one SQLite does not wait for by itself
            if "locked" not in str(error) or time.monotonic() > until:
                raise
            time.sleep(0.01)
    db.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")


class Access(Record):
    """An open capture `db`. `writable`: its index can be written; `whole`: SQLite finds no fault with its size, so that
    the index in it can be believed."""

    __slots__ = ()
    FIELDS = ("db", "writable", "whole")
    db: sqlite3.Connection = at(0)
    writable: bool = at(1)
    whole: bool = at(2)

    def __new__(cls, db: sqlite3.Connection, *, writable: bool, whole: bool = True) -> Access:
        return tuple.__new__(cls, (db, writable, whole))


def open_for_reading(path: str) -> Access:
    """Open the capture at `path`; what is left of it, where it is damaged. Raises RecordingUnreadable."""
    if not is_capture(path):
        _refuse(path)
    try:
        return _open_whole(path)
    except sqlite3.Error as error:
        name = getattr(error, "sqlite_errorname", "")
        full = name.startswith(_NO_ROOM) and not _has_octets(path + JOURNALS[0])
        if not full and not name.startswith("SQLITE_CORRUPT"):
            raise RecordingUnreadable(path=path, why=why_failed(error, path), errno=None) from error
    try:
        return _open_alone(path) if full else _open_rest(path)
    except sqlite3.Error as error:
        raise RecordingUnreadable(path=path, why=_DAMAGED, errno=None) from error


def _open_whole(path: str) -> Access:
    db: sqlite3.Connection | None = None
    try:
        if may_write(path):
            db = _connect(path, "rw")
            writable = True
        else:
            # Nobody else writes where we may not, unless under another name: then SQLite needs its shared memory.
            alone = not os.path.exists(path + "-wal")
            db = _connect(path, "ro&immutable=1" if alone else "ro")
            writable = False
        _be_current(db, path)
        if writable:
            _be_writer(db, durable=False)
    except BaseException:
        if db:
            db.close()
        raise
    return Access(db, writable=writable)


def _has_octets(path: str) -> bool:
    try:
        return os.stat(path).st_size > 0
    except OSError:
        return False


def _open_alone(path: str) -> Access:
    """Open a file with nothing beside it, where nothing can be written there."""
    db = _connect(path, "ro&immutable=1")
    try:
        _be_current(db, path)
    except BaseException:
        db.close()
        raise
    return Access(db, writable=False)


def may_write(path: str) -> bool:
    """Whether the capture at `path` may be written, and the files that SQLite has beside it."""
    effective = os.access in os.supports_effective_ids
    return all(os.access(each, os.W_OK, effective_ids=effective) for each in (path, os.path.dirname(path) or "."))


def _open_rest(path: str) -> Access:
    """Open a file of which a part is missing: pages that are there can be read."""
    db = _connect(path, "ro&immutable=1")
    try:
        db.execute("PRAGMA writable_schema = ON")  # SQLite then reads a file that is shorter than its header says
        _be_current(db, path)
        db.execute("SELECT number FROM connections LIMIT 1")  # the index is made anew: only the truth has to be there
    except BaseException:
        db.close()
        raise
    return Access(db, writable=False, whole=False)


def _refuse(path: str) -> None:
    """Raise why `path` is no capture."""
    try:
        if not stat.S_ISFIFO(os.stat(path).st_mode):  # to open one would wait for its writer
            with open(path, "rb") as file:
                file.read(1)
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise RecordingUnreadable(path=path, why=why, errno=getattr(error, "errno", None)) from error
    hint = N_("httpwire convert {path} NEW.hwire makes one of other formats")
    raise RecordingUnreadable(path=path, why=N_("it is no capture of httpwire"), errno=None, hint=hint)


def _connect(path: str, mode: str) -> sqlite3.Connection:
    from urllib.parse import quote

    name = f"file:{quote(os.fsencode(os.path.abspath(path)))}?mode={mode}"  # its name may be any octets
    return sqlite3.connect(name, timeout=_PATIENCE, isolation_level=None, check_same_thread=False, uri=True)


def _be_current(db: sqlite3.Connection, path: str) -> None:
    """Make the tables, or make an older file's those of this version. Raises RecordingUnreadable for a newer one, and
    for one that would do something by itself."""
    if db.execute("SELECT EXISTS (SELECT 1 FROM sqlite_master WHERE type IN ('trigger', 'view'))").fetchone()[0]:
        why = N_("it has triggers or views, which no capture has: they would change what is in it")
        raise RecordingUnreadable(path=path, why=why, errno=None)
    version = db.execute("PRAGMA user_version").fetchone()[0]
    if version == VERSION:
        return
    if version < 0 or (not version and db.execute("SELECT EXISTS (SELECT 1 FROM sqlite_master)").fetchone()[0]):
        raise RecordingUnreadable(path=path, why=_DAMAGED, errno=None)
    if version > VERSION:
        hint = N_("a newer httpwire made it: update this one")
        why = N_("its format is newer than this httpwire knows")
        raise RecordingUnreadable(path=path, why=why, errno=None, hint=hint)
    with writing(db):
        version = db.execute("PRAGMA user_version").fetchone()[0]  # another process may have been faster
        for step in _STEPS[version:]:
            step(db)
        db.execute(f"PRAGMA application_id = {APPLICATION}")
        db.execute(f"PRAGMA user_version = {VERSION}")


def _first(db: sqlite3.Connection) -> None:
    for statement in _statements(_TRUTH):
        db.execute(statement)
    make_index(db)


#: What makes version n + 1 of version n.
_STEPS = (_first,)


def _statements(script: str) -> list[str]:
    """Single statements: executescript() would end the transaction they are to be one part of."""
    return [statement for statement in script.split(";\n") if statement.strip()]


def make_index(db: sqlite3.Connection, place: str = "main") -> None:
    """Make the index's tables, empty, in the database `place`: "temp" is one of this process alone, which hides those
    of the file."""
    for table, columns in INDEX.items():
        db.execute(f"CREATE TABLE {place}.{table} ({columns})")
    db.execute(_BY_ASKED.replace("INDEX ", f"INDEX {place}."))
    db.execute(_BY_CONNECTION.replace("INDEX ", f"INDEX {place}."))
    db.execute(f"INSERT INTO {place}.progress VALUES (0, 0, 1)")


class writing:  # noqa: N801  # used as a statement
    """A transaction that writes, or a part of the one that is open; it waits for those of others."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        self._part = db.in_transaction

    def __enter__(self) -> None:
        if not self._part:
            self._db.execute("BEGIN IMMEDIATE")

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        if self._part:
            return
        if kind is None:
            self._db.execute("COMMIT")
        elif self._db.in_transaction:  # SQLite has ended it itself where the disk is full
            self._db.execute("ROLLBACK")


class reading:  # noqa: N801  # used as a statement
    """What is read in it comes from the capture `db` at `path`, of which the octets may be anything.

    Raises RecordingBroken, RecordingUnreadable for what SQLite says, and for values that nobody would have written."""

    def __init__(self, db: sqlite3.Connection, path: str) -> None:
        self._db = db
        self._path = path

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, *rest: object) -> None:
        if isinstance(error, sqlite3.Error):
            raise broken(self._path, error) from error
        # No number but those in the file leads to one that is too large for it.
        if isinstance(error, OverflowError) or (isinstance(error, _OF_VALUES) and not _sound(self._db)):
            raise broken(self._path, Contradiction()) from error


class Contradiction(sqlite3.DatabaseError):
    """What SQLite does not notice."""

    sqlite_errorname = "SQLITE_CORRUPT"

    def __init__(self, what: str = "database disk image is malformed") -> None:
        super().__init__(what)


#: What a value of a wrong type or size leads to.
_OF_VALUES = (ArithmeticError, AssertionError, AttributeError, LookupError, TypeError, ValueError)


def _sound(db: sqlite3.Connection) -> bool:
    """Whether the file has values where they belong."""
    try:
        if db.execute("PRAGMA quick_check(1)").fetchone()[0] != "ok":
            return False
        if db.execute("SELECT 1 FROM events WHERE direction NOT IN (0, 1, 2) OR start < 0 LIMIT 1").fetchone():
            return False
        for table in ("connections", "events", *INDEX):
            for _, name, kind, needed, _, _ in db.execute(f"PRAGMA table_info({table})").fetchall():
                wrong = f"typeof({name}) != '{kind.lower()}'" + ("" if needed else f" AND {name} IS NOT NULL")
                if db.execute(f"SELECT 1 FROM {table} WHERE {wrong} LIMIT 1").fetchone():
                    return False
        return bool(db.execute("SELECT count(*) = 1 FROM progress").fetchone()[0])
    except sqlite3.Error:
        return False


def broken(path: str, error: sqlite3.Error) -> RecordingBroken | RecordingUnreadable:
    """What to raise where reading a capture failed."""
    if getattr(error, "sqlite_errorname", "").startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB")):
        why = N_("its pages contradict each other (SQLite: {what})")
        return damaged(path, why.format(what=error))
    return RecordingUnreadable(path=path, why=why_failed(error, path), errno=None)


def damaged(path: str, why: str) -> RecordingBroken:
    """That a capture is damaged."""
    hint = N_("httpwire convert {path} NEW.hwire saves what can be read")
    return RecordingBroken(N_("{path} is damaged: {why}"), path=path, why=why, hint=hint)


def _is_full(path: str) -> bool:
    try:
        return not os.statvfs(os.path.dirname(path) or ".").f_bavail
    except (OSError, AttributeError):  # a system without such a call
        return False


def why_failed(error: sqlite3.Error, path: str) -> str:
    name = getattr(error, "sqlite_errorname", "")
    if name == "SQLITE_CANTOPEN":
        try:
            with open(path, "r+b"):
                pass
        except OSError as inner:
            return inner.strerror or str(inner)
    if name.startswith("SQLITE_FULL") or (name.startswith(_NO_ROOM) and _is_full(path)):
        return "No space left on device"
    if name.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB")):
        return _DAMAGED
    return str(error)
