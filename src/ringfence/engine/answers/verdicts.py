"""The traffic that is allowed from one source to one destination.

A connection between two pods needs the source's egress and the destination's ingress; with an end outside the cluster,
only the pod's side counts. Replies are always allowed, so only the direction in which a connection is opened matters.

Source: Kubernetes documentation, "Network Policies".
"""

from functools import reduce
from operator import and_
from typing import NamedTuple

from ringfence.engine.policies import End, PortQuestion
from ringfence.engine.population import Member, is_one_pod
from ringfence.engine.state import State
from ringfence.model.policies import Direction
from ringfence.plugins import OwnNode
from ringfence.sets.addresses import FAMILIES, LOOPBACK, NO_ADDRESSES, Addresses, Family
from ringfence.sets.partitions import Partition, merged
from ringfence.sets.traffic import ALL_TRAFFIC, NO_TRAFFIC, SinglePort, Traffic


class LedPort(NamedTuple):
    """A port of a Service, and the port of the destination to which it leads."""

    protocol: str
    service_port: int
    port: int

    @property
    def asked(self) -> Traffic:
        """The traffic to the port of the Service."""
        return Traffic.of(self.protocol, ((self.service_port, self.service_port),))

    @property
    def target(self) -> Traffic:
        """The traffic to the port of the destination."""
        return Traffic.of(self.protocol, ((self.port, self.port),))

    def seen_before(self, traffic: Traffic) -> Traffic:
        """Traffic by the ports of the destination, in which this port is allowed exactly if the Service port is."""
        is_allowed = traffic.contains(self.protocol, self.service_port)
        return traffic | self.target if is_allowed else traffic - self.target


Families = tuple[Family, ...]
"""The address families that a question is about: one, if it names an address."""


def allows(state: State, source: Member, destination: Member, port: SinglePort, over: Families = FAMILIES) -> bool:
    """Whether `source` may open a connection to a port of `destination`: `traffic_between` for one port, and faster."""
    if is_exempt(state, source, destination):
        return True
    families = relevant_families(state, source, destination, over)
    population, tiers = state.population, state.tiers
    opener, opened = population.identity_of(source), population.identity_of(destination)
    for family in families:
        question = PortQuestion(family, *port)
        # If one side denies, the other one is not evaluated.
        if not tiers.allows(opener, Direction.EGRESS, opened, question):
            return False
        if not tiers.allows(opened, Direction.INGRESS, opener, question):
            return False
    # Two pods without a common address family cannot meet, so nothing is allowed.
    return bool(families)


def traffic_between(state: State, source: End, destination: End, over: Families = FAMILIES) -> Traffic:
    """All traffic that `source` may open to `destination`; between two pods, over the families `over`.

    Two pods must be allowed over each of these families that both have; if they share none, nothing is allowed. No
    policy applies between two ends outside the cluster: everything is allowed.
    """
    if is_exempt(state, source, destination):
        return ALL_TRAFFIC
    allowed = [
        side_traffic(state, subject, direction, peer, over)
        for subject, direction, peer in (
            (source, Direction.EGRESS, destination),
            (destination, Direction.INGRESS, source),
        )
        if isinstance(subject, Member)
    ]
    return reduce(and_, allowed, ALL_TRAFFIC)


def traffic_through_service(state: State, source: Member, destination: Member, over: Families, led: LedPort) -> Traffic:
    """`traffic_between` for plugins that apply egress policies to the Service port, not to the target port."""
    if is_exempt(state, source, destination):
        return ALL_TRAFFIC
    egress = side_traffic(state, source, Direction.EGRESS, destination, over)
    return led.seen_before(egress) & side_traffic(state, destination, Direction.INGRESS, source, over)


def traffic_by_part(
    state: State, source: End, destination: End, over: Families = FAMILIES
) -> list[tuple[End, End, Traffic]]:
    """A source and a destination, divided into parts with the same allowed traffic.

    Two pods are one part. Addresses are divided where policies treat them differently.
    """
    if isinstance(source, Member) is isinstance(destination, Member) or is_exempt(state, source, destination):
        return [(source, destination, traffic_between(state, source, destination, over))]
    if isinstance(source, Member):
        cells = _outside(state, source, Direction.EGRESS, destination)
        return [(source, within, allowed) for within, allowed in cells]
    cells = _outside(state, destination, Direction.INGRESS, source)
    return [(within, destination, allowed) for within, allowed in cells]


def _outside(state: State, subject: End, direction: Direction, peer: End) -> Partition[Addresses, Traffic]:
    """The addresses of `peer` by the allowed traffic of a pod with them; with exempt addresses, all is allowed."""
    assert isinstance(subject, Member)
    assert isinstance(peer, Addresses)
    policed = policed_addresses(state, subject, direction, peer)
    found = state.tiers.allowed_addresses(state.identity(subject), direction, policed)
    exempt = peer - policed
    return merged([*found, (exempt, ALL_TRAFFIC)]) if exempt else found


def policed_addresses(state: State, subject: Member, direction: Direction, peer: Addresses) -> Addresses:
    """The addresses of `peer` to which the policies of a pod apply.

    They do not apply to loopback addresses, which are the pod itself, nor to its node, which reaches every pod on it.
    """
    exempt = exempt_addresses(state, subject, direction)
    if direction is Direction.EGRESS:
        return peer - LOOPBACK - exempt
    return peer - exempt


def exempt_addresses(state: State, pod: Member, direction: Direction) -> Addresses:
    """The addresses of a pod's node to which its policies do not apply in a direction."""
    if pod.host_network:
        return NO_ADDRESSES
    if direction is Direction.INGRESS:
        return node_addresses(state, pod) if state.traits.node_reaches_own_pods else NO_ADDRESSES
    return node_addresses(state, pod) if state.traits.own_node is OwnNode.ALWAYS else NO_ADDRESSES


def side_traffic(state: State, subject: Member, direction: Direction, peer: End, over: Families = FAMILIES) -> Traffic:
    """The traffic that the policies of `subject` alone allow with a peer, in one direction."""
    if isinstance(peer, Member):
        families = relevant_families(state, subject, peer, over)
        return reduce(
            and_,
            (traffic_over(state, subject, direction, peer, family) for family in families),
            ALL_TRAFFIC if families else NO_TRAFFIC,
        )
    policed = policed_addresses(state, subject, direction, peer)
    cells = state.tiers.allowed_addresses(state.identity(subject), direction, policed)
    return reduce(and_, (allowed for _, allowed in cells), ALL_TRAFFIC)


def traffic_between_two(state: State, pod: Member) -> Traffic:
    """The traffic allowed between two pods that are both like `pod`."""
    egress = side_traffic(state, pod, Direction.EGRESS, pod)
    return egress & side_traffic(state, pod, Direction.INGRESS, pod)


def traffic_over(state: State, subject: Member, direction: Direction, peer: Member, family: Family) -> Traffic:
    """The traffic that the policies of `subject` alone allow with another pod over one address family."""
    return state.tiers.allowed_with(state.identity(subject), direction, peer, family)


def relevant_families(state: State, a: Member, b: Member, over: Families = FAMILIES) -> Families:
    """The families in `over` that two pods share, without those that cannot make a difference."""
    common, others = a.families, b.families
    # Nearly all pods of a cluster have the same families, and equal tuples need no search.
    if common != others or over is not FAMILIES:
        common = tuple(family for family in common if family in others and family in over)
    if len(common) < 2:
        return common
    return state.population.decisive_families()


def is_exempt(state: State, source: End, destination: End) -> bool:
    """Whether no policy applies to a connection: a pod to itself, and a node to the pods that run on it (kubelet
    probes).

    A pod that connects to a loopback address connects to itself: this traffic never leaves its network namespace. A
    hostNetwork pod is its node, so two of the same node always reach each other, whatever addresses they report.
    """
    if is_one_pod(source, destination):
        return True
    if not isinstance(destination, Member):
        if not isinstance(source, Member) or not destination:
            return False
        # The addresses of the node are looked up only if the plugin exempts them: this function is called for every
        # pair.
        own = LOOPBACK if state.traits.own_node is not OwnNode.ALWAYS else exempt_of_source(state, source)
        return not destination - own
    if isinstance(source, Member):
        if not (source.host_network or destination.host_network) or not source.node or source.node != destination.node:
            return False
        traits = state.traits
        to_pod = source.host_network and (traits.node_reaches_own_pods or destination.host_network)
        return to_pod or (destination.host_network and traits.own_node is OwnNode.ALWAYS)
    # All addresses of the source must be the node's: a statement about several addresses is true for each of them.
    return bool(source) and not source - exempt_addresses(state, destination, Direction.INGRESS)


def exempt_of_source(state: State, source: Member) -> Addresses:
    """The addresses to which a pod always connects: its own loopback addresses, and those of its node."""
    return LOOPBACK | exempt_addresses(state, source, Direction.EGRESS)


def node_addresses(state: State, pod: Member) -> Addresses:
    """The addresses of a pod's node, as far as the node and the status of the pod contain them."""
    addresses = state.nodes.addresses_of(pod.node)
    # `status.hostIPs` of the pod, because manifests and namespaced readers often have pods without Node objects.
    for family, number in pod.host_addresses:
        addresses |= Addresses.in_family(family, ((number, number),))
    return addresses
