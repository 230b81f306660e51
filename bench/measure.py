"""Runs whole processes side by side and measures them: wall time, processor time and peak memory of each.

In: named commands. Out: for each its medians over interleaved runs (A B C A B C ...), so that
a machine whose speed drifts is unfair to none; and a table with ratios to the first.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class Command:
    name: str
    words: list[str]
    walls: list[float] = field(default_factory=list)
    processor: list[float] = field(default_factory=list)
    peak_kib: list[int] = field(default_factory=list)
    statuses: set[int] = field(default_factory=set)
    writes: str = ""  # a file that is removed before each run, so that none pays for freeing the last one's

    @property
    def wall(self) -> float:
        """Median seconds."""
        return statistics.median(self.walls)

    @property
    def cpu(self) -> float:
        """Median seconds of user and system time."""
        return statistics.median(self.processor)

    @property
    def peak(self) -> float:
        """Largest resident set, MiB."""
        return max(self.peak_kib) / 1024


# A process inherits the peak of the one that forks it, so commands are started by one that is small.
_LAUNCHER = """
import os, sys, time
null = os.open(os.devnull, os.O_RDWR)
for line in sys.stdin:
    words = line.rstrip("\\n").split("\\0")
    begun = time.perf_counter()
    child = os.fork()
    if not child:
        os.dup2(null, 0), os.dup2(null, 1), os.dup2(null, 2)
        try:
            os.execvp(words[0], words)
        finally:
            os._exit(127)
    _, status, usage = os.wait4(child, 0)
    wall = time.perf_counter() - begun
    print(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss, os.waitstatus_to_exitcode(status), flush=True)
"""


class Launcher:
    """A small process that runs commands and measures them."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", _LAUNCHER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def run(self, command: Command, *, counted: bool = True) -> None:
        """Run `command` to its end, and count it."""
        assert self._process.stdin
        assert self._process.stdout
        if command.writes:
            Path(command.writes).unlink(missing_ok=True)
        self._process.stdin.write("\0".join(command.words) + "\n")
        self._process.stdin.flush()
        wall, processor, peak, status = self._process.stdout.readline().split()
        if counted:
            command.walls.append(float(wall))
            command.processor.append(float(processor))
            command.peak_kib.append(int(peak) // (1024 if sys.platform == "darwin" else 1))
            command.statuses.add(int(status))

    def close(self) -> None:
        assert self._process.stdin
        self._process.stdin.close()
        self._process.wait()


def side_by_side(commands: list[Command], runs: int, *, warm_up: int = 1) -> None:
    """Run all `commands` in turn, `runs` times."""
    launcher = Launcher()
    for turn in range(warm_up + runs):
        for command in commands:
            launcher.run(command, counted=turn >= warm_up)
    launcher.close()


def table(title: str, commands: list[Command], base: str) -> None:
    """Print what was measured, each beside the command called `base`."""
    first = next(command for command in commands if command.name == base)
    print(f"\n{title}")
    print(f"{'':34}{'wall':>10}{'min-max':>18}{'cpu':>10}{'peak':>10}{'wall ratio':>12}")
    for command in commands:
        spread = f"{min(command.walls) * 1e3:,.0f}-{max(command.walls) * 1e3:,.0f} ms"
        status = "" if command.statuses == {0} else f"  exit {sorted(command.statuses)}"
        print(
            f"{command.name:34}{command.wall * 1e3:>7,.1f} ms{spread:>18}{command.cpu * 1e3:>7,.1f} ms"
            f"{command.peak:>6.1f} MiB{command.wall / first.wall:>12.2f}{status}"
        )
