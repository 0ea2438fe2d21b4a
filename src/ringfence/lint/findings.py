"""The findings of `lint`: mistakes with place, reason and remedy."""

from enum import StrEnum

import msgspec

from ringfence.engine.population import Reference
from ringfence.model.origin import Place
from ringfence.model.text_edits import TextEdit


class FindingLevel(StrEnum):
    """The severity of a finding, which says how certain a mistake is; the worst comes first."""

    ERROR = "error"
    """It is certainly not intended, or the API server refuses it."""
    WARNING = "warning"
    """It is very likely not intended."""
    NOTE = "note"
    """It may be intended, but often is not."""

    def is_at_least(self, other: "FindingLevel") -> bool:
        """Whether this level is as bad as another one, or worse."""
        # The values are texts, whose own order would be alphabetical.
        order = list(FindingLevel)
        return order.index(self) <= order.index(other)


class RelatedPlace(msgspec.Struct, frozen=True):
    """Another place that is relevant for a finding, and its role, such as `what covers it`."""

    place: Place
    text: str
    object: str = ""


class LintFinding(msgspec.Struct, frozen=True):
    """One mistake.

    `rule` is the identifier of the rule (`RF101`), or the code of a problem of the input (`unknown-field`), and `name`
    is what people call it. `object` is the policy, such as `NetworkPolicy prod/db-policy`, and `path` the field in it.
    `edit` is the change of the text that corrects it, if there is one that can be proposed; `is_safe` says that it was
    written to change no verdict. `fingerprint` stays the same while lines and items around the mistake move
    (`lint/fingerprints.py`). An `is_input_error` cannot be suppressed: what it is about is missing from the answer.
    `pods` are the pods that it is about and their workloads, whose annotations may suppress it.
    """

    rule: str
    name: str
    level: FindingLevel
    place: Place
    object: str
    path: str
    message: str
    remedy: str = ""
    edit: TextEdit | None = None
    is_safe: bool = False
    related: tuple[RelatedPlace, ...] = ()
    fingerprint: str = ""
    is_input_error: bool = False
    pods: tuple[str, ...] = ()


def name_of_reference(reference: Reference) -> str:
    """An object as findings name it: `Deployment shop/web`."""
    path = f"{reference.namespace}/{reference.name}" if reference.namespace else reference.name
    return f"{reference.kind} {path}"


def order_of(one: LintFinding) -> tuple[Place, str, str, str, str]:
    """The order of findings: by place, and the same in every run."""
    return one.place, one.rule, one.object, one.path, one.message


class SuppressionKind(StrEnum):
    """Where a suppression is written, in the terms of SARIF."""

    IN_SOURCE = "inSource"
    """In the manifests: a comment or an annotation."""
    EXTERNAL = "external"
    """In a file beside them: a baseline."""


class SuppressedFinding(msgspec.Struct, frozen=True):
    """A finding that does not count, where it is suppressed, and why."""

    finding: LintFinding
    kind: SuppressionKind
    reason: str


class SkippedRules(msgspec.Struct, frozen=True):
    """Rules that could not be decided, and why; if `is_partial`, only for a part of the input."""

    rules: tuple[str, ...]
    reason: str
    is_partial: bool = False

    def __str__(self) -> str:
        return f"{'partly ' if self.is_partial else ''}skipped {', '.join(self.rules)}: {self.reason}"


class BaselineEntry(msgspec.Struct, frozen=True):
    """The entry of a finding in a baseline."""

    fingerprint: str
    text: str


class IsolationCoverage(msgspec.Struct, frozen=True):
    """The number of workloads without hostNetwork, and how many of them policies isolate."""

    workloads: int
    ingress: int
    egress: int

    def __str__(self) -> str:
        return (
            f"isolated workloads: {self.ingress} of {self.workloads} ingress, {self.egress} of {self.workloads} egress"
        )


class LintFindings(msgspec.Struct, frozen=True):
    """All findings, by place, and the rules that were skipped. It is false if there are no findings.

    `suppressed` are findings that do not count; they are not in `found`. `corrected` are entries of a baseline that are
    no longer found. `coverage` is counted if rules about posture are applied.
    """

    found: tuple[LintFinding, ...]
    skipped: tuple[SkippedRules, ...] = ()
    suppressed: tuple[SuppressedFinding, ...] = ()
    corrected: tuple[BaselineEntry, ...] = ()
    coverage: IsolationCoverage | None = None

    def __bool__(self) -> bool:
        return bool(self.found)

    def __len__(self) -> int:
        return len(self.found)

    def at_least(self, level: FindingLevel) -> tuple[LintFinding, ...]:
        """The findings of a level and of worse levels."""
        return tuple(one for one in self.found if one.level.is_at_least(level))
