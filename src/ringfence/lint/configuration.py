"""The lint configuration of a project: rules, severities, ignored paths, and facts that the input does not contain."""

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from os.path import relpath

import msgspec
from msgspec.structs import replace

from ringfence.lint.findings import FindingLevel, LintFinding, LintFindings, SuppressedFinding, SuppressionKind
from ringfence.lint.rule import LintRule
from ringfence.lint.running import chosen_rules, named_rules
from ringfence.lint.settings import LintSettings


class LintConfiguration(msgspec.Struct, frozen=True, kw_only=True):
    """The words that select rules, the severities of some, the rules that files ignore, and the settings of rules.

    `extend_select` adds to what is selected, or to the default. `folder` is what the patterns of `per_path_ignores` are
    relative to, `source` the file that it was read from.
    """

    select: tuple[str, ...] = ()
    extend_select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    severity: Mapping[str, FindingLevel] = {}
    per_path_ignores: Mapping[str, tuple[str, ...]] = {}
    fail_on: FindingLevel = FindingLevel.WARNING
    settings: LintSettings = LintSettings()
    folder: str = "."
    source: str = ""

    def with_words(
        self, select: Sequence[str] = (), ignore: Sequence[str] = (), extend_select: Sequence[str] = ()
    ) -> "LintConfiguration":
        """The same with more words: `select` replaces the selection, the others add to the present words."""
        return replace(
            self,
            # A selection on the command line replaces the file's: it must be possible to run one rule alone.
            select=tuple(select) or self.select,
            ignore=(*self.ignore, *ignore),
            extend_select=(*self.extend_select, *extend_select),
        )

    def rules(self) -> list[LintRule]:
        """The rules that are applied. Raises InputError for a word that names no rule, and if none is left."""
        return chosen_rules(self.select, self.ignore, self.extend_select)

    def with_severities(self, findings: LintFindings) -> LintFindings:
        """The findings with the configured severities. An error of the input remains an error."""
        levels = {rule.identifier: level for word, level in self.severity.items() for rule in named_rules([word])}
        if not levels:
            return findings
        found = (
            one if one.is_input_error else replace(one, level=levels.get(one.rule, one.level)) for one in findings.found
        )
        return replace(findings, found=tuple(found))

    def without_ignored_paths(self, findings: LintFindings) -> LintFindings:
        """The findings without those of rules that their files ignore. An error of the input always counts."""
        ignored = [
            (pattern, {rule.identifier for rule in named_rules(words)})
            for pattern, words in self.per_path_ignores.items()
        ]
        if not ignored:
            return findings
        found: list[LintFinding] = []
        suppressed: list[SuppressedFinding] = []
        for one in findings.found:
            # Patterns are relative to the configuration, so that they mean the same from every working directory.
            path = relpath(one.place.file or ".", self.folder)
            patterns = (pattern for pattern, rules in ignored if one.rule in rules)
            pattern = next((pattern for pattern in patterns if fnmatchcase(path, pattern)), "")
            if pattern and not one.is_input_error:
                reason = f"per-path-ignores of {self.source or 'the configuration'}: {pattern}"
                suppressed.append(SuppressedFinding(one, SuppressionKind.EXTERNAL, reason))
            else:
                found.append(one)
        return replace(findings, found=tuple(found), suppressed=(*findings.suppressed, *suppressed))
