"""Reads the objects that show how a cluster enforces policies from its API server. It changes nothing.

If a right is missing, the objects are recorded as unseen, and the other objects are still read.

Source: kubernetes.io, "Kubernetes API Concepts", "Using RBAC Authorization".
"""

from collections.abc import Iterable, Iterator
from typing import Final, TypeVar

import httpx2
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
from ringfence.doctor.observed import CLUSTER_ROLE_BINDINGS, CLUSTER_ROLES, DAEMON_SETS, NODES, Observed, Unseen
from ringfence.doctor.recognition import shown_plugins, unknown_enforcers
from ringfence.doctor.service_proxy import DNS_SERVICE, KUBE_PROXY_CONFIG
from ringfence.doctor.sightings import pods_of
from ringfence.doctor.signatures import config_map_paths, operator_paths
from ringfence.errors import LiveClusterError, UnexpectedAnswerError
from ringfence.sources.cluster import ApiServer, ApiStatusError, get_document, list_items

_RBAC: Final = "/apis/rbac.authorization.k8s.io/v1"
_PLUGIN_NAMESPACES: Final = (
    "kube-system",
    "calico-system",
    "kube-flannel",
    "openshift-ovn-kubernetes",
    "cilium",
    "ringfence-system",
)
"""The namespaces that are searched for plugins if the user may not list the DaemonSets of all namespaces."""

_Object = TypeVar("_Object")


def observe(api_server: ApiServer) -> Observed:
    """Read the objects of a cluster.

    Raises LiveClusterError if the API server cannot be reached or understood, or does not accept the credentials.
    """
    with api_server.client() as client:
        return _Observing(client, api_server.server).observed()


class _Observing:
    """Makes the requests, and records which objects could not be read."""

    def __init__(self, client: httpx2.Client, server: str) -> None:
        self._client = client
        self._server = server
        self._unseen: list[Unseen] = []

    def observed(self) -> Observed:
        """Read the DaemonSets, then the settings of the plugins among them, and then the pods of possible enforcers."""
        daemon_sets = tuple(self._daemon_sets())
        found = Observed(
            server=self._server,
            nodes=self._list(NODES, "/api/v1/nodes", SeenNode),
            daemon_sets=daemon_sets,
            cluster_roles=self._list(CLUSTER_ROLES, f"{_RBAC}/clusterroles", ClusterRole),
            cluster_role_bindings=self._list(CLUSTER_ROLE_BINDINGS, f"{_RBAC}/clusterrolebindings", ClusterRoleBinding),
            config_maps=dict(self._present([*config_map_paths(daemon_sets), KUBE_PROXY_CONFIG], ConfigMap)),
            services=dict(self._present([DNS_SERVICE], SeenService)),
            operator_objects=dict(self._present(operator_paths(daemon_sets), OperatorObject)),
        )
        unknown = [one for one, _ in unknown_enforcers(found)]
        pods = {one.key: self._pods(one) for one in [*shown_plugins(found), *unknown]}
        return msgspec.structs.replace(found, pods=pods, unseen=tuple(dict.fromkeys(self._unseen)))

    def _daemon_sets(self) -> Iterable[DaemonSet]:
        """The DaemonSets of all namespaces. If they may not be listed, those of the namespaces in which plugins run."""
        everywhere = self._list(DAEMON_SETS, "/apis/apps/v1/daemonsets", DaemonSet)
        if everywhere or not any(one.what == DAEMON_SETS for one in self._unseen):
            return everywhere
        paths = (f"/apis/apps/v1/namespaces/{name}/daemonsets" for name in _PLUGIN_NAMESPACES)
        # Without a name: that not all DaemonSets can be listed is recorded already.
        return (one for path in paths for one in self._list("", path, DaemonSet))

    def _pods(self, daemon_set: DaemonSet) -> tuple[SeenPod, ...]:
        labels = ",".join(f"{key}={value}" for key, value in daemon_set.spec.selector.match_labels.items())
        if not labels:  # only matchLabels are read; without them, the request would list every pod of the namespace
            self._unseen.append(Unseen(pods_of(daemon_set), "its selector has no labels"))
            return ()
        path = f"/api/v1/namespaces/{daemon_set.metadata.namespace}/pods"
        return self._list(pods_of(daemon_set), path, SeenPod, labels)

    def _list(self, what: str, path: str, shape: type[_Object], labels: str = "") -> tuple[_Object, ...]:
        """The objects of a list. If the server refuses, the result is empty, and `what` (if given) is recorded."""
        try:
            items = list_items(self._client, path, parameters={"labelSelector": labels} if labels else None)
            return tuple(msgspec.json.decode(item, type=shape) for item in items)
        except ApiStatusError as error:
            self._note(what, error)
        except msgspec.MsgspecError as error:
            raise LiveClusterError(f"{self._server}: {path} cannot be understood ({error})") from None
        return ()

    def _present(self, paths: Iterable[str], shape: type[_Object]) -> Iterator[tuple[str, _Object]]:
        """Yield the path and the object for each path that exists."""
        for path in paths:
            try:
                yield path, get_document(self._client, path, shape)
            except ApiStatusError as error:
                if error.code != httpx2.codes.NOT_FOUND:
                    self._note(path, error)
            except UnexpectedAnswerError as error:
                self._unseen.append(Unseen(path, str(error)))

    def _note(self, what: str, error: ApiStatusError) -> None:
        if error.code == httpx2.codes.UNAUTHORIZED:
            raise LiveClusterError(f"{self._server}: the credentials are not accepted: log in again ({error})")
        if what:
            self._unseen.append(Unseen(what, str(error)))
