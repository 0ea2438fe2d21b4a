"""Groups of peers: the addresses that all peer maps treat alike. A number never represents a different group later."""

from random import Random

from hypothesis import given
from hypothesis import strategies as st
from tests.dataplane.compile.test_compiler import everywhere, packets
from tests.dataplane.compile.test_peer_maps import FRIENDS, SERVER, reaches
from tests.dataplane.expectations import is_allowed
from tests.dataplane.update.ways import check_way
from tests.engine.policies.artificial_tier import FRONT, acting, tier_policy, tiered_cluster_of, tiered_clusters
from tests.semantics.objects import Object, labelled, namespaces, pod, port

from ringfence.dataplane.compile.compiler import Compiler
from ringfence.dataplane.program import (
    GROUPS,
    PEER_CLASS,
    GroupMap,
    Move,
    Program,
    VerdictMap,
    admits,
    differing,
    forget_differences,
    has_groups,
    moves_between,
)
from ringfence.dataplane.update import StepKind, plan_update
from ringfence.sets.addresses import Family


def friends(count: int) -> list[Object]:
    return [pod(f"x/friend-{number}", {"app": "friend"}, addresses=[f"10.0.1.{number}"]) for number in range(count)]


def guard(name: str, *numbers: int, subject: Object | None = None) -> Object:
    rules = [acting("allow", FRIENDS, ports=[port(number) for number in numbers]), acting("deny")]
    return tier_policy(FRONT, name, subject=subject or {}, ingress=rules)


def groups_of(program: Program) -> GroupMap:
    found = program.collections[GROUPS[Family.IPV4]]
    assert isinstance(found, GroupMap)
    return found


def entries(program: Program) -> int:
    """How many entries lead from groups, summed over all maps."""
    maps = program.collections.values()
    return sum(one.size for one in maps if isinstance(one, GroupMap) and has_groups(one))


def test_maps_do_not_grow_with_the_pods_of_a_group() -> None:
    few, many = (
        Compiler(tiered_cluster_of([SERVER, *friends(count), guard("a", 80)]).state, everywhere).program()
        for count in (1, 50)
    )
    assert groups_of(many).size == groups_of(few).size + 49
    assert entries(many) == entries(few)


def test_what_a_map_notes_about_its_moves_is_what_a_comparison_finds() -> None:
    cluster = tiered_cluster_of([SERVER, *friends(3), guard("a", 80)])
    compiler = Compiler(cluster.state, everywhere)
    old = compiler.program()
    cluster.upsert(pod("y/friend", {"app": "friend"}, addresses=["10.0.2.0"]))
    new = compiler.program()
    noted = moves_of_groups(old, new)
    forget_differences()
    assert noted == moves_of_groups(old, new)
    assert any(noted[name] for name in noted.keys() - GROUPS.values()), "a map from groups has changed"


def moves_of_groups(old: Program, new: Program) -> dict[str, set[Move]]:
    return {
        name: set(moves_between(before, after))
        for name, before, after in differing(old.collections, new.collections)
        if isinstance(before, GroupMap) and isinstance(after, GroupMap)
    }


def test_pods_that_a_map_treats_differently_get_a_number_that_no_group_has_had() -> None:
    cluster = tiered_cluster_of([SERVER, *friends(1), guard("a", 80)])
    compiler = Compiler(cluster.state, everywhere)
    seen: set[str] = set()
    for app in ("friend", "foe", "friend", "foe"):
        cluster.upsert(pod("x/friend-0", {"app": app}, addresses=["10.0.1.0"]))
        program = compiler.program()
        group = groups_of(program).group_of(bytes([10, 0, 1, 0]))
        assert group not in seen
        seen |= {group} if group else set()
        assert reaches(program, "10.0.1.0") is (app == "friend")


@given(tiered_clusters(), tiered_clusters(), st.randoms(use_true_random=False))
def test_a_new_process_takes_over_the_numbers_of_the_one_before(
    before: list[Object], after: list[Object], chance: Random
) -> None:
    """With the same objects, it changes nothing.

    With others, no number represents another group in a map that stays.
    """
    old, cluster = Compiler(tiered_cluster_of(before).state, everywhere).program(), tiered_cluster_of(after)
    assert Compiler(tiered_cluster_of(before).state, everywhere).program(present=old) == old
    new = Compiler(cluster.state, everywhere).program(present=old)
    for name, was in old.collections.items():
        now = new.collections.get(name)
        if isinstance(was, GroupMap) and isinstance(now, GroupMap) and has_groups(was):
            both = {key for keys in was.elements.values() for key in keys if now.group_of(key)}
            assert all(was.group_of(key) == now.group_of(key) for key in both)
    chains: dict[bytes, set[str]] = {}
    for one in (*old.collections.values(), *new.collections.values()):
        if isinstance(one, VerdictMap) and one.key == PEER_CLASS:
            for chain, keys in one.elements.items():
                for key in keys:
                    chains.setdefault(key, set()).add(chain)
    assert all(len(some) == 1 for some in chains.values()), "no number represents another class in any map"
    for packet in packets(cluster.state, chance):
        assert admits(new, packet) is is_allowed(cluster.state, packet), packet


def test_a_later_map_divides_a_group_only_if_policies_tell_its_pods_apart() -> None:
    cluster = tiered_cluster_of([SERVER, *friends(2), guard("a", 80)])
    compiler = Compiler(cluster.state, everywhere)
    assert len(groups_of(compiler.program()).elements) == 1
    first = namespaces({}, labelled(number="0"))
    cluster.upsert(pod("x/friend-0", {"app": "friend", "number": "0"}, addresses=["10.0.1.0"]))
    assert len(groups_of(compiler.program()).elements) == 1
    cluster.upsert(tier_policy(FRONT, "b", ingress=[acting("deny", first)], priority=0))
    assert len(groups_of(compiler.program()).elements) == 2


def test_addresses_that_a_new_policy_tells_apart_are_moved_before_anything_closes() -> None:
    """The maps in force treat their new groups as they treated the old one."""
    two = [pod(f"x/friend-{number}", {"app": "friend"}, addresses=[f"10.0.1.{number}"]) for number in range(2)]
    cluster = tiered_cluster_of([SERVER, *two, guard("a", 80)])
    compiler = Compiler(cluster.state, everywhere)
    cluster.upsert(pod("x/friend-0", {"app": "friend", "number": "0"}, addresses=["10.0.1.0"]))
    old = compiler.program()
    denied = acting("deny", namespaces({}, labelled(number="0")))
    cluster.upsert(tier_policy(FRONT, "b", ingress=[denied], priority=-1, subject=labelled(app="server")))
    new = compiler.program()
    moved = {step.kind for step in plan_update(old, new).steps if groups_of(step.program) == groups_of(new)}
    assert groups_of(old) != groups_of(new)
    assert StepKind.REGROUP in moved
    check_way(old, new, packets=packets(cluster.state, Random(0)))
    assert reaches(old, "10.0.1.0")
    assert not reaches(new, "10.0.1.0")
