"""Manifests from files, folders and standard input, found as kubectl finds them."""

import errno
import re
import shlex
import stat
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from ringfence.errors import ManifestError
from ringfence.model.origin import Place
from ringfence.model.problems import Problem, ProblemCode
from ringfence.sources.loaded_objects import Found, LoadedObjects, collect
from ringfence.sources.loading import Progress
from ringfence.sources.manifests.archives import archive_problem
from ringfence.sources.manifests.content import read_content
from ringfence.sources.manifests.contents import STANDARD_INPUT_NAME, FileContents, content_of
from ringfence.sources.manifests.paths import STANDARD_INPUT, Exclusion, expand_paths
from ringfence.sources.manifests.rendering import CHART, TEMPLATE_MARK, unrendered_chart
from ringfence.sources.object_problems import kustomization
from ringfence.sources.shared_documents import SharedDocuments

SUFFIXES: Final = (".json", ".yaml", ".yml")
"""The endings of files that are read in a folder; a file that is named itself may have any ending."""

_UNREADABLE: Final = {
    errno.EACCES: "give yourself the right to read it (chmod), or leave it out",
    errno.ENOENT: "it is a link to a file that does not exist: correct or remove it",
}
KUSTOMIZATIONS: Final = ("kustomization.yaml", "kustomization.yml", "Kustomization")
"""The names under which kustomize looks for one; its content need not say what it is."""


class FolderFiles(NamedTuple):
    """Which files of a folder are read: those with one of the `SUFFIXES`; in its own folders only if `recursive`.

    Hidden folders and what matches a pattern of `exclude` are left out (`paths.Exclusion`). With `holding`, a file is
    read only if its content matches the pattern, and a folder may have no such file.
    """

    recursive: bool = False
    exclude: Sequence[str] = ()
    holding: re.Pattern[bytes] | None = None


ALL_FILES: Final = FolderFiles(recursive=True)
"""All manifests in a folder and in the folders in it."""

_TOP_FILES: Final = FolderFiles()


def read_files(
    paths: Sequence[str],
    of_folders: FolderFiles = _TOP_FILES,
    *,
    progress: Progress | None = None,
    shared: SharedDocuments | None = None,
    contents: FileContents | None = None,
) -> LoadedObjects:
    """The objects in files and folders; `-` is standard input. Errors inside a file become problems of the result.

    Documents that are among the `shared` ones are not parsed. With `contents`, the content of each file is kept there,
    or taken from there. Raises ManifestError for a path that does not exist, and for a folder without files to read.
    """
    named = expand_paths(paths)
    files: list[_File] = []
    for path in named:
        if path == STANDARD_INPUT or not _is_folder(path):
            files.append(_File(path))
            continue
        for file in _files_of(path, of_folders):
            files.append(_File(file) if file in named else _File(file, of_folder=True, holding=of_folders.holding))
    return collect(_read_all(files, progress, shared, contents))


class _File(NamedTuple):
    """A file to read: `of_folder` says that it was not named itself; `holding` is as in `FolderFiles`."""

    path: str
    of_folder: bool = False
    holding: re.Pattern[bytes] | None = None


def _is_folder(path: str) -> bool:
    try:
        return Path(path).is_dir()
    except OSError as error:
        raise _unreadable(path, error) from None


def _unreadable(path: str, error: OSError) -> ManifestError:
    return ManifestError(f"{error.filename or path}: cannot be read: {error.strerror}")


def _files_of(folder: str, wanted: FolderFiles) -> list[str]:
    exclusion = Exclusion(wanted.exclude)
    try:
        files = [str(file) for file in _in_folder(Path(folder), wanted.recursive, exclusion, Path(folder))]
    except OSError as error:
        raise _unreadable(folder, error) from None
    if not files and wanted.holding is None:
        apart = ", apart from those that --exclude leaves out" if exclusion.has_patterns else ""
        within = "" if wanted.recursive else "; -R also reads the folders in it"
        raise ManifestError(f"{folder}: no file in this folder ends in {', '.join(SUFFIXES)}{apart}{within}")
    return files


def _in_folder(folder: Path, recursive: bool, exclusion: Exclusion, top: Path) -> Iterator[Path]:
    """The manifests of a folder in the order of their names. Links to folders are not followed: they may lead back."""
    # Sorted, because the last of two equal objects counts, and the order of a directory differs between machines.
    for entry in sorted(folder.iterdir()):
        if exclusion.excludes(entry, top):
            continue
        if not entry.is_dir():
            if entry.name.endswith(SUFFIXES):
                yield entry
        elif recursive and not entry.is_symlink():
            yield from _in_folder(entry, recursive, exclusion, top)


def _read_all(
    files: Sequence[_File],
    progress: Progress | None,
    shared: SharedDocuments | None,
    contents: FileContents | None,
) -> Iterator[Found]:
    total = sum(_size(file) for file, _, _ in files) if progress else 0
    before = 0
    templates: Counter[Path] = Counter()
    for file, is_of_folder, holding in files:
        if Path(file).name in KUSTOMIZATIONS and holding is None:
            yield kustomization(Place(file, 1))
            continue
        if is_of_folder and (kind := _irregular(file)):
            if holding is not None:
                continue
            # Reading from a pipe without a writer never ends. A pipe that is named is meant to be read: `-f <(...)`.
            message, remedy = f"{kind}, not a file: not read", "move it out of the folder, or name it with -f"
            yield Problem(Place(file), ProblemCode.UNREADABLE_FILE, message, remedy=remedy)
            continue
        name = STANDARD_INPUT_NAME if file == STANDARD_INPUT else file
        try:
            data = contents.read(file) if contents else content_of(file)
        except OSError as error:
            message = f"cannot be read: {error.strerror}"
            yield Problem(
                Place(name), ProblemCode.UNREADABLE_FILE, message, remedy=_UNREADABLE.get(error.errno or 0, "")
            )
            continue
        if holding is not None and not holding.search(data):
            continue

        if archive := archive_problem(data, name):
            yield archive
            continue
        if is_of_folder and TEMPLATE_MARK in data and (chart := _chart_of(Path(file))):
            templates[chart] += 1
            continue

        def report(done: int, before: int = before) -> None:
            if progress:
                # The size of a pipe is not known before it is read, so the total may have to grow.
                progress(before + done, max(total, before + done))

        yield from read_content(data, name, report, shared)
        before += len(data)
    for chart, count in templates.items():
        remedy = f"helm template {shlex.quote(str(chart))} | ringfence COMMAND -f -"
        yield unrendered_chart(str(chart / CHART), count, remedy)


def _chart_of(file: Path) -> Path | None:
    """The folder of the Helm chart of which a file is a template."""
    folders = (folder.parent for folder in file.parents if folder.name == "templates")
    return next((folder for folder in folders if (folder / CHART).is_file()), None)


_IRREGULAR: Final = (
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


def _irregular(file: str) -> str:
    """The kind of a path that is neither a file nor a folder; empty if it is one, or if its type cannot be read."""
    try:
        mode = Path(file).stat().st_mode
    except OSError:
        return ""
    return next((kind for is_kind, kind in _IRREGULAR if is_kind(mode)), "")


def _size(file: str) -> int:
    """The size in bytes; that of a pipe is 0 before it is read."""
    try:
        return 0 if file == STANDARD_INPUT else Path(file).stat().st_size
    except OSError:
        return 0
