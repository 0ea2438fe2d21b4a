"""The fixed part of the program: base chains, and the sets and maps that they look into.

A packet's way, in this order:

1. a packet of an accepted connection is dropped if the connection was revoked since;
2. else it is accepted: replies are free, and a packet costs nothing more after the first;
3. a pod's own addresses reach each other, and neighbours find each other;
4. the source's egress: a verdict map keyed by the source address jumps to the chain of the pod's profile;
5. the destination's ingress, likewise; but not for packets to the node itself, which no ingress policy is about.

In front of each of the last two, addresses in the ranges that are *held* wait closed until they are *known*: no pod
runs unprotected because nobody has looked up its policies yet.

A pod that is not isolated in a direction is in no map, and costs nothing. Dropped packets are counted by address in a
set of their own, so that the counts outlive every change of profiles.
"""

from collections.abc import Iterator
from typing import Final

from ringfence.dataplane.program import (
    ADDRESS,
    ADDRESS_PAIR,
    CONNECTION,
    DESTINATION,
    SOURCE,
    Chain,
    Collection,
    Dispatch,
    Established,
    Field,
    Goto,
    HashSet,
    Hook,
    Lookup,
    NeighbourDiscovery,
    Program,
    RangeSet,
    Rule,
    Verdict,
    VerdictMap,
)
from ringfence.model.policies import Direction
from ringfence.sets.addresses import FAMILIES

TABLE: Final = "ringfence"

REVOKED: Final = "revoked"
"""The set of tracked connections that are no longer allowed. `kernel` fills it; programs leave it empty."""

OWN: Final = {family: f"own{family:d}" for family in FAMILIES}
"""The pairs of addresses that belong to one pod."""

SUBJECT: Final = {Direction.EGRESS: SOURCE, Direction.INGRESS: DESTINATION}
"""Where a packet has the address of the pod that a direction is about."""

PEER: Final = {Direction.EGRESS: DESTINATION, Direction.INGRESS: SOURCE}
"""Where a packet has the address of the other end."""

HELD: Final = {family: f"held{family:d}" for family in FAMILIES}
"""The ranges whose addresses are closed unless they are known; empty if new pods need not wait."""

KNOWN: Final = {family: f"known{family:d}" for family in FAMILIES}
"""The addresses in these ranges that belong to pods whose policies are in force."""

ISOLATED: Final = {
    (direction, family): f"{direction.field}{family:d}" for direction in Direction for family in FAMILIES
}
"""The verdict maps: each isolated pod's address, and the chain of its profile."""

DROPS: Final = {(direction, family): f"denied_{name}" for (direction, family), name in ISOLATED.items()}
"""The sets that count the packets dropped for each isolated pod."""

DENIED: Final = {direction: f"denied_{direction.field}" for direction in Direction}
"""The chains in which everything ends that no rule allows; also the profile of a pod that is allowed nothing."""


def skeleton(*, holds: bool = False) -> Program:
    """The program that isolates nobody. If it `holds`, addresses in some ranges wait; if not, packets are not asked."""
    return Program(_collections(), _chains(holds=holds))


def _collections() -> dict[str, Collection]:
    return {
        REVOKED: HashSet(CONNECTION),
        **{OWN[family]: HashSet(ADDRESS_PAIR[family]) for family in FAMILIES},
        **{HELD[family]: RangeSet(ADDRESS[family]) for family in FAMILIES},
        **{KNOWN[family]: HashSet(ADDRESS[family]) for family in FAMILIES},
        **{name: VerdictMap(ADDRESS[family]) for (_, family), name in ISOLATED.items()},
        **{name: HashSet(ADDRESS[family], counted=True) for (_, family), name in DROPS.items()},
    }


def _chains(*, holds: bool) -> dict[str, Chain]:
    egress, ingress = (
        (*(_holding(direction) if holds else ()), *_dispatching(direction))
        for direction in (Direction.EGRESS, Direction.INGRESS)
    )
    return {
        **{DENIED[direction]: Chain(_denying(direction)) for direction in Direction},
        "forward": Chain((*_SCREENING, *egress, *ingress), Hook.FORWARD),
        "input": Chain((*_SCREENING, *egress), Hook.INPUT),
    }


_SCREENING: Final = (
    Rule((Established(), Lookup((Field.CONNECTION,), REVOKED)), Verdict.DROP),
    Rule((Established(),), Verdict.ACCEPT),
    *(Rule((Lookup((SOURCE[family], DESTINATION[family]), OWN[family]),), Verdict.ACCEPT) for family in FAMILIES),
    Rule((NeighbourDiscovery(),), Verdict.ACCEPT),
)


def _holding(direction: Direction) -> Iterator[Rule]:
    for family, field in SUBJECT[direction].items():
        unknown = Lookup((field,), KNOWN[family], absent=True)
        yield Rule((unknown, Lookup((field,), HELD[family])), Verdict.DROP)


def _dispatching(direction: Direction) -> Iterator[Rule]:
    for family, field in SUBJECT[direction].items():
        yield Rule((), Dispatch(field, ISOLATED[direction, family]))


def _denying(direction: Direction) -> tuple[Rule, ...]:
    counting = (
        Rule((Lookup((SUBJECT[direction][family],), DROPS[direction, family]),), Verdict.DROP) for family in FAMILIES
    )
    return (*counting, Rule((), Verdict.DROP))


def profile_chain(direction: Direction, allowing: tuple[Rule, ...]) -> Chain:
    """A profile's chain: `allowing` are rules that return what is allowed; the rest is denied."""
    return Chain((*allowing, Rule((), Goto(DENIED[direction]))))
