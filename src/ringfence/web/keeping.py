"""A cell that is kept as a test: what passes now becomes what a test file expects.

Files are written in the folders for tests only, and only after the page has shown what will be written.
"""

from collections.abc import Iterable, Sequence
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
    """A cell, the text of the tests of it that was shown, and the file that they are to be added to."""

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
    """Add the tests of a cell to a file; returns its place.

    Raises InputError if what passes is no longer what was shown, for a file outside of the folders, and for tests that
    are there already or that contradict one that is.
    """
    tests = _recorded(simulation, wanted.source, wanted.destination)
    if written_tests(tests) != wanted.text:
        raise InputError("what passes has changed since the tests were shown: ask for them again; nothing was written")
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
    """The text of a file, with its line ends as they are; nothing of one that does not exist."""
    if not file.exists():
        return ""
    with file.open(encoding="utf-8", newline="") as stream:
        return stream.read()


def _writable(name: str, folders: Iterable[Path]) -> Path:
    """A file by its name. Raises InputError if tests are not to be written there."""
    file = Path(name)
    try:
        target = file.resolve()
        inside = [target.relative_to(folder.resolve()) for folder in folders if target.is_relative_to(folder.resolve())]
        is_usable = target.parent.is_dir() and (target.is_file() or not target.exists())
    except (OSError, ValueError, RuntimeError) as error:  # a NUL in the name, or links in a circle
        raise InputError(f"{name!r} is not the name of a file") from error
    if not inside:
        raise InputError(f"{name} is not in a folder for tests: those are {', '.join(map(str, folders)) or 'none'}")
    if any(part.startswith(".") for part in inside[0].parts) or target.suffix not in _SUFFIXES:
        raise InputError(f"{name} would not be found as a test file: use a name that ends in .yaml and is not hidden")
    if not is_usable:
        raise InputError(f"{name} cannot be a file: make its folder first")
    return file


def _check_new(tests: Sequence[dict[str, Any]], present: Sequence[ReachabilityTest]) -> None:
    """Raise InputError for a test that some file has already, or whose name another test has."""
    made = decode_tests({"apiVersion": API_VERSION, "kind": KIND, "tests": list(tests)}, Origin("the cell")).tests
    for test in made:
        for other in present:
            if test.expectation == other.expectation and not other.is_what_if:
                raise InputError(f"{other.place} has this test already: nothing was written")
            if test.name == other.name:
                said = "has a test of this name that expects something else: change it there, or remove it"
                raise InputError(f"{other.place} {said}; nothing was written")
