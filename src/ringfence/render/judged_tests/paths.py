"""Paths in reports that leave the machine."""

from pathlib import Path, PurePath


def shown_text(text: str) -> str:
    """A text, in which paths below the working directory are relative to it."""
    return text.replace(f"{Path.cwd()}/", "")


def shown_path(file: str) -> str:
    """A path without anything about the machine: relative to the working directory, or else the name alone."""
    path = PurePath(file)
    if path.is_absolute():
        here = Path.cwd()
        path = path.relative_to(here) if path.is_relative_to(here) else PurePath(path.name)
    return str(PurePath(*(part for part in path.parts if part != "..")))
