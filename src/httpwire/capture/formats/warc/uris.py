"""What a WARC-Target-URI says of the server.

In: a URI (str). Out: its scheme, host and port, and with an address the server as a capture writes it.
"""

from __future__ import annotations

import re

SCHEMES = {"http": "80", "https": "443"}  #: and their ports
_URI = re.compile(
    r"(https?)://(?:[^/?#@]*@)?(\[[0-9a-f:.]+\]|[^/?#:@\[\]]*)(?::([0-9]{1,5}))?(?=[/?#]|\Z)", re.IGNORECASE
)
_ADDRESS = re.compile(r"[0-9]{1,3}(?:\.[0-9]{1,3}){3}|[0-9A-Fa-f.]*:[0-9A-Fa-f:.]*")


def parts_of(uri: str) -> tuple[str, str, str]:
    """Scheme in lower case, host, and port, where need be the scheme's own; empty for a URI of other kinds."""
    found = _URI.match(uri)
    if not found:
        return "", "", ""
    scheme = found[1].lower()
    return scheme, found[2], found[3] or SCHEMES[scheme]


def server_of(address: str, port: str) -> str:
    """An IP address with a port; empty where it is none, or there is no port."""
    if not port or not _ADDRESS.fullmatch(address):
        return ""
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
