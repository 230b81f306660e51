"""Patches laid on octets, with every promise of a plan checked on the way."""

from __future__ import annotations

from collections.abc import Iterable

from httpwire.wire.deviations import Finding
from httpwire.wire.edit import Edits, Patch, plan
from httpwire.wire.preflight import Examination, Examiner


def applied(octets: bytes, patches: Iterable[Patch]) -> bytes:
    """`octets` with `patches`, which must come in order, not overlap, match what they replace, and change something."""
    out = bytearray()
    position = 0
    for patch in patches:
        assert patch.offset >= position, f"{patch} begins before {position}, where the one before it ended"
        stop = patch.offset + len(patch.old)
        assert octets[patch.offset : stop] == patch.old, f"{patch} replaces {octets[patch.offset : stop]!r}"
        assert patch.old != patch.new, f"{patch} changes nothing"
        out += octets[position : patch.offset] + patch.new
        position = stop
    return bytes(out + octets[position:])


def edited(octets: bytes, edits: Edits) -> bytes:
    return applied(octets, plan(edits, [octets]))


def examined(*pieces: bytes) -> Examination:
    examiner = Examiner()
    for piece in pieces:
        examiner.feed(piece)
    return examiner.finish()


def ids(findings: Iterable[Finding]) -> list[str]:
    return [finding.deviation.id for finding in findings]
