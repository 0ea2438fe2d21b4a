"""The engine gives the same answers as a naive evaluator that differs from upstream in one or several traits."""

from enum import Enum
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.semantics import naive, naive_world
from tests.semantics.judges import cluster_of
from tests.semantics.objects import Object
from tests.semantics.test_agreement import (
    ADDRESSES,
    Listing,
    assert_reach,
    assert_right,
    assert_traffic,
    assert_verdicts,
    passing,
    pod_names,
    ports,
    short,
)
from tests.strategies import clusters

from ringfence import Cluster
from ringfence.plugins import MODELLED, UPSTREAM, Excepts, OwnNode, Traits
from ringfence.sets.traffic import NO_TRAFFIC

DIFFERING: dict[str, Any] = {
    "enforced": False,
    "blocks_match_pods": False,
    "blocks_match_nodes": False,
    "node_reaches_own_pods": False,
    "own_node": OwnNode.ALWAYS,
    "sctp": False,
    "port_ranges": False,
    "port_names": False,
    "ipv6": False,
    "standalone_pods": False,
    "excepts": Excepts.IGNORED,
    "negations": False,
}
"""For each trait that the naive evaluator knows, a value other than upstream's."""


def world_of(objects: list[Object], traits: dict[str, Any]) -> list[Object]:
    """The objects, with the artificial one that has the traits for the naive evaluator."""
    plain = {name: value.value if isinstance(value, Enum) else value for name, value in traits.items()}
    return [*objects, {"kind": naive.TRAITS, "metadata": {"name": "traits"}, **plain}]


ONE = [*DIFFERING.items(), ("excepts", Excepts.EVERY_BLOCK)]


@pytest.mark.parametrize(("trait", "value"), ONE, ids=[f"{name}-{value}" for name, value in ONE])
@given(clusters(), ports)
def test_one_trait(trait: str, value: Any, objects: list[Object], asked: tuple[str, int]) -> None:
    cluster, traits = cluster_of(objects), {trait: value}
    with cluster.state.policies.enforcing(Traits(**traits)):
        assert_verdicts(cluster, world_of(objects, traits), asked)
        assert_reach(cluster, world_of(objects, traits), asked)


@given(clusters(), ports, st.sets(st.sampled_from(sorted(DIFFERING)), min_size=2))
def test_several_traits(objects: list[Object], asked: tuple[str, int], names: set[str]) -> None:
    """... that are there before some of the objects."""
    traits = {name: DIFFERING[name] for name in names}
    cluster = Cluster()
    half = len(objects) // 2
    for obj in objects[:half]:
        cluster.upsert(obj)
    with cluster.state.policies.enforcing(Traits(**traits)):
        for obj in objects[half:]:
            cluster.upsert(obj)
        world = world_of(objects, traits)
        assert_traffic(cluster, world)
        assert_verdicts(cluster, world, asked)
        assert_listed(cluster, world)
    assert_verdicts(cluster, objects, asked)


def assert_listed(cluster: Cluster, world: list[Object]) -> None:
    """The list of connections has exactly the allowed ones."""
    listing = Listing.of(cluster.connections(pods=True), lambda reference: [short(reference)])
    names = pod_names(world)
    for one in names:
        for other in names:
            if one != other or naive_world.is_several(world, one):
                assert_right(world, one, other, listing.among_pods.get((one, other), NO_TRAFFIC))
        for address in ADDRESSES:
            assert_right(world, one, address, passing(address, listing.outwards[one]))
            assert_right(world, address, one, passing(address, listing.inwards[one]))


@given(clusters(), st.sets(st.sampled_from(sorted(DIFFERING)), min_size=1))
def test_explanations_agree_with_the_verdicts(objects: list[Object], names: set[str]) -> None:
    """... peer by peer: what is said of a peer is what the rule does."""
    cluster = cluster_of(objects)
    with cluster.state.policies.enforcing(Traits(**{name: DIFFERING[name] for name in names})):
        for source in pod_names(objects):
            for destination in (*pod_names(objects), *ADDRESSES):
                verdict = cluster.can(source, destination, port=80)
                for side in (side for reason in verdict.reasons for side in (reason.egress, reason.ingress)):
                    allows = any(rule.allows for policy in side.policies for rule in policy.rules)
                    if side.isolated and not side.exempt and not side.denied_over:
                        assert allows is side.allowed, (source, destination, side)


def test_every_trait_that_changes_answers_is_tested() -> None:
    assert {*DIFFERING, "service_ports"} == {topic.field for topic in MODELLED} == set(Traits.__struct_fields__)
    assert all(value != getattr(UPSTREAM, name) for name, value in DIFFERING.items())
    assert msgspec.structs.asdict(UPSTREAM)["service_ports"] is False
