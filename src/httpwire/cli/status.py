"""The exit status of the command: one meaning a number, the network's as curl made them familiar."""

from __future__ import annotations

from httpwire import errors
from httpwire.wire.exchange import Outcome

TYPE_CHECKING = False
if TYPE_CHECKING:
    from httpwire.net.client import Transfer


class ExitStatus:
    """The numbers (plain ints: an enum would cost the command its start)."""

    DONE = 0
    FINDINGS = 1
    USAGE = 2
    NAME_NOT_RESOLVED = 6
    COULD_NOT_CONNECT = 7
    UNDECIDABLE = 8
    CUT_SHORT = 18
    COULD_NOT_SAVE = 23
    COULD_NOT_LISTEN = 45
    TIMED_OUT = 28
    TLS = 35
    EMPTY_ANSWER = 52
    SEND_FAILED = 55
    RECEIVE_FAILED = 56
    NOT_TRUSTED = 60
    BROKEN_INPUT = 65
    INTERNAL = 70
    INTERRUPTED = 130


_OF_ERRORS: dict[type[errors.HttpwireError], int] = {
    errors.UsageError: ExitStatus.USAGE,
    errors.SaveFailed: ExitStatus.COULD_NOT_SAVE,
    errors.RecordingBroken: ExitStatus.BROKEN_INPUT,
    errors.ListenFailed: ExitStatus.COULD_NOT_LISTEN,
    errors.NameNotResolved: ExitStatus.NAME_NOT_RESOLVED,
    errors.ConnectFailed: ExitStatus.COULD_NOT_CONNECT,
    errors.CertificateNotTrusted: ExitStatus.NOT_TRUSTED,
    errors.TlsFailed: ExitStatus.TLS,
    errors.SendFailed: ExitStatus.SEND_FAILED,
    errors.ReceiveFailed: ExitStatus.RECEIVE_FAILED,
    errors.TimedOut: ExitStatus.TIMED_OUT,
    errors.Interrupted: ExitStatus.INTERRUPTED,
}


def of_error(error: errors.HttpwireError) -> int:
    """The status for an error: that of the nearest class which has one."""
    for kind in type(error).__mro__:
        if kind in _OF_ERRORS:
            return _OF_ERRORS[kind]
    return ExitStatus.INTERNAL


def of_answers(transfer: Transfer) -> int:
    """The status for what came back, where nothing failed."""
    connection = transfer.connection
    if not connection.received:
        return ExitStatus.EMPTY_ANSWER
    if transfer.complete:
        return ExitStatus.DONE
    undecidable = any(exchange.outcome is Outcome.UNDECIDABLE for exchange in connection.exchanges)
    return ExitStatus.UNDECIDABLE if undecidable else ExitStatus.CUT_SHORT
