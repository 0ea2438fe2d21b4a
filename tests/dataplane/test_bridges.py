"""Pods on one bridge: which frames they may send each other and their node, beyond what policies can name."""

import socket
from contextlib import suppress

import pytest
from tests.dataplane.bridges import (
    BOTH_WAYS,
    IN,
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
    OnLink,
    datagram,
    frame,
    group_hardware_address,
)
from tests.dataplane.network import (
    BRIDGE_ADDRESS,
    BridgedNetwork,
    address,
    in_own_network,
    received,
    socket_family,
)
from tests.dataplane.programs import UDP
from tests.dataplane.test_sources import link_local

from ringfence.model.policies import Direction
from ringfence.sets.addresses import Family


@both_families
@in_own_network
def test_policies_decide_about_what_pods_send_to_each_others_addresses(family: Family) -> None:
    network = BridgedNetwork(3)
    enforce(guarding({(IN, ISOLATED_POD): [(OPEN, UDP, 80)], (OUT, ISOLATED_POD): [(OTHER, UDP, 80)]}))
    servers = {pod: network.udp(pod, 80, family) for pod in range(3)}
    passing = {(OPEN, ISOLATED_POD), (ISOLATED_POD, OTHER), (OPEN, OTHER), (OTHER, OPEN)}
    for source in range(3):
        client = network.udp(source, 0, family)
        for destination in {0, 1, 2} - {source}:
            client.sendto(b"x", (address(destination, family), 80))
            assert (network.delivered(servers[destination]) is not None) is ((source, destination) in passing)


@both_families
@in_own_network
def test_replies_and_the_node_pass(family: Family) -> None:
    network = BridgedNetwork(3)
    enforce(guarding(BOTH_WAYS))
    server = network.udp(ISOLATED_POD, 80, family)
    client = socket.socket(socket_family(family), socket.SOCK_DGRAM)
    client.sendto(b"question", (address(ISOLATED_POD, family), 80))
    _, caller = server.recvfrom(100)
    server.sendto(b"answer", caller)
    assert received(client) == b"answer"


@pytest.mark.parametrize("to", MANY)
@in_own_network
def test_an_isolated_pod_receives_no_broadcast_and_no_multicast(to: str) -> None:
    network = BridgedNetwork(3)
    on_links = [OnLink(network, pod) for pod in range(3)]
    group = MANY[to]
    family = Family.IPV6 if ":" in group else Family.IPV4
    packet = datagram(address(OPEN, family), group, 5353, b"to many")
    shout = frame(packet, on_links[OPEN].hardware_address, group_hardware_address(group))
    on_links[OPEN].send(shout)
    assert [on_link.gets(b"to many") for on_link in on_links] == [False, True, True], "no program yet"
    enforce(guarding({(IN, ISOLATED_POD): []}))
    on_links[OPEN].send(shout)
    assert [on_link.gets(b"to many") for on_link in on_links] == [False, False, True]


@pytest.mark.parametrize("to", MANY)
@in_own_network
def test_a_pod_that_may_send_nothing_sends_no_broadcast_and_no_multicast(to: str) -> None:
    network = BridgedNetwork(3)
    enforce(guarding({(OUT, ISOLATED_POD): []}))
    on_links = [OnLink(network, pod) for pod in range(3)]
    group = MANY[to]
    family = Family.IPV6 if ":" in group else Family.IPV4
    sources = [address(ISOLATED_POD, family)]
    if family is Family.IPV6:
        sources.append(link_local_of(network, ISOLATED_POD))
    for source in sources:
        packet = datagram(source, group, 5353, b"to many")
        on_links[ISOLATED_POD].send_packet(packet, group_hardware_address(group))
        assert [on_link.gets(b"to many") for on_link in on_links] == [False] * 3, source


@pytest.mark.parametrize("direction", Direction, ids=str)
@pytest.mark.parametrize("to", ["everybody in the subnet", "all nodes"])
@in_own_network
def test_a_multicast_query_gets_no_answer_from_an_isolated_pod(to: str, direction: Direction) -> None:
    """Either it does not get the question, or its answer, which goes to one address, is a connection of its own."""
    network = BridgedNetwork(3)
    group = MANY[to]
    family = Family.IPV6 if ":" in group else Family.IPV4
    servers = {pod: network.udp(pod, 5353, family) for pod in (ISOLATED_POD, OTHER)}
    client = network.udp(OPEN, 0, family)
    with network.inside(OPEN):
        scope = socket.if_nametoindex("eth0")
    if family is Family.IPV4:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)

    def answering() -> set[bytes]:
        """The pods that answer a question that is sent to all."""
        client.sendto(b"who is there?", (group, 5353) if family is Family.IPV4 else (group, 5353, 0, scope))
        network.settle()
        for pod, server in servers.items():
            server.setblocking(False)
            with suppress(BlockingIOError):
                _, sender = server.recvfrom(64)
                server.sendto(str(pod).encode(), sender)
        answers: set[bytes] = set()
        while answer := network.delivered(client):
            answers.add(answer)
        return answers

    assert answering() == {b"1", b"2"}, "no program yet"
    enforce(guarding({(direction, ISOLATED_POD): []}))
    assert answering() == {b"2"}


@pytest.mark.parametrize("to", MANY)
@in_own_network
def test_all_pods_receive_the_broadcasts_of_the_node(to: str) -> None:
    network = BridgedNetwork(3)
    enforce(guarding(BOTH_WAYS))
    on_links = [OnLink(network, pod) for pod in range(3)]
    group = MANY[to]
    family = Family.IPV6 if ":" in group else Family.IPV4
    client = socket.socket(socket_family(family), socket.SOCK_DGRAM)
    client.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"br0")
    if family is Family.IPV4:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        client.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(BRIDGE_ADDRESS[family]))
    else:
        client.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, socket.if_nametoindex("br0"))
    client.sendto(b"to many", (group, 5353))
    assert [on_link.gets(b"to many") for on_link in on_links] == [True] * 3


@pytest.mark.parametrize(("source", "destination"), [(OPEN, ISOLATED_POD), (ISOLATED_POD, OPEN)])
@in_own_network
def test_isolated_pods_use_no_link_local_addresses(source: int, destination: int) -> None:
    network = BridgedNetwork(3)
    links = OnLink(network, source), OnLink(network, destination)
    names = [link_local_of(network, pod) for pod in (source, destination)]
    globals_ = [address(pod, Family.IPV6) for pod in (source, destination)]
    packets = [
        datagram(*ends, 80, b"beside")
        for ends in ((names[0], names[1]), (names[0], globals_[1]), (globals_[0], names[1]))
    ]
    ends = links[0].hardware_address, links[1].hardware_address
    for packet in packets:
        links[0].send(frame(packet, *ends))
        assert links[1].gets(b"beside"), "no program yet"
    enforce(guarding(BOTH_WAYS))
    for packet in packets:
        links[0].send(frame(packet, *ends))
        assert not links[1].gets(b"beside")


@in_own_network
def test_open_pods_use_link_local_addresses() -> None:
    network = BridgedNetwork(3)
    enforce(guarding(BOTH_WAYS))
    links = OnLink(network, OPEN), OnLink(network, OTHER)
    packet = datagram(link_local_of(network, OPEN), link_local_of(network, OTHER), 80, b"allowed")
    links[0].send_packet(packet, links[1].hardware_address)
    assert links[1].gets(b"allowed")


@in_own_network
def test_an_isolated_pod_does_not_reach_its_node_by_link_local_addresses() -> None:
    network = BridgedNetwork(3)
    node = link_local("br0")
    server = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    server.bind(("::", 10250))
    with network.inside(ISOLATED_POD):
        client = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
        scope = socket.if_nametoindex("eth0")
    client.sendto(b"x", (node, 10250, 0, scope))
    assert network.delivered(server) == b"x", "no program yet"
    enforce(guarding(BOTH_WAYS))
    client.sendto(b"x", (node, 10250, 0, scope))
    assert network.delivered(server) is None


@pytest.mark.parametrize("tag", [b"\x81\x00\x00\x00", b"\x81\x00\x00\x64", b"\x88\xa8\x00\x00"], ids=bytes.hex)
@pytest.mark.parametrize(("source", "destination"), [(OPEN, ISOLATED_POD), (ISOLATED_POD, OPEN)])
@in_own_network
def test_a_vlan_tag_does_not_bypass_the_rules(source: int, destination: int, tag: bytes) -> None:
    """br_netfilter passes no tagged frame to the rules.

    The receiver of a frame with an empty tag strips the tag.
    """
    network = BridgedNetwork(3)
    links = OnLink(network, source), OnLink(network, destination)
    packet = datagram(address(source), address(destination), 80, b"tagged")
    tagged = frame(packet, links[0].hardware_address, links[1].hardware_address, tag)
    links[0].send(tagged)
    assert links[1].gets(b"tagged"), "no program yet"
    enforce(guarding(BOTH_WAYS))
    links[0].send(tagged)
    assert not links[1].gets(b"tagged")


@pytest.mark.parametrize(("source", "destination"), [(OPEN, ISOLATED_POD), (ISOLATED_POD, OPEN)])
@in_own_network
def test_frames_of_other_protocols_do_not_bypass_the_rules(source: int, destination: int) -> None:
    network = BridgedNetwork(3)
    enforce(guarding(BOTH_WAYS))
    links = [OnLink(network, pod) for pod in range(3)]
    ends = links[source].hardware_address, links[destination].hardware_address
    links[source].send(frame(b"covered content", *ends, kind=0x88B5))
    assert not links[destination].gets(b"covered content")
    links[OPEN].send_packet(b"covered content", links[OTHER].hardware_address, kind=0x88B5)
    assert links[OTHER].gets(b"covered content"), "between open pods"
