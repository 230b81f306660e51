"""Octets as they lie: hexadecimal rows, and the list of elements.

In: elements that tile the octets, and where these are. Out: rows as (offset, octets, what they
are), one by one, so that what is in memory is one row, however large the file.
"""

from __future__ import annotations

from httpwire.views.text import visible

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from httpwire.capture.raw import Outgoing
    from httpwire.wire.element import Element

_WIDTH = 16
_HALF = _WIDTH // 2
_PRINTABLE = bytes(octet if 0x20 <= octet < 0x7F else 0x2E for octet in range(256))
_SHOWN = 60  # octets of an element in the list


def hex_rows(start: int, octets: bytes, *, narrow: bool = False) -> Iterator[tuple[int, str]]:
    """Rows of up to 16 of `octets` (8, if `narrow`), the first of which has the offset `start`: its offset,
    hexadecimal and text."""
    width = _HALF if narrow else _WIDTH
    for position in range(0, len(octets), width):
        row = octets[position : position + width]
        left = f"{row[:_HALF].hex(' '):23}  "
        right = "" if narrow else f"{row[_HALF:].hex(' '):23}  "
        yield start + position, left + right + row.translate(_PRINTABLE).decode("ascii")


def hex_dump(
    elements: Iterable[Element], source: Outgoing, *, narrow: bool = False
) -> Iterator[tuple[int, str, Element]]:
    """Every octet, in rows that belong to one element each. Raises RecordingUnreadable."""
    window = _Window(source)
    for element in elements:
        for start, octets in window.blocks(element.start, element.stop):
            for offset, row in hex_rows(start, octets, narrow=narrow):
                yield offset, row, element


def element_rows(elements: Iterable[Element], source: Outgoing) -> Iterator[tuple[Element, str]]:
    """Each element with its octets on one line, long ones shortened. Raises RecordingUnreadable."""
    window = _Window(source)
    for element in elements:
        octets = b"".join(piece for _, piece in window.blocks(element.start, min(element.stop, element.start + _SHOWN)))
        more = "..." if element.stop - element.start > _SHOWN else ""
        yield element, f'"{visible(octets)}{more}"'


class _Window:
    """The octets around where the reading is: a small element does not cost a read of its own."""

    def __init__(self, source: Outgoing) -> None:
        self._source = source
        self._start = 0
        self._octets = b""

    def blocks(self, start: int, stop: int) -> Iterator[tuple[int, bytes]]:
        """The octets from `start` up to `stop`, in blocks whose size is a multiple of a row's but for the last."""
        while start < stop:
            inside = start - self._start
            if not 0 <= inside < len(self._octets) or (stop - start > _WIDTH > len(self._octets) - inside):
                self._start, inside = start, 0
                self._octets = self._source.read(start, start + (64 << 10))
            block = self._octets[inside : inside + stop - start]
            if start + len(block) < stop:
                block = block[: len(block) // _WIDTH * _WIDTH or len(block)]
            yield start, block
            start += len(block)
