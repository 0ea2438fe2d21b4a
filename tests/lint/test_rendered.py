"""The files that rendered manifests say they were made of."""

import json
from pathlib import Path

import pytest

from ringfence import Cluster
from ringfence.lint import LintFindings
from ringfence.lint.rendered import kustomize_source
from ringfence.model.origin import Place
from ringfence.render.lint_findings import findings_annotations, findings_json, findings_text
from ringfence.sources.manifests import FileContents

POLICY = """\
---
# Source: shop/templates/{name}.yaml
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {{name: {name}, namespace: shop}}
spec: {{podSelector: {{}}, policyTypes: [Egress], ingress: [{{}}]}}
"""


@pytest.mark.parametrize(
    ("origin", "file", "source"),
    [
        ("path: ../base/db.yaml\n", "overlays/prod (kustomize)", "overlays/base/db.yaml"),
        ("path: base/db.yaml\n", "built/all.yaml", "built/base/db.yaml"),
        ("path: db.yaml\nrepo: https://example.org/x\nref: v1\n", "overlays (kustomize)", ""),
        ("configuredIn: kustomization.yaml\n", "overlays (kustomize)", ""),
    ],
)
def test_the_annotation_of_kustomize_names_a_file_relative_to_the_kustomization(
    origin: str, file: str, source: str
) -> None:
    assert kustomize_source({"config.kubernetes.io/origin": origin}, Place(file, 3)) == source


def lint(file: Path) -> LintFindings:
    return Cluster.load(file.name, contents=FileContents()).lint(select=["RF104"])


def test_the_comment_of_helm_names_the_template_of_its_document(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    file, templates = tmp_path / "all.yaml", tmp_path / "shop" / "templates"
    templates.mkdir(parents=True)
    (templates / "db.yaml").touch()
    other = POLICY.format(name="other").replace("# Source: shop/templates/other.yaml\n", "")
    file.write_text(POLICY.format(name="db") + POLICY.format(name="gone") + other)
    assert [one.source for one in lint(file).found] == ["shop/templates/db.yaml", "shop/templates/gone.yaml", ""]
    shown = findings_text(lint(file), lambda name, line: None).splitlines()
    assert [line for line in shown if "rendered" in line] == [
        "  rendered from: shop/templates/db.yaml",
        "  rendered from: shop/templates/gone.yaml",
    ]
    found = json.loads(findings_json(lint(file)))["findings"]
    assert [one.get("renderedFrom") for one in found] == ["shop/templates/db.yaml", "shop/templates/gone.yaml", None]
    annotations = findings_annotations(lint(file)).splitlines()
    assert ["file=shop/templates/db.yaml," in annotations[0], "line=" in annotations[0]] == [True, False]
    assert all("file=all.yaml,line=" in one for one in annotations[1:])
