"""Kustomizations, built by the real kubectl or kustomize."""

import shutil
from pathlib import Path

import pytest
from tests.sources.manifests.texts import names

from ringfence.errors import ManifestError
from ringfence.sources.manifests.kustomize import build_kustomization

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
