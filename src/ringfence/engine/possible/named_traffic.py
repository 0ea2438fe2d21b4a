"""Traffic to a possible pod: by port number, and by the names that the pod may give to any of its ports."""

from collections.abc import Iterable, Iterator, Sequence
from functools import reduce
from itertools import combinations
from operator import or_
from typing import Final

import msgspec

from ringfence.engine.population import PortName
from ringfence.engine.possible.universe import Universe, is_about_ports
from ringfence.sets.label_values import ABSENT
from ringfence.sets.partitions import Partition, added_within, merged
from ringfence.sets.regions import OTHER, OrderedAxis, Region, nodes_of
from ringfence.sets.traffic import NO_TRAFFIC, Traffic

_MOST_NAMES: Final = 6
"""The most port names of which all combinations are tried, to find what each of them adds."""


class NamedPorts(msgspec.Struct, frozen=True):
    """The traffic to a port that has all of `names` and none of `lacking`, if its number is in `traffic`."""

    names: tuple[PortName, ...]
    lacking: tuple[PortName, ...]
    traffic: Traffic


class PossibleTraffic(msgspec.Struct, frozen=True):
    """The traffic to the ports of a possible pod: `by_number` regardless of names, and additional traffic `by_name`."""

    by_number: Traffic
    by_name: tuple[NamedPorts, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.by_number or self.by_name)

    def within(self, asked: Traffic) -> "PossibleTraffic":
        """The part that is in `asked`."""
        by_name = (msgspec.structs.replace(one, traffic=one.traffic & asked) for one in self.by_name)
        return PossibleTraffic(self.by_number & asked, tuple(one for one in by_name if one.traffic))

    def to_port(self, names: Iterable[PortName]) -> Traffic:
        """The traffic to a port that has exactly these names."""
        having = set(names)
        more = (one.traffic for one in self.by_name if having.issuperset(one.names) and having.isdisjoint(one.lacking))
        return reduce(or_, more, self.by_number)


NO_POSSIBLE_TRAFFIC: Final = PossibleTraffic(NO_TRAFFIC)


def by_labels(universe: Universe, cells: Iterable[tuple[Region, Traffic]]) -> Partition[Region, PossibleTraffic]:
    """Converts a partition whose regions may depend on port names to one by labels alone."""
    listed = list(cells)
    if not any(is_about_ports(region.last) for region, _ in listed):
        return [(region, PossibleTraffic(traffic)) for region, traffic in listed]
    divided: Partition[Region, tuple[tuple[Region, Traffic], ...]] = []
    for region, traffic in listed:
        for ports, pods in _by_ports(universe, region, {}).items():
            divided = added_within(divided, pods, (ports, traffic))
    return merged((pods, _traffic(universe, some)) for pods, some in divided)


def _by_ports(universe: Universe, region: Region, known: dict[Region, dict[Region, Region]]) -> dict[Region, Region]:
    """The port-name regions inside a region, each with the pods for which exactly it is in the region."""
    regions = universe.regions
    if is_about_ports(region.axis):
        return {region: regions.everything}
    if not is_about_ports(region.last):
        return {regions.everything: region} if region else {}
    found = known.get(region)
    if found is None:
        listed = {value: _by_ports(universe, inside, known) for value, inside in region.listed.items()}
        others = _by_ports(universe, region.others, known)
        found = known[region] = {}
        for ports in dict.fromkeys(ports for inside in (*listed.values(), others) for ports in inside):
            having = {value: inside.get(ports, regions.nothing) for value, inside in listed.items()}
            found[ports] = regions.node(region.axis, having, others.get(ports, regions.nothing))
    return found


def _traffic(universe: Universe, cells: Sequence[tuple[Region, Traffic]]) -> PossibleTraffic:
    """The traffic of disjoint port-name regions."""
    axes = sorted({node.axis for node in nodes_of(region for region, _ in cells)})
    # All combinations of names are tried: 2^6 are 64, each a walk through the regions.
    if len(axes) <= _MOST_NAMES and (found := _by_single_names(universe, axes, cells)):
        return found
    parts = sorted(
        (
            NamedPorts(tuple(map(_name, names)), tuple(map(_name, lacking)), traffic)
            for region, traffic in cells
            for names, lacking in _paths(region, (), ())
        ),
        key=lambda part: (part.names, part.lacking),
    )
    always = [one for one in parts if not one.names and not one.lacking]
    # Cells come from a set, whose order differs between processes.
    by_name = sorted((one for one in parts if one not in always), key=lambda one: (one.names, one.lacking))
    return PossibleTraffic(reduce(or_, (one.traffic for one in always), NO_TRAFFIC), tuple(by_name))


def _by_single_names(
    universe: Universe, axes: Sequence[OrderedAxis], cells: Sequence[tuple[Region, Traffic]]
) -> PossibleTraffic | None:
    """The traffic that each name adds to that by number; None if names in combination, or missing names, matter."""

    def traffic_at(names: Iterable[OrderedAxis]) -> Traffic:
        having = set(names)
        for region, traffic in cells:
            for axis in axes:
                region = universe.regions.restricted(region, axis, OTHER if axis in having else ABSENT)
            if region:
                return traffic
        return NO_TRAFFIC

    by_number = traffic_at(())
    added = {axis: traffic_at([axis]) - by_number for axis in axes}
    for number in range(1, len(axes) + 1):
        for names in combinations(axes, number):
            if traffic_at(names) != reduce(or_, (added[axis] for axis in names), by_number):
                return None
    by_name = tuple(NamedPorts((_name(axis),), (), more) for axis, more in added.items() if more)
    return PossibleTraffic(by_number, by_name)


def _paths(
    region: Region, names: tuple[OrderedAxis, ...], lacking: tuple[OrderedAxis, ...]
) -> Iterator[tuple[tuple[OrderedAxis, ...], tuple[OrderedAxis, ...]]]:
    """For each path through the axes of port names, the names that a port has and those that it lacks."""
    if not region:
        return
    if not is_about_ports(region.axis):
        yield names, lacking
        return
    yield from _paths(region.others, (*names, region.axis), lacking)
    yield from _paths(region.at(ABSENT), names, (*lacking, region.axis))


def _name(axis: OrderedAxis) -> PortName:
    name, _, protocol = axis.name.rpartition("/")
    return name, protocol
