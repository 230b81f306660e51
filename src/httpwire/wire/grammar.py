"""The grammar of HTTP/1.1 on the wire, as compiled expressions over bytes.

In: nothing. Out: one name per production, with the RFC section beside it. Every
expression runs in time linear in its input. A raw octet is never handed to int(),
strip() or lower() before one of these has matched it whole.
"""

from __future__ import annotations

import re

_TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"

TOKEN = re.compile(_TOKEN)  # RFC 9110 5.6.2
FIELD_LINE = re.compile(rb"(" + _TOKEN + rb"):([\t\x20-\x7e\x80-\xff]*)\r\n")  # RFC 9112 5, RFC 9110 5.5
REQUEST_LINE = re.compile(rb"(" + _TOKEN + rb") ([\x21-\x7e]+) (HTTP/[0-9]\.[0-9])")  # RFC 9112 3
STATUS_LINE = re.compile(rb"(HTTP/[0-9]\.[0-9]) ([0-9]{3}) ([\t\x20-\x7e\x80-\xff]*)")  # RFC 9112 4
LOOSE_STATUS_LINE = re.compile(rb"(HTTP/[0-9](?:\.[0-9])?)([ \t]+)([0-9]{3})(?:([ \t]+)(.*))?", re.DOTALL)
VERSION = re.compile(rb"HTTP/[0-9]\.[0-9]")  # RFC 9112 2.3
TARGET = re.compile(rb"/|\*$|[A-Za-z][A-Za-z0-9+.\-]*:")  # how one begins: RFC 9112 3.2
HOST = re.compile(rb"[A-Za-z0-9._~%!$&'()*+,;=\-]*(?::[0-9]*)?|\[[0-9A-Za-z:.]+\](?::[0-9]*)?")  # RFC 9110 7.2
BLANKS = re.compile(rb"[ \t]+")  # OWS, BWS and RWS when not empty: RFC 9110 5.6.3
FOLD = re.compile(rb"\r?\n[ \t]+")  # obs-fold: RFC 9112 5.2
FORBIDDEN = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")  # not in a field value: RFC 9110 5.5
HEAD_END = re.compile(rb"\n\r?\n")  # the blank line, bare LF tolerated: RFC 9112 2.1, 2.2

DIGITS = re.compile(rb"[0-9]+")  # Content-Length: RFC 9110 8.6
CHUNK_SIZE = re.compile(rb"[0-9A-Fa-f]+")  # RFC 9112 7.1
PLAIN_CHUNK_LINE = re.compile(rb"([0-9A-Fa-f]{1,15})\r\n")  # one without extensions
_QUOTED = rb'"(?:[\t \x21\x23-\x5b\x5d-\x7e\x80-\xff]|\\[\t \x21-\x7e\x80-\xff])*"'  # RFC 9110 5.6.4
CHUNK_EXTENSIONS = re.compile(  # RFC 9112 7.1.1, optional blanks tolerated where the grammar has BWS
    rb"(?:[ \t]*;[ \t]*" + _TOKEN + rb"(?:[ \t]*=[ \t]*(?:" + _TOKEN + rb"|" + _QUOTED + rb"))?)*"
)
TRANSFER_CODING = re.compile(  # one list member: RFC 9110 10.1.4
    rb"(" + _TOKEN + rb")((?:[ \t]*;[ \t]*" + _TOKEN + rb"[ \t]*=[ \t]*(?:" + _TOKEN + rb"|" + _QUOTED + rb"))*)"
)
