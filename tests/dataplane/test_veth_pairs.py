"""Veth pairs of pods: what the agent reads about them, and when."""

import os
import socket

import pytest
from tests.agent.running import Clock
from tests.dataplane.network import (
    BRIDGE,
    BRIDGE_ADDRESS,
    BridgedNetwork,
    address,
    in_own_network,
    ip,
    lose_privileges,
    number,
)
from tests.dataplane.test_sources import link_local

from ringfence.dataplane.compile import Address
from ringfence.dataplane.veth_pairs import SETTLING, VethPair, VethPairReader
from ringfence.netlink.veth import FarEnd, Veth, VethReader
from ringfence.sets.addresses import FAMILIES, parse_address

MORE = "10.0.99.99"


def own(pod: int) -> frozenset[Address]:
    return frozenset((family, number(pod, family)) for family in FAMILIES)


def read(reader: VethPairReader, pod: int = 0) -> VethPair:
    return reader.read().veth_pairs[socket.if_nametoindex(f"pod{pod}")]


def add_pod(network: BridgedNetwork) -> int:
    """Add a pod whose interface has no address yet."""
    pod = len(network._pods)
    network._pods.append(network._create_pod_network())
    ip(*network._commands_for_router(pod))
    with network.inside(pod):
        ip("link set eth0 up")
    return pod


def replace_pod(network: BridgedNetwork) -> None:
    """Replace the first pod by another one. Its interfaces have the same names and numbers."""
    port = socket.if_nametoindex("pod0")
    with network.inside(0):
        far_end = socket.if_nametoindex("eth0")
    namespace = f"/proc/{os.getpid()}/fd/{network._pods[0]}"
    ip(
        "link delete pod0",
        f"link add pod0 index {port} type veth peer name eth0 index {far_end} netns {namespace}",
        f"link set pod0 up master {BRIDGE}",
    )
    with network.inside(0):
        ip("link set eth0 up", f"address add {MORE}/16 dev eth0")


@in_own_network
def test_a_veth_pair_has_the_addresses_of_the_pod_at_its_far_end() -> None:
    network = BridgedNetwork(2)
    nodes_veth_pairs = VethPairReader().read()
    for pod in range(2):
        found = nodes_veth_pairs.veth_pairs[socket.if_nametoindex(f"pod{pod}")]
        with network.inside(pod):
            assert found.link_local == {parse_address(link_local("eth0"))}
        assert (found.first, found.addresses, found.is_certain) == (own(pod), own(pod), False)
    bridge = socket.if_nametoindex(BRIDGE)
    assert nodes_veth_pairs.links.bridges.keys() == {bridge}
    assert {(bridge, parse_address(one)) for one in BRIDGE_ADDRESS.values()} <= nodes_veth_pairs.links.addresses


@in_own_network
def test_only_ports_of_bridges_count() -> None:
    network = BridgedNetwork(2)
    ip("link set pod0 nomaster")
    assert VethPairReader().read().veth_pairs.keys() == {socket.if_nametoindex("pod1")}
    del network  # until here, its interfaces are there


@in_own_network
def test_a_veth_pair_that_appears_while_it_is_watched_is_certain() -> None:
    network, reader = BridgedNetwork(1), VethPairReader()
    reader.read()
    pod = add_pod(network)
    assert read(reader, pod).is_certain
    assert not read(reader, 0).is_certain


@in_own_network
def test_the_first_addresses_of_a_veth_pair_are_remembered() -> None:
    network, reader = BridgedNetwork(1), VethPairReader()
    reader.read()
    pod = add_pod(network)
    assert (read(reader, pod).first, reader.next_reading) == (frozenset(), 0.1)
    with network.inside(pod):
        ip(f"address add {address(pod)}/16 dev eth0")
    assert read(reader, pod).first == {parse_address(address(pod))}
    with network.inside(pod):
        ip(f"address add {MORE}/16 dev eth0")
    found = read(reader, pod)
    assert found.first == {parse_address(address(pod))}
    assert found.addresses == {parse_address(address(pod)), parse_address(MORE)}


@in_own_network
def test_a_pod_that_changes_its_addresses_later_changes_nothing() -> None:
    network, clock = BridgedNetwork(1), Clock()
    reader = VethPairReader(clock=clock)
    before = read(reader)
    clock.now += SETTLING
    with network.inside(0):
        ip(f"address add {MORE}/16 dev eth0", f"address delete {address(0)}/16 dev eth0")
    assert read(reader) == before
    assert reader.next_reading is None


@in_own_network
def test_a_pod_has_as_long_as_any_other_to_take_its_addresses_if_the_first_comes_late() -> None:
    network, clock = BridgedNetwork(1), Clock()
    reader = VethPairReader(clock=clock)
    reader.read()
    pod = add_pod(network)
    reader.read()
    clock.now += SETTLING
    with network.inside(pod):
        ip(f"address add {address(pod)}/16 dev eth0")
    reader.read()
    clock.now += SETTLING / 2
    with network.inside(pod):
        ip(f"address add {MORE}/16 dev eth0")
    assert read(reader, pod).addresses == {parse_address(address(pod)), parse_address(MORE)}


@in_own_network
def test_a_veth_pair_without_an_address_is_read_less_often_after_a_while() -> None:
    network, clock = BridgedNetwork(1), Clock()
    reader = VethPairReader(clock=clock)
    add_pod(network)
    reader.read()
    clock.now += SETTLING
    reader.read()
    assert reader.next_reading == 1.0


@in_own_network
def test_a_port_of_the_last_program_is_certain_whatever_addresses_the_pod_has_added_since() -> None:
    network = BridgedNetwork(1)
    port = socket.if_nametoindex("pod0")
    with network.inside(0):
        ip(f"address add {MORE}/16 dev eth0")
    before = FarEnd(own(0), b"abcdef")
    found = read(VethPairReader({port: before}))
    assert (found.addresses, found.hardware_address, found.is_certain) == (own(0), b"abcdef", True)


@in_own_network
def test_a_port_of_the_last_program_is_not_certain_if_another_pod_is_there() -> None:
    BridgedNetwork(1)
    port = socket.if_nametoindex("pod0")
    found = read(VethPairReader({port: FarEnd(frozenset({parse_address(MORE)}), b"abcdef")}))
    assert (found.addresses, found.is_certain) == (own(0), False)


@in_own_network
def test_a_port_whose_number_is_given_again_is_another_one() -> None:
    network, clock = BridgedNetwork(1), Clock()
    reader = VethPairReader(clock=clock)
    before = read(reader)
    clock.now += SETTLING
    replace_pod(network)
    assert read(reader) == before, "nothing shows that it is another one"
    reader.forget([before.veth.number])
    assert read(reader).addresses == {parse_address(MORE)}


@in_own_network
def test_after_lost_reports_a_known_veth_pair_stays_certain_whatever_the_pod_has_taken_since() -> None:
    network = BridgedNetwork(1)
    reader = VethPairReader()
    reader.read()
    pod = add_pod(network)
    with network.inside(pod):
        ip(f"address add {address(pod)}/16 dev eth0", f"address add {address(pod, FAMILIES[1])}/48 dev eth0")
    before = read(reader, pod)
    assert before.is_certain
    with network.inside(pod):
        ip(f"address add {MORE}/16 dev eth0")
    reader.invalidate()
    after = read(reader, pod)
    assert (after.addresses, after.first, after.is_certain) == (before.addresses, before.first, True)


@in_own_network
def test_after_lost_reports_a_veth_pair_with_other_addresses_is_another_one_and_not_certain() -> None:
    """Its first container may have started before it is read."""
    network, clock = BridgedNetwork(1), Clock()
    reader = VethPairReader({socket.if_nametoindex("pod0"): FarEnd(own(0), b"abcdef")}, clock=clock)
    assert read(reader).is_certain
    clock.now += SETTLING
    replace_pod(network)
    reader.invalidate()
    found = read(reader)
    assert (found.addresses, found.is_certain) == (frozenset({parse_address(MORE)}), False)
    add_pod(network)
    assert read(reader, 1).is_certain, "it has appeared since"


@in_own_network
def test_a_pod_that_ends_while_it_is_read_is_not_one_without_rights() -> None:
    BridgedNetwork(1)
    reader = VethPairReader()
    far_end = VethReader.far_end

    def read_after_the_end(self: VethReader, veth: Veth) -> FarEnd | None:
        ip("link delete pod0")
        return far_end(self, veth)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(VethReader, "far_end", read_after_the_end)
        found = reader.read()
    assert found.veth_pairs
    assert not found.unreadable


@in_own_network
def test_a_namespace_over_which_there_are_no_rights_is_named() -> None:
    BridgedNetwork(1)
    reader = VethPairReader()
    lose_privileges()
    found = reader.read()
    assert found.unreadable == ["pod0"]
    assert not read(reader).addresses
