"""The formats that captures are read from and written to: found by name, by the ending of a file, by its content.

In: words, names of files, first octets. Out: Formats, of which each imports its module when that is used.
"""

from __future__ import annotations

from importlib import import_module

from httpwire.capture import toll
from httpwire.capture.store import signature
from httpwire.capture.toll import Cost
from httpwire.errors import UsageError
from httpwire.language import N_
from httpwire.wire.record import Record, at

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType

GZIP = b"\x1f\x8b"


class Format(Record):
    """A format called `name`; `endings` are those of its files, `module` reads and writes it (none: it is the capture
    itself)."""

    __slots__ = ()
    FIELDS = ("name", "endings", "module")
    name: str = at(0)
    endings: tuple[str, ...] = at(1)
    module: str = at(2)

    def __new__(cls, name: str, endings: tuple[str, ...], module: str) -> Format:
        return tuple.__new__(cls, (name, endings, module))

    def load(self, way: str) -> ModuleType:
        """Its module that has the function `way`: "read" or "write".

        Raises UsageError where it goes one way only."""
        module = import_module(_ELSEWHERE.get((self.name, way), self.module))
        if not hasattr(module, way):
            read, written = N_("{format} can't be read, only written"), N_("{format} can't be written, only read")
            raise UsageError(read if way == "read" else written, format=self.name)
        return module

    def recognises(self, first: bytes) -> bool:
        """Whether a file that begins with `first` (up to 4096 octets) is of this format."""
        if not self.module:
            return signature.recognises(first)
        recognises = getattr(import_module(self.module), "recognises", None)
        return bool(recognises and recognises(first))


CAPTURE = Format("hwire", (signature.ENDING,), "")
_HERE = "httpwire.capture.formats"
#: In the order in which content is looked at: those that are known by a few octets before those that are text.
FORMATS = (
    CAPTURE,
    Format("pcap", (".pcapng", ".pcap", ".cap"), f"{_HERE}.pcap.format"),
    Format("warc", (".warc",), f"{_HERE}.warc.format"),
    Format("gor", (".gor",), f"{_HERE}.gor"),
    Format("burp", (".burp.xml", ".xml"), f"{_HERE}.burp.format"),
    Format("zap", (".zap.txt",), f"{_HERE}.zap"),
    Format("har", (".har",), f"{_HERE}.har.format"),
    Format("curl", (".curl", ".sh"), f"{_HERE}.curl.format"),
    Format("raw", (".http", ".response"), f"{_HERE}.files"),
)
#: Functions that are not in the module of their format.
_ELSEWHERE = {("pcap", "write"): f"{_HERE}.pcap.writing"}
_SHARED = {cost.id: cost.says for cost in vars(toll).values() if isinstance(cost, Cost)}


def by_name(name: str) -> Format | None:
    """The format that is called `name`."""
    return next((known for known in FORMATS if known.name == name), None)


def by_path(path: str) -> Format | None:
    """The format that a file has by the ending of its name, whatever the case; None where that tells nothing."""
    lower = path.lower().removesuffix(".gz")
    return next((known for known in FORMATS if lower.endswith(known.endings)), None)


def by_content(first: bytes, likely: Format | None = None) -> Format | None:
    """The format of a file that begins with `first` (up to 4096 octets), also compressed by gzip; the `likely` one is
    asked first. None where no format knows it."""
    seen = unpacked(first) if first.startswith(GZIP) else first
    asked = [known for known in (likely, *FORMATS) if known]
    return next((known for known in asked if known.recognises(first) or known.recognises(seen)), None)


def unpacked(first: bytes) -> bytes:
    """What the beginning of a file that is compressed by gzip says, as far as it can be read."""
    import zlib

    from httpwire.capture.source import unpacked_before_fault

    try:
        return zlib.decompressobj(31).decompress(first, 4096)
    except zlib.error:
        return unpacked_before_fault(zlib.decompressobj(31), first)[0]


def says(origin: str, cost: str) -> str:
    """The message id of the Cost with the id `cost` of the format called `origin`; the id itself where it has none."""
    if cost in _SHARED:
        return _SHARED[cost]
    known = by_name(origin)
    for module in _modules(known.module) if known and known.module else ():
        for value in vars(module).values():
            if isinstance(value, Cost) and value.id == cost:
                return value.says
    return cost


def _modules(name: str) -> Iterator[ModuleType]:
    """The module `name`, and where it is the door of a package, the others there; those that can be imported."""
    package, _, last = name.rpartition(".")
    names = [name]
    if last == "format":
        import pkgutil

        folders = import_module(package).__path__
        names += [f"{package}.{found.name}" for found in pkgutil.iter_modules(folders) if found.name != last]
    for each in names:
        try:
            yield import_module(each)
        except ImportError:  # of a library that is not installed here
            continue
