"""TLS on a connected socket; imported only where a target asks for it.

In: TlsOptions and a connected, non-blocking socket. Out: a Transport of the plain octets
inside, which tells a close with close_notify from one without. Certificates are verified
against the system's store unless told otherwise; SSLKEYLOGFILE is honoured.
"""

from __future__ import annotations

import contextlib
import re
import socket
import ssl
import time

from httpwire.capture.model import Connection, EventKind, TlsFacts, WireEvent
from httpwire.errors import CertificateNotTrusted, TimedOut, TlsFailed, UsageError
from httpwire.language import N_
from httpwire.net.options import TlsOptions
from httpwire.net.transport import READ, WRITE, Transport, Waiter

TYPE_CHECKING = False
if TYPE_CHECKING:
    from httpwire.net.target import Target


_NAME_HINT = N_("if the server goes by another name, verify that one with --sni NAME")
_RECORD = 16 << 10  # octets of content in a full TLS record: RFC 8446 5.1


class AlertReceived(OSError):
    """The peer ended TLS with an alert, or broke it; `hint` is what to try, a message id or empty."""

    def __init__(self, error: ssl.SSLError) -> None:
        super().__init__(error.errno, why_of(error))
        self.hint = _hint(error)


class TlsTransport(Transport):
    sock: ssl.SSLSocket
    takes_files = False  # what goes out is not what is in the file

    def recv(self, count: int) -> bytes | None:
        try:
            return self.sock.recv(count)
        except ssl.SSLWantReadError:
            self.recv_needs = READ
        except ssl.SSLWantWriteError:
            self.recv_needs = WRITE
        except ssl.SSLError as error:
            if not _is_end(error):
                raise AlertReceived(error) from error
            self.truncated = True  # closed without close_notify: RFC 8446 6.1
            return b""
        return None

    def send(self, data: memoryview) -> int:
        """OpenSSL takes all it is given or none: record by record, what is out is counted as it goes."""
        sent = 0
        self.send_needs = WRITE
        try:
            while sent < len(data):
                sent += self.sock.send(data[sent : sent + _RECORD])
        except ssl.SSLWantReadError:
            self.send_needs = READ
        except ssl.SSLWantWriteError:
            self.send_needs = WRITE
        except ssl.SSLError as error:
            if not sent:  # else the next call tells
                raise AlertReceived(error) from error
        return sent

    def finish(self) -> None:
        # One try to say close_notify; a peer that is gone, or slow to say its own, is not waited for.
        with contextlib.suppress(OSError, ValueError):
            self.sock.unwrap()

    def close(self) -> None:
        self.finish()
        self.sock.close()


class AcceptedTls(Transport):
    """A server's side of TLS, with `made` as its context. The first reads make the handshake; where the client speaks
    plain HTTP, its octets are read as they are, and `plain` says so."""

    takes_files = False
    holds_more = True

    def __init__(self, sock: socket.socket, made: ssl.SSLContext) -> None:
        super().__init__(sock)
        self._context = made
        self._inner: Transport | None = None
        self._ready = False

    def recv(self, count: int) -> bytes | None:
        inner = self._inner or self._begin()
        if inner is None:
            return None
        if not self._ready and isinstance(inner, TlsTransport) and not self._shake(inner.sock):
            return None
        data = inner.recv(count)
        self.truncated, self.recv_needs = inner.truncated, inner.recv_needs
        return data

    def _begin(self) -> Transport | None:
        """Look at the first octet: in TLS it is that of a handshake record (RFC 8446 5.1)."""
        try:
            first = self.sock.recv(1, socket.MSG_PEEK)
        except (BlockingIOError, InterruptedError):
            return None
        if not first:
            return Transport(self.sock)  # closed before it began
        if first != b"\x16":
            self._inner, self.plain, self.holds_more = Transport(self.sock), True, False
        else:
            # The socket is taken over by the wrapped one, under the same number.
            self.sock = self._context.wrap_socket(
                self.sock, server_side=True, do_handshake_on_connect=False, suppress_ragged_eofs=False
            )
            self._inner = TlsTransport(self.sock)
        return self._inner

    def _shake(self, sock: ssl.SSLSocket) -> bool:
        try:
            sock.do_handshake()
        except ssl.SSLWantReadError:
            self.recv_needs = READ
        except ssl.SSLWantWriteError:
            self.recv_needs = WRITE
        except (OSError, ValueError) as error:
            raise HandshakeFailed(error) from error
        else:
            from httpwire.net.authority import asked_name

            self._ready = True
            self.name = asked_name(sock)
            self.facts = _facts(sock, verified=False)
            return True
        return False

    def send(self, data: memoryview) -> int:
        assert self._inner
        sent = self._inner.send(data)
        self.send_needs = self._inner.send_needs
        return sent

    def finish(self) -> None:
        if self._inner:
            self._inner.finish()

    def close(self) -> None:
        if self._inner:
            self._inner.close()
        else:
            super().close()


class HandshakeFailed(OSError):
    """A client began TLS and did not finish the handshake; `says` is a message id that tells it, with {why}."""

    def __init__(self, error: Exception) -> None:
        why = N_("the client closed the connection") if _is_end(error) else why_of(error)
        super().__init__(getattr(error, "errno", None), why)
        distrust = "unknown ca" in why or "certificate unknown" in why or "bad certificate" in why
        self.says = (
            N_("the client does not trust the certificate: {why}")
            if distrust
            else N_("the TLS handshake failed: {why}")
        )


def context(options: TlsOptions) -> ssl.SSLContext:
    """The settings as an SSLContext. Raises UsageError for a file that can't be used."""
    made = ssl.create_default_context()
    path = ""
    if options.sni == "" and not options.insecure:
        raise UsageError(N_("without a server name (SNI) the certificate can't be verified; use --insecure"))
    try:
        if options.cacert:
            path = options.cacert
            made = ssl.create_default_context(cafile=path)
        if options.insecure:
            made.check_hostname = False
            made.verify_mode = ssl.CERT_NONE
        if options.cert:
            path = options.cert
            made.load_cert_chain(options.cert, options.key or None, password=no_password)
        if options.alpn:
            made.set_alpn_protocols(list(options.alpn))
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise UsageError(N_("can't use the TLS file {path}: {why}"), path=path, why=why) from error
    # An end without close_notify has to reach us: it tells a cut from an end.
    if hasattr(ssl, "OP_IGNORE_UNEXPECTED_EOF"):
        made.options &= ~ssl.OP_IGNORE_UNEXPECTED_EOF
    return made


def no_password() -> str:
    """In place of a question at the terminal. Raises ValueError."""
    raise ValueError("the key is protected by a password; store it without one")


def handshake(
    sock: socket.socket,
    target: Target,
    options: TlsOptions,
    made: ssl.SSLContext,
    waiter: Waiter,
    connection: Connection,
    seconds: float,
) -> TlsTransport:
    """Speak TLS on `sock`. Raises CertificateNotTrusted, TlsFailed, TimedOut."""
    deadline = time.monotonic() + seconds
    name = options.sni if options.sni is not None else target.host
    held: socket.socket = sock
    try:
        held = wrapped = made.wrap_socket(
            sock, server_hostname=name or None, do_handshake_on_connect=False, suppress_ragged_eofs=False
        )
        while True:
            try:
                wrapped.do_handshake()
                break
            except ssl.SSLWantReadError:
                wanted = READ
            except ssl.SSLWantWriteError:
                wanted = WRITE
            waiter.watch(wrapped, wanted)
            ready = waiter.wait(deadline - time.monotonic())
            waiter.watch(wrapped, 0)
            if not ready:
                raise TimedOut(
                    N_("no TLS handshake with {target} within {seconds} seconds"),
                    hint=N_("check that the port speaks TLS; --connect-timeout gives it longer"),
                    connection=connection,
                    target=target,
                    seconds=f"{seconds:g}",
                )
    except ssl.SSLCertVerificationError as error:
        held.close()
        why = error.verify_message.removesuffix(".")
        hint = _NAME_HINT if "mismatch" in why else ""
        raise CertificateNotTrusted(connection=connection, hint=hint, target=target, why=why) from error
    except (OSError, ValueError) as error:
        held.close()
        raise TlsFailed(connection=connection, target=target, hint=_hint(error), why=why_of(error)) from error
    except BaseException:
        held.close()
        raise
    connection.tls, connection.name = _facts(wrapped, verified=made.verify_mode is ssl.CERT_REQUIRED), name
    connection.append(WireEvent(time.monotonic_ns(), None, EventKind.TLS))
    return TlsTransport(wrapped)


def _facts(sock: ssl.SSLSocket, *, verified: bool) -> TlsFacts:
    cipher = sock.cipher()
    return TlsFacts(
        sock.version() or "", cipher[0] if cipher else "", sock.selected_alpn_protocol() or "", verified=verified
    )


def _is_end(error: Exception) -> bool:
    """Whether the peer closed without a word; before CPython 3.11.4 that is no SSLEOFError with OpenSSL 3."""
    return isinstance(error, ssl.SSLEOFError) or getattr(error, "reason", "") == "UNEXPECTED_EOF_WHILE_READING"


def why_of(error: Exception) -> str:
    """What went wrong, in a few words."""
    reason = getattr(error, "reason", None)
    if _is_end(error):
        return "the server closed the connection"
    if reason:
        return str(reason).replace("_", " ").lower()
    text = str(getattr(error, "strerror", None) or error)
    if "PEM lib" in text:
        return N_("it holds no certificate and key in PEM")
    return re.sub(r"^\[[^\]]*\] | \(_ssl\.c:\d+\)$", "", text)  # without the library's own coordinates


def _hint(error: Exception) -> str:
    reason = (getattr(error, "reason", None) or str(error)).upper().replace(" ", "_")
    if "NO_APPLICATION_PROTOCOL" in reason:
        return N_("the server speaks none of the protocols that --alpn offers")
    if reason in ("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "PACKET_LENGTH_TOO_LONG", "RECORD_LAYER_FAILURE"):
        return N_("this port does not speak TLS; try http:// in place of https://")
    if "CERTIFICATE_REQUIRED" in reason or "HANDSHAKE_FAILURE" in reason:
        return N_("the server may want a client certificate: --cert FILE --key FILE")
    return ""
