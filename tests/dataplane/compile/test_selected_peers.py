"""The pods that peers select: after each change they equal those of the engine, however few were looked up again."""

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.engine.policies.artificial_tier import FRONT, acting, tier_policy, tiered_cluster_of, tiered_clusters
from tests.example_counts import examples
from tests.semantics.objects import Object, key_of, labelled, namespace, namespaces, pod

from ringfence.dataplane.compile.selected_peers import SelectedPeers
from ringfence.engine.policies import Peers
from ringfence.engine.state import State
from ringfence.model.policies import Direction
from ringfence.sets.addresses import FAMILIES, Family


def peers_of(state: State) -> set[Peers]:
    """The peers of all rules that are in force for any pod."""
    stacks = (state.tiers.stack(one, side) for one in state.population.identities() for side in Direction)
    return {rule.peers for stack in stacks for profile in stack for rule in profile.rules}


@settings(max_examples=examples(40))
@given(tiered_clusters(), st.lists(tiered_clusters(), max_size=3))
def test_peers_are_what_the_engine_says_after_each_change(first: list[Object], later: list[list[Object]]) -> None:
    cluster = tiered_cluster_of(first)
    selected = SelectedPeers(cluster.state)
    for objects in [[], *later]:
        for obj in objects:
            cluster.upsert(obj)
        selected.refresh()
        used = peers_of(cluster.state)
        selected.keep(used)
        for family in FAMILIES:
            known = selected.over(family)
            assert all(known[one] == cluster.state.tiers.peers(one, family) for one in used)
            for bit, selecting in selected.selecting[family].items():
                assert selecting & used == {one for one in used if known[one] >> bit & 1}
    for obj in first:
        if key_of(obj)[0] == "Pod":
            cluster.remove(*key_of(obj))
    selected.refresh()
    for one in peers_of(cluster.state):
        assert selected.over(Family.IPV4)[one] == cluster.state.tiers.peers(one, Family.IPV4)


def test_only_what_has_changed_counts_as_changed() -> None:
    friends, foes = (namespaces(labelled(team="a"), labelled(app=app)) for app in ("friend", "foe"))
    guard = tier_policy(FRONT, "a", ingress=[acting("allow", friends), acting("deny", foes)])
    cluster = tiered_cluster_of([namespace("x", team="a"), pod("x/server"), guard])
    selected = SelectedPeers(cluster.state)
    known = {one: selected.over(Family.IPV4)[one] for one in peers_of(cluster.state)}
    selected.refresh()
    for change in (pod("x/friend", {"app": "friend"}), namespace("x", team="b"), namespace("x", team="a")):
        cluster.upsert(change)
        selected.refresh()
        changed = {one for one, before in known.items() if selected.over(Family.IPV4)[one] != before}
        assert selected.changed[Family.IPV4].keys() == changed
        assert len(changed) == 1
        known = {one: selected.over(Family.IPV4)[one] for one in known}
    selected.refresh()
    assert not selected.changed[Family.IPV4]
    assert not selected.have_pods_changed
