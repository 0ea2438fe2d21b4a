"""`get` and `describe` print AWS's ClusterNetworkPolicies of a real API server as the real kubectl does."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest

from ringfence.cluster import Cluster
from ringfence.model.kinds import KINDS
from ringfence.render.custom_resources import custom_description, custom_names, custom_table
from ringfence.render.descriptions import TableOptions
from ringfence.render.policies import in_list_order

from .aws_definition import GROUP, PATH, install, remove
from .control_plane import ControlPlane
from .test_printing_agrees import assert_printed_at_some_time

OWN = {"matchLabels": {"team": "a", "example.com/tier": ""}}
SHOP = {
    "tier": "Admin",
    "priority": 7,
    "subject": {"pods": {"namespaceSelector": OWN, "podSelector": {}}},
    "ingress": [
        {"name": "own", "action": "Pass", "from": [{"namespaces": OWN}], "ports": [{"namedPort": "http"}]},
        {"name": "others", "action": "Deny", "from": [{"namespaces": {}}]},
    ],
    "egress": [
        {
            "action": "Accept",
            "to": [{"domainNames": ["*.example.com", "example.org"]}, {"networks": ["10.0.0.0/8", "fd00::/8"]}],
            "ports": [
                {"portNumber": {"protocol": "UDP", "port": 53}},
                {"portRange": {"protocol": "TCP", "start": 8000, "end": 8080}},
            ],
        }
    ],
}
EVERYBODY: dict[str, Any] = {"tier": "Baseline", "priority": 0, "subject": {"namespaces": {}}, "ingress": []}


@pytest.fixture
def aws_server(api_server: ControlPlane) -> Iterator[ControlPlane]:
    """The shared control plane, with AWS's kind for one test."""
    install(api_server)
    yield api_server
    remove(api_server)


@pytest.mark.parametrize("specs", [{"shop": SHOP}, {"shop": SHOP, "everybody": EVERYBODY}], ids=["one", "two"])
def test_policies_are_printed_as_kubectl_prints_them(
    aws_server: ControlPlane, specs: dict[str, dict[str, Any]]
) -> None:
    types = {"apiVersion": f"{GROUP}/v1alpha1", "kind": "ClusterNetworkPolicy"}
    for name, spec in specs.items():
        policy = {**types, "metadata": {"name": name, "labels": {"team": "a"}}, "spec": spec}
        assert aws_server.request("POST", PATH, policy).status == 201
    cluster = Cluster.live(kubeconfig=str(aws_server.kubeconfig))
    assert cluster.problems == []
    (kind,) = (one for one in KINDS if one.group == GROUP)
    documents = [cluster.document(policy) for policy in in_list_order(cluster.policies_of(kind.key))]

    def kubectl(*arguments: str) -> str:
        return aws_server.kubectl(*arguments).stdout

    def table(now: datetime) -> str:
        return custom_table(documents, kind, now=now, options=TableOptions(labels=True))

    resource = f"{kind.plural}.{GROUP}"
    # kubectl lists no events when it describes several objects.
    assert kubectl("describe", resource) == custom_description(documents, events=len(documents) == 1)
    assert kubectl("get", resource, "-o", "name") == custom_names(documents, kind)
    assert_printed_at_some_time(lambda: kubectl("get", resource, "--show-labels"), table)
