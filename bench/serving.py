"""httpwire's servers beside nginx, mitmproxy and a plain sink: small answers, a large one, an upload, idle connections.

In: a folder for what is served and kept, and which parts are wanted. Out: a table for each part. All runs are
interleaved, each on a server that was just started; a server has one core, its clients have another.
"""

from __future__ import annotations

import itertools
import json
import os
import shutil
import socket
import ssl
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path

from measure import HTTPWIRE, Command, Launcher, Service, free_port, installed, pinned, side_by_side, where_it_runs
from origins import SMALL, serving, small

PARTS = ("keepalive", "differing", "secure", "file", "upload", "idle")
_ROUNDS = 5
_CONNECTIONS = 32
_IDLE = 2000
_BLOCK = 1 << 20
_PAGE = SMALL.partition(b"\r\n\r\n")[2]
_MITMDUMP = os.environ.get("BENCH_MITMDUMP", "mitmdump")
_SBIN = "/usr/sbin:/usr/local/sbin:/sbin"
_NGINX = shutil.which("nginx", path=os.pathsep.join((os.environ.get("PATH", ""), _SBIN))) or "nginx"

# One process, so that all of it is on one core and is measured; no log, no limit on requests.
_SETTINGS = """
daemon off; master_process off; worker_processes 1; pid "{folder}/pid"; error_log "{folder}/error.log" crit;
worker_rlimit_nofile 8192;
events {{ worker_connections 4096; }}
http {{
    access_log off; sendfile on; tcp_nopush on; tcp_nodelay on; server_tokens off; default_type text/html;
    keepalive_requests 1000000000; keepalive_timeout 600s; lingering_close off;
    client_body_temp_path "{folder}/body"; proxy_temp_path "{folder}/proxy"; fastcgi_temp_path "{folder}/fastcgi";
    uwsgi_temp_path "{folder}/uwsgi"; scgi_temp_path "{folder}/scgi";
    server {{ listen 127.0.0.1:{port}{listen}; root "{folder}/htdocs"; {extra} }}
}}
"""

# wrk's own figures are rounded; these are not.
_DONE = """
function done(summary, latency, requests)
  local errors = summary.errors
  local failed = errors.connect + errors.read + errors.write + errors.status + errors.timeout
  io.write(string.format("\\ntold %d %d %d %d\\n", summary.requests, summary.bytes, summary.duration, failed))
end
"""
_COUNTED = """
local count, rest = 0, {rest}
function request()
  count = count + 1
  return "GET /?" .. count .. rest
end
"""

_SINK = """
import socket, sys
listener = socket.create_server(("127.0.0.1", int(sys.argv[1])))
with listener.accept()[0] as connection, open(sys.argv[2], "wb", buffering=0) as file:
    while data := connection.recv(1 << 17):
        file.write(data)
"""


@dataclass
class _Server:
    """A server with what was measured of it, a value for each run."""

    name: str
    words: Callable[[int], list[str]]  # given a port
    scheme: str = "http"
    rates: list[float] = field(default_factory=list)
    cpus: list[float] = field(default_factory=list)  # seconds a request
    busy: list[float] = field(default_factory=list)  # of one core
    peaks: list[float] = field(default_factory=list)  # MiB
    octets: float = 0.0  # an answer
    failed: int = 0

    @property
    def rate(self) -> float:
        return statistics.median(self.rates)

    @property
    def cpu(self) -> float:
        return statistics.median(self.cpus)

    @property
    def capacity(self) -> float:
        """Requests in a second of its processor time; of the clock's where that can't be known."""
        return 1 / self.cpu if self.cpu else self.rate

    def service(self) -> Service:
        """A new one."""
        port = free_port()
        return Service(self.words(port), port)


def serve(folder: Path, parts: list[str], gib: int, seconds: int) -> None:
    """Measure `parts`, with `gib` in large messages and `seconds` of asking in a run."""
    print(f"\n{where_it_runs()}")
    if where_it_runs().startswith("servers on"):
        os.sched_setaffinity(0, {(os.cpu_count() or 1) - 1})  # this process and what it starts are the clients
    answer = folder / "small.http"
    answer.write_bytes(SMALL)
    (folder / "htdocs").mkdir()
    (folder / "htdocs" / "index.html").write_bytes(_PAGE)
    if "keepalive" in parts:
        _keepalive(folder, seconds)
    if "differing" in parts:
        _differing(folder, seconds)
    if "secure" in parts:
        _secure(folder, seconds)
    if "file" in parts:
        _file(folder, gib)
    if "upload" in parts:
        _upload(folder, gib)
    if "idle" in parts:
        _idle(folder)


# The servers.


def _nginx(folder: Path, name: str, *, listen: str = "", extra: str = "") -> Callable[[int], list[str]]:
    place = folder / name
    place.mkdir()
    (place / "htdocs").symlink_to(folder / "htdocs")

    def words(port: int) -> list[str]:
        settings = _SETTINGS.format(folder=place, port=port, listen=listen, extra=extra)
        (place / "nginx.conf").write_text(settings)
        return [_NGINX, "-p", str(place), "-e", f"{place}/error.log", "-c", f"{place}/nginx.conf"]

    return words


def _httpwire(answer: Path, *options: str) -> Callable[[int], list[str]]:
    return lambda port: [HTTPWIRE, "serve", str(answer), "--listen", f"127.0.0.1:{port}", *options]


def _recording(folder: Path) -> list[_Server]:
    """httpwire without recording, and with each kind of it. What is kept is new for each run, and nothing is removed
    before the end: some file systems are slow to make files just after others were removed."""
    answer = folder / "small.http"
    count = itertools.count()

    def kept(ending: str) -> Callable[[int], list[str]]:
        return lambda port: _httpwire(answer, "--record", f"{folder}/kept-{next(count)}-{port}{ending}")(port)

    return [
        _Server("httpwire serve", _httpwire(answer)),
        _Server("httpwire serve --record FILE", kept(".http")),
        _Server("httpwire serve --record DIR/", kept("/")),
        _Server("httpwire serve --record CAPTURE", kept(".hwire")),
    ]


@contextmanager
def _replaying(folder: Path) -> Iterator[Callable[[int], list[str]]]:
    """mitmproxy's server replay of the small answer, recorded through itself."""
    flows = folder / "flows"
    with serving(small) as origin:
        common = [_MITMDUMP, "-q", "--listen-host", "127.0.0.1", "--mode", f"reverse:http://127.0.0.1:{origin}/"]
        common += ["--set", f"confdir={folder / 'mitmproxy'}", "--set", "connection_strategy=lazy"]
        port = free_port()
        with Service([*common, "--listen-port", str(port), "-w", str(flows)], port):
            _one_request(port)
        options = ["--server-replay", str(flows), "--server-replay-reuse", "--set", "server_replay_extra=kill"]
        yield lambda port: [*common, "--listen-port", str(port), *options]


def _present(servers: list[_Server]) -> list[_Server]:
    there = {command.name for command in installed(*(Command(s.name, s.words(0)) for s in servers))}
    return [server for server in servers if server.name in there]


# Small answers.


def _keepalive(folder: Path, seconds: int) -> None:
    """(a) The same request again and again."""
    inline = 'location / { return 200 "<html><body><h1>It works!</h1></body></html>\\n"; }'
    with ExitStack() as stack:
        servers = [
            _Server("nginx, page in a file", _nginx(folder, "nginx-file")),
            _Server("nginx, page in its settings", _nginx(folder, "nginx-return", extra=inline)),
            *_recording(folder),
        ]
        if shutil.which(_MITMDUMP):
            servers.append(_Server("mitmdump --server-replay", stack.enter_context(_replaying(folder))))
        else:
            print("not installed, left out: mitmdump (BENCH_MITMDUMP names it)")
        found = _under_wrk(folder, servers, seconds)
    title = f"A small answer, kept-alive connections: wrk -t1 -c{_CONNECTIONS}, {_ROUNDS} runs of {seconds} s"
    _tell(title, found)
    by_name = {server.name: server for server in found}
    ours = by_name.get("httpwire serve")
    if not ours:
        return
    for name, goal in (
        ("nginx, page in a file", 0.5),
        ("nginx, page in its settings", 0.5),
        ("mitmdump --server-replay", 10),
    ):
        if name in by_name:
            theirs = by_name[name]
            clock, core = ours.rate / theirs.rate, ours.capacity / theirs.capacity
            print(f"httpwire / {name}: {clock:.2f} by the clock, {core:.2f} by processor time (goal >= {goal})")
    _tell_recording(folder, by_name, ours)


def _tell_recording(folder: Path, by_name: dict[str, _Server], ours: _Server) -> None:
    for option in ("--record FILE", "--record DIR/", "--record CAPTURE"):
        server = by_name[f"httpwire serve {option}"]
        clock, core = 1 - server.rate / ours.rate, 1 - server.capacity / ours.capacity
        print(f"{option} costs {clock:.0%} by the clock, {core:.0%} by processor time (goal <= 30%)")
    print(f"a file of its own costs {_file_alone(folder) * 1e6:.1f} us of processor time here, without a server")


def _file_alone(folder: Path) -> float:
    """Seconds of processor time to make a small file in a folder, as few calls as can be."""
    place = folder / f"alone-{time.monotonic_ns()}"
    place.mkdir()
    count = 20_000
    descriptor = os.open(place, os.O_RDONLY | os.O_DIRECTORY)
    begun = time.process_time()
    for number in range(count):
        file = os.open(f"{number:06}.http", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666, dir_fd=descriptor)
        os.write(file, SMALL)
        os.close(file)
    spent = time.process_time() - begun
    os.close(descriptor)
    return spent / count


def _differing(folder: Path, seconds: int) -> None:
    """(b) No request is like another: nothing that was read before helps."""
    chrome = files("httpwire").joinpath("samples/chrome-get.http").read_bytes().decode("ascii")
    for what, rest in (
        ("a target and a Host", " HTTP/1.1\r\nHost: localhost\r\n\r\n"),
        ("15 fields, as Chrome sends them", chrome[len("GET /") :]),
    ):
        servers = [
            _Server("nginx, page in a file", _nginx(folder, f"nginx-{len(rest)}")),
            *_recording(folder),
        ]
        found = _under_wrk(folder, servers, seconds, _COUNTED.format(rest=json.dumps(rest)))
        _tell(f"Requests that all differ: {what}, {_ROUNDS} runs of {seconds} s", found)
        by_name = {server.name: server for server in found}
        if "httpwire serve" in by_name:
            _tell_recording(folder, by_name, by_name["httpwire serve"])


def _secure(folder: Path, seconds: int) -> None:
    """A small answer over TLS."""
    certificate = _certificate(folder)
    if not certificate:
        return
    answer = folder / "small.http"
    servers = [
        _Server("nginx, TLS", _nginx(folder, "nginx-tls", **_nginx_tls(certificate)), "https"),
        _Server("httpwire serve, TLS", _httpwire(answer, *_our_tls(certificate)), "https"),
    ]
    found = _under_wrk(folder, servers, seconds)
    _tell(f"A small answer over TLS, kept-alive connections, {_ROUNDS} runs of {seconds} s", found)


def _under_wrk(folder: Path, servers: list[_Server], seconds: int, script: str = "") -> list[_Server]:
    """Ask each of `servers` with wrk, in turn; gives those that are installed."""
    if not shutil.which("wrk"):
        print("not installed, left out: wrk, and with it all that it measures")
        return []
    path = folder / "wrk.lua"
    path.write_text(script + _DONE)
    present = _present(servers)
    for _ in range(_ROUNDS):
        for server in present:
            with server.service() as service:
                begun = service.cpu
                url = f"{server.scheme}://127.0.0.1:{service.port}/"
                words = ["wrk", "-t1", f"-c{_CONNECTIONS}", f"-d{seconds}s", "-s", str(path), url]
                told = subprocess.run(words, check=True, capture_output=True, text=True, timeout=seconds + 60).stdout
                requests, octets, micros, failed = (int(n) for n in told.rpartition("told ")[2].split())
                cpu = service.cpu - begun
                server.rates.append(requests / micros * 1e6)
                server.cpus.append(cpu / max(1, requests))
                server.busy.append(cpu / micros * 1e6)
                server.peaks.append(service.peak)
                server.octets = octets / max(1, requests)
                server.failed += failed
    return present


def _tell(title: str, servers: list[_Server]) -> None:
    if not servers:
        return
    first = servers[0]
    print(f"\n{title}")
    print(
        f"{'':34}{'requests/s':>12}{'min-max':>18}{'ratio':>8}{'cpu each':>12}{'ratio':>8}{'busy':>7}{'peak':>11}"
        f"{'answer':>8}"
    )
    for server in servers:
        spread = f"{min(server.rates):,.0f}-{max(server.rates):,.0f}"
        failed = f"  {server.failed} failed" if server.failed else ""
        cpu_ratio = first.cpu / server.cpu if server.cpu else 0.0
        print(
            f"{server.name:34}{server.rate:>12,.0f}{spread:>18}{server.rate / first.rate:>8.2f}"
            f"{server.cpu * 1e6:>9.1f} us{cpu_ratio:>8.2f}{statistics.median(server.busy):>7.0%}"
            f"{max(server.peaks):>7.1f} MiB{server.octets:>6.0f} B{failed}"
        )


# A large answer.


def _file(folder: Path, gib: int) -> None:
    """(c) A large recorded answer."""
    octets = gib << 30
    content, answer = folder / "htdocs" / "large", folder / "large.http"
    block = os.urandom(_BLOCK)
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nContent-Length: %d\r\n\r\n"
    with content.open("wb") as plain, answer.open("wb") as recorded:
        recorded.write(head % octets)
        for _ in range(octets // _BLOCK):
            plain.write(block)
            recorded.write(block)
    servers = [
        _Server("nginx", _nginx(folder, "nginx-large")),
        _Server("httpwire serve", _httpwire(answer)),
    ]
    certificate = _certificate(folder)
    if certificate:
        servers += [
            _Server("nginx, TLS", _nginx(folder, "nginx-large-tls", **_nginx_tls(certificate)), "https"),
            _Server("httpwire serve, TLS", _httpwire(answer, *_our_tls(certificate)), "https"),
        ]
    with ExitStack() as stack:
        services = {server.name: stack.enter_context(server.service()) for server in _present(servers)}
        begun = {name: service.cpu for name, service in services.items()}
        commands = []
        for server in servers:
            if server.name in services:
                url = f"{server.scheme}://127.0.0.1:{services[server.name].port}/large"
                commands.append(Command(server.name, ["curl", "-s", "-k", "-o", os.devnull, url]))
        commands = installed(*commands)
        side_by_side(commands, _ROUNDS, warm_up=1)
        by_name = {command.name: command for command in commands}
        print(f"\nAn answer of {gib} GiB: curl -o {os.devnull} (goal: httpwire >= 0.8 of nginx)")
        print(f"{'':34}{'MB/s':>10}{'min-max':>18}{'ratio':>8}{'cpu each':>13}{'peak':>11}")
        for command in commands:
            service = services[command.name]
            base = by_name.get("nginx, TLS" if command.name.endswith("TLS") else "nginx", command)
            rates = [octets / wall / 1e6 for wall in command.walls]
            cpu = (service.cpu - begun[command.name]) / (_ROUNDS + 1)
            status = "" if command.statuses == {0} else f"  exit {sorted(command.statuses)}"
            print(
                f"{command.name:34}{octets / command.wall / 1e6:>10,.0f}{f'{min(rates):,.0f}-{max(rates):,.0f}':>18}"
                f"{base.wall / command.wall:>8.2f}{cpu * 1e3:>10,.0f} ms{service.peak:>7.1f} MiB{status}"
            )
    content.unlink()
    answer.unlink()


# A large upload.


def _upload(folder: Path, gib: int) -> None:
    """(d) A large request, kept."""
    octets = gib << 30
    kept = folder / "upload.http"
    head = b"PUT /upload HTTP/1.1\r\nHost: localhost\r\n"
    whole = head + b"Content-Length: %d\r\n\r\n" % octets
    chunk = b"4000\r\n" + os.urandom(0x4000) + b"\r\n"
    block = chunk[6:-2] * (_BLOCK // 0x4000)
    announced = (whole, block, octets // _BLOCK, b"")
    chunked = (head + b"Transfer-Encoding: chunked\r\n\r\n", chunk * 64, octets // _BLOCK, b"0\r\n\r\n")
    port = free_port()  # of one process after the other
    (folder / "sink.py").write_text(_SINK)
    sink = [sys.executable, "-I", "-S", str(folder / "sink.py"), str(port), str(kept)]
    socat = ["socat", "-u", "-b131072", f"TCP-LISTEN:{port},bind=127.0.0.1,reuseaddr", f"CREATE:{kept}"]
    ours = [HTTPWIRE, "record", "-o", str(kept), "--listen", f"127.0.0.1:{port}", "--reply-status", "204"]
    commands = installed(
        Command("python: recv and write", sink, writes=str(kept)),
        Command("socat", socat, writes=str(kept)),
        Command("httpwire record -o FILE", ours, writes=str(kept)),
        Command("httpwire record, 16 KiB chunks", ours, writes=str(kept)),
    )
    launcher = Launcher()
    wrong: set[str] = set()
    for turn in range(_ROUNDS + 1):
        for command in commands:
            parts = chunked if "chunks" in command.name else announced
            begun = _send(launcher, command, port, *parts)
            command.walls[-1] = time.monotonic() - begun
            if kept.stat().st_size != len(parts[0]) + len(parts[1]) * parts[2] + len(parts[3]):
                wrong.add(command.name)
            if not turn:  # to warm up
                for measured in (command.walls, command.processor, command.peak_kib):
                    measured.clear()
    launcher.close()
    kept.unlink()
    first = commands[0]
    print(f"\nAn upload of {gib} GiB to a file, until the server has ended")
    print(f"{'':34}{'MB/s':>10}{'min-max':>18}{'ratio':>8}{'cpu each':>13}{'peak':>11}")
    for command in commands:
        rates = [octets / wall / 1e6 for wall in command.walls]
        status = "" if command.statuses == {0} else f"  exit {sorted(command.statuses)}"
        print(
            f"{command.name:34}{octets / command.wall / 1e6:>10,.0f}{f'{min(rates):,.0f}-{max(rates):,.0f}':>18}"
            f"{first.wall / command.wall:>8.2f}{command.cpu * 1e3:>10,.0f} ms{command.peak:>7.1f} MiB{status}"
            f"{'  not all octets were kept' if command.name in wrong else ''}"
        )


def _send(launcher: Launcher, command: Command, port: int, head: bytes, block: bytes, count: int, tail: bytes) -> float:
    """Run the server `command` to its end while it is sent an upload; gives when that began."""
    on_its_core = Command(command.name, pinned(command.words, server=True), writes=command.writes)
    running = threading.Thread(target=launcher.run, args=(on_its_core,))
    running.start()
    with _connected(port) as client:
        begun = time.monotonic()
        client.sendall(head)
        for _ in range(count):
            client.sendall(block)
        client.sendall(tail)
        client.shutdown(socket.SHUT_WR)
        while client.recv(_BLOCK):
            pass
    running.join()
    command.walls += on_its_core.walls
    command.processor += on_its_core.processor
    command.peak_kib += on_its_core.peak_kib
    command.statuses |= on_its_core.statuses
    return begun


def _connected(port: int) -> socket.socket:
    """A connection to a server that is about to listen."""
    until = time.monotonic() + 30
    while True:
        try:
            return socket.create_connection(("127.0.0.1", port), timeout=60)
        except ConnectionRefusedError:
            if time.monotonic() > until:
                raise
            time.sleep(0.005)


# Idle connections.


def _idle(folder: Path) -> None:
    """(e) Connections that have had one exchange and stay open."""
    _allow(_IDLE + 100)
    answer = folder / "small.http"
    servers = [_Server("nginx", _nginx(folder, "nginx-idle")), _Server("httpwire serve", _httpwire(answer))]
    certificate = _certificate(folder)
    if certificate:
        servers += [
            _Server("nginx, TLS", _nginx(folder, "nginx-idle-tls", **_nginx_tls(certificate)), "https"),
            _Server("httpwire serve, TLS", _httpwire(answer, *_our_tls(certificate)), "https"),
        ]
    print(f"\n{_IDLE:,} idle connections after one exchange each, and one more request on a new one")
    print(f"{'':34}{'memory':>20}{'each':>11}{'cpu, idle':>11}{'request before':>16}{'with them':>11}{'99 of 100':>11}")
    for server in _present(servers):
        with server.service() as service, ExitStack() as stack:
            before = statistics.median(_latencies(service.port, server.scheme))
            empty = service.resident
            for _ in range(_IDLE):
                stack.enter_context(_one_exchange(service.port, server.scheme))
            full = service.resident
            cpu, begun = service.cpu, time.monotonic()
            time.sleep(5)
            used = (service.cpu - cpu) / (time.monotonic() - begun)
            after = _latencies(service.port, server.scheme)
            print(
                f"{server.name:34}{f'{empty:.1f} to {full:.1f} MiB':>20}{(full - empty) * 1024 / _IDLE:>7.1f} KiB"
                f"{used:>11.2%}{before * 1e6:>13,.0f} us{statistics.median(after) * 1e6:>8,.0f} us"
                f"{statistics.quantiles(after, n=100)[98] * 1e6:>8,.0f} us"
            )


def _allow(descriptors: int) -> None:
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < descriptors:
        resource.setrlimit(resource.RLIMIT_NOFILE, (descriptors, hard))


def _latencies(port: int, scheme: str) -> list[float]:
    found = []
    for _ in range(500):
        begun = time.perf_counter()
        _one_exchange(port, scheme).close()
        found.append(time.perf_counter() - begun)
    return found


_UNVERIFIED = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
_UNVERIFIED.check_hostname = False
_UNVERIFIED.verify_mode = ssl.CERT_NONE


def _one_exchange(port: int, scheme: str) -> socket.socket:
    """A connection on which one request was answered."""
    client = socket.create_connection(("127.0.0.1", port), timeout=60)
    if scheme == "https":
        client = _UNVERIFIED.wrap_socket(client)
    client.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
    octets = b""
    while not octets.endswith(_PAGE):
        data = client.recv(65536)
        if not data:
            raise RuntimeError(f"port {port} closed early: {octets!r}")
        octets += data
    return client


def _one_request(port: int) -> None:
    _one_exchange(port, "http").close()


# TLS.


def _certificate(folder: Path) -> tuple[Path, Path] | None:
    """A certificate that signs itself, and its key."""
    certificate, key = folder / "cert.pem", folder / "key.pem"
    if not shutil.which("openssl"):
        print("not installed, left out: openssl, and with it TLS")
        return None
    if not certificate.exists():
        words = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost"
        subprocess.run([*words.split(), "-keyout", str(key), "-out", str(certificate)], check=True, capture_output=True)
    return certificate, key


def _nginx_tls(certificate: tuple[Path, Path]) -> dict[str, str]:
    protocols = "ssl_protocols TLSv1.2 TLSv1.3;"
    extra = f'ssl_certificate "{certificate[0]}"; ssl_certificate_key "{certificate[1]}"; {protocols}'
    return {"listen": " ssl", "extra": extra}


def _our_tls(certificate: tuple[Path, Path]) -> list[str]:
    return ["--cert", str(certificate[0]), "--key", str(certificate[1])]
