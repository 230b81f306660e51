"""URLs as curl takes them: what it connects to, and what it puts into a request.

In: a URL of a command line (bytes), patterns replaced. Out: a Url whose path has no dot segments, unless asked for.
It follows the URL parser of libcurl, which is no RFC 3986 parser: it takes one to three slashes, a host without a
scheme, short IPv4 numbers; it refuses blanks and control octets. Raises NotTaken for what curl refuses.
"""

from __future__ import annotations

import re

from httpwire.capture.formats.curl import costs
from httpwire.capture.formats.curl.costs import NotTaken
from httpwire.wire.record import Record, at

PORTS = {b"http": 80, b"https": 443}
_SCHEME = re.compile(rb"([A-Za-z0-9+.\-]{1,39}):(?=/)")
_JUNK = re.compile(rb"[\x00-\x20\x7f]")
_NOT_IN_HOST = re.compile(rb"[ \r\n\t/:#?!@{}\[\]\\$'\"^`*<>=;,+&()]")
_OTHERS = (b"ftp.", b"dict.", b"ldap.", b"imap.", b"smtp.", b"pop3.")
_NUMBER = re.compile(rb"0[xX][0-9A-Fa-f]+|[0-9]+")
_HEX = re.compile(rb"%([0-9A-Fa-f]{2})")
_IPV6 = re.compile(rb"[0-9A-Fa-f:.]+")
_ZONE = re.compile(rb"%(?:25(?!\]))?[^\]]{1,15}")
_LONGEST = 1 << 20  # octets of a head that curl makes
_UNRESERVED = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")


class Url(Record):
    """`user` and `password` are as they stand, None where there are none. `host` has no brackets; `named` is it in
    ASCII, as it goes over the wire. `port` is None where none is given, `query` where there is no question mark."""

    __slots__ = ()
    FIELDS = ("scheme", "user", "password", "host", "ipv6", "port", "path", "query")
    scheme: bytes = at(0)
    user: bytes | None = at(1)
    password: bytes | None = at(2)
    host: bytes = at(3)
    ipv6: bool = at(4)
    port: int | None = at(5)
    path: bytes = at(6)
    query: bytes | None = at(7)

    def __new__(
        cls,
        scheme: bytes,
        user: bytes | None,
        password: bytes | None,
        host: bytes,
        port: int | None,
        path: bytes,
        query: bytes | None,
        *,
        ipv6: bool,
    ) -> Url:
        return tuple.__new__(cls, (scheme, user, password, host, ipv6, port, path, query))

    @property
    def named(self) -> bytes:
        """The host in ASCII, in brackets where it is an IPv6 address. Raises NotTaken."""
        if self.host.isascii():
            return b"[%s]" % self.host if self.ipv6 else self.host
        try:
            return self.host.decode("utf-8").encode("idna")
        except UnicodeError as error:
            raise NotTaken(costs.REFUSED) from error

    @property
    def connects(self) -> int:
        """The port to connect to."""
        return PORTS[self.scheme] if self.port is None else self.port

    @property
    def authority(self) -> bytes:
        """What Host says: without the port where it is the scheme's own."""
        return self.named if self.connects == PORTS[self.scheme] else b"%s:%d" % (self.named, self.connects)

    @property
    def target(self) -> str:
        """What is connected to: scheme, host and port."""
        return b"%s://%s:%d".__mod__((self.scheme, self.named, self.connects)).decode("ascii")

    @property
    def origin_form(self) -> bytes:
        """What is asked for: octets beyond ASCII are encoded in the path, not in the query."""
        path = b"".join(b"%%%02x" % octet if octet > 0x7E else bytes((octet,)) for octet in self.path)
        return path if self.query is None else b"%s?%s" % (path, self.query)

    @property
    def absolute_form(self) -> bytes:
        """What a proxy is asked for."""
        query = b"?" + self.query if self.query else b""
        return b"%s://%s%s%s" % (self.scheme, self.authority, self.path, query)


def parse(text: bytes, *, as_is: bool = False, default: bytes = b"") -> Url:
    """Read `text`; `as_is` leaves dot segments in the path, `default` is the scheme where there is none.

    Raises NotTaken."""
    if len(text) > _LONGEST:
        raise NotTaken(costs.REFUSED)
    scheme = _SCHEME.match(text)
    if not scheme and default:
        text = b"%s://%s" % (default, text)
        scheme = _SCHEME.match(text)
    rest = text
    if scheme:
        rest = text[scheme.end() :].lstrip(b"/")
        if not 1 <= len(text) - scheme.end() - len(rest) <= 3:
            raise NotTaken(costs.REFUSED)
    found = re.search(rb"[/?#]", rest)
    login, tail = (rest[: found.start()], rest[found.start() :]) if found else (rest, b"")
    name = scheme[1].lower() if scheme else b"http"
    if name not in PORTS:
        raise NotTaken(costs.PROTOCOL)
    user, password, host, port = _authority(login, schemed=scheme is not None)
    if not scheme and host.lower().startswith(_OTHERS):
        raise NotTaken(costs.PROTOCOL)
    before, _, fragment = tail.partition(b"#")
    path, mark, query = before.partition(b"?")
    for part in (user, password, path, query, fragment):
        if part and _JUNK.search(part):
            raise NotTaken(costs.REFUSED)
    ipv6 = host[:1] == b"["
    return Url(
        name,
        user,
        password,
        host.strip(b"[]") if ipv6 else host,
        port,
        (path if as_is else without_dots(path)) or b"/",
        query if mark else None,
        ipv6=ipv6,
    )


def _authority(login: bytes, *, schemed: bool) -> tuple[bytes | None, bytes | None, bytes, int | None]:
    user = password = None
    before, mark, host = login.partition(b"@")
    if mark:
        user, mark, password = before.partition(b":")
        password = password if mark else None
    else:
        host = login
    port: int | None = None
    end = host.find(b"]") + 1 if host[:1] == b"[" else host.find(b":")
    if host[:1] == b"[" and not end:
        raise NotTaken(costs.REFUSED)
    if 0 <= end < len(host):
        digits = host[end + 1 :]
        host, colon = host[:end], host[end : end + 1]
        if colon != b":" or not (digits.isdigit() or (not digits and schemed)):
            raise NotTaken(costs.REFUSED)
        digits = digits.lstrip(b"0") or digits[:1]
        if len(digits) > 5 or int(digits or b"0") > 0xFFFF:
            raise NotTaken(costs.REFUSED)
        port = int(digits) if digits else None
    return user, password, _host(host), port


def _host(host: bytes) -> bytes:
    if host[:1] == b"[":
        return b"[%s]" % _ipv6(host[1:-1])
    numbers = _ipv4(host)
    if numbers:
        return numbers
    host = decoded(host)
    if not host or _NOT_IN_HOST.search(host) or _JUNK.search(host):
        raise NotTaken(costs.REFUSED)
    return host


def _ipv6(text: bytes) -> bytes:
    import ipaddress

    zone = _ZONE.search(text)
    if zone and zone.end() == len(text):
        text = text[: zone.start()]
    try:
        if not _IPV6.fullmatch(text):
            raise ValueError(text)
        short = ipaddress.IPv6Address(text.decode("ascii")).compressed.encode("ascii")
    except ValueError as error:
        raise NotTaken(costs.REFUSED) from error
    return short if len(short) < len(text) and b"." not in text else text


def _ipv4(text: bytes) -> bytes:
    """The four numbers that one to four numbers stand for; empty where it is a name."""
    parts = text.split(b".")
    if len(parts) > 4 or not all(_NUMBER.fullmatch(part) and len(part) < 20 for part in parts):
        return b""
    numbers = []
    for part in parts:
        octal = part[:1] == b"0" and len(part) > 1
        if octal and part[1:2] not in b"xX" and re.search(rb"[89]", part):
            return b""
        base = 16 if part[1:2] in (b"x", b"X") else 8 if octal else 10
        numbers.append(int(part, base))
    *heads, last = numbers
    if last >= 1 << 8 * (4 - len(heads)) or any(head > 0xFF for head in heads):
        return b""
    for place, head in enumerate(heads):
        last += head << 8 * (3 - place)
    return b".".join(b"%d" % (last >> shift & 0xFF) for shift in (24, 16, 8, 0))


def decoded(text: bytes) -> bytes:
    """`text` without percent encoding. Raises NotTaken for what has control octets then."""
    plain = _HEX.sub(lambda found: bytes((int(found[1], 16),)), text)
    if plain != text and re.search(rb"[\x00-\x1f]", plain):
        raise NotTaken(costs.REFUSED)
    return plain


def encoded(text: bytes) -> bytes:
    """`text` with everything percent-encoded that is not unreserved (RFC 3986 2.3)."""
    return b"".join(bytes((octet,)) if octet in _UNRESERVED else b"%%%02X" % octet for octet in text)


def without_dots(path: bytes) -> bytes:
    """`path` without segments . and .. (RFC 3986 5.2.4)."""
    if b"." not in path or len(path) < 2:
        return path
    *segments, last = path.split(b"/")
    kept: list[bytes] = []
    for segment in segments[1:]:
        if segment == b"..":
            del kept[-1:]
        elif segment != b".":
            kept.append(segment)
    if last == b"..":
        del kept[-1:]
    kept.append(b"" if last in (b".", b"..") else last)
    return b"/" + b"/".join(kept)
