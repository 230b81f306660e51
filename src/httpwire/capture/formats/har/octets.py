"""The octets of content that a HAR has as text, decoded.

In: what a HAR says of content: text or base64, a media type, sizes. Out: octets, as likely to be
those of the wire as can be: in the charset and with the content codings that the fields name.
Each step that is a guess, or makes octets that the wire had not, is told as a Cost.
"""

from __future__ import annotations

import binascii
import codecs
import re

from httpwire.capture.charsets import META, PARAMETER, codec_of
from httpwire.capture.codings import CodingBroken, coded, decoded
from httpwire.capture.formats.har import costs
from httpwire.capture.formats.har.values import octets, text
from httpwire.wire import grammar

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from httpwire.capture.toll import Cost

#: In the comment of content that was written with its content codings left on.
STILL_CODED = "content codings are left on"
_CODINGS = 8  # as many are taken off or put on


def charset_of(content_type: bytes, beginning: bytes) -> str:
    """The codec for text of this type that begins so: as the type says, or the page itself; UTF-8 by default."""
    announced = re.search(PARAMETER, content_type)
    if announced:
        return codec_of(announced[1].decode("latin-1")) or "utf-8"
    meta = re.search(META, beginning[:1024]) if b"html" in content_type.lower() else None
    return (codec_of(meta[1].decode("ascii")) if meta else "") or "utf-8"


def of_text(told: str, content_type: bytes, size: int, *, counted: bool = False) -> tuple[bytes, bool]:
    """The octets of a text that had `size` octets (-1: not known), and whether they may have been others.

    The charset is the one that gives so many octets, of those that come into question. `counted`: the size is that of
    the wire, and not one that whoever made the HAR counted, some of them in characters."""
    first = charset_of(content_type, told[:1024].encode("ascii", "replace"))
    if told.isascii() and not first.startswith("utf-16"):
        ascii_octets = told.encode("ascii")
        if size == len(told) + 3 and first == "utf-8":
            return codecs.BOM_UTF8 + ascii_octets, False  # the mark is taken off by whoever decodes
        return ascii_octets, False
    found: bytes | None = None
    last = "latin-1" if counted else "" if re.search(PARAMETER, content_type) else "cp1252"
    for codec in dict.fromkeys((first, "utf-8", "utf-8-sig", *filter(None, (last,)))):
        try:
            made = told.encode(codec, "surrogateescape" if codec == "utf-8" else "strict")
        except UnicodeEncodeError:
            continue
        if len(made) == size or (size < 0 and codec == first):
            return made, "\ufffd" in told or codec == "cp1252" != first
        if found is None:
            found = made
    return octets(told) if found is None else found, True


def of_base64(told: str) -> bytes | None:
    """The octets of base64, in lines or with the letters of URLs, too; None where it is none."""
    try:
        return binascii.a2b_base64(told, strict_mode=True)
    except ValueError:
        pass
    letters = re.sub(r"[\r\n\t =]+", "", told.translate({0x2D: "+", 0x5F: "/"}))
    try:
        return binascii.a2b_base64(letters + "=" * (-len(letters) % 4), strict_mode=True)
    except ValueError:
        return None


def of_form(params: Iterable[tuple[str, str, str, str]], boundary: bytes) -> bytes:
    """A posted form: of each field the name, the value, the name of a file and its type; as multipart where there is
    a boundary."""
    if not boundary:
        from urllib.parse import quote_plus

        pairs = (f"{quote_plus(octets(name))}={quote_plus(octets(value))}" for name, value, _, _ in params)
        return "&".join(pairs).encode("ascii")
    made = bytearray()
    for name, value, file, kind in params:
        made += b'--%s\r\nContent-Disposition: form-data; name="%s"' % (boundary, _quoted(name))
        if file:
            made += b'; filename="%s"' % _quoted(file)
        if kind:
            made += b"\r\nContent-Type: %s" % re.sub(rb"[\r\n]+", b" ", octets(kind))
        made += b"\r\n\r\n%s\r\n" % octets(value)
    return bytes(made + b"--%s--\r\n" % boundary)


def _quoted(name: str) -> bytes:
    """As browsers write it: HTML 4.10.21.8."""
    return octets(name.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A"))


def codings_of(values: Iterable[bytes]) -> list[bytes]:
    """The content codings that the values of Content-Encoding name, in lower case, in the order they were put on."""
    names = [name.lower() for value in values for name in grammar.TOKEN.findall(value)]
    return [name for name in names if name != b"identity"]


def with_codings(data: bytes, names: list[bytes], sizes: Collection[int], comment: object) -> tuple[bytes, Cost | None]:
    """Content with the codings that its fields name, and what that cost. `sizes` are what the HAR says of how many
    octets were transferred: content that has so many, and can be decoded, was never decoded by whoever made the HAR."""
    if not names or not data or text(comment) == STILL_CODED:
        return data, None
    if len(data) in sizes and _can_be_decoded(data, names):
        return data, None
    made = data
    for name in names[:_CODINGS]:
        result = coded(name, made)
        if result is None:
            return data, costs.CODING_UNKNOWN
        made = result
    return made, costs.DECODED


def _can_be_decoded(data: bytes, names: list[bytes]) -> bool:
    blocks: Iterable[bytes] = (data,)
    for name in reversed(names[:_CODINGS]):
        made = decoded(name, blocks)
        if made is None:
            return False
        blocks = made
    try:
        for _ in blocks:
            pass
    except CodingBroken:
        return False
    return True
