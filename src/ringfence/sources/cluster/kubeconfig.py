"""Which cluster, and who asks: what kubectl would take from its configuration.

The files are those of `--kubeconfig`, else of KUBECONFIG, else `~/.kube/config`; of several, the first that says
something counts. Where there is none, a pod's own service account is taken.

Source: kubernetes.io, "Organizing Cluster Access Using kubeconfig Files"; `client-go/tools/clientcmd`.
"""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final

import msgspec

from ringfence.errors import LiveClusterError
from ringfence.model.objects import DEFAULT_NAMESPACE
from ringfence.sources.manifests.yaml_values import Builder, UnreadableYaml

SERVICE_ACCOUNT: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount")
"""Where a pod finds its own credentials."""

IN_CLUSTER: Final = "in-cluster"
"""The context of a pod's own service account."""

_PATHS: Final = ("certificate-authority", "client-certificate", "client-key", "tokenFile")
"""The fields that name files; what is not absolute is relative to the kubeconfig that says it."""

Fields = dict[str, Any]


class Selection(msgspec.Struct, frozen=True):
    """A cluster and a user, each with the fields of a kubeconfig, and the namespace that names without one are in."""

    context: str
    namespace: str
    cluster: Fields
    user: Fields


def select(context: str | None = None, kubeconfig: str | None = None) -> Selection:
    """The context of this name, or the current one.

    Raises LiveClusterError if there is no configuration, if it cannot be read, or if it does not have the context.
    """
    files = _files(kubeconfig)
    if not files and context in (None, IN_CLUSTER) and (inside := _service_account()):
        return inside
    if not files:
        raise LiveClusterError(
            "no kubeconfig: pass one with --kubeconfig or in KUBECONFIG, or read manifests with -f instead of a cluster"
        )
    return _selected(_merged(map(_read, files)), context, ", ".join(map(str, files)))


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
    user: Fields | None = None


class _Config(msgspec.Struct, frozen=True, rename="kebab"):
    current_context: str | None = None
    contexts: list[_NamedContext] | None = None
    clusters: list[_NamedCluster] | None = None
    users: list[_NamedUser] | None = None


class _Merged(msgspec.Struct):
    current_context: str = ""
    contexts: dict[str, _Context] = {}
    clusters: dict[str, Fields] = {}
    users: dict[str, Fields] = {}


def _files(kubeconfig: str | None) -> list[Path]:
    """The files that there are. One that is asked for must be; of those in KUBECONFIG some may be missing."""
    if kubeconfig is not None:
        if not Path(kubeconfig).is_file():
            raise LiveClusterError(f'the kubeconfig "{kubeconfig}" does not exist')
        return [Path(kubeconfig)]
    named = os.environ.get("KUBECONFIG") or str(Path.home() / ".kube" / "config")
    return [Path(name) for name in named.split(os.pathsep) if name and Path(name).is_file()]


def _read(file: Path) -> _Config:
    try:
        documents = [
            tree for tree, _ in Builder(file.read_text(encoding="utf-8"), lambda item, mark: False).documents()
        ]
        config = msgspec.convert(documents[0] if documents and documents[0] else {}, _Config)
    except (OSError, UnicodeDecodeError, UnreadableYaml, msgspec.ValidationError) as error:
        raise LiveClusterError(f"{file}: not a kubeconfig: {error}") from None
    for fields in _fields_of(config):
        _make_absolute(fields, file.parent)
    return config


def _fields_of(config: _Config) -> Iterator[Fields]:
    yield from (named.cluster for named in config.clusters or ())
    yield from (named.user for named in config.users or () if named.user)


def _make_absolute(fields: Fields, folder: Path) -> None:
    for name in _PATHS:
        if isinstance(fields.get(name), str) and fields[name]:
            fields[name] = str(folder.absolute() / fields[name])
    plugin = fields.get("exec")
    if isinstance(plugin, dict) and os.sep in str(plugin.get("command", "")):
        plugin["command"] = str(folder.absolute() / plugin["command"])


def _merged(configs: Iterable[_Config]) -> _Merged:
    merged = _Merged()
    for config in configs:
        merged.current_context = merged.current_context or config.current_context or ""
        for context in config.contexts or ():
            merged.contexts.setdefault(context.name, context.context)
        for cluster in config.clusters or ():
            merged.clusters.setdefault(cluster.name, cluster.cluster)
        for user in config.users or ():
            merged.users.setdefault(user.name, user.user or {})
    return merged


def _selected(config: _Merged, context: str | None, files: str) -> Selection:
    name = context or config.current_context
    known = ", ".join(sorted(config.contexts)) or "none"
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
    return Selection(name, chosen.namespace or DEFAULT_NAMESPACE, cluster, user)


def _service_account() -> Selection | None:
    folder = SERVICE_ACCOUNT
    host, port = os.environ.get("KUBERNETES_SERVICE_HOST"), os.environ.get("KUBERNETES_SERVICE_PORT")
    if not host or not port or not (folder / "token").is_file():
        return None
    namespace = folder / "namespace"
    return Selection(
        context=IN_CLUSTER,
        namespace=namespace.read_text().strip() if namespace.is_file() else DEFAULT_NAMESPACE,
        cluster={
            "server": f"https://{f'[{host}]' if ':' in host else host}:{port}",
            "certificate-authority": str(folder / "ca.crt"),
        },
        user={"tokenFile": str(folder / "token")},
    )
