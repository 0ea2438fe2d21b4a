"""Kustomizations and charts of a revision, rendered from files that are written to a temporary folder.

Only the folders that are needed are written, by ringfence itself: git checks nothing out, so no filter and no hook of
the repository runs. A link inside the repository is replaced by its target; a link that leads out is an error. The
folder is removed when the program ends, also by a signal.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from enum import StrEnum
from os.path import relpath
from pathlib import PurePosixPath
from posixpath import isabs, join, normpath
from typing import Final

import msgspec

from ringfence.errors import ManifestError
from ringfence.sources.git.references import check_plugin, folders_and_files
from ringfence.sources.git.repository import EntryKind, Repository, TreeEntry
from ringfence.sources.git.trees import Tree
from ringfence.sources.loaded_objects import LoadedObjects
from ringfence.sources.manifests import (
    KUSTOMIZATIONS,
    LFS_MESSAGE,
    LFS_POINTER,
    Exported,
    build_kustomization,
    render_chart,
)
from ringfence.sources.shared_documents import SharedDocuments
from ringfence.temporary_folders import temporary_folder

# Bounds, because the author of a revision may not be trusted: a kustomization can refer to any folder of the
# repository.
_MOST_FILES: Final = 20_000
_MOST_FOLDERS: Final = 500
"""The largest number of folders that kustomizations refer to."""
_MOST_BYTES: Final = 1 << 28
"""The largest size of all files together."""
_OWN_FOLDER: Final = ".git"


class Renderer(StrEnum):
    """What makes manifests of a folder; the value is what messages call the folder."""

    KUSTOMIZE = "kustomization"
    HELM = "chart"


class RenderedFolder(msgspec.Struct, frozen=True):
    """A folder of a revision, or of the index without one, with all files that are needed to render it.

    Paths are relative to the top of the repository. Equal values have the same content.
    """

    renderer: Renderer
    folder: str
    values: tuple[str, ...]
    entries: tuple[TreeEntry, ...]


def rendered_folder(
    repository: Repository, revision: str | None, renderer: Renderer, folder: str, values: Sequence[str] = ()
) -> RenderedFolder:
    """The folder of a kustomization or chart, with all files that are needed; `values` are files for a chart.

    Raises InputError for what is not a revision, and ManifestError for a path that is not there and for what a
    kustomization refers to outside of the revision.
    """
    if url := next((path for path in (folder, *values) if "://" in path), None):
        raise ManifestError(f"{url}: nothing is fetched for a revision: name a folder in the repository")
    top, below = repository.at_top()
    needed = _NeededFiles(top, None if revision is None else top.commit(revision), _name(revision))
    named, *files = (_within(join(below, relpath(path)), path, "this repository") for path in (folder, *values))
    if renderer is Renderer.KUSTOMIZE:
        needed.add_kustomization(named)
    else:
        needed.add_folder(named)
    for file in files:
        needed.add_file(file)
    return RenderedFolder(renderer, named, tuple(files), tuple(needed.entries()))


def read_rendered(
    repository: Repository,
    revision: str | None,
    rendered: RenderedFolder,
    namespace: str,
    shared: SharedDocuments | None = None,
) -> LoadedObjects:
    """The objects of a kustomization or chart of a revision; their places are lines of what was rendered.

    Raises ManifestError if it cannot be rendered, and for files that cannot be written: links, submodules.
    """
    top, _ = repository.at_top()
    with _exported(top, rendered.entries, _name(revision)) as exported:
        if rendered.renderer is Renderer.KUSTOMIZE:
            return build_kustomization(rendered.folder, exported, shared)
        return render_chart(rendered.folder, rendered.values, namespace, exported, shared)


class _NeededFiles:
    """Collects the files of a revision that are needed to render a folder."""

    def __init__(self, repository: Repository, commit: str | None, name: str) -> None:
        self._repository = repository
        self._tree = Tree(repository, commit)
        self._name = name
        self._found: dict[str, TreeEntry] = {}
        self._looked_up: set[str] = set()

    def entries(self) -> Iterator[TreeEntry]:
        """The files by path."""
        yield from (self._found[path] for path in sorted(self._found))

    def add_folder(self, folder: str) -> None:
        """All files of a folder and of the folders in it."""
        entries = list(self._tree.files(folder))
        if not entries or entries[0].path == folder:
            raise ManifestError(f'the path "{folder}" is not a folder in {self._name.rstrip(":") or "the index"}')
        self._add(entries)

    def add_file(self, file: str) -> None:
        """One file."""
        entries = list(self._tree.files(file))
        if [one.path for one in entries] != [file]:
            raise ManifestError(f'the path "{file}" is not a file in {self._name.rstrip(":") or "the index"}')
        self._add(entries)

    def add_kustomization(self, folder: str) -> None:
        """A folder with a kustomization, and all that it refers to."""
        waiting = [folder]
        known = {folder}
        while waiting:
            base = waiting.pop()
            self.add_folder(base)
            for target in self._bases(base):
                if target not in known:
                    known.add(target)
                    waiting.append(target)

    def _bases(self, folder: str) -> Iterator[str]:
        """The folders that the kustomization in a folder refers to; files that it refers to are added."""
        for file in (normpath(join(folder, one)) for one in KUSTOMIZATIONS):
            if file not in self._found:
                continue
            where = f"{self._name}{file}"
            for text, is_plugin in folders_and_files(self._content(file), where):
                target = _within(join(folder, text), text, where)
                if self._is_file(target, text, where):
                    if is_plugin:
                        check_plugin(self._content(target), f"{self._name}{target}")
                else:
                    yield target

    def _is_file(self, target: str, text: str, where: str) -> bool:
        """Whether a path is a file, which is added, or else a folder. Raises ManifestError if it is neither."""
        if target in self._found:
            return True
        if target in self._looked_up:
            return False
        self._looked_up.add(target)
        if len(self._looked_up) > _MOST_FOLDERS:
            raise ManifestError(f"{where}: refers to more than {_MOST_FOLDERS} folders")
        entries = list(self._tree.files(target))
        if not entries:
            raise ManifestError(
                f"{where}: {text!r} is not in the revision, and nothing is fetched for one: "
                "add it to the repository, or build both sides elsewhere and compare the results as files"
            )
        is_file = entries[0].path == target
        if is_file:
            self._add(entries)
        return is_file

    def _add(self, entries: Sequence[TreeEntry]) -> None:
        for entry in entries:
            if entry.path not in self._found:
                self._found[entry.path] = self._tree.resolved(entry)
        if len(self._found) > _MOST_FILES:
            raise ManifestError(f"{self._name}{entries[0].path}: there are more than {_MOST_FILES:,} files to write")

    def _content(self, path: str) -> bytes:
        (content,) = self._repository.contents([self._found[path].object_id], _MOST_BYTES)
        return content or b""


@contextmanager
def _exported(repository: Repository, entries: Sequence[TreeEntry], name: str) -> Iterator[Exported]:
    """The files in a new folder. Raises ManifestError for what cannot be written, or is too much."""
    for entry in entries:
        _check_written(entry, f"{name}{entry.path}")
    with temporary_folder() as folder:
        root, home = folder / "files", folder / "home"
        root.mkdir()
        home.mkdir()
        left = _MOST_BYTES
        contents = repository.contents([entry.object_id for entry in entries], _MOST_BYTES)
        for entry, content in zip(entries, contents, strict=True):
            if content is None:
                missing = "its content is missing in this repository, or damaged"
                raise ManifestError(f"{name}{entry.path}: {missing}: fetch it, if this is a partial clone")
            if content.startswith(LFS_POINTER):
                raise ManifestError(f"{name}{entry.path}: {LFS_MESSAGE}")
            left -= len(content)
            if left < 0:
                raise ManifestError(f"{name}{entry.path}: there are more than {_MOST_BYTES >> 20} MiB to write")
            file = root / entry.path
            file.parent.mkdir(parents=True, exist_ok=True)
            # `x`: two entries that a file system takes for the same name (upper and lower case) must not overwrite each
            # other.
            with file.open("xb") as stream:
                stream.write(content)
        yield Exported(root, name, home)


def _check_written(entry: TreeEntry, name: str) -> None:
    """Raise ManifestError for what is not written to disk, because of what it is or how it is called."""
    match entry.kind:
        case EntryKind.LINK:
            raise ManifestError(f"{name}: a symbolic link {entry.unresolved}: correct it, or replace it by the file")
        case EntryKind.FOLDER:
            raise ManifestError(f"{name}: a symbolic link to a folder: not followed: replace it by the folder")
        case EntryKind.SUBMODULE:
            raise ManifestError(f"{name}: a submodule: its files are in another repository")
    parts = PurePosixPath(entry.path).parts
    # Git does not create such names, but a tree object can be written by another program.
    if isabs(entry.path) or any(part == ".." or part.lower() == _OWN_FOLDER for part in parts):
        raise ManifestError(f"{name}: not a name that git gives to a file: not written")


def _within(path: str, text: str, where: str) -> str:
    """A path below the top of the repository. Raises ManifestError for one that leads out of it."""
    found = normpath(path)
    if isabs(found) or found == ".." or found.startswith("../"):
        raise ManifestError(f"{where}: {text!r} leads out of the repository")
    return found


def _name(revision: str | None) -> str:
    """What the names of files begin with, as git writes them."""
    return f"{revision or ''}:"
