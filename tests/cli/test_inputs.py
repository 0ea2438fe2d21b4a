"""The input options: -f, -R, -k and the current cluster, and the problems in the input."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from ringfence.cli import cli
from ringfence.cluster import Cluster

POD = "apiVersion: v1\nkind: Pod\nmetadata: {{name: {name}, namespace: x}}\n"
INVALID = """\
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: p, namespace: x}
spec:
  ingress:
  - ports:
    - port: 0
"""
DENY = """\
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: deny, namespace: x}
spec: {policyTypes: [Egress]}
"""
ZERO = "spec.ingress[0].ports[0].port: Invalid value: 0: must be between 1 and 65535, inclusive"
REMEDY = "to allow all ports, leave out `port`; to allow all traffic, leave out `ports`"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a pod, and one inside it with another."""
    (tmp_path / "inner").mkdir()
    (tmp_path / "a.yaml").write_text(POD.format(name="a"))
    (tmp_path / "inner" / "b.yaml").write_text(POD.format(name="b"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*words: str, given: str | None = None) -> Result:
    return CliRunner().invoke(cli, list(words), input=given)


def pods(*options: str, given: str | None = None) -> set[str]:
    """The pods that are read."""
    result = run("connections", "--pods", "-o", "json", *options, given=given)
    assert result.exit_code == 0, result.stderr
    ends = [one[side] for one in json.loads(result.stdout)["connections"] for side in ("source", "destination")]
    return {end["name"] for end in ends if "name" in end}


@pytest.mark.usefixtures("folder")
class TestFiles:
    def test_a_file(self) -> None:
        assert pods("-f", "a.yaml") == {"a"}

    def test_a_folder_without_those_inside_it(self) -> None:
        assert pods("-f", ".") == {"a"}

    def test_with_those_inside_it(self) -> None:
        assert pods("-f", ".", "-R") == {"a", "b"}
        assert pods("--filename", ".", "--recursive") == {"a", "b"}

    def test_several(self) -> None:
        assert pods("-f", "a.yaml", "-f", "inner") == {"a", "b"}

    def test_standard_input(self) -> None:
        assert pods("-f", "-", given=POD.format(name="c")) == {"c"}
        assert pods("-f", "-", "-f", "a.yaml", given=POD.format(name="c")) == {"a", "c"}

    def test_a_missing_file_is_an_error(self) -> None:
        result = run("validate", "-f", "nowhere.yaml")
        assert (result.exit_code, result.stdout) == (2, "")
        assert result.stderr.startswith("error: ")
        assert "nowhere.yaml" in result.stderr


@pytest.mark.usefixtures("folder")
class TestOtherSources:
    def test_a_kustomization_needs_a_program_that_builds_it(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("PATH", "")
        result = run("validate", "-k", ".")
        assert (result.exit_code, result.stdout) == (2, "")
        assert "kubectl" in result.stderr
        assert "kustomize" in result.stderr

    def test_without_files_it_is_the_current_cluster(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("KUBECONFIG", str(folder / "none"))
        monkeypatch.setenv("HOME", str(folder))
        monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
        result = run("can", "x/a", "x/b")
        assert (result.exit_code, result.stdout) == (2, "")
        assert result.stderr.startswith("error: ")
        assert "-f" in result.stderr, "which is how to read manifests instead"


@pytest.mark.parametrize(
    ("options", "asked", "namespace"),
    [
        ([], (None, None, None), "of-the-context"),
        (["--context", "c", "--kubeconfig", "k"], ("c", "k", None), "of-the-context"),
        (["-n", "mine"], (None, None, "mine"), "mine"),
    ],
)
def test_a_live_cluster_has_the_namespace_of_n_or_of_its_context(
    options: list[str],
    asked: tuple[str | None, str | None, str | None],
    namespace: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen = []

    def live(context: str | None, kubeconfig: str | None, *, namespace: str | None, service_users: bool) -> Cluster:
        seen.append((context, kubeconfig, namespace))
        cluster = Cluster(live=True, namespace=namespace or "of-the-context")
        for name in ("of-the-context", "mine"):
            pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a", "namespace": name}}
            cluster.upsert(pod | {"status": {"podIP": "10.0.0.1"}})
        return cluster

    monkeypatch.setattr(Cluster, "live", live)
    result = run("can", "a", "192.0.2.1", "-o", "json", *options)
    assert seen == [asked]
    assert json.loads(result.stdout)["source"]["namespace"] == namespace


class TestWhatIsWrong:
    """Each problem has a place; an object with an error does not count, the others do."""

    @pytest.fixture(autouse=True)
    def invalid(self, folder: Path) -> None:
        (folder / "p.yaml").write_text(INVALID)

    def test_problems_are_printed_on_standard_error_and_the_question_is_answered(self) -> None:
        result = run("can", "a", "192.0.2.1", "-n", "x", "-f", ".", "--ignore-errors")
        assert (result.exit_code, result.stdout) == (0, "yes: a -> 192.0.2.1: all traffic\n")
        assert result.stderr == f"p.yaml:7: error: NetworkPolicy x/p: {ZERO}\n  remedy: {REMEDY}\n"

    @pytest.mark.parametrize(
        "command",
        [
            "can x/a 192.0.2.1",
            "can x/a 192.0.2.1 -o json",
            "explain x/a 192.0.2.1",
            "connections",
            "connections -o json",
            "matrix",
            "get netpol -A",
            "get netpol -A -o json",
            "describe netpol -A",
        ],
    )
    def test_after_the_answer_the_exit_code_is_2_and_a_line_names_what_does_not_count(self, command: str) -> None:
        ignored = run(*command.split(), "-f", ".", "--ignore-errors")
        result = run(*command.split(), "-f", ".")
        assert (ignored.exit_code, result.exit_code) == (0, 2)
        assert result.stdout == ignored.stdout
        assert result.stderr == ignored.stderr + (
            "error: objects with errors are left out of the answer, whole or in part: NetworkPolicy x/p (p.yaml:7); "
            "correct them, or use --ignore-errors\n"
        )

    @pytest.mark.parametrize("command", ["can x/a 192.0.2.1", "explain x/a 192.0.2.1"])
    def test_an_unusable_input_is_worse_than_a_no(self, command: str, folder: Path) -> None:
        (folder / "deny.yaml").write_text(DENY)
        assert run(*command.split(), "-f", ".", "--ignore-errors").exit_code == 1
        assert run(*command.split(), "-f", ".").exit_code == 2

    @pytest.mark.parametrize("command", ["can x/a x/a", "explain x/a x/a", "connections"])
    def test_json_has_the_problems(self, command: str) -> None:
        result = run(*command.split(), "-f", ".", "-o", "json")
        (problem,) = json.loads(result.stdout)["problems"]
        assert (problem["code"], problem["object"], problem["line"]) == ("invalid-value", "NetworkPolicy x/p", 7)

    def test_of_many_only_some_are_named(self, folder: Path) -> None:
        for number in range(7):
            (folder / f"q{number}.yaml").write_text("kind: [\n")
        result = run("connections", "-f", ".")
        named = "NetworkPolicy x/p (p.yaml:7), q0.yaml:1, q1.yaml:1, q2.yaml:1, q3.yaml:1 and 3 more;"
        assert named in result.stderr.splitlines()[-1]

    def test_strict_and_ignoring_errors_contradict_each_other(self) -> None:
        result = run("connections", "-f", ".", "--strict", "--ignore-errors")
        assert (result.exit_code, result.stdout) == (2, "")
        assert result.stderr == "error: --strict and --ignore-errors contradict each other: use one of them\n"

    @pytest.mark.parametrize(
        "command", ["can x/a x/a", "explain x/a x/a", "connections", "matrix", "get netpol", "describe netpol"]
    )
    def test_with_strict_an_error_in_the_input_is_fatal(self, command: str) -> None:
        result = run(*command.split(), "-f", ".", "--strict")
        assert (result.exit_code, result.stdout) == (2, "")
        assert result.stderr.endswith("error: 1 error in the input, and --strict was given\n")


def test_several_errors_are_counted_in_the_plural(folder: Path) -> None:
    (folder / "p.yaml").write_text(INVALID)
    (folder / "q.yaml").write_text(INVALID.replace("name: p", "name: q"))
    result = run("connections", "-f", ".", "--strict")
    assert result.stderr.endswith("error: 2 errors in the input, and --strict was given\n")


@pytest.mark.parametrize(
    ("text", "code"),
    [
        pytest.param("{apiVersion: v1, kind: Service, metadata: {name: s}, spec: {ports: 1}}", 0, id="a Service"),
        pytest.param("{apiVersion: v1, kind: Pod, metadata: {}}", 0, id="a pod without a name"),
        pytest.param("{apiVersion: v1, kind: Deployment, metadata: {name: d}}", 0, id="a workload of another version"),
        pytest.param("{kind: Deployment, metadata: {name: d}}", 0, id="a workload of no version"),
        pytest.param(
            "{apiVersion: v1, kind: Namespace, metadata: {name: x, labels: 1}}", 2, id="a Namespace, whose labels count"
        ),
        pytest.param("{apiVersion: v1, kind: NetworkPolicy, metadata: {name: p}}", 2, id="a policy of another version"),
        pytest.param("{kind: NetworkPolicy, metadata: {name: p}}", 2, id="a policy of no version"),
        pytest.param("{apiVersion: v1, metadata: {name: p}}", 2, id="an object of no kind"),
        pytest.param("{apiVersion", 2, id="what may have been anything"),
        pytest.param("{a", 0, id="what has no word of an object"),
    ],
)
def test_only_an_error_that_may_concern_a_policy_makes_the_input_unusable(text: str, code: int, folder: Path) -> None:
    (folder / "other.yaml").write_text(text)
    result = run("can", "x/a", "x/a", "-f", ".")
    assert "other.yaml:1: error: " in result.stderr
    assert (result.exit_code, result.stdout.splitlines()[0]) == (code, "yes: x/a -> x/a: all traffic")


@pytest.mark.parametrize("command", ["can x/a x/a", "validate", "get netpol -A"])
def test_one_line_counts_the_documents_without_an_object(command: str, folder: Path) -> None:
    (folder / "values.yaml").write_text("replicas: 2\n---\ningress: {enabled: true}\n")
    (folder / "package.json").write_text('{"name": "shop", "version": "1.0.0", "scripts": {}}')
    result = run(*command.split(), "-f", ".")
    assert (result.exit_code, result.stderr.splitlines()[0]) == (0, "skipped 3 documents without a Kubernetes object")


def test_a_misspelt_kind_is_an_error_that_makes_the_input_unusable(folder: Path) -> None:
    (folder / "deny.yaml").write_text(DENY.replace("NetworkPolicy", "Networkpolicy"))
    result = run("can", "x/a", "192.0.2.1", "-f", ".")
    assert (result.exit_code, result.stdout.startswith("yes: ")) == (2, True)
    assert result.stderr.splitlines() == [
        'deny.yaml:2: error: Networkpolicy x/deny: no matches for kind "Networkpolicy" in version '
        '"networking.k8s.io/v1": did you mean NetworkPolicy?',
        "error: objects with errors are left out of the answer, whole or in part: Networkpolicy x/deny (deny.yaml:2); "
        "correct them, or use --ignore-errors",
    ]


class TestTheNamespaceOfObjectsInFiles:
    """With `-n`, objects of files that name no namespace are where `kubectl apply -n` would put them."""

    TEXT = """\
{apiVersion: v1, kind: Pod, metadata: {name: web}}
---
{apiVersion: v1, kind: Pod, metadata: {name: elsewhere, namespace: x}}
---
{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: deny}, spec: {}}
---
{apiVersion: v1, kind: Namespace, metadata: {name: prod}}
"""

    @pytest.fixture(autouse=True)
    def text(self, folder: Path) -> None:
        (folder / "a.yaml").write_text(self.TEXT)

    def test_they_are_found_there_and_their_policies_count_there(self) -> None:
        result = run("can", "x/elsewhere", "web", "-n", "prod", "-f", "a.yaml")
        assert (result.exit_code, result.stderr) == (1, "")
        assert run("get", "netpol", "-n", "prod", "-f", "a.yaml", "-o", "name").stdout.endswith("/deny\n")
        assert run("can", "x/elsewhere", "default/web", "-n", "prod", "-f", "a.yaml").exit_code == 2

    def test_those_that_name_one_stay(self) -> None:
        assert run("can", "x/elsewhere", "x/elsewhere", "-n", "prod", "-f", "a.yaml").exit_code == 0

    def test_without_it_they_are_in_the_default_namespace(self) -> None:
        assert run("can", "x/elsewhere", "default/web", "-f", "a.yaml").exit_code == 1

    def test_a_problem_names_it(self, folder: Path) -> None:
        (folder / "p.yaml").write_text(INVALID.replace(", namespace: x", ""))
        assert "p.yaml:7: error: NetworkPolicy prod/p: " in run("connections", "-n", "prod", "-f", "p.yaml").stderr


@pytest.mark.parametrize("name", ["kustomization.yaml", "kustomization.yml", "Kustomization"])
def test_a_kustomization_that_is_read_as_a_manifest_is_an_error(name: str, folder: Path) -> None:
    (folder / name).write_text("resources: [a.yaml]\n")
    words = ["-f", ".", "-f", name] if name == "Kustomization" else ["-R", "-f", "."]
    result = run("can", "x/a", "x/a", *words)
    assert result.exit_code == 2
    assert f"{name}:1: error: this is a kustomization, which has to be built: use -k FOLDER\n" in result.stderr


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("kind", ["Kustomization", "Component"])
def test_so_is_one_under_another_name(kind: str) -> None:
    text = f"apiVersion: kustomize.config.k8s.io/v1beta1\nkind: {kind}\nresources: [a.yaml]\n"
    result = run("can", "x/a", "x/a", "-f", "a.yaml", "-f", "-", given=text)
    assert result.stderr.startswith("STDIN:1: error: this is a kustomization")
