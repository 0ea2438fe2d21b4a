"""`diff`: which connections a change opens and closes, for whom, and why."""

import hashlib
from collections.abc import Callable, Collection, Sequence
from datetime import date
from typing import Final

import click
import msgspec

from ringfence.analysis.differences import SAME_FILES, ClusterDifference, ConnectionChange
from ringfence.cli import EXIT_NO, EXIT_UNDECIDED, EXIT_YES
from ringfence.cli.diff_inputs import DiffInputs, diff_options
from ringfence.cli.diff_sides import ComparedInput, read_both
from ringfence.cli.inputs import leave
from ringfence.cli.output_formats import FormatChoice
from ringfence.cli.terminal import (
    check_not_a_terminal,
    print_document,
    print_exactly,
    print_message,
    print_text,
    terminal_width,
)
from ringfence.cluster import Cluster
from ringfence.model.compared_problems import ComparedProblem
from ringfence.render.differences import (
    closing_sentence,
    difference_annotations,
    difference_json,
    difference_text,
    review_comment,
    summary_text,
)

_FAIL_ON: Final = ("any", "opened", "closed", "exposure", "unknown", "none")


@click.command()
@diff_options
@click.option(
    "--fail-on",
    type=click.Choice(_FAIL_ON),
    multiple=True,
    default=("any",),
    show_default=True,
    help="The changes for which the exit code is 1. Repeatable.",
)
@click.option(
    "--allow",
    "allow",
    metavar="FILE",
    type=click.Path(readable=False),
    help="A file of reviewed changes. Each does not count until the date that its entry gives.",
)
@click.option(
    "--no-assumptions",
    is_flag=True,
    help="Exit with 3 if the answer depends on information that the input does not contain.",
)
@click.option(
    "-o",
    "--output",
    type=FormatChoice(["text", "markdown", "github", "json", "svg", "html"]),
    default="text",
    show_default=True,
    help=(
        "The output format; markdown is a review comment, github the annotations of a workflow, svg a map, html the "
        "report of B with what has changed."
    ),
)
@click.option("-q", "--quiet", "--summary-only", is_flag=True, help="Print one line with the number of changes.")
def diff(  # noqa: PLR0913  (the options of the command)
    inputs: DiffInputs, fail_on: tuple[str, ...], allow: str | None, no_assumptions: bool, output: str, quiet: bool
) -> None:
    """List which connections the change from A to B opens and closes, for whom, and why.

    A and B are files or folders; - is standard input. With -f, they are revisions of the git repository of the working
    directory: A alone is compared with the working tree, A..B and A...B are as in git, and --staged is the index; -k
    and --chart do the same for a kustomization and a Helm chart. Nothing is checked out, nothing that the repository
    configures is run, and nothing is fetched. With --live or --context, A is a live cluster. --suppose and
    --without apply a change to B; without B, A is compared with itself after the change. With --as and --to-as, A and
    B are compared as network plugins enforce them, which shows what a migration to another plugin changes.

    All traffic is compared: between the workloads that are in both A and B, and between them and all addresses. Every
    row has its cause: the policy and the rule that decide, with file and line, or the label that changed. Workloads
    that are only in A or only in B are listed; their connections do not count as opened or closed. If policies mean
    the same for pods that do not exist yet, this is proved; if not, an example shows it.

    The exit code is 0 if nothing changed, and 1 if something did; --fail-on limits which changes count. It is 3 with
    --no-assumptions if the answer depends on information that the input lacks, or on policies that are not read.

    \b
    Examples:
      ringfence diff before/ after/
      ringfence diff before/ after/ --fail-on opened
      ringfence diff before/ after/ --fail-on opened --allow reviewed.yaml
      ringfence diff main -f k8s/
      ringfence diff origin/main...HEAD -R -f k8s/
      ringfence diff --staged -f k8s/
      ringfence diff origin/main...HEAD -k overlays/prod
      ringfence diff main --chart charts/shop --values prod.yaml
      ringfence diff -k overlays/staging -k overlays/prod
      ringfence diff --live -f k8s/
      ringfence diff k8s/ --without prod/allow-monitoring
      ringfence diff k8s/ --as calico --to-as cilium@1.19
      ringfence diff origin/main...HEAD -R -f k8s/ -o markdown
      ringfence diff before/ after/ -o svg > change.svg
      ringfence diff before/ after/ -o html > change.html
      kubectl get netpol,ns,deploy,sts,ds -A -o yaml | ringfence diff - manifests/
    """
    if quiet and output != "text":
        raise click.UsageError(f"--quiet prints one line of text: use it without -o {output}")
    if output == "html":
        check_not_a_terminal("write it to a file, as in -o html > change.html")
    # The file is read first: a mistake in it should not be reported only after a long comparison.
    reviewed = _reviewed_by(allow) if allow else None
    first, second = inputs.sides()
    compared = _compared(first, second)
    found, problems = compared.difference, compared.problems
    if reviewed:
        found = reviewed(found)
    match output:
        case "json":
            print_document(difference_json(found, first.described(), second.described(), problems))
        case "markdown":
            print_text(review_comment(found, first.name, second.name, _comment_key(inputs), problems))
        case "github":
            print_text(difference_annotations(found, first.name, second.name, problems))
        case "svg":
            print_text(_picture(compared, found, first.name, second.name))
        case "html":
            print_exactly(_page(compared, found, first, second))
        case _ if quiet:
            print_text(summary_text(found, first.name, second.name))
        case _:
            print_text(difference_text(found, first.name, second.name, terminal_width()))
    if (output == "text" and not quiet) or no_assumptions:
        for assumption in found.assumptions:
            print_message(f"assumption: {assumption}")
    input_problems = [one.problem for one in problems]
    leave(input_problems, _exit_code(found, fail_on, no_assumptions=no_assumptions), ignore_errors=inputs.ignore_errors)


class _ReadDifference(msgspec.Struct, frozen=True):
    """What the change does, and the problems of both inputs, whose clusters are None where their files are the same."""

    difference: ClusterDifference
    problems: Sequence[ComparedProblem] = ()
    clusters: tuple[Cluster, Cluster] | None = None


def _compared(first: ComparedInput, second: ComparedInput) -> _ReadDifference:
    # Most commits change no manifest. Comparing hashes in git is then all that is done.
    if first.has_same_files(second):
        return _ReadDifference(SAME_FILES)
    before, after, problems = read_both(first, second)
    found = before.diff(after, names=(first.name, second.name))
    return _ReadDifference(found, problems, (before, after))


def _picture(compared: _ReadDifference, found: ClusterDifference, first: str, second: str) -> str:
    """The map of a change. Prints a message about the boxes that are not drawn."""
    from ringfence.analysis.differences import changed_arrows
    from ringfence.render.pictures import MOST_BOXES, changes_picture

    # If the files are the same nothing was read, and a picture of no change needs no objects.
    before, after = compared.clusters or (Cluster(), Cluster())
    drawn = changed_arrows(found, before.state, after.state, MOST_BOXES)
    picture = changes_picture(found, drawn, summary_text(found, first, second), closing_sentence(found))
    if picture.left_out:
        print_message(
            f"{picture.left_out} of {picture.size} boxes are not drawn, those with the fewest changes: "
            "-o text lists all changes"
        )
    return picture.svg


def _page(compared: _ReadDifference, found: ClusterDifference, first: ComparedInput, second: ComparedInput) -> str:
    """The report of the second cluster with what has changed. If both have the same files, it is read only here."""
    before, after = compared.clusters or (second.inputs.cluster(),) * 2
    names = first.name, second.name
    return after.report(f"{first.name} -> {second.name}", since=before, change=found, names=names)


def _reviewed_by(allow: str) -> Callable[[ClusterDifference], ClusterDifference]:
    """Read a file of allowed changes. Returns a function that removes from a difference what is allowed today.

    The function prints a warning for each entry that has expired, or that matches no change.
    """
    from ringfence.testing.allowed_changes import read_allowed_changes, review

    allowed = read_allowed_changes(allow)

    def reviewed(found: ClusterDifference) -> ClusterDifference:
        result = review(found, allowed, date.today())
        for one in result.expired:
            print_message(f"{one.place}: warning: this entry expired on {one.until} and allows nothing: remove it")
        for one in result.unused:
            print_message(f"{one.place}: warning: there is no such change: remove the entry if it is already applied")
        return result.difference

    return reviewed


def _comment_key(inputs: DiffInputs) -> str:
    """The key by which a review comment is found again: the same for all revisions of the same files."""
    paths = _paths(inputs) or inputs.compared
    # A hash, because a path could end the HTML comment that contains the key.
    return hashlib.sha256("\0".join([inputs.namespace or "", *paths]).encode(errors="surrogateescape")).hexdigest()[:12]


def _paths(inputs: DiffInputs) -> tuple[str, ...]:
    """The paths that options name."""
    chart = (inputs.chart,) if inputs.chart else ()
    return (*inputs.filenames, *inputs.kustomize, *chart, *inputs.values)


def _exit_code(found: ClusterDifference, fail_on: Collection[str], *, no_assumptions: bool) -> int:
    fails = {
        "any": bool(found),
        "opened": bool(found.of(ConnectionChange.OPENED) or found.opened_services),
        "closed": bool(found.of(ConnectionChange.CLOSED) or any(one.closed for one in found.services)),
        "exposure": found.exposure_changed,
        "unknown": bool(found.unknown or found.unread or found.is_undecided),
        "none": False,
    }
    # What certainly fails comes before what is undecided: no assumption could make it pass.
    if any(fails[one] for one in fail_on):
        return EXIT_NO
    if no_assumptions and (found.assumptions or found.unread or found.is_undecided):
        return EXIT_UNDECIDED
    return EXIT_YES
