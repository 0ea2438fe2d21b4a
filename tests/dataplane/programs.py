"""Small programs, written down by hand."""

from collections.abc import Iterable, Mapping

from tests.dataplane.network import number

from ringfence.dataplane.program import (
    ADDRESS,
    DENIED,
    DROPS,
    FLOW,
    ISOLATED,
    PEER,
    Collection,
    Field,
    HashSet,
    Lookup,
    Move,
    Program,
    Rule,
    RuleVerdict,
    VerdictMap,
    address_key,
    base_program,
    flow_key,
    profile_chain,
)
from ringfence.model.policies import Direction
from ringfence.sets.addresses import FAMILIES, Family

TCP, UDP, SCTP = 6, 17, 132
Peer = tuple[int, int, int]
"""A pod's number, a protocol and a port."""


def program(isolated: Mapping[tuple[Direction, int], Iterable[Peer]]) -> Program:
    """The program in which each named side of a pod allows these peers only, over both families."""
    base = base_program()
    collections: dict[str, Collection] = {}
    chains = {}
    moves: dict[tuple[Direction, Family], list[Move]] = {side: [] for side in ISOLATED}
    for (direction, pod), peers in isolated.items():
        name = f"{direction.field}_{pod}"
        allowed = list(peers)
        for family in FAMILIES:
            moves[direction, family].append(Move(key(pod, family), None, name if allowed else DENIED[direction]))
        if allowed:
            collections |= {f"{name}_{family:d}": flows(family, allowed) for family in FAMILIES}
            chains[name] = profile_chain(
                direction,
                tuple(
                    Rule((Lookup((PEER[direction][family], Field.PROTOCOL, Field.PORT), f"{name}_{family:d}"),), RETURN)
                    for family in FAMILIES
                ),
            )
    for side, name in ISOLATED.items():
        keys = frozenset(move.key for move in moves[side])
        collections[name] = VerdictMap(ADDRESS[side[1]]).moved(moves[side])
        collections[DROPS[side]] = HashSet(ADDRESS[side[1]], keys, counted=True)
    return base.changed(collections, chains)


RETURN = RuleVerdict.RETURN


def flows(family: Family, peers: Iterable[Peer]) -> HashSet:
    """The set of some peers."""
    return HashSet(FLOW[family], frozenset(flow_key(key(pod, family), protocol, port) for pod, protocol, port in peers))


def key(pod: int, family: Family) -> bytes:
    """A pod's address as a key."""
    return address_key(family, number(pod, family))
