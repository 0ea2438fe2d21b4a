"""The policies of a made-up cluster: realistic ones, in realistic proportions.

Each namespace begins with the well-known ones (deny everything, allow DNS, allow the monitoring); the rest are about
single workloads: their clients and their servers, inside the namespace, in another one, or outside.
"""

from collections.abc import Callable, Iterator, Sequence
from random import Random
from typing import Any

from benchmarks.clusters import FEATURES, Object, Plan, Shape, Space, Workload, spaces

NAME_LABEL = "kubernetes.io/metadata.name"
OPEN_NAMESPACES = 0.15
"""The share of namespaces without a policy that denies by default."""


def policies(plan: Plan) -> Iterator[Object]:
    """All policies of a cluster."""
    random = Random(plan.seed)
    found = spaces(plan)
    for number, space in enumerate(found):
        count = plan.policies // len(found) + (number < plan.policies % len(found))
        makers = [*([] if random.random() < OPEN_NAMESPACES else _CLOSING), *_COMMON]
        makers += random.choices(_SPECIAL, k=max(0, count - len(makers)))
        for at, make in enumerate(makers[:count]):
            name = f"{make.__name__.strip('_').replace('_', '-')}-{at}"
            yield policy(space.name, name, make(_Author(plan, random, space, found)))


def policy(namespace: str, name: str, spec: Object) -> Object:
    """A NetworkPolicy."""
    metadata = {"name": name, "namespace": namespace}
    return {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": metadata, "spec": spec}


class _Author:
    """Makes the policies of a namespace, about some of its workloads."""

    def __init__(self, plan: Plan, random: Random, space: Space, others: Sequence[Space]) -> None:
        self.plan = plan
        self.random = random
        self.space = space
        self.other = random.choice(others)

    def workload(self, space: Space) -> Workload:
        return self.random.choice(space.workloads)

    def selector(self, space: Space) -> Object:
        """A selector that matches some workload of a namespace."""
        labels = self.workload(space).labels
        if self.plan.shape is Shape.UNIQUE:
            keys: Sequence[str] = self.random.sample(list(FEATURES), k=self.random.choice((1, 2, 2, 3)))
        else:
            keys = self.random.choice(_WAYS_TO_SELECT)
        return {"matchLabels": {key: labels[key] for key in keys}}

    def expressions(self, space: Space) -> Object:
        """A selector of matchExpressions, with each of the four operators in turn."""
        labels, more = self.workload(space).labels, self.workload(space).labels
        key = self.random.choice([key for key in _READ_KEYS if key in labels])
        values = sorted({labels[key], more[key]})
        term = self.random.choice(
            (
                {"key": key, "operator": "In", "values": values},
                {"key": key, "operator": "NotIn", "values": values},
                {"key": key, "operator": "Exists"},
                {"key": "pod-template-hash", "operator": "Exists"},
                {"key": "batch.kubernetes.io/job-name", "operator": "DoesNotExist"},
                {"key": "statefulset.kubernetes.io/pod-name", "operator": "DoesNotExist"},
            )
        )
        return {"matchExpressions": [term]}

    def ports(self, workload: Workload) -> list[Object]:
        """The ports of a workload: by number, more rarely by name."""
        by_name = self.random.random() < 0.2
        own = [{"protocol": "TCP", "port": name if by_name else port} for name, port in workload.chart.ports]
        return own or [{"protocol": "TCP", "port": 8080}]


_WAYS_TO_SELECT = (
    ("app.kubernetes.io/name",),
    ("app.kubernetes.io/instance",),
    ("app.kubernetes.io/name", "app.kubernetes.io/instance"),
    ("app.kubernetes.io/name", "app.kubernetes.io/component"),
    ("app.kubernetes.io/component",),
)
_PRIVATE = ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")
_READ_KEYS = ("app.kubernetes.io/instance", "app.kubernetes.io/name", "app.kubernetes.io/component", *FEATURES)


# --- what every namespace has -----------------------------------------------------------------------------------------


def _default_deny(author: _Author) -> Object:
    return {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}


def _allow_dns(author: _Author) -> Object:
    dns = {**_space_named("kube-system"), "podSelector": {"matchLabels": {"app.kubernetes.io/name": "coredns"}}}
    ports = [{"protocol": "UDP", "port": 53}, {"protocol": "TCP", "port": 53}]
    return {"podSelector": {}, "policyTypes": ["Egress"], "egress": [{"to": [dns], "ports": ports}]}


def _allow_monitoring(author: _Author) -> Object:
    server = {**_space_named("monitoring"), "podSelector": {"matchLabels": {"app.kubernetes.io/name": "prometheus"}}}
    return _ingress({}, [server], [{"protocol": "TCP", "port": "metrics"}])


def _allow_ingress_controller(author: _Author) -> Object:
    ports = [{"protocol": "TCP", "port": "http"}, {"protocol": "TCP", "port": "https"}]
    return _ingress(author.selector(author.space), [_space_named("ingress-nginx")], ports)


# --- what is about single workloads -----------------------------------------------------------------------------------


def _allow_caller(author: _Author) -> Object:
    """One workload of the namespace calls another."""
    callers = [{"podSelector": author.selector(author.space)} for _ in range(author.random.choice((1, 1, 2, 3)))]
    return _ingress(author.selector(author.space), callers, author.ports(author.workload(author.space)))


def _allow_callee(author: _Author) -> Object:
    callee = {"podSelector": author.selector(author.space)}
    return _egress(author.selector(author.space), [callee], author.ports(author.workload(author.space)))


def _allow_namespace(author: _Author) -> Object:
    """All pods of the namespace talk to each other."""
    peers: list[Object] = [{"podSelector": {}}]
    return {**_ingress({}, peers), **_egress({}, peers), "policyTypes": ["Ingress", "Egress"]}


def _allow_other_namespace(author: _Author) -> Object:
    peer = {**_space_named(author.other.name), "podSelector": author.selector(author.other)}
    return _ingress(author.selector(author.space), [peer], author.ports(author.workload(author.space)))


def _allow_to_other_namespace(author: _Author) -> Object:
    peer = {**_space_named(author.other.name), "podSelector": author.selector(author.other)}
    return _egress(author.selector(author.space), [peer], author.ports(author.workload(author.other)))


def _allow_team(author: _Author) -> Object:
    """All namespaces of a team, or of an environment."""
    key = author.random.choice(("team", "team", "environment"))
    peer = {"namespaceSelector": {"matchLabels": {key: author.space.labels[key]}}}
    return _ingress(author.selector(author.space), [peer], author.ports(author.workload(author.space)))


def _allow_by_expressions(author: _Author) -> Object:
    peers = [{"podSelector": author.expressions(author.space)}]
    return _ingress(author.expressions(author.space), peers, author.ports(author.workload(author.space)))


def _allow_port_range(author: _Author) -> Object:
    low = author.random.choice((8000, 9000, 30000))
    peers = [{"podSelector": author.selector(author.space)}]
    return _ingress(author.selector(author.space), peers, [{"protocol": "TCP", "port": low, "endPort": low + 999}])


def _allow_internet(author: _Author) -> Object:
    """The whole Internet, but nothing private."""
    peers = [{"ipBlock": {"cidr": "0.0.0.0/0", "except": [*_PRIVATE, "169.254.169.254/32"]}}]
    return _egress(author.selector(author.space), peers, [{"protocol": "TCP", "port": 443}])


def _allow_office(author: _Author) -> Object:
    """A network outside, less a part of it."""
    network = f"203.{author.random.randrange(64)}"
    peers = [{"ipBlock": {"cidr": f"{network}.0.0/16", "except": [f"{network}.{author.random.randrange(256)}.0/24"]}}]
    return _ingress(author.selector(author.space), peers, author.ports(author.workload(author.space)))


def _allow_private(author: _Author) -> Object:
    """The nodes and everything else that is not the Internet."""
    private = [{"ipBlock": {"cidr": cidr}} for cidr in _PRIVATE]
    return _ingress(author.selector(author.space), private, author.ports(author.workload(author.space)))


def _ingress(subject: Object, peers: list[Object], ports: Sequence[Object] = ()) -> Object:
    return _one_way("Ingress", "from", subject, peers, ports)


def _egress(subject: Object, peers: list[Object], ports: Sequence[Object] = ()) -> Object:
    return _one_way("Egress", "to", subject, peers, ports)


def _one_way(direction: str, field: str, subject: Object, peers: list[Object], ports: Sequence[Object]) -> Object:
    rule: dict[str, Any] = {field: peers, "ports": list(ports)}
    return {"podSelector": subject, "policyTypes": [direction], direction.lower(): [rule]}


def _space_named(name: str) -> Object:
    return {"namespaceSelector": {"matchLabels": {NAME_LABEL: name}}}


_Maker = Callable[[_Author], Object]
_CLOSING: list[_Maker] = [_default_deny, _allow_dns]
_COMMON: list[_Maker] = [_allow_monitoring, _allow_ingress_controller]
_SPECIAL: list[_Maker] = [
    *([_allow_caller] * 6),
    *([_allow_callee] * 6),
    *([_allow_other_namespace] * 3),
    *([_allow_to_other_namespace] * 3),
    *([_allow_by_expressions] * 2),
    *([_allow_internet] * 2),
    _allow_namespace,
    _allow_team,
    _allow_port_range,
    _allow_office,
    _allow_private,
]
