"""httpwire: see and repeat HTTP exactly as it is on the wire."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from httpwire.api import open_transfer as open_transfer
    from httpwire.api import save as save
    from httpwire.api import send as send
    from httpwire.api import send_all as send_all
    from httpwire.errors import HttpwireError as HttpwireError
    from httpwire.errors import NetworkError as NetworkError
    from httpwire.errors import TimedOut as TimedOut
    from httpwire.errors import UsageError as UsageError
    from httpwire.net.client import Transfer as Transfer
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
    "open_transfer": "httpwire.api",
    "save": "httpwire.api",
    "send": "httpwire.api",
    "send_all": "httpwire.api",
}

__all__ = [
    "Edits",
    "Exchange",
    "Finding",
    "HttpwireError",
    "Limits",
    "Message",
    "NetworkError",
    "Outcome",
    "TimeLimits",
    "TimedOut",
    "TlsOptions",
    "Transfer",
    "UsageError",
    "open_transfer",
    "save",
    "send",
    "send_all",
]


def __getattr__(name: str) -> object:
    """Public names are imported when they are first asked for: `httpwire.wire` alone loads no socket (PEP 562)."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)
