"""Networks of namespaces: everybody reaches everybody, and one topology becomes another."""

from ipaddress import ip_address
from pathlib import Path

import msgspec
import pytest
from tests.lab.bench import OUTSIDE, PORTS, Bench, cluster
from tests.lab.sandboxes import as_root_and_not, in_sandbox

from ringfence.errors import LaboratoryError
from ringfence.lab.network.linux import in_network_namespace
from ringfence.lab.network.namespaces import Network
from ringfence.lab.network.topology import IPAddress, LabNode, LabPod, LabPort, Topology
from ringfence.lab.probing.prober import Attempt
from ringfence.lab.probing.servers import name_responder, open_server

WEB = LabPort(80)


@as_root_and_not
@pytest.mark.parametrize("nodes", [1, 3])
def test_all_pods_reach_all_pods_where_nothing_is_filtered(rootless: bool, nodes: int) -> None:
    """Over every protocol and both families, on one node and across nodes, and a pod itself."""

    def unreached() -> list[tuple[str, str, Attempt]]:
        bench = Bench(cluster(7, nodes))
        attempts = bench.all_attempts()
        observed = bench.observe(attempt for _, _, attempt in attempts)
        return [one for one, reached in zip(attempts, observed, strict=True) if not reached]

    assert in_sandbox(unreached, rootless=rootless) == []


def test_hosts_outside_reach_and_are_reached_each_by_its_own_address() -> None:
    expected = ([True, False, True], [False, True, True])

    def reached() -> tuple[list[bool], list[bool]]:
        bench = Bench(cluster(1, 1))
        bench.filter("ip saddr 192.168.5.10 drop\nip daddr 203.0.113.10 drop")
        pod = bench.topology.pod_by_name["x/0"]
        with in_network_namespace(bench.network.outside):
            bench.servers += [open_server(bench.loop, ip, WEB, name_responder(str(ip))) for ip in OUTSIDE]
        inward = [Attempt(bench.network.outside, _same_family(ip, pod), WEB, ip) for ip in OUTSIDE]
        outward = [Attempt(bench.network.pod(pod), ip, WEB) for ip in OUTSIDE]
        return bench.observe(inward, expected[0]), bench.observe(outward, expected[1])

    assert in_sandbox(reached) == expected


def test_pods_come_go_and_move_to_other_addresses_and_nodes() -> None:
    def observed() -> tuple[list[bool], list[bool]]:
        before = cluster(4, 2)
        stays, goes, moves, changes_node = before.pods
        bench = Bench(before)
        moved = msgspec.structs.replace(moves, addresses=(ip_address("10.7.7.7"),))
        elsewhere = msgspec.structs.replace(changes_node, node="node-2")
        comes = LabPod("x/new", "node-2", goes.addresses, PORTS)
        node = LabNode("node-2", (ip_address("172.18.0.9"), ip_address("fd00:172:18::9")))
        bench.become(Topology((*before.nodes, node), (stays, moved, elsewhere, comes)))
        here = bench.network.pod(stays)
        return (
            bench.observe([Attempt(here, ip, WEB) for pod in bench.topology.pods for ip in pod.addresses]),
            bench.observe([Attempt(here, ip, WEB) for ip in moves.addresses], [False, False]),
        )

    assert in_sandbox(observed) == ([True] * 7, [False, False])


def test_a_pod_that_stays_keeps_its_namespace_and_its_sockets() -> None:
    def same() -> list[bool]:
        before = cluster(2, 1)
        bench = Bench(before)
        stays, _ = before.pods
        descriptor = bench.network.pod(stays)
        renumbered = msgspec.structs.replace(stays, ports=(WEB,))
        bench.network.apply(Topology(before.nodes, (renumbered,)))
        return [bench.network.pod(stays) == descriptor, *bench.observe([Attempt(descriptor, stays.addresses[0], WEB)])]

    assert in_sandbox(same) == [True, True]


def test_nodes_and_hosts_outside_may_get_other_addresses() -> None:
    """Even if they lose all that they had: the kernel then removes the default route of a namespace."""

    def observed() -> list[list[bool]]:
        before = cluster(2, 2)
        bench = Bench(before)
        found = []
        for number in (7, 8):
            nodes = [msgspec.structs.replace(node, addresses=()) for node in before.nodes]
            bench.network.apply(msgspec.structs.replace(before, nodes=tuple(nodes), outside=()))
            nodes = [
                msgspec.structs.replace(node, addresses=(ip_address(f"172.19.{number}.{i}"),))
                for i, node in enumerate(nodes)
            ]
            host = ip_address(f"198.51.100.{number}")
            bench.network.apply(msgspec.structs.replace(before, nodes=tuple(nodes), outside=(host,)))
            inward = Attempt(bench.network.outside, before.pods[0].addresses[0], WEB, host)
            from_node = Attempt(bench.network.node("node-1"), before.pods[0].addresses[0], WEB)
            found.append(bench.observe([*(attempt for _, _, attempt in bench.all_attempts()), inward, from_node]))
        return found

    assert all(all(reached) for reached in in_sandbox(observed))


def test_an_address_may_move_from_one_node_to_another() -> None:
    def reached() -> list[bool]:
        before = cluster(1, 2)
        bench = Bench(before)
        first, second = before.nodes
        swapped = (
            msgspec.structs.replace(first, addresses=second.addresses),
            msgspec.structs.replace(second, addresses=first.addresses),
        )
        bench.network.apply(msgspec.structs.replace(before, nodes=swapped))
        with in_network_namespace(bench.network.node("node-1")):
            open_server(bench.loop, first.addresses[0], WEB, name_responder("node-1"))
        pod = bench.network.pod(before.pods[0])
        return bench.observe([Attempt(pod, first.addresses[0], WEB)])

    assert in_sandbox(reached) == [True]


def test_a_pod_on_the_host_network_is_in_its_nodes_namespace() -> None:
    def same() -> bool:
        topology = cluster(1, 1)
        agent = LabPod("x/agent", "node-0", topology.nodes[0].addresses, (), host_network=True)
        network = Network()
        network.apply(msgspec.structs.replace(topology, pods=(*topology.pods, agent)))
        return network.pod(agent) == network.node("node-0") != network.pod(topology.pods[0])

    assert in_sandbox(same)


def test_an_address_that_the_kernel_refuses_is_an_error_that_names_it() -> None:
    def message() -> str:
        topology = Topology((LabNode("n", ()),), (LabPod("x/a", "n", (ip_address("::ffff:0:0"), ip_address("::"))),))
        with pytest.raises(LaboratoryError) as caught:
            Network().apply(topology)
        return str(caught.value)

    assert in_sandbox(message).startswith("the network of the laboratory cannot be built: ")


def test_closing_releases_every_namespace() -> None:
    def descriptors() -> tuple[int, int]:
        def count() -> int:
            return len(list(Path("/proc/self/fd").iterdir()))

        before = count()
        network = Network()
        network.apply(cluster(3, 2))
        network.close()
        return before, count()

    before, after = in_sandbox(descriptors)
    assert after == before


def _same_family(ip: IPAddress, pod: LabPod) -> IPAddress:
    return next(own for own in pod.addresses if own.version == ip.version)
