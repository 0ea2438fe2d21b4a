"""`diff`: which connections a change opens and closes, for whom, and why."""

from collections.abc import Callable, Collection
from typing import Any, Final

import click
import msgspec

from ringfence.analysis.differences import ClusterDifference, ConnectionChange
from ringfence.cli import EXIT_NO, EXIT_UNDECIDED, EXIT_YES
from ringfence.cli.inputs import Inputs, leave
from ringfence.cli.options import as_one
from ringfence.cli.terminal import print_document, print_message, print_text
from ringfence.cluster import Cluster
from ringfence.errors import InputError
from ringfence.model.objects import DEFAULT_NAMESPACE
from ringfence.render.differences import difference_json, difference_text
from ringfence.sources.git import merge_base

_PATH: Final = click.Path(readable=False, allow_dash=True)
_FAIL_ON: Final = ("any", "opened", "closed", "exposure", "none")
_USAGE: Final = (
    "name two files or folders, as in `ringfence diff before/ after/`; or revisions of a git repository with -f, "
    "as in `ringfence diff main -f k8s/`, `main...HEAD -f k8s/` or `--staged -f k8s/`"
)


class RevisionInputs(Inputs, frozen=True):
    """The files and folders of -f as they are in a revision; without one, as they are in the index."""

    revision: str | None

    def read(self) -> Cluster:
        """The cluster of the revision."""
        return Cluster.of_revision(
            self.revision,
            *self.filenames,
            recursive=self.recursive,
            exclude=self.exclude,
            namespace=self.namespace or DEFAULT_NAMESPACE,
        )


class ComparedInput(msgspec.Struct, frozen=True):
    """One of the two clusters, and what the output calls it."""

    name: str
    inputs: Inputs


class DiffInputs(msgspec.Struct, frozen=True):
    """The arguments and options that say what is compared."""

    compared: tuple[str, ...]
    filenames: tuple[str, ...]
    staged: bool
    recursive: bool
    exclude: tuple[str, ...]
    namespace: str | None
    strict: bool
    ignore_errors: bool

    def sides(self) -> tuple[ComparedInput, ComparedInput]:
        """The two clusters. Raises InputError if the arguments do not name two."""
        match self.compared, self.staged:
            case ("-", "-"), False:
                raise InputError("only one of the two can be read from standard input: write the other to a file")
            case (first, second), False if not self.filenames:
                return self._of_files(first, (first,)), self._of_files(second, (second,))
            case (first, second), False:
                return self._of_revision(first), self._of_revision(second)
            case ((), True) if self.filenames:
                return self._of_revision("HEAD"), self._of_index()
            case (revision,), True if self.filenames:
                return self._of_revision(revision), self._of_index()
            case (text,), False if self.filenames:
                return self._of_range(text)
        raise click.UsageError(_USAGE)

    def _of_range(self, text: str) -> tuple[ComparedInput, ComparedInput]:
        """`A..B`, `A...B` (from their merge base to B), or `A` (to the working tree), as git reads them."""
        if "..." in text:
            first, _, second = text.partition("...")
            base = merge_base(first or "HEAD", second or "HEAD")
            return self._of_revision(base), self._of_revision(second or "HEAD")
        if ".." in text:
            first, _, second = text.partition("..")
            return self._of_revision(first or "HEAD"), self._of_revision(second or "HEAD")
        return self._of_revision(text), self._of_files("working tree", self.filenames)

    def _of_files(self, name: str, filenames: tuple[str, ...]) -> ComparedInput:
        return ComparedInput(name, Inputs(**self._options(filenames)))

    def _of_revision(self, revision: str) -> ComparedInput:
        return ComparedInput(revision, RevisionInputs(revision=revision, **self._options(self.filenames)))

    def _of_index(self) -> ComparedInput:
        return ComparedInput("index", RevisionInputs(revision=None, **self._options(self.filenames)))

    def _options(self, filenames: tuple[str, ...]) -> dict[str, Any]:
        return {
            "filenames": filenames,
            "recursive": self.recursive,
            "exclude": self.exclude,
            "kustomize": None,
            "namespace": self.namespace,
            "context": None,
            "kubeconfig": None,
            "strict": self.strict,
            "ignore_errors": self.ignore_errors,
            "verbose": False,
        }


_OPTIONS: Final[tuple[Callable[[Any], Any], ...]] = (
    click.argument("compared", metavar="[A [B]]", nargs=-1, type=_PATH),
    click.option(
        "-f",
        "--filename",
        "filenames",
        type=_PATH,
        metavar="PATH",
        multiple=True,
        help="A file or folder; A and B are revisions then. Repeatable.",
    ),
    click.option("--staged", is_flag=True, help="Compare a revision, by default HEAD, with the index."),
    click.option("-R", "--recursive", is_flag=True, help="Read folders recursively, hidden ones excepted."),
    click.option(
        "--exclude", metavar="GLOB", multiple=True, help="Leave out files and folders in folders. Repeatable."
    ),
    click.option("-n", "--namespace", metavar="NAME", help="The namespace of objects without one."),
    click.option("--strict", is_flag=True, help="Do not answer if the input has any error: exit with 2."),
    click.option("--ignore-errors", is_flag=True, help="Do not exit with 2 because of errors in the input."),
)


@click.command()
@as_one(DiffInputs, "inputs", _OPTIONS)
@click.option(
    "--fail-on",
    type=click.Choice(_FAIL_ON),
    multiple=True,
    default=("any",),
    show_default=True,
    help="The changes for which the exit code is 1. Repeatable.",
)
@click.option(
    "--no-assumptions",
    is_flag=True,
    help="Exit with 3 if the answer depends on information that the input does not contain.",
)
@click.option(
    "-o", "--output", type=click.Choice(["text", "json"]), default="text", show_default=True, help="The output format."
)
def diff(inputs: DiffInputs, fail_on: tuple[str, ...], no_assumptions: bool, output: str) -> None:
    """List which connections the change from A to B opens and closes, for whom, and why.

    A and B are files or folders; - is standard input. With -f, they are revisions of the git repository of the working
    directory: A alone is compared with the working tree, A..B and A...B are as in git, and --staged is the index.
    Nothing is checked out, and nothing that the repository configures is run.

    All traffic is compared, between every two workloads that both have and between these and all addresses. Every row
    has its cause: the policy and the rule that decide, with file and line, or the label that changed. Workloads that
    are in A or in B alone are listed; their connections do not count as opened or closed. Whether policies also mean
    the same for pods that do not exist yet is proved, or shown by an example.

    The exit code is 0 if nothing changed, and 1 if something did; --fail-on limits which changes count. It is 3 with
    --no-assumptions if that depends on information that the input lacks, or on policies that are not read.

    \b
    Examples:
      ringfence diff before/ after/
      ringfence diff before/ after/ --fail-on opened
      ringfence diff main -f k8s/
      ringfence diff origin/main...HEAD -R -f k8s/
      ringfence diff --staged -f k8s/
      kubectl get netpol,ns,deploy,sts,ds -A -o yaml | ringfence diff - manifests/
    """
    first, second = inputs.sides()
    before, after = first.inputs.cluster(), second.inputs.cluster()
    found = before.diff(after, names=(first.name, second.name))
    problems = [*before.problems, *after.problems]
    if output == "json":
        print_document(difference_json(found, first.name, second.name, problems))
    else:
        print_text(difference_text(found, first.name, second.name))
    if output != "json" or no_assumptions:
        for assumption in found.assumptions:
            print_message(f"assumption: {assumption}")
    leave(problems, _exit_code(found, fail_on, no_assumptions=no_assumptions), ignore_errors=inputs.ignore_errors)


def _exit_code(found: ClusterDifference, fail_on: Collection[str], *, no_assumptions: bool) -> int:
    fails = {
        "any": bool(found),
        "opened": bool(found.of(ConnectionChange.OPENED)),
        "closed": bool(found.of(ConnectionChange.CLOSED)),
        "exposure": found.exposure_changed,
        "none": False,
    }
    if any(fails[one] for one in fail_on):
        return EXIT_NO
    if no_assumptions and (found.assumptions or found.unread or found.is_undecided):
        return EXIT_UNDECIDED
    return EXIT_YES
