"""Tiers: several kinds of policies give one verdict.

Sources: network-policy-api, "Evaluation order": the admin tier, then NetworkPolicy, then the baseline tier. Neither of
the two others is implemented; artificial kinds stand for them. `tests/semantics/test_several_tiers.py` compares them
with the naive evaluator.
"""

from collections.abc import Sequence
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.engine.members import member_in, state_of
from tests.engine.policies.artificial_tier import (
    BACK,
    FRONT,
    TieredCluster,
    acting,
    tier_policy,
    tiered_cluster_of,
    tiered_clusters,
)
from tests.example_counts import examples
from tests.semantics.objects import (
    Object,
    admits,
    block,
    container_port,
    labelled,
    named,
    namespace,
    namespaces,
    pod,
    pods,
    policy,
    port,
    sends,
)

from ringfence.engine.policies.profiles import PortQuestion
from ringfence.engine.policies.tiers import BEFORE_EVERYTHING
from ringfence.engine.state import State
from ringfence.model.policies import Direction
from ringfence.sets import bitsets
from ringfence.sets.addresses import FAMILIES, Family, parse_address
from ringfence.sets.traffic import NO_TRAFFIC, PROTOCOLS

HTTP = PortQuestion(Family.IPV4, "TCP", 80)


def allows(state: State, subject: str, direction: Direction, peer: str, question: PortQuestion = HTTP) -> bool:
    one, other = (state.identity(member_in(state, path)) for path in (subject, peer))
    return state.tiers.allows(one, direction, other, question)


# --- the truth table --------------------------------------------------------------------------------------------------

WORLD = [pod("x/subject", {"app": "subject"}), pod("x/peer")]
SUBJECT = labelled(app="subject")
NETWORK_POLICIES: dict[str, list[Object]] = {
    "not isolated": [],
    "a rule matches": [policy("x/p", SUBJECT, ingress=[admits(pods({}))], egress=[sends(pods({}))])],
    "no rule matches": [policy("x/p", SUBJECT, ingress=[], egress=[])],
}
ANY = tuple(NETWORK_POLICIES)
UNDECIDED = ("pass", None)
ANYTHING = ("allow", "deny", *UNDECIDED)


def everything(kind: str, action: str | None) -> list[Object]:
    """A policy of a kind that does one thing with all traffic of the subject, or none."""
    if action is None:
        return []
    ingress, egress = [acting(action)], [acting(action, field="to")]
    return [tier_policy(kind, "all", subject=SUBJECT, ingress=ingress, egress=egress)]


@pytest.mark.parametrize(
    ("admin", "policies", "baseline", "allowed"),
    [
        (("allow",), ANY, ANYTHING, True),
        (("deny",), ANY, ANYTHING, False),
        (UNDECIDED, ("a rule matches",), ANYTHING, True),
        (UNDECIDED, ("no rule matches",), ANYTHING, False),
        (UNDECIDED, ("not isolated",), ("deny",), False),
        (UNDECIDED, ("not isolated",), ("allow", *UNDECIDED), True),
    ],
)
def test_admin_then_network_policy_then_baseline(
    admin: Sequence[str | None], policies: Sequence[str], baseline: Sequence[str | None], allowed: bool
) -> None:
    for first, written, last in product(admin, policies, baseline):
        objects = [*WORLD, *NETWORK_POLICIES[written], *everything(FRONT, first), *everything(BACK, last)]
        state = tiered_cluster_of(objects).state
        for direction in Direction:
            assert allows(state, "x/subject", direction, "x/peer") is allowed, (first, written, last, direction)


# --- order inside a tier ----------------------------------------------------------------------------------------------


def ingress_allowed(*objects: Object, question: PortQuestion = HTTP) -> bool:
    state = tiered_cluster_of([*WORLD, *objects]).state
    return allows(state, "x/subject", Direction.INGRESS, "x/peer", question)


def test_a_pass_skips_the_rest_of_its_tier_only() -> None:
    passing = tier_policy(FRONT, "a", 1, ingress=[acting("pass", ports=[port(80)])])
    allowing = tier_policy(FRONT, "b", 2, ingress=[acting("allow")])
    objects = (passing, allowing, *NETWORK_POLICIES["no rule matches"])
    assert not ingress_allowed(*objects), "NetworkPolicy denies what was passed on"
    assert ingress_allowed(*objects, question=PortQuestion(Family.IPV4, "TCP", 81)), "the next rule allows"


def test_the_lowest_priority_number_comes_first() -> None:
    denying, allowing = ([acting(action)] for action in ("deny", "allow"))
    assert not ingress_allowed(
        tier_policy(FRONT, "z", 1, ingress=denying), tier_policy(FRONT, "a", 2, ingress=allowing)
    )
    assert ingress_allowed(tier_policy(FRONT, "z", 2, ingress=denying), tier_policy(FRONT, "a", 1, ingress=allowing))


def test_among_the_rules_of_a_policy_the_first_that_matches_decides() -> None:
    allowing = acting("allow", namespaces(named("x")))
    denying = acting("deny", namespaces({}))
    assert ingress_allowed(tier_policy(FRONT, "a", ingress=[allowing, denying]))
    assert not ingress_allowed(tier_policy(FRONT, "a", ingress=[denying, allowing]))


def test_being_selected_does_not_isolate() -> None:
    assert ingress_allowed(tier_policy(FRONT, "a", ingress=[acting("deny", namespaces(named("elsewhere")))]))


def test_a_later_tier_cannot_allow_what_an_earlier_one_denies() -> None:
    denied = tier_policy(FRONT, "a", ingress=[acting("deny", namespaces({}), block("192.0.2.0/24"))])
    allowed = tier_policy(BACK, "a", ingress=[acting("allow", namespaces({}), block("192.0.2.0/24"))])
    state = tiered_cluster_of([*WORLD, denied, allowed]).state
    subject, peer = (state.identity(member_in(state, path)) for path in ("x/subject", "x/peer"))
    tiers, outside = state.tiers, parse_address("192.0.2.1")
    assert not tiers.peers_allowed(subject, Direction.INGRESS, HTTP) >> peer.bit & 1
    assert not tiers.subjects_allowing(peer, Direction.INGRESS, HTTP) >> subject.bit & 1
    of_peers = tiers.allowed_peers(subject, Direction.INGRESS, Family.IPV4)
    assert [traffic for bits, traffic in of_peers if bits >> peer.bit & 1] == [NO_TRAFFIC]
    of_addresses = tiers.allowed_addresses(subject, Direction.INGRESS)
    assert [traffic for within, traffic in of_addresses if within.contains(*outside)] == [NO_TRAFFIC]


# --- who is selected --------------------------------------------------------------------------------------------------


def test_a_cluster_scoped_policy_follows_the_labels_of_namespaces() -> None:
    cluster = TieredCluster()
    denying = tier_policy(FRONT, "a", namespaces=labelled(tier="guarded"), ingress=[acting("deny")])
    for obj in (*WORLD, denying):
        cluster.upsert(obj)
    assert allows(cluster.state, "x/subject", Direction.INGRESS, "x/peer")
    cluster.upsert(namespace("x", tier="guarded"))
    assert not allows(cluster.state, "x/subject", Direction.INGRESS, "x/peer")
    cluster.upsert(namespace("x", tier="open"))
    assert allows(cluster.state, "x/subject", Direction.INGRESS, "x/peer")


def test_which_namespaces_other_policies_may_select_from() -> None:
    cluster = TieredCluster()
    tiers = cluster.state.tiers
    before = tiers.version
    assert tiers.namespaces_changed_since(before) == frozenset()
    cluster.upsert(policy("x/p", ingress=[]))
    assert tiers.namespaces_changed_since(before) == frozenset({"x"})
    between = tiers.version
    cluster.upsert(tier_policy(FRONT, "a", ingress=[acting("deny")]))
    assert tiers.namespaces_changed_since(between) is None, "a cluster-scoped policy may select from any"
    after = tiers.version
    assert tiers.namespaces_changed_since(after) == frozenset()
    cluster.upsert(namespace("y", tier="1"))
    assert tiers.namespaces_changed_since(after) == frozenset({"y"}), "it has other labels, which policies may read"
    assert tiers.namespaces_changed_since(BEFORE_EVERYTHING) is None


def test_pods_that_the_same_policies_select_share_their_profiles() -> None:
    objects = [pod("x/a", {"app": "1"}), pod("x/b", {"app": "2"}), pod("y/c")]
    policies = [policy("x/p", ingress=[]), policy("x/q", labelled(app="3"), ingress=[])]
    state = state_of([*objects, *policies])
    a, b, c = (
        state.tiers.stack(state.identity(member_in(state, path)), Direction.INGRESS) for path in ("x/a", "x/b", "y/c")
    )
    assert a == b != ()
    assert c == ()


def test_a_pod_that_network_policies_isolate_is_left_alone_by_later_tiers() -> None:
    """Its profiles end with that of the NetworkPolicies, so programs do not depend on tiers that never decide."""
    baseline = tier_policy(BACK, "a", ingress=[acting("deny")])
    state = tiered_cluster_of([*WORLD, *NETWORK_POLICIES["a rule matches"], baseline]).state
    subject, peer = (state.identity(member_in(state, path)) for path in ("x/subject", "x/peer"))
    assert [one.tier for one in state.tiers.stack(subject, Direction.INGRESS)] == ["NetworkPolicy"]
    assert [one.tier for one in state.tiers.stack(peer, Direction.INGRESS)] == [BACK]


# --- one question or many ---------------------------------------------------------------------------------------------

questions = st.tuples(
    st.sampled_from(Direction),
    st.builds(PortQuestion, st.sampled_from(FAMILIES), st.sampled_from(PROTOCOLS), st.sampled_from([53, 80, 85, 443])),
)


@settings(max_examples=examples(50))
@given(tiered_clusters(), questions)
def test_the_answer_to_many_questions_is_the_answers_to_each(
    objects: list[Object], asked: tuple[Direction, PortQuestion]
) -> None:
    direction, question = asked
    state = tiered_cluster_of(objects).state
    tiers, population = state.tiers, state.population
    identities = list(population.identities())
    by_subject = {one.bit: tiers.allowed_peers(one, direction, question.family) for one in identities}
    for cells in by_subject.values():
        assert bitsets.size(population.everyone) == sum(bitsets.size(cell) for cell, _ in cells)
        assert len({traffic for _, traffic in cells}) == len(cells), "cells of equal traffic are one"
    peers = {one.bit: tiers.peers_allowed(one, direction, question) for one in identities}
    for peer in identities:
        subjects = tiers.subjects_allowing(peer, direction, question)
        for subject in identities:
            one_by_one = tiers.allows(subject, direction, peer, question)
            (traffic,) = (traffic for cell, traffic in by_subject[subject.bit] if cell >> peer.bit & 1)
            assert traffic.contains(question.protocol, question.port) is one_by_one
            assert bool(subjects >> subject.bit & 1) is one_by_one
            assert bool(peers[subject.bit] >> peer.bit & 1) is one_by_one


@pytest.mark.parametrize("direction", Direction)
def test_a_named_port_is_looked_up_on_the_destination(direction: Direction) -> None:
    """Of all subjects with one peer, as of one subject with all peers."""
    rules: list[Object] = [{"ports": [port("http")]}]
    isolating = policy("x/p", ingress=rules, egress=rules, policyTypes=[direction.value])
    http = {f"x/{name}": container_port("http", number) for name, number in (("new", 8080), ("old", 80))}
    state = state_of([isolating, *(pod(path, ports=[own]) for path, own in http.items())])
    new, old = (state.identity(member_in(state, path)) for path in http)
    destination = new if direction is Direction.INGRESS else old
    for number in (80, 8080):
        question = PortQuestion(Family.IPV4, "TCP", number)
        allowed = state.tiers.allows(new, direction, old, question)
        subjects = state.tiers.subjects_allowing(old, direction, question)
        assert allowed is bool(subjects >> new.bit & 1) is (number in destination.ports_named("http", "TCP"))


def test_an_empty_cluster_has_no_cells() -> None:
    state = state_of([pod("x/a"), policy("x/p", ingress=[])])
    (identity,) = state.population.identities()
    state.remove("Pod", "x", "a")
    assert state.tiers.allowed_peers(identity, Direction.INGRESS, Family.IPV4) == []
