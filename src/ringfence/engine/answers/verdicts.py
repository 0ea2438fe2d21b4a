"""One source, one destination: what traffic passes.

A connection between two pods needs the source's egress and the destination's ingress; with an end outside the cluster,
only the pod's side counts. Replies are free, so only the direction in which a connection is opened matters.

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
from ringfence.sets.traffic import ALL_TRAFFIC, NO_TRAFFIC, Traffic


class LedPort(NamedTuple):
    """A port of a Service, and the port of the destination to which it leads."""

    protocol: str
    service_port: int
    port: int

    @property
    def asked(self) -> Traffic:
        """The traffic to the port of the Service."""
        return Traffic.of(self.protocol, ((self.service_port, self.service_port),))

    def seen_before(self, traffic: Traffic) -> Traffic:
        """Traffic by the ports of the destination, of which this one passes if the port of the Service does."""
        target = Traffic.of(self.protocol, ((self.port, self.port),))
        is_allowed = traffic.contains(self.protocol, self.service_port)
        return traffic | target if is_allowed else traffic - target


Families = tuple[Family, ...]
"""The address families that a question is about: one, if it names an address."""


def allows(
    state: State, source: Member, destination: Member, protocol: str, port: int, over: Families = FAMILIES
) -> bool:
    """Whether `source` may open a connection to a port of `destination`: `traffic_between` for one port, and faster."""
    if is_exempt(state, source, destination):
        return True
    families = relevant_families(state, source, destination, over)
    population, tiers = state.population, state.tiers
    opener, opened = population.identity_of(source), population.identity_of(destination)
    for family in families:
        question = PortQuestion(family, protocol, port)
        if not tiers.allows(opener, Direction.EGRESS, opened, question):
            return False
        if not tiers.allows(opened, Direction.INGRESS, opener, question):
            return False
    return bool(families)


def traffic_between(state: State, source: End, destination: End, over: Families = FAMILIES) -> Traffic:
    """All traffic that `source` may open to `destination`, between two pods over the families `over`.

    Two pods with several addresses must be allowed over each of these families that both have; two that have none of
    them in common cannot meet. Between two ends outside the cluster no policy decides: all is allowed.
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
    """`traffic_between`, where the egress policies of the source see the port of the Service, not the target port."""
    if is_exempt(state, source, destination):
        return ALL_TRAFFIC
    egress = side_traffic(state, source, Direction.EGRESS, destination, over)
    return led.seen_before(egress) & side_traffic(state, destination, Direction.INGRESS, source, over)


def traffic_by_part(
    state: State, source: End, destination: End, over: Families = FAMILIES
) -> list[tuple[End, End, Traffic]]:
    """A source and a destination, divided by the addresses between which the same traffic passes.

    Two pods are one part. Of several addresses, some may be allowed what others are denied.
    """
    if isinstance(source, Member) is isinstance(destination, Member) or is_exempt(state, source, destination):
        return [(source, destination, traffic_between(state, source, destination, over))]
    if isinstance(source, Member):
        cells = _outside(state, source, Direction.EGRESS, destination)
        return [(source, within, allowed) for within, allowed in cells]
    cells = _outside(state, destination, Direction.INGRESS, source)
    return [(within, destination, allowed) for within, allowed in cells]


def _outside(state: State, subject: End, direction: Direction, peer: End) -> Partition[Addresses, Traffic]:
    """The addresses of `peer`, by the traffic that a pod may have with them: its policies do not decide about all."""
    assert isinstance(subject, Member)
    assert isinstance(peer, Addresses)
    policed = policed_addresses(state, subject, direction, peer)
    found = state.tiers.allowed_addresses(state.identity(subject), direction, policed)
    exempt = peer - policed
    return merged([*found, (exempt, ALL_TRAFFIC)]) if exempt else found


def policed_addresses(state: State, subject: Member, direction: Direction, peer: Addresses) -> Addresses:
    """The addresses of `peer` about which the policies of a pod decide.

    Not about its loopback addresses, which are the pod itself, and not about its node, which reaches every pod on it.
    """
    exempt = exempt_addresses(state, subject, direction)
    if direction is Direction.EGRESS:
        return peer - LOOPBACK - exempt
    return peer - exempt


def exempt_addresses(state: State, pod: Member, direction: Direction) -> Addresses:
    """The addresses of its node about which the policies of a pod do not decide in a direction."""
    if pod.host_network:
        return NO_ADDRESSES
    if direction is Direction.INGRESS:
        return node_addresses(state, pod) if state.traits.node_reaches_own_pods else NO_ADDRESSES
    return node_addresses(state, pod) if state.traits.own_node is OwnNode.ALWAYS else NO_ADDRESSES


def side_traffic(state: State, subject: Member, direction: Direction, peer: End, over: Families = FAMILIES) -> Traffic:
    """What the policies of `subject` alone allow with a peer, in one direction."""
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
    """What would pass between two pods, both of which are as `pod` is."""
    egress = side_traffic(state, pod, Direction.EGRESS, pod)
    return egress & side_traffic(state, pod, Direction.INGRESS, pod)


def traffic_over(state: State, subject: Member, direction: Direction, peer: Member, family: Family) -> Traffic:
    """What the policies of `subject` alone allow with another pod that is reached over one address family."""
    return state.tiers.allowed_with(state.identity(subject), direction, peer, family)


def relevant_families(state: State, a: Member, b: Member, over: Families = FAMILIES) -> Families:
    """The families, of those in `over`, over which two pods can meet, less those that cannot make a difference."""
    common, others = a.families, b.families
    if common != others or over is not FAMILIES:
        common = tuple(family for family in common if family in others and family in over)
    if len(common) < 2:
        return common
    return state.population.decisive_families()


def is_exempt(state: State, source: End, destination: End) -> bool:
    """Whether no policy may forbid it: a pod to itself, and a node to the pods that run on it (kubelet probes).

    The loopback addresses to which a pod connects are its own: they never leave its network namespace.
    A hostNetwork pod is its node, so two of the same node always reach each other, whatever addresses they report.
    """
    if is_one_pod(source, destination):
        return True
    if not isinstance(destination, Member):
        if not isinstance(source, Member) or not destination:
            return False
        own = LOOPBACK if state.traits.own_node is not OwnNode.ALWAYS else exempt_of_source(state, source)
        return not destination - own
    if isinstance(source, Member):
        if not (source.host_network or destination.host_network) or not source.node or source.node != destination.node:
            return False
        traits = state.traits
        to_pod = source.host_network and (traits.node_reaches_own_pods or destination.host_network)
        return to_pod or (destination.host_network and traits.own_node is OwnNode.ALWAYS)
    return bool(source) and not source - exempt_addresses(state, destination, Direction.INGRESS)


def exempt_of_source(state: State, source: Member) -> Addresses:
    """The addresses to which a pod always connects: its own loopback addresses, and those of its node."""
    return LOOPBACK | exempt_addresses(state, source, Direction.EGRESS)


def node_addresses(state: State, pod: Member) -> Addresses:
    """The addresses of a pod's node, as far as the node and the status of the pod contain them."""
    addresses = state.nodes.addresses_of(pod.node)
    for family, number in pod.host_addresses:
        addresses |= Addresses.in_family(family, ((number, number),))
    return addresses
