"""`redundant`: what could be removed from policies without any change."""

import click

from ringfence.cli import EXIT_NO, EXIT_UNDECIDED, EXIT_YES
from ringfence.cli.inputs import Inputs
from ringfence.cli.output_formats import FormatChoice
from ringfence.cli.terminal import print_document, print_text
from ringfence.cli.what_if import asking_options
from ringfence.render.redundancies import redundancy_json, redundancy_text


@click.command()
@click.option(
    "-o",
    "--output",
    type=FormatChoice(["text", "json"]),
    default="text",
    show_default=True,
    help="The output format.",
)
@asking_options
def redundant(inputs: Inputs, output: str) -> None:
    """List policies, rules, peers and ports that can be removed without any change, in every possible cluster.

    Each is listed with what covers it: other policies and rules that do the same for all possible pods. If parts cover
    each other, the list says which one has to stay. The exit code is 1 if anything is redundant, and 0 if nothing is.
    It is 3 if policies of kinds that are not read may need what is listed, or if a part takes too long to decide.

    A second list has the parts that the pods of the input do not need, but future pods may need. It changes the exit
    code only if one of its parts takes too long to decide: then it is 3, because the list may lack parts.

    \b
    Examples:
      ringfence redundant -f manifests/
      ringfence redundant -f manifests/ -o json
    """
    cluster = inputs.cluster()
    found = cluster.redundant()
    here = cluster.redundant_here(found)
    if output == "json":
        print_document(redundancy_json(found, here, cluster.problems))
    else:
        print_text(redundancy_text(found, here))
    is_certain = not (found.unread or found.undecided or here.undecided)
    inputs.leave(cluster.problems, (EXIT_NO if found.parts else EXIT_YES) if is_certain else EXIT_UNDECIDED)
