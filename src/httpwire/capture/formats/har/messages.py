"""A request and a response in the form of HTTP/1.1, put together from an entry of a HAR.

In: the objects "request" and "response", of which anything may be missing or wrong. Out: octets that
are framed by their own fields, with the fields that the HAR tells as they are, but for those that do
not fit. Nothing in a value can end its line: a message is one, whatever a HAR says.
"""

from __future__ import annotations

import re
from functools import lru_cache

from httpwire.capture.formats.har import costs
from httpwire.capture.formats.har.octets import codings_of, of_base64, of_form, of_text, with_codings
from httpwire.capture.formats.har.values import count, listed, mapping, octets, status_of, text
from httpwire.wire import grammar
from httpwire.wire.record import Record, at

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from httpwire.capture.toll import Cost

    Field = tuple[bytes, bytes]

_URL = r"(?s)([A-Za-z][A-Za-z0-9+.\-]*):(?://([^/?#\\]*))?([^?#]*)(\?[^#]*)?(?:\#.*)?"
_SCHEMES = {"http": ("http", 80), "https": ("https", 443), "ws": ("http", 80), "wss": ("https", 443)}
_NO_TARGET = rb"[^\x21-\x7e]"
_NO_AUTHORITY = rb"[^\x21-\x7e]|[/?#@]"
_LINE_ENDS = r"[\r\n]+"
_BOUNDARY = rb"""(?i);[ \t]*boundary[ \t]*=[ \t]*(?:"([^"\r\n]{1,200})"|([^\s;,"]{1,200}))"""
_OUR_BOUNDARY = b"----httpwire-form"
_TEXTS = {True: b"HTTP/1.0", False: b"HTTP/1.1"}
_TUNNEL = 101
_USUAL = 64  # characters of a name


class Url(Record):
    """A URL taken apart: `scheme` is "http" or "https", `host` (str) has no brackets, `authority` and `target` are as a
    request has them (bytes), `port` is a number. `encoded` tells that the target had to be percent-encoded."""

    __slots__ = ()
    FIELDS = ("scheme", "host", "port", "authority", "target", "encoded")
    scheme: str = at(0)
    host: str = at(1)
    port: int = at(2)
    authority: bytes = at(3)
    target: bytes = at(4)
    encoded: bool = at(5)

    def __new__(cls, scheme: str, host: str, port: int, authority: bytes, target: bytes, *, encoded: bool) -> Url:
        return tuple.__new__(cls, (scheme, host, port, authority, target, encoded))

    @property
    def secure(self) -> bool:
        return self.scheme == "https"


def url_of(told: str, method: bytes) -> Url | None:
    """The URL of a request; None where it is none of HTTP, or names no host."""
    found = re.fullmatch(_URL, told.strip())
    scheme, usual = _SCHEMES.get(found[1].lower(), ("", 0)) if found else ("", 0)
    if not found or not scheme:
        return None
    authority = _authority((found[2] or "").rpartition("@")[2])
    parts = re.fullmatch(rb"(\[[0-9A-Fa-f:.]+(?:%[^\]]*)?\]|[^:\[\]]+)(?::([0-9]{0,5}))?", authority)
    if not parts:
        return None
    path, query = found[3], found[4] or ""
    port = int(parts[2] or usual)
    if method == b"CONNECT":  # RFC 9112 3.2.3
        return Url(scheme, _host(parts[1]), port, authority, b"%s:%d" % (parts[1], port), encoded=False)
    if method == b"OPTIONS" and not path and not query:  # RFC 9112 3.2.4
        return Url(scheme, _host(parts[1]), port, authority, b"*", encoded=False)
    raw = octets((path if path.startswith("/") else "/" + path) + query)
    target = re.sub(_NO_TARGET, lambda octet: b"%%%02X" % octet[0][0], raw)
    return Url(scheme, _host(parts[1]), port, authority, target, encoded=target != raw)


def _host(host: bytes) -> str:
    return host.strip(b"[]").decode("ascii")


def _authority(told: str) -> bytes:
    """A host and a port as a request has them; empty where they can't be in one."""
    try:
        made = told.encode("ascii" if told.isascii() else "idna")
    except UnicodeError:
        return b""
    return b"" if re.search(_NO_AUTHORITY, made) else made


class Made(Record):
    """A message that was put together: its `head`, its `content` as it is on the wire, and what that cost: `lost` and
    `made_again`, Costs by how often."""

    __slots__ = ()
    FIELDS = ("head", "content", "costs")
    head: bytes = at(0)
    content: bytes = at(1)
    costs: dict[Cost, int] = at(2)

    def __new__(cls, head: bytes, content: bytes, costs: dict[Cost, int]) -> Made:
        return tuple.__new__(cls, (head, content, costs))


def _name(told: str) -> bytes:
    """A field's name, or that of a pseudo-header; empty where it is none."""
    name = octets(told.strip(" \t"))
    return name if grammar.TOKEN.fullmatch(name.removeprefix(b":")) else b""


_usual_name = lru_cache(1024)(_name)  # an archive has few, each many times


class _Making:
    """A message on its way: its fields, and what it cost so far."""

    def __init__(self, told: dict[str, Any]) -> None:
        self.told = told
        self.costs: dict[Cost, int] = {}
        self.fields: list[Field] = []
        self.pseudo: dict[bytes, bytes] = {}
        for field in listed(told.get("headers")):
            self._take(mapping(field))
        self.version = self._version()

    def cost(self, cost: Cost, count: int = 1) -> None:
        self.costs[cost] = self.costs.get(cost, 0) + count

    def values(self, name: bytes) -> list[bytes]:
        length = len(name)
        return [value for each, value in self.fields if len(each) == length and each.lower() == name]

    def value(self, name: bytes) -> bytes:
        return (self.values(name) or [b""])[0]

    def _version(self) -> bytes:
        told = text(self.told.get("httpVersion")).strip().upper()
        if told not in ("HTTP/1.0", "HTTP/1.1"):
            self.cost(costs.VERSION)
        return _TEXTS[told == "HTTP/1.0"]

    def _take(self, field: dict[str, Any]) -> None:
        told = field.get("value")
        named = text(field.get("name"))
        name = _usual_name(named) if len(named) < _USUAL else _name(named)
        if name.startswith(b":"):  # of HTTP/2: RFC 9113 8.3
            self.pseudo[name] = octets(text(told))
            return
        if not name or isinstance(told, list | dict | bool):
            self.cost(costs.BAD_FIELDS)
            return
        value = text(told).strip(" \t")
        if "\n" not in value and "\r" not in value:
            self.fields.append((name, self.field_text(value)))
            return
        # Browsers show fields of one name as one value in lines.
        lines = [line.strip(" \t") for line in re.split(_LINE_ENDS, value)]
        lines = [line for line in lines if line] or [""]
        if len(lines) > 1:
            self.cost(costs.SPLIT)
        self.fields += [(name, self.field_text(line)) for line in lines]

    def field_text(self, told: str) -> bytes:
        """The octets of a value: a character stands for one octet (Fetch 2.2.2), unless it can't."""
        if told.isascii():
            return told.encode("ascii")
        self.cost(costs.FIELD_TEXT)
        try:
            return told.encode("latin-1")
        except UnicodeEncodeError:
            return octets(told)

    def set(self, name: bytes, value: bytes) -> None:
        """Give the first field of that name another value, or make one, and take out all others."""
        found = False
        kept: list[Field] = []
        for each in self.fields:
            if each[0].lower() != name:
                kept.append(each)
            elif not found:
                found = True
                kept.append((each[0], value))
        self.fields = kept if found else [*kept, (_NAMES[name], value)]

    def drop(self, name: bytes) -> None:
        self.fields = [field for field in self.fields if field[0].lower() != name]

    def coded(self, data: bytes, comment: object) -> bytes:
        """Content with the codings that Content-Encoding names."""
        sizes = {count(self.told.get("bodySize"))} | {int(v) for v in self.values(b"content-length") if _is_size(v)}
        data, cost = with_codings(data, codings_of(self.values(b"content-encoding")), sizes, comment)
        if cost:
            self.cost(cost)
        return data

    def framed(self, data: bytes, *, needs_length: bool) -> bytes:
        """`data` as it is on the wire, and fields that say so; `needs_length`: it must not end with the connection."""
        before = list(self.fields)
        lengths = self.values(b"content-length")
        if self.values(b"transfer-encoding") and self.version != b"HTTP/1.0":
            if [value.lower() for value in self.values(b"transfer-encoding")] != [b"chunked"]:
                self.set(b"transfer-encoding", b"chunked")
            self.drop(b"content-length")  # RFC 9112 6.2: not both
            data = b"%x\r\n%s\r\n0\r\n\r\n" % (len(data), data) if data else b"0\r\n\r\n"
        else:
            self.drop(b"transfer-encoding")
            if lengths or (needs_length and data):
                right = len(lengths) == 1 and _is_size(lengths[0]) and int(lengths[0]) == len(data)
                if not right:
                    self.set(b"content-length", b"%d" % len(data))
        if self.fields != before:
            self.cost(costs.FRAMING)
        return data

    def made(self, line: bytes, content: bytes) -> Made:
        return Made(head_of(line, self.fields), content, self.costs)


_NAMES = {
    b"content-length": b"Content-Length",
    b"transfer-encoding": b"Transfer-Encoding",
    b"content-type": b"Content-Type",
}


def head_of(line: bytes, fields: list[Field]) -> bytes:
    """A head in its usual form."""
    lines = [line, *(b"%s: %s" % field if field[1] else b"%s:" % field[0] for field in fields), b"", b""]
    return b"\r\n".join(lines)


def _is_size(value: bytes) -> bool:
    return len(value) <= 18 and grammar.DIGITS.fullmatch(value) is not None


def method_of(request: dict[str, Any]) -> bytes:
    """The method; empty where there is none that can be in a request."""
    told = octets(text(request.get("method")))
    return told if grammar.TOKEN.fullmatch(told) else b""


def request_of(told: dict[str, Any], method: bytes, url: Url) -> Made:
    """The request for `url`."""
    making = _Making(told)
    if url.encoded:
        making.cost(costs.TARGET)
    if not making.values(b"host") and making.version == b"HTTP/1.1":
        named = making.pseudo.get(b":authority", b"")
        host = named if grammar.HOST.fullmatch(named) else url.authority
        making.fields.insert(0, (b"Host", host))
        making.cost(costs.HOST)
    _give_cookies(making)
    line = b"%s %s %s" % (method, url.target, making.version)
    if method == b"CONNECT":  # RFC 9110 9.3.6: no content
        return making.made(line, b"")
    data = _posted(making)
    return making.made(line, making.framed(data, needs_length=True))


def _give_cookies(making: _Making) -> None:
    if making.values(b"cookie"):
        return
    pairs = []
    for cookie in map(mapping, listed(making.told.get("cookies"))):
        pair = f"{text(cookie.get('name'))}={text(cookie.get('value'))}"
        if not re.search(r"[\x00-\x1f;\x7f]", pair) and pair != "=":
            pairs.append(pair)
    if pairs:
        making.fields.append((b"Cookie", making.field_text("; ".join(pairs))))
        making.cost(costs.COOKIES)


def _posted(making: _Making) -> bytes:
    """The content of a request."""
    post = mapping(making.told.get("postData"))
    told, kind = post.get("text"), making.value(b"content-type") or octets(text(post.get("mimeType")))
    size = count(making.told.get("bodySize"))
    if isinstance(told, str) and told:
        if "base64" in (post.get("encoding"), post.get("_encoding")):
            data = of_base64(told)
            if data is None:
                making.cost(costs.BAD_CONTENT)
                making.cost(costs.OMITTED)
            return making.coded(data or b"", post.get("comment"))
        lengths = [int(value) for value in making.values(b"content-length") if _is_size(value)]
        data, doubtful = of_text(told, kind, lengths[0] if lengths else size, counted=bool(lengths))
        if doubtful:
            making.cost(costs.TEXT)
        return making.coded(data, post.get("comment"))
    params = [
        tuple(text(param.get(name)) for name in ("name", "value", "fileName", "contentType"))
        for param in map(mapping, listed(post.get("params")))
    ]
    if params:
        making.cost(costs.FORM)
        boundary = b""
        if kind.lower().startswith(b"multipart/"):
            found = re.search(_BOUNDARY, kind)
            boundary = (found[1] or found[2]) if found else _OUR_BOUNDARY
            if not found:
                making.set(b"content-type", b"multipart/form-data; boundary=" + _OUR_BOUNDARY)
        return making.coded(of_form(params, boundary), None)  # type: ignore[arg-type]  # four texts each
    if size > 0 or any(_is_size(value) and int(value) for value in making.values(b"content-length")):
        making.cost(costs.OMITTED)
    return b""


def response_of(told: dict[str, Any], method: bytes) -> Made | None:
    """The response to a request with that method; None where there was none."""
    status = status_of(told.get("status"))
    if not status:
        return None
    making = _Making(told)
    reason = re.sub(r"[\x00-\x08\x0a-\x1f\x7f]+", " ", text(told.get("statusText"))).strip(" \t")
    line = b"%s %d %s" % (making.version, status, making.field_text(reason))
    content = mapping(told.get("content"))
    if status == _TUNNEL or (method == b"CONNECT" and 200 <= status <= 299):
        making.cost(costs.SWITCHED)
        return making.made(line, b"")
    if method == b"HEAD" or status in (204, 304) or status < 200:
        if content.get("text"):
            making.cost(costs.NOT_CARRIED)
        return making.made(line, b"")
    data = making.coded(_answered(making, content), content.get("comment"))
    return making.made(line, making.framed(data, needs_length=False))


def _answered(making: _Making, content: dict[str, Any]) -> bytes:
    """The decoded content of a response."""
    told, size = content.get("text"), count(content.get("size"))
    if not isinstance(told, str) or not told:
        if size > 0 or count(making.told.get("bodySize")) > 0:
            making.cost(costs.OMITTED)
        return b""
    if content.get("encoding") == "base64":
        data = of_base64(told)
        if data is None:
            making.cost(costs.BAD_CONTENT)
            making.cost(costs.OMITTED)
        return data or b""
    data, doubtful = of_text(told, making.value(b"content-type") or octets(text(content.get("mimeType"))), size)
    if doubtful:
        making.cost(costs.TEXT)
    return data
