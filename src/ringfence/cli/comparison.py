"""`equivalent` and `allows-at-most`: two sets of policies compared for every cluster that could be."""

from collections.abc import Callable
from typing import Any, Final

import click
import msgspec

from ringfence.analysis.possible import Comparison, Outcome
from ringfence.cli import EXIT_NO, EXIT_UNDECIDED, EXIT_YES
from ringfence.cli.inputs import Inputs, leave
from ringfence.cli.options import as_one
from ringfence.cli.terminal import print_answer, print_document
from ringfence.cluster import Cluster
from ringfence.errors import InputError
from ringfence.render.comparisons import comparison_json, comparison_text

_EXIT_CODES: Final = {Outcome.HOLDS: EXIT_YES, Outcome.FAILS: EXIT_NO, Outcome.UNKNOWN: EXIT_UNDECIDED}
_PATH: Final = click.Path(readable=False, allow_dash=True)


class TwoInputs(msgspec.Struct, frozen=True):
    """The arguments and options that both commands share."""

    first: str
    second: str
    recursive: bool
    exclude: tuple[str, ...]
    namespace: str | None
    strict: bool
    ignore_errors: bool
    output: str

    def compare(self, relation: Callable[..., Comparison]) -> None:
        """Read both inputs, print whether the relation holds between them, and leave with the exit code.

        Raises InputError if both are the standard input.
        """
        if self.first == self.second == "-":
            raise InputError("only one of the two can be read from standard input: write the other to a file")
        one, other = self._read(self.first), self._read(self.second)
        found = relation(one, other, names=(self.first, self.second))
        problems = [*one.problems, *other.problems]
        if self.output == "json":
            print_document(comparison_json(found, problems))
        else:
            print_answer(comparison_text(found))
        leave(problems, _EXIT_CODES[found.outcome], ignore_errors=self.ignore_errors)

    def _read(self, path: str) -> Cluster:
        inputs = Inputs(
            filenames=(path,),
            recursive=self.recursive,
            exclude=self.exclude,
            kustomize=None,
            namespace=self.namespace,
            context=None,
            kubeconfig=None,
            strict=self.strict,
            ignore_errors=self.ignore_errors,
            verbose=False,
        )
        return inputs.cluster()


_OPTIONS: Final[tuple[Callable[[Any], Any], ...]] = (
    click.argument("first", metavar="A", type=_PATH),
    click.argument("second", metavar="B", type=_PATH),
    click.option("-R", "--recursive", is_flag=True, help="Read folders recursively, hidden ones excepted."),
    click.option(
        "--exclude", metavar="GLOB", multiple=True, help="Leave out files and folders in folders. Repeatable."
    ),
    click.option("-n", "--namespace", metavar="NAME", help="The namespace of objects without one."),
    click.option("--strict", is_flag=True, help="Do not answer if the input has any error: exit with 2."),
    click.option("--ignore-errors", is_flag=True, help="Do not exit with 2 because of errors in the input."),
    click.option(
        "-o",
        "--output",
        type=click.Choice(["text", "json"]),
        default="text",
        show_default=True,
        help="The output format.",
    ),
)

_two_inputs = as_one(TwoInputs, "inputs", _OPTIONS)


@click.command()
@_two_inputs
def equivalent(inputs: TwoInputs) -> None:
    """Check whether the policies of A and B mean the same in every cluster that could be.

    A and B are files or folders; - is standard input. Only their policies count: pods, the labels of namespaces, nodes
    and the ports that names mean are free. The exit code is 0 if both allow the same connections. It is 1 if they do
    not: then the smallest connection that shows it is printed, and what each side says of it. It is 3 if that depends
    on policies of kinds that are not read, on what domain names resolve to, or would take too long to find out.

    \b
    Examples:
      ringfence equivalent policies/ refactored/
      kubectl get netpol -A -o yaml | ringfence equivalent - policies/
    """
    inputs.compare(Cluster.equivalent)


@click.command("allows-at-most")
@_two_inputs
def allows_at_most(inputs: TwoInputs) -> None:
    """Check whether everything that the policies of A allow is allowed by those of B, too, in every cluster.

    A and B are as for `equivalent`, and so are the exit codes: 0 says that A never opens anything that B keeps closed.

    \b
    Examples:
      ringfence allows-at-most new/ old/          # the new policies open nothing
      ringfence allows-at-most policies/ guardrails.yaml -o json
    """
    inputs.compare(Cluster.allows_at_most)
