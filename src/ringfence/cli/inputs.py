"""Where objects come from: the options that all commands share, named as in kubectl."""

from collections.abc import Callable
from typing import Any, TypeVar

import click
import msgspec

from ringfence.cli import progress, terminal
from ringfence.cluster import Cluster
from ringfence.errors import InputError
from ringfence.model.objects import DEFAULT_NAMESPACE
from ringfence.model.problems import Severity

Command = TypeVar("Command", bound=Callable[..., Any])


class Inputs(msgspec.Struct, frozen=True):
    """What the shared options say."""

    filenames: tuple[str, ...]
    recursive: bool
    kustomize: str | None
    namespace: str | None
    context: str | None
    kubeconfig: str | None
    strict: bool
    verbose: bool

    def cluster(self, *, report: bool = True) -> Cluster:
        """The cluster that the options name. With `report`, what is wrong in the input goes to stderr.

        With `--verbose`, so does what was skipped. Raises InputError for an error in the input with `--strict`, if it
        reports.
        """
        if self.filenames or self.kustomize:
            with progress.reading() as reading:
                cluster = Cluster.load(
                    *self.filenames,
                    recursive=self.recursive,
                    kustomize=self.kustomize,
                    namespace=self.namespace or DEFAULT_NAMESPACE,
                    progress=reading,
                )
        else:
            cluster = Cluster.live(self.context, self.kubeconfig)
            cluster.namespace = self.namespace or cluster.namespace
        if cluster.skipped and self.verbose:
            kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(cluster.skipped.items()))
            click.echo(f"skipped, of kinds without a meaning here: {kinds}", err=True)
        if report:
            self._report(cluster)
        return cluster

    def _report(self, cluster: Cluster) -> None:
        for problem in cluster.problems:
            terminal.report(str(problem))
        errors = sum(problem.severity is Severity.ERROR for problem in cluster.problems)
        if errors and self.strict:
            raise InputError(f"{errors} {'errors' if errors > 1 else 'error'} in the input, and --strict was given")


_FILE = click.Path(readable=False, allow_dash=True)
"""For shells to complete; whether it can be read is for the loaders to say."""

_OPTIONS = (
    click.option(
        "-f",
        "--filename",
        "filenames",
        type=_FILE,
        metavar="PATH",
        multiple=True,
        help="File or folder; - is stdin. Repeatable.",
    ),
    click.option("-R", "--recursive", is_flag=True, help="Read the folders of -f with all folders in them."),
    click.option(
        "-k", "--kustomize", type=_FILE, metavar="FOLDER", help="Read a kustomization through kubectl or kustomize."
    ),
    click.option("-n", "--namespace", metavar="NAME", help="Namespace of names that have none."),
    click.option("--context", metavar="NAME", help="The kubeconfig context to read, without -f."),
    click.option("--kubeconfig", type=_FILE, metavar="FILE", help="The kubeconfig file."),
    click.option("--strict", is_flag=True, help="Any error in the input is fatal."),
    click.option("-v", "--verbose", is_flag=True, help="Say what was skipped."),
)


def input_options(command: Command) -> Command:
    """Give a command the shared options; it receives them as `inputs`."""

    def with_inputs(
        filenames: tuple[str, ...],
        recursive: bool,
        kustomize: str | None,
        namespace: str | None,
        context: str | None,
        kubeconfig: str | None,
        strict: bool,
        verbose: bool,
        **others: Any,
    ) -> Any:
        inputs = Inputs(filenames, recursive, kustomize, namespace, context, kubeconfig, strict, verbose)
        return command(inputs=inputs, **others)

    with_inputs.__name__ = command.__name__
    with_inputs.__doc__ = command.__doc__
    with_inputs.__click_params__ = getattr(command, "__click_params__", [])  # type: ignore[attr-defined]
    wrapped: Any = with_inputs
    for option in reversed(_OPTIONS):
        wrapped = option(wrapped)
    return wrapped  # type: ignore[no-any-return]
