"""`get` and `describe` print the cluster policies of a real API server as the real kubectl does."""

import json
from datetime import datetime
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, Phase, assume, given, settings
from hypothesis import strategies as st

from ringfence.cluster import Cluster
from ringfence.model.documents import list_document
from ringfence.model.kinds import KINDS, Kind
from ringfence.render.custom_resources import custom_description, custom_names, custom_table
from ringfence.render.descriptions import TableOptions
from ringfence.render.formats import json_text, yaml_text
from ringfence.render.policies import in_list_order
from tests.cluster_policy_strategies import cluster_policies

from .control_plane import ControlPlane
from .edge_cluster_policies import resource_of
from .policy_definitions import GROUP, VERSIONS, path_of
from .test_printing_agrees import annotations, assert_printed_at_some_time, label_keys, label_values

field_names = label_keys | st.sampled_from(
    ["matchLabels", "fooBARBaz", "FOOBar", "ABc", "aBCd", "a-bC", "uid", "API", "thingUrl", "x1", "a_b"]
)
rule_names = st.sampled_from(["", "dns", "two\nlines", "tab\tand é", " "])


@st.composite
def decorated(draw: st.DrawFn) -> dict[str, Any]:
    """A policy with metadata that make a description unusual: labels like fields, empty lists and names."""
    policy: dict[str, Any] = json.loads(json.dumps(draw(cluster_policies)))
    policy["metadata"] |= {
        "labels": draw(st.dictionaries(label_keys, label_values, max_size=2)),
        "annotations": draw(st.dictionaries(label_keys, annotations, max_size=2)),
    }
    policy["spec"]["subject"] = {"namespaces": {"matchLabels": draw(st.dictionaries(field_names, label_values))}}
    for rule in [*policy["spec"]["ingress"], *policy["spec"]["egress"]]:
        rule |= draw(st.fixed_dictionaries({}, optional={"name": rule_names}))
    return policy


def key_of(policy: dict[str, Any]) -> tuple[str, str]:
    return policy["kind"], policy["metadata"]["name"]


@settings(
    max_examples=6,
    deadline=None,
    # Shrinking a case takes minutes on a real server.
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(wanted=st.lists(decorated(), min_size=1, max_size=4, unique_by=key_of))
def test_any_policies_are_printed_as_kubectl_prints_them(
    experimental_server: ControlPlane, wanted: list[dict[str, Any]]
) -> None:
    for resource in VERSIONS:
        experimental_server.request("DELETE", path_of(resource))
    # Not every random policy is valid (for example, a port name beside a network). A refused policy does not exist and
    # is not printed.
    accepted = [
        one for one in wanted if experimental_server.request("POST", path_of(resource_of(one)), one).status == 201
    ]
    assume(accepted)
    cluster = Cluster.live(kubeconfig=str(experimental_server.kubeconfig))
    assert cluster.problems == []
    for kind in {KINDS.find(policy["apiVersion"], policy["kind"]) for policy in accepted}:
        assert kind
        agree(experimental_server, cluster, kind)


def agree(server: ControlPlane, cluster: Cluster, kind: Kind) -> None:
    """Check that all policies of a kind are printed alike in all formats."""
    documents = [cluster.document(policy) for policy in in_list_order(cluster.policies_of(kind.key))]

    def kubectl(*arguments: str) -> str:
        return server.kubectl(*arguments).stdout

    # kubectl lists no events when it describes several objects.
    assert kubectl("describe", kind.short_name) == custom_description(documents, events=len(documents) == 1)
    assert kubectl("get", f"{kind.plural}.{GROUP}", "-o", "name") == custom_names(documents, kind)
    printed = json.loads(kubectl("get", kind.short_name, "-o", "json"))
    # All keys are in their order.
    assert json.dumps(printed) == json.dumps(json.loads(json_text(list_document(documents))))

    def table(now: datetime, options: TableOptions) -> str:
        return custom_table(documents, kind, now=now, options=options)

    for flags, options in (
        (("--output=wide", "--namespace=kube-system"), TableOptions()),
        (
            ("--show-labels", "--label-columns=example.com/team", "--all-namespaces"),
            TableOptions(labels=True, label_columns=("example.com/team",)),
        ),
    ):
        assert_printed_at_some_time(
            lambda flags=flags: kubectl("get", kind.short_name, *flags),  # type: ignore[misc]
            lambda now, options=options: table(now, options),  # type: ignore[misc]
        )


@pytest.mark.parametrize(
    ("resource", "fields"),
    [
        ("clusternetworkpolicies", {"tier": "Admin", "priority": 7}),
        ("adminnetworkpolicies", {"priority": 7}),
        ("baselineadminnetworkpolicies", {}),
    ],
)
def test_the_yaml_of_a_policy_is_that_of_kubectl(
    experimental_server: ControlPlane, resource: str, fields: dict[str, Any]
) -> None:
    """Annotations are left out: kubectl fails to write control characters as YAML."""
    kind = next(one for one in KINDS if one.plural == resource and one.group == GROUP)
    spec = {"subject": {"namespaces": {"matchLabels": {"a": ""}}}, "ingress": [], **fields}
    policy = {"apiVersion": kind.api_versions[0], "kind": kind.name, "metadata": {"name": "default"}, "spec": spec}
    experimental_server.request("DELETE", path_of(resource))
    assert experimental_server.request("POST", path_of(resource), policy).status == 201
    cluster = Cluster.live(kubeconfig=str(experimental_server.kubeconfig))
    (stored,) = cluster.policies_of(kind.key)
    printed = experimental_server.kubectl("get", kind.short_name, "default", "-o", "yaml").stdout
    # All keys are in their order.
    assert json.dumps(yaml.safe_load(printed)) == json.dumps(yaml.safe_load(yaml_text(cluster.document(stored))))
