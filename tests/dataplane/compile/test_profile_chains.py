"""Chains of profiles: which chain a stack of profiles gets, what its name is, and which sets it looks up."""

from typing import Any

import pytest
from tests.engine.members import member_in
from tests.engine.policies.artificial_tier import BACK, FRONT, acting, tier_policy, tiered_cluster_of
from tests.semantics.objects import (
    Object,
    admits,
    block,
    container_port,
    labelled,
    namespaces,
    pod,
    pods,
    policy,
    port,
    sends,
)

from ringfence.dataplane.compile import address_precedence, address_rules, pod_rules
from ringfence.dataplane.compile.division import TooComplex
from ringfence.dataplane.compile.large_policies import LargePolicies
from ringfence.dataplane.compile.peer_maps import RulesOfProfiles
from ringfence.dataplane.compile.profile_chains import (
    ProfileChain,
    SharedParts,
    build_chain,
    chain_name,
    denies_everything,
    effort,
)
from ringfence.dataplane.compile.shared_addresses import SharedAddresses
from ringfence.dataplane.program import RangeSet
from ringfence.engine.policies import OwnPorts, Stack, own_ports, rulings
from ringfence.engine.state import State
from ringfence.model.policies import Direction
from ringfence.sets.addresses import Family
from ringfence.steps import finish

WORLD = [
    pod("x/old", {"app": "server"}, ports=[container_port("http", 80)], addresses=["10.0.0.1"]),
    pod("x/new", {"app": "server"}, ports=[container_port("http", 8080)], addresses=["10.0.0.2"]),
    pod("x/friend", {"app": "friend"}, addresses=["10.0.0.3"]),
]
FRIENDS = pods(labelled(app="friend"))


def stack_of(state: State, path: str = "x/old", direction: Direction = Direction.INGRESS) -> tuple[Stack, OwnPorts]:
    subject = state.identity(member_in(state, path))
    stack = state.tiers.stack(subject, direction)
    return stack, own_ports(stack, subject)


def name_of(*written: Object, path: str = "x/old", direction: Direction = Direction.INGRESS) -> str:
    return chain_name(*stack_of(tiered_cluster_of([*WORLD, *written]).state, path, direction))


def nothing_built(state: State) -> SharedParts:
    return SharedParts(LargePolicies(state), RulesOfProfiles(), SharedAddresses())


def chain_of(*written: Object, direction: Direction = Direction.INGRESS) -> ProfileChain | None:
    """The chain of x/old for IPv4."""
    state = tiered_cluster_of([*WORLD, *written]).state
    return finish(build_chain(state, *stack_of(state, direction=direction), (Family.IPV4,), nothing_built(state)))


# --- names ------------------------------------------------------------------------------------------------------------


def test_pods_that_give_other_numbers_to_a_port_name_have_other_chains() -> None:
    """The rules in the chain contain the port numbers, so two pods with the same policies cannot share it."""
    by_name = policy("x/p", ingress=[admits(FRIENDS, ports=[port("http")])])
    assert name_of(by_name, path="x/old") != name_of(by_name, path="x/new")
    by_number = policy("x/p", ingress=[admits(FRIENDS, ports=[port(80)])])
    assert name_of(by_number, path="x/old") == name_of(by_number, path="x/new")


def test_neither_can_they_share_one_if_policies_of_several_tiers_select_them() -> None:
    of_two_tiers = [
        policy("x/p", ingress=[admits(FRIENDS, ports=[port("http")])]),
        tier_policy(FRONT, "a", ingress=[acting("pass")]),
    ]
    assert name_of(*of_two_tiers, path="x/old") != name_of(*of_two_tiers, path="x/new")


def test_port_names_of_egress_rules_do_not_divide_subjects() -> None:
    by_name = policy("x/p", egress=[sends(ports=[port("http")])])
    old, new = (name_of(by_name, path=path, direction=Direction.EGRESS) for path in ("x/old", "x/new"))
    assert old == new


def test_the_name_of_a_chain_depends_on_its_policies_and_direction() -> None:
    both = policy("x/p", ingress=[{}], egress=[{}])
    assert name_of(both) != name_of(both, direction=Direction.EGRESS)
    assert name_of(both) != name_of(policy("x/q", ingress=[{}]))
    assert name_of(both).startswith("ingress_")


def test_the_same_policies_in_another_tier_are_another_chain() -> None:
    names = {name_of(tier_policy(kind, "a", ingress=[acting("deny")])) for kind in (FRONT, BACK)}
    assert len(names) == 2


# --- chains -----------------------------------------------------------------------------------------------------------


def test_a_stack_that_allows_everything_has_no_chain() -> None:
    assert chain_of(policy("x/p", ingress=[{}])) is None
    assert chain_of(tier_policy(FRONT, "a", ingress=[acting("allow"), acting("pass")])) is None
    assert chain_of(policy("x/p", ingress=[admits(FRIENDS)])) is not None
    assert chain_of(tier_policy(FRONT, "a", ingress=[acting("deny", FRIENDS)])) is not None


def test_only_a_stack_that_can_allow_nothing_denies_everything() -> None:
    def denies(*written: Object) -> bool:
        stack, _ = stack_of(tiered_cluster_of([*WORLD, *written]).state)
        return denies_everything(stack)

    closed = policy("x/p", ingress=[])
    assert denies(closed)
    assert not denies(policy("x/p", ingress=[admits(FRIENDS)]))
    assert not denies(closed, tier_policy(FRONT, "a", ingress=[acting("allow", FRIENDS)]))
    assert not denies(tier_policy(FRONT, "a", ingress=[acting("deny", FRIENDS)])), "other peers are passed on"


def test_the_addresses_of_all_rules_are_one_set_and_the_pods_another() -> None:
    chain = chain_of(
        policy("x/p", ingress=[admits(block("192.0.2.0/25")), admits(FRIENDS)]),
        policy("x/q", ingress=[admits(block("192.0.2.128/25"))]),
    )
    assert chain is not None
    (blocks,) = chain.fixed.values()
    assert isinstance(blocks, RangeSet)
    assert blocks.elements == {(bytes([192, 0, 2, 0]), bytes([192, 0, 2, 255]))}
    assert len(chain.pods) == 1
    assert not chain.maps


def test_rules_that_deny_are_settled_in_one_map_of_peers() -> None:
    chain = chain_of(tier_policy(FRONT, "a", ingress=[acting("deny", FRIENDS), acting("allow")]))
    assert chain is not None
    assert len(chain.maps) == 1
    assert not chain.pods


def test_pods_with_the_same_cluster_policies_share_a_chain_behind_their_own_exceptions() -> None:
    guard = tier_policy(FRONT, "a", ingress=[acting("deny", pods(labelled(app="foe"))), acting("pass")])
    of_each = [
        policy("x/old", labelled(app="server"), ingress=[admits(FRIENDS)]),
        policy("x/friend", labelled(app="friend"), ingress=[admits(pods(labelled(app="server")))]),
    ]
    state = tiered_cluster_of([*WORLD, guard, *of_each]).state
    shared = nothing_built(state)
    server, friend = (
        finish(build_chain(state, *stack_of(state, path), (Family.IPV4,), shared)) for path in ("x/old", "x/friend")
    )
    assert server is not None
    assert friend is not None
    assert server.chain != friend.chain
    assert server.chain.end == friend.chain.end
    assert server.parts == friend.parts == {server.chain.end: server.parts[server.chain.end or ""]}
    assert [len(one.chain.group_dispatches) for one in (server, friend)] == [1, 1]
    assert len(server.parts[server.chain.end or ""].group_dispatches) == 1
    assert len(server.maps.keys() & friend.maps.keys()) == 1


# --- what would keep others waiting -----------------------------------------------------------------------------------


def test_rules_about_addresses_are_resolved_once_for_pods_with_other_policies_about_pods(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    resolved: list[object] = []
    resolve = address_precedence.pairs_with_precedence

    def counted(given: address_precedence.AddressRules) -> Any:
        resolved.append(given)
        return resolve(given)

    monkeypatch.setattr("ringfence.dataplane.compile.shared_addresses.pairs_with_precedence", counted)
    denied = tier_policy(FRONT, "f", ingress=[acting("deny", block("192.0.2.0/24"))])
    of_each = [
        policy("x/old", labelled(app="server"), ingress=[admits(FRIENDS)]),
        policy("x/friend", labelled(app="friend"), ingress=[admits(pods(labelled(app="server")))]),
    ]
    state = tiered_cluster_of([*WORLD, denied, *of_each]).state
    shared = nothing_built(state)
    together = [
        finish(build_chain(state, *stack_of(state, path), (Family.IPV4,), shared)) for path in ("x/old", "x/friend")
    ]
    assert len(resolved) == 1
    apart = [
        finish(build_chain(state, *stack_of(state, path), (Family.IPV4,), nothing_built(state)))
        for path in ("x/old", "x/friend")
    ]
    assert [one and (one.chain, one.fixed) for one in together] == [one and (one.chain, one.fixed) for one in apart]


def selecting(count: int, values: int = 1) -> Object:
    """A rule with this many selectors, each with this many values."""
    expressions = [
        {"key": "app", "operator": "In", "values": [f"v{number}-{value}" for value in range(values)]}
        for number in range(count)
    ]
    return admits(*(pods({"matchExpressions": [one]}) for one in expressions))


def test_more_selectors_and_port_names_than_can_be_asked_at_once_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pod_rules, "MOST_SELECTORS", 5)
    assert chain_of(policy("x/p", ingress=[selecting(3)]), policy("x/q", ingress=[selecting(1)]))
    named = policy("x/q", ingress=[selecting(1) | {"ports": [port("a"), port("b")]}])
    with pytest.raises(TooComplex, match="more than 5 selectors and port names"):
        chain_of(policy("x/p", ingress=[selecting(3)]), named)


def test_longer_selectors_than_can_be_read_at_once_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pod_rules, "MOST_VALUES", 8)
    assert chain_of(policy("x/p", ingress=[selecting(2, values=3)]))
    with pytest.raises(TooComplex, match="selectors have more than 8 labels and values"):
        chain_of(policy("x/p", ingress=[selecting(2, values=4)]))
    long = {"matchExpressions": [{"key": "a", "operator": "In", "values": list("abcdefgh")}]}
    with pytest.raises(TooComplex, match="selectors have more than 8 labels and values"):
        chain_of(policy("x/p", ingress=[admits(namespaces(long))]))


def test_the_rules_of_administrators_are_not_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pod_rules, "MOST_SELECTORS", 5)
    many = [acting("allow", pods(labelled(app=f"v{number}"))) for number in range(9)]
    assert chain_of(tier_policy(FRONT, "front", ingress=many), policy("x/p", ingress=[selecting(3)]))


def test_many_selectors_are_read_in_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pod_rules, "_STEP", 5)

    def steps(count: int) -> int:
        state = tiered_cluster_of([*WORLD, policy("x/p", ingress=[selecting(count)])]).state
        return sum(1 for _ in build_chain(state, *stack_of(state), (Family.IPV4,), nothing_built(state)))

    assert steps(60) - steps(10) == 10


def test_many_rules_are_joined_in_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (rulings, address_rules):
        monkeypatch.setattr(module, "_STEP", 5)

    def steps(count: int) -> int:
        rules = [admits(block(f"11.0.0.{2 * number}/32"), ports=[port(80)]) for number in range(count)]
        state = tiered_cluster_of([*WORLD, policy("x/p", ingress=rules)]).state
        return sum(1 for _ in build_chain(state, *stack_of(state), (Family.IPV4,), nothing_built(state)))

    assert steps(60) - steps(10) >= 20


def test_rules_behind_those_of_administrators_are_settled_in_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(address_precedence, "_STEP", 5)
    front = tier_policy(FRONT, "front", ingress=[acting("deny", block("192.0.2.0/24"))])

    def steps(count: int) -> int:
        rules = [admits(block(f"11.0.0.{2 * number}/32"), ports=[port(80 + number)]) for number in range(count)]
        state = tiered_cluster_of([*WORLD, front, policy("x/p", ingress=rules)]).state
        return sum(1 for _ in build_chain(state, *stack_of(state), (Family.IPV4,), nothing_built(state)))

    assert steps(60) - steps(10) >= 20


def test_the_effort_of_a_namespace_counts_only_its_own_rules() -> None:
    many = [acting("deny", block(f"11.0.0.{2 * number}/32")) for number in range(25)]
    front, own = tier_policy(FRONT, "front", ingress=many), policy("x/p", ingress=[selecting(3)])
    (alone, _), (behind, _) = (stack_of(tiered_cluster_of([*WORLD, *written, own]).state) for written in ([], [front]))
    large = LargePolicies(tiered_cluster_of([]).state)
    assert 0 < effort(alone, large) == effort(behind, large)
    assert effort(behind, large, of_the_cluster=True) == 0
    assert effort(alone, large, of_the_cluster=True) == effort(alone, large)
