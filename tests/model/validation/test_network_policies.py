"""Every check that the API server makes of a policy: the places, the messages and their order."""

import msgspec
import pytest
from hypothesis import given
from tests.model.policy_trees import Tree, policies, written
from tests.model.validation.network_policy_errors import (
    DIRECTIONS,
    KEY_RULE,
    LABEL_RULE,
    SUBDOMAIN_RULE,
    VALUE_RULE,
    at,
    errors_of,
)

from ringfence.model.objects import NetworkPolicy
from ringfence.model.policies import defaulted
from ringfence.model.server_versions import LAST_LENIENT, NEWEST, OLDEST
from ringfence.model.validation import labels, network_policy_errors, network_policy_warnings
from ringfence.model.validation import network_policies as validation


@pytest.mark.parametrize(("direction", "peers"), DIRECTIONS)
@pytest.mark.parametrize(
    ("peer", "complaints"),
    [
        ("{podSelector: {}}", []),
        ("{namespaceSelector: {}}", []),
        ("{podSelector: {}, namespaceSelector: {}}", []),
        ("{ipBlock: {cidr: 10.0.0.0/8}}", []),
        ("{}", [": Required value: must specify a peer"]),
        ("{podSelector: null}", [": Required value: must specify a peer"]),
        (
            "{podSelector: {}, ipBlock: {cidr: 10.0.0.0/8}}",
            [": Forbidden: may not specify both ipBlock and another peer"],
        ),
        (
            "{namespaceSelector: {}, ipBlock: {cidr: 10.0.0.0/8}}",
            [": Forbidden: may not specify both ipBlock and another peer"],
        ),
        (
            "{ipBlock: {}, namespaceSelector: {matchLabels: {n: /}}, podSelector: {matchLabels: {p: /}}}",
            [
                f'podSelector.matchLabels: Invalid value: "/": {VALUE_RULE}',
                f'namespaceSelector.matchLabels: Invalid value: "/": {VALUE_RULE}',
                "ipBlock.cidr: Required value",
                ": Forbidden: may not specify both ipBlock and another peer",
            ],
        ),
    ],
)
def test_peers(peer: str, complaints: list[str], direction: str, peers: str) -> None:
    policy = written(f"{direction}: [{{{peers}: [{peer}]}}]")
    assert errors_of(policy) == at(f"spec.{direction}[0].{peers}[0]", complaints)


@pytest.mark.parametrize(
    ("types", "complaints"),
    [
        ("[Egress, Ingress]", []),
        ("[Ingress, Ingress]", []),
        ("[]", []),
        (
            "[ingress, Egress, '']",
            [': Invalid value: ["ingress","Egress",""]: may not specify more than two policyTypes'],
        ),
        (
            "[ingress, <x>]",
            [
                '[0]: Unsupported value: "ingress": supported values: "Ingress", "Egress"',
                r'[1]: Unsupported value: "\u003cx\u003e": supported values: "Ingress", "Egress"',
            ],
        ),
    ],
)
def test_policy_types(types: str, complaints: list[str]) -> None:
    assert errors_of(written(f"policyTypes: {types}")) == [f"spec.policyTypes{complaint}" for complaint in complaints]


def test_rules_need_not_agree_with_policy_types() -> None:
    assert errors_of(written("{policyTypes: [Ingress], egress: [{}]}")) == []
    assert errors_of(written("{policyTypes: [Egress], ingress: [{}]}")) == []


@pytest.mark.parametrize(
    ("metadata", "complaints"),
    [
        ({"name": "a.policy-1", "namespace": "default"}, []),
        ({"name": "x" * 253}, []),
        ({"generateName": "deny-"}, []),
        ({"name": "p", "annotations": {"Example.COM/Key": "any text: ünï\n"}}, []),
        ({"name": "p", "annotations": {"k": "x" * (256 * 1024 - 1)}}, []),
        ({}, ["name: Required value: name or generateName is required"]),
        ({"name": "My_Policy"}, [f'name: Invalid value: "My_Policy": {SUBDOMAIN_RULE}']),
        ({"name": "x" * 254}, [f'name: Invalid value: "{"x" * 254}": must be no more than 253 characters']),
        ({"generateName": "Deny-"}, [f'generateName: Invalid value: "Deny-": {SUBDOMAIN_RULE}']),
        ({"generateName": "-"}, [f'generateName: Invalid value: "-": {SUBDOMAIN_RULE}']),
        ({"name": "p", "namespace": "a.b"}, ['namespace: Invalid value: "a.b": must not contain dots']),
        ({"name": "p", "namespace": "Prod"}, [f'namespace: Invalid value: "Prod": {LABEL_RULE}']),
        (
            {"name": "p", "namespace": "n" * 64},
            [f'namespace: Invalid value: "{"n" * 64}": must be no more than 63 characters'],
        ),
        ({"name": "p", "labels": {"a": "x y"}}, [f'labels: Invalid value: "x y": {VALUE_RULE}']),
        ({"name": "p", "annotations": {"a b": ""}}, [f'annotations: Invalid value: "a b": name part {KEY_RULE}']),
        (
            {"name": "p", "annotations": {"k": "x" * 256 * 1024}},
            ["annotations: Too long: may not be more than 262144 bytes"],
        ),
        (
            {"annotations": {"": "x"}, "labels": {"a": "/"}, "namespace": "A", "name": "B", "generateName": "C"},
            [
                f'generateName: Invalid value: "C": {SUBDOMAIN_RULE}',
                f'name: Invalid value: "B": {SUBDOMAIN_RULE}',
                f'namespace: Invalid value: "A": {LABEL_RULE}',
                f'labels: Invalid value: "/": {VALUE_RULE}',
                'annotations: Invalid value: "": name part must be non-empty',
                f'annotations: Invalid value: "": name part {KEY_RULE}',
            ],
        ),
    ],
)
def test_metadata(metadata: Tree, complaints: list[str]) -> None:
    policy = msgspec.convert({"metadata": metadata}, NetworkPolicy)
    assert errors_of(defaulted(policy)) == at("metadata", complaints)


def test_errors_come_in_the_order_of_the_api_server() -> None:
    policy = written("""
        podSelector: {matchLabels: {a: /}}
        policyTypes: [ingress]
        egress:
        - to: [{}]
        ingress:
        - from: [{ipBlock: {cidr: x}}, {}]
          ports: [{port: 0}, {endPort: 1}]
        - ports: [{protocol: tcp}]
    """)
    assert [error.path for error in network_policy_errors(policy)] == [
        "spec.podSelector.matchLabels",
        "spec.ingress[0].ports[0].port",
        "spec.ingress[0].ports[1].endPort",
        "spec.ingress[0].from[0].ipBlock.cidr",
        "spec.ingress[0].from[1]",
        "spec.ingress[1].ports[0].protocol",
        "spec.egress[0].to[0]",
        "spec.policyTypes[0]",
    ]


@given(policies)
def test_any_policy_can_be_judged(tree: Tree) -> None:
    policy = defaulted(msgspec.convert(tree, NetworkPolicy))
    strict, lenient = network_policy_errors(policy), network_policy_errors(policy, LAST_LENIENT)
    assert set(lenient) <= set(strict)
    assert len({str(error) for error in strict}) == len(strict)
    assert all(".ipBlock." in warning.path for warning in network_policy_warnings(policy))


@given(tree=policies)
def test_what_is_plainly_valid_has_no_errors(tree: Tree) -> None:
    """The quick tests skip no value that has an error or a warning."""
    policy = defaulted(msgspec.convert(tree, NetworkPolicy))
    for server in (NEWEST, LAST_LENIENT, OLDEST):
        with pytest.MonkeyPatch.context() as patch:
            for name in ("is_plain_port", "is_plain_port_or_range"):
                patch.setattr(validation, name, lambda _: False)
            patch.setattr(validation, "plain_peers", lambda policy, strict_cidrs: lambda _: False)
            patch.setattr(labels, "_MANY", 100)
            patch.setattr(labels, "_is_plain_requirement", lambda _: False)
            expected = network_policy_errors(policy, server)
            patch.undo()
            patch.setattr(labels, "_MANY", -1)
            assert network_policy_errors(policy, server) == expected
