"""What was seen of a cluster, and what could not be: the evidence that a diagnosis stands on."""

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
    """What could not be read, and the answer of the server, such as the right that is missing."""

    what: str
    reason: str


class Observed(msgspec.Struct, frozen=True, kw_only=True):
    """The objects of a cluster that show how it enforces policies.

    `pods` are those of the DaemonSets that may enforce policies, by namespace and name of the DaemonSet. `config_maps`,
    `services` and `operator_objects` hold those that exist of the few that are asked for, by path. What could not be
    read is empty here, and named in `unseen`.
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
        """Whether this could not be read."""
        return any(one.what == what for one in self.unseen)

    def settings_of(self, path: str) -> Mapping[str, str]:
        """The settings of a ConfigMap; none if it does not exist or cannot be read."""
        found = self.config_maps.get(path)
        return (found.data or {}) if found else {}

    def daemon_sets_named(self, *names: str) -> Iterator[DaemonSet]:
        """The DaemonSets with one of these names, in whichever namespace they are."""
        return (one for one in self.daemon_sets if one.metadata.name in names)
