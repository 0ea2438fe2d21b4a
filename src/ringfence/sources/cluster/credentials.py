"""Credentials that a program makes: the `exec` plugins of a kubeconfig, by which most cloud clusters let people in.

Source: kubernetes.io, "client-go credential plugins"; `client.authentication.k8s.io`.
"""

import base64
import os
import subprocess
import sys
from datetime import UTC, datetime
from typing import Annotated, Any, Final

import msgspec

from ringfence.errors import LiveClusterError

_CLUSTER_INFO: Final = {
    "server": "server",
    "tls-server-name": "tlsServerName",
    "insecure-skip-tls-verify": "insecureSkipTLSVerify",
    "certificate-authority-data": "certificateAuthorityData",
    "proxy-url": "proxyURL",
}
"""What a plugin may be told of the cluster: the fields' names in a kubeconfig and in an ExecCredential."""


class _Variable(msgspec.Struct, frozen=True):
    name: str
    value: str


class _Plugin(msgspec.Struct, frozen=True, rename="camel"):
    api_version: str
    command: str
    args: list[str] | None = None
    env: list[_Variable] | None = None
    install_hint: str | None = None
    provide_cluster_info: bool | None = None
    interactive_mode: str | None = None


class _Status(msgspec.Struct, frozen=True, rename="camel"):
    token: str | None = None
    client_certificate_data: str | None = None
    client_key_data: str | None = None
    expiration_timestamp: Annotated[datetime, msgspec.Meta(tz=True)] | None = None


class _ExecCredential(msgspec.Struct, frozen=True):
    status: _Status


class Credential(msgspec.Struct, frozen=True):
    """A user, in the fields of a kubeconfig and without a plugin, and until when he is accepted, if that is known."""

    user: dict[str, Any]
    expires: datetime | None = None

    @property
    def has_expired(self) -> bool:
        """Whether it is no longer worth trying."""
        return self.expires is not None and self.expires <= datetime.now(UTC)


def obtained(user: dict[str, Any], cluster: dict[str, Any]) -> dict[str, Any]:
    """The user, both in the fields of a kubeconfig, with the token or the certificate that his plugin gives, if any.

    Raises LiveClusterError if the plugin cannot be run, fails, or answers what is no credential.
    """
    return obtain(user, cluster).user


def obtain(user: dict[str, Any], cluster: dict[str, Any], patience: float | None = None) -> Credential:
    """As `obtained`, with the time at which it expires; a plugin that takes longer than `patience` seconds fails."""
    if not user.get("exec"):
        return Credential(user)
    try:
        plugin = msgspec.convert(user["exec"], _Plugin)
    except msgspec.ValidationError as error:
        raise LiveClusterError(f"the exec plugin of the kubeconfig cannot be used: {error}") from None
    status = _run(plugin, cluster, patience)
    found = {
        "token": status.token,
        "client-certificate-data": _encoded(status.client_certificate_data),
        "client-key-data": _encoded(status.client_key_data),
    }
    kept = {field: value for field, value in user.items() if field != "exec"}
    return Credential(kept | {field: value for field, value in found.items() if value}, status.expiration_timestamp)


def _run(plugin: _Plugin, cluster: dict[str, Any], patience: float | None) -> _Status:
    interactive = sys.stdin.isatty() and plugin.interactive_mode != "Never"
    environment = os.environ | {variable.name: variable.value for variable in plugin.env or ()}
    environment["KUBERNETES_EXEC_INFO"] = _request(plugin, cluster, interactive)
    try:
        # Standard error stays the terminal's: this is where a plugin asks people to log in.
        run = subprocess.run(
            [plugin.command, *(plugin.args or ())],
            env=environment,
            stdin=None if interactive else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            timeout=patience,
        )
    except subprocess.TimeoutExpired:
        raise LiveClusterError(f"the credential plugin {plugin.command} did not end within {patience:g} s") from None
    except OSError as error:
        hint = f": {plugin.install_hint}" if plugin.install_hint else ""
        raise LiveClusterError(
            f"the credential plugin {plugin.command} cannot be run: {error.strerror}{hint}"
        ) from None
    if run.returncode != 0:
        raise LiveClusterError(f"the credential plugin {plugin.command} failed with exit code {run.returncode}")
    try:
        return msgspec.json.decode(run.stdout, type=_ExecCredential).status
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise LiveClusterError(f"the credential plugin {plugin.command} gave no ExecCredential: {error}") from None


def _request(plugin: _Plugin, cluster: dict[str, Any], interactive: bool) -> str:
    spec: dict[str, Any] = {"interactive": interactive}
    if plugin.provide_cluster_info:
        spec["cluster"] = {name: cluster[field] for field, name in _CLUSTER_INFO.items() if cluster.get(field)}
    credential = {"apiVersion": plugin.api_version, "kind": "ExecCredential", "spec": spec}
    return msgspec.json.encode(credential).decode()


def _encoded(pem: str | None) -> str | None:
    """PEM as a kubeconfig holds it."""
    return base64.b64encode(pem.encode()).decode() if pem else None
