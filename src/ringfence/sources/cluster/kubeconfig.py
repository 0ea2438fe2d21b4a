"""Kubeconfig: the cluster, the user and the namespace that kubectl would use.

The files are that of `--kubeconfig`, else those of KUBECONFIG, else `~/.kube/config`. Of several files, the first that
sets a value wins. Without any file, a pod's own service account is used.

Source: kubernetes.io, "Organizing Cluster Access Using kubeconfig Files"; `client-go/tools/clientcmd`.
"""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

import msgspec

from ringfence.errors import InputError, LiveClusterError, NoKubeconfigError
from ringfence.model.objects import DEFAULT_NAMESPACE
from ringfence.sources.cluster.kubeconfig_entries import (
    Fields,
    KubeconfigCluster,
    KubeconfigUser,
    cluster_error,
    parse_entry,
    user_error,
)
from ringfence.sources.manifests import parse_yaml

SERVICE_ACCOUNT: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount")
"""Where the kubelet mounts the credentials of a pod's service account."""

IN_CLUSTER: Final = "in-cluster"
"""The context of a pod's own service account."""

_PATHS: Final = ("certificate-authority", "client-certificate", "client-key", "tokenFile")
"""The fields that name files. A relative path is relative to the kubeconfig that contains it."""


class SelectedContext(msgspec.Struct, frozen=True):
    """A context with its cluster and its user; `namespace` is that of names without one."""

    context: str
    namespace: str
    cluster: KubeconfigCluster
    user: KubeconfigUser


def select(context: str | None = None, kubeconfig: str | None = None) -> SelectedContext:
    """The context of this name, or the current one.

    Raises LiveClusterError if there is no kubeconfig, if it cannot be read, or if the context does not exist or cannot
    be used.
    """
    files = _files(kubeconfig)
    if not files and context in (None, IN_CLUSTER) and (account := _service_account()):
        return account
    if not files:
        raise NoKubeconfigError("no kubeconfig: pass one with --kubeconfig or in KUBECONFIG")
    return _selected(_merged(map(_read, files)), context, ", ".join(map(str, files)))


def context_names(kubeconfig: str | None = None) -> list[str]:
    """The names of all contexts. Raises LiveClusterError if a kubeconfig cannot be read."""
    return sorted(_merged(map(_read, _files(kubeconfig))).contexts)


class _Context(msgspec.Struct, frozen=True):
    cluster: str = ""
    user: str = ""
    namespace: str = ""


class _NamedContext(msgspec.Struct, frozen=True):
    name: str
    context: _Context = _Context()


class _NamedCluster(msgspec.Struct, frozen=True):
    name: str
    cluster: Fields = {}


class _NamedUser(msgspec.Struct, frozen=True):
    name: str
    user: Fields = {}


class _Config(msgspec.Struct, frozen=True, rename="kebab"):
    current_context: str = ""
    contexts: list[_NamedContext] = []
    clusters: list[_NamedCluster] = []
    users: list[_NamedUser] = []


class _Merged(msgspec.Struct):
    current_context: str = ""
    contexts: dict[str, _Context] = {}
    clusters: dict[str, Fields] = {}
    users: dict[str, Fields] = {}


def _files(kubeconfig: str | None) -> list[Path]:
    """The files to read. That of `--kubeconfig` must exist; those of KUBECONFIG may be missing, as for kubectl."""
    if kubeconfig is not None:
        if not Path(kubeconfig).is_file():
            raise LiveClusterError(f'the kubeconfig "{kubeconfig}" does not exist')
        return [Path(kubeconfig)]
    named = os.environ.get("KUBECONFIG") or str(Path.home() / ".kube" / "config")
    return [Path(name) for name in named.split(os.pathsep) if name and Path(name).is_file()]


def _read(file: Path) -> _Config:
    try:
        documents = parse_yaml(file.read_text(encoding="utf-8"))
        config = parse_entry(documents[0] if documents and documents[0] else {}, _Config)
    except (OSError, UnicodeDecodeError, InputError, msgspec.ValidationError) as error:
        raise LiveClusterError(f"{file}: not a kubeconfig: {error}") from None
    for fields in _fields_of(config):
        _make_absolute(fields, file.parent)
    return config


def _fields_of(config: _Config) -> Iterator[Fields]:
    yield from (named.cluster for named in config.clusters)
    yield from (named.user for named in config.users)


def _make_absolute(fields: Fields, folder: Path) -> None:
    for name in _PATHS:
        if isinstance(fields.get(name), str) and fields[name]:
            # An absolute path stays as it is.
            fields[name] = str(folder.absolute() / fields[name])
    plugin = fields.get("exec")
    if isinstance(plugin, dict) and os.sep in str(plugin.get("command", "")):
        # A command without a slash is looked up in PATH, as client-go does (`exec.LookPath`).
        plugin["command"] = str(folder.absolute() / plugin["command"])


def _merged(configs: Iterable[_Config]) -> _Merged:
    merged = _Merged()
    for config in configs:
        merged.current_context = merged.current_context or config.current_context
        for context in config.contexts:
            merged.contexts.setdefault(context.name, context.context)
        for cluster in config.clusters:
            merged.clusters.setdefault(cluster.name, cluster.cluster)
        for user in config.users:
            merged.users.setdefault(user.name, user.user)
    return merged


def _selected(config: _Merged, context: str | None, files: str) -> SelectedContext:
    name = context or config.current_context
    if not config.contexts:
        raise LiveClusterError(
            f"{files}: not a kubeconfig, because it has no contexts: pass another file with --kubeconfig"
        )
    known = ", ".join(sorted(config.contexts))
    if not name:
        raise LiveClusterError(f"{files}: no current context is set: choose one with --context (there are: {known})")
    if name not in config.contexts:
        raise LiveClusterError(f'{files}: context "{name}" does not exist (there are: {known})')
    chosen = config.contexts[name]
    if chosen.cluster not in config.clusters:
        raise LiveClusterError(f'{files}: context "{name}" has the cluster "{chosen.cluster}", which does not exist')
    if chosen.user and chosen.user not in config.users:
        raise LiveClusterError(f'{files}: context "{name}" has the user "{chosen.user}", which does not exist')
    cluster, user = config.clusters[chosen.cluster], config.users.get(chosen.user, {})
    for field in _PATHS:
        path = cluster.get(field) or user.get(field)
        if isinstance(path, str) and path and not Path(path).exists():
            raise LiveClusterError(f'{files}: context "{name}" has the {field} "{path}", which does not exist')
    return SelectedContext(name, chosen.namespace or DEFAULT_NAMESPACE, *_entries(name, cluster, user))


def _entries(context: str, cluster: Fields, user: Fields) -> tuple[KubeconfigCluster, KubeconfigUser]:
    try:
        parsed = parse_entry(cluster, KubeconfigCluster), parse_entry(user, KubeconfigUser)
    except msgspec.ValidationError as error:
        raise LiveClusterError(f'context "{context}" cannot be used: {error}') from None
    if reason := cluster_error(parsed[0]) or user_error(parsed[1]):
        raise LiveClusterError(f'context "{context}" cannot be used: {reason}')
    return parsed


def _service_account() -> SelectedContext | None:
    folder = SERVICE_ACCOUNT
    host, port = os.environ.get("KUBERNETES_SERVICE_HOST"), os.environ.get("KUBERNETES_SERVICE_PORT")
    if not host or not port or not (folder / "token").is_file():
        return None
    namespace = folder / "namespace"
    return SelectedContext(
        context=IN_CLUSTER,
        namespace=namespace.read_text().strip() if namespace.is_file() else DEFAULT_NAMESPACE,
        cluster=KubeconfigCluster(
            # An IPv6 address in a URL is in brackets (RFC 3986, 3.2.2).
            server=f"https://{f'[{host}]' if ':' in host else host}:{port}",
            certificate_authority=str(folder / "ca.crt"),
        ),
        user=KubeconfigUser(token_file=str(folder / "token")),
    )
