"""Applies rules to a cluster and collects their findings."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from ringfence.errors import InputError
from ringfence.lint.compliance import compliance_tags
from ringfence.lint.findings import (
    FindingLevel,
    LintFinding,
    LintFindings,
    RelatedPlace,
    SkippedRules,
    name_of_reference,
    order_of,
)
from ringfence.lint.fingerprints import content, value_at, with_fingerprints
from ringfence.lint.linted import Linted
from ringfence.lint.posture import isolation_coverage
from ringfence.lint.premises import Basis, Withheld, doubtful, undecided_everywhere
from ringfence.lint.rule import NO_PODS, Hit, LintRule, Needs, ObjectHit, RuleGroup, Unknown
from ringfence.lint.rules import RULES
from ringfence.lint.texts import bounded, no_rule
from ringfence.model.documents import document
from ringfence.model.kinds import object_name
from ringfence.model.origin import Place
from ringfence.model.problems import Problem, Severity

ALL = "all"
"""The word that selects every rule and every problem of the input."""


def find_mistakes(linted: Linted, problems: Iterable[Problem], rules: Sequence[LintRule]) -> LintFindings:
    """The findings of some rules, and the problems of the input, by place. The order is the same in every run.

    A problem that a rule claims is a finding of this rule. If the rule is not applied, a warning is left out; an error
    never is, because all other findings were decided without its object. Findings that a policy of an unsupported kind
    may change are withheld.
    """
    found = list(_problems(problems, rules))
    documents: dict[int, dict[str, Any]] = {}
    skipped = _Skipped()
    for rule in rules:
        # Said and not silent: a rule that could not be applied must not look like one that found nothing.
        if reason := _missing(linted, rule):
            skipped.add(rule, reason)
            continue
        for hit in rule.check(linted):
            if isinstance(hit, Unknown):
                skipped.add(rule, hit.reason, is_partial=True)
            # A finding that may be wrong costs more trust than a missing one, which is counted as withheld.
            elif doubt := doubtful(linted, hit.premises):
                skipped.withheld.add(rule.identifier, hit.about, doubt)
            else:
                found.append(_finding(rule, hit, documents, linted))
    # Sorted before fingerprints are made: equal ones are numbered in this order.
    found.sort(key=lambda one: order_of(one[0]))
    return LintFindings(
        tuple(with_fingerprints(found)),
        tuple(skipped),
        coverage=isolation_coverage(linted) if any(one.group is RuleGroup.POSTURE for one in rules) else None,
    )


class _Skipped:
    """The rules that could not be decided, by reason."""

    def __init__(self) -> None:
        self._rules: defaultdict[tuple[str, bool], dict[str, None]] = defaultdict(dict)
        self.withheld = Withheld()

    def add(self, rule: LintRule, reason: str, *, is_partial: bool = False) -> None:
        """Add a rule that could not be decided, or only partly."""
        self._rules[reason, is_partial][rule.identifier] = None

    def __iter__(self) -> Iterator[SkippedRules]:
        for (reason, is_partial), rules in self._rules.items():
            yield SkippedRules(tuple(rules), reason, is_partial)
        yield from self.withheld.skipped()


def _missing(linted: Linted, rule: LintRule) -> str:
    """Why a rule cannot be decided; empty if it can."""
    if rule.needs is not Needs.POLICIES and not linted.is_complete and not linted.has_pods:
        return NO_PODS
    return undecided_everywhere(linted) if rule.basis is Basis.PASSING_EVERYWHERE else ""


def _finding(
    rule: LintRule, hit: Hit | ObjectHit, documents: dict[int, dict[str, Any]], linted: Linted
) -> tuple[LintFinding, str]:
    """A finding, and the text of its fingerprint. `documents` caches policies as documents, some of which are large."""
    level = hit.level or rule.level
    message, remedy = bounded(hit.message), bounded(hit.remedy)
    # Only policies are kept as documents, so of other objects the message is hashed.
    if isinstance(hit, ObjectHit):
        of = LintFinding(rule.identifier, rule.name, level, hit.place, hit.object, "", message, remedy)
        return of, content(of, None)
    origin, policy = hit.policy.origin, hit.policy.policy
    if id(policy) not in documents:
        documents[id(policy)] = document(policy)
    place = origin.at(hit.path) if origin else Place("")
    found = LintFinding(
        rule.identifier,
        rule.name,
        level,
        place,
        object_name(policy),
        hit.path,
        message,
        remedy,
        hit.edit,
        hit.is_safe,
        (*hit.related, *_places_of_objects(hit, linted)),
        pods=tuple(
            sorted({name_of_reference(one) for pod in hit.pods for one in (pod.reference, linted.state.workload(pod))})
        ),
    )
    return found, content(found, value_at(documents[id(policy)], hit.path))


def _places_of_objects(hit: Hit, linted: Linted) -> Iterator[RelatedPlace]:
    """The places of the objects and pods of a finding, as far as they are in files."""
    pods = [(linted.state.workload(pod), "a workload that it is about") for pod in hit.pods]
    for reference, text in dict([*pods, *hit.objects]).items():
        place = linted.place_of(reference)
        if place.line:
            yield RelatedPlace(place, text, name_of_reference(reference))


def _problems(problems: Iterable[Problem], rules: Sequence[LintRule]) -> Iterator[tuple[LintFinding, str]]:
    for problem in problems:
        # All rules, not only the chosen ones: a warning of a rule that is not chosen must not appear under its code.
        claims = ((rule, level) for rule in RULES if (level := rule.claims(problem)))
        rule, level = next(claims, (None, None))
        if rule and level and rule in rules:
            yield _problem(problem, rule.identifier, rule.name, level)
        elif rule is None or problem.severity is Severity.ERROR:
            code = str(problem.code)
            yield _problem(problem, code, code, FindingLevel(problem.severity.value))


def _problem(problem: Problem, identifier: str, name: str, level: FindingLevel) -> tuple[LintFinding, str]:
    found = LintFinding(
        identifier,
        name,
        level,
        problem.place,
        problem.object,
        "",
        problem.message,
        problem.remedy,
        problem.fix,
        is_input_error=problem.severity is Severity.ERROR,
    )
    return found, content(found, None)


def chosen_rules(
    select: Iterable[str], ignore: Iterable[str] = (), extend_select: Iterable[str] = ()
) -> list[LintRule]:
    """The rules that `select` and `extend_select` name, without those in `ignore`; by default the default group.

    A word is an identifier, the beginning of several (`RF1`), a name, a group, a control of a framework
    (`compliance:cis-5.3.2`), or `all`. Raises InputError for a word that names no rule, and if no rule is left.
    """
    selected = list(select)
    wanted = named_rules(selected) if selected else [one for one in RULES if one.group is RuleGroup.DEFAULT]
    wanted += named_rules(extend_select)
    unwanted = named_rules(ignore)
    # In the order of the table, whatever the order of the words.
    chosen = [one for one in RULES if one in wanted and one not in unwanted]
    if not chosen:
        raise InputError("every rule that is selected is ignored: nothing would be found")
    return chosen


def named_rules(words: Iterable[str]) -> list[LintRule]:
    """The rules that words name. Raises InputError for a word that names none."""
    return [rule for word in words for rule in _meant(word)]


def _meant(word: str) -> list[LintRule]:
    found = [one for one in RULES if _is_named(one, word)]
    if not found:
        raise InputError(no_rule(word, known_words()))
    return found


def _is_named(rule: LintRule, word: str) -> bool:
    is_beginning = word.upper().startswith("RF") and rule.identifier.startswith(word.upper())
    return is_beginning or word.lower() in (rule.name, rule.group.value, ALL, *compliance_tags(rule.identifier))


def known_words() -> Iterator[str]:
    """The words that select rules."""
    yield from (one.identifier for one in RULES)
    yield from (one.name for one in RULES)
    groups = {one.group.value for one in RULES} | {tag for one in RULES for tag in compliance_tags(one.identifier)}
    yield from sorted(groups)
    yield ALL
