"""A program does what the engine says, for whatever cluster and after whatever changes."""

from collections.abc import Callable
from itertools import product
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from tests import strategies
from tests.dataplane.expectations import ICMP, addresses_of, is_allowed
from tests.engine.members import state_of
from tests.semantics.judges import cluster_of
from tests.semantics.objects import Key, Object, key_of

from ringfence import Cluster
from ringfence.dataplane import peers, profiles
from ringfence.dataplane.compiling import Compiler
from ringfence.dataplane.evaluation import Packet, admits
from ringfence.dataplane.peers import PROTOCOL_NUMBERS
from ringfence.dataplane.program import Program
from ringfence.engine.pods import Member
from ringfence.engine.state import State
from ringfence.sets.addresses import parse_address

OUTSIDE = [parse_address(text) for text in strategies.OUTSIDE]
NODES = [parse_address(text) for addresses in strategies.NODE_ADDRESSES.values() for text in addresses]
PORTS = (53, 80, 85, 65535)


def everywhere(member: Member) -> bool:
    return True


def on_node_m(member: Member) -> bool:
    return member.node == "m"


def program_for(state: State) -> Program:
    return Compiler(state, everywhere).program()


def packets(state: State, chance: Random) -> list[Packet]:
    """Some of all connections between pods, nodes and addresses outside, over each protocol and over ICMP."""
    ends = {*addresses_of(state), *OUTSIDE, *NODES}
    pairs = [(one, other) for one, other in product(sorted(ends), repeat=2) if one[0] is other[0]]
    return [
        Packet(family, source, destination, ICMP[family])
        if protocol is None
        else Packet(family, source, destination, protocol, chance.choice(PORTS))
        for (family, source), (_, destination) in chance.choices(pairs, k=40)
        for protocol in (None, *PROTOCOL_NUMBERS.values())
    ]


@given(strategies.clusters(), st.sampled_from([everywhere, on_node_m]), st.randoms(use_true_random=False))
def test_a_program_does_what_the_engine_says(
    objects: list[Object], is_local: Callable[[Member], bool], chance: Random
) -> None:
    state = state_of(objects)
    program = Compiler(state, is_local).program()
    for packet in packets(state, chance):
        assert admits(program, packet) is is_allowed(state, packet, is_local), packet


@given(strategies.clusters(), st.randoms(use_true_random=False))
def test_large_products_of_pods_and_ports_mean_the_same(objects: list[Object], chance: Random) -> None:
    state = state_of(objects)
    with pytest.MonkeyPatch.context() as patch:
        for module in (peers, profiles):
            patch.setattr(module, "KEYS_OF_ITS_OWN", 1)
        program = program_for(state)
    for packet in packets(state, chance):
        assert admits(program, packet) is is_allowed(state, packet), packet


class Changes(RuleBasedStateMachine):
    """Objects come, change and go; after each of them, the program is that of a compiler that has seen nothing else."""

    def __init__(self) -> None:
        super().__init__()
        self.cluster = Cluster()
        self.objects: dict[Key, Object] = {}
        self.compiler = Compiler(self.cluster.state, everywhere)

    @initialize(objects=strategies.clusters())
    def begin(self, objects: list[Object]) -> None:
        for obj in objects:
            self.upsert(obj)

    @rule(obj=strategies.objects)
    def upsert(self, obj: Object) -> None:
        self.objects[key_of(obj)] = obj
        self.cluster.upsert(obj)

    @precondition(lambda self: self.objects)
    @rule(data=st.data())
    def remove(self, data: st.DataObject) -> None:
        key = data.draw(st.sampled_from(sorted(self.objects)))
        del self.objects[key]
        self.cluster.remove(*key)

    @rule()
    def compile(self) -> None:
        assert self.compiler.program() == program_for(cluster_of(self.objects.values()).state)

    @invariant()
    def unchanged_parts_are_the_same_objects(self) -> None:
        once, twice = self.compiler.program(), self.compiler.program()
        assert all(once.collections[name] is twice.collections[name] for name in once.collections)
        assert all(once.chains[name] is twice.chains[name] for name in once.chains)


TestChanges = Changes.TestCase
TestChanges.settings = settings(max_examples=settings().max_examples // 2, stateful_step_count=15)
