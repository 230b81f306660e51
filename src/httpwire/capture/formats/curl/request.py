"""The octets that curl sends for one URL, with the settings of its command.

In: Settings. Out: Requests: a head, its content, where it goes, and the Costs of what is not certain in it. The
order of fields is that of curl 7.88 (lib/http.c): Host, Proxy-Authorization, Authorization, Range, User-Agent, Accept,
TE, Accept-Encoding, Referer, Proxy-Connection, Transfer-Encoding, the offer of HTTP/2, Cookie, conditions, the
fields of -H as they are given, Content-Length, Content-Type, Expect.
"""

from __future__ import annotations

import re
from base64 import b64encode

from httpwire.capture.formats.curl import costs
from httpwire.capture.formats.curl.chunks import SMALL, Chunked
from httpwire.capture.formats.curl.costs import NotTaken
from httpwire.capture.formats.curl.globbing import expand
from httpwire.capture.formats.curl.lines import custom, login, named
from httpwire.capture.formats.curl.octets import Held
from httpwire.capture.formats.curl.settings import in_url
from httpwire.capture.formats.curl.urls import Url, decoded, encoded, parse

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from httpwire.capture.formats.curl.octets import Octets
    from httpwire.capture.formats.curl.settings import Node, Settings
    from httpwire.capture.toll import Cost

#: The version whose octets these are.
AGENT = b"curl/7.88.1"
_CODINGS = b"deflate, gzip, br, zstd"
_UPGRADE = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA\r\n"
_EXPECTING = 1 << 20  # octets of content from which on curl asks before it sends
_HEAD = 1 << 20  # octets of a head that curl makes
_COOKIES = 4096 - 1
_MOST = 256 << 20  # octets that a pattern of addresses may multiply a request to
_EACH = 64  # octets that looking at a field is worth
_SPACE = b" \t\n\v\f\r"
_PROXY = re.compile(rb"(?:([A-Za-z0-9]+)://)?(?:([^@]*)@)?(\[[^\]]*\]|[^:/]*)(?::([0-9]{1,5}))?(?:/.*)?", re.DOTALL)


class Request:
    """`head` (bytes) and `content`; `target` is what it is sent to ("http://HOST:PORT"), `secure` whether through TLS,
    `name` the server's name then, `socket` the path of a Unix socket. `costs` say what is not certain in it."""

    def __init__(self, head: bytes, content: Octets, target: str, found: list[Cost], *, name: str = "") -> None:
        self.head = head
        self.content = content
        self.target = target
        self.secure = target.startswith("https:")
        self.name = name
        self.socket = ""
        self.costs = [costs.COMMAND, *found]


class _Proxy:
    """A proxy that speaks HTTP."""

    def __init__(self, text: bytes, user: bytes | None, *, old: bool) -> None:
        found = _PROXY.fullmatch(text)
        if not found or not found[3]:
            raise NotTaken(costs.REFUSED)
        scheme = (found[1] or b"http").lower()
        self.speaks = scheme in (b"http", b"https")
        if not self.speaks and not scheme.startswith(b"socks"):
            raise NotTaken(costs.REFUSED)
        self.user = user if user is not None else found[2] and decoded(found[2])
        self.old = old
        port = found[4] or (b"443" if scheme == b"https" else b"1080")
        self.target = (b"%s://%s:%d" % (scheme, found[3], int(port))).decode("latin-1")

    def authorization(self) -> bytes:
        if self.user is None:
            return b""
        return b"Proxy-Authorization: Basic %s\r\n" % b64encode(login(self.user))


def requests(settings: Settings) -> Iterator[Request]:
    """What an operation sends, in order. Raises NotTaken."""
    for node in settings.nodes:
        if node.url is None:
            continue
        octets = 0
        for text in expand(node.url) if settings.globs else (node.url,):
            for request in _Making(settings, node, text).requests():
                if octets > _MOST:
                    raise NotTaken(costs.ADDRESSED)
                octets += len(request.head) + request.content.size + _EACH * len(settings.fields)
                yield request


class _Making:
    """One request in the making."""

    def __init__(self, settings: Settings, node: Node, text: bytes) -> None:
        self.settings = settings
        self.costs: list[Cost] = []
        self.fields = list(settings.fields)
        self.upload: Octets | None = None
        self.unsized = False  # an upload whose size curl does not know
        self.url = self._located(node, text)
        self._kind()
        self.named = named(self.fields)
        if settings.json:
            for name in (b"Content-Type", b"Accept"):
                if name.lower() not in self.named:
                    self.fields.append(name + b": application/json")
            self.named = named(self.fields)

    def _located(self, node: Node, text: bytes) -> Url:
        """The URL with what -T and -G add to it."""
        settings = self.settings
        url = parse(text, as_is=settings.as_is, default=settings.scheme)
        if node.upload:
            if settings.globs and re.search(rb"[{}\[\]]", node.upload):
                raise NotTaken(costs.OPTION)
            self.unsized = node.upload in (b"-", b".")
            self.upload = settings.files.octets(b"-" if self.unsized else node.upload)
            if url.path.endswith(b"/") and not self.unsized:
                name = re.split(rb"[/\\]", node.upload)[-1]
                url = parse(text, default=settings.scheme)
                url = url.replace(path=url.path + encoded(name))
        query = in_url(settings.data) if settings.get and settings.data else settings.query
        if query is not None:
            query = re.sub(rb"%[0-9A-Fa-f]{2}", lambda found: found[0].lower(), query)
            url = parse(text, default=settings.scheme) if not node.upload else url
            before = url.query or b""
            joined = before + (b"&" if before and not before.endswith(b"&") else b"") + query
            path, _, _ = joined.partition(b"#")
            if re.search(rb"[\x00-\x20\x7f]", joined):
                raise NotTaken(costs.REFUSED)
            url = url.replace(query=path or None)
        if url.user is not None and settings.no_user:
            raise NotTaken(costs.REFUSED)
        if not url.host.isascii():
            self.costs.append(costs.IDN)
        return url

    def _kind(self) -> None:
        """Which kind of request it is; curl refuses to be asked for two."""
        settings = self.settings
        kinds = set(settings.kinds)
        if settings.data is not None:
            kinds.add(("head" if settings.head else "get") if settings.get else "post")
        if self.upload is not None:
            kinds.add("put")
        if len(kinds) > 1 or (settings.crlf and kinds & {"post", "put", "form"}):
            raise NotTaken(costs.REFUSED if len(kinds) > 1 else costs.OPTION)
        self.kind = kinds.pop() if kinds else "get"

    def requests(self) -> Iterator[Request]:
        settings = self.settings
        proxy = _Proxy(settings.proxy, settings.proxy_user, old=settings.proxy_old) if settings.proxy else None
        proxy = proxy if proxy and proxy.speaks else None
        secure = self.url.scheme == b"https"
        tunnel = proxy is not None and (secure or settings.tunnel)
        if proxy and tunnel:
            yield Request(self._connect(proxy), Held(b""), proxy.target, self._agent_costs())
        made = self._request(None if tunnel else proxy)
        if settings.socket is not None:
            made.socket = settings.socket.decode("utf-8", "replace")
        yield made

    def _request(self, proxy: _Proxy | None) -> Request:
        settings, url = self.settings, self.url
        content, type_field = self._content()
        chunked = self._chunked(content)
        method = settings.method
        if method is None:
            method = {"get": b"GET", "head": b"HEAD", "put": b"PUT"}.get(self.kind, b"POST")
        target = settings.target
        if target is None:
            target = url.absolute_form if proxy else url.origin_form
        version = b"1.0" if settings.version == "1.0" else b"1.1"
        lines = [b"%s %s HTTP/%s\r\n" % (method, target, version), self._host()]
        lines += [proxy.authorization() if proxy else b"", self._authorization(), self._range(content), self._agent()]
        lines.append(b"" if self._given(b"accept") else b"Accept: */*\r\n")
        codings, connection = self._codings()
        lines.append(connection)
        lines.append(codings)
        if settings.referer is not None and not self._given(b"referer"):
            lines.append(b"Referer: %s\r\n" % settings.referer)
        if proxy and not self._given(b"proxy-connection") and not named(settings.proxy_fields).get(b"proxy-connection"):
            lines.append(b"Proxy-Connection: Keep-Alive\r\n")
        if chunked and not self._given(b"transfer-encoding"):
            lines.append(b"Transfer-Encoding: chunked\r\n")
        if settings.version == "2" and url.scheme == b"http":
            self.costs.append(costs.UPGRADE)
            lines.append(_UPGRADE)
        lines.append(self._cookies())
        if settings.condition and not self._given(settings.condition[0].lower()):
            lines.append(b"%s: %s\r\n" % settings.condition)
        given = [*self.fields, *settings.proxy_fields] if proxy else self.fields
        skipped = {name for name, there in ((b"host", lines[1]), (b"connection", connection)) if there}
        if self.kind == "form":
            skipped.add(b"content-type")
        lines.append(custom(given, skipped))
        lines += self._framing(content, type_field, chunked=chunked)
        lines.append(b"\r\n")
        if url.scheme == b"https" and not settings.version.startswith("1"):
            self.costs.append(costs.HTTP2)
        head = b"".join(lines)
        if len(head) > _HEAD:
            raise NotTaken(costs.REFUSED)
        body = Chunked(content) if chunked else content
        connects = proxy.target if proxy else url.target
        name = url.named.decode("ascii") if url.scheme == b"https" else ""
        return Request(head, body, connects, self.costs, name=name)

    def _given(self, name: bytes) -> bool:
        return self.named.get(name) is not None

    def _content(self) -> tuple[Octets, bytes]:
        """The content, and the line that names its type."""
        settings = self.settings
        if self.kind == "put":
            assert self.upload is not None
            return self.upload, b""
        if self.kind == "form":
            assert settings.form
            field = self.named.get(b"content-type")
            given = None if field is None else field[13:].lstrip(b" ")
            settings.form.boundaries = 0
            self.costs.append(costs.BOUNDARY)
            media, content = settings.form.write(given, self.url.target.encode("ascii"))
            return content, b"Content-Type: %s\r\n" % media
        if self.kind == "post":
            assert settings.data is not None
            typed = self._given(b"content-type")
            return settings.data, b"" if typed else b"Content-Type: application/x-www-form-urlencoded\r\n"
        return Held(b""), b""

    def _chunked(self, content: Octets) -> bool:
        field = self.named.get(b"transfer-encoding")
        if self.kind in ("get", "head"):
            return False
        chunked = self.unsized if field is None else re.search(rb"(?i):.*chunked", field) is not None
        if chunked and field is None and self.settings.version == "1.0":
            raise NotTaken(costs.REFUSED)
        if chunked and (self.kind != "post" or content.size >= SMALL):
            self.costs.append(costs.CHUNKS)
        return chunked

    def _host(self) -> bytes:
        field = self.named.get(b"host")
        if field is None:
            return b"Host: %s\r\n" % self.url.authority
        return b"" if field == b"Host:" else b"Host:%s\r\n" % field[5:]

    def _authorization(self) -> bytes:
        settings, url = self.settings, self.url
        user = settings.user
        if user is not None and b":" not in user and user[:1] != b";" and settings.bearer is None:
            raise NotTaken(costs.PASSWORD)
        if user is None and (url.user is not None or url.password is not None):
            user = b"%s:%s" % (decoded(url.user or b""), decoded(url.password or b""))
        if self._given(b"authorization"):
            return b""
        schemes = settings.schemes or {"basic"}
        if schemes == {"bearer"} and settings.bearer is not None:
            return b"Authorization: Bearer %s\r\n" % settings.bearer
        if schemes == {"basic"} and user is not None:
            return b"Authorization: Basic %s\r\n" % b64encode(login(user))
        if len(schemes) > 1:
            raise NotTaken(costs.CHALLENGE)
        return b""

    def _range(self, content: Octets) -> bytes:
        settings = self.settings
        ranged = settings.range if settings.resume is None else settings.resume + b"-"
        if not ranged:
            return b""
        if self.kind in ("get", "head"):
            return b"" if self._given(b"range") else b"Range: bytes=%s\r\n" % ranged
        if settings.resume is not None:
            raise NotTaken(costs.OPTION)
        if self.kind == "form" or self._given(b"content-range"):
            return b""
        size = b"-1" if self.unsized else b"%d" % content.size
        return b"Content-Range: bytes %s/%s\r\n" % (ranged, size)

    def _agent(self) -> bytes:
        agent = self.settings.agent
        if agent == b"" or self._given(b"user-agent"):
            return b""
        self.costs += self._agent_costs()
        return b"User-Agent: %s\r\n" % (AGENT if agent is None else agent)

    def _agent_costs(self) -> list[Cost]:
        return [costs.USER_AGENT] if self.settings.agent is None else []

    def _codings(self) -> tuple[bytes, bytes]:
        """Accept-Encoding, and TE with the Connection that names it."""
        settings = self.settings
        accept = connection = b""
        if settings.compressed and not self._given(b"accept-encoding"):
            self.costs.append(costs.CODINGS)
            accept = b"Accept-Encoding: %s\r\n" % _CODINGS
        if settings.codings and not self._given(b"te"):
            field = self.named.get(b"connection") or b""
            options = field.partition(b":")[2].strip(_SPACE)
            connection = b"Connection: %sTE\r\nTE: gzip\r\n" % (options + b", " if options else b"")
        return accept, connection

    def _cookies(self) -> bytes:
        cookies = b";".join(self.settings.cookies)
        if not cookies or self._given(b"cookie"):
            return b""
        if len(cookies) > _COOKIES:
            self.costs.append(costs.COOKIES)
        return b"Cookie: %s\r\n" % cookies

    def _framing(self, content: Octets, type_field: bytes, *, chunked: bool) -> list[bytes]:
        """Content-Length, Content-Type, Expect."""
        if self.kind in ("get", "head"):
            return []
        lines = []
        sized = not chunked and not self.unsized
        if sized and not self._given(b"content-length"):
            lines.append(b"Content-Length: %d\r\n" % content.size)
        lines.append(type_field)
        asks = content.size > _EXPECTING or (self.unsized and self.kind != "post")
        if self.kind == "put" and content.size and not asks:
            self.costs.append(costs.EXPECT)
            asks = True
        if asks and not self._given(b"expect") and self.settings.version != "1.0":
            lines.append(b"Expect: 100-continue\r\n")
        return lines

    def _connect(self, proxy: _Proxy) -> bytes:
        """What opens a tunnel through a proxy."""
        settings, url = self.settings, self.url
        there = b"%s:%d" % (url.named, url.connects)
        fields = settings.proxy_fields
        there_are = named(fields)
        lines = [b"CONNECT %s HTTP/%s\r\n" % (there, b"1.0" if proxy.old else b"1.1")]
        lines.append(b"" if there_are.get(b"host") else b"Host: %s\r\n" % there)
        lines.append(proxy.authorization())
        if settings.agent != b"" and not there_are.get(b"user-agent"):
            lines.append(b"User-Agent: %s\r\n" % (settings.agent or AGENT))
        if not there_are.get(b"proxy-connection"):
            lines.append(b"Proxy-Connection: Keep-Alive\r\n")
        lines.append(custom(fields, set()))
        return b"".join([*lines, b"\r\n"])
