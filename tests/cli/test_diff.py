"""`diff`: the summary, the rows, and the exit codes."""

import json
import shutil
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result
from tests.analysis.differences.clusters import CILIUM, DB, WORKLOADS, written
from tests.render.json_shapes import fits, schema, strict
from tests.sources.git_repositories import GitRepository

from ringfence.cli import cli
from ringfence.cluster import Cluster

OPENED = DB.replace("      podSelector: {matchLabels: {app: web}}\n", "")
RENAMED = DB.replace("name: db,", "name: renamed,")


def run(*words: str | Path, stdin: str = "") -> Result:
    return CliRunner().invoke(cli, ["diff", *map(str, words)], input=stdin)


def two(folder: Path, before: str, after: str) -> tuple[Path, Path]:
    return written(folder, "a.yaml", WORKLOADS, before), written(folder, "b.yaml", WORKLOADS, after)


@pytest.mark.parametrize(
    ("before", "after", "options", "exit_code"),
    [
        pytest.param(DB, DB, "", 0, id="nothing changed"),
        pytest.param(DB, RENAMED, "", 0, id="only the text changed"),
        pytest.param(DB, OPENED, "", 1, id="something was opened"),
        pytest.param(DB, OPENED, "--fail-on closed", 0, id="nothing was closed"),
        pytest.param(DB, OPENED, "--fail-on closed --fail-on opened", 1, id="one of several was"),
        pytest.param(DB, OPENED, "--fail-on exposure", 1, id="the exposure changed"),
        pytest.param(DB, OPENED, "--fail-on none", 0, id="nothing counts"),
        pytest.param(OPENED, DB, "--fail-on opened", 0, id="something was closed"),
        pytest.param(DB, f"{DB}---\n{CILIUM}", "--no-assumptions", 3, id="a policy is not read"),
        pytest.param(
            DB, f"{DB}---\n{CILIUM}", "--fail-on unknown", 1, id="what a policy that is not read does is unknown"
        ),
        pytest.param(DB, OPENED, "--fail-on unknown", 0, id="nothing is unknown"),
        pytest.param(DB, OPENED, "-o github", 1, id="annotations"),
        pytest.param(DB, OPENED, "--quiet -o json", 2, id="one line of JSON"),
        pytest.param(DB, DB.replace("3306", "99999"), "", 2, id="an error in a policy"),
        pytest.param(DB, DB.replace("3306", "99999"), "--ignore-errors", 1, id="an error that does not count"),
    ],
)
def test_exit_code(tmp_path: Path, before: str, after: str, options: str, exit_code: int) -> None:
    assert run(*two(tmp_path, before, after), *options.split()).exit_code == exit_code


def test_a_picture_and_a_page_are_whole_documents(tmp_path: Path) -> None:
    a, b = two(tmp_path, DB, OPENED)
    picture, page = run(a, b, "-o", "svg"), run(a, b, "-o", "html")
    assert (picture.exit_code, page.exit_code) == (1, 1)
    assert (picture.stdout[:4], picture.stdout[-7:]) == ("<svg", "</svg>\n")
    assert page.stdout.startswith("<!doctype html>")
    assert '"difference":{' in page.stdout
    assert (picture.stdout, page.stdout) == (run(a, b, "-o", "svg").stdout, run(a, b, "-o", "html").stdout)


def test_a_picture_says_on_standard_error_how_many_boxes_it_leaves_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    a, b = two(tmp_path, DB, OPENED)
    assert run(a, b, "-o", "svg").stderr == ""
    monkeypatch.setattr("ringfence.render.pictures.MOST_BOXES", 1)
    assert run(a, b, "-o", "svg").stderr == (
        "1 of 2 boxes are not drawn, those with the fewest changes: -o text lists all changes\n"
    )


def test_text_says_what_was_opened_and_by_which_rule(tmp_path: Path) -> None:
    a, b = two(tmp_path, DB, OPENED)
    lines = run(a, b).stdout.replace(f"{tmp_path}/", "").splitlines()
    line = WORKLOADS.count("\n") + 1 + 8
    assert lines[:5] == [
        "a.yaml -> b.yaml: 1 opened, 0 closed, 1 exposure opened; policies: 1 changed; the same 3 workloads compared",
        "",
        "opened",
        "  + tools/Deployment/probe -> prod/StatefulSet/db: TCP 3306",
        f"      ingress rule 1 of prod/db now allows it (b.yaml:{line})",
    ]


def test_text_that_means_the_same_is_said_to_be_proved(tmp_path: Path) -> None:
    last = run(*two(tmp_path, DB, RENAMED)).stdout.splitlines()[-1]
    assert last == "Only the text changed: the policies mean the same in every cluster that could be."


def test_a_policy_that_is_not_read_never_leads_to_nothing_changed(tmp_path: Path) -> None:
    result = run(*two(tmp_path, f"{DB}---\n{CILIUM}", DB))
    assert "removed but not read: CiliumNetworkPolicy.cilium.io prod/guard" in result.stdout
    assert "What the policies that are not read change is not known." in result.stdout


@pytest.mark.parametrize("after", [DB, OPENED, RENAMED, f"{DB}---\n{CILIUM}", OPENED.replace("Ingress", "Egress")])
def test_json_has_the_shape_and_says_the_same_again(tmp_path: Path, after: str) -> None:
    a, b = two(tmp_path, DB, after)
    printed = run(a, b, "-o", "json").stdout
    assert fits(json.loads(printed), strict(schema("diff")))
    assert run(a, b, "-o", "json").stdout == printed


def test_what_was_reviewed_does_not_count_until_its_day(tmp_path: Path) -> None:
    a, b = two(tmp_path, DB, OPENED)
    entry = "change: opened, source: tools/probe, destination: prod/db, reason: moving, until: 9999-12-31"
    head = "apiVersion: ringfence/v1\nkind: AllowedChanges\nchanges:\n"
    allow = tmp_path / "reviewed.yaml"
    allow.write_text(f"{head}- {{{entry}}}\n- {{{entry.replace('9999', '2000')}}}\n")
    result = run(a, b, "--allow", allow, "--fail-on", "opened")
    assert (result.exit_code, f"{allow}:5: warning: this entry expired on 2000-12-31" in result.stderr) == (0, True)
    assert "allowed\n  + tools/Deployment/probe -> prod/StatefulSet/db: TCP 3306\n" in result.stdout
    assert fits(json.loads(run(a, b, "--allow", allow, "-o", "json").stdout), strict(schema("diff")))
    allow.write_text(head)
    assert run(a, b, "--allow", allow).exit_code == 2


def test_quiet_is_the_summary_alone(tmp_path: Path) -> None:
    a, b = two(tmp_path, DB, OPENED)
    result = run(a, b, "--quiet")
    assert (result.exit_code, result.stderr) == (1, "")
    assert run(a, b, "--summary-only").stdout == result.stdout == run(a, b).stdout.splitlines()[0] + "\n"


def test_a_review_comment_is_found_by_its_first_line_whatever_has_changed(tmp_path: Path) -> None:
    a, b = two(tmp_path, DB, OPENED)
    first = run(a, b, "-o", "markdown").stdout
    assert run(a, a, "-o", "markdown").stdout.splitlines()[0] != first.splitlines()[0]
    b.write_text(a.read_text())
    again = run(a, b, "-o", "markdown").stdout
    assert first.startswith("<!-- ringfence:diff:")
    assert again.splitlines()[:2] == [first.splitlines()[0], "### No change in who may talk to whom"]


def test_the_order_of_documents_does_not_change_a_byte(tmp_path: Path) -> None:
    a, b = two(tmp_path, DB, OPENED.replace("Ingress", "Egress"))
    first = run(a, b, "--fail-on", "none").stdout
    b.write_text("---\n".join([*b.read_text().split("---\n")[-2::-1], b.read_text().split("---\n")[-1]]))
    assert run(a, b, "--fail-on", "none").stdout == first


def test_one_of_the_two_may_be_standard_input(tmp_path: Path) -> None:
    _, b = two(tmp_path, DB, DB)
    assert run("-", b, stdin=b.read_text()).exit_code == 0


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> GitRepository:
    """Two branches: on main a port has changed since the branch `side`, which opens connections, was made."""
    made = GitRepository(tmp_path)
    monkeypatch.chdir(tmp_path)
    made.write("k8s/all.yaml", f"{WORKLOADS}---\n{DB}")
    made.commit()
    made("checkout", "-q", "-b", "side")
    made.write("k8s/all.yaml", f"{WORKLOADS}---\n{OPENED}")
    made.commit()
    made("checkout", "-q", "main")
    made.write("k8s/all.yaml", f"{WORKLOADS}---\n{DB.replace('3306', '3307')}")
    made.commit()
    return made


@pytest.mark.parametrize(
    ("command", "names"),
    [
        pytest.param("HEAD~1..side -f k8s", "HEAD~1 -> side", id="two revisions"),
        pytest.param("HEAD~1 side -f k8s", "HEAD~1 -> side", id="two revisions as two arguments"),
        pytest.param("main...side -f k8s", None, id="from where the branch was made"),
        pytest.param("HEAD~1 -f k8s", "HEAD~1 -> working tree", id="the working tree"),
        pytest.param("HEAD~1 --staged -f k8s", "HEAD~1 -> index", id="the index"),
    ],
)
def test_revisions(repository: GitRepository, command: str, names: str | None) -> None:
    repository("checkout", "-q", "side", "--", "k8s")
    base = repository("rev-parse", "--short=12", "main~1").strip()
    result = run(*command.split())
    lines = result.stdout.splitlines()
    assert (result.exit_code, result.stderr) == (1, "")
    assert lines[0].startswith(f"{names or f'{base} -> side'}: 1 opened, 0 closed")
    assert lines[3] == "  + tools/Deployment/probe -> prod/StatefulSet/db: TCP 3306"


@pytest.fixture
def kustomized(repository: GitRepository) -> GitRepository:
    """The repository with an overlay of the folder on both branches, and a chart beside it."""
    for branch in ("side", "main"):
        repository("checkout", "-q", branch)
        repository.write("k8s/kustomization.yaml", "resources: [all.yaml]\n")
        repository.write("overlay/kustomization.yaml", "resources: [../k8s]\n")
        repository.write("chart/Chart.yaml", "apiVersion: v2\nname: db\nversion: 1.0.0\n")
        repository.write("chart/templates/all.yaml", (repository.folder / "k8s/all.yaml").read_text())
        repository.commit()
    return repository


needs_kubectl = pytest.mark.skipif(not shutil.which("kubectl"), reason="kubectl is not on PATH")
needs_helm = pytest.mark.skipif(not shutil.which("helm"), reason="helm is not on PATH")


@pytest.mark.parametrize(
    "options",
    [
        pytest.param("main..side -k overlay", marks=needs_kubectl, id="a kustomization"),
        pytest.param("main..side --chart chart", marks=needs_helm, id="a chart"),
    ],
)
def test_what_is_rendered_of_two_revisions(kustomized: GitRepository, options: str) -> None:
    result = run(*options.split(), "-o", "json")
    printed = json.loads(result.stdout)
    assert (result.exit_code, result.stderr) == (1, "")
    assert (printed["summary"]["opened"], printed["summary"]["closed"]) == (1, 0)
    folder, program = ("overlay", "kustomize") if "-k" in options else ("chart", "helm")
    assert printed["changes"][0]["causes"][0]["file"] == f"side:{folder} ({program})"
    commit = kustomized("rev-parse", "side").strip()
    assert printed["to"] == {"name": "side", "revision": "side", "commit": commit, "paths": [folder]}
    assert "the files are the same" in run(*options.replace("side", "main").split()).stdout


@needs_kubectl
def test_kustomizations_of_the_working_tree_are_compared(kustomized: GitRepository) -> None:
    patch = '[{"op": "remove", "path": "/spec/ingress"}]'
    kustomized.write(
        "overlay/kustomization.yaml",
        f"resources: [../k8s]\npatches: [{{target: {{kind: NetworkPolicy}}, patch: '{patch}'}}]\n",
    )
    for options, names in (("HEAD -k overlay", "HEAD -> working tree"), ("-k k8s -k overlay", "k8s -> overlay")):
        result = run(*options.split())
        assert (result.exit_code, result.stdout.partition(":")[0]) == (1, names)
        assert "ingress rule 1 of prod/db allowed it before" in result.stdout
    assert run("-k", "overlay", "-k", "overlay").exit_code == 0
    assert run("--staged", "-k", "overlay").exit_code == 0
    kustomized("add", "overlay")
    assert run("--staged", "-k", "overlay").exit_code == 1


def test_what_is_staged_is_compared_with_the_last_commit(repository: GitRepository) -> None:
    assert run("--staged", "-f", "k8s").exit_code == 0
    repository("rm", "-q", "--cached", "k8s/all.yaml")
    repository.write("k8s/other.yaml", f"{WORKLOADS}---\n{RENAMED.replace('3306', '3307')}")
    repository("add", "k8s/other.yaml")
    assert "Only the text changed" in run("--staged", "-f", "k8s").stdout


def test_branches_without_a_common_commit_are_refused_with_the_remedy(repository: GitRepository) -> None:
    repository("checkout", "-q", "--orphan", "alone")
    repository.commit()
    result = run("main...alone", "-f", "k8s")
    assert (result.exit_code, "fetch more history" in result.stderr) == (2, True)


BROKEN = DB.replace("name: db,", "name: broken,").replace("3306", "99999")


def test_a_problem_of_both_revisions_is_printed_once_and_one_of_a_single_revision_with_its_name(
    repository: GitRepository,
) -> None:
    repository.write("k8s/kept.yaml", BROKEN)
    repository.write("k8s/gone.yaml", "a: [\n")
    repository.commit()
    repository.write("k8s/kept.yaml", f"# one line more\n{BROKEN}")
    repository("rm", "-q", "k8s/gone.yaml")
    repository.write("k8s/new.yaml", "kind: NetworkPolicy\nb: [\n")
    repository.commit()
    result = run("HEAD~1..HEAD", "-f", "k8s")
    assert [line for line in result.stderr.splitlines() if ": error: " in line or "only in" in line] == [
        next(line for line in result.stderr.splitlines() if line.startswith("HEAD~1:k8s/gone.yaml:")),
        "  only in HEAD~1",
        next(line for line in result.stderr.splitlines() if line.startswith("HEAD:k8s/kept.yaml:12: ")),
        next(line for line in result.stderr.splitlines() if line.startswith("HEAD:k8s/new.yaml:")),
        "  only in HEAD",
    ]
    assert result.exit_code == 2
    assert result.stderr.splitlines()[-1].count("kept.yaml") == 1
    printed = json.loads(run("HEAD~1..HEAD", "-f", "k8s", "-o", "json").stdout)
    assert fits(printed, strict(schema("diff")))
    assert [(one["file"], one.get("side")) for one in printed["problems"]] == [
        ("HEAD~1:k8s/gone.yaml", "before"),
        ("HEAD:k8s/kept.yaml", None),
        ("HEAD:k8s/new.yaml", "after"),
    ]
    comment = run("HEAD~1..HEAD", "-f", "k8s", "-o", "markdown").stdout
    assert (comment.count("kept.yaml"), comment.count("(only in HEAD~1)")) == (1, 1)
    in_tree = run("HEAD", "-f", "k8s")
    assert (in_tree.stderr.count(": error: "), "only in" in in_tree.stderr) == (2, False)
    assert "2 errors in the input" in run("HEAD", "-f", "k8s", "--strict").stderr


def test_a_problem_of_both_folders_is_printed_once(tmp_path: Path) -> None:
    for name in ("before", "after"):
        (tmp_path / name).mkdir()
        written(tmp_path / name, "all.yaml", WORKLOADS, DB, BROKEN)
        written(tmp_path / name, "list.yaml", "- 1\n")
    result = run(tmp_path / "before", tmp_path / "after")
    assert result.stderr.count(": error: ") == 1
    assert result.stderr.count("skipped 1 document without a Kubernetes object") == 1
    (tmp_path / "after" / "list.yaml").unlink()
    said = f"{tmp_path / 'before'}: skipped 1 document without a Kubernetes object\n"
    assert run(tmp_path / "before", tmp_path / "after").stderr.count(said) == 1


def test_two_contexts_are_two_clusters_and_each_is_listed_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    files = dict(zip(("a", "b"), two(tmp_path, DB, OPENED), strict=True))
    asked: list[str | None] = []

    def live(context: str | None, _kubeconfig: str | None, *, namespace: str | None) -> Cluster:
        asked.append(context)
        return Cluster.load(files[context or "a"])

    monkeypatch.setattr(Cluster, "live", live)
    result = run("--context", "a", "--to-context", "b")
    assert (result.exit_code, result.stdout.partition(",")[0]) == (1, "a -> b: 1 opened")
    assert run("--context", "b", "--to-context", "b", "--without", "prod/db").stdout.startswith("b -> b: 3 opened")
    assert asked == ["a", "b", "b"]


@pytest.mark.parametrize("revision", ["--upload-pack=x", "HEAD:../..", "a tag", "--output=x"])
def test_what_is_not_a_revision_is_refused_in_one_sentence(repository: GitRepository, revision: str) -> None:
    result = run("-f", "k8s", "--", revision)
    assert (result.exit_code, result.stdout, result.stderr.count("\n")) == (2, "", 1)
    assert result.stderr.startswith("error: ")
    assert sorted(one.name for one in repository.folder.iterdir()) == [".git", "k8s"]


def test_without_git_a_revision_is_refused_in_one_sentence(
    repository: GitRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")
    result = run("main..side", "-f", "k8s")
    remedy = "install it, or name two folders"
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == f"error: git is not on PATH to read revisions: {remedy}\n"


def test_a_policy_that_has_moved_and_is_written_as_json_is_no_difference(repository: GitRepository) -> None:
    repository.write("k8s/all.yaml", WORKLOADS)
    (policy,) = yaml.safe_load_all(DB.replace("3306", "3307"))
    repository.write("k8s/policies/db.json", json.dumps(dict(reversed(policy.items())), indent=1))
    repository.commit()
    result = run("HEAD~1..HEAD", "-R", "-f", "k8s")
    assert (result.exit_code, result.stdout.partition("; ")[0]) == (0, "HEAD~1 -> HEAD: no connection changed")
    assert "policies: " not in result.stdout


def test_revisions_with_the_same_files_are_not_read(repository: GitRepository) -> None:
    repository.write("k8s/broken.yaml", "a: [\n")
    repository.commit()
    repository.write("README.md", "changed")
    repository.commit()
    result = run("HEAD~1..HEAD", "-f", "k8s", "--no-assumptions")
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.splitlines() == [
        "HEAD~1 -> HEAD: no connection changed; the files are the same",
        "",
        "Nothing changed: the files are the same, and were not read.",
    ]
    printed = json.loads(run("HEAD~1..HEAD", "-f", "k8s", "-o", "json").stdout)
    assert fits(printed, strict(schema("diff")))
    assert (printed["same"], printed["workloads"]["compared"]) == (True, None)
    assert run("HEAD~1..HEAD", "-f", "k8s", "--strict").exit_code == 2


@pytest.mark.parametrize(
    ("options", "summary"),
    [
        pytest.param("--without prod/db", "a.yaml -> a.yaml without prod/db: 2 opened", id="without a policy"),
        pytest.param("--suppose b.yaml", "a.yaml -> a.yaml with b.yaml: 1 opened", id="with the objects of a file"),
        pytest.param("--suppose b.yaml --without prod/db", "", id="without one, and then with a file"),
    ],
)
def test_what_is_supposed_is_compared_with_the_input(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: str, summary: str
) -> None:
    two(tmp_path, DB, OPENED)
    monkeypatch.chdir(tmp_path)
    for words in (["a.yaml"], ["-f", "a.yaml"]):
        result = run(*words, *options.split())
        assert result.exit_code == 1
        assert result.stdout.startswith(summary)


def test_what_is_supposed_is_about_the_second_of_two(repository: GitRepository) -> None:
    repository("checkout", "-q", "side", "--", "k8s")
    assert run("main..main", "-f", "k8s", "--without", "prod/db").stdout.startswith("main -> main: 2 opened")
    assert run("side", "-f", "k8s").exit_code == 0
    assert run("side", "-f", "k8s", "--without", "prod/db").exit_code == 1


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        pytest.param("CI_MERGE_REQUEST_DIFF_BASE_SHA", "main~1", id="GitLab"),
        pytest.param("GITHUB_BASE_REF", "main", id="GitHub"),
    ],
)
def test_in_a_pipeline_a_change_is_compared_with_what_it_is_merged_into(
    repository: GitRepository, monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    repository("update-ref", "refs/remotes/origin/main", "main")
    repository("checkout", "-q", "side")
    for name in ("CI_MERGE_REQUEST_DIFF_BASE_SHA", "GITHUB_BASE_REF"):
        monkeypatch.delenv(name, raising=False)
    assert run("-f", "k8s").exit_code == 2
    monkeypatch.setenv(variable, value)
    base = repository("rev-parse", "--short=12", "main~1").strip()
    assert run("-f", "k8s").stdout.startswith(f"{base} -> HEAD: 1 opened, 0 closed")
