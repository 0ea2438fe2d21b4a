"""Which tests failed or were errors in the last run in a folder, so that only these are run again.

They are kept in one file for each working directory, in the user's cache (XDG Base Directory Specification). A cache
may be lost or damaged at any time: then no test counts as bad.
"""

import json
import os
from collections import Counter
from collections.abc import Iterable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import Final

from ringfence.testing.outcomes import JudgedTest
from ringfence.testing.reachability_tests import ReachabilityTest
from ringfence.whole_files import write_whole

_Key = tuple[str, str, int]
"""The file, the name, and the number of the test among those of the same name in the file, from 1."""

_MOST_BYTES: Final = 1 << 24


class LastFailed:
    """The tests that were bad in the working directory `folder`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        home = os.environ.get("XDG_CACHE_HOME") or str(Path("~/.cache").expanduser())
        # A hash, because a path may be longer than the name of a file, and contains slashes.
        name = sha256(os.fsencode(folder)).hexdigest()[:32]
        self._file = Path(home) / "ringfence" / "last-failed" / f"{name}.json"

    def of(self, tests: Iterable[ReachabilityTest]) -> list[ReachabilityTest]:
        """Those of the tests that were bad."""
        bad = self._read()
        return [test for key, test in self._keyed(tests) if key in bad]

    def note(self, tests: Iterable[ReachabilityTest], outcomes: Iterable[JudgedTest]) -> None:
        """Note which tests are bad now. `tests` are all tests of the files; those that were not judged stay as noted.

        If the cache cannot be written, nothing is noted.
        """
        # By identity: two equal tests in one file are two tests.
        ended = {id(one.test): one.is_bad for one in outcomes}
        before = self._read()
        now = set(before)
        for key, test in self._keyed(tests):
            if id(test) in ended:
                (now.add if ended[id(test)] else now.discard)(key)
        # Most runs change nothing, and leave the file alone.
        if now != before:
            self._write(now)

    def _keyed(self, tests: Iterable[ReachabilityTest]) -> Iterator[tuple[_Key, ReachabilityTest]]:
        counts: Counter[tuple[str, str]] = Counter()
        for test in tests:
            key = (os.path.normpath(self._folder / test.file), test.name)
            counts[key] += 1
            yield (*key, counts[key]), test

    def _read(self) -> set[_Key]:
        try:
            with self._file.open("rb") as stream:
                found = json.loads(stream.read(_MOST_BYTES))
            return {(str(file), str(name), int(number)) for file, name, number in found}
        except (OSError, ValueError, TypeError):
            return set()

    def _write(self, bad: set[_Key]) -> None:
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            write_whole(self._file, json.dumps(sorted(bad)))
        except (OSError, UnicodeEncodeError):
            return
