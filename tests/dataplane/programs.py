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
    PORT,
    Collection,
    Field,
    HashSet,
    Lookup,
    Move,
    Program,
    ProtocolIs,
    RangeSet,
    Rule,
    RuleVerdict,
    VerdictMap,
    address_key,
    base_program,
    flow_key,
    port_key,
    profile_chain,
)
from ringfence.model.policies import Direction
from ringfence.sets.addresses import FAMILIES, Family

TCP, UDP, SCTP = 6, 17, 132
V4, V6 = Family.IPV4, Family.IPV6
IN, OUT = Direction.INGRESS, Direction.EGRESS
LAST = {family: (1 << bits) - 1 for family, bits in ((V4, 32), (V6, 128))}
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


def varied() -> Program:
    """A program with every kind of object and rule."""
    simple = program({(IN, 0): [(1, TCP, 80)], (OUT, 0): [(1, UDP, 53), (2, TCP, 80)], (IN, 2): []})
    return simple.changed(
        {
            "pods": HashSet(ADDRESS[V6], frozenset({address_key(V6, 5), address_key(V6, LAST[V6])})),
            "ports": RangeSet(PORT, ranges_of_ports((80, 80), (443, 443), (8000, 8080), (65535, 65535))),
            "blocks4": RangeSet(ADDRESS[V4], ranges(V4, (0, 255), (1024, 2047), (LAST[V4] - 9, LAST[V4]))),
            "blocks6": RangeSet(ADDRESS[V6], ranges(V6, (1, 1), (1 << 100, LAST[V6]))),
            "everything": RangeSet(ADDRESS[V4], ranges(V4, (0, LAST[V4]))),
            "flowblocks": RangeSet(
                FLOW[V4],
                frozenset(
                    {
                        (flow_key(address_key(V4, 256), TCP, 80), flow_key(address_key(V4, 511), TCP, 90)),
                        (flow_key(address_key(V4, 256), UDP, 0), flow_key(address_key(V4, 511), UDP, 65535)),
                        (flow_key(address_key(V4, 600), TCP, 80), flow_key(address_key(V4, 600), TCP, 80)),
                    }
                ),
            ),
        },
        {
            "ingress_varied": profile_chain(
                IN,
                (
                    allowing(Lookup((Field.SOURCE_6,), "pods")),
                    allowing(Lookup((Field.SOURCE_4,), "everything"), ProtocolIs(TCP), Lookup((Field.PORT,), "ports")),
                    allowing(Lookup((Field.SOURCE_4,), "blocks4"), ProtocolIs(UDP)),
                    allowing(Lookup((Field.SOURCE_6,), "blocks6")),
                    allowing(Lookup((Field.SOURCE_4, Field.PROTOCOL, Field.PORT), "flowblocks")),
                ),
            )
        },
    )


def allowing(*conditions: Lookup | ProtocolIs) -> Rule:
    return Rule(conditions, RuleVerdict.RETURN)


def ranges(family: Family, *spans: tuple[int, int]) -> frozenset[tuple[bytes, bytes]]:
    return frozenset((address_key(family, low), address_key(family, high)) for low, high in spans)


def ranges_of_ports(*spans: tuple[int, int]) -> frozenset[tuple[bytes, bytes]]:
    return frozenset((port_key(low), port_key(high)) for low, high in spans)
