"""A private Apache httpd: its own configuration, folder and unprivileged port.

In: a folder for it. Out: a context manager giving the port of a running Apache that
serves its usual first page, and that is stopped afterwards. The installed program and
its modules are used; the system's own configuration and sites are not touched.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path

from httpwire.errors import ApacheFailed
from httpwire.language import N_

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_PROGRAMS = ("apache2", "httpd")
_FOLDERS = ("/usr/sbin", "/usr/local/sbin", "/usr/local/apache2/bin", "/opt/homebrew/bin")
_MODULES = (
    "/usr/lib/apache2/modules",  # Debian, Ubuntu
    "/usr/lib64/httpd/modules",  # Fedora, RHEL
    "/usr/libexec/apache2",  # macOS
    "/usr/lib/httpd/modules",  # Arch
    "/usr/local/apache2/modules",
    "/opt/homebrew/lib/httpd/modules",
)
_WANTED = ("mpm_event", "unixd", "authz_core", "dir", "mime", "filter", "deflate", "reqtimeout")
_PAGE = b"<html><body><h1>It works!</h1></body></html>\n"
_START_SECONDS = 10.0


def find_apache() -> str | None:
    """The path of the installed Apache httpd, or None."""
    search = os.pathsep.join((os.environ.get("PATH", ""), *_FOLDERS))
    return next((found for name in _PROGRAMS if (found := shutil.which(name, path=search))), None)


def configuration(program: str, folder: Path, port: int, extra: str = "") -> str:
    """The text of a configuration file for `program` in `folder`; `extra` is added at its end.

    Raises ApacheFailed where the modules can't be found.
    """
    modules = next((Path(path) for path in _MODULES if Path(path, "mod_dir.so").exists()), None)
    if modules is None:
        raise ApacheFailed(why=N_("its modules were not found"))
    compiled = subprocess.run([program, "-l"], capture_output=True, text=True, check=False, timeout=10).stdout
    lines = [
        f'ServerRoot "{folder}"',
        "ServerName localhost",
        f"Listen 127.0.0.1:{port}",
        f'PidFile "{folder}/httpd.pid"',
        f'ErrorLog "{folder}/error.log"',
        f'DefaultRuntimeDir "{folder}"',
    ]
    lines += [
        f'LoadModule {name}_module "{modules}/mod_{name}.so"'
        for name in _WANTED
        if f"mod_{name}.c" not in compiled and (modules / f"mod_{name}.so").exists()
    ]
    types = next((path for path in ("/etc/mime.types", "/etc/apache2/mime.types") if os.path.exists(path)), os.devnull)
    lines += [
        f'TypesConfig "{types}"',
        f'DocumentRoot "{folder}/htdocs"',
        "DirectoryIndex index.html",
        "KeepAlive On",
        "KeepAliveTimeout 5",
        "<IfModule mod_deflate.c>",
        "  AddOutputFilterByType DEFLATE text/html text/plain",
        "</IfModule>",
    ]
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        lines += ["User nobody", "Group #65534"]
    return "\n".join([*lines, extra, ""])


@contextmanager
def apache(folder: Path, extra: str = "") -> Iterator[int]:
    """Run a private Apache in `folder` while the context is entered; gives its port. Raises ApacheFailed."""
    program = find_apache()
    if program is None:
        raise ApacheFailed(why=N_("it is not installed"))
    pages = folder / "htdocs"
    pages.mkdir(parents=True, exist_ok=True)
    for place in (folder, pages):
        place.chmod(0o755)  # started by root, its workers are nobody
    page = pages / "index.html"
    if not page.exists():
        page.write_bytes(_PAGE)
    port = _free_port()
    settings = folder / "httpd.conf"
    settings.write_text(configuration(program, folder, port, extra), encoding="utf-8")
    with open(folder / "start.log", "wb") as log:
        process = subprocess.Popen([program, "-DFOREGROUND", "-f", str(settings)], stdout=log, stderr=log)
    try:
        _await(process, port, folder)
        yield port
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _await(process: subprocess.Popen[bytes], port: int, folder: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError as error:
            if process.poll() is not None or time.monotonic() > deadline:
                raise ApacheFailed(why=_last_words(folder)) from error
        time.sleep(0.02)


def _last_words(folder: Path) -> str:
    for name in ("start.log", "error.log"):
        path = folder / name
        text = path.read_text(encoding="utf-8", errors="replace").strip() if path.exists() else ""
        if text:
            return text.splitlines()[-1]
    return "?"
