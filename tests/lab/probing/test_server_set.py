"""All servers of a laboratory: opened and closed with the topology, and while probes need them."""

import socket
from contextlib import suppress
from ipaddress import ip_address

import msgspec
import pytest
from tests.lab.bench import observe_patiently
from tests.lab.probing.test_dns import addresses, query
from tests.lab.sandboxes import in_sandbox
from tests.waiting import PATIENCE, Patience

from ringfence.lab.network.linux import in_network_namespace
from ringfence.lab.network.namespaces import Network
from ringfence.lab.network.topology import LabNode, LabPod, LabPort, Topology
from ringfence.lab.probing.event_loop import EventLoop
from ringfence.lab.probing.prober import Attempt
from ringfence.lab.probing.probes import probes_between
from ringfence.lab.probing.server_set import ServerSet
from ringfence.lab.probing.servers import PortTakenError, name_responder, open_server

HTTP, DNS = LabPort(80), LabPort(53, "UDP")
NODE = LabNode("n", (ip_address("172.18.0.1"),))
A = LabPod("x/a", "n", (ip_address("10.0.0.1"),), (HTTP,))
B = LabPod("x/b", "n", (ip_address("10.0.0.2"),), (HTTP,))
OUTSIDE = ip_address("203.0.113.10")


class Place:
    """A network with its servers."""

    def __init__(self, topology: Topology, *, serve: bool = True) -> None:
        self.loop = EventLoop()
        self.network = Network()
        self.servers = ServerSet(self.loop, self.network, serve=serve)
        self.become(topology)

    def become(self, topology: Topology) -> None:
        self.servers.close_missing(topology)
        self.network.apply(topology)
        self.servers.open_missing(topology)
        self.topology = topology

    def answers(self, address: str, port: LabPort, *, expected: bool = True) -> bool:
        """Whether a server answers a pod. It is asked again if that is not what is expected."""
        here = self.network.pod(self.topology.pods[0])
        return observe_patiently(self.loop, [Attempt(here, ip_address(address), port)], [expected])[0]


@pytest.mark.parametrize("serve", [True, False])
def test_pods_and_hosts_answer_on_their_ports_unless_they_are_not_to_serve(serve: bool) -> None:
    def answers() -> list[bool]:
        topology = Topology((NODE,), (A, B), outside=(OUTSIDE,), outside_ports=(LabPort(443),))
        place = Place(topology, serve=serve)
        return [
            place.answers("10.0.0.2", HTTP, expected=serve),
            place.answers("203.0.113.10", LabPort(443), expected=serve),
            place.answers("10.0.0.2", LabPort(81), expected=False),
        ]

    assert in_sandbox(answers) == [serve, serve, False]


def test_dns_answers_in_any_case_and_comes_before_what_a_pod_declares() -> None:
    def answers() -> list[bool]:
        dns = msgspec.structs.replace(B, ports=(DNS,))
        place = Place(Topology((NODE,), (A, dns), dns=("x/b",)), serve=False)
        return [place.answers("10.0.0.2", DNS), place.answers("10.0.0.2", LabPort(53))]

    assert in_sandbox(answers) == [True, True]


def test_dns_resolves_names_over_tcp_too() -> None:
    """A response that does not fit into a datagram is asked for again over TCP."""

    def response() -> bytes:
        place = Place(Topology((NODE,), (A, B), dns=("x/b",)), serve=False)
        with in_network_namespace(place.network.pod(A)):
            connection = socket.create_connection(("10.0.0.2", 53), timeout=PATIENCE)
        with connection:
            question = query("b.x.pod.cluster.local")
            connection.sendall(len(question).to_bytes(2, "big") + question)
            connection.setblocking(False)
            received = b""
            patience = Patience()
            while not received and patience.is_left():
                place.loop.run_once(0.1)
                with suppress(BlockingIOError):
                    received += connection.recv(4096)
            return received

    received = in_sandbox(response)
    assert int.from_bytes(received[:2], "big") == len(received) - 2
    assert addresses(received[2:]) == ["10.0.0.2"]


def test_servers_come_and_go_with_the_topology() -> None:
    def answers() -> list[bool]:
        place = Place(Topology((NODE,), (A, B)))
        changed = msgspec.structs.replace(B, ports=(LabPort(81),))
        place.become(Topology((NODE,), (A, changed)))
        return [
            place.answers("10.0.0.2", HTTP, expected=False),
            place.answers("10.0.0.2", LabPort(81)),
            place.answers("10.0.0.1", HTTP),
        ]

    assert in_sandbox(answers) == [False, True, True]


def test_a_pod_that_moves_to_another_node_answers_there() -> None:
    def answers() -> bool:
        second = LabNode("m", (ip_address("172.18.0.2"),))
        place = Place(Topology((NODE, second), (A, B)))
        place.become(Topology((NODE, second), (A, msgspec.structs.replace(B, node="m"))))
        return place.answers("10.0.0.2", HTTP)

    assert in_sandbox(answers)


def test_of_two_pods_with_one_address_and_port_the_first_answers() -> None:
    def answers() -> bool:
        agents = [LabPod(f"x/agent-{name}", "n", NODE.addresses, (HTTP,), host_network=True) for name in ("one", "two")]
        return Place(Topology((NODE,), (A, *agents))).answers("172.18.0.1", HTTP)

    assert in_sandbox(answers)


def test_every_probe_is_answered_meanwhile_and_only_meanwhile() -> None:
    def answers() -> list[bool]:
        place = Place(Topology((NODE,), (A, B)))
        ports = (HTTP, LabPort(7), LabPort(7, "UDP"), LabPort(7, "SCTP"))
        found = []
        with place.servers.answering(probes_between(A, B, ports * 2)):
            found += [place.answers("10.0.0.2", port) for port in ports]
        return found + [place.answers("10.0.0.2", port, expected=port == HTTP) for port in ports]

    assert in_sandbox(answers) == [True, True, True, True, True, False, False, False]


def test_a_program_that_has_the_port_answers_tcp_itself() -> None:
    def answers() -> bool:
        place = Place(Topology((NODE,), (A, B)), serve=False)
        with in_network_namespace(place.network.pod(B)):
            open_server(place.loop, B.addresses[0], LabPort(7), name_responder("a program"))
        with place.servers.answering(probes_between(A, B, (LabPort(7),))):
            return place.answers("10.0.0.2", LabPort(7))

    assert in_sandbox(answers)


def test_a_program_that_has_the_port_makes_a_probe_of_udp_impossible() -> None:
    """Its answer could not be recognised. The servers that were opened before are closed again."""

    def outcome() -> tuple[str, bool]:
        place = Place(Topology((NODE,), (A, B)), serve=False)
        with in_network_namespace(place.network.pod(B)):
            open_server(place.loop, B.addresses[0], LabPort(7, "UDP"), name_responder("a program"))
        with (
            pytest.raises(PortTakenError) as caught,
            place.servers.answering(probes_between(A, B, (LabPort(8), LabPort(7, "UDP")))),
        ):
            pass
        return str(caught.value), place.answers("10.0.0.2", LabPort(8), expected=False)

    assert in_sandbox(outcome) == ("port 7/UDP of 10.0.0.2 is taken by a program in the pod's network", False)
