"""The packets of a capture file: pcap (libpcap's own, in all its variants) and pcapng, plain or in gzip.

In: a Source. Out: packets in the order of the file, as stretches of the block that was read: nothing is copied.
A fault in the structure raises RecordingBroken at the offset where the record begins; what was given before is
whole. (pcap: draft-ietf-opsawg-pcap; pcapng: draft-ietf-opsawg-pcapng.)
"""

from __future__ import annotations

from struct import Struct

from httpwire.capture.source import Unpacked
from httpwire.capture.toll import Cost, Toll
from httpwire.errors import RecordingUnreadable
from httpwire.language import N_

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from httpwire.capture.source import Source
    from httpwire.errors import RecordingBroken

    #: When (ns since 1970), link type, a block of octets, where in it the packet begins and ends, and its length on the
    #: wire
    Packet = tuple[int, int, bytes, int, int, int]

NO_TIMES = Cost("packet-times", N_("the times of packets (the capture has none)"))
NO_INTERFACE = Cost("interfaces", N_("packets of an interface that the capture does not describe"))

GZIP = b"\x1f\x8b"
#: The first four octets of a pcap file: byte order, ns of a fraction's unit, octets of a record's header.
MAGICS = {
    b"\xd4\xc3\xb2\xa1": ("<", 1000, 16),
    b"\xa1\xb2\xc3\xd4": (">", 1000, 16),
    b"\x4d\x3c\xb2\xa1": ("<", 1, 16),
    b"\xa1\xb2\x3c\x4d": (">", 1, 16),
    b"\x34\xcd\xb2\xa1": ("<", 1000, 24),  # Kuznetzov's: each record tells its interface, too
    b"\xa1\xb2\xcd\x34": (">", 1000, 24),
}
SECTION = b"\x0a\x0d\x0d\x0a"  # reads the same in both byte orders
_ORDERS = {b"\x4d\x3c\x2b\x1a": "<", b"\x1a\x2b\x3c\x4d": ">"}

_BLOCK = 1 << 20
_USUAL = 262_144  # what tcpdump takes of a packet at most
_LONGEST = 16 << 20  # octets of a packet, or of a block whose content is read
_LATEST = 1 << 62  # ns since 1970; what is later is no time
_INTERFACE, _OLD, _SIMPLE, _PACKET, _SECRETS = 1, 2, 3, 6, 10  # types of blocks
#: Type and length of a block; of a packet's: interface, time (two halves), lengths here and on the wire; all of these.
_WORDS = ("II", "IIIII", "IIIIIII")
_TLS_KEYS = 0x544C534B
_COMMENT, _APPLICATION = 1, 4  # options of any block, of a section
_RESOLUTION, _SHIFT = 9, 14  # options of an interface
REMARK = b"httpwire: "
_MOST_SECRETS = 16 << 20  # octets of keys that are held

_ENDS = N_("it ends in the middle of a record")
_TOO_LONG = N_("a packet's length is impossible")
_BAD_BLOCK = N_("a block's length is impossible")


class Octets:
    """The octets of `source`, unpacked where they are in gzip: `data` from `at` on, and what `more` brings."""

    def __init__(self, source: Source) -> None:
        self.data = b""
        self.base = 0  # how many octets were before `data`
        self._file = source
        self._source = Unpacked(source) if source.peek(2) == GZIP else source

    def more(self, at: int, count: int) -> bool:
        """Have `count` octets from `at` on, which becomes 0; tells whether there are as many.

        Raises RecordingUnreadable, RecordingBroken."""
        rest = self.data[at:]
        self.base += at
        pieces, size = [rest], len(rest)
        while size < count:
            piece = self._read()
            if not piece:
                break
            pieces.append(piece)
            size += len(piece)
        self.data = b"".join(pieces)
        return size >= count

    def pass_over(self, at: int, count: int) -> bool:
        """Have nothing, and be `count` octets behind `at`; tells whether there are as many."""
        while count > len(self.data) - at:
            count -= len(self.data) - at
            if not self.more(len(self.data), 1):
                return False
            at = 0
        self.base += at + count
        self.data = self.data[at + count :]
        return True

    def broken(self, at: int, why: str) -> RecordingBroken:
        """The error for a fault at `at`; of a file in gzip, where the file was read to."""
        return self._file.broken(why, self.base + at if self._source is self._file else None)

    def _read(self) -> bytes:
        data = self._source.read(_BLOCK)
        if not data and self._source.fault:
            raise self._source.fault
        return data


class Packets:
    """Iterates over the packets of `source`. `secrets` are the lines of key logs that were in it so far; `ours` tells
    that httpwire wrote the section, and `remark` is what it says of the packet that was given last (see writing)."""

    def __init__(self, source: Source, toll: Toll) -> None:
        self.secrets = b""
        self.ours = False
        self.remark = b""
        self._source = source
        self._toll = toll

    def __iter__(self) -> Iterator[Packet]:
        """Raises RecordingUnreadable, RecordingBroken."""
        octets = Octets(self._source)
        octets.more(0, 4)
        magic = octets.data[:4]
        if magic in MAGICS:
            return self._pcap(octets, *MAGICS[magic])
        if magic == SECTION:
            return self._pcapng(octets)
        raise RecordingUnreadable(path=self._source.name, why=N_("it is no packet capture"), errno=None)

    def _pcap(self, octets: Octets, order: str, unit: int, size: int) -> Iterator[Packet]:
        if not octets.more(0, 24):
            raise octets.broken(0, _ENDS)
        _, _, snap, link = Struct(order + "HHxxxxxxxxII").unpack_from(octets.data, 4)
        link &= 0xFFFF  # the other bits tell of frame check sequences, behind what IP counts
        most = max(snap, _USUAL) if 0 < snap <= _LONGEST else _LONGEST
        header = Struct(order + "IIII").unpack_from
        data, at = octets.data, 24
        have = len(data)
        while True:
            start = at + size
            if start > have:
                whole = octets.more(at, size)
                data, at = octets.data, 0
                have, start = len(data), size
                if not data:
                    return
                if not whole:
                    raise octets.broken(0, _ENDS)
            seconds, fraction, caught, length = header(data, at)
            stop = start + caught
            if stop > have:
                if caught > most:
                    raise octets.broken(at, _TOO_LONG)
                if not octets.more(at, size + caught):
                    raise octets.broken(0, _ENDS)
                data, start = octets.data, size
                have, stop = len(data), size + caught
            elif caught > most:
                raise octets.broken(at, _TOO_LONG)
            yield seconds * 1_000_000_000 + fraction * unit, link, data, start, stop, length
            at = stop

    def _pcapng(self, octets: Octets) -> Iterator[Packet]:
        order = "<"
        interfaces: list[_Interface] = []
        head, packet, block = (Struct(order + words).unpack_from for words in _WORDS)
        data, at, last = octets.data, 0, 0
        have = len(data)
        while True:
            if at + 32 <= have:
                # Nearly all blocks are packets that are here as a whole, and have no options that we wrote.
                kind, length, number, high, low, caught, size = block(data, at)
                stop = at + length
                if (
                    kind == _PACKET
                    and stop <= have
                    and 0 <= length - 32 - caught < (4 if self.ours else length)
                    and not length % 4
                    and number < len(interfaces)
                    and data[stop - 4 : stop] == data[at + 4 : at + 8]
                ):
                    self.remark = b""
                    interface = interfaces[number]
                    last = interface.time(high << 32 | low)
                    start = at + 28
                    at = stop
                    yield last, interface.link, data, start, start + caught, size
                    continue
            elif at + 12 > len(data):
                whole = octets.more(at, 12)
                data, at = octets.data, 0
                have = len(data)
                if not data:
                    return
                if not whole:
                    raise octets.broken(0, _ENDS)
            if data[at : at + 4] == SECTION:
                order = _ORDERS.get(data[at + 8 : at + 12], "")
                if not order:
                    raise octets.broken(at, N_("the byte order of a section can't be told"))
                head, packet, block = (Struct(order + words).unpack_from for words in _WORDS)
                interfaces = []
                self.ours = False
            kind, length = head(data, at)
            if length < 12 or length % 4:
                raise octets.broken(at, _BAD_BLOCK)
            stop = at + length
            if stop > len(data):
                if length > _LONGEST + 1024:
                    if kind in (_INTERFACE, _OLD, _SIMPLE, _PACKET):
                        raise octets.broken(at, _BAD_BLOCK)
                    begun = octets.base + at
                    if not octets.pass_over(at, length):
                        raise self._source.broken(_ENDS, begun)
                    data, at = octets.data, 0
                    have = len(data)
                    continue
                if not octets.more(at, length):
                    raise octets.broken(0, _ENDS)
                data, at, stop = octets.data, 0, length
                have = len(data)
            if data[stop - 4 : stop] != data[at + 4 : at + 8]:
                raise octets.broken(at, N_("the two lengths of a block differ"))
            if kind in (_PACKET, _OLD):
                if length < 32:
                    raise octets.broken(at, _BAD_BLOCK)
                number, high, low, caught, size = packet(data, at + 8)
                if caught > length - 32:
                    raise octets.broken(at, _TOO_LONG)
                if kind == _OLD:
                    number = number >> 16 if order == ">" else number & 0xFFFF  # the rest counts dropped packets
                self.remark = _remark(order, data, at + 28 + caught + -caught % 4, stop - 4) if self.ours else b""
                if number < len(interfaces):
                    interface = interfaces[number]
                    last = interface.time(high << 32 | low)
                    yield last, interface.link, data, at + 28, at + 28 + caught, size
                else:
                    self._toll.skip(NO_INTERFACE)
            elif kind == _SIMPLE:
                if length < 16:
                    raise octets.broken(at, _BAD_BLOCK)
                size = head(data, at + 8)[0]
                if interfaces:
                    self._toll.lose(NO_TIMES)
                    caught = min(size, length - 16, interfaces[0].snap or size)
                    yield last, interfaces[0].link, data, at + 12, at + 12 + caught, size
                else:
                    self._toll.skip(NO_INTERFACE)
            elif kind == _INTERFACE:
                if length < 20:
                    raise octets.broken(at, _BAD_BLOCK)
                interfaces.append(_Interface(order, data[at + 8 : stop - 4]))
            elif kind == _SECRETS and length >= 20:
                what, size = head(data, at + 8)
                if what == _TLS_KEYS and len(self.secrets) < _MOST_SECRETS:
                    self.secrets += data[at + 16 : min(at + 16 + size, stop - 4)] + b"\n"
            elif data[at : at + 4] == SECTION:
                self.ours = dict(_options(order, data, at + 24, stop - 4)).get(_APPLICATION) == b"httpwire"
            at = stop


def _options(order: str, data: bytes, at: int, stop: int) -> Iterator[tuple[int, bytes]]:
    """The options of a block, each with its code."""
    option = Struct(order + "HH").unpack_from
    while at + 4 <= stop:
        code, size = option(data, at)
        if code == 0:
            return
        yield code, data[at + 4 : min(at + 4 + size, stop)]
        at += 4 + size + -size % 4


def _remark(order: str, data: bytes, at: int, stop: int) -> bytes:
    """What httpwire says of a packet whose options are there."""
    for code, value in _options(order, data, at, stop) if at < stop else ():
        if code == _COMMENT and value.startswith(REMARK):
            return value[len(REMARK) :]
    return b""


class _Interface:
    """What an Interface Description Block says: `link`, `snap` (octets taken of a packet, 0: all)."""

    def __init__(self, order: str, block: bytes) -> None:
        self.link, self.snap = Struct(order + "HxxI").unpack_from(block)
        self._factor, self._divisor, self._offset = 1000, 1, 0
        for code, value in _options(order, block, 8, len(block)):
            if code == _RESOLUTION and value:
                self._resolve(value[0])
            elif code == _SHIFT and len(value) == 8:
                self._offset = Struct(order + "q").unpack(value)[0] * 1_000_000_000

    def _resolve(self, resolution: int) -> None:
        """The unit of time: 10 to the power of minus `resolution` seconds; of 2, where the first bit is set."""
        if resolution & 0x80:
            self._factor, self._divisor = 1_000_000_000, 1 << (resolution & 0x7F)
        elif resolution <= 9:
            self._factor, self._divisor = int(10 ** (9 - resolution)), 1
        else:
            self._factor, self._divisor = 1, int(10 ** (resolution - 9))

    def time(self, units: int) -> int:
        """ns since 1970."""
        moment = units * self._factor // self._divisor + self._offset
        return moment if 0 <= moment < _LATEST else 0 if moment < 0 else _LATEST
