"""What `lint` reports: the findings of the chosen rules, as a configuration and the files themselves want them."""

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

    What the `directives` of the input suppress is among the `suppressed`, unless they expired before `today`; what is
    in the paths that the configuration ignores, too. Raises InputError for a word that names no rule.
    """
    rules = configuration.rules()
    found = configuration.with_severities(find_mistakes(linted, problems, rules))
    return configuration.without_ignored_paths(without_suppressed(found, directives, rules, today))
