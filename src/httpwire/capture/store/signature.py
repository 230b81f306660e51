"""How a capture file is told from others, without opening it as a database."""

from __future__ import annotations

import os
import stat

ENDING = ".hwire"
APPLICATION = 0x48574952  # "HWIR", at offset 68 of the file: SQLite's own place for it
_SQLITE = b"SQLite format 3\0"


def recognises(first: bytes) -> bool:
    """Whether the first (at least 72) octets of a file are those of a capture, of any version."""
    return first.startswith(_SQLITE) and first[68:72] == APPLICATION.to_bytes(4, "big")


def is_capture(path: str) -> bool:
    """Whether the file at `path` is a capture. A pipe is none, and is not opened: that would wait for its writer."""
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            return False
        with open(path, "rb") as file:
            return recognises(file.read(72))
    except (OSError, ValueError):
        return False


def names_capture(path: str) -> bool:
    """Whether `path` is to be a capture: one that is there, or by its ending."""
    return path.endswith(ENDING) or is_capture(path)
