"""Nodes: which there are, and the addresses that they report."""

from collections.abc import Iterator, Mapping

from ringfence.model.node_addresses import plugin_addresses, reported_addresses
from ringfence.model.objects import Node
from ringfence.model.selectors import EVERYTHING, Selector
from ringfence.sets.addresses import NO_ADDRESSES, Addresses


def addresses_of(node: Node) -> Addresses:
    """The addresses that a node reports, and those that network plugins have given it."""
    numbers = (*plugin_addresses(node), *reported_addresses(node))
    return Addresses.of_ranges((family, (number, number)) for family, number in numbers)


class Nodes(Mapping[str, Node]):
    """The nodes by name, and their addresses."""

    def __init__(self) -> None:
        self._nodes: dict[str, Node] = {}
        # Each verdict asks for the addresses of a pod's node, and a node seldom changes.
        self._addresses: dict[str, Addresses] = {}
        # A search for redundant parts compiles each policy with `nodes` peers again for each of its peers.
        self._matching: dict[Selector, Addresses] = {}

    def replace(self, name: str, node: Node | None) -> Node | None:
        """Add a node, replace it, or remove it (None). Returns the one that had this name."""
        before = self._nodes.pop(name, None)
        self._addresses.pop(name, None)
        self._matching.clear()
        if node:
            self._nodes[name] = node
        return before

    def addresses_of(self, name: str) -> Addresses:
        """The addresses of a node; none if there is no such node."""
        found = self._addresses.get(name)
        if found is None:
            node = self._nodes.get(name)
            found = self._addresses[name] = addresses_of(node) if node else NO_ADDRESSES
        return found

    def addresses_matching(self, selector: Selector) -> Addresses:
        """The addresses of the nodes whose labels a selector matches."""
        found = self._matching.get(selector)
        if found is None:
            names = (name for name, node in self._nodes.items() if selector.matches(node.metadata.labels or {}))
            found = self._matching[selector] = Addresses.union_of(map(self.addresses_of, names))
        return found

    def all_addresses(self) -> Addresses:
        """The addresses of all nodes."""
        return self.addresses_matching(EVERYTHING)

    def __getitem__(self, name: str) -> Node:
        return self._nodes[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._nodes)

    def __len__(self) -> int:
        return len(self._nodes)
