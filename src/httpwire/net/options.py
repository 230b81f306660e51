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
        return tuple.__new__(cls, (idle, request, connections))


class Faults(Record):
    """How an answer goes out, for testing clients: `timing` as it was recorded; `delay` seconds before its first octet;
    at most `segment` octets a write (0: as many as there are); `throttle` octets a second (0: no limit); after
    `truncate` octets a close, after `reset_after` octets a reset (None: neither); `close_before`: a close instead."""

    __slots__ = ()
    FIELDS = ("timing", "delay", "segment", "throttle", "truncate", "reset_after", "close_before")
    timing: bool = at(0)
    delay: float = at(1)
    segment: int = at(2)
    throttle: float = at(3)
    truncate: int | None = at(4)
    reset_after: int | None = at(5)
    close_before: bool = at(6)

    def __new__(
        cls,
        *,
        timing: bool = False,
        delay: float = 0.0,
        segment: int = 0,
        throttle: float = 0.0,
        truncate: int | None = None,
        reset_after: int | None = None,
        close_before: bool = False,
    ) -> Faults:
        values = (timing, delay, segment, throttle, truncate, reset_after, close_before)
        return tuple.__new__(cls, values)


#: An answer goes out whole, at once.
NO_FAULTS = Faults()
