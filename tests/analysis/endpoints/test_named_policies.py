"""Policies by the text that people name them with."""

import pytest
from tests.cluster_policy_strategies import GROUP
from tests.semantics.judges import cluster_of
from tests.semantics.objects import Object, policy

from ringfence.analysis.endpoints import named_policy, policy_names
from ringfence.errors import InputError


def of_cluster(kind: str, name: str, group: str = GROUP, version: str = "v1alpha1") -> Object:
    tier = {"tier": "Admin"} if kind == "ClusterNetworkPolicy" else {}
    priority = {} if kind == "BaselineAdminNetworkPolicy" else {"priority": 1}
    spec = {"subject": {"namespaces": {}}, **tier, **priority}
    return {"apiVersion": f"{group}/{version}", "kind": kind, "metadata": {"name": name}, "spec": spec}


STATE = cluster_of(
    [
        policy("prod/p"),
        policy("cnp/p"),
        policy("cnp/guard"),
        of_cluster("ClusterNetworkPolicy", "guard", version="v1alpha2"),
        of_cluster("ClusterNetworkPolicy", "both", version="v1alpha2"),
        of_cluster("ClusterNetworkPolicy", "both", "networking.k8s.aws"),
        of_cluster("AdminNetworkPolicy", "guard"),
        of_cluster("BaselineAdminNetworkPolicy", "default"),
    ]
).state


@pytest.mark.parametrize(
    ("text", "kind", "namespace"),
    [
        pytest.param("prod/p", "NetworkPolicy", "prod", id="of a namespace"),
        pytest.param("p", "NetworkPolicy", "prod", id="of the namespace in question"),
        pytest.param("cnp/p", "NetworkPolicy", "cnp", id="of a namespace that is called as a kind"),
        pytest.param("cnp/guard", "ClusterNetworkPolicy.policy.networking.k8s.io", "", id="of a kind first"),
        pytest.param("anp/guard", "AdminNetworkPolicy.policy.networking.k8s.io", "", id="of another kind"),
        pytest.param("banp/default", "BaselineAdminNetworkPolicy.policy.networking.k8s.io", "", id="the baseline"),
        pytest.param(
            "clusternetworkpolicies.networking.k8s.aws/both", "ClusterNetworkPolicy.networking.k8s.aws", "", id="of AWS"
        ),
    ],
)
def test_the_policy_that_a_text_names(text: str, kind: str, namespace: str) -> None:
    found = named_policy(STATE, text, "prod")
    assert (found.kind, found.namespace, found.name) == (kind, namespace, text.rpartition("/")[2])


def test_a_text_that_names_two_is_refused() -> None:
    both = (
        "cnp/both: there are several policies of this name: use clusternetworkpolicies.policy.networking.k8s.io/both "
        "or clusternetworkpolicies.networking.k8s.aws/both"
    )
    with pytest.raises(InputError, match=f"^{both}$"):
        named_policy(STATE, "cnp/both", "prod")


def test_all_policies_have_such_a_text() -> None:
    assert sorted(policy_names(STATE)) == [
        "anp/guard", "banp/default", "cnp/both", "cnp/both", "cnp/guard", "cnp/guard", "cnp/p", "prod/p",
    ]  # fmt: skip
