"""The image of the agent: its base has to be named by digest. `scripts/try-image` builds it."""

import re
import subprocess
from pathlib import Path

import pytest

DOCKERFILE = Path("deploy/Dockerfile").read_text()


@pytest.mark.parametrize(
    ("base", "is_accepted"),
    [
        pytest.param("python:3.13-slim", False, id="a tag"),
        pytest.param(f"python:3.13-slim@sha256:{'0' * 64}", True, id="a digest"),
        pytest.param("", False, id="nothing"),
    ],
)
def test_the_base_has_to_be_named_by_digest(base: str, is_accepted: bool) -> None:
    [check] = re.findall(r"^RUN (case .*)$", DOCKERFILE, re.MULTILINE)
    result = subprocess.run(["sh", "-c", check], env={"BASE": base}, capture_output=True, text=True, check=False)
    assert (result.returncode == 0) is is_accepted
    assert ("name the base by digest: --build-arg BASE=" in result.stderr) is not is_accepted


def test_the_base_is_checked_before_anything_is_installed_on_it() -> None:
    first = DOCKERFILE.index("RUN ")
    assert DOCKERFILE.startswith("RUN case", first)
