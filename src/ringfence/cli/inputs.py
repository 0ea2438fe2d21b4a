"""The input options that all commands share: where objects come from, named as in kubectl."""

import sys
from collections.abc import Iterable, Iterator, Sequence
from os.path import isdir
from typing import Final, NoReturn

import click
import msgspec

from ringfence.cli import EXIT_UNUSABLE, progress, worst_exit_code
from ringfence.cli.completion import complete_context, complete_namespace
from ringfence.cli.options import OptionDecorator, as_one
from ringfence.cli.terminal import print_message
from ringfence.cluster import Cluster
from ringfence.errors import InputError, NoKubeconfigError
from ringfence.model.names import dns_label_errors
from ringfence.model.objects import DEFAULT_NAMESPACE
from ringfence.model.problems import Problem, Severity, errors_about_policies
from ringfence.model.server_versions import ServerVersion
from ringfence.render.problems import problem_text
from ringfence.sources.manifests import FileContents

_MOST_NAMED: Final = 5
"""The largest number of errors that the last line names; each has a line of its own above the answer."""


class Inputs(msgspec.Struct, frozen=True):
    """The values of the input options."""

    filenames: tuple[str, ...]
    recursive: bool
    exclude: tuple[str, ...]
    kustomize: str | None
    namespace: str | None
    context: str | None
    kubeconfig: str | None
    strict: bool
    ignore_errors: bool
    verbose: bool

    def __post_init__(self) -> None:
        """Raise InputError for options of a live cluster together with files: only one of them could be read."""
        live = [f"--{name} {value}" for name in ("context", "kubeconfig") if (value := getattr(self, name))]
        files = [*(f"-f {one}" for one in self.filenames), *([f"-k {self.kustomize}"] if self.kustomize else [])]
        if live and files:
            raise InputError(f"{live[0]} names a live cluster and {files[0]} manifests: use one of them")

    @property
    def is_live(self) -> bool:
        """Whether the cluster is that of an API server, not of files."""
        return not (self.filenames or self.kustomize)

    @property
    def title(self) -> str:
        """What the input is called: its files, its kustomization, or its context."""
        if self.is_live:
            return self.context or "the current context"
        return " ".join([*self.filenames, *([self.kustomize] if self.kustomize else [])])

    def _nothing_read(self) -> str:
        if self.title == "-":
            return "no Kubernetes object was read from standard input: check the command that writes to it"
        is_flat = not self.recursive and any(map(isdir, self.filenames))
        deeper = "; -R also reads the folders inside" if is_flat else ""
        return f"no Kubernetes object was read from {self.title}: check the path{deeper}"

    def cluster(
        self,
        *,
        report: bool = True,
        server_version: ServerVersion | None = None,
        contents: FileContents | None = None,
        service_users: bool = False,
    ) -> Cluster:
        """The cluster that the options name. With `report`, the problems in the input are printed on stderr.

        So is the number of documents without an object, and with `--verbose` the kinds that were skipped. `contents`
        receives the text of the files; `service_users` is as in `Cluster.live`. Raises InputError for an error in the
        input with `--strict`, if `report` is true, and for `--strict` together with `--ignore-errors`.
        """
        self.check_strictness()
        # Subclasses replace `read`, which takes no arguments. Only commands without subclasses need the others.
        is_plain = server_version is None and contents is None and not service_users
        cluster = self.read() if is_plain else self._read(server_version, contents, service_users=service_users)
        for remark in self.remarks(cluster):
            print_message(remark)
        if report:
            for problem in cluster.problems:
                print_message(problem_text(problem))
            refuse_errors(cluster.problems, strict=self.strict)
        return cluster

    def check_strictness(self) -> None:
        """Raise InputError for options that contradict each other."""
        if self.strict and self.ignore_errors:
            raise InputError("--strict and --ignore-errors contradict each other: use one of them")

    def remarks(self, cluster: Cluster) -> Iterator[str]:
        """What is said of the cluster beside its problems: what was skipped, and that nothing was read."""
        if cluster.skipped and self.verbose:
            kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(cluster.skipped.items()))
            yield f"skipped objects of unsupported kinds: {kinds}"
        if cluster.unrelated:
            documents = "1 document" if cluster.unrelated == 1 else f"{cluster.unrelated} documents"
            yield f"skipped {documents} without a Kubernetes object"
        # An empty live cluster is possible. An empty folder nearly always is a wrong path.
        if not (cluster.has_objects or cluster.problems or self.is_live):
            yield self._nothing_read()

    def read(self) -> Cluster:
        """The cluster of the files, or of the API server if no files are given."""
        return self._read()

    def _read(
        self,
        server_version: ServerVersion | None = None,
        contents: FileContents | None = None,
        *,
        service_users: bool = False,
    ) -> Cluster:
        if self.is_live:
            return self._from_api_server(service_users=service_users)
        return self._from_files(server_version, contents)

    def leave(self, problems: Iterable[Problem], exit_code: int) -> NoReturn:
        """Exit with `exit_code`, or with 2 if an error among the problems of the input may concern a policy.

        Every command that answers from the input ends here. Before it exits with 2, it names what the answer lacks.
        """
        leave(problems, exit_code, ignore_errors=self.ignore_errors)

    def _from_files(self, server_version: ServerVersion | None, contents: FileContents | None) -> Cluster:
        with progress.reading() as reading:
            return Cluster.load(
                *self.filenames,
                recursive=self.recursive,
                exclude=self.exclude,
                kustomize=self.kustomize,
                namespace=self.namespace or DEFAULT_NAMESPACE,
                server_version=server_version,
                progress=reading,
                contents=contents,
            )

    def _from_api_server(self, *, service_users: bool = False) -> Cluster:
        try:
            return Cluster.live(self.context, self.kubeconfig, namespace=self.namespace, service_users=service_users)
        except NoKubeconfigError as error:
            raise InputError(f"{error}, or read manifests with -f instead of a cluster") from None


def refuse_errors(problems: Iterable[Problem], *, strict: bool) -> None:
    """Raise InputError for errors in the input, with --strict."""
    errors = sum(problem.severity is Severity.ERROR for problem in problems)
    if errors and strict:
        raise InputError(f"{errors} {'errors' if errors > 1 else 'error'} in the input, and --strict was given")


def leave(problems: Iterable[Problem], exit_code: int, *, ignore_errors: bool) -> NoReturn:
    """Exit with `exit_code`, or with 2 if an error may concern a policy, after a message that names what is missing."""
    codes = [exit_code]
    # An error that cannot concern a policy leaves the answer as it is, so it does not change the exit code.
    if not ignore_errors and (errors := errors_about_policies(problems)):
        print_message(_missing_text(errors))
        codes.append(EXIT_UNUSABLE)
    sys.exit(worst_exit_code(codes))


def _missing_text(errors: Sequence[Problem]) -> str:
    """The line that names what an answer lacks, each object or file once, however many errors it has."""
    first: dict[tuple[str, str], str] = {}
    for one in errors:
        known = (one.object, one.place.file if one.object else str(one.place))
        first.setdefault(known, f"{one.object} ({one.place})" if one.object else str(one.place))
    names = list(first.values())
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    return (
        "error: objects with errors are left out of the answer, whole or in part: "
        f"{', '.join(names[:_MOST_NAMED])}{more}; correct them, or use --ignore-errors"
    )


# With this type, shells complete file names. The loaders check whether a file can be read: their messages are better.
_FILE: Final = click.Path(readable=False, allow_dash=True)


def _namespace(context: click.Context, parameter: click.Parameter, name: str | None) -> str | None:
    """The value of -n. An invalid name would match no object, and the empty answer would look like a valid one."""
    if name is not None and dns_label_errors(name):
        raise click.BadParameter(
            f"{name!r} is not a valid name of a namespace: use lower case letters, digits and '-', as in prod"
        )
    return name


def folder_options(folders: str) -> tuple[OptionDecorator, ...]:
    """The options that say which files of folders are read. `folders` is what their help calls these."""
    return (
        click.option("-R", "--recursive", is_flag=True, help=f"Read {folders} recursively, except hidden ones."),
        click.option(
            "--exclude", metavar="GLOB", multiple=True, help=f"Leave out files and folders in {folders}. Repeatable."
        ),
    )


STRICTNESS_OPTIONS: Final = (
    click.option("--strict", is_flag=True, help="Do not answer if the input has any error: exit with 2."),
    click.option("--ignore-errors", is_flag=True, help="Do not exit with 2 because of errors in the input."),
)

_BEFORE_KUSTOMIZE: Final = (
    click.option(
        "-f",
        "--filename",
        "filenames",
        type=_FILE,
        metavar="PATH",
        multiple=True,
        help="File or folder; - is stdin. Repeatable.",
    ),
    *folder_options("the folders of -f"),
)
_AFTER_KUSTOMIZE: Final = (
    click.option(
        "-n",
        "--namespace",
        metavar="NAME",
        callback=_namespace,
        shell_complete=complete_namespace,
        help="The namespace of names and objects that have none.",
    ),
    click.option(
        "--context",
        metavar="NAME",
        shell_complete=complete_context,
        help="The kubeconfig context to read if there is no -f or -k.",
    ),
    click.option("--kubeconfig", type=_FILE, metavar="FILE", help="The kubeconfig file."),
    *STRICTNESS_OPTIONS,
    click.option("-v", "--verbose", is_flag=True, help="List the kinds of objects that were skipped."),
)


def _kustomize(*names: str) -> OptionDecorator:
    return click.option(
        *names, type=_FILE, metavar="FOLDER", help="Read a kustomization, built by kubectl or kustomize."
    )


INPUT_OPTIONS: Final = (*_BEFORE_KUSTOMIZE, _kustomize("-k", "--kustomize"), *_AFTER_KUSTOMIZE)
INPUT_OPTIONS_WITHOUT_K: Final = (*_BEFORE_KUSTOMIZE, _kustomize("--kustomize"), *_AFTER_KUSTOMIZE)
"""For a command in which `-k` means something else, as in pytest."""

input_options = as_one(Inputs, "inputs", INPUT_OPTIONS)
"""Gives a command the input options; it receives them as `inputs`."""


def print_no_pods(
    cluster: Cluster, namespace: str | None = None, question: str = "can pod:prod/app=web pod:prod/app=db"
) -> None:
    """Print that there are no pods, of a namespace or at all; with policies alone, a `question` about possible pods."""
    where = f" in {namespace} namespace" if namespace else ""
    print_message(f"No pods or workloads found{where}.")
    if cluster.policies() and not any(cluster.state.members()):
        print_message(f"With policies alone, ask about possible pods: ringfence {question}")
