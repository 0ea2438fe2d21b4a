"""The addresses that objects have."""

from ipaddress import ip_address
from typing import Any

import pytest
from tests.lab.clusters import manifests, service
from tests.semantics.objects import Object, block, node, pod, policy, sends

from ringfence.cluster import Cluster
from ringfence.lab.network.object_addresses import (
    addresses_in_use,
    cluster_addresses,
    families_in_use,
    first_of_each_family,
    node_addresses,
)
from ringfence.model.metadata import NodeMeta
from ringfence.model.objects import Node, NodeAddress, NodeStatus
from ringfence.model.services import Service
from ringfence.sets.addresses import FAMILIES, Family


def state_of(*objects: Object) -> Cluster:
    cluster = Cluster()
    for obj in objects:
        cluster.upsert(obj)
    return cluster


def texts(addresses: object) -> list[str]:
    return sorted(map(str, addresses))  # type: ignore[call-overload]


@pytest.mark.parametrize(
    ("entries", "addresses"),
    [
        pytest.param([("10.0.0.1", "InternalIP"), ("fd00::1", "InternalIP")], ["10.0.0.1", "fd00::1"], id="both"),
        pytest.param([("10.0.0.1", "InternalIP"), ("10.0.0.2", "InternalIP")], ["10.0.0.1"], id="the first counts"),
        pytest.param([("1.2.3.4", "ExternalIP"), ("n", "Hostname")], [], id="only internal ones"),
        pytest.param([("node.example", "InternalIP"), ("10.0.0.1", "InternalIP")], ["10.0.0.1"], id="no host names"),
    ],
)
def test_the_addresses_of_a_node(entries: list[tuple[str, str]], addresses: list[str]) -> None:
    status = NodeStatus(tuple(NodeAddress(address, kind) for address, kind in entries))
    assert texts(node_addresses(Node(NodeMeta("n"), status=status))) == addresses


@pytest.mark.parametrize(
    ("spec", "addresses"),
    [
        pytest.param({"clusterIP": "10.96.0.1"}, ["10.96.0.1"], id="one"),
        pytest.param({"clusterIP": "10.96.0.1", "clusterIPs": ["10.96.0.1", "fd00::1"]}, ["10.96.0.1", "fd00::1"]),
        pytest.param({"clusterIP": "None"}, [], id="headless"),
        pytest.param({}, [], id="none yet"),
        pytest.param({"type": "ExternalName", "externalName": "x", "clusterIP": "10.96.0.1"}, [], id="another name"),
    ],
)
def test_the_addresses_of_a_service(spec: dict[str, Any], addresses: list[str]) -> None:
    (manifest,) = manifests(service("x/s", {"app": "a"}, **spec))
    assert isinstance(manifest.object, Service)
    assert texts(cluster_addresses(manifest.object)) == addresses


def test_the_first_of_each_family_stays_in_its_place() -> None:
    addresses = map(ip_address, ("fd00::2", "10.0.0.2", "fd00::1", "10.0.0.1"))
    assert list(map(str, first_of_each_family(addresses))) == ["fd00::2", "10.0.0.2"]


def test_addresses_in_use_are_those_of_pods_nodes_and_services() -> None:
    cluster = state_of(
        pod("x/a", addresses=["10.0.0.1"]), node("n", "192.168.0.1"), service("x/s", {}, clusterIP="10.96.0.1")
    )
    assert texts(addresses_in_use(cluster.state)) == ["10.0.0.1", "10.96.0.1", "192.168.0.1"]


@pytest.mark.parametrize(
    ("objects", "families"),
    [
        pytest.param([], (Family.IPV4,), id="IPv4 if nothing says otherwise"),
        pytest.param([pod("x/a", addresses=["fd00::1"])], (Family.IPV6,), id="a pod's"),
        pytest.param([service("x/s", {}, clusterIP="fd00::1")], (Family.IPV6,), id="a Service's"),
        pytest.param([policy("x/p", egress=[sends(block("fd00::/8"))])], FAMILIES, id="a policy adds IPv6"),
        pytest.param(
            [pod("x/a", addresses=["10.0.0.1"]), policy("x/p", egress=[sends(block("fd00::/8"))])],
            (Family.IPV4,),
            id="but not where there are addresses",
        ),
    ],
)
def test_families_in_use(objects: list[Object], families: tuple[Family, ...]) -> None:
    assert families_in_use(state_of(*objects).state) == families
