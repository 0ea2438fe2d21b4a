"""Programs: the contents of the tables in the kernel, as immutable data.

A program is one nftables table: sets, verdict maps and chains by name. A profile's chain is jumped to from a verdict
map and *returns* when the profile allows a packet; what no rule allows goes to a chain that counts and drops it. Every
name is made from fixed words, numbers and digests, never from a string of an object.

Source: nft(8).
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from enum import StrEnum
from functools import cached_property
from itertools import combinations, product
from typing import Final, NamedTuple, TypeVar

import msgspec

from ringfence.dataplane.program.collections import Collection, differing
from ringfence.dataplane.program.rules import (
    ClassLookup,
    Dispatch,
    DispatchGroup,
    ForeignRule,
    Goto,
    Jump,
    Lookup,
    Rule,
)

V = TypeVar("V")

_IN_A_ROW: Final = "_in_a_row"
"""The name under which a chain keeps `Chain.dispatches_in_a_row`."""


class Hook(StrEnum):
    """The netfilter hooks of base chains.

    Forward and input are after destination addresses are translated and before source addresses are.
    There is no output hook, so a node always reaches its own pods.
    """

    PREROUTING = "prerouting"
    TRACKING = "tracking"
    """Prerouting, directly before the kernel tracks connections."""
    FORWARD = "forward"
    INPUT = "input"


HOOK_PRIORITY: Final = {Hook.PREROUTING: -300, Hook.TRACKING: -201, Hook.FORWARD: -5, Hook.INPUT: -5}
"""Before the kernel tracks connections (-200), so that a packet that is dropped there changes the state of none; just
before it does, and so behind programs that exempt packets from it (-300); and just before the customary place of
filters: after destination NAT (-100), before source NAT (100)."""


class TwoDispatches(NamedTuple):
    """Two maps of groups that packets ask one after the other; what neither knows is denied if they are `last`."""

    first: DispatchGroup
    second: DispatchGroup
    last: bool


class Chain(msgspec.Struct, frozen=True, dict=True):
    """Rules in order. A base chain has a hook; packets that reach its end are accepted."""

    rules: tuple[Rule | ForeignRule, ...] = ()
    hook: Hook | None = None

    @cached_property
    def sets(self) -> frozenset[str]:
        """The sets and maps that its rules use."""
        found: set[str] = set()
        for rule in self.rules:
            if isinstance(rule, Rule):
                found.update(
                    condition.set for condition in rule.conditions if isinstance(condition, Lookup | ClassLookup)
                )
                if isinstance(rule.action, Dispatch):
                    found.add(rule.action.map)
                elif isinstance(rule.action, DispatchGroup):
                    found |= {rule.action.groups, rule.action.classes, rule.action.map}
        return frozenset(found)

    @cached_property
    def group_dispatches(self) -> tuple[DispatchGroup, ...]:
        """The dispatches of its rules by groups of addresses, in order."""
        actions = (rule.action for rule in self.rules if isinstance(rule, Rule))
        return tuple(action for action in actions if isinstance(action, DispatchGroup))

    @cached_property
    def last_dispatches(self) -> tuple[DispatchGroup, ...]:
        """Those of its `group_dispatches` behind which come only rules for the other family, or only its end."""
        rules = [one for one in self.rules if isinstance(one, Rule)]
        found: list[DispatchGroup] = []
        for place, rule in enumerate(rules):
            rest = rules[place + 1 :]
            is_last = not rest or isinstance(rest[0].action, DispatchGroup) or len(rest) == 1
            if is_last and isinstance(rule.action, DispatchGroup):
                found.append(rule.action)
        return tuple(found)

    def dispatches_in_a_row(self, behind: "Chain | None" = None) -> tuple[TwoDispatches, ...]:
        """Each two dispatches that look for the same groups: two of its own, or one of its own and one of `behind`.

        `behind` is the chain to which packets go from its end. The result is kept for the next call.
        """
        known = vars(self).get(_IN_A_ROW)
        if known is None or known[0] is not behind:
            known = vars(self)[_IN_A_ROW] = (behind, tuple(self._find_in_a_row(behind)))
        return known[1]

    def _find_in_a_row(self, behind: "Chain | None") -> Iterator[TwoDispatches]:
        own = self.group_dispatches
        # The chain that denies has no end and no such rules.
        is_denied_behind = behind is None or not (behind.group_dispatches or behind.end)
        for first, second in combinations(own, 2):
            if first.groups == second.groups:
                yield TwoDispatches(first, second, is_denied_behind and second in self.last_dispatches)
        for first, second in product(own, behind.group_dispatches if behind else ()):
            if behind and first.groups == second.groups:
                yield TwoDispatches(first, second, second in behind.last_dispatches)

    @cached_property
    def end(self) -> str | None:
        """The chain to which packets go that reach its end, if its last rule says so."""
        last = self.rules[-1] if self.rules else None
        return last.action.chain if isinstance(last, Rule) and isinstance(last.action, Goto) else None

    @cached_property
    def targets(self) -> frozenset[str]:
        """The chains to which its rules go or jump, without those of its maps."""
        actions = (rule.action for rule in self.rules if isinstance(rule, Rule))
        return frozenset(action.chain for action in actions if isinstance(action, Goto | Jump))


class _References(NamedTuple):
    """The names of the chains that look into each set or map, and of those that go or jump to each chain."""

    sets: Mapping[str, frozenset[str]] = {}
    chains: Mapping[str, frozenset[str]] = {}


class _Dispatches(NamedTuple):
    """What chains do by groups of addresses: the dispatches, the maps of classes, and each two dispatches in a row."""

    all: frozenset[DispatchGroup]
    classes: Mapping[str, frozenset[str]]
    in_a_row: Mapping[str, frozenset[TwoDispatches]]


class ChainIndex:
    """What chains look into, found when it is first asked for. Programs with the same chains share it."""

    def __init__(self, chains: Mapping[str, Chain]) -> None:
        self._chains = chains
        self._before: ChainIndex | None = None
        self._same_dispatches: _Dispatches | None = None
        """Those of an earlier program, if these chains have the same."""

    def follow(self, before: "ChainIndex") -> None:
        """Take over what was found about an earlier program's chains, as far as these are the same."""
        if before is not self and "_references" not in vars(self):
            _ = before._references  # found now, so that the earlier index needs no index before it any more
            self._before = before

    @property
    def readers(self) -> Mapping[str, frozenset[str]]:
        """The names of the chains that look into each set or map."""
        return self._references.sets

    @property
    def targets(self) -> Set[str]:
        """The chains to which rules go or jump, without those of maps."""
        return self._references.chains.keys()

    @cached_property
    def _references(self) -> _References:
        before, self._before = self._before or ChainIndex({}), None
        known = before._references if before._chains else _References()
        gone = [(name, chain) for name, _, chain in differing(self._chains, before._chains)]
        come = [(name, chain) for name, _, chain in differing(before._chains, self._chains)]
        found = _References(
            _updated(known.sets, *([(name, chain.sets) for name, chain in some] for some in (gone, come))),
            _updated(known.chains, *([(name, chain.targets) for name, chain in some] for some in (gone, come))),
        )
        if before._chains:
            changed = {name for name, _ in (*gone, *come)}
            # Dispatches in a row are those of a chain and of the one at its end.
            leading = (some.chains.get(name, frozenset()) for some in (known, found) for name in changed)
            if not any(self._dispatches_of(name) or before._dispatches_of(name) for name in changed.union(*leading)):
                self._same_dispatches = before._dispatches
        return found

    def _dispatches_of(self, name: str) -> tuple[DispatchGroup, ...]:
        chain = self._chains.get(name)
        return chain.group_dispatches if chain else ()

    @property
    def group_dispatches(self) -> frozenset[DispatchGroup]:
        """All that chains do by groups of addresses."""
        return self._dispatches.all

    @property
    def classes_of_groups(self) -> Mapping[str, frozenset[str]]:
        """The maps of classes in which chains look up the groups from each map of addresses."""
        return self._dispatches.classes

    @property
    def dispatches_in_a_row(self) -> Mapping[str, frozenset[TwoDispatches]]:
        """Each two maps that any chain asks one after the other, by the map of addresses that gives the groups."""
        return self._dispatches.in_a_row

    @cached_property
    def _dispatches(self) -> _Dispatches:
        _ = self._references  # may find that they are those of an earlier program
        if self._same_dispatches is not None:
            return self._same_dispatches
        dispatching = [chain for chain in self._chains.values() if chain.group_dispatches]
        classes: defaultdict[str, set[str]] = defaultdict(set)
        in_a_row: defaultdict[str, set[TwoDispatches]] = defaultdict(set)
        for chain in dispatching:
            for one in chain.group_dispatches:
                classes[one.groups].add(one.classes)
            for two in chain.dispatches_in_a_row(self._chains.get(chain.end or "")):
                in_a_row[two.first.groups].add(two)
        return _Dispatches(
            frozenset(one for chain in dispatching for one in chain.group_dispatches),
            {groups: frozenset(some) for groups, some in classes.items()},
            {groups: frozenset(some) for groups, some in in_a_row.items()},
        )


class Program(msgspec.Struct, frozen=True, dict=True):
    """All sets, maps and chains of the table, by name."""

    collections: Mapping[str, Collection] = {}
    chains: Mapping[str, Chain] = {}

    @cached_property
    def index(self) -> ChainIndex:
        """What its chains look into."""
        return ChainIndex(self.chains)

    @cached_property
    def base_chains(self) -> Mapping[Hook, Sequence[str]]:
        """The names of the base chains of each hook."""
        return {hook: [name for name, chain in self.chains.items() if chain.hook is hook] for hook in Hook}

    def changed(
        self,
        collections: Mapping[str, Collection] | None = None,
        chains: Mapping[str, Chain] | None = None,
        *,
        without: frozenset[str] = frozenset(),
    ) -> "Program":
        """The program with some objects added or replaced, and those named in `without` left out."""
        new_collections = _changed(self.collections, collections, without)
        new_chains = _changed(self.chains, chains, without)
        if new_collections is self.collections and new_chains is self.chains:
            return self
        found = Program(new_collections, new_chains)
        if new_chains is self.chains:
            found.__dict__["index"] = self.index
        return found

    def with_collections(self, collections: Mapping[str, Collection]) -> "Program":
        """The program with the same chains, and other sets and maps in place of all that it has."""
        found = Program(collections, self.chains)
        found.__dict__["index"] = self.index
        return found


_Referring = Iterable[tuple[str, frozenset[str]]]
"""The names of chains, and what each of them refers to."""


def _updated(known: Mapping[str, frozenset[str]], gone: _Referring, come: _Referring) -> Mapping[str, frozenset[str]]:
    """The names of the chains that refer to each object, as `known` before some chains have gone and some have come."""
    changes: dict[str, tuple[set[str], set[str]]] = {}
    for place, chains in enumerate((gone, come)):
        for name, objects in chains:
            for one in objects:
                changes.setdefault(one, (set(), set()))[place].add(name)
    updated = dict(known)
    for one, (less, more) in changes.items():
        names = known.get(one, frozenset()) - less | more
        if names:
            updated[one] = names
        else:
            updated.pop(one, None)
    return updated


def _changed(old: Mapping[str, V], changes: Mapping[str, V] | None, without: frozenset[str]) -> Mapping[str, V]:
    """The same mapping object if nothing changes, so that `differing` can skip it."""
    if without:
        old = {name: one for name, one in old.items() if name not in without}
    return {**old, **changes} if changes else old
