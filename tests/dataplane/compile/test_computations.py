"""Large chains are computed step by step.

Until a chain is computed, its pods are closed and other changes do not wait.
"""

import pytest
from tests.dataplane.compile.test_compiler import everywhere
from tests.semantics.judges import cluster_of
from tests.semantics.objects import Object, admits, block, labelled, pod, policy, port

from ringfence.dataplane.compile import division, loading
from ringfence.dataplane.compile.compiler import Compiler
from ringfence.dataplane.program import Packet, Program
from ringfence.dataplane.program import admits as admits_packet
from ringfence.sets.addresses import Family, parse_address

SERVER = pod("x/server", {"app": "server"}, addresses=["10.0.0.1"])
OTHER = pod("y/other", {"app": "other"}, addresses=["10.0.0.2"])


def large(port_of_first: int = 1, name: str = "x/p") -> Object:
    """A policy of twenty blocks, each with its own port."""
    rules = [admits(block(f"11.0.{i}.0/32"), ports=[port(port_of_first + i)]) for i in range(20)]
    return policy(name, labelled(app="server"), ingress=rules)


class World:
    """A cluster in which work of at least this effort is computed step by step."""

    def __init__(self, *objects: Object, least: int = 20) -> None:
        self.cluster = cluster_of([SERVER, OTHER, *objects])
        self.asked: list[str] = []
        self.least = least
        self.compiler = Compiler(self.cluster.state, everywhere, in_steps=self._in_steps)

    def _in_steps(self, namespace: str, effort: int) -> bool:
        self.asked.append(namespace)
        return effort >= self.least

    def step(self, first: str = "x") -> str | None:
        """Compute one step, for this namespace if there is anything to do for it."""
        return self.compiler.compute(lambda namespace: namespace != first)

    def finish(self) -> int:
        """Compute all steps; return the number of steps."""
        for count in range(10_000):
            if self.step() is None:
                return count
        raise AssertionError("it does not end")

    def passes(self, number: int, destination: str = "10.0.0.1", source: str = "11.0.7.0") -> bool:
        """Whether the next program accepts a packet."""
        (_, one), (_, other) = parse_address(source), parse_address(destination)
        return admits_packet(self.compiler.program(), Packet(Family.IPV4, one, other, 6, number))


def test_pods_are_closed_until_their_rules_are_computed() -> None:
    world = World(large())
    assert not world.passes(8)
    assert world.compiler.closed == world.compiler.computing == {"x"}
    assert world.step() == "x"
    assert not world.passes(8)
    assert world.asked == ["x"], "once"
    assert world.finish() > 3
    assert world.compiler.computing == set()
    assert world.passes(8)
    assert not world.passes(9)
    assert world.compiler.closed == set()


def test_changes_of_others_are_in_force_during_a_computation() -> None:
    world = World(large())
    assert world.passes(8, "10.0.0.2")
    world.cluster.upsert(policy("y/closed", labelled(app="other"), ingress=[]))
    assert not world.passes(8, "10.0.0.2")
    world.step()
    world.cluster.upsert(policy("y/closed", labelled(app="other"), ingress=[{}]))
    assert world.passes(8, "10.0.0.2")


def test_a_program_computed_in_steps_equals_one_that_is_made_at_once() -> None:
    world = World(large())
    world.compiler.program()
    world.finish()
    assert world.compiler.program() == Compiler(world.cluster.state, everywhere).program()


def test_small_policies_are_computed_at_once() -> None:
    world = World(large(), least=1_000)
    assert world.passes(8)
    assert world.step() is None


def test_another_version_replaces_one_that_is_not_computed() -> None:
    world = World(large())
    world.compiler.program()
    world.step()
    world.cluster.upsert(large(101))
    world.compiler.program()
    world.finish()
    assert world.passes(108)
    assert not world.passes(8)
    assert world.asked == ["x", "x"]


def test_a_result_that_no_policy_needs_is_not_kept() -> None:
    world = World(large())
    world.compiler.program()
    world.finish()
    world.cluster.upsert(large(101))
    world.compiler.program()
    world.cluster.upsert(large(1))
    world.compiler.program()
    assert world.asked == ["x"] * 3


def test_nothing_is_computed_for_a_pod_that_is_gone() -> None:
    world = World(large())
    world.compiler.program()
    world.cluster.remove("Pod", "x", "server")
    world.compiler.program()
    assert world.step() is None
    assert world.compiler.closed == set()


def test_a_computation_goes_on_while_its_namespace_is_closed() -> None:
    world = World(large())
    world.compiler.program()
    world.compiler.program(closed=frozenset({"x"}))
    world.finish()
    assert world.passes(8)
    assert world.asked == ["x"]


def test_the_namespace_with_the_lowest_rank_comes_first() -> None:
    theirs = large(name="y/p")
    theirs["spec"]["podSelector"] = labelled(app="other")
    world = World(large(), theirs)
    world.compiler.program()
    assert [world.step("y"), world.step("x"), world.step("y")] == ["y", "x", "y"]


def test_rules_that_are_too_complex_close_their_pods(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(division, "MOST_RANGES", 10)
    world = World(large())
    world.compiler.program()
    assert not world.compiler.refusals()
    world.finish()
    assert not world.passes(8)
    assert world.compiler.closed == set()
    assert "the ingress rules of x/p cannot be enforced together" in str(world.compiler.refusals()[0])


def test_pods_with_addresses_of_another_family_have_their_rules_computed_anew() -> None:
    world = World(large())
    world.compiler.program()
    world.finish()
    world.cluster.upsert(pod("y/six", addresses=["fd00::1"]))
    assert not world.passes(8)
    world.finish()
    assert world.passes(8)


def test_a_computed_chain_is_loaded_in_smaller_pieces_where_that_is_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A namespace whose chains are computed step by step has used its share or needs much."""
    monkeypatch.setattr(loading, "LARGE_CHAIN", 0)
    monkeypatch.setattr(loading, "SLOWLY", 10)

    def programs(least: int) -> int:
        world = World(large(), least=least)
        present = Program()
        for count in range(1, 1_000):
            present = world.compiler.program(present=present)
            world.finish()
            if not world.compiler.closed:
                return count
            assert world.compiler.loaded_for == ({"x"} if count > 1 else set())
        raise AssertionError("it does not end")

    refused: list[str] = []

    def refusing(namespace: str) -> bool:
        refused.append(namespace)
        return False

    world = World(large())
    world.compiler.program(present=Program())
    world.finish()
    before = world.compiler.program(present=Program(), may_load=refusing)
    assert world.compiler.program(present=Program(), may_load=refusing) == before
    assert set(refused) == {"x"}
    assert world.compiler.closed == {"x"}
    assert programs(least=1_000) == 1
    assert programs(least=20) > 10
