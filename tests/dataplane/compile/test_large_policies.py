"""Large policies are compiled separately: a change of one leaves the sets of the others unchanged."""

from collections.abc import Iterator, Mapping
from itertools import product
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests import strategies
from tests.dataplane.compile.test_compiler import Changes, everywhere, packets, program_for
from tests.dataplane.expectations import is_allowed
from tests.engine.members import state_of
from tests.semantics.judges import cluster_of
from tests.semantics.objects import Object, admits, block, labelled, pod, policy, port

from ringfence.dataplane.compile import large_policies
from ringfence.dataplane.compile.address_rules import MOST_PAIRS
from ringfence.dataplane.compile.compiler import Compiler
from ringfence.dataplane.compile.large_policies import MOST_APART
from ringfence.dataplane.program import Collection, Packet, Program
from ringfence.dataplane.program import admits as admits_packet
from ringfence.sets.addresses import Family, parse_address

MANY = 40


@pytest.fixture
def large(monkeypatch: pytest.MonkeyPatch) -> None:
    """Policies with at least this number of blocks are large."""
    monkeypatch.setattr(large_policies, "LARGE", MANY)


@given(strategies.clusters(), st.sampled_from([0, 2]), st.randoms(use_true_random=False))
def test_large_policies_mean_the_same(objects: list[Object], large: int, chance: Random) -> None:
    """Every policy is large, or every policy with two blocks is. As many as allowed are separate, or two."""
    state = state_of(objects)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(large_policies, "LARGE", large)
        patch.setattr(large_policies, "MOST_APART", chance.choice([2, MOST_APART]))
        program = program_for(state)
    for packet in packets(state, chance):
        assert admits_packet(program, packet) is is_allowed(state, packet), packet


class ChangesOfLargePolicies(Changes):
    """The same changes as in other tests. Here, every policy is large."""

    def __init__(self) -> None:
        self.patch = pytest.MonkeyPatch()
        self.patch.setattr(large_policies, "LARGE", 0)
        super().__init__()

    def teardown(self) -> None:
        self.patch.undo()


TestChangesOfLargePolicies = ChangesOfLargePolicies.TestCase
TestChangesOfLargePolicies.settings = Changes.TestCase.settings


def blocks(number: int, count: int = MANY, shift: int = 0) -> list[Object]:
    return [block(f"11.{number}.{i}.{2 * shift}/32") for i in range(count)]


def of_blocks(number: int, count: int = MANY, shift: int = 0) -> Object:
    return policy(f"x/p{number}", labelled(app="server"), ingress=[admits(*blocks(number, count, shift))])


def ranges(program: Program) -> Mapping[str, Collection]:
    return {name: one for name, one in program.collections.items() if name.startswith("blocks4")}


def sizes(*policies: Object) -> Iterator[int]:
    """The sizes of the sets of blocks that represent a server's policies."""
    server = pod("x/server", {"app": "server"}, addresses=["10.0.0.1"])
    program = Compiler(cluster_of([server, *policies]).state, everywhere).program()
    return (one.size for one in ranges(program).values())


def test_a_rewritten_policy_changes_its_own_set_alone(large: None) -> None:
    server = pod("x/server", {"app": "server"}, addresses=["10.0.0.1"])
    cluster = cluster_of([server, *map(of_blocks, range(6))])
    compiler = Compiler(cluster.state, everywhere)
    before = ranges(compiler.program())
    cluster.upsert(of_blocks(0, shift=1))
    after = ranges(compiler.program())
    assert len(before) == len(after) == 6
    assert len(before.keys() & after.keys()) == 5
    assert all(before[name] is after[name] for name in before.keys() & after.keys())


def test_pods_that_one_large_policy_selects_look_into_the_same_sets(large: None) -> None:
    """This holds also if other policies select only some of the pods."""
    servers = [pod(f"x/{i}", {"app": "server", "number": f"{i}"}, addresses=[f"10.0.0.{i}"]) for i in (1, 2)]
    other = policy("x/other", labelled(number="1"), ingress=[admits(block("12.0.0.0/8"))])
    cluster = cluster_of([*servers, of_blocks(0), other])
    program = Compiler(cluster.state, everywhere).program()
    assert len(program.chains) == len(program_for(cluster_of([]).state).chains) + 2
    assert sorted(one.size for one in ranges(program).values()) == [1, MANY]


def test_small_policies_are_united(large: None) -> None:
    small = [of_blocks(number, MANY - 1) for number in (1, 2)]
    assert sorted(sizes(of_blocks(0), *small)) == [MANY, 2 * (MANY - 1)]


def test_only_few_large_policies_have_rules_of_their_own(large: None) -> None:
    """The remaining policies are united."""
    assert sorted(sizes(*map(of_blocks, range(MOST_APART + 3)))) == [*[MANY] * MOST_APART, 3 * MANY]


def test_policies_with_several_combinations_of_blocks_and_ports_are_united(large: None) -> None:
    """They are divided into classes together: a packet does not return from the chain of a class."""
    two = [
        policy(
            f"x/p{first}",
            labelled(app="server"),
            ingress=[admits(*blocks(0, MANY, i), ports=[port(first + 2 * i)]) for i in range(MOST_PAIRS + 1)],
        )
        for first in (80, 1080)
    ]
    server = pod("x/server", {"app": "server"}, addresses=["10.0.0.1"])
    program = Compiler(cluster_of([server, *two]).state, everywhere).program()
    for first, i in product((80, 1080), range(MOST_PAIRS + 1)):
        (_, source), (_, destination) = parse_address(f"11.0.7.{2 * i}"), parse_address("10.0.0.1")
        allowed = [
            admits_packet(program, Packet(Family.IPV4, source, destination, 6, first + 2 * i + more)) for more in (0, 1)
        ]
        assert allowed == [True, False]
