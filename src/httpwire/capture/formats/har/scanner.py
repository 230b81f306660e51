"""JSON of any size, read from its beginning to its end: the items of one array at a time.

In: a Source. Out: the items of the arrays at "log"."entries", each parsed by itself;
all else is passed over without being held. What is in memory is one item, and a block.
Raises RecordingBroken with the offset of the octet where the text stops being JSON.
"""

from __future__ import annotations

import codecs
import json
import re

from httpwire.errors import RecordingUnreadable
from httpwire.language import N_

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from httpwire.capture.source import Source

BLOCK = 1 << 20
LARGEST = 512 << 20  # characters of one entry
_NAME = 1 << 20  # characters of a member's name
_NEAR = 64  # characters: a fault so close to the end of what was read may be none once more is read
_DIGITS = 18  # a number of more digits is a float

_SPACE = re.compile(r"[ \t\r\n]*")
_PLAIN = re.compile(r'[^"\[\]{}]*')  # in a value that is passed over: up to what opens or closes something
_IN_STRING = re.compile(r'(?:[^"\\]+|\\.)*', re.DOTALL)
_SCALAR = re.compile(r"[^,\]}\s]*")

_CUT = N_("it ends in the middle of an entry")
_CUT_OUTSIDE = N_("it ends before its end: brackets are not closed")
_NOT_JSON = N_("it is not JSON from here on")
_NESTED = N_("an entry is nested too deeply")
_LARGE = N_("an entry is larger than 512 MiB")
_MORE = N_("other bytes follow its end")


def _number(digits: str) -> int | float:
    return int(digits) if len(digits) <= _DIGITS else float(digits)


# Control characters in strings are no JSON, but nothing else can be meant by them.
_DECODER = json.JSONDecoder(strict=False)
_PATIENT = json.JSONDecoder(strict=False, parse_int=_number)  # int() refuses thousands of digits


class Scanner:
    """The text of `source` from where it is."""

    def __init__(self, source: Source) -> None:
        """Raises RecordingUnreadable for text that is not UTF-8."""
        self._source = source
        first = source.peek(4)
        if first.startswith((b"\xff\xfe", b"\xfe\xff")) or first[:1] == b"\0" or first[1:2] == b"\0":
            why = N_("it is UTF-16 or UTF-32 text; a HAR is UTF-8")
            raise RecordingUnreadable(path=source.name, why=why, errno=None)
        if first.startswith(codecs.BOM_UTF8):
            source.read(len(codecs.BOM_UTF8))
        self._decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
        self._text = ""
        self._at = 0
        self._start = source.offset  # of the text's first character
        self._ended = False

    @property
    def offset(self) -> int:
        """The offset of the octet that comes next."""
        return self._offset_of(self._at)

    def entries(self) -> Iterator[object]:
        """The items of log.entries.

        Raises RecordingUnreadable where this is no JSON object, or has no such array."""
        if self._next() != "{":
            raise self._no_har()
        found = False
        for name in self._members():
            if name != "log" or self._next() != "{":
                self._pass_over()
                continue
            for inner in self._members():
                if inner != "entries" or self._next() != "[":
                    self._pass_over()
                    continue
                found = True
                yield from self._items()
        if not found:
            raise self._no_har()
        if self._next():
            raise self._source.broken(_MORE, self.offset)

    def _no_har(self) -> RecordingUnreadable:
        why = N_("it is no HAR: it has no list of entries in a log")
        return RecordingUnreadable(path=self._source.name, why=why, errno=None)

    def _members(self) -> Iterator[str]:
        """The names of the members of the object that begins here; who asks for the next one has taken the value."""
        self._at += 1
        character = self._next()
        while character != "}":
            name = self._value(_NAME) if character == '"' else None
            if not isinstance(name, str) or self._next() != ":":
                raise self._fault()
            self._at += 1
            if not self._next():
                raise self._fault()
            yield name
            character = self._separator("}")
        self._at += 1

    def _items(self) -> Iterator[object]:
        self._at += 1
        character = self._next()
        while character != "]":
            yield self._value(LARGEST)
            character = self._separator("]")
        self._at += 1

    def _separator(self, closing: str) -> str:
        """Take the comma between two items; gives what comes then."""
        character = self._next()
        if character == closing:
            return character
        if character != ",":
            raise self._fault()
        self._at += 1
        character = self._next()
        if character == closing or not character:  # a comma at the end is for nothing
            raise self._fault()
        return character

    def _fault(self) -> Exception:
        return self._source.broken(_NOT_JSON if self._next() else _CUT_OUTSIDE, self.offset)

    def _value(self, most: int) -> object:
        """Take the value that begins here, of at most so many characters."""
        decoder = _DECODER
        while True:
            start = self._at
            try:
                value, end = decoder.raw_decode(self._text, self._at)
            except json.JSONDecodeError as error:
                cut = error.msg.startswith("Unterminated") or len(self._text) - error.pos < _NEAR
                if not cut:
                    raise self._source.broken(_NOT_JSON, self._offset_of(error.pos)) from error
                if len(self._text) - self._at > most:
                    raise self._source.broken(_LARGE) from error
                if not self._more():  # what is held begins with this value now
                    fault = error.pos - start
                    more = self._text[fault:].strip() and not error.msg.startswith("Unterminated")
                    why, fault = (_NOT_JSON, fault) if more else (_CUT, 0)
                    raise self._source.broken(why, self._offset_of(fault)) from error
            except ValueError:
                decoder = _PATIENT
            except RecursionError as error:
                raise self._source.broken(_NESTED, self.offset) from error
            else:
                if end == len(self._text) and not isinstance(value, str | list | dict) and self._more():
                    continue  # a number may go on
                self._at = end
                return value

    def _pass_over(self) -> None:
        """Take the value that begins here, whatever its size, and hold none of it."""
        depth = 0
        while True:
            character = self._next()
            if not character:
                raise self._fault()
            if character == '"':
                self._at += 1
                self._pass_over_string()
            elif character in "[{":
                self._at += 1
                depth += 1
            elif character in "]}":
                if not depth:
                    raise self._fault()
                self._at += 1
                depth -= 1
            elif depth:
                self._take(_PLAIN)
            elif not self._take(_SCALAR):
                raise self._fault()
            if not depth:
                return

    def _pass_over_string(self) -> None:
        start = self.offset
        while True:
            self._take(_IN_STRING)
            rest = self._text[self._at : self._at + 2]
            if rest.startswith('"'):
                self._at += 1
                return
            if not self._more():  # a backslash, and what it escapes has not come
                raise self._source.broken(_CUT_OUTSIDE, start)

    def _take(self, expression: re.Pattern[str]) -> int:
        """Take as much as matches; gives how much that is."""
        taken = 0
        while True:
            match = expression.match(self._text, self._at)
            assert match  # each of them matches nothing, too
            taken += match.end() - self._at
            self._at = match.end()
            if self._at < len(self._text) or not self._more():
                return taken

    def _next(self) -> str:
        """The next character that is no blank; empty at the end."""
        while True:
            match = _SPACE.match(self._text, self._at)
            assert match
            self._at = match.end()
            if self._at < len(self._text):
                return self._text[self._at]
            if not self._more():
                return ""

    def _more(self) -> bool:
        """Read on, as much again as is held, so that a large value is looked at few times; False at the end."""
        if self._ended:
            return False
        rest = self._text[self._at :]
        self._start = self.offset
        data = self._source.read(max(BLOCK, len(rest)))
        self._ended = not data
        self._text = rest + self._decoder.decode(data, final=self._ended)
        self._at = 0
        return len(self._text) > len(rest) or (not self._ended and self._more())

    def _offset_of(self, at: int) -> int:
        before = self._text[:at]
        return self._start + (at if before.isascii() else len(before.encode("utf-8", "surrogateescape")))
