"""WARC files: how they are recognised, read and written.

In: a Source, or exchanges of a capture. Out: connections and events in a Sink, or a file of records. The octets of
every request and response are the same on both sides.
"""

from __future__ import annotations

import zlib

from httpwire.capture.formats.warc.octets import GZIP
from httpwire.capture.formats.warc.reading import ORIGIN as NAME
from httpwire.capture.formats.warc.reading import read

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from httpwire.capture.store.capture import Capture
    from httpwire.capture.store.entry import Entry
    from httpwire.capture.toll import Toll
    from httpwire.capture.traffic import Output

__all__ = ["ENDINGS", "NAME", "read", "recognises", "write"]

ENDINGS = (".warc", ".warc.gz")


def recognises(first: bytes) -> bool:
    """Whether a file that begins with these octets is a WARC file, plain or gzip."""
    if first.startswith(GZIP):
        try:
            first = zlib.decompressobj(16 + zlib.MAX_WBITS).decompress(first, 64)
        except zlib.error:
            return False
    return first.startswith(b"WARC/")


def write(capture: Capture, entries: Iterable[Entry], output: Output, toll: Toll, *, compress: bool = False) -> None:
    """Write `entries` of `capture` to `output`; `compress`: each record as a gzip member, for NAME.warc.gz.

    Raises RecordingUnreadable, RecordingBroken, SaveFailed."""
    from httpwire.capture.formats.warc.writing import write as write_records

    write_records(capture, entries, output, toll, compress=compress)
