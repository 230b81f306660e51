"""Each case of tests/corpus gives its log: whole, byte by byte, cut at every position, without the parts of chunks."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from wire_corpus import CORPUS, Case, Run, assert_tiles, cases, coarse, log, run_case

from httpwire.wire import framing
from httpwire.wire.deviations import CATALOGUE
from httpwire.wire.element import ElementKind

CASES = cases()

each_case = pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)

#: Deviations that a Stream can't tell, and the test file that produces each.
TOLD_ELSEWHERE = {
    "content-long": "wire/test_wire_preflight.py",
    "content-unannounced": "wire/test_wire_preflight.py",
    "bytes-after-chunks": "wire/test_wire_preflight.py",
    "bytes-after-end": "wire/test_wire_exchange.py",
    "tls-truncated": "peers/test_peer_tls.py",
    "octets-missing": "capture/test_gaps.py",
}


def cuts(octets: bytes) -> Iterator[tuple[bytes, bytes]]:
    """`octets` in two, at every position; of a long case at every 97th."""
    places = range(0, len(octets) + 1, 97 if len(octets) > 1000 else 1)
    for place in places:
        yield octets[:place], octets[place:]


@each_case
def test_the_log_is_the_claim(case: Case) -> None:
    whole = run_case(case, [case.octets])
    assert log(whole, case.octets) == case.log


@each_case
def test_elements_tile_the_octets(case: Case) -> None:
    for detail in (True, False):
        shown = run_case(case, [case.octets], detail=detail)
        assert_tiles(shown.elements, len(case.octets))


@each_case
def test_byte_by_byte_says_the_same(case: Case) -> None:
    for detail in (True, False):
        whole = run_case(case, [case.octets], detail=detail)
        single = [case.octets[i : i + 1] for i in range(len(case.octets))]
        assert run_case(case, single, detail=detail) == whole
        assert run_case(case, single, detail=detail, skip=True) == whole


@each_case
def test_every_cut_says_the_same(case: Case) -> None:
    for detail in (True, False):
        whole = run_case(case, [case.octets], detail=detail)
        for pieces in cuts(case.octets):
            assert run_case(case, pieces, detail=detail) == whole, f"cut at {len(pieces[0])}"


@each_case
def test_detail_changes_elements_alone(case: Case) -> None:
    detailed = run_case(case, [case.octets], detail=True)
    plain = run_case(case, [case.octets], detail=False)
    assert (plain.heads, plain.messages, plain.findings) == (detailed.heads, detailed.messages, detailed.findings)
    assert plain.elements == coarse(detailed.elements)


def runs() -> list[Run]:
    return [run_case(case, [case.octets]) for case in CASES]


def test_every_deviation_is_produced_by_some_case() -> None:
    produced = {id for run in runs() for id in run.ids}
    assert not produced & TOLD_ELSEWHERE.keys(), "a case produces it: take it out of TOLD_ELSEWHERE"
    assert produced | TOLD_ELSEWHERE.keys() == CATALOGUE.keys()


@pytest.mark.parametrize(("id", "file"), TOLD_ELSEWHERE.items())
def test_the_other_deviations_are_tested_where_this_file_says(id: str, file: str) -> None:
    assert f'"{id}"' in (CORPUS.parent / file).read_text()


def test_every_rule_decides_some_case() -> None:
    decided = {message.framing.rule for run in runs() for message in run.messages if message.framing}
    assert decided == set(framing.Rule)


def test_every_kind_of_element_stands_in_some_case() -> None:
    detailed = {element.kind for run in runs() for element in run.elements}
    assert detailed == set(ElementKind) - {ElementKind.CHUNKED}  # which stands for the parts of chunks without detail


def test_every_finding_fills_its_sentence() -> None:
    for run in runs():
        for finding in run.all_findings:
            assert "{" not in str(finding).replace("{" + "}", ""), finding


def test_a_case_has_a_name_of_its_own() -> None:
    ids = [case.id for case in CASES]
    assert len(set(ids)) == len(ids)
    assert len(ids) > 200


def test_a_wrong_log_fails() -> None:
    """The runner itself can fail: one offset changed in one log is noticed."""
    case = CASES[0]
    line = case.log.splitlines(keepends=True)[0]
    assert log(run_case(case, [case.octets]), case.octets) != case.log.replace(line, line.replace("0-", "1-", 1), 1)
