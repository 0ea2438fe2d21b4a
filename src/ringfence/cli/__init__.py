"""The command line: `ringfence COMMAND`, and the same as `kubectl ringfence COMMAND`.

Each command lives in a module of its own, which is imported only when the command is used: answering one question must
not wait for what it does not need.
"""

import gc
import os
import sys
from errno import EPIPE
from importlib import import_module
from typing import IO, Any

import click

from ringfence import __version__
from ringfence.errors import RingfenceError

EXIT_YES = 0
EXIT_NO = 1
EXIT_UNUSABLE = 2
EXIT_UNDECIDED = 3

_COMMANDS = {
    "can": ("can", "Whether a source may open a connection to a destination."),
    "explain": ("can", "Why it may or may not: every policy and rule, with file and line."),
    "connections": ("connections", "Every allowed connection."),
    "matrix": ("connections", "The same as a table: sources down, destinations across."),
    "get": ("policies", "List NetworkPolicies as kubectl does."),
    "describe": ("policies", "Describe NetworkPolicies as kubectl does."),
    "validate": ("validate", "What the API server would refuse, with file and line."),
    "completion": ("completion", "The script that completes commands and names in a shell."),
    "agent": ("agent", "Enforce the policies of a live cluster on this node."),
    "lab": ("lab", "Prove it in network namespaces: real pods' networks, real kernel, real probes."),
}


_ALLOCATIONS = 200_000
"""So many new objects before Python looks for cycles: a cluster has none, and looking takes a fifth of the time."""


class _Refusal(click.ClickException):
    """An error of ringfence's own, as the user sees it: one message, no traceback."""

    exit_code = EXIT_UNUSABLE

    def show(self, file: IO[Any] | None = None) -> None:
        from ringfence.render.tables import harmless

        click.echo(harmless(f"error: {self.format_message()}"), file=file, err=file is None)


class _LazyGroup(click.Group):
    """A group that knows its commands by name and imports one only when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        command = getattr(import_module(f"ringfence.cli.{_COMMANDS[cmd_name][0]}"), cmd_name)
        assert isinstance(command, click.Command)
        return command

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except RingfenceError as error:
            raise _Refusal(str(error)) from error
        except OSError as error:
            if error.errno == EPIPE:  # Whoever read the output has seen enough, which is no mistake.
                raise
            raise _Refusal(str(error)) from error

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, summary) for name, (_, summary) in _COMMANDS.items()])


@click.group(cls=_LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, message="%(prog)s %(version)s")
def cli() -> None:
    """What Kubernetes NetworkPolicies allow, why, and proof that the kernel agrees.

    Reads manifests (-f FILE, -k FOLDER), or without those the cluster of the current kubeconfig context.

    \b
    ringfence can -f manifests/ prod/web prod/db -p 3306
    ringfence explain -f manifests/ prod/web prod/svc/db -p 3306
    ringfence connections -f manifests/ -o json

    \b
    An endpoint is [NAMESPACE/][KIND/]NAME, NAMESPACE/KEY=VALUE, NAMESPACE/*, an IP address or a CIDR.
    Exit codes: 0 yes, or nothing wrong; 1 no, or findings; 2 the question or the input is unusable;
    3 the answer hangs on an assumption (with --no-assumptions).
    """


def main() -> None:
    """The entry point, called `ringfence`, or by kubectl as its plugin."""
    gc.set_threshold(_ALLOCATIONS)
    called_as = os.path.basename(sys.argv[0])  # noqa: PTH119  (a name, not a path)
    cli.main(prog_name="kubectl ringfence" if called_as.startswith("kubectl-") else "ringfence")
