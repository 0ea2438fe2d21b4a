"""Shell completion: the script for a shell, and the names that complete an endpoint."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import click
from click.shell_completion import get_completion_class

from ringfence.cli import cli
from ringfence.cli.terminal import print_document
from ringfence.errors import RingfenceError

if TYPE_CHECKING:
    from ringfence.cluster import Cluster

_VARIABLE = "_RINGFENCE_COMPLETE"


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print the script that completes commands, options and endpoints in a shell.

    \b
    Examples:
      source <(ringfence completion bash)                                   # in ~/.bashrc
      ringfence completion fish > ~/.config/fish/completions/ringfence.fish
    """
    found = get_completion_class(shell)
    assert found is not None
    print_document(found(cli, {}, "ringfence", _VARIABLE).source())


def complete_endpoint(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """The pods, workloads and Services in the files of -f that begin with `incomplete`.

    A live cluster is not asked: that takes too long for a key press.
    """
    filenames = context.params.get("filenames")
    if not filenames:
        return []
    from ringfence.cluster import Cluster

    try:
        cluster = Cluster.load(*filenames)
    except RingfenceError:
        return []
    return sorted(name for name in set(_names(cluster)) if name.startswith(incomplete))


def _names(cluster: "Cluster") -> Iterator[str]:
    for member in cluster.state.members():
        yield f"{member.namespace}/{cluster.state.workload(member).name}"
    for namespace, name in cluster.state.services:
        yield f"{namespace}/svc/{name}"
