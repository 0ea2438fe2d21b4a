"""`version`: which ringfence this is."""

import click

from ringfence import __version__
from ringfence.cli.output_formats import FormatChoice
from ringfence.cli.terminal import print_document, print_text
from ringfence.render.formats import document_json


@click.command()
@click.option(
    "-o", "--output", type=FormatChoice(["text", "json"]), default="text", show_default=True, help="The output format."
)
def version(output: str) -> None:
    """Print the version.

    \b
    Examples:
      ringfence version
      ringfence version -o json
    """
    if output == "json":
        print_document(document_json({"version": __version__}))
    else:
        print_text(f"ringfence {__version__}")
