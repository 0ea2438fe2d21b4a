"""Finds the differences between two programs that can change verdicts, and what the update must do because of them.

The comparison ignores sets whose elements may be present too early or too long: pairs of a pod's own addresses, links
that lead to no pod, ports of tunnels, addresses at bridge ports, counters, and the contents of classes.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
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
    PORT_FILTERS,
    PORT_HARDWARE,
    PORT_SENDERS,
    SPOOFED,
    TUNNELS,
    UNTRACKED,
    Chain,
    Collection,
    GroupMap,
    HashSet,
    KeyPart,
    Move,
    Program,
    VerdictMap,
    differing,
    has_classes,
    has_groups,
    moves_between,
)
from ringfence.dataplane.update.commands import (
    AddElements,
    Command,
    RemoveElements,
    ReplaceElements,
    SetRules,
    own_rules,
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
"""Sets whose elements may be present too early and too long."""

OPENING_SETS: Final = frozenset(KNOWN.values())
"""Sets whose elements let packets pass. Elements are removed when sides close, and added when sides open."""

CLOSING_SETS: Final = frozenset(HELD.values())
"""Sets whose elements stop packets. They change only with the node's own configuration."""

FILTERING_SETS: Final = OPENING_SETS | CLOSING_SETS | PORT_FILTERS
"""Sets and maps that decide which packets pass, apart from the verdict maps of isolated pods."""

_DIRECTION_OF_MAP: Final = {name: direction for (direction, _), name in ISOLATED.items()}
_DIRECTION_OF_DENIAL: Final = {chain: direction for direction, chain in DENIED.items()}
_BOTH: Final = frozenset(Direction)

RULES_AT_ONCE: Final = 70
"""The number of rules and chains that always fit into one transaction (`nftables.transaction.MOST_BYTES`).

The largest rule has 884 bytes. The request to delete the old rules of a chain is smaller.
"""

FitsAtOnce = Callable[[Sequence[Command]], bool]
"""Whether the kernel executes these commands in one transaction."""

_ELEMENTS_OF_A_RULE: Final = 3
"""The number of elements that take no more bytes than the largest rule. A range is two elements of up to 140 bytes."""


def fits_always(commands: Sequence[Command]) -> bool:
    """Whether the kernel executes these commands in one transaction, however large their rules are."""
    return sum(map(_requests, commands)) <= RULES_AT_ONCE


def _requests(command: Command) -> int:
    """Return the size of a command, in requests as large as the one that adds the largest rule."""
    match command:
        case SetRules(rules=rules):
            return 1 + len(rules)
        case AddElements(collection=one) | RemoveElements(collection=one) | ReplaceElements(collection=one):
            return 1 + 2 * one.size // _ELEMENTS_OF_A_RULE
        case _:
            return 1


class Difference(NamedTuple):
    """The differences between an old and a new program."""

    moves: Mapping[str, list[Move]]
    """By verdict map of subjects: the addresses that get another chain, become isolated, or are no longer isolated."""
    rewritten_chains: frozenset[str]
    """Chains of both programs whose rules differ."""
    edited_sets: frozenset[str]
    """Sets and peer maps of both programs whose elements differ and that rules look up."""
    readers: frozenset[str]
    """Chains of either program that look up edited sets."""
    filtering: frozenset[str]
    """Sets of known addresses and of held ranges that change, and sets and maps about bridge ports that change."""
    directions: frozenset[Direction]
    """The directions in which verdicts may change."""
    regrouping: Regrouping
    """The changes of groups of addresses, most of which do not affect any packet."""


def compare(old: Program, new: Program) -> Difference:
    """Find the differences between two programs."""
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
    filtering = frozenset(
        name
        for name, before, after in differing(old.collections, new.collections)
        if before is not None and name in FILTERING_SETS and before.elements != after.elements
    )
    directions = {_DIRECTION_OF_MAP[name] for name in moves} | (_BOTH if filtering - PORT_FILTERS else set())
    for name in rewritten | readers:
        if directions == _BOTH:
            break
        directions |= _directions(new.chains.get(name) or old.chains[name], new, old)
    return Difference(moves, rewritten, edited, readers, filtering, frozenset(directions), regrouped)


def needs_closing(new: Program, difference: Difference, fits_at_once: FitsAtOnce = fits_always) -> bool:
    """Whether sides must close before they open.

    This is not necessary if only one direction changes, or if only rules change and fit into one transaction.
    """
    moves = [move for some in difference.moves.values() for move in some]
    chains_of_moved = {chain for move in moves for chain in (move.old, move.new) if chain}
    if not difference.rewritten_chains.isdisjoint(chains_of_moved):
        return True
    if len(difference.directions) <= 1:
        return False
    if moves or difference.edited_sets:
        return True
    rewritten = [SetRules(name, own_rules(new.chains[name])) for name in sorted(difference.rewritten_chains)]
    return not fits_at_once(rewritten)


def can_edit_in_place(old: Program, new: Program, difference: Difference) -> bool:
    """Whether the edited sets can change while chains look them up.

    This is possible if at most one address of each family is added or removed. Then each intermediate state treats the
    connections of this address as before or as after the update, and does not affect other connections. It is also
    possible if only one direction changes. It is not possible if the rules that look up the sets change, too, or the
    addresses that have these rules.
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
        and name not in UNCRITICAL_SETS | FILTERING_SETS
        and not has_classes(after)
        and not has_groups(after)
        and regrouped.groups.get(name, before).elements != after.elements
    }
    yield from changed & old.index.readers.keys()


def _looking_into(sets: frozenset[str], chains: Mapping[str, Chain]) -> Iterator[str]:
    if sets:
        yield from (name for name, chain in chains.items() if not sets.isdisjoint(chain.sets))


def _directions(chain: Chain, *programs: Program) -> frozenset[Direction]:
    """Return the direction that a profile's chain decides; both directions for any other chain.

    Packets that a profile does not allow go from the end of its chain to the chain that denies them, or first to a
    chain that several profiles have in common. Such a chain never changes, and what it looks up does not, either, apart
    from groups of addresses, which the chains of its profiles look up as well.
    """
    seen: set[str] = set()
    end = chain.end
    while end is not None and end not in _DIRECTION_OF_DENIAL and end not in seen:
        seen.add(end)
        following = next((one.chains[end] for one in programs if end in one.chains), None)
        end = following.end if following else None
    return frozenset({_DIRECTION_OF_DENIAL[end]}) if end in _DIRECTION_OF_DENIAL else _BOTH


def _edited_addresses(old: Program, new: Program, difference: Difference) -> dict[KeyPart, set[bytes]] | None:
    """Return the addresses that edited sets gain or lose, by family; None if other elements change, too."""
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
