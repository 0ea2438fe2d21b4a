"""`validate`: errors and warnings as its own output, and an exit code for CI."""

import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from ringfence.cli import cli

BROKEN = Path(__file__).parents[2] / "docs" / "examples" / "broken.yaml"
VALID = """\
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: p, namespace: x}
spec:
  ingress:
  - ports:
    - port: 80
"""
INVALID = VALID.replace("80", "0")
WARNED = VALID + "    from:\n    - ipBlock: {cidr: '2001:DB8::/32'}\n"
ZERO = "spec.ingress[0].ports[0].port: Invalid value: 0: must be between 1 and 65535, inclusive"
REMEDY = "to allow all ports, leave out `port`; to allow all traffic, leave out `ports`"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def validate(text: str, *options: str) -> Result:
    Path("p.yaml").write_text(text)
    return CliRunner().invoke(cli, ["validate", "-f", "p.yaml", *options])


def test_errors_are_its_output_and_make_the_exit_code_one() -> None:
    result = validate(INVALID)
    assert (result.exit_code, result.stderr) == (1, "")
    assert result.stdout.splitlines() == [
        f"p.yaml:7: error: NetworkPolicy x/p: {ZERO}",
        f"  remedy: {REMEDY}",
        "valid NetworkPolicies: 0, errors: 1",
    ]


def test_without_errors_the_exit_code_is_zero() -> None:
    result = validate(VALID)
    assert (result.exit_code, result.stdout) == (0, "valid NetworkPolicies: 1, errors: 0\n")


def test_warnings_do_not_change_the_exit_code() -> None:
    result = validate(WARNED)
    assert result.exit_code == 0
    assert result.stdout.startswith("p.yaml:9: warning: NetworkPolicy x/p: ")
    assert result.stdout.endswith("valid NetworkPolicies: 1, errors: 0\n")


def test_strict_changes_nothing_because_errors_are_the_output() -> None:
    assert validate(INVALID, "--strict").exit_code == 1
    assert validate(WARNED, "--strict").exit_code == 0


@pytest.mark.parametrize(("text", "exit_code", "count"), [(VALID, 0, 0), (WARNED, 0, 1), (INVALID, 1, 1)])
def test_json_lists_errors_and_warnings(text: str, exit_code: int, count: int) -> None:
    result = validate(text, "-o", "json")
    assert result.exit_code == exit_code
    assert len(json.loads(result.stdout)["problems"]) == count


def test_all_errors_of_a_file_are_listed_at_once() -> None:
    shutil.copy(BROKEN, "broken.yaml")
    result = CliRunner().invoke(cli, ["validate", "-f", "broken.yaml"])
    assert result.exit_code == 1
    assert result.stdout.endswith("errors: 4\n")


GONE = VALID.replace("networking.k8s.io/v1", "extensions/v1beta1")
RANGE = VALID.replace("port: 80", "port: 80\n      endPort: 90")


def test_a_version_that_servers_do_not_have_is_an_error() -> None:
    result = validate(GONE)
    assert result.exit_code == 1
    assert result.stdout == (
        'p.yaml:1: error: NetworkPolicy x/p: no matches for kind "NetworkPolicy" in version "extensions/v1beta1"\n'
        "  remedy: write networking.k8s.io/v1: extensions/v1beta1 is gone since Kubernetes 1.16\n"
        "valid NetworkPolicies: 0, errors: 1\n"
    )


def test_the_version_of_the_server_decides_what_it_refuses() -> None:
    assert validate(RANGE).exit_code == 0
    assert validate(RANGE, "--server-version", "1.22").exit_code == 0
    older = validate(RANGE, "--server-version", "v1.21.4")
    assert older.exit_code == 1
    assert "spec.ingress[0].ports[0].endPort: Forbidden: Kubernetes 1.21 does not have this field" in older.stdout


def test_a_block_with_surplus_bits_is_an_error_since_1_36() -> None:
    surplus = VALID + "    from:\n    - ipBlock: {cidr: 10.0.0.5/24}\n"
    assert validate(surplus).exit_code == 1
    older = validate(surplus, "--server-version", "1.35")
    assert (older.exit_code, "warning" in older.stdout) == (0, True)


def test_a_version_whose_rules_are_not_known_is_refused() -> None:
    result = validate(VALID, "--server-version", "1.99")
    assert result.exit_code == 2
    assert "the rules of Kubernetes 1.99 are not known: use a version from 1.20 to 1.37" in result.stderr


def test_every_kind_is_validated() -> None:
    service = "apiVersion: v1\nkind: Service\nmetadata: {name: quoted}\nspec:\n  ports:\n  - port: 80\n"
    result = validate(service + '    targetPort: "8080"\n')
    assert result.exit_code == 1
    assert result.stdout.startswith(
        'p.yaml:7: error: Service default/quoted: spec.ports[0].targetPort: Invalid value: "8080": '
        "must contain at least one letter (a-z)\n"
    )


def test_the_policies_of_each_kind_are_counted(tmp_path: Path) -> None:
    group = "policy.networking.k8s.io"
    for name, version, kind, spec in (
        ("a", "v1alpha2", "ClusterNetworkPolicy", "{tier: Admin, priority: 1, subject: {namespaces: {}}}"),
        ("b", "v1alpha2", "ClusterNetworkPolicy", "{tier: Admin, priority: 1001, subject: {namespaces: {}}}"),
        ("c", "v1alpha1", "AdminNetworkPolicy", "{priority: 1}"),
    ):
        (tmp_path / f"{name}.yaml").write_text(
            f"{{apiVersion: {group}/{version}, kind: {kind}, metadata: {{name: {name}}}, spec: {spec}}}"
        )
    result = CliRunner().invoke(cli, ["validate", "-f", str(tmp_path)])
    counts = f"ClusterNetworkPolicies.{group}: 1, AdminNetworkPolicies: 0"
    assert result.stdout.splitlines()[-1] == f"valid NetworkPolicies: 0, {counts}, errors: 2"
    assert result.exit_code == 1
