"""Text laid out for reading: JSON, markup and forms in lines of their own.

In: characters, whole or cut off anywhere. Out: lines. Only blanks and line ends between tokens
are changed: every token is shown as it stands, also where the text is no valid JSON or
HTML, so that nothing is hidden by the reading. Linear, and never deeper than a bound.
"""

from __future__ import annotations

import re

from httpwire.views.text import printable, visible

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_DEEPEST = 40  # levels that are still indented further
_JSON = re.compile(r'"(?:[^"\\]|\\.)*+"?|[{}\[\],:]|[^\s"{}\[\],:]+', re.S)
_MARKUP = re.compile(r"<!--.*?(?:-->|\Z)|<[!?/]?[A-Za-z][^<>]*>?|<[!?][^<>]*>?|[^<]+|<", re.S)
_TAG = re.compile(r"<(/?)([A-Za-z][A-Za-z0-9:_-]*)")
_VOID = frozenset(
    ("area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr")
)
_VERBATIM = frozenset(("script", "style", "pre", "textarea"))
_INLINE = frozenset(
    (
        *("a", "abbr", "b", "bdi", "bdo", "br", "cite", "code", "data", "dfn", "em", "i", "img", "kbd", "mark", "q"),
        *("s", "samp", "small", "span", "strong", "sub", "sup", "time", "u", "var", "wbr"),
    )
)
#: Elements that end where another of their kind begins: their end tags may be left out (HTML 13.1.2.4).
_SELF_ENDING = frozenset(("li", "dt", "dd", "p", "tr", "td", "th", "option"))


class _Line:
    """A line as it grows."""

    def __init__(self) -> None:
        self.words: list[str] = []

    def begin(self, depth: int) -> None:
        self.words = ["  " * min(depth, _DEEPEST)]

    def add(self, word: str) -> None:
        self.words.append(word)

    @property
    def empty(self) -> bool:
        return len(self.words) < 2

    @property
    def text(self) -> str:
        return "".join(self.words).rstrip(" ")


def json_lines(text: str) -> Iterator[str]:
    """JSON with a line for each member; its tokens are what they were."""
    depth = 0
    line = _Line()
    line.begin(0)
    before = ""
    for token in _JSON.finditer(text):
        word = token[0]
        closing = word in ("}", "]")
        depth = max(0, depth - closing)
        if (before in ("{", "[") and not closing) or before == "," or (closing and before not in ("{", "[", "")):
            yield line.text
            line.begin(depth)
        elif not line.empty and before != ":" and word not in (",", ":") and not closing:
            line.add(" ")  # what is no JSON stays apart
        line.add(word + " " if word == ":" else word)
        depth += word in ("{", "[")
        before = word
    if not line.empty:
        yield line.text


def markup_lines(text: str) -> Iterator[str]:
    """HTML or XML with a line for each element that stands for itself; scripts, styles and <pre> are left alone."""
    opened: list[str] = []  # the elements that are not ended yet
    line = _Line()
    first = ""  # the element that the line begins with, while only text and inline elements follow it
    verbatim = ""  # the element whose text is not to be touched
    for token in _MARKUP.finditer(text):
        word = token[0]
        tag = _TAG.match(word)
        name = tag[2].lower() if tag else ""
        closing = bool(tag and tag[1])
        if verbatim and not (closing and name == verbatim):
            line.add(word)
            continue
        stands = (tag and name not in _INLINE) or word.startswith(("<!", "<?"))
        if not stands:
            words = word if tag else re.sub(r"[ \t\r\n]+", " ", word)
            if line.empty:
                line.begin(len(opened))
                words = words.lstrip(" ")
            if words:
                line.add(words)
            continue
        joins = closing and name in (first, verbatim)
        if not joins and not line.empty:
            yield from line.text.split("\n")
        if closing:
            _end(opened, name)
        elif name in _SELF_ENDING and opened and opened[-1] == name:
            opened.pop()
        if not joins:
            line.begin(len(opened))
        line.add(word)
        first = verbatim = ""
        if tag and not closing and name not in _VOID and not word.endswith("/>"):
            opened.append(name)
            first = name
            verbatim = name if name in _VERBATIM else ""
        else:
            yield from line.text.split("\n")
            line.begin(len(opened))
    if not line.empty:
        yield from line.text.split("\n")


def _end(opened: list[str], name: str) -> None:
    """Take the element `name`, and those that were left open in it, from the opened ones; not searched without end."""
    for index in range(len(opened) - 1, max(-1, len(opened) - _DEEPEST - 1), -1):
        if opened[index] == name:
            del opened[index:]
            return


def form_lines(text: str) -> Iterator[str]:
    """The names and values of a form, percent-encoding taken off."""
    from urllib.parse import unquote_plus

    for pair in text.split("&"):
        name, equals, value = pair.partition("=")
        name, value = (unquote_plus(text, errors="backslashreplace") for text in (name, value))
        yield name + (" = " if equals else "") + value


def multipart_lines(octets: bytes, boundary: bytes) -> Iterator[str]:
    """The parts of a multipart content (RFC 2046 5.1): their delimiters and fields, and text where they are text."""
    from httpwire.views.signatures import recognized

    delimiter = b"--" + boundary
    for index, piece in enumerate(octets.split(delimiter)):
        if index:
            yield visible(delimiter + (b"--" if piece.startswith(b"--") else b""))
        head, blank, body = piece.partition(b"\r\n\r\n")
        if not blank or not index:
            rest = piece.removeprefix(b"--").strip(b"\r\n")
            if rest:
                yield visible(rest)
            continue
        for line in head.strip(b"\r\n").split(b"\r\n"):
            yield _decoded(line)
        yield ""
        body = body.removesuffix(b"\r\n")
        try:
            text = body.decode("utf-8")
        except UnicodeDecodeError:
            text = None
        if text is None or "\x00" in text:
            known = recognized(body)
            yield f"({known + ', ' if known else ''}{len(body):,} B) {visible(body, 48)}"
        else:
            yield from (printable(line) for line in text.split("\n"))


def _decoded(line: bytes) -> str:
    """A field line as text; file names in it are UTF-8 as browsers write them."""
    return printable(line.decode("utf-8", "backslashreplace"))
