"""Compiled rules: the identities that their peers mean."""

from hypothesis import given, settings
from hypothesis import strategies as st
from tests import strategies
from tests.engine.policies.artificial_tier import TieredCluster, tiered_clusters
from tests.example_counts import examples
from tests.semantics.objects import Object

from ringfence.engine.policies import IdentitySelections
from ringfence.model.policies import Direction
from ringfence.sets.addresses import FAMILIES


@settings(max_examples=examples(100))
@given(tiered_clusters(), st.lists(strategies.objects, max_size=6))
def test_peers_mean_one_identity_where_they_mean_it_among_all(objects: list[Object], more: list[Object]) -> None:
    cluster = TieredCluster()
    for obj in (*objects, *more):
        cluster.upsert(obj)
    state = cluster.state
    rules = [rule for policy in state.tiers.policies() for side in Direction for rule in policy.rules.get(side, ())]
    for identity in state.population.identities():
        one = IdentitySelections(identity, state.namespaces)
        for family in FAMILIES:
            for peers in {rule.peers for rule in rules}:
                is_among = bool(state.tiers.peers(peers, family) >> identity.bit & 1)
                assert peers.select(one, family) is is_among
