"""What RF108 and RF109 say of parts of policies that other rules cover.

Policies of administrators hold whatever namespaces say, and those of namespaces hold whatever administrators say. That
a part of one tier has no effect beside another tier is therefore no mistake: it takes effect when the other one
changes. Of administrators' policies only what their own tier decides anyway is a finding. Of NetworkPolicies, what
administrators decide is one, but no advice to remove what is somebody else's, and no correction.
"""

from collections.abc import Iterable, Iterator
from typing import Any, Final

from ringfence.analysis.possible import Cover, EntryPlace, PartKind, RedundantPart
from ringfence.engine.policies import Action, CompiledPolicy, CompiledRule
from ringfence.engine.possible import RulePlace
from ringfence.lint.findings import RelatedPlace
from ringfence.model.cluster_policies import PolicyTier
from ringfence.model.cluster_rules import tier_of
from ringfence.model.kinds import object_name
from ringfence.model.objects import NetworkPolicy

PART_NAMES: Final = {
    PartKind.POLICY: "this policy",
    PartKind.RULE: "this rule",
    PartKind.PEER: "this peer",
    PartKind.PORT: "this port entry",
}


def depends_on_other_tiers(one: RedundantPart) -> bool:
    """Whether a part has no effect because of a policy of another tier."""
    own = _tier(one.part.policy)
    return any(_tier(_policy_of(cover)) is not own for cover in one.covers)


def is_decided_by_its_tier(one: RedundantPart) -> bool:
    """Whether a part of an administrators' policy has no effect whatever the policies of other tiers say.

    Its own tier decides before it, or does the same directly afterwards.
    """
    return bool(one.covers) and all(
        isinstance(cover, RulePlace)
        and _tier(cover.policy) is _tier(one.part.policy)
        and (_comes_before(cover, one) or _does_the_same_next(cover, one))
        for cover in one.covers
    )


def is_of_administrators(policy: CompiledPolicy[Any]) -> bool:
    """Whether a policy is one of administrators, for many namespaces."""
    return not isinstance(policy.policy, NetworkPolicy)


def places_of_covers(covers: Iterable[Cover]) -> Iterator[RelatedPlace]:
    """The rules that cover a part, as far as it is known where they are written."""
    for cover in covers:
        if isinstance(cover, RulePlace) and cover.policy.origin:
            yield RelatedPlace(cover.policy.origin.at(cover.path), "what covers it", object_name(cover.policy.policy))


def why_covered(one: RedundantPart) -> str:
    """What covers a part, as the end of a sentence. Raises IndexError if nothing does."""
    cover, others = one.covers[0], len(one.covers) - 1
    if not isinstance(cover, RulePlace):
        first = f"policy {cover}, which isolates the same pods,"
    elif isinstance(cover, EntryPlace):
        first = f"{cover.entry.path_in_rule} of the same rule"
    elif cover.rule is one.part.rule:
        first = "the rest of its rule"
    else:
        place = cover.policy.origin.at(cover.path) if cover.policy.origin else None
        kind = f"{cover.policy.kind_name} " if is_of_administrators(cover.policy) else ""
        first = f"{kind}{cover.policy} {cover.path}{f' ({place})' if place else ''}"
    if others:
        return f"{first} and {others} more cover it together"
    if isinstance(cover, RulePlace) and depends_on_other_tiers(one):
        verb = "denies" if cover.rule.action is Action.DENY else "allows"
        return f"{first} {verb} it before NetworkPolicies are asked"
    return f"{first} covers it"


def _tier(policy: CompiledPolicy[Any]) -> PolicyTier | None:
    """The tier of a policy of administrators; None for a NetworkPolicy."""
    return tier_of(policy.policy) if is_of_administrators(policy) else None


def _policy_of(cover: Cover) -> CompiledPolicy[Any]:
    return cover.policy if isinstance(cover, RulePlace) else cover


def _comes_before(cover: RulePlace, one: RedundantPart) -> bool:
    """Whether a rule is asked before a part. Of two policies with the same priority that is not defined."""
    mine = one.part.policy
    if cover.policy is mine:
        return one.part.rule is not None and cover.rule.index < one.part.rule.index
    return cover.policy.priority < mine.priority


def _does_the_same_next(cover: RulePlace, one: RedundantPart) -> bool:
    """Whether a rule of the same policy does what a part does, and no rule between them does anything else."""
    rule = one.part.rule
    if cover.policy is not one.part.policy or rule is None:
        return False
    between = _from_to(cover.policy.rules[cover.direction], rule, cover.rule)
    return {other.action for other in between} == {rule.action}


def _from_to(rules: Iterable[CompiledRule], first: CompiledRule, last: CompiledRule) -> list[CompiledRule]:
    return [rule for rule in rules if first.index <= rule.index <= last.index]
