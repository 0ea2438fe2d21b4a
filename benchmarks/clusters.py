"""Clusters of any size for measurements, structured like real ones.

Two shapes. *replicas*: workloads of many pods that differ only in what controllers write on them (`pod-template-hash`,
the name of a StatefulSet's pod), with the labels that Helm charts set. *unique*: every pod has labels of its own, and
policies read those labels: almost nothing can be folded, which is the worst case.

Objects are dicts in the API's shape, so that they can be written as manifests and be judged by the naive evaluator of
the tests; `decoded` brings them into the model. Equal plans give equal clusters.
"""

from collections.abc import Iterable, Iterator
from enum import StrEnum
from random import Random
from typing import Any
from zlib import crc32

import msgspec

from ringfence.model import objects as model
from ringfence.model.decoding import decode_json
from ringfence.model.kinds import KINDS

Object = dict[str, Any]
Labels = dict[str, str]

PODS_PER_NODE = 100


class Shape(StrEnum):
    """The degree to which pods are alike."""

    REPLICAS = "replicas"
    UNIQUE = "unique"


class Plan(msgspec.Struct, frozen=True):
    """The properties of a cluster."""

    pods: int
    policies: int
    namespaces: int
    replicas: int = 20
    shape: Shape = Shape.REPLICAS
    seed: int = 1
    cluster_policies: int = 0

    @property
    def pods_per_workload(self) -> int:
        """The number of pods of each workload."""
        return 1 if self.shape is Shape.UNIQUE else self.replicas

    @property
    def nodes(self) -> int:
        """The number of nodes for the pods."""
        return max(1, self.pods // PODS_PER_NODE)

    def __str__(self) -> str:
        ours = f", {self.cluster_policies:,} cluster policies" if self.cluster_policies else ""
        return f"{self.pods:,} pods, {self.policies:,} policies{ours}, shape {self.shape}"


class Chart(msgspec.Struct, frozen=True):
    """What a workload is made from: a program that listens on some ports."""

    name: str
    component: str
    kind: str
    ports: tuple[tuple[str, int], ...]
    host_network: bool = False


class Workload(msgspec.Struct, frozen=True):
    """A workload of a plan; `labels` are those that its author gave to its pods."""

    namespace: str
    name: str
    chart: Chart
    labels: Labels
    replicas: int


class Space(msgspec.Struct, frozen=True):
    """A namespace of a plan."""

    name: str
    labels: Labels
    workloads: tuple[Workload, ...]


CHARTS = (
    Chart("web", "frontend", "Deployment", (("http", 8080), ("metrics", 9113))),
    Chart("api", "backend", "Deployment", (("http", 8000), ("grpc", 9000), ("metrics", 9090))),
    Chart("worker", "backend", "Deployment", (("metrics", 9090),)),
    Chart("postgresql", "primary", "StatefulSet", (("tcp-postgresql", 5432), ("metrics", 9187))),
    Chart("gateway", "frontend", "Deployment", (("https", 8443), ("http", 8080))),
    Chart("scheduler", "backend", "Deployment", ()),
    Chart("redis", "cache", "StatefulSet", (("tcp-redis", 6379), ("metrics", 9121))),
    Chart("search", "backend", "Deployment", (("http", 9200), ("transport", 9300))),
)
NODE_EXPORTER = Chart("node-exporter", "exporter", "DaemonSet", (("metrics", 9100),), host_network=True)
SYSTEM = {
    "kube-system": Chart("coredns", "dns", "Deployment", (("dns", 53), ("metrics", 9153))),
    "monitoring": Chart("prometheus", "server", "StatefulSet", (("http-web", 9090),)),
    "ingress-nginx": Chart("ingress-nginx", "controller", "Deployment", (("http", 80), ("https", 443))),
}
"""Namespaces that every cluster has, and the workloads in them that others connect to."""

TEAMS = [f"group-{number:02}" for number in range(40)]
ENVIRONMENTS = ("production", "staging", "development")

FEATURES = {
    "tier": ("frontend", "backend", "cache", "primary"),
    "track": ("stable", "canary", "beta", "legacy"),
    "zone": ("a", "b", "c", "d"),
    "language": ("go", "java", "python", "rust"),
    "criticality": ("low", "medium", "high", "vital"),
    "data": ("none", "public", "personal", "secret"),
    "owner": ("search", "payments", "identity", "platform"),
    "storage": ("none", "local", "network", "object"),
}
"""What pods of the shape *unique* are labelled with, in more combinations than there are pods in a namespace."""


def spaces(plan: Plan) -> list[Space]:
    """The namespaces of a cluster with their workloads."""
    random = Random(plan.seed)
    names = [*SYSTEM, *(f"team-{number:03}" for number in range(plan.namespaces))][: plan.namespaces]
    workloads = plan.pods // plan.pods_per_workload
    return [
        Space(name, _space_labels(name, random), tuple(_workloads(plan, name, share, random)))
        for name, share in zip(names, _shares(workloads, plan.namespaces), strict=True)
    ]


def objects(plan: Plan) -> Iterator[Object]:
    """All objects of a cluster but its policies: namespaces, nodes, workloads, pods."""
    found = spaces(plan)
    yield from (_object("v1", "Namespace", space.name, labels=space.labels) for space in found)
    yield from map(_node, range(plan.nodes))
    yield from (_workload(workload) for space in found for workload in space.workloads)
    number = 0
    for space in found:
        for workload in space.workloads:
            for replica in range(workload.replicas):
                # A scheduler spreads the pods of a workload over all nodes.
                yield _pod(workload, replica, node=number * 7_919 % plan.nodes, rank=2 + number // plan.nodes)
                number += 1


def decoded(found: Iterable[Object]) -> Iterator[model.Object]:
    """Model objects, each from JSON of its own: they share no text with one another, as after reading a file."""
    for one in found:
        kind = KINDS.find(one["apiVersion"], one["kind"])
        assert kind is not None
        built = decode_json(msgspec.json.encode(one), kind)
        assert built is not None
        yield kind.default(built)


# --- namespaces and workloads -----------------------------------------------------------------------------------------


def _shares(total: int, among: int) -> list[int]:
    """How many of `total` things each of `among` gets."""
    return [total // among + (number < total % among) for number in range(among)]


def _space_labels(name: str, random: Random) -> Labels:
    return {
        "team": TEAMS[random.randrange(len(TEAMS))],
        "environment": random.choice(("production", *ENVIRONMENTS)),
        "pod-security.kubernetes.io/enforce": "privileged" if name in SYSTEM else "restricted",
    }


def _workloads(plan: Plan, namespace: str, count: int, random: Random) -> Iterator[Workload]:
    own = [SYSTEM[namespace], NODE_EXPORTER] if namespace in SYSTEM else []
    for number, chart in enumerate([*own, *(CHARTS[at % len(CHARTS)] for at in range(count))][:count]):
        name = f"{chart.name}-{number}"
        labels = _own_labels if plan.shape is Shape.UNIQUE else _chart_labels
        yield Workload(namespace, name, chart, labels(chart, namespace, name, random), plan.pods_per_workload)


def _chart_labels(chart: Chart, namespace: str, name: str, random: Random) -> Labels:
    version = f"1.{random.randrange(40)}.{random.randrange(10)}"
    return {
        "app.kubernetes.io/name": chart.name,
        "app.kubernetes.io/instance": name,
        "app.kubernetes.io/component": chart.component,
        "app.kubernetes.io/part-of": namespace,
        "app.kubernetes.io/managed-by": "Helm",
        "app.kubernetes.io/version": version,
        "helm.sh/chart": f"{chart.name}-{version}",
    }


def _own_labels(chart: Chart, namespace: str, name: str, random: Random) -> Labels:
    features = {key: random.choice(values) for key, values in FEATURES.items()}
    return {"app": f"{name}.{namespace}", "app.kubernetes.io/name": chart.name, **features}


# --- objects in the API's shape ---------------------------------------------------------------------------------------


def _object(api_version: str, kind: str, name: str, **metadata: Any) -> Object:
    return {"apiVersion": api_version, "kind": kind, "metadata": {"name": name, **metadata}}


def _node(number: int) -> Object:
    addresses = [{"type": "InternalIP", "address": _node_address(number)}]
    return {**_object("v1", "Node", f"node-{number:04}"), "status": {"addresses": addresses}}


def _workload(workload: Workload) -> Object:
    template = {"metadata": {"labels": workload.labels}, "spec": _pod_spec(workload.chart)}
    head = _object("apps/v1", workload.chart.kind, workload.name, namespace=workload.namespace)
    selector = {"matchLabels": workload.labels}
    return {**head, "spec": {"replicas": workload.replicas, "selector": selector, "template": template}}


def _pod(workload: Workload, replica: int, node: int, rank: int) -> Object:
    """A pod as its controller makes it, with the address number `rank` of the range that its node gives to pods."""
    name, owner, added = _controlled(workload, replica)
    address = _node_address(node) if workload.chart.host_network else f"10.{42 + (node >> 8)}.{node & 255}.{rank}"
    head = _object(
        "v1",
        "Pod",
        name,
        namespace=workload.namespace,
        labels={**workload.labels, **added},
        ownerReferences=[{"apiVersion": "apps/v1", **owner, "controller": True}],
    )
    return {
        **head,
        "spec": {**_pod_spec(workload.chart), "nodeName": f"node-{node:04}"},
        "status": {"phase": "Running", "podIP": address, "podIPs": [{"ip": address}]},
    }


def _controlled(workload: Workload, replica: int) -> tuple[str, Object, Labels]:
    """What a controller decides: a pod's name, its owner, and the labels that it adds to the template's."""
    kind, name = workload.chart.kind, workload.name
    code = _letters(crc32(f"{workload.namespace}/{name}".encode()), 8)
    suffix = _letters(replica * 7_654_321, 5)
    match kind:
        case "Deployment":
            owner = {"kind": "ReplicaSet", "name": f"{name}-{code}"}
            return f"{name}-{code}-{suffix}", owner, {"pod-template-hash": code}
        case "StatefulSet":
            pod = f"{name}-{replica}"
            own = {"statefulset.kubernetes.io/pod-name": pod, "apps.kubernetes.io/pod-index": str(replica)}
            return pod, {"kind": kind, "name": name}, {"controller-revision-hash": f"{name}-{code}", **own}
        case _:
            added = {"controller-revision-hash": code, "pod-template-generation": "1"}
            return f"{name}-{suffix}", {"kind": kind, "name": name}, added


def _pod_spec(chart: Chart) -> Object:
    ports = [{"name": name, "containerPort": port, "protocol": "TCP"} for name, port in chart.ports]
    if chart.name == "coredns":
        ports.append({"name": "dns-udp", "containerPort": 53, "protocol": "UDP"})
    spec: Object = {"containers": [{"name": chart.name, "image": f"registry.example/{chart.name}:1", "ports": ports}]}
    return {**spec, "hostNetwork": True} if chart.host_network else spec


def _node_address(number: int) -> str:
    return f"192.168.{_two_bytes(number)}"


def _two_bytes(number: int) -> str:
    return f"{number >> 8 & 255}.{number & 255}"


_LETTERS = "bcdfghjklmnpqrstvwxz2456789"


def _letters(number: int, length: int) -> str:
    """A number in the letters of which controllers make names; different for all of 27 ** `length` numbers."""
    digits = []
    for _ in range(length):
        number, digit = divmod(number, len(_LETTERS))
        digits.append(_LETTERS[digit])
    return "".join(reversed(digits))
