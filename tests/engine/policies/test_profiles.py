"""Profiles: the rules of the policies that select a pod, in order, and the parts that depend on the pod itself."""

from tests.engine.members import member_in, state_of
from tests.engine.policies.artificial_tier import acting, compile_tier_policy, tier_policy
from tests.semantics.objects import Object, admits, container_port, pod, policy, port, sends

from ringfence.engine.policies.profiles import OwnPorts, PackedRuling, PortRuling, Profile, is_union, own_ports
from ringfence.engine.policies.rules import Action
from ringfence.model.policies import Direction

ALLOW, DENY, PASS = Action.ALLOW, Action.DENY, Action.PASS


def profile(*actions: str, otherwise: Action = PASS) -> Profile:
    """A profile for ingress with one rule for each action."""
    compiled = compile_tier_policy(tier_policy("Front", "a", ingress=[acting(action) for action in actions]))
    return Profile("Front", Direction.INGRESS, (compiled,), otherwise)


def test_rules_that_follow_one_another_and_do_the_same_are_one_step() -> None:
    steps = list(profile("deny", "allow", "allow", "deny").steps)
    assert [(step.action, [rule.index for rule in step.rules]) for step in steps] == [
        (DENY, [0]),
        (ALLOW, [1, 2]),
        (DENY, [3]),
    ]


def test_a_profile_is_final_if_no_rule_and_no_default_passes() -> None:
    assert profile("deny", "allow", otherwise=DENY).is_final
    assert profile("deny", "allow", otherwise=ALLOW).is_final
    assert not profile("deny", "allow", otherwise=PASS).is_final
    assert not profile("pass", "allow", otherwise=DENY).is_final


def test_a_stack_is_a_union_if_all_rules_allow_and_the_last_profile_denies_the_rest() -> None:
    allowing, isolating = profile("allow"), profile("allow", otherwise=DENY)
    assert is_union((isolating,))
    assert is_union((allowing, isolating))
    assert not is_union((allowing,)), "what no rule allows is passed on, and so allowed"
    assert not is_union((profile("deny"), isolating))
    assert not is_union((profile("pass", "allow"), isolating))
    assert not is_union(())


WITH_NAMES = [admits(ports=[port("http"), port("dns", "UDP")])]


def own_ports_of(written: Object, direction: Direction, *ports: Object) -> OwnPorts:
    state = state_of([written, pod("x/a", ports=ports)])
    subject = state.identity(member_in(state, "x/a"))
    return own_ports(state.tiers.stack(subject, direction), subject)


def test_for_ingress_the_subject_gives_the_numbers_to_port_names() -> None:
    found = own_ports_of(
        policy("x/p", ingress=WITH_NAMES),
        Direction.INGRESS,
        container_port("http", 80),
        container_port("dns", 53, "TCP"),
        container_port("unrelated", 1),
    )
    assert found == {("http", "TCP", 80)}, "a name counts under its protocol only"


def test_for_egress_each_destination_gives_its_own() -> None:
    written = policy("x/p", egress=[sends(ports=[port("http")])])
    assert own_ports_of(written, Direction.EGRESS, container_port("http", 80)) == frozenset()


def test_rulings_are_cached_for_one_version_and_a_few_ports() -> None:
    """Selections change at any time, and a question about every port must not fill the memory."""
    one = profile("allow")
    first = one.rulings(1)
    assert one.rulings(1) is first
    assert one.rulings(2) is not first
    one.rulings(2).update(dict.fromkeys(range(100), PackedRuling.of(PortRuling(0, 0))))
    assert len(one.rulings(2)) == 0
