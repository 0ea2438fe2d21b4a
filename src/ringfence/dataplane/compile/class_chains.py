"""Compiles layers of classes into chains: a map sends ranges of addresses, or of traffic, to the chain of their class.

The map looks up one side of the packet: its address or its traffic. The chain of the class then checks whether the
contents of the class include the other side.

The contents of all classes of a layer share one set, whose keys begin with the identifier of the class. The kernel
finds a set by a linear search for its name, so loading one set for each class would take time quadratic in the number
of classes.

Each chain repeats the rules of the layers after its own. There are at most five of these (`MOST_LAYERS`).
"""

from collections.abc import Iterator, Sequence
from typing import Final

from ringfence.dataplane.compile.allowances import Allowance, allowing
from ringfence.dataplane.compile.division import FIRST, Layer
from ringfence.dataplane.compile.traffic_rules import TRAFFIC_FIELDS, traffic_ranges
from ringfence.dataplane.program import (
    ADDRESS,
    CLASS_ADDRESS,
    CLASS_TRAFFIC,
    DENIED,
    PEER,
    TRAFFIC,
    Chain,
    ClassLookup,
    Collection,
    Dispatch,
    Goto,
    KeyRange,
    OfFamily,
    RangeMap,
    RangeSet,
    Rule,
    address_key,
    digest,
    digest_of_ranges,
)
from ringfence.model.policies import Direction
from ringfence.sets.addresses import Family
from ringfence.sets.intervals import Intervals
from ringfence.steps import Steps


class _Side:
    """One of the two sides of a layer: the packet fields that it reads and the keys that it writes."""

    def __init__(self, direction: Direction, family: Family, *, is_of_addresses: bool) -> None:
        self.fields = (PEER[direction][family],) if is_of_addresses else TRAFFIC_FIELDS
        self.key = ADDRESS[family] if is_of_addresses else TRAFFIC
        self.class_key = CLASS_ADDRESS[family] if is_of_addresses else CLASS_TRAFFIC
        self._family = family if is_of_addresses else None

    def ranges(self, numbers: Intervals) -> Iterator[KeyRange]:
        """Convert ranges of numbers into ranges of keys."""
        if self._family is None:
            return traffic_ranges(numbers)
        return ((address_key(self._family, low), address_key(self._family, high)) for low, high in numbers)


_STEP: Final = 200
"""The number of classes that are written in one step."""


def by_classes(direction: Direction, family: Family, layers: Sequence[Layer]) -> Steps[list[Allowance]]:
    """Return the rules that send packets to the chains of the classes, one rule for each layer.

    Packets do not return from these chains, so these must be the last rules for packets of the family. The chain of a
    class therefore ends with the rules of the layers after its own.
    """
    found: list[Allowance] = []
    for layer in reversed(layers):
        by_class = yield from _by_class(direction, family, layer, tuple(one.rule for one in found))
        found.insert(0, by_class)
    return found


def _by_class(direction: Direction, family: Family, layer: Layer, behind: tuple[Rule, ...]) -> Steps[Allowance]:
    members = _Side(direction, family, is_of_addresses=layer.side == FIRST)
    contents = _Side(direction, family, is_of_addresses=layer.side != FIRST)
    written: list[tuple[KeyRange, ...]] = []
    identifiers: list[bytes] = []
    for count, one in enumerate(layer.classes):
        if count % _STEP == 0:
            yield
        written.append(tuple(contents.ranges(one.contents)))
        identifiers.append(bytes.fromhex(digest_of_ranges(written[-1])))
    yield
    # Both ends of a range begin with the same identifier, so the kernel can compare whole keys (nft_set_rbtree). Ranges
    # of concatenated keys (nft_set_pipapo) take much longer to change: flushing and refilling 10,000 elements takes
    # 29.9 s instead of 27 ms on Linux 6.18 (docs/dataplane.md).
    shared = RangeSet(
        contents.class_key,
        frozenset(
            (identifier + low, identifier + high)
            for identifier, ranges in zip(identifiers, written, strict=True)
            for low, high in ranges
        ),
    )
    yield
    shared_name = f"contents_{digest_of_ranges(shared.elements)}"
    last = (*behind, Rule((), Goto(DENIED[direction])))
    maps_behind = tuple(rule.action.map for rule in behind if isinstance(rule.action, Dispatch))
    chains: dict[str, Chain] = {}
    elements: dict[str, frozenset[KeyRange]] = {}
    texts: list[str] = []
    for count, (identifier, one) in enumerate(zip(identifiers, layer.classes, strict=True)):
        if count % _STEP == 0:
            yield
        asking = allowing(ClassLookup(identifier, contents.fields, shared_name))
        # The name has everything on which the chain depends, so a chain of this name never changes.
        name = f"{direction.field}_class_{digest((identifier, shared_name, *maps_behind))}"
        chains[name] = Chain((asking, *last))
        elements[name] = frozenset(members.ranges(one.members))
        texts.append(f"{name} {digest_of_ranges(elements[name])}")
    map_name = f"classes_{digest(' '.join(sorted(texts)))}"
    fixed: dict[str, Collection] = {shared_name: shared, map_name: RangeMap(members.key, elements)}
    # Keys of traffic have no address family, and packets of the other family have their own rules.
    conditions = () if layer.side == FIRST else (OfFamily(family),)
    return Allowance(Rule(conditions, Dispatch(members.fields, map_name)), fixed, chains=chains)
