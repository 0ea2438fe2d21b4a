"""Pods and their own nodes: what an answer assumes about traffic between them, which network plugins treat differently.

Upstream allows all traffic between a pod and the node on which it runs. From the node this is certain: probes depend on
it. To the node many plugins apply the egress policies of the pod, and so does the engine. Whether a hostNetwork pod
counts as its node is open as well, and manifests seldom say on which node a pod runs. An assumption is named only where
the answer could be another one.

Source: Kubernetes documentation, "Network Policies", "NetworkPolicy and hostNetwork pods".
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Final

from ringfence.engine.answers.reasons import SideReason
from ringfence.engine.answers.sides import Side
from ringfence.engine.answers.verdicts import node_addresses, side_traffic, traffic_by_part
from ringfence.engine.policies import Action, end_text
from ringfence.engine.population import Identity, Member, addresses_of
from ringfence.engine.state import State
from ringfence.model.policies import Direction
from ringfence.plugins import OwnNode
from ringfence.sets.addresses import ALL_ADDRESSES, NO_ADDRESSES, Addresses
from ringfence.sets.traffic import ALL_TRAFFIC, Traffic

_MOST_NAMES: Final = 3
_USES: Final = ("uses the network of its node: its traffic is", "use the network of their nodes: their traffic is")
_ALWAYS: Final = {
    Direction.INGRESS: "a node always reaches the pods that run on it",
    Direction.EGRESS: "Kubernetes says that a pod always reaches its own node, and network plugins differ",
}


def own_node_assumptions(side: Side) -> Iterator[str]:
    """What a side that denies something assumes about the node on which its subject runs."""
    if side.subject.host_network or _is_settled(side.state, side.direction):
        return
    if isinstance(side.peer, Addresses):
        yield from _about_addresses(side, side.peer)
    elif side.peer.host_network:
        yield from _about_host(side, side.peer)


def _is_settled(state: State, direction: Direction) -> bool:
    """Whether the network plugin is known to treat the node of a pod as any other end, which upstream leaves open."""
    return direction is Direction.EGRESS and state.traits.own_node is OwnNode.POLICY


def assumed_about_own_node(reason: SideReason, state: State, asked: Traffic | None) -> tuple[str, ...]:
    """Those of the assumptions of a side that are about the node on which its subject runs, and nothing else."""
    if not isinstance(reason.subject, Member):
        return ()
    side = Side(state, reason.subject, reason.direction, reason.peer, asked)
    return tuple(one for one in own_node_assumptions(side) if one in reason.assumptions)


def host_as_node_assumptions(side: Side) -> Iterator[str]:
    """What is assumed of a hostNetwork pod that reaches the subject, a pod of its node, whatever its policies say."""
    if not isinstance(side.peer, Member) or side.peer is side.subject or side.subject.host_network:
        return
    if _denies(side):
        yield (
            f"{side.peer} uses the network of the node of {side.subject}: its traffic is taken to be that of the node, "
            "which always reaches the pods that run on it; network plugins differ"
        )


def listed_node_assumptions(
    state: State, pods: Iterable[Member], destinations: Addresses = ALL_ADDRESSES
) -> Iterator[str]:
    """What a list of the connections of some pods assumes about them and their nodes, a line for each direction.

    `destinations` are the addresses to which the list has connections: what holds for others is not assumed.
    """
    by_identity: defaultdict[Identity, list[Member]] = defaultdict(list)
    for pod in pods:
        if not pod.host_network:
            by_identity[state.identity(pod)].append(pod)
    isolated: dict[Direction, list[Member]] = {direction: [] for direction in Direction}
    for identity, members in by_identity.items():
        for direction in Direction:
            if any(profile.otherwise is Action.DENY for profile in state.tiers.stack(identity, direction)):
                isolated[direction] += members
    of_hosts = _addresses_of_hosts(state)
    is_open = not _is_settled(state, Direction.EGRESS)
    if is_open and any(_addresses_of_node(state, pod, of_hosts) & destinations for pod in isolated[Direction.EGRESS]):
        yield f"isolated pods are taken to reach their own nodes only as policies allow: {_ALWAYS[Direction.EGRESS]}"

    def nodes(pods: Iterable[Member]) -> Addresses:
        return Addresses.union_of(_addresses_of_node(state, pod, of_hosts) for pod in pods) & destinations

    if is_open and any(_is_denied_some(state, identity, nodes, members) for identity, members in by_identity.items()):
        yield f"pods are taken to reach their own nodes only as cluster policies allow: {_ALWAYS[Direction.EGRESS]}"
    closed = isolated[Direction.INGRESS]
    anywhere = any(not pod.node for pod in closed)
    hosts = [str(host) for host in state.host_network_members() if closed and (anywhere or not host.node)]
    if hosts:
        yield (
            f"{_listed(sorted(hosts))} may run on the node of an isolated pod: taken not to, where a node is not "
            f"known; {_ALWAYS[Direction.INGRESS]}"
        )


def listed_host_assumptions(state: State, pods: Iterable[Member]) -> Iterator[str]:
    """What a list of connections to some pods assumes of hostNetwork pods that run on their nodes, in one line.

    Only if policies of one of the pods deny something to one that runs beside it: then this decides.
    """
    hosts: defaultdict[str, list[Member]] = defaultdict(list)
    for host in state.host_network_members():
        if host.node:
            hosts[host.node].append(host)
    nodes: defaultdict[Identity, set[str]] = defaultdict(set)
    for pod in pods:
        if not pod.host_network and pod.node in hosts:
            nodes[state.identity(pod)].add(pod.node)
    for identity, names in nodes.items():
        beside = [host for name in names for host in hosts[name]]
        if _denies_some(state, identity, beside):
            yield (
                f"{_listed(sorted(map(str, beside)))} {_USES[len(beside) > 1]} taken to be that of the node, which "
                "always reaches the pods that run on it; network plugins differ"
            )
            return


def _denies_some(state: State, identity: Identity, hosts: Iterable[Member]) -> bool:
    """Whether policies of an identity deny anything to hostNetwork pods, if these were others than their nodes."""
    stack = state.tiers.stack(identity, Direction.INGRESS)
    addresses = Addresses.union_of(node_addresses(state, host) for host in hosts)
    if not addresses:
        return any(profile.otherwise is Action.DENY for profile in stack)
    cells = state.tiers.allowed_addresses(identity, Direction.INGRESS, addresses)
    return bool(stack) and any(traffic != ALL_TRAFFIC for _, traffic in cells)


def _addresses_of_hosts(state: State) -> dict[str, Addresses]:
    """By node, the addresses that hostNetwork pods report: there may be no Node object."""
    found: defaultdict[str, list[Addresses]] = defaultdict(list)
    for host in state.host_network_members():
        if host.node:
            found[host.node].append(Addresses.of_ranges((family, (one, one)) for family, one in host.addresses))
    return {node: Addresses.union_of(some) for node, some in found.items()}


def _addresses_of_node(state: State, pod: Member, of_hosts: Mapping[str, Addresses]) -> Addresses:
    """The addresses of a pod's node, as far as anything in the input contains them."""
    return node_addresses(state, pod) | of_hosts.get(pod.node, NO_ADDRESSES)


def _is_denied_some(
    state: State, identity: Identity, nodes: Callable[[Iterable[Member]], Addresses], members: Iterable[Member]
) -> bool:
    """Whether policies that do not isolate the pods of an identity deny some of them anything to their nodes."""
    stack = state.tiers.stack(identity, Direction.EGRESS)
    if not stack or any(profile.otherwise is Action.DENY for profile in stack):
        return False
    cells = state.tiers.allowed_addresses(identity, Direction.EGRESS, nodes(members))
    return any(traffic != ALL_TRAFFIC for _, traffic in cells)


def _about_host(side: Side, host: Member) -> Iterator[str]:
    subject = side.subject
    if subject.node and host.node and subject.node != host.node:
        return
    if not _denies(side):
        return
    taken = "may run on the node of {}: it is taken not to"
    if subject.node == host.node != "":
        taken = "uses the network of the node of {}: policies are taken to apply"
    yield f"{host} {taken.format(subject)}; {_ALWAYS[side.direction]}"


def _about_addresses(side: Side, peer: Addresses) -> Iterator[str]:
    subject = side.subject
    denied = _denied(side, peer)
    own = node_addresses(side.state, subject) & denied
    if own:
        yield f"{end_text(own)} is the node of {subject}: policies are taken to apply; {_ALWAYS[side.direction]}"
    if denied and not subject.node:
        possible = [name for name, node in side.state.nodes.items() if addresses_of(node) & (denied - own)]
        if possible:
            which = f"node {possible[0]}" if len(possible) == 1 else f"one of the nodes {_listed(possible)}"
            yield f"{subject} may run on {which}: it is taken not to; {_ALWAYS[side.direction]}"


def _denies(side: Side) -> bool:
    traffic = side_traffic(side.state, side.subject, side.direction, side.peer, side.over)
    return bool((side.asked or ALL_TRAFFIC) - traffic)


def _denied(side: Side, peer: Addresses) -> Addresses:
    """The addresses with which not all passes that was asked."""
    ends = (side.subject, peer) if side.direction is Direction.EGRESS else (peer, side.subject)
    denied = NO_ADDRESSES
    for source, destination, traffic in traffic_by_part(side.state, *ends):
        within = destination if side.direction is Direction.EGRESS else source
        if isinstance(within, Addresses) and (side.asked or ALL_TRAFFIC) - traffic:
            denied |= within
    return denied


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:_MOST_NAMES]) + (" ..." if len(names) > _MOST_NAMES else "")
