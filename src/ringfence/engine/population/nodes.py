"""Nodes: which there are, and the addresses that they report."""

from collections.abc import Iterator, Mapping
from typing import Final

from ringfence.model.metadata import NO_LABELS, Labels
from ringfence.model.node_addresses import plugin_addresses, reported_addresses
from ringfence.model.objects import Node
from ringfence.model.selectors import EVERYTHING, Selector
from ringfence.sets.addresses import NO_ADDRESSES, Addresses

_MOST_REMEMBERED: Final = 10_000
"""Selectors for nodes whose addresses are remembered when a node changes."""


def addresses_of(node: Node) -> Addresses:
    """The addresses that a node reports, and those that network plugins have given it."""
    numbers = (*plugin_addresses(node), *reported_addresses(node))
    return Addresses.of_ranges((family, (number, number)) for family, number in numbers)


class Nodes(Mapping[str, Node]):
    """The nodes by name, and their addresses."""

    def __init__(self) -> None:
        self._nodes: dict[str, Node] = {}
        # Each verdict asks for the addresses of a pod's node.
        self._addresses: dict[str, Addresses] = {}
        # A search for redundant parts compiles each policy with `nodes` peers again for each of its peers. Policies can
        # have thousands of such peers, and most changes of a node concern none of them.
        self._matching: dict[Selector, Addresses] = {}

    def replace(self, name: str, node: Node | None) -> Node | None:
        """Add a node, replace it, or remove it (None). Returns the one that had this name."""
        before, addresses = self._nodes.pop(name, None), self._addresses.pop(name, NO_ADDRESSES)
        if node:
            self._nodes[name] = node
            self._addresses[name] = addresses_of(node)
        if _labels_of(before) != _labels_of(node) or addresses != self.addresses_of(name):
            self._forget_matching(before, node)
        return before

    def _forget_matching(self, *changed: Node | None) -> None:
        """Forget the addresses of the selectors that match any of the nodes."""
        if len(self._matching) > _MOST_REMEMBERED:
            self._matching.clear()  # most of them may be those of policies that are gone
            return
        labels = [_labels_of(node) for node in changed if node]
        self._matching = {
            selector: found for selector, found in self._matching.items() if not any(map(selector.matches, labels))
        }

    def addresses_of(self, name: str) -> Addresses:
        """The addresses of a node; none if there is no such node."""
        return self._addresses.get(name, NO_ADDRESSES)

    def addresses_matching(self, selector: Selector) -> Addresses:
        """The addresses of the nodes whose labels a selector matches."""
        found = self._matching.get(selector)
        if found is None:
            names = (name for name, node in self._nodes.items() if selector.matches(_labels_of(node)))
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


def _labels_of(node: Node | None) -> Labels:
    return (node and node.metadata.labels) or NO_LABELS
