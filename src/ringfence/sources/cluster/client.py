"""An HTTP client for the API server of a kubeconfig's context, with the credentials of its user.

Source: `client-go/rest` (`DefaultServerURL`) and `client-go/transport` (bearer tokens, basic authentication,
impersonation); kubernetes.io, "User impersonation".
"""

import base64
import os
from collections.abc import Generator
from pathlib import Path
from typing import Final
from urllib.parse import quote, urlsplit

import httpx2

from ringfence.errors import LiveClusterError
from ringfence.sources.cluster.kubeconfig import SelectedContext
from ringfence.sources.cluster.kubeconfig_entries import KubeconfigCluster, KubeconfigUser
from ringfence.sources.cluster.proxies import proxy_for
from ringfence.sources.cluster.tls import proxy_context, server_context

_TIMEOUT: Final = httpx2.Timeout(10, read=60)
"""Seconds to connect and to write, and seconds of silence while an answer is read."""

_LEGAL_IN_HEADER_NAMES: Final = "!#$&'*+-.^_`|~"
"""Besides letters and digits; `%` is escaped as well (client-go, `headerKeyEscape`)."""


def connect(selected: SelectedContext) -> httpx2.Client:
    """A client for the context's cluster, which connects at its first request.

    Credential plugins are not run here: `credentials.obtain` does. Raises LiveClusterError for a certificate, a URL or
    a proxy that cannot be used.
    """
    cluster, user = selected.cluster, selected.user
    try:
        server = _server_url(cluster, user)
        return httpx2.Client(
            base_url=server,
            verify=server_context(cluster, user),
            proxy=_proxy(server, cluster),
            auth=_authentication(user),
            headers=_headers(cluster, user),
            event_hooks={"request": [_ServerName(cluster.tls_server_name)] if cluster.tls_server_name else []},
            timeout=_TIMEOUT,
            trust_env=False,  # `proxy_for` and `ssl` read the environment as kubectl does
        )
    except (OSError, ValueError, httpx2.InvalidURL) as error:
        raise LiveClusterError(f'context "{selected.context}" cannot be used: {error}') from None


def _server_url(cluster: KubeconfigCluster, user: KubeconfigUser) -> str:
    """The URL of the server; `host:port` alone is HTTPS if the kubeconfig sets anything about TLS, as in kubectl."""
    url = urlsplit(cluster.server)
    if url.scheme in ("http", "https") and url.hostname:
        return cluster.server
    if "://" in cluster.server:
        raise ValueError(f"the server {cluster.server!r} is not an HTTP or HTTPS URL")
    uses_tls = cluster.insecure_skip_tls_verify or cluster.has_authority or user.has_certificate
    return f"{'https' if uses_tls else 'http'}://{cluster.server}"


def _proxy(server: str, cluster: KubeconfigCluster) -> httpx2.Proxy | None:
    url = proxy_for(server, cluster.proxy_url, os.environ)
    if url is None:
        return None
    return httpx2.Proxy(url, ssl_context=proxy_context(cluster) if url.startswith("https:") else None)


class _ServerName:
    """A transport that verifies the server's certificate for another name than the URL's host, and sends it as SNI."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __call__(self, request: httpx2.Request) -> None:
        request.extensions["sni_hostname"] = self._name


# --- headers ----------------------------------------------------------------------------------------------------------


def _headers(cluster: KubeconfigCluster, user: KubeconfigUser) -> list[tuple[bytes, bytes]]:
    """The headers of every request, except the one that authenticates; a name may occur several times."""
    headers: list[tuple[str, str]] = []
    if cluster.disable_compression:
        headers.append(("Accept-Encoding", "identity"))
    if user.impersonate:
        headers.append(("Impersonate-User", user.impersonate))
    if user.impersonate_uid:
        headers.append(("Impersonate-Uid", user.impersonate_uid))
    headers += [("Impersonate-Group", group) for group in user.impersonate_groups]
    for key, values in user.impersonate_extra.items():
        name = f"Impersonate-Extra-{quote(key, safe=_LEGAL_IN_HEADER_NAMES)}"
        headers += [(name, value) for value in values]
    return [(name.encode(), value.encode()) for name, value in headers]


def _authentication(user: KubeconfigUser) -> httpx2.Auth | None:
    """How requests authenticate; None if a client certificate does, or if the user has no credentials."""
    if user.token_file:
        return _TokenFile(user.token_file, user.token)
    if user.token:
        return _Authorization(_bearer(user.token))
    if user.username or user.password:
        pair = f"{user.username}:{user.password}".encode()
        return _Authorization(f"Basic {base64.b64encode(pair).decode()}")
    return None


class _Authorization(httpx2.Auth):
    """The same credential for every request."""

    def __init__(self, value: str) -> None:
        self._value = value

    def auth_flow(self, request: httpx2.Request) -> Generator[httpx2.Request, httpx2.Response, None]:
        request.headers["Authorization"] = self._value
        yield request


class _TokenFile(httpx2.Auth):
    """The token in a file, which is read again when the server refuses it: the kubelet replaces it every hour or so."""

    def __init__(self, path: str, fallback: str) -> None:
        self._path = path
        self._fallback = fallback
        self._value = ""

    def auth_flow(self, request: httpx2.Request) -> Generator[httpx2.Request, httpx2.Response, None]:
        self._value = self._value or self._read()
        request.headers["Authorization"] = self._value
        response = yield request
        if response.status_code == httpx2.codes.UNAUTHORIZED:
            self._value = self._read()
            request.headers["Authorization"] = self._value
            yield request

    def _read(self) -> str:
        try:
            return _bearer(Path(self._path).read_text().strip())
        except (OSError, ValueError) as error:
            if self._fallback:  # client-go uses `token` while the file cannot be read
                return _bearer(self._fallback)
            reason = error.strerror if isinstance(error, OSError) else error
            raise LiveClusterError(f"the tokenFile {self._path} cannot be used: {reason}") from None


def _bearer(token: str) -> str:
    """The header value for a token. Raises ValueError if a header cannot hold it: the error of h11 does not say so."""
    if not (token.isascii() and token.isprintable()):
        raise ValueError("the token contains characters that an HTTP header cannot hold")
    return f"Bearer {token}"
