"""Reduces a folded list with too many classes: joins them by namespace, or joins the rest of each namespace.

The traffic between two groups of classes is the union of the traffic between their members; it is partial unless all
members have the same.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from functools import reduce
from itertools import chain
from operator import or_

import msgspec

from ringfence.analysis.lists.connections import Connection
from ringfence.analysis.lists.folded_lists import FoldedList, Folding, folded
from ringfence.analysis.lists.folded_views import FoldedView
from ringfence.analysis.lists.namespace_connections import any_and_all
from ringfence.engine.population import Reference
from ringfence.sets.addresses import Addresses
from ringfence.sets.traffic import Traffic


class LimitedList(msgspec.Struct, frozen=True):
    """A list of few classes. Those at the positions `rests` are joined from several classes that are not equal.

    `left_out` is the number of classes in them.
    """

    found: FoldedList
    rests: frozenset[int] = frozenset()
    left_out: int = 0


class _ClassGroup(msgspec.Struct, frozen=True):
    """The positions of some classes, and the name of the group."""

    name: Reference
    places: Sequence[int]


def by_namespace(view: FoldedView) -> FoldedView:
    """A view of a whole cluster by namespace; the classes of `view` are within its namespaces."""
    places: defaultdict[str, list[int]] = defaultdict(list)
    for place, members in enumerate(view.found.classes):
        places[members[0].namespace].append(place)
    groups = [_ClassGroup(_namespace(name), some) for name, some in places.items()]
    names = frozenset(group.name for group in groups)
    sizes = Counter(_namespace(one.namespace) for one in chain.from_iterable(view.found.classes))
    shown = frozenset(_namespace(one.namespace) for one in view.shown)
    made = folded(*_sides(view.found, groups), _gathered(view, groups), names)
    return FoldedView(made, names, shown, view.from_outside, view.to_outside, sizes)


def _namespace(name: str) -> Reference:
    return Reference("", "Namespace", name)


def limited(view: FoldedView, most: int) -> LimitedList:
    """The list with at most `most` classes: those with the most connections, and one for the rest of each namespace.

    If more than half of them would be rests, there is a single rest for all namespaces.
    """
    found = view.found
    if len(found.classes) <= most:
        return LimitedList(found)
    times = found.connected()
    # The place decides between equal ones, so that the same cluster always gives the same picture.
    ranked = sorted(range(len(times)), key=lambda place: (-times[place], place))
    parts = _parts(found, ranked, most)
    groups = [_ClassGroup(min(found.classes[place][0] for place in part), part) for part in parts]
    others = {
        group.name: [one for place in group.places for one in found.classes[place] if one != group.name]
        for group in groups
    }
    made = folded(
        *_sides(found, groups),
        _gathered(view, groups),
        folding=Folding(len(groups) + 1, alike=others),
    )
    rests = {group.name for group in groups if len(group.places) > 1}
    return LimitedList(
        made,
        frozenset(place for place, some in enumerate(made.classes) if not rests.isdisjoint(some)),
        sum(len(group.places) for group in groups if group.name in rests),
    )


def _parts(found: FoldedList, ranked: Sequence[int], most: int) -> list[list[int]]:
    """The first classes each alone, as many as fit, and the others grouped."""
    rests: defaultdict[str, list[int]] = defaultdict(list)
    # As many as possible stay alone. Each further class that is joined may need one more rest for its namespace.
    for kept in range(len(ranked) - 1, most // 2 - 1, -1):
        rests[found.classes[ranked[kept]][0].namespace].append(ranked[kept])
        if kept + len(rests) <= most:
            return [*([place] for place in ranked[:kept]), *rests.values()]
    return [*([place] for place in ranked[: most - 1]), list(ranked[most - 1 :])]


def _sides(found: FoldedList, groups: Iterable[_ClassGroup]) -> tuple[list[Reference], list[Reference]]:
    """The groups that are sources, and those that are destinations."""
    sources, destinations = set(found.sources), set(found.destinations)
    return (
        [group.name for group in groups if not sources.isdisjoint(group.places)],
        [group.name for group in groups if not destinations.isdisjoint(group.places)],
    )


def _gathered(view: FoldedView, groups: Sequence[_ClassGroup]) -> Iterator[Connection]:
    """The connections between groups, and between these and the outside."""
    found = view.found
    alone = {
        place for place, members in enumerate(found.classes) if len(members) == 1 and members[0] not in view.several
    }
    sources, destinations = set(found.sources), set(found.destinations)
    opening = {group.name: [place for place in group.places if place in sources] for group in groups}
    for other in groups:
        reached = [place for place in other.places if place in destinations]
        if reached:
            for name, some in opening.items():
                if passing := _between(found, some, reached, alone):
                    yield _connection(name, other.name, passing)
            yield from _with_outside(other.name, [found.incoming(place) for place in reached], is_source=False)
    for name, some in opening.items():
        yield from _with_outside(name, [found.outgoing(place) for place in some], is_source=True)


def _between(
    found: FoldedList, sources: Iterable[int], destinations: Sequence[int], alone: Collection[int]
) -> set[Connection | None]:
    """The connections between any of some classes and any of others; a single pod is not paired with itself."""
    among = set(destinations)
    reached = found.reached(destinations)
    passing: set[Connection | None] = set()
    for source in sources:
        if source not in alone or source not in among:
            passing |= reached(source)
        elif others := [place for place in destinations if place != source]:
            passing |= found.reached(others)(source)
    return passing if passing != {None} else set()


def _connection(source: Reference, destination: Reference, passing: Collection[Connection | None]) -> Connection:
    some = [one for one in passing if one is not None]
    is_partial = len(passing) > 1 or any(one.is_partial for one in some)
    return Connection(source, destination, reduce(or_, (one.traffic for one in some)), is_partial)


def _with_outside(name: Reference, lists: Iterable[Sequence[Connection]], *, is_source: bool) -> Iterator[Connection]:
    """The connections of a group with addresses; `lists` has the connections of each member."""
    different: dict[tuple[tuple[Addresses, Traffic], ...], None] = {}
    is_partial = False
    for connections in lists:
        ends = [(one.destination if is_source else one.source, one) for one in connections]
        different[tuple((end, one.traffic) for end, one in ends if isinstance(end, Addresses))] = None
        is_partial |= any(one.is_partial for one in connections)
    for addresses, (passing, everywhere) in any_and_all(list(different)) if different else ():
        partly = is_partial or passing != everywhere
        if is_source:
            yield Connection(name, addresses, passing, partly)
        else:
            yield Connection(addresses, name, passing, partly)
