"""Repositories that are not as usual: shallow, bare, with several working trees, of another user, hostile."""

from contextlib import suppress
from pathlib import Path

import pytest
from tests.analysis.differences.clusters import DB
from tests.sources.git_repositories import GitRepository

from ringfence.cluster import Cluster
from ringfence.errors import InputError, ManifestError
from ringfence.sources.git import merge_base
from ringfence.sources.git.repository import _ENVIRONMENT

WEB = DB.replace("{name: db,", "{name: web,")


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> GitRepository:
    """A repository with three commits on main, and a branch `side` from the first of them."""
    folder = tmp_path / "repository"
    folder.mkdir()
    made = GitRepository(folder)
    monkeypatch.chdir(folder)
    made.write("k8s/db.yaml", DB)
    made.commit()
    made("branch", "side")
    for content in (WEB, f"{DB}---\n{WEB}"):
        made.write("k8s/db.yaml", content)
        made.commit()
    return made


def names(cluster: Cluster) -> list[str]:
    return sorted(policy.metadata.name for policy in cluster.policies())


def test_a_shallow_clone_has_no_merge_base_and_the_message_says_how_to_get_it(
    repository: GitRepository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = f"file://{repository.folder}"
    repository("clone", "-q", "--depth=1", "--no-single-branch", source, str(tmp_path / "shallow"))
    monkeypatch.chdir(tmp_path / "shallow")
    assert names(Cluster.of_revision("origin/side", "k8s")) == ["db"]
    with pytest.raises(InputError, match=r"fetch more history \(fetch-depth: 0 of actions/checkout"):
        merge_base("origin/side", "HEAD")
    with pytest.raises(InputError, match=r"HEAD~1.*this clone has a part of the history only: git fetch --unshallow"):
        Cluster.of_revision("HEAD~1", "k8s")


def test_a_bare_repository_is_read(repository: GitRepository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    repository("clone", "-q", "--bare", str(repository.folder), str(tmp_path / "bare"))
    monkeypatch.chdir(tmp_path / "bare")
    assert names(Cluster.of_revision("main~1", "k8s")) == ["web"]
    assert names(Cluster.of_revision("main", "k8s/db.yaml")) == ["db", "web"]


def test_the_revisions_and_the_index_of_a_working_tree_are_its_own(
    repository: GitRepository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository("worktree", "add", "-q", str(tmp_path / "tree"), "side")
    monkeypatch.chdir(tmp_path / "tree")
    assert names(Cluster.of_revision("HEAD", "k8s")) == names(Cluster.of_revision(None, "k8s")) == ["db"]
    assert names(Cluster.of_revision("main", "k8s")) == ["db", "web"]


def test_a_repository_of_somebody_else_is_refused_in_the_words_of_git(
    repository: GitRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")  # as its own tests make git believe it
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    monkeypatch.setenv("GIT_CONFIG_SYSTEM", "/dev/null")
    for revision in ("HEAD", None):
        with pytest.raises(InputError, match=r"(?s)dubious ownership.*git config --global --add safe.directory"):
            Cluster.of_revision(revision, "k8s")


@pytest.mark.parametrize("name", ["v1.0/x", "größe", "a'b", "$(id)", "a;b", "-dash"])
def test_a_tag_of_any_name_that_git_takes_is_a_revision(repository: GitRepository, name: str) -> None:
    repository("update-ref", f"refs/tags/{name}", "side")
    revision = f"refs/tags/{name}" if name.startswith("-") else name
    assert names(Cluster.of_revision(revision, "k8s")) == ["db"]
    assert sorted(one.name for one in repository.folder.iterdir()) == [".git", "k8s"]


@pytest.mark.parametrize(
    "revision", ["a tag", "HEAD:../..", "--upload-pack=x", "--output=x", "HEAD --", "^HEAD", "a..b"]
)
def test_what_is_not_a_revision_runs_nothing_and_writes_nothing(repository: GitRepository, revision: str) -> None:
    with pytest.raises(InputError, match=r"is not a revision of this repository|outside repository"):
        Cluster.of_revision(revision, "k8s")
    assert sorted(one.name for one in repository.folder.iterdir()) == [".git", "k8s"]


@pytest.mark.parametrize("path", ["../outside", "/etc", "--help", ":(exclude)k8s", "k8s\n"])
def test_a_path_that_is_not_in_the_revision_is_refused(repository: GitRepository, path: str) -> None:
    for revision in ("HEAD", None):
        with pytest.raises((InputError, ManifestError)):
            Cluster.of_revision(revision, path)


def test_no_hook_and_no_program_of_the_repository_runs(repository: GitRepository, tmp_path: Path) -> None:
    was_run = tmp_path / "was-run"
    program = tmp_path / "program"
    program.write_text(f"#!/bin/sh\ntouch {was_run}\ncat\n")
    program.chmod(0o755)
    hooks = repository.folder / ".git" / "hooks"
    hooks.mkdir(exist_ok=True)
    for hook in ("post-checkout", "post-index-change", "fsmonitor-watchman", "reference-transaction", "pre-commit"):
        (hooks / hook).symlink_to(program)
    for key in ("core.sshCommand", "core.editor", "core.askPass", "credential.helper", "uploadpack.packObjectsHook"):
        repository("config", key, str(program))
    repository("config", "alias.cat-file", f"!{program}")
    repository("config", "core.alternateRefsCommand", str(program))
    was_run.unlink(missing_ok=True)  # git itself runs hooks when the configuration above is written
    assert names(Cluster.of_revision("HEAD~1", "k8s")) == ["web"]
    assert names(Cluster.of_revision(None, "k8s")) == ["db", "web"]
    assert merge_base("side", "main")
    assert not was_run.exists()


def test_an_object_that_a_partial_clone_lacks_is_not_fetched(
    repository: GitRepository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository("config", "uploadpack.allowFilter", "true")
    source, target = f"file://{repository.folder}", str(tmp_path / "partial")
    repository("clone", "-q", "--filter=blob:none", "--no-checkout", source, target)
    monkeypatch.chdir(target)
    # Git says that the object is missing, or, before 2.45, ends because it may not fetch it.
    try:
        said = [f"{one.message}: {one.remedy}" for one in Cluster.of_revision("HEAD", "k8s").problems]
    except ManifestError as error:
        said = [str(error)]
    assert ["missing" in text and "if this is a partial clone" in text for text in said] == [True]


def test_no_program_is_run_to_fetch_an_object_by_any_version_of_git(
    repository: GitRepository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A hostile repository lacks an object, and configures a program to fetch it. Git before 2.45 would run it."""
    was_run = tmp_path / "was-run"
    for key, value in (
        ("core.repositoryFormatVersion", "1"),
        ("extensions.partialClone", "origin"),
        ("remote.origin.promisor", "true"),
        ("remote.origin.url", f"ext::touch {was_run}"),
        ("protocol.ext.allow", "always"),
    ):
        repository("config", key, value)
    missing = repository("rev-parse", "HEAD:k8s/db.yaml").strip()
    (repository.folder / ".git" / "objects" / missing[:2] / missing[2:]).unlink()
    monkeypatch.delitem(_ENVIRONMENT, "GIT_NO_LAZY_FETCH")
    with suppress(ManifestError):
        Cluster.of_revision("HEAD", "k8s")
    assert not was_run.exists()
    monkeypatch.delitem(_ENVIRONMENT, "GIT_ALLOW_PROTOCOL")
    with suppress(ManifestError):
        Cluster.of_revision("HEAD", "k8s")
    assert was_run.exists(), "the repository is not hostile: this test would pass without any protection"


def test_objects_of_another_repository_are_read_through_alternates(
    repository: GitRepository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    borrowing = tmp_path / "borrowing"
    repository("clone", "-q", "--shared", "--no-checkout", str(repository.folder), str(borrowing))
    monkeypatch.chdir(borrowing)
    assert names(Cluster.of_revision("HEAD", "k8s")) == ["db", "web"]


def test_a_revision_has_the_files_that_a_sparse_checkout_leaves_out(repository: GitRepository) -> None:
    repository("sparse-checkout", "set", "elsewhere")
    assert not (repository.folder / "k8s").exists()
    for revision in ("HEAD", None):
        assert names(Cluster.of_revision(revision, "k8s")) == ["db", "web"]


def test_files_whose_names_differ_only_in_case_are_both_read(repository: GitRepository) -> None:
    repository.write("cases/web.yaml", WEB)
    repository.write("cases/Web.yaml", DB)
    repository.commit()
    assert names(Cluster.of_revision("HEAD", "cases")) == ["db", "web"]


def test_a_file_that_is_too_large_is_named_and_the_others_are_read(
    repository: GitRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("git.manifests_of_revisions", "manifests.content"):
        monkeypatch.setattr(f"ringfence.sources.{module}.MAX_BYTES", 1 << 20)
    repository.write("k8s/large.yaml", "#" * ((1 << 20) + 1))
    repository.commit()
    cluster = Cluster.of_revision("HEAD", "k8s")
    assert names(cluster) == ["db", "web"]
    assert [str(problem.place) for problem in cluster.problems] == ["HEAD:k8s/large.yaml"]
