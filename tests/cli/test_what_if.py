"""What if: answers as if policies were applied or deleted."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from tests.semantics.judges import cluster_of
from tests.semantics.objects import pod, policy

from ringfence import Cluster
from ringfence.cli import cli
from ringfence.errors import InputError

EXAMPLE = Path(__file__).parents[2] / "examples" / "three-tier"
CLOSED = """\
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: closed, namespace: prod}
spec: {podSelector: {}, policyTypes: [Ingress]}
"""
NO_EGRESS = """\
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: db-policy, namespace: prod}
spec: {podSelector: {matchLabels: {role: db}}, policyTypes: [Egress]}
"""


def run(*words: str) -> Result:
    return CliRunner().invoke(cli, [*words, "-f", str(EXAMPLE)])


@pytest.fixture
def supposed(tmp_path: Path) -> Path:
    file = tmp_path / "supposed.yaml"
    file.write_text(CLOSED)
    return file


def test_a_policy_is_supposed_to_be_applied(supposed: Path) -> None:
    assert run("can", "prod/web", "prod/api").exit_code == 0
    result = run("can", "prod/web", "prod/api", "--suppose", str(supposed))
    assert (result.exit_code, result.stdout) == (1, "no: prod/web -> prod/api: nothing passes\n")


def test_a_policy_is_supposed_to_be_deleted() -> None:
    assert run("can", "prod/web", "prod/db").exit_code == 1
    assert run("can", "prod/web", "prod/db", "--without", "prod/db-policy").exit_code == 0
    assert run("can", "web", "db", "--without", "db-policy", "-n", "prod").exit_code == 0


def test_a_supposed_policy_replaces_the_one_of_its_name(supposed: Path) -> None:
    supposed.write_text(NO_EGRESS)
    result = run("can", "prod/web", "prod/db", "--suppose", str(supposed))
    assert (result.exit_code, result.stderr) == (0, "")


@pytest.mark.parametrize("words", ["sources prod/api", "destinations prod/web", "isolation", "connections", "matrix"])
def test_every_command_that_asks_supposes(words: str, supposed: Path) -> None:
    before, after = run(*words.split()), run(*words.split(), "--suppose", str(supposed))
    assert (before.exit_code, after.exit_code) == (0, 0)
    assert before.stdout != after.stdout


def test_a_policy_that_is_not_there_cannot_be_left_out() -> None:
    result = run("can", "prod/web", "prod/db", "--without", "prod/db-polic")
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == (
        "error: prod/db-polic: there is no NetworkPolicy db-polic in namespace prod; did you mean prod/db-policy?\n"
    )


ADMIN = Path(__file__).parents[2] / "examples" / "admin" / "no-exception"
METADATA = ("can", "payments/ledger", "169.254.169.254", "-p", "80", "-f", str(ADMIN))


@pytest.mark.parametrize("word", ["cnp", "ClusterNetworkPolicy", "clusternetworkpolicies.policy.networking.k8s.io"])
def test_a_policy_of_administrators_is_supposed_to_be_deleted(word: str) -> None:
    assert CliRunner().invoke(cli, METADATA).exit_code == 1
    assert CliRunner().invoke(cli, [*METADATA, "--without", f"{word}/no-cloud-metadata"]).exit_code == 0


@pytest.mark.parametrize(
    ("policy", "message"),
    [
        (
            "cnp/no-cloud",
            "cnp/no-cloud: there is no ClusterNetworkPolicy no-cloud; did you mean cnp/no-cloud-metadata?",
        ),
        ("anp/guard", "anp/guard: there is no AdminNetworkPolicy guard"),
        (
            "no-cloud-metadata",
            "no-cloud-metadata: there is no NetworkPolicy no-cloud-metadata in namespace default; "
            "did you mean cnp/no-cloud-metadata?",
        ),
    ],
)
def test_a_policy_of_administrators_that_is_not_there_cannot_be_left_out(policy: str, message: str) -> None:
    result = CliRunner().invoke(cli, [*METADATA, "--without", policy])
    assert (result.exit_code, result.stderr) == (2, f"error: {message}\n")


def test_an_error_in_a_supposed_policy_makes_the_answer_unusable(supposed: Path) -> None:
    supposed.write_text(CLOSED.replace("policyTypes", "policyType"))
    result = run("can", "prod/web", "prod/api", "--suppose", str(supposed))
    assert result.exit_code == 2
    assert (
        "error: objects with errors are left out of the answer, whole or in part: NetworkPolicy prod/closed"
        in result.stderr
    )


def test_a_supposed_policy_of_a_live_cluster_must_be_one_that_its_server_accepts(supposed: Path) -> None:
    cluster = Cluster(live=True)
    supposed.write_text(CLOSED + "  ingress: [{from: [{ipBlock: {cidr: 10.0.0.1/8}}]}]\n")
    cluster.suppose(supposed)
    assert cluster.problems


def test_the_api_refuses_what_is_no_policy() -> None:
    with pytest.raises(InputError, match='policy is 3: use a text such as "prod/db-policy"'):
        Cluster().leave_out(3)  # type: ignore[arg-type]


def test_the_api_supposes_too(supposed: Path) -> None:
    cluster = cluster_of([pod("prod/a"), pod("prod/b"), policy("prod/p", egress=[])])
    cluster.leave_out("prod/p")
    assert cluster.can("prod/a", "prod/b")
    cluster.suppose(supposed)
    assert cluster.can("prod/a", "prod/b").none


GUARD = """\
apiVersion: policy.networking.k8s.io/v1alpha2
kind: ClusterNetworkPolicy
metadata: {name: guard}
spec:
  tier: Admin
  priority: 1
  subject: {namespaces: {}}
  ingress: [{name: nobody, action: Deny, from: [{namespaces: {}}]}]
"""


def test_a_cluster_policy_is_supposed_to_be_applied_or_deleted(tmp_path: Path) -> None:
    file, cluster = tmp_path / "guard.yaml", tmp_path / "cluster"
    file.write_text(GUARD)
    before = run("can", "prod/web", "prod/api")
    applied = run("can", "prod/web", "prod/api", "--suppose", str(file))
    assert (before.exit_code, applied.exit_code, applied.stderr) == (0, 1, "")
    assert applied.stdout == "no: prod/web -> prod/api: nothing passes\n"
    story = run("explain", "prod/web", "prod/api", "--suppose", str(file)).stdout
    assert "guard" in story
    assert str(file) in story
    written = json.loads(run("explain", "prod/web", "prod/api", "-o", "json", "--suppose", str(file)).stdout)
    assert written["allowed"] is False
    cluster.mkdir()
    for one in (*EXAMPLE.glob("*.yaml"), file):
        (cluster / one.name).write_text(one.read_text())
    for words in ([], ["-o", "json"]):
        asked = ["can", "prod/web", "prod/api", "-f", str(cluster), *words]
        denied, without = (CliRunner().invoke(cli, [*asked, *more]) for more in ([], ["--without", "cnp/guard"]))
        assert (denied.exit_code, without.exit_code, without.stderr) == (1, 0, "")
        assert without.stdout == run("can", "prod/web", "prod/api", *words).stdout


def test_a_supposed_cluster_policy_with_several_errors_is_named_once(tmp_path: Path) -> None:
    file = tmp_path / "guard.yaml"
    file.write_text(GUARD.replace("priority: 1", "priority: -1").replace("action: Deny", "action: Refuse"))
    result = run("can", "prod/web", "prod/api", "--suppose", str(file))
    missing = [line for line in result.stderr.splitlines() if line.startswith("error: objects with errors")]
    assert result.exit_code == 2
    assert result.stderr.count(f"{file}:") > 2, "two errors, and the line that names the object"
    assert [line.count(" guard (") for line in missing] == [1]
