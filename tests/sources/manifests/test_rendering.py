"""Kustomizations and charts, rendered by the real kubectl, kustomize and helm."""

import shutil
from pathlib import Path

import pytest
from tests.sources.manifests.texts import names

from ringfence.errors import ManifestError
from ringfence.sources.manifests.rendering import build_kustomization, render_chart

needs_builder = pytest.mark.skipif(
    not (shutil.which("kubectl") or shutil.which("kustomize")), reason="neither kubectl nor kustomize is on PATH"
)


@needs_builder
def test_a_kustomization(tmp_path: Path) -> None:
    (tmp_path / "kustomization.yaml").write_text("namePrefix: prod-\nnamespace: shop\nresources: [pod.yaml]\n")
    (tmp_path / "pod.yaml").write_text("apiVersion: v1\nkind: Pod\nmetadata: {name: web}\nspec: {containers: []}\n")
    reading = build_kustomization(str(tmp_path))
    assert names(reading) == ["prod-web"]
    (manifest,) = reading.manifests
    assert manifest.object.metadata.namespace == "shop"
    assert str(manifest.origin.at()) == f"{tmp_path} (kustomize):1"


@needs_builder
def test_a_folder_without_a_kustomization(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match=r"failed: .*unable to find one of 'kustomization.yaml'") as error:
        build_kustomization(str(tmp_path))
    assert str(error.value).startswith(f"{tmp_path}: `ku")


def test_without_anything_to_build_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ManifestError, match=r"neither kubectl nor kustomize is on PATH .* install one of them"):
        build_kustomization("overlays/prod")


@pytest.mark.skipif(not shutil.which("helm"), reason="helm is not on PATH")
def test_a_chart(tmp_path: Path) -> None:
    (tmp_path / "templates").mkdir()
    (tmp_path / "Chart.yaml").write_text("apiVersion: v2\nname: web\nversion: 1.0.0\n")
    (tmp_path / "templates" / "pod.yaml").write_text(
        "apiVersion: v1\nkind: Pod\nmetadata: {name: {{ .Values.name }}, namespace: {{ .Release.Namespace }}}\n"
        "spec: {containers: []}\n"
    )
    for name in ("one", "two"):
        (tmp_path / f"{name}.yaml").write_text(f"name: {name}\n")
    reading = render_chart(str(tmp_path), [str(tmp_path / "one.yaml"), str(tmp_path / "two.yaml")], "shop")
    assert names(reading) == ["two"]
    (manifest,) = reading.manifests
    assert manifest.object.metadata.namespace == "shop"
    assert manifest.origin.file == f"{tmp_path} (helm)"
    (tmp_path / "templates" / "pod.yaml").write_text("{{ fail .Values.name }}")
    with pytest.raises(ManifestError, match="`helm template` failed: "):
        render_chart(str(tmp_path))


def test_without_helm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ManifestError, match="charts/web: helm is not on PATH to render this chart: install it"):
        render_chart("charts/web")
