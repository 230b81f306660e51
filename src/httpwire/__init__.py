"""httpwire: see and repeat HTTP exactly as it is on the wire."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from httpwire.api.captures import OpenCapture as OpenCapture
    from httpwire.api.captures import StoredExchange as StoredExchange
    from httpwire.api.captures import open_capture as open_capture
    from httpwire.api.given import Scripted as Scripted
    from httpwire.api.sending import open_transfer as open_transfer
    from httpwire.api.sending import save as save
    from httpwire.api.sending import send as send
    from httpwire.api.sending import send_all as send_all
    from httpwire.api.serving import Running as Running
    from httpwire.api.serving import record as record
    from httpwire.api.serving import serve as serve
    from httpwire.capture.arrival import Arrival as Arrival
    from httpwire.capture.faults import Faults as Faults
    from httpwire.errors import HttpwireError as HttpwireError
    from httpwire.errors import NetworkError as NetworkError
    from httpwire.errors import TimedOut as TimedOut
    from httpwire.errors import UsageError as UsageError
    from httpwire.net.client import Transfer as Transfer
    from httpwire.net.options import ServerLimits as ServerLimits
    from httpwire.net.options import ServerTls as ServerTls
    from httpwire.net.options import TimeLimits as TimeLimits
    from httpwire.net.options import TlsOptions as TlsOptions
    from httpwire.wire.content import Limits as Limits
    from httpwire.wire.deviations import Finding as Finding
    from httpwire.wire.edit import Edits as Edits
    from httpwire.wire.exchange import Exchange as Exchange
    from httpwire.wire.exchange import Outcome as Outcome
    from httpwire.wire.message import Message as Message

__version__ = "0.1.0"

_HOMES = {
    "Arrival": "httpwire.capture.arrival",
    "Faults": "httpwire.capture.faults",
    "OpenCapture": "httpwire.api.captures",
    "Running": "httpwire.api.serving",
    "Scripted": "httpwire.api.given",
    "ServerLimits": "httpwire.net.options",
    "ServerTls": "httpwire.net.options",
    "StoredExchange": "httpwire.api.captures",
    "record": "httpwire.api.serving",
    "serve": "httpwire.api.serving",
    "Edits": "httpwire.wire.edit",
    "Exchange": "httpwire.wire.exchange",
    "Finding": "httpwire.wire.deviations",
    "HttpwireError": "httpwire.errors",
    "Limits": "httpwire.wire.content",
    "Message": "httpwire.wire.message",
    "NetworkError": "httpwire.errors",
    "Outcome": "httpwire.wire.exchange",
    "TimeLimits": "httpwire.net.options",
    "TimedOut": "httpwire.errors",
    "TlsOptions": "httpwire.net.options",
    "Transfer": "httpwire.net.client",
    "UsageError": "httpwire.errors",
    "open_capture": "httpwire.api.captures",
    "open_transfer": "httpwire.api.sending",
    "save": "httpwire.api.sending",
    "send": "httpwire.api.sending",
    "send_all": "httpwire.api.sending",
}

__all__ = [
    "Arrival",
    "Edits",
    "Exchange",
    "Faults",
    "Finding",
    "HttpwireError",
    "Limits",
    "Message",
    "NetworkError",
    "OpenCapture",
    "Outcome",
    "Running",
    "Scripted",
    "ServerLimits",
    "ServerTls",
    "StoredExchange",
    "TimeLimits",
    "TimedOut",
    "TlsOptions",
    "Transfer",
    "UsageError",
    "open_capture",
    "open_transfer",
    "record",
    "save",
    "send",
    "send_all",
    "serve",
]


def __getattr__(name: str) -> object:
    """Public names are imported when they are first asked for: `httpwire.wire` alone loads no socket (PEP 562)."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return [*globals(), *__all__]
