"""Updates by copies: changes sets that cannot be edited while chains look them up.

The update moves all chains to copies of the sets with the new elements. When the original sets have the new elements,
too, it moves the chains back.
"""

from collections.abc import Mapping

import msgspec

from ringfence.dataplane.program import (
    Chain,
    ClassLookup,
    Collection,
    Condition,
    Dispatch,
    DispatchGroup,
    Lookup,
    Program,
    Rule,
)
from ringfence.dataplane.update.comparison import Difference, FitsAtOnce, compare, fits_always, needs_closing
from ringfence.dataplane.update.intersection import unused_name
from ringfence.dataplane.update.reached import reached_from
from ringfence.dataplane.update.steps import UpdateStep, steps_in_place


def steps_by_copies(
    old: Program, new: Program, difference: Difference, fits_at_once: FitsAtOnce = fits_always
) -> list[UpdateStep]:
    """Return the steps to a program that looks up copies of the edited sets, and from there to `new`.

    On the way back, the original sets have the new elements before chains look them up, so no side has to close.
    """
    copying = _with_copies(old, new, difference)
    there, back = compare(old, copying), compare(copying, new)
    return [
        *steps_in_place(old, copying, there, closing=needs_closing(copying, there, fits_at_once)),
        *steps_in_place(copying, new, back, closing=False),
    ]


def _with_copies(old: Program, new: Program, difference: Difference) -> Program:
    """Return `new` with the old elements in the edited sets, and with chains that look up copies with new elements."""
    copies: dict[str, str] = {}
    collections: dict[str, Collection] = dict(new.collections)
    for name in difference.edited_sets:
        # Not a name of the old program: an update that failed can have left a copy there.
        copies[name] = unused_name("copy", old.collections, collections)
        collections[copies[name]] = new.collections[name]
        collections[name] = old.collections[name]
    chains = {
        name: _looking_into_copies(chain, copies) if name in difference.readers else chain
        for name, chain in new.chains.items()
    }
    kept = reached_from(old, collections=difference.edited_sets)
    return Program({**kept.collections, **collections}, {**kept.chains, **chains})


def _looking_into_copies(chain: Chain, copies: Mapping[str, str]) -> Chain:
    rules = (_rule_looking_into_copies(rule, copies) if isinstance(rule, Rule) else rule for rule in chain.rules)
    return Chain(tuple(rules), chain.hook)


def _rule_looking_into_copies(rule: Rule, copies: Mapping[str, str]) -> Rule:
    conditions: list[Condition] = []
    for condition in rule.conditions:
        if isinstance(condition, Lookup | ClassLookup) and condition.set in copies:
            conditions.append(msgspec.structs.replace(condition, set=copies[condition.set]))
        else:
            conditions.append(condition)
    action = rule.action
    if isinstance(action, Dispatch) and action.map in copies:
        action = Dispatch(action.fields, copies[action.map])
    if isinstance(action, DispatchGroup):
        names = (copies.get(name, name) for name in (action.groups, action.classes, action.map))
        action = DispatchGroup(action.field, *names)
    return Rule(tuple(conditions), action)
