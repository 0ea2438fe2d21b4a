"""The way from one program to another loses nothing and lets nothing through, wherever it is interrupted."""

from collections.abc import Iterator
from itertools import count, groupby, pairwise, permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.dataplane.simulation import carried_out

from ringfence.dataplane.program import (
    ADDRESS,
    DENIED,
    ENFORCING,
    FLOW,
    ISOLATED,
    PEER,
    PORT,
    Chain,
    Collection,
    Field,
    HashSet,
    Logging,
    Lookup,
    Move,
    Packet,
    Program,
    ProtocolIs,
    RangeSet,
    Reaction,
    Rule,
    RuleVerdict,
    VerdictMap,
    address_key,
    admits,
    base_program,
    flow_key,
    port_key,
    profile_chain,
)
from ringfence.dataplane.program.evaluation import passes
from ringfence.dataplane.revocation import concerns
from ringfence.dataplane.update import comparison
from ringfence.dataplane.update.affected import NONE_AFFECTED, affected_addresses
from ringfence.dataplane.update.commands import (
    AddElements,
    Command,
    RemoveElements,
    ReplaceElements,
    SetRules,
    commands_between,
)
from ringfence.dataplane.update.plan import plan_update
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
    return st.one_of(on_address, on_port, on_flow).map(lambda conditions: Rule(conditions, RuleVerdict.RETURN))


def profiles(direction: Direction) -> st.SearchStrategy[dict[str, Chain]]:
    chain = st.lists(rules(direction), max_size=2).map(lambda some: profile_chain(direction, tuple(some)))
    return st.fixed_dictionaries({f"{direction.field}_{i}": chain for i in range(2)})


def maps(direction: Direction) -> st.SearchStrategy[VerdictMap]:
    targets = st.sampled_from([None, DENIED[direction], *(f"{direction.field}_{i}" for i in range(2))])
    return st.tuples(*(targets for _ in PODS)).map(
        lambda chosen: VerdictMap(ADDRESS[V4]).moved(
            Move(address(pod), None, chain) for pod, chain in zip(PODS, chosen, strict=True)
        )
    )


def programs() -> st.SearchStrategy[Program]:
    pods = st.frozensets(st.sampled_from(PODS).map(address)).map(lambda keys: HashSet(ADDRESS[V4], keys))
    flows = st.frozensets(
        st.builds(lambda pod, port: flow_key(address(pod), TCP, port), st.sampled_from(PODS), st.sampled_from(PORTS))
    ).map(lambda keys: HashSet(FLOW[V4], keys))
    ports = st.frozensets(st.sampled_from(PORTS).map(lambda port: (port_key(port), port_key(port)))).map(
        lambda ranges: RangeSet(PORT, ranges)
    )
    held = st.just(RangeSet(ADDRESS[V4], frozenset({(address(0), address(0))})))
    return st.builds(
        lambda reaction, collections, egress_map, ingress_map, egress, ingress: base_program(
            holds=True, reaction=reaction
        ).changed(
            {
                **collections,
                ISOLATED[Direction.EGRESS, V4]: egress_map,
                ISOLATED[Direction.INGRESS, V4]: ingress_map,
            },
            {**egress, **ingress},
        ),
        reactions(),
        st.fixed_dictionaries(
            {**dict.fromkeys(SETS, pods), **dict.fromkeys(FLOWS, flows), "ports": ports, "known4": pods, "held4": held},
        ),
        *(maps(direction) for direction in (Direction.EGRESS, Direction.INGRESS)),
        *(profiles(direction) for direction in (Direction.EGRESS, Direction.INGRESS)),
    )


def reactions() -> st.SearchStrategy[Reaction]:
    """Mostly that of enforcing: programs that differ in their policies only are to be found among the others."""
    loggings = st.sampled_from([None, Logging(100, 10), Logging(7, 1)])
    return st.one_of(st.just(ENFORCING), st.builds(Reaction, st.booleans(), loggings))


@st.composite
def neighbours(draw: st.DrawFn) -> tuple[Program, Program]:
    """Two programs that differ in a few objects only."""
    old, other = draw(programs()), draw(programs())
    parts = [*other.collections, *(name for name in other.chains if name not in base_program().chains)]
    names = draw(st.frozensets(st.sampled_from(parts), max_size=3))
    return old, old.changed(
        {name: one for name, one in other.collections.items() if name in names},
        {name: one for name, one in other.chains.items() if name in names},
    )


@given(st.one_of(neighbours(), st.tuples(programs(), programs())))
def test_nothing_is_lost_and_nothing_passes_on_the_way(ends: tuple[Program, Program]) -> None:
    """Every state allows what both ends allow and forbids what both forbid, and so does every mixture of neighbours."""
    check_way(*ends)


@given(programs(), programs())
def test_a_change_too_large_for_one_transaction_is_as_safe(old: Program, new: Program) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(comparison, "RULES_AT_ONCE", 0)
        check_way(old, new, rules_together=False)


@given(programs(), programs(), st.booleans(), st.booleans())
def test_switching_between_enforcing_and_observing_is_as_safe(
    old: Program, new: Program, drops: bool, together: bool
) -> None:
    """The policies may have changed as well: a new process begins with what another one left."""
    ends = zip((old, new), (drops, not drops), strict=True)
    before, after = (one.changed(chains=base_program(holds=True, reaction=Reaction(flag)).chains) for one, flag in ends)
    check_way(before, after, rules_together=together)


@given(programs())
def test_a_program_that_observes_lets_everything_pass(program: Program) -> None:
    observing = program.changed(chains=base_program(holds=True, reaction=Reaction(drops=False)).chains)
    assert all(admits(observing, packet) for packet in PACKETS)


@given(st.one_of(neighbours(), st.tuples(programs(), programs())))
def test_whoever_is_judged_otherwise_is_suspect(ends: tuple[Program, Program]) -> None:
    suspected = affected_addresses(*ends)
    for packet in PACKETS:
        if admits(ends[0], packet) is not admits(ends[1], packet):
            assert concerns(suspected, packet)


def test_other_ports_make_all_pods_of_a_profile_suspect() -> None:
    old, new = (allowing_everybody_on(port) for port in PORTS)
    assert affected_addresses(old, new) == frozenset({address(0), address(1)})


def allowing_everybody_on(port: int) -> Program:
    """Two pods are isolated and can be reached on one port."""
    ports = RangeSet(PORT, frozenset({(port_key(port), port_key(port))}))
    chain = profile_chain(Direction.INGRESS, (Rule((Lookup((Field.PORT,), "ports"),), RuleVerdict.RETURN),))
    isolated = VerdictMap(ADDRESS[V4], {"ingress_0": frozenset({address(0), address(1)})})
    return base_program().changed({"ports": ports, ISOLATED[Direction.INGRESS, V4]: isolated}, {"ingress_0": chain})


@given(programs())
def test_nobody_is_suspect_where_nothing_changes(program: Program) -> None:
    assert affected_addresses(program, Program(dict(program.collections), dict(program.chains))) == NONE_AFFECTED


@given(programs(), programs())
def test_the_way_ends_at_the_new_program(old: Program, new: Program) -> None:
    states = list(states_between(old, new, rules_together=True))
    assert (states[-1] if states else old) == new


@given(programs())
def test_a_new_table_isolates_step_by_step(program: Program) -> None:
    """From nothing, no state forbids what the finished program allows."""
    for state in states_between(None, program, rules_together=True):
        for packet in PACKETS:
            assert admits(state, packet) or not admits(program, packet)


@given(programs())
def test_there_is_nothing_to_do_between_equal_programs(program: Program) -> None:
    equal = Program(dict(program.collections), dict(program.chains))
    assert not any(
        commands_between(before, after) for before, after in pairwise([program, *plan_update(program, equal).programs])
    )


def check_way(old: Program, new: Program, *, rules_together: bool = True) -> None:
    """What both ends allow passes in every state and every mixture of neighbours, what both forbid does not."""
    verdicts = {packet: admits(old, packet) for packet in PACKETS if admits(old, packet) is admits(new, packet)}
    before = old
    looked_up = {packet: trace(old, packet)[1] for packet in verdicts}
    for after in states_between(old, new, rules_together=rules_together):
        for packet, verdict in verdicts.items():
            assert all(seen is verdict for seen in mixtures(before, after, packet, looked_up[packet])), packet
            afterwards, looked_up[packet] = trace(after, packet)
            assert afterwards is verdict, packet
        before = after


def trace(state: Program, packet: Packet) -> tuple[bool, list[str]]:
    """The verdict on a packet, and the names of the sets that it looks into, in order."""
    names: list[str] = []

    def read(name: str) -> Collection:
        names.append(name)
        return state.collections[name]

    return passes(state.chains, read, packet), names


def mixtures(before: Program, after: Program, packet: Packet, looked_up: list[str]) -> Iterator[bool]:
    """What can happen to a packet that meets the rules of `before` while a transaction is committed.

    From one of its lookups on, it finds the sets of `after`. Only a lookup into a set that changes makes a difference.
    """
    for first_after, name in enumerate(looked_up):
        if before.collections[name] is not after.collections.get(name):
            lookups = count()

            def read(name: str) -> Collection:
                return (before if next(lookups) < first_after else after).collections[name]  # noqa: B023

            yield passes(before.chains, read, packet)


def states_between(old: Program | None, new: Program, *, rules_together: bool) -> Iterator[Program]:
    """Every state that the kernel goes through if transactions are split as finely as they may be."""
    state = Program() if old is None else old
    before = old
    for after in plan_update(old, new).programs:
        for transaction in split(commands_between(before, after), rules_together=rules_together):
            state = carried_out(state, transaction)
            yield state
        assert state == after
        before = after


def split(many: list[Command], *, rules_together: bool) -> Iterator[list[Command]]:
    for is_rules, group in groupby(many, key=lambda command: isinstance(command, SetRules)):
        if is_rules and rules_together:
            yield list(group)
        else:
            for command in group:
                yield from ([portion] for portion in portions(command))


def portions(command: Command) -> Iterator[Command]:
    """Elements one by one."""
    match command:
        case AddElements(name, collection) | RemoveElements(name, collection) if isinstance(collection, HashSet):
            for element in collection.elements:
                yield type(command)(name, HashSet(collection.key, frozenset({element}), collection.counted))
        case AddElements(name, VerdictMap() as one) | RemoveElements(name, one) | ReplaceElements(name, one):
            if isinstance(one, VerdictMap):
                for chain, keys in one.elements.items():
                    for key in keys:
                        yield type(command)(name, VerdictMap(one.key, {chain: frozenset({key})}))
        case _:
            yield command
