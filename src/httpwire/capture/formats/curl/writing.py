"""The command that makes curl send the octets of a recorded request.

In: an Outgoing of one request, and what is known of its connection. Out: the command, or NotTaken: why curl can't.
Every field is given by -H, in order: curl then adds none of its own, and sends Host where it is given.
"""

from __future__ import annotations

import re
from base64 import b64encode

from httpwire.capture.formats.curl import costs
from httpwire.capture.formats.curl.costs import NotTaken
from httpwire.capture.formats.curl.quoting import quoted, readable
from httpwire.capture.formats.curl.urls import PORTS, parse
from httpwire.capture.reading import Reading
from httpwire.wire import grammar
from httpwire.wire.content import unchunked
from httpwire.wire.element import Direction
from httpwire.wire.framing import Kind

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from httpwire.capture.raw import Outgoing
    from httpwire.capture.traffic import ConnectionFacts
    from httpwire.wire.message import Message

_HEAD = 896 << 10  # octets of a head that curl makes
_WORD = (128 << 10) - 1  # octets of a word that Linux takes
_ARGUMENT = 32 << 10  # octets of content that are an argument
_ONE_CHUNK = 64 << 10  # from here on curl divides content into chunks of its own
_LINE = 57  # octets that are a line of base64
_EXPECTING = 1 << 20  # octets of content from which on curl asks before it sends
_SPACE = b" \t\n\v\f\r"
_START = re.compile(rb"([^ \r\n]+) ([^\r\n]+) HTTP/1\.([01])")
_TARGET = re.compile(rb"(https?)://(\[[^\]]+\]|[^/?#@:\[\]]+)(?::([0-9]{1,5}))?/?")
_ADDRESS = re.compile(rb"(\[[^\]]+\]|[^:/]+):([0-9]{1,5})")
_UNIX = re.compile(rb"unix:(/.*)", re.DOTALL)


class Written:
    """A command in the making: its words, and the content that is piped into it (None: nothing is)."""

    def __init__(self) -> None:
        self.words: list[list[bytes]] = []  # an option with its value each
        self.content: Iterable[bytes] | None = None
        self.rechunked = False  # curl divides the content into other chunks
        self.tunnel = False  # octets for a tunnel follow the request

    def add(self, *words: bytes) -> None:
        self.words.append(list(words))

    def blocks(self) -> Iterator[bytes]:
        """The octets of the command, with its line end."""
        lines = [b" ".join(quoted(word) for word in words) for words in self.words]
        begin = b"curl " if self.content is None else b"base64 -d <<'END' | curl "
        yield begin + b" \\\n  ".join(lines) + b"\n"
        if self.content is not None:
            yield from _base64(self.content)
            yield b"END\n"


def write(outgoing: Outgoing, facts: ConnectionFacts) -> Written:
    """The command for the request in `outgoing`. Raises NotTaken; RecordingUnreadable, RecordingBroken."""
    message, tunnel = _message(outgoing)
    assert message.head
    method, target, version, fields = _lines(message.head.raw)
    base, socket = _base(facts, fields)
    written = Written()
    written.tunnel = tunnel
    written.add(*_located(base, target))
    if socket:
        written.add(b"--unix-socket", socket)
    if version == b"0":
        written.add(b"-0")
    elif base.startswith(b"https:"):
        written.add(b"--http1.1")  # else TLS agrees on HTTP/2
    chunked = message.framing is not None and message.framing.kind is Kind.CHUNKED
    has_content = chunked or (message.octets > 0 and not tunnel)
    if method == b"HEAD" and not has_content:
        written.add(b"-I")
    elif method != (b"POST" if has_content else b"GET"):
        written.add(b"-X", method)
    own = _own(chunked=chunked, octets=message.octets) if has_content else []
    for field in _headers(fields, b"Host: " + parse(base).authority, [b"User-Agent", b"Accept", *own]):
        written.add(b"-H", field)
    if has_content:
        _content(written, outgoing, message, fields, chunked=chunked)
    if any(len(word) > _WORD for words in written.words for word in words):
        raise NotTaken(costs.TOO_LARGE)
    return written


def _message(outgoing: Outgoing) -> tuple[Message, bool]:
    """The one request that the octets are, and whether octets for a tunnel follow it. Raises NotTaken."""
    parts = iter(Reading(outgoing, Direction.REQUEST).parts())
    first = next(parts, None)
    message = first.message if first else None
    if not message or not message.head or not message.head.complete:
        raise NotTaken(costs.NO_HEAD)
    if not message.framing or message.framing.kind is Kind.UNDECIDABLE:
        raise NotTaken(costs.UNDECIDABLE)
    if message.head.start:
        raise NotTaken(costs.EXTRA)
    if message.framing.kind is Kind.TUNNEL:
        return message, message.content_start < outgoing.octets
    if message.stop == outgoing.octets:
        return message, False
    following = next(parts, None)
    if not message.values(b"upgrade") or (following and following.message):
        raise NotTaken(costs.EXTRA)
    return message, True


def _lines(head: bytes) -> tuple[bytes, bytes, bytes, list[bytes]]:
    """Method, target and the last digit of the version, and the field lines, folded ones whole. Raises NotTaken."""
    if b"\x00" in head:
        raise NotTaken(costs.HAS_NUL)
    if len(head) > _HEAD:
        raise NotTaken(costs.TOO_LARGE)
    lines = head[:-2].split(b"\r\n")[:-1] if head.endswith(b"\r\n\r\n") else []
    if not lines or any(b"\n" in line for line in lines):
        raise NotTaken(costs.LINE_ENDS)
    start = _START.fullmatch(lines[0])
    if not start:
        raise NotTaken(costs.START_LINE)
    fields: list[bytes] = []
    for line in lines[1:]:
        if line[:1] in (b" ", b"\t") and fields:
            fields[-1] += b"\r\n" + line
        else:
            fields.append(line)
    return start[1], start[2], start[3], [_checked(field) for field in fields]


def _checked(field: bytes) -> bytes:
    """`field`, which curl sends as it is. Raises NotTaken."""
    name, colon, value = field.partition(b":")
    if not colon or not name or (b";" in name and not value):
        raise NotTaken(costs.NO_FIELD)
    if field[:1] == b"@":
        raise NotTaken(costs.FIELD_NAME)
    if value and not value.strip(_SPACE):
        raise NotTaken(costs.BLANK_VALUE)
    return field


def _base(facts: ConnectionFacts, fields: list[bytes]) -> tuple[bytes, bytes]:
    """The beginning of the URL, and the path of a Unix socket. Raises NotTaken."""
    target = facts.target.encode("utf-8", "surrogateescape")
    server = facts.server.encode("utf-8", "surrogateescape")
    socket = _UNIX.fullmatch(target) or _UNIX.fullmatch(server)
    found = _TARGET.fullmatch(target)
    if found:
        base = _origin(found[1], found[2], int(found[3] or b"0"))
    else:
        values = [field.partition(b":")[2].strip(b" \t") for field in fields if _called(field, b"host")]
        base = _asked(b"https" if facts.secure else b"http", values, b"" if socket else server)
    try:
        parse(base)
    except NotTaken:
        raise NotTaken(costs.NO_SERVER) from None
    return base, socket[1] if socket else b""


def _asked(scheme: bytes, hosts: list[bytes], server: bytes) -> bytes:
    """Where a request went that says `hosts`, to the address `server` (empty: not known). Raises NotTaken."""
    address = _ADDRESS.fullmatch(server)
    if len(hosts) == 1 and grammar.HOST.fullmatch(hosts[0]):
        host, _, port = hosts[0].rpartition(b":") if _ADDRESS.fullmatch(hosts[0]) else (hosts[0].rstrip(b":"), b"", b"")
        number = int(port) if port else PORTS[scheme]
        if not address or int(address[2]) == number:
            return _origin(scheme, host, number)
    if not address:
        raise NotTaken(costs.NO_SERVER)
    return _origin(scheme, address[1], int(address[2]))


def _origin(scheme: bytes, host: bytes, port: int) -> bytes:
    return b"%s://%s" % (scheme, host) if port in (0, PORTS[scheme]) else b"%s://%s:%d" % (scheme, host, port)


def _located(base: bytes, target: bytes) -> list[bytes]:
    """The URL, and the options that make curl ask for `target`."""
    url = base + target if target[:1] == b"/" else base + b"/"
    more = [b"--request-target", target]
    for as_is in (False, True):
        try:
            if parse(url, as_is=as_is).origin_form == target:
                more = [b"--path-as-is"] if as_is else []
                break
        except NotTaken:
            pass
    else:
        url = base + b"/"
    return [url, *more, *([b"-g"] if re.search(rb"[{}\[\]]", url) else [])]


def _headers(fields: list[bytes], usual: bytes, own: list[bytes]) -> list[bytes]:
    """What -H is given for `fields`. `usual` is the Host line that curl sends by itself, `own` names other fields that
    it would add: each is taken away where it is not given."""
    hosts = [field for field in fields if _called(field, b"host")]
    headers = []
    if len(hosts) == 1 and fields[0] is hosts[0] and fields[0][:5] == b"Host:":
        fields = fields[1:]
        if hosts[0] != usual:
            headers.append(_given(hosts[0]))
    else:
        headers.append(b"Host:")  # and those that follow are sent in their places
    headers += [name + b":" for name in own if not any(_called(field, name.lower()) for field in fields)]
    return headers + [_given(field) for field in fields]


def _given(field: bytes) -> bytes:
    """`field` as -H takes it: a semicolon stands for the colon of one without a value."""
    return field[:-1] + b";" if field.find(b":") == len(field) - 1 else field


def _called(field: bytes, name: bytes) -> bool:
    return field[: len(name) + 1].lower() == name + b":"


def _own(*, chunked: bool, octets: int) -> list[bytes]:
    """The fields that curl adds to a request with content."""
    return [b"Content-Type", *([] if chunked else [b"Content-Length"]), *([b"Expect"] if octets > _EXPECTING else [])]


def _content(written: Written, outgoing: Outgoing, message: Message, fields: list[bytes], *, chunked: bool) -> None:
    """Give curl the content: as a word where it is short and can be read, else through a pipe. Raises NotTaken."""
    blocks = outgoing.blocks(message.content_start, message.stop)
    if chunked:
        codings = [field for field in fields if _called(field, b"transfer-encoding")]
        if not message.complete or message.trailers:
            raise NotTaken(costs.TRAILERS if message.complete else costs.CUT)
        if not codings or not re.search(rb"(?i):.*chunked", codings[0], re.DOTALL):
            raise NotTaken(costs.UNDECIDABLE)  # not by curl, which looks at the first one
        written.rechunked = not _in_one_chunk(outgoing, message)
        blocks = unchunked(blocks)
    if message.octets <= _ARGUMENT:
        content = b"".join(blocks)
        if b"\x00" not in content and readable(content):
            written.add(b"--data-raw", content)
            return
        blocks = iter((content,))
    written.add(b"--data-binary", b"@-")
    written.content = blocks


def _in_one_chunk(outgoing: Outgoing, message: Message) -> bool:
    """Whether the content is in one chunk, as curl writes it."""
    size = message.octets
    if size >= _ONE_CHUNK:
        return False
    begin = b"%x\r\n" % size if size else b""
    end = b"\r\n0\r\n\r\n" if size else b"0\r\n\r\n"
    if message.stop - message.content_start != len(begin) + size + len(end):
        return False
    wire = outgoing.read(message.content_start, message.stop)
    return wire.startswith(begin) and wire.endswith(end)


def _base64(blocks: Iterable[bytes]) -> Iterator[bytes]:
    """Lines of base64."""
    held = b""
    for block in blocks:
        held += block
        whole = len(held) - len(held) % _LINE
        yield b"".join(b64encode(held[place : place + _LINE]) + b"\n" for place in range(0, whole, _LINE))
        held = held[whole:]
    if held:
        yield b64encode(held) + b"\n"
