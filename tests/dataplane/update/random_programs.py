"""Random programs about three pods, two ports and a few sets, and pairs of programs that differ in a few objects."""

from itertools import permutations

from hypothesis import strategies as st

from ringfence.dataplane.program import (
    ADDRESS,
    CLASS_TRAFFIC,
    DENIED,
    ENFORCING,
    FLOW,
    ISOLATED,
    PEER,
    PORT,
    Chain,
    ClassLookup,
    Dispatch,
    Field,
    Goto,
    HashSet,
    Logging,
    Lookup,
    Move,
    Packet,
    Program,
    ProtocolIs,
    RangeMap,
    RangeSet,
    Reaction,
    Rule,
    RuleVerdict,
    VerdictMap,
    address_key,
    base_program,
    flow_key,
    port_key,
    profile_chain,
    traffic_key,
)
from ringfence.model.policies import Direction
from ringfence.sets.addresses import Family

TCP = 6
V4 = Family.IPV4
PODS = range(3)
PORTS = (80, 443)
PACKETS = [
    Packet(V4, source, destination, TCP, port) for source, destination in permutations(PODS, 2) for port in PORTS
]
SETS = ("pods_0", "pods_1", "pods_2")
FLOWS = ("flows_0", "flows_1")


def address(number: int) -> bytes:
    return address_key(V4, number)


def rules(direction: Direction) -> st.SearchStrategy[Rule]:
    peer = PEER[direction][V4]
    on_address = st.sampled_from(SETS).map(lambda name: (Lookup((peer,), name),))
    on_port = on_address.map(lambda lookup: (*lookup, ProtocolIs(TCP), Lookup((Field.PORT,), "ports")))
    on_flow = st.sampled_from(FLOWS).map(lambda name: (Lookup((peer, Field.PROTOCOL, Field.PORT), name),))
    allowing_mostly = st.sampled_from([RuleVerdict.RETURN, RuleVerdict.RETURN, Goto(DENIED[direction])])
    return st.builds(Rule, st.one_of(on_address, on_port, on_flow), allowing_mostly)


def by_peer(direction: Direction) -> st.SearchStrategy[Chain]:
    """Chains that look up the peer map first.

    For packets that it does not contain, ranges of addresses decide, or a chain that several profiles have in common.
    """
    peer = PEER[direction][V4]
    looking = Rule((), Dispatch((peer,), peer_map_name(direction)))
    by_class = Rule((), Dispatch((peer,), range_map_name(direction)))
    others = st.sampled_from([(), (Rule((Lookup((peer,), "range"),), RuleVerdict.RETURN),), (by_class,)])
    in_common = st.sampled_from([*chains_in_common(direction)])
    return st.one_of(
        others.map(lambda more: profile_chain(direction, (looking, *more))),
        in_common.map(lambda name: Chain((looking, Rule((), Goto(name))))),
    )


def chains_in_common(direction: Direction) -> dict[str, Chain]:
    """Chains to which those of profiles go at their ends. Neither their rules nor their sets ever change."""
    in_range = Rule((Lookup((PEER[direction][V4],), "range"),), RuleVerdict.RETURN)
    on_port = Rule((ProtocolIs(TCP), Lookup((Field.PORT,), "one_port")), RuleVerdict.RETURN)
    rules = {"range": (in_range,), "both": (in_range, on_port)}
    return {f"{direction.field}_common_{name}": profile_chain(direction, some) for name, some in rules.items()}


def peer_map_name(direction: Direction) -> str:
    return f"peers_{direction.field}"


def peer_chains(direction: Direction) -> dict[str, Chain]:
    """The chains to which peer maps lead. Their names depend on what they allow, and their rules never change."""
    on_port = Rule((ProtocolIs(TCP), Lookup((Field.PORT,), "one_port")), RuleVerdict.RETURN)
    allowed = {"one_port": on_port, "everything": Rule((), RuleVerdict.RETURN)}
    return {f"{direction.field}_peers_{name}": profile_chain(direction, (rule,)) for name, rule in allowed.items()}


CONTENTS = "contents"
"""The set that all classes share."""

CLASSES = {port: bytes([number] * 16) for number, port in enumerate(PORTS)}
"""The identifiers of classes, which each contain one port."""


def class_chains(direction: Direction) -> dict[str, Chain]:
    """Chains that look up the contents of their class. The rules of such chains never change."""
    return {
        f"{direction.field}_class_{port}": profile_chain(
            direction,
            (Rule((ClassLookup(identifier, (Field.PROTOCOL, Field.PORT), CONTENTS),), RuleVerdict.RETURN),),
        )
        for port, identifier in CLASSES.items()
    }


def range_map_name(direction: Direction) -> str:
    return f"classes_{direction.field}"


def range_maps(direction: Direction) -> st.SearchStrategy[RangeMap]:
    targets = st.sampled_from([None, *class_chains(direction)])
    return st.tuples(*(targets for _ in PODS)).map(
        lambda chosen: RangeMap(
            ADDRESS[V4],
            {
                chain: frozenset(
                    (address(pod), address(pod)) for pod, other in zip(PODS, chosen, strict=True) if other == chain
                )
                for chain in chosen
                if chain
            },
        )
    )


def led_to(program: Program) -> set[str]:
    """The chains to which maps lead."""
    maps = (one for one in program.collections.values() if isinstance(one, VerdictMap | RangeMap))
    return {chain for one in maps for chain in one.elements}


def with_contents(program: Program, more: frozenset[int]) -> Program:
    """The program in which each class contains what it must as soon as a map leads to it.

    Classes in `more` do as well.
    """
    used = led_to(program)
    contents = {
        (identifier + traffic_key(TCP, port), identifier + traffic_key(TCP, port))
        for port, identifier in CLASSES.items()
        if port in more or any(f"{direction.field}_class_{port}" in used for direction in Direction)
    }
    return program.changed({CONTENTS: RangeSet(CLASS_TRAFFIC, frozenset(contents))})


def peer_maps(direction: Direction) -> st.SearchStrategy[VerdictMap]:
    targets = st.sampled_from([None, DENIED[direction], *peer_chains(direction), *class_chains(direction)])
    return st.tuples(*(targets for _ in PODS)).map(
        lambda chosen: VerdictMap(ADDRESS[V4], goto=True).moved(
            Move(address(pod), None, chain) for pod, chain in zip(PODS, chosen, strict=True)
        )
    )


def profiles(direction: Direction) -> st.SearchStrategy[dict[str, Chain]]:
    by_rule = st.lists(rules(direction), max_size=2).map(lambda some: profile_chain(direction, tuple(some)))
    chain = st.one_of(by_rule, by_peer(direction))
    return st.fixed_dictionaries({f"{direction.field}_{i}": chain for i in range(2)})


def maps(direction: Direction) -> st.SearchStrategy[VerdictMap]:
    targets = st.sampled_from([None, DENIED[direction], *(f"{direction.field}_{i}" for i in range(2))])
    return st.tuples(*(targets for _ in PODS)).map(
        lambda chosen: VerdictMap(ADDRESS[V4]).moved(
            Move(address(pod), None, chain) for pod, chain in zip(PODS, chosen, strict=True)
        )
    )


def without_unused_peer_chains(program: Program) -> Program:
    """The program as a compiler builds it: of the chains of peers and of classes, only those to which maps lead."""
    used = led_to(program)
    some = (chains(direction) for chains in (peer_chains, class_chains) for direction in Direction)
    unused = frozenset(name for chains in some for name in chains if name not in used)
    looked_into = frozenset().union(*(chain.sets for name, chain in program.chains.items() if name not in unused))
    return program.changed(without=unused if "one_port" in looked_into else unused | {"one_port"})


def programs() -> st.SearchStrategy[Program]:
    """Random programs. Each contains all objects that another one may refer to."""
    pods = st.frozensets(st.sampled_from(PODS).map(address)).map(lambda keys: HashSet(ADDRESS[V4], keys))
    flows = st.frozensets(
        st.builds(lambda pod, port: flow_key(address(pod), TCP, port), st.sampled_from(PODS), st.sampled_from(PORTS))
    ).map(lambda keys: HashSet(FLOW[V4], keys))
    ports = st.frozensets(st.sampled_from(PORTS).map(lambda port: (port_key(port), port_key(port)))).map(
        lambda ranges: RangeSet(PORT, ranges)
    )
    held = st.just(RangeSet(ADDRESS[V4], frozenset({(address(0), address(0))})))
    return st.builds(
        lambda reaction, more, collections, egress_map, ingress_map, egress, ingress: with_contents(
            base_program(holds=True, reaction=reaction).changed(
                {
                    **collections,
                    ISOLATED[Direction.EGRESS, V4]: egress_map,
                    ISOLATED[Direction.INGRESS, V4]: ingress_map,
                },
                {
                    **egress,
                    **ingress,
                    **{name: one for direction in Direction for name, one in peer_chains(direction).items()},
                    **{name: one for direction in Direction for name, one in class_chains(direction).items()},
                    **{name: one for direction in Direction for name, one in chains_in_common(direction).items()},
                },
            ),
            more,
        ),
        reactions(),
        st.frozensets(st.sampled_from(PORTS)),
        st.fixed_dictionaries(
            {
                **dict.fromkeys(SETS, pods),
                **dict.fromkeys(FLOWS, flows),
                **{peer_map_name(direction): peer_maps(direction) for direction in Direction},
                **{range_map_name(direction): range_maps(direction) for direction in Direction},
                "range": st.just(RangeSet(ADDRESS[V4], frozenset({(address(1), address(2))}))),
                "one_port": st.just(RangeSet(PORT, frozenset({(port_key(PORTS[0]), port_key(PORTS[0]))}))),
                "ports": ports,
                "known4": pods,
                "held4": held,
            },
        ),
        *(maps(direction) for direction in (Direction.EGRESS, Direction.INGRESS)),
        *(profiles(direction) for direction in (Direction.EGRESS, Direction.INGRESS)),
    )


def reactions() -> st.SearchStrategy[Reaction]:
    """Mostly the enforcing reaction, so that some pairs of programs differ only in their policies."""
    loggings = st.sampled_from([None, Logging(100, 10), Logging(7, 1)])
    return st.one_of(st.just(ENFORCING), st.builds(Reaction, st.booleans(), loggings))


@st.composite
def neighbours(draw: st.DrawFn) -> tuple[Program, Program]:
    """Two programs that differ in a few objects only."""
    old, other = draw(programs()), draw(programs())
    parts = [
        *(name for name in other.collections if name != CONTENTS),
        *(name for name in other.chains if name not in base_program().chains),
    ]
    names = draw(st.frozensets(st.sampled_from(parts), max_size=3))
    new = old.changed(
        {name: one for name, one in other.collections.items() if name in names},
        {name: one for name, one in other.chains.items() if name in names},
    )
    new = with_contents(new, draw(st.frozensets(st.sampled_from(PORTS))))
    return without_unused_peer_chains(old), without_unused_peer_chains(new)
