"""Manifests of revisions: read from the objects of real repositories, of which some are hostile."""

import os
import random
from pathlib import Path
from string import ascii_letters

import pytest
from tests.analysis.differences.clusters import DB
from tests.sources.git_repositories import GitRepository

from ringfence.cluster import Cluster
from ringfence.errors import InputError, ManifestError

WEB = DB.replace("{name: db,", "{name: web,")


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> GitRepository:
    """A repository with one policy in k8s/, as the working directory."""
    made = GitRepository(tmp_path)
    monkeypatch.chdir(tmp_path)
    made.write("k8s/db.yaml", DB)
    made.commit()
    return made


def names(cluster: Cluster) -> list[str]:
    return sorted(policy.metadata.name for policy in cluster.policies())


def test_a_revision_is_read_as_it_was_committed(repository: GitRepository) -> None:
    repository.write("k8s/db.yaml", WEB)
    assert names(Cluster.of_revision("HEAD", "k8s")) == ["db"]
    assert names(Cluster.load("k8s")) == ["web"]


def test_the_index_is_what_was_added(repository: GitRepository) -> None:
    repository.write("k8s/db.yaml", WEB)
    repository("add", "k8s/db.yaml")
    repository.write("k8s/db.yaml", "")
    assert names(Cluster.of_revision(None, "k8s")) == ["web"]


def test_places_are_those_of_the_revision(repository: GitRepository) -> None:
    repository.write("k8s/db.yaml", DB.replace("3306", "99999"))
    repository.commit()
    (problem,) = Cluster.of_revision("HEAD", "k8s/").problems
    assert str(problem.place).startswith("HEAD:k8s/db.yaml:11")


@pytest.mark.parametrize(
    ("paths", "recursive", "exclude", "found"),
    [
        pytest.param(["k8s"], False, [], ["db"], id="a folder"),
        pytest.param(["k8s"], True, [], ["db", "web"], id="a folder and its folders, hidden ones excepted"),
        pytest.param(["."], True, ["deep"], ["db"], id="a folder that a pattern leaves out"),
        pytest.param(["k8s/deep/web.yaml"], False, [], ["web"], id="a file"),
        pytest.param(["k8s/notes.txt"], False, [], ["web"], id="a file of any name"),
        pytest.param(["k8s/../k8s/deep"], False, [], ["web"], id="a path that is not normal"),
    ],
)
def test_paths_choose_files_as_in_the_working_tree(
    repository: GitRepository, paths: list[str], recursive: bool, exclude: list[str], found: list[str]
) -> None:
    for path in ("k8s/deep/web.yaml", "k8s/.hidden/web.yaml", "k8s/notes.txt"):
        repository.write(path, WEB)
    repository.commit()
    assert names(Cluster.of_revision("main", *paths, recursive=recursive, exclude=exclude)) == found
    assert names(Cluster.load(*paths, recursive=recursive, exclude=exclude)) == found


def test_paths_are_relative_to_the_working_directory(
    repository: GitRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository.write("other/web.yaml", WEB)
    repository.commit()
    monkeypatch.chdir(repository.folder / "other")
    assert names(Cluster.of_revision("HEAD", ".", "../k8s")) == ["db", "web"]
    assert names(Cluster.of_revision("HEAD", str(repository.folder / "k8s"))) == ["db"]


def test_nothing_that_the_repository_configures_is_run(repository: GitRepository, tmp_path: Path) -> None:
    program = tmp_path / "program"
    program.write_text(f"#!/bin/sh\ntouch {tmp_path}/was-run\ncat\n")
    program.chmod(0o755)
    repository.write(".gitattributes", "*.yaml filter=f diff=f export-ignore\n")
    repository.commit()
    for key in ("filter.f.smudge", "filter.f.clean", "diff.f.textconv", "core.fsmonitor", "core.pager"):
        repository("config", key, str(program))
    assert names(Cluster.of_revision("HEAD", "k8s")) == ["db"]
    assert names(Cluster.of_revision(None, "k8s")) == ["db"]
    assert not (tmp_path / "was-run").exists()


def test_what_is_not_read_is_an_error(repository: GitRepository) -> None:
    repository.write("k8s/large.yaml", "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n")
    inner = GitRepository(_made(repository.folder / "k8s" / "module"))
    inner.write("web.yaml", WEB)
    inner.commit()
    repository.commit()
    cluster = Cluster.of_revision("HEAD", "k8s")
    assert names(cluster) == ["db"]
    assert sorted((one.place.file, one.message) for one in cluster.problems) == [
        ("HEAD:k8s/large.yaml", "Git LFS keeps its content elsewhere: this is a pointer to it"),
        ("HEAD:k8s/module", "a submodule: its files are in another repository"),
    ]
    assert not Cluster.of_revision("HEAD", "k8s", recursive=False, exclude=["large.yaml"]).problems


@pytest.mark.parametrize(
    ("target", "message"),
    [
        pytest.param("/etc/passwd", "that leads out of the repository", id="an absolute path"),
        pytest.param("../../../../etc/passwd", "that leads out of the repository", id="out of the repository"),
        pytest.param("nowhere.yaml", "to k8s/nowhere.yaml, which is not there", id="nowhere"),
        pytest.param("link.yaml", "that leads back to itself", id="itself"),
        pytest.param("x" * 5000, "that leads out of the repository", id="a path that is too long"),
    ],
)
def test_a_link_that_leads_nowhere_is_an_error(repository: GitRepository, target: str, message: str) -> None:
    link(repository, "k8s/link.yaml", target)
    cluster = Cluster.of_revision("HEAD", "k8s")
    assert names(cluster) == ["db"]
    assert [one.message for one in cluster.problems] == [f"a symbolic link {message}"]


def link(repository: GitRepository, path: str, target: str) -> None:
    """Commit a link without creating it on disk, which may be impossible."""
    target_file = repository.folder / "target"
    target_file.write_text(target)
    content = repository("hash-object", "-w", "target").strip()
    target_file.unlink()
    repository("update-index", "--add", "--cacheinfo", f"120000,{content},{path}")
    repository("commit", "-q", "-m", "link")


def test_a_link_inside_the_repository_is_what_it_leads_to(repository: GitRepository) -> None:
    repository.write("other/web.yaml", WEB)
    repository.commit()
    link(repository, "k8s/one.yaml", "two.yaml")
    link(repository, "k8s/two.yaml", "../other/web.yaml")
    cluster = Cluster.of_revision("HEAD", "k8s")
    assert names(cluster) == ["db", "web"]
    assert not [one for one in cluster.problems if one.code != "duplicate-object"]
    assert names(Cluster.of_revision(None, "k8s")) == ["db", "web"]


def test_a_link_to_a_folder_is_not_followed(repository: GitRepository) -> None:
    repository.write("other/web.yaml", WEB)
    repository.commit()
    link(repository, "k8s/linked.yaml", "../other")
    cluster = Cluster.of_revision("HEAD", "k8s")
    assert (names(cluster), cluster.problems) == (["db"], [])
    (problem,) = Cluster.of_revision("HEAD", "k8s/linked.yaml").problems
    assert problem.message == "a symbolic link to a folder: not followed"


def test_revisions_with_the_same_files_are_the_same_whatever_else_they_have(repository: GitRepository) -> None:
    repository.write("README.md", "changed")
    repository.commit()
    assert Cluster.same_in_revisions("HEAD~1", "HEAD", "k8s")
    assert Cluster.same_in_revisions("HEAD", None, "k8s")
    repository.write("other/web.yaml", WEB)
    repository.commit()
    link(repository, "k8s/link.yaml", "../other/web.yaml")
    repository.write("other/web.yaml", DB)
    repository("add", "other")
    assert not Cluster.same_in_revisions("HEAD~1", "HEAD", "k8s")
    assert not Cluster.same_in_revisions("HEAD", None, "k8s")  # what the link leads to has changed


def test_the_templates_of_a_chart_are_one_error(repository: GitRepository) -> None:
    repository.write("k8s/chart/Chart.yaml", "name: x")
    for name in ("a", "b"):
        repository.write(f"k8s/chart/templates/{name}.yaml", "a: {{ .Values.a }}\nb: }\n")
    repository.commit()
    (problem,) = Cluster.of_revision("HEAD", "k8s").problems
    assert str(problem.place) == "HEAD:k8s/chart/Chart.yaml:1"
    assert (problem.message.rpartition(": ")[2], problem.remedy) == (
        "2 files are templates and not read",
        "compare what it renders: --chart k8s/chart",
    )


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


def test_names_of_files_that_are_not_utf8_are_read(repository: GitRepository) -> None:
    Path(os.fsdecode(b"k8s/\xff\n.yaml")).write_text(WEB)
    repository.commit()
    assert names(Cluster.of_revision("HEAD", "k8s")) == ["db", "web"]


def test_a_replacement_of_an_object_is_not_what_was_committed(repository: GitRepository) -> None:
    before = repository("rev-parse", "HEAD:k8s/db.yaml").strip()
    repository.write("other.yaml", WEB)
    repository("replace", before, repository("hash-object", "-w", "other.yaml").strip())
    assert names(Cluster.of_revision("HEAD", "k8s")) == ["db"]


@pytest.mark.parametrize(
    "revision", ["nowhere", "--upload-pack=x", "HEAD:../..", "HEAD:k8s", "", "a\0b", "-", "@{-99}"]
)
def test_a_text_that_is_no_revision_is_refused(repository: GitRepository, revision: str) -> None:
    with pytest.raises(InputError):
        Cluster.of_revision(revision, "k8s")


def test_a_path_that_a_revision_does_not_have_is_refused(repository: GitRepository) -> None:
    with pytest.raises(ManifestError, match='the path "k9s" has no file in HEAD'):
        Cluster.of_revision("HEAD", "k9s")


def test_a_file_that_is_not_merged_is_refused(repository: GitRepository) -> None:
    repository("checkout", "-q", "-b", "side")
    repository.write("k8s/db.yaml", WEB)
    repository.commit()
    repository("checkout", "-q", "main")
    repository.write("k8s/db.yaml", "")
    repository.commit()
    with pytest.raises(Exception, match="merge"):
        repository("merge", "-q", "side")
    with pytest.raises(InputError, match="not merged"):
        Cluster.of_revision(None, "k8s")


@pytest.mark.parametrize("kept", [0, 40, 0.5], ids="{} of it is left".format)
def test_a_damaged_object_is_an_error(repository: GitRepository, kept: float) -> None:
    letters = "".join(random.Random(1).choices(ascii_letters, k=1 << 17))  # too many to be compressed to a few bytes
    repository.write("k8s/db.yaml", f"{DB}# {letters}\n")
    repository.commit()
    found = repository("rev-parse", "HEAD:k8s/db.yaml").strip()
    file = repository.folder / ".git" / "objects" / found[:2] / found[2:]
    file.chmod(0o644)
    content = file.read_bytes()
    file.write_bytes(content[: int(kept if kept >= 1 else kept * len(content))])
    try:  # git ends where the content is damaged, and calls an object missing whose first bytes are
        said = [one.remedy for one in Cluster.of_revision("HEAD", "k8s").problems]
    except ManifestError as error:
        said = [str(error)]
    assert [text for text in said if "`git fsck` names" in text] == said != []


def test_an_object_that_is_missing_is_an_error(repository: GitRepository) -> None:
    found = repository("rev-parse", "HEAD:k8s/db.yaml").strip()
    (repository.folder / ".git" / "objects" / found[:2] / found[2:]).unlink()
    (problem,) = Cluster.of_revision("HEAD", "k8s").problems
    assert problem.message == "its content is missing in this repository, or damaged"


def test_without_git_a_revision_cannot_be_read(repository: GitRepository, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(ManifestError, match="git is not on PATH"):
        Cluster.of_revision("HEAD", "k8s")


def test_a_folder_without_a_repository_is_named_with_a_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match="not in a git repository: change to one"):
        Cluster.of_revision("HEAD", ".")
