"""What holds of any two recordings, however broken."""

from __future__ import annotations

import time
from collections import Counter

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from messages import APACHE, answer, chunked, compared, differences

from httpwire.capture.raw import Outgoing
from httpwire.language import Translator
from httpwire.views.diff.columns import folded
from httpwire.views.diff.lines import Text
from httpwire.views.diff.model import Difference, Ignoring, Tally, What
from httpwire.views.diff.objects import compared_object
from httpwire.views.diff.octets import Files, first_difference, ranges
from httpwire.views.diff.sequences import common_end, common_start, hunks, longest_rise, matched
from httpwire.views.text import width

some = settings(max_examples=200, suppress_health_check=[HealthCheck.too_slow])

_PIECES = st.sampled_from(
    [
        *(b"\r\n", b"\n", b"\r\n\r\n", b" ", b":", b"\t", b"\x00", b"\x1b[31m", b"\xff", b"0\r\n", b"3\r\nabc\r\n"),
        *(
            b"GET / HTTP/1.1\r\n",
            b"HTTP/1.1 200 OK\r\n",
            b"HTTP/1.1 101 \r\n",
            b"Host: a\r\n",
            b"Date: 1\r\n",
            b"a: 1\r\n",
        ),
        *(
            b"Content-Length: 5\r\n",
            b"Transfer-Encoding: chunked\r\n",
            b"Content-Encoding: gzip\r\n",
            b"{",
            b'"a":1',
            b"]",
        ),
        *(b"Content-Type: application/json\r\n", b"Content-Type: text/plain\r\n", b"Content-Type: image/png\r\n"),
    ]
)
_JUNK = st.lists(st.one_of(_PIECES, st.binary(max_size=4)), max_size=14).map(b"".join)
_BASES = st.sampled_from(
    [
        APACHE,
        chunked(b"abc", b"de"),
        answer(b'{"a": [1, 2, {"b": null}]}', media="application/json"),
        answer(b"a=1&b=2", media="application/x-www-form-urlencoded"),
        answer(bytes(range(256)), media="image/png"),
    ]
)


@st.composite
def _changed(draw: st.DrawFn) -> tuple[bytes, bytes]:
    """A recording, and the same with a change or two."""
    base = new = draw(_BASES)
    for _ in range(draw(st.integers(1, 2))):
        start = draw(st.integers(0, len(new)))
        stop = start + draw(st.integers(0, 6))
        new = new[:start] + draw(st.one_of(st.just(b""), _PIECES)) + new[stop:]
    return base, new


_PAIRS = st.one_of(st.tuples(_JUNK, _JUNK), _changed())


def _mirrored(found: list[Difference]) -> Counter[tuple[str, str, bool]]:
    """The differences that have one answer only: of lines and moves there may be several that are as good."""
    turned = {What.REMOVED: What.ADDED, What.ADDED: What.REMOVED}
    whats = [(one.layer.value, turned.get(one.what, one.what).id, one.old is None) for one in found]
    return Counter(what for what in whats if what[1] not in ("lines", "range"))


@some
@given(_JUNK)
def test_nothing_differs_from_itself(octets: bytes) -> None:
    assert compared(octets, octets) == []


@some
@given(_PAIRS)
def test_any_difference_is_told_and_both_ways(pair: tuple[bytes, bytes]) -> None:
    there, back = differences(pair[0], pair[1]), differences(pair[1], pair[0])
    assert bool(there) == (pair[0] != pair[1])
    assert bool(back) == bool(there)
    here = Counter((one.layer.value, one.what.id, one.new is None) for one in there)
    assert Counter({k: v for k, v in here.items() if k[1] not in ("lines", "range")}) == _mirrored(back)


@some
@given(_PAIRS)
def test_what_is_ignored_is_still_there(pair: tuple[bytes, bytes]) -> None:
    asked = ("date", "a", "order", "case", "spaces", "line-ends", "chunks")
    assert bool(differences(*pair, *asked)) == bool(differences(*pair))


@some
@given(_PAIRS, st.sampled_from(["en", "ja"]), st.sampled_from([0, 120]))
def test_both_forms_show_it_and_command_no_terminal(pair: tuple[bytes, bytes], language: str, columns: int) -> None:
    files = Files(Outgoing.from_bytes(pair[0], "old\x1b"), Outgoing.from_bytes(pair[1], "new\n"))
    text, tally = Text(files, Translator(language), columns), Tally()
    lines = list(text.opening())
    for one in compared(*pair):
        tally.add(one)
        lines += text.message(one)
        assert len(compared_object(one)["differences"]) == len(one.differences)
    lines += text.closing(tally)
    assert all(piece.isprintable() for line in lines for _, piece in line)


@some
@given(st.lists(st.binary(max_size=5)), st.lists(st.binary(max_size=5)))
def test_the_first_difference_does_not_depend_on_the_blocks(old: list[bytes], new: list[bytes]) -> None:
    one, other = b"".join(old), b"".join(new)
    first = first_difference(old, new)
    assert (first is None) == (one == other)
    if first:
        assert first.offset == common_start(one, other)
        assert one[first.offset :].startswith(first.old)
        assert other[first.offset :].startswith(first.new)


@some
@given(st.binary(max_size=60), st.binary(max_size=60))
def test_ranges_hold_all_that_differs(old: bytes, new: bytes) -> None:
    made, position = b"", 0
    for span, other in ranges(old, new):
        made += old[position : span.start] + new[other.start : other.stop]
        position = span.stop
    assert made + old[position:] == new


@some
@given(st.lists(st.sampled_from("abcde")), st.lists(st.sampled_from("abcde")))
def test_hunks_make_the_one_of_the_other(old: list[str], new: list[str]) -> None:
    made: list[str] = []
    position = 0
    for i, i_stop, j, j_stop in hunks(old, new):
        made += old[position:i] + new[j:j_stop]
        position = i_stop
    assert made + old[position:] == new


@some
@given(st.text("ab"), st.text("ab"))
def test_common_ends(old: str, new: str) -> None:
    start = common_start(old, new)
    assert old[:start] == new[:start]
    assert old[start : start + 1] != new[start : start + 1] or start == len(old) == len(new)
    end = common_end(old, new, start)
    assert start + end <= min(len(old), len(new))
    assert old[len(old) - end :] == new[len(new) - end :]


@some
@given(st.permutations(range(8)))
def test_a_rise_leaves_as_few_as_can_be(numbers: list[int]) -> None:
    rise = longest_rise(numbers)
    kept = [number for index, number in enumerate(numbers) if index in rise]
    assert kept == sorted(kept)
    best = [1] * len(numbers)
    for index, number in enumerate(numbers):
        best[index] = 1 + max((best[i] for i in range(index) if numbers[i] < number), default=0)
    assert len(kept) == max(best)


_NAMED = st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from("xyz")))


@some
@given(_NAMED, _NAMED)
def test_each_named_value_is_matched_once(old: list[tuple[str, str]], new: list[tuple[str, str]]) -> None:
    pairs = matched(old, new)
    assert sorted(i for i, _ in pairs if i is not None) == list(range(len(old)))
    assert sorted(j for _, j in pairs if j is not None) == list(range(len(new)))
    assert all(old[i][0] == new[j][0] for i, j in pairs if i is not None and j is not None)


@some
@given(st.lists(st.tuples(st.sampled_from(["old", "new"]), st.text(max_size=30))), st.integers(2, 20))
def test_folded_lines_fit_and_lose_nothing(line: list[tuple[str, str]], room: int) -> None:
    made = folded(line, room)
    assert "".join(text for part in made for _, text in part) == "".join(text for _, text in line)
    assert all(sum(width(text) for _, text in part) <= room for part in made)


def test_the_cost_is_linear() -> None:
    def seconds(lines: int) -> float:
        old = b"".join(b"same\n%d\n" % (n % 7) for n in range(lines))
        new = b"".join(b"same\n%d\n" % (n % 5) for n in range(lines))
        began = time.process_time()
        differences(answer(old), answer(new))
        return time.process_time() - began

    assert seconds(20_000) < 20 * max(seconds(2_000), 0.05)


def test_ignoring_nothing_changes_nothing() -> None:
    (one,) = differences(APACHE, APACHE.replace(b"Debian", b"Ubuntu"))
    assert Ignoring().applied(one) is one
