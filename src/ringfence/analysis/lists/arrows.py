"""Connections as few arrows: traffic with nearly all others is a mark, and traffic with a whole namespace is one arrow.

A picture of every connection is unreadable: if 100 workloads may query DNS, 100 arrows lead to the DNS servers. Here
each connection is part of a mark ("everyone may open UDP 53 to coredns, but for one"), of an arrow from or to all of a
namespace, or of an arrow between two classes of equal pods. Together they represent exactly the connections of the
list, each once.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

import msgspec

from ringfence.analysis.lists.connections import Connection
from ringfence.analysis.lists.folded_lists import FoldedList
from ringfence.sets.addresses import ALL_ADDRESSES, Addresses
from ringfence.sets.traffic import Traffic

_LEAST: Final = 4
"""The number of other classes from which on marks are used. With fewer, arrows are as clear."""
_MOST_EXCEPTIONS: Final = 3


class Passing(msgspec.Struct, frozen=True):
    """Allowed traffic, and whether it is allowed for some of the pods only."""

    traffic: Traffic
    is_partial: bool = False

    def __str__(self) -> str:
        return f"{self.traffic}, partly" if self.is_partial else str(self.traffic)


class ArrowMark(msgspec.Struct, frozen=True):
    """Traffic of the class at `place` with every other class, except those at the positions `exceptions`."""

    place: int
    passing: Passing
    exceptions: tuple[int, ...] = ()


Group = int | str | Addresses
"""One end of an arrow: a class by its position, all of a namespace by its name, or addresses outside the cluster."""


class Arrow(msgspec.Struct, frozen=True):
    """Traffic from each class of a group to each class of another, without traffic of a class to itself."""

    source: Group
    destination: Group
    passing: Passing


class Arrows(msgspec.Struct, frozen=True):
    """All connections between the classes of a list, and between these and the outside of the cluster.

    `from_everyone` are marks at destinations, `to_everyone` at sources, and `within` is the traffic between the members
    of a class. `from_any_address` and `to_any_address` are about all addresses outside the cluster.
    """

    from_everyone: tuple[ArrowMark, ...]
    to_everyone: tuple[ArrowMark, ...]
    within: tuple[ArrowMark, ...]
    from_any_address: tuple[ArrowMark, ...]
    to_any_address: tuple[ArrowMark, ...]
    arrows: tuple[Arrow, ...]


_Cells = dict[tuple[Group, Group], Passing]


def folded_arrows(found: FoldedList) -> Arrows:
    """The connections between the classes of `found`, which are within namespaces, as marks and arrows."""
    cells: _Cells = {}
    within, inward, outward = [], [], []
    for source in found.sources:
        for destination in found.destinations:
            if one := found.between(source, destination):
                if source == destination:
                    within.append(ArrowMark(source, _passing(one)))
                else:
                    cells[source, destination] = _passing(one)
        for one in found.outgoing(source):
            if one.destination == ALL_ADDRESSES:
                outward.append(ArrowMark(source, _passing(one)))
            elif isinstance(one.destination, Addresses):
                cells[source, one.destination] = _passing(one)
    for destination in found.destinations:
        for one in found.incoming(destination):
            if one.source == ALL_ADDRESSES:
                inward.append(ArrowMark(destination, _passing(one)))
            elif isinstance(one.source, Addresses):
                cells[one.source, destination] = _passing(one)
    # Destinations first: "everyone may query DNS" is the mark that readers know. Its traffic is then gone from the
    # cells.
    from_everyone = list(_marks(cells, found.destinations, found.sources, at_source=False))
    to_everyone = list(_marks(cells, found.sources, found.destinations, at_source=True))
    return Arrows(
        tuple(from_everyone),
        tuple(to_everyone),
        tuple(within),
        tuple(inward),
        tuple(outward),
        tuple(_arrows(cells, found)),
    )


def _passing(one: Connection) -> Passing:
    return Passing(one.traffic, one.is_partial)


def _marks(cells: _Cells, places: Sequence[int], others: Sequence[int], *, at_source: bool) -> Iterator[ArrowMark]:
    """The marks at classes. Their traffic is removed from the cells."""
    for place in places:
        pairs: dict[int, tuple[Group, Group]] = {
            other: (place, other) if at_source else (other, place) for other in others if other != place
        }
        if len(pairs) < _LEAST:
            continue
        times = Counter(cells[pair] for pair in pairs.values() if pair in cells)
        if not times:
            continue
        # The text decides between equally frequent ones, so that the picture is the same each time.
        common = max(times, key=lambda passing: (times[passing], str(passing)))
        having = {other for other, pair in pairs.items() if pair in cells and _includes(cells[pair], common)}
        exceptions = tuple(other for other in pairs if other not in having)
        if len(exceptions) > min(_MOST_EXCEPTIONS, len(pairs) // _LEAST):
            continue
        for other in having:
            _take(cells, pairs[other], common)
        yield ArrowMark(place, common, exceptions)


def _includes(passing: Passing, common: Passing) -> bool:
    """Whether `common` can be subtracted from `passing` without changing what the rest says."""
    if common.is_partial or passing.is_partial:
        return passing == common
    return not common.traffic - passing.traffic


def _take(cells: _Cells, pair: tuple[Group, Group], common: Passing) -> None:
    rest = cells[pair].traffic - common.traffic
    if rest:
        cells[pair] = Passing(rest, cells[pair].is_partial)
    else:
        del cells[pair]


def _arrows(cells: _Cells, found: FoldedList) -> Iterator[Arrow]:
    """The remaining cells as arrows: joined first by the namespace of the sources, then by that of the destinations."""
    sources, destinations = (_by_namespace(found, places) for places in (found.sources, found.destinations))
    reached: defaultdict[Group, dict[Group, Passing]] = defaultdict(dict)
    for (source, destination), passing in cells.items():
        reached[destination][source] = passing
    outgoing: defaultdict[Group, dict[Group, Passing]] = defaultdict(dict)
    for destination, openers in reached.items():
        for source, passing in _gathered(openers, sources, destination).items():
            outgoing[source][destination] = passing
    for source, ends in outgoing.items():
        for destination, passing in _gathered(ends, destinations, source).items():
            yield Arrow(source, destination, passing)


def _by_namespace(found: FoldedList, places: Iterable[int]) -> dict[str, list[int]]:
    members: defaultdict[str, list[int]] = defaultdict(list)
    for place in places:
        members[found.classes[place][0].namespace].append(place)
    return members


def _gathered(
    passing: Mapping[Group, Passing], namespaces: Mapping[str, Sequence[int]], other: Group
) -> dict[Group, Passing]:
    """`passing` with one entry for a namespace whose classes all have the same traffic. `other` is the other end."""
    made = dict(passing)
    for namespace, places in namespaces.items():
        # The traffic of a class with itself is a mark of its own, so it does not count here.
        members = [place for place in places if place != other]
        # One class is clearer by its own name than as all of its namespace.
        if len(members) < 2 or any(passing.get(place) != passing.get(members[0]) for place in members):
            continue
        if common := passing.get(members[0]):
            made[namespace] = common
            for place in members:
                del made[place]
    return made
