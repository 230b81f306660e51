"""A HAR as Chromium's developer tools save it: what is read from it is what its server and its page saw."""

from __future__ import annotations

import base64
import gzip
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from archives import Exchange, Read
from peers.browser import Chromium, chromium

pytestmark = [pytest.mark.peer("chromium"), pytest.mark.slow]

PAGE = """<!DOCTYPE html><meta charset="Shift_JIS"><title>x</title><p>日本語<img src="/dot.png">
<script src="/x.js"></script><script>
(async () => {
  await fetch("/moved");
  await fetch("/posted", {method: "POST", headers: {"Content-Type": "application/json"}, body: '{"名": 1}'});
  await fetch("/binary", {method: "POST", body: new Uint8Array([0, 255, 254, 10])});
  const form = new FormData(); form.set("a", "ü"); await fetch("/form", {method: "POST", body: form});
  await fetch("/empty");
  await fetch("/chunked");
  document.title = "done";
})();
</script>"""
SCRIPT = 'console.log("é 日本");\n' * 50
PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


class _Site(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Of each request method, target and content, and of the answer status and content.
    seen: list[tuple[str, str, bytes, int, bytes]] = []  # noqa: RUF012

    def answer(self, status: int, content: bytes, *fields: tuple[str, str], coded: bytes | None = None) -> None:
        length = int(self.headers.get("Content-Length", 0))
        self.seen.append((self.command, self.path, self.rfile.read(length), status, content))
        self.send_response(status)
        for name, value in fields:
            self.send_header(name, value)
        if status not in (204, 304) and ("Transfer-Encoding", "chunked") not in fields:
            self.send_header("Content-Length", str(len(content if coded is None else coded)))
        self.end_headers()
        self.wfile.write(content if coded is None else coded)

    def do_GET(self) -> None:
        script = SCRIPT.encode()
        if self.path == "/":
            self.answer(200, PAGE.encode("shift_jis", "xmlcharrefreplace"), ("Content-Type", "text/html"))
        elif self.path == "/x.js":
            fields = (("Content-Type", "text/javascript; charset=utf-8"), ("Content-Encoding", "gzip"))
            self.answer(200, script, *fields, coded=gzip.compress(script))
        elif self.path == "/dot.png" and self.headers.get("If-None-Match") == '"1"':
            self.answer(304, b"", ("ETag", '"1"'))
        elif self.path == "/dot.png":
            self.answer(200, PNG, ("Content-Type", "image/png"), ("ETag", '"1"'), ("Cache-Control", "no-cache"))
        elif self.path == "/moved":
            self.answer(302, b"gone there", ("Location", "/x.js?moved"), ("Set-Cookie", "a=1"), ("Set-Cookie", "b=2"))
        elif self.path == "/x.js?moved":
            self.answer(200, script, ("Content-Type", "text/javascript; charset=utf-8"))
        elif self.path == "/chunked":
            fields = (("Content-Type", "text/plain; charset=utf-8"), ("Transfer-Encoding", "chunked"))
            self.answer(200, b"one two", *fields, coded=b"3\r\none\r\n4\r\n two\r\n0\r\n\r\n")
        elif self.path == "/empty":
            self.answer(204, b"")
        else:
            self.answer(404, b"no", ("Content-Type", "text/plain"))

    def do_POST(self) -> None:
        self.answer(200, b'{"ok": true}', ("Content-Type", "application/json"))

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def site() -> Iterator[int]:
    _Site.seen = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Site)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)


class Log:
    """The network panel: a request's events, and of each response the body. It is saved as the developer tools do."""

    def __init__(self, browser: Chromium) -> None:
        self._browser = browser
        self.requests: list[dict[str, Any]] = []  # redirects are requests of their own
        self._extra: dict[str, list[dict[str, Any]]] = {}
        self._sizes: dict[str, int] = {}  # of decoded content

    def take(self, events: list[dict[str, Any]]) -> None:
        for event in events:
            told, parameters = event.get("method", ""), event.get("params", {})
            id = parameters.get("requestId")
            if told == "Network.requestWillBeSent":
                if "redirectResponse" in parameters:
                    self._last(id)["response"] = parameters["redirectResponse"]
                self.requests.append({"id": id, **parameters})
            elif told == "Network.responseReceived" and self._last(id):
                self._last(id)["response"] = parameters["response"]
            elif told == "Network.loadingFinished" and self._last(id):
                self._last(id)["finished"] = parameters
            elif told == "Network.dataReceived":
                self._sizes[id] = self._sizes.get(id, 0) + parameters["dataLength"]
            elif told in ("Network.requestWillBeSentExtraInfo", "Network.responseReceivedExtraInfo"):
                self._extra.setdefault(told + id, []).append(parameters)

    def _last(self, id: str) -> dict[str, Any]:
        return next((request for request in reversed(self.requests) if request["id"] == id), {})

    def saved(self) -> bytes:
        taken: dict[str, int] = {}
        entries = []
        for request in self.requests:
            nth = taken[request["id"]] = taken.get(request["id"], -1) + 1
            asked, answered = (
                (self._extra.get(f"Network.{name}ExtraInfo{request['id']}", [])[nth : nth + 1] or [{}])[0]
                for name in ("requestWillBeSent", "responseReceived")
            )
            entries.append(self._entry(request, asked, answered))
        log = {"version": "1.2", "creator": {"name": "WebInspector", "version": "537.36"}, "pages": []}
        return json.dumps({"log": {**log, "entries": entries}}, indent=2, ensure_ascii=False).encode()

    def _entry(self, event: dict[str, Any], asked: dict[str, Any], answered: dict[str, Any]) -> dict[str, Any]:
        request, response = event["request"], event["response"]
        timing = response.get("timing") or {}
        send, sent, first = (timing.get(name, 0) for name in ("sendStart", "sendEnd", "receiveHeadersEnd"))
        ended = event.get("finished", {}).get("timestamp", timing.get("requestTime", 0))
        headers = asked.get("headers") or request["headers"]
        status = answered.get("statusCode", response["status"])
        told = {
            "method": request["method"],
            "url": request["url"],
            "httpVersion": response.get("protocol", ""),
            "headers": _listed(headers),
            "queryString": [],
            "cookies": [],
            "headersSize": -1,
            "bodySize": len(request.get("postData", "")),
        }
        if "postData" in request:
            told["postData"] = {"mimeType": headers.get("Content-Type", ""), "text": request["postData"]}
        return {
            "_resourceType": event.get("type", "").lower(),
            "startedDateTime": datetime.fromtimestamp(event["wallTime"], UTC).isoformat(timespec="milliseconds"),
            "time": first,
            "request": told,
            "response": {
                "status": status,
                "statusText": response["statusText"],
                "httpVersion": response.get("protocol", ""),
                "headers": _listed(answered.get("headers") or response["headers"]),
                "cookies": [],
                "content": self._content(event, response),
                "redirectURL": "",
                "headersSize": -1,
                "bodySize": -1,
                "_transferSize": event.get("finished", {}).get("encodedDataLength", 0),
            },
            "cache": {},
            "timings": {
                "blocked": max(send, 0),
                "dns": -1,
                "connect": -1,
                "ssl": -1,
                "send": max(sent - send, 0),
                "wait": max(first - sent, 0),
                "receive": max((ended - timing.get("requestTime", 0)) * 1000 - first, 0),
            },
            "serverIPAddress": response.get("remoteIPAddress", ""),
            "connection": str(response.get("connectionId", "")),
        }

    def _content(self, event: dict[str, Any], response: dict[str, Any]) -> dict[str, Any]:
        content: dict[str, Any] = {"size": 0, "mimeType": response["mimeType"]}
        if "finished" not in event or response["status"] == 204:
            return content
        body = self._browser.call("Network.getResponseBody", requestId=event["id"])
        content["text"] = body["body"]
        content["size"] = self._sizes.get(event["id"], 0)
        if body["base64Encoded"]:
            content["encoding"] = "base64"
        return content


def _listed(headers: dict[str, str]) -> list[dict[str, str]]:
    return [{"name": name, "value": value} for name, value in headers.items()]


def browsed(tmp_path: Path, port: int) -> tuple[bytes, bytes]:
    """The HARs of a first visit and of a second one."""
    hars = []
    with chromium(tmp_path) as browser:
        browser.call("Network.enable")
        for visit in (lambda: browser.open(f"http://127.0.0.1:{port}/"), browser.reload):
            visit()
            deadline = time.monotonic() + 20
            while browser.evaluate("document.title") != "done":
                assert time.monotonic() < deadline
                time.sleep(0.05)
            browser.evaluate("new Promise(done => setTimeout(done, 200))")  # what is told behind the last answer
            log = Log(browser)
            log.take(list(browser.events))
            hars.append(log.saved())
    return hars[0], hars[1]


def facts(exchange: Exchange) -> tuple[str, str, bytes, int, bytes]:
    """What the server saw of it."""
    request, response = exchange.request, exchange.response
    assert request
    assert response
    content = response.content
    if response.values(b"content-encoding") == [b"gzip"]:
        content = gzip.decompress(content)
    return request.method.decode(), request.target.decode(), request.content, response.status, content


def test_what_chromium_saved_is_what_the_server_saw(tmp_path: Path) -> None:
    with site() as port:
        first, second = browsed(tmp_path, port)
    seen = [one for one in _Site.seen if one[1] != "/favicon.ico"]
    (tmp_path / "chromium.har").write_bytes(first)

    read = [Read(tmp_path, har) for har in (first, second)]

    exchanges = [exchange for done in read for exchange in done.exchanges if exchange.entry.target != "/favicon.ico"]
    assert [done.error for done in read] == [None, None]
    assert all(exchange.entry.complete and not exchange.entry.findings for exchange in exchanges)
    got = [facts(exchange) for exchange in exchanges]
    # Of a redirect Chromium keeps no content.
    assert sorted(got) == sorted(
        (*asked, status, b"" if status == 302 else content) for *asked, status, content in seen
    )
    assert {status for *_, status, _ in got} == {200, 204, 302, 304}
    moved = next(exchange for exchange in exchanges if exchange.entry.target == "/moved")
    assert moved.response
    assert moved.response.values(b"set-cookie") == [b"a=1", b"b=2"]
    assert all(exchange.facts.server == f"127.0.0.1:{port}" for exchange in exchanges)
