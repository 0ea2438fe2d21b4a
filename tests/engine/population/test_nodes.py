"""The addresses of nodes, and of those that a selector matches."""

from ipaddress import ip_network

from tests.semantics.objects import Object, node

from ringfence.engine.population import addresses_of, addresses_of_matching
from ringfence.model.decoding import decode
from ringfence.model.objects import Node
from ringfence.model.selector_text import parse_selector
from ringfence.sets.addresses import Addresses


def decoded(written: Object, **labels: str) -> Node:
    found = decode({**written, "metadata": {**written["metadata"], "labels": labels}})
    assert isinstance(found, Node)
    return found


def test_names_of_hosts_are_not_addresses() -> None:
    assert addresses_of(decoded(node("n", "192.168.0.1", "fd09::1"))) == Addresses.of(
        ip_network("192.168.0.1/32"), ip_network("fd09::1/128")
    )


def test_only_nodes_with_these_labels_count() -> None:
    nodes = [decoded(node("m", "192.168.0.1"), role="edge"), decoded(node("n", "192.168.0.2"))]
    assert addresses_of_matching(nodes, parse_selector("role=edge")) == addresses_of(nodes[0])
    assert addresses_of_matching(nodes, parse_selector("")) == addresses_of(nodes[0]) | addresses_of(nodes[1])
