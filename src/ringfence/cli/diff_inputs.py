"""The two clusters that `diff` compares: files, revisions of a git repository, its index, live clusters, what if."""

from collections.abc import Callable
from copy import copy
from os import environ
from typing import Any, Final

import click
import msgspec
from msgspec.structs import asdict

from ringfence.cli.completion import complete_context, complete_plugin
from ringfence.cli.diff_sides import READING_OPTIONS, Chosen, ComparedInput, RevisionInputs, SideInputs
from ringfence.cli.options import as_one
from ringfence.cli.what_if import PLUGIN_OPTION, WHAT_IF_OPTIONS
from ringfence.errors import InputError
from ringfence.shared_input import SharedInput
from ringfence.sources.git import merge_base

_PATH: Final = click.Path(readable=False, allow_dash=True)
_USAGE: Final = (
    "name two files or folders, as in `ringfence diff before/ after/`; or revisions of a git repository with -f, "
    "as in `ringfence diff main -f k8s/`, `main...HEAD -k overlays/prod` or `--staged -f k8s/`; or the cluster of a "
    "kubeconfig context, as in `ringfence diff --live -f k8s/` or `--context staging --to-context prod`; or a change, "
    "as in `ringfence diff k8s/ --without prod/x` or `ringfence diff k8s/ --as calico --to-as cilium`"
)
_BASES: Final = (
    ("CI_MERGE_REQUEST_DIFF_BASE_SHA", "{}"),
    ("GITHUB_BASE_REF", "origin/{}"),
)
"""The variables in which GitLab and GitHub name what a change is to be merged into, and the revision for a value."""


class DiffInputs(msgspec.Struct, frozen=True):
    """The arguments and options that say what is compared."""

    compared: tuple[str, ...]
    filenames: tuple[str, ...]
    kustomize: tuple[str, ...]
    chart: str | None
    values: tuple[str, ...]
    staged: bool
    live: bool
    context: str | None
    to_context: str | None
    kubeconfig: str | None
    suppose: tuple[str, ...]
    without: tuple[str, ...]
    plugin: str | None
    as_plugin: str | None
    to_plugin: str | None
    recursive: bool
    exclude: tuple[str, ...]
    namespace: str | None
    strict: bool
    ignore_errors: bool

    def sides(self) -> tuple[ComparedInput, ComparedInput]:
        """The two clusters. Raises InputError if the arguments do not name two."""
        if self.values and not self.chart:
            raise click.UsageError("--values is for a Helm chart: use it with --chart FOLDER")
        if self.plugin and (self.as_plugin or self.to_plugin):
            raise click.UsageError("--plugin is for both A and B: leave it out, or leave out --as and --to-as")
        first, second = self._two()
        return _named(first, self.as_plugin), _named(second, self.to_plugin)

    def _two(self) -> tuple[ComparedInput, ComparedInput]:
        sides = _ComparedInputs(self)
        if self.live or self.context or self.to_context:
            return self._with_live(sides)
        if self.kubeconfig:
            raise click.UsageError("--kubeconfig names live clusters: use it with --live, --context or --to-context")
        # The order matters: the first case that fits is taken, and the more general ones come later.
        match self.compared, self.staged:
            case ("-", "-"), False:
                raise InputError("only one of the two can be read from standard input: write the other to a file")
            case (), False if len(self.kustomize) == 2 and not (self.filenames or self.chart):
                one, other = (Chosen(kustomize=folder) for folder in self.kustomize)
                return sides.of_files(one.name, one), sides.after.of_files(other.name, other)
            case (first, second), False if not self.chosen:
                one, other = Chosen((first,)), Chosen((second,))
                return sides.of_files(first, one), sides.after.of_files(second, other)
            case (first, second), False:
                return sides.of_revision(first), sides.after.of_revision(second)
            case ((), True) if self.chosen:
                return sides.of_revision("HEAD"), sides.after.of_index()
            case (revision,), True if self.chosen:
                return sides.of_revision(revision), sides.after.of_index()
            case (text,), False if self.chosen:
                return sides.of_range(text)
            case ("-",), False:
                raise InputError("standard input can be read once only: write it to a file")
            case (path,), False if self._is_what_if:
                chosen = Chosen((path,))
                return sides.of_files(path, chosen), sides.after.of_files(self._supposed(path), chosen)
            case (), False if self.chosen and self._is_what_if:
                name = self.chosen.name
                return sides.of_files(name, self.chosen), sides.after.of_files(self._supposed(name), self.chosen)
            # Only in a pipeline, and last: outside of one, a revision must be named.
            case (), False if self.chosen and (base := _base_of_change()):
                return sides.of_range(f"{base}...HEAD")
        raise click.UsageError(_USAGE)

    @property
    def chosen(self) -> "Chosen":
        """What -f, -k and --chart choose. Raises click.UsageError for more than one -k."""
        if len(self.kustomize) > 1:
            raise click.UsageError(
                "two -k are compared with each other: leave out other paths and revisions, as in -k before/ -k after/"
            )
        return Chosen(self.filenames, next(iter(self.kustomize), None), self.chart, self.values)

    @property
    def _is_what_if(self) -> bool:
        return bool(self.suppose or self.without or self.as_plugin or self.to_plugin)

    def _with_live(self, sides: "_ComparedInputs") -> tuple[ComparedInput, ComparedInput]:
        """The live cluster, and what it is compared with."""
        first, chosen = sides.of_live(self.context), self.chosen
        match self.compared, bool(chosen), self.staged:
            case (), False, False if self.to_context:
                return first, sides.after.of_live(self.to_context)
            case _ if self.to_context:
                raise click.UsageError("--to-context compares two live clusters: use it without files and revisions")
            case (), True, False:
                return first, sides.after.of_files(chosen.name, chosen)
            case (path,), False, False:
                return first, sides.after.of_files(path, Chosen((path,)))
            case (revision,), True, False:
                return first, sides.after.of_revision(revision)
            case (), True, True:
                return first, sides.after.of_index()
            case (), False, False if self._is_what_if:
                after = sides.after.of_live(self.context)
                return first, ComparedInput(self._supposed(first.name), after.inputs)
        raise click.UsageError(_USAGE)

    def _supposed(self, name: str) -> str:
        """The name of an input with what is supposed: `k8s/ without prod/x`."""
        parts = [name, *(f"with {one}" for one in self.suppose), *(f"without {one}" for one in self.without)]
        return " ".join(parts)


def _named(compared: ComparedInput, plugin: str | None) -> ComparedInput:
    """An input with its plugin in its name: `k8s/ as cilium`."""
    return ComparedInput(f"{compared.name} as {plugin}", compared.inputs) if plugin else compared


def _base_of_change() -> str:
    """The revision that the change of this pipeline is to be merged into; empty outside of a pipeline."""
    return next((text.format(value) for name, text in _BASES if (value := environ.get(name))), "")


class _ComparedInputs:
    """Makes the inputs of the two clusters, which have the options and the documents in common."""

    def __init__(self, options: DiffInputs) -> None:
        self._options = options
        self._common: dict[str, Any] = {
            "recursive": options.recursive,
            "exclude": options.exclude,
            "namespace": options.namespace,
            "strict": options.strict,
            "ignore_errors": options.ignore_errors,
            "verbose": False,
            "shared": SharedInput(),
            "listed": {},
            "suppose": (),
            "without": (),
            "plugin": options.plugin or options.as_plugin,
        }
        self.after = copy(self)
        """The same for the second cluster: --suppose and --without are applied to it alone."""
        self.after._common = {
            **self._common,
            "suppose": options.suppose,
            "without": options.without,
            "plugin": options.plugin or options.to_plugin,
        }

    def of_range(self, text: str) -> tuple[ComparedInput, ComparedInput]:
        """`A..B`, `A...B` (from their merge base to B), or `A` (to the working tree), as git reads them."""
        if "..." in text:
            # Three dots are looked for first, because they contain two.
            first, _, second = text.partition("...")
            base = merge_base(first or "HEAD", second or "HEAD")
            return self.of_revision(base), self.after.of_revision(second or "HEAD")
        if ".." in text:
            first, _, second = text.partition("..")
            return self.of_revision(first or "HEAD"), self.after.of_revision(second or "HEAD")
        return self.of_revision(text), self.after.of_files("working tree", self._options.chosen)

    def of_files(self, name: str, chosen: Chosen) -> ComparedInput:
        """Files and folders, a kustomization and a chart as they are now."""
        return ComparedInput(name, SideInputs(context=None, kubeconfig=None, **asdict(chosen), **self._common))

    def of_live(self, context: str | None) -> ComparedInput:
        """The cluster of a kubeconfig context; of the current one without a name."""
        inputs = SideInputs(context=context, kubeconfig=self._options.kubeconfig, **asdict(Chosen()), **self._common)
        return ComparedInput(context or "live cluster", inputs)

    def of_revision(self, revision: str) -> ComparedInput:
        """What -f, -k and --chart choose in a revision."""
        return ComparedInput(revision, self._stored(revision))

    def of_index(self) -> ComparedInput:
        """What -f, -k and --chart choose in the index."""
        return ComparedInput("index", self._stored(None))

    def _stored(self, revision: str | None) -> RevisionInputs:
        chosen = asdict(self._options.chosen)
        return RevisionInputs(revision=revision, context=None, kubeconfig=None, **chosen, **self._common)


_OPTIONS: Final[tuple[Callable[[Any], Any], ...]] = (
    click.argument("compared", metavar="[A [B]]", nargs=-1, type=_PATH),
    click.option(
        "-f",
        "--filename",
        "filenames",
        type=_PATH,
        metavar="PATH",
        multiple=True,
        help="A file or folder; then A and B are revisions. Repeatable.",
    ),
    click.option(
        "-k",
        "--kustomize",
        type=_PATH,
        metavar="FOLDER",
        multiple=True,
        help="A kustomization, built by kubectl or kustomize; of a revision, from its own files.",
    ),
    click.option(
        "--chart",
        type=_PATH,
        metavar="FOLDER",
        help="A Helm chart, rendered by helm; of a revision, from its own files.",
    ),
    click.option(
        "--values", type=_PATH, metavar="FILE", multiple=True, help="A file of values for --chart. Repeatable."
    ),
    click.option("--staged", is_flag=True, help="Compare a revision, by default HEAD, with the index."),
    click.option("--live", is_flag=True, help="Compare the cluster of the current kubeconfig context with B."),
    click.option(
        "--context",
        metavar="NAME",
        shell_complete=complete_context,
        help="A is the cluster of this context.",
    ),
    click.option(
        "--to-context",
        metavar="NAME",
        shell_complete=complete_context,
        help="B is the cluster of this context.",
    ),
    click.option("--kubeconfig", type=_PATH, metavar="FILE", help="The kubeconfig file."),
    *WHAT_IF_OPTIONS,
    PLUGIN_OPTION,
    click.option(
        "--as",
        "as_plugin",
        metavar="NAME[@VERSION]|FILE",
        shell_complete=complete_plugin,
        help="A as this network plugin enforces it. Without B, A is compared with itself.",
    ),
    click.option(
        "--to-as",
        "to_plugin",
        metavar="NAME[@VERSION]|FILE",
        shell_complete=complete_plugin,
        help="B as this network plugin enforces it.",
    ),
    *READING_OPTIONS,
)


diff_options = as_one(DiffInputs, "inputs", _OPTIONS)
"""Gives a command the options that say what is compared; it receives them as `inputs`."""
