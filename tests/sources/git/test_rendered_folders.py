"""Kustomizations and charts of revisions: rendered by the real kubectl and helm from a folder that is removed."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from tests.analysis.differences.clusters import DB
from tests.sources.git.test_manifests_of_revisions import link
from tests.sources.git_repositories import GitRepository
from tests.sources.manifests.texts import names

from ringfence.errors import ManifestError
from ringfence.sources.git import RenderedFolder, Renderer, Repository, read_rendered, rendered_folder
from ringfence.sources.loaded_objects import LoadedObjects

pytestmark = pytest.mark.skipif(not shutil.which("kubectl"), reason="kubectl is not on PATH")
needs_helm = pytest.mark.skipif(not shutil.which("helm"), reason="helm is not on PATH")

BASE = "resources: [db.yaml]\n"
OVERLAY = "namePrefix: prod-\nresources: [../../base]\n"


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> GitRepository:
    """A repository with a base, an overlay and a chart; temporary files are in `tmp` beside it."""
    folder, temporary = tmp_path / "repository", tmp_path / "tmp"
    folder.mkdir()
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    made = GitRepository(folder)
    monkeypatch.chdir(folder)
    made.write("k8s/base/kustomization.yaml", BASE)
    made.write("k8s/base/db.yaml", DB)
    made.write("k8s/overlays/prod/kustomization.yaml", OVERLAY)
    made.write("k8s/unrelated.yaml", DB)
    made.write("chart/Chart.yaml", "apiVersion: v2\nname: db\nversion: 1.0.0\n")
    made.write("chart/values.yaml", "port: 3306\n")
    made.write(
        "chart/templates/db.yaml", DB.replace("3306", "{{ .Values.port }}").replace("prod", "{{ .Release.Namespace }}")
    )
    made.write("prod.yaml", "port: 5432\n")
    made.commit()
    return made


def folder_of(
    revision: str | None, folder: str, renderer: Renderer = Renderer.KUSTOMIZE, *values: str
) -> RenderedFolder:
    return rendered_folder(Repository(), revision, renderer, folder, values)


def built(revision: str | None, folder: str, renderer: Renderer = Renderer.KUSTOMIZE, *values: str) -> LoadedObjects:
    return read_rendered(Repository(), revision, folder_of(revision, folder, renderer, *values), "apps")


def test_an_overlay_is_built_from_the_folders_that_it_needs(repository: GitRepository, tmp_path: Path) -> None:
    repository.write("k8s/base/db.yaml", "")  # of the working tree, and of no interest
    found = built("HEAD", "k8s/overlays/prod/")
    assert names(found) == ["prod-db"]
    assert str(found.manifests[0].origin.at()) == "HEAD:k8s/overlays/prod (kustomize):1"
    assert [entry.path for entry in folder_of("HEAD", "k8s/overlays/prod").entries] == [
        "k8s/base/db.yaml",
        "k8s/base/kustomization.yaml",
        "k8s/overlays/prod/kustomization.yaml",
    ]
    assert list((tmp_path / "tmp").iterdir()) == []


def test_folders_are_named_from_the_working_directory(
    repository: GitRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(repository.folder / "k8s" / "overlays")
    assert folder_of("HEAD", "prod") == folder_of("HEAD", str(repository.folder / "k8s/overlays/prod"))
    assert names(built("HEAD", "../base")) == ["db"]


def test_the_index_is_built_as_it_is_added(repository: GitRepository) -> None:
    repository.write("k8s/overlays/prod/kustomization.yaml", OVERLAY.replace("prod-", "new-"))
    repository("add", "k8s")
    repository.write("k8s/overlays/prod/kustomization.yaml", "")
    assert names(built(None, "k8s/overlays/prod")) == ["new-db"]


def test_folders_whose_needed_files_are_the_same_are_equal(repository: GitRepository) -> None:
    repository.write("k8s/unrelated.yaml", "")
    repository.commit()
    assert folder_of("HEAD~1", "k8s/overlays/prod") == folder_of("HEAD", "k8s/overlays/prod")
    repository.write("k8s/base/db.yaml", DB.replace("3306", "3307"))
    repository.commit()
    assert folder_of("HEAD~1", "k8s/overlays/prod") != folder_of("HEAD", "k8s/overlays/prod")


@needs_helm
def test_a_chart_is_rendered_with_values_and_a_namespace(repository: GitRepository, tmp_path: Path) -> None:
    found = built("HEAD", "chart", Renderer.HELM, "prod.yaml")
    (policy,) = found.manifests
    assert policy.object.metadata.namespace == "apps"
    assert policy.object.spec.ingress[0].ports[0].port == 5432  # type: ignore[union-attr]
    assert policy.origin.file == "HEAD:chart (helm)"
    assert list((tmp_path / "tmp").iterdir()) == []


@needs_helm
def test_what_a_program_says_names_files_as_in_the_revision(repository: GitRepository) -> None:
    repository.write("chart/templates/db.yaml", "{{ fail .Chart.Name }}")
    repository.write("k8s/base/kustomization.yaml", "resources: [db.yaml]\nnonsense: [1]\n")
    repository.commit()
    with pytest.raises(ManifestError, match=r"^HEAD:chart: `helm template` failed: .*db/templates/db.yaml"):
        built("HEAD", "chart", Renderer.HELM)
    with pytest.raises(
        ManifestError, match=r"(?s)^HEAD:k8s/overlays/prod: `kubectl kustomize` failed: .*nonsense"
    ) as said:
        built("HEAD", "k8s/overlays/prod")
    assert "HEAD:k8s/base" in str(said.value)
    assert "/tmp/" not in str(said.value)


@pytest.mark.parametrize(
    ("kustomization", "message"),
    [
        pytest.param("resources: [../../../../outside]", "leads out of the repository", id="out of the repository"),
        pytest.param("resources: [/etc]", "leads out of the repository", id="an absolute path"),
        pytest.param("resources: [https://example.org/x.yaml]", "is elsewhere, and nothing", id="a URL"),
        pytest.param('resources: ["http\\u003A//example.org/x"]', "is elsewhere, and nothing", id="a URL in disguise"),
        pytest.param("resources: [github.com/example/x?ref=1]", "is not in the revision", id="another repository"),
        pytest.param("components: ['git@example.org:x.git']", "is not in the revision", id="another repository by ssh"),
        pytest.param("patches: [{path: 'http://127.0.0.1/x'}]", "is elsewhere", id="a patch at a URL"),
        pytest.param("configMapGenerator: [{files: ['a=http://x/y']}]", "is elsewhere", id="a file at a URL"),
        pytest.param("transformers: ['{kind: P, path: \"http://x\"}\n\n']", "is elsewhere", id="a plugin with a URL"),
        pytest.param("generators: [../plugin.yaml]", "is elsewhere", id="a plugin in a file with a URL"),
        pytest.param("resources: {", "not YAML", id="not YAML"),
    ],
)
def test_nothing_outside_of_the_revision_is_built(repository: GitRepository, kustomization: str, message: str) -> None:
    repository.write("k8s/hostile/kustomization.yaml", kustomization)
    repository.write("k8s/plugin.yaml", "{kind: ConfigMapGenerator, files: ['http://127.0.0.1:1/']}")
    repository.commit()
    with pytest.raises(ManifestError, match=message):
        folder_of("HEAD", "k8s/hostile")


def test_a_folder_that_is_called_like_a_repository_is_not_fetched(repository: GitRepository) -> None:
    repository.write("k8s/hostile/kustomization.yaml", "resources: [github.com/example/x]")
    repository.write("k8s/hostile/github.com/example/x/kustomization.yaml", "")
    repository.commit()
    with pytest.raises(ManifestError, match="no 'git' program on path"):
        built("HEAD", "k8s/hostile")


@pytest.mark.parametrize("target", ["/etc/passwd", "../../../outside", "../base"])
def test_links_are_not_followed_out_of_the_revision(repository: GitRepository, target: str) -> None:
    link(repository, "k8s/base/link", target)
    with pytest.raises(ManifestError, match="HEAD:k8s/base/link: a symbolic link"):
        built("HEAD", "k8s/base")


def test_a_link_to_a_file_is_written_as_that_file(repository: GitRepository) -> None:
    link(repository, "k8s/base/linked.yaml", "../unrelated.yaml")
    repository.write("k8s/unrelated.yaml", DB.replace("name: db", "name: linked"))
    repository.write("k8s/base/kustomization.yaml", "resources: [db.yaml, linked.yaml]")
    repository("add", "k8s/unrelated.yaml", "k8s/base/kustomization.yaml")
    assert names(built(None, "k8s/base")) == ["db", "linked"]


def test_no_filter_and_no_attribute_of_the_repository_counts(repository: GitRepository, tmp_path: Path) -> None:
    program = tmp_path / "program"
    program.write_text(f"#!/bin/sh\ntouch {tmp_path}/was-run\ncat\n")
    program.chmod(0o755)
    repository.write(".gitattributes", "*.yaml filter=f export-ignore\n")
    repository.commit()
    repository("config", "filter.f.smudge", str(program))
    assert names(built("HEAD", "k8s/base")) == ["db"]
    assert not (tmp_path / "was-run").exists()


@pytest.mark.parametrize("name", ["..", ".git", ".GIT"])
def test_a_name_that_git_does_not_give_is_not_written(repository: GitRepository, name: str) -> None:
    content = repository("rev-parse", "HEAD:k8s/base/db.yaml").strip()
    inner = made_tree(repository, f"100644 blob {content}\t{name}")
    top = made_tree(repository, f"100644 blob {content}\tkustomization.yaml", f"040000 tree {inner}\tx")
    commit = repository("commit-tree", "-m", "hostile", top).strip()
    with pytest.raises(ManifestError, match="not a name that git gives to a file"):
        built(commit, ".")


def made_tree(repository: GitRepository, *lines: str) -> str:
    """A tree of any entries: `git mktree` refuses none."""
    text = "".join(f"{line}\n" for line in lines)
    command = ["git", "mktree"]
    made = subprocess.run(command, cwd=repository.folder, input=text, capture_output=True, text=True, check=True)
    return made.stdout.strip()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_the_folder_is_removed_when_a_signal_ends_the_program(tmp_path: Path, number: signal.Signals) -> None:
    program = (
        "import time; from ringfence.temporary_folders import temporary_folder\n"
        "with temporary_folder() as folder: (folder / 'x').touch(); print('in it', flush=True); time.sleep(60)\n"
    )
    # Not measured by coverage: its own handler of SIGTERM is one that is left as it is.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}
    environment["TMPDIR"] = str(tmp_path)
    with subprocess.Popen(
        [sys.executable, "-c", program], env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as child:
        assert child.stdout is not None
        child.stdout.readline()
        assert len(list(tmp_path.iterdir())) == 1
        child.send_signal(number)
        assert child.wait() in (-number, 130)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("values", "message"), [("gone.yaml", '"gone.yaml" is not a file in HEAD'), ("k8s", '"k8s" is')]
)
def test_values_that_are_not_a_file_of_the_revision_are_an_error(
    repository: GitRepository, values: str, message: str
) -> None:
    with pytest.raises(ManifestError, match=f"the path {message}"):
        folder_of("HEAD", "chart", Renderer.HELM, values)
