"""The manifests in a revision, or in the index, chosen by the paths of `-f` as in the working tree."""

from collections import Counter
from collections.abc import Container, Generator, Iterable, Iterator, Sequence
from functools import partial
from os.path import relpath
from pathlib import PurePosixPath
from typing import Final

import msgspec

from ringfence.errors import ManifestError
from ringfence.model.origin import Origin, Place
from ringfence.model.problems import Problem, ProblemCode
from ringfence.sources.git.repository import EntryKind, Repository, TreeEntry
from ringfence.sources.git.trees import Tree
from ringfence.sources.loaded_objects import Found, LoadedObjects, collect
from ringfence.sources.manifests import (
    CHART,
    KUSTOMIZATIONS,
    MAX_BYTES,
    STANDARD_INPUT,
    SUFFIXES,
    TEMPLATE_MARK,
    Exclusion,
    read_content,
    unrendered_chart,
)
from ringfence.sources.object_problems import kustomization
from ringfence.sources.shared_documents import SharedDocuments

_MISSING: Final = "fetch it, if this is a partial clone; `git fsck` names what is damaged"


class StoredFiles(msgspec.Struct, frozen=True):
    """Files of a revision that some paths mean, as `files.read_files` finds them in the working tree.

    Without a revision they are those of the index, which are committed next. Equal values have the same content.
    """

    revision: str | None
    entries: tuple[TreeEntry, ...]

    @property
    def prefix(self) -> str:
        """What the places of files begin with, as git writes them."""
        return f"{self.revision or ''}:"


def stored_files(
    repository: Repository,
    revision: str | None,
    paths: Sequence[str],
    *,
    recursive: bool = False,
    exclude: Sequence[str] = (),
) -> StoredFiles:
    """The files of a revision, or of the index, that some paths mean.

    Raises InputError for what is not a revision, and ManifestError for a path without files.
    """
    exclusion = Exclusion(exclude)
    tree = Tree(repository, None if revision is None else repository.commit(revision))
    where = "the index" if revision is None else revision
    named = [_relative(path) for path in paths]
    entries = [
        tree.resolved(entry)
        for path in named
        for entry in _chosen(tree.files(path), path, where, exclusion, recursive=recursive)
    ]
    # A link to a folder is not followed in a folder of the working tree either; one that is named would be.
    read = (entry for entry in entries if entry.kind is not EntryKind.FOLDER or entry.path in named)
    return StoredFiles(revision, tuple(read))


def read_stored(repository: Repository, files: StoredFiles, shared: SharedDocuments | None = None) -> LoadedObjects:
    """The objects in files of a revision; their places are `REVISION:PATH`, and in the index `:PATH`.

    What is wrong inside a file becomes a problem of the result, and so does what is not read: links that lead out of
    the repository, submodules and files that Git LFS keeps elsewhere. Documents that are among the `shared` ones are
    not parsed, and their files not asked for.
    """
    return collect(_read(repository, files.entries, files.prefix, shared))


def _relative(path: str) -> str:
    """A path as git takes it: relative to the working directory, without a slash at its end."""
    if path == STANDARD_INPUT:
        raise ManifestError("-: a revision has files and folders only: name them with -f")
    return relpath(path) or "."


def _chosen(
    entries: Iterable[TreeEntry], top: str, where: str, exclusion: Exclusion, *, recursive: bool
) -> Iterator[TreeEntry]:
    """The files that a path means: one that it names, or those of a folder, as `files.read_files` finds them."""
    folder = "" if top == "." else f"{top}/"
    is_empty = True
    for entry in entries:
        if entry.path == top:
            yield entry
            return
        below = entry.path.removeprefix(folder)
        is_within = recursive or ("/" not in below and entry.kind is not EntryKind.SUBMODULE)
        is_named_as_manifest = entry.kind is EntryKind.SUBMODULE or below.endswith(SUFFIXES)
        if is_within and is_named_as_manifest and not exclusion.excludes_stored(below):
            is_empty = False
            yield entry
    if is_empty:
        apart = ", apart from those that --exclude leaves out" if exclusion.has_patterns else ""
        within = "" if recursive else "; -R also reads the folders in it"
        raise ManifestError(
            f'the path "{top}" has no file in {where} that ends in {", ".join(SUFFIXES)}{apart}{within}'
        )


def _read(
    repository: Repository, entries: Sequence[TreeEntry], prefix: str, shared: SharedDocuments | None
) -> Iterator[Found]:
    # `contents` yields in the order in which it is asked, so both lists must be made by the same conditions.
    wanted = [entry.object_id for entry in entries if _is_read(entry) and not _is_shared(entry, shared)]
    asked = frozenset(wanted)
    contents = repository.contents(wanted, MAX_BYTES)
    charts = {PurePosixPath(entry.path).parent for entry in entries if _name(entry) == CHART}
    templates: Counter[PurePosixPath] = Counter()
    for entry in entries:
        name = f"{prefix}{entry.path}"
        if entry.kind is EntryKind.SUBMODULE:
            remedy = "leave it out with --exclude, or compare folders in which it is checked out"
            yield _unreadable(name, "a submodule: its files are in another repository", remedy)
        elif entry.kind is EntryKind.FOLDER:
            yield _unreadable(name, "a symbolic link to a folder: not followed", "name the folder itself")
        elif entry.kind is EntryKind.LINK:
            yield _unreadable(name, f"a symbolic link {entry.unresolved}", "correct it, or replace it by the file")
        elif not _is_read(entry):
            yield kustomization(Place(name, 1))
        else:
            data = next(contents) if entry.object_id in asked else b""
            if data and TEMPLATE_MARK in data and (chart := _chart_of(entry.path, charts)) is not None:
                templates[chart] += 1
                continue
            read = partial(_read_file, data, name, shared)
            # What is kept of a file is found by git's name of its content, so that its content need not be asked for.
            yield from read() if shared is None else shared.read(_key(entry), Origin(name, 1), read)
    # Ends `git cat-file` now, and not when the garbage collector finds the generator.
    contents.close()
    for chart, count in templates.items():
        yield unrendered_chart(f"{prefix}{chart / CHART}", count, f"compare what it renders: --chart {chart}")


def _chart_of(file: str, charts: Container[PurePosixPath]) -> PurePosixPath | None:
    """The folder of the chart of which a file is a template."""
    folders = (folder.parent for folder in PurePosixPath(file).parents if folder.name == "templates")
    return next((folder for folder in folders if folder in charts), None)


def _read_file(data: bytes | None, name: str, shared: SharedDocuments | None) -> Generator[Found, None, int]:
    if data is None:
        yield _unreadable(name, "its content is missing in this repository, or damaged", _MISSING)
    else:
        yield from read_content(data, name, shared=shared)
    return 1


def _key(entry: TreeEntry) -> bytes:
    return entry.object_id.encode()


def _is_shared(entry: TreeEntry, shared: SharedDocuments | None) -> bool:
    return shared is not None and shared.has(_key(entry))


def _is_read(entry: TreeEntry) -> bool:
    return entry.kind is EntryKind.FILE and _name(entry) not in KUSTOMIZATIONS


def _name(entry: TreeEntry) -> str:
    """The name of a file without its folder."""
    return entry.path.rpartition("/")[2]


def _unreadable(name: str, message: str, remedy: str = "") -> Problem:
    return Problem(Place(name), ProblemCode.UNREADABLE_FILE, message, remedy=remedy)
