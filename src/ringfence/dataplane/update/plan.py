"""The way from one program to another, on which no allowed packet is lost and no forbidden one passes.

A packet meets rules of the generation in which it entered, but finds in each set what is there when it looks. So a
transaction is atomic for one lookup and for all rules, but not for two lookups, and even less are several transactions.
`path` therefore goes by waypoints, programs themselves, chosen such that every state on the way, and every mixture of
two neighbouring ones, allows what both ends allow and forbids what both ends forbid:

1. *create*: everything new that nothing refers to yet;
2. *close*: each changed side (a pod's egress or ingress) allows only what both its old and its new rules allow.
   Whatever the other side does meanwhile, nothing is lost that both ends allow, and nothing passes that both forbid;
3. *edit*: elements are added, then removed, in sets that unchanged chains look into;
4. *open*: each changed side allows what its new rules allow;
5. *clean*: what nothing refers to any more goes.

Where only one direction changes, closing is not needed: a connection has one side there, which changes at once.

Editing in place is safe as long as one address at a time comes and goes, or one direction is affected; else the edited
sets are copied, all chains moved to the copies, and back again when the originals are right (`_detour`).

All of this is about programs that enforce. One that only observes lets pass what its profiles deny, so everything else
changes while the kernel observes: after the switch to it, or before the switch back (`_switch`).
"""

from collections.abc import Iterable, Iterator, Mapping
from itertools import count
from typing import Final, NamedTuple

import msgspec

from ringfence.dataplane.program import (
    DENIED,
    DROPS,
    HELD,
    ISOLATED,
    KNOWN,
    OWN,
    Chain,
    Collection,
    Condition,
    Goto,
    HashSet,
    KeyPart,
    Lookup,
    Move,
    Program,
    Rule,
    RuleVerdict,
    VerdictMap,
    differing,
    fixed_chains,
    is_whole,
    moves_between,
    observes,
    skeleton,
)
from ringfence.dataplane.update.commands import NOTHING
from ringfence.model.policies import Direction

_LATE: Final = frozenset([*OWN.values(), *DROPS.values()])
"""Sets whose elements may be there too early and too long: own addresses, and counters."""

_DOORS: Final = frozenset(KNOWN.values())
"""Sets whose elements open: they go when sides close and come when sides open."""

_LOCKS: Final = frozenset(HELD.values())
"""Sets whose elements close; they change with the node's own configuration only."""

_DIRECTION_OF_MAP: Final = {name: direction for (direction, _), name in ISOLATED.items()}
_DIRECTION_OF_DENIAL: Final = {chain: direction for direction, chain in DENIED.items()}
_BOTH: Final = frozenset(Direction)

_RULES_AT_ONCE: Final = 300
"""So many rules fit into one transaction without privileges: none is longer than 500 bytes."""


def path(old: Program, new: Program) -> list[Program]:
    """The programs to go through, one transaction or more for each, to get from `old` to `new`, which is the last."""
    if old is NOTHING:
        nobody = {name: one for name, one in skeleton().collections.items() if isinstance(one, VerdictMap)}
        return [new.changed(nobody), new]
    if is_whole(old) and observes(old) is not observes(new):
        return _switch(old, new)
    change = _compare(old, new)
    if not _can_edit_in_place(old, new, change):
        return _detour(old, new, change)
    return _waypoints(old, new, change, bridged=_needs_closing(new, change))


def _switch(old: Program, new: Program) -> list[Program]:
    """From enforcing to observing, or back: by the rules of the fixed chains, all of them in one transaction."""
    if observes(new):
        observing = old.changed(chains=fixed_chains(new))
        return [observing, *path(observing, new)]
    observing = new.changed(chains=fixed_chains(old))
    return [*path(old, observing), new]


# --- what changes -----------------------------------------------------------------------------------------------------


class _Change(NamedTuple):
    """What differs between two programs, as far as packets can notice."""

    moves: Mapping[str, list[Move]]
    """By verdict map: the addresses that get another chain, become isolated or cease to be."""
    rules: frozenset[str]
    """Chains that stay and get other rules."""
    edits: frozenset[str]
    """Sets that stay, that rules look into, and that get other elements."""
    stale: frozenset[str]
    """Chains, old or new, that look into edited sets."""
    doors: frozenset[str]
    """Sets of known addresses, and held ranges, that change."""
    directions: frozenset[Direction]
    """Whose verdicts may change."""


def _compare(old: Program, new: Program) -> _Change:
    moves = dict(_moves(old.collections, new.collections))
    rules = frozenset(
        name
        for name, before, after in differing(old.chains, new.chains)
        if before is not None and before.rules != after.rules
    )
    edits = frozenset(_edits(old, new))
    stale = frozenset(name for chains in (old.chains, new.chains) for name in _looking_into(edits, chains))
    doors = frozenset(
        name for name, before, _ in differing(old.collections, new.collections) if before and name in _DOORS | _LOCKS
    )
    directions = {_DIRECTION_OF_MAP[name] for name in moves} | (_BOTH if doors else set())
    for name in rules | stale:
        directions |= _directions(new.chains.get(name) or old.chains[name])
    return _Change(moves, rules, edits, stale, doors, frozenset(directions))


def _moves(old: Mapping[str, Collection], new: Mapping[str, Collection]) -> Iterator[tuple[str, list[Move]]]:
    for name in _DIRECTION_OF_MAP:
        before, after = old.get(name), new.get(name)
        if before is not after and (moves := moves_between(_as_map(before), _as_map(after))):
            yield name, moves


def _as_map(collection: Collection | None) -> VerdictMap | None:
    return collection if isinstance(collection, VerdictMap) else None


def _edits(old: Program, new: Program) -> Iterator[str]:
    changed = {
        name
        for name, before, after in differing(old.collections, new.collections)
        if before is not None
        and not isinstance(after, VerdictMap)
        and name not in _LATE | _DOORS | _LOCKS
        and before.elements != after.elements
    }
    if changed:
        looked_into: frozenset[str] = frozenset().union(*(chain.sets for chain in old.chains.values()))
        yield from changed & looked_into


def _looking_into(sets: frozenset[str], chains: Mapping[str, Chain]) -> Iterator[str]:
    if sets:
        yield from (name for name, chain in chains.items() if not sets.isdisjoint(chain.sets))


def _directions(chain: Chain) -> frozenset[Direction]:
    """Whose verdict a profile's chain gives; of any other chain, suppose that it takes part in both."""
    last = chain.rules[-1] if chain.rules else None
    if isinstance(last, Rule) and isinstance(last.action, Goto) and last.action.chain in _DIRECTION_OF_DENIAL:
        return frozenset({_DIRECTION_OF_DENIAL[last.action.chain]})
    return _BOTH


def _needs_closing(new: Program, change: _Change) -> bool:
    """Whether sides must close before they open.

    They need not where one direction alone changes, nor where nothing changes but rules, all in one transaction.
    """
    moved = {chain for moves in change.moves.values() for move in moves for chain in (move.old, move.new) if chain}
    if not change.rules.isdisjoint(moved):
        return True
    rules = sum(len(new.chains[name].rules) for name in change.rules)
    is_one_transaction = not moved and not change.edits and rules <= _RULES_AT_ONCE
    return len(change.directions) > 1 and not is_one_transaction


def _can_edit_in_place(old: Program, new: Program, change: _Change) -> bool:
    if not change.edits:
        return True
    touched = _touched(old, new, change.edits)
    if touched is None or not change.rules.isdisjoint(change.stale):
        return False
    alone = all(len(addresses) <= 1 for addresses in touched.values())
    addresses = frozenset().union(*touched.values())
    for moves in change.moves.values():
        for key, *chains in moves:
            if not change.stale.isdisjoint(chains) and not (alone and key in addresses):
                return False
    return alone or len(change.directions) == 1


def _touched(old: Program, new: Program, edits: Iterable[str]) -> dict[KeyPart, set[bytes]] | None:
    """The addresses that come into or go out of edited sets, by family; None if not only addresses do."""
    touched: dict[KeyPart, set[bytes]] = {KeyPart.ADDRESS_4: set(), KeyPart.ADDRESS_6: set()}
    for name in edits:
        before, after = old.collections[name], new.collections[name]
        if not isinstance(before, HashSet) or not isinstance(after, HashSet) or after.key[0] not in touched:
            return None
        part = after.key[0]
        touched[part] |= {element[: part.length] for element in before.elements ^ after.elements}
    return touched


# --- the waypoints ----------------------------------------------------------------------------------------------------


def _waypoints(old: Program, new: Program, change: _Change, *, bridged: bool) -> list[Program]:
    created = _created(old, new, change)
    bridge = _Bridge(old, new, change.rules)
    maps = {name: _closed_map(created.collections[name], moves, bridge) for name, moves in change.moves.items()}
    chains = {name: bridge.chain(name) for name in change.rules}
    if bridged:
        created = created.changed(chains=bridge.chains)
    else:
        maps, chains = {}, {}
    doors = {name: _shut(old.collections[name], new.collections[name]) for name in change.doors}
    closed = created.changed({**doors, **maps})
    narrowed = closed.changed(chains=chains)
    filled = narrowed.changed(_united(old, new, change.edits))
    thinned = filled.changed({name: new.collections[name] for name in change.edits})
    widened = thinned.changed(chains={name: new.chains[name] for name in change.rules})
    opened = widened.changed({name: new.collections[name] for name in (*change.moves, *change.doors)})
    return [created, closed, narrowed, filled, thinned, widened, opened, new]


def _shut(before: Collection, after: Collection) -> Collection:
    """Known addresses as long as they are known to both; held ranges as they will be."""
    if isinstance(before, HashSet) and isinstance(after, HashSet):
        return HashSet(after.key, before.elements & after.elements)
    return after


def _created(old: Program, new: Program, change: _Change) -> Program:
    """`old`, with everything new, and with everything that no packet can meet yet as it will be."""
    collections = {
        name: _united_one(before, after) if name in _LATE else after
        for name, before, after in differing(old.collections, new.collections)
        if name not in change.edits and name not in change.moves and name not in _DOORS | _LOCKS
    }
    collections |= {name: VerdictMap(new.collections[name].key) for name in change.moves if name not in old.collections}
    chains = {name: chain for name, chain in new.chains.items() if name not in old.chains}
    return old.changed(collections, chains)


def _united(old: Program, new: Program, names: Iterable[str]) -> dict[str, Collection]:
    return {name: _united_one(old.collections[name], new.collections[name]) for name in names}


def _united_one(before: Collection | None, after: Collection) -> Collection:
    if not isinstance(before, HashSet) or not isinstance(after, HashSet) or before.elements <= after.elements:
        return after
    if before.elements >= after.elements:
        return before
    return msgspec.structs.replace(after, elements=before.elements | after.elements)


def _closed_map(before: Collection, moves: list[Move], bridge: "_Bridge") -> Collection:
    """A verdict map in which each moved address allows only what its old and its new chain allow."""
    closing = [Move(key, old, bridge.between(old, new)) for key, old, new in moves]
    return before.moved(closing) if isinstance(before, VerdictMap) else before


class _Bridge:
    """Chains that allow what an old and a new chain both allow: the old rules, and then the new ones."""

    def __init__(self, old: Program, new: Program, changing: frozenset[str]) -> None:
        self._old = old
        self._new = new
        self._changing = changing
        self.chains: dict[str, Chain] = {}
        self._between: dict[tuple[str, str], str] = {}
        self._copies: dict[tuple[str, bool], str] = {}

    def between(self, old: str | None, new: str | None) -> str | None:
        """The chain that allows what an old and a new one both allow; no chain at all allows everything."""
        if old is None or new is None:
            return self._kept(old, self._old) if new is None else self._kept(new, self._new)
        if old in _DIRECTION_OF_DENIAL or new in _DIRECTION_OF_DENIAL:
            return old if old in _DIRECTION_OF_DENIAL else new
        if (old, new) not in self._between:
            self._between[old, new] = self._add(self._both(old, new))
        return self._between[old, new]

    def _kept(self, chain: str | None, program: Program) -> str | None:
        """A chain as it is in one of the programs, under whatever name no other rules can take its place."""
        return self._copy(chain, program) if chain in self._changing else chain

    def chain(self, name: str) -> Chain:
        """What to put in a changed chain's place for as long as it must allow only what it did and will allow."""
        if self._new.chains[name].hook is not None:
            return self._new.chains[name]
        return self._both(name, name)

    def _both(self, chain: str, target: str) -> Chain:
        rules = self._old.chains[chain].rules
        if not all(isinstance(rule, Rule) and _is_of_profile(rule) for rule in rules):
            return self._new.chains[target]  # not a profile of ours, so nothing in it needs to be kept
        onward = Goto(self._copy(target, self._new))
        return Chain(
            tuple(
                Rule(rule.conditions, onward) if rule.action is RuleVerdict.RETURN else rule
                for rule in rules
                if isinstance(rule, Rule)
            )
        )

    def _copy(self, chain: str, program: Program) -> str:
        which = (chain, program is self._old)
        if which not in self._copies:
            self._copies[which] = self._add(program.chains[chain])
        return self._copies[which]

    def _add(self, chain: Chain) -> str:
        name = _unused("bridge", self._old.chains, self._new.chains, self.chains)
        self.chains[name] = chain
        return name


def _is_of_profile(rule: Rule) -> bool:
    return rule.action is RuleVerdict.RETURN or (
        isinstance(rule.action, Goto) and rule.action.chain in _DIRECTION_OF_DENIAL
    )


def _unused(word: str, *taken: Mapping[str, object]) -> str:
    return next(name for i in count() if not any((name := f"{word}_{i}") in names for names in taken))


# --- the way round ----------------------------------------------------------------------------------------------------


def _detour(old: Program, new: Program, change: _Change) -> list[Program]:
    """Go by a program that looks into copies of the edited sets, and back when nobody looks into the originals."""
    copies: dict[str, str] = {}
    collections: dict[str, Collection] = dict(new.collections)
    for name in change.edits:
        copies[name] = _unused("copy", old.collections, collections)
        collections[copies[name]] = new.collections[name]
        collections[name] = old.collections[name]
    chains = {name: _redirected(chain, copies) if name in change.stale else chain for name, chain in new.chains.items()}
    middle = Program(collections, chains)
    there = _compare(old, middle)
    back = _compare(middle, new)
    return [
        *_waypoints(old, middle, there, bridged=_needs_closing(middle, there)),
        *_waypoints(middle, new, back, bridged=False),
    ]


def _redirected(chain: Chain, copies: Mapping[str, str]) -> Chain:
    """The chain, looking into the copies."""

    def redirect(condition: Condition) -> Condition:
        if isinstance(condition, Lookup) and condition.set in copies:
            return Lookup(condition.fields, copies[condition.set])
        return condition

    return Chain(
        tuple(
            Rule(tuple(map(redirect, rule.conditions)), rule.action) if isinstance(rule, Rule) else rule
            for rule in chain.rules
        ),
        chain.hook,
    )
