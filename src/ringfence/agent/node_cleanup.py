"""Removing the rules from all nodes, after the agents have been uninstalled.

The rules outlive the agent by design, so they stay in force after it is uninstalled. The clean-up Job has one pod. This
pod creates another pod on each Node, with its own image and security context, which removes the rules of its Node and
ends. The Job's pod waits for these pods, deletes them, and names the Nodes that were not cleaned.

Source: kubernetes.io, "Assigning Pods to Nodes" (`nodeName`); helm.sh, "Chart Hooks".
"""

import time
from collections.abc import Callable, Iterable, Mapping
from hashlib import blake2b
from typing import Any, Final, NamedTuple

import msgspec

from ringfence.errors import AgentError
from ringfence.sources.cluster import (
    ApiServer,
    ApiStatusError,
    create_object,
    delete_object,
    get_document,
    list_items,
)

COMMAND: Final = ("ringfence", "agent", "--cleanup")
"""The command of the pod on each Node."""

CLEANED_BY: Final = "ringfence.dev/cleaned-by"
"""The label of the pods on the Nodes: the UID of the pod that created them."""

_POLL: Final = 1.0
"""Seconds between two lists of the pods."""

_CONFLICT: Final = 409

_TAKEN_OVER: Final = ("image", "imagePullPolicy", "securityContext", "resources")
"""The fields that the container on a Node copies from the container of the Job."""


class OwnPod(NamedTuple):
    """The pod in which this process runs (downward API)."""

    namespace: str
    name: str

    @property
    def collection(self) -> str:
        """The path of all pods of its namespace in the API."""
        return f"/api/v1/namespaces/{self.namespace}/pods"


class _ObjectMetadata(msgspec.Struct, frozen=True):
    name: str = ""
    labels: dict[str, str] = {}


class _PodStatus(msgspec.Struct, frozen=True):
    phase: str = ""


class _ListedObject(msgspec.Struct, frozen=True):
    """The fields that are read of a Node or a pod."""

    metadata: _ObjectMetadata
    status: _PodStatus = _PodStatus()


def clean_nodes(
    api_server: ApiServer,
    own: OwnPod,
    timeout: float,
    *,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> list[str]:
    """Remove the rules from every Node that the `nodeSelector` of the own pod selects.

    Returns the names of these Nodes. Raises AgentError if the API server refuses a request, or with the names of the
    Nodes that are not clean after `timeout` seconds. Raises LiveClusterError if the API server cannot be reached.
    """
    deadline = clock() + timeout
    try:
        template = _template(api_server, own)
        nodes = _create_pods(api_server, own, template)
        selector = {"labelSelector": f"{CLEANED_BY}={template['metadata']['uid']}"}
        while (left := nodes.keys() - _succeeded(api_server, own, selector)) and clock() < deadline:
            sleep(_POLL)
        # Also those that have not succeeded: their containers would be restarted again and again.
        _delete_pods(api_server, own, nodes)
    except ApiStatusError as error:
        raise AgentError(f"the nodes cannot be cleaned: {error}") from None
    if left:
        raise AgentError(
            f"{len(left)} of {len(nodes)} nodes were not cleaned within {timeout:g} s: "
            f"{', '.join(sorted(nodes[name] for name in left))}: run `ringfence agent --cleanup` or "
            "`nft delete table inet ringfence` there"
        )
    return sorted(nodes.values())


def _template(api_server: ApiServer, own: OwnPod) -> Mapping[str, Any]:
    with api_server.client() as client:
        return get_document(client, f"{own.collection}/{own.name}", dict[str, Any], what="a Pod")


def _create_pods(api_server: ApiServer, own: OwnPod, template: Mapping[str, Any]) -> dict[str, str]:
    """Create a pod on each Node. Returns the names of the Nodes by the names of their pods."""
    selector: dict[str, str] = template["spec"].get("nodeSelector") or {}
    nodes: dict[str, str] = {}
    with api_server.client() as client:
        for item in list_items(client, "/api/v1/nodes"):
            node = msgspec.json.decode(item, type=_ListedObject).metadata
            if selector.items() <= node.labels.items():
                pod = pod_on(node.name, template)
                nodes[pod["metadata"]["name"]] = node.name
                try:
                    create_object(client, own.collection, pod)
                except ApiStatusError as error:
                    if error.code != _CONFLICT:  # the kubelet restarted this container, whose first run created the pod
                        raise
    return nodes


def _succeeded(api_server: ApiServer, own: OwnPod, selector: Mapping[str, str]) -> set[str]:
    """The names of the pods that have succeeded."""
    with api_server.client() as client:
        pods = (
            msgspec.json.decode(item, type=_ListedObject) for item in list_items(client, own.collection, 0, selector)
        )
        return {pod.metadata.name for pod in pods if pod.status.phase == "Succeeded"}


def _delete_pods(api_server: ApiServer, own: OwnPod, names: Iterable[str]) -> None:
    with api_server.client() as client:
        for name in names:
            delete_object(client, f"{own.collection}/{name}")


def pod_on(node: str, template: Mapping[str, Any]) -> dict[str, Any]:
    """The pod that cleans one Node. The Job's pod, `template`, owns it, so it is deleted with the Job's pod."""
    metadata, spec = template["metadata"], template["spec"]
    owner = {"apiVersion": "v1", "kind": "Pod", "name": metadata["name"], "uid": metadata["uid"]}
    # A digest, because the name of a Node may already have the greatest length of a pod's name.
    digest = blake2b(f"{metadata['uid']} {node}".encode(), digest_size=10).hexdigest()
    container = {field: value for field, value in spec["containers"][0].items() if field in _TAKEN_OVER}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": f"ringfence-cleanup-{digest}",
            "labels": {CLEANED_BY: metadata["uid"]},
            "ownerReferences": [owner],
        },
        "spec": {
            # Set here and not by the scheduler, which places no pods on a cordoned Node.
            "nodeName": node,
            "hostNetwork": True,
            # The container fails while the agent of the Node is still running, and the kubelet restarts it.
            "restartPolicy": "OnFailure",
            # The kubelet removes pods that do not tolerate a NoExecute taint, and Nodes with such taints have rules,
            # too.
            "tolerations": [{"operator": "Exists"}],
            "automountServiceAccountToken": False,
            "imagePullSecrets": spec.get("imagePullSecrets") or [],
            "containers": [{**container, "name": "cleanup", "command": COMMAND}],
        },
    }
