"""Whether a mutant means the same as its policy, against the comparison of all policies with and without it."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests import cluster_policy_strategies, strategies
from tests.example_counts import examples
from tests.semantics.objects import Object

from ringfence.analysis.mutants import EqualMeanings, Mutant, equal_meanings, mutants_of
from ringfence.analysis.possible import Outcome, Relation, compare, policy_set
from ringfence.cluster import Cluster

_MOST_MUTANTS = 6
REMOVALS = ("without the policy", "without the rule", "without the peer")


def outcome(cluster: Cluster, mutant: Mutant) -> Outcome:
    before = policy_set("before", cluster.state)
    with cluster.state.policies.supposing() as suppose:
        if mutant.after is None:
            suppose.without(mutant.policy.policy)
        else:
            suppose(mutant.after)
        return compare(before, policy_set("after", cluster.state), Relation.EQUIVALENT).outcome


@settings(max_examples=examples(20))  # each compares all policies some times
@given(st.one_of(strategies.clusters(), cluster_policy_strategies.clusters()), st.integers(0, 1000))
def test_a_mutant_is_equal_if_all_policies_with_it_mean_the_same(objects: list[Object], start: int) -> None:
    cluster = Cluster()
    for one in objects:
        cluster.upsert(one)
    policies = list(cluster.state.tiers.policies())
    equal = EqualMeanings(policies)
    found = [one for policy in policies for one in mutants_of(policy)]
    for mutant in (found[start % len(found) :] if found else [])[:_MOST_MUTANTS]:
        expected = outcome(cluster, mutant)
        if expected is not Outcome.UNKNOWN:
            assert equal.is_equal(mutant) is (expected is Outcome.HOLDS)


def test_what_another_policy_also_says_is_equal_without_it() -> None:
    cluster = Cluster.load("docs/examples/web-twice.yaml")
    policies = list(cluster.state.tiers.policies())
    equal = EqualMeanings(policies)
    removals = [one for policy in policies for one in mutants_of(policy) if one.text in REMOVALS]
    found = {str(one).partition(": ")[0] for one in removals if equal.is_equal(one)}
    redundant = {str(one.part) for one in cluster.redundant()}
    # Of a policy that is redundant, `redundant` does not list the rules.
    assert found == {*redundant, "shop/web-canary spec.ingress[0]"}


def test_one_that_would_take_too_long_to_compare_counts_as_different(monkeypatch: pytest.MonkeyPatch) -> None:
    policies = list(Cluster.load("docs/examples/web-twice.yaml").state.tiers.policies())
    removals = [one for policy in policies for one in mutants_of(policy) if one.text in REMOVALS]
    assert any(map(EqualMeanings(policies).is_equal, removals))
    monkeypatch.setattr(equal_meanings, "_STEPS", 1)
    assert not any(map(EqualMeanings(policies).is_equal, removals))
