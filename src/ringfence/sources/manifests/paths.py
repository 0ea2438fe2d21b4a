"""The paths of `-f`: lists, patterns, and what a walk through folders leaves out.

A path that exists is used as it is. Otherwise commas separate paths, and a pattern means the files that match it, as in
kubectl if the shell has not expanded it. kubectl also reads from URLs; ringfence does not: an answer
depends on files that are there, and nothing is fetched from elsewhere.

Source: `k8s.io/cli-runtime/pkg/resource`, `FilenameParam` and `expandIfFilePattern`.
"""

from collections.abc import Iterator, Sequence
from fnmatch import fnmatch
from glob import glob
from pathlib import Path, PurePath, PurePosixPath
from typing import Final

from ringfence.errors import ManifestError

STANDARD_INPUT: Final = "-"
CONFIGURATION_FILE: Final = ".ringfence.yaml"
"""The configuration of ringfence, which is not a manifest."""

_SCHEMES: Final = ("http://", "https://")


def expand_paths(texts: Sequence[str]) -> list[str]:
    """The paths that texts name. Raises ManifestError for a URL, and for a path that does not exist."""
    return [path for text in texts for path in _expanded(text)]


def _expanded(text: str) -> Iterator[str]:
    if text.startswith(_SCHEMES):
        raise ManifestError(f"{text}: URLs are not read: download it, such as `curl -fsSL {text} | ringfence ... -f -`")
    if text == STANDARD_INPUT or _exists(text):
        yield text
    elif "," in text:
        for part in text.split(","):
            yield from _expanded(part)
    elif found := sorted(glob(text)):  # noqa: PTH207  (unlike that of Path, it takes absolute patterns)
        yield from found
    else:
        raise ManifestError(f'the path "{text}" does not exist: name a file, a folder, or - for standard input')


def _exists(text: str) -> bool:
    try:
        return bool(text) and Path(text).exists()
    except OSError as error:
        raise ManifestError(f"{text}: cannot be read: {error.strerror}") from None


class Exclusion:
    """What a walk through folders leaves out: hidden folders, the configuration, and what matches a pattern.

    A pattern is matched against the name of a file or folder, and against its path below the folder that was named. A
    file or folder that is named itself is always read.
    """

    def __init__(self, patterns: Sequence[str] = ()) -> None:
        self._patterns = [pattern.rstrip("/") for pattern in patterns]

    @property
    def has_patterns(self) -> bool:
        """Whether files are left out by a pattern."""
        return bool(self._patterns)

    def excludes(self, entry: Path, top: Path) -> bool:
        """Whether to leave out a file or folder that was found below `top`."""
        if entry.name == CONFIGURATION_FILE or (entry.name.startswith(".") and entry.is_dir()):
            return True
        return self._is_matched(entry.relative_to(top))

    def excludes_stored(self, below: str) -> bool:
        """Whether to leave out a file that is stored in a revision, by its path below the folder that was named."""
        folder, _, name = below.rpartition("/")
        if "/." in f"/{folder}" or name == CONFIGURATION_FILE:
            return True
        if not self._patterns:
            return False
        path = PurePosixPath(below)
        return any(map(self._is_matched, (path, *path.parents[:-1])))

    def _is_matched(self, below: PurePath) -> bool:
        return any(fnmatch(below.name, pattern) or fnmatch(str(below), pattern) for pattern in self._patterns)
