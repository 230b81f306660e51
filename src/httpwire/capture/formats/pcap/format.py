"""Packet captures: pcap and pcapng, as tcpdump, Wireshark and others write them.

In: a Source. Out: the HTTP/1.x connections in it, with each payload as it came; what is encrypted is decrypted by
tshark where that and the keys are there. Everything else is counted by kind.
"""

from __future__ import annotations

from httpwire.capture.formats.pcap.decryption import Keys, decrypt
from httpwire.capture.formats.pcap.flows import NAME
from httpwire.capture.formats.pcap.packets import GZIP, MAGICS, SECTION, Packets
from httpwire.capture.formats.pcap.streams import Streams
from httpwire.capture.formats.pcap.writing import write
from httpwire.errors import RecordingBroken

TYPE_CHECKING = False
if TYPE_CHECKING:
    from httpwire.capture.source import Source
    from httpwire.capture.toll import Toll
    from httpwire.capture.traffic import Sink

__all__ = ["ENDINGS", "NAME", "read", "recognises", "write"]

ENDINGS = (".pcap", ".pcapng", ".cap", ".pcap.gz", ".pcapng.gz", ".cap.gz")


def recognises(first: bytes) -> bool:
    """Whether a file that begins so is a packet capture, plain or in gzip."""
    if first.startswith(GZIP):
        import zlib

        try:
            first = zlib.decompressobj(31).decompress(first, 4)
        except zlib.error:
            return False
    return first[:4] in MAGICS or first[:4] == SECTION


def read(source: Source, sink: Sink, toll: Toll, *, keylog: str = "") -> None:
    """Give the connections in `source` to `sink`. `keylog` is the path of an NSS key log, beside what the capture has.

    Raises RecordingUnreadable, RecordingBroken (when all before the fault was given), SaveFailed."""
    keys = Keys(keylog)
    packets = Packets(source, toll)
    streams = Streams(sink, toll)
    streams.book.secrets = lambda: packets.secrets
    broken: RecordingBroken | None = None
    try:
        streams.take(packets)
    except RecordingBroken as error:
        broken = error
    streams.finish()
    keys.add(packets.secrets)
    decrypt(source.path, keylog, keys, streams.book)
    if broken:
        raise broken
