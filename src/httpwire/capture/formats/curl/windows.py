"""curl commands for cmd.exe, as Chrome's 'Copy as cURL (cmd)' writes them.

In: a Source. Out: Commands. Two readers take such a line apart, one after the other: cmd.exe, for which ^ takes the
meaning from the next character, and the C runtime, for which quotes and the backslashes before them make words.
"""

from __future__ import annotations

import re

from httpwire.capture.formats.curl import costs
from httpwire.capture.formats.curl.words import LONGEST, Command

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from httpwire.capture.source import Source

_STEP = re.compile(rb"\^\r?\n(\r\n|.|)|\^(.)|(\")|(\r?\n|&&?|\|)|([^\^\"\r\n&|]+|\r)", re.DOTALL)
_QUOTED = re.compile(rb"[^\"\r\n]+")
_VARIABLE = re.compile(rb"%[A-Za-z_][A-Za-z0-9_()]*%")
_BACKSLASHES = re.compile(rb"(\\*)(\"|\Z|[^\\\"]+)", re.DOTALL)


def is_for_cmd(first: bytes) -> bool:
    """Whether the first octets of a text are of such commands."""
    return re.match(rb"\s*curl(?:\.exe)?\s", first) is not None and re.search(rb"\^\"|\^\r?\n", first) is not None


def pipelines(source: Source) -> Iterator[list[Command]]:
    """The commands of `source`, each for itself. Raises RecordingUnreadable."""
    text = source.read(LONGEST + 1)
    if len(text) > LONGEST:
        command = Command(0, piped=False)
        command.words, command.trouble = [b"curl"], costs.LONG
        yield [command]
        return
    for at, line in _lines(text):
        command = Command(at, piped=False)
        command.words = _words(line)
        if _VARIABLE.search(line):
            command.trouble = costs.SUBSTITUTION
        elif b"\x00" in line:
            command.trouble = costs.NUL
        if command.words:
            yield [command]


def _lines(text: bytes) -> Iterator[tuple[int, bytes]]:
    """The commands as cmd.exe hands them on, with their offsets."""
    line, began, place = bytearray(), 0, 0
    while place < len(text):
        step = _STEP.match(text, place)
        if not step:  # a caret at the very end
            break
        place = step.end()
        if step[3]:
            quoted = _QUOTED.match(text, place)
            line += b'"' + (quoted[0] if quoted else b"")
            place = quoted.end() if quoted else place
            if text[place : place + 1] == b'"':
                line += b'"'
                place += 1
        elif step[4]:
            yield began, bytes(line)
            line, began = bytearray(), place
        elif step[1] is not None:
            line += b"\n" if step[1] == b"\r\n" else step[1]
        else:
            line += step[2] or step[5]
    yield began, bytes(line)


def _words(line: bytes) -> list[bytes]:
    """The words of a line, as the C runtime splits it."""
    words: list[bytes] = []
    place = 0
    while place < len(line):
        if line[place : place + 1] in (b" ", b"\t", b"\n"):
            place += 1
            continue
        word, quoted = bytearray(), False
        while place < len(line) and (quoted or line[place : place + 1] not in (b" ", b"\t", b"\n")):
            found = _BACKSLASHES.match(line, place)
            assert found
            slashes, what = found.groups()
            if what == b'"':
                word += slashes[: len(slashes) // 2]
                place = found.end()
                if len(slashes) % 2:
                    word += b'"'
                elif quoted and line[place : place + 1] == b'"':
                    word += b'"'
                    place += 1
                else:
                    quoted = not quoted
            else:
                word += slashes
                place = found.end(1)
                plain = re.compile(rb'[^\\"]+' if quoted else rb'[^\\" \t\n]+').match(line, place)
                if plain:
                    word += plain[0]
                    place = plain.end()
        words.append(bytes(word))
    return words
