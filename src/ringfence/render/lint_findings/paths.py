"""Paths in outputs that a service shows beside the files of a repository."""

from functools import cached_property
from os.path import normpath
from pathlib import Path

import msgspec

from ringfence.model.origin import Place
from ringfence.render.judged_tests import shown_path

_KUSTOMIZED = " (kustomize)"


class RepositoryPaths(msgspec.Struct, frozen=True, dict=True):
    """Where files are in the repository that the working directory is in, whichever of its folders that is."""

    @cached_property
    def _root(self) -> Path:
        here = Path.cwd()
        return next((one for one in (here, *here.parents) if (one / ".git").exists()), here)

    def of(self, file: str) -> str:
        """A path relative to the root of the repository, with slashes.

        Without one, it is relative to the working directory. Of a file elsewhere it is the name alone: nothing is said
        about the machine.
        """
        path = Path(normpath(Path.cwd() / file))
        return path.relative_to(self._root).as_posix() if path.is_relative_to(self._root) else shown_path(file)

    def of_place(self, place: Place) -> tuple[str, bool]:
        """The file of a place, and whether the place is a line of that file.

        What a kustomization was built from has no lines that one could look at: it is the kustomization as a whole. It
        is empty for what is in no file: standard input and live clusters.
        """
        if place.file.endswith(_KUSTOMIZED):
            return self.of(f"{place.file.removesuffix(_KUSTOMIZED)}/kustomization.yaml"), False
        return (self.of(place.file), True) if Path(place.file).is_file() else ("", False)
