"""Link layers: where in a packet IP begins.

In: a link type (LINKTYPE_ of tcpdump.org) and a packet. Out: the offset of the IPv4 or IPv6 header, or -1 where
it carries something else, or -2 where its link type is not known here. Whether it is IPv4 or IPv6 is in its first
four bits.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

ETHERNET = 1
NO_IP, UNKNOWN = -1, -2

IPV4, _IPV6 = b"\x08\x00", b"\x86\xdd"
_VLAN = (b"\x81\x00", b"\x88\xa8", b"\x91\x00", b"\x92\x00")  # 802.1Q, 802.1ad, and what was used before it
_PPPOE = b"\x88\x64"
_PPP = (b"\x00\x21", b"\x00\x57")
_SNAP = b"\xaa\xaa\x03\x00\x00\x00"  # RFC 1042


def ip_offset(link: int, data: bytes, start: int, stop: int) -> int:
    """Where IP begins in `data[start:stop]`; NO_IP, UNKNOWN."""
    reader = _LINKS.get(link)
    if reader is None:
        return UNKNOWN
    at = reader(data, start)
    return at if 0 <= at < stop and data[at] >> 4 in (4, 6) else NO_IP


def _behind_type(data: bytes, at: int) -> int:
    """Where IP begins, behind the EtherType at `at` and all tags."""
    for _ in range(8):  # tags are two at most; more than a few are an attack
        kind = data[at : at + 2]
        if kind in (IPV4, _IPV6):
            return at + 2
        if kind == _PPPOE:
            return _ppp(data, at + 8)
        if kind not in _VLAN:
            break
        at += 4
    if len(kind) == 2 and kind < b"\x06\x00" and data[at + 2 : at + 8] == _SNAP:
        return at + 10 if data[at + 8 : at + 10] in (IPV4, _IPV6) else NO_IP
    return NO_IP


def _ethernet(data: bytes, start: int) -> int:
    return _behind_type(data, start + 12)


def _raw(_: bytes, start: int) -> int:
    return start


def _loopback(_: bytes, start: int) -> int:
    return start + 4  # the address family's number differs among systems; the version is in IP's own header


def _cooked(data: bytes, start: int) -> int:
    return _behind_type(data, start + 14)


def _cooked_2(data: bytes, start: int) -> int:
    kind = data[start : start + 2]
    if kind in _VLAN:
        return _behind_type(data, start + 22)
    return start + 20 if kind in (IPV4, _IPV6) else NO_IP


def _ppp(data: bytes, start: int) -> int:
    if data[start : start + 2] in (b"\xff\x03", b"\x0f\x00", b"\x8f\x00"):  # RFC 1662's address and control; Cisco's
        start += 2
        if data[start : start + 2] in (IPV4, _IPV6):
            return start + 2
    return start + 2 if data[start : start + 2] in _PPP else NO_IP


def _ppp_ether(data: bytes, start: int) -> int:
    return _ppp(data, start + 6)


_LINKS: dict[int, Callable[[bytes, int], int]] = {
    0: _loopback,  # NULL
    ETHERNET: _ethernet,
    9: _ppp,
    12: _raw,
    14: _raw,
    50: _ppp,
    51: _ppp_ether,
    101: _raw,
    104: _ppp,  # Cisco HDLC
    108: _loopback,
    113: _cooked,
    228: _raw,
    229: _raw,
    276: _cooked_2,
}
#: Those that have nothing before the IP header.
RAW = frozenset(link for link, reader in _LINKS.items() if reader is _raw)
