"""Small hand-written programs."""

from collections.abc import Iterable, Mapping

from tests.dataplane.network import number

from ringfence.dataplane.program import (
    ADDRESS,
    BRIDGE_TUNNELS,
    CLASS_ADDRESS,
    CLASS_TRAFFIC,
    DENIED,
    DROPS,
    EXEMPT_LINKS,
    FLOW,
    FROM_CLOSED,
    FROM_PORT,
    HARDWARE,
    ISOLATED,
    LINK,
    LINK_ADDRESS,
    LINK_HARDWARE,
    LINK_SENDER,
    OWNED,
    OWNED_HARDWARE,
    PEER,
    PORT,
    PORT_ADDRESSES,
    PORT_HARDWARE,
    PORT_SENDERS,
    TO_CLOSED,
    TO_PORT,
    TRAFFIC,
    TUNNELS,
    Chain,
    ClassLookup,
    Collection,
    Dispatch,
    Field,
    HashSet,
    Lookup,
    Move,
    OfFamily,
    Program,
    ProtocolIs,
    RangeMap,
    RangeSet,
    Rule,
    RuleVerdict,
    VerdictMap,
    address_key,
    base_program,
    flow_key,
    link_hardware_key,
    link_key,
    link_sender_key,
    port_key,
    profile_chain,
    traffic_key,
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
    """The program in which each named side of a pod allows only these peers, over both families."""
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
    """The set of keys of some peers."""
    return HashSet(FLOW[family], frozenset(flow_key(key(pod, family), protocol, port) for pod, protocol, port in peers))


def key(pod: int, family: Family) -> bytes:
    """The key of a pod's address."""
    return address_key(family, number(pod, family))


def varied() -> Program:
    """A program that contains every kind of object and rule."""
    simple = program({(IN, 0): [(1, TCP, 80)], (OUT, 0): [(1, UDP, 53), (2, TCP, 80)], (IN, 2): []})
    guarded = base_program(with_bridges=True)
    port, hardware_address = link_key(7), bytes.fromhex("02 42 0a f4 00 05")
    return guarded.changed(
        {
            **simple.collections,
            **{PORT_ADDRESSES[one]: HashSet(LINK_ADDRESS[one], frozenset({port + key(0, one)})) for one in FAMILIES},
            **{OWNED[one]: HashSet(ADDRESS[one], frozenset({key(0, one)})) for one in FAMILIES},
            PORT_HARDWARE: HashSet(LINK_HARDWARE, frozenset({link_hardware_key(7, hardware_address)})),
            PORT_SENDERS: HashSet(LINK_SENDER, frozenset({link_sender_key(7, hardware_address, number(0))})),
            OWNED_HARDWARE: HashSet(HARDWARE, frozenset({hardware_address})),
            FROM_PORT: VerdictMap(LINK, {FROM_CLOSED: frozenset({port})}, goto=True),
            TO_PORT: VerdictMap(LINK, {TO_CLOSED: frozenset({port})}, goto=True),
            EXEMPT_LINKS: HashSet(LINK, frozenset({link_key(8)})),
            **{name: HashSet(PORT, frozenset({port_key(8472)})) for name in (TUNNELS, BRIDGE_TUNNELS)},
            "pods": HashSet(ADDRESS[V6], frozenset({address_key(V6, 5), address_key(V6, LAST[V6])})),
            "ports": RangeSet(PORT, ranges_of_ports((80, 80), (443, 443), (8000, 8080), (65535, 65535))),
            "blocks4": RangeSet(ADDRESS[V4], ranges(V4, (0, 255), (1024, 2047), (LAST[V4] - 9, LAST[V4]))),
            "blocks6": RangeSet(ADDRESS[V6], ranges(V6, (1, 1), (1 << 100, LAST[V6]))),
            "everything": RangeSet(ADDRESS[V4], ranges(V4, (0, LAST[V4]))),
        },
        {
            **simple.chains,
            "ingress_varied": profile_chain(
                IN,
                (
                    allowing(Lookup((Field.SOURCE_6,), "pods")),
                    allowing(Lookup((Field.SOURCE_4,), "everything"), ProtocolIs(TCP), Lookup((Field.PORT,), "ports")),
                    allowing(Lookup((Field.SOURCE_4,), "blocks4"), ProtocolIs(UDP)),
                    allowing(Lookup((Field.SOURCE_6,), "blocks6")),
                ),
            ),
        },
    )


def with_classes() -> Program:
    """The same program with classes of addresses and of traffic in sequence. Each class has its own contents."""
    one, other = (bytes([number] * 16) for number in (1, 2))
    by_traffic = Rule((OfFamily(V4),), Dispatch((Field.PROTOCOL, Field.PORT), "classes_of_traffic"))
    whole = varied()
    chain = whole.chains["ingress_varied"]
    return whole.changed(
        {
            "classes_of_addresses": RangeMap(
                ADDRESS[V4], {"ingress_one": ranges(V4, (256, 511)), "ingress_other": ranges(V4, (512, 512))}
            ),
            "contents_of_addresses": RangeSet(
                CLASS_TRAFFIC,
                frozenset(
                    (identifier + traffic_key(protocol, low), identifier + traffic_key(protocol, high))
                    for identifier, protocol, low, high in (
                        (one, TCP, 80, 90),
                        (one, UDP, 0, 65535),
                        (other, TCP, 81, 81),
                    )
                ),
            ),
            "classes_of_traffic": RangeMap(
                TRAFFIC, {"ingress_web": frozenset({(traffic_key(TCP, 8080), traffic_key(TCP, 8090))})}
            ),
            "contents_of_traffic": RangeSet(
                CLASS_ADDRESS[V4],
                frozenset((other + low, other + high) for low, high in ranges(V4, (500, 600), (700, 700))),
            ),
        },
        {
            "ingress_varied": Chain((*chain.rules[:-1], looking_into("classes_of_addresses"), *chain.rules[-1:])),
            "ingress_one": profile_chain(IN, (in_class(one, "contents_of_addresses"), by_traffic)),
            "ingress_other": profile_chain(IN, (in_class(other, "contents_of_addresses"), by_traffic)),
            "ingress_web": profile_chain(IN, (in_class(other, "contents_of_traffic", Field.SOURCE_4),)),
        },
    )


def looking_into(classes: str) -> Rule:
    return Rule((), Dispatch((Field.SOURCE_4,), classes))


def in_class(identifier: bytes, contents: str, *fields: Field) -> Rule:
    return Rule((ClassLookup(identifier, fields or (Field.PROTOCOL, Field.PORT), contents),), RuleVerdict.RETURN)


def allowing(*conditions: Lookup | ProtocolIs) -> Rule:
    return Rule(conditions, RuleVerdict.RETURN)


def ranges(family: Family, *spans: tuple[int, int]) -> frozenset[tuple[bytes, bytes]]:
    return frozenset((address_key(family, low), address_key(family, high)) for low, high in spans)


def ranges_of_ports(*spans: tuple[int, int]) -> frozenset[tuple[bytes, bytes]]:
    return frozenset((port_key(low), port_key(high)) for low, high in spans)
