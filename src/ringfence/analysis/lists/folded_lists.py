"""Folds a list of connections: pods and workloads with equal connections become one class.

Two are equal if swapping them changes no connection: each has the same connections with every third one and with the
outside, and the traffic is the same in both directions between them and, for a workload of several pods, between its
own pods. Equality is therefore transitive, and any two different members of a class have the same traffic.

The connections are stored as a matrix of numbers, one for each distinct traffic: 2,000 different pods take 16 MB.
"""

from array import array
from collections import defaultdict
from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Mapping, Sequence
from copy import copy
from functools import cached_property
from hashlib import blake2b
from operator import itemgetter
from typing import Final, NamedTuple

from ringfence.analysis.lists.connections import Connection, ConnectionRow
from ringfence.engine.population import Reference
from ringfence.sets.addresses import Addresses
from ringfence.sets.traffic import Traffic

_ITEM = "I"

_NO_EQUALS: Final[Mapping[Reference, Sequence[Reference]]] = {}


class Folding(NamedTuple):
    """Which references become one class.

    If there are fewer than `least`, each is a class of its own. With `within_namespaces`, only members of one namespace
    are in a class. `alike` maps a source or destination to others of the same namespace that are known to be equal to
    it and are not among the connections.
    """

    least: int = 0
    within_namespaces: bool = False
    alike: Mapping[Reference, Sequence[Reference]] = _NO_EQUALS


FOLDED: Final = Folding()


class FoldedList:
    """The connections between classes, and between these and the outside of the cluster.

    `sources` and `destinations` are positions in `classes`.
    """

    def __init__(self, table: "_Table", classes: Sequence[Sequence[int]]) -> None:
        self.classes = tuple(tuple(table.members_of(members)) for members in classes)
        self._table = table
        self._ends = [(members[0], members[-1]) for members in classes]
        firsts = list(enumerate(first for first, _ in self._ends))
        self.sources = [position for position, first in firsts if table.is_source[first]]
        self.destinations = [position for position, first in firsts if table.is_destination[first]]

    def in_order(self, places: Sequence[int]) -> "FoldedList":
        """The same list with its sources and destinations in the order of `places`, which are all classes."""
        made = copy(self)
        # `copy` takes over this cached property, which is about the old order.
        made.__dict__.pop("_cells_of_destinations", None)
        made.sources = [place for place in places if self._table.is_source[self._ends[place][0]]]
        made.destinations = [place for place in places if self._table.is_destination[self._ends[place][0]]]
        return made

    def connected(self) -> list[int]:
        """The number of connections of each class, in both directions, with other classes and with addresses."""
        firsts = itemgetter(*(first for first, _ in self._ends), 0)
        lasts = itemgetter(*(last for _, last in self._ends), 0)
        size = len(self._ends)
        return [
            2 * size
            - lasts(self._table.row(first))[:size].count(0)
            - firsts(self._table.column(last))[:size].count(0)
            + len(self._table.outgoing[first])
            + len(self._table.incoming[first])
            for first, last in self._ends
        ]

    def reached(self, destinations: Sequence[int]) -> Callable[[int], set[Connection | None]]:
        """A function that gives the set of connections from a class to some others, with None if there is none to one
        of them.

        It is a function of the class because the positions of the others in a row are looked up only once.
        """
        # The first place is there twice, because an itemgetter of one place gives no tuple.
        cells = itemgetter(*(self._ends[place][1] for place in destinations), self._ends[destinations[0]][1])

        def passing(source: int) -> set[Connection | None]:
            numbers = set(cells(self._table.row(self._ends[source][0])))
            return {self._table.passing(number) for number in numbers}

        return passing

    def between(self, source: int, destination: int) -> Connection | None:
        """A connection with the traffic allowed from one class to another, if there is any.

        Within a class it is between two different members, or two pods of a workload.
        """
        return self._table.connection(self._ends[source][0], self._ends[destination][1])

    def row(self, source: int) -> tuple[int, ...]:
        """The traffic from a class to each of the `destinations`, as numbers: 0 for none, others as in `passing`.

        For thousands of classes, calling `between` for all pairs would take a second.
        """
        return self._cells_of_destinations(self._table.row(self._ends[source][0]))

    @cached_property
    def _cells_of_destinations(self) -> Callable[["array[int]"], tuple[int, ...]]:
        places = [self._ends[place][1] for place in self.destinations]
        if len(places) < 2:  # an itemgetter of one place gives no tuple
            return lambda row: tuple(row[place] for place in places)
        return itemgetter(*places)

    def passing(self, number: int) -> Connection | None:
        """The connection that a number of a row stands for. Only its traffic is valid; the ends are an example."""
        return self._table.passing(number)

    def outgoing(self, source: int) -> Sequence[Connection]:
        """The connections of a class to addresses outside the cluster."""
        return self._table.outgoing[self._ends[source][0]]

    def incoming(self, destination: int) -> Sequence[Connection]:
        """The connections to a class from addresses outside the cluster."""
        return self._table.incoming[self._ends[destination][0]]


def folded(
    sources: Collection[Reference],
    destinations: Collection[Reference],
    connections: Iterable[Connection | ConnectionRow],
    several: Collection[Reference] = (),
    folding: Folding = FOLDED,
) -> FoldedList:
    """The connections between `sources` and `destinations`, and between these and the outside, by classes.

    The references in `several` stand for more than one pod, which may have connections to one another.
    """
    table = _Table(sources, destinations, connections, folding.alike)
    if len(table.references) < folding.least:
        return FoldedList(table, [[place] for place in range(len(table.references))])
    return FoldedList(table, _classes(table, several, within_namespaces=folding.within_namespaces))


class _Table:
    """All connections as numbers: row s holds the traffic from reference s to each other."""

    def __init__(
        self,
        sources: Collection[Reference],
        destinations: Collection[Reference],
        connections: Iterable[Connection | ConnectionRow],
        alike: Mapping[Reference, Sequence[Reference]],
    ) -> None:
        self._alike = alike
        self.has_alike = bool(alike)
        self.references = sorted({*sources, *destinations})
        self._places = {reference: place for place, reference in enumerate(self.references)}
        size = len(self.references)
        self.is_source = [reference in sources for reference in self.references]
        self.is_destination = [reference in destinations for reference in self.references]
        # An array of numbers takes 4 bytes for a pair; lists of references would take twice that, and the objects.
        self.cells = array(_ITEM, bytes(array(_ITEM).itemsize * size * size))
        self.outgoing: list[list[Connection]] = [[] for _ in self.references]
        self.incoming: list[list[Connection]] = [[] for _ in self.references]
        self._passing: list[Connection | None] = [None]
        self._numbers: dict[tuple[Traffic, bool], int] = {}
        self._listed: Sequence[Reference] | None = None
        self._columns: list[int | None] = []
        for one in connections:
            if isinstance(one, ConnectionRow):
                self._add_row(one)
            else:
                self._add(one)

    def _add_row(self, row: ConnectionRow) -> None:
        if (source := self._places.get(row.source)) is None:
            return
        if self._listed is not row.destinations:  # all rows of a list share this object
            self._listed = row.destinations
            self._columns = [self._places.get(destination) for destination in row.destinations]
        start = source * len(self.references)
        passing = [(place, one) for place, one in zip(self._columns, row.traffic, strict=True) if one is not None]
        # A row holds few distinct objects many times. They are compared by identity: comparing traffic by value takes
        # most of the time.
        different = {id(traffic): traffic for _, traffic in passing}
        numbers = {key: self._number(Connection(row.source, row.source, one)) for key, one in different.items()}
        for place, traffic in passing:
            if place is not None:
                self.cells[start + place] = numbers[id(traffic)]

    def _add(self, one: Connection) -> None:
        source, destination = (
            self._places.get(end) if isinstance(end, Reference) else None for end in (one.source, one.destination)
        )
        if source is not None and destination is not None:
            self.cells[source * len(self.references) + destination] = self._number(one)
        elif source is not None and isinstance(one.destination, Addresses):
            self.outgoing[source].append(one)
        elif destination is not None and isinstance(one.source, Addresses):
            self.incoming[destination].append(one)

    def _number(self, one: Connection) -> int:
        """The number for the traffic of a connection; 0 stands for none."""
        # The new number is used only if the traffic was not known. So a single look-up serves both cases.
        number = self._numbers.setdefault((one.traffic, one.is_partial), len(self._passing))
        if number == len(self._passing):
            self._passing.append(one)
        return number

    def members_of(self, places: Iterable[int]) -> list[Reference]:
        """All references at some places, with those known to be equal, in alphabetical order."""
        references = [self.references[place] for place in places]
        return sorted([*references, *(other for one in references for other in self._alike.get(one, ()))])

    def connection(self, source: int, destination: int) -> Connection | None:
        """The connection from one to another, if there is any. Only its traffic is valid; the ends are an example."""
        return self.passing(self.cells[source * len(self.references) + destination])

    def passing(self, number: int) -> Connection | None:
        """The connection that a number in the table stands for."""
        return self._passing[number]

    def row(self, source: int) -> "array[int]":
        """The numbers for the traffic from one to each."""
        size = len(self.references)
        return self.cells[source * size : (source + 1) * size]

    def column(self, destination: int) -> "array[int]":
        """The numbers for the traffic from each to one."""
        return self.cells[destination :: len(self.references)]

    def with_outside(self, place: int) -> Hashable:
        """The traffic between one and addresses outside the cluster, as a key."""
        outgoing = frozenset((one.destination, one.traffic, one.is_partial) for one in self.outgoing[place])
        incoming = frozenset((one.source, one.traffic, one.is_partial) for one in self.incoming[place])
        return outgoing, incoming


def _classes(table: _Table, several: Collection[Reference], *, within_namespaces: bool) -> list[list[int]]:
    """The classes by their first members, each in alphabetical order."""
    alike: defaultdict[Hashable, list[int]] = defaultdict(list)
    keys_of = []
    for place, reference in enumerate(table.references):
        space = reference.namespace if within_namespaces else ""
        fixed = (space, table.is_source[place], table.is_destination[place], table.with_outside(place))
        keys = [(fixed, key) for key in _keys(table, place, is_one_pod=reference not in several)]
        keys_of.append(keys)
        for key in keys:
            alike[key].append(place)
    classes: dict[Hashable, list[int]] = {}
    for place, keys in enumerate(keys_of):
        # A single pod may fit several classes. The largest makes the list shortest.
        key = max(keys, key=lambda key: len(alike[key]))
        classes[key if len(alike[key]) > 1 else place] = alike[key] if len(alike[key]) > 1 else [place]
    return sorted(classes.values(), key=table.members_of) if table.has_alike else sorted(classes.values())


def _keys(table: _Table, place: int, *, is_one_pod: bool) -> Iterator[Hashable]:
    """The keys of the classes to which a reference could belong, one for each traffic between members of the class.

    A single pod has no connections with itself, so any traffic is possible; a workload fits only the class with its
    own.
    """
    row, column = table.row(place), table.column(place)
    for number in sorted({*row, *column}) if is_one_pod else [row[place]]:
        # The cell of the pair itself is set to what it would be in the class, so that members get equal rows.
        row[place] = column[place] = number
        yield number, blake2b(row.tobytes() + column.tobytes(), digest_size=16).digest()
