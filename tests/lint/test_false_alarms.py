"""False alarms of other linters, from their own issues: here no finding, or only true ones."""

from typing import Any

import pytest
from tests.semantics.judges import cluster_of

Object = dict[str, Any]


def pod(name: str, namespace: str = "shop", **labels: str) -> Object:
    metadata = {"name": name, "namespace": namespace, "labels": {"app": name, **labels}}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": metadata,
        "spec": {"containers": [{"name": "a", "image": "a"}]},
    }


def policy(spec: Object, name: str = "p", namespace: str = "shop") -> Object:
    metadata = {"name": name, "namespace": namespace}
    return {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": metadata, "spec": spec}


def admitting(*peers: Object) -> Object:
    return policy({"podSelector": {}, "ingress": [{"from": list(peers)}]})


CILIUM = {
    "apiVersion": "cilium.io/v2",
    "kind": "CiliumNetworkPolicy",
    "metadata": {"name": "web", "namespace": "shop"},
    "spec": {"endpointSelector": {"matchLabels": {"app": "web"}}, "ingress": [{}]},
}
WEB, API, FRONT = pod("web"), pod("api", tier="back"), pod("front", "front")
OF_FRONT = {"matchLabels": {"kubernetes.io/metadata.name": "front"}}
OF_WEB, OF_API = {"matchLabels": {"app": "web"}}, {"matchLabels": {"app": "api"}}
NOT_API = {"matchExpressions": [{"key": "app", "operator": "NotIn", "values": ["api"]}]}
TWO_LABELS = {"matchLabels": {"app": "api", "tier": "back"}}
DEPLOYMENT = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "web", "namespace": "shop"},
    "spec": {
        "selector": {"matchLabels": {"app": "web"}},
        "template": {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "a", "image": "a"}]}},
    },
}


@pytest.mark.parametrize(
    "objects",
    [
        pytest.param(
            [
                WEB,
                FRONT,
                policy({"podSelector": {}}, namespace="front"),
                policy({"podSelector": {"matchLabels": {"app": "web"}}}),
            ],
            id="checkov #7474: a policy counts in its own namespace",
        ),
        pytest.param([WEB, API, policy({"podSelector": NOT_API})], id="checkov #7668: expressions select"),
        pytest.param(
            [
                WEB,
                API,
                policy(
                    {
                        "podSelector": {"matchLabels": {"app": "web"}},
                        "ingress": [{"from": [{"podSelector": {"matchLabels": {"app": "api"}}}]}],
                    }
                ),
            ],
            id="popeye #311: the rules of a policy need not match its own pods",
        ),
        pytest.param([WEB, admitting({"ipBlock": {"cidr": "203.0.113.0/24"}})], id="popeye #566: an address outside"),
        pytest.param(
            [WEB, FRONT, admitting({"namespaceSelector": OF_FRONT, "podSelector": {"matchLabels": {"app": "front"}}})],
            id="popeye #567 and #116: the pods of the namespace that is meant",
        ),
        pytest.param([WEB, admitting({"namespaceSelector": {}})], id="popeye #202: an empty namespaceSelector"),
        pytest.param([DEPLOYMENT], id="defsec #606: objects that are no policies"),
        pytest.param([WEB, policy({"podSelector": {}, "policyTypes": ["Ingress", "Egress"]})], id="KSV-0038: a deny"),
        pytest.param([API, WEB, policy({"podSelector": TWO_LABELS})], id="polaris: two labels of a pod"),
        pytest.param(
            [WEB, policy({"podSelector": {"matchLabels": {"app": "web"}}})], id="kube-linter #33 and #194: a bare pod"
        ),
        pytest.param(
            [WEB, FRONT, admitting({"podSelector": {}}, {"namespaceSelector": OF_FRONT, "podSelector": {}})],
            id="kube-linter: each peer of a rule by itself",
        ),
        pytest.param([WEB, policy({"podSelector": {}})], id="kube-score #293 and #420: an empty podSelector"),
        pytest.param(
            [policy({"podSelector": {"matchLabels": {"app": "web"}}, "policyTypes": ["Ingress"]})],
            id="KICS #1975 and #3759: the pods are in another file",
        ),
        pytest.param([WEB, policy({"podSelector": {}}, "lock")], id="kyverno: a default deny of any name"),
        pytest.param(
            [WEB, policy({"podSelector": {}, "ingress": [], "egress": [], "policyTypes": ["Ingress", "Egress"]})],
            id="certsuite #1147: a policy that denies all needs no labels",
        ),
    ],
)
def test_what_others_report_by_mistake_is_no_finding(objects: list[Object]) -> None:
    assert cluster_of(objects).lint().found == ()


@pytest.mark.parametrize(
    "objects",
    [
        pytest.param([WEB, CILIUM], id="checkov #7444 and kubescape #1397: a policy of Cilium is a policy"),
        pytest.param([DEPLOYMENT, API, CILIUM], id="popeye #563: its selectors are not taken for others"),
    ],
)
def test_of_a_policy_that_is_not_read_only_that_is_said(objects: list[Object]) -> None:
    assert [one.rule for one in cluster_of(objects).lint().found] == ["RF137"]


def test_without_workloads_the_checks_that_need_them_are_skipped_in_one_line() -> None:
    (skipped,) = cluster_of([policy({"podSelector": {"matchLabels": {"app": "web"}}})]).lint().skipped
    assert "RF101" in skipped.rules
    assert "RF102" in skipped.rules


NOBODY = {"podSelector": {"matchLabels": {"app": "nobody"}}}
NOBODY_IN_FRONT = {**NOBODY, "namespaceSelector": OF_FRONT}


@pytest.mark.parametrize(
    ("objects", "rule", "found"),
    [
        pytest.param(
            [WEB, policy({"podSelector": {}, "policyTypes": ["Egress"]})],
            "RF201",
            ["Pod shop/web"],
            id="kube-linter: a policy of the other direction does not isolate a bare pod",
        ),
        pytest.param(
            [WEB, FRONT, admitting(NOBODY, NOBODY_IN_FRONT, NOBODY)],
            "RF102",
            ["NetworkPolicy shop/p"] * 3,
            id="kube-linter: each peer, also one with a namespaceSelector, and not only the last one",
        ),
        pytest.param(
            [
                WEB,
                policy({"podSelector": {"matchLabels": {"app": "web"}}, "ingress": [{"from": [{"podSelector": {}}]}]}),
            ],
            "RF203",
            ["Namespace shop"],
            id="KSV-0038: a policy with a selector in a rule is no default",
        ),
        pytest.param(
            [WEB, policy({"podSelector": {}, "ingress": [{}]})],
            "RF211",
            ["NetworkPolicy shop/p"],
            id="K8sRequireNamespaceNetworkPolicies: a policy that allows everything protects nothing",
        ),
        pytest.param(
            [WEB, FRONT, policy({"podSelector": {}}, namespace="front")],
            "RF201",
            ["Pod shop/web"],
            id="checkov #7474: a policy for all pods of another namespace",
        ),
    ],
)
def test_what_others_overlook_is_found(objects: list[Object], rule: str, found: list[str]) -> None:
    assert [one.object for one in cluster_of(objects).lint(select=[rule]).found] == found
