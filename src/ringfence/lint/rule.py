"""Lint rules: name, requirements, and the function that finds mistakes.

A rule is a file in `lint/rules`. The docstring of the file is the page of the rule (`lint/pages.py`), and the examples
in it are the tests of the rule.
"""

from collections.abc import Callable, Iterator
from enum import StrEnum
from typing import Any, Final

import msgspec

from ringfence.engine.policies import CompiledPolicy
from ringfence.engine.population import Member, Reference
from ringfence.lint.findings import FindingLevel, RelatedPlace
from ringfence.lint.linted import Linted
from ringfence.lint.premises import Basis, Premise
from ringfence.model.origin import Place
from ringfence.model.problems import Problem
from ringfence.model.text_edits import TextEdit


class RuleGroup(StrEnum):
    """The group of a rule, which says whether it is applied by default."""

    DEFAULT = "default"
    """Mistakes: applied unless others are selected."""
    THOROUGH = "thorough"
    """Mistakes that take seconds to find in a large cluster: applied if they are selected."""
    POSTURE = "posture"
    """Settings that could be stricter but are not mistakes: applied if they are selected."""


class Needs(StrEnum):
    """The objects that a rule needs in the input. A `complete` input meets every need."""

    POLICIES = "policies"
    """Policies are enough."""
    PODS = "pods"
    """Without any pod or workload in the input, the rule is skipped: no policy would select anything."""


NO_PODS: Final = "the input holds no pods and no workloads"
NO_NAMESPACES: Final = "the input holds no Namespace objects"
"""Why rules are skipped, or cannot decide about something that depends on the labels of namespaces."""


MOST_RELATED: Final = 10
"""The most related places of a finding that are listed."""


class Hit(msgspec.Struct, frozen=True):
    """A mistake in a policy, at the field `path`. The default `level` is that of the rule.

    `edit` corrects it. `is_safe` says that the edit changes no verdict in any cluster, which is proved before it is
    applied. `related` are other relevant places, and `objects` other relevant objects, each with its role. `pods` are
    the only affected pods: their annotations may suppress it. It is withheld unless its `premises` hold.
    """

    policy: CompiledPolicy[Any]
    path: str
    message: str
    remedy: str
    level: FindingLevel | None = None
    edit: TextEdit | None = None
    is_safe: bool = False
    related: tuple[RelatedPlace, ...] = ()
    objects: tuple[tuple[Reference, str], ...] = ()
    pods: tuple[Member, ...] = ()
    premises: tuple[Premise, ...] = ()

    @property
    def about(self) -> str:
        """The affected object: a single pod, or else the policy."""
        return str(self.pods[0]) if len(self.pods) == 1 else f"{self.policy.kind_name} {self.policy}"


class ObjectHit(msgspec.Struct, frozen=True):
    """A mistake in an object that is not a policy in force: `object` is its kind and name."""

    object: str
    place: Place
    message: str
    remedy: str
    level: FindingLevel | None = None
    premises: tuple[Premise, ...] = ()

    @property
    def about(self) -> str:
        """The affected object."""
        return self.object


class Unknown(msgspec.Struct, frozen=True):
    """Something that a rule could not decide, and why."""

    reason: str


def _claims_nothing(problem: Problem) -> FindingLevel | None:
    return None


class LintRule(msgspec.Struct, frozen=True):
    """A rule. `identifier` and `name` never change their meaning, and numbers are not reused.

    `page` describes the rule, in the format of `lint/pages.py`. `check` yields findings in any order. `claims` gives
    the level of a problem of the input that is a finding of this rule; None if it is not. `basis` says how policies of
    unsupported kinds can affect findings.
    """

    identifier: str
    name: str
    level: FindingLevel
    page: str
    check: Callable[[Linted], Iterator[Hit | ObjectHit | Unknown]]
    needs: Needs = Needs.PODS
    group: RuleGroup = RuleGroup.DEFAULT
    claims: Callable[[Problem], FindingLevel | None] = _claims_nothing
    basis: Basis = Basis.WRITTEN


def finds_nothing_else(linted: Linted) -> Iterator[Hit]:
    """The check of a rule whose findings are all problems of the input."""
    return iter(())


def decided_after_others(linted: Linted) -> Iterator[Hit]:
    """The check of a rule about suppressions, which are evaluated after all other rules."""
    return iter(())
