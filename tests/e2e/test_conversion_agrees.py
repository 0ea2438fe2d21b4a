"""An API server with the definition of ClusterNetworkPolicy accepts the output of `convert` for the older kinds."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from ringfence.cli import cli
from ringfence.cluster import Cluster
from ringfence.render.converted_policies import conversion_yaml
from ringfence.sources.manifests import comments_of

from .control_plane import ControlPlane
from .policy_definitions import path_of

OLDER = Path(__file__).parents[2] / "docs" / "examples" / "older-policies.yaml"
MANY_PEERS = [{"namespaces": {"matchLabels": {"team": str(number)}}} for number in range(60)]
MANY_PORTS = [{"portNumber": {"port": number}} for number in range(1, 31)]


def rule(action: str, field: str, **more: Any) -> dict[str, Any]:
    return {"name": "a rule # not a comment", "action": action, field: MANY_PEERS, **more}


LONG = {
    "apiVersion": "policy.networking.k8s.io/v1alpha1",
    "kind": "AdminNetworkPolicy",
    "metadata": {"name": "long", "labels": {"on": "yes"}, "annotations": {"example.com/note": "1: two\n"}},
    "spec": {
        "priority": 999,
        "subject": {"pods": {"namespaceSelector": {}, "podSelector": {"matchLabels": {"app": ""}}}},
        "ingress": [rule("Allow", "from", ports=MANY_PORTS), *[rule("Deny", "from"), rule("Pass", "from")] * 10],
        "egress": [
            rule("Allow", "to", ports=[{"namedPort": "web"}, {"portRange": {"start": 80, "end": 80}}]),
            {"action": "Deny", "to": [{"networks": ["10.0.0.0/8", "fd00::/8"]}, {"nodes": {}}]},
            {"action": "Allow", "to": [{"domainNames": ["*.example.com"]}]},
        ],
    },
}


@pytest.mark.parametrize("manifest", [OLDER.read_text(), yaml.safe_dump(LONG)], ids=["the documentation", "long lists"])
def test_the_server_accepts_what_is_printed(experimental_server: ControlPlane, tmp_path: Path, manifest: str) -> None:
    file = tmp_path / "older.yaml"
    file.write_text(manifest)
    conversion = Cluster.load(file).convert()
    assert conversion.policies
    # Policies of other tests with equal names.
    experimental_server.request("DELETE", path_of("clusternetworkpolicies"))
    for text in conversion_yaml(conversion, comments_of).split("\n---\n"):
        path = path_of("clusternetworkpolicies") + "?dryRun=All&fieldValidation=Strict"
        answer = experimental_server.request("POST", path, text, "application/yaml")
        assert (answer.status, answer.warnings) == (201, []), text


def test_a_live_cluster_gives_what_its_manifests_give(experimental_server: ControlPlane, tmp_path: Path) -> None:
    """The output can also be applied to the cluster."""
    file = tmp_path / "older.yaml"
    older = [one for one in yaml.safe_load_all(OLDER.read_text()) if one["kind"] != "Pod"]
    file.write_text(yaml.safe_dump_all(older))
    for plural in ("adminnetworkpolicies", "baselineadminnetworkpolicies", "clusternetworkpolicies"):
        experimental_server.request("DELETE", path_of(plural))  # Policies of other tests.
    experimental_server.kubectl("apply", f"--filename={file}")
    try:
        options = ["-o", "json", "--kubeconfig", str(experimental_server.kubeconfig)]
        live = CliRunner().invoke(cli, ["convert", *options])
        assert live.exit_code == 0, live.stderr
        assert specs(live.stdout) == specs(CliRunner().invoke(cli, ["convert", "-o", "json", "-f", str(file)]).stdout)
        applied = experimental_server.kubectl("apply", "--dry-run=server", "--filename=-", stdin=live.stdout)
        assert applied.stdout.count("(server dry run)") == len(specs(live.stdout))
    finally:
        experimental_server.kubectl("delete", f"--filename={file}")


def specs(text: str) -> dict[str, Any]:
    """The specs of a list of policies, by name."""
    return {item["metadata"]["name"]: item["spec"] for item in yaml.safe_load(text)["items"]}
