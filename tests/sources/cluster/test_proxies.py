"""Which proxy kubectl would use (`golang.org/x/net/http/httpproxy`)."""

import pytest

from ringfence.sources.cluster.proxies import ProxyError, proxy_for

SERVER = "https://api.example.com:6443"


def environment(no_proxy: str = "", **variables: str) -> dict[str, str]:
    return {"HTTPS_PROXY": "http://proxy:3128", "NO_PROXY": no_proxy, **variables}


def test_without_any_setting_requests_go_directly() -> None:
    assert proxy_for(SERVER, "", {}) is None


def test_the_clusters_own_proxy_takes_precedence() -> None:
    assert proxy_for(SERVER, "socks5://mine:1080", environment("*")) == "socks5://mine:1080"


@pytest.mark.parametrize(
    ("server", "variables", "proxy"),
    [
        (SERVER, {"HTTPS_PROXY": "http://a"}, "http://a"),
        (SERVER, {"https_proxy": "http://a"}, "http://a"),
        (SERVER, {"HTTPS_PROXY": "http://a", "https_proxy": "http://b"}, "http://a"),
        (SERVER, {"HTTPS_PROXY": "", "https_proxy": "http://b"}, "http://b"),
        (SERVER, {"HTTPS_PROXY": "proxy:3128"}, "http://proxy:3128"),
        (SERVER, {"HTTP_PROXY": "http://a"}, None),
        (SERVER, {"ALL_PROXY": "http://a"}, None),
        ("http://api:8080", {"HTTP_PROXY": "http://a"}, "http://a"),
        ("http://api:8080", {"HTTPS_PROXY": "http://a"}, None),
        ("http://api:8080", {"HTTP_PROXY": "http://a", "REQUEST_METHOD": "GET"}, None),
    ],
)
def test_the_environment_has_a_proxy_for_each_scheme(server: str, variables: dict[str, str], proxy: str | None) -> None:
    assert proxy_for(server, "", variables) == proxy


@pytest.mark.parametrize(
    ("server", "no_proxy", "direct"),
    [
        ("https://localhost:6443", "", True),
        ("https://127.0.0.9:6443", "", True),
        ("https://[::1]:6443", "", True),
        (SERVER, "*", True),
        (SERVER, "other.com, API.example.com", True),
        (SERVER, "example.com", True),
        (SERVER, ".example.com", True),
        (SERVER, "*.example.com", True),
        (SERVER, "api.example.com:6443", True),
        (SERVER, "api.example.com:443", False),
        ("https://api.example.com", "api.example.com:443", True),
        (SERVER, "pi.example.com", False),
        (SERVER, "example.com.", False),
        ("https://example.com", ".example.com", False),
        ("https://example.com", "example.com", True),
        ("https://10.96.0.1", "10.96.0.0/12", True),
        ("https://10.96.0.1", "10.96.0.7/12", True),
        ("https://10.96.0.1", "10.0.0.0/16", False),
        ("https://10.96.0.1", "10.0.0.0/99", False),
        ("https://10.96.0.1", "10.96.0.1", True),
        ("https://10.96.0.1", "10.96.0.1:443", True),
        ("https://10.96.0.1", "10.96.0.1:6443", False),
        ("https://10.96.0.1", ".0.1", False),
        ("https://[fd00::1]:6443", "fd00::/8", True),
        ("https://[fd00::1]:6443", "fd00::1", True),
        ("https://[fd00::1]:6443", "[fd00::1]:6443", True),
        ("https://[fd00::1]:6443", "[fd00::1]:443", False),
        (SERVER, "10.0.0.0/8, ,:6443", False),
    ],
)
def test_no_proxy_names_what_is_reached_directly(server: str, no_proxy: str, direct: bool) -> None:
    assert (proxy_for(server, "", environment(no_proxy)) is None) is direct


@pytest.mark.parametrize(
    ("proxy", "message"),
    [
        ("ftp://proxy", "'ftp://proxy' has an unsupported scheme: http, https, socks5 are supported"),
        ("http://", "'http://' has no host"),
    ],
)
def test_a_proxy_that_cannot_be_used_is_named(proxy: str, message: str) -> None:
    with pytest.raises(ProxyError, match=message):
        proxy_for(SERVER, proxy, {})
    with pytest.raises(ProxyError, match=message):
        proxy_for(SERVER, "", {"HTTPS_PROXY": proxy})
