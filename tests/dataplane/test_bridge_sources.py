"""What pods on one bridge say who they are: they send only from their own addresses, and take no one else's."""

import socket
from ipaddress import ip_address

import pytest
from tests.dataplane.bridges import (
    BOTH_WAYS,
    IN,
    ISOLATED_POD,
    OPEN,
    OTHER,
    OUT,
    both_families,
    enforce,
    guarding,
    link_local_of,
)
from tests.dataplane.forged import (
    ARP_FRAME,
    EVERYBODY,
    NEIGHBOUR_SOLICITATION,
    REDIRECT,
    ROUTER_ADVERTISEMENT,
    ROUTER_SOLICITATION,
    OnLink,
    arp_reply,
    datagram,
    frame,
    group_hardware_address,
    icmpv6,
    neighbour_advertisement,
)
from tests.dataplane.network import (
    BRIDGE_ADDRESS,
    BridgedNetwork,
    address,
    in_own_network,
    ip,
    received,
    socket_family,
)
from tests.dataplane.programs import UDP
from tests.dataplane.test_sources import UNKNOWN

from ringfence.dataplane.program import (
    BRIDGE_TUNNELS,
    PORT,
    HashSet,
    Reaction,
    port_key,
)
from ringfence.sets.addresses import FAMILIES, Family


@both_families
@pytest.mark.parametrize("sender", [OPEN, ISOLATED_POD])
@in_own_network
def test_a_packet_from_another_address_is_dropped(sender: int, family: Family) -> None:
    network = BridgedNetwork(3)
    enforce(guarding(BOTH_WAYS))
    on_links = [OnLink(network, pod) for pod in range(3)]
    for forged in (address(OTHER, family), UNKNOWN[family], BRIDGE_ADDRESS[family]):
        packet = datagram(forged, address(OTHER, family), 80, b"forged")
        for tag in (b"", b"\x81\x00\x00\x00"):
            on_links[sender].send_packet(packet, on_links[OTHER].hardware_address, tag)
            assert not on_links[OTHER].gets(b"forged"), (forged, tag)
    own = datagram(address(OPEN, family), address(OTHER, family), 80, b"own")
    on_links[OPEN].send_packet(own, on_links[OTHER].hardware_address)
    assert on_links[OTHER].gets(b"own")


@pytest.mark.parametrize("sender", [OPEN, ISOLATED_POD])
@in_own_network
def test_no_pod_sends_to_a_tunnel_between_nodes(sender: int) -> None:
    network = BridgedNetwork(3)
    tunnels = HashSet(PORT, frozenset({port_key(8472)}))
    allowed = {(OUT, ISOLATED_POD): [(OTHER, UDP, 8472), (OTHER, UDP, 80)]}
    enforce(guarding(allowed).changed({BRIDGE_TUNNELS: tunnels}))
    for port, passes in ((8472, False), (80, True)):
        server = network.udp(OTHER, port)
        network.udp(sender).sendto(b"x", (address(OTHER), port))
        assert (network.delivered(server) is not None) is passes


@both_families
@in_own_network
def test_a_packet_from_another_address_is_dropped_even_in_an_open_connection_of_that_address(family: Family) -> None:
    network = BridgedNetwork(3)
    enforce(guarding({(OUT, ISOLATED_POD): []}))
    server, client = network.udp(OPEN, 80, family), network.udp(OTHER, 4000, family)
    client.sendto(b"question", (address(OPEN, family), 80))
    _, caller = server.recvfrom(100)
    server.sendto(b"answer", caller)
    assert received(client) == b"answer"
    links = OnLink(network, ISOLATED_POD), OnLink(network, OPEN)
    packet = datagram(address(OTHER, family), address(OPEN, family), 80, b"forged")
    links[0].send_packet(packet, links[1].hardware_address)
    assert network.delivered(server) is None


@in_own_network
def test_no_pod_takes_the_packets_of_another_one_by_its_hardware_address() -> None:
    """A bridge learns the port of a hardware address from the frames that it receives."""
    network = BridgedNetwork(3)
    enforce(guarding({}))
    thief, victim = OnLink(network, ISOLATED_POD), OnLink(network, OTHER)
    packet = datagram(address(ISOLATED_POD), "10.0.0.200", 80)
    thief.send(frame(packet, victim.hardware_address, EVERYBODY))
    network.udp(OPEN).sendto(b"for the victim", (address(OTHER), 80))
    assert victim.gets(b"for the victim")
    assert not thief.gets(b"for the victim")


@pytest.mark.parametrize("of", ["a neighbour", "the gateway"])
@in_own_network
def test_no_pod_takes_the_packets_of_another_one_by_claiming_its_address(of: str) -> None:
    network = BridgedNetwork(3)
    enforce(guarding({}))
    thief, asking = OnLink(network, ISOLATED_POD), OnLink(network, OPEN)
    own, to = thief.hardware_address, asking.hardware_address
    for family in FAMILIES:
        stolen = address(OTHER, family) if of == "a neighbour" else BRIDGE_ADDRESS[family]
        if family is Family.IPV4:
            message = frame(arp_reply(own, stolen, to, address(OPEN)), own, to, kind=ARP_FRAME)
            claim = own + ip_address(stolen).packed
        else:
            sources = address(ISOLATED_POD, family), address(OPEN, family)
            message = frame(neighbour_advertisement(*sources, stolen, own), own, to)
            claim = ip_address(stolen).packed + b"\x02\x01" + own
        assert claim in message
        thief.send(message)
        assert not asking.gets(claim), family


@in_own_network
def test_a_pod_may_announce_its_own_addresses() -> None:
    network = BridgedNetwork(3)
    enforce(guarding(BOTH_WAYS))
    pod, asking = OnLink(network, ISOLATED_POD), OnLink(network, OPEN)
    own, to = pod.hardware_address, asking.hardware_address
    pod.send(frame(arp_reply(own, address(ISOLATED_POD), to, address(OPEN)), own, to, kind=ARP_FRAME))
    assert asking.gets(ip_address(address(ISOLATED_POD)).packed)
    own_link_local = link_local_of(network, ISOLATED_POD)
    for target in (address(ISOLATED_POD, Family.IPV6), own_link_local):
        said = neighbour_advertisement(own_link_local, address(OPEN, Family.IPV6), target, own)
        pod.send(frame(said, own, to))
        assert asking.gets(ip_address(target).packed), target


@both_families
@in_own_network
def test_sources_are_not_checked_if_the_operator_says_so(family: Family) -> None:
    network = BridgedNetwork(3)
    enforce(guarding(BOTH_WAYS, reaction=Reaction(checks_sources=False)))
    sender, receiver = OnLink(network, OPEN), OnLink(network, OTHER)
    packet = datagram(UNKNOWN[family], address(OTHER, family), 80, b"forged")
    sender.send_packet(packet, receiver.hardware_address)
    assert receiver.gets(b"forged")


@both_families
@in_own_network
def test_while_observing_packets_from_other_addresses_pass_and_are_counted(family: Family) -> None:
    network = BridgedNetwork(3)
    kernel = enforce(guarding(BOTH_WAYS, reaction=Reaction(drops=False)))
    sender, receiver = OnLink(network, OPEN), OnLink(network, OTHER)
    packet = datagram(UNKNOWN[family], address(OTHER, family), 80, b"forged")
    sender.send_packet(packet, receiver.hardware_address)
    assert receiver.gets(b"forged")
    assert kernel.counts.bridges().spoofed == 1


@both_families
@in_own_network
def test_pods_and_their_node_find_each_other(family: Family) -> None:
    network = BridgedNetwork(3)
    enforce(guarding({(IN, ISOLATED_POD): [(OPEN, UDP, 80)], (OUT, ISOLATED_POD): []}))
    for pod in range(3):
        with network.inside(pod):
            ip("neighbour flush all")
    ip("neighbour flush all")
    server = network.udp(ISOLATED_POD, 80, family)
    network.udp(OPEN, 0, family).sendto(b"x", (address(ISOLATED_POD, family), 80))
    assert received(server) == b"x"
    socket.socket(socket_family(family), socket.SOCK_DGRAM).sendto(b"x", (address(ISOLATED_POD, family), 80))
    assert received(server) == b"x"


@pytest.mark.parametrize("sender", [OPEN, ISOLATED_POD])
@in_own_network
def test_no_pod_announces_itself_as_a_router(sender: int) -> None:
    """It would receive the packets of its neighbours and of the node (CVE-2020-10749)."""
    network = BridgedNetwork(3)
    enforce(guarding(BOTH_WAYS))
    links = OnLink(network, sender), OnLink(network, OTHER)
    own = link_local_of(network, sender)
    group, hardware_group = "ff02::1", group_hardware_address("ff02::1")
    for message in (ROUTER_ADVERTISEMENT, REDIRECT):
        links[0].send_packet(icmpv6(own, group, message, b"router message"), hardware_group)
        assert not links[1].gets(b"router message")
    for message in (ROUTER_SOLICITATION, NEIGHBOUR_SOLICITATION):
        links[0].send_packet(icmpv6(own, group, message, b"router message"), hardware_group)
        assert links[1].gets(b"router message")


@in_own_network
def test_duplicate_addresses_are_detected() -> None:
    network = BridgedNetwork(3)
    enforce(guarding(BOTH_WAYS))
    links = OnLink(network, ISOLATED_POD), OnLink(network, OPEN)
    asked = icmpv6("::", "ff02::1:ff00:2", NEIGHBOUR_SOLICITATION, bytes(4) + b"\xfd" + b"duplicate addr.")
    links[0].send_packet(asked, group_hardware_address("ff02::1:ff00:2"))
    assert links[1].gets(b"duplicate addr.")
