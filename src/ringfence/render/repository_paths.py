"""Paths in outputs that leave the machine, or that a service shows beside the files of a repository."""

from functools import cached_property
from os.path import normpath
from pathlib import Path, PurePath

import msgspec

from ringfence.model.origin import Place

_KUSTOMIZED = " (kustomize)"


def shown_text(text: str) -> str:
    """A text, in which paths below the working directory are relative to it."""
    return text.replace(f"{Path.cwd()}/", "")


def shown_path(file: str) -> str:
    """A path that reveals nothing of the machine: relative to the working directory, or only the file name."""
    path = PurePath(file)
    if path.is_absolute():
        here = Path.cwd()
        path = path.relative_to(here) if path.is_relative_to(here) else PurePath(path.name)
    # How many folders up a file lies says something about the machine, too.
    return str(PurePath(*(part for part in path.parts if part != "..")))


class RepositoryPaths(msgspec.Struct, frozen=True, dict=True):
    """The paths of files in the repository of the working directory, which may be any of its folders."""

    @cached_property
    def _root(self) -> Path:
        here = Path.cwd()
        # In a worktree or a submodule of git, `.git` is a file and not a folder.
        return next((one for one in (here, *here.parents) if (one / ".git").exists()), here)

    def of(self, file: str) -> str:
        """A path relative to the root of the repository, with slashes.

        Without one, it is relative to the working directory. Of a file elsewhere it is the name alone, which reveals
        nothing about the machine.
        """
        # Not `resolve`: a link in the repository is shown under the name that it has there.
        path = Path(normpath(Path.cwd() / file))
        return path.relative_to(self._root).as_posix() if path.is_relative_to(self._root) else shown_path(file)

    def of_place(self, place: Place) -> tuple[str, bool]:
        """The file of a place, and whether the place is a line of that file.

        What a kustomization was built from has no lines that one could look at: it is the kustomization as a whole. It
        is empty for what is in no file: standard input and live clusters. The file that it was rendered
        from counts if it exists.
        """
        if place.rendered_from and Path(place.rendered_from).is_file():
            return self.of(place.rendered_from), False
        is_kept = place.file.endswith(_KUSTOMIZED) or Path(place.file).is_file()
        return self._of_input(place.file) if is_kept else ("", False)

    def of_revised_place(self, place: Place, revision: str) -> tuple[str, bool]:
        """As `of_place`, of a place that may be in a revision: its files are relative to the working directory."""
        file = place.file.removeprefix(f"{revision}:").removeprefix(":")
        return self.of_place(place) if file == place.file else self._of_input(file)

    def _of_input(self, file: str) -> tuple[str, bool]:
        if file.endswith(_KUSTOMIZED):
            return self.of(f"{file.removesuffix(_KUSTOMIZED)}/kustomization.yaml"), False
        return self.of(file), True
