"""The Python interface to sending: one call for what fits in memory, a stream for what doesn't.

In: a request as bytes or a path, and a target. Out: Exchanges whose messages hold their
octets, or a Transfer that gives them as they arrive. The peer's faults are in the
exchange's outcome and findings; what the network refused is raised as a NetworkError.
"""

from __future__ import annotations

import os

from httpwire.capture.raw import Outgoing, Saving
from httpwire.errors import RecordingUnreadable, UsageError
from httpwire.language import N_
from httpwire.net.client import Transfer
from httpwire.net.options import TimeLimits, TlsOptions
from httpwire.net.target import DEFAULT_TARGET, parse_target

TYPE_CHECKING = False
if TYPE_CHECKING:
    from httpwire.wire.content import Limits
    from httpwire.wire.edit import Edits
    from httpwire.wire.exchange import Exchange

    #: Octets, or the path of a file that holds them.
    Request = bytes | bytearray | memoryview | str | os.PathLike[str]


def open_transfer(
    request: Request,
    *,
    to: str = DEFAULT_TARGET,
    limits: TimeLimits | None = None,
    tls: TlsOptions | None = None,
    edits: Edits | None = None,
    reading: Limits | None = None,
    keep: bool = False,
    stop: int | None = None,
) -> Transfer:
    """A Transfer of `request` to `to`, for answers of any size: iterate over it for the segments (bytes).

    `request` is the octets, or the path of a file that holds them; they are sent as they are, but for `edits`.
    `keep` holds every octet on the connection as well. `stop` is a file descriptor that ends the
    transfer once it is readable. Raises RecordingUnreadable, TargetInvalid; iterating raises NetworkErrors.
    """
    target = parse_target(to)
    if isinstance(request, (bytes, bytearray, memoryview)):
        outgoing = Outgoing.from_bytes(bytes(request))
    elif isinstance(request, str) and "\n" in request:
        raise UsageError(N_("a request as str is a path: pass its octets as bytes"))
    else:
        outgoing = Outgoing.from_path(os.fspath(request))
    try:
        if not outgoing.octets:
            raise RecordingUnreadable(path=outgoing.name or "b''", why=N_("it is empty: there is nothing to send"))
        if edits:
            outgoing.edit(edits)
        return Transfer(outgoing, target, limits=limits, tls=tls, reading=reading, keep=keep, stop=stop)
    except BaseException:
        outgoing.close()
        raise


def send_all(
    request: Request,
    *,
    to: str = DEFAULT_TARGET,
    limits: TimeLimits | None = None,
    tls: TlsOptions | None = None,
    edits: Edits | None = None,
) -> list[Exchange]:
    """Send octets that hold several requests, pipelined; gives one Exchange for each, in order.

    Raises RecordingUnreadable, TargetInvalid, NetworkError (its `connection` holds what had come).
    """
    return _run(open_transfer(request, to=to, limits=limits, tls=tls, edits=edits, keep=True))


def send(
    request: Request,
    *,
    to: str = DEFAULT_TARGET,
    limits: TimeLimits | None = None,
    tls: TlsOptions | None = None,
    edits: Edits | None = None,
) -> Exchange:
    """Send one request and wait for its answer, complete as RFC 9112 6.3 defines it.

    Gives the Exchange: `request`, `responses`, `timing` (ns), `framing` (with the rule that ended the answer),
    `outcome` and `findings`; `exchange.response.raw` are the answer's bytes, `.content` its content.
    Raises UsageError where a server would read several requests (then use send_all), and what send_all raises.
    """
    transfer = open_transfer(request, to=to, limits=limits, tls=tls, edits=edits, keep=True)
    answers = transfer.examination.answers
    if answers > 1:
        transfer.close()
        raise UsageError(N_("a server reads {answers} requests in these bytes: use send_all"), answers=answers)
    return _run(transfer)[0]


def _run(transfer: Transfer) -> list[Exchange]:
    for _ in transfer:
        pass  # the connection keeps it
    return transfer.connection.exchanges


def save(transfer: Transfer, path: str | os.PathLike[str]) -> str:
    """Carry out `transfer`; the answer goes to the file `path`, or to `path`.partial where it is incomplete.

    Octets are written as they arrive, under another name; `path` is replaced only when every answer is complete
    (`transfer.complete`). Gives the name they are under, empty where nothing came. Raises NetworkError,
    OutputUnwritable, SaveFailed; what had come is kept then, too.
    """
    complete = False
    with transfer:
        saving = Saving(os.fspath(path))
        try:
            for segment in transfer:
                saving.write(segment)
            complete = transfer.complete
        finally:
            saving.finish(complete=complete)
    return saving.saved
