"""`convert`: the administrators' policies of the older kinds as ClusterNetworkPolicies."""

import os
from pathlib import Path
from typing import Any

import click

from ringfence.analysis.conversion import Conversion
from ringfence.cli import EXIT_NO, EXIT_YES
from ringfence.cli.inputs import Inputs, input_options
from ringfence.cli.terminal import print_document, print_message
from ringfence.cli.written_files import write_file
from ringfence.errors import InputError
from ringfence.render.converted_policies import (
    conversion_json,
    conversion_yaml,
    converted_json,
    converted_yaml,
    summary_text,
)
from ringfence.sources.manifests import comments_of


class _Format(click.Choice[str]):
    """The output formats; a folder is not one, although other programs take it there."""

    def __init__(self) -> None:
        super().__init__(["yaml", "json"])

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The name of the format."""
        # Users of other programs write `-o FOLDER`. The message says how it is done here.
        if isinstance(value, str) and (os.sep in value or Path(value).is_dir()):
            self.fail(
                f"{value!r} is not one of 'yaml', 'json': to write files into a folder, use --to {value}", param, ctx
            )
        return super().convert(value, param, ctx)


@click.command()
@click.option("-o", "--output", type=_Format(), default="yaml", show_default=True, help="The output format.")
@click.option(
    "--to",
    "folder",
    type=click.Path(file_okay=False),
    metavar="FOLDER",
    help="Write a file for each policy into this folder, instead of printing.",
)
@input_options
def convert(inputs: Inputs, output: str, folder: str | None) -> None:
    """Convert AdminNetworkPolicies and BaselineAdminNetworkPolicies to ClusterNetworkPolicies.

    What is too long for one rule or one policy is divided into several; priorities, labels, annotations and the
    comments of files are kept. The pods of the input are compared before and after, with one another and with all
    addresses outside the cluster: policies are printed only if nothing changes for any of them. For this comparison,
    the input must be the whole cluster, or all its manifests. The exit code is 1 if a policy cannot be converted
    exactly; then nothing is printed, and messages name the fields that are the reason.

    \b
    Examples:
      ringfence convert -f manifests/ > cluster-network-policies.yaml
      ringfence convert -f manifests/ --to converted/
      ringfence convert --context prod -o json
    """
    cluster = inputs.cluster()
    conversion = cluster.convert()
    for remark in conversion.refusals or conversion.remarks:
        print_message(f"error: {remark}" if conversion.refusals else str(remark))
    if conversion.refusals:
        print_message("error: nothing is converted: correct these policies first")
        inputs.leave(cluster.problems, EXIT_NO)
    if not conversion.converted:
        print_message("No AdminNetworkPolicy or BaselineAdminNetworkPolicy found.")
        inputs.leave(cluster.problems, EXIT_YES)
    if folder is not None:
        _write(conversion, Path(folder), output)
    else:
        print_document(conversion_json(conversion) if output == "json" else conversion_yaml(conversion, comments_of))
    print_message(summary_text(conversion))
    inputs.leave(cluster.problems, EXIT_YES)


def _write(conversion: Conversion, folder: Path, output: str) -> None:
    """Write a file for each converted policy. Raises InputError if one of them exists."""
    files = {folder / f"{one.policies[0].metadata.name}.{output}": one for one in conversion.converted}
    # All are checked before any is written, so that an error leaves the folder as it was.
    for file in files:
        if file.exists():
            raise InputError(
                f"--to {folder}: {file.name} exists there already: name another folder, or remove the file"
            )
    folder.mkdir(parents=True, exist_ok=True)
    for file, one in files.items():
        text = converted_json(one) if output == "json" else converted_yaml(one, comments_of)
        write_file(file, text.rstrip("\n") + "\n", str(file))
        print_message(f"wrote {file}")
