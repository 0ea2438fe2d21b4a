"""Policies written down again: what is left out, and that nothing else is lost on the way back."""

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tests.model.policy_trees import odd_texts, written
from tests.sources.manifests.texts import read, the_policy
from tests.strategies import policies

from ringfence.model.cluster_policies import ClusterPolicy
from ringfence.model.decoding import decode
from ringfence.model.documents import custom_document, document, stored_document, stored_list
from ringfence.model.objects import NetworkPolicy
from ringfence.model.policies import defaulted
from ringfence.model.yaml_text import yaml_lines


def text(tree: dict[str, Any]) -> str:
    return "\n".join(yaml_lines(tree))


@given(policies)
def test_a_policy_that_is_written_down_reads_back_as_it_was(tree: dict[str, Any]) -> None:
    policy = decode(tree)
    assert isinstance(policy, NetworkPolicy)
    policy = defaulted(policy)
    assert defaulted(the_policy(read(text(document(policy))))) == policy


@given(st.dictionaries(odd_texts, odd_texts))
@example({"y": "on", "010": "1e3", "~": "null", "a: b": "- c", "#": "22:22", "=": "", "\x7f": "\x85\u2028\u2029\ufeff"})
@example({"emoji": "\U0001f512", "lines": "one\ntwo\r\n\tthree\0"})
def test_text_stays_text_whatever_it_looks_like(annotations: dict[str, str]) -> None:
    metadata = {"name": "a", "annotations": annotations}
    tree = {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": metadata}
    assert the_policy(read(text(tree))).metadata.annotations == annotations


@pytest.mark.parametrize(
    ("spec", "kept"),
    [
        pytest.param(
            "{podSelector: {}}", {"podSelector": {}, "policyTypes": ["Ingress"]}, id="an empty selector stays"
        ),
        pytest.param(
            "{podSelector: {matchLabels: {app: '', protocol: TCP}}, policyTypes: [Ingress]}",
            {"podSelector": {"matchLabels": {"app": "", "protocol": "TCP"}}, "policyTypes": ["Ingress"]},
            id="labels stay, empty or not",
        ),
        pytest.param(
            "{podSelector: {}, ingress: [{}], egress: []}",
            {"podSelector": {}, "policyTypes": ["Ingress"], "ingress": [{}]},
            id="a rule that allows all stays, a list of none goes",
        ),
        pytest.param(
            "{podSelector: {}, ingress: [{ports: [{port: 80}, {port: 53, protocol: UDP}, {protocol: TCP}]}]}",
            {
                "podSelector": {},
                "policyTypes": ["Ingress"],
                "ingress": [{"ports": [{"port": 80}, {"protocol": "UDP", "port": 53}, {}]}],
            },
            id="TCP is the default",
        ),
    ],
)
def test_defaults_are_left_out(spec: str, kept: dict[str, Any]) -> None:
    assert document(written(spec))["spec"] == kept


@given(policies)
def test_a_policy_that_is_printed_as_kubectl_does_reads_back_as_it_was(tree: dict[str, Any]) -> None:
    policy = decode(tree)
    assert isinstance(policy, NetworkPolicy)
    policy = defaulted(policy)
    assert the_policy(read(text(stored_document(policy)))) == policy


def test_as_kubectl_prints_it_defaults_are_there_and_keys_are_in_alphabetical_order() -> None:
    ports = "{ports: [{port: 32000, endPort: 32768}, {protocol: SCTP}], from: [{podSelector: {}}]}"
    assert text(stored_document(written(f"{{podSelector: {{matchLabels: {{app: db}}}}, ingress: [{ports}]}}"))) == (
        "apiVersion: networking.k8s.io/v1\n"
        "kind: NetworkPolicy\n"
        "metadata:\n"
        "  name: a-policy\n"
        "  namespace: default\n"
        "spec:\n"
        "  ingress:\n"
        "  - from:\n"
        "    - podSelector: {}\n"
        "    ports:\n"
        "    - endPort: 32768\n"
        "      port: 32000\n"
        "      protocol: TCP\n"
        "    - protocol: SCTP\n"
        "  podSelector:\n"
        "    matchLabels:\n"
        "      app: db\n"
        "  policyTypes:\n"
        "  - Ingress"
    )


def test_several_policies_are_a_list() -> None:
    policy = written("{podSelector: {}}")
    found = read(text(stored_list([policy, policy])))
    assert [manifest.object for manifest in found.manifests] == [policy, policy]


def test_a_policy_of_the_whole_cluster_is_printed_without_what_only_servers_read() -> None:
    """kubectl leaves out `managedFields` unless it is asked to show them."""
    metadata = {"name": "a", "uid": "b", "generation": 2, "managedFields": [{"manager": "kubectl"}], "labels": None}
    spec = {"tier": "Admin", "priority": 1, "subject": {"namespaces": {}}}
    tree = {"apiVersion": "policy.networking.k8s.io/v1alpha2", "kind": "ClusterNetworkPolicy", "spec": spec}
    policy = decode({**tree, "metadata": {"name": "a"}})
    assert isinstance(policy, ClusterPolicy)
    printed = custom_document(policy, {**tree, "metadata": metadata})
    assert printed["metadata"] == {"name": "a", "uid": "b", "generation": 2}
    assert printed["spec"] == spec
