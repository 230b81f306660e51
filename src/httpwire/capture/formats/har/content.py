"""The content of a recorded message, as a HAR has it: decoded, and text where it is text.

In: the octets of a message, in blocks, as often as they are asked for. Out: a Body: its size, whether
it is text, and the pieces of a JSON string for it. Content of any size is read twice and never held.
"""

from __future__ import annotations

import binascii
import codecs
import json

from httpwire.capture.codings import CodingBroken, decoded
from httpwire.capture.formats.har.octets import charset_of, codings_of
from httpwire.wire.content import unchunked
from httpwire.wire.framing import Kind

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from httpwire.capture.raw import Outgoing
    from httpwire.wire.message import Message

    Blocks = Callable[[], Iterable[bytes]]

_HELD = 1 << 20  # octets that are decoded once only
_LARGE = 64 << 20  # octets of decoded content that may be a bomb,
_RATIO = 100  # if they are so many times those of the coded one
_CODINGS = 8
as_json = json.JSONEncoder(ensure_ascii=False).encode
_WITHOUT = (Kind.NONE, Kind.TUNNEL)


class Body:
    """`octets` is its size here, `on_wire` that of the coded content; `decoded` tells that codings were taken off,
    `left_coded` that there are some that could not be. `text` is the codec of a text, empty for what is none."""

    def __init__(self, message: Message, source: Outgoing, kind: bytes, codings: list[bytes]) -> None:
        """`kind` is the value of Content-Type, `codings` the values of Content-Encoding.

        Raises RecordingUnreadable, RecordingBroken."""
        self._message = message
        self._source = source
        self._kind = kind
        names = [] if self.empty else codings_of(codings)
        self.on_wire = 0 if self.empty else message.octets
        self._blocks: Blocks = self._transferred
        self.decoded = bool(names) and self._measured(lambda: _without(names, self._transferred()))
        self.left_coded = bool(names) and not self.decoded
        if not self.decoded:
            self._measured(self._transferred)
            if self.left_coded:
                self.text = ""

    @property
    def empty(self) -> bool:
        """Whether the message carries none."""
        framing = self._message.framing
        return not framing or framing.kind in _WITHOUT

    def _transferred(self) -> Iterable[bytes]:
        """The content with the chunked coding taken off; all of it where its end can't be known."""
        message = self._message
        if self.empty:
            return ()
        blocks = self._source.blocks(message.content_start, message.stop)
        return unchunked(blocks) if message.framing and message.framing.kind is Kind.CHUNKED else blocks

    def _measured(self, blocks: Blocks) -> bool:
        """Read `blocks` once: how many octets they are, and whether they are text. False: they can't be decoded."""
        held: list[bytes] | None = []
        check: _TextCheck | None = None
        octets = 0
        most = max(_LARGE, _RATIO * self.on_wire)
        try:
            for block in blocks():
                octets += len(block)
                if octets > most:
                    return False
                check = check or _TextCheck(charset_of(self._kind, block))
                check.feed(block)
                if held is not None:
                    held.append(block)
                    held = held if octets <= _HELD else None
        except CodingBroken:
            return False
        self.octets = octets
        self.text = check.finish() if check else "utf-8"
        self._blocks = blocks if held is None else lambda whole=tuple(held): whole  # type: ignore[misc]  # a default binds it
        return True

    def json(self) -> Iterator[str]:
        """The pieces of a JSON string: the text, or base64."""
        yield '"'
        yield from self._as_text() if self.text else self._as_base64()
        yield '"'

    def _as_text(self) -> Iterator[str]:
        decoder = codecs.getincrementaldecoder(self.text)()
        for block in self._blocks():
            yield as_json(decoder.decode(block))[1:-1]
        yield as_json(decoder.decode(b"", final=True))[1:-1]

    def _as_base64(self) -> Iterator[str]:
        rest = b""
        for block in self._blocks():
            rest += block
            whole = len(rest) - len(rest) % 3
            yield binascii.b2a_base64(rest[:whole], newline=False).decode("ascii")
            rest = rest[whole:]
        yield binascii.b2a_base64(rest, newline=False).decode("ascii")


class _TextCheck:
    """Whether octets are text in a codec, and the text gives the very same octets."""

    def __init__(self, codec: str) -> None:
        from hashlib import sha256

        self._codec = codec
        self._decoder = codecs.getincrementaldecoder(codec)()
        self._encoder = codecs.getincrementalencoder(codec)()
        self._exact = codec == "utf-8"  # no other octets have the same text
        self._in, self._out = sha256(), sha256()
        self._is_text = True

    def feed(self, block: bytes, *, final: bool = False) -> None:
        if not self._is_text:
            return
        try:
            text = self._decoder.decode(block, final)
            if not self._exact:
                self._in.update(block)
                self._out.update(self._encoder.encode(text, final))
        except UnicodeError:
            self._is_text = False

    def finish(self) -> str:
        """The codec; empty where they are no such text."""
        self.feed(b"", final=True)
        return self._codec if self._is_text and self._in.digest() == self._out.digest() else ""


def _without(names: list[bytes], blocks: Iterable[bytes]) -> Iterator[bytes]:
    """`blocks` with the codings taken off. Raises CodingBroken, also for one that is not known here."""
    if len(names) > _CODINGS:
        raise CodingBroken("")
    for name in reversed(names):
        made = decoded(name, blocks)
        if made is None:
            raise CodingBroken("")
        blocks = made
    yield from blocks
