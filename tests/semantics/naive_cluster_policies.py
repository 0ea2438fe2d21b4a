"""The naive evaluator of the administrators' policies, by the sentences of the documentation.

The comments restate the field descriptions of ClusterNetworkPolicy v1alpha2 and, where they differ, those of
AdminNetworkPolicy and BaselineAdminNetworkPolicy v1alpha1.
"""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_address

from tests.semantics import naive, naive_world

TIER_OF_KIND = {"AdminNetworkPolicy": "Admin", "BaselineAdminNetworkPolicy": "Baseline"}
"""The kinds whose tier is not a field."""


def tier_decision(connection: naive.Connection, pod: naive_world.Object, tier: str, direction: str) -> bool | None:
    """The decision of the policies of one tier for the pod; None if they leave it to the next one."""
    selecting = [policy for policy in of_tier(connection.world, tier) if selects(connection.world, policy, pod)]
    # The lowest number is the highest precedence. Upstream does not define the order of equal ones; ringfence orders
    # them by name, and then by kind.
    for policy in sorted(selecting, key=place):
        # "The relative precedence of the rules within a single object will be determined by the order in which the rule
        # is written. Thus, a rule that appears at the top of the rules would take the highest precedence."
        for rule in policy["spec"].get(direction.lower()) or ():
            decided = rule_decision(connection, rule, direction)
            if decided is not None:
                # "Pass: skips further policies of this tier."
                return {"Accept": True, "Allow": True, "Deny": False, "Pass": None}[decided]
    # "Traffic that is not matched by any rule is left to the next tier": being a subject denies nothing.
    return None


def of_tier(world: list[naive_world.Object], tier: str) -> Iterator[naive_world.Object]:
    """The policies of a tier, of all its kinds."""
    for thing in world:
        kinds = ("ClusterNetworkPolicy", *TIER_OF_KIND)
        if thing["kind"] in kinds and TIER_OF_KIND.get(thing["kind"], thing["spec"].get("tier")) == tier:
            yield thing


def place(policy: naive_world.Object) -> tuple[int, str, str]:
    """The position of a policy in its tier, as a sort key."""
    kind = f"{policy['kind']}.{policy['apiVersion'].partition('/')[0]}"
    return (policy["spec"].get("priority", 0), policy["metadata"]["name"], kind)


def selects(world: list[naive_world.Object], policy: naive_world.Object, pod: naive_world.Object) -> bool:
    """Whether the policy selects the pod, which it never does if the pod uses its node's network."""
    return not naive_world.uses_host_network(pod) and pods_match(world, policy["spec"]["subject"], pod)


def pods_match(world: list[naive_world.Object], selection: naive_world.Object, pod: naive_world.Object) -> bool:
    """Whether a pod is in some namespaces, or in some namespaces and has some labels."""
    labels = naive_world.namespace_labels(world, naive_world.namespace_of(pod))
    if selection.get("pods") is None:
        return naive.selector_matches(selection["namespaces"], labels)
    pods = selection["pods"]
    return naive.selector_matches(pods.get("namespaceSelector"), labels) and naive.selector_matches(
        pods["podSelector"], naive_world.labels_of(pod)
    )


def rule_decision(connection: naive.Connection, rule: naive_world.Object, direction: str) -> str | None:
    """The action of a rule if it matches: both some peer and some port must."""
    peers = rule["from" if direction == naive.INGRESS else "to"]
    _, end = connection.ends(direction)
    entries = rule.get("protocols") or rule.get("ports")
    # Without ports, a rule matches all traffic of any protocol.
    if entries and not any(port_matches(connection, entry) for entry in entries):
        return None
    if rule["action"] in ("Deny", "Pass") and not all(map(is_known, peers)):
        # "If a peer has no field that is known, the rule must fail closed."
        return "Deny"
    return rule["action"] if any(peer_matches(connection, peer, end) for peer in peers) else None


def is_known(peer: naive_world.Object) -> bool:
    """Whether a peer has a field that an implementation of this version knows."""
    return any(peer.get(field) is not None for field in ("namespaces", "pods", "networks", "nodes", "domainNames"))


def peer_matches(connection: naive.Connection, peer: naive_world.Object, end: naive_world.Party) -> bool:
    """Whether one entry of `from` or `to` matches the other end of the connection."""
    if peer.get("networks") is not None:
        # Networks match all ends with an address in them, pods included.
        world, family = connection.world, connection.family
        return any(naive.block_matches(world, {"cidr": network}, end, family) for network in peer["networks"])
    if peer.get("nodes") is not None:
        return bool(end.addresses & addresses_of_nodes(connection, peer["nodes"]))
    # Selectors match only pods, and none that uses its node's network. The addresses of domain names are not known
    # here.
    if end.pod is None or naive_world.uses_host_network(end.pod) or not is_known(peer) or "domainNames" in peer:
        return False
    return pods_match(connection.world, peer, end.pod)


def addresses_of_nodes(connection: naive.Connection, selector: naive_world.Object) -> set[naive_world.Address]:
    """The addresses, of the family in question, of the nodes that a selector matches."""
    return {
        address
        for node in naive_world.of_kind(connection.world, "Node")
        if naive.selector_matches(selector, node["metadata"].get("labels") or {})
        for entry in node.get("status", {}).get("addresses") or ()
        for address in addresses(entry["address"])
        if address.version == connection.family
    }


def addresses(text: str) -> Iterator[naive_world.Address]:
    """The address that a text is; none, if it is the name of a host."""
    try:
        yield ip_address(text)
    except ValueError:
        return


def port_matches(connection: naive.Connection, entry: naive_world.Object) -> bool:
    """Whether one entry of `protocols` (or, in the older kinds, `ports`) matches."""
    name = entry.get("destinationNamedPort") or entry.get("namedPort")
    if name:
        # A name is a container port of the destination with that name, whatever its protocol.
        return (name, connection.protocol, connection.port) in naive.named_ports(connection.destination)
    for protocol in ("tcp", "udp", "sctp"):
        if entry.get(protocol):
            written = entry[protocol]["destinationPort"]
            return protocol.upper() == connection.protocol and number_matches(written, connection.port)
    number, among = entry.get("portNumber"), entry.get("portRange")
    if number:
        return (number.get("protocol", "TCP"), number["port"]) == (connection.protocol, connection.port)
    assert among
    is_inside = bool(among["start"] <= connection.port <= among["end"])
    return is_inside and bool(among.get("protocol", "TCP") == connection.protocol)


def number_matches(written: naive_world.Object, port: int) -> bool:
    """Whether a port is the one that is written, or in the range that is."""
    if written.get("range"):
        return bool(written["range"]["start"] <= port <= written["range"]["end"])
    return bool(written["number"] == port)
