"""A test that cannot run is skipped with a reason; in CI, where everything is installed, it fails."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TESTS = """
import pytest

def test_that_needs_a_program():
    pytest.skip("the program conntrack is missing")

@pytest.mark.skipif(True, reason="neither kubectl nor kustomize is on PATH")
def test_that_is_marked():
    pass

def test_that_needs_no_root():
    pytest.skip("needs a user that is not root")

@pytest.mark.xfail(strict=True, reason="a known defect")
def test_that_is_known_to_fail():
    assert False
"""


@pytest.mark.takes_long
@pytest.mark.parametrize(
    ("ci", "outcome"),
    [("", "3 skipped, 1 xfailed"), ("true", "1 failed, 1 skipped, 1 xfailed, 1 error")],
    ids=["here", "in CI"],
)
def test_skips(ci: str, outcome: str, tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text("from tests.conftest import pytest_runtest_makereport\n")
    (tmp_path / "test_parts.py").write_text(TESTS)
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-c", os.devnull, f"--rootdir={tmp_path}"]
    environment = {**os.environ, "CI": ci, "PYTHONPATH": f"{ROOT}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"}
    done = subprocess.run([*command, str(tmp_path)], capture_output=True, text=True, env=environment, cwd=tmp_path)
    assert outcome in done.stdout.splitlines()[-1], done.stdout
