"""What show, lint and diff make of real exchanges: Chromium, curl and raw requests with Apache and nginx, between
them the tap. And the page of show --html in Chromium: it tells what bytes are, and executes nothing of them."""

from __future__ import annotations

import base64
import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from conftest import Ran
from httpwire.views.explain.elements import explain_kind
from httpwire.views.explain.fields import purpose
from httpwire.wire.element import ElementKind
from peers.browser import Chromium, chromium, curl
from peers.reading import ask
from peers.site import INCLUDED, LONG, PAGE, PHOTO, Site, apache_modules, apache_site
from peers.tap import Tap

Run = Callable[..., Ran]
Taps = Callable[[Site], Tap]
Object = dict[str, Any]

GENERIC = explain_kind(ElementKind.FIELD_VALUE)[0]
UNKNOWN = purpose(b"never-heard-of")[0]


def shown(httpwire: Run, folder: Path, sent: bytes, received: bytes) -> tuple[list[Object], list[Object]]:
    """The messages of both directions, explained."""
    (folder / "sent").write_bytes(sent)
    (folder / "received").write_bytes(received)
    ran = httpwire("show", "--json", "--explain", "sent", "received")
    assert (ran.status, ran.stderr) == (0, "")
    requests, responses = (file["messages"] for file in json.loads(ran.stdout)["files"])
    return requests, responses


def unexplained(message: Object, octets: bytes) -> list[bytes]:
    """The fields whose purpose or value nothing is said of."""
    return [
        octets[gloss["start"] : gloss["stop"]] for gloss in message["explained"] if gloss["says"] in (GENERIC, UNKNOWN)
    ]


@pytest.fixture
def brotli_site() -> Iterator[Site]:
    """An Apache that compresses with br where it may, and sets cookies."""

    def extra() -> str:
        return (
            f"{apache_modules('brotli', 'headers')}\nAddOutputFilterByType BROTLI_COMPRESS text/html\n"
            'Header always add Set-Cookie "sid=abc; Path=/; HttpOnly; SameSite=Lax"\n'
        )

    with apache_site(extra) as site:
        yield site


def plain(path: str, *fields: str, method: str = "GET", content: bytes = b"") -> bytes:
    lines = [f"{method} {path} HTTP/1.1", "Host: localhost", *fields, "", ""]
    return "\r\n".join(lines).encode() + content


def test_contents_are_those_of_the_pages(site: Site, httpwire: Run, tmp_path: Path) -> None:
    requests = [
        plain("/"),
        plain("/long.html", "Accept-Encoding: gzip"),
        plain("/included.shtml"),
        plain("/included.shtml", "Accept-Encoding: gzip"),
        plain("/", method="HEAD"),
        plain("/", "If-Modified-Since: Sat, 29 Aug 2020 05:05:59 GMT"),
        plain("/photo.bin", "Range: bytes=2-9"),
        plain("/nowhere", "Connection: close"),
    ]
    sent = b"".join(requests)
    asked, answered = shown(httpwire, tmp_path, sent, ask(site.port, sent))
    assert [message["method"] for message in asked] == ["GET"] * 4 + ["HEAD"] + ["GET"] * 3
    assert [message["status"] for message in answered] == [200, 200, 200, 200, 200, 304, 206, 404]
    assert all(message["complete"] for message in answered)
    contents = [message["content"] for message in answered]
    pages = [PAGE, LONG, INCLUDED, INCLUDED]
    for content, page in zip(contents, pages, strict=False):
        assert base64.b64decode(content["base64"]) == page[:65536]
        assert content["problem"] is None
    assert [step["name"] for step in contents[3]["codings"]] == ["chunked", "gzip"]
    assert (contents[4], contents[5]) == (None, None)


def test_what_servers_send_by_default_is_explained(site: Site, httpwire: Run, tmp_path: Path) -> None:
    sent = plain("/") + plain("/long.html", "Accept-Encoding: gzip", "Connection: close")
    received = ask(site.port, sent)
    _, answered = shown(httpwire, tmp_path, sent, received)
    assert [unexplained(message, received) for message in answered] == [[], []]


@pytest.mark.peer("curl")
def test_what_curl_sends_is_explained(site: Site, tapped: Taps, httpwire: Run, tmp_path: Path) -> None:
    tap = tapped(site)
    curl(tmp_path, "--compressed", "-b", "a=b", "-d", "x=1&y=%E6%97%A5", f"http://{tap.to}/say")
    asked, answered = shown(httpwire, tmp_path, tap.sent, tap.received)
    assert asked[0]["content"]["kind"] == "form"
    assert unexplained(asked[0], tap.sent) == []
    assert unexplained(answered[0], tap.received) == []


@pytest.mark.peer("chromium")
@pytest.mark.peer("apache2")
def test_chromium_and_apache(brotli_site: Site, tapped: Taps, httpwire: Run, tmp_path: Path) -> None:
    tap = tapped(brotli_site)
    origin = f"http://{tap.to}"
    with chromium(tmp_path) as browser:
        browser.open(f"{origin}/long.html")
        browser.open(f"{origin}/")
        for _ in range(3):  # from the second time on it asks whether its copy, once that is kept, is still good
            fetched = f"fetch('{origin}/photo.bin', {{cache: 'no-cache'}}).then(r => r.blob()).then(b => b.size)"
            assert browser.evaluate(fetched) == len(PHOTO)
        for body in ("new URLSearchParams({name: '日本'})", "new FormData()"):
            browser.evaluate(f"fetch('{origin}/say', {{method: 'POST', body: {body}}}).then(r => r.text())")
    asked: list[Object] = []
    answered: list[Object] = []
    for wire in tap.wires:
        if wire.sent:
            requests, responses = shown(httpwire, tmp_path, bytes(wire.sent), bytes(wire.received))
            assert [unexplained(message, bytes(wire.sent)) for message in requests] == [[]] * len(requests)
            assert [unexplained(message, bytes(wire.received)) for message in responses] == [[]] * len(responses)
            asked += requests
            answered += responses
    statuses = {message["status"] for message in answered}
    assert {200, 304} <= statuses
    codings = {step["name"] for message in answered if message["content"] for step in message["content"]["codings"]}
    assert codings >= {"br"}
    contents = [base64.b64decode(message["content"]["base64"]) for message in answered if message["content"]]
    assert LONG[:65536] in contents
    kinds = {message["content"]["kind"] for message in asked if message["content"]}
    assert "form" in kinds
    cookies = [value for message in asked for name, value in message["fields"] if name == "Cookie"]
    assert "sid=abc" in cookies


@pytest.mark.peer("chromium")
@pytest.mark.peer("apache2")
def test_nothing_is_wrong_with_chromium_and_apache(
    brotli_site: Site, tapped: Taps, httpwire: Run, tmp_path: Path
) -> None:
    tap = tapped(brotli_site)
    with chromium(tmp_path) as browser:
        browser.open(f"http://{tap.to}/")
    (tmp_path / "q").write_bytes(tap.wires[0].sent)
    (tmp_path / "a").write_bytes(tap.wires[0].received)
    ran = httpwire("lint", "--json", "q", "a")
    assert ran.status == 0
    assert json.loads(ran.stdout)["counts"]["error"] == 0


def test_two_answers_differ_in_their_date_alone(site: Site, httpwire: Run, tmp_path: Path) -> None:
    sent = plain("/", "Connection: close")
    first, second = ask(site.port, sent), ask(site.port, sent)
    later = re.sub(rb"Date: [^\r]*", b"Date: Fri, 01 Jan 2100 00:00:00 GMT", second)
    (tmp_path / "a").write_bytes(first)
    (tmp_path / "b").write_bytes(later)
    assert httpwire("diff", "a", "b").status == 1
    ran = httpwire("diff", "--ignore-volatile", "a", "b")
    assert ran.status == 0
    assert b"1 difference ignored: Date" in ran.stdout


HOSTILE = (
    b"HTTP/1.1 200 <script>window.owned=1</script>\r\n"
    b'X: "><img src=x onerror=window.owned=1>\r\n'
    b"X-</span><script>window.owned=1</script>: javascript:window.owned=1\r\n"
    b"Set-Cookie: a=</div><script>window.owned=1</script>; Path=/&lt;\r\n"
    b"Location: javascript:window.owned=1\r\n"
    b"Content-Type: text/html\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"40;</aside><script>window.owned=1</script>\r\n"
    b"</pre></main><script>window.owned=1</script><iframe src=//a.test>\r\n"
    b"0\r\n--></style></title><script>window.owned=1</script>: x\r\n\r\n"
)


@pytest.fixture
def page(tmp_path: Path) -> Iterator[Callable[[bytes], Chromium]]:
    """The page on an answer, open in Chromium."""
    with ExitStack() as stack:

        def opened(octets: bytes, *arguments: str) -> Chromium:
            (tmp_path / "<script>window.owned=1<&script>").write_bytes(octets)
            command = [sys.executable, "-m", "httpwire", "show", "<script>window.owned=1<&script>", *arguments]
            subprocess.run([*command, "--html", "page.html"], cwd=tmp_path, check=True, capture_output=True)
            browser = stack.enter_context(chromium(tmp_path))
            browser.call("Emulation.setFocusEmulationEnabled", enabled=True)
            browser.open(f"file://{tmp_path}/page.html")
            return browser

        yield opened


@pytest.mark.peer("chromium")
class TestPage:
    def test_nothing_of_the_bytes_is_executed(self, page: Callable[[bytes], Chromium]) -> None:
        browser = page(HOSTILE)
        browser.evaluate("document.querySelectorAll('.e').forEach(e => { e.focus(); e.click(); })")
        assert browser.evaluate("window.owned") is None
        counts = (
            "['script','img','iframe','style','title','main','aside'].map(n => document.querySelectorAll(n).length)"
        )
        assert browser.evaluate(counts) == [1, 0, 0, 1, 1, 1, 1]
        # Whatever could be put into the page would not run either.
        browser.evaluate("document.body.insertAdjacentHTML('beforeend', '<img src=x onerror=window.owned=1>')")
        injected = "new Promise(r => { const s = document.createElement('script'); s.textContent = 'window.owned=1';"
        browser.evaluate(injected + " document.body.append(s); setTimeout(r, 200); })")
        assert browser.evaluate("window.owned") is None
        assert "<script>window.owned=1</script>" in browser.evaluate("document.querySelector('main').innerText")

    def test_focus_and_pointer_tell_what_bytes_are(self, page: Callable[[bytes], Chromium]) -> None:
        browser = page(b"HTTP/1.1 404 Not Found\r\nRetry-After: 120\r\nContent-Length: 0\r\n\r\n")
        panel = "document.getElementById('panel').innerText"
        browser.evaluate("[...document.querySelectorAll('.e')].find(e => e.textContent == '404').focus()")
        told = browser.evaluate(panel)
        assert "status code" in told
        assert "bytes 9 to 12" in told
        assert "34 30 34" in told
        box = browser.evaluate(
            "(() => { const r = [...document.querySelectorAll('.e')].find(e => e.textContent == '120')"
            ".getBoundingClientRect(); return [r.x + r.width / 2, r.y + r.height / 2]; })()"
        )
        browser.call("Input.dispatchMouseEvent", type="mouseMoved", x=box[0], y=box[1])
        assert "2 minutes" in browser.evaluate(panel)

    def test_arrow_keys_go_through_the_elements(self, page: Callable[[bytes], Chromium]) -> None:
        browser = page(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
        browser.evaluate("document.querySelector('.e').focus()")
        seen = []
        for _ in range(4):
            for kind in ("keyDown", "keyUp"):
                browser.call("Input.dispatchKeyEvent", type=kind, key="ArrowRight", code="ArrowRight")
            seen.append(browser.evaluate("document.activeElement.textContent"))
        assert seen == [" ", "404", " ", "Not Found"]

    @pytest.mark.parametrize("columns", [1280, 375])
    def test_it_fits_a_desktop_and_a_phone(self, page: Callable[..., Chromium], columns: int) -> None:
        browser = page(HOSTILE, "--lang", "ja")
        browser.call(
            "Emulation.setDeviceMetricsOverride", width=columns, height=800, deviceScaleFactor=1, mobile=columns < 500
        )
        assert browser.evaluate("document.documentElement.scrollWidth") <= columns
        assert browser.evaluate("document.documentElement.lang") == "ja"
        visible = browser.evaluate("document.getElementById('panel').getBoundingClientRect().height")
        assert visible > 30
