"""The files that a command names, as far as it is safe to read them.

In: names, as a command has them. Out: their octets, for regular files in the folder of the commands or below, none of
them hidden, links followed. A file of commands may come from anywhere: it must not carry a private file into a capture.
"""

from __future__ import annotations

import os
import re
import stat

from httpwire.capture.formats.curl import costs
from httpwire.capture.formats.curl.costs import NotTaken
from httpwire.capture.formats.curl.octets import Filed, whole
from httpwire.capture.formats.curl.urls import encoded
from httpwire.capture.formats.spool import Spool

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from httpwire.capture.formats.curl.octets import Octets

_LINES = 1 << 20  # octets of a file of fields


class Files:
    """Files in `folder` (None: none), and standard input: `given` (None: the text does not hold it)."""

    def __init__(self, folder: str | None, given: Octets | None = None) -> None:
        self._folder = None if folder is None else os.path.realpath(folder)
        self._given = given

    def octets(self, name: bytes) -> Octets:
        """Those of the file `name`, or of standard input for "-". Raises NotTaken."""
        if name == b"-":
            if self._given is None:
                raise NotTaken(costs.INPUT)
            return self._given
        return self.file(name)

    def file(self, name: bytes) -> Octets:
        """Those of the file `name`. Raises NotTaken."""
        if self._folder is None or not name or b"\x00" in name:
            raise NotTaken(costs.FILES)
        path = os.path.realpath(os.path.join(self._folder, os.fsdecode(name)))
        inside = os.path.relpath(path, self._folder)
        try:
            if any(part.startswith(".") for part in re.split(re.escape(os.sep), inside)) or not stat.S_ISREG(
                os.stat(path).st_mode
            ):
                raise NotTaken(costs.FILES)
            with open(path, "rb"):
                return Filed(path)
        except (OSError, ValueError) as error:
            raise NotTaken(costs.FILES) from error

    def lines(self, name: bytes) -> list[bytes]:
        """The lines of the file `name` that are not empty. Raises NotTaken."""
        text = whole(self.octets(name), _LINES)
        if text is None:
            raise NotTaken(costs.FILES)
        return [line for line in re.split(rb"[\r\n]+", text) if line]


def stripped(octets: Octets) -> Octets:
    """`octets` without CR, LF and NUL, as -d takes a file."""
    return _changed(octets, lambda block: block.translate(None, b"\r\n\x00"))


def form_encoded(octets: Octets) -> Octets:
    """`octets` percent-encoded, with + for a space."""
    return _changed(octets, lambda block: encoded(block).replace(b"%20", b"+"))


def _changed(octets: Octets, change: Callable[[bytes], bytes]) -> Octets:
    return Spool(change(block) for block in octets.blocks())
