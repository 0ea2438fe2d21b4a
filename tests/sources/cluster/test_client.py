"""The client of a kubeconfig's context: its URL, its headers, and its way through proxies."""

import base64
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
import trustme

from ringfence.errors import LiveClusterError
from ringfence.sources.cluster.client import connect
from ringfence.sources.cluster.responses import get_page

from .fake_api_server import FakeApiServer, list_of, refuse
from .fake_api_server import serving as serving_http
from .tls_server import HttpProxy, SocksProxy, TlsServer, proxying, selected, server_settings, serving


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def tls_server(authority: trustme.CA) -> Iterator[TlsServer]:
    with serving(server_settings(authority, "127.0.0.1", "localhost")) as server:
        yield server


@pytest.fixture
def server() -> Iterator[FakeApiServer]:
    with serving_http(list_of(), list_of()) as server:
        yield server


def ask(url: str, user: Mapping[str, object] | None = None, **cluster: object) -> None:
    with connect(selected(url, None, user, **cluster)) as client:
        get_page(client, "/api/v1/pods", {})


class TestTheUrl:
    def test_a_path_in_front_of_the_api_is_kept(self, server: FakeApiServer) -> None:
        ask(f"{server.url}/k8s/clusters/c-1")
        assert server.asked[0].path == "/k8s/clusters/c-1/api/v1/pods"

    def test_host_and_port_alone_are_http(self, server: FakeApiServer) -> None:
        ask(server.url.removeprefix("http://"))
        assert len(server.asked) == 1

    def test_host_and_port_alone_are_https_if_the_kubeconfig_sets_tls(
        self, tls_server: TlsServer, authority: trustme.CA
    ) -> None:
        with connect(selected(tls_server.url.removeprefix("https://"), authority)) as client:
            get_page(client, "/api/v1/pods", {})

    def test_another_scheme_is_refused(self) -> None:
        with pytest.raises(LiveClusterError, match="'ftp://c' is not an HTTP or HTTPS URL"):
            ask("ftp://c")


class TestAuthentication:
    @pytest.mark.parametrize(
        ("user", "header"),
        [
            pytest.param({"token": "secret"}, "Bearer secret", id="a token"),
            pytest.param({"username": "jane", "password": "pä:ss"}, "Basic amFuZTpww6Q6c3M=", id="a password"),
            pytest.param({"username": "jane"}, "Basic amFuZTo=", id="a user without a password"),
            pytest.param({}, None, id="nothing"),
        ],
    )
    def test_of_every_kind(self, server: FakeApiServer, user: dict[str, object], header: str | None) -> None:
        ask(server.url, user)
        assert server.asked[0].headers.get("Authorization") == header

    def test_a_token_file_takes_precedence_over_a_token(self, server: FakeApiServer, tmp_path: Path) -> None:
        (tmp_path / "token").write_text("  from the-file\n")
        ask(server.url, {"token": "other", "tokenFile": str(tmp_path / "token")})
        assert server.asked[0].headers["Authorization"] == "Bearer from the-file"

    def test_a_token_is_used_if_its_file_cannot_be_read(self, server: FakeApiServer, tmp_path: Path) -> None:
        ask(server.url, {"token": "other", "tokenFile": str(tmp_path / "missing")})
        assert server.asked[0].headers["Authorization"] == "Bearer other"

    @pytest.mark.parametrize(
        ("content", "reason"),
        [
            (None, "No such file or directory"),
            (b"\xff", "can't decode byte"),
            (b"a\nb", "characters that an HTTP header cannot hold"),
        ],
    )
    def test_a_token_file_that_cannot_be_used_is_named(
        self, server: FakeApiServer, tmp_path: Path, content: bytes | None, reason: str
    ) -> None:
        if content is not None:
            (tmp_path / "token").write_bytes(content)
        with pytest.raises(LiveClusterError, match=f"the tokenFile .*/token cannot be used: .*{reason}"):
            ask(server.url, {"tokenFile": str(tmp_path / "token")})

    def test_a_token_that_no_header_can_hold_is_refused(self) -> None:
        with pytest.raises(LiveClusterError, match=r"cannot be used: the token contains characters"):
            ask("http://c", {"token": "a\r\nX-Other: b"})

    def test_a_refused_request_is_not_repeated_endlessly(self, tmp_path: Path) -> None:
        (tmp_path / "token").write_text("old")
        with serving_http(*[refuse(401, "no")] * 5) as server:
            with pytest.raises(Exception, match="no"):
                ask(server.url, {"tokenFile": str(tmp_path / "token")})
            assert len(server.asked) == 2

    def test_the_environment_does_not_change_it(
        self, server: FakeApiServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / ".netrc").write_text("machine 127.0.0.1 login jane password secret\n")
        monkeypatch.setenv("HOME", str(tmp_path))
        monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
        ask(server.url)
        assert "Authorization" not in server.asked[0].headers


class TestHeaders:
    def test_another_user_is_impersonated(self, tls_server: TlsServer, authority: trustme.CA) -> None:
        user = {
            "as": "jäne",
            "as-uid": "7",
            "as-groups": ["dev", "ops"],
            "as-user-extra": {"example.com/reason%": ["a", "b"]},
        }
        with connect(selected(tls_server.url, authority, user)) as client:
            get_page(client, "/api/v1/pods", {})
        sent = [(name, value) for name, value in tls_server.headers[-1] if name.lower().startswith("impersonate")]
        assert [(name.lower(), value.encode("latin-1").decode()) for name, value in sent] == [
            ("impersonate-user", "jäne"),
            ("impersonate-uid", "7"),
            ("impersonate-group", "dev"),
            ("impersonate-group", "ops"),
            ("impersonate-extra-example.com%2freason%25", "a"),
            ("impersonate-extra-example.com%2freason%25", "b"),
        ]

    def test_no_user_is_impersonated_unless_the_kubeconfig_says_so(self, server: FakeApiServer) -> None:
        ask(server.url, {"token": "x"})
        assert not [name for name in server.asked[0].headers if name.lower().startswith("impersonate")]

    def test_compression_can_be_disabled(self, server: FakeApiServer) -> None:
        ask(server.url)
        ask(server.url, disable_compression=True)
        assert "gzip" in server.asked[0].headers["Accept-Encoding"]
        assert server.asked[1].headers["Accept-Encoding"] == "identity"


class TestProxies:
    @staticmethod
    def ask(server: TlsServer, authority: trustme.CA, **cluster: object) -> None:
        with connect(selected(server.url, authority, None, **cluster)) as client:
            get_page(client, "/api/v1/pods", {})

    @staticmethod
    def target(server: TlsServer) -> str:
        return server.url.removeprefix("https://")

    def test_an_http_proxy(self, tls_server: TlsServer, authority: trustme.CA) -> None:
        with proxying(HttpProxy) as (proxy, targets):
            self.ask(tls_server, authority, proxy_url=f"http://{proxy}")
        assert targets == [self.target(tls_server)]

    def test_an_https_proxy_that_the_clusters_authority_has_certified(
        self, tls_server: TlsServer, authority: trustme.CA
    ) -> None:
        with proxying(HttpProxy, server_settings(authority, "127.0.0.1")) as (proxy, targets):
            self.ask(tls_server, authority, proxy_url=f"https://{proxy}")
        assert targets == [self.target(tls_server)]

    def test_an_https_proxy_that_a_public_authority_has_certified(
        self, tls_server: TlsServer, authority: trustme.CA, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        public = trustme.CA()
        public.cert_pem.write_to_path(tmp_path / "public.crt")
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "public.crt"))
        with proxying(HttpProxy, server_settings(public, "127.0.0.1")) as (proxy, targets):
            self.ask(tls_server, authority, proxy_url=f"https://{proxy}")
        assert targets == [self.target(tls_server)]

    def test_an_https_proxy_with_an_unknown_certificate_is_refused(
        self, tls_server: TlsServer, authority: trustme.CA
    ) -> None:
        with proxying(HttpProxy, server_settings(trustme.CA(), "127.0.0.1")) as (proxy, targets):
            with pytest.raises(LiveClusterError, match="certificate verify failed"):
                self.ask(tls_server, authority, proxy_url=f"https://{proxy}")
            assert targets == []

    def test_a_socks_proxy(self, tls_server: TlsServer, authority: trustme.CA) -> None:
        with proxying(SocksProxy) as (proxy, targets):
            self.ask(tls_server, authority, proxy_url=f"socks5://{proxy}")
        assert targets == [self.target(tls_server)]

    def test_the_proxy_of_the_environment(self, authority: trustme.CA, monkeypatch: pytest.MonkeyPatch) -> None:
        """It resolves the name: the machine itself may not be able to."""
        with proxying(HttpProxy) as (proxy, targets):
            monkeypatch.setenv("HTTPS_PROXY", f"http://{proxy}")
            with pytest.raises(LiveClusterError, match="cannot be reached"):
                ask("https://api.invalid:6443")
        assert targets == ["api.invalid:6443"]

    def test_the_environments_exceptions(
        self, tls_server: TlsServer, authority: trustme.CA, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
        monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1")
        self.ask(tls_server, authority)

    def test_a_proxy_that_cannot_be_used_is_named(self) -> None:
        with pytest.raises(LiveClusterError, match=r'context "here" cannot be used: .* unsupported scheme'):
            ask("https://c", proxy_url="ftp://p")


def test_secrets_are_not_in_messages() -> None:
    key = base64.b64encode(b"-----BEGIN PRIVATE KEY-----\nsecret\n").decode()
    with pytest.raises(LiveClusterError) as error:
        ask("https://c", {"client-certificate-data": key, "client-key-data": key})
    assert "secret" not in str(error.value)
