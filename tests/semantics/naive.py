"""A deliberately naive evaluator of NetworkPolicies: one question at a time, by the sentences of the documentation.

It has no index, no set arithmetic and no compilation, and imports nothing from `ringfence`: objects are dicts in the
shape of the API, and every question walks all of them. The engine must give the same answers, only faster.

The comments restate the sentences of the Kubernetes documentation ("Network Policies") and of the API's field
descriptions that each step follows; where those leave something open, the comment says that the choice is ringfence's.
"""

from collections.abc import Iterable, Mapping
from ipaddress import collapse_addresses, ip_network
from typing import Any, NamedTuple

from tests.semantics import naive_cluster_policies
from tests.semantics.naive_world import (
    Address,
    Object,
    Party,
    ip_address,
    is_several,
    labels_of,
    name_of,
    namespace_labels,
    namespace_of,
    node_addresses,
    of_kind,
    party,
    uses_host_network,
)

INGRESS = "Ingress"
EGRESS = "Egress"
TIERS = ("Admin", "FrontPolicy", "NetworkPolicy", "BackPolicy", "Baseline")
"""The order in which policies are evaluated: tiers of the administrators (`naive_cluster_policies`), and kinds.

FrontPolicy and BackPolicy are artificial (`test_several_tiers`).
"""

TRAITS = "Traits"
"""The kind of an artificial object: the differences of a network plugin from upstream, one key for each trait."""


class Connection(NamedTuple):
    """A question over one address family in a world of objects. The port is the one at the destination."""

    world: list[Object]
    source: Party
    destination: Party
    protocol: str
    port: int
    family: int

    def ends(self, direction: str) -> tuple[Party, Party]:
        """The end whose policies count in this direction, and its peer."""
        return (self.destination, self.source) if direction == INGRESS else (self.source, self.destination)


class Pair(NamedTuple):
    """Two ends in a world of objects, and whether policies do not apply between them."""

    world: list[Object]
    source: Party
    destination: Party
    is_exempt: bool


def allowed(objects: Iterable[Object], source: str, destination: str, protocol: str, port: int) -> bool:
    """Whether `source` may open a connection to `port` of `destination`.

    Either end is a pod (`NAMESPACE/NAME`) or an address. A protocol other than TCP, UDP and SCTP has no ports: `port`
    is then ignored. Raises LookupError for a pod that is not there.
    """
    return allowed_between(pair_of(objects, source, destination), protocol, port)


def pair_of(objects: Iterable[Object], source: str, destination: str) -> Pair:
    """The two ends of connections that start at `source`, for questions about many ports of `destination`."""
    world = list(objects)
    opener, acceptor = party(world, source), party(world, destination)
    return Pair(world, opener, acceptor, is_exempt(world, opener, acceptor))


def is_exempt(world: list[Object], opener: Party, acceptor: Party) -> bool:
    """Whether a connection is allowed, whatever the policies say."""
    # A pod's loopback addresses are the pod itself.
    if opener.pod is not None and acceptor.pod is None and all(address.is_loopback for address in acceptor.addresses):
        return True
    # A pod cannot block access to itself, and what comes from its own node is always let in, whatever the policies and
    # the addresses: the probes of the kubelet never need a rule.
    is_itself = opener.pod is not None and acceptor.pod is not None and name_of(opener.pod) == name_of(acceptor.pod)
    is_itself = is_itself and opener.pod is not None and not is_several(world, name_of(opener.pod))
    if is_itself:
        return True
    # With some network plugins, policies apply to traffic of a node to its pods, or do not apply to the reverse.
    both_hosts = all(end.pod is not None and uses_host_network(end.pod) for end in (opener, acceptor))
    if acceptor.pod is not None and is_on_node(world, acceptor.pod, opener):
        return both_hosts or trait(world, "node_reaches_own_pods", True)
    return (
        opener.pod is not None and is_on_node(world, opener.pod, acceptor) and trait(world, "own_node", "") == "always"
    )


def trait(world: Iterable[Object], name: str, upstream: Any) -> Any:
    """The value of a trait of the network plugin, or upstream's value."""
    return next((one[name] for one in of_kind(world, TRAITS) if name in one), upstream)


def allowed_between(pair: Pair, protocol: str, port: int) -> bool:
    """As `allowed`."""
    world, opener, acceptor, is_exempt = pair
    if is_exempt:
        return True
    # A connection needs the egress of its source and the ingress of its destination; either refusing is enough.
    connections = [
        Connection(world, opener, acceptor, protocol, port, family) for family in families_between(opener, acceptor)
    ]
    return bool(connections) and all(
        side_allows(connection, EGRESS) and side_allows(connection, INGRESS) for connection in connections
    )


def families_between(source: Party, destination: Party) -> frozenset[int]:
    """The address families in which two ends meet, every one of which must say yes (ringfence's choice).

    Two pods meet in the families that both have. An outside address is met in its own family, whatever addresses the
    pod has: policies decide about the peer, and the network about the pod's addresses.
    """
    if source.pod is None:
        return source.families
    if destination.pod is None:
        return destination.families
    return source.families & destination.families


def is_on_node(world: list[Object], pod: Object, end: Party) -> bool:
    """Whether `end` is the node that the pod is on: one of the node's addresses, or a pod that shares them."""
    if end.pod is None:
        return bool(end.addresses & node_addresses(world, pod))
    node = pod["spec"].get("nodeName")
    return uses_host_network(end.pod) and node is not None and end.pod["spec"].get("nodeName") == node


def side_allows(connection: Connection, direction: str) -> bool:
    """Whether the policies at one end of the connection allow it."""
    subject, _ = connection.ends(direction)
    # An end outside the cluster has no policies, and a pod on its node's network is never a subject (ringfence's choice
    # of the two behaviours that upstream permits).
    if subject.pod is None or uses_host_network(subject.pod):
        return True
    # With plain flannel, policies are stored and nothing more.
    if not trait(connection.world, "enforced", True):
        return True
    # Tiers are evaluated in order. The first one that decides is final, and traffic that none decides is allowed.
    decisions = (decision(connection, subject.pod, kind, direction) for kind in TIERS)
    return next((decided for decided in decisions if decided is not None), True)


def decision(connection: Connection, pod: Object, kind: str, direction: str) -> bool | None:
    """The decision of the policies of one kind for the pod; None if they leave it to the next kind."""
    if kind == "NetworkPolicy":
        return network_policy_decision(connection, pod, direction)
    if kind in ("Admin", "Baseline"):
        return naive_cluster_policies.tier_decision(connection, pod, kind, direction)
    selecting = [policy for policy in of_kind(connection.world, kind) if selects(connection.world, policy, pod)]
    # The lowest priority comes first, the rules of a policy in the order written; the first that matches decides.
    for policy in sorted(selecting, key=lambda one: (one["spec"]["priority"], one["metadata"]["name"])):
        for rule in policy["spec"].get(direction.lower()) or ():
            if rule_matches(connection, policy, rule, direction):
                # A pass skips all remaining policies of this kind.
                return {"allow": True, "deny": False, "pass": None}[rule["action"]]
    # Being selected denies nothing: only a rule that matches does.
    return None


def selects(world: list[Object], policy: Object, pod: Object) -> bool:
    """Whether a cluster-scoped policy selects a pod: by its labels and those of its namespace."""
    spec = policy["spec"]
    return selector_matches(spec["namespaceSelector"], namespace_labels(world, namespace_of(pod))) and selector_matches(
        spec["podSelector"], labels_of(pod)
    )


def network_policy_decision(connection: Connection, pod: Object, direction: str) -> bool | None:
    """The decision of the NetworkPolicies for the pod."""
    world = connection.world
    isolating = [policy for policy in of_kind(world, "NetworkPolicy") if isolates(policy, pod, direction)]
    # With some network plugins, no policy selects a pod without an owner, or negative operators select nothing.
    if (
        not trait(world, "standalone_pods", True)
        and pod.get("kind") == "Pod"
        and not pod["metadata"].get("ownerReferences")
    ):
        isolating = []
    if not trait(world, "negations", True):
        isolating = [policy for policy in isolating if not has_negation(policy["spec"].get("podSelector"))]
    # Not isolated: all traffic in that direction is left to the next tier, and allowed if there is none.
    if not isolating:
        return None
    # With some network plugins, IPv6 is not restricted at all: over it, the known addresses of both ends are reached.
    _, peer = connection.ends(direction)
    if connection.family == 6 and peer.addresses and not trait(world, "ipv6", True):
        return True
    # Isolated: the union of the rules is allowed; their order does not matter and nothing subtracts.
    return any(
        rule_matches(connection, policy, rule or {}, direction)
        for policy in isolating
        for rule in policy["spec"].get(direction.lower()) or ()
    )


def isolates(policy: Object, pod: Object, direction: str) -> bool:
    """Whether the policy is in the pod's namespace, selects the pod, and is about this direction."""
    spec = policy["spec"]
    # Without policyTypes a policy is about ingress, and about egress only if it has any egress rule.
    types = spec.get("policyTypes") or ([INGRESS, EGRESS] if spec.get("egress") else [INGRESS])
    return (
        namespace_of(policy) == namespace_of(pod)
        and selector_matches(spec.get("podSelector"), labels_of(pod))
        and direction in types
    )


def rule_matches(connection: Connection, policy: Object, rule: Object, direction: str) -> bool:
    """Whether one rule of the policy matches: both its peers and its ports do.

    A missing or empty list of peers matches every peer, pod or not, and one of ports all traffic of any protocol.
    The entries of either list are ORed.
    """
    field = "from" if direction == INGRESS else "to"
    peers, ports = rule.get(field), rule.get("ports")
    # With some network plugins, an exception counts for every block of the policy in this direction.
    if peers and trait(connection.world, "excepts", "") == "every block":
        holes = [
            hole
            for one in policy["spec"].get(direction.lower()) or ()
            for peer in (one or {}).get(field) or ()
            for hole in (peer.get("ipBlock") or {}).get("except") or ()
        ]
        peers = [
            {"ipBlock": {**peer["ipBlock"], "except": holes}} if peer.get("ipBlock") is not None else peer
            for peer in peers
        ]
    _, other_end = connection.ends(direction)
    return (not peers or any(peer_matches(connection, policy, peer, other_end) for peer in peers)) and (
        not ports or any(port_matches(connection, port or {}) for port in ports)
    )


def peer_matches(connection: Connection, policy: Object, peer: Object, end: Party) -> bool:
    """Whether one entry of `from` or `to` matches the other end of the connection."""
    if peer.get("ipBlock") is not None:
        is_source = end is connection.source
        return block_matches(connection.world, peer["ipBlock"], end, connection.family, is_source=is_source)
    # Selectors match only pods, and no pod on its node's network (ringfence's choice).
    if end.pod is None or uses_host_network(end.pod):
        return False
    selectors = peer.get("podSelector"), peer.get("namespaceSelector")
    if any(map(has_negation, selectors)) and not trait(connection.world, "negations", True):
        return False
    # A podSelector alone looks in the policy's own namespace. A namespaceSelector looks in all namespaces that it #
    # matches, including the policy's own; a podSelector beside it must match as well.
    if peer.get("namespaceSelector") is None:
        in_reach = namespace_of(end.pod) == namespace_of(policy)
    else:
        in_reach = selector_matches(
            peer["namespaceSelector"], namespace_labels(connection.world, namespace_of(end.pod))
        )
    return in_reach and selector_matches(peer.get("podSelector"), labels_of(end.pod))


def block_matches(world: list[Object], block: Object, end: Party, family: int, *, is_source: bool = False) -> bool:
    """Whether an ipBlock matches: the address of this family lies in `cidr` and in none of `except`."""
    cidr = ip_network(block["cidr"], strict=False)
    holes = [ip_network(text, strict=False) for text in block.get("except") or ()]
    # With some network plugins, blocks match only addresses outside the cluster, or their exceptions are ignored.
    if is_node(world, end):
        if not trait(world, "blocks_match_nodes", True):
            return False
    elif end.pod is not None and not trait(world, "blocks_match_pods", True):
        return False
    if trait(world, "excepts", "") == "ignored":
        holes = []
    # A pod whose addresses are not known is matched only by a block of a whole family, less its `except` # (ringfence's
    # choice).
    if not end.addresses:
        own = [hole for hole in holes if hole.version == cidr.version]
        return cidr.prefixlen == 0 and list(collapse_addresses(own)) != [cidr]  # type: ignore[type-var]
    return any(
        any(one in cidr for one in meant) and not any(one in hole for one in meant for hole in holes)
        for address in end.addresses
        if address.version == family
        for meant in [addresses_meant(world, address) if is_source else {address}]
    )


def addresses_meant(world: list[Object], address: Address) -> set[Address]:
    """All addresses of the same family of the node that has one of them; otherwise this one alone.

    A node may send from any of its addresses, so a block matches all of them or none (ringfence's choice).
    """
    own = [
        {ip_address(entry["address"]) for entry in node["status"]["addresses"] if entry["type"] == "InternalIP"}
        for node in of_kind(world, "Node")
    ]
    together = set().union(*(some for some in own if address in some))
    return {address, *(one for one in together if one.version == address.version)}


def is_node(world: list[Object], end: Party) -> bool:
    """Whether an end is a node: an address of one, or a pod on its network."""
    if end.pod is not None:
        return uses_host_network(end.pod)
    nodes = (entry for node in of_kind(world, "Node") for entry in node.get("status", {}).get("addresses") or ())
    return bool(end.addresses & {ip_address(entry["address"]) for entry in nodes if entry["type"] == "InternalIP"})


def has_negation(selector: Object | None) -> bool:
    """Whether a selector has a negative operator."""
    expressions = (selector or {}).get("matchExpressions") or ()
    return any(one["operator"] in ("NotIn", "DoesNotExist") for one in expressions)


def port_matches(connection: Connection, entry: Object) -> bool:
    """Whether one entry of `ports` matches: its protocol, which is TCP unless it says otherwise, and its port."""
    protocol, port = entry.get("protocol") or "TCP", entry.get("port")
    if protocol != connection.protocol or (protocol == "SCTP" and not trait(connection.world, "sctp", True)):
        return False
    # Without a port: all ports of the protocol.
    if port is None:
        return True
    # A name is a container port of that name and protocol on the destination, whichever the direction.
    if isinstance(port, str):
        is_named = (port, protocol, connection.port) in named_ports(connection.destination)
        return is_named and trait(connection.world, "port_names", True)
    # A number, or the range up to endPort, which is part of it.
    last = (entry.get("endPort") or port) if trait(connection.world, "port_ranges", True) else port
    return bool(port <= connection.port <= last)


def named_ports(destination: Party) -> list[tuple[str, str, int]]:
    """The (name, protocol, number) of each named port at the destination.

    Every container counts, and every init container that keeps running (`restartPolicy: Always`). An address outside
    the cluster names no ports, nor does a pod on its node's network, which counts as its node's address.
    """
    if destination.pod is None or uses_host_network(destination.pod):
        return []
    spec = destination.pod["spec"]
    sidecars = [one for one in spec.get("initContainers") or () if one.get("restartPolicy") == "Always"]
    return [
        (port["name"], port.get("protocol") or "TCP", port["containerPort"])
        for container in [*(spec.get("containers") or ()), *sidecars]
        for port in container.get("ports") or ()
        if port.get("name")
    ]


def selector_matches(selector: Object | None, labels: Mapping[str, str]) -> bool:
    """Whether a label selector matches: all of matchLabels and all of matchExpressions; an empty one matches all."""
    selector = selector or {}
    return all(labels.get(key) == value for key, value in (selector.get("matchLabels") or {}).items()) and all(
        expression_matches(expression, labels) for expression in selector.get("matchExpressions") or ()
    )


def expression_matches(expression: Object, labels: Mapping[str, str]) -> bool:
    """Whether labels meet one requirement; `NotIn` and `DoesNotExist` are met by labels without the key."""
    key, values = expression["key"], expression.get("values") or ()
    match expression["operator"]:
        case "In":
            return key in labels and labels[key] in values
        case "NotIn":
            return key not in labels or labels[key] not in values
        case "Exists":
            return key in labels
        case _:
            return key not in labels
