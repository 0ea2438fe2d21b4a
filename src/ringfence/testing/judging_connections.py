"""Judges expectations about connections: `allow`, `deny`, `unknown` and `because`."""

from itertools import product
from math import prod
from typing import Any, Final

from msgspec.structs import replace

from ringfence.analysis.endpoints import named_policy
from ringfence.analysis.questions import Answer
from ringfence.engine.answers import PairReason, end_text, reasons_by_tier
from ringfence.engine.policies import NETWORK_POLICY_TIER, Action, CompiledPolicy
from ringfence.engine.population import Reference
from ringfence.testing.asking import Asking, check_served, narrowed
from ringfence.testing.outcomes import Finding, Question
from ringfence.testing.reachability_tests import Acceptance, Connects, Expected, ReachabilityTest

_MOST_COUNTED: Final = 100
"""Up to this number of pairs, a failure says for how many it holds. Counting more would take longer than the test."""


def judge_connection(
    asking: Asking, test: ReachabilityTest, expectation: Connects, *, with_assumptions: bool
) -> Finding:
    """Whether a connection test holds; `with_assumptions` also finds the assumptions of the answer.

    Raises InputError if the test cannot be judged in the cluster: an end matches nothing, or nobody serves a port.
    """
    # Resolved first: a misspelt policy is an error of the test, even if the connection is as expected.
    because = {one for text in test.because for one in _named(asking, test, text)}
    assumptions: dict[str, None] = {}
    for source, destination in product(expectation.sources, expectation.destinations):
        answer = asking.answer(source, destination, expectation.ports, test.namespace)
        if Acceptance.UNSERVED_PORTS not in test.accepted:
            check_served(answer, expectation.ports)
        if expectation.expected is Expected.UNKNOWN:
            finding = _unknown(asking, answer)
        else:
            finding = _decided(answer, expectation)
            if not finding.holds:
                # Counted only for a test that fails, because it asks about every pair.
                others = _others(asking, test, expectation, (source, destination))
                finding = replace(finding, message=f"{finding.message}{others}")
        if finding.holds and because:
            finding = _because(answer, because, allowed=expectation.expected is Expected.ALLOW)
        if with_assumptions and expectation.expected is not Expected.UNKNOWN:
            assumptions |= dict.fromkeys(asking.assumptions(answer))
        if not finding.holds:
            return replace(finding, assumptions=tuple(assumptions))
    return Finding(True, assumptions=tuple(assumptions))


def _decided(answer: Answer, expectation: Connects) -> Finding:
    is_allowed = expectation.expected is Expected.ALLOW
    holds = answer.all if is_allowed else answer.none
    if not holds and expectation.any_pair:
        # One pair on which all ports are as expected is enough.
        holds = any(not (part.refused if is_allowed else part.passing) for part in answer.parts)
    if holds:
        return Finding(True)
    question = narrowed(answer, passing=not is_allowed)
    assert question is not None
    how = "may not reach" if is_allowed else "may reach"
    return Finding(False, _connection(question, how), question)


def _others(asking: Asking, test: ReachabilityTest, expectation: Connects, texts: tuple[str, str]) -> str:
    """How many more pairs of two texts fail, as the end of a message; without the number if there are too many pairs.

    All pairs count here, not only those that represent others.
    """
    if expectation.any_pair:
        return "; the same holds for every other pair"
    ends = [asking.alternatives(text, test.namespace) for text in texts]
    if any(len(one) != 1 for one in ends) or prod(len(one[0].ends) for one in ends) > _MOST_COUNTED:
        return "; the same may hold for other pairs"
    is_allowed = expectation.expected is Expected.ALLOW
    parts = Answer(asking.state, ends[0][0], ends[1][0], expectation.ports).parts
    wrong = [part for part in parts if (part.refused if is_allowed else part.passing)]
    others = len(wrong) - 1
    return f"; the same holds for {others} other {'pair' if others == 1 else 'pairs'}" if others > 0 else ""


def _connection(question: Question, how: str) -> str:
    on = "" if question.ports.is_everything else f" on {question.ports}"
    return f"{question.source.text} {how} {question.destination.text}{on}"


def _unknown(asking: Asking, answer: Answer) -> Finding:
    """Whether the answer depends on information that the input lacks."""
    if asking.assumptions(answer):
        return Finding(True)
    words = {"all": "allowed", "some": "allowed in part", "none": "denied"}
    message = f"{answer.source.text} -> {answer.destination.text} is known: it is {words[answer.result]}"
    question = Question(answer.source, answer.destination, answer.ports)
    return Finding(False, message, question, is_reversible=False)


# --- because ----------------------------------------------------------------------------------------------------------


def _named(asking: Asking, test: ReachabilityTest, text: str) -> list[Reference]:
    """The policies that a text names; a name alone means every namespace. Raises InputError if there is none."""
    policies = asking.state.tiers.policies()
    namesakes = [_reference(one) for one in policies if one.name == text and one.kind == "NetworkPolicy"]
    return namesakes or [named_policy(asking.state, text, test.namespace or asking.namespace)]


def _reference(policy: CompiledPolicy[Any]) -> Reference:
    return Reference(policy.namespace, policy.kind, policy.name)


def _because(answer: Answer, wanted: set[Reference], *, allowed: bool) -> Finding:
    """Whether, for every pair, one of the wanted policies decides."""
    for explained in answer.explanations:
        deciding = _allowing(explained.reason) if allowed else _denying(explained.reason)
        if not deciding & wanted:
            reason = explained.reason
            by = ", ".join(sorted(map(_policy_text, deciding))) or "no policy"
            verbs = ("allow", "deny") if len(deciding) > 1 else ("allows", "denies")
            verb = verbs[0] if allowed else verbs[1]
            pair = f"{end_text(reason.source)} -> {end_text(reason.destination)}"
            names = " or ".join(sorted(map(_policy_text, wanted)))
            question = Question(answer.source, answer.destination, answer.ports)
            return Finding(False, f"{by} {verb} {pair}, not {names}", question, is_reversible=False)
    return Finding(True)


def _policy_text(policy: Reference) -> str:
    return f"{policy.namespace}/{policy.name}" if policy.namespace else policy.name


def _allowing(reason: PairReason) -> frozenset[Reference]:
    """The policies that have a rule which allows what is asked, on either side."""
    return frozenset(
        _reference(policy.policy)
        for side in (reason.egress, reason.ingress)
        for policy in side.policies
        if any(rule.allows_any(reason.asked) for rule in policy.rules)
    )


def _denying(reason: PairReason) -> frozenset[Reference]:
    """The policies by which a side denies: those that isolate it, or the rule of an administrator that decides."""
    found: set[Reference] = set()
    for side in (reason.egress, reason.ingress):
        if side.allowed:
            continue
        for tier in reasons_by_tier(side, reason.asked):
            # A tier after the one that has decided is not the reason, even if it would have denied as well.
            if not tier.is_asked:
                continue
            if tier.name == NETWORK_POLICY_TIER:
                # NetworkPolicies deny together, by isolating: none of them has a rule that does it alone.
                policies = list(tier.policies) if tier.decision is not Action.ALLOW else []
            else:
                policies = [tier.by.policy] if tier.by and tier.by.rule.action is Action.DENY else []
            found |= {_reference(one.policy) for one in policies}
    return frozenset(found)
