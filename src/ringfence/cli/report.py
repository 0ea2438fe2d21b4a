"""`report`: all allowed connections, and the reasons, in one file for a browser."""

from pathlib import Path
from typing import Final

import click

from ringfence.cli import EXIT_YES
from ringfence.cli.inputs import Inputs
from ringfence.cli.terminal import check_not_a_terminal, print_exactly, print_message
from ringfence.cli.what_if import enforced_options
from ringfence.cli.written_files import write_file
from ringfence.cluster import Cluster
from ringfence.errors import InputError
from ringfence.render.formats import json_text

_HTML: Final = (".html", ".htm")
_JSON: Final = ".json"
_STDOUT: Final = "-"


@click.command()
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, allow_dash=True),
    default=_STDOUT,
    metavar="FILE",
    help="The file to write: an HTML page, or its data if the name ends with .json.  [default: standard output]",
)
@click.option("--title", default="", help="The title of the page.  [default: the input]")
@enforced_options
def report(inputs: Inputs, output: str, title: str) -> None:
    """Write all allowed connections of a cluster, and the reasons, as one HTML file.

    The page has a matrix of all workloads, an explanation of each cell beside the YAML of the policies, a view of each
    workload and policy, and a search. It needs no server and no network: open it from disk, or mail it. The same input
    gives the same file.

    \b
    Examples:
      ringfence report -f manifests/ -o report.html
      ringfence report --context prod -o prod.html --title "prod, before the release"
      ringfence report -f manifests/ -o report.json
    """
    file = None if output == _STDOUT else Path(output)
    if file is not None and file.suffix.lower() not in (*_HTML, _JSON):
        raise InputError(f"{output}: a report is an HTML file, or its data as JSON: end the name with .html or .json")
    # Checked before the cluster is read, which may take minutes.
    if file is not None and not file.parent.is_dir():
        raise InputError(f"{output}: there is no folder {file.parent}")
    if file is None:
        check_not_a_terminal("name a file, as in -o report.html")
    cluster = inputs.cluster()
    written = _written(cluster, title or inputs.title, is_data=file is not None and file.suffix.lower() == _JSON)
    if file is None:
        print_exactly(written)
    else:
        write_file(file, written, f"-o {output}")
        print_message(f"wrote {output}, {len(written.encode()) / 1000:,.0f} kB")
    inputs.leave(cluster.problems, EXIT_YES)


def _written(cluster: Cluster, title: str, *, is_data: bool) -> str:
    if is_data:
        return json_text(cluster.report_data(title)) + "\n"
    return cluster.report(title)
