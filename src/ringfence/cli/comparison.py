"""`equivalent` and `allows-at-most`: two sets of policies compared for all possible clusters."""

from collections.abc import Callable
from typing import Any, Final

import click
import msgspec

from ringfence.analysis.possible import Comparison, Counterexample, Outcome, end_name, objects_of
from ringfence.cli import EXIT_NO, EXIT_UNDECIDED, EXIT_YES
from ringfence.cli.completion import complete_context
from ringfence.cli.diff_sides import READING_OPTIONS, ComparedInput, read_both
from ringfence.cli.inputs import Inputs, leave
from ringfence.cli.options import as_one
from ringfence.cli.output_formats import FormatChoice
from ringfence.cli.terminal import print_answer, print_document, print_message
from ringfence.cluster import Cluster
from ringfence.engine.possible import ExactAddress, Role
from ringfence.errors import InputError
from ringfence.render.comparisons import comparison_json, comparison_text

_EXIT_CODES: Final = {Outcome.HOLDS: EXIT_YES, Outcome.FAILS: EXIT_NO, Outcome.UNKNOWN: EXIT_UNDECIDED}
_PATH: Final = click.Path(readable=False, allow_dash=True)
_USAGE: Final = (
    "name two files or folders; or one, with --live or --context for a live cluster as A, or --to-context as B; "
    "or two live clusters, as in --context staging --to-context prod"
)


class TwoInputs(msgspec.Struct, frozen=True):
    """The arguments and options that both commands share."""

    compared: tuple[str, ...]
    live: bool
    context: str | None
    to_context: str | None
    kubeconfig: str | None
    recursive: bool
    exclude: tuple[str, ...]
    namespace: str | None
    strict: bool
    ignore_errors: bool
    lab: bool
    output: str

    def compare(self, relation: Callable[..., Comparison]) -> None:
        """Read both inputs, print whether the relation holds between them, and exit.

        Raises InputError if both are standard input, and click.UsageError unless exactly two are named.
        """
        first, second = self._sides()
        one, other, problems = read_both(first, second)
        found = relation(one, other, names=(first.name, second.name))
        # Without a counterexample there is no single connection that a kernel could judge.
        if self.lab and found.counterexample:
            found = _in_laboratory(found, found.counterexample)
        if self.output == "json":
            print_document(comparison_json(found, problems))
        else:
            print_answer(comparison_text(found))
        input_problems = [one.problem for one in problems]
        leave(input_problems, _EXIT_CODES[found.outcome], ignore_errors=self.ignore_errors)

    def _sides(self) -> tuple[ComparedInput, ComparedInput]:
        """The two inputs. Raises click.UsageError if the arguments and options do not name two."""
        if self.compared == ("-", "-"):
            raise InputError("only one of the two can be read from standard input: write the other to a file")
        is_first_live = self.live or self.context is not None
        if self.kubeconfig and not (is_first_live or self.to_context):
            raise click.UsageError("--kubeconfig names live clusters: use it with --live, --context or --to-context")
        paths = [self._of_files(path) for path in self.compared]
        sides = [
            *([self._of_live(self.context)] if is_first_live else []),
            *paths,
            *([self._of_live(self.to_context)] if self.to_context else []),
        ]
        if len(sides) != 2:
            raise click.UsageError(_USAGE)
        return sides[0], sides[1]

    def _of_files(self, path: str) -> ComparedInput:
        name = "standard input" if path == "-" else path
        return ComparedInput(name, self._inputs(filenames=(path,), context=None, kubeconfig=None))

    def _of_live(self, context: str | None) -> ComparedInput:
        """The cluster of a kubeconfig context; of the current one without a name."""
        name = context or "the live cluster"
        return ComparedInput(name, self._inputs(filenames=(), context=context, kubeconfig=self.kubeconfig))

    def _inputs(self, **source: Any) -> Inputs:
        return Inputs(
            recursive=self.recursive,
            exclude=self.exclude,
            kustomize=None,
            namespace=self.namespace,
            strict=self.strict,
            ignore_errors=self.ignore_errors,
            verbose=False,
            **source,
        )


def _in_laboratory(found: Comparison, example: Counterexample) -> Comparison:
    """The comparison after the kernel has judged its counterexample under the policies of both sides.

    A connection without ports, or from or to a node, cannot be opened in a laboratory: then `found` itself, and a
    message says so.
    """
    # The laboratory takes longer to import than most comparisons take.
    from ringfence.lab.kernel_verdicts import kernel_allows
    from ringfence.lab.network import LabPort

    connection = example.connection
    ends = [connection.end(role) for role in Role]
    if not connection.protocol or any(isinstance(end, ExactAddress) and end.node_labels is not None for end in ends):
        print_message("the laboratory cannot open such a connection: only the engine has judged it")
        return found
    source, destination = (end_name(connection, role) for role in Role)
    port = LabPort(connection.port, connection.protocol)
    for policies, is_allowed in (
        (found.first, example.allowed_by_first),
        (found.second, not example.allowed_by_first),
    ):
        cluster = Cluster()
        for policy in policies.policies:
            cluster.state.upsert(policy.policy, policy.origin)
        for obj in objects_of(connection):
            cluster.state.upsert(obj)
        # A defect of ringfence, and not an answer: no exit code of a comparison would be true.
        if kernel_allows(cluster, source, destination, port) is not is_allowed:
            raise AssertionError(f"the kernel contradicts the engine about {connection} with {policies.name}")
    return msgspec.structs.replace(found, is_proven=True)


_OPTIONS: Final[tuple[Callable[[Any], Any], ...]] = (
    click.argument("compared", metavar="A B", nargs=-1, type=_PATH),
    click.option("--live", is_flag=True, help="A is the cluster of the current kubeconfig context."),
    click.option(
        "--context", metavar="NAME", shell_complete=complete_context, help="A is the cluster of this context."
    ),
    click.option(
        "--to-context", metavar="NAME", shell_complete=complete_context, help="B is the cluster of this context."
    ),
    click.option("--kubeconfig", type=_PATH, metavar="FILE", help="The kubeconfig file."),
    *READING_OPTIONS,
    click.option("--lab", is_flag=True, help="Have the kernel judge the counterexample as well, in a laboratory."),
    click.option(
        "-o",
        "--output",
        type=FormatChoice(["text", "json"]),
        default="text",
        show_default=True,
        help="The output format.",
    ),
)

_two_inputs = as_one(TwoInputs, "inputs", _OPTIONS)


@click.command()
@_two_inputs
def equivalent(inputs: TwoInputs) -> None:
    """Check whether the policies of A and B mean the same in every possible cluster.

    A and B are files or folders; - is standard input. With --live or --context, A is a live cluster and the path is B;
    with --to-context, B is. Only their policies count: pods, labels of namespaces, nodes and the numbers
    of named ports may be any. The exit code is 0 if both allow the same connections. It is 1 if they do not: then the
    smallest connection that shows it is printed, with the verdict of each side. It is 3 if the answer depends on
    policies of kinds that are not read or on what domain names resolve to, or would take too long.

    \b
    Examples:
      ringfence equivalent policies/ refactored/
      ringfence equivalent policies/ refactored/ --lab
      kubectl get netpol -A -o yaml | ringfence equivalent - policies/
    """
    inputs.compare(Cluster.equivalent)


@click.command("allows-at-most")
@_two_inputs
def allows_at_most(inputs: TwoInputs) -> None:
    """Check whether the policies of B allow everything that those of A allow, in every possible cluster.

    A and B are as for `equivalent`, and so are the exit codes: 0 means that A allows nothing that B denies.

    \b
    Examples:
      ringfence allows-at-most new/ old/          # the new policies open nothing new
      ringfence allows-at-most policies/ guardrails.yaml -o json
      ringfence allows-at-most --live guardrails.yaml   # the cluster stays within the limits
    """
    inputs.compare(Cluster.allows_at_most)
