"""Nodes: the addresses that they report."""

from collections.abc import Iterable

from ringfence.model.node_addresses import plugin_addresses, reported_addresses
from ringfence.model.objects import Node
from ringfence.model.selectors import Selector
from ringfence.sets.addresses import Addresses


def addresses_of(node: Node) -> Addresses:
    """The addresses that a node reports, and those that network plugins have given it."""
    numbers = (*plugin_addresses(node), *reported_addresses(node))
    return Addresses.of_ranges((family, (number, number)) for family, number in numbers)


def addresses_of_matching(nodes: Iterable[Node], selector: Selector) -> Addresses:
    """The addresses of the nodes whose labels a selector matches."""
    return Addresses.union_of(addresses_of(one) for one in nodes if selector.matches(one.metadata.labels or {}))
