"""Charsets by the labels that browsers know (WHATWG Encoding 4.2).

In: a label, as Content-Type or a page has it. Out: the name of the codec of Python's that reads it as
browsers do, and the expressions that find a label.
"""

from __future__ import annotations

import codecs

# Compiled by re when they are first needed: most messages have no content.
PARAMETER = rb"""(?i);[ \t]*charset[ \t]*=[ \t]*["']?([^\s"';,]+)"""  #: in the value of Content-Type
META = rb"""(?i)<meta[^>]{0,200}?charset\s*=\s*["']?\s*([a-z0-9_.:\-]+)"""  #: at the beginning of a page

#: Labels that browsers read as another charset than Python's codec of that name (WHATWG Encoding 4.2).
_AS_BROWSERS = {
    "shift_jis": "cp932",
    "shift-jis": "cp932",
    "sjis": "cp932",
    "x-sjis": "cp932",
    "ms_kanji": "cp932",
    "windows-31j": "cp932",
    "x-euc-jp": "euc-jp",
    "gb2312": "gbk",
    "gb_2312-80": "gbk",
    "ks_c_5601-1987": "cp949",
    "euc-kr": "cp949",
    "iso-8859-1": "cp1252",
    "latin1": "cp1252",
    "us-ascii": "cp1252",
    "ascii": "cp1252",
    "unicode-1-1-utf-8": "utf-8",
    "utf-16": "utf-16-le",
    "big5": "big5hkscs",
}
#: Python's names of the charsets that browsers know. Not everything that Python calls a codec is one.
_CHARSETS = frozenset(
    (
        *("utf-8", "utf-16-le", "utf-16-be", "shift_jis", "cp932", "euc_jp", "iso2022_jp", "euc_kr", "cp949"),
        *("gbk", "gb18030", "big5", "big5hkscs", "koi8-r", "koi8-u", "cp866", "cp874", "mac-roman", "mac-cyrillic"),
        *(f"cp125{number}" for number in range(9)),
        *(f"iso8859-{number}" for number in range(1, 17)),
    )
)


def codec_of(label: str) -> str:
    """The name of Python's codec for the charset `label`; empty where browsers know none of that name."""
    try:
        name = codecs.lookup(_AS_BROWSERS.get(label.lower(), label)).name
    except (LookupError, ValueError):  # no such codec; a NUL in its name
        return ""
    return name if name in _CHARSETS else ""
