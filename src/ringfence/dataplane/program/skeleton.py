"""The fixed part of the program: base chains, and the sets and maps that they look into.

A packet's way, in this order:

0. a packet whose source address does not belong to the link over which it comes from a pod is dropped, before the
   kernel tracks connections: those are known by addresses only, so it would count as a packet of the real owner.
   Other programs may exempt packets from being tracked. Then an answer could not be distinguished from a packet that
   opens a connection, so what the node forwards is tracked all the same;
1. a packet of an accepted connection is dropped if the connection was revoked since;
2. else it is accepted: replies are free, and a packet costs nothing more after the first. So are errors about it;
3. neighbours find each other; nothing else passes from a pod's link-local address to its node, for such an address says
   nothing about the pod that policies could ask about;
4. the source's egress: a verdict map keyed by the source address jumps to the chain of the pod's profile.
   Before that, what a pod sends to a tunnel between nodes is dropped, if there are tunnels: they take frames out of it
   that have any source address;
5. the destination's ingress, likewise; but not for packets to the node itself, which no ingress policy is about;
6. a packet that would be dropped, because it is denied, held or of a closed pod, is accepted if both of its addresses
   belong to one pod. This is asked last, because few packets are from a pod to itself.

What comes over the loopback interface, or is the node's copy of what it sends to many, is the node's own, and none of
these rules applies to it: its address on the pods' side may lie in their range, but belongs to no pod. Before each of
the last two rules, packets from and to addresses in the *held* ranges are dropped until the addresses are *known*: no
pod is unprotected while its policies are not known yet. A known pod whose policies cannot be in force is *closed*.

A pod that is not isolated in a direction is in no map, and costs nothing. Dropped packets are counted by address in a
set of their own, so that the counts outlive every change of profiles.
"""

from collections.abc import Iterator
from typing import Final

from ringfence.dataplane.program.bridge_skeleton import bridge_chains, bridge_collections, guards_bridges
from ringfence.dataplane.program.collections import Collection, HashSet, RangeSet, VerdictMap
from ringfence.dataplane.program.keys import ADDRESS, ADDRESS_PAIR, CONNECTION, LINK, PACKET_FAMILY, PORT, family_key
from ringfence.dataplane.program.program import Chain, Hook, Program
from ringfence.dataplane.program.reaction import (
    CLOSED_PREFIX,
    DENIED_PREFIX,
    ENFORCING,
    HELD_PREFIX,
    SPOOFED_PREFIX,
    Reaction,
)
from ringfence.dataplane.program.rules import (
    DESTINATION,
    ROUTERS_MESSAGES,
    SOURCE,
    Dispatch,
    Established,
    EstablishedOrRelated,
    Field,
    ForeignRule,
    FromLinkLocal,
    FromNode,
    FromPodLink,
    Goto,
    Icmpv6Is,
    Jump,
    Log,
    Lookup,
    NeighbourDiscovery,
    OfFamily,
    OffRoute,
    OverLoopback,
    ProtocolIs,
    RateLimit,
    Rule,
    RuleVerdict,
    ToOthers,
    Track,
    Untracked,
    to_port_in,
)
from ringfence.model.policies import Direction
from ringfence.sets.addresses import FAMILIES, Family

TABLE: Final = "ringfence"

REVOKED: Final = "revoked"
"""The set of tracked connections that are no longer allowed. `kernel` fills it; programs leave it empty."""

OWN: Final = {family: f"own{family:d}" for family in FAMILIES}
"""The pairs of addresses that belong to one pod."""

SUBJECT: Final = {Direction.EGRESS: SOURCE, Direction.INGRESS: DESTINATION}
"""The field of a packet with the address of the subject, by direction."""

PEER: Final = {Direction.EGRESS: DESTINATION, Direction.INGRESS: SOURCE}
"""The field of a packet with the address of the peer, by direction."""

HELD: Final = {family: f"held{family:d}" for family in FAMILIES}
"""The ranges whose addresses are closed unless they are known; empty if new pods are not held."""

KNOWN: Final = {family: f"known{family:d}" for family in FAMILIES}
"""The addresses in these ranges that belong to pods whose policies are in force."""

ISOLATED: Final = {
    (direction, family): f"{direction.field}{family:d}" for direction in Direction for family in FAMILIES
}
"""The verdict maps: each isolated pod's address, and the chain of its profile."""

DROPS: Final = {(direction, family): f"denied_{name}" for (direction, family), name in ISOLATED.items()}
"""The sets that count the packets dropped for each isolated pod."""

GROUPS: Final = {family: f"groups{family:d}" for family in FAMILIES}
"""The maps that give the group of a pod's address as a peer, where there are peer maps."""

DENIED: Final = {direction: f"denied_{direction.field}" for direction in Direction}
"""The chains for packets that no rule allows; also the profile of a pod that is allowed nothing."""

CLOSED: Final = {direction: f"closed_{direction.field}" for direction in Direction}
"""The profile of a pod whose policies are not in force at present: it is allowed nothing."""

DENYING: Final = frozenset([*DENIED.values(), *CLOSED.values()])
"""The profiles that allow nothing."""

HELD_PACKETS: Final = "held_packets"
CLOSED_PACKETS: Final = "closed_packets"
"""The sets that count, by address family, the packets dropped because a pod is not known yet, or is closed."""

TUNNELS: Final = "tunnels"
"""The UDP ports of tunnels between nodes (VXLAN, Geneve), to which no pod sends."""

EXEMPT_LINKS: Final = "exempt_links"
"""The links that lead to no pod, such as the node's own to the outside in a cluster that is nested in another."""

SPOOFED: Final = "spoofed"
"""The set that counts, by address family, the packets whose source address does not belong to the link of a pod."""

UNTRACKED: Final = "untracked"
"""The set that counts, by address family, the packets that another program exempted from connection tracking."""

_V4, _V6 = Family.IPV4, Family.IPV6
_FORWARD_6: Final = "forward6"
_INPUT_6: Final = "input6"
_HELD_CHAIN: Final = {direction: f"held_{direction.field}" for direction in Direction}
_SPOOFED_CHAIN: Final = "spoofed"
_OFF_ROUTE_CHAIN: Final = "off_route"
_NEIGHBOURS_CHAIN: Final = "neighbours"
_TRACKED_CHAIN: Final = "tracked"
_UNTRACKED_CHAIN: Final = "untracked"

_ERRORS_PROTOCOLS: Final = (1, 58)
"""ICMP and ICMPv6. Source: IANA, "Assigned Internet Protocol Numbers"."""


def base_program(
    *, holds: bool = False, reaction: Reaction = ENFORCING, with_bridges: bool = False, with_tunnels: bool = True
) -> Program:
    """The program that isolates no pod. With `holds`, unknown addresses in the held ranges are closed.

    With `with_bridges`, it also has the rules for ports of bridges. Without `with_tunnels`, it lacks the rules that
    drop packets to tunnels: where there are none, they would only cost each datagram time.
    """
    program = Program(_collections(), _chains(reaction, holds=holds, with_tunnels=with_tunnels))
    if with_bridges:
        chains = bridge_chains(reaction, holds=holds, with_tunnels=with_tunnels)
        return program.changed(bridge_collections(), chains)
    return program


def is_whole(program: Program) -> bool:
    """Whether a program that was read back has all fixed chains, and the sets and maps of these."""
    fixed = _FIXED_WITH_BRIDGES if guards_bridges(program) else _FIXED
    return program.chains.keys() >= fixed.chains.keys() and program.collections.keys() >= fixed.collections.keys()


def fixed_chains(program: Program) -> dict[str, Chain]:
    """The chains of a whole program that do not depend on pods and policies."""
    return {name: chain for name, chain in program.chains.items() if name in _FIXED_WITH_BRIDGES.chains}


def observing(program: Program) -> Program:
    """The program changed such that it drops and logs nothing, except packets of held addresses."""
    chains = {
        name: Chain(tuple(map(_letting_pass, filter(_logs_nothing, chain.rules))), chain.hook)
        for name, chain in fixed_chains(program).items()
        if name not in _HELD_CHAIN.values()
    }
    return program.changed(chains=chains)


def _logs_nothing(rule: Rule | ForeignRule) -> bool:
    return not (isinstance(rule, Rule) and isinstance(rule.action, Log))


def _letting_pass(rule: Rule | ForeignRule) -> Rule | ForeignRule:
    if isinstance(rule, Rule) and rule.action is RuleVerdict.DROP:
        return Rule(rule.conditions, RuleVerdict.RETURN)
    return rule


def is_fixed(name: str) -> bool:
    """Whether a chain, a set or a map belongs to the fixed part."""
    return name in _FIXED_WITH_BRIDGES.chains or name in _FIXED_WITH_BRIDGES.collections


def observes(program: Program) -> bool:
    """Whether a whole program passes the packets that its profiles deny."""
    rules = (rule for name in DENIED.values() for rule in program.chains[name].rules)
    return not any(isinstance(rule, Rule) and rule.action is RuleVerdict.DROP for rule in rules)


def _collections() -> dict[str, Collection]:
    return {
        REVOKED: HashSet(CONNECTION),
        **{OWN[family]: HashSet(ADDRESS_PAIR[family]) for family in FAMILIES},
        **{HELD[family]: RangeSet(ADDRESS[family]) for family in FAMILIES},
        **{KNOWN[family]: HashSet(ADDRESS[family]) for family in FAMILIES},
        **{name: VerdictMap(ADDRESS[family]) for (_, family), name in ISOLATED.items()},
        **{name: HashSet(ADDRESS[family], counted=True) for (_, family), name in DROPS.items()},
        EXEMPT_LINKS: HashSet(LINK),
        TUNNELS: HashSet(PORT),
        **dict.fromkeys(
            (SPOOFED, HELD_PACKETS, CLOSED_PACKETS, UNTRACKED),
            HashSet(PACKET_FAMILY, frozenset(map(family_key, FAMILIES)), counted=True),
        ),
    }


def _chains(reaction: Reaction, *, holds: bool, with_tunnels: bool) -> dict[str, Chain]:
    egress, ingress = (
        {
            family: (*([_holding(direction, family)] if holds else []), _dispatching(direction, family))
            for family in FAMILIES
        }
        for direction in (Direction.EGRESS, Direction.INGRESS)
    )
    keeping_out = (_KEEPING_OUT_OF_TUNNELS,) if reaction.checks_sources and with_tunnels else ()
    return {
        **{DENIED[direction]: Chain(tuple(_denying(direction, reaction))) for direction in Direction},
        **{
            names[direction]: Chain((*_WITHIN_POD, *_stopping(reaction, prefixes[direction], counter)))
            for names, prefixes, counter in (
                (_HELD_CHAIN, HELD_PREFIX, HELD_PACKETS),
                (CLOSED, CLOSED_PREFIX, CLOSED_PACKETS),
            )
            for direction in Direction
        },
        _SPOOFED_CHAIN: Chain((_SPARING_EXEMPT, *_stopping(reaction, SPOOFED_PREFIX, SPOOFED))),
        _OFF_ROUTE_CHAIN: _OFF_ROUTE,
        _NEIGHBOURS_CHAIN: _NEIGHBOURS,
        # Without drops, no connection is ended.
        _TRACKED_CHAIN: Chain((*((_REVOKING,) if reaction.drops else ()), *_ACCEPTING_TRACKED)),
        _UNTRACKED_CHAIN: _UNTRACKED,
        "prerouting": Chain((*((_CHECKING_SOURCE,) if reaction.checks_sources else ()), _TRACKING), Hook.TRACKING),
        # Rules about one family are met by packets of this family only: each costs the others about 15 ns.
        "forward": Chain(
            (_ASKING_STATE, _to_chain_of_ipv6(_FORWARD_6), *keeping_out, *egress[_V4], *ingress[_V4]), Hook.FORWARD
        ),
        _FORWARD_6: Chain((_FINDING_NEIGHBOURS, *keeping_out, *egress[_V6], *ingress[_V6])),
        "input": Chain(
            (_OWN_TALK, _ASKING_STATE, _to_chain_of_ipv6(_INPUT_6), _OWN_COPIES, *keeping_out, *egress[_V4]),
            Hook.INPUT,
        ),
        _INPUT_6: Chain((_FINDING_NEIGHBOURS, _OWN_COPIES, _CLOSING_LINK, *keeping_out, *egress[_V6])),
    }


_OWN_TALK: Final = Rule((OverLoopback(),), RuleVerdict.ACCEPT)

_OWN_COPIES: Final = Rule((FromNode(),), RuleVerdict.ACCEPT)
"""What the node sends to many, it receives itself over the interface on which it left: not over the loopback one."""

# A packet that opens a connection is asked once whether it belongs to one.
_ASKING_STATE: Final = Rule((EstablishedOrRelated(),), Jump(_TRACKED_CHAIN))

_FINDING_NEIGHBOURS: Final = Rule((NeighbourDiscovery(),), Goto(_NEIGHBOURS_CHAIN))


def _to_chain_of_ipv6(chain: str) -> Rule:
    return Rule((OfFamily(_V6),), Goto(chain))


_REVOKING: Final = Rule((Lookup((Field.CONNECTION,), REVOKED),), RuleVerdict.DROP)

_ACCEPTING_TRACKED: Final = (
    Rule((Established(),), RuleVerdict.ACCEPT),
    # Another connection that an accepted one has announced (FTP, TFTP, SIP) is judged as any.
    *(Rule((ProtocolIs(number),), RuleVerdict.ACCEPT) for number in _ERRORS_PROTOCOLS),
)

_WITHIN_POD: Final = tuple(
    Rule((Lookup((SOURCE[family], DESTINATION[family]), OWN[family]),), RuleVerdict.ACCEPT) for family in FAMILIES
)

# The kind of the link comes first: this comparison spares all other packets the lookup of a route.
_CHECKING_SOURCE: Final = Rule((FromPodLink(), OffRoute()), Jump(_OFF_ROUTE_CHAIN))

# What the node itself answers stays exempt: NodeLocal DNSCache relies on it, so that Services are not translated.
_TRACKING: Final = Rule((Untracked(), ToOthers()), Goto(_UNTRACKED_CHAIN))

_UNTRACKED: Final = Chain(
    (
        Rule((Lookup((Field.FAMILY,), UNTRACKED),), Track()),  # which counts it
        Rule((Untracked(),), Track()),
    )
)

_OFF_ROUTE: Final = Chain(
    (
        # A pod that asks whether an address is free has no source address yet.
        Rule((NeighbourDiscovery(),), RuleVerdict.RETURN),
        Rule((), Goto(_SPOOFED_CHAIN)),
    )
)

_NEIGHBOURS: Final = Chain(
    (
        # A pod that said it was a router would get the packets of its node (CVE-2020-13597).
        *(Rule((FromPodLink(), Icmpv6Is(message)), Goto(_SPOOFED_CHAIN)) for message in ROUTERS_MESSAGES),
        Rule((), RuleVerdict.ACCEPT),
    )
)

_CLOSING_LINK: Final = Rule((FromPodLink(), FromLinkLocal()), Jump(_SPOOFED_CHAIN))

# What comes over an exempt link returns, and is judged by the policies as any other packet.
_KEEPING_OUT_OF_TUNNELS: Final = Rule((*to_port_in(TUNNELS), FromPodLink()), Jump(_SPOOFED_CHAIN))

_SPARING_EXEMPT: Final = Rule((Lookup((Field.LINK,), EXEMPT_LINKS),), RuleVerdict.RETURN)


def _holding(direction: Direction, family: Family) -> Rule:
    field = SUBJECT[direction][family]
    # Known addresses are asked first: for these, which most packets have, one lookup by hashing is enough.
    unknown = (Lookup((field,), KNOWN[family], absent=True), Lookup((field,), HELD[family]))
    return Rule(unknown, Jump(_HELD_CHAIN[direction]))


def _dispatching(direction: Direction, family: Family) -> Rule:
    return Rule((), Dispatch((SUBJECT[direction][family],), ISOLATED[direction, family]))


def _denying(direction: Direction, reaction: Reaction) -> Iterator[Rule]:
    yield from _WITHIN_POD
    yield from _logging(reaction, DENIED_PREFIX[direction])
    for family, field in SUBJECT[direction].items():
        yield Rule((Lookup((field,), DROPS[direction, family]),), reaction.verdict)  # which counts it
    yield Rule((), reaction.verdict)


def _stopping(reaction: Reaction, prefix: str, counter: str) -> Iterator[Rule]:
    """Log a packet, count it by its family, and give it the verdict of the reaction."""
    yield from _logging(reaction, prefix)
    yield Rule((Lookup((Field.FAMILY,), counter),), reaction.verdict)  # which counts it
    # If another program has emptied the set, nothing is counted, and the verdict stays the same.
    yield Rule((), reaction.verdict)


def _logging(reaction: Reaction, prefix: str) -> Iterator[Rule]:
    if reaction.logging:
        yield Rule((RateLimit(reaction.logging.packets),), Log(reaction.logging.group, prefix))


def profile_chain(direction: Direction, allowing: tuple[Rule, ...]) -> Chain:
    """A profile's chain: `allowing` are rules that return what is allowed; the rest is denied."""
    return Chain((*allowing, Rule((), Goto(DENIED[direction]))))


# The names of its objects do not depend on the settings, so any base program shows which objects are fixed.
_FIXED: Final = base_program()
_FIXED_WITH_BRIDGES: Final = base_program(with_bridges=True)
