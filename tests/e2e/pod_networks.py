"""The pod networks on which the tests of the agent run.

    @on_every_pod_network
    def test_...(scene, agent): ...           # on each of them, one after the other

    @on_pod_networks(BRIDGE, UNFILTERED_BRIDGE)
    def test_...(world, scene): ...

Other tests run where pods have routed links. On all other networks, pods and nodes discover their neighbours.
"""

from typing import Final

import pytest

from ringfence.lab.network.pod_network import NodeNetwork, PodNetwork, ReversePathFilter

ROUTED: Final = NodeNetwork()
ROUTED_STRICT: Final = NodeNetwork(rp_filter=ReversePathFilter.STRICT)
PTP: Final = NodeNetwork(PodNetwork.PTP, discovers_neighbours=True)
PTP_STRICT: Final = NodeNetwork(PodNetwork.PTP, rp_filter=ReversePathFilter.STRICT, discovers_neighbours=True)
BRIDGE: Final = NodeNetwork(PodNetwork.BRIDGE, discovers_neighbours=True)
BRIDGE_LOOSE: Final = NodeNetwork(PodNetwork.BRIDGE, rp_filter=ReversePathFilter.LOOSE, discovers_neighbours=True)
UNFILTERED_BRIDGE: Final = NodeNetwork(PodNetwork.BRIDGE, br_netfilter=False, discovers_neighbours=True)
FLANNEL: Final = NodeNetwork(PodNetwork.FLANNEL, discovers_neighbours=True)
FLANNEL_STRICT: Final = NodeNetwork(PodNetwork.FLANNEL, rp_filter=ReversePathFilter.STRICT, discovers_neighbours=True)

EVERY: Final = (ROUTED, PTP, BRIDGE, FLANNEL)


def name_of(network: NodeNetwork) -> str:
    """The name of a pod network in the names of tests."""
    unfiltered = "" if network.br_netfilter else "-without-br_netfilter"
    rp_filter = "" if network.rp_filter is ReversePathFilter.OFF else f"-rp_filter-{network.rp_filter}"
    return f"{network.kind}{unfiltered}{rp_filter}"


def on_pod_networks(*networks: NodeNetwork) -> pytest.MarkDecorator:
    """Run a test on each of these pod networks."""
    return pytest.mark.parametrize("network", networks, ids=map(name_of, networks), indirect=True)


on_every_pod_network: Final = on_pod_networks(*EVERY)
