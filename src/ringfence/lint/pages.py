"""The pages of rules: the docstring of a rule's file, and the Markdown page generated from it.

A docstring begins with a sentence about the finding. Paragraphs follow, one of which begins with `Remedy:`. Then follow
examples, each with a heading and a block of YAML: `Fires: REASON:`, `Fires as a note: REASON:` or `Silent: REASON:`.
"""

import re
from collections.abc import Iterable
from typing import Final

import msgspec

from ringfence.lint.rule import LintRule, Needs, RuleGroup
from ringfence.lint.settings import LintSettings

_PLUGIN: Final = re.compile(r"with plugin ([\w-]+)")
_EXAMPLE: Final = re.compile(
    r"^(Fires|Silent)([^\n:]*)(?:: ([^\n]*))?:\n\n```yaml\n(.*?)^```\n", re.MULTILINE | re.DOTALL
)


class Example(msgspec.Struct, frozen=True):
    """An example of a rule: manifests with or without a finding. `reason` says why.

    `condition` may be `as a note`, or `with plugin NAME` if the example depends on the network plugin.
    """

    fires: bool
    condition: str
    reason: str
    manifests: str

    @property
    def settings(self) -> LintSettings:
        """The settings that the example needs."""
        found = _PLUGIN.match(self.condition)
        return LintSettings(plugin=found[1] if found else "")


class RulePage(msgspec.Struct, frozen=True):
    """The page of a rule, in Markdown."""

    summary: str
    text: str
    examples: tuple[Example, ...]


def page_of(rule: LintRule) -> RulePage:
    """The page of a rule. Raises ValueError for a text that is not a page."""
    summary, _, rest = rule.page.strip().partition("\n\n")
    examples = tuple(
        Example(one[1] == "Fires", one[2].strip(), one[3] or "", one[4]) for one in _EXAMPLE.finditer(rest + "\n")
    )
    # The examples are the end of every page, and the first of them is one that fires.
    text = rest.partition("\nFires")[0].strip()
    if not examples or "Remedy:" not in text:
        raise ValueError(f"{rule.identifier}: its page has no examples, or no remedy")
    return RulePage(" ".join(summary.split()), text, examples)


def rule_text(rule: LintRule) -> str:
    """The page of one rule, with its heading, as `docs/rules` has it."""
    page = page_of(rule)
    facts = [f"`{rule.identifier}`, {rule.level}"]
    if rule.group is not RuleGroup.DEFAULT:
        facts.append(f"only with `--select {rule.group}`")
    if rule.needs is not Needs.POLICIES:
        facts.append("skipped if the input holds no pods and no workloads")
    lines = [f"# {rule.identifier} {rule.name}", "", page.summary, "", f"{'; '.join(facts)}.", "", page.text]
    for example in page.examples:
        lines += ["", f"{_heading(example)}:", "", "```yaml", example.manifests.rstrip(), "```"]
    return "\n".join(lines) + "\n"


def _heading(example: Example) -> str:
    """The heading of an example: `Finding, as a note: the policy is for all pods`."""
    found = "Finding" if example.fires else "No finding"
    shown = f"{found}, {example.condition}" if example.condition else found
    return f"{shown}: {example.reason}" if example.reason else shown


def rules_page(rules: Iterable[LintRule]) -> str:
    """The page of the documentation that lists all rules, each with a link to its own page."""
    rows = [
        f"| [{rule.identifier}](rules/{rule.identifier}.md) | {rule.name} | {rule.level} | {page_of(rule).summary} |"
        for rule in rules
    ]
    head = [
        "# The rules of lint",
        "",
        "Each rule is a file in `src/ringfence/lint/rules`, and `python -m tests.lint.test_pages` writes its page and",
        "this list. The examples are tests. How the command is used is in [lint](lint.md).",
        "",
        "| rule | name | level | finds |",
        "|---|---|---|---|",
    ]
    return "\n".join([*head, *rows]) + "\n"
