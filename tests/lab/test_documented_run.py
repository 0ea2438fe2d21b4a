"""The pages show what a run of the laboratory really prints."""

from pathlib import Path

import pytest
from tests.lab.processes import user

ROOT = Path(__file__).parents[2]
RUN = "$ ringfence lab run -f examples/three-tier\n"


@pytest.mark.parametrize("page", ["README.md", "docs/lab.md"])
def test_a_page_shows_what_a_run_prints(page: str) -> None:
    shown = (ROOT / page).read_text().partition(RUN)[2].partition("```")[0]
    with user(rootless=False) as owner:
        done = owner.run("lab", "run", "-f", str(ROOT / "examples" / "three-tier"))
    assert done.returncode == 0
    assert done.stdout.replace(f"{ROOT}/", "") == shown
