"""The pages show what a run of the laboratory really prints."""

from pathlib import Path

import pytest
from tests.lab.processes import user

ROOT = Path(__file__).parents[2]
RUN = "$ ringfence lab run -f examples/three-tier\n"
TEST = "$ ringfence test docs/examples/three-tier-tests.yaml -f examples/three-tier --lab\n"


@pytest.mark.parametrize("page", ["README.md", "docs/lab.md"])
def test_a_page_shows_what_a_run_prints(page: str) -> None:
    shown = _shown(page, RUN)
    with user(rootless=False) as owner:
        done = owner.run("lab", "run", "-f", str(ROOT / "examples" / "three-tier"))
    assert done.returncode == 0
    assert done.stdout.replace(f"{ROOT}/", "") == shown


def test_a_page_shows_what_a_test_in_the_laboratory_prints() -> None:
    files = str(ROOT / "docs" / "examples" / "three-tier-tests.yaml"), "-f", str(ROOT / "examples" / "three-tier")
    with user(rootless=True) as owner:
        done = owner.run("test", *files, "--lab")
    assert done.returncode == 1
    assert done.stdout.replace(f"{ROOT}/", "") == _shown("docs/test.md", TEST)


def _shown(page: str, command: str) -> str:
    return (ROOT / page).read_text().partition(command)[2].partition("```")[0]
