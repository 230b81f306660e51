"""The pytest plugin: a real pytest finds it by itself, its servers end with their test, and unused it costs nothing."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

CLIENT = """
import os
import socket
import sys
import threading

import pytest

OK = b"HTTP/1.1 200 OK\\r\\nContent-Length: 5\\r\\n\\r\\nhello"
GET = b"GET / HTTP/1.1\\r\\nHost: a\\r\\nConnection: close\\r\\n\\r\\n"


def told(server, request=GET):
    with socket.create_connection(("127.0.0.1", server.port), 10) as client:
        client.sendall(request)
        octets = b""
        while data := client.recv(65536):
            octets += data
        return octets
"""


@dataclass
class Ran:
    """How pytest ended: its status, and the outcome of each test by name."""

    status: int
    output: str
    outcomes: dict[str, str]


def run(folder: Path, code: str, *arguments: str, plugins: bool = True) -> Ran:
    """A pytest of its own on one file with this code."""
    (folder / "test_it.py").write_text(CLIENT + code)
    (folder / "pytest.ini").write_text("[pytest]\nfilterwarnings = error\n")
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "HTTPWIRE"))}
    if not plugins:
        environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-v", "-rA", *arguments, "test_it.py"],
        cwd=folder,
        env=environ,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    outcomes = {}
    for line in done.stdout.splitlines():
        name, found, outcome = line.partition(" ")[0], "::" in line.partition(" ")[0], line.partition(" ")[2]
        if found and outcome.split() and outcome.split()[0].isupper():
            outcomes[name.partition("::")[2]] = outcome.split()[0].lower()
    return Ran(done.returncode, done.stdout + done.stderr, outcomes)


def passed(ran: Ran) -> list[str]:
    """The names of the tests, all of which have passed."""
    assert ran.status == 0, ran.output
    assert set(ran.outcomes.values()) == {"passed"}, ran.output
    return [*ran.outcomes]


def test_it_is_found_by_itself_and_serves_and_records(tmp_path: Path) -> None:
    code = """
def test_serve(httpwire_serve):
    server = httpwire_serve(OK)
    assert told(server) == OK
    assert server.wait()[0].request.raw == GET
    assert server.url.startswith("http://127.0.0.1:")


def test_record(httpwire_record, tmp_path):
    server = httpwire_record(tmp_path / "kept", reply=OK)
    assert told(server) == OK
    server.wait()
    assert server.requests == [GET]
    assert (tmp_path / "kept").read_bytes() == GET


def test_both_and_several(httpwire_serve, httpwire_record):
    servers = [httpwire_serve(OK), httpwire_serve({"GET /": OK}), httpwire_record(reply=OK), httpwire_record(reply=OK)]
    assert len({server.port for server in servers}) == 4
    assert [told(server) for server in servers] == [OK] * 4


def test_scripted_faults(httpwire_serve):
    import httpwire

    server = httpwire_serve([httpwire.Scripted(OK, httpwire.Faults(truncate=3)), OK])
    assert told(server) == OK[:3]
    assert told(server) == OK
    assert told(httpwire_serve(OK, faults=httpwire.Faults(close_before=True))) == b""
"""
    assert passed(run(tmp_path, code)) == ["test_serve", "test_record", "test_both_and_several", "test_scripted_faults"]


def test_servers_end_with_their_test(tmp_path: Path) -> None:
    """Also where it fails: the next test finds no thread, no descriptor and no listener of it."""
    code = """
ports = []
before = (threading.active_count(), len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0)


def test_passes(httpwire_serve, httpwire_record):
    for made in (httpwire_serve(OK), httpwire_record()):
        told(made)
        ports.append(made.port)


def test_fails(httpwire_serve):
    ports.append(httpwire_serve(OK).port)
    raise ZeroDivisionError


def test_closes_its_server_by_itself(httpwire_serve):
    server = httpwire_serve(OK)
    server.close()
    ports.append(server.port)


def test_uses_a_context(httpwire_serve):
    with httpwire_serve(OK) as server:
        assert told(server) == OK
    ports.append(server.port)


def test_afterwards():
    assert len(ports) == 5
    for port in ports:
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port), 5)
    assert threading.active_count() == before[0]
    if before[1]:
        assert len(os.listdir("/proc/self/fd")) <= before[1] + 1
"""
    ran = run(tmp_path, code)
    assert ran.outcomes == {
        "test_passes": "passed",
        "test_fails": "failed",
        "test_closes_its_server_by_itself": "passed",
        "test_uses_a_context": "passed",
        "test_afterwards": "passed",
    }, ran.output
    assert ran.output.count("ZeroDivisionError") > 0


def test_what_could_not_be_kept_fails_the_test_that_asked_for_it(tmp_path: Path) -> None:
    if not os.path.exists("/dev/full"):
        pytest.skip("this system has no device that is always full")
    code = """
def test_it(httpwire_record, httpwire_serve):
    other = httpwire_serve(OK)
    server = httpwire_record("/dev/full", reply=OK)
    told(server)
    ports.append(other.port)


ports = []


def test_afterwards():
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", ports[0]), 5)
"""
    ran = run(tmp_path, code)
    assert ran.status == 1, ran.output
    assert "SaveFailed" in ran.output
    assert "test_afterwards PASSED" in ran.output


def test_nothing_of_httpwire_is_loaded_before_a_fixture_is_used(tmp_path: Path) -> None:
    code = """
LAZY = {"httpwire", "httpwire.pytest_plugin"}


def loaded():
    return {name for name in sys.modules if name.partition(".")[0] == "httpwire"} - LAZY


at_import = loaded()


def test_before():
    assert "httpwire.pytest_plugin" in sys.modules
    assert at_import == set()
    assert loaded() == set()
    assert not any(name.partition(".")[0] == "cryptography" for name in sys.modules)


def test_used(httpwire_serve):
    assert loaded() == set(), "asking for it alone is no use of it"
    httpwire_serve(OK)
    assert "httpwire.api.serving" in loaded()
    assert "httpwire.net.authority" not in loaded(), "without TLS there is no need of certificates"
    assert "httpwire.cli.main" not in loaded()
"""
    assert passed(run(tmp_path, code)) == ["test_before", "test_used"]


def test_where_plugins_are_not_loaded_it_can_be_named(tmp_path: Path) -> None:
    code = """
def test_it(httpwire_serve):
    assert told(httpwire_serve(OK)) == OK
"""
    ran = run(tmp_path, code, plugins=False)
    assert ran.status == 1, ran.output
    assert "fixture 'httpwire_serve' not found" in ran.output
    assert passed(run(tmp_path, code, "-p", "httpwire.pytest_plugin", plugins=False)) == ["test_it"]


def test_a_slip_in_the_call_is_shown_in_the_test(tmp_path: Path) -> None:
    code = """
def test_it(httpwire_serve):
    httpwire_serve({"/": OK})
"""
    ran = run(tmp_path, code)
    assert ran.status == 1, ran.output
    assert "UsageError: a request is named 'METHOD TARGET', as 'GET /', not '/'" in ran.output


def test_its_fixtures_are_listed_with_what_they_are_for(tmp_path: Path) -> None:
    ran = run(tmp_path, "", "--fixtures")
    for name, words in (("httpwire_serve", "what `httpwire.serve` takes"), ("httpwire_record", "bytes that clients")):
        assert f"{name} --" in ran.output
        assert words in ran.output.partition(f"{name} --")[2][:400]


def test_tests_in_several_processes_have_servers_of_their_own(tmp_path: Path) -> None:
    pytest.importorskip("xdist")
    code = """
@pytest.mark.parametrize("number", range(8))
def test_it(httpwire_serve, number):
    octets = b"HTTP/1.1 200 OK\\r\\nContent-Length: 1\\r\\n\\r\\n%d" % number
    server = httpwire_serve(octets)
    assert told(server) == octets
    assert server.requests == [GET]
"""
    ran = run(tmp_path, code, "-n", "2")
    assert ran.status == 0, ran.output
    assert "8 passed" in ran.output
