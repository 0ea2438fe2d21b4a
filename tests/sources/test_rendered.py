"""The files that rendered manifests say they were made of."""

import json
from pathlib import Path
from textwrap import indent

import pytest
from click.testing import CliRunner
from tests.render.json_shapes import fits, schema, strict

from ringfence import Cluster
from ringfence.cli import cli
from ringfence.lint import LintFindings
from ringfence.model.objects import Manifest
from ringfence.render.lint_findings import findings_annotations, findings_json, findings_text
from ringfence.sources.manifests import FileContents
from ringfence.sources.manifests.content import parse_yaml, read_content
from ringfence.sources.rendered import template_of
from ringfence.sources.shared_documents import SharedDocuments

POLICY = """\
---
# Source: shop/templates/{name}.yaml
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {{name: {name}, namespace: shop}}
spec: {{podSelector: {{}}, policyTypes: [Egress], ingress: [{{}}]}}
"""


KUSTOMIZED = """\
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: db
  annotations:
    config.kubernetes.io/origin: |
{origin}
spec: {{podSelector: {{}}}}
"""


@pytest.mark.parametrize(
    ("origin", "file", "source"),
    [
        ("path: ../base/db.yaml", "overlays/prod (kustomize)", "overlays/base/db.yaml"),
        ("path: base/db.yaml", "built/all.yaml", "built/base/db.yaml"),
        ("path: db.yaml\nrepo: https://example.org/x\nref: v1", "overlays (kustomize)", ""),
        ("configuredIn: kustomization.yaml", "overlays (kustomize)", ""),
    ],
)
def test_the_annotation_of_kustomize_names_a_file_relative_to_the_kustomization(
    origin: str, file: str, source: str
) -> None:
    text = KUSTOMIZED.format(origin=indent(origin, " " * 6))
    for content in (text, json.dumps(parse_yaml(text)[0])):
        (found,) = read_content(content.encode(), file)
        assert isinstance(found, Manifest)
        assert found.origin.at("spec").rendered_from == source


@pytest.mark.parametrize(
    ("document", "template"),
    [
        ("---\n# Source: shop/templates/db.yaml\nkind: A\n", "shop/templates/db.yaml"),
        ("# a licence\n\n# Source: a/b.yaml\r\nkind: A\r\n", "a/b.yaml"),
        ("kind: A\ntext: |\n  x\n# Source: a/b.yaml\n", ""),
        ("kind: A\ntext: |\n# Source: a/b.yaml\n", ""),
        ("#Source: a/b.yaml\nkind: A\n", ""),
    ],
)
def test_the_comment_of_helm_counts_above_the_object(document: str, template: str) -> None:
    assert template_of(document.encode()) == template


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
    rendered_from = [one.place.rendered_from for one in lint(file).found]
    assert rendered_from == ["shop/templates/db.yaml", "shop/templates/gone.yaml", ""]
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


CHART = """\
---
# Source: shop/templates/db.yaml
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: db, namespace: shop}
spec:
  podSelector: {matchLabels: {app: db}}
  ingress: [{ports: [{port: 5432}]}]
---
# Source: shop/templates/pods.yaml
apiVersion: v1
kind: Pod
metadata: {name: db, namespace: shop, labels: {app: db}}
spec: {containers: [{name: c, image: i}]}
---
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop, labels: {app: web}}
spec: {containers: [{name: c, image: i}]}
"""


def printed(*words: str) -> str:
    result = CliRunner().invoke(cli, words)
    assert result.exit_code in (0, 1, 2), result.output
    return result.output


def test_every_command_names_the_template(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a.yaml").write_text(CHART)
    Path("b.yaml").write_text(CHART.replace("5432", "5433"))
    Path("broken.yaml").write_text(CHART.replace("5432", "99999"))
    template = "shop/templates/db.yaml"

    lines = printed("validate", "-f", "broken.yaml").splitlines()
    assert lines[0].startswith("broken.yaml:8: error: ")
    assert f"  rendered from: {template}" in lines
    refused = json.loads(printed("validate", "-f", "broken.yaml", "-o", "json"))
    assert fits(refused, strict(schema("validate")))
    assert refused["problems"][0]["renderedFrom"] == template

    asked = ("explain", "shop/web", "shop/db", "-p", "5432", "-f", "a.yaml")
    assert f"(a.yaml:8, from {template})" in printed(*asked)
    explained = json.loads(printed(*asked, "-o", "json"))
    assert fits(explained, strict(schema("explain")))
    assert explained["ingress"]["policies"][0]["renderedFrom"] == template

    assert f"(b.yaml:8, from {template})" in printed("diff", "a.yaml", "b.yaml")
    changed = json.loads(printed("diff", "a.yaml", "b.yaml", "-o", "json"))
    assert fits(changed, strict(schema("diff")))
    assert {cause["renderedFrom"] for row in changed["changes"] for cause in row["causes"]} == {template}


def test_the_template_is_kept_when_documents_are_shared_between_revisions(tmp_path: Path) -> None:
    shared = SharedDocuments()
    for file in ("a.yaml", "b.yaml"):
        text = ("# moved\n" if file == "b.yaml" else "") + CHART
        found = [one for one in read_content(text.encode(), file, shared=shared) if isinstance(one, Manifest)]
        assert [one.origin.rendered_from for one in found] == [
            "shop/templates/db.yaml",
            "shop/templates/pods.yaml",
            "",
        ]
