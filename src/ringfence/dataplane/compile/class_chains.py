"""Classes as chains: a map leads from ranges of addresses, or of traffic, to the chain of their class.

A chain asks whether the other side of the packet, its traffic or its address, is among the contents of the class. All
contents of a layer are in one set, under the identifiers of the classes: the kernel finds a set by its name in a list,
so that a set for each class would cost the square of their number. Each chain repeats the rules of the layers behind
its own, of which there are at most five (`MOST_LAYERS`).
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
    """How one of the two sides of a layer is read from packets and written as keys."""

    def __init__(self, direction: Direction, family: Family, *, is_of_addresses: bool) -> None:
        self.fields = (PEER[direction][family],) if is_of_addresses else TRAFFIC_FIELDS
        self.key = ADDRESS[family] if is_of_addresses else TRAFFIC
        self.class_key = CLASS_ADDRESS[family] if is_of_addresses else CLASS_TRAFFIC
        self._family = family if is_of_addresses else None

    def ranges(self, numbers: Intervals) -> Iterator[KeyRange]:
        """Numbers as ranges of keys."""
        if self._family is None:
            return traffic_ranges(numbers)
        return ((address_key(self._family, low), address_key(self._family, high)) for low, high in numbers)


_STEP: Final = 200
"""Classes that are written in one step."""


def by_classes(direction: Direction, family: Family, layers: Sequence[Layer]) -> Steps[list[Allowance]]:
    """Rules that lead to the chains of the classes, layer by layer.

    They go there and do not come back, so they are the last rules for packets of the family: the chain of a class ends
    with the rules of the layers behind its own.
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
        name = f"{direction.field}_class_{digest((identifier, shared_name, *maps_behind))}"
        chains[name] = Chain((asking, *last))
        elements[name] = frozenset(members.ranges(one.members))
        texts.append(f"{name} {digest_of_ranges(elements[name])}")
    map_name = f"classes_{digest(' '.join(sorted(texts)))}"
    fixed: dict[str, Collection] = {shared_name: shared, map_name: RangeMap(members.key, elements)}
    # Traffic has no address family, and packets of the other one have rules of their own.
    conditions = () if layer.side == FIRST else (OfFamily(family),)
    return Allowance(Rule(conditions, Dispatch(members.fields, map_name)), fixed, chains=chains)
