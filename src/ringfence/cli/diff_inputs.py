"""The two clusters that `diff` compares: files, folders, revisions of a git repository, its index."""

from collections.abc import Callable
from typing import Any, Final

import click
import msgspec

from ringfence.cli import progress
from ringfence.cli.inputs import Inputs
from ringfence.cli.options import as_one
from ringfence.cluster import Cluster
from ringfence.errors import InputError
from ringfence.model.objects import DEFAULT_NAMESPACE
from ringfence.shared_input import SharedInput
from ringfence.sources.git import merge_base

_PATH: Final = click.Path(readable=False, allow_dash=True)
_USAGE: Final = (
    "name two files or folders, as in `ringfence diff before/ after/`; or revisions of a git repository with -f, "
    "as in `ringfence diff main -f k8s/`, `main...HEAD -f k8s/` or `--staged -f k8s/`"
)


class FileInputs(Inputs, frozen=True):
    """Files and folders, whose documents are shared with the other side."""

    shared: SharedInput

    def read(self) -> Cluster:
        """The cluster of the files."""
        with progress.reading() as reading:
            return Cluster.load(
                *self.filenames,
                recursive=self.recursive,
                exclude=self.exclude,
                namespace=self.namespace or DEFAULT_NAMESPACE,
                progress=reading,
                shared=self.shared,
            )


class RevisionInputs(FileInputs, frozen=True):
    """The files and folders of -f as they are in a revision; without one, as they are in the index."""

    revision: str | None

    def read(self) -> Cluster:
        """The cluster of the revision."""
        return Cluster.of_revision(
            self.revision,
            *self.filenames,
            recursive=self.recursive,
            exclude=self.exclude,
            namespace=self.namespace or DEFAULT_NAMESPACE,
            shared=self.shared,
        )

    def has_same_files(self, other: Inputs) -> bool:
        """Whether another input is a revision with the same files: then nothing differs, whatever is in them."""
        return isinstance(other, RevisionInputs) and Cluster.same_in_revisions(
            self.revision,
            other.revision,
            *self.filenames,
            recursive=self.recursive,
            exclude=self.exclude,
            shared=self.shared,
        )


class ComparedInput(msgspec.Struct, frozen=True):
    """One of the two clusters, and what the output calls it."""

    name: str
    inputs: Inputs

    def has_same_files(self, other: "ComparedInput") -> bool:
        """Whether both are revisions with the same files, so that none need be read; --strict reads them all."""
        mine = self.inputs
        return isinstance(mine, RevisionInputs) and not mine.strict and mine.has_same_files(other.inputs)


class DiffInputs(msgspec.Struct, frozen=True):
    """The arguments and options that say what is compared."""

    compared: tuple[str, ...]
    filenames: tuple[str, ...]
    staged: bool
    recursive: bool
    exclude: tuple[str, ...]
    namespace: str | None
    strict: bool
    ignore_errors: bool

    def sides(self) -> tuple[ComparedInput, ComparedInput]:
        """The two clusters. Raises InputError if the arguments do not name two."""
        sides = _ComparedInputs(self, SharedInput())
        match self.compared, self.staged:
            case ("-", "-"), False:
                raise InputError("only one of the two can be read from standard input: write the other to a file")
            case (first, second), False if not self.filenames:
                return sides.of_files(first, (first,)), sides.of_files(second, (second,))
            case (first, second), False:
                return sides.of_revision(first), sides.of_revision(second)
            case ((), True) if self.filenames:
                return sides.of_revision("HEAD"), sides.of_index()
            case (revision,), True if self.filenames:
                return sides.of_revision(revision), sides.of_index()
            case (text,), False if self.filenames:
                return sides.of_range(text)
        raise click.UsageError(_USAGE)


class _ComparedInputs:
    """Makes the inputs of the two clusters, which have the options and the documents in common."""

    def __init__(self, options: DiffInputs, shared: SharedInput) -> None:
        self._filenames = options.filenames
        self._common: dict[str, Any] = {
            "recursive": options.recursive,
            "exclude": options.exclude,
            "kustomize": None,
            "namespace": options.namespace,
            "context": None,
            "kubeconfig": None,
            "strict": options.strict,
            "ignore_errors": options.ignore_errors,
            "verbose": False,
            "shared": shared,
        }

    def of_range(self, text: str) -> tuple[ComparedInput, ComparedInput]:
        """`A..B`, `A...B` (from their merge base to B), or `A` (to the working tree), as git reads them."""
        if "..." in text:
            first, _, second = text.partition("...")
            base = merge_base(first or "HEAD", second or "HEAD")
            return self.of_revision(base), self.of_revision(second or "HEAD")
        if ".." in text:
            first, _, second = text.partition("..")
            return self.of_revision(first or "HEAD"), self.of_revision(second or "HEAD")
        return self.of_revision(text), self.of_files("working tree", self._filenames)

    def of_files(self, name: str, filenames: tuple[str, ...]) -> ComparedInput:
        return ComparedInput(name, FileInputs(filenames=filenames, **self._common))

    def of_revision(self, revision: str) -> ComparedInput:
        return ComparedInput(revision, RevisionInputs(revision=revision, filenames=self._filenames, **self._common))

    def of_index(self) -> ComparedInput:
        return ComparedInput("index", RevisionInputs(revision=None, filenames=self._filenames, **self._common))


_OPTIONS: Final[tuple[Callable[[Any], Any], ...]] = (
    click.argument("compared", metavar="[A [B]]", nargs=-1, type=_PATH),
    click.option(
        "-f",
        "--filename",
        "filenames",
        type=_PATH,
        metavar="PATH",
        multiple=True,
        help="A file or folder; A and B are revisions then. Repeatable.",
    ),
    click.option("--staged", is_flag=True, help="Compare a revision, by default HEAD, with the index."),
    click.option("-R", "--recursive", is_flag=True, help="Read folders recursively, hidden ones excepted."),
    click.option(
        "--exclude", metavar="GLOB", multiple=True, help="Leave out files and folders in folders. Repeatable."
    ),
    click.option("-n", "--namespace", metavar="NAME", help="The namespace of objects without one."),
    click.option("--strict", is_flag=True, help="Do not answer if the input has any error: exit with 2."),
    click.option("--ignore-errors", is_flag=True, help="Do not exit with 2 because of errors in the input."),
)


diff_options = as_one(DiffInputs, "inputs", _OPTIONS)
"""Gives a command the options that say what is compared; it receives them as `inputs`."""
