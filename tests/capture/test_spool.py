"""Octets that wait, in memory or in a file."""

from __future__ import annotations

import tempfile
from itertools import zip_longest
from pathlib import Path

import pytest

from httpwire.capture.formats.spool import Spool
from httpwire.errors import SaveFailed


@pytest.mark.parametrize("most", [0, 10, 1 << 20])
def test_two_who_read_at_once_and_one_who_writes_between_see_all(most: int) -> None:
    pieces = [bytes([number]) * 100_000 for number in range(7)]
    spool = Spool(pieces[:6], most=most)
    both = list(zip_longest(spool.blocks(), spool.blocks(), fillvalue=b""))
    assert [b"".join(side) for side in zip(*both, strict=True)] == [b"".join(pieces[:6])] * 2
    spool.write(pieces[6])
    assert b"".join(spool.blocks()) == b"".join(pieces)
    assert spool.size == 700_000


def test_where_there_is_no_place_for_a_file_it_is_told_which(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = str(tmp_path / "gone")
    monkeypatch.setattr(tempfile, "tempdir", gone)
    with pytest.raises(SaveFailed) as raised:
        Spool([b"ab"], most=1)
    assert raised.value.facts["path"] == gone
