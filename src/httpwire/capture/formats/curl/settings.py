"""What a command's options mean together, as far as it decides what is sent.

In: the words of a command. Out: Settings, one for each stretch between --next, with its URLs. Options that
change nothing about a request (how answers are shown and saved, how long to wait, which certificates) are
passed over; those whose effect can't be known raise NotTaken.
"""

from __future__ import annotations

import re

from httpwire.capture.formats.curl import costs
from httpwire.capture.formats.curl.costs import NotTaken
from httpwire.capture.formats.curl.files import Files, form_encoded, stripped
from httpwire.capture.formats.curl.forms import Form
from httpwire.capture.formats.curl.octets import Held, Joined, whole
from httpwire.capture.formats.curl.options import options

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Protocol

    from httpwire.capture.formats.curl.octets import Octets
    from httpwire.capture.toll import Cost

    class Switching(Protocol):
        """What an option without a value means."""

        def __call__(self, settings: Settings, *, on: bool) -> None: ...

    Meaning = Callable[["Settings", bytes], None]

_QUERY = 8 << 20  # octets of data that -G puts into a URL

#: Options whose effect on what is sent can't be known from the command.
_UNKNOWABLE: dict[str, Cost] = {
    **dict.fromkeys(("digest", "ntlm", "ntlm-wb", "negotiate", "anyauth"), costs.CHALLENGE),
    **dict.fromkeys(("proxy-digest", "proxy-ntlm", "proxy-negotiate", "proxy-anyauth"), costs.CHALLENGE),
    **dict.fromkeys(("http2-prior-knowledge", "http3", "http3-only", "proxy-http2", "proxy-http3"), costs.PROTOCOL),
    **dict.fromkeys(("config", "aws-sigv4", "haproxy-protocol", "haproxy-clientip", "variable"), costs.OPTION),
    **dict.fromkeys(("httpsig-algo", "httpsig-headers", "httpsig-key", "httpsig-keyid"), costs.OPTION),
    **dict.fromkeys(("netrc", "netrc-file", "netrc-optional", "etag-compare", "hsts", "alt-svc"), costs.FILES),
    **dict.fromkeys(("help", "manual", "version", "metalink"), costs.REFUSED),
}


class Node:
    """A URL, and the file that is uploaded to it; each may be given first."""

    def __init__(self) -> None:
        self.url: bytes | None = None
        self.upload: bytes | None = None


class Settings:
    """What the options of one operation say."""

    def __init__(self, files: Files) -> None:
        self.files = files
        self.nodes: list[Node] = []
        self.method: bytes | None = None
        self.head = False
        self.kinds: set[str] = set()  # of requests that were asked for: more than one is refused
        self.get = False
        self.data: Joined | None = None
        self.json = False
        self.query: bytes | None = None
        self.form: Form | None = None
        self.fields: list[bytes] = []
        self.proxy_fields: list[bytes] = []
        self.agent: bytes | None = None
        self.referer: bytes | None = None
        self.cookies: list[bytes] = []
        self.user: bytes | None = None
        self.bearer: bytes | None = None
        self.schemes: set[str] = set()
        self.proxy: bytes | None = None
        self.proxy_user: bytes | None = None
        self.proxy_old = False
        self.tunnel = False
        self.range: bytes | None = None
        self.resume: bytes | None = None
        self.condition: tuple[bytes, bytes] | None = None
        self.version = ""
        self.compressed = False
        self.codings = False
        self.globs = True
        self.as_is = False
        self.target: bytes | None = None
        self.scheme = b""
        self.socket: bytes | None = None
        self.crlf = False
        self.no_user = False


def operations(words: list[bytes], files: Files) -> list[Settings]:
    """The operations of a command, of which `words` are those behind "curl". Raises NotTaken."""
    found = [Settings(files)]
    for name, value, on in options(words):
        settings = found[-1]
        if name == "next":
            if settings.nodes and settings.nodes[0].url is not None:
                found.append(Settings(files))
        elif name in _UNKNOWABLE:
            if on:
                raise NotTaken(_UNKNOWABLE[name])
        elif name in _VALUES:
            _VALUES[name](settings, value)
        elif name in _SWITCHES:
            _SWITCHES[name](settings, on=on)
    if not any(node.url is not None for node in found[0].nodes):
        raise NotTaken(costs.REFUSED)
    return found


def _node(settings: Settings, taken: Callable[[Node], bool]) -> Node:
    """The first node in which there is room."""
    for node in settings.nodes:
        if not taken(node):
            return node
    settings.nodes.append(Node())
    return settings.nodes[-1]


def _url(settings: Settings, value: bytes) -> None:
    _node(settings, lambda node: node.url is not None).url = value


def _upload(settings: Settings, value: bytes) -> None:
    _node(settings, lambda node: node.upload is not None).upload = value


def _append(settings: Settings, data: Octets, between: bytes) -> None:
    if settings.data is None:
        settings.data = Joined([data])
    else:
        settings.data.parts += [Held(between), data]


def _data(settings: Settings, value: bytes) -> None:
    filed = value[:1] == b"@"
    _append(settings, stripped(settings.files.octets(value[1:])) if filed else Held(value), b"&")


def _data_raw(settings: Settings, value: bytes) -> None:
    _append(settings, Held(value), b"&")


def _data_binary(settings: Settings, value: bytes) -> None:
    filed = value[:1] == b"@"
    _append(settings, settings.files.octets(value[1:]) if filed else Held(value), b"&")


def _json(settings: Settings, value: bytes) -> None:
    filed = value[:1] == b"@"
    _append(settings, settings.files.octets(value[1:]) if filed else Held(value), b"")
    settings.json = True


def _encoded(settings: Settings, value: bytes) -> Octets:
    """The value of --data-urlencode: content, =content, name=content, @file or name@file."""
    name, mark, content = value.partition(b"=")
    data: Octets
    if mark:
        data = Held(content)
    else:
        name, mark, content = value.partition(b"@")
        if mark:
            data = settings.files.octets(content)
        else:
            name, data = b"", Held(value)
    data = form_encoded(data)
    return Joined([Held(name + b"="), data]) if name else data


def _data_urlencode(settings: Settings, value: bytes) -> None:
    _append(settings, _encoded(settings, value), b"&")


def _url_query(settings: Settings, value: bytes) -> None:
    query = value[1:] if value[:1] == b"+" else in_url(_encoded(settings, value))
    settings.query = query if settings.query is None else b"%s&%s" % (settings.query, query)


def in_url(data: Octets) -> bytes:
    """Data that goes into a URL. Raises NotTaken."""
    text = whole(data, _QUERY)
    if text is None:
        raise NotTaken(costs.REFUSED)
    return text.partition(b"\x00")[0]


def _form(settings: Settings, value: bytes) -> None:
    settings.form = settings.form or Form(settings.files)
    settings.form.add(value, literal=False)
    settings.kinds.add("form")


def _form_string(settings: Settings, value: bytes) -> None:
    settings.form = settings.form or Form(settings.files)
    settings.form.add(value, literal=True)
    settings.kinds.add("form")


def _head(settings: Settings, *, on: bool) -> None:
    settings.head = on
    settings.kinds.add("head" if on else "get")


def _header(settings: Settings, value: bytes) -> None:
    settings.fields += settings.files.lines(value[1:]) if value[:1] == b"@" else [value]


def _proxy_header(settings: Settings, value: bytes) -> None:
    settings.proxy_fields += settings.files.lines(value[1:]) if value[:1] == b"@" else [value]


def _cookie(settings: Settings, value: bytes) -> None:
    if value[:1] == b"@" or b"=" not in value:
        if value in (b"", b"@"):
            return  # no file: it only makes curl keep cookies
        raise NotTaken(costs.FILES)
    settings.cookies.append(value)


def _referer(settings: Settings, value: bytes) -> None:
    settings.referer = value.partition(b";auto")[0] or None


def _bearer(settings: Settings, value: bytes) -> None:
    settings.bearer = value
    settings.schemes.add("bearer")


def _basic(settings: Settings, *, on: bool) -> None:
    (settings.schemes.add if on else settings.schemes.discard)("basic")


def _proxy(settings: Settings, value: bytes) -> None:
    settings.proxy, settings.proxy_old = value, False


def _proxy_old(settings: Settings, value: bytes) -> None:
    settings.proxy, settings.proxy_old = value, True


def _no_proxy(settings: Settings, _value: bytes) -> None:
    settings.proxy = None  # SOCKS, or a list of hosts: curl talks to the server itself


def _range(settings: Settings, value: bytes) -> None:
    digits = re.match(rb"[0-9]+", value)
    if digits and b"-" not in value:
        value = b"%d-" % int(digits[0][:18])
    settings.range = value


def _resume(settings: Settings, value: bytes) -> None:
    if value == b"-":
        raise NotTaken(costs.FILES)
    if not re.fullmatch(rb"[0-9]{1,18}", value):
        raise NotTaken(costs.REFUSED)
    settings.resume = value if int(value) else None


def _time_condition(settings: Settings, value: bytes) -> None:
    from httpwire.capture.formats.curl.dates import http_date

    names = {b"-": b"If-Unmodified-Since", b"=": b"Last-Modified", b"+": b"If-Modified-Since"}
    name = names.get(value[:1])
    date = http_date(value[1:] if name else value)
    if date is None:
        raise NotTaken(costs.FILES)  # a file's own date, or nothing
    settings.condition = (name or b"If-Modified-Since", date) if date else None


def _attribute(name: str) -> Meaning:
    """An option that is kept as it is given."""

    def meaning(settings: Settings, value: bytes) -> None:
        setattr(settings, name, value)

    return meaning


def _switch(name: str) -> Switching:
    def meaning(settings: Settings, *, on: bool) -> None:
        setattr(settings, name, on)

    return meaning


def _version(version: str) -> Switching:
    def meaning(settings: Settings, *, on: bool) -> None:  # noqa: ARG001  # there is no other way
        settings.version = version

    return meaning


def _globoff(settings: Settings, *, on: bool) -> None:
    settings.globs = not on


_VALUES: dict[str, Meaning] = {
    "url": _url,
    "upload-file": _upload,
    "data": _data,
    "data-ascii": _data,
    "data-raw": _data_raw,
    "data-binary": _data_binary,
    "data-urlencode": _data_urlencode,
    "json": _json,
    "url-query": _url_query,
    "form": _form,
    "form-string": _form_string,
    "header": _header,
    "proxy-header": _proxy_header,
    "cookie": _cookie,
    "referer": _referer,
    "oauth2-bearer": _bearer,
    "proxy": _proxy,
    "proxy1.0": _proxy_old,
    **dict.fromkeys(("socks4", "socks4a", "socks5", "socks5-hostname"), _no_proxy),
    "range": _range,
    "continue-at": _resume,
    "time-cond": _time_condition,
    "request": _attribute("method"),
    "request-target": _attribute("target"),
    "user": _attribute("user"),
    "user-agent": _attribute("agent"),
    "proxy-user": _attribute("proxy_user"),
    "proto-default": _attribute("scheme"),
    "unix-socket": _attribute("socket"),
}
_SWITCHES: dict[str, Switching] = {
    "head": _head,
    "basic": _basic,
    "get": _switch("get"),
    "compressed": _switch("compressed"),
    "tr-encoding": _switch("codings"),
    "path-as-is": _switch("as_is"),
    "proxytunnel": _switch("tunnel"),
    "crlf": _switch("crlf"),
    "disallow-username-in-url": _switch("no_user"),
    "globoff": _globoff,
    "http1.0": _version("1.0"),
    "http1.1": _version("1.1"),
    "http2": _version("2"),
}
