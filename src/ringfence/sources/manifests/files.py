"""Manifests from files, folders and standard input, found as kubectl finds them."""

import errno
import re
import shlex
import stat
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final

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


def read_files(
    paths: Sequence[str],
    *,
    recursive: bool = False,
    exclude: Sequence[str] = (),
    progress: Progress | None = None,
    holding: re.Pattern[bytes] | None = None,
    shared: SharedDocuments | None = None,
    contents: FileContents | None = None,
) -> LoadedObjects:
    """The objects in files and folders; `-` is standard input. A folder's own folders are read only if `recursive`.

    In folders, hidden folders and what matches a pattern of `exclude` are left out (`paths.Exclusion`). Errors inside a
    file become problems of the result. With `holding`, a file of a folder is read only if its content matches the
    pattern, and a folder may have no such file. Documents that are among the `shared` ones are not parsed. With
    `contents`, the content of each file is kept there, or taken from there. Raises ManifestError for a path that does
    not exist, and for a folder without files to read.
    """
    named = expand_paths(paths)
    exclusion = Exclusion(exclude)
    files = [file for path in named for file in _files(path, recursive, exclusion, may_be_empty=holding is not None)]
    return collect(_read_all(files, frozenset(named), progress, holding, shared, contents))


def _files(path: str, recursive: bool, exclusion: Exclusion, *, may_be_empty: bool) -> Iterable[str]:
    if path == STANDARD_INPUT:
        return [path]
    try:
        if not Path(path).is_dir():
            return [path]
        files = [str(file) for file in _in_folder(Path(path), recursive, exclusion, Path(path))]
    except OSError as error:
        raise ManifestError(f"{error.filename or path}: cannot be read: {error.strerror}") from None
    if not files and not may_be_empty:
        apart = ", apart from those that --exclude leaves out" if exclusion.has_patterns else ""
        within = "" if recursive else "; -R also reads the folders in it"
        raise ManifestError(f"{path}: no file in this folder ends in {', '.join(SUFFIXES)}{apart}{within}")
    return files


def _in_folder(folder: Path, recursive: bool, exclusion: Exclusion, top: Path) -> Iterator[Path]:
    """The manifests of a folder in the order of their names. Links to folders are not followed: they may lead back."""
    for entry in sorted(folder.iterdir()):
        if exclusion.excludes(entry, top):
            continue
        if not entry.is_dir():
            if entry.name.endswith(SUFFIXES):
                yield entry
        elif recursive and not entry.is_symlink():
            yield from _in_folder(entry, recursive, exclusion, top)


def _read_all(
    files: list[str],
    named: frozenset[str],
    progress: Progress | None,
    holding: re.Pattern[bytes] | None,
    shared: SharedDocuments | None,
    contents: FileContents | None,
) -> Iterator[Found]:
    total = sum(map(_size, files)) if progress else 0
    before = 0
    templates: Counter[Path] = Counter()
    for file in files:
        is_searched = holding is not None and file not in named
        if Path(file).name in KUSTOMIZATIONS and not is_searched:
            yield kustomization(Place(file, 1))
            continue
        if file not in named and (kind := _irregular(file)):
            if is_searched:
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
        if is_searched and holding and not holding.search(data):
            continue

        if archive := archive_problem(data, name):
            yield archive
            continue
        if file not in named and TEMPLATE_MARK in data and (chart := _chart_of(Path(file))):
            templates[chart] += 1
            continue

        def report(done: int, before: int = before) -> None:
            if progress:
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
