"""Recordings to compare: answers of a server as they come, and what a difference between two of them is."""

from __future__ import annotations

from httpwire.capture.raw import Outgoing
from httpwire.capture.reading import Reading
from httpwire.views.diff.compare import compare
from httpwire.views.diff.model import Compared, Difference, Ignoring
from httpwire.views.diff.octets import Files

#: What Apache answers for its first page, but for the time.
APACHE = (
    b"HTTP/1.1 200 OK\r\n"
    b"Date: Mon, 05 Jan 2026 09:12:01 GMT\r\n"
    b"Server: Apache/2.4.62 (Debian)\r\n"
    b'Last-Modified: Sun, 04 Jan 2026 00:00:00 GMT\r\nETag: "2d-62a0b0c0d0e0f"\r\n'
    b"Accept-Ranges: bytes\r\n"
    b"Content-Length: 45\r\n"
    b"Content-Type: text/html\r\n\r\n"
    b"<html><body><h1>It works!</h1></body></html>\n"
)


def answer(content: bytes, *fields: str, media: str = "text/plain") -> bytes:
    """An answer with `content`, its length, and `fields`."""
    lines = [f"Content-Type: {media}", *fields, f"Content-Length: {len(content)}"]
    return "".join(f"{line}\r\n" for line in ["HTTP/1.1 200 OK", *lines, ""]).encode() + content


def chunked(*chunks: bytes, end: bytes = b"0\r\n\r\n") -> bytes:
    """An answer whose content comes in `chunks`."""
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n"
    return head + b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks) + end


def compared(old: bytes, new: bytes, *ignored: str) -> list[Compared]:
    """The messages of both, held against each other."""
    sources = Outgoing.from_bytes(old, "old"), Outgoing.from_bytes(new, "new")
    return list(compare(Reading(sources[0]), Reading(sources[1]), Files(*sources), Ignoring(ignored)))


def differences(old: bytes, new: bytes, *ignored: str) -> list[Difference]:
    """All differences, in order."""
    return [difference for pair in compared(old, new, *ignored) for difference in pair.differences]


def told(old: bytes, new: bytes, *ignored: str) -> list[tuple[str, str, str]]:
    """The layer, kind and name of each difference that counts."""
    found = differences(old, new, *ignored)
    return [(one.layer.value, one.what.id, one.name) for one in found if not one.ignored]
