"""Packets whose addresses the node rewrites, as kube-proxy does for Services: policies apply to the pods at both ends.

Destinations are rewritten before the rules of ringfence, sources after them.
"""

from collections.abc import Callable

import pytest
from tests.dataplane.bridges import guarding
from tests.dataplane.network import (
    PATIENCE,
    BridgedNetwork,
    Network,
    address,
    gateway,
    in_own_network,
    ip,
    nft,
)
from tests.dataplane.programs import UDP, key, program

from ringfence.dataplane.kernel import Kernel
from ringfence.dataplane.program import ADDRESS_PAIR, OWN, HashSet, Program
from ringfence.model.policies import Direction
from ringfence.sets.addresses import FAMILIES, Family

IN, OUT = Direction.INGRESS, Direction.EGRESS
SERVICE = {Family.IPV4: "10.96.0.1", Family.IPV6: "fd00:96::1"}
OTHER_SERVICE = {Family.IPV4: "10.96.0.2", Family.IPV6: "fd00:96::2"}
NODE_PORT = 30080
PORT = 8080
"""The port of pods to which the node sends what is for port 80 of a Service, or for the port of the node."""

both_families = pytest.mark.parametrize("family", FAMILIES, ids=str)


def enforce(wanted: Program) -> None:
    Kernel().apply(wanted)


def translate(family: Family, leads: dict[tuple[str, int], int], masqueraded: str = "") -> None:
    """Make the router translate packets for an address and a port to port 8080 of a pod.

    Packets that `masqueraded` matches get the router's own address as their source.
    """
    header, host = ("ip", "{}") if family is Family.IPV4 else ("ip6", "[{}]")
    before = "; ".join(
        f"{header} daddr {target} udp dport {port} dnat to {host.format(address(pod, family))}:{PORT}"
        for (target, port), pod in leads.items()
    )
    after = f"{header} {masqueraded} masquerade" if masqueraded else ""
    nft(
        f"""
        table {header} nat {{
            chain before {{ type nat hook prerouting priority dstnat; {before}; }}
            chain after {{ type nat hook postrouting priority srcnat; {after}; }}
        }}
        """
    )


@both_families
@in_own_network
def test_the_pod_and_its_port_behind_a_service_count(family: Family) -> None:
    network = Network(4)
    service, other = SERVICE[family], OTHER_SERVICE[family]
    translate(family, {(service, 80): 1, (other, 80): 2})
    enforce(program({(OUT, 0): [(1, UDP, PORT), (2, UDP, 80)], (IN, 1): [(0, UDP, PORT), (3, UDP, 80)]}))
    servers = {service: network.udp(1, PORT, family), other: network.udp(2, PORT, family)}
    for client, open_services in ((0, {service}), (3, {other})):
        for target, server in servers.items():
            network.udp(client, 0, family).sendto(b"x", (target, 80))
            assert (network.delivered(server) is not None) is (target in open_services), (client, target)


@both_families
@in_own_network
def test_the_client_of_a_node_port_counts_although_the_pod_sees_the_node(family: Family) -> None:
    network = Network(3)
    node = gateway(1, family)
    translate(family, {(node, NODE_PORT): 1}, masqueraded=f"daddr {address(1, family)}")
    enforce(program({(IN, 1): [(0, UDP, PORT)]}))
    server = network.udp(1, PORT, family)
    network.udp(2, 0, family).sendto(b"denied", (node, NODE_PORT))
    assert network.delivered(server) is None
    client = network.udp(0, 0, family)
    client.sendto(b"allowed", (node, NODE_PORT))
    request, caller = server.recvfrom(100)
    assert (request, caller[0]) == (b"allowed", node)
    server.sendto(b"answer", caller)
    assert network.delivered(client) == b"answer"


def on_links_of_their_own() -> Network:
    enforce(program({(IN, 0): [], (OUT, 0): []}).changed(OWN_PACKETS))
    return Network(1)


def on_a_bridge() -> Network:
    """In hairpin mode, a port sends frames back to where they came from.

    Without it, no pod on a bridge reaches itself so.
    """
    network = BridgedNetwork(1)
    ip("link set pod0 type bridge_slave hairpin on")
    enforce(guarding({(IN, 0): [], (OUT, 0): []}, [0]).changed(OWN_PACKETS))
    return network


OWN_PACKETS = {OWN[family]: HashSet(ADDRESS_PAIR[family], frozenset({key(0, family) * 2})) for family in FAMILIES}
"""What a pod sends to itself."""


@both_families
@pytest.mark.parametrize("build", [on_links_of_their_own, on_a_bridge])
@in_own_network
def test_a_pod_reaches_itself_behind_a_service(build: Callable[[], Network], family: Family) -> None:
    """Its packet returns to it. When policies apply, the packet still has the pod's own address as its source."""
    network = build()
    translate(family, {(SERVICE[family], 80): 0}, masqueraded=f"saddr {address(0, family)}")
    pod, server = network.udp(0, 0, family), network.udp(0, PORT, family)
    server.settimeout(PATIENCE)
    pod.sendto(b"x", (SERVICE[family], 80))
    _, caller = server.recvfrom(100)
    assert caller[0] != address(0, family)
    server.sendto(b"answer", caller)
    assert network.delivered(pod) == b"answer"


@in_own_network
def test_a_pod_reaches_itself_behind_a_service_only_by_a_rule_for_that() -> None:
    network = Network(1)
    enforce(program({(IN, 0): [], (OUT, 0): []}))
    translate(Family.IPV4, {(SERVICE[Family.IPV4], 80): 0}, masqueraded=f"saddr {address(0)}")
    server = network.udp(0, PORT)
    network.udp(0).sendto(b"x", (SERVICE[Family.IPV4], 80))
    assert network.delivered(server) is None
