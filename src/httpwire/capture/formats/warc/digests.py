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


class _Digest:
    """One that is expected, and the hash of what has come."""

    __slots__ = ("_written", "hash", "made")

    def __init__(self, made: Callable[..., _Hash], written: str) -> None:
        self.made = made
        self.hash = made()
        self._written = written

    @property
    def agrees(self) -> bool:
        return self.is_of(self.hash)

    def is_of(self, hashed: _Hash) -> bool:
        """Whether it is what `hashed` gives. One that is written in no known way says nothing."""
        value = _value(self._written, hashed.digest_size)
        return value is None or value == hashed.digest()


def _expected(text: str) -> _Digest | None:
    """None where the algorithm is not known here."""
    name, _, written = text.partition(":")
    made = _ALGORITHMS.get(name) or _ALGORITHMS.get(name.strip().lower().replace("-", ""))
    return _Digest(made, written.strip().rstrip("=")) if made else None


def _value(text: str, size: int) -> bytes | None:
    """The `size` octets that `text` stands for; its length tells how it is written."""
    bits = size * 8
    length = len(text)
    if length == -(-bits // 5) and _BASE32.fullmatch(text):
        return (int(text.upper().translate(_DIGITS), 32) >> length * 5 - bits).to_bytes(size, "big")
    if length == size * 2 and _HEX.fullmatch(text):
        return bytes.fromhex(text)
    text = text.translate(_URL_SAFE)
    if length == -(-bits // 6) and _BASE64.fullmatch(text):
        return b64decode(text + "=" * (-length % 4))
    return None


class Check:
    """The digests of one record, as its header writes them, empty where there is none. `feed` its octets in order, the
    first piece with the whole HTTP header; `passed` tells whether nothing contradicts them."""

    __slots__ = ("_begun", "_block", "_payload", "_unchunked")

    def __init__(self, block: str, payload: str) -> None:
        self._block = _expected(block) if block else None
        self._payload = _expected(payload) if payload else None
        self._unchunked: _Unchunked | None = None
        self._begun = False

    def feed(self, octets: bytes) -> None:
        if self._block:
            self._block.hash.update(octets)
        payload = self._payload
        if not payload:
            return
        view = memoryview(octets)
        if not self._begun:
            self._begun = True
            end = _HEAD_END.search(octets)
            if not end:
                self._payload = None  # so large a header, or none: what the payload is, is anyone's guess
                return
            if _CHUNKED.search(octets, 0, end.end()):
                self._unchunked = _Unchunked(payload.made())
            view = view[end.end() :]
        payload.hash.update(view)
        if self._unchunked:
            self._unchunked.feed(view)

    @property
    def passed(self) -> bool:
        if self._block and not self._block.agrees:
            return False
        payload = self._payload
        if not payload or not self._begun or payload.agrees:
            return True
        return self._unchunked is not None and payload.is_of(self._unchunked.hash)


class _Unchunked:
    """Hashes content that is given in chunks. The last piece is read when it is asked for: most have one,
    and agree without."""

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
