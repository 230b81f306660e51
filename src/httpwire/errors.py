"""What httpwire raises: "I could not do what you asked". What a peer does wrong is a Finding, not an error.

HttpwireError
+-- UsageError            asked in a way that can't be carried out
|   +-- TargetInvalid     the target is no address
|   +-- RecordingUnreadable a recording can't be read, or a request is empty
|   +-- FilterInvalid     what exchanges are to be found by is no filter
|   +-- OutputUnwritable  the answer's file can't be written
|   +-- AnswerUnreadable  a recorded answer can't be read
|   +-- ApacheFailed      the demo's Apache did not start
|   +-- AuthorityFailed   the local certificate authority can't be made or read
+-- RecordingBroken       a recording is damaged; what could be read of it is kept
+-- ListenFailed          the address can't be listened on
+-- SaveFailed            writing the answer failed on the way
+-- NetworkError          carries the `connection` with all that happened on it
    +-- NameNotResolved
    +-- ConnectFailed
    +-- TlsFailed
    |   +-- CertificateNotTrusted
    +-- SendFailed
    +-- ReceiveFailed
    +-- TimedOut
    +-- Interrupted

An error holds its facts in `facts`; `template` is the sentence they fill, a message id.
"""

from __future__ import annotations

from httpwire.language import N_

TYPE_CHECKING = False
if TYPE_CHECKING:
    from httpwire.capture.model import Connection
    from httpwire.language import Translator


#: What the system says of the commonest failures: message ids too, for `why`.
SYSTEM_MESSAGES = (
    N_("Broken pipe"),
    N_("Connection refused"),
    N_("Connection reset by peer"),
    N_("Connection timed out"),
    N_("File exists"),
    N_("File too large"),
    N_("Is a directory"),
    N_("Name or service not known"),
    N_("Network is unreachable"),
    N_("No address associated with hostname"),
    N_("No route to host"),
    N_("No space left on device"),
    N_("No such file or directory"),
    N_("Not a directory"),
    N_("Permission denied"),
    N_("Read-only file system"),
    N_("Too many open files"),
    N_("Temporary failure in name resolution"),
    N_("certificate has expired"),
    N_("self-signed certificate"),
    N_("self-signed certificate in certificate chain"),
    N_("unable to get local issuer certificate"),
)


class HttpwireError(Exception):
    """The root. `facts` fill `template`; `hint`, a message id or empty, says what to try."""

    template = ""
    hint = ""

    def __init__(self, template: str = "", *, hint: str = "", **facts: object) -> None:
        super().__init__()
        self.template = template or self.template
        self.hint = hint or self.hint
        self.facts = facts

    def __str__(self) -> str:
        return self.template.format(**self.facts)

    def sentence(self, tr: Translator) -> str:
        """What failed, in the translator's language."""
        shown = {name: "''" if value == "" and name == "path" else value for name, value in self.facts.items()}
        return tr.sentence(self.template, shown)

    def advice(self, tr: Translator) -> str:
        """What to try, or an empty string."""
        return tr.sentence(self.hint, self.facts) if self.hint else ""


class UsageError(HttpwireError):
    """Asked in a way that can't be carried out; nothing was sent."""


class TargetInvalid(UsageError):
    """`target` is no address that can be connected to."""

    template = N_("not a valid target: {target}")
    hint = N_("write HOST:PORT, [IPv6]:PORT, http://HOST, https://HOST or unix:/PATH")


class RecordingUnreadable(UsageError):
    """The recording at `path` can't be read."""

    template = N_("can't read {path}: {why}")


class FilterInvalid(UsageError):
    """`word` is nothing that exchanges of a capture are found by."""

    template = N_("{word} is no filter: {why}")


class RecordingBroken(HttpwireError):
    """The recording at `path` is damaged from `offset` on; what was read before it is kept."""

    template = N_("{path} is damaged at byte {offset}: {why}")


class OutputUnwritable(UsageError):
    """The answer can't be written to `path`; found before anything was sent."""

    template = N_("can't write {path}: {why}")


class ApacheFailed(UsageError):
    """Apache is not there, or did not start; `why` is what it said."""

    template = N_("the private Apache did not start: {why}")
    hint = N_("or use the built-in server: --server builtin")


class AnswerUnreadable(UsageError):
    """The recorded answer at `path` can't be read, or there is nothing in it."""

    template = N_("can't read the answer {path}: {why}")


class AuthorityFailed(UsageError):
    """The local certificate authority's file at `path` can't be made, read or used."""

    template = N_("can't use the local certificate authority {path}: {why}")


class ListenFailed(HttpwireError):
    """`address` can't be listened on."""

    template = N_("can't listen on {address}: {why}")


class SaveFailed(HttpwireError):
    """Writing the answer to `path` failed; what had been written is kept beside it."""

    template = N_("writing {path} failed: {why}")


class NetworkError(HttpwireError):
    """The network did not do it. `connection` holds everything up to there, or is None before one was tried."""

    def __init__(
        self, template: str = "", *, connection: Connection | None = None, hint: str = "", **facts: object
    ) -> None:
        super().__init__(template, hint=hint, **facts)
        self.connection = connection


class NameNotResolved(NetworkError):
    """`host` has no address."""

    template = N_("the name {host} has no address: {why}")
    hint = N_("check the spelling of the host name, and the network")


class ConnectFailed(NetworkError):
    """None of the addresses of `target` took the connection."""

    template = N_("can't connect to {target}: {why}")
    hint = N_("check that the server is running and listens on this port")


class TlsFailed(NetworkError):
    """The TLS handshake failed."""

    template = N_("the TLS handshake with {target} failed: {why}")


class CertificateNotTrusted(TlsFailed):
    """The server's certificate could not be verified."""

    template = N_("the certificate of {target} is not trusted: {why}")
    hint = N_("give its CA certificate with --cacert FILE, or skip verification with --insecure")


class SendFailed(NetworkError):
    """The request could not be sent whole, and no answer came."""

    template = N_("sending stopped after {sent} of {octets} bytes: {why}")


class ReceiveFailed(NetworkError):
    """The connection broke while an answer was awaited or coming."""

    template = N_("the connection broke after {received} bytes of the answer: {why}")


class TimedOut(NetworkError):
    """Nothing happened for `seconds`, or all of it took longer than that."""

    template = N_("timed out after {seconds} seconds")


class Interrupted(NetworkError):
    """Stopped by the user or by a signal."""

    template = N_("interrupted")
