"""The manifests in a revision, or in the index, chosen by the paths of `-f` as in the working tree."""

from collections.abc import Iterable, Iterator, Sequence
from os.path import relpath
from pathlib import PurePosixPath
from typing import Final

from ringfence.errors import ManifestError
from ringfence.model.origin import Place
from ringfence.model.problems import Problem, ProblemCode
from ringfence.sources.git.repository import EntryKind, Repository, TreeEntry
from ringfence.sources.loading import Found, LoadedObjects, collect, kustomization
from ringfence.sources.manifests import KUSTOMIZATIONS, MAX_BYTES, STANDARD_INPUT, SUFFIXES, Exclusion, read_content

_LFS: Final = b"version https://git-lfs"
_MISSING: Final = "fetch it, if this is a partial clone; `git fsck` names what is damaged"


def read_revision(
    repository: Repository,
    revision: str,
    commit: str,
    paths: Sequence[str],
    *,
    recursive: bool = False,
    exclude: Sequence[str] = (),
) -> LoadedObjects:
    """The objects in the files of a commit; their places are `REVISION:PATH`, as git writes them.

    What is wrong inside a file becomes a problem of the result, and so does what is not read: symbolic links,
    submodules and files that Git LFS keeps elsewhere. Raises ManifestError for a path that the commit does not have.
    """
    exclusion = Exclusion(exclude)
    entries = [
        entry
        for path in paths
        for entry in _chosen(repository.tree(commit, _relative(path)), path, revision, exclusion, recursive=recursive)
    ]
    return collect(_read(repository, entries, f"{revision}:"))


def read_index(
    repository: Repository, paths: Sequence[str], *, recursive: bool = False, exclude: Sequence[str] = ()
) -> LoadedObjects:
    """The objects in the files of the index, which are committed next; as `read_revision`, with places `:PATH`."""
    exclusion = Exclusion(exclude)
    entries = [
        entry
        for path in paths
        for entry in _chosen(repository.index(_relative(path)), path, "the index", exclusion, recursive=recursive)
    ]
    return collect(_read(repository, entries, ":"))


def _relative(path: str) -> str:
    """A path as git takes it: relative to the working directory, without a slash at its end."""
    if path == STANDARD_INPUT:
        raise ManifestError("-: a revision has files and folders only: name them with -f")
    return relpath(path) or "."


def _chosen(
    entries: Iterable[TreeEntry], path: str, where: str, exclusion: Exclusion, *, recursive: bool
) -> Iterator[TreeEntry]:
    """The files that a path means: one that it names, or those of a folder, as `files.read_files` finds them."""
    top = PurePosixPath(_relative(path))
    is_empty = True
    for entry in entries:
        file = PurePosixPath(entry.path)
        if file == top:
            yield entry
            return
        below = file.relative_to(top)
        is_named_as_manifest = entry.kind is EntryKind.SUBMODULE or file.name.endswith(SUFFIXES)
        if (recursive or len(below.parts) == 1) and is_named_as_manifest and not exclusion.excludes_stored(below):
            is_empty = False
            yield entry
    if is_empty:
        within = "" if recursive else "; -R reads the folders in it, too"
        raise ManifestError(f'the path "{path}" has no file in {where} that ends in {", ".join(SUFFIXES)}{within}')


def _read(repository: Repository, entries: Sequence[TreeEntry], prefix: str) -> Iterator[Found]:
    files = [entry for entry in entries if _is_read(entry)]
    contents = repository.contents((entry.object_id for entry in files), MAX_BYTES)
    for entry in entries:
        name = f"{prefix}{entry.path}"
        if entry.kind is not EntryKind.FILE:
            yield _unreadable(name, f"a {entry.kind}: not read in a revision")
        elif not _is_read(entry):
            yield kustomization(Place(name, 1))
        elif (data := next(contents)) is None:
            yield _unreadable(name, "its content is missing in this repository, or damaged", _MISSING)
        elif data.startswith(_LFS):
            yield _unreadable(name, "Git LFS keeps its content elsewhere", "read the files of a working tree")
        else:
            yield from read_content(data, name)
    contents.close()


def _is_read(entry: TreeEntry) -> bool:
    return entry.kind is EntryKind.FILE and PurePosixPath(entry.path).name not in KUSTOMIZATIONS


def _unreadable(name: str, message: str, remedy: str = "") -> Problem:
    return Problem(Place(name), ProblemCode.UNREADABLE_FILE, message, remedy=remedy)
