"""TLS to real servers: the certificates that a client trusts, and those that it presents."""

import base64
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
import trustme
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, load_pem_private_key

from ringfence.errors import LiveClusterError
from ringfence.sources.cluster.client import connect
from ringfence.sources.cluster.responses import get_page

from .tls_server import NAME, HttpProxy, TlsServer, proxying, selected, server_settings, serving

REFUSED = "cannot be reached: .*certificate verify failed"


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def server(authority: trustme.CA) -> Iterator[TlsServer]:
    """A server at 127.0.0.1 whose certificate is for that address."""
    with serving(server_settings(authority, "127.0.0.1")) as server:
        yield server


@pytest.fixture(scope="module")
def named_server(authority: trustme.CA) -> Iterator[TlsServer]:
    """A server at 127.0.0.1 whose certificate is for another name."""
    with serving(server_settings(authority, NAME)) as server:
        yield server


@pytest.fixture(scope="module")
def certificate(authority: trustme.CA) -> trustme.LeafCert:
    """The client certificate of the user jane."""
    return authority.issue_cert("jane@example.com", common_name="jane")


def ask(
    server: TlsServer, authority: trustme.CA | None, user: Mapping[str, object] | None = None, **cluster: object
) -> None:
    with connect(selected(server.url, authority, user, **cluster)) as client:
        get_page(client, "/api/v1/pods", {})


def encoded(blob: trustme.Blob) -> str:
    return base64.b64encode(blob.bytes()).decode()


class TestTheServer:
    def test_its_authority_is_trusted(self, server: TlsServer, authority: trustme.CA) -> None:
        ask(server, authority)

    def test_its_authority_may_be_in_a_file(self, server: TlsServer, authority: trustme.CA, tmp_path: Path) -> None:
        authority.cert_pem.write_to_path(tmp_path / "ca.crt")
        ask(server, None, certificate_authority=str(tmp_path / "ca.crt"))

    def test_data_take_precedence_over_a_file(self, server: TlsServer, authority: trustme.CA, tmp_path: Path) -> None:
        trustme.CA().cert_pem.write_to_path(tmp_path / "ca.crt")
        ask(server, authority, certificate_authority=str(tmp_path / "ca.crt"))

    def test_text_between_certificates_is_ignored(self, server: TlsServer, authority: trustme.CA) -> None:
        text = "# Zertifizierungsstelle für Prüfungen\n".encode() + authority.cert_pem.bytes()
        ask(server, None, certificate_authority_data=base64.b64encode(text).decode())

    def test_another_authority_is_not(self, server: TlsServer) -> None:
        with pytest.raises(LiveClusterError, match=REFUSED):
            ask(server, trustme.CA())

    def test_the_systems_authorities_are_trusted_if_it_names_none(
        self, server: TlsServer, authority: trustme.CA, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with pytest.raises(LiveClusterError, match=REFUSED):
            ask(server, None)
        authority.cert_pem.write_to_path(tmp_path / "ca.crt")
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.crt"))
        ask(server, None)

    def test_any_is_trusted_if_the_kubeconfig_says_so(self, server: TlsServer, named_server: TlsServer) -> None:
        ask(server, None, insecure_skip_tls_verify=True)
        ask(named_server, None, insecure_skip_tls_verify=True)

    def test_an_intermediate_authority_can_be_the_one_that_is_trusted(self) -> None:
        """As for Go; OpenSSL alone demands the root."""
        intermediate = trustme.CA().create_child_ca()
        with serving(server_settings(intermediate, "127.0.0.1")) as server:
            ask(server, intermediate)


class TestServerName:
    """`tls-server-name`: the name that the certificate must have, instead of that in the URL."""

    def test_without_it_the_certificate_must_be_for_the_urls_host(
        self, named_server: TlsServer, authority: trustme.CA
    ) -> None:
        with pytest.raises(LiveClusterError, match="IP address mismatch"):
            ask(named_server, authority)

    def test_with_it_the_certificate_must_be_for_this_name(
        self, named_server: TlsServer, authority: trustme.CA
    ) -> None:
        ask(named_server, authority, tls_server_name=NAME)
        assert named_server.server_names[-1] == NAME, "the server is asked for the certificate of this name (SNI)"

    def test_a_certificate_for_another_name_is_refused(self, server: TlsServer, authority: trustme.CA) -> None:
        with pytest.raises(LiveClusterError, match="Hostname mismatch"):
            ask(server, authority, tls_server_name=NAME)

    def test_it_holds_behind_a_proxy(self, named_server: TlsServer, authority: trustme.CA) -> None:
        with proxying(HttpProxy) as (proxy, targets):
            ask(named_server, authority, tls_server_name=NAME, proxy_url=f"http://{proxy}")
        assert targets == [named_server.url.removeprefix("https://")]

    def test_it_holds_for_watches(self, named_server: TlsServer, authority: trustme.CA) -> None:
        context = selected(named_server.url, authority, tls_server_name=NAME)
        with connect(context) as client, client.stream("GET", "/api/v1/pods") as response:
            assert response.is_success


class TestTheClient:
    def test_it_presents_the_certificate_of_its_user(
        self, server: TlsServer, authority: trustme.CA, certificate: trustme.LeafCert
    ) -> None:
        user = {
            "client-certificate-data": encoded(certificate.cert_chain_pems[0]),
            "client-key-data": encoded(certificate.private_key_pem),
        }
        ask(server, authority, user)
        assert server.clients[-1] == "jane"

    def test_the_certificate_may_be_in_a_file_and_its_key_in_data(
        self, server: TlsServer, authority: trustme.CA, certificate: trustme.LeafCert, tmp_path: Path
    ) -> None:
        certificate.cert_chain_pems[0].write_to_path(tmp_path / "jane.crt")
        key = encoded(certificate.private_key_pem)
        ask(server, authority, {"client-certificate": str(tmp_path / "jane.crt"), "client-key-data": key})
        assert server.clients[-1] == "jane"

    def test_without_one_it_presents_none(self, server: TlsServer, authority: trustme.CA) -> None:
        ask(server, authority)
        assert server.clients[-1] == ""

    def test_a_key_of_another_certificate_is_refused(
        self, server: TlsServer, authority: trustme.CA, certificate: trustme.LeafCert
    ) -> None:
        other = authority.issue_cert("john@example.com")
        user = {
            "client-certificate-data": encoded(certificate.cert_chain_pems[0]),
            "client-key-data": encoded(other.private_key_pem),
        }
        with pytest.raises(LiveClusterError, match=r'context "here" cannot be used: .*(?i:key values mismatch)'):
            ask(server, authority, user)

    def test_an_encrypted_key_is_refused_without_a_question(
        self, server: TlsServer, authority: trustme.CA, certificate: trustme.LeafCert
    ) -> None:
        key = load_pem_private_key(certificate.private_key_pem.bytes(), None)
        encrypted = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, BestAvailableEncryption(b"secret")
        )
        user = {
            "client-certificate-data": encoded(certificate.cert_chain_pems[0]),
            "client-key-data": base64.b64encode(encrypted).decode(),
        }
        with pytest.raises(LiveClusterError, match='context "here" cannot be used: '):
            ask(server, authority, user)
