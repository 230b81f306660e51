"""Runs whole processes side by side and measures them: wall time, processor time and peak memory of each.

In: named commands. Out: for each its medians over interleaved runs (A B C A B C ...), so that
a machine whose speed drifts is unfair to none; and a table with ratios to the first. A Service is
a server that is measured from outside while others ask it.
"""

from __future__ import annotations

import os
import shutil
import socket
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

_BIN = Path(sys.executable).parent
HTTPWIRE = str(_BIN / "httpwire")
HTTPIE = str(_BIN / "http")
_PATIENCE = 30.0  # seconds for a server to listen, or to end
_PINS = bool(shutil.which("taskset")) and (os.cpu_count() or 1) > 1


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


def installed(*commands: Command) -> list[Command]:
    """The commands whose program is there; says which are not."""
    present = [command for command in commands if shutil.which(command.words[0])]
    for command in commands:
        if command not in present:
            print(f"not installed, left out: {command.name}")
    return present


def pinned(words: list[str], *, server: bool) -> list[str]:
    """`words` on a core of their own, where the system can do that: the first for servers, the last for clients."""
    core = 0 if server else (os.cpu_count() or 1) - 1
    return ["taskset", "-c", str(core), *words] if _PINS else words


def where_it_runs() -> str:
    """Which cores servers and clients have, as a line of text."""
    if _PINS:
        return f"servers on core 0, clients on core {(os.cpu_count() or 1) - 1} (taskset)"
    return "servers and clients share all cores: there is no taskset, or only one core"


def free_port() -> int:
    """A port that nobody has now."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


class Service:
    """The server `words` on `port`, while the context is entered: on one core, and asked from outside for the time and
    the memory it takes (0 where there is no /proc)."""

    def __init__(self, words: list[str], port: int, environment: dict[str, str] | None = None) -> None:
        self.port = port
        self._words = pinned(words, server=True)
        self._environment = {**os.environ, **(environment or {})}
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Service:
        null = subprocess.DEVNULL
        self._process = subprocess.Popen(self._words, stdin=null, stdout=null, stderr=null, env=self._environment)
        until = time.monotonic() + _PATIENCE
        while not self._listens():
            if self._process.poll() is not None or time.monotonic() > until:
                self.__exit__()
                raise RuntimeError(f"it does not listen on port {self.port}: {' '.join(self._words)}")
            time.sleep(0.02)
        return self

    def __exit__(self, *exception: object) -> None:
        process = self._process
        if process:
            process.terminate()
            try:
                process.wait(_PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def _listens(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
        except OSError:
            return False
        return True

    @property
    def cpu(self) -> float:
        """Seconds of user and system time so far."""
        assert self._process
        try:
            told = Path(f"/proc/{self._process.pid}/stat").read_text("ascii")
        except OSError:
            return 0.0
        user, system = told.rpartition(")")[2].split()[11:13]  # proc(5): utime, stime
        return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")

    @property
    def resident(self) -> float:
        """MiB in memory now."""
        return self._status("VmRSS")

    @property
    def peak(self) -> float:
        """The most MiB in memory so far."""
        return self._status("VmHWM")

    def _status(self, name: str) -> float:
        assert self._process
        try:
            lines = Path(f"/proc/{self._process.pid}/status").read_text("ascii").splitlines()
        except OSError:
            return 0.0
        return next((int(line.split()[1]) / 1024 for line in lines if line.startswith(name)), 0.0)


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
