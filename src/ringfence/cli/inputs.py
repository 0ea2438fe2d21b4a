"""The input options that all commands share: where objects come from, named as in kubectl."""

from typing import Final

import click
import msgspec

from ringfence.cli import progress
from ringfence.cli.options import as_one
from ringfence.cli.terminal import print_message
from ringfence.cluster import Cluster
from ringfence.errors import InputError
from ringfence.model.objects import DEFAULT_NAMESPACE
from ringfence.model.problems import Severity
from ringfence.render.problems import problem_text


class Inputs(msgspec.Struct, frozen=True):
    """The values of the input options."""

    filenames: tuple[str, ...]
    recursive: bool
    kustomize: str | None
    namespace: str | None
    context: str | None
    kubeconfig: str | None
    strict: bool
    verbose: bool

    def cluster(self, *, report: bool = True) -> Cluster:
        """The cluster that the options name. With `report`, the problems in the input are printed on stderr.

        With `--verbose`, so are the kinds that were skipped. Raises InputError for an error in the input with
        `--strict`, if it reports.
        """
        cluster = self._from_files() if self.filenames or self.kustomize else self._from_api_server()
        if cluster.skipped and self.verbose:
            kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(cluster.skipped.items()))
            print_message(f"skipped objects of unsupported kinds: {kinds}")
        if report:
            self._report(cluster)
        return cluster

    def _from_files(self) -> Cluster:
        with progress.reading() as reading:
            return Cluster.load(
                *self.filenames,
                recursive=self.recursive,
                kustomize=self.kustomize,
                namespace=self.namespace or DEFAULT_NAMESPACE,
                progress=reading,
            )

    def _from_api_server(self) -> Cluster:
        cluster = Cluster.live(self.context, self.kubeconfig)
        cluster.namespace = self.namespace or cluster.namespace
        return cluster

    def _report(self, cluster: Cluster) -> None:
        for problem in cluster.problems:
            print_message(problem_text(problem))
        errors = sum(problem.severity is Severity.ERROR for problem in cluster.problems)
        if errors and self.strict:
            raise InputError(f"{errors} {'errors' if errors > 1 else 'error'} in the input, and --strict was given")


# Shells complete file names for it. Whether a file can be read is checked by the loaders, whose messages are better.
_FILE: Final = click.Path(readable=False, allow_dash=True)

_OPTIONS: Final = (
    click.option(
        "-f",
        "--filename",
        "filenames",
        type=_FILE,
        metavar="PATH",
        multiple=True,
        help="File or folder; - is stdin. Repeatable.",
    ),
    click.option("-R", "--recursive", is_flag=True, help="Read the folders of -f recursively."),
    click.option(
        "-k", "--kustomize", type=_FILE, metavar="FOLDER", help="Read a kustomization, built by kubectl or kustomize."
    ),
    click.option("-n", "--namespace", metavar="NAME", help="The namespace of names without one."),
    click.option("--context", metavar="NAME", help="The kubeconfig context to read if there is no -f or -k."),
    click.option("--kubeconfig", type=_FILE, metavar="FILE", help="The kubeconfig file."),
    click.option("--strict", is_flag=True, help="Exit with 2 if the input has any error."),
    click.option("-v", "--verbose", is_flag=True, help="List the kinds of objects that were skipped."),
)


input_options = as_one(Inputs, "inputs", _OPTIONS)
"""Gives a command the input options; it receives them as `inputs`."""
