"""WARC files of wget and of warcio are read with the octets of the wire, and theirs to judge are ours."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from warcio.archiveiterator import ArchiveIterator

from captures import Bytes, exchanges_of
from httpwire.capture.formats.warc import costs
from httpwire.capture.formats.warc.writing import write
from httpwire.capture.store.capture import Capture
from httpwire.capture.store.writing import Appender
from httpwire.capture.toll import Toll
from httpwire.capture.traffic import ConnectionFacts, put_exchange
from peers.site import PHOTO, Site
from peers.tap import Tap
from warc_files import read

PATHS = ("/", "/photo.bin", "/included.shtml", "/nowhere")

#: In a process of its own: warcio changes http.client for all who use it.
CAPTURING = """
import sys
from warcio.capture_http import capture_http
from http.client import HTTPConnection
host, port, path, version, packed, *targets = sys.argv[1:]
with capture_http(path, gzip=bool(packed), warc_version=version):
    for target in targets:
        connection = HTTPConnection(host, int(port), timeout=20)
        connection.request("GET", target, headers={"Accept-Encoding": "gzip"})
        connection.getresponse().read()
        connection.close()
"""


@pytest.mark.peer("wget")
@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize("headers", [[], ["--header=Accept-Encoding: gzip", "--no-http-keep-alive"]])
def test_wget(headers: list[str], site: Site, tapped: Callable[[Site], Tap], tmp_path: Path, *, packed: bool) -> None:
    tap = tapped(site)
    more = [] if packed else ["--no-warc-compression"]
    command = ["wget", "-q", "--no-config", "--no-proxy", "-t", "1", "--warc-file=w", "--warc-cdx", "-O", "/dev/null"]
    urls = [f"http://{tap.to}{path}" for path in PATHS]
    done = subprocess.run([*command, *more, *headers, *urls], cwd=tmp_path, timeout=30, check=False)
    assert done.returncode == 8, "one of them is not there"
    seen, toll, error = read(tmp_path / ("w.warc.gz" if packed else "w.warc"))
    assert error is None
    assert not toll.lost
    assert not toll.reconstructed
    assert toll.skipped == {costs.NOTES: 4}, "warcinfo, its manifest, arguments and log"
    assert b"".join(asked for asked, _ in seen.pairs) == tap.sent
    assert b"".join(answer for _, answer in seen.pairs) == tap.received
    assert [facts.server for facts in seen.facts] == [tap.to] * 4
    assert {facts.target for facts in seen.facts} == {f"http://{tap.to}"}


@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_warcio_captures(
    version: str, site: Site, tapped: Callable[[Site], Tap], tmp_path: Path, *, packed: bool
) -> None:
    tap = tapped(site)
    path = tmp_path / "w.warc.gz"
    arguments = [*tap.to.split(":"), str(path), version, "gzip" if packed else "", *PATHS]
    subprocess.run([sys.executable, "-c", CAPTURING, *arguments], timeout=30, check=True)
    seen, toll, error = read(path)
    assert error is None
    assert not toll.lost
    assert not toll.skipped
    assert b"".join(asked for asked, _ in seen.pairs) == tap.sent
    assert b"".join(answer for _, answer in seen.pairs) == tap.received


def warcio(*arguments: str | Path) -> bytes:
    """What warcio's command says, which has to be content."""
    command = [sys.executable, "-m", "warcio.cli", *arguments]
    done = subprocess.run(command, capture_output=True, timeout=30, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
    return done.stdout


@pytest.mark.parametrize("compress", [True, False])
def test_warcio_reads_and_checks_ours(tmp_path: Path, *, compress: bool) -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Type: image/x\r\n"
    answers = {
        b"/length": b"%sContent-Length: %d\r\n\r\n%s" % (head, len(PHOTO), PHOTO),
        b"/chunked": b"%sTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n" % (head, len(PHOTO), PHOTO),
        b"/close": b"HTTP/1.1 100 Continue\r\n\r\n%s\r\n%s" % (head, PHOTO),
        b"/odd case": head.replace(b"Content-Type: ", b"cOnTENT-tYPE:") + b"X:  \xff \r\n\r\n" + PHOTO,
    }
    with Appender(str(tmp_path / "a.hwire")) as sink:
        for target, answer in answers.items():
            request = b"POST %s HTTP/1.1\r\nHost: a.example\r\nContent-Length: 2\r\n\r\nhi" % target
            put_exchange(sink, ConnectionFacts(10**18), [request], [answer])
    path = tmp_path / ("a.warc.gz" if compress else "a.warc")
    output = Bytes()
    with Capture(str(tmp_path / "a.hwire")) as capture:
        capture.update()
        write(capture, capture.exchanges(), output, Toll(), compress=compress)
    path.write_bytes(output)

    assert warcio("check", "-v", path).count(b"digest pass") == 10
    assert warcio("index", "-f", "warc-type,http:status", path).count(b'"http:status": "200"') == 4
    with path.open("rb") as stream:
        contents = [
            (record.http_headers.get_statuscode(), record.http_headers["Content-Type"], record.content_stream().read())
            for record in ArchiveIterator(stream, check_digests="raise")
            if record.rec_type == "response"
        ]
    assert [each for each in contents if each[0] != "100"] == [("200", "image/x", PHOTO)] * 4
    seen, _, _ = read(path)
    assert seen.pairs == exchanges_of(tmp_path / "a.hwire")
    assert output.startswith(b"\x1f\x8b" if compress else b"WARC/1.1\r\n")
