"""The private servers of these tests, and the pages they serve: the same files behind Apache and behind nginx."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from httpwire.errors import ApacheFailed
from httpwire.net.apache import apache, configuration, find_apache

PAGE = b"<html><body><h1>It works!</h1></body></html>\n"
LONG = b"".join(b"<p>%s</p>\n" % hashlib.sha256(b"%d" % n).hexdigest().encode() for n in range(6000))
EVEN = b"<p>a line of a page that compresses so well that gzip's whole output fits a buffer</p>\n" * 1000
PHOTO = bytes((n * n + n // 251) % 256 for n in range(100_000))
INCLUDED = b"<html>\n" + LONG + b"</html>\n"
KEEP_ALIVE_SECONDS = 60  # far longer than any test may take

_SBIN = ("/usr/sbin", "/usr/local/sbin", "/usr/local/bin")


@dataclass(frozen=True)
class Site:
    """A running private server: `port` on 127.0.0.1, and its `folder`."""

    name: str
    port: int
    folder: Path

    @property
    def to(self) -> str:
        return f"127.0.0.1:{self.port}"


@dataclass(frozen=True)
class Certificates:
    """PEM files of one authority: it signed `server` (for localhost and 127.0.0.1), `other` (for other.test),
    which both hold the key and the chain, and the client's."""

    authority: Path
    server: Path
    other: Path
    client_cert: Path
    client_key: Path
    stranger: Path  # another authority, which signed nothing


@dataclass(frozen=True)
class TlsSite:
    """A running private server with TLS: on `port` its certificate is for localhost, on `other` for other.test,
    and on `wanting` it wants one of the client."""

    site: Site
    port: int
    other: int
    wanting: int


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def open_folder() -> Iterator[Path]:
    """A new folder that a server's unprivileged workers can reach, and short enough for the path of a Unix socket."""
    folder = Path(tempfile.mkdtemp(prefix="httpwire-peers-"))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def lay_pages(pages: Path) -> None:
    pages.mkdir(parents=True, exist_ok=True)
    pages.chmod(0o755)
    (pages / "index.html").write_bytes(PAGE)
    (pages / "say").write_bytes(b"said\n")
    (pages / "limited").write_bytes(b"limited\n")
    (pages / "even.html").write_bytes(EVEN)
    (pages / "long.html").write_bytes(LONG)
    (pages / "long.inc").write_bytes(LONG)
    (pages / "photo.bin").write_bytes(PHOTO)
    (pages / "included.shtml").write_bytes(b'<html>\n<!--#include virtual="/long.inc" --></html>\n')
    Path(os.fsdecode(os.fsencode(pages) + "/日本".encode())).write_bytes(PAGE)
    for page in pages.iterdir():
        os.utime(page, (1598677559, 1598677559))  # a page that has just changed has another, weak ETag


def apache_modules(*names: str) -> str:
    """The lines that load more of Apache's modules, from where httpwire found the others."""
    program = find_apache()
    assert program
    found = re.search(r'LoadModule \w+ "(.*)/mod_\w+\.so"', configuration(program, Path("/nowhere"), 1))
    assert found
    return "\n".join(f'LoadModule {name}_module "{found[1]}/mod_{name}.so"' for name in names)


def _again(start: Callable[[], contextlib.AbstractContextManager[Site]]) -> contextlib.AbstractContextManager[Site]:
    """A port that was free may be taken a moment later: `start` is tried again with another one."""

    @contextmanager
    def entered() -> Iterator[Site]:
        with contextlib.ExitStack() as stack:
            for attempt in range(5):
                try:
                    site = stack.enter_context(start())
                    break
                except (ApacheFailed, NginxFailed):
                    if attempt == 4:
                        raise
            yield site

    return entered()


def apache_site(extra: Callable[[], str] = lambda: "") -> contextlib.AbstractContextManager[Site]:
    """A private Apache with the pages; `extra` gives the end of its configuration."""

    @contextmanager
    def start() -> Iterator[Site]:
        with open_folder() as folder:
            lay_pages(folder / "htdocs")
            settings = [
                apache_modules("include", "ssl"),
                f"KeepAliveTimeout {KEEP_ALIVE_SECONDS}",
                f'<Directory "{folder}/htdocs">',
                "  Options +Includes",
                "  AddType text/x-included .shtml",
                "  AddOutputFilter INCLUDES;DEFLATE .shtml",
                "</Directory>",
                "<Location /limited>",
                "  LimitRequestBody 1000",
                "</Location>",
                extra(),
            ]
            with apache(folder, "\n".join(settings)) as port:
                yield Site("apache", port, folder)

    return _again(start)


class NginxFailed(Exception):
    """nginx is not there, or did not start; the message is what it said."""


_NGINX = """
daemon off;
{user}
worker_processes 1;
pid "{folder}/nginx.pid";
error_log "{folder}/error.log" notice;
events {{ worker_connections 256; }}
http {{
    access_log off;
    types {{ text/html html; text/x-included shtml; application/octet-stream bin; }}
    client_body_temp_path "{folder}/body";
    proxy_temp_path "{folder}/proxy";
    fastcgi_temp_path "{folder}/fastcgi";
    uwsgi_temp_path "{folder}/uwsgi";
    scgi_temp_path "{folder}/scgi";
    keepalive_timeout {keep_alive}s;
    gzip on;
    gzip_min_length 0;
    gzip_http_version 1.0;
    gzip_types text/x-included;
    server {{
        listen 127.0.0.1:{port};
        listen "unix:{folder}/nginx.sock";
        root "{folder}/htdocs";
        location ~ [.]shtml$ {{ ssi on; ssi_types text/x-included; }}
        location = /limited {{ client_max_body_size 1000; proxy_pass http://127.0.0.1:{port}/say; }}
        client_max_body_size 0;
        location = /say {{ return 200 "said\\n"; }}
        location = /upload {{ proxy_pass http://127.0.0.1:{port}/say; }}
    }}
    {extra}
}}
"""


def nginx_site(extra: Callable[[], str] = lambda: "") -> contextlib.AbstractContextManager[Site]:
    """A private nginx with the pages, also on the Unix socket nginx.sock in its folder; `extra` gives more servers."""

    @contextmanager
    def start() -> Iterator[Site]:
        program = shutil.which("nginx", path=os.pathsep.join((os.environ.get("PATH", ""), *_SBIN)))
        if program is None:
            raise NginxFailed("it is not installed")
        with open_folder() as folder:
            lay_pages(folder / "htdocs")
            port = free_port()
            settings = _NGINX.format(
                folder=folder,
                port=port,
                keep_alive=KEEP_ALIVE_SECONDS,
                user="user root;" if os.geteuid() == 0 else "",
                extra=extra(),
            )
            (folder / "nginx.conf").write_text(settings)
            command = [program, "-p", str(folder), "-e", f"{folder}/error.log", "-c", f"{folder}/nginx.conf"]
            with running(command, folder / "start.log") as process:
                if not answers(process, port):
                    raise NginxFailed((folder / "error.log").read_text() + (folder / "start.log").read_text())
                yield Site("nginx", port, folder)

    return _again(start)


@contextmanager
def running(command: list[str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process that is ended afterwards, whatever happens."""
    with open(log, "wb") as output:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def answers(process: subprocess.Popen[bytes], port: int, seconds: float = 10.0) -> bool:
    """Whether `process` takes connections on `port` before `seconds` are over."""
    deadline = time.monotonic() + seconds
    while process.poll() is None and time.monotonic() < deadline:
        if is_open(port):
            return True
        time.sleep(0.02)
    return False


def is_open(port: int, host: str = "127.0.0.1") -> bool:
    try:
        socket.create_connection((host, port), 1).close()
    except OSError:
        return False
    return True


def until(condition: Callable[[], bool], seconds: float = 10.0, every: float = 0.05) -> bool:
    """Whether `condition` comes true before `seconds` are over."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(every)
    return True
