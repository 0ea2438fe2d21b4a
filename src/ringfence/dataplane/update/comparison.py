"""What differs between two programs, as far as packets can notice, and what that asks of the update.

Some sets are left out, because they may have an element too early or too long: pairs of a pod's own addresses, links
that lead to no pod, ports of tunnels, addresses at ports of bridges, counters, and what classes contain.
"""

from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

from ringfence.dataplane.program import (
    BRIDGE_DENIED,
    BRIDGE_SPOOFED,
    BRIDGE_TUNNELS,
    CLOSED_PACKETS,
    DENIED,
    DROPS,
    EXEMPT_LINKS,
    HELD,
    HELD_PACKETS,
    ISOLATED,
    KNOWN,
    OWN,
    PORT_ADDRESSES,
    PORT_GATES,
    PORT_HARDWARE,
    PORT_SENDERS,
    SPOOFED,
    TUNNELS,
    UNTRACKED,
    Chain,
    Collection,
    Goto,
    GroupMap,
    HashSet,
    KeyPart,
    Move,
    Program,
    Rule,
    VerdictMap,
    differing,
    has_classes,
    has_groups,
    moves_between,
)
from ringfence.dataplane.update.regrouping import Regrouping, regrouping
from ringfence.model.policies import Direction

UNCRITICAL_SETS: Final = frozenset(
    [
        *OWN.values(),
        *DROPS.values(),
        EXEMPT_LINKS,
        TUNNELS,
        BRIDGE_TUNNELS,
        SPOOFED,
        HELD_PACKETS,
        CLOSED_PACKETS,
        UNTRACKED,
        BRIDGE_SPOOFED,
        BRIDGE_DENIED,
        *PORT_ADDRESSES.values(),
        PORT_HARDWARE,
        PORT_SENDERS,
    ]
)
"""Sets whose elements may be there too early and too long."""

OPENING_SETS: Final = frozenset(KNOWN.values())
"""Sets whose elements let packets pass: they go when sides close and come when sides open."""

CLOSING_SETS: Final = frozenset(HELD.values())
"""Sets whose elements stop packets; they change with the node's own configuration only."""

GATES: Final = OPENING_SETS | CLOSING_SETS | PORT_GATES

_DIRECTION_OF_MAP: Final = {name: direction for (direction, _), name in ISOLATED.items()}
_DIRECTION_OF_DENIAL: Final = {chain: direction for direction, chain in DENIED.items()}
_BOTH: Final = frozenset(Direction)

RULES_AT_ONCE: Final = 70
"""The number of rules and chains that always fit into one transaction (`nftables.transaction.MOST_BYTES`).

The largest rule has 884 bytes, and the request to delete the old rules of a chain has less.
"""


class Difference(NamedTuple):
    """What differs between an old and a new program."""

    moves: Mapping[str, list[Move]]
    """By verdict map of subjects: the addresses that get another chain, become isolated or cease to be."""
    rewritten_chains: frozenset[str]
    """Chains that stay and get other rules."""
    edited_sets: frozenset[str]
    """Sets and peer maps that stay, that rules look into, and that get other elements."""
    readers: frozenset[str]
    """Chains, old or new, that look into edited sets."""
    gates: frozenset[str]
    """Sets of known addresses and of held ranges that change, and those that say which ports of bridges may do what."""
    directions: frozenset[Direction]
    """The directions in which verdicts may change."""
    regrouping: Regrouping
    """What of groups of addresses changes before all else, as packets notice nothing of it."""


def compare(old: Program, new: Program) -> Difference:
    """What differs between two programs."""
    new.index.follow(old.index)
    moves = dict(_moves(old.collections, new.collections))
    rewritten = frozenset(
        name
        for name, before, after in differing(old.chains, new.chains)
        if before is not None and before.rules != after.rules
    )
    regrouped = regrouping(old, new)
    edited = frozenset(_edited_sets(old, new, regrouped))
    others = {name: after for name, _, after in differing(old.chains, new.chains)}
    readers = frozenset(name for one in edited for name in old.index.readers.get(one, ()))
    readers |= frozenset(_looking_into(edited, others))
    gates = frozenset(
        name
        for name, before, after in differing(old.collections, new.collections)
        if before is not None and name in GATES and before.elements != after.elements
    )
    directions = {_DIRECTION_OF_MAP[name] for name in moves} | (_BOTH if gates - PORT_GATES else set())
    for name in rewritten | readers:
        directions |= _directions(new.chains.get(name) or old.chains[name])
    return Difference(moves, rewritten, edited, readers, gates, frozenset(directions), regrouped)


def needs_closing(new: Program, difference: Difference) -> bool:
    """Whether sides must close before they open.

    They need not if only one direction changes, or if only rules change and all of them fit into one transaction.
    """
    moves = [move for some in difference.moves.values() for move in some]
    chains_of_moved = {chain for move in moves for chain in (move.old, move.new) if chain}
    if not difference.rewritten_chains.isdisjoint(chains_of_moved):
        return True
    # One more for each chain: the request to delete its old rules.
    requests = sum(1 + len(new.chains[name].rules) for name in difference.rewritten_chains)
    is_one_transaction = not moves and not difference.edited_sets and requests <= RULES_AT_ONCE
    return len(difference.directions) > 1 and not is_one_transaction


def can_edit_in_place(old: Program, new: Program, difference: Difference) -> bool:
    """Whether the edited sets can change while chains look into them.

    They can while one address at a time comes or goes: then each state on the way is either as before or as afterwards
    for the connections of this address, and the same for all others. They can as well where one direction alone
    changes. They cannot where rules that look into them, or the addresses that have these rules, change as well.
    """
    if not difference.edited_sets:
        return True
    addresses_by_family = _edited_addresses(old, new, difference)
    if addresses_by_family is None or not difference.rewritten_chains.isdisjoint(difference.readers):
        return False
    is_single = all(len(addresses) <= 1 for addresses in addresses_by_family.values())
    edited = frozenset().union(*addresses_by_family.values())
    for moves in difference.moves.values():
        for key, *chains in moves:
            if not difference.readers.isdisjoint(chains) and not (is_single and key in edited):
                return False
    return is_single or len(difference.directions) == 1


def _moves(old: Mapping[str, Collection], new: Mapping[str, Collection]) -> Iterator[tuple[str, list[Move]]]:
    for name in _DIRECTION_OF_MAP:
        before, after = old.get(name), new.get(name)
        if before is not after and (moves := moves_between(_as_map(before), _as_map(after))):
            yield name, moves


def _as_map(collection: Collection | None) -> VerdictMap | None:
    return collection if isinstance(collection, VerdictMap) else None


def _edited_sets(old: Program, new: Program, regrouped: Regrouping) -> Iterator[str]:
    changed = {
        name
        for name, before, after in differing(old.collections, new.collections)
        if before is not None
        and name not in _DIRECTION_OF_MAP
        and name not in UNCRITICAL_SETS | GATES
        and not has_classes(after)
        and not has_groups(after)
        and regrouped.groups.get(name, before).elements != after.elements
    }
    yield from changed & old.index.readers.keys()


def _looking_into(sets: frozenset[str], chains: Mapping[str, Chain]) -> Iterator[str]:
    if sets:
        yield from (name for name, chain in chains.items() if not sets.isdisjoint(chain.sets))


def _directions(chain: Chain) -> frozenset[Direction]:
    """The direction whose verdict a profile's chain gives; both for any other chain."""
    last = chain.rules[-1] if chain.rules else None
    if isinstance(last, Rule) and isinstance(last.action, Goto) and last.action.chain in _DIRECTION_OF_DENIAL:
        return frozenset({_DIRECTION_OF_DENIAL[last.action.chain]})
    return _BOTH


def _edited_addresses(old: Program, new: Program, difference: Difference) -> dict[KeyPart, set[bytes]] | None:
    """The addresses that come into or go out of edited sets, by family; None if not only addresses do."""
    found: dict[KeyPart, set[bytes]] = {KeyPart.ADDRESS_4: set(), KeyPart.ADDRESS_6: set()}
    for name in difference.edited_sets:
        before, after = difference.regrouping.groups.get(name, old.collections[name]), new.collections[name]
        part = after.key[0]
        if part not in found:
            return None
        if isinstance(before, VerdictMap | GroupMap) and isinstance(after, VerdictMap | GroupMap):
            found[part] |= {move.key for move in moves_between(before, after)}
        elif isinstance(before, HashSet) and isinstance(after, HashSet):
            found[part] |= {element[: part.length] for element in before.elements ^ after.elements}
        else:
            return None
    return found
