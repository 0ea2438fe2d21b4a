"""How many packets were dropped, and why: what the counted sets of the program in force say."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from ringfence.dataplane.program import (
    BRIDGE_DENIED,
    BRIDGE_SPOOFED,
    CLOSED_PACKETS,
    DROPS,
    HELD_PACKETS,
    SPOOFED,
    UNTRACKED,
    Program,
    family_key,
    guards_bridges,
)
from ringfence.model.policies import Direction
from ringfence.sets.addresses import FAMILIES, Family

CountedElements = Callable[[str], list[tuple[bytes, int, int]]]
"""Every element of a counted set, with the packets and bytes that matched it."""


class DropCount(NamedTuple):
    """How many packets from (egress) or to (ingress) an isolated address were dropped, and how many bytes."""

    direction: Direction
    family: Family
    address: int
    packets: int
    bytes: int


class BridgeCounts(NamedTuple):
    """How many frames of pods had a source address that is not the pod's, and how many no policy can be about."""

    spoofed: int
    denied: int


class PacketCounts:
    """Counts of the packets that met some rules. All methods raise KernelError where the kernel refuses."""

    def __init__(self, present: Callable[[], Program], counted: CountedElements) -> None:
        """`present` is the program in force; `counted` reads a set of it."""
        self._present = present
        self._counted = counted

    def drops(self) -> Iterator[DropCount]:
        """What was dropped so far, for every isolated address and direction."""
        for (direction, family), name in DROPS.items():
            if name in self._present().collections:
                for key, packets, size in self._counted(name):
                    yield DropCount(direction, family, int.from_bytes(key, "big"), packets, size)

    def spoofed(self) -> dict[Family, int]:
        """How many packets have come from pods with a source address that does not belong to the link, by family."""
        return self._by_family(SPOOFED)

    def held(self) -> dict[Family, int]:
        """How many packets were dropped because a pod was not known yet, by family."""
        return self._by_family(HELD_PACKETS)

    def closed(self) -> dict[Family, int]:
        """How many packets were dropped because a pod's policies could not be in force, by family."""
        return self._by_family(CLOSED_PACKETS)

    def untracked(self) -> dict[Family, int]:
        """How many packets were tracked although another program had exempted them, by family."""
        return self._by_family(UNTRACKED)

    def bridges(self) -> BridgeCounts:
        """What was dropped on bridges, whatever policies say."""
        if not guards_bridges(self._present()):
            return BridgeCounts(0, 0)
        spoofed, denied = (
            sum(packets for _, packets, _ in self._counted(name)) for name in (BRIDGE_SPOOFED, BRIDGE_DENIED)
        )
        return BridgeCounts(spoofed, denied)

    def _by_family(self, name: str) -> dict[Family, int]:
        is_there = name in self._present().collections
        counted = {key: packets for key, packets, _ in self._counted(name)} if is_there else {}
        return {family: counted.get(family_key(family), 0) for family in FAMILIES}
