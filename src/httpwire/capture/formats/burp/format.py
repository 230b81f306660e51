"""Burp's saved items ("Save items": an XML file), reading and writing.

In: items, each with a request, mostly an answer, and what Burp knew of where it went. Out: a connection for
each, and such files from a capture. Messages in base64 are the octets that Burp had; those that were saved as text
may have lost some, and are told as reconstructed. Messages of any size go by in blocks.
"""

from __future__ import annotations

import binascii
import ipaddress
import re

from httpwire.capture.formats.bare import Facts, charge
from httpwire.capture.formats.burp.fields import moment, written_moment
from httpwire.capture.formats.burp.markup import Markup, Tag, Text
from httpwire.capture.model import Ending, EventKind
from httpwire.capture.toll import ADDRESSES, NO_ANSWER, NO_REQUEST, Cost
from httpwire.capture.traffic import SOME_TLS, ConnectionFacts
from httpwire.errors import RecordingUnreadable
from httpwire.language import N_
from httpwire.wire.element import Direction

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from httpwire.capture.raw import Outgoing
    from httpwire.capture.source import Source
    from httpwire.capture.store.capture import Capture
    from httpwire.capture.store.entry import Entry
    from httpwire.capture.toll import Toll
    from httpwire.capture.traffic import Output, Sink

NAME = "burp"
ENDINGS = (".burp.xml", ".xml")

AS_TEXT = Cost("burp-text", N_("messages that Burp saved as text, not in base64"))
LINE_ENDS = Cost("burp-line-ends", N_("line ends in heads of messages that Burp saved as text"))
HTTP2 = Cost("burp-http2", N_("messages of HTTP/2, which Burp writes as if they were HTTP/1"))
TIMES = Cost("burp-times", N_("times more precise than a second, and those of answers"))
ZONES = Cost("burp-zones", N_("time zones whose abbreviation means several or none"))
EMPTY = Cost("burp-empty", N_("items without a message"))

_MESSAGES = {"request": Direction.REQUEST, "response": Direction.RESPONSE}
_KEPT = ("time", "host", "port", "protocol")
_LONGEST = 4096  # octets of such a field
_DEEPEST = 32  # elements in each other
_HEAD = 64 << 10  # octets of a head that is looked at for its line ends
_BLANKS = b" \t\r\n"
_ITEMS = re.compile(rb"<(?:!DOCTYPE[ \t\r\n]+)?items[ \t\r\n>]")
_HTTP2 = re.compile(rb"HTTP/2(?:\.0)? |[^\n]{0,8000} HTTP/2(?:\.0)?\r?\n")
_HOST = re.compile(r"[^\s/@\x00-\x20]{1,255}")


def recognises(first: bytes) -> bool:
    """Whether a file that begins with `first` is a list of items from Burp."""
    return first.removeprefix(b"\xef\xbb\xbf").lstrip(_BLANKS).startswith(b"<") and bool(_ITEMS.search(first))


def read(source: Source, sink: Sink, toll: Toll) -> None:
    """Give `sink` a connection for each item. Raises RecordingUnreadable, RecordingBroken, SaveFailed."""
    markup = Markup(source)
    open_elements: list[str] = []
    item: _Item | None = None
    begun = False
    try:
        for part in markup.parts():
            if isinstance(part, Text):
                if item:
                    item.text(part)
                elif not open_elements and part.octets.strip(_BLANKS + b"\xef\xbb\xbf"):
                    raise _no_items(source)
                continue
            if part.opens:
                if not open_elements and part.name != "items":
                    raise _no_items(source)
                begun = True
                open_elements.append(part.name)
                if len(open_elements) > _DEEPEST:
                    raise source.broken(N_("its elements are in each other too deep"), part.offset)
                if open_elements == ["items", "item"]:
                    item = _Item(markup, source, sink, toll)
                elif item and len(open_elements) == 3:
                    item.begin(part)
            if part.closes:
                if not open_elements or open_elements.pop() != part.name:
                    raise source.broken(N_("this tag ends what it did not begin"), part.offset)
                if item and len(open_elements) == 2:
                    item.end()
                elif item and len(open_elements) == 1:
                    item.finish()
                    item = None
        if open_elements or not begun:
            raise source.broken(N_("it ends in the middle of a record"))
    except BaseException:
        if item:
            item.abandon()
        raise


def _no_items(source: Source) -> RecordingUnreadable:
    return RecordingUnreadable(path=source.name, why=N_("it is no list of items that Burp saved"), errno=None)


class _Item:
    """One item as it comes: its connection is opened with its first octet, and known whole at its end."""

    def __init__(self, markup: Markup, source: Source, sink: Sink, toll: Toll) -> None:
        self._markup = markup
        self._source = source
        self._sink = sink
        self._toll = toll
        self._fields: dict[str, str] = {}
        self._ip = ""
        self._connection = 0
        self._octets = {Direction.REQUEST: 0, Direction.RESPONSE: 0}
        self._changed: dict[str, None] = {}  # ids of costs
        self._field = ""
        self._kept = b""
        self._message: _Base64 | _Plain | None = None

    def begin(self, tag: Tag) -> None:
        """An element of the item begins."""
        self._field, self._kept = tag.name, b""
        if tag.name == "host":
            self._ip = tag.attributes.get("ip", "")
        if tag.name in _MESSAGES:
            self._message = _Base64() if tag.attributes.get("base64") == "true" else _Plain()

    def text(self, text: Text) -> None:
        if self._message:
            if text.marked or text.octets.strip(_BLANKS):
                self._take(self._message, text.octets)
        elif self._field in _KEPT and len(self._kept) < _LONGEST:
            self._kept += text.octets

    def end(self) -> None:
        """The element ends."""
        message, self._message = self._message, None
        if message:
            self._take(message, None)
            if self._octets[_MESSAGES[self._field]] and isinstance(message, _Plain):
                self._rebuild(AS_TEXT)
                if message.mended:
                    self._rebuild(LINE_ENDS)
        elif self._field in _KEPT:
            self._fields[self._field] = self._kept[:_LONGEST].decode("utf-8", "replace").strip()
        self._field = ""

    def _take(self, message: _Base64 | _Plain, octets: bytes | None) -> None:
        """Give what comes of `octets` (None: no more follow) to the sink."""
        try:
            made = message.finish() if octets is None else message.feed(octets)
        except binascii.Error as error:
            raise self._source.broken(N_("this is no base64"), self._markup.offset) from error
        if not made:
            return
        direction = _MESSAGES[self._field]
        if not self._connection:
            self._connection = self._sink.open(self._facts())
        if not self._octets[direction] and _HTTP2.match(made):
            self._rebuild(HTTP2)
        self._octets[direction] += len(made)
        self._sink.event(self._connection, 0, direction, EventKind.SEGMENT, made)

    def _rebuild(self, cost: Cost) -> None:
        self._toll.rebuild(cost)
        self._changed[cost.id] = None

    def _facts(self) -> ConnectionFacts:
        fields = self._fields
        protocol, host, port = (fields.get(name, "") for name in ("protocol", "host", "port"))
        began_ns, _ = moment(fields.get("time", ""))
        known = protocol in ("http", "https") and _HOST.fullmatch(host)
        number = f":{port}" if port.isascii() and port.isdigit() and len(port) < 6 else ""
        named = f"[{host}]" if ":" in host and not host.startswith("[") else host
        return ConnectionFacts(
            began_ns,
            server=f"{_address(self._ip)}{number}" if _address(self._ip) else "",
            target=f"{protocol}://{named}{number}" if known else "",
            tls=SOME_TLS if protocol == "https" else None,
            name=host if protocol == "https" and known else "",
            origin=NAME,
            reconstructed=tuple(self._changed),
        )

    def finish(self) -> None:
        """The item is whole."""
        request, response = self._octets.values()
        if not self._connection:
            self._toll.skip(EMPTY)
            return
        if not moment(self._fields.get("time", ""))[1]:
            self._toll.lose(ZONES)
        if not request:
            self._toll.lose(NO_REQUEST)
        if not response:
            self._toll.lose(NO_ANSWER)
        self._close(Ending.CLOSED if response else Ending.UNSEEN)

    def abandon(self) -> None:
        """What follows can't be read."""
        if self._connection:
            self._close(Ending.UNSEEN)

    def _close(self, ending: Ending) -> None:
        self._sink.revise(self._connection, self._facts())
        self._sink.event(self._connection, 0, Direction.REQUEST, EventKind.SENT_ALL)
        self._sink.event(self._connection, 0, Direction.RESPONSE, EventKind.ENDED, ending.value.encode("ascii"))
        self._sink.event(self._connection, 0, None, EventKind.END)


class _Base64:
    """Octets in base64, in pieces. What is none raises binascii.Error."""

    def __init__(self) -> None:
        self._held = b""

    def feed(self, data: bytes) -> bytes:
        digits = self._held + data.translate(None, _BLANKS)
        whole = len(digits) - len(digits) % 4
        if digits[:whole].endswith(b"="):  # the end, behind which nothing may come
            whole = max(0, whole - 4)
        self._held = digits[whole:]
        if b"=" in digits[:whole]:
            raise binascii.Error
        return binascii.a2b_base64(digits[:whole], strict_mode=True)

    def finish(self) -> bytes:
        return binascii.a2b_base64(self._held, strict_mode=True)


class _Plain:
    """Octets as they are. A head whose lines all end with LF went through something that took the CRs: they get them
    back, and the message is `mended`."""

    def __init__(self) -> None:
        self.mended = False
        self._head = b""
        self._behind = False

    def feed(self, data: bytes) -> bytes:
        if self._behind:
            return data
        self._head += data
        return self._out() if b"\n\n" in self._head or b"\r" in self._head or len(self._head) > _HEAD else b""

    def finish(self) -> bytes:
        return b"" if self._behind else self._out()

    def _out(self) -> bytes:
        self._behind = True
        octets, self._head = self._head, b""
        end = octets.find(b"\n\n")
        head = octets if end < 0 else octets[: end + 2]
        if b"\r" in head or b"\n" not in head:
            return octets
        self.mended = True
        return head.replace(b"\n", b"\r\n") + octets[len(head) :]


def _address(text: str) -> str:
    """An IP address as it stands before a port; empty where it is none."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return ""
    return f"[{address}]" if address.version == 6 else str(address)


def write(capture: Capture, entries: Iterable[Entry], output: Output, toll: Toll) -> None:
    """Write `entries` as items, their messages in base64.

    Raises SaveFailed, and what reading the capture raises."""
    facts = Facts(capture)
    begun = False
    for entry in entries:
        if not begun:
            output.write(_BEGINNING.format(time=written_moment(entry.began_ns)).encode("ascii"))
            begun = True
        known = facts.of(entry)
        charge(entry, known, toll, addresses=False)
        toll.lose(TIMES)
        if known.client:
            toll.lose(ADDRESSES)
        request, response = (capture.octets(entry, direction) for direction in _MESSAGES.values())
        try:
            before, between, behind = _around(entry, known, response.octets)
            output.write(before)
            _put(output, request)
            output.write(between)
            _put(output, response)
            output.write(behind)
        finally:
            request.close()
            response.close()
    if not begun:
        output.write(_BEGINNING.format(time=written_moment(0)).encode("ascii"))
    output.write(b"</items>\n")


_BEGINNING = """<?xml version="1.0"?>
<!DOCTYPE items [
<!ELEMENT items (item*)>
<!ATTLIST items burpVersion CDATA "">
<!ATTLIST items exportTime CDATA "">
<!ELEMENT item (time, url, host, port, protocol, method, path, extension, request, status, responselength, mimetype, \
response, comment)>
<!ELEMENT time (#PCDATA)>
<!ELEMENT url (#PCDATA)>
<!ELEMENT host (#PCDATA)>
<!ATTLIST host ip CDATA "">
<!ELEMENT port (#PCDATA)>
<!ELEMENT protocol (#PCDATA)>
<!ELEMENT method (#PCDATA)>
<!ELEMENT path (#PCDATA)>
<!ELEMENT extension (#PCDATA)>
<!ELEMENT request (#PCDATA)>
<!ATTLIST request base64 (true|false) "false">
<!ELEMENT status (#PCDATA)>
<!ELEMENT responselength (#PCDATA)>
<!ELEMENT mimetype (#PCDATA)>
<!ELEMENT response (#PCDATA)>
<!ATTLIST response base64 (true|false) "false">
<!ELEMENT comment (#PCDATA)>
]>
<items burpVersion="httpwire" exportTime="{time}">
"""
_ENCODED = 3 << 16  # octets that are encoded at once; base64 takes three at a time
_UNSAFE = re.compile(r"[^!#-%'-;=?-~]")  # what can't be in XML, or not everywhere in it
_EXTENSION = re.compile(r"[^/?#]\.([0-9A-Za-z]{1,10})(?:[?#]|\Z)")
#: What Burp calls media types; others it calls by nothing.
_TYPES = {
    "text/html": "HTML",
    "application/xhtml+xml": "HTML",
    "text/css": "CSS",
    "text/plain": "text",
    "text/javascript": "script",
    "application/javascript": "script",
    "application/json": "JSON",
    "text/xml": "XML",
    "application/xml": "XML",
    "image/png": "PNG",
    "image/jpeg": "JPEG",
    "image/gif": "GIF",
    "image/svg+xml": "XML",
}


def _around(entry: Entry, facts: ConnectionFacts, response_octets: int) -> tuple[bytes, bytes, bytes]:
    """What is written before, between and behind the messages of `entry`."""
    scheme, host, port, ip = _place(entry, facts)
    path = _path(entry.target)
    shown = "" if port == (443 if facts.secure else 80) else f":{port}"
    named = f"[{host}]" if ":" in host else host
    extension = _EXTENSION.search(path)
    before = f"""  <item>
    <time>{written_moment(entry.began_ns)}</time>
    <url><![CDATA[{scheme}://{named}{shown}{path}]]></url>
    <host ip="{ip}">{host}</host>
    <port>{port}</port>
    <protocol>{scheme}</protocol>
    <method><![CDATA[{_safe(entry.method)}]]></method>
    <path><![CDATA[{path}]]></path>
    <extension>{extension[1] if extension else "null"}</extension>
    <request base64="true"><![CDATA["""
    between = f"""]]></request>
    <status>{entry.status or ""}</status>
    <responselength>{response_octets or ""}</responselength>
    <mimetype>{_TYPES.get(entry.type, "")}</mimetype>
    <response base64="true"><![CDATA["""
    behind = "]]></response>\n    <comment></comment>\n  </item>\n"
    return before.encode("ascii"), between.encode("ascii"), behind.encode("ascii")


def _place(entry: Entry, facts: ConnectionFacts) -> tuple[str, str, int, str]:
    """Scheme, host, port and IP address (empty: not known) that an exchange was with."""
    scheme = "https" if facts.secure else "http"
    asked_for = facts.target.partition("://")[2] or entry.host or facts.server
    host, port = _divided(asked_for)
    ip, reached = _divided(facts.server)
    host = _safe(host or ip or "unknown")
    return scheme, host, port or reached or (443 if facts.secure else 80), _address(ip).strip("[]")


def _divided(address: str) -> tuple[str, int]:
    """The host of HOST, HOST:PORT or [HOST]:PORT, and its port; 0 where there is none."""
    found = re.fullmatch(r"(?:\[([^\]]+)\]|([^:/]+))(?::([0-9]{1,5}))?", address, re.DOTALL)
    if not found:
        return "", 0
    return found[1] or found[2], int(found[3] or 0)


def _path(target: str) -> str:
    """The path and query of a request's target, whatever its form."""
    absolute = re.match(r"[A-Za-z][-+.0-9A-Za-z]*://[^/?#]*", target)
    path = _safe(target[absolute.end() :] if absolute else target)
    return path if path.startswith("/") else f"/{path}" if absolute else path


def _safe(text: str) -> str:
    """Latin-1 text as it can stand in any place of an XML file; the message has its octets."""
    return _UNSAFE.sub(lambda found: "".join(f"%{octet:02X}" for octet in found[0].encode("latin-1", "replace")), text)


def _put(output: Output, octets: Outgoing) -> None:
    held = b""
    for block in octets.blocks():
        held += block
        if len(held) >= _ENCODED:
            whole = len(held) - len(held) % 3
            output.write(binascii.b2a_base64(held[:whole], newline=False))
            held = held[whole:]
    output.write(binascii.b2a_base64(held, newline=False))
