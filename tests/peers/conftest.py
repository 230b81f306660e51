"""Private servers on free ports, one of each kind a test run (and a worker), and the tap between us and them."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
import trustme

from peers.site import Certificates, Site, TlsSite, apache_site, free_port, nginx_site
from peers.tap import Tap, tap_on


@pytest.fixture(scope="session")
def apache_server() -> Iterator[Site]:
    with apache_site() as site:
        yield site


@pytest.fixture(scope="session")
def nginx_server() -> Iterator[Site]:
    with nginx_site() as site:
        yield site


@pytest.fixture(
    params=[
        pytest.param("apache_server", marks=pytest.mark.peer("apache2"), id="apache"),
        pytest.param("nginx_server", marks=pytest.mark.peer("nginx"), id="nginx"),
    ]
)
def site(request: pytest.FixtureRequest) -> Site:
    """Each of the two servers in turn."""
    found = request.getfixturevalue(request.param)
    assert isinstance(found, Site)
    return found


@pytest.fixture
def tapped() -> Iterator[Callable[[Site], Tap]]:
    """A tap before a server: send to `tap.to`, and read in `tap` what was on the wire."""
    with ExitStack() as stack:

        def start(site: Site) -> Tap:
            listener = socket.create_server(("127.0.0.1", 0))
            return stack.enter_context(tap_on(listener, site.port))

        yield start


@pytest.fixture
def dead_port() -> Iterator[int]:
    """A port of 127.0.0.1 where nobody listens, and nobody will: it is taken."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield bound.getsockname()[1]


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """An authority of our own, and what it signed."""
    folder = tmp_path_factory.mktemp("certificates")
    authority = trustme.CA()
    authority.cert_pem.write_to_path(folder / "authority.pem")
    trustme.CA().cert_pem.write_to_path(folder / "stranger.pem")
    for name, identities in {"server": ("localhost", "127.0.0.1"), "other": ("other.test",)}.items():
        authority.issue_cert(*identities).private_key_and_cert_chain_pem.write_to_path(folder / f"{name}.pem")
    client = authority.issue_cert("client@example.test")
    client.private_key_pem.write_to_path(folder / "client.key")
    client.cert_chain_pems[0].write_to_path(folder / "client.crt")
    return Certificates(
        folder / "authority.pem",
        folder / "server.pem",
        folder / "other.pem",
        folder / "client.crt",
        folder / "client.key",
        folder / "stranger.pem",
    )


_APACHE_TLS = """
Listen 127.0.0.1:{port} https
<VirtualHost 127.0.0.1:{port}>
  SSLEngine on
  SSLCertificateFile "{certificate}"
  {more}
</VirtualHost>
"""
_APACHE_WANTS = 'SSLVerifyClient require\n  SSLCACertificateFile "{authority}"'
_NGINX_TLS = """
server {{
    listen 127.0.0.1:{port} ssl;
    ssl_certificate "{certificate}";
    ssl_certificate_key "{certificate}";
    root htdocs;
    {more}
}}
"""
_NGINX_WANTS = 'ssl_verify_client on; ssl_client_certificate "{authority}";'


@pytest.fixture(scope="session")
def tls_apache(certificates: Certificates) -> Iterator[TlsSite]:
    ports, extra = _tls(_APACHE_TLS, _APACHE_WANTS, certificates)
    with apache_site(extra) as site:
        yield TlsSite(site, *ports)


@pytest.fixture(scope="session")
def tls_nginx(certificates: Certificates) -> Iterator[TlsSite]:
    ports, extra = _tls(_NGINX_TLS, _NGINX_WANTS, certificates)
    with nginx_site(extra) as site:
        yield TlsSite(site, *ports)


def _tls(server: str, wants: str, certificates: Certificates) -> tuple[list[int], Callable[[], str]]:
    """The ports and the configuration of three TLS servers; both are new each time the configuration is asked for."""
    ports: list[int] = []

    def extra() -> str:
        ports[:] = free_port(), free_port(), free_port()
        usual, other, wanting = ports
        return "".join(
            (
                server.format(port=usual, certificate=certificates.server, more=""),
                server.format(port=other, certificate=certificates.other, more=""),
                server.format(
                    port=wanting,
                    certificate=certificates.server,
                    more=wants.format(authority=certificates.authority),
                ),
            )
        )

    return ports, extra


@pytest.fixture(
    params=[
        pytest.param("tls_apache", marks=pytest.mark.peer("apache2"), id="apache"),
        pytest.param("tls_nginx", marks=pytest.mark.peer("nginx"), id="nginx"),
    ]
)
def tls_site(request: pytest.FixtureRequest) -> TlsSite:
    """Each of the two servers in turn, with TLS."""
    found = request.getfixturevalue(request.param)
    assert isinstance(found, TlsSite)
    return found
