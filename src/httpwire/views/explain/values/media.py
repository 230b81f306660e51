"""What media types and codings are called, and what the fields of the content say.

In: the value of Content-Type, Content-Encoding, Content-Disposition and their like.
Out: glosses; the names are also what Accept and Accept-Encoding list.
"""

from __future__ import annotations

from httpwire.language import N_, Amount, Sentence
from httpwire.views.explain.syntax import Piece
from httpwire.views.explain.urls import decoded, explain_url
from httpwire.views.explain.values.languages import language
from httpwire.views.explain.values.shapes import not_a_number, unknown, words
from httpwire.wire import grammar

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from httpwire.views.explain.gloss import Gloss, Setting
    from httpwire.views.explain.values.shapes import Explainer

_GIB = 1 << 30

_TYPES = {
    "*/*": N_("anything at all"),
    "application/*": N_("data of any application"),
    "audio/*": N_("any sound"),
    "font/*": N_("any font"),
    "image/*": N_("any image"),
    "text/*": N_("any text"),
    "video/*": N_("any video"),
    "application/dns-message": N_("a DNS message"),
    "application/font-woff2": N_("a WOFF2 font"),
    "application/gzip": N_("a file compressed with gzip"),
    "application/javascript": N_("JavaScript"),
    "application/json": N_("JSON data"),
    "application/ld+json": N_("linked data as JSON"),
    "application/manifest+json": N_("the manifest of a web app"),
    "application/octet-stream": N_("bytes of an unnamed kind; browsers save them as a file"),
    "application/pdf": N_("a PDF document"),
    "application/problem+json": N_("details of an error, as JSON"),
    "application/rss+xml": N_("an RSS feed"),
    "application/atom+xml": N_("an Atom feed"),
    "application/signed-exchange": N_("a page packed and signed by its publisher (signed exchange)"),
    "application/vnd.api+json": N_("JSON data"),
    "application/wasm": N_("a WebAssembly program"),
    "application/x-javascript": N_("JavaScript"),
    "application/x-ns-proxy-autoconfig": N_("a proxy configuration"),
    "application/x-www-form-urlencoded": N_("a form's data, as name=value&name=value"),
    "application/xhtml+xml": N_("an HTML page, written as XML (XHTML)"),
    "application/xml": N_("XML data"),
    "application/zip": N_("a ZIP archive"),
    "audio/mpeg": N_("MP3 sound"),
    "audio/ogg": N_("Ogg sound"),
    "font/otf": N_("an OpenType font"),
    "font/ttf": N_("a TrueType font"),
    "font/woff": N_("a WOFF font"),
    "font/woff2": N_("a WOFF2 font"),
    "image/apng": N_("an animated PNG image"),
    "image/avif": N_("an AVIF image"),
    "image/bmp": N_("a BMP image"),
    "image/gif": N_("a GIF image"),
    "image/heic": N_("a HEIC image"),
    "image/jpeg": N_("a JPEG image"),
    "image/jxl": N_("a JPEG XL image"),
    "image/png": N_("a PNG image"),
    "image/svg+xml": N_("an SVG drawing"),
    "image/tiff": N_("a TIFF image"),
    "image/vnd.microsoft.icon": N_("an icon"),
    "image/webp": N_("a WebP image"),
    "image/x-icon": N_("an icon"),
    "message/http": N_("an HTTP message"),
    "multipart/byteranges": N_("several parts of one content"),
    "multipart/form-data": N_("a form's data in several parts, as for uploads"),
    "multipart/mixed": N_("several contents in one"),
    "multipart/x-mixed-replace": N_("contents that replace each other, as of a camera"),
    "text/calendar": N_("calendar data"),
    "text/css": N_("a style sheet (CSS)"),
    "text/csv": N_("a table as text (CSV)"),
    "text/event-stream": N_("a stream of events from the server"),
    "text/html": N_("an HTML page"),
    "text/javascript": N_("JavaScript"),
    "text/markdown": N_("text in Markdown"),
    "text/plain": N_("plain text"),
    "text/xml": N_("XML data"),
    "video/mp2t": N_("an MPEG transport stream"),
    "video/mp4": N_("MP4 video"),
    "video/ogg": N_("Ogg video"),
    "video/webm": N_("WebM video"),
}

CODINGS = {
    "identity": N_("no compression"),
    "gzip": N_("compressed with gzip"),
    "x-gzip": N_("compressed with gzip"),
    "compress": N_("compressed with the old compress of Unix"),
    "x-compress": N_("compressed with the old compress of Unix"),
    "deflate": N_("compressed with deflate"),
    "br": N_("compressed with Brotli"),
    "zstd": N_("compressed with Zstandard"),
    "dcb": N_("compressed with Brotli and a shared dictionary"),
    "dcz": N_("compressed with Zstandard and a shared dictionary"),
    "aes128gcm": N_("encrypted with AES-128-GCM"),
}

_CHARSETS = {
    "utf-8": N_("written in UTF-8, which has the letters of all languages"),
    "iso-8859-1": N_("written in ISO 8859-1 (browsers read it as Windows-1252), for Western Europe"),
    "windows-1252": N_("written in Windows-1252, for Western Europe"),
    "us-ascii": N_("written in ASCII, which has English letters alone"),
    "shift_jis": N_("written in Shift_JIS, for Japanese"),
    "euc-jp": N_("written in EUC-JP, for Japanese"),
    "iso-2022-jp": N_("written in ISO-2022-JP, for Japanese"),
    "gbk": N_("written in GBK, for Chinese"),
    "gb2312": N_("written in GB 2312, for Chinese"),
    "big5": N_("written in Big5, for Chinese"),
    "euc-kr": N_("written in EUC-KR, for Korean"),
}

_DISPOSITIONS = {
    "inline": N_("to be shown in the browser"),
    "attachment": N_("to be saved as a file"),
    "form-data": N_("a field of a form"),
}


def media_type(piece: Piece) -> Sentence:
    """What a media type or range is, in words."""
    if not grammar.MEDIA_TYPE.fullmatch(piece.octets):
        return Sentence("{type}, which is not a type of content (type/subtype)", type=piece.shown)
    name = piece.octets.lower().decode("ascii")
    if name in _TYPES:
        return Sentence(_TYPES[name])
    kind, _, suffix = name.rpartition("+")
    if kind and suffix in ("json", "xml"):
        return Sentence("the type {type}, which is written as {format}", type=piece.shown, format=suffix.upper())
    return Sentence("the type {type}", type=piece.shown)


def _content_type(value: Piece, _: Setting) -> Iterator[Gloss]:
    parts = value.members(b";")
    kind = next(parts, value)
    yield kind.says(media_type(kind), "RFC 9110 8.3.1")
    for part in parts:
        name, setting = part.pair()
        if setting is None:
            yield part.says(Sentence("{text} is not a parameter: name=value", text=part.shown), "RFC 9110 5.6.6")
        elif name.word == "charset":
            says = _CHARSETS.get(setting.text.lower())
            yield part.says(
                Sentence(says) if says else Sentence("the character encoding {charset}", charset=setting.text),
                "RFC 9110 8.3.2",
            )
        elif name.word == "boundary":
            yield part.says(
                Sentence("the line that separates the parts: --{boundary}", boundary=setting.text), "RFC 2046 5.1.1"
            )
        else:
            yield part.says(
                Sentence("the parameter {name}: {value}", name=name.shown, value=setting.text), "RFC 9110 5.6.6"
            )


def told_size(octets: int) -> Sentence:
    """A number of octets, in larger units where it has many."""
    if octets >= _GIB:
        return Sentence("{size} GiB", size=format(octets / _GIB, ",.1f"))
    if octets >= 1 << 20:
        return Sentence("{size} MiB", size=format(octets / (1 << 20), ".1f"))
    return Amount("{n} byte", "{n} bytes", octets)


def _length(value: Piece, _: Setting) -> Iterator[Gloss]:
    """Content-Length: a number, which some senders repeat in a list."""
    for member in value.members():
        if member.octets.startswith(b'"') or member.number is None:
            yield member.says(not_a_number(member))
        elif member.number < 1 << 20:
            yield member.says(Amount("{n} byte of content", "{n} bytes of content", member.number))
        else:
            size = told_size(member.number)
            yield member.says(
                Amount(
                    "{n} byte of content, about {size}", "{n} bytes of content, about {size}", member.number, size=size
                )
            )


def _languages(value: Piece, _: Setting) -> Iterator[Gloss]:
    for member in value.members():
        yield member.says(Sentence("for readers of this language: {language}", language=language(member)))


def _disposition(value: Piece, _: Setting) -> Iterator[Gloss]:
    parts = value.members(b";")
    kind = next(parts, value)
    says = _DISPOSITIONS.get(kind.word)
    yield kind.says(Sentence(says)) if says else unknown(kind)
    for part in parts:
        name, setting = part.pair()
        if setting is None:
            yield part.says(Sentence("{text} is not a parameter: name=value", text=part.shown))
        elif name.word == "filename":
            yield part.says(Sentence("under the name {name}", name=setting.text))
        elif name.word == "filename*":
            coded = setting.octets.split(b"'", 2)[-1]
            yield part.says(
                Sentence("under the name {name}, for programs that know this newer form", name=decoded(coded)),
                "RFC 8187 3.2",
            )
        else:
            yield part.says(Sentence("the parameter {name}: {value}", name=name.shown, value=setting.text))


def _location(value: Piece, _: Setting) -> Iterator[Gloss]:
    return explain_url(value)


EXPLAINERS: dict[bytes, Explainer] = {
    b"content-type": _content_type,
    b"content-length": _length,
    b"content-encoding": words(CODINGS, N_("{word}: a coding that is not registered")),
    b"content-language": _languages,
    b"content-disposition": _disposition,
    b"content-location": _location,
}
