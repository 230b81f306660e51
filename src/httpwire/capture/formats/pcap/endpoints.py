"""Which addresses and ports the connections of a written packet capture have.

In: the addresses that were recorded, and whether Wireshark would see by the first octets that it is HTTP. Out: two
Endpoints for each connection, no two connections with the same pair, and what had to be invented or changed:
addresses that are not known or not IP's (made of RFC 5737, RFC 3849 and RFC 2544, which nobody has), and ports
at which Wireshark would not read HTTP, or which an earlier connection had between the same addresses.
"""

from __future__ import annotations

import re
from functools import lru_cache
from ipaddress import ip_address

from httpwire.capture.toll import Cost
from httpwire.language import N_
from httpwire.wire.record import Record, at

TYPE_CHECKING = False
if TYPE_CHECKING:
    from httpwire.capture.toll import Toll
    from httpwire.capture.traffic import ConnectionFacts

INVENTED = Cost("pcap-addresses", N_("addresses of client or server, which are not known or are not IP's"))
CHANGED = Cost(
    "pcap-ports", N_("ports, changed so that Wireshark reads HTTP there and takes no two connections for one")
)

#: Where Wireshark reads HTTP whatever comes; elsewhere it goes by the first octets.
_HTTP_PORTS = frozenset((80, 3128, 5985, 8080, 8088, 11371))
_HTTP_PORT = 80
_OTHERS = """
7 13 19-23 25 37 42-43 49 53 70 79 88 102 110-111 119 123 139 143 161-162 179 210 323 389 427 443 445 464 500 512-515
524 547-548 554 564 587 631 639 647 674 705 854 862 873 925 988 1080 1090 1099 1102 1153 1194 1213 1433 1533 1547 1723
1755 1861 1863 1883 1935 2099 2123 2126 2152 2234 2240 2269 2321-2322 2345 2401 2404 2433 2501-2502 2571 2575 2600 2812
2944-2945 3014 3016-3019 3245-3248 3268 3288 3306 3357 3369 3452 3478 3632 3671 3724 3804 3860 3863 3868 3918 4002 4155
4189 4223 4342 4420 4551 4555-4556 4712 4730 4739 4788 4840 4880 5010 5060 5084 5222 5253 5353 5432 5445 5500-5501 5534
5672 5683 5701 5900-5901 5997 6000-6063 6068 6084 6121 6160 6346 6379 6417 6653 6667-6668 6881-6889 7000 7075 7171-7172
7236 7275-7276 7871 7911 8009 8023 8074 8085 8554 8567 9009 9092 9300 9418 9956 10288 11211 13400 14001 15740 17500
17755-17756 19006 19042-19043 19506 19543 21064 22222 24800 29418 34980 44321-44322 44818 48049 48898 57000
"""
_HOST_PORT = re.compile(r"(?:\[([0-9A-Fa-f:.]+)(?:%[^\]]*)?\]|([0-9.]+)):([0-9]{1,5})")
_TARGET_PORT = re.compile(r"\Ahttp://[^/?#]*?:([0-9]{1,5})(?:[/?#]|\Z)", re.IGNORECASE)
_LAST = 65535
_FIRST, _PORTS = 50000, 7000  # that invented clients have: none of the OTHERS is among them
_UNUSED = 61000  # above what Linux gives out
_CLIENTS, _MORE_CLIENTS, _SERVER_V4 = (ip_address(text) for text in ("192.0.2.1", "198.18.0.0", "203.0.113.1"))
_CLIENTS_V6, _SERVER_V6 = ip_address("2001:db8::1:0"), ip_address("2001:db8::1")
_HOSTS = 254


def _taken(table: str) -> frozenset[int]:
    spans = (span.partition("-") for span in table.split())
    return frozenset(port for first, _, last in spans for port in range(int(first), int(last or first) + 1))


#: Ports at which Wireshark 4.0 reads something else in HTTP, or warns of it: each port was tried.
OTHERS = _taken(_OTHERS)


@lru_cache(1024)
def _packed(address: str) -> bytes:
    return ip_address(address).packed


class Endpoint(Record):
    """An `address` of IP (4 or 16 octets) and a `port`."""

    __slots__ = ()
    FIELDS = ("address", "port")
    address: bytes = at(0)
    port: int = at(1)

    def __new__(cls, address: bytes, port: int) -> Endpoint:
        return tuple.__new__(cls, (address, port))

    @classmethod
    def of(cls, text: str) -> Endpoint | None:
        """The endpoint that "127.0.0.1:80" or "[::1]:80" names; None for anything else."""
        found = _HOST_PORT.fullmatch(text)
        if not found:
            return None
        try:
            address = _packed(found[1] or found[2])
        except ValueError:
            return None
        port = int(found[3])
        return cls(address, port) if 0 < port <= _LAST else None


class Endpoints:
    """Finds them for one connection after the other; counts what it costs on `toll`."""

    def __init__(self, toll: Toll) -> None:
        self._toll = toll
        self._pairs: set[int] = set()  # hashes: the pairs themselves take three times as much
        self._invented = 0
        self._moved = 0

    def choose(self, facts: ConnectionFacts, *, plain: bool) -> tuple[Endpoint, Endpoint]:
        """Those of client and server. `plain`: the first octets show that it is HTTP."""
        client, server = Endpoint.of(facts.client), Endpoint.of(facts.server)
        if client and server and len(client.address) != len(server.address):
            client = None
        for end in (client, server):
            if not end:
                self._toll.rebuild(INVENTED)
        known = server or client
        v4 = not known or len(known.address) == 4
        if not server:
            asked = _TARGET_PORT.match(facts.target)
            port = int(asked[1]) if asked else _HTTP_PORT
            address = _SERVER_V4 if v4 else _SERVER_V6
            server = Endpoint(address.packed, port if 0 < port <= _LAST else _HTTP_PORT)
        recorded = client, server
        if server.port not in _HTTP_PORTS and (server.port in OTHERS or not plain):
            server = server.replace(port=_HTTP_PORT)
        if client is None:
            client = self._invent(v4=v4)
        elif client.port in OTHERS and not (server.port in _HTTP_PORTS and server.port < client.port):
            client = self._move(client)
        while not self._take(client, server):
            client = self._move(client) if recorded[0] and self._moved <= 0xFFFF else self._invent(v4=v4)
        if server != recorded[1] or recorded[0] not in (None, client):
            self._toll.rebuild(CHANGED)
        return client, server

    def _take(self, client: Endpoint, server: Endpoint) -> bool:
        """Whether no connection was between the two yet; now there is one."""
        pair = hash((min(client, server), max(client, server)))
        if client == server or pair in self._pairs:
            return False
        self._pairs.add(pair)
        return True

    def _move(self, client: Endpoint) -> Endpoint:
        self._moved += 1
        return client.replace(port=_UNUSED + self._moved % (_LAST - _UNUSED + 1))

    def _invent(self, *, v4: bool) -> Endpoint:
        number = self._invented
        self._invented += 1
        host, port = divmod(number, _PORTS)
        first = _CLIENTS_V6 if not v4 else _CLIENTS if host < _HOSTS else _MORE_CLIENTS
        return Endpoint((first + host).packed, _FIRST + port)
