"""A node without rules, before the agent knows anything about the cluster. The kernel and the packets are real."""

import socket
import tempfile
from pathlib import Path

import pytest
from tests.agent.events import listing
from tests.agent.running import BOTH, CLIENT, CLOSED, HERE, SERVER, running
from tests.dataplane.forged import EVERYBODY, OnLink, datagram, frame
from tests.dataplane.network import PATIENCE, BridgedNetwork, Network, address, gateway, in_own_network, received

from ringfence.agent.initial_hold import hold_from_start
from ringfence.agent.remembered_ranges import RememberedRanges, write_ranges
from ringfence.agent.settings import Mode, Settings, UnknownPods
from ringfence.dataplane.kernel import Kernel
from ringfence.model.cidrs import parse_cidr
from ringfence.sets.addresses import Addresses

RANGES = Addresses.of(parse_cidr("10.0.0.0/16"), parse_cidr("fd00::/16"))
ALL_IN_SUBNET = "255.255.255.255"
GIVEN = Settings("here", pod_ranges=RANGES)


def hold(settings: Settings) -> Kernel:
    kernel = Kernel()
    hold_from_start(settings, kernel, None)
    return kernel


def passes(network: Network) -> bool:
    """Whether a packet from the client reaches the server."""
    server = network.udp(SERVER, 81)
    network.udp(CLIENT).sendto(b"question", (address(SERVER), 81))
    return network.delivered(server) is not None


@in_own_network
def test_pods_in_the_ranges_are_closed() -> None:
    network = Network(2)
    assert passes(network)
    hold(GIVEN)
    assert not passes(network)


@in_own_network
def test_closed_pods_on_a_bridge_receive_no_broadcast_and_no_multicast() -> None:
    network = BridgedNetwork(2)
    links = OnLink(network, CLIENT), OnLink(network, SERVER)
    shout = frame(datagram(address(CLIENT), ALL_IN_SUBNET, 5353, b"to many"), links[0].hardware_address, EVERYBODY)
    links[0].send(shout)
    assert links[1].gets(b"to many"), "no rules yet"
    hold_from_start(GIVEN, Kernel(), None, guards_bridges=True)
    links[0].send(shout)
    assert not links[1].gets(b"to many")


@in_own_network
def test_the_node_reaches_closed_pods_and_they_answer() -> None:
    network = Network(2)
    hold(GIVEN)
    server = network.udp(SERVER, 80)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as kubelet:
        kubelet.bind((gateway(SERVER), 0))
        kubelet.settimeout(PATIENCE)
        kubelet.sendto(b"are you well?", (address(SERVER), 80))
        assert received(server) == b"are you well?"
        server.sendto(b"yes", kubelet.getsockname())
        assert kubelet.recv(100) == b"yes"


@in_own_network
@pytest.mark.parametrize(
    "settings",
    [
        pytest.param(Settings("here"), id="no ranges are known"),
        pytest.param(Settings("here", pod_ranges=RANGES, unknown_pods=UnknownPods.ALLOW), id="pods are not held"),
        pytest.param(Settings("here", pod_ranges=RANGES, mode=Mode.OBSERVE), id="nothing is dropped"),
    ],
)
def test_nothing_is_closed(settings: Settings) -> None:
    network = Network(2)
    assert not hold(settings).has_table
    assert passes(network)


@in_own_network
def test_rules_of_the_last_run_stay_as_they_are() -> None:
    with running() as agent:
        agent.enforce(*listing(*BOTH, HERE))
        assert agent.passes()
        before = agent.kernel.present
    assert hold(GIVEN).present == before
    assert passes(agent.network)


@in_own_network
def test_ranges_that_the_last_run_remembered_are_closed() -> None:
    with tempfile.TemporaryDirectory() as folder:
        file, network = Path(folder) / "ranges", Network(2)
        write_ranges(file, "here", RANGES)
        hold_from_start(Settings("here"), Kernel(), RememberedRanges(file, "here"))
        assert not passes(network)


@in_own_network
def test_pods_are_opened_once_they_are_known() -> None:
    network = Network(2)
    hold(GIVEN)
    with running(GIVEN, network) as agent:
        assert not agent.passes()
        agent.enforce(*listing(*BOTH, HERE))
        assert agent.passes()
        agent.enforce(*listing(*BOTH, HERE, CLOSED))
        assert not agent.passes()


@in_own_network
def test_the_loop_remembers_the_ranges_of_its_node() -> None:
    remembered: list[Addresses] = []
    with running(remember=remembered.append) as agent:
        agent.enforce(*listing(*BOTH, HERE))
    assert set(remembered) == {RANGES}
