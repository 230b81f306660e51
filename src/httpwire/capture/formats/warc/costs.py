"""What WARC files cost: the Costs that only they have."""

from __future__ import annotations

from httpwire.capture.toll import Cost
from httpwire.language import N_

# Told when a WARC file is read: lost before, or of no use here.
TRUNCATED = Cost("warc-truncated", N_("the rest of messages that the archive keeps cut (WARC-Truncated)"))
REVISIT = Cost("warc-revisit", N_("content that the archive keeps in another record (revisit)"))
SEGMENTS = Cost("warc-segments", N_("the rest of records whose segments are not all in the file"))
DIGEST = Cost("warc-digest", N_("the certainty that octets are unchanged: a digest does not agree with them"))
NOTES = Cost("warc-metadata", N_("metadata, resource, conversion and warcinfo records"))
NOT_HTTP = Cost("warc-not-http", N_("records of other protocols than HTTP (DNS, FTP and others)"))
CONTINUATION = Cost("warc-continuation", N_("continuation records without the record that they continue"))
UNKNOWN = Cost("warc-unknown", N_("records of unknown types"))

# The octets are not those of the wire.
REWRITTEN = Cost("warc-rewritten", N_("content that the crawler decoded, and header fields that it renamed for that"))
HTTP2 = Cost("warc-http2", N_("messages of HTTP/2 or HTTP/3, written as those of HTTP/1.1"))

# Told when a WARC file is written.
GAPS = Cost("warc-gaps", N_("where octets are missing that were not captured"))
TLS_DETAILS = Cost("warc-tls", N_("what else was known of TLS: the name of the server, ALPN, keys, verification"))
LABELS = Cost("warc-labels", N_("the mark that octets were reconstructed, and not seen on the wire"))
