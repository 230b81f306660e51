"""A certificate authority of this machine's own, so that a client that trusts one file can be answered over TLS.

In: a folder. Out: an Authority, made once and then read again, whose server contexts present a certificate
for whatever name the client asks for (SNI); `asked_name` tells which that was. The authority's key is never
readable by others, and a pair that is damaged or does not fit is told, never replaced. Certificates for
names live in memory only. It trusts nothing on anybody's behalf: `trust_advice` says what a person can do.
"""

from __future__ import annotations

import contextlib
import datetime
import functools
import getpass
import ipaddress
import os
import re
import shlex
import socket
import ssl
import sys
import tempfile
import weakref

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from httpwire.errors import AuthorityFailed, UsageError
from httpwire.language import N_
from httpwire.net.tls import AcceptedTls, no_password, why_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from httpwire.net.options import ServerTls

    _Key = ec.EllipticCurvePrivateKey

_AUTHORITY_LIFE = datetime.timedelta(days=3653)
_LEAF_LIFE = datetime.timedelta(days=397)  # browsers accept 398 at most
_EARLIER = datetime.timedelta(hours=1)  # clocks differ
_KEPT = 64  # contexts by name: each has the key log open, and a process on macOS may open 256 files
_LOOPBACK = ("localhost", "127.0.0.1", "::1")
_LABEL = r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
_HOST = rf"(?=.{{1,253}}\Z){_LABEL}(?:\.{_LABEL})*"
_USES = ("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement")
_NO_USE = dict.fromkeys((*_USES, "key_cert_sign", "crl_sign", "encipher_only", "decipher_only"), False)
_DELETE = N_("delete {files}: both files are made anew, and then have to be trusted anew")
_UNWRITABLE = N_("make this folder writable, or set XDG_DATA_HOME to another one")
_PEM = serialization.Encoding.PEM

_asked: weakref.WeakKeyDictionary[ssl.SSLSocket | ssl.SSLObject, str] = weakref.WeakKeyDictionary()


class Authority:
    """The authority whose certificate is the PEM file at `certificate_path`; `created` if it was made just now."""

    def __init__(self, path: str, certificate: x509.Certificate, key: _Key, *, created: bool) -> None:
        self.certificate_path = path
        self.created = created
        self._certificate = certificate
        self._key = key
        self._leaf_key = ec.generate_private_key(ec.SECP256R1())  # one for all names, for as long as this lives

    def context(self, alpn: tuple[str, ...], names: tuple[str, ...] = ()) -> ssl.SSLContext:
        """A server's context that offers the protocols `alpn`. A client that asks for a host name gets a certificate
        for this name; any other one for localhost, the loopback addresses and `names` (hosts or addresses; a
        host may begin with `*.`).

        Raises UsageError for a name that is none and for an SSLKEYLOGFILE that can't be written, AuthorityFailed where
        the temporary file that OpenSSL reads can't be.
        """

        @functools.lru_cache(maxsize=_KEPT)  # a client may ask for endless names
        def named(name: str) -> ssl.SSLContext:
            return self._presenting((name,), alpn)

        def choose(sock: ssl.SSLSocket | ssl.SSLObject, name: str | None, base: ssl.SSLContext) -> int | None:
            _remember(sock, name, base)
            wanted = name.lower() if name and re.fullmatch(_HOST, name) else ""
            if not name and isinstance(sock, ssl.SSLSocket) and sock.family != getattr(socket, "AF_UNIX", None):
                wanted = sock.getsockname()[0]  # none is asked for where the URL has an address: that of this end
            if wanted and (name or wanted not in known):
                try:
                    sock.context = named(wanted)
                except UsageError:  # raised in here it would be printed, and be no alert of any use
                    return ssl.ALERT_DESCRIPTION_INTERNAL_ERROR
            return None

        known = (*_LOOPBACK, *map(_checked, names))
        made = self._presenting(known, alpn)
        made.sni_callback = choose
        return made

    def _presenting(self, names: tuple[str, ...], alpn: tuple[str, ...]) -> ssl.SSLContext:
        made = _server_context(alpn)
        with _telling(self.certificate_path, hint=""), tempfile.NamedTemporaryFile(prefix="httpwire-") as file:  # 0600
            # The leaf alone: who trusts the root has it, and nobody trusts it for being sent it (RFC 8446 4.4.2).
            file.write(self._leaf(names))
            file.flush()
            made.load_cert_chain(file.name)
        return made

    def _leaf(self, names: tuple[str, ...]) -> bytes:
        """The key and a new certificate for `names`, as PEM."""
        until = min(datetime.datetime.now(datetime.UTC) + _LEAF_LIFE, self._certificate.not_valid_after_utc)
        return _signed(
            self._leaf_key,
            names[0] if len(names[0]) <= 64 else "httpwire",  # X.520 has no room for more; the names below count
            until,
            (self._certificate.subject, self._key),
            (x509.SubjectAlternativeName([_general(name) for name in names]), False),
            (x509.BasicConstraints(ca=False, path_length=None), True),
            (x509.KeyUsage(**{**_NO_USE, "digital_signature": True}), True),
            (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False),
            (x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), False),
        )


def open_authority(folder: str | None = None) -> Authority:
    """The authority in `folder` (None: `data_folder()`), made where there is none.

    `authority.key` holds the key and its certificate: one file, so that two processes that make it at the same time
    end with one pair. `authority.pem` is a copy of the certificate, to be trusted. Raises AuthorityFailed.
    """
    folder = os.path.abspath(data_folder() if folder is None else folder)
    pem, path = os.path.join(folder, "authority.pem"), os.path.join(folder, "authority.key")
    # In this order: the certificate is written after the key, so where it stands another process has made the key.
    published = os.path.lexists(pem)
    created = False
    if not os.path.lexists(path):
        if published:
            raise _unusable(path, N_("it is missing, while its certificate is there"))
        with _telling(folder, _UNWRITABLE):
            os.makedirs(folder, 0o700, exist_ok=True)
            created = _make(path)
    key, certificate = _read_pair(path)
    if not published:
        with _telling(folder, _UNWRITABLE):
            _place(pem, certificate.public_bytes(_PEM), 0o644, os.replace)
    try:
        with _telling(pem), open(pem, "rb") as file:
            same = x509.load_pem_x509_certificate(file.read()) == certificate
    except ValueError as error:
        raise _unusable(pem, N_("it is damaged")) from error
    if not same:
        raise _unusable(pem, N_("the key beside it belongs to another certificate"))
    if certificate.not_valid_after_utc <= datetime.datetime.now(datetime.UTC):
        raise _unusable(pem, N_("certificate has expired"))
    return Authority(pem, certificate, key, created=created)


def data_folder() -> str:
    """Where the authority is kept for this user. Raises AuthorityFailed without a home folder."""
    given = os.environ.get("XDG_DATA_HOME", "")
    if os.path.isabs(given):  # others are to be ignored, says the XDG specification
        return os.path.join(given, "httpwire")
    home = os.environ.get("HOME", "")
    if not os.path.isabs(home):
        hint = N_("set HOME or XDG_DATA_HOME to the full path of a folder")
        raise AuthorityFailed(path="~", why=N_("there is no home folder"), hint=hint)
    usual = "Library/Application Support" if sys.platform == "darwin" else ".local/share"
    return os.path.join(home, usual, "httpwire")


def own_context(cert: str, key: str, alpn: tuple[str, ...]) -> ssl.SSLContext:
    """A server's context that presents the PEM file `cert`, with its key in `key` (empty: in the same file).

    Raises UsageError for a file that can't be used. A password is never asked for.
    """
    made = _server_context(alpn)
    path = cert
    try:
        for path in filter(None, (cert, key)):  # OpenSSL doesn't say which of them it misses
            os.stat(path)
        path = ", ".join(filter(None, (cert, key)))
        made.load_cert_chain(cert, key or None, password=no_password)
    except (OSError, ValueError) as error:
        raise UsageError(N_("can't use the TLS file {path}: {why}"), path=path, why=why_of(error)) from error
    made.sni_callback = _remember
    return made


def accepting(tls: ServerTls, host: str) -> tuple[Callable[[socket.socket], AcceptedTls], Authority | None]:
    """What makes a TLS connection of each socket accepted on `host`, and the authority, where that is our own.

    Raises UsageError, AuthorityFailed.
    """
    if tls.cert:
        return functools.partial(AcceptedTls, made=own_context(tls.cert, tls.key, tls.alpn)), None
    ours = open_authority()
    made = ours.context(tls.alpn, () if host in ("", "0.0.0.0", "::") else (host,))
    return functools.partial(AcceptedTls, made=made), ours


def asked_name(sock: ssl.SSLSocket) -> str:
    """The server name that the client of `sock` asked for, as it wrote it; empty if it asked for none."""
    return _asked.get(sock, "")


_STORES = (".pki/nssdb", ".local/share/pki/nssdb")  # of Chrome and Chromium on Linux, below the home folder


def trust_advice(path: str) -> tuple[tuple[str, str], ...]:
    """How a person lets a client trust the certificate at `path`: pairs of a message id and a command (for Firefox,
    the file to import)."""
    file = shlex.quote(path)
    # Chrome takes the first of these folders that is there. Making that where the other one is in use would hide all
    # that is trusted in the other; where there is neither, every version takes the first.
    older, newer = (os.path.isdir(os.path.expanduser(f"~/{place}")) for place in _STORES)
    store = f'"$HOME/{_STORES[1] if newer and not older else _STORES[0]}"'
    chrome = f"certutil -d sql:{store} -A -t C,, -n httpwire -i {file}"
    if not (older or newer):
        chrome = f"mkdir -p {store} && {chrome}"
    macos = f"security add-trusted-cert -r trustRoot -k ~/Library/Keychains/login.keychain-db {file}"
    return (
        (N_("curl"), f"curl --cacert {file}"),
        (N_("Chrome and Chromium on Linux"), chrome),
        (N_("macOS"), macos),
        (N_("Firefox, in its settings: Certificates, Authorities, Import"), file),
    )


def _server_context(alpn: tuple[str, ...]) -> ssl.SSLContext:
    """What every context of a server has, also the one swapped in for a name: none of it is inherited in the swap."""
    try:
        made = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)  # honours SSLKEYLOGFILE
    except OSError as error:
        path = os.environ.get("SSLKEYLOGFILE", "")
        raise UsageError(N_("can't use the TLS file {path}: {why}"), path=path, why=why_of(error)) from error
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    if alpn:
        made.set_alpn_protocols(list(alpn))
    # An end without close_notify has to reach us, as in net/tls.
    if hasattr(ssl, "OP_IGNORE_UNEXPECTED_EOF"):
        made.options &= ~ssl.OP_IGNORE_UNEXPECTED_EOF
    return made


def _remember(sock: ssl.SSLSocket | ssl.SSLObject, name: str | None, _: ssl.SSLContext) -> None:
    _asked[sock] = name or ""


def _checked(name: str) -> str:
    """A name given by the user, as certificates have it."""
    with contextlib.suppress(ValueError):
        return str(ipaddress.ip_address(name))
    with contextlib.suppress(UnicodeError):
        name = name.encode("idna").decode("ascii")
    if not re.fullmatch(_HOST, name.removeprefix("*.")):
        raise UsageError(N_("not a host name or an address: {name}"), name=name or "''")
    return name


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _signed(
    key: _Key,
    common: str,
    until: datetime.datetime,
    issuer: tuple[x509.Name, _Key] | None,
    *extensions: tuple[x509.ExtensionType, bool],
) -> bytes:
    """The key and its certificate as PEM; without `issuer` it signs itself. With each extension: whether critical."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])
    name, signer = issuer or (subject, key)
    since = datetime.datetime.now(datetime.UTC) - _EARLIER
    made = x509.CertificateBuilder(name, subject, key.public_key(), x509.random_serial_number(), since, until)
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    for extension, critical in ((identifier, False), *extensions):
        made = made.add_extension(extension, critical=critical)
    pem = key.private_bytes(_PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return pem + made.sign(signer, hashes.SHA256()).public_bytes(_PEM)


def _make(path: str) -> bool:
    """Make the file with key and certificate; False where another process was first."""
    who = str(os.getuid())
    with contextlib.suppress(KeyError, OSError):  # a user without a name
        who = getpass.getuser()
    who = f"{who}@{socket.gethostname()}".encode("ascii", "replace").decode("ascii")
    data = _signed(
        ec.generate_private_key(ec.SECP256R1()),
        f"httpwire local authority ({who[:37]})",  # 64 characters at most: X.520
        datetime.datetime.now(datetime.UTC) + _AUTHORITY_LIFE,
        None,
        (x509.BasicConstraints(ca=True, path_length=0), True),
        (x509.KeyUsage(**{**_NO_USE, "key_cert_sign": True, "crl_sign": True}), True),
    )
    try:
        _place(path, data, 0o600, os.link)  # a link never replaces a file
    except FileExistsError:
        return False
    return True


def _read_pair(path: str) -> tuple[_Key, x509.Certificate]:
    with _telling(path), open(path, "rb") as file:
        if os.fstat(file.fileno()).st_mode & 0o077:
            hint = N_("keep it to yourself: {command}")
            command = shlex.join(("chmod", "600", path))
            raise AuthorityFailed(path=path, why=N_("others can read this key"), hint=hint, command=command)
        data = file.read()
    try:
        key = serialization.load_pem_private_key(data, None)
        certificate = x509.load_pem_x509_certificate(data)
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise TypeError(key)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:  # TypeError: it has a password
        raise _unusable(path, N_("it is damaged")) from error
    if key.public_key() != certificate.public_key():
        raise _unusable(path, N_("the key and the certificate in it don't belong together"))
    return key, certificate


def _place(path: str, data: bytes, mode: int, put: Callable[[str, str], None]) -> None:
    """Write the file at `path` so that it is there whole or not at all."""
    fd, temporary = tempfile.mkstemp(prefix=os.path.basename(path) + ".", dir=os.path.dirname(path))  # 0600
    try:
        with os.fdopen(fd, "wb") as file:
            os.fchmod(fd, mode)
            file.write(data)
            file.flush()
            os.fsync(fd)
        put(temporary, path)
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)


@contextlib.contextmanager
def _telling(path: str, hint: str = _DELETE) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise _unusable(path, error.strerror or str(error), hint) from error


def _unusable(path: str, why: str, hint: str = _DELETE) -> AuthorityFailed:
    files = os.path.join(os.path.dirname(path), "authority.*")
    return AuthorityFailed(path=path, why=why, hint=hint, files=files)
