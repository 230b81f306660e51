"""How to connect, how to serve and how long to wait: plain values, so that TLS is imported only where it is used."""

from __future__ import annotations

from httpwire.wire.record import Record, at


class TlsOptions(Record):
    """TLS settings. `cacert`, `cert` and `key` are paths (str, PEM); `sni` is the name to ask for and to verify
    (None: the target's host; empty: none is sent); `alpn` the protocols to offer."""

    __slots__ = ()
    FIELDS = ("insecure", "cacert", "cert", "key", "sni", "alpn")
    insecure: bool = at(0)
    cacert: str = at(1)
    cert: str = at(2)
    key: str = at(3)
    sni: str | None = at(4)
    alpn: tuple[str, ...] = at(5)

    def __new__(
        cls,
        *,
        insecure: bool = False,
        cacert: str = "",
        cert: str = "",
        key: str = "",
        sni: str | None = None,
        alpn: tuple[str, ...] = ("http/1.1",),
    ) -> TlsOptions:
        return tuple.__new__(cls, (insecure, cacert, cert, key, sni, alpn))


class TimeLimits(Record):
    """Limits in seconds, 0 for none: `connect` to resolve the name and to connect (and as long again for TLS), `idle`
    without an octet in either direction, `total` for all of it."""

    __slots__ = ()
    FIELDS = ("connect", "idle", "total")
    connect: float = at(0)
    idle: float = at(1)
    total: float = at(2)

    def __new__(cls, connect: float = 10.0, idle: float = 30.0, total: float = 3600.0) -> TimeLimits:
        return tuple.__new__(cls, (connect, idle, total))


class ServerLimits(Record):
    """What a server bears: `idle` seconds without an octet on a connection, `request` seconds for one request to come
    (0: no limit), and `connections` open at once."""

    __slots__ = ()
    FIELDS = ("idle", "request", "connections")
    idle: float = at(0)
    request: float = at(1)
    connections: int = at(2)

    def __new__(cls, idle: float = 60.0, request: float = 3600.0, connections: int = 10_000) -> ServerLimits:
        if not (idle >= 0 and request >= 0 and connections >= 1):
            raise ValueError(f"limits are seconds from 0 and connections from 1, not {(idle, request, connections)!r}")
        return tuple.__new__(cls, (idle, request, connections))


class ServerTls(Record):
    """A server's TLS: `cert` and `key` are paths (str, PEM), empty for certificates of httpwire's own authority;
    `alpn` the protocols to agree on."""

    __slots__ = ()
    FIELDS = ("cert", "key", "alpn")
    cert: str = at(0)
    key: str = at(1)
    alpn: tuple[str, ...] = at(2)

    def __new__(cls, *, cert: str = "", key: str = "", alpn: tuple[str, ...] = ("http/1.1",)) -> ServerTls:
        return tuple.__new__(cls, (cert, key, alpn))
