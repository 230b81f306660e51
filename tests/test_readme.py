"""What the READMEs show is what a reader sees: their commands are run again, against a private Apache."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

import httpwire
from httpwire.net.apache import apache

_ROOT = Path(__file__).parents[1]
_EXAMPLE = "127.0.0.1:8080"


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    # Not a folder of pytest's: those are their owner's alone, and Apache's workers may be somebody else.
    with tempfile.TemporaryDirectory() as folder, apache(Path(folder)) as port:
        yield f"127.0.0.1:{port}"


def transcripts() -> Iterator[tuple[str, str]]:
    for name in ("README.md", "README.ja.md"):
        for block in re.findall(r"```console\n(.*?)```", (_ROOT / name).read_text(encoding="utf-8"), re.DOTALL):
            command, _, output = block.partition("\n")
            yield command.removeprefix("$ httpwire "), output


def masked(text: str) -> str:
    """`text` without what differs from run to run: digits with their separators, and so column widths of times."""
    return re.sub(r"\d[\d,.:]*", "#", text)


@pytest.mark.peer("apache2")
@pytest.mark.parametrize(("command", "output"), list(transcripts()))
def test_a_transcript_is_what_the_command_prints(command: str, output: str, server: str, tmp_path: Path) -> None:
    sample = _ROOT / "src" / "httpwire" / "samples" / "chrome-get.http"
    (tmp_path / "client_send.txt").write_bytes(sample.read_bytes())
    (tmp_path / "typed.txt").write_bytes(b"GET / HTTP/1.1\nHost: localhost\n")
    words = [sys.executable, "-m", "httpwire", *shlex.split(command.replace(_EXAMPLE, server))]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, timeout=30, check=False, env={"LANG": "C.UTF-8"})
    assert done.returncode == 0
    assert masked(done.stderr.decode().replace(server, _EXAMPLE)) == masked(output)


@pytest.mark.peer("apache2")
def test_the_python_example_does_what_it_says(server: str) -> None:
    text = (_ROOT / "README.md").read_text(encoding="utf-8")
    first, parser = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    names: dict[str, object] = {}
    exec(compile(first.replace(_EXAMPLE, server), "README.md", "exec"), names)  # noqa: S102  # the README's own lines
    exchange = names["exchange"]
    assert isinstance(exchange, httpwire.Exchange)
    assert exchange.response is not None
    assert exchange.response.status == 200
    assert exchange.framing is not None
    assert exchange.framing.rule.says == "Content-Length was reached"
    exec(compile(parser, "README.md", "exec"), {})  # noqa: S102


def test_every_public_name_can_be_had() -> None:
    for name in httpwire.__all__:
        assert getattr(httpwire, name) is not None
