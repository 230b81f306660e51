"""Fills in the empty logs of tests/corpus/*.md; with --all, writes every log anew.

python tests/wire/write_corpus.py [--all], then `git diff`, and read each log against the RFC: the log is the claim,
and what the parser says today is only a proposal for it.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

import wire_corpus


def write(path: Path, *, everything: bool) -> int:
    """Write the logs of one file; gives how many."""
    text = path.read_text("ascii")
    logs = [case for case in wire_corpus.read(path) if everything or not case.log]
    for case in wire_corpus.read(path):
        if not everything and case.log:
            continue
        new = wire_corpus.log(wire_corpus.run_case(case, [case.octets]), case.octets)
        place = text.index("```log\n", text.index(f"\n\n{case.prose}\n\n```octets")) + len("```log\n")
        text = text[:place] + new + text[text.index("```", place) :]
    path.write_text(text, "ascii")
    return len(logs)


def main() -> None:
    everything = "--all" in sys.argv[1:]
    for path in sorted(wire_corpus.CORPUS.glob("*.md")):
        if re.search(r"^```octets", path.read_text("ascii"), re.MULTILINE) and path.name != "README.md":
            print(f"{path.name}: {write(path, everything=everything)} logs written")


if __name__ == "__main__":
    main()
