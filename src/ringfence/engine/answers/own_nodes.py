"""Assumptions about traffic between a pod and its own node, which network plugins treat differently.

Upstream allows all traffic between a pod and the node on which it runs. From the node this is certain, because the
probes of the kubelet depend on it. For traffic to the node, many plugins apply the egress policies of the pod, and so
does the engine. Upstream does not define either whether a hostNetwork pod counts as its node, and manifests seldom say
on which node a pod runs. An assumption is named only if the answer could differ.

Source: Kubernetes documentation, "Network Policies", "NetworkPolicy and hostNetwork pods".
"""

from collections.abc import Iterator, Sequence
from typing import Final

from ringfence.engine.answers.reasons import SideReason
from ringfence.engine.answers.sides import Side
from ringfence.engine.answers.verdicts import node_addresses, side_traffic, traffic_by_part
from ringfence.engine.policies import end_text
from ringfence.engine.population import Member, addresses_of
from ringfence.engine.state import State
from ringfence.model.policies import Direction
from ringfence.plugins import OwnNode
from ringfence.sets.addresses import NO_ADDRESSES, Addresses
from ringfence.sets.traffic import ALL_TRAFFIC, Traffic

_MOST_NAMES: Final = 3
ALWAYS_REACHED: Final = {
    Direction.INGRESS: "a node always reaches the pods that run on it",
    Direction.EGRESS: "Kubernetes says that a pod always reaches its own node, and network plugins differ",
}


def own_node_assumptions(side: Side) -> Iterator[str]:
    """The assumptions of a side that denies something about the node of its subject."""
    if side.subject.host_network or is_settled(side.state, side.direction):
        return
    if isinstance(side.peer, Addresses):
        yield from _about_addresses(side, side.peer)
    elif side.peer.host_network:
        yield from _about_host(side, side.peer)


def is_settled(state: State, direction: Direction) -> bool:
    """Whether the network plugin is known to treat the node of a pod as any other end. Upstream does not define it."""
    return direction is Direction.EGRESS and state.traits.own_node is OwnNode.POLICY


def assumed_about_own_node(reason: SideReason, state: State, asked: Traffic | None) -> tuple[str, ...]:
    """The assumptions of a side that are about the node of its subject."""
    if not isinstance(reason.subject, Member):
        return ()
    side = Side(state, reason.subject, reason.direction, reason.peer, asked)
    # An assumption that the reason leaves out does not bear on the answer.
    return tuple(one for one in own_node_assumptions(side) if one in reason.assumptions)


def host_as_node_assumptions(side: Side) -> Iterator[str]:
    """The assumption about a hostNetwork pod that reaches the subject, a pod of its node, regardless of policies."""
    if not isinstance(side.peer, Member) or side.peer is side.subject or side.subject.host_network:
        return
    if _denies(side):
        yield (
            f"{side.peer} uses the network of the node of {side.subject}: its traffic is assumed to be that of the "
            "node, which always reaches the pods that run on it; network plugins differ"
        )


def _about_host(side: Side, host: Member) -> Iterator[str]:
    subject = side.subject
    # Both nodes are known and differ: this cannot be the pod's own node.
    if subject.node and host.node and subject.node != host.node:
        return
    if not _denies(side):
        return
    assumed = f"may run on the node of {subject}: it is assumed not to"
    if subject.node == host.node != "":
        assumed = f"uses the network of the node of {subject}: policies are assumed to apply"
    yield f"{host} {assumed}; {ALWAYS_REACHED[side.direction]}"


def _about_addresses(side: Side, peer: Addresses) -> Iterator[str]:
    subject = side.subject
    denied = _denied(side, peer)
    own = node_addresses(side.state, subject) & denied
    if own:
        reached = ALWAYS_REACHED[side.direction]
        yield f"{end_text(own)} is the node of {subject}: policies are assumed to apply; {reached}"
    if denied and not subject.node:
        possible = [name for name, node in side.state.nodes.items() if addresses_of(node) & (denied - own)]
        if possible:
            which = f"node {possible[0]}" if len(possible) == 1 else f"one of the nodes {_listed(possible)}"
            yield f"{subject} may run on {which}: it is assumed not to; {ALWAYS_REACHED[side.direction]}"


def _denies(side: Side) -> bool:
    traffic = side_traffic(side.state, side.subject, side.direction, side.peer, side.over)
    return bool((side.asked or ALL_TRAFFIC) - traffic)


def _denied(side: Side, peer: Addresses) -> Addresses:
    """The addresses for which some of the asked traffic is denied."""
    ends = (side.subject, peer) if side.direction is Direction.EGRESS else (peer, side.subject)
    denied = NO_ADDRESSES
    for source, destination, traffic in traffic_by_part(side.state, *ends):
        within = destination if side.direction is Direction.EGRESS else source
        if isinstance(within, Addresses) and (side.asked or ALL_TRAFFIC) - traffic:
            denied |= within
    return denied


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:_MOST_NAMES]) + (" ..." if len(names) > _MOST_NAMES else "")
