"""Which connections are opened when all of them are."""

from ipaddress import ip_address

import msgspec
import pytest

from ringfence.lab.network.topology import LabPod, LabPort, Topology
from ringfence.lab.probing.probes import all_probes, endpoint_name, probes_between, undeclared_port

HTTP, DNS = LabPort(8080), LabPort(53, "UDP")
A = LabPod("x/a", "n", (ip_address("10.0.0.1"), ip_address("fd00::1")), (HTTP,))
B = LabPod("x/b", "n", (ip_address("10.0.0.2"),), (DNS,))
HOST = ip_address("203.0.113.10")
TOPOLOGY = Topology((), (A, B), outside=(HOST,), outside_ports=(LabPort(443),))


def asked(topology: Topology, *ports: LabPort, leave_out: tuple[str, ...] = ()) -> list[tuple[str, str, str]]:
    found = all_probes(topology, ports, leave_out)
    return [(endpoint_name(one.source), endpoint_name(one.destination), str(one.port)) for one in found]


def test_everything_is_probed_from_everything_on_its_own_ports_and_one_more() -> None:
    assert asked(TOPOLOGY) == [
        *(("x/a", "x/b", port) for port in ("53/UDP", "9999/TCP")),
        *(("x/b", "x/a", port) for port in ("8080/TCP", "9999/TCP")),
        *(("x/a", "203.0.113.10", port) for port in ("443/TCP", "9999/TCP")),
        *(("x/b", "203.0.113.10", port) for port in ("443/TCP", "9999/TCP")),
        *(("203.0.113.10", "x/a", port) for port in ("8080/TCP", "9999/TCP")),
        *(("203.0.113.10", "x/b", port) for port in ("53/UDP", "9999/TCP")),
    ]


def test_given_ports_are_probed_everywhere_and_no_others() -> None:
    assert {port for _, _, port in asked(TOPOLOGY, LabPort(1))} == {"1/TCP"}
    assert len(asked(TOPOLOGY, LabPort(1))) == 2 + 2 + 2


def test_pods_that_are_left_out_neither_open_connections_nor_get_any() -> None:
    assert asked(TOPOLOGY, LabPort(1), leave_out=("x/b",)) == [
        ("x/a", "203.0.113.10", "1/TCP"),
        ("203.0.113.10", "x/a", "1/TCP"),
    ]


def test_the_pods_of_a_workload_are_probed_with_one_another_and_the_first_with_all_others() -> None:
    two = [msgspec.structs.replace(A, name=f"x/w-{ordinal}", workload="x/w") for ordinal in range(2)]
    topology = msgspec.structs.replace(TOPOLOGY, pods=(B, *two))
    assert asked(topology, LabPort(1)) == [
        ("x/b", "x/w-0", "1/TCP"),
        ("x/w-0", "x/b", "1/TCP"),
        *[("x/w-0", "x/w-1", "1/TCP")] * 2,  # over IPv4 and IPv6
        *[("x/w-1", "x/w-0", "1/TCP")] * 2,
        ("x/b", "203.0.113.10", "1/TCP"),
        ("x/w-0", "203.0.113.10", "1/TCP"),
        ("203.0.113.10", "x/b", "1/TCP"),
        ("203.0.113.10", "x/w-0", "1/TCP"),
    ]
    names = {(one.source_name, one.destination_name) for one in all_probes(topology)}
    assert {("x/w", "x/w"), ("x/w", "x/b"), ("x/b", "x/w"), ("x/w", "203.0.113.10")} <= names
    (single, _) = probes_between(two[0], two[1], [HTTP])
    assert (single.source_name, single.destination_name) == ("x/w-0", "x/w-1"), "as they are where they are selected"


def test_a_pair_is_probed_over_each_family_that_both_have() -> None:
    both = msgspec.structs.replace(B, addresses=(ip_address("10.0.0.2"), ip_address("fd00::2")))
    pairs = [(str(one.source_address), str(one.destination_address)) for one in probes_between(A, both, [HTTP])]
    assert pairs == [("10.0.0.1", "10.0.0.2"), ("fd00::1", "fd00::2")]
    assert [str(one.source_address) for one in probes_between(A, B, [HTTP])] == ["10.0.0.1"]


def test_the_ports_of_a_pair_come_one_after_the_other() -> None:
    both = msgspec.structs.replace(B, addresses=A.addresses)
    assert [one.port for one in probes_between(A, both, [HTTP, DNS])] == [HTTP, HTTP, DNS, DNS]


@pytest.mark.parametrize(
    ("pods", "outside", "port"),
    [
        pytest.param((), (), 9999, id="usually 9999"),
        pytest.param((9999,), (), 9998, id="unless a pod declares it"),
        pytest.param((), (9999, 9998), 9997, id="or a rule names it outside"),
        pytest.param((9999, 9998, 9997, 19999, 29999, 39999, 1), (), 2, id="the first free one at last"),
    ],
)
def test_the_port_that_no_pod_declares(pods: tuple[int, ...], outside: tuple[int, ...], port: int) -> None:
    pod = msgspec.structs.replace(A, ports=tuple(LabPort(number, "UDP") for number in pods))
    topology = Topology((), (pod,), outside_ports=tuple(map(LabPort, outside)))
    assert undeclared_port(topology) == LabPort(port)
