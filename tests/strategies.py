"""Random clusters for hypothesis: small, and biased towards cases in which policies affect pods.

There are few label keys, values, names, ports and addresses. So selectors match, ranges contain port numbers, blocks
split the addresses of the pods, and a port name has different numbers and protocols in different pods. Parts are
sampled from lists of significant ones rather than composed at random, which would give empty parts most of the time.
Everything is a valid dict in the form of the API.
"""

from ipaddress import ip_network
from itertools import product, starmap
from typing import Any

from hypothesis import strategies as st

from tests.semantics.objects import (
    NAME_LABEL,
    Object,
    autoscaler,
    block,
    container_port,
    key_of,
    labelled,
    namespace,
    node,
    owned,
    pod,
    policy,
    port,
    stored,
    term,
    workload,
)

Strategy = st.SearchStrategy[Any]

NAMESPACES = ("x", "y", "z")
POD_NAMES = ("a", "b", "c")
WORKLOADS = {"d": "Deployment", "t": "StatefulSet", "k": "CronJob"}
OWNER = "t"
"""The StatefulSet that some pods belong to, whether or not it is there."""
POLICY_NAMES = ("p", "q", "r")
LABELS: list[dict[str, str]] = [
    {},
    {"app": "1"},
    {"app": "1"},
    {"app": "2"},
    {"app": ""},
    {"app": "1", "tier": "1"},
    {"app": "2", "tier": "2"},
]
PROTOCOLS = ("TCP", "UDP", "SCTP")

POD_ADDRESSES = {
    f"{namespace}/{name}": (f"10.0.{i}.{j}", f"fd00::{i}:{j}")
    for i, namespace in enumerate(NAMESPACES)
    for j, name in enumerate(POD_NAMES)
}
"""Addresses of pods; no two pods have the same one."""
NODE_ADDRESSES = {"m": ("192.168.0.1", "fd09::1"), "n": ("192.168.0.2", "fd09::2")}
OUTSIDE = ("192.0.2.1", "203.0.113.7", "10.0.9.9", "2001:db8::1", "fd00::9:9")
"""Addresses to ask about that belong to no pod and no node."""

SELECTORS: list[Object] = [
    {},
    {},
    {},
    labelled(app="1"),
    labelled(app="1"),
    labelled(app="2"),
    labelled(app=""),
    labelled(app="1", tier="1"),
    term("app", "In", "1", "2"),
    term("app", "In", "1", "1"),
    term("app", "In", "", "2"),
    term("app", "NotIn", "1"),
    term("app", "NotIn", "", "2"),
    term("tier", "Exists"),
    term("tier", "DoesNotExist"),
    {"matchLabels": {"app": "1"}, "matchExpressions": [{"key": "tier", "operator": "DoesNotExist"}]},
    {
        "matchExpressions": [
            {"key": "app", "operator": "Exists", "values": []},
            {"key": "app", "operator": "NotIn", "values": ["1"]},
        ]
    },
    {"matchLabels": None, "matchExpressions": []},
]
NAMESPACE_SELECTORS = [
    *SELECTORS,
    labelled(**{NAME_LABEL: "x"}),
    term(NAME_LABEL, "In", "x", "y"),
    term(NAME_LABEL, "NotIn", "x"),
    term(NAME_LABEL, "Exists"),
]

CIDRS = (
    "0.0.0.0/0",
    "0.0.0.0/0",
    "::/0",
    "::/0",
    "0.0.0.0/1",
    "128.0.0.0/1",
    "10.0.0.0/8",
    "10.0.0.0/24",
    "10.0.0.0/31",
    "10.0.0.1/32",
    "192.0.2.0/24",
    "192.168.0.0/30",
    "192.168.0.1/32",
    "::/1",
    "8000::/1",
    "fd00::/8",
    "fd00::/112",
    "fd00::/127",
    "fd00::1/128",
    "fd09::/126",
    "2001:db8::/32",
)
"""CIDRs of both families around the addresses of pods and nodes and others; some are exceptions of others."""

PORT_NUMBERS = (1, 53, 80, 81, 90, 65535)
PORT_NAMES = ("http", "dns")
PORTS: list[Object] = [
    {},
    *({"protocol": protocol} for protocol in PROTOCOLS),
    {"port": 80},
    {"port": 80, "endPort": 90},
    {"port": 53},
    {"port": 53, "protocol": "UDP"},
    *(port(number, protocol) for number in PORT_NUMBERS for protocol in PROTOCOLS),
    *(port(80, protocol, to=end) for end in (80, 81, 90, 65535) for protocol in PROTOCOLS),
    port(1, to=65535),
    {"port": "http"},
    *(port(name, protocol) for name in PORT_NAMES for protocol in PROTOCOLS),
]
CONTAINER_PORTS = [
    *starmap(container_port, product(PORT_NAMES, (53, 80, 85), PROTOCOLS)),
    {"containerPort": 80},
    {"containerPort": 80, "name": "http"},
]


POLICY_TYPES: list[Object] = [
    {},
    {"policyTypes": None},
    {"policyTypes": []},
    {"policyTypes": ["Ingress"]},
    {"policyTypes": ["Egress"]},
    {"policyTypes": ["Ingress", "Egress"]},
    {"policyTypes": ["Egress", "Ingress"]},
    {"policyTypes": ["Ingress", "Ingress"]},
]
PHASES = (*["Running"] * 5, "Pending", "Succeeded", "Failed")


def several(entries: Strategy, least: int, most: int) -> Strategy:
    """Lists of `least` to `most` entries, each length as likely as the others."""
    # Created once: hypothesis validates every new strategy, which takes longer than drawing from it.
    of_size = {size: st.lists(entries, min_size=size, max_size=size) for size in range(least, most + 1)}
    return st.integers(least, most).flatmap(lambda size: of_size[size])


def seldom(usual: Strategy, *unusual: Any) -> Strategy:
    """The usual value three times in four, otherwise one of the unusual values."""
    rare = st.sampled_from(unusual)
    return st.integers(0, 3).flatmap(lambda die: usual if die else rare)


def paths(names: tuple[str, ...]) -> Strategy:
    """`NAMESPACE/NAME`; half of them are in the first namespace, so that policies meet pods."""
    return st.builds("{}/{}".format, st.sampled_from([NAMESPACES[0], *NAMESPACES]), st.sampled_from(names))


def is_strictly_inside(hole: str, cidr: str) -> bool:
    """Whether `hole` is a valid exception of `cidr`."""
    inner, outer = ip_network(hole), ip_network(cidr)
    return inner.version == outer.version and inner.prefixlen > outer.prefixlen and inner.network_address in outer


_EXCEPTIONS = {cidr: [hole for hole in CIDRS if is_strictly_inside(hole, cidr)] for cidr in CIDRS}
_some_exceptions = {
    cidr: st.lists(st.sampled_from(holes), max_size=2) if holes else st.just([]) for cidr, holes in _EXCEPTIONS.items()
}


@st.composite
def blocks(draw: st.DrawFn) -> Object:
    """Peers that are address blocks of either family, some with exceptions."""
    cidr = draw(st.sampled_from(CIDRS))
    return block(cidr, *draw(_some_exceptions[cidr]))


pod_selectors = st.sampled_from(SELECTORS)
namespace_selectors = st.sampled_from(NAMESPACE_SELECTORS)
peers = st.one_of(
    st.fixed_dictionaries({"podSelector": pod_selectors}),
    st.fixed_dictionaries({"namespaceSelector": namespace_selectors}),
    st.fixed_dictionaries({"podSelector": pod_selectors, "namespaceSelector": namespace_selectors}),
    blocks(),
)
some_peers = seldom(several(peers, 1, 3), None, [])
some_ports = seldom(several(st.sampled_from(PORTS), 1, 3), None, [])


def rules(direction: str, peers_field: str) -> Strategy:
    """The rules of a policy in one direction: none, an empty list, or rules of which some parts may be missing."""
    listed = several(st.fixed_dictionaries({peers_field: some_peers, "ports": some_ports}), 1, 3)
    return seldom(listed.map(lambda rules: {direction: rules}), {}, {direction: None}, {direction: []})


policies = st.builds(
    lambda path, spec: policy(path, **spec),
    paths(POLICY_NAMES),
    st.builds(
        lambda subject, types, ingress, egress: {"podSelector": subject, **types, **ingress, **egress},
        pod_selectors,
        st.sampled_from(POLICY_TYPES),
        rules("ingress", "from"),
        rules("egress", "to"),
    ),
)


containers = st.builds(
    lambda ports, restart: {"name": "server", "image": "example.org/server:1", "ports": ports, **restart},
    several(st.sampled_from(CONTAINER_PORTS), 0, 2),
    st.sampled_from([{}, {"restartPolicy": "Always"}]),
)


_pod_paths = paths(POD_NAMES)
_some_containers, _some_init_containers = several(containers, 1, 2), several(containers, 0, 1)


@st.composite
def pods(draw: st.DrawFn) -> Object:
    """Pods with no, one or two addresses, with or without a node. Some have hostNetwork; some have ended."""
    path, where = draw(_pod_paths), draw(st.sampled_from([None, *NODE_ADDRESSES]))
    host_network = draw(st.integers(0, 3)) == 3
    placing: Object = {"nodeName": where} if where else {}
    if host_network:
        placing["hostNetwork"] = True
    drawn = pod(
        path,
        draw(st.sampled_from(LABELS)),
        phase=draw(st.sampled_from(PHASES)),
        containers=draw(_some_containers),
        initContainers=draw(_some_init_containers),
        **placing,
    )
    if not host_network:
        drawn["status"] |= draw(statuses("podIP", *POD_ADDRESSES[path]))
    elif where:
        drawn["status"] |= draw(statuses("podIP", *NODE_ADDRESSES[where]) | statuses("hostIP", *NODE_ADDRESSES[where]))
    # A stored pod may have duplicate ports that no server would accept, with the same meaning.
    drawn = stored(drawn)
    return owned(drawn, "StatefulSet", OWNER) if draw(st.integers(0, 2)) == 2 else drawn


def statuses(field: str, four: str, six: str) -> Strategy:
    """The addresses in a status: none, the first, or all of them in either order."""
    listed = [(), (four,), (six,), (four, six), (six, four)]
    return st.sampled_from([{field: four}, *({f"{field}s": [{"ip": one} for one in every]} for every in listed)])


def scaled(path: str, template: Object, number: int) -> Object:
    """A workload with this many replicas, or with this many pods for each of its Jobs."""
    kind = WORKLOADS[path.partition("/")[2]]
    return stored(workload(path, kind, template, **{"parallelism" if kind == "CronJob" else "replicas": number}))


workloads = st.builds(scaled, paths(tuple(WORKLOADS)), pods(), st.sampled_from([3, 1, 3, 0]))
autoscalers = st.builds(
    lambda path, most, least: autoscaler(path, WORKLOADS[path.partition("/")[2]], most, least),
    paths(("d", "t")),
    st.sampled_from([3, 1]),
    st.sampled_from([None, 0, 1]),
)
namespaces = st.builds(
    lambda name, labels: namespace(name, **labels), st.sampled_from(NAMESPACES), st.sampled_from(LABELS)
)
nodes = st.builds(
    lambda name, families: node(name, *(NODE_ADDRESSES[name][family] for family in families)),
    st.sampled_from(sorted(NODE_ADDRESSES)),
    st.sampled_from([(), (0,), (1,), (0, 1)]),
)

objects = st.one_of(pods(), policies, workloads, autoscalers, namespaces, nodes)
"""One object of any kind."""


_parts = (
    several(pods(), 2, 5),
    several(workloads, 0, 1),
    several(autoscalers, 0, 1),
    several(policies, 1, 6),
    several(namespaces, 0, 3),
    several(nodes, 1, 2),
)
"""The objects of a cluster by kind."""


@st.composite
def clusters(draw: st.DrawFn) -> list[Object]:
    """Whole clusters: no two objects have the same kind and name. The order is random."""
    drawn = [obj for part in _parts for obj in draw(part)]
    return draw(st.permutations(list({key_of(obj): obj for obj in drawn}.values())))
