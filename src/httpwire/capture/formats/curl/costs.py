"""What reading and writing curl commands costs, by kind.

In: nothing. Out: Costs, with ids that stay, and NotTaken: a command that is passed over, and for
which of them. Those of octets that are no wire's are listed in `reconstructed` of a connection.
"""

from __future__ import annotations

from httpwire.capture.toll import Cost
from httpwire.language import N_

# Octets that curl would send, as far as its version and the server don't matter.
COMMAND = Cost("curl-command", N_("requests as curl would send them"))
USER_AGENT = Cost("curl-user-agent", N_("the version of curl in the User-Agent that curl fills in"))
CODINGS = Cost("curl-compressed", N_("the codings that curl accepts with --compressed"))
BOUNDARY = Cost("curl-boundary", N_("the boundaries of forms, which curl draws at random"))
CHUNKS = Cost("curl-chunks", N_("how chunked content was divided, and what else was said of chunks"))
HTTP2 = Cost("curl-http2", N_("requests that curl sends as HTTP/2 where the server speaks it"))
EXPECT = Cost("curl-expect", N_("Expect: 100-continue of small uploads, which newer versions of curl leave out"))
COOKIES = Cost("curl-cookies", N_("cookies of more than 4 KiB, which some versions of curl leave out"))
UPGRADE = Cost("curl-upgrade", N_("the HTTP/2 settings in a request that offers an upgrade"))
IDN = Cost("curl-idn", N_("names of hosts in letters other than ASCII, as IDNA 2003 encodes them"))
PATTERNS = Cost("curl-patterns", N_("words with * ? or [ ], as they are where no file has such a name"))
REDIRECTIONS = Cost("curl-redirections", N_("where the shell puts what commands write"))

# Commands that were not taken over.
OTHER_PROGRAM = Cost("curl-other-program", N_("commands of other programs"))
SUBSTITUTION = Cost("curl-substitution", N_("curl commands with variables, commands or braces that the shell replaces"))
INPUT = Cost("curl-input", N_("curl commands whose data comes from another program or from the terminal"))
FILES = Cost(
    "curl-file", N_("curl commands with files that were not read: they are missing, hidden or in other folders")
)
CHALLENGE = Cost("curl-challenge", N_("curl commands whose requests depend on what the server asks for"))
PASSWORD = Cost("curl-password", N_("curl commands that ask for a password"))
PROTOCOL = Cost("curl-protocol", N_("curl commands for other protocols than HTTP/1"))
REFUSED = Cost("curl-refused", N_("curl commands that curl refuses, or that send nothing"))
UNKNOWN = Cost("curl-unknown", N_("curl commands with options that are not known here"))
OPTION = Cost("curl-option", N_("curl commands with options that can't be followed here"))
ADDRESSED = Cost(
    "curl-addresses", N_("curl commands that ask for more than 10,000 addresses, or send them more than 256 MiB")
)
LONG = Cost("curl-long", N_("commands of more than 16 MiB or 20,000 words"))
NUL = Cost("curl-nul", N_("commands with a NUL, which the shell drops"))
POWERSHELL = Cost("curl-powershell", N_("commands for PowerShell"))

# What commands can't hold, or curl can't send.
ANSWERS = Cost("curl-answers", N_("answers"))
TIMES = Cost("curl-times", N_("when requests were sent"))
TUNNEL = Cost("curl-tunnel", N_("what went through tunnels"))
NO_HEAD = Cost("curl-no-head", N_("requests that curl can't send: their head is not complete"))
NO_SERVER = Cost("curl-no-server", N_("requests that curl can't send: the server's address is not known"))
LINE_ENDS = Cost("curl-line-ends", N_("requests that curl can't send: lines that end without CR"))
START_LINE = Cost("curl-start-line", N_("requests that curl can't send: their first line is not HTTP/1.0 or HTTP/1.1"))
NO_FIELD = Cost("curl-no-field", N_("requests that curl can't send: lines that are no fields"))
BLANK_VALUE = Cost(
    "curl-blank-value", N_("requests that curl can't send: fields with nothing but blanks as their value")
)
FIELD_NAME = Cost("curl-field-name", N_("requests that curl can't send: names of fields that begin with @"))
HAS_NUL = Cost("curl-has-nul", N_("requests that curl can't send: a NUL in the head"))
TOO_LARGE = Cost(
    "curl-too-large", N_("requests that curl can't send: a line longer than 128 KiB or a head over 896 KiB")
)
EXTRA = Cost("curl-extra", N_("requests that curl can't send: octets before or behind the request"))
CUT = Cost("curl-cut", N_("requests that curl can't send: chunked content that is not whole"))
TRAILERS = Cost("curl-trailers", N_("requests that curl can't send: trailers"))
UNDECIDABLE = Cost("curl-undecidable", N_("requests that curl can't send: where they end is not certain"))


class NotTaken(Exception):
    """A command that is passed over, and the Cost that says why."""

    def __init__(self, cost: Cost) -> None:
        super().__init__(cost.id)
        self.cost = cost
