"""What is said of start lines and of the elements between fields."""

from __future__ import annotations

import http

import pytest
from explained import told

from httpwire.language import Translator
from httpwire.views.explain.elements import explain_chunk_size, explain_kind
from httpwire.views.explain.lines import (
    explain_method,
    explain_reason,
    explain_status,
    explain_target,
    explain_version,
)
from httpwire.wire.element import ElementKind

english = Translator()


@pytest.mark.parametrize(
    ("target", "method", "expected"),
    [
        ("/", "GET", [("/", "the root of the site: its start page")]),
        ("/a/b", "GET", [("/a/b", "the path: which resource of the site")]),
        (
            "/s%C3%A9?q=a+b&e=&x#top",
            "GET",
            [
                ("/s%C3%A9", "the path, decoded: /sé"),
                ("q=a+b", "the parameter q with the value a b"),
                ("e=", "the parameter e, with an empty value"),
                ("x", "the query x, without a value"),
                ("top", "a place within the page: top; it stays in the browser"),
            ],
        ),
        ("/?", "GET", [("/", "the root of the site: its start page")]),
        (
            "//a",
            "GET",
            [
                ("/", "more slashes than one: servers differ in what they mean"),
                ("/a", "the path: which resource of the site"),
            ],
        ),
        (
            "http://example.com:80/x",
            "GET",
            [
                ("http", "http: without encryption"),
                ("example.com", "the host example.com"),
                ("80", "port 80, which is the usual one for http"),
                ("/x", "the path: which resource of the site"),
            ],
        ),
        ("h:443", "CONNECT", [("h", "the host h"), ("443", "port 443")]),
        ("*", "OPTIONS", [("*", "the server as a whole, none of its resources")]),
        ("nowhere", "GET", [("nowhere", "this is none of the four forms that a target can have")]),
        ("", "GET", [("", "the target is empty")]),
        ("/%ff%00", "GET", [("/%ff%00", "the path, decoded: /%ff%00")]),
        ("/%1b%e2%80%ae", "GET", [("/%1b%e2%80%ae", "the path, decoded: /\\x1b\\u202e")]),
    ],
)
def test_a_target_is_told_part_by_part(target: str, method: str, expected: list[tuple[str, str]]) -> None:
    octets = target.encode()
    assert told(octets, explain_target(octets, method.encode())) == expected


@pytest.mark.parametrize(
    ("method", "says", "section"),
    [
        (b"GET", "the client wants the content at the target, and to change nothing", "RFC 9110 9.3.1"),
        (b"get", "not a method: GET is written in capitals", "RFC 9110 9.1"),
        (b"BREW", "BREW: a method of no common standard", "RFC 9110 9.1"),
        (b"G\xc3\x8bT", "this can't be a method: a method is one word of letters", "RFC 9110 9.1"),
    ],
)
def test_a_method(method: bytes, says: str, section: str) -> None:
    sentence, defined = explain_method(method)
    assert (english.told(sentence), defined) == (says, section)


@pytest.mark.parametrize(
    ("version", "begins"),
    [
        (b"HTTP/1.1", "HTTP/1.1: connections stay open"),
        (b"HTTP/1.0", "HTTP/1.0, from 1996"),
        (b"HTTP/3.0", "HTTP/3.0: another version"),
        (b"HTTPS", "this is not a version"),
    ],
)
def test_a_version(version: bytes, begins: str) -> None:
    assert english.told(explain_version(version)[0]).startswith(begins)


def test_every_registered_status_has_a_sentence_of_its_own() -> None:
    registered = {int(status) for status in http.HTTPStatus} - {418} | {104, 205, 305, 306, 418, 425, 451, 506, 510}
    sentences = {english.told(explain_status(code)[0]) for code in registered}
    assert len(sentences) == len(registered)
    assert not any("no standard" in sentence for sentence in sentences)
    assert all(explain_status(code)[1] for code in registered)


@pytest.mark.parametrize(
    ("status", "says"),
    [
        (299, "a status of no standard; by its first digit: success"),
        (599, "a status of no standard; by its first digit: the server is at fault, or can't answer at the moment"),
        (999, "a status outside 100 to 599: clients treat it as a fault of the server"),
        (0, "a status outside 100 to 599: clients treat it as a fault of the server"),
    ],
)
def test_another_status_is_told_by_its_class(status: int, says: str) -> None:
    assert english.told(explain_status(status)[0]) == says


def test_a_reason_is_for_people() -> None:
    assert english.told(explain_reason(b"OK")[0]) == "the status in words, for people only; clients ignore it"
    assert english.told(explain_reason(b"")[0]) == "no reason phrase: none is needed"


def test_every_kind_of_element_has_a_sentence_of_its_own() -> None:
    assert len({explain_kind(kind)[0] for kind in ElementKind}) == len(ElementKind)
    assert all(explain_kind(kind)[1].startswith("RFC ") for kind in ElementKind)


@pytest.mark.parametrize(
    ("octets", "says"),
    [
        (b"1a", "26 bytes of content follow"),
        (b"0001", "1 byte of content follows"),
        (b"FFFF", "65,535 bytes of content follow"),
        (b"0", "size 0: this is the last chunk, the content is complete"),
        (b"000", "size 0: this is the last chunk, the content is complete"),
        (b"", "this is not the size of a chunk that could be read"),
        (b"+1", "this is not the size of a chunk that could be read"),
        (b"f" * 17, "this is not the size of a chunk that could be read"),
    ],
)
def test_a_chunk_size_in_decimal(octets: bytes, says: str) -> None:
    assert english.told(explain_chunk_size(octets)[0]) == says
