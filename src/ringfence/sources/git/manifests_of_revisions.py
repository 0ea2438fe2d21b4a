"""The manifests in a revision, or in the index, chosen by the paths of `-f` as in the working tree."""

from collections.abc import Generator, Iterable, Iterator, Sequence
from functools import partial
from os.path import relpath
from typing import Final

from ringfence.errors import ManifestError
from ringfence.model.origin import Origin, Place
from ringfence.model.problems import Problem, ProblemCode
from ringfence.sources.git.repository import EntryKind, Repository, TreeEntry
from ringfence.sources.loading import Found, LoadedObjects, collect, kustomization
from ringfence.sources.manifests import KUSTOMIZATIONS, MAX_BYTES, STANDARD_INPUT, SUFFIXES, Exclusion, read_content
from ringfence.sources.shared_documents import SharedDocuments

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
    shared: SharedDocuments | None = None,
) -> LoadedObjects:
    """The objects in the files of a commit; their places are `REVISION:PATH`, as git writes them.

    What is wrong inside a file becomes a problem of the result, and so does what is not read: symbolic links,
    submodules and files that Git LFS keeps elsewhere. Documents that are among the `shared` ones are not parsed, and
    their files not asked for. Raises ManifestError for a path that the commit does not have.
    """
    exclusion = Exclusion(exclude)
    entries = [
        entry
        for path in paths
        for entry in _chosen(repository.tree(commit, _relative(path)), path, revision, exclusion, recursive=recursive)
    ]
    return collect(_read(repository, entries, f"{revision}:", shared))


def read_index(
    repository: Repository,
    paths: Sequence[str],
    *,
    recursive: bool = False,
    exclude: Sequence[str] = (),
    shared: SharedDocuments | None = None,
) -> LoadedObjects:
    """The objects in the files of the index, which are committed next; as `read_revision`, with places `:PATH`."""
    exclusion = Exclusion(exclude)
    entries = [
        entry
        for path in paths
        for entry in _chosen(repository.index(_relative(path)), path, "the index", exclusion, recursive=recursive)
    ]
    return collect(_read(repository, entries, ":", shared))


def _relative(path: str) -> str:
    """A path as git takes it: relative to the working directory, without a slash at its end."""
    if path == STANDARD_INPUT:
        raise ManifestError("-: a revision has files and folders only: name them with -f")
    return relpath(path) or "."


def _chosen(
    entries: Iterable[TreeEntry], path: str, where: str, exclusion: Exclusion, *, recursive: bool
) -> Iterator[TreeEntry]:
    """The files that a path means: one that it names, or those of a folder, as `files.read_files` finds them."""
    top = _relative(path)
    folder = "" if top == "." else f"{top}/"
    is_empty = True
    for entry in entries:
        if entry.path == top:
            yield entry
            return
        below = entry.path.removeprefix(folder)
        is_named_as_manifest = entry.kind is EntryKind.SUBMODULE or below.endswith(SUFFIXES)
        if (recursive or "/" not in below) and is_named_as_manifest and not exclusion.excludes_stored(below):
            is_empty = False
            yield entry
    if is_empty:
        within = "" if recursive else "; -R reads the folders in it, too"
        raise ManifestError(f'the path "{path}" has no file in {where} that ends in {", ".join(SUFFIXES)}{within}')


def _read(
    repository: Repository, entries: Sequence[TreeEntry], prefix: str, shared: SharedDocuments | None
) -> Iterator[Found]:
    wanted = [entry.object_id for entry in entries if _is_read(entry) and not _is_shared(entry, shared)]
    asked = frozenset(wanted)
    contents = repository.contents(wanted, MAX_BYTES)
    for entry in entries:
        name = f"{prefix}{entry.path}"
        if entry.kind is not EntryKind.FILE:
            yield _unreadable(name, f"a {entry.kind}: not read in a revision")
        elif not _is_read(entry):
            yield kustomization(Place(name, 1))
        else:
            data = next(contents) if entry.object_id in asked else b""
            read = partial(_read_file, data, name, shared)
            # What is kept of a file is found by git's name of its content, so that its content need not be asked for.
            yield from read() if shared is None else shared.read(_key(entry), Origin(name, 1), read)
    contents.close()


def _read_file(data: bytes | None, name: str, shared: SharedDocuments | None) -> Generator[Found, None, int]:
    if data is None:
        yield _unreadable(name, "its content is missing in this repository, or damaged", _MISSING)
    elif data.startswith(_LFS):
        yield _unreadable(name, "Git LFS keeps its content elsewhere", "read the files of a working tree")
    else:
        yield from read_content(data, name, shared=shared)
    return 1


def _key(entry: TreeEntry) -> bytes:
    return entry.object_id.encode()


def _is_shared(entry: TreeEntry, shared: SharedDocuments | None) -> bool:
    return shared is not None and shared.has(_key(entry))


def _is_read(entry: TreeEntry) -> bool:
    return entry.kind is EntryKind.FILE and entry.path.rpartition("/")[2] not in KUSTOMIZATIONS


def _unreadable(name: str, message: str, remedy: str = "") -> Problem:
    return Problem(Place(name), ProblemCode.UNREADABLE_FILE, message, remedy=remedy)
