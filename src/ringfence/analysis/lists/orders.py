"""The order of the rows and columns of a matrix: by name, by exposure, or by likeness.

Namespaces stay together, and rows and columns have the same order, so that the diagonal is each one towards itself. By
exposure the namespaces have that of their most exposed member; otherwise they are in the order of their names.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum

from ringfence.analysis.lists.folded_lists import FoldedList
from ringfence.sets.addresses import Addresses


class MatrixOrder(StrEnum):
    """What decides about the order of rows and columns."""

    NAME = "name"
    EXPOSURE = "exposure"
    LIKENESS = "likeness"


def ordered(found: FoldedList, order: MatrixOrder) -> FoldedList:
    """The same list with its sources and destinations in an order."""
    if order is MatrixOrder.NAME:
        return found
    of_namespace: defaultdict[str, list[int]] = defaultdict(list)
    for place, members in enumerate(found.classes):
        of_namespace[members[0].namespace].append(place)
    arranged = _by_exposure if order is MatrixOrder.EXPOSURE else _by_likeness
    return found.in_order(arranged(found, list(of_namespace.values())))


def _by_exposure(found: FoldedList, namespaces: Sequence[Sequence[int]]) -> list[int]:
    """Those first to which most addresses outside may open connections, then those to which the most others may."""
    sizes = {place: len(found.classes[place]) for place in found.sources}
    destinations = set(found.destinations)

    def exposure(place: int) -> tuple[bool, int, int]:
        if place not in destinations:
            return False, 0, -place
        incoming = found.incoming(place)
        openers = sum(size for source, size in sizes.items() if source != place and found.between(source, place))
        sources = (one.source for one in incoming)
        is_open = any(isinstance(one, Addresses) and one.has_most_of_a_family() for one in sources)
        return is_open, openers + len(incoming), -place

    ranked = [sorted(places, key=exposure, reverse=True) for places in namespaces]
    # The first of each namespace is its most exposed one.
    ranked.sort(key=lambda places: exposure(places[0]), reverse=True)
    return [place for places in ranked for place in places]


def _by_likeness(found: FoldedList, namespaces: Sequence[Sequence[int]]) -> list[int]:
    """Within a namespace each next to the one that it has the most connections in common with."""
    connections = _connections(found)
    return [place for places in namespaces for place in _chain(places, lambda *pair: _likeness(connections, *pair))]


def _connections(found: FoldedList) -> Mapping[int, frozenset[object]]:
    """For each class its connections with other classes and with addresses, in both directions."""
    made: defaultdict[int, set[object]] = defaultdict(set)
    for source in found.sources:
        for destination in found.destinations:
            if one := found.between(source, destination):
                made[source].add(("to", destination, one.traffic))
                made[destination].add(("from", source, one.traffic))
        made[source].update(("to", one.destination, one.traffic) for one in found.outgoing(source))
    for destination in found.destinations:
        made[destination].update(("from", one.source, one.traffic) for one in found.incoming(destination))
    return {place: frozenset(some) for place, some in made.items()}


def _likeness(connections: Mapping[int, frozenset[object]], one: int, other: int) -> float:
    """The index of Jaccard: the share of the connections of either that both have."""
    some, others = connections.get(one, frozenset()), connections.get(other, frozenset())
    return len(some & others) / len(some | others) if some or others else 1.0


def _chain(places: Sequence[int], likeness: Callable[[int, int], float]) -> list[int]:
    """A chain that begins with the first place, in which the one that is most like the last one comes next."""
    made = [places[0]]
    left = list(places[1:])
    while left:
        # Of equally like ones the first by name, so that the order is the same each time.
        following = max(left, key=lambda place: (likeness(made[-1], place), -place))
        left.remove(following)
        made.append(following)
    return made
