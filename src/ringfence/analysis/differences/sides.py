"""What one side of a connection allows before and after, for all workloads that the same policies select.

A connection passes if the egress side of its source and the ingress side of its destination allow it. Workloads whose
side depends on the same policies, before and after, are one class and have one answer.
"""

from collections.abc import Hashable, Mapping, Sequence

import msgspec

from ringfence.analysis.differences.matched_workloads import ClusterView
from ringfence.engine.answers import side_row
from ringfence.engine.policies import own_ports
from ringfence.model.policies import Direction
from ringfence.sets.bitsets import Bitset
from ringfence.sets.partitions import Partition
from ringfence.sets.traffic import NO_TRAFFIC, Traffic

BeforeAfter = tuple[Traffic, Traffic]
"""What passes before and after."""


class SideClass(msgspec.Struct, frozen=True, eq=False):
    """Workloads whose side is the same, of which `example` is one; `cells` are all workloads as peers."""

    direction: Direction
    members: Bitset
    example: int
    cells: Partition[Bitset, BeforeAfter]

    @property
    def is_changed(self) -> bool:
        """Whether it allows with some workload what it did not allow before, or the reverse."""
        return any(before != after for _, (before, after) in self.cells)

    def with_peer(self, peer: int) -> BeforeAfter:
        """What the side allows with one workload, before and after."""
        return next(value for peers, value in self.cells if peers >> peer & 1)


def side_classes(before: ClusterView, after: ClusterView, direction: Direction) -> list[SideClass]:
    """The classes of all workloads, by their first members."""
    members: dict[Hashable, list[int]] = {}
    for place in range(len(before.groups)):
        key = (_depends_on(before, place, direction), _depends_on(after, place, direction))
        members.setdefault(key, []).append(place)
    everyone = (1 << len(before.groups)) - 1
    return [
        SideClass(
            direction,
            sum(1 << place for place in places),
            places[0],
            _compared(_row(before, places[0], direction, everyone), _row(after, places[0], direction, everyone)),
        )
        for places in members.values()
    ]


def _depends_on(view: ClusterView, place: int, direction: Direction) -> Hashable:
    """All that the side of a workload depends on."""
    identity = view.identity(place)
    stack = view.state.tiers.stack(identity, direction)
    return stack, own_ports(stack, identity), tuple(identity.families)


def _row(view: ClusterView, place: int, direction: Direction, everyone: Bitset) -> Partition[Bitset, Traffic]:
    """All workloads as peers, by what the side of one workload allows with them."""
    joined: dict[Traffic, Bitset] = {}
    for peers, traffic in side_row(view.state, view.identity(place), direction):
        joined[traffic] = joined.get(traffic, 0) | view.workloads(peers)
    met = 0
    for workloads in joined.values():
        met |= workloads
    joined[NO_TRAFFIC] = joined.get(NO_TRAFFIC, 0) | (everyone & ~met)  # those of which it shares no address family
    return [(workloads, traffic) for traffic, workloads in joined.items() if workloads]


def _compared(before: Partition[Bitset, Traffic], after: Partition[Bitset, Traffic]) -> Partition[Bitset, BeforeAfter]:
    return [(both, (was, now)) for peers, was in before for others, now in after if (both := peers & others)]


def class_of(classes: Sequence[SideClass]) -> Mapping[int, SideClass]:
    """The class of each workload."""
    found: dict[int, SideClass] = {}
    for one in classes:
        bits, place = one.members, 0
        while bits:
            place = (bits & -bits).bit_length() - 1
            found[place] = one
            bits &= bits - 1
    return found
