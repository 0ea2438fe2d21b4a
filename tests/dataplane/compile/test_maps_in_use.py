"""The peer maps in use: after each change they say what new ones would, and only those concerned are updated."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.engine.policies.artificial_tier import FRONT, acting, tier_policy, tiered_cluster_of, tiered_clusters
from tests.example_counts import examples
from tests.semantics.objects import Object, key_of, labelled, namespace, namespaces, pod, policy

from ringfence.dataplane.compile.class_numbers import ClassNumbers
from ringfence.dataplane.compile.large_policies import LargePolicies
from ringfence.dataplane.compile.maps_in_use import MapsInUse
from ringfence.dataplane.compile.peer_maps import PeerMap, RulesOfProfiles
from ringfence.dataplane.compile.profile_chains import SharedParts, build_chain
from ringfence.dataplane.compile.shared_addresses import SharedAddresses
from ringfence.dataplane.compile.tracked_maps import TrackedMap
from ringfence.engine.policies import own_ports
from ringfence.engine.state import State
from ringfence.model.policies import Direction
from ringfence.sets.addresses import FAMILIES
from ringfence.steps import finish


def maps_of(state: State, shared: SharedParts) -> dict[str, PeerMap]:
    """The maps that the chains of all pods look up."""
    found: dict[str, PeerMap] = {}
    for identity in state.population.identities():
        for direction in Direction:
            if stack := state.tiers.stack(identity, direction):
                chain = finish(build_chain(state, stack, own_ports(stack, identity), FAMILIES, shared))
                found |= chain.maps if chain else {}
    return found


def nothing_built(state: State) -> SharedParts:
    return SharedParts(LargePolicies(state), RulesOfProfiles(), SharedAddresses())


@settings(max_examples=examples(60))
@given(tiered_clusters(), st.lists(tiered_clusters(), max_size=3))
def test_maps_decide_as_new_ones_after_each_change(first: list[Object], later: list[list[Object]]) -> None:
    cluster = tiered_cluster_of(first)
    shared = nothing_built(cluster.state)
    maps = MapsInUse(cluster.state, ClassNumbers())

    def check() -> None:
        wanted = maps_of(cluster.state, shared)
        maps.keep(wanted)
        maps.refresh()
        maps.add(wanted)
        new = MapsInUse(cluster.state, ClassNumbers())
        new.add(wanted)
        assert maps.maps.keys() == new.maps.keys() == wanted.keys()
        for name, one in new.maps.items():
            for identity in cluster.state.population.identities():
                assert maps.maps[name].chain_for((identity,), 0) == one.chain_for((identity,), 0)
        assert [maps.selected(family) for family in FAMILIES] == [new.selected(family) for family in FAMILIES]
        assert maps.of_family == {
            family: {name: maps.maps[name] for name, one in wanted.items() if one.family is family}
            for family in FAMILIES
        }

    for objects in [[], *later]:
        for obj in objects:
            cluster.upsert(obj)
            if key_of(obj)[0] in ("Pod", "Namespace"):
                check()
        check()
    for obj in first:
        cluster.remove(*key_of(obj))
        check()


FRIENDS, FOES = (namespaces({}, labelled(app=app)) for app in ("friend", "foe"))
WORLD = [
    *(pod(f"x/{app}", {"app": app}) for app in ("server", "client", "friend")),
    namespace("x"),
    tier_policy(FRONT, "a", subject=labelled(app="server"), ingress=[acting("deny", FRIENDS)]),
    tier_policy(FRONT, "b", subject=labelled(app="client"), ingress=[acting("deny", FOES)]),
]


@pytest.fixture
def updated(monkeypatch: pytest.MonkeyPatch) -> list[TrackedMap]:
    """The maps that are updated."""
    found: list[TrackedMap] = []
    refresh = TrackedMap.refresh

    def counted(one: TrackedMap) -> int:
        found.append(one)
        return refresh(one)

    monkeypatch.setattr(TrackedMap, "refresh", counted)
    return found


def test_only_maps_of_rules_about_changed_peers_are_updated(updated: list[TrackedMap]) -> None:
    cluster = tiered_cluster_of(WORLD)
    wanted = maps_of(cluster.state, nothing_built(cluster.state))
    maps = MapsInUse(cluster.state, ClassNumbers())
    maps.add(wanted)
    maps.refresh()
    updated.clear()
    cluster.upsert(pod("x/another", {"app": "friend"}))
    maps.refresh()
    assert not updated, "the pod has the identity of another one"
    cluster.upsert(pod("y/foe", {"app": "foe"}))
    changed = maps.refresh()
    [guard] = (one for one in cluster.state.tiers.policies() if one.name == "b")
    [foes] = (rule.peers for rule in guard.rules[Direction.INGRESS])
    about_foes = {name for name, one in wanted.items() if any(foes == rule.peers for rule in one.profiles[0].rules)}
    assert {id(one) for one in updated} == {id(maps.maps[name]) for name in about_foes}
    [foe] = (one for one in cluster.state.population.identities() if one.namespace == "y")
    assert changed == dict.fromkeys(FAMILIES, 1 << foe.bit)


def test_rules_that_no_map_is_made_of_are_not_asked_any_more(updated: list[TrackedMap]) -> None:
    cluster = tiered_cluster_of([*WORLD, policy("x/p", ingress=[])])
    wanted = maps_of(cluster.state, nothing_built(cluster.state))
    maps = MapsInUse(cluster.state, ClassNumbers())
    maps.add(wanted)
    kept = {name: one for name, one in wanted.items() if one.direction is Direction.EGRESS}
    maps.keep(kept)
    maps.add(kept)
    cluster.upsert(pod("y/foe", {"app": "foe"}))
    assert maps.refresh() == dict.fromkeys(FAMILIES, 0)
    assert not updated
    assert not any(maps.selected(family) for family in FAMILIES)
