"""The catalogue says what Apache and nginx do with a request that deviates. Here they are asked.

Every deviation with a claim has requests that have this deviation and no other; each goes to both real servers, as
plain octets on a plain socket, and the answer is held against the claim.
"""

from __future__ import annotations

import re
import socket
from dataclasses import dataclass

import pytest

from httpwire.capture.raw import Outgoing
from httpwire.wire.deviations import CATALOGUE, Deviation, Reaction
from peers.site import PAGE, Site

_SILENCE = 1.0  # seconds without an answer that count as waiting
_FIELDS = b"Host: localhost\r\nConnection: close\r\n"
_GET = b"GET / HTTP/1.1\r\n" + _FIELDS
_POST = b"POST /say HTTP/1.1\r\n" + _FIELDS
_KEPT = b"POST /say HTTP/1.1\r\nHost: localhost\r\n"  # what follows is to be read: the connection stays open
_CHUNKED = b"Transfer-Encoding: chunked\r\n\r\n"
_STATUS = re.compile(rb"^HTTP/1\.[01] ([0-9]{3}) ", re.MULTILINE)


@dataclass(frozen=True)
class Answer:
    octets: bytes
    closed: bool

    @property
    def statuses(self) -> list[int]:
        return [int(status) for status in _STATUS.findall(self.octets) if int(status) >= 200]


def _get(line: bytes) -> bytes:
    return line + b"\r\n" + _FIELDS + b"\r\n"


# For each deviation, requests that have it: the octets, under a few words on what is special.
REQUESTS: dict[str, dict[str, bytes]] = {
    "byte-order-mark": {
        "UTF-8": b"\xef\xbb\xbf" + _GET + b"\r\n",
    },
    "tls-request": {
        "a ClientHello cut short": b"\x16\x03\x01\x00\x05\x01\x00\x00\x01\x03\r\n\r\n",
    },
    "http2-preface": {
        "alone": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        "with SETTINGS": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00",
    },
    "empty-line-before": {
        "CRLF": b"\r\n" + _GET + b"\r\n",
        "LF": b"\n" + _GET + b"\r\n",
        "twelve": b"\r\n" * 12 + _GET + b"\r\n",
    },
    "start-line-malformed": {
        "one word": _get(b"GET"),
        "binary": b"\x00\x01\x02garbage\r\n\r\n",
        "no version, but a second blank": _get(b"GET / HTTP"),
        "control octet in the target": _get(b"GET /\x01 HTTP/1.1"),
        "colon for a method": _get(b": / HTTP/1.1"),
        "version in small letters": _get(b"GET / http/1.1"),
        "version 1.10": _get(b"GET / HTTP/1.10"),
        "version 2": _get(b"GET / HTTP/2"),
    },
    "http09-request": {
        "one line": b"GET /\r\n",
        "and a blank line": b"GET /\r\n\r\n",
    },
    "start-line-blanks": {
        "two spaces after the method": _get(b"GET  / HTTP/1.1"),
        "two spaces after the target": _get(b"GET /  HTTP/1.1"),
        "tabs": _get(b"GET\t/\tHTTP/1.1"),
        "a space at the end": _get(b"GET / HTTP/1.1 "),
        "a space at the start": _get(b" GET / HTTP/1.1"),
        "a space in the target": _get(b"GET /a b HTTP/1.1"),
    },
    "target-octets": {
        "UTF-8": _get("GET /日本 HTTP/1.1".encode()),
    },
    "target-form": {
        "no slash": _get(b"GET index.html HTTP/1.1"),
        "a star": _get(b"GET *x HTTP/1.1"),
        "a query alone": _get(b"GET ?a=b HTTP/1.1"),
    },
    "target-fragment": {
        "after the path": _get(b"GET /#top HTTP/1.1"),
        "after a query": _get(b"GET /?a=b#top HTTP/1.1"),
    },
    "method-case": {
        "get": _get(b"get / HTTP/1.1"),
        "Get": _get(b"Get / HTTP/1.1"),
        "connect": _get(b"connect localhost:80 HTTP/1.1"),
        "post": b"post /say HTTP/1.1\r\n" + _FIELDS + b"Content-Length: 0\r\n\r\n",
    },
    "version-unsupported": {
        "2.0": _get(b"GET / HTTP/2.0"),
        "3.0": _get(b"GET / HTTP/3.0"),
        "9.9": _get(b"GET / HTTP/9.9"),
    },
    "target-percent": {
        "alone": _get(b"GET /% HTTP/1.1"),
        "with letters": _get(b"GET /%zz HTTP/1.1"),
        "cut short": _get(b"GET /a%2 HTTP/1.1"),
    },
    "bare-lf": {
        "all lines": b"GET / HTTP/1.1\nHost: localhost\nConnection: close\n\n",
        "the request line": b"GET / HTTP/1.1\n" + _FIELDS + b"\r\n",
        "one field line": _GET + b"A: b\n\r\n",
        "the blank line": _GET + b"\n",
    },
    "bare-cr": {
        "in a value": _GET + b"A: b\rc\r\n\r\n",
        "at the start of a value": _GET + b"A:\rb\r\n\r\n",
        "at the end of a value": _GET + b"A: b\r\r\n\r\n",
    },
    "nul-octet": {
        "in a value": _GET + b"A: b\x00c\r\n\r\n",
    },
    "control-octet": {
        "0x01": _GET + b"A: b\x01c\r\n\r\n",
        "0x1b": _GET + b"A: b\x1bc\r\n\r\n",
        "0x7f": _GET + b"A: b\x7fc\r\n\r\n",
    },
    "field-no-colon": {
        "a word": _GET + b"word\r\n\r\n",
    },
    "field-name-empty": {
        "a colon": _GET + b": value\r\n\r\n",
    },
    "field-name-octets": {
        "parentheses": _GET + b"A(b): c\r\n\r\n",
        "UTF-8": _GET + "名: c\r\n\r\n".encode(),
        "a blank inside": _GET + b"A b: c\r\n\r\n",
    },
    "space-before-colon": {
        "a space": _GET + b"A : b\r\n\r\n",
        "a tab": _GET + b"A\t: b\r\n\r\n",
    },
    "line-fold": {
        "by a space": _GET + b"A: b\r\n c\r\n\r\n",
        "by a tab": _GET + b"A: b\r\n\tc\r\n\r\n",
        "of Host": b"GET / HTTP/1.1\r\nHost:\r\n localhost\r\nConnection: close\r\n\r\n",
        "with nothing in it": _GET + b"A: b\r\n  \r\n\r\n",
    },
    "blank-before-field": {
        "a space": b"GET / HTTP/1.1\r\n A: b\r\n" + _FIELDS + b"\r\n",
        "a tab": b"GET / HTTP/1.1\r\n\tA: b\r\n" + _FIELDS + b"\r\n",
    },
    "host-missing": {
        "1.1": b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n",
    },
    "host-repeated": {
        "another": _GET + b"Host: other.test\r\n\r\n",
        "the same": _GET + b"Host: localhost\r\n\r\n",
    },
    "host-invalid": {
        "a blank inside": b"GET / HTTP/1.1\r\nHost: a b\r\nConnection: close\r\n\r\n",
        "a path": b"GET / HTTP/1.1\r\nHost: a/b\r\nConnection: close\r\n\r\n",
        "a URL": b"GET / HTTP/1.1\r\nHost: http://localhost\r\nConnection: close\r\n\r\n",
        "with a user": b"GET / HTTP/1.1\r\nHost: a@b\r\nConnection: close\r\n\r\n",
        "no number for a port": b"GET / HTTP/1.1\r\nHost: a:x\r\nConnection: close\r\n\r\n",
        "UTF-8": "GET / HTTP/1.1\r\nHost: 日本\r\nConnection: close\r\n\r\n".encode(),
    },
    "head-unterminated": {
        "after a field line": _GET,
        "inside a field line": _GET + b"Accept: text",
        "after the request line": b"GET / HTTP/1.1\r\n",
    },
    "content-short": {
        "two of five": _POST + b"Content-Length: 5\r\n\r\nab",
        "none": _POST + b"Content-Length: 5\r\n\r\n",
    },
    "content-long": {
        "a line too much": _KEPT + b"Content-Length: 5\r\n\r\nhello world\r\n",
        "a form": _KEPT + b"Content-Length: 1\r\n\r\na=b&c=d\r\n\r\n",
        "without a line end": _KEPT + b"Content-Length: 5\r\n\r\nhello world",
        "capitals without a line end": _KEPT + b"Content-Length: 5\r\n\r\nhelloWORLD",
    },
    "content-unannounced": {
        "a line": _KEPT + b"\r\nhello=world\r\n",
        "without a line end": _KEPT + b"\r\nhello=world",
        "JSON": _KEPT + b'\r\n{"a": 1}',
        "capitals without a line end": _KEPT + b"\r\nHELLO",
    },
    "bytes-after-chunks": {
        "a line": _KEPT + _CHUNKED + b"1\r\na\r\n0\r\n\r\nhello\r\n",
        "without a line end": _KEPT + _CHUNKED + b"1\r\na\r\n0\r\n\r\nhello",
        "capitals without a line end": _KEPT + _CHUNKED + b"1\r\na\r\n0\r\n\r\nHELLO",
    },
    "chunks-unterminated": {
        "no last chunk": _POST + _CHUNKED + b"1\r\na\r\n",
        "no blank line": _POST + _CHUNKED + b"1\r\na\r\n0\r\n",
        "inside a chunk": _POST + _CHUNKED + b"5\r\nab",
    },
    "length-and-coding": {
        "length first": _POST + b"Content-Length: 5\r\n" + _CHUNKED + b"0\r\n\r\n",
        "coding first": _POST + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
    },
    "length-repeated": {
        "two lines": _POST + b"Content-Length: 1\r\nContent-Length: 1\r\n\r\na",
        "a list": _POST + b"Content-Length: 1, 1\r\n\r\na",
    },
    "length-conflict": {
        "two lines": _POST + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\na",
        "a list": _POST + b"Content-Length: 1, 2\r\n\r\na",
    },
    "length-invalid": {
        "+1": _POST + b"Content-Length: +1\r\n\r\na",
        "-1": _POST + b"Content-Length: -1\r\n\r\na",
        "0x1": _POST + b"Content-Length: 0x1\r\n\r\na",
        "1_0": _POST + b"Content-Length: 1_0\r\n\r\n0123456789",
        "a word": _POST + b"Content-Length: one\r\n\r\na",
        "nothing": _POST + b"Content-Length:\r\n\r\na",
    },
    "length-too-large": {
        "2^63": _POST + b"Content-Length: 9223372036854775808\r\n\r\na",
        "23 digits": _POST + b"Content-Length: 99999999999999999999999\r\n\r\na",
    },
    "coding-invalid": {
        "quoted": _POST + b'Transfer-Encoding: "chunked"\r\n\r\n0\r\n\r\n',
        "two words": _POST + b"Transfer-Encoding: chunked chunked\r\n\r\n0\r\n\r\n",
        "a parameter": _POST + b"Transfer-Encoding: chunked;a=b\r\n\r\n0\r\n\r\n",
        "nothing": _POST + b"Transfer-Encoding:\r\n\r\n0\r\n\r\n",
    },
    "coding-not-chunked": {
        "gzip": _POST + b"Transfer-Encoding: gzip\r\n\r\n0\r\n\r\n",
        "identity": _POST + b"Transfer-Encoding: identity\r\n\r\n0\r\n\r\n",
        "chunked, gzip": _POST + b"Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n",
    },
    "coding-repeated": {
        "a list": _POST + b"Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
        "two lines": _POST + b"Transfer-Encoding: chunked\r\n" + _CHUNKED + b"0\r\n\r\n",
    },
    "coding-in-http10": {
        "chunked": b"POST /say HTTP/1.0\r\n" + _FIELDS + _CHUNKED + b"0\r\n\r\n",
    },
    "chunk-size-invalid": {
        "0x1": _POST + _CHUNKED + b"0x1\r\na\r\n0\r\n\r\n",
        "a word": _POST + _CHUNKED + b"one\r\na\r\n0\r\n\r\n",
        "-1": _POST + _CHUNKED + b"-1\r\na\r\n0\r\n\r\n",
    },
    "chunk-size-too-large": {
        "2^63": _POST + _CHUNKED + b"8000000000000000\r\na\r\n0\r\n\r\n",
        "2^80": _POST + _CHUNKED + b"100000000000000000000\r\na\r\n0\r\n\r\n",
    },
    "chunk-end-missing": {
        "too small a size": _POST + _CHUNKED + b"1\r\nab\r\n0\r\n\r\n",
    },
}
# A claim is about the common form of a deviation. What the servers do with these is something else:
# the statuses they answer with, and whether they then close the connection.
OTHERWISE: dict[tuple[str, str, str], tuple[list[int], bool]] = {
    ("apache", "empty-line-before", "LF"): ([400], True),
    ("apache", "empty-line-before", "twelve"): ([400], True),  # ten are passed over
    ("apache", "method-case", "connect"): ([400], True),  # for its target, which no other method may have
    ("apache", "line-fold", "with nothing in it"): ([400], True),
}
CLAIMS = [
    pytest.param(
        deviation,
        server,
        words,
        octets,
        id=f"{server}: {deviation.id}: {words}",
        marks=pytest.mark.peer({"apache": "apache2"}.get(server, server)),
    )
    for server in ("apache", "nginx")
    for deviation in CATALOGUE.values()
    for words, octets in REQUESTS.get(deviation.id, {}).items()
    if getattr(deviation, server) is not Reaction.UNKNOWN
]


def _say(port: int, octets: bytes, *, waits: bool) -> Answer:
    """What the server says until it closes; where it is expected to wait, no longer than that takes to see."""
    with socket.create_connection(("127.0.0.1", port)) as sock:
        sock.settimeout(_SILENCE if waits else 10.0)
        sock.sendall(octets)
        received = b""
        while True:
            try:
                data = sock.recv(65536)
            except TimeoutError:
                return Answer(received, closed=False)
            except ConnectionResetError:
                return Answer(received, closed=True)  # it left octets of ours unread
            if not data:
                return Answer(received, closed=True)
            received += data


def test_every_claim_has_a_request() -> None:
    claimed = {d.id for d in CATALOGUE.values() if {d.apache, d.nginx} != {Reaction.UNKNOWN}}

    assert set(REQUESTS) >= claimed
    assert {(deviation, words) for _, deviation, words in OTHERWISE} <= {
        (deviation, words) for deviation, requests in REQUESTS.items() for words in requests
    }


@pytest.mark.parametrize(
    ("deviation_id", "octets"),
    [
        pytest.param(name, octets, id=f"{name}: {words}")
        for name, requests in REQUESTS.items()
        for words, octets in requests.items()
    ],
)
def test_each_request_has_its_deviation_and_no_other(deviation_id: str, octets: bytes) -> None:
    findings = Outgoing.from_bytes(octets).examine().findings

    assert {finding.deviation.id for finding in findings} == {deviation_id}


@pytest.mark.parametrize(("deviation", "server", "words", "octets"), CLAIMS)
def test_the_server_does_what_the_catalogue_says(
    deviation: Deviation, server: str, words: str, octets: bytes, request: pytest.FixtureRequest
) -> None:
    site: Site = request.getfixturevalue(f"{server}_server")
    claim: Reaction = getattr(deviation, server)

    otherwise = OTHERWISE.get((server, deviation.id, words))
    waits = not otherwise[1] if otherwise else claim is Reaction.WAITS

    answer = _say(site.port, octets, waits=waits)

    told = f"{server} on {deviation.id} ({words}): {answer}"
    if otherwise:
        assert (answer.statuses, answer.closed) == otherwise, told
    elif claim is Reaction.WAITS:
        assert not answer.octets, told
        assert not answer.closed, told
    elif claim is Reaction.NO_HEAD:
        assert answer.octets == PAGE, told
        assert answer.closed, told
    elif claim is Reaction.ACCEPTS:
        assert len(answer.statuses) == 1, told
        assert answer.statuses[0] < 400, told
    else:
        assert answer.statuses, told
        assert answer.statuses[-1] == int(claim.value), told
        assert answer.closed, told
