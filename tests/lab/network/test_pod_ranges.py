"""Which ranges nodes get for the addresses of their pods."""

import pytest
from tests.lab.network.test_placement import addresses, deployment, placed, planned
from tests.semantics.objects import Object, block, node, pod, policy, sends

from ringfence.errors import LaboratoryError
from ringfence.lab.network.placement import PlacementOptions
from ringfence.lab.network.planning import plan_topology
from ringfence.lab.network.pod_network import NodeNetwork, PodNetwork
from ringfence.lab.network.topology import Topology
from ringfence.sets.addresses import FAMILIES

ON_BRIDGES = PlacementOptions(network=NodeNetwork(PodNetwork.BRIDGE))
EVERY_KIND_WITH_RANGES = pytest.mark.parametrize("kind", [PodNetwork.PTP, PodNetwork.BRIDGE, PodNetwork.FLANNEL])


def ranges(topology: Topology) -> dict[str, list[str]]:
    return {one.name: list(map(str, one.pod_ranges)) for one in topology.nodes}


def on_bridges(*objects: Object, nodes: int = 1) -> Topology:
    options = PlacementOptions(nodes, network=NodeNetwork(PodNetwork.BRIDGE))
    cluster, placement = placed(*objects, options=options)
    return plan_topology(cluster.state, workloads=placement.workloads, network=options.network)


def with_ranges(obj: Object, *given: str) -> Object:
    return obj | {"spec": {"podCIDRs": list(given)}}


def test_without_gateways_nodes_have_no_ranges() -> None:
    assert ranges(planned(pod("x/a"), options=PlacementOptions(2))) == {"node-1": [], "node-2": []}


@EVERY_KIND_WITH_RANGES
def test_every_node_gets_a_range_of_each_family_and_pods_addresses_of_it(kind: PodNetwork) -> None:
    options = PlacementOptions(2, FAMILIES, NodeNetwork(kind))
    cluster, _ = placed(pod("x/a"), pod("x/b"), options=options)
    topology = plan_topology(cluster.state, network=options.network)
    assert ranges(topology) == {
        "node-1": ["10.244.0.0/22", "fd00:10:244::/80"],
        "node-2": ["10.244.4.0/22", "fd00:10:244:0:1::/80"],
    }
    # The DNS pod has the addresses before these, and the gateway those before that.
    assert addresses(topology, "x/a") == ["10.244.4.2", "fd00:10:244:0:1::2"]
    assert addresses(topology, "x/b") == ["10.244.0.3", "fd00:10:244::3"]


def test_what_a_node_says_is_kept_and_completed() -> None:
    topology = on_bridges(
        with_ranges(node("a", "172.18.0.1"), "10.244.0.0/24"), node("b", "172.18.0.2"), pod("x/a", nodeName="a")
    )
    assert ranges(topology) == {"a": ["10.244.0.0/24"], "b": ["10.244.4.0/22"]}
    assert addresses(topology, "x/a") == ["10.244.0.2"]


@pytest.mark.parametrize(
    ("reported", "expected"),
    [
        pytest.param(["10.42.1.7", "10.42.1.200"], "10.42.1.0/24", id="the usual range around them"),
        pytest.param(["10.42.1.7", "10.42.2.7"], "10.42.0.0/22", id="a larger one if they do not fit"),
        pytest.param(["fd00:42::7", "fd00:42::ffff:7"], "fd00:42::/64", id="IPv6"),
    ],
)
def test_a_node_that_says_nothing_gets_the_range_around_its_pods(reported: list[str], expected: str) -> None:
    pods = [pod(f"x/{i}", addresses=[one], nodeName="a") for i, one in enumerate(reported)]
    assert expected in ranges(on_bridges(*pods))["a"]


def test_a_free_range_has_no_addresses_that_are_in_use() -> None:
    topology = on_bridges(
        node("a", "10.244.0.7"), pod("x/b", addresses=["10.244.4.9"], nodeName="b"), pod("x/c", nodeName="c")
    )
    assert ranges(topology) == {"a": ["10.244.8.0/22"], "b": ["10.244.4.0/24"], "c": ["10.244.12.0/22"]}


def test_the_ranges_are_those_about_which_policies_say_nothing_of_their_own() -> None:
    topology = on_bridges(pod("x/a"), policy("x/p", egress=[sends(block("10.0.0.0/8"))]))
    assert ranges(topology) == {"node-1": ["172.30.0.0/22"]}


def test_a_pod_with_an_address_runs_on_the_node_of_its_range() -> None:
    nodes = [with_ranges(node(f"n{i}", f"172.18.0.{i + 1}"), f"10.244.{i}.0/24") for i in range(3)]
    topology = on_bridges(*nodes, pod("x/a", addresses=["10.244.2.9"]))
    assert topology.pod_by_name["x/a"].node == "n2"


def test_workloads_get_addresses_of_their_nodes_until_a_range_is_used_up() -> None:
    small = with_ranges(node("a", "172.18.0.1"), "10.244.0.0/29")
    topology = on_bridges(small, *(deployment(f"x/{i}", app=str(i)) for i in range(4)))
    given = sorted(one.addresses[0] for one in topology.pods)
    assert list(map(str, given)) == [f"10.244.0.{i}" for i in range(2, 7)], "one is the DNS pod's"
    with pytest.raises(LaboratoryError, match=r"all addresses of 10\.244\.0\.0/29 are taken"):
        on_bridges(small, *(deployment(f"x/{i}", app=str(i)) for i in range(5)))


def test_a_pod_that_moves_gets_an_address_of_its_new_node() -> None:
    cluster, placement = placed(pod("x/a", nodeName="node-1"), options=PlacementOptions(2, network=ON_BRIDGES.network))
    assert addresses(plan_topology(cluster.state), "x/a")[0].startswith("10.244.0.")
    cluster.upsert(pod("x/a", nodeName="node-2"))
    placement.complete()
    assert addresses(plan_topology(cluster.state), "x/a")[0].startswith("10.244.4.")


@pytest.mark.parametrize(
    ("objects", "message"),
    [
        pytest.param(
            [pod("x/a", addresses=["10.42.1.7"], nodeName="a"), pod("x/b", addresses=["10.42.1.8"], nodeName="b")],
            "the pod ranges of node a (10.42.1.0/24) and node b (10.42.1.0/24) overlap: correct the podCIDRs of the "
            "Nodes, or use --pod-network routed",
            id="pods of two nodes in one range",
        ),
        pytest.param(
            [
                with_ranges(node("a", "172.18.0.1"), "10.42.0.0/24"),
                pod("x/a", addresses=["10.42.1.7"], nodeName="a"),
            ],
            "pod x/a has the address 10.42.1.7, which is in no pod range of its node a (10.42.0.0/24): correct the "
            "podCIDRs of the Node, or use --pod-network ptp",
            id="an address outside",
        ),
        pytest.param(
            [pod("x/a", addresses=["10.42.0.1"], nodeName="a")],
            "pod x/a has the address 10.42.0.1, which on a bridge belongs to its node or to the network "
            "(10.42.0.0/24): use --pod-network ptp",
            id="the gateway's address",
        ),
    ],
)
def test_what_a_bridge_cannot_have_is_an_error_with_the_remedy(objects: list[Object], message: str) -> None:
    with pytest.raises(LaboratoryError) as caught:
        on_bridges(*objects)
    assert str(caught.value) == message


def test_more_nodes_than_ranges_are_an_error() -> None:
    with pytest.raises(LaboratoryError, match="too many nodes"):
        on_bridges(nodes=65)
