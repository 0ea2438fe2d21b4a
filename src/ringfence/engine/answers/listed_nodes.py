"""The assumptions of a list of connections about pods and their nodes: those of `own_nodes`, each named once."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Final

from ringfence.engine.answers.own_nodes import ALWAYS_REACHED, is_settled
from ringfence.engine.answers.verdicts import node_addresses
from ringfence.engine.policies import Action, Assumption
from ringfence.engine.population import Identity, Member
from ringfence.engine.state import State
from ringfence.model.policies import Direction
from ringfence.sets.addresses import ALL_ADDRESSES, NO_ADDRESSES, Addresses
from ringfence.sets.traffic import ALL_TRAFFIC

_ON_NO_SUCH_NODE: Final = (
    "",
    " may run on the node of an isolated pod: assumed not to, if a node is not known; "
    f"{ALWAYS_REACHED[Direction.INGRESS]}",
)
_TAKEN_NOT_TO_BE_BESIDE: Final = Assumption(_ON_NO_SUCH_NODE, _ON_NO_SUCH_NODE)
_NODES_DIFFER: Final = ALWAYS_REACHED[Direction.EGRESS]
_AS_NODE: Final = "assumed to be that of the node, which always reaches the pods that run on it; network plugins differ"
_TAKEN_AS_NODE: Final = Assumption(
    ("", f" uses the network of its node: its traffic is {_AS_NODE}"),
    ("", f" use the network of their nodes: their traffic is {_AS_NODE}"),
)


def listed_node_assumptions(
    state: State, pods: Iterable[Member], destinations: Addresses = ALL_ADDRESSES
) -> Iterator[str]:
    """The assumptions of a list about connections of some pods to their own nodes.

    `destinations` are the addresses that the list includes; assumptions about others are left out.
    """
    if is_settled(state, Direction.EGRESS):
        return
    by_identity = _by_identity(state, pods)
    of_hosts = _addresses_of_hosts(state)
    isolated = [pod for one in by_identity if _isolates(state, one, Direction.EGRESS) for pod in by_identity[one]]

    def nodes(pods: Iterable[Member]) -> Addresses:
        return Addresses.union_of(_addresses_of_node(state, pod, of_hosts) for pod in pods) & destinations

    if any(nodes([pod]) for pod in isolated):
        yield f"isolated pods are assumed to reach their own nodes only as policies allow: {_NODES_DIFFER}"
    if any(_is_denied_some(state, identity, nodes, members) for identity, members in by_identity.items()):
        yield f"pods are assumed to reach their own nodes only as cluster policies allow: {_NODES_DIFFER}"


def assumed_of_hosts(state: State, pods: Iterable[Member]) -> Mapping[Assumption, frozenset[Member]]:
    """The assumptions of a list of connections to some pods about hostNetwork pods, which may count as these pods'
    nodes.

    A hostNetwork pod on a pod's node, known or possible, is named only if the policies of the pod would deny it
    something.
    """
    every = list(state.host_network_members())
    if not every:
        return {}
    by_identity = _by_identity(state, pods)
    found = {
        _TAKEN_NOT_TO_BE_BESIDE: frozenset(_maybe_beside(state, by_identity, every)),
        _TAKEN_AS_NODE: frozenset(_denied_beside(state, by_identity, every)),
    }
    return {assumption: hosts for assumption, hosts in found.items() if hosts}


_ByIdentity = Mapping[Identity, Collection[Member]]
"""Pods that policies can apply to, by their identities."""


def _by_identity(state: State, pods: Iterable[Member]) -> _ByIdentity:
    found: defaultdict[Identity, list[Member]] = defaultdict(list)
    for pod in pods:
        if not pod.host_network:
            found[state.identity(pod)].append(pod)
    return found


def _isolates(state: State, identity: Identity, direction: Direction) -> bool:
    """Whether policies isolate the pods of an identity."""
    return any(profile.otherwise is Action.DENY for profile in state.tiers.stack(identity, direction))


def _maybe_beside(state: State, pods: _ByIdentity, hosts: Iterable[Member]) -> Iterator[Member]:
    """The hosts that may run on the node of an isolated pod, because one of the two nodes is not known."""
    isolated = [pod for one in pods if _isolates(state, one, Direction.INGRESS) for pod in pods[one]]
    anywhere = any(not pod.node for pod in isolated)
    return (host for host in hosts if isolated and (anywhere or not host.node))


def _denied_beside(state: State, pods: _ByIdentity, hosts: Iterable[Member]) -> Iterator[Member]:
    """The hosts that run on the node of a pod whose policies would deny them something, if they were not its node."""
    by_node: defaultdict[str, set[Member]] = defaultdict(set)
    for host in hosts:
        if host.node:
            by_node[host.node].add(host)
    for identity, members in pods.items():
        nodes = {pod.node for pod in members} & by_node.keys()
        denied = list(_denied(state, identity, {host for node in nodes for host in by_node[node]}))
        yield from denied
        for host in denied:  # each host is reported once
            by_node[host.node].discard(host)


def _denied(state: State, identity: Identity, hosts: Collection[Member]) -> Iterator[Member]:
    """The hosts to which policies of an identity would deny something if they were not its nodes."""
    if not hosts or not state.tiers.stack(identity, Direction.INGRESS):
        return
    isolated = _isolates(state, identity, Direction.INGRESS)
    addresses = {host: node_addresses(state, host) for host in hosts}
    cells = state.tiers.allowed_addresses(identity, Direction.INGRESS, Addresses.union_of(addresses.values()))
    open_to = Addresses.union_of(some for some, traffic in cells if traffic == ALL_TRAFFIC)
    for host, own in addresses.items():
        # Without a known address the host cannot be looked up among the allowed addresses; a side that is isolated is
        # assumed to deny it something.
        if own - open_to or (isolated and not own):
            yield host


def _addresses_of_hosts(state: State) -> dict[str, Addresses]:
    """By node, the addresses that hostNetwork pods report, because the input may lack Node objects."""
    found: defaultdict[str, list[Addresses]] = defaultdict(list)
    for host in state.host_network_members():
        if host.node:
            found[host.node].append(Addresses.of_ranges((family, (one, one)) for family, one in host.addresses))
    return {node: Addresses.union_of(some) for node, some in found.items()}


def _addresses_of_node(state: State, pod: Member, of_hosts: Mapping[str, Addresses]) -> Addresses:
    """The addresses of a pod's node, as far as the input contains them."""
    return node_addresses(state, pod) | of_hosts.get(pod.node, NO_ADDRESSES)


def _is_denied_some(
    state: State, identity: Identity, nodes: Callable[[Iterable[Member]], Addresses], members: Iterable[Member]
) -> bool:
    """Whether policies that do not isolate an identity deny some of its pods something to their nodes."""
    stack = state.tiers.stack(identity, Direction.EGRESS)
    if not stack or _isolates(state, identity, Direction.EGRESS):
        return False
    cells = state.tiers.allowed_addresses(identity, Direction.EGRESS, nodes(members))
    return any(traffic != ALL_TRAFFIC for _, traffic in cells)
