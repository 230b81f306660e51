"""The digests that a WARC record gives of its own octets, checked while they go by.

In: the values of WARC-Block-Digest and WARC-Payload-Digest ("sha1:...", in base32, base64 or hexadecimal), and the
octets. Out: whether they agree. The payload is what follows the HTTP header: most tools take it as it is, some
with the chunked coding removed, and both are right here.
"""

from __future__ import annotations

import hashlib
import re
from base64 import b64decode

from httpwire.wire.buffer import Buffer
from httpwire.wire.content import ChunkReader, Limits, Lost

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from hashlib import _Hash

_ALGORITHMS: dict[str, Callable[..., _Hash]] = {
    "md5": hashlib.md5,
    "sha1": hashlib.sha1,
    "sha224": hashlib.sha224,
    "sha256": hashlib.sha256,
    "sha384": hashlib.sha384,
    "sha512": hashlib.sha512,
}
_HEX = re.compile(r"[0-9A-Fa-f]+")
_BASE32 = re.compile(r"[A-Za-z2-7]+")
_BASE64 = re.compile(r"[A-Za-z0-9+/]+")
_DIGITS = str.maketrans("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", "0123456789abcdefghijklmnopqrstuv")  # those of int()
_URL_SAFE = str.maketrans("-_", "+/")
_HEAD_END = re.compile(rb"\n\r?\n")
_CHUNKED = re.compile(rb"\ntransfer-encoding[ \t]*:[^\n]*chunked", re.IGNORECASE)


class Digest:
    """One that is expected: `made` makes its hash, `agrees` compares."""

    __slots__ = ("_value", "made")

    def __init__(self, made: Callable[..., _Hash], value: bytes) -> None:
        self.made = made
        self._value = value

    @classmethod
    def of(cls, text: str) -> Digest | None:
        """None where `text` is in no way known here."""
        name, _, written = text.partition(":")
        made = _ALGORITHMS.get(name.strip().lower().replace("-", ""))
        value = _value(written.strip().rstrip("="), made().digest_size) if made else None
        return cls(made, value) if made and value is not None else None

    def agrees(self, hashed: _Hash) -> bool:
        return hashed.digest() == self._value


def _value(text: str, size: int) -> bytes | None:
    """The `size` octets that `text` stands for; its length tells how it is written."""
    bits = size * 8
    length = len(text)
    if length == size * 2 and _HEX.fullmatch(text):
        return bytes.fromhex(text)
    if length == -(-bits // 5) and _BASE32.fullmatch(text):
        return (int(text.upper().translate(_DIGITS), 32) >> length * 5 - bits).to_bytes(size, "big")
    text = text.translate(_URL_SAFE)
    if length == -(-bits // 6) and _BASE64.fullmatch(text):
        return b64decode(text + "=" * (-length % 4))
    return None


class Check:
    """The digests of one record: `feed` its octets in order, the first block with the whole HTTP header."""

    __slots__ = ("_block", "_head", "_payload", "_unchunked", "_whole")

    def __init__(self, block: Digest | None, payload: Digest | None) -> None:
        self._whole = (block, block.made()) if block else None
        self._payload = (payload, payload.made()) if payload else None
        self._unchunked: _Unchunked | None = None
        self._head = True

    def feed(self, octets: bytes) -> None:
        if self._whole:
            self._whole[1].update(octets)
        if not self._payload:
            return
        if self._head:
            self._head = False
            end = _HEAD_END.search(octets)
            if not end:
                self._payload = None  # so large a header, or none: what the payload is, is anyone's guess
                return
            if _CHUNKED.search(octets, 0, end.end()):
                self._unchunked = _Unchunked(self._payload[0].made())
            payload = memoryview(octets)[end.end() :]
        else:
            payload = memoryview(octets)
        self._payload[1].update(payload)
        if self._unchunked:
            self._unchunked.feed(payload)

    def passed(self) -> bool:
        """Whether nothing contradicts the octets."""
        if self._whole and not self._whole[0].agrees(self._whole[1]):
            return False
        if not self._payload or self._payload[0].agrees(self._payload[1]):
            return True
        return self._unchunked is not None and self._payload[0].agrees(self._unchunked.hash)


class _Unchunked:
    """Hashes content that is given in chunks. It is read only when more than one block has come, or when asked for."""

    def __init__(self, hashed: _Hash) -> None:
        self._hash = hashed
        self._waiting: memoryview | None = None
        self._buffer = Buffer()
        self._data: list[bytes] = []
        self._reader: ChunkReader | None = ChunkReader(Limits(), lambda *_, **__: None, detail=False, data=self._data)

    def feed(self, octets: memoryview) -> None:
        self._read()
        self._waiting = octets

    @property
    def hash(self) -> _Hash:
        self._read()
        return self._hash

    def _read(self) -> None:
        if not self._waiting or not self._reader:
            return
        self._buffer.add(self._waiting)
        self._waiting = None
        try:
            ended = self._reader.read(self._buffer, [])
        except Lost:
            ended = True
        for data in self._data:
            self._hash.update(data)
        self._data.clear()
        if ended:
            self._reader = None
