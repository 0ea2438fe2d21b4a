"""Credential plugins: the `exec` programs of a kubeconfig, which most managed clusters use to authenticate.

A plugin receives an ExecCredential in the variable KUBERNETES_EXEC_INFO and prints one with a token, or with a client
certificate and its key.

Source: kubernetes.io, "client-go credential plugins"; `client-go/plugin/pkg/client/auth/exec/exec.go`.
"""

import base64
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Final

import msgspec

from ringfence.errors import LiveClusterError
from ringfence.sources.cluster.kubeconfig_entries import (
    ExecPlugin,
    InteractiveMode,
    KubeconfigCluster,
    KubeconfigUser,
)


class _Status(msgspec.Struct, frozen=True, rename="camel"):
    token: str = ""
    client_certificate_data: str = ""
    client_key_data: str = ""
    expiration_timestamp: Annotated[datetime, msgspec.Meta(tz=True)] | None = None


class _ExecCredential(msgspec.Struct, frozen=True, rename="camel"):
    api_version: str
    kind: str
    status: _Status


class Credential(msgspec.Struct, frozen=True):
    """A user with the credential of its plugin, if it has one, and the time when it expires, if that is known."""

    user: KubeconfigUser
    expires: datetime | None = None

    @property
    def has_expired(self) -> bool:
        """Whether the server will refuse the credential."""
        return self.expires is not None and self.expires <= datetime.now(UTC)


def obtain(user: KubeconfigUser, cluster: KubeconfigCluster, timeout: float | None = None) -> Credential:
    """Run the user's plugin, if it has one. `timeout` is in seconds; None waits for a person who logs in.

    What the kubeconfig itself sets takes precedence over what the plugin gives. Raises LiveClusterError if the plugin
    cannot be run, fails, takes longer, or prints no usable credential.
    """
    if not user.exec:
        return Credential(user)
    status = _run(user.exec, cluster, timeout)
    without_plugin = msgspec.structs.replace(user, exec=None)
    if status.token and not (user.token or user.token_file or user.username):
        without_plugin = msgspec.structs.replace(without_plugin, token=status.token)
    if status.client_certificate_data and not user.has_certificate:
        without_plugin = msgspec.structs.replace(
            without_plugin,
            client_certificate_data=status.client_certificate_data.encode(),
            client_key_data=status.client_key_data.encode(),
        )
    return Credential(without_plugin, status.expiration_timestamp)


def _run(plugin: ExecPlugin, cluster: KubeconfigCluster, timeout: float | None) -> _Status:
    interactive = _is_interactive(plugin)
    # The variables of the kubeconfig win, as in client-go.
    environment = os.environ | {variable.name: variable.value for variable in plugin.env}
    environment["KUBERNETES_EXEC_INFO"] = _request(plugin, cluster, interactive)
    name = f"the credential plugin {plugin.command}"
    try:
        # Standard error is inherited: on the terminal, a plugin says how to log in.
        run = subprocess.run(
            [plugin.command, *plugin.args],
            env=environment,
            stdin=None if interactive else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            timeout=timeout,
        )
    except subprocess.TimeoutExpired:
        raise LiveClusterError(f"{name} did not end within {timeout:g} s") from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        hint = f": {plugin.install_hint}" if plugin.install_hint else ""
        raise LiveClusterError(f"{name} cannot be run: {reason}{hint}") from None
    if run.returncode != 0:
        raise LiveClusterError(f"{name} failed with exit code {run.returncode}")
    try:
        credential = msgspec.json.decode(run.stdout, type=_ExecCredential)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise LiveClusterError(f"{name} printed no ExecCredential: {error}") from None
    if reason := _unusable(credential, plugin):
        raise LiveClusterError(f"{name} {reason}")
    return credential.status


def _is_interactive(plugin: ExecPlugin) -> bool:
    has_terminal = sys.stdin is not None and sys.stdin.isatty()
    if plugin.interactive_mode is InteractiveMode.ALWAYS and not has_terminal:
        raise LiveClusterError(
            f"the credential plugin {plugin.command} must ask questions, but standard input is not a terminal"
        )
    return has_terminal and plugin.interactive_mode is not InteractiveMode.NEVER


def _unusable(credential: _ExecCredential, plugin: ExecPlugin) -> str:
    """Why client-go would not use the credential; empty if it would."""
    if credential.kind != "ExecCredential":
        return f"printed an object of kind {credential.kind!r} instead of ExecCredential"
    if credential.api_version != plugin.api_version:
        return f"printed the version {credential.api_version}, but the kubeconfig sets {plugin.api_version}"
    status = credential.status
    if not (status.token or status.client_certificate_data or status.client_key_data):
        return "printed neither a token nor a client certificate"
    if bool(status.client_certificate_data) != bool(status.client_key_data):
        return "printed only one of a client certificate and its key"
    return ""


def _request(plugin: ExecPlugin, cluster: KubeconfigCluster, interactive: bool) -> str:
    spec: dict[str, Any] = {"interactive": interactive}
    if plugin.provide_cluster_info:
        spec["cluster"] = _cluster_info(cluster)
    credential = {"apiVersion": plugin.api_version, "kind": "ExecCredential", "spec": spec}
    return msgspec.json.encode(credential).decode()


_OMITTED: Final = ("", False, None)
"""Values that Go leaves out of the cluster's information (`omitempty`)."""


def _cluster_info(cluster: KubeconfigCluster) -> dict[str, Any]:
    """The cluster as an ExecCredential holds it: with the kubeconfig's field names, and with the authority's data."""
    fields = {
        "server": cluster.server,
        "tls-server-name": cluster.tls_server_name,
        "insecure-skip-tls-verify": cluster.insecure_skip_tls_verify,
        "certificate-authority-data": base64.b64encode(_authority(cluster)).decode(),
        "proxy-url": cluster.proxy_url,
        "disable-compression": cluster.disable_compression,
        "config": cluster.plugin_config,
    }
    return {name: value for name, value in fields.items() if value not in _OMITTED}


def _authority(cluster: KubeconfigCluster) -> bytes:
    if cluster.certificate_authority_data or not cluster.certificate_authority:
        return cluster.certificate_authority_data
    try:
        return Path(cluster.certificate_authority).read_bytes()
    except OSError as error:
        raise LiveClusterError(f"{cluster.certificate_authority}: {error.strerror}") from None
