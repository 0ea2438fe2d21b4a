"""Finds mistakes in policies with the engine; each finding has a place, a reason and a remedy."""

from ringfence.lint.baselines import baseline_text, read_baseline, without_baseline, without_earlier
from ringfence.lint.checking import check
from ringfence.lint.compliance import Control, controls
from ringfence.lint.configuration import LintConfiguration
from ringfence.lint.configuration_files import find_configuration, read_configuration
from ringfence.lint.findings import (
    BaselineEntry,
    FindingLevel,
    LintFinding,
    LintFindings,
    RelatedPlace,
    SkippedRules,
    SuppressedFinding,
    SuppressionKind,
)
from ringfence.lint.fixing import FixedInput, RefusedFix, fix, text_diff
from ringfence.lint.linted import Linted
from ringfence.lint.pages import Example, RulePage, page_of, rule_text, rules_page
from ringfence.lint.rule import LintRule, Needs, RuleGroup
from ringfence.lint.rules import ABOUT_SUPPRESSIONS, RULES
from ringfence.lint.running import chosen_rules, find_mistakes, known_words, named_rules
from ringfence.lint.settings import LintSettings
from ringfence.lint.suppressing import directives_of

__all__ = [
    "ABOUT_SUPPRESSIONS",
    "RULES",
    "BaselineEntry",
    "Control",
    "Example",
    "FindingLevel",
    "FixedInput",
    "LintConfiguration",
    "LintFinding",
    "LintFindings",
    "LintRule",
    "LintSettings",
    "Linted",
    "Needs",
    "RefusedFix",
    "RelatedPlace",
    "RuleGroup",
    "RulePage",
    "SkippedRules",
    "SuppressedFinding",
    "SuppressionKind",
    "baseline_text",
    "check",
    "chosen_rules",
    "controls",
    "directives_of",
    "find_configuration",
    "find_mistakes",
    "fix",
    "known_words",
    "named_rules",
    "page_of",
    "read_baseline",
    "read_configuration",
    "rule_text",
    "rules_page",
    "text_diff",
    "without_baseline",
    "without_earlier",
]
