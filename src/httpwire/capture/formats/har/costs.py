"""What a HAR does not have, or has in another form: the Costs of reading and of writing one.

The ids of those in MADE_AGAIN stay with connections that were read from a HAR.
"""

from __future__ import annotations

from httpwire.capture.toll import Cost
from httpwire.language import N_

# Made again from what the HAR has.
MESSAGES = Cost("har-messages", N_("messages, from the names and values in the HAR"))
VERSION = Cost("har-version", N_("messages of HTTP/2, HTTP/3 or an unknown version, in the form of HTTP/1.1"))
HOST = Cost("har-host", N_("a Host field, from the URL"))
TARGET = Cost("har-target", N_("targets with characters that had to be percent-encoded"))
SPLIT = Cost("har-split", N_("fields with line ends in their values, as several fields"))
FIELD_TEXT = Cost("har-field-text", N_("fields with characters beyond ASCII, of which the encoding is not known"))
COOKIES = Cost("har-cookies", N_("a Cookie field, from the list of cookies"))
FRAMING = Cost("har-framing", N_("Content-Length or Transfer-Encoding, so that they fit the content in the HAR"))
DECODED = Cost("har-content-decoded", N_("content codings (gzip, br ...), put on again: a HAR has decoded content"))
CODING_UNKNOWN = Cost("har-coding-unknown", N_("content whose coding is not known here, as it is in the HAR"))
TEXT = Cost("har-text", N_("text that may have had other bytes in its charset"))
FORM = Cost("har-form", N_("posted forms, from the list of their fields"))
CACHED = Cost("har-cached", N_("answers that came from a cache or a service worker, not over the wire"))
OMITTED = Cost("har-content-omitted", N_("content that the HAR leaves out"))

MADE_AGAIN = (
    *(MESSAGES, VERSION, HOST, TARGET, SPLIT, FIELD_TEXT, COOKIES, FRAMING, DECODED, CODING_UNKNOWN, TEXT, FORM),
    *(CACHED, OMITTED),
)

# Lost in reading: OMITTED, and
NOT_CARRIED = Cost("har-content-not-carried", N_("content of answers that carry none (304, 204, answers to HEAD)"))
BEGINNING = Cost("har-time", N_("when an exchange began"))

# Lost in reading and in writing.
SWITCHED = Cost("har-switched", N_("what followed a change of protocol (WebSocket messages, tunnels)"))

# In the HAR, but of no use.
NOT_HTTP = Cost("har-not-http", N_("entries that are not HTTP (data:, blob:, file: ...)"))
UNUSABLE = Cost("har-unusable", N_("entries without a usable method or URL"))
BAD_FIELDS = Cost("har-bad-fields", N_("fields without a usable name or value"))
BAD_CONTENT = Cost("har-bad-content", N_("content that is not valid base64"))

# Lost in writing.
HEAD_OCTETS = Cost("har-head-bytes", N_("the exact bytes of heads: form of the target, blanks, line ends, folds"))
INTERIM = Cost("har-interim", N_("interim responses (1xx)"))
TRAILERS = Cost("har-trailers", N_("trailer fields"))
CHUNKS = Cost("har-chunks", N_("how content was cut into chunks"))
CODED = Cost("har-coded", N_("the exact bytes of compressed content: a HAR has it decoded"))
LEFT_CODED = Cost("har-left-coded", N_("the readable form of content that can't be decoded: it is left as it is"))
CUT = Cost("har-cut", N_("that an answer is not complete"))
OUTSIDE = Cost("har-outside", N_("bytes that belong to no message"))
MALFORMED = Cost("har-malformed", N_("exchanges whose request can't be read as HTTP"))
