"""Fixes of problems: each mends its problem, whether the manifest is YAML or JSON, and changes nothing else."""

import json
from pathlib import Path

import pytest
import yaml

from ringfence import Cluster
from ringfence.model.problems import Problem
from ringfence.model.text_edits import apply_edits

POLICY = """\
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: a, namespace: x}
spec:
  podSelector:
    matchExpressions:
    - {key: app, operator: In, values: [web]}  # “web”
  policyTypes: [Ingress]
  ingress:
  - from:
    - ipBlock: {cidr: 10.0.0.0/8}
    ports:
    - protocol: TCP
      port: 80
"""

MISTAKES = [
    pytest.param("networking.k8s.io/v1", "extensions/v1beta1", "removed-version", id="a removed version"),
    pytest.param("networking.k8s.io/v1", "v1", "unknown-version", id="a version without this kind"),
    pytest.param("podSelector:", "podselector:", "unknown-field", id="a field in another case"),
    pytest.param("from:", "form:", "unknown-field", id="a misspelt field"),
    pytest.param("protocol: TCP", "protocol: tcp", "unsupported-value", id="a protocol in another case"),
    pytest.param("[Ingress]", "[ingress]", "unsupported-value", id="a policy type in another case"),
    pytest.param("operator: In", "operator: IN", "invalid-value", id="an operator in another case"),
    pytest.param("port: 80", 'port: "80"', "invalid-value", id="a port in quotes"),
    pytest.param("10.0.0.0/8", "010.0.0.0/8", "invalid-value", id="a leading zero"),
    pytest.param("10.0.0.0/8", '"::ffff:10.0.0.0/104"', "invalid-value", id="an IPv4-mapped address"),
]


def problems(file: Path) -> list[Problem]:
    return Cluster.load(file).problems


@pytest.mark.parametrize(("right", "wrong", "code"), MISTAKES)
@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_in_yaml_the_text_is_right_again(tmp_path: Path, right: str, wrong: str, code: str, ending: str) -> None:
    file = tmp_path / "f.yaml"
    text = POLICY.replace(right, wrong).replace("\n", ending)
    file.write_bytes(text.encode())
    (problem,) = problems(file)
    assert problem.code == code
    assert problem.fix is not None
    fixed = apply_edits(text, [problem.fix])
    assert fixed.replace('"', "") == POLICY.replace("\n", ending)
    file.write_bytes(fixed.encode())
    assert problems(file) == []


@pytest.mark.parametrize(("right", "wrong", "code"), MISTAKES)
@pytest.mark.parametrize("indent", [None, 2])
def test_in_json_the_value_is_right_again(
    tmp_path: Path, right: str, wrong: str, code: str, indent: int | None
) -> None:
    file = tmp_path / "f.json"
    listed = [
        {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a", "annotations": {"a": "ä"}}},
        yaml.safe_load(POLICY.replace(right, wrong)),
    ]
    text = json.dumps({"apiVersion": "v1", "kind": "List", "items": listed}, indent=indent, ensure_ascii=False)
    file.write_text(text)
    (problem,) = problems(file)
    assert problem.code == code
    assert problem.fix is not None
    assert json.loads(apply_edits(text, [problem.fix]))["items"][1] == yaml.safe_load(POLICY)


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        pytest.param("policyTypes: [Ingress]", "policyTypes: Ingress", id="a text for a list"),
        pytest.param("podSelector:\n", "podSelector: {matchLabels: {app: 12}}\n", id="a number for a text"),
        pytest.param("podSelector:\n", "podSelector:\n    matchLabels:\n      app:web\n", id="no space after a colon"),
        pytest.param("port: 80", 'port: 80\n      endPort: "90"', id="a text for a number"),
    ],
)
def test_a_wrong_type_is_corrected(tmp_path: Path, right: str, wrong: str) -> None:
    file = tmp_path / "f.yaml"
    text = POLICY.replace("    matchExpressions:\n    - {key: app, operator: In, values: [web]}  # “web”\n", "")
    text = text.replace(right, wrong)
    file.write_text(text)
    (problem,) = problems(file)
    assert problem.code == "wrong-type"
    assert problem.fix is not None
    file.write_text(apply_edits(text, [problem.fix]))
    assert problems(file) == []


@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param(("10.0.0.0/8", "10.0.0.5/8"), id="an address or a network may be meant"),
        pytest.param(("port: 80", 'port: "8080-8090"'), id="a range is two fields"),
        pytest.param(("port: 80", 'port: "99999"'), id="a number that is not a valid port"),
        pytest.param(("protocol: TCP", "protocol: HTTP"), id="another protocol"),
        pytest.param(("protocol: TCP", 'protocol: "t\\x63p"'), id="escapes"),
        pytest.param(("protocol: TCP", "protocol: &p tcp"), id="an anchor, which others may use"),
        pytest.param(("[Ingress]", "'Ingress'"), id="a text in quotes for a list"),
        pytest.param(("    - protocol: TCP\n      port: 80", "      http"), id="a text for a list of objects"),
    ],
)
def test_what_is_not_clear_has_no_fix(tmp_path: Path, wrong: tuple[str, str]) -> None:
    file = tmp_path / "f.yaml"
    file.write_text(POLICY.replace(*wrong))
    (problem,) = problems(file)
    assert problem.fix is None


def test_what_an_alias_shares_has_no_fix(tmp_path: Path) -> None:
    file = tmp_path / "f.yaml"
    text = POLICY.replace("    - protocol: TCP\n      port: 80\n", "    - &p {protocol: tcp, port: 80}\n    - *p\n")
    file.write_text(text)
    first, second = problems(file)
    assert first.fix is not None
    assert second.fix is None


def test_a_value_of_another_type_is_mended_in_a_custom_resource(tmp_path: Path) -> None:
    file = tmp_path / "f.yaml"
    text = (
        "apiVersion: policy.networking.k8s.io/v1alpha1\nkind: AdminNetworkPolicy\nmetadata: {name: a}\n"
        "spec: {priority: 'WRONG', subject: {namespaces: {}}}\n"
    )
    file.write_text(text.replace("WRONG", "5"))
    (problem,) = problems(file)
    assert problem.fix is not None
    assert apply_edits(file.read_text(), [problem.fix]) == text.replace("'WRONG'", "5")
