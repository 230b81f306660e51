"""The benchmarks: httpwire and its peers side by side in one run, as ratios. Nothing passes or fails here.

    python bench/run.py [start] [large] [parsing] [reading] [captures] [serving] [--gib N] [--seconds N] [--count N]

`--count` is how many exchanges `captures` makes. `serving` is keepalive, differing, secure, file, upload and idle,
which can be asked for one by one.

Run it with the interpreter of an environment that has httpwire[bench]. Peers that are missing are left out and named.
"""

from __future__ import annotations

import os
import platform
import socket
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Callable
from functools import partial
from pathlib import Path

from measure import HTTPIE, HTTPWIRE, Command, installed, side_by_side, table
from origins import SMALL, large, repeated, serving, small
from reading import reading
from serving import PARTS, serve
from storing import captures

_REQUEST = b"GET / HTTP/1.1\r\nHost: localhost\r\nUser-Agent: bench\r\nAccept: */*\r\n\r\n"
_SECTIONS = ("start", "large", "parsing", "reading", "captures", "serving", *PARTS)


def start(folder: Path) -> None:
    """One small exchange, whole process."""
    request = folder / "client_send.txt"
    request.write_bytes(_REQUEST)
    with serving(small) as port:
        url = f"http://127.0.0.1:{port}/"
        answer = str(folder / "answer")
        commands = installed(
            Command("python -c 'import socket'", [sys.executable, "-c", "import socket"]),
            Command("python -c pass", [sys.executable, "-c", "pass"]),
            Command("httpwire send", [HTTPWIRE, "send", str(request), "--to", f"127.0.0.1:{port}", "-o", answer]),
            Command("curl -o", ["curl", "-s", "-o", answer, url]),
            Command("HTTPie", [HTTPIE, "--ignore-stdin", "GET", url]),
        )
        side_by_side(commands, 15)
    table("One small exchange, whole process (goal: httpwire <= 2 x import socket, HTTPie >= 8 x httpwire)", commands,
          "python -c 'import socket'")  # fmt: skip
    by_name = {command.name: command for command in commands}
    if "HTTPie" in by_name:
        print(f"HTTPie / httpwire: {by_name['HTTPie'].wall / by_name['httpwire send'].wall:.1f}")


def big(folder: Path, gib: int) -> None:
    """A large answer to the same disk."""
    request = folder / "client_send.txt"
    request.write_bytes(_REQUEST)
    with serving(large(gib << 30)) as port:
        answer = str(folder / "answer")
        commands = installed(
            Command("curl -o", ["curl", "-s", "-o", answer, f"http://127.0.0.1:{port}/"], writes=answer),
            Command(
                "httpwire send",
                [HTTPWIRE, "send", str(request), "--to", f"127.0.0.1:{port}", "-o", answer],
                writes=answer,
            ),
        )
        side_by_side(commands, 5 if gib == 1 else 1)
    table(f"An answer of {gib} GiB to the same disk (goal: <= curl, peak under 40 MiB)", commands, "curl -o")


def parsing(folder: Path) -> None:
    """Cost per octet at sizes that double: it stays the same where cost is linear."""
    request = folder / "client_send.txt"
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    print("\nWhole process, sizes that double (goal: the same ns per byte, the same peak)")
    print(f"{'':44}{'wire':>12}{'wall':>12}{'per byte':>12}{'peak':>12}")
    for mib in (16, 32, 64):
        request.write_bytes(_REQUEST)
        count = mib << 20
        unit = b"1\r\nX\r\n"
        _one(folder, f"{mib} MiB in 1-byte chunks", repeated(head, unit, count, b"0\r\n\r\n"), len(unit) * count)
    for kib in (256, 512, 1024):
        field = b"X-Field: 0123456789abcdef0123456789abcdef0123456789abcdef\r\n"
        count = (kib << 10) // len(field)
        section = repeated(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n", field, count, b"\r\n")
        _one(folder, f"a field section of {kib} KiB", section, kib << 10)
    for many in (2_500, 5_000, 10_000):
        request.write_bytes(_REQUEST * many)
        _one(folder, f"{many:,} pipelined answers", repeated(b"", SMALL, many, b""), len(SMALL) * many)
    _beside_h11()


def _one(folder: Path, name: str, answer: Callable[[socket.socket], None], octets: int) -> None:
    with serving(answer) as port:
        words = [HTTPWIRE, "send", str(folder / "client_send.txt"), "--to", f"127.0.0.1:{port}"]
        command = Command(name, [*words, "-o", str(folder / "answer"), "-q"])
        side_by_side([command], 3, warm_up=0)
    status = "" if command.statuses == {0} else f"  exit {sorted(command.statuses)}"
    print(
        f"{name:44}{octets / 2**20:>8.1f} MiB{command.wall:>10.2f} s{command.wall / octets * 1e9:>9.1f} ns"
        f"{command.peak:>8.1f} MiB{status}"
    )


def _beside_h11() -> None:
    """The same octets through httpwire's stream and h11's, in one process."""
    try:
        import h11
    except ImportError:
        print("not installed, left out: h11")
        return
    from httpwire.wire.element import Direction
    from httpwire.wire.stream import Stream

    count = 100_000
    octets = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1\r\nX\r\n" * count + b"0\r\n\r\n"

    def ours(*, detail: bool = False) -> None:
        stream = Stream(Direction.RESPONSE, detail=detail)
        for at in range(0, len(octets), 65536):
            stream.feed(octets[at : at + 65536])
        stream.feed_eof()

    def theirs() -> None:
        connection = h11.Connection(h11.CLIENT)
        connection.send(h11.Request(method="GET", target="/", headers=[("Host", "x")]))
        connection.send(h11.EndOfMessage())
        for at in range(0, len(octets), 65536):
            connection.receive_data(octets[at : at + 65536])
            while connection.next_event() not in (h11.NEED_DATA, h11.PAUSED):
                pass

    print(f"\n{count:,} one-byte chunks in one process")
    for name, function in (
        ("httpwire, as send reads", ours),
        ("httpwire, each part an element", partial(ours, detail=True)),
        ("h11, an event for each chunk", theirs),
    ):
        begun = time.perf_counter()
        function()
        wall = time.perf_counter() - begun
        tracemalloc.start()
        function()
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        print(f"{name:34}{wall * 1e3:>10,.1f} ms{wall / count * 1e9:>10,.0f} ns a chunk{peak / 2**20:>8.1f} MiB")


def _number(words: list[str], option: str, usual: int) -> int:
    return int(words[words.index(option) + 1]) if option in words else usual


def main() -> None:
    words = sys.argv[1:]
    gib = _number(words, "--gib", 1)
    wanted = {word for word in words if word in _SECTIONS} or set(_SECTIONS)
    print(
        f"{platform.python_implementation()} {platform.python_version()}, {platform.system()}, {os.cpu_count()} cores"
    )
    with tempfile.TemporaryDirectory(dir=os.environ.get("BENCH_FOLDER")) as name:
        folder = Path(name)
        if "start" in wanted:
            start(folder)
        if "large" in wanted:
            big(folder, gib)
        if "parsing" in wanted:
            parsing(folder)
        if "reading" in wanted:
            reading(folder)
        if "captures" in wanted:
            captures(folder, _number(words, "--count", 1_000_000))
        parts = [part for part in PARTS if part in wanted or "serving" in wanted]
        if parts:
            serve(folder, parts, gib, _number(words, "--seconds", 3))


if __name__ == "__main__":
    main()
