"""`connections` and `matrix`: what -n selects, and the message if nothing is left."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from ringfence.cli import cli

EXAMPLE = Path(__file__).parents[2] / "examples" / "three-tier"


def run(command: str, path: Path = EXAMPLE) -> Result:
    return CliRunner().invoke(cli, [*command.split(), "-f", str(path)])


def test_connections_of_a_namespace_are_those_that_touch_it() -> None:
    found = json.loads(run("connections -n staging -o json").stdout)["connections"]
    ends = [{one[side].get("namespace") for side in ("source", "destination")} for one in found]
    assert ends
    assert all("staging" in pair for pair in ends)


def test_the_matrix_of_a_namespace_leaves_out_the_others() -> None:
    assert run("matrix -n staging").stdout == (
        "                        1    2\n1 staging/api           ·   all\n2 outside the cluster  all   ·\n"
    )


def test_addresses_are_in_notes_below_the_matrix() -> None:
    assert run("matrix -n prod").stdout.endswith("\n\n* prod/db -> 192.168.5.10/32: TCP 80\n")


@pytest.mark.parametrize("command", ["connections", "connections -o json", "matrix"])
@pytest.mark.parametrize(
    ("option", "path", "message"),
    [
        ("-n stagin", EXAMPLE, "No pods or workloads found in stagin namespace.\n"),
        ("", EXAMPLE / "db-policy.yaml", "No pods or workloads found.\n"),
    ],
)
def test_a_message_says_if_there_are_no_pods(command: str, option: str, path: Path, message: str) -> None:
    result = run(f"{command} {option}", path)
    assert (result.exit_code, result.stderr) == (0, message)


DOUBTED = """\
{apiVersion: v1, kind: Pod, metadata: {name: a, namespace: x}}
---
{apiVersion: v1, kind: Pod, metadata: {name: b, namespace: z}}
---
apiVersion: crd.antrea.io/v1beta1
kind: NetworkPolicy
metadata: {name: p, namespace: x}
spec: {appliedTo: [{podSelector: {}}], ingress: [{action: Drop}]}
"""


@pytest.mark.parametrize("command", ["connections", "connections -o csv", "connections -n z", "matrix", "matrix -n x"])
def test_policies_that_are_not_read_are_named_beside_the_list(command: str, tmp_path: Path) -> None:
    """A connection from z/b ends in x/a, so the list of z depends on the policy in x; its matrix does not."""
    (tmp_path / "all.yaml").write_text(DOUBTED)
    doubt = f"NetworkPolicy.crd.antrea.io x/p ({tmp_path}/all.yaml:5) is not read: "
    doubt += "it may change the ingress of the pods that it selects"
    assert run(command, tmp_path).stderr == f"assumption: {doubt}\n"
    assert json.loads(run("connections -o json", tmp_path).stdout)["assumptions"] == [doubt]
    assert run("matrix -n z", tmp_path).stderr == ""


def test_with_pods_the_pods_of_a_workload_are_listed(tmp_path: Path) -> None:
    """The two pods of the StatefulSet are alike, so they are one row without the option."""
    owner = "ownerReferences: [{apiVersion: apps/v1, kind: StatefulSet, name: db, uid: u, controller: true}]"
    pods = [f"{{apiVersion: v1, kind: Pod, metadata: {{name: db-{number}, {owner}}}}}\n---\n" for number in range(2)]
    (tmp_path / "db.yaml").write_text("".join(pods))
    assert "1 default/StatefulSet/db" in run("matrix", tmp_path).stdout
    assert "2 default/db-1" in run("matrix --pods", tmp_path).stdout
    assert "default/StatefulSet/db " in run("connections", tmp_path).stdout
    assert "default/db-0 " in run("connections --pods", tmp_path).stdout
