"""HAR 1.2, the HTTP Archive that browsers save: a JSON object of entries, each with names and values.

Reading: what browsers, proxies and test tools save, of any size, entry by entry. A HAR has no octets of
the wire: messages are put together again, and labelled so. Writing: plain HAR 1.2, content decoded.
"""

from __future__ import annotations

import codecs
import re

from httpwire.capture.formats.har.reading import read
from httpwire.capture.formats.har.writing import write

__all__ = ["ENDINGS", "NAME", "read", "recognises", "write"]

NAME = "har"
ENDINGS = (".har",)
_LOG = r'(?s)\s*\{.*?"log"\s*:'


def recognises(first: bytes) -> bool:
    """Whether a file that begins so is a HAR; one in UTF-16 too, which is then told to be none."""
    for mark, codec in ((codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be")):
        if first.startswith(mark):
            return re.match(_LOG, first[2:].decode(codec, "replace")) is not None
    return re.match(_LOG.encode(), first.removeprefix(codecs.BOM_UTF8)) is not None
