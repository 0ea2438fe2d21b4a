"""Rules: what each one is called, what it needs, and the function that decides.

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
    """Which rules are applied where none is named."""

    DEFAULT = "default"
    """Mistakes: applied unless others are selected."""
    THOROUGH = "thorough"
    """Mistakes that take seconds to find in a large cluster: applied if they are selected."""
    POSTURE = "posture"
    """What could be stricter, and is not a mistake: applied if it is selected."""


class Needs(StrEnum):
    """What the input must hold before a rule can decide. Of an input that is all, `complete`, nothing is missing."""

    POLICIES = "policies"
    """Policies are enough."""
    PODS = "pods"
    """Without any pod or workload in the input, the rule is skipped: no policy would select anything."""


NO_PODS: Final = "the input holds no pods and no workloads"
NO_NAMESPACES: Final = "the input holds no Namespace objects"
"""Why rules are skipped, or cannot decide about something that depends on the labels of namespaces."""


MOST_RELATED: Final = 10
"""How many of the places that a finding is about are listed, where there may be very many."""


class Hit(msgspec.Struct, frozen=True):
    """A mistake in a policy, at the field `path`. `level` is that of the rule, unless it is given.

    `edit` corrects it. `is_safe` says that the edit changes no verdict in any cluster, which is proved before it is
    applied. `related` are other places that the mistake is about, and `objects` other objects, each with what it is.
    `pods` are the pods that it is about and no others: their annotations may suppress it. It is withheld unless its
    `premises` hold.
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
        """What it is about: one pod, or else the policy."""
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
        """What it is about."""
        return self.object


class Unknown(msgspec.Struct, frozen=True):
    """What a rule could not decide, and why."""

    reason: str


def _claims_nothing(problem: Problem) -> FindingLevel | None:
    return None


class LintRule(msgspec.Struct, frozen=True):
    """A rule. `identifier` and `name` never change their meaning, and numbers are not used again.

    `page` describes the rule, as `lint/pages.py` reads it. `check` yields what it finds, in any order. `claims` gives
    the level of a problem of the input that is a finding of the rule, too; None if it is not. The `basis` says what
    policies that are not read could change.
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
    """The check of a rule about suppressions, which are looked at when all other rules have found what they find."""
    return iter(())
