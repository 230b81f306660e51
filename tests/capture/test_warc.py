"""WARC files: what is read, what is told, what is written, and that the octets of each exchange stay the same."""

from __future__ import annotations

import base64
import gzip
import hashlib
import io
import re
import tempfile
import tracemalloc
import zlib
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from warcio.archiveiterator import ArchiveIterator
from warcio.checker import Checker
from warcio.statusandheaders import StatusAndHeadersParser

from captures import Bytes, exchanges_of
from httpwire.capture.formats.warc import costs
from httpwire.capture.formats.warc import format as warc
from httpwire.capture.formats.warc.records import fields_of, moment
from httpwire.capture.formats.warc.writing import write
from httpwire.capture.model import Ending, EventKind, TlsFacts
from httpwire.capture.source import Source
from httpwire.capture.store.capture import Capture
from httpwire.capture.store.writing import Appender
from httpwire.capture.toll import ADDRESSES, CONNECTIONS, SEGMENT_TIMES, Toll
from httpwire.capture.traffic import SOME_TLS, ConnectionFacts, put_exchange
from httpwire.errors import RecordingBroken, RecordingUnreadable
from httpwire.wire.element import Direction
from warc_files import (
    REQUEST,
    RESPONSE,
    compressed,
    imported,
    pair,
    read,
    record,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from httpwire.capture.traffic import Sink

PAIR = (REQUEST, RESPONSE)
INFO = record("warcinfo", b"software: Wget/1.21\r\n", "Content-Type: application/warc-fields")
A_REQUEST = record("request", REQUEST, "WARC-Record-ID: <urn:q>")
A_RESPONSE = record("response", RESPONSE, "WARC-Record-ID: <urn:a>", "WARC-Concurrent-To: <urn:q>")


# Reading: which response belongs to which request


def test_recognised_by_its_first_octets() -> None:
    assert warc.recognises(INFO[:20])
    assert warc.recognises(gzip.compress(INFO * 200)[:4096])
    assert not warc.recognises(gzip.compress(b"hello"))
    assert not warc.recognises(b"\x1f\x8b\x00")
    assert not warc.recognises(b"")


def test_a_response_names_its_request(tmp_path: Path) -> None:
    seen, toll, error = read(tmp_path / "a.warc", INFO + A_REQUEST + A_RESPONSE)
    assert error is None
    assert seen.pairs == [PAIR]
    assert seen.endings == [Ending.CLOSED]
    assert toll.skipped == {costs.NOTES: 1}
    assert not toll.lost
    assert not toll.reconstructed


def test_a_request_names_its_response_and_comes_later(tmp_path: Path) -> None:
    answer = record("response", RESPONSE, "WARC-Record-ID: <urn:a>")
    asked = record("request", REQUEST, "WARC-Record-ID: <urn:q>", "WARC-Concurrent-To: <urn:a>")
    seen, _, _ = read(tmp_path / "a.warc", answer + asked)
    assert seen.pairs == [PAIR]
    kinds = [event.kind for event in seen.events[0]]
    assert kinds[:3] == [EventKind.SEGMENT, EventKind.SENT_ALL, EventKind.SEGMENT], "the request goes first"


def test_one_of_several_names(tmp_path: Path) -> None:
    answer = record(
        "response", RESPONSE, "WARC-Concurrent-To: <urn:x>", "warc-concurrent-to:<urn:q>", "WARC-Record-ID: <urn:a>"
    )
    seen, _, _ = read(tmp_path / "a.warc", A_REQUEST + answer)
    assert seen.pairs == [PAIR]


def test_requests_first_then_their_responses(tmp_path: Path) -> None:
    pairs = [pair(b"GET /%d HTTP/1.1\r\n\r\n" % n, b"HTTP/1.1 20%d OK\r\n\r\n" % n, n) for n in range(9)]
    data = b"".join(asked for asked, _ in pairs) + b"".join(answer for _, answer in reversed(pairs))
    seen, _, _ = read(tmp_path / "a.warc", data)
    assert {(a[5:6], b[11:12]) for a, b in seen.pairs} == {(b"%d" % n, b"%d" % n) for n in range(9)}
    assert len(seen.pairs) == 9


@pytest.mark.parametrize("kinds", [("request", "response"), ("response", "request")])
def test_neighbours_without_names(kinds: tuple[str, str], tmp_path: Path) -> None:
    blocks = {"request": REQUEST, "response": RESPONSE}
    seen, _, _ = read(tmp_path / "a.warc", b"".join(record(kind, blocks[kind]) for kind in kinds))
    assert seen.pairs == [PAIR]


def test_neighbours_of_two_uris_are_no_pair(tmp_path: Path) -> None:
    data = record("request", REQUEST) + record("response", RESPONSE, "WARC-Target-URI: http://example.com/b")
    seen, _, _ = read(tmp_path / "a.warc", data)
    assert seen.pairs == [(REQUEST, b""), (b"", RESPONSE)]
    assert seen.endings == [Ending.UNSEEN, Ending.CLOSED]


def test_no_neighbour_is_taken_where_names_say_otherwise(tmp_path: Path) -> None:
    answer = record("response", RESPONSE, "WARC-Concurrent-To: <urn:other>")
    seen, _, _ = read(tmp_path / "a.warc", record("request", REQUEST) + answer)
    assert seen.pairs == [(REQUEST, b""), (b"", RESPONSE)]


def test_responses_alone_stay_in_order(tmp_path: Path) -> None:
    data = b"".join(record("response", b"HTTP/1.1 200 %d\r\n\r\n" % n, f"WARC-Record-ID: <{n}>") for n in range(300))
    seen, _, _ = read(tmp_path / "a.warc", data)
    assert [answer for _, answer in seen.pairs] == [b"HTTP/1.1 200 %d\r\n\r\n" % n for n in range(300)]


def test_interim_responses_in_records_of_their_own(tmp_path: Path) -> None:
    interim = b"HTTP/1.1 100 Continue\r\n\r\n"
    early = record("response", interim, "WARC-Record-ID: <urn:i>", "WARC-Concurrent-To: <urn:q>")
    seen, _, _ = read(tmp_path / "a.warc", A_REQUEST + early + A_RESPONSE)
    assert seen.pairs == [(REQUEST, interim + RESPONSE)]


def test_a_second_final_response_is_none_of_the_same_exchange(tmp_path: Path) -> None:
    seen, _, _ = read(tmp_path / "a.warc", A_REQUEST + A_RESPONSE + A_RESPONSE.replace(b"urn:a", b"urn:b"))
    assert seen.pairs == [PAIR, (b"", RESPONSE)]


def test_the_same_ids_again(tmp_path: Path) -> None:
    seen, _, _ = read(tmp_path / "a.warc", A_REQUEST * 2 + A_RESPONSE + A_REQUEST + A_RESPONSE)
    assert sorted(seen.pairs) == sorted([(REQUEST, b""), PAIR, PAIR])


# Reading: facts


def test_what_the_header_tells(tmp_path: Path) -> None:
    more = ("WARC-IP-Address: 192.0.2.7", "WARC-Target-URI: <https://user@Example.com:8443/a?b>")
    asked = record("request", REQUEST, "WARC-Record-ID: <urn:q>", "WARC-Date: 2024-01-02T03:04:05.123456789Z", *more)
    answer = record(
        "response",
        RESPONSE,
        "WARC-Concurrent-To: <urn:q>",
        "WARC-Date: 2024-01-02T03:04:05.5Z",
        *more,
        version="WARC/1.1",
    )
    seen, _, _ = read(tmp_path / "a.warc", asked + answer)
    facts = seen.facts[0]
    assert facts.began_ns == 1_704_164_645_123_456_789
    assert [event.at_ns for event in seen.events[0]] == [0, 0, 376_543_211, 376_543_211, 376_543_211]
    assert (facts.server, facts.target, facts.origin) == ("192.0.2.7:8443", "https://Example.com:8443", "warc")
    assert facts.tls == SOME_TLS
    assert facts.reconstructed == ()


@pytest.mark.parametrize(
    ("fields", "tls"),
    [
        (("WARC-Protocol: http/1.1", "WARC-Protocol: tls/1.3", "WARC-Cipher-Suite: TLS_AES_128_GCM_SHA256"),
         ("TLSv1.3", "TLS_AES_128_GCM_SHA256")),
        (("WARC-Protocol: http/1.1, TLS_1_2",), ("TLSv1.2", "")),
        (("WARC-Protocol: tls/1.0",), ("TLSv1", "")),
        (("WARC-Protocol: ssl/3",), ("SSLv3", "")),
        (("WARC-Cipher-Suite: what\x01ever",), ("", "")),
    ],
)  # fmt: skip
def test_proposed_fields_of_tls(fields: tuple[str, ...], tls: tuple[str, str], tmp_path: Path) -> None:
    seen, _, _ = read(tmp_path / "a.warc", record("response", RESPONSE, "WARC-Target-URI: https://a/", *fields))
    assert seen.facts[0].tls == TlsFacts(*tls, "", verified=False)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1970-01-01T00:00:01Z", 10**9),
        ("2016-09-19T17:20:24.1Z", 1_474_305_624_100_000_000),
        ("2016-09-19T17:20:24.1234567891Z", 1_474_305_624_123_456_789),
        ("2016-09-19T17:20:24+00:00", 1_474_305_624_000_000_000),
        ("2016-13-19T17:20:24Z", 0),
        ("9999-01-01T00:00:00Z", 0),
        ("2016", 0),
        ("", 0),
    ],
)
def test_dates(text: str, expected: int) -> None:
    assert moment(text) == expected


@pytest.mark.parametrize(
    ("address", "server"),
    [("2001:db8::1", "[2001:db8::1]:80"), ("10.0.0.1", "10.0.0.1:80"), ("example.com", ""), ("a\x00b", ""), ("", "")],
)
def test_addresses(address: str, server: str, tmp_path: Path) -> None:
    seen, _, _ = read(tmp_path / "a.warc", record("response", RESPONSE, f"WARC-IP-Address: {address}"))
    assert seen.facts[0].server == server


@pytest.mark.parametrize(
    "media",
    ["application/http;msgtype=response", "Application/HTTP ; MsgType=Response", "application/http", "text/html", None],
)
def test_media_types_of_http(media: str | None, tmp_path: Path) -> None:
    fields = (f"Content-Type: {media}",) if media else ("X: y", "content-type:")
    seen, _, _ = read(tmp_path / "a.warc", record("response", RESPONSE, *fields))
    assert seen.pairs == [(b"", RESPONSE)]


@pytest.mark.parametrize(
    ("kind", "fields", "cost"),
    [
        ("response", ("WARC-Target-URI: dns:example.com", "Content-Type: text/dns"), costs.NOT_HTTP),
        ("response", ("WARC-Target-URI: ftp://example.com/", "Content-Type: application/octet-stream"), costs.NOT_HTTP),
        ("request", ("WARC-Target-URI: http://example.com/", "Content-Type: text/plain"), costs.NOT_HTTP),
        ("metadata", (), costs.NOTES),
        ("resource", (), costs.NOTES),
        ("conversion", (), costs.NOTES),
        ("continuation", ("WARC-Segment-Origin-ID: <urn:x>", "WARC-Segment-Number: 2"), costs.CONTINUATION),
        ("screenshot", (), costs.UNKNOWN),
    ],
)
def test_what_is_no_http_is_counted(kind: str, fields: tuple[str, ...], cost: object, tmp_path: Path) -> None:
    seen, toll, error = read(
        tmp_path / "a.warc", record(kind, b"20240101\n1.2.3.4\n", *fields) + A_REQUEST + A_RESPONSE
    )
    assert error is None
    assert toll.skipped == {cost: 1}
    assert seen.pairs == [PAIR]


@pytest.mark.parametrize("version", ["WARC/0.17", "WARC/0.18", "WARC/1.0", "WARC/1.1"])
@pytest.mark.parametrize("end", ["\r\n", "\n"])
def test_versions_and_line_ends(version: str, end: str, tmp_path: Path) -> None:
    data = record("response", RESPONSE, "X-Folded: a" + end + " b", version=version, end=end)
    seen, _, error = read(tmp_path / "a.warc", data * 2)
    assert error is None
    assert seen.pairs == [(b"", RESPONSE)] * 2


def test_revisits(tmp_path: Path) -> None:
    profile = "WARC-Profile: http://netpreserve.org/warc/1.1/revisit/"
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"
    digest = "WARC-Payload-Digest: sha1:3I42H3S6NNFQ2MSVX7XZKYAYSCX5QBYJ"
    same = record("revisit", head, f"{profile}identical-payload-digest", "WARC-Concurrent-To: <urn:q>", digest)
    seen, toll, _ = read(tmp_path / "a.warc", A_REQUEST + same)
    assert seen.pairs == [(REQUEST, head)]
    assert seen.endings == [Ending.UNSEEN]
    assert toll.lost == {costs.REVISIT: 1}
    whole = record("revisit", b"HTTP/1.1 304 Not Modified\r\n\r\n", f"{profile}server-not-modified")
    seen, toll, _ = read(tmp_path / "a.warc", whole)
    assert seen.endings == [Ending.CLOSED]
    assert not toll.lost


def segments(total: str = "WARC-Segment-Total-Length: 52") -> list[bytes]:
    return [
        record("response", RESPONSE[:20], "WARC-Record-ID: <urn:a>", "WARC-Segment-Number: 1"),
        record("continuation", RESPONSE[20:30], "WARC-Segment-Origin-ID: <urn:a>", "WARC-Segment-Number: 2"),
        record("continuation", RESPONSE[30:], "WARC-Segment-Origin-ID: <urn:a>", "WARC-Segment-Number: 3", total),
    ]


@pytest.mark.parametrize("first", [b"", record("request", REQUEST)])
def test_segments_are_joined(first: bytes, tmp_path: Path) -> None:
    seen, toll, _ = read(tmp_path / "a.warc", first + b"".join(segments()))
    assert [answer for _, answer in seen.pairs] == [RESPONSE]
    assert not toll.lost
    assert not toll.skipped


def test_missing_segments_are_told(tmp_path: Path) -> None:
    one, _, three = segments()
    seen, toll, _ = read(tmp_path / "a.warc", one + three)
    assert seen.pairs == [(b"", RESPONSE[:20])]
    assert seen.endings == [Ending.UNSEEN]
    assert (toll.lost, toll.skipped) == ({costs.SEGMENTS: 1}, {costs.CONTINUATION: 1})


def test_common_crawl(tmp_path: Path) -> None:
    answer = (
        b"HTTP/1.1 200 OK\r\nX-Crawl-Content-Encoding: gzip\r\nX-Crawl-Transfer-Encoding: chunked\r\n"
        b"Content-Length: 7\r\n\r\n<html>\n"
    )
    asked = record("request", REQUEST, "WARC-Record-ID: <urn:q>")
    told = record(
        "response", answer, "WARC-Record-ID: <urn:a>", "WARC-Concurrent-To: <urn:q>", "WARC-Truncated: length"
    )
    note = record("metadata", b"fetchTimeMs: 5\r\n", "WARC-Concurrent-To: <urn:a>")
    seen, toll, _ = read(tmp_path / "a.warc.gz", compressed([INFO, asked, told, note]))
    assert seen.pairs == [(REQUEST, answer)]
    assert seen.endings == [Ending.UNSEEN]
    assert seen.facts[0].reconstructed == ("warc-rewritten",)
    assert toll.lost == {costs.TRUNCATED: 1}
    assert toll.reconstructed == {costs.REWRITTEN: 1}
    assert toll.skipped == {costs.NOTES: 2}


@pytest.mark.parametrize(
    ("request_", "response", "fields"),
    [
        (b"GET / HTTP/2\r\n\r\n", RESPONSE, ()),
        (REQUEST, b"HTTP/2 200\r\n\r\n", ()),
        (REQUEST, b"HTTP/2.0 200 OK\r\n\r\n", ()),
        (REQUEST, RESPONSE, ("WARC-Protocol: h2", "WARC-Protocol: tls/1.3")),
    ],
)
def test_http_2_written_as_http_1(request_: bytes, response: bytes, fields: tuple[str, ...], tmp_path: Path) -> None:
    seen, toll, _ = read(tmp_path / "a.warc", b"".join(pair(request_, response, 1, *fields)))
    assert seen.pairs == [(request_, response)]
    assert seen.facts[0].reconstructed == ("warc-http2",)
    assert toll.reconstructed == {costs.HTTP2: 1}


# Digests


def written(name: str, octets: bytes, how: str) -> str:
    value = hashlib.new(name, octets).digest()
    text = {
        "hex": value.hex(),
        "HEX": value.hex().upper(),
        "base32": base64.b32encode(value).decode(),
        "base64": base64.b64encode(value).decode(),
        "url": base64.urlsafe_b64encode(value).decode(),
    }[how]
    return f"{name}:{text}"


CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3;x\r\nllo\r\n0\r\n\r\n"


@pytest.mark.parametrize("how", ["hex", "HEX", "base32", "base64", "url"])
@pytest.mark.parametrize("name", ["md5", "sha1", "sha256", "sha512"])
def test_digests_agree_in_every_spelling(name: str, how: str, tmp_path: Path) -> None:
    def lost(block: str, payload: str, octets: bytes = CHUNKED) -> int:
        data = record("response", octets, f"WARC-Block-Digest: {block}", f"WARC-Payload-Digest: {payload}")
        seen, toll, _ = read(tmp_path / "a.warc", data)
        assert seen.pairs == [(b"", octets)], "it is kept all the same"
        return toll.lost.get(costs.DIGEST, 0)

    block, raw, content = CHUNKED, CHUNKED.partition(b"\r\n\r\n")[2], b"hello"
    assert lost(written(name, block, how), written(name, raw, how)) == 0
    assert lost(written(name, block, how), written(name, content, how)) == 0
    assert lost(written(name, raw, how), written(name, content, how)) == 1
    assert lost(written(name, block, how), written(name, b"hellO", how)) == 1


def test_a_digest_of_an_unknown_algorithm_says_nothing(tmp_path: Path) -> None:
    _, toll, _ = read(
        tmp_path / "a.warc", record("response", RESPONSE, "WARC-Block-Digest: crc32:1234", "WARC-Payload-Digest: x")
    )
    assert not toll.lost


def test_the_digest_of_large_chunked_content(tmp_path: Path) -> None:
    content = bytes(range(256)) * 4096
    chunks = (
        b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (content[:70_001], content[70_001:])) + b"0\r\n\r\n"
    )
    block = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks
    good = record("response", block, f"WARC-Payload-Digest: {written('sha1', content, 'base32')}")
    bad = record("response", block, f"WARC-Payload-Digest: {written('sha1', content[1:], 'base32')}")
    _, toll, _ = read(tmp_path / "a.warc", good)
    assert not toll.lost
    _, toll, _ = read(tmp_path / "a.warc", bad)
    assert toll.lost == {costs.DIGEST: 1}


# Hostile and damaged files


@pytest.mark.parametrize(
    "data", [b"", b"hello", b"\x1f\x8b", b"\x1f\x8bhello", gzip.compress(b"hello", mtime=0), b"\x00" * 100]
)
def test_no_warc_file(data: bytes, tmp_path: Path) -> None:
    seen, _, error = read(tmp_path / "a.warc", data)
    assert isinstance(error, RecordingUnreadable)
    assert str(error) == f"can't read {tmp_path / 'a.warc'}: it is no WARC file"
    assert not seen.pairs


WHOLE = INFO + A_REQUEST + A_RESPONSE


@pytest.mark.parametrize(
    ("more", "offset", "why"),
    [
        (b"garbage", 0, "no record begins here"),
        (b"WARC/9.9\r\n\r\n", 0, "a record is of a version of WARC that is not known"),
        (record("response", RESPONSE, "Content-Length: -5"), 0, "a record has no valid Content-Length"),
        (record("response", RESPONSE, "Content-Length: +5"), 0, "a record has no valid Content-Length"),
        (record("response", RESPONSE, f"Content-Length: {'9' * 5000}"), 0, "a record has no valid Content-Length"),
        (record("response", RESPONSE, "Content-Length: 0"), 0, "no record begins here"),
        (record("response", RESPONSE).replace(b"Content-Length", b"Size"), 0, "a record has no valid Content-Length"),
        (b"WARC/1.0\r\nWARC-Type: resp", 0, "it ends in the header of a record"),
        (b"WARC/1.0\r\nX: " + b"a" * 2_000_000, 0, "the header of a record is longer than 1 MiB"),
        (b"WARC/1.0\r\n" + b"X: y\r\n" * 400_000, 0, "the header of a record is longer than 1 MiB"),
        (record("response", RESPONSE, "Content-Length: 99999999999999"), 0, "it ends in the middle of a record"),
    ],
)  # fmt: skip
def test_damage_is_told_with_its_place(more: bytes, offset: int, why: str, tmp_path: Path) -> None:
    seen, _, error = read(tmp_path / "a.warc", WHOLE + more)
    assert isinstance(error, RecordingBroken)
    assert error.facts["why"] == why
    if why != "no record begins here" or more == b"garbage":
        assert error.facts["offset"] == len(WHOLE) + offset
    assert seen.pairs[0] == PAIR


def test_a_record_that_ends_too_early_is_kept_as_far_as_it_goes(tmp_path: Path) -> None:
    seen, _, error = read(tmp_path / "a.warc", (A_REQUEST + A_RESPONSE)[:-7])
    assert isinstance(error, RecordingBroken)
    assert seen.pairs == [(REQUEST, RESPONSE[:-3])]
    assert seen.endings == [Ending.UNSEEN]


def test_one_gzip_member_for_all(tmp_path: Path) -> None:
    seen, _, error = read(tmp_path / "a.warc.gz", gzip.compress(WHOLE * 50))
    assert error is None
    assert seen.pairs == [PAIR] * 50


def test_gzip_members_of_single_octets(tmp_path: Path) -> None:
    seen, _, error = read(tmp_path / "a.warc.gz", compressed(bytes([octet]) for octet in WHOLE))
    assert error is None
    assert seen.pairs == [PAIR]


def test_what_follows_the_last_gzip_member(tmp_path: Path) -> None:
    data = compressed([A_REQUEST, A_RESPONSE])
    seen, _, error = read(tmp_path / "a.warc.gz", data + b"garbage")
    assert isinstance(error, RecordingBroken)
    why = "what follows the last compressed record is no gzip"
    assert error.facts == {"path": str(tmp_path / "a.warc.gz"), "offset": len(data), "why": why}
    assert seen.pairs == [PAIR]


def test_padding_behind_the_last_gzip_member(tmp_path: Path) -> None:
    seen, _, error = read(tmp_path / "a.warc.gz", compressed([A_REQUEST, A_RESPONSE]) + bytes(50_000))
    assert error is None
    assert seen.pairs == [PAIR]


def test_a_damaged_member_is_kept_up_to_the_damage(tmp_path: Path) -> None:
    content = hashlib.shake_256(b"").digest(50_000)
    answer = b"HTTP/1.1 200 OK\r\n\r\n" + content
    member = gzip.compress(record("response", answer))
    damaged = bytearray(member)
    damaged[30_000:30_003] = b"\xff\xff\xff"
    damaged[-8] ^= 1  # the check value: where the octets can be inflated all the same, it tells
    data = compressed([A_REQUEST, A_RESPONSE])
    seen, _, error = read(tmp_path / "a.warc.gz", data + bytes(damaged))
    assert isinstance(error, RecordingBroken)
    assert len(data) < int(str(error.facts["offset"])) <= len(data) + len(member)
    assert seen.pairs[0] == PAIR
    kept = seen.pairs[1][1]
    assert len(kept) > 25_000
    assert answer[:25_000] == kept[:25_000]


SMALL = [
    INFO,
    *pair(number=1),
    record("response", b"HTTP/1.1 200 OK\r\n\r\n", "WARC-Record-ID: <urn:x>", "WARC-Truncated: time"),
    record("request", REQUEST, "WARC-Concurrent-To: <urn:x>"),
    *segments(),
]


@pytest.mark.parametrize(
    "data", [b"".join(SMALL), compressed(SMALL), gzip.compress(b"".join(SMALL))], ids=["plain", "by record", "whole"]
)
def test_cut_anywhere(data: bytes, tmp_path: Path) -> None:
    whole, _, error = read(tmp_path / "a.warc", data)
    assert error is None
    before = 0
    for end in range(len(data)):
        seen, _, error = read(tmp_path / "a.warc", data[:end])
        assert error is None or isinstance(error, (RecordingBroken, RecordingUnreadable))
        kept = sum(len(asked) + len(answer) for asked, answer in seen.pairs)
        assert kept >= before, "more of the file never gives less"
        before = kept
    assert before == sum(len(asked) + len(answer) for asked, answer in whole.pairs)


@settings(max_examples=150)
@given(st.sampled_from([b"".join(SMALL), compressed(SMALL)]), st.data())
def test_flipped_bits(data: bytes, draw: st.DataObject) -> None:
    octets = bytearray(data)
    for place in draw.draw(st.lists(st.integers(0, len(data) * 8 - 1), min_size=1, max_size=4)):
        octets[place // 8] ^= 1 << place % 8
    with tempfile.TemporaryDirectory() as folder:
        _, _, error = read(Path(folder) / "a.warc", bytes(octets))
        assert error is None or isinstance(error, (RecordingBroken, RecordingUnreadable))


@settings(max_examples=100)
@given(st.binary(max_size=300))
def test_any_octets_behind_the_signature(data: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        read(Path(folder) / "a.warc", b"WARC/1.0\r\n" + data)


class Counting:
    """A Sink that counts octets."""

    octets = 0

    def open(self, facts: ConnectionFacts) -> int:
        assert facts
        return 1

    def revise(self, connection: int, facts: ConnectionFacts) -> None: ...

    def event(
        self, connection: int, at_ns: int, direction: Direction | None, kind: EventKind, data: bytes | memoryview = b""
    ) -> None:
        assert connection == 1
        assert at_ns >= 0
        assert direction or kind is EventKind.END
        assert len(data) <= 1 << 20
        self.octets += len(data)


@pytest.mark.parametrize("request_first", [True, False])
def test_a_bomb_streams(tmp_path: Path, *, request_first: bool) -> None:
    size = 64 << 20
    head = b"HTTP/1.1 200 OK\r\n\r\n"
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    start = record("response", head, "WARC-Record-ID: <urn:a>", f"Content-Length: {size + len(head)}")
    bomb = [packer.compress(start[:-4])]
    bomb += [packer.compress(bytes(1 << 20)) for _ in range(size >> 20)]
    bomb += [packer.compress(b"\r\n\r\n"), packer.flush()]
    asked = gzip.compress(record("request", REQUEST, "WARC-Concurrent-To: <urn:a>"))
    path = tmp_path / "a.warc.gz"
    path.write_bytes(asked + b"".join(bomb) if request_first else b"".join(bomb) + asked)
    sink = Counting()
    tracemalloc.start()
    try:
        with Source(str(path)) as source:
            warc.read(source, sink, Toll())
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert sink.octets > size
    assert peak < 8 << 20


# Record headers, as warcio reads them


@settings(max_examples=300)
@given(
    st.lists(
        st.tuples(
            st.text("ABCdef-", min_size=1, max_size=8),
            st.sampled_from(["", " ", "\t"]),
            st.text(
                st.characters(exclude_characters="\r\n\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029", codec="utf-8"), max_size=12
            ),
        ),
        max_size=6,
    )
)
def test_headers_are_read_as_warcio_reads_them(lines: list[tuple[str, str, str]]) -> None:
    text = "".join(f"{name}{blank}: {value}x\r\n" for name, blank, value in lines)
    header = f"WARC/1.0\r\n{text}\r\n".encode()
    theirs = StatusAndHeadersParser(["WARC/1.0"]).parse(io.BytesIO(header))
    ours, _ = fields_of(header)
    for name, _, _ in lines:
        assert ours[name.lower()].strip() == theirs.get_header(name).strip()


_LINES = st.tuples(
    st.sampled_from(("WARC-Type", "Content-Length", "warc-type", "WARC-Protocol", "WARC-Concurrent-To", "X-Own", "")),
    st.sampled_from((": ", ":", " : ", ":  ", " ")),
    st.sampled_from(("a", "b c", " ", "", "a ", "é", "\u3000", "\n", "\r", "\r\n", "\r\n x")),
    st.sampled_from(("\r\n", "\r\n", "\r\n", "\n", "\r")),
)


@given(st.lists(_LINES, max_size=4), st.sampled_from(("\r\n", "\n", "")))
def test_the_usual_header_is_read_as_any_other(lines: list[tuple[str, ...]], end: str) -> None:
    header = ("WARC/1.0\r\n" + "".join(map("".join, lines)) + end).encode()
    found = fields_of(header)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("httpwire.capture.formats.warc.records._usual_fields", lambda _: None)
        assert found == fields_of(header)


# Writing


FACTS = ConnectionFacts(
    1_700_000_000_123_456_789,
    client="127.0.0.1:50000",
    server="[::1]:8443",
    target="https://example.com:8443",
    tls=TlsFacts("TLSv1.3", "TLS_AES_128_GCM_SHA256", "", verified=False),
)


def ids() -> Iterator[str]:
    return (f"00000000-0000-4000-8000-{number:012}" for number in count(1))


def converted(path: Path, *, compress: bool = False) -> tuple[bytes, Toll]:
    """The capture at `path` as a WARC file."""
    output, toll, fresh = Bytes(), Toll(), ids()
    with Capture(str(path)) as capture:
        capture.update()
        write(
            capture,
            capture.exchanges(),
            output,
            toll,
            compress=compress,
            new_id=lambda: next(fresh),
            clock_ns=lambda: 1_750_000_000_000_000_001,
        )
    return bytes(output), toll


def put(sink: Sink, request: bytes, response: bytes, ending: Ending = Ending.CLOSED) -> None:
    put_exchange(
        sink, FACTS, [request] if request else [], [response] if response else [], first_ns=5_000, ending=ending
    )


GOLDEN = b"""WARC/1.1\r
WARC-Type: warcinfo\r
WARC-Record-ID: <urn:uuid:00000000-0000-4000-8000-000000000001>\r
WARC-Date: 2025-06-15T15:06:40.000000001Z\r
WARC-Block-Digest: sha1:%(info)s\r
Content-Type: application/warc-fields\r
Content-Length: 142\r
\r
software: httpwire\r
format: WARC File Format 1.1\r
conformsTo: http://iipc.github.io/warc-specifications/specifications/warc-format/warc-1.1/\r
\r
\r
WARC/1.1\r
WARC-Type: request\r
WARC-Record-ID: <urn:uuid:00000000-0000-4000-8000-000000000002>\r
WARC-Date: 2023-11-14T22:13:20.123456789Z\r
WARC-Target-URI: https://example.com/a\r
WARC-IP-Address: ::1\r
WARC-Protocol: tls/1.3\r
WARC-Cipher-Suite: TLS_AES_128_GCM_SHA256\r
WARC-Payload-Digest: sha1:3I42H3S6NNFQ2MSVX7XZKYAYSCX5QBYJ\r
WARC-Block-Digest: sha1:%(request)s\r
Content-Type: application/http;msgtype=request\r
Content-Length: 38\r
\r
GET /a HTTP/1.1\r
Host: example.com\r
\r
\r
\r
WARC/1.1\r
WARC-Type: response\r
WARC-Record-ID: <urn:uuid:00000000-0000-4000-8000-000000000003>\r
WARC-Date: 2023-11-14T22:13:20.123461789Z\r
WARC-Target-URI: https://example.com/a\r
WARC-IP-Address: ::1\r
WARC-Protocol: tls/1.3\r
WARC-Cipher-Suite: TLS_AES_128_GCM_SHA256\r
WARC-Concurrent-To: <urn:uuid:00000000-0000-4000-8000-000000000002>\r
WARC-Payload-Digest: sha1:VL2MMHO4YXUKFWV63YHTWSBM3GXKSQ2N\r
WARC-Block-Digest: sha1:%(response)s\r
Content-Type: application/http;msgtype=response\r
Content-Length: 43\r
\r
HTTP/1.1 200 OK\r
Content-Length: 5\r
\r
hello\r
\r
"""


def test_the_golden_file(tmp_path: Path) -> None:
    with Appender(str(tmp_path / "a.hwire")) as sink:
        put(sink, REQUEST, RESPONSE)
    data, toll = converted(tmp_path / "a.hwire")
    info = data.split(b"\r\n\r\n")[1] + b"\r\n"
    digests = {
        name.encode(): base64.b32encode(hashlib.sha1(octets).digest())
        for name, octets in (("info", info), ("request", REQUEST), ("response", RESPONSE))
    }
    assert data == GOLDEN % digests
    assert toll.lost == {SEGMENT_TIMES: 1, ADDRESSES: 1}
    packed, _ = converted(tmp_path / "a.hwire", compress=True)
    assert gzip.decompress(packed) == data
    assert packed.count(b"\x1f\x8b\x08") == 3, "each record is a member"
    again, _, _ = read(tmp_path / "a.warc", data)
    assert again.facts[0] == FACTS.replace(
        client="", target="https://example.com:443", server="[::1]:443", origin="warc"
    )
    assert [event.at_ns for event in again.events[0]] == [0, 0, 5_000, 5_000, 5_000]


INTERIM = b"HTTP/1.1 103 Early Hints\r\nLink: <a>\r\n\r\n"


def test_interim_responses_have_records_of_their_own(tmp_path: Path) -> None:
    answers = b"\r\nHTTP/1.1 100 Continue\r\n\r\n" + INTERIM + RESPONSE + b"HTTP/1.1 200 unasked\r\n\r\n"
    with Appender(str(tmp_path / "a.hwire")) as sink:
        put(sink, REQUEST, answers)
    data, _ = converted(tmp_path / "a.hwire")
    (tmp_path / "a.warc").write_bytes(data)
    parsed = [(r.rec_type, r.http_headers.statusline) for r in ArchiveIterator(io.BytesIO(data)) if r.http_headers]
    assert parsed[-1] == ("response", "200 OK")
    assert [each.rec_type for each in ArchiveIterator(io.BytesIO(data))][1:] == ["request"] + ["response"] * 3
    seen, _, _ = read(tmp_path / "a.warc")
    assert seen.pairs == [(REQUEST, answers)]


def test_a_shared_connection_and_gaps_and_labels_are_told(tmp_path: Path) -> None:
    with Appender(str(tmp_path / "a.hwire")) as sink:
        connection = sink.open(FACTS.replace(reconstructed=("har",), name="example.com"))
        for _ in range(3):
            sink.event(connection, 0, Direction.REQUEST, EventKind.SEGMENT, REQUEST)
            sink.event(connection, 0, Direction.RESPONSE, EventKind.SEGMENT, RESPONSE)
        sink.event(connection, 0, Direction.RESPONSE, EventKind.GAP, b"7")
        sink.event(connection, 0, None, EventKind.END)
    _, toll = converted(tmp_path / "a.hwire")
    assert toll.lost[CONNECTIONS] == 2
    assert toll.lost[costs.GAPS] == 3
    assert toll.lost[costs.LABELS] == 3
    assert toll.lost[costs.TLS_DETAILS] == 3


@pytest.mark.parametrize(
    ("ending", "reason"),
    [
        (Ending.TIMED_OUT, "time"),
        (Ending.OVER_LIMIT, "length"),
        (Ending.CLOSED, "disconnect"),
        (Ending.UNSEEN, "unspecified"),
    ],
)
def test_cut_answers_are_marked(ending: Ending, reason: str, tmp_path: Path) -> None:
    with Appender(str(tmp_path / "a.hwire")) as sink:
        put(sink, REQUEST, RESPONSE[:-1], ending)
    data, _ = converted(tmp_path / "a.hwire")
    assert re.findall(rb"WARC-Truncated: (\w+)", data) == [reason.encode()]
    seen, _, _ = read(tmp_path / "a.warc", data)
    assert seen.endings == [Ending.UNSEEN]


def test_a_cut_request_is_marked(tmp_path: Path) -> None:
    with Appender(str(tmp_path / "a.hwire")) as sink:
        put(sink, b"POST / HTTP/1.1\r\nContent-Length: 9\r\n\r\n123", RESPONSE)
    data, _ = converted(tmp_path / "a.hwire")
    assert data.count(b"WARC-Truncated") == 1
    assert data.index(b"WARC-Truncated") < data.index(b"WARC-Type: response")


TARGETS = {
    b"/a?b=c%20d#e": "https://example.com/a?b=c%20d%23e",
    b'/\xe3\x81\x82<x>"{}|\\^`': "https://example.com/%E3%81%82%3Cx%3E%22%7B%7D%7C%5C%5E%60",
    b"http://Other.example/x": "http://Other.example/x",
    b"*": "https://example.com",
    b"x\x0by": "https://example.com/x%0By",
}


@pytest.mark.parametrize(("target", "uri"), TARGETS.items())
def test_uris(target: bytes, uri: str, tmp_path: Path) -> None:
    request = b"OPTIONS " + target + b" HTTP/1.1\r\nHost: example.com\r\n\r\n"
    with Appender(str(tmp_path / "a.hwire")) as sink:
        put(sink, request, RESPONSE)
    data, _ = converted(tmp_path / "a.hwire")
    assert set(re.findall(rb"WARC-Target-URI: ([^\r\n]*)\r\n", data)) == {uri.encode()}


def test_no_host_and_connect(tmp_path: Path) -> None:
    with Appender(str(tmp_path / "a.hwire")) as sink:
        put(sink, b"GET / HTTP/1.0\r\n\r\n", RESPONSE)
        put(sink, b"CONNECT a.example:443 HTTP/1.1\r\n\r\n", b"HTTP/1.1 200 OK\r\n\r\nTUNNEL")
        put(sink, b"GET / HTTP/1.1\r\nHost: a\rWARC-Type: x\r\n\r\n", RESPONSE)
    data, _ = converted(tmp_path / "a.hwire")
    found = re.findall(rb"WARC-Target-URI: ([^\r\n]*)\r\n", data)
    assert found[::2][:2] == [b"https://example.com:8443/", b"https://a.example:443/"]
    assert b"\rWARC-Type: x" not in b"".join(found)
    seen, _, _ = read(tmp_path / "a.warc", data)
    assert seen.pairs == exchanges_of(tmp_path / "a.hwire")


PARTS = st.sampled_from(
    [
        REQUEST,
        RESPONSE,
        CHUNKED,
        INTERIM,
        b"\r\n",
        b"\n\n",
        b"\x00",
        b"WARC/1.0\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n",
        b"HEAD /%20 HTTP/1.1\r\nHost: x\r\n\r\n",
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b" \x85\xa0 \x1c\r\n",
        b"Host: \xff\xfe\r\n",
    ]
)
OCTETS = st.lists(PARTS | st.binary(max_size=40), max_size=5).map(b"".join)


class _Checked:
    """What `warcio check -v` is given."""

    def __init__(self, path: Path) -> None:
        self.inputs = [str(path)]
        self.verbose = True


@settings(max_examples=50)
@given(pairs=st.lists(st.tuples(OCTETS, OCTETS), min_size=1, max_size=4), compress=st.booleans())
def test_there_and_back(*, pairs: list[tuple[bytes, bytes]], compress: bool) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with Appender(str(folder / "a.hwire")) as sink:
            for request, response in pairs:
                put(sink, request, response)
        before = exchanges_of(folder / "a.hwire")
        data, _ = converted(folder / "a.hwire", compress=compress)
        path = folder / "a.warc"
        path.write_bytes(data)
        seen, toll, error = read(path)
        assert error is None
        assert seen.pairs == before
        assert not {costs.DIGEST, costs.SEGMENTS}.intersection(toll.lost)
        checker = Checker(_Checked(path))
        assert checker.process_all() == 0


def test_large_messages_go_both_ways_in_pieces(tmp_path: Path) -> None:
    content = hashlib.shake_256(b"large").digest(3 << 20)
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(content) + content
    with Appender(str(tmp_path / "a.hwire")) as sink:
        put(sink, REQUEST, answer)
        put(sink, answer, REQUEST)
    for compress in (False, True):
        data, _ = converted(tmp_path / "a.hwire", compress=compress)
        (tmp_path / "a.warc").write_bytes(data)
        assert imported(tmp_path / "a.warc", tmp_path / f"{compress}.hwire") == exchanges_of(tmp_path / "a.hwire")
