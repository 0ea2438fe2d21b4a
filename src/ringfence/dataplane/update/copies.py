"""Going by copies: how sets change that cannot be edited while chains look into them.

All chains are moved to copies that have the new elements, and back again when the originals are right.
"""

from collections.abc import Iterator, Mapping

from ringfence.dataplane.program import Chain, Collection, Condition, Dispatch, Lookup, Program, Rule, VerdictMap
from ringfence.dataplane.update.comparison import Difference, compare, needs_closing
from ringfence.dataplane.update.intersection import unused_name
from ringfence.dataplane.update.steps import UpdateStep, steps_in_place


def steps_by_copies(old: Program, new: Program, difference: Difference) -> list[UpdateStep]:
    """The steps to a program that looks into copies of the edited sets, and from there to `new`.

    On the way back the originals are right already when chains begin to look into them, so no side has to close.
    """
    copying = _with_copies(old, new, difference)
    there, back = compare(old, copying), compare(copying, new)
    return [
        *steps_in_place(old, copying, there, closing=needs_closing(copying, there)),
        *steps_in_place(copying, new, back, closing=False),
    ]


def _with_copies(old: Program, new: Program, difference: Difference) -> Program:
    """`new`, but with the edited sets as they were, and with chains that look into copies of them as they will be."""
    copies: dict[str, str] = {}
    collections: dict[str, Collection] = dict(new.collections)
    for name in difference.edited_sets:
        copies[name] = unused_name("copy", old.collections, collections)
        collections[copies[name]] = new.collections[name]
        collections[name] = old.collections[name]
    chains = {
        name: _looking_into_copies(chain, copies) if name in difference.readers else chain
        for name, chain in new.chains.items()
    }
    kept = dict(_only_in_old(old, new, difference))
    kept_sets = {name: old.collections[name] for chain in kept.values() for name in chain.sets}
    return Program({**kept_sets, **collections}, {**kept, **chains})


def _only_in_old(old: Program, new: Program, difference: Difference) -> Iterator[tuple[str, Chain]]:
    """The chains that `new` lacks and to which edited peer maps lead as they were."""
    for name in difference.edited_sets:
        collection = old.collections[name]
        if isinstance(collection, VerdictMap):
            yield from ((chain, old.chains[chain]) for chain in collection.elements if chain not in new.chains)


def _looking_into_copies(chain: Chain, copies: Mapping[str, str]) -> Chain:
    rules = (_rule_looking_into_copies(rule, copies) if isinstance(rule, Rule) else rule for rule in chain.rules)
    return Chain(tuple(rules), chain.hook)


def _rule_looking_into_copies(rule: Rule, copies: Mapping[str, str]) -> Rule:
    conditions: list[Condition] = []
    for condition in rule.conditions:
        if isinstance(condition, Lookup) and condition.set in copies:
            conditions.append(Lookup(condition.fields, copies[condition.set], condition.absent))
        else:
            conditions.append(condition)
    action = rule.action
    if isinstance(action, Dispatch) and action.map in copies:
        action = Dispatch(action.field, copies[action.map])
    return Rule(tuple(conditions), action)
