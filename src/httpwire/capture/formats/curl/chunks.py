"""Content in chunks, as curl's upload buffer makes them.

In: Octets. Out: Octets, in the chunked coding (RFC 9112 7.1).
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from httpwire.capture.formats.curl.octets import Octets

SMALL = 64 << 10  # octets of content that are sent as one chunk, with the head
_CHUNK = SMALL - 12


class Chunked:
    """Octets in chunks, as large as curl's buffer lets them be."""

    def __init__(self, content: Octets) -> None:
        self._content = content
        self.size = content.size  #: without what chunks add to it

    def blocks(self) -> Iterator[bytes]:
        size = self._content.size
        step = size if size < SMALL else _CHUNK
        held = b""
        for block in self._content.blocks():
            held += block
            while held and len(held) >= step:
                yield b"%x\r\n%s\r\n" % (step, held[:step])
                held = held[step:]
        if held:
            yield b"%x\r\n%s\r\n" % (len(held), held)
        yield b"0\r\n\r\n"
