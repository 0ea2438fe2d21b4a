"""Every allowed connection by namespace: the traffic between any of their pods, and whether it is between all.

It is computed from the list by workload as a stream: for each two namespaces, only the traffic and the number of pairs
are kept, and for each pod or workload the traffic with addresses outside.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from functools import reduce
from operator import or_

from ringfence.analysis.lists.connection_filters import ALL_CONNECTIONS, ConnectionFilter
from ringfence.analysis.lists.connections import Connection, connections
from ringfence.analysis.lists.grouped_pods import PodGroup, pod_groups
from ringfence.engine.population import Reference
from ringfence.engine.state import State
from ringfence.sets.addresses import ALL_ADDRESSES, Addresses
from ringfence.sets.partitions import Partition, combined, merged
from ringfence.sets.traffic import NO_TRAFFIC, Traffic

AddressParts = tuple[tuple[Addresses, Traffic], ...]
"""Traffic with addresses, by disjoint sets of addresses."""
AnyAndAll = tuple[Traffic, Traffic]
"""The traffic that any pod has, and the traffic that all pods have."""


def namespace_connections(state: State, wanted: ConnectionFilter = ALL_CONNECTIONS) -> Iterator[Connection]:
    """The connections between namespaces, and between these and addresses outside, in alphabetical order."""
    sources = pod_groups(state, wanted.sources, wanted.part)
    destinations = pod_groups(state, wanted.destinations, wanted.part)
    among: defaultdict[tuple[str, str], Counter[Traffic]] = defaultdict(Counter)
    outgoing: defaultdict[Reference, list[tuple[Addresses, Traffic]]] = defaultdict(list)
    incoming: defaultdict[Reference, list[tuple[Addresses, Traffic]]] = defaultdict(list)
    for one in connections(state, wanted):
        if isinstance(one.destination, Addresses):
            assert isinstance(one.source, Reference)
            outgoing[one.source].append((one.destination, one.traffic))
        elif isinstance(one.source, Addresses):
            incoming[one.destination].append((one.source, one.traffic))
        else:
            # Pairs are counted by traffic: only if all pairs have the same, the namespaces have it without "partly".
            among[one.source.namespace, one.destination.namespace][one.traffic] += 1
    pairs = _pairs(sources, destinations)
    outside = _by_namespace(sources, outgoing)
    for source in sorted({group.reference.namespace for group in sources}):
        for destination in sorted({group.reference.namespace for group in destinations}):
            if counted := among.get((source, destination)):
                passing = reduce(or_, counted)
                everywhere = counted[passing] == pairs[source, destination]
                yield Connection(_namespace(source), _namespace(destination), passing, not everywhere)
        for addresses, (passing, everywhere_passing) in outside.get(source, ()):
            yield Connection(_namespace(source), addresses, passing, passing != everywhere_passing)
    for destination, parts in _by_namespace(destinations, incoming).items():
        for addresses, (passing, everywhere_passing) in parts:
            yield Connection(addresses, _namespace(destination), passing, passing != everywhere_passing)


def _pairs(sources: Iterable[PodGroup], destinations: Iterable[PodGroup]) -> Counter[tuple[str, str]]:
    """The number of listed pairs of each two namespaces: one end is in the listed part, and no pod is its own peer."""
    opening = Counter((group.reference.namespace, group.in_part) for group in sources)
    reached = Counter((group.reference.namespace, group.in_part) for group in destinations)
    pairs: Counter[tuple[str, str]] = Counter()
    for (source, source_in_part), several in opening.items():
        for (destination, destination_in_part), others in reached.items():
            if source_in_part or destination_in_part:
                pairs[source, destination] += several * others
    # A single pod is no pair with itself. It was counted above as one, in the product.
    alone = {group.reference for group in sources if not group.is_several and group.in_part}
    for group in destinations:
        if not group.is_several and group.reference in alone:
            pairs[group.reference.namespace, group.reference.namespace] -= 1
    return pairs


def _by_namespace(
    groups: Iterable[PodGroup], parts_of: dict[Reference, list[tuple[Addresses, Traffic]]]
) -> dict[str, Partition[Addresses, AnyAndAll]]:
    """The traffic of the groups of each namespace with addresses outside; groups are in alphabetical order."""
    different: defaultdict[str, dict[AddressParts, None]] = defaultdict(dict)
    for group in groups:
        if group.in_part:
            different[group.reference.namespace][tuple(parts_of.get(group.reference, ()))] = None
    return {namespace: any_and_all(list(parts)) for namespace, parts in different.items()}


def any_and_all(of_groups: Sequence[AddressParts]) -> Partition[Addresses, AnyAndAll]:
    """For addresses, the traffic that any group and the traffic that all groups have with them."""
    first, *rest = map(_complete, of_groups)
    found: Partition[Addresses, AnyAndAll] = [(addresses, (traffic, traffic)) for addresses, traffic in first]
    for parts in rest:
        both: Partition[Addresses, AnyAndAll] = [(addresses, (traffic, traffic)) for addresses, traffic in parts]
        found = merged(combined(found, both, lambda one, other: (one[0] | other[0], one[1] & other[1])))
    return [(addresses, passing) for addresses, passing in merged(found) if passing[0]]


def _complete(parts: AddressParts) -> Partition[Addresses, Traffic]:
    """The parts, completed by all other addresses without traffic."""
    rest = ALL_ADDRESSES
    for addresses, _ in parts:
        rest -= addresses
    return [*parts, (rest, NO_TRAFFIC)] if rest else list(parts)


def _namespace(name: str) -> Reference:
    return Reference("", "Namespace", name)
