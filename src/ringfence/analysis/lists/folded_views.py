"""The data of overviews: what a matrix, a graph or a map shows of a list of connections."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Set
from itertools import chain
from typing import Final

import msgspec

from ringfence.analysis.lists.connection_filters import ConnectionFilter, ListedSide
from ringfence.analysis.lists.connection_lists import list_rows
from ringfence.analysis.lists.folded_lists import FoldedList, Folding, folded
from ringfence.analysis.lists.grouped_pods import PodGroup, alike_groups, pod_groups
from ringfence.engine.population import Reference
from ringfence.engine.state import State

BY_NAMESPACE: Final = "namespace"
BY_WORKLOAD: Final = "workload"
BY_POD: Final = "pod"

_FOLDED_FROM: Final = 10
"""The number of rows of a matrix from which on equal ones are folded. A smaller matrix shows each row."""
_MANY: Final = 100
"""The number of pods and workloads from which on those that no policy distinguishes are listed once.

All pairs of 2,000 take 1 s.
"""


_NO_SIZES: Final[Mapping[Reference, int]] = {}


class FoldedView(msgspec.Struct, frozen=True):
    """Folded connections, with the data that is needed to show them.

    `several` stand for more than one pod. `shown` are shown even if they have no connections. `from_outside` and
    `to_outside` say whether the list is about addresses outside the cluster. `sizes` has the number of workloads of
    each namespace, where these are listed.
    """

    found: FoldedList
    several: frozenset[Reference]
    shown: frozenset[Reference]
    from_outside: bool
    to_outside: bool
    sizes: Mapping[Reference, int] = _NO_SIZES


def matrix_view(state: State, listed: ConnectionFilter, by: str, *, within_namespaces: bool = False) -> FoldedView:
    """The view of a matrix. A side without endpoints is limited to the part of the cluster that is listed."""
    sides = matrix_sides(state, listed, by)
    return _view(state, listed, by, sides, Folding(_FOLDED_FROM, within_namespaces))


def matrix_sides(state: State, listed: ConnectionFilter, by: str = BY_WORKLOAD) -> list[list[PodGroup]]:
    """The sources and the destinations that a matrix shows, without the outside of the cluster."""
    return [
        [group for group in groups if group.in_part or side.pods is not None]
        for side, groups in _sides(state, listed, by)
    ]


def graph_view(state: State, listed: ConnectionFilter, by: str) -> FoldedView:
    """The view of a graph or a map; classes are within namespaces, unless namespaces are listed.

    Pods without connections are shown, too: all that are listed, or those that --from and --to name.
    """
    sides = [groups for _, groups in _sides(state, listed, by)]
    return _view(state, listed, by, sides, Folding(within_namespaces=by != BY_NAMESPACE))


def _view(state: State, listed: ConnectionFilter, by: str, sides: list[list[PodGroup]], folding: Folding) -> FoldedView:
    sources, destinations = (_references(groups, by) for groups in sides)
    named = [
        groups
        for side, groups in zip((listed.sources, listed.destinations), sides, strict=True)
        if side.pods is not None
    ]
    groups = chain.from_iterable(groups for _, groups in _sides(state, listed, by))
    several = _references((group for group in groups if group.is_several or by == BY_NAMESPACE), by)
    if by != BY_NAMESPACE and len(sources | destinations) >= max(folding.least, _MANY):
        alike = alike_groups(sides)
        if alike:  # the list is shorter by these, and is folded whatever its length
            folding = Folding(0, folding.within_namespaces, alike)
    # They are known to be equal before anything is listed, so their rows need not be computed at all.
    others = {other for some in folding.alike.values() for other in some}
    found = folded(
        sources - others,
        destinations - others,
        list_rows(state, _without(state, listed, sides, others), by),
        several,
        folding,
    )
    shown = _references((group for group in chain.from_iterable(named or sides) if group.in_part), by)
    sizes = _sizes(chain.from_iterable(sides)) if by == BY_NAMESPACE else _NO_SIZES
    return FoldedView(found, several, shown, listed.sources.addresses != (), listed.destinations.addresses != (), sizes)


def _sizes(groups: Iterable[PodGroup]) -> Counter[Reference]:
    """How many workloads of each namespace are among some groups."""
    workloads = {group.reference for group in groups}
    return Counter(Reference("", "Namespace", one.namespace) for one in workloads)


def _without(
    state: State, listed: ConnectionFilter, sides: list[list[PodGroup]], others: Set[Reference]
) -> ConnectionFilter:
    """The filter of a list, without the groups `others`."""
    if not others:
        return listed
    sources, destinations = (
        msgspec.structs.replace(
            side,
            pods={
                member: side.asked(member)
                for member in state.members()
                if member.reference not in others and state.workload(member) not in others
            },
        )
        for side in (listed.sources, listed.destinations)
    )
    return msgspec.structs.replace(listed, sources=sources, destinations=destinations)


def _sides(state: State, listed: ConnectionFilter, by: str) -> Iterator[tuple[ListedSide, list[PodGroup]]]:
    """The sources and the destinations that a list may have."""
    for side in (listed.sources, listed.destinations):
        yield side, pod_groups(state, side, listed.part, pods=by == BY_POD)


def _references(groups: Iterable[PodGroup], by: str) -> frozenset[Reference]:
    """The names of groups in a list."""
    if by == BY_NAMESPACE:
        return frozenset(Reference("", "Namespace", group.reference.namespace) for group in groups)
    return frozenset(group.reference for group in groups)
