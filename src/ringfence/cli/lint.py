"""`lint`: mistakes in policies, found by the engine."""

import os
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Final

import click
from msgspec.structs import replace

from ringfence import __version__
from ringfence.analysis.differences import affecting_traits
from ringfence.cli import EXIT_NO, EXIT_YES
from ringfence.cli.inputs import Inputs, input_options
from ringfence.cli.lint_fixes import FIX_OPTIONS, FixOptions, LintedCluster, fixed
from ringfence.cli.options import as_one
from ringfence.cli.outputs import Outputs, outputs_option
from ringfence.cli.terminal import print_message, print_text
from ringfence.cli.what_if import PLUGIN_OPTION
from ringfence.cli.written_files import write_file
from ringfence.cluster import Cluster
from ringfence.errors import InputError
from ringfence.lint import (
    RULES,
    FindingLevel,
    LintConfiguration,
    LintFindings,
    LintRule,
    SuppressionKind,
    baseline_text,
    find_configuration,
    known_words,
    named_rules,
    read_configuration,
    rule_text,
)
from ringfence.model.objects import DEFAULT_NAMESPACE
from ringfence.plugins import PluginTraits
from ringfence.render.affecting_traits import affected_json, affected_text
from ringfence.render.lint_findings import (
    SourceLine,
    findings_annotations,
    findings_code_quality,
    findings_json,
    findings_junit,
    findings_sarif,
    findings_text,
    rules_json,
    rules_text,
)
from ringfence.sources.git import merge_base
from ringfence.sources.manifests import FileContents
from ringfence.trait_files import plugin_traits

_FILE: Final = click.Path(readable=False)
_FORMATS: Final = ("text", "json", "sarif", "github", "gitlab", "junit")


def _words(context: click.Context, parameter: click.Parameter, values: tuple[str, ...]) -> tuple[str, ...]:
    """The words of an option that is repeated or has several between commas."""
    return tuple(word.strip() for value in values for word in value.split(",") if word.strip())


def _complete(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    return [word for word in known_words() if word.lower().startswith(incomplete.lower())]


def _severities(context: click.Context, parameter: click.Parameter, values: tuple[str, ...]) -> dict[str, FindingLevel]:
    """The severities of rules, by the word that names them."""
    found = {}
    for value in values:
        word, _, level = value.partition("=")
        if level not in list(FindingLevel):
            raise click.BadParameter(
                f"{value!r} is not RULE=LEVEL: use one such as RF113=error, with {', '.join(FindingLevel)}"
            )
        named_rules([word])
        found[word] = FindingLevel(level)
    return found


@click.command()
@outputs_option(_FORMATS)
@click.option(
    "--select",
    metavar="RULE,...",
    multiple=True,
    callback=_words,
    shell_complete=_complete,
    help="Apply only these rules: RF101, RF1 (all that begin with it), a name, a group such as posture, or all. "
    "Repeatable.",
)
@click.option(
    "--ignore",
    metavar="RULE,...",
    multiple=True,
    callback=_words,
    shell_complete=_complete,
    help="Leave out these rules, named as in --select. Repeatable.",
)
@click.option(
    "--extend-select",
    metavar="RULE,...",
    multiple=True,
    callback=_words,
    shell_complete=_complete,
    help="Also apply these rules, named as in --select. Repeatable.",
)
@click.option(
    "--severity",
    metavar="RULE=LEVEL",
    multiple=True,
    callback=_severities,
    help=f"Give a rule another severity: {', '.join(FindingLevel)}. Repeatable.",
)
@click.option(
    "--fail-on",
    type=click.Choice([str(level) for level in FindingLevel]),
    help="The lowest severity for which the exit code is 1.  [default: warning]",
)
@click.option(
    "--config",
    metavar="FILE",
    type=_FILE,
    help="The configuration.  [default: .ringfence.yaml or pyproject.toml in a folder around the input]",
)
@click.option("--isolated", is_flag=True, help="Read no configuration.")
@click.option(
    "--complete", is_flag=True, help="The input is the whole cluster: what it does not contain does not exist."
)
@as_one(FixOptions, "fixes", FIX_OPTIONS)
@click.option("--baseline", metavar="FILE", type=_FILE, help="Count only new findings, not those of this file.")
@click.option("--write-baseline", metavar="FILE", type=_FILE, help="Write all findings to this file, and exit with 0.")
@click.option(
    "--since",
    metavar="REV",
    help="Count only findings that did not exist when HEAD branched from this revision of the git repository.",
)
@click.option("--list", "lists", is_flag=True, help="List the rules, and read no input.")
@click.option(
    "--explain", metavar="RULE", shell_complete=_complete, help="Print the page of a rule, and read no input."
)
@PLUGIN_OPTION
@input_options
def lint(  # noqa: PLR0913  (the options of the command)
    inputs: Inputs,
    plugin: str | None,
    outputs: Outputs,
    select: tuple[str, ...],
    ignore: tuple[str, ...],
    extend_select: tuple[str, ...],
    severity: dict[str, FindingLevel],
    fail_on: str | None,
    config: str | None,
    isolated: bool,
    complete: bool,
    fixes: FixOptions,
    baseline: str | None,
    write_baseline: str | None,
    since: str | None,
    lists: bool,
    explain: str | None,
) -> None:
    """List mistakes in policies: selectors that select nothing, a dash too many, ports that nobody has, and others.

    The engine decides each finding, which has a place, a reason and a remedy. What `validate` finds is also listed. If
    the input has no pods and no workloads, rules that need them are skipped and named, unless --complete says that
    there are none. The exit code is 1 if there is any error or warning; notes count only with --fail-on note.

    With --plugin, messages also say what this network plugin changes for the policies: each of its traits, with the
    rules that it is about and the connections that it opens and closes.

    A comment `# ringfence: ignore[RF113] reason` on the line of a finding, or above it, suppresses it.

    \b
    Examples:
      ringfence lint -f manifests/ -R
      ringfence lint -f manifests/ --ignore RF108 -o json
      ringfence lint -f manifests/ -R -o text -o sarif=lint.sarif
      ringfence lint -f manifests/ -R --diff
      ringfence lint -f manifests/ -R --fix
      ringfence lint -f manifests/ -R --baseline lint-baseline.json
      ringfence lint -f manifests/ -R --since origin/main
      ringfence lint -f manifests/ -R --plugin cilium@1.19
      ringfence lint --explain RF103
    """
    # Neither this nor the list reads any input, so no cluster needs to be reachable for the documentation.
    if explain is not None:
        print_text(rule_text(_rule(explain)))
        return
    if lists:
        outputs.write(
            {
                **dict.fromkeys(_FORMATS, _no_list),
                "text": lambda: rules_text(RULES),
                "json": lambda: rules_json(RULES),
            }
        )
        return
    if since is not None and inputs.is_live:
        raise InputError("--since compares files with an earlier revision of them: name them with -f")
    wanted = _configuration(inputs, config, isolated=isolated).with_words(select, ignore, extend_select)
    enforced_by = None if plugin is None else plugin_traits(plugin)
    named = _plugin_name(enforced_by) if enforced_by else wanted.settings.plugin
    wanted = replace(
        wanted,
        severity={**wanted.severity, **severity},
        fail_on=FindingLevel(fail_on) if fail_on else wanted.fail_on,
        settings=replace(wanted.settings, complete=complete or wanted.settings.complete, plugin=named),
    )
    rules = wanted.rules()
    # Contradictions between options are reported before the input is read.
    fixes.check(is_live=inputs.is_live)
    earlier = _earlier(inputs, since) if since is not None else None

    def read(contents: FileContents) -> LintedCluster:
        cluster = inputs.cluster(report=False, contents=contents, service_users=True)
        return LintedCluster(cluster, cluster.lint(configuration=wanted, baseline=baseline, since=earlier))

    contents = FileContents()
    linted = read(contents)
    if fixes.wanted:
        linted, contents = fixed(contents, linted, read, fixes)
    cluster, findings = linted.cluster, linted.findings
    if fixes.wanted and "-" in inputs.filenames:  # the corrected text is on standard output
        print_message(findings_text(findings, _source_lines(contents)))
        inputs.leave(cluster.problems, EXIT_NO if findings.at_least(wanted.fail_on) else EXIT_YES)
    # The exit code is 0, whatever was found: these findings are what the baseline declares known.
    if write_baseline is not None:
        _write_baseline(write_baseline, findings)
        inputs.leave(cluster.problems, EXIT_YES)
    affected = affecting_traits(cluster.state, enforced_by) if enforced_by else ()
    document = affected_json(enforced_by, affected) if enforced_by else None
    writers = _writers(findings, wanted.fail_on, rules, contents)
    outputs.write({**writers, "json": lambda: findings_json(findings, document)})
    if enforced_by:
        print_message(affected_text(enforced_by, affected))
    inputs.leave(cluster.problems, EXIT_NO if findings.at_least(wanted.fail_on) else EXIT_YES)


def _configuration(inputs: Inputs, config: str | None, *, isolated: bool) -> LintConfiguration:
    if config is not None and isolated:
        raise InputError("--config and --isolated contradict each other: use one of them")
    if config is not None:
        return read_configuration(config)
    folders = [*inputs.filenames, *([inputs.kustomize] if inputs.kustomize else [])]
    return LintConfiguration() if isolated else find_configuration(folders or ["."])


def _plugin_name(plugin: PluginTraits) -> str:
    """The plugin that rules assume: `none` if its enforcement is turned off."""
    return plugin.plugin if plugin.traits.enforced else "none"


def _earlier(inputs: Inputs, revision: str) -> Cluster:
    """The files of the input as they were where HEAD branched from a revision."""
    return Cluster.of_revision(
        merge_base(revision, "HEAD"),
        *inputs.filenames,
        recursive=inputs.recursive,
        exclude=inputs.exclude,
        kustomize=inputs.kustomize,
        namespace=inputs.namespace or DEFAULT_NAMESPACE,
    )


def _write_baseline(file: str, findings: LintFindings) -> None:
    write_file(Path(file), baseline_text(findings), f"--write-baseline {file}")
    left = sum(one.is_input_error for one in findings.found)
    kept = len(findings.found) - left + sum(one.kind is SuppressionKind.EXTERNAL for one in findings.suppressed)
    errors = f"; correct the errors in the input, which a baseline does not contain: {left}" if left else ""
    print_message(f"wrote {kept} {'finding' if kept == 1 else 'findings'} to {file}{errors}")


def _no_list() -> str:
    raise InputError("the list of rules is printed as text or as JSON: use --list, or --list -o json")


def _writers(
    findings: LintFindings, fail_on: FindingLevel, rules: Sequence[LintRule], contents: FileContents
) -> Mapping[str, Callable[[], str]]:
    return {
        "text": lambda: findings_text(findings, _source_lines(contents)),
        "sarif": lambda: _sarif(findings, rules),
        "github": lambda: findings_annotations(findings),
        "gitlab": lambda: findings_code_quality(findings),
        "junit": lambda: findings_junit(findings, fail_on, with_places=bool(os.environ.get("GITLAB_CI"))),
    }


def _sarif(findings: LintFindings, rules: Sequence[LintRule]) -> str:
    text, remark = findings_sarif(findings, rules, __version__)
    if remark:
        print_message(remark)
    return text


def _rule(word: str) -> LintRule:
    # Only a whole identifier or name: a page is of one rule, and `RF1` is many.
    found = [rule for rule in RULES if word.lower() in (rule.identifier.lower(), rule.name)]
    if not found:
        named_rules([word])  # raises the error for a word that names no rule
        raise InputError(f"{word!r} names several rules; ringfence lint --list lists all")
    return found[0]


def _source_lines(contents: FileContents) -> SourceLine:
    """A function that returns a line of a file that was read; None for a place that is in no file (a live cluster)."""

    @cache
    def lines_of(file: str) -> tuple[str, ...]:
        text = contents.text(file)
        return tuple(text.text.split("\n")) if text else ()

    def line(file: str, number: int) -> str | None:
        lines = lines_of(file)
        return lines[number - 1] if 0 < number <= len(lines) else None

    return line
