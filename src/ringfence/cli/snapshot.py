"""`snapshot`: all allowed connections as sorted lines, to be committed."""

import click

from ringfence.cli import EXIT_UNDECIDED, EXIT_YES
from ringfence.cli.inputs import Inputs
from ringfence.cli.plugin_remarks import plugin_remark_on
from ringfence.cli.terminal import print_pieces
from ringfence.cli.what_if import enforced_options
from ringfence.render.snapshots import snapshot_lines


@click.command()
@click.option("--no-possible", is_flag=True, help="Leave out pods that do not exist yet.")
@click.option(
    "--no-assumptions",
    is_flag=True,
    help="Exit with 3 if the snapshot depends on information that the input does not contain.",
)
@enforced_options
def snapshot(inputs: Inputs, no_possible: bool, no_assumptions: bool) -> None:
    """Print all allowed connections as sorted lines, to be committed and compared by git.

    The rows are the connections between workloads and with all addresses, which workloads are isolated, what would pass
    to and from pods that do not exist yet, and what the snapshot assumes. The same cluster gives the same bytes,
    in whatever order its objects are read. With --plugin, the rows are as that plugin enforces the policies, and pods
    that do not exist yet are left out. `ringfence test --snapshot FILE` fails if anything differs from such a file.

    \b
    Examples:
      ringfence snapshot -f manifests/ > connections.lock
      ringfence snapshot -f manifests/ --no-possible | diff connections.lock -
    """
    cluster = inputs.cluster()
    found = cluster.snapshot(possible=not no_possible)
    # Possible pods are left out of the comparison: how a plugin treats them is not known.
    remark = plugin_remark_on(cluster, lambda: frozenset(cluster.snapshot(possible=False).connections.items()))
    print_pieces(snapshot_lines(found))
    remark.print()
    assumes = found.assumptions or remark.assumptions
    inputs.leave(cluster.problems, EXIT_UNDECIDED if no_assumptions and assumes else EXIT_YES)
