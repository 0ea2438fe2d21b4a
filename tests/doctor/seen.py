"""The view of a sample cluster for a user who may read everything."""

from collections.abc import Sequence

import msgspec

from ringfence.doctor import Observed
from ringfence.doctor.objects import (
    ClusterRole,
    ClusterRoleBinding,
    ConfigMap,
    DaemonSet,
    OperatorObject,
    SeenNode,
    SeenPod,
)

from .clusters import Object


def seen(objects: Sequence[Object]) -> Observed:
    def of(kind: str) -> list[Object]:
        return [one for one in objects if one["kind"] == kind]

    daemon_sets = tuple(msgspec.convert(one, DaemonSet) for one in of("DaemonSet"))
    pods = [msgspec.convert(one, SeenPod) for one in of("Pod")]
    return Observed(
        server="https://cluster.example",
        nodes=tuple(msgspec.convert(one, SeenNode) for one in of("Node")),
        daemon_sets=daemon_sets,
        pods={
            one.key: tuple(
                pod
                for pod in pods
                if pod.metadata.namespace == one.metadata.namespace
                and one.spec.selector.match_labels.items() <= pod.metadata.labels.items()
            )
            for one in daemon_sets
        },
        config_maps={_path(one): msgspec.convert(one, ConfigMap) for one in of("ConfigMap")},
        operator_objects={_path_of_operator(one): msgspec.convert(one, OperatorObject) for one in of("Installation")},
        cluster_roles=tuple(msgspec.convert(one, ClusterRole) for one in of("ClusterRole")),
        cluster_role_bindings=tuple(msgspec.convert(one, ClusterRoleBinding) for one in of("ClusterRoleBinding")),
    )


def _path_of_operator(one: Object) -> str:
    return f"/apis/{one['apiVersion']}/installations/{one['metadata']['name']}"


def _path(one: Object) -> str:
    return f"/api/v1/namespaces/{one['metadata']['namespace']}/configmaps/{one['metadata']['name']}"
