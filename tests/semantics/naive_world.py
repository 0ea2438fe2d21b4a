"""What is in a cluster, as the naive evaluator reads it: the pods that take part, their addresses, their namespaces.

Like `naive`, it walks all objects for every question, and imports nothing from `ringfence`.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from ipaddress import IPv4Address, IPv6Address
from ipaddress import ip_address as read_address
from math import inf
from typing import Any, NamedTuple

Object = Mapping[str, Any]
Address = IPv4Address | IPv6Address
FAMILIES = frozenset({4, 6})
TEMPLATED = ("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "ReplicationController", "Job", "CronJob")
NAME_LABEL = "kubernetes.io/metadata.name"

ip_address = cache(read_address)
"""The same few addresses are read for every question."""


class Party(NamedTuple):
    """One end of a connection: a pod with the addresses that are known of it, or an address without a pod."""

    pod: Object | None
    addresses: set[Address]

    @property
    def families(self) -> frozenset[int]:
        """The address families this end has; one whose addresses are not known may have either (ringfence's choice)."""
        return frozenset(address.version for address in self.addresses) or FAMILIES


def party(world: list[Object], text: str) -> Party:
    """The end of a connection that `text` names, a pod or an address. Raises LookupError for an unknown pod."""
    if "/" not in text:
        address = ip_address(text)
        # The address of a pod is that pod, with this address and no other.
        return Party(next(iter(owners_of(world, address)), None), {address})
    for pod in pods(world):
        if name_of(pod) == text:
            return Party(pod, addresses_of(world, pod))
    raise LookupError(text)


def pods(world: Iterable[Object]) -> list[Object]:
    """The pods that take part: all that have not ended.

    A workload without pods takes part as the pod that its template describes (ringfence's choice: manifests seldom have
    more than the template, a cluster has the pods), unless it is scaled to zero.
    """
    world = list(world)
    running = [pod for pod in of_kind(world, "Pod") if not has_ended(pod)]
    owners = [
        (namespace_of(pod), owner["kind"], owner["name"])
        for pod in running
        for owner in pod["metadata"].get("ownerReferences") or ()
    ]
    return running + [
        from_template(thing)
        for thing in world
        if thing["kind"] in TEMPLATED
        and (namespace_of(thing), thing["kind"], thing["metadata"]["name"]) not in owners
        and most_pods(world, thing) != 0
    ]


def has_ended(pod: Object) -> bool:
    """Whether no container of the pod runs or will run again: it has no network, whatever its status says."""
    if pod.get("status", {}).get("phase") in ("Succeeded", "Failed"):
        return True
    # The kubelet starts no container of a pod that is being deleted. A waiting one may have been started just before.
    names = {one["name"] for one in pod["spec"].get("containers") or ()}
    ended = {
        one["name"] for one in pod.get("status", {}).get("containerStatuses") or () if "terminated" in one["state"]
    }
    return is_being_deleted(pod) and bool(names) and names <= ended and not running_containers(pod)


def owners_of(world: list[Object], address: Address) -> list[Object]:
    """The pods of which each may have an address, given that all of them claim it (ringfence's choice).

    A pod keeps its address in its status for as long as its object exists. Only the kubelet writes the status, so only
    the status is evidence, and never how long a pod has claimed the address.
    """
    claimants = [pod for pod in pods(world) if not uses_host_network(pod) and address in addresses_of(world, pod)]
    # A property that some of them have, but not all, decides against the others.
    for is_likely in (
        # The ranges of a Node that is gone are given to other Nodes.
        lambda pod: pod["spec"].get("nodeName") in [node["metadata"]["name"] for node in of_kind(world, "Node")],
        # The kubelet says that the network is not there.
        lambda pod: network_condition(pod) != "False",
        # No container runs in it any more, and none will be started again.
        lambda pod: not is_being_deleted(pod) or running_containers(pod),
    ):
        claimants = [pod for pod in claimants if is_likely(pod)] or claimants
    # On one node, an address is reused after its owner has lost it: the pod seen later with a network has it. The
    # clocks of two nodes cannot be compared.
    seen = [max(times_with_network(pod), default="") for pod in claimants]
    if all(seen) and len({pod["spec"].get("nodeName") for pod in claimants}) == 1:
        claimants = [pod for pod, time in zip(claimants, seen, strict=True) if time == max(seen)]
    return claimants


def is_being_deleted(pod: Object) -> bool:
    """Whether the pod has been deleted: the object stays until the kubelet and all finalizers have finished."""
    return "deletionTimestamp" in pod["metadata"]


def container_states(pod: Object) -> list[Object]:
    """The states of all containers of any kind."""
    fields = ("containerStatuses", "initContainerStatuses", "ephemeralContainerStatuses")
    return [one["state"] for field in fields for one in pod.get("status", {}).get(field) or ()]


def running_containers(pod: Object) -> list[Object]:
    """The states of the containers that run."""
    return [state for state in container_states(pod) if "running" in state]


def network_condition(pod: Object) -> str:
    """The kubelet's condition about the pod's network: `True`, `False`, or none."""
    for condition in pod.get("status", {}).get("conditions") or ():
        if condition["type"] == "PodReadyToStartContainers":
            return str(condition["status"])
    return ""


def times_with_network(pod: Object) -> list[str]:
    """Times at which the pod had its network: the kubelet makes it before all containers and removes it after them."""
    times = [
        state[kind][field]
        for state in container_states(pod)
        for kind, field in (("running", "startedAt"), ("terminated", "finishedAt"))
        if kind in state
    ]
    for condition in pod.get("status", {}).get("conditions") or ():
        if condition["type"] == "PodReadyToStartContainers" and condition["status"] == "True":
            times.append(condition["lastTransitionTime"])
    return times


def most_pods(world: Iterable[Object], workload: Object) -> float:
    """How many pods a workload may have at the same time.

    A HorizontalPodAutoscaler may make more pods than the workload has, up to its `maxReplicas`. It does not change a
    workload that is scaled to zero, unless its own `minReplicas` is zero.
    """
    most = most_by_itself(workload)
    for scaler in of_kind(world, "HorizontalPodAutoscaler"):
        spec, named = scaler["spec"], (workload["kind"], workload["metadata"]["name"])
        scales_it = (spec["scaleTargetRef"]["kind"], spec["scaleTargetRef"]["name"]) == named
        is_left_alone = most_by_itself(workload) == 0 and spec.get("minReplicas") != 0
        if scales_it and namespace_of(scaler) == namespace_of(workload) and not is_left_alone:
            most = max(most, int(spec["maxReplicas"]))
    return most


def most_by_itself(workload: Object) -> float:
    """How many pods a workload may have at the same time by its own spec.

    `replicas` and `parallelism` are 1 if they are not set. A DaemonSet has a pod on each node, and a CronJob may start
    a Job before the last one has ended.
    """
    spec = workload["spec"]
    match workload["kind"]:
        case "DaemonSet":
            return inf
        case "CronJob":
            parallelism = int(spec["jobTemplate"]["spec"].get("parallelism", 1))
            return inf if parallelism and spec.get("concurrencyPolicy", "Allow") == "Allow" else parallelism
        case "Job":
            return int(spec.get("parallelism", 1))
        case _:
            return int(spec.get("replicas", 1))


def is_several(world: Sequence[Object], text: str) -> bool:
    """Whether `text` names a workload of which only the template is there, and that may have several pods.

    Asked about with itself, it is two different pods of it (ringfence's choice).
    """
    if any(name_of(pod) == text for pod in of_kind(world, "Pod")):
        return False
    return any(most_pods(world, thing) > 1 for thing in world if thing["kind"] in TEMPLATED and name_of(thing) == text)


def from_template(workload: Object) -> Object:
    """The pod that a workload makes: only the labels of its template are the pod's."""
    spec = workload["spec"]["jobTemplate"]["spec"] if workload["kind"] == "CronJob" else workload["spec"]
    template = spec["template"]
    name = {"name": workload["metadata"]["name"], "namespace": namespace_of(workload)}
    return {"metadata": {**template.get("metadata", {}), **name}, "spec": template["spec"]}


def addresses_of(world: list[Object], pod: Object) -> set[Address]:
    """The addresses known of a pod; if it uses its node's network, those of the node are its own."""
    own = status_addresses(pod, "podIP")
    return own | node_addresses(world, pod) if uses_host_network(pod) else own


def node_addresses(world: list[Object], pod: Object) -> set[Address]:
    """The addresses of the pod's node: those in the pod's status, and those of the Node object."""
    reported = {
        ip_address(entry["address"])
        for node in of_kind(world, "Node")
        if node["metadata"]["name"] == pod["spec"].get("nodeName")
        for entry in node.get("status", {}).get("addresses") or ()
        if entry["type"] == "InternalIP"
    }
    return reported | status_addresses(pod, "hostIP")


def status_addresses(pod: Object, field: str) -> set[Address]:
    """The addresses in the pod's status (`podIP` or `hostIP`): the plural field has all, the singular one the first."""
    status = pod.get("status", {})
    texts = [entry["ip"] for entry in status.get(f"{field}s") or ()] or [status.get(field)]
    return {ip_address(text) for text in texts if text}


def uses_host_network(pod: Object) -> bool:
    """Whether the pod has its node's network instead of one of its own."""
    return bool(pod["spec"].get("hostNetwork"))


def namespace_labels(world: list[Object], namespace: str) -> Mapping[str, str]:
    """A namespace's labels: those of its object, if there is one, and always its name."""
    own = [labels_of(one) for one in of_kind(world, "Namespace") if one["metadata"]["name"] == namespace]
    return {**(own[0] if own else {}), NAME_LABEL: namespace}


def of_kind(world: Iterable[Object], kind: str) -> Iterator[Object]:
    """The objects of one kind."""
    return (thing for thing in world if thing["kind"] == kind)


def labels_of(thing: Object) -> Mapping[str, str]:
    """The object's labels."""
    return thing["metadata"].get("labels") or {}


def namespace_of(thing: Object) -> str:
    """The namespace that an object is in."""
    return thing["metadata"].get("namespace") or "default"


def name_of(pod: Object) -> str:
    """The name of the pod in questions: `NAMESPACE/NAME`."""
    return f"{namespace_of(pod)}/{pod['metadata']['name']}"
