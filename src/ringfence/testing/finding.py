"""Finds tests: in the files that are named, and in all files of folders.

Tests may be in the same files as manifests. In folders, only files that may contain tests are parsed.
"""

import re
from collections.abc import Sequence
from typing import Final

import msgspec

from ringfence.errors import InputError
from ringfence.model.problems import Problem
from ringfence.sources.loading import LINT_BASELINE
from ringfence.sources.manifests import FolderFiles, read_files
from ringfence.testing.allowed_changes import KIND as ALLOWED_CHANGES
from ringfence.testing.decoding import decode_tests
from ringfence.testing.reachability_tests import KIND, ReachabilityTest

_MAY_HOLD_TESTS: Final = re.compile(
    rb"Reach\w{0,30}Test|ringfence\S{0,30}/v|\A(?:\xff\xfe|\xfe\xff|\x00|.\x00)", re.DOTALL
)
"""Matches a file with tests, even if a word in it is misspelt, and the start of a file in UTF-16 or UTF-32."""


_NO_TESTS: Final = (ALLOWED_CHANGES, LINT_BASELINE)
"""Other kinds of ringfence, which may stand beside tests."""


class FoundTests(msgspec.Struct, frozen=True):
    """The tests of some paths, in the order of files and of lines, and the problems of these files."""

    tests: tuple[ReachabilityTest, ...]
    problems: tuple[Problem, ...] = ()
    documents: int = 0

    @property
    def is_empty(self) -> bool:
        """Whether there is no document with tests, and none that could not be read."""
        return not (self.documents or self.problems)


def find_tests(paths: Sequence[str], *, exclude: Sequence[str] = ()) -> FoundTests:
    """The tests in files and folders, and in the folders in them, hidden ones excepted; `-` is standard input.

    Raises ManifestError for a path that does not exist, and InputError if there is no test.
    """
    found = search_tests(paths, exclude=exclude)
    if found.is_empty:
        where = ", ".join(paths)
        raise InputError(f"{where}: there is no test: no document has apiVersion ringfence/v1 and kind {KIND}")
    return found


def search_tests(paths: Sequence[str], *, exclude: Sequence[str] = ()) -> FoundTests:
    """As `find_tests`, but without an error if there are no tests."""
    if not paths:
        return FoundTests(())
    loaded = read_files(
        # A folder of tests named twice must not run each test twice.
        list(dict.fromkeys(paths)),
        FolderFiles(recursive=True, exclude=exclude, holding=_MAY_HOLD_TESTS),
    )
    decoded = [decode_tests(one.written, one.origin) for one in loaded.own if one.written.get("kind") not in _NO_TESTS]
    problems = [*loaded.problems, *(problem for one in decoded for problem in one.problems)]
    tests = tuple(test for one in decoded for test in one.tests)
    return FoundTests(tests, tuple(sorted(problems, key=lambda problem: problem.place)), len(decoded))
