"""What edits change: the pairs of workloads between which other traffic passes, as values and as a map."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import product

import msgspec

from ringfence.analysis.differences import (
    SAME_FILES,
    ChangedConnections,
    ConnectionChange,
    Ends,
    changed_arrows,
)
from ringfence.analysis.edits import SideEffects
from ringfence.analysis.lists import Connection
from ringfence.engine.answers import is_exempt, traffic_between, traffic_between_two
from ringfence.engine.population import Member, Reference
from ringfence.engine.state import State
from ringfence.render.formats import Json
from ringfence.render.pictures import MOST_BOXES
from ringfence.render.reports import change_map_json
from ringfence.sets.addresses import Addresses
from ringfence.sets.traffic import NO_TRAFFIC, Traffic

_End = Reference | Addresses


class ChangedPair(msgspec.Struct, frozen=True):
    """Two workloads between which other traffic passes with the edits."""

    source: Reference
    destination: Reference
    opens: Traffic
    closes: Traffic
    now: Traffic


class EditEffects(msgspec.Struct, frozen=True):
    """What the edits change: pairs of workloads, and connections with addresses that they open and close."""

    pairs: tuple[ChangedPair, ...]
    opens_outside: tuple[Connection, ...]
    closes_outside: tuple[Connection, ...]


def edit_effects(state: State, members: Mapping[Reference, Member], effects: SideEffects) -> EditEffects:
    """The effects by pair, with what passes now, while the edits are in force."""
    opens, closes = (
        {(one.source, one.destination): one.traffic for one in some} for some in (effects.opens, effects.closes)
    )
    known: dict[tuple[int, int], Traffic] = {}
    pairs = []
    # A pair may open one port and close another. It is one row then, with both.
    for source, destination in dict.fromkeys([*opens, *closes]):
        if isinstance(source, Reference) and isinstance(destination, Reference):
            ends = source, destination
            now = passing(state, members[source], members[destination], known)
            pairs.append(ChangedPair(*ends, opens.get(ends, NO_TRAFFIC), closes.get(ends, NO_TRAFFIC), now))
    return EditEffects(tuple(pairs), *(tuple(filter(_is_outside, some)) for some in (effects.opens, effects.closes)))


def passing(
    state: State, source: Member, destination: Member, known: dict[tuple[int, int], Traffic] | None = None
) -> Traffic:
    """What passes between two pods; if both are one pod that represents several, between two of these.

    `known` caches what passes between pods that no policy tells apart, as long as the policies are the same.
    """
    if source is destination:
        return traffic_between_two(state, source)
    if known is None or is_exempt(state, source, destination):  # a node and its own pod: others like it are not exempt
        return traffic_between(state, source, destination)
    key = state.identity(source).bit, state.identity(destination).bit
    if key not in known:
        known[key] = traffic_between(state, source, destination)
    return known[key]


def _is_outside(one: Connection) -> bool:
    return not (isinstance(one.source, Reference) and isinstance(one.destination, Reference))


def effects_map(state: State, effects: EditEffects, numbers: Mapping[Reference, int]) -> Json:
    """The map of the effects by the numbers of the workloads. The edits are in force in `state`."""
    opened = [Connection(one.source, one.destination, one.opens) for one in effects.pairs if one.opens]
    closed = [Connection(one.source, one.destination, one.closes) for one in effects.pairs if one.closes]
    rows = (
        *_rows(ConnectionChange.OPENED, [*opened, *effects.opens_outside]),
        *_rows(ConnectionChange.CLOSED, [*closed, *effects.closes_outside]),
    )
    found = msgspec.structs.replace(SAME_FILES, connections=rows)
    return change_map_json(found, changed_arrows(found, state, state, MOST_BOXES), numbers)


def _rows(kind: ConnectionChange, changed: Iterable[Connection]) -> Iterator[ChangedConnections]:
    """Connections as rows: those with the same traffic from equal sources to the same destinations together."""
    reached: defaultdict[Traffic, defaultdict[_End, list[_End]]] = defaultdict(lambda: defaultdict(list))
    for one in changed:
        reached[one.traffic][one.source].append(one.destination)
    for traffic, of_sources in reached.items():
        alike: defaultdict[tuple[_End, ...], list[_End]] = defaultdict(list)
        for source, destinations in of_sources.items():
            # Sources that reach the same destinations are one row, as in the command `diff`.
            alike[tuple(destinations)].append(source)
        # Only the difference is drawn, so what else passes is left out of the rows.
        before, after = (NO_TRAFFIC, traffic) if kind is ConnectionChange.OPENED else (traffic, NO_TRAFFIC)
        for together, sources in alike.items():
            for start, end in product(_ends(sources), _ends(together)):
                yield ChangedConnections(kind, start, end, traffic, before, after, ())


def _ends(ends: Sequence[_End]) -> list[Ends]:
    """One side of some rows: all workloads, and addresses each alone."""
    workloads = tuple(one for one in ends if isinstance(one, Reference))
    return [*([workloads] if workloads else []), *(one for one in ends if isinstance(one, Addresses))]
