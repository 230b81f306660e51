"""One file to trust, made once, and from then on a certificate that fits for every name that is asked for."""

from __future__ import annotations

import os
import shlex
import socket
import ssl
import stat
import subprocess
import sys
import threading
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID

from conftest import Server
from httpwire.errors import AuthorityFailed, UsageError
from httpwire.language import Translator
from httpwire.net import authority
from httpwire.net.authority import Authority, asked_name, data_folder, open_authority, own_context, trust_advice

ALPN = ("http/1.1",)
MAKE = "import sys; from httpwire.net.authority import open_authority; print(open_authority(sys.argv[1]).created)"


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return open_authority(str(tmp_path_factory.mktemp("authority")))


@dataclass
class Met:
    """What a handshake came to, seen from both sides."""

    certificate: x509.Certificate
    chain: int
    asked: str
    alpn: str | None
    server_context: ssl.SSLContext
    ended: bool  # in order, as far as the server could tell

    @property
    def names(self) -> list[str]:
        found = self.certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        return [str(name.value) for name in found]


def trusting(path: str) -> ssl.SSLContext:
    """A client that trusts the file at `path` and nothing else, and is strict about RFC 5280."""
    made = ssl.create_default_context(cafile=path)
    made.verify_flags |= ssl.VERIFY_X509_STRICT
    made.set_alpn_protocols(["h2", "http/1.1"])
    return made


def anyone() -> ssl.SSLContext:
    """A client that takes any certificate."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.check_hostname = False
    made.verify_mode = ssl.CERT_NONE
    return made


def meet(server: ssl.SSLContext, client: ssl.SSLContext, name: str | None) -> Met:
    """A real handshake between both, over a pair of sockets; the client then leaves without close_notify."""
    left, right = socket.socketpair()
    left.settimeout(20)
    right.settimeout(20)
    accepted: list[ssl.SSLSocket] = []
    ends: list[bool] = []

    def serve() -> None:
        with left:
            try:
                accepted.append(server.wrap_socket(left, server_side=True, suppress_ragged_eofs=False))
            except OSError:
                return
            try:
                ends.append(accepted[0].recv(1) == b"")
            except ssl.SSLError:
                ends.append(False)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        with right, client.wrap_socket(right, server_hostname=name) as wrapped:
            octets = wrapped.getpeercert(binary_form=True)
            assert octets
            chain = wrapped._sslobj.get_unverified_chain()  # type: ignore[attr-defined]  # public from 3.13 on
            alpn = wrapped.selected_alpn_protocol()
            if wrapped.version() == "TLSv1.3":
                wrapped.settimeout(0.05)
                with pytest.raises(TimeoutError):
                    wrapped.recv(1)  # the tickets are taken, so that the close is no reset
    finally:
        thread.join(20)
        for sock in accepted:
            sock.close()
    return Met(x509.load_der_x509_certificate(octets), len(chain), asked_name(sock), alpn, sock.context, ends == [True])


class TestNames:
    def test_a_name_that_is_asked_for_gets_its_own_certificate(self, ours: Authority) -> None:
        met = meet(ours.context(ALPN), trusting(ours.certificate_path), "www.example.test")

        assert met.names == ["www.example.test"]
        assert met.asked == "www.example.test"
        assert met.alpn == "http/1.1"
        assert met.chain == 1, "the root is not sent: who trusts it has it"

    @pytest.mark.parametrize(
        "name",
        [
            "localhost",
            "a",
            "my_host.local",
            "xn--bcher-kva.example",
            "x" * 63 + "." + "y" * 63 + ".example",
            ".".join(["abcdefg"] * 31) + ".test",
        ],
    )
    def test_whatever_a_host_may_be_called(self, ours: Authority, name: str) -> None:
        met = meet(ours.context(ALPN), trusting(ours.certificate_path), name)
        assert met.names == [name]
        assert met.asked == name

    def test_capitals_are_one_name_and_what_was_asked_is_kept_as_it_was(self, ours: Authority) -> None:
        context = ours.context(ALPN)
        client = trusting(ours.certificate_path)
        capitals = meet(context, client, "WWW.Example.test")
        small = meet(context, client, "www.example.test")
        assert capitals.asked == "WWW.Example.test"
        assert capitals.certificate == small.certificate

    @pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
    def test_without_a_name_it_is_the_one_for_loopback(self, ours: Authority, address: str) -> None:
        """A client that connects to an address sends no name."""
        met = meet(ours.context(ALPN), trusting(ours.certificate_path), address)
        assert met.asked == ""
        assert met.names == ["localhost", "127.0.0.1", "::1"]

    @pytest.mark.parametrize("address", ["192.0.2.7", "2001:db8::7"])
    def test_an_address_that_is_listened_on(self, ours: Authority, address: str) -> None:
        context = ours.context(ALPN, (address, "bücher.example", "*.wild.test"))
        met = meet(context, trusting(ours.certificate_path), address)
        assert met.names[3:] == [address, "xn--bcher-kva.example", "*.wild.test"]

    @pytest.mark.parametrize("name", ["a b", "*.example.test", "-a", "a-.test", "127.0.0.1:443", "a/b", "a\nb"])
    def test_what_is_no_name_gets_the_usual_certificate(self, ours: Authority, name: str) -> None:
        """Nothing that a stranger writes gets into a certificate."""
        met = meet(ours.context(ALPN), anyone(), name)
        assert met.names[0] == "localhost"
        assert met.asked == name

    @pytest.mark.parametrize("name", ["", "a b", "x" * 64, "ä" * 70, "a..b", "http://a"])
    def test_a_name_of_the_users_that_is_none_is_told(self, ours: Authority, name: str) -> None:
        with pytest.raises(UsageError, match="not a host name or an address"):
            ours.context(ALPN, (name,))

    @pytest.mark.peer("openssl")
    def test_an_address_asked_for_as_a_name(self, ours: Authority, serve: Callable[..., Server]) -> None:
        """RFC 6066 has no addresses in SNI; a client that writes one all the same is meant well."""

        def script(connection: socket.socket) -> None:
            with context.wrap_socket(connection, server_side=True) as wrapped:
                wrapped.sendall(asked_name(wrapped).encode())

        context = ours.context(ALPN)
        to = ["-connect", serve(script).to, "-servername", "192.0.2.9", "-verify_ip", "192.0.2.9"]
        done = subprocess.run(
            ["openssl", "s_client", *to, "-CAfile", ours.certificate_path, "-verify_return_error", "-quiet"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=20,
            check=False,
        )
        assert done.stdout == b"192.0.2.9", done

    def test_a_stranger_is_not_trusted(self, ours: Authority, tmp_path: Path) -> None:
        other = open_authority(str(tmp_path))
        with pytest.raises(ssl.SSLCertVerificationError):
            meet(ours.context(ALPN), trusting(other.certificate_path), "localhost")

    def test_names_without_end_are_not_kept(self, ours: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
        """A hostile client asks for another name each time: what was made for the first ones is let go."""
        monkeypatch.setattr(authority, "_KEPT", 3)
        context = ours.context(ALPN)
        made = [weakref.ref(meet(context, anyone(), f"{n}.example.test").server_context) for n in range(12)]
        assert [reference() is not None for reference in made] == [False] * 9 + [True] * 3

    def test_a_name_asked_for_again_has_the_same_certificate(self, ours: Authority) -> None:
        context = ours.context(ALPN)
        client = trusting(ours.certificate_path)
        assert meet(context, client, "a.test").certificate == meet(context, client, "a.test").certificate

    def test_over_loopback(self, ours: Authority, serve: Callable[..., Server]) -> None:
        def script(connection: socket.socket) -> None:
            with context.wrap_socket(connection, server_side=True) as wrapped:
                wrapped.sendall(asked_name(wrapped).encode())

        context = ours.context(ALPN)
        port = serve(script).port
        with (
            socket.create_connection(("127.0.0.1", port), 20) as sock,
            trusting(ours.certificate_path).wrap_socket(sock, server_hostname="shop.example") as wrapped,
        ):
            assert wrapped.recv(100) == b"shop.example"


class TestSettings:
    """They are the same whether a context is the first one or was swapped in for a name."""

    @pytest.mark.parametrize("name", ["127.0.0.1", "a.test"])
    @pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
    def test_protocols_versions_and_the_key_log(
        self,
        ours: Authority,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        name: str,
        version: ssl.TLSVersion,
    ) -> None:
        log = tmp_path / "keys.log"
        monkeypatch.setenv("SSLKEYLOGFILE", str(log))
        context = ours.context(("http/1.1", "h2"))
        monkeypatch.delenv("SSLKEYLOGFILE")  # so that the client doesn't write there
        client = trusting(ours.certificate_path)
        monkeypatch.setenv("SSLKEYLOGFILE", str(log))
        client.maximum_version = version
        met = meet(context, client, name)
        assert met.alpn == "http/1.1", "the server's order counts"
        assert met.server_context.minimum_version is ssl.TLSVersion.TLSv1_2
        wanted = "CLIENT_RANDOM " if version is ssl.TLSVersion.TLSv1_2 else "SERVER_TRAFFIC_SECRET_0 "
        assert log.read_text().count(f"{wanted}") == 1

    @pytest.mark.parametrize("name", ["127.0.0.1", "a.test"])
    def test_a_cut_is_no_end(self, ours: Authority, name: str) -> None:
        """The client closes without close_notify: that has to reach us."""
        met = meet(ours.context(ALPN), trusting(ours.certificate_path), name)
        assert not met.ended

    @pytest.mark.parametrize("name", ["127.0.0.1", "a.test"])
    def test_no_protocols(self, ours: Authority, name: str) -> None:
        assert meet(ours.context(()), trusting(ours.certificate_path), name).alpn is None

    def test_a_key_log_that_can_not_be_written(
        self, ours: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("SSLKEYLOGFILE", str(tmp_path / "none" / "keys.log"))
        with pytest.raises(UsageError, match=r"keys\.log: No such file"):
            ours.context(ALPN)

    def test_a_certificate_that_can_not_be_made_ends_the_handshake_and_nothing_else(
        self, ours: Authority, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        context = ours.context(ALPN)
        with monkeypatch.context() as patch:
            patch.setattr("tempfile.tempdir", "/dev/null")
            with pytest.raises(ssl.SSLError, match="INTERNAL_ERROR"):
                meet(context, trusting(ours.certificate_path), "a.test")
            with pytest.raises(AuthorityFailed):
                ours.context(ALPN)
        assert meet(context, trusting(ours.certificate_path), "a.test").names == ["a.test"]

    def test_no_key_stays_in_a_file(self, ours: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
        meet(ours.context(ALPN), trusting(ours.certificate_path), "a.test")
        assert list(tmp_path.iterdir()) == []


class TestCertificates:
    def test_the_root(self, ours: Authority) -> None:
        root = x509.load_pem_x509_certificate(Path(ours.certificate_path).read_bytes())
        life = root.not_valid_after_utc - root.not_valid_before_utc
        assert timedelta(days=3650) < life < timedelta(days=3660)
        assert root.subject.rfc4514_string().startswith("CN=httpwire local authority (")
        basic = root.extensions.get_extension_for_class(x509.BasicConstraints)
        usage = root.extensions.get_extension_for_class(x509.KeyUsage)
        assert basic.critical
        assert (basic.value.ca, basic.value.path_length) == (True, 0)
        assert usage.critical
        assert usage.value.key_cert_sign
        assert usage.value.crl_sign
        assert not usage.value.digital_signature

    def test_a_leaf(self, ours: Authority) -> None:
        """397 days are what browsers take; an hour ago, for clocks differ."""
        leaf = meet(ours.context(ALPN), trusting(ours.certificate_path), "a.test").certificate
        now = datetime.now(UTC)
        assert timedelta(minutes=55) < now - leaf.not_valid_before_utc < timedelta(minutes=65)
        assert timedelta(days=396) < leaf.not_valid_after_utc - now <= timedelta(days=397)
        extended = leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
        assert list(extended) == [ExtendedKeyUsageOID.SERVER_AUTH]
        assert not leaf.extensions.get_extension_for_class(x509.BasicConstraints).value.ca

    def test_a_leaf_does_not_outlive_its_root(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(authority, "_AUTHORITY_LIFE", timedelta(days=30))
        ours = open_authority(str(tmp_path))
        leaf = meet(ours.context(ALPN), trusting(ours.certificate_path), "a.test").certificate
        assert leaf.not_valid_after_utc - datetime.now(UTC) <= timedelta(days=30)

    def test_no_two_have_the_same_number(self, ours: Authority, tmp_path: Path) -> None:
        paths = [ours.certificate_path, open_authority(str(tmp_path)).certificate_path]
        numbers = {x509.load_pem_x509_certificate(Path(path).read_bytes()).serial_number for path in paths}
        assert len(numbers) == 2

    @pytest.mark.parametrize("who", ["a" * 300, "Jürgen", "\udcff"])
    def test_of_a_user_with_any_name(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, who: str) -> None:
        monkeypatch.setattr("getpass.getuser", lambda: who)
        assert open_authority(str(tmp_path)).created

    @pytest.mark.peer("openssl")
    @pytest.mark.parametrize("names", [("a.test",), ("localhost", "127.0.0.1", "::1"), (".".join(["x" * 60] * 4),)])
    def test_openssl_finds_nothing_wrong(self, ours: Authority, tmp_path: Path, names: tuple[str, ...]) -> None:
        (tmp_path / "leaf.pem").write_bytes(ours._leaf(names))
        command = ["openssl", "verify", "-x509_strict", "-purpose", "sslserver", "-verify_hostname", names[0]]
        done = subprocess.run(
            [*command, "-CAfile", ours.certificate_path, str(tmp_path / "leaf.pem")],
            capture_output=True,
            text=True,
            timeout=20,
            check=False,
        )
        assert done.returncode == 0, done
        assert done.stdout.endswith(": OK\n")


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


class TestFiles:
    def test_it_is_made_once(self, tmp_path: Path) -> None:
        folder = tmp_path / "new" / "httpwire"
        first = open_authority(str(folder))
        before = {path.name: path.read_bytes() for path in folder.iterdir()}
        second = open_authority(str(folder))
        assert (first.created, second.created) == (True, False)
        assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
        assert sorted(before) == ["authority.key", "authority.pem"]
        assert b"PRIVATE" not in before["authority.pem"]
        meet(second.context(ALPN), trusting(first.certificate_path), "a.test")

    @pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
    def test_the_key_is_its_owners_alone_from_its_first_moment(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, umask: int
    ) -> None:
        """Even where the user lets everybody read everything: looked at before an octet is in it."""
        opened: list[int] = []
        real = os.open

        def look(path: str, flags: int, permissions: int = 0o777) -> int:
            fd = real(path, flags, permissions)
            if flags & os.O_CREAT:
                opened.append(stat.S_IMODE(os.fstat(fd).st_mode))
            return fd

        before = os.umask(umask)
        try:
            monkeypatch.setattr(os, "open", look)
            open_authority(str(tmp_path / "new")).context(ALPN)
        finally:
            monkeypatch.undo()
            os.umask(before)
        assert set(opened) == {0o600}
        assert mode(tmp_path / "new") == 0o700
        assert mode(tmp_path / "new" / "authority.key") == 0o600
        assert mode(tmp_path / "new" / "authority.pem") == 0o644

    @pytest.mark.parametrize("turn", range(3))
    def test_processes_that_make_it_at_the_same_time_have_one(self, tmp_path: Path, turn: int) -> None:
        folder = tmp_path / f"new-{turn}" / "httpwire"
        racers = [
            subprocess.Popen(
                [sys.executable, "-c", MAKE, str(folder)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
            )
            for _ in range(6)
        ]
        said = [racer.communicate(timeout=60) for racer in racers]
        assert sorted(out for out, _ in said) == ["False\n"] * 5 + ["True\n"], said
        assert sorted(path.name for path in folder.iterdir()) == ["authority.key", "authority.pem"]
        ours = open_authority(str(folder))
        meet(ours.context(ALPN), trusting(ours.certificate_path), "a.test")

    def test_threads_that_make_it_at_the_same_time_have_one(self, tmp_path: Path) -> None:
        made: list[Authority] = []
        together = threading.Barrier(8)

        def race() -> None:
            together.wait(20)
            made.append(open_authority(str(tmp_path / "new")))

        threads = [threading.Thread(target=race) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)
        assert sorted(ours.created for ours in made) == [False] * 7 + [True]
        assert len({ours._certificate.serial_number for ours in made}) == 1

    def test_one_that_was_stopped_half_way_is_finished(self, tmp_path: Path) -> None:
        """The key comes first, and the certificate is in it: nothing is lost, and nobody trusted anything yet."""
        first = open_authority(str(tmp_path))
        octets = Path(first.certificate_path).read_bytes()
        Path(first.certificate_path).unlink()
        assert not open_authority(str(tmp_path)).created
        assert Path(first.certificate_path).read_bytes() == octets

    def test_where_it_is_kept(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sys, "platform", "linux")
        monkeypatch.setenv("HOME", "/home/me")
        monkeypatch.delenv("XDG_DATA_HOME", raising=False)
        assert data_folder() == "/home/me/.local/share/httpwire"
        monkeypatch.setenv("XDG_DATA_HOME", "relative")
        assert data_folder() == "/home/me/.local/share/httpwire"
        monkeypatch.setattr(sys, "platform", "darwin")
        assert data_folder() == "/home/me/Library/Application Support/httpwire"
        monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
        assert data_folder() == f"{tmp_path}/httpwire"
        assert open_authority().certificate_path == f"{tmp_path}/httpwire/authority.pem"


class TestRefusals:
    """What can't be used is told with its file, why, and what to try; and it is never replaced."""

    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        open_authority(str(tmp_path / "authority"))
        return tmp_path / "authority"

    def refused(self, folder: Path) -> AuthorityFailed:
        before = {path: path.read_bytes() for path in folder.iterdir() if path.is_file()}
        with pytest.raises(AuthorityFailed) as caught:
            open_authority(str(folder))
        assert {path: path.read_bytes() for path in folder.iterdir() if path.is_file()} == before
        return caught.value

    @pytest.mark.parametrize("name", ["authority.key", "authority.pem"])
    @pytest.mark.parametrize("octets", [b"", b"nonsense", None], ids=["empty", "nonsense", "half"])
    def test_damaged(self, folder: Path, name: str, octets: bytes | None) -> None:
        path = folder / name
        whole = path.read_bytes()
        path.write_bytes(whole[: len(whole) // 2] if octets is None else octets)
        error = self.refused(folder)
        assert str(error) == f"can't use the local certificate authority {path}: it is damaged"
        assert error.advice(Translator()).startswith(f"delete {folder}/authority.*: ")

    @pytest.mark.parametrize("kind", ["rsa", "password", "other-curve"])
    def test_a_key_that_is_not_of_ours(self, folder: Path, kind: str) -> None:
        key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey = ec.generate_private_key(ec.SECP384R1())
        if kind == "rsa":
            key = rsa.generate_private_key(65537, 2048)
        secret = (
            serialization.BestAvailableEncryption(b"secret") if kind == "password" else serialization.NoEncryption()
        )
        pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, secret)
        (folder / "authority.key").write_bytes(pem + (folder / "authority.pem").read_bytes())
        error = self.refused(folder)
        assert str(error.facts["why"]) in ("it is damaged", "the key and the certificate in it don't belong together")

    def test_a_key_and_a_certificate_of_two(self, folder: Path, tmp_path: Path) -> None:
        other = Path(open_authority(str(tmp_path / "other")).certificate_path)
        (folder / "authority.pem").write_bytes(other.read_bytes())
        error = self.refused(folder)
        assert str(error).endswith("authority.pem: the key beside it belongs to another certificate")

    def test_a_certificate_without_its_key(self, folder: Path) -> None:
        """A new key would not fit what people trust."""
        (folder / "authority.key").unlink()
        error = self.refused(folder)
        assert str(error).endswith("authority.key: it is missing, while its certificate is there")

    @pytest.mark.parametrize("permissions", [0o604, 0o640, 0o620, 0o644])
    def test_a_key_that_others_can_reach(self, folder: Path, permissions: int) -> None:
        path = folder / "authority.key"
        path.chmod(permissions)
        error = self.refused(folder)
        assert str(error).endswith("authority.key: others can read this key")
        assert error.advice(Translator()) == f"keep it to yourself: chmod 600 {path}"
        subprocess.run(error.advice(Translator()).partition(": ")[2], shell=True, check=True, timeout=20)
        assert not open_authority(str(folder)).created

    @pytest.mark.parametrize("name", ["authority.key", "authority.pem"])
    def test_a_folder_in_its_place(self, folder: Path, name: str) -> None:
        (folder / name).unlink()
        (folder / name).mkdir(mode=0o700)
        assert str(self.refused(folder)).endswith(f"{name}: Is a directory")

    @pytest.mark.parametrize("name", ["authority.key", "authority.pem"])
    def test_a_file_that_may_not_be_read(self, ordinary: Path, name: str) -> None:
        open_authority(str(ordinary))
        (ordinary / name).chmod(0)
        with pytest.raises(AuthorityFailed, match=rf"{name}: Permission denied"):
            open_authority(str(ordinary))

    def test_one_that_has_expired(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(authority, "_AUTHORITY_LIFE", timedelta(minutes=-1))
        for _ in range(2):
            with pytest.raises(AuthorityFailed, match=r"authority\.pem: certificate has expired") as caught:
                open_authority(str(tmp_path))
        assert "made anew" in caught.value.advice(Translator())

    def test_a_folder_that_can_not_be_made(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_bytes(b"")
        for folder, why in ((tmp_path / "file", "File exists"), (tmp_path / "file" / "below", "Not a directory")):
            with pytest.raises(AuthorityFailed) as caught:
                open_authority(str(folder))
            assert str(caught.value) == f"can't use the local certificate authority {folder}: {why}"
            assert "XDG_DATA_HOME" in caught.value.advice(Translator())

    @pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="wants a folder in which even root can't write")
    def test_a_folder_that_can_not_be_written(self) -> None:
        with pytest.raises(AuthorityFailed, match="authority /proc/self: "):
            open_authority("/proc/self")

    @pytest.mark.parametrize("home", [None, "", "relative"])
    def test_no_home(self, monkeypatch: pytest.MonkeyPatch, home: str | None) -> None:
        monkeypatch.delenv("XDG_DATA_HOME", raising=False)
        monkeypatch.delenv("HOME")
        if home is not None:
            monkeypatch.setenv("HOME", home)
        with pytest.raises(AuthorityFailed, match="there is no home folder"):
            open_authority()


class TestOwnCertificate:
    """--cert and --key: whatever name is asked for, it is this one; the name is known all the same."""

    @pytest.fixture
    def pair(self, ours: Authority, tmp_path: Path) -> Path:
        path = tmp_path / "own.pem"
        path.write_bytes(ours._leaf(("own.test",)))
        return path

    def test_in_one_file(self, ours: Authority, pair: Path) -> None:
        met = meet(own_context(str(pair), "", ALPN), trusting(ours.certificate_path), "own.test")
        assert (met.names, met.asked, met.alpn) == (["own.test"], "own.test", "http/1.1")

    def test_in_two(self, pair: Path, tmp_path: Path) -> None:
        octets = pair.read_bytes()
        cut = octets.index(b"-----BEGIN CERTIFICATE")
        (tmp_path / "cert.pem").write_bytes(octets[cut:])
        (tmp_path / "key.pem").write_bytes(octets[:cut])
        context = own_context(f"{tmp_path}/cert.pem", f"{tmp_path}/key.pem", ALPN)
        met = meet(context, anyone(), "other.test")
        assert (met.names, met.asked) == (["own.test"], "other.test")
        with pytest.raises(UsageError, match=r"can't use the TLS file .*cert\.pem: "):
            own_context(f"{tmp_path}/cert.pem", "", ALPN)
        other = tmp_path / "other.pem"
        other.write_bytes(open_authority(f"{tmp_path}/another")._leaf(("other.test",)))
        with pytest.raises(UsageError, match=r"cert\.pem, .*other\.pem: key values mismatch"):
            own_context(f"{tmp_path}/cert.pem", str(other), ALPN)

    def test_that_is_not_there(self, pair: Path, tmp_path: Path) -> None:
        with pytest.raises(UsageError, match=r"the TLS file none\.pem: No such file"):
            own_context("none.pem", "", ALPN)
        with pytest.raises(UsageError, match=r"the TLS file .*/none\.key: No such file"):
            own_context(str(pair), f"{tmp_path}/none.key", ALPN)

    def test_with_a_password_is_told_and_never_asked_for(self, ours: Authority, tmp_path: Path) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        secret = serialization.BestAvailableEncryption(b"secret")
        pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, secret)
        (tmp_path / "key.pem").write_bytes(pem)
        with pytest.raises(UsageError, match="protected by a password"):
            own_context(ours.certificate_path, f"{tmp_path}/key.pem", ALPN)


class TestAdvice:
    def test_each_command_names_the_file_as_a_shell_takes_it(self) -> None:
        path = "/home/a b/it's/authority.pem"
        advice = trust_advice(path)
        assert [label.split(",")[0] for label, _ in advice] == [
            "curl",
            "Chrome and Chromium on Linux",
            "macOS",
            "Firefox",
        ]
        assert {shlex.split(command)[-1] for _, command in advice} == {path}

    @pytest.mark.peer("certutil")
    @pytest.mark.parametrize(
        ("there", "used"),
        [
            ((), ".pki/nssdb"),
            ((".pki/nssdb",), ".pki/nssdb"),
            ((".local/share/pki/nssdb",), ".local/share/pki/nssdb"),
            ((".pki/nssdb", ".local/share/pki/nssdb"), ".pki/nssdb"),
        ],
        ids=["neither", "older", "newer", "both"],
    )
    def test_chrome_s_own_store_is_used_and_none_is_made_beside_it(
        self, ours: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, there: tuple[str, ...], used: str
    ) -> None:
        home = tmp_path / "a home"
        monkeypatch.setenv("HOME", str(home))
        for store in there:
            (home / store).mkdir(parents=True)
        command = dict(trust_advice(ours.certificate_path))["Chrome and Chromium on Linux"]
        subprocess.run(command, shell=True, check=True, timeout=20)
        assert {str(path.relative_to(home)) for path in home.rglob("nssdb")} == {*there, used}
        listing = ["certutil", "-d", f"sql:{home / used}", "-L", "-n", "httpwire"]
        assert subprocess.run(listing, check=False, capture_output=True, timeout=20).returncode == 0

    @pytest.mark.peer("curl")
    def test_curl_trusts_it_then(self, ours: Authority, serve: Callable[..., Server]) -> None:
        def script(connection: socket.socket) -> None:
            with context.wrap_socket(connection, server_side=True) as wrapped:
                wrapped.recv(65536)
                wrapped.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")

        context = ours.context(ALPN)
        port = serve(script).port
        command = shlex.split(dict(trust_advice(ours.certificate_path))["curl"])
        resolve = ["--noproxy", "*", "--resolve", f"shop.example:{port}:127.0.0.1"]
        for host in ("localhost", "127.0.0.1", "shop.example"):
            done = subprocess.run(
                [*command, "-sS", *resolve, f"https://{host}:{port}/"], capture_output=True, timeout=20, check=False
            )
            assert done.stdout == b"hello", done
