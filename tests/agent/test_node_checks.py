"""What the rules cannot make up for on a node: each is named, with its remedy."""

import re

import pytest
from tests.dataplane.test_pod_ports import DB, DB6, DB_POD, WEB, WEB6, WEB_POD, numbered, pair, veth

from ringfence.agent.node_checks import NodeChecks
from ringfence.agent.settings import Settings
from ringfence.agent.view import View
from ringfence.dataplane.pod_ports import PodPorts
from ringfence.dataplane.veth_pairs import NodeVethPairs, VethPair
from ringfence.sets.addresses import Family


def errors(ports: PodPorts) -> list[str]:
    return list(NodeChecks(Settings("here"), View("here"), ports).errors())


def test_a_pod_that_may_be_at_several_ports_is_named_by_its_addresses() -> None:
    ports = PodPorts()
    ports.veth_pairs = NodeVethPairs(numbered(pair(7, WEB, WEB6), pair(8, WEB, WEB6)))
    ports.locate(frozenset({WEB_POD}))
    (error,) = errors(ports)
    assert error.startswith(
        "the pod with 10.244.0.5 and fd00:10:244::5 may be at several ports of bridges and is closed there: a container"
    )


def test_of_several_pods_that_may_be_at_several_ports_one_is_named() -> None:
    ports = PodPorts()
    ports.veth_pairs = NodeVethPairs(
        numbered(pair(7, WEB, WEB6), pair(8, WEB, WEB6), pair(9, DB, DB6), pair(10, DB, DB6))
    )
    ports.locate(frozenset({WEB_POD, DB_POD}))
    (error,) = errors(ports)
    one = r"10\.244\.0\.(.) and fd00:10:244::\1"
    assert re.match(
        f"2 pods, such as the one with {one}, may be at several ports of bridges and are closed there", error
    )


def test_the_addresses_of_a_pod_are_named_in_order() -> None:
    ports = PodPorts()
    ports.contested = [frozenset({WEB6, *((Family.IPV4, WEB[1] + number) for number in range(4))})]
    (error,) = errors(ports)
    named = "10.244.0.5 and 10.244.0.6 and 10.244.0.7 and 10.244.0.8 and fd00:10:244::5"
    assert error.startswith(f"the pod with {named} may be at several ports")


@pytest.mark.parametrize(
    ("unreadable", "said"), [((7,), "the port veth7 of a bridge"), ((8, 7), "2 ports of bridges, such as veth7")]
)
def test_a_port_whose_far_end_cannot_be_read_is_named(unreadable: tuple[int, ...], said: str) -> None:
    ports = PodPorts()
    ports.veth_pairs = NodeVethPairs(
        {number: VethPair(veth(number), frozenset(), frozenset(), is_readable=False) for number in unreadable}
    )
    (error,) = errors(ports)
    assert error.startswith(f"the agent cannot read which pod is at {said}, because it has no rights")


def test_a_node_where_every_pod_is_at_one_port_has_no_error() -> None:
    ports = PodPorts()
    ports.veth_pairs = NodeVethPairs(numbered(pair(7, WEB, WEB6)))
    ports.locate(frozenset({WEB_POD}))
    assert errors(ports) == []
