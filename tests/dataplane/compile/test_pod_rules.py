"""Peers that are pods: few pods and ports are keys of one set; a large product is two sets that must both match."""

from collections.abc import Iterable

import pytest
from tests.engine.members import member_in, state_of
from tests.semantics.objects import Object, admits, block, container_port, labelled, pod, pods, policy, port, sends

from ringfence.dataplane.compile import pod_rules
from ringfence.dataplane.compile.address_rules import for_addresses
from ringfence.dataplane.compile.allowances import Allowance
from ringfence.dataplane.compile.division import Pair, TooComplex
from ringfence.dataplane.compile.peers import KEYS_OF_ITS_OWN, PodSet
from ringfence.dataplane.compile.pod_rules import MOST_SHARED, for_pods
from ringfence.dataplane.program import PEER, Field, Lookup, Rule, RuleVerdict
from ringfence.engine.policies import own_ports
from ringfence.model.policies import Direction
from ringfence.sets.addresses import Family
from ringfence.steps import finish

FRIENDS, FOES = (pods(labelled(app=name)) for name in ("friend", "foe"))
WORLD = [
    pod("x/server", {"app": "server"}, ports=[container_port("http", 8080)], addresses=["10.0.0.1"]),
    pod("x/friend", {"app": "friend"}, addresses=["10.0.0.2"]),
    pod("x/foe", {"app": "foe"}, addresses=["10.0.0.3"]),
]


def allowances(
    *rules: Object,
    direction: Direction = Direction.INGRESS,
    world: Iterable[Object] = (),
    behind: tuple[Rule, ...] = (),
) -> list[Allowance]:
    """The rules in the chain of x/server, for a policy with these rules."""
    written = policy("x/p", labelled(app="server"), **{direction.field: list(rules)})
    state = state_of([*WORLD, *world, written])
    subject = state.identity(member_in(state, "x/server"))
    stack = state.tiers.stack(subject, direction)
    return finish(for_pods(state, stack, own_ports(stack, subject), Family.IPV4, behind))


def pod_set(allowance: Allowance) -> PodSet:
    (found,) = allowance.pods.values()
    return found


def lookups(allowance: Allowance) -> list[tuple[Field, ...]]:
    return [one.fields for one in allowance.rule.conditions if isinstance(one, Lookup)]


PEER_4 = PEER[Direction.INGRESS][Family.IPV4]


def test_rules_about_all_traffic_are_one_set_of_pods() -> None:
    (one,) = allowances(admits(FRIENDS), admits(FOES))
    assert lookups(one) == [(PEER_4,)]
    assert len(pod_set(one).grants) == 2
    assert one.rule.action is RuleVerdict.RETURN


def test_rules_about_ports_are_one_set_of_pods_with_ports() -> None:
    (one,) = allowances(admits(FRIENDS, ports=[port(80, to=82)]), admits(FOES, ports=[port(53, "UDP")]))
    assert lookups(one) == [(PEER_4, Field.PROTOCOL, Field.PORT)]
    assert {grant.ports for grant in pod_set(one).grants} == {
        frozenset({("TCP", 80), ("TCP", 81), ("TCP", 82)}),
        frozenset({("UDP", 53)}),
    }


def test_the_ports_of_rules_about_the_same_pods_are_joined() -> None:
    (one,) = allowances(admits(FRIENDS, ports=[port(80)]), admits(FRIENDS, ports=[port(81)]))
    (grant,) = pod_set(one).grants
    assert grant.ports == {("TCP", 80), ("TCP", 81)}


def test_a_rule_with_more_keys_than_one_set_should_have_looks_up_pods_and_ports_apart() -> None:
    within, beyond = (
        allowances(admits(FRIENDS, ports=[port(1, to=last)])) for last in (KEYS_OF_ITS_OWN, KEYS_OF_ITS_OWN + 1)
    )
    assert [lookups(one) for one in within] == [[(PEER_4, Field.PROTOCOL, Field.PORT)]]
    assert [lookups(one) for one in beyond] == [[(PEER_4,), (Field.PORT,)]]
    (grant,) = pod_set(within[0]).grants
    assert len(grant.ports) == KEYS_OF_ITS_OWN
    (grant,) = pod_set(beyond[0]).grants
    assert not grant.ports, "the set of pods is shared with profiles that allow them other ports"


def test_a_port_name_is_a_number_for_ingress_and_a_name_for_egress() -> None:
    (ingress,) = allowances(admits(FRIENDS, ports=[port("http")]))
    (grant,) = pod_set(ingress).grants
    assert (grant.ports, grant.names) == (frozenset({("TCP", 8080)}), frozenset())
    (egress,) = allowances(sends(FRIENDS, ports=[port("http")]), direction=Direction.EGRESS)
    (grant,) = pod_set(egress).grants
    assert (grant.ports, grant.names) == (frozenset(), frozenset({("http", "TCP")}))


def test_a_port_name_may_be_that_of_pods_that_an_egress_rule_matches_by_address() -> None:
    (egress,) = allowances(sends(block("10.0.0.0/24"), ports=[port("http")]), direction=Direction.EGRESS)
    (grant,) = pod_set(egress).grants
    assert grant.peers.block is not None


@pytest.mark.parametrize("rule", [admits(block("10.0.0.0/24")), admits(ports=[port(80)])])
def test_rules_without_selectors_are_about_addresses(rule: Object) -> None:
    assert allowances(rule) == []


# --- many rules -------------------------------------------------------------------------------------------------------


def many(count: int) -> list[Object]:
    """Rules that each select other pods. Each has its own port range, which is too large for keys."""
    return [admits(pods(labelled(friend=f"{i}")), ports=[port(1, to=3_000 + i)]) for i in range(count)]


def test_rules_for_large_products_are_few_and_a_map_has_the_others() -> None:
    """Each rule costs every packet one or two lookups."""
    friends = [pod(f"x/f{i}", {"friend": f"{i}"}, addresses=[f"10.1.0.{i}"]) for i in range(50)]
    for count in (MOST_SHARED + 1, 50):
        found = allowances(*many(count), world=friends)
        *shared, mapped = found
        assert len(shared) == MOST_SHARED
        assert [len(one.profiles[0].rules) for one in mapped.maps.values()] == [count - MOST_SHARED]
    assert not any(one.maps for one in allowances(*many(MOST_SHARED), world=friends))


def test_the_sets_with_the_most_pods_are_shared_with_other_profiles() -> None:
    """The other rules would need one more map for each profile."""
    popular = [pod(f"x/p{i}", {"friend": "popular", "number": f"{i}"}, addresses=[f"10.2.0.{i}"]) for i in range(9)]
    rules = [*many(20), admits(pods(labelled(friend="popular")), ports=[port(1, to=4_000)])]
    read = policy("y/reads", ingress=[admits(pods(labelled(number=f"{i}"))) for i in range(9)])
    first, *_ = allowances(*rules, world=[*popular, read])
    (grant,) = pod_set(first).grants
    assert [one.pods.terms[0].values for one in grant.peers.selections] == [frozenset({"popular"})]


def test_a_map_ends_with_the_rules_about_addresses() -> None:
    (behind,) = (one.rule for one in finish(for_addresses(Direction.INGRESS, Family.IPV4, BLOCKS)))
    *_, mapped = allowances(*many(20), behind=(behind,))
    assert [one.behind for one in mapped.maps.values()] == [(behind,)]


BLOCKS: list[Pair] = [(((256 * i, 256 * i + 255),), ((i, i),)) for i in range(9)]


def test_more_peers_than_a_map_can_have_are_refused() -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pod_rules, "MOST_PEERS", 3)
        friends = [pod(f"x/f{i}", {"friend": f"{i}"}, addresses=[f"10.1.0.{i}"]) for i in range(12)]
        assert allowances(*many(MOST_SHARED + 3), world=friends)
        with pytest.raises(TooComplex, match="select 4 kinds of pods, counted for each rule, more than 3"):
            allowances(*many(MOST_SHARED + 4), world=friends)
