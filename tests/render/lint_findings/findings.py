"""Findings for outputs: one of each rule, in files of a repository, made once."""

from pathlib import Path

from msgspec.structs import replace

from ringfence import Cluster
from ringfence.lint import (
    ABOUT_SUPPRESSIONS,
    RULES,
    FindingLevel,
    LintFinding,
    LintFindings,
    SuppressedFinding,
    SuppressionKind,
    page_of,
)
from ringfence.model.origin import Place

FOLDER = "k8s é%/deep"
"""Its name has characters that a URI must escape."""


def findings_of_every_rule(repository: Path) -> LintFindings:
    """What the rules find in their own examples, written as files of a repository."""
    folder = repository / FOLDER
    folder.mkdir(parents=True)
    (repository / ".git").mkdir()
    found: list[LintFinding] = []
    for rule in RULES:
        file = folder / f"{rule.identifier}.yaml"
        example = next(one for one in page_of(rule).examples if one.fires)
        file.write_text(example.manifests)
        select = [] if rule in ABOUT_SUPPRESSIONS else [rule.identifier]
        every = Cluster.load(file).lint(select=select, settings=example.settings).found
        found += [one for one in every if one.rule == rule.identifier]
    broken = folder / "broken.yaml"
    broken.write_text(
        "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: q}\nspec: {podSelector: 1}\n"
    )
    found += Cluster.load(broken).lint().found
    suppressed = SuppressedFinding(found[0], SuppressionKind.IN_SOURCE, "known [since](http://example.org) 2026")
    return LintFindings(tuple(found[1:]), suppressed=(suppressed,))


def finding(**changes: object) -> LintFinding:
    """A finding about a policy of a live cluster, which is in no file, unless changes say otherwise."""
    base = LintFinding(
        "RF101",
        "selects-nothing",
        FindingLevel.WARNING,
        Place("https://127.0.0.1:6443"),
        "NetworkPolicy shop/db",
        "spec.podSelector",
        "the policy selects no pod",
        fingerprint="f",
    )
    return replace(base, **changes)
