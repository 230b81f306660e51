"""Content codings taken off, and put on again: gzip, deflate, br, zstd.

In: coded octets in blocks, and the coding's name. Out: decoded octets in blocks of bounded
size, made only as they are asked for, so that a decompression bomb costs what is looked at
and no more. CodingBroken tells where the octets stop making sense; what came before stands.
What is put on is the same each time, and quick rather than small.
"""

from __future__ import annotations

from itertools import chain

from httpwire.language import N_

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

_ROOM = 64 << 10  # octets that one step may make
_WINDOW = 128 << 20  # the largest of zstd that is decoded: RFC 9659 asks for 8 MiB at most


class CodingBroken(Exception):
    """The octets are not what the `coding`'s name says; `why` is a message id. Never leaves what reads them."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why
        self.coding = ""  # told by whoever knows it


_BROKEN = N_("the data is damaged")
_CUT = N_("the data ends before its end")
_MORE = N_("other bytes follow its end")


def decoded(coding: bytes, blocks: Iterable[bytes]) -> Iterator[bytes] | None:
    """`blocks` with the content coding `coding` (its name in lower case) taken off, or None where it is not known here.

    Raises CodingBroken on the way.
    """
    decoder = _DECODERS.get(coding)
    return decoder(blocks) if decoder else None


def _gzip(blocks: Iterable[bytes]) -> Iterator[bytes]:
    """RFC 1952: any number of members."""
    return _zlib(blocks, 31, members=True)


def _deflate(blocks: Iterable[bytes]) -> Iterator[bytes]:
    """RFC 9110 8.4.1.2: the zlib format, and the bare one that some servers send in its place."""
    pending = iter(blocks)
    start = b""
    for block in pending:
        start += block
        if len(start) >= 2:
            break
    zlib_format = len(start) >= 2 and start[0] & 0x0F == 8 and int.from_bytes(start[:2], "big") % 31 == 0
    return _zlib(chain((start,), pending), 15 if zlib_format else -15, members=False)


def _zlib(blocks: Iterable[bytes], bits: int, *, members: bool) -> Iterator[bytes]:
    import zlib

    decoder = zlib.decompressobj(bits)
    begun = False
    for block in blocks:
        begun = begun or bool(block)
        rest, made = block, b""
        while rest or len(made) == _ROOM:  # a full step may have left something in the decoder
            if decoder.eof:
                if not members or not rest.startswith(b"\x1f"):
                    raise CodingBroken(_MORE)
                decoder = zlib.decompressobj(bits)
            try:
                made = decoder.decompress(rest, _ROOM)
            except zlib.error as error:
                raise CodingBroken(_BROKEN) from error
            if made:
                yield made
            rest = decoder.unused_data if decoder.eof else decoder.unconsumed_tail
            if decoder.eof:
                made = b""
    if begun and not decoder.eof:
        raise CodingBroken(_CUT)


def _brotli(blocks: Iterable[bytes]) -> Iterator[bytes]:
    """RFC 7932."""
    import brotli

    decoder = brotli.Decompressor()
    begun = False
    try:
        for block in blocks:
            if decoder.is_finished() and block:
                raise CodingBroken(_MORE)
            begun = begun or bool(block)
            made = decoder.process(block, output_buffer_limit=_ROOM)
            while made or not decoder.can_accept_more_data():
                if made:
                    yield made
                made = decoder.process(b"", output_buffer_limit=_ROOM) if not decoder.is_finished() else b""
                if decoder.is_finished() and not made:
                    break
    except brotli.error as error:
        raise CodingBroken(_BROKEN) from error
    if begun and not decoder.is_finished():
        raise CodingBroken(_CUT)


def _zstd(blocks: Iterable[bytes]) -> Iterator[bytes]:
    """RFC 8878: any number of frames."""
    import zstandard

    frames = zstandard.ZstdDecompressor(max_window_size=_WINDOW)
    decoder = frames.decompressobj()
    begun = False
    try:
        for piece in _sliced(blocks):
            rest = piece
            while rest:
                decoder = frames.decompressobj() if decoder.eof else decoder
                begun = True
                made = decoder.decompress(rest)
                if made:
                    yield made
                rest = decoder.unused_data if decoder.eof else b""
    except zstandard.ZstdError as error:
        raise CodingBroken(_BROKEN) from error
    if begun and not decoder.eof:
        raise CodingBroken(_CUT)


def _sliced(blocks: Iterable[bytes]) -> Iterator[bytes]:
    """`blocks` in slices of which zstd, with at most 128 KiB for each 4 octets, makes 32 MiB at the worst: what one
    step of this decoder makes can't be limited in another way."""
    for block in blocks:
        for start in range(0, len(block), 1024):
            yield block[start : start + 1024]


_DECODERS: dict[bytes, Callable[[Iterable[bytes]], Iterator[bytes]]] = {
    b"gzip": _gzip,
    b"x-gzip": _gzip,
    b"deflate": _deflate,
    b"br": _brotli,
    b"zstd": _zstd,
}


def coded(coding: bytes, data: bytes) -> bytes | None:
    """`data` with the content coding `coding` (its name in lower case) put on, or None where it is not known here."""
    coder = _CODERS.get(coding)
    return coder(data) if coder else None


def _put_gzip(data: bytes) -> bytes:
    return _put_zlib(data, 31)  # without a name and a time: zlib writes none


def _put_zlib(data: bytes, bits: int = 15) -> bytes:
    import zlib

    coder = zlib.compressobj(1, zlib.DEFLATED, bits)
    return coder.compress(data) + coder.flush()


def _put_brotli(data: bytes) -> bytes:
    import brotli

    made: bytes = brotli.compress(data, quality=1)
    return made


def _put_zstd(data: bytes) -> bytes:
    import zstandard

    return zstandard.ZstdCompressor(level=1).compress(data)


_CODERS: dict[bytes, Callable[[bytes], bytes]] = {
    b"gzip": _put_gzip,
    b"x-gzip": _put_gzip,
    b"deflate": _put_zlib,
    b"br": _put_brotli,
    b"zstd": _put_zstd,
}
