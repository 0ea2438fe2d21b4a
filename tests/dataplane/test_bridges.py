"""Pods on one bridge: which frames they may send each other and their node, beyond what policies can name."""

import socket
from collections.abc import Collection as SomeOf
from collections.abc import Iterable, Mapping
from contextlib import suppress
from ipaddress import ip_address

import pytest
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
    number,
    received,
    socket_family,
)
from tests.dataplane.programs import UDP, Peer, program
from tests.dataplane.test_own_traffic import all_held
from tests.dataplane.test_sources import UNKNOWN, link_local

from ringfence.dataplane.compile import PodPort, Ports
from ringfence.dataplane.compile.ports import PortSets
from ringfence.dataplane.kernel import Kernel
from ringfence.dataplane.program import (
    ADDRESS,
    BRIDGE_HELD,
    BRIDGE_TUNNELS,
    DROPS,
    HELD,
    ISOLATED,
    KNOWN,
    PORT,
    Collection,
    HashSet,
    Program,
    Reaction,
    VerdictMap,
    address_key,
    base_program,
    port_key,
)
from ringfence.model.policies import Direction
from ringfence.netlink.veth import VethReader
from ringfence.sets.addresses import FAMILIES, Family

IN, OUT = Direction.INGRESS, Direction.EGRESS
OPEN, ISOLATED_POD, OTHER = 0, 1, 2
BOTH_WAYS: Mapping[tuple[Direction, int], Iterable[Peer]] = {(IN, ISOLATED_POD): [], (OUT, ISOLATED_POD): []}
both_families = pytest.mark.parametrize("family", FAMILIES, ids=str)
MANY = {
    "everybody": "255.255.255.255",
    "everybody in the subnet": "10.0.255.255",
    "a group of IPv4": "239.1.2.3",
    "all nodes": "ff02::1",
    "a group of IPv6": "ff15::1",
}


def ports_of(pods: SomeOf[int], others: Iterable[int] = ()) -> Ports:
    """What the node knows about the ports of some pods before they send a packet."""
    reader = VethReader()
    links = reader.links()
    veths = {veth.number: veth for veth in links.veths}
    found = {}
    for pod in pods:
        number_of_port = socket.if_nametoindex(f"pod{pod}")
        end = reader.far_end(veths[number_of_port])
        assert end is not None
        known = frozenset((family, number(pod, family)) for family in FAMILIES)
        found[number_of_port] = PodPort(known, end.addresses - known, end.hardware_address)
    return Ports(
        found,
        frozenset(socket.if_nametoindex(f"pod{pod}") for pod in others),
        frozenset(address for _, address in links.addresses),
        frozenset(links.bridges.values()),
    )


ENFORCING = Reaction()


def guarding(
    isolated: Mapping[tuple[Direction, int], Iterable[Peer]],
    known: SomeOf[int] = (OPEN, ISOLATED_POD, OTHER),
    *,
    placed: SomeOf[int] | None = None,
    others: Iterable[int] = (),
    holds: bool = False,
    reaction: Reaction = ENFORCING,
) -> Program:
    """The program that isolates pods. It knows the ports of the pods in `placed`, or of all pods if none is given."""
    policies = program(isolated)
    addresses = [(family, number(pod, family)) for pod in known for family in FAMILIES]

    def is_isolated(one: tuple[Family, int], direction: Direction) -> bool:
        verdicts = policies.collections[ISOLATED[direction, one[0]]]
        assert isinstance(verdicts, VerdictMap)
        return verdicts.chain_of(address_key(*one)) is not None

    ports = ports_of(known if placed is None else placed, others)
    base = base_program(holds=holds, reaction=reaction, with_bridges=True)
    return base.changed(
        {
            **{name: one for name, one in policies.collections.items() if name not in base_program().collections},
            **{name: policies.collections[name] for name in (*ISOLATED.values(), *DROPS.values())},
            **(held_and_known(addresses) if holds else {}),
            **PortSets(lambda _: ports).update({one: frozenset({one}) for one in addresses}, is_isolated),
        },
        {name: one for name, one in policies.chains.items() if name not in base.chains},
    )


def held_and_known(known: Iterable[tuple[Family, int]]) -> dict[str, Collection]:
    """Every address that pods may have is held, except the known ones."""
    held = all_held().collections
    keys = {family: frozenset(address_key(*one) for one in known if one[0] is family) for family in FAMILIES}
    return {
        **{HELD[family]: held[HELD[family]] for family in FAMILIES},
        **{BRIDGE_HELD[family]: held[HELD[family]] for family in FAMILIES},
        **{KNOWN[family]: HashSet(ADDRESS[family], keys[family]) for family in FAMILIES},
    }


def enforce(wanted: Program) -> Kernel:
    kernel = Kernel()
    kernel.apply(wanted)
    return kernel


def link_local_of(network: BridgedNetwork, pod: int) -> str:
    with network.inside(pod):
        return link_local("eth0")


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


class TestSources:
    """A pod sends packets only from its own addresses."""

    @both_families
    @pytest.mark.parametrize("sender", [OPEN, ISOLATED_POD])
    @in_own_network
    def test_a_packet_from_another_address_is_dropped(self, sender: int, family: Family) -> None:
        network = BridgedNetwork(3)
        enforce(guarding(BOTH_WAYS))
        on_links = [OnLink(network, pod) for pod in range(3)]
        for forged in (address(OTHER, family), UNKNOWN[family], BRIDGE_ADDRESS[family]):
            packet = datagram(forged, address(OTHER, family), 80, b"forged")
            for tag in (b"", b"\x81\x00\x00\x00"):
                on_links[sender].send(
                    frame(packet, on_links[sender].hardware_address, on_links[OTHER].hardware_address, tag)
                )
                assert not on_links[OTHER].gets(b"forged"), (forged, tag)
        own = datagram(address(OPEN, family), address(OTHER, family), 80, b"own")
        on_links[OPEN].send(frame(own, on_links[OPEN].hardware_address, on_links[OTHER].hardware_address))
        assert on_links[OTHER].gets(b"own")

    @pytest.mark.parametrize("sender", [OPEN, ISOLATED_POD])
    @in_own_network
    def test_no_pod_sends_to_a_tunnel_between_nodes(self, sender: int) -> None:
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
    def test_a_packet_from_another_address_is_dropped_even_in_an_open_connection_of_that_address(
        self, family: Family
    ) -> None:
        network = BridgedNetwork(3)
        enforce(guarding({(OUT, ISOLATED_POD): []}))
        server, client = network.udp(OPEN, 80, family), network.udp(OTHER, 4000, family)
        client.sendto(b"question", (address(OPEN, family), 80))
        _, caller = server.recvfrom(100)
        server.sendto(b"answer", caller)
        assert received(client) == b"answer"
        links = OnLink(network, ISOLATED_POD), OnLink(network, OPEN)
        packet = datagram(address(OTHER, family), address(OPEN, family), 80, b"forged")
        links[0].send(frame(packet, links[0].hardware_address, links[1].hardware_address))
        assert network.delivered(server) is None

    @in_own_network
    def test_no_pod_takes_the_packets_of_another_one_by_its_hardware_address(self) -> None:
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
    def test_no_pod_takes_the_packets_of_another_one_by_claiming_its_address(self, of: str) -> None:
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
    def test_a_pod_may_announce_its_own_addresses(self) -> None:
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
    def test_sources_are_not_checked_if_the_operator_says_so(self, family: Family) -> None:
        network = BridgedNetwork(3)
        enforce(guarding(BOTH_WAYS, reaction=Reaction(checks_sources=False)))
        sender, receiver = OnLink(network, OPEN), OnLink(network, OTHER)
        packet = datagram(UNKNOWN[family], address(OTHER, family), 80, b"forged")
        sender.send(frame(packet, sender.hardware_address, receiver.hardware_address))
        assert receiver.gets(b"forged")

    @both_families
    @in_own_network
    def test_while_observing_packets_from_other_addresses_pass_and_are_counted(self, family: Family) -> None:
        network = BridgedNetwork(3)
        kernel = enforce(guarding(BOTH_WAYS, reaction=Reaction(drops=False)))
        sender, receiver = OnLink(network, OPEN), OnLink(network, OTHER)
        packet = datagram(UNKNOWN[family], address(OTHER, family), 80, b"forged")
        sender.send(frame(packet, sender.hardware_address, receiver.hardware_address))
        assert receiver.gets(b"forged")
        assert kernel.counts.bridges().spoofed == 1


class TestManyAtOnce:
    """Broadcast and multicast."""

    @pytest.mark.parametrize("to", MANY)
    @in_own_network
    def test_an_isolated_pod_receives_no_broadcast_and_no_multicast(self, to: str) -> None:
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
    def test_a_pod_that_may_send_nothing_sends_no_broadcast_and_no_multicast(self, to: str) -> None:
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
            on_links[ISOLATED_POD].send(
                frame(packet, on_links[ISOLATED_POD].hardware_address, group_hardware_address(group))
            )
            assert [on_link.gets(b"to many") for on_link in on_links] == [False] * 3, source

    @pytest.mark.parametrize("direction", Direction, ids=str)
    @pytest.mark.parametrize("to", ["everybody in the subnet", "all nodes"])
    @in_own_network
    def test_a_multicast_query_gets_no_answer_from_an_isolated_pod(self, to: str, direction: Direction) -> None:
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
    def test_all_pods_receive_the_broadcasts_of_the_node(self, to: str) -> None:
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


class TestLinkLocal:
    """Addresses in fe80::/10, and traffic that is neither IP nor ARP."""

    @pytest.mark.parametrize(("source", "destination"), [(OPEN, ISOLATED_POD), (ISOLATED_POD, OPEN)])
    @in_own_network
    def test_isolated_pods_use_no_link_local_addresses(self, source: int, destination: int) -> None:
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
    def test_open_pods_use_link_local_addresses(self) -> None:
        network = BridgedNetwork(3)
        enforce(guarding(BOTH_WAYS))
        links = OnLink(network, OPEN), OnLink(network, OTHER)
        packet = datagram(link_local_of(network, OPEN), link_local_of(network, OTHER), 80, b"allowed")
        links[0].send(frame(packet, links[0].hardware_address, links[1].hardware_address))
        assert links[1].gets(b"allowed")

    @in_own_network
    def test_an_isolated_pod_does_not_reach_its_node_by_link_local_addresses(self) -> None:
        network = BridgedNetwork(3)
        node, pod = link_local("br0"), link_local_of(network, ISOLATED_POD)
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
        assert pod

    @pytest.mark.parametrize("tag", [b"\x81\x00\x00\x00", b"\x81\x00\x00\x64", b"\x88\xa8\x00\x00"], ids=bytes.hex)
    @pytest.mark.parametrize(("source", "destination"), [(OPEN, ISOLATED_POD), (ISOLATED_POD, OPEN)])
    @in_own_network
    def test_a_vlan_tag_does_not_bypass_the_rules(self, source: int, destination: int, tag: bytes) -> None:
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
    def test_frames_of_other_protocols_do_not_bypass_the_rules(self, source: int, destination: int) -> None:
        network = BridgedNetwork(3)
        enforce(guarding(BOTH_WAYS))
        links = [OnLink(network, pod) for pod in range(3)]
        ends = links[source].hardware_address, links[destination].hardware_address
        links[source].send(frame(b"covered content", *ends, kind=0x88B5))
        assert not links[destination].gets(b"covered content")
        links[OPEN].send(
            frame(b"covered content", links[OPEN].hardware_address, links[OTHER].hardware_address, kind=0x88B5)
        )
        assert links[OTHER].gets(b"covered content"), "between open pods"


class TestNeighbours:
    @both_families
    @in_own_network
    def test_pods_and_their_node_find_each_other(self, family: Family) -> None:
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
    def test_no_pod_announces_itself_as_a_router(self, sender: int) -> None:
        """It would receive the packets of its neighbours and of the node (CVE-2020-10749)."""
        network = BridgedNetwork(3)
        enforce(guarding(BOTH_WAYS))
        links = OnLink(network, sender), OnLink(network, OTHER)
        own = link_local_of(network, sender)
        group, hardware_group = "ff02::1", group_hardware_address("ff02::1")
        for message in (ROUTER_ADVERTISEMENT, REDIRECT):
            links[0].send(
                frame(icmpv6(own, group, message, b"router message"), links[0].hardware_address, hardware_group)
            )
            assert not links[1].gets(b"router message")
        for message in (ROUTER_SOLICITATION, NEIGHBOUR_SOLICITATION):
            links[0].send(
                frame(icmpv6(own, group, message, b"router message"), links[0].hardware_address, hardware_group)
            )
            assert links[1].gets(b"router message")

    @in_own_network
    def test_duplicate_addresses_are_detected(self) -> None:
        network = BridgedNetwork(3)
        enforce(guarding(BOTH_WAYS))
        links = OnLink(network, ISOLATED_POD), OnLink(network, OPEN)
        asked = icmpv6("::", "ff02::1:ff00:2", NEIGHBOUR_SOLICITATION, bytes(4) + b"\xfd" + b"duplicate addr.")
        links[0].send(frame(asked, links[0].hardware_address, group_hardware_address("ff02::1:ff00:2")))
        assert links[1].gets(b"duplicate addr.")


class TestUnknownPorts:
    """Ports of pods that the agent does not know yet."""

    NEW = 2

    @both_families
    @in_own_network
    def test_the_node_reaches_a_held_pod_which_answers(self, family: Family) -> None:
        network = BridgedNetwork(3)
        enforce(guarding(BOTH_WAYS, (OPEN, ISOLATED_POD), holds=True))
        server = network.udp(self.NEW, 80, family)
        client = socket.socket(socket_family(family), socket.SOCK_DGRAM)
        client.sendto(b"question", (address(self.NEW, family), 80))
        _, caller = server.recvfrom(100)
        server.sendto(b"answer", caller)
        assert received(client) == b"answer"

    @both_families
    @in_own_network
    def test_a_held_pod_sends_nothing_whatever_address_it_says_it_has(self, family: Family) -> None:
        network = BridgedNetwork(3)
        enforce(guarding(BOTH_WAYS, (OPEN, ISOLATED_POD), holds=True))
        links = OnLink(network, self.NEW), OnLink(network, OPEN)
        sources = [address(self.NEW, family), address(ISOLATED_POD, family), UNKNOWN[family]]
        if family is Family.IPV6:
            sources.append(link_local_of(network, self.NEW))
        for source in sources:
            packet = datagram(source, address(OPEN, family), 80, b"held")
            links[0].send(frame(packet, links[0].hardware_address, links[1].hardware_address))
            assert not links[1].gets(b"held"), source

    @both_families
    @in_own_network
    def test_a_held_pod_cannot_pass_as_a_pod_that_may_send(self, family: Family) -> None:
        """The addresses of known pods lie in the held ranges, too."""
        network = BridgedNetwork(3)
        enforce(guarding({}, (OPEN, ISOLATED_POD), holds=True))
        links = OnLink(network, self.NEW), OnLink(network, ISOLATED_POD)
        packet = datagram(address(OPEN, family), address(ISOLATED_POD, family), 80, b"forged")
        links[0].send(frame(packet, links[0].hardware_address, links[1].hardware_address))
        assert not links[1].gets(b"forged")

    @in_own_network
    def test_a_held_pod_does_not_take_the_packets_of_another_one(self) -> None:
        """Neither by sending from its hardware address, nor by announcing its address."""
        network = BridgedNetwork(3)
        enforce(guarding({}, (OPEN, ISOLATED_POD), holds=True))
        thief, asking, victim = (OnLink(network, pod) for pod in (self.NEW, OPEN, ISOLATED_POD))
        own = datagram(address(self.NEW), address(OPEN), 80)
        thief.send(frame(own, victim.hardware_address, EVERYBODY))
        network.udp(OPEN).sendto(b"for the victim", (address(ISOLATED_POD), 80))
        assert victim.gets(b"for the victim")
        assert not thief.gets(b"for the victim")
        stolen = address(ISOLATED_POD, Family.IPV6)
        ends = address(self.NEW, Family.IPV6), address(OPEN, Family.IPV6)
        thief.send(
            frame(
                neighbour_advertisement(*ends, stolen, thief.hardware_address),
                thief.hardware_address,
                asking.hardware_address,
            )
        )
        assert not asking.gets(ip_address(stolen).packed + b"\x02\x01" + thief.hardware_address)

    # The broadcast address of the subnet lies in the held range and belongs to no pod: nobody receives packets to it.
    @pytest.mark.parametrize("to", [one for one in MANY if one != "everybody in the subnet"])
    @in_own_network
    def test_a_held_pod_receives_no_broadcast_and_no_multicast(self, to: str) -> None:
        network = BridgedNetwork(3)
        enforce(guarding({}, (OPEN, ISOLATED_POD), holds=True))
        on_links = [OnLink(network, pod) for pod in range(3)]
        family = Family.IPV6 if ":" in MANY[to] else Family.IPV4
        packet = datagram(address(OPEN, family), MANY[to], 5353, b"to many")
        on_links[OPEN].send(frame(packet, on_links[OPEN].hardware_address, group_hardware_address(MANY[to])))
        assert [on_link.gets(b"to many") for on_link in on_links] == [False, True, False]

    @both_families
    @in_own_network
    def test_a_known_pod_at_an_unknown_port_sends_and_receives_as_policies_allow(self, family: Family) -> None:
        network = BridgedNetwork(3)
        enforce(guarding(BOTH_WAYS, placed=(OPEN, ISOLATED_POD), holds=True))
        for source, destination in ((OTHER, OPEN), (OPEN, OTHER)):
            server = network.udp(destination, 80, family)
            network.udp(source, 0, family).sendto(b"x", (address(destination, family), 80))
            assert network.delivered(server) == b"x"

    @both_families
    @in_own_network
    def test_where_unknown_pods_are_allowed_an_unknown_pod_cannot_pass_as_another_one(self, family: Family) -> None:
        network = BridgedNetwork(3)
        enforce(guarding({(OUT, ISOLATED_POD): []}, (OPEN, ISOLATED_POD)))
        links = OnLink(network, self.NEW), OnLink(network, OPEN)
        ends = links[0].hardware_address, links[1].hardware_address
        for source, passes in (
            (address(self.NEW, family), True),
            (UNKNOWN[family], True),
            (address(OPEN, family), False),
        ):
            links[0].send(frame(datagram(source, address(OPEN, family), 80, b"new"), *ends))
            assert links[1].gets(b"new") is passes, source

    @both_families
    @in_own_network
    def test_a_link_to_something_else_is_free_except_for_the_addresses_of_pods(self, family: Family) -> None:
        network = BridgedNetwork(3)
        enforce(guarding({}, (OPEN, ISOLATED_POD), others=(self.NEW,), holds=True))
        links = OnLink(network, self.NEW), OnLink(network, OPEN)
        ends = links[0].hardware_address, links[1].hardware_address
        for source, passes in ((UNKNOWN[family], True), (address(ISOLATED_POD, family), False)):
            links[0].send(frame(datagram(source, address(OPEN, family), 80, b"other"), *ends))
            assert links[1].gets(b"other") is passes, source
