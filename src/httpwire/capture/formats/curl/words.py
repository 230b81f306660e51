"""Shell text, as bash splits it into commands and words; nothing of it is ever executed or replaced.

In: a Source. Out: Commands in the order of the text, a list for each pipeline: their words with the quotes taken off
(Bash Reference Manual 3.1.2, 3.5, 3.6), what their standard input is where the text says it, and why
a word is not what the shell would make of it. Text that ends inside of a quote is told as damage, with its place.
"""

from __future__ import annotations

import re

from httpwire.capture.formats.curl import costs
from httpwire.capture.formats.curl.escapes import unescaped
from httpwire.capture.formats.curl.octets import Held
from httpwire.capture.formats.curl.text import Text
from httpwire.capture.formats.spool import Spool
from httpwire.language import N_

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from httpwire.capture.formats.curl.octets import Octets
    from httpwire.capture.source import Source
    from httpwire.capture.toll import Cost, Toll

LONGEST = 16 << 20  # octets of a command's words
_WORDS = 20_000  # of a command
_LINES = 1000  # of a here-document that are written together
_HELD = 1000  # commands of one line that wait for its here-documents

_BLANKS = re.compile(rb"(?:[ \t]+|\\\r?\n|\r(?=\n))+")
_NOTHING = re.compile(rb"[ \t\n;|()]+|&+(?!>)")  # between commands
_COMMENT = re.compile(rb"[^\n]+")
_PLAIN = re.compile(rb"[^ \t\n'\"\\$`;&|<>()\x00]+")
_SINGLE = re.compile(rb"[^']+")
_DOUBLE = re.compile(rb"(?:[^\"\\$`]++|\\.)+", re.DOTALL)
_IN_DOUBLE = re.compile(rb"\\(?:\n|([$`\"\\]))")
_ANSI = re.compile(rb"(?:[^'\\]++|\\.)+", re.DOTALL)
_NAME = re.compile(rb"[A-Za-z0-9_]+")
_OPENING = re.compile(rb"\(+")
_OPERATOR = re.compile(rb"&&|\|\||\|&|;;&|;&|;;|[;&|()]")
_REDIRECTION = re.compile(rb"<<<|<<-|<<|<&|<>|<|>>|>&|>\||>|&>>|&>")
_PATTERN = re.compile(rb"[*?]|\[[^\[\]]*\]")
_BRACES = re.compile(rb"\{[^{}]*(?:,|\.\.)[^{}]*\}")
_REPLACED = re.compile(rb"\$[A-Za-z0-9_({\[@*#?!$-]|`|\\[$`\\\n]")  # in a here-document
_DOUBTFUL = re.compile(rb"[$`\\]")
_ASSIGNMENT = re.compile(rb"[A-Za-z_][A-Za-z0-9_]*=")
_OPEN_QUOTE = N_("a quote that begins here is not closed")
_OPEN_PARENTHESIS = N_("what begins here for the shell to replace does not end")
_OPEN_DOCUMENT = N_("a here-document that begins here does not end")


class Command:
    """One simple command: `words` (bytes), the offset `at` of its first octet, assignments before it, and `trouble`,
    a Cost where the words are not what the shell would make of them. `input` is its standard input where the text holds
    it, `file` the name of the file that it comes from; `piped` says that it is what the command before it writes."""

    __slots__ = ("assigned", "at", "file", "input", "piped", "trouble", "words")

    def __init__(self, at: int, *, piped: bool) -> None:
        self.at = at
        self.words: list[bytes] = []
        self.assigned: list[bytes] = []
        self.trouble: Cost | None = None
        self.input: Octets | None = None
        self.file: bytes | None = None
        self.piped = piped


class _Document:
    """A here-document whose text follows the line."""

    def __init__(self, at: int, command: Command, end: bytes, *, quoted: bool, tabs: bool) -> None:
        self.at = at
        self.command = command
        self.end = end
        self.quoted = quoted
        self.tabs = tabs


class _Word:
    """A word that is being read: its octets, and their shape (q for what is quoted)."""

    def __init__(self) -> None:
        self.octets = bytearray()
        self.shape = bytearray()
        self.quoted = False

    def quote(self, data: bytes) -> None:
        self.quoted = True
        self.octets += data
        self.shape += b"q" * len(data)


class Shell:
    """Reads the commands of `source`, and counts on `toll` what of them is passed over or taken in another way."""

    def __init__(self, source: Source, toll: Toll) -> None:
        self._source = source
        self._toll = toll
        self._text = Text(source)
        self._pipeline: list[Command] = []
        self._waiting: list[list[Command]] = []  # pipelines that wait for their here-documents
        self._documents: list[_Document] = []
        self._command: Command | None = None
        self._size = 0
        self._joined = False  # a pipe was read, and no command behind it yet

    def pipelines(self) -> Iterator[list[Command]]:
        """Raises RecordingBroken, RecordingUnreadable."""
        text = self._text
        while True:
            if not (self._pipeline or self._documents):
                text.pass_by(_NOTHING)
            text.pass_by(_BLANKS)
            first = text.ahead()
            if first in (b"", b"\n"):
                text.skip(1)
                yield from self._line()
                if not first:
                    if self._pipeline:
                        yield self._pipeline
                    return
            elif first == b"#":
                text.pass_by(_COMMENT)
            elif first in b"<>" or text.ahead(2) == b"&>":
                self._redirect(b"")
            elif first in b";&|()":
                operator = text.take(_OPERATOR)
                yield from self._end(piped=operator in (b"|", b"|&"))
            else:
                self._take_word()

    def _end(self, *, piped: bool) -> Iterator[list[Command]]:
        """A command has ended."""
        self._joined = piped and (self._command is not None or self._joined)
        self._command = None
        if self._joined or not self._pipeline:
            return
        pipeline, self._pipeline = self._pipeline, []
        if not self._documents:
            yield pipeline
        elif len(self._waiting) < _HELD:
            self._waiting.append(pipeline)
        else:
            self._toll.skip(costs.LONG, len(pipeline))

    def _line(self) -> Iterator[list[Command]]:
        """A line has ended."""
        documents, self._documents = self._documents, []
        for document in documents:
            self._read_document(document)
        waiting, self._waiting = self._waiting, []
        yield from waiting
        if self._command or not self._joined:  # a line that ends in a pipe goes on
            yield from self._end(piped=False)

    def _current(self) -> Command:
        if not self._command:
            piped = self._joined and bool(self._pipeline)
            self._command = Command(self._text.offset, piped=piped)
            self._joined = False
            self._size = 0
            if len(self._pipeline) < _HELD:
                self._pipeline.append(self._command)
            else:
                self._toll.skip(costs.LONG)
        return self._command

    def _trouble(self, cost: Cost) -> None:
        command = self._current()
        command.trouble = command.trouble or cost

    def _take_word(self) -> None:
        command = self._current()
        word = self._word()
        if word is None:
            return
        octets = bytes(word.octets)
        if not word.quoted and octets.isdigit() and self._text.ahead() in (b"<", b">"):
            self._redirect(octets)
            return
        if not command.words and _ASSIGNMENT.match(word.shape):
            command.assigned.append(octets)
            return
        shape = bytes(word.shape)
        if _BRACES.search(shape) or shape.startswith(b"~"):
            self._trouble(costs.SUBSTITUTION)
        elif _PATTERN.search(shape):
            self._toll.rebuild(costs.PATTERNS)
        if len(command.words) == _WORDS:
            self._trouble(costs.LONG)
        elif octets or word.quoted or command.trouble:
            command.words.append(octets)

    def _redirect(self, number: bytes) -> None:
        text = self._text
        command = self._current()
        at = text.offset
        operator = text.take(_REDIRECTION)
        text.pass_by(_BLANKS)
        if text.ahead() == b"(":  # what another command writes or reads
            self._trouble(costs.SUBSTITUTION)
            text.skip(1)
            self._parentheses(at, 1)
            return
        word = self._word() or _Word()
        octets = bytes(word.octets)
        if number not in (b"", b"0") or operator[:1] != b"<" or operator in (b"<>", b"<&"):
            self._toll.lose(costs.REDIRECTIONS)
        elif operator == b"<<<":
            command.input = Held(octets + b"\n")
        elif operator in (b"<<", b"<<-"):
            quoted = word.quoted
            self._documents.append(_Document(at, command, octets, quoted=quoted, tabs=operator == b"<<-"))
        else:
            command.file = octets

    def _word(self) -> _Word | None:
        """The word that begins here; None where it is only the CR of a line end."""
        text, word = self._text, _Word()
        while True:
            while piece := text.run(_PLAIN):
                if self._fits(len(piece)):
                    word.octets += piece
                    word.shape += piece
            first = text.ahead()
            if first == b"\\":
                self._escape(word)
            elif first == b"'":
                self._single(word)
            elif first == b'"':
                self._double(word)
            elif first == b"$":
                self._dollar(word, quoted=False)
            elif first == b"`":
                self._backticks()
            elif first == b"\x00":
                text.skip(1)
                self._trouble(costs.NUL)
            else:
                break
        if first == b"\n" and word.shape.endswith(b"\r"):
            del word.octets[-1:], word.shape[-1:]
            if not word.octets and not word.quoted:
                return None
        return word

    def _fits(self, count: int) -> bool:
        """Whether `count` more octets of the command are taken."""
        self._current()
        self._size += count
        if self._size > LONGEST:
            self._trouble(costs.LONG)
        return self._size <= LONGEST

    def _escape(self, word: _Word) -> None:
        text = self._text
        following = text.ahead(3)[1:]
        if following[:1] == b"\n":
            text.skip(2)
        elif following == b"\r\n":
            text.skip(3)
        elif following:
            text.skip(2)
            if self._fits(1):
                word.quote(following[:1])
        else:
            text.skip(1)
            word.quote(b"\\")

    def _inside(self, pattern: re.Pattern[bytes], at: int) -> bytes:
        """What `pattern` matches inside of the quote that begins at `at`."""
        text, pieces = self._text, []
        while piece := text.run(pattern):
            if b"\x00" in piece:
                self._trouble(costs.NUL)
            if self._fits(len(piece)):
                pieces.append(piece)
        if not text.ahead():
            raise self._source.broken(_OPEN_QUOTE, at)
        return b"".join(pieces)

    def _single(self, word: _Word) -> None:
        at = self._text.offset
        self._text.skip(1)
        word.quote(self._inside(_SINGLE, at))
        self._text.skip(1)

    def _double(self, word: _Word) -> None:
        text = self._text
        at = text.offset
        text.skip(1)
        while True:
            word.quote(_IN_DOUBLE.sub(rb"\1", self._inside(_DOUBLE, at)))
            first = text.ahead()
            if first == b"$":
                self._dollar(word, quoted=True)
            elif first == b"`":
                self._backticks()
            else:
                text.skip(1)
                if first == b'"':
                    return

    def _dollar(self, word: _Word, *, quoted: bool) -> None:
        """What a $ begins."""
        text = self._text
        at = text.offset
        text.skip(1)
        following = text.ahead()
        if following == b"'" and not quoted:
            self._ansi(word, at)
        elif following == b'"' and not quoted:
            pass  # a string to be translated: the quote comes next
        elif following in (b"(", b"{", b"["):
            text.skip(1)
            self._trouble(costs.SUBSTITUTION)
            if following == b"(":
                self._parentheses(at, 1)
            else:
                self._until(b"}" if following == b"{" else b"]", at)
        elif following and (_NAME.match(following) or following in b"@*#?$!-"):
            self._trouble(costs.SUBSTITUTION)
            if _NAME.match(following):
                text.pass_by(_NAME)
            else:
                text.skip(1)
        elif self._fits(1):
            word.octets += b"$"
            word.shape += b"q" if quoted else b"$"

    def _backticks(self) -> None:
        self._trouble(costs.SUBSTITUTION)
        at = self._text.offset
        self._text.skip(1)
        self._until(b"`", at)

    def _until(self, end: bytes, at: int) -> None:
        """Pass over what the shell replaces, up to `end`."""
        text = self._text
        plain = re.compile(rb"[^\\" + re.escape(end) + rb"]+")
        while True:
            text.pass_by(plain)
            first = text.ahead(2)
            if not first:
                raise self._source.broken(_OPEN_PARENTHESIS, at)
            text.skip(1 if first[:1] == end else len(first))
            if first[:1] == end:
                return

    def _parentheses(self, at: int, depth: int) -> None:
        """Pass over what the shell replaces, up to the parenthesis that closes it."""
        text, ignored = self._text, _Word()
        plain = re.compile(rb"[^\\()'\"`]+")
        while depth:
            text.pass_by(plain)
            first = text.ahead(2)
            if not first:
                raise self._source.broken(_OPEN_PARENTHESIS, at)
            if first[:1] == b"'":
                self._single(ignored)
            elif first[:1] == b"`":
                self._backticks()
            elif first[:1] == b'"':
                text.skip(1)
                self._until(b'"', at)
            elif first[:1] == b"\\":
                text.skip(len(first))
            elif run := text.run(_OPENING):
                depth += len(run)
            else:
                text.skip(1)
                depth -= 1
            ignored = _Word()

    def _ansi(self, word: _Word, at: int) -> None:
        """$'...': Bash Reference Manual 3.1.2.4."""
        self._text.skip(1)
        text = unescaped(self._inside(_ANSI, at))
        if self._text.ahead() != b"'":
            raise self._source.broken(_OPEN_QUOTE, at)
        self._text.skip(1)
        word.quote(text)

    def _read_document(self, document: _Document) -> None:
        """The text of a here-document, up to its end."""
        spool, fresh = Spool(), True
        plain = True
        held: list[bytes] = []
        while True:
            piece, ended = self._text.line()
            if not piece:
                raise self._source.broken(_OPEN_DOCUMENT, document.at)
            if fresh and document.tabs:
                piece = piece.lstrip(b"\t")
            if fresh and piece.rstrip(b"\r\n") == document.end and (ended or not self._text.ahead()):
                break
            fresh = ended
            if plain and not document.quoted:
                plain = not (_REPLACED if ended else _DOUBTFUL).search(piece)
            held.append(piece)
            if len(held) == _LINES or not ended:
                spool.write(b"".join(held))
                held.clear()
        spool.write(b"".join(held))
        if not (document.quoted or plain):
            command = document.command
            command.trouble = command.trouble or costs.SUBSTITUTION
        document.command.input = spool
