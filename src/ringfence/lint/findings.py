"""What `lint` finds: one mistake with its place, its reason and its remedy."""

from enum import StrEnum

import msgspec

from ringfence.model.origin import Place
from ringfence.model.text_edits import TextEdit


class FindingLevel(StrEnum):
    """How sure it is that a finding is a mistake, from the worst to the mildest."""

    ERROR = "error"
    """It is certainly not what was meant, or the API server refuses it."""
    WARNING = "warning"
    """It is very likely not what was meant."""
    NOTE = "note"
    """It may be meant, and is often not."""

    def is_at_least(self, other: "FindingLevel") -> bool:
        """Whether this level is as bad as another one, or worse."""
        order = list(FindingLevel)
        return order.index(self) <= order.index(other)


class LintFinding(msgspec.Struct, frozen=True):
    """One mistake.

    `rule` is the identifier of the rule (`RF101`), or the code of a problem of the input (`unknown-field`), and `name`
    is what people call it. `object` is the policy, such as `NetworkPolicy prod/db-policy`, and `path` the field in it.
    `edit` is the change of the text that corrects it, if there is one that can be proposed.
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


class SkippedRules(msgspec.Struct, frozen=True):
    """Rules that could not be decided, by their identifiers, and why."""

    rules: tuple[str, ...]
    reason: str


class LintFindings(msgspec.Struct, frozen=True):
    """All that was found, by place, and the rules that were skipped. It is false if nothing was found."""

    found: tuple[LintFinding, ...]
    skipped: tuple[SkippedRules, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.found)

    def __len__(self) -> int:
        return len(self.found)

    def at_least(self, level: FindingLevel) -> tuple[LintFinding, ...]:
        """The findings of a level, and of those that are worse."""
        return tuple(one for one in self.found if one.level.is_at_least(level))
