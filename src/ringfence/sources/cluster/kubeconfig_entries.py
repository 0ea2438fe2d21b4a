"""The entries of a kubeconfig that are read here: clusters and users, with kubectl's field names.

Unknown fields are ignored and a null value counts as absent, as in kubectl.

Source: `client-go/tools/clientcmd/api/v1/types.go`; kubernetes.io, "kubeconfig (v1)".
"""

from enum import StrEnum
from typing import Any, Final, TypeVar

import msgspec

Fields = dict[str, Any]

EXEC_VERSIONS: Final = ("client.authentication.k8s.io/v1", "client.authentication.k8s.io/v1beta1")
"""The versions of the credential plugin protocol; v1alpha1 was removed in Kubernetes 1.24."""

_EXEC_EXTENSION: Final = "client.authentication.k8s.io/exec"
"""The cluster extension whose content a credential plugin receives as `spec.cluster.config`."""

T = TypeVar("T")


class _Extension(msgspec.Struct, frozen=True):
    name: str = ""
    extension: Any = None


class KubeconfigCluster(msgspec.Struct, frozen=True, rename="kebab", kw_only=True):
    """How to reach an API server. Data fields take precedence over the files of the same name."""

    server: str = ""
    tls_server_name: str = ""
    insecure_skip_tls_verify: bool = False
    certificate_authority: str = ""
    certificate_authority_data: bytes = b""
    proxy_url: str = ""
    disable_compression: bool = False
    extensions: list[_Extension] = []

    @property
    def has_authority(self) -> bool:
        """Whether the cluster names its own certificate authority."""
        return bool(self.certificate_authority or self.certificate_authority_data)

    @property
    def plugin_config(self) -> Any:
        """The cluster's own configuration for credential plugins; None if it has none."""
        return next((one.extension for one in self.extensions if one.name == _EXEC_EXTENSION), None)


class InteractiveMode(StrEnum):
    """Whether a credential plugin may ask questions on standard input."""

    NEVER = "Never"
    IF_AVAILABLE = "IfAvailable"
    ALWAYS = "Always"


class EnvironmentVariable(msgspec.Struct, frozen=True):
    """A variable that a credential plugin gets in addition to the environment."""

    name: str
    value: str = ""


class ExecPlugin(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """A credential plugin: a program that prints an ExecCredential."""

    api_version: str = ""
    command: str = ""
    args: list[str] = []
    env: list[EnvironmentVariable] = []
    install_hint: str = ""
    provide_cluster_info: bool = False
    interactive_mode: InteractiveMode | None = None


class KubeconfigUser(msgspec.Struct, frozen=True, rename="kebab", kw_only=True):
    """How to authenticate, and whom to impersonate. A token file takes precedence over a token."""

    token: str = ""
    token_file: str = msgspec.field(name="tokenFile", default="")
    username: str = ""
    password: str = ""
    client_certificate: str = ""
    client_certificate_data: bytes = b""
    client_key: str = ""
    client_key_data: bytes = b""
    impersonate: str = msgspec.field(name="as", default="")
    impersonate_uid: str = msgspec.field(name="as-uid", default="")
    impersonate_groups: list[str] = msgspec.field(name="as-groups", default_factory=list)
    impersonate_extra: dict[str, list[str]] = msgspec.field(name="as-user-extra", default_factory=dict)
    auth_provider: Fields | None = None
    exec: ExecPlugin | None = None

    @property
    def has_certificate(self) -> bool:
        """Whether the user presents a client certificate."""
        return bool(self.client_certificate or self.client_certificate_data)

    @property
    def has_key(self) -> bool:
        """Whether the user has the key of a client certificate."""
        return bool(self.client_key or self.client_key_data)


def parse_entry(fields: object, entry: type[T]) -> T:
    """The entry with these fields. Raises msgspec.ValidationError for a value of the wrong type."""
    return msgspec.convert(_without_nulls(fields), entry)


def _without_nulls(value: Any) -> Any:
    match value:
        case dict():
            return {name: _without_nulls(item) for name, item in value.items() if item is not None}
        case list():
            return [_without_nulls(item) for item in value]
    return value


def cluster_error(cluster: KubeconfigCluster) -> str:
    """Why a cluster entry cannot be used, as kubectl judges it; empty if it can."""
    if not cluster.server:
        return "its cluster has no server"
    if cluster.insecure_skip_tls_verify and cluster.has_authority:
        return "its cluster has both a certificate authority and insecure-skip-tls-verify: remove one of them"
    return ""


def user_error(user: KubeconfigUser) -> str:
    """Why a user entry cannot be used, as kubectl judges it; empty if it can."""
    if user.auth_provider is not None:
        # Removed from client-go in Kubernetes 1.26: the cloud providers' plugins replace it.
        name = user.auth_provider.get("name", "")
        return f'auth-provider "{name}" is not supported: kubectl removed it in 1.26, use an exec plugin instead'
    if user.token and (user.username or user.password):
        return "its user has both a token and a username with password: only one is allowed"
    if user.has_certificate and not user.has_key:
        return "its user has a client certificate without its key"
    if not user.impersonate and (user.impersonate_uid or user.impersonate_groups or user.impersonate_extra):
        return "its user impersonates a uid, groups or extra fields, but no user: set as, too"
    return _plugin_error(user.exec) if user.exec else ""


def _plugin_error(plugin: ExecPlugin) -> str:
    if not plugin.command:
        return "its exec plugin has no command"
    if plugin.api_version not in EXEC_VERSIONS:
        named = plugin.api_version or "no apiVersion"
        return f"its exec plugin has {named}: {' and '.join(EXEC_VERSIONS)} are supported"
    if any(not variable.name for variable in plugin.env):
        return "its exec plugin has an env variable without a name"
    if plugin.interactive_mode is None and plugin.api_version != "client.authentication.k8s.io/v1beta1":
        # Only v1beta1 has a default (IfAvailable); see `SetDefaults_ExecConfig` in client-go.
        return "its exec plugin has no interactiveMode: set it to Never, IfAvailable or Always"
    return ""
