"""A capture that becomes packets, and is read from them again."""

from __future__ import annotations

import io
import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as some

from captures import BEGAN, capture_of, connections_of, exchanges_of
from httpwire.capture.formats.pcap import format as pcap
from httpwire.capture.model import TlsFacts
from httpwire.capture.source import Source
from httpwire.capture.store.capture import Capture
from httpwire.capture.store.writing import Appender
from httpwire.capture.toll import Toll
from httpwire.capture.traffic import ConnectionFacts

REQUEST = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class Kept:
    def __init__(self) -> None:
        self.octets = io.BytesIO()

    def write(self, data: bytes) -> None:
        self.octets.write(data)


def there_and_back(path: Path) -> Path:
    """The capture at `path`, written as packets and read from them."""
    packets, back = path.with_suffix(".pcapng"), path.with_suffix(".back.hwire")
    kept = Kept()
    with Capture(str(path)) as capture:
        capture.update()
        pcap.write(capture, capture.exchanges(), kept, Toll())
    packets.write_bytes(kept.octets.getvalue())
    with Source(str(packets)) as source, Appender(str(back)) as sink:
        pcap.read(source, sink, Toll())
    return back


def facts_of(path: Path) -> list[ConnectionFacts]:
    with Capture(str(path)) as capture:
        return [capture.facts(number) for number in capture.connections()]


_OCTETS = some.one_of(
    some.sampled_from([REQUEST, ANSWER, REQUEST * 2, ANSWER[:-1], b"\x16\x03\x01 no HTTP", b"PRI * HTTP/2.0\r\n\r\n"]),
    some.binary(min_size=1, max_size=300),
    some.integers(1, 140_000).map(lambda size: b"x" * size),
)


@given(exchanges=some.lists(some.tuples(_OCTETS, some.one_of(some.just(b""), _OCTETS)), max_size=5))
@settings(max_examples=60)
def test_octets_come_back(exchanges: list[tuple[bytes, bytes]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = capture_of(Path(folder, "a.hwire"), exchanges)
        back = there_and_back(path)
        assert connections_of(back) == connections_of(path)
        assert exchanges_of(back) == exchanges_of(path)


def test_what_packets_can_t_carry_comes_back(tmp_path: Path) -> None:
    random = "ab" * 32
    facts = ConnectionFacts(
        BEGAN,
        client="unix:",
        server="10.0.0.1:443",
        target="https://a b.example:443",
        tls=TlsFacts("TLSv1.3", "TLS_AES_128_GCM_SHA256", "http/1.1", verified=True),
        name="a.example",
        secrets=f"CLIENT_TRAFFIC_SECRET_0 {random} {'cd' * 32}\n".encode(),
        origin="har",
        reconstructed=("har-messages", "har-framing"),
    )
    path = capture_of(tmp_path / "a.hwire", [(REQUEST, ANSWER)], facts=facts)
    assert facts_of(there_and_back(path)) == facts_of(path)
