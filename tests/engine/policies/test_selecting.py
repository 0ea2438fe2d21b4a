"""The policies that select an identity: the same, whether the question is about one, about some, or about all."""

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.engine.policies.artificial_tier import tiered_cluster_of, tiered_clusters
from tests.example_counts import examples
from tests.semantics.objects import Object, namespace, pod

from ringfence.engine.policies.selecting import _FEW, _VERY_FEW, SelectingPolicies
from ringfence.engine.policies.selection import PodSelection, Selections
from ringfence.model.selectors import EVERYTHING, Operator, Selector, Term


@settings(max_examples=examples(40))
@given(tiered_clusters(), st.lists(tiered_clusters(), max_size=2), st.sampled_from([1, _VERY_FEW, _FEW]))
def test_the_policies_of_an_identity_are_those_whose_subjects_it_is_among(
    first: list[Object], later: list[list[Object]], asked: int
) -> None:
    cluster = tiered_cluster_of([])
    population = cluster.state.population
    selections = Selections(population, cluster.state.namespaces)
    for objects in [first, *later]:
        for obj in objects:
            cluster.upsert(obj)
        policies = list(cluster.state.tiers.policies())
        selecting = SelectingPolicies(policies, selections)
        identities = list(population.identities())
        expected = [
            [policy for policy in policies if selections.pods(policy.subject) >> one.bit & 1] for one in identities
        ]
        for _ in range(1 + asked // max(len(identities), 1)):
            assert [selecting.selecting(one) for one in identities] == expected


def test_what_selects_an_identity_follows_the_labels_of_its_namespace() -> None:
    cluster = tiered_cluster_of([namespace("shop"), pod("shop/a")])
    [one] = cluster.state.population.identities()
    selections = Selections(cluster.state.population, cluster.state.namespaces)
    team = PodSelection(EVERYTHING, namespaces=Selector((Term("team", Operator.IN, frozenset({"a"})),)))
    assert not selections.of(one).in_any([team])
    cluster.upsert(namespace("shop", team="a"))
    assert selections.of(one).in_any([team])
