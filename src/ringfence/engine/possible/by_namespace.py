"""The traffic between possible pods and an existing one, for each namespace separately.

Policies name few namespaces, and the others, possibly hundreds, share a few answers. So the answer for the pods of one
namespace is a value of its own, which all namespaces with the same answer share. As a single region, all of them would
be looked at again for each workload.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import TypeVar

import msgspec

from ringfence.engine.possible.universe import NAME, Universe
from ringfence.sets.label_values import LabelValue
from ringfence.sets.partitions import Partition
from ringfence.sets.regions import OTHER, Region
from ringfence.sets.traffic import Traffic

ByTraffic = frozenset[tuple[Region, Traffic]]
"""A partition by traffic, in a unique form: regions without traffic are left out."""

NOTHING_PASSES: ByTraffic = frozenset()

V = TypeVar("V")


class ByNamespace(msgspec.Struct, frozen=True, cache_hash=True):
    """Possible pods by their traffic: for each existing namespace with any, and for all namespaces that do not exist
    yet.

    Regions of an existing namespace do not depend on its name.
    """

    existing: frozenset[tuple[str, ByTraffic]]
    to_come: ByTraffic

    def united(self, universe: Universe) -> ByTraffic:
        """The same as a partition of all possible pods."""
        return frozenset(united(universe, dict(self.existing), self.to_come))


def united(
    universe: Universe, existing: Mapping[str, Iterable[tuple[Region, V]]], to_come: Iterable[tuple[Region, V]]
) -> Partition[Region, V]:
    """Joins partitions of the pods of existing namespaces, by name, and of all others to one of all possible pods."""
    regions = universe.regions
    inside: defaultdict[V, dict[LabelValue, Region]] = defaultdict(dict)
    for name, cells in existing.items():
        for pods, value in cells:
            inside[value][name] = pods
    outside = {value: region for region, value in to_come}
    none_existing: dict[LabelValue, Region] = dict.fromkeys(universe.existing, regions.nothing)
    found: Partition[Region, V] = []
    for value in dict.fromkeys((*inside, *outside)):
        beyond = outside.get(value, regions.nothing)
        # A region of namespaces that do not exist yet lists the existing ones as empty, and may list others that
        # policies name.
        named = beyond.listed if beyond.axis == NAME else {}
        # The later wins: existing namespaces are empty unless this value is theirs.
        listed = {**named, **none_existing, **inside[value]} if beyond else inside[value]
        found.append((regions.node(NAME, listed, regions.restricted(beyond, NAME, OTHER)), value))
    return found
