"""What the READMEs show is what a reader sees: their commands are run again, against a private Apache and a browser.

`python tests/test_readme.py --write` puts into them what the commands say now.
"""

from __future__ import annotations

import contextlib
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

import documents
import httpwire

READMES = [documents.ROOT / "README.md", documents.ROOT / "README.ja.md"]
PAGES = [*READMES, documents.ROOT / "docs" / "python.md"]
readmes = pytest.mark.parametrize("path", READMES, ids=lambda path: path.name)


@pytest.fixture(scope="module")
def somebody() -> Iterator[documents.Reader]:
    with documents.reader(japanese=False) as found:
        yield found


def examples(path: Path, *, of_pytest: bool) -> Iterator[str]:
    """The programs in a document: those that import what they need."""
    for block in re.findall(r"```python\n(.*?)```", path.read_text("utf-8"), re.DOTALL):
        if re.search("^(?:import|from) ", block, re.MULTILINE) and ("def test_" in block) is of_pytest:
            yield block


@pytest.mark.slow
@pytest.mark.peer("apache2")
@pytest.mark.peer("chromium")
@readmes
def test_the_transcripts_are_what_a_reader_sees(path: Path) -> None:
    documents.check(path)


def test_both_languages_show_the_same_commands() -> None:
    english, japanese = (documents.asked_for(path) for path in READMES)
    assert english == japanese


@pytest.mark.peer("apache2")
@readmes
def test_the_python_examples_do_what_they_say(path: Path, somebody: documents.Reader) -> None:
    first, servers, *others = examples(path, of_pytest=False)

    names = ran(first, path, somebody)
    exchange = names["exchange"]
    assert isinstance(exchange, httpwire.Exchange)
    assert exchange.response is not None
    assert exchange.response.status == 200
    assert exchange.framing is not None
    assert exchange.framing.rule.says == "Content-Length was reached"

    names = ran(servers, path, somebody)
    exchange, server = names["exchange"], names["server"]
    assert isinstance(exchange, httpwire.Exchange)
    assert isinstance(server, httpwire.Running)
    assert exchange.response is not None
    assert exchange.response.raw == names["answer"]
    assert server.requests == [b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"]

    for other in others:
        ran(other, path, somebody)


@pytest.mark.parametrize(
    "block",
    [
        pytest.param(block, id=f"{path.name} {number}")
        for path in PAGES
        for number, block in enumerate(examples(path, of_pytest=True), 1)
    ],
)
def test_the_examples_for_pytest_pass(block: str, tmp_path: Path) -> None:
    (tmp_path / "test_example.py").write_text(block, "utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", "test_example.py"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout


@pytest.mark.peer("apache2")
def test_the_example_of_the_python_page_does_what_it_asserts(somebody: documents.Reader) -> None:
    path = documents.ROOT / "docs" / "python.md"
    [block] = [block for block in examples(path, of_pytest=False) if "assert " in block]
    ran(block, path, somebody)


def ran(block: str, path: Path, somebody: documents.Reader) -> dict[str, object]:
    """The names that a program in a document leaves behind."""
    names: dict[str, object] = {}
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        exec(compile(somebody.here(block), path.name, "exec"), names)  # noqa: S102  # the document's own lines
    return names


def test_every_public_name_can_be_had() -> None:
    for name in httpwire.__all__:
        assert getattr(httpwire, name) is not None


if __name__ == "__main__":
    documents.main(*READMES)
