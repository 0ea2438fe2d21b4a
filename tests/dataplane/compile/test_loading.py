"""The parts of a large chain are loaded piece by piece. Its pods are closed until all parts are loaded."""

from itertools import pairwise
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule
from tests import strategies
from tests.dataplane.compile.test_compiler import everywhere, packets
from tests.dataplane.simulation import carried_out
from tests.example_counts import examples
from tests.semantics.judges import cluster_of
from tests.semantics.objects import Key, Object, admits, block, key_of, labelled, pod, policy, port

from ringfence import Cluster
from ringfence.dataplane.compile import address_rules, loading
from ringfence.dataplane.compile.compiler import Compiler
from ringfence.dataplane.program import Packet, Program, base_program
from ringfence.dataplane.program import admits as admits_packet
from ringfence.dataplane.update import commands_between, plan_update
from ringfence.engine.state import State
from ringfence.sets.addresses import Family, parse_address

SERVER = pod("x/server", {"app": "server"}, addresses=["10.0.0.1"])
OTHER = pod("y/other", {"app": "other"}, addresses=["10.0.0.2"])
SUBJECT = labelled(app="server")
SOME = 60


def blocks(count: int = SOME, shift: int = 0) -> Object:
    """A policy of this many blocks, which are allowed everything."""
    peers = [block(f"11.0.{i}.{2 * shift}/32") for i in range(count)]
    return policy("x/p", SUBJECT, ingress=[admits(*peers)])


def classes(count: int = SOME) -> Object:
    """A policy of this many blocks, each with its own port."""
    rules = [admits(block(f"11.0.{i}.0/32"), ports=[port(1 + i)]) for i in range(count)]
    return policy("x/p", SUBJECT, ingress=rules)


class Loaded:
    """A cluster, and a kernel that is updated to each program."""

    def __init__(self, *objects: Object) -> None:
        self.cluster = cluster_of([SERVER, OTHER, *objects])
        self.compiler = Compiler(self.cluster.state, everywhere)
        self.present = Program()
        self.new: list[int] = []
        """The size of what was new in each program."""

    def advance(self) -> bool:
        """Update the kernel to the next program; return whether that is the last one."""
        program = self.compiler.program(present=self.present)
        self.new.append(size(program) - size(self.present))
        for before, after in pairwise([self.present, *plan_update(self.present, program).programs]):
            carried = carried_out(before, commands_between(before, after))
            assert carried == after
        self.present = program
        return not self.compiler.closed and not self.compiler.has_leftovers

    def finish(self) -> int:
        """Continue until everything is loaded; return the number of programs."""
        for count in range(1, 1000):
            if self.advance():
                return count
        raise AssertionError("it does not end")

    def holds_nothing(self) -> bool:
        """Whether the program contains only what every program contains."""
        least = base_program()
        return (self.present.chains.keys(), self.present.collections.keys()) == (
            least.chains.keys(),
            least.collections.keys(),
        )

    def passes(self, source: str = "11.0.7.0", destination: str = "10.0.0.1", number: int = 8) -> bool:
        (_, one), (_, other) = parse_address(source), parse_address(destination)
        return admits_packet(self.present, Packet(Family.IPV4, one, other, 6, number))


def size(program: Program) -> int:
    return sum(one.size for one in program.collections.values()) + 25 * len(program.chains)


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every chain is large."""
    use_small_pieces(monkeypatch)


def use_small_pieces(patch: pytest.MonkeyPatch, at_once: int = 20) -> None:
    for limit in ("AT_ONCE", "SLOWLY"):
        patch.setattr(loading, limit, at_once)
    patch.setattr(loading, "LARGE_CHAIN", 0)
    patch.setattr(loading, "_PIECE", 5)


@pytest.mark.parametrize("written", [blocks(), classes()], ids=["blocks", "classes"])
def test_a_large_chain_comes_in_pieces_and_its_pods_are_closed_meanwhile(written: Object) -> None:
    loaded = Loaded()
    loaded.finish()
    assert loaded.passes()
    loaded.cluster.upsert(written)
    while not loaded.advance():
        assert loaded.compiler.closed == {"x"}
        assert not loaded.passes()
        assert loaded.passes(destination="10.0.0.2"), "others are open"
    assert loaded.passes()
    assert not loaded.passes(source="12.0.0.1")
    # One piece may exceed the limit, and the parts that subjects need in addition are not counted.
    assert max(loaded.new[1:]) < 20 + 25 + 10
    assert len(loaded.new) > 3


def test_another_change_is_in_force_at_once_while_a_large_chain_is_loaded() -> None:
    loaded = Loaded(blocks())
    assert not loaded.advance()
    loaded.cluster.upsert(policy("y/closed", labelled(app="other"), ingress=[]))
    assert not loaded.advance()
    assert not loaded.passes(destination="10.0.0.2")
    loaded.cluster.remove("NetworkPolicy", "y", "closed")
    assert not loaded.advance()
    assert loaded.passes(destination="10.0.0.2")


def test_parts_of_a_chain_that_is_no_longer_wanted_are_removed() -> None:
    loaded = Loaded(classes())
    for _ in range(5):
        assert not loaded.advance()
    loaded.cluster.remove("NetworkPolicy", "x", "p")
    loaded.finish()
    assert loaded.holds_nothing()
    assert loaded.passes(source="12.0.0.1")


@pytest.mark.parametrize("written", [blocks(), classes()], ids=["blocks", "classes"])
def test_a_large_chain_that_is_not_needed_any_more_goes_in_pieces_and_nothing_leads_there(written: Object) -> None:
    loaded = Loaded(written)
    loaded.finish()
    before = len(loaded.present.chains)
    loaded.cluster.remove("NetworkPolicy", "x", "p")
    while not loaded.advance():
        assert loaded.compiler.closed == frozenset()
        assert loaded.passes(source="12.0.0.1")
        # The subject's own chain has no leftovers and is removed at once.
        assert before - len(loaded.present.chains) <= 2
        before = len(loaded.present.chains)
    assert loaded.holds_nothing()


def test_unneeded_parts_are_removed_first_and_are_used_where_they_are_needed_again() -> None:
    loaded = Loaded(classes())
    whole = loaded.finish()
    loaded.cluster.upsert(classes(SOME // 2))
    for _ in range(10):
        loaded.advance()
    loaded.cluster.upsert(classes())
    assert loaded.finish() < whole
    assert loaded.present == Compiler(loaded.cluster.state, everywhere).program()


def test_no_part_is_loaded_or_removed_for_a_namespace_that_may_not_load() -> None:
    loaded = Loaded(classes())
    loaded.finish()
    loaded.cluster.remove("NetworkPolicy", "x", "p")
    loaded.advance()
    before = loaded.present
    assert loaded.compiler.program(present=before, may_load=lambda namespace: namespace != "x") == before
    assert loaded.compiler.loaded_for == frozenset()
    loaded.advance()
    assert loaded.compiler.loaded_for == {"x"}
    assert loaded.present != before


def test_only_the_newest_version_counts() -> None:
    """A tenant who rewrites a policy without pause delays nobody else.

    When the tenant stops, the last version is in force.
    """
    loaded = Loaded()
    for version in range(9):
        loaded.cluster.upsert(blocks(shift=version))
        assert not loaded.advance()
    assert loaded.finish() <= SOME
    assert loaded.passes(source="11.0.7.16")
    assert not loaded.passes(source="11.0.7.14")


@pytest.mark.parametrize("written", [blocks(), classes()], ids=["blocks", "classes"])
def test_parts_that_the_kernel_holds_are_not_loaded_again(written: Object) -> None:
    """A restarted agent finds it in the kernel."""
    loaded = Loaded(written)
    loaded.finish()
    before = loaded.present
    again = Loaded(written)
    again.present = before
    assert again.finish() == 1
    assert again.present == before


def test_the_first_program_has_everything_where_there_is_no_kernel() -> None:
    state = cluster_of([SERVER, classes()]).state
    compiler = Compiler(state, everywhere)
    assert len(compiler.program().chains) > SOME
    assert compiler.closed == frozenset()


class ChangesInPieces(RuleBasedStateMachine):
    """While chains are computed and loaded, no forbidden packet is allowed. Afterwards, every allowed packet is."""

    def __init__(self) -> None:
        super().__init__()
        self.patch = pytest.MonkeyPatch()
        use_small_pieces(self.patch, at_once=2)
        self.patch.setattr(address_rules, "MOST_PAIRS", 1)
        self.cluster = Cluster()
        self.objects: dict[Key, Object] = {}
        self.least_effort = 0
        self.compiler = Compiler(
            self.cluster.state, everywhere, in_steps=lambda namespace, effort: effort >= self.least_effort
        )
        self.present = Program()
        self.chance = Random(0)

    def teardown(self) -> None:
        self.patch.undo()

    @initialize(objects=strategies.clusters())
    def begin(self, objects: list[Object]) -> None:
        for obj in objects:
            self.upsert(obj)

    @rule(obj=strategies.objects)
    def upsert(self, obj: Object) -> None:
        self.objects[key_of(obj)] = obj
        self.cluster.upsert(obj)

    @rule(data=st.data())
    def remove(self, data: st.DataObject) -> None:
        if self.objects:
            key = data.draw(st.sampled_from(sorted(self.objects)))
            del self.objects[key]
            self.cluster.remove(*key)

    @rule(least=st.sampled_from([0, 20, 1_000]))
    def compute_in_steps(self, least: int) -> None:
        """From now on, compute work of at least this effort in steps."""
        self.least_effort = least

    @rule(steps=st.integers(1, 30))
    def compute(self, steps: int) -> None:
        for _ in range(steps):
            self.compiler.compute(str.__len__)

    @rule(finish=st.booleans())
    def load(self, finish: bool) -> None:
        state = cluster_of(self.objects.values()).state
        fresh = Compiler(state, everywhere).program()
        self.advance(state, fresh)
        while finish and (self.compiler.closed or self.compiler.has_leftovers):
            self.advance(state, fresh)
        if finish:
            assert self.present.chains.keys() == fresh.chains.keys()
            assert self.present.collections.keys() == fresh.collections.keys()

    def advance(self, state: State, fresh: Program) -> None:
        program = self.compiler.program(present=self.present)
        self.compiler.compute(str.__len__)
        closed = self.compiler.closed
        for before, after in pairwise([self.present, *plan_update(self.present, program).programs]):
            assert carried_out(before, commands_between(before, after)) == after
        self.present = program
        for packet in packets(state, self.chance):
            ends = [state.members_at(packet.family, end) for end in (packet.source, packet.destination)]
            if any(one.namespace in closed for some in ends for one in some):
                assert not admits_packet(program, packet) or admits_packet(fresh, packet), packet
            else:
                assert admits_packet(program, packet) is admits_packet(fresh, packet), packet


TestChangesInPieces = ChangesInPieces.TestCase
TestChangesInPieces.settings = settings(max_examples=examples(50), stateful_step_count=15)


@given(st.integers(1, 60), st.integers(1, 30))
def test_a_set_grows_to_the_very_same_object(count: int, at_once: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        use_small_pieces(patch, at_once)
        loaded = Loaded(blocks(count))
        loaded.finish()
        whole = Compiler(loaded.cluster.state, everywhere).program()
    assert loaded.present == whole
