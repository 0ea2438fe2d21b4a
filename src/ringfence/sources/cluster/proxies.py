"""Which proxy leads to an API server: the one that kubectl would use.

The cluster's `proxy-url` takes precedence over HTTPS_PROXY, HTTP_PROXY and NO_PROXY. The client's own reading of these
variables is not used: it ignores CIDRs in NO_PROXY, so that a pod with `NO_PROXY=10.0.0.0/8` would reach the API server
through the proxy.

Source: `golang.org/x/net/http/httpproxy`; `client-go/tools/clientcmd` (`parseProxyURL`).
"""

import ipaddress
from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple
from urllib.parse import SplitResult, urlsplit

SCHEMES: Final = ("http", "https", "socks5")
"""The proxies that kubectl supports."""

_DEFAULT_PORTS: Final = {"http": 80, "https": 443}

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class ProxyError(ValueError):
    """A proxy that cannot be used."""


class _Target(NamedTuple):
    """Where a request goes; `address` is None for a host name."""

    host: str
    port: int
    address: _Address | None


def proxy_for(server: str, proxy_url: str, environment: Mapping[str, str]) -> str | None:
    """The URL of the proxy for requests to `server`; None if they go directly.

    Raises ProxyError for a proxy of another scheme, or one without a host.
    """
    if proxy_url:
        return _checked(proxy_url)
    url = urlsplit(server)
    proxy = _first(environment, f"{url.scheme.upper()}_PROXY", f"{url.scheme}_proxy")
    # In a CGI program HTTP_PROXY comes from the request's header `Proxy`; Go refuses it as well.
    from_request = url.scheme == "http" and environment.get("REQUEST_METHOD")
    if not proxy or from_request or _is_direct(url, _first(environment, "NO_PROXY", "no_proxy")):
        return None
    return _checked(proxy if "://" in proxy else f"http://{proxy}")


def _first(environment: Mapping[str, str], *names: str) -> str:
    return next((environment[name] for name in names if environment.get(name)), "")


def _checked(proxy: str) -> str:
    scheme, host = urlsplit(proxy).scheme, urlsplit(proxy).hostname
    if scheme not in SCHEMES:
        raise ProxyError(f"the proxy {proxy!r} has an unsupported scheme: {', '.join(SCHEMES)} are supported")
    if not host:
        raise ProxyError(f"the proxy {proxy!r} has no host")
    return proxy


def _is_direct(url: SplitResult, no_proxy: str) -> bool:
    """Whether requests go without a proxy: to the machine itself, and to what NO_PROXY names."""
    host = (url.hostname or "").lower()
    address = _address(host)
    if host == "localhost" or (address and address.is_loopback):
        return True
    target = _Target(host, url.port or _DEFAULT_PORTS.get(url.scheme, 0), address)
    return any(_matches(entry, target) for entry in _entries(no_proxy))


def _entries(no_proxy: str) -> Iterable[str]:
    return filter(None, (entry.strip().lower() for entry in no_proxy.split(",")))


def _matches(entry: str, target: _Target) -> bool:
    """Whether one entry of NO_PROXY names the target: `*`, a CIDR, an address or a domain, the latter two with a port.

    A domain matches itself and its subdomains; `.example.com` and `*.example.com` match subdomains only.
    """
    if entry == "*":
        return True
    if "/" in entry:
        return target.address is not None and _contains(entry, target.address)
    host, port = _host_and_port(entry)
    if port and port != str(target.port):
        return False
    if address := _address(host):
        return address == target.address
    if target.address is not None:
        return False
    suffix = host.removeprefix("*")
    if suffix.startswith("."):
        return target.host.endswith(suffix)
    return bool(suffix) and (target.host == suffix or target.host.endswith(f".{suffix}"))


def _host_and_port(entry: str) -> tuple[str, str]:
    if entry.startswith("["):
        host, _, port = entry[1:].partition("]")
        return host, port.removeprefix(":")
    host, colon, port = entry.rpartition(":")
    is_port = colon and ":" not in host  # an IPv6 address without brackets has no port
    return (host, port) if is_port else (entry, "")


def _address(text: str) -> _Address | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


def _contains(cidr: str, address: _Address) -> bool:
    try:
        return address in ipaddress.ip_network(cidr, strict=False)
    except ValueError:  # not a CIDR: Go ignores the entry
        return False
