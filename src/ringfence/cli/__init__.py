"""The command line: `ringfence COMMAND`, and the same as `kubectl ringfence COMMAND`.

A command is imported only when it is used: a question about manifests does not wait for the modules of the laboratory
and the agent.
"""

import gc
import os
import select
import signal
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from errno import EPIPE
from importlib import import_module
from io import TextIOWrapper
from traceback import walk_tb
from typing import IO, Any, Final

import click

from ringfence import __version__
from ringfence.cli.groups import Group
from ringfence.errors import RingfenceError, UndecidedError

EXIT_YES = 0
EXIT_NO = 1
EXIT_UNUSABLE = 2
EXIT_UNDECIDED = 3
EXIT_DEFECT = 70
"""A defect of ringfence: EX_SOFTWARE of sysexits(3)."""
EXIT_INTERRUPTED = 130
"""Ended by Ctrl-C: 128 plus the number of SIGINT, as shells report it."""

_BY_SEVERITY = (EXIT_YES, EXIT_NO, EXIT_UNDECIDED, EXIT_UNUSABLE)

_SECTIONS: Final = {
    "Ask": {
        "can": ("can", "Check whether a source may open a connection to a destination."),
        "explain": ("can", "Explain why it may or may not, policy by policy and rule by rule."),
        "sources": ("reach", "List who can reach a destination, and by which rules."),
        "destinations": ("reach", "List what a source can reach, and by which rules."),
        "isolation": ("isolation", "List which policies isolate each workload, and which workloads no policy does."),
        "connections": ("connectivity", "List every allowed connection."),
        "matrix": ("connectivity", "Show all allowed connections as a matrix."),
        "ui": ("ui", "Show the report as a local page, and edit policies in it."),
        "report": ("report", "Write all allowed connections, and the reasons, as one HTML file."),
    },
    "Review changes": {
        "diff": ("diff", "List which connections a change opens and closes, for whom, and why."),
        "test": ("test", "Run the tests in files: what must pass, and what must not."),
        "snapshot": ("snapshot", "Print all allowed connections as sorted lines, to be committed."),
        "lint": ("lint", "List mistakes in policies, each with its place, its reason and its remedy."),
        "validate": ("validate", "List what the API server would refuse."),
    },
    "All possible pods and clusters": {
        "exposure": ("exposure", "List which pods that do not exist yet could reach each workload, or be reached."),
        "equivalent": ("comparison", "Check whether two sets of policies mean the same in every cluster."),
        "allows-at-most": ("comparison", "Check whether policies allow only what others allow, too."),
        "redundant": ("redundant", "List parts of policies that can be removed without any change."),
    },
    "Print and convert policies": {
        "get": ("policies", "List policies as kubectl does."),
        "describe": ("policies", "Describe policies as kubectl does."),
        "convert": ("convert", "Convert older policies of administrators to ClusterNetworkPolicies."),
    },
    "Prove and enforce": {
        "lab": ("lab", "Test policies in network namespaces, with the Linux kernel and real connections."),
        "doctor": ("doctor", "Find out whether a live cluster enforces policies, with what, and where."),
        "agent": ("agent", "Enforce the policies of a live cluster on this node."),
    },
    "Other commands": {
        "completion": ("completion", "Print the script for shell completion."),
        "version": ("version", "Print the version."),
    },
}
"""The module and the summary of each command, under the headings of the help."""

_COMMANDS: Final = {name: command for section in _SECTIONS.values() for name, command in section.items()}


_ALLOCATIONS = 200_000
"""New objects before Python's garbage collector looks for reference cycles. The objects of a cluster have none, and
with the default threshold the search takes a fifth of the time of loading them."""


def worst_exit_code(codes: Iterable[int]) -> int:
    """The exit code of a command for which several codes apply.

    "No" is worse than "yes". An answer that depends on an assumption is worse than both. Unusable input is worst: no
    other answer can be relied on then.
    """
    return max(codes, key=_BY_SEVERITY.index)


class _CommandError(click.ClickException):
    """An error of ringfence's own, as the user sees it: one message, no traceback."""

    exit_code = EXIT_UNUSABLE

    def show(self, file: IO[Any] | None = None) -> None:
        from ringfence.cli.terminal import print_message

        print_message(f"error: {self.format_message()}")


class _UndecidedQuestion(click.ClickException):
    """A question that would take too long, as the user sees it."""

    exit_code = EXIT_UNDECIDED

    def show(self, file: IO[Any] | None = None) -> None:
        from ringfence.cli.terminal import print_message

        print_message(self.format_message())


@contextmanager
def _escaped_usage_errors() -> Iterator[None]:
    """Escape the arguments that click quotes in its messages about them: a script may pass on a name from elsewhere."""
    try:
        yield
    except click.UsageError as error:
        from ringfence.render.formats import escape_controls

        message = error.format_message()
        # Nearly every message: click's own error knows more than a text, such as which option was meant.
        if escape_controls(message) == message:
            raise
        raise click.UsageError(escape_controls(message), error.ctx) from error


@contextmanager
def _ended_by_closed_pipes() -> Iterator[None]:
    """End as other Unix programs do when the reader of the output has closed the pipe, as `head` does.

    Python ignores SIGPIPE, and click would exit with 1, which means "no" here. EPIPE of any other pipe or socket stays
    an error.
    """
    try:
        yield
    except OSError as error:
        if error.errno == EPIPE and any(map(_is_unread, (sys.stdout, sys.stderr))):
            # Ended by the signal itself, so that shells and `pipefail` see the same as with any other program.
            signal.signal(signal.SIGPIPE, signal.SIG_DFL)
            signal.raise_signal(signal.SIGPIPE)
        raise


def _is_unread(stream: IO[str]) -> bool:
    """Whether a stream is a pipe without a reader (poll(2))."""
    poll = select.poll()
    poll.register(stream.fileno(), 0)
    return any(event & select.POLLERR for _, event in poll.poll(0))


class _LazyGroup(Group):
    """A group that imports a command when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        module = import_module(f"ringfence.cli.{_COMMANDS[cmd_name][0]}")
        command = getattr(module, cmd_name.replace("-", "_"))
        assert isinstance(command, click.Command)
        return command

    def make_context(self, *arguments: Any, **values: Any) -> click.Context:
        try:
            with _escaped_usage_errors(), _ended_by_closed_pipes():
                return super().make_context(*arguments, **values)
        except KeyboardInterrupt:
            raise click.exceptions.Exit(EXIT_INTERRUPTED) from None

    def invoke(self, ctx: click.Context) -> Any:
        try:
            with _escaped_usage_errors(), _ended_by_closed_pipes():
                return super().invoke(ctx)
        except KeyboardInterrupt:
            # click would exit with 1, which means "no" here.
            raise click.exceptions.Exit(EXIT_INTERRUPTED) from None
        except UndecidedError as error:
            raise _UndecidedQuestion(str(error)) from error
        except RingfenceError as error:
            raise _CommandError(str(error)) from error
        except OSError as error:
            raise _CommandError(str(error)) from error

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        # All sections align their summaries: the longest name is as wide in each.
        width = max(map(len, _COMMANDS))
        for heading, commands in _SECTIONS.items():
            with formatter.section(heading):
                formatter.write_dl([(name.ljust(width), summary) for name, (_, summary) in commands.items()])


@click.group(cls=_LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, message="%(prog)s %(version)s")
def cli() -> None:
    """Check what Kubernetes NetworkPolicies allow, and why.

    Reads manifests (-f PATH, -k FOLDER), or without these the cluster of the current kubeconfig context.

    \b
    Examples:
      ringfence can -f manifests/ prod/web prod/db -p 3306
      ringfence explain -f manifests/ prod/web prod/svc/db -p 3306
      ringfence connections -f manifests/ -o json

    \b
    An endpoint is [NAMESPACE/][KIND/]NAME, NAMESPACE/SELECTOR, NAMESPACE/*, an IP address, a CIDR, internet,
    pod:NAMESPACE/KEY=VALUE,... (a pod that does not exist yet, with exactly these labels), or
    any-pod:NAMESPACE/KEY=VALUE,... (every pod that could exist with at least these labels).
    Exit codes: 0 yes, or nothing wrong; 1 no, partly, or findings; 2 the question or the input is unusable
    (an error in the input may concern a policy, and --ignore-errors was not given);
    3 the answer depends on an assumption, and --no-assumptions was given, or it would take too long;
    70 a defect of ringfence; 130 interrupted.
    """


def main() -> None:
    """Run the command line, as `ringfence` or as the kubectl plugin `kubectl ringfence`."""
    gc.set_threshold(_ALLOCATIONS)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            # A locale such as C or Latin-1 has no ✓: without this, printing it ends in a traceback.
            stream.reconfigure(errors="backslashreplace")
    called_as = os.path.basename(sys.argv[0])  # noqa: PTH119  (a name, not a path)
    try:
        with _ended_by_closed_pipes():
            sys.exit(_exit_code("kubectl ringfence" if called_as.startswith("kubectl-") else "ringfence"))
    except Exception as defect:
        # Python would print a traceback and exit with 1, which means "no" here.
        from ringfence.cli.terminal import print_message

        print_message(_defect_text(defect))
        sys.exit(EXIT_DEFECT)


def _exit_code(program: str) -> int:
    """Run a command and return its exit code. click itself would exit with 1 if it cannot print a message."""
    try:
        return cli.main(prog_name=program, standalone_mode=False) or EXIT_YES
    except click.Abort:
        return EXIT_INTERRUPTED
    except click.ClickException as error:
        error.show()
        return error.exit_code


def _defect_text(defect: Exception) -> str:
    """The line that asks for a report, with what a report needs."""
    # The last frame is where the defect showed. A whole traceback would frighten users, and this line is often enough.
    *_, (frame, line) = walk_tb(defect.__traceback__)
    place = f"{frame.f_globals.get('__name__')}:{line}"
    # On one line, so that it can be copied as a whole.
    what = " ".join(f"{type(defect).__name__}: {defect}".split())
    return (
        f"error: a defect of ringfence {__version__} ({what}, at {place}): "
        "please report it with this line, the command and its input"
    )
