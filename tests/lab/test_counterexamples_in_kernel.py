"""Counterexamples of comparisons, proven by the kernel."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from tests.lab.sandboxes import in_sandbox

from ringfence.cli import cli

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"
BEFORE, ONE_DASH = str(EXAMPLES / "web-before.yaml"), str(EXAMPLES / "web-one-dash.yaml")
FROM_OUTSIDE = """\
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: p, namespace: prod}
spec:
  podSelector: {matchLabels: {app: web}}
  ingress:
  - from: [{ipBlock: {cidr: 198.51.100.0/24}}]
    ports: [{port: http}]
"""


def nothing() -> None:
    """Work for a sandbox, which is skipped where there can be none."""


@pytest.fixture(autouse=True)
def _namespaces_are_allowed() -> None:
    in_sandbox(nothing)


def test_the_kernel_says_of_a_counterexample_what_the_engine_says() -> None:
    result = CliRunner().invoke(cli, ["equivalent", BEFORE, ONE_DASH, "--lab"])
    assert (result.exit_code, result.stderr) == (1, "")
    assert result.stdout.endswith("In the laboratory, the kernel says the same.\n")


def test_a_counterexample_from_outside_to_a_named_port(tmp_path: Path) -> None:
    (tmp_path / "more.yaml").write_text(FROM_OUTSIDE)
    (tmp_path / "less.yaml").write_text(FROM_OUTSIDE.replace("{port: http}", "{port: https}"))
    command = ["allows-at-most", str(tmp_path / "more.yaml"), str(tmp_path / "less.yaml"), "--lab", "-o", "json"]
    found = json.loads(CliRunner().invoke(cli, command).stdout)
    assert found["provenByKernel"] is True
    assert found["counterexample"]["portNames"] == ["http"]
