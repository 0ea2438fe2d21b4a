"""The input of a diagnosis: the objects of a cluster that were read, and the objects that could not be read."""

from collections.abc import Iterator, Mapping
from typing import Final

import msgspec

from ringfence.doctor.objects import (
    ClusterRole,
    ClusterRoleBinding,
    ConfigMap,
    DaemonSet,
    OperatorObject,
    SeenNode,
    SeenPod,
    SeenService,
)

NODES: Final = "nodes"
DAEMON_SETS: Final = "daemonsets"
CLUSTER_ROLES: Final = "clusterroles"
CLUSTER_ROLE_BINDINGS: Final = "clusterrolebindings"


class Unseen(msgspec.Struct, frozen=True, order=True):
    """Objects that could not be read, and the reason. It can be an answer of the server that names a missing right."""

    what: str
    reason: str


class Observed(msgspec.Struct, frozen=True, kw_only=True):
    """The objects of a cluster that show how it enforces policies.

    `pods` contains the pods of the DaemonSets that may enforce policies, by namespace and name of the DaemonSet. Only a
    few ConfigMaps, Services and operator objects are requested; `config_maps`, `services` and `operator_objects`
    contain those that exist, by path. A field is empty if its objects could not be read; `unseen` names them.
    """

    server: str
    nodes: tuple[SeenNode, ...] = ()
    daemon_sets: tuple[DaemonSet, ...] = ()
    pods: Mapping[tuple[str, str], tuple[SeenPod, ...]] = {}
    config_maps: Mapping[str, ConfigMap] = {}
    services: Mapping[str, SeenService] = {}
    operator_objects: Mapping[str, OperatorObject] = {}
    cluster_roles: tuple[ClusterRole, ...] = ()
    cluster_role_bindings: tuple[ClusterRoleBinding, ...] = ()
    unseen: tuple[Unseen, ...] = ()

    def is_unseen(self, what: str) -> bool:
        """Whether `what` could not be read."""
        return any(one.what == what for one in self.unseen)

    def settings_of(self, path: str) -> Mapping[str, str]:
        """The settings in a ConfigMap; empty if it does not exist or cannot be read."""
        found = self.config_maps.get(path)
        return (found.data or {}) if found else {}

    def daemon_sets_named(self, *names: str) -> Iterator[DaemonSet]:
        """The DaemonSets with one of these names, in any namespace."""
        return (one for one in self.daemon_sets if one.metadata.name in names)
