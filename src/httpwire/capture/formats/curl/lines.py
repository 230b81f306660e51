"""The values of -H and -u, as curl makes lines of them.

In: fields as they are given. Out: those of a name, and the lines that they become: NAME: takes a field of curl's
own away, NAME; stands for one without a value, and what is no field is not sent.
"""

from __future__ import annotations

import re

_NAME = re.compile(rb"([^:;]+)[:;]")
_SPACE = b" \t\n\v\f\r"


def named(fields: list[bytes]) -> dict[bytes, bytes]:
    """The first of `fields` of each name, by its name in lower case, as curl looks for them."""
    named: dict[bytes, bytes] = {}
    for field in fields:
        found = _NAME.match(field)
        if found:
            named.setdefault(found[1].lower(), field)
    return named


def custom(fields: list[bytes], skipped: set[bytes]) -> bytes:
    """The lines of -H, without those that only take a field of curl's own away."""
    lines = []
    for field in fields:
        line = field
        name, colon, value = field.partition(b":")
        if not colon:
            name, colon, value = field.partition(b";")
            if not colon or value:
                continue
            line = name + b":"
        elif not name or not value.strip(_SPACE):
            continue
        if not any(line[: len(each) + 1].lower() == each + b":" for each in skipped):
            lines.append(line + b"\r\n")
    return b"".join(lines)


def login(user: bytes) -> bytes:
    """User and password, joined by a colon."""
    return user if b":" in user else user + b":"
