"""CI runs most tests once: what `make coverage` leaves out or does with few examples, `make test-more` runs in full."""

import os
import re
import shlex
import subprocess
import sys
from itertools import chain, combinations
from pathlib import Path
from typing import Final

import pytest
from _pytest.mark.expression import Expression

ROOT = Path(__file__).parents[1]
TARGETS: Final = dict(
    re.findall(r"^([a-z0-9-]+):.*  ## .*\n((?:\t.*\n)+)", (ROOT / "Makefile").read_text(), flags=re.MULTILINE)
)
STEPS: Final = re.findall(r"^step (.+?)(?:  #.*)?$", (ROOT / ".ci" / "run").read_text(), flags=re.MULTILINE)
CHOSEN_AT_COLLECTION: Final = """
from pathlib import Path

from tests import conftest
from tests.conftest import pytest_collection_modifyitems

conftest.TESTS = Path(__file__).parent
"""
MARKS: Final = ("browser", "more_in_ci", "repeats_lines")


def options(target: str) -> list[str]:
    """What the target gives pytest."""
    [command] = [line for line in TARGETS[target].replace("\\\n", "").split("\n\t") if "$(PYTEST)" in line]
    return shlex.split(command.partition("$(PYTEST)")[2])


def ignored(target: str) -> set[str]:
    return {word.partition("=")[2] for word in options(target) if word.startswith("--ignore=")}


def expression(target: str) -> Expression:
    """Which marks choose a test of the target."""
    words = options(target)
    return Expression.compile(words[words.index("-m") + 1])


def is_chosen(by: Expression, marks: set[str]) -> bool:
    return by.evaluate(lambda name, /, **_: name in marks)


SETS_OF_MARKS = [set(one) for one in chain.from_iterable(combinations(MARKS, size) for size in range(len(MARKS) + 1))]


@pytest.mark.parametrize("marks", SETS_OF_MARKS, ids=lambda marks: " ".join(sorted(marks)) or "no mark")
def test_every_test_runs_in_full_in_ci(marks: set[str]) -> None:
    coverage = is_chosen(expression("coverage"), marks) and "browser" not in marks
    more = is_chosen(expression("test-more"), marks)
    assert coverage or more
    assert more or not marks & {"more_in_ci", "browser"}, "coverage has few examples, and no browser"


def test_what_no_mark_chooses_is_chosen_by_folder() -> None:
    assert ignored("coverage") == {"tests/e2e", "tests/browser"}
    assert ignored("test-more") == ignored("test-all") == {"tests/e2e"}
    assert {"coverage", "test-more", "test-e2e"} <= {target for step in STEPS for target in step.split()}


def test_properties_and_the_browser_are_marked_without_asking(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text(CHOSEN_AT_COLLECTION)
    (tmp_path / "test_some.py").write_text(
        """
import pytest
from hypothesis import given, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

@given(st.integers())
def test_a_property(number):
    pass

@pytest.mark.parametrize("twice", [1, 2])
@given(number=st.integers())
def test_with_parameters(twice, number):
    pass

class Machine(RuleBasedStateMachine):
    @rule()
    def step(self):
        pass

TestMachine = Machine.TestCase

def test_ordinary():
    pass
"""
    )
    (tmp_path / "browser").mkdir()
    (tmp_path / "browser" / "test_pages.py").write_text("def test_page(): pass\n")
    assert collected(tmp_path, "more_in_ci") == [
        "test_some.py::TestMachine::runTest",
        "test_some.py::test_a_property",
        "test_some.py::test_with_parameters[1]",
        "test_some.py::test_with_parameters[2]",
    ]
    assert collected(tmp_path, "browser") == ["browser/test_pages.py::test_page"]


def collected(folder: Path, marks: str) -> list[str]:
    """The names of the tests that marks choose."""
    command = [sys.executable, "-m", "pytest", "-p", "no:ringfence", "-c", os.devnull, f"--rootdir={folder}"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    environment["PYTHONPATH"] = f"{ROOT}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"
    command += ["--collect-only", "-q", "-m", marks, str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=folder)
    return sorted(line for line in done.stdout.splitlines() if "::" in line)


def test_ordinary_tests_that_do_more_in_ci_are_marked() -> None:
    """Those that ask how many examples properties have, by themselves or by the traffic that they send."""
    asking = re.compile(r"(?<!max_examples=)(\bexamples\(|\bsettings\(\)\.)|\brounds_under_traffic\(")
    supporting = {
        "tests/conftest.py",
        "tests/example_counts.py",
        "tests/dataplane/traffic.py",
        "tests/test_selections.py",
    }
    texts = {str(file.relative_to(ROOT)): file.read_text() for file in (ROOT / "tests").rglob("*.py")}
    asked = {name for name, text in texts.items() if asking.search(text)} - supporting
    assert "tests/dataplane/test_updates.py" in asked
    marks = re.compile(r"pytest\.mark\.(more_in_ci|repeats_lines)")
    assert [name for name in sorted(asked) if not marks.search(texts[name])] == []
