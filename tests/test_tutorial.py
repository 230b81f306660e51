"""The tutorials, done by a reader: every command and every page of theirs, in one folder, in order.

`python tests/test_tutorial.py --write` puts into them what the commands say now.
"""

from __future__ import annotations

from pathlib import Path

import pytest

import documents

TUTORIALS = [documents.ROOT / "docs" / name for name in ("tutorial.md", "tutorial.ja.md")]


@pytest.mark.slow
@pytest.mark.peer("apache2")
@pytest.mark.peer("curl")
@pytest.mark.peer("chromium")
@pytest.mark.peer("certutil")
@pytest.mark.parametrize("path", TUTORIALS, ids=lambda path: path.name)
def test_what_a_reader_does_shows_what_the_tutorial_shows(path: Path) -> None:
    documents.check(path)


def test_both_languages_have_the_reader_do_the_same() -> None:
    english, japanese = (documents.asked_for(path) for path in TUTORIALS)
    assert english == japanese


HASH, OTHER = "a" * 64, "b" * 64


@pytest.mark.parametrize(
    ("document", "now"),
    [
        ("times        connect 0.36 ms, total 1.04 s\n", "times        connect 1.1 ms, total 980.0 ms\n"),
        ("Date: Tue, 24 Nov 2026 14:31:59 GMT^M$\n", "Date: Wed, 03 Feb 2027 04:01:09 GMT^M$\n"),
        (
            'ETag: "2d-66106928cc8fb"\nServer: Apache/2.4.71 (Debian)\n',
            'ETag: W/"2d-1a"\nServer: Apache/2.4.65 (Unix)\n',
        ),
        ("GET /, 40 bytes, from 127.0.0.1:51060\n", "GET /, 40 bytes, from [::1]:38956\n"),
        ("remote_address: ('::1', 52374) ===\n", "remote_address: ('127.0.0.1', 40000) ===\n"),
        ("User-Agent: Mozilla/5.0 Chrome/156.0.0.0^M$\n", "User-Agent: Mozilla/5.0 Firefox/160.0^M$\n"),
        ("ended        1 request\n", "ended        2 requests, 1 connection that sent nothing\n"),
        ("note  [::1]:38956: no\nnote  [::1]:38962: no\n", "note  [::1]:40004: no\n"),
        (
            "ended        1 request\n",
            "request      GET /favicon.ico HTTP/1.1\nanswer       404\nended        2 requests\n",
        ),
        ("saved  a, 645 bytes\nsent  645 bytes\n", "saved  a, 1,001 bytes\nsent  1,001 bytes\n"),
        (f"{HASH}  a\n{HASH}  b\n", f"{OTHER}  a\n{OTHER}  b\n"),
    ],
)
def test_what_differs_from_run_to_run_is_no_difference(document: str, now: str) -> None:
    assert documents.told_alike(document, now)


@pytest.mark.parametrize(
    ("document", "now"),
    [
        ("answer       HTTP/1.1 200 OK\n", "answer       HTTP/1.1 400 Bad Request\n"),
        ("exit status 18\n", "exit status 0\n"),
        ("complete     Content-Length was reached\n", "complete     the server closed the connection\n"),
        ("Connection: keep-alive^M$\n", "Connection: close^M$\n"),
        ("User-Agent: Chrome^M$\n", "User-Agent: Chrome$\n"),
        ("listening    http://127.0.0.1:8080/\n", "listening    http://127.0.0.1:8443/\n"),
        ("saved  a, 645 bytes\nsent  645 bytes\n", "saved  a, 645 bytes\nsent  644 bytes\n"),
        (f"{HASH}  a\n{HASH}  b\n", f"{HASH}  a\n{OTHER}  b\n"),
        ("request      GET / HTTP/1.1\n", "request      GET / HTTP/1.1\nwarning      it does not fit\n"),
        ("request      GET / HTTP/1.1\n", ""),
    ],
)
def test_what_is_another_story_is_a_difference(document: str, now: str) -> None:
    assert not documents.told_alike(document, now)


@pytest.mark.peer("apache2")
@pytest.mark.parametrize(
    ("lines", "told"),
    [
        (["$ httpwire --version", "httpwire 9.8.7"], "9.8.7"),
        (["$ httpwire record"], "listening"),
        (["$ httpwire send nothing.txt"], "nothing.txt"),
        (["$ printf 'one\\ntwo\\n'", "one"], "two"),
    ],
)
def test_a_document_that_drifts_fails(lines: list[str], told: str, tmp_path: Path) -> None:
    """Also one that leaves something out, or a server running."""
    path = tmp_path / "drifted.md"
    path.write_text("\n".join(("Look:", "", "```console", *lines, "```", "")), "utf-8")
    with pytest.raises(AssertionError, match=told):
        documents.check(path)


def test_what_the_reader_does_is_read_from_the_document(tmp_path: Path) -> None:
    path = tmp_path / "some.md"
    text = (
        "Open <http://localhost/> now.\nIt shows **this** and\n**that**. **Bold**\n\n"
        "```console\n$ httpwire record\nlistening\n```\n```sh\n$ not this\n```\n```console\nmore\n^Cended\n$ ls\n```\n"
    )
    path.write_text(text, "utf-8")
    assert list(documents.steps(text)) == [
        documents.Visit("http://localhost/", ("this", "that", "Bold")),
        documents.Shown("httpwire record", "listening\n", 6, 7),
        documents.Shown("", "more\n^Cended\n", 12, 14),
        documents.Shown("ls", "", 15, 15),
    ]
    assert documents.asked_for(path) == ["http://localhost/", "httpwire record", "ls"]


if __name__ == "__main__":
    documents.main(*TUTORIALS)
