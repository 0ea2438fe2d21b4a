"""Hosts by their addresses: sets of hosts that have some addresses, or have none of some.

A host has one or more addresses of one family. A block of addresses with exceptions contains a host if the host has an
address in the block and none among the exceptions. So of a host with several addresses it is not enough to know one. Of
hosts with one address, blocks mean what is written.

A set of hosts is a few clauses for each family. Intersections, differences and unions are made of clauses, too, and
whether there is any host in a set is decided by what its requirements leave: a host may have any addresses together.
"""

from bisect import bisect_left, insort
from collections.abc import Iterable, Iterator, Sequence
from functools import reduce
from itertools import chain
from typing import Final

import msgspec

from ringfence.sets import intervals
from ringfence.sets.addresses import FAMILIES, WHOLE, Addresses, Family
from ringfence.sets.intervals import NOTHING, Interval, Intervals

_RANGES_OF_A_STEP: Final = 4
"""The number of ranges that are compared in the time of a step."""


class _Block(msgspec.Struct, frozen=True, cache_hash=True, order=True):
    """A block that contains no host of a clause: each has an address in `excepted`, or none in `inside`."""

    excepted: Intervals
    inside: Intervals


class _Clause(msgspec.Struct, frozen=True, cache_hash=True):
    """Hosts of one family: they have no address in `never`, one in each of `some`, and are in none of `outside`.

    Once it is made by `_clause`, there are such hosts, whichever addresses are chosen from what is left.
    """

    never: Intervals = NOTHING
    some: frozenset[Intervals] = frozenset()
    outside: frozenset[_Block] = frozenset()

    @property
    def ranges(self) -> int:
        """How many ranges its requirements have."""
        outside = sum(len(block.excepted) + len(block.inside) for block in self.outside)
        return len(self.never) + sum(map(len, self.some)) + outside

    @property
    def complement(self) -> "list[_Clause]":
        """All other hosts, as clauses that need no check: one, if this is what a block contains."""
        # What an ipBlock selects has this form. Its complement is one clause, so that subtracting hundreds of ipBlocks
        # multiplies nothing (`_without`).
        if not self.outside and len(self.some) <= 1:
            if not self.some:
                return [_Clause(some=frozenset([self.never]))]
            (inside,) = self.some
            return [_Clause(outside=frozenset([_Block(self.never, inside)]))]
        return [
            _Clause(some=frozenset([self.never])),
            *(_Clause(never=one) for one in sorted(self.some)),
            *(_Clause(block.excepted, frozenset([block.inside])) for block in sorted(self.outside)),
        ]

    def contains(self, host: Sequence[int]) -> bool:
        """Whether a host with these addresses is among those of the clause."""

        def has(ranges: Intervals) -> bool:
            return any(intervals.contains(ranges, number) for number in host)

        return (
            not has(self.never)
            and all(map(has, self.some))
            and not any(_contains(block, host) for block in self.outside)
        )


class HostAddresses(msgspec.Struct, frozen=True, cache_hash=True):
    """A set of hosts: those of any clause. It may have several forms."""

    v4: frozenset[_Clause] = frozenset()
    v6: frozenset[_Clause] = frozenset()

    @classmethod
    def in_block(cls, inside: Addresses, excepted: Addresses) -> "HostAddresses":
        """The hosts that have an address `inside`, and none among those that are `excepted`, which lie outside."""
        return _hosts(
            [_Clause(excepted.ranges(family), frozenset([inside.ranges(family)]))] if inside.ranges(family) else []
            for family in FAMILIES
        )

    @classmethod
    def without(cls, addresses: Addresses) -> "HostAddresses":
        """The hosts that have none of some addresses."""
        return _hosts([_Clause(addresses.ranges(family))] for family in FAMILIES)

    @classmethod
    def exactly(cls, family: Family, numbers: Iterable[int]) -> "HostAddresses":
        """The host that has these addresses, and no others."""
        own = intervals.normalise((number, number) for number in numbers)
        others = intervals.difference((WHOLE[family],), own)
        # The host has none of the other addresses and each of its own: no other host meets both.
        clause = _Clause(others, frozenset(((number, number),) for low, high in own for number in range(low, high + 1)))
        return _hosts([clause] if one is family else [] for one in FAMILIES)

    @classmethod
    def union_of(cls, sets: Iterable["HostAddresses"]) -> "HostAddresses":
        """The union of `sets`."""
        listed = list(sets)
        return cls(
            frozenset(chain.from_iterable(one.v4 for one in listed)),
            frozenset(chain.from_iterable(one.v6 for one in listed)),
        )

    def clauses(self, family: Family) -> frozenset[_Clause]:
        """The clauses of one family."""
        return self.v4 if family is Family.IPV4 else self.v6

    @property
    def work(self) -> int:
        """The steps that it takes to compare the set with another one, beyond those of a set of a few ranges.

        Each comparison finds again which exceptions are left of every block that hosts are outside of.
        """
        return sum(one.ranges for clauses in (self.v4, self.v6) for one in clauses) // _RANGES_OF_A_STEP

    def contains(self, family: Family, numbers: Sequence[int]) -> bool:
        """Whether the host that has these addresses, and no others, is in the set."""
        return any(one.contains(numbers) for one in self.clauses(family))

    def __bool__(self) -> bool:
        return bool(self.v4 or self.v6)

    def __and__(self, other: "HostAddresses") -> "HostAddresses":
        return _hosts(_both(self.clauses(family), other.clauses(family)) for family in FAMILIES)

    def __sub__(self, less: "HostAddresses") -> "HostAddresses":
        return _hosts(_without(self.clauses(family), less.clauses(family)) for family in FAMILIES)

    @property
    def alone(self) -> Addresses:
        """The addresses of the hosts that have only one."""
        return Addresses(
            *(intervals.union_of(_alone(family, one) for one in self.clauses(family)) for family in FAMILIES)
        )

    def example(self, family: Family, usual: Intervals = NOTHING) -> tuple[int, ...]:
        """A host of few addresses, `usual` ones if possible; no address, if there is no host of the family."""
        found = (_few_addresses(family, one, usual) for one in self.clauses(family))
        return min(found, key=lambda host: (len(host), host), default=())


def _hosts(by_family: Iterable[Iterable[_Clause]]) -> HostAddresses:
    """The set of hosts of some clauses, which need not have any, for each family."""
    return HostAddresses(
        *(
            frozenset(made for one in clauses if (made := _clause(family, one)) is not None)
            for family, clauses in zip(FAMILIES, by_family, strict=True)
        )
    )


def _both(a: Iterable[_Clause], b: Iterable[_Clause]) -> Iterator[_Clause]:
    others = list(b)
    return (_joint([one, other]) for one in a for other in others)


def _without(some: Iterable[_Clause], less: Iterable[_Clause]) -> Iterable[_Clause]:
    """Some hosts, less those of other clauses; all that a single clause leaves out are left out at once."""
    left = [one.complement for one in less]
    # A complement of one clause only adds requirements. One of several clauses multiplies the clauses that are left, so
    # all single ones come first and may empty some.
    single = [clauses[0] for clauses in left if len(clauses) == 1]
    some = [_joint([one, *single]) for one in some] if single else list(some)
    several: Iterable[list[_Clause]] = (clauses for clauses in left if len(clauses) > 1)
    return reduce(lambda found, clauses: list(_both(found, clauses)), several, list(some))


def _joint(clauses: Sequence[_Clause]) -> _Clause:
    """What all of some clauses require, unchecked."""
    return _Clause(
        intervals.union_of(one.never for one in clauses),
        frozenset().union(*(one.some for one in clauses)),
        frozenset().union(*(one.outside for one in clauses)),
    )


# --- whether there are such hosts -------------------------------------------------------------------------------------


def _clause(family: Family, written: _Clause) -> _Clause | None:
    """A clause in which every requirement can be met on its own; None if no host meets all of them.

    A block that may not contain a host leaves it two ways. It cannot have an address among the exceptions if it may
    have none of these: then it has none in the block either. That may take the first way from the next block.
    """
    whole = (WHOLE[family],)
    never, outside = _closed(written.never, written.outside)
    anything = intervals.difference(whole, never)
    some = {intervals.difference(one, never) for one in written.some}
    # Requirements that can each be met on their own can be met together, because a host may have several addresses: one
    # for each is enough.
    if not anything or NOTHING in some:
        return None
    # A host with an address in a range has one in every wider range, and each host has one in what is left of all.
    needed = (one for one in some if one != anything and not any(_is_inside(other, one) for other in some))
    return _Clause(never, frozenset(needed), outside)


def _is_inside(inner: Intervals, outer: Intervals) -> bool:
    return inner != outer and not intervals.difference(inner, outer)


def _closed(never: Intervals, blocks: Iterable[_Block]) -> tuple[Intervals, frozenset[_Block]]:
    """The addresses that hosts outside of some blocks never have, and what is then left of the blocks."""
    # Of each block, one exception is watched by which it may leave out a host: most are never looked at again.
    watched: list[tuple[int, int, _Block]] = []
    closed = list(never)
    waiting = [(0, block) for block in blocks]
    while waiting:
        # The search goes on where it ended: `closed` only grows, so no earlier exception becomes possible again.
        start, block = waiting.pop()
        number = _first_outside(closed, block.excepted, start)
        if number is not None:
            # `id` orders blocks with the same number, so that tuples never compare the blocks themselves. The result is
            # a frozenset, which does not depend on this order.
            insort(watched, (number, id(block), block))
            continue
        for low, high in block.inside:
            _add(closed, low, high)
            # Only the blocks whose watched exception has just become impossible are looked at again, as in the watched
            # literals of SAT solvers (Moskewicz et al., "Chaff", DAC 2001).
            first, end = bisect_left(watched, (low,)), bisect_left(watched, (high + 1,))
            waiting += [(number, again) for number, _, again in watched[first:end]]
            del watched[first:end]
    never = tuple(closed)
    left = (
        _Block(intervals.difference(block.excepted, never), inside)
        for _, _, block in watched
        if (inside := intervals.difference(block.inside, never))
    )
    return never, frozenset(left)


def _first_outside(closed: Sequence[Interval], ranges: Intervals, start: int) -> int | None:
    """The first number from `start` on in some ranges that is not in other ranges; None if there is none."""
    for low, high in ranges[max(0, bisect_left(ranges, (start,)) - 1) :]:
        number = max(low, start)
        at = bisect_left(closed, (number + 1,))
        if at and closed[at - 1][1] >= number:
            number = closed[at - 1][1] + 1
        if number <= high:
            return number
    return None


def _add(ranges: list[Interval], low: int, high: int) -> None:
    """Add one range to others, in place: a pass over all of them for each would take their square."""
    first, end = bisect_left(ranges, (low,)), bisect_left(ranges, (high + 2,))
    if first and ranges[first - 1][1] >= low - 1:
        first -= 1
    if first < end:
        low, high = min(low, ranges[first][0]), max(high, ranges[end - 1][1])
    ranges[first:end] = [(low, high)]


# --- single hosts -----------------------------------------------------------------------------------------------------


def _alone(family: Family, clause: _Clause) -> Intervals:
    """The addresses of the hosts of a clause that have only one."""
    # One address is not in a block and among its exceptions, too.
    inside = intervals.union_of(block.inside for block in clause.outside)
    whole: Intervals = (WHOLE[family],)
    left = reduce(intervals.intersection, clause.some, whole)
    return intervals.difference(intervals.difference(left, clause.never), inside)


def _few_addresses(family: Family, clause: _Clause, usual: Intervals) -> tuple[int, ...]:
    """A host of a clause: a few addresses that it must have, and then one for each block that would contain it."""
    avoided = intervals.union_of(block.inside for block in clause.outside)
    chosen: list[int] = []

    def choose_from(ranges: Intervals) -> None:
        if not any(intervals.contains(ranges, number) for number in chosen):
            # An address outside all forbidden blocks needs no further address among the exceptions of one.
            harmless = intervals.difference(ranges, avoided) or ranges
            chosen.append(intervals.plain(intervals.intersection(harmless, usual) or harmless))

    anything = intervals.difference((WHOLE[family],), clause.never)
    for some in sorted(clause.some) or [anything]:
        choose_from(some)
    blocks = [_Met(block) for block in sorted(clause.outside)]
    new: Sequence[int] = chosen
    while True:
        for block in blocks:
            block.meet(new)
        containing = [block.excepted for block in blocks if block.is_containing]
        if not containing:
            return tuple(_needed_of(chosen, clause, blocks))
        # One address among the exceptions of several blocks leads out of all of them, which keeps the example short.
        choose_from(reduce(_in_both_or_first, containing))
        new = chosen[-1:]


class _Met:
    """A block, and which of the addresses that were chosen for a host lie in it, and among its exceptions."""

    __slots__ = ("_inside", "excepted", "excepting", "having")

    def __init__(self, block: _Block) -> None:
        self._inside = block.inside
        self.excepted = block.excepted
        self.having: set[int] = set()
        self.excepting: set[int] = set()

    def meet(self, numbers: Iterable[int]) -> None:
        """Add addresses to the host."""
        for number in numbers:
            if intervals.contains(self._inside, number):
                self.having.add(number)
            if intervals.contains(self.excepted, number):
                self.excepting.add(number)

    @property
    def is_containing(self) -> bool:
        """Whether the block contains the host."""
        return bool(self.having) and not self.excepting

    def needs(self, number: int) -> bool:
        """Whether the block would contain the host without one of its addresses."""
        return self.excepting == {number} and bool(self.having - {number})

    def forget(self, number: int) -> None:
        """Take an address from the host."""
        self.having.discard(number)
        self.excepting.discard(number)


def _needed_of(chosen: Sequence[int], clause: _Clause, blocks: Sequence[_Met]) -> list[int]:
    """The addresses that a host of a clause needs: each one is left out if the others suffice."""
    left = list(chosen)
    required = [{number for number in chosen if intervals.contains(some, number)} for some in clause.some]
    for number in chosen:
        is_needed = {number} in required or any(block.needs(number) for block in blocks)
        if len(left) > 1 and not is_needed:
            left.remove(number)
            for having in required:
                having.discard(number)
            for block in blocks:
                block.forget(number)
    return left


def _in_both_or_first(some: Intervals, more: Intervals) -> Intervals:
    return intervals.intersection(some, more) or some


def _contains(block: _Block, host: Sequence[int]) -> bool:
    """Whether a host with these addresses is in a block."""
    return any(intervals.contains(block.inside, number) for number in host) and not any(
        intervals.contains(block.excepted, number) for number in host
    )
