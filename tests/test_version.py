"""One version, wherever it is written down."""

import re
from pathlib import Path

import pytest

from ringfence import __version__

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize(
    ("file", "pattern"),
    [
        ("deploy/Dockerfile", r"ringfence:(\S+)"),
        ("deploy/helm/ringfence/Chart.yaml", r"^version: (\S+)"),
        ("deploy/helm/ringfence/Chart.yaml", r"^appVersion: (\S+)"),
        ("deploy/kustomize/kustomization.yaml", r"newTag: (\S+)"),
        ("docs/agent.md", r"ringfence:(\S+)"),
    ],
)
def test_what_is_deployed_is_this_version(file: str, pattern: str) -> None:
    assert set(re.findall(pattern, (ROOT / file).read_text(), re.MULTILINE)) == {__version__}


def test_the_changelog_has_a_section_for_this_version() -> None:
    versions = re.findall(r"^## \[(\d.*?)\]", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert versions[0] == __version__


def test_the_security_policy_supports_this_version() -> None:
    supported = __version__.rpartition(".")[0]
    assert f"| {supported}.x | yes |" in (ROOT / "SECURITY.md").read_text()
