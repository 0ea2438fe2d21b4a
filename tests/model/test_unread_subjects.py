"""Which pods the policies of other projects select, and in which directions."""

from collections.abc import Callable
from typing import Any

import pytest

from ringfence.model.unread_policies import UnreadBounds, UnreadSubjects
from ringfence.model.unread_subjects import (
    antrea_applied_to,
    calico_selectors,
    cilium_rules,
    egress_of_namespace,
    inert,
    istio_selector,
    like_network_policy,
    unbounded,
)

Reader = Callable[[Any, str], UnreadBounds]

DB = {"matchLabels": {"app": "db"}}
PROD = {"matchLabels": {"env": "prod"}}


def written(subjects: UnreadSubjects) -> str:
    """The subjects in short: `namespace x, namespaces env=prod, pods app=db, host network`."""
    parts = [f"namespace {subjects.namespace}"] if subjects.namespace else []
    parts += [f"namespaces {subjects.namespaces}"] if subjects.namespaces.terms else []
    parts += [f"pods {subjects.pods}"] if subjects.pods.terms else []
    parts += {True: ["host network"], None: ["any network"]}.get(subjects.host_network, [])
    return ", ".join(parts) or "all pods"


def bounds(reader: Reader, namespace: str, spec: Any, **more: Any) -> dict[str, list[str]]:
    """The subjects of a policy by direction, without directions that have none."""
    found = reader({"spec": spec, **more}, namespace)
    return {str(direction): list(map(written, of)) for direction, of in found.subjects.items() if of}


def test_a_staged_policy_changes_nothing() -> None:
    assert bounds(inert, "x", {"selector": "all()", "ingress": [{}]}) == {}


def test_an_unknown_selection_is_every_pod_of_the_scope_in_both_directions() -> None:
    everyone = unbounded("x")
    assert not everyone.is_selection_known
    assert {written(one) for subjects in everyone.subjects.values() for one in subjects} == {"namespace x, any network"}
    assert [str(direction) for direction in everyone.subjects] == ["Ingress", "Egress"]
    assert [written(one) for one in unbounded("").subjects[next(iter(everyone.subjects))]] == ["any network"]


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({"podSelector": DB}, {"Ingress": ["namespace x, pods app=db"]}),
        ({"podSelector": {}, "policyTypes": ["Egress"]}, {"Egress": ["namespace x"]}),
        ({"egress": [{}]}, {"Ingress": ["namespace x"], "Egress": ["namespace x"]}),
        ({"podSelector": None, "egress": None, "policyTypes": None}, {"Ingress": ["namespace x"]}),
    ],
)
def test_a_spec_like_that_of_a_network_policy(spec: Any, expected: Any) -> None:
    assert bounds(like_network_policy, "x", spec) == expected


class TestCilium:
    """Deny lists isolate as well as allow lists do."""

    @pytest.mark.parametrize(
        ("rule", "directions"),
        [
            ({"ingress": [{}]}, ["Ingress"]),
            ({"ingressDeny": [{}]}, ["Ingress"]),
            ({"egress": [{}]}, ["Egress"]),
            ({"egressDeny": [{}]}, ["Egress"]),
            ({"enableDefaultDeny": {"ingress": True}}, ["Ingress"]),
            ({"enableDefaultDeny": {"egress": True}}, ["Egress"]),
            ({"enableDefaultDeny": {"egress": False}, "egress": [{}]}, ["Egress"]),
            ({"ingress": [], "egress": None}, []),
        ],
    )
    def test_directions_are_those_with_a_list(self, rule: Any, directions: list[str]) -> None:
        found = bounds(cilium_rules, "x", {"endpointSelector": DB, **rule})
        assert found == {direction: ["namespace x, pods app=db"] for direction in directions}

    @pytest.mark.parametrize(
        ("labels", "expected"),
        [
            ({"k8s:app": "db", "any:tier": "a"}, "pods tier=a,app=db"),
            ({"io.kubernetes.pod.namespace": "prod"}, "namespaces kubernetes.io/metadata.name=prod"),
            ({"k8s:io.cilium.k8s.namespace.labels.env": "prod"}, "namespaces env=prod"),
            ({"io.cilium.k8s.policy.serviceaccount": "a", "app": "db"}, "pods app=db"),
            ({"io.cilium.k8s.policy.cluster": "a"}, "all pods"),
            ({"reserved:health": ""}, "all pods"),
            ({"example.com/app": "db"}, "pods example.com/app=db"),
        ],
    )
    def test_keys_have_sources_and_may_be_about_namespaces(self, labels: Any, expected: str) -> None:
        rule = {"endpointSelector": {"matchLabels": labels}, "ingress": [{}]}
        assert bounds(cilium_rules, "", rule) == {"Ingress": [expected]}

    def test_a_node_selector_selects_pods_with_the_nodes_network(self) -> None:
        assert bounds(cilium_rules, "", {"nodeSelector": {}, "ingress": [{}]}) == {"Ingress": ["host network"]}

    def test_all_rules_count(self) -> None:
        rules = [{"endpointSelector": DB, "egress": [{}]}, {"endpointSelector": PROD, "egress": [{}]}]
        assert bounds(cilium_rules, "x", {"endpointSelector": {}, "ingress": [{}]}, specs=rules) == {
            "Ingress": ["namespace x"],
            "Egress": ["namespace x, pods app=db", "namespace x, pods env=prod"],
        }

    def test_a_rule_without_a_selector_is_an_error(self) -> None:
        with pytest.raises(ValueError, match="endpoints or nodes"):
            bounds(cilium_rules, "x", {"ingress": [{}]})


class TestCalico:
    """Without `types`, egress rules alone do not make a policy about ingress, as they do in a NetworkPolicy."""

    @pytest.mark.parametrize(
        ("spec", "directions"),
        [
            ({}, ["Ingress"]),
            ({"ingress": [{}]}, ["Ingress"]),
            ({"egress": [{}]}, ["Egress"]),
            ({"ingress": [{}], "egress": [{}]}, ["Ingress", "Egress"]),
            ({"types": ["Egress"], "ingress": [{}]}, ["Egress"]),
        ],
    )
    def test_directions(self, spec: Any, directions: list[str]) -> None:
        assert bounds(calico_selectors, "x", spec) == {direction: ["namespace x"] for direction in directions}

    @pytest.mark.parametrize(
        ("selectors", "expected"),
        [
            ({"selector": "app == 'db'", "namespaceSelector": "env == 'prod'"}, "namespaces env=prod, pods app=db"),
            ({"namespaceSelector": "projectcalico.org/name == 'a'"}, "namespaces kubernetes.io/metadata.name=a"),
            (
                {"selector": "projectcalico.org/namespace == 'a'", "namespaceSelector": "all()"},
                "namespaces kubernetes.io/metadata.name=a",
            ),
            ({"selector": "pcns.env == 'prod'", "namespaceSelector": "has(a)"}, "namespaces env=prod,a"),
            ({"selector": "pcsa.a == 'b' && has(c)", "namespaceSelector": "has(a)"}, "namespaces a, pods c"),
            ({"selector": "projectcalico.org/orchestrator == 'k8s'", "namespaceSelector": "has(a)"}, "namespaces a"),
        ],
    )
    def test_the_selectors_of_a_global_policy(self, selectors: Any, expected: str) -> None:
        assert bounds(calico_selectors, "", selectors) == {"Ingress": [expected]}

    def test_a_global_policy_without_a_namespace_selector_selects_host_endpoints_too(self) -> None:
        assert bounds(calico_selectors, "", {"selector": "app == 'db'"}) == {"Ingress": ["pods app=db", "host network"]}

    @pytest.mark.parametrize("field", ["applyOnForward", "doNotTrack", "preDNAT"])
    def test_forwarded_traffic_may_be_of_any_pod(self, field: str) -> None:
        assert not calico_selectors({"spec": {"selector": "app == 'db'", field: True}}, "").is_selection_known


class TestAntrea:
    """`appliedTo` stands at the policy or at each rule."""

    @pytest.mark.parametrize(
        ("entry", "expected"),
        [
            ({"podSelector": DB}, ["pods app=db"]),
            ({"namespaceSelector": PROD}, ["namespaces env=prod"]),
            ({"podSelector": DB, "namespaceSelector": PROD}, ["namespaces env=prod, pods app=db"]),
            ({"nodeSelector": {}}, ["host network"]),
        ],
    )
    def test_an_entry_selects_pods_or_nodes(self, entry: Any, expected: list[str]) -> None:
        assert bounds(antrea_applied_to, "", {"appliedTo": [entry], "ingress": [{}]}) == {"Ingress": expected}

    def test_external_entities_are_not_pods(self) -> None:
        spec = {"appliedTo": [{"externalEntitySelector": {}}], "ingress": [{}]}
        assert bounds(antrea_applied_to, "x", spec) == {}

    def test_each_rule_may_have_entries_of_its_own(self) -> None:
        spec = {"ingress": [{"appliedTo": [{"podSelector": DB}]}], "egress": [{"appliedTo": [{"podSelector": PROD}]}]}
        assert bounds(antrea_applied_to, "x", spec) == {
            "Ingress": ["namespace x, pods app=db"],
            "Egress": ["namespace x, pods env=prod"],
        }

    @pytest.mark.parametrize("field", ["group", "service", "serviceAccount"])
    def test_whom_another_object_stands_for_is_unknown(self, field: str) -> None:
        with pytest.raises(ValueError, match="group"):
            bounds(antrea_applied_to, "", {"appliedTo": [{field: {"name": "a"}}], "egress": [{}]})


def test_an_egress_firewall_is_about_the_egress_of_its_namespace() -> None:
    assert bounds(egress_of_namespace, "x", {"egress": [{"type": "Deny"}]}) == {"Egress": ["namespace x"]}
    assert bounds(egress_of_namespace, "x", {"egress": []}) == {}


class TestIstio:
    """The proxy at the destination decides, so only ingress is in doubt."""

    @pytest.mark.parametrize(
        ("namespace", "spec", "expected"),
        [
            ("x", {}, {"Ingress": ["namespace x"]}),
            ("x", {"selector": DB, "action": "DENY"}, {"Ingress": ["namespace x, pods app=db"]}),
            ("istio-system", {}, {"Ingress": ["all pods"]}),
            ("x", {"action": "AUDIT"}, {}),
            ("x", {"targetRefs": [{"kind": "Service", "name": "a"}]}, {"Ingress": ["namespace x, any network"]}),
            ("x", {"targetRef": {"kind": "Gateway", "name": "a"}}, {"Ingress": ["namespace x, any network"]}),
        ],
    )
    def test_whom_a_policy_selects(self, namespace: str, spec: Any, expected: Any) -> None:
        assert bounds(istio_selector, namespace, spec) == expected

    def test_a_policy_without_a_spec_allows_nothing(self) -> None:
        assert list(map(str, istio_selector({}, "x").subjects)) == ["Ingress"]
