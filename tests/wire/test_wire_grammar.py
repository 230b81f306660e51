"""Law 4: nothing is a number or a name that the grammar does not match whole. And no input is catastrophic."""

from __future__ import annotations

import re
import subprocess
import sys
import textwrap

import pytest

from httpwire.wire import grammar

NUMBERS_FOR_PYTHON = [b"+5", b"-5", b" 5", b"5 ", b"\t5", b"5\n", b"\n5", b"1_0", b"\x0b5", b"5\x0c", b"\xa05"]
NOT_ASCII = [
    text.encode(code) for text in ("\u0665", "\uff15", "\u0967", "\u00b2", "\u2075") for code in ("utf-8", "utf-16")
]


@pytest.mark.parametrize("octets", [*NUMBERS_FOR_PYTHON, *NOT_ASCII, b"", b"0x5", b"5.0", b"5e0", b"5,5", b"a", b'"5"'])
def test_content_length_is_digits_alone(octets: bytes) -> None:
    assert not grammar.DIGITS.fullmatch(octets)


@pytest.mark.parametrize("octets", [*NUMBERS_FOR_PYTHON, *NOT_ASCII, b"", b"0x5", b"5h", b"g", b"5;"])
def test_a_chunk_size_is_hexadecimal_digits_alone(octets: bytes) -> None:
    assert not grammar.CHUNK_SIZE.fullmatch(octets)
    assert not grammar.PLAIN_CHUNK_LINE.fullmatch(octets + b"\r\n")


def test_those_would_have_been_numbers() -> None:
    """The reason for the law: Python takes these for numbers."""
    assert [int(octets) for octets in (b"+5", b" 5", b"5\n", b"1_0", b"\x0b5")] == [5, 5, 5, 10, 5]
    assert [int(octets, 16) for octets in (b"0x5", b"+5", b"5_0")] == [5, 5, 80]


@pytest.mark.parametrize("octets", [b"0", b"5", b"007", b"9" * 5000])
def test_digits(octets: bytes) -> None:
    assert grammar.DIGITS.fullmatch(octets)
    assert grammar.CHUNK_SIZE.fullmatch(octets)


def test_a_token_is_what_rfc_9110_lists() -> None:
    allowed = b"!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
    for octet in range(256):
        assert bool(grammar.TOKEN.fullmatch(bytes([octet]))) == (octet in allowed), hex(octet)
    assert not grammar.TOKEN.fullmatch(b"")
    assert not grammar.TOKEN.fullmatch(b"a\n")


def test_a_field_value_is_vchar_obs_text_sp_and_htab() -> None:
    for octet in range(256):
        fits = octet in (0x09, 0x20) or 0x21 <= octet <= 0x7E or octet >= 0x80
        assert bool(grammar.FIELD_LINE.fullmatch(b"A:%c\r\n" % octet)) == fits, hex(octet)
        assert bool(grammar.FORBIDDEN.fullmatch(bytes([octet]))) != fits, hex(octet)


@pytest.mark.parametrize(
    "line", [b"A:b\n", b"A:b", b":b\r\n", b"A b\r\n", b"A :b\r\n", b" A:b\r\n", b"A:b\rc\r\n", b"\xe9:b\r\n"]
)
def test_what_is_no_field_line(line: bytes) -> None:
    assert not grammar.FIELD_LINE.fullmatch(line)


@pytest.mark.parametrize("version", [b"HTTP/1.1", b"HTTP/1.0", b"HTTP/2.0"])
def test_versions(version: bytes) -> None:
    assert grammar.VERSION.fullmatch(version)


@pytest.mark.parametrize(
    "version", [b"HTTP/0.9", b"http/1.1", b"HTTP/1", b"HTTP/1.10", b"HTTP/11.0", b"HTTP/1.1 ", b"HTTP/1.\xb2"]
)
def test_what_is_no_version(version: bytes) -> None:
    assert not grammar.VERSION.fullmatch(version)


@pytest.mark.parametrize(
    ("octets", "digits"),
    [
        (b"5", b"5"),
        (b" +5 x", b"5"),
        (b"5_0", b"5"),
        (b"0x5", b"0"),
        (b"", b""),
        (b"x", b""),
        (b"-5", None),
        (b" -5", None),
    ],
)
def test_what_strtol_takes_for_a_number(octets: bytes, digits: bytes | None) -> None:
    found = grammar.C_LENGTH.fullmatch(octets)
    assert (found[1] if found else None) == digits


@pytest.mark.parametrize(
    "octets",
    [*NUMBERS_FOR_PYTHON, *NOT_ASCII, b"", b"5", b"007", b"0x5", b"5__0", b"_5", b"5_", b"+ 5", b"++5", b"5\x00"],
)
def test_what_python_takes_for_a_number(octets: bytes) -> None:
    """But for what is below zero: no length is."""
    for production, base in ((grammar.PYTHON_LENGTH, 10), (grammar.PYTHON_SIZE, 16)):
        try:
            expected = int(octets, base)
        except ValueError:
            expected = -1
        found = production.fullmatch(octets)
        assert (int(found[1], base) if found else -1) == max(-1, expected)


@pytest.mark.parametrize("host", [b"a", b"a.b:80", b"a:", b"127.0.0.1", b"[::1]", b"[::1]:80", b"a_b", b"a.b."])
def test_hosts(host: bytes) -> None:
    assert grammar.HOST.fullmatch(host)


@pytest.mark.parametrize(
    "host", [b"a b", b"a/b", b"a@b", b"a:b", b"::1", b"[::1", b"a,b\x00", b"\xe3\x81\x82", b"a:80:81", b"a?"]
)
def test_what_is_no_host(host: bytes) -> None:
    assert not grammar.HOST.fullmatch(host)


@pytest.mark.parametrize("extensions", [b"", b";a", b";a=b", b' ;\ta = "b" ;c', b';a="\\"\\\\;\xff"', b";a;b;c"])
def test_chunk_extensions(extensions: bytes) -> None:
    assert grammar.CHUNK_EXTENSIONS.fullmatch(extensions)


@pytest.mark.parametrize(
    "extensions", [b" ", b";", b"a", b";=b", b";a=", b';a="b', b';a="\x00"', b";a b", b";a=b c", b";a\r"]
)
def test_what_are_no_chunk_extensions(extensions: bytes) -> None:
    assert not grammar.CHUNK_EXTENSIONS.fullmatch(extensions)


@pytest.mark.parametrize("weight", [b"q=0", b" q=0.0", b"Q=0.000\t", b"q=0."])
def test_weights_of_nothing(weight: bytes) -> None:
    assert grammar.NO_WEIGHT.fullmatch(weight)


@pytest.mark.parametrize("weight", [b"", b"q=0.001", b"q=1", b"q=0.0000", b"a=0", b"q=00"])
def test_what_is_no_weight_of_nothing(weight: bytes) -> None:
    assert not grammar.NO_WEIGHT.fullmatch(weight)


def test_a_production_that_is_not_there() -> None:
    with pytest.raises(AttributeError, match="NO_SUCH"):
        _ = grammar.NO_SUCH


# What no expression may be slow on: long runs that match up to the last octet and then don't.

LONG = 1 << 18
PIECES = [
    b"a", b"0", b" ", b"\t", b"\r", b"\n", b"\r\n", b"\n ", b";", b";a", b";a=b", b"; a = b ", b';a="b"', b';a="', b'"',
    b"\\", b'\\"', b"=", b",", b":", b"A: b\r\n", b"a ", b" a", b"[", b"[a", b"a:", b"HTTP/1.1 ", b"%", b".", b"\xff",
    b"\x00", b"/", b"_", b"0_", b"_0", b"\x0b", b"+", b"-", b"0x", b"\nconnection:", b"content-", b"\n\t\r",
]  # fmt: skip
SEARCHED = ["AMBIGUOUS", "BARE_CR", "BARE_LF", "FOLDED"]
BEFORE = [b"\nconnection: ", b"", b"a", b"a;b=", b'a;b="', b"HTTP/1.1 200 ", b"HTTP/1.1", b"GET ", b"A:", b";a=", b"1;"]
NAMES = [
    "TOKEN", "MEDIA_TYPE", "BLANKS", "VERSION", "REQUEST_LINE", "TARGET", "HOST", "STATUS_LINE", "LOOSE_STATUS_LINE",
    "FIELD_LINE", "FORBIDDEN", "PERCENT", "FOLD", "HEAD_END", "DIGITS", "CHUNK_SIZE", "PLAIN_CHUNK_LINE",
    "CHUNK_EXTENSIONS", "TRANSFER_CODING", "NO_WEIGHT", "LENGTH", "SIZE", "C_LENGTH", "C_SIZE", "C_CONSTANT",
    "PYTHON_LENGTH", "PYTHON_SIZE", "AMBIGUOUS", "BARE_CR", "BARE_LF", "FOLDED", "CLEAN_REQUEST", "CLEAN_RESPONSE",
    "PLAIN_REQUEST", "PLAIN_RESPONSE",
]  # fmt: skip


def test_every_production_is_named_here() -> None:
    assert sorted(NAMES) == sorted(grammar._PRODUCTIONS)
    assert all(isinstance(getattr(grammar, name), re.Pattern) for name in NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_no_input_is_catastrophic(name: str) -> None:
    """A quarter of a mebibyte of each run, with an end that spoils it. Linear work takes a second or two for all of
    them; quadratic work on one of them takes longer than this process is given."""
    program = f"""
        from httpwire.wire import grammar
        expression = grammar.{name}
        for before in {BEFORE!r}:
            for piece in {PIECES!r}:
                octets = before + piece * ({LONG} // len(piece))
                for end in (b"", b"\\x01", b"!\\x7f"):
                    expression.fullmatch(octets + end)
                    expression.match(octets + end)
                    if {name in SEARCHED}:
                        expression.sub(b"", octets + end)
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(program)], timeout=60, check=True)
