"""How each parser is asked: it is given octets, and what it tells is written into an Account.

In: octets of one direction, and the methods that responses answer. Out: the Account's messages; an
exception is the parser's rejection. Parsers are used with the settings they have by themselves, except
that content codings (gzip ...) are left on: HTTP/1.1's framing is what is compared.
"""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from itertools import repeat

from httpwire.wire.record import Record, at

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    Methods = Sequence[bytes | None]
    Ask = Callable[["Account", bytes, Methods | None], None]


_SEGMENT = 64 << 10


class Seen(Record):
    """A message as a parser saw it; `octets` counts its content, None where the parser leaves that to its caller."""

    __slots__ = ()
    FIELDS = ("method", "target", "status", "octets", "complete")
    method: bytes = at(0)
    target: bytes = at(1)
    status: int = at(2)
    octets: int | None = at(3)
    complete: bool = at(4)

    def __new__(
        cls,
        method: bytes = b"",
        target: bytes = b"",
        status: int = 0,
        octets: int | None = 0,
        *,
        complete: bool = False,
    ) -> Seen:
        return tuple.__new__(cls, (method, target, status, octets, complete))


class Account:
    """What a parser has seen so far, kept apart from it, because it may raise at any time."""

    def __init__(self) -> None:
        self.messages: list[Seen] = []
        self.unread: int | None = None
        self.closed = False  # it reads no further, and that is no matter of these octets

    def begin(self, method: bytes = b"", target: bytes = b"", status: int = 0) -> None:
        self.messages.append(Seen(method, target, status))

    def update(self, **changes: Any) -> None:
        """Change the message that is being read."""
        self.messages[-1] = self.messages[-1].replace(**changes)

    def content(self, count: int) -> None:
        self.update(octets=(self.messages[-1].octets or 0) + count)

    @property
    def final(self) -> tuple[Seen, ...]:
        return tuple(each for each in self.messages if not 100 <= each.status <= 199 or each.status == 101)


class Rejected(Exception):
    """A parser's way to say no that is no exception of its own."""


def _h11_requests(account: Account, octets: bytes, _: Methods | None) -> None:
    import h11

    parser = h11.Connection(h11.SERVER)
    parser.receive_data(octets)
    while _h11_message(account, parser):
        # It reads the next request when this one is answered.
        parser.send(h11.Response(status_code=200, headers=[("Content-Length", "0")]))
        if parser.our_state is h11.SEND_BODY:  # not so after CONNECT
            parser.send(h11.EndOfMessage())
        if not _h11_goes_on(account, parser):
            break
    account.unread = len(parser.trailing_data[0])


def _h11_responses(account: Account, octets: bytes, methods: Methods | None) -> None:
    import h11

    parser = h11.Connection(h11.CLIENT)
    parser.receive_data(octets)
    for method in repeat(None) if methods is None else methods:
        known = method if method in (b"HEAD", b"CONNECT") else b"GET"
        parser.send(h11.Request(method=known, target=b"/" if known != b"CONNECT" else b"a:1", headers=[("Host", "a")]))
        parser.send(h11.EndOfMessage())
        if not _h11_message(account, parser) or not _h11_goes_on(account, parser):
            break
    account.unread = len(parser.trailing_data[0])


def _h11_goes_on(account: Account, parser: Any) -> bool:
    """Prepare for the next message, if there may be one."""
    import h11

    account.closed = parser.our_state is not h11.DONE or parser.their_state is not h11.DONE
    if not account.closed:
        parser.start_next_cycle()
    return not account.closed


def _h11_message(account: Account, parser: Any) -> bool:
    """Read one message; whether it is complete."""
    import h11

    while True:
        event = parser.next_event()
        if isinstance(event, h11.Request):
            account.begin(event.method, event.target)
        elif isinstance(event, (h11.InformationalResponse, h11.Response)):
            account.begin(status=event.status_code)
        elif isinstance(event, h11.Data):
            account.content(len(event.data))
        elif isinstance(event, h11.EndOfMessage):
            account.update(complete=True)
            return True
        else:  # NEED_DATA, PAUSED or ConnectionClosed
            account.closed = event is h11.PAUSED
            return False


class _Callbacks:
    """What httptools calls while it reads."""

    def __init__(self, account: Account) -> None:
        self._account = account
        self.parser: Any = None

    def on_message_begin(self) -> None:
        self._account.begin()

    def on_url(self, url: bytes) -> None:
        self._account.update(target=self._account.messages[-1].target + url)

    def on_headers_complete(self) -> None:
        if hasattr(self.parser, "get_method"):
            self._account.update(method=self.parser.get_method())
        else:
            self._account.update(status=self.parser.get_status_code())

    def on_body(self, body: bytes) -> None:
        self._account.content(len(body))

    def on_message_complete(self) -> None:
        self._account.update(complete=True)


def _httptools(name: str) -> Ask:
    def ask(account: Account, octets: bytes, _: Methods | None) -> None:
        import httptools

        callbacks = _Callbacks(account)
        callbacks.parser = getattr(httptools, name)(callbacks)
        try:
            callbacks.parser.feed_data(octets)
        except httptools.HttpParserUpgrade as upgrade:
            account.closed = True
            account.unread = len(octets) - upgrade.args[0]
        else:
            account.unread = 0

    return ask


class _Nobody:
    """In place of aiohttp's protocol: it is told when to read, and nobody reads."""

    def pause_reading(self, *_: object, **__: object) -> None:
        pass

    resume_reading = pause_reading


def _aiohttp(name: str, **settings: bool) -> Ask:
    def ask(account: Account, octets: bytes, _: Methods | None) -> None:
        from aiohttp import http_parser

        if not hasattr(http_parser, name):
            raise ImportError(f"aiohttp has no {name} here")
        parser = partial(getattr(http_parser, name), _Nobody(), object(), auto_decompress=False, **settings)
        limit = 2 * len(octets) + 1024  # so that it never pauses for a reader
        try:
            # As they would come from a socket; of larger segments its Python parser makes too many copies.
            _feed(account, parser(limit=limit), [octets[at : at + _SEGMENT] for at in range(0, len(octets), _SEGMENT)])
        except Exception:
            # What it read of the segment before is lost: it is asked again line by line, for the messages alone.
            account.messages.clear()
            with suppress(Exception):
                _feed(account, parser(limit=limit), octets.splitlines(keepends=True))
            raise

    return ask


def _feed(account: Account, parser: Any, pieces: Sequence[bytes]) -> None:
    """Let an aiohttp parser read `pieces`."""
    contents: list[Any] = []
    try:
        for piece in pieces:
            messages, upgraded, tail = parser.feed_data(piece)
            for message, content in messages:
                method, target = getattr(message, "method", ""), getattr(message, "path", "")
                account.begin(_encoded(method), _encoded(target), getattr(message, "code", 0))
                contents.append(content)
            if upgraded:
                account.closed, account.unread = True, len(tail)
                break
    finally:
        for index, content in enumerate(contents):
            seen = account.messages[index]
            account.messages[index] = seen.replace(octets=content.total_bytes, complete=content.is_eof())
    for content in contents:
        if content.exception():
            raise content.exception()


def _encoded(text: str) -> bytes:
    return text.encode(errors="surrogateescape")


def _octets_file(octets: bytes) -> Any:
    """A file of `octets` that stays open, and knows (`dry`) whether a line was asked for that is not there whole."""
    import io

    class Octets(io.BytesIO):
        dry = False

        def close(self) -> None:
            pass

        def readline(self, size: int | None = -1, /) -> bytes:
            line = super().readline(size)
            self.dry = self.dry or not line.endswith(b"\n")
            return line

        def makefile(self, *_: object) -> Octets:
            return self

    return Octets(octets)


def _http_client(account: Account, octets: bytes, methods: Methods | None) -> None:
    from http.client import HTTPResponse, IncompleteRead

    file = _octets_file(octets)
    number = 0
    while file.tell() < len(octets) and not account.closed and (methods is None or number < len(methods)):
        method = methods[number] if methods else None
        number += 1
        response = HTTPResponse(file, method=method.decode("latin-1") if method else None)
        try:
            response.begin()
        except Exception:
            if file.dry and file.tell() == len(octets):
                break  # the head is not here whole
            raise
        account.begin(status=response.status)
        if file.dry:
            break
        try:
            while piece := response.read(1 << 16):
                account.content(len(piece))
        except IncompleteRead as short:
            account.content(len(short.partial))
            if file.tell() < len(octets):
                raise
            break
        account.update(complete=not response.length and not file.dry)
        account.closed = response.will_close
    account.unread = len(octets) - file.tell()


def _http_server(account: Account, octets: bytes, _: Methods | None) -> None:
    from http.server import BaseHTTPRequestHandler

    file = _octets_file(octets)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        raw_requestline: bytes

        def __init__(self) -> None:  # that of the class would serve a socket
            self.rfile = file

        def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
            raise Rejected(" ".join(filter(None, (str(int(code)), message, explain))))

        def handle_expect_100(self) -> bool:
            return True

    handler = Handler()
    while file.tell() < len(octets) and not account.closed:
        handler.raw_requestline = file.readline(65537)
        if len(handler.raw_requestline) > 65536:
            raise Rejected("414 Request-URI Too Long")
        if file.dry:
            break
        if not handler.parse_request():
            account.closed = True  # an empty line is the end for it
            break
        account.begin(handler.command.encode("latin-1"), handler.path.encode("latin-1"))
        if file.dry:
            break
        # Content is left to whoever serves the request.
        has_content = "content-length" in handler.headers or "transfer-encoding" in handler.headers
        account.update(octets=None if has_content else 0, complete=True)
        account.closed = has_content or handler.close_connection
    account.unread = len(octets) - file.tell()


#: A name, the distribution it comes with, whether it is told what a response answers, and how it is asked.
REQUESTS: tuple[tuple[str, str, bool, Ask], ...] = (
    ("h11", "h11", True, _h11_requests),
    ("httptools (llhttp)", "httptools", True, _httptools("HttpRequestParser")),
    ("aiohttp (C, llhttp)", "aiohttp", True, _aiohttp("HttpRequestParserC")),
    ("aiohttp (Python)", "aiohttp", True, _aiohttp("HttpRequestParserPy")),
    ("http.server", "", True, _http_server),
)
RESPONSES: tuple[tuple[str, str, bool, Ask], ...] = (
    ("h11", "h11", True, _h11_responses),
    ("httptools (llhttp)", "httptools", False, _httptools("HttpResponseParser")),
    ("aiohttp (C, llhttp)", "aiohttp", False, _aiohttp("HttpResponseParserC", read_until_eof=True)),
    ("aiohttp (Python)", "aiohttp", False, _aiohttp("HttpResponseParserPy", read_until_eof=True)),
    ("http.client", "", True, _http_client),
)
