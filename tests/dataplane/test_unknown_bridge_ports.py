"""Ports of a bridge whose pods the agent does not know yet."""

import socket
from ipaddress import ip_address

import pytest
from tests.dataplane.bridges import (
    BOTH_WAYS,
    ISOLATED_POD,
    MANY,
    OPEN,
    OTHER,
    OUT,
    both_families,
    enforce,
    guarding,
    link_local_of,
)
from tests.dataplane.forged import (
    EVERYBODY,
    NEIGHBOUR_SOLICITATION,
    OnLink,
    datagram,
    frame,
    group_hardware_address,
    icmpv6,
    neighbour_advertisement,
)
from tests.dataplane.network import (
    BridgedNetwork,
    address,
    in_own_network,
    received,
    socket_family,
)
from tests.dataplane.test_sources import UNKNOWN

from ringfence.sets.addresses import Family

NEW = 2


@both_families
@in_own_network
def test_the_node_reaches_a_held_pod_which_answers(family: Family) -> None:
    network = BridgedNetwork(3)
    enforce(guarding(BOTH_WAYS, (OPEN, ISOLATED_POD), holds=True))
    server = network.udp(NEW, 80, family)
    client = socket.socket(socket_family(family), socket.SOCK_DGRAM)
    client.sendto(b"question", (address(NEW, family), 80))
    _, caller = server.recvfrom(100)
    server.sendto(b"answer", caller)
    assert received(client) == b"answer"


@both_families
@in_own_network
def test_a_held_pod_sends_nothing_whatever_address_it_says_it_has(family: Family) -> None:
    network = BridgedNetwork(3)
    enforce(guarding(BOTH_WAYS, (OPEN, ISOLATED_POD), holds=True))
    links = OnLink(network, NEW), OnLink(network, OPEN)
    sources = [address(NEW, family), address(ISOLATED_POD, family), UNKNOWN[family]]
    if family is Family.IPV6:
        sources.append(link_local_of(network, NEW))
    for source in sources:
        packet = datagram(source, address(OPEN, family), 80, b"held")
        links[0].send_packet(packet, links[1].hardware_address)
        assert not links[1].gets(b"held"), source


@in_own_network
def test_a_held_pod_may_ask_for_its_neighbours() -> None:
    """Without it, the pod could not answer its node over IPv6. The questions go to many, from link-local addresses."""
    network = BridgedNetwork(3)
    enforce(guarding(BOTH_WAYS, (OPEN, ISOLATED_POD), holds=True))
    new, neighbour = OnLink(network, NEW), OnLink(network, OPEN)
    group = "ff02::1:ff00:1"
    for source in (link_local_of(network, NEW), "::"):
        new.send_packet(icmpv6(source, group, NEIGHBOUR_SOLICITATION, b"who is there?"), group_hardware_address(group))
        assert neighbour.gets(b"who is there?"), source


@both_families
@in_own_network
def test_a_held_pod_cannot_pass_as_a_pod_that_may_send(family: Family) -> None:
    """The addresses of known pods lie in the held ranges, too."""
    network = BridgedNetwork(3)
    enforce(guarding({}, (OPEN, ISOLATED_POD), holds=True))
    links = OnLink(network, NEW), OnLink(network, ISOLATED_POD)
    packet = datagram(address(OPEN, family), address(ISOLATED_POD, family), 80, b"forged")
    links[0].send_packet(packet, links[1].hardware_address)
    assert not links[1].gets(b"forged")


@in_own_network
def test_a_held_pod_does_not_take_the_packets_of_another_one() -> None:
    """Neither by sending from its hardware address, nor by announcing its address."""
    network = BridgedNetwork(3)
    enforce(guarding({}, (OPEN, ISOLATED_POD), holds=True))
    thief, asking, victim = (OnLink(network, pod) for pod in (NEW, OPEN, ISOLATED_POD))
    own = datagram(address(NEW), address(OPEN), 80)
    thief.send(frame(own, victim.hardware_address, EVERYBODY))
    network.udp(OPEN).sendto(b"for the victim", (address(ISOLATED_POD), 80))
    assert victim.gets(b"for the victim")
    assert not thief.gets(b"for the victim")
    stolen = address(ISOLATED_POD, Family.IPV6)
    ends = address(NEW, Family.IPV6), address(OPEN, Family.IPV6)
    thief.send_packet(neighbour_advertisement(*ends, stolen, thief.hardware_address), asking.hardware_address)
    assert not asking.gets(ip_address(stolen).packed + b"\x02\x01" + thief.hardware_address)


# The broadcast address of the subnet lies in the held range and belongs to no pod: nobody receives packets to it.


@pytest.mark.parametrize("to", [one for one in MANY if one != "everybody in the subnet"])
@in_own_network
def test_a_held_pod_receives_no_broadcast_and_no_multicast(to: str) -> None:
    network = BridgedNetwork(3)
    enforce(guarding({}, (OPEN, ISOLATED_POD), holds=True))
    on_links = [OnLink(network, pod) for pod in range(3)]
    family = Family.IPV6 if ":" in MANY[to] else Family.IPV4
    packet = datagram(address(OPEN, family), MANY[to], 5353, b"to many")
    on_links[OPEN].send_packet(packet, group_hardware_address(MANY[to]))
    assert [on_link.gets(b"to many") for on_link in on_links] == [False, True, False]


@both_families
@in_own_network
def test_a_known_pod_at_an_unknown_port_sends_and_receives_as_policies_allow(family: Family) -> None:
    network = BridgedNetwork(3)
    enforce(guarding(BOTH_WAYS, placed=(OPEN, ISOLATED_POD), holds=True))
    for source, destination in ((OTHER, OPEN), (OPEN, OTHER)):
        server = network.udp(destination, 80, family)
        network.udp(source, 0, family).sendto(b"x", (address(destination, family), 80))
        assert network.delivered(server) == b"x"


@both_families
@in_own_network
def test_where_unknown_pods_are_allowed_an_unknown_pod_cannot_pass_as_another_one(family: Family) -> None:
    network = BridgedNetwork(3)
    enforce(guarding({(OUT, ISOLATED_POD): []}, (OPEN, ISOLATED_POD)))
    links = OnLink(network, NEW), OnLink(network, OPEN)
    ends = links[0].hardware_address, links[1].hardware_address
    for source, passes in (
        (address(NEW, family), True),
        (UNKNOWN[family], True),
        (address(OPEN, family), False),
    ):
        links[0].send(frame(datagram(source, address(OPEN, family), 80, b"new"), *ends))
        assert links[1].gets(b"new") is passes, source


@both_families
@in_own_network
def test_a_link_to_something_else_is_free_except_for_the_addresses_of_pods(family: Family) -> None:
    network = BridgedNetwork(3)
    enforce(guarding({}, (OPEN, ISOLATED_POD), others=(NEW,), holds=True))
    links = OnLink(network, NEW), OnLink(network, OPEN)
    ends = links[0].hardware_address, links[1].hardware_address
    for source, passes in ((UNKNOWN[family], True), (address(ISOLATED_POD, family), False)):
        links[0].send(frame(datagram(source, address(OPEN, family), 80, b"other"), *ends))
        assert links[1].gets(b"other") is passes, source
