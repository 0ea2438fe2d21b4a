"""Topologies as plain data."""

from ipaddress import ip_address

from ringfence.lab.network.topology import DNS_SERVICE, LabPod, LabPort, LabService, Topology

POD = LabPod("kube-system/dns", "n", (ip_address("10.0.0.1"),))
AGENT = LabPod("x/agent", "n", (ip_address("192.168.0.1"),), host_network=True)


def topology(*addresses: str, dns: tuple[str, ...] = ()) -> Topology:
    service = LabService(DNS_SERVICE, tuple(map(ip_address, addresses)), ())
    return Topology((), (POD, AGENT), (service,), dns=dns)


def test_a_port_is_written_with_its_protocol() -> None:
    assert str(LabPort(53, "UDP")) == "53/UDP"


def test_the_namespace_of_a_pod_is_part_of_its_name() -> None:
    assert POD.namespace == "kube-system"


def test_dns_queries_go_to_the_service() -> None:
    assert str(topology("10.96.0.1", "fd00::1", dns=("kube-system/dns",)).dns_address()) == "10.96.0.1"


def test_dns_queries_go_to_a_pod_if_the_service_is_headless() -> None:
    assert str(topology(dns=("kube-system/dns",)).dns_address()) == "10.0.0.1"


def test_a_dns_service_without_anything_has_no_address() -> None:
    assert topology().dns_address() is None


def test_pods_on_the_host_network_have_no_network_of_their_own() -> None:
    assert list(topology().networked_pods()) == [POD]
