"""Every allowed connection, by workload or by pod, with the addresses outside the cluster.

A workload is listed as one if no policy can tell its pods apart; otherwise its pods are listed one by one. Connections
of a pod to itself are always allowed and not listed. From a workload to itself are those between two different pods of
it, so one that can only have one pod has none. A node always reaches the pods on it; this is listed for single
pods only, because the pods of a workload may be on different nodes.
"""

from collections import defaultdict
from collections.abc import Iterator
from itertools import chain

import msgspec

from ringfence.engine.answers import (
    ConnectivityRow,
    allowed_addresses,
    connectivity_rows,
    is_exempt,
    listed_node_assumptions,
    node_addresses,
    unknown_label_text,
    values_named,
)
from ringfence.engine.doubts import doubt_text
from ringfence.engine.population import Identity, Member, Reference, is_one_pod
from ringfence.engine.state import State
from ringfence.model.policies import Direction
from ringfence.sets import bitsets
from ringfence.sets.addresses import NO_ADDRESSES, Addresses
from ringfence.sets.partitions import Partition, merged
from ringfence.sets.traffic import ALL_TRAFFIC, Traffic


class Connection(msgspec.Struct, frozen=True):
    """Traffic that is allowed from a source to a destination, of which one may be addresses outside the cluster."""

    source: Reference | Addresses
    destination: Reference | Addresses
    traffic: Traffic

    def __str__(self) -> str:
        return f"{self.source} -> {self.destination}: {self.traffic}"

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {self}>"


class PodGroup(msgspec.Struct, frozen=True):
    """Pods that are listed as one: a workload whose pods no policy tells apart, or the single member `pod`."""

    reference: Reference
    pod: Member | None = None

    @property
    def is_several(self) -> bool:
        """Whether it is more than one pod: then there are two different ones, between which something may pass."""
        return self.pod is None or self.pod.is_several


PodGroups = dict[int, list[PodGroup]]
"""The groups of each identity, by its bit, in alphabetical order."""


def pod_groups(state: State, *, pods: bool = False) -> PodGroups:
    """The groups in which pods are listed: by workload where possible, or with `pods` one by one."""
    members: defaultdict[Reference, list[tuple[int, Member]]] = defaultdict(list)
    for identity in state.population.identities():
        for member in identity.pods():
            reference = member.reference if pods else state.workload(member)
            members[reference].append((identity.bit, member))
    groups: PodGroups = defaultdict(list)
    for reference in sorted(members):
        of_workload = members[reference]
        bits = {bit for bit, _ in of_workload}
        if len(of_workload) == 1:
            ((bit, member),) = of_workload
            groups[bit].append(PodGroup(reference, member))
        elif len(bits) == 1:
            groups[bits.pop()].append(PodGroup(reference))
        else:
            for bit, member in of_workload:
                groups[bit].append(PodGroup(member.reference, member))
    return groups


def connections(state: State, *, pods: bool = False) -> Iterator[Connection]:
    """Every allowed connection, streamed: by source first to pods and then to outside addresses, then from outside."""
    groups = pod_groups(state, pods=pods)
    for identity, row in connectivity_rows(state):
        for source in groups[identity.bit]:
            yield from _among_pods(state, source, identity, row, groups)
            for outside, traffic in allowed_addresses(state, identity, Direction.EGRESS):
                yield Connection(source.reference, outside, traffic)
    for identity in state.population.identities():
        incoming = allowed_addresses(state, identity, Direction.INGRESS)
        for destination in groups[identity.bit]:
            for outside, traffic in _with_own_node(state, destination, incoming):
                yield Connection(outside, destination.reference, traffic)


def connection_assumptions(state: State, namespace: str | None = None) -> tuple[str, ...]:
    """What a list of connections assumes: which policies are not read that may select its pods, which labels that
    policies name have an unknown value, and what holds between pods and their nodes.

    With a `namespace`, only what is about the pods of this namespace.
    """
    pods = list(state.members() if namespace is None else state.members_in(namespace))
    doubts = (doubt_text(policy, direction) for policy, direction in state.doubts.selecting_any(pods))
    labels = (
        unknown_label_text(pod, label, values)
        for pod in pods
        for label in pod.unknown_labels
        if (values := values_named(state, label)) and not pod.host_network
    )
    only = state.only_namespace
    limits = (f"only namespace {only} could be read: connections with pods of others are not listed",) if only else ()
    return (*limits, *doubts, *labels, *listed_node_assumptions(state, pods))


def _with_own_node(
    state: State, group: PodGroup, incoming: Partition[Addresses, Traffic]
) -> Partition[Addresses, Traffic]:
    """The traffic that is allowed from outside addresses to a group: all traffic from the node of a single pod."""
    node = node_addresses(state, group.pod) if group.pod and not group.pod.host_network else NO_ADDRESSES
    if not node:
        return incoming
    without_node = [(addresses - node, traffic) for addresses, traffic in incoming]
    others = [(addresses, traffic) for addresses, traffic in without_node if addresses]
    return merged([*others, (node, ALL_TRAFFIC)])


def _among_pods(
    state: State, source: PodGroup, identity: Identity, row: ConnectivityRow, groups: PodGroups
) -> Iterator[Connection]:
    exempt = _exempt(state, source, identity, groups)
    for reference in exempt:
        yield Connection(source.reference, reference, ALL_TRAFFIC)
    for peers, traffic in row:
        for bit in bitsets.members(peers):
            for destination in groups[bit]:
                is_one_pod = destination is source and not source.is_several
                if not is_one_pod and destination.reference not in exempt:
                    yield Connection(source.reference, destination.reference, traffic)


def _exempt(state: State, source: PodGroup, identity: Identity, groups: PodGroups) -> set[Reference]:
    """The pods that a hostNetwork pod reaches whatever policies say, because they run on its node."""
    if source.pod is None or not identity.host_network:
        return set()
    exempt = set()
    for group in chain.from_iterable(groups.values()):
        if group.pod and not is_one_pod(source.pod, group.pod) and is_exempt(state, source.pod, group.pod):
            exempt.add(group.reference)
    return exempt
