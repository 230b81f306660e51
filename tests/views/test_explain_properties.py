"""Whatever the octets: nothing is raised, glosses stand in order, and the cost is that of reading once."""

from __future__ import annotations

import time

import pytest
from explained import ANSWERED, ASKED, in_order
from hypothesis import given
from hypothesis import strategies as st

from httpwire.language import Sentence, Translator
from httpwire.views.explain.elements import explain_chunk_size
from httpwire.views.explain.fields import EXPLAINERS, explain_value, purpose
from httpwire.views.explain.gloss import Setting
from httpwire.views.explain.lines import explain_method, explain_reason, explain_target, explain_version
from httpwire.wire.element import Direction

_NAMES = st.one_of(st.sampled_from(sorted(EXPLAINERS)), st.binary(max_size=20))
# Octets that mean something somewhere, so that the unlikely meets the meaningful.
_MEANINGFUL = st.lists(
    st.sampled_from(
        [bytes([octet]) for octet in b" \t,;=:/\"\\()<>[]*@?&%#-+.'_{}~0189aAzZ\x00\x7f\xff\r\n"]
        + [b"bytes=", b"q=0.5", b"max-age=", b"W/", b"Basic ", b"http://", b"Expires=", b"Mon, ", b" GMT", b"00:00:00"]
        + [
            b"Mon, 01 Jan 2001 00:00:00 GMT",
            b"Not A Brand",
            b"Chrome/1.0.0.0",
            b"Safari/1",
            b"rel=",
            b"h3=",
            b"u=",
            b"v=",
        ]
    ),
    max_size=24,
).map(b"".join)
_OCTETS = st.one_of(st.binary(max_size=60), _MEANINGFUL)
_SETTINGS = st.builds(Setting, st.sampled_from(Direction), st.one_of(st.none(), st.floats(0, 4e9)))
_LANGUAGES = [Translator("en"), Translator("ja")]


def _speakable(sentence: Sentence) -> bool:
    """Whether each language can say it, on one line that commands no terminal."""
    return all(text and text.isprintable() for text in (language.told(sentence) for language in _LANGUAGES))


@given(_NAMES, _OCTETS, _SETTINGS)
def test_any_octets_are_explained_in_order(name: bytes, value: bytes, setting: Setting) -> None:
    glosses = explain_value(name, value, setting)
    assert in_order(value, glosses)
    assert all(_speakable(gloss.sentence) for gloss in glosses)
    assert all(gloss.start < gloss.stop for gloss in glosses) or not value.strip(b" \t")
    assert purpose(name)[0]
    if name in EXPLAINERS:
        assert glosses


@given(_OCTETS, st.one_of(st.sampled_from([b"GET", b"CONNECT", b"OPTIONS"]), st.binary(max_size=5)))
def test_any_target_is_explained_in_order(target: bytes, method: bytes) -> None:
    glosses = explain_target(target, method)
    assert glosses
    assert in_order(target, glosses)
    assert all(_speakable(gloss.sentence) and gloss.section for gloss in glosses)


@given(_OCTETS)
def test_any_octets_of_the_other_parts_are_explained(octets: bytes) -> None:
    for explain in (explain_method, explain_version, explain_reason, explain_chunk_size):
        sentence, section = explain(octets)
        assert _speakable(sentence)
        assert section or explain is explain_method


_HOSTILE = [
    b",", b";", b'"', b'\\"', b"(", b"()", b"a", b"a,", b";a", b"a=;,", b"<", b"<a>,", b"<a", b"%", b"&a", b"-", b":",
    b"/", b"0", b" ", b"\t, ", b"a b ", b"\xff", b"[", b"not-a-", b"1.", b"@",
]  # fmt: skip
_STARTS = [b"", b'"', b"bytes=", b"x/y (", b'"not']


@pytest.mark.parametrize("pattern", _HOSTILE, ids=repr)
def test_the_cost_is_linear(pattern: bytes) -> None:
    size = 1 << 15  # read once it takes a few milliseconds; once for each octet it would take seconds
    explainers = {explainer: name for name, explainer in EXPLAINERS.items()}
    for start in _STARTS:
        value = start + pattern * (size // len(pattern)) + b"\x00"
        for name in explainers.values():
            before = time.process_time()
            explain_value(name, value, ANSWERED)
            assert time.process_time() - before < 0.3, (start, name)
        for target, method in ((value, b"GET"), (b"/" + value, b"GET"), (value, b"CONNECT")):
            before = time.process_time()
            explain_target(target, method)
            assert time.process_time() - before < 0.3, start


def test_a_value_of_two_million_octets_has_few_glosses() -> None:
    for value in (b"a," * (1 << 20), b"a=b;" * (1 << 19), b"a " * (1 << 20)):
        for name in EXPLAINERS:
            assert len(explain_value(name, value, ASKED)) <= 65
