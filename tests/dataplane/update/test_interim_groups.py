"""Interim groups: a pod changes its group where a chain looks it up in two maps, and no packet meets half of each."""

from collections.abc import Sequence
from random import Random

from tests.dataplane.compile.test_compiler import everywhere, packets
from tests.dataplane.compile.test_peer_maps import SERVER, reaches
from tests.dataplane.update.ways import check_way
from tests.engine.policies.artificial_tier import FRONT, TieredCluster, acting, tier_policy, tiered_cluster_of
from tests.semantics.objects import Object, admits, block, labelled, namespaces, pod, policy, port

from ringfence.dataplane.compile.compiler import Compiler
from ringfence.dataplane.program import FIRST_INTERIM_GROUP, GROUPS, GroupMap, Packet, Program, has_groups, read_group
from ringfence.dataplane.update import StepKind, plan_update
from ringfence.dataplane.update.interim_groups import class_of
from ringfence.sets.addresses import Family

FRIENDS, BUDDIES, FOES, STRANGERS = (
    namespaces({}, labelled(app=app)) for app in ("friend", "buddy", "foe", "stranger")
)
OWN = (admits(BUDDIES, ports=[port(80)]), admits(block("10.0.1.0/24"), ports=[port(80)]))


FROM_PEER = [Packet(Family.IPV4, (10 << 24) + 256, (10 << 24) + 1, 6, number) for number in (80, 443, 22)]


def peer(app: str) -> Object:
    return pod("x/peer", {"app": app}, addresses=["10.0.1.0"])


def cluster_of(*objects: Object, own: Sequence[Object] = OWN) -> TieredCluster:
    """Friends reach port 80 by the policy in front.

    Buddies reach it by the server's own policy: they are exceptions there.
    """
    guard = [acting("allow", FRIENDS, ports=[port(80)]), acting("allow", BUDDIES, ports=[port(443)])]
    guard.append(acting("deny", FOES))
    return tiered_cluster_of(
        [
            SERVER,
            tier_policy(FRONT, "a", ingress=guard),
            policy("x/p", labelled(app="server"), ingress=list(own)),
            *objects,
        ]
    )


def steps_of(kind: StepKind, old: Program, new: Program) -> list[Program]:
    """The programs before and after the first step of this kind."""
    programs = [old, *plan_update(old, new).programs]
    kinds = [None, *(step.kind for step in plan_update(old, new).steps)]
    at = kinds.index(kind)
    return programs[at - 1 : at + 1]


def group_at(program: Program, address: bytes) -> str | None:
    groups = program.collections[GROUPS[Family.IPV4]]
    assert isinstance(groups, GroupMap)
    return groups.group_of(address)


def maps_of(program: Program) -> list[GroupMap]:
    return [one for one in program.collections.values() if isinstance(one, GroupMap) and has_groups(one)]


def check_goes_by_interim_group(old: Program, new: Program, state_packets: TieredCluster) -> None:
    _, passing = steps_of(StepKind.PASS, old, new)
    group = group_at(passing, bytes([10, 0, 1, 0]))
    assert group is not None
    assert int(group, 16) >= FIRST_INTERIM_GROUP
    check_way(old, new, packets=[*FROM_PEER, *packets(state_packets.state, Random(0))])
    left = {read_group(key) for one in maps_of(new) for keys in one.elements.values() for key in keys}
    assert group not in left, "nothing of it is left"


def test_a_pod_that_becomes_an_exception_has_its_common_verdict_among_the_exceptions_first() -> None:
    cluster = cluster_of(peer("friend"))
    compiler = Compiler(cluster.state, everywhere)
    old = compiler.program()
    cluster.upsert(peer("buddy"))
    new = compiler.program()
    assert reaches(old, "10.0.1.0")
    assert reaches(new, "10.0.1.0")
    before, passing = steps_of(StepKind.PASS, old, new)
    assert before == passing, "no interim group is needed"
    group = group_at(old, bytes([10, 0, 1, 0]))
    assert group is not None
    said = [sum(class_of(one, group) is not None for one in maps_of(program)) for program in (old, passing, new)]
    assert said == [2, 3, 0], (
        "by the map of the server, and for a while by its exceptions; and by that of the pod itself"
    )
    check_way(old, new, packets=[*FROM_PEER, *packets(cluster.state, Random(0))])


def test_a_new_pod_that_is_an_exception_is_in_an_interim_group_first() -> None:
    cluster = cluster_of()
    compiler = Compiler(cluster.state, everywhere)
    old = compiler.program()
    cluster.upsert(peer("buddy"))
    new = compiler.program()
    assert reaches(old, "10.0.1.0"), "by its address"
    assert reaches(new, "10.0.1.0")
    check_goes_by_interim_group(old, new, cluster)


def test_a_pod_without_a_common_verdict_that_becomes_an_exception_is_in_an_interim_group_first() -> None:
    """The pod was in a group all the same: another policy matches it."""
    other = tier_policy(FRONT, "b", subject=labelled(app="other"), ingress=[acting("deny", STRANGERS)])
    cluster = cluster_of(peer("stranger"), pod("x/other", {"app": "other"}, addresses=["10.0.2.0"]), other)
    compiler = Compiler(cluster.state, everywhere)
    old = compiler.program()
    cluster.upsert(peer("buddy"))
    new = compiler.program()
    assert group_at(old, bytes([10, 0, 1, 0]))
    check_goes_by_interim_group(old, new, cluster)


def test_a_new_pod_needs_no_interim_group_where_unknown_addresses_are_denied() -> None:
    cluster = cluster_of(own=[admits(BUDDIES, ports=[port(80)])])
    compiler = Compiler(cluster.state, everywhere)
    old = compiler.program()
    cluster.upsert(peer("buddy"))
    new = compiler.program()
    assert not reaches(old, "10.0.1.0")
    assert reaches(new, "10.0.1.0")
    before, passing = steps_of(StepKind.PASS, old, new)
    assert before == passing
    check_way(old, new, packets=[*FROM_PEER, *packets(cluster.state, Random(0))])


def test_a_pod_that_ceases_to_be_an_exception_needs_no_interim_group() -> None:
    """A packet finds it among the exceptions, or the entry that it finds then is about its new group."""
    cluster = cluster_of(peer("buddy"))
    compiler = Compiler(cluster.state, everywhere)
    old = compiler.program()
    cluster.upsert(peer("friend"))
    new = compiler.program()
    before, passing = steps_of(StepKind.PASS, old, new)
    assert before == passing
    check_way(old, new, packets=packets(cluster.state, Random(0)))


def test_interim_groups_that_a_failed_update_has_left_behind_are_not_used_again() -> None:
    cluster = cluster_of()
    compiler = Compiler(cluster.state, everywhere)
    old = compiler.program()
    cluster.upsert(peer("buddy"))
    new = compiler.program()
    _, passing = steps_of(StepKind.PASS, old, new)
    _, again = steps_of(StepKind.PASS, passing, new)
    address = bytes([10, 0, 1, 0])
    assert group_at(again, address) in (group_at(passing, address), group_at(new, address))
    check_way(passing, new, packets=packets(cluster.state, Random(0)))
    # A new process continues from there, with lower numbers.
    adopted = Compiler(cluster.state, everywhere).program(present=passing)
    group = group_at(adopted, address)
    assert group is not None
    assert int(group, 16) < FIRST_INTERIM_GROUP
    check_way(passing, adopted, packets=packets(cluster.state, Random(0)))
