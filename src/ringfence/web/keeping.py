"""Saves a cell as a test: what passes now becomes the expectation of a test.

Files are written only in the folders for tests, and only after the page has shown what will be written.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

from ringfence.errors import InputError
from ringfence.model.origin import Origin
from ringfence.render.added_tests import with_tests, written_tests
from ringfence.render.formats import Json
from ringfence.testing.decoding import API_VERSION, decode_tests
from ringfence.testing.finding import FoundTests, search_tests
from ringfence.testing.reachability_tests import KIND, ReachabilityTest
from ringfence.web.simulation import Simulation
from ringfence.whole_files import write_whole

_NEW_FILE: Final = "reachability-tests.yaml"
_SUFFIXES: Final = (".yaml", ".yml")


class KeepRequest(msgspec.Struct, forbid_unknown_fields=True):
    """A cell, the text of its tests as the page has shown it, and the file to which they are to be added."""

    source: str
    destination: str
    text: str
    file: str


def proposed_tests(simulation: Simulation, folders: Sequence[Path], source: str, destination: str) -> Json:
    """The tests of a cell, with the edits in force, and the files that they may be added to."""
    files = list(dict.fromkeys(test.file for test in _present(folders).tests))
    if folders and not files:
        files = [str(folders[0] / _NEW_FILE)]
    return {
        "text": written_tests(_recorded(simulation, source, destination)),
        "files": files,
        "folders": [str(folder) for folder in folders],
    }


def keep(simulation: Simulation, folders: Sequence[Path], wanted: KeepRequest) -> str:
    """Add the tests of a cell to a file, and return its path.

    Raises InputError if other traffic passes than the page has shown, for a file outside of the folders, and for tests
    that some file already has, or whose names another test has.
    """
    tests = _recorded(simulation, wanted.source, wanted.destination)
    # The text is made again and compared, never taken from the request: a request cannot write what it likes.
    if written_tests(tests) != wanted.text:
        raise InputError(
            "the allowed traffic has changed since the tests were shown: open them again; nothing was written"
        )
    file = _writable(wanted.file, folders)
    _check_new(tests, _present(folders).tests)
    try:
        write_whole(file, with_tests(_text(file), str(file), tests))
    except UnicodeDecodeError as error:
        raise InputError(f"{file} is not in UTF-8: choose another file") from error
    except OSError as error:
        raise InputError(f"{file} cannot be written: {error.strerror}") from error
    return str(file)


def _recorded(simulation: Simulation, source: str, destination: str) -> list[dict[str, Any]]:
    with simulation.supposing():
        return simulation.cluster.recorded_tests(source, destination)


def _present(folders: Sequence[Path]) -> FoundTests:
    return search_tests([str(folder) for folder in folders])


def _text(file: Path) -> str:
    """The text of a file, with its line ends as they are; empty if the file does not exist."""
    if not file.exists():
        return ""
    with file.open(encoding="utf-8", newline="") as stream:
        return stream.read()


def _writable(name: str, folders: Sequence[Path]) -> Path:
    """A file by its name. Raises InputError if tests are not to be written there."""
    file = Path(name)
    try:
        # Links are followed first, so that a link inside a folder cannot lead out of it.
        target = file.resolve()
        inside = [target.relative_to(folder.resolve()) for folder in folders if target.is_relative_to(folder.resolve())]
        has_folder = target.parent.is_dir()
        is_usable = target.is_file() or not target.exists()
    except (OSError, ValueError, RuntimeError) as error:  # a NUL in the name, or links in a circle
        raise InputError(f"{name!r} is not the name of a file") from error
    if not inside:
        remedy = f"use one of {', '.join(map(str, folders))}" if folders else "start the page with --tests FOLDER"
        raise InputError(f"{name} is not in a folder for tests: {remedy}")
    if any(part.startswith(".") for part in inside[0].parts) or target.suffix not in _SUFFIXES:
        raise InputError(f"{name} would not be found as a test file: use a name that ends in .yaml and is not hidden")
    if not has_folder:
        raise InputError(f"{name} cannot be written: create its folder first")
    if not is_usable:
        raise InputError(f"{name} is not a file: use another name")
    return file


def _check_new(tests: Sequence[dict[str, Any]], present: Sequence[ReachabilityTest]) -> None:
    """Raise InputError for a test that some file has already, or whose name another test has."""
    made = decode_tests({"apiVersion": API_VERSION, "kind": KIND, "tests": list(tests)}, Origin("the cell")).tests
    for test in made:
        for other in present:
            # A test that supposes changes is about another cluster, even if it expects the same.
            if test.expectation == other.expectation and not other.is_what_if:
                raise InputError(f"{other.place} has this test already: nothing was written")
            if test.name == other.name:
                conflict = "has a test of this name that expects something else: change it there, or remove it"
                raise InputError(f"{other.place} {conflict}; nothing was written")
