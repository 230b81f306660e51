"""Law 5, and a quick start: the ground floor loads nothing that touches the world, and little of the library."""

from __future__ import annotations

import subprocess
import sys

import pytest

UNWANTED = {
    *("socket", "ssl", "asyncio", "select", "selectors", "random", "logging", "threading", "subprocess"),
    *("dataclasses", "typing", "inspect", "json", "gettext", "contextlib"),
}
MODULES = ("stream", "exchange", "preflight", "edit", "readings")

PROGRAM = """
import sys
before = set(sys.modules)
import httpwire.wire.{module}
print(*sorted(set(sys.modules) - before))
"""


def loaded_by(module: str) -> set[str]:
    """What importing a module of the wire adds to a fresh interpreter, started without site, which loads much."""
    program = f"import sys; sys.path[:0] = {[path for path in sys.path if path]!r}\n" + PROGRAM.format(module=module)
    done = subprocess.run([sys.executable, "-I", "-S", "-c", program], capture_output=True, check=True, text=True)
    return set(done.stdout.split())


@pytest.mark.parametrize("module", MODULES)
def test_importing_the_ground_floor_loads_nothing_of_the_world(module: str) -> None:
    loaded = loaded_by(module)
    assert f"httpwire.wire.{module}" in loaded
    assert {name.partition(".")[0] for name in loaded} & UNWANTED == set()


@pytest.mark.parametrize("module", MODULES)
def test_the_ground_floor_does_not_load_the_floors_above_it(module: str) -> None:
    ours = {name for name in loaded_by(module) if name.startswith("httpwire.")}
    assert {name.split(".")[1] for name in ours} <= {"wire", "errors", "language"}


def test_this_test_can_fail() -> None:
    program = "import sys; before = set(sys.modules); import dataclasses; print(*sorted(set(sys.modules) - before))"
    done = subprocess.run([sys.executable, "-I", "-S", "-c", program], capture_output=True, check=True, text=True)
    assert set(done.stdout.split()) & UNWANTED
