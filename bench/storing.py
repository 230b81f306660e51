"""Captures: many small exchanges appended, indexed and found again, and files of other formats read beside their tools.

In: a folder for files, and how many exchanges. Out: tables: rates, sizes beside the sum of octets, times of whole
processes with their peaks, and imports as ratios to tshark and warcio on the same file. Nothing passes or fails here.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from measure import HTTPWIRE, Command, Launcher, installed, table

from httpwire.capture.store.writing import Appender
from httpwire.capture.traffic import ConnectionFacts, put_exchange

_STATUSES = (200, 200, 200, 201, 404, 500, 200, 302)
_ODD = 64  # each so many answers have octets behind their end
_BEGAN = 1_790_000_000_000_000_000  # ns since 1970
_PATTERN = bytes(range(32, 127)) * 12  # content that no disk or table makes smaller
_WARCIO = """
import sys
from warcio.archiveiterator import ArchiveIterator
with open(sys.argv[1], "rb") as file:
    for record in ArchiveIterator(file):
        stream = record.content_stream()
        while stream.read(65536):
            pass
"""

Exchange = tuple[bytes, bytes]


def captures(folder: Path, count: int) -> None:
    """All of it."""
    _many(folder, count)
    _imports(folder, "small answers", _exchanges(max(1, count // 20), 0))
    _imports(folder, "answers of 10 kB", _exchanges(max(1, count // 100), 10_000))


def _exchanges(count: int, content: int) -> Iterator[Exchange]:
    """Exchanges that differ, with `content` octets more than the least in each answer."""
    for number in range(count):
        odd = b"\r\n" if number % _ODD == 0 else b""
        body = b'{"id": %d, "name": "item number %d"}' % (number, number) + (_PATTERN * 9)[:content]
        yield (
            b"GET /items/%d?page=%d HTTP/1.1\r\nHost: shop.example\r\nUser-Agent: bench/1.0\r\nAccept: */*\r\n"
            b"Cookie: session=%016x\r\n\r\n" % (number, number % 97, number * 2654435761),
            b"HTTP/1.1 %d Told\r\nDate: Sat, 28 Nov 2026 00:%02d:%02d GMT\r\nServer: bench\r\n"
            b'Content-Type: application/json\r\nETag: "%x"\r\nContent-Length: %d\r\n\r\n%b%b'
            % (_STATUSES[number % 8], number // 60 % 60, number % 60, number, len(body), body, odd),
        )


def _append(path: Path, exchanges: Iterator[Exchange]) -> tuple[float, int]:
    """Seconds that the capture's own part of it took, and the sum of octets."""
    octets, spent = 0, 0.0
    with Appender(str(path)) as sink:
        for number, (request, response) in enumerate(exchanges):
            facts = ConnectionFacts(
                _BEGAN + number * 1_000_000, client=f"127.0.0.1:{1024 + number % 60_000}", server="127.0.0.1:80"
            )
            begun = time.perf_counter()
            put_exchange(sink, facts, [request], [response], sent_ns=20_000, first_ns=400_000, last_ns=500_000)
            spent += time.perf_counter() - begun
            octets += len(request) + len(response)
        begun = time.perf_counter()
    return spent + time.perf_counter() - begun, octets


def _many(folder: Path, count: int) -> None:
    path = folder / "many.hwire"
    seconds, octets = _append(path, _exchanges(count, 0))
    print(f"\n{count:,} small exchanges, each on its own connection: {octets / 2**20:,.0f} MiB of octets")
    bare = path.stat().st_size
    print(f"{'append':44}{count / seconds:>12,.0f} a second{octets / seconds / 2**20:>10,.1f} MiB/s")
    _one("ls | head -n 20, without an index", f"{HTTPWIRE} ls {path} | head -n 20")
    index = _one("index", f"{HTTPWIRE} index {path}")
    print(f"{'':44}{count / index.wall:>12,.0f} a second")
    whole = path.stat().st_size
    print(f"{'file / octets':44}{bare / octets:>12.2f}   with the index{whole / octets:>8.2f}")
    for words in (
        "404",
        "5xx method=GET",
        "path=/items/99999",
        "duration=1s..",
        "finding=bytes-after-end",
        "size=45..",
    ):
        _one(f"ls {words} (goal: < 2 s)", f"{HTTPWIRE} ls {path} {words}")
    _one("ls number=1..10000 bytes=session=0000", f"{HTTPWIRE} ls {path} number=1..10000 bytes=session=0000")
    _one("ls, all of it", f"{HTTPWIRE} ls {path}")
    _one("show #COUNT", f"{HTTPWIRE} show '{path}#{count}'")
    path.unlink()


def _one(name: str, line: str) -> Command:
    """Run a shell's line once, and print what it took."""
    command = Command(name, ["sh", "-c", f"{line} >/dev/null"])
    launcher = Launcher()
    launcher.run(command)
    launcher.close()
    status = "" if command.statuses == {0} else f"  exit {sorted(command.statuses)}"
    print(f"{name:44}{command.wall:>12.2f} s{command.peak:>12.1f} MiB{status}")
    return command


def _imports(folder: Path, what: str, exchanges: Iterator[Exchange]) -> None:
    """Files of other formats, made by httpwire, read by it and by their own tools."""
    path = folder / "some.hwire"
    _, octets = _append(path, exchanges)
    given = str(folder / "out.hwire")
    for ending, peer in (
        (".pcapng", _tshark),
        (".warc", _warcio),
        (".warc.gz", _warcio),
        (".gor", None),
        (".har", None),
    ):
        made = folder / f"some{ending}"
        subprocess.run([HTTPWIRE, "convert", str(path), str(made), "-q"], check=True, capture_output=True)
        ours = Command("httpwire convert", [HTTPWIRE, "convert", str(made), given, "-q"], writes=given)
        commands = installed(*(peer(made) if peer else ()), ours)
        launcher = Launcher()
        for _ in range(3):
            for command in commands:
                launcher.run(command)
        launcher.close()
        size = made.stat().st_size
        rate = size / ours.wall / 2**20
        title = (
            f"{ending}, {what}: {size / 2**20:.1f} MiB for {octets / 2**20:.1f} MiB of octets, read at {rate:.1f} MiB/s"
        )
        table(title, commands, commands[0].name)
        made.unlink()
        os.unlink(given)
    path.unlink()


def _tshark(path: Path) -> tuple[Command, ...]:
    words = ["tshark", "-n", "-r", str(path)]
    return (
        Command("tshark -Y http (goal: 3 x as fast)", [*words, "-Y", "http", "-T", "fields", "-e", "http.request.uri"]),
        Command("tshark -q, which dissects nothing", [*words, "-q"]),
    )


def _warcio(path: Path) -> tuple[Command, ...]:
    script = path.with_name("iterate.py")
    script.write_text(_WARCIO, "ascii")
    return (Command("warcio's iteration (goal: >= 0.8)", [sys.executable, str(script), str(path)]),)
