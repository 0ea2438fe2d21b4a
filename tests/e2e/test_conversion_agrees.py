"""An API server with the definition of ClusterNetworkPolicy accepts what `convert` makes of the older kinds."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from ringfence.cluster import Cluster
from ringfence.render.converted_policies import conversion_yaml
from ringfence.sources.manifests import comments_of

from .control_plane import ControlPlane
from .policy_definitions import path_of

OLDER = Path(__file__).parents[2] / "docs" / "older-policies.yaml"
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
    experimental_server.request("DELETE", path_of("clusternetworkpolicies"))  # those of other tests, with equal names
    for text in conversion_yaml(conversion, comments_of).split("\n---\n"):
        path = path_of("clusternetworkpolicies") + "?dryRun=All&fieldValidation=Strict"
        answer = experimental_server.request("POST", path, text, "application/yaml")
        assert (answer.status, answer.warnings) == (201, []), text
