"""Where to connect: a TARGET as a person writes it.

In: `host:port`, `[::1]:port`, `http://host`, `https://host:port`, `unix:/path.sock`.
Out: a Target. Only the address is taken from a URL; what is asked for stands in the
request's own octets.
"""

from __future__ import annotations

import re

from httpwire.errors import TargetInvalid
from httpwire.language import N_
from httpwire.wire.record import Record, at

DEFAULT_TARGET = "127.0.0.1:80"

_AUTHORITY = r"(?:\[([^\[\]]+)\]|([^\[\]:@/?#\s]+))(?::([0-9]{1,5}))?"


class Target(Record):
    """`host` and `port` to connect to, or `path` of a Unix socket; `tls` says whether to speak TLS there."""

    __slots__ = ()
    FIELDS = ("host", "port", "path", "tls", "ignored")
    host: str = at(0)
    port: int = at(1)
    path: str = at(2)
    tls: bool = at(3)
    ignored: str = at(4)

    def __new__(cls, host: str = "", port: int = 0, path: str = "", *, tls: bool = False, ignored: str = "") -> Target:
        return tuple.__new__(cls, (host, port, path, tls, ignored))

    def __str__(self) -> str:
        if self.path:
            return f"unix:{self.path}"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"https://{host}:{self.port}" if self.tls else f"{host}:{self.port}"


def parse_target(text: str) -> Target:
    """The Target that `text` names; `ignored` is the part of a URL that says nothing of the address.

    Raises TargetInvalid.
    """
    if text.startswith("unix:"):
        path = text.removeprefix("unix:")
        if not path:
            raise TargetInvalid(target=text)
        return Target(path=path)
    scheme, separator, rest = text.partition("://")
    if not separator:
        scheme, rest = "http", text
    scheme = scheme.lower()
    if scheme not in ("http", "https"):
        raise TargetInvalid(target=text)
    end = min((at for at in map(rest.find, "/?#") if at >= 0), default=len(rest))
    authority, ignored = rest[:end], rest[end:]
    if not separator and ignored:
        raise TargetInvalid(target=text)
    match = re.fullmatch(_AUTHORITY, authority)
    if not match:
        if authority.count(":") > 1 and not authority.startswith("["):
            raise TargetInvalid(hint=N_("write an IPv6 address in brackets: [::1]:80"), target=text)
        raise TargetInvalid(target=text)
    tls = scheme == "https"
    port = int(match[3]) if match[3] else 443 if tls else 80
    if not 0 < port < 65536:
        raise TargetInvalid(hint=N_("a port is a number from 1 to 65535"), target=text)
    return Target(match[1] or match[2], port, tls=tls, ignored="" if ignored == "/" else ignored)
