"""The packet counters of the program in force, read from its counted sets."""

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
"""Returns each element of a counted set, with the packets and bytes that matched it."""


class DropCount(NamedTuple):
    """The packets and bytes from (egress) or to (ingress) an isolated address that were dropped."""

    direction: Direction
    family: Family
    address: int
    packets: int
    bytes: int


class BridgeCounts(NamedTuple):
    """Dropped frames of pods: with a source address that is not the pod's, and of kinds that no policy can allow."""

    spoofed: int
    denied: int


class PacketCounts:
    """Reads the counters. All methods raise KernelError if the kernel refuses."""

    def __init__(self, present: Callable[[], Program], counted: CountedElements) -> None:
        """`present` returns the program in force; `counted` reads one of its sets."""
        self._present = present
        self._counted = counted

    def drops(self) -> Iterator[DropCount]:
        """The dropped packets of each isolated address in each direction."""
        for (direction, family), name in DROPS.items():
            if name in self._present().collections:
                for key, packets, size in self._counted(name):
                    yield DropCount(direction, family, int.from_bytes(key, "big"), packets, size)

    def spoofed(self) -> dict[Family, int]:
        """Packets from pods with a source address that does not belong to their link, by family."""
        return self._by_family(SPOOFED)

    def held(self) -> dict[Family, int]:
        """Packets that were dropped because a pod was not known yet, by family."""
        return self._by_family(HELD_PACKETS)

    def closed(self) -> dict[Family, int]:
        """Packets that were dropped because a pod was closed, by family."""
        return self._by_family(CLOSED_PACKETS)

    def untracked(self) -> dict[Family, int]:
        """Packets that were tracked although another program had exempted them, by family."""
        return self._by_family(UNTRACKED)

    def bridges(self) -> BridgeCounts:
        """Frames that were dropped on bridges independently of policies."""
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
