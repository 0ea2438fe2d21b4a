"""`exposure`: which pods that do not exist yet could reach each workload, or be reached by it."""

import csv
import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from tests.render.json_shapes import EXPOSURE, fits

from ringfence.analysis.lists import exposed_workloads
from ringfence.cli import cli

EXAMPLES = Path(__file__).parents[2] / "examples"
EXAMPLE = EXAMPLES / "three-tier"
UNREAD = """\
apiVersion: crd.projectcalico.org/v1
kind: NetworkPolicy
metadata: {name: unread, namespace: prod}
spec: {selector: "role == 'web'", types: [Ingress]}
"""
ON_THE_NODE = """\
apiVersion: v1
kind: Pod
metadata: {name: proxy, namespace: prod}
spec: {hostNetwork: true}
---
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: prod}
"""


def run(*words: str, path: Path = EXAMPLE) -> Result:
    return CliRunner().invoke(cli, ["exposure", *words, "-f", str(path)])


def test_one_endpoint() -> None:
    result = run("prod/db")
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == (
        "WORKLOAD   DIRECTION   POSSIBLE PODS AND ADDRESSES                         TRAFFIC\n"
        "prod/db    ingress     pods with name=api-pod,role!=db of namespace prod   TCP 3306\n"
        "prod/db    egress      192.168.5.10/32                                     TCP 80\n"
    )


def test_of_policies_alone_it_says_how_to_ask_about_possible_pods() -> None:
    result = run(path=EXAMPLE / "db-policy.yaml")
    assert (result.exit_code, result.stdout) == (0, "")
    assert result.stderr == (
        "No pods or workloads found.\n"
        "With policies alone, ask about possible pods: ringfence exposure pod:prod/app=web\n"
    )


@pytest.mark.parametrize("endpoint", ["pod:prod/role=db", "any-pod:prod/name=web,role=db"])
def test_of_policies_alone_the_exposure_of_a_possible_pod_is_a_complete_answer(endpoint: str) -> None:
    result = run(endpoint, path=EXAMPLE / "db-policy.yaml")
    assert (result.exit_code, result.stderr) == (0, "")
    assert re.search(rf"{endpoint} +egress +192.168.5.10/32 ", result.stdout)


def test_a_namespace_without_workloads_is_named(tmp_path: Path) -> None:
    (tmp_path / "pod.yaml").write_text(ON_THE_NODE)
    (tmp_path / "empty.yaml").write_text("apiVersion: v1\nkind: Namespace\nmetadata: {name: empty}\n")
    result = run("-n", "empty", path=tmp_path)
    assert (result.exit_code, result.stdout) == (0, "")
    assert result.stderr == "No pods or workloads found in empty namespace.\n"


def test_csv_has_each_workload_in_lines_of_its_own() -> None:
    header, *rows = csv.reader(run("-o", "csv").stdout.splitlines())
    assert header == ["workload", "direction", "possible pods and addresses", "traffic"]
    assert sorted({row[0] for row in rows}) == ["prod/api", "prod/db", "prod/web", "staging/api"]
    assert ["staging/api", "ingress", "pods with role!=db of namespace prod", "all traffic"] in rows


def test_markdown_folds_equal_workloads() -> None:
    assert "| prod/api, prod/web, staging/api | ingress | any address | all traffic |" in run("-o", "markdown").stdout


def test_json_has_selectors_and_examples() -> None:
    written = json.loads(run("prod/db", "-o", "json").stdout)
    assert fits(written, EXPOSURE)
    ingress, egress = written["exposure"]
    assert ingress["pods"][0]["example"]["labels"] == {"name": "api-pod"}
    assert egress["addresses"] == [{"addresses": ["192.168.5.10/32"], "traffic": [{"protocol": "TCP", "ports": "80"}]}]


def test_json_says_of_whom_no_policy_applies(tmp_path: Path) -> None:
    (tmp_path / "pods.yaml").write_text(ON_THE_NODE)
    written = json.loads(run("-o", "json", path=tmp_path).stdout)
    exempt = {row["workloads"][0]["name"]: row.get("exempt") for row in written["exposure"]}
    assert exempt["web"] is None
    assert exempt["proxy"] == "it uses its node's network, and policies do not apply to it"


def test_a_namespace() -> None:
    written = json.loads(run("-n", "staging", "-o", "json").stdout)
    assert {one["name"] for row in written["exposure"] for one in row["workloads"]} == {"api"}
    assert run("-n", "stagin").exit_code == 2


def test_what_a_policy_that_is_not_read_may_change_is_an_assumption(tmp_path: Path) -> None:
    for file in EXAMPLE.glob("*.yaml"):
        (tmp_path / file.name).write_text(file.read_text())
    (tmp_path / "unread.yaml").write_text(UNREAD)
    result = run(path=tmp_path)
    assert result.exit_code == 0
    assert "unread.yaml:1) is not read: it may change the ingress of the pods that it selects" in result.stderr
    assert run("--no-assumptions", path=tmp_path).exit_code == 3
    assert run("--no-assumptions").exit_code == 0


def test_a_list_that_would_take_too_long_is_undecided_and_says_where(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exposed_workloads, "MOST_STEPS", 3)
    result = run(path=EXAMPLES / "shop")
    assert (result.exit_code, result.stdout) == (3, "")
    assert result.stderr.startswith("undecided at ")
    assert ".yaml:" in result.stderr


OVERLAPPING = """\
apiVersion: v1
kind: Pod
metadata: {name: db, namespace: prod}
spec: {containers: [{name: c, image: i}]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: p, namespace: prod}
spec:
  podSelector: {}
  ingress:
"""


@pytest.mark.parametrize("steps", [200, 2_000, 20_000])
def test_dozens_of_requirements_that_overlap_are_undecided_at_the_rule_that_was_looked_at(
    steps: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exposed_workloads, "MOST_STEPS", steps)
    rules = "".join(
        "  - from: [{podSelector: {matchExpressions: ["
        + ", ".join(f"{{key: k{number * step % 31}, operator: NotIn, values: [v{number}]}}" for step in (1, 3, 7))
        + "]}}]\n"
        for number in range(40)
    )
    (tmp_path / "many.yaml").write_text(OVERLAPPING + rules)
    result = run(path=tmp_path)
    assert (result.exit_code, result.stdout) == (3, "")
    assert re.match(r"undecided at prod/p spec\.ingress\[\d+\] \(.*/many\.yaml:\d+\): ", result.stderr)


def test_an_endpoint_outside_the_cluster_is_an_error() -> None:
    result = run("203.0.113.7")
    assert result.exit_code == 2
    assert result.stderr == "error: 203.0.113.7 is outside the cluster: exposure is about pods\n"
