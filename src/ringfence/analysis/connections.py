"""Every allowed connection, by workload or by pod, with the addresses outside the cluster.

A workload is listed as one where no policy can tell its pods apart; where one can, its pods are listed one by one.
What a pod may always do, reach itself, is not listed. That a node always reaches the pods on it is listed for single
pods only: of pods that are listed as one, some are on that node and others are not.
"""

from collections import defaultdict
from collections.abc import Iterator

import msgspec

from ringfence.engine.answers import connectivity, is_exempt, node_addresses
from ringfence.engine.population import Identity, Member, Reference
from ringfence.engine.state import State
from ringfence.model.policies import Direction
from ringfence.sets import bitsets
from ringfence.sets.addresses import NO_ADDRESSES, Addresses
from ringfence.sets.partitions import Partition, merged
from ringfence.sets.traffic import ALL_TRAFFIC, Traffic


class Connection(msgspec.Struct, frozen=True):
    """Traffic that is allowed from a source to a destination; one of the two may be addresses outside the cluster."""

    source: Reference | Addresses
    destination: Reference | Addresses
    traffic: Traffic


class Party(msgspec.Struct, frozen=True):
    """What is listed as one: a pod (then `pod` is it), or a workload whose pods are all alike."""

    reference: Reference
    pod: Member | None = None


Parties = dict[int, list[Party]]
"""The parties of each identity, by its bit, in alphabetical order."""


def parties(state: State, *, pods: bool = False) -> Parties:
    """What is listed for each identity: its pods, or the workloads that they are."""
    homes: defaultdict[Reference, list[tuple[int, Member]]] = defaultdict(list)
    for identity in state.population.identities():
        for member in identity.pods():
            reference = member.reference if pods else state.workload(member)
            homes[reference].append((identity.bit, member))
    found: Parties = defaultdict(list)
    for reference in sorted(homes):
        members = homes[reference]
        if len(members) > 1 and len({bit for bit, _ in members}) == 1:
            found[members[0][0]].append(Party(reference))
        else:
            for bit, member in members:
                name = reference if len(members) == 1 else member.reference
                found[bit].append(Party(name, member))
    return found


def connections(state: State, *, pods: bool = False) -> Iterator[Connection]:
    """Every allowed connection, streamed: for each source the pods or workloads it reaches, then the outside."""
    listed = parties(state, pods=pods)
    for identity, row in connectivity.rows(state):
        for source in listed[identity.bit]:
            yield from _among_pods(state, source, identity, row, listed)
            for outside, traffic in connectivity.addresses(state, identity, Direction.EGRESS):
                yield Connection(source.reference, outside, traffic)
    for identity in state.population.identities():
        incoming = connectivity.addresses(state, identity, Direction.INGRESS)
        for destination in listed[identity.bit]:
            for outside, traffic in _with_own_node(state, destination, incoming):
                yield Connection(outside, destination.reference, traffic)


def _with_own_node(
    state: State, party: Party, incoming: Partition[Addresses, Traffic]
) -> Partition[Addresses, Traffic]:
    """What addresses reach a party, where its node, if it is known, always does."""
    node = node_addresses(state, party.pod) if party.pod and not party.pod.host_network else NO_ADDRESSES
    if not node:
        return incoming
    others = [(left, traffic) for addresses, traffic in incoming if (left := addresses - node)]
    return merged([*others, (node, ALL_TRAFFIC)])


def _among_pods(
    state: State, source: Party, identity: Identity, row: connectivity.Row, listed: Parties
) -> Iterator[Connection]:
    exempt = _exempt(state, source, identity, listed)
    for reference in exempt:
        yield Connection(source.reference, reference, ALL_TRAFFIC)
    for peers, traffic in row:
        for bit in bitsets.members(peers):
            for destination in listed[bit]:
                itself = source.pod is not None and source.pod is destination.pod
                if not itself and destination.reference not in exempt:
                    yield Connection(source.reference, destination.reference, traffic)


def _exempt(state: State, source: Party, identity: Identity, listed: Parties) -> set[Reference]:
    """The pods that a hostNetwork pod reaches whatever policies say, because they run on its node."""
    if source.pod is None or not identity.host_network:
        return set()
    pods = (
        party for of_identity in listed.values() for party in of_identity if party.pod and party.pod is not source.pod
    )
    return {party.reference for party in pods if party.pod and is_exempt(state, source.pod, party.pod)}
