"""Answers as the standard library reads them: a second opinion on what httpwire saw."""

from __future__ import annotations

import gzip
import io
import json
import socket
from http.client import HTTPResponse
from typing import Any, cast


class _Recorded:
    """Recorded octets in the place of a socket: all that HTTPResponse asks of one."""

    def __init__(self, octets: io.BytesIO) -> None:
        self._octets = octets

    def makefile(self, *_: object) -> io.BytesIO:
        return self._octets


class _Kept(io.BytesIO):
    """Octets that stay open when one answer of several was read."""

    def close(self) -> None:
        pass


def read_answers(octets: bytes, *methods: str) -> list[tuple[int, dict[str, str], bytes]]:
    """Status, fields (names in lower case) and content of each answer in `octets`, which answer `methods`.

    The chunked coding and gzip are removed. Interim responses are passed over.
    """
    stream = _Kept(octets)
    answers = []
    for method in methods:
        response = HTTPResponse(cast(socket.socket, _Recorded(stream)), method=method)
        response.begin()
        content = response.read()
        fields = {name.lower(): value for name, value in response.getheaders()}
        if fields.get("content-encoding") == "gzip" and content:
            content = gzip.decompress(content)
        answers.append((response.status, fields, content))
    assert stream.read() == b"", "octets follow the last answer"
    return answers


def ask(port: int, octets: bytes, seconds: float = 20.0) -> bytes:
    """All that the server on `port` says to `octets` until it closes the connection."""
    with socket.create_connection(("127.0.0.1", port), seconds) as sock:
        sock.sendall(octets)
        answer = b""
        while data := sock.recv(65536):
            answer += data
        return answer


def report_of(stdout: bytes) -> dict[str, Any]:
    """The object that `httpwire send --json` printed: one, and nothing else."""
    report = json.loads(stdout)
    assert isinstance(report, dict)
    return report


def rule_by_fields(method: str, status: int, fields: dict[str, str]) -> str:
    """What ends an answer without faults, by RFC 9112 6.3 in its shortest form."""
    if method == "HEAD":
        return "head"
    if status in (204, 304):
        return "status"
    if "transfer-encoding" in fields:
        return "chunked"
    return "content-length" if "content-length" in fields else "until-close"
