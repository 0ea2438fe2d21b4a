"""Connections as few arrows: what everybody may do is a mark, and what a whole namespace may do is one arrow.

A picture of every connection is unreadable: where 100 workloads may ask for names, 100 arrows lead to the name
servers. Here each connection is part of a mark ("everyone may open UDP 53 to coredns, but for one"), of an arrow from
or to all of a namespace, or of an arrow between two classes of equal pods. Together they are exactly the connections
of the list: nothing is left out, and nothing is there twice.
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
"""Classes from which on a mark says what each has: of fewer, arrows are as clear."""
_MOST_EXCEPTIONS: Final = 3


class Passing(msgspec.Struct, frozen=True):
    """Traffic, and whether it is allowed for some of the pods only."""

    traffic: Traffic
    is_partial: bool = False

    def __str__(self) -> str:
        return f"{self.traffic}, partly" if self.is_partial else str(self.traffic)


class ArrowMark(msgspec.Struct, frozen=True):
    """What a class has with every other class, but for a few: `others` are their positions."""

    place: int
    passing: Passing
    exceptions: tuple[int, ...] = ()


Group = int | str | Addresses
"""One end of an arrow: a class by its position, all of a namespace by its name, or addresses outside the cluster."""


class Arrow(msgspec.Struct, frozen=True):
    """What passes from each class of a group to each of another, but for a class to itself."""

    source: Group
    destination: Group
    passing: Passing


class Arrows(msgspec.Struct, frozen=True):
    """All connections between the classes of a list, and between these and the outside of the cluster.

    `from_everyone` are marks at destinations, `to_everyone` at sources, and `within` is what passes between the
    members of a class. `from_any_address` and `to_any_address` are about all addresses outside the cluster.
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
    """The marks at classes. What they say is taken out of the cells."""
    for place in places:
        pairs: dict[int, tuple[Group, Group]] = {
            other: (place, other) if at_source else (other, place) for other in others if other != place
        }
        if len(pairs) < _LEAST:
            continue
        times = Counter(cells[pair] for pair in pairs.values() if pair in cells)
        if not times:
            continue
        common = max(times, key=lambda passing: (times[passing], str(passing)))
        having = {other for other, pair in pairs.items() if pair in cells and _includes(cells[pair], common)}
        exceptions = tuple(other for other in pairs if other not in having)
        if len(exceptions) > min(_MOST_EXCEPTIONS, len(pairs) // _LEAST):
            continue
        for other in having:
            _take(cells, pairs[other], common)
        yield ArrowMark(place, common, exceptions)


def _includes(passing: Passing, common: Passing) -> bool:
    """Whether `common` can be taken out of `passing`, and the rest still says what it said."""
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
    """What is left, as arrows: first those to all of a namespace, and of what is then equal those from all of one."""
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
    """`passing` with one entry for all classes of a namespace, where they have the same. `other` is the other end."""
    made = dict(passing)
    for namespace, places in namespaces.items():
        members = [place for place in places if place != other]
        if len(members) < 2 or any(passing.get(place) != passing.get(members[0]) for place in members):
            continue
        if common := passing.get(members[0]):
            made[namespace] = common
            for place in members:
                del made[place]
    return made
