"""What one side of a connection allows before and after, for classes of workloads that the same policies select.

A connection is allowed if the egress side of its source and the ingress side of its destination allow it. Workloads
whose side depends on the same policies, before and after, are one class and share one answer.
"""

from collections.abc import Hashable, Iterable, Mapping
from functools import reduce
from operator import or_

from ringfence.analysis.differences.matched_workloads import ClusterView
from ringfence.engine.answers import side_row
from ringfence.engine.policies import own_ports
from ringfence.model.policies import Direction
from ringfence.sets import bitsets
from ringfence.sets.bitsets import Bitset
from ringfence.sets.partitions import Partition
from ringfence.sets.traffic import NO_TRAFFIC, Traffic

BeforeAfter = tuple[Traffic, Traffic]
"""The allowed traffic before and after."""


class SideClass:
    """Workloads with the same side, of which `example` is one; `cells` divide all workloads as peers by the traffic."""

    def __init__(
        self, direction: Direction, members: Bitset, example: int, cells: Partition[Bitset, BeforeAfter]
    ) -> None:
        self.direction = direction
        self.members = members
        self.example = example
        self.cells = cells
        self.changed_peers = reduce(or_, (peers for peers, (before, after) in cells if before != after), 0)
        """The peers with which the allowed traffic has changed."""

    def with_peer(self, peer: int) -> BeforeAfter:
        """What the side allows with one workload, before and after."""
        return next(value for peers, value in self.cells if peers >> peer & 1)


def side_classes(
    before: ClusterView, after: ClusterView, direction: Direction, workloads: Iterable[int]
) -> list[SideClass]:
    """The classes of some workloads, by their first members."""
    members: dict[Hashable, list[int]] = {}
    for place in workloads:
        key = (_depends_on(before, place, direction), _depends_on(after, place, direction))
        members.setdefault(key, []).append(place)
    everyone = (1 << len(before.groups)) - 1
    return [
        SideClass(
            direction,
            bitsets.of(places),
            places[0],
            _compared(_row(before, places[0], direction, everyone), _row(after, places[0], direction, everyone)),
        )
        for places in members.values()
    ]


def _depends_on(view: ClusterView, place: int, direction: Direction) -> Hashable:
    """Everything that the side of a workload depends on, as a key."""
    identity, stack = view.identity(place), view.stack(place, direction)
    return stack, own_ports(stack, identity), tuple(identity.families)


def _row(view: ClusterView, place: int, direction: Direction, everyone: Bitset) -> Partition[Bitset, Traffic]:
    """All workloads as peers, by what the side of one workload allows with them."""
    joined: dict[Traffic, Bitset] = {}
    for peers, traffic in side_row(view.state, view.identity(place), direction, view.stack(place, direction)):
        joined[traffic] = joined.get(traffic, 0) | view.workloads(peers)
    met = 0
    for workloads in joined.values():
        met |= workloads
    joined[NO_TRAFFIC] = joined.get(NO_TRAFFIC, 0) | (everyone & ~met)  # peers with which it shares no address family
    return [(workloads, traffic) for traffic, workloads in joined.items() if workloads]


def _compared(before: Partition[Bitset, Traffic], after: Partition[Bitset, Traffic]) -> Partition[Bitset, BeforeAfter]:
    return [(both, (was, now)) for peers, was in before for others, now in after if (both := peers & others)]


def class_of(classes: Iterable[SideClass]) -> Mapping[int, SideClass]:
    """The class of each workload."""
    return {place: one for one in classes for place in bitsets.members(one.members)}
