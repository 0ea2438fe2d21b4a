"""Tests that share something expensive run in one worker, and are found by their names when they are run once more."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
CONFTEST = """
from pathlib import Path

from tests import conftest
from tests.conftest import pytest_collection_modifyitems, pytest_runtest_logreport

conftest.TESTS = Path(__file__).parent
"""
TESTS = """
import os
import pytest

@pytest.fixture(scope="module")
def shared():
    with open("builds", "a") as file:
        file.write("built ")

@pytest.mark.parametrize("number", range(8))
def test_that_shares(shared, number):
    assert number != 3 or os.path.exists("fixed")
"""


def run(folder: Path, *options: str) -> str:
    """The last line of what pytest prints."""
    command = [sys.executable, "-m", "pytest", "-p", "no:ringfence", "-c", os.devnull, f"--rootdir={folder}", *options]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    environment["PYTHONPATH"] = f"{ROOT}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"
    done = subprocess.run([*command, str(folder)], capture_output=True, text=True, env=environment, cwd=folder)
    return done.stdout.splitlines()[-1]


@pytest.mark.takes_long
def test_what_a_module_shares_is_built_once_and_a_failed_test_is_found_again(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text(CONFTEST)
    (tmp_path / "test_sharing.py").write_text(TESTS)
    assert "1 failed, 7 passed" in run(tmp_path, "--numprocesses=2", "--dist=loadgroup", "--no-loadscope-reorder")
    assert (tmp_path / "builds").read_text() == "built "
    (tmp_path / "fixed").touch()
    assert " 1 passed in " in run(tmp_path, "--last-failed", "--last-failed-no-failures=none")
