"""`redundant`: what could be removed from policies without any change."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from ringfence.analysis.differences import redundant_here
from ringfence.analysis.possible import redundant_parts
from ringfence.cli import cli

ROOT = Path(__file__).parents[2]
TWICE = ROOT / "docs" / "examples" / "web-twice.yaml"
CALICO = """\
apiVersion: projectcalico.org/v3
kind: GlobalNetworkPolicy
metadata: {name: guard}
spec: {selector: all(), types: [Ingress]}
"""
POD = """\
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop, labels: {app: web}}
spec: {containers: [{name: web, image: web}]}
"""
IMPLIED = """\
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: p, namespace: shop}
spec:
  podSelector: {}
  egress:
  - to: [{podSelector: {matchLabels: {app: a}, matchExpressions: [{key: app, operator: DoesNotExist}]}}]
"""
"""A rule that matches nothing. Without it, the policy would no longer be for egress."""


MANY = """\
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {{name: p{number}, namespace: shop}}
spec:
  podSelector: {{matchLabels: {{app: "{number}"}}}}
  ingress: [{{from: [{{podSelector: {{}}}}]}}]
"""


def run(*words: str) -> Result:
    return CliRunner().invoke(cli, ["redundant", *words])


def test_each_part_is_listed_with_its_place_and_what_covers_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    result = run("-f", "docs/examples/web-twice.yaml")
    assert (result.exit_code, result.stderr) == (1, "")
    assert result.stdout == (
        "shop/web spec.ingress[0].from[0]  (docs/examples/web-twice.yaml:15)\n"
        "    covered by from[1] of the same rule  (docs/examples/web-twice.yaml:16)\n"
        "shop/web spec.ingress[0].from[1]  (docs/examples/web-twice.yaml:16)\n"
        "    covered by from[0] of the same rule  (docs/examples/web-twice.yaml:15)\n"
        "    covered by shop/web spec.ingress[1]  (docs/examples/web-twice.yaml:18)\n"
        "    keep it if the parts above are removed: they cover each other\n"
        "shop/web-canary  (docs/examples/web-twice.yaml:22)\n"
        "    covered by shop/closed, which isolates the same pods  (docs/examples/web-twice.yaml:1)\n"
        "    covered by shop/web spec.ingress[0]  (docs/examples/web-twice.yaml:14)\n"
        "\n"
        "3 parts are redundant in every cluster that could be; 2 of them can be removed at once\n"
        "\n"
        "the input has no pods, so only what is redundant in every cluster is listed\n"
    )


def test_nothing_is_redundant() -> None:
    result = run("-f", str(ROOT / "docs" / "examples" / "web-before.yaml"))
    assert result.exit_code == 0
    assert result.stdout.startswith("nothing is redundant in every cluster that could be\n")


def test_what_is_redundant_for_the_pods_of_the_input_comes_last(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    result = run("-f", "docs/examples/web-today.yaml")
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == (
        "nothing is redundant in every cluster that could be\n"
        "\n"
        "4 parts change nothing for the pods of the input (2 workloads), but may for pods to come; "
        "3 of them can be removed at once:\n"
        "shop/db  (docs/examples/web-today.yaml:31)\n"
        "    it selects no pod of the input\n"
        "shop/web spec.ingress[0].from[0]  (docs/examples/web-today.yaml:26)\n"
        "    covered by from[2] of the same rule  (docs/examples/web-today.yaml:28)\n"
        "shop/web spec.ingress[0].from[1]  (docs/examples/web-today.yaml:27)\n"
        "    it selects no pod of the input\n"
        "shop/web spec.ingress[0].from[2]  (docs/examples/web-today.yaml:28)\n"
        "    covered by from[0] of the same rule  (docs/examples/web-today.yaml:26)\n"
        "    keep it if the parts above are removed: they cover each other\n"
    )


def test_json_has_what_is_redundant_for_the_pods_of_the_input() -> None:
    found = json.loads(run("-f", str(ROOT / "docs" / "examples" / "web-today.yaml"), "-o", "json").stdout)[
        "redundantHere"
    ]
    assert found["workloads"] == 2
    assert [(one["part"], one["path"], one["removable"]) for one in found["parts"]] == [
        ("policy", "", True),
        ("peer", "spec.ingress[0].from[0]", True),
        ("peer", "spec.ingress[0].from[1]", True),
        ("peer", "spec.ingress[0].from[2]", False),
    ]
    assert [[cover["path"] for cover in one["coveredBy"]] for one in found["parts"]] == [
        [],
        ["spec.ingress[0].from[2]"],
        [],
        ["spec.ingress[0].from[0]"],
    ]
    assert found["undecided"] == []


def test_the_list_for_the_pods_of_the_input_may_lack_what_takes_too_long(monkeypatch: pytest.MonkeyPatch) -> None:
    for bound in ("_STEPS", "_STEPS_OF_A_POLICY"):
        monkeypatch.setattr(redundant_here, bound, 0)
    result = run("-f", str(ROOT / "docs" / "examples" / "web-today.yaml"))
    assert result.exit_code == 3
    assert "not decided: shop/" in result.stdout


def test_policies_that_are_not_read_may_need_what_is_listed(tmp_path: Path) -> None:
    (tmp_path / "all.yaml").write_text(f"{TWICE.read_text()}---\n{CALICO}")
    result = run("-f", str(tmp_path))
    assert result.exit_code == 3
    assert "? GlobalNetworkPolicy.projectcalico.org guard" in result.stdout
    assert "is not read: it may need what is listed\n" in result.stdout


def test_policies_that_are_not_read_may_cover_parts_where_nothing_is_listed() -> None:
    result = CliRunner().invoke(cli, ["redundant", "-f", "-"], input=CALICO)
    assert (result.exit_code, result.stdout.splitlines()[0]) == (
        3,
        "nothing is redundant in every cluster that could be",
    )
    assert "is not read: it may cover some parts\n" in result.stdout


def test_a_policy_without_its_last_egress_rule_may_not_be_for_egress(tmp_path: Path) -> None:
    (tmp_path / "implied.yaml").write_text(IMPLIED)
    (tmp_path / "written.yaml").write_text(IMPLIED.replace("  egress:", "  policyTypes: [Ingress, Egress]\n  egress:"))
    assert run("-f", str(tmp_path / "implied.yaml")).exit_code == 0
    assert "it matches nothing" in run("-f", str(tmp_path / "written.yaml")).stdout


def test_without_its_last_egress_rule_the_pods_of_a_policy_may_do_more(tmp_path: Path) -> None:
    to_none = IMPLIED.replace(", matchExpressions: [{key: app, operator: DoesNotExist}]", "")
    (tmp_path / "implied.yaml").write_text(f"{POD}---\n{to_none}")
    written = to_none.replace("  egress:", "  policyTypes: [Egress]\n  egress:")
    (tmp_path / "written.yaml").write_text(f"{POD}---\n{written}")
    found = [
        json.loads(run("-f", str(tmp_path / name), "-o", "json").stdout)["redundantHere"]["parts"]
        for name in ("implied.yaml", "written.yaml")
    ]
    assert [[one["path"] for one in parts] for parts in found] == [[], ["spec.egress[0]"]]


def test_of_the_egress_rules_that_make_a_policy_one_for_egress_the_last_stays(tmp_path: Path) -> None:
    file = tmp_path / "implied.yaml"
    file.write_text(IMPLIED + IMPLIED.splitlines(keepends=True)[-1])
    found = json.loads(run("-f", str(file), "-o", "json").stdout)["redundant"]
    assert [(one["path"], one["removable"]) for one in found] == [("spec.egress[0]", True), ("spec.egress[1]", False)]


def test_json_marks_what_can_be_removed_at_once() -> None:
    found = json.loads(run("-f", str(TWICE), "-o", "json").stdout)["redundant"]
    assert [(one["part"], one["removable"]) for one in found] == [("peer", True), ("peer", False), ("policy", True)]


def test_parts_that_are_not_decided_are_counted_by_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Thousands of them would hide what was decided."""
    monkeypatch.setattr(redundant_parts, "_STEPS_OF_ALL", 0)
    monkeypatch.setattr(redundant_parts, "_STEPS_OF_A_POLICY", 0)
    (tmp_path / "many.yaml").write_text("---\n".join(MANY.format(number=number) for number in range(30)))
    result = run("-f", str(tmp_path))
    assert result.exit_code == 3
    assert "of 60 it is not known" in result.stdout
    assert len(result.stdout.splitlines()) < 25
    assert "not decided: shop/p0  (" in result.stdout
    assert "remedy: give fewer policies at a time" in result.stdout
    listed = json.loads(run("-f", str(tmp_path), "-o", "json").stdout)["undecided"]
    assert len(listed) == 60
