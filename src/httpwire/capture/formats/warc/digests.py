"""The digests that a WARC record gives of its own octets, checked while they go by.

In: the values of WARC-Block-Digest and WARC-Payload-Digest ("sha1:...", in base32, base64 or hexadecimal), and the
octets. Out: whether they agree. The payload is what follows the HTTP header: most tools take it as it is, some
with the chunked coding removed, and both are right here.
"""

from __future__ import annotations

import hashlib
import re
from base64 import b64decode

from httpwire.wire import grammar
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
_BASE64 = re.compile(r"[A-Za-z0-9+/]+")
_BASE32 = dict(
    zip(
        b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567abcdefghijklmnopqrstuvwxyz",
        b"0123456789abcdefghijklmnopqrstuv0123456789abcdefghijklmnop",
        strict=True,
    )
)
#: For each octet what int() is to read in its place: a digit of base 32, or what is none.
_DIGITS = bytes(_BASE32.get(octet, ord("?")) for octet in range(256))
_URL_SAFE = str.maketrans("-_", "+/")
_CHUNKED = re.compile(rb"\ntransfer-encoding[ \t]*:[^\n]*chunked", re.IGNORECASE)


def _expected(text: str) -> tuple[_Hash | None, str]:
    """The hash that a digest is of, before anything has come, and how it is written. None where the algorithm is not
    known here."""
    name, _, written = text.partition(":")
    made = _ALGORITHMS.get(name) or _ALGORITHMS.get(name.strip().lower().replace("-", ""))
    return made() if made else None, written.strip().rstrip("=")


def _agrees(hashed: _Hash, text: str) -> bool:
    """Whether `text` stands for what `hashed` gives; its length tells how it is written. Written in no known way it
    says nothing."""
    digest = hashed.digest()
    size, length = len(digest), len(text)
    bits = size * 8
    if length == -(-bits // 5):
        try:
            return int(text.encode("latin-1", "replace").translate(_DIGITS), 32) >> length * 5 - bits == int.from_bytes(
                digest, "big"
            )
        except ValueError:
            pass
    if length == size * 2 and _HEX.fullmatch(text):
        return bytes.fromhex(text) == digest
    text = text.translate(_URL_SAFE)
    if length == -(-bits // 6) and _BASE64.fullmatch(text):
        return b64decode(text + "=" * (-length % 4)) == digest
    return True


class Check:
    """The digests of one record, as its header writes them, empty where there is none. `feed` its octets in order, the
    first piece with the whole HTTP header; `passed` tells whether nothing contradicts them."""

    __slots__ = ("_begun", "_block", "_block_text", "_payload", "_payload_text", "_unchunked")

    def __init__(self, block: str, payload: str) -> None:
        self._block, self._block_text = _expected(block)
        self._payload, self._payload_text = _expected(payload)
        self._unchunked: _Unchunked | None = None
        self._begun = False

    def feed(self, octets: bytes) -> None:
        if self._block:
            self._block.update(octets)
        payload = self._payload
        if not payload:
            return
        start = 0
        if not self._begun:
            self._begun = True
            end = grammar.HEAD_END.search(octets)
            if not end:
                self._payload = None  # so large a header, or none: what the payload is, is anyone's guess
                return
            start = end.end()
            if _CHUNKED.search(octets, 0, start):
                self._unchunked = _Unchunked(payload.copy())
        view = memoryview(octets)[start:]
        payload.update(view)
        if self._unchunked:
            self._unchunked.feed(view)

    @property
    def passed(self) -> bool:
        if self._block and not _agrees(self._block, self._block_text):
            return False
        payload, text = self._payload, self._payload_text
        if not payload or not self._begun or _agrees(payload, text):
            return True
        return self._unchunked is not None and _agrees(self._unchunked.hash, text)


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
