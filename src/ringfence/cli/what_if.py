"""What if: options that add policies to the input of a question, or leave them out."""

from collections.abc import Iterable, Sequence
from typing import Final

import click

from ringfence.cli.completion import complete_plugin, complete_policy_in_force
from ringfence.cli.inputs import INPUT_OPTIONS, INPUT_OPTIONS_WITHOUT_K, Inputs
from ringfence.cli.options import as_one
from ringfence.cluster import Cluster


class SupposedInputs(Inputs, frozen=True):
    """The input, with the objects of `suppose` as if they had been applied, and without the policies of `without`."""

    suppose: tuple[str, ...]
    without: tuple[str, ...]

    def read(self) -> Cluster:
        """The cluster as it would be."""
        return supposed(super().read(), self.suppose, self.without)


class EnforcedInputs(SupposedInputs, frozen=True):
    """The input, with what is supposed, and as a network plugin enforces it."""

    plugin: str | None

    def read(self) -> Cluster:
        """The cluster as it would be."""
        return enforced(super().read(), self.plugin)


def enforced(cluster: Cluster, plugin: str | None) -> Cluster:
    """The cluster itself, as a network plugin enforces its policies; without a plugin, as upstream defines them."""
    return cluster.as_enforced_by(plugin) if plugin else cluster


def supposed(cluster: Cluster, suppose: Sequence[str], without: Iterable[str]) -> Cluster:
    """The cluster itself, after some policies have been left out and the objects of some files applied."""
    # Policies are left out first: a supposed file may bring one of the same name back.
    for policy in without:
        cluster.leave_out(policy)
    if suppose:
        cluster.suppose(*suppose)
    return cluster


WHAT_IF_OPTIONS: Final = (
    click.option(
        "--suppose",
        type=click.Path(readable=False, allow_dash=True),
        metavar="PATH",
        multiple=True,
        help="Answer as if the objects of this file or folder were applied. Repeatable.",
    ),
    click.option(
        "--without",
        metavar="NAMESPACE/NAME",
        multiple=True,
        shell_complete=complete_policy_in_force,
        help="Answer as if this policy were deleted: a NetworkPolicy, or cnp/NAME, anp/NAME, banp/NAME. Repeatable.",
    ),
)

asking_options = as_one(SupposedInputs, "inputs", (*INPUT_OPTIONS, *WHAT_IF_OPTIONS))
"""Gives a command the input options, and those to suppose changes; it receives them as `inputs`."""

PLUGIN_OPTION: Final = click.option(
    "--plugin",
    metavar="NAME[@VERSION]|FILE",
    shell_complete=complete_plugin,
    help="The network plugin that enforces the policies: cilium@1.19, cilium:enable-sctp=true, or a file.",
)

enforced_options = as_one(EnforcedInputs, "inputs", (*INPUT_OPTIONS, *WHAT_IF_OPTIONS, PLUGIN_OPTION))
"""The same with the network plugin that enforces the policies."""

enforced_options_without_k = as_one(
    EnforcedInputs, "inputs", (*INPUT_OPTIONS_WITHOUT_K, *WHAT_IF_OPTIONS, PLUGIN_OPTION)
)
"""The same for a command in which `-k` means something else."""
