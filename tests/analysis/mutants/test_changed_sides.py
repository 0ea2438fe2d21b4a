"""The sides that a mutant may change: no other answer changes."""

from itertools import product
from typing import NamedTuple

from hypothesis import given, settings
from hypothesis import strategies as st
from tests import cluster_policy_strategies, strategies
from tests.example_counts import examples
from tests.semantics.objects import Object

from ringfence.analysis.mutants import changed_sides, mutants_of
from ringfence.cluster import Cluster
from ringfence.engine.answers import PairReason, explain, traffic_by_part
from ringfence.engine.policies import End
from ringfence.engine.population import Member
from ringfence.engine.state import State
from ringfence.sets.addresses import ALL_ADDRESSES
from ringfence.sets.traffic import ALL_TRAFFIC

_MOST_MUTANTS = 6


class Said(NamedTuple):
    """The answer about a pair: the allowed traffic, and the policies that decide."""

    traffic: object
    policies: object


def answers(state: State) -> dict[tuple[End, End], Said]:
    """The allowed traffic between all pods and addresses, and the policies that decide."""
    ends: list[End] = [*state.members(), ALL_ADDRESSES]
    pairs = [pair for pair in product(ends, ends) if any(isinstance(end, Member) for end in pair)]
    return {pair: Said(_traffic(state, *pair), _policies(explain(state, *pair, ALL_TRAFFIC))) for pair in pairs}


def _traffic(state: State, source: End, destination: End) -> object:
    parts = traffic_by_part(state, source, destination)
    return {(one, traffic) for *ends, traffic in parts for one in ends if not isinstance(one, Member)} or parts[0][2]


def _policies(reason: PairReason) -> object:
    """The policies that are evaluated on each side, and whether one of their rules allows anything."""
    return [
        [(str(one.policy), any(rule.allows_any(reason.asked) for rule in one.rules)) for one in side.policies]
        for side in (reason.egress, reason.ingress)
    ]


@settings(max_examples=examples(20))  # each asks all pairs again for some mutants
@given(st.one_of(strategies.clusters(), cluster_policy_strategies.clusters()), st.integers(0, 1000))
def test_an_answer_changes_only_where_a_side_does_and_all_is_as_before_afterwards(
    objects: list[Object], start: int
) -> None:
    cluster = Cluster()
    for one in objects:
        cluster.upsert(one)
    state = cluster.state
    found = [one for policy in list(state.tiers.policies()) for one in mutants_of(policy)]
    before = answers(state)
    for mutant in (found[start % len(found) :] if found else [])[:_MOST_MUTANTS]:
        with changed_sides(state, mutant) as changed:
            for pair, now in answers(state).items():
                was = before[pair]
                sources, destinations = (frozenset([end] if isinstance(end, Member) else []) for end in pair)
                if now.traffic != was.traffic:
                    assert changed
                    assert changed.may_concern(sources, destinations, addresses=not (sources and destinations))
                    assert changed.may_concern(None, None)
                if now.policies != was.policies:
                    assert changed.may_give_reasons(sources | destinations)
                    assert changed.may_give_reasons(None)
    assert answers(state) == before


def test_only_the_pods_of_the_changed_rule_are_concerned() -> None:
    cluster = Cluster.load("examples/three-tier")
    pods = {str(one.reference): one for one in cluster.state.members()}
    (policy,) = cluster.state.tiers.policies()
    mutant = next(one for one in mutants_of(policy) if one.path == "spec.ingress[0]")
    with changed_sides(cluster.state, mutant) as changed:
        db, api, web = (frozenset([pods[f"prod/{name}"]]) for name in ("db", "api", "web"))
        assert changed.may_concern(api, db)
        assert changed.may_concern(None, db)
        assert not changed.may_concern(web, db)
        assert not changed.may_concern(db, api)
        assert not changed.may_concern(frozenset(), db, addresses=True)
        assert changed.may_give_reasons(db)
        assert not changed.may_give_reasons(api)
