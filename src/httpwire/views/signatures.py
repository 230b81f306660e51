"""What octets are, by how they begin.

In: the first octets of a content, or of a file. Out: a short name, with the size of a picture where its first
octets tell it; empty where they tell nothing.
"""

from __future__ import annotations

import struct

_SIGNATURES = (
    (b"\xff\xd8\xff", "JPEG"),
    (b"RIFF", "RIFF"),
    (b"%PDF-", "PDF"),
    (b"PK\x03\x04", "ZIP"),
    (b"\x1f\x8b", "gzip"),
    (b"\x28\xb5\x2f\xfd", "Zstandard"),
    (b"\x00\x00\x01\x00", "ICO"),
    (b"wOFF", "WOFF"),
    (b"wOF2", "WOFF2"),
    (b"\x00asm", "WebAssembly"),
    (b"OggS", "Ogg"),
    (b"ID3", "MP3"),
    (b"\x7fELF", "ELF"),
    (b"SQLite format 3\x00", "SQLite 3"),
)
#: What people take for a recording, or name by mistake; a recorded message begins with none of these.
_NO_RECORDINGS = (
    (b"{", "JSON"),
    (b"[", "JSON"),
    (b"<", "HTML, XML"),
    (b"* ", "curl -v"),
    (b"> ", "curl -v"),
    (b"\xd4\xc3\xb2\xa1", "pcap"),
    (b"\xa1\xb2\xc3\xd4", "pcap"),
    (b"\x0a\x0d\x0d\x0a", "pcapng"),
)


def no_recording(octets: bytes) -> str:
    """The name of what begins with `octets`, where that is no recorded message."""
    return recognized(octets) or next((name for start, name in _NO_RECORDINGS if octets.startswith(start)), "")


def recognized(octets: bytes) -> str:
    """The name of what begins with `octets`, as "PNG, 16 x 16"."""
    if octets.startswith(b"\x89PNG\r\n\x1a\n") and len(octets) >= 24:
        return _sized("PNG", *struct.unpack(">II", octets[16:24]))
    if octets.startswith((b"GIF87a", b"GIF89a")) and len(octets) >= 10:
        return _sized("GIF", *struct.unpack("<HH", octets[6:10]))
    if octets[:4] == b"RIFF" and octets[8:12] == b"WEBP":
        return "WebP"
    if octets[4:8] == b"ftyp":
        return "AVIF" if octets[8:12] in (b"avif", b"avis") else "MP4"
    return next((name for signature, name in _SIGNATURES if octets.startswith(signature)), "")


def _sized(name: str, across: int, down: int) -> str:
    return f"{name}, {across} x {down}"
