"""The findings of the chosen rules, after configuration, suppressions and ignored paths are applied."""

from collections.abc import Iterable, Sequence
from datetime import date

from ringfence.lint.configuration import LintConfiguration
from ringfence.lint.directives import Directive
from ringfence.lint.findings import LintFindings
from ringfence.lint.linted import Linted
from ringfence.lint.running import find_mistakes
from ringfence.lint.suppressing import without_suppressed
from ringfence.model.problems import Problem


def check(
    linted: Linted,
    problems: Iterable[Problem],
    directives: Sequence[Directive],
    configuration: LintConfiguration,
    today: date,
) -> LintFindings:
    """The findings of the rules of a configuration, with its severities, and the problems of the input.

    Findings that the `directives` of the input suppress, unless these expired before `today`, and findings in ignored
    paths are in `suppressed`. Raises InputError for a word that names no rule.
    """
    rules = configuration.rules()
    # Severities come before suppressions, so that a suppressed finding is shown with the level that it would have.
    found = configuration.with_severities(find_mistakes(linted, problems, rules))
    return configuration.without_ignored_paths(without_suppressed(found, directives, rules, today))
