"""Recipients of HTTP/1.1 that read what deviates each in a way of its own, as servers and proxies are known to.

In: nothing. Out: RECIPIENTS: an id, a sentence (a message id) and a Tolerance each. Every one reads
a conforming message that is whole as RFC 9112 says (but for content that it does not expect, and names
that mean framing to it), and differs from the ordinary reading in one thing only.
"""

from __future__ import annotations

from httpwire.language import N_
from httpwire.wire import tolerance as loose
from httpwire.wire.element import Direction
from httpwire.wire.record import Record, at
from httpwire.wire.tolerance import Tolerance


class Recipient(Record):
    """One that reads in a way of its own. `id` is stable, `says` (a message id) tells what is different about
    it, `only` is the direction in which it is; `strict`: it refuses what has an error."""

    __slots__ = ()
    FIELDS = ("id", "says", "tolerance", "only", "strict")
    id: str = at(0)
    says: str = at(1)
    tolerance: Tolerance = at(2)
    only: Direction | None = at(3)
    strict: bool = at(4)

    def __new__(
        cls,
        id: str,
        says: str,
        tolerance: Tolerance | None = None,
        only: Direction | None = None,
        *,
        strict: bool = False,
    ) -> Recipient:
        return tuple.__new__(cls, (id, says, tolerance or Tolerance(), only, strict))


ORDINARY = Recipient("ordinary", N_("reads as RFC 9112 says, and what deviates as httpwire does"))
STRICT = Recipient("strict", N_("refuses every message that breaks RFC 9112"), strict=True)

RECIPIENTS = (
    ORDINARY,
    STRICT,
    Recipient(
        "length-wins",
        N_("believes Content-Length where there is Transfer-Encoding too"),
        Tolerance(framing=loose.length_wins),
    ),
    Recipient(
        "coding-loose",
        N_("takes every Transfer-Encoding with 'chunked' in it for chunked, in HTTP/1.0 too"),
        Tolerance(framing=loose.loose_coding),
    ),
    Recipient(
        "coding-exact",
        N_("ignores a Transfer-Encoding that is not exactly 'chunked', and every one in HTTP/1.0"),
        Tolerance(framing=loose.exact_coding),
    ),
    Recipient(
        "first-wins",
        N_("takes the first of several Content-Length or Transfer-Encoding fields"),
        Tolerance(framing=loose.first_wins),
    ),
    Recipient(
        "last-wins",
        N_("takes the last of several Content-Length or Transfer-Encoding fields"),
        Tolerance(framing=loose.last_wins),
    ),
    Recipient(
        "number-prefix",
        N_("reads numbers as strtol() in C: a sign and blanks may stand before the digits, anything after them"),
        Tolerance(framing=loose.c_lengths, size=loose.c_size),
    ),
    Recipient(
        "number-python",
        N_("reads numbers as int() in Python: with a sign, blanks around, or '_' between the digits"),
        Tolerance(framing=loose.python_lengths, size=loose.python_size),
    ),
    Recipient(
        "length-exact",
        N_("ignores a Content-Length that is not a number of digits"),
        Tolerance(framing=loose.exact_length),
    ),
    Recipient(
        "length-hexadecimal",
        N_("reads a Content-Length that begins with 0x as hexadecimal"),
        Tolerance(framing=loose.hexadecimal_lengths),
    ),
    Recipient(
        "size-32-bit",
        N_("keeps only the lowest 32 bits of a length or chunk size"),
        Tolerance(lines=loose.lengths_of_32_bits, size=loose.size_of_32_bits),
    ),
    Recipient(
        "size-64-bit",
        N_("keeps only the lowest 64 bits of a length or chunk size"),
        Tolerance(lines=loose.lengths_of_64_bits, size=loose.size_of_64_bits),
    ),
    Recipient(
        "blank-in-name",
        N_("takes a name with a blank before the colon for another, unknown field"),
        Tolerance(lines=loose.without_blank_names),
    ),
    Recipient(
        "fold-is-field",
        N_("takes a line that begins with a blank for a field of its own"),
        Tolerance(lines=loose.folds_as_lines),
    ),
    Recipient(
        "cr-ends-line",
        N_("ends a line at CR alone, too"),
        Tolerance(octets=loose.cr_ends_lines),
    ),
    Recipient(
        "crlf-only",
        N_("ends a line at CRLF alone: LF without CR is part of the line"),
        Tolerance(octets=loose.only_crlf_ends_lines),
    ),
    Recipient(
        "controls-dropped",
        N_("drops control characters from field names and values"),
        Tolerance(lines=loose.without_controls),
    ),
    Recipient(
        "nul-ends-text",
        N_("reads field names and values up to the first NUL"),
        Tolerance(lines=loose.up_to_nul),
    ),
    Recipient(
        "underscore-is-hyphen",
        N_("takes '_' in a field name for '-', as CGI variables do"),
        Tolerance(lines=loose.underscores_as_hyphens),
    ),
    Recipient(
        "connection-removes",
        N_("removes the fields that Connection names before it looks for the length"),
        Tolerance(lines=loose.without_connection_options),
    ),
    Recipient(
        "chunk-end-any",
        N_("skips the two bytes after a chunk's data, whatever they are"),
        Tolerance(data_end=loose.any_two),
    ),
    Recipient(
        "chunk-end-optional",
        N_("does without the line end after a chunk's data"),
        Tolerance(data_end=loose.as_there_is),
    ),
    Recipient(
        "content-ignored",
        N_("expects no content with GET, HEAD, DELETE, OPTIONS or TRACE, and does not read it"),
        Tolerance(lines=loose.without_ignored_content),
        Direction.REQUEST,
    ),
    Recipient(
        "status-ignored",
        N_("reads content after a 1xx or 204 response if its length is given"),
        Tolerance(framing=loose.status_has_content),
        Direction.RESPONSE,
    ),
)
