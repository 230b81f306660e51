"""The grammar of HTTP/1.1 on the wire, as regular expressions over bytes.

In: a production's name, as an attribute of this module. Out: its compiled expression, made
when it is first asked for: a small exchange meets few of them, and compiling all costs
more than reading it. Each runs in time linear in its input. A raw octet is never handed
to int(), strip() or lower() before one of these has matched it whole.
"""

from __future__ import annotations

import re

_TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
_QUOTED = rb'"(?:[\t \x21\x23-\x5b\x5d-\x7e\x80-\xff]|\\[\t \x21-\x7e\x80-\xff])*"'  # RFC 9110 5.6.4
_CLEAN_FIELDS = rb"(?:%s:[\t\x20-\x7e\x80-\xff]*\r\n)*\r\n" % _TOKEN

_PRODUCTIONS = {
    "TOKEN": _TOKEN,  # RFC 9110 5.6.2
    "MEDIA_TYPE": rb"%s/%s" % (_TOKEN, _TOKEN),  # RFC 9110 8.3.1, without parameters
    "BLANKS": rb"[ \t]+",  # OWS, BWS and RWS when not empty: RFC 9110 5.6.3
    "VERSION": rb"HTTP/[1-9]\.[0-9]",  # RFC 9112 2.3; HTTP/0.9 has no version to write
    "REQUEST_LINE": rb"(" + _TOKEN + rb") ([\x21-\x7e]+) (HTTP/[1-9]\.[0-9])",  # RFC 9112 3
    "TARGET": rb"/|[A-Za-z][A-Za-z0-9+.\-]*://",  # how one begins: RFC 9112 3.2
    "PERCENT": rb"%(?![0-9A-Fa-f]{2})",  # one that encodes nothing: RFC 3986 2.1
    # RFC 9110 7.2, as servers narrow it.
    "HOST": rb"(?:[A-Za-z0-9_\-]+(?:\.[A-Za-z0-9_\-]+)*\.?|\[[0-9A-Fa-f:.]+\])(?::[0-9]{0,5})?",
    "STATUS_LINE": rb"(HTTP/[0-9]\.[0-9]) ([0-9]{3}) ([\t\x20-\x7e\x80-\xff]*)",  # RFC 9112 4
    "LOOSE_STATUS_LINE": rb"(?s)(HTTP/[0-9](?:\.[0-9])?)([ \t]+)([0-9]{3})(?:([ \t]+)(.*))?",  # as it is tolerated
    "FIELD_LINE": rb"(" + _TOKEN + rb"):([\t\x20-\x7e\x80-\xff]*)\r\n",  # RFC 9112 5, RFC 9110 5.5
    # Heads without any deviation of form, whole. No octet of them can be matched in two ways.
    "CLEAN_REQUEST": rb"(%s) ([\x21-\x7e]+) (HTTP/[1-9]\.[0-9])\r\n%s" % (_TOKEN, _CLEAN_FIELDS),
    "CLEAN_RESPONSE": rb"(HTTP/[0-9]\.[0-9]) ([0-9]{3}) ([\t\x20-\x7e\x80-\xff]*)\r\n%s" % _CLEAN_FIELDS,
    # Those of plain messages (wire/plain): a request for a path, by a method that is not CONNECT; a final response.
    "PLAIN_REQUEST": rb"(GET|POST|HEAD|PUT|DELETE|OPTIONS|PATCH) (/[\x21\x22\x24-\x7e]*) HTTP/1\.[01]\r\n"
    + _CLEAN_FIELDS,
    "PLAIN_RESPONSE": rb"HTTP/1\.[01] ([2-5][0-9][0-9]) [\t\x20-\x7e\x80-\xff]*\r\n" + _CLEAN_FIELDS,
    "FORBIDDEN": rb"[\x00-\x08\x0a-\x1f\x7f]",  # not in a field value: RFC 9110 5.5
    "FOLD": rb"\r?\n[ \t]+",  # obs-fold: RFC 9112 5.2
    "HEAD_END": rb"\n\r?\n",  # the blank line, bare LF tolerated: RFC 9112 2.1, 2.2
    "NO_WEIGHT": rb"(?i)[ \t]*q=0(?:\.0{0,3})?[ \t]*",  # RFC 9110 12.4.2
    "DIGITS": rb"[0-9]+",  # Content-Length: RFC 9110 8.6
    "CHUNK_SIZE": rb"[0-9A-Fa-f]+",  # RFC 9112 7.1
    "PLAIN_CHUNK_LINE": rb"([0-9A-Fa-f]{1,15})\r\n",  # one without extensions
    # RFC 9112 7.1.1, with blanks where the grammar has BWS.
    "CHUNK_EXTENSIONS": rb"(?:[ \t]*;[ \t]*%s(?:[ \t]*=[ \t]*(?:%s|%s))?)*" % (_TOKEN, _TOKEN, _QUOTED),
    # One member of the list, or an empty one, and the comma after it: RFC 9110 10.1.4, 5.6.1.
    "TRANSFER_CODING": rb"[ \t]*+(?:(%s)((?:[ \t]*+;[ \t]*+%s[ \t]*+=[ \t]*+(?:%s|%s))*))?[ \t]*+(?:,|\Z)"
    % (_TOKEN, _TOKEN, _TOKEN, _QUOTED),
    # What other recipients take for a number (wire/tolerance): group 1 is its digits.
    "LENGTH": rb"([0-9]+)",
    "SIZE": rb"(?s)([0-9A-Fa-f]+)(?:[ \t;].*)?",  # the octets before a chunk line's end, as the RFC has them
    "C_LENGTH": rb"(?s)[\t-\r ]*+(?!-)\+?([0-9]*).*",  # strtol() reads a prefix, and no digits as 0
    "C_SIZE": rb"(?s)[\t-\r ]*+(?!-)\+?(?:0[xX](?=[0-9A-Fa-f]))?([0-9A-Fa-f]*).*",
    "PYTHON_LENGTH": rb"[\t-\r ]*+\+?([0-9]+(?:_[0-9]+)*)[\t-\r ]*",  # int() wants the whole
    "PYTHON_SIZE": rb"(?s)[\t-\r ]*+\+?(?:0[xX]_?)?([0-9A-Fa-f]+(?:_[0-9A-Fa-f]+)*)[\t-\r ]*+(?:;.*)?",
    "C_CONSTANT": rb"0[xX]([0-9A-Fa-f]+)",
    # Heads without a finding that some recipients frame otherwise all the same.
    "AMBIGUOUS": rb"(?i)\n(?:content_length|transfer_encoding):"
    rb"|\nconnection:[^\n]*(?:content-length|transfer-encoding)",
    "BARE_CR": rb"\r(?!\n)",
    "BARE_LF": rb"(?<!\r)\n",
    "FOLDED": rb"(\r?\n)([ \t]+)(?=[^ \t\r\n])",  # a line end, and the blanks before the next line's first octet
}


def __getattr__(name: str) -> re.Pattern[bytes]:
    """The production `name`, compiled once (PEP 562)."""
    if name not in _PRODUCTIONS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    compiled = globals()[name] = re.compile(_PRODUCTIONS[name])
    return compiled
