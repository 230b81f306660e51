"""TLS in a capture, decrypted by tshark.

In: the path of a capture with the keys in it, or those and a key log. Out: Flows, which are given the octets inside
TLS, each record's as it was complete, and what the handshake agreed on. tshark runs once over the file, with all
dissectors of what TLS may carry out of its way, and for a limited time.
"""

from __future__ import annotations

import os
import subprocess
import threading

from httpwire.capture.formats.pcap.flows import TLS, Book, Flow
from httpwire.capture.model import Ending, TlsFacts
from httpwire.capture.toll import Cost
from httpwire.errors import RecordingUnreadable
from httpwire.language import N_

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

NO_TSHARK = Cost("no-tshark", N_("TLS connections that need tshark to be decrypted, which is not installed"))
FROM_PIPE = Cost("tls-from-pipe", N_("TLS connections that can be decrypted only where the capture is a file"))
UNDECRYPTED = Cost("tls-gaps", N_("TLS connections of which packets are missing; a gap is where decryption ended"))
STOPPED = Cost("tshark-stopped", N_("TLS connections that tshark had not decrypted when its time was over"))

_SECONDS = 60  # for tshark, whatever the size
_OCTETS_A_SECOND = 1_000_000  # and for each as many, one more
_OPEN = 8192  # connections that are followed at once
_KEYS = 64 << 20  # octets of a key log that are held
_PORTS = 64  # that tshark is told of
_SHOWN = (
    "tls or tcp.flags.syn == 1 or tcp.flags.fin == 1 or tcp.flags.reset == 1"
    " or tcp.analysis.lost_segment or tcp.analysis.out_of_order"
)
_FIELDS = (
    "tcp.stream",
    "frame.time_epoch",
    "ip.src",
    "ipv6.src",
    "tcp.srcport",
    "ip.dst",
    "ipv6.dst",
    "tcp.dstport",
    "tcp.flags",
    "tls.handshake.type",
    "tls.handshake.random",
    "tls.handshake.extensions_server_name",
    "tls.handshake.version",
    "tls.handshake.extensions.supported_version",
    "tls.handshake.ciphersuite",
    "tls.handshake.extensions_alpn_str",
    "tls.alert_message.desc",
    "tcp.analysis.lost_segment",
    "tcp.analysis.out_of_order",
    "data.data",
)
_FIN, _SYN, _RST, _ACK = 1, 2, 4, 16
_CLIENT_HELLO, _SERVER_HELLO, _ENCRYPTED_EXTENSIONS = "1", "2", "8"
_CLOSE_NOTIFY = "0"
_VERSIONS = {0x0300: "SSLv3", 0x0301: "TLSv1", 0x0302: "TLSv1.1", 0x0303: "TLSv1.2", 0x0304: "TLSv1.3"}


class Keys:
    """The lines of key logs, by the client's random (lower case)."""

    def __init__(self, path: str) -> None:
        """Those in the file `path` (may be empty). Raises RecordingUnreadable."""
        self._lines: dict[str, dict[bytes, None]] = {}
        if path:
            try:
                with open(path, "rb") as file:
                    self.add(file.read(_KEYS))
            except (OSError, ValueError) as error:
                why = getattr(error, "strerror", None) or str(error)
                raise RecordingUnreadable(path=path, why=why, errno=getattr(error, "errno", None)) from error

    def __bool__(self) -> bool:
        return bool(self._lines)

    def of(self, random: str) -> bytes:
        """The lines that belong to a connection."""
        return b"".join(line + b"\n" for line in self._lines.get(random, ()))

    def add(self, lines: bytes) -> None:
        """More lines."""
        for line in lines.splitlines():
            words = line.split()
            if len(words) == 3 and not line.startswith(b"#"):
                self._lines.setdefault(words[1].decode("latin-1").lower(), {})[line.strip()] = None


def decrypt(path: str, keylog: str, keys: Keys, book: Book) -> None:
    """Give the TLS connections in the capture at `path` to `book`, of which those that were `encrypted` are known.
    What can't be decrypted is counted. Raises SaveFailed."""
    if not book.encrypted:
        return
    if keys:
        if path:
            _decrypt(path, keylog, keys, book)
        else:
            book.toll.skip(FROM_PIPE, len(book.encrypted))
            return
    for count, octets in book.encrypted.values():
        book.toll.skip(TLS, count)
        book.pass_over(octets)


def _decrypt(path: str, keylog: str, keys: Keys, book: Book) -> None:
    from shutil import which
    from tempfile import TemporaryDirectory

    program = which("tshark")
    if not program:
        book.toll.skip(NO_TSHARK, len(book.encrypted))
        book.encrypted.clear()
        return
    decrypted = _Decrypted(keys, book)
    with TemporaryDirectory(prefix="httpwire-") as settings:  # no one's own settings of Wireshark
        process = subprocess.Popen(
            _command(program, path, keylog, book),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "WIRESHARK_CONFIG_DIR": settings, "LC_ALL": "C"},
        )
        assert process.stdout
        late = threading.Event()

        def stop() -> None:
            late.set()
            process.kill()

        timer = threading.Timer(_SECONDS + os.stat(path).st_size / _OCTETS_A_SECOND, stop)
        timer.daemon = True
        timer.start()
        try:
            for line in process.stdout:
                decrypted.take(line.decode("utf-8", "replace").rstrip("\n").split("\t"))
        finally:
            timer.cancel()
            process.kill()
            process.stdout.close()
            process.wait()
    decrypted.finish()
    if late.is_set() and book.encrypted:
        book.toll.skip(STOPPED, len(book.encrypted))
        book.encrypted.clear()


def _command(program: str, path: str, keylog: str, book: Book) -> list[str]:
    """tshark, told to decrypt, and to leave what was in TLS as it is."""
    options = ["tls.desegment_ssl_records:TRUE", "tcp.desegment_tcp_streams:TRUE", "tcp.reassemble_out_of_order:TRUE"]
    if keylog:
        options.append(f"tls.keylog_file:{os.path.abspath(keylog)}")
    command = [program, "-n", "-Q", "-r", os.path.abspath(path), "-Y", _SHOWN, "-T", "fields"]
    for option in options:
        command += ["-o", option]
    for protocol in ("http", "http2"):
        command += ["--disable-protocol", protocol]
    ports = {server.rpartition(":")[2] for _, server in book.encrypted}
    for port in sorted(ports)[:_PORTS]:
        command += ["-d", f"tcp.port=={port},tls"]
    for field in _FIELDS:
        command += ["-e", field]
    return command


class _Talk:
    """A TCP connection as tshark tells of it."""

    def __init__(self, began: int, client: str, server: str) -> None:
        self.began = began
        self.connected = 0
        self.ends = client, server
        self.flow: Flow | None = None
        self.finished = [False, False]
        self.missing = [0, 0]  # how often packets were not there, and have not come since
        self.random = ""
        self.name = ""
        self.version = ""
        self.cipher = ""
        self.alpn = ""


class _Decrypted:
    """Makes Flows of tshark's lines."""

    def __init__(self, keys: Keys, book: Book) -> None:
        self._keys = keys
        self._book = book
        self._talks: dict[str, _Talk] = {}
        self._ciphers: Callable[[int], str] | None = None

    def take(self, values: list[str]) -> None:
        if len(values) != len(_FIELDS):
            return
        stream, moment, *ends = values[:8]
        flags, kinds, randoms, name, version, supported, cipher, alpn, alerts, lost, late, data = values[8:]
        at = _nanoseconds(moment)
        source, target = _end(*ends[:3]), _end(*ends[3:])
        bits = int(flags, 16) if flags else 0
        talk = self._talks.get(stream)
        if bits & _SYN:
            if not talk and not bits & _ACK:
                self._meet(stream, at, source, target)
            elif talk and not talk.connected:
                talk.connected = at
            return
        types = kinds.split(",")
        if not talk:
            if _CLIENT_HELLO not in types:
                return
            talk = self._meet(stream, at, source, target)
        side = 0 if source == talk.ends[0] else 1
        if _CLIENT_HELLO in types and side == 0 and not talk.random:
            talk.random = _first(randoms)
            talk.name = _first(name)
        if side and _SERVER_HELLO in types:
            self._agree(talk, _first(supported) or _first(version), _first(cipher))
        if side and alpn:
            talk.alpn = _first(alpn)
        if data:
            self._data(talk, side, at, data)
        talk.missing[side] += bool(lost) - bool(late)
        if bits & _RST:
            self._end(talk, at, Ending.FAILED if side else Ending.GIVEN_UP)
            del self._talks[stream]
        elif _CLOSE_NOTIFY in alerts.split(",") or bits & _FIN:
            cut = not alerts and not talk.finished[0]  # a client that has closed awaits no farewell
            self._finish(stream, talk, side, at, Ending.TLS_TRUNCATED if cut else Ending.CLOSED)

    def finish(self) -> None:
        """No more lines will come."""
        for talk in self._talks.values():
            self._end(talk, talk.began, Ending.UNSEEN)
        self._talks.clear()

    def _meet(self, stream: str, at: int, client: str, server: str) -> _Talk:
        if len(self._talks) >= _OPEN:
            oldest = next(iter(self._talks))
            self._end(self._talks.pop(oldest), at, Ending.UNSEEN)
        talk = self._talks[stream] = _Talk(at, client, server)
        return talk

    def _agree(self, talk: _Talk, version: str, cipher: str) -> None:
        number = _number(version)
        talk.version = _VERSIONS.get(number, version)
        if self._ciphers is None:
            self._ciphers = _cipher_names()
        talk.cipher = self._ciphers(_number(cipher)) if cipher else ""

    def _data(self, talk: _Talk, side: int, at: int, data: str) -> None:
        flow = talk.flow
        if not flow:
            ends = talk.ends
            flow = talk.flow = Flow(self._book, talk.began, lambda: ends, whole=True)
            flow.connected = talk.connected
            flow.tls = TlsFacts(talk.version, talk.cipher, talk.alpn, verified=False)
            flow.name = talk.name
            flow.secrets = self._keys.of(talk.random)
            self._book.encrypted.pop(ends, None)
        flow.last = at = max(at, flow.last)
        for record in data.split(","):
            octets = bytes.fromhex(record.replace(":", ""))
            if octets:
                flow.piece(side, at, octets)

    def _finish(self, stream: str, talk: _Talk, side: int, at: int, ending: Ending) -> None:
        if talk.finished[side]:
            return
        talk.finished[side] = True
        flow = talk.flow
        if flow:
            flow.last = at = max(at, flow.last)
            self._tell_missing(talk, side, at)
            flow.finish(side, at, ending)
        if all(talk.finished):
            self._end(talk, at, Ending.CLOSED)
            del self._talks[stream]

    def _end(self, talk: _Talk, at: int, ending: Ending) -> None:
        """A connection is over."""
        flow = talk.flow
        if not flow:
            return
        at = max(at, flow.last)
        if any(missing > 0 for missing in talk.missing):
            self._book.toll.lose(UNDECRYPTED)
        for side in (0, 1):
            if not talk.finished[side]:
                self._tell_missing(talk, side, at)
        flow.end(at, ending)

    def _tell_missing(self, talk: _Talk, side: int, at: int) -> None:
        """What follows a missing packet can't be decrypted."""
        if talk.flow and talk.missing[side] > 0:
            talk.flow.gap(side, at, 0)


def _end(four: str, six: str, port: str) -> str:
    return f"{four}:{port}" if four else f"[{six}]:{port}"


def _first(values: str) -> str:
    return values.partition(",")[0]


def _number(value: str) -> int:
    try:
        return int(value, 0)
    except ValueError:
        return 0


def _nanoseconds(moment: str) -> int:
    """Seconds with a decimal fraction, as tshark writes them, in ns."""
    seconds, _, fraction = moment.partition(".")
    try:
        return int(seconds) * 1_000_000_000 + int(f"{fraction:0<9}"[:9])
    except ValueError:
        return 0


def _cipher_names() -> Callable[[int], str]:
    """Gives the name of a cipher suite by its number, as OpenSSL calls it; hexadecimal where it does not know it."""
    import ssl

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.set_ciphers("ALL:COMPLEMENTOFALL:@SECLEVEL=0")
    names = {int(cipher["id"]) & 0xFFFF: str(cipher["name"]) for cipher in context.get_ciphers()}
    return lambda number: names.get(number, f"0x{number:04x}")
